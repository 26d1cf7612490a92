// SPDX-License-Identifier: GPL-2.0-only
/* Page tables: each function, running out of memory, and random use against a model with one entry for each page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <fake.h>
#include <hv/arch.h>
#include <hv/pool.h>

#define HUGE (2 * FAKE_MIB)
#define GIB (1UL << 30)
#define LIMIT (1UL << 48)
#define RW (ACCESS_READ | ACCESS_WRITE)

static struct paging pg;
static u32 used_before;

/* Tables that may have leaves up to a level, in a pool of some pages. */
static void start(unsigned int max_leaf, u32 pages)
{
	fake.max_leaf = max_leaf;
	fake_power_on();
	assert_int_equal(pool_init(arch_memory_base(), pages), 0);
	used_before = pool_used();
	assert_int_equal(paging_init(&pg, &arch_stage2_format), 0);
}

static void finish(void)
{
	paging_exit(&pg);
	assert_null(pg.root);
	assert_int_equal(pool_used(), used_before);
	paging_exit(&pg);
}

static u32 tables(void)
{
	return pool_used() - used_before;
}

static void assert_maps(u64 va, paddr_t pa, unsigned int access, u64 left)
{
	struct paging_entry e = { 0 };

	assert_true(paging_lookup(&pg, va, &e));
	assert_int_equal(e.address, pa);
	assert_int_equal(e.access, access);
	assert_int_equal(e.left, left);
}

static void assert_hole(u64 va)
{
	struct paging_entry e;

	assert_false(paging_lookup(&pg, va, &e));
}

static void test_init_without_memory(void **state)
{
	struct paging empty = { 0 };

	(void)state;
	start(1, 16);
	fake_pool_fail_after(0);
	assert_int_equal(paging_init(&empty, &arch_stage2_format), -ENOMEM);
	paging_exit(&empty);
	finish();
}

static void test_map_pages(void **state)
{
	(void)state;
	start(1, 16);
	assert_hole(0);
	assert_int_equal(paging_map(&pg, 0x5000, 0x12345000, 2 * PAGE_SIZE, RW, true), 0);
	assert_int_equal(tables(), 4);
	assert_hole(0x4fff);
	assert_maps(0x5000, 0x12345000, RW, PAGE_SIZE);
	assert_maps(0x5123, 0x12345123, RW, PAGE_SIZE - 0x123);
	assert_maps(0x6fff, 0x12346fff, RW, 1);
	assert_hole(0x7000);
	/* Replaced, others kept. */
	assert_int_equal(paging_map(&pg, 0x6000, 0x777000, PAGE_SIZE, ACCESS_READ, true), 0);
	assert_maps(0x5000, 0x12345000, RW, PAGE_SIZE);
	assert_maps(0x6000, 0x777000, ACCESS_READ, PAGE_SIZE);
	assert_int_equal(tables(), 4);
	finish();
}

static void test_range(void **state)
{
	(void)state;
	start(1, 16);
	assert_int_equal(paging_map(&pg, LIMIT - PAGE_SIZE, 0, PAGE_SIZE, RW, true), 0);
	assert_maps(LIMIT - 1, 0xfff, RW, 1);
	assert_int_equal(paging_map(&pg, LIMIT - PAGE_SIZE, 0, 2 * PAGE_SIZE, RW, true), -ERANGE);
	assert_int_equal(paging_map(&pg, 0, 0, 0, RW, true), -ERANGE);
	assert_int_equal(paging_map(&pg, 0, 0, LIMIT + PAGE_SIZE, RW, true), -ERANGE);
	assert_int_equal(paging_map(&pg, PAGE_SIZE, 0, -PAGE_SIZE, RW, true), -ERANGE);
	assert_int_equal(paging_split(&pg, LIMIT - PAGE_SIZE, 2 * PAGE_SIZE), -ERANGE);
	assert_int_equal(paging_split(&pg, 0, 0), -ERANGE);
	assert_int_equal(paging_split(&pg, LIMIT - PAGE_SIZE, PAGE_SIZE), 0);
	/* What cannot be addressed does not begin again at 0. */
	assert_int_equal(paging_map(&pg, LIMIT, 0, PAGE_SIZE, RW, true), -ERANGE);
	assert_int_equal(paging_map(&pg, -PAGE_SIZE, 0, PAGE_SIZE, RW, true), -ERANGE);
	assert_hole(2 * LIMIT - 1);
	assert_hole(-1UL);
	finish();
}

