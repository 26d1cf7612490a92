/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Restart policy: given how a run ended, start again or not, and when. Pure functions of a policy and of
 * CLOCK_MONOTONIC times.
 */
#ifndef CELLD_SUPERVISE_H
#define CELLD_SUPERVISE_H

#include "config.h"

/** How a run ended. */
typedef enum CellResult {
	CELL_RESULT_SUCCESS, /**< shut itself down, was stopped, or has not ended */
	CELL_RESULT_HEARTBEAT_TIMEOUT,
	CELL_RESULT_CELL_FAILED,
	CELL_RESULT_CPU_FAILED,
	CELL_RESULT_COMM_REVISION,
	CELL_RESULT_CONFIG,
	CELL_RESULT_LOAD_FAILED,
	CELL_RESULT_SHUTDOWN_DENIED,
	CELL_RESULT_START_LIMIT_HIT,
	CELL_RESULT_TIMEOUT,
	CELL_RESULT_MAX,
	CELL_RESULT_INVALID = -EINVAL,
} CellResult;

DECLARE_STRING_TABLE(cell_result, CellResult);

/** Exit statuses of celld-run; the contract with cell@.service. */
enum {
	CELL_EXIT_HEARTBEAT = 150,
	CELL_EXIT_CELL_FAILED = 151,
	CELL_EXIT_START_LIMIT = 152,
	CELL_EXIT_CPU_FAILED = 153,
	CELL_EXIT_CONFIG = 154,
};

/** cell_result_to_exit_status - of celld-run when a cell has ended for good with @result */
int cell_result_to_exit_status(CellResult result);

/** Memory of the policy between restarts; all zero at first. */
typedef struct SuperviseState {
	unsigned attempt;	/**< restarts since the last quiet period: exponent of the delay */
	unsigned failures;	/**< failed runs in a row, since the last quiet period */
	uint64_t window_usec;	/**< start of the start limit's window, 0: none */
	unsigned window_starts; /**< starts in it */
	uint64_t running_usec;	/**< start of the current run, 0: none */
} SuperviseState;

typedef enum SuperviseDecision {
	SUPERVISE_RESTART,
	SUPERVISE_END,	     /**< the policy does not restart after this result */
	SUPERVISE_LIMIT_HIT, /**< it would, but not so often */
} SuperviseDecision;

/** supervise_wants_restart - does @policy restart after @result, limits apart? */
bool supervise_wants_restart(RestartPolicy policy, CellResult result);

/** supervise_started - a start, by hand or not: the cell runs since @now_usec */
void supervise_started(SuperviseState *s, const SupervisionPolicy *policy, uint64_t now_usec);

/**
 * supervise_ended - the run ended by itself with @result
 * @random: any number, better another one each time, so that cells that fail together are not started together
 * @ret_delay_usec: wait before the start, set for SUPERVISE_RESTART
 *
 * A run that lasted longer than the start limit's interval (at least ten of the longest delays) makes the delay start
 * from its smallest value again, and is the first failure of its row.
 */
SuperviseDecision supervise_ended(SuperviseState *s, const SupervisionPolicy *policy, CellResult result,
				  uint64_t now_usec, uint32_t random, uint64_t *ret_delay_usec);

/** supervise_wants_fallback - is the next start one of the fallback program? */
bool supervise_wants_fallback(const SuperviseState *s, const SupervisionPolicy *policy);

/** supervise_jitter - @delay_usec less up to an eighth of it; all of it for 0 as @random */
uint64_t supervise_jitter(uint64_t delay_usec, uint32_t random);

/** supervise_reset - somebody started the cell by hand, or reset it */
void supervise_reset(SuperviseState *s);

#endif
