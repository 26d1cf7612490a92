// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI functions of cells: who owns what, each rule of abi 4.9, messages that reach nobody else's CPUs, and what a
 * function looks like behind each move.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <cmocka.h>
#include <fake.h>
#include <hv/arch.h>
#include <hv/mmio.h>
#include <hv/pci.h>
#include <hv/string.h>

#define RAM (CELL_MEM_READ | CELL_MEM_WRITE | CELL_MEM_EXECUTE | CELL_MEM_DMA)
#define RW (CELL_MEM_READ | CELL_MEM_WRITE)
#define ID 1
#define CELL_CPU 3
#define MSIX_TABLE (FAKE_DEVICE_START + 0x20000)
#define VECTORS 4
#define ONES 0xffffffffU

/* Function 0 is a device with everything, 1 one without, 2 a bridge, 3 is root's, 4 is not listed. */
enum { FULL, PLAIN, BRIDGE, OTHER, UNLISTED };

#define MSI_CAP 0x50
#define MSIX_CAP 0x70
#define OPEN_CAP 0x80
#define CLOSED_CAP 0x90
#define EXTENDED_CAP 0x100

static const struct cell_pci_cap caps[] = {
	{ 0x05, MSI_CAP, 14, CELL_PCI_CAP_WRITE },	 { 0x11, MSIX_CAP, 12, CELL_PCI_CAP_WRITE },
	{ 0, OPEN_CAP, 6, CELL_PCI_CAP_WRITE },		 { 0x09, CLOSED_CAP, 16, 0 },
	{ 0x8001, EXTENDED_CAP, 8, CELL_PCI_CAP_WRITE }, { 0, 0x40, 0xc0, CELL_PCI_CAP_WRITE }, /* of OTHER */
};

#define OWN_CAPS 5

static const struct cell_pci_device full = {
	.type = 1,
	.bdf = FULL,
	.bar_mask = { 0xfffff000, 0xffffffff, 0xffffffe0, 0, 0, 0 },
	.num_caps = OWN_CAPS,
	.num_msi_vectors = 1,
	.msi_flags = 1,
	.num_msix_vectors = VECTORS,
	.msix_region_size = 0x1000,
	.msix_address = MSIX_TABLE,
};

static const struct cell_pci_device plain = { .type = 1, .bdf = PLAIN };
static const struct cell_pci_device other = { .type = 1, .bdf = OTHER, .caps_start = OWN_CAPS, .num_caps = 1 };
static const struct cell_pci_device bridge = { .type = 2, .bdf = BRIDGE };

/* --- a machine --- */

static void set(u16 bdf, u16 reg, u32 value)
{
	memcpy(fake_pci(bdf, reg), &value, 4);
}

static u32 get(u16 bdf, u16 reg)
{
	u32 value;

	memcpy(&value, fake_pci(bdf, reg), 4);
	return value;
}

static u32 table(u32 vector, u32 word)
{
	u32 value;

	memcpy(&value, fake_device(MSIX_TABLE + 16 * vector + 4 * word), 4);
	return value;
}

/* Behind every write to a cell's function: what is enabled names its CPU only. */
static void check_message(u16 bdf)
{
	if (bdf == FULL && get(FULL, MSI_CAP) >> 16 & 1)
		assert_int_equal(get(FULL, MSI_CAP + 4), fake_message(1 << CELL_CPU));
}

static void write_hardware(void)
{
	for (u16 bdf = 0; bdf <= UNLISTED; bdf++) {
		set(bdf, 0, 0x11e81234 + bdf);
		set(bdf, 4, 0x00100006);
		set(bdf, 0x10, 0xfea00000 | bdf << 12);
		set(bdf, 0x18, 0x0000c041);
		set(bdf, 0x30, 0xfeb00000);
	}
	set(FULL, 0x34, OPEN_CAP);
	set(FULL, OPEN_CAP, 0x000b0009 | MSI_CAP << 8);
	set(FULL, MSI_CAP, 0x00800005 | MSIX_CAP << 8);
	set(FULL, MSIX_CAP, (VECTORS - 1) << 16 | 0x11);
	set(OTHER, 0x34, MSIX_CAP);
	set(OTHER, MSIX_CAP, 0x00030011 | MSI_CAP << 8);
	set(OTHER, MSI_CAP, 0x00000005);
	set(PLAIN, 0x34, 0x40);
	set(PLAIN, 0x40, 0x00004009); /* leads to itself */
}

/* Take over, with these on the list of root. */
static int start(const struct cell_pci_device *devices, u32 n)
{
	const struct fake_config root = {
		.name = "root",
		.memory = fake_root.memory,
		.num_memory = fake_root.num_memory,
		.pci = devices,
		.num_pci = n,
		.caps = caps,
		.num_caps = ARRAY_SIZE(caps),
	};

	return fake_boot(&root);
}

static int take_over(void)
{
	const struct cell_pci_device devices[] = { full, plain, bridge, other };

	return start(devices, ARRAY_SIZE(devices));
}

static void boot(void)
{
	write_hardware();
	assert_int_equal(take_over(), 0);
}

static s64 create(const struct cell_pci_device *devices, u32 n)
{
	const struct cell_memory memory = { 0x400000, 0, FAKE_MIB, RAM };
	const struct fake_config config = {
		.name = "one",
		.id = ID,
		.cpus = 1 << CELL_CPU,
		.memory = &memory,
		.num_memory = 1,
		.pci = devices,
		.num_pci = n,
		.caps = caps,
		.num_caps = ARRAY_SIZE(caps),
	};

	return fake_create(&config);
}

static s64 destroy(void)
{
	return fake_hypercall(0, CELL_HC_CELL_DESTROY, ID, CELL_HC_FORCE);
}

/* A cell with the first three functions. */
static struct cell *boot_and_create(void)
{
	const struct cell_pci_device devices[] = { full, plain, bridge };

	boot();
	assert_int_equal(create(devices, 3), 0);
	fake.on_pci_write = check_message;
	return cell_find(ID);
}

