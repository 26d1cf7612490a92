// SPDX-License-Identifier: GPL-2.0-only
/* Life of a cell that goes well: create, start, set loadable, destroy, and what each leaves behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fake.h>
#include <image.h>
#include <hv/arch.h>
#include <hv/string.h>

#define RAM (CELL_MEM_READ | CELL_MEM_WRITE | CELL_MEM_EXECUTE | CELL_MEM_DMA)
#define RW (CELL_MEM_READ | CELL_MEM_WRITE)
#define ID 5
#define COMM_AT 0x100000000UL

/* RAM from here to 24 MiB is filled with this before a test. */
#define AREA (16 * FAKE_MIB)
#define AREA_END (24 * FAKE_MIB)
#define FILL 0xa5

/* Two CPUs; a whole large leaf, three pages in the middle of one, a shared page, registers. */
static const struct cell_memory rtos_memory[] = {
	{ AREA, 0, 2 * FAKE_MIB, RAM | CELL_MEM_LOADABLE },
	{ AREA + 3 * FAKE_MIB + 0x5000, 0x800000, 0x3000, RAM },
	{ AREA + 5 * FAKE_MIB, 0x900000, 0x1000, RW | CELL_MEM_ROOTSHARED },
	{ FAKE_DEVICE_START, 0xa00000, 0x2000, RW | CELL_MEM_IO },
	{ 0, COMM_AT, 0x1000, RW | CELL_MEM_COMM_REGION },
	{ 0 },
	{ FAKE_DEVICE_START + 0x3010, 0xb00010, 0x20, RW | CELL_MEM_IO_32 },
};

static const struct fake_config rtos = {
	.name = "rtos",
	.id = ID,
	.flags = CELL_FLAG_CONSOLE_PERMITTED,
	.cpus = 1 << 1 | 1 << 3,
	.memory = rtos_memory,
	.num_memory = ARRAY_SIZE(rtos_memory),
	.reset = 0x1000,
};

static const struct cell_memory other_memory[] = {
	{ AREA + 6 * FAKE_MIB, 0, 0x10000, RAM },
	{ AREA + 5 * FAKE_MIB, 0x900000, 0x1000, RW | CELL_MEM_ROOTSHARED },
};

static const struct fake_config other = {
	.name = "other",
	.id = 6,
	.cpus = 1 << 2,
	.memory = other_memory,
	.num_memory = ARRAY_SIZE(other_memory),
};

static struct fake_state at_start;

static void boot(void)
{
	assert_int_equal(fake_boot(&fake_root), 0);
	memset(fake_ram(AREA), FILL, AREA_END - AREA);
	fake_state_read(&at_start);
}

static void assert_filled(paddr_t start, u64 size, u8 value)
{
	const u8 *ram = fake_ram(start);

	for (u64 i = 0; i < size; i++)
		if (ram[i] != value)
			fail_msg("0x%lx is 0x%x", start + i, ram[i]);
}

/* Where an address of a cell leads; 0: nowhere. */
static paddr_t translate(const struct cell *cell, u64 va)
{
	struct paging_entry e;

	return paging_lookup(&cell->stage2, va, &e) ? e.address : 0;
}

static void assert_root_has(paddr_t start, u64 size, bool has)
{
	for (u64 at = start; at < start + size; at += PAGE_SIZE)
		if (translate(&root_cell, at) != (has ? at : 0))
			fail_msg("root and 0x%lx", at);
}

static void assert_event(u32 type, u32 state)
{
	const struct hv_event *e = &event_ring.slot[event_ring.last_seq % HV_EVENT_SLOTS];

	assert_int_equal(e->type, type);
	assert_int_equal(e->cell, ID);
	assert_int_equal(e->state, state);
	assert_string_equal(e->name, "rtos");
}

static s64 start(u64 flags)
{
	return fake_hypercall(0, CELL_HC_CELL_START, ID, flags);
}

static s64 set_loadable(u64 flags)
{
	return fake_hypercall(0, CELL_HC_CELL_SET_LOADABLE, ID, flags);
}

static s64 destroy(u64 flags)
{
	return fake_hypercall(0, CELL_HC_CELL_DESTROY, ID, flags);
}

