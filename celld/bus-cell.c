/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cell objects: properties, methods, signals of org.jailhouse.Cell. The object of a cell exists as long as the cell
 * does; every access looks it up by its path.
 */
#include "bus-core.h"
#include "cell-error.h"
#include "watch.h"

#define ID_NONE UINT32_MAX

int bus_cell_path(const char *name, char **ret)
{
	return sd_bus_path_encode(BUS_CELL_PREFIX, name, ret);
}

/** find - sd-bus asks for the object behind a path */
static int find(_unused_ sd_bus *sdbus, const char *path, _unused_ const char *interface, void *userdata, void **ret,
		_unused_ sd_bus_error *error)
{
	const Bus *bus = userdata;
	_cleanup_free_ char *name = NULL;
	Cell *c;
	int r;

	r = sd_bus_path_decode(path, BUS_CELL_PREFIX, &name);
	if (r <= 0)
		return r;
	c = manager_find(bus->manager, name);
	if (!c)
		return 0;
	*ret = c;
	return 1;
}

static int enumerate(_unused_ sd_bus *sdbus, _unused_ const char *prefix, void *userdata, char ***ret,
		     _unused_ sd_bus_error *error)
{
	const Bus *bus = userdata;
	_cleanup_strv_ char **paths = calloc(bus->manager->n_cells + 1, sizeof(*paths));
	int r;

	if (!paths)
		return -ENOMEM;
	for (size_t i = 0; i < bus->manager->n_cells; i++) {
		r = bus_cell_path(bus->manager->cells[i]->name, &paths[i]);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(paths);
	return 1;
}

/*
 * A getter for each property: its name, its type, where it comes from. sd_bus_message_append() would have to read the
 * type each time, and GetManagedObjects asks thousands of times.
 */
#define GETTER(name, type, kind, append, value)                                                                  \
	static int get_##name(_unused_ sd_bus *sdbus, _unused_ const char *path, _unused_ const char *interface, \
			      _unused_ const char *property, sd_bus_message *reply, void *userdata,              \
			      _unused_ sd_bus_error *error)                                                      \
	{                                                                                                        \
		const Cell *c = userdata;                                                                        \
		kind v = (value);                                                                                \
                                                                                                                 \
		return sd_bus_message_append_basic(reply, type, append v);                                       \
	}
#define STRING_GETTER(name, value) GETTER(name, 's', const char *, , value)
#define FLAG_GETTER(name, value) GETTER(name, 'b', int, &, value)
#define U32_GETTER(name, value) GETTER(name, 'u', uint32_t, &, value)
#define U64_GETTER(name, value) GETTER(name, 't', uint64_t, &, value)

static const char *kernel_state_name(const Cell *c)
{
	if (!cell_is_created(c))
		return "";
	return kernel_state_to_string(c->kernel.state) ?: "invalid";
}

/** unit_of - static buffer */
static const char *unit_of(const Cell *c)
{
	static char buffer[64];

	snprintf(buffer, sizeof(buffer), "cell@%s.service", c->name);
	return buffer;
}

STRING_GETTER(name, c->name)
U32_GETTER(id, cell_is_created(c) ? (uint32_t)c->kernel.id : ID_NONE)
STRING_GETTER(state, cell_state_to_string(c->state))
STRING_GETTER(health, cell_health_to_string(c->health))
STRING_GETTER(result, cell_result_to_string(c->result))
STRING_GETTER(kernel_state, kernel_state_name(c))
STRING_GETTER(operation, cell_operation_to_string(c->operation))
STRING_GETTER(unit, unit_of(c))
STRING_GETTER(supervisor, cell_supervisor_to_string(c->supervisor))
FLAG_GETTER(locked, cell_is_created(c) && c->kernel.state == KERNEL_RUNNING_LOCKED)
FLAG_GETTER(outdated, manager_is_outdated(c))
STRING_GETTER(config_path, (c->config ? cell_config_path(c->config) : NULL) ?: "")
STRING_GETTER(restart_policy, restart_policy_to_string(cell_policy(c)->restart))
U32_GETTER(n_restarts, c->n_restarts)
FLAG_GETTER(fallback, cell_is_created(c) && c->fallback)
U64_GETTER(interval, heartbeat_interval(&c->heartbeat, cell_policy(c)))
U64_GETTER(timeout, cell_policy(c)->heartbeat_timeout_usec)
U64_GETTER(state_realtime, c->state_realtime_usec)
U64_GETTER(state_monotonic, c->state_monotonic_usec)
U64_GETTER(next_restart, c->next_restart_usec)
U64_GETTER(heartbeat_last, c->heartbeat.last_usec)