/* Accesses by memory, as a CPU makes them. */
static s64 job_access(struct pcpu *cpu, const u64 args[3])
{
	struct mmio_access *a = (struct mmio_access *)args[0];
	const struct mmio_window *w = mmio_find(cpu->cell, a->address);

	return w && mmio_emulate(cpu, w, a);
}

static bool load(unsigned int cpu, u64 address, u8 size, u64 *ret_value)
{
	struct mmio_access a = { .address = address, .size = size };
	bool ok = fake_call(cpu, job_access, (u64)&a, 0, 0);

	*ret_value = a.value;
	return ok;
}

static bool store(unsigned int cpu, u64 address, u8 size, u64 value)
{
	struct mmio_access a = { .address = address, .size = size, .write = true, .value = value };

	return fake_call(cpu, job_access, (u64)&a, 0, 0);
}

static bool store_entry(unsigned int cpu, u32 vector, u32 word, u32 value)
{
	return store(cpu, MSIX_TABLE + 16 * vector + 4 * word, 4, value);
}

/* --- ownership --- */

static void test_owner_sees_it_others_do_not(void **state)
{
	struct cell *cell = boot_and_create();

	(void)state;
	assert_true(pci_is_moderated());
	assert_int_equal(pci_read(cell, FULL, 0, 4), 0x11e81234);
	assert_int_equal(pci_read(cell, FULL, 2, 2), 0x11e8);
	assert_int_equal(pci_read(&root_cell, FULL, 0, 4), ONES);
	assert_int_equal(pci_read(&root_cell, FULL, 1, 1), 0xff);
	assert_int_equal(pci_read(&root_cell, OTHER, 0, 4), 0x11e81234 + OTHER);
	assert_int_equal(pci_read(cell, OTHER, 0, 2), 0xffff);
	assert_int_equal(pci_read(&root_cell, UNLISTED, 0, 4), ONES);
	assert_false(pci_write(&root_cell, FULL, 4, 2, 6));
	assert_false(pci_write(cell, OTHER, 4, 2, 6));
	assert_false(pci_write(&root_cell, UNLISTED, 4, 2, 6));
	assert_int_equal(get(OTHER, 4), 0x00100006);
	assert_int_equal(destroy(), 0);
	assert_int_equal(pci_read(&root_cell, FULL, 0, 4), 0x11e81234);
}

static void test_taken_by_another(void **state)
{
	const struct fake_config second = { .name = "two", .id = 2, .cpus = 1 << 2, .pci = &plain, .num_pci = 1 };
	struct fake_state before;

	(void)state;
	boot();
	assert_int_equal(create(&plain, 1), 0);
	fake_state_read(&before);
	assert_int_equal(fake_create(&second), -EBUSY);
	fake_state_check(&before);
	assert_int_equal(pci_read(cell_find(ID), PLAIN, 0, 4), 0x11e81234 + PLAIN);
	assert_int_equal(destroy(), 0);
	assert_int_equal(fake_create(&second), 0);
	assert_int_equal(pci_read(cell_find(2), PLAIN, 0, 4), 0x11e81234 + PLAIN);
}

/* The first entry counts, for root and for cells; nothing is trapped or given twice. */
static void test_listed_twice(void **state)
{
	const struct cell_pci_device nothing = { .type = 0, .bdf = OTHER };
	struct cell_pci_device devices[] = { nothing, full, full, nothing };
	const struct cell *cell;

	(void)state;
	devices[1].num_caps = 0;
	write_hardware();
	assert_int_equal(start(devices, ARRAY_SIZE(devices)), 0);
	assert_true(pci_is_moderated());
	assert_int_equal(pci_read(&root_cell, FULL, 0, 4), 0x11e81234);
	assert_int_equal(pci_read(&root_cell, OTHER, 0, 4), ONES);

	assert_int_equal(create(devices, ARRAY_SIZE(devices)), 0);
	cell = cell_find(ID);
	assert_false(pci_write(cell, FULL, OPEN_CAP, 4, 0x55));
	assert_true(pci_write(cell, FULL, 4, 2, 6));
	assert_int_equal(pci_read(cell, OTHER, 0, 4), ONES);
	assert_int_equal(destroy(), 0);
	assert_int_equal(pci_read(&root_cell, FULL, 0, 4), 0x11e81234);
	assert_int_equal(create(&devices[2], 1), 0);
	assert_true(pci_write(cell_find(ID), FULL, OPEN_CAP, 4, 0x55));
}

static void test_refused(void **state)
{
	struct cell_pci_device unlisted = { .type = 1, .bdf = UNLISTED }, changed = full;
	struct fake_state before;

	(void)state;
	boot();
	fake_state_read(&before);
	assert_int_equal(create(&unlisted, 1), -EBUSY);
	changed.num_msix_vectors++;
	assert_int_equal(create(&changed, 1), -EINVAL);
	changed = full;
	changed.msix_address += 0x1000;
	assert_int_equal(create(&changed, 1), -EINVAL);
	changed = full;
	changed.type = 2;
	assert_int_equal(create(&changed, 1), -EINVAL);
	changed = full;
	changed.domain = 1;
	assert_int_equal(create(&changed, 1), -EBUSY);
	changed = full;
	changed.num_caps += 2;
	assert_int_equal(create(&changed, 1), -EINVAL);
	changed.caps_start = 0xffff;
	changed.num_caps = 1;
	assert_int_equal(create(&changed, 1), -EINVAL);
	fake_state_check(&before);
}

/* Capabilities that would lead out of a function's own space. */
static void test_bad_capabilities(void **state)
{
	static const struct cell_pci_cap bad[] = { { 0, 0xff8, 9, 1 }, { 0, 0xffff, 0xffff, 1 }, { 5, 0xffff, 1, 1 } };
	const struct cell_memory memory = { 0x400000, 0, FAKE_MIB, RAM };
	struct cell_pci_device device = plain;
	struct fake_config config = {
		.name = "bad", .id = 2, .cpus = 1 << 2, .memory = &memory, .num_memory = 1, .pci = &device, .num_pci = 1
	};

	(void)state;
	boot();
	device.num_caps = 1;
	config.num_caps = 1;
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		config.caps = &bad[i];
		assert_int_equal(fake_create(&config), -EINVAL);
	}
}

