// SPDX-License-Identifier: GPL-2.0-only
/* Trapped memory: the table of windows, and sub-page regions with their rights, widths and owners. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <fake.h>
#include <hv/arch.h>
#include <hv/memory.h>
#include <hv/mmio.h>
#include <hv/pool.h>
#include <hv/string.h>

#define RAM (CELL_MEM_READ | CELL_MEM_WRITE | CELL_MEM_EXECUTE | CELL_MEM_DMA)
#define RW (CELL_MEM_READ | CELL_MEM_WRITE)
#define ALL_WIDTHS (CELL_MEM_IO_8 | CELL_MEM_IO_16 | CELL_MEM_IO_32 | CELL_MEM_IO_64)
#define DEVICE (FAKE_DEVICE_START + 0x10000)
#define VIRT 0x40000000UL

/* --- accesses, as a CPU makes them --- */

enum outcome { MISS, VIOLATION, DONE };

static s64 job_access(struct pcpu *cpu, const u64 args[3])
{
	struct mmio_access *a = (struct mmio_access *)args[0];
	const struct mmio_window *w = mmio_find(cpu->cell, a->address);

	if (!w)
		return MISS;
	return mmio_emulate(cpu, w, a) ? DONE : VIOLATION;
}

static enum outcome load(unsigned int cpu, u64 address, u8 size, u64 *ret_value)
{
	struct mmio_access a = { .address = address, .size = size };
	enum outcome outcome = fake_call(cpu, job_access, (u64)&a, 0, 0);

	*ret_value = a.value;
	return outcome;
}

static enum outcome store(unsigned int cpu, u64 address, u8 size, u64 value)
{
	struct mmio_access a = { .address = address, .size = size, .write = true, .value = value };

	return fake_call(cpu, job_access, (u64)&a, 0, 0);
}

static enum outcome probe(unsigned int cpu, u64 address, u8 size)
{
	u64 value;

	return load(cpu, address, size, &value);
}

/* --- the table --- */

static bool handler(struct pcpu *cpu, const struct mmio_window *w, struct mmio_access *a)
{
	(void)cpu;
	a->value = (u64)w->context;
	return true;
}

static int add(struct cell *cell, u64 start, u64 size, u64 name)
{
	const struct mmio_window w = { start, size, handler, (const void *)name };

	return mmio_add(cell, &w);
}

/* A cell with room for one page of windows. */
static struct cell *new_cell(void)
{
	static struct cell cell = { .name = "table" };
	static struct cell_config config;

	assert_int_equal(fake_boot(&fake_root), 0);
	cell.config = &config;
	cell.mmio = (struct mmio_table){ .windows = calloc(1, PAGE_SIZE), .pages = 1 };
	return &cell;
}

static void test_table_is_searched(void **state)
{
	struct cell *cell = new_cell();
	bool present[256] = { false };

	(void)state;
	srand(1);
	for (unsigned int added = 0; added < 100;) {
		unsigned int slot = rand() % 256;
		int err = add(cell, slot * 0x100, slot % 3 ? 0x100 : 0x40, slot);

		assert_int_equal(err, present[slot] ? -EINVAL : 0);
		added += !present[slot];
		present[slot] = true;
	}
	for (u64 address = 0; address < 256 * 0x100; address += 0x20) {
		u64 slot = address / 0x100;
		bool inside = present[slot] && (slot % 3 || address % 0x100 < 0x40);
		const struct mmio_window *w = mmio_find(cell, address);

		assert_int_equal(w != NULL, inside);
		if (w)
			assert_int_equal(w->context, slot);
	}
	assert_null(mmio_find(cell, ~0UL));
}

