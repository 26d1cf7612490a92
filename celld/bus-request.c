/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests: a method call's way from arrival to reply.
 *
 *   arrival -> who calls (asked of the bus) -> may he (asked of polkit, unless root) -> the verb runs -> reply
 *
 * Every step is asynchronous. Objects are looked up again after each, by name.
 */
#include <pwd.h>

#include "action.h"
#include "bus-core.h"
#include "cell-error.h"
#include "log.h"

#define POLKIT_TIMEOUT_USEC (5 * 60 * USEC_PER_SEC) /**< a human may have to type */
#define POLKIT_INTERACTIVE 1U
#define DAEMON_USER "celld"
#define ACTION_OPEN_CONSOLE "org.jailhouse.Cell.open-console"

/* What one user may have under way at a time; root may have more. */
#define PENDING_MAX 32
#define PENDING_MAX_BYTES (2 * (size_t)CONFIG_FILE_MAX_BYTES)

BusRequest *bus_request_free(BusRequest *r)
{
	if (!r)
		return NULL;
	for (BusRequest **p = &r->bus->requests; *p; p = &(*p)->next)
		if (*p == r) {
			*p = r->next;
			break;
		}
	for (size_t i = 0; i < r->bus->manager->n_cells; i++)
		action_forget(r->bus->manager->cells[i], r);
	manager_forget(r->bus->manager, r);
	sd_bus_slot_unref(r->slot);
	sd_bus_message_unref(r->message);
	free(r->cell);
	free(r->job);
	free(r);
	return NULL;
}
DEFINE_CLEANUP(BusRequest *, bus_request_free)

void bus_request_finish_error(BusRequest *r, int code, sd_bus_error *error)
{
	if (!r->answered && sd_bus_error_is_set(error))
		(void)sd_bus_reply_method_error(r->message, error);
	else if (!r->answered && code < 0)
		(void)sd_bus_reply_method_errno(r->message, code, NULL);
	else if (!r->answered)
		(void)sd_bus_reply_method_return(r->message, NULL);
	sd_bus_error_free(error);
	bus_request_free(r);
}

void bus_request_finish(BusRequest *r, int code, const char *text)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	Cell *c;

	if (code < 0 && r->cell && bus_request_cell(r, &c) >= 0)
		code = bus_error_for_cell(&error, code, c, text);
	else if (code < 0)
		code = bus_error_set(&error, code, r->cell, text);
	bus_request_finish_error(r, code, &error);
}

int bus_request_cell(const BusRequest *r, Cell **ret)
{
	return manager_get(r->bus->manager, r->cell, ret);
}

void bus_request_begun(BusRequest *r)
{
	if (r->answered || !(r->flags & BUS_FLAG_NO_BLOCK))
		return;
	r->answered = true;
	(void)sd_bus_reply_method_return(r->message, NULL);
}

static void run(BusRequest *r);

static void run_again(_unused_ Cell *c, void *userdata)
{
	run(userdata);
}

/** run - the caller is authorised */
static void run(BusRequest *r)
{
	bool no_block = r->flags & BUS_FLAG_NO_BLOCK;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	Cell *c = NULL;
	int code = 0;

	if (r->cell)
		code = bus_request_cell(r, &c);
	if (code == -CELL_ENOSUCHCELL && r->json)
		code = 0;
	/* Who wants to stop a cell that fails all the time must not have to hit the moment between two restarts. */
	if (code >= 0 && c && r->verb->flags & BUS_FLAG_NO_BLOCK && action_is_by_policy(c)) {
		code = action_when_idle(c, run_again, r);
		if (code >= 0)
			return;
	} else if (code >= 0) {
		code = r->verb->run(r, c, &error);
		/* What systemd has yet to accept has not begun. */
		if (code == 0 && no_block && !r->slot)
			bus_request_begun(r);
		if (code == 0)
			return;
		if (code > 0) {
			bus_request_free(r);
			return;
		}
	}
	if (!sd_bus_error_is_set(&error) && c)
		(void)bus_error_for_cell(&error, code, c, NULL);
	else if (!sd_bus_error_is_set(&error))
		(void)bus_error_set(&error, code, r->cell, NULL);
	bus_request_finish_error(r, code, &error);
}

static void deny(BusRequest *r, const char *name, const char *text)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;

	(void)sd_bus_error_set(&error, name, text);
	bus_request_finish_error(r, -EACCES, &error);
}

