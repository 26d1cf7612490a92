/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Restart policy: who is started again after which result, how often and how soon.
 */
#include "supervise.h"

#define QUIET_DELAYS 10 /**< a run of so many of the longest delays counts as a good one */

static const char *const cell_result_table[CELL_RESULT_MAX] = {
	[CELL_RESULT_SUCCESS] = "success",
	[CELL_RESULT_HEARTBEAT_TIMEOUT] = "heartbeat-timeout",
	[CELL_RESULT_CELL_FAILED] = "cell-failed",
	[CELL_RESULT_CPU_FAILED] = "cpu-failed",
	[CELL_RESULT_COMM_REVISION] = "comm-revision",
	[CELL_RESULT_CONFIG] = "config",
	[CELL_RESULT_LOAD_FAILED] = "load-failed",
	[CELL_RESULT_SHUTDOWN_DENIED] = "shutdown-denied",
	[CELL_RESULT_START_LIMIT_HIT] = "start-limit-hit",
	[CELL_RESULT_TIMEOUT] = "timeout",
};
DEFINE_STRING_TABLE(cell_result, CellResult)

int cell_result_to_exit_status(CellResult result)
{
	switch (result) {
	case CELL_RESULT_SUCCESS:
		return EXIT_SUCCESS;
	case CELL_RESULT_HEARTBEAT_TIMEOUT:
		return CELL_EXIT_HEARTBEAT;
	case CELL_RESULT_CELL_FAILED:
		return CELL_EXIT_CELL_FAILED;
	case CELL_RESULT_START_LIMIT_HIT:
		return CELL_EXIT_START_LIMIT;
	case CELL_RESULT_CPU_FAILED:
		return CELL_EXIT_CPU_FAILED;
	case CELL_RESULT_CONFIG:
	case CELL_RESULT_LOAD_FAILED:
	case CELL_RESULT_COMM_REVISION:
		return CELL_EXIT_CONFIG;
	default:
		return EXIT_FAILURE;
	}
}

bool supervise_wants_restart(RestartPolicy policy, CellResult result)
{
	/* The same file and image would end the same way. */
	if (result == CELL_RESULT_CONFIG || result == CELL_RESULT_START_LIMIT_HIT)
		return false;

	switch (policy) {
	case RESTART_ALWAYS:
		return true;
	case RESTART_ON_FAILURE:
		return result != CELL_RESULT_SUCCESS;
	case RESTART_ON_WATCHDOG:
		return result == CELL_RESULT_HEARTBEAT_TIMEOUT;
	default:
		return false;
	}
}

static uint64_t add_usec(uint64_t a, uint64_t b)
{
	return a > USEC_INFINITY - b ? USEC_INFINITY : a + b;
}

static uint64_t multiply_usec(uint64_t a, uint64_t n)
{
	return a > USEC_INFINITY / n ? USEC_INFINITY : a * n;
}

/** in_window - does a start at @at_usec count with those of the current window? */
static bool in_window(const SuperviseState *s, const SupervisionPolicy *policy, uint64_t at_usec)
{
	return s->window_usec > 0 && at_usec - s->window_usec < policy->start_limit_interval_usec;
}

void supervise_started(SuperviseState *s, const SupervisionPolicy *policy, uint64_t now_usec)
{
	if (!in_window(s, policy, now_usec)) {
		s->window_usec = now_usec;
		s->window_starts = 0;
	}
	s->window_starts++;
	s->running_usec = now_usec;
}

static bool was_quiet(const SuperviseState *s, const SupervisionPolicy *policy, uint64_t now_usec)
{
	uint64_t quiet = MAX(policy->start_limit_interval_usec,
			     multiply_usec(MAX(policy->restart_usec, policy->restart_max_usec), QUIET_DELAYS));

	return s->running_usec > 0 && now_usec - s->running_usec >= quiet;
}

uint64_t supervise_jitter(uint64_t delay_usec, uint32_t random)
{
	/* In halves, as the product may have 96 bits. */
	uint64_t most = delay_usec / 8;

	return delay_usec - ((most >> 32) * random + ((most & UINT32_MAX) * random >> 32));
}

SuperviseDecision supervise_ended(SuperviseState *s, const SupervisionPolicy *policy, CellResult result,
				  uint64_t now_usec, uint32_t random, uint64_t *ret_delay_usec)
{
	uint64_t delay;

	if (was_quiet(s, policy, now_usec))
		s->attempt = s->failures = 0;
	s->failures = result == CELL_RESULT_SUCCESS ? 0 : s->failures + 1;
	s->running_usec = 0;

	if (!supervise_wants_restart(policy->restart, result))
		return SUPERVISE_END;

	delay = supervise_jitter(supervision_restart_delay(policy, s->attempt), random);
	if (policy->start_limit_interval_usec > 0 && s->window_starts >= policy->start_limit_burst &&
	    in_window(s, policy, add_usec(now_usec, delay)))
		return SUPERVISE_LIMIT_HIT;

	s->attempt++;
	*ret_delay_usec = delay;
	return SUPERVISE_RESTART;
}

bool supervise_wants_fallback(const SuperviseState *s, const SupervisionPolicy *policy)
{
	return policy->fallback_after_failures > 0 && s->failures >= policy->fallback_after_failures;
}

void supervise_reset(SuperviseState *s)
{
	*s = (SuperviseState){ 0 };
}
