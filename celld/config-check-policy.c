/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does a configuration make sense? Rules about images and supervision.
 */
#include <inttypes.h>

#include "config-check.h"

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

static void check_image(const Checker *checker, size_t i)
{
	const CellConfig *cell = checker->cell;
	const CellImage *image = &cell->images[i];
	const char *key = image->is_command_line ? "command_line" : KEY("images[%zu]", i);
	const MemoryRegion *region = image_region(cell, image->address);

	if (image->path && image->path[0] != '/')
		check_report(checker, CONFIG_ERROR, KEY("images[%zu].path", i), "\"%s\" is not an absolute path",
			     image->path);
	if (!region)
		check_report(checker, CONFIG_ERROR, key,
			     "address 0x%" PRIx64 " lies in no region with \"loadable\" and \"write\"", image->address);
	else if (image->string && strlen(image->string) > memory_virt(region).last - image->address)
		check_report(checker, CONFIG_ERROR, key, "%zu bytes do not fit between 0x%" PRIx64 " and the end of %s",
			     strlen(image->string) + 1, image->address,
			     PARTY(checker, cell, KEY("memory[%zu]", (size_t)(region - cell->memory))));
	for (size_t j = 0; j < i; j++)
		if (cell->images[j].address == image->address)
			check_report(checker, CONFIG_ERROR, key, "is loaded over %s",
				     PARTY(checker, cell, KEY("images[%zu]", j)));
}

void check_images(const Checker *checker)
{
	if (checker->cell->n_images == 0)
		check_report(checker, CONFIG_WARNING, "", "no images, so there is nothing to run");
	for (size_t i = 0; i < checker->cell->n_images; i++)
		check_image(checker, i);
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

void check_supervision(const Checker *checker)
{
	const SupervisionPolicy *policy = &checker->cell->supervision;

	check_heartbeat(checker);
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
