// SPDX-License-Identifier: GPL-2.0-only
/*
 * ivshmem: registers as abi 7 has them, interrupts and states between root and two cells, and what is left of a link
 * when cells come, go, or cannot come.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <fake.h>
#include <ivshmem.h>
#include <hv/arch.h>
#include <hv/ivshmem.h>
#include <hv/pci.h>

#define RAM (CELL_MEM_READ | CELL_MEM_WRITE | CELL_MEM_EXECUTE | CELL_MEM_DMA)
#define RW (CELL_MEM_READ | CELL_MEM_WRITE)
#define SHARED CELL_MEM_ROOTSHARED
#define ONES 0xffffffffU

/* Functions 0 to 3 are root's own, 4 to 7 are not there. */
#define LINK 5
#define OTHER_LINK 6
#define PEERS 3
#define VECTORS 4

/* State table, read/write section of two pages, an output section of a page per peer. */
#define SHMEM 0x1400000UL
#define RW_SECTION (SHMEM + 0x1000)
#define OUTPUT(peer) (SHMEM + 0x3000 + (peer)*0x1000UL)
#define SHMEM_END OUTPUT(PEERS)
#define REGIONS (2 + PEERS)

/* Where cells have it, and where they put the BARs. */
#define SHMEM_OF_CELL 0x7000000UL
#define BAR0 0xa0000000U
#define BAR1 0xa0001000U

/* Peer 0 is root, whose CPUs are 0 and 1; the cells have one each. */
enum { ROOT, ONE, TWO };

static const unsigned int cpu_of[] = { 0, 3, 2 };

static const struct cell_pci_device link = {
	.type = 3,
	.bdf = LINK,
	.bar_mask = { 0xfffff000, 0xfffff000 },
	.num_msix_vectors = VECTORS,
	.shmem_peers = PEERS,
	.shmem_protocol = 0x4123,
};

/* --- a machine --- */

static struct cell_memory root_memory[] = {
	{ SHMEM, SHMEM, 0x1000, CELL_MEM_READ },
	{ RW_SECTION, RW_SECTION, 0x2000, RW },
	{ OUTPUT(ROOT), OUTPUT(ROOT), 0x1000, RW },
	{ OUTPUT(ONE), OUTPUT(ONE), 0x1000, CELL_MEM_READ },
	{ OUTPUT(TWO), OUTPUT(TWO), 0x1000, CELL_MEM_READ },
	{ 0, 0, SHMEM, RAM },
	{ SHMEM_END, SHMEM_END, FAKE_HV_START - SHMEM_END, RAM },
};

static int boot_with(const struct cell_pci_device *devices, u32 n)
{
	const struct fake_config root = {
		.name = "root",
		.memory = root_memory,
		.num_memory = ARRAY_SIZE(root_memory),
		.pci = devices,
		.num_pci = n,
	};

	for (u16 bdf = 0; bdf < FAKE_FUNCTIONS; bdf++)
		memset(fake_pci(bdf, 0), bdf < 4 ? 0x12 : 0xff, PAGE_SIZE);
	return fake_boot(&root);
}

static void boot(void)
{
	assert_int_equal(boot_with(&link, 1), 0);
}

/** struct wanted - a cell as a test wants it; zero is what is usual */
struct wanted {
	struct cell_pci_device device;
	struct cell_memory memory[REGIONS + 1];
	u32 num_memory;
	u32 num_pci;
};

static struct wanted usual(u32 peer)
{
	struct wanted w = { .device = link, .num_memory = REGIONS + 1, .num_pci = 1 };

	w.device.shmem_dev_id = peer;
	for (u32 i = 0; i < REGIONS; i++) {
		w.memory[i] = root_memory[i];
		w.memory[i].virt_start += SHMEM_OF_CELL - SHMEM;
		w.memory[i].flags = SHARED | (i == 1 || i == 2 + peer ? RW : CELL_MEM_READ);
	}
	w.memory[REGIONS] = (struct cell_memory){ peer * FAKE_MIB, 0, FAKE_MIB, RAM };
	return w;
}

static s64 create_as(const struct wanted *w, u32 id)
{
	const struct fake_config config = {
		.name = id == ONE ? "one" : "two",
		.id = id,
		.cpus = 1UL << cpu_of[id],
		.memory = w->memory,
		.num_memory = w->num_memory,
		.pci = &w->device,
		.num_pci = w->num_pci,
	};

	return fake_create(&config);
}

static struct cell *create(u32 id)
{
	const struct wanted w = usual(id);

	assert_int_equal(create_as(&w, id), 0);
	return cell_find(id);
}

static void destroy(u32 id)
{
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, id, CELL_HC_FORCE), 0);
}

static void start(u32 id)
{
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, id, CELL_HC_FORCE), 0);
}

static u32 state_word(u32 peer)
{
	u32 value;

	memcpy(&value, fake_ram(SHMEM + 4 * peer), sizeof(value));
	return value;
}

/* --- accesses --- */

static s64 job_access(struct pcpu *cpu, const u64 args[3])
{
	struct mmio_access *a = (struct mmio_access *)args[0];
	const struct mmio_window *w = mmio_find(cpu->cell, a->address);

	return w && mmio_emulate(cpu, w, a);
}

static bool access(u32 peer, struct mmio_access *a)
{
	return fake_call(cpu_of[peer], job_access, (u64)a, 0, 0);
}

