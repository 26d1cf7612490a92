// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cache allocation: who gets which class and ways, what each CPU writes for that, and what is refused.
 *
 * cat.c is part of this file, on a machine that pretends to have it: CPUID and MSRs are tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#define cpuid_read native_cpuid_read
#define msr_read native_msr_read
#define msr_write native_msr_write
#include "asm.h"
#undef cpuid_read
#undef msr_read
#undef msr_write

static struct cpuid cpuid_read(u32 leaf, u32 subleaf);
static u64 msr_read(u32 msr);
static void msr_write(u32 msr, u64 value);

#include "cat.c"

#define LINUX_PQR (5UL << 32 | 9) /* a class of resctrl's, and its monitoring */

struct cell root_cell;

static struct blob {
	struct cell_config header;
	struct cell_cache cache[2];
} blobs[4];
static struct cell cells[4]; /* the first one is not used */
static struct pcpu cpu;
static struct cpuid leaf0, leaf7, leaf10, l3;
static u64 masks[MAX_CLASSES], pqr, cfg;
static unsigned int writes;
static char said[256];

static struct cpuid cpuid_read(u32 leaf, u32 subleaf)
{
	switch (leaf) {
	case 0:
		return leaf0;
	case 7:
		return leaf7;
	default:
		assert_int_equal(leaf, 0x10);
		return subleaf ? l3 : leaf10;
	}
}

static u64 *msr_at(u32 msr)
{
	if (msr == 0xc81)
		return &cfg;
	if (msr == 0xc8f)
		return &pqr;
	assert_in_range(msr, 0xc90, 0xc90 + (l3.edx & 0xffff));
	return &masks[msr - 0xc90];
}

static u64 msr_read(u32 msr)
{
	return *msr_at(msr);
}

/* As the hardware: no empty mask, no unknown way, no class that is not there. */
static void msr_write(u32 msr, u64 value)
{
	if (msr == 0xc8f)
		assert_in_range(value >> 32, 0, l3.edx & 0xffff);
	else
		assert_true(value && !(value >> ((l3.eax & 0x1f) + 1)));
	*msr_at(msr) = value;
	writes++;
}

int refuse(int err, const char *fmt, ...)
{
	(void)fmt;
	return err;
}

void print(const char *fmt, ...)
{
	strncpy(said, fmt, sizeof(said) - 1);
}

/* --- tests --- */

/* An L3 cache of 16 ways with 4 classes. */
static int setup(void **state)
{
	(void)state;
	leaf0 = (struct cpuid){ .eax = 0x10, .ebx = 0x756e6547 };
	leaf7 = (struct cpuid){ .ebx = 1U << 15 };
	leaf10 = (struct cpuid){ .ebx = 1U << 1 };
	l3 = (struct cpuid){ .eax = 15, .edx = 3 };
	memset(blobs, 0, sizeof(blobs));
	memset(cells, 0, sizeof(cells));
	memset(masks, 0xff, sizeof(masks));
	for (unsigned int i = 0; i < MAX_CLASSES; i++)
		masks[i] = 0xffff;
	root_cell = (struct cell){ .config = &blobs[0].header };
	cpu = (struct pcpu){ .cell = &root_cell };
	pqr = LINUX_PQR & 0x3ffffffffUL;
	cfg = 0;
	writes = 0;
	said[0] = '\0';
	return 0;
}

static void begin(void)
{
	cat_init();
	assert_int_equal(cat_init_cell(&root_cell), 0);
	cat_init_cpu(&cpu);
}

/* The configuration of cell @i: one region. */
static struct cell *define(unsigned int i, u32 start, u32 size, u16 flags)
{
	blobs[i].header.num_cache_regions = 1;
	blobs[i].cache[0] = (struct cell_cache){ .start = start, .size = size, .type = 3, .flags = flags };
	cells[i] = (struct cell){ .config = &blobs[i].header, .id = i };
	return &cells[i];
}

static void create(struct cell *cell)
{
	struct cell *last = &root_cell;

	assert_int_equal(cat_init_cell(cell), 0);
	cat_take(cell);
	while (last->next)
		last = last->next;
	last->next = cell;
}

