// SPDX-License-Identifier: GPL-2.0-only
/* "Create" that must fail: the error, the explanation, and that nothing is left of the attempt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <fake.h>
#include <image.h>
#include <hv/arch.h>
#include <hv/string.h>

#define RAM (CELL_MEM_READ | CELL_MEM_WRITE | CELL_MEM_EXECUTE | CELL_MEM_DMA)
#define RW (CELL_MEM_READ | CELL_MEM_WRITE)
#define AREA (16 * FAKE_MIB)

/* Makes root's tables split at four places. */
static const struct cell_memory good_memory[] = {
	{ AREA + 0x5000, 0, 0x3000, RAM },
	{ AREA + 3 * FAKE_MIB, 0x200000, 4 * FAKE_MIB, RAM | CELL_MEM_LOADABLE },
	{ 0, 0x1000000, 0x1000, RW | CELL_MEM_COMM_REGION },
};

static const struct fake_config good = {
	.name = "good",
	.id = 1,
	.flags = CELL_FLAG_CONSOLE_PERMITTED,
	.cpus = 1 << 1,
	.memory = good_memory,
	.num_memory = ARRAY_SIZE(good_memory),
};

static struct fake_state before;

static void boot(void)
{
	assert_int_equal(fake_boot(&fake_root), 0);
	fake_state_read(&before);
}

/* A hypercall that fails, explains itself in an event, and changes nothing else. */
static void assert_create_at(paddr_t address, int err)
{
	u64 events = event_ring.last_seq;

	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_CREATE, address, 0), err);
	fake_state_check(&before);
	assert_int_equal(event_ring.last_seq, events + 1);
	assert_int_equal(event_ring.slot[event_ring.last_seq % HV_EVENT_SLOTS].type, HV_EVENT_REFUSED);
	assert_int_equal(fake.takes, fake.gives);
}

static void assert_refused(const struct fake_config *config, int err)
{
	fake_config_write(config, fake_ram(FAKE_CONFIG));
	assert_create_at(FAKE_CONFIG, err);
}

static void assert_created(const struct fake_config *config)
{
	assert_int_equal(fake_create(config), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, config->id, 0), 0);
	fake_state_check(&before);
}

static struct cell_config *blob(void)
{
	fake_config_write(&good, fake_ram(FAKE_CONFIG));
	return (struct cell_config *)fake_ram(FAKE_CONFIG);
}

static void test_address(void **state)
{
	(void)state;
	boot();
	assert_create_at(FAKE_DEVICE_START - PAGE_SIZE, -ENOMEM);
	assert_create_at(1UL << 40, -ENOMEM);
	assert_create_at(1UL << 48 | FAKE_CONFIG, -ENOMEM);
	assert_create_at(~0UL, -ENOMEM);
	assert_create_at(FAKE_DEVICE_START + FAKE_DEVICE_BYTES, -ENOMEM);
	/* Hypervisor memory reads as zeros: the id of root. */
	assert_create_at(FAKE_HV_START + 3 * PAGE_SIZE, -EEXIST);
	assert_created(&good);
}

/* The end of the configuration is not root's any more. */
static void test_truncated(void **state)
{
	const struct cell_memory memory[] = { { AREA, 0, 0x1000, RAM } };
	const struct fake_config owner = { "owner", 2, .cpus = 1 << 2, .memory = memory, .num_memory = 1 };
	u64 size;

	(void)state;
	boot();
	size = fake_config_write(&good, fake_ram(FAKE_CONFIG));
	assert_int_equal(fake_create(&owner), 0);
	fake_state_read(&before);
	fake.gives++; /* owner stays */
	for (u64 part = 1; part < size; part += 3) {
		memset(fake_ram(AREA - PAGE_SIZE), 0, PAGE_SIZE);
		fake_config_write(&good, fake_ram(FAKE_CONFIG));
		memcpy(fake_ram(AREA - part), fake_ram(FAKE_CONFIG), part);
		assert_create_at(AREA - part, -ENOMEM);
	}
	fake_config_write(&good, fake_ram(AREA - size));
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_CREATE, AREA - size, 0), 0);
}

/* What root itself may not read is not read for it. */
static void test_unreadable(void **state)
{
	const u64 hole = 8 * FAKE_MIB;
	const struct cell_memory memory[] = {
		{ 0, 0, hole, RAM },
		{ hole, hole, FAKE_MIB, CELL_MEM_WRITE },
		{ hole + FAKE_MIB, hole + FAKE_MIB, FAKE_HV_START - hole - FAKE_MIB, RAM },
	};
	const struct fake_config root = { .name = "root", .memory = memory, .num_memory = ARRAY_SIZE(memory) };

	(void)state;
	assert_int_equal(fake_boot(&root), 0);
	fake_state_read(&before);
	fake_config_write(&good, fake_ram(hole));
	assert_create_at(hole, -ENOMEM);
	assert_created(&good);
}

