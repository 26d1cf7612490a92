/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * celld-run: the supervisor of a cell, main process of cell@NAME.service.
 *
 * It asks celld for the cell's lease and holds it: the unit is active exactly as long as this process lives, and ends
 * as the cell ends. All it hears of the cell comes over the lease (lease.h). A lost lease means that celld is gone, not
 * the cell: then it waits for celld and takes the lease again, without starting anything.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

#include "lease-message.h"
#include "supervise.h"

#define NAME "org.jailhouse.Cell"
#define ERROR_PREFIX "org.jailhouse.Cell.Error."
#define RETRY_USEC (250 * USEC_PER_MSEC)
#define REFUSALS_MAX 60
#define TICK_USEC USEC_PER_SEC
#define EXTEND_USEC (10 * USEC_PER_SEC)

typedef struct Run {
	const char *name;
	bool no_restart;
	bool had_lease; /**< then nothing is started any more, only taken over */
	bool ready;	/**< systemd knows that the cell runs */
	bool stopping;
	unsigned refusals; /**< in a row, see on_reply() */
	sd_event *event;
	sd_bus *bus;
	sd_bus_slot *call; /**< Supervise is under way */
	sd_event_source *retry;
	sd_event_source *tick;
	sd_event_source *lease;
	int lease_fd;
	char state[LEASE_WORD_BYTES];	/**< printed last */
	char shown[LEASE_STATUS_BYTES]; /**< told to systemd last */
} Run;

static void ask_later(Run *run)
{
	(void)sd_event_source_set_time_relative(run->retry, RETRY_USEC);
	(void)sd_event_source_set_enabled(run->retry, SD_EVENT_ONESHOT);
}

static void finish(Run *run, int status, const char *text)
{
	if (status != EXIT_SUCCESS)
		fprintf(stderr, "%s\n", text);
	(void)sd_notifyf(false, "STOPPING=1\nSTATUS=%s", text);
	(void)sd_event_exit(run->event, status);
}

static void drop_lease(Run *run)
{
	run->lease = sd_event_source_disable_unref(run->lease);
	if (run->lease_fd >= 0)
		close(run->lease_fd);
	run->lease_fd = -EBADF;
}

