/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Unit test of cmdline.c, on the build machine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include "inmate/cmdline.h"
#include <cmocka.h>

static void set(const char *text)
{
	cmdline_init(text, strlen(text) + 1);
}

static void test_string(void **state)
{
	char buf[8] = "keep";

	(void)state;
	set("  fault=mem addr=0x10  con-type=8250 faulty=x last=");
	assert_true(cmdline_string("fault", buf, sizeof(buf)));
	assert_string_equal(buf, "mem");
	assert_true(cmdline_string("con-type", buf, 3));
	assert_string_equal(buf, "82");
	assert_true(cmdline_string("last", buf, sizeof(buf)));
	assert_string_equal(buf, "");

	strcpy(buf, "keep");
	assert_false(cmdline_string("con", buf, sizeof(buf)));
	assert_false(cmdline_string("ault", buf, sizeof(buf)));
	assert_false(cmdline_string("8250", buf, sizeof(buf)));
	assert_string_equal(buf, "keep");
}

static void test_first_counts(void **state)
{
	(void)state;
	set("a=1 a=2");
	assert_int_equal(cmdline_int("a", 0), 1);
}

static void test_int(void **state)
{
	static const struct {
		const char *line;
		int64_t expected;
	} cases[] = {
		{ "n=0", 0 },
		{ "n=12", 12 },
		{ "n=-12", -12 },
		{ "n=+12", 12 },
		{ "n=0x1F", 0x1f },
		{ "n=0Xff", 0xff },
		{ "n=0x80000000", 0x80000000LL },
		{ "n=0xffffffffffffffff", -1 },
		{ "n=-9223372036854775808", INT64_MIN },
		/* malformed or absent */
		{ "n=", 77 },
		{ "n", 77 },
		{ "n=0x", 77 },
		{ "n=-", 77 },
		{ "n=-0x1", 77 },
		{ "n=1a", 77 },
		{ "n=0xg", 77 },
		{ "n=1=2", 77 },
		{ "nn=1", 77 },
		{ "", 77 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		set(cases[i].line);
		assert_int_equal(cmdline_int("n", 77), cases[i].expected);
	}
}

static void test_bool(void **state)
{
	(void)state;
	set("a b= c=true d=1 e=false f=0 g=maybe h=truelove");
	assert_true(cmdline_bool("a", false));
	assert_true(cmdline_bool("b", false));
	assert_true(cmdline_bool("c", false));
	assert_true(cmdline_bool("d", false));
	assert_false(cmdline_bool("e", true));
	assert_false(cmdline_bool("f", true));
	assert_true(cmdline_bool("g", true));
	assert_false(cmdline_bool("g", false));
	assert_false(cmdline_bool("h", false));
	assert_true(cmdline_bool("absent", true));
}

static void test_bounds(void **state)
{
	char text[CMDLINE_BYTES + 16];

	(void)state;
	memset(text, 'x', sizeof(text));
	cmdline_init(text, sizeof(text));
	assert_int_equal(strlen(cmdline_text()), CMDLINE_BYTES - 1);
	cmdline_init(text, 5);
	assert_string_equal(cmdline_text(), "xxxxx");
	cmdline_init(text, 0);
	assert_string_equal(cmdline_text(), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_string), cmocka_unit_test(test_first_counts), cmocka_unit_test(test_int),
		cmocka_unit_test(test_bool),   cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
