// SPDX-License-Identifier: GPL-2.0-only
/* The x86 machine: what setup calls, the rings and pages that root sees, and what no cell may have. */
#include <image.h>
#include <hv/arch.h>
#include <hv/memory.h>
#include <hv/pool.h>
#include <hv/print.h>
#include "apic.h"
#include "asm.h"
#include "cat.h"
#include "host.h"
#include "ioapic.h"
#include "iommu.h"
#include "ports.h"
#include "vcpu.h"

#define IOAPIC_BASE 0xfec00000UL /* where the first one is on every PC, listed or not */

struct hv_console_ring console_ring __attribute__((aligned(4096)));
struct hv_event_ring event_ring __attribute__((aligned(4096)));
u64 host_phys_offset; /* physical minus virtual address of hypervisor memory, for entry.S */

static u8 *zero_page;

paddr_t arch_zero_page(void)
{
	return arch_virt_to_phys(zero_page);
}

int arch_init(void)
{
	int err = vendor_check();

	host_phys_offset = host_memory_phys() - HV_BASE;
	if (!err)
		err = host_init();
	if (!err)
		err = apic_init();
	cat_init();
	if (!err)
		err = vendor_init();
	if (!err)
		err = iommu_choose();
	if (err)
		return err;
	zero_page = pool_alloc(1);
	return zero_page ? 0 : -ENOMEM;
}

static int show_ring(const void *ring, u64 size)
{
	paddr_t phys = arch_virt_to_phys(ring);

	return paging_map(&root_cell.stage2, phys, phys, PAGE_ALIGN(size), ACCESS_READ, false);
}

/* Root reads zeros where we are, but for the rings. */
int arch_init_root(void)
{
	paddr_t start = host_memory_phys();
	int err = 0;

	err = memory_hide(&root_cell, start, host_memory_size());
	for (u64 offset = 0; !err && offset < host_memory_size(); offset += PAGE_SIZE)
		err = paging_map(&root_cell.stage2, start + offset, arch_zero_page(), PAGE_SIZE, ACCESS_READ, false);
	if (!err && system_config->flags & CELL_SYSTEM_VIRTUAL_CONSOLE)
		err = show_ring(&console_ring, sizeof(console_ring));
	if (!err)
		err = show_ring(&event_ring, sizeof(event_ring));
	return err;
}

int arch_init_devices(void)
{
	int err = ioapic_init();

	return err ? err : iommu_init();
}

const char *arch_reserved(paddr_t start, u64 size)
{
	const struct cell_config *root = root_cell.config;
	const struct cell_irqchip *chip = CONFIG_ARRAY(root, cell_irqchip, cell_config_irqchip_offset(root));
	u64 mmconfig = system_config->mmconfig_base;

	if (ranges_overlap(start, size, host_memory_phys(), host_memory_size()))
		return "hypervisor memory";
	if (ranges_overlap(start, size, XAPIC_BASE, PAGE_SIZE))
		return "local APIC";
	if (mmconfig && ranges_overlap(start, size, mmconfig, (system_config->mmconfig_end_bus + 1UL) << 20))
		return "PCI configuration space";
	if (ranges_overlap(start, size, IOAPIC_BASE, PAGE_SIZE))
		return "IOAPIC";
	for (u32 i = 0; i < root->num_irqchips; i++)
		if (ranges_overlap(start, size, chip[i].address, PAGE_SIZE))
			return "IOAPIC";
	return iommu_has(start, size) ? "IOMMU" : NULL;
}

int arch_cell_init(struct cell *cell)
{
	int err = apic_init_cell(cell);

	if (!err)
		err = ports_init(cell);
	if (!err && cell != &root_cell)
		err = ioapic_init_cell(cell);
	if (!err)
		err = iommu_init_cell(cell);
	if (!err)
		err = cat_init_cell(cell);
	return err;
}

void arch_cell_exit(struct cell *cell)
{
	iommu_exit_cell(cell);
	ioapic_exit_cell(cell);
	ports_exit(cell);
}

void arch_cell_take(const struct cell *cell)
{
	ports_take(cell);
	ioapic_take(cell);
	cat_take(cell);
	iommu_root_changed();
}

void arch_cell_give(const struct cell *cell)
{
	cat_give(cell);
	iommu_root_changed();
	ioapic_give(cell);
	ports_give(cell);
}

void arch_cell_reset(const struct cell *cell)
{
	ioapic_reset(cell);
	iommu_reset_cell(cell);
}

void arch_cell_fill_comm(const struct cell *cell, struct cell_comm *comm)
{
	comm->x86.pm_timer_port = system_config->x86.pm_timer_port;
	comm->x86.num_cpus = cpu_set_weight(&cell->cpus);
	comm->x86.tsc_khz = system_config->x86.tsc_khz;
	comm->x86.apic_khz = system_config->x86.apic_khz;
}