static void request_stop(Run *run)
{
	static const char stop[] = "STOP=1\n";

	if (run->lease_fd >= 0)
		(void)send(run->lease_fd, stop, sizeof(stop) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void handle_message(Run *run, const LeaseMessage *m)
{
	/* The journal need not know of every late beat. */
	if (!streq(run->state, m->state)) {
		snprintf(run->state, sizeof(run->state), "%s", m->state);
		printf("%s\n", m->status);
		fflush(stdout);
	}
	if (!streq(run->shown, m->status)) {
		snprintf(run->shown, sizeof(run->shown), "%s", m->status);
		(void)sd_notifyf(false, "STATUS=Cell is %s.", m->status);
	}
	if (!run->ready && streq(m->state, "running")) {
		run->ready = true;
		(void)sd_notify(false, "READY=1");
	}
	if (m->over)
		finish(run, run->stopping ? EXIT_SUCCESS : (int)m->exit_status, m->status);
}

static int on_lease(_unused_ sd_event_source *source, int fd, _unused_ uint32_t events, void *userdata)
{
	Run *run = userdata;
	char buffer[LEASE_MESSAGE_BYTES];
	LeaseMessage message;
	ssize_t n;

	n = recv(fd, buffer, sizeof(buffer) - 1, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		printf("celld is gone, waiting for it\n");
		fflush(stdout);
		(void)sd_notify(false, "STATUS=Waiting for celld.");
		run->shown[0] = run->state[0] = '\0';
		drop_lease(run);
		ask_later(run);
		return 0;
	}
	buffer[n] = '\0';
	if (lease_message_parse(buffer, &message) >= 0)
		handle_message(run, &message);
	return 0;
}

static int take_lease(Run *run, sd_bus_message *reply)
{
	int r, fd;

	r = sd_bus_message_read(reply, "h", &fd);
	if (r < 0)
		return r;
	run->lease_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (run->lease_fd < 0)
		return -errno;
	run->had_lease = true;
	run->refusals = 0;
	r = sd_event_add_io(run->event, &run->lease, run->lease_fd, EPOLLIN, on_lease, run);
	if (r >= 0 && run->stopping)
		request_stop(run);
	return r;
}

/** will_go_away - celld or the bus is not there at the moment */
static bool will_go_away(const char *name)
{
	static const char *const names[] = {
		SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER, SD_BUS_ERROR_NO_REPLY,
		SD_BUS_ERROR_TIMEOUT,	      SD_BUS_ERROR_DISCONNECTED,      SD_BUS_ERROR_UNKNOWN_OBJECT,
	};

	for (size_t i = 0; i < ELEMENTSOF(names); i++)
		if (streq(name, names[i]))
			return true;
	/* systemd could not start celld; connections that break have an errno as name. */
	return startswith(name, "org.freedesktop.systemd1.") || startswith(name, "org.freedesktop.DBus.Error.Spawn.") ||
	       streq(name, "System.Error.ECONNRESET") || streq(name, "System.Error.ENOTCONN");
}

/** exit_status_of - for errors that will not go away; -EAGAIN for those that will */
static int exit_status_of(const sd_bus_error *error)
{
	static const struct {
		const char *name;
		int status;
	} statuses[] = {
		{ "StartLimitHit", CELL_EXIT_START_LIMIT }, { "InvalidConfig", CELL_EXIT_CONFIG },
		{ "ImageError", CELL_EXIT_CONFIG },	    { "NoSuchCell", CELL_EXIT_CONFIG },
		{ "ResourceConflict", CELL_EXIT_CONFIG },   { "CellExists", CELL_EXIT_CONFIG },
	};
	const char *name = error->name ? startswith(error->name, ERROR_PREFIX) : NULL;

	for (size_t i = 0; name && i < ELEMENTSOF(statuses); i++)
		if (streq(name, statuses[i].name))
			return statuses[i].status;
	return will_go_away(error->name) ? -EAGAIN : EXIT_FAILURE;
}

static int on_reply(sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *ignored)
{
	Run *run = userdata;
	const sd_bus_error *error = sd_bus_message_get_error(reply);
	int status;

	run->call = sd_bus_slot_unref(run->call);
	if (!error) {
		if (take_lease(run, reply) < 0)
			finish(run, EXIT_FAILURE, "Cannot hold the lease");
		return 0;
	}
	status = exit_status_of(error);
	/* A celld that is only coming up may refuse what it grants a moment later, and our cell runs meanwhile. */
	if (status == EXIT_FAILURE && (run->had_lease || run->stopping) && run->refusals++ < REFUSALS_MAX) {
		printf("celld refuses: %s\n", error->message ?: error->name);
		fflush(stdout);
		status = -EAGAIN;
	}
	if (status < 0) {
		(void)sd_notify(false, "STATUS=Waiting for celld.");
		ask_later(run);
	} else if (run->stopping && sd_bus_error_has_name(error, ERROR_PREFIX "NoSuchCell")) {
		finish(run, EXIT_SUCCESS, "Gone");
	} else {
		finish(run, status, error->message ?: error->name);
	}
	return 0;
}

static int connect_bus(Run *run)
{
	int r;

	if (run->bus && sd_bus_is_open(run->bus) > 0)
		return 0;
	run->call = sd_bus_slot_unref(run->call);
	run->bus = sd_bus_close_unref(run->bus);
	r = sd_bus_open_system_with_description(&run->bus, "celld-run");
	return r < 0 ? r : sd_bus_attach_event(run->bus, run->event, SD_EVENT_PRIORITY_NORMAL);
}

/** ask - for the lease. A first time the cell is started if need be. */
static int ask(Run *run)
{
	sd_bus_message *m = NULL;
	int r;

	r = connect_bus(run);
	if (r >= 0)
		r = sd_bus_message_new_method_call(run->bus, &m, NAME, "/org/jailhouse/Cell",
						   "org.jailhouse.Cell.Manager", "Supervise");
	if (r >= 0)
		r = sd_bus_message_append(m, "sa{sv}", run->name, 2, "start", "b", !run->had_lease && !run->stopping,
					  "restart", "b", !run->no_restart);
	/* A celld that is stopped while the cell runs was stopped on purpose, but stopping the cell takes one. */
	if (r >= 0)
		r = sd_bus_message_set_auto_start(m, !run->had_lease || run->stopping);
	if (r >= 0)
		r = sd_bus_call_async(run->bus, &run->call, m, on_reply, run, UINT64_MAX);
	sd_bus_message_unref(m);
	return r;
}

static int on_retry(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata)
{
	Run *run = userdata;

	if (run->lease_fd < 0 && ask(run) < 0)
		ask_later(run);
	return 0;
}

/** on_tick - while systemd waits for us: it is still going on, as long as celld is at it */
static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
	const Run *run = userdata;

	if (run->ready && !run->stopping)
		return 0;
	if (run->lease_fd >= 0 || (run->call && !run->stopping))
		(void)sd_notifyf(false, "EXTEND_TIMEOUT_USEC=%llu", EXTEND_USEC);
	(void)sd_event_source_set_time(source, usec + TICK_USEC);
	(void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

static int on_stop(_unused_ sd_event_source *source, _unused_ const struct signalfd_siginfo *info, void *userdata)
{
	Run *run = userdata;

	if (run->stopping)
		return 0;
	run->stopping = true;
	(void)sd_notify(false, "STOPPING=1\nSTATUS=Stopping the cell.");
	request_stop(run);
	(void)sd_event_source_set_time_relative(run->tick, 0);
	(void)sd_event_source_set_enabled(run->tick, SD_EVENT_ONESHOT);
	return 0;
}

static int set_up(Run *run)
{
	sigset_t set;
	int r;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	(void)signal(SIGPIPE, SIG_IGN);
	r = sd_event_default(&run->event);
	if (r >= 0)
		r = sd_event_add_signal(run->event, NULL, SIGTERM, on_stop, run);
	if (r >= 0)
		r = sd_event_add_signal(run->event, NULL, SIGINT, on_stop, run);
	if (r >= 0)
		r = sd_event_set_watchdog(run->event, true);
	if (r >= 0)
		r = sd_event_add_time_relative(run->event, &run->tick, CLOCK_MONOTONIC, 0, 0, on_tick, run);
	if (r >= 0)
		r = sd_event_add_time_relative(run->event, &run->retry, CLOCK_MONOTONIC, 0, 0, on_retry, run);
	return r < 0 ? r : 0;
}

static void tear_down(Run *run)
{
	drop_lease(run);
	sd_bus_slot_unref(run->call);
	sd_bus_flush_close_unref(run->bus);
	sd_event_source_disable_unref(run->retry);
	sd_event_source_disable_unref(run->tick);
	sd_event_unref(run->event);
}

static int usage(const char *program, int status)
{
	fprintf(status ? stderr : stdout,
		"Usage: %s [--no-restart] CELL\n"
		"Has celld run a cell, as the main process of a unit, until the cell or the unit ends.\n"
		"  --no-restart  leave restarts to systemd: exit when the cell fails\n",
		program);
	return status;
}

int main(int argc, char *argv[])
{
	Run run = { .lease_fd = -EBADF };
	int r;

	for (int i = 1; i < argc; i++) {
		if (streq(argv[i], "--help"))
			return usage(argv[0], EXIT_SUCCESS);
		if (streq(argv[i], "--no-restart"))
			run.no_restart = true;
		else if (argv[i][0] == '-' || run.name)
			return usage(argv[0], EXIT_FAILURE);
		else
			run.name = argv[i];
	}
	if (!run.name)
		return usage(argv[0], EXIT_FAILURE);

	r = set_up(&run);
	if (r >= 0)
		r = sd_event_loop(run.event);
	else
		fprintf(stderr, "Cannot start: %s\n", strerror(-r));
	tear_down(&run);
	return r < 0 ? EXIT_FAILURE : r;
}
