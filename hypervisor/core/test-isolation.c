// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who has which page and which CPU, after any sequence of management calls: random cells that want the same things.
 *
 * The rule: a page or CPU has one owner, and what no cell has is root's. Root may reach what a cell has only if its
 * region is shared, or loadable while the cell is; nobody reaches hypervisor memory, but for the zero page and
 * communication pages and consoles. A cell's devices reach what its CPUs do, where a region is for DMA.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <fake.h>
#include <image.h>
#include <hv/arch.h>
#include <hv/memory.h>
#include <hv/string.h>

#define RAM (CELL_MEM_READ | CELL_MEM_WRITE | CELL_MEM_EXECUTE | CELL_MEM_DMA)
#define RW (CELL_MEM_READ | CELL_MEM_WRITE)
#define AREA (16 * FAKE_MIB)
#define RAM_PAGES (FAKE_RAM_BYTES / PAGE_SIZE)

/* --- the rule --- */

/* Who has each page of RAM alone. */
struct claims {
	const struct cell *cell; /* that is looked at */
	const struct cell *owner[RAM_PAGES];
	bool root[RAM_PAGES];
};

/* The region that a leaf of a cell belongs to. Later regions replace earlier ones. */
static const struct cell_memory *region_of(const struct cell *cell, u64 va)
{
	const struct cell_memory *mem, *found = NULL;

	for_each_mem (mem, cell->config)
		if (!mem_is_subpage(mem) && va >= mem->virt_start && va - mem->virt_start < mem->size)
			found = mem;
	return found;
}

static void claim(u64 va, paddr_t pa, u64 size, unsigned int access, void *arg)
{
	struct claims *claims = arg;

	(void)access;
	for (u64 offset = 0; offset < size; offset += PAGE_SIZE) {
		const struct cell_memory *mem = region_of(claims->cell, va + offset);
		u64 page = (pa + offset) / PAGE_SIZE;

		if (!mem)
			fail_msg("cell %s: 0x%lx is mapped", claims->cell->name, va + offset);
		if (mem->flags & CELL_MEM_COMM_REGION) {
			assert_int_equal(pa, arch_virt_to_phys(claims->cell->comm));
			continue;
		}
		assert_int_equal(pa + offset, mem->phys_start + (va + offset - mem->virt_start));
		assert_null(arch_reserved(pa + offset, PAGE_SIZE));
		if (page >= RAM_PAGES)
			continue;
		if (claims->owner[page] && claims->owner[page] != claims->cell)
			fail_msg("0x%lx is %s's and %s's", pa + offset, claims->owner[page]->name, claims->cell->name);
		if (!(mem->flags & CELL_MEM_ROOTSHARED))
			claims->owner[page] = claims->cell;
	}
}

/* Root's memory: one to one, what nobody else has or what is lent to it. */
static void check_root_leaf(u64 va, paddr_t pa, u64 size, unsigned int access, void *arg)
{
	struct claims *claims = arg;

	for (u64 offset = 0; offset < size; offset += PAGE_SIZE) {
		u64 at = va + offset;
		const struct cell *owner = at / PAGE_SIZE < RAM_PAGES ? claims->owner[at / PAGE_SIZE] : NULL;
		const struct cell_memory *mem;
		bool lent = false;

		if (at >= FAKE_HV_START && at < FAKE_HV_START + fake.hv_bytes) {
			const struct cell *cell;
			bool shown = false;

			for_each_cell (cell)
				shown |= (cell->comm && arch_virt_to_phys(cell->comm) == at) ||
					 (cell->console && arch_virt_to_phys(cell->console) == at);
			assert_int_equal(access, ACCESS_READ);
			assert_int_equal(pa, shown ? at : arch_zero_page());
			continue;
		}
		assert_int_equal(pa + offset, at);
		if (at / PAGE_SIZE < RAM_PAGES)
			claims->root[at / PAGE_SIZE] = true;
		if (!owner)
			continue;
		for_each_mem (mem, owner->config)
			lent |= mem->flags & CELL_MEM_LOADABLE && at - mem->phys_start < mem->size;
		if (!owner->loadable || !lent)
			fail_msg("root has 0x%lx of cell %s", at, owner->name);
	}
}

