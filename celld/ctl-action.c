/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cellctl start, stop, restart, create, destroy, ...: commands that change cells, one after the other.
 */
#include "cellctl.h"

typedef struct Action {
	const char *verb;   /**< for messages: "start" */
	const char *method; /**< of the manager; takes a name, and flags unless said otherwise */
	bool without_flags;
	bool with_path; /**< answers with the cell's path */
	bool quick;	/**< is over at once: there is no need not to wait */
} Action;

static int act_on(Ctl *ctl, const Action *action, const char *name)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	uint64_t flags = ctl->flags & ~(action->quick ? CTL_FLAG_NO_BLOCK : 0ULL);
	_cleanup_free_ char *what = NULL;

	if (asprintf(&what, "%s %s", action->verb, name) < 0)
		return ctl_error("Out of memory");
	if (action->without_flags)
		return ctl_call(ctl, what, CTL_MANAGER_PATH, CTL_MANAGER_INTERFACE, action->method, NULL, "s", name);
	return ctl_call(ctl, what, CTL_MANAGER_PATH, CTL_MANAGER_INTERFACE, action->method,
			action->with_path ? &reply : NULL, "st", name, flags);
}

/** act - on all cells, also after a failure. Return: the largest exit status */
static int act(Ctl *ctl, const Action *action, char **names)
{
	int status = CTL_OK;

	ctl_agent_open(ctl);
	for (; *names; names++) {
		int r = act_on(ctl, action, *names);

		status = MAX(status, r);
	}
	return status;
}

int verb_start(Ctl *ctl, char **arguments)
{
	return act(ctl, &(Action){ .verb = "start", .method = "StartCell" }, arguments);
}

int verb_stop(Ctl *ctl, char **arguments)
{
	return act(ctl, &(Action){ .verb = "stop", .method = "StopCell" }, arguments);
}

int verb_restart(Ctl *ctl, char **arguments)
{
	return act(ctl, &(Action){ .verb = "restart", .method = "RestartCell" }, arguments);
}

int verb_create(Ctl *ctl, char **arguments)
{
	return act(ctl, &(Action){ .verb = "create", .method = "CreateCell", .with_path = true, .quick = true },
		   arguments);
}

int verb_destroy(Ctl *ctl, char **arguments)
{
	return act(ctl, &(Action){ .verb = "destroy", .method = "DestroyCell" }, arguments);
}

int verb_undefine(Ctl *ctl, char **arguments)
{
	return act(ctl, &(Action){ .verb = "undefine", .method = "UndefineCell", .quick = true }, arguments);
}

int verb_reset_failed(Ctl *ctl, char **arguments)
{
	return act(ctl, &(Action){ .verb = "reset", .method = "ResetFailedCell", .without_flags = true }, arguments);
}

int verb_reload(Ctl *ctl, char **arguments)
{
	(void)arguments;
	ctl_agent_open(ctl);
	return ctl_call(ctl, "reload", CTL_MANAGER_PATH, CTL_MANAGER_INTERFACE, "Reload", NULL, NULL);
}

/** systemctl - desired state is systemd's: hand over */
static int systemctl(Ctl *ctl, const char *verb, char **names)
{
	_cleanup_strv_ char **argv = NULL;
	int r;

	r = strv_add(&argv, "systemctl");
	if (r >= 0)
		r = strv_add(&argv, verb);
	if (r >= 0 && ctl->now)
		r = strv_add(&argv, "--now");
	if (r >= 0 && ctl->quiet)
		r = strv_add(&argv, "--quiet");
	if (r >= 0 && ctl->flags & CTL_FLAG_NO_BLOCK)
		r = strv_add(&argv, "--no-block");
	if (r >= 0 && ctl->flags & CTL_FLAG_RUNTIME)
		r = strv_add(&argv, "--runtime");
	if (r >= 0 && ctl->host)
		r = strv_add(&argv, "-H");
	if (r >= 0 && ctl->host)
		r = strv_add(&argv, ctl->host);
	for (; r >= 0 && *names; names++) {
		_cleanup_free_ char *unit = NULL;

		if (!cell_name_is_valid(*names))
			return ctl_error("Not a cell name: %s", *names);
		/* systemd would enable an instance of any name, and one that is not needed any more can be disabled */
		r = streq(verb, "enable") ? ctl_expect_cell(ctl, verb, *names) : CTL_OK;
		if (r != CTL_OK)
			return r;
		r = asprintf(&unit, "cell@%s.service", *names);
		if (r >= 0)
			r = strv_add(&argv, unit);
	}
	return r < 0 ? ctl_error("Out of memory") : ctl_run(argv);
}

int verb_enable(Ctl *ctl, char **arguments)
{
	return systemctl(ctl, "enable", arguments);
}

int verb_disable(Ctl *ctl, char **arguments)
{
	return systemctl(ctl, "disable", arguments);
}

int verb_logs(Ctl *ctl, char **arguments)
{
	char unit[64], lines[16];
	char *argv[16];
	size_t n = 0;
	int r;

	/* the far shell sees nothing but this, a name and a number */
	if (!cell_name_is_valid(arguments[0]))
		return ctl_error("Not a cell name: %s", arguments[0]);
	r = ctl_expect_cell(ctl, "show the journal of", arguments[0]);
	if (r != CTL_OK)
		return r;
	snprintf(unit, sizeof(unit), "cell@%s.service", arguments[0]);
	snprintf(lines, sizeof(lines), "-n%i", ctl->lines);
	if (ctl->host) {
		argv[n++] = (char *)"ssh";
		argv[n++] = (char *)"--";
		argv[n++] = (char *)ctl->host;
	}
	argv[n++] = (char *)"journalctl";
	argv[n++] = (char *)"-u";
	argv[n++] = unit;
	if (ctl->lines >= 0)
		argv[n++] = lines;
	if (ctl->follow)
		argv[n++] = (char *)"-f";
	if (ctl->quiet)
		argv[n++] = (char *)"-q";
	if (!ctl->pager || ctl->host)
		argv[n++] = (char *)"--no-pager";
	if (ctl->json != CTL_JSON_OFF)
		argv[n++] = (char *)(ctl->json == CTL_JSON_SHORT ? "-ojson" : "-ojson-pretty");
	argv[n] = NULL;
	return ctl_run(argv);
}
