/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of whole histories of cells: starting, stopping, and all that may go wrong with it.
 */
#include <signal.h>
#include <sys/resource.h>

#include "test-world.h"

static void test_start_and_stop(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	assert_int_equal(c->state, CELL_DEFINED);
	assert_int_equal(action_stop(c, JOB_CONSENT_ASK, NULL, NULL), -CELL_ENOTRUNNING);
	assert_int_equal(action_restart(c, JOB_CONSENT_ASK, NULL, NULL), -CELL_ENOTRUNNING);
	assert_int_equal(action_start(c, CELL_SUPERVISOR_CELLD, NULL, NULL), 0);
	assert_int_equal(c->state, CELL_STARTING);
	assert_int_equal(c->operation, CELL_OPERATION_START);
	assert_int_equal(action_start(c, CELL_SUPERVISOR_CELLD, NULL, NULL), -CELL_EBUSY);
	assert_int_equal(action_stop(c, JOB_CONSENT_ASK, NULL, NULL), -CELL_EBUSY);
	wait_until(is_idle(c, CELL_RUNNING));
	assert_int_equal(c->supervisor, CELL_SUPERVISOR_CELLD);
	assert_true(kernel_cpu_set_has(&c->kernel.cpus, 3));
	assert_int_equal(action_start(c, CELL_SUPERVISOR_CELLD, NULL, NULL), -CELL_ERUNNING);
	wait_until(c->health == CELL_HEALTH_OK);

	stop("rtos", JOB_CONSENT_ASK, 0);
	assert_int_equal(c->state, CELL_DEFINED);
	assert_int_equal(c->supervisor, CELL_SUPERVISOR_NONE);
	assert_false(cell_is_created(c));
	assert_null(sim_find(sim, "rtos"));
	assert_null(c->comm);
}

static void test_create(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	assert_int_equal(action_create(c, NULL, NULL), 0);
	wait_until(is_idle(c, CELL_CREATED));
	assert_int_equal(action_create(c, NULL, NULL), -CELL_EEXISTS);
	start("rtos", 0);
	assert_int_equal(kernel_cell("rtos")->starts, 1);
	stop("rtos", JOB_CONSENT_ASK, 0);
}

static void test_restart_by_hand(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	assert_int_equal(action_restart(c, JOB_CONSENT_ASK, NULL, NULL), 0);
	wait_until(is_idle(c, CELL_RUNNING));
	assert_int_equal(kernel_cell("rtos")->starts, 2);
	assert_int_equal(c->n_restarts, 0);
}

static void test_refusals(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	kernel_cell("rtos")->behaviour = SIM_DENY;
	stop("rtos", JOB_CONSENT_ASK, -CELL_EDENIED);
	assert_int_equal(c->state, CELL_RUNNING);
	assert_int_equal(c->result, CELL_RESULT_SHUTDOWN_DENIED);
	wait_until(c->health == CELL_HEALTH_OK);

	kernel_cell("rtos")->behaviour = SIM_MUTE;
	stop("rtos", JOB_CONSENT_ASK, -CELL_ETIMEOUT);
	assert_int_equal(c->state, CELL_RUNNING);
	assert_int_equal(c->result, CELL_RESULT_TIMEOUT);
	/* Refused, but its run goes on. */
	assert_int_equal(n_failed, 0);
	stop("rtos", JOB_CONSENT_ASK_THEN_FORCE, 0);
	assert_int_equal(c->state, CELL_DEFINED);
	assert_int_equal(c->result, CELL_RESULT_TIMEOUT);
	assert_int_equal(n_failed, 1);

	sim->cells[1].behaviour = SIM_DENY;
	start("rtos", 0);
	assert_int_equal(c->result, CELL_RESULT_SUCCESS);
	stop("rtos", JOB_CONSENT_ASK_THEN_FORCE, 0);
	assert_int_equal(c->result, CELL_RESULT_SHUTDOWN_DENIED);
	assert_int_equal(n_failed, 2);
	assert_int_equal(last_failed, CELL_RESULT_SHUTDOWN_DENIED);

	/* Nobody asks: nobody is told. */
	start("rtos", 0);
	stop("rtos", JOB_CONSENT_FORCE, 0);
	assert_int_equal(c->result, CELL_RESULT_SUCCESS);
	assert_int_equal(n_failed, 2);
}

static void test_failed_starts(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	/* Not the cell's fault: as if nothing had been. */
	sim->next_error = -EBUSY;
	start("rtos", -CELL_ECONFLICT);
	assert_int_equal(c->state, CELL_DEFINED);
	sim->enabled = false;
	start("rtos", -CELL_EDISABLED);
	sim->present = false;
	start("rtos", -CELL_EUNAVAILABLE);
	wait_until(manager->hypervisor == HYPERVISOR_ABSENT);
	sim->present = sim->enabled = true;

	/* Its configuration is: failed. */
	sim->next_error = -ERANGE;
	start("rtos", -CELL_ECONFIG);
	assert_true(is_idle(c, CELL_FAILED));
	assert_int_equal(c->result, CELL_RESULT_CONFIG);
	assert_int_equal(n_failed, 1);
	assert_int_equal(action_reset_failed(c), 0);
	assert_int_equal(c->state, CELL_DEFINED);
	assert_int_equal(c->result, CELL_RESULT_SUCCESS);
	start("rtos", 0);
	assert_int_equal(c->state, CELL_RUNNING);
}

