/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The manager follows the kernel: events one by one, a whole snapshot at start and whenever events were missed.
 *
 * Each cell remembers up to which event its picture is complete; older events only add details of a failure.
 */
#include <inttypes.h>

#include "action.h"
#include "cell-error.h"
#include "celld-messages.h"
#include "clock.h"
#include "console.h"
#include "kmod.h"
#include "log.h"
#include "manager.h"
#include "react.h"
#include "state-file.h"
#include "watch.h"

#define LOOK_TIMEOUT_USEC (30 * USEC_PER_SEC)
#define ROOT_ID 0

static void set_hypervisor(Manager *m, HypervisorState state)
{
	if (m->hypervisor == state)
		return;
	log_message(LOG_INFO, state == HYPERVISOR_ENABLED ? CELLD_MESSAGE_HYPERVISOR_ON : CELLD_MESSAGE_HYPERVISOR_OFF,
		    "Hypervisor is %s.", hypervisor_state_to_string(state));
	m->hypervisor = state;
	if (m->status_changed)
		m->status_changed(m->status_userdata);
	if (m->hooks.hypervisor_changed)
		m->hooks.hypervisor_changed(m->hooks.userdata);
}

void manager_set_info(Manager *m, const KernelInfo *info)
{
	m->info = *info;
	if (!info->present)
		set_hypervisor(m, HYPERVISOR_ABSENT);
	else
		set_hypervisor(m, info->enabled ? HYPERVISOR_ENABLED : HYPERVISOR_DISABLED);
}

static const KernelCell *find_in(const KernelCell *cells, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (cells[i].id > ROOT_ID && streq(cells[i].name, name))
			return &cells[i];
	return NULL;
}

/** apply - a snapshot; @observe: act on what is new in it */
static void apply(Manager *m, const KernelInfo *info, const KernelCell *cells, size_t n, bool observe)
{
	Cell *c;

	manager_set_info(m, info);
	for (size_t i = 0; i < n; i++) {
		if (cells[i].id == ROOT_ID)
			snprintf(m->root_name, sizeof(m->root_name), "%s", cells[i].name);
		else if (manager_add(m, cells[i].name, &c) < 0)
			log_error("Out of memory for cell %s", cells[i].name);
	}
	for (size_t i = 0; i < m->n_cells; i++) {
		c = m->cells[i];
		if (c->job || c->kernel_seq > info->seq)
			continue;
		c->kernel_seq = info->seq;
		cell_set_kernel(c, find_in(cells, n, c->name));
		if (observe)
			react_observe(c);
	}
}

static int look(_unused_ void *userdata, FILE *reply)
{
	_cleanup_free_ KernelCell *cells = NULL;
	KernelInfo info;
	size_t n = 0;
	int r;

	r = net_snapshot(&info, &cells, &n);
	if (r < 0)
		return r;
	fwrite(&info, sizeof(info), 1, reply);
	fwrite(cells, sizeof(*cells), n, reply);
	return 0;
}

/** read_look - what look() wrote */
static int read_look(const char *reply, size_t size, KernelInfo *ret_info, KernelCell **ret_cells, size_t *ret_n)
{
	KernelCell *cells;
	size_t n;

	if (size < sizeof(*ret_info))
		return -EIO;
	n = (size - sizeof(*ret_info)) / sizeof(*cells);
	cells = calloc(n + 1, sizeof(*cells));
	if (!cells)
		return -ENOMEM;
	memcpy(ret_info, reply, sizeof(*ret_info));
	memcpy(cells, reply + sizeof(*ret_info), n * sizeof(*cells));
	*ret_cells = cells;
	*ret_n = n;
	return 0;
}

static void on_looked(void *userdata, int error, const char *reply, size_t size)
{
	_cleanup_free_ KernelCell *cells = NULL;
	Manager *m = userdata;
	KernelInfo info;
	size_t n = 0;

	m->look = NULL;
	if (error >= 0)
		error = read_look(reply, size, &info, &cells, &n);
	if (error < 0)
		log_error("Cannot read the state of the hypervisor: %s", strerror(-error));
	else
		apply(m, &info, cells, n, true);
	if (m->look_again) {
		m->look_again = false;
		manager_resync(m);
	}
}

