// SPDX-License-Identifier: GPL-2.0-only
/* Page pool: accounting, runs, exhaustion, and random use against a model that knows each page's owner. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <hv/pool.h>
#include <hv/string.h>

#define PAGES 100

static u8 memory[PAGES * PAGE_SIZE] __attribute__((aligned(4096)));

static int setup(void **state)
{
	(void)state;
	memset(memory, 0xa5, sizeof(memory));
	return pool_init(memory, PAGES);
}

static void test_init(void **state)
{
	(void)state;
	assert_int_equal(pool_size(), PAGES);
	assert_int_equal(pool_used(), 1);
	assert_int_equal(pool_init(memory, 1), -ENOMEM);
	assert_int_equal(pool_init(memory, 0), -ENOMEM);
	assert_int_equal(pool_init(memory, 2), 0);
	assert_non_null(pool_alloc(1));
	assert_null(pool_alloc(1));
}

/* One bit for each page, and the bitmap's own pages are taken. */
static void test_bitmap_size(void **state)
{
	u8 *big = aligned_alloc(PAGE_SIZE, 4 * PAGE_SIZE);

	(void)state;
	assert_non_null(big);
	assert_int_equal(pool_init(big, 4088 * 8), 0);
	assert_int_equal(pool_used(), 1);
	assert_int_equal(pool_init(big, 4097 * 8), 0);
	assert_int_equal(pool_used(), 2);
	free(big);
}

static void test_pages_are_zeroed_and_ours(void **state)
{
	u8 *run = pool_alloc(3), *page = pool_alloc(1);

	(void)state;
	assert_int_equal(pool_used(), 5);
	assert_int_equal((u64)run & ~PAGE_MASK, 0);
	assert_true(run >= memory + PAGE_SIZE && run + 3 * PAGE_SIZE <= memory + sizeof(memory));
	assert_true(page + PAGE_SIZE <= run || page >= run + 3 * PAGE_SIZE);
	for (unsigned int i = 0; i < 3 * PAGE_SIZE; i++)
		assert_int_equal(run[i], 0);

	memset(run, 0xff, 3 * PAGE_SIZE);
	pool_free(run, 3);
	run = pool_alloc(2);
	for (unsigned int i = 0; i < 2 * PAGE_SIZE; i++)
		assert_int_equal(run[i], 0);
}

static void test_exhaustion(void **state)
{
	u8 *all;

	(void)state;
	assert_null(pool_alloc(0));
	assert_null(pool_alloc(PAGES));
	assert_null(pool_alloc(0xffffffffU));
	assert_int_equal(pool_used(), 1);
	all = pool_alloc(PAGES - 1);
	assert_non_null(all);
	assert_int_equal(pool_used(), PAGES);
	assert_null(pool_alloc(1));
	pool_free(NULL, 1);
	assert_int_equal(pool_used(), PAGES);
	pool_free(all, PAGES - 1);
	assert_int_equal(pool_used(), 1);
}

/* A run is never put together across a page that is taken. */
static void test_holes(void **state)
{
	u8 *page[PAGES - 1];

	(void)state;
	for (unsigned int i = 0; i < PAGES - 1; i++)
		page[i] = pool_alloc(1);
	for (unsigned int i = 0; i < PAGES - 1; i += 2)
		pool_free(page[i], 1);
	assert_null(pool_alloc(2));
	pool_free(page[61], 1);
	assert_ptr_equal(pool_alloc(3), page[60]);
	assert_ptr_equal(pool_alloc(1), page[0]);
}

static void test_random(void **state)
{
	struct {
		u8 *start;
		u32 pages;
	} run[24] = { 0 };
	u32 used = 1;

	(void)state;
	srand(1);
	for (unsigned int round = 0; round < 3000; round++) {
		unsigned int i = rand() % ARRAY_SIZE(run);

		if (!run[i].start) {
			run[i].pages = 1 + rand() % 7;
			run[i].start = pool_alloc(run[i].pages);
			if (!run[i].start)
				continue;
			memset(run[i].start, i + 1, run[i].pages * PAGE_SIZE);
			used += run[i].pages;
		} else {
			for (u64 at = 0; at < run[i].pages * PAGE_SIZE; at += 512)
				assert_int_equal(run[i].start[at], i + 1);
			pool_free(run[i].start, run[i].pages);
			run[i].start = NULL;
			used -= run[i].pages;
		}
		assert_int_equal(pool_used(), used);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_init, setup),
		cmocka_unit_test(test_bitmap_size),
		cmocka_unit_test_setup(test_pages_are_zeroed_and_ours, setup),
		cmocka_unit_test_setup(test_exhaustion, setup),
		cmocka_unit_test_setup(test_holes, setup),
		cmocka_unit_test_setup(test_random, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
