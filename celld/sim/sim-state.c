/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The shared state of the pretended kernel, its events and its trace.
 *
 * Events wait in a ring. The reader is celld, which finds them there; the socket only wakes it up.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "clock.h"
#include "sim.h"

static Sim *the_sim;
uint64_t sim_lock_waited_nsec;

static void init_lock(Sim *sim)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&sim->lock, &attributes);
	pthread_mutexattr_destroy(&attributes);
}

char *sim_path(const char *name)
{
	return path_join(getenv(SIM_FOLDER) ?: ".", name);
}

Sim *sim_open(void)
{
	_cleanup_free_ char *path = sim_path("state");
	_cleanup_close_ int fd = -EBADF;
	bool fresh;

	if (the_sim)
		return the_sim;
	fresh = access(path, F_OK) < 0;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(Sim)) < 0)
		abort();
	the_sim = mmap(NULL, sizeof(Sim), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (the_sim == MAP_FAILED)
		abort();
	if (fresh) {
		init_lock(the_sim);
		the_sim->present = true;
	}
	return the_sim;
}

static void trace(const Sim *sim, int pid, const char *what, const char *cell, int value)
{
	_cleanup_free_ char *path = sim_path("trace");
	_cleanup_close_ int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	/* Opened each time: workers close what they inherit. */
	if (fd >= 0)
		(void)dprintf(fd, "{\"t\":%llu,\"what\":\"%s\",\"cell\":\"%s\",\"value\":%d,\"seq\":%llu,\"pid\":%d}\n",
			      (unsigned long long)clock_monotonic(), what, cell ?: "", value,
			      (unsigned long long)sim->seq, pid);
}

void sim_trace(Sim *sim, const char *what, const char *cell, int value)
{
	trace(sim, (int)getpid(), what, cell, value);
	sim->untold.what[0] = '\0';
}

void sim_change(Sim *sim, const char *what, const char *cell)
{
	snprintf(sim->untold.cell, sizeof(sim->untold.cell), "%s", cell ?: "");
	sim->untold.pid = (int)getpid();
	snprintf(sim->untold.what, sizeof(sim->untold.what), "%s", what);
}

/** succeed - a killed process has left the lock behind, and maybe something to tell */
static void succeed(Sim *sim)
{
	pthread_mutex_consistent(&sim->lock);
	if (sim->untold.what[0])
		trace(sim, sim->untold.pid, sim->untold.what, sim->untold.cell, 0);
	sim->untold.what[0] = '\0';
}

void sim_lock(Sim *sim)
{
	uint64_t begin = clock_monotonic();

	if (pthread_mutex_lock(&sim->lock) == EOWNERDEAD)
		succeed(sim);
	sim_lock_waited_nsec += (clock_monotonic() - begin) * 1000;
}

void sim_unlock(Sim *sim)
{
	pthread_mutex_unlock(&sim->lock);
}

SimCell *sim_find(Sim *sim, const char *name)
{
	for (size_t i = 0; i < SIM_CELLS; i++)
		if (sim->cells[i].used && streq(sim->cells[i].kernel.name, name))
			return &sim->cells[i];
	return NULL;
}

/** wake - whoever listens. A full socket wakes as well. */
static void wake(void)
{
	_cleanup_free_ char *path = sim_path("events");
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	(void)sendto(fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof(to));
}

void sim_show_events(Sim *sim)
{
	uint64_t now = clock_monotonic(), before = sim->events_shown;

	while (sim->events_shown < sim->events_written && sim->events[sim->events_shown % SIM_EVENTS].due_usec <= now)
		sim->events_shown++;
	if (sim->events_shown > before)
		wake();
}

/** describe - fill in what a violation tells */
static void describe(NetEvent *e, const SimCell *cell, const char *cause, uint64_t address)
{
	if (e->type == NET_EVENT_CPU_PARKED)
		for (uint32_t cpu = 0; cpu < KERNEL_CPU_MAX && !e->has_cpu; cpu++)
			if (kernel_cpu_set_has(&cell->kernel.cpus, cpu)) {
				e->has_cpu = true;
				e->cpu = cpu;
			}
	if (cause) {
		snprintf(e->cause, sizeof(e->cause), "%s", cause);
		e->has_address = true;
		e->address = address;
		snprintf(e->text, sizeof(e->text), "%s violation at 0x%llx", cause, (unsigned long long)address);
	}
}

void sim_emit(Sim *sim, NetEventType type, const SimCell *cell, const char *cause, uint64_t address)
{
	uint64_t last = sim->events_written > 0 ? sim->events[(sim->events_written - 1) % SIM_EVENTS].due_usec : 0;
	SimEvent *slot = &sim->events[sim->events_written % SIM_EVENTS];
	SimCell *dice = &sim->cells[cell ? cell->kernel.id : 0];
	uint64_t now = clock_monotonic();

	*slot = (SimEvent){
		.event = {
			.seq = ++sim->seq,
			.type = type,
			.cell_id = cell ? cell->kernel.id : -1,
			.state = cell ? cell->kernel.state : KERNEL_STATE_INVALID,
			.time_usec = now,
		},
		.due_usec = MAX(last, now + sim_random(sim, dice, sim->faults.event_delay_usec)),
		.lost = sim_chance(sim, dice, sim->faults.lose),
	};
	if (cell) {
		snprintf(slot->event.name, sizeof(slot->event.name), "%s", cell->kernel.name);
		describe(&slot->event, cell, cause, address);
	}
	sim->events_written++;
	sim_show_events(sim);
}

void sim_park(Sim *sim, SimCell *cell, const char *cause, uint64_t address)
{
	sim_trace(sim, "park", cell->kernel.name, 0);
	sim_emit(sim, NET_EVENT_CPU_PARKED, cell, cause, address);
	cell->kernel.failed = cell->kernel.cpus;
	cell->kernel.state = KERNEL_FAILED;
	sim_emit(sim, NET_EVENT_FAILED, cell, NULL, 0);
}

void sim_say(Sim *sim, SimCell *cell, KernelState state)
{
	sim_trace(sim, "say", cell->kernel.name, (int)state);
	cell->kernel.state = state;
	sim_emit(sim, NET_EVENT_STATE, cell, NULL, 0);
}

void sim_print(Sim *sim, const SimCell *cell, const char *text)
{
	struct cell_console_page *page = &sim->consoles[cell->kernel.id];

	for (; *text; text++, page->tail++)
		page->content[page->tail % CELL_CONSOLE_BYTES] = *text;
}
