/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of slow work in children: what comes back, when a child dies, hangs, or says too much.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "clock.h"
#include "operation.h"

#define PATIENCE_USEC (20 * USEC_PER_SEC)

typedef struct Outcome {
	sd_event *event;
	unsigned calls;
	int error;
	size_t size;
	char reply[64];
} Outcome;

static void on_done(void *userdata, int error, const char *reply, size_t size)
{
	Outcome *o = userdata;

	o->calls++;
	o->error = error;
	o->size = size;
	snprintf(o->reply, sizeof(o->reply), "%s", reply);
	sd_event_exit(o->event, 0);
}

static Outcome run(OperationWork work, void *data, uint64_t timeout_usec)
{
	Outcome o = { 0 };

	assert_true(sd_event_new(&o.event) >= 0);
	assert_int_equal(operation_start(o.event, work, data, timeout_usec, on_done, &o, NULL), 0);
	assert_true(sd_event_loop(o.event) >= 0);
	assert_int_equal(o.calls, 1);
	sd_event_unref(o.event);
	return o;
}

static int work_well(void *userdata, FILE *reply)
{
	fprintf(reply, "hello %s", (const char *)userdata);
	return 0;
}

static int work_badly(_unused_ void *userdata, FILE *reply)
{
	fputs("because", reply);
	return -EUSERS;
}

static int work_dying(_unused_ void *userdata, FILE *reply)
{
	fputs("half a sent", reply);
	raise(SIGKILL);
	return 0;
}

static int work_forever(_unused_ void *userdata, _unused_ FILE *reply)
{
	for (;;)
		pause();
	return 0;
}

static int work_much(void *userdata, FILE *reply)
{
	for (size_t i = 0; i < *(size_t *)userdata; i++)
		fputc('x', reply);
	return 0;
}

static void test_answers(void **state)
{
	char name[] = "parent";
	Outcome o;

	(void)state;
	o = run(work_well, name, PATIENCE_USEC);
	assert_int_equal(o.error, 0);
	assert_string_equal(o.reply, "hello parent");
	assert_int_equal(o.size, strlen("hello parent"));
	o = run(work_badly, NULL, PATIENCE_USEC);
	assert_int_equal(o.error, -EUSERS);
	assert_string_equal(o.reply, "because");
}

static void test_death(void **state)
{
	Outcome o;

	(void)state;
	o = run(work_dying, NULL, PATIENCE_USEC);
	assert_int_equal(o.error, -EIO);
	assert_int_equal(o.size, 0);
}

static void test_timeout(void **state)
{
	uint64_t before = clock_monotonic();
	Outcome o;

	(void)state;
	o = run(work_forever, NULL, 50 * USEC_PER_MSEC);
	assert_int_equal(o.error, -ETIMEDOUT);
	assert_true(clock_monotonic() - before < PATIENCE_USEC);
}

static void test_size(void **state)
{
	size_t much = OPERATION_REPLY_MAX_BYTES - 100, too_much = 2 * OPERATION_REPLY_MAX_BYTES;
	Outcome o;

	(void)state;
	o = run(work_much, &much, PATIENCE_USEC);
	assert_int_equal(o.error, 0);
	assert_int_equal(o.size, much);
	o = run(work_much, &too_much, PATIENCE_USEC);
	assert_int_equal(o.error, -EIO);
}

static void test_killed(void **state)
{
	Outcome o = { 0 };
	Operation *operation;

	(void)state;
	assert_true(sd_event_new(&o.event) >= 0);
	assert_int_equal(operation_start(o.event, work_forever, NULL, PATIENCE_USEC, on_done, &o, &operation), 0);
	assert_true(sd_event_run(o.event, 0) >= 0);
	operation_free(operation);
	/* Killed and reaped, and nobody is told. */
	assert_true(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
	assert_int_equal(o.calls, 0);
	sd_event_unref(o.event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers), cmocka_unit_test(test_death),  cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_size),	cmocka_unit_test(test_killed),
	};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
