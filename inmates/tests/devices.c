/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Test of what a cell may do with devices: TAP on the console; then it waits to be shut down, or the state is "failed".
 *
 * The cell has: timer 2 of the HPET as a sub-page region of 32-bit registers, COM3 and pin 4 of the IOAPIC, QEMU's
 * "edu" device with its BAR where the hardware has it and pin 20, to which its INTA is wired, a device with an MSI-X
 * table, and one behind a bridge that is root's. Command line: edu=, nic=, far= bus, device and function of the last
 * three; violate= what to do in the end that must park the CPU.
 */
#include "inmate/inmate.h"

#define VECTOR_UART 0x45
#define VECTOR_EDU 0x46
#define VECTOR_NIC 0x47
#define VECTOR_LINE 0x48
#define PATIENCE_MS 2000

#define HPET_TIMER 0xfed00140UL
#define HPET_BYTES 0x20

#define IOAPIC 0xfec00000UL
#define IOAPIC_DATA 0x10
#define ENTRY(pin) (0x10 + 2 * (pin))
#define MASKED 0x10000
#define LEVEL_LOW (1 << 15 | 1 << 13) /* as PCI has its lines */
#define UART_PIN 4
#define EDU_PIN 20
#define FOREIGN_PIN 5

#define UART 0x3e8
#define UART_IER 1
#define UART_IIR 2
#define UART_MCR 4
#define UART_IER_EMPTY 2
#define UART_MCR_OUT2 8

#define EDU_ID 0x11e81234
#define EDU_LIVE 0x04
#define EDU_RAISE 0x60
#define EDU_ACKNOWLEDGE 0x64
#define VIRTIO_VENDOR 0x1af4
#define CAP_MSI 0x05
#define CAP_MSIX 0x11
/* 82574 datasheet, chapter 10: interrupt cause, cause set, mask set, vector allocation; the cause is receive queue 0.
 */
#define NIC_ICR 0xc0
#define NIC_ICS 0xc8
#define NIC_IMS 0xd0
#define NIC_IVAR 0xe4
#define NIC_IVAR_RX0(vector) (8 | (vector))
#define NIC_CAUSE_RX0 (1 << 20)
#define NIC_VECTOR 1
#define MSI_ADDRESS(apic_id) (0xfee00000U | (apic_id) << 12)

static volatile u32 uart_interrupts, edu_interrupts, line_interrupts, nic_interrupts;
static volatile u32 *edu;
static u32 edu_bdf, nic_bdf, far_bdf;
static unsigned int number;
static bool failed;

static void result(bool ok, const char *name)
{
	failed |= !ok;
	printk("%s %u - %s\n", ok ? "ok" : "not ok", ++number, name);
}

static bool reached(volatile u32 *counter, u32 wanted)
{
	for (int i = 0; i < PATIENCE_MS && *counter < wanted; i++)
		delay_us(1000);
	return *counter >= wanted;
}

static volatile void *map(u64 address, u64 bytes)
{
	return paging_map(address, bytes, PAGING_WRITE | PAGING_UNCACHED);
}

/* --- a region smaller than a page --- */

static void test_subpage(void)
{
	volatile u32 *timer = map(HPET_TIMER, HPET_BYTES);
	volatile u32 *comparator = timer + 2;

	result(timer[1] != 0 && timer[1] != ~0U, "timer 2 of the HPET says where it can interrupt");
	*comparator = 0x12345678;
	result(*comparator == 0x12345678, "its comparator holds what was written");
}

/* --- IOAPIC --- */

static u32 ioapic_read(u32 reg)
{
	volatile u32 *page = (volatile u32 *)IOAPIC;

	page[0] = reg;
	return page[IOAPIC_DATA / 4];
}

static void ioapic_write(u32 reg, u32 value)
{
	volatile u32 *page = (volatile u32 *)IOAPIC;

	page[0] = reg;
	page[IOAPIC_DATA / 4] = value;
}

static void uart_interrupt(void)
{
	inb(UART + UART_IIR); /* acknowledges "empty" */
	uart_interrupts++;
}

/* The transmitter is empty, so asking for that interrupt raises it. */
static void uart_raise(void)
{
	outb(UART + UART_IER, 0);
	outb(UART + UART_MCR, UART_MCR_OUT2);
	outb(UART + UART_IER, UART_IER_EMPTY);
	delay_us(10000);
	outb(UART + UART_IER, 0);
}

