/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of whole histories of cells, on a pretended kernel: manager, actions, supervision, leases and adoption
 * together, without a bus.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "action.h"
#include "cell-error.h"
#include "clock.h"
#include "comm.h"
#include "kmod.h"
#include "lease-message.h"
#include "lease.h"
#include "log.h"
#include "manager.h"
#include "react.h"
#include "sim/sim.h"

#define PATIENCE_USEC (30 * USEC_PER_SEC)

static char folder[] = "/tmp/test-manager-XXXXXX";
static sd_event *event;
static Manager *manager;
static Sim *sim;
static sd_event_source *beats;
static bool beating;
static unsigned n_failed, n_restart_scheduled, n_heartbeat_lost, n_reboots, n_starting;
static CellResult last_failed;
static char last_words[1024];

/* -- The world ---------------------------------------------------------------------------------------------------- */

#define FAST "\"RestartUSec\": \"1ms\", \"RestartMaxUSec\": \"1ms\", \"StartLimitIntervalUSec\": \"1h\", "

static void write_cell(const char *name, const char *cpus, const char *supervision)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fclose_ FILE *f = NULL;

	assert_true(asprintf(&path, "%s/etc/cells/%s.json", folder, name) > 0);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f,
		"{\"name\": \"%s\", \"architecture\": \"x86\", \"cpus\": \"%s\", \"cpu_reset_address\": 0,\n"
		"\"memory\": [{\"phys\": \"0x3a600000\", \"virt\": 0, \"size\": \"1M\", \"flags\": [\"read\", "
		"\"write\", "
		"\"execute\", \"loadable\"]},\n"
		"{\"virt\": \"0x100000\", \"size\": \"4K\", \"flags\": [\"read\", \"write\", \"comm-region\"]}],\n"
		"\"command_line\": \"x\", \"supervision\": {%s}}\n",
		name, cpus, supervision);
}

/** write_fallback - a cell that falls back after two failures in a row */
static void write_fallback(void)
{
	write_cell("rtos", "3",
		   FAST "\"FallbackAfterFailures\": 2}, \"images\": [{\"string\": \"a\"}],\n"
			"\"fallback_images\": [{\"string\": \"b\"}], \"comment\": {");
}

static void remove_cell(const char *name)
{
	_cleanup_free_ char *path = NULL;

	assert_true(asprintf(&path, "%s/etc/cells/%s.json", folder, name) > 0);
	assert_int_equal(unlink(path), 0);
}

