/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Unit test of format.c, on the build machine, with the C library as the reference.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "inmate/format.h"
#include <cmocka.h>

/* The format is a literal at each use, so the compiler checks it against the arguments twice. */
#define CHECK(...)                                                                    \
	do {                                                                          \
		char expected[128], got[128];                                         \
		int length = snprintf(expected, sizeof(expected), __VA_ARGS__);       \
                                                                                      \
		assert_int_equal(format_text(got, sizeof(got), __VA_ARGS__), length); \
		assert_string_equal(got, expected);                                   \
	} while (0)

static void test_integers(void **state)
{
	(void)state;
	CHECK("%d %d %d", 0, INT_MAX, INT_MIN);
	CHECK("%i|%5d|%-5d|%05d|%2d", -1, -42, -42, -42, 12345);
	CHECK("%u %x %X %08x %-8x|", UINT_MAX, 0xabcU, 0xabcU, 0xabcU, 0xabcU);
	CHECK("%ld %lu %lx", LONG_MIN, ULONG_MAX, 0x123456789abcdefUL);
	CHECK("%lld %llu %llx %016llx", LLONG_MIN, ULLONG_MAX, 0x1ULL, 0xfeedULL);
	CHECK("%zu|%*d|%*d|", sizeof(int), 6, 7, -6, 7);
	CHECK("%0*d|%0*d|", 4, 3, -4, 3);
}

static void test_text(void **state)
{
	(void)state;
	CHECK("plain");
	CHECK("100%%");
	CHECK("%c%c|%3c|%-3c|", 'a', 'b', 'c', 'd');
	CHECK("%s|%8s|%-8s|%.2s|%5.1s|%.*s|", "abc", "abc", "abc", "abc", "abc", 1, "abc");
	CHECK("%p", (void *)0x1234);
}

static void test_null_string(void **state)
{
	char got[16];
	const char *volatile none = NULL;

	(void)state;
	format_text(got, sizeof(got), "%s", none);
	assert_string_equal(got, "(null)");
}

static void test_unknown(void **state)
{
	/* Not a literal, as the compiler would rightly object. */
	const char *volatile unknown = "a%qb%";
	char got[16];

	(void)state;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
	format_text(got, sizeof(got), unknown);
#pragma GCC diagnostic pop
	assert_string_equal(got, "a%qb%");
}

static void test_truncation(void **state)
{
	char got[5] = "????";

	(void)state;
	assert_int_equal(format_text(got, sizeof(got), "%s", "abcdef"), 6);
	assert_string_equal(got, "abcd");
	assert_int_equal(format_text(got, 1, "%d", 12), 2);
	assert_string_equal(got, "");
	got[0] = '!';
	assert_int_equal(format_text(got, 0, "%d", 12), 2);
	assert_int_equal(got[0], '!');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers), cmocka_unit_test(test_text),	    cmocka_unit_test(test_null_string),
		cmocka_unit_test(test_unknown),	 cmocka_unit_test(test_truncation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