/* Some cell's configuration takes the page away from root, even if the cell itself can't reach it. */
static bool is_configured(paddr_t at)
{
	const struct cell_memory *mem;
	const struct cell *cell;

	for_each_cell (cell) {
		if (cell == &root_cell)
			continue;
		for_each_mem (mem, cell->config) {
			if (mem->flags & (CELL_MEM_ROOTSHARED | CELL_MEM_COMM_REGION))
				continue;
			if (mem_is_subpage(mem) ? at + PAGE_SIZE > mem->phys_start && at < mem->phys_start + mem->size
						: at - mem->phys_start < mem->size &&
							  !(cell->loadable && mem->flags & CELL_MEM_LOADABLE))
				return true;
		}
	}
	return false;
}

static bool is_for_dma(const struct cell *cell, u64 va)
{
	const struct cell_memory *mem = cell == &root_cell ? memory_find_root(va) : region_of(cell, va);

	return mem && mem->flags & RW && (mem->flags & (CELL_MEM_DMA | CELL_MEM_COMM_REGION)) == CELL_MEM_DMA;
}

/* The devices' tables have the same, and no less. */
static void check_device_leaf(u64 va, paddr_t pa, u64 size, unsigned int access, void *arg)
{
	const struct cell *cell = arg;
	struct paging_entry e;

	for (u64 offset = 0; offset < size; offset += e.left) {
		assert_true(paging_lookup(&cell->stage2, va + offset, &e));
		assert_int_equal(e.address, pa + offset);
		assert_int_equal(access & ~e.access, 0);
		if (!is_for_dma(cell, va + offset))
			fail_msg("devices of cell %s have 0x%lx", cell->name, va + offset);
	}
}

static void check_leaf_of_devices(u64 va, paddr_t pa, u64 size, unsigned int access, void *arg)
{
	const struct cell *cell = arg;
	struct paging_entry e = { .left = PAGE_SIZE };

	for (u64 offset = 0; offset < size; offset += e.left) {
		e.left = PAGE_SIZE;
		if (!is_for_dma(cell, va + offset))
			continue;
		if (!paging_lookup(&cell->dma, va + offset, &e))
			fail_msg("devices of cell %s have lost 0x%lx", cell->name, va + offset);
		assert_int_equal(e.address, pa + offset);
		assert_int_equal(e.access, access & (ACCESS_READ | ACCESS_WRITE));
	}
}

static void check_devices(struct cell *cell)
{
	fake_tables_visit(&cell->dma, check_device_leaf, cell);
	fake_tables_visit(&cell->stage2, check_leaf_of_devices, cell);
}

static void check_cpus(void)
{
	struct cpu_set all = { 0 };
	const struct cell *cell;
	unsigned int id;

	for_each_cell (cell)
		for_each_cpu (id, &cell->cpus) {
			assert_false(cpu_set_has(&all, id));
			cpu_set_add(&all, id);
			assert_ptr_equal(pcpu_of(id)->cell, cell);
		}
	assert_int_equal(all.bits[0], (1UL << fake.cpus) - 1);
	assert_int_equal(all.bits[1] | all.bits[2] | all.bits[3], 0);
}

static void check_rule(void)
{
	static struct claims claims;
	struct cell *cell;

	memset(&claims, 0, sizeof(claims));
	/* The second time sees every owner. */
	for (unsigned int pass = 0; pass < 2; pass++) {
		for_each_cell (cell) {
			claims.cell = cell;
			if (cell != &root_cell)
				fake_tables_visit(&cell->stage2, claim, &claims);
		}
	}
	fake_tables_visit(&root_cell.stage2, check_root_leaf, &claims);
	for (u64 at = 0; at < FAKE_HV_START; at += PAGE_SIZE)
		if (!claims.root[at / PAGE_SIZE] && !is_configured(at))
			fail_msg("root has lost 0x%lx", at);
	for_each_cell (cell)
		check_devices(cell);
	check_cpus();
}

/* --- what root has, but cannot give away --- */

static const struct cell_memory loadable[] = { { AREA, 0, 0x3000, RAM | CELL_MEM_LOADABLE } };
static const struct cell_memory shared[] = { { AREA + 0x8000, 0, 0x3000, RAM | CELL_MEM_ROOTSHARED } };
static const struct fake_config first = { "first", 1, .cpus = 1 << 1, .memory = loadable, .num_memory = 1 };

