/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What tests of whole histories share: see test-world.h.
 */
#include "comm.h"
#include "test-world.h"

char folder[] = "/tmp/test-manager-XXXXXX";
sd_event *event;
Manager *manager;
Sim *sim;
bool beating;
unsigned n_failed, n_restart_scheduled, n_heartbeat_lost, n_reboots, n_starting;
CellResult last_failed;
char last_words[1024];

static sd_event_source *beats;

void write_cell(const char *name, const char *cpus, const char *supervision)
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

void write_fallback(void)
{
	write_cell("rtos", "3",
		   FAST "\"FallbackAfterFailures\": 2}, \"images\": [{\"string\": \"a\"}],\n"
			"\"fallback_images\": [{\"string\": \"b\"}], \"comment\": {");
}

void remove_cell(const char *name)
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

void set_state_directory(void)
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

void start_manager(void)
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

void kill_manager(void)
{
	manager = manager_free(manager);
	start_manager();
}

int set_up(void **state)
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

int tear_down(void **state)
{
	_cleanup_free_ char *command = NULL;

	(void)state;
	manager = manager_free(manager);
	beats = sd_event_source_disable_unref(beats);
	event = sd_event_unref(event);
	assert_true(asprintf(&command, "rm -rf %s/run/* %s/var/* %s/etc/cells/*", folder, folder, folder) > 0);
	return system(command);
}

Cell *cell(const char *name)
{
	Cell *c = manager_find(manager, name);

	assert_non_null(c);
	return c;
}

bool is_idle(const Cell *c, CellState state)
{
	return c->state == state && !c->job;
}

void on_done(_unused_ Cell *c, int error, const char *text, void *userdata)
{
	Outcome *o = userdata;

	o->done = true;
	o->error = error;
	snprintf(o->text, sizeof(o->text), "%s", text);
}

void start(const char *name, int error)
{
	Outcome o = { 0 };

	assert_int_equal(action_start(cell(name), CELL_SUPERVISOR_CELLD, on_done, &o), 0);
	wait_until(o.done);
	assert_int_equal(o.error, error);
}

void stop(const char *name, JobConsent consent, int error)
{
	Outcome o = { 0 };

	assert_int_equal(action_stop(cell(name), consent, on_done, &o), 0);
	wait_until(o.done);
	assert_int_equal(o.error, error);
}

SimCell *kernel_cell(const char *name)
{
	SimCell *c = sim_find(sim, name);

	assert_non_null(c);
	return c;
}

void park(const char *name)
{
	sim_park(sim, kernel_cell(name), "msr", 0x1b);
}

void say(const char *name, KernelState word)
{
	sim_say(sim, kernel_cell(name), word);
}

int make_world(void **state)
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

int end_world(void **state)
{
	_cleanup_free_ char *command = NULL;

	(void)state;
	return asprintf(&command, "rm -rf %s", folder) < 0 || system(command) != 0;
}
