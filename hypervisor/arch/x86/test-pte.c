// SPDX-License-Identifier: GPL-2.0-only
/* Page-table entries as the hardware reads them: bits by the manual's tables, and the core's walks on both formats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hv/arch.h>
#include <hv/pool.h>
#include "pte.h"

#define RW (ACCESS_READ | ACCESS_WRITE)
#define HUGE (2UL << 20)
#define NX (1UL << 63)

static u8 memory[64 * PAGE_SIZE] __attribute__((aligned(4096)));

/* Tables are where the test process has them. */
paddr_t arch_virt_to_phys(const void *virt)
{
	return (paddr_t)virt;
}

void *arch_phys_to_virt(paddr_t phys)
{
	return (void *)phys;
}

static int setup(void **state)
{
	(void)state;
	return pool_init(memory, sizeof(memory) / PAGE_SIZE);
}

/* AMD APM vol.2 5.4: P 0, W 1, U 2, PWT 3, PCD 4, A 5, D 6, PS 7, NX 63. */
static void test_bits(void **state)
{
	const struct paging_format *host = &x86_page_format, *nested = &arch_stage2_format;

	(void)state;
	assert_int_equal(host->leaf(0x5000, ACCESS_READ, 0), NX | 0x5061);
	assert_int_equal(host->leaf(0x5000, RW, 0), NX | 0x5063);
	assert_int_equal(host->leaf(0x5000, ACCESS_READ | ACCESS_EXECUTE, 0), 0x5061);
	assert_int_equal(host->leaf(0x5000, RW | ACCESS_DEVICE, 0), NX | 0x507b);
	assert_int_equal(host->leaf(HUGE, RW, 1), NX | HUGE | 0xe3);
	assert_int_equal(host->table(0x7000, 1), 0x7023);
	/* Nested walks are user accesses. */
	assert_int_equal(nested->leaf(0x5000, ACCESS_RWX, 0), 0x5067);
	assert_int_equal(nested->leaf(0x5000, ACCESS_READ, 0), NX | 0x5065);
	assert_int_equal(nested->leaf(HUGE, ACCESS_RWX | ACCESS_DEVICE, 1), HUGE | 0xff);
	assert_int_equal(nested->table(0x7000, 1), 0x7027);
	/* There is no entry without the right to read. */
	assert_int_equal(nested->leaf(0x5000, ACCESS_WRITE | ACCESS_EXECUTE, 0), 0);
	assert_int_equal(nested->leaf(0x5000, 0, 1), 0);
}

/* What goes in comes out, at every level, for addresses up to 52 bits. */
static void test_round_trip(void **state)
{
	const struct paging_format *formats[] = { &x86_page_format, &arch_stage2_format };
	const paddr_t addresses[] = { 0, 1UL << 30, 0xfffffc0000000, 0x123UL << 30 };

	(void)state;
	for (unsigned int f = 0; f < ARRAY_SIZE(formats); f++) {
		for (unsigned int level = 0; level < 3; level++) {
			for (unsigned int access = 0; access < 16; access++) {
				for (unsigned int a = 0; a < ARRAY_SIZE(addresses); a++) {
					u64 entry = formats[f]->leaf(addresses[a], access | ACCESS_READ, level);

					assert_true(formats[f]->present(entry));
					assert_true(formats[f]->is_leaf(entry, level));
					assert_int_equal(formats[f]->access(entry), access | ACCESS_READ);
					assert_int_equal(formats[f]->address(entry, level), addresses[a]);
				}
			}
		}
		assert_false(formats[f]->present(0));
		assert_false(formats[f]->is_leaf(formats[f]->table(0xffffffffff000, 1), 1));
		assert_int_equal(formats[f]->address(formats[f]->table(0xffffffffff000, 1), 1), 0xffffffffff000);
	}
}

static void walk(const struct paging_format *format, u64 base)
{
	u32 before = pool_used();
	struct paging_entry e;
	struct paging pg;

	assert_int_equal(paging_init(&pg, format), 0);
	assert_int_equal(paging_map(&pg, base, 0x40000000, 4 * HUGE, RW, true), 0);
	assert_int_equal(paging_map(&pg, base + HUGE + 0x3000, 0xfee00000, PAGE_SIZE, RW | ACCESS_DEVICE, true), 0);
	assert_true(paging_lookup(&pg, base + 5, &e));
	assert_int_equal(e.address, 0x40000005);
	assert_int_equal(e.left, HUGE - 5);
	assert_true(paging_lookup(&pg, base + HUGE + 0x3123, &e));
	assert_int_equal(e.address, 0xfee00123);
	assert_int_equal(e.access, RW | ACCESS_DEVICE);
	assert_true(paging_lookup(&pg, base + HUGE + 0x2fff, &e));
	assert_int_equal(e.address, 0x40202fff);
	assert_int_equal(e.access, RW);
	assert_false(paging_lookup(&pg, base + 4 * HUGE, &e));
	assert_int_equal(paging_map(&pg, base + HUGE + 0x3000, 0x40203000, PAGE_SIZE, RW, true), 0);
	paging_merge(&pg, base, 4 * HUGE);
	assert_true(paging_lookup(&pg, base + HUGE, &e));
	assert_int_equal(e.left, HUGE);
	assert_int_equal(pool_used(), before + 3);
	paging_exit(&pg);
	assert_int_equal(pool_used(), before);
}

static void test_walks(void **state)
{
	(void)state;
	walk(&arch_stage2_format, 0);
	walk(&arch_stage2_format, 0x7fc0000000);
	walk(&x86_page_format, HV_BASE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test_setup(test_walks, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
