// SPDX-License-Identifier: GPL-2.0-only
/* The memory functions that the compiler expects, and a bounded string compare. */
#include <config.h>
#include <hv/string.h>

void *memcpy(void *dest, const void *src, size_t n)
{
	u8 *d = dest;
	const u8 *s = src;

	while (n--)
		*d++ = *s++;
	return dest;
}

void *memset(void *dest, int c, size_t n)
{
	u8 *d = dest;

	while (n--)
		*d++ = (u8)c;
	return dest;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

bool name_equal(const char *a, const char *b)
{
	for (unsigned int i = 0; i < CELL_NAME_BYTES; i++) {
		if (a[i] != b[i])
			return false;
		if (!a[i])
			break;
	}
	return true;
}
