/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Test of an ivshmem device as a cell sees it: TAP on the console; then it waits to be shut down, or the state is
 * "failed". Command line: violate= what to do in the end that must park the CPU.
 */
#include "inmate/inmate.h"

#define VECTOR 0x45 /* and the next one */
#define BARS 0xe0000000U
#define PATIENCE_MS 2000
#define SETTLE_US 20000
#define REG_COMMAND 4

static struct ivshmem device;
static volatile u32 interrupts[2];
static unsigned int number;
static bool failed;

static void result(bool ok, const char *name)
{
	failed |= !ok;
	printk("%s %u - %s\n", ok ? "ok" : "not ok", ++number, name);
}

static void interrupt_0(void)
{
	interrupts[0]++;
}

static void interrupt_1(void)
{
	interrupts[1]++;
}

/* Rings the own bell; how often did it interrupt? */
static u32 rung(u32 vector, u32 wanted)
{
	u32 before = interrupts[vector];

	ivshmem_ring(&device, device.id, vector);
	for (int i = 0; i < PATIENCE_MS && interrupts[vector] - before < wanted; i++)
		delay_us(1000);
	if (!wanted)
		delay_us(SETTLE_US);
	return interrupts[vector] - before;
}

static void test_config_space(void)
{
	volatile u32 *space =
		paging_map(cell_comm()->mmconfig_base + (device.bdf << 12), PAGE_BYTES, PAGING_WRITE | PAGING_UNCACHED);

	result(pci_read(device.bdf, 0) == 0x4106110a && space[0] == 0x4106110a, "the device, by ports and by memory");
	result(space[0x80 / 4] == ~0U && space[0xffc / 4] == ~0U, "nothing behind its registers");
	result(pci_read(device.bdf, REG_COMMAND) == 0x00100006, "command and status");
	pci_write(device.bdf, 0x18, ~0U);
	result(!pci_read(device.bdf, 0x18), "there is no third BAR");
	result(device.vectors == 2, "two vectors");
}

static void test_registers(void)
{
	result(device.id && device.id < device.peers, "own number is below that of peers");
	result(device.states[device.id] == 0, "the state begins as 0");
	ivshmem_set_state(&device, 0x1234);
	result(device.states[device.id] == 0x1234 && device.regs[IVSHMEM_STATE / 4] == 0x1234,
	       "states are in the table");
	result(!device.regs[IVSHMEM_DOORBELL / 4] && !device.regs[0xff0 / 4], "what is no register reads as 0");
	result(device.msix[3] == 1 && device.msix[7] == 1 && !device.msix[IVSHMEM_MSIX_PENDING / 4],
	       "vectors begin masked, and none is pending");
}

static void test_interrupts(void)
{
	irq_handler_set(VECTOR, interrupt_0);
	irq_handler_set(VECTOR + 1, interrupt_1);
	ivshmem_irq(&device, 0, VECTOR);
	ivshmem_irq(&device, 1, VECTOR + 1);
	result(rung(0, 1) == 1 && rung(1, 1) == 1, "a doorbell rings");
	result(rung(0, 1) == 1 && interrupts[0] == 2, "each time");
	device.msix[3] = 1;
	result(rung(0, 0) == 0, "but not if it is masked");
	device.msix[3] = 0;
	result(interrupts[0] == 2, "and what is lost is lost");
	ivshmem_ring(&device, device.id, 2);
	ivshmem_ring(&device, 12, 0);
	ivshmem_ring(&device, 0xffff, 0);
	result(rung(1, 1) == 1, "one that is not there has no effect");
}

static void test_one_shot(void)
{
	ivshmem_one_shot(&device, true);
	result(rung(1, 1) == 1 && !device.regs[IVSHMEM_INTERRUPT / 4], "one shot");
	result(rung(1, 0) == 0, "and no more");
	ivshmem_enable(&device, true);
	result(rung(1, 1) == 1, "until it is loaded again");
	ivshmem_one_shot(&device, false);
	ivshmem_enable(&device, true);
}

static void test_memory(void)
{
	volatile u32 *own = (volatile u32 *)ivshmem_output(&device, device.id), *rw = (volatile u32 *)device.rw;

	own[4] = 0xcafe;
	*rw = 0xbeef;
	result(own[4] == 0xcafe && *rw == 0xbeef, "own memory can be written, and what is everybody's");
}

/* --- what must not be done --- */

static void do_misaligned(void)
{
	*(volatile u32 *)((u64)device.regs + 2) = 0;
}

static void do_narrow(void)
{
	*(volatile u16 *)device.regs = 0;
}

static void do_vector(void)
{
	device.msix[2 * 4] = 0;
}

static void do_pending(void)
{
	device.msix[IVSHMEM_MSIX_PENDING / 4] = 0;
}

static void do_foreign(void)
{
	device.msix[0] = 0xfee00000; /* CPU 0 is root's */
}

static void do_config(void)
{
	pci_write(device.bdf, 0x80, 0);
}

static void do_state(void)
{
	*(volatile u32 *)device.states = 0;
}

static void do_section(void)
{
	*(volatile u32 *)ivshmem_output(&device, 0) = 0;
}

static const struct {
	const char *name;
	void (*commit)(void);
} violations[] = {
	{ "misaligned", do_misaligned }, { "narrow", do_narrow }, { "vector", do_vector }, { "pending", do_pending },
	{ "foreign", do_foreign },	 { "config", do_config }, { "state", do_state },   { "section", do_section },
};

static void violate(void)
{
	char violation[16] = "";

	cmdline_string("violate", violation, sizeof(violation));
	for (size_t i = 0; i < ARRAY_SIZE(violations); i++) {
		if (!strcmp(violation, violations[i].name)) {
			violations[i].commit();
			printk("not ok - still running\n");
		}
	}
}

void inmate_run(void)
{
	printk("TAP version 13\n");
	result(ivshmem_open(&device, 0, BARS), "there is an ivshmem device");
	interrupts_enable();
	if (!failed) {
		test_config_space();
		test_registers();
		test_interrupts();
		test_one_shot();
		test_memory();
	}
	printk("1..%u\n", number);
	if (failed)
		cell_stop(CELL_STATE_FAILED);
	violate();
	for (;;) {
		u32 message = cell_take_message();

		if (message == CELL_MSG_SHUTDOWN_REQUEST)
			cell_approve_shutdown();
		if (message != CELL_MSG_NONE)
			cell_reply(message == CELL_MSG_RECONFIGURED ? CELL_REPLY_RECEIVED : CELL_REPLY_UNKNOWN);
		cpu_relax();
	}
}