static u32 load(u32 peer, u64 address)
{
	struct mmio_access a = { .address = address, .size = 4, .value = 0x5555 };

	assert_true(access(peer, &a));
	return a.value;
}

static bool store(u32 peer, u64 address, u32 value)
{
	struct mmio_access a = { .address = address, .size = 4, .write = true, .value = value };

	return access(peer, &a);
}

static u32 config(u32 peer, u16 reg)
{
	return pci_read(cell_find(peer), LINK, reg, 4);
}

static bool set_config(u32 peer, u16 reg, u8 size, u32 value)
{
	return pci_write(cell_find(peer), LINK, reg, size, value);
}

static void set_vector(u32 peer, u32 vector, u32 cpus, u32 data)
{
	u64 entry = BAR1 + 16 * vector;

	assert_true(store(peer, entry, fake_message(cpus)));
	assert_true(store(peer, entry + 4, 0));
	assert_true(store(peer, entry + 8, data));
	assert_true(store(peer, entry + 12, 0));
}

/* BARs, bus master, every vector to the peer's own CPU: data tells which of whom. */
static void set_up(u32 peer)
{
	assert_true(set_config(peer, 0x10, 4, BAR0));
	assert_true(set_config(peer, 0x14, 4, BAR1));
	assert_true(set_config(peer, 4, 2, 6));
	for (u32 vector = 0; vector < VECTORS; vector++)
		set_vector(peer, vector, 1U << cpu_of[peer], peer << 4 | vector);
	assert_true(set_config(peer, IVSHMEM_CAP_MSIX + 2, 2, 0x8000));
	assert_true(store(peer, BAR0 + IVSHMEM_INTERRUPT, 1));
}

static bool ring(u32 from, u32 to, u32 vector)
{
	u32 before = fake.messages;

	assert_true(store(from, BAR0 + IVSHMEM_DOORBELL, to << 16 | vector));
	return fake.messages != before;
}

static void check_sent(u32 peer, u32 vector)
{
	assert_int_equal(fake.message_cpus, 1U << cpu_of[peer]);
	assert_int_equal(fake.message_data, peer << 4 | vector);
}

static void boot_all(void)
{
	boot();
	create(ONE);
	create(TWO);
	for (u32 peer = ROOT; peer <= TWO; peer++)
		set_up(peer);
}

/* --- configuration space --- */

static void test_config_space(void **state)
{
	(void)state;
	boot();
	create(ONE);
	assert_int_equal(config(ONE, 0), 0x4106110a);
	assert_int_equal(config(ONE, 4), 0x00100000);
	assert_int_equal(config(ONE, 8), 0xff412300);
	assert_int_equal(config(ONE, 0x0c), 0);
	for (u16 reg = 0x10; reg < 0x2c; reg += 4)
		assert_int_equal(config(ONE, reg), 0);
	assert_int_equal(config(ONE, 0x2c), 0x4106110a);
	assert_int_equal(config(ONE, 0x30), 0);
	assert_int_equal(config(ONE, 0x34), 0x40);
	assert_int_equal(config(ONE, 0x38), 0);
	assert_int_equal(config(ONE, 0x3c), 0);
	assert_int_equal(config(ONE, 0x40), 0x00206009);
	assert_int_equal(config(ONE, 0x44), 0x1000);
	assert_int_equal(config(ONE, 0x48), 0x2000);
	assert_int_equal(config(ONE, 0x4c), 0);
	assert_int_equal(config(ONE, 0x50), 0x1000);
	assert_int_equal(config(ONE, 0x54), 0);
	assert_int_equal(config(ONE, 0x58), SHMEM_OF_CELL);
	assert_int_equal(config(ROOT, 0x58), SHMEM);
	assert_int_equal(config(ONE, 0x5c), 0);
	assert_int_equal(config(ONE, 0x60), 0x00030011);
	assert_int_equal(config(ONE, 0x64), 0x001);
	assert_int_equal(config(ONE, 0x68), 0x101);
	assert_int_equal(config(ONE, 0x6c), 0);
	assert_int_equal(config(ONE, 0x7c), 0);
	assert_int_equal(config(ONE, 0x80), ONES);
	assert_int_equal(pci_read(cell_find(ONE), LINK, 0x80, 1), 0xff);
	assert_int_equal(pci_read(cell_find(ONE), LINK, 2, 2), 0x4106);
	assert_int_equal(pci_read(cell_find(ONE), LINK, 0x0a, 1), 0x41);
}

/* Memory above 4 GiB, as guests see it, and large sections. */
static void test_wide_fields(void **state)
{
	struct wanted w = usual(ONE);

	(void)state;
	boot();
	for (u32 i = 0; i < REGIONS; i++)
		w.memory[i].virt_start += 0x300000000UL;
	assert_int_equal(create_as(&w, ONE), 0);
	assert_int_equal(config(ONE, 0x58), SHMEM_OF_CELL);
	assert_int_equal(config(ONE, 0x5c), 3);
}

