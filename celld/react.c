/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reactions: what celld does about cells without being asked. A run that ends goes through react_ended(), whatever
 * ended it; the policy decides there, and nowhere else.
 */
#include <inttypes.h>
#include <sys/random.h>

#include "action.h"
#include "celld-messages.h"
#include "clock.h"
#include "console.h"
#include "log.h"
#include "react.h"
#include "watch.h"

struct CellRestart {
	sd_event_source *timer;
};

void react_cancel_restart(Cell *c)
{
	if (c->restart)
		sd_event_source_disable_unref(c->restart->timer);
	free(c->restart);
	c->restart = NULL;
	if (c->next_restart_usec > 0) {
		c->next_restart_usec = 0;
		cell_mark(c, CELL_CHANGED_NEXT_RESTART);
	}
}

void react_enter_rest(Cell *c, CellState state)
{
	if (!cell_is_created(c))
		c->left_by_unit = false;
	if (c->supervisor == CELL_SUPERVISOR_CELLD || !c->lease)
		cell_set_supervisor(c, CELL_SUPERVISOR_NONE);
	(void)cell_set_state(c, state);
}

void react_enter_running(Cell *c, bool fresh)
{
	react_cancel_restart(c);
	watch_map(c);
	if (fresh) {
		supervise_started(&c->policy, cell_policy(c), clock_monotonic());
		cell_set_result(c, CELL_RESULT_SUCCESS);
	}
	if (cell_is_supervised(c) && (fresh || c->state != CELL_RUNNING))
		watch_start(c);
	(void)cell_set_state(c, CELL_RUNNING);
	if (fresh)
		log_cell(c, LOG_INFO, CELLD_MESSAGE_STARTED, "Cell is running%s (id %" PRIi32 ").",
			 c->fallback ? " from its fallback images" : "", c->kernel.id);
	else
		log_cell(c, LOG_INFO, NULL, "Cell runs on.");
}

/** give_up - the policy does not start the cell again: failed, and its resources go back unless the file says otherwise
 */
static void give_up(Cell *c)
{
	FailureAction action = cell_policy(c)->on_failure;

	/* First: without an operation under way, failed is the end for the supervisor. */
	if (action != FAILURE_ACTION_NONE)
		action_give_back(c);
	react_enter_rest(c, CELL_FAILED);
	if (action == FAILURE_ACTION_REBOOT && c->host->reboot)
		c->host->reboot(c, c->host->userdata);
}

static void restart_now(Cell *c)
{
	if (action_restart_by_policy(c) >= 0)
		return;
	react_cancel_restart(c);
	give_up(c);
}

static int on_restart_time(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata)
{
	restart_now(userdata);
	return 0;
}

static void schedule_restart(Cell *c, uint64_t delay_usec)
{
	int r = -ENOMEM;

	react_cancel_restart(c);
	c->restart = calloc(1, sizeof(*c->restart));
	if (c->restart)
		r = sd_event_add_time_relative(c->host->event, &c->restart->timer, CLOCK_MONOTONIC, delay_usec,
					       USEC_PER_MSEC, on_restart_time, c);
	if (r < 0) {
		log_cell(c, LOG_ERR, NULL, "Cannot schedule the restart: %s", strerror(-r));
		give_up(c);
		return;
	}
	c->n_restarts++;
	c->next_restart_usec = clock_monotonic() + delay_usec;
	cell_mark(c, CELL_CHANGED_RESTARTS | CELL_CHANGED_NEXT_RESTART);
	log_cell(c, LOG_NOTICE, CELLD_MESSAGE_RESTART_SCHEDULED, "Restart %u is scheduled in %s.", c->n_restarts,
		 FORMAT_USEC(delay_usec));
	(void)cell_set_state(c, CELL_RESTARTING);
	if (c->host->restart_scheduled)
		c->host->restart_scheduled(c, c->n_restarts, delay_usec, c->host->userdata);
}

/** end_unsupervised - nobody decides: just tell how it is */
static void end_unsupervised(Cell *c, CellResult result)
{
	if (!cell_is_created(c))
		(void)cell_set_state(c, CELL_DEFINED);
	else
		(void)cell_set_state(c, result == CELL_RESULT_SUCCESS ? CELL_CREATED : CELL_FAILED);
}

static uint32_t any_number(void)
{
	uint32_t number;

	return getrandom(&number, sizeof(number), GRND_NONBLOCK) == (ssize_t)sizeof(number) ? number : 0;
}

