/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Actions: every change of a cell's life goes through here.
 *
 * A job leaves the loop in begin() and comes back in on_job_done(): first everything that the kernel told meanwhile is
 * taken in, then settle() finds the new state from what the kernel says of the cell, not from what was intended.
 */
#include "action.h"
#include "cell-error.h"
#include "celld-messages.h"
#include "clock.h"
#include "log.h"
#include "operation.h"
#include "watch.h"

#define JOB_TIMEOUT_USEC (60 * USEC_PER_SEC)

typedef struct Waiter {
	struct Waiter *next;
	void (*call)(Cell *cell, void *userdata);
	void *userdata;
} Waiter;

struct CellJob {
	Cell *cell;
	Operation *operation;
	JobPlan plan;
	bool automatic; /**< by policy: a failure is one more end of a run */
	bool giving_up; /**< takes back the resources of a failed cell, which stays failed */
	ActionDone done;
	void *userdata;
	Waiter *waiters;
};

struct CellRestart {
	sd_event_source *timer;
};

static void schedule_restart(Cell *c, uint64_t delay_usec);
static int begin(Cell *c, CellJob *job);

static CellJob *job_free(CellJob *job)
{
	if (!job)
		return NULL;
	operation_free(job->operation);
	for (Waiter *w = job->waiters, *next; w; w = next) {
		next = w->next;
		free(w);
	}
	free(job);
	return NULL;
}
DEFINE_CLEANUP(CellJob *, job_free)

static void cancel_restart(Cell *c)
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

static void reset_counters(Cell *c)
{
	supervise_reset(&c->policy);
	if (c->n_restarts > 0)
		cell_mark(c, CELL_CHANGED_RESTARTS);
	c->n_restarts = 0;
}

/** enter_rest - the cell does not run and is not going to: celld is not in charge of it any more */
static void enter_rest(Cell *c, CellState state)
{
	if (!cell_is_created(c))
		c->left_by_unit = false;
	if (c->supervisor == CELL_SUPERVISOR_CELLD || !c->lease)
		cell_set_supervisor(c, CELL_SUPERVISOR_NONE);
	(void)cell_set_state(c, state);
}

/** enter_running - the cell runs now, newly started or not */
static void enter_running(Cell *c, bool fresh)
{
	cancel_restart(c);
	watch_map(c);
	if (fresh) {
		supervise_started(&c->policy, cell_policy(c), clock_monotonic());
		cell_set_result(c, CELL_RESULT_SUCCESS);
	}
	if (cell_is_supervised(c) && (fresh || c->state != CELL_RUNNING))
		watch_start(c);
	(void)cell_set_state(c, CELL_RUNNING);
}

void action_give_back(Cell *c)
{
	CellJob *job;

	if (!cell_is_created(c))
		return;
	job = calloc(1, sizeof(*job));
	if (!job)
		return;
	job->plan = (JobPlan){ .operation = CELL_OPERATION_STOP, .consent = JOB_CONSENT_FORCE };
	job->giving_up = true;
	(void)begin(c, job);
}

/** give_up - the policy does not start the cell again: failed, and its resources go back unless the file says otherwise
 */
static void give_up(Cell *c)
{
	enter_rest(c, CELL_FAILED);
	if (cell_policy(c)->on_failure != FAILURE_ACTION_NONE)
		action_give_back(c);
}

/** end_unsupervised - nobody decides: just tell how it is */
static void end_unsupervised(Cell *c, CellResult result)
{
	if (!cell_is_created(c))
		(void)cell_set_state(c, CELL_DEFINED);
	else
		(void)cell_set_state(c, result == CELL_RESULT_SUCCESS ? CELL_CREATED : CELL_FAILED);
}

