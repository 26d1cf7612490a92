/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Heartbeats: sampling the block that a cell writes, and judging its silence.
 */
#include "comm.h"
#include "heartbeat.h"

#define PROMISE_MIN_USEC                                                                             \
	(10 * USEC_PER_MSEC) /**< shorter promises are not believed: they would only keep celld busy \
			      */
#define PROMISE_MAX_USEC (3600 * USEC_PER_SEC)
#define STEP_MIN_USEC USEC_PER_MSEC
#define DISCOVER_USEC USEC_PER_SEC /**< pace of looking whether a cell of which nothing is expected takes part */
#define QUIET_SAMPLES 3		   /**< at least so many looks without a change before a cell is lost */

static const char *const cell_health_table[CELL_HEALTH_MAX] = {
	[CELL_HEALTH_NONE] = "none",
	[CELL_HEALTH_OK] = "ok",
	[CELL_HEALTH_LATE] = "late",
	[CELL_HEALTH_LOST] = "lost",
};
DEFINE_STRING_TABLE(cell_health, CellHealth)

/** copy_text - printable ASCII up to the first NUL; anything else becomes '?' */
static void copy_text(char *to, size_t to_bytes, const volatile char *from, size_t from_bytes)
{
	size_t i;

	for (i = 0; i < from_bytes && i + 1 < to_bytes; i++) {
		char c = from[i];

		if (!c)
			break;
		to[i] = c >= ' ' && c <= '~' ? c : '?';
	}
	to[i] = '\0';
}

void heartbeat_sample(const void *comm_page, HeartbeatSample *ret)
{
	const volatile struct cell_heartbeat *block =
		(const volatile struct cell_heartbeat *)((const char *)comm_page + CELL_HEARTBEAT_OFFSET);
	uint32_t interval_ms;

	*ret = (HeartbeatSample){ 0 };
	if (block->magic != CELL_HEARTBEAT_MAGIC)
		return;

	ret->present = true;
	ret->counter = block->counter;
	ret->status = block->status;
	interval_ms = block->interval_ms;
	if (interval_ms > 0)
		ret->promised_usec = MIN(MAX(interval_ms * USEC_PER_MSEC, PROMISE_MIN_USEC), PROMISE_MAX_USEC);
	copy_text(ret->text, sizeof(ret->text), block->text, sizeof(block->text));
}

void heartbeat_start(Heartbeat *hb, uint64_t now_usec)
{
	*hb = (Heartbeat){ .start_usec = now_usec, .silent_usec = now_usec, .sample_usec = now_usec };
}

uint64_t heartbeat_interval(const Heartbeat *hb, const SupervisionPolicy *policy)
{
	if (policy->heartbeat_interval_usec > 0)
		return policy->heartbeat_interval_usec;
	if (hb->promised_usec > 0)
		return hb->promised_usec;
	return policy->heartbeat_timeout_usec == USEC_INFINITY ? 0 : policy->heartbeat_timeout_usec / 4;
}

/** current_timeout - silence that is a failure at present; 0: none is */
static uint64_t current_timeout(const Heartbeat *hb, const SupervisionPolicy *policy)
{
	if (policy->heartbeat_timeout_usec == 0)
		return 0;
	if (hb->last_usec == 0)
		return policy->startup_timeout_usec;
	return policy->heartbeat_timeout_usec;
}

/** sample_step - time between two looks */
static uint64_t sample_step(const Heartbeat *hb, const SupervisionPolicy *policy)
{
	uint64_t step = heartbeat_interval(hb, policy), timeout = current_timeout(hb, policy);

	if (timeout > 0 && timeout != USEC_INFINITY)
		step = MIN(step, timeout / 4);
	if (step == 0)
		step = DISCOVER_USEC;
	return MAX(step, STEP_MIN_USEC);
}

/** was_gap - did celld look away for so long that it cannot tell anything of the time in between? */
static bool was_gap(const Heartbeat *hb, const SupervisionPolicy *policy, uint64_t now_usec)
{
	uint64_t timeout = current_timeout(hb, policy), step = sample_step(hb, policy);

	return now_usec - hb->sample_usec > MAX(timeout / 2, 2 * step);
}

/** take_in - a sample's news. Return: was it a beat? */
static bool take_in(Heartbeat *hb, const HeartbeatSample *sample, uint64_t now_usec)
{
	if (!sample->present)
		return false;
	hb->promised_usec = sample->promised_usec;
	if (hb->present && sample->counter == hb->counter)
		return false;
	/* The page was zeroed at the start: a cell that takes part but still counts 0 has not beaten yet. */
	if (!hb->present && sample->counter == 0) {
		hb->present = true;
		return false;
	}

	hb->present = true;
	hb->counter = sample->counter;
	hb->beats++;
	hb->last_usec = now_usec;
	hb->silent_usec = now_usec;
	hb->quiet_samples = 0;
	return true;
}

CellHealth heartbeat_judge(Heartbeat *hb, const SupervisionPolicy *policy, const HeartbeatSample *sample,
			   uint64_t now_usec)
{
	bool gap = was_gap(hb, policy, now_usec);
	uint64_t timeout, silence;

	hb->sample_usec = now_usec;
	if (take_in(hb, sample, now_usec))
		return CELL_HEALTH_OK;

	if (gap) {
		hb->silent_usec = now_usec;
		hb->quiet_samples = 0;
	} else {
		hb->quiet_samples++;
	}

	timeout = current_timeout(hb, policy);
	silence = now_usec - hb->silent_usec;
	if (timeout > 0 && silence >= timeout && hb->quiet_samples >= QUIET_SAMPLES)
		return CELL_HEALTH_LOST;
	if (hb->last_usec == 0)
		return CELL_HEALTH_NONE;
	/* Late is worth a word only if it may end badly. */
	return silence > MAX(2 * heartbeat_interval(hb, policy), timeout / 2) ? CELL_HEALTH_LATE : CELL_HEALTH_OK;
}

uint64_t heartbeat_next(const Heartbeat *hb, const SupervisionPolicy *policy)
{
	uint64_t step = sample_step(hb, policy), timeout = current_timeout(hb, policy), next;

	next = hb->sample_usec + step;
	/* Look exactly when the time is up, not up to a step later. */
	if (timeout > 0 && timeout < USEC_INFINITY - hb->silent_usec && hb->silent_usec + timeout > hb->sample_usec)
		next = MIN(next, hb->silent_usec + timeout);
	return next;
}
