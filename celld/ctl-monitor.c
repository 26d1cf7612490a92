/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cellctl monitor: events as they come, a line each.
 */
#include <time.h>

#include "cellctl.h"

typedef struct Monitor {
	Ctl *ctl;
	char **names; /**< only these cells; empty: all */
	int status;
} Monitor;

/** Arguments of our signals; all else is named by position. */
static const struct {
	const char *member;
	const char *arguments[2];
} signal_arguments[] = {
	{ "CellNew", { "Name", "Path" } },
	{ "CellRemoved", { "Name", "Path" } },
	{ "Failed", { "Result", "Details" } },
	{ "RestartScheduled", { "Attempt", "DelayUSec" } },
	{ "HeartbeatLost", { "LastHeartbeatTimestampMonotonic", NULL } },
};

static bool is_wanted(const Monitor *monitor, const char *cell)
{
	return !monitor->names[0] || strv_contains(monitor->names, cell);
}

static void print_event(const Monitor *monitor, const char *cell, const char *event, json_object *details)
{
	const Ctl *ctl = monitor->ctl;
	char text[32];
	struct timespec now;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	n = strftime(text, sizeof(text), "%T", &tm);
	snprintf(text + n, sizeof(text) - n, ".%03ld", now.tv_nsec / 1000000);
	if (ctl->json != CTL_JSON_OFF) {
		_cleanup_object_ json_object *line = json_object_new_object();

		json_object_object_add(
			line, "Timestamp",
			json_object_new_uint64((uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000));
		json_object_object_add(line, "Cell", *cell ? json_object_new_string(cell) : NULL);
		json_object_object_add(line, "Event", json_object_new_string(event));
		json_object_object_add(line, "Details", json_object_get(details));
		ctl_json_print(ctl, line);
		fflush(ctl->out);
		return;
	}
	fprintf(ctl->out, "%s %s %s", text, *cell ? cell : "-", event);
	json_object_object_foreach (details, key, value) {
		_cleanup_free_ char *shown = ctl_text(key, value);
		const char *color = ctl_color(ctl, key, shown ?: "");

		/* the line has its time already */
		if (!startswith(key, "StateChangeTimestamp"))
			fprintf(ctl->out, " %s=%s%s%s", key, color, shown ?: "", *color ? ctl_color_off(ctl) : "");
	}
	fputc('\n', ctl->out);
	fflush(ctl->out);
}

/** cell_of - name of the cell whose object sent @m, allocated; "" for the manager */
static char *cell_of(sd_bus_message *m)
{
	char *name = NULL;

	if (sd_bus_path_decode(sd_bus_message_get_path(m), CTL_CELL_PREFIX, &name) > 0)
		return name;
	return strdup("");
}

/** on_changed - PropertiesChanged(s interface, a{sv} changed, as invalidated) */
static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	_cleanup_object_ json_object *changed = NULL;
	_cleanup_free_ char *cell = cell_of(m);
	const Monitor *monitor = userdata;
	const char *interface;
	int r;

	(void)error;
	r = sd_bus_message_read(m, "s", &interface);
	if (r >= 0)
		r = ctl_json_read(m, &changed);
	if (r < 0 || !cell || !is_wanted(monitor, cell) || !startswith(interface, CTL_BUS_NAME))
		return 0;
	if (json_object_object_length(changed) > 0)
		print_event(monitor, cell, "changed", changed);
	return 0;
}

/** on_signal - of our interfaces */
static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	_cleanup_object_ json_object *details = json_object_new_object();
	_cleanup_free_ char *cell = cell_of(m);
	const char *member = sd_bus_message_get_member(m);
	const Monitor *monitor = userdata;

	(void)error;
	for (size_t i = 0; i < ELEMENTSOF(signal_arguments); i++) {
		if (!streq(signal_arguments[i].member, member))
			continue;
		for (size_t j = 0; j < 2 && signal_arguments[i].arguments[j]; j++) {
			json_object *value = NULL;

			if (ctl_json_read(m, &value) >= 0)
				json_object_object_add(details, signal_arguments[i].arguments[j], value);
		}
	}
	if (cell && is_wanted(monitor, *cell ? cell : ctl_string(details, "Name")))
		print_event(monitor, *cell ? cell : ctl_string(details, "Name"), member, details);
	return 0;
}

/** on_owner - NameOwnerChanged(s name, s old, s new): celld itself */
static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	_cleanup_object_ json_object *none = json_object_new_object();
	const char *name, *before, *after;
	Monitor *monitor = userdata;

	(void)error;
	if (sd_bus_message_read(m, "sss", &name, &before, &after) < 0)
		return 0;
	print_event(monitor, "", *after ? "celld-started" : "celld-stopped", none);
	return 0;
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	Monitor *monitor = userdata;

	(void)m, (void)error;
	monitor->status = ctl_error("The bus connection is gone");
	return 0;
}

static int subscribe(Monitor *monitor)
{
	sd_bus *bus = monitor->ctl->bus;
	int r;

	r = sd_bus_add_match(bus, NULL,
			     "type='signal',sender='" CTL_BUS_NAME "',path_namespace='" CTL_MANAGER_PATH
			     "',interface='org.freedesktop.DBus.Properties',member='PropertiesChanged'",
			     on_changed, monitor);
	if (r >= 0)
		r = sd_bus_add_match(bus, NULL,
				     "type='signal',sender='" CTL_BUS_NAME "',path_namespace='" CTL_MANAGER_PATH
				     "',interface='" CTL_CELL_INTERFACE "'",
				     on_signal, monitor);
	if (r >= 0)
		r = sd_bus_add_match(bus, NULL,
				     "type='signal',sender='" CTL_BUS_NAME "',path='" CTL_MANAGER_PATH
				     "',interface='" CTL_MANAGER_INTERFACE "'",
				     on_signal, monitor);
	if (r >= 0)
		r = sd_bus_match_signal(bus, NULL, NULL, "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
					"Disconnected", on_disconnected, monitor);
	if (r >= 0)
		r = sd_bus_add_match(
			bus, NULL,
			"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" CTL_BUS_NAME "'",
			on_owner, monitor);
	return r;
}

int verb_monitor(Ctl *ctl, char **arguments)
{
	Monitor monitor = { .ctl = ctl, .names = arguments };
	int r;

	r = ctl_connect(ctl);
	if (r != CTL_OK)
		return r;
	r = subscribe(&monitor);
	if (r >= 0 && !ctl->quiet && ctl->json == CTL_JSON_OFF)
		fputs("Following events, ^C ends.\n", stderr);
	while (r >= 0 && monitor.status == CTL_OK) {
		r = sd_bus_process(ctl->bus, NULL);
		if (r == 0)
			r = sd_bus_wait(ctl->bus, UINT64_MAX);
	}
	return r < 0 ? ctl_bus_failure("follow events", NULL, r) : monitor.status;
}
