// SPDX-License-Identifier: GPL-2.0-only
/* Formatting against the C library's, bounds, and what reaches UART and console ring. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <fake.h>
#include <image.h>
#include <hv/arch.h>
#include <hv/control.h>
#include <hv/print.h>

/* The same text as snprintf(), and its length. */
#define assert_formats(...)                                                           \
	do {                                                                          \
		char ours[256], theirs[256];                                          \
		int n = snprintf(theirs, sizeof(theirs), __VA_ARGS__);                \
                                                                                      \
		assert_int_equal(format(ours, sizeof(ours), __VA_ARGS__), (size_t)n); \
		assert_string_equal(ours, theirs);                                    \
	} while (0)

static void test_conversions(void **state)
{
	(void)state;
	assert_formats("%s", "");
	assert_formats("nothing to do");
	assert_formats("%s and %s%%", "one", "two");
	assert_formats("%c%c", 'a', 'z');
	assert_formats("%d %d %d %d", 0, -1, 2147483647, -2147483647 - 1);
	assert_formats("%u %x", 4294967295U, 0xdeadbeefU);
	assert_formats("%ld %lu %lx", -9223372036854775807L - 1, 18446744073709551615UL, 0x123456789abcdefUL);
	assert_formats("%lld %llu %llx", -5LL, 18446744073709551615ULL, 0x123456789abcdefULL);
	assert_formats("%016llx|%8x|%08x|%2x|%02x", 0x1234ULL, 0xabU, 0xabU, 0xabcU, 0xabcU);
	assert_formats("%5d|%05d|%5d|%05d|%1d", -42, -42, 42, 42, -42);
	assert_formats("%12u|%012lu", 7U, 7UL);
}

/* A conversion that the text's end cuts off reads nothing behind it. */
static void test_unfinished_conversions(void **state)
{
	static const char *const texts[] = { "ab%", "ab%0", "ab%12", "ab%l", "ab%08ll" };
	char buf[8];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(texts); i++) {
		char *text = test_malloc(strlen(texts[i]) + 1);

		strcpy(text, texts[i]);
		assert_int_equal(format(buf, sizeof(buf), text, 1), 2);
		assert_string_equal(buf, "ab");
		test_free(text);
	}
}

static void test_random_numbers(void **state)
{
	(void)state;
	srand(1);
	for (unsigned int i = 0; i < 2000; i++) {
		u64 v = (u64)rand() << 42 ^ (u64)rand() << 20 ^ (u64)rand();

		v >>= rand() % 64;
		assert_formats("%lld %llu %llx %d %u %x", (long long)v, (unsigned long long)v, (unsigned long long)v,
			       (int)v, (unsigned int)v, (unsigned int)v);
		assert_formats("%20lld|%020lld|%9d|%09d", (long long)v, -(long long)v, (int)v, (int)v);
	}
}

/* Never a byte behind the buffer, always a NUL, the start of the text. */
static void test_bounds(void **state)
{
	char *buf;

	(void)state;
	for (size_t size = 1; size < 16; size++) {
		buf = malloc(size);
		assert_int_equal(format(buf, size, "%s%08x", "abc", 0x12345678U), MIN(size - 1, (size_t)11));
		assert_memory_equal(buf, "abc12345678", MIN(size - 1, (size_t)11));
		assert_int_equal(buf[MIN(size - 1, (size_t)11)], 0);
		free(buf);
	}
	assert_int_equal(format(NULL, 0, "%s", "abc"), 0);
}

/* --- the console --- */

static s64 job_print(struct pcpu *cpu, const u64 args[3])
{
	(void)cpu;
	print("%s", (const char *)args[0]);
	return 0;
}

static s64 job_putc(struct pcpu *cpu, const u64 args[3])
{
	(void)cpu;
	print_char((struct cell_console_page *)args[1], (char)args[0]);
	return 0;
}

static void boot(void)
{
	assert_int_equal(fake_boot(&fake_root), 0);
	fake_console_clear();
}

/* The last characters in the ring. */
static void assert_ring(const char *text)
{
	u32 length = 0;

	while (text[length])
		length++;
	assert_int_equal(console_ring.busy, 0);
	for (u32 i = 0; i < length; i++)
		assert_int_equal(console_ring.content[(console_ring.tail - length + i) % HV_CONSOLE_BYTES], text[i]);
}

