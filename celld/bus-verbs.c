/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Verbs: what the methods do once their caller is authorised. The manager's and the cells' methods share them.
 *
 * Start and stop go through systemd unless told otherwise, so that units always tell the truth. A restart does not: the
 * cell keeps its resources and its unit.
 */
#include "action.h"
#include "bus-core.h"
#include "cell-error.h"
#include "console.h"
#include "lease.h"

#define ACTION_CELLS "org.jailhouse.Cell.manage-cells"
#define ACTION_HYPERVISOR "org.jailhouse.Cell.manage-hypervisor"
#define ACTION_DEFINE "org.jailhouse.Cell.define-cells"
#define ACTION_READ_CONSOLE "org.jailhouse.Cell.read-console"

#define HYPERVISOR_UNIT "jailhouse.service"

static void on_action_done(_unused_ Cell *c, int error, const char *text, void *userdata)
{
	bus_request_finish(userdata, error, text);
}

static JobConsent consent_of(const BusRequest *r)
{
	return r->flags & BUS_FLAG_FORCE ? JOB_CONSENT_FORCE : JOB_CONSENT_ASK;
}

static int unit_job(BusRequest *r, const char *method,
		    int (*done)(BusRequest *request, const char *result, sd_bus_error *error))
{
	_cleanup_free_ char *unit = NULL;
	int code = bus_unit_name(r->cell, &unit);

	return code < 0 ? code : bus_unit_job(r, method, unit, done);
}

/** job_failed - why systemd could not do it; the cell or the hypervisor knows better than the job */
static int job_failed(BusRequest *r, const char *result, sd_bus_error *error)
{
	const Manager *m = r->bus->manager;
	Cell *c;

	if (streq(result, "timeout"))
		return -CELL_ETIMEOUT;
	if (streq(result, BUS_UNIT_START_LIMIT))
		return bus_error_set(error, -CELL_ELIMIT, r->cell, NULL);
	if (streq(result, "canceled"))
		return bus_error_set(error, -CELL_EBUSY, r->cell, "The job was canceled by another one");
	if (m->hypervisor == HYPERVISOR_ABSENT)
		return bus_error_set(error, -CELL_EUNAVAILABLE, r->cell, m->switch_error);
	if (m->hypervisor != HYPERVISOR_ENABLED)
		return bus_error_set(error, m->switch_code ?: -CELL_EDISABLED, r->cell, m->switch_error);
	if (r->cell && bus_request_cell(r, &c) >= 0 && c->last_error < 0)
		return bus_error_for_cell(error, c->last_error, c, c->last_text);
	return sd_bus_error_setf(error, SD_BUS_ERROR_FAILED, "The job ended with result \"%s\", see the journal",
				 result);
}

static int start_directly(BusRequest *r, Cell *c)
{
	return action_start(c, CELL_SUPERVISOR_CELLD, on_action_done, r);
}

static int on_start_job(BusRequest *r, const char *result, sd_bus_error *error)
{
	Cell *c;
	int code;

	if (result)
		return streq(result, "done") ? 1 : job_failed(r, result, error);
	/* No systemd here. */
	code = bus_request_cell(r, &c);
	return code < 0 ? code : start_directly(r, c);
}

static int run_start(BusRequest *r, Cell *c, _unused_ sd_bus_error *error)
{
	if (r->flags & BUS_FLAG_NO_UNIT)
		return start_directly(r, c);
	/* Units would wait for the device to come. */
	if (r->bus->manager->hypervisor == HYPERVISOR_ABSENT)
		return -CELL_EUNAVAILABLE;
	return unit_job(r, "StartUnit", on_start_job);
}

/** stop_directly - a supervisor that holds the lease sees the end of the run, and its unit ends, too */
static int stop_directly(BusRequest *r, Cell *c)
{
	return action_stop(c, consent_of(r), on_action_done, r);
}

static int on_stop_job(BusRequest *r, const char *result, sd_bus_error *error)
{
	Cell *c;
	int code;

	if (result && !streq(result, "done"))
		return job_failed(r, result, error);
	code = bus_request_cell(r, &c);
	if (code < 0)
		return code == -CELL_ENOSUCHCELL ? 1 : code;
	if (result && !cell_is_created(c) && c->state != CELL_RESTARTING)
		return 1;
	return stop_directly(r, c);
}

/** on_job_of_stopped - the cell was stopped before the unit was told */
static int on_job_of_stopped(BusRequest *r, const char *result, sd_bus_error *error)
{
	return result ? on_stop_job(r, result, error) : 1;
}

static void on_forced_stop(_unused_ Cell *c, int error, const char *text, void *userdata)
{
	BusRequest *r = userdata;
	int code = error;

	if (code >= 0)
		code = unit_job(r, "StopUnit", on_job_of_stopped);
	if (code < 0)
		bus_request_finish(r, code, text);
}

