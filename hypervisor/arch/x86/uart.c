// SPDX-License-Identifier: GPL-2.0-only
/* Debug console on an 8250 UART, at ports or in memory (abi: console descriptor). */
#include <hv/arch.h>
#include "asm.h"
#include "host.h"

#define UART_TX 0
#define UART_DLL 0
#define UART_DLM 1
#define UART_LCR 3
#define UART_LSR 5
#define LCR_DLAB 0x80
#define LCR_8N1 0x03
#define LSR_THRE 0x20
#define THRE_POLLS 100000 /* then the character is lost, not the machine */

static u16 uart_port;

void arch_init_console(const struct cell_console *console)
{
	if (console->type != CELL_CONSOLE_8250 || console->flags & CELL_CONSOLE_MMIO)
		return;
	uart_port = console->address;
	if (!console->divider)
		return;
	port_write8(uart_port + UART_LCR, LCR_DLAB);
	port_write8(uart_port + UART_DLL, console->divider & 0xff);
	port_write8(uart_port + UART_DLM, console->divider >> 8 & 0xff);
	port_write8(uart_port + UART_LCR, LCR_8N1);
}

void arch_console_putc(char c)
{
	if (!uart_port)
		return;
	for (unsigned int i = 0; i < THRE_POLLS && !(port_read8(uart_port + UART_LSR) & LSR_THRE); i++)
		cpu_relax();
	port_write8(uart_port + UART_TX, c);
}
