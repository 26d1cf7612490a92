// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU of the pretend machine, there if a test says so: functions that go through tables, and remember what they
 * found.
 */
#include <image.h>
#include <hv/arch.h>
#include "fake.h"

#define CACHED 64

/* A translation that a unit has cached. */
struct cached {
	const struct cell *cell;
	u64 page;
	paddr_t phys;
	unsigned int access;
};

static const struct cell *attached[FAKE_FUNCTIONS];
static struct cached cache[CACHED];
static unsigned int cached;
static bool on;

const struct paging_format *arch_dma_format(void)
{
	return fake.iommu ? &fake_dma_format : NULL;
}

int arch_start_devices(void)
{
	if (fake.start_error)
		return fake.start_error;
	on = true;
	return 0;
}

void arch_stop_devices(void)
{
	if (!on || root_cell.next)
		fake_fault("devices stop that do not run, or are a cell's");
	on = false;
}

void arch_dma_flush(const struct cell *cell)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < cached; i++)
		if (cache[i].cell != cell)
			cache[kept++] = cache[i];
	cached = kept;
}

void arch_dma_attach(const struct cell *cell, const struct cell_pci_device *device)
{
	if (device->bdf >= FAKE_FUNCTIONS)
		fake_fault("there is no function 0x%x", device->bdf);
	if (attached[device->bdf])
		arch_dma_flush(attached[device->bdf]);
	attached[device->bdf] = cell;
}

static const struct cached *translate(const struct cell *cell, u64 page)
{
	struct paging_entry e;

	for (unsigned int i = 0; i < cached; i++)
		if (cache[i].cell == cell && cache[i].page == page)
			return &cache[i];
	if (!paging_lookup(&cell->dma, page, &e))
		return NULL;
	if (cached == CACHED)
		fake_fault("a test does too much DMA");
	cache[cached] = (struct cached){ cell, page, e.address, e.access };
	return &cache[cached++];
}

s64 fake_dma(u16 bdf, u64 address, unsigned int access)
{
	const struct cached *found;

	if (!on || !fake.iommu)
		return address;
	found = bdf < FAKE_FUNCTIONS && attached[bdf] ? translate(attached[bdf], address & PAGE_MASK) : NULL;
	return found && (found->access & access) == access ? (s64)(found->phys + (address & ~PAGE_MASK)) : -1;
}