static int run_stop(BusRequest *r, Cell *c, _unused_ sd_bus_error *error)
{
	if (r->flags & BUS_FLAG_NO_UNIT)
		return stop_directly(r, c);
	if (r->flags & BUS_FLAG_FORCE && cell_is_created(c))
		return action_stop(c, JOB_CONSENT_FORCE, on_forced_stop, r);
	return unit_job(r, "StopUnit", on_stop_job);
}

static int run_restart(BusRequest *r, Cell *c, sd_bus_error *error)
{
	if (c->state != CELL_RUNNING && c->state != CELL_RESTARTING && !c->job)
		return run_start(r, c, error);
	return action_restart(c, consent_of(r), on_action_done, r);
}

static int run_reset_failed(BusRequest *r, Cell *c, _unused_ sd_bus_error *error)
{
	_cleanup_free_ char *unit = NULL;
	int code = action_reset_failed(c);

	if (code < 0)
		return code;
	if (bus_unit_name(r->cell, &unit) >= 0)
		bus_unit_reset_failed(r->bus, unit);
	code = sd_bus_reply_method_return(r->message, NULL);
	return code < 0 ? code : 1;
}

static void on_created(Cell *c, int code, const char *text, void *userdata)
{
	_cleanup_free_ char *path = NULL;
	BusRequest *r = userdata;

	if (code >= 0)
		code = bus_cell_path(c->name, &path);
	if (code >= 0)
		code = sd_bus_reply_method_return(r->message, "o", path);
	if (code < 0)
		bus_request_finish(r, code, text);
	else
		bus_request_free(r);
}

static int run_create(BusRequest *r, Cell *c, _unused_ sd_bus_error *error)
{
	return action_create(c, on_created, r);
}

static int run_destroy(BusRequest *r, Cell *c, _unused_ sd_bus_error *error)
{
	if (lease_is_held(c))
		return -CELL_EMANAGED;
	return action_stop(c, consent_of(r), on_action_done, r);
}

static int run_reload(BusRequest *r, _unused_ Cell *c, _unused_ sd_bus_error *error)
{
	int code = manager_reload(r->bus->manager);

	if (code >= 0)
		code = sd_bus_reply_method_return(r->message, NULL);
	return code < 0 ? code : 1;
}

static void on_switched(int error, const char *text, void *userdata)
{
	BusRequest *r = userdata;

	if (error == -CELL_ERUNNING && r->flags & BUS_FLAG_FORCE)
		error = 0;
	bus_request_finish(r, error, text);
}

static int switch_directly(BusRequest *r, bool on, sd_bus_error *error)
{
	Manager *m = r->bus->manager;
	int code;

	code = on ? manager_enable(m, on_switched, r) : manager_disable(m, consent_of(r), on_switched, r);
	if (code == -CELL_ECONFIG)
		return bus_error_set(error, code, NULL, m->system_error);
	return code;
}

static int on_switch_job(BusRequest *r, const char *result, sd_bus_error *error)
{
	if (!result)
		return switch_directly(r, streq(r->verb->manager_member, "EnableHypervisor"), error);
	return streq(result, "done") ? 1 : job_failed(r, result, error);
}

static int run_enable(BusRequest *r, _unused_ Cell *c, sd_bus_error *error)
{
	if (r->flags & BUS_FLAG_NO_UNIT)
		return switch_directly(r, true, error);
	if (r->bus->manager->hypervisor == HYPERVISOR_ABSENT)
		return -CELL_EUNAVAILABLE;
	return bus_unit_job(r, "StartUnit", HYPERVISOR_UNIT, on_switch_job);
}

static int run_disable(BusRequest *r, _unused_ Cell *c, sd_bus_error *error)
{
	if (r->flags & BUS_FLAG_NO_UNIT)
		return switch_directly(r, false, error);
	return bus_unit_job(r, "StopUnit", HYPERVISOR_UNIT, on_switch_job);
}

static int reply_lease(BusRequest *r, Cell *c)
{
	_cleanup_close_ int fd = -EBADF;
	int code;

	c->no_restart = !r->option_restart;
	code = lease_new(c, r->pid, !r->option_start, &fd);
	if (code >= 0)
		code = sd_bus_reply_method_return(r->message, "h", fd);
	return code;
}

static void on_supervised_start(Cell *c, int code, const char *text, void *userdata)
{
	BusRequest *r = userdata;

	if (code >= 0)
		code = reply_lease(r, c);
	if (code < 0)
		bus_request_finish(r, code, text);
	else
		bus_request_free(r);
}

static void supervise_when_idle(Cell *c, void *userdata)
{
	BusRequest *r = userdata;
	int code;

	/* It may have waited for this together with another one. */
	if (lease_is_held(c)) {
		code = -CELL_EMANAGED;
	} else if (r->option_start && c->state != CELL_RUNNING && c->state != CELL_RESTARTING) {
		c->no_restart = !r->option_restart;
		code = action_start(c, CELL_SUPERVISOR_UNIT, on_supervised_start, r);
		if (code >= 0)
			return;
		cell_note_error(c, code, c->config_error);
	} else {
		code = reply_lease(r, c);
	}
	if (code < 0)
		bus_request_finish(r, code, NULL);
	else
		bus_request_free(r);
}