/** decide - by the policy, on a run that has ended with this result */
static void decide(Cell *c, CellResult result)
{
	SupervisionPolicy policy = *cell_policy(c);
	uint64_t delay = 0;

	if (c->no_restart)
		policy.restart = RESTART_NO;
	switch (supervise_ended(&c->policy, &policy, result, clock_monotonic(), any_number(), &delay)) {
	case SUPERVISE_RESTART:
		schedule_restart(c, delay);
		break;
	case SUPERVISE_LIMIT_HIT:
		log_cell(c, LOG_ERR, NULL, "Restarted too often, the last time after: %s.",
			 cell_result_to_string(result));
		cell_end_run(c, CELL_RESULT_START_LIMIT_HIT);
		give_up(c);
		break;
	case SUPERVISE_END:
		if (result != CELL_RESULT_SUCCESS)
			give_up(c);
		else if (!cell_is_created(c))
			react_enter_rest(c, CELL_DEFINED);
		else if (action_stop(c, JOB_CONSENT_FORCE, NULL, NULL) < 0)
			react_enter_rest(c, CELL_CREATED);
		break;
	}
}

void react_ended(Cell *c, CellResult result)
{
	CellHealth health = c->health;

	watch_stop(c);
	if (health == CELL_HEALTH_LOST)
		cell_set_health(c, health);
	if (result != CELL_RESULT_SUCCESS && !c->last_words)
		console_note_end(c);
	cell_end_run(c, result);
	if (cell_is_supervised(c))
		decide(c, result);
	else
		end_unsupervised(c, result);
}

void react_judge(Cell *c)
{
	CellResult result;

	console_look(c);
	switch (cell_judge(&c->kernel, &result)) {
	case CELL_VERDICT_OK:
		break;
	case CELL_VERDICT_GONE:
		log_cell(c, LOG_WARNING, NULL, "Cell was destroyed by somebody else.");
		watch_stop(c);
		watch_map(c);
		react_enter_rest(c, CELL_DEFINED);
		break;
	case CELL_VERDICT_SHUT_DOWN:
		log_cell(c, LOG_INFO, NULL, "Cell has shut itself down.");
		react_ended(c, CELL_RESULT_SUCCESS);
		break;
	case CELL_VERDICT_FAILED:
		cell_set_result(c, result);
		console_note_end(c);
		log_cell(c, LOG_ERR, NULL, "Cell does not run any more (%s)%s%s.", cell_result_to_string(result),
			 c->fault.known ? ": " : "", c->fault.known ? c->fault.text : "");
		react_ended(c, result);
		break;
	}
}

/** observe_idle - a cell that celld does not run: follow what others do with it */
static void observe_idle(Cell *c)
{
	CellResult result;
	CellVerdict verdict = cell_judge(&c->kernel, &result);

	watch_map(c);
	if (verdict == CELL_VERDICT_OK) {
		cell_forget_failure(c);
		cell_set_fallback(c, false);
		react_enter_running(c, true);
	} else if (c->state == CELL_RESTARTING) {
		/* Waits for its start; what it looks like until then does not matter. */
		cell_flush(c);
	} else if (verdict == CELL_VERDICT_GONE) {
		(void)cell_set_state(c, c->state == CELL_FAILED ? CELL_FAILED : CELL_DEFINED);
	} else if (verdict == CELL_VERDICT_SHUT_DOWN) {
		(void)cell_set_state(c, c->state == CELL_FAILED ? CELL_FAILED : CELL_CREATED);
	} else if (c->state != CELL_FAILED) {
		cell_end_run(c, result);
		(void)cell_set_state(c, CELL_FAILED);
	}
}

void react_observe(Cell *c)
{
	if (c->job) {
		cell_flush(c);
		return;
	}
	if (c->state == CELL_RUNNING) {
		watch_map(c);
		react_judge(c);
	} else {
		observe_idle(c);
	}
	cell_flush(c);
}

void react_supervise(Cell *c, CellSupervisor supervisor)
{
	bool before = cell_is_supervised(c);

	c->left_by_unit = false;
	cell_set_supervisor(c, supervisor);
	if (!before && c->state == CELL_RUNNING && !c->job)
		watch_start(c);
	cell_flush(c);
}

void react_take_over(Cell *c)
{
	if (c->job || !cell_is_supervised(c))
		return;
	if (c->state == CELL_FAILED && c->interrupted)
		restart_now(c);
	else if (c->state == CELL_FAILED && cell_is_created(c))
		decide(c, c->result);
	else if (c->state == CELL_CREATED)
		decide(c, CELL_RESULT_SUCCESS);
}

void react_unsupervise(Cell *c)
{
	/* If celld is in charge by now, an earlier run's supervisor is nobody to miss. */
	if (c->supervisor != CELL_SUPERVISOR_UNIT)
		return;
	c->left_by_unit = cell_is_created(c) || c->job || c->restart;
	cell_set_supervisor(c, CELL_SUPERVISOR_NONE);
	c->no_restart = false;
	watch_stop(c);
	/* Nobody is left to wait for the restart. */
	if (c->restart && !c->job) {
		react_cancel_restart(c);
		(void)cell_set_state(c, CELL_FAILED);
	}
	cell_flush(c);
}