static void test_create(void **state)
{
	u32 flushes = 0;
	struct cell *cell;

	(void)state;
	boot();
	flushes = pcpu_of(0)->arch.flushes;
	assert_int_equal(fake_create(&rtos), 0);
	cell = cell_find(ID);
	assert_non_null(cell);
	assert_string_equal(cell->name, "rtos");
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_STATE, ID, 0), CELL_STATE_SHUT_DOWN);
	assert_event(HV_EVENT_CREATED, CELL_STATE_SHUT_DOWN);

	/* CPUs. */
	assert_int_equal(root_cell.cpus.bits[0], 1 << 0 | 1 << 2);
	assert_int_equal(cell->cpus.bits[0], 1 << 1 | 1 << 3);
	for (unsigned int id = 0; id < 4; id++) {
		assert_ptr_equal(pcpu_of(id)->cell, id % 2 ? cell : &root_cell);
		assert_int_equal(pcpu_of(id)->arch.state, id % 2 ? FAKE_PARKED : FAKE_GUEST);
		assert_int_equal(pcpu_of(id)->arch.flushes, flushes + 1);
	}

	/* What moved has left root, with the whole page of what is smaller; what is shared stays. */
	assert_root_has(AREA, 2 * FAKE_MIB, false);
	assert_root_has(AREA + 3 * FAKE_MIB + 0x5000, 0x3000, false);
	assert_root_has(FAKE_DEVICE_START, 0x2000, false);
	assert_root_has(AREA + 2 * FAKE_MIB, FAKE_MIB + 0x5000, true);
	assert_root_has(AREA + 3 * FAKE_MIB + 0x8000, 3 * FAKE_MIB, true);
	assert_root_has(FAKE_DEVICE_START + 0x2000, 0x1000, true);
	assert_root_has(FAKE_DEVICE_START + 0x3000, 0x1000, false);
	assert_root_has(FAKE_DEVICE_START + 0x4000, 0x1000, true);

	/* The cell has it all, and nothing else. */
	assert_int_equal(translate(cell, 0), AREA);
	assert_int_equal(translate(cell, 2 * FAKE_MIB - 1), AREA + 2 * FAKE_MIB - 1);
	assert_int_equal(translate(cell, 2 * FAKE_MIB), 0);
	assert_int_equal(translate(cell, 0x802000), AREA + 3 * FAKE_MIB + 0x7000);
	assert_int_equal(translate(cell, 0x803000), 0);
	assert_int_equal(translate(cell, 0x900000), AREA + 5 * FAKE_MIB);
	assert_int_equal(translate(cell, 0xa01000), FAKE_DEVICE_START + 0x1000);
	assert_int_equal(translate(cell, 0xb00000), 0);
	assert_int_equal(translate(cell, COMM_AT), arch_virt_to_phys(cell->comm));
	assert_int_equal(fake.takes, 1);
}

static void test_ram_is_cleared(void **state)
{
	(void)state;
	boot();
	assert_int_equal(fake_create(&rtos), 0);
	assert_filled(AREA, 2 * FAKE_MIB, 0);
	assert_filled(AREA + 3 * FAKE_MIB + 0x5000, 0x3000, 0);
	assert_filled(AREA + 2 * FAKE_MIB, FAKE_MIB + 0x5000, FILL);
	assert_filled(AREA + 3 * FAKE_MIB + 0x8000, 4 * FAKE_MIB, FILL);

	/* Its secrets. */
	memset(fake_ram(AREA), 0x77, 2 * FAKE_MIB);
	memset(fake_ram(AREA + 3 * FAKE_MIB + 0x5000), 0x77, 0x3000);
	assert_int_equal(start(0), 0);
	assert_filled(AREA, 2 * FAKE_MIB, 0x77);
	assert_int_equal(destroy(CELL_HC_FORCE), 0);
	assert_filled(AREA, 2 * FAKE_MIB, 0);
	assert_filled(AREA + 3 * FAKE_MIB + 0x5000, 0x3000, 0);
	assert_filled(AREA + 2 * FAKE_MIB, FAKE_MIB + 0x5000, FILL);
	assert_filled(AREA + 3 * FAKE_MIB + 0x8000, 4 * FAKE_MIB, FILL);
}