void manager_resync(Manager *m)
{
	int r;

	if (m->look) {
		m->look_again = true;
		return;
	}
	r = operation_start(m->event, look, NULL, LOOK_TIMEOUT_USEC, on_looked, m, &m->look);
	if (r < 0)
		log_error("Cannot start a worker: %s", strerror(-r));
}

/** A question for one cell. */
struct ManagerQuestion {
	ManagerQuestion *next;
	ManagerCounted done;
	void *userdata;
	char name[KERNEL_CELL_NAME_BYTES];
};

/** cpus_of - those that a cell has, of @n CPUs; @ret_first: the first one. Return: how many */
static size_t cpus_of(const char *cell, const KernelCpu *cpus, size_t n, const KernelCpu **ret_first)
{
	size_t first = 0, end;

	while (first < n && !streq(cpus[first].cell, cell))
		first++;
	for (end = first; end < n && streq(cpus[end].cell, cell);)
		end++;
	*ret_first = cpus + first;
	return end - first;
}

/** answer_all - questions that are waiting, from the counters of all CPUs or with an error */
static void answer_all(ManagerQuestion *questions, int error, const KernelCpu *cpus, size_t n)
{
	for (ManagerQuestion *q = questions, *next; q; q = next) {
		const KernelCpu *first;
		size_t found = error < 0 ? 0 : cpus_of(q->name, cpus, n, &first);

		next = q->next;
		if (found == 0)
			q->done(error < 0 ? error : -CELL_ENOTRUNNING, NULL, 0, q->userdata);
		else
			q->done(0, first, found, q->userdata);
		free(q);
	}
}

static int count(_unused_ void *userdata, FILE *reply)
{
	_cleanup_free_ KernelCpu *cpus = NULL;
	size_t n = 0;
	int r;

	r = net_count(&cpus, &n);
	if (r >= 0)
		fwrite(cpus, sizeof(*cpus), n, reply);
	return r;
}

static void on_answer(void *userdata, int error, const char *reply, size_t size);

/** ask_all - one look for all questions that are there: anybody may ask, and each look costs a process */
static int ask_all(Manager *m)
{
	int r;

	r = operation_start(m->event, count, NULL, LOOK_TIMEOUT_USEC, on_answer, m, &m->answer);
	if (r < 0)
		return r;
	m->asked = TAKE_PTR(m->questions);
	return 0;
}

static void on_answer(void *userdata, int error, const char *reply, size_t size)
{
	Manager *m = userdata;

	m->answer = NULL;
	answer_all(TAKE_PTR(m->asked), error, (const void *)reply, size / sizeof(KernelCpu));
	if (!m->questions || m->answer)
		return;
	error = ask_all(m);
	if (error < 0)
		answer_all(TAKE_PTR(m->questions), error, NULL, 0);
}

int manager_count(Manager *m, const char *name, ManagerCounted done, void *userdata)
{
	_cleanup_free_ ManagerQuestion *q = calloc(1, sizeof(*q));
	int r = 0;

	if (!q)
		return -ENOMEM;
	q->done = done;
	q->userdata = userdata;
	snprintf(q->name, sizeof(q->name), "%s", name);
	q->next = m->questions;
	m->questions = q;
	if (!m->answer)
		r = ask_all(m);
	if (r < 0) {
		m->questions = q->next;
		return r;
	}
	q = NULL;
	return 0;
}

void manager_questions_free(Manager *m)
{
	m->answer = operation_free(m->answer);
	answer_all(TAKE_PTR(m->asked), -ECANCELED, NULL, 0);
	answer_all(TAKE_PTR(m->questions), -ECANCELED, NULL, 0);
}

/** note_fault - keep the details of a failure for those who ask why */
static void note_fault(Cell *c, const NetEvent *e)
{
	_cleanup_free_ char *registers = NULL;
	CellFault *f = &c->fault;

	/* The first fault is the cause, others follow from it; "all CPUs have failed" says nothing new. */
	if (f->known)
		return;
	f->known = true;
	f->cpu = e->cpu;
	f->has_address = e->has_address;
	f->address = e->address;
	f->time_usec = e->time_usec;
	snprintf(f->cause, sizeof(f->cause), "%s", e->cause);
	if (e->text[0])
		snprintf(f->text, sizeof(f->text), "%s", e->text);
	else if (e->has_address)
		snprintf(f->text, sizeof(f->text), "CPU %u: %s at 0x%" PRIx64, e->cpu, e->cause, e->address);
	else
		snprintf(f->text, sizeof(f->text), "CPU %u: %s", e->cpu, e->cause[0] ? e->cause : "failed");
	if (e->has_cpu && kmod_registers((uint32_t)e->cell_id, &registers) >= 0)
		snprintf(f->registers, sizeof(f->registers), "%s", registers);
	/* Whoever finds the cell failed says this, too; but that may have been before the event came. */
	if (!c->job && e->seq <= c->kernel_seq)
		log_cell(c, LOG_ERR, NULL, "%s", f->text);
}

