/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A cell as celld sees it: its state machine and everything that its bus object shows.
 *
 * cell_set_state() is the only writer of the state. It refuses what the transition table does not allow, stamps the
 * time and tells the observer. Who acts on states is elsewhere: action.c starts and stops, watch.c listens, lease.c
 * answers supervisors.
 */
#ifndef CELLD_CELL_H
#define CELLD_CELL_H

#include <sys/types.h>
#include <systemd/sd-event.h>

#include "config.h"
#include "heartbeat.h"
#include "kernel-cell.h"
#include "supervise.h"

typedef enum CellState {
	CELL_DEFINED,  /**< known, holds nothing */
	CELL_CREATED,  /**< holds its resources, does not run */
	CELL_STARTING, /**< celld is making it run */
	CELL_RUNNING,
	CELL_STOPPING,	 /**< celld is taking its resources back */
	CELL_RESTARTING, /**< waits for its next start */
	CELL_FAILED,	 /**< failed, and nobody starts it again by itself; .result says why */
	CELL_STATE_COUNT,
	CELL_STATE_INVALID = -EINVAL,
} CellState;

DECLARE_STRING_TABLE(cell_state, CellState);

/** Who decides when the cell stops by itself. */
typedef enum CellSupervisor {
	CELL_SUPERVISOR_NONE,  /**< nobody: it runs on as it is */
	CELL_SUPERVISOR_CELLD, /**< celld by its policy, started without a unit */
	CELL_SUPERVISOR_UNIT,  /**< celld by its policy, on behalf of a lease holder */
	CELL_SUPERVISOR_MAX,
	CELL_SUPERVISOR_INVALID = -EINVAL,
} CellSupervisor;

DECLARE_STRING_TABLE(cell_supervisor, CellSupervisor);

typedef enum CellOperation {
	CELL_OPERATION_NONE,
	CELL_OPERATION_CREATE,
	CELL_OPERATION_START,
	CELL_OPERATION_RESTART,
	CELL_OPERATION_STOP,
	CELL_OPERATION_MAX,
	CELL_OPERATION_INVALID = -EINVAL,
} CellOperation;

DECLARE_STRING_TABLE(cell_operation, CellOperation);

/** Groups of properties that change together; what the observer is told. */
enum {
	CELL_CHANGED_STATE = 1 << 0, /**< State and its time stamps */
	CELL_CHANGED_HEALTH = 1 << 1,
	CELL_CHANGED_RESULT = 1 << 2,
	CELL_CHANGED_KERNEL = 1 << 3, /**< Id, HypervisorCellState, CPUs, FailedCPUs, Locked */
	CELL_CHANGED_OPERATION = 1 << 4,
	CELL_CHANGED_SUPERVISOR = 1 << 5,
	CELL_CHANGED_CONFIG = 1 << 6, /**< what comes from the file */
	CELL_CHANGED_RESTARTS = 1 << 7,
	CELL_CHANGED_NEXT_RESTART = 1 << 8,
	CELL_CHANGED_FALLBACK = 1 << 9,
};

typedef struct Cell Cell;
typedef struct CellJob CellJob;
typedef struct CellLease CellLease;
typedef struct CellWatch CellWatch;
typedef struct CellConsole CellConsole;
typedef struct CellRestart CellRestart;

#define CELL_REGISTERS_BYTES 640

/** What the failure was, as far as the hypervisor told. */
typedef struct CellFault {
	bool known;
	uint32_t cpu;
	uint64_t address; /**< memory, port or MSR number: see cause */
	bool has_address;
	uint64_t time_usec; /**< CLOCK_MONOTONIC: when it happened, 0: not told */
	char cause[32];
	char text[256];
	char registers[CELL_REGISTERS_BYTES]; /**< of that CPU, "" if not known: not for everybody */
} CellFault;

/**
 * What a cell needs of its surroundings, and whom it tells. Any function may be NULL.
 *
 * The first four come in the middle of things: they must not act on the cell at once.
 */
typedef struct CellHost {
	sd_event *event;
	const char *console_dir; /**< where consoles outlive this process, or NULL */

	void (*changed)(Cell *cell, unsigned changed, void *userdata);
	void (*failed)(Cell *cell, CellResult result, void *userdata);
	void (*restart_scheduled)(Cell *cell, unsigned attempt, uint64_t delay_usec, void *userdata);
	void (*heartbeat_lost)(Cell *cell, uint64_t last_usec, void *userdata);

	void (*drain)(void *userdata);			      /**< take in the kernel's events that are there already */
	void (*told)(const KernelInfo *info, void *userdata); /**< newest word on the hypervisor; NULL: look again */
	void (*refresh)(Cell *cell, void *userdata);	      /**< read its configuration again if it has changed */
	void (*reboot)(Cell *cell, void *userdata);	      /**< what OnFailure=reboot asks for */
	void (*locked_out)(void *userdata); /**< the device is there, but this process may not open it */
	void *userdata;
} CellHost;

/** Stamps of the files that a cell was made from; 0: not known. */
typedef struct CellSource {
	uint64_t config; /**< when it was created */
	uint64_t images; /**< when it was loaded */
} CellSource;