static void test_bad_windows(void **state)
{
	struct cell *cell = new_cell();

	(void)state;
	assert_int_equal(add(cell, 0x1000, 0x1000, 1), 0);
	assert_int_equal(add(cell, 0x5000, 0x10, 2), 0);
	assert_int_equal(add(cell, 0x3000, 0, 3), -EINVAL);
	assert_int_equal(add(cell, ~0xfffUL, 0x2000, 3), -EINVAL);
	assert_int_equal(add(cell, 0xfff, 2, 3), -EINVAL);
	assert_int_equal(add(cell, 0x1fff, 1, 3), -EINVAL);
	assert_int_equal(add(cell, 0x1000, 1, 3), -EINVAL);
	assert_int_equal(add(cell, 0, 0x10000, 3), -EINVAL);
	assert_int_equal(add(cell, 0x4fff, 2, 3), -EINVAL);
	assert_int_equal(cell->mmio.count, 2);
	assert_int_equal(add(cell, 0xfff, 1, 3), 0);
	assert_int_equal(add(cell, 0x2000, 0x3000, 4), 0);
	assert_int_equal(add(cell, ~0xfffUL, 0x1000, 5), 0);
	for (unsigned int i = 5; i < PAGE_SIZE / sizeof(struct mmio_window); i++)
		assert_int_equal(add(cell, 0x100000 + i * 0x10, 0x10, i), 0);
	assert_int_equal(add(cell, 0x10000, 1, 0), -ENOMEM);
}

static void test_access_ends_in_the_window(void **state)
{
	struct cell *cell = new_cell();
	struct mmio_access a = { .address = 0x100c, .size = 4 };

	(void)state;
	assert_int_equal(add(cell, 0x1000, 0x10, 7), 0);
	assert_true(mmio_emulate(NULL, mmio_find(cell, a.address), &a));
	assert_int_equal(a.value, 7);
	a.address = 0x100d;
	assert_false(mmio_emulate(NULL, mmio_find(cell, a.address), &a));
}

/* --- sub-page regions --- */

static const struct cell_memory plain_memory = { 0x400000, 0, FAKE_MIB, RAM | CELL_MEM_LOADABLE };

/* Cell 1 has CPU 3, cell 2 has CPU 2; each starts with a region of RAM. */
static s64 create(u32 id, const struct cell_memory *regions, u32 n)
{
	static const char *const names[] = { "", "one", "two" };
	struct cell_memory memory[4] = { plain_memory };
	struct fake_config config = {
		.name = names[id], .id = id, .cpus = 1 << (4 - id), .memory = memory, .num_memory = n + 1
	};

	memory[0].phys_start += id * FAKE_MIB;
	memcpy(&memory[1], regions, n * sizeof(*regions));
	return fake_create(&config);
}

static s64 create_one(u64 phys, u64 virt, u64 size, u64 flags)
{
	const struct cell_memory region = { phys, virt, size, flags };

	return create(1, &region, 1);
}

static void test_widths_and_rights(void **state)
{
	static const u64 rights[] = { CELL_MEM_READ, CELL_MEM_WRITE, RW };
	static const u8 sizes[] = { 1, 2, 4, 8 };

	(void)state;
	assert_int_equal(fake_boot(&fake_root), 0);
	for (u64 combination = 0; combination < 48; combination++) {
		u64 flags = rights[combination % 3] | (combination / 3 * CELL_MEM_IO_8);

		assert_int_equal(create_one(DEVICE + 0x40, VIRT + 0x40, 0x20, flags), 0);
		for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
			bool width = flags & (CELL_MEM_IO_8 << i);
			u64 value;

			memset(fake_device(DEVICE + 0x38), 0x11, 0x30);
			assert_int_equal(store(3, VIRT + 0x48, sizes[i], 0x8877665544332211UL),
					 width && flags & CELL_MEM_WRITE ? DONE : VIOLATION);
			value = 0x1111111111111111UL;
			if (width && flags & CELL_MEM_WRITE)
				memcpy(&value, (const u64[]){ 0x8877665544332211UL }, sizes[i]);
			assert_memory_equal(fake_device(DEVICE + 0x48), &value, 8);

			memcpy(fake_device(DEVICE + 0x50), (const u64[]){ 0x8182838485868788UL }, 8);
			assert_int_equal(load(3, VIRT + 0x50, sizes[i], &value),
					 width && flags & CELL_MEM_READ ? DONE : VIOLATION);
			assert_int_equal(value, width && flags & CELL_MEM_READ
							? 0x8182838485868788UL & (~0UL >> (64 - 8 * sizes[i]))
							: 0);
		}
		assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, 1, CELL_HC_FORCE), 0);
	}
}

