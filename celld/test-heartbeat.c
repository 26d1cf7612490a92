/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of heartbeats: hostile contents of the page, and judging by a simulated clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "comm.h"
#include "heartbeat.h"

#define MS USEC_PER_MSEC
#define PAGE 4096
#define START (50 * USEC_PER_SEC)

static SupervisionPolicy policy;
static Heartbeat hb;
static uint64_t now;

static int set_up(void **state)
{
	(void)state;
	supervision_policy_init(&policy);
	policy.heartbeat_interval_usec = 100 * MS;
	policy.heartbeat_timeout_usec = 500 * MS;
	policy.startup_timeout_usec = 5 * USEC_PER_SEC;
	now = START;
	heartbeat_start(&hb, now);
	return 0;
}

static struct cell_heartbeat *block_of(uint8_t *page)
{
	memset(page, 0, PAGE);
	return (struct cell_heartbeat *)(void *)(page + CELL_HEARTBEAT_OFFSET);
}

static void test_sample(void **state)
{
	_Alignas(8) uint8_t page[PAGE];
	struct cell_heartbeat *block = block_of(page);
	HeartbeatSample s;

	(void)state;
	heartbeat_sample(page, &s);
	assert_false(s.present);

	block->magic = CELL_HEARTBEAT_MAGIC;
	block->counter = 42;
	block->interval_ms = 100;
	block->status = 7;
	memcpy(block->text, "all is well", 12);
	heartbeat_sample(page, &s);
	assert_true(s.present);
	assert_int_equal(s.counter, 42);
	assert_int_equal(s.promised_usec, 100 * MS);
	assert_int_equal(s.status, 7);
	assert_string_equal(s.text, "all is well");
}

static void test_hostile_text(void **state)
{
	_Alignas(8) uint8_t page[PAGE];
	struct cell_heartbeat *block = block_of(page);
	HeartbeatSample s;

	(void)state;
	block->magic = CELL_HEARTBEAT_MAGIC;
	for (unsigned first = 0; first < 256; first++) {
		for (size_t i = 0; i < sizeof(block->text); i++)
			block->text[i] = (char)(first + i);
		/* Behind the block there is no NUL either. */
		memset(page + CELL_HEARTBEAT_OFFSET + sizeof(*block), 'x', 64);
		heartbeat_sample(page, &s);
		assert_true(strlen(s.text) <= CELL_HEARTBEAT_TEXT_BYTES);
		for (const char *c = s.text; *c; c++)
			assert_true(*c >= ' ' && *c <= '~');
	}
}

static void test_wild_promise(void **state)
{
	_Alignas(8) uint8_t page[PAGE];
	struct cell_heartbeat *block = block_of(page);
	HeartbeatSample s;

	(void)state;
	block->magic = CELL_HEARTBEAT_MAGIC;
	block->interval_ms = 1;
	heartbeat_sample(page, &s);
	assert_int_equal(s.promised_usec, 10 * MS);
	block->interval_ms = UINT32_MAX;
	heartbeat_sample(page, &s);
	assert_int_equal(s.promised_usec, 3600 * USEC_PER_SEC);
}

/** look - one sample when it is due, or @late_usec after. Return: verdict */
static CellHealth look(uint64_t counter, uint64_t late_usec)
{
	HeartbeatSample s = { .present = counter > 0, .counter = counter };
	uint64_t next = heartbeat_next(&hb, &policy);

	assert_true(next > now);
	now = next + late_usec;
	return heartbeat_judge(&hb, &policy, &s, now);
}

static void test_good_cell(void **state)
{
	(void)state;
	for (uint64_t i = 1; i < 1000; i++)
		assert_int_equal(look(i, 0), CELL_HEALTH_OK);
	assert_int_equal(hb.beats, 999);
	assert_int_equal(hb.last_usec, now);
}

static void test_silence(void **state)
{
	uint64_t last;
	bool late = false;

	(void)state;
	look(1, 0);
	look(2, 0);
	last = now;
	for (;;) {
		CellHealth health = look(2, 0);

		assert_true(now - last < USEC_PER_SEC);
		late |= health == CELL_HEALTH_LATE;
		if (health == CELL_HEALTH_LOST)
			break;
	}
	/* Exactly when the time is up, and told in advance. */
	assert_int_equal(now - last, policy.heartbeat_timeout_usec);
	assert_true(late);
}

static void test_recovery(void **state)
{
	(void)state;
	look(1, 0);
	for (int i = 0; i < 3; i++)
		look(1, 0);
	assert_int_equal(look(2, 0), CELL_HEALTH_OK);
	assert_int_equal(look(2, 0), CELL_HEALTH_OK);
}

static void test_any_change_is_a_beat(void **state)
{
	static const uint64_t counters[] = { 5, 4, UINT64_MAX, 1, 1ULL << 63, 3 };

	(void)state;
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(look(counters[i % ELEMENTSOF(counters)], 0), CELL_HEALTH_OK);
}