static void test_config_writes(void **state)
{
	(void)state;
	boot();
	create(ONE);
	assert_true(set_config(ONE, 4, 4, ONES));
	assert_int_equal(config(ONE, 4), 0x00100406);
	assert_true(set_config(ONE, 5, 1, 0));
	assert_int_equal(config(ONE, 4), 0x00100006);
	assert_true(set_config(ONE, 6, 2, 0xffff));
	assert_int_equal(config(ONE, 4), 0x00100006);
	assert_true(set_config(ONE, 0x0c, 4, ONES));
	assert_int_equal(config(ONE, 0x0c), 0);
	for (u16 reg = 0x10; reg < 0x28; reg += 4) {
		assert_true(set_config(ONE, reg, 4, ONES));
		assert_int_equal(config(ONE, reg), reg < 0x18 ? 0xfffff000 : 0);
	}
	assert_true(set_config(ONE, 0x12, 1, 0));
	assert_int_equal(config(ONE, 0x10), 0xff00f000);
	assert_true(set_config(ONE, 0x30, 4, ONES));
	assert_int_equal(config(ONE, 0x30), 0);
	assert_true(set_config(ONE, 0x3c, 1, 0xff));
	assert_int_equal(config(ONE, 0x3c), 0);
	for (u16 reg = 0x44; reg < 0x80; reg++)
		if (reg != 0x63)
			assert_true(set_config(ONE, reg, 1, 0xff));
	assert_int_equal(config(ONE, 0x44), 0x1000);
	assert_int_equal(config(ONE, 0x58), SHMEM_OF_CELL);
	assert_int_equal(config(ONE, 0x60), 0x00030011);
	assert_true(set_config(ONE, 0x60, 4, ONES));
	assert_int_equal(config(ONE, 0x60), 0xc0030011);
	assert_true(set_config(ONE, 0x40, 4, ONES));
	assert_int_equal(config(ONE, 0x40), 0x01206009);
	assert_true(set_config(ONE, 0x43, 1, 0xfe));
	assert_int_equal(config(ONE, 0x40), 0x00206009);
}

static void test_forbidden_config_writes(void **state)
{
	static const u16 forbidden[] = { 0, 8, 0x28, 0x2c, 0x34, 0x38, 0x80, 0xffc };

	(void)state;
	boot();
	create(ONE);
	for (unsigned int i = 0; i < ARRAY_SIZE(forbidden); i++)
		assert_false(set_config(ONE, forbidden[i], 4, 0));
	assert_false(set_config(ONE, 0x3c, 2, 0));
	assert_false(pci_write(cell_find(ONE), OTHER_LINK, 4, 2, 6));
	assert_int_equal(pci_read(cell_find(ONE), OTHER_LINK, 0, 4), ONES);
}

static void test_without_msix(void **state)
{
	static const u16 addresses[] = { 4 << 3, 5 << 3, 6 << 3, 7 << 3 };
	struct wanted w = usual(ONE);

	(void)state;
	boot();
	w.device.num_msix_vectors = 0;
	w.device.bar_mask[1] = 0;
	for (u32 i = 0; i < ARRAY_SIZE(addresses); i++) {
		const struct cell *cell;

		w.device.bdf = addresses[i];
		assert_int_equal(create_as(&w, ONE), 0);
		cell = cell_find(ONE);
		assert_int_equal(pci_read(cell, addresses[i], 0x3c, 4), (i + 1) << 8);
		assert_int_equal(pci_read(cell, addresses[i], 0x40, 4), 0x00200009);
		assert_true(pci_write(cell, addresses[i], 0x60, 4, ONES));
		assert_int_equal(pci_read(cell, addresses[i], 0x60, 4), 0);
		assert_int_equal(pci_read(cell, addresses[i], 0x64, 4), 0);
		destroy(ONE);
	}
}

/* Root has its real functions as well, whether they are on a list or not. */
static void test_root_keeps_its_functions(void **state)
{
	(void)state;
	boot();
	assert_true(pci_is_trapped());
	assert_false(pci_is_moderated()); /* IOMMUs let its functions do what they like */
	assert_int_equal(pci_read(&root_cell, 1, 0, 4), 0x12121212);
	assert_int_equal(pci_read(&root_cell, LINK, 0, 4), 0x4106110a);
	assert_true(pci_write(&root_cell, 1, 0x40, 4, 0x1234));
	assert_int_equal(*fake_pci(1, 0x40), 0x34);
	assert_int_equal(load(ROOT, FAKE_MMCONFIG + (1 << 12) + 0x40), 0x1234);
	assert_int_equal(load(ROOT, FAKE_MMCONFIG + (LINK << 12)), 0x4106110a);
	create(ONE);
	assert_int_equal(pci_read(cell_find(ONE), 1, 0, 4), ONES);
	assert_false(pci_write(cell_find(ONE), 1, 0x40, 4, 0));
}

static void test_beside_a_list(void **state)
{
	const struct cell_pci_device devices[] = { { .type = 1, .bdf = 1 }, link };

	(void)state;
	assert_int_equal(boot_with(devices, 2), 0);
	assert_int_equal(pci_read(&root_cell, 1, 0, 4), 0x12121212);
	assert_int_equal(pci_read(&root_cell, 2, 0, 4), ONES);
	assert_int_equal(pci_read(&root_cell, LINK, 0, 4), 0x4106110a);
}

/* --- registers --- */

