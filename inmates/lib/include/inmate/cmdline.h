/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Command line: space separated name=value, placed by the loader at image base + 0x1000.
 *
 * The first parameter of a name counts. A name alone is an empty value.
 */
#ifndef INMATE_CMDLINE_H
#define INMATE_CMDLINE_H

#include "types.h"

#define CMDLINE_BYTES 256 /**< capacity, NUL included */

/** cmdline_init - copy the command line; needs no NUL within @capacity bytes */
void cmdline_init(const char *text, size_t capacity);

/** cmdline_text - the whole command line */
const char *cmdline_text(void);

/**
 * cmdline_string - copy the value of a parameter
 * @name:  without '='
 * @buf:   NUL-terminated result, cut to fit; untouched if there is no such parameter
 * @size:  bytes of @buf, not 0
 *
 * Return: whether the parameter is there.
 */
bool cmdline_string(const char *name, char *buf, size_t size);

/** cmdline_int - decimal with optional sign, or 0x and hex digits. Return: value; @otherwise if absent or malformed */
s64 cmdline_int(const char *name, s64 otherwise);

/** cmdline_bool - true, 1 or empty; false or 0. Return: value; @otherwise if absent or malformed */
bool cmdline_bool(const char *name, bool otherwise);

#endif
