/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Many clients of celld at once, each with a connection of its own, and what they called and were answered as lines of
 * JSON on stdout. After a time they call no more, wait for their answers, and end.
 *
 * One more connection listens to signals: they tell when celld believed what of a cell.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>

#include "clock.h"

#define NAME "org.jailhouse.Cell"
#define MANAGER_PATH "/org/jailhouse/Cell"
#define CELL_PREFIX "/org/jailhouse/Cell/cell/"
#define MANAGER NAME ".Manager"
#define ANSWER_USEC (120 * USEC_PER_SEC)
#define MESSAGE_BYTES 1024

/** A method that takes the name of a cell, and how often it is called. */
typedef struct Verb {
	const char *member;
	unsigned weight;
	uint64_t flags; /**< that make sense for it */
	bool has_flags;
} Verb;

enum { SUPERVISE = 0 };

static const Verb verbs[] = {
	[SUPERVISE] = { "Supervise", 12, 0, false },
	{ "StartCell", 30, 5, true },
	{ "StopCell", 14, 5, true },
	{ "RestartCell", 14, 5, true },
	{ "CreateCell", 4, 4, true },
	{ "DestroyCell", 6, 5, true },
	{ "ResetFailedCell", 4, 0, false },
	{ "GetCell", 4, 0, false },
	{ "GetConfig", 3, 0, false },
	{ "GetStatistics", 3, 0, false },
	{ "OpenConsole", 3, 0, true },
	{ "GetAll", 6, 0, false },
};

typedef struct Client {
	unsigned number;
	uint64_t random;
	sd_bus *bus;
	sd_event_source *timer;
	sd_bus_slot *slot; /**< of the call that waits for its answer */
	const Verb *verb;
	const char *cell;
	uint64_t flags;
	uint64_t sent_usec;
	int lease; /**< < 0: none */
	bool stop_sent;
	sd_event_source *lease_source;
	const char *lease_cell;
	bool lost; /**< the lease, which is to be taken again */
} Client;

static sd_event *event;
static char **cells;
static size_t n_cells, n_busy;
static uint64_t end_usec;
static unsigned pause_usec;

static uint64_t below(Client *c, uint64_t limit)
{
	c->random = c->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (c->random >> 33) % limit;
}

/* -- Leases ------------------------------------------------------------------------------------------------------- */

static void note_lease(const Client *c, const char *what, const char *more)
{
	printf("{\"t\":%llu,\"lease\":\"%s\",\"client\":%u,\"cell\":\"%s\",\"more\":\"%s\"}\n",
	       (unsigned long long)clock_monotonic(), what, c->number, c->lease_cell, more);
}

static void drop_lease(Client *c, const char *what, const char *more)
{
	note_lease(c, what, more);
	c->lease_source = sd_event_source_disable_unref(c->lease_source);
	close(c->lease);
	c->lease = -EBADF;
}

/** value_of - of a line KEY=VALUE; static buffer, "" without */
static const char *value_of(const char *message, const char *key)
{
	static char value[64];
	const char *at = strstr(message, key);

	value[0] = '\0';
	if (at)
		snprintf(value, sizeof(value), "%.*s", (int)strcspn(at + strlen(key), "\n"), at + strlen(key));
	return value;
}

