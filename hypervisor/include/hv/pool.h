/* SPDX-License-Identifier: GPL-2.0-only */
/* Page pool: all memory that the hypervisor hands out, sized once at setup. */
#ifndef HV_POOL_H
#define HV_POOL_H

#include <hv/types.h>

/**
 * pool_init() - make a range of hypervisor memory the pool
 * @start: first byte, page aligned; the bitmap is put here
 * @pages: number of pages
 *
 * Context: before any other CPU is in the hypervisor.
 * Return: 0, -ENOMEM if nothing would be left after the bitmap.
 */
int pool_init(void *start, u32 pages);

/**
 * pool_alloc() - take contiguous zeroed pages
 * @pages: how many, at least 1
 *
 * Context: setup, or under the control lock.
 * Return: the first page, NULL if there is no such run.
 */
void *pool_alloc(u32 pages);

/** pool_free() - give back what pool_alloc() gave; NULL is ignored */
void pool_free(void *start, u32 pages);

u32 pool_size(void); /**< pages managed, bitmap included */
u32 pool_used(void); /**< pages in use, bitmap included */

#endif
