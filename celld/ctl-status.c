/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cellctl list, status, show: what celld knows.
 */
#include <inttypes.h>
#include <time.h>

#include "cellctl.h"

#define STATUS_JOURNAL_LINES 10

int verb_list(Ctl *ctl, char **arguments)
{
	static const CtlColumn columns[] = {
		{ "CELL", "Name", false },
		{ "STATE", "State", false },
		{ "HEALTH", "Health", false },
		{ "CPUS", "CPUs", false },
		{ "BEATS", "HeartbeatCount", true },
		{ "RESTARTS", "NRestarts", true },
		{ "SUPERVISOR", "Supervisor", false },
		{ "RESULT", "Result", false },
	};
	_cleanup_object_ json_object *cells = NULL;
	int r;

	(void)arguments;
	r = ctl_get_cells(ctl, &cells);
	if (r != CTL_OK)
		return r;
	ctl_pager_open(ctl);
	return ctl_table(ctl, columns, ELEMENTSOF(columns), cells, "cell");
}

static uint64_t now_usec(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

/** print_ago - "5min ago" behind @separator, without what is too fine to matter */
static void print_ago(const Ctl *ctl, const char *separator, uint64_t then_usec, uint64_t now)
{
	uint64_t ago = now > then_usec ? now - then_usec : 0;
	uint64_t unit = ago >= 3600 * USEC_PER_SEC ? 60 * USEC_PER_SEC
			: ago >= USEC_PER_SEC	   ? USEC_PER_SEC
						   : USEC_PER_MSEC;

	if (then_usec > 0)
		fprintf(ctl->out, "%s%s ago", separator, ago < unit ? "less than 1ms" : FORMAT_USEC(ago - ago % unit));
}

/** print_line - "   Label: text" in the text's colour */
static void print_line(const Ctl *ctl, json_object *cell, const char *label, const char *property)
{
	_cleanup_free_ char *text = ctl_text(property, ctl_property(cell, property));
	const char *color = ctl_color(ctl, property, text ?: "");

	fprintf(ctl->out, "%12s: %s%s%s", label, color, isempty(text) ? "-" : text, *color ? ctl_color_off(ctl) : "");
}

static void print_heartbeat(const Ctl *ctl, json_object *cell)
{
	uint64_t interval = ctl_number(cell, "HeartbeatIntervalUSec"),
		 timeout = ctl_number(cell, "HeartbeatTimeoutUSec");

	print_line(ctl, cell, "Health", "Health");
	if (ctl_number(cell, "HeartbeatCount") > 0) {
		fprintf(ctl->out, "; beat %" PRIu64, ctl_number(cell, "HeartbeatCount"));
		print_ago(ctl, ", ", ctl_number(cell, "LastHeartbeatTimestampMonotonic"), now_usec(CLOCK_MONOTONIC));
	}
	if (interval > 0)
		fprintf(ctl->out, "; every %s", FORMAT_USEC(interval));
	if (timeout > 0)
		fprintf(ctl->out, "; lost after %s", FORMAT_USEC(timeout));
	fputc('\n', ctl->out);
}

static void print_status(const Ctl *ctl, json_object *cell)
{
	_cleanup_free_ char *failed = ctl_text("FailedCPUs", ctl_property(cell, "FailedCPUs"));
	uint64_t next = ctl_number(cell, "NextRestartTimestampMonotonic"), now = now_usec(CLOCK_MONOTONIC);
	const char *color = ctl_color(ctl, "State", ctl_string(cell, "State"));

	fprintf(ctl->out, "%s%s%s %s\n", color, MB_CUR_MAX > 1 ? "●" : "*", *color ? ctl_color_off(ctl) : "",
		ctl_string(cell, "Name"));
	print_line(ctl, cell, "Loaded", "ConfigPath");
	if (json_object_get_boolean(ctl_property(cell, "Outdated")))
		fputs("; it or an image has changed on disk: stop and start the cell", ctl->out);
	fputc('\n', ctl->out);
	print_line(ctl, cell, "State", "State");
	if (ctl_number(cell, "StateChangeTimestamp") > 0) {
		_cleanup_free_ char *since =
			ctl_text("StateChangeTimestamp", ctl_property(cell, "StateChangeTimestamp"));

		fprintf(ctl->out, " since %s", since ?: "");
		print_ago(ctl, "; ", ctl_number(cell, "StateChangeTimestampMonotonic"), now);
	}
	if (!isempty(ctl_string(cell, "Operation")) && !streq(ctl_string(cell, "Operation"), "none"))
		fprintf(ctl->out, "; operation under way: %s", ctl_string(cell, "Operation"));
	if (json_object_get_boolean(ctl_property(cell, "Locked")))
		fputs("; has locked the configuration", ctl->out);
	fputc('\n', ctl->out);
	print_heartbeat(ctl, cell);
	if (!isempty(ctl_string(cell, "StatusText"))) {
		print_line(ctl, cell, "Status", "StatusText");
		fputc('\n', ctl->out);
	}
	print_line(ctl, cell, "Result", "Result");
	fputc('\n', ctl->out);
	print_line(ctl, cell, "Restarts", "NRestarts");
	fprintf(ctl->out, "; policy %s", ctl_string(cell, "RestartPolicy"));
	if (json_object_get_boolean(ctl_property(cell, "FallbackActive")))
		fputs("; runs from its fallback images", ctl->out);
	if (next > now)
		fprintf(ctl->out, "; next in %s", FORMAT_USEC((next - now) / 1000 * 1000));
	fputc('\n', ctl->out);
	print_line(ctl, cell, "CPUs", "CPUs");
	if (!isempty(failed))
		fprintf(ctl->out, "; failed: %s", failed);
	fputc('\n', ctl->out);
	print_line(ctl, cell, "Supervisor", "Supervisor");
	if (!isempty(ctl_string(cell, "Unit")))
		fprintf(ctl->out, "; %s", ctl_string(cell, "Unit"));
	fputc('\n', ctl->out);
}

/** print_journal - the last lines of the unit, where there is a journal that we may read */
static void print_journal(const Ctl *ctl, const char *name)
{
	int lines = ctl->lines < 0 ? STATUS_JOURNAL_LINES : ctl->lines;
	char buf[1024], command[256];
	size_t n;
	FILE *journal;

	/* only what is a name reaches the shell */
	if (lines == 0 || ctl->host || ctl->quiet || !cell_name_is_valid(name))
		return;
	snprintf(command, sizeof(command),
		 "journalctl -q --no-pager --no-hostname -n %i -u cell@%s.service 2>/dev/null", lines, name);
	journal = popen(command, "re");
	if (!journal)
		return;
	for (bool first = true; (n = fread(buf, 1, sizeof(buf), journal)) > 0; first = false) {
		fputs(first ? "\n" : "", ctl->out);
		fwrite(buf, 1, n, ctl->out);
	}
	pclose(journal);
}

static int status_of(json_object *cell)
{
	const char *state = ctl_string(cell, "State");

	return streq(state, "running") || streq(state, "restarting") ? CTL_OK : CTL_NOT_RUNNING;
}

/** status_of_all - every cell, without their journals */
static int status_of_all(Ctl *ctl)
{
	_cleanup_object_ json_object *cells = NULL;
	int r;

	r = ctl_get_cells(ctl, &cells);
	if (r != CTL_OK)
		return r;
	if (ctl->json != CTL_JSON_OFF)
		return ctl_json_print(ctl, cells);
	ctl_pager_open(ctl);
	for (size_t i = 0; i < json_object_array_length(cells); i++) {
		fputs(i ? "\n" : "", ctl->out);
		print_status(ctl, json_object_array_get_idx(cells, i));
	}
	return CTL_OK;
}

int verb_status(Ctl *ctl, char **arguments)
{
	_cleanup_object_ json_object *cells = json_object_new_array();
	int status = CTL_OK, r;

	if (!arguments[0])
		return status_of_all(ctl);
	for (char **name = arguments; *name; name++) {
		json_object *cell = NULL;

		r = ctl_get_cell(ctl, *name, &cell);
		if (r == CTL_OK) {
			r = status_of(cell);
			json_object_array_add(cells, cell);
		}
		status = MAX(status, r);
	}
	if (ctl->json != CTL_JSON_OFF) {
		r = ctl_json_print(ctl, cells);
		return MAX(status, r);
	}
	ctl_pager_open(ctl);
	for (size_t i = 0; i < json_object_array_length(cells); i++) {
		json_object *cell = json_object_array_get_idx(cells, i);

		fputs(i ? "\n" : "", ctl->out);
		print_status(ctl, cell);
		print_journal(ctl, ctl_string(cell, "Name"));
	}
	return status;
}

/** select_properties - a new object with those of -p, in their order; all without -p */
static json_object *select_properties(const Ctl *ctl, json_object *all)
{
	json_object *some;

	if (!ctl->properties)
		return json_object_get(all);
	some = json_object_new_object();
	for (char **name = ctl->properties; *name; name++)
		if (json_object_object_get_ex(all, *name, NULL))
			json_object_object_add(some, *name, json_object_get(ctl_property(all, *name)));
	return some;
}

static int show_one(Ctl *ctl, json_object *all)
{
	_cleanup_object_ json_object *some = select_properties(ctl, all);

	if (ctl->json != CTL_JSON_OFF)
		return ctl_json_print(ctl, some);
	json_object_object_foreach (some, key, value) {
		_cleanup_free_ char *text = ctl_text(key, value);

		fprintf(ctl->out, "%s%s%s\n", ctl->value ? "" : key, ctl->value ? "" : "=", text ?: "");
	}
	return CTL_OK;
}

int verb_show(Ctl *ctl, char **arguments)
{
	_cleanup_object_ json_object *manager = NULL;
	int status = CTL_OK, r;

	if (!arguments[0]) {
		r = ctl_get_manager(ctl, &manager);
		if (r != CTL_OK)
			return r;
		ctl_pager_open(ctl);
		return show_one(ctl, manager);
	}
	for (char **name = arguments; *name; name++) {
		_cleanup_object_ json_object *cell = NULL;

		r = ctl_get_cell(ctl, *name, &cell);
		if (r == CTL_OK && name == arguments)
			ctl_pager_open(ctl);
		if (name != arguments && ctl->json == CTL_JSON_OFF)
			fputc('\n', ctl->out);
		if (r == CTL_OK)
			r = show_one(ctl, cell);
		status = MAX(status, r);
	}
	return status;
}
