/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of consoles: clean text, the ring and its page, readers of all speeds, what the journal gets, and last words.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "clean-text.h"
#include "console-page.h"
#include "console-ring.h"
#include "console.h"
#include "sim/sim.h"

static char folder[] = "/tmp/test-console-XXXXXX";
static Sim *sim;
static SimCell *inmate; /* of cell */
static sd_event *event;
static CellHost host;
static Cell *cell;

/* -- Clean text --------------------------------------------------------------------------------------------------- */

static void test_clean_text(void **state)
{
	static const struct {
		const char *dirty, *clean;
	} rows[] = {
		{ "plain\ttext\n", "plain\ttext\n" },
		{ "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x9a\x80", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x9a\x80" },
		{ "line\r\n", "line\n" },
		{ "\x1b[31m\a\x7f", "^[[31m^G^?" },
		{ "\x9b"
		  "31m",
		  "\\x9b31m" }, /* CSI as one byte */
		{ "\xc2\x9b"
		  "31m",
		  "\\xc2\\x9b31m" },					   /* and as a character */
		{ "\xc0\x80 \xe0\x80\x80", "\\xc0\\x80 \\xe0\\x80\\x80" }, /* overlong */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },			   /* surrogate */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },		   /* beyond Unicode */
		{ "\xe2\x82", "\\xe2\\x82" },				   /* cut off */
		{ "\xe2\x82x", "\\xe2\\x82x" },
		{ "a\xe2\x80\xae"
		  "b",
		  "a\\xe2\\x80\\xae"
		  "b" },			       /* right-to-left override */
		{ "\xe2\x80\xa8", "\\xe2\\x80\\xa8" }, /* line separator */
		{ "\xef\xbb\xbf", "\\xef\\xbb\\xbf" }, /* byte order mark */
		{ "", "" },
	};
	char buffer[128];

	(void)state;
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		assert_int_equal(clean_text(rows[i].dirty, strlen(rows[i].dirty), buffer, sizeof(buffer)),
				 strlen(rows[i].dirty));
		assert_string_equal(buffer, rows[i].clean);
	}
	assert_int_equal(clean_text("\0x", 2, buffer, sizeof(buffer)), 2);
	assert_string_equal(buffer, "^@x");
}

/** A character that may go on is waited for; one that cannot is not. */
static void test_clean_char_by_parts(void **state)
{
	char c[CLEAN_CHAR_BYTES];

	(void)state;
	assert_int_equal(clean_char("\xe2\x82", 2, true, c), 0);
	assert_int_equal(clean_char("\xe2\x82", 2, false, c), 1);
	assert_int_equal(clean_char("\xe2\x41", 2, true, c), 1);
	assert_int_equal(clean_char("", 0, true, c), 0);
}

/** What does not fit is left for the next time, character by character. */
static void test_clean_text_bounds(void **state)
{
	static const char text[] = "ab\xc3\xa9\x01\xff";
	char all[64] = "", piece[8];

	(void)state;
	for (size_t size = 5; size <= sizeof(piece); size++) {
		all[0] = '\0';
		for (size_t done = 0; done < strlen(text);) {
			size_t n = clean_text(text + done, strlen(text) - done, piece, size);

			assert_true(n > 0);
			assert_true(strlen(piece) < size);
			done += n;
			strcat(all, piece);
		}
		assert_string_equal(all, "ab\xc3\xa9^A\\xff");
	}
}

/* -- Ring --------------------------------------------------------------------------------------------------------- */

static struct cell_console_page page;

static void print(const char *text)
{
	for (; *text; text++, page.tail++)
		page.content[page.tail % CELL_CONSOLE_BYTES] = *text;
}

static char *text_of(const ConsoleRing *r)
{
	static char text[CONSOLE_RING_BYTES + 1];
	size_t n = console_ring_read(r, 0, text, CONSOLE_RING_BYTES);

	text[n] = '\0';
	return text;
}

