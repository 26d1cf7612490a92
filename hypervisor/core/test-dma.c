// SPDX-License-Identifier: GPL-2.0-only
/*
 * What PCI functions reach behind an IOMMU that caches what it has seen: the memory of the cell that they belong to, at
 * every stage of the cell's life, and nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <fake.h>
#include <image.h>
#include <hv/arch.h>
#include <hv/string.h>

#define RAM (CELL_MEM_READ | CELL_MEM_WRITE | CELL_MEM_EXECUTE | CELL_MEM_DMA)
#define RW (CELL_MEM_READ | CELL_MEM_WRITE)
#define AREA (16 * FAKE_MIB)
#define SHARED (20 * FAKE_MIB)
#define ID 1
#define BEYOND (1UL << 39) /* what three levels of tables have */

/* Function 0 stays root's, 1 and 2 go to the cell, 3 is not listed. */
enum { ROOTS, MOVED, BRIDGE, UNLISTED };

static const struct cell_pci_device functions[] = {
	{ .type = 1, .bdf = ROOTS },
	{ .type = 1, .bdf = MOVED },
	{ .type = 2, .bdf = BRIDGE },
};

static const struct cell_memory memory[] = {
	{ AREA, 0, 0x4000, RAM | CELL_MEM_LOADABLE },
	{ AREA + 0x8000, 0x100000, 0x1000, RAM },
	{ AREA + 0xc000, 0x200000, 0x1000, RW },
	{ SHARED, 0x300000, 0x1000, CELL_MEM_READ | CELL_MEM_DMA | CELL_MEM_ROOTSHARED },
	{ 0, 0x400000, PAGE_SIZE, RW | CELL_MEM_DMA | CELL_MEM_COMM_REGION },
};

static const struct fake_config cell_config = {
	.name = "cell",
	.id = ID,
	.flags = CELL_FLAG_PASSIVE_COMMREG,
	.cpus = 1 << 3,
	.memory = memory,
	.num_memory = ARRAY_SIZE(memory),
	.pci = functions + MOVED,
	.num_pci = 2,
};

static void boot(void)
{
	struct fake_config root = fake_root;

	root.pci = functions;
	root.num_pci = ARRAY_SIZE(functions);
	fake.iommu = true;
	fake.hv_bytes = 2 * FAKE_MIB;
	assert_int_equal(fake_boot(&root), 0);
}

static void reaches(u16 bdf, u64 address, paddr_t where)
{
	assert_int_equal(fake_dma(bdf, address, ACCESS_WRITE), where);
	assert_int_equal(fake_dma(bdf, address, ACCESS_READ), where);
}

static void blocked(u16 bdf, u64 address)
{
	assert_int_equal(fake_dma(bdf, address, ACCESS_READ), -1);
	assert_int_equal(fake_dma(bdf, address, ACCESS_WRITE), -1);
}

static void call(u64 code)
{
	assert_int_equal(fake_hypercall(0, code, ID, 0), 0);
}

/* Root's functions have root's RAM, all of it, and see its borders. */
static void check_roots(u16 bdf)
{
	reaches(bdf, 0, 0);
	reaches(bdf, AREA + 0x234, AREA + 0x234);
	reaches(bdf, AREA + 0x8000, AREA + 0x8000);
	reaches(bdf, AREA + 0xc000, AREA + 0xc000);
	reaches(bdf, FAKE_HV_START - 1, FAKE_HV_START - 1);
	blocked(bdf, FAKE_HV_START);
	blocked(bdf, FAKE_HV_START + fake.hv_bytes - 1);
	blocked(bdf, FAKE_DEVICE_START); /* no DMA by root's configuration */
}

static void check_cells(u16 bdf)
{
	reaches(bdf, 0x234, AREA + 0x234);
	reaches(bdf, 0x3fff, AREA + 0x3fff);
	reaches(bdf, 0x100000, AREA + 0x8000);
	assert_int_equal(fake_dma(bdf, 0x300010, ACCESS_READ), SHARED + 0x10);
	assert_int_equal(fake_dma(bdf, 0x300010, ACCESS_WRITE), -1);
	blocked(bdf, 0x4000);
	blocked(bdf, 0x200000);
	blocked(bdf, 0x400000);
	blocked(bdf, AREA);
	blocked(bdf, FAKE_HV_START);
}

static void test_root(void **state)
{
	(void)state;
	boot();
	check_roots(ROOTS);
	check_roots(MOVED);
	check_roots(BRIDGE);
	blocked(UNLISTED, 0);
	blocked(UNLISTED, AREA);
}

static void test_life(void **state)
{
	struct fake_state before;

	(void)state;
	boot();
	fake_state_read(&before);
	check_roots(ROOTS);
	check_roots(MOVED);

	assert_int_equal(fake_create(&cell_config), 0);
	check_cells(MOVED);
	check_cells(BRIDGE);
	blocked(UNLISTED, 0x234);
	blocked(ROOTS, AREA);
	blocked(ROOTS, AREA + 0x3fff);
	blocked(ROOTS, AREA + 0x8000);
	blocked(ROOTS, AREA + 0xc000);
	reaches(ROOTS, AREA + 0x4000, AREA + 0x4000);
	reaches(ROOTS, SHARED, SHARED);

	call(CELL_HC_CELL_SET_LOADABLE);
	reaches(ROOTS, AREA, AREA);
	reaches(ROOTS, AREA + 0x3fff, AREA + 0x3fff);
	blocked(ROOTS, AREA + 0x8000);
	check_cells(MOVED);

	call(CELL_HC_CELL_START);
	blocked(ROOTS, AREA);
	check_cells(MOVED);

	call(CELL_HC_CELL_DESTROY);
	check_roots(ROOTS);
	check_roots(MOVED);
	check_roots(BRIDGE);
	reaches(MOVED, 0x4000, 0x4000);
	fake_state_check(&before);
}

