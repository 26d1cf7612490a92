/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of whole histories of cells: supervisors that come, go and die.
 */
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "lease-message.h"
#include "lease.h"
#include "react.h"
#include "test-world.h"

static int take_lease(const char *name, bool take_over)
{
	int fd = -EBADF;

	assert_int_equal(lease_new(cell(name), 1, take_over, &fd), 0);
	assert_true(fd >= 0);
	return fd;
}

/** hear - the newest message, or the first that tells the end: then a supervisor is gone */
static LeaseMessage hear(int fd)
{
	LeaseMessage m = { 0 };
	char buffer[LEASE_MESSAGE_BYTES];
	ssize_t n;

	while (!m.over && (n = recv(fd, buffer, sizeof(buffer) - 1, MSG_DONTWAIT)) > 0) {
		buffer[n] = '\0';
		assert_int_equal(lease_message_parse(buffer, &m), 0);
	}
	return m;
}

static bool is_over(int fd, uint32_t *ret_status)
{
	LeaseMessage m = hear(fd);

	if (m.over)
		*ret_status = m.exit_status;
	return m.over;
}

static int start_with_lease(const char *name)
{
	Outcome o = { 0 };

	assert_int_equal(action_start(cell(name), CELL_SUPERVISOR_UNIT, on_done, &o), 0);
	wait_until(o.done);
	return take_lease(name, false);
}

static void test_lease(void **state)
{
	uint32_t status = 1;
	int fd, second;

	(void)state;
	fd = start_with_lease("rtos");
	assert_string_equal(hear(fd).state, "running");
	assert_int_equal(cell("rtos")->supervisor, CELL_SUPERVISOR_UNIT);
	assert_int_equal(lease_new(cell("rtos"), 2, false, &second), -CELL_EMANAGED);
	assert_int_equal(send(fd, "STOP=1\n", 7, 0), 7);
	wait_until(is_over(fd, &status));
	assert_int_equal(status, 0);
	assert_int_equal(cell("rtos")->state, CELL_DEFINED);
	close(fd);
	wait_until(!cell("rtos")->lease);
}

static void test_lease_of_failure(void **state)
{
	uint32_t status = 0;
	int fd;

	(void)state;
	write_cell("rtos", "3", "\"Restart\": \"no\"");
	fd = start_with_lease("rtos");
	sim->delay_usec = 20000;
	park("rtos");
	wait_until(is_over(fd, &status));
	assert_int_equal(status, CELL_EXIT_CPU_FAILED);
	/* The unit fails only when the resources are back. */
	assert_null(sim_find(sim, "rtos"));
	close(fd);
	wait_until(!cell("rtos")->lease);
	sim->delay_usec = 0;

	/* celld dies in the middle of it: the failure is remembered. */
	fd = start_with_lease("rtos");
	sim->delay_usec = 1000000;
	park("rtos");
	wait_until(cell("rtos")->operation == CELL_OPERATION_STOP);
	kill_manager();
	sim->delay_usec = 0;
	wait_until(is_idle(cell("rtos"), CELL_FAILED));
	assert_null(sim_find(sim, "rtos"));
	assert_int_equal(cell("rtos")->result, CELL_RESULT_CPU_FAILED);
	close(fd);
}

