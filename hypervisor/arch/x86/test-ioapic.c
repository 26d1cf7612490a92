// SPDX-License-Identifier: GPL-2.0-only
/*
 * I/O APICs: who owns which pin, what a cell may program, and what the chip holds before, while and after.
 *
 * ioapic.c is part of this file, with two chips made of memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#define mmio_read32 native_mmio_read32
#define mmio_write32 native_mmio_write32
#include "asm.h"
#undef mmio_read32
#undef mmio_write32
#include <hv/string.h>
#include <hv/types.h>

static u32 mmio_read32(const volatile void *reg);
static void mmio_write32(volatile void *reg, u32 value);

#include "ioapic.c"

#define PINS 24
#define CHIP(n) (0xfec00000UL + (n)*PAGE_SIZE)
#define APIC_ID_OF(cpu) ((cpu) + 4)
#define LOW(pin) REG_ENTRY(pin)
#define HIGH(pin) (REG_ENTRY(pin) + 1)
#define PHYSICAL(cpu) ((u32)APIC_ID_OF(cpu) << 24)
#define LEVEL 0x8000
#define REMOTE_IRR 0x4000

/* --- the chips --- */

static struct {
	u8 page[PAGE_SIZE];
	u32 index, pins, eois, writes;
	u32 registers[256];
} hardware[2];

static unsigned int chip_of(const volatile void *reg)
{
	return (const u8 *)reg >= hardware[1].page;
}

static u64 in_chip(unsigned int n, u32 pin)
{
	return hardware[n].registers[LOW(pin)] | (u64)hardware[n].registers[HIGH(pin)] << 32;
}

/* Nothing that is unmasked may ever name a CPU that is not its owner's, not even for a moment. */
static const struct cell *owner_of_pin(unsigned int n, u32 pin);

static void check_entry(unsigned int n, u32 pin)
{
	u64 entry = in_chip(n, pin);
	u32 dest;

	if (entry & (ENTRY_MASKED | ENTRY_REMAPPED) || !pcpu_of(0)->cell)
		return;
	assert_true(reaches(owner_of_pin(n, pin), entry, &dest));
	assert_int_equal(dest, ENTRY_DEST(entry));
}

static u32 mmio_read32(const volatile void *reg)
{
	unsigned int n = chip_of(reg);
	u32 offset = (const u8 *)reg - hardware[n].page;

	assert_int_equal(offset, OFFSET_DATA);
	if (hardware[n].index == REG_VERSION)
		return (hardware[n].pins - 1) << 16 | 0x20;
	return hardware[n].registers[hardware[n].index];
}

static void mmio_write32(volatile void *reg, u32 value)
{
	unsigned int n = chip_of(reg);
	u32 offset = (const u8 *)reg - hardware[n].page, index = hardware[n].index;

	if (offset == OFFSET_INDEX) {
		hardware[n].index = value;
	} else if (offset == OFFSET_EOI) {
		hardware[n].eois++;
	} else {
		assert_int_equal(offset, OFFSET_DATA);
		assert_in_range(index, REG_ENTRIES, REG_ENTRY(hardware[n].pins) - 1);
		hardware[n].writes++;
		if (!(index & 1)) { /* edge triggered ends the remote IRR */
			value &= ~(u32)ENTRY_STATUS;
			if (value & LEVEL)
				value |= hardware[n].registers[index] & REMOTE_IRR;
		}
		hardware[n].registers[index] = value;
		check_entry(n, (index - REG_ENTRIES) / 2);
	}
}

/* --- what ioapic.c needs --- */

struct cell root_cell;
static struct cell cell = { .id = 1, .name = "cell" };
static struct pcpu cpus[4]; /* 2 and 3 become the cell's */
static bool x2apic;
static unsigned int windows;

static struct {
	struct cell_config header;
	struct cell_irqchip chips[3];
} root_blob, cell_blob;

