// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMUs: which driver, and what does not depend on it. Nobody else knows that there is more than one make.
 *
 * Faults are told by an NMI, because only that gets a CPU out of its guest: root's first CPU takes it.
 */
#include <image.h>
#include <hv/arch.h>
#include <hv/memory.h>
#include <hv/pci.h>
#include <hv/print.h>
#include "iommu.h"

#define MESSAGE_BASE 0xfee00000U
#define MESSAGE_NMI 0x400
#define LAST_PHYSICAL_TYPE 2 /* of PCI devices: bridge */

static const struct iommu_driver *const drivers[] = { &amdvi_driver, &vtd_driver, NULL };

static const struct iommu_driver *driver;
static const struct pcpu *fault_cpu;

static const struct iommu_driver *find_driver(u32 type)
{
	const struct iommu_driver *const *d = drivers;

	while (*d && (*d)->type != type)
		d++;
	return *d;
}

int iommu_choose(void)
{
	const struct cell_iommu *unit;
	unsigned int i;

	for_each_unit (i, unit) {
		driver = find_driver(unit->type);
		if (!driver)
			return refuse(-EINVAL, "IOMMU %u at 0x%llx: unknown type %u", i, (unsigned long long)unit->base,
				      unit->type);
		if (unit->type != system_config->iommu[0].type)
			return refuse(-EINVAL, "IOMMU %u at 0x%llx: of another type than the first", i,
				      (unsigned long long)unit->base);
		if (unit->base & ~PAGE_MASK || !unit->size || unit->base + unit->size < unit->base)
			return refuse(-EINVAL, "IOMMU %u at 0x%llx: bad range", i, (unsigned long long)unit->base);
	}
	return driver && driver->init_format ? driver->init_format() : 0;
}

int iommu_init(void)
{
	const struct cell_iommu *unit;
	unsigned int i;
	int err = 0;

	for_each_unit (i, unit) {
		if (!err)
			err = memory_hide(&root_cell, unit->base, PAGE_ALIGN((u64)unit->size));
		if (err)
			return refuse(err, "IOMMU %u at 0x%llx: cannot be hidden from root", i,
				      (unsigned long long)unit->base);
	}
	return driver ? driver->init() : 0;
}

static int check_unit(const struct cell *cell, const struct cell_pci_device *d)
{
	if (d->type > LAST_PHYSICAL_TYPE)
		return 0;
	if (d->iommu < CELL_IOMMU_MAX && system_config->iommu[d->iommu].base)
		return 0;
	return refuse(-ERANGE, "cell %s: PCI device %02x:%02x.%u: there is no IOMMU %u", cell->name, d->bdf >> 8,
		      d->bdf >> 3 & 0x1f, d->bdf & 7, d->iommu);
}

int iommu_init_cell(struct cell *cell)
{
	const struct cell_config *config = cell->config;
	const struct cell_pci_device *d = CONFIG_ARRAY(config, cell_pci_device, cell_config_pci_offset(config));
	int err = driver ? driver->init_cell(cell) : 0;

	for (u32 i = 0; driver && !err && i < config->num_pci_devices; i++)
		err = check_unit(cell, &d[i]);
	return err;
}

void iommu_exit_cell(struct cell *cell)
{
	if (driver && driver->exit_cell)
		driver->exit_cell(cell);
}

void iommu_reset_cell(const struct cell *cell)
{
	if (driver && driver->reset_cell)
		driver->reset_cell(cell);
}

void iommu_root_changed(void)
{
	if (driver && driver->root_changed)
		driver->root_changed();
}

bool iommu_root_message(u32 address, u32 data, struct iommu_target *ret_target)
{
	return driver && driver->root_message && driver->root_message(address, data, ret_target);
}

u64 iommu_remap_pin(const struct cell *cell, paddr_t chip, u32 pin, u64 entry)
{
	if (!driver || !driver->remap_pin || cell == &root_cell)
		return entry;
	return driver->remap_pin(cell, chip, pin, entry);
}

void arch_msi_remap(const struct cell *cell, const struct cell_pci_device *device, u32 index, u32 count,
		    struct msi_message *m)
{
	if (driver && driver->remap_msi && cell != &root_cell)
		driver->remap_msi(cell, device, index, count, m);
}

bool iommu_has(paddr_t start, u64 size)
{
	const struct cell_iommu *unit;
	unsigned int i;

	for_each_unit (i, unit)
		if (ranges_overlap(start, size, unit->base, unit->size))
			return true;
	return false;
}

bool arch_pci_reserved(u16 bdf)
{
	const struct cell_iommu *unit;
	unsigned int i;

	for_each_unit (i, unit)
		if (unit->type == CELL_IOMMU_AMD && unit->amd.bdf == bdf)
			return true;
	return false;
}

int arch_start_devices(void)
{
	unsigned int id;

	for_each_cpu (id, &root_cell.cpus)
		if (!fault_cpu)
			fault_cpu = pcpu_of(id);
	return driver ? driver->enable() : 0;
}

void arch_stop_devices(void)
{
	if (driver)
		driver->disable();
}

const struct paging_format *arch_dma_format(void)
{
	return driver ? driver->format : NULL;
}

void arch_dma_attach(const struct cell *cell, const struct cell_pci_device *device)
{
	if (driver)
		driver->attach(cell, device->iommu, device->bdf);
}

void arch_dma_flush(const struct cell *cell)
{
	if (driver)
		driver->flush(cell);
}

void iommu_fault_message(u32 *ret_address, u32 *ret_data)
{
	*ret_address = MESSAGE_BASE | fault_cpu->arch.apic_id << 12;
	*ret_data = MESSAGE_NMI;
}

void iommu_fault(u16 bdf, u64 address, u32 access)
{
	event_dma(pci_owner(bdf), bdf, address, access);
}

/* What one NMI found may be all that the next was for. */
bool iommu_report_faults(const struct pcpu *cpu, bool explained)
{
	static bool ahead;
	bool found, ours;

	if (!driver || cpu != fault_cpu)
		return false;
	found = driver->report_faults();
	ours = found || (ahead && !explained);
	if (found)
		event_announce();
	if (ours)
		ahead = found;
	return ours;
}