static void test_alignment_and_borders(void **state)
{
	u64 value;

	(void)state;
	assert_int_equal(fake_boot(&fake_root), 0);
	assert_int_equal(create_one(DEVICE + 0xfe0, VIRT + 0xfe0, 0x40, RW | ALL_WIDTHS), 0);
	assert_int_equal(probe(3, VIRT + 0xfe1, 1), DONE);
	assert_int_equal(probe(3, VIRT + 0xfe1, 2), VIOLATION);
	assert_int_equal(probe(3, VIRT + 0xfe2, 4), VIOLATION);
	assert_int_equal(probe(3, VIRT + 0xfe4, 8), VIOLATION);
	assert_int_equal(probe(3, VIRT + 0xfdf, 1), MISS);
	assert_int_equal(probe(3, VIRT + 0x1020, 1), MISS);
	assert_int_equal(probe(3, VIRT + 0x1018, 8), DONE);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, 1, CELL_HC_FORCE), 0);

	assert_int_equal(create_one(DEVICE + 0xfe0, VIRT + 0xfe0, 0x40, RW | ALL_WIDTHS | CELL_MEM_IO_UNALIGNED), 0);
	for (unsigned int i = 0; i < 8; i++)
		*fake_device(DEVICE + 0xffb + i) = i + 1;
	assert_int_equal(load(3, VIRT + 0xffb, 8, &value), DONE); /* crosses a page */
	assert_int_equal(value, 0x0807060504030201UL);
	assert_int_equal(store(3, VIRT + 0xffd, 8, 0x1817161514131211UL), DONE);
	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(*fake_device(DEVICE + 0xffd + i), 0x11 + i);
	assert_int_equal(*fake_device(DEVICE + 0xffc), 2);
	assert_int_equal(probe(3, VIRT + 0x101d, 4), VIOLATION); /* ends behind the region */
}

static bool root_has(paddr_t page)
{
	struct paging_entry e;

	return paging_lookup(&root_cell.stage2, page, &e);
}

/* Root keeps the rest of a page, by traps; and all of it once the last cell with a part is gone. */
static void test_divided_page(void **state)
{
	const struct cell_memory second = { DEVICE + 0x200, VIRT, 0x100, RW | CELL_MEM_IO_32 };
	struct fake_state before;

	(void)state;
	assert_int_equal(fake_boot(&fake_root), 0);
	fake_state_read(&before);
	assert_int_equal(create_one(DEVICE + 0x100, VIRT + 0x100, 0x100, RW | CELL_MEM_IO_32), 0);
	assert_false(root_has(DEVICE));
	assert_true(root_has(DEVICE - PAGE_SIZE));
	assert_true(root_has(DEVICE + PAGE_SIZE));
	assert_int_equal(create(2, &second, 1), 0);

	*fake_device(DEVICE + 0x0ff) = 0x77;
	assert_int_equal(probe(0, DEVICE + 0x0ff, 1), DONE);
	assert_int_equal(store(0, DEVICE + 0x300, 8, 5), DONE);
	assert_int_equal(*fake_device(DEVICE + 0x300), 5);
	assert_int_equal(probe(0, DEVICE + 0x0ff, 2), VIOLATION);
	assert_int_equal(probe(0, DEVICE + 0x100, 4), VIOLATION);
	assert_int_equal(store(0, DEVICE + 0x2ff, 1, 0), VIOLATION);
	assert_int_equal(store(0, DEVICE + 0xffc, 8, 0), VIOLATION); /* not the next page by the way */
	assert_int_equal(probe(0, DEVICE + PAGE_SIZE, 1), MISS);
	assert_int_equal(probe(3, VIRT + 0x200, 4), MISS);
	assert_int_equal(probe(2, VIRT, 4), DONE);

	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, 1, CELL_HC_FORCE), 0);
	assert_false(root_has(DEVICE));
	assert_int_equal(probe(0, DEVICE + 0x100, 4), DONE);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, 2, CELL_HC_FORCE), 0);
	assert_true(root_has(DEVICE));
	assert_int_equal(probe(0, DEVICE + 0x100, 4), MISS);
	fake_state_check(&before);
}