/* The upper half from the top, as the hypervisor's own tables on x86. */
static void test_upper_half(void **state)
{
	(void)state;
	arch_stage2_format.upper_half = true;
	start(1, 16);
	assert_int_equal(paging_map(&pg, -PAGE_SIZE, 0x5000, PAGE_SIZE, RW, true), 0);
	assert_maps(-1UL, 0x5fff, RW, 1);
	assert_int_equal(paging_map(&pg, -(LIMIT / 2), 0x7000, PAGE_SIZE, RW, true), 0);
	assert_maps(-(LIMIT / 2), 0x7000, RW, PAGE_SIZE);
	assert_int_equal(paging_map(&pg, 0, 0x9000, PAGE_SIZE, RW, true), 0);
	assert_maps(0, 0x9000, RW, PAGE_SIZE);
	assert_int_equal(paging_map(&pg, -PAGE_SIZE, 0, 2 * PAGE_SIZE, RW, true), -ERANGE);
	assert_int_equal(paging_map(&pg, -(LIMIT / 2) - PAGE_SIZE, 0, PAGE_SIZE, RW, true), -ERANGE);
	finish();
}

static void test_huge_where_aligned(void **state)
{
	(void)state;
	start(1, 16);
	assert_int_equal(paging_map(&pg, HUGE - PAGE_SIZE, 5 * HUGE - PAGE_SIZE, HUGE + 2 * PAGE_SIZE, RW, true), 0);
	assert_maps(HUGE - PAGE_SIZE, 5 * HUGE - PAGE_SIZE, RW, PAGE_SIZE);
	assert_maps(HUGE, 5 * HUGE, RW, HUGE);
	assert_maps(2 * HUGE, 6 * HUGE, RW, PAGE_SIZE);
	assert_hole(2 * HUGE + PAGE_SIZE);
	/* Addresses that are not congruent, and not wanted. */
	assert_int_equal(paging_map(&pg, GIB, GIB + PAGE_SIZE, HUGE, RW, true), 0);
	assert_maps(GIB, GIB + PAGE_SIZE, RW, PAGE_SIZE);
	assert_int_equal(paging_map(&pg, 2 * GIB, 2 * GIB, HUGE, RW, false), 0);
	assert_maps(2 * GIB, 2 * GIB, RW, PAGE_SIZE);
	finish();
}

static void test_largest(void **state)
{
	(void)state;
	start(2, 64);
	assert_int_equal(paging_map(&pg, GIB, 3 * GIB, 2 * GIB, RW, true), 0);
	assert_int_equal(tables(), 2);
	assert_maps(GIB, 3 * GIB, RW, GIB);
	assert_maps(3 * GIB - 1, 5 * GIB - 1, RW, 1);
	/* A page in it: two tables, the rest as it was. */
	assert_int_equal(paging_map(&pg, GIB + HUGE, 0x1000, PAGE_SIZE, ACCESS_READ, true), 0);
	assert_int_equal(tables(), 4);
	assert_maps(GIB, 3 * GIB, RW, HUGE);
	assert_maps(GIB + HUGE, 0x1000, ACCESS_READ, PAGE_SIZE);
	assert_maps(GIB + HUGE + PAGE_SIZE, 3 * GIB + HUGE + PAGE_SIZE, RW, PAGE_SIZE);
	assert_maps(2 * GIB, 4 * GIB, RW, GIB);
	/* A large leaf over tables frees them. */
	assert_int_equal(paging_map(&pg, GIB, 7 * GIB, GIB, RW, true), 0);
	assert_int_equal(tables(), 2);
	assert_maps(GIB + HUGE, 7 * GIB + HUGE, RW, GIB - HUGE);
	finish();
}