void action_ended(Cell *c, CellResult result)
{
	CellHealth health = c->health;
	SupervisionPolicy policy;
	uint64_t delay = 0;

	watch_stop(c);
	if (health == CELL_HEALTH_LOST)
		cell_set_health(c, health);
	cell_set_result(c, result);
	if (result != CELL_RESULT_SUCCESS && c->host->failed)
		c->host->failed(c, result, c->host->userdata);
	if (!cell_is_supervised(c)) {
		end_unsupervised(c, result);
		return;
	}

	policy = *cell_policy(c);
	if (c->no_restart)
		policy.restart = RESTART_NO;
	switch (supervise_ended(&c->policy, &policy, result, clock_monotonic(), &delay)) {
	case SUPERVISE_RESTART:
		schedule_restart(c, delay);
		break;
	case SUPERVISE_LIMIT_HIT:
		log_cell(c, LOG_ERR, NULL, "Restarted too often, the last time after: %s.",
			 cell_result_to_string(result));
		cell_set_result(c, CELL_RESULT_START_LIMIT_HIT);
		give_up(c);
		break;
	case SUPERVISE_END:
		if (result != CELL_RESULT_SUCCESS)
			give_up(c);
		else if (!cell_is_created(c))
			enter_rest(c, CELL_DEFINED);
		else if (action_stop(c, JOB_CONSENT_FORCE, NULL, NULL) < 0)
			enter_rest(c, CELL_CREATED);
		break;
	}
}

/** judge_running - is a cell that counts as running really well? */
static void judge_running(Cell *c)
{
	CellResult result;

	switch (cell_judge(&c->kernel, &result)) {
	case CELL_VERDICT_OK:
		break;
	case CELL_VERDICT_GONE:
		log_cell(c, LOG_WARNING, NULL, "Cell was destroyed by somebody else.");
		watch_stop(c);
		watch_map(c);
		enter_rest(c, CELL_DEFINED);
		break;
	case CELL_VERDICT_SHUT_DOWN:
		log_cell(c, LOG_INFO, NULL, "Cell has shut itself down.");
		action_ended(c, CELL_RESULT_SUCCESS);
		break;
	case CELL_VERDICT_FAILED:
		log_cell(c, LOG_ERR, NULL, "Cell does not run any more (%s)%s%s.", cell_result_to_string(result),
			 c->fault.known ? ": " : "", c->fault.known ? c->fault.text : "");
		action_ended(c, result);
		break;
	}
}

/** settle_start - after create, start, restart */
static void settle_start(Cell *c, const CellJob *job, int error, const JobReply *reply)
{
	CellResult ignored;

	if (error >= 0 && job->plan.operation == CELL_OPERATION_CREATE) {
		(void)cell_set_state(c, CELL_CREATED);
		return;
	}
	if (error >= 0) {
		enter_running(c, true);
		judge_running(c);
		return;
	}

	if (job->plan.operation == CELL_OPERATION_RESTART && cell_judge(&c->kernel, &ignored) == CELL_VERDICT_OK) {
		/* It refused, or an image is missing: it never stopped. */
		cell_set_result(c, reply->result);
		enter_running(c, false);
	} else if (job->automatic && reply->result != CELL_RESULT_SUCCESS) {
		action_ended(c, reply->result);
	} else if (reply->result != CELL_RESULT_SUCCESS && job->plan.operation != CELL_OPERATION_CREATE) {
		cell_set_result(c, reply->result);
		enter_rest(c, CELL_FAILED);
	} else {
		enter_rest(c, cell_is_created(c) ? CELL_CREATED : CELL_DEFINED);
	}
}

static void settle_stop(Cell *c, const CellJob *job, int error, const JobReply *reply)
{
	CellResult ignored;

	if (job->giving_up) {
		cell_flush(c);
	} else if (error >= 0) {
		cell_set_result(c, reply->denied ? CELL_RESULT_SHUTDOWN_DENIED : CELL_RESULT_SUCCESS);
		enter_rest(c, CELL_DEFINED);
	} else if (cell_judge(&c->kernel, &ignored) == CELL_VERDICT_OK) {
		cell_set_result(c, reply->result);
		enter_running(c, false);
	} else {
		enter_rest(c, cell_is_created(c) ? CELL_CREATED : CELL_DEFINED);
	}
}

