// SPDX-License-Identifier: GPL-2.0-only
/* The memory functions that the compiler expects, and a bounded string compare. */
#include <config.h>
#include <hv/string.h>

/* Whole words while there are some: RAM that changes hands is large. */
typedef u64 __attribute__((may_alias, aligned(1))) word;

void *memcpy(void *dest, const void *src, size_t n)
{
	u8 *d = dest;
	const u8 *s = src;

	for (; n >= sizeof(word); n -= sizeof(word), d += sizeof(word), s += sizeof(word))
		*(word *)d = *(const word *)s;
	while (n--)
		*d++ = *s++;
	return dest;
}

void *memset(void *dest, int c, size_t n)
{
	u8 *d = dest;

	for (; n >= sizeof(word); n -= sizeof(word), d += sizeof(word))
		*(word *)d = (u8)c * 0x0101010101010101UL;
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
