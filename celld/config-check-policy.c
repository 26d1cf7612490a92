/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does a configuration make sense? Rules about images and supervision.
 */
#include <inttypes.h>

#include "config-check.h"
#include "linux-image.h"

#define LINUX_COMM_ADDRESS 0x100000ULL /**< where its loader looks */

/** Clocks of inmates and our sampling are coarser than this. */
#define HEARTBEAT_INTERVAL_MIN_USEC USEC_PER_MSEC
#define HEARTBEAT_TIMEOUT_MIN_USEC (10 * USEC_PER_MSEC)

/** Longer is no supervision, and far enough from where sums of times overflow. */
#define HEARTBEAT_TIMEOUT_MAX_USEC (24 * 3600 * USEC_PER_SEC)

/** The kernel module takes the deadline as 20 bits of milliseconds. */
#define SHUTDOWN_TIMEOUT_MAX_USEC (0xfffffULL * USEC_PER_MSEC)

/** image_region - the region where an image may be loaded, NULL if there is none */
static const MemoryRegion *image_region(const CellConfig *cell, uint64_t address)
{
	for (size_t i = 0; i < cell->n_memory; i++) {
		const MemoryRegion *region = &cell->memory[i];

		if (region->size > 0 && region->flags & MEMORY_LOADABLE && region->flags & MEMORY_WRITE &&
		    range_contains(memory_virt(region), (Range){ address, address }))
			return region;
	}
	return NULL;
}

uint64_t cell_config_room(const CellConfig *cell, uint64_t address)
{
	const MemoryRegion *region = image_region(cell, address);

	return region ? memory_virt(region).last - address + 1 : 0;
}

/** check_address - may it be loaded there? @text: what is loaded, NULL for a file, whose size is not known */
static void check_address(const Checker *checker, const char *key, uint64_t address, const char *text)
{
	const CellConfig *cell = checker->cell;
	const MemoryRegion *region = image_region(cell, address);

	if (!region)
		check_report(checker, CONFIG_ERROR, key,
			     "address 0x%" PRIx64 " lies in no region with \"loadable\" and \"write\"", address);
	else if (text && strlen(text) >= cell_config_room(cell, address))
		check_report(checker, CONFIG_ERROR, key, "%zu bytes do not fit between 0x%" PRIx64 " and the end of %s",
			     strlen(text) + 1, address,
			     PARTY(checker, cell, KEY("memory[%zu]", (size_t)(region - cell->memory))));
}

static bool lies_at(const CellImage *image, uint64_t address)
{
	return image->address == address || (image->type == CELL_IMAGE_LINUX && address < LINUX_LOADER_END);
}

/** check_overlap - what @key puts at @address, against the first @n_images of a program, whose key is @images */
static void check_overlap(const Checker *checker, const char *key, uint64_t address, const CellProgram *program,
			  size_t n_images, const char *images)
{
	for (size_t i = 0; i < n_images; i++)
		if (lies_at(&program->images[i], address))
			check_report(checker, CONFIG_ERROR, key, "is loaded over %s",
				     PARTY(checker, checker->cell, KEY("%s[%zu]", images, i)));
}

static void check_path(const Checker *checker, const char *image, const char *key, const char *path)
{
	if (path && path[0] != '/')
		check_report(checker, CONFIG_ERROR, KEY("%s.%s", image, key), "\"%s\" is not an absolute path", path);
}

/** check_linux_memory - what does not depend on the kernel, which is not read here */
static void check_linux_memory(const Checker *checker, const char *key)
{
	const CellConfig *cell = checker->cell;
	const MemoryRegion *low = image_region(cell, 0), *comm = memory_find_comm(cell);

	if (low && (!memory_is_linux_ram(low) || cell_config_room(cell, 0) < LINUX_LOADER_END))
		check_report(checker, CONFIG_ERROR, key,
			     "Linux needs %s of RAM (\"read\", \"write\", \"execute\", \"dma\") at 0, not %s",
			     FORMAT_SIZE(LINUX_LOADER_END),
			     PARTY(checker, cell, KEY("memory[%zu]", (size_t)(low - cell->memory))));
	if (!comm || comm->virt_start != LINUX_COMM_ADDRESS)
		check_report(checker, CONFIG_ERROR, key, "Linux needs a \"comm-region\" at 0x%llx", LINUX_COMM_ADDRESS);
}

