/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cells: the life cycle as a table of allowed transitions, and setters that keep observers informed.
 */
#include <inttypes.h>

#include "cell.h"
#include "clock.h"
#include "log.h"

static const char *const cell_state_table[CELL_STATE_COUNT] = {
	[CELL_DEFINED] = "defined", [CELL_CREATED] = "created",	  [CELL_STARTING] = "starting",
	[CELL_RUNNING] = "running", [CELL_STOPPING] = "stopping", [CELL_RESTARTING] = "restarting",
	[CELL_FAILED] = "failed",
};
DEFINE_STRING_TABLE(cell_state, CellState)

static const char *const cell_supervisor_table[CELL_SUPERVISOR_MAX] = {
	[CELL_SUPERVISOR_NONE] = "none",
	[CELL_SUPERVISOR_CELLD] = "celld",
	[CELL_SUPERVISOR_UNIT] = "unit",
};
DEFINE_STRING_TABLE(cell_supervisor, CellSupervisor)

static const char *const cell_operation_table[CELL_OPERATION_MAX] = {
	[CELL_OPERATION_NONE] = "none",	      [CELL_OPERATION_CREATE] = "create", [CELL_OPERATION_START] = "start",
	[CELL_OPERATION_RESTART] = "restart", [CELL_OPERATION_STOP] = "stop",
};
DEFINE_STRING_TABLE(cell_operation, CellOperation)

static const char *const kernel_state_table[KERNEL_STATE_MAX] = {
	[KERNEL_RUNNING] = "running", [KERNEL_RUNNING_LOCKED] = "running/locked",  [KERNEL_SHUT_DOWN] = "shut down",
	[KERNEL_FAILED] = "failed",   [KERNEL_ABI_MISMATCH] = "Comm ABI mismatch",
};
DEFINE_STRING_TABLE(kernel_state, KernelState)

const char *kernel_counter_name(unsigned i)
{
	static const char *const names[] = {
		"vmexits_total",  "vmexits_mmio",      "vmexits_management", "vmexits_hypercall",
		"vmexits_pio",	  "vmexits_xapic",     "vmexits_cr",	     "vmexits_cpuid",
		"vmexits_xsetbv", "vmexits_exception", "vmexits_msr_other",  "vmexits_msr_x2apic_icr",
	};

	return i < ELEMENTSOF(names) ? names[i] : NULL;
}

#define TO(state) (1U << (state))

/*
 * Where each state may lead. Reading aid: a start goes defined -> starting -> running; a stop running -> stopping ->
 * defined, or back to running if the cell refuses; a failure running -> restarting -> starting -> running, or failed.
 */
static const unsigned transitions[CELL_STATE_COUNT] = {
	/* Somebody else (or a half-done job of ours) created or started it: created, running, failed. */
	[CELL_DEFINED] = TO(CELL_CREATED) | TO(CELL_STARTING) | TO(CELL_RUNNING) | TO(CELL_FAILED),
	/* What ended while nobody was in charge may be restarted by whoever takes over. */
	[CELL_CREATED] = TO(CELL_DEFINED) | TO(CELL_STARTING) | TO(CELL_RUNNING) | TO(CELL_STOPPING) |
			 TO(CELL_RESTARTING) | TO(CELL_FAILED),
	/* Failing while it starts is a failure, and the policy may try again; but no hypervisor is not the cell's
	   fault. */
	[CELL_STARTING] =
		TO(CELL_RUNNING) | TO(CELL_RESTARTING) | TO(CELL_FAILED) | TO(CELL_DEFINED) | TO(CELL_CREATED),
	[CELL_RUNNING] = TO(CELL_DEFINED) | TO(CELL_CREATED) | TO(CELL_STARTING) | TO(CELL_STOPPING) |
			 TO(CELL_RESTARTING) | TO(CELL_FAILED),
	/* Refused: running again. Failed to give back: failed. */
	[CELL_STOPPING] = TO(CELL_DEFINED) | TO(CELL_CREATED) | TO(CELL_RUNNING) | TO(CELL_FAILED),
	/* By hand it may go on running if it refuses. */
	[CELL_RESTARTING] = TO(CELL_DEFINED) | TO(CELL_CREATED) | TO(CELL_STARTING) | TO(CELL_RUNNING) |
			    TO(CELL_STOPPING) | TO(CELL_FAILED),
	[CELL_FAILED] = TO(CELL_DEFINED) | TO(CELL_CREATED) | TO(CELL_STARTING) | TO(CELL_RUNNING) | TO(CELL_STOPPING) |
			TO(CELL_RESTARTING),
};

int cell_new(const char *name, const CellHost *host, Cell **ret)
{
	_cleanup_cell_ Cell *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->host = host;
	c->name = strdup(name);
	if (!c->name)
		return -ENOMEM;
	c->kernel.id = -1;
	c->state_monotonic_usec = clock_monotonic();
	c->state_realtime_usec = clock_realtime();
	*ret = TAKE_PTR(c);
	return 0;
}

