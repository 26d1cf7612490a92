/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The manager object: properties, methods, signals of org.jailhouse.Cell.Manager.
 */
#include "bus-core.h"
#include "cell-error.h"

#define GETTER(name, type, value)                                                                                \
	static int get_##name(_unused_ sd_bus *sdbus, _unused_ const char *path, _unused_ const char *interface, \
			      _unused_ const char *property, sd_bus_message *reply, void *userdata,              \
			      _unused_ sd_bus_error *error)                                                      \
	{                                                                                                        \
		_unused_ const Manager *m = ((const Bus *)userdata)->manager;                                    \
                                                                                                                 \
		return sd_bus_message_append(reply, type, value);                                                \
	}

GETTER(version, "s", CELLD_VERSION)
GETTER(api_version, "u", (uint32_t)BUS_API_VERSION)
GETTER(hypervisor_state, "s", hypervisor_state_to_string(m->hypervisor))
GETTER(root_cell, "s", m->root_name)
GETTER(mem_pool_pages, "u", m->info.mem_pool_pages)
GETTER(mem_pool_used, "u", m->info.mem_pool_used)
GETTER(remap_pool_pages, "u", m->info.remap_pool_pages)
GETTER(remap_pool_used, "u", m->info.remap_pool_used)

static int get_features(_unused_ sd_bus *sdbus, _unused_ const char *path, _unused_ const char *interface,
			_unused_ const char *property, sd_bus_message *reply, _unused_ void *userdata,
			_unused_ sd_bus_error *error)
{
	return sd_bus_message_append(reply, "as", 4, "heartbeat", "console", "units", "define");
}

static int method_list_cells(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error)
{
	const Manager *manager = ((const Bus *)userdata)->manager;
	sd_bus_message *reply = NULL;
	int r;

	r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "(ssso)");
	for (size_t i = 0; r >= 0 && i < manager->n_cells; i++) {
		_cleanup_free_ char *path = NULL;
		const Cell *c = manager->cells[i];

		r = bus_cell_path(c->name, &path);
		if (r >= 0)
			r = sd_bus_message_append(reply, "(ssso)", c->name, cell_state_to_string(c->state),
						  cell_health_to_string(c->health), path);
	}
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r;
}

static int reply_path(sd_bus_message *m, const Cell *c)
{
	_cleanup_free_ char *path = NULL;
	int r;

	r = bus_cell_path(c->name, &path);
	return r < 0 ? r : sd_bus_reply_method_return(m, "o", path);
}

static int method_get_cell(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	Manager *manager = ((const Bus *)userdata)->manager;
	const char *name;
	Cell *c;
	int r;

	r = sd_bus_message_read(m, "s", &name);
	if (r < 0)
		return r;
	r = manager_get(manager, name, &c);
	return r < 0 ? bus_error_set(error, r, name, NULL) : reply_path(m, c);
}

static int method_get_cell_by_cpu(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const Manager *manager = ((const Bus *)userdata)->manager;
	char text[64];
	uint32_t cpu;
	Cell *c;
	int r;

	r = sd_bus_message_read(m, "u", &cpu);
	if (r < 0)
		return r;
	r = manager_get_by_cpu(manager, cpu, &c);
	if (r >= 0)
		return reply_path(m, c);
	snprintf(text, sizeof(text), "No cell has CPU %u", cpu);
	return bus_error_set(error, r, NULL, text);
}

static int method_verb(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const BusVerb *verb = bus_verb_find(sd_bus_message_get_member(m), NULL);

	return verb ? bus_request_begin(userdata, m, verb, NULL, error) : -EOPNOTSUPP;
}

