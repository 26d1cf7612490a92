/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * celld: puts loop, manager and bus together, and talks to systemd about itself.
 *
 * Order: adopt what exists, then the bus, then READY=1. A lost bus is connected to again; cells do not notice.
 */
#include <signal.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "bus-core.h"
#include "log.h"

#define RECONNECT_USEC (500 * USEC_PER_MSEC)

typedef struct Daemon {
	sd_event *event;
	Manager *manager;
	Bus *bus;
	sd_event_source *connect;
	sd_event_source *status;
	bool told_ready;
	bool told_unconnected;
} Daemon;

static void connect_later(Daemon *d, uint64_t usec)
{
	(void)sd_event_source_set_time_relative(d->connect, usec);
	(void)sd_event_source_set_enabled(d->connect, SD_EVENT_ONESHOT);
}

static void on_ready(void *userdata)
{
	Daemon *d = userdata;

	if (!d->told_ready)
		log_info("celld %s: %s.", CELLD_VERSION, manager_status(d->manager));
	d->told_ready = true;
	(void)sd_notifyf(false, "READY=1\nSTATUS=%s.", manager_status(d->manager));
}

static void on_lost(void *userdata)
{
	/* The bus object cannot be freed in here: it is calling. */
	connect_later(userdata, RECONNECT_USEC);
}

static int on_connect(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata)
{
	Daemon *d = userdata;
	int r;

	d->bus = bus_free(d->bus);
	r = bus_new(d->manager, on_ready, on_lost, d, &d->bus);
	if (r < 0) {
		if (!d->told_unconnected)
			log_warning("Cannot connect to the bus: %s; trying again.", strerror(-r));
		connect_later(d, RECONNECT_USEC);
	}
	d->told_unconnected = r < 0;
	return 0;
}

static void on_status_changed(void *userdata)
{
	const Daemon *d = userdata;

	(void)sd_event_source_set_enabled(d->status, SD_EVENT_ONESHOT);
}

/** on_status - tell systemd, once all that happens now has happened */
static int on_status(_unused_ sd_event_source *source, void *userdata)
{
	Daemon *d = userdata;

	if (d->told_ready)
		(void)sd_notifyf(false, "STATUS=%s.", manager_status(d->manager));
	return 0;
}

static int add_signal(sd_event *event, int number)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	/* Without handler: the loop ends. */
	return sd_event_add_signal(event, NULL, number, NULL, NULL);
}

static int on_hangup(_unused_ sd_event_source *source, _unused_ const struct signalfd_siginfo *info, void *userdata)
{
	const Daemon *d = userdata;
	int r;

	(void)sd_notify(false, "RELOADING=1");
	r = manager_reload(d->manager);
	if (r < 0)
		log_error("Cannot reload: %s", strerror(-r));
	(void)sd_notify(false, "READY=1");
	return 0;
}

static int set_up_signals(Daemon *d)
{
	sigset_t set;
	int r;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	(void)signal(SIGPIPE, SIG_IGN);
	r = add_signal(d->event, SIGTERM);
	if (r >= 0)
		r = add_signal(d->event, SIGINT);
	if (r >= 0)
		r = sd_event_add_signal(d->event, NULL, SIGHUP, on_hangup, d);
	return r;
}

static int set_up(Daemon *d)
{
	int r;

	r = sd_event_default(&d->event);
	if (r < 0)
		return r;
	r = set_up_signals(d);
	if (r < 0)
		return r;
	r = sd_event_set_watchdog(d->event, true);
	if (r < 0)
		return r;
	r = sd_event_add_defer(d->event, &d->status, on_status, d);
	if (r < 0)
		return r;
	(void)sd_event_source_set_priority(d->status, SD_EVENT_PRIORITY_IDLE);
	r = manager_new(d->event, &d->manager);
	if (r < 0)
		return r;
	d->manager->status_changed = on_status_changed;
	d->manager->status_userdata = d;
	r = manager_startup(d->manager);
	if (r < 0)
		return r;
	return sd_event_add_time_relative(d->event, &d->connect, CLOCK_MONOTONIC, 0, 0, on_connect, d);
}

static void tear_down(Daemon *d)
{
	bus_free(d->bus);
	manager_free(d->manager);
	sd_event_source_disable_unref(d->connect);
	sd_event_source_disable_unref(d->status);
	sd_event_unref(d->event);
}

int main(int argc, char *argv[])
{
	Daemon d = { 0 };
	int r;

	if (argc == 2 && streq(argv[1], "--version")) {
		printf("celld %s\n", CELLD_VERSION);
		return EXIT_SUCCESS;
	}
	if (argc > 1) {
		fprintf(stderr, "Usage: %s [--version]\nThe daemon of cells; see celld(8).\n", argv[0]);
		return streq(argv[1], "--help") ? EXIT_SUCCESS : EXIT_FAILURE;
	}

	umask(0022);
	r = set_up(&d);
	if (r >= 0)
		r = sd_event_loop(d.event);
	else
		log_error("Cannot start: %s", strerror(-r));
	(void)sd_notify(false, "STOPPING=1");
	tear_down(&d);
	return r < 0 ? EXIT_FAILURE : r;
}