static void test_table_that_cannot_be(void **state)
{
	struct cell_pci_device device = full;

	(void)state;
	device.msix_address = FAKE_HV_START + 0x2000;
	assert_int_equal(start(&device, 1), -EINVAL);
}

static void test_table_is_reserved(void **state)
{
	const struct cell_memory memory[] = { { 0x400000, 0, FAKE_MIB, RAM },
					      { MSIX_TABLE, 0x800000, PAGE_SIZE, RW },
					      { MSIX_TABLE + 0x100, 0x800100, 0x10, RW } };
	struct fake_config config = { .name = "thief", .id = 2, .cpus = 1 << 2, .memory = memory, .num_memory = 2 };
	struct paging_entry e;

	(void)state;
	boot();
	assert_int_equal(fake_create(&config), -EBUSY);
	config.memory = &memory[1];
	assert_int_equal(fake_create(&config), -EBUSY);
	assert_false(paging_lookup(&root_cell.stage2, MSIX_TABLE, &e));
	assert_true(paging_lookup(&root_cell.stage2, MSIX_TABLE + PAGE_SIZE, &e));
	assert_false(paging_lookup(&root_cell.stage2, FAKE_MMCONFIG, &e));
}

static void test_without_list_nothing_is_moderated(void **state)
{
	(void)state;
	assert_int_equal(fake_boot(&fake_root), 0);
	assert_false(pci_is_moderated() || pci_is_trapped());
	assert_null(mmio_find(&root_cell, FAKE_MMCONFIG));
	assert_int_equal(create(&plain, 1), -EBUSY);
	assert_int_equal(create(NULL, 0), 0);
	assert_int_equal(pci_read(cell_find(ID), PLAIN, 0, 4), ONES);
}

/* Shared with the process that starts up. */
static struct {
	u32 pages_left;
	int result;
} * attempt;

static void start_up(void **state)
{
	(void)state;
	write_hardware();
	fake_pool_fail_after(attempt->pages_left);
	attempt->result = take_over(); /* which is the same on all CPUs */
	if (attempt->result)
		assert_int_equal(attempt->result, -ENOMEM);
}

/* Every allocation of a start fails once. Not one of the FAKE_TEST()s: each attempt is a process. */
static void test_start_out_of_memory(void **state)
{
	void *test = (void *)start_up;

	(void)state;
	attempt = mmap(NULL, sizeof(*attempt), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(attempt, MAP_FAILED);
	do
		fake_run_alone(&test);
	while (attempt->result && attempt->pages_left++ < 100);
	assert_int_equal(attempt->result, 0);
	/* At least four tables, functions, windows, and splits for the table of messages. */
	assert_true(attempt->pages_left > 6);
	munmap(attempt, sizeof(*attempt));
}

static void test_same_pages_after_destroy(void **state)
{
	struct fake_state before;
	u32 left = 0;

	(void)state;
	boot();
	fake_state_read(&before);
	for (;; left++) {
		fake_pool_fail_after(left);
		if (!create(&full, 1))
			break;
		fake_state_check(&before);
	}
	fake_pool_fail_after(FAKE_NEVER);
	assert_true(left > 4);
	assert_int_equal(destroy(), 0);
	fake_state_check(&before);
}

/* A cell's memory does not hide what is trapped, and the tables for that are counted. */
static void test_memory_at_the_same_place(void **state)
{
	const struct cell_memory memory = { 0x800000, FAKE_MMCONFIG, 2 * FAKE_MIB, RAM };
	const struct fake_config config = {
		.name = "one",
		.id = ID,
		.cpus = 1 << CELL_CPU,
		.memory = &memory,
		.num_memory = 1,
		.pci = &plain,
		.num_pci = 1,
	};
	struct paging_entry e;
	struct fake_state before;
	u64 value;
	u32 left = 0;

	(void)state;
	boot();
	fake_state_read(&before);
	for (fake_pool_fail_after(left); fake_create(&config); fake_pool_fail_after(++left))
		fake_state_check(&before);
	fake_pool_fail_after(FAKE_NEVER);
	assert_true(left > 4);
	assert_false(paging_lookup(&cell_find(ID)->stage2, FAKE_MMCONFIG, &e));
	assert_true(paging_lookup(&cell_find(ID)->stage2, FAKE_MMCONFIG + FAKE_MIB, &e));
	assert_true(load(CELL_CPU, FAKE_MMCONFIG + (PLAIN << 12), 4, &value));
	assert_int_equal(value, 0x11e81234 + PLAIN);
	assert_int_equal(destroy(), 0);
	fake_state_check(&before);
}

/* --- the header --- */

/* Each byte of the headers, by rule: d direct, b BAR, i ignored, or a violation. */
static void check_header(const struct cell *cell, u16 bdf, const char *rules)
{
	for (u16 reg = 0; reg < 0x40; reg++) {
		u32 before, after;
		bool ok;

		set(bdf, reg & ~3, 0);
		before = get(bdf, reg & ~3);
		ok = pci_write(cell, bdf, reg, 1, 0xa5);
		after = get(bdf, reg & ~3);
		if (ok != (rules[reg] != '.'))
			fail_msg("function %u, register 0x%x: %s", bdf, reg, ok ? "allowed" : "forbidden");
		if ((after != before) != (rules[reg] == 'd'))
			fail_msg("function %u, register 0x%x: 0x%x", bdf, reg, after);
	}
}

static void test_device_header(void **state)
{
	(void)state;
	check_header(boot_and_create(), PLAIN,
		     "....dddd....dddd"
		     "bbbbbbbbbbbbbbbb"
		     "bbbbbbbb........"
		     "iiii........d...");
}

static void test_bridge_header(void **state)
{
	(void)state;
	check_header(boot_and_create(), BRIDGE,
		     "....dddd....dddd"
		     "............ii.."
		     "iiiiiiiiiiiiiiii"
		     "iiii........d.dd");
}

/* A wider access is forbidden with its first forbidden byte. */
static void test_wide_accesses(void **state)
{
	struct cell *cell = boot_and_create();

	(void)state;
	assert_true(pci_write(cell, PLAIN, 0x3c, 1, 5));
	assert_false(pci_write(cell, PLAIN, 0x3c, 2, 5));
	assert_false(pci_write(cell, PLAIN, 0x3c, 4, 5));
	assert_true(pci_write(cell, BRIDGE, 0x3e, 2, 5));
	assert_false(pci_write(cell, BRIDGE, 0x3c, 4, 5));
	assert_true(pci_write(cell, BRIDGE, 0x1c, 2, 5));
	assert_false(pci_write(cell, BRIDGE, 0x1c, 4, 5));
}

static void test_bars(void **state)
{
	struct cell *cell = boot_and_create();

	(void)state;
	assert_int_equal(pci_read(cell, FULL, 0x10, 4), 0xfea00000);
	assert_true(pci_write(cell, FULL, 0x10, 4, ONES)); /* how large is it? */
	assert_int_equal(pci_read(cell, FULL, 0x10, 4), 0xfffff000);
	assert_true(pci_write(cell, FULL, 0x12, 2, 0x1234));
	assert_int_equal(pci_read(cell, FULL, 0x10, 4), 0x1234f000);
	assert_int_equal(pci_read(cell, FULL, 0x13, 1), 0x12);
	assert_true(pci_write(cell, FULL, 0x18, 4, ONES));
	assert_int_equal(pci_read(cell, FULL, 0x18, 4), 0xffffffe1); /* I/O, as the hardware says */
	assert_true(pci_write(cell, FULL, 0x24, 4, ONES));
	assert_int_equal(pci_read(cell, FULL, 0x24, 4), 0);
	assert_int_equal(get(FULL, 0x10), 0xfea00000);
	assert_int_equal(get(FULL, 0x18), 0xc041);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, ID, CELL_HC_FORCE), 0);
	assert_int_equal(pci_read(cell, FULL, 0x10, 4), 0xfea00000);
	assert_int_equal(pci_read(cell, FULL, 0x30, 4), 0); /* expansion ROM */
}

