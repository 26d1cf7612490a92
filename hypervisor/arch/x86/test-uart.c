// SPDX-License-Identifier: GPL-2.0-only
/*
 * The debug console: what is set up on a UART, and how a character gets out.
 *
 * uart.c is part of this file, with ports that are recorded instead of used.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#define port_read8 native_port_read8
#define port_write8 native_port_write8
#include "asm.h"
#undef port_read8
#undef port_write8
#include <hv/types.h>

static u8 port_read8(u16 port);
static void port_write8(u16 port, u8 value);

#include "uart.c"

#define BASE 0x2f8

static struct {
	u16 port;
	u8 value;
} written[16];
static unsigned int writes, polls, busy_polls;

static u8 port_read8(u16 port)
{
	assert_int_equal(port, BASE + 5);
	return polls++ < busy_polls ? 0x40 : 0x60;
}

static void port_write8(u16 port, u8 value)
{
	assert_true(writes < ARRAY_SIZE(written));
	written[writes].port = port;
	written[writes++].value = value;
}

static int setup(void **state)
{
	(void)state;
	uart_port = 0;
	writes = polls = busy_polls = 0;
	return 0;
}

static void begin(u16 type, u16 flags, u32 divider)
{
	const struct cell_console console = { .address = BASE, .type = type, .flags = flags, .divider = divider };

	arch_init_console(&console);
}

static void assert_written(unsigned int i, u16 port, u8 value)
{
	assert_int_equal(written[i].port, port);
	assert_int_equal(written[i].value, value);
}

static void test_divider(void **state)
{
	(void)state;
	begin(2, 0, 0x20c);
	assert_int_equal(writes, 4);
	assert_written(0, BASE + 3, 0x80);
	assert_written(1, BASE, 0x0c);
	assert_written(2, BASE + 1, 0x02);
	assert_written(3, BASE + 3, 0x03);
	arch_console_putc('x');
	assert_written(4, BASE, 'x');
	assert_int_equal(writes, 5);
}

static void test_no_divider(void **state)
{
	(void)state;
	begin(2, 0, 0);
	assert_int_equal(writes, 0);
	arch_console_putc('x');
	assert_written(0, BASE, 'x');
}

static void test_none(void **state)
{
	(void)state;
	begin(0, 0, 1);
	begin(3, 0, 1);
	begin(2, CELL_CONSOLE_MMIO, 1); /* not ours */
	arch_console_putc('x');
	assert_int_equal(writes, 0);
}

static void test_busy(void **state)
{
	(void)state;
	begin(2, 0, 0);
	busy_polls = 7;
	arch_console_putc('x');
	assert_int_equal(polls, 8);
	busy_polls = ~0U; /* for ever: lose a character, but not the machine */
	arch_console_putc('y');
	assert_int_equal(writes, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_divider, setup),
		cmocka_unit_test_setup(test_no_divider, setup),
		cmocka_unit_test_setup(test_none, setup),
		cmocka_unit_test_setup(test_busy, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