static void log_outcome(const Cell *c, const CellJob *job, int error, const JobReply *reply)
{
	if (reply->denied)
		log_cell(c, LOG_WARNING, CELLD_MESSAGE_SHUTDOWN_DENIED, "Cell has refused to shut down%s.",
			 error >= 0 ? ", it was forced" : "");
	if (error < 0)
		log_cell(c, LOG_ERR, NULL, "Operation %s failed: %s.", cell_operation_to_string(job->plan.operation),
			 reply->text);
}

/** take_in - what the kernel said at the end of the job */
static void take_in(Cell *c, const JobReply *reply)
{
	/* An event may have overtaken the worker's look, which still knows more than events tell: look again, too. */
	bool outdated = !reply->known || c->kernel_seq > reply->info.seq;

	if (reply->known) {
		cell_set_kernel(c, &reply->cell);
		c->kernel_seq = MAX(c->kernel_seq, reply->info.seq);
	}
	if (c->host->told)
		c->host->told(outdated ? NULL : &reply->info, c->host->userdata);
	if (reply->locked_out && c->host->locked_out)
		c->host->locked_out(c->host->userdata);
}

static void on_job_done(void *userdata, int error, const char *bytes, size_t size)
{
	_cleanup_(job_freep) CellJob *job = userdata;
	Cell *c = job->cell;
	JobReply reply = { .cell.id = -1 };

	job->operation = NULL;
	if (size == sizeof(reply)) {
		memcpy(&reply, bytes, sizeof(reply));
	} else {
		reply.result = CELL_RESULT_TIMEOUT;
		snprintf(reply.text, sizeof(reply.text), "The worker was lost: %s", strerror(-error));
	}
	reply.text[sizeof(reply.text) - 1] = '\0';

	/* What the kernel told until now belongs to the job; only then it is over. */
	take_in(c, &reply);
	if (c->host->drain)
		c->host->drain(c->host->userdata);
	c->job = NULL;
	cell_set_operation(c, CELL_OPERATION_NONE);
	watch_map(c);
	cell_note_error(c, error, error < 0 ? reply.text : NULL);
	log_outcome(c, job, error, &reply);
	if (job->plan.operation == CELL_OPERATION_STOP)
		settle_stop(c, job, error, &reply);
	else
		settle_start(c, job, error, &reply);
	cell_flush(c);

	if (job->done)
		job->done(c, error, error < 0 ? reply.text : "", job->userdata);
	for (Waiter *w = job->waiters; w; w = w->next)
		if (w->call)
			(void)action_when_idle(c, w->call, w->userdata);
}

static int work(void *userdata, FILE *out)
{
	const CellJob *job = userdata;
	JobReply reply;
	int r;

	r = job_run(&job->plan, &reply);
	fwrite(&reply, sizeof(reply), 1, out);
	return r;
}

/** begin - hand a job to a child; takes @job in any case */
static int begin(Cell *c, CellJob *new_job)
{
	_cleanup_(job_freep) CellJob *job = new_job;
	int r;

	if (c->job)
		return -CELL_EBUSY;
	cancel_restart(c);
	c->interrupted = false;
	job->cell = c;
	job->plan.name = c->name;
	job->plan.config = c->config;
	job->plan.created = cell_is_created(c);
	job->plan.shutdown_timeout_usec = cell_policy(c)->shutdown_timeout_usec;
	r = operation_start(c->host->event, work, job, JOB_TIMEOUT_USEC, on_job_done, job, &job->operation);
	if (r < 0) {
		log_cell(c, LOG_ERR, NULL, "Cannot start a worker: %s", strerror(-r));
		return r;
	}
	cell_set_operation(c, job->plan.operation);
	c->job = TAKE_PTR(job);
	return 0;
}