/* RAM is what root may execute, whatever the cell may do with it. Registers are left alone: they are not there. */
static void test_data_is_cleared(void **state)
{
	static const struct cell_memory memory[] = {
		{ AREA, 0x0000, 0x2000, RW | CELL_MEM_DMA },
		{ AREA + 0x2000, 0x2000, 0x1000, CELL_MEM_READ },
		{ AREA + 0x3000, 0x3000, 0x1000, RAM | CELL_MEM_IO },
		{ FAKE_DEVICE_START, 0x4000, 0x1000, RW },
	};
	struct fake_config config = rtos;

	(void)state;
	boot();
	config.memory = memory;
	config.num_memory = ARRAY_SIZE(memory);
	assert_int_equal(fake_create(&config), 0);
	assert_filled(AREA, 0x4000, 0);
	assert_filled(AREA + 0x4000, 0x1000, FILL);
	memset(fake_ram(AREA), 0x77, 0x4000);
	assert_int_equal(destroy(0), 0);
	assert_filled(AREA, 0x4000, 0);
	fake_state_check(&at_start);
}

static void test_destroy_undoes_create(void **state)
{
	(void)state;
	boot();
	for (unsigned int round = 0; round < 3; round++) {
		assert_int_equal(fake_create(&rtos), 0);
		assert_int_equal(fake_create(&other), 0);
		assert_int_equal(start(0), 0);
		assert_int_equal(destroy(CELL_HC_FORCE), 0);
		assert_null(cell_find(ID));
		assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, 6, 0), 0);
		fake_state_check(&at_start);
		assert_int_equal(fake.takes, fake.gives);
		assert_int_equal(pcpu_of(1)->arch.state, FAKE_PARKED);
		assert_ptr_equal(pcpu_of(1)->cell, &root_cell);
	}
}

/* Whoever clears RAM is alone with it. */
static void assert_nobody_has(paddr_t page)
{
	if (page >= AREA && page < AREA_END)
		assert_root_has(page, PAGE_SIZE, false);
}

static void test_cleared_unseen(void **state)
{
	(void)state;
	boot();
	assert_int_equal(fake_create(&rtos), 0);
	assert_int_equal(set_loadable(0), 0);
	fake.on_temp_map = assert_nobody_has;
	assert_int_equal(destroy(0), 0);
	assert_root_has(AREA, 2 * FAKE_MIB, true);
	/* The configuration is not in AREA. */
	assert_int_equal(fake_create(&rtos), 0);
}

/* Linux brings a CPU up again; what happens to other cells then is no reason to park it. */
static void test_returned_cpu_goes_on(void **state)
{
	u32 parks;

	(void)state;
	boot();
	assert_int_equal(fake_create(&rtos), 0);
	assert_int_equal(destroy(0), 0);
	parks = pcpu_of(1)->arch.parks;
	pcpu_of(1)->arch.state = FAKE_GUEST;
	assert_int_equal(fake_create(&other), 0);
	assert_int_equal(pcpu_of(1)->arch.parks, parks);
	assert_int_equal(pcpu_of(1)->arch.state, FAKE_GUEST);
}

static void test_destroyed_in_any_order(void **state)
{
	(void)state;
	boot();
	assert_int_equal(fake_create(&other), 0);
	assert_int_equal(fake_create(&rtos), 0);
	assert_ptr_equal(root_cell.next, cell_find(6));
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, 6, 0), 0);
	assert_ptr_equal(root_cell.next, cell_find(ID));
	assert_int_equal(destroy(0), 0);
	fake_state_check(&at_start);
}

static void test_start(void **state)
{
	const struct cell_comm *comm;
	u32 flushes;

	(void)state;
	boot();
	assert_int_equal(fake_create(&rtos), 0);
	comm = fake_comm(ID);
	memset(fake_comm(ID), 0xff, PAGE_SIZE);
	fake_comm(ID)->state = CELL_STATE_SHUT_DOWN;
	flushes = pcpu_of(1)->arch.flushes;
	assert_int_equal(start(0), 0);

	assert_memory_equal(comm->signature, "JHCOMM", 6);
	assert_int_equal(comm->revision, 2);
	assert_int_equal(comm->state, CELL_STATE_RUNNING);
	assert_int_equal(comm->message, CELL_MSG_NONE);
	assert_int_equal(comm->reply, CELL_REPLY_NONE);
	assert_int_equal(comm->flags, CELL_COMM_CONSOLE_PERMITTED);
	assert_int_equal(comm->mmconfig_base, 0xe0000000);
	assert_int_equal(comm->x86.num_cpus, 2);
	for (unsigned int i = sizeof(*comm); i < PAGE_SIZE; i++)
		assert_int_equal(((const u8 *)comm)[i], 0);
	assert_event(HV_EVENT_STARTED, CELL_STATE_RUNNING);
	for (unsigned int id = 1; id < 4; id += 2) {
		assert_int_equal(pcpu_of(id)->arch.state, FAKE_GUEST);
		assert_int_equal(pcpu_of(id)->arch.starts, 1);
		assert_int_equal(pcpu_of(id)->arch.entry, 0x1000);
		assert_int_equal(pcpu_of(id)->arch.flushes, flushes + 1);
	}
	assert_int_equal(pcpu_of(2)->arch.starts, 0);
	/* Again. */
	assert_int_equal(start(CELL_HC_FORCE), 0);
	assert_int_equal(pcpu_of(3)->arch.starts, 2);
}