static void test_ring(void **state)
{
	ConsoleRing *r;
	char words[64];

	(void)state;
	page = (struct cell_console_page){ 0 };
	assert_int_equal(console_ring_open(NULL, &r), 0);
	print("not there yet");
	assert_false(console_ring_take(r, &page));
	assert_int_equal(console_page_tail(&page), 0);
	page = (struct cell_console_page){ .created = 1 };
	assert_false(console_ring_take(r, &page));
	print("one\n");
	assert_true(console_ring_take(r, &page));
	assert_false(console_ring_take(r, &page));
	page.start = page.tail;
	console_ring_take(r, &page);
	console_ring_last_words(r, words, sizeof(words));
	assert_string_equal(words, "");
	print("two");
	assert_true(console_ring_take(r, &page));
	console_ring_last_words(r, words, sizeof(words));
	assert_string_equal(words, "two");
	/* Another page is another cell: a line of its own. */
	page = (struct cell_console_page){ .created = 2 };
	print("three");
	assert_true(console_ring_take(r, &page));
	assert_string_equal(text_of(r), "one\ntwo\nthree");
	console_ring_last_words(r, words, sizeof(words));
	assert_string_equal(words, "three");
	console_ring_close(r);
}

/** What the page has lost is noted, to the byte. */
static void test_ring_misses(void **state)
{
	ConsoleRing *r;
	const char *text;

	(void)state;
	page = (struct cell_console_page){ .created = 1 };
	assert_int_equal(console_ring_open(NULL, &r), 0);
	print("begin");
	console_ring_take(r, &page);
	for (unsigned i = 0; i < CELL_CONSOLE_BYTES; i++)
		print("x");
	assert_true(console_ring_take(r, &page));
	/* One more than need be: the hypervisor may have been writing to its place. */
	assert_true(startswith(text_of(r), "begin\n<missed 1 bytes of console log>\nxxx"));
	for (unsigned i = 0; i < 3 * CELL_CONSOLE_BYTES; i++)
		print("y");
	assert_true(console_ring_take(r, &page));
	text = strstr(text_of(r), "x\n<");
	assert_non_null(text);
	assert_true(startswith(text, "x\n<missed 8145 bytes of console log>\nyyy"));
	assert_int_equal(strlen(strstr(text, "yyy")), CELL_CONSOLE_BYTES - 1);
	/* Numbers that cannot be do no harm. */
	page.tail = UINT64_MAX;
	page.start = 5;
	assert_true(console_ring_take(r, &page));
	page.tail = 7;
	page.start = UINT64_MAX;
	assert_true(console_ring_take(r, &page));
	assert_int_equal(r->run, r->tail);
	console_ring_close(r);
}

static void test_last_words(void **state)
{
	char words[1024];
	ConsoleRing *r;

	(void)state;
	page = (struct cell_console_page){ .created = 1 };
	assert_int_equal(console_ring_open(NULL, &r), 0);
	for (unsigned i = 0; i < 200; i++)
		print("0123456789abcde\n");
	print("panic:\x1b[31m no more\r\n\n");
	console_ring_take(r, &page);
	console_ring_last_words(r, words, sizeof(words));
	assert_true(startswith(words, "0123456789abcde\n"));
	assert_string_equal(words + strlen(words) - strlen("e\npanic:^[[31m no more"), "e\npanic:^[[31m no more");
	assert_in_range(strlen(words), 900, 1023);
	/* Without lines, and grown by being cleaned. */
	for (unsigned i = 0; i < 1000; i++)
		print("\xff");
	for (unsigned i = 0; i < 1000; i++)
		print("\xc3\xa9");
	console_ring_take(r, &page);
	console_ring_last_words(r, words, sizeof(words));
	assert_in_range(strlen(words), 1000, 1023);
	assert_true(startswith(words, "\xc3\xa9"));
	console_ring_close(r);
}

