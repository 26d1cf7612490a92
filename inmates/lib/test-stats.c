/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Unit test of stats.c, on the build machine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include "inmate/stats.h"
#include <cmocka.h>

static void test_empty(void **state)
{
	struct stats stats = { 0 };

	(void)state;
	assert_int_equal(stats_average(&stats), 0);
	stats_add(&stats, 5);
	assert_int_equal(stats.min, 5);
	assert_int_equal(stats.max, 5);
}

static void test_series(void **state)
{
	static const u64 values[] = { 7, 0, 1, 8, 4 };
	struct stats stats = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		stats_add(&stats, values[i]);
	assert_int_equal(stats.count, 5);
	assert_int_equal(stats.min, 0);
	assert_int_equal(stats.max, 8);
	assert_int_equal(stats_average(&stats), 4);
}

static void test_histogram(void **state)
{
	struct stats stats = { 0 };

	(void)state;
	stats_add(&stats, 0);
	stats_add(&stats, 1);
	stats_add(&stats, 2);
	stats_add(&stats, 3);
	stats_add(&stats, 4);
	stats_add(&stats, UINT64_MAX);
	assert_int_equal(stats.histogram[0], 1);
	assert_int_equal(stats.histogram[1], 1);
	assert_int_equal(stats.histogram[2], 2);
	assert_int_equal(stats.histogram[3], 1);
	assert_int_equal(stats.histogram[STATS_BUCKETS - 1], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_series),
		cmocka_unit_test(test_histogram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