/* A function that resets itself loses its BARs: before it decodes again, they are where they were. */
static void check_decoding(u16 bdf)
{
	if (bdf == FULL && get(FULL, 4) & 3)
		assert_int_equal(get(FULL, 0x10), 0xfea00000);
}

/* A bridge's own registers are the hardware's, where a device has BARs. */
static void test_bridge_is_read_directly(void **state)
{
	const struct cell *cell = boot_and_create();

	(void)state;
	set(BRIDGE, 0x18, 0x00020100);
	set(BRIDGE, 0x30, 0x12345678);
	assert_int_equal(pci_read(cell, BRIDGE, 0x18, 4), 0x00020100);
	assert_int_equal(pci_read(cell, BRIDGE, 0x30, 4), 0x12345678);
}

static void test_bars_do_not_move(void **state)
{
	struct cell *cell = boot_and_create();

	(void)state;
	fake.on_pci_write = check_decoding;
	set(FULL, 0x10, 0);
	set(FULL, 0x18, 1);
	set(FULL, 4, 0);
	assert_true(pci_write(cell, FULL, 4, 2, 4));
	assert_int_equal(get(FULL, 0x10), 0);
	assert_true(pci_write(cell, FULL, 4, 1, 7));
	assert_int_equal(get(FULL, 0x10), 0xfea00000);
	assert_int_equal(get(FULL, 0x18), 0xc041);
	assert_int_equal(get(FULL, 4) & 0xff, 7);
	set(FULL, 0x10, 0);
	set(FULL, 4, 0);
	assert_int_equal(destroy(), 0);
	assert_int_equal(get(FULL, 0x10), 0xfea00000);
}

/* --- capabilities --- */

static void test_capabilities(void **state)
{
	struct cell *cell = boot_and_create();

	(void)state;
	set(FULL, CLOSED_CAP, 0x1234);
	assert_int_equal(pci_read(cell, FULL, CLOSED_CAP, 4), 0x1234);
	assert_false(pci_write(cell, FULL, CLOSED_CAP, 4, 1));
	assert_true(pci_write(cell, FULL, OPEN_CAP, 4, 0x55));
	assert_int_equal(get(FULL, OPEN_CAP), 0x55);
	assert_true(pci_write(cell, FULL, OPEN_CAP + 4, 2, 0x66));
	assert_false(pci_write(cell, FULL, OPEN_CAP + 4, 4, 0x66)); /* ends behind it */
	assert_false(pci_write(cell, FULL, OPEN_CAP + 6, 1, 0x66));
	assert_true(pci_write(cell, FULL, EXTENDED_CAP + 4, 4, 0x77));
	assert_false(pci_write(cell, FULL, EXTENDED_CAP + 8, 4, 0x77));
	assert_false(pci_write(cell, FULL, 0x40, 4, 0));
	assert_false(pci_write(cell, PLAIN, OPEN_CAP, 4, 0));
	assert_false(pci_write(cell, PLAIN, 0x40, 4, 0));
}

/* --- MSI --- */

#define OWN_MESSAGE fake_message(1 << CELL_CPU)
#define FOREIGN_MESSAGE fake_message(1)