static void test_lease_and_action(void **state)
{
	static const struct {
		const char *action;
		uint32_t status;
		bool kept;
		unsigned reboots;
	} cases[] = {
		{ "none", CELL_EXIT_CELL_FAILED, true, 0 },
		{ "stop", 0, false, 0 },
		{ "fail-unit", CELL_EXIT_CELL_FAILED, false, 0 },
		{ "reboot", CELL_EXIT_CELL_FAILED, false, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		char supervision[64];
		uint32_t status = 1;
		int fd;

		snprintf(supervision, sizeof(supervision), "\"Restart\": \"no\", \"OnFailure\": \"%s\"",
			 cases[i].action);
		write_cell("rtos", "3", supervision);
		fd = start_with_lease("rtos");
		say("rtos", KERNEL_FAILED);
		wait_until(is_over(fd, &status));
		assert_int_equal(status, cases[i].status);
		assert_int_equal(sim_find(sim, "rtos") != NULL, cases[i].kept);
		assert_int_equal(n_reboots, cases[i].reboots);
		assert_int_equal(cell("rtos")->result, CELL_RESULT_CELL_FAILED);
		close(fd);
		wait_until(!cell("rtos")->lease);
		if (cases[i].kept)
			stop("rtos", JOB_CONSENT_FORCE, 0);
	}
}

static void test_supervisor_dies(void **state)
{
	int fd;

	(void)state;
	fd = start_with_lease("rtos");
	close(fd);
	wait_until(cell("rtos")->supervisor == CELL_SUPERVISOR_NONE);
	assert_int_equal(cell("rtos")->state, CELL_RUNNING);
	assert_true(cell("rtos")->left_by_unit);
	/* Nobody is in charge: a failure is only noted... */
	park("rtos");
	wait_until(cell("rtos")->state == CELL_FAILED);
	/* ... until somebody takes over. */
	fd = take_lease("rtos", true);
	assert_false(cell("rtos")->left_by_unit);
	/* The run goes on: nothing that the supervisor hears tells it to end. */
	assert_string_equal(hear(fd).state, "restarting");
	wait_until(is_idle(cell("rtos"), CELL_RUNNING));
	assert_int_equal(cell("rtos")->n_restarts, 1);
	close(fd);
}

static void test_both_die(void **state)
{
	int fd;

	(void)state;
	fd = start_with_lease("rtos");
	kill_manager();
	assert_int_equal(recv(fd, (char[1]){ 0 }, 0, 0), 0);
	close(fd);
	assert_int_equal(cell("rtos")->state, CELL_RUNNING);
	assert_int_equal(cell("rtos")->supervisor, CELL_SUPERVISOR_NONE);
	assert_true(cell("rtos")->left_by_unit);
	/* Once more, before the unit has come back. */
	kill_manager();
	assert_true(cell("rtos")->left_by_unit);
	fd = take_lease("rtos", true);
	assert_int_equal(cell("rtos")->supervisor, CELL_SUPERVISOR_UNIT);
	assert_int_equal(kernel_cell("rtos")->starts, 1);
	close(fd);
}

static void test_deaf_supervisor(void **state)
{
	int fd;

	(void)state;
	fd = start_with_lease("other");
	/* It does not read: nothing blocks, and the end is told once it reads again. */
	for (unsigned i = 1; i <= 200; i++) {
		lease_tell(cell("other"));
		assert_true(sd_event_run(event, 0) >= 0);
	}
	assert_int_equal(action_stop(cell("other"), JOB_CONSENT_FORCE, NULL, NULL), 0);
	wait_until(is_idle(cell("other"), CELL_DEFINED));
	wait_until(streq(hear(fd).state, "defined"));
	close(fd);
}

static void test_end_outlives_next_run(void **state)
{
	uint32_t status = 1;
	int fd;

	(void)state;
	fd = start_with_lease("rtos");
	/* Until nothing more fits in. */
	for (unsigned i = 0; i < 2000; i++)
		lease_tell(cell("rtos"));
	stop("rtos", JOB_CONSENT_FORCE, 0);
	cell("rtos")->no_restart = true;
	start("rtos", 0);
	/* The cell runs again, but on behalf of somebody else. */
	wait_until(is_over(fd, &status));
	assert_int_equal(status, 0);
	close(fd);
	wait_until(!cell("rtos")->lease);
	assert_int_equal(cell("rtos")->supervisor, CELL_SUPERVISOR_CELLD);
	assert_false(cell("rtos")->left_by_unit);
	park("rtos");
	wait_until(cell("rtos")->n_restarts == 1 && is_idle(cell("rtos"), CELL_RUNNING));
}

static void test_lease_in_the_bus(void **state)
{
	pid_t holder = fork();
	int in_the_bus, fd = -EBADF;

	(void)state;
	if (holder == 0) {
		(void)pause();
		_exit(EXIT_SUCCESS);
	}
	assert_true(holder > 0);
	start("rtos", 0);
	assert_int_equal(lease_new(cell("rtos"), holder, false, &in_the_bus), 0);
	assert_int_equal(lease_new(cell("rtos"), 1, true, &fd), -CELL_EMANAGED);
	/* The holder dies before it has got the lease, which is still open. */
	assert_int_equal(kill(holder, SIGKILL), 0);
	assert_int_equal(waitpid(holder, NULL, 0), holder);
	assert_false(lease_is_held(cell("rtos")));
	assert_true(cell("rtos")->left_by_unit);
	assert_int_equal(lease_new(cell("rtos"), holder, true, &fd), -ESRCH);
	fd = take_lease("rtos", true);
	close(in_the_bus);
	assert_true(lease_is_held(cell("rtos")));
	close(fd);
}

static void test_lost_caller(void **state)
{
	Outcome o = { 0 };
	Cell *c = cell("rtos");

	(void)state;
	/* The bus was lost while the cell was started: nobody has its lease, but the unit may come back. */
	assert_int_equal(action_start(c, CELL_SUPERVISOR_UNIT, on_done, &o), 0);
	action_forget(c, &o);
	wait_until(is_idle(c, CELL_RUNNING));
	assert_false(o.done);
	assert_int_equal(c->supervisor, CELL_SUPERVISOR_NONE);
	assert_true(c->left_by_unit);
	react_unsupervise(c);
	assert_true(c->left_by_unit);
}

static void test_failed_start_of_unit(void **state)
{
	Outcome o = { 0 };
	Cell *c = cell("rtos");

	(void)state;
	/* It was there already: left behind by a celld that died, say. The unit that fails keeps no CPUs. */
	assert_int_equal(action_create(c, NULL, NULL), 0);
	wait_until(is_idle(c, CELL_CREATED));
	sim->next_error = -EIO;
	assert_int_equal(action_start(c, CELL_SUPERVISOR_UNIT, on_done, &o), 0);
	wait_until(o.done);
	assert_int_equal(o.error, -EIO);
	assert_int_equal(c->state, CELL_FAILED);
	assert_null(sim_find(sim, "rtos"));
}

static void test_stop_outlives_supervisor(void **state)
{
	int fd;

	(void)state;
	sim->delay_usec = 20000;
	fd = start_with_lease("rtos");
	assert_int_equal(action_restart(cell("rtos"), JOB_CONSENT_ASK, NULL, NULL), 0);
	assert_int_equal(send(fd, "STOP=1\n", 7, 0), 7);
	close(fd);
	wait_until(is_idle(cell("rtos"), CELL_DEFINED));
	assert_null(sim_find(sim, "rtos"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		history(test_lease),
		history(test_lease_of_failure),
		history(test_lease_and_action),
		history(test_supervisor_dies),
		history(test_both_die),
		history(test_deaf_supervisor),
		history(test_stop_outlives_supervisor),
		history(test_end_outlives_next_run),
		history(test_lease_in_the_bus),
		history(test_lost_caller),
		history(test_failed_start_of_unit),
	};

	return run_histories(tests);
}
