// SPDX-License-Identifier: GPL-2.0-only
/* Page pool: one bitmap, first fit, contiguous runs. Users free what they took; there is no owner in the bitmap. */
#include <hv/pool.h>
#include <hv/string.h>

static u8 *pool_start;
static u64 *pool_bitmap; /* bit set: page in use */
static u32 pool_pages;
static u32 pool_taken;

static bool page_taken(u32 page)
{
	return pool_bitmap[page / 64] >> (page % 64) & 1;
}

static void mark_pages(u32 first, u32 pages, bool taken)
{
	for (u32 page = first; page < first + pages; page++) {
		if (taken)
			pool_bitmap[page / 64] |= 1UL << (page % 64);
		else
			pool_bitmap[page / 64] &= ~(1UL << (page % 64));
	}
	pool_taken += taken ? pages : -pages;
}

int pool_init(void *start, u32 pages)
{
	u32 bitmap_pages = PAGE_ALIGN((u64)pages / 8 + sizeof(u64)) / PAGE_SIZE;

	if (pages <= bitmap_pages)
		return -ENOMEM;
	pool_start = start;
	pool_bitmap = start;
	pool_pages = pages;
	pool_taken = 0;
	memset(pool_bitmap, 0, bitmap_pages * PAGE_SIZE);
	mark_pages(0, bitmap_pages, true);
	return 0;
}

void *pool_alloc(u32 pages)
{
	u32 run = 0;

	for (u32 page = 0; pages && page < pool_pages; page++) {
		run = page_taken(page) ? 0 : run + 1;
		if (run == pages) {
			u8 *mem = pool_start + (u64)(page + 1 - pages) * PAGE_SIZE;

			mark_pages(page + 1 - pages, pages, true);
			return memset(mem, 0, pages * PAGE_SIZE);
		}
	}
	return NULL;
}

void pool_free(void *start, u32 pages)
{
	if (start)
		mark_pages(((u8 *)start - pool_start) / PAGE_SIZE, pages, false);
}

u32 pool_size(void)
{
	return pool_pages;
}

u32 pool_used(void)
{
	return pool_taken;
}