static void test_registers(void **state)
{
	(void)state;
	boot();
	create(ONE);
	set_up(ONE);
	assert_int_equal(load(ONE, BAR0 + IVSHMEM_ID), ONE);
	assert_int_equal(load(ONE, BAR0 + IVSHMEM_MAX_PEERS), PEERS);
	assert_int_equal(load(ONE, BAR0 + IVSHMEM_INTERRUPT), 1);
	assert_int_equal(load(ONE, BAR0 + IVSHMEM_DOORBELL), 0);
	assert_int_equal(load(ONE, BAR0 + IVSHMEM_STATE), 0);
	assert_true(store(ONE, BAR0 + IVSHMEM_STATE, 0x12345678));
	assert_int_equal(load(ONE, BAR0 + IVSHMEM_STATE), 0x12345678);
	assert_true(store(ONE, BAR0 + IVSHMEM_INTERRUPT, 0xfffffffe));
	assert_int_equal(load(ONE, BAR0 + IVSHMEM_INTERRUPT), 0);
	assert_true(store(ONE, BAR0 + IVSHMEM_ID, 7));
	assert_true(store(ONE, BAR0 + IVSHMEM_MAX_PEERS, 7));
	assert_int_equal(load(ONE, BAR0 + IVSHMEM_ID), ONE);
	assert_int_equal(load(ONE, BAR0 + IVSHMEM_MAX_PEERS), PEERS);
	for (u32 reg = IVSHMEM_REGISTERS_BYTES; reg < PAGE_SIZE; reg += 4) {
		assert_true(store(ONE, BAR0 + reg, ONES));
		assert_int_equal(load(ONE, BAR0 + reg), 0);
	}
}

static void test_odd_accesses(void **state)
{
	static const u8 sizes[] = { 1, 2, 8 };

	(void)state;
	boot();
	create(ONE);
	set_up(ONE);
	for (u32 base = BAR0; base <= BAR1; base += BAR1 - BAR0) {
		for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
			struct mmio_access a = { .address = base + 0x10, .size = sizes[i] };

			assert_false(access(ONE, &a));
			a.write = true;
			assert_false(access(ONE, &a));
		}
		for (u32 offset = 1; offset < 4; offset++) {
			struct mmio_access a = { .address = base + offset, .size = 4 };

			assert_false(access(ONE, &a));
		}
	}
}

static void test_msix_table(void **state)
{
	struct mmio_access a = { .size = 4 };

	(void)state;
	boot();
	create(ONE);
	set_up(ONE);
	assert_int_equal(load(ONE, BAR1 + 16), fake_message(8));
	assert_int_equal(load(ONE, BAR1 + 16 + 8), ONE << 4 | 1);
	assert_true(store(ONE, BAR1 + 16 + 12, ONES));
	assert_int_equal(load(ONE, BAR1 + 16 + 12), 1);
	for (u32 offset = 16 * VECTORS; offset < 0x1000; offset += 4) {
		assert_false(store(ONE, BAR1 + offset, 0));
		a.address = BAR1 + offset;
		assert_int_equal(access(ONE, &a), offset >= 0x100 && offset < 0x200);
		assert_int_equal(a.value, 0);
	}
}

/* A destination that is not the cell's: as long as the vector is masked, it may be anything. */
static void test_msix_destination(void **state)
{
	(void)state;
	boot();
	create(ONE);
	set_up(ONE);
	assert_false(store(ONE, BAR1, fake_message(1)));
	assert_false(store(ONE, BAR1, fake_message(8) + 0x1000));
	assert_false(store(ONE, BAR1 + 4, 1));
	assert_int_equal(load(ONE, BAR1), fake_message(8));
	assert_true(store(ONE, BAR1 + 12, 1));
	assert_true(store(ONE, BAR1, fake_message(9)));
	assert_false(store(ONE, BAR1 + 12, 0));
	assert_int_equal(load(ONE, BAR1 + 12), 1);
	assert_true(store(ONE, BAR1, fake_message(8)));
	assert_true(store(ONE, BAR1 + 12, 0));
}

static void test_bars_move(void **state)
{
	struct cell *cell;

	(void)state;
	boot();
	cell = create(ONE);
	assert_null(mmio_find(cell, BAR0));
	set_up(ONE);
	assert_non_null(mmio_find(cell, BAR0 + 0xfff));
	assert_non_null(mmio_find(cell, BAR1 + 0xfff));
	assert_null(mmio_find(cell, BAR0 - 1));
	assert_null(mmio_find(cell, BAR1 + 0x1000));
	assert_null(mmio_find(&root_cell, BAR0));
	assert_true(set_config(ONE, 0x10, 4, 0xb0000000));
	assert_null(mmio_find(cell, BAR0));
	assert_int_equal(load(ONE, 0xb0000000 + IVSHMEM_MAX_PEERS), PEERS);
	assert_true(set_config(ONE, 4, 2, 4));
	assert_null(mmio_find(cell, 0xb0000000));
	assert_null(mmio_find(cell, BAR1));
}

/* Between the look-up and the access. */
static void test_moved_meanwhile(void **state)
{
	struct mmio_access a = { .address = BAR0, .size = 4 };
	const struct mmio_window *w;

	(void)state;
	boot();
	create(ONE);
	set_up(ONE);
	w = mmio_find(cell_find(ONE), BAR0);
	assert_true(mmio_emulate(pcpu_of(cpu_of[ONE]), w, &a));
	assert_true(set_config(ONE, 4, 2, 4));
	assert_false(mmio_emulate(pcpu_of(cpu_of[ONE]), w, &a));
}

/* Windows that are there for good come first. */
static void test_bar_over_config_space(void **state)
{
	(void)state;
	boot();
	create(ONE);
	assert_true(set_config(ONE, 0x10, 4, FAKE_MMCONFIG + (LINK << 12)));
	assert_true(set_config(ONE, 4, 2, 2));
	assert_int_equal(load(ONE, FAKE_MMCONFIG + (LINK << 12)), 0x4106110a);
}