static void test_ring_file(void **state)
{
	_cleanup_free_ char *path = path_join(folder, "ring");
	ConsoleRing *r;
	struct stat st;

	(void)state;
	page = (struct cell_console_page){ .created = 1 };
	print("before\n");
	assert_int_equal(console_ring_open(path, &r), 0);
	console_ring_take(r, &page);
	console_ring_close(r);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* The next celld goes on where the last one was. */
	print("after\n");
	assert_int_equal(console_ring_open(path, &r), 0);
	console_ring_take(r, &page);
	assert_string_equal(text_of(r), "before\nafter\n");
	r->logged = r->tail + 1;
	console_ring_close(r);
	assert_int_equal(console_ring_open(path, &r), 0);
	assert_string_equal(text_of(r), "");
	console_ring_close(r);
	assert_int_equal(truncate(path, 3), 0);
	assert_int_equal(console_ring_open(path, &r), 0);
	assert_string_equal(text_of(r), "");
	console_ring_close(r);
	/* Without a folder: for as long as we live. */
	assert_int_equal(console_ring_open("/nowhere/ring", &r), 0);
	console_ring_close(r);
}

/* -- A cell's console --------------------------------------------------------------------------------------------- */

static int set_up(void **state)
{
	_cleanup_free_ char *ring = path_join(folder, "rtos");

	(void)state;
	(void)unlink(ring);
	memset(sim->consoles, 0, sizeof(sim->consoles));
	memset(sim->cells, 0, sizeof(sim->cells));
	inmate = &sim->cells[1];
	inmate->used = true;
	inmate->kernel = (KernelCell){ .id = 1, .name = "rtos", .state = KERNEL_RUNNING };
	sim->consoles[1].created = 1;
	assert_true(sd_event_new(&event) >= 0);
	host = (CellHost){ .event = event, .console_dir = folder };
	assert_int_equal(cell_new("rtos", &host, &cell), 0);
	cell_set_kernel(cell, &inmate->kernel);
	cell_set_supervisor(cell, CELL_SUPERVISOR_CELLD);
	console_follow(cell);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	console_free(cell);
	cell_free(cell);
	event = sd_event_unref(event);
	return 0;
}

static void say(const char *text)
{
	sim_print(sim, inmate, text);
}

static void repeat(const char *text, unsigned times)
{
	while (times--)
		say(text);
}

/** drain - all that a pipe has now, terminated, allocated */
static char *drain(int fd, size_t *ret_n)
{
	char *all = NULL;
	size_t n = 0;
	ssize_t got;

	assert_true(fcntl(fd, F_SETFL, O_NONBLOCK) >= 0);
	do {
		all = realloc(all, n + 4097);
		assert_non_null(all);
		got = read(fd, all + n, 4096);
		n += got > 0 ? (size_t)got : 0;
		/* Somebody who waited for room has it now. */
		assert_true(sd_event_run(event, 0) >= 0);
	} while (got > 0);
	all[n] = '\0';
	if (ret_n)
		*ret_n = n;
	return all;
}

static int reader(void)
{
	int fd = -EBADF;

	assert_int_equal(console_open(cell, &fd), 0);
	return fd;
}

static void assert_reads(int fd, const char *text)
{
	_cleanup_free_ char *got = drain(fd, NULL);

	assert_string_equal(got, text);
}

static void test_readers(void **state)
{
	_cleanup_close_ int first = -EBADF, second = -EBADF;

	(void)state;
	say("old\n");
	first = reader();
	assert_reads(first, "old\n");
	say("new\n");
	console_look(cell);
	second = reader();
	assert_reads(first, "new\n");
	assert_reads(second, "old\nnew\n");
	/* One that closes its end is nobody's trouble. */
	close(TAKE_FD(first));
	say("newer\n");
	console_look(cell);
	assert_reads(second, "newer\n");
	assert_true(sd_event_run(event, 0) >= 0);
}

