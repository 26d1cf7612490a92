/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Test of what a cell's device reaches: TAP on the console; then it waits to be shut down, or the state is "failed".
 *
 * With edu= (bus, device and function of QEMU's "edu") the device copies memory of the cell, and then tries to write to
 * and to read from root=, hypervisor= and guard=: addresses in memory of others, where words are canary=. Without it
 * the cell is such an other: it fills a page with the canary, looks at it all the time, and beats while it is whole.
 */
#include "inmate/inmate.h"

#define BUFFER 0x300000UL /* of two pages, in the cell's second region */
#define BYTES 2048	  /* QEMU's device fears the end of its own page */
#define WORDS (BYTES / sizeof(u32))
#define CANARY 0xca9a4e11U
#define PATIENCE_MS 20000

#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define PCI_COMMAND 0x04
#define PCI_COMMAND_MASTER 0x406
#define PCI_BAR0 0x10

/* QEMU's docs/specs/edu.txt */
#define EDU_SOURCE (0x80 / 4)
#define EDU_TARGET (0x88 / 4)
#define EDU_COUNT (0x90 / 4)
#define EDU_START (0x98 / 4)
#define EDU_RUNS 1
#define EDU_TO_MEMORY 2
#define EDU_BUFFER 0x40000

static volatile u32 *edu;
static unsigned int number;
static bool failed;

static void result(bool ok, const char *name, const char *more)
{
	failed |= !ok;
	printk("%s %u - %s%s\n", ok ? "ok" : "not ok", ++number, name, more);
}

static void fill(volatile u32 *page, u32 word)
{
	for (size_t i = 0; i < WORDS; i++)
		page[i] = word + (u32)i;
}

static bool is_filled(const volatile u32 *page, u32 word)
{
	for (size_t i = 0; i < WORDS; i++)
		if (page[i] != word + (u32)i)
			return false;
	return true;
}

/* False if the device does not end. */
static bool move(u32 source, u32 target, u32 direction)
{
	edu[EDU_SOURCE] = source;
	edu[EDU_TARGET] = target;
	edu[EDU_COUNT] = BYTES;
	edu[EDU_START] = EDU_RUNS | direction;
	for (int i = 0; i < PATIENCE_MS; i++) {
		if (!(edu[EDU_START] & EDU_RUNS))
			return true;
		delay_us(1000);
	}
	return false;
}

static bool load(u64 address)
{
	return move((u32)address, EDU_BUFFER, 0);
}

static bool store(u64 address)
{
	return move(EDU_BUFFER, (u32)address, EDU_TO_MEMORY);
}

static void pci_select(u32 bdf, u32 reg)
{
	outl(PCI_ADDRESS, 0x80000000U | bdf << 8 | reg);
}

static void find_device(u32 bdf)
{
	u32 bar;

	pci_select(bdf, PCI_BAR0);
	bar = inl(PCI_DATA) & ~0xfU;
	pci_select(bdf, PCI_COMMAND);
	outl(PCI_DATA, PCI_COMMAND_MASTER);
	edu = paging_map(bar, PAGE_BYTES, PAGING_WRITE | PAGING_UNCACHED);
}

static void test_own(volatile u32 *from, volatile u32 *to)
{
	fill(from, 0x1000);
	result(load((u64)from) && store((u64)to), "the device ends a copy", "");
	result(is_filled(to, 0x1000), "it has copied memory of the cell", "");
}

static void test_foreign(const char *name, volatile u32 *evil, volatile u32 *to)
{
	u32 address = (u32)cmdline_int(name, 0);

	fill(evil, 0xbad00000);
	result(load((u64)evil) && store(address), "the device ends a write to memory of ", name);
	fill(to, 0x2000);
	result(load(address) && store((u64)to), "the device ends a read of memory of ", name);
	result(!is_filled(to, CANARY), "it has read nothing there: ", name);
}

static void test_device(u32 bdf)
{
	volatile u32 *from = paging_map(BUFFER, 2 * PAGE_BYTES, PAGING_WRITE), *to = from + PAGE_BYTES / sizeof(*to);

	printk("TAP version 13\n");
	find_device(bdf);
	test_own(from, to);
	test_foreign("root", from, to);
	test_foreign("hypervisor", from, to);
	test_foreign("guard", from, to);
	test_own(from, to);
	printk("1..%u\n", number);
	if (failed)
		cell_stop(CELL_STATE_FAILED);
}

static void look(const volatile u32 *page)
{
	if (is_filled(page, CANARY))
		heartbeat_beat();
	else
		cell_stop(CELL_STATE_FAILED);
}

void inmate_run(void)
{
	s64 bdf = cmdline_int("edu", -1);
	volatile u32 *page = paging_map(BUFFER, PAGE_BYTES, PAGING_WRITE);

	heartbeat_init(0);
	if (bdf >= 0)
		test_device((u32)bdf);
	fill(page, CANARY);
	for (;;) {
		u32 message = cell_take_message();

		if (message == CELL_MSG_SHUTDOWN_REQUEST)
			cell_approve_shutdown();
		if (message)
			cell_reply(CELL_REPLY_UNKNOWN);
		look(page);
		delay_us(1000);
	}
}
