/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of whole histories of cells: failures, and what the policy makes of them.
 */
#include "test-world.h"

static void test_violation(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	park("rtos");
	wait_until(c->n_restarts == 1 && is_idle(c, CELL_RUNNING));
	assert_int_equal(kernel_cell("rtos")->starts, 2);
	assert_int_equal(n_failed, 1);
	assert_int_equal(n_restart_scheduled, 1);
	assert_int_equal(c->result, CELL_RESULT_SUCCESS);
}

static void test_start_limit(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	for (unsigned i = 1; i <= 3; i++) {
		park("rtos");
		wait_until(c->n_restarts == i && is_idle(c, CELL_RUNNING));
	}
	park("rtos");
	wait_until(is_idle(c, CELL_FAILED));
	assert_int_equal(c->result, CELL_RESULT_START_LIMIT_HIT);
	/* Four ends, and that it was given up. */
	assert_int_equal(n_failed, 5);
	assert_int_equal(last_failed, CELL_RESULT_START_LIMIT_HIT);
	assert_true(c->fault.known);
	assert_string_equal(c->fault.cause, "msr");
	/* Its resources are back, and somebody may start it again. */
	assert_null(sim_find(sim, "rtos"));
	assert_int_equal(c->supervisor, CELL_SUPERVISOR_NONE);
	start("rtos", 0);
	assert_int_equal(c->n_restarts, 0);
	assert_false(c->fault.known);
}

/** has_loaded - is @text what was loaded into rtos last? */
static bool has_loaded(const char *text)
{
	return streq(kernel_cell("rtos")->loaded, text);
}

static void test_fallback(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	write_fallback();
	start("rtos", 0);
	assert_true(has_loaded("a"));
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(c->fallback, i == 3);
		park("rtos");
		wait_until(c->n_restarts == i && is_idle(c, CELL_RUNNING));
		assert_true(has_loaded(i < 2 ? "a" : "b"));
	}

	/* It is known to the next celld, which goes on counting. */
	kill_manager();
	c = cell("rtos");
	assert_true(c->fallback);
	assert_int_equal(c->policy.failures, 3);

	/* Refused: it goes on as it was. By force: somebody has mended it. */
	kernel_cell("rtos")->behaviour = SIM_DENY;
	assert_int_equal(action_restart(c, JOB_CONSENT_ASK, NULL, NULL), 0);
	wait_until(is_idle(c, CELL_RUNNING));
	assert_int_equal(c->result, CELL_RESULT_SHUTDOWN_DENIED);
	assert_true(c->fallback && has_loaded("b"));
	assert_int_equal(action_restart(c, JOB_CONSENT_FORCE, NULL, NULL), 0);
	wait_until(is_idle(c, CELL_RUNNING));
	assert_true(!c->fallback && has_loaded("a"));
	assert_int_equal(c->n_restarts, 0);
}

static void test_fallback_interrupted(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	write_fallback();
	start("rtos", 0);
	park("rtos");
	wait_until(c->n_restarts == 1 && is_idle(c, CELL_RUNNING));
	sim->delay_usec = 50000;
	park("rtos");
	wait_until(c->state == CELL_STARTING && c->fallback);
	/* Who comes after a celld that died on the way does what that one was about to. */
	kill_manager();
	sim->delay_usec = 0;
	c = cell("rtos");
	wait_until(is_idle(c, CELL_RUNNING));
	assert_true(c->fallback && has_loaded("b"));
}

static void test_left_for_inspection(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	write_cell("rtos", "3", "\"Restart\": \"no\", \"OnFailure\": \"none\"");
	start("rtos", 0);
	say("rtos", KERNEL_FAILED);
	wait_until(is_idle(c, CELL_FAILED));
	assert_int_equal(c->result, CELL_RESULT_CELL_FAILED);
	assert_non_null(sim_find(sim, "rtos"));
	assert_int_equal(action_reset_failed(c), 0);
	assert_int_equal(c->state, CELL_CREATED);
}

