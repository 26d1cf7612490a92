/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does a configuration make sense? Entry points, the words of the messages, and rules about names, CPUs and flags.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>

#include "config-check.h"

Range range_make(uint64_t first, uint64_t size)
{
	uint64_t last;

	if (__builtin_add_overflow(first, size - 1, &last))
		last = UINT64_MAX;
	return (Range){ first, last };
}

RangeText range_text(Range range)
{
	RangeText text;

	snprintf(text.text, sizeof(text.text), "0x%" PRIx64 "-0x%" PRIx64, range.first, range.last);
	return text;
}

const char *check_key(char buf[static 64], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(buf, 64, format, args);
	va_end(args);
	return buf;
}

static void report(const Checker *checker, const ConfigOrigin *origin, ConfigSeverity severity, const char *prefix,
		   const char *key, const char *format, va_list args)
{
	char full[96];
	_cleanup_free_ char *message = NULL;

	snprintf(full, sizeof(full), "%s%s", prefix, key);
	if (vasprintf(&message, format, args) < 0)
		message = NULL;
	config_problem_add(checker->problems, severity, config_origin_path(origin), config_origin_line(origin, full),
			   full, "%s", message ? message : format);
}

void check_report(const Checker *checker, ConfigSeverity severity, const char *key, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	report(checker, checker->cell->origin, severity, checker->cell->prefix, key, format, args);
	va_end(args);
}

void check_system_report(const Checker *checker, ConfigSeverity severity, const char *key, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	report(checker, checker->system->origin, severity, "", key, format, args);
	va_end(args);
}

/** party - @key within @origin, "of" something; file and line where they are known and not those of the checked cell */
static PartyText party(const Checker *checker, const ConfigOrigin *origin, const char *key, const char *of)
{
	const char *path = config_origin_path(origin);
	unsigned line = config_origin_line(origin, key);
	PartyText text;
	char place[160] = "";

	if (path && line && origin != checker->cell->origin)
		snprintf(place, sizeof(place), " (%s:%u)", path, line);
	else if (line)
		snprintf(place, sizeof(place), " (line %u)", line);
	snprintf(text.text, sizeof(text.text), "%s%s%s", key, of, place);
	return text;
}

PartyText check_party(const Checker *checker, const CellConfig *other, const char *key)
{
	char full[96], of[64] = "";

	snprintf(full, sizeof(full), "%s%s", other->prefix, key);
	if (other != checker->cell && isempty(other->prefix))
		snprintf(of, sizeof(of), " of cell \"%s\"", other->name);
	return party(checker, other->origin, full, of);
}

PartyText check_system_party(const Checker *checker, const char *key)
{
	return party(checker, checker->system->origin, key, "");
}

static void check_name(const Checker *checker)
{
	const CellConfig *cell = checker->cell;

	if (!cell_name_is_valid(cell->name))
		check_report(checker, CONFIG_ERROR, "name",
			     "\"%s\" is not a cell name: 1 to %u of A-Z a-z 0-9 . _ -, the first a letter or digit",
			     cell->name, CONFIG_CELL_NAME_MAX);
	if (!checker->is_root && checker->system && streq(cell->name, checker->system->root.name))
		check_report(checker, CONFIG_ERROR, "name", "is the name of the root cell, %s",
			     SYSTEM_PARTY(checker, "root_cell.name"));
}

static void check_cpus(const Checker *checker)
{
	const CellConfig *cell = checker->cell;
	const CpuSet *root = checker->system ? &checker->system->root.cpus : NULL;
	unsigned left = 0;

	if (cpu_set_count(&cell->cpus) == 0) {
		check_report(checker, CONFIG_ERROR, "cpus", "no CPU");
		return;
	}
	if (cell->arch == CONFIG_ARCH_X86 && cpu_set_has(&cell->cpus, 0) != checker->is_root)
		check_report(checker, CONFIG_ERROR, "cpus",
			     checker->is_root ? "CPU 0 is missing" : "CPU 0 must stay with the root cell");
	if (checker->is_root && cpu_set_count(&cell->cpus) == 1)
		check_report(checker, CONFIG_WARNING, "cpus", "one CPU only, so no cell can have one");
	if (checker->is_root || !root)
		return;
	CPU_SET_FOREACH(cpu, &cell->cpus)
	if (!cpu_set_has(root, cpu))
		check_report(checker, CONFIG_ERROR, "cpus", "CPU %u is not in %s", cpu,
			     SYSTEM_PARTY(checker, "root_cell.cpus"));
	CPU_SET_FOREACH(cpu, root)
	left += !cpu_set_has(&cell->cpus, cpu);
	if (left == 0)
		check_report(checker, CONFIG_ERROR, "cpus", "leaves no CPU to the root cell, %s",
			     SYSTEM_PARTY(checker, "root_cell.cpus"));
}

