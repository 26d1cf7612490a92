/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The manager switches the hypervisor on and off, in the child of an operation.
 */
#include "cell-error.h"
#include "log.h"
#include "manager.h"

#define SWITCH_TIMEOUT_USEC (120 * USEC_PER_SEC)

static int work(void *userdata, FILE *out)
{
	const Manager *m = userdata;
	JobReply reply;
	uint64_t timeout = 0;
	int r;

	for (size_t i = 0; i < m->n_cells; i++)
		timeout = MAX(timeout, cell_policy(m->cells[i])->shutdown_timeout_usec);
	r = m->switch_on ? job_enable(m->system, &reply) : job_disable(m->switch_consent, timeout, &reply);
	fwrite(&reply, sizeof(reply), 1, out);
	return r;
}

static void note(Manager *m, int error, const char *text)
{
	free(m->switch_error);
	m->switch_code = error;
	m->switch_error = text ? strdup(text) : NULL;
}

static void on_done(void *userdata, int error, const char *bytes, size_t size)
{
	Manager *m = userdata;
	ManagerDone done = m->switch_done;
	JobReply reply = { 0 };

	m->switching = NULL;
	m->switch_done = NULL;
	if (size == sizeof(reply))
		memcpy(&reply, bytes, sizeof(reply));
	else
		snprintf(reply.text, sizeof(reply.text), "The worker was lost: %s", strerror(-error));
	reply.text[sizeof(reply.text) - 1] = '\0';

	net_drain(m->net);
	if (reply.known)
		manager_set_info(m, &reply.info);
	manager_resync(m);
	note(m, error, error < 0 ? reply.text : NULL);
	if (error < 0)
		log_error("%s.", reply.text);
	if (done)
		done(error, error < 0 ? reply.text : "", m->switch_userdata);
	if (reply.locked_out)
		m->host.locked_out(m);
}

static int begin(Manager *m, ManagerDone done, void *userdata)
{
	int r;

	r = operation_start(m->event, work, m, SWITCH_TIMEOUT_USEC, on_done, m, &m->switching);
	if (r < 0)
		return r;
	m->switch_done = done;
	m->switch_userdata = userdata;
	return 0;
}

int manager_enable(Manager *m, ManagerDone done, void *userdata)
{
	int r;

	if (m->switching)
		return -CELL_EBUSY;
	r = manager_load_system(m);
	if (r < 0) {
		note(m, r, m->system_error);
		return r;
	}
	m->switch_on = true;
	return begin(m, done, userdata);
}

int manager_disable(Manager *m, JobConsent consent, ManagerDone done, void *userdata)
{
	if (m->switching)
		return -CELL_EBUSY;
	for (size_t i = 0; i < m->n_cells; i++)
		if (m->cells[i]->job)
			return -CELL_EBUSY;
	m->switch_on = false;
	m->switch_consent = consent;
	return begin(m, done, userdata);
}
