/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs the inmate "fuzz" with one seed after the other, for some time: TAP on the output.
 *
 *	stream BLOB IMAGE SECONDS SEED
 *
 * Whatever the cell does is good, as long as it can be started again, the hypervisor tells why it parked the CPU, and
 * has the same pages in use.
 */
#include <inttypes.h>

#include "inmate-cell.h"

#define HANG_SEC 0.3 /* without a sign of life from the cell */
#define PAGES_FILE "/sys/devices/jailhouse/mem_pool_used"
#define STEPS 200

typedef enum Outcome { PARKED, ENDED, HUNG, OUTCOME_MAX } Outcome;

static const char *const outcome_names[] = { "parked", "ended", "hung" };

typedef struct Stream {
	uint64_t seed;
	bool begun, ended;
} Stream;

static void take_line(const char *text, void *userdata)
{
	Stream *s = userdata;
	uint64_t seed;

	s->begun |= sscanf(text, "begin %" SCNu64, &seed) == 1 && seed == s->seed;
	s->ended |= sscanf(text, "end %" SCNu64, &seed) == 1 && seed == s->seed;
}

static char *pages_used(void)
{
	size_t bytes;

	return read_file(PAGES_FILE, &bytes);
}

static Outcome run_one(InmateCell *c, Stream *s)
{
	double end = seconds() + HANG_SEC;
	char line[64];

	s->begun = s->ended = false;
	snprintf(line, sizeof(line), "seed=%" PRIu64 " steps=%u", s->seed, STEPS);
	inmate_cell_restart(c, line);
	while (!inmate_cell_failed(c) && !s->ended && (seconds() < end || !s->begun)) {
		inmate_cell_wait(c);
		check(seconds() < end + 20 ? 0 : -ETIMEDOUT, "see the cell begin");
	}
	if (inmate_cell_failed(c))
		return PARKED;
	return s->ended ? ENDED : HUNG;
}

/* Is all as it was? */
static bool judge(InmateCell *c, const Stream *s, Outcome outcome, const char *pages)
{
	_cleanup_free_ char *now = pages_used();

	if (!streq(now, pages))
		printf("# seed %" PRIu64 ": pages in use: %s", s->seed, now);
	else if (outcome == PARKED && !inmate_cell_parked(c))
		printf("# seed %" PRIu64 ": all CPUs have failed, and nobody tells why\n", s->seed);
	else
		return true;
	return false;
}

int main(int argc, char **argv)
{
	unsigned counts[OUTCOME_MAX] = { 0 }, bad = 0;
	Stream s = { 0 };
	_cleanup_free_ char *pages = NULL;
	uint64_t first;
	double end;
	InmateCell *c;

	if (argc != 5) {
		fprintf(stderr, "usage: stream BLOB IMAGE SECONDS SEED\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	c = inmate_cell_new(argv[1], argv[2], take_line, &s);
	pages = pages_used();
	end = seconds() + strtod(argv[3], NULL);
	first = strtoull(argv[4], NULL, 10);
	for (s.seed = first; seconds() < end; s.seed++) {
		Outcome outcome = run_one(c, &s);

		counts[outcome]++;
		bad += !judge(c, &s, outcome, pages);
	}
	inmate_cell_destroy(c);
	for (int i = 0; i < OUTCOME_MAX; i++)
		printf("# %u %s\n", counts[i], outcome_names[i]);
	printf("%s - streams of seeds %" PRIu64 " to %" PRIu64 "\n", bad ? "not ok" : "ok", first, s.seed - 1);
	return bad > 0;
}
