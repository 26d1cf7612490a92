// SPDX-License-Identifier: GPL-2.0-only
/*
 * Between the core and its pool (the linker's --wrap): catches what nobody may do to pages, and makes allocations fail.
 *
 * Pages that nobody took are poisoned for AddressSanitizer; without it only bad calls of pool_free() are noticed.
 */
#include <hv/pool.h>
#include "fake.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define WITH_ASAN
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define WITH_ASAN
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(start, size) ((void)(start), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(start, size) ((void)(start), (void)(size))
#endif

#define PAGES_MAX 512

int __real_pool_init(void *start, u32 pages);
void *__real_pool_alloc(u32 pages);
void __real_pool_free(void *start, u32 pages);
int __wrap_pool_init(void *start, u32 pages);
void *__wrap_pool_alloc(u32 pages);
void __wrap_pool_free(void *start, u32 pages);

static u8 *pool;
static u32 pool_pages;
static bool taken[PAGES_MAX];
static u32 allowed = FAKE_NEVER;

void fake_pool_fail_after(u32 allocations)
{
	allowed = allocations;
}

static void poison_free_pages(void)
{
	for (u32 page = 0; page < pool_pages; page++)
		if (!taken[page])
			ASAN_POISON_MEMORY_REGION(pool + page * PAGE_SIZE, PAGE_SIZE);
}

int __wrap_pool_init(void *start, u32 pages)
{
	int err;

	if (pages > PAGES_MAX)
		fake_fault("pool of %u pages", pages);
	err = __real_pool_init(start, pages);
	if (err)
		return err;
	pool = start;
	pool_pages = pages;
	for (u32 page = 0; page < pages; page++)
		taken[page] = page < pool_used();
	poison_free_pages();
	return 0;
}

void *__wrap_pool_alloc(u32 pages)
{
	u8 *start;

	if (!allowed)
		return NULL;
	if (allowed != FAKE_NEVER)
		allowed--;
	ASAN_UNPOISON_MEMORY_REGION(pool, pool_pages * PAGE_SIZE);
	start = __real_pool_alloc(pages);
	for (u32 i = 0; start && i < pages; i++) {
		bool *page = &taken[(start - pool) / PAGE_SIZE + i];

		if (*page)
			fake_fault("pool page given twice");
		*page = true;
	}
	poison_free_pages();
	return start;
}

void __wrap_pool_free(void *start, u32 pages)
{
	u64 first = ((u8 *)start - pool) / PAGE_SIZE;

	if (!start)
		return;
	if ((u8 *)start < pool || ((u64)start & ~PAGE_MASK) || first + pages > pool_pages)
		fake_fault("freed what is no pool page");
	for (u32 i = 0; i < pages; i++) {
		if (!taken[first + i])
			fake_fault("pool page %u freed twice", (u32)first + i);
		taken[first + i] = false;
	}
	__real_pool_free(start, pages);
	poison_free_pages();
}
