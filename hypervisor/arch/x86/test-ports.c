// SPDX-License-Identifier: GPL-2.0-only
/*
 * Port maps: who may reach which port before, while and after a cell has it, and the moderated ports.
 *
 * ports.c is part of this file, with port accesses that are recorded instead of done.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#define port_read8 native_port_read8
#define port_write8 native_port_write8
#define port_read native_port_read
#define port_write native_port_write
#include "asm.h"
#undef port_read8
#undef port_write8
#undef port_read
#undef port_write
#include <hv/types.h>

static u8 port_read8(u16 port);
static void port_write8(u16 port, u8 value);
static u32 port_read(u16 port, u8 size);
static void port_write(u16 port, u8 size, u32 value);

#include "ports.c"

#define PM_TIMER 0x608
#define MAX_RANGES 4

struct cell root_cell;
static struct cell cell = { .id = 1, .name = "cell" };
static struct cell_system system_blob = { .x86.pm_timer_port = PM_TIMER };
const struct cell_system *system_config = &system_blob;
static struct pcpu cpu;
static struct vcpu_regs regs;
static struct violation violation;
static int written = -1;

/* A configuration that is nothing but ports. */
static struct {
	struct cell_config header;
	struct cell_pio pio[MAX_RANGES];
} root_blob, cell_blob;

static u8 port_read8(u16 port)
{
	assert_int_equal(port, PORT_KBD);
	return 0x5a;
}

static void port_write8(u16 port, u8 value)
{
	assert_int_equal(port, PORT_KBD);
	written = value;
}

static u32 port_read(u16 port, u8 size)
{
	assert_int_equal(port, PORT_PCI_ADDRESS);
	return 0x1234U >> (16 - size * 8);
}

static void port_write(u16 port, u8 size, u32 value)
{
	assert_int_equal(port, PORT_PCI_ADDRESS);
	written = value & ((1U << size * 8) - 1);
}

bool pci_is_trapped(void)
{
	return root_blob.header.num_pci_devices;
}

/* Each register of each function holds where it is; function 3 may be written. */
u32 pci_read(const struct cell *c, u16 bdf, u16 reg, u8 size)
{
	assert_true(c == &cell || c == &root_cell);
	return (u32)bdf << 16 | reg << 8 | size;
}

bool pci_write(const struct cell *c, u16 bdf, u16 reg, u8 size, u32 value)
{
	(void)c, (void)size;
	written = reg << 16 | value;
	return bdf == 3;
}

void *pool_alloc(u32 pages)
{
	return calloc(pages, PAGE_SIZE);
}

void pool_free(void *start, u32 pages)
{
	(void)pages;
	free(start);
}

int refuse(int err, const char *fmt, ...)
{
	(void)fmt;
	return err;
}

static void set_ports(struct cell_config *header, struct cell_pio *pio, unsigned int n, const struct cell_pio *ranges)
{
	header->num_pio_regions = n;
	for (unsigned int i = 0; i < n; i++)
		pio[i] = ranges[i];
}

/* Root has everything but the ports from 0x4000 to 0x4fff. */
static int boot(void **state)
{
	static const struct cell_pio ranges[] = { { 0, 0x4000 }, { 0x5000, 0xb000 } };

	(void)state;
	set_ports(&root_blob.header, root_blob.pio, ARRAY_SIZE(ranges), ranges);
	root_cell.config = &root_blob.header;
	cell.config = &cell_blob.header;
	cell.arch = (struct arch_cell){ 0 };
	cpu = (struct pcpu){ .id = 2, .cell = &cell };
	written = -1;
	return ports_init(&root_cell);
}

static int end(void **state)
{
	(void)state;
	ports_exit(&cell);
	ports_exit(&root_cell);
	return 0;
}

static int make_cell(unsigned int n, const struct cell_pio *ranges)
{
	set_ports(&cell_blob.header, cell_blob.pio, n, ranges);
	return ports_init(&cell);
}

static bool open_in(const struct cell *c, u32 port)
{
	return !(c->arch.io_bitmap[port / 8] & 1 << (port % 8));
}