static int on_polkit_reply(sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *ignored)
{
	BusRequest *r = userdata;
	int authorized = 0, challenge = 0;

	r->slot = sd_bus_slot_unref(r->slot);
	if (sd_bus_message_is_method_error(reply, NULL)) {
		/* No polkit: root only. */
		deny(r, SD_BUS_ERROR_ACCESS_DENIED, "Access denied");
		return 0;
	}
	if (sd_bus_message_enter_container(reply, 'r', "bba{ss}") < 0 ||
	    sd_bus_message_read(reply, "bb", &authorized, &challenge) < 0)
		authorized = challenge = 0;

	if (authorized)
		run(r);
	else if (challenge)
		deny(r, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, "Interactive authentication required");
	else
		deny(r, SD_BUS_ERROR_ACCESS_DENIED, "Access denied");
	return 0;
}

static int append_details(sd_bus_message *m, const BusRequest *r)
{
	const char *member = r->verb->cell_member ?: r->verb->manager_member;
	int code;

	code = sd_bus_message_open_container(m, 'a', "{ss}");
	if (code >= 0 && r->cell)
		code = sd_bus_message_append(m, "{ss}", "cell", r->cell);
	if (code >= 0)
		code = sd_bus_message_append(m, "{ss}", "verb", member);
	return code < 0 ? code : sd_bus_message_close_container(m);
}

static const char *action_of(const BusRequest *r)
{
	if (r->verb->takes & BUS_TAKES_WRITABLE && r->flags & BUS_FLAG_WRITABLE)
		return ACTION_OPEN_CONSOLE;
	return r->verb->action;
}

/** ask_polkit - Return: 0, the answer comes later */
static int ask_polkit(BusRequest *r)
{
	uint32_t flags = sd_bus_message_get_allow_interactive_authorization(r->message) > 0 ? POLKIT_INTERACTIVE : 0;
	sd_bus_message *m = NULL;
	int code;

	code = sd_bus_message_new_method_call(r->bus->bus, &m, "org.freedesktop.PolicyKit1",
					      "/org/freedesktop/PolicyKit1/Authority",
					      "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization");
	if (code >= 0)
		code = sd_bus_message_append(m, "(sa{sv})s", "system-bus-name", 1, "name", "s",
					     sd_bus_message_get_sender(r->message), action_of(r));
	if (code >= 0)
		code = append_details(m, r);
	if (code >= 0)
		code = sd_bus_message_append(m, "us", flags, "");
	if (code >= 0)
		code = sd_bus_call_async(r->bus->bus, &r->slot, m, on_polkit_reply, r, POLKIT_TIMEOUT_USEC);
	sd_bus_message_unref(m);
	return code < 0 ? code : 0;
}

static bool is_daemon_user(uid_t uid)
{
	static uid_t known = (uid_t)-1;
	static bool looked;

	if (!looked) {
		const struct passwd *p = getpwnam(DAEMON_USER);

		looked = true;
		known = p ? p->pw_uid : (uid_t)-1;
	}
	return known != (uid_t)-1 && uid == known;
}

/** has_too_much - would the caller, with this, make celld remember more than is good? */
static bool has_too_much(const BusRequest *r)
{
	size_t n = 0, bytes = 0;

	for (const BusRequest *other = r->bus->requests; other; other = other->next) {
		if (other->uid != r->uid)
			continue;
		n++;
		bytes += other->json ? strlen(other->json) : 0;
	}
	return n > PENDING_MAX || bytes > PENDING_MAX_BYTES;
}

/** authorize - what the caller's user id alone decides, then polkit */
static void authorize(BusRequest *r)
{
	int code;

	/* Supervisors share a user, and at boot all of them wait for their cells at once. */
	if (r->uid == 0 || r->uid == geteuid() || (!r->verb->action && is_daemon_user(r->uid))) {
		run(r);
	} else if (has_too_much(r)) {
		deny(r, SD_BUS_ERROR_LIMITS_EXCEEDED, "Too many calls at a time");
	} else if (!r->verb->action) {
		deny(r, SD_BUS_ERROR_ACCESS_DENIED, "Only for supervisors");
	} else if (r->flags & BUS_FLAG_NO_UNIT) {
		deny(r, SD_BUS_ERROR_ACCESS_DENIED, "Only root may act behind systemd's back");
	} else {
		code = ask_polkit(r);
		if (code < 0)
			bus_request_finish(r, code, NULL);
	}
}