static int run_supervise(BusRequest *r, Cell *c, _unused_ sd_bus_error *error)
{
	if (lease_is_held(c))
		return -CELL_EMANAGED;
	return action_when_idle(c, supervise_when_idle, r);
}

static int run_open_console(BusRequest *r, Cell *c, sd_bus_error *error)
{
	_cleanup_close_ int fd = -EBADF;
	int code;

	if (r->flags)
		return bus_error_set(error, -CELL_ENOTSUPPORTED, r->cell,
				     "Nothing can be written to the console of a cell: the hypervisor has no way in");
	code = console_open(c, &fd);
	if (code >= 0)
		code = sd_bus_reply_method_return(r->message, "h", fd);
	return code < 0 ? code : 1;
}

/** begun - or not, and then @text may say more than @code */
static int begun(const BusRequest *r, int code, const char *text, sd_bus_error *error)
{
	return code < 0 && !isempty(text) ? bus_error_set(error, code, r->cell, text) : code;
}

static void on_defined(int code, const char *text, void *userdata)
{
	_cleanup_free_ char *path = NULL;
	BusRequest *r = userdata;

	if (code >= 0)
		code = bus_cell_path(r->cell, &path);
	if (code >= 0)
		code = sd_bus_reply_method_return(r->message, "o", path);
	if (code < 0)
		bus_request_finish(r, code, text);
	else
		bus_request_free(r);
}

static int run_define(BusRequest *r, _unused_ Cell *c, sd_bus_error *error)
{
	_cleanup_free_ char *text = NULL;
	int code = manager_define(r->bus->manager, r->cell, r->json, r->flags & BUS_FLAG_RUNTIME, on_defined, r, &text);

	return begun(r, code, text, error);
}

static void on_undefined(int code, const char *text, void *userdata)
{
	bus_request_finish(userdata, code, text);
}

static int run_undefine(BusRequest *r, Cell *c, sd_bus_error *error)
{
	_cleanup_free_ char *text = NULL;
	int code = manager_undefine(r->bus->manager, c, r->flags & BUS_FLAG_RUNTIME, on_undefined, r, &text);

	return begun(r, code, text, error);
}

#define ONE BUS_TAKES_CELL
#define ONE_WITH_FLAGS (BUS_TAKES_CELL | BUS_TAKES_FLAGS)
#define LONG_FLAGS (BUS_FLAG_FORCE | BUS_FLAG_NO_UNIT | BUS_FLAG_NO_BLOCK) /**< of what takes its time */

const BusVerb bus_verbs[] = {
	{ "StartCell", "Start", ACTION_CELLS, LONG_FLAGS, ONE_WITH_FLAGS, run_start },
	{ "StopCell", "Stop", ACTION_CELLS, LONG_FLAGS, ONE_WITH_FLAGS, run_stop },
	{ "RestartCell", "Restart", ACTION_CELLS, LONG_FLAGS, ONE_WITH_FLAGS, run_restart },
	{ "ResetFailedCell", "ResetFailed", ACTION_CELLS, 0, ONE, run_reset_failed },
	{ "CreateCell", NULL, ACTION_CELLS, BUS_FLAG_NO_UNIT, ONE_WITH_FLAGS, run_create },
	{ "DestroyCell", NULL, ACTION_CELLS, LONG_FLAGS, ONE_WITH_FLAGS, run_destroy },
	{ "DefineCell", NULL, ACTION_DEFINE, BUS_FLAG_RUNTIME, ONE_WITH_FLAGS | BUS_TAKES_JSON, run_define },
	{ "UndefineCell", NULL, ACTION_DEFINE, BUS_FLAG_RUNTIME, ONE_WITH_FLAGS, run_undefine },
	{ "Reload", NULL, ACTION_DEFINE, 0, 0, run_reload },
	{ "EnableHypervisor", NULL, ACTION_HYPERVISOR, LONG_FLAGS, BUS_TAKES_FLAGS, run_enable },
	{ "DisableHypervisor", NULL, ACTION_HYPERVISOR, LONG_FLAGS, BUS_TAKES_FLAGS, run_disable },
	{ "Supervise", NULL, NULL, 0, ONE | BUS_TAKES_OPTIONS, run_supervise },
	{ NULL, "OpenConsole", ACTION_READ_CONSOLE, BUS_FLAG_WRITABLE, ONE_WITH_FLAGS | BUS_TAKES_WRITABLE,
	  run_open_console },
	{ 0 },
};

const BusVerb *bus_verb_find(const char *manager_member, const char *cell_member)
{
	for (const BusVerb *v = bus_verbs; v->run; v++)
		if ((manager_member && streq_ptr(v->manager_member, manager_member)) ||
		    (cell_member && streq_ptr(v->cell_member, cell_member)))
			return v;
	return NULL;
}
