/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ivshmem v2: a device is found by its identity, and its memory by its vendor-specific capability.
 */
#include "inmate/ivshmem.h"
#include "inmate/paging.h"
#include "inmate/pci.h"

#define REG_COMMAND 0x04
#define REG_BAR0 0x10
#define COMMAND_MEMORY_MASTER 6
#define MSIX_ENABLE 0x80000000U
#define BAR_BYTES 0x8000U

static u64 cap64(u32 bdf, u32 reg)
{
	return pci_read(bdf, reg) | (u64)pci_read(bdf, reg + 4) << 32;
}

static u32 find(unsigned int index)
{
	u32 bdf = pci_find(IVSHMEM_VENDOR, IVSHMEM_DEVICE, 0);

	while (index-- && bdf != PCI_NONE)
		bdf = pci_find(IVSHMEM_VENDOR, IVSHMEM_DEVICE, bdf + 1);
	return bdf;
}

static bool map_registers(struct ivshmem *d, u32 bars)
{
	pci_write(d->bdf, REG_BAR0, bars);
	pci_write(d->bdf, REG_BAR0 + 4, bars + BAR_BYTES);
	pci_write(d->bdf, REG_COMMAND, COMMAND_MEMORY_MASTER);
	d->regs = paging_map(bars, BAR_BYTES, PAGING_WRITE | PAGING_UNCACHED);
	d->msix = paging_map(bars + BAR_BYTES, BAR_BYTES, PAGING_WRITE | PAGING_UNCACHED);
	return d->regs && d->msix;
}

static bool map_memory(struct ivshmem *d)
{
	u64 base = cap64(d->bdf, IVSHMEM_CAP_BASE), states = pci_read(d->bdf, IVSHMEM_CAP_STATE_SIZE);

	d->rw_bytes = cap64(d->bdf, IVSHMEM_CAP_RW_SIZE);
	d->output_bytes = cap64(d->bdf, IVSHMEM_CAP_OUTPUT_SIZE);
	d->states = (const volatile u32 *)base;
	d->rw = (u8 *)base + states;
	d->outputs = d->rw + d->rw_bytes;
	return paging_map(base, states + d->rw_bytes + d->peers * d->output_bytes, PAGING_WRITE);
}

bool ivshmem_open(struct ivshmem *d, unsigned int index, u32 bars)
{
	u32 cap;

	d->bdf = find(index);
	if (d->bdf == PCI_NONE || !map_registers(d, bars))
		return false;
	cap = pci_find_cap(d->bdf, 0x11);
	d->vectors = cap ? (pci_read(d->bdf, cap) >> 16 & 0x7ff) + 1 : 0;
	d->id = d->regs[IVSHMEM_ID / 4];
	d->peers = d->regs[IVSHMEM_MAX_PEERS / 4];
	ivshmem_enable(d, false);
	return map_memory(d);
}

void ivshmem_irq(const struct ivshmem *d, unsigned int index, u8 vector)
{
	u32 cap = pci_find_cap(d->bdf, 0x11);

	pci_msix_set(d->msix, index, vector);
	pci_write(d->bdf, cap, pci_read(d->bdf, cap) | MSIX_ENABLE);
	ivshmem_enable(d, true);
}

void ivshmem_one_shot(const struct ivshmem *d, bool on)
{
	u32 word = pci_read(d->bdf, IVSHMEM_CAP) & 0xffffff;

	pci_write(d->bdf, IVSHMEM_CAP, word | (on ? (u32)IVSHMEM_ONE_SHOT << 24 : 0));
}
