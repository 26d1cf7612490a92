/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of the restart policy, by a clock that is a number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervise.h"

#define MS USEC_PER_MSEC
#define START (1000 * USEC_PER_SEC)

static SupervisionPolicy policy_of(RestartPolicy restart)
{
	SupervisionPolicy p;

	supervision_policy_init(&p);
	p.restart = restart;
	p.restart_usec = 100 * MS;
	p.restart_max_usec = 1600 * MS;
	p.restart_steps = 4;
	p.start_limit_interval_usec = 0;
	return p;
}

static void test_wants_restart(void **state)
{
	(void)state;
	for (CellResult r = 0; r < CELL_RESULT_MAX; r++) {
		bool hopeless = r == CELL_RESULT_CONFIG || r == CELL_RESULT_START_LIMIT_HIT;

		assert_false(supervise_wants_restart(RESTART_NO, r));
		assert_int_equal(supervise_wants_restart(RESTART_ALWAYS, r), !hopeless);
		assert_int_equal(supervise_wants_restart(RESTART_ON_FAILURE, r), !hopeless && r != CELL_RESULT_SUCCESS);
		assert_int_equal(supervise_wants_restart(RESTART_ON_WATCHDOG, r), r == CELL_RESULT_HEARTBEAT_TIMEOUT);
	}
}

static void test_backoff(void **state)
{
	SupervisionPolicy p = policy_of(RESTART_ON_FAILURE);
	SuperviseState s = { 0 };
	uint64_t now = START, delay, last = 0;

	(void)state;
	supervise_started(&s, &p, now);
	for (unsigned i = 0; i < 20; i++) {
		now += 10 * MS;
		assert_int_equal(supervise_ended(&s, &p, CELL_RESULT_CELL_FAILED, now, 0, &delay), SUPERVISE_RESTART);
		assert_true(delay >= last);
		if (i == 0)
			assert_int_equal(delay, p.restart_usec);
		if (i >= p.restart_steps)
			assert_int_equal(delay, p.restart_max_usec);
		last = delay;
		now += delay;
		supervise_started(&s, &p, now);
	}

	/* A long good run: as if it were the first failure. */
	now += 10 * p.restart_max_usec;
	assert_int_equal(supervise_ended(&s, &p, CELL_RESULT_CELL_FAILED, now, 0, &delay), SUPERVISE_RESTART);
	assert_int_equal(delay, p.restart_usec);
}

static void test_fallback(void **state)
{
	SupervisionPolicy p = policy_of(RESTART_ALWAYS);
	SuperviseState s = { 0 };
	uint64_t now = START, delay;

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		p.fallback_after_failures = round;
		supervise_reset(&s);
		for (unsigned failures = 1; failures <= 4; failures++) {
			assert_int_equal(supervise_wants_fallback(&s, &p), round > 0 && failures > round);
			supervise_started(&s, &p, now);
			assert_int_equal(supervise_ended(&s, &p, CELL_RESULT_CELL_FAILED, ++now, 0, &delay),
					 SUPERVISE_RESTART);
		}
		assert_int_equal(supervise_wants_fallback(&s, &p), round > 0);
	}

	/* In a row: a good end in between begins it anew... */
	supervise_started(&s, &p, now);
	(void)supervise_ended(&s, &p, CELL_RESULT_SUCCESS, now, 0, &delay);
	assert_false(supervise_wants_fallback(&s, &p));
	for (unsigned i = 0; i < 2; i++) {
		supervise_started(&s, &p, now);
		(void)supervise_ended(&s, &p, CELL_RESULT_HEARTBEAT_TIMEOUT, now, 0, &delay);
	}
	assert_true(supervise_wants_fallback(&s, &p));

	/* ...and a long run that fails is the first one again. */
	supervise_started(&s, &p, now);
	(void)supervise_ended(&s, &p, CELL_RESULT_CPU_FAILED, now + 10 * p.restart_max_usec, 0, &delay);
	assert_int_equal(s.failures, 1);
	assert_false(supervise_wants_fallback(&s, &p));
}

static void test_start_limit(void **state)
{
	SupervisionPolicy p = policy_of(RESTART_ALWAYS);
	SuperviseState s = { 0 };
	uint64_t now = START, delay = 0;
	unsigned restarts = 0;

	(void)state;
	p.restart_usec = p.restart_max_usec = 1 * MS;
	p.start_limit_interval_usec = 10 * USEC_PER_SEC;
	p.start_limit_burst = 5;
	supervise_started(&s, &p, now);
	while (supervise_ended(&s, &p, CELL_RESULT_CPU_FAILED, now, 0, &delay) == SUPERVISE_RESTART) {
		now += delay;
		supervise_started(&s, &p, now);
		assert_true(++restarts < 100);
	}
	/* The first start counts as well. */
	assert_int_equal(restarts, 4);

	supervise_reset(&s);
	supervise_started(&s, &p, now);
	assert_int_equal(supervise_ended(&s, &p, CELL_RESULT_CPU_FAILED, now, 0, &delay), SUPERVISE_RESTART);
}

