/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Memory and string functions, simple rather than fast.
 */
#include "inmate/string.h"

void *memcpy(void *dest, const void *src, size_t bytes)
{
	void *d = dest;

	__asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(bytes) : : "memory");
	return dest;
}

void *memmove(void *dest, const void *src, size_t bytes)
{
	char *d = dest;
	const char *s = src;

	if (d <= s)
		return memcpy(dest, src, bytes);
	while (bytes--)
		d[bytes] = s[bytes];
	return dest;
}

void *memset(void *dest, int value, size_t bytes)
{
	void *d = dest;

	__asm__ volatile("rep stosb" : "+D"(d), "+c"(bytes) : "a"(value) : "memory");
	return dest;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
	const unsigned char *x = a, *y = b;

	for (; bytes; bytes--, x++, y++) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}

size_t strlen(const char *s)
{
	const char *end = s;

	while (*end)
		end++;
	return (size_t)(end - s);
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t max)
{
	for (; max; max--, a++, b++) {
		if (*a != *b || !*a)
			return (unsigned char)*a - (unsigned char)*b;
	}
	return 0;
}