static void test_masks_of_bars(void **state)
{
	struct wanted w = usual(ONE);
	struct cell *cell;

	(void)state;
	boot();
	w.device.bar_mask[0] = 0xffff000f;
	w.device.bar_mask[1] = 0;
	assert_int_equal(create_as(&w, ONE), 0);
	cell = cell_find(ONE);
	assert_true(set_config(ONE, 0x10, 4, 0xa000ffff));
	assert_true(set_config(ONE, 0x14, 4, 0xb0000000));
	assert_true(set_config(ONE, 4, 2, 2));
	assert_non_null(mmio_find(cell, 0xa0000000));
	assert_non_null(mmio_find(cell, 0xa000ffff));
	assert_null(mmio_find(cell, 0xa0010000));
	assert_null(mmio_find(cell, 0xb0000000));
	assert_null(mmio_find(cell, 0));
}

/* --- interrupts --- */

static void test_doorbell(void **state)
{
	(void)state;
	boot_all();
	for (u32 from = ROOT; from <= TWO; from++)
		for (u32 to = ROOT; to <= TWO; to++)
			for (u32 vector = 0; vector < VECTORS; vector++) {
				assert_true(ring(from, to, vector));
				check_sent(to, vector);
			}
	assert_false(ring(ONE, TWO, VECTORS));
	assert_false(ring(ONE, TWO, 0xffff));
	assert_false(ring(ONE, 3, 0)); /* nobody */
	assert_false(ring(ONE, 11, 0));
	assert_false(ring(ONE, 12, 0));
	assert_false(ring(ONE, 0xffff, 0));
}

static void test_interrupt_switches(void **state)
{
	(void)state;
	boot_all();
	assert_true(store(TWO, BAR0 + IVSHMEM_INTERRUPT, 0));
	assert_false(ring(ONE, TWO, 0));
	assert_true(store(TWO, BAR0 + IVSHMEM_INTERRUPT, 1));
	assert_true(ring(ONE, TWO, 0));
	assert_true(set_config(TWO, 0x62, 2, 0xc000));
	assert_false(ring(ONE, TWO, 0));
	assert_true(set_config(TWO, 0x62, 2, 0));
	assert_false(ring(ONE, TWO, 0));
	assert_true(set_config(TWO, 0x62, 2, 0x8000));
	assert_true(set_config(TWO, 4, 2, 2));
	assert_false(ring(ONE, TWO, 0));
	assert_true(set_config(TWO, 4, 2, 6));
	assert_true(store(TWO, BAR1 + 12, 1));
	assert_false(ring(ONE, TWO, 0));
	assert_true(ring(ONE, TWO, 1));
	assert_true(store(TWO, BAR1 + 12, 0));
	assert_true(ring(ONE, TWO, 0));
}

static void test_one_shot(void **state)
{
	(void)state;
	boot_all();
	assert_true(set_config(TWO, IVSHMEM_CAP_CONTROL, 1, 1));
	assert_true(ring(ONE, TWO, 2));
	check_sent(TWO, 2);
	assert_int_equal(load(TWO, BAR0 + IVSHMEM_INTERRUPT), 0);
	assert_false(ring(ONE, TWO, 2));
	assert_true(store(TWO, BAR0 + IVSHMEM_INTERRUPT, 1));
	assert_true(ring(ROOT, TWO, 3));
	/* An attempt counts. */
	assert_true(store(TWO, BAR0 + IVSHMEM_INTERRUPT, 1));
	assert_true(store(TWO, BAR1 + 12, 1));
	assert_false(ring(ONE, TWO, 0));
	assert_int_equal(load(TWO, BAR0 + IVSHMEM_INTERRUPT), 0);
	assert_true(ring(TWO, ONE, 0));
	assert_true(ring(TWO, ONE, 0));
}

/* Peers need not have the same number of vectors; the sender's counts, and what the target lacks is lost. */
static void test_fewer_vectors(void **state)
{
	struct wanted w = usual(ONE);

	(void)state;
	boot();
	create(TWO);
	set_up(ROOT);
	set_up(TWO);
	w.device.num_msix_vectors = 0;
	assert_int_equal(create_as(&w, ONE), 0);
	assert_true(set_config(ONE, 0x10, 4, BAR0));
	assert_true(set_config(ONE, 4, 2, 6));
	assert_true(store(ONE, BAR0 + IVSHMEM_INTERRUPT, 1));
	assert_true(ring(ONE, TWO, 0));
	assert_false(ring(ONE, TWO, 1));
	assert_false(ring(TWO, ONE, 0)); /* pins are not delivered here */
	assert_false(ring(TWO, ONE, 3));
}

static void test_state(void **state)
{
	u32 before;

	(void)state;
	boot_all();
	before = fake.messages;
	assert_true(store(ONE, BAR0 + IVSHMEM_STATE, 7));
	assert_int_equal(fake.messages, before + 2); /* root and two, not one itself */
	assert_int_equal(state_word(ROOT), 0);
	assert_int_equal(state_word(ONE), 7);
	assert_int_equal(state_word(TWO), 0);
	assert_true(store(ONE, BAR0 + IVSHMEM_STATE, 7));
	assert_int_equal(fake.messages, before + 2);
	/* The word is written even then. */
	memset(fake_ram(SHMEM), 0, 3 * 4);
	assert_true(store(ONE, BAR0 + IVSHMEM_STATE, 7));
	assert_int_equal(state_word(ONE), 7);
	assert_true(store(ROOT, BAR0 + IVSHMEM_STATE, 9));
	assert_int_equal(state_word(ROOT), 9);
	check_sent(TWO, 0);
}

