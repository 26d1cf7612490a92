/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Slow work in a child process. Two things must have happened before the answer counts: end of file on the pipe, and
 * the child's exit. The exit status only says whether the bytes are complete; the error itself is their first word.
 */
#include <linux/close_range.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "operation.h"

struct Operation {
	pid_t pid;
	int fd;
	sd_event_source *child;
	sd_event_source *input;
	sd_event_source *timer;
	OperationDone done;
	void *userdata;
	char *reply;
	size_t size;
	bool eof;
	bool exited;
	bool clean; /**< the child said all it wanted to */
	bool timed_out;
};

Operation *operation_free(Operation *o)
{
	if (!o)
		return NULL;
	sd_event_source_disable_unref(o->input);
	sd_event_source_disable_unref(o->timer);
	/* Kills and reaps the child if it still runs. */
	if (o->child) {
		sd_event_source_set_child_process_own(o->child, true);
		sd_event_source_disable_unref(o->child);
	} else if (o->pid > 0) {
		kill(o->pid, SIGKILL);
		while (waitpid(o->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (o->fd >= 0)
		close(o->fd);
	free(o->reply);
	free(o);
	return NULL;
}

/** finish - call back once the answer is complete */
static void finish(Operation *o)
{
	int32_t error = -EIO;
	const char *reply = "";
	size_t size = 0;
	OperationDone done = o->done;
	void *userdata = o->userdata;
	char *bytes;

	if (!o->eof || !o->exited)
		return;
	bytes = TAKE_PTR(o->reply);
	if (o->timed_out) {
		error = -ETIMEDOUT;
	} else if (o->clean && o->size >= sizeof(error)) {
		memcpy(&error, bytes, sizeof(error));
		reply = bytes + sizeof(error);
		size = o->size - sizeof(error);
	}
	operation_free(o);
	done(userdata, error, reply, size);
	free(bytes);
}

static int on_input(sd_event_source *source, int fd, _unused_ uint32_t events, void *userdata)
{
	Operation *o = userdata;
	char buffer[4096];
	ssize_t n = read(fd, buffer, sizeof(buffer));
	char *longer;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	longer = n > 0 && o->size + (size_t)n <= OPERATION_REPLY_MAX_BYTES ? realloc(o->reply, o->size + (size_t)n + 1)
									   : NULL;
	if (longer) {
		memcpy(longer + o->size, buffer, (size_t)n);
		o->size += (size_t)n;
		longer[o->size] = '\0';
		o->reply = longer;
		return 0;
	}
	/* End, or too much of it: then the reply stays incomplete, and the child finds the pipe closed. */
	if (n != 0)
		o->size = 0;
	o->eof = true;
	(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	o->input = sd_event_source_unref(o->input);
	close(o->fd);
	o->fd = -EBADF;
	finish(o);
	return 0;
}

static int on_exit_of_child(_unused_ sd_event_source *source, const siginfo_t *info, void *userdata)
{
	Operation *o = userdata;

	o->exited = true;
	o->clean = info->si_code == CLD_EXITED && info->si_status == 0;
	o->pid = 0;
	o->child = sd_event_source_disable_unref(o->child);
	finish(o);
	return 0;
}

static int on_timeout(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata)
{
	Operation *o = userdata;

	o->timed_out = true;
	kill(o->pid, SIGKILL);
	return 0;
}

/** run_child - never returns */
static void run_child(OperationWork work, void *work_data, int fd, pid_t parent)
{
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *bytes = NULL;
	size_t size = 0;
	int32_t error;
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* Leases and bus connections must not outlive celld in here. */
	if (fd > 3)
		close_range(3, (unsigned)fd - 1, 0);
	close_range((unsigned)fd + 1, ~0U, 0);

	f = open_memstream(&bytes, &size);
	if (!f)
		_exit(EXIT_FAILURE);
	error = 0;
	fwrite(&error, sizeof(error), 1, f);
	error = work(work_data, f);
	if (fflush(f) != 0 || size < sizeof(error))
		_exit(EXIT_FAILURE);
	memcpy(bytes, &error, sizeof(error));

	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, bytes + done, size - done);

		if (n < 0 && errno != EINTR)
			_exit(EXIT_FAILURE);
		if (n > 0)
			done += (size_t)n;
	}
	_exit(EXIT_SUCCESS);
}

static int fork_child(Operation *o, OperationWork work, void *work_data)
{
	_cleanup_close_ int reader = -EBADF, writer = -EBADF;
	pid_t self = getpid(), pid;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	reader = fds[0];
	writer = fds[1];
	if (fcntl(reader, F_SETFL, O_NONBLOCK) < 0)
		return -errno;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		run_child(work, work_data, writer, self);
	o->pid = pid;
	o->fd = TAKE_FD(reader);
	return 0;
}

int operation_start(sd_event *event, OperationWork work, void *work_data, uint64_t timeout_usec, OperationDone done,
		    void *done_data, Operation **ret)
{
	_cleanup_(operation_freep) Operation *o = calloc(1, sizeof(*o));
	int r;

	if (!o)
		return -ENOMEM;
	o->fd = -EBADF;
	o->done = done;
	o->userdata = done_data;

	r = fork_child(o, work, work_data);
	if (r < 0)
		return r;
	r = sd_event_add_child(event, &o->child, o->pid, WEXITED, on_exit_of_child, o);
	if (r < 0)
		return r;
	r = sd_event_add_io(event, &o->input, o->fd, EPOLLIN, on_input, o);
	if (r < 0)
		return r;
	r = sd_event_add_time_relative(event, &o->timer, CLOCK_MONOTONIC, timeout_usec, 0, on_timeout, o);
	if (r < 0)
		return r;

	if (ret)
		*ret = o;
	o = NULL;
	return 0;
}
