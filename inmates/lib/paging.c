/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The inmate's own page tables (AMD APM vol.2 5.3). start.S fills the first four; one table per level is enough for
 * the low 2 MiB, further ones come from a small pool.
 */
#include "inmate/asm.h"
#include "inmate/paging.h"
#include "memory.h"

#define PTE_PRESENT 0x001ULL
#define PTE_WRITE 0x002ULL
#define PTE_UNCACHED 0x010ULL /* PCD: selects UC in the PAT as it is at reset */
#define PTE_LARGE 0x080ULL
#define PTE_NX (1ULL << 63)
#define PTE_ADDRESS 0x000ffffffffff000ULL

#define ENTRIES 512
#define POOL_TABLES 16
#define ADDRESS_END (1ULL << 47)

#define PAGE_ALIGNED __attribute__((aligned(4096)))

u64 paging_pml4[ENTRIES] PAGE_ALIGNED;
u64 paging_pdpt[ENTRIES] PAGE_ALIGNED;
u64 paging_pd[ENTRIES] PAGE_ALIGNED;
u64 paging_low[ENTRIES] PAGE_ALIGNED;
u8 cpu_blocks[LAYOUT_CPUS * LAYOUT_CPU_BYTES] PAGE_ALIGNED;

static u64 pool[POOL_TABLES][ENTRIES] PAGE_ALIGNED;
static unsigned int pool_used;

static void flush(u64 address)
{
	__asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

static void low_set(u64 start, u64 end, u64 flags)
{
	for (u64 address = start; address < end; address += PAGE_BYTES) {
		paging_low[address / PAGE_BYTES] = flags ? address | flags : 0;
		flush(address);
	}
}

void paging_init(void)
{
	low_set(0, PAGE_BYTES, 0);
	low_set(PAGE_BYTES, (u64)__text_start, PTE_PRESENT | PTE_WRITE | PTE_NX);
	low_set((u64)__text_start, (u64)__text_end, PTE_PRESENT);
	low_set((u64)__text_end, (u64)__rodata_end, PTE_PRESENT | PTE_NX);
	low_set((u64)__rodata_end, PAGE_BYTES_LARGE, PTE_PRESENT | PTE_WRITE | PTE_NX);
	for (u64 i = 0; i < LAYOUT_CPUS; i++) {
		u64 guard = (u64)cpu_blocks + i * LAYOUT_CPU_BYTES;

		low_set(guard, guard + PAGE_BYTES, 0);
	}
}

/* Table that entry @index of @table refers to, taken from the pool if there is none. */
static u64 *next_table(u64 *table, u64 index)
{
	if (!(table[index] & PTE_PRESENT)) {
		if (pool_used == POOL_TABLES)
			return NULL;
		table[index] = (u64)pool[pool_used++] | PTE_PRESENT | PTE_WRITE;
	}
	return (u64 *)(table[index] & PTE_ADDRESS);
}

static bool map_large(u64 address, u64 pte)
{
	u64 *pdpt = next_table(paging_pml4, address >> 39 & 511);
	u64 *pd = pdpt ? next_table(pdpt, address >> 30 & 511) : NULL;

	if (!pd)
		return false;
	pd[address >> 21 & 511] = address | pte | PTE_LARGE;
	flush(address);
	return true;
}

void *paging_map(u64 address, u64 bytes, unsigned int flags)
{
	u64 pte = PTE_PRESENT | (flags & PAGING_WRITE ? PTE_WRITE : 0) | (flags & PAGING_EXECUTE ? 0 : PTE_NX) |
		  (flags & PAGING_UNCACHED ? PTE_UNCACHED : 0);
	u64 end = address + bytes;
	u64 pos = address;

	if (end < address || end > ADDRESS_END)
		return NULL;
	if (pos < PAGE_BYTES_LARGE && pos < end) {
		u64 low_end = end < PAGE_BYTES_LARGE ? end : PAGE_BYTES_LARGE;

		low_set(pos & ~(PAGE_BYTES - 1), low_end, pte);
		pos = low_end;
	}
	for (pos &= ~(PAGE_BYTES_LARGE - 1); pos < end; pos += PAGE_BYTES_LARGE) {
		if (pos && !map_large(pos, pte))
			return NULL;
	}
	return (void *)address;
}
