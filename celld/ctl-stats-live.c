/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cellctl stats on a terminal: a screen of counters that is drawn again and again; keys choose the CPU.
 *
 * It is drawn over what was there before, and stays when it ends, as that of top(1). The terminal needs no more than
 * the control sequences of ECMA-48.
 */
#include <inttypes.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <systemd/sd-event.h>
#include <termios.h>

#include "ctl-stats.h"

#define DEFAULT_INTERVAL_USEC USEC_PER_SEC

#define SCREEN_BEGIN "\x1b[?25l\x1b[?7l\x1b[2J" /* no cursor, long lines are cut, nothing else on the screen */
#define SCREEN_END "\x1b[?7h\x1b[?25h"
#define LINE_END "\x1b[K\n"

typedef struct Live {
	Ctl *ctl;
	const char *cell;
	CtlSample before, last;
	int status;
} Live;

static void live_done(Live *live)
{
	ctl_sample_done(&live->before);
	ctl_sample_done(&live->last);
}

static void sd_event_unrefpp(sd_event **event)
{
	sd_event_unref(*event);
}

/** screen_lines - that fit, with one left for the cursor */
static size_t screen_lines(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1 ? size.ws_row - 1U : 23;
}

/** show - a text from the top of the screen, as far as it fits */
static void show(FILE *out, const char *text)
{
	size_t left = screen_lines();

	fputs("\x1b[H", out);
	for (const char *end; left > 0 && (end = strchr(text, '\n')); text = end + 1, left--)
		fprintf(out, "%.*s" LINE_END, (int)(end - text), text);
	fputs("\x1b[J", out);
	fflush(out);
}

static int draw(const Live *live)
{
	_cleanup_free_ char *text = NULL;
	Ctl ctl = *live->ctl;
	size_t size;
	int r;

	ctl.out = open_memstream(&text, &size);
	if (!ctl.out)
		return ctl_error("Out of memory");
	fprintf(ctl.out, "%s, ", live->cell);
	if (ctl.cpu < 0)
		fputs("all CPUs", ctl.out);
	else
		fprintf(ctl.out, "CPU %" PRIi64, ctl.cpu);
	fputs(" (q: quit, c: next CPU, a: all CPUs)\n\n", ctl.out);
	r = ctl_sample_print(&ctl, live->cell, &live->before, &live->last);
	if (fclose(ctl.out) != 0)
		return ctl_error("Out of memory");
	if (r == CTL_OK)
		show(live->ctl->out, text);
	return r;
}

/** end_with - leave the loop with an exit status unless there is nothing wrong */
static int end_with(sd_event_source *source, Live *live, int status)
{
	live->status = status;
	return status == CTL_OK ? 0 : sd_event_exit(sd_event_source_get_event(source), 0);
}

static int look(Live *live)
{
	CtlSample sample = { 0 };
	int r = ctl_sample_take(live->ctl, live->cell, &sample);

	ctl_sample_replace(&live->before, &live->last, &sample);
	return r == CTL_OK ? draw(live) : r;
}

static int on_time(sd_event_source *source, _unused_ uint64_t usec, void *userdata)
{
	Live *live = userdata;

	(void)sd_event_source_set_time_relative(source, live->ctl->interval_usec);
	(void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return end_with(source, live, look(live));
}

static int on_key(sd_event_source *source, int fd, _unused_ uint32_t events, void *userdata)
{
	Live *live = userdata;
	char key;

	if (read(fd, &key, 1) <= 0 || key == 'q')
		return sd_event_exit(sd_event_source_get_event(source), 0);
	if (key == 'c')
		live->ctl->cpu = ctl_sample_next_cpu(&live->last, live->ctl->cpu);
	else if (key == 'a')
		live->ctl->cpu = -1;
	else
		return 0;
	return end_with(source, live, draw(live));
}

static int on_resize(sd_event_source *source, _unused_ const struct signalfd_siginfo *info, void *userdata)
{
	return end_with(source, userdata, draw(userdata));
}

/** run - until a key, a signal or an error ends it. Return: 0 or -errno */
static int run(Live *live)
{
	_cleanup_(sd_event_unrefpp) sd_event *event = NULL;
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	int r;

	r = sd_event_new(&event);
	if (r >= 0)
		r = sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN, on_key, live);
	if (r >= 0)
		r = sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, live->ctl->interval_usec, 0, on_time,
					       live);
	if (r >= 0)
		r = sd_event_add_signal(event, NULL, SIGWINCH, on_resize, live);
	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(ends); i++)
		r = sd_event_add_signal(event, NULL, ends[i], NULL, NULL);
	if (r >= 0)
		r = sd_event_loop(event);
	return r;
}

/** block_signals - that the loop takes */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

int ctl_stats_live(Ctl *ctl, const char *cell)
{
	_cleanup_(live_done) Live live = { .ctl = ctl, .cell = cell };
	struct termios before, keys;
	int r;

	ctl->interval_usec = ctl->interval_usec ?: DEFAULT_INTERVAL_USEC;
	r = ctl_sample_take(ctl, cell, &live.last);
	if (r != CTL_OK)
		return r;
	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return ctl_error("Cannot use the terminal: %m");
	keys = before;
	keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	keys.c_cc[VSUSP] = _POSIX_VDISABLE; /* whoever comes back would find the terminal as it was before */
	block_signals();
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &keys);
	fputs(SCREEN_BEGIN, ctl->out);
	live.status = draw(&live);
	r = live.status == CTL_OK ? run(&live) : 0;
	fputs(SCREEN_END, ctl->out);
	fflush(ctl->out);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	return r < 0 ? ctl_error("Cannot wait: %s", strerror(-r)) : live.status;
}