static void test_split_and_merge(void **state)
{
	(void)state;
	start(2, 64);
	assert_int_equal(paging_map(&pg, 0, 0, 2 * GIB, RW, true), 0);
	assert_int_equal(paging_split(&pg, GIB, GIB), 0);
	assert_int_equal(tables(), 2);
	assert_int_equal(paging_split(&pg, 0x5000, GIB), 0);
	assert_int_equal(tables(), 6);
	assert_maps(0x5000, 0x5000, RW, PAGE_SIZE);
	assert_maps(HUGE, HUGE, RW, HUGE);
	assert_maps(GIB + 0x5000, GIB + 0x5000, RW, PAGE_SIZE);
	assert_int_equal(paging_split(&pg, 0x5000, GIB), 0);
	assert_int_equal(tables(), 6);
	/* Only what lies in the range. */
	paging_merge(&pg, PAGE_SIZE, GIB);
	assert_int_equal(tables(), 6);
	paging_merge(&pg, 0, GIB - PAGE_SIZE);
	assert_int_equal(tables(), 5);
	assert_maps(0x5000, 0x5000, RW, HUGE - 0x5000);
	paging_merge(&pg, 0, GIB);
	assert_int_equal(tables(), 4);
	assert_maps(0x5000, 0x5000, RW, GIB - 0x5000);
	paging_merge(&pg, 0, 2 * GIB);
	assert_int_equal(tables(), 2);
	assert_maps(0, 0, RW, GIB);
	finish();
}

/* One entry that does not continue the others keeps the table. */
static void test_merge_refused(void **state)
{
	const struct {
		u64 at;
		paddr_t pa;
		unsigned int access;
	} odd[] = {
		{ 0, HUGE, ACCESS_READ },	    { HUGE - PAGE_SIZE, 2 * HUGE - PAGE_SIZE, ACCESS_READ },
		{ HUGE - PAGE_SIZE, 2 * HUGE, RW }, { 0, 0, RW },
		{ 0x7000, HUGE + 0x7000, 0 },	    { 0x7000, HUGE + 0x7000, RW | ACCESS_DEVICE },
	};

	(void)state;
	start(2, 64);
	for (unsigned int i = 0; i < ARRAY_SIZE(odd); i++) {
		assert_int_equal(paging_map(&pg, 0, HUGE, HUGE, RW, false), 0);
		assert_int_equal(paging_map(&pg, odd[i].at, odd[i].pa, PAGE_SIZE, odd[i].access, false), 0);
		paging_merge(&pg, 0, HUGE);
		assert_int_equal(tables(), 4);
		assert_maps(0x3000, HUGE + 0x3000, RW, PAGE_SIZE);
	}
	/* Contiguous, but not where a large leaf could be. */
	assert_int_equal(paging_map(&pg, 0, PAGE_SIZE, HUGE, RW, false), 0);
	paging_merge(&pg, 0, HUGE);
	assert_int_equal(tables(), 4);
	/* No leaf larger than the format has. */
	arch_stage2_format.max_leaf = 0;
	assert_int_equal(paging_map(&pg, 0, HUGE, HUGE, RW, false), 0);
	paging_merge(&pg, 0, HUGE);
	assert_int_equal(tables(), 4);
	arch_stage2_format.max_leaf = 1;
	paging_merge(&pg, 0, HUGE);
	assert_int_equal(tables(), 3);
	finish();
}