#define KNOWN_CELL_FLAGS                                                                                               \
	(CELL_CONFIG_PASSIVE_COMMREG | CELL_CONFIG_TEST_DEVICE | CELL_CONFIG_AARCH32 | CELL_CONFIG_CONSOLE_PERMITTED | \
	 CELL_CONFIG_CONSOLE_ACTIVE)

static void check_flags(const Checker *checker)
{
	const CellConfig *cell = checker->cell;
	bool passive = cell->flags & CELL_CONFIG_PASSIVE_COMMREG;
	const MemoryRegion *comm = memory_find_comm(cell);

	if (cell->flags & ~KNOWN_CELL_FLAGS)
		check_report(checker, CONFIG_ERROR, "flags", "unknown bits 0x%x", cell->flags & ~KNOWN_CELL_FLAGS);
	if (cell->flags & CELL_CONFIG_AARCH32 && cell->arch != CONFIG_ARCH_ARM64)
		check_report(checker, CONFIG_ERROR, "flags", "\"aarch32\" is for architecture arm64");
	if (cell->id != 0)
		check_report(checker, checker->is_root ? CONFIG_ERROR : CONFIG_WARNING, "id",
			     "must be 0, the kernel module chooses it");
	if (checker->is_root)
		return;
	if (cell->flags & CELL_CONFIG_TEST_DEVICE && !comm)
		check_report(checker, CONFIG_ERROR, "flags", "\"test-device\" needs a region with \"comm-region\"");
	if (!passive && !comm)
		check_report(
			checker, CONFIG_ERROR, "memory",
			"no region with \"comm-region\"; without one the cell needs the flag \"passive-comm-region\"");
	if (!passive && cell->msg_reply_timeout == 0)
		check_report(
			checker, CONFIG_ERROR, "msg_reply_timeout",
			"0 waits for ever on a silent cell; leave it out, or set the flag \"passive-comm-region\"");
}

static bool region_can_start(const CellConfig *cell, const MemoryRegion *region)
{
	return region->size > 0 && region->flags & MEMORY_EXECUTE &&
	       range_contains(memory_virt(region), (Range){ cell->cpu_reset_address, cell->cpu_reset_address });
}

static void check_reset_address(const Checker *checker)
{
	const CellConfig *cell = checker->cell;

	if (cell->arch == CONFIG_ARCH_X86 && cell->cpu_reset_address > UINT32_MAX)
		check_report(checker, CONFIG_ERROR, "cpu_reset_address",
			     "0x%" PRIx64 " is beyond 4 GiB, where no x86 CPU starts", cell->cpu_reset_address);
	for (size_t i = 0; i < cell->n_memory; i++)
		if (region_can_start(cell, &cell->memory[i]))
			return;
	check_report(checker, CONFIG_ERROR, "cpu_reset_address", "0x%" PRIx64 " lies in no region with \"execute\"",
		     cell->cpu_reset_address);
}

/** check_resources - what holds for cells and the root cell */
static void check_resources(const Checker *checker)
{
	check_name(checker);
	check_cpus(checker);
	check_flags(checker);
	check_memory(checker);
	check_ports(checker);
	check_irqchips(checker);
	check_caches(checker);
	check_pci(checker);
	check_console(checker, &checker->cell->console, "console");
}

static void check_hypervisor_memory(const Checker *checker)
{
	const MemoryRegion *memory = &checker->system->hypervisor_memory;
	uint64_t last;

	if (memory->size < 1 << 20)
		check_system_report(checker, CONFIG_ERROR, "hypervisor_memory.size", "%s is too small, the least is 1M",
				    FORMAT_SIZE(memory->size));
	if (memory->phys_start % PAGE_BYTES || memory->size % PAGE_BYTES)
		check_system_report(checker, CONFIG_ERROR, "hypervisor_memory", "is not page aligned");
	if (__builtin_add_overflow(memory->phys_start, memory->size, &last) || last > 1ULL << 52)
		check_system_report(checker, CONFIG_ERROR, "hypervisor_memory", "ends beyond 52 address bits");
}

#define VTD_INTERRUPTS_MAX 32768U

enum { IOMMU_AMD = 1, IOMMU_INTEL = 2, IOMMU_LAST = 5 };

/* What the hypervisor refuses on x86: units of two makes, or of one that it does not know. */
static void check_x86_iommu(const Checker *checker, size_t i)
{
	const IommuUnit *units = checker->system->iommu, *unit = &units[i];

	if (unit->type != IOMMU_AMD && unit->type != IOMMU_INTEL)
		check_system_report(checker, CONFIG_ERROR, KEY("iommu[%zu].type", i), "is none of x86");
	else if (unit->type != units[0].type)
		check_system_report(checker, CONFIG_ERROR, KEY("iommu[%zu].type", i), "differs from that of iommu[0]");
	if (unit->base % PAGE_BYTES)
		check_system_report(checker, CONFIG_ERROR, KEY("iommu[%zu].base", i), "is not page aligned");
	if (unit->type == IOMMU_AMD && unit->size > 0 && (unit->size < 16 << 10 || unit->size & (unit->size - 1)))
		check_system_report(checker, CONFIG_ERROR, KEY("iommu[%zu].size", i),
				    "%s is not a power of two from 16K on", FORMAT_SIZE(unit->size));
}

