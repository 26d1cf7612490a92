/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Formatted output to the console, one call at a time.
 */
#include "inmate/asm.h"
#include "inmate/console.h"
#include "inmate/format.h"
#include "inmate/printk.h"

/* Patience with another CPU, or with an interrupted call on this one: then texts may mix, but nothing hangs. */
#define LOCK_SPINS 10000000

static bool locked;

static bool lock(void)
{
	for (int i = 0; i < LOCK_SPINS; i++) {
		if (!__atomic_exchange_n(&locked, true, __ATOMIC_ACQUIRE))
			return true;
		cpu_relax();
	}
	return false;
}

void printk(const char *fmt, ...)
{
	char text[256];
	va_list args;
	size_t length;
	bool owner;

	va_start(args, fmt);
	length = format_va(text, sizeof(text), fmt, args);
	va_end(args);
	if (length >= sizeof(text))
		length = sizeof(text) - 1;

	owner = lock();
	console_write(text, length);
	if (owner)
		__atomic_store_n(&locked, false, __ATOMIC_RELEASE);
}
