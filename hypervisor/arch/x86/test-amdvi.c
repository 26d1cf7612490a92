// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMD-Vi: bits as the specification has them, what a unit is told and in which order, and a log that holds anything.
 *
 * amdvi.c is part of this file. The unit is memory for registers, and a thread that carries out commands.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <hv/string.h>
#include "amdvi.c"

#define RW (ACCESS_READ | ACCESS_WRITE)
#define HUGE (2UL << 20)
#define BASE 0xfed80000UL
#define UNIT_BDF 0x10
#define BASE_CAP 0x40
#define MSI_CAP 0x60
#define COMMANDS_KEPT 4096
#define MEMORY_PAGES 1200

struct cell root_cell;
static struct cell cell = { .id = 6, .name = "cell" };
static struct {
	struct cell_system system;
	u8 more[2 * sizeof(struct cell_pci_device)];
} blob;
const struct cell_system *system_config = &blob.system;
static u8 memory[MEMORY_PAGES * PAGE_SIZE] __attribute__((aligned(4096)));
static u64 registers[REGISTERS_BYTES / 8];
static u8 config_space[256];
static bool moderated;

static struct ring_entry carried_out[COMMANDS_KEPT];
static unsigned int num_carried_out;
static bool unit_works, unit_ends;

static struct {
	u16 bdf;
	u64 address;
	u32 access;
} faults[512];
static unsigned int num_faults;
static char refusal[256], printed[512];

/* --- the others --- */

paddr_t arch_virt_to_phys(const void *virt)
{
	return (paddr_t)virt;
}

void *arch_phys_to_virt(paddr_t phys)
{
	return (void *)phys;
}

void *host_map_device(paddr_t phys, u64 size)
{
	assert_int_equal(phys, BASE);
	assert_int_equal(size, REGISTERS_BYTES);
	return registers;
}

u32 arch_pci_read(u16 bdf, u16 reg, u8 size)
{
	u32 value = 0;

	assert_int_equal(bdf, UNIT_BDF);
	memcpy(&value, config_space + reg, size);
	return value;
}

void arch_pci_write(u16 bdf, u16 reg, u8 size, u32 value)
{
	assert_int_equal(bdf, UNIT_BDF);
	memcpy(config_space + reg, &value, size);
}

bool pci_is_moderated(void)
{
	return moderated;
}

void iommu_fault_message(u32 *ret_address, u32 *ret_data)
{
	*ret_address = 0xfee03000;
	*ret_data = 0x400;
}

void iommu_fault(u16 bdf, u64 address, u32 access)
{
	faults[num_faults].bdf = bdf;
	faults[num_faults].address = address;
	faults[num_faults++].access = access;
}

int refuse(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(refusal, sizeof(refusal), fmt, ap);
	va_end(ap);
	return err;
}

void print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(printed, sizeof(printed), fmt, ap);
	va_end(ap);
}

/* --- a unit --- */

static void carry_out(const struct ring_entry *c)
{
	u64 *store = (u64 *)(c->words[0] & 0x000ffffffffffff8UL);

	if (num_carried_out < COMMANDS_KEPT)
		carried_out[num_carried_out++] = *c;
	if (c->words[0] >> 60 == 1 && c->words[0] & 1)
		__atomic_store_n(store, c->words[1], __ATOMIC_SEQ_CST);
}

static void *unit_thread(void *arg)
{
	const u64 wanted = 1UL << 0 | 1UL << 12;
	u32 head = 0;

	while (!__atomic_load_n(&unit_ends, __ATOMIC_SEQ_CST)) {
		u64 base = READ_ONCE(registers[1]), tail = READ_ONCE(registers[0x2008 / 8]);

		if (!unit_works || (READ_ONCE(registers[3]) & wanted) != wanted)
			head = 0;
		else if (head != tail) {
			carry_out((const struct ring_entry *)((base & PTE_ADDRESS) + head));
			head = (head + 16) % 4096;
		} else
			sched_yield();
	}
	return arg;
}

static pthread_t thread;

static void set32(u16 reg, u32 value)
{
	memcpy(config_space + reg, &value, 4);
}