/* Root's CPUs change: a message for one that it lost is not sent, and again when it is back. */
static void test_cpus_of_root_change(void **state)
{
	(void)state;
	boot();
	create(TWO);
	set_up(ROOT);
	set_up(TWO);
	set_vector(ROOT, 1, 1U << cpu_of[ONE], 0x99);
	assert_true(ring(TWO, ROOT, 1));
	assert_int_equal(fake.message_cpus, 1U << cpu_of[ONE]);
	create(ONE);
	assert_false(ring(TWO, ROOT, 1));
	set_vector(ROOT, 2, 1U << cpu_of[ONE] | 2, 0x98);
	assert_true(ring(TWO, ROOT, 2));
	assert_int_equal(fake.message_cpus, 2);
	destroy(ONE);
	assert_true(ring(TWO, ROOT, 1));
}

/* Two CPUs at once, while a third cell comes and goes; each of them gets through. */
static s64 job_ring(struct pcpu *cpu, const u64 args[3])
{
	struct mmio_access a = { .address = BAR0 + IVSHMEM_DOORBELL, .size = 4, .write = true, .value = args[0] };

	for (u64 i = 0; i < args[1]; i++)
		if (!mmio_emulate(cpu, mmio_find(cpu->cell, a.address), &a))
			return -1;
	return 0;
}

static void test_concurrent_doorbells(void **state)
{
	const u64 rounds = 20000;
	u32 before;

	(void)state;
	boot();
	create(TWO);
	set_up(ROOT);
	set_up(TWO);
	before = fake.messages;
	fake_post(cpu_of[TWO], job_ring, ROOT << 16, rounds, 0);
	fake_post(1, job_ring, TWO << 16 | 1, rounds, 0);
	assert_int_equal(fake_wait(1), 0);
	assert_int_equal(fake_wait(cpu_of[TWO]), 0);
	assert_int_equal(fake.messages, before + 2 * rounds);

	fake_post(cpu_of[TWO], job_ring, ROOT << 16, rounds, 0);
	for (unsigned int i = 0; i < 20; i++) {
		create(ONE);
		destroy(ONE);
	}
	assert_int_equal(fake_wait(cpu_of[TWO]), 0);
	assert_int_equal(fake.messages, before + 3 * rounds);
}

/* --- life of cells --- */

static void check_reset(u32 peer)
{
	assert_int_equal(config(peer, 4), 0x00100000);
	assert_int_equal(config(peer, 0x10), 0);
	assert_int_equal(config(peer, 0x14), 0);
	assert_int_equal(config(peer, 0x40), 0x00206009);
	assert_int_equal(config(peer, 0x60), 0x00030011);
	assert_int_equal(state_word(peer), 0);
	assert_true(set_config(peer, 0x10, 4, BAR0));
	assert_true(set_config(peer, 0x14, 4, BAR1));
	assert_true(set_config(peer, 4, 2, 2));
	assert_int_equal(load(peer, BAR0 + IVSHMEM_INTERRUPT), 0);
	assert_int_equal(load(peer, BAR0 + IVSHMEM_STATE), 0);
	assert_int_equal(load(peer, BAR1 + 12), 1);
	assert_int_equal(load(peer, BAR1), 0);
}

static void test_start_resets(void **state)
{
	u32 before;

	(void)state;
	boot_all();
	assert_true(set_config(ONE, 0x43, 1, 1));
	assert_true(store(ONE, BAR0 + IVSHMEM_STATE, 7));
	before = fake.messages;
	start(ONE);
	assert_int_equal(fake.messages, before + 2);
	check_reset(ONE);
	set_up(ONE);
	before = fake.messages;
	start(ONE); /* the state was 0 already */
	assert_int_equal(fake.messages, before);
	check_reset(ONE);
}

static void test_set_loadable_resets(void **state)
{
	u32 before;

	(void)state;
	boot_all();
	assert_true(store(ONE, BAR0 + IVSHMEM_STATE, 7));
	before = fake.messages;
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_SET_LOADABLE, ONE, CELL_HC_FORCE), 0);
	assert_int_equal(fake.messages, before + 2);
	assert_int_equal(state_word(ONE), 0);
	assert_false(ring(TWO, ONE, 0));
}

static void test_destroy(void **state)
{
	struct fake_state empty, with_two;
	u32 before;

	(void)state;
	boot();
	set_up(ROOT);
	fake_state_read(&empty);
	create(TWO);
	set_up(TWO);
	fake_state_read(&with_two);
	create(ONE);
	set_up(ONE);
	assert_true(store(ONE, BAR0 + IVSHMEM_STATE, 7));
	before = fake.messages;
	destroy(ONE);
	assert_int_equal(fake.messages, before + 2);
	assert_int_equal(state_word(ONE), 0);
	assert_false(ring(TWO, ONE, 0));
	fake_state_check(&with_two);
	create(ONE);
	check_reset(ONE);
	destroy(ONE);
	destroy(TWO);
	fake_state_check(&empty);
}

