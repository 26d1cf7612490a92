/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pretended kernel behind kmod.h.
 */
#include <fcntl.h>
#include <signal.h>

#include "clock.h"
#include "kmod.h"
#include "sim.h"

#define CONFIG_NAME_OFFSET 8 /**< of the name in a cell's blob */
#define CONFIG_CPU_SET_SIZE_OFFSET 48
#define CONFIG_HEADER_BYTES 132

/** One call of a worker; the state is locked from call_begin() to call_end(). */
typedef struct Call {
	Sim *sim;
	const char *what;
	const char *name; /**< of the cell, or NULL */
	bool dies;	  /**< at its end */
} Call;

int kmod_open(void)
{
	return sim_open()->present ? open("/dev/null", O_RDWR | O_CLOEXEC) : -ENOENT;
}

int kmod_last_error(char **ret)
{
	*ret = strdup(sim_open()->last_error);
	return *ret ? 0 : -ENOMEM;
}

int kmod_registers(uint32_t id, char **ret)
{
	return asprintf(ret, "cpu=1 rip=0x%x", id) < 0 ? -ENOMEM : 0;
}

/** pick_slot - the one that had this name before, or a new one; slot 0 stands for the root cell, and for no cell */
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

static void die(const Call *call)
{
	sim_trace(call->sim, "die", call->name, 0);
	sim_unlock(call->sim);
	(void)kill(getpid(), SIGKILL);
}

/** draw_error - Return: 0 or a fault */
static int draw_error(Sim *sim, SimCell *dice)
{
	static const int errors[] = { -ENOMEM, -EINVAL, -EBUSY, -EIO };
	int error = sim->next_error;

	sim->next_error = 0;
	if (error < 0)
		return error;
	return sim_chance(sim, dice, sim->faults.fail) ? errors[sim_random(sim, dice, ELEMENTSOF(errors))] : 0;
}

/** call_begin - wait as long as such a call takes, and meet the faults that hit before anything happens */
static int call_begin(Call *call, const char *what, const char *name)
{
	Sim *sim = sim_open();
	SimCell *dice;
	uint64_t delay;
	bool dies;

	sim_lock(sim);
	*call = (Call){ .sim = sim, .what = what, .name = name };
	dice = (name ? pick_slot(sim, name) : NULL) ?: &sim->cells[0];
	delay = sim->delay_usec + sim_random(sim, dice, sim->faults.delay_usec);
	dies = name && sim_chance(sim, dice, sim->faults.die);
	call->dies = dies && sim_random(sim, dice, 2) > 0;
	if (delay > 0) {
		sim_unlock(sim);
		usleep((useconds_t)delay);
		sim_lock(sim);
	}
	if (dies && !call->dies)
		die(call);
	sim->last_error[0] = '\0';
	return draw_error(sim, dice);
}

/** call_end - Return: @error */
static int call_end(const Call *call, int error, const char *text)
{
	Sim *sim = call->sim;

	sim_trace(sim, call->what, call->name, error);
	if (error < 0)
		snprintf(sim->last_error, sizeof(sim->last_error), "%s", text);
	if (call->dies)
		die(call);
	sim_unlock(sim);
	return error;
}

int kmod_enable(_unused_ int fd, _unused_ const void *system_blob)
{
	Call call;
	int error = call_begin(&call, "enable", NULL);

	if (call.sim->enabled)
		return call_end(&call, -EBUSY, "enabled already");
	if (error < 0)
		return call_end(&call, error, "simulated");
	sim_change(call.sim, call.what, NULL);
	call.sim->enabled = true;
	sim_emit(call.sim, NET_EVENT_ENABLED, NULL, NULL, 0);
	return call_end(&call, 0, NULL);
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
	Call call;

	(void)call_begin(&call, "disable", NULL);
	sim_change(call.sim, call.what, NULL);
	for (size_t i = 0; i < SIM_CELLS; i++)
		if (call.sim->cells[i].used)
			destroy(call.sim, &call.sim->cells[i]);
	call.sim->enabled = false;
	sim_emit(call.sim, NET_EVENT_DISABLED, NULL, NULL, 0);
	return call_end(&call, 0, NULL);
}

static void read_cpus(const uint8_t *blob, size_t size, KernelCpuSet *ret)
{
	uint32_t bytes;

	memcpy(&bytes, blob + CONFIG_CPU_SET_SIZE_OFFSET, sizeof(bytes));
	for (uint32_t cpu = 0; cpu < 8 * bytes && CONFIG_HEADER_BYTES + cpu / 8 < size; cpu++)
		if (blob[CONFIG_HEADER_BYTES + cpu / 8] >> cpu % 8 & 1)
			kernel_cpu_set_add(ret, cpu);
}

/** is_free - does no other cell have a CPU of the set? */
static bool is_free(const Sim *sim, const KernelCpuSet *set)
{
	for (size_t i = 0; i < SIM_CELLS; i++)
		for (size_t word = 0; word < ELEMENTSOF(set->bits) && sim->cells[i].used; word++)
			if (sim->cells[i].kernel.cpus.bits[word] & set->bits[word])
				return false;
	return true;
}