/** act - begin a job in the name of a caller, and enter the state that tells of it */
static int act(Cell *c, const CellJob *template, CellState state)
{
	CellJob *job = malloc(sizeof(*job));
	int r;

	if (!job)
		return -ENOMEM;
	*job = *template;
	r = begin(c, job);
	if (r < 0)
		return r;
	/* From now on the cell's answers to the kernel belong to the job. */
	if (state != CELL_RUNNING)
		watch_stop(c);
	(void)cell_set_state(c, state);
	return 0;
}

/** may_configure - is there a configuration to start from? */
static int may_configure(Cell *c)
{
	if (c->host->refresh)
		c->host->refresh(c, c->host->userdata);
	return c->config ? 0 : -CELL_ECONFIG;
}

int action_create(Cell *c, ActionDone done, void *userdata)
{
	CellJob job = { .plan.operation = CELL_OPERATION_CREATE, .done = done, .userdata = userdata };
	int r;

	if (c->job)
		return -CELL_EBUSY;
	if (cell_is_created(c))
		return -CELL_EEXISTS;
	r = may_configure(c);
	if (r < 0)
		return r;
	return act(c, &job, c->state);
}

static bool is_up(const Cell *c)
{
	return c->state == CELL_RUNNING || c->state == CELL_RESTARTING;
}

int action_start(Cell *c, CellSupervisor supervisor, ActionDone done, void *userdata)
{
	CellJob job = {
		.plan.operation = CELL_OPERATION_START,
		.plan.consent = JOB_CONSENT_FORCE,
		.done = done,
		.userdata = userdata,
	};
	int r;

	if (c->job)
		return -CELL_EBUSY;
	if (is_up(c))
		return -CELL_ERUNNING;
	r = may_configure(c);
	if (r < 0) {
		cell_set_result(c, CELL_RESULT_CONFIG);
		(void)cell_set_state(c, CELL_FAILED);
		return r;
	}
	/* Already now, so that a celld that dies on the way knows for whom it was starting the cell. */
	cell_set_supervisor(c, supervisor);
	c->fault = (CellFault){ 0 };
	reset_counters(c);
	r = act(c, &job, CELL_STARTING);
	if (r < 0)
		cell_set_supervisor(c, CELL_SUPERVISOR_NONE);
	return r;
}

int action_restart(Cell *c, JobConsent consent, ActionDone done, void *userdata)
{
	CellJob job = {
		.plan.operation = CELL_OPERATION_RESTART,
		.plan.consent = consent,
		.done = done,
		.userdata = userdata,
	};

	if (c->job)
		return -CELL_EBUSY;
	if (!is_up(c))
		return -CELL_ENOTRUNNING;
	if (!c->config)
		return -CELL_ECONFIG;
	if (c->state == CELL_RESTARTING)
		job.plan.consent = JOB_CONSENT_FORCE;
	return act(c, &job, CELL_RESTARTING);
}

int action_stop(Cell *c, JobConsent consent, ActionDone done, void *userdata)
{
	CellJob job = {
		.plan.operation = CELL_OPERATION_STOP,
		.plan.consent = consent,
		.done = done,
		.userdata = userdata,
	};

	if (c->job)
		return -CELL_EBUSY;
	if (!cell_is_created(c) && !is_up(c))
		return -CELL_ENOTRUNNING;
	return act(c, &job, CELL_STOPPING);
}

int action_reset_failed(Cell *c)
{
	if (c->job)
		return -CELL_EBUSY;
	reset_counters(c);
	if (c->state == CELL_FAILED) {
		c->fault = (CellFault){ 0 };
		cell_set_result(c, CELL_RESULT_SUCCESS);
		(void)cell_set_state(c, cell_is_created(c) ? CELL_CREATED : CELL_DEFINED);
	}
	cell_flush(c);
	return 0;
}