static void destroy(struct cell *cell)
{
	struct cell *prev = &root_cell;

	cat_give(cell);
	while (prev->next != cell)
		prev = prev->next;
	prev->next = cell->next;
}

static void apply(struct cell *cell)
{
	cpu.cell = cell;
	cat_apply(&cpu);
	cpu.cell = &root_cell;
}

static void test_absent(void **state)
{
	struct cell *cell = define(1, 0, 4, 0);

	(void)state;
	for (unsigned int missing = 0; missing < 3; missing++) {
		setup(NULL);
		cell = define(1, 0, 4, 0);
		leaf0.eax = missing == 0 ? 0xd : 0x10;
		leaf7.ebx = missing == 1 ? 0 : 1U << 15;
		leaf10.ebx = missing == 2 ? 1U << 2 : 1U << 1;
		begin();
		assert_string_equal(said, "");
		create(cell);
		assert_non_null(strstr(said, "ignored"));
		apply(cell);
		destroy(cell);
		cat_exit_cpu(&cpu);
		assert_int_equal(writes, 0);
		assert_false(cat_owns_msr(0xc8f) || cat_owns_msr(0xc90));
	}
}

static void test_split(void **state)
{
	(void)state;
	l3.ecx = 1U << 2;
	cfg = 1;
	begin();
	assert_non_null(strstr(said, "left alone"));
	create(define(1, 0, 4, 0));
	assert_int_equal(writes, 0);
	setup(NULL);
	l3.ecx = 1U << 2; /* could, but is not */
	begin();
	create(define(1, 0, 4, 0));
	assert_int_equal(cells[1].arch.cat_class, 1);
}

static void test_own_class(void **state)
{
	struct cell *cell = define(1, 0, 4, 0);

	(void)state;
	begin();
	assert_int_equal(masks[0], 0xffff);
	assert_int_equal(pqr, 9);
	create(cell);
	cat_apply(&cpu); /* a CPU of root's */
	assert_int_equal(masks[0], 0xfff0);
	assert_int_equal(masks[1], 0xffff);
	masks[0] = 0xffff; /* another cache */
	apply(cell);
	assert_int_equal(masks[0], 0xfff0);
	assert_int_equal(masks[1], 0xf);
	assert_int_equal(pqr, 1UL << 32 | 9);
	destroy(cell);
	cat_apply(&cpu); /* it is root's again */
	assert_int_equal(masks[0], 0xffff);
	assert_int_equal(pqr, 9);
	masks[0] = 0xff; /* as if it had not been */
	cat_exit_cpu(&cpu);
	assert_int_equal(masks[0], 0xffff);
	assert_int_equal(pqr, LINUX_PQR & 0x3ffffffffUL);
}

static void test_shared(void **state)
{
	(void)state;
	begin();
	create(define(1, 0, 4, CELL_CACHE_ROOTSHARED));
	apply(&cells[1]);
	assert_int_equal(masks[0], 0xffff);
	assert_int_equal(masks[1], 0xf);
	create(define(2, 2, 4, CELL_CACHE_ROOTSHARED));
	assert_int_equal(cat_init_cell(define(3, 3, 1, 0)), -EBUSY);
	assert_int_equal(cat_init_cell(define(3, 6, 1, 0)), -EINVAL); /* a hole in root's */
	destroy(&cells[1]);
	assert_int_equal(root_cell.arch.cat_ways, 0xffff);
}

static void test_without_region(void **state)
{
	struct cell *cell = define(1, 0, 0, 0);

	(void)state;
	blobs[1].header.num_cache_regions = 0;
	begin();
	create(cell);
	create(define(2, 12, 4, 0));
	apply(cell);
	assert_int_equal(masks[0], 0xfff);
	assert_int_equal(pqr, 9);
	destroy(cell);
	assert_int_equal(root_cell.arch.cat_ways, 0xfff);
}

