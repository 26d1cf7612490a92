/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * celld-sim: plays the hardware for a simulated celld: lets inmates beat, and misbehave on demand or at random.
 */
#include "clock.h"
#include "comm.h"
#include "sim.h"

#define BEAT_USEC 5000
#define LATE_USEC USEC_PER_SEC

static void beat(const Sim *sim, const SimCell *c)
{
	struct cell_heartbeat *block =
		(struct cell_heartbeat *)(uintptr_t)&sim->pages[c->kernel.id][CELL_HEARTBEAT_OFFSET];

	if (c->behaviour & SIM_SILENT || kernel_cpu_set_count(&c->kernel.failed) > 0)
		return;
	block->magic = CELL_HEARTBEAT_MAGIC;
	block->interval_ms = BEAT_USEC / 1000;
	block->counter++;
	snprintf(block->text, sizeof(block->text), "beat %llu", (unsigned long long)block->counter);
}

/** beat_all - @late: none of them could beat for long, as this process was not running */
static void beat_all(Sim *sim, uint64_t now, bool late)
{
	for (size_t i = 1; i < SIM_CELLS; i++) {
		SimCell *c = &sim->cells[i];

		if (!c->used || c->kernel.state != KERNEL_RUNNING)
			continue;
		if (late)
			sim_trace(sim, "silent", c->kernel.name, 0);
		sim_fulfil(sim, c, now);
		beat(sim, c);
	}
}

/** run - all inmates, until somebody ends this process */
static void run(Sim *sim)
{
	for (uint64_t last = clock_monotonic(), now;; last = now) {
		sim_lock(sim);
		now = clock_monotonic();
		beat_all(sim, now, now - last > LATE_USEC);
		sim_show_events(sim);
		sim_unlock(sim);
		usleep(BEAT_USEC);
	}
}

/** act_on - a verb on a created cell */
static int act_on(Sim *sim, SimCell *c, const char *verb, const char *argument)
{
	uint32_t number;

	if (streq(verb, "state"))
		return printf("%s\n", kernel_state_to_string(c->kernel.state) ?: "invalid") < 0;
	if (streq(verb, "starts"))
		return printf("%u\n", c->starts) < 0;
	if (streq(verb, "park")) {
		sim_park(sim, c, argument ?: "mmio", 0x1234);
		return EXIT_SUCCESS;
	}
	if (streq(verb, "print")) {
		sim_print(sim, c, argument ?: "");
		return EXIT_SUCCESS;
	}
	if (parse_u32(argument ?: "", &number) < 0)
		return EXIT_FAILURE;
	if (streq(verb, "set-state"))
		sim_say(sim, c, (KernelState)number);
	else if (streq(verb, "behave"))
		c->behaviour = number;
	else
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}

/** count - a CPU leaves its cell so many times for each cause */
static int count(Sim *sim, uint32_t cpu, const char *times)
{
	uint32_t number;

	if (cpu >= KERNEL_CPU_MAX || parse_u32(times ?: "", &number) < 0)
		return EXIT_FAILURE;
	for (unsigned i = 1; kernel_counter_name(i); i++) {
		sim->counters[cpu][i] += number;
		sim->counters[cpu][0] += number;
	}
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
	if (streq(verb, "count"))
		return count(sim, number, argument);
	if (streq(verb, "delay"))
		sim->delay_usec = number;
	else if (streq(verb, "fail"))
		sim->next_error = -(int)number;
	else if (streq(verb, "lose-event"))
		sim->seq += number;
	else if (streq(verb, "enable"))
		sim->enabled = number > 0;
	else
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}

/** set_faults - KEY=NUMBER of struct SimFaults; what is not named is zero */
static int set_faults(Sim *sim, char *const *words)
{
	SimFaults f = { 0 };
	struct {
		const char *key;
		uint32_t *value;
	} keys[] = {
		{ "fail=", &f.fail },		{ "die=", &f.die },	     { "lose=", &f.lose },
		{ "misbehave=", &f.misbehave }, { "delay=", &f.delay_usec }, { "event-delay=", &f.event_delay_usec },
		{ "life=", &f.life_usec },
	};

	for (; *words; words++) {
		const char *value = startswith(*words, "seed=");
		int r = value ? parse_u64(value, &f.seed) : -EINVAL;

		for (size_t i = 0; i < ELEMENTSOF(keys) && !value; i++) {
			value = startswith(*words, keys[i].key);
			if (value)
				r = parse_u32(value, keys[i].value);
		}
		if (r < 0)
			return EXIT_FAILURE;
	}
	sim->faults = f;
	return EXIT_SUCCESS;
}

/** tell_loop - what was measured of celld's loop since the last time, as JSON */
static int tell_loop(Sim *sim)
{
	const SimLoop *l = &sim->loop;

	printf("{\"turns\":%llu,\"longest_usec\":%llu,\"longest_blocked_usec\":%llu,\"bucket_usec\":%d,\"buckets\":[",
	       (unsigned long long)l->turns, (unsigned long long)l->longest_usec,
	       (unsigned long long)l->longest_blocked_usec, SIM_LOOP_BUCKET_USEC);
	for (size_t i = 0; i < SIM_LOOP_BUCKETS; i++)
		printf("%s%llu", i > 0 ? "," : "", (unsigned long long)l->buckets[i]);
	printf("]}\n");
	sim->loop = (SimLoop){ 0 };
	return EXIT_SUCCESS;
}

/** list_cells - that are created: id, name, state */
static int list_cells(const Sim *sim)
{
	for (size_t i = 1; i < SIM_CELLS; i++)
		if (sim->cells[i].used)
			printf("%zu %s %s\n", i, sim->cells[i].name,
			       kernel_state_to_string(sim->cells[i].kernel.state) ?: "invalid");
	return EXIT_SUCCESS;
}

static int usage(const char *program)
{
	fprintf(stderr,
		"Usage: %s run | park|state|starts CELL | print CELL TEXT | behave CELL 1 silent + 2 deny + 4 mute |\n"
		"       set-state CELL NUMBER | count CPU NUMBER | delay USEC | fail ERRNO | lose-event N | enable 1|0 "
		"| cells | loop |\n"
		"       faults [seed=N] [fail|die|lose|misbehave=PERMILLE] [delay|event-delay|life=USEC]\n",
		program);
	return EXIT_FAILURE;
}

int main(int argc, char *argv[])
{
	Sim *sim = sim_open();
	int status;

	if (argc == 2 && streq(argv[1], "run"))
		run(sim);
	if (argc < 2)
		return usage(argv[0]);
	sim_lock(sim);
	if (streq(argv[1], "faults"))
		status = set_faults(sim, argv + 2);
	else if (streq(argv[1], "loop"))
		status = tell_loop(sim);
	else if (streq(argv[1], "cells"))
		status = list_cells(sim);
	else
		status = act(sim, argv[1], argv[2], argc > 3 ? argv[3] : NULL);
	sim_unlock(sim);
	return status == EXIT_SUCCESS || argc > 2 ? status : usage(argv[0]);
}