static int setup(void **state)
{
	(void)state;
	memset(&blob, 0, sizeof(blob));
	blob.system.iommu[0] = (struct cell_iommu){
		.type = CELL_IOMMU_AMD,
		.base = BASE,
		.size = 0x4000,
		.amd = { .bdf = UNIT_BDF, .base_cap = BASE_CAP, .msi_cap = MSI_CAP },
	};
	blob.system.mmconfig_base = 0xb0000000;
	root_cell = (struct cell){ .config = &blob.system.root_cell };
	memset(registers, 0, sizeof(registers));
	registers[REG_FEATURES / 8] = FEATURE_INVALIDATE_ALL;
	registers[REG_DEVICE_TABLE / 8] = 0x1234000;
	set32(BASE_CAP, 0x0f0b000f);
	set32(BASE_CAP + 4, BASE);
	set32(BASE_CAP + 8, 0);
	set32(MSI_CAP, 0x00800005);
	for (u16 i = 4; i < 16; i += 4)
		set32(MSI_CAP + i, 0x1000 + i);
	memset(units, 0, sizeof(units));
	num_faults = num_carried_out = 0;
	refusal[0] = printed[0] = '\0';
	moderated = unit_ends = false;
	unit_works = true;
	if (pool_init(memory, MEMORY_PAGES) || paging_init(&root_cell.dma, &dma_format) ||
	    paging_init(&cell.dma, &dma_format))
		return -1;
	return pthread_create(&thread, NULL, unit_thread, NULL);
}

static int teardown(void **state)
{
	(void)state;
	__atomic_store_n(&unit_ends, true, __ATOMIC_SEQ_CST);
	return pthread_join(thread, NULL);
}

static void start(void)
{
	assert_int_equal(amdvi_driver.init(), 0);
	assert_int_equal(amdvi_driver.enable(), 0);
	num_carried_out = 0;
}

/* --- formats --- */

/* "Page Table Entry Fields": PR 0, next level 11:9, FC 60, IR 61, IW 62. */
static void test_bits(void **state)
{
	(void)state;
	assert_int_equal(dma_format.leaf(0x5000, ACCESS_READ, 0), 0x3000000000005001);
	assert_int_equal(dma_format.leaf(0x5000, ACCESS_WRITE, 0), 0x5000000000005001);
	assert_int_equal(dma_format.leaf(HUGE, RW, 1), 0x7000000000200001);
	assert_int_equal(dma_format.table(0x7000, 1), 0x6000000000007201);
	assert_int_equal(dma_format.table(0x7000, 3), 0x6000000000007601);
	assert_false(dma_format.present(0));
	for (unsigned int level = 0; level < 3; level++)
		for (unsigned int access = 1; access <= RW; access++) {
			u64 e = dma_format.leaf(0x000fffffc0000000, access, level);

			assert_true(dma_format.present(e) && dma_format.is_leaf(e, level));
			assert_int_equal(dma_format.access(e), access);
			assert_int_equal(dma_format.address(e, level), 0x000fffffc0000000);
		}
	assert_false(dma_format.is_leaf(dma_format.table(0x7000, 2), 2));
}

/* "Device Table Entry Format": V 0, TV 1, mode 11:9, IR 61, IW 62; domain 79:64; INIT to NMI 186:184, LINT 255:254. */
static void test_function(void **state)
{
	u64 dte[4];

	(void)state;
	assert_int_equal(paging_init(&nobody, &dma_format), 0);
	encode_function(dte, &cell);
	assert_int_equal(dte[0], 0x6000000000000803 | (u64)cell.dma.root);
	assert_int_equal(dte[1], 7);
	assert_int_equal(dte[2] | dte[3], 0);
	encode_function(dte, &root_cell);
	assert_int_equal(dte[0], 0x6000000000000803 | (u64)root_cell.dma.root);
	assert_int_equal(dte[1], 1);
	assert_int_equal(dte[2], 0xc700000000000000);
	encode_function(dte, NULL);
	assert_int_equal(dte[0], 0x803 | (u64)nobody.root);
	assert_int_equal(dte[1], 0);
	paging_exit(&nobody);
}

/* A walk as "I/O Page Tables" tells it, on memory and nothing else; -1: blocked. */
static s64 walk(const u64 *dte, u64 address, bool write)
{
	const u64 right = write ? 1UL << 62 : 1UL << 61;
	u64 entry = dte[0];

	for (unsigned int level = 5; (entry & 1) && (entry & right);) {
		unsigned int next = entry >> 9 & 7;

		if (!next) {
			u64 offset = (1UL << (12 + 9 * (level - 1))) - 1;

			return (entry & PTE_ADDRESS & ~offset) | (address & offset);
		}
		assert_true(next < level);
		level = next;
		entry = ((u64 *)(entry & PTE_ADDRESS))[address >> (12 + 9 * (level - 1)) & 511];
	}
	return -1;
}