static void test_msi(void **state)
{
	struct cell *cell = boot_and_create();

	(void)state;
	assert_true(pci_write(cell, FULL, MSI_CAP + 4, 4, OWN_MESSAGE));
	assert_true(pci_write(cell, FULL, MSI_CAP + 8, 4, 0));
	assert_true(pci_write(cell, FULL, MSI_CAP + 12, 2, 0x41));
	assert_int_equal(get(FULL, MSI_CAP + 4), 0); /* not before it is enabled */
	assert_int_equal(pci_read(cell, FULL, MSI_CAP + 4, 4), OWN_MESSAGE);
	assert_true(pci_write(cell, FULL, MSI_CAP + 2, 2, 0x81));
	assert_int_equal(get(FULL, MSI_CAP) >> 16, 0x81);
	assert_int_equal(get(FULL, MSI_CAP + 4), OWN_MESSAGE);
	assert_int_equal(get(FULL, MSI_CAP + 12), 0x41);
	/* A change while enabled. */
	assert_true(pci_write(cell, FULL, MSI_CAP + 12, 1, 0x42));
	assert_int_equal(get(FULL, MSI_CAP + 12), 0x42);
	assert_false(pci_write(cell, FULL, MSI_CAP + 4, 4, FOREIGN_MESSAGE));
	assert_false(pci_write(cell, FULL, MSI_CAP + 4, 1, 1 | 1 << CELL_CPU));
	assert_false(pci_write(cell, FULL, MSI_CAP + 8, 4, 1));
	assert_int_equal(get(FULL, MSI_CAP + 4), OWN_MESSAGE);
	assert_int_equal(pci_read(cell, FULL, MSI_CAP + 4, 4), OWN_MESSAGE);
	/* Off, anything may be written; but not on again with it. */
	assert_true(pci_write(cell, FULL, MSI_CAP, 4, 0x00800000));
	assert_true(pci_write(cell, FULL, MSI_CAP + 4, 4, FOREIGN_MESSAGE));
	assert_false(pci_write(cell, FULL, MSI_CAP, 4, 0x00810000));
	assert_false(pci_write(cell, FULL, MSI_CAP + 2, 1, 0x81));
	assert_int_equal(get(FULL, MSI_CAP) >> 16 & 1, 0);
}

/* Where messages are is the hardware's word: a configuration that calls it plain registers changes nothing. */
static void test_messages_by_another_name(void **state)
{
	struct cell *cell;

	(void)state;
	boot();
	assert_int_equal(create(&other, 1), 0);
	cell = cell_find(ID);
	assert_true(pci_write(cell, OTHER, 0xa0, 4, 0x77));
	assert_true(pci_write(cell, OTHER, MSI_CAP + 4, 4, FOREIGN_MESSAGE));
	assert_true(pci_write(cell, OTHER, MSI_CAP + 8, 4, 0xffff0042));
	assert_int_equal(get(OTHER, MSI_CAP + 4), 0);
	assert_false(pci_write(cell, OTHER, MSI_CAP, 4, 0x00010000));
	assert_true(pci_write(cell, OTHER, MSI_CAP + 4, 4, OWN_MESSAGE));
	assert_true(pci_write(cell, OTHER, MSI_CAP, 4, 0x00010000));
	assert_int_equal(get(OTHER, MSI_CAP + 4), OWN_MESSAGE);
	assert_int_equal(get(OTHER, MSI_CAP + 8), 0x42); /* 32 bits: no upper half of the address */
	/* No table is listed, so none is trapped. */
	assert_false(pci_write(cell, OTHER, MSIX_CAP + 2, 2, 0x8000));
	assert_int_equal(destroy(), 0);
	assert_true(pci_write(&root_cell, OTHER, MSIX_CAP + 2, 2, 0x8000));
}

/* No capability is at 0: there, command and BARs are no message. */
static void test_function_without_messages(void **state)
{
	struct cell *cell = boot_and_create();

	(void)state;
	assert_true(pci_write(cell, PLAIN, 4, 2, 7));
	assert_int_equal(get(PLAIN, 4), 0x00100007);
	assert_int_equal(pci_read(cell, PLAIN, 4, 4), 0x00100007);
	set(PLAIN, 0xc, 0x00010203);
	assert_int_equal(pci_read(cell, PLAIN, 0xc, 4), 0x00010203);
}

/* Without the bit that says there is a list, what looks like one is other registers. */
static void test_no_list_of_capabilities(void **state)
{
	(void)state;
	write_hardware();
	set(OTHER, 4, 6);
	assert_int_equal(take_over(), 0);
	assert_int_equal(create(&other, 1), 0);
	assert_true(pci_write(cell_find(ID), OTHER, MSI_CAP + 4, 4, FOREIGN_MESSAGE));
	assert_int_equal(get(OTHER, MSI_CAP + 4), FOREIGN_MESSAGE);
}

static void fail_on_write_to_full(u16 bdf)
{
	assert_int_not_equal(bdf, FULL);
}

/* A message that reaches CPUs of root's still is not touched, which might lose an interrupt. */
static void test_root_msi_is_left_alone(void **state)
{
	(void)state;
	boot();
	assert_true(pci_write(&root_cell, FULL, MSI_CAP + 4, 4, fake_message(1)));
	assert_true(pci_write(&root_cell, FULL, MSI_CAP + 2, 2, 0x81));
	fake.on_pci_write = fail_on_write_to_full;
	assert_int_equal(create(&plain, 1), 0);
	assert_int_equal(destroy(), 0);
	assert_int_equal(get(FULL, MSI_CAP + 4), fake_message(1));
}

static void test_root_msi_is_narrowed(void **state)
{
	(void)state;
	boot();
	assert_true(pci_write(&root_cell, FULL, MSI_CAP + 4, 4, fake_message(0xf)));
	assert_true(pci_write(&root_cell, FULL, MSI_CAP + 12, 2, 0x41));
	assert_true(pci_write(&root_cell, FULL, MSI_CAP + 2, 2, 0x81));
	assert_int_equal(get(FULL, MSI_CAP + 4), fake_message(0xf));
	assert_int_equal(create(&plain, 1), 0);
	assert_int_equal(get(FULL, MSI_CAP + 4), fake_message(0xf & ~(1 << CELL_CPU)));
	assert_int_equal(pci_read(&root_cell, FULL, MSI_CAP + 4, 4), fake_message(0xf));
	/* Nobody is left: not enabled, and no violation. */
	assert_true(pci_write(&root_cell, FULL, MSI_CAP + 4, 4, OWN_MESSAGE));
	assert_int_equal(get(FULL, MSI_CAP) >> 16 & 1, 0);
	assert_int_equal(destroy(), 0);
	assert_true(pci_write(&root_cell, FULL, MSI_CAP + 2, 2, 0x81));
	assert_int_equal(get(FULL, MSI_CAP + 4), OWN_MESSAGE);
}

