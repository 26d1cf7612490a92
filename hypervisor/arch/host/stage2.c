// SPDX-License-Identifier: GPL-2.0-only
/*
 * Table formats of the pretend architecture: unlike any real one, and every entry says what it is.
 *
 * A leaf carries its level, so that a walk that takes it at another level, or reads what is no entry, ends the test.
 */
#include <hv/arch.h>
#include "fake.h"

#define ENTRY_ACCESS 0x0fUL
#define ENTRY_LEAF (1UL << 4)
#define ENTRY_LEVEL_SHIFT 5
#define ENTRY_ADDRESS 0x0000fffffffff000UL
#define ENTRY_TAG 0xce11000000000000UL
#define ENTRY_TAG_MASK 0xffff000000000000UL

static void check_address(paddr_t pa, unsigned int level)
{
	if (pa & ~ENTRY_ADDRESS || pa & (paging_level_size(level) - 1))
		fake_fault("level %u entry for 0x%llx", level, (unsigned long long)pa);
}

static u64 make_leaf(paddr_t pa, unsigned int access, unsigned int level)
{
	check_address(pa, level);
	if (level > arch_stage2_format.max_leaf || access & ~ENTRY_ACCESS)
		fake_fault("leaf of level %u, access 0x%x", level, access);
	if (!(access & ACCESS_RWX))
		return 0;
	return ENTRY_TAG | pa | (u64)level << ENTRY_LEVEL_SHIFT | ENTRY_LEAF | access;
}

static u64 make_table(paddr_t pa, unsigned int level)
{
	if (!level)
		fake_fault("table below level 0");
	check_address(pa, 0);
	return ENTRY_TAG | pa;
}

static bool entry_present(u64 entry)
{
	if (entry && (entry & ENTRY_TAG_MASK) != ENTRY_TAG)
		fake_fault("0x%llx is no stage-2 entry", (unsigned long long)entry);
	return entry;
}

static bool entry_is_leaf(u64 entry, unsigned int level)
{
	if (!entry_present(entry))
		fake_fault("hole taken for an entry");
	if (entry & ENTRY_LEAF && (entry >> ENTRY_LEVEL_SHIFT & 3) != level)
		fake_fault("leaf 0x%llx found at level %u", (unsigned long long)entry, level);
	if (!(entry & ENTRY_LEAF) && !level)
		fake_fault("table 0x%llx found at level 0", (unsigned long long)entry);
	return entry & ENTRY_LEAF;
}

static unsigned int entry_access(u64 entry)
{
	if (!entry_present(entry) || !(entry & ENTRY_LEAF))
		fake_fault("access of 0x%llx, which is no leaf", (unsigned long long)entry);
	return entry & ENTRY_ACCESS;
}

static paddr_t entry_address(u64 entry, unsigned int level)
{
	entry_is_leaf(entry, level);
	return entry & ENTRY_ADDRESS;
}

struct paging_format arch_stage2_format = {
	.levels = 4,
	.leaf = make_leaf,
	.table = make_table,
	.present = entry_present,
	.is_leaf = entry_is_leaf,
	.access = entry_access,
	.address = entry_address,
};

/* --- for devices: the same with another tag, so that none is taken for the other --- */

#define DMA_TAG 0x0f0f000000000000UL

static u64 dma_leaf(paddr_t pa, unsigned int access, unsigned int level)
{
	u64 entry = make_leaf(pa, access, level);

	if (access & ~(ACCESS_READ | ACCESS_WRITE))
		fake_fault("access 0x%x for devices", access);
	return entry ? entry ^ DMA_TAG : 0;
}

static u64 dma_table(paddr_t pa, unsigned int level)
{
	return make_table(pa, level) ^ DMA_TAG;
}

static bool dma_present(u64 entry)
{
	return entry && entry_present(entry ^ DMA_TAG);
}

static bool dma_is_leaf(u64 entry, unsigned int level)
{
	return entry_is_leaf(entry ^ DMA_TAG, level);
}

static unsigned int dma_access(u64 entry)
{
	return entry_access(entry ^ DMA_TAG);
}

static paddr_t dma_address(u64 entry, unsigned int level)
{
	return entry_address(entry ^ DMA_TAG, level);
}

struct paging_format fake_dma_format = {
	.levels = 3,
	.leaf = dma_leaf,
	.table = dma_table,
	.present = dma_present,
	.is_leaf = dma_is_leaf,
	.access = dma_access,
	.address = dma_address,
};