static void check_linux(const Checker *checker, const char *key, const CellImage *image)
{
	const CellConfig *cell = checker->cell;

	check_path(checker, key, "initrd", image->initrd);
	check_path(checker, key, "loader", image->loader);
	if (cell->arch != CONFIG_ARCH_X86)
		check_report(checker, CONFIG_ERROR, key, "Linux is for architecture x86");
	if (cell->cpu_reset_address != 0)
		check_report(checker, CONFIG_ERROR, "cpu_reset_address", "must be 0, where the loader of Linux is");
	if (!(cell->flags & CELL_CONFIG_PASSIVE_COMMREG))
		check_report(checker, CONFIG_WARNING, key,
			     "Linux answers no messages, so each stop takes ShutdownTimeoutUSec; set the flag "
			     "\"passive-comm-region\"");
	check_linux_memory(checker, key);
}

static void check_program(const Checker *checker, const CellProgram *program, const char *images,
			  const char *command_line)
{
	for (size_t i = 0; i < program->n_images; i++) {
		const CellImage *image = &program->images[i];
		const char *key = KEY("%s[%zu]", images, i);

		check_path(checker, key, "path", image->path);
		check_address(checker, key, image->address, image->string);
		check_overlap(checker, key, image->address, program, i, images);
		if (image->type == CELL_IMAGE_LINUX)
			check_linux(checker, key, image);
	}
	if (program->command_line && !cell_program_linux(program))
		check_address(checker, command_line, CONFIG_COMMAND_LINE_ADDRESS, program->command_line);
}

/** check_command_line - @line, which @key says, against the images of its program; Linux has a place for it */
static void check_command_line(const Checker *checker, const char *key, const char *line, const CellProgram *program,
			       const char *images)
{
	if (!line)
		return;
	if (!cell_program_linux(program))
		check_overlap(checker, key, CONFIG_COMMAND_LINE_ADDRESS, program, program->n_images, images);
	else if (strlen(line) > LINUX_COMMAND_LINE_MAX_BYTES)
		check_report(checker, CONFIG_ERROR, key, "%zu bytes are too many for Linux, the most is %u",
			     strlen(line), LINUX_COMMAND_LINE_MAX_BYTES);
}

void check_images(const Checker *checker)
{
	const CellProgram *program = &checker->cell->program, *fallback = &checker->cell->fallback;
	static const char line[] = "command_line", fallback_line[] = "fallback_command_line";

	if (program->n_images == 0 && !program->command_line)
		check_report(checker, CONFIG_WARNING, "", "no images, so there is nothing to run");
	check_program(checker, program, "images", line);
	check_program(checker, fallback, "fallback_images", fallback_line);
	check_command_line(checker, line, program->command_line, program, "images");
	check_command_line(checker, fallback->command_line ? fallback_line : line,
			   cell_config_command_line(checker->cell, true), fallback, "fallback_images");
	if (fallback->command_line && fallback->n_images == 0)
		check_report(checker, CONFIG_ERROR, fallback_line, "belongs to fallback_images");
}

