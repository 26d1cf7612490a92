/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of the small helpers: numbers, sizes, durations, lists, hex, suggestions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "suggest.h"
#include "util.h"

typedef struct NumberCase {
	const char *text;
	int result;
	uint64_t value;
} NumberCase;

static void check_numbers(int (*parse)(const char *, uint64_t *), const NumberCase *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t value = 0;

		print_message("# %s\n", cases[i].text);
		assert_int_equal(parse(cases[i].text, &value), cases[i].result);
		assert_int_equal(value, cases[i].value);
	}
}

static void test_parse_u64(void **state)
{
	static const NumberCase cases[] = {
		{ "0", 0, 0 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "0xffffffffffffffff", 0, UINT64_MAX },
		{ "0x10000000000000000", -ERANGE, 0 },
		{ "0b101", 0, 5 },
		{ "010", 0, 10 },
		{ "", -EINVAL, 0 },
		{ "0x", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "12a", -EINVAL, 0 },
		{ "0b2", -EINVAL, 0 },
	};

	(void)state;
	check_numbers(parse_u64, cases, ELEMENTSOF(cases));
}

static void test_parse_size(void **state)
{
	static const NumberCase cases[] = {
		{ "76M", 0, 76ULL << 20 }, { "4k", 0, 4096 },	  { "4KiB", 0, 4096 },	{ "1 GB", 0, 1ULL << 30 },
		{ "0x10K", 0, 16384 },	   { "12B", 0, 12 },	  { "3", 0, 3 },	{ "16777216T", -ERANGE, 0 },
		{ "M", -EINVAL, 0 },	   { "4KK", -EINVAL, 0 }, { "4i", -EINVAL, 0 }, { "4MiBs", -EINVAL, 0 },
	};

	(void)state;
	check_numbers(parse_size, cases, ELEMENTSOF(cases));
}

static void test_parse_usec(void **state)
{
	static const NumberCase cases[] = {
		{ "500ms", 0, 500000 },
		{ "1s", 0, 1000000 },
		{ "1min 30s", 0, 90000000 },
		{ "1h30min", 0, 5400000000 },
		{ "2.5s", 0, 2500000 },
		{ "0.0000015s", 0, 1 },
		{ "250", 0, 250 },
		{ "7us", 0, 7 },
		{ "1 d", 0, 86400000000 },
		{ "infinity", 0, USEC_INFINITY },
		{ "18446744073709551615", -ERANGE, 0 },
		{ "99999999999999d", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ "5 parsecs", -EINVAL, 0 },
		{ "1.s", -EINVAL, 0 },
		{ "-1s", -EINVAL, 0 },
	};

	(void)state;
	check_numbers(parse_usec, cases, ELEMENTSOF(cases));
}

static void test_format_parses_back(void **state)
{
	static const uint64_t values[] = { 0,	       1,	 999,	     1000,	 1024,	     1500,	4096,
					   1ULL << 20, 90000000, 0x3a600000, 5400000001, 3ULL << 40, UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < ELEMENTSOF(values); i++) {
		uint64_t back = 1;

		assert_int_equal(parse_size(FORMAT_SIZE(values[i]), &back), 0);
		assert_int_equal(back, values[i]);
		assert_int_equal(parse_usec(FORMAT_USEC(values[i]), &back), 0);
		assert_int_equal(back, values[i]);
	}
	assert_string_equal(FORMAT_SIZE(76 << 20), "76M");
	assert_string_equal(FORMAT_USEC(90500000), "1min 30s 500ms");
}

static void test_strv(void **state)
{
	_cleanup_strv_ char **list = NULL;

	(void)state;
	assert_int_equal(strv_length(NULL), 0);
	assert_int_equal(strv_split("b::a:c", ":", &list), 0);
	assert_int_equal(strv_length(list), 3);
	assert_int_equal(strv_add(&list, "0"), 0);
	strv_sort(list);
	assert_string_equal(list[0], "0");
	assert_string_equal(list[3], "c");
	assert_true(strv_contains(list, "b"));
	assert_false(strv_contains(list, "d"));
	assert_false(strv_contains(NULL, "d"));
}

static void test_hex(void **state)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	_cleanup_free_ char *digits = NULL;
	size_t size = 0;

	(void)state;
	assert_int_equal(hex_decode("00fFa5", &bytes, &size), 0);
	assert_int_equal(size, 3);
	digits = hex_encode(bytes, size);
	assert_string_equal(digits, "00ffa5");
	assert_int_equal(hex_decode("0", &bytes, &size), -EINVAL);
	assert_int_equal(hex_decode("0g", &bytes, &size), -EINVAL);
}

static void test_suggestion(void **state)
{
	static const char *const words[] = { "memory", "msg_reply_timeout", "execute", "write" };
	static const struct {
		const char *typed, *expected;
	} cases[] = {
		{ "memroy", "memory" }, { "MEMORY", "memory" }, { "exec", "execute" },
		{ "wirte", "write" },	{ "console", NULL },	{ "x", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		Suggestion suggestion = SUGGESTION_INIT(cases[i].typed);

		for (size_t j = 0; j < ELEMENTSOF(words); j++)
			suggestion_offer(&suggestion, words[j]);
		assert_true(streq_ptr(suggestion.best, cases[i].expected));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_u64),  cmocka_unit_test(test_parse_size),
		cmocka_unit_test(test_parse_usec), cmocka_unit_test(test_format_parses_back),
		cmocka_unit_test(test_strv),	   cmocka_unit_test(test_hex),
		cmocka_unit_test(test_suggestion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
