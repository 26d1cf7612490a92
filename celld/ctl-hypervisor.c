/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cellctl hypervisor: under or not under this Linux.
 */
#include <inttypes.h>

#include "cellctl.h"

static void print_pool(const Ctl *ctl, json_object *manager, const char *label, const char *pages, const char *used)
{
	if (ctl_number(manager, pages) > 0)
		fprintf(ctl->out, "%12s: %" PRIu64 " of %" PRIu64 " pages used\n", label, ctl_number(manager, used),
			ctl_number(manager, pages));
}

static int hypervisor_status(Ctl *ctl)
{
	_cleanup_object_ json_object *manager = NULL;
	const char *state, *color;
	int r;

	r = ctl_get_manager(ctl, &manager);
	if (r != CTL_OK)
		return r;
	state = ctl_string(manager, "HypervisorState");
	color = ctl_color(ctl, "HypervisorState", state);
	if (ctl->json != CTL_JSON_OFF) {
		r = ctl_json_print(ctl, manager);
		if (r != CTL_OK)
			return r;
	} else if (!ctl->quiet) {
		fprintf(ctl->out, "%12s: %s%s%s\n", "Hypervisor", color, state, *color ? ctl_color_off(ctl) : "");
		if (!isempty(ctl_string(manager, "RootCell")))
			fprintf(ctl->out, "%12s: %s\n", "Root cell", ctl_string(manager, "RootCell"));
		print_pool(ctl, manager, "Memory", "MemPoolPages", "MemPoolUsed");
		print_pool(ctl, manager, "Remapping", "RemapPoolPages", "RemapPoolUsed");
		fprintf(ctl->out, "%12s: %s\n", "celld", ctl_string(manager, "Version"));
	}
	return streq(state, "enabled") ? CTL_OK : CTL_NOT_RUNNING;
}

int verb_hypervisor(Ctl *ctl, char **arguments)
{
	const char *verb = arguments[0] ?: "status";
	bool enable = streq(verb, "enable");

	if (streq(verb, "status"))
		return hypervisor_status(ctl);
	if (!enable && !streq(verb, "disable"))
		return ctl_error("hypervisor takes status, enable or disable, not \"%s\"", verb);
	ctl_agent_open(ctl);
	return ctl_call(ctl, enable ? "enable the hypervisor" : "disable the hypervisor", CTL_MANAGER_PATH,
			CTL_MANAGER_INTERFACE, enable ? "EnableHypervisor" : "DisableHypervisor", NULL, "t",
			ctl->flags);
}
