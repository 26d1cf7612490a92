/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pretended kernel behind net.h.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include "sim.h"

struct Net {
	int fd;
	sd_event_source *source;
	const NetHandler *handler;
	void *userdata;
	uint64_t next; /**< event to be read */
	uint64_t last_seq;
};

/** take - the next event that can be seen. Return: was there one? */
static bool take(Net *net, Sim *sim, SimEvent *ret)
{
	bool found;

	sim_lock(sim);
	sim_show_events(sim);
	found = net->next < sim->events_shown;
	if (found && sim->events_written - net->next > SIM_EVENTS) {
		net->next = sim->events_written - SIM_EVENTS;
		*ret = (SimEvent){ .lost = true };
	} else if (found) {
		*ret = sim->events[net->next++ % SIM_EVENTS];
	}
	sim_unlock(sim);
	return found;
}

void net_drain(Net *net)
{
	Sim *sim = sim_open();
	SimEvent e;

	while (take(net, sim, &e)) {
		if (e.lost || (net->last_seq > 0 && e.event.seq != net->last_seq + 1))
			net->handler->lost(net->userdata);
		net->last_seq = e.event.seq;
		if (!e.lost)
			net->handler->event(&e.event, net->userdata);
	}
}

static int on_readable(_unused_ sd_event_source *source, int fd, _unused_ uint32_t events, void *userdata)
{
	char ignored;

	while (recv(fd, &ignored, sizeof(ignored), MSG_DONTWAIT) > 0)
		;
	net_drain(userdata);
	return 0;
}

static int listen_to_events(void)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	_cleanup_free_ char *path = sim_path("events");
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	(void)unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int net_new(sd_event *event, const NetHandler *handler, void *userdata, Net **ret)
{
	_cleanup_(net_freep) Net *net = calloc(1, sizeof(*net));
	int r;

	if (!net)
		return -ENOMEM;
	net->handler = handler;
	net->userdata = userdata;
	net->next = sim_open()->events_shown;
	net->fd = listen_to_events();
	if (net->fd < 0)
		return net->fd;
	r = sd_event_add_io(event, &net->source, net->fd, EPOLLIN, on_readable, net);
	if (r < 0)
		return r;
	(void)sd_event_source_set_priority(net->source, SD_EVENT_PRIORITY_IMPORTANT);
	*ret = TAKE_PTR(net);
	return 0;
}

Net *net_free(Net *net)
{
	if (!net)
		return NULL;
	sd_event_source_disable_unref(net->source);
	if (net->fd >= 0)
		close(net->fd);
	free(net);
	return NULL;
}

/** is_blind - does this look at the state fail? */
static bool is_blind(Sim *sim)
{
	if (sim->blind_looks == 0)
		return false;
	if (sim->seeing_looks > 0) {
		sim->seeing_looks--;
		return false;
	}
	sim->blind_looks--;
	return true;
}

int net_snapshot(KernelInfo *ret_info, KernelCell **ret_cells, size_t *ret_n_cells)
{
	_cleanup_free_ KernelCell *cells = calloc(SIM_CELLS, sizeof(*cells));
	Sim *sim = sim_open();
	size_t n = 0;

	if (!cells)
		return -ENOMEM;
	sim_lock(sim);
	if (is_blind(sim)) {
		sim_unlock(sim);
		return -EINTR;
	}
	*ret_info = (KernelInfo){ .present = sim->present, .enabled = sim->enabled, .seq = sim->seq };
	if (sim->enabled)
		cells[n++] = (KernelCell){ .id = 0, .name = "root" };
	for (size_t i = 1; i < SIM_CELLS && sim->enabled; i++)
		if (sim->cells[i].used)
			cells[n++] = sim->cells[i].kernel;
	sim_unlock(sim);
	*ret_cells = TAKE_PTR(cells);
	*ret_n_cells = n;
	return 0;
}

int net_count(KernelCpu **ret_cpus, size_t *ret_n_cpus)
{
	_cleanup_free_ KernelCpu *cpus = calloc(KERNEL_CPU_MAX, sizeof(*cpus));
	Sim *sim = sim_open();
	size_t n = 0;

	if (!cpus)
		return -ENOMEM;
	sim_lock(sim);
	if (is_blind(sim)) {
		sim_unlock(sim);
		return -EINTR;
	}
	for (size_t i = 1; i < SIM_CELLS; i++) {
		const KernelCell *k = &sim->cells[i].kernel;

		for (uint32_t cpu = 0;
		     sim->cells[i].used && (cpu = kernel_cpu_set_next(&k->cpus, cpu)) < KERNEL_CPU_MAX; cpu++) {
			cpus[n].cpu = cpu;
			memcpy(cpus[n].cell, k->name, sizeof(cpus[n].cell));
			memcpy(cpus[n++].counters, sim->counters[cpu], sizeof(cpus->counters));
		}
	}
	sim_unlock(sim);
	*ret_cpus = TAKE_PTR(cpus);
	*ret_n_cpus = n;
	return 0;
}