#define CHANGES SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE
#define CONST SD_BUS_VTABLE_PROPERTY_CONST
#define OPEN SD_BUS_VTABLE_UNPRIVILEGED
#define PROPERTY(name, type, getter, flags) SD_BUS_PROPERTY(name, type, get_##getter, 0, flags)

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	PROPERTY("Version", "s", version, CONST),
	PROPERTY("ApiVersion", "u", api_version, CONST),
	PROPERTY("Features", "as", features, CONST),
	PROPERTY("HypervisorState", "s", hypervisor_state, CHANGES),
	PROPERTY("RootCell", "s", root_cell, CHANGES),
	PROPERTY("MemPoolPages", "u", mem_pool_pages, 0),
	PROPERTY("MemPoolUsed", "u", mem_pool_used, 0),
	PROPERTY("RemapPoolPages", "u", remap_pool_pages, 0),
	PROPERTY("RemapPoolUsed", "u", remap_pool_used, 0),
	SD_BUS_METHOD_WITH_ARGS("ListCells", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ssso)", cells), method_list_cells, OPEN),
	SD_BUS_METHOD_WITH_ARGS("GetCell", SD_BUS_ARGS("s", name), SD_BUS_RESULT("o", cell), method_get_cell, OPEN),
	SD_BUS_METHOD_WITH_ARGS("GetCellByCPU", SD_BUS_ARGS("u", cpu), SD_BUS_RESULT("o", cell), method_get_cell_by_cpu,
				OPEN),
	SD_BUS_METHOD_WITH_ARGS("StartCell", SD_BUS_ARGS("s", name, "t", flags), SD_BUS_NO_RESULT, method_verb, OPEN),
	SD_BUS_METHOD_WITH_ARGS("StopCell", SD_BUS_ARGS("s", name, "t", flags), SD_BUS_NO_RESULT, method_verb, OPEN),
	SD_BUS_METHOD_WITH_ARGS("RestartCell", SD_BUS_ARGS("s", name, "t", flags), SD_BUS_NO_RESULT, method_verb, OPEN),
	SD_BUS_METHOD_WITH_ARGS("ResetFailedCell", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT, method_verb, OPEN),
	SD_BUS_METHOD_WITH_ARGS("CreateCell", SD_BUS_ARGS("s", name, "t", flags), SD_BUS_RESULT("o", cell), method_verb,
				OPEN),
	SD_BUS_METHOD_WITH_ARGS("DestroyCell", SD_BUS_ARGS("s", name, "t", flags), SD_BUS_NO_RESULT, method_verb, OPEN),
	SD_BUS_METHOD_WITH_ARGS("DefineCell", SD_BUS_ARGS("s", name, "s", json, "t", flags), SD_BUS_RESULT("o", cell),
				method_verb, OPEN),
	SD_BUS_METHOD_WITH_ARGS("UndefineCell", SD_BUS_ARGS("s", name, "t", flags), SD_BUS_NO_RESULT, method_verb,
				OPEN),
	SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_verb, OPEN),
	SD_BUS_METHOD_WITH_ARGS("EnableHypervisor", SD_BUS_ARGS("t", flags), SD_BUS_NO_RESULT, method_verb, OPEN),
	SD_BUS_METHOD_WITH_ARGS("DisableHypervisor", SD_BUS_ARGS("t", flags), SD_BUS_NO_RESULT, method_verb, OPEN),
	SD_BUS_METHOD_WITH_ARGS("Supervise", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_RESULT("h", lease),
				method_verb, OPEN),
	SD_BUS_SIGNAL_WITH_ARGS("CellNew", SD_BUS_ARGS("s", name, "o", cell), 0),
	SD_BUS_SIGNAL_WITH_ARGS("CellRemoved", SD_BUS_ARGS("s", name, "o", cell), 0),
	SD_BUS_VTABLE_END,
};

int bus_add_manager(Bus *bus)
{
	int r;

	r = sd_bus_add_object_manager(bus->bus, NULL, BUS_PATH);
	if (r < 0)
		return r;
	return sd_bus_add_object_vtable(bus->bus, NULL, BUS_PATH, BUS_INTERFACE_MANAGER, vtable, bus);
}

static void emit_set_of_cells(const Bus *bus, const char *signal, const Cell *c, int (*emit)(sd_bus *, const char *))
{
	_cleanup_free_ char *path = NULL;

	if (bus_cell_path(c->name, &path) < 0)
		return;
	(void)emit(bus->bus, path);
	(void)sd_bus_emit_signal(bus->bus, BUS_PATH, BUS_INTERFACE_MANAGER, signal, "so", c->name, path);
}

void bus_cell_new(Cell *c, void *userdata)
{
	emit_set_of_cells(userdata, "CellNew", c, sd_bus_emit_object_added);
}

void bus_cell_removed(Cell *c, void *userdata)
{
	emit_set_of_cells(userdata, "CellRemoved", c, sd_bus_emit_object_removed);
}

void bus_hypervisor_changed(void *userdata)
{
	const Bus *bus = userdata;

	(void)sd_bus_emit_properties_changed(bus->bus, BUS_PATH, BUS_INTERFACE_MANAGER, "HypervisorState", "RootCell",
					     NULL);
}
