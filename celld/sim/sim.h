/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pretended kernel module and hypervisor, for tests: state in a shared file, so that celld, the children that do its
 * work and the program that plays the hardware see the same.
 *
 * The folder $CELLD_SIM holds `state` (struct Sim), the socket `events`, which wakes celld up, and `trace` if one is
 * wanted. sim-state.c keeps the state, sim-kmod.c is behind kmod.h and sim-net.c behind net.h, sim-faults.c decides
 * what goes wrong, sim-loop.c measures celld's loop, sim-main.c is the program for tests.
 */
#ifndef CELLD_SIM_H
#define CELLD_SIM_H

#include <pthread.h>

#include "console-page.h"
#include "net.h"

#define SIM_FOLDER "CELLD_SIM"
#define SIM_CELLS 384
#define SIM_PAGE_BYTES 4096
#define SIM_EVENTS 256 /**< that wait for a reader; who is further behind has lost some */

/** How an inmate behaves. */
enum {
	SIM_SILENT = 1 << 0, /**< does not beat */
	SIM_DENY = 1 << 1,   /**< refuses to shut down */
	SIM_MUTE = 1 << 2,   /**< does not answer */
};

/** What becomes of one run of an inmate. */
typedef enum SimFate {
	SIM_FATE_LIVE,
	SIM_FATE_PARK,
	SIM_FATE_FAIL,
	SIM_FATE_SHUT_DOWN,
	SIM_FATE_MISMATCH,
	SIM_FATE_SILENT,
	SIM_FATE_DENY,
	SIM_FATE_MUTE,
	SIM_FATE_MAX,
} SimFate;

/**
 * Random faults; all zero: none. What happens to a cell at its n-th call follows from the seed, its name and n alone,
 * however the calls of several cells mix.
 */
typedef struct SimFaults {
	uint64_t seed;
	uint32_t fail;		   /**< calls that fail, of 1000 */
	uint32_t die;		   /**< calls in which the worker dies, before or after it is done, of 1000 */
	uint32_t lose;		   /**< events that are lost, of 1000 */
	uint32_t misbehave;	   /**< runs with another fate than SIM_FATE_LIVE, of 1000 */
	uint32_t delay_usec;	   /**< longest of a call */
	uint32_t event_delay_usec; /**< longest of an event behind its call; order is kept */
	uint32_t life_usec;	   /**< longest until a fate is fulfilled */
} SimFaults;

typedef struct SimCell {
	bool used;
	KernelCell kernel;
	unsigned behaviour; /**< SIM_*; outlives the cell, so that it can be set before */
	unsigned starts;
	char loaded[16]; /**< beginning of the first image of the last load */
	uint64_t random; /**< 0: not seeded yet */
	SimFate fate;
	uint64_t fate_usec; /**< when it is fulfilled */
	char name[KERNEL_CELL_NAME_BYTES];
} SimCell;

typedef struct SimEvent {
	NetEvent event;
	uint64_t due_usec;
	bool lost; /**< the reader only learns that there was something */
} SimEvent;

#define SIM_LOOP_BUCKETS 128
#define SIM_LOOP_BUCKET_USEC 100

/** Turns of celld's loop, see sim-loop.c. */
typedef struct SimLoop {
	uint64_t turns;
	uint64_t longest_usec;	       /**< CPU time */
	uint64_t longest_blocked_usec; /**< by the clock, less what was none of celld's business */
	uint64_t buckets[SIM_LOOP_BUCKETS];
} SimLoop;

/** A change of state that the trace does not tell of yet. */
typedef struct SimChange {
	char what[8]; /**< empty: there is none */
	char cell[KERNEL_CELL_NAME_BYTES];
	int pid;
} SimChange;

typedef struct Sim {
	uint8_t pages[SIM_CELLS][SIM_PAGE_BYTES]; /**< communication pages */
	struct cell_console_page consoles[SIM_CELLS];
	pthread_mutex_t lock;
	SimChange untold;
	bool present;
	bool enabled;
	uint64_t seq;
	unsigned delay_usec;   /**< of each ioctl */
	int next_error;	       /**< the next create, load or start fails with it, then it is 0 */
	unsigned seeing_looks; /**< so many snapshots work... */
	unsigned blind_looks;  /**< ...and then so many do not */
	char last_error[128];
	SimFaults faults;
	SimLoop loop;
	uint64_t events_written; /**< since ever */
	uint64_t events_shown;	 /**< of these; the others are not due yet */
	SimEvent events[SIM_EVENTS];
	SimCell cells[SIM_CELLS];
	uint32_t counters[KERNEL_CPU_MAX][KERNEL_COUNTERS];
} Sim;

/** sim_open - map the state, making it if it is not there */
Sim *sim_open(void);
void sim_lock(Sim *sim);
void sim_unlock(Sim *sim);

/** How long this process has waited for the lock, which no real kernel would make it do. */
extern uint64_t sim_lock_waited_nsec;

/** sim_path - of a file in the folder, allocated */
char *sim_path(const char *name);

/** sim_find - by name; NULL if it is not created */
SimCell *sim_find(Sim *sim, const char *name);

/** sim_emit - an event of a cell (NULL: of none) to whoever listens; under the lock */
void sim_emit(Sim *sim, NetEventType type, const SimCell *cell, const char *cause, uint64_t address);

/** sim_show_events - let the reader see the events that are due; under the lock */
void sim_show_events(Sim *sim);

/** sim_park - the CPUs of a cell did something forbidden; under the lock */
void sim_park(Sim *sim, SimCell *cell, const char *cause, uint64_t address);

/** sim_say - the cell's own word on its state; under the lock */
void sim_say(Sim *sim, SimCell *cell, KernelState state);

/** sim_print - the cell prints; under the lock */
void sim_print(Sim *sim, const SimCell *cell, const char *text);

/** sim_trace - add a line to the file `trace` if there is one, a JSON object; @cell may be NULL; under the lock */
void sim_trace(Sim *sim, const char *what, const char *cell, int value);

/**
 * sim_change - something is about to change, of which a sim_trace() will tell
 *
 * Should this process be killed before, the next one that takes the lock tells of it: no change of a kernel gets lost.
 * @cell: or NULL. Context: under the lock.
 */
void sim_change(Sim *sim, const char *what, const char *cell);

/* sim-faults.c; all under the lock */

/** sim_random - the next number of this cell's row below @limit; 0 for a limit of 0 */
uint64_t sim_random(Sim *sim, SimCell *cell, uint64_t limit);

/** sim_chance - does it happen, in @permille of 1000 cases? */
bool sim_chance(Sim *sim, SimCell *cell, uint32_t permille);

/** sim_draw_fate - of the run that begins */
void sim_draw_fate(Sim *sim, SimCell *cell);

/** sim_fulfil - what was drawn for the run, once its time has come */
void sim_fulfil(Sim *sim, SimCell *cell, uint64_t now_usec);

#endif
