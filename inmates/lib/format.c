/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Text formatting. Pure code: also compiled for the build machine by its unit test.
 */
#include "inmate/format.h"
#include "inmate/string.h"

/* Where the text goes; pos counts on when the buffer is full. */
struct sink {
	char *buf;
	size_t size;
	size_t pos;
};

struct spec {
	bool left;
	bool zero;
	int width;
	int precision; /* -1: none */
	int longs;     /* l, ll or z: operand of 64 bits */
};

static void put(struct sink *sink, char c)
{
	if (sink->pos + 1 < sink->size)
		sink->buf[sink->pos] = c;
	sink->pos++;
}

static void put_repeated(struct sink *sink, char c, int times)
{
	for (; times > 0; times--)
		put(sink, c);
}

static void put_padded(struct sink *sink, const struct spec *spec, const char *text, int length)
{
	if (!spec->left)
		put_repeated(sink, ' ', spec->width - length);
	for (int i = 0; i < length; i++)
		put(sink, text[i]);
	if (spec->left)
		put_repeated(sink, ' ', spec->width - length);
}

static void put_number(struct sink *sink, const struct spec *spec, u64 value, unsigned int base, bool upper,
		       bool negative)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	struct spec rest = *spec;
	char text[24];
	int pos = sizeof(text);

	do {
		text[--pos] = digits[value % base];
		value /= base;
	} while (value);

	if (spec->zero && !spec->left) {
		if (negative)
			put(sink, '-');
		put_repeated(sink, '0', spec->width - (int)sizeof(text) + pos - negative);
		rest.width = 0;
	} else if (negative) {
		text[--pos] = '-';
	}
	put_padded(sink, &rest, text + pos, (int)sizeof(text) - pos);
}

static void put_string(struct sink *sink, const struct spec *spec, const char *text)
{
	int length = 0;

	if (!text)
		text = "(null)";
	while (length != spec->precision && text[length])
		length++;
	put_padded(sink, spec, text, length);
}

static const char *parse_number(const char *fmt, int *value, va_list *args)
{
	if (*fmt == '*') {
		*value = va_arg(*args, int);
		return fmt + 1;
	}
	for (*value = 0; *fmt >= '0' && *fmt <= '9'; fmt++) {
		if (*value < 1000)
			*value = *value * 10 + *fmt - '0';
	}
	return fmt;
}

static const char *parse_spec(const char *fmt, struct spec *spec, va_list *args)
{
	*spec = (struct spec){ .precision = -1 };
	for (; *fmt == '-' || *fmt == '0'; fmt++) {
		if (*fmt == '-')
			spec->left = true;
		else
			spec->zero = true;
	}
	fmt = parse_number(fmt, &spec->width, args);
	if (spec->width < 0) {
		spec->left = true;
		spec->width = -spec->width;
	}
	if (*fmt == '.')
		fmt = parse_number(fmt + 1, &spec->precision, args);
	for (; *fmt == 'l' || *fmt == 'z'; fmt++)
		spec->longs++;
	return fmt;
}

static void put_signed(struct sink *sink, const struct spec *spec, s64 value)
{
	put_number(sink, spec, value < 0 ? 0 - (u64)value : (u64)value, 10, false, value < 0);
}

/* Handles the conversion whose '%' is before @fmt. Return: what follows it. */
static const char *convert(struct sink *sink, const char *fmt, va_list *args)
{
	const char *start = fmt;
	struct spec spec;
	char c;

	fmt = parse_spec(fmt, &spec, args);
	switch (*fmt) {
	case 'd':
	case 'i':
		put_signed(sink, &spec, spec.longs ? va_arg(*args, long) : va_arg(*args, int));
		break;
	case 'u':
	case 'x':
	case 'X':
		put_number(sink, &spec, spec.longs ? va_arg(*args, unsigned long) : va_arg(*args, unsigned int),
			   *fmt == 'u' ? 10 : 16, *fmt == 'X', false);
		break;
	case 'p':
		put(sink, '0');
		put(sink, 'x');
		spec.width -= 2;
		put_number(sink, &spec, (uintptr_t)va_arg(*args, void *), 16, false, false);
		break;
	case 's':
		put_string(sink, &spec, va_arg(*args, const char *));
		break;
	case 'c':
		c = (char)va_arg(*args, int);
		put_padded(sink, &spec, &c, 1);
		break;
	case '%':
		put(sink, '%');
		break;
	default:
		put(sink, '%');
		return start;
	}
	return fmt + 1;
}

size_t format_va(char *buf, size_t size, const char *fmt, va_list args)
{
	struct sink sink = { .buf = buf, .size = size };
	va_list copy;

	/* va_list is an array type here: its address can only be taken of an own copy. */
	va_copy(copy, args);
	while (*fmt) {
		if (*fmt == '%')
			fmt = convert(&sink, fmt + 1, &copy);
		else
			put(&sink, *fmt++);
	}
	va_end(copy);
	if (size)
		buf[sink.pos < size ? sink.pos : size - 1] = '\0';
	return sink.pos;
}

size_t format_text(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	size_t length;

	va_start(args, fmt);
	length = format_va(buf, size, fmt, args);
	va_end(args);
	return length;
}