static void test_loadable(void **state)
{
	u32 flushes;

	(void)state;
	boot();
	assert_int_equal(fake_create(&rtos), 0);
	flushes = pcpu_of(2)->arch.flushes;
	assert_int_equal(set_loadable(0), 0);
	assert_event(HV_EVENT_LOADABLE, CELL_STATE_SHUT_DOWN);
	assert_root_has(AREA, 2 * FAKE_MIB, true);
	assert_root_has(AREA + 3 * FAKE_MIB + 0x5000, 0x3000, false);
	assert_root_has(FAKE_DEVICE_START, 0x2000, false);
	assert_int_equal(pcpu_of(2)->arch.flushes, flushes + 1);
	memset(fake_ram(AREA), 0x99, 100);
	assert_int_equal(set_loadable(0), 0);
	assert_int_equal(pcpu_of(2)->arch.flushes, flushes + 1);

	assert_int_equal(start(0), 0);
	assert_root_has(AREA, 2 * FAKE_MIB, false);
	assert_int_equal(pcpu_of(2)->arch.flushes, flushes + 2);
	assert_filled(AREA, 100, 0x99);

	/* A running cell is stopped. */
	assert_int_equal(set_loadable(CELL_HC_FORCE), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_STATE, ID, 0), CELL_STATE_SHUT_DOWN);
	assert_int_equal(pcpu_of(1)->arch.state, FAKE_PARKED);
	assert_root_has(AREA, 2 * FAKE_MIB, true);

	/* Destroyed while root can write it: cleared all the same. */
	assert_int_equal(destroy(0), 0);
	assert_filled(AREA, 2 * FAKE_MIB, 0);
	fake_state_check(&at_start);
}

/* Every access right and root's own end up as configured. */
static void test_rights(void **state)
{
	static const struct cell_memory memory[] = {
		{ AREA, 0x0000, 0x1000, CELL_MEM_READ },
		{ AREA + 0x1000, 0x1000, 0x1000, CELL_MEM_READ | CELL_MEM_EXECUTE },
		{ AREA + 0x2000, 0x2000, 0x1000, RW },
		{ AREA + 0x3000, 0x3000, 0x1000, RAM },
		{ FAKE_DEVICE_START, 0x4000, 0x1000, CELL_MEM_READ | CELL_MEM_IO },
	};
	static const unsigned int access[] = { ACCESS_READ, ACCESS_READ | ACCESS_EXECUTE, ACCESS_READ | ACCESS_WRITE,
					       ACCESS_RWX, ACCESS_READ | ACCESS_DEVICE };
	struct fake_config config = rtos;
	struct paging_entry e;

	(void)state;
	boot();
	config.memory = memory;
	config.num_memory = ARRAY_SIZE(memory);
	assert_int_equal(fake_create(&config), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(memory); i++) {
		assert_true(paging_lookup(&cell_find(ID)->stage2, i * PAGE_SIZE, &e));
		assert_int_equal(e.access, access[i]);
	}
	assert_int_equal(destroy(0), 0);
	fake_state_check(&at_start);
}

static void test_no_huge_pages(void **state)
{
	static const struct cell_memory memory[] = {
		{ AREA, 0, 2 * FAKE_MIB, RAM },
		{ AREA + 2 * FAKE_MIB, 2 * FAKE_MIB, 2 * FAKE_MIB, RAM | CELL_MEM_NO_HUGEPAGES },
	};
	struct fake_config config = rtos;
	struct paging_entry e;

	(void)state;
	boot();
	config.memory = memory;
	config.num_memory = ARRAY_SIZE(memory);
	assert_int_equal(fake_create(&config), 0);
	assert_true(paging_lookup(&cell_find(ID)->stage2, 0, &e));
	assert_int_equal(e.left, 2 * FAKE_MIB);
	assert_true(paging_lookup(&cell_find(ID)->stage2, 2 * FAKE_MIB, &e));
	assert_int_equal(e.left, PAGE_SIZE);
}

