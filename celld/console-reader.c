/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Readers of consoles. A write is at most what a pipe takes as a whole or not at all, so there is no rest to keep.
 */
#include <fcntl.h>
#include <limits.h>

#include "cell-error.h"
#include "console-reader.h"

#define READERS_MAX 64U		  /**< descriptors are scarce */
#define PIPE_BYTES (4 * PIPE_BUF) /**< as much as the ring: a slow reader need not have it twice */

struct ConsoleReader {
	ConsoleReader *next, **list;
	const ConsoleRing *ring;
	uint64_t position;
	bool in_line; /**< what it got last was not the end of a line */
	int fd;
	sd_event_source *source;
	void (*changed)(void *userdata);
	void *userdata;
};

static unsigned n_readers;

static ConsoleReader *reader_free(ConsoleReader *r)
{
	if (!r)
		return NULL;
	for (ConsoleReader **p = r->list; *p; p = &(*p)->next)
		if (*p == r) {
			*p = r->next;
			n_readers--;
			break;
		}
	sd_event_source_disable_unref(r->source);
	if (r->fd >= 0)
		close(r->fd);
	free(r);
	return NULL;
}
DEFINE_CLEANUP(ConsoleReader *, reader_free)

/** beginning - where to begin for somebody who has missed what is not there any more: at a line */
static uint64_t beginning(const ConsoleRing *ring)
{
	uint64_t oldest = console_ring_oldest(ring);
	char text[1024];
	size_t n = console_ring_read(ring, oldest, text, sizeof(text));
	const char *line = oldest > 0 ? memchr(text, '\n', n) : NULL;

	return line ? oldest + (uint64_t)(line + 1 - text) : oldest;
}

/** begin_again - skip what is lost, and note it in the chunk. Return: its bytes */
static size_t begin_again(const ConsoleReader *r, uint64_t *start, char *chunk, size_t size)
{
	size_t n = 0;

	if (r->position >= console_ring_oldest(r->ring))
		return 0;
	*start = beginning(r->ring);
	if (r->in_line)
		chunk[n++] = '\n';
	return n + console_missed_note(*start - r->position, chunk + n, size - n);
}

/** serve - Return: 0 it has all there is; -EAGAIN the pipe is full; -EPIPE nobody reads any more */
static int serve(ConsoleReader *r)
{
	char chunk[PIPE_BUF];

	while (r->position < r->ring->tail) {
		uint64_t start = r->position;
		size_t note = begin_again(r, &start, chunk, sizeof(chunk));
		size_t n = console_ring_read(r->ring, start, chunk + note, sizeof(chunk) - note);

		if (write(r->fd, chunk, note + n) < 0)
			return errno == EAGAIN || errno == EINTR ? -EAGAIN : -EPIPE;
		r->position = start + n;
		r->in_line = chunk[note + n - 1] != '\n';
	}
	return 0;
}

/** serve_or_wait - a reader that is gone is left to its event source */
static void serve_or_wait(ConsoleReader *r)
{
	(void)sd_event_source_set_io_events(r->source, serve(r) == -EAGAIN ? EPOLLOUT : 0U);
}

static int on_io(_unused_ sd_event_source *source, _unused_ int fd, uint32_t events, void *userdata)
{
	ConsoleReader *r = userdata;
	void (*changed)(void *userdata) = r->changed;
	void *changed_userdata = r->userdata;

	if (!(events & (EPOLLERR | EPOLLHUP))) {
		serve_or_wait(r);
		return 0;
	}
	reader_free(r);
	changed(changed_userdata);
	return 0;
}

static int open_pipe(ConsoleReader *r, sd_event *event, int *ret_fd)
{
	_cleanup_close_ int theirs = -EBADF;
	int fds[2], error;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	theirs = fds[0];
	r->fd = fds[1];
	(void)fcntl(r->fd, F_SETPIPE_SZ, PIPE_BYTES);
	/* Only our end must not block; the reader's may. */
	if (fcntl(r->fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	error = sd_event_add_io(event, &r->source, r->fd, 0, on_io, r);
	if (error < 0)
		return error;
	*ret_fd = TAKE_FD(theirs);
	return 0;
}

int console_reader_new(sd_event *event, const ConsoleRing *ring, ConsoleReader **list, void (*changed)(void *userdata),
		       void *userdata, int *ret_fd)
{
	_cleanup_(reader_freep) ConsoleReader *r = NULL;
	int error;

	if (n_readers >= READERS_MAX)
		return -CELL_EBUSY;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->fd = -EBADF;
	r->list = list;
	r->ring = ring;
	r->position = beginning(ring);
	r->changed = changed;
	r->userdata = userdata;
	error = open_pipe(r, event, ret_fd);
	if (error < 0)
		return error;
	r->next = *list;
	*list = r;
	n_readers++;
	serve_or_wait(r);
	r = NULL;
	return 0;
}

void console_readers_serve(ConsoleReader *list)
{
	uint32_t waiting;

	for (ConsoleReader *r = list; r; r = r->next)
		if (sd_event_source_get_io_events(r->source, &waiting) >= 0 && waiting == 0)
			serve_or_wait(r);
}

void console_readers_free(ConsoleReader **list)
{
	while (*list)
		reader_free(*list);
}