static void test_walk(void **state)
{
	u64 dte[4];

	(void)state;
	encode_function(dte, &cell);
	assert_int_equal(paging_map(&cell.dma, 0x1000, 0x7654321000, 0x3000, RW, true), 0);
	assert_int_equal(paging_map(&cell.dma, 4 * HUGE, 0x40 * HUGE, 2 * HUGE, ACCESS_READ, true), 0);
	assert_int_equal(paging_map(&cell.dma, 1UL << 30, 7UL << 30, 1UL << 30, RW, true), 0);
	assert_int_equal(paging_map(&cell.dma, (1UL << 48) - PAGE_SIZE, 0x5000, PAGE_SIZE, ACCESS_WRITE, true), 0);
	assert_int_equal(walk(dte, 0, false), -1);
	assert_int_equal(walk(dte, 0x1fff, true), 0x7654321fff);
	assert_int_equal(walk(dte, 0x3abc, false), 0x7654323abc);
	assert_int_equal(walk(dte, 0x4000, false), -1);
	assert_int_equal(walk(dte, 5 * HUGE + 0x12345, false), 0x41 * HUGE + 0x12345);
	assert_int_equal(walk(dte, 5 * HUGE + 0x12345, true), -1);
	assert_int_equal(walk(dte, (1UL << 30) + 0x3456789, true), (7UL << 30) + 0x3456789);
	assert_int_equal(walk(dte, (2UL << 30), true), -1);
	assert_int_equal(walk(dte, (1UL << 48) - 1, true), 0x5fff);
	assert_int_equal(walk(dte, (1UL << 48) - 1, false), -1);
	assert_int_equal(paging_split(&cell.dma, 5 * HUGE, PAGE_SIZE), 0);
	paging_unmap(&cell.dma, 5 * HUGE, PAGE_SIZE);
	assert_int_equal(walk(dte, 5 * HUGE, false), -1);
	assert_int_equal(walk(dte, 5 * HUGE + PAGE_SIZE, false), 0x41 * HUGE + PAGE_SIZE);
}

/* --- on and off --- */

static void refused(int err, const char *why)
{
	u64 before = pool_used();

	assert_int_equal(amdvi_driver.init(), err);
	if (!strstr(refusal, why))
		fail_msg("\"%s\" does not say \"%s\"", refusal, why);
	assert_true(pool_used() >= before);
	teardown(NULL);
	assert_int_equal(setup(NULL), 0);
}

static void test_checks(void **state)
{
	(void)state;
	blob.system.iommu[0].size = 0x6000;
	refused(-EINVAL, "IOMMU 0 at 0xfed80000: its registers cannot be there");
	blob.system.iommu[0].size = 0x2000;
	refused(-EINVAL, "cannot be there");
	config_space[BASE_CAP] = 5;
	refused(-EINVAL, "no such capability");
	config_space[MSI_CAP] = 0x11;
	refused(-EINVAL, "no MSI capability");
	set32(BASE_CAP, 0x070b000f);
	refused(-EIO, "does not say what it can do");
	set32(BASE_CAP + 4, 0xfee80001);
	refused(-EPERM, "elsewhere");
	registers[REG_CONTROL / 8] = 1;
	refused(-EBUSY, "Linux uses it");
	cell.id = 0xffff;
	assert_int_equal(amdvi_driver.init_cell(&cell), -ERANGE);
	cell.id = 6;
	assert_int_equal(amdvi_driver.init_cell(&cell), 0);
}

