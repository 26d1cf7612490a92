/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cellctl: other programs that it makes use of.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "cellctl.h"

int ctl_run(char *const *argv)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return ctl_error("Cannot fork: %m");
	if (pid == 0) {
		execvp(argv[0], argv);
		fprintf(stderr, "Cannot execute %s: %m\n", argv[0]);
		_exit(CTL_FAILURE);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return ctl_error("Cannot wait for %s: %m", argv[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : CTL_FAILURE;
}

static pid_t agent_pid;

void ctl_agent_open(const Ctl *ctl)
{
	struct pollfd ready = { .events = POLLIN };
	char fd_text[16];
	int ends[2];

	/* root is not asked; who is elsewhere or has no terminal cannot be */
	if (agent_pid || !ctl->ask_password || ctl->host || geteuid() == 0 || !isatty(STDIN_FILENO) ||
	    !isatty(STDERR_FILENO))
		return;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	snprintf(fd_text, sizeof(fd_text), "%i", ends[1]);
	agent_pid = fork();
	if (agent_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		fcntl(ends[1], F_SETFD, 0);
		execlp("pkttyagent", "pkttyagent", "--notify-fd", fd_text, "--fallback", NULL);
		_exit(127);
	}
	close(ends[1]);
	/* closed when the agent is registered, or could not be executed */
	ready.fd = ends[0];
	if (agent_pid > 0)
		(void)poll(&ready, 1, 10000);
	close(ends[0]);
}

void ctl_agent_close(void)
{
	if (agent_pid <= 0)
		return;
	kill(agent_pid, SIGTERM);
	while (waitpid(agent_pid, NULL, 0) < 0 && errno == EINTR)
		;
	agent_pid = 0;
}
