/* SPDX-License-Identifier: GPL-2.0-only */
/* Debug console: formatted output to the UART of the board and to the ring that root may read. */
#ifndef HV_PRINT_H
#define HV_PRINT_H

#include <stdarg.h>
#include <console-page.h>
#include <hv/types.h>

/**
 * print() - write a line or part of one
 * @fmt: %s %c %d %u %x %lx %lu %llx %llu %%; numbers with width and zero padding
 *
 * Context: any; takes the console lock.
 */
void print(const char *fmt, ...) PRINTF_LIKE(1, 2);

/** format() - the same into a buffer, always terminated; returns the length that was written */
size_t format(char *buf, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);
size_t vformat(char *buf, size_t size, const char *fmt, va_list ap);

/**
 * print_char() - one character of a cell's console output; NUL is nothing
 * @page: the cell's own console, where it goes, too; or NULL
 * @c: the character
 *
 * Context: any; takes the console lock.
 */
void print_char(struct cell_console_page *page, char c);

/** panic() - our own state is broken: say so and stop this CPU for good */
__attribute__((noreturn)) void panic(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
