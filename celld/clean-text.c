/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Clean text, character by character.
 */
#include "clean-text.h"

/** sequence_bytes - of the UTF-8 sequence that begins with @lead; 0: none does */
static size_t sequence_bytes(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef)
		return 3;
	return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

/** decode - a sequence of more than one byte, up to @n of them. Return: the character, 0 if it is not one */
static uint32_t decode(const unsigned char *s, size_t bytes, size_t n)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c = s[0] & (0xffU >> (bytes + 1));

	for (size_t i = 1; i < bytes; i++) {
		/* What is not there yet may still be right: the smallest and the largest are checked when it is. */
		if (i < n && (s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (i < n ? s[i] & 0x3fU : 0);
	}
	if (n < bytes)
		return 1;
	return c < smallest[bytes] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : c;
}

/** is_harmless - neither a control character nor one that turns, breaks or hides its neighbours (Unicode 23.2, 23.8) */
static bool is_harmless(uint32_t c)
{
	return c >= 0xa0 && !(c >= 0x200b && c <= 0x200f) && !(c >= 0x2028 && c <= 0x202e) &&
	       !(c >= 0x2060 && c <= 0x206f) && c != 0xfeff && !(c >= 0xfff9 && c <= 0xffff) &&
	       !(c >= 0xe0000 && c <= 0xe0fff);
}

static size_t clean_ascii(unsigned char c, char *ret)
{
	size_t n = 0;

	if (c == '\r') {
		/* left out */
	} else if ((c >= ' ' && c != 0x7f) || c == '\n' || c == '\t') {
		ret[n++] = (char)c;
	} else {
		ret[n++] = '^';
		ret[n++] = (char)(c ^ 0x40);
	}
	ret[n] = '\0';
	return 1;
}

static size_t show_bytes(const unsigned char *s, size_t bytes, char *ret)
{
	for (size_t i = 0; i < bytes; i++)
		snprintf(ret + 4 * i, CLEAN_CHAR_BYTES - 4 * i, "\\x%02x", s[i]);
	return bytes;
}

size_t clean_char(const char *text, size_t n, bool more, char ret[CLEAN_CHAR_BYTES])
{
	const unsigned char *s = (const unsigned char *)text;
	size_t bytes;
	uint32_t c;

	ret[0] = '\0';
	if (n == 0)
		return 0;
	bytes = sequence_bytes(s[0]);
	if (bytes == 1)
		return clean_ascii(s[0], ret);
	c = bytes > 0 ? decode(s, bytes, n) : 0;
	if (c > 0 && n < bytes && more)
		return 0;
	if (c == 0 || n < bytes)
		return show_bytes(s, 1, ret);
	if (!is_harmless(c))
		return show_bytes(s, bytes, ret);
	memcpy(ret, s, bytes);
	ret[bytes] = '\0';
	return bytes;
}

size_t clean_text(const char *text, size_t n, char *buffer, size_t size)
{
	char c[CLEAN_CHAR_BYTES];
	size_t taken = 0, used = 0;

	buffer[0] = '\0';
	while (taken < n) {
		size_t bytes = clean_char(text + taken, n - taken, false, c), length = strlen(c);

		if (used + length >= size)
			break;
		memcpy(buffer + used, c, length + 1);
		used += length;
		taken += bytes;
	}
	return taken;
}
