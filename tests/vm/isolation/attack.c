/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs the inmate "isolation" in the test machine, attack by attack, and judges how each ends: TAP on the output.
 *
 *	attack BLOB IMAGE FAULTS
 *
 * The cell is created from a configuration blob, by the module's own interface, because a restart by celld would cost
 * ten times as much. What parked CPUs is also written to the file FAULTS, a line each: "CAUSE ADDRESS". An attack that
 * the inmate does not announce counts as failed, as does a violation that it did not announce.
 */
#include <inttypes.h>
#include <stdarg.h>

#include "inmate-cell.h"

#define PATIENCE_SEC 20
#define HANG_SEC 0.2 /* for which a CPU that hangs is watched */

typedef enum End { GOES_ON, FAULTS, PARKS, HANGS, END_MAX } End;

static const char *const end_names[] = { "goes-on", "faults", "parks", "hangs" };

/* What the inmate has announced last. */
typedef struct Attack {
	unsigned number; /* 0: nothing */
	End end;
	char cause[32];
	uint64_t where;
	char name[128];
	bool judged;
} Attack;

typedef struct Runner {
	InmateCell *cell;
	FILE *faults;
	Attack attack;
	unsigned next, planned, cases;
	bool ok;
} Runner;

/* --- verdicts --- */

static _printf_(3, 4) void judge(Runner *r, bool ok, const char *fmt, ...)
{
	va_list args;

	printf("%s %u - %s: ", ok ? "ok" : "not ok", r->attack.number, r->attack.name);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	r->cases++;
	r->ok &= ok;
	r->attack.judged = true;
}

/* The CPU is parked: by what was announced, and was that to park it? */
static void judge_parked(Runner *r)
{
	const NetEvent *e = inmate_cell_parked(r->cell);
	const Attack *a = &r->attack;

	fprintf(r->faults, "%s 0x%" PRIx64 "\n", e->cause, e->address);
	if (a->judged)
		judge(r, false, "and then parked: %s", e->text);
	else if (a->end != PARKS)
		judge(r, false, "is to be %s, but parked: %s", end_names[a->end], e->text);
	else
		judge(r, streq(a->cause, e->cause) && a->where == e->address,
		      "parks, %s 0x%" PRIx64 ", wanted %s 0x%" PRIx64, e->cause, e->address, a->cause, a->where);
}

/* --- what the inmate says --- */

static void take_attack(Runner *r, const char *line)
{
	Attack a = { 0 };
	char end[16];
	int name = 0;

	if (sscanf(line, "attack %u %15s %31s %" SCNx64 " %n", &a.number, end, a.cause, &a.where, &name) != 4 || !name)
		return;
	for (a.end = 0; a.end < END_MAX && !streq(end, end_names[a.end]); a.end++)
		;
	snprintf(a.name, sizeof(a.name), "%s", line + name);
	if (r->attack.number > 0 && !r->attack.judged)
		judge(r, false, "does not tell how it ended");
	r->attack = a;
	if (a.number != r->next)
		judge(r, false, "attack %u was due", r->next);
	r->next = a.number + 1;
}

static void take_verdict(Runner *r, bool ok, const char *line)
{
	unsigned number = (unsigned)strtoul(strchr(line, 'k') + 1, NULL, 10);

	if (r->attack.judged || number != r->attack.number)
		return;
	if (ok && r->attack.end != GOES_ON && r->attack.end != FAULTS)
		judge(r, false, "says that it was survived");
	else
		judge(r, ok, "%s", ok ? end_names[r->attack.end] : line);
}

static void take_line(const char *line, void *userdata)
{
	Runner *r = userdata;

	if (strncmp(line, "attack ", 7) == 0)
		take_attack(r, line);
	else if (strncmp(line, "ok ", 3) == 0)
		take_verdict(r, true, line);
	else if (strncmp(line, "not ok ", 7) == 0)
		take_verdict(r, false, line);
	else if (strncmp(line, "1..", 3) == 0)
		r->planned = (unsigned)strtoul(line + 3, NULL, 10);
	else if (strncmp(line, "next ", 5) != 0)
		printf("# %s\n", line);
}

/* --- running --- */

static void restart(Runner *r)
{
	char line[32];

	snprintf(line, sizeof(line), "attack=%u", r->next);
	inmate_cell_restart(r->cell, line);
	r->attack = (Attack){ .judged = true, .name = "the start of the cell" };
}

static bool is_over(const Runner *r)
{
	return inmate_cell_failed(r->cell) || inmate_cell_shut_down(r->cell);
}

/* Until the cell has parked, stopped, or been silent for too long. */
static void run(Runner *r)
{
	double begin = seconds();
	unsigned number = 0;

	while (!is_over(r)) {
		double patience = PATIENCE_SEC;

		inmate_cell_wait(r->cell);
		if (r->attack.number != number) {
			number = r->attack.number;
			begin = seconds();
		}
		if (number > 0 && r->attack.end == HANGS && !r->attack.judged)
			patience = HANG_SEC;
		if (seconds() - begin > patience)
			return;
	}
}

/* What is left to judge when the cell does not go on by itself. */
static void conclude(Runner *r)
{
	inmate_cell_wait(r->cell);
	if (inmate_cell_parked(r->cell))
		judge_parked(r);
	else if (!r->attack.judged) /* The proof is that the restart can take the CPU away. */
		judge(r, r->attack.end == HANGS && !is_over(r), is_over(r) ? "ends without a verdict" : "hangs");
	else if (!inmate_cell_shut_down(r->cell))
		judge(r, false, "does not go on");
}

static void run_all(Runner *r)
{
	unsigned stuck = 0, before;

	while (!r->planned) {
		before = r->next;
		restart(r);
		run(r);
		conclude(r);
		stuck = r->next == before ? stuck + 1 : 0;
		check(stuck == 3 ? -EIO : 0, "have the cell attack");
	}
	if (r->cases != r->planned)
		printf("# %u attacks are planned, %u were judged\n", r->planned, r->cases);
	r->ok &= r->cases == r->planned;
}

int main(int argc, char **argv)
{
	Runner r = { .next = 1, .ok = true };
	double begin = seconds();

	if (argc != 4) {
		fprintf(stderr, "usage: attack BLOB IMAGE FAULTS\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	r.faults = fopen(argv[3], "we");
	check(r.faults ? 0 : -errno, argv[3]);
	r.cell = inmate_cell_new(argv[1], argv[2], take_line, &r);
	run_all(&r);
	inmate_cell_destroy(r.cell);
	fclose(r.faults);
	printf("# %u attacks in %.1f s\n1..%u\n", r.cases, seconds() - begin, r.cases);
	return !r.ok;
}