/* --- where an IOMMU remaps messages --- */

static struct {
	const struct cell *cell;
	u32 index, count;
} remapped;

static void remap(const struct cell *cell, const struct cell_pci_device *device, u32 index, u32 count,
		  struct msi_message *m)
{
	assert_int_equal(device->bdf, FULL);
	assert_int_equal(m->address, OWN_MESSAGE);
	remapped.cell = cell;
	remapped.index = index;
	remapped.count = count;
	*m = (struct msi_message){ .address = 0xabc0 + index, .address_high = 1, .data = 2 };
}

/* The hardware gets what the IOMMU takes, the cell sees what it wrote. */
static void test_messages_are_remapped(void **state)
{
	struct cell *cell = boot_and_create();
	u64 value;

	(void)state;
	fake.on_pci_write = NULL;
	fake.on_msi_remap = remap;
	assert_true(pci_write(cell, FULL, MSI_CAP + 4, 4, OWN_MESSAGE));
	assert_true(pci_write(cell, FULL, MSI_CAP + 12, 2, 0x44));
	assert_null(remapped.cell);
	assert_true(pci_write(cell, FULL, MSI_CAP + 2, 2, 0xa1)); /* enabled, four messages */
	assert_ptr_equal(remapped.cell, cell);
	assert_int_equal(remapped.count, 4);
	assert_int_equal(get(FULL, MSI_CAP + 4), 0xabc0);
	assert_int_equal(get(FULL, MSI_CAP + 8), 1);
	assert_int_equal(get(FULL, MSI_CAP + 12), 2);
	assert_int_equal(pci_read(cell, FULL, MSI_CAP + 4, 4), OWN_MESSAGE);
	assert_int_equal(pci_read(cell, FULL, MSI_CAP + 12, 2), 0x44);

	assert_true(store_entry(CELL_CPU, 2, 0, OWN_MESSAGE));
	assert_int_equal(remapped.index, 0);
	assert_true(store_entry(CELL_CPU, 2, 3, 0));
	assert_int_equal(remapped.index, 2);
	assert_int_equal(remapped.count, 1);
	assert_int_equal(table(2, 0), 0xabc2);
	assert_int_equal(table(2, 1), 1);
	assert_int_equal(table(2, 2), 2);
	assert_true(load(CELL_CPU, MSIX_TABLE + 16 * 2, 4, &value));
	assert_int_equal(value, OWN_MESSAGE);
	assert_false(store_entry(CELL_CPU, 2, 0, FOREIGN_MESSAGE));
}

/* --- MSI-X --- */

static void test_msix(void **state)
{
	u64 value;

	(void)state;
	boot_and_create();
	assert_true(load(CELL_CPU, MSIX_TABLE + 12, 4, &value));
	assert_int_equal(value, 1);
	assert_true(store_entry(CELL_CPU, 2, 0, FOREIGN_MESSAGE)); /* masked */
	assert_false(store_entry(CELL_CPU, 2, 3, 0));
	assert_int_equal(table(2, 3), 1);
	assert_true(store_entry(CELL_CPU, 2, 0, OWN_MESSAGE));
	assert_true(store_entry(CELL_CPU, 2, 2, 0x51));
	assert_true(store_entry(CELL_CPU, 2, 3, 0));
	assert_int_equal(table(2, 0), OWN_MESSAGE);
	assert_int_equal(table(2, 2), 0x51);
	assert_int_equal(table(2, 3), 0);
	assert_false(store_entry(CELL_CPU, 2, 0, FOREIGN_MESSAGE));
	assert_false(store_entry(CELL_CPU, 2, 1, 1));
	assert_true(store_entry(CELL_CPU, 2, 2, 0x52));
	assert_int_equal(table(2, 0), OWN_MESSAGE);
	assert_int_equal(table(2, 2), 0x52);
	assert_true(load(CELL_CPU, MSIX_TABLE + 16 * 2, 4, &value));
	assert_int_equal(value, OWN_MESSAGE);
	assert_true(store_entry(CELL_CPU, 2, 3, 1));
	assert_int_equal(table(2, 3), 1);
}

static void test_msix_accesses(void **state)
{
	u64 value;

	(void)state;
	boot_and_create();
	*fake_device(MSIX_TABLE + 0x800) = 0x7f;
	assert_true(load(CELL_CPU, MSIX_TABLE + 0x800, 4, &value)); /* pending bits */
	assert_int_equal(value, 0x7f);
	assert_false(store(CELL_CPU, MSIX_TABLE + 0x800, 4, 0));
	assert_false(store(CELL_CPU, MSIX_TABLE + 16 * VECTORS, 4, 0));
	assert_true(store(CELL_CPU, MSIX_TABLE + 16 * VECTORS - 4, 4, 1));
	assert_false(load(CELL_CPU, MSIX_TABLE + 2, 4, &value));
	assert_false(load(CELL_CPU, MSIX_TABLE, 2, &value));
	assert_false(load(CELL_CPU, MSIX_TABLE, 8, &value));
	assert_false(load(0, MSIX_TABLE, 4, &value)); /* root */
	assert_false(store_entry(0, 0, 3, 0));
	assert_int_equal(destroy(), 0);
	assert_false(load(CELL_CPU, MSIX_TABLE + 0x1000, 4, &value));
	assert_true(load(0, MSIX_TABLE, 4, &value));
}