/** sample_of - what the cell says at this moment, all zero if it does not say anything; static buffer */
static const HeartbeatSample *sample_of(const Cell *c)
{
	static HeartbeatSample sample;

	if (watch_sample(c, &sample) < 0)
		sample = (HeartbeatSample){ 0 };
	return &sample;
}

U64_GETTER(heartbeat_count, sample_of(c)->counter)
STRING_GETTER(status_text, sample_of(c)->text)
U32_GETTER(status_code, sample_of(c)->status)

static int append_kernel_cpus(sd_bus_message *reply, const KernelCpuSet *set)
{
	int r = 0;

	for (uint32_t cpu = kernel_cpu_set_next(set, 0); cpu < KERNEL_CPU_MAX && r >= 0;
	     cpu = kernel_cpu_set_next(set, cpu + 1))
		r = sd_bus_message_append(reply, "u", cpu);
	return r;
}

static int get_cpus(_unused_ sd_bus *sdbus, _unused_ const char *path, _unused_ const char *interface,
		    const char *property, sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *error)
{
	const Cell *c = userdata;
	int r;

	r = sd_bus_message_open_container(reply, 'a', "u");
	if (r < 0)
		return r;
	if (streq(property, "FailedCPUs")) {
		r = append_kernel_cpus(reply, &c->kernel.failed);
	} else if (cell_is_created(c)) {
		r = append_kernel_cpus(reply, &c->kernel.cpus);
	} else if (c->config) {
		CPU_SET_FOREACH(cpu, &c->config->cpus)
		{
			r = sd_bus_message_append(reply, "u", (uint32_t)cpu);
			if (r < 0)
				break;
		}
	}
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

/** bus_of - what the vtable was registered with */
static Bus *bus_of(sd_bus_message *m)
{
	return sd_bus_slot_get_userdata(sd_bus_get_current_slot(sd_bus_message_get_bus(m)));
}

static int method_verb(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const Cell *c = userdata;
	const BusVerb *verb = bus_verb_find(NULL, sd_bus_message_get_member(m));

	return verb ? bus_request_begin(bus_of(m), m, verb, c->name, error) : -EOPNOTSUPP;
}

static int method_get_config(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const Cell *c = userdata;
	_cleanup_free_ char *json = NULL;
	int r;

	if (!c->config)
		return bus_error_for_cell(error, -CELL_ECONFIG, c, NULL);
	r = cell_config_to_json(c->config, &json);
	return r < 0 ? r : sd_bus_reply_method_return(m, "s", json);
}

/** append_counters - all that have a name, summed over @n CPUs */
static int append_counters(sd_bus_message *reply, const KernelCpu *cpus, size_t n)
{
	int r = sd_bus_message_open_container(reply, 'a', "{st}");

	for (unsigned i = 0; r >= 0 && i < KERNEL_COUNTERS && kernel_counter_name(i); i++) {
		uint64_t sum = 0;

		for (size_t cpu = 0; cpu < n; cpu++)
			sum += cpus[cpu].counters[i];
		r = sd_bus_message_append(reply, "{st}", kernel_counter_name(i), sum);
	}
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

/** append_cpus - each with its counters */
static int append_cpus(sd_bus_message *reply, const KernelCpu *cpus, size_t n)
{
	int r = sd_bus_message_open_container(reply, 'a', "(ua{st})");

	for (size_t i = 0; r >= 0 && i < n; i++) {
		r = sd_bus_message_open_container(reply, 'r', "ua{st}");
		if (r >= 0)
			r = sd_bus_message_append(reply, "u", cpus[i].cpu);
		if (r >= 0)
			r = append_counters(reply, cpus + i, 1);
		if (r >= 0)
			r = sd_bus_message_close_container(reply);
	}
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int reply_statistics(sd_bus_message *m, const KernelCpu *cpus, size_t n)
{
	sd_bus_message *reply = NULL;
	int r;

	r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = streq(sd_bus_message_get_member(m), "GetStatistics") ? append_counters(reply, cpus, n)
									 : append_cpus(reply, cpus, n);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r;
}

static void on_statistics(int error, const KernelCpu *cpus, size_t n, void *userdata)
{
	sd_bus_message *m = userdata;
	sd_bus_error e = SD_BUS_ERROR_NULL;

	if (error >= 0)
		error = reply_statistics(m, cpus, n);
	if (error < 0) {
		(void)bus_error_set(&e, error, NULL, NULL);
		(void)sd_bus_reply_method_error(m, &e);
		sd_bus_error_free(&e);
	}
	sd_bus_message_unref(m);
}

static int method_get_statistics(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const Cell *c = userdata;
	int r;

	if (!cell_is_created(c))
		return bus_error_for_cell(error, -CELL_ENOTRUNNING, c, NULL);
	r = manager_count(bus_of(m)->manager, c->name, on_statistics, sd_bus_message_ref(m));
	if (r < 0) {
		sd_bus_message_unref(m);
		return r;
	}
	return 1;
}

#define CHANGES SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE
#define CONST SD_BUS_VTABLE_PROPERTY_CONST
#define OPEN SD_BUS_VTABLE_UNPRIVILEGED
#define PROPERTY(name, type, getter, flags) SD_BUS_PROPERTY(name, type, get_##getter, 0, flags)

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	PROPERTY("Name", "s", name, CONST),
	PROPERTY("Id", "u", id, CHANGES),
	PROPERTY("State", "s", state, CHANGES),
	PROPERTY("Health", "s", health, CHANGES),
	PROPERTY("Result", "s", result, CHANGES),
	PROPERTY("HypervisorCellState", "s", kernel_state, CHANGES),
	PROPERTY("Operation", "s", operation, CHANGES),
	PROPERTY("Unit", "s", unit, CHANGES),
	PROPERTY("Supervisor", "s", supervisor, CHANGES),
	PROPERTY("CPUs", "au", cpus, CHANGES),
	PROPERTY("FailedCPUs", "au", cpus, CHANGES),
	PROPERTY("Locked", "b", locked, CHANGES),
	PROPERTY("ConfigPath", "s", config_path, CHANGES),
	PROPERTY("Outdated", "b", outdated, 0),
	PROPERTY("RestartPolicy", "s", restart_policy, CHANGES),
	PROPERTY("NRestarts", "u", n_restarts, CHANGES),
	PROPERTY("FallbackActive", "b", fallback, CHANGES),
	PROPERTY("HeartbeatIntervalUSec", "t", interval, CHANGES),
	PROPERTY("HeartbeatTimeoutUSec", "t", timeout, CHANGES),
	PROPERTY("StateChangeTimestamp", "t", state_realtime, CHANGES),
	PROPERTY("StateChangeTimestampMonotonic", "t", state_monotonic, CHANGES),
	PROPERTY("NextRestartTimestampMonotonic", "t", next_restart, CHANGES),
	PROPERTY("HeartbeatCount", "t", heartbeat_count, 0),
	PROPERTY("LastHeartbeatTimestampMonotonic", "t", heartbeat_last, 0),
	PROPERTY("StatusText", "s", status_text, 0),
	PROPERTY("StatusCode", "u", status_code, 0),
	SD_BUS_METHOD_WITH_ARGS("Start", SD_BUS_ARGS("t", flags), SD_BUS_NO_RESULT, method_verb, OPEN),
	SD_BUS_METHOD_WITH_ARGS("Stop", SD_BUS_ARGS("t", flags), SD_BUS_NO_RESULT, method_verb, OPEN),
	SD_BUS_METHOD_WITH_ARGS("Restart", SD_BUS_ARGS("t", flags), SD_BUS_NO_RESULT, method_verb, OPEN),
	SD_BUS_METHOD_WITH_ARGS("ResetFailed", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_verb, OPEN),
	SD_BUS_METHOD_WITH_ARGS("GetConfig", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", json), method_get_config, OPEN),
	SD_BUS_METHOD_WITH_ARGS("GetStatistics", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{st}", counters),
				method_get_statistics, OPEN),
	SD_BUS_METHOD_WITH_ARGS("GetCPUStatistics", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ua{st})", cpus),
				method_get_statistics, OPEN),
	SD_BUS_METHOD_WITH_ARGS("OpenConsole", SD_BUS_ARGS("t", flags), SD_BUS_RESULT("h", fd), method_verb, OPEN),
	SD_BUS_SIGNAL_WITH_ARGS("Failed", SD_BUS_ARGS("s", result, "a{sv}", details), 0),
	SD_BUS_SIGNAL_WITH_ARGS("RestartScheduled", SD_BUS_ARGS("u", attempt, "t", delay_usec), 0),
	SD_BUS_SIGNAL_WITH_ARGS("HeartbeatLost", SD_BUS_ARGS("t", last_usec), 0),
	SD_BUS_VTABLE_END,
};

int bus_add_cells(Bus *bus)
{
	int r;

	r = sd_bus_add_fallback_vtable(bus->bus, NULL, BUS_CELL_PREFIX, BUS_INTERFACE_CELL, vtable, find, bus);
	if (r < 0)
		return r;
	return sd_bus_add_node_enumerator(bus->bus, NULL, BUS_CELL_PREFIX, enumerate, bus);
}

/** What changes together, by CELL_CHANGED_*. */
static const struct {
	unsigned changed;
	const char *property;
} changes[] = {
	{ CELL_CHANGED_STATE, "State" },
	{ CELL_CHANGED_STATE, "StateChangeTimestamp" },
	{ CELL_CHANGED_STATE, "StateChangeTimestampMonotonic" },
	{ CELL_CHANGED_HEALTH, "Health" },
	{ CELL_CHANGED_RESULT, "Result" },
	{ CELL_CHANGED_KERNEL, "Id" },
	{ CELL_CHANGED_KERNEL, "HypervisorCellState" },
	{ CELL_CHANGED_KERNEL, "CPUs" },
	{ CELL_CHANGED_KERNEL, "FailedCPUs" },
	{ CELL_CHANGED_KERNEL, "Locked" },
	{ CELL_CHANGED_KERNEL | CELL_CHANGED_FALLBACK, "FallbackActive" },
	{ CELL_CHANGED_OPERATION, "Operation" },
	{ CELL_CHANGED_SUPERVISOR, "Supervisor" },
	{ CELL_CHANGED_CONFIG, "ConfigPath" },
	{ CELL_CHANGED_CONFIG, "RestartPolicy" },
	{ CELL_CHANGED_CONFIG | CELL_CHANGED_HEALTH, "HeartbeatIntervalUSec" },
	{ CELL_CHANGED_CONFIG, "HeartbeatTimeoutUSec" },
	{ CELL_CHANGED_RESTARTS, "NRestarts" },
	{ CELL_CHANGED_NEXT_RESTART, "NextRestartTimestampMonotonic" },
};

void bus_cell_changed(Cell *c, unsigned changed, void *userdata)
{
	Bus *bus = userdata;
	_cleanup_free_ char *path = NULL;
	char *names[ELEMENTSOF(changes) + 1];
	size_t n = 0;

	for (size_t i = 0; i < ELEMENTSOF(changes); i++)
		if (changes[i].changed & changed)
			names[n++] = (char *)(uintptr_t)changes[i].property;
	names[n] = NULL;
	if (c->left_by_unit)
		bus_orphan_look(bus);
	if (changed & CELL_CHANGED_KERNEL)
		bus_inhibit_update(bus);
	if (n > 0 && bus_cell_path(c->name, &path) >= 0)
		(void)sd_bus_emit_properties_changed_strv(bus->bus, path, BUS_INTERFACE_CELL, names);
}

static int append_details(sd_bus_message *m, const Cell *c)
{
	const CellFault *f = &c->fault;
	int r;

	r = sd_bus_message_open_container(m, 'a', "{sv}");
	if (r >= 0 && f->known)
		r = sd_bus_message_append(m, "{sv}{sv}{sv}", "cause", "s", f->cause, "cpu", "u", f->cpu, "text", "s",
					  f->text);
	if (r >= 0 && f->known && f->has_address)
		r = sd_bus_message_append(m, "{sv}", "address", "t", f->address);
	if (r >= 0 && f->known && f->time_usec > 0)
		r = sd_bus_message_append(m, "{sv}", "time_usec", "t", f->time_usec);
	if (r >= 0 && c->last_words)
		r = sd_bus_message_append(m, "{sv}", "console", "s", c->last_words);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

void bus_cell_failed(Cell *c, CellResult result, void *userdata)
{
	const Bus *bus = userdata;
	_cleanup_free_ char *path = NULL;
	sd_bus_message *m = NULL;

	if (bus_cell_path(c->name, &path) >= 0 &&
	    sd_bus_message_new_signal(bus->bus, &m, path, BUS_INTERFACE_CELL, "Failed") >= 0 &&
	    sd_bus_message_append(m, "s", cell_result_to_string(result)) >= 0 && append_details(m, c) >= 0)
		(void)sd_bus_send(bus->bus, m, NULL);
	sd_bus_message_unref(m);
}

void bus_cell_restart_scheduled(Cell *c, unsigned attempt, uint64_t delay_usec, void *userdata)
{
	const Bus *bus = userdata;
	_cleanup_free_ char *path = NULL;

	if (bus_cell_path(c->name, &path) >= 0)
		(void)sd_bus_emit_signal(bus->bus, path, BUS_INTERFACE_CELL, "RestartScheduled", "ut",
					 (uint32_t)attempt, delay_usec);
}

void bus_cell_heartbeat_lost(Cell *c, uint64_t last_usec, void *userdata)
{
	const Bus *bus = userdata;
	_cleanup_free_ char *path = NULL;

	if (bus_cell_path(c->name, &path) >= 0)
		(void)sd_bus_emit_signal(bus->bus, path, BUS_INTERFACE_CELL, "HeartbeatLost", "t", last_usec);
}