static s64 create_second(u64 phys, u64 flags)
{
	const struct cell_memory memory[] = { { phys, 0, 0x1000, flags } };
	const struct fake_config second = { "second", 2, .cpus = 1 << 2, .memory = memory, .num_memory = 1 };

	return fake_create(&second);
}

/* Root may write it, but only to load it. */
static void test_loadable_memory_is_not_free(void **state)
{
	(void)state;
	assert_int_equal(fake_boot(&fake_root), 0);
	assert_int_equal(fake_create(&first), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_SET_LOADABLE, 1, 0), 0);
	for (u64 page = AREA; page < AREA + 0x3000; page += PAGE_SIZE) {
		assert_int_equal(create_second(page, RAM), -EBUSY);
		assert_int_equal(create_second(page, RAM | CELL_MEM_LOADABLE), -EBUSY);
		assert_int_equal(create_second(page, CELL_MEM_READ | CELL_MEM_ROOTSHARED), -EBUSY);
	}
	assert_int_equal(create_second(AREA + 0x3000, RAM), 0);
	check_rule();
}

/* Shared is shared by all who have it. */
static void test_shared_memory_is_not_free(void **state)
{
	struct fake_config config = first;

	(void)state;
	assert_int_equal(fake_boot(&fake_root), 0);
	config.memory = shared;
	assert_int_equal(fake_create(&config), 0);
	assert_int_equal(create_second(AREA + 0xa000, RAM), -EBUSY);
	assert_int_equal(create_second(AREA + 0xa000, RAM | CELL_MEM_ROOTSHARED), 0);
	check_rule();
}

/* Root's tables stay split where a cell that was destroyed had a neighbour that can be started again. */
static void test_neighbour_in_a_large_page(void **state)
{
	struct fake_state before;

	(void)state;
	assert_int_equal(fake_boot(&fake_root), 0);
	fake_state_read(&before);
	assert_int_equal(fake_create(&first), 0);
	assert_int_equal(create_second(AREA + 0x8000, RAM), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_SET_LOADABLE, 1, 0), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, 2, 0), 0);
	check_rule();
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, 1, 0), 0);
	check_rule();
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, 1, CELL_HC_FORCE), 0);
	fake_state_check(&before);
}

/* A create that fails late, in the same place. */
static void test_failure_in_a_large_page(void **state)
{
	(void)state;
	assert_int_equal(fake_boot(&fake_root), 0);
	assert_int_equal(fake_create(&first), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_SET_LOADABLE, 1, 0), 0);
	fake.cell_init_error = -EIO;
	assert_int_equal(create_second(AREA + 0x8000, RAM), -EIO);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, 1, 0), 0);
	check_rule();
}

/* Root's regions meet in the middle of what could be a large page, or do not want one. */
static void test_root_keeps_its_pages(void **state)
{
	static const struct cell_memory root_memory[] = {
		{ 0, 0, 17 * FAKE_MIB, RAM },
		{ 17 * FAKE_MIB, 17 * FAKE_MIB, 3 * FAKE_MIB, RAM },
		{ 20 * FAKE_MIB, 20 * FAKE_MIB, 4 * FAKE_MIB, RAM | CELL_MEM_NO_HUGEPAGES },
		{ 24 * FAKE_MIB, 24 * FAKE_MIB, 6 * FAKE_MIB, RAM },
	};
	static const struct cell_memory memory[] = { { 14 * FAKE_MIB, 0, 12 * FAKE_MIB, RAM | CELL_MEM_LOADABLE } };
	struct fake_config root = fake_root, config = first;
	struct fake_state before;

	(void)state;
	root.memory = root_memory;
	root.num_memory = ARRAY_SIZE(root_memory);
	config.memory = memory;
	assert_int_equal(fake_boot(&root), 0);
	fake_state_read(&before);
	for (unsigned int round = 0; round < 2; round++) {
		assert_int_equal(fake_create(&config), 0);
		fake_pool_fail_after(0);
		assert_int_equal(fake_hypercall(0, CELL_HC_CELL_SET_LOADABLE, 1, 0), 0);
		assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, 1, 0), 0);
		assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, 1, CELL_HC_FORCE), 0);
		fake_pool_fail_after(FAKE_NEVER);
		fake_state_check(&before);
	}
}

