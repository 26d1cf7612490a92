/* SPDX-License-Identifier: GPL-2.0-only */
/* A cell's memory: who may have which region, and the moves between root and cell. */
#ifndef HV_MEMORY_H
#define HV_MEMORY_H

#include <hv/cell.h>

static inline bool ranges_overlap(u64 a, u64 a_size, u64 b, u64 b_size)
{
	return a < b + b_size && b < a + a_size;
}

/** memory_changes_hands() - root loses the region while the cell has it */
bool memory_changes_hands(const struct cell_memory *mem);

/**
 * memory_owner() - a cell but root that has a byte of a range
 * @shared: CELL_MEM_ROOTSHARED: leave out those that share it
 *
 * Root may have it, too, while that cell is loadable. Return: NULL if there is none.
 */
const struct cell *memory_owner(paddr_t start, u64 size, u64 shared);

/** memory_find_root() - the region that maps a page by root's configuration, whoever has it now; NULL: none */
const struct cell_memory *memory_find_root(paddr_t page);

/** memory_check_root() - root's regions must be mapped one to one; 0 or -EINVAL, refused by number */
int memory_check_root(void);

/**
 * memory_check() - may a new cell have its regions?
 *
 * Each must lie page by page in what root has now, with at least the same rights, and touch nothing reserved. Another
 * cell may have the same memory only if both declare it as shared.
 * Return: 0, -EINVAL, -EBUSY (not root's alone), -EPERM (more rights than root); refused by name.
 */
int memory_check(const struct cell_config *config);

/**
 * memory_map_regions() - map or trap all regions of the cell's configuration
 *
 * Return: 0, -EINVAL, -ENOMEM, -ERANGE, -E2BIG if devices cannot reach an address; refused by number.
 */
int memory_map_regions(struct cell *cell);

/** memory_hide() - remove a range from all tables of a cell that is being made, for it to trap; 0, -ENOMEM, -ERANGE */
int memory_hide(struct cell *cell, u64 start, u64 size);

/** memory_split_root() - split root's tables at the borders of all regions, so that the moves can't fail; or -ENOMEM
 */
int memory_split_root(const struct cell *cell);

/** memory_take() - remove the regions that change hands from root; root's CPUs suspended */
void memory_take(const struct cell *cell, bool loadable_only);

/**
 * memory_give() - map them in root again as root's configuration has them; root's CPUs suspended
 *
 * Tables are merged again only by memory_merge_root().
 */
void memory_give(const struct cell *cell, bool loadable_only);

/** memory_merge_root() - give back root's tables that memory_split_root() made; root's CPUs suspended */
void memory_merge_root(const struct cell *cell);

/** memory_clear() - zero what changes hands and is RAM by root's configuration; nobody else has it mapped */
void memory_clear(const struct cell *cell);

/** memory_read_root() - copy from what root reads at an address; 0 or -ENOMEM if it has nothing there */
int memory_read_root(paddr_t from, void *to, u64 size);
/** memory_write_root() - copy to what root may write */
int memory_write_root(paddr_t to, const void *from, u64 size);

/* --- subpage.c --- */

/** subpage_add() - trap a sub-page region of the cell; as mmio_add() */
int subpage_add(struct cell *cell, const struct cell_memory *mem);

/** subpage_divides() - does the region take a part of the page at @page, and so the page, from root? */
bool subpage_divides(const struct cell_memory *mem, paddr_t page);

/** subpage_find_divided() - the window for root's part of a page of which a cell has another part; NULL: none */
const struct mmio_window *subpage_find_divided(paddr_t address);

#endif