static void test_start_limit_window(void **state)
{
	SupervisionPolicy p = policy_of(RESTART_ALWAYS);
	SuperviseState s = { 0 };
	uint64_t now = START, delay;

	(void)state;
	p.restart_usec = p.restart_max_usec = 1 * MS;
	p.start_limit_interval_usec = 10 * USEC_PER_SEC;
	p.start_limit_burst = 5;
	/* Often, but never five times in ten seconds. */
	for (unsigned i = 0; i < 1000; i++) {
		supervise_started(&s, &p, now);
		now += 2600 * MS;
		assert_int_equal(supervise_ended(&s, &p, CELL_RESULT_CELL_FAILED, now, 0, &delay), SUPERVISE_RESTART);
		now += delay;
	}
}

static void test_extreme_durations(void **state)
{
	SupervisionPolicy p = policy_of(RESTART_ALWAYS);
	SuperviseState s = { 0 };
	uint64_t delay;

	(void)state;
	p.restart_usec = p.restart_max_usec = USEC_INFINITY;
	p.start_limit_interval_usec = USEC_INFINITY;
	p.start_limit_burst = 2;
	supervise_started(&s, &p, 1);
	assert_int_equal(supervise_ended(&s, &p, CELL_RESULT_CELL_FAILED, USEC_INFINITY - 1, 0, &delay),
			 SUPERVISE_RESTART);
	assert_int_equal(delay, USEC_INFINITY);
	supervise_started(&s, &p, 2);
	assert_int_equal(supervise_ended(&s, &p, CELL_RESULT_CELL_FAILED, 3, 0, &delay), SUPERVISE_LIMIT_HIT);
}

static void test_jitter(void **state)
{
	static const uint64_t delays[] = { 0, 1, 7, 8, 1000, 5 * USEC_PER_SEC, 1ULL << 40, USEC_INFINITY };
	SupervisionPolicy p = policy_of(RESTART_ALWAYS);
	SuperviseState s = { 0 };
	uint64_t delay;

	(void)state;
	for (size_t i = 0; i < ELEMENTSOF(delays); i++) {
		uint64_t last = delays[i];

		assert_int_equal(supervise_jitter(delays[i], 0), delays[i]);
		for (uint32_t random = 1; random > 0; random <<= 1) {
			delay = supervise_jitter(delays[i], random);
			assert_true(delay <= last && delay >= delays[i] - delays[i] / 8);
			last = delay;
		}
		assert_true(delays[i] < 16 || supervise_jitter(delays[i], UINT32_MAX) < delays[i]);
		assert_true(supervise_jitter(delays[i], UINT32_MAX) >= delays[i] - delays[i] / 8);
	}
	assert_int_equal(supervise_jitter(8 * MS, 1U << 31), 7500);

	/* It is in the delay, and what the limit is judged by. */
	supervise_started(&s, &p, START);
	assert_int_equal(supervise_ended(&s, &p, CELL_RESULT_CELL_FAILED, START, 1U << 31, &delay), SUPERVISE_RESTART);
	assert_int_equal(delay, p.restart_usec - p.restart_usec / 16);
}

static void test_exit_status(void **state)
{
	static const int wanted[CELL_RESULT_MAX] = {
		[CELL_RESULT_SUCCESS] = 0,	   [CELL_RESULT_HEARTBEAT_TIMEOUT] = 150,
		[CELL_RESULT_CELL_FAILED] = 151,   [CELL_RESULT_START_LIMIT_HIT] = 152,
		[CELL_RESULT_CPU_FAILED] = 153,	   [CELL_RESULT_CONFIG] = 154,
		[CELL_RESULT_LOAD_FAILED] = 154,   [CELL_RESULT_COMM_REVISION] = 154,
		[CELL_RESULT_SHUTDOWN_DENIED] = 1, [CELL_RESULT_TIMEOUT] = 1,
	};

	(void)state;
	for (CellResult r = 0; r < CELL_RESULT_MAX; r++) {
		assert_int_equal(cell_result_to_exit_status(r), wanted[r]);
		assert_int_equal(cell_result_from_string(cell_result_to_string(r)), r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wants_restart),	   cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_fallback),	   cmocka_unit_test(test_start_limit),
		cmocka_unit_test(test_start_limit_window), cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_extreme_durations),  cmocka_unit_test(test_exit_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
