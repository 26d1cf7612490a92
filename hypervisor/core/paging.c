// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables of any format: map, split, unmap, merge, look up, without recursion.
 *
 * Invariant: every table is a pool page that exactly one entry points to. A level-n entry covers
 * paging_level_size(n) bytes; walks go from format->levels - 1 down to 0.
 */
#include <hv/arch.h>
#include <hv/paging.h>
#include <hv/pool.h>

static unsigned int entry_index(u64 va, unsigned int level)
{
	return (va >> (PAGE_SHIFT + 9 * level)) % PAGING_ENTRIES;
}

static bool is_table(const struct paging_format *f, u64 entry, unsigned int level)
{
	return level > 0 && f->present(entry) && !f->is_leaf(entry, level);
}

static u64 *entry_table(const struct paging_format *f, u64 entry, unsigned int level)
{
	return arch_phys_to_virt(f->address(entry, level));
}

/* Beyond the root table, or around the end of the address space. */
static bool range_valid(const struct paging *pg, u64 va, u64 size)
{
	u64 limit = paging_level_size(pg->format->levels - 1) * PAGING_ENTRIES;

	if (pg->format->upper_half && va >= -(limit / 2))
		va += limit;
	return size && size <= limit && va <= limit - size;
}

int paging_init(struct paging *pg, const struct paging_format *format)
{
	pg->format = format;
	pg->root = pool_alloc(1);
	return pg->root ? 0 : -ENOMEM;
}

/* Free a table and all below it: depth first with an explicit path. */
static void free_tables(const struct paging_format *f, u64 *table, unsigned int level)
{
	u64 *path[PAGING_MAX_LEVELS];
	unsigned int next[PAGING_MAX_LEVELS];
	unsigned int l = level;

	path[l] = table;
	next[l] = 0;
	for (;;) {
		if (next[l] < PAGING_ENTRIES && l > 0) {
			u64 entry = path[l][next[l]++];

			if (is_table(f, entry, l)) {
				path[l - 1] = entry_table(f, entry, l);
				next[l - 1] = 0;
				l--;
			}
			continue;
		}
		pool_free(path[l], 1);
		if (l++ == level)
			return;
	}
}

void paging_exit(struct paging *pg)
{
	if (pg->root)
		free_tables(pg->format, pg->root, pg->format->levels - 1);
	pg->root = NULL;
}

/* Replace a leaf above level 0, or nothing, by a table that means the same. */
static int make_table(const struct paging_format *f, u64 *slot, unsigned int level)
{
	u64 entry = *slot;
	u64 *table = pool_alloc(1);

	if (!table)
		return -ENOMEM;
	if (f->present(entry)) {
		paddr_t pa = f->address(entry, level);

		for (unsigned int i = 0; i < PAGING_ENTRIES; i++, pa += paging_level_size(level - 1))
			table[i] = f->leaf(pa, f->access(entry), level - 1);
	}
	*slot = f->table(arch_virt_to_phys(table), level);
	return 0;
}

/* The entry for va at a level, making tables on the way; NULL: out of memory. */
static u64 *walk_make(struct paging *pg, u64 va, unsigned int level)
{
	const struct paging_format *f = pg->format;
	u64 *table = pg->root;

	for (unsigned int l = f->levels - 1; l > level; l--) {
		u64 *slot = &table[entry_index(va, l)];

		if (!is_table(f, *slot, l) && make_table(f, slot, l))
			return NULL;
		table = entry_table(f, *slot, l);
	}
	return &table[entry_index(va, level)];
}

/* The entry that decides about va: a leaf, a hole, at the level that is returned. */
static u64 *walk_find(const struct paging *pg, u64 va, unsigned int *ret_level)
{
	const struct paging_format *f = pg->format;
	unsigned int l = f->levels - 1;
	u64 *slot = &pg->root[entry_index(va, l)];

	while (is_table(f, *slot, l)) {
		slot = &entry_table(f, *slot, l)[entry_index(va, l - 1)];
		l--;
	}
	*ret_level = l;
	return slot;
}

