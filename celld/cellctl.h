/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cellctl: what all its commands share: options, the bus connection, output.
 *
 * A command takes its arguments and returns the exit status of the program; it has printed its own errors.
 */
#ifndef CELLD_CELLCTL_H
#define CELLD_CELLCTL_H

#include <json-c/json.h>
#include <systemd/sd-bus.h>

#include "config.h"

#define CTL_BUS_NAME "org.jailhouse.Cell"
#define CTL_MANAGER_PATH "/org/jailhouse/Cell"
#define CTL_MANAGER_INTERFACE "org.jailhouse.Cell.Manager"
#define CTL_CELL_PREFIX "/org/jailhouse/Cell/cell"
#define CTL_CELL_INTERFACE "org.jailhouse.Cell"

/** Exit status, as LSB has it for init scripts. */
enum {
	CTL_OK = 0,
	CTL_FAILURE = 1,
	CTL_NOT_RUNNING = 3,
	CTL_NO_SUCH_CELL = 4,
};

/** Flags of methods that start and stop. */
enum {
	CTL_FLAG_FORCE = 1,
	CTL_FLAG_RUNTIME = 2,
	CTL_FLAG_NO_UNIT = 4,
	CTL_FLAG_NO_BLOCK = 8,
};

typedef enum CtlJson {
	CTL_JSON_OFF,
	CTL_JSON_SHORT,	 /**< one line a value */
	CTL_JSON_PRETTY, /**< indented */
	CTL_JSON_MAX,
	CTL_JSON_INVALID = -EINVAL,
} CtlJson;

DECLARE_STRING_TABLE(ctl_json, CtlJson);

typedef struct Ctl {
	FILE *out;   /**< results; what is said about them goes to stderr */
	sd_bus *bus; /**< NULL: not connected */

	const char *host;  /**< -H, NULL: here */
	CtlJson json;	   /**< --json */
	bool pager;	   /**< not with --no-pager */
	bool legend;	   /**< not with --no-legend */
	bool ask_password; /**< not with --no-ask-password */
	bool quiet;	   /**< -q */
	bool value;	   /**< --value */
	bool color;
	bool follow;		/**< -f */
	bool now;		/**< --now */
	bool system;		/**< --system */
	uint64_t flags;		/**< CTL_FLAG_* */
	int lines;		/**< -n, < 0: default of the command */
	uint64_t interval_usec; /**< --interval, 0: once */
	int64_t cpu;		/**< --cpu, < 0: all */
	const char *output;	/**< -o */
	char **properties;	/**< -p */
	char **config_dirs;	/**< --config-dir, NULL: the search path */
} Ctl;

typedef struct CtlVerb {
	const char *name;
	const char *arguments; /**< for people: "CELL..." */
	const char *help;
	int min_arguments, max_arguments; /**< max < 0: any number */
	int (*run)(Ctl *ctl, char **arguments);
} CtlVerb;

/* ctl-options.c */

/** ctl_parse - fill @ctl from the command line. Return: > 0 index of the first argument; 0 done, exit well; < 0 exit
 * badly */
int ctl_parse(Ctl *ctl, int argc, char **argv, const CtlVerb *verbs, size_t n_verbs);

/** ctl_error - one line to stderr. Return: CTL_FAILURE */
_printf_(1, 2) int ctl_error(const char *format, ...);

/* ctl-bus.c */

/** ctl_connect - to the system bus here or on the host. Return: exit status */
int ctl_connect(Ctl *ctl);

/** ctl_cell_path - object path of a cell, allocated; NULL without memory */
char *ctl_cell_path(const char *name);

/**
 * ctl_call - one method, connecting first where needed
 * @what: for the error message, "start rtos"
 * @ret: the reply, to be unreferenced; may be NULL
 * @types, ...: arguments as for sd_bus_message_append()
 *
 * Return: exit status; the error has been printed
 */
int ctl_call(Ctl *ctl, const char *what, const char *path, const char *interface, const char *member,
	     sd_bus_message **ret, const char *types, ...);

/** ctl_bus_failure - print a bus error. Return: exit status that fits it */
int ctl_bus_failure(const char *what, const sd_bus_error *error, int r);

/** ctl_expect_cell - Return: CTL_NO_SUCH_CELL, and said so, if celld knows no such cell; CTL_OK, also if it says
 * nothing
 */
int ctl_expect_cell(Ctl *ctl, const char *what, const char *name);

/** ctl_get_cell, ctl_get_manager, ctl_get_cells - all properties, as JSON object; of all cells: array, sorted by name
 */
