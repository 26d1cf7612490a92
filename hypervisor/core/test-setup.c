// SPDX-License-Identifier: GPL-2.0-only
/* Taking over: every CPU becomes root's or every CPU gets the same error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fake.h>
#include <hv/arch.h>
#include <hv/pool.h>

static void test_root(void **state)
{
	struct paging_entry e;

	(void)state;
	assert_int_equal(fake_boot(&fake_root), 0);
	assert_string_equal(root_cell.name, "root");
	assert_int_equal(root_cell.id, CELL_ROOT_ID);
	assert_int_equal(cpu_set_weight(&root_cell.cpus), 4);
	assert_null(root_cell.next);
	for (unsigned int id = 0; id < 4; id++) {
		assert_int_equal(pcpu_of(id)->id, id);
		assert_ptr_equal(pcpu_of(id)->cell, &root_cell);
		assert_int_equal(pcpu_of(id)->arch.state, FAKE_GUEST);
	}

	assert_true(paging_lookup(&root_cell.stage2, 0x1234, &e));
	assert_int_equal(e.address, 0x1234);
	assert_int_equal(e.access, ACCESS_RWX);
	assert_int_equal(e.left, 0x200000 - 0x1234);
	assert_true(paging_lookup(&root_cell.stage2, FAKE_DEVICE_START, &e));
	assert_int_equal(e.access, ACCESS_READ | ACCESS_WRITE | ACCESS_DEVICE);
	assert_false(paging_lookup(&root_cell.stage2, FAKE_DEVICE_START - 1, &e));
	/* Hypervisor memory reads as zeros, the configuration's end is where the pool starts. */
	for (u64 at = FAKE_HV_START; at < FAKE_HV_START + fake.hv_bytes; at += PAGE_SIZE) {
		assert_true(paging_lookup(&root_cell.stage2, at, &e));
		assert_int_equal(e.address, arch_zero_page());
		assert_int_equal(e.access, ACCESS_READ);
	}
	assert_int_equal(pool_size(), fake.hv_bytes / PAGE_SIZE - 2 - 4 - 1);
}

static void test_all_cpus_or_none(void **state)
{
	struct fake_config root = fake_root;

	(void)state;
	root.cpus = 0x7;
	assert_int_equal(fake_boot(&root), -EINVAL);
}

static void test_cpu_not_in_the_set(void **state)
{
	struct fake_config root = fake_root;

	(void)state;
	fake.max_cpus = 8;
	root.cpus = 0x17;
	assert_int_equal(fake_boot(&root), -EINVAL);
}

static void test_cpu_beyond_what_we_count(void **state)
{
	struct fake_config root = fake_root;

	(void)state;
	root.cpu_set_bytes = 64;
	root.cpus = 0xf;
	root.high_cpu = MAX_CPUS;
	assert_int_equal(fake_boot(&root), -EINVAL);
}

static void test_gaps_between_cpus(void **state)
{
	struct fake_config root = fake_root;

	(void)state;
	fake.cpus = 2;
	fake.max_cpus = 8;
	root.cpus = 0x3;
	assert_int_equal(fake_boot(&root), 0);
	assert_int_equal(cpu_set_weight(&root_cell.cpus), 2);
}

/* Its CPUs alone would be right: they are not looked for that far. */
static void test_cpu_set_too_large(void **state)
{
	struct fake_config root = fake_root;

	(void)state;
	root.cpus = 0xf;
	root.cpu_set_bytes = CELL_CPU_SET_MAX_BYTES + 8;
	assert_int_equal(fake_boot(&root), -EINVAL);
}

/* Who owns a page is judged by root's map, which has to be one to one for that. */
static void assert_region_refused(struct cell_memory bad)
{
	struct fake_config root = fake_root;

	root.memory = &bad;
	root.num_memory = 1;
	assert_int_equal(fake_boot(&root), -EINVAL);
}

static void test_root_region_elsewhere(void **state)
{
	(void)state;
	assert_region_refused((struct cell_memory){ 0, PAGE_SIZE, PAGE_SIZE, CELL_MEM_READ });
}

static void test_root_region_of_messages(void **state)
{
	(void)state;
	assert_region_refused((struct cell_memory){ 0, 0, PAGE_SIZE, CELL_MEM_READ | CELL_MEM_COMM_REGION });
}

static void test_root_region_too_high(void **state)
{
	(void)state;
	assert_region_refused((struct cell_memory){ 1UL << 48, 1UL << 48, PAGE_SIZE, CELL_MEM_READ });
}

static void test_root_region_too_large(void **state)
{
	(void)state;
	assert_region_refused((struct cell_memory){ 0, 0, (1UL << 48) + PAGE_SIZE, CELL_MEM_READ });
}

/* Nothing is mapped, so nothing can be mapped elsewhere. */
static void test_empty_root_region(void **state)
{
	struct cell_memory memory[] = { { 0x1000, 0x40000000, 0, CELL_MEM_READ }, { 0 } };
	struct fake_config root = fake_root;
	struct paging_entry e;

	(void)state;
	memory[1] = fake_root.memory[0];
	root.memory = memory;
	root.num_memory = ARRAY_SIZE(memory);
	assert_int_equal(fake_boot(&root), 0);
	assert_true(paging_lookup(&root_cell.stage2, 0x1000, &e));
	assert_false(paging_lookup(&root_cell.stage2, 0x40000000, &e));
}

static void test_no_room_for_the_configuration(void **state)
{
	(void)state;
	fake.hv_bytes = 6 * PAGE_SIZE;
	assert_int_equal(fake_boot(&fake_root), -ENOMEM);
}

static void test_no_room_for_the_pool(void **state)
{
	(void)state;
	fake.hv_bytes = 8 * PAGE_SIZE;
	assert_int_equal(fake_boot(&fake_root), -ENOMEM);
}

/* Root's tables need more than the three pages that are left. */
static void test_no_room_for_tables(void **state)
{
	(void)state;
	fake.hv_bytes = 11 * PAGE_SIZE;
	assert_int_equal(fake_boot(&fake_root), -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_root),
		FAKE_TEST(test_all_cpus_or_none),
		FAKE_TEST(test_cpu_not_in_the_set),
		FAKE_TEST(test_cpu_beyond_what_we_count),
		FAKE_TEST(test_gaps_between_cpus),
		FAKE_TEST(test_cpu_set_too_large),
		FAKE_TEST(test_empty_root_region),
		FAKE_TEST(test_root_region_elsewhere),
		FAKE_TEST(test_root_region_of_messages),
		FAKE_TEST(test_root_region_too_high),
		FAKE_TEST(test_root_region_too_large),
		FAKE_TEST(test_no_room_for_the_configuration),
		FAKE_TEST(test_no_room_for_the_pool),
		FAKE_TEST(test_no_room_for_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
