/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cellctl console: what a cell prints, as it prints it.
 */
#include <poll.h>

#include "cellctl.h"

/** copy_safely - to a terminal: cells may print anything, but they do not command the terminal */
static int copy_safely(FILE *out, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if ((c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t')
			fputc(c, out);
		else if (c != '\r')
			fprintf(out, "^%c", c ^ 0x40);
	}
	return fflush(out) == 0 ? 0 : -errno;
}

static int copy_plainly(FILE *out, const char *bytes, size_t n)
{
	return fwrite(bytes, 1, n, out) == n && fflush(out) == 0 ? 0 : -errno;
}

/** follow - until the other end closes, or ours */
static int follow(const Ctl *ctl, int fd)
{
	bool terminal = ctl->out == stdout && isatty(STDOUT_FILENO);
	struct pollfd wait[] = { { .fd = fd, .events = POLLIN }, { .fd = STDOUT_FILENO } };
	char buf[4096];

	for (;;) {
		ssize_t n;
		int r;

		if (poll(wait, 2, -1) < 0 && errno != EINTR)
			return ctl_error("Cannot wait for the console: %m");
		if (wait[1].revents & POLLERR)
			return CTL_OK;
		if (!wait[0].revents)
			continue;
		n = read(fd, buf, sizeof(buf));
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return ctl_error("Cannot read the console: %m");
		if (n == 0)
			return CTL_OK;
		r = terminal ? copy_safely(ctl->out, buf, (size_t)n) : copy_plainly(ctl->out, buf, (size_t)n);
		if (r < 0)
			return ctl_error("Cannot write: %s", strerror(-r));
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
