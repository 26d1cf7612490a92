/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A cell that is started again and again in the test machine.
 */
#include <sys/stat.h>
#include <time.h>

#include "console-page.h"
#include "console-ring.h"
#include "inmate-cell.h"
#include "kmod.h"

#define COMMAND_LINE 0x1000
#define COMMAND_LINE_BYTES 256
#define CONFIG_NAME 8 /* offset, abi 4.5 */
#define COMM_STATE 2  /* word, abi 3 */
#define STATE_SHUT_DOWN 2

struct InmateCell {
	int kmod;
	char name[KERNEL_CELL_NAME_BYTES];
	char command_line[COMMAND_LINE_BYTES];
	KmodImage images[2];
	const struct cell_console_page *page;
	const uint32_t *comm;
	ConsoleRing *ring;
	uint64_t read; /* position in the ring */
	sd_event *event;
	Net *net;
	NetEvent parked; /* type 0: none */
	bool failed;
	void (*line)(const char *text, void *userdata);
	void *userdata;
};

static const KmodConsent force = { .deadline_ms = 1, .force = true };

double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void check(int r, const char *what)
{
	_cleanup_free_ char *why = NULL;

	if (r >= 0)
		return;
	(void)kmod_last_error(&why);
	printf("Bail out! %s: %s; %s\n", what, strerror(-r), why ?: "");
	exit(1);
}

void *read_file(const char *path, size_t *ret_bytes)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	struct stat st;
	size_t n = 0;
	char *data;

	check(f && fstat(fileno(f), &st) >= 0 ? 0 : -errno, path);
	data = calloc(1, (size_t)st.st_size + 1);
	if (data)
		n = fread(data, 1, (size_t)st.st_size, f); /* fewer in sysfs */
	check(n > 0 ? 0 : -EIO, path);
	*ret_bytes = n;
	return data;
}

/* All lines that are complete. */
static void read_console(InmateCell *c)
{
	char text[CONSOLE_RING_BYTES + 1], *end;
	size_t n;

	(void)console_ring_take(c->ring, c->page);
	c->read = MAX(c->read, console_ring_oldest(c->ring)); /* what is lost is missed by whoever waits for it */
	n = console_ring_read(c->ring, c->read, text, sizeof(text) - 1);
	text[n] = '\0';
	for (char *line = text; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		c->read += (uint64_t)(end + 1 - line);
		c->line(line, c->userdata);
	}
}

static void on_event(const NetEvent *e, void *userdata)
{
	InmateCell *c = userdata;

	if (!streq(e->name, c->name))
		return;
	if (e->type == NET_EVENT_CPU_PARKED)
		c->parked = *e;
	else if (e->type == NET_EVENT_FAILED)
		c->failed = true;
}

static void on_lost(_unused_ void *userdata)
{
	check(-EOVERFLOW, "hear of all events");
}

static void on_module(_unused_ bool present, _unused_ void *userdata)
{
}

static const NetHandler handler = { on_event, on_lost, on_module };

static uint32_t find_cell(const char *name)
{
	_cleanup_free_ KernelCell *cells = NULL;
	KernelInfo info;
	size_t n;

	check(net_snapshot(&info, &cells, &n), "snapshot");
	for (size_t i = 0; i < n; i++)
		if (streq(cells[i].name, name))
			return (uint32_t)cells[i].id;
	check(-ENOENT, "find the cell");
	return 0;
}

static void create(InmateCell *c, const char *path)
{
	_cleanup_free_ char *blob = NULL;
	const void *page, *comm;
	size_t bytes;
	uint32_t id;

	blob = read_file(path, &bytes);
	snprintf(c->name, sizeof(c->name), "%s", blob + CONFIG_NAME);
	check(kmod_cell_create(c->kmod, blob, bytes), "create");
	id = find_cell(c->name);
	check(kmod_map_console(id, &page), "map the console");
	check(kmod_map_comm(id, &comm), "map the communication page");
	c->page = page;
	c->comm = comm;
}

InmateCell *inmate_cell_new(const char *blob, const char *image, void (*line)(const char *text, void *userdata),
			    void *userdata)
{
	InmateCell *c = calloc(1, sizeof(*c));

	check(c ? 0 : -ENOMEM, "cell");
	c->line = line;
	c->userdata = userdata;
	c->kmod = kmod_open();
	check(c->kmod, "open the module's device");
	c->images[0].data = read_file(image, &c->images[0].size_bytes);
	c->images[1] = (KmodImage){ c->command_line, sizeof(c->command_line), COMMAND_LINE };
	check(console_ring_open(NULL, &c->ring), "console");
	check(sd_event_new(&c->event), "event loop");
	check(net_new(c->event, &handler, c, &c->net), "netlink");
	create(c, blob);
	return c;
}

void inmate_cell_destroy(InmateCell *c)
{
	check(kmod_cell_destroy(c->kmod, c->name, &force), "destroy");
	kmod_unmap_page(c->page);
	kmod_unmap_page(c->comm);
	console_ring_close(c->ring);
	net_free(c->net);
	sd_event_unref(c->event);
	close(c->kmod);
	free((void *)c->images[0].data);
	free(c);
}

void inmate_cell_restart(InmateCell *c, const char *command_line)
{
	snprintf(c->command_line, sizeof(c->command_line), "%s", command_line);
	check(kmod_cell_load(c->kmod, c->name, &force, c->images, ELEMENTSOF(c->images)), "load");
	while (sd_event_run(c->event, 0) > 0)
		;
	read_console(c);
	c->parked = (NetEvent){ 0 };
	c->failed = false;
	check(kmod_cell_start(c->kmod, c->name, &force), "start");
}

void inmate_cell_wait(InmateCell *c)
{
	check(sd_event_run(c->event, 1000), "wait");
	read_console(c);
}

const NetEvent *inmate_cell_parked(const InmateCell *c)
{
	return c->parked.type ? &c->parked : NULL;
}

bool inmate_cell_failed(const InmateCell *c)
{
	return c->failed;
}

bool inmate_cell_shut_down(const InmateCell *c)
{
	return __atomic_load_n(&c->comm[COMM_STATE], __ATOMIC_RELAXED) == STATE_SHUT_DOWN;
}