/* The largest level at which va, pa and what is left allow a leaf. */
static unsigned int leaf_level(const struct paging_format *f, u64 va, paddr_t pa, u64 left, bool huge)
{
	unsigned int level = huge ? f->max_leaf : 0;

	while (level && (((va | pa) & (paging_level_size(level) - 1)) || left < paging_level_size(level)))
		level--;
	return level;
}

int paging_map(struct paging *pg, u64 va, paddr_t pa, u64 size, unsigned int access, bool huge)
{
	const struct paging_format *f = pg->format;

	if (!range_valid(pg, va, size))
		return -ERANGE;
	while (size) {
		unsigned int level = leaf_level(f, va, pa, size, huge);
		u64 step = paging_level_size(level);
		u64 *slot = walk_make(pg, va, level);
		u64 old;

		if (!slot)
			return -ENOMEM;
		old = *slot;
		*slot = f->leaf(pa, access, level);
		if (is_table(f, old, level))
			free_tables(f, entry_table(f, old, level), level - 1);
		va += step;
		pa += step;
		size -= step;
	}
	return 0;
}

static int split_at(struct paging *pg, u64 va)
{
	unsigned int level;
	u64 *slot;

	for (;;) {
		slot = walk_find(pg, va, &level);
		if (!level || !pg->format->present(*slot) || !(va & (paging_level_size(level) - 1)))
			return 0;
		if (make_table(pg->format, slot, level))
			return -ENOMEM;
	}
}

int paging_split(struct paging *pg, u64 va, u64 size)
{
	int err;

	if (!range_valid(pg, va, size))
		return -ERANGE;
	err = split_at(pg, va);
	return err ? err : split_at(pg, va + size);
}

void paging_unmap(struct paging *pg, u64 va, u64 size)
{
	u64 end = va + size;

	while (va < end) {
		unsigned int level;
		u64 *slot = walk_find(pg, va, &level);
		u64 step = paging_level_size(level);

		*slot = 0;
		va = (va & ~(step - 1)) + step;
	}
}

/* One leaf for all entries of a table, if they continue each other; 0 if not. */
static u64 merged_entry(const struct paging_format *f, const u64 *table, unsigned int level)
{
	u64 first = table[0];
	paddr_t pa;

	if (level > f->max_leaf || !f->present(first) || !f->is_leaf(first, level - 1))
		return 0;
	pa = f->address(first, level - 1);
	if (pa & (paging_level_size(level) - 1))
		return 0;
	for (unsigned int i = 1; i < PAGING_ENTRIES; i++)
		if (table[i] != f->leaf(pa + i * paging_level_size(level - 1), f->access(first), level - 1))
			return 0;
	return f->leaf(pa, f->access(first), level);
}

/* Merge all tables at one level that lie in the range. */
static void merge_level(struct paging *pg, u64 va, u64 end, unsigned int level)
{
	const struct paging_format *f = pg->format;
	u64 step = paging_level_size(level);

	for (va = (va + step - 1) & ~(step - 1); va + step <= end; va += step) {
		unsigned int l = f->levels - 1;
		u64 *slot = &pg->root[entry_index(va, l)];
		u64 *table, merged;

		for (; l > level && is_table(f, *slot, l); l--)
			slot = &entry_table(f, *slot, l)[entry_index(va, l - 1)];
		if (l != level || !is_table(f, *slot, l))
			continue;
		table = entry_table(f, *slot, level);
		merged = merged_entry(f, table, level);
		if (merged) {
			*slot = merged;
			pool_free(table, 1);
		}
	}
}

void paging_merge(struct paging *pg, u64 va, u64 size)
{
	for (unsigned int level = 1; level <= pg->format->max_leaf; level++)
		merge_level(pg, va, va + size, level);
}

bool paging_lookup(const struct paging *pg, u64 va, struct paging_entry *ret_entry)
{
	const struct paging_format *f = pg->format;
	unsigned int level;
	u64 entry, offset;

	if (!range_valid(pg, va, 1))
		return false;
	entry = *walk_find(pg, va, &level);
	if (!f->present(entry))
		return false;
	offset = va & (paging_level_size(level) - 1);
	ret_entry->address = f->address(entry, level) + offset;
	ret_entry->access = f->access(entry);
	ret_entry->left = paging_level_size(level) - offset;
	return true;
}