static void test_ownership(void **state)
{
	const struct cell_memory overlapping = { DEVICE + 0x180, VIRT, 0x100, RW | CELL_MEM_IO_32 };
	const struct cell_memory page = { DEVICE, VIRT, PAGE_SIZE, RW };
	const struct cell_memory shared = { DEVICE + 0x180, VIRT, 0x100, RW | CELL_MEM_IO_32 | CELL_MEM_ROOTSHARED };

	(void)state;
	assert_int_equal(fake_boot(&fake_root), 0);
	assert_int_equal(create_one(FAKE_IRQCHIP_START + 0x10, VIRT + 0x10, 0x10, RW), -EBUSY);
	assert_int_equal(create_one(FAKE_HV_START + 0x10, VIRT + 0x10, 0x10, RW), -EBUSY);
	assert_int_equal(create_one(0x70000010, VIRT + 0x10, 0x10, RW), -EBUSY);
	assert_int_equal(create_one(DEVICE, VIRT + 0x10, ~0UL - VIRT, RW), -EINVAL);
	assert_int_equal(create_one(DEVICE + 0x100, VIRT + 0x100, 0x100, RW | CELL_MEM_IO_32), 0);
	assert_int_equal(create(2, &overlapping, 1), -EBUSY);
	assert_int_equal(create(2, &page, 1), -EBUSY);
	assert_int_equal(create(2, &shared, 1), -EBUSY);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, 1, CELL_HC_FORCE), 0);

	assert_int_equal(create(2, &shared, 1), 0);
	assert_true(root_has(DEVICE));
	assert_int_equal(probe(2, VIRT, 4), DONE);
	assert_int_equal(create_one(DEVICE + 0x180, VIRT + 0x180, 0x100, RW | CELL_MEM_ROOTSHARED), 0);
}

static void test_overlap_in_a_cell(void **state)
{
	const struct cell_memory regions[] = {
		{ DEVICE + 0x100, VIRT + 0x100, 0x100, RW },
		{ DEVICE + 0x300, VIRT + 0x180, 0x100, RW },
	};
	struct fake_state before;

	(void)state;
	assert_int_equal(fake_boot(&fake_root), 0);
	fake_state_read(&before);
	assert_int_equal(create(1, regions, 2), -EINVAL);
	fake_state_check(&before);
}

/* What is smaller than a page is zeroed too, and nothing around it. */
static void test_subpage_of_ram(void **state)
{
	const u64 phys = 0x800100;

	(void)state;
	assert_int_equal(fake_boot(&fake_root), 0);
	memset(fake_ram(phys - 0x100), 0x5a, PAGE_SIZE);
	assert_int_equal(create_one(phys, VIRT + 0x100, 0x80, RW | ALL_WIDTHS), 0);
	for (unsigned int i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(*fake_ram(phys - 0x100 + i), i >= 0x100 && i < 0x180 ? 0 : 0x5a);
	assert_int_equal(store(3, VIRT + 0x100, 8, ~0UL), DONE);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_SET_LOADABLE, 1, CELL_HC_FORCE), 0);
	assert_false(root_has(phys & PAGE_MASK));
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, 1, CELL_HC_FORCE), 0);
	assert_true(root_has(phys & PAGE_MASK));
	assert_int_equal(*(u64 *)fake_ram(phys), 0);
}

