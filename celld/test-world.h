/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A world for tests of whole histories of cells: a folder with their configurations, a pretended kernel and its
 * inmates, and a manager on top, without a bus. Two cells are defined: rtos, and other, which is always restarted.
 */
#ifndef CELLD_TEST_WORLD_H
#define CELLD_TEST_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "action.h"
#include "cell-error.h"
#include "clock.h"
#include "log.h"
#include "manager.h"
#include "sim/sim.h"

#define PATIENCE_USEC (30 * USEC_PER_SEC)

/** Beginning of a policy that restarts at once. */
#define FAST "\"RestartUSec\": \"1ms\", \"RestartMaxUSec\": \"1ms\", \"StartLimitIntervalUSec\": \"1h\", "

extern char folder[];
extern sd_event *event;
extern Manager *manager;
extern Sim *sim;
extern bool beating; /**< inmates do */

/* What the manager has told since set_up(). */
extern unsigned n_failed, n_restart_scheduled, n_heartbeat_lost, n_reboots, n_starting;
extern CellResult last_failed;
extern char last_words[1024];

/** wait_until - turn the loop until it holds */
#define wait_until(condition)                                                      \
	do {                                                                       \
		uint64_t _end_ = clock_monotonic() + PATIENCE_USEC;                \
		while (!(condition)) {                                             \
			assert_true(clock_monotonic() < _end_);                    \
			assert_true(sd_event_run(event, 10 * USEC_PER_MSEC) >= 0); \
		}                                                                  \
	} while (false)

/** Outcome of an action. */
typedef struct Outcome {
	bool done;
	int error;
	char text[256];
} Outcome;

/** make_world, end_world - for the group of tests */
int make_world(void **state);
int end_world(void **state);

/** set_up, tear_down - for each test: history() */
int set_up(void **state);
int tear_down(void **state);

/** write_cell - a file of the configuration; @supervision: members of that object */
void write_cell(const char *name, const char *cpus, const char *supervision);
/** write_fallback - a cell that falls back after two failures in a row */
void write_fallback(void);
/** remove_cell - its file */
void remove_cell(const char *name);

void start_manager(void);
/** kill_manager - as if celld had died and come back */
void kill_manager(void);
/** set_state_directory - celld keeps things there again */
void set_state_directory(void);

/** cell - one that must be there */
Cell *cell(const char *name);
bool is_idle(const Cell *c, CellState state);

/** on_done - for an action, with an Outcome */
void on_done(Cell *c, int error, const char *text, void *userdata);
/** start - by hand, and wait; @error: what it comes to */
void start(const char *name, int error);
void stop(const char *name, JobConsent consent, int error);

/** kernel_cell - one that must be created */
SimCell *kernel_cell(const char *name);
/** park - its CPU does something forbidden */
void park(const char *name);
/** say - the state word that it writes */
void say(const char *name, KernelState word);

#define history(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

/** run_histories - of an array of tests; Return: exit status */
#define run_histories(tests)                                                   \
	(log_set_max_level(getenv("CELLD_LOG_LEVEL") ? LOG_DEBUG : LOG_EMERG), \
	 cmocka_run_group_tests(tests, make_world, end_world))

#endif
