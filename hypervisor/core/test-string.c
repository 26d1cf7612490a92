// SPDX-License-Identifier: GPL-2.0-only
/* The memory functions and the compare of names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <config.h>
#include <hv/string.h>

static void test_memory(void **state)
{
	u8 a[16], b[16];

	(void)state;
	assert_ptr_equal(memset(a, 0x1a5, sizeof(a)), a);
	for (unsigned int i = 0; i < sizeof(a); i++)
		assert_int_equal(a[i], 0xa5);
	memset(b, 0, sizeof(b));
	assert_ptr_equal(memcpy(b + 1, a, 14), b + 1);
	assert_int_equal(b[0], 0);
	assert_int_equal(b[14], 0xa5);
	assert_int_equal(b[15], 0);
	memcpy(b, a, 0);
	memset(b, 1, 0);
	assert_int_equal(b[0], 0);
}

/* Every alignment and length around the size of a word, and not a byte more. */
static void test_all_alignments(void **state)
{
	u8 from[48], to[48];

	(void)state;
	for (unsigned int i = 0; i < sizeof(from); i++)
		from[i] = 1 + i;
	for (unsigned int start = 0; start < 9; start++) {
		for (unsigned int n = 0; n < 34; n++) {
			unsigned int source = (start * 5 + n) % 9;

			for (unsigned int i = 0; i < sizeof(to); i++)
				to[i] = 0xee;
			memcpy(to + start, from + source, n);
			for (unsigned int i = 0; i < sizeof(to); i++)
				assert_int_equal(to[i], i >= start && i < start + n ? from[source + i - start] : 0xee);
			memset(to + start, 0x85, n);
			for (unsigned int i = 0; i < sizeof(to); i++)
				assert_int_equal(to[i], i >= start && i < start + n ? 0x85 : 0xee);
		}
	}
}

static void test_compare(void **state)
{
	(void)state;
	assert_int_equal(memcmp("abc", "abd", 2), 0);
	assert_int_equal(memcmp("x", "y", 0), 0);
	assert_true(memcmp("abc", "abd", 3) < 0);
	assert_true(memcmp("b", "a", 1) > 0);
	assert_true(memcmp("\xff", "\x01", 1) > 0);
}

/* Bytes behind the NUL do not count; without NUL all 32 do, and not one more. */
static void test_names(void **state)
{
	char a[CELL_NAME_BYTES] = "rtos\0x", b[CELL_NAME_BYTES] = "rtos\0y";

	(void)state;
	assert_true(name_equal(a, b));
	b[4] = '2';
	assert_false(name_equal(a, b));
	assert_false(name_equal(b, a));
	memset(a, 'n', sizeof(a));
	memset(b, 'n', sizeof(b));
	assert_true(name_equal(a, b));
	b[CELL_NAME_BYTES - 1] = 'm';
	assert_false(name_equal(a, b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_all_alignments),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
