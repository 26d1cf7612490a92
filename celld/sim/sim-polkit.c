/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pretended polkit for tests: answers as the first word of the file "polkit" in $CELLD_SIM says, and prints every
 * question in a line.
 *
 * yes, no and challenge are answers; wait keeps the question until SIGUSR1, and then it is yes.
 */
#include <signal.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "sim.h"
#include "util.h"

static sd_bus_message *waiting[4096];
static size_t n_waiting;

static int answer(sd_bus_message *m, const char *word)
{
	return sd_bus_reply_method_return(m, "(bba{ss})", streq(word, "yes"), streq(word, "challenge"), 0);
}

/** read_word - what the file says now */
static void read_word(char *word, size_t size)
{
	_cleanup_free_ char *path = path_join(getenv(SIM_FOLDER) ?: ".", "polkit"), *text = NULL;
	size_t n;

	if (util_read_file(path, 64, &text, &n) < 0)
		text = strdup("no");
	text[strcspn(text, "\n")] = '\0';
	snprintf(word, size, "%s", text);
}

/** print_question - action, flags, then the details in their order */
static int print_question(sd_bus_message *m)
{
	const char *kind, *action, *key, *value;
	uint32_t flags;
	int r;

	r = sd_bus_message_enter_container(m, 'r', "sa{sv}");
	if (r >= 0)
		r = sd_bus_message_read(m, "s", &kind);
	if (r >= 0)
		r = sd_bus_message_skip(m, "a{sv}");
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	if (r >= 0)
		r = sd_bus_message_read(m, "s", &action);
	if (r >= 0)
		r = sd_bus_message_enter_container(m, 'a', "{ss}");
	if (r < 0)
		return r;
	printf("%s %s", kind, action);
	while ((r = sd_bus_message_read(m, "{ss}", &key, &value)) > 0)
		printf(" %s=%s", key, value);
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	if (r >= 0)
		r = sd_bus_message_read(m, "u", &flags);
	if (r < 0)
		return r;
	printf(" flags=%u\n", flags);
	return fflush(stdout);
}

static int check_authorization(sd_bus_message *m, _unused_ void *userdata, _unused_ sd_bus_error *error)
{
	char word[16];
	int r = print_question(m);

	if (r < 0)
		return r;
	read_word(word, sizeof(word));
	if (!streq(word, "wait"))
		return answer(m, word);
	if (n_waiting == ELEMENTSOF(waiting))
		return -ENOBUFS;
	waiting[n_waiting++] = sd_bus_message_ref(m);
	return 1;
}

static int on_signal(_unused_ sd_event_source *source, _unused_ const struct signalfd_siginfo *info,
		     _unused_ void *userdata)
{
	for (size_t i = 0; i < n_waiting; i++) {
		(void)answer(waiting[i], "yes");
		sd_bus_message_unref(waiting[i]);
	}
	n_waiting = 0;
	return 0;
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("CheckAuthorization", "(sa{sv})sa{ss}us", "(bba{ss})", check_authorization,
		      SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static int run(sd_event *event, sd_bus *bus)
{
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	r = sd_event_add_signal(event, NULL, SIGUSR1, on_signal, NULL);
	if (r >= 0)
		r = sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/PolicyKit1/Authority",
					     "org.freedesktop.PolicyKit1.Authority", vtable, NULL);
	if (r >= 0)
		r = sd_bus_request_name(bus, "org.freedesktop.PolicyKit1", 0);
	if (r >= 0)
		r = sd_bus_attach_event(bus, event, 0);
	return r < 0 ? r : sd_event_loop(event);
}

int main(void)
{
	sd_event *event = NULL;
	sd_bus *bus = NULL;
	int r;

	r = sd_event_default(&event);
	if (r >= 0)
		r = sd_bus_open_system(&bus);
	if (r >= 0)
		r = run(event, bus);
	sd_bus_unref(bus);
	sd_event_unref(event);
	return r < 0;
}