static int read_credentials(sd_bus_message *reply, BusRequest *r)
{
	const char *key;
	uint32_t value;
	bool have_uid = false;
	int code;

	code = sd_bus_message_enter_container(reply, 'a', "{sv}");
	while (code >= 0 && (code = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
		code = sd_bus_message_read(reply, "s", &key);
		if (code < 0)
			return code;
		if (streq(key, "UnixUserID") || streq(key, "ProcessID")) {
			code = sd_bus_message_read(reply, "v", "u", &value);
			if (code < 0)
				return code;
			if (key[0] == 'U') {
				r->uid = value;
				have_uid = true;
			} else {
				r->pid = (pid_t)value;
			}
		} else {
			code = sd_bus_message_skip(reply, "v");
			if (code < 0)
				return code;
		}
		code = sd_bus_message_exit_container(reply);
	}
	if (code < 0)
		return code;
	return have_uid ? 0 : -EACCES;
}

static int on_credentials(sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *ignored)
{
	BusRequest *r = userdata;

	r->slot = sd_bus_slot_unref(r->slot);
	if (sd_bus_message_is_method_error(reply, NULL) || read_credentials(reply, r) < 0)
		deny(r, SD_BUS_ERROR_ACCESS_DENIED, "The caller is not known");
	else
		authorize(r);
	return 0;
}

/** read_options - a{sv} of Supervise */
static int read_options(sd_bus_message *m, BusRequest *r, sd_bus_error *error)
{
	const char *key;
	int code, value;

	r->option_start = r->option_restart = true;
	code = sd_bus_message_enter_container(m, 'a', "{sv}");
	while (code >= 0 && (code = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		code = sd_bus_message_read(m, "s", &key);
		if (code < 0)
			return code;
		if (!streq(key, "start") && !streq(key, "restart"))
			return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Unknown option \"%s\"", key);
		code = sd_bus_message_read(m, "v", "b", &value);
		if (code < 0)
			return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Option \"%s\" is not a boolean",
						 key);
		if (streq(key, "start"))
			r->option_start = value;
		else
			r->option_restart = value;
		code = sd_bus_message_exit_container(m);
	}
	return code < 0 ? code : sd_bus_message_exit_container(m);
}

static int parse(BusRequest *r, const char *cell, sd_bus_error *error)
{
	const BusVerb *v = r->verb;
	const char *name = cell;
	int code = 0;

	if (v->takes & BUS_TAKES_CELL && !name)
		code = sd_bus_message_read(r->message, "s", &name);
	if (code >= 0 && v->takes & BUS_TAKES_JSON)
		code = sd_bus_message_read(r->message, "s", &r->json);
	if (code >= 0 && v->takes & BUS_TAKES_FLAGS)
		code = sd_bus_message_read(r->message, "t", &r->flags);
	if (code >= 0 && v->takes & BUS_TAKES_OPTIONS)
		code = read_options(r->message, r, error);
	if (code < 0)
		return code;
	if (r->flags & ~v->flags)
		return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Unknown flags 0x%llx",
					 (unsigned long long)(r->flags & ~v->flags));
	/* Whoever it is: nothing large or odd is kept while somebody thinks about permission. */
	if (r->json && !cell_name_is_valid(name))
		return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "Not a name of a cell");
	if (r->json && strlen(r->json) > CONFIG_FILE_MAX_BYTES)
		return bus_error_set(error, -CELL_ECONFIG, name, "The configuration is too large");
	if (v->takes & BUS_TAKES_CELL) {
		r->cell = strdup(name);
		if (!r->cell)
			return -ENOMEM;
	}
	return 0;
}

int bus_request_begin(Bus *bus, sd_bus_message *message, const BusVerb *verb, const char *cell, sd_bus_error *error)
{
	_cleanup_(bus_request_freep) BusRequest *r = calloc(1, sizeof(*r));
	const char *sender = sd_bus_message_get_sender(message);
	Cell *c;
	int code;

	if (!r)
		return -ENOMEM;
	r->bus = bus;
	r->uid = (uid_t)-1;
	r->next = bus->requests;
	bus->requests = r;
	r->verb = verb;
	r->message = sd_bus_message_ref(message);
	code = parse(r, cell, error);
	if (code < 0)
		return code;
	/* Who may not do it may still learn that there is nothing to do it to. */
	if (r->cell && !r->json) {
		code = bus_request_cell(r, &c);
		if (code < 0)
			return bus_error_set(error, code, r->cell, NULL);
	}
	if (!sender)
		return -EACCES;
	code = sd_bus_call_method_async(bus->bus, &r->slot, "org.freedesktop.DBus", "/org/freedesktop/DBus",
					"org.freedesktop.DBus", "GetConnectionCredentials", on_credentials, r, "s",
					sender);
	if (code < 0)
		return code;
	r = NULL;
	return 1;
}