/** take_in - an event's news into the picture of the cell */
static void take_in(Manager *m, Cell *c, const NetEvent *e)
{
	KernelCell k = c->kernel;

	switch (e->type) {
	case NET_EVENT_CREATED:
		/* It does not tell the CPUs. */
		manager_resync(m);
		return;
	case NET_EVENT_DESTROYED:
		k.id = -1;
		break;
	case NET_EVENT_STARTED:
		c->loaded_seq = e->seq;
		k.state = KERNEL_RUNNING;
		memset(&k.failed, 0, sizeof(k.failed));
		break;
	case NET_EVENT_LOADABLE:
		c->loaded_seq = e->seq;
		k.state = KERNEL_SHUT_DOWN;
		memset(&k.failed, 0, sizeof(k.failed));
		break;
	case NET_EVENT_CPU_PARKED:
		if (e->has_cpu)
			kernel_cpu_set_add(&k.failed, e->cpu);
		break;
	case NET_EVENT_FAILED:
		k.state = KERNEL_FAILED;
		break;
	default:
		k.state = e->state;
		break;
	}
	cell_set_kernel(c, &k);
}

static void handle_cell_event(Manager *m, const NetEvent *e)
{
	Cell *c;

	if (manager_add(m, e->name, &c) < 0) {
		log_error("Out of memory for cell %s", e->name);
		return;
	}
	console_look(c);
	if (e->type == NET_EVENT_STARTED)
		cell_forget_failure(c);
	if (e->type == NET_EVENT_CPU_PARKED || e->type == NET_EVENT_FAILED)
		note_fault(c, e);
	if (e->seq <= c->kernel_seq)
		return;
	if (!cell_is_created(c) && e->type != NET_EVENT_CREATED && e->type != NET_EVENT_DESTROYED && !c->job) {
		/* Of a cell that nobody told of: then more was missed. */
		manager_resync(m);
		return;
	}
	c->kernel_seq = e->seq;
	take_in(m, c, e);
	if (e->type != NET_EVENT_CREATED)
		react_observe(c);
}

static void handle_disabled(Manager *m, const NetEvent *e)
{
	m->info.enabled = false;
	set_hypervisor(m, HYPERVISOR_DISABLED);
	for (size_t i = 0; i < m->n_cells; i++) {
		Cell *c = m->cells[i];

		if (e->seq <= c->kernel_seq)
			continue;
		c->kernel_seq = e->seq;
		cell_set_kernel(c, NULL);
		react_observe(c);
	}
}

static void on_event(const NetEvent *e, void *userdata)
{
	Manager *m = userdata;

	log_debug("Event %" PRIu64 ": %u of cell %" PRIi32 " \"%s\" %s", e->seq, (unsigned)e->type, e->cell_id, e->name,
		  e->text);
	switch (e->type) {
	case NET_EVENT_ENABLED:
		manager_resync(m);
		break;
	case NET_EVENT_DISABLED:
		handle_disabled(m, e);
		break;
	case NET_EVENT_REFUSED:
		log_debug("The hypervisor refused a call: %s", e->text);
		break;
	case NET_EVENT_DMA_FAULT:
		log_dma_fault(e);
		break;
	default:
		if (e->cell_id > ROOT_ID && e->name[0])
			handle_cell_event(m, e);
		else if (e->type == NET_EVENT_CPU_PARKED)
			log_message(LOG_CRIT, NULL, "A CPU of Linux was parked: %s", e->text);
		break;
	}
}

static void on_lost(void *userdata)
{
	log_warning("Events of the hypervisor were lost, reading its whole state again.");
	manager_resync(userdata);
}