static void test_map_of_a_cell(void **state)
{
	static const struct cell_pio ranges[] = { { 0x3e8, 8 }, { 0xffff, 1 } };

	(void)state;
	assert_int_equal(make_cell(ARRAY_SIZE(ranges), ranges), 0);
	for (u32 port = 0; port < IO_BITMAP_PAGES * PAGE_SIZE * 8; port++)
		assert_int_equal(open_in(&cell, port), (port >= 0x3e8 && port < 0x3f0) || port == 0xffff ||
							       (port >= PM_TIMER && port < PM_TIMER + 4));
}

static void test_moderated_ports_stay_trapped(void **state)
{
	static const struct cell_pio ranges[] = { { 0x60, 0x40 }, { 0xcf0, 0x20 } };

	(void)state;
	assert_int_equal(make_cell(ARRAY_SIZE(ranges), ranges), 0);
	assert_true(open_in(&cell, 0x60));
	assert_false(open_in(&cell, PORT_KBD));
	assert_false(open_in(&cell, PORT_POST));
	for (u32 port = PORT_PCI_ADDRESS; port < PORT_PCI_DATA + 4; port++)
		assert_false(open_in(&cell, port));
	assert_true(open_in(&root_cell, PORT_KBD));
}

static void test_take_and_give(void **state)
{
	static const struct cell_pio ranges[] = { { 0x3e8, 8 }, { PORT_KBD, 1 } };
	u8 before[IO_BITMAP_PAGES * PAGE_SIZE];

	(void)state;
	memcpy(before, root_cell.arch.io_bitmap, sizeof(before));
	assert_int_equal(make_cell(ARRAY_SIZE(ranges), ranges), 0);
	assert_memory_equal(before, root_cell.arch.io_bitmap, sizeof(before));
	ports_take(&cell);
	for (u32 port = 0x3e0; port < 0x3f8; port++)
		assert_int_equal(open_in(&root_cell, port), port < 0x3e8 || port > 0x3ef);
	assert_true(open_in(&root_cell, PORT_KBD));
	ports_give(&cell);
	assert_memory_equal(before, root_cell.arch.io_bitmap, sizeof(before));
}

static void test_refused(void **state)
{
	static const struct cell_pio foreign[] = { { 0x3fff, 2 } }, beyond[] = { { 0xffff, 2 } };
	static const struct cell_pio many[] = { { 0, 0x3000 }, { 0x5000, 0xb000 }, { 0, 0x3000 } };

	(void)state;
	assert_int_equal(make_cell(1, foreign), -EBUSY);
	assert_int_equal(make_cell(1, beyond), -EINVAL);
	assert_int_equal(make_cell(3, many), -EINVAL);
	assert_null(cell.arch.io_bitmap);
}

static bool port(u16 number, u8 size, bool in, bool string)
{
	const struct port_access io = { number, size, in, string };

	return handle_port(&cpu, &regs, &io, &violation);
}

static void test_violations(void **state)
{
	(void)state;
	assert_int_equal(make_cell(0, NULL), 0);
	assert_false(port(0x70, 1, false, false));
	assert_int_equal(violation.cause, HV_CAUSE_PIO);
	assert_int_equal(violation.address, 0x70);
	assert_int_equal(violation.access, 1 | HV_EVENT_WRITE);
	assert_false(port(0x71, 4, true, false));
	assert_int_equal(violation.access, 4);
	assert_false(port(PORT_POST, 1, false, true));
	assert_false(port(PORT_POST, 2, false, false));
	assert_true(port(PORT_POST, 1, false, false));
	assert_false(port(PORT_KBD, 1, true, false));
	assert_int_equal(cpu.stats[CELL_STAT_X86_PIO], 6);
}

