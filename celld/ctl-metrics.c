/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cellctl metrics: what can be measured or counted, as OpenMetrics text.
 *
 * All families are gauges or counters, states are gauges of 0 and 1 with the state as label: so Prometheus' older text
 * format, which node-exporter reads files in, has it too.
 */
#include <inttypes.h>

#include "cellctl.h"

/** How a property becomes a number. */
typedef enum MetricValue {
	VALUE_NUMBER,
	VALUE_COUNT, /**< elements of the array */
	VALUE_USEC,  /**< in seconds */
} MetricValue;

typedef struct Family {
	const char *name; /**< ends in _@unit, if there is one */
	const char *type; /**< samples of a counter have _total behind the name */
	const char *unit;
	const char *help;
	const char *property;
	MetricValue value;
} Family;

static const Family cell_families[] = {
	{ "celld_cell_restarts", "counter", NULL, "Restarts by the policy since somebody started the cell.",
	  "NRestarts", VALUE_NUMBER },
	{ "celld_cell_fallback_active", "gauge", NULL, "Whether the cell runs from its fallback images.",
	  "FallbackActive", VALUE_NUMBER },
	{ "celld_cell_heartbeats", "counter", NULL, "Heartbeats by the cell's own counter.", "HeartbeatCount",
	  VALUE_NUMBER },
	{ "celld_cell_heartbeat_interval_seconds", "gauge", "seconds", "Expected time between heartbeats, 0: unknown.",
	  "HeartbeatIntervalUSec", VALUE_USEC },
	{ "celld_cell_heartbeat_timeout_seconds", "gauge", "seconds", "Silence that is a failure, 0: none.",
	  "HeartbeatTimeoutUSec", VALUE_USEC },
	{ "celld_cell_state_change_timestamp_seconds", "gauge", "seconds", "When the state changed last, 0: never.",
	  "StateChangeTimestamp", VALUE_USEC },
	{ "celld_cell_cpus", "gauge", "cpus", "CPUs that the cell has or will have.", "CPUs", VALUE_COUNT },
	{ "celld_cell_failed_cpus", "gauge", "cpus", "CPUs that the hypervisor has parked.", "FailedCPUs",
	  VALUE_COUNT },
	{ "celld_cell_locked", "gauge", NULL, "Whether the cell has locked the configuration.", "Locked",
	  VALUE_NUMBER },
	{ "celld_cell_status_code", "gauge", NULL, "What the cell says of itself, a number of its own meaning.",
	  "StatusCode", VALUE_NUMBER },
};

/** A property with a few known strings as values; others are shown too, while they last. */
typedef struct States {
	const char *name;
	const char *help;
	const char *label;
	const char *property;
	const char *const *values;
} States;

#define VALUES(...)               \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}

static const States hypervisor_states = { "celld_hypervisor_state", "1 for the state of the hypervisor.", "state",
					  "HypervisorState", VALUES("absent", "disabled", "enabled") };

static const States cell_states[] = {
	{ "celld_cell_state", "1 for the state of the cell.", "state", "State",
	  VALUES("defined", "created", "starting", "running", "stopping", "restarting", "failed") },
	{ "celld_cell_health", "1 for the health of the cell by its heartbeat.", "health", "Health",
	  VALUES("none", "ok", "late", "lost") },
	{ "celld_cell_last_result", "1 for how the last run of the cell ended.", "result", "Result",
	  VALUES("success", "heartbeat-timeout", "cell-failed", "cpu-failed", "comm-revision", "config", "load-failed",
		 "shutdown-denied", "start-limit-hit", "timeout") },
	{ "celld_cell_supervisor", "1 for who is in charge when the cell fails.", "supervisor", "Supervisor",
	  VALUES("none", "celld", "unit") },
};