static void on_module(bool present, void *userdata)
{
	Manager *m = userdata;
	int fd;

	log_info("The kernel module was %s.", present ? "loaded" : "unloaded");
	manager_resync(m);
	if (!present)
		return;
	fd = kmod_open();
	if (fd >= 0)
		close(fd);
	else if (fd == -EPERM || fd == -EACCES)
		m->host.locked_out(m);
}

int manager_follow_kernel(Manager *m)
{
	static const NetHandler handler = { .event = on_event, .lost = on_lost, .module = on_module };
	_cleanup_free_ KernelCell *cells = NULL;
	KernelInfo info;
	size_t n = 0;
	int r;

	/* Listen first: what happens between the two is heard, and known to be newer than the snapshot or not. */
	r = net_new(m->event, &handler, m, &m->net);
	if (r < 0)
		return r;
	r = net_snapshot(&info, &cells, &n);
	if (r < 0)
		return r;
	apply(m, &info, cells, n, false);
	return 0;
}

/** adopt_existing - the kernel has the cell */
static void adopt_existing(Cell *c, const CellSaved *saved)
{
	CellResult result;
	CellVerdict verdict = cell_judge(&c->kernel, &result);
	bool was_up = saved->state == CELL_RUNNING || saved->state == CELL_STARTING || saved->state == CELL_RESTARTING;
	bool by_celld = saved->supervisor == CELL_SUPERVISOR_CELLD;

	watch_map(c);
	console_follow(c);
	c->left_by_unit = saved->supervisor == CELL_SUPERVISOR_UNIT;
	if (by_celld && was_up)
		cell_set_supervisor(c, CELL_SUPERVISOR_CELLD);
	if (verdict == CELL_VERDICT_OK) {
		cell_adopt_state(c, CELL_RUNNING);
		if (cell_is_supervised(c))
			watch_start(c);
	} else if (saved->state == CELL_STARTING || saved->state == CELL_RESTARTING) {
		c->interrupted = true;
		cell_adopt_state(c, CELL_FAILED);
	} else if (verdict == CELL_VERDICT_FAILED || saved->state == CELL_FAILED) {
		if (saved->state != CELL_FAILED)
			cell_set_result(c, result);
		console_note_end(c);
		cell_adopt_state(c, CELL_FAILED);
	} else {
		cell_adopt_state(c, CELL_CREATED);
	}

	if (saved->operation == CELL_OPERATION_STOP && saved->state == CELL_FAILED)
		action_give_back(c);
	else if (saved->operation == CELL_OPERATION_STOP)
		(void)action_stop(c, JOB_CONSENT_ASK_THEN_FORCE, NULL, NULL);
	else
		react_take_over(c);
}

/** adopt_absent - it was there, or was about to be */
static void adopt_absent(Cell *c, const CellSaved *saved)
{
	bool interrupted = saved->state == CELL_STARTING || saved->state == CELL_RESTARTING;

	if (saved->state == CELL_FAILED)
		cell_adopt_state(c, CELL_FAILED);
	if (!interrupted)
		return;
	if (saved->supervisor == CELL_SUPERVISOR_CELLD) {
		(void)action_start(c, CELL_SUPERVISOR_CELLD, NULL, NULL);
	} else {
		c->interrupted = true;
		c->left_by_unit = saved->supervisor == CELL_SUPERVISOR_UNIT;
		cell_adopt_state(c, CELL_FAILED);
	}
}

void manager_adopt(Manager *m)
{
	uint64_t now = clock_monotonic();

	for (size_t i = 0; i < m->n_cells; i++) {
		CellSaved saved = { 0 };
		Cell *c = m->cells[i];

		if (cell_name_is_valid(c->name) && state_file_load(m->runtime_dir, c->name, &saved) >= 0) {
			c->n_restarts = saved.n_restarts;
			c->fallback = saved.fallback;
			if (saved.policy.window_usec <= now && saved.policy.running_usec <= now)
				c->policy = saved.policy;
			cell_set_result(c, saved.result);
			c->source = saved.source;
		}
		if (cell_is_created(c))
			adopt_existing(c, &saved);
		else
			adopt_absent(c, &saved);
		cell_flush(c);
		if (c->state != CELL_DEFINED)
			log_cell(c, LOG_INFO, NULL, "Adopted: cell is %s.", cell_state_to_string(c->state));
	}
}
