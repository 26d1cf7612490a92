// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instruction fetch through the guest's own page tables: every shape of table, borders of pages, and tables that lead
 * nowhere.
 *
 * guest.c is part of this file, with memory of sixteen pages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hv/string.h>
#include "guest.c"

#define PAGES 16
#define DEVICE_PAGE 14 /* and 15 is not mapped */
#define P ENTRY_P
#define PS (ENTRY_P | ENTRY_PS)
#define LONG_MODE EFER_LMA

static u8 memory[PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static struct cell cell;
static struct pcpu cpu = { .cell = &cell };
static struct vcpu_view view;
static bool swapped; /* stage-2 leads to page 9 for 8 */

bool paging_lookup(const struct paging *pg, u64 va, struct paging_entry *ret_entry)
{
	(void)pg;
	*ret_entry = (struct paging_entry){ va, ACCESS_RWX, PAGE_SIZE - va % PAGE_SIZE };
	if (va / PAGE_SIZE == DEVICE_PAGE)
		ret_entry->access |= ACCESS_DEVICE;
	if (va / PAGE_SIZE == 8 && swapped)
		ret_entry->address += PAGE_SIZE;
	return va / PAGE_SIZE < PAGES - 1;
}

static unsigned int shown[GUEST_WINDOWS]; /* page of memory in each window */
static unsigned int windows_mapped;

void host_window_map(unsigned int window, paddr_t page)
{
	assert_in_range(page / PAGE_SIZE, 0, PAGES - 2);
	shown[window] = page / PAGE_SIZE;
	windows_mapped++;
}

const u8 *host_window(unsigned int window)
{
	return memory[shown[window]];
}

static void set64(unsigned int page, unsigned int index, u64 entry)
{
	memcpy(&memory[page][index * 8], &entry, 8);
}

static void set32(unsigned int page, unsigned int index, u32 entry)
{
	memcpy(&memory[page][index * 4], &entry, 4);
}

/* Every byte of memory tells its page; nothing is a table yet. */
static int setup(void **state)
{
	(void)state;
	for (unsigned int page = 0; page < PAGES; page++)
		memset(memory[page], page < 8 ? 0 : page, PAGE_SIZE);
	view = (struct vcpu_view){ .cr0 = CR0_PE | CR0_PG, .cr3 = 0x1000 };
	guest_forget(&cpu);
	swapped = false;
	windows_mapped = 0;
	return 0;
}

/* Fetch 8 bytes from 4 bytes before the end of a page; the pages from which they came. */
static unsigned int fetch(u64 linear, u8 ret_pages[2])
{
	u8 bytes[8] = { 0 };
	unsigned int n;

	view.rip = linear + PAGE_SIZE - 4 - view.cs_base;
	n = guest_fetch(&cpu, &view, bytes, sizeof(bytes));
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(bytes[i], bytes[i & 4]);
	ret_pages[0] = bytes[0];
	ret_pages[1] = bytes[4];
	return n;
}

#define assert_fetches(linear, first, second)              \
	do {                                               \
		u8 pages[2];                               \
                                                           \
		assert_int_equal(fetch(linear, pages), 8); \
		assert_int_equal(pages[0], first);         \
		assert_int_equal(pages[1], second);        \
	} while (0)

#define assert_fetches_one(linear, first)                  \
	do {                                               \
		u8 pages[2];                               \
                                                           \
		assert_int_equal(fetch(linear, pages), 4); \
		assert_int_equal(pages[0], first);         \
	} while (0)

#define assert_fetches_none(linear)                        \
	do {                                               \
		u8 pages[2];                               \
                                                           \
		assert_int_equal(fetch(linear, pages), 0); \
	} while (0)

static void test_without_paging(void **state)
{
	(void)state;
	view.cr0 = CR0_PE;
	assert_fetches(0x8000, 8, 9);
	view.cs_base = 0x9000;
	assert_fetches(0xa000, 10, 11);
	assert_fetches_one(13 * PAGE_SIZE, 13); /* then comes a device */
	assert_fetches_none(15 * PAGE_SIZE);
	assert_fetches((1UL << 40) + 0x8000, 8, 9); /* EIP has 32 bits */
}

static void test_four_levels(void **state)
{
	const u64 linear = 0xffffabcd12345000UL;

	(void)state;
	view.efer = LONG_MODE;
	view.long_code = true;
	set64(1, linear >> 39 & 511, 0x2000 | P);
	set64(2, linear >> 30 & 511, 0x3000 | P);
	set64(3, linear >> 21 & 511, 0x4000 | P);
	set64(4, linear >> 12 & 511, 0x8000 | P);
	assert_fetches_one(linear, 8);
	set64(4, (linear >> 12 & 511) + 1, 0xc000 | P | 1UL << 63);
	assert_fetches(linear, 8, 12);
	set64(4, (linear >> 12 & 511) + 1, 0xe000 | P);
	assert_fetches_one(linear, 8);
	set64(3, linear >> 21 & 511, 0xf000 | P);
	assert_fetches_none(linear);
	set64(3, linear >> 21 & 511, ENTRY_ADDRESS | P);
	assert_fetches_none(linear);
	set64(2, linear >> 30 & 511, 0x3000);
	assert_fetches_none(linear);
}

static void test_large_pages(void **state)
{
	(void)state;
	view.efer = LONG_MODE;
	view.long_code = true;
	set64(1, 0, 0x2000 | P);
	set64(2, 0, 0x3000 | P);
	set64(2, 1, PS);
	set64(3, 7, PS);
	assert_fetches((7UL << 21) + 0x9000, 9, 10);
	assert_fetches((1UL << 30) + 0xa000, 10, 11);
	set64(1, 1, PS); /* no such thing at level 4 */
	assert_fetches_none((1UL << 39) + 0x9000);
}

static void test_five_levels(void **state)
{
	(void)state;
	view.efer = LONG_MODE;
	view.long_code = true;
	view.cr4 = CR4_LA57;
	set64(1, 3, 0x2000 | P);
	set64(2, 0, 0x3000 | P);
	set64(3, 0, 0x4000 | P);
	set64(4, 0, PS);
	assert_fetches((3UL << 48) + 0x8000, 8, 9);
}

static void test_pae(void **state)
{
	(void)state;
	view.cr4 = CR4_PAE;
	view.cr3 = 0x1020; /* 32-byte aligned */
	set64(1, 4 + 3, 0x2000 | P);
	set64(2, 1, 0x3000 | P);
	set64(2, 2, PS);
	set64(3, 0, 0x9000 | P);
	set64(3, 1, 0xb000 | P);
	assert_fetches(0xc0200000UL, 9, 11);
	assert_fetches(0xc0400000UL + 0x8000, 8, 9);
	assert_fetches_none(0x200000UL);
}

static void test_two_levels(void **state)
{
	(void)state;
	set32(1, 1, 0x2000 | P);
	set32(2, 5, 0xa000 | P);
	set32(2, 6, 0xd000 | P);
	set32(1, 2, PS);
	assert_fetches((1 << 22) + 0x5000, 10, 13);
	assert_fetches_none((2 << 22) + 0x9000); /* without PSE it is a table, at page 0 */
	view.cr4 = CR4_PSE;
	assert_fetches((2 << 22) + 0x9000, 9, 10);
}

/* The last page of 32 bits and the first. */
static void test_wrap(void **state)
{
	u8 bytes[8];

	(void)state;
	set32(1, 1023, 0x2000 | P);
	set32(2, 1023, 0x8000 | P);
	set32(1, 0, 0x3000 | P);
	set32(3, 0, 0x9000 | P);
	view.rip = 0xfffffffcUL;
	assert_int_equal(guest_fetch(&cpu, &view, bytes, sizeof(bytes)), 8);
	assert_int_equal(bytes[3], 8);
	assert_int_equal(bytes[4], 9);
}

/* What is in the pages is read anew each time, where they are only after guest_forget(). */
static void test_windows(void **state)
{
	u8 byte;

	(void)state;
	set32(1, 0, 0x2000 | P);
	set32(2, 0, 0x8000 | P);
	view.rip = 0;
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(guest_fetch(&cpu, &view, &byte, 1), 1);
		assert_int_equal(byte, 8);
	}
	assert_int_equal(windows_mapped, 3);

	set32(2, 0, 0xb000 | P);
	assert_int_equal(guest_fetch(&cpu, &view, &byte, 1), 1);
	assert_int_equal(byte, 11);
	assert_int_equal(windows_mapped, 4);

	set32(2, 0, 0x8000 | P);
	swapped = true;
	guest_forget(&cpu);
	assert_int_equal(guest_fetch(&cpu, &view, &byte, 1), 1);
	assert_int_equal(byte, 9);
	assert_int_equal(windows_mapped, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_without_paging, setup),
		cmocka_unit_test_setup(test_four_levels, setup),
		cmocka_unit_test_setup(test_large_pages, setup),
		cmocka_unit_test_setup(test_five_levels, setup),
		cmocka_unit_test_setup(test_pae, setup),
		cmocka_unit_test_setup(test_two_levels, setup),
		cmocka_unit_test_setup(test_wrap, setup),
		cmocka_unit_test_setup(test_windows, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