/* The configuration may lie anywhere in root's memory, across pages; the largest takes 16 pages. */
static void test_configuration_anywhere(void **state)
{
	static struct cell_memory memory[2000];
	struct fake_config config = rtos;
	u64 size;

	(void)state;
	boot();
	size = fake_config_write(&rtos, fake_ram(0x20000 - 70));
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_CREATE, 0x20000 - 70, 0), 0);
	assert_memory_equal(cell_find(ID)->config, fake_ram(0x20000 - 70), size);
	assert_int_equal(destroy(0), 0);

	config.memory = memory;
	config.num_memory = ARRAY_SIZE(memory);
	size = fake_config_write(&config, fake_ram(0x20000));
	assert_int_equal(size, 132 + 8 + 64000);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_CREATE, 0x20000, 0), 0);
	assert_int_equal(cell_find(ID)->config_pages, 16);
	assert_int_equal(destroy(0), 0);
	config.cpu_set_bytes = 65536 - 132 - 64000;
	config.high_cpu = 3;
	size = fake_config_write(&config, fake_ram(0x20000));
	assert_int_equal(size, CELL_CONFIG_MAX_BYTES);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_CREATE, 0x20000, 0), 0);
	assert_int_equal(destroy(0), 0);
	fake_state_check(&at_start);
}

/* A name without NUL is cut. */
static void test_name_is_terminated(void **state)
{
	struct cell_config *config;

	(void)state;
	boot();
	fake_config_write(&rtos, fake_ram(FAKE_CONFIG));
	config = (struct cell_config *)fake_ram(FAKE_CONFIG);
	memset(config->name, 'n', sizeof(config->name));
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_CREATE, FAKE_CONFIG, 0), 0);
	assert_int_equal(cell_find(ID)->name[CELL_NAME_BYTES - 2], 'n');
	assert_int_equal(cell_find(ID)->name[CELL_NAME_BYTES - 1], 0);
	assert_int_equal(cell_find(ID)->config->name[CELL_NAME_BYTES - 1], 0);
	/* What root does to its copy has no effect. */
	memset(config, 0xff, PAGE_SIZE);
	assert_int_equal(start(0), 0);
	assert_int_equal(destroy(CELL_HC_FORCE), 0);
	fake_state_check(&at_start);
}

/* That is for the module to judge. */
static void test_other_signature(void **state)
{
	struct cell_config *config;

	(void)state;
	boot();
	fake_config_write(&rtos, fake_ram(FAKE_CONFIG));
	config = (struct cell_config *)fake_ram(FAKE_CONFIG);
	memset(config->signature, 'x', sizeof(config->signature));
	config->architecture = CELL_ARCH_ARM64;
	config->revision = 1;
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_CREATE, FAKE_CONFIG, 0), 0);
	assert_int_equal(start(0), 0);
}

/* Devices stop before root or anybody gets memory that they may write. */
static void test_devices_are_reset(void **state)
{
	(void)state;
	boot();
	assert_int_equal(fake_create(&rtos), 0);
	assert_int_equal(fake.resets, 0);
	assert_int_equal(start(0), 0);
	assert_int_equal(fake.resets, 1);
	assert_int_equal(set_loadable(CELL_HC_FORCE), 0);
	assert_int_equal(fake.resets, 2);
	assert_int_equal(set_loadable(0), 0); /* it is already */
	assert_int_equal(fake.resets, 2);
	assert_int_equal(start(0), 0);
	assert_int_equal(destroy(CELL_HC_FORCE), 0);
	assert_int_equal(fake.resets, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_create),
		FAKE_TEST(test_ram_is_cleared),
		FAKE_TEST(test_data_is_cleared),
		FAKE_TEST(test_destroy_undoes_create),
		FAKE_TEST(test_cleared_unseen),
		FAKE_TEST(test_returned_cpu_goes_on),
		FAKE_TEST(test_destroyed_in_any_order),
		FAKE_TEST(test_start),
		FAKE_TEST(test_loadable),
		FAKE_TEST(test_rights),
		FAKE_TEST(test_no_huge_pages),
		FAKE_TEST(test_configuration_anywhere),
		FAKE_TEST(test_name_is_terminated),
		FAKE_TEST(test_other_signature),
		FAKE_TEST(test_devices_are_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