/** write_head - metadata, ahead of all samples of a family */
static void write_head(FILE *f, const char *name, const char *type, const char *unit, const char *help)
{
	fprintf(f, "# TYPE %s %s\n", name, type);
	if (unit)
		fprintf(f, "# UNIT %s %s\n", name, unit);
	fprintf(f, "# HELP %s %s\n", name, help);
}

/** write_label - NAME="VALUE", escaped */
static void write_label(FILE *f, const char *name, const char *value)
{
	fprintf(f, "%s=\"", name);
	for (; *value; value++)
		if (*value == '\n')
			fputs("\\n", f);
		else if (*value == '\\' || *value == '"')
			fprintf(f, "\\%c", *value);
		else
			fputc(*value, f);
	fputc('"', f);
}

/** write_sample - name and labels, open for the value; without cell: the machine's */
static void write_sample(FILE *f, const char *name, const char *suffix, json_object *cell, const char *label,
			 const char *value)
{
	fprintf(f, "%s%s", name, suffix);
	if (cell || label)
		fputc('{', f);
	if (cell)
		write_label(f, "cell", ctl_string(cell, "Name"));
	if (cell && label)
		fputc(',', f);
	if (label)
		write_label(f, label, value);
	fputs(cell || label ? "} " : " ", f);
}

static void write_value(FILE *f, MetricValue kind, json_object *value)
{
	uint64_t number = kind == VALUE_COUNT ? json_object_array_length(value) : json_object_get_uint64(value);

	if (json_object_is_type(value, json_type_boolean))
		fprintf(f, "%i\n", json_object_get_boolean(value));
	else if (kind != VALUE_USEC)
		fprintf(f, "%" PRIu64 "\n", number);
	else if (number == USEC_INFINITY)
		fputs("+Inf\n", f);
	else
		fprintf(f, "%llu.%06llu\n", number / USEC_PER_SEC, number % USEC_PER_SEC);
}

static void write_family(FILE *f, const Family *family, json_object *cells)
{
	write_head(f, family->name, family->type, family->unit, family->help);
	for (size_t i = 0; i < json_object_array_length(cells); i++) {
		json_object *cell = json_object_array_get_idx(cells, i), *value = ctl_property(cell, family->property);

		/* an older celld may not have it */
		if (!value || (family->value == VALUE_COUNT) != json_object_is_type(value, json_type_array))
			continue;
		write_sample(f, family->name, streq(family->type, "counter") ? "_total" : "", cell, NULL, NULL);
		write_value(f, family->value, value);
	}
}

/** write_states - a sample for each value that @object can have, a cell if @is_cell */
static void write_states(FILE *f, const States *states, json_object *object, bool is_cell)
{
	const char *present = ctl_string(object, states->property);
	bool known = isempty(present);

	for (const char *const *value = states->values; *value; value++) {
		write_sample(f, states->name, "", is_cell ? object : NULL, states->label, *value);
		fprintf(f, "%i\n", streq(*value, present));
		known |= streq(*value, present);
	}
	if (known)
		return;
	write_sample(f, states->name, "", is_cell ? object : NULL, states->label, present);
	fputs("1\n", f);
}

static void write_pools(FILE *f, json_object *manager)
{
	static const struct {
		const char *name, *help, *memory, *remap;
	} families[] = {
		{ "celld_pool_pages", "Pages of the hypervisor's pools.", "MemPoolPages", "RemapPoolPages" },
		{ "celld_pool_used_pages", "Of these, pages in use.", "MemPoolUsed", "RemapPoolUsed" },
	};

	for (size_t i = 0; i < ELEMENTSOF(families); i++) {
		write_head(f, families[i].name, "gauge", "pages", families[i].help);
		write_sample(f, families[i].name, "", NULL, "pool", "memory");
		fprintf(f, "%" PRIu64 "\n", ctl_number(manager, families[i].memory));
		write_sample(f, families[i].name, "", NULL, "pool", "remap");
		fprintf(f, "%" PRIu64 "\n", ctl_number(manager, families[i].remap));
	}
}

