/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does a configuration make sense? Rules about ports, interrupt controllers, caches, PCI functions and consoles.
 */
#include <inttypes.h>

#include "config-check.h"

#define PORTS 0x10000U
#define IOAPIC_PINS_MAX 120U
#define GIC_INTIDS 1024U
#define PIN_MAP_BITS 128U
#define CACHE_MASK_BITS 32U

static Range port_range(const PortRange *ports)
{
	return range_make(ports->base, MAX(ports->length, (uint16_t)1));
}

/** port_owner - the range of @cell that has a port, NULL if there is none */
static const PortRange *port_owner(const CellConfig *cell, uint64_t port)
{
	for (size_t i = 0; i < cell->n_ports; i++)
		if (cell->ports[i].length && range_contains(port_range(&cell->ports[i]), (Range){ port, port }))
			return &cell->ports[i];
	return NULL;
}

static void check_ports_owned(const Checker *checker, size_t i)
{
	Range range = port_range(&checker->cell->ports[i]);
	const CellConfig *root = &checker->system->root;

	for (uint64_t port = range.first; port <= range.last;) {
		const PortRange *owner = port_owner(root, port);

		if (!owner) {
			check_report(checker, CONFIG_ERROR, KEY("ports[%zu]", i), "port 0x%" PRIx64 " is not in %s",
				     port, SYSTEM_PARTY(checker, "root_cell.ports"));
			return;
		}
		port = port_range(owner).last + 1;
	}
}

void check_ports(const Checker *checker)
{
	const CellConfig *cell = checker->cell;
	const ConsoleConfig *debug = checker->system ? &checker->system->debug_console : NULL;
	static const Range pci_config = { 0xcf8, 0xcff };

	for (size_t i = 0; i < cell->n_ports; i++) {
		const char *key = KEY("ports[%zu]", i);
		Range range = port_range(&cell->ports[i]);

		if (cell->ports[i].length == 0) {
			check_report(checker, CONFIG_ERROR, key, "is empty");
			continue;
		}
		if (range.last >= PORTS)
			check_report(checker, CONFIG_ERROR, key, "%s ends beyond the last port, 0xffff", RANGE(range));
		for (size_t j = 0; j < i; j++)
			if (cell->ports[j].length && range_overlaps(range, port_range(&cell->ports[j])))
				check_report(checker, CONFIG_ERROR, key, "%s overlaps %s, %s", RANGE(range),
					     PARTY(checker, cell, KEY("ports[%zu]", j)),
					     RANGE(port_range(&cell->ports[j])));
		if (checker->is_root || !checker->system)
			continue;
		check_ports_owned(checker, i);
		if (range_overlaps(range, pci_config))
			check_report(checker, CONFIG_ERROR, key,
				     "%s overlaps the PCI configuration ports 0xcf8-0xcff, which every cell has in its "
				     "own form",
				     RANGE(range));
		if (debug->type == CONSOLE_TYPE_8250 && !(debug->flags & CONSOLE_MMIO) &&
		    range_overlaps(range, range_make(debug->address, 8)))
			check_report(checker, CONFIG_WARNING, key, "%s is used by the hypervisor too: %s", RANGE(range),
				     SYSTEM_PARTY(checker, "debug_console"));
	}
}

static bool chip_has_pin(const IrqChip *chip, unsigned bit)
{
	return chip->pin_map[bit / 32] >> bit % 32 & 1;
}

/** root_has_pin - @pin counts from the chip's first */
static bool root_has_pin(const CellConfig *root, uint64_t address, uint64_t pin)
{
	for (size_t i = 0; i < root->n_irqchips; i++) {
		const IrqChip *chip = &root->irqchips[i];

		if (chip->address == address && pin >= chip->pin_base && pin - chip->pin_base < PIN_MAP_BITS &&
		    chip_has_pin(chip, (unsigned)(pin - chip->pin_base)))
			return true;
	}
	return false;
}

static void check_pins(const Checker *checker, size_t i)
{
	const IrqChip *chip = &checker->cell->irqchips[i];
	bool x86 = checker->cell->arch == CONFIG_ARCH_X86;

	for (unsigned bit = 0; bit < PIN_MAP_BITS; bit++) {
		uint64_t pin = (uint64_t)chip->pin_base + bit;

		if (!chip_has_pin(chip, bit))
			continue;
		if (x86 && pin >= IOAPIC_PINS_MAX)
			check_report(checker, CONFIG_ERROR, KEY("irqchips[%zu].pins", i),
				     "pin %" PRIu64 ", but %u is the last", pin, IOAPIC_PINS_MAX - 1);
		if (!checker->is_root && checker->system && checker->system->root.n_irqchips > 0 &&
		    !root_has_pin(&checker->system->root, chip->address, pin))
			check_report(checker, CONFIG_ERROR, KEY("irqchips[%zu].pins", i),
				     "pin %" PRIu64 " is not in %s", pin, SYSTEM_PARTY(checker, "root_cell.irqchips"));
	}
}

void check_irqchips(const Checker *checker)
{
	const CellConfig *cell = checker->cell;
	bool x86 = cell->arch == CONFIG_ARCH_X86;

	for (size_t i = 0; i < cell->n_irqchips; i++) {
		const IrqChip *chip = &cell->irqchips[i];
		const char *key = KEY("irqchips[%zu].pin_base", i);

		if (x86 && chip->pin_base)
			check_report(checker, CONFIG_ERROR, key, "must be 0 for an IOAPIC");
		if (!x86 && (chip->pin_base % 32 || (uint64_t)chip->pin_base + PIN_MAP_BITS > GIC_INTIDS))
			check_report(checker, CONFIG_ERROR, key, "must be a multiple of 32, at most %u",
				     GIC_INTIDS - PIN_MAP_BITS);
		for (size_t j = 0; j < i; j++)
			if (cell->irqchips[j].address == chip->address && cell->irqchips[j].pin_base == chip->pin_base)
				check_report(checker, CONFIG_ERROR, KEY("irqchips[%zu]", i), "is the same chip as %s",
					     PARTY(checker, cell, KEY("irqchips[%zu]", j)));
		check_pins(checker, i);
	}
}

