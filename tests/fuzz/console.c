/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzzes what is made of a cell's console: any bytes, printed in any portions, looked at now and then, with runs that
 * begin and end. Nothing is lost without being counted; clean text commands nothing, and stays as it is when it is
 * cleaned again.
 *
 * Input: portions, each a length, what happens, and that many bytes, which are printed over and over.
 */
#include <assert.h>

#include "clean-text.h"
#include "console-page.h"
#include "console-ring.h"

#define REPEAT_MAX 16

enum { LOOK = 1, START = 2, CREATE = 4, END = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_clean(const char *text)
{
	char again[8192];
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		assert((unsigned char)text[i] >= ' ' || text[i] == '\n' || text[i] == '\t');
	assert(!strchr(text, 0x7f));
	assert(clean_text(text, n, again, sizeof(again)) == n);
	assert(streq(text, again));
}

static void assert_cleaned(const uint8_t *data, size_t size)
{
	char clean[CLEAN_CHAR_BYTES + 3], c[CLEAN_CHAR_BYTES];
	size_t taken;

	for (size_t done = 0; done < size; done += taken) {
		taken = clean_text((const char *)data + done, size - done, clean, sizeof(clean));
		assert(taken > 0 && taken <= size - done);
		assert_clean(clean);
		taken = clean_char((const char *)data + done, size - done, true, c);
		assert(taken <= MIN(size - done, 4U));
		assert(taken > 0 || size - done < 4);
		taken = MAX(taken, 1U);
	}
}

static void assert_ring(const ConsoleRing *r)
{
	char words[1024], newest[64];

	assert(r->run <= r->tail && r->logged <= r->tail);
	assert(console_ring_read(r, r->tail - MIN(r->tail, 7U), newest, sizeof(newest)) == MIN(r->tail, 7U));
	console_ring_last_words(r, words, sizeof(words));
	assert_clean(words);
}

static void print(struct cell_console_page *page, const uint8_t *data, size_t size, unsigned times)
{
	while (times--)
		for (size_t i = 0; i < size; i++, page->tail++)
			page->content[page->tail % CELL_CONSOLE_BYTES] = (char)data[i];
}

static void look(ConsoleRing *r, const struct cell_console_page *page)
{
	uint64_t seen = r->page_created == page->created ? r->page_seen : 0, tail = r->tail;
	bool any = console_ring_take(r, page);

	assert(any == (page->tail > seen));
	assert(r->page_seen == page->tail);
	/* What is old enough is noted, and the note is shorter than what it stands for, unless that is a trifle. */
	assert(r->tail - tail <= page->tail - seen + 64);
	assert_ring(r);
}

static void step(ConsoleRing *r, struct cell_console_page *page, unsigned what)
{
	if (what & END)
		console_ring_end_line(r);
	if (what & START)
		page->start = page->tail;
	if (what & CREATE)
		*page = (struct cell_console_page){ .created = page->created + 1 };
	if (what & LOOK)
		look(r, page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cell_console_page page = { .created = 1 };
	char all[CONSOLE_RING_BYTES + 1];
	ConsoleRing *r;

	assert_cleaned(data, size);
	assert(console_ring_open(NULL, &r) == 0);
	while (size >= 2) {
		size_t n = MIN(data[0], size - 2);

		print(&page, data + 2, n, data[1] / REPEAT_MAX + 1U);
		step(r, &page, data[1] % REPEAT_MAX);
		data += 2 + n;
		size -= 2 + n;
	}
	look(r, &page);
	assert(console_ring_read(r, 0, all, sizeof(all)) == r->tail - console_ring_oldest(r));
	console_ring_close(r);
	return 0;
}
