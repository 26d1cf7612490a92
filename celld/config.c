/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Configuration objects: names of their enums, defaults, CPU sets, freeing.
 */
#include <ctype.h>
#include <limits.h>
#include <math.h>

#include "config-origin.h"

static const char *const config_arch_table[CONFIG_ARCH_MAX] = {
	[CONFIG_ARCH_X86] = "x86",
	[CONFIG_ARCH_ARM] = "arm",
	[CONFIG_ARCH_ARM64] = "arm64",
};

DEFINE_STRING_TABLE(config_arch, ConfigArch)

static const char *const restart_policy_table[RESTART_POLICY_MAX] = {
	[RESTART_NO] = "no",
	[RESTART_ON_FAILURE] = "on-failure",
	[RESTART_ON_WATCHDOG] = "on-watchdog",
	[RESTART_ALWAYS] = "always",
};

DEFINE_STRING_TABLE(restart_policy, RestartPolicy)

static const char *const failure_action_table[FAILURE_ACTION_MAX] = {
	[FAILURE_ACTION_NONE] = "none",
	[FAILURE_ACTION_STOP] = "stop",
	[FAILURE_ACTION_FAIL_UNIT] = "fail-unit",
	[FAILURE_ACTION_REBOOT] = "reboot",
};

DEFINE_STRING_TABLE(failure_action, FailureAction)

bool cpu_set_has(const CpuSet *set, unsigned cpu)
{
	return cpu / 8 < set->size_bytes && (set->bits[cpu / 8] >> cpu % 8 & 1);
}

unsigned cpu_set_next(const CpuSet *set, unsigned cpu)
{
	for (; cpu / 8 < set->size_bytes; cpu++)
		if (cpu_set_has(set, cpu))
			return cpu;
	return UINT_MAX;
}

unsigned cpu_set_count(const CpuSet *set)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < set->size_bytes; i++)
		n += (unsigned)__builtin_popcount(set->bits[i]);
	return n;
}

char *cpu_set_to_string(const CpuSet *set)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	const char *comma = "";

	if (!f)
		return NULL;
	for (unsigned last, first = cpu_set_next(set, 0); first != UINT_MAX; first = cpu_set_next(set, last + 1)) {
		for (last = first; cpu_set_has(set, last + 1); last++)
			;
		fprintf(f, last > first ? "%s%u-%u" : "%s%u", comma, first, last);
		comma = ",";
	}
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}

bool cell_name_is_valid(const char *name)
{
	size_t n = strlen(name);

	if (n < 1 || n > CONFIG_CELL_NAME_MAX || !isalnum((unsigned char)name[0]))
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] > 127 || (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i])))
			return false;
	return true;
}

const SupervisionPolicy supervision_policy_defaults = {
	.restart = RESTART_ON_FAILURE,
	.restart_usec = 10 * USEC_PER_MSEC,
	.restart_max_usec = 5 * USEC_PER_SEC,
	.restart_steps = 5,
	.start_limit_interval_usec = 10 * USEC_PER_SEC,
	.start_limit_burst = 5,
	.startup_timeout_usec = 5 * USEC_PER_SEC,
	.shutdown_timeout_usec = USEC_PER_SEC,
	.on_failure = FAILURE_ACTION_FAIL_UNIT,
};

void supervision_policy_init(SupervisionPolicy *policy)
{
	*policy = supervision_policy_defaults;
}

uint64_t supervision_restart_delay(const SupervisionPolicy *policy, unsigned attempt)
{
	uint64_t first = policy->restart_usec, longest = policy->restart_max_usec;
	double factor;

	if (policy->restart_steps == 0 || longest <= first)
		return first;
	if (attempt >= policy->restart_steps)
		return longest;
	/* a first delay of 0 has nothing to multiply: grow from one microsecond */
	factor = pow((double)longest / (double)MAX(first, 1U), (double)attempt / policy->restart_steps);
	return attempt == 0 ? first : MIN(longest, (uint64_t)((double)MAX(first, 1U) * factor));
}

const char *cell_config_command_line(const CellConfig *config, bool fallback)
{
	return fallback && config->fallback.command_line ? config->fallback.command_line : config->program.command_line;
}

const CellImage *cell_program_linux(const CellProgram *program)
{
	for (size_t i = 0; i < program->n_images; i++)
		if (program->images[i].type == CELL_IMAGE_LINUX)
			return &program->images[i];
	return NULL;
}

const char *cell_config_path(const CellConfig *config)
{
	return config_origin_path(config->origin);
}

const char *system_config_path(const SystemConfig *config)
{
	return config_origin_path(config->origin);
}

static void cell_program_done(CellProgram *program)
{
	for (size_t i = 0; i < program->n_images; i++) {
		free(program->images[i].path);
		free(program->images[i].string);
		free(program->images[i].sha256);
		free(program->images[i].initrd);
		free(program->images[i].initrd_sha256);
		free(program->images[i].loader);
	}
	free(program->images);
	free(program->command_line);
}

static void cell_config_done(CellConfig *config)
{
	cell_program_done(&config->program);
	cell_program_done(&config->fallback);
	free(config->memory);
	free(config->caches);
	free(config->irqchips);
	free(config->ports);
	free(config->pci_devices);
	free(config->pci_caps);
	free(config->stream_ids);
	free(config->reserved.trailer);
	free(config->cpus.bits);
	free(config->name);
}

CellConfig *cell_config_free(CellConfig *config)
{
	if (!config)
		return NULL;
	cell_config_done(config);
	config_origin_free(config->origin);
	free(config);
	return NULL;
}

SystemConfig *system_config_free(SystemConfig *config)
{
	if (!config)
		return NULL;
	cell_config_done(&config->root);
	config_origin_free(config->origin);
	free(config);
	return NULL;
}