int ctl_get_cell(Ctl *ctl, const char *name, json_object **ret);
int ctl_get_manager(Ctl *ctl, json_object **ret);
int ctl_get_cells(Ctl *ctl, json_object **ret);

static inline void ctl_message_unrefp(sd_bus_message **m)
{
	sd_bus_message_unref(*m);
}
#define _cleanup_message_ _cleanup_(ctl_message_unrefp)

static inline void ctl_json_putp(json_object **object)
{
	json_object_put(*object);
}
#define _cleanup_object_ _cleanup_(ctl_json_putp)

/* ctl-json.c */

/** ctl_json_read - the next complete value of a message: dictionaries of strings to objects, other containers to arrays
 */
int ctl_json_read(sd_bus_message *m, json_object **ret);

/** ctl_json_print - one value in the chosen form. Return: exit status */
int ctl_json_print(const Ctl *ctl, json_object *value);

/** ctl_property - member of an object; NULL if it is not there */
json_object *ctl_property(json_object *object, const char *name);

/** ctl_string, ctl_number - the same with "" and 0 */
const char *ctl_string(json_object *object, const char *name);
uint64_t ctl_number(json_object *object, const char *name);

/* ctl-format.c */

/** ctl_text - a property as people read it, allocated; NULL without memory */
char *ctl_text(const char *property, json_object *value);

/** ctl_color, ctl_color_off - escape sequences for a property's value; "" without colours */
const char *ctl_color(const Ctl *ctl, const char *property, const char *value);
const char *ctl_color_off(const Ctl *ctl);

typedef struct CtlColumn {
	const char *title;
	const char *property;
	bool right; /**< numbers */
} CtlColumn;

/** ctl_table - rows are objects; as table with header and count of @noun, or as JSON with the columns' properties */
int ctl_table(const Ctl *ctl, const CtlColumn *columns, size_t n_columns, json_object *rows, const char *noun);

/* ctl-metrics.c */

/**
 * ctl_metrics_write - OpenMetrics text of the manager's and all cells' properties
 * @cells: array of objects; those of created cells have a member Statistics, as GetStatistics() gave it
 */
void ctl_metrics_write(FILE *f, json_object *manager, json_object *cells);

/* ctl-pager.c */

/** ctl_pager_open, ctl_pager_close - put a pager behind ctl->out if that is a terminal, and wait for it */
void ctl_pager_open(Ctl *ctl);
void ctl_pager_close(Ctl *ctl);

/* ctl-exec.c */

/** ctl_run - run a program and wait. Return: its exit status, or CTL_FAILURE */
int ctl_run(char *const *argv);

/** ctl_agent_open, ctl_agent_close - a polkit agent on the terminal, while root's permission may have to be asked for
 */
void ctl_agent_open(const Ctl *ctl);
void ctl_agent_close(void);

/* Commands, by file. */
int verb_list(Ctl *ctl, char **arguments); /* ctl-status.c */
int verb_status(Ctl *ctl, char **arguments);
int verb_show(Ctl *ctl, char **arguments);
int verb_start(Ctl *ctl, char **arguments); /* ctl-action.c */
int verb_stop(Ctl *ctl, char **arguments);
int verb_restart(Ctl *ctl, char **arguments);
int verb_create(Ctl *ctl, char **arguments);
int verb_destroy(Ctl *ctl, char **arguments);
int verb_undefine(Ctl *ctl, char **arguments);
int verb_reset_failed(Ctl *ctl, char **arguments);
int verb_reload(Ctl *ctl, char **arguments);
int verb_enable(Ctl *ctl, char **arguments);
int verb_disable(Ctl *ctl, char **arguments);
int verb_logs(Ctl *ctl, char **arguments);
int verb_hypervisor(Ctl *ctl, char **arguments); /* ctl-hypervisor.c */
int verb_console(Ctl *ctl, char **arguments);	 /* ctl-console.c */
int verb_monitor(Ctl *ctl, char **arguments);	 /* ctl-monitor.c */
int verb_stats(Ctl *ctl, char **arguments);	 /* ctl-stats.c */
int verb_metrics(Ctl *ctl, char **arguments);	 /* ctl-metrics.c */
int verb_define(Ctl *ctl, char **arguments);	 /* ctl-define.c */
int verb_check(Ctl *ctl, char **arguments);	 /* ctl-config.c */
int verb_import(Ctl *ctl, char **arguments);
int verb_export(Ctl *ctl, char **arguments);
int verb_cat(Ctl *ctl, char **arguments);

#endif