/** Whoever reads sees what comes without anybody's help; nobody else is woken up. */
static void test_timer(void **state)
{
	_cleanup_close_ int fd = -EBADF;
	char text[16];

	(void)state;
	cell_set_supervisor(cell, CELL_SUPERVISOR_NONE);
	console_follow(cell);
	assert_int_equal(sd_event_run(event, 400 * USEC_PER_MSEC), 0);
	fd = reader();
	assert_true(fcntl(fd, F_SETFL, O_NONBLOCK) >= 0);
	say("live\n");
	while (read(fd, text, sizeof(text)) < 0)
		assert_true(sd_event_run(event, 30 * USEC_PER_SEC) > 0);
	assert_true(startswith(text, "live\n"));
	/* It does not run any more: no more looks, not even for a reader. */
	inmate->kernel.state = KERNEL_FAILED;
	cell_set_kernel(cell, &inmate->kernel);
	console_follow(cell);
	assert_int_equal(sd_event_run(event, 400 * USEC_PER_MSEC), 0);
}

#define LINE 31U

/** A reader that does not read costs the others nothing, and is told to the byte what it has missed. */
static void test_slow_reader(void **state)
{
	_cleanup_close_ int slow = reader(), fast = reader();
	size_t printed = 0, got_fast = 0, n;
	unsigned long missed;
	const char *note;
	char *text;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		repeat("0123456789abcdefghijklmnopqrst\n", 64);
		printed += 64 * LINE;
		console_look(cell);
		text = drain(fast, &n);
		assert_null(strstr(text, "missed"));
		free(text);
		got_fast += n;
	}
	assert_int_equal(got_fast, printed);
	text = drain(slow, &n);
	note = strstr(text, "<missed ");
	assert_non_null(note);
	missed = strtoul(note + strlen("<missed "), NULL, 10);
	assert_true(missed > 0);
	/* On a line of its own, and the next one is a whole one. */
	assert_int_equal(note[-1], '\n');
	n -= (size_t)(note - text) % LINE != 0;
	note = strchr(note, '\n') + 1;
	assert_true(startswith(note, "0123"));
	assert_int_equal(n - (size_t)(note - strstr(text, "<missed ")) + missed, printed);
	free(text);
}

static void test_too_many_readers(void **state)
{
	int fds[65], n = 0;

	(void)state;
	while (n < 65 && console_open(cell, &fds[n]) >= 0)
		n++;
	assert_int_equal(n, 64);
	close(fds[0]);
	assert_true(sd_event_run(event, 0) >= 0);
	assert_int_equal(console_open(cell, &fds[0]), 0);
	while (n > 0)
		close(fds[--n]);
}

/** Restart, destruction, another cell of the same name, another celld: readers and memory go on. */
static void test_outlives(void **state)
{
	_cleanup_close_ int fd = reader();

	(void)state;
	say("first run\n");
	sim->consoles[1].start = sim->consoles[1].tail;
	say("second run\n");
	/* Gone, with words that nobody has seen yet: the mapping still shows them. */
	cell_set_kernel(cell, NULL);
	console_follow(cell);
	assert_reads(fd, "first run\nsecond run\n");
	sim->consoles[1] = (struct cell_console_page){ .created = 2 };
	say("another\n");
	cell_set_kernel(cell, &inmate->kernel);
	console_follow(cell);
	assert_reads(fd, "another\n");
	console_free(cell);
	assert_reads(fd, "");
	console_follow(cell);
	close(TAKE_FD(fd));
	fd = reader();
	assert_reads(fd, "first run\nsecond run\nanother\n");
}

/* -- Journal: standard error, where there is none ------------------------------------------------------------------ */

static int stderr_before = -EBADF;

static void listen_to_log(void)
{
	_cleanup_free_ char *path = path_join(folder, "log");
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);

	assert_true(fd >= 0);
	stderr_before = dup(STDERR_FILENO);
	assert_true(dup2(fd, STDERR_FILENO) >= 0);
}