/* The same in the largest leaves: a window of registers, split at every level by cells that come and go. */
static void test_root_keeps_its_largest_pages(void **state)
{
	static const struct cell_memory root_memory[] = {
		{ 0, 0, FAKE_HV_START, RAM },
		{ 1UL << 30, 1UL << 30, 3UL << 30, RW | CELL_MEM_IO },
	};
	static const struct cell_memory large[] = { { (2UL << 30) + 0x600000, 0, 0x40000000, RW | CELL_MEM_LOADABLE } };
	static const struct cell_memory small[] = { { (2UL << 30) + 0x3000, 0, 0x1000, RW | CELL_MEM_LOADABLE } };
	struct fake_config root = fake_root, a = first,
			   b = { "b", 2, .cpus = 1 << 2, .memory = small, .num_memory = 1 };
	struct fake_state before, with_a;

	(void)state;
	root.memory = root_memory;
	root.num_memory = ARRAY_SIZE(root_memory);
	a.memory = large;
	fake.max_leaf = 2;
	assert_int_equal(fake_boot(&root), 0);
	fake_state_read(&before);
	assert_int_equal(fake_create(&a), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_SET_LOADABLE, 1, 0), 0);
	fake_state_read(&with_a);
	for (unsigned int round = 0; round < 2; round++) {
		assert_int_equal(fake_create(&b), 0);
		fake_pool_fail_after(0);
		assert_int_equal(fake_hypercall(0, CELL_HC_CELL_SET_LOADABLE, 2, 0), 0);
		assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, 2, 0), 0);
		fake_pool_fail_after(FAKE_NEVER);
		assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, 2, CELL_HC_FORCE), 0);
		fake_state_check(&with_a);
	}
	assert_int_equal(fake_create(&b), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, 1, 0), 0);
	check_rule();
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, 1, CELL_HC_FORCE), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, 2, CELL_HC_FORCE), 0);
	fake_state_check(&before);
}

/* --- random cells --- */

#define CELLS 4
#define REGIONS 4

static unsigned int below(unsigned int n)
{
	return rand() % n;
}

/* Most wishes are for places in one large leaf; whole large leaves take long to clear. */
static struct cell_memory random_region(unsigned int index)
{
	static const u64 flags[] = { RAM,
				     RAM | CELL_MEM_LOADABLE,
				     RAM | CELL_MEM_LOADABLE,
				     RAM | CELL_MEM_ROOTSHARED,
				     RAM | CELL_MEM_NO_HUGEPAGES,
				     RAM & ~CELL_MEM_DMA };
	u64 virt = (u64)index << 24, wanted = flags[below(ARRAY_SIZE(flags))];

	if (!below(8))
		return (struct cell_memory){ 0, virt, PAGE_SIZE, RW | CELL_MEM_COMM_REGION };
	if (below(8))
		return (struct cell_memory){ AREA + below(16) * 8 * PAGE_SIZE, virt, (1 + below(9)) * PAGE_SIZE,
					     wanted };
	return (struct cell_memory){ AREA + below(6) * 2 * FAKE_MIB, virt, (1 + below(2)) * 2 * FAKE_MIB, wanted };
}

static s64 random_create(u32 id)
{
	struct cell_memory memory[REGIONS];
	struct fake_config config = {
		.name = (const char *[]){ "zero", "one", "two", "three", "four" }[id],
		.id = id,
		.flags = (below(2) ? CELL_FLAG_PASSIVE_COMMREG : 0) | (below(2) ? CELL_FLAG_CONSOLE_PERMITTED : 0),
		.cpus = 1 << (1 + below(3)) | (below(4) ? 0 : 1 << (1 + below(3))),
		.memory = memory,
		.num_memory = below(REGIONS + 1),
	};

	for (u32 i = 0; i < config.num_memory; i++)
		memory[i] = random_region(i);
	return fake_create(&config);
}

