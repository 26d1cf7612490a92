/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of whole histories of cells: what others do to them, and celld that dies and comes back.
 */
#include "kmod.h"
#include "test-world.h"

/* -- Others ------------------------------------------------------------------------------------------------------- */

static void create_behind_our_back(const char *name)
{
	SimCell *c = &sim->cells[40];

	*c = (SimCell){ .used = true, .kernel = { .id = 40, .state = KERNEL_SHUT_DOWN } };
	snprintf(c->kernel.name, sizeof(c->kernel.name), "%s", name);
	kernel_cpu_set_add(&c->kernel.cpus, 7);
	sim_emit(sim, NET_EVENT_CREATED, c, NULL, 0);
}

static void test_others(void **state)
{
	Cell *c;

	(void)state;
	create_behind_our_back("alien");
	wait_until(manager_find(manager, "alien") && cell("alien")->state == CELL_CREATED);
	assert_int_equal(manager_get_by_cpu(manager, 7, &c), 0);
	assert_string_equal(c->name, "alien");
	kernel_cell("alien")->kernel.state = KERNEL_RUNNING;
	sim_emit(sim, NET_EVENT_STARTED, kernel_cell("alien"), NULL, 0);
	wait_until(cell("alien")->state == CELL_RUNNING);
	assert_int_equal(cell("alien")->supervisor, CELL_SUPERVISOR_NONE);
	park("alien");
	wait_until(cell("alien")->state == CELL_FAILED);
	assert_int_equal(cell("alien")->result, CELL_RESULT_CPU_FAILED);
	sim->cells[40].used = false;
	sim_emit(sim, NET_EVENT_DESTROYED, &sim->cells[40], NULL, 0);
	wait_until(!manager_find(manager, "alien"));
	assert_int_equal(manager_get_by_cpu(manager, 7, &c), -CELL_ENOSUCHCELL);
}

static void test_lost_events(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	/* Parked, but nobody heard of it; then something else tells that events are missing. */
	kernel_cell("rtos")->kernel.failed = c->kernel.cpus;
	kernel_cell("rtos")->kernel.state = KERNEL_FAILED;
	sim->seq += 2;
	create_behind_our_back("alien");
	wait_until(c->n_restarts == 1 && is_idle(c, CELL_RUNNING));
}

static void test_hypervisor_goes(void **state)
{
	(void)state;
	start("rtos", 0);
	start("other", 0);
	assert_int_equal(kmod_disable(-1), 0);
	wait_until(manager->hypervisor == HYPERVISOR_DISABLED);
	wait_until(is_idle(cell("rtos"), CELL_DEFINED) && is_idle(cell("other"), CELL_DEFINED));
}

static void test_definitions(void **state)
{
	Cell *c;

	(void)state;
	assert_int_equal(manager_get(manager, "third", &c), -CELL_ENOSUCHCELL);
	assert_int_equal(manager_get(manager, "../etc/passwd", &c), -CELL_ENOSUCHCELL);
	write_cell("third", "1", "");
	/* Found when it is asked for, without a reload. */
	assert_int_equal(manager_get(manager, "third", &c), 0);
	assert_non_null(c->config);
	remove_cell("third");
	assert_int_equal(manager_reload(manager), 0);
	wait_until(!manager_find(manager, "third"));

	/* What runs keeps its configuration and its object. */
	start("rtos", 0);
	remove_cell("rtos");
	assert_int_equal(manager_reload(manager), 0);
	assert_non_null(cell("rtos")->config);
	stop("rtos", JOB_CONSENT_ASK, 0);
	assert_int_equal(manager_reload(manager), 0);
	wait_until(!manager_find(manager, "rtos"));
}

/* -- celld dies --------------------------------------------------------------------------------------------------- */

static void test_adoption(void **state)
{
	(void)state;
	start("rtos", 0);
	park("rtos");
	wait_until(cell("rtos")->n_restarts == 1 && is_idle(cell("rtos"), CELL_RUNNING));
	kill_manager();
	assert_int_equal(cell("rtos")->state, CELL_RUNNING);
	assert_int_equal(cell("rtos")->supervisor, CELL_SUPERVISOR_CELLD);
	assert_int_equal(cell("rtos")->n_restarts, 1);
	assert_int_equal(kernel_cell("rtos")->starts, 2);
	/* It is watched again. */
	park("rtos");
	wait_until(cell("rtos")->n_restarts == 2 && is_idle(cell("rtos"), CELL_RUNNING));
}

static void test_failure_without_celld(void **state)
{
	(void)state;
	start("rtos", 0);
	manager = manager_free(manager);
	sim_print(sim, kernel_cell("rtos"), "alone");
	park("rtos");
	start_manager();
	assert_string_equal(cell("rtos")->last_words, "alone");
	wait_until(cell("rtos")->n_restarts == 1 && is_idle(cell("rtos"), CELL_RUNNING));
}

static void test_killed_at_work(void **state)
{
	(void)state;
	/* In the middle of a start. */
	sim->delay_usec = 20000;
	for (unsigned i = 0; i < 10; i++) {
		uint64_t until = clock_monotonic() + i * 10 * USEC_PER_MSEC;

		assert_int_equal(action_start(cell("rtos"), CELL_SUPERVISOR_CELLD, NULL, NULL), 0);
		while (clock_monotonic() < until)
			assert_true(sd_event_run(event, 5 * USEC_PER_MSEC) >= 0);
		kill_manager();
		/* Whether it had been created or not: what was asked for happens. */
		wait_until(cell("rtos")->state == CELL_RUNNING || is_idle(cell("rtos"), CELL_DEFINED));
		if (cell("rtos")->state == CELL_DEFINED)
			continue;

		/* In the middle of a stop. */
		assert_int_equal(action_stop(cell("rtos"), JOB_CONSENT_ASK, NULL, NULL), 0);
		assert_true(sd_event_run(event, 5 * USEC_PER_MSEC) >= 0);
		kill_manager();
		wait_until(is_idle(cell("rtos"), CELL_DEFINED));
		assert_null(sim_find(sim, "rtos"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		history(test_others),	      history(test_lost_events), history(test_hypervisor_goes),
		history(test_definitions),    history(test_adoption),	 history(test_failure_without_celld),
		history(test_killed_at_work),
	};

	return run_histories(tests);
}
