/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cellctl: control and look at cells from the command line. The table of its commands.
 */
#include <locale.h>
#include <signal.h>

#include "cellctl.h"

static const CtlVerb verbs[] = {
	{ "list", "", "List cells", 0, 0, verb_list },
	{ "status", "[CELL...]", "Show what goes on in cells", 0, -1, verb_status },
	{ "show", "[CELL...]", "Show properties of cells, or of celld", 0, -1, verb_show },
	{ "start", "CELL...", "Start cells", 1, -1, verb_start },
	{ "stop", "CELL...", "Shut cells down and take their resources back", 1, -1, verb_stop },
	{ "restart", "CELL...", "Restart cells; their resources stay with them", 1, -1, verb_restart },
	{ "create", "CELL...", "Give cells their resources without starting them", 1, -1, verb_create },
	{ "destroy", "CELL...", "Take the resources of cells back", 1, -1, verb_destroy },
	{ "define", "CELL FILE", "Have celld keep a configuration (-: standard input)", 2, 2, verb_define },
	{ "undefine", "CELL...", "Remove configurations that celld keeps", 1, -1, verb_undefine },
	{ "reset-failed", "CELL...", "Forget failures of cells", 1, -1, verb_reset_failed },
	{ "enable", "CELL...", "Start cells at boot", 1, -1, verb_enable },
	{ "disable", "CELL...", "Do not start cells at boot", 1, -1, verb_disable },
	{ "console", "CELL", "Follow what a cell prints", 1, 1, verb_console },
	{ "logs", "CELL", "Show the journal of a cell", 1, 1, verb_logs },
	{ "stats", "CELL", "Show counters of VM exits", 1, 1, verb_stats },
	{ "metrics", "", "Print all of it for Prometheus, as OpenMetrics text", 0, 0, verb_metrics },
	{ "monitor", "[CELL...]", "Follow events", 0, -1, verb_monitor },
	{ "hypervisor", "[status|enable|disable|log]", "Look at, enable or disable the hypervisor", 0, 1,
	  verb_hypervisor },
	{ "reload", "", "Read configurations again", 0, 0, verb_reload },
	{ "check", "[CELL|FILE...]", "Check configuration files, without celld", 0, -1, verb_check },
	{ "cat", "CELL", "Show the configuration that celld has of a cell", 1, 1, verb_cat },
	{ "import", "BLOB", "Turn a Jailhouse configuration into JSON", 1, 1, verb_import },
	{ "export", "CELL|FILE", "Turn JSON into a Jailhouse configuration", 0, 1, verb_export },
};

static const CtlVerb *find_verb(const char *name)
{
	for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
		if (streq(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

static int run_verb(Ctl *ctl, char **arguments)
{
	const CtlVerb *verb = find_verb(arguments[0] ?: "list");
	char **rest = arguments[0] ? arguments + 1 : arguments;
	int n = (int)strv_length(rest);

	if (!verb)
		return ctl_error("Unknown command \"%s\", see cellctl --help", arguments[0]);
	if (n < verb->min_arguments)
		return ctl_error("Too few arguments: cellctl %s %s", verb->name, verb->arguments);
	if (verb->max_arguments >= 0 && n > verb->max_arguments)
		return ctl_error("Too many arguments: cellctl %s %s", verb->name, verb->arguments);
	return verb->run(ctl, rest);
}

int main(int argc, char **argv)
{
	Ctl ctl = { .out = stdout };
	int r, status;

	setlocale(LC_ALL, "");
	signal(SIGPIPE, SIG_DFL);
	r = ctl_parse(&ctl, argc, argv, verbs, ELEMENTSOF(verbs));
	status = r > 0 ? run_verb(&ctl, argv + r) : r < 0 ? CTL_FAILURE : CTL_OK;
	ctl_agent_close();
	ctl_pager_close(&ctl);
	if (fflush(stdout) != 0 && status == CTL_OK)
		status = ctl_error("Cannot write: %m");
	sd_bus_flush_close_unref(ctl.bus);
	strv_free(ctl.properties);
	strv_free(ctl.config_dirs);
	return status;
}
