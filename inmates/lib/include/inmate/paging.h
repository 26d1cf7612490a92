/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The inmate's own page tables: identity mapping of the first 2 MiB, more on demand.
 */
#ifndef INMATE_PAGING_H
#define INMATE_PAGING_H

#include "types.h"

#define PAGE_BYTES 4096UL
#define PAGE_BYTES_LARGE 0x200000UL

#define PAGING_WRITE 0x1
#define PAGING_EXECUTE 0x2
#define PAGING_UNCACHED 0x4

/** paging_init - no access to page 0 and the stacks' guard pages, code read-only, data not executable */
void paging_init(void);

/**
 * paging_map - make a range of guest-physical memory accessible, virtual == physical
 * @address: any; below 128 TiB
 * @bytes:   any
 * @flags:   PAGING_*
 *
 * Maps whole 2 MiB pages (within the first 2 MiB: 4 KiB pages), so neighbours get the same rights. That the cell
 * owns the memory is neither needed nor checked. Context: one CPU at a time; others keep stale rights in their TLBs.
 *
 * Return: @address, or NULL if the pool of page tables is used up.
 */
void *paging_map(u64 address, u64 bytes, unsigned int flags);

#endif