static void test_reboot(void **state)
{
	(void)state;
	write_cell("rtos", "3", "\"Restart\": \"no\", \"OnFailure\": \"reboot\"");
	start("rtos", 0);
	say("rtos", KERNEL_FAILED);
	wait_until(is_idle(cell("rtos"), CELL_FAILED));
	assert_int_equal(n_reboots, 1);
}

static void test_heartbeat(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	write_cell("rtos", "3", FAST "\"HeartbeatIntervalUSec\": \"10ms\", \"HeartbeatTimeoutUSec\": \"60ms\"");
	start("rtos", 0);
	wait_until(c->health == CELL_HEALTH_OK);
	kernel_cell("rtos")->behaviour = SIM_SILENT;
	wait_until(n_heartbeat_lost == 1);
	kernel_cell("rtos")->behaviour = 0;
	wait_until(c->n_restarts >= 1 && is_idle(c, CELL_RUNNING) && c->health == CELL_HEALTH_OK);
	assert_int_equal(n_failed, 1);
}

/** What a cell printed before it failed is told with the failure, and not again with the next one. */
static void test_last_words(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	write_cell("rtos", "3", FAST "\"HeartbeatIntervalUSec\": \"10ms\", \"HeartbeatTimeoutUSec\": \"60ms\"");
	start("rtos", 0);
	sim_print(sim, kernel_cell("rtos"), "up\noops\a");
	park("rtos");
	wait_until(n_failed == 1);
	assert_string_equal(last_words, "up\noops^G");
	wait_until(is_idle(c, CELL_RUNNING));
	assert_null(c->last_words);
	park("rtos");
	wait_until(n_failed == 2);
	assert_string_equal(last_words, "");
	wait_until(is_idle(c, CELL_RUNNING) && c->health == CELL_HEALTH_OK);
	sim_print(sim, kernel_cell("rtos"), "tired\n");
	kernel_cell("rtos")->behaviour = SIM_SILENT;
	wait_until(n_heartbeat_lost == 1);
	assert_int_equal(n_failed, 3);
	assert_string_equal(last_words, "tired");
}

static void test_own_shutdown(void **state)
{
	(void)state;
	start("rtos", 0);
	say("rtos", KERNEL_SHUT_DOWN);
	wait_until(is_idle(cell("rtos"), CELL_DEFINED));
	assert_int_equal(cell("rtos")->result, CELL_RESULT_SUCCESS);
	assert_null(sim_find(sim, "rtos"));

	start("other", 0);
	say("other", KERNEL_SHUT_DOWN);
	wait_until(cell("other")->n_restarts == 1 && is_idle(cell("other"), CELL_RUNNING));
}

static void test_wrong_revision(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	say("rtos", KERNEL_ABI_MISMATCH);
	wait_until(n_failed == 1);
	wait_until(is_idle(c, CELL_RUNNING));
}

static void test_locked(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	say("rtos", KERNEL_RUNNING_LOCKED);
	wait_until(c->kernel.state == KERNEL_RUNNING_LOCKED);
	assert_int_equal(c->state, CELL_RUNNING);
	say("rtos", KERNEL_RUNNING);
	wait_until(c->kernel.state == KERNEL_RUNNING);
	assert_int_equal(n_failed, 0);
}

static void test_restart_fails(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	sim->next_error = -EIO;
	park("rtos");
	/* One more failure, by the same policy. */
	wait_until(c->n_restarts == 2 && is_idle(c, CELL_RUNNING));
	assert_int_equal(n_failed, 2);
}

static void test_restart_by_hand_fails(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	/* It stops on the way: the policy is asked, whoever wanted the restart. */
	kernel_cell("rtos")->kernel.state = KERNEL_FAILED;
	sim->next_error = -EIO;
	assert_int_equal(action_restart(c, JOB_CONSENT_ASK, NULL, NULL), 0);
	wait_until(c->n_restarts == 1 && is_idle(c, CELL_RUNNING));
	assert_int_equal(n_failed, 1);
}