static void check_heartbeat(const Checker *checker)
{
	const SupervisionPolicy *policy = &checker->cell->supervision;
	uint64_t interval = policy->heartbeat_interval_usec, timeout = policy->heartbeat_timeout_usec;
	uint64_t startup = policy->startup_timeout_usec;
	const MemoryRegion *comm = memory_find_comm(checker->cell);
	static const char timeout_key[] = "supervision.HeartbeatTimeoutUSec";

	if (interval > 0 && interval < HEARTBEAT_INTERVAL_MIN_USEC)
		check_report(checker, CONFIG_ERROR, "supervision.HeartbeatIntervalUSec", "%s is less than 1ms",
			     FORMAT_USEC(interval));
	if (timeout == 0) {
		if (interval > 0)
			check_report(checker, CONFIG_ERROR, "supervision.HeartbeatIntervalUSec",
				     "without HeartbeatTimeoutUSec nobody waits for the beat");
		if (policy->restart == RESTART_ON_WATCHDOG)
			check_report(checker, CONFIG_ERROR, "supervision.Restart",
				     "\"on-watchdog\" needs HeartbeatTimeoutUSec");
		return;
	}
	if (timeout == USEC_INFINITY)
		check_report(checker, CONFIG_ERROR, timeout_key,
			     "is \"infinity\"; leave it out to do without heartbeats");
	else if (timeout > HEARTBEAT_TIMEOUT_MAX_USEC)
		check_report(checker, CONFIG_ERROR, timeout_key, "%s is more than 1d", FORMAT_USEC(timeout));
	if (timeout < HEARTBEAT_TIMEOUT_MIN_USEC)
		check_report(checker, CONFIG_ERROR, timeout_key, "%s is less than 10ms", FORMAT_USEC(timeout));
	if (timeout <= interval)
		check_report(checker, CONFIG_ERROR, timeout_key, "%s is not longer than HeartbeatIntervalUSec, %s",
			     FORMAT_USEC(timeout), FORMAT_USEC(interval));
	else if (timeout / 2 < interval)
		check_report(checker, CONFIG_WARNING, timeout_key, "%s allows no missed beat of %s",
			     FORMAT_USEC(timeout), FORMAT_USEC(interval));
	if (startup > 0 && startup < HEARTBEAT_TIMEOUT_MIN_USEC)
		check_report(checker, CONFIG_ERROR, "supervision.StartupTimeoutUSec", "%s is less than 10ms",
			     FORMAT_USEC(startup));
	if (!comm || !(comm->flags & MEMORY_WRITE))
		check_report(checker, CONFIG_ERROR, timeout_key,
			     "heartbeats need a region with \"comm-region\" and \"write\"");
}

/** check_fallback - is it ever used, and can it be? */
static void check_fallback(const Checker *checker)
{
	static const char key[] = "supervision.FallbackAfterFailures";
	const SupervisionPolicy *policy = &checker->cell->supervision;
	uint32_t failures = policy->fallback_after_failures;
	bool has_images = checker->cell->fallback.n_images > 0;

	if (has_images && failures == 0)
		check_report(checker, CONFIG_ERROR, "fallback_images",
			     "without FallbackAfterFailures nobody starts them");
	if (failures == 0)
		return;
	if (!has_images)
		check_report(checker, CONFIG_ERROR, key, "there are no fallback_images");
	if (policy->restart == RESTART_NO)
		check_report(checker, CONFIG_ERROR, key, "with Restart \"no\" there is no second start");
	else if (policy->start_limit_interval_usec > 0 && policy->start_limit_burst <= failures)
		check_report(checker, CONFIG_WARNING, key,
			     "failures in quick succession reach StartLimitBurst, %u, before that",
			     policy->start_limit_burst);
}

void check_supervision(const Checker *checker)
{
	const SupervisionPolicy *policy = &checker->cell->supervision;

	check_heartbeat(checker);
	check_fallback(checker);
	if (policy->restart_usec == USEC_INFINITY)
		check_report(checker, CONFIG_ERROR, "supervision.RestartUSec", "is \"infinity\"; use Restart \"no\"");
	if (policy->restart_steps > 0 && policy->restart_max_usec < policy->restart_usec)
		check_report(checker, CONFIG_ERROR, "supervision.RestartMaxUSec", "%s is less than RestartUSec, %s",
			     FORMAT_USEC(policy->restart_max_usec), FORMAT_USEC(policy->restart_usec));
	if (policy->restart_steps > 0 && policy->restart_max_usec == USEC_INFINITY)
		check_report(checker, CONFIG_ERROR, "supervision.RestartMaxUSec", "is \"infinity\"");
	if (policy->start_limit_interval_usec > 0 && policy->start_limit_burst == 0)
		check_report(checker, CONFIG_ERROR, "supervision.StartLimitBurst",
			     "0 allows no start at all; set StartLimitIntervalUSec to 0 for no limit");
	if (policy->shutdown_timeout_usec < USEC_PER_MSEC || policy->shutdown_timeout_usec > SHUTDOWN_TIMEOUT_MAX_USEC)
		check_report(checker, CONFIG_ERROR, "supervision.ShutdownTimeoutUSec", "%s is not between 1ms and %s",
			     FORMAT_USEC(policy->shutdown_timeout_usec), FORMAT_USEC(SHUTDOWN_TIMEOUT_MAX_USEC));
}