static void test_on_and_off(void **state)
{
	static u64 before[ARRAY_SIZE(registers)];
	u8 space[sizeof(config_space)];

	(void)state;
	registers[REG_CONTROL / 8] = 1UL << 10; /* coherent: stays */
	assert_int_equal(amdvi_driver.init(), 0);
	assert_int_equal(arch_pci_read(UNIT_BDF, BASE_CAP + 4, 4), BASE | 1);
	memcpy(before, registers, sizeof(before));
	memcpy(space, config_space, sizeof(space));
	assert_int_equal(amdvi_driver.enable(), 0);
	assert_int_equal(registers[REG_CONTROL / 8], 0x140d);
	assert_int_equal(registers[REG_DEVICE_TABLE / 8], (u64)device_table | 1);
	assert_int_equal(registers[REG_LOG / 8] >> 56, 8);
	assert_int_equal(carried_out[0].words[0], 8UL << 60);
	assert_int_equal(arch_pci_read(UNIT_BDF, MSI_CAP, 4), 0x00810005);
	assert_int_equal(arch_pci_read(UNIT_BDF, MSI_CAP + 4, 4), 0xfee03000);
	assert_int_equal(arch_pci_read(UNIT_BDF, MSI_CAP + 8, 4), 0);
	assert_int_equal(arch_pci_read(UNIT_BDF, MSI_CAP + 12, 4), 0x400);
	amdvi_driver.disable();
	registers[REG_COMMAND_TAIL / 8] = registers[REG_STATUS / 8] = 0; /* what a unit does by itself */
	assert_memory_equal(registers, before, sizeof(before));
	assert_memory_equal(config_space, space, sizeof(space));
}

/* Without moderation, every function is root's; else those of the list are, once they are attached. */
static void test_functions(void **state)
{
	struct cell_pci_device *d = (struct cell_pci_device *)(&blob.system + 1);

	(void)state;
	blob.system.mmconfig_end_bus = 1;
	assert_int_equal(amdvi_driver.init(), 0);
	assert_int_equal(num_functions, 512);
	for (unsigned int i = 0; i < 512; i++)
		assert_int_equal(device_table[4 * i + 1], 1);

	moderated = true;
	blob.system.root_cell.num_pci_devices = 2;
	d[0].bdf = 0x81;
	d[1].bdf = 0x12;
	assert_int_equal(amdvi_driver.init(), 0);
	assert_int_equal(num_functions, 256);
	amdvi_driver.attach(&root_cell, 0, 0x12);
	for (unsigned int i = 0; i < 256; i++)
		assert_int_equal(device_table[4 * i + 1], i == 0x12);
	assert_int_equal(walk(device_table + 4 * 0x81, 0, false), -1);
}

static void test_deaf(void **state)
{
	(void)state;
	unit_works = false;
	assert_int_equal(amdvi_driver.init(), 0);
	assert_int_equal(amdvi_driver.enable(), -EIO);
	assert_non_null(strstr(refusal, "IOMMU 0 at 0xfed80000: it does not answer"));
	assert_int_equal(registers[REG_CONTROL / 8], 0);
	assert_int_equal(registers[REG_DEVICE_TABLE / 8], 0x1234000);
}

/* --- commands --- */

static void assert_command(unsigned int i, u64 word0, u64 word1)
{
	assert_true(i < num_carried_out);
	assert_int_equal(carried_out[i].words[0], word0);
	assert_int_equal(carried_out[i].words[1], word1);
}

static void test_attach(void **state)
{
	const u64 all = 0x7ffffffffffff003;

	(void)state;
	start();
	amdvi_driver.attach(&cell, 0, 0x28);
	assert_command(0, 2UL << 60 | 0x28, 0);
	assert_command(1, 3UL << 60 | 1UL << 32, all); /* of root */
	assert_command(2, 3UL << 60 | 7UL << 32, all); /* of the cell */
	assert_int_equal(carried_out[3].words[0] >> 60, 1);
	assert_int_equal(num_carried_out, 4);
	assert_int_equal(device_table[4 * 0x28], 0x6000000000000803 | (u64)cell.dma.root);
	assert_int_equal(device_table[4 * 0x28 + 1], 7);
	num_carried_out = 0;
	amdvi_driver.flush(&cell);
	assert_command(0, 3UL << 60 | 7UL << 32, all);
	assert_int_equal(carried_out[1].words[0] >> 60, 1);
	/* Around the end of the ring, and again. */
	for (unsigned int i = 0; i < 1000; i++)
		amdvi_driver.flush(&root_cell);
	assert_int_equal(num_carried_out, 2 + 2000);
	assert_false(units[0].deaf);
}

/* An old unit, which must be told function by function. */
static void test_no_invalidate_all(void **state)
{
	(void)state;
	registers[REG_FEATURES / 8] = 0;
	start();
	assert_false(units[0].deaf);
}