struct Cell {
	const CellHost *host; /**< not owned, outlives the cell */

	char *name;
	CellConfig *config;    /**< NULL: no (valid) file */
	char *config_error;    /**< why there is no valid configuration although there is a file */
	uint64_t config_stamp; /**< changes with the file; 0: none */
	CellSource source;     /**< of the created cell */

	CellState state;
	CellHealth health;
	CellResult result; /**< of the last run */
	CellSupervisor supervisor;
	pid_t supervisor_pid; /**< lease holder, 0: none or not known */
	CellOperation operation;
	uint64_t state_realtime_usec;
	uint64_t state_monotonic_usec;

	KernelCell kernel;   /**< newest known, .id < 0: not created */
	uint64_t kernel_seq; /**< events up to this one are in .kernel */
	uint64_t loaded_seq; /**< event with which it was last made loadable or started */
	CellFault fault;     /**< of the last failure; forgotten at start */
	char *last_words;    /**< what it printed before that, clean text of at most 1 KiB, or NULL */
	int last_error;	     /**< of the last action, -CELL_E* or 0 */
	char *last_text;     /**< sentence on it, or NULL */
	bool no_restart;     /**< the supervisor wants to decide itself: as with Restart=no */
	bool left_by_unit;   /**< was supervised on behalf of its unit, which may come back or be stopped */
	bool interrupted;    /**< celld died when it was starting the cell; it is failed until somebody is in charge */

	unsigned n_restarts;	    /**< automatic ones since somebody started it by hand */
	SuperviseState policy;	    /**< backoff and start limit */
	bool fallback;		    /**< what was loaded last, or is being loaded, is the fallback program */
	uint64_t next_restart_usec; /**< CLOCK_MONOTONIC; 0: none is scheduled */
	Heartbeat heartbeat;
	const void *comm; /**< communication page, or NULL */

	/* Owned by the file of that name. */
	CellJob *job;
	CellLease *lease;
	CellWatch *watch;
	CellConsole *console;
	CellRestart *restart;

	unsigned pending; /**< CELL_CHANGED_* marked, not told yet */
};

int cell_new(const char *name, const CellHost *host, Cell **ret);
Cell *cell_free(Cell *cell);
DEFINE_CLEANUP(Cell *, cell_free)
#define _cleanup_cell_ _cleanup_(cell_freep)

/** cell_may_enter - does the life cycle allow @state from here? A state may always be entered again. */
bool cell_may_enter(const Cell *cell, CellState state);

/**
 * cell_set_state - change the state, the only function that does
 *
 * Logs, stamps and tells the observer, together with all marked changes. Return: 0; -EPERM if not allowed from here
 * (the state stays).
 */
int cell_set_state(Cell *cell, CellState state);

/** cell_adopt_state - state of a cell that existed before celld did: any is allowed, nothing is logged */
void cell_adopt_state(Cell *cell, CellState state);

void cell_set_health(Cell *cell, CellHealth health);
void cell_set_result(Cell *cell, CellResult result);

/** cell_end_run - the run is over with @result: show it, and tell those who wait for failures if it is one */
void cell_end_run(Cell *cell, CellResult result);
void cell_set_operation(Cell *cell, CellOperation operation);
void cell_set_fallback(Cell *cell, bool fallback);
void cell_set_supervisor(Cell *cell, CellSupervisor supervisor);

/** cell_set_kernel - what the kernel says of the cell; NULL: it is not created */
void cell_set_kernel(Cell *cell, const KernelCell *kernel);

/** cell_forget_failure - forget what was known of it, as a new run begins */
void cell_forget_failure(Cell *cell);

/** cell_mark - remember changes for the next cell_flush() or cell_set_state() */
void cell_mark(Cell *cell, unsigned changed);
void cell_flush(Cell *cell);

/** cell_note_error - how the last action ended, for those who only hear of its consequences */
void cell_note_error(Cell *cell, int error, const char *text);

/** cell_is_created - does it hold resources, as far as known? */
static inline bool cell_is_created(const Cell *cell)
{
	return cell->kernel.id >= 0;
}

/** cell_is_supervised - is somebody's policy in charge? */
static inline bool cell_is_supervised(const Cell *cell)
{
	return cell->supervisor != CELL_SUPERVISOR_NONE;
}

/** What the kernel's view of a cell that celld takes for running means. */
typedef enum CellVerdict {
	CELL_VERDICT_OK,
	CELL_VERDICT_GONE,	/**< destroyed by somebody else */
	CELL_VERDICT_SHUT_DOWN, /**< by itself, or set loadable by somebody else */
	CELL_VERDICT_FAILED,	/**< see the result */
} CellVerdict;

/**
 * cell_judge - compare what should be (running) with what the kernel tells
 * @ret_result: cell-failed, cpu-failed or comm-revision with CELL_VERDICT_FAILED, success otherwise
 */
CellVerdict cell_judge(const KernelCell *kernel, CellResult *ret_result);

/** cell_policy - from the file, or the defaults */
const SupervisionPolicy *cell_policy(const Cell *cell);

#endif
