/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pretended kernel behind kmod.h and net.h.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "clock.h"
#include "kmod.h"
#include "sim-kernel.h"

#define CONFIG_NAME_OFFSET 8 /**< of the name in a cell's blob */
#define CONFIG_CPU_SET_SIZE_OFFSET 48
#define CONFIG_HEADER_BYTES 132

static Sim *the_sim;

static void init_lock(Sim *sim)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&sim->lock, &attributes);
	pthread_mutexattr_destroy(&attributes);
}

static void event_address(struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(ret->sun_path, sizeof(ret->sun_path), "%s/events", getenv(SIM_FOLDER) ?: ".");
}

Sim *sim_open(void)
{
	_cleanup_free_ char *path = path_join(getenv(SIM_FOLDER) ?: ".", "state");
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

void sim_lock(Sim *sim)
{
	/* A killed child leaves the lock behind; what it was doing was atomic enough. */
	if (pthread_mutex_lock(&sim->lock) == EOWNERDEAD)
		pthread_mutex_consistent(&sim->lock);
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

void sim_emit(Sim *sim, NetEventType type, const SimCell *cell, const char *cause, uint64_t address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un to;
	NetEvent e = {
		.seq = ++sim->seq,
		.type = type,
		.cell_id = cell ? cell->kernel.id : -1,
		.state = cell ? cell->kernel.state : KERNEL_STATE_INVALID,
		.time_usec = clock_monotonic(),
	};

	if (cell)
		snprintf(e.name, sizeof(e.name), "%s", cell->kernel.name);
	if (type == NET_EVENT_CPU_PARKED)
		for (uint32_t cpu = 0; cpu < KERNEL_CPU_MAX && !e.has_cpu; cpu++)
			if (kernel_cpu_set_has(&cell->kernel.cpus, cpu)) {
				e.has_cpu = true;
				e.cpu = cpu;
			}
	if (cause) {
		snprintf(e.cause, sizeof(e.cause), "%s", cause);
		e.has_address = true;
		e.address = address;
		snprintf(e.text, sizeof(e.text), "%s violation at 0x%llx", cause, (unsigned long long)address);
	}
	event_address(&to);
	(void)sendto(fd, &e, sizeof(e), MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof(to));
}

/* -- kmod.h ------------------------------------------------------------------------------------------------------- */

int kmod_open(void)
{
	return sim_open()->present ? open("/dev/null", O_RDWR | O_CLOEXEC) : -ENOENT;
}

int kmod_open_console(void)
{
	return kmod_open();
}

int kmod_last_error(char **ret)
{
	*ret = strdup(sim_open()->last_error);
	return *ret ? 0 : -ENOMEM;
}

/** refuse - Return: @error */
static int refuse(Sim *sim, int error, const char *text)
{
	snprintf(sim->last_error, sizeof(sim->last_error), "%s", text);
	sim_unlock(sim);
	return error;
}

static Sim *enter(void)
{
	Sim *sim = sim_open();

	if (sim->delay_usec > 0)
		usleep(sim->delay_usec);
	sim_lock(sim);
	sim->last_error[0] = '\0';
	return sim;
}

static bool take_error(Sim *sim, int *ret)
{
	*ret = sim->next_error;
	sim->next_error = 0;
	return *ret < 0;
}

int kmod_enable(_unused_ int fd, _unused_ const void *system_blob)
{
	Sim *sim = enter();
	int error;

	if (sim->enabled)
		return refuse(sim, -EBUSY, "enabled already");
	if (take_error(sim, &error))
		return refuse(sim, error, "simulated");
	sim->enabled = true;
	sim_emit(sim, NET_EVENT_ENABLED, NULL, NULL, 0);
	sim_unlock(sim);
	return 0;
}

static void destroy(Sim *sim, SimCell *c)
{
	c->kernel.state = KERNEL_SHUT_DOWN;
	sim_emit(sim, NET_EVENT_DESTROYED, c, NULL, 0);
	memset(sim->pages[c->kernel.id], 0, SIM_PAGE_BYTES);
	c->used = false;
}

int kmod_disable(_unused_ int fd)
{
	Sim *sim = enter();

	for (size_t i = 0; i < SIM_CELLS; i++)
		if (sim->cells[i].used)
			destroy(sim, &sim->cells[i]);
	sim->enabled = false;
	sim_emit(sim, NET_EVENT_DISABLED, NULL, NULL, 0);
	sim_unlock(sim);
	return 0;
}

/** pick_slot - the one that had this name before, or a new one; slot 0 stands for the root cell */
static SimCell *pick_slot(Sim *sim, const char *name)
{
	for (size_t i = 1; i < SIM_CELLS; i++)
		if (streq(sim->cells[i].name, name))
			return &sim->cells[i];
	for (size_t i = 1; i < SIM_CELLS; i++)
		if (!sim->cells[i].name[0]) {
			snprintf(sim->cells[i].name, sizeof(sim->cells[i].name), "%s", name);
			return &sim->cells[i];
		}
	return NULL;
}

static void read_cpus(const uint8_t *blob, size_t size, KernelCpuSet *ret)
{
	uint32_t bytes;

	memcpy(&bytes, blob + CONFIG_CPU_SET_SIZE_OFFSET, sizeof(bytes));
	for (uint32_t cpu = 0; cpu < 8 * bytes && CONFIG_HEADER_BYTES + cpu / 8 < size; cpu++)
		if (blob[CONFIG_HEADER_BYTES + cpu / 8] >> cpu % 8 & 1)
			kernel_cpu_set_add(ret, cpu);
}

int kmod_cell_create(_unused_ int fd, const void *blob, size_t size_bytes)
{
	Sim *sim = enter();
	char name[KERNEL_CELL_NAME_BYTES];
	SimCell *c;
	int error;

	if (take_error(sim, &error))
		return refuse(sim, error, "simulated");
	memcpy(name, (const char *)blob + CONFIG_NAME_OFFSET, sizeof(name));
	name[sizeof(name) - 1] = '\0';
	if (!sim->enabled)
		return refuse(sim, -EINVAL, "not enabled");
	if (sim_find(sim, name))
		return refuse(sim, -EEXIST, "cell exists");
	c = pick_slot(sim, name);
	if (!c)
		return refuse(sim, -ENOMEM, "too many cells");
	c->kernel = (KernelCell){ .id = (int32_t)(c - sim->cells), .state = KERNEL_SHUT_DOWN };
	memcpy(c->kernel.name, name, sizeof(name));
	read_cpus(blob, size_bytes, &c->kernel.cpus);
	for (size_t i = 0; i < SIM_CELLS; i++)
		for (uint32_t cpu = 0; cpu < KERNEL_CPU_MAX; cpu++)
			if (sim->cells[i].used && kernel_cpu_set_has(&sim->cells[i].kernel.cpus, cpu) &&
			    kernel_cpu_set_has(&c->kernel.cpus, cpu))
				return refuse(sim, -EBUSY, "CPU is in use");
	c->used = true;
	sim_emit(sim, NET_EVENT_CREATED, c, NULL, 0);
	sim_unlock(sim);
	return 0;
}

/** ask - the inmate's consent, as the module would get it */
static int ask(Sim *sim, SimCell *c, const KmodConsent *consent)
{
	if (c->kernel.state != KERNEL_RUNNING && c->kernel.state != KERNEL_RUNNING_LOCKED)
		return 0;
	if (consent->force)
		return 0;
	if (c->behaviour & SIM_MUTE) {
		sim_unlock(sim);
		usleep(consent->deadline_ms * 1000);
		sim_lock(sim);
		return -ETIMEDOUT;
	}
	return c->behaviour & SIM_DENY ? -EPERM : 0;
}

static int find_and_ask(Sim *sim, const char *name, const KmodConsent *consent, SimCell **ret)
{
	int error;

	*ret = sim_find(sim, name);
	if (!*ret)
		return -ENOENT;
	if (take_error(sim, &error))
		return error;
	return ask(sim, *ret, consent);
}

int kmod_cell_load(_unused_ int fd, const char *name, const KmodConsent *consent, _unused_ const KmodImage *images,
		   _unused_ size_t n_images)
{
	Sim *sim = enter();
	SimCell *c;
	int error = find_and_ask(sim, name, consent, &c);

	if (error < 0)
		return refuse(sim, error, "simulated");
	c->kernel.state = KERNEL_SHUT_DOWN;
	memset(&c->kernel.failed, 0, sizeof(c->kernel.failed));
	sim_emit(sim, NET_EVENT_LOADABLE, c, NULL, 0);
	sim_unlock(sim);
	return 0;
}

int kmod_cell_start(_unused_ int fd, const char *name, const KmodConsent *consent)
{
	Sim *sim = enter();
	SimCell *c;
	int error = find_and_ask(sim, name, consent, &c);

	if (error < 0)
		return refuse(sim, error, "simulated");
	c->kernel.state = KERNEL_RUNNING;
	memset(&c->kernel.failed, 0, sizeof(c->kernel.failed));
	memset(sim->pages[c->kernel.id], 0, SIM_PAGE_BYTES);
	c->starts++;
	sim_emit(sim, NET_EVENT_STARTED, c, NULL, 0);
	sim_unlock(sim);
	return 0;
}

int kmod_cell_destroy(_unused_ int fd, const char *name, const KmodConsent *consent)
{
	Sim *sim = enter();
	SimCell *c;
	int error = find_and_ask(sim, name, consent, &c);

	if (error < 0)
		return refuse(sim, error, "simulated");
	destroy(sim, c);
	sim_unlock(sim);
	return 0;
}

int kmod_map_comm(uint32_t id, const void **ret)
{
	if (id >= SIM_CELLS)
		return -ENXIO;
	*ret = sim_open()->pages[id];
	return 0;
}

void kmod_unmap_comm(_unused_ const void *page)
{
}

/* -- net.h -------------------------------------------------------------------------------------------------------- */

struct Net {
	int fd;
	sd_event_source *source;
	const NetHandler *handler;
	void *userdata;
	uint64_t last_seq;
};

void net_drain(Net *net)
{
	NetEvent e;

	while (recv(net->fd, &e, sizeof(e), MSG_DONTWAIT) == (ssize_t)sizeof(e)) {
		if (net->last_seq > 0 && e.seq != net->last_seq + 1)
			net->handler->lost(net->userdata);
		net->last_seq = e.seq;
		net->handler->event(&e, net->userdata);
	}
}

static int on_readable(_unused_ sd_event_source *source, _unused_ int fd, _unused_ uint32_t events, void *userdata)
{
	net_drain(userdata);
	return 0;
}

int net_new(sd_event *event, const NetHandler *handler, void *userdata, Net **ret)
{
	_cleanup_(net_freep) Net *net = calloc(1, sizeof(*net));
	struct sockaddr_un address;
	int r;

	if (!net)
		return -ENOMEM;
	net->handler = handler;
	net->userdata = userdata;
	net->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	event_address(&address);
	(void)unlink(address.sun_path);
	if (net->fd < 0 || bind(net->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	r = sd_event_add_io(event, &net->source, net->fd, EPOLLIN, on_readable, net);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(net);
	return 0;
}

Net *net_free(Net *net)
{
	if (!net)
		return NULL;
	sd_event_source_disable_unref(net->source);
	close(net->fd);
	free(net);
	return NULL;
}

int net_snapshot(KernelInfo *ret_info, KernelCell **ret_cells, size_t *ret_n_cells)
{
	Sim *sim = sim_open();
	KernelCell *cells = calloc(SIM_CELLS, sizeof(*cells));
	size_t n = 0;

	if (!cells)
		return -ENOMEM;
	sim_lock(sim);
	*ret_info = (KernelInfo){ .present = sim->present, .enabled = sim->enabled, .seq = sim->seq };
	if (sim->enabled)
		cells[n++] = (KernelCell){ .id = 0, .name = "root" };
	for (size_t i = 1; i < SIM_CELLS && sim->enabled; i++)
		if (sim->cells[i].used)
			cells[n++] = sim->cells[i].kernel;
	sim_unlock(sim);
	*ret_cells = cells;
	*ret_n_cells = n;
	return 0;
}