Cell *cell_free(Cell *c)
{
	if (!c)
		return NULL;
	cell_config_free(c->config);
	free(c->config_error);
	free(c->last_text);
	free(c->last_words);
	free(c->name);
	free(c);
	return NULL;
}

bool cell_may_enter(const Cell *c, CellState state)
{
	if ((unsigned)state >= CELL_STATE_COUNT)
		return false;
	return state == c->state || (transitions[c->state] & TO(state));
}

static void enter(Cell *c, CellState state)
{
	c->state = state;
	c->state_monotonic_usec = clock_monotonic();
	c->state_realtime_usec = clock_realtime();
	cell_mark(c, CELL_CHANGED_STATE);
}

int cell_set_state(Cell *c, CellState state)
{
	CellState from = c->state;

	if (!cell_may_enter(c, state)) {
		log_cell(c, LOG_ERR, NULL, "Bug: cell cannot go from %s to %s", cell_state_to_string(from),
			 cell_state_to_string(state) ?: "nowhere");
		return -EPERM;
	}
	if (state != from) {
		enter(c, state);
		log_cell_state(c, from);
	}
	cell_flush(c);
	return 0;
}

void cell_adopt_state(Cell *c, CellState state)
{
	if (state == c->state)
		return;
	enter(c, state);
	cell_flush(c);
}

void cell_set_health(Cell *c, CellHealth health)
{
	if (c->health == health)
		return;
	c->health = health;
	cell_mark(c, CELL_CHANGED_HEALTH);
}

void cell_set_result(Cell *c, CellResult result)
{
	if (c->result == result)
		return;
	c->result = result;
	cell_mark(c, CELL_CHANGED_RESULT);
}

void cell_end_run(Cell *c, CellResult result)
{
	cell_set_result(c, result);
	if (result != CELL_RESULT_SUCCESS && c->host->failed)
		c->host->failed(c, result, c->host->userdata);
}

void cell_set_operation(Cell *c, CellOperation operation)
{
	if (c->operation == operation)
		return;
	c->operation = operation;
	cell_mark(c, CELL_CHANGED_OPERATION);
}

void cell_set_supervisor(Cell *c, CellSupervisor supervisor)
{
	if (c->supervisor == supervisor)
		return;
	c->supervisor = supervisor;
	cell_mark(c, CELL_CHANGED_SUPERVISOR);
}

void cell_set_fallback(Cell *c, bool fallback)
{
	if (c->fallback == fallback)
		return;
	c->fallback = fallback;
	cell_mark(c, CELL_CHANGED_FALLBACK);
}

void cell_set_kernel(Cell *c, const KernelCell *kernel)
{
	static const KernelCell absent = { .id = -1 };

	if (!kernel || kernel->id < 0)
		kernel = &absent;
	if (c->kernel.id != kernel->id || c->kernel.state != kernel->state ||
	    memcmp(&c->kernel.cpus, &kernel->cpus, sizeof(kernel->cpus)) != 0 ||
	    memcmp(&c->kernel.failed, &kernel->failed, sizeof(kernel->failed)) != 0)
		cell_mark(c, CELL_CHANGED_KERNEL);
	c->kernel = *kernel;
}

void cell_note_error(Cell *c, int error, const char *text)
{
	free(c->last_text);
	c->last_error = error;
	c->last_text = isempty(text) ? NULL : strdup(text);
}

void cell_forget_failure(Cell *c)
{
	c->fault = (CellFault){ 0 };
	free(c->last_words);
	c->last_words = NULL;
}

void cell_mark(Cell *c, unsigned changed)
{
	c->pending |= changed;
}

void cell_flush(Cell *c)
{
	unsigned changed = c->pending;

	c->pending = 0;
	if (changed && c->host->changed)
		c->host->changed(c, changed, c->host->userdata);
}

CellVerdict cell_judge(const KernelCell *kernel, CellResult *ret_result)
{
	*ret_result = CELL_RESULT_SUCCESS;
	if (kernel->id < 0)
		return CELL_VERDICT_GONE;

	/* Parked CPUs were stopped by the hypervisor; without them it is the cell that says it has failed. */
	if (kernel_cpu_set_count(&kernel->failed) > 0) {
		*ret_result = CELL_RESULT_CPU_FAILED;
		return CELL_VERDICT_FAILED;
	}
	switch (kernel->state) {
	case KERNEL_SHUT_DOWN:
		return CELL_VERDICT_SHUT_DOWN;
	case KERNEL_FAILED:
		*ret_result = CELL_RESULT_CELL_FAILED;
		return CELL_VERDICT_FAILED;
	case KERNEL_ABI_MISMATCH:
		*ret_result = CELL_RESULT_COMM_REVISION;
		return CELL_VERDICT_FAILED;
	default:
		return CELL_VERDICT_OK;
	}
}

const SupervisionPolicy *cell_policy(const Cell *c)
{
	static SupervisionPolicy defaults;
	static bool initialised;

	if (c->config)
		return &c->config->supervision;
	if (!initialised) {
		supervision_policy_init(&defaults);
		initialised = true;
	}
	return &defaults;
}
