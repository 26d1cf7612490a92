/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of the life cycle: every transition, allowed or not; what observers are told; how the kernel's word is judged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cell.h"
#include "log.h"

/** Allowed transitions as a picture: row from, column to, in the order of CellState. */
static const char picture[CELL_STATE_COUNT][CELL_STATE_COUNT + 1] = {
	/*                 d c s r S R f */
	[CELL_DEFINED] = "xxxx..x", [CELL_CREATED] = "xxxxxxx",	 [CELL_STARTING] = "xxxx.xx",
	[CELL_RUNNING] = "xxxxxxx", [CELL_STOPPING] = "xx.xx.x", [CELL_RESTARTING] = "xxxxxxx",
	[CELL_FAILED] = "xxxxxxx",
};

typedef struct Seen {
	unsigned calls;
	unsigned changed;
	CellState state;
} Seen;

static void on_changed(Cell *c, unsigned changed, void *userdata)
{
	Seen *seen = userdata;

	seen->calls++;
	seen->changed = changed;
	seen->state = c->state;
}

static Cell *new_cell(CellHost *host, Seen *seen)
{
	Cell *c;

	*seen = (Seen){ 0 };
	*host = (CellHost){ .changed = on_changed, .userdata = seen };
	assert_int_equal(cell_new("rtos", host, &c), 0);
	return c;
}

static void test_transitions(void **state)
{
	(void)state;
	for (CellState from = 0; from < CELL_STATE_COUNT; from++)
		for (CellState to = 0; to < CELL_STATE_COUNT; to++) {
			bool allowed = picture[from][to] == 'x';
			CellHost host;
			Seen seen;
			_cleanup_cell_ Cell *c = new_cell(&host, &seen);

			cell_adopt_state(c, from);
			seen.calls = 0;
			assert_int_equal(cell_may_enter(c, to), allowed);
			assert_int_equal(cell_set_state(c, to), allowed ? 0 : -EPERM);
			assert_int_equal(c->state, allowed ? to : from);
			assert_int_equal(seen.calls, allowed && from != to);
		}
}

static void test_no_state(void **state)
{
	CellHost host;
	Seen seen;
	_cleanup_cell_ Cell *c = new_cell(&host, &seen);

	(void)state;
	assert_false(cell_may_enter(c, CELL_STATE_COUNT));
	assert_false(cell_may_enter(c, CELL_STATE_INVALID));
	assert_int_equal(cell_set_state(c, CELL_STATE_INVALID), -EPERM);
	assert_int_equal(c->state, CELL_DEFINED);
}

static void test_observer(void **state)
{
	CellHost host;
	Seen seen;
	_cleanup_cell_ Cell *c = new_cell(&host, &seen);

	(void)state;
	/* Marked changes wait, and come together with the state. */
	cell_set_result(c, CELL_RESULT_CELL_FAILED);
	cell_set_health(c, CELL_HEALTH_LOST);
	assert_int_equal(seen.calls, 0);
	assert_int_equal(cell_set_state(c, CELL_FAILED), 0);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(seen.changed, CELL_CHANGED_STATE | CELL_CHANGED_RESULT | CELL_CHANGED_HEALTH);

	/* What does not change is not told. */
	cell_set_result(c, CELL_RESULT_CELL_FAILED);
	assert_int_equal(cell_set_state(c, CELL_FAILED), 0);
	cell_flush(c);
	assert_int_equal(seen.calls, 1);

	cell_set_supervisor(c, CELL_SUPERVISOR_UNIT);
	cell_set_operation(c, CELL_OPERATION_STOP);
	cell_flush(c);
	assert_int_equal(seen.changed, CELL_CHANGED_SUPERVISOR | CELL_CHANGED_OPERATION);
}

static void test_kernel(void **state)
{
	KernelCell k = { .id = 1, .state = KERNEL_RUNNING };
	CellHost host;
	Seen seen;
	_cleanup_cell_ Cell *c = new_cell(&host, &seen);

	(void)state;
	assert_false(cell_is_created(c));
	cell_set_kernel(c, &k);
	assert_true(cell_is_created(c));
	cell_flush(c);
	assert_int_equal(seen.changed, CELL_CHANGED_KERNEL);

	seen.calls = 0;
	cell_set_kernel(c, &k);
	cell_flush(c);
	assert_int_equal(seen.calls, 0);

	kernel_cpu_set_add(&k.failed, 3);
	cell_set_kernel(c, &k);
	cell_set_kernel(c, NULL);
	assert_false(cell_is_created(c));
}

