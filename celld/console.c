/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Consoles of cells: page, ring, journal; the readers are in console-reader.c.
 */
#include <inttypes.h>

#include "clean-text.h"
#include "clock.h"
#include "console-page.h"
#include "console-reader.h"
#include "console-ring.h"
#include "console.h"
#include "kmod.h"
#include "log.h"

/*
 * A page holds what a serial line of 115200 baud brings in the longest of these times. Timers of this accuracy all end
 * together, whatever their number.
 */
#define PERIOD_USEC (100 * USEC_PER_MSEC)
#define ACCURACY_USEC (250 * USEC_PER_MSEC)

/* Far less than journald takes from celld, of which this is not to cost an entry. */
#define LINES_BURST 100U
#define LINES_PER_SEC 20U
#define LINE_BYTES 1000 /**< of text; what is longer becomes several entries */

struct CellConsole {
	Cell *cell;
	int32_t mapped_id; /**< whose page it is, < 0: nobody's */
	const struct cell_console_page *page;
	ConsoleRing *ring; /**< NULL until there is a first byte, or a reader */
	sd_event_source *timer;
	ConsoleReader *readers;

	unsigned lines; /**< that the journal may get at once */
	uint64_t lines_usec;
	uint64_t suppressed;
};

static CellConsole *get_console(Cell *c)
{
	if (!c->console) {
		c->console = calloc(1, sizeof(*c->console));
		if (!c->console)
			return NULL;
		c->console->cell = c;
		c->console->mapped_id = -1;
		c->console->lines = LINES_BURST;
	}
	return c->console;
}

/** ring_path - allocated, or NULL */
static char *ring_path(const Cell *c)
{
	bool is_file = c->host->console_dir && cell_name_is_valid(c->name);

	return is_file ? path_join(c->host->console_dir, c->name) : NULL;
}

static ConsoleRing *get_ring(CellConsole *k)
{
	_cleanup_free_ char *path = k->ring ? NULL : ring_path(k->cell);

	if (!k->ring)
		(void)console_ring_open(path, &k->ring);
	return k->ring;
}

/* -- Journal ------------------------------------------------------------------------------------------------------ */

static void refill_lines(CellConsole *k)
{
	uint64_t now = clock_monotonic(), earned = (now - k->lines_usec) * LINES_PER_SEC / USEC_PER_SEC;

	if (earned == 0)
		return;
	k->lines_usec = now;
	k->lines = (unsigned)MIN(k->lines + earned, LINES_BURST);
}

/** log_suppressed - not line by line: once it was too much, silence is kept for a second, or until the @end of the run
 */
static void log_suppressed(CellConsole *k, bool end)
{
	if (k->suppressed == 0 || (k->lines < LINES_PER_SEC && !end))
		return;
	log_cell(k->cell, LOG_NOTICE, NULL, "%" PRIu64 " lines of the console were suppressed.", k->suppressed);
	k->suppressed = 0;
}

static void log_line(CellConsole *k, const char *line)
{
	if (isempty(line))
		return;
	log_suppressed(k, false);
	if (k->lines == 0 || k->suppressed > 0) {
		k->suppressed++;
		return;
	}
	k->lines--;
	log_console(k->cell, line);
}

/** log_lines - hand what is complete over to the journal; at the end of a run what is not, too */
static void log_lines(CellConsole *k, bool end_of_run)
{
	ConsoleRing *r = k->ring;
	char text[LINE_BYTES], line[LINE_BYTES + 1];

	refill_lines(k);
	while (r->logged < r->tail) {
		uint64_t start = MAX(r->logged, console_ring_oldest(r));
		size_t n = console_ring_read(r, start, text, sizeof(text));
		const char *end = memchr(text, '\n', n);
		size_t length = end ? (size_t)(end - text) : n, taken;

		if (!end && n < sizeof(text) && !end_of_run)
			break;
		taken = clean_text(text, length, line, sizeof(line));
		log_line(k, line);
		r->logged = start + taken + (end && taken == length);
	}
	log_suppressed(k, end_of_run);
}

/* -- Page --------------------------------------------------------------------------------------------------------- */

