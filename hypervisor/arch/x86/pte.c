// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-table entries in long-mode format (AMD APM vol.2 5.3, 5.4); nested tables have the same, with the user bit set
 * because every nested walk counts as a user access (15.25.5).
 */
#include <hv/arch.h>
#include "asm.h"
#include "pte.h"

#define PTE_P (1UL << 0)
#define PTE_W (1UL << 1)
#define PTE_U (1UL << 2)
#define PTE_PWT (1UL << 3)
#define PTE_PCD (1UL << 4)
#define PTE_A (1UL << 5)
#define PTE_D (1UL << 6)
#define PTE_PS (1UL << 7)
#define PTE_NX (1UL << 63)
#define PTE_ADDRESS 0x000ffffffffff000UL

static u64 leaf_bits(paddr_t pa, unsigned int access, unsigned int level)
{
	u64 entry = pa | PTE_P | PTE_A | PTE_D;

	if (access & ACCESS_WRITE)
		entry |= PTE_W;
	if (!(access & ACCESS_EXECUTE))
		entry |= PTE_NX;
	if (access & ACCESS_DEVICE)
		entry |= PTE_PCD | PTE_PWT;
	return level ? entry | PTE_PS : entry;
}

static u64 host_table(paddr_t pa, unsigned int level)
{
	(void)level;
	return pa | PTE_P | PTE_W | PTE_A;
}

/* Without read permission there is no entry: the format knows none. */
static u64 nested_leaf(paddr_t pa, unsigned int access, unsigned int level)
{
	return access & ACCESS_READ ? leaf_bits(pa, access, level) | PTE_U : 0;
}

static u64 nested_table(paddr_t pa, unsigned int level)
{
	return host_table(pa, level) | PTE_U;
}

static bool entry_present(u64 entry)
{
	return entry & PTE_P;
}

static bool entry_is_leaf(u64 entry, unsigned int level)
{
	return !level || entry & PTE_PS;
}

static unsigned int entry_access(u64 entry)
{
	return ACCESS_READ | (entry & PTE_W ? ACCESS_WRITE : 0) | (entry & PTE_NX ? 0 : ACCESS_EXECUTE) |
	       (entry & PTE_PCD ? ACCESS_DEVICE : 0);
}

static paddr_t entry_address(u64 entry, unsigned int level)
{
	return entry & PTE_ADDRESS & ~(entry_is_leaf(entry, level) ? paging_level_size(level) - 1 : 0);
}

const struct paging_format x86_page_format = {
	.levels = 4,
	.max_leaf = 1,
	.upper_half = true,
	.leaf = leaf_bits,
	.table = host_table,
	.present = entry_present,
	.is_leaf = entry_is_leaf,
	.access = entry_access,
	.address = entry_address,
};

struct paging_format arch_stage2_format = {
	.levels = 4,
	.max_leaf = 1,
	.leaf = nested_leaf,
	.table = nested_table,
	.present = entry_present,
	.is_leaf = entry_is_leaf,
	.access = entry_access,
	.address = entry_address,
};
