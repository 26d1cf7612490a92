/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs commands inside the test machine for the runner outside, over a virtio serial port (see machine.py).
 *
 * Both directions carry frames: struct frame, then length bytes. One command at a time; it ends when its process ends,
 * even if something it left behind still holds its output open.
 * To us: 'P' ping (sent back as it is), 'R' run a command line, 'T' run one on a terminal of its own (struct
 * window_size, command line), 'I' input for that terminal, 'W' its new size. From us: 'P', 'O' standard output, 'E'
 * standard error, 'X' exit status (u32).
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

struct frame {
	uint32_t type;
	uint32_t length;
};

struct window_size {
	uint16_t rows;
	uint16_t columns;
};

enum { PORT, CHILD, OUT, ERR, POLLED };

static struct pollfd fds[POLLED];
static pid_t child;
static char buffer[65536];

static void write_all(int fd, const void *data, size_t length)
{
	const char *p = data;

	while (length > 0) {
		ssize_t n = write(fd, p, length);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			err(1, "write");
		if (n > 0) {
			p += n;
			length -= n;
		}
	}
}

/* An absent host reads as end of file: wait for it. */
static void read_all(int fd, void *data, size_t length)
{
	char *p = data;

	while (length > 0) {
		ssize_t n = read(fd, p, length);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			err(1, "read");
		if (n == 0)
			usleep(100000);
		if (n > 0) {
			p += n;
			length -= n;
		}
	}
}

static void send_frame(uint32_t type, const void *data, uint32_t length)
{
	struct frame f = { type, length };

	write_all(fds[PORT].fd, &f, sizeof(f));
	write_all(fds[PORT].fd, data, length);
}

static void set_window_size(int fd, const struct window_size *size)
{
	struct winsize ws = { .ws_row = size->rows, .ws_col = size->columns };

	ioctl(fd, TIOCSWINSZ, &ws);
}

static void exec_shell(const char *command)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (chdir("/root"))
		warn("/root");
	execl("/bin/sh", "sh", "-c", command, NULL);
	_exit(127);
}

static void run(const char *command)
{
	int out[2], error[2];

	if (pipe2(out, O_CLOEXEC) || pipe2(error, O_CLOEXEC))
		err(1, "pipe");
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (child == 0) {
		int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

		setsid();
		dup2(null, 0);
		dup2(out[1], 1);
		dup2(error[1], 2);
		exec_shell(command);
	}
	close(out[1]);
	close(error[1]);
	fds[OUT].fd = out[0];
	fds[ERR].fd = error[0];
}

static void run_on_terminal(const struct window_size *size, const char *command)
{
	child = forkpty(&fds[OUT].fd, NULL, NULL, NULL);
	if (child < 0)
		err(1, "forkpty");
	if (child == 0)
		exec_shell(command);
	fcntl(fds[OUT].fd, F_SETFD, FD_CLOEXEC);
	set_window_size(fds[OUT].fd, size);
}

static void stop_polling(int which)
{
	close(fds[which].fd);
	fds[which].fd = -1;
}

/* Send on what the command wrote; false at its end of file (a terminal answers EIO). */
static int forward(int which, uint32_t type)
{
	ssize_t n = read(fds[which].fd, buffer, sizeof(buffer));

	if (n <= 0)
		return 0;
	send_frame(type, buffer, n);
	return 1;
}

static void drain(int which, uint32_t type)
{
	if (fds[which].fd < 0)
		return;
	fcntl(fds[which].fd, F_SETFL, O_NONBLOCK);
	while (forward(which, type))
		;
	stop_polling(which);
}

static void reap(void)
{
	struct signalfd_siginfo info;
	uint32_t result;
	int status;

	read_all(fds[CHILD].fd, &info, sizeof(info));
	if (child <= 0 || waitpid(child, &status, WNOHANG) != child)
		return;
	child = 0;
	drain(OUT, 'O');
	drain(ERR, 'E');
	result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	send_frame('X', &result, sizeof(result));
}

static void obey(void)
{
	static char payload[1 << 20];
	struct frame f;

	read_all(fds[PORT].fd, &f, sizeof(f));
	if (f.length >= sizeof(payload))
		errx(1, "frame of %u bytes", f.length);
	read_all(fds[PORT].fd, payload, f.length);
	payload[f.length] = '\0';

	switch (f.type) {
	case 'P':
		send_frame('P', payload, f.length);
		break;
	case 'R':
		run(payload);
		break;
	case 'T':
		run_on_terminal((struct window_size *)payload, payload + sizeof(struct window_size));
		break;
	case 'I':
		if (write(fds[OUT].fd, payload, f.length) < 0)
			warn("input is lost");
		break;
	case 'W':
		set_window_size(fds[OUT].fd, (struct window_size *)payload);
		break;
	default:
		errx(1, "frame of type %u", f.type);
	}
}

int main(int argc, char **argv)
{
	sigset_t set;

	if (argc != 2)
		errx(1, "usage: vm-agent PORT");
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fds[PORT].fd = open(argv[1], O_RDWR | O_CLOEXEC);
	fds[CHILD].fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fds[PORT].fd < 0 || fds[CHILD].fd < 0)
		err(1, "%s", argv[1]);
	fds[OUT].fd = fds[ERR].fd = -1;
	for (int i = 0; i < POLLED; i++)
		fds[i].events = POLLIN;

	for (;;) {
		if (poll(fds, POLLED, -1) < 0 && errno != EINTR)
			err(1, "poll");
		if (fds[OUT].revents && !forward(OUT, 'O'))
			stop_polling(OUT);
		if (fds[ERR].revents && !forward(ERR, 'E'))
			stop_polling(ERR);
		if (fds[CHILD].revents)
			reap();
		if (fds[PORT].revents & POLLIN)
			obey();
	}
}
