/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs the inmate "isolation" in the test machine, attack by attack, and judges how each ends: TAP on the output.
 *
 *	attack BLOB IMAGE FAULTS
 *
 * The cell is created from a configuration blob, by the module's own interface, because a restart by celld would cost
 * ten times as much. What parked CPUs is also written to the file FAULTS, a line each: "CAUSE ADDRESS". An attack
 * that the inmate does not announce counts as failed, as does a violation that it did not announce.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>

#include "console-page.h"
#include "console-ring.h"
#include "kmod.h"
#include "net.h"

#define COMMAND_LINE 0x1000
#define COMMAND_LINE_BYTES 256
#define PATIENCE_SEC 20
#define HANG_SEC 0.2 /* for which a CPU that hangs is watched */
#define STATE_SHUT_DOWN 2

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
	int kmod;
	char cell[KERNEL_CELL_NAME_BYTES];
	KmodImage images[2];
	const struct cell_console_page *page;
	const uint32_t *comm;
	ConsoleRing *ring;
	uint64_t read; /* position in the ring */
	sd_event *event;
	Net *net;
	FILE *faults;
	Attack attack;
	NetEvent parked; /* type 0: none since the start */
	bool failed;	 /* all CPUs are parked */
	unsigned next, planned, cases;
	bool ok;
} Runner;

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static _Noreturn void die(const char *what, int r)
{
	printf("Bail out! %s: %s\n", what, strerror(-r));
	exit(1);
}

static void check(int r, const char *what)
{
	if (r < 0)
		die(what, r);
}

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
	const NetEvent *e = &r->parked;
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

static void take_line(Runner *r, const char *line)
{
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

/* All lines that are complete. */
static void read_console(Runner *r)
{
	char text[CONSOLE_RING_BYTES + 1], *end;
	size_t n;

	(void)console_ring_take(r->ring, r->page);
	if (console_ring_oldest(r->ring) > r->read)
		die("the cell printed too much", -EOVERFLOW);
	n = console_ring_read(r->ring, r->read, text, sizeof(text) - 1);
	text[n] = '\0';
	for (char *line = text; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		r->read += (uint64_t)(end + 1 - line);
		take_line(r, line);
	}
}

/* --- what the hypervisor says --- */

static void on_event(const NetEvent *e, void *userdata)
{
	Runner *r = userdata;

	if (!streq(e->name, r->cell))
		return;
	if (e->type == NET_EVENT_CPU_PARKED)
		r->parked = *e;
	else if (e->type == NET_EVENT_FAILED)
		r->failed = true;
}

static void on_lost(_unused_ void *userdata)
{
	die("events are lost", -EOVERFLOW);
}

static void on_module(_unused_ bool present, _unused_ void *userdata)
{
}

static const NetHandler handler = { on_event, on_lost, on_module };

/* --- running --- */

static uint32_t state(const Runner *r)
{
	return __atomic_load_n(&r->comm[2], __ATOMIC_RELAXED);
}

/* Stop whatever runs, and run from attack r->next. */
static void restart(Runner *r)
{
	const KmodConsent force = { .deadline_ms = 1, .force = true };
	char *line = (char *)r->images[1].data;

	snprintf(line, COMMAND_LINE_BYTES, "attack=%u", r->next);
	check(kmod_cell_load(r->kmod, r->cell, &force, r->images, ELEMENTSOF(r->images)), "load");
	while (sd_event_run(r->event, 0) > 0)
		;
	read_console(r);
	r->parked = (NetEvent){ 0 };
	r->failed = false;
	r->attack = (Attack){ .judged = true, .name = "the start of the cell" };
	check(kmod_cell_start(r->kmod, r->cell, &force), "start");
}

/* Until the cell has parked, stopped, or been silent for too long. */
static void run(Runner *r)
{
	double begin = seconds();
	unsigned number = 0;

	while (!r->failed && state(r) != STATE_SHUT_DOWN) {
		double patience = PATIENCE_SEC;

		check(sd_event_run(r->event, 1000), "wait");
		read_console(r);
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
	read_console(r);
	if (r->parked.type) {
		judge_parked(r);
	} else if (!r->attack.judged) {
		bool hangs = r->attack.end == HANGS && state(r) != STATE_SHUT_DOWN && !r->failed;

		/* The proof is that the restart can take the CPU away. */
		judge(r, hangs, hangs ? "hangs" : "state %u", state(r));
	} else if (state(r) != STATE_SHUT_DOWN) {
		judge(r, false, "does not go on, state %u", state(r));
	}
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
		if (stuck == 3)
			die("the cell does not attack", -EIO);
	}
	if (r->cases != r->planned)
		printf("# %u attacks are planned, %u were judged\n", r->planned, r->cases);
	r->ok &= r->cases == r->planned;
}

/* --- setup --- */

static void *read_file(const char *path, size_t *ret_bytes)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	struct stat st;
	void *data;

	if (!f || fstat(fileno(f), &st) < 0)
		die(path, -errno);
	data = calloc(1, (size_t)st.st_size + 1);
	if (!data || fread(data, 1, (size_t)st.st_size, f) != (size_t)st.st_size)
		die(path, -EIO);
	*ret_bytes = (size_t)st.st_size;
	return data;
}

/* The name as the blob has it, and the number that the module gave it. */
static uint32_t find_cell(const char *name)
{
	_cleanup_free_ KernelCell *cells = NULL;
	KernelInfo info;
	size_t n;

	check(net_snapshot(&info, &cells, &n), "snapshot");
	for (size_t i = 0; i < n; i++)
		if (streq(cells[i].name, name))
			return (uint32_t)cells[i].id;
	die("find the cell", -ENOENT);
}

static void create(Runner *r, const char *path)
{
	_cleanup_free_ char *blob = NULL;
	const void *page, *comm;
	size_t bytes;
	uint32_t id;

	blob = read_file(path, &bytes);
	snprintf(r->cell, sizeof(r->cell), "%s", blob + 8); /* the name, abi 4.5 */
	check(kmod_cell_create(r->kmod, blob, bytes), "create");
	id = find_cell(r->cell);
	check(kmod_map_console(id, &page), "map the console");
	check(kmod_map_comm(id, &comm), "map the communication page");
	r->page = page;
	r->comm = comm;
}

int main(int argc, char **argv)
{
	static char command_line[COMMAND_LINE_BYTES];
	Runner r = { .next = 1, .ok = true };
	const KmodConsent force = { .deadline_ms = 1, .force = true };
	double begin = seconds();

	if (argc != 4) {
		fprintf(stderr, "usage: attack BLOB IMAGE FAULTS\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	r.kmod = kmod_open();
	check(r.kmod, "open the module's device");
	r.faults = fopen(argv[3], "we");
	if (!r.faults)
		die(argv[3], -errno);
	r.images[0].data = read_file(argv[2], &r.images[0].size_bytes);
	r.images[1] = (KmodImage){ command_line, sizeof(command_line), COMMAND_LINE };
	check(console_ring_open(NULL, &r.ring), "console");
	check(sd_event_new(&r.event), "event loop");
	check(net_new(r.event, &handler, &r, &r.net), "netlink");
	create(&r, argv[1]);
	run_all(&r);
	check(kmod_cell_destroy(r.kmod, r.cell, &force), "destroy");
	printf("# %u attacks in %.1f s\n1..%u\n", r.cases, seconds() - begin, r.cases);
	return !r.ok;
}