int action_when_idle(Cell *c, void (*call)(Cell *cell, void *userdata), void *userdata)
{
	Waiter *w, **end;

	if (!c->job) {
		call(c, userdata);
		return 0;
	}
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->call = call;
	w->userdata = userdata;
	for (end = &c->job->waiters; *end; end = &(*end)->next)
		;
	*end = w;
	return 0;
}

void action_forget(Cell *c, void *userdata)
{
	if (!c->job || !userdata)
		return;
	if (c->job->userdata == userdata)
		c->job->done = NULL;
	for (Waiter *w = c->job->waiters; w; w = w->next)
		if (w->userdata == userdata)
			w->call = NULL;
}

/** restart_now - because the policy says so */
static void restart_now(Cell *c)
{
	CellJob job = {
		.plan.operation = CELL_OPERATION_RESTART,
		.plan.consent = JOB_CONSENT_FORCE,
		.automatic = true,
	};

	if (act(c, &job, CELL_STARTING) < 0) {
		cancel_restart(c);
		give_up(c);
	}
}

static int on_restart_time(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata)
{
	restart_now(userdata);
	return 0;
}

static void schedule_restart(Cell *c, uint64_t delay_usec)
{
	int r = -ENOMEM;

	cancel_restart(c);
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

/** observe_idle - a cell that celld does not run: follow what others do with it */
static void observe_idle(Cell *c)
{
	CellResult result;
	CellVerdict verdict = cell_judge(&c->kernel, &result);

	watch_map(c);
	if (verdict == CELL_VERDICT_OK) {
		c->fault = (CellFault){ 0 };
		enter_running(c, true);
	} else if (c->state == CELL_RESTARTING) {
		/* Waits for its start; what it looks like until then does not matter. */
		cell_flush(c);
	} else if (verdict == CELL_VERDICT_GONE) {
		(void)cell_set_state(c, c->state == CELL_FAILED ? CELL_FAILED : CELL_DEFINED);
	} else if (verdict == CELL_VERDICT_SHUT_DOWN) {
		(void)cell_set_state(c, c->state == CELL_FAILED ? CELL_FAILED : CELL_CREATED);
	} else {
		cell_set_result(c, result);
		(void)cell_set_state(c, CELL_FAILED);
	}
}

void action_observe(Cell *c)
{
	if (c->job) {
		cell_flush(c);
		return;
	}
	if (c->state == CELL_RUNNING) {
		watch_map(c);
		judge_running(c);
	} else {
		observe_idle(c);
	}
	cell_flush(c);
}

void action_supervise(Cell *c, CellSupervisor supervisor)
{
	bool before = cell_is_supervised(c);

	c->left_by_unit = false;
	cell_set_supervisor(c, supervisor);
	if (!before && c->state == CELL_RUNNING && !c->job)
		watch_start(c);
	cell_flush(c);
}

void action_take_over(Cell *c)
{
	if (c->job || !cell_is_supervised(c))
		return;
	if (c->state == CELL_FAILED && c->interrupted)
		restart_now(c);
	else if (c->state == CELL_FAILED && cell_is_created(c))
		action_ended(c, c->result);
	else if (c->state == CELL_CREATED)
		action_ended(c, CELL_RESULT_SUCCESS);
}

void action_unsupervise(Cell *c)
{
	c->left_by_unit = c->supervisor == CELL_SUPERVISOR_UNIT && (cell_is_created(c) || c->job || c->restart);
	cell_set_supervisor(c, CELL_SUPERVISOR_NONE);
	c->no_restart = false;
	watch_stop(c);
	/* Nobody is left to wait for the restart. */
	if (c->restart && !c->job) {
		cancel_restart(c);
		(void)cell_set_state(c, CELL_FAILED);
	}
	cell_flush(c);
}

void action_cancel(Cell *c)
{
	c->job = job_free(c->job);
	cancel_restart(c);
}