static void check_verdict(const KernelCell *k, CellVerdict verdict, CellResult result)
{
	CellResult r;

	assert_int_equal(cell_judge(k, &r), verdict);
	assert_int_equal(r, result);
}

static void test_judge(void **state)
{
	KernelCell k = { .id = -1 };

	(void)state;
	check_verdict(&k, CELL_VERDICT_GONE, CELL_RESULT_SUCCESS);
	k.id = 1;
	kernel_cpu_set_add(&k.cpus, 2);
	kernel_cpu_set_add(&k.cpus, 3);
	for (k.state = 0; k.state < KERNEL_STATE_MAX; k.state++) {
		static const struct {
			CellVerdict verdict;
			CellResult result;
		} wanted[KERNEL_STATE_MAX] = {
			[KERNEL_RUNNING] = { CELL_VERDICT_OK, CELL_RESULT_SUCCESS },
			[KERNEL_RUNNING_LOCKED] = { CELL_VERDICT_OK, CELL_RESULT_SUCCESS },
			[KERNEL_SHUT_DOWN] = { CELL_VERDICT_SHUT_DOWN, CELL_RESULT_SUCCESS },
			[KERNEL_FAILED] = { CELL_VERDICT_FAILED, CELL_RESULT_CELL_FAILED },
			[KERNEL_ABI_MISMATCH] = { CELL_VERDICT_FAILED, CELL_RESULT_COMM_REVISION },
		};

		check_verdict(&k, wanted[k.state].verdict, wanted[k.state].result);
	}
	/* A cell that writes nonsense into its state word is watched by its heartbeat. */
	k.state = KERNEL_STATE_INVALID;
	check_verdict(&k, CELL_VERDICT_OK, CELL_RESULT_SUCCESS);

	k.state = KERNEL_RUNNING;
	kernel_cpu_set_add(&k.failed, 3);
	check_verdict(&k, CELL_VERDICT_FAILED, CELL_RESULT_CPU_FAILED);
	k.state = KERNEL_FAILED;
	check_verdict(&k, CELL_VERDICT_FAILED, CELL_RESULT_CPU_FAILED);
}

static void test_cpu_set(void **state)
{
	KernelCpuSet set = { 0 };

	(void)state;
	kernel_cpu_set_add(&set, 0);
	kernel_cpu_set_add(&set, 63);
	kernel_cpu_set_add(&set, 64);
	kernel_cpu_set_add(&set, KERNEL_CPU_MAX);
	kernel_cpu_set_add(&set, UINT32_MAX);
	assert_int_equal(kernel_cpu_set_count(&set), 3);
	assert_true(kernel_cpu_set_has(&set, 64));
	assert_false(kernel_cpu_set_has(&set, 65));
	assert_false(kernel_cpu_set_has(&set, UINT32_MAX));
}

static void test_names(void **state)
{
	(void)state;
	for (CellState s = 0; s < CELL_STATE_COUNT; s++)
		assert_int_equal(cell_state_from_string(cell_state_to_string(s)), s);
	for (CellSupervisor s = 0; s < CELL_SUPERVISOR_MAX; s++)
		assert_int_equal(cell_supervisor_from_string(cell_supervisor_to_string(s)), s);
	for (CellOperation o = 0; o < CELL_OPERATION_MAX; o++)
		assert_int_equal(cell_operation_from_string(cell_operation_to_string(o)), o);
	for (KernelState s = 0; s < KERNEL_STATE_MAX; s++)
		assert_int_equal(kernel_state_from_string(kernel_state_to_string(s)), s);
	assert_null(kernel_state_to_string(KERNEL_STATE_INVALID));
	assert_string_equal(kernel_counter_name(0), "vmexits_total");
	assert_null(kernel_counter_name(KERNEL_COUNTERS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transitions), cmocka_unit_test(test_no_state), cmocka_unit_test(test_observer),
		cmocka_unit_test(test_kernel),	    cmocka_unit_test(test_judge),    cmocka_unit_test(test_cpu_set),
		cmocka_unit_test(test_names),
	};

	log_set_max_level(LOG_EMERG);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