static void test_root_msix_is_narrowed(void **state)
{
	(void)state;
	boot();
	assert_true(store_entry(0, 1, 0, fake_message(0xf)));
	assert_true(store_entry(0, 1, 3, 0));
	assert_true(store_entry(0, 3, 0, OWN_MESSAGE));
	assert_true(store_entry(0, 3, 3, 0));
	assert_int_equal(table(1, 0), fake_message(0xf));
	assert_int_equal(table(3, 3), 0);
	assert_int_equal(create(&plain, 1), 0);
	assert_int_equal(table(1, 0), fake_message(0xf & ~(1 << CELL_CPU)));
	assert_int_equal(table(1, 3), 0);
	assert_int_equal(table(3, 3), 1);
	/* What root asks for meanwhile is no violation, but has to wait. */
	assert_true(store_entry(0, 2, 0, OWN_MESSAGE));
	assert_true(store_entry(0, 2, 3, 0));
	assert_int_equal(table(2, 3), 1);
	assert_int_equal(destroy(), 0);
	assert_int_equal(table(1, 0), fake_message(0xf));
	for (u32 vector = 2; vector <= 3; vector++) {
		assert_int_equal(table(vector, 0), OWN_MESSAGE);
		assert_int_equal(table(vector, 3), 0);
	}
}

/* Behind a closed door the table says nothing: all of it is masked, as after reset. */
static void test_table_out_of_reach(void **state)
{
	u64 value;

	(void)state;
	write_hardware();
	set(FULL, 4, 0x00100000);
	assert_int_equal(take_over(), 0);
	for (u32 vector = 0; vector < VECTORS; vector++) {
		assert_true(load(0, MSIX_TABLE + 16 * vector + 12, 4, &value));
		assert_int_equal(value, 1);
	}
}

/* --- moves --- */

static unsigned int command_writes;
static u16 commands[16];

static void record_commands(u16 bdf)
{
	u16 command = get(FULL, 4);

	if (bdf == FULL && (!command_writes || commands[command_writes - 1] != command) && command_writes < 16)
		commands[command_writes++] = command;
}

static void assert_is_reset(void)
{
	assert_int_equal(get(FULL, 4) & 0xffff, 0x400);
	assert_int_equal(get(FULL, MSI_CAP) >> 16 & 1, 0);
	assert_int_equal(get(FULL, MSIX_CAP) >> 31, 0);
	for (u32 vector = 0; vector < VECTORS; vector++)
		assert_int_equal(table(vector, 3), 1);
}

static void arm(const struct cell *cell, unsigned int cpu, u32 message)
{
	assert_true(pci_write(cell, FULL, 4, 2, 7));
	assert_true(pci_write(cell, FULL, MSI_CAP + 4, 4, message));
	assert_true(pci_write(cell, FULL, MSI_CAP + 2, 2, 0x81));
	assert_true(pci_write(cell, FULL, MSIX_CAP + 2, 2, 0x8003));
	assert_true(store_entry(cpu, 0, 0, message));
	assert_true(store_entry(cpu, 0, 3, 0));
}

static void test_reset(void **state)
{
	const struct cell_pci_device devices[] = { full, bridge };
	struct cell *cell;

	(void)state;
	boot();
	arm(&root_cell, 0, FOREIGN_MESSAGE);
	fake.on_pci_write = record_commands;
	assert_int_equal(create(devices, 2), 0);
	assert_int_equal(command_writes, 2); /* memory for the table, then nothing */
	assert_int_equal(commands[0], 2);
	assert_int_equal(commands[1], 0x400);
	assert_is_reset();
	assert_int_equal(get(BRIDGE, 4), 0x00100006); /* others are behind it */

	cell = cell_find(ID);
	assert_int_equal(pci_read(cell, FULL, MSI_CAP + 4, 4), 0);
	arm(cell, CELL_CPU, OWN_MESSAGE);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, ID, CELL_HC_FORCE), 0);
	assert_is_reset();
	arm(cell, CELL_CPU, OWN_MESSAGE);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_SET_LOADABLE, ID, CELL_HC_FORCE), 0);
	assert_is_reset();
	arm(cell, CELL_CPU, OWN_MESSAGE);
	assert_int_equal(destroy(), 0);
	assert_is_reset();
	assert_int_equal(pci_read(&root_cell, FULL, 4, 2), 0x400);
}

/* --- by memory --- */

static void test_memory_mapped(void **state)
{
	u64 value;

	(void)state;
	boot_and_create();
	assert_true(load(CELL_CPU, FAKE_MMCONFIG + (FULL << 12), 4, &value));
	assert_int_equal(value, 0x11e81234);
	assert_true(load(CELL_CPU, FAKE_MMCONFIG + (OTHER << 12) + 2, 2, &value));
	assert_int_equal(value, 0xffff);
	assert_true(load(0, FAKE_MMCONFIG + (OTHER << 12), 4, &value));
	assert_int_equal(value, 0x11e81234 + OTHER);
	assert_true(store(CELL_CPU, FAKE_MMCONFIG + (PLAIN << 12) + 4, 2, 6));
	assert_int_equal(get(PLAIN, 4) & 0xffff, 6);
	assert_false(store(CELL_CPU, FAKE_MMCONFIG + (OTHER << 12) + 4, 2, 6));
	assert_false(load(CELL_CPU, FAKE_MMCONFIG, 8, &value));
	assert_false(load(CELL_CPU, FAKE_MMCONFIG + 3, 2, &value));
	assert_false(load(CELL_CPU, FAKE_MMCONFIG + FAKE_MIB, 4, &value));
}

/* Ports are another way, and the only one of such a machine. */
static void test_not_memory_mapped(void **state)
{
	struct cell *cell;

	(void)state;
	fake.no_mmconfig = true;
	cell = boot_and_create();
	assert_true(pci_is_moderated());
	assert_null(mmio_find(&root_cell, FAKE_MMCONFIG));
	assert_null(mmio_find(cell, FAKE_MMCONFIG));
	assert_null(mmio_find(cell, 0));
	assert_int_equal(pci_read(cell, FULL, 0, 4), 0x11e81234);
}

/* --- anything --- */

static struct {
	u8 config[UNLISTED + 1][PAGE_SIZE], table[16 * VECTORS];
} before, now;

