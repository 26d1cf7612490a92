/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzzes the judgement on heartbeats: a hostile cell scribbles over its block while time passes in any steps. It is
 * lost only after the whole silence that its policy allows, watched at work; and a cell that falls silent is found
 * lost.
 *
 * Input: struct policy_input, then any number of struct look_input. The policies are those that the checker lets pass.
 */
#include <assert.h>

#include "comm.h"
#include "heartbeat.h"

#define LOOKS_MAX 2000		     /**< a policy that needs more of them to find a loss is not tried to the end */
#define TIME_MAX (USEC_INFINITY / 4) /**< nor is one that needs longer */

struct policy_input {
	uint64_t interval_usec, timeout_usec, startup_usec;
	uint64_t now_usec;
} __attribute__((packed));

struct look_input {
	uint8_t change;	     /**< what the cell does to its block: low bits say where, see scribble() */
	uint8_t value[8];    /**< and what it writes there */
	uint32_t later_usec; /**< how much later than planned celld looks */
} __attribute__((packed));

/** A cell under watch, and what must be true of it. */
typedef struct Watched {
	uint8_t *page;
	SupervisionPolicy policy;
	Heartbeat heartbeat;
	uint64_t now_usec;
	bool has_beaten;
	uint64_t quiet_since_usec; /**< look that saw the last beat, or the start */
} Watched;

static CellConfig *base;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(_unused_ int *argc, _unused_ char ***argv)
{
	_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;

	assert(cell_config_load_file(CONFIGS_DIR "/qemu-q35/cells/rtos.json", &problems, &base) == 0);
	return 0;
}

/** take_policy - Return: would the checker accept it? */
static bool take_policy(const struct policy_input *in, SupervisionPolicy *ret)
{
	_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
	CellConfig cell = *base;

	cell.supervision.heartbeat_interval_usec = in->interval_usec;
	cell.supervision.heartbeat_timeout_usec = in->timeout_usec;
	cell.supervision.startup_timeout_usec = in->startup_usec;
	*ret = cell.supervision;
	return config_check_cell(&cell, NULL, &problems) == 0;
}

/** scribble - let the cell change its block */
static void scribble(uint8_t *page, const struct look_input *in)
{
	struct cell_heartbeat *block = (struct cell_heartbeat *)(page + CELL_HEARTBEAT_OFFSET);
	uint64_t value;

	memcpy(&value, in->value, sizeof(value));
	switch (in->change % 8) {
	case 0:
		block->magic = CELL_HEARTBEAT_MAGIC;
		break;
	case 1:
		block->magic = (uint32_t)value;
		break;
	case 2:
		block->counter++;
		break;
	case 3:
		block->counter = value;
		break;
	case 4:
		block->interval_ms = (uint32_t)value;
		break;
	case 5:
		memcpy(block->text + in->change / 8 % 13 * 8, in->value, sizeof(in->value));
		break;
	case 6:
		memset(page, (int)value, 4096);
		break;
	default:
		break;
	}
}

static void assert_sample(const HeartbeatSample *sample)
{
	size_t n = strnlen(sample->text, sizeof(sample->text));

	assert(n < sizeof(sample->text));
	for (size_t i = 0; i < n; i++)
		assert(sample->text[i] >= ' ' && sample->text[i] <= '~');
	assert(sample->promised_usec == 0 ||
	       (sample->promised_usec >= 10 * USEC_PER_MSEC && sample->promised_usec <= 3600 * USEC_PER_SEC));
}

/** silence_allowed - 0: any */
static uint64_t silence_allowed(const Watched *w)
{
	if (w->policy.heartbeat_timeout_usec == 0)
		return 0;
	return w->has_beaten ? w->policy.heartbeat_timeout_usec : w->policy.startup_timeout_usec;
}

/** look - judge once, now. Return: is the cell lost? */
static bool look(Watched *w)
{
	uint64_t allowed = silence_allowed(w), beats = w->heartbeat.beats, next;
	HeartbeatSample sample;
	CellHealth health;

	heartbeat_sample(w->page, &sample);
	assert_sample(&sample);
	health = heartbeat_judge(&w->heartbeat, &w->policy, &sample, w->now_usec);
	assert(cell_health_to_string(health));
	if (w->heartbeat.beats > beats) {
		w->has_beaten = true;
		w->quiet_since_usec = w->now_usec;
		assert(health == CELL_HEALTH_OK);
	}
	if (health == CELL_HEALTH_LOST) {
		assert(allowed > 0);
		assert(w->now_usec - w->quiet_since_usec >= allowed);
	}

	/* Otherwise celld would spin. */
	next = heartbeat_next(&w->heartbeat, &w->policy);
	assert(next > w->now_usec);
	return health == CELL_HEALTH_LOST;
}

/** assert_found - a cell that does nothing any more is lost soon after the silence that is allowed */
static void assert_found(Watched *w)
{
	uint64_t allowed = silence_allowed(w), since = w->now_usec;
	bool lost = false;
	unsigned n;

	for (n = 0; n < LOOKS_MAX && !lost; n++) {
		w->now_usec = heartbeat_next(&w->heartbeat, &w->policy);
		if (w->now_usec > TIME_MAX)
			return;
		lost = look(w);
		/* That look may have found a beat that nobody had seen yet. */
		if (n == 0) {
			allowed = silence_allowed(w);
			since = w->now_usec;
		}
	}
	assert(lost == (allowed > 0 && allowed < USEC_INFINITY) || n == LOOKS_MAX);
	assert(!lost || w->now_usec - since <= allowed + 10 * USEC_PER_MSEC);
}

static void run(const uint8_t *data, size_t size, Watched *w)
{
	struct look_input in;

	for (; size >= sizeof(in); data += sizeof(in), size -= sizeof(in)) {
		memcpy(&in, data, sizeof(in));
		scribble(w->page, &in);
		w->now_usec = heartbeat_next(&w->heartbeat, &w->policy);
		if (w->now_usec > TIME_MAX)
			return;
		w->now_usec += in.later_usec;
		if (look(w))
			return;
	}
	assert_found(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy_input in;
	Watched w = { 0 };

	if (size < sizeof(in))
		return 0;
	memcpy(&in, data, sizeof(in));
	if (!take_policy(&in, &w.policy))
		return 0;
	w.page = calloc(1, 4096);
	assert(w.page);
	w.now_usec = w.quiet_since_usec = in.now_usec % (365 * 24 * 3600 * USEC_PER_SEC) + 1;
	heartbeat_start(&w.heartbeat, w.now_usec);
	run(data + sizeof(in), size - sizeof(in), &w);
	free(w.page);
	return 0;
}