/** write_exits - the sum is a family of its own: causes may overlap or be incomplete */
static void write_exits(FILE *f, json_object *cells, bool sum)
{
	const char *name = sum ? "celld_cell_vm_exits" : "celld_cell_vm_exits_by_cause";

	write_head(f, name, "counter", NULL,
		   sum ? "Exits to the hypervisor since the cell was created."
		       : "Exits to the hypervisor since the cell was created, by cause.");
	for (size_t i = 0; i < json_object_array_length(cells); i++) {
		json_object *cell = json_object_array_get_idx(cells, i), *counters = ctl_property(cell, "Statistics");

		if (!counters)
			continue;
		json_object_object_foreach (counters, counter, value) {
			const char *cause = startswith(counter, "vmexits_") ?: counter;

			if (streq(cause, "total") != sum)
				continue;
			write_sample(f, name, "_total", cell, sum ? NULL : "cause", cause);
			write_value(f, VALUE_NUMBER, value);
		}
	}
}

void ctl_metrics_write(FILE *f, json_object *manager, json_object *cells)
{
	write_head(f, "celld_build_info", "gauge", NULL, "1, with the version of celld.");
	write_sample(f, "celld_build_info", "", NULL, "version", ctl_string(manager, "Version"));
	fputs("1\n", f);
	write_head(f, hypervisor_states.name, "gauge", NULL, hypervisor_states.help);
	write_states(f, &hypervisor_states, manager, false);
	write_pools(f, manager);
	for (size_t i = 0; i < ELEMENTSOF(cell_states); i++) {
		write_head(f, cell_states[i].name, "gauge", NULL, cell_states[i].help);
		for (size_t j = 0; j < json_object_array_length(cells); j++)
			write_states(f, &cell_states[i], json_object_array_get_idx(cells, j), true);
	}
	for (size_t i = 0; i < ELEMENTSOF(cell_families); i++)
		write_family(f, &cell_families[i], cells);
	write_exits(f, cells, true);
	write_exits(f, cells, false);
	fputs("# EOF\n", f);
}

/** add_statistics - to a cell; one that is not created, or is gone by now, has none */
static int add_statistics(Ctl *ctl, json_object *cell)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	_cleanup_free_ char *path = ctl_cell_path(ctl_string(cell, "Name"));
	_cleanup_message_ sd_bus_message *reply = NULL;
	json_object *counters = NULL;
	int r;

	if (!path)
		return ctl_error("Out of memory");
	r = sd_bus_call_method(ctl->bus, CTL_BUS_NAME, path, CTL_CELL_INTERFACE, "GetStatistics", &error, &reply, NULL);
	if (sd_bus_error_has_names(&error, "org.jailhouse.Cell.Error.NotRunning", "org.jailhouse.Cell.Error.NoSuchCell",
				   SD_BUS_ERROR_UNKNOWN_OBJECT))
		return CTL_OK;
	if (r >= 0)
		r = ctl_json_read(reply, &counters);
	if (r < 0)
		return ctl_bus_failure("read counters", &error, r);
	if (json_object_object_add(cell, "Statistics", counters) < 0)
		return ctl_error("Out of memory");
	return CTL_OK;
}

int verb_metrics(Ctl *ctl, _unused_ char **arguments)
{
	_cleanup_object_ json_object *manager = NULL, *cells = NULL;
	int r;

	if (ctl->json != CTL_JSON_OFF)
		return ctl_error("metrics are not JSON; see show and stats");
	r = ctl_get_manager(ctl, &manager);
	if (r == CTL_OK)
		r = ctl_get_cells(ctl, &cells);
	for (size_t i = 0; r == CTL_OK && i < json_object_array_length(cells); i++)
		r = add_statistics(ctl, json_object_array_get_idx(cells, i));
	if (r == CTL_OK)
		ctl_metrics_write(ctl->out, manager, cells);
	return r;
}