static void look(void)
{
	for (u16 bdf = 0; bdf <= UNLISTED; bdf++)
		memcpy(now.config[bdf], fake_pci(bdf, 0), PAGE_SIZE);
	memcpy(now.table, fake_device(MSIX_TABLE), sizeof(now.table));
}

/* Often a message, to the cell's CPU or to others, or what switches one on. */
static u32 random_value(void)
{
	static const u32 likely[] = { OWN_MESSAGE, OWN_MESSAGE, 0, 0, 0, 0x41, 0x810000, FOREIGN_MESSAGE, 1, ONES };

	return rand() % 8 ? likely[rand() % ARRAY_SIZE(likely)] : (u32)rand() << 8 ^ (u32)rand();
}

static bool random_config_write(const struct cell *cell)
{
	static const u16 likely[] = { 4, 0x10, 0x14, MSI_CAP, MSI_CAP + 4, MSI_CAP + 8, MSI_CAP + 12, MSIX_CAP };
	u16 reg = rand() % 4 ? likely[rand() % ARRAY_SIZE(likely)] : rand() % 0x140;
	u8 size = rand() % 8 ? 4 : 1 << rand() % 2;

	reg = (reg + rand() % 4) & ~(size - 1);
	return pci_write(cell, rand() % 4 ? FULL : rand() % (UNLISTED + 2), reg, size, random_value());
}

static bool random_table_write(const struct cell *cell)
{
	struct mmio_access a = { .address = MSIX_TABLE + rand() % (VECTORS + 1) * 16 + rand() % 4 * 4,
				 .size = 4,
				 .write = true,
				 .value = random_value() };
	const struct mmio_window *w = mmio_find(cell, a.address);

	return w && mmio_emulate(pcpu_of(CELL_CPU), w, &a);
}

/* Whatever a cell writes: what it may not changes nothing, and nobody else is reached. */
static void test_random_writes(void **state)
{
	unsigned int allowed = 0, enabled = 0, unmasked = 0;
	const struct cell *cell = boot_and_create();

	(void)state;
	srand(1);
	look();
	for (unsigned int round = 0; round < 30000; round++) {
		bool ok;

		before = now;
		ok = rand() % 3 ? random_config_write(cell) : random_table_write(cell);
		look();
		allowed += ok;
		if (!ok)
			assert_memory_equal(&before, &now, sizeof(now));
		assert_memory_equal(before.config[OTHER], now.config[OTHER], PAGE_SIZE);
		assert_memory_equal(before.config[UNLISTED], now.config[UNLISTED], PAGE_SIZE);
		assert_memory_equal(&before.config[FULL][0x10], &now.config[FULL][0x10], 0x18);
		enabled += get(FULL, MSI_CAP) >> 16 & 1; /* what it sends is checked behind each write */
		for (u32 vector = 0; vector < VECTORS; vector++) {
			if (table(vector, 3) & 1)
				continue;
			assert_int_equal(table(vector, 0), OWN_MESSAGE);
			assert_int_equal(table(vector, 1), 0);
			unmasked++;
		}
	}
	assert_true(allowed > 5000 && enabled > 100 && unmasked > 1000);
}

/* A function that we program ourselves: root looks, and nobody changes it, not even when root's CPUs change. */
static void test_reserved(void **state)
{
	(void)state;
	write_hardware();
	fake.pci_reserved = OTHER;
	assert_int_equal(take_over(), 0);
	assert_int_equal(create(&other, 1), -EBUSY);
	set(OTHER, MSI_CAP + 4, 0xfee00000);
	set(OTHER, MSI_CAP, 0x00010005);
	assert_int_equal(pci_read(&root_cell, OTHER, MSI_CAP + 2, 2), 1);
	assert_true(pci_write(&root_cell, OTHER, MSI_CAP + 2, 2, 0));
	assert_true(pci_write(&root_cell, OTHER, 4, 2, 0));
	assert_true(pci_write(&root_cell, OTHER, 0x10, 4, 0));
	assert_int_equal(create(&plain, 1), 0);
	assert_int_equal(destroy(), 0);
	assert_int_equal(get(OTHER, MSI_CAP), 0x00010005);
	assert_int_equal(get(OTHER, MSI_CAP + 4), 0xfee00000);
	assert_int_equal(get(OTHER, 4), 0x00100006);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_owner_sees_it_others_do_not),
		FAKE_TEST(test_taken_by_another),
		FAKE_TEST(test_listed_twice),
		FAKE_TEST(test_refused),
		FAKE_TEST(test_bad_capabilities),
		FAKE_TEST(test_table_that_cannot_be),
		FAKE_TEST(test_table_is_reserved),
		FAKE_TEST(test_without_list_nothing_is_moderated),
		cmocka_unit_test(test_start_out_of_memory),
		FAKE_TEST(test_same_pages_after_destroy),
		FAKE_TEST(test_memory_at_the_same_place),
		FAKE_TEST(test_device_header),
		FAKE_TEST(test_bridge_header),
		FAKE_TEST(test_wide_accesses),
		FAKE_TEST(test_bars),
		FAKE_TEST(test_bridge_is_read_directly),
		FAKE_TEST(test_bars_do_not_move),
		FAKE_TEST(test_capabilities),
		FAKE_TEST(test_msi),
		FAKE_TEST(test_messages_by_another_name),
		FAKE_TEST(test_function_without_messages),
		FAKE_TEST(test_no_list_of_capabilities),
		FAKE_TEST(test_root_msi_is_left_alone),
		FAKE_TEST(test_root_msi_is_narrowed),
		FAKE_TEST(test_messages_are_remapped),
		FAKE_TEST(test_msix),
		FAKE_TEST(test_msix_accesses),
		FAKE_TEST(test_root_msix_is_narrowed),
		FAKE_TEST(test_table_out_of_reach),
		FAKE_TEST(test_reset),
		FAKE_TEST(test_memory_mapped),
		FAKE_TEST(test_not_memory_mapped),
		FAKE_TEST(test_random_writes),
		FAKE_TEST(test_reserved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
