/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables of any format with 512 entries a table: the hypervisor's own and the cells' stage-2.
 *
 * What can fail is done before anything changes for a running CPU: paging_split() prepares the borders of a range,
 * after which paging_unmap() and the paging_map() that undoes it need no memory.
 */
#ifndef HV_PAGING_H
#define HV_PAGING_H

#include <hv/types.h>

/** Access rights of a mapping, independent of the format. */
#define ACCESS_READ 0x1
#define ACCESS_WRITE 0x2
#define ACCESS_EXECUTE 0x4
#define ACCESS_DEVICE 0x8 /**< uncached device memory */
#define ACCESS_RWX 0x7

#define PAGING_MAX_LEVELS 4
#define PAGING_ENTRIES 512

/** paging_level_size() - bytes that an entry of a level covers; level 0 is a page */
static inline u64 paging_level_size(unsigned int level)
{
	return (u64)PAGE_SIZE << (9 * level);
}

/** struct paging_format - how entries look; level 0 is the table that maps single pages */
struct paging_format {
	unsigned int levels;   /**< of a full walk, at most PAGING_MAX_LEVELS */
	unsigned int max_leaf; /**< highest level at which an entry may map memory */
	bool upper_half; /**< addresses are sign-extended, so the upper half of the tables is reached from the top */
	u64 (*leaf)(paddr_t pa, unsigned int access, unsigned int level);
	u64 (*table)(paddr_t pa, unsigned int level); /**< an entry of @level for the table below it */
	bool (*present)(u64 entry);
	bool (*is_leaf)(u64 entry, unsigned int level); /**< for present entries */
	unsigned int (*access)(u64 entry);		/**< of a leaf */
	paddr_t (*address)(u64 entry, unsigned int level);
};

/** struct paging - one set of page tables */
struct paging {
	const struct paging_format *format;
	u64 *root; /**< a pool page */
};

/** struct paging_entry - what paging_lookup() found */
struct paging_entry {
	paddr_t address;     /**< to which the looked-up address translates */
	unsigned int access; /**< ACCESS_* */
	u64 left;	     /**< bytes from there to the end of the leaf */
};

/** paging_init() - empty page tables; 0 or -ENOMEM */
int paging_init(struct paging *pg, const struct paging_format *format);

/** paging_exit() - give back every table; @pg may be zeroed */
void paging_exit(struct paging *pg);

/**
 * paging_map() - map a range, replacing what was there
 * @pg: page tables
 * @va: start of the range, page aligned
 * @pa: physical start, page aligned
 * @size: bytes, page multiple
 * @access: ACCESS_*
 * @huge: large leaves where the alignment allows them
 *
 * Return: 0, -ENOMEM (part of the range may be mapped), -ERANGE if the range is beyond what the format can address.
 */
int paging_map(struct paging *pg, u64 va, paddr_t pa, u64 size, unsigned int access, bool huge);

/**
 * paging_split() - make sure that no leaf crosses the borders of a range
 *
 * The translation does not change. Return: 0, -ENOMEM, -ERANGE.
 */
int paging_split(struct paging *pg, u64 va, u64 size);

/** paging_unmap() - remove a range whose borders were split; tables stay, so it can be mapped again without memory */
void paging_unmap(struct paging *pg, u64 va, u64 size);

/** paging_merge() - turn tables that lie in a range and map one contiguous piece back into large leaves */
void paging_merge(struct paging *pg, u64 va, u64 size);

/** paging_lookup() - translate; false if @va is not mapped */
bool paging_lookup(const struct paging *pg, u64 va, struct paging_entry *ret_entry);

#endif