void check_caches(const Checker *checker)
{
	const CellConfig *cell = checker->cell;

	for (size_t i = 0; i < cell->n_caches; i++) {
		const CacheRegion *cache = &cell->caches[i];

		if (i > 0)
			check_report(checker, CONFIG_ERROR, KEY("caches[%zu]", i), "only one is possible");
		if (cache->type != 3)
			check_report(checker, CONFIG_ERROR, KEY("caches[%zu].type", i), "is %u, only 3 is supported",
				     cache->type);
		if (cache->size == 0 || (uint64_t)cache->start + cache->size > CACHE_MASK_BITS)
			check_report(checker, CONFIG_ERROR, KEY("caches[%zu]", i),
				     "must be 1 to %u bits within the mask", CACHE_MASK_BITS);
	}
}

static bool root_has_function(const CellConfig *root, const PciDevice *device)
{
	for (size_t i = 0; i < root->n_pci_devices; i++)
		if (root->pci_devices[i].domain == device->domain && root->pci_devices[i].bdf == device->bdf)
			return true;
	return false;
}

static void check_msix(const Checker *checker, size_t i)
{
	const CellConfig *cell = checker->cell;
	const PciDevice *device = &cell->pci_devices[i];
	Range table = range_make(device->msix_address, MAX(device->msix_region_size, 1U));

	for (size_t j = 0; device->msix_address && j < cell->n_memory; j++)
		if (memory_has_phys(&cell->memory[j]) && range_overlaps(table, memory_phys(&cell->memory[j])))
			check_report(checker, CONFIG_ERROR, KEY("pci_devices[%zu].msix_address", i),
				     "the MSI-X table, which is trapped, overlaps %s",
				     PARTY(checker, cell, KEY("memory[%zu]", j)));
}

void check_pci(const Checker *checker)
{
	const CellConfig *cell = checker->cell;

	for (size_t i = 0; i < cell->n_pci_devices; i++) {
		const PciDevice *device = &cell->pci_devices[i];
		const char *key = KEY("pci_devices[%zu]", i);

		if (device->type < PCI_TYPE_DEVICE || device->type > PCI_TYPE_IVSHMEM)
			check_report(checker, CONFIG_ERROR, KEY("pci_devices[%zu].type", i), "unknown type %u",
				     device->type);
		if ((uint32_t)device->caps_start + device->num_caps > cell->n_pci_caps)
			check_report(checker, CONFIG_ERROR, KEY("pci_devices[%zu].num_caps", i),
				     "ends at %u, there are %zu capabilities", device->caps_start + device->num_caps,
				     cell->n_pci_caps);
		for (size_t j = 0; j < i; j++)
			if (cell->pci_devices[j].domain == device->domain && cell->pci_devices[j].bdf == device->bdf)
				check_report(checker, CONFIG_ERROR, key, "is the same function as %s",
					     PARTY(checker, cell, KEY("pci_devices[%zu]", j)));
		if (device->type == PCI_TYPE_IVSHMEM) {
			check_ivshmem(checker, i);
			continue;
		}
		check_msix(checker, i);
		if (checker->system && checker->system->iommu[0].base &&
		    (device->iommu >= CONFIG_IOMMU_MAX || !checker->system->iommu[device->iommu].base))
			check_report(checker, CONFIG_ERROR, KEY("pci_devices[%zu].iommu", i),
				     "the machine has no iommu[%u]", device->iommu);
		if (!checker->system || checker->is_root)
			continue;
		if (device->bdf >> 8 > checker->system->mmconfig_end_bus)
			check_report(checker, CONFIG_ERROR, key, "is on a bus behind the last, %s",
				     SYSTEM_PARTY(checker, "pci.end_bus"));
		if (checker->system->root.n_pci_devices > 0 && !root_has_function(&checker->system->root, device))
			check_report(checker, CONFIG_ERROR, key, "is not in %s",
				     SYSTEM_PARTY(checker, "root_cell.pci_devices"));
	}
}

static bool memory_holds(const CellConfig *cell, Range range)
{
	for (size_t i = 0; i < cell->n_memory; i++)
		if (cell->memory[i].size > 0 && range_contains(memory_virt(&cell->memory[i]), range))
			return true;
	return false;
}

void check_console(const Checker *checker, const ConsoleConfig *console, const char *key)
{
	const CellConfig *cell = checker->cell;

	if (console->type == CONSOLE_TYPE_NONE || checker->is_root)
		return;
	if (console->type > 10)
		check_report(checker, CONFIG_ERROR, key, "unknown type %u", console->type);
	if (console->flags & CONSOLE_MMIO) {
		if (console->size == 0)
			check_report(checker, CONFIG_ERROR, key, "a console in memory needs a \"size\"");
		else if (!memory_holds(cell, range_make(console->address, console->size)))
			check_report(checker, CONFIG_ERROR, key,
				     "address 0x%" PRIx64 " is in no memory region of the cell", console->address);
	} else if (!port_owner(cell, console->address)) {
		check_report(checker, CONFIG_ERROR, key, "port 0x%" PRIx64 " is not among the cell's ports",
			     console->address);
	}
}
