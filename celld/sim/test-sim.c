/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of the pretended kernel: that its faults can be repeated, and that it loses and delays events as the real one
 * may.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "clock.h"
#include "kmod.h"
#include "sim.h"

static char folder[] = "/tmp/test-sim-XXXXXX";
static Sim *sim;
static sd_event *event;
static Net *net;
static unsigned n_events, n_lost;
static uint64_t last_seq;

static void on_event(const NetEvent *e, _unused_ void *userdata)
{
	assert_true(e->seq > last_seq);
	last_seq = e->seq;
	n_events++;
}

static void on_lost(_unused_ void *userdata)
{
	n_lost++;
}

static int set_up(void **state)
{
	static const NetHandler handler = { .event = on_event, .lost = on_lost };

	(void)state;
	memset(&sim->faults, 0, sizeof(sim->faults));
	memset(sim->cells, 0, sizeof(sim->cells));
	sim->enabled = true;
	for (unsigned i = 1; i < 3; i++) {
		SimCell *c = &sim->cells[i];

		snprintf(c->name, sizeof(c->name), "cell%u", i);
		snprintf(c->kernel.name, sizeof(c->kernel.name), "cell%u", i);
		c->kernel.id = (int32_t)i;
		c->used = true;
	}
	n_events = n_lost = 0;
	assert_true(sd_event_new(&event) >= 0);
	assert_int_equal(net_new(event, &handler, NULL, &net), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	net = net_free(net);
	event = sd_event_unref(event);
	return 0;
}

static void emit(unsigned n)
{
	sim_lock(sim);
	for (unsigned i = 0; i < n; i++)
		sim_emit(sim, NET_EVENT_STATE, &sim->cells[1], NULL, 0);
	sim_unlock(sim);
}

#define DRAWS 50

/** draw - rows of two cells, in turn or one behind the other */
static void draw(bool in_turn, uint64_t rows[2][DRAWS])
{
	sim->cells[1].random = sim->cells[2].random = 0;
	for (unsigned i = 0; i < 2 * DRAWS; i++) {
		unsigned which = in_turn ? i % 2 : i / DRAWS;

		rows[which][in_turn ? i / 2 : i % DRAWS] = sim_random(sim, &sim->cells[1 + which], 1000000);
	}
}

static void test_faults_repeat(void **state)
{
	uint64_t first[2][DRAWS], second[2][DRAWS];

	(void)state;
	sim->faults.seed = 5;
	draw(true, first);
	draw(false, second);
	assert_memory_equal(first, second, sizeof(first));
	assert_memory_not_equal(first[0], first[1], sizeof(first[0]));
	sim->faults.seed = 6;
	draw(false, second);
	assert_memory_not_equal(first, second, sizeof(first));
}

static void test_chances(void **state)
{
	unsigned n = 0;

	(void)state;
	assert_false(sim_chance(sim, &sim->cells[1], 0));
	assert_true(sim_chance(sim, &sim->cells[1], 1000));
	for (unsigned i = 0; i < 10000; i++)
		n += sim_chance(sim, &sim->cells[1], 250);
	assert_in_range(n, 2300, 2700);
}

static void test_events(void **state)
{
	(void)state;
	emit(20);
	net_drain(net);
	assert_int_equal(n_events, 20);
	assert_int_equal(n_lost, 0);

	/* A gap in the numbers. */
	sim->seq += 3;
	emit(1);
	net_drain(net);
	assert_int_equal(n_events, 21);
	assert_int_equal(n_lost, 1);
}

static void test_lost_events(void **state)
{
	(void)state;
	sim->faults.lose = 1000;
	emit(1);
	net_drain(net);
	assert_int_equal(n_events, 0);
	assert_int_equal(n_lost, 1);

	/* More than fit: the newest are there, and it is told that others were. */
	sim->faults.lose = 0;
	emit(SIM_EVENTS + 44);
	net_drain(net);
	assert_int_equal(n_events, SIM_EVENTS);
	assert_int_equal(n_lost, 2);
}

static void test_late_events(void **state)
{
	(void)state;
	sim->faults.event_delay_usec = UINT32_MAX;
	emit(3);
	for (uint64_t i = sim->events_shown; i < sim->events_written; i++)
		assert_true(sim->events[i % SIM_EVENTS].due_usec >= sim->events[(i - 1) % SIM_EVENTS].due_usec);
	sim->faults.event_delay_usec = 0;
	emit(1);
	net_drain(net);
	assert_true(n_events < 4);

	/* Their time has come. */
	for (uint64_t i = sim->events_shown; i < sim->events_written; i++)
		sim->events[i % SIM_EVENTS].due_usec = 0;
	net_drain(net);
	assert_int_equal(n_events, 4);
	assert_int_equal(n_lost, 0);
}

static void test_dead_worker(void **state)
{
	KmodConsent force = { .force = true };
	pid_t pid;
	int status;

	(void)state;
	sim->faults.die = 1000;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(kmod_cell_load(-1, "cell1", &force, NULL, 0));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

	/* The others go on. */
	sim->faults.die = 0;
	assert_int_equal(kmod_cell_load(-1, "cell1", &force, NULL, 0), 0);
}

/** A worker that is killed in the middle of a call has changed something: the trace tells of it as its own. */
static void test_untold_change(void **state)
{
	_cleanup_free_ char *path = sim_path("trace"), *wanted = NULL;
	_cleanup_fclose_ FILE *file = fopen(path, "w+e");
	char line[256];
	pid_t pid;

	(void)state;
	assert_non_null(file);
	pid = fork();
	if (pid == 0) {
		sim_lock(sim);
		sim_change(sim, "start", "cell1");
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	sim_lock(sim);
	sim_unlock(sim);
	assert_true(asprintf(&wanted, "\"pid\":%d}", (int)pid) > 0);
	assert_non_null(fgets(line, sizeof(line), file));
	assert_non_null(strstr(line, "\"what\":\"start\",\"cell\":\"cell1\",\"value\":0"));
	assert_non_null(strstr(line, wanted));
	assert_null(fgets(line, sizeof(line), file));
	(void)unlink(path);
}

static void test_fates(void **state)
{
	SimCell *c = &sim->cells[1];
	unsigned seen = 0;

	(void)state;
	sim->faults.misbehave = 1000;
	for (unsigned i = 0; i < 200; i++) {
		sim_draw_fate(sim, c);
		assert_in_range(c->fate, SIM_FATE_LIVE + 1, SIM_FATE_MAX - 1);
		seen |= 1U << c->fate;
		c->kernel.state = KERNEL_RUNNING;
		sim_fulfil(sim, c, 0);
		assert_int_equal(c->fate, SIM_FATE_LIVE);
	}
	assert_int_equal(seen, (1U << SIM_FATE_MAX) - 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_faults_repeat, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_chances, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_events, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lost_events, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_late_events, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_dead_worker, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_untold_change, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fates, set_up, tear_down),
	};
	_cleanup_free_ char *command = NULL;
	int failed;

	if (!mkdtemp(folder))
		return EXIT_FAILURE;
	setenv(SIM_FOLDER, folder, 1);
	sim = sim_open();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (asprintf(&command, "rm -rf %s", folder) > 0 && system(command) != 0)
		return EXIT_FAILURE;
	return failed;
}