static void test_restart_is_blind(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	/* Only the worker is to be blind. */
	wait_until(!manager->look);
	sim->blind_looks = 1;
	park("rtos");
	/* What the worker could not read is no good end: the policy goes on, and knows why the cell had failed. */
	wait_until(c->n_restarts == 2 && is_idle(c, CELL_RUNNING));
	assert_int_equal(n_failed, 2);
	assert_int_equal(last_failed, CELL_RESULT_CPU_FAILED);

	/* Attempts count as starts, or this would never end. */
	sim->blind_looks = 100;
	park("rtos");
	wait_until(is_idle(c, CELL_FAILED) || sim->blind_looks == 0);
	assert_int_equal(c->result, CELL_RESULT_START_LIMIT_HIT);
	assert_int_equal(c->state, CELL_FAILED);
}

static void test_start_is_blind(void **state)
{
	(void)state;
	/* Before the work, and after it: then it is taken back. One more for celld, which looks because of the event.
	 */
	for (unsigned seeing = 0; seeing <= 1; seeing++) {
		sim->seeing_looks = seeing;
		sim->blind_looks = 1 + seeing;
		start("rtos", -EINTR);
		sim->blind_looks = 0;
		wait_until(is_idle(cell("rtos"), CELL_DEFINED) && !cell_is_created(cell("rtos")));
		assert_null(sim_find(sim, "rtos"));
	}
	start("rtos", 0);
	assert_int_equal(n_failed, 0);
}

static void test_restart_without_image(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	write_cell("rtos", "3",
		   FAST "\"HeartbeatTimeoutUSec\": \"60ms\", \"StartupTimeoutUSec\": \"60ms\", "
			"\"StartLimitBurst\": 3");
	start("rtos", 0);
	wait_until(c->health == CELL_HEALTH_OK);
	/* For the kernel it runs, but not for us: that the load fails does not make it run again. */
	sim->next_error = -EINVAL;
	kernel_cell("rtos")->behaviour = SIM_SILENT;
	wait_until(n_failed >= 2);
	assert_int_equal(last_failed, CELL_RESULT_LOAD_FAILED);
	wait_until(is_idle(c, CELL_FAILED));
	assert_int_equal(c->result, CELL_RESULT_START_LIMIT_HIT);
}

static void test_stop_while_waiting(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	write_cell("rtos", "3", "\"RestartUSec\": \"1h\", \"RestartMaxUSec\": \"1h\"");
	start("rtos", 0);
	park("rtos");
	wait_until(is_idle(c, CELL_RESTARTING));
	assert_true(c->next_restart_usec > clock_monotonic());
	stop("rtos", JOB_CONSENT_ASK, 0);
	assert_int_equal(c->state, CELL_DEFINED);
	assert_int_equal(c->next_restart_usec, 0);

	/* By hand it need not wait. */
	start("rtos", 0);
	park("rtos");
	wait_until(is_idle(c, CELL_RESTARTING));
	assert_int_equal(action_restart(c, JOB_CONSENT_ASK, NULL, NULL), 0);
	wait_until(is_idle(c, CELL_RUNNING));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		history(test_violation),
		history(test_start_limit),
		history(test_fallback),
		history(test_fallback_interrupted),
		history(test_left_for_inspection),
		history(test_reboot),
		history(test_heartbeat),
		history(test_last_words),
		history(test_own_shutdown),
		history(test_wrong_revision),
		history(test_locked),
		history(test_restart_fails),
		history(test_restart_by_hand_fails),
		history(test_restart_is_blind),
		history(test_start_is_blind),
		history(test_restart_without_image),
		history(test_stop_while_waiting),
	};

	return run_histories(tests);
}
