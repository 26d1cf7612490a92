/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Console: one device descriptor and one pipe a reader. The module keeps a cursor for each descriptor, so readers do
 * not disturb each other; nothing is read while a pipe is full. The device cannot be polled: it is looked at by a
 * timer, as long as there is a reader.
 */
#include <fcntl.h>

#include "cell-error.h"
#include "console.h"
#include "kmod.h"

#define READERS_MAX 16
#define PERIOD_USEC (100 * USEC_PER_MSEC)
#define CHUNK_BYTES 2048 /**< the hypervisor's ring: a pipe with less room waits */

typedef struct Reader {
	Console *console;
	int device;
	int pipe;
	sd_event_source *hangup;
	char chunk[CHUNK_BYTES]; /**< read, and not written yet */
	size_t start, end;
} Reader;

struct Console {
	sd_event *event;
	sd_event_source *timer;
	Reader *readers[READERS_MAX];
};

static Reader *reader_free(Reader *r)
{
	if (!r)
		return NULL;
	sd_event_source_disable_unref(r->hangup);
	if (r->device >= 0)
		close(r->device);
	if (r->pipe >= 0)
		close(r->pipe);
	free(r);
	return NULL;
}
DEFINE_CLEANUP(Reader *, reader_free)

static void drop(Console *c, Reader *r)
{
	for (size_t i = 0; i < READERS_MAX; i++)
		if (c->readers[i] == r)
			c->readers[i] = NULL;
	reader_free(r);
}

/** pass_on - move what there is. Return: 0, -EPIPE if nobody reads any more */
static int pass_on(Reader *r)
{
	ssize_t n;

	if (r->start == r->end) {
		n = read(r->device, r->chunk, sizeof(r->chunk));
		if (n <= 0)
			return 0;
		r->start = 0;
		r->end = (size_t)n;
	}
	n = write(r->pipe, r->chunk + r->start, r->end - r->start);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
	r->start += (size_t)n;
	return 0;
}

static int on_time(sd_event_source *timer, uint64_t usec, void *userdata)
{
	Console *c = userdata;
	bool any = false;

	for (size_t i = 0; i < READERS_MAX; i++) {
		if (!c->readers[i])
			continue;
		if (pass_on(c->readers[i]) < 0)
			drop(c, c->readers[i]);
		else
			any = true;
	}
	if (any) {
		(void)sd_event_source_set_time(timer, usec + PERIOD_USEC);
		(void)sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
	}
	return 0;
}

static int on_hangup(_unused_ sd_event_source *source, _unused_ int fd, _unused_ uint32_t events, void *userdata)
{
	Reader *r = userdata;

	drop(r->console, r);
	return 0;
}

static int open_pipe(Console *c, Reader *r, int *ret_fd)
{
	int fds[2], error;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	r->pipe = fds[1];
	/* Only our end must not block; the reader's may. */
	error = fcntl(r->pipe, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
	if (error >= 0)
		error = sd_event_add_io(c->event, &r->hangup, r->pipe, 0, on_hangup, r);
	if (error < 0) {
		close(fds[0]);
		return error;
	}
	*ret_fd = fds[0];
	return 0;
}

static int open_device(Reader *r)
{
	r->device = kmod_open_console();
	if (r->device < 0)
		return r->device == -EPERM || r->device == -EACCES ? r->device : -CELL_EUNAVAILABLE;
	if (read(r->device, NULL, 0) < 0 && errno == EPERM)
		return -CELL_ENOTSUPPORTED;
	return 0;
}

static int start_timer(Console *c)
{
	int r;

	if (!c->timer)
		return sd_event_add_time_relative(c->event, &c->timer, CLOCK_MONOTONIC, 0, 0, on_time, c);
	r = sd_event_source_set_time_relative(c->timer, 0);
	return r < 0 ? r : sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT);
}

int console_open(Console *c, int *ret_fd)
{
	_cleanup_(reader_freep) Reader *r = NULL;
	_cleanup_close_ int fd = -EBADF;
	size_t i = 0;
	int code;

	while (i < READERS_MAX && c->readers[i])
		i++;
	if (i == READERS_MAX)
		return -CELL_EBUSY;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->console = c;
	r->device = r->pipe = -EBADF;
	code = open_device(r);
	if (code >= 0)
		code = open_pipe(c, r, &fd);
	if (code >= 0)
		code = start_timer(c);
	if (code < 0)
		return code;
	c->readers[i] = TAKE_PTR(r);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int console_new(sd_event *event, Console **ret)
{
	Console *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->event = sd_event_ref(event);
	*ret = c;
	return 0;
}

Console *console_free(Console *c)
{
	if (!c)
		return NULL;
	sd_event_source_disable_unref(c->timer);
	for (size_t i = 0; i < READERS_MAX; i++)
		reader_free(c->readers[i]);
	sd_event_unref(c->event);
	free(c);
	return NULL;
}
