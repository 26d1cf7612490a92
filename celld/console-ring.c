/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Console rings: the file, and the way from the page into it.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "clean-text.h"
#include "console-page.h"
#include "console-ring.h"

#define MAGIC 0x31474e4952434c43ULL /* "CLCRING1" */
#define WORDS_BYTES 1024	    /**< of the text that last words are taken from */

_Static_assert(sizeof(ConsoleRing) == 16384, "console ring");

static bool is_sane(const ConsoleRing *r)
{
	return r->magic == MAGIC && r->run <= r->tail && r->logged <= r->tail;
}

/** open_file - with all of its bytes on disk: a mapping that lacks some would kill us */
static int open_file(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = posix_fallocate(fd, 0, sizeof(ConsoleRing));
	return r != 0 ? -r : TAKE_FD(fd);
}

int console_ring_open(const char *path, ConsoleRing **ret)
{
	_cleanup_close_ int fd = path ? open_file(path) : -EBADF;
	ConsoleRing *r;

	r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE, fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS,
		 fd >= 0 ? fd : -1, 0);
	if (r == MAP_FAILED)
		return -errno;
	if (!is_sane(r))
		*r = (ConsoleRing){ .magic = MAGIC };
	*ret = r;
	return 0;
}

ConsoleRing *console_ring_close(ConsoleRing *r)
{
	if (r)
		munmap(r, sizeof(*r));
	return NULL;
}

uint64_t console_page_tail(const struct cell_console_page *page)
{
	return page->created ? page->tail : 0;
}

uint64_t console_ring_oldest(const ConsoleRing *r)
{
	return r->tail > CONSOLE_RING_BYTES ? r->tail - CONSOLE_RING_BYTES : 0;
}

/** put - at most as much as fits */
static void put(ConsoleRing *r, const char *text, size_t n)
{
	size_t at = r->tail % CONSOLE_RING_BYTES, first = MIN(n, CONSOLE_RING_BYTES - at);

	memcpy(r->text + at, text, first);
	memcpy(r->text, text + first, n - first);
	r->tail += n;
}

void console_ring_end_line(ConsoleRing *r)
{
	if (r->tail > 0 && r->text[(r->tail - 1) % CONSOLE_RING_BYTES] != '\n')
		put(r, "\n", 1);
}

size_t console_missed_note(uint64_t n, char *buffer, size_t size)
{
	return n > 0 ? (size_t)snprintf(buffer, size, "<missed %" PRIu64 " bytes of console log>\n", n) : 0;
}

static void note_missing(ConsoleRing *r, uint64_t n)
{
	char note[64];

	console_ring_end_line(r);
	put(r, note, console_missed_note(n, note, sizeof(note)));
}

/**
 * copy_page - bytes of the page's stream from @from to @tail that are not overwritten meanwhile
 * @ret_first: number of the first one
 *
 * Return: how many
 */
static size_t copy_page(const struct cell_console_page *page, uint64_t from, uint64_t tail, char *copy,
			uint64_t *ret_first)
{
	uint64_t first = MAX(from, tail > CELL_CONSOLE_BYTES ? tail - CELL_CONSOLE_BYTES : 0), begin = first, now;

	for (size_t i = 0, at = begin % CELL_CONSOLE_BYTES; i < tail - begin; i++) {
		copy[i] = *(const volatile char *)&page->content[at];
		at = at + 1 < CELL_CONSOLE_BYTES ? at + 1 : 0;
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	now = page->tail;
	/* Byte @now may be on its way to the place of byte @now - CELL_CONSOLE_BYTES. */
	if (now >= CELL_CONSOLE_BYTES)
		first = MAX(first, MIN(now - CELL_CONSOLE_BYTES + 1, tail));
	memmove(copy, copy + (first - begin), tail - first);
	*ret_first = first;
	return tail - first;
}

bool console_ring_take(ConsoleRing *r, const struct cell_console_page *page)
{
	uint64_t created = page->created, start = page->start, tail, first;
	char copy[CELL_CONSOLE_BYTES];
	size_t n;

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	tail = page->tail;
	if (created == 0)
		return false;
	if (created != r->page_created || tail < r->page_seen) {
		console_ring_end_line(r);
		r->page_created = created;
		r->page_seen = 0;
		r->page_start = ~start;
	}
	n = copy_page(page, r->page_seen, tail, copy, &first);
	if (first > r->page_seen)
		note_missing(r, first - r->page_seen);
	put(r, copy, n);
	if (start != r->page_start)
		r->run = r->tail - MIN(tail - MIN(start, tail), r->tail);
	r->page_start = start;
	if (tail == r->page_seen)
		return false;
	r->page_seen = tail;
	return true;
}

size_t console_ring_read(const ConsoleRing *r, uint64_t position, char *buffer, size_t size)
{
	size_t n, at, first;

	position = MIN(MAX(position, console_ring_oldest(r)), r->tail);
	n = MIN(size, r->tail - position);
	at = position % CONSOLE_RING_BYTES;
	first = MIN(n, CONSOLE_RING_BYTES - at);
	memcpy(buffer, r->text + at, first);
	memcpy(buffer + first, r->text, n - first);
	return n;
}

/** begin_well - the next line's beginning, unless that is far away, or else the next character's */
static const char *begin_well(const char *text, const char *end)
{
	const char *line = memchr(text, '\n', (size_t)(end - text) / 2);

	if (line)
		return line + 1;
	while (text < end && ((unsigned char)*text & 0xc0) == 0x80)
		text++;
	return text;
}

/** tail_of - the last part of clean text that is shorter than @size */
static const char *tail_of(const char *text, size_t size)
{
	size_t n = strlen(text);

	return n < size ? text : begin_well(text + (n - size + 1), text + n);
}

void console_ring_last_words(const ConsoleRing *r, char *buffer, size_t size)
{
	uint64_t start = MAX(MAX(r->run, console_ring_oldest(r)), r->tail > WORDS_BYTES ? r->tail - WORDS_BYTES : 0);
	char text[WORDS_BYTES], clean[4 * WORDS_BYTES + 1];
	size_t n = console_ring_read(r, start, text, sizeof(text));
	const char *from = start > r->run ? begin_well(text, text + n) : text;

	(void)clean_text(from, n - (size_t)(from - text), clean, sizeof(clean));
	for (n = strlen(clean); n > 0 && (clean[n - 1] == '\n' || clean[n - 1] == ' '); n--)
		clean[n - 1] = '\0';
	snprintf(buffer, size, "%s", tail_of(clean, size));
}
