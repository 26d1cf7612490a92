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
#include "console.h"
#include "log.h"
#include "operation.h"
#include "react.h"
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
	bool fallback;	/**< what ran before */
	bool again;	/**< its first worker was lost */
	uint64_t seq;	/**< events up to this one were before it */
	ActionDone done;
	void *userdata;
	Waiter *waiters;
};

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

static void reset_counters(Cell *c)
{
	supervise_reset(&c->policy);
	if (c->n_restarts > 0)
		cell_mark(c, CELL_CHANGED_RESTARTS);
	c->n_restarts = 0;
}

/** settle_failed_start - the cell does not run, or not anew */
static void settle_failed_start(Cell *c, const CellJob *job, int error, const JobReply *reply)
{
	CellResult result;
	CellVerdict verdict = cell_judge(&c->kernel, &result);
	bool hypervisor_is_gone = error == -CELL_EDISABLED || error == -CELL_EUNAVAILABLE;

	if (job->plan.operation == CELL_OPERATION_RESTART && !job->automatic && verdict == CELL_VERDICT_OK) {
		/* It refused, or an image is missing: it never stopped. */
		cell_set_fallback(c, job->fallback);
		react_enter_running(c, false);
	} else if (job->plan.operation == CELL_OPERATION_RESTART && !hypervisor_is_gone) {
		/* A start all the same, for the limit; and one more end, as it was before if nobody knows better. */
		if (reply->result != CELL_RESULT_SUCCESS)
			result = reply->result;
		supervise_started(&c->policy, cell_policy(c), clock_monotonic());
		react_ended(c, result != CELL_RESULT_SUCCESS ? result : c->result);
	} else if (job->plan.operation == CELL_OPERATION_START && reply->result != CELL_RESULT_SUCCESS) {
		cell_end_run(c, reply->result);
		react_enter_rest(c, CELL_FAILED);
	} else {
		react_enter_rest(c, cell_is_created(c) ? CELL_CREATED : CELL_DEFINED);
	}
}

/** settle_start - after create, start, restart */
static void settle_start(Cell *c, const CellJob *job, int error, const JobReply *reply)
{
	if (error >= 0 && job->plan.operation == CELL_OPERATION_CREATE) {
		(void)cell_set_state(c, CELL_CREATED);
		return;
	}
	if (error >= 0) {
		react_enter_running(c, true);
		react_judge(c);
		return;
	}
	settle_failed_start(c, job, error, reply);
}

/** settle_stop - after stop, whether by hand or to give back what a failed cell holds */
static void settle_stop(Cell *c, const CellJob *job, int error, const JobReply *reply)
{
	CellResult ignored;

	if (job->giving_up) {
		cell_flush(c);
	} else if (error >= 0) {
		cell_end_run(c, reply->objection);
		react_enter_rest(c, CELL_DEFINED);
	} else if (cell_judge(&c->kernel, &ignored) == CELL_VERDICT_OK) {
		react_enter_running(c, false);
	} else {
		react_enter_rest(c, cell_is_created(c) ? CELL_CREATED : CELL_DEFINED);
	}
}