static void test_root_region(void **state)
{
	(void)state;
	blobs[0].header.num_cache_regions = 1;
	blobs[0].cache[0] = (struct cell_cache){ .start = 0, .size = 12, .type = 3 };
	begin();
	assert_int_equal(masks[0], 0xfff);
	create(define(1, 8, 8, 0));
	assert_int_equal(root_cell.arch.cat_ways, 0xff);
	destroy(&cells[1]);
	assert_int_equal(root_cell.arch.cat_ways, 0xfff); /* and no more than it lists */
}

static void test_refused(void **state)
{
	static const struct {
		u32 start, size, type, count;
	} bad[] = {
		{ 0, 4, 1, 1 },		 { 0, 4, 2, 1 },  { 0, 4, 3, 2 },  { 0, 0, 3, 1 },
		{ 13, 4, 3, 1 },	 { 0, 17, 3, 1 }, { 32, 1, 3, 1 }, { 0xffffffff, 2, 3, 1 },
		{ 1, 0xffffffff, 3, 1 }, { 0, 16, 3, 1 }, { 4, 4, 3, 1 },
	};

	(void)state;
	begin();
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct cell *cell = define(1, bad[i].start, bad[i].size, 0);

		blobs[1].cache[0].type = bad[i].type;
		blobs[1].header.num_cache_regions = bad[i].count;
		assert_int_equal(cat_init_cell(cell), -EINVAL);
	}
	assert_int_equal(cat_init_cell(define(1, 0, 15, 0)), 0);
	assert_int_equal(root_cell.arch.cat_ways, 0xffff); /* nothing is taken yet */
}

/* A mask with holes, where the hardware allows them. */
static void test_sparse(void **state)
{
	(void)state;
	l3.ecx = 1U << 3;
	begin();
	create(define(1, 4, 4, 0));
	assert_int_equal(root_cell.arch.cat_ways, 0xff0f);
	setup(NULL);
	leaf0.ebx = AMD_EBX;
	begin();
	create(define(1, 4, 4, 0));
	assert_int_equal(cat_init_cell(define(2, 5, 1, 0)), -EBUSY);
	assert_int_equal(cat_init_cell(define(2, 0, 4, 0)), 0);
}

static void test_all_32_ways(void **state)
{
	(void)state;
	l3.eax = 31;
	for (unsigned int i = 0; i < MAX_CLASSES; i++)
		masks[i] = 0xffffffff;
	begin();
	assert_int_equal(masks[0], 0xffffffff);
	assert_int_equal(cat_init_cell(define(1, 0, 32, 0)), -EINVAL);
	create(define(1, 0, 32, CELL_CACHE_ROOTSHARED));
	assert_int_equal(cells[1].arch.cat_ways, 0xffffffff);
}

static void test_classes(void **state)
{
	(void)state;
	l3.edx = 2;
	begin();
	create(define(1, 0, 2, 0));
	create(define(2, 2, 2, 0));
	assert_int_equal(cat_init_cell(define(3, 4, 2, 0)), -EBUSY);
	destroy(&cells[1]);
	create(define(3, 0, 2, 0));
	assert_int_equal(cells[2].arch.cat_class, 2);
	assert_int_equal(cells[3].arch.cat_class, 1);
}

static void test_msrs(void **state)
{
	(void)state;
	begin();
	assert_true(cat_owns_msr(0xc81) && cat_owns_msr(0xc8f) && cat_owns_msr(0xc90) && cat_owns_msr(0xd0f));
	assert_false(cat_owns_msr(0xc8d) || cat_owns_msr(0xc8e) || cat_owns_msr(0xd10) || cat_owns_msr(0x10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_absent, setup),	    cmocka_unit_test_setup(test_split, setup),
		cmocka_unit_test_setup(test_own_class, setup),	    cmocka_unit_test_setup(test_shared, setup),
		cmocka_unit_test_setup(test_without_region, setup), cmocka_unit_test_setup(test_root_region, setup),
		cmocka_unit_test_setup(test_refused, setup),	    cmocka_unit_test_setup(test_sparse, setup),
		cmocka_unit_test_setup(test_all_32_ways, setup),    cmocka_unit_test_setup(test_classes, setup),
		cmocka_unit_test_setup(test_msrs, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
