/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Command line parsing. Pure code: also compiled for the build machine by its unit test.
 */
#include "inmate/cmdline.h"
#include "inmate/string.h"

static char line[CMDLINE_BYTES];

void cmdline_init(const char *text, size_t capacity)
{
	size_t i;

	for (i = 0; i < capacity && i < sizeof(line) - 1 && text[i]; i++)
		line[i] = text[i];
	line[i] = '\0';
}

const char *cmdline_text(void)
{
	return line;
}

/* Finds the value of @name. Return: its start and its length in bytes, or NULL. */
static const char *find(const char *name, size_t *ret_length)
{
	size_t name_length = strlen(name);
	const char *value;
	const char *p = line;

	for (;;) {
		while (*p == ' ')
			p++;
		if (!*p)
			return NULL;
		value = p;
		while (*p && *p != ' ')
			p++;
		if (strncmp(value, name, name_length))
			continue;
		value += name_length;
		if (value != p && *value != '=')
			continue;
		if (value != p)
			value++;
		*ret_length = (size_t)(p - value);
		return value;
	}
}

bool cmdline_string(const char *name, char *buf, size_t size)
{
	size_t length;
	const char *value = find(name, &length);

	if (!value)
		return false;
	if (length >= size)
		length = size - 1;
	memcpy(buf, value, length);
	buf[length] = '\0';
	return true;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return 16;
}

s64 cmdline_int(const char *name, s64 otherwise)
{
	char text[24] = "";
	const char *p = text;
	bool negative = false;
	u64 value = 0;
	int base = 10;

	if (!cmdline_string(name, text, sizeof(text)))
		return otherwise;
	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	} else if (*p == '-' || *p == '+') {
		negative = *p++ == '-';
	}
	if (!*p)
		return otherwise;
	for (; *p; p++) {
		if (digit(*p) >= base)
			return otherwise;
		value = value * (u64)base + (u64)digit(*p);
	}
	return (s64)(negative ? 0 - value : value);
}

bool cmdline_bool(const char *name, bool otherwise)
{
	char text[8] = "";

	if (!cmdline_string(name, text, sizeof(text)))
		return otherwise;
	if (!*text || !strcmp(text, "true") || !strcmp(text, "1"))
		return true;
	if (!strcmp(text, "false") || !strcmp(text, "0"))
		return false;
	return otherwise;
}
