/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzzes celld on the bus: all of it in this process, on a pretended kernel, with a dbus-daemon of its own. An input is
 * read as choices: whom to call, with which arguments or wrong ones, who waits for the answer and who vanishes, and
 * what polkit and systemd say, which are played here. After each input celld must answer a ping, and errors must have
 * names of the contract.
 */
#include <assert.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define main celld_main
#include "../../celld/main.c"
#undef main

#include "action.h"
#include "bus-calls.h"
#include "clock.h"
#include "sim/sim.h"

#define CALLS_PER_INPUT 4
#define HANG_USEC (60 * USEC_PER_SEC)
#define NOBODY 65534
#define POLKIT "org.freedesktop.PolicyKit1"
#define SYSTEMD "org.freedesktop.systemd1"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/fuzz-bus-XXXXXX";
static Daemon celld;
static FuzzInput *input; /**< of the moment, for those who answer */

/** Callers: root, and somebody else whom polkit is asked about. */
typedef struct Caller {
	sd_bus *bus;
	uid_t uid;
	unsigned pending;
} Caller;

static Caller root, nobody = { .uid = NOBODY };
static sd_bus *others; /**< polkit and systemd */

/* -- The world ---------------------------------------------------------------------------------------------------- */

static void write_file(const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(folder, name);
	_cleanup_fclose_ FILE *f = path ? fopen(path, "w") : NULL;

	assert(f && fputs(text, f) >= 0);
}

static void make_folder(const char *name, const char *variable)
{
	_cleanup_free_ char *path = path_join(folder, name);

	assert(path && mkdir(path, 0755) == 0);
	if (variable)
		setenv(variable, path, 1);
}

static void make_world(void)
{
	_cleanup_free_ char *path = NULL, *address = NULL, *bus = NULL;

	assert(mkdtemp(folder) && chmod(folder, 0755) == 0);
	make_folder("run", "RUNTIME_DIRECTORY");
	make_folder("var", "STATE_DIRECTORY");
	make_folder("etc", NULL);
	make_folder("etc/cells", NULL);
	write_file("etc/cells/rtos.json", FUZZ_BUS_CONFIG("rtos", "1"));
	write_file("etc/cells/other.json", FUZZ_BUS_CONFIG("other", "1"));
	write_file("etc/cells/broken.json", "{\"name\": \"broken\", \"cpus\": [}");
	write_file("etc/system.json", FUZZ_BUS_SYSTEM);
	assert(asprintf(&path, "%s/etc:%s/run:%s/var", folder, folder, folder) > 0);
	assert(asprintf(&address, "unix:path=%s/bus", folder) > 0);
	assert(asprintf(&bus, FUZZ_BUS_DAEMON, folder) > 0);
	write_file("bus.conf", bus);
	setenv("CELLD_CONFIG_PATH", path, 1);
	setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1);
	setenv(SIM_FOLDER, folder, 1);
	setenv("CELLD_LOG_LEVEL", "emerg", 1);
}

static void start_bus(void)
{
	_cleanup_free_ char *option = NULL, *path = path_join(folder, "bus");
	pid_t pid = fork();

	assert(pid >= 0 && asprintf(&option, "--config-file=%s/bus.conf", folder) > 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("dbus-daemon", "dbus-daemon", option, "--nofork", "--nopidfile", NULL);
		_exit(EXIT_FAILURE);
	}
	for (unsigned i = 0; i < 3000 && access(path, F_OK) < 0; i++)
		usleep(10000);
}

static void turn(uint64_t wait_usec)
{
	assert(sd_event_get_state(celld.event) != SD_EVENT_FINISHED);
	assert(sd_event_run(celld.event, wait_usec) >= 0);
}

static void connect_as(sd_bus **ret, uid_t uid)
{
	uid_t self = geteuid();

	/* The daemon takes the user from the socket, at this moment. Who is not root calls as himself. */
	assert(self != 0 || seteuid(uid) == 0);
	assert(sd_bus_open_system(ret) >= 0);
	assert(seteuid(self) == 0);
	assert(sd_bus_attach_event(*ret, celld.event, SD_EVENT_PRIORITY_NORMAL) >= 0);
}

static void reconnect(Caller *c)
{
	c->bus = sd_bus_close_unref(c->bus);
	c->pending = 0;
	connect_as(&c->bus, c->uid);
}

/** on_other - a call of celld's to polkit or systemd: any answer, or none */
static int on_other(sd_bus_message *m, _unused_ void *userdata, _unused_ sd_bus_error *error)
{
	sd_bus_message *reply = NULL;
	const char *member = sd_bus_message_get_member(m);
	uint8_t type;

	if (sd_bus_message_get_type(m, &type) < 0 || type != SD_BUS_MESSAGE_METHOD_CALL || !member || !input)
		return 0;
	switch (fuzz_input_take(input, 6)) {
	case 0:
		return sd_bus_reply_method_errorf(m, "org.freedesktop.DBus.Error.Failed", "fuzzed");
	case 1:
		assert(sd_bus_message_new_method_return(m, &reply) >= 0);
		fuzz_bus_append_any(reply, input);
		(void)sd_bus_send(NULL, reply, NULL);
		sd_bus_message_unref(reply);
		return 1;
	default:
		if (streq(member, "CheckAuthorization"))
			return sd_bus_reply_method_return(m, "(bba{ss})", (int)fuzz_input_take(input, 2),
							  (int)fuzz_input_take(input, 2), 0);
		(void)sd_bus_reply_method_return(m, "o", "/org/freedesktop/systemd1/job/1");
		return sd_bus_emit_signal(others, "/org/freedesktop/systemd1", SYSTEMD ".Manager", "JobRemoved", "uoss",
					  1U, "/org/freedesktop/systemd1/job/1", "cell@rtos.service",
					  fuzz_bus_job_result(input));
	}
}