/** show_outcome - as result and in the journal */
static void show_outcome(Cell *c, const CellJob *job, int error, const JobReply *reply)
{
	CellResult result = error < 0 ? reply->result : reply->objection;

	/* The run's own result stays while a failed cell is taken away; creating is no run. */
	if (result != CELL_RESULT_SUCCESS && !job->giving_up && job->plan.operation != CELL_OPERATION_CREATE)
		cell_set_result(c, result);
	if (reply->objection != CELL_RESULT_SUCCESS)
		log_cell(c, LOG_WARNING, CELLD_MESSAGE_SHUTDOWN_DENIED, "Cell %s%s.",
			 reply->objection == CELL_RESULT_TIMEOUT ? "did not answer the request to shut down"
								 : "has refused to shut down",
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

/** note_source - what the cell was made from, for those who ask whether it still is like that */
static void note_source(Cell *c, const JobReply *reply)
{
	if (reply->created)
		c->source = (CellSource){ .config = c->config_stamp };
	if (reply->images != 0)
		c->source.images = reply->images;
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

static void on_job_done(void *userdata, int error, const char *bytes, size_t size);

static int start_worker(CellJob *job)
{
	return operation_start(job->cell->host->event, work, job, JOB_TIMEOUT_USEC, on_job_done, job, &job->operation);
}

/** try_again - somebody has killed the worker: nobody knows what it did, but a second one will */
static bool try_again(CellJob *job)
{
	const Cell *c = job->cell;

	if (job->again)
		return false;
	job->again = true;
	job->plan.ours |= !job->plan.created;
	/* The cell has consented already if its end was heard of; the next one is not asked. */
	if (c->host->drain)
		c->host->drain(c->host->userdata);
	if (c->loaded_seq > job->seq)
		job->plan.consent = JOB_CONSENT_FORCE;
	log_cell(c, LOG_WARNING, NULL, "The worker was lost, starting another one.");
	return start_worker(job) >= 0;
}

/** read_reply - or make up one for a worker that was lost */
static void read_reply(const CellJob *job, int error, const char *bytes, size_t size, JobReply *ret)
{
	*ret = (JobReply){ .cell.id = -1 };
	if (size == sizeof(*ret)) {
		memcpy(ret, bytes, sizeof(*ret));
	} else {
		ret->result = CELL_RESULT_TIMEOUT;
		snprintf(ret->text, sizeof(ret->text), "The worker was lost: %s", strerror(-error));
	}
	ret->text[sizeof(ret->text) - 1] = '\0';
	/* By the first worker, if not by the second. */
	ret->created |= job->again && !job->plan.created;
}

static void on_job_done(void *userdata, int error, const char *bytes, size_t size)
{
	_cleanup_(job_freep) CellJob *job = userdata;
	Cell *c = job->cell;
	JobReply reply;

	job->operation = NULL;
	if (size != sizeof(reply) && error != -ETIMEDOUT && try_again(job)) {
		job = NULL;
		return;
	}
	read_reply(job, error, bytes, size, &reply);

	/* What the kernel told until now belongs to the job; only then it is over. */
	take_in(c, &reply);
	note_source(c, &reply);
	if (c->host->drain)
		c->host->drain(c->host->userdata);
	c->job = NULL;
	cell_set_operation(c, CELL_OPERATION_NONE);
	watch_map(c);
	console_follow(c);
	cell_note_error(c, error, error < 0 ? reply.text : NULL);
	show_outcome(c, job, error, &reply);
	if (job->plan.operation == CELL_OPERATION_STOP)
		settle_stop(c, job, error, &reply);
	else
		settle_start(c, job, error, &reply);
	cell_flush(c);

	if (job->done)
		job->done(c, error, error < 0 ? reply.text : "", job->userdata);
	/* Whoever had it started for its unit is gone, or its call was lost with the bus. */
	if (c->supervisor == CELL_SUPERVISOR_UNIT && !c->lease)
		react_unsupervise(c);
	for (Waiter *w = job->waiters; w; w = w->next)
		if (w->call)
			(void)action_when_idle(c, w->call, w->userdata);
}

/**
 * begin - enter the state that tells of a job, then hand it to a child
 *
 * In this order: a celld that dies in between finds in the state file what may have been done.
 */
static int begin(Cell *c, const CellJob *template, CellState state)
{
	_cleanup_(job_freep) CellJob *job = NULL;
	CellState before = c->state;
	int r;

	if (c->job)
		return -CELL_EBUSY;
	job = malloc(sizeof(*job));
	if (!job)
		return -ENOMEM;
	*job = *template;
	job->cell = c;
	job->plan.name = c->name;
	job->plan.config = c->config;
	job->plan.created = cell_is_created(c);
	job->plan.shutdown_timeout_usec = cell_policy(c)->shutdown_timeout_usec;
	job->fallback = c->fallback;
	job->seq = c->kernel_seq;

	if (job->plan.operation == CELL_OPERATION_START || job->plan.operation == CELL_OPERATION_RESTART)
		cell_set_fallback(c, job->plan.fallback);
	cell_set_operation(c, job->plan.operation);
	(void)cell_set_state(c, state);
	r = start_worker(job);
	if (r < 0) {
		log_cell(c, LOG_ERR, NULL, "Cannot start a worker: %s", strerror(-r));
		cell_set_operation(c, CELL_OPERATION_NONE);
		cell_set_fallback(c, job->fallback);
		cell_adopt_state(c, before);
		cell_flush(c);
		return r;
	}
	c->job = TAKE_PTR(job);
	c->interrupted = false;
	react_cancel_restart(c);
	return 0;
}

void action_give_back(Cell *c)
{
	static const CellJob job = {
		.plan.operation = CELL_OPERATION_STOP,
		.plan.consent = JOB_CONSENT_FORCE,
		.giving_up = true,
	};

	if (cell_is_created(c))
		(void)begin(c, &job, CELL_FAILED);
}

/** act - begin a job that changes what the cell does: from now on its answers to the kernel belong to the job */
static int act(Cell *c, const CellJob *job, CellState state)
{
	int r = begin(c, job, state);

	if (r >= 0)
		watch_stop(c);
	cell_flush(c);
	return r;
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
		.plan.ours = supervisor == CELL_SUPERVISOR_UNIT,
		.done = done,
		.userdata = userdata,
	};
	int r;

	if (c->job)
		return -CELL_EBUSY;
	if (is_up(c))
		return -CELL_ERUNNING;
	cell_forget_failure(c);
	reset_counters(c);
	r = may_configure(c);
	if (r < 0) {
		/* By way of a start, so that a cell that had failed before is seen to fail again. */
		(void)cell_set_state(c, CELL_STARTING);
		cell_end_run(c, CELL_RESULT_CONFIG);
		(void)cell_set_state(c, CELL_FAILED);
		return r;
	}
	/* Already now, so that a celld that dies on the way knows for whom it was starting the cell. */
	cell_set_supervisor(c, supervisor);
	if (supervisor == CELL_SUPERVISOR_CELLD)
		c->no_restart = false;
	r = act(c, &job, CELL_STARTING);
	if (r < 0) {
		cell_set_supervisor(c, CELL_SUPERVISOR_NONE);
		cell_flush(c);
	}
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
	reset_counters(c);
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
		cell_forget_failure(c);
		cell_set_result(c, CELL_RESULT_SUCCESS);
		(void)cell_set_state(c, cell_is_created(c) ? CELL_CREATED : CELL_DEFINED);
	}
	cell_flush(c);
	return 0;
}

bool action_is_by_policy(const Cell *c)
{
	return c->job && (c->job->automatic || c->job->giving_up);
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

int action_restart_by_policy(Cell *c)
{
	CellJob job = {
		.plan.operation = CELL_OPERATION_RESTART,
		.plan.consent = JOB_CONSENT_FORCE,
		.plan.fallback = supervise_wants_fallback(&c->policy, cell_policy(c)),
		.automatic = true,
	};

	if (job.plan.fallback && !c->fallback)
		log_cell(c, LOG_WARNING, CELLD_MESSAGE_FALLBACK,
			 "%u runs in a row have failed: starting the fallback images.", c->policy.failures);
	return act(c, &job, CELL_STARTING);
}

void action_cancel(Cell *c)
{
	c->job = job_free(c->job);
	react_cancel_restart(c);
}
