/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The memory and string functions that the compiler and the library need.
 */
#ifndef INMATE_STRING_H
#define INMATE_STRING_H

#include <stddef.h>

void *memcpy(void *dest, const void *src, size_t bytes);
void *memmove(void *dest, const void *src, size_t bytes);
void *memset(void *dest, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t max);

#endif