/* A link that root is no peer of: the first cell opens it, the last one takes it away. */
static void test_link_of_cells(void **state)
{
	struct wanted one = usual(0), two = usual(1);
	struct fake_state before;

	(void)state;
	boot();
	one.device.bdf = two.device.bdf = OTHER_LINK;
	for (u32 i = 0; i < REGIONS; i++) {
		one.memory[i].phys_start += 0x100000;
		two.memory[i].phys_start += 0x100000;
	}
	one.memory[REGIONS].phys_start += 0x200000;
	two.memory[REGIONS].phys_start += 0x200000;
	memset(fake_ram(SHMEM + 0x100000), 0x77, 4 * PEERS);
	fake_state_read(&before);
	assert_int_equal(create_as(&one, ONE), 0);
	for (u32 i = 0; i < 4 * PEERS; i++)
		assert_int_equal(*fake_ram(SHMEM + 0x100000 + i), 0);
	*fake_ram(SHMEM + 0x100000 + 8) = 0x55;
	assert_int_equal(create_as(&two, TWO), 0);
	assert_int_equal(*fake_ram(SHMEM + 0x100000 + 8), 0x55);
	assert_int_equal(pci_read(&root_cell, OTHER_LINK, 0, 4), ONES);
	assert_int_equal(pci_read(cell_find(TWO), OTHER_LINK, 0, 4), 0x4106110a);
	destroy(ONE);
	assert_int_equal(pci_read(cell_find(TWO), OTHER_LINK, 0, 4), 0x4106110a);
	destroy(TWO);
	fake_state_check(&before);
}

static void test_two_links_of_a_cell(void **state)
{
	struct cell_pci_device devices[2] = { link, link };
	struct wanted w = usual(ONE);
	const struct fake_config both = {
		.name = "one",
		.id = ONE,
		.cpus = 1 << 3,
		.memory = w.memory,
		.num_memory = w.num_memory,
		.pci = devices,
		.num_pci = 2,
	};
	struct fake_state before;

	(void)state;
	boot();
	fake_state_read(&before);
	devices[0].shmem_dev_id = devices[1].shmem_dev_id = ONE;
	devices[1].bdf = OTHER_LINK;
	assert_int_equal(fake_create(&both), 0);
	assert_int_equal(pci_read(cell_find(ONE), LINK, 0, 4), 0x4106110a);
	assert_int_equal(pci_read(cell_find(ONE), OTHER_LINK, 0, 4), 0x4106110a);
	destroy(ONE);
	fake_state_check(&before);
}

/* Links go in another order than they came. */
static void test_links_of_two_cells(void **state)
{
	struct wanted one = usual(ONE), two = usual(TWO);
	struct fake_state before;

	(void)state;
	boot();
	fake_state_read(&before);
	one.device.bdf = OTHER_LINK;
	two.device.bdf = OTHER_LINK + 1;
	assert_int_equal(create_as(&one, ONE), 0);
	assert_int_equal(create_as(&two, TWO), 0);
	destroy(ONE);
	assert_int_equal(pci_read(cell_find(TWO), OTHER_LINK + 1, 0, 4), 0x4106110a);
	destroy(TWO);
	fake_state_check(&before);
	assert_int_equal(config(ROOT, 0), 0x4106110a);
}

/* --- what is refused --- */

static void test_refused(void **state)
{
	struct fake_state before;
	struct wanted w;

	(void)state;
	boot();
	fake_state_read(&before);
#define REFUSED(err, change)                               \
	do {                                               \
		w = usual(ONE);                            \
		change;                                    \
		assert_int_equal(create_as(&w, ONE), err); \
		fake_state_check(&before);                 \
	} while (0)
	REFUSED(-EINVAL, w.device.num_msix_vectors = 17);
	REFUSED(-EINVAL, w.device.shmem_dev_id = 12);
	REFUSED(-EINVAL, w.device.shmem_dev_id = 12; w.device.shmem_peers = 255);
	REFUSED(-EINVAL, w.device.shmem_dev_id = PEERS);
	REFUSED(-EINVAL, w.device.shmem_peers = 0);
	REFUSED(-EBUSY, w.device.shmem_dev_id = ROOT);
	REFUSED(-EINVAL, w.num_memory = REGIONS - 1);
	REFUSED(-EINVAL, w.device.shmem_regions_start = 2);
	REFUSED(-EINVAL, w.device.shmem_regions_start = 0xffffffff);
	REFUSED(-EINVAL, w.device.shmem_peers = PEERS + 2);
	REFUSED(-EINVAL, w.memory[0].size = 0);
	REFUSED(-EINVAL, w.memory[0].flags |= CELL_MEM_COMM_REGION);
	REFUSED(-EINVAL, w.memory[0].size = 8);
	REFUSED(-EINVAL, w.memory[0].phys_start += 2; w.memory[0].size = 12);
	REFUSED(-EINVAL, w.memory[1].virt_start += 0x1000);
	REFUSED(-EINVAL, w.memory[1].size = 0);
	REFUSED(-EINVAL, w.memory[3].virt_start += 0x1000);
	REFUSED(-EINVAL, w.memory[3].size = 0);
	REFUSED(-EINVAL, w.memory[4].size = 0);
#undef REFUSED
	assert_non_null(strstr(fake_console(), "cell one: ivshmem device 0000:00:00.5: another cell has its peer ID"));
}

