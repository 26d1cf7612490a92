/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cellctl console: what a cell prints, as it prints it.
 */
#include <poll.h>

#include "cellctl.h"
#include "clean-text.h"

/**
 * copy_safely - to a terminal: cells may print anything, but they do not command the terminal
 *
 * Return: bytes taken; a character that is cut off waits for its rest, if @more can come
 */
static size_t copy_safely(FILE *out, const char *bytes, size_t n, bool more)
{
	char c[CLEAN_CHAR_BYTES];
	size_t taken = 0, length;

	while ((length = clean_char(bytes + taken, n - taken, more, c)) > 0) {
		fputs(c, out);
		taken += length;
	}
	return taken;
}

/** follow - until the other end closes, or ours */
static int follow(const Ctl *ctl, int fd)
{
	bool terminal = ctl->out == stdout && isatty(STDOUT_FILENO);
	struct pollfd wait[] = { { .fd = fd, .events = POLLIN }, { .fd = STDOUT_FILENO } };
	size_t kept = 0, taken;
	char buf[4096];

	for (;;) {
		ssize_t n;

		if (poll(wait, 2, -1) < 0 && errno != EINTR)
			return ctl_error("Cannot wait for the console: %m");
		if (wait[1].revents & POLLERR)
			return CTL_OK;
		if (!wait[0].revents)
			continue;
		n = read(fd, buf + kept, sizeof(buf) - kept);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return ctl_error("Cannot read the console: %m");
		kept += (size_t)n;
		taken = terminal ? copy_safely(ctl->out, buf, kept, n > 0) : fwrite(buf, 1, kept, ctl->out);
		kept -= taken;
		memmove(buf, buf + taken, kept);
		if (fflush(ctl->out) != 0)
			return ctl_error("Cannot write: %m");
		if (n == 0)
			return CTL_OK;
	}
}

int verb_console(Ctl *ctl, char **arguments)
{
	_cleanup_free_ char *path = ctl_cell_path(arguments[0]), *what = NULL;
	_cleanup_message_ sd_bus_message *reply = NULL;
	char *remote[] = { (char *)"ssh", (char *)"--", (char *)ctl->host, (char *)"cellctl", (char *)"console",
			   arguments[0],  NULL };
	int fd, r;

	if (!path || asprintf(&what, "open the console of %s", arguments[0]) < 0)
		return ctl_error("Out of memory");
	if (ctl->host) {
		/* descriptors do not travel through ssh, and the far shell must not see anything but a name */
		if (!cell_name_is_valid(arguments[0]))
			return ctl_error("Not a cell name: %s", arguments[0]);
		return ctl_run(remote);
	}
	ctl_agent_open(ctl);
	r = ctl_call(ctl, what, path, CTL_CELL_INTERFACE, "OpenConsole", &reply, "t", UINT64_C(0));
	if (r != CTL_OK)
		return r;
	r = sd_bus_message_read(reply, "h", &fd);
	if (r < 0)
		return ctl_bus_failure(what, NULL, r);
	ctl_agent_close();
	return follow(ctl, fd);
}
