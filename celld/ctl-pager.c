/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cellctl: a pager behind long output on a terminal.
 */
#include <signal.h>
#include <sys/wait.h>

#include "cellctl.h"

static pid_t pager_pid;

static const char *pager_command(void)
{
	static const char *const variables[] = { "SYSTEMD_PAGER", "PAGER" };

	for (size_t i = 0; i < ELEMENTSOF(variables); i++) {
		const char *command = getenv(variables[i]);

		if (command)
			return streq(command, "cat") ? "" : command;
	}
	return "less";
}

void ctl_pager_open(Ctl *ctl)
{
	const char *command = pager_command();
	int ends[2];

	if (!ctl->pager || ctl->json != CTL_JSON_OFF || !*command || ctl->out != stdout || !isatty(STDOUT_FILENO))
		return;
	if (pipe(ends) < 0)
		return;
	fflush(NULL);
	pager_pid = fork();
	if (pager_pid == 0) {
		dup2(ends[0], STDIN_FILENO);
		close(ends[0]);
		close(ends[1]);
		/* what fits on the screen is left there; colours pass */
		setenv("LESS", "FRSXMK", 0);
		/* no commands out of a pager that shows what others wrote */
		setenv("LESSSECURE", "1", 1);
		signal(SIGINT, SIG_IGN);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	close(ends[0]);
	if (pager_pid > 0)
		ctl->out = fdopen(ends[1], "w");
	else
		close(ends[1]);
	if (!ctl->out)
		ctl->out = stdout;
}

void ctl_pager_close(Ctl *ctl)
{
	if (pager_pid <= 0)
		return;
	if (ctl->out != stdout)
		fclose(ctl->out);
	ctl->out = stdout;
	while (waitpid(pager_pid, NULL, 0) < 0 && errno == EINTR)
		;
	pager_pid = 0;
}