/* What an inmate may do to its page at any time. */
static void random_guest(u32 id)
{
	struct cell_comm *comm = fake_comm(id);

	switch (below(5)) {
	case 0:
		comm->message = CELL_MSG_NONE;
		comm->reply = below(6);
		break;
	case 1:
		comm->state = below(7) ? below(CELL_STATE_MAX) : 0xdeadbeef;
		break;
	case 2:
		for (unsigned int cpu = 1; cpu < 4; cpu++)
			if (pcpu_of(cpu)->cell->id == id && pcpu_of(cpu)->arch.state == FAKE_GUEST)
				fake_violate(cpu, HV_CAUSE_MMIO, rand());
		break;
	default:
		for (unsigned int i = 0; i < PAGE_SIZE; i++)
			((u8 *)comm)[i] = rand();
	}
}

static void assert_answer(u64 code, s64 err)
{
	static const s64 any[] = { 0, -EPERM, -ENOENT, -EAGAIN };
	static const s64 create[] = { 0, -EPERM, -EEXIST, -EBUSY };

	for (unsigned int i = 0; i < ARRAY_SIZE(any); i++)
		if (err == (code == CELL_HC_CELL_CREATE ? create[i] : any[i]))
			return;
	fail_msg("call %u answers %d", (u32)code, (int)err);
}

static void test_random_life(void **state)
{
	u32 done[CELL_HC_CELL_DESTROY + 1] = { 0 }, cells = 0;
	struct fake_state before;

	(void)state;
	assert_int_equal(fake_boot(&fake_root), 0);
	fake_state_read(&before);
	srand(1);
	for (unsigned int round = 0; round < 1500; round++) {
		u64 code = CELL_HC_CELL_CREATE + below(CELL_HC_CELL_DESTROY);
		u32 id = 1 + below(CELLS);
		struct fake_state attempt;
		s64 err;

		fake_state_read(&attempt);
		if (code == CELL_HC_CELL_CREATE)
			err = random_create(id);
		else
			err = fake_hypercall(0, code, id, below(2) ? CELL_HC_FORCE : 0);
		assert_answer(code, err);
		if (err)
			fake_state_check(&attempt);
		else
			done[code]++;
		check_rule();
		if (cell_find(id) && !below(3))
			random_guest(id);
		cells = MAX(cells, (u32)fake_hypercall(0, CELL_HC_INFO, CELL_INFO_NUM_CELLS, 0));
	}
	/* Else this test tested nothing. */
	for (u64 code = CELL_HC_CELL_CREATE; code <= CELL_HC_CELL_DESTROY; code++)
		assert_true(done[code] > 20);
	assert_true(cells > 3);

	for (u32 id = 1; id <= CELLS; id++)
		if (cell_find(id))
			fake_comm(id)->state = CELL_STATE_FAILED;
	for (u32 id = 1; id <= CELLS; id++)
		if (cell_find(id))
			assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, id, 0), 0);
	fake_state_check(&before);
}

/* Bytes that are no configuration, behind a header that is one so far that they are looked at. */
static void test_random_bytes(void **state)
{
	struct fake_state before;
	unsigned int created = 0;

	(void)state;
	assert_int_equal(fake_boot(&fake_root), 0);
	fake_state_read(&before);
	srand(1);
	for (unsigned int round = 0; round < 1500; round++) {
		struct cell_memory memory[REGIONS];
		struct fake_config config = { "bytes", 1, .cpus = 1 << 1, .memory = memory, .num_memory = REGIONS };
		u8 *bytes = fake_ram(FAKE_CONFIG);
		u64 size;

		for (unsigned int i = 0; i < REGIONS; i++)
			memory[i] = random_region(i);
		size = fake_config_write(&config, bytes);
		for (unsigned int i = below(4); i > 0; i--)
			bytes[below(2) ? below(size) : 0x2c + below(0x50 - 0x2c)] = below(2) ? rand() : 1 << below(8);
		if (fake_hypercall(0, CELL_HC_CELL_CREATE, FAKE_CONFIG, 0) == 0) {
			created++;
			check_rule();
			assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, root_cell.next->id, 0), 0);
		}
		fake_state_check(&before);
	}
	assert_true(created > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_loadable_memory_is_not_free),
		FAKE_TEST(test_shared_memory_is_not_free),
		FAKE_TEST(test_neighbour_in_a_large_page),
		FAKE_TEST(test_failure_in_a_large_page),
		FAKE_TEST(test_root_keeps_its_pages),
		FAKE_TEST(test_root_keeps_its_largest_pages),
		FAKE_TEST(test_random_life),
		FAKE_TEST(test_random_bytes),
	};

	fake.iommu = true;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