/** logged - what was, allocated */
static char *logged(void)
{
	_cleanup_free_ char *path = path_join(folder, "log");
	char *text = NULL;
	size_t n;

	assert_true(dup2(stderr_before, STDERR_FILENO) >= 0);
	close(TAKE_FD(stderr_before));
	assert_int_equal(util_read_file(path, UTIL_FILE_MAX_BYTES, &text, &n), 0);
	return text;
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	while ((text = strstr(text, what))) {
		text += strlen(what);
		n++;
	}
	return n;
}

static void test_log(void **state)
{
	_cleanup_free_ char *text = NULL;

	(void)state;
	listen_to_log();
	say("one\n\ntwo\x1b[2J\r\nhal");
	console_look(cell);
	console_look(cell);
	say("f\nlast, without end");
	console_look(cell);
	/* Another celld does not repeat it. */
	console_free(cell);
	console_follow(cell);
	console_note_end(cell);
	console_note_end(cell);
	text = logged();
	assert_string_equal(text, "<6>cell-rtos: one\n<6>cell-rtos: two^[[2J\n<6>cell-rtos: half\n"
				  "<6>cell-rtos: last, without end\n");
	assert_string_equal(cell->last_words, "one\n\ntwo^[[2J\nhalf\nlast, without end");
}

static void test_log_long_line(void **state)
{
	_cleanup_free_ char *text = NULL;
	size_t longest = 0, sum = 0;

	(void)state;
	listen_to_log();
	repeat("\xff", 3000);
	say("\n");
	console_look(cell);
	text = logged();
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		line += strlen("<6>cell-rtos: ");
		longest = MAX(longest, strlen(line));
		sum += strlen(line);
	}
	assert_in_range(longest, 500, 1000);
	assert_int_equal(sum, 4 * 3000);
}

/** A cell that babbles is not heard all the time, and how often is said; its last words are known all the same. */
static void test_log_bound(void **state)
{
	_cleanup_free_ char *text = NULL;
	unsigned lines, suppressed;
	const char *note;

	(void)state;
	listen_to_log();
	for (unsigned i = 0; i < 50; i++) {
		repeat("babble\n", 100);
		console_look(cell);
	}
	say("the end\n");
	do {
		assert_true(usleep(10000) == 0);
		console_look(cell);
		fflush(stderr);
		free(text);
		text = NULL;
		assert_int_equal(util_read_file("/proc/self/fd/2", UTIL_FILE_MAX_BYTES, &text, &(size_t){ 0 }), 0);
		note = strstr(text, " lines of the console were suppressed");
	} while (!note);
	free(text);
	text = logged();
	lines = count(text, "cell-rtos: ");
	note = strstr(text, " lines of the console were suppressed");
	suppressed = 0;
	for (const char *at = text; (at = strstr(at, "rtos: ")); at++)
		if (strstr(at, "suppressed") == strchr(at, '\n') - strlen("suppressed."))
			suppressed += (unsigned)strtoul(at + strlen("rtos: "), NULL, 10);
	assert_true(note != NULL);
	assert_true(lines >= 100 && lines < 5001);
	assert_int_equal(lines + suppressed, 5001);
	console_note_end(cell);
	assert_string_equal(cell->last_words + strlen(cell->last_words) - strlen("babble\nthe end"), "babble\nthe end");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean_text),
		cmocka_unit_test(test_clean_char_by_parts),
		cmocka_unit_test(test_clean_text_bounds),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_ring_misses),
		cmocka_unit_test(test_last_words),
		cmocka_unit_test(test_ring_file),
		cmocka_unit_test_setup_teardown(test_readers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_slow_reader, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_many_readers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_outlives, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_log, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_log_long_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_log_bound, set_up, tear_down),
	};
	_cleanup_free_ char *command = NULL;
	int failed;

	if (!mkdtemp(folder) || asprintf(&command, "rm -rf %s", folder) < 0)
		return EXIT_FAILURE;
	setenv(SIM_FOLDER, folder, 1);
	unsetenv("JOURNAL_STREAM");
	(void)signal(SIGPIPE, SIG_IGN);
	sim = sim_open();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return system(command) == 0 ? failed : EXIT_FAILURE;
}