int kmod_cell_create(_unused_ int fd, const void *blob, size_t size_bytes)
{
	KernelCell kernel = { .state = KERNEL_SHUT_DOWN };
	SimCell *c;
	Call call;
	int error;

	memcpy(kernel.name, (const char *)blob + CONFIG_NAME_OFFSET, sizeof(kernel.name) - 1);
	read_cpus(blob, size_bytes, &kernel.cpus);
	error = call_begin(&call, "create", kernel.name);
	if (error < 0)
		return call_end(&call, error, "simulated");
	if (!call.sim->enabled)
		return call_end(&call, -EINVAL, "not enabled");
	if (sim_find(call.sim, kernel.name))
		return call_end(&call, -EEXIST, "cell exists");
	c = pick_slot(call.sim, kernel.name);
	if (!c)
		return call_end(&call, -ENOMEM, "too many cells");
	if (!is_free(call.sim, &kernel.cpus))
		return call_end(&call, -EBUSY, "CPU is in use");
	sim_change(call.sim, call.what, call.name);
	kernel.id = (int32_t)(c - call.sim->cells);
	c->kernel = kernel;
	c->used = true;
	for (uint32_t cpu = 0; (cpu = kernel_cpu_set_next(&kernel.cpus, cpu)) < KERNEL_CPU_MAX; cpu++)
		memset(call.sim->counters[cpu], 0, sizeof(call.sim->counters[cpu]));
	call.sim->consoles[kernel.id] = (struct cell_console_page){ .created = clock_monotonic() };
	sim_emit(call.sim, NET_EVENT_CREATED, c, NULL, 0);
	return call_end(&call, 0, NULL);
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

/** begin_with_consent - of a call on a cell that may run. Return: 0 with @ret, or error for call_end() */
static int begin_with_consent(Call *call, const char *what, const char *name, const KmodConsent *consent, SimCell **ret)
{
	int error = call_begin(call, what, name);

	*ret = sim_find(call->sim, name);
	if (!*ret)
		return -ENOENT;
	if (error < 0)
		return error;
	error = ask(call->sim, *ret, consent);
	/* It may have gone while it was asked. */
	return error < 0 || (*ret)->used ? error : -ENOENT;
}

int kmod_cell_load(_unused_ int fd, const char *name, const KmodConsent *consent, const KmodImage *images,
		   size_t n_images)
{
	SimCell *c;
	Call call;
	int error = begin_with_consent(&call, "load", name, consent, &c);

	if (error < 0)
		return call_end(&call, error, "simulated");
	sim_change(call.sim, call.what, name);
	c->kernel.state = KERNEL_SHUT_DOWN;
	memset(&c->kernel.failed, 0, sizeof(c->kernel.failed));
	memset(c->loaded, 0, sizeof(c->loaded));
	if (n_images > 0)
		memcpy(c->loaded, images[0].data, MIN(images[0].size_bytes, sizeof(c->loaded) - 1));
	sim_emit(call.sim, NET_EVENT_LOADABLE, c, NULL, 0);
	return call_end(&call, 0, NULL);
}

int kmod_cell_start(_unused_ int fd, const char *name, const KmodConsent *consent)
{
	SimCell *c;
	Call call;
	int error = begin_with_consent(&call, "start", name, consent, &c);

	if (error < 0)
		return call_end(&call, error, "simulated");
	sim_change(call.sim, call.what, name);
	c->kernel.state = KERNEL_RUNNING;
	memset(&c->kernel.failed, 0, sizeof(c->kernel.failed));
	memset(call.sim->pages[c->kernel.id], 0, SIM_PAGE_BYTES);
	call.sim->consoles[c->kernel.id].start = call.sim->consoles[c->kernel.id].tail;
	c->starts++;
	sim_draw_fate(call.sim, c);
	sim_emit(call.sim, NET_EVENT_STARTED, c, NULL, 0);
	return call_end(&call, 0, NULL);
}

int kmod_cell_destroy(_unused_ int fd, const char *name, const KmodConsent *consent)
{
	SimCell *c;
	Call call;
	int error = begin_with_consent(&call, "destroy", name, consent, &c);

	if (error < 0)
		return call_end(&call, error, "simulated");
	sim_change(call.sim, call.what, name);
	destroy(call.sim, c);
	return call_end(&call, 0, NULL);
}

int kmod_map_comm(uint32_t id, const void **ret)
{
	if (id >= SIM_CELLS)
		return -ENXIO;
	*ret = sim_open()->pages[id];
	return 0;
}

int kmod_map_console(uint32_t id, const void **ret)
{
	if (id >= SIM_CELLS)
		return -ENXIO;
	*ret = &sim_open()->consoles[id];
	return 0;
}

void kmod_unmap_page(_unused_ const void *page)
{
}