/* Nothing that fails leaves a trace, whatever it fails at. */
static void test_no_pages(void **state)
{
	struct fake_state before;
	unsigned int pages = 0;
	s64 err;

	(void)state;
	boot();
	fake_state_read(&before);
	for (;; pages++) {
		fake_pool_fail_after(pages);
		err = fake_create(&cell_config);
		fake_pool_fail_after(FAKE_NEVER);
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		fake_state_check(&before);
		check_roots(MOVED);
	}
	assert_true(pages > 8);
	check_cells(MOVED);
	/* And what can't fail needs none. */
	fake_pool_fail_after(0);
	call(CELL_HC_CELL_SET_LOADABLE);
	call(CELL_HC_CELL_START);
	call(CELL_HC_CELL_DESTROY);
	fake_pool_fail_after(FAKE_NEVER);
	fake_state_check(&before);
	check_roots(MOVED);
}

/* Devices may reach less than CPUs. */
static void test_width(void **state)
{
	const struct cell_memory root_memory[] = {
		{ 0, 0, FAKE_HV_START, RAM },
		{ BEYOND, BEYOND, FAKE_MIB, RW | CELL_MEM_IO },
	};
	struct cell_memory wide[] = {
		{ AREA, BEYOND - 0x1000, 0x2000, RAM },
		{ BEYOND + 0x1000, BEYOND + 0x1000, 0x1000, RW | CELL_MEM_LOADABLE },
	};
	struct fake_config root = fake_root, config = cell_config;
	struct fake_state before;

	(void)state;
	fake.iommu = true;
	root.memory = root_memory;
	root.num_memory = ARRAY_SIZE(root_memory);
	root.pci = functions;
	root.num_pci = 1;
	assert_int_equal(fake_boot(&root), 0);
	fake_state_read(&before);
	config.memory = wide;
	config.num_memory = ARRAY_SIZE(wide);
	config.num_pci = 0;
	assert_int_equal(fake_create(&config), -E2BIG);
	assert_non_null(strstr(event_ring.refusal, "memory region 0"));
	fake_state_check(&before);

	wide[0].flags = RW;
	assert_int_equal(fake_create(&config), 0);
	reaches(ROOTS, 0x1000, 0x1000); /* not taken for the one far above */
	call(CELL_HC_CELL_SET_LOADABLE);
	call(CELL_HC_CELL_START);
	call(CELL_HC_CELL_DESTROY);
	fake_state_check(&before);
}

/* A page of which a cell has a part is neither's. */
static void test_subpage(void **state)
{
	static const struct cell_memory part[] = { { AREA + 0x340, 0x1340, 0x20, RAM | CELL_MEM_IO_32 } };
	struct fake_config config = cell_config;

	(void)state;
	boot();
	config.memory = part;
	config.num_memory = 1;
	reaches(ROOTS, AREA, AREA);
	assert_int_equal(fake_create(&config), 0);
	blocked(ROOTS, AREA);
	blocked(MOVED, 0x1340);
	reaches(ROOTS, AREA + 0x1000, AREA + 0x1000);
	call(CELL_HC_CELL_DESTROY);
	reaches(ROOTS, AREA, AREA);
}

/* What only turns out when all CPUs are in is told to all of them: fake_boot() compares. */
static void test_does_not_start(void **state)
{
	(void)state;
	fake.iommu = true;
	fake.start_error = -EIO;
	assert_int_equal(fake_boot(&fake_root), -EIO);
	reaches(ROOTS, FAKE_HV_START, FAKE_HV_START);
}

static void test_leave(void **state)
{
	(void)state;
	boot();
	blocked(ROOTS, FAKE_HV_START);
	for (unsigned int id = 0; id < fake.cpus; id++)
		fake_post_hypercall(id, CELL_HC_DISABLE, 0, 0);
	for (unsigned int id = 0; id < fake.cpus; id++)
		assert_int_equal(fake_wait(id), 0);
	reaches(ROOTS, FAKE_HV_START, FAKE_HV_START);
}

/* A fault is told with its owner's name. */
static void test_event(void **state)
{
	const struct hv_event *e;

	(void)state;
	boot();
	assert_int_equal(fake_create(&cell_config), 0);
	event_dma(root_cell.next, 0x1234, 0xdeadb000, HV_EVENT_WRITE);
	e = &event_ring.slot[event_ring.last_seq % HV_EVENT_SLOTS];
	assert_int_equal(e->type, HV_EVENT_DMA_FAULT);
	assert_int_equal(e->cell, ID);
	assert_string_equal(e->name, "cell");
	assert_int_equal(e->bdf, 0x1234);
	assert_int_equal(e->address, 0xdeadb000);
	assert_int_equal(e->access, HV_EVENT_WRITE);
	assert_int_equal(e->cpu, 0xffffffff);
	assert_string_equal(e->text, "PCI device 12:06.4: DMA write to 0xdeadb000 is blocked");
	event_dma(&root_cell, 0, 0x1000, 0);
	e = &event_ring.slot[event_ring.last_seq % HV_EVENT_SLOTS];
	assert_int_equal(e->cell, CELL_ROOT_ID);
	assert_string_equal(e->text, "PCI device 00:00.0: DMA read of 0x1000 is blocked");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_root),  FAKE_TEST(test_life),	FAKE_TEST(test_no_pages),
		FAKE_TEST(test_width), FAKE_TEST(test_subpage), FAKE_TEST(test_does_not_start),
		FAKE_TEST(test_leave), FAKE_TEST(test_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