static void test_identity(void **state)
{
	struct fake_config config = good, second = { "second", 9, .cpus = 1 << 2 };

	(void)state;
	boot();
	config.id = CELL_ROOT_ID;
	assert_refused(&config, -EEXIST);
	config.id = 1;
	config.name = "root";
	assert_refused(&config, -EEXIST);
	assert_int_equal(fake_create(&second), 0);
	fake_state_read(&before);
	fake.gives++;
	config.name = "second";
	assert_refused(&config, -EEXIST);
	config.name = "secon";
	config.id = 9;
	assert_refused(&config, -EEXIST);
	config.id = 0xffffffffU;
	assert_created(&config);
}

static void test_size(void **state)
{
	static struct cell_memory none[2044];
	struct fake_config config = good;
	u64 size;

	(void)state;
	boot();
	config.memory = none;
	config.num_memory = ARRAY_SIZE(none);
	assert_refused(&config, -E2BIG);
	/* 65536 bytes fit, but only from the start of a page. */
	config.num_memory = 2000;
	config.cpu_set_bytes = CELL_CONFIG_MAX_BYTES - 132 - 64000;
	size = fake_config_write(&config, fake_ram(FAKE_CONFIG));
	assert_int_equal(size, CELL_CONFIG_MAX_BYTES);
	memcpy(fake_ram(0x40001), fake_ram(FAKE_CONFIG), size);
	assert_create_at(0x40001, -E2BIG);
	assert_created(&config);
	config.cpu_set_bytes++;
	assert_refused(&config, -E2BIG);
}

/* Each count alone and all together, up to sums beyond 32 bits. */
static void test_huge_counts(void **state)
{
	static const u16 counts[] = {
		offsetof(struct cell_config, num_memory_regions), offsetof(struct cell_config, num_cache_regions),
		offsetof(struct cell_config, num_irqchips),	  offsetof(struct cell_config, num_pio_regions),
		offsetof(struct cell_config, num_pci_devices),	  offsetof(struct cell_config, num_pci_caps),
		offsetof(struct cell_config, num_stream_ids),
	};
	static const u32 values[] = { 0xffffffffU, 0x80000000U, 0x7ffffff, 0x8000000, 0x10000000, 16384 };

	(void)state;
	boot();
	for (unsigned int v = 0; v < ARRAY_SIZE(values); v++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(counts); i++) {
			memcpy((u8 *)blob() + counts[i], &values[v], sizeof(u32));
			assert_create_at(FAKE_CONFIG, -E2BIG);
		}
		blob();
		for (unsigned int i = 0; i < ARRAY_SIZE(counts); i++)
			memcpy(fake_ram(FAKE_CONFIG) + counts[i], &values[v], sizeof(u32));
		assert_create_at(FAKE_CONFIG, -E2BIG);
		blob()->cpu_set_size = values[v];
		assert_create_at(FAKE_CONFIG, values[v] > CELL_CONFIG_MAX_BYTES ? -E2BIG : -EINVAL);
	}
}

static void test_cpus(void **state)
{
	const struct fake_config owner = { "owner", 2, .cpus = 1 << 2 };
	struct fake_config config = good;

	(void)state;
	boot();
	config.cpus = 0;
	assert_refused(&config, -EINVAL);
	config.cpus = 1 << 0 | 1 << 1; /* the caller's */
	assert_refused(&config, -EBUSY);
	config.cpus = 1 << 1 | 1 << 4;
	assert_refused(&config, -EBUSY);
	config.cpus = 1UL << 63 | 1 << 1;
	assert_refused(&config, -EBUSY);
	config.cpus = 1 << 1;
	config.cpu_set_bytes = CELL_CPU_SET_MAX_BYTES;
	config.high_cpu = CELL_CPU_SET_MAX_BYTES * 8 - 1;
	assert_refused(&config, -EBUSY);
	config.high_cpu = MAX_CPUS;
	assert_refused(&config, -EBUSY);
	config.high_cpu = MAX_CPUS - 1;
	assert_refused(&config, -EBUSY);
	config.high_cpu = 3;
	assert_created(&config);
	config.cpu_set_bytes++;
	assert_refused(&config, -EINVAL);
	config = good;

	assert_int_equal(fake_create(&owner), 0);
	fake_state_read(&before);
	fake.gives++;
	config.cpus = 1 << 1 | 1 << 2;
	assert_refused(&config, -EBUSY);
}

