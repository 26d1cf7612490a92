/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Text formatting without any library behind it.
 */
#ifndef INMATE_FORMAT_H
#define INMATE_FORMAT_H

#include <stdarg.h>
#include "types.h"

/**
 * format_va - format into a buffer
 * @buf:  destination; NUL-terminated unless @size is 0
 * @size: bytes of @buf
 * @fmt:  conversions d i u x X p c s %; flags '0' and '-'; width and .precision (strings only), each also as '*';
 *	  lengths l, ll and z
 * @args: arguments
 *
 * An unknown conversion is copied as it stands. Return: bytes that the whole text needs, without NUL.
 */
size_t format_va(char *buf, size_t size, const char *fmt, va_list args);

/** format_text - the same with arguments in place */
size_t format_text(char *buf, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