struct pcpu *pcpu_of(unsigned int cpu)
{
	assert_in_range(cpu, 0, 3);
	return &cpus[cpu];
}

bool apic_narrow(const struct cell *c, bool logical, u32 *dest)
{
	if (logical)
		*dest &= x2apic ? 0 : c->cpus.bits[0];
	return logical ? *dest : *dest - APIC_ID_OF(0) < 4 && cpu_set_has(&c->cpus, *dest - APIC_ID_OF(0));
}

static bool remaps; /* an IOMMU takes entries of cells only in another format */

u64 iommu_remap_pin(const struct cell *c, paddr_t chip, u32 pin, u64 entry)
{
	if (!remaps || entry & ENTRY_MASKED)
		return entry;
	assert_ptr_equal(c, &cell);
	assert_int_equal(chip, CHIP(0));
	return (entry & 0xff) | ENTRY_REMAPPED | (u64)pin << 49;
}

void *host_map_device(paddr_t phys, u64 size)
{
	assert_int_equal(size, PAGE_SIZE);
	assert_true(phys == CHIP(0) || phys == CHIP(1));
	return hardware[phys == CHIP(1)].page;
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

int memory_hide(struct cell *of, u64 start, u64 size)
{
	(void)of, (void)start, (void)size;
	return 0;
}

static struct mmio_window window_of[2][4];

int mmio_add(struct cell *c, const struct mmio_window *window)
{
	unsigned int owner = c != &root_cell, n = (window->start - CHIP(0)) / PAGE_SIZE;

	assert_int_equal(window->size, PAGE_SIZE);
	assert_null(window_of[owner][n].handler);
	window_of[owner][n] = *window;
	windows++;
	return 0;
}

static const struct cell *owner_of_pin(unsigned int n, u32 pin)
{
	const struct chip *c = find_chip(CHIP(n));
	const struct ioapic_view *view = find_view(&root_cell, c);

	return pins_has(&view->owned, pin) ? &root_cell : &cell;
}

/* --- what guests do --- */

static bool page_access(struct cell *c, unsigned int n, u64 offset, bool write, u64 *value)
{
	const struct mmio_window *w = &window_of[c != &root_cell][n];
	struct mmio_access a = { .address = w->start + offset, .size = 4, .write = write, .value = *value };
	struct pcpu *cpu = &cpus[c == &root_cell ? 0 : 2];
	bool ok;

	assert_non_null(w->handler);
	ok = w->handler(cpu, w, &a);
	*value = a.value;
	return ok;
}

static bool write_reg(struct cell *c, unsigned int n, u32 reg, u32 value)
{
	u64 index = reg, data = value;

	assert_true(page_access(c, n, OFFSET_INDEX, true, &index));
	return page_access(c, n, OFFSET_DATA, true, &data);
}

static u32 read_reg(struct cell *c, unsigned int n, u32 reg)
{
	u64 index = reg, data = 0;

	assert_true(page_access(c, n, OFFSET_INDEX, true, &index));
	assert_true(page_access(c, n, OFFSET_DATA, false, &data));
	return data;
}

static void program(struct cell *c, u32 pin, u32 high, u32 low)
{
	assert_true(write_reg(c, 0, HIGH(pin), high));
	assert_true(write_reg(c, 0, LOW(pin), low));
}

/* --- a machine --- */

static void set_chips(struct cell_config *header, struct cell_irqchip *to, const struct cell_irqchip *from, u32 n)
{
	header->num_irqchips = n;
	memcpy(to, from, n * sizeof(*from));
}

/* Root has all pins of both chips; pin 9 of the first is unmasked and level triggered, in service. */
static int boot(void **state)
{
	static const struct cell_irqchip all[] = {
		{ CHIP(0), 0xff0000, 0, { ~0U, ~0U, ~0U, ~0U } },
		{ CHIP(1), 0, 0, { ~0U } },
	};

	(void)state;
	memset(hardware, 0, sizeof(hardware));
	memset(window_of, 0, sizeof(window_of));
	memset(cpus, 0, sizeof(cpus));
	chips = NULL;
	x2apic = remaps = false;
	windows = 0;
	hardware[0].pins = PINS;
	hardware[1].pins = 4;
	for (unsigned int n = 0; n < 2; n++)
		for (u32 pin = 0; pin < hardware[n].pins; pin++)
			hardware[n].registers[LOW(pin)] = ENTRY_MASKED;
	hardware[0].registers[LOW(9)] = LEVEL | REMOTE_IRR | 0x39;
	hardware[0].registers[HIGH(9)] = PHYSICAL(0);
	set_chips(&root_blob.header, root_blob.chips, all, 2);
	root_cell = (struct cell){ .config = &root_blob.header, .cpus.bits = { 0xf } };
	cell = (struct cell){ .id = 1, .name = "cell", .config = &cell_blob.header };
	for (unsigned int id = 0; id < 4; id++) {
		cpus[id].id = id;
		cpus[id].arch.apic_id = APIC_ID_OF(id);
		cpus[id].cell = &root_cell;
	}
	assert_int_equal(ioapic_init(), 0);
	assert_int_equal(windows, 2);
	assert_int_equal(hardware[0].writes, 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	ioapic_exit_cell(&cell);
	ioapic_exit_cell(&root_cell);
	while (chips) {
		struct chip *next = chips->next;

		free(chips);
		chips = next;
	}
	return 0;
}

static int make(const struct cell_irqchip *wanted, u32 n)
{
	set_chips(&cell_blob.header, cell_blob.chips, wanted, n);
	return ioapic_init_cell(&cell);
}

static void take(void)
{
	root_cell.cpus.bits[0] = 0x3;
	cell.cpus.bits[0] = 0xc;
	cpus[2].cell = cpus[3].cell = &cell;
	ioapic_take(&cell);
}

static void give(void)
{
	ioapic_reset(&cell);
	root_cell.cpus.bits[0] = 0xf;
	cell.cpus.bits[0] = 0;
	cpus[2].cell = cpus[3].cell = &root_cell;
	ioapic_give(&cell);
}

/* Pins 4 and 9 of the first chip. */
static void make_and_take(void)
{
	static const struct cell_irqchip wanted = { CHIP(0), 0, 0, { 1 << 4 | 1 << 9 } };

	assert_int_equal(make(&wanted, 1), 0);
	take();
}

/* --- tests --- */

static void test_refused(void **state)
{
	static const struct cell_irqchip base = { CHIP(0), 0, 32, { 1 } }, nowhere = { CHIP(2), 0, 0, { 1 } };
	static const struct cell_irqchip odd = { CHIP(0) + 8, 0, 0, { 1 } }, wanted = { CHIP(0), 0, 0, { 2 } };

	(void)state;
	assert_int_equal(make(&base, 1), -EINVAL);
	ioapic_exit_cell(&cell);
	assert_int_equal(make(&odd, 1), -EINVAL);
	ioapic_exit_cell(&cell);
	assert_int_equal(make(&nowhere, 1), -EBUSY);
	ioapic_exit_cell(&cell);
	pins_set(&find_view(&root_cell, find_chip(CHIP(0)))->owned, 1, false);
	assert_int_equal(make(&wanted, 1), -EBUSY);
}

static void test_too_many_pins(void **state)
{
	(void)state;
	end(NULL);
	memset(window_of, 0, sizeof(window_of));
	hardware[0].pins = MAX_PINS + 1;
	assert_int_equal(ioapic_init(), -EIO);
}

/* Two entries for one chip, and pins that the chip does not have. */
static void test_entries_add_up(void **state)
{
	static const struct cell_irqchip wanted[] = { { CHIP(1), 0, 0, { 0xfffffff2 } }, { CHIP(1), 0, 0, { 4 } } };

	(void)state;
	assert_int_equal(make(wanted, 2), 0);
	assert_int_equal(windows, 3);
	assert_int_equal(cell.arch.num_ioapics, 1);
	assert_int_equal(cell.arch.ioapics[0].owned.bits[0], 6);
}

static void test_take_masks(void **state)
{
	(void)state;
	program(&root_cell, 4, PHYSICAL(1), 0x34);
	assert_int_equal(in_chip(0, 4), 0x34 | (u64)PHYSICAL(1) << 32);
	make_and_take();
	assert_int_equal(in_chip(0, 4), ENTRY_MASKED);
	assert_int_equal(in_chip(0, 9), ENTRY_MASKED); /* edge: no longer in service */
	assert_int_equal(read_reg(&cell, 0, LOW(9)), ENTRY_MASKED);
	assert_int_equal(read_reg(&root_cell, 0, LOW(9)), 0);
	assert_int_equal(read_reg(&root_cell, 0, HIGH(9)), 0);
	assert_int_equal(read_reg(&cell, 0, LOW(5)), 0);
}

static void test_root_gets_back_what_it_wrote(void **state)
{
	(void)state;
	program(&root_cell, 4, PHYSICAL(1), 0x34);
	make_and_take();
	program(&cell, 4, PHYSICAL(2), 0x77);
	program(&root_cell, 4, PHYSICAL(0), 0x35); /* kept, and of no effect */
	assert_int_equal(in_chip(0, 4), 0x77 | (u64)PHYSICAL(2) << 32);
	give();
	assert_int_equal(in_chip(0, 4), 0x35 | (u64)PHYSICAL(0) << 32);
	assert_int_equal(in_chip(0, 9), 0x39 | LEVEL | (u64)PHYSICAL(0) << 32);
	assert_int_equal(read_reg(&root_cell, 0, LOW(4)), 0x35);
}

static void test_foreign_pins(void **state)
{
	(void)state;
	make_and_take();
	program(&cell, 5, PHYSICAL(2), 0x55);
	assert_int_equal(in_chip(0, 5), ENTRY_MASKED);
	assert_int_equal(read_reg(&cell, 0, HIGH(5)), 0);
}

static void test_reset(void **state)
{
	(void)state;
	make_and_take();
	program(&cell, 4, PHYSICAL(3), 0x55);
	ioapic_reset(&cell);
	assert_int_equal(in_chip(0, 4), ENTRY_MASKED);
	assert_int_equal(read_reg(&cell, 0, LOW(4)), ENTRY_MASKED);
	assert_int_equal(read_reg(&cell, 0, HIGH(4)), 0);
}

static void test_destinations(void **state)
{
	(void)state;
	make_and_take();
	for (u32 dest = 0; dest < 256; dest++) {
		bool ours = dest == APIC_ID_OF(2) || dest == APIC_ID_OF(3);

		assert_true(write_reg(&cell, 0, LOW(4), ENTRY_MASKED));
		assert_true(write_reg(&cell, 0, HIGH(4), dest << 24)); /* masked: anything */
		assert_int_equal(write_reg(&cell, 0, LOW(4), 0x40), ours);
		assert_true(write_reg(&cell, 0, LOW(4), ENTRY_MASKED));
		ours = dest && !(dest & ~0xcU);
		assert_int_equal(write_reg(&cell, 0, LOW(4), 0x40 | (u32)ENTRY_LOGICAL), ours);
		assert_true(write_reg(&cell, 0, LOW(4), ENTRY_MASKED));
	}
	/* A change of the destination while unmasked. */
	program(&cell, 4, PHYSICAL(2), 0x40);
	assert_true(write_reg(&cell, 0, HIGH(4), PHYSICAL(3)));
	assert_false(write_reg(&cell, 0, HIGH(4), PHYSICAL(1)));
	assert_int_equal(in_chip(0, 4), 0x40 | (u64)PHYSICAL(3) << 32);
	x2apic = true;
	assert_false(write_reg(&cell, 0, LOW(4), 0x40 | (u32)ENTRY_LOGICAL));
}

static void test_delivery_modes(void **state)
{
	(void)state;
	make_and_take();
	for (u32 mode = 0; mode < 8; mode++) {
		program(&cell, 4, PHYSICAL(2), ENTRY_MASKED | mode << 8);
		assert_int_equal(write_reg(&cell, 0, LOW(4), 0x40 | mode << 8), mode < 2);
	}
}

/* Bits that would name an entry of the interrupt remapping table never reach the chip. */
static void test_reserved_bits(void **state)
{
	(void)state;
	make_and_take();
	program(&cell, 4, PHYSICAL(2) | 0x00ffffff, 0xfffe0040);
	assert_int_equal(in_chip(0, 4), 0x40 | (u64)PHYSICAL(2) << 32);
	assert_int_equal(read_reg(&cell, 0, HIGH(4)), PHYSICAL(2));
	assert_int_equal(read_reg(&cell, 0, LOW(4)), 0x40);
}

/* Where an IOMMU remaps interrupts, the chip is given what that takes; the cell sees what it wrote. */
static void test_remapped(void **state)
{
	(void)state;
	make_and_take();
	remaps = true;
	program(&root_cell, 1, PHYSICAL(0), 0x31);
	program(&cell, 4, PHYSICAL(2), 0x40);
	assert_int_equal(in_chip(0, 1), 0x31 | (u64)PHYSICAL(0) << 32);
	assert_int_equal(in_chip(0, 4), 0x40 | ENTRY_REMAPPED | 4UL << 49);
	assert_int_equal(read_reg(&cell, 0, HIGH(4)), PHYSICAL(2));
	assert_int_equal(read_reg(&cell, 0, LOW(4)), 0x40);
	assert_false(write_reg(&cell, 0, HIGH(4), PHYSICAL(0)));
	program(&cell, 4, PHYSICAL(2), 0x40 | (u32)ENTRY_MASKED);
	assert_int_equal(in_chip(0, 4), 0x40 | ENTRY_MASKED | (u64)PHYSICAL(2) << 32);
}

static void test_root_is_narrowed(void **state)
{
	(void)state;
	program(&root_cell, 1, 0xffU << 24, 0x31 | (u32)ENTRY_LOGICAL);
	program(&root_cell, 2, 0x4U << 24, 0x32 | (u32)ENTRY_LOGICAL);
	program(&root_cell, 3, PHYSICAL(3), 0x33);
	program(&root_cell, 5, PHYSICAL(1), 0x35 | 2 << 8); /* SMI */
	program(&root_cell, 6, 0x00010000 | 7 << 24, 0x36); /* remappable format */
	program(&root_cell, 7, PHYSICAL(0), 0x37 | 7 << 8); /* ExtINT */
	assert_int_equal(in_chip(0, 1) >> 56, 0xf);
	assert_int_equal(in_chip(0, 2) & ENTRY_MASKED, 0);
	assert_int_equal(in_chip(0, 5) & ENTRY_MASKED, ENTRY_MASKED);
	make_and_take();
	assert_int_equal(in_chip(0, 1) >> 56, 0x3);
	assert_int_equal(in_chip(0, 2) & ENTRY_MASKED, ENTRY_MASKED);
	assert_int_equal(in_chip(0, 3) & ENTRY_MASKED, ENTRY_MASKED);
	assert_int_equal(in_chip(0, 6), 0x36 | (u64)0x07010000 << 32);
	assert_int_equal(in_chip(0, 7), 0x737 | (u64)PHYSICAL(0) << 32);
	assert_int_equal(read_reg(&root_cell, 0, HIGH(1)), 0xffU << 24);
	give();
	assert_int_equal(in_chip(0, 1) >> 56, 0xf);
	assert_int_equal(in_chip(0, 3), 0x33 | (u64)PHYSICAL(3) << 32);
}

/* Moves write only what changes: other pins may be in service. */
static void test_moves_leave_others_alone(void **state)
{
	static const struct cell_irqchip wanted = { CHIP(1), 0, 0, { 1 } };

	(void)state;
	assert_int_equal(make(&wanted, 1), 0);
	hardware[0].writes = hardware[1].writes = 0;
	take();
	assert_int_equal(hardware[0].writes, 0);
	assert_int_equal(hardware[1].writes, 2);
	assert_int_equal(hardware[0].registers[LOW(9)] & REMOTE_IRR, REMOTE_IRR);
}

static void test_status_is_read_from_the_chip(void **state)
{
	(void)state;
	make_and_take();
	program(&cell, 9, PHYSICAL(2), 0x49 | LEVEL);
	hardware[0].registers[LOW(9)] |= REMOTE_IRR;
	assert_int_equal(read_reg(&cell, 0, LOW(9)), 0x49 | LEVEL | REMOTE_IRR);
	program(&cell, 9, PHYSICAL(2), 0x49 | LEVEL | REMOTE_IRR | ENTRY_MASKED);
	assert_int_equal(cell.arch.ioapics[0].chip->cell_entries[9] & ENTRY_STATUS, 0);
}

static void test_other_registers(void **state)
{
	static const u64 bad_offsets[] = { 0x04, 0x08, 0x11, 0x20, 0x30, 0x3c, 0x44, 0xffc };
	u64 value = 0;

	(void)state;
	make_and_take();
	hardware[0].registers[0] = 0x0f000000;
	assert_int_equal(read_reg(&cell, 0, 0), 0x0f000000);
	assert_int_equal(read_reg(&cell, 0, REG_VERSION), (PINS - 1) << 16 | 0x20);
	assert_true(write_reg(&cell, 0, 0, 0x01000000));
	assert_int_equal(hardware[0].registers[0], 0x0f000000);
	assert_true(page_access(&cell, 0, OFFSET_INDEX, false, &value));
	assert_int_equal(value, 0);
	assert_false(write_reg(&cell, 0, REG_ENTRY(PINS), 0));
	assert_false(page_access(&cell, 0, OFFSET_DATA, false, &value));
	for (unsigned int i = 0; i < ARRAY_SIZE(bad_offsets); i++) {
		assert_false(page_access(&cell, 0, bad_offsets[i], false, &value));
		assert_false(page_access(&cell, 0, bad_offsets[i], true, &value));
	}
}

static void test_widths(void **state)
{
	(void)state;
	make_and_take();
	for (unsigned int size = 1; size <= 8; size *= 2) {
		struct mmio_access a = { .address = CHIP(0), .size = size };

		assert_int_equal(handle_page(&cpus[2], &window_of[1][0], &a), size == 4);
	}
}

static void test_eoi(void **state)
{
	static const struct cell_irqchip none = { CHIP(1), 0, 0, { 0 } };
	u64 value = 0x49;

	(void)state;
	assert_int_equal(make(&none, 1), 0);
	take();
	assert_false(page_access(&cell, 1, OFFSET_EOI, true, &value));
	assert_false(page_access(&root_cell, 1, OFFSET_EOI, false, &value));
	assert_true(page_access(&root_cell, 1, OFFSET_EOI, true, &value));
	assert_int_equal(hardware[1].eois, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, boot, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_refused),
		TEST(test_too_many_pins),
		TEST(test_entries_add_up),
		TEST(test_take_masks),
		TEST(test_root_gets_back_what_it_wrote),
		TEST(test_foreign_pins),
		TEST(test_reset),
		TEST(test_destinations),
		TEST(test_delivery_modes),
		TEST(test_reserved_bits),
		TEST(test_remapped),
		TEST(test_root_is_narrowed),
		TEST(test_moves_leave_others_alone),
		TEST(test_status_is_read_from_the_chip),
		TEST(test_other_registers),
		TEST(test_widths),
		TEST(test_eoi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