static void test_unmap(void **state)
{
	(void)state;
	start(2, 64);
	assert_int_equal(paging_map(&pg, 0, 0, 2 * GIB, RW, true), 0);
	assert_int_equal(paging_split(&pg, HUGE + 0x3000, GIB), 0);
	paging_unmap(&pg, HUGE + 0x3000, GIB);
	assert_maps(HUGE + 0x2fff, HUGE + 0x2fff, RW, 1);
	assert_hole(HUGE + 0x3000);
	assert_hole(GIB);
	assert_hole(GIB + HUGE + 0x2fff);
	assert_maps(GIB + HUGE + 0x3000, GIB + HUGE + 0x3000, RW, PAGE_SIZE);
	/* Twice, and what was never there. */
	paging_unmap(&pg, HUGE + 0x3000, GIB);
	paging_unmap(&pg, 5 * GIB + 0x3000, GIB);
	assert_maps(GIB + HUGE + 0x3000, GIB + HUGE + 0x3000, RW, PAGE_SIZE);
	/* Back without memory. */
	fake_pool_fail_after(0);
	assert_int_equal(paging_map(&pg, HUGE + 0x3000, HUGE + 0x3000, GIB, RW, true), 0);
	paging_merge(&pg, 0, 2 * GIB);
	assert_int_equal(tables(), 2);
	assert_maps(0, 0, RW, GIB);
	finish();
}

static void test_out_of_memory(void **state)
{
	int err = -ENOMEM;

	(void)state;
	start(1, 64);
	for (u32 n = 0; err; n++) {
		fake_pool_fail_after(n);
		err = paging_map(&pg, GIB - PAGE_SIZE, 0, 2 * HUGE, RW, true);
		assert_true(err ? err == -ENOMEM : n > 3);
		fake_pool_fail_after(FAKE_NEVER);
		finish();
		assert_int_equal(paging_init(&pg, &arch_stage2_format), 0);
	}

	/* A split that fails changes no translation. */
	assert_int_equal(paging_map(&pg, 0, 0, 2 * HUGE, RW, true), 0);
	for (u32 n = 0; n < 2; n++) {
		fake_pool_fail_after(n);
		assert_int_equal(paging_split(&pg, PAGE_SIZE, HUGE), -ENOMEM);
		assert_maps(HUGE, HUGE, RW, HUGE);
		assert_maps(PAGE_SIZE, PAGE_SIZE, RW, n ? PAGE_SIZE : HUGE - PAGE_SIZE);
	}
	fake_pool_fail_after(FAKE_NEVER);
	finish();
}

/* --- random use --- */

#define MODEL_PAGES (6 * 512)
#define MODEL_START (GIB - 3 * HUGE)

static struct {
	paddr_t pa;
	unsigned int access; /* 0: hole */
} model[MODEL_PAGES];

static unsigned int below(unsigned int n)
{
	return rand() % n;
}

/* A range of pages; every third time of whole large leaves. */
static void random_range(unsigned int *ret_first, unsigned int *ret_pages)
{
	unsigned int unit = below(3) ? 1 : 512;
	unsigned int units = MODEL_PAGES / unit;
	unsigned int first = below(units);

	*ret_first = first * unit;
	*ret_pages = (1 + below(MIN(units - first, unit == 1 ? 700U : 4U))) * unit;
}

static void check_model(unsigned int first, unsigned int pages)
{
	for (unsigned int i = first; i < first + pages; i++) {
		struct paging_entry e;
		u64 offset = below(PAGE_SIZE);

		assert_int_equal(paging_lookup(&pg, MODEL_START + i * PAGE_SIZE + offset, &e), model[i].access != 0);
		if (!model[i].access)
			continue;
		assert_int_equal(e.address, model[i].pa + offset);
		assert_int_equal(e.access, model[i].access);
		assert_true(e.left >= PAGE_SIZE - offset && (e.left + offset) % PAGE_SIZE == 0);
		/* The last page that "left" promises. */
		i += (e.left + offset) / PAGE_SIZE - 1;
		assert_true(i < MODEL_PAGES);
		assert_int_equal(model[i].access, e.access);
		assert_int_equal(model[i].pa, e.address - offset + e.left + offset - PAGE_SIZE);
	}
}