/* Empty sections are all zero, wherever they are in the list. */
static void test_empty_sections(void **state)
{
	struct wanted w = usual(ONE);

	(void)state;
	boot();
	for (u32 i = 2; i < REGIONS; i++)
		w.memory[i] = (struct cell_memory){ 0 };
	assert_int_equal(create_as(&w, ONE), 0);
	assert_int_equal(config(ONE, 0x50), 0);
	destroy(ONE);
	w = usual(ONE);
	w.memory[1] = (struct cell_memory){ 0 };
	for (u32 i = 2; i < REGIONS; i++)
		w.memory[i].virt_start -= 0x2000;
	assert_int_equal(create_as(&w, ONE), 0);
	assert_int_equal(config(ONE, 0x48), 0);
}

static void test_no_page_left(void **state)
{
	const struct wanted w = usual(TWO);
	struct wanted other = w;
	struct fake_state before;
	s64 err = -ENOMEM;

	(void)state;
	boot();
	other.device.bdf = OTHER_LINK;
	fake_state_read(&before);
	for (u32 pages = 0; err == -ENOMEM; pages++) {
		fake_pool_fail_after(pages);
		err = create_as(&other, TWO);
		fake_pool_fail_after(FAKE_NEVER);
		if (err)
			fake_state_check(&before);
	}
	assert_int_equal(err, 0);
	assert_non_null(strstr(fake_console(), "no page left for its link"));
}

/* A root that could not have what it lists is not taken over. */
static void test_bad_root(void **state)
{
	struct cell_pci_device device = link;

	(void)state;
	device.bdf = 1;
	assert_int_equal(boot_with(&device, 1), -EBUSY);
}

static void test_table_in_our_memory(void **state)
{
	(void)state;
	root_memory[0].phys_start = root_memory[0].virt_start = FAKE_HV_START;
	root_memory[1].virt_start = root_memory[1].phys_start = FAKE_HV_START + 0x1000;
	assert_int_equal(boot_with(&link, 1), -EINVAL);
}

static void test_listed_twice(void **state)
{
	const struct cell_pci_device devices[] = { link, link };

	(void)state;
	assert_int_equal(boot_with(devices, 2), -EBUSY);
}

/* --- memory --- */

/* What peers share with root can't become a cell's own; a section may be written though root only reads it. */
static void test_memory_of_root(void **state)
{
	struct wanted w = usual(ONE);
	struct paging_entry e;

	(void)state;
	boot();
	w.num_pci = 0;
	for (u32 i = 0; i < REGIONS; i++) {
		w.memory[i].flags &= ~SHARED;
		assert_int_equal(create_as(&w, ONE), i < REGIONS ? -EBUSY : 0);
		w.memory[i].flags |= SHARED;
	}
	assert_int_equal(create_as(&w, ONE), 0);
	assert_true(paging_lookup(&cell_find(ONE)->stage2, w.memory[2 + ONE].virt_start, &e));
	assert_int_equal(e.access & ACCESS_RWX, ACCESS_READ | ACCESS_WRITE);
	assert_true(paging_lookup(&root_cell.stage2, OUTPUT(ONE), &e));
	assert_int_equal(e.access & ACCESS_RWX, ACCESS_READ);
	destroy(ONE);
	w.memory[0].flags |= CELL_MEM_WRITE; /* states of others */
	assert_int_equal(create_as(&w, ONE), -EPERM);
	w.memory[0].flags &= ~CELL_MEM_WRITE;
	w.memory[2 + ONE].flags |= CELL_MEM_EXECUTE;
	assert_int_equal(create_as(&w, ONE), -EPERM);
	w.memory[2 + ONE].flags &= ~CELL_MEM_EXECUTE;
	w.memory[0].size += 0x1000; /* more than a section */
	w.memory[0].flags |= CELL_MEM_WRITE;
	w.memory[1] = w.memory[REGIONS];
	assert_int_equal(create_as(&w, ONE), -EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_config_space),
		FAKE_TEST(test_wide_fields),
		FAKE_TEST(test_config_writes),
		FAKE_TEST(test_forbidden_config_writes),
		FAKE_TEST(test_without_msix),
		FAKE_TEST(test_root_keeps_its_functions),
		FAKE_TEST(test_beside_a_list),
		FAKE_TEST(test_registers),
		FAKE_TEST(test_odd_accesses),
		FAKE_TEST(test_msix_table),
		FAKE_TEST(test_msix_destination),
		FAKE_TEST(test_bars_move),
		FAKE_TEST(test_moved_meanwhile),
		FAKE_TEST(test_bar_over_config_space),
		FAKE_TEST(test_masks_of_bars),
		FAKE_TEST(test_doorbell),
		FAKE_TEST(test_interrupt_switches),
		FAKE_TEST(test_one_shot),
		FAKE_TEST(test_fewer_vectors),
		FAKE_TEST(test_state),
		FAKE_TEST(test_cpus_of_root_change),
		FAKE_TEST(test_concurrent_doorbells),
		FAKE_TEST(test_start_resets),
		FAKE_TEST(test_set_loadable_resets),
		FAKE_TEST(test_destroy),
		FAKE_TEST(test_link_of_cells),
		FAKE_TEST(test_two_links_of_a_cell),
		FAKE_TEST(test_links_of_two_cells),
		FAKE_TEST(test_refused),
		FAKE_TEST(test_empty_sections),
		FAKE_TEST(test_no_page_left),
		FAKE_TEST(test_bad_root),
		FAKE_TEST(test_table_in_our_memory),
		FAKE_TEST(test_listed_twice),
		FAKE_TEST(test_memory_of_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