/* --- root changes the configuration while it is read --- */

static unsigned int reads;

/* Behind the hypervisor's first look at the header. */
static void grow_header(paddr_t page)
{
	if (page == FAKE_CONFIG && reads++ == 1)
		((struct cell_config *)fake_ram(FAKE_CONFIG))->num_memory_regions = 0xffffffff;
}

static void test_header_changes(void **state)
{
	const struct cell_config *config;

	(void)state;
	boot();
	fake.on_temp_map = grow_header;
	assert_int_equal(fake_create(&good), 0);
	config = (const struct cell_config *)fake_ram(FAKE_CONFIG);
	assert_int_equal(reads, 2);
	assert_int_equal(config->num_memory_regions, 0xffffffff);
	assert_int_equal(cell_find(1)->config->num_memory_regions, good.num_memory);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, 1, 0), 0);
	fake_state_check(&before);
}

/* The second look finds only the header, and in it what was not judged. */
static void test_header_changes_and_read_fails(void **state)
{
	const struct cell_memory memory[] = { { FAKE_CONFIG + PAGE_SIZE, 0, 0x1000, RAM } };
	const struct fake_config owner = { "owner", 2, .cpus = 1 << 2, .memory = memory, .num_memory = 1 };
	struct cell_memory many[200] = { { 0 } };
	struct fake_config config = good;

	(void)state;
	boot();
	assert_int_equal(fake_create(&owner), 0);
	fake_state_read(&before);
	fake.gives++;
	config.memory = many;
	config.num_memory = ARRAY_SIZE(many);
	fake.on_temp_map = grow_header;
	assert_refused(&config, -ENOMEM);
	assert_int_equal(reads, 2);
}

/* One bad region behind a good one. */
static void test_memory(void **state)
{
	static const struct {
		struct cell_memory memory;
		int err;
	} bad[] = {
		/* Ranges that are none. */
		{ { AREA + 0x10800, 0x10000, 0x1000, RAM }, -EINVAL },
		{ { 0xfffffffffffff000, 0x10000, 0x1000, RAM }, -EINVAL },
		{ { AREA, 0xfffffffffffff000, 0x2000, RAM }, -EINVAL },
		{ { AREA, 0x10000, 0xfffffffffffff000, RAM }, -EINVAL },
		{ { AREA, 0x10010, 0xfffffffffffffff0, RAM }, -EINVAL },
		{ { 0xfffffffffffff010, 0x10010, 8, RW | CELL_MEM_IO_32 }, -EINVAL },
		{ { 0, 0x10, 0xffffffffffffffe0, RW | CELL_MEM_IO_32 }, -EINVAL },
		/* Beyond what the cell's tables can address. */
		{ { AREA, 1UL << 48, 0x1000, RAM }, -ERANGE },
		{ { AREA, (1UL << 48) - 0x1000, 0x2000, RAM }, -ERANGE },
		{ { 0, 1UL << 48, 0x1000, RW | CELL_MEM_COMM_REGION }, -ERANGE },
		{ { 0x1000, 0x10000, 0xffffffffffffe000, RAM }, -EINVAL },
		/* Nobody's. */
		{ { AREA, 0x10000, 1UL << 46, RAM }, -EBUSY },
		{ { FAKE_RAM_BYTES, 0x10000, 0x1000, RAM }, -EBUSY },
		{ { 1UL << 48, 0x10000, 0x1000, RAM }, -EBUSY },
		{ { FAKE_DEVICE_START + FAKE_DEVICE_BYTES - 0x1000, 0x10000, 0x2000, RW }, -EBUSY },
		{ { FAKE_DEVICE_START - 0x1000, 0x10000, 0x2000, RW }, -EBUSY },
		{ { FAKE_RAM_BYTES + 0x10, 0x10010, 8, RW | CELL_MEM_IO_32 }, -EBUSY },
		/* Ours. */
		{ { FAKE_HV_START, 0x10000, 0x1000, CELL_MEM_READ }, -EBUSY },
		{ { FAKE_HV_START - 0x1000, 0x10000, 0x2000, RAM }, -EBUSY },
		{ { FAKE_HV_START + FAKE_MIB - 0x1000, 0x10000, 0x2000, CELL_MEM_READ | CELL_MEM_ROOTSHARED }, -EBUSY },
		{ { 0, 0x10000, FAKE_RAM_BYTES, RAM }, -EBUSY },
		{ { FAKE_IRQCHIP_START, 0x10000, 0x1000, RW }, -EBUSY },
		{ { FAKE_IRQCHIP_START + 0x800, 0x10800, 4, RW | CELL_MEM_IO_32 }, -EBUSY },
		/* More than root may. */
		{ { FAKE_DEVICE_START, 0x10000, 0x1000, RAM }, -EPERM },
		{ { FAKE_DEVICE_START, 0x10000, 0x1000, CELL_MEM_READ | CELL_MEM_EXECUTE }, -EPERM },
		/* Communication regions. */
		{ { 0, 0x10000, 0x2000, RW | CELL_MEM_COMM_REGION }, -EINVAL },
		{ { 0, 0x10800, 0x1000, RW | CELL_MEM_COMM_REGION }, -EINVAL },
		{ { 0, 0x10000, 0x800, RW | CELL_MEM_COMM_REGION }, -EINVAL },
		/* The cell that is there has it. */
		{ { AREA + 0x8000, 0x10000, 0x1000, RAM }, -EBUSY },
		{ { AREA + 0x7000, 0x10000, 0x4000, RAM }, -EBUSY },
		{ { AREA + 0x8000, 0x10000, 0x1000, RAM | CELL_MEM_ROOTSHARED }, -EBUSY },
	};
	static const struct cell_memory owned[] = { { AREA + 0x8000, 0, 0x1000, RAM } };
	const struct fake_config owner = { "owner", 2, .cpus = 1 << 2, .memory = owned, .num_memory = 1 };
	struct cell_memory memory[] = { { AREA, 0, 0x1000, RAM }, { 0 } };
	struct fake_config config = good;

	(void)state;
	boot();
	assert_int_equal(fake_create(&owner), 0);
	fake_state_read(&before);
	fake.gives++;
	config.memory = memory;
	config.num_memory = ARRAY_SIZE(memory);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		memory[1] = bad[i].memory;
		assert_refused(&config, bad[i].err);
	}
}