static void test_keyboard_controller(void **state)
{
	static const struct cell_pio ranges[] = { { 0x60, 5 } };

	(void)state;
	assert_int_equal(make_cell(1, ranges), 0);
	regs.rax = 0x11223344;
	assert_true(port(PORT_KBD, 1, true, false));
	assert_int_equal(regs.rax, 0x1122335a);
	for (unsigned int value = 0; value < 0x100; value++) {
		regs.rax = value;
		written = -1;
		assert_int_equal(port(PORT_KBD, 1, false, false), value != 0xd1 && value < 0xf0);
		assert_int_equal(written, value != 0xd1 && value < 0xf0 ? (int)value : -1);
	}
	assert_false(port(PORT_KBD, 2, false, false));
}

static void select_register(u32 address)
{
	regs.rax = address;
	assert_true(port(PORT_PCI_ADDRESS, 4, false, false));
}

static void test_config_mechanism_1(void **state)
{
	(void)state;
	assert_int_equal(make_cell(0, NULL), 0);
	select_register(0x80001234);
	regs.rax = 0;
	assert_true(port(PORT_PCI_ADDRESS, 4, true, false));
	assert_int_equal(regs.rax, 0x80001234);
	assert_false(port(PORT_PCI_ADDRESS, 1, true, false));
	assert_false(port(PORT_PCI_ADDRESS + 1, 1, false, false)); /* resets a PC */
	assert_false(port(PORT_PCI_ADDRESS + 2, 4, true, false));
	assert_true(port(PORT_PCI_DATA, 4, true, false));
	assert_int_equal(regs.rax, 0x00123404);
	assert_true(port(PORT_PCI_DATA + 2, 2, true, false));
	assert_int_equal(regs.rax, 0x00123602);
	assert_true(port(PORT_PCI_DATA + 3, 1, true, false));
	assert_int_equal(regs.rax, 0x00123601);
	assert_false(port(PORT_PCI_DATA + 3, 2, true, false));
	assert_false(port(PORT_PCI_DATA + 2, 4, true, false));
	assert_false(port(PORT_PCI_DATA, 4, true, true));
	regs.rax = 0x11;
	assert_false(port(PORT_PCI_DATA, 4, false, false));
	select_register(0x00000310); /* the enable bit does not matter */
	regs.rax = 0x11223344;
	assert_true(port(PORT_PCI_DATA + 2, 2, false, false));
	assert_int_equal(written, 0x123344);
}

/* Root's accesses come to us if its configuration lists functions; what else is at these ports it keeps. */
static void test_config_mechanism_1_of_root(void **state)
{
	(void)state;
	for (u32 number = PORT_PCI_ADDRESS; number < PORT_PCI_DATA + 4; number++)
		assert_true(open_in(&root_cell, number));
	ports_exit(&root_cell);
	root_blob.header.num_pci_devices = 1;
	assert_int_equal(ports_init(&root_cell), 0);
	for (u32 number = PORT_PCI_ADDRESS; number < PORT_PCI_DATA + 4; number++)
		assert_int_equal(open_in(&root_cell, number), number > PORT_PCI_ADDRESS && number < PORT_PCI_DATA);
	root_blob.header.num_pci_devices = 0;
	cpu.cell = &root_cell;
	select_register(0x80000300);
	regs.rax = 0;
	assert_true(port(PORT_PCI_DATA, 4, true, false));
	assert_int_equal(regs.rax, 0x00030004);
	regs.rax = 0xffff;
	assert_true(port(PORT_PCI_ADDRESS, 1, true, false));
	assert_int_equal(regs.rax, 0xff12);
	assert_true(port(PORT_PCI_ADDRESS, 2, false, false));
	assert_int_equal(written, 0xff12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_map_of_a_cell, boot, end),
		cmocka_unit_test_setup_teardown(test_moderated_ports_stay_trapped, boot, end),
		cmocka_unit_test_setup_teardown(test_take_and_give, boot, end),
		cmocka_unit_test_setup_teardown(test_refused, boot, end),
		cmocka_unit_test_setup_teardown(test_violations, boot, end),
		cmocka_unit_test_setup_teardown(test_keyboard_controller, boot, end),
		cmocka_unit_test_setup_teardown(test_config_mechanism_1, boot, end),
		cmocka_unit_test_setup_teardown(test_config_mechanism_1_of_root, boot, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
