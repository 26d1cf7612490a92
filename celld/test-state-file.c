/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of the two small text formats: state files, and the messages of a lease.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lease-message.h"
#include "state-file.h"

static void test_saved_and_loaded(void **state)
{
	char dir[] = "/tmp/test-state-XXXXXX";
	CellHost host = { 0 };
	_cleanup_cell_ Cell *c = NULL;
	CellSaved saved;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(cell_new("rtos", &host, &c), 0);
	cell_adopt_state(c, CELL_RESTARTING);
	cell_set_result(c, CELL_RESULT_HEARTBEAT_TIMEOUT);
	cell_set_supervisor(c, CELL_SUPERVISOR_UNIT);
	cell_set_operation(c, CELL_OPERATION_STOP);
	c->n_restarts = 7;
	c->fallback = true;
	c->policy = (SuperviseState){
		.attempt = 3, .failures = 2, .window_usec = 1ULL << 60, .window_starts = 4, .running_usec = 99
	};
	c->source = (CellSource){ .config = UINT64_MAX, .images = 1ULL << 63 };
	assert_int_equal(state_file_save(dir, c), 0);

	assert_int_equal(state_file_load(dir, "rtos", &saved), 0);
	assert_int_equal(saved.state, CELL_RESTARTING);
	assert_int_equal(saved.result, CELL_RESULT_HEARTBEAT_TIMEOUT);
	assert_int_equal(saved.supervisor, CELL_SUPERVISOR_UNIT);
	assert_int_equal(saved.operation, CELL_OPERATION_STOP);
	assert_int_equal(saved.n_restarts, 7);
	assert_true(saved.fallback);
	assert_memory_equal(&saved.policy, &c->policy, sizeof(saved.policy));
	assert_memory_equal(&saved.source, &c->source, sizeof(saved.source));

	/* A cell of which nothing need be known has no file. */
	cell_adopt_state(c, CELL_DEFINED);
	cell_set_operation(c, CELL_OPERATION_NONE);
	c->n_restarts = 0;
	assert_int_equal(state_file_save(dir, c), 0);
	assert_int_equal(state_file_load(dir, "rtos", &saved), -ENOENT);
	assert_int_equal(state_file_save(dir, c), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_true(state_file_save(dir, c) <= 0);
}

static void test_state_file_parse(void **state)
{
	static const char *const bad[] = {
		"STATE",	   "STATE=nothing\n", "RESULT=\n",    "SUPERVISOR=none\nOPERATION=fly\n",
		"N_RESTARTS=-1\n", "ATTEMPT=x\n",     "FALLBACK=2\n", "WINDOW_USEC=99999999999999999999\n",
	};
	CellSaved s = { .n_restarts = 5 };

	(void)state;
	for (size_t i = 0; i < ELEMENTSOF(bad); i++)
		assert_int_equal(state_file_parse(bad[i], &s), -EBADMSG);
	assert_int_equal(s.n_restarts, 5);
	assert_int_equal(state_file_parse("", &s), 0);
	assert_int_equal(s.state, CELL_DEFINED);
	assert_int_equal(state_file_parse("\n\nFUTURE=thing\nSTATE=running\n", &s), 0);
	assert_int_equal(s.state, CELL_RUNNING);
}

static void test_lease_message(void **state)
{
	LeaseMessage in = { .n_restarts = UINT32_MAX, .over = true, .exit_status = 152 }, out;
	char buffer[LEASE_MESSAGE_BYTES];

	(void)state;
	memset(in.state, 's', sizeof(in.state) - 1);
	memset(in.health, 'h', sizeof(in.health) - 1);
	memset(in.result, 'r', sizeof(in.result) - 1);
	memset(in.operation, 'o', sizeof(in.operation) - 1);
	memset(in.status, '=', sizeof(in.status) - 1);
	assert_true(lease_message_format(&in, buffer) < sizeof(buffer));
	assert_int_equal(lease_message_parse(buffer, &out), 0);
	assert_memory_equal(&in, &out, sizeof(in));

	in.over = false;
	in.exit_status = 0;
	in.status[0] = '\0';
	lease_message_format(&in, buffer);
	assert_null(strstr(buffer, "EXIT_STATUS"));
	assert_int_equal(lease_message_parse(buffer, &out), 0);
	assert_false(out.over);
}

static void test_lease_message_parse(void **state)
{
	static const char *const bad[] = {
		"",
		"HEALTH=ok\n",
		"STATE=\n",
		"STATE=running\nNRESTARTS=many\n",
		"STATE=failed\nEXIT_STATUS=256\n",
		"STATE=failed\nEXIT_STATUS=\n",
		"STATE=running\nnonsense\n",
	};
	LeaseMessage m;

	(void)state;
	for (size_t i = 0; i < ELEMENTSOF(bad); i++)
		assert_int_equal(lease_message_parse(bad[i], &m), -EBADMSG);
	assert_int_equal(lease_message_parse("NEW=1\nSTATE=running", &m), 0);
	assert_string_equal(m.state, "running");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_saved_and_loaded),
		cmocka_unit_test(test_state_file_parse),
		cmocka_unit_test(test_lease_message),
		cmocka_unit_test(test_lease_message_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
