/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * org.freedesktop.LogControl1: how much is logged, and where to, as `systemctl service-log-level celld` asks.
 *
 * The interface is systemd's; sd-bus lets only root change the level.
 */
#include "bus-core.h"
#include "log.h"

#define PATH "/org/freedesktop/LogControl1"
#define INTERFACE "org.freedesktop.LogControl1"

static const char *const levels[LOG_DEBUG + 1] = {
	[LOG_EMERG] = "emerg",	   [LOG_ALERT] = "alert",   [LOG_CRIT] = "crit", [LOG_ERR] = "err",
	[LOG_WARNING] = "warning", [LOG_NOTICE] = "notice", [LOG_INFO] = "info", [LOG_DEBUG] = "debug",
};

static int get_level(_unused_ sd_bus *sdbus, _unused_ const char *path, _unused_ const char *interface,
		     _unused_ const char *property, sd_bus_message *reply, _unused_ void *userdata,
		     _unused_ sd_bus_error *error)
{
	return sd_bus_message_append(reply, "s", levels[log_get_max_level()]);
}

static int set_level(_unused_ sd_bus *sdbus, _unused_ const char *path, _unused_ const char *interface,
		     _unused_ const char *property, sd_bus_message *value, _unused_ void *userdata, sd_bus_error *error)
{
	const char *name;
	int r;

	r = sd_bus_message_read(value, "s", &name);
	if (r < 0)
		return r;
	r = string_table_lookup(levels, ELEMENTSOF(levels), name);
	if (r < 0)
		return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Not a log level: \"%s\"", name);
	log_set_max_level(r);
	return 0;
}

static int get_target(_unused_ sd_bus *sdbus, _unused_ const char *path, _unused_ const char *interface,
		      _unused_ const char *property, sd_bus_message *reply, _unused_ void *userdata,
		      _unused_ sd_bus_error *error)
{
	return sd_bus_message_append(reply, "s", log_is_to_journal() ? "journal" : "console");
}

static int get_identifier(_unused_ sd_bus *sdbus, _unused_ const char *path, _unused_ const char *interface,
			  _unused_ const char *property, sd_bus_message *reply, _unused_ void *userdata,
			  _unused_ sd_bus_error *error)
{
	return sd_bus_message_append(reply, "s", program_invocation_short_name);
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_WRITABLE_PROPERTY("LogLevel", "s", get_level, set_level, 0, 0),
	SD_BUS_PROPERTY("LogTarget", "s", get_target, 0, 0),
	SD_BUS_PROPERTY("SyslogIdentifier", "s", get_identifier, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_VTABLE_END,
};

int bus_add_log_control(Bus *bus)
{
	return sd_bus_add_object_vtable(bus->bus, NULL, PATH, INTERFACE, vtable, bus);
}
