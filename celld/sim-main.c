/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * celld-sim: plays the hardware for a simulated celld: lets inmates beat, and misbehave on demand.
 */
#include "comm.h"
#include "sim-kernel.h"

#define BEAT_USEC 5000

static void beat(const Sim *sim, SimCell *c)
{
	struct cell_heartbeat *block =
		(struct cell_heartbeat *)(uintptr_t)&sim->pages[c->kernel.id][CELL_HEARTBEAT_OFFSET];

	if (!c->used || c->kernel.state != KERNEL_RUNNING || c->behaviour & SIM_SILENT ||
	    kernel_cpu_set_count(&c->kernel.failed) > 0)
		return;
	block->magic = CELL_HEARTBEAT_MAGIC;
	block->interval_ms = BEAT_USEC / 1000;
	block->counter++;
	snprintf(block->text, sizeof(block->text), "beat %llu", (unsigned long long)block->counter);
}

/** run - all inmates, until somebody ends this process */
static void run(Sim *sim)
{
	for (;;) {
		sim_lock(sim);
		for (size_t i = 1; i < SIM_CELLS; i++)
			beat(sim, &sim->cells[i]);
		sim_unlock(sim);
		usleep(BEAT_USEC);
	}
}

static int set_state(Sim *sim, SimCell *c, KernelState state)
{
	c->kernel.state = state;
	sim_emit(sim, NET_EVENT_STATE, c, NULL, 0);
	return EXIT_SUCCESS;
}

/** park - all CPUs, for a violation */
static int park(Sim *sim, SimCell *c, const char *cause)
{
	sim_emit(sim, NET_EVENT_CPU_PARKED, c, cause, 0x1234);
	c->kernel.failed = c->kernel.cpus;
	c->kernel.state = KERNEL_FAILED;
	sim_emit(sim, NET_EVENT_FAILED, c, NULL, 0);
	return EXIT_SUCCESS;
}

/** act_on - a verb on a created cell */
static int act_on(Sim *sim, SimCell *c, const char *verb, const char *argument)
{
	uint32_t number;

	if (streq(verb, "state"))
		return printf("%s\n", kernel_state_to_string(c->kernel.state) ?: "invalid") < 0;
	if (streq(verb, "starts"))
		return printf("%u\n", c->starts) < 0;
	if (streq(verb, "park"))
		return park(sim, c, argument ?: "mmio");
	if (parse_u32(argument ?: "", &number) < 0)
		return EXIT_FAILURE;
	if (streq(verb, "set-state"))
		return set_state(sim, c, (KernelState)number);
	if (streq(verb, "behave"))
		c->behaviour = number;
	else
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}

static int act(Sim *sim, const char *verb, const char *name, const char *argument)
{
	SimCell *c = name ? sim_find(sim, name) : NULL;
	uint32_t number = 0;

	if (c)
		return act_on(sim, c, verb, argument);
	if (!name || parse_u32(name, &number) < 0)
		return EXIT_FAILURE;
	if (streq(verb, "delay"))
		sim->delay_usec = number;
	else if (streq(verb, "fail"))
		sim->next_error = -(int)number;
	else if (streq(verb, "lose-event"))
		sim->seq += number;
	else
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}

int main(int argc, char *argv[])
{
	Sim *sim = sim_open();
	int status;

	if (argc == 2 && streq(argv[1], "run"))
		run(sim);
	if (argc < 3) {
		fprintf(stderr,
			"Usage: %s run | park|state|starts CELL | behave CELL 1 silent + 2 deny + 4 mute |\n"
			"       set-state CELL NUMBER | delay USEC | fail ERRNO | lose-event N\n",
			argv[0]);
		return EXIT_FAILURE;
	}
	sim_lock(sim);
	status = act(sim, argv[1], argv[2], argc > 3 ? argv[3] : NULL);
	sim_unlock(sim);
	return status;
}