static void test_no_worker(void **state)
{
	struct rlimit files, none;
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	stop("rtos", JOB_CONSENT_ASK, 0);
	assert_int_equal(n_starting, 1);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	none = (struct rlimit){ .rlim_max = files.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(action_start(c, CELL_SUPERVISOR_CELLD, NULL, NULL), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	/* What was about to happen was known before it could, and then it had not happened. */
	assert_int_equal(n_starting, 2);
	assert_true(is_idle(c, CELL_DEFINED));
	assert_int_equal(c->operation, CELL_OPERATION_NONE);
	assert_int_equal(c->supervisor, CELL_SUPERVISOR_NONE);
	start("rtos", 0);
}

/** kill_worker - of the job that runs; it is the oldest child */
static void kill_worker(void)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	int pid = 0;

	assert_true(asprintf(&path, "/proc/self/task/%i/children", (int)getpid()) > 0);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%i", &pid), 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
}

static void test_killed_worker(void **state)
{
	Outcome o = { 0 };
	Cell *c = cell("rtos");

	(void)state;
	/* What it has done is found done: half of a start, a stop not begun, and a creation. */
	sim->delay_usec = 2000000;
	assert_int_equal(action_start(c, CELL_SUPERVISOR_CELLD, NULL, NULL), 0);
	wait_until(sim_find(sim, "rtos"));
	sim->delay_usec = 0;
	kill_worker();
	wait_until(is_idle(c, CELL_RUNNING) && !manager->look);
	assert_int_equal(kernel_cell("rtos")->starts, 1);
	assert_int_equal(action_stop(c, JOB_CONSENT_ASK, NULL, NULL), 0);
	kill_worker();
	wait_until(is_idle(c, CELL_DEFINED) && !manager->look);
	assert_null(sim_find(sim, "rtos"));
	assert_int_equal(action_create(c, on_done, &o), 0);
	kill_worker();
	wait_until(o.done && !manager->look);
	assert_int_equal(o.error, 0);
	assert_int_equal(c->state, CELL_CREATED);
}

static void test_killed_after_consent(void **state)
{
	Outcome o = { 0 };
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	wait_until(!manager->look);
	sim->delay_usec = 60000000;
	assert_int_equal(action_restart(c, JOB_CONSENT_ASK, on_done, &o), 0);
	/* As if by the worker. What runs now was not there when the restart was asked for: its refusal is no answer. */
	sim_lock(sim);
	sim_emit(sim, NET_EVENT_LOADABLE, kernel_cell("rtos"), NULL, 0);
	sim_emit(sim, NET_EVENT_STARTED, kernel_cell("rtos"), NULL, 0);
	kernel_cell("rtos")->behaviour = SIM_DENY;
	sim_unlock(sim);
	kill_worker();
	sim->delay_usec = 0;
	wait_until(o.done && !manager->look);
	assert_int_equal(o.error, 0);
	assert_int_equal(c->state, CELL_RUNNING);
}

static void test_killed_workers(void **state)
{
	Outcome o = { 0 };
	Cell *c = cell("rtos");

	(void)state;
	sim->delay_usec = 60000000;
	assert_int_equal(action_start(c, CELL_SUPERVISOR_UNIT, on_done, &o), 0);
	while (!o.done) {
		kill_worker();
		assert_true(sd_event_run(event, 10 * USEC_PER_MSEC) >= 0);
	}
	/* There is no third one. */
	assert_int_equal(o.error, -EIO);
	assert_int_equal(c->state, CELL_FAILED);
}

static void test_bad_configuration(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	write_cell("rtos", "nonsense", "");
	assert_int_equal(action_start(c, CELL_SUPERVISOR_CELLD, NULL, NULL), -CELL_ECONFIG);
	assert_int_equal(c->state, CELL_FAILED);
	assert_int_equal(c->result, CELL_RESULT_CONFIG);
	assert_non_null(strstr(c->config_error, "rtos.json"));
	/* Each attempt is told. */
	assert_int_equal(action_start(c, CELL_SUPERVISOR_CELLD, NULL, NULL), -CELL_ECONFIG);
	assert_int_equal(n_failed, 2);
	write_cell("rtos", "1", "");
	start("rtos", 0);
	assert_true(kernel_cpu_set_has(&c->kernel.cpus, 1));
}

static void test_conflict(void **state)
{
	(void)state;
	write_cell("other", "3", "");
	start("rtos", 0);
	start("other", -CELL_ECONFLICT);
	assert_int_equal(cell("other")->state, CELL_DEFINED);
	assert_int_equal(cell("rtos")->state, CELL_RUNNING);
}

static void test_create_what_is_there(void **state)
{
	SimCell *there = &sim->cells[40];
	Outcome o = { 0 };

	(void)state;
	/* The event that tells of it is still on its way. */
	there->kernel = (KernelCell){ .id = 40, .name = "rtos", .state = KERNEL_SHUT_DOWN };
	there->used = true;
	assert_int_equal(action_create(cell("rtos"), on_done, &o), 0);
	wait_until(o.done);
	assert_int_equal(o.error, -CELL_EEXISTS);
	assert_true(is_idle(cell("rtos"), CELL_CREATED));
	stop("rtos", JOB_CONSENT_ASK, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		history(test_start_and_stop),
		history(test_create_what_is_there),
		history(test_create),
		history(test_restart_by_hand),
		history(test_refusals),
		history(test_failed_starts),
		history(test_no_worker),
		history(test_killed_worker),
		history(test_killed_after_consent),
		history(test_killed_workers),
		history(test_bad_configuration),
		history(test_conflict),
	};

	return run_histories(tests);
}