static void test_startup(void **state)
{
	CellHealth health;

	(void)state;
	do {
		health = look(0, 0);
		assert_true(health == CELL_HEALTH_NONE || health == CELL_HEALTH_LOST);
	} while (health != CELL_HEALTH_LOST);
	assert_int_equal(now - START, policy.startup_timeout_usec);
}

static void test_opted_in_but_mute(void **state)
{
	HeartbeatSample s = { .present = true };
	CellHealth health;

	(void)state;
	/* Magic without a beat is no beat. */
	do {
		now = heartbeat_next(&hb, &policy);
		health = heartbeat_judge(&hb, &policy, &s, now);
	} while (health == CELL_HEALTH_NONE);
	assert_int_equal(health, CELL_HEALTH_LOST);
	assert_int_equal(now - START, policy.startup_timeout_usec);
}

static void test_block_taken_away(void **state)
{
	CellHealth health = CELL_HEALTH_OK;

	(void)state;
	look(1, 0);
	for (int i = 0; i < 10 && health != CELL_HEALTH_LOST; i++)
		health = look(0, 0);
	assert_int_equal(health, CELL_HEALTH_LOST);
}

static void test_overload(void **state)
{
	uint64_t last;

	(void)state;
	look(1, 0);
	/* celld is kept from looking again and again: nothing can be said. */
	for (int i = 0; i < 50; i++)
		assert_int_not_equal(look(1, 2 * USEC_PER_SEC), CELL_HEALTH_LOST);
	last = now;
	/* Once it can look, a whole timeout must be seen. */
	while (look(1, 0) != CELL_HEALTH_LOST)
		assert_true(now - last < USEC_PER_SEC);
	assert_int_equal(now - last, policy.heartbeat_timeout_usec);
}

static void test_slightly_late(void **state)
{
	uint64_t last;

	(void)state;
	look(1, 0);
	last = now;
	/* A busy machine, but not too busy to judge. */
	while (look(1, 30 * MS) != CELL_HEALTH_LOST)
		assert_true(now - last < USEC_PER_SEC);
	assert_true(now - last < policy.heartbeat_timeout_usec + 150 * MS);
}

static void test_never_lost(void **state)
{
	(void)state;
	policy.heartbeat_timeout_usec = 0;
	look(1, 0);
	for (int i = 0; i < 1000; i++)
		assert_int_not_equal(look(1, 0), CELL_HEALTH_LOST);

	/* Nothing expected at all: looks once a second whether the cell takes part. */
	policy.heartbeat_interval_usec = 0;
	heartbeat_start(&hb, now);
	assert_int_equal(heartbeat_next(&hb, &policy) - now, USEC_PER_SEC);
	for (int i = 0; i < 100; i++)
		assert_int_equal(look(0, 0), CELL_HEALTH_NONE);
}

static void test_promise_counts(void **state)
{
	HeartbeatSample s = { .present = true, .counter = 1, .promised_usec = 20 * MS };

	(void)state;
	policy.heartbeat_interval_usec = 0;
	assert_int_equal(heartbeat_interval(&hb, &policy), 125 * MS);
	now += 10 * MS;
	heartbeat_judge(&hb, &policy, &s, now);
	assert_int_equal(heartbeat_interval(&hb, &policy), 20 * MS);
	assert_int_equal(heartbeat_next(&hb, &policy) - now, 20 * MS);
}

static void test_infinity(void **state)
{
	(void)state;
	policy.heartbeat_timeout_usec = USEC_INFINITY;
	policy.startup_timeout_usec = USEC_INFINITY;
	policy.heartbeat_interval_usec = 0;
	for (int i = 0; i < 100; i++)
		assert_int_equal(look(0, 0), CELL_HEALTH_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_sample, set_up),
		cmocka_unit_test_setup(test_hostile_text, set_up),
		cmocka_unit_test_setup(test_wild_promise, set_up),
		cmocka_unit_test_setup(test_good_cell, set_up),
		cmocka_unit_test_setup(test_silence, set_up),
		cmocka_unit_test_setup(test_recovery, set_up),
		cmocka_unit_test_setup(test_any_change_is_a_beat, set_up),
		cmocka_unit_test_setup(test_startup, set_up),
		cmocka_unit_test_setup(test_opted_in_but_mute, set_up),
		cmocka_unit_test_setup(test_block_taken_away, set_up),
		cmocka_unit_test_setup(test_overload, set_up),
		cmocka_unit_test_setup(test_slightly_late, set_up),
		cmocka_unit_test_setup(test_never_lost, set_up),
		cmocka_unit_test_setup(test_promise_counts, set_up),
		cmocka_unit_test_setup(test_infinity, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