/** on_beat - the inmates live in the same loop: a slow machine slows down both sides */
static int on_beat(sd_event_source *source, _unused_ uint64_t usec, _unused_ void *userdata)
{
	for (size_t i = 1; i < SIM_CELLS && beating; i++) {
		const SimCell *c = &sim->cells[i];
		struct cell_heartbeat *block = (void *)&sim->pages[i][CELL_HEARTBEAT_OFFSET];

		if (!c->used || c->kernel.state != KERNEL_RUNNING || c->behaviour & SIM_SILENT)
			continue;
		block->magic = CELL_HEARTBEAT_MAGIC;
		block->counter++;
	}
	(void)sd_event_source_set_time_relative(source, 5 * USEC_PER_MSEC);
	(void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

static void set_state_directory(void)
{
	_cleanup_free_ char *var = path_join(folder, "var");

	assert_non_null(var);
	setenv("STATE_DIRECTORY", var, 1);
}

static void on_failed(Cell *c, CellResult result, _unused_ void *userdata)
{
	assert_int_equal(c->result, result);
	last_failed = result;
	n_failed++;
	snprintf(last_words, sizeof(last_words), "%s", c->last_words ?: "");
}

static void on_restart_scheduled(_unused_ Cell *c, _unused_ unsigned attempt, _unused_ uint64_t delay_usec,
				 _unused_ void *userdata)
{
	n_restart_scheduled++;
}

static void on_heartbeat_lost(_unused_ Cell *c, _unused_ uint64_t last_usec, _unused_ void *userdata)
{
	n_heartbeat_lost++;
}

static void on_reboot(_unused_ Cell *c, _unused_ void *userdata)
{
	n_reboots++;
}

static void on_changed(Cell *c, unsigned changed, _unused_ void *userdata)
{
	n_starting += changed & CELL_CHANGED_STATE && c->state == CELL_STARTING;
}

static void start_manager(void)
{
	static const ManagerHooks hooks = {
		.cell_failed = on_failed,
		.restart_scheduled = on_restart_scheduled,
		.heartbeat_lost = on_heartbeat_lost,
		.reboot = on_reboot,
		.cell_changed = on_changed,
	};

	assert_int_equal(manager_new(event, &manager), 0);
	manager_set_hooks(manager, &hooks);
	assert_int_equal(manager_startup(manager), 0);
}

/** kill_manager - as if celld had died and come back */
static void kill_manager(void)
{
	manager = manager_free(manager);
	start_manager();
}

static int set_up(void **state)
{
	(void)state;
	memset(sim->pages, 0, sizeof(sim->pages));
	memset(sim->cells, 0, sizeof(sim->cells));
	sim->present = sim->enabled = true;
	sim->next_error = 0;
	sim->delay_usec = 0;
	sim->blind_looks = 0;
	beating = true;
	n_failed = n_restart_scheduled = n_heartbeat_lost = n_reboots = n_starting = 0;
	write_cell("rtos", "3", FAST "\"StartLimitBurst\": 4, \"ShutdownTimeoutUSec\": \"50ms\"");
	write_cell("other", "2", FAST "\"Restart\": \"always\", \"StartLimitBurst\": 1000");
	assert_true(sd_event_new(&event) >= 0);
	assert_true(sd_event_add_time_relative(event, &beats, CLOCK_MONOTONIC, 0, 0, on_beat, NULL) >= 0);
	start_manager();
	return 0;
}

static int tear_down(void **state)
{
	_cleanup_free_ char *command = NULL;

	(void)state;
	manager = manager_free(manager);
	beats = sd_event_source_disable_unref(beats);
	event = sd_event_unref(event);
	assert_true(asprintf(&command, "rm -rf %s/run/* %s/var/* %s/etc/cells/*", folder, folder, folder) > 0);
	return system(command);
}

static Cell *cell(const char *name)
{
	Cell *c = manager_find(manager, name);

	assert_non_null(c);
	return c;
}

/** wait_until - turn the loop until it holds */
#define wait_until(condition)                                                      \
	do {                                                                       \
		uint64_t _end_ = clock_monotonic() + PATIENCE_USEC;                \
		while (!(condition)) {                                             \
			assert_true(clock_monotonic() < _end_);                    \
			assert_true(sd_event_run(event, 10 * USEC_PER_MSEC) >= 0); \
		}                                                                  \
	} while (false)

static bool is_idle(const Cell *c, CellState state)
{
	return c->state == state && !c->job;
}

/** Outcome of an action. */
typedef struct Outcome {
	bool done;
	int error;
	char text[256];
} Outcome;

static void on_done(_unused_ Cell *c, int error, const char *text, void *userdata)
{
	Outcome *o = userdata;

	o->done = true;
	o->error = error;
	snprintf(o->text, sizeof(o->text), "%s", text);
}

static void start(const char *name, int error)
{
	Outcome o = { 0 };

	assert_int_equal(action_start(cell(name), CELL_SUPERVISOR_CELLD, on_done, &o), 0);
	wait_until(o.done);
	assert_int_equal(o.error, error);
}

static void stop(const char *name, JobConsent consent, int error)
{
	Outcome o = { 0 };

	assert_int_equal(action_stop(cell(name), consent, on_done, &o), 0);
	wait_until(o.done);
	assert_int_equal(o.error, error);
}

static SimCell *kernel_cell(const char *name)
{
	SimCell *c = sim_find(sim, name);

	assert_non_null(c);
	return c;
}

static void park(const char *name)
{
	sim_park(sim, kernel_cell(name), "msr", 0x1b);
}

static void say(const char *name, KernelState word)
{
	sim_say(sim, kernel_cell(name), word);
}

/* -- Starting and stopping ---------------------------------------------------------------------------------------- */

static void test_start_and_stop(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	assert_int_equal(c->state, CELL_DEFINED);
	assert_int_equal(action_stop(c, JOB_CONSENT_ASK, NULL, NULL), -CELL_ENOTRUNNING);
	assert_int_equal(action_restart(c, JOB_CONSENT_ASK, NULL, NULL), -CELL_ENOTRUNNING);
	assert_int_equal(action_start(c, CELL_SUPERVISOR_CELLD, NULL, NULL), 0);
	assert_int_equal(c->state, CELL_STARTING);
	assert_int_equal(c->operation, CELL_OPERATION_START);
	assert_int_equal(action_start(c, CELL_SUPERVISOR_CELLD, NULL, NULL), -CELL_EBUSY);
	assert_int_equal(action_stop(c, JOB_CONSENT_ASK, NULL, NULL), -CELL_EBUSY);
	wait_until(is_idle(c, CELL_RUNNING));
	assert_int_equal(c->supervisor, CELL_SUPERVISOR_CELLD);
	assert_true(kernel_cpu_set_has(&c->kernel.cpus, 3));
	assert_int_equal(action_start(c, CELL_SUPERVISOR_CELLD, NULL, NULL), -CELL_ERUNNING);
	wait_until(c->health == CELL_HEALTH_OK);

	stop("rtos", JOB_CONSENT_ASK, 0);
	assert_int_equal(c->state, CELL_DEFINED);
	assert_int_equal(c->supervisor, CELL_SUPERVISOR_NONE);
	assert_false(cell_is_created(c));
	assert_null(sim_find(sim, "rtos"));
	assert_null(c->comm);
}

static void test_create(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	assert_int_equal(action_create(c, NULL, NULL), 0);
	wait_until(is_idle(c, CELL_CREATED));
	assert_int_equal(action_create(c, NULL, NULL), -CELL_EEXISTS);
	start("rtos", 0);
	assert_int_equal(kernel_cell("rtos")->starts, 1);
	stop("rtos", JOB_CONSENT_ASK, 0);
}

static void test_restart_by_hand(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	assert_int_equal(action_restart(c, JOB_CONSENT_ASK, NULL, NULL), 0);
	wait_until(is_idle(c, CELL_RUNNING));
	assert_int_equal(kernel_cell("rtos")->starts, 2);
	assert_int_equal(c->n_restarts, 0);
}

static void test_refusals(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	kernel_cell("rtos")->behaviour = SIM_DENY;
	stop("rtos", JOB_CONSENT_ASK, -CELL_EDENIED);
	assert_int_equal(c->state, CELL_RUNNING);
	assert_int_equal(c->result, CELL_RESULT_SHUTDOWN_DENIED);
	wait_until(c->health == CELL_HEALTH_OK);

	kernel_cell("rtos")->behaviour = SIM_MUTE;
	stop("rtos", JOB_CONSENT_ASK, -CELL_ETIMEOUT);
	assert_int_equal(c->state, CELL_RUNNING);
	assert_int_equal(c->result, CELL_RESULT_TIMEOUT);
	/* Refused, but its run goes on. */
	assert_int_equal(n_failed, 0);
	stop("rtos", JOB_CONSENT_ASK_THEN_FORCE, 0);
	assert_int_equal(c->state, CELL_DEFINED);
	assert_int_equal(c->result, CELL_RESULT_TIMEOUT);
	assert_int_equal(n_failed, 1);

	sim->cells[1].behaviour = SIM_DENY;
	start("rtos", 0);
	assert_int_equal(c->result, CELL_RESULT_SUCCESS);
	stop("rtos", JOB_CONSENT_ASK_THEN_FORCE, 0);
	assert_int_equal(c->result, CELL_RESULT_SHUTDOWN_DENIED);
	assert_int_equal(n_failed, 2);
	assert_int_equal(last_failed, CELL_RESULT_SHUTDOWN_DENIED);

	/* Nobody asks: nobody is told. */
	start("rtos", 0);
	stop("rtos", JOB_CONSENT_FORCE, 0);
	assert_int_equal(c->result, CELL_RESULT_SUCCESS);
	assert_int_equal(n_failed, 2);
}

static void test_failed_starts(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	/* Not the cell's fault: as if nothing had been. */
	sim->next_error = -EBUSY;
	start("rtos", -CELL_ECONFLICT);
	assert_int_equal(c->state, CELL_DEFINED);
	sim->enabled = false;
	start("rtos", -CELL_EDISABLED);
	sim->present = false;
	start("rtos", -CELL_EUNAVAILABLE);
	wait_until(manager->hypervisor == HYPERVISOR_ABSENT);
	sim->present = sim->enabled = true;

	/* Its configuration is: failed. */
	sim->next_error = -ERANGE;
	start("rtos", -CELL_ECONFIG);
	assert_true(is_idle(c, CELL_FAILED));
	assert_int_equal(c->result, CELL_RESULT_CONFIG);
	assert_int_equal(n_failed, 1);
	assert_int_equal(action_reset_failed(c), 0);
	assert_int_equal(c->state, CELL_DEFINED);
	assert_int_equal(c->result, CELL_RESULT_SUCCESS);
	start("rtos", 0);
	assert_int_equal(c->state, CELL_RUNNING);
}

static void test_no_worker(void **state)
{
	struct rlimit files, none;
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	stop("rtos", JOB_CONSENT_ASK, 0);
	assert_int_equal(n_starting, 1);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	none = (struct rlimit){ .rlim_max = files.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(action_start(c, CELL_SUPERVISOR_CELLD, NULL, NULL), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	/* What was about to happen was known before it could, and then it had not happened. */
	assert_int_equal(n_starting, 2);
	assert_true(is_idle(c, CELL_DEFINED));
	assert_int_equal(c->operation, CELL_OPERATION_NONE);
	assert_int_equal(c->supervisor, CELL_SUPERVISOR_NONE);
	start("rtos", 0);
}

/** kill_worker - of the job that runs; it is the oldest child */
static void kill_worker(void)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	int pid = 0;

	assert_true(asprintf(&path, "/proc/self/task/%i/children", (int)getpid()) > 0);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%i", &pid), 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
}

static void test_killed_worker(void **state)
{
	Outcome o = { 0 };
	Cell *c = cell("rtos");

	(void)state;
	/* What it has done is found done: half of a start, a stop not begun, and a creation. */
	sim->delay_usec = 2000000;
	assert_int_equal(action_start(c, CELL_SUPERVISOR_CELLD, NULL, NULL), 0);
	wait_until(sim_find(sim, "rtos"));
	sim->delay_usec = 0;
	kill_worker();
	wait_until(is_idle(c, CELL_RUNNING) && !manager->look);
	assert_int_equal(kernel_cell("rtos")->starts, 1);
	assert_int_equal(action_stop(c, JOB_CONSENT_ASK, NULL, NULL), 0);
	kill_worker();
	wait_until(is_idle(c, CELL_DEFINED) && !manager->look);
	assert_null(sim_find(sim, "rtos"));
	assert_int_equal(action_create(c, on_done, &o), 0);
	kill_worker();
	wait_until(o.done && !manager->look);
	assert_int_equal(o.error, 0);
	assert_int_equal(c->state, CELL_CREATED);
}

static void test_killed_after_consent(void **state)
{
	Outcome o = { 0 };
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	wait_until(!manager->look);
	sim->delay_usec = 60000000;
	assert_int_equal(action_restart(c, JOB_CONSENT_ASK, on_done, &o), 0);
	/* As if by the worker. What runs now was not there when the restart was asked for: its refusal is no answer. */
	sim_lock(sim);
	sim_emit(sim, NET_EVENT_LOADABLE, kernel_cell("rtos"), NULL, 0);
	sim_emit(sim, NET_EVENT_STARTED, kernel_cell("rtos"), NULL, 0);
	kernel_cell("rtos")->behaviour = SIM_DENY;
	sim_unlock(sim);
	kill_worker();
	sim->delay_usec = 0;
	wait_until(o.done && !manager->look);
	assert_int_equal(o.error, 0);
	assert_int_equal(c->state, CELL_RUNNING);
}

static void test_killed_workers(void **state)
{
	Outcome o = { 0 };
	Cell *c = cell("rtos");

	(void)state;
	sim->delay_usec = 60000000;
	assert_int_equal(action_start(c, CELL_SUPERVISOR_UNIT, on_done, &o), 0);
	while (!o.done) {
		kill_worker();
		assert_true(sd_event_run(event, 10 * USEC_PER_MSEC) >= 0);
	}
	/* There is no third one. */
	assert_int_equal(o.error, -EIO);
	assert_int_equal(c->state, CELL_FAILED);
}

static void test_bad_configuration(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	write_cell("rtos", "nonsense", "");
	assert_int_equal(action_start(c, CELL_SUPERVISOR_CELLD, NULL, NULL), -CELL_ECONFIG);
	assert_int_equal(c->state, CELL_FAILED);
	assert_int_equal(c->result, CELL_RESULT_CONFIG);
	assert_non_null(strstr(c->config_error, "rtos.json"));
	/* Each attempt is told. */
	assert_int_equal(action_start(c, CELL_SUPERVISOR_CELLD, NULL, NULL), -CELL_ECONFIG);
	assert_int_equal(n_failed, 2);
	write_cell("rtos", "1", "");
	start("rtos", 0);
	assert_true(kernel_cpu_set_has(&c->kernel.cpus, 1));
}

static void test_conflict(void **state)
{
	(void)state;
	write_cell("other", "3", "");
	start("rtos", 0);
	start("other", -CELL_ECONFLICT);
	assert_int_equal(cell("other")->state, CELL_DEFINED);
	assert_int_equal(cell("rtos")->state, CELL_RUNNING);
}

static void test_create_what_is_there(void **state)
{
	SimCell *there = &sim->cells[40];
	Outcome o = { 0 };

	(void)state;
	/* The event that tells of it is still on its way. */
	there->kernel = (KernelCell){ .id = 40, .name = "rtos", .state = KERNEL_SHUT_DOWN };
	there->used = true;
	assert_int_equal(action_create(cell("rtos"), on_done, &o), 0);
	wait_until(o.done);
	assert_int_equal(o.error, -CELL_EEXISTS);
	assert_true(is_idle(cell("rtos"), CELL_CREATED));
	stop("rtos", JOB_CONSENT_ASK, 0);
}

/* -- Supervision -------------------------------------------------------------------------------------------------- */

static void test_violation(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	park("rtos");
	wait_until(c->n_restarts == 1 && is_idle(c, CELL_RUNNING));
	assert_int_equal(kernel_cell("rtos")->starts, 2);
	assert_int_equal(n_failed, 1);
	assert_int_equal(n_restart_scheduled, 1);
	assert_int_equal(c->result, CELL_RESULT_SUCCESS);
}

static void test_start_limit(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	for (unsigned i = 1; i <= 3; i++) {
		park("rtos");
		wait_until(c->n_restarts == i && is_idle(c, CELL_RUNNING));
	}
	park("rtos");
	wait_until(is_idle(c, CELL_FAILED));
	assert_int_equal(c->result, CELL_RESULT_START_LIMIT_HIT);
	/* Four ends, and that it was given up. */
	assert_int_equal(n_failed, 5);
	assert_int_equal(last_failed, CELL_RESULT_START_LIMIT_HIT);
	assert_true(c->fault.known);
	assert_string_equal(c->fault.cause, "msr");
	/* Its resources are back, and somebody may start it again. */
	assert_null(sim_find(sim, "rtos"));
	assert_int_equal(c->supervisor, CELL_SUPERVISOR_NONE);
	start("rtos", 0);
	assert_int_equal(c->n_restarts, 0);
	assert_false(c->fault.known);
}

/** has_loaded - is @text what was loaded into rtos last? */
static bool has_loaded(const char *text)
{
	return streq(kernel_cell("rtos")->loaded, text);
}

static void test_fallback(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	write_fallback();
	start("rtos", 0);
	assert_true(has_loaded("a"));
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(c->fallback, i == 3);
		park("rtos");
		wait_until(c->n_restarts == i && is_idle(c, CELL_RUNNING));
		assert_true(has_loaded(i < 2 ? "a" : "b"));
	}

	/* It is known to the next celld, which goes on counting. */
	kill_manager();
	c = cell("rtos");
	assert_true(c->fallback);
	assert_int_equal(c->policy.failures, 3);

	/* Refused: it goes on as it was. By force: somebody has mended it. */
	kernel_cell("rtos")->behaviour = SIM_DENY;
	assert_int_equal(action_restart(c, JOB_CONSENT_ASK, NULL, NULL), 0);
	wait_until(is_idle(c, CELL_RUNNING));
	assert_int_equal(c->result, CELL_RESULT_SHUTDOWN_DENIED);
	assert_true(c->fallback && has_loaded("b"));
	assert_int_equal(action_restart(c, JOB_CONSENT_FORCE, NULL, NULL), 0);
	wait_until(is_idle(c, CELL_RUNNING));
	assert_true(!c->fallback && has_loaded("a"));
	assert_int_equal(c->n_restarts, 0);
}

static void test_fallback_interrupted(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	write_fallback();
	start("rtos", 0);
	park("rtos");
	wait_until(c->n_restarts == 1 && is_idle(c, CELL_RUNNING));
	sim->delay_usec = 50000;
	park("rtos");
	wait_until(c->state == CELL_STARTING && c->fallback);
	/* Who comes after a celld that died on the way does what that one was about to. */
	kill_manager();
	sim->delay_usec = 0;
	c = cell("rtos");
	wait_until(is_idle(c, CELL_RUNNING));
	assert_true(c->fallback && has_loaded("b"));
}

static void test_left_for_inspection(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	write_cell("rtos", "3", "\"Restart\": \"no\", \"OnFailure\": \"none\"");
	start("rtos", 0);
	say("rtos", KERNEL_FAILED);
	wait_until(is_idle(c, CELL_FAILED));
	assert_int_equal(c->result, CELL_RESULT_CELL_FAILED);
	assert_non_null(sim_find(sim, "rtos"));
	assert_int_equal(action_reset_failed(c), 0);
	assert_int_equal(c->state, CELL_CREATED);
}

static void test_reboot(void **state)
{
	(void)state;
	write_cell("rtos", "3", "\"Restart\": \"no\", \"OnFailure\": \"reboot\"");
	start("rtos", 0);
	say("rtos", KERNEL_FAILED);
	wait_until(is_idle(cell("rtos"), CELL_FAILED));
	assert_int_equal(n_reboots, 1);
}

static void test_heartbeat(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	write_cell("rtos", "3", FAST "\"HeartbeatIntervalUSec\": \"10ms\", \"HeartbeatTimeoutUSec\": \"60ms\"");
	start("rtos", 0);
	wait_until(c->health == CELL_HEALTH_OK);
	kernel_cell("rtos")->behaviour = SIM_SILENT;
	wait_until(n_heartbeat_lost == 1);
	kernel_cell("rtos")->behaviour = 0;
	wait_until(c->n_restarts >= 1 && is_idle(c, CELL_RUNNING) && c->health == CELL_HEALTH_OK);
	assert_int_equal(n_failed, 1);
}

/** What a cell printed before it failed is told with the failure, and not again with the next one. */
static void test_last_words(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	write_cell("rtos", "3", FAST "\"HeartbeatIntervalUSec\": \"10ms\", \"HeartbeatTimeoutUSec\": \"60ms\"");
	start("rtos", 0);
	sim_print(sim, kernel_cell("rtos"), "up\noops\a");
	park("rtos");
	wait_until(n_failed == 1);
	assert_string_equal(last_words, "up\noops^G");
	wait_until(is_idle(c, CELL_RUNNING));
	assert_null(c->last_words);
	park("rtos");
	wait_until(n_failed == 2);
	assert_string_equal(last_words, "");
	wait_until(is_idle(c, CELL_RUNNING) && c->health == CELL_HEALTH_OK);
	sim_print(sim, kernel_cell("rtos"), "tired\n");
	kernel_cell("rtos")->behaviour = SIM_SILENT;
	wait_until(n_heartbeat_lost == 1);
	assert_int_equal(n_failed, 3);
	assert_string_equal(last_words, "tired");
}

static void test_own_shutdown(void **state)
{
	(void)state;
	start("rtos", 0);
	say("rtos", KERNEL_SHUT_DOWN);
	wait_until(is_idle(cell("rtos"), CELL_DEFINED));
	assert_int_equal(cell("rtos")->result, CELL_RESULT_SUCCESS);
	assert_null(sim_find(sim, "rtos"));

	start("other", 0);
	say("other", KERNEL_SHUT_DOWN);
	wait_until(cell("other")->n_restarts == 1 && is_idle(cell("other"), CELL_RUNNING));
}

static void test_wrong_revision(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	say("rtos", KERNEL_ABI_MISMATCH);
	wait_until(n_failed == 1);
	wait_until(is_idle(c, CELL_RUNNING));
}

static void test_locked(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	say("rtos", KERNEL_RUNNING_LOCKED);
	wait_until(c->kernel.state == KERNEL_RUNNING_LOCKED);
	assert_int_equal(c->state, CELL_RUNNING);
	say("rtos", KERNEL_RUNNING);
	wait_until(c->kernel.state == KERNEL_RUNNING);
	assert_int_equal(n_failed, 0);
}

static void test_restart_fails(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	sim->next_error = -EIO;
	park("rtos");
	/* One more failure, by the same policy. */
	wait_until(c->n_restarts == 2 && is_idle(c, CELL_RUNNING));
	assert_int_equal(n_failed, 2);
}

static void test_restart_by_hand_fails(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	/* It stops on the way: the policy is asked, whoever wanted the restart. */
	kernel_cell("rtos")->kernel.state = KERNEL_FAILED;
	sim->next_error = -EIO;
	assert_int_equal(action_restart(c, JOB_CONSENT_ASK, NULL, NULL), 0);
	wait_until(c->n_restarts == 1 && is_idle(c, CELL_RUNNING));
	assert_int_equal(n_failed, 1);
}

static void test_restart_is_blind(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	/* Only the worker is to be blind. */
	wait_until(!manager->look);
	sim->blind_looks = 1;
	park("rtos");
	/* What the worker could not read is no good end: the policy goes on, and knows why the cell had failed. */
	wait_until(c->n_restarts == 2 && is_idle(c, CELL_RUNNING));
	assert_int_equal(n_failed, 2);
	assert_int_equal(last_failed, CELL_RESULT_CPU_FAILED);

	/* Attempts count as starts, or this would never end. */
	sim->blind_looks = 100;
	park("rtos");
	wait_until(is_idle(c, CELL_FAILED) || sim->blind_looks == 0);
	assert_int_equal(c->result, CELL_RESULT_START_LIMIT_HIT);
	assert_int_equal(c->state, CELL_FAILED);
}

static void test_start_is_blind(void **state)
{
	(void)state;
	/* Before the work, and after it: then it is taken back. One more for celld, which looks because of the event.
	 */
	for (unsigned seeing = 0; seeing <= 1; seeing++) {
		sim->seeing_looks = seeing;
		sim->blind_looks = 1 + seeing;
		start("rtos", -EINTR);
		sim->blind_looks = 0;
		wait_until(is_idle(cell("rtos"), CELL_DEFINED) && !cell_is_created(cell("rtos")));
		assert_null(sim_find(sim, "rtos"));
	}
	start("rtos", 0);
	assert_int_equal(n_failed, 0);
}

static void test_restart_without_image(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	write_cell("rtos", "3",
		   FAST "\"HeartbeatTimeoutUSec\": \"60ms\", \"StartupTimeoutUSec\": \"60ms\", "
			"\"StartLimitBurst\": 3");
	start("rtos", 0);
	wait_until(c->health == CELL_HEALTH_OK);
	/* For the kernel it runs, but not for us: that the load fails does not make it run again. */
	sim->next_error = -EINVAL;
	kernel_cell("rtos")->behaviour = SIM_SILENT;
	wait_until(n_failed >= 2);
	assert_int_equal(last_failed, CELL_RESULT_LOAD_FAILED);
	wait_until(is_idle(c, CELL_FAILED));
	assert_int_equal(c->result, CELL_RESULT_START_LIMIT_HIT);
}

static void test_stop_while_waiting(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	write_cell("rtos", "3", "\"RestartUSec\": \"1h\", \"RestartMaxUSec\": \"1h\"");
	start("rtos", 0);
	park("rtos");
	wait_until(is_idle(c, CELL_RESTARTING));
	assert_true(c->next_restart_usec > clock_monotonic());
	stop("rtos", JOB_CONSENT_ASK, 0);
	assert_int_equal(c->state, CELL_DEFINED);
	assert_int_equal(c->next_restart_usec, 0);

	/* By hand it need not wait. */
	start("rtos", 0);
	park("rtos");
	wait_until(is_idle(c, CELL_RESTARTING));
	assert_int_equal(action_restart(c, JOB_CONSENT_ASK, NULL, NULL), 0);
	wait_until(is_idle(c, CELL_RUNNING));
}

/* -- Others ------------------------------------------------------------------------------------------------------- */

static void create_behind_our_back(const char *name)
{
	SimCell *c = &sim->cells[40];

	*c = (SimCell){ .used = true, .kernel = { .id = 40, .state = KERNEL_SHUT_DOWN } };
	snprintf(c->kernel.name, sizeof(c->kernel.name), "%s", name);
	kernel_cpu_set_add(&c->kernel.cpus, 7);
	sim_emit(sim, NET_EVENT_CREATED, c, NULL, 0);
}

static void test_others(void **state)
{
	Cell *c;

	(void)state;
	create_behind_our_back("alien");
	wait_until(manager_find(manager, "alien") && cell("alien")->state == CELL_CREATED);
	assert_int_equal(manager_get_by_cpu(manager, 7, &c), 0);
	assert_string_equal(c->name, "alien");
	kernel_cell("alien")->kernel.state = KERNEL_RUNNING;
	sim_emit(sim, NET_EVENT_STARTED, kernel_cell("alien"), NULL, 0);
	wait_until(cell("alien")->state == CELL_RUNNING);
	assert_int_equal(cell("alien")->supervisor, CELL_SUPERVISOR_NONE);
	park("alien");
	wait_until(cell("alien")->state == CELL_FAILED);
	assert_int_equal(cell("alien")->result, CELL_RESULT_CPU_FAILED);
	sim->cells[40].used = false;
	sim_emit(sim, NET_EVENT_DESTROYED, &sim->cells[40], NULL, 0);
	wait_until(!manager_find(manager, "alien"));
	assert_int_equal(manager_get_by_cpu(manager, 7, &c), -CELL_ENOSUCHCELL);
}

static void test_lost_events(void **state)
{
	Cell *c = cell("rtos");

	(void)state;
	start("rtos", 0);
	/* Parked, but nobody heard of it; then something else tells that events are missing. */
	kernel_cell("rtos")->kernel.failed = c->kernel.cpus;
	kernel_cell("rtos")->kernel.state = KERNEL_FAILED;
	sim->seq += 2;
	create_behind_our_back("alien");
	wait_until(c->n_restarts == 1 && is_idle(c, CELL_RUNNING));
}

static void test_hypervisor_goes(void **state)
{
	(void)state;
	start("rtos", 0);
	start("other", 0);
	assert_int_equal(kmod_disable(-1), 0);
	wait_until(manager->hypervisor == HYPERVISOR_DISABLED);
	wait_until(is_idle(cell("rtos"), CELL_DEFINED) && is_idle(cell("other"), CELL_DEFINED));
}

static void test_definitions(void **state)
{
	Cell *c;

	(void)state;
	assert_int_equal(manager_get(manager, "third", &c), -CELL_ENOSUCHCELL);
	assert_int_equal(manager_get(manager, "../etc/passwd", &c), -CELL_ENOSUCHCELL);
	write_cell("third", "1", "");
	/* Found when it is asked for, without a reload. */
	assert_int_equal(manager_get(manager, "third", &c), 0);
	assert_non_null(c->config);
	remove_cell("third");
	assert_int_equal(manager_reload(manager), 0);
	wait_until(!manager_find(manager, "third"));

	/* What runs keeps its configuration and its object. */
	start("rtos", 0);
	remove_cell("rtos");
	assert_int_equal(manager_reload(manager), 0);
	assert_non_null(cell("rtos")->config);
	stop("rtos", JOB_CONSENT_ASK, 0);
	assert_int_equal(manager_reload(manager), 0);
	wait_until(!manager_find(manager, "rtos"));
}

/* -- celld dies --------------------------------------------------------------------------------------------------- */

static void test_adoption(void **state)
{
	(void)state;
	start("rtos", 0);
	park("rtos");
	wait_until(cell("rtos")->n_restarts == 1 && is_idle(cell("rtos"), CELL_RUNNING));
	kill_manager();
	assert_int_equal(cell("rtos")->state, CELL_RUNNING);
	assert_int_equal(cell("rtos")->supervisor, CELL_SUPERVISOR_CELLD);
	assert_int_equal(cell("rtos")->n_restarts, 1);
	assert_int_equal(kernel_cell("rtos")->starts, 2);
	/* It is watched again. */
	park("rtos");
	wait_until(cell("rtos")->n_restarts == 2 && is_idle(cell("rtos"), CELL_RUNNING));
}

static void test_failure_without_celld(void **state)
{
	(void)state;
	start("rtos", 0);
	manager = manager_free(manager);
	sim_print(sim, kernel_cell("rtos"), "alone");
	park("rtos");
	start_manager();
	assert_string_equal(cell("rtos")->last_words, "alone");
	wait_until(cell("rtos")->n_restarts == 1 && is_idle(cell("rtos"), CELL_RUNNING));
}

static void test_killed_at_work(void **state)
{
	(void)state;
	/* In the middle of a start. */
	sim->delay_usec = 20000;
	for (unsigned i = 0; i < 10; i++) {
		uint64_t until = clock_monotonic() + i * 10 * USEC_PER_MSEC;

		assert_int_equal(action_start(cell("rtos"), CELL_SUPERVISOR_CELLD, NULL, NULL), 0);
		while (clock_monotonic() < until)
			assert_true(sd_event_run(event, 5 * USEC_PER_MSEC) >= 0);
		kill_manager();
		/* Whether it had been created or not: what was asked for happens. */
		wait_until(cell("rtos")->state == CELL_RUNNING || is_idle(cell("rtos"), CELL_DEFINED));
		if (cell("rtos")->state == CELL_DEFINED)
			continue;

		/* In the middle of a stop. */
		assert_int_equal(action_stop(cell("rtos"), JOB_CONSENT_ASK, NULL, NULL), 0);
		assert_true(sd_event_run(event, 5 * USEC_PER_MSEC) >= 0);
		kill_manager();
		wait_until(is_idle(cell("rtos"), CELL_DEFINED));
		assert_null(sim_find(sim, "rtos"));
	}
}

/* -- Leases ------------------------------------------------------------------------------------------------------- */

static int take_lease(const char *name, bool take_over)
{
	int fd = -EBADF;

	assert_int_equal(lease_new(cell(name), 1, take_over, &fd), 0);
	assert_true(fd >= 0);
	return fd;
}

/** hear - the newest message, or the first that tells the end: then a supervisor is gone */
static LeaseMessage hear(int fd)
{
	LeaseMessage m = { 0 };
	char buffer[LEASE_MESSAGE_BYTES];
	ssize_t n;

	while (!m.over && (n = recv(fd, buffer, sizeof(buffer) - 1, MSG_DONTWAIT)) > 0) {
		buffer[n] = '\0';
		assert_int_equal(lease_message_parse(buffer, &m), 0);
	}
	return m;
}

static bool is_over(int fd, uint32_t *ret_status)
{
	LeaseMessage m = hear(fd);

	if (m.over)
		*ret_status = m.exit_status;
	return m.over;
}

static int start_with_lease(const char *name)
{
	Outcome o = { 0 };

	assert_int_equal(action_start(cell(name), CELL_SUPERVISOR_UNIT, on_done, &o), 0);
	wait_until(o.done);
	return take_lease(name, false);
}

static void test_lease(void **state)
{
	uint32_t status = 1;
	int fd, second;

	(void)state;
	fd = start_with_lease("rtos");
	assert_string_equal(hear(fd).state, "running");
	assert_int_equal(cell("rtos")->supervisor, CELL_SUPERVISOR_UNIT);
	assert_int_equal(lease_new(cell("rtos"), 2, false, &second), -CELL_EMANAGED);
	assert_int_equal(send(fd, "STOP=1\n", 7, 0), 7);
	wait_until(is_over(fd, &status));
	assert_int_equal(status, 0);
	assert_int_equal(cell("rtos")->state, CELL_DEFINED);
	close(fd);
	wait_until(!cell("rtos")->lease);
}

static void test_lease_of_failure(void **state)
{
	uint32_t status = 0;
	int fd;

	(void)state;
	write_cell("rtos", "3", "\"Restart\": \"no\"");
	fd = start_with_lease("rtos");
	sim->delay_usec = 20000;
	park("rtos");
	wait_until(is_over(fd, &status));
	assert_int_equal(status, CELL_EXIT_CPU_FAILED);
	/* The unit fails only when the resources are back. */
	assert_null(sim_find(sim, "rtos"));
	close(fd);
	wait_until(!cell("rtos")->lease);
	sim->delay_usec = 0;

	/* celld dies in the middle of it: the failure is remembered. */
	fd = start_with_lease("rtos");
	sim->delay_usec = 1000000;
	park("rtos");
	wait_until(cell("rtos")->operation == CELL_OPERATION_STOP);
	kill_manager();
	sim->delay_usec = 0;
	wait_until(is_idle(cell("rtos"), CELL_FAILED));
	assert_null(sim_find(sim, "rtos"));
	assert_int_equal(cell("rtos")->result, CELL_RESULT_CPU_FAILED);
	close(fd);
}

static void test_lease_and_action(void **state)
{
	static const struct {
		const char *action;
		uint32_t status;
		bool kept;
		unsigned reboots;
	} cases[] = {
		{ "none", CELL_EXIT_CELL_FAILED, true, 0 },
		{ "stop", 0, false, 0 },
		{ "fail-unit", CELL_EXIT_CELL_FAILED, false, 0 },
		{ "reboot", CELL_EXIT_CELL_FAILED, false, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		char supervision[64];
		uint32_t status = 1;
		int fd;

		snprintf(supervision, sizeof(supervision), "\"Restart\": \"no\", \"OnFailure\": \"%s\"",
			 cases[i].action);
		write_cell("rtos", "3", supervision);
		fd = start_with_lease("rtos");
		say("rtos", KERNEL_FAILED);
		wait_until(is_over(fd, &status));
		assert_int_equal(status, cases[i].status);
		assert_int_equal(sim_find(sim, "rtos") != NULL, cases[i].kept);
		assert_int_equal(n_reboots, cases[i].reboots);
		assert_int_equal(cell("rtos")->result, CELL_RESULT_CELL_FAILED);
		close(fd);
		wait_until(!cell("rtos")->lease);
		if (cases[i].kept)
			stop("rtos", JOB_CONSENT_FORCE, 0);
	}
}

static void test_supervisor_dies(void **state)
{
	int fd;

	(void)state;
	fd = start_with_lease("rtos");
	close(fd);
	wait_until(cell("rtos")->supervisor == CELL_SUPERVISOR_NONE);
	assert_int_equal(cell("rtos")->state, CELL_RUNNING);
	assert_true(cell("rtos")->left_by_unit);
	/* Nobody is in charge: a failure is only noted... */
	park("rtos");
	wait_until(cell("rtos")->state == CELL_FAILED);
	/* ... until somebody takes over. */
	fd = take_lease("rtos", true);
	assert_false(cell("rtos")->left_by_unit);
	/* The run goes on: nothing that the supervisor hears tells it to end. */
	assert_string_equal(hear(fd).state, "restarting");
	wait_until(is_idle(cell("rtos"), CELL_RUNNING));
	assert_int_equal(cell("rtos")->n_restarts, 1);
	close(fd);
}

static void test_both_die(void **state)
{
	int fd;

	(void)state;
	fd = start_with_lease("rtos");
	kill_manager();
	assert_int_equal(recv(fd, (char[1]){ 0 }, 0, 0), 0);
	close(fd);
	assert_int_equal(cell("rtos")->state, CELL_RUNNING);
	assert_int_equal(cell("rtos")->supervisor, CELL_SUPERVISOR_NONE);
	assert_true(cell("rtos")->left_by_unit);
	/* Once more, before the unit has come back. */
	kill_manager();
	assert_true(cell("rtos")->left_by_unit);
	fd = take_lease("rtos", true);
	assert_int_equal(cell("rtos")->supervisor, CELL_SUPERVISOR_UNIT);
	assert_int_equal(kernel_cell("rtos")->starts, 1);
	close(fd);
}

static void test_deaf_supervisor(void **state)
{
	int fd;

	(void)state;
	fd = start_with_lease("other");
	/* It does not read: nothing blocks, and the end is told once it reads again. */
	for (unsigned i = 1; i <= 200; i++) {
		lease_tell(cell("other"));
		assert_true(sd_event_run(event, 0) >= 0);
	}
	assert_int_equal(action_stop(cell("other"), JOB_CONSENT_FORCE, NULL, NULL), 0);
	wait_until(is_idle(cell("other"), CELL_DEFINED));
	wait_until(streq(hear(fd).state, "defined"));
	close(fd);
}

static void test_end_outlives_next_run(void **state)
{
	uint32_t status = 1;
	int fd;

	(void)state;
	fd = start_with_lease("rtos");
	/* Until nothing more fits in. */
	for (unsigned i = 0; i < 2000; i++)
		lease_tell(cell("rtos"));
	stop("rtos", JOB_CONSENT_FORCE, 0);
	cell("rtos")->no_restart = true;
	start("rtos", 0);
	/* The cell runs again, but on behalf of somebody else. */
	wait_until(is_over(fd, &status));
	assert_int_equal(status, 0);
	close(fd);
	wait_until(!cell("rtos")->lease);
	assert_int_equal(cell("rtos")->supervisor, CELL_SUPERVISOR_CELLD);
	assert_false(cell("rtos")->left_by_unit);
	park("rtos");
	wait_until(cell("rtos")->n_restarts == 1 && is_idle(cell("rtos"), CELL_RUNNING));
}

static void test_lease_in_the_bus(void **state)
{
	pid_t holder = fork();
	int in_the_bus, fd = -EBADF;

	(void)state;
	if (holder == 0) {
		(void)pause();
		_exit(EXIT_SUCCESS);
	}
	assert_true(holder > 0);
	start("rtos", 0);
	assert_int_equal(lease_new(cell("rtos"), holder, false, &in_the_bus), 0);
	assert_int_equal(lease_new(cell("rtos"), 1, true, &fd), -CELL_EMANAGED);
	/* The holder dies before it has got the lease, which is still open. */
	assert_int_equal(kill(holder, SIGKILL), 0);
	assert_int_equal(waitpid(holder, NULL, 0), holder);
	assert_false(lease_is_held(cell("rtos")));
	assert_true(cell("rtos")->left_by_unit);
	assert_int_equal(lease_new(cell("rtos"), holder, true, &fd), -ESRCH);
	fd = take_lease("rtos", true);
	close(in_the_bus);
	assert_true(lease_is_held(cell("rtos")));
	close(fd);
}

static void test_lost_caller(void **state)
{
	Outcome o = { 0 };
	Cell *c = cell("rtos");

	(void)state;
	/* The bus was lost while the cell was started: nobody has its lease, but the unit may come back. */
	assert_int_equal(action_start(c, CELL_SUPERVISOR_UNIT, on_done, &o), 0);
	action_forget(c, &o);
	wait_until(is_idle(c, CELL_RUNNING));
	assert_false(o.done);
	assert_int_equal(c->supervisor, CELL_SUPERVISOR_NONE);
	assert_true(c->left_by_unit);
	react_unsupervise(c);
	assert_true(c->left_by_unit);
}

static void test_failed_start_of_unit(void **state)
{
	Outcome o = { 0 };
	Cell *c = cell("rtos");

	(void)state;
	/* It was there already: left behind by a celld that died, say. The unit that fails keeps no CPUs. */
	assert_int_equal(action_create(c, NULL, NULL), 0);
	wait_until(is_idle(c, CELL_CREATED));
	sim->next_error = -EIO;
	assert_int_equal(action_start(c, CELL_SUPERVISOR_UNIT, on_done, &o), 0);
	wait_until(o.done);
	assert_int_equal(o.error, -EIO);
	assert_int_equal(c->state, CELL_FAILED);
	assert_null(sim_find(sim, "rtos"));
}

static void test_stop_outlives_supervisor(void **state)
{
	int fd;

	(void)state;
	sim->delay_usec = 20000;
	fd = start_with_lease("rtos");
	assert_int_equal(action_restart(cell("rtos"), JOB_CONSENT_ASK, NULL, NULL), 0);
	assert_int_equal(send(fd, "STOP=1\n", 7, 0), 7);
	close(fd);
	wait_until(is_idle(cell("rtos"), CELL_DEFINED));
	assert_null(sim_find(sim, "rtos"));
}

/* -- Definitions through celld ------------------------------------------------------------------------------------ */

static void on_defined(int error, const char *text, void *userdata)
{
	on_done(NULL, error, text, userdata);
}

static char *json_of(const char *name, const char *supervision)
{
	char *json;

	assert_true(asprintf(&json,
			     "{\"name\": \"%s\", \"architecture\": \"x86\", \"cpus\": \"3\",\n"
			     "\"cpu_reset_address\": 0, \"command_line\": \"x\", \"memory\": [\n"
			     "{\"phys\": \"0x3a600000\", \"virt\": 0, \"size\": \"1M\",\n"
			     "\"flags\": [\"read\", \"write\", \"execute\", \"loadable\"]},\n"
			     "{\"virt\": \"0x100000\", \"size\": \"4K\",\n"
			     "\"flags\": [\"read\", \"write\", \"comm-region\"]}],\n"
			     "\"supervision\": {%s}}\n",
			     name, supervision) > 0);
	return json;
}

/** define - Return: what it came to; @text (may be NULL) is found in what is said */
static int define(const char *name, const char *json, bool runtime, const char *text)
{
	_cleanup_free_ char *said = NULL;
	Outcome o = { 0 };
	int r;

	r = manager_define(manager, name, json, runtime, on_defined, &o, &said);
	if (r < 0) {
		if (text && (!said || !strstr(said, text)))
			fail_msg("\"%s\" is not in: %s", text, said ?: "nothing");
		return r;
	}
	wait_until(o.done);
	return o.error;
}

static int undefine(const char *name, bool runtime, const char *text)
{
	_cleanup_free_ char *said = NULL;
	Outcome o = { 0 };
	int r;

	r = manager_undefine(manager, cell(name), runtime, on_defined, &o, &said);
	if (r < 0) {
		if (text && (!said || !strstr(said, text)))
			fail_msg("\"%s\" is not in: %s", text, said ?: "nothing");
		return r;
	}
	wait_until(o.done);
	return o.error;
}

static bool has_file(const char *path)
{
	_cleanup_free_ char *whole = path_join(folder, path);
	struct stat st;

	if (stat(whole, &st) < 0)
		return false;
	assert_int_equal(st.st_mode & 07777, 0600);
	return true;
}

static bool file_is(const char *path, const char *text)
{
	_cleanup_free_ char *whole = path_join(folder, path), *got = NULL;
	size_t size;

	assert_int_equal(util_read_file(whole, 65536, &got, &size), 0);
	return streq(got, text);
}

static void test_define(void **state)
{
	_cleanup_free_ char *json = json_of("third", ""), *slow = json_of("third", "\"RestartUSec\": \"2s\"");

	(void)state;
	assert_int_equal(define("third", json, false, NULL), 0);
	assert_true(has_file("var/cells/third.json"));
	assert_true(file_is("var/cells/third.json", json));
	assert_int_equal(cell("third")->state, CELL_DEFINED);
	assert_int_equal(cell("third")->config->supervision.restart_usec, 10 * USEC_PER_MSEC);
	/* Again, and above it. */
	assert_int_equal(define("third", slow, false, NULL), 0);
	assert_int_equal(cell("third")->config->supervision.restart_usec, 2 * USEC_PER_SEC);
	assert_int_equal(define("third", json, true, NULL), 0);
	assert_true(has_file("run/cells/third.json"));
	assert_int_equal(cell("third")->config->supervision.restart_usec, 10 * USEC_PER_MSEC);
	assert_int_equal(define("third", json, false, "run/cells/third.json"), -CELL_EEXISTS);
	assert_true(file_is("var/cells/third.json", slow));

	/* Only the upper one, and the rest. */
	assert_int_equal(undefine("third", true, NULL), 0);
	assert_false(has_file("run/cells/third.json"));
	assert_int_equal(cell("third")->config->supervision.restart_usec, 2 * USEC_PER_SEC);
	assert_int_equal(undefine("third", true, "var/cells/third.json"), -CELL_ENOTSUPPORTED);
	assert_int_equal(define("third", json, true, NULL), 0);
	assert_int_equal(undefine("third", false, NULL), 0);
	assert_false(has_file("run/cells/third.json"));
	assert_false(has_file("var/cells/third.json"));
	wait_until(!manager_find(manager, "third"));
}

static void test_define_refused(void **state)
{
	_cleanup_free_ char *json = json_of("third", ""), *odd = json_of("third", "\"RestartUsec\": 1"),
			    *wild = json_of("third", "\"RestartUSec\": \"infinity\""), *rtos = json_of("rtos", "");
	_cleanup_free_ char *said = NULL;

	(void)state;
	assert_int_equal(define("fourth", json, false, "fourth.json:1: name: "), -CELL_ECONFIG);
	assert_int_equal(define("third", "{", false, "third.json:"), -CELL_ECONFIG);
	assert_int_equal(define("third", "", false, "third.json:"), -CELL_ECONFIG);
	assert_int_equal(define("third", odd, false, "third.json:7: supervision.RestartUsec: "), -CELL_ECONFIG);
	assert_int_equal(define("third", wild, false, "third.json:7: supervision.RestartUSec: "), -CELL_ECONFIG);
	assert_int_equal(define("../third", json, false, "../third"), -EINVAL);
	assert_int_equal(define("rtos", rtos, false, "etc/cells/rtos.json"), -CELL_EEXISTS);
	assert_int_equal(undefine("rtos", false, "etc/cells/rtos.json"), -CELL_ENOTSUPPORTED);
	assert_null(manager_find(manager, "third"));
	assert_false(has_file("var/cells/third.json"));

	/* What cannot be written is told, and nothing is left. */
	setenv("STATE_DIRECTORY", "/proc/self/nowhere", 1);
	kill_manager();
	assert_int_equal(manager_define(manager, "third", json, false, on_defined, NULL, &said), -CELL_ENOTSUPPORTED);
	assert_non_null(strstr(said, "/proc/self/nowhere"));
	set_state_directory();
	kill_manager();
}

static void test_define_disk(void **state)
{
	_cleanup_free_ char *json = json_of("third", ""), *wall = path_join(folder, "var/cells/.third.json.new");
	_cleanup_free_ char *cells = path_join(folder, "var/cells");

	(void)state;
	(void)mkdir(cells, 0755);
	/* Something is in the way of the temporary file. */
	assert_int_equal(mkdir(wall, 0755), 0);
	assert_int_equal(define("third", json, false, NULL), -EIO);
	assert_null(manager_find(manager, "third"));
	assert_int_equal(rmdir(wall), 0);
	/* Left behind by a crash: no matter. */
	assert_int_equal(close(open(wall, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
	kill_manager();
	assert_null(manager_find(manager, "third"));
	assert_int_equal(define("third", json, false, NULL), 0);
	assert_int_equal(access(wall, F_OK), -1);
	assert_int_equal(undefine("third", false, NULL), 0);
}

static void test_define_in_use(void **state)
{
	_cleanup_free_ char *json = json_of("third", ""), *slow = json_of("third", "\"RestartUSec\": \"2s\"");
	Outcome first = { 0 };
	char *said = NULL;

	(void)state;
	/* One at a time, and forgotten callers are not called. */
	assert_int_equal(manager_define(manager, "third", json, false, on_defined, &first, &said), 0);
	assert_int_equal(define("third", json, false, NULL), -CELL_EBUSY);
	manager_forget(manager, &first);
	wait_until(manager_find(manager, "third"));
	assert_false(first.done);

	start("third", 0);
	assert_int_equal(undefine("third", false, "running"), -CELL_EBUSY);
	assert_int_equal(define("third", slow, false, NULL), 0);
	assert_int_equal(cell("third")->config->supervision.restart_usec, 10 * USEC_PER_MSEC);
	stop("third", JOB_CONSENT_FORCE, 0);
	start("third", 0);
	assert_int_equal(cell("third")->config->supervision.restart_usec, 2 * USEC_PER_SEC);
	stop("third", JOB_CONSENT_FORCE, 0);

	/* celld ends in the middle: the child goes with it, or has written it all. */
	assert_int_equal(manager_define(manager, "third", json, false, on_defined, &first, &said), 0);
	kill_manager();
	assert_true(file_is("var/cells/third.json", json) || file_is("var/cells/third.json", slow));
	assert_false(first.done);
	assert_int_equal(undefine("third", false, NULL), 0);
}

static int make_world(void **state)
{
	_cleanup_free_ char *run = NULL, *command = NULL, *dirs = NULL;
	sigset_t set;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (!mkdtemp(folder) || asprintf(&run, "%s/run", folder) < 0 ||
	    asprintf(&dirs, "%s/etc:%s/run:%s/var", folder, folder, folder) < 0 ||
	    asprintf(&command, "cd %s && mkdir -p etc/cells run var", folder) < 0 || system(command) != 0)
		return -1;
	setenv(SIM_FOLDER, folder, 1);
	setenv(CONFIG_DIRS_ENVIRONMENT, dirs, 1);
	set_state_directory();
	setenv("RUNTIME_DIRECTORY", run, 1);
	sim = sim_open();
	return 0;
}

static int end_world(void **state)
{
	_cleanup_free_ char *command = NULL;

	(void)state;
	return asprintf(&command, "rm -rf %s", folder) < 0 || system(command) != 0;
}

#define history(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		history(test_start_and_stop),
		history(test_create_what_is_there),
		history(test_create),
		history(test_restart_by_hand),
		history(test_refusals),
		history(test_failed_starts),
		history(test_no_worker),
		history(test_killed_worker),
		history(test_killed_after_consent),
		history(test_killed_workers),
		history(test_bad_configuration),
		history(test_conflict),
		history(test_violation),
		history(test_start_limit),
		history(test_fallback),
		history(test_fallback_interrupted),
		history(test_left_for_inspection),
		history(test_reboot),
		history(test_heartbeat),
		history(test_last_words),
		history(test_own_shutdown),
		history(test_wrong_revision),
		history(test_locked),
		history(test_restart_fails),
		history(test_restart_by_hand_fails),
		history(test_restart_is_blind),
		history(test_start_is_blind),
		history(test_restart_without_image),
		history(test_stop_while_waiting),
		history(test_others),
		history(test_lost_events),
		history(test_hypervisor_goes),
		history(test_definitions),
		history(test_adoption),
		history(test_failure_without_celld),
		history(test_killed_at_work),
		history(test_lease),
		history(test_lease_of_failure),
		history(test_lease_and_action),
		history(test_supervisor_dies),
		history(test_both_die),
		history(test_deaf_supervisor),
		history(test_stop_outlives_supervisor),
		history(test_end_outlives_next_run),
		history(test_lease_in_the_bus),
		history(test_lost_caller),
		history(test_failed_start_of_unit),
		history(test_define),
		history(test_define_refused),
		history(test_define_disk),
		history(test_define_in_use),
	};

	log_set_max_level(getenv("CELLD_LOG_LEVEL") ? LOG_DEBUG : LOG_EMERG);
	return cmocka_run_group_tests(tests, make_world, end_world);
}