static void test_console(void **state)
{
	u32 tail;

	(void)state;
	boot();
	tail = console_ring.tail;
	fake_call(0, job_print, (u64) "one\ntwo", 0, 0);
	fake_call(1, job_putc, '!', 0, 0);
	fake_call(1, job_putc, '\0', 0, 0);
	fake_call(1, job_putc, '\n', 0, 0);
	/* CR is for the UART alone. */
	assert_string_equal(fake_console(), "one\r\ntwo!\r\n");
	assert_ring("one\ntwo!\n");
	assert_int_equal(console_ring.tail - tail, 9);
}

/* A cell's character goes to its own page, too, and nothing else does. */
static void test_page(void **state)
{
	static struct cell_console_page page;

	(void)state;
	boot();
	fake_call(0, job_print, (u64) "ours", 0, 0);
	fake_call(1, job_putc, 'o', (u64)&page, 0);
	fake_call(1, job_putc, '\0', (u64)&page, 0);
	fake_call(1, job_putc, '\n', (u64)&page, 0);
	assert_int_equal(page.tail, 2);
	assert_memory_equal(page.content, "o\n\0", 3);
	assert_ring("ourso\n");
	page.tail = 3UL * CELL_CONSOLE_BYTES - 1;
	fake_call(1, job_putc, 'y', (u64)&page, 0);
	fake_call(1, job_putc, 'z', (u64)&page, 0);
	assert_int_equal(page.tail, 3UL * CELL_CONSOLE_BYTES + 1);
	assert_int_equal(page.content[CELL_CONSOLE_BYTES - 1], 'y');
	assert_int_equal(page.content[0], 'z');
}

static void test_ring_wraps(void **state)
{
	char line[101];

	(void)state;
	boot();
	console_ring.tail = -1000U;
	for (unsigned int i = 0; i < 100; i++)
		line[i] = 'a' + i % 26;
	line[100] = '\0';
	for (unsigned int i = 0; i < 25; i++) {
		fake_call(0, job_print, (u64)line, 0, 0);
		assert_ring(line);
	}
	assert_int_equal(console_ring.tail, 1500);
}

static s64 job_print_often(struct pcpu *cpu, const u64 args[3])
{
	(void)args;
	for (unsigned int i = 0; i < 100; i++)
		print("<%u%u%u%u%u%u%u%u>", cpu->id, cpu->id, cpu->id, cpu->id, cpu->id, cpu->id, cpu->id, cpu->id);
	return 0;
}

/* Texts of different CPUs never mix. */
static void test_console_is_locked(void **state)
{
	unsigned int count[4] = { 0 };
	const char *c;

	(void)state;
	boot();
	for (unsigned int cpu = 0; cpu < 4; cpu++)
		fake_post(cpu, job_print_often, 0, 0, 0);
	for (unsigned int cpu = 0; cpu < 4; cpu++)
		fake_wait(cpu);
	for (c = fake_console(); *c; c += 10) {
		assert_int_equal(c[0], '<');
		assert_in_range(c[1], '0', '3');
		for (unsigned int i = 2; i < 9; i++)
			assert_int_equal(c[i], c[1]);
		assert_int_equal(c[9], '>');
		count[c[1] - '0']++;
	}
	for (unsigned int cpu = 0; cpu < 4; cpu++)
		assert_int_equal(count[cpu], 100);
}

static s64 job_panic(struct pcpu *cpu, const u64 args[3])
{
	(void)cpu;
	panic("%s %u", (const char *)args[0], 7);
}

static void test_panic_stops_the_cpu(void **state)
{
	(void)state;
	boot();
	fake_call(2, job_panic, (u64) "cannot be", 0, 0);
	assert_string_equal(fake_console(), "PANIC on CPU 2: cannot be 7\r\n");
	assert_int_equal(pcpu_of(2)->arch.state, FAKE_STOPPED);
	fake_call(1, job_putc, 'x', 0, 0);
	assert_ring("x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conversions),
		cmocka_unit_test(test_unfinished_conversions),
		cmocka_unit_test(test_random_numbers),
		cmocka_unit_test(test_bounds),
		FAKE_TEST(test_console),
		FAKE_TEST(test_ring_wraps),
		FAKE_TEST(test_console_is_locked),
		FAKE_TEST(test_panic_stops_the_cpu),
		FAKE_TEST(test_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