static void random_map(unsigned int first, unsigned int pages)
{
	static const unsigned int access[] = { ACCESS_READ, RW, ACCESS_RWX, RW | ACCESS_DEVICE, 0 };
	u64 va = MODEL_START + first * PAGE_SIZE;
	paddr_t pa = below(2) ? va : below(2) ? va + 4 * HUGE : below(1 << 20) * PAGE_SIZE;
	unsigned int rights = access[below(ARRAY_SIZE(access))];

	assert_int_equal(paging_map(&pg, va, pa, pages * PAGE_SIZE, rights, below(4)), 0);
	for (unsigned int i = 0; i < pages; i++) {
		model[first + i].pa = pa + i * PAGE_SIZE;
		model[first + i].access = rights & ACCESS_RWX ? rights : 0;
	}
}

/* What memory_give() does: map the pieces that were there, which must not need memory. */
static void map_again(unsigned int first, unsigned int pages)
{
	fake_pool_fail_after(0);
	for (unsigned int i = first; i < first + pages;) {
		unsigned int n = 1;

		while (i + n < first + pages && model[i + n].access == model[i].access &&
		       model[i + n].pa == model[i].pa + n * PAGE_SIZE)
			n++;
		if (model[i].access)
			assert_int_equal(paging_map(&pg, MODEL_START + i * PAGE_SIZE, model[i].pa, n * PAGE_SIZE,
						    model[i].access, true),
					 0);
		i += n;
	}
	fake_pool_fail_after(FAKE_NEVER);
}

static void random_unmap(unsigned int first, unsigned int pages)
{
	u64 va = MODEL_START + first * PAGE_SIZE;

	assert_int_equal(paging_split(&pg, va, pages * PAGE_SIZE), 0);
	paging_unmap(&pg, va, pages * PAGE_SIZE);
	if (below(2)) {
		map_again(first, pages);
		return;
	}
	for (unsigned int i = first; i < first + pages; i++)
		model[i].access = 0;
}

static void test_random(void **state)
{
	(void)state;
	start(2, 64);
	srand(1);
	for (unsigned int round = 0; round < 1500; round++) {
		unsigned int first, pages;
		u32 before = tables();

		random_range(&first, &pages);
		switch (below(4)) {
		case 0:
			random_map(first, pages);
			break;
		case 1:
			random_unmap(first, pages);
			break;
		case 2:
			assert_int_equal(paging_split(&pg, MODEL_START + first * PAGE_SIZE, pages * PAGE_SIZE), 0);
			assert_true(tables() <= before + 4);
			break;
		default:
			paging_merge(&pg, MODEL_START + first * PAGE_SIZE, pages * PAGE_SIZE);
			assert_true(tables() <= before);
		}
		check_model(0, MODEL_PAGES);
		assert_hole(MODEL_START - 1);
		assert_hole(MODEL_START + MODEL_PAGES * PAGE_SIZE);
	}
	/* In the end all of it is one piece: root, two times level 2 and 1, and nothing else. */
	assert_int_equal(paging_map(&pg, MODEL_START, 0, MODEL_PAGES * PAGE_SIZE, RW, true), 0);
	assert_int_equal(tables(), 4);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_init_without_memory),
		FAKE_TEST(test_map_pages),
		FAKE_TEST(test_range),
		FAKE_TEST(test_upper_half),
		FAKE_TEST(test_huge_where_aligned),
		FAKE_TEST(test_largest),
		FAKE_TEST(test_split_and_merge),
		FAKE_TEST(test_merge_refused),
		FAKE_TEST(test_unmap),
		FAKE_TEST(test_out_of_memory),
		FAKE_TEST(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
