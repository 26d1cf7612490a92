/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cellctl: the connection to celld.
 */
#include <stdarg.h>

#include "cellctl.h"

/** Starting waits for the cell's first beat, stopping for its consent; celld bounds both. */
#define CALL_TIMEOUT_USEC (10 * 60 * USEC_PER_SEC)

/** Of a question that need not be answered. */
#define EXPECT_TIMEOUT_USEC (10 * USEC_PER_SEC)

/** bus_open - unless it is open. Return: 0 or -errno */
static int bus_open(Ctl *ctl)
{
	int r;

	if (ctl->bus)
		return 0;
	r = ctl->host ? sd_bus_open_system_remote(&ctl->bus, ctl->host) : sd_bus_open_system(&ctl->bus);
	if (r < 0)
		return r;
	(void)sd_bus_set_allow_interactive_authorization(ctl->bus, ctl->ask_password);
	(void)sd_bus_set_method_call_timeout(ctl->bus, CALL_TIMEOUT_USEC);
	return 0;
}

int ctl_connect(Ctl *ctl)
{
	int r = bus_open(ctl);

	if (r >= 0)
		return CTL_OK;
	return ctl_error("Cannot connect to the system bus%s%s: %s", ctl->host ? " of " : "", ctl->host ?: "",
			 strerror(-r));
}

char *ctl_cell_path(const char *name)
{
	char *path = NULL;

	return sd_bus_path_encode(CTL_CELL_PREFIX, name, &path) < 0 ? NULL : path;
}

int ctl_bus_failure(const char *what, const sd_bus_error *error, int r)
{
	const char *message = error && error->message ? error->message : strerror(-r);

	if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
	    sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
		return ctl_error("Cannot %s: celld is not there (%s)", what, message);
	/* cells come and go: what the daemon forgot has no object either */
	if (sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_OBJECT)) {
		ctl_error("Cannot %s: no such cell", what);
		return CTL_NO_SUCH_CELL;
	}
	ctl_error("Cannot %s: %s", what, message);
	if (sd_bus_error_has_name(error, "org.jailhouse.Cell.Error.NoSuchCell"))
		return CTL_NO_SUCH_CELL;
	if (sd_bus_error_has_name(error, "org.jailhouse.Cell.Error.NotRunning"))
		return CTL_NOT_RUNNING;
	return CTL_FAILURE;
}

int ctl_call(Ctl *ctl, const char *what, const char *path, const char *interface, const char *member,
	     sd_bus_message **ret, const char *types, ...)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	_cleanup_message_ sd_bus_message *m = NULL;
	va_list args;
	int r;

	r = ctl_connect(ctl);
	if (r != CTL_OK)
		return r;
	r = sd_bus_message_new_method_call(ctl->bus, &m, CTL_BUS_NAME, path, interface, member);
	if (r >= 0 && types) {
		va_start(args, types);
		r = sd_bus_message_appendv(m, types, args);
		va_end(args);
	}
	if (r >= 0)
		r = sd_bus_call(ctl->bus, m, 0, &error, ret);
	return r < 0 ? ctl_bus_failure(what, &error, r) : CTL_OK;
}

int ctl_expect_cell(Ctl *ctl, const char *what, const char *name)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	_cleanup_message_ sd_bus_message *m = NULL;
	_cleanup_free_ char *action = NULL;
	int r;

	r = bus_open(ctl);
	if (r >= 0)
		r = sd_bus_message_new_method_call(ctl->bus, &m, CTL_BUS_NAME, CTL_MANAGER_PATH, CTL_MANAGER_INTERFACE,
						   "GetCell");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", name);
	if (r >= 0)
		r = sd_bus_call(ctl->bus, m, EXPECT_TIMEOUT_USEC, &error, NULL);
	if (r >= 0 || !sd_bus_error_has_name(&error, "org.jailhouse.Cell.Error.NoSuchCell"))
		return CTL_OK;
	if (asprintf(&action, "%s %s", what, name) < 0)
		return ctl_error("Out of memory");
	return ctl_bus_failure(action, &error, r);
}

/** get_all - properties of one interface of an object */
static int get_all(Ctl *ctl, const char *what, const char *path, const char *interface, json_object **ret)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	int r;

	r = ctl_call(ctl, what, path, "org.freedesktop.DBus.Properties", "GetAll", &reply, "s", interface);
	if (r != CTL_OK)
		return r;
	r = ctl_json_read(reply, ret);
	return r < 0 ? ctl_bus_failure(what, NULL, r) : CTL_OK;
}

int ctl_get_cell(Ctl *ctl, const char *name, json_object **ret)
{
	_cleanup_free_ char *path = ctl_cell_path(name), *what = NULL;

	if (!path || asprintf(&what, "look at %s", name) < 0)
		return ctl_error("Out of memory");
	return get_all(ctl, what, path, CTL_CELL_INTERFACE, ret);
}

int ctl_get_manager(Ctl *ctl, json_object **ret)
{
	return get_all(ctl, "look at the hypervisor", CTL_MANAGER_PATH, CTL_MANAGER_INTERFACE, ret);
}

static int compare_names(const void *a, const void *b)
{
	json_object *const *x = a, *const *y = b;

	return strcmp(ctl_string(*x, "Name"), ctl_string(*y, "Name"));
}

int ctl_get_cells(Ctl *ctl, json_object **ret)
{
	_cleanup_object_ json_object *objects = NULL, *cells = json_object_new_array();
	_cleanup_message_ sd_bus_message *reply = NULL;
	int r;

	if (!cells)
		return ctl_error("Out of memory");
	r = ctl_call(ctl, "list cells", CTL_MANAGER_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects",
		     &reply, NULL);
	if (r != CTL_OK)
		return r;
	r = ctl_json_read(reply, &objects);
	if (r < 0)
		return ctl_bus_failure("list cells", NULL, r);
	json_object_object_foreach (objects, path, interfaces) {
		json_object *cell = ctl_property(interfaces, CTL_CELL_INTERFACE);

		/* the manager's own object has another interface */
		if (!startswith(path, CTL_CELL_PREFIX "/") || !cell)
			continue;
		if (json_object_array_add(cells, json_object_get(cell)) < 0)
			return ctl_error("Out of memory");
	}
	json_object_array_sort(cells, compare_names);
	*ret = TAKE_PTR(cells);
	return CTL_OK;
}