static void test_ioapic(void)
{
	map(IOAPIC, PAGE_BYTES);
	irq_handler_set(VECTOR_UART, uart_interrupt);
	result(ioapic_read(1) >> 16 == 23, "the IOAPIC has 24 pins");
	result(ioapic_read(ENTRY(UART_PIN)) == MASKED, "the pin starts masked");
	result(ioapic_read(ENTRY(FOREIGN_PIN)) == 0, "a foreign pin reads as 0");
	ioapic_write(ENTRY(FOREIGN_PIN), 0x55);
	result(ioapic_read(ENTRY(FOREIGN_PIN)) == 0, "and is not written");

	uart_raise();
	result(!uart_interrupts, "a masked pin is silent");
	ioapic_write(ENTRY(UART_PIN) + 1, apic_id() << 24);
	ioapic_write(ENTRY(UART_PIN), VECTOR_UART);
	uart_raise();
	result(reached(&uart_interrupts, 1), "the UART interrupts");
	ioapic_write(ENTRY(UART_PIN), MASKED | VECTOR_UART);
	uart_interrupts = 0;
	uart_raise();
	result(!uart_interrupts, "until its pin is masked");
}

/* --- PCI --- */

static volatile u32 *by_memory(u32 bdf)
{
	return map(cell_comm()->mmconfig_base + (bdf << 12), PAGE_BYTES);
}

static void test_config_space(void)
{
	u32 bar = pci_read(edu_bdf, 0x10);

	result(pci_read(edu_bdf, 0) == EDU_ID, "the device is there");
	result(by_memory(edu_bdf)[0] == EDU_ID, "by memory, too");
	result(pci_read(0, 0) == ~0U && by_memory(0)[0] == ~0U, "a foreign device is not");
	result((pci_read(edu_bdf, 4) & 0xffff) == 0x400, "it is reset");
	pci_write(edu_bdf, 0x10, ~0U);
	result(pci_read(edu_bdf, 0x10) == 0xfff00000, "its BAR tells its size");
	pci_write(edu_bdf, 0x10, bar);
	result(pci_read(edu_bdf, 0x10) == bar, "and takes its value again");
	pci_write(edu_bdf, 4, 0x406);
	edu = map(bar, PAGE_BYTES);
	result(edu && edu[0] == 0x010000ed, "its registers answer");
	edu[EDU_LIVE / 4] = 0x00ff1234;
	result(edu[EDU_LIVE / 4] == ~0x00ff1234U, "and work");
}

static void test_bridge(void)
{
	result((pci_read(far_bdf, 0) & 0xffff) == VIRTIO_VENDOR, "a device behind a bridge is there");
	result(by_memory(far_bdf)[0] == pci_read(far_bdf, 0), "by memory, too");
	pci_write(far_bdf, 4, 0x406);
	result((pci_read(far_bdf, 4) & 0xffff) == 0x406, "its command register is the cell's");
}

static void line_interrupt(void)
{
	edu[EDU_ACKNOWLEDGE / 4] = 1;
	line_interrupts++;
}

/* The line stays up until the device has its acknowledgement, and the pin is silent until the APIC has ended it. */
static void test_line(void)
{
	irq_handler_set(VECTOR_LINE, line_interrupt);
	ioapic_write(ENTRY(EDU_PIN) + 1, apic_id() << 24);
	ioapic_write(ENTRY(EDU_PIN), LEVEL_LOW | VECTOR_LINE);
	edu[EDU_RAISE / 4] = 1;
	delay_us(10000);
	result(!line_interrupts, "INTx is off after a reset");
	edu[EDU_ACKNOWLEDGE / 4] = 1;
	pci_write(edu_bdf, 4, 0x006);
	edu[EDU_RAISE / 4] = 1;
	result(reached(&line_interrupts, 1), "INTx arrives by a level-triggered pin");
	edu[EDU_RAISE / 4] = 1;
	result(reached(&line_interrupts, 2) && line_interrupts == 2, "and again, once each time");
	ioapic_write(ENTRY(EDU_PIN), MASKED | LEVEL_LOW | VECTOR_LINE);
}

static void edu_interrupt(void)
{
	edu[EDU_ACKNOWLEDGE / 4] = 1;
	edu_interrupts++;
}

static void msi_set(u32 address)
{
	u32 cap = pci_find_cap(edu_bdf, CAP_MSI);

	pci_write(edu_bdf, cap + 4, address);
	pci_write(edu_bdf, cap + 8, 0);
	by_memory(edu_bdf)[(cap + 12) / 4] = VECTOR_EDU;
	pci_write(edu_bdf, cap, pci_read(edu_bdf, cap) | 0x10000);
}

