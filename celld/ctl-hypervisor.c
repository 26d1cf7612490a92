/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cellctl hypervisor: under or not under this Linux.
 */
#include <inttypes.h>

#include "cellctl.h"
#include "clean-text.h"

#define LOG_FILE "/sys/devices/jailhouse/console"

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

/** hypervisor_log - of the module, not by celld: what all cells print is for root alone */
static int hypervisor_log(const Ctl *ctl)
{
	char *remote[] = { (char *)"ssh", (char *)"--", (char *)ctl->host, (char *)"cellctl", (char *)"hypervisor",
			   (char *)"log", NULL };
	_cleanup_free_ char *text = NULL;
	char line[512];
	size_t n;
	int r;

	if (ctl->host)
		return ctl_run(remote);
	r = util_read_file(LOG_FILE, UTIL_FILE_MAX_BYTES, &text, &n);
	if (r < 0)
		return ctl_error("Cannot read %s: %s", LOG_FILE,
				 r == -ENOENT ? "the kernel module is not loaded" : strerror(-r));
	for (size_t done = 0; done < n;) {
		done += clean_text(text + done, n - done, line, sizeof(line));
		fputs(line, ctl->out);
	}
	return CTL_OK;
}

int verb_hypervisor(Ctl *ctl, char **arguments)
{
	const char *verb = arguments[0] ?: "status";
	bool enable = streq(verb, "enable");

	if (streq(verb, "status"))
		return hypervisor_status(ctl);
	if (streq(verb, "log"))
		return hypervisor_log(ctl);
	if (!enable && !streq(verb, "disable"))
		return ctl_error("hypervisor takes status, enable, disable or log, not \"%s\"", verb);
	ctl_agent_open(ctl);
	return ctl_call(ctl, enable ? "enable the hypervisor" : "disable the hypervisor", CTL_MANAGER_PATH,
			CTL_MANAGER_INTERFACE, enable ? "EnableHypervisor" : "DisableHypervisor", NULL, "t",
			ctl->flags);
}