/* Several things are wrong: the first in the order of abi 1.3 is told. */
static void test_order(void **state)
{
	static const struct cell_memory bad[2044] = { { 1, 0, PAGE_SIZE, RAM } };
	struct fake_config config = { "root", 7, .cpus = 1 << 0, .memory = bad, .num_memory = ARRAY_SIZE(bad) };

	(void)state;
	boot();
	config.cpu_set_bytes = CELL_CPU_SET_MAX_BYTES + 1;
	assert_refused(&config, -EEXIST);
	config.name = "order";
	assert_refused(&config, -E2BIG);
	config.num_memory = 1;
	assert_refused(&config, -EINVAL);
	config.cpu_set_bytes = 0;
	assert_refused(&config, -EBUSY);
	config.cpus = 1 << 1;
	assert_refused(&config, -EINVAL);
}

static void test_architecture(void **state)
{
	const int errors[] = { -EBUSY, -EINVAL, -ENOMEM, -ERANGE, -EIO, -E2BIG };

	(void)state;
	boot();
	for (unsigned int i = 0; i < ARRAY_SIZE(errors); i++) {
		fake.cell_init_error = errors[i];
		assert_refused(&good, errors[i]);
	}
	fake.cell_init_error = 0;
	assert_created(&good);
}

/* Every allocation of a creation fails once. */
static void test_out_of_memory(void **state)
{
	s64 err = -ENOMEM;
	u64 events;
	u32 n;

	(void)state;
	boot();
	for (n = 0; err; n++) {
		fake_config_write(&good, fake_ram(FAKE_CONFIG));
		events = event_ring.last_seq;
		fake_pool_fail_after(n);
		err = fake_hypercall(0, CELL_HC_CELL_CREATE, FAKE_CONFIG, 0);
		fake_pool_fail_after(FAKE_NEVER);
		if (err) {
			assert_int_equal(err, -ENOMEM);
			fake_state_check(&before);
			assert_int_equal(event_ring.last_seq, events + 1);
		}
	}
	/* Cell, configuration, communication page, console, at least four tables and three splits. */
	assert_true(n > 11);
	/* What follows needs no memory. */
	fake_pool_fail_after(0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, good.id, 0), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_SET_LOADABLE, good.id, CELL_HC_FORCE), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, good.id, 0), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, good.id, CELL_HC_FORCE), 0);
	fake_state_check(&before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_address),
		FAKE_TEST(test_truncated),
		FAKE_TEST(test_identity),
		FAKE_TEST(test_size),
		FAKE_TEST(test_huge_counts),
		FAKE_TEST(test_cpus),
		FAKE_TEST(test_memory),
		FAKE_TEST(test_header_changes),
		FAKE_TEST(test_header_changes_and_read_fails),
		FAKE_TEST(test_order),
		FAKE_TEST(test_architecture),
		FAKE_TEST(test_out_of_memory),
		FAKE_TEST(test_unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