static void look(CellConsole *k)
{
	if (!k->page || (!k->ring && console_page_tail(k->page) == 0) || !get_ring(k))
		return;
	if (console_ring_take(k->ring, k->page))
		console_readers_serve(k->readers);
	log_lines(k, false);
}

void console_look(Cell *c)
{
	if (c->console)
		look(c->console);
}

static bool wants_timer(const CellConsole *k)
{
	const Cell *c = k->cell;

	return k->page && (c->kernel.state == KERNEL_RUNNING || c->kernel.state == KERNEL_RUNNING_LOCKED) &&
	       (cell_is_supervised(c) || k->readers);
}

static void update_timer(CellConsole *k);

static int on_time(_unused_ sd_event_source *timer, _unused_ uint64_t usec, void *userdata)
{
	CellConsole *k = userdata;

	look(k);
	update_timer(k);
	return 0;
}

static void update_timer(CellConsole *k)
{
	int r = 0, enabled = SD_EVENT_OFF;

	if (!wants_timer(k)) {
		k->timer = sd_event_source_disable_unref(k->timer);
		return;
	}
	if (!k->timer)
		r = sd_event_add_time_relative(k->cell->host->event, &k->timer, CLOCK_MONOTONIC, PERIOD_USEC,
					       ACCURACY_USEC, on_time, k);
	else if (sd_event_source_get_enabled(k->timer, &enabled) >= 0 && enabled == SD_EVENT_OFF)
		r = sd_event_source_set_time_relative(k->timer, PERIOD_USEC);
	if (r >= 0 && k->timer)
		r = sd_event_source_set_enabled(k->timer, SD_EVENT_ONESHOT);
	if (r < 0)
		log_cell(k->cell, LOG_ERR, NULL, "Cannot look at the console: %s", strerror(-r));
}

static void unmap(CellConsole *k)
{
	kmod_unmap_page(k->page);
	k->page = NULL;
	k->mapped_id = -1;
}

static void map(CellConsole *k)
{
	const void *page = NULL;
	int r;

	unmap(k);
	k->mapped_id = k->cell->kernel.id;
	if (k->mapped_id < 0)
		return;
	r = kmod_map_console((uint32_t)k->mapped_id, &page);
	if (r < 0 && r != -ENXIO)
		log_cell(k->cell, LOG_WARNING, NULL, "Cannot read the console: %s", strerror(-r));
	k->page = page;
}

void console_follow(Cell *c)
{
	CellConsole *k = cell_is_created(c) ? get_console(c) : c->console;

	if (!k)
		return;
	/* What it printed last is there even if it was destroyed. */
	look(k);
	if (k->mapped_id != c->kernel.id) {
		if (k->ring)
			log_lines(k, true);
		map(k);
		look(k);
	}
	update_timer(k);
}

void console_note_end(Cell *c)
{
	char words[1024];

	console_look(c);
	free(c->last_words);
	c->last_words = NULL;
	if (!c->console || !c->console->ring || !c->console->page)
		return;
	console_ring_end_line(c->console->ring);
	log_lines(c->console, true);
	console_readers_serve(c->console->readers);
	console_ring_last_words(c->console->ring, words, sizeof(words));
	if (words[0])
		c->last_words = strdup(words);
}

/* -- Readers ------------------------------------------------------------------------------------------------------ */

static void on_readers_changed(void *userdata)
{
	update_timer(userdata);
}

int console_open(Cell *c, int *ret_fd)
{
	CellConsole *k = get_console(c);
	int r;

	if (!k || !get_ring(k))
		return -ENOMEM;
	look(k);
	r = console_reader_new(c->host->event, k->ring, &k->readers, on_readers_changed, k, ret_fd);
	update_timer(k);
	return r;
}

void console_forget(const Cell *c)
{
	_cleanup_free_ char *path = ring_path(c);

	if (path)
		(void)unlink(path);
}

void console_free(Cell *c)
{
	CellConsole *k = c->console;

	if (!k)
		return;
	console_readers_free(&k->readers);
	sd_event_source_disable_unref(k->timer);
	unmap(k);
	console_ring_close(k->ring);
	free(k);
	c->console = NULL;
}
