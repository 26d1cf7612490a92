/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The connection: made and lost as a whole. The manager does not notice more than that its hooks come and go.
 */
#include "bus-core.h"
#include "log.h"

static void lose(Bus *bus)
{
	void (*lost)(void *userdata) = bus->lost;

	bus->lost = NULL;
	if (lost)
		lost(bus->userdata);
}

static int on_name_requested(sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *ignored)
{
	const sd_bus_error *error = sd_bus_message_get_error(reply);
	Bus *bus = userdata;
	uint32_t answer = 0;

	/* 1: we are the owner; everything else: somebody else is. */
	if (error || sd_bus_message_read(reply, "u", &answer) < 0 || answer != 1) {
		log_error("Cannot have the name %s on the bus: %s", BUS_NAME,
			  error ? error->message : "another process has it");
		lose(bus);
		return 0;
	}
	bus->named = true;
	bus_orphan_look(bus);
	bus_inhibit_update(bus);
	if (bus->ready)
		bus->ready(bus->userdata);
	return 0;
}

static int on_name_lost(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *ignored)
{
	Bus *bus = userdata;
	const char *name;

	if (sd_bus_message_read(m, "s", &name) >= 0 && streq(name, BUS_NAME) && bus->named) {
		log_error("The name %s was taken away", BUS_NAME);
		lose(bus);
	}
	return 0;
}

static int on_disconnected(_unused_ sd_bus_message *m, void *userdata, _unused_ sd_bus_error *ignored)
{
	log_warning("The connection to the bus is lost.");
	lose(userdata);
	return 0;
}

static int set_up(Bus *bus)
{
	int r;

	r = bus_add_manager(bus);
	if (r < 0)
		return r;
	r = bus_add_cells(bus);
	if (r < 0)
		return r;
	r = bus_add_log_control(bus);
	if (r < 0)
		return r;
	r = sd_bus_match_signal_async(bus->bus, NULL, "org.freedesktop.DBus.Local", NULL, "org.freedesktop.DBus.Local",
				      "Disconnected", on_disconnected, NULL, bus);
	if (r < 0)
		return r;
	r = sd_bus_match_signal_async(bus->bus, NULL, "org.freedesktop.DBus", NULL, "org.freedesktop.DBus", "NameLost",
				      on_name_lost, NULL, bus);
	if (r < 0)
		return r;
	r = bus_unit_listen(bus);
	if (r < 0)
		return r;
	r = sd_bus_request_name_async(bus->bus, NULL, BUS_NAME, 0, on_name_requested, bus);
	if (r < 0)
		return r;
	return sd_bus_attach_event(bus->bus, bus->manager->event, SD_EVENT_PRIORITY_NORMAL);
}

int bus_new(Manager *manager, void (*ready)(void *userdata), void (*lost)(void *userdata), void *userdata, Bus **ret)
{
	_cleanup_(bus_freep) Bus *bus = calloc(1, sizeof(*bus));
	int r;

	if (!bus)
		return -ENOMEM;
	bus->manager = manager;
	bus->inhibit_fd = -EBADF;
	r = sd_bus_open_system_with_description(&bus->bus, "celld");
	if (r < 0)
		return r;
	r = set_up(bus);
	if (r < 0)
		return r;
	manager_set_hooks(manager, &(ManagerHooks){
					   .cell_new = bus_cell_new,
					   .cell_removed = bus_cell_removed,
					   .cell_changed = bus_cell_changed,
					   .cell_failed = bus_cell_failed,
					   .restart_scheduled = bus_cell_restart_scheduled,
					   .heartbeat_lost = bus_cell_heartbeat_lost,
					   .hypervisor_changed = bus_hypervisor_changed,
					   .reboot = bus_unit_reboot,
					   .userdata = bus,
				   });
	bus->ready = ready;
	bus->lost = lost;
	bus->userdata = userdata;
	*ret = TAKE_PTR(bus);
	return 0;
}

Bus *bus_free(Bus *bus)
{
	if (!bus)
		return NULL;
	bus->lost = NULL;
	manager_set_hooks(bus->manager, NULL);
	bus_orphan_done(bus);
	bus_inhibit_done(bus);
	while (bus->requests)
		bus_request_free(bus->requests);
	sd_bus_flush_close_unref(bus->bus);
	free(bus);
	return NULL;
}