static void start_others(void)
{
	connect_as(&others, 0);
	assert(sd_bus_add_filter(others, NULL, on_other, NULL) >= 0);
	assert(sd_bus_request_name(others, POLKIT, 0) >= 0);
	assert(sd_bus_request_name(others, SYSTEMD, 0) >= 0);
}

static void clean_up(void)
{
	_cleanup_free_ char *command = NULL;

	if (asprintf(&command, "rm -rf %s", folder) > 0 && system(command) != 0)
		fprintf(stderr, "%s is left behind\n", folder);
}

int LLVMFuzzerInitialize(_unused_ int *argc, _unused_ char ***argv)
{
	uint64_t end = clock_monotonic() + HANG_USEC;

	make_world();
	atexit(clean_up);
	start_bus();
	sim_open()->enabled = true;
	assert(set_up(&celld) >= 0);
	while (!celld.told_ready) {
		assert(clock_monotonic() < end);
		turn(100 * USEC_PER_MSEC);
	}
	start_others();
	reconnect(&root);
	reconnect(&nobody);
	return 0;
}

/* -- One input ---------------------------------------------------------------------------------------------------- */

static int on_answer(sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *ignored)
{
	const sd_bus_error *error = sd_bus_message_get_error(reply);
	Caller *c = userdata;

	c->pending--;
	if (error && !startswith(error->name, "org.jailhouse.Cell.Error.") &&
	    !startswith(error->name, "org.freedesktop.DBus.Error.")) {
		fprintf(stderr, "error with the name %s: %s\n", error->name, error->message);
		abort();
	}
	return 0;
}

/** call - anything of anybody. Return: < 0 if it could not be sent, as when it is no message at all */
static int call(FuzzInput *in)
{
	Caller *c = fuzz_input_take(in, 3) > 0 ? &root : &nobody;
	unsigned manner = fuzz_input_take(in, 16);
	sd_bus_message *m = NULL;
	int r;

	r = fuzz_bus_new_call(c->bus, in, &m);
	if (r >= 0 && manner == 0)
		r = sd_bus_message_set_expect_reply(m, false);
	if (r >= 0 && manner == 1)
		r = sd_bus_message_set_allow_interactive_authorization(m, true);
	if (r >= 0 && manner == 0)
		r = sd_bus_send(c->bus, m, NULL);
	else if (r >= 0) {
		r = sd_bus_call_async(c->bus, NULL, m, on_answer, c, HANG_USEC);
		c->pending += r >= 0;
	}
	sd_bus_message_unref(m);
	if (manner == 2)
		reconnect(c);
	return r;
}

static int on_pong(_unused_ sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *ignored)
{
	*(bool *)userdata = true;
	return 0;
}

static bool is_busy(void)
{
	if (root.pending > 0 || nobody.pending > 0 || celld.manager->look)
		return true;
	for (size_t i = 0; i < celld.manager->n_cells; i++)
		if (celld.manager->cells[i]->job)
			return true;
	return false;
}

/** settle - until everybody has an answer, and celld has answered a ping behind all of it */
static void settle(void)
{
	uint64_t end = clock_monotonic() + HANG_USEC;
	bool pong = false;

	assert(sd_bus_call_method_async(root.bus, NULL, BUS_NAME, BUS_PATH, "org.freedesktop.DBus.Peer", "Ping",
					on_pong, &pong, NULL) >= 0);
	while (!pong || is_busy()) {
		assert(clock_monotonic() < end);
		turn(100 * USEC_PER_MSEC);
	}
}

/** remove_definitions - what inputs may have defined. Return: was there anything? */
static bool remove_definitions(void)
{
	static const char *const names[] = { "var/cells/fresh.json", "run/cells/fresh.json", "var/cells/rtos.json",
					     "run/cells/rtos.json" };
	bool removed = false;

	for (size_t i = 0; i < ELEMENTSOF(names); i++) {
		_cleanup_free_ char *path = path_join(folder, names[i]);

		removed = (path && unlink(path) == 0) || removed;
	}
	return removed;
}

/** restore - the world as it was at first, so that inputs can be repeated alone */
static void restore(void)
{
	Manager *m = celld.manager;
	bool removed = remove_definitions();
	Sim *sim = sim_open();

	if (!sim->enabled) {
		sim_lock(sim);
		sim->enabled = true;
		sim_emit(sim, NET_EVENT_ENABLED, NULL, NULL, 0);
		sim_unlock(sim);
	}
	for (size_t i = 0; i < m->n_cells; i++) {
		if (m->cells[i]->state == CELL_FAILED)
			(void)action_reset_failed(m->cells[i]);
		(void)action_stop(m->cells[i], JOB_CONSENT_FORCE, NULL, NULL);
	}
	settle();
	if (removed)
		assert(manager_reload(m) >= 0);
	log_set_max_level(LOG_EMERG);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput in = { .data = data, .size = size };

	input = &in;
	for (unsigned i = 0; i < CALLS_PER_INPUT && in.at < in.size; i++) {
		unsigned wait;

		(void)call(&in);
		wait = fuzz_input_take(&in, 4);
		if (wait == 1)
			turn(0);
		else if (wait > 1)
			settle();
	}
	settle();
	input = NULL;
	restore();
	return 0;
}