/* --- the log --- */

static unsigned int log_tail;

static void write_log(u64 word0, u64 word1)
{
	struct ring_entry *log = (struct ring_entry *)(registers[REG_LOG / 8] & PTE_ADDRESS);

	log[log_tail].words[1] = word1;
	log[log_tail].words[0] = word0;
	log_tail = (log_tail + 1) % RING_ENTRIES;
}

static void test_log(void **state)
{
	(void)state;
	start();
	log_tail = 0;
	assert_false(amdvi_driver.report_faults());
	write_log(2UL << 60 | 1UL << 53 | 7UL << 32 | 0x28, 0x3e000000); /* RW */
	write_log(2UL << 60 | 0x29, 0x1000);
	assert_true(amdvi_driver.report_faults());
	assert_int_equal(num_faults, 2);
	assert_int_equal(faults[0].bdf, 0x28);
	assert_int_equal(faults[0].address, 0x3e000000);
	assert_int_equal(faults[0].access, HV_EVENT_WRITE);
	assert_int_equal(faults[1].bdf, 0x29);
	assert_int_equal(faults[1].access, 0);
	assert_int_equal(registers[REG_LOG_HEAD / 8], 32);
	assert_false(amdvi_driver.report_faults());
}

/* Who faults on and on is told of eight times until it is attached again. */
static void test_endless(void **state)
{
	(void)state;
	start();
	log_tail = 0;
	for (unsigned int i = 0; i < 20; i++)
		write_log(2UL << 60 | 0x28, 0x1000 * i);
	assert_true(amdvi_driver.report_faults());
	assert_int_equal(num_faults, 8);
	assert_int_equal(device_table[4 * 0x28 + 1] >> 34 & 1, 1); /* SA */
	assert_command(0, 2UL << 60 | 0x28, 0);
	assert_true(units[0].logs);
	amdvi_driver.attach(&root_cell, 0, 0x28);
	assert_int_equal(device_table[4 * 0x28 + 1], 1);
	write_log(2UL << 60 | 0x28, 0);
	assert_true(amdvi_driver.report_faults());
	assert_int_equal(num_faults, 9);
}

/* A unit that goes on all the same loses its log, until somebody changes something. */
static void test_overflow(void **state)
{
	(void)state;
	start();
	for (unsigned int i = log_tail = 0; i < 100; i++)
		write_log(2UL << 60 | 0x28, 0x1000 * i);
	assert_true(amdvi_driver.report_faults());
	assert_int_equal(num_faults, 8);
	assert_int_equal(registers[REG_CONTROL / 8] & 0xc, 0);
	assert_non_null(strstr(printed, "too many faults"));
	amdvi_driver.flush(&cell);
	assert_int_equal(registers[REG_CONTROL / 8] & 0xc, 0xc);
	assert_int_equal(registers[REG_LOG_HEAD / 8] | registers[REG_LOG_TAIL / 8], 0);
	log_tail = 0;
	write_log(2UL << 60 | 0x30, 0x1000);
	assert_true(amdvi_driver.report_faults());
	assert_int_equal(num_faults, 9);
}

/* Whatever is in it. */
static void test_damaged_log(void **state)
{
	(void)state;
	start();
	srand(1);
	for (unsigned int round = 0; round < 200; round++) {
		u8 *log = (u8 *)(registers[REG_LOG / 8] & PTE_ADDRESS);

		for (unsigned int i = 0; i < PAGE_SIZE; i++)
			log[i] = rand();
		num_faults = 0;
		amdvi_driver.report_faults();
		assert_true(num_faults <= RING_ENTRIES);
		for (unsigned int i = 0; i < num_functions; i++)
			assert_int_equal(device_table[4 * i] & ~PTE_ADDRESS, 0x6000000000000803);
		amdvi_driver.flush(&root_cell);
		assert_true(units[0].logs);
		assert_false(amdvi_driver.report_faults());
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_bits),	TEST(test_function),	      TEST(test_walk),	  TEST(test_checks),
		TEST(test_on_and_off),	TEST(test_functions),	      TEST(test_deaf),	  TEST(test_attach),
		TEST(test_log),		TEST(test_no_invalidate_all), TEST(test_endless), TEST(test_overflow),
		TEST(test_damaged_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
