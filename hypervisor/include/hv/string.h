/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory functions that the compiler expects, and a bounded string compare. */
#ifndef HV_STRING_H
#define HV_STRING_H

#include <hv/types.h>

void *memcpy(void *dest, const void *src, size_t n);
void *memset(void *dest, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/**
 * name_equal() - compare two cell names
 * @a: at least CELL_NAME_BYTES bytes
 * @b: likewise
 *
 * Return: true if equal up to the first NUL or the full length.
 */
bool name_equal(const char *a, const char *b);

#endif
