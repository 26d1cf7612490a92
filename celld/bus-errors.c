/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Errors on the bus: org.jailhouse.Cell.Error.* for the errno values of cell-error.h, the standard names for the rest.
 */
#include "bus-core.h"
#include "cell-error.h"

#define PREFIX "org.jailhouse.Cell.Error."

typedef struct ErrorName {
	int code;
	const char *name;
	const char *sentence; /**< with one %s for the cell */
} ErrorName;

static const ErrorName names[] = {
	{ CELL_ENOSUCHCELL, PREFIX "NoSuchCell", "There is no cell %s" },
	{ CELL_EEXISTS, PREFIX "CellExists", "Cell %s exists already" },
	{ CELL_EBUSY, PREFIX "Busy", "Another operation is under way on %s" },
	{ CELL_ERUNNING, PREFIX "AlreadyRunning", "Cell %s is running already" },
	{ CELL_ENOTRUNNING, PREFIX "NotRunning", "Cell %s is not running" },
	{ CELL_ELOCKED, PREFIX "Locked", "Another cell than %s has locked the configuration" },
	{ CELL_EDENIED, PREFIX "ShutdownDenied", "Cell %s refuses to shut down" },
	{ CELL_ECONFLICT, PREFIX "ResourceConflict", "A resource of %s is in use" },
	{ CELL_ECONFIG, PREFIX "InvalidConfig", "The configuration of %s cannot be used" },
	{ CELL_EIMAGE, PREFIX "ImageError", "An image of %s cannot be loaded" },
	{ CELL_EDISABLED, PREFIX "HypervisorDisabled", "Cannot act on %s: the hypervisor is not enabled" },
	{ CELL_EUNAVAILABLE, PREFIX "HypervisorUnavailable", "Cannot act on %s: there is no hypervisor" },
	{ CELL_ELIMIT, PREFIX "StartLimitHit", "Cell %s was started too often" },
	{ CELL_EMANAGED, PREFIX "UnitManaged", "Cell %s is supervised on behalf of its unit" },
	{ CELL_ENOTSUPPORTED, PREFIX "NotSupported", "Not supported for %s" },
	{ CELL_ETIMEOUT, PREFIX "Timeout", "Operation on %s took too long" },
};

static const ErrorName *find(int code)
{
	for (size_t i = 0; i < ELEMENTSOF(names); i++)
		if (names[i].code == abs(code))
			return &names[i];
	return NULL;
}

const char *bus_error_name(int code)
{
	const ErrorName *e = find(code);

	return e ? e->name : NULL;
}

/** standard_name - of an errno of the system; arguments are not to blame for what comes with a text of the kernel's */
static const char *standard_name(int code, const char *text)
{
	switch (abs(code)) {
	case ENOMEM:
		return SD_BUS_ERROR_NO_MEMORY;
	case EIO:
		return SD_BUS_ERROR_IO_ERROR;
	case EACCES:
	case EPERM:
		return SD_BUS_ERROR_ACCESS_DENIED;
	case EINVAL:
		return isempty(text) ? SD_BUS_ERROR_INVALID_ARGS : SD_BUS_ERROR_FAILED;
	default:
		return SD_BUS_ERROR_FAILED;
	}
}

int bus_error_set(sd_bus_error *error, int code, const char *cell, const char *text)
{
	const ErrorName *e = find(code);
	char sentence[128];

	if (!e) {
		(void)sd_bus_error_set(error, standard_name(code, text), isempty(text) ? strerror(abs(code)) : text);
		return -abs(code);
	}
	if (isempty(text)) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(sentence, sizeof(sentence), e->sentence, cell ?: "the hypervisor");
#pragma GCC diagnostic pop
		text = sentence;
	}
	(void)sd_bus_error_set(error, e->name, text);
	return -abs(code);
}

int bus_error_for_cell(sd_bus_error *error, int code, const Cell *c, const char *text)
{
	if (isempty(text) && code == -CELL_ECONFIG && c->config_error)
		text = c->config_error;
	return bus_error_set(error, code, c->name, text);
}