static void check_iommus(const Checker *checker)
{
	const IommuUnit *units = checker->system->iommu;

	for (size_t i = 0; i < CONFIG_IOMMU_MAX; i++) {
		if (units[i].type > IOMMU_LAST)
			check_system_report(checker, CONFIG_ERROR, KEY("iommu[%zu].type", i), "unknown type %u",
					    units[i].type);
		if (units[i].base && i > 0 && !units[i - 1].base)
			check_system_report(checker, CONFIG_ERROR, KEY("iommu[%zu]", i),
					    "follows a unit with base 0, which ends the list");
		if (units[i].base && units[i].size == 0)
			check_system_report(checker, CONFIG_ERROR, KEY("iommu[%zu].size", i), "is 0");
		if (units[i].base && units[i].type <= IOMMU_LAST && checker->system->arch == CONFIG_ARCH_X86)
			check_x86_iommu(checker, i);
	}
}

static void check_machine(const Checker *checker)
{
	const SystemConfig *system = checker->system;
	uint64_t window = (system->mmconfig_end_bus + 1ULL) << 20;

	if (system->flags & ~SYSTEM_CONFIG_VIRTUAL_CONSOLE)
		check_system_report(checker, CONFIG_ERROR, "flags", "unknown bits 0x%x",
				    system->flags & ~SYSTEM_CONFIG_VIRTUAL_CONSOLE);
	if (system->mmconfig_base % (1 << 20))
		check_system_report(checker, CONFIG_ERROR, "pci.mmconfig_base", "is not aligned to 1 MiB");
	if (system->mmconfig_base &&
	    range_overlaps(range_make(system->mmconfig_base, window),
			   range_make(system->hypervisor_memory.phys_start, MAX(system->hypervisor_memory.size, 1U))))
		check_system_report(checker, CONFIG_ERROR, "pci.mmconfig_base", "the window of %s overlaps %s",
				    FORMAT_SIZE(window), SYSTEM_PARTY(checker, "hypervisor_memory"));
	if (system->arch == CONFIG_ARCH_X86 && system->x86.apic_mode > 2)
		check_system_report(checker, CONFIG_ERROR, "x86.apic_mode", "unknown mode %u", system->x86.apic_mode);
	if (system->arch == CONFIG_ARCH_X86 && system->x86.vtd_interrupt_limit > VTD_INTERRUPTS_MAX)
		check_system_report(checker, CONFIG_ERROR, "x86.vtd_interrupt_limit", "%u is more than %u",
				    system->x86.vtd_interrupt_limit, VTD_INTERRUPTS_MAX);
	if (system->arch != CONFIG_ARCH_X86 && system->arm.gic_version != 2 && system->arm.gic_version != 3)
		check_system_report(checker, CONFIG_ERROR, "arm.gic_version", "is %u, but there are 2 and 3",
				    system->arm.gic_version);
	if (system->debug_console.flags & CONSOLE_MMIO && system->debug_console.size == 0)
		check_system_report(checker, CONFIG_ERROR, "debug_console.size", "a console in memory needs a size");
	if (system->debug_console.type > 10)
		check_system_report(checker, CONFIG_ERROR, "debug_console.type", "unknown type %u",
				    system->debug_console.type);
}

int config_check_system(const SystemConfig *system, ConfigProblems *problems)
{
	const Checker checker = { .cell = &system->root, .system = system, .problems = problems, .is_root = true };
	size_t n_errors = problems->n_errors;

	check_hypervisor_memory(&checker);
	check_iommus(&checker);
	check_machine(&checker);
	check_resources(&checker);
	return problems->n_errors == n_errors ? 0 : -EINVAL;
}

int config_check_cell(const CellConfig *cell, const SystemConfig *system, ConfigProblems *problems)
{
	const Checker checker = { .cell = cell, .system = system, .problems = problems };
	_cleanup_free_ uint8_t *blob = NULL;
	size_t n_errors = problems->n_errors, size = 0;
	int r;

	if (system && cell->arch != system->arch)
		check_report(&checker, CONFIG_ERROR, "architecture", "is %s, but the machine is %s",
			     config_arch_to_string(cell->arch), config_arch_to_string(system->arch));
	check_resources(&checker);
	check_reset_address(&checker);
	check_images(&checker);
	check_supervision(&checker);
	/* a name that is too long has been reported */
	r = cell_config_to_blob(cell, &blob, &size);
	if (r == -ENOMEM)
		return r;
	if (r >= 0 && size > CONFIG_BLOB_MAX_BYTES)
		check_report(&checker, CONFIG_ERROR, "", "takes %zu bytes, the hypervisor accepts %u", size,
			     CONFIG_BLOB_MAX_BYTES);
	return problems->n_errors == n_errors ? 0 : -EINVAL;
}