static void test_msi(void)
{
	u32 cap = pci_find_cap(edu_bdf, CAP_MSI);

	irq_handler_set(VECTOR_EDU, edu_interrupt);
	result(cap && !(pci_read(edu_bdf, cap) & 0x10000), "the device has MSI, off");
	msi_set(MSI_ADDRESS(apic_id()));
	result(pci_read(edu_bdf, cap + 4) == MSI_ADDRESS(apic_id()), "which holds its message");
	edu[EDU_RAISE / 4] = 1;
	result(reached(&edu_interrupts, 1), "and sends it");
}

static void nic_interrupt(void)
{
	nic_interrupts++;
}

/* Where an MSI-X table is: in a BAR. */
static volatile u32 *msix_table(void)
{
	u32 cap = pci_find_cap(nic_bdf, CAP_MSIX), table = pci_read(nic_bdf, cap + 4);

	return map((pci_read(nic_bdf, 0x10 + (table & 7) * 4) & ~0xfU) + (table & ~7U), PAGE_BYTES);
}

static void msix_set(u32 address, u32 control)
{
	volatile u32 *entry = msix_table() + NIC_VECTOR * 4;

	entry[0] = address;
	entry[1] = 0;
	entry[2] = VECTOR_NIC;
	entry[3] = control;
}

static void nic_raise(volatile u32 *nic)
{
	nic[NIC_IVAR / 4] = NIC_IVAR_RX0(NIC_VECTOR);
	nic[NIC_ICR / 4] = NIC_CAUSE_RX0; /* which may be left from an earlier life */
	nic[NIC_IMS / 4] = NIC_CAUSE_RX0;
	nic[NIC_ICS / 4] = NIC_CAUSE_RX0;
}

static void test_msix(void)
{
	volatile u32 *nic = map(pci_read(nic_bdf, 0x10) & ~0xfU, PAGE_BYTES), *table = msix_table();
	u32 cap = pci_find_cap(nic_bdf, CAP_MSIX);

	irq_handler_set(VECTOR_NIC, nic_interrupt);
	result(table[3] == 1 && table[7] == 1, "entries of an MSI-X table start masked");
	pci_write(nic_bdf, 4, 0x406);
	pci_write(nic_bdf, cap, pci_read(nic_bdf, cap) | 0x80000000U);
	msix_set(MSI_ADDRESS(apic_id()), 0);
	result(table[4] == MSI_ADDRESS(apic_id()) && table[6] == VECTOR_NIC && !table[7], "and hold a message");
	nic_raise(nic);
	result(reached(&nic_interrupts, 1), "which is sent");
}

/* --- what must not be done --- */

static void do_width(void)
{
	*(volatile u16 *)HPET_TIMER = 0;
}

static void do_instruction(void)
{
	__asm__ volatile("addl $1, (%0)" : : "r"(HPET_TIMER) : "memory");
}

static void do_pin(void)
{
	ioapic_write(ENTRY(UART_PIN) + 1, 0);
	ioapic_write(ENTRY(UART_PIN), VECTOR_UART);
}

static void do_config(void)
{
	pci_write(0, 4, 0);
}

static void do_message(void)
{
	msi_set(MSI_ADDRESS(0));
}

static void do_table(void)
{
	msix_set(MSI_ADDRESS(0), 0);
}

static const struct {
	const char *name;
	void (*commit)(void);
} violations[] = {
	{ "width", do_width },	 { "instruction", do_instruction }, { "pin", do_pin },
	{ "config", do_config }, { "message", do_message },	    { "table", do_table },
};

void inmate_run(void)
{
	char violation[16] = "";

	edu_bdf = (u32)cmdline_int("edu", 0);
	nic_bdf = (u32)cmdline_int("nic", 0);
	far_bdf = (u32)cmdline_int("far", 0);
	cmdline_string("violate", violation, sizeof(violation));
	printk("TAP version 13\n");
	interrupts_enable();
	test_subpage();
	test_ioapic();
	test_config_space();
	test_bridge();
	test_line();
	test_msi();
	test_msix();
	printk("1..%u\n", number);
	if (failed)
		cell_stop(CELL_STATE_FAILED);
	for (size_t i = 0; i < ARRAY_SIZE(violations); i++) {
		if (!strcmp(violation, violations[i].name)) {
			violations[i].commit();
			printk("not ok - still running\n");
		}
	}
	for (;;) {
		u32 message = cell_take_message();

		if (message == CELL_MSG_SHUTDOWN_REQUEST)
			cell_approve_shutdown();
		if (message)
			cell_reply(CELL_REPLY_UNKNOWN);
		delay_us(1000);
	}
}
