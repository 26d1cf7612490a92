// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest Linux' side of the virtual console: the terminal hvc0, whose output goes by hypercall. There is no input.
 *
 * Linux' own sources have no such driver: Kconfig beside this file says how it is built.
 */
#include <linux/err.h>
#include <linux/init.h>
#include <asm/jailhouse_para.h>
#include <asm/processor.h>

#include "hvc_console.h"

#define HYPERCALL_DEBUG_CONSOLE_PUTC 8
#define TERMINAL 0
#define OUTPUT_BYTES 64

/* Return: 0, or -EPERM if the cell may not print. NUL prints nothing. */
static int cell_putc(u8 c)
{
	long result = HYPERCALL_DEBUG_CONSOLE_PUTC;

	if (boot_cpu_data.x86_vendor == X86_VENDOR_INTEL)
		asm volatile("vmcall" : "+a"(result) : "D"((long)c) : "memory");
	else
		asm volatile("vmmcall" : "+a"(result) : "D"((long)c) : "memory");
	return (int)result;
}

static bool cell_may_print(void)
{
	return jailhouse_paravirt() && cell_putc(0) == 0;
}

static int cell_put_chars(u32 terminal, const char *text, int count)
{
	for (int i = 0; i < count; i++)
		cell_putc(text[i]);
	return count;
}

static int cell_get_chars(u32 terminal, char *text, int count)
{
	return 0;
}

static const struct hv_ops cell_ops = {
	.get_chars = cell_get_chars,
	.put_chars = cell_put_chars,
};

static int __init cell_console_init(void)
{
	return cell_may_print() ? hvc_instantiate(TERMINAL, 0, &cell_ops) : 0;
}
console_initcall(cell_console_init);

static int __init cell_terminal_init(void)
{
	return cell_may_print() ? PTR_ERR_OR_ZERO(hvc_alloc(TERMINAL, 0, &cell_ops, OUTPUT_BYTES)) : 0;
}
device_initcall(cell_terminal_init);
