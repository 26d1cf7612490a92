/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * May two cells exist at the same time? Everything that both claim, named on both sides.
 */
#include <inttypes.h>

#include "config-check.h"

typedef struct Conflict {
	Checker checker;
	const CellConfig *other;
	ConfigSeverity severity;
} Conflict;

static void conflict_cpus(const Conflict *c)
{
	CPU_SET_FOREACH(cpu, &c->checker.cell->cpus)
	if (cpu_set_has(&c->other->cpus, cpu))
		check_report(&c->checker, c->severity, "cpus", "CPU %u is also in %s", cpu,
			     PARTY(&c->checker, c->other, "cpus"));
}

static void conflict_memory(const Conflict *c)
{
	const CellConfig *cell = c->checker.cell;

	for (size_t i = 0; i < cell->n_memory; i++)
		for (size_t j = 0; j < c->other->n_memory; j++) {
			const MemoryRegion *mine = &cell->memory[i], *theirs = &c->other->memory[j];

			if (!memory_has_phys(mine) || !memory_has_phys(theirs) ||
			    mine->flags & theirs->flags & MEMORY_ROOTSHARED ||
			    !range_overlaps(memory_phys(mine), memory_phys(theirs)))
				continue;
			check_report(&c->checker, c->severity, KEY("memory[%zu]", i), "physical %s overlaps %s, %s",
				     RANGE(memory_phys(mine)), PARTY(&c->checker, c->other, KEY("memory[%zu]", j)),
				     RANGE(memory_phys(theirs)));
		}
}

static void conflict_ports(const Conflict *c)
{
	const CellConfig *cell = c->checker.cell;

	for (size_t i = 0; i < cell->n_ports; i++)
		for (size_t j = 0; j < c->other->n_ports; j++) {
			Range mine = range_make(cell->ports[i].base, cell->ports[i].length);
			Range theirs = range_make(c->other->ports[j].base, c->other->ports[j].length);

			if (cell->ports[i].length && c->other->ports[j].length && range_overlaps(mine, theirs))
				check_report(&c->checker, c->severity, KEY("ports[%zu]", i), "%s overlaps %s, %s",
					     RANGE(mine), PARTY(&c->checker, c->other, KEY("ports[%zu]", j)),
					     RANGE(theirs));
		}
}

static void conflict_irqchips(const Conflict *c)
{
	const CellConfig *cell = c->checker.cell;

	for (size_t i = 0; i < cell->n_irqchips; i++)
		for (size_t j = 0; j < c->other->n_irqchips; j++) {
			const IrqChip *mine = &cell->irqchips[i], *theirs = &c->other->irqchips[j];

			if (mine->address != theirs->address || mine->pin_base != theirs->pin_base)
				continue;
			for (unsigned bit = 0; bit < 128; bit++)
				if (mine->pin_map[bit / 32] & theirs->pin_map[bit / 32] & 1U << bit % 32)
					check_report(&c->checker, c->severity, KEY("irqchips[%zu].pins", i),
						     "pin %" PRIu64 " is also in %s", (uint64_t)mine->pin_base + bit,
						     PARTY(&c->checker, c->other, KEY("irqchips[%zu].pins", j)));
		}
}

static void conflict_pci(const Conflict *c)
{
	const CellConfig *cell = c->checker.cell;

	for (size_t i = 0; i < cell->n_pci_devices; i++)
		for (size_t j = 0; j < c->other->n_pci_devices; j++) {
			const PciDevice *mine = &cell->pci_devices[i], *theirs = &c->other->pci_devices[j];

			if (mine->domain != theirs->domain || mine->bdf != theirs->bdf)
				continue;
			/* the same address is how two ends of an ivshmem link find each other */
			if (mine->type == PCI_TYPE_IVSHMEM && theirs->type == PCI_TYPE_IVSHMEM)
				check_link(&c->checker, i, c->other, j, c->severity);
			else if (mine->type != PCI_TYPE_IVSHMEM && theirs->type != PCI_TYPE_IVSHMEM)
				check_report(&c->checker, c->severity, KEY("pci_devices[%zu]", i),
					     "is the same function as %s",
					     PARTY(&c->checker, c->other, KEY("pci_devices[%zu]", j)));
		}
}

static void conflict_caches(const Conflict *c)
{
	const CellConfig *cell = c->checker.cell;

	for (size_t i = 0; i < cell->n_caches; i++)
		for (size_t j = 0; j < c->other->n_caches; j++) {
			Range mine = range_make(cell->caches[i].start, cell->caches[i].size);
			Range theirs = range_make(c->other->caches[j].start, c->other->caches[j].size);

			if (cell->caches[i].size && c->other->caches[j].size &&
			    !(cell->caches[i].flags & c->other->caches[j].flags & 1) && range_overlaps(mine, theirs))
				check_report(&c->checker, c->severity, KEY("caches[%zu]", i), "overlaps %s",
					     PARTY(&c->checker, c->other, KEY("caches[%zu]", j)));
		}
}

static void conflict_stream_ids(const Conflict *c)
{
	const CellConfig *cell = c->checker.cell;

	/* on x86 nobody looks at them */
	for (size_t i = 0; cell->arch != CONFIG_ARCH_X86 && i < cell->n_stream_ids; i++)
		for (size_t j = 0; j < c->other->n_stream_ids; j++)
			if (cell->stream_ids[i] == c->other->stream_ids[j])
				check_report(&c->checker, c->severity, KEY("stream_ids[%zu]", i), "is also %s",
					     PARTY(&c->checker, c->other, KEY("stream_ids[%zu]", j)));
}

int config_check_conflict(const CellConfig *cell, const CellConfig *other, ConfigSeverity severity,
			  ConfigProblems *problems)
{
	const Conflict conflict = {
		.checker = { .cell = cell, .problems = problems },
		.other = other,
		.severity = severity,
	};
	size_t n_errors = problems->n_errors;

	if (streq(cell->name, other->name))
		check_report(&conflict.checker, severity, "name", "is also %s",
			     PARTY(&conflict.checker, other, "name"));
	conflict_cpus(&conflict);
	conflict_memory(&conflict);
	conflict_ports(&conflict);
	conflict_irqchips(&conflict);
	conflict_pci(&conflict);
	conflict_caches(&conflict);
	conflict_stream_ids(&conflict);
	return problems->n_errors == n_errors ? 0 : -EINVAL;
}
