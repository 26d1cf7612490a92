/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Jobs of systemd: a request that starts or stops a unit waits for the job's end, not only for its acceptance.
 */
#include "bus-core.h"
#include "clock.h"
#include "log.h"

#define SYSTEMD_NAME "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER "org.freedesktop.systemd1.Manager"

int bus_unit_name(const char *cell, char **ret)
{
	char *name;

	if (asprintf(&name, "cell@%s.service", cell) < 0)
		return -ENOMEM;
	*ret = name;
	return 0;
}

/** conclude - run the second half of the request */
static void conclude(BusRequest *r, const char *result)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int code = r->job_done(r, result, &error);

	if (code == 0)
		bus_request_begun(r);
	else if (code > 0)
		bus_request_finish(r, 0, NULL);
	else if (sd_bus_error_is_set(&error))
		bus_request_finish_error(r, code, &error);
	else
		bus_request_finish(r, code, NULL);
}

static int on_unit_start(sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *ignored)
{
	BusRequest *r = userdata;
	uint64_t started = USEC_INFINITY;

	r->slot = sd_bus_slot_unref(r->slot);
	if (!sd_bus_message_is_method_error(reply, NULL))
		(void)sd_bus_message_read(reply, "v", "t", &started);
	conclude(r, started < r->job_usec ? BUS_UNIT_START_LIMIT : BUS_UNIT_FAILED);
	return 0;
}

int bus_unit_ask(Bus *bus, sd_bus_slot **slot, const char *cell, const char *interface, const char *property,
		 sd_bus_message_handler_t answered, void *userdata)
{
	_cleanup_free_ char *unit = NULL, *path = NULL;
	int r;

	r = bus_unit_name(cell, &unit);
	if (r >= 0)
		r = sd_bus_path_encode(SYSTEMD_PATH "/unit", unit, &path);
	if (r < 0)
		return r;
	return sd_bus_call_method_async(bus->bus, slot, SYSTEMD_NAME, path, "org.freedesktop.DBus.Properties", "Get",
					answered, userdata, "ss", interface, property);
}

/** ask_unit_start - the job of a cell's unit has failed: has systemd started the supervisor at all? */
static int ask_unit_start(BusRequest *r)
{
	return bus_unit_ask(r->bus, &r->slot, r->cell, BUS_UNIT_SERVICE, "ExecMainStartTimestampMonotonic",
			    on_unit_start, r);
}

static int on_job_removed(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *ignored)
{
	Bus *bus = userdata;
	const char *path, *result;

	if (sd_bus_message_read(m, "uoss", NULL, &path, NULL, &result) < 0)
		return 0;
	for (BusRequest *r = bus->requests; r; r = r->next)
		if (r->job && streq(r->job, path)) {
			free(r->job);
			r->job = NULL;
			if (!streq(result, BUS_UNIT_FAILED) || !r->cell || ask_unit_start(r) < 0)
				conclude(r, result);
			break;
		}
	return 0;
}

static int on_accepted(sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *ignored)
{
	BusRequest *r = userdata;
	const sd_bus_error *error = sd_bus_message_get_error(reply);
	const char *path;

	r->slot = sd_bus_slot_unref(r->slot);
	if (error && (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
		      sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))) {
		conclude(r, NULL);
		return 0;
	}
	if (error) {
		bus_request_finish(r, -sd_bus_error_get_errno(error), error->message);
		return 0;
	}
	/* The signal of the job's end cannot have come before this answer. */
	if (sd_bus_message_read(reply, "o", &path) < 0 || !(r->job = strdup(path)))
		bus_request_finish(r, -ENOMEM, NULL);
	else
		bus_request_begun(r);
	return 0;
}

int bus_unit_job(BusRequest *r, const char *method, const char *unit,
		 int (*done)(BusRequest *request, const char *result, sd_bus_error *error))
{
	int code;

	r->job_done = done;
	r->job_usec = streq(method, "StartUnit") ? clock_monotonic() : 0;
	code = sd_bus_call_method_async(r->bus->bus, &r->slot, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, method,
					on_accepted, r, "ss", unit, "replace");
	return code < 0 ? code : 0;
}

static int on_ignored(_unused_ sd_bus_message *reply, _unused_ void *userdata, _unused_ sd_bus_error *ignored)
{
	return 0;
}

void bus_unit_reset_failed(Bus *bus, const char *unit)
{
	(void)sd_bus_call_method_async(bus->bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, "ResetFailedUnit",
				       on_ignored, NULL, "s", unit);
}

void bus_unit_reboot(_unused_ Cell *c, void *userdata)
{
	const Bus *bus = userdata;

	(void)sd_bus_call_method_async(bus->bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, "StartUnit",
				       on_ignored, NULL, "ss", "reboot.target", "replace-irreversibly");
}

int bus_unit_listen(Bus *bus)
{
	int r;

	r = sd_bus_match_signal_async(bus->bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, "JobRemoved",
				      on_job_removed, NULL, bus);
	if (r < 0)
		return r;
	/* systemd sends these signals only if somebody subscribes. */
	r = sd_bus_call_method_async(bus->bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, "Subscribe",
				     on_ignored, NULL, NULL);
	return r < 0 ? r : 0;
}
