// SPDX-License-Identifier: GPL-2.0-only
/* Debug console: a small printf to the board's UART and to the ring that root may read. */
#include <config.h>
#include <image.h>
#include <hv/arch.h>
#include <hv/lock.h>
#include <hv/print.h>

static struct spinlock console_lock;

/* Output of the formatter: counts all, stores what fits. */
struct sink {
	char *buf;
	size_t size, used;
};

static void sink_put(struct sink *s, char c)
{
	if (s->used + 1 < s->size)
		s->buf[s->used++] = c;
}

static void sink_text(struct sink *s, const char *text)
{
	while (*text)
		sink_put(s, *text++);
}

static void sink_number(struct sink *s, u64 value, unsigned int base, bool negative, unsigned int width, char pad)
{
	char digits[24];
	unsigned int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (negative && pad == '0')
		sink_put(s, '-');
	for (unsigned int fill = n + negative; fill < width; fill++)
		sink_put(s, pad);
	if (negative && pad != '0')
		sink_put(s, '-');
	while (n)
		sink_put(s, digits[--n]);
}

/* One conversion; returns the character behind it. */
static const char *convert(struct sink *s, const char *fmt, va_list *ap)
{
	char pad = *fmt == '0' ? '0' : ' ';
	unsigned int width = 0;
	bool wide = false;
	s64 value;

	for (; *fmt >= '0' && *fmt <= '9'; fmt++)
		width = width * 10 + (*fmt - '0');
	for (; *fmt == 'l'; fmt++)
		wide = true;

	switch (*fmt) {
	case 's':
		sink_text(s, va_arg(*ap, const char *));
		break;
	case 'c':
		sink_put(s, (char)va_arg(*ap, int));
		break;
	case 'd':
		value = wide ? va_arg(*ap, s64) : va_arg(*ap, s32);
		sink_number(s, value < 0 ? -(u64)value : (u64)value, 10, value < 0, width, pad);
		break;
	case 'u':
		sink_number(s, wide ? va_arg(*ap, u64) : va_arg(*ap, u32), 10, false, width, pad);
		break;
	case 'x':
		sink_number(s, wide ? va_arg(*ap, u64) : va_arg(*ap, u32), 16, false, width, pad);
		break;
	case '\0':
		return fmt;
	default:
		sink_put(s, *fmt);
	}
	return fmt + 1;
}

size_t vformat(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct sink s = { .buf = buf, .size = size };
	va_list args;

	va_copy(args, ap);
	while (*fmt) {
		if (*fmt == '%')
			fmt = convert(&s, fmt + 1, &args);
		else
			sink_put(&s, *fmt++);
	}
	va_end(args);
	if (size)
		buf[s.used] = '\0';
	return s.used;
}

size_t format(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = vformat(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

/* Context: console_lock. CR is for the UART only (abi: console putc). */
static void put(char c)
{
	if (c == '\n')
		arch_console_putc('\r');
	arch_console_putc(c);
	console_ring.content[console_ring.tail % HV_CONSOLE_BYTES] = c;
	memory_barrier();
	console_ring.tail++;
}

static void put_text(const char *text)
{
	spin_lock(&console_lock);
	console_ring.busy = 1;
	memory_barrier();
	while (*text)
		put(*text++);
	memory_barrier();
	console_ring.busy = 0;
	spin_unlock(&console_lock);
}

void print(const char *fmt, ...)
{
	char line[192];
	va_list ap;

	va_start(ap, fmt);
	vformat(line, sizeof(line), fmt, ap);
	va_end(ap);
	put_text(line);
}

/* Readers look at tail again after they have copied. */
static void put_on_page(struct cell_console_page *page, char c)
{
	spin_lock(&console_lock);
	page->content[page->tail % CELL_CONSOLE_BYTES] = c;
	memory_barrier();
	page->tail++;
	spin_unlock(&console_lock);
}

void print_char(struct cell_console_page *page, char c)
{
	if (page && c)
		put_on_page(page, c);
	put_text((const char[]){ c, '\0' });
}

void panic(const char *fmt, ...)
{
	char line[192];
	va_list ap;

	va_start(ap, fmt);
	vformat(line, sizeof(line), fmt, ap);
	va_end(ap);
	print("PANIC on CPU %u: %s\n", this_cpu()->id, line);
	arch_stop();
}