/* Not even if its configuration says so: the rest of the page may be another cell's. */
static void test_nothing_is_loaded_into_parts_of_pages(void **state)
{
	const u64 phys = 0x800100;

	(void)state;
	assert_int_equal(fake_boot(&fake_root), 0);
	assert_int_equal(create_one(phys, VIRT + 0x100, 0x80, RW | ALL_WIDTHS | CELL_MEM_LOADABLE), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_SET_LOADABLE, 1, CELL_HC_FORCE), 0);
	assert_false(root_has(phys & PAGE_MASK));
	assert_int_equal(probe(0, phys, 4), VIOLATION);
}

/* A region of root's own: trapped for root, and lost while a cell has it. */
static void test_root_region(void **state)
{
	const struct cell_memory memory[] = {
		{ 0, 0, FAKE_HV_START, RAM },
		{ DEVICE + 0x100, DEVICE + 0x100, 0x200, RW | ALL_WIDTHS },
	};
	struct fake_config root = { .name = "root", .memory = memory, .num_memory = 2 };

	(void)state;
	assert_int_equal(fake_boot(&root), 0);
	assert_int_equal(probe(0, DEVICE, 4), MISS);
	assert_int_equal(create_one(DEVICE + 0x280, VIRT + 0x280, 0x100, RW | CELL_MEM_IO_32), -EBUSY);
	assert_int_equal(create_one(DEVICE + 0x0f0, VIRT + 0x0f0, 0x20, RW | CELL_MEM_IO_32), -EBUSY);
	assert_int_equal(store(0, DEVICE + 0x100, 4, 0x1234), DONE);
	assert_int_equal(*fake_device(DEVICE + 0x101), 0x12);
	assert_int_equal(create_one(DEVICE + 0x200, VIRT + 0x200, 0x10, RW | CELL_MEM_IO_32), 0);
	assert_int_equal(probe(3, VIRT + 0x200, 4), DONE);
	assert_int_equal(probe(0, DEVICE + 0x1fc, 4), DONE);
	assert_int_equal(probe(0, DEVICE + 0x1fc, 8), VIOLATION);
	assert_int_equal(probe(0, DEVICE + 0x200, 4), VIOLATION);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, 1, CELL_HC_FORCE), 0);
	assert_int_equal(probe(0, DEVICE + 0x200, 4), DONE);
}

static void test_bad_root_regions(void **state)
{
	static struct cell_memory memory[2];
	struct fake_config root = { .name = "root", .memory = memory, .num_memory = 2 };

	(void)state;
	memory[0] = (struct cell_memory){ 0, 0, FAKE_HV_START, RAM };
	memory[1] = (struct cell_memory){ FAKE_HV_START + 8, FAKE_HV_START + 8, 8, RW };
	assert_int_equal(fake_boot(&root), -EINVAL);
}

static void test_no_page_for_windows(void **state)
{
	struct fake_state before;
	u32 left = 0;

	(void)state;
	assert_int_equal(fake_boot(&fake_root), 0);
	fake_state_read(&before);
	for (;; left++) {
		fake_pool_fail_after(left);
		if (!create_one(DEVICE + 0x100, VIRT + 0x100, 0x100, RW))
			break;
		fake_state_check(&before);
	}
	assert_true(left > 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_table_is_searched),
		FAKE_TEST(test_bad_windows),
		FAKE_TEST(test_access_ends_in_the_window),
		FAKE_TEST(test_widths_and_rights),
		FAKE_TEST(test_alignment_and_borders),
		FAKE_TEST(test_divided_page),
		FAKE_TEST(test_ownership),
		FAKE_TEST(test_overlap_in_a_cell),
		FAKE_TEST(test_subpage_of_ram),
		FAKE_TEST(test_nothing_is_loaded_into_parts_of_pages),
		FAKE_TEST(test_root_region),
		FAKE_TEST(test_bad_root_regions),
		FAKE_TEST(test_no_page_for_windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