static int on_lease(_unused_ sd_event_source *source, int fd, _unused_ uint32_t events, void *userdata)
{
	Client *c = userdata;
	char message[MESSAGE_BYTES];
	ssize_t n = recv(fd, message, sizeof(message) - 1, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return 0;
	message[MAX(n, 0)] = '\0';
	c->lost = n <= 0;
	if (n <= 0)
		drop_lease(c, "lost", "");
	else if (strstr(message, "EXIT_STATUS="))
		drop_lease(c, "over", value_of(message, "EXIT_STATUS="));
	return 0;
}

static void take_lease(Client *c, sd_bus_message *reply)
{
	int fd;

	if (sd_bus_message_read(reply, "h", &fd) < 0)
		return;
	c->lease = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	c->lease_cell = c->cell;
	c->stop_sent = false;
	note_lease(c, "got", "");
	(void)sd_event_add_io(event, &c->lease_source, c->lease, EPOLLIN, on_lease, c);
}

/** use_lease - wait on, ask for the stop, or die as a supervisor */
static void use_lease(Client *c, bool ending)
{
	static const char stop[] = "STOP=1\n";
	uint64_t what = below(c, 8);

	if (what == 0 || (ending && c->stop_sent)) {
		drop_lease(c, "closed", "");
	} else if ((what < 4 || ending) && !c->stop_sent) {
		c->stop_sent = true;
		note_lease(c, "stop", "");
		(void)send(c->lease, stop, sizeof(stop) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

/* -- Calls -------------------------------------------------------------------------------------------------------- */

static void pause_client(Client *c)
{
	(void)sd_event_source_set_time_relative(c->timer, below(c, pause_usec + 1));
	(void)sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT);
}

static void note_answer(const Client *c, const char *error)
{
	printf("{\"t\":%llu,\"call\":\"%s\",\"client\":%u,\"cell\":\"%s\",\"flags\":%llu,\"sent\":%llu,\"error\":\"%"
	       "s\"}\n",
	       (unsigned long long)clock_monotonic(), c->verb->member, c->number, c->cell, (unsigned long long)c->flags,
	       (unsigned long long)c->sent_usec, error);
}

static int on_answer(sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *ignored)
{
	Client *c = userdata;
	const sd_bus_error *error = sd_bus_message_get_error(reply);

	c->slot = sd_bus_slot_unref(c->slot);
	c->lost = false;
	note_answer(c, error ? error->name : "");
	if (!error && streq(c->verb->member, "Supervise"))
		take_lease(c, reply);
	pause_client(c);
	return 0;
}

static const Verb *pick_verb(Client *c)
{
	unsigned total = 0;
	uint64_t at;

	for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
		total += verbs[i].weight;
	at = below(c, total);
	for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
		if (at < verbs[i].weight)
			return &verbs[i];
		at -= verbs[i].weight;
	}
	return verbs;
}

static int compose(Client *c, sd_bus_message **ret)
{
	const char *member = c->verb->member;
	char path[128];
	int r;

	snprintf(path, sizeof(path), CELL_PREFIX "%s", c->cell);
	if (streq(member, "GetAll")) {
		r = sd_bus_message_new_method_call(c->bus, ret, NAME, path, "org.freedesktop.DBus.Properties", member);
		return r < 0 ? r : sd_bus_message_append(*ret, "s", NAME);
	}
	if (streq(member, "GetConfig") || streq(member, "GetStatistics"))
		return sd_bus_message_new_method_call(c->bus, ret, NAME, path, NAME, member);
	if (streq(member, "OpenConsole")) {
		r = sd_bus_message_new_method_call(c->bus, ret, NAME, path, NAME, member);
		return r < 0 ? r : sd_bus_message_append(*ret, "t", c->flags);
	}
	r = sd_bus_message_new_method_call(c->bus, ret, NAME, MANAGER_PATH, MANAGER, member);
	if (r >= 0)
		r = sd_bus_message_append(*ret, "s", c->cell);
	if (r >= 0 && c->verb->has_flags)
		r = sd_bus_message_append(*ret, "t", c->flags);
	if (r >= 0 && streq(member, "Supervise"))
		r = sd_bus_message_append(*ret, "a{sv}", 1, "start", "b", (int)!c->lost);
	return r;
}

static int connect_client(Client *c)
{
	int r = sd_bus_open_system(&c->bus);

	return r < 0 ? r : sd_bus_attach_event(c->bus, event, SD_EVENT_PRIORITY_NORMAL);
}

/** vanish - before the answer comes */
static int vanish(Client *c)
{
	c->slot = sd_bus_slot_unref(c->slot);
	note_answer(c, "vanished");
	c->bus = sd_bus_close_unref(c->bus);
	pause_client(c);
	return connect_client(c);
}

static int call(Client *c)
{
	sd_bus_message *m = NULL;
	int r;

	c->verb = c->lost ? &verbs[SUPERVISE] : pick_verb(c);
	c->cell = c->lost ? c->lease_cell : cells[below(c, n_cells)];
	c->flags = below(c, 8) & c->verb->flags;
	r = compose(c, &m);
	if (r >= 0) {
		c->sent_usec = clock_monotonic();
		r = sd_bus_call_async(c->bus, &c->slot, m, on_answer, c, ANSWER_USEC);
	}
	sd_bus_message_unref(m);
	return r >= 0 && below(c, 100) == 0 ? vanish(c) : r;
}

static int on_time(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata)
{
	bool ending = clock_monotonic() >= end_usec;
	Client *c = userdata;

	if (c->lease >= 0) {
		use_lease(c, ending);
		pause_client(c);
		return 0;
	}
	if (!ending)
		return call(c);
	return --n_busy == 0 ? sd_event_exit(event, 0) : 0;
}

static int add_client(Client *c, unsigned number, uint64_t seed)
{
	int r;

	*c = (Client){ .number = number, .random = seed * 1000003 + number, .lease = -EBADF };
	r = connect_client(c);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &c->timer, CLOCK_MONOTONIC, below(c, pause_usec + 1), 0, on_time,
					       c);
	n_busy++;
	return r;
}

/* -- Signals ------------------------------------------------------------------------------------------------------ */

static int read_changes(sd_bus_message *m, const char **ret_state, uint64_t *ret_usec)
{
	const char *key;
	int r;

	r = sd_bus_message_skip(m, "s");
	if (r >= 0)
		r = sd_bus_message_enter_container(m, 'a', "{sv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = sd_bus_message_read(m, "s", &key);
		if (r >= 0 && streq(key, "State"))
			r = sd_bus_message_read(m, "v", "s", ret_state);
		else if (r >= 0 && streq(key, "StateChangeTimestampMonotonic"))
			r = sd_bus_message_read(m, "v", "t", ret_usec);
		else if (r >= 0)
			r = sd_bus_message_skip(m, "v");
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r;
}

static int on_signal(sd_bus_message *m, _unused_ void *userdata, _unused_ sd_bus_error *ignored)
{
	const char *cell = startswith(sd_bus_message_get_path(m) ?: "", CELL_PREFIX), *word = NULL;
	unsigned long long now = clock_monotonic();
	uint64_t usec = 0;
	uint32_t attempt;

	if (!cell)
		return 0;
	if (sd_bus_message_is_signal(m, NULL, "PropertiesChanged")) {
		if (read_changes(m, &word, &usec) >= 0 && word)
			printf("{\"t\":%llu,\"state\":\"%s\",\"cell\":\"%s\",\"at\":%llu}\n", now, word, cell,
			       (unsigned long long)usec);
	} else if (sd_bus_message_is_signal(m, NAME, "Failed")) {
		if (sd_bus_message_read(m, "s", &word) >= 0)
			printf("{\"t\":%llu,\"failed\":\"%s\",\"cell\":\"%s\"}\n", now, word, cell);
	} else if (sd_bus_message_is_signal(m, NAME, "RestartScheduled")) {
		if (sd_bus_message_read(m, "u", &attempt) >= 0)
			printf("{\"t\":%llu,\"restart\":%u,\"cell\":\"%s\"}\n", now, attempt, cell);
	}
	return 0;
}

static int listen_to_signals(sd_bus **ret)
{
	int r = sd_bus_open_system(ret);

	if (r >= 0)
		r = sd_bus_add_match(*ret, NULL, "type='signal',sender='" NAME "'", on_signal, NULL);
	return r < 0 ? r : sd_bus_attach_event(*ret, event, SD_EVENT_PRIORITY_IMPORTANT);
}

static int run(Client *clients, unsigned n_clients, uint64_t seed)
{
	sd_bus *listener = NULL;
	int r;

	r = sd_event_default(&event);
	if (r >= 0)
		r = listen_to_signals(&listener);
	for (unsigned i = 0; i < n_clients && r >= 0; i++)
		r = add_client(&clients[i], i, seed);
	if (r >= 0)
		r = sd_event_loop(event);
	for (unsigned i = 0; i < n_clients; i++) {
		sd_event_source_disable_unref(clients[i].timer);
		sd_bus_flush_close_unref(clients[i].bus);
	}
	sd_bus_flush_close_unref(listener);
	sd_event_unref(event);
	return r;
}

int main(int argc, char *argv[])
{
	_cleanup_free_ Client *clients = NULL;
	uint32_t n_clients, seconds;
	uint64_t seed;
	int r;

	if (argc < 6 || parse_u32(argv[1], &n_clients) < 0 || parse_u32(argv[2], &seconds) < 0 ||
	    parse_u64(argv[3], &seed) < 0 || parse_u32(argv[4], &pause_usec) < 0) {
		fprintf(stderr, "Usage: %s CLIENTS SECONDS SEED PAUSE-USEC CELL...\n", argv[0]);
		return EXIT_FAILURE;
	}
	cells = argv + 5;
	n_cells = (size_t)argc - 5;
	end_usec = clock_monotonic() + seconds * USEC_PER_SEC;
	clients = calloc(n_clients + 1, sizeof(*clients));
	(void)signal(SIGPIPE, SIG_IGN);
	r = clients ? run(clients, n_clients, seed) : -ENOMEM;
	if (r < 0)
		fprintf(stderr, "%s: %s\n", argv[0], strerror(-r));
	return r < 0 || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
