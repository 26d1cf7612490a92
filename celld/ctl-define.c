/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cellctl define, undefine: configurations that celld keeps for us, in /var/lib/celld or (--runtime) /run/celld.
 */
#include "cellctl.h"

/** read_stdin - all of it, with a NUL behind; more than a configuration may have is an error */
static int read_stdin(char **ret, size_t *ret_size)
{
	_cleanup_free_ char *text = malloc(CONFIG_FILE_MAX_BYTES + 1);
	size_t size;

	if (!text)
		return -ENOMEM;
	size = fread(text, 1, CONFIG_FILE_MAX_BYTES + 1, stdin);
	if (ferror(stdin))
		return -EIO;
	if (size > CONFIG_FILE_MAX_BYTES)
		return -EFBIG;
	text[size] = 0;
	*ret = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}

/* What is wrong with the configuration is for celld to say: it may be another version, on another machine. */
int verb_define(Ctl *ctl, char **arguments)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	_cleanup_free_ char *what = NULL, *text = NULL;
	const char *name = arguments[0], *file = arguments[1];
	size_t size = 0;
	int r;

	if (!cell_name_is_valid(name))
		return ctl_error("Not a cell name: %s", name);
	r = streq(file, "-") ? read_stdin(&text, &size) : util_read_file(file, CONFIG_FILE_MAX_BYTES, &text, &size);
	if (r < 0)
		return ctl_error("Cannot read %s: %s", file, strerror(-r));
	if (strlen(text) != size)
		return ctl_error("%s is not a text; cellctl import turns a binary configuration into one", file);
	if (asprintf(&what, "define %s", name) < 0)
		return ctl_error("Out of memory");
	ctl_agent_open(ctl);
	return ctl_call(ctl, what, CTL_MANAGER_PATH, CTL_MANAGER_INTERFACE, "DefineCell", &reply, "sst", name, text,
			ctl->flags & ~(uint64_t)CTL_FLAG_NO_BLOCK);
}
