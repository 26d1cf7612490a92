/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Consoles: 8250 at ports or in memory, and the hypervisor's console by hypercall.
 */
#include "inmate/asm.h"
#include "inmate/cell.h"
#include "inmate/cmdline.h"
#include "inmate/console.h"
#include "inmate/hypercall.h"
#include "inmate/paging.h"
#include "inmate/string.h"
#include "inmate/timing.h"

/* Registers of the 8250 family (National Semiconductor PC16550D data sheet, table II). */
#define UART_RBR 0
#define UART_THR 0
#define UART_DLL 0
#define UART_DLM 1
#define UART_LCR 3
#define UART_LCR_8N1 0x03
#define UART_LCR_DLAB 0x80
#define UART_LSR 5
#define UART_LSR_DATA_READY 0x01
#define UART_LSR_THR_EMPTY 0x20
#define UART_MDR1 8 /* of TI UARTs: 0 is 16x mode */

/* More than a byte takes at 1200 baud. */
#define UART_PATIENCE_NS 20000000

static struct {
	bool present;
	bool mmio;
	bool wide;  /* registers 4 bytes apart, 32-bit accesses; memory only */
	bool stuck; /* did not send in time: do not wait for it again until it is ready */
	u64 base;
} uart;

static bool virtual_console;

static u8 uart_read(unsigned int reg)
{
	if (!uart.mmio)
		return inb((u16)(uart.base + reg));
	if (uart.wide)
		return (u8) * (volatile u32 *)(uart.base + 4 * reg);
	return *(volatile u8 *)(uart.base + reg);
}

static void uart_write(unsigned int reg, u8 value)
{
	if (!uart.mmio)
		outb((u16)(uart.base + reg), value);
	else if (uart.wide)
		*(volatile u32 *)(uart.base + 4 * reg) = value;
	else
		*(volatile u8 *)(uart.base + reg) = value;
}

static bool uart_ready(void)
{
	return uart_read(UART_LSR) & UART_LSR_THR_EMPTY;
}

static void uart_put(char c)
{
	u64 start = tsc_read();
	bool ready = uart_ready();

	while (!ready && !uart.stuck) {
		cpu_relax();
		ready = uart_ready();
		uart.stuck = tsc_to_ns(tsc_read() - start) > UART_PATIENCE_NS;
	}
	if (ready) {
		uart.stuck = false;
		uart_write(UART_THR, (u8)c);
	}
}

static void uart_init(const struct cell_console *desc)
{
	char type[8] = "";
	u32 divider = (u32)cmdline_int("con-divider", desc->divider);

	uart.present = desc->type == CELL_CONSOLE_8250;
	if (cmdline_string("con-type", type, sizeof(type)))
		uart.present = !strcmp(type, "8250");
	if (!uart.present)
		return;

	uart.base = (u64)cmdline_int("con-base", (s64)desc->address);
	uart.mmio = cmdline_bool("con-is-mmio", desc->flags & CELL_CONSOLE_MMIO);
	uart.wide = !cmdline_bool("con-regdist-1", !(desc->flags & CELL_CONSOLE_REGDIST_4));
	if (uart.mmio)
		paging_map(uart.base, PAGE_BYTES, PAGING_WRITE | PAGING_UNCACHED);

	if (divider) {
		uart_write(UART_LCR, UART_LCR_DLAB);
		uart_write(UART_DLL, (u8)divider);
		uart_write(UART_DLM, 0);
		uart_write(UART_LCR, UART_LCR_8N1);
		if (desc->flags & CELL_CONSOLE_MDR_QUIRK)
			uart_write(UART_MDR1, 0);
	}
}

void console_init(void)
{
	const struct cell_comm *comm = cell_comm();

	uart_init(&comm->console);
	virtual_console = (comm->flags & CELL_COMM_CONSOLE_PERMITTED) &&
			  cmdline_bool("con-virtual", comm->flags & CELL_COMM_CONSOLE_ACTIVE);
}

void console_write(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		if (uart.present) {
			if (text[i] == '\n')
				uart_put('\r');
			uart_put(text[i]);
		}
		if (virtual_console)
			hypercall(CELL_HC_PUTC, (u8)text[i], 0);
	}
}

int console_read_byte(void)
{
	u8 status;

	if (!uart.present)
		return -1;
	status = uart_read(UART_LSR);
	/* All ones: there is no UART. */
	if (status == 0xff || !(status & UART_LSR_DATA_READY))
		return -1;
	return uart_read(UART_RBR);
}
