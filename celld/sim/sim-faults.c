/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What goes wrong in the pretended kernel: a row of random numbers for each cell, begun by the seed and its name.
 */
#include "sim.h"

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static uint64_t first_of(const Sim *sim, const SimCell *cell)
{
	uint64_t x = mix(sim->faults.seed);

	for (const char *s = cell->name; *s; s++)
		x = mix(x ^ (uint8_t)*s);
	return x | 1;
}

uint64_t sim_random(Sim *sim, SimCell *cell, uint64_t limit)
{
	if (limit == 0)
		return 0;
	cell->random = cell->random == 0 ? first_of(sim, cell) : cell->random + 2;
	return mix(cell->random) % limit;
}

bool sim_chance(Sim *sim, SimCell *cell, uint32_t permille)
{
	return sim_random(sim, cell, permille > 0 ? 1000 : 0) < permille;
}

void sim_draw_fate(Sim *sim, SimCell *cell)
{
	cell->fate = SIM_FATE_LIVE;
	if (sim->faults.misbehave == 0)
		return;
	cell->behaviour = 0;
	if (!sim_chance(sim, cell, sim->faults.misbehave))
		return;
	cell->fate = (SimFate)(1 + sim_random(sim, cell, SIM_FATE_MAX - 1));
	cell->fate_usec = sim_random(sim, cell, sim->faults.life_usec);
}

void sim_fulfil(Sim *sim, SimCell *cell, uint64_t now_usec)
{
	SimFate fate = cell->fate;

	if (fate == SIM_FATE_LIVE || cell->fate_usec > now_usec)
		return;
	cell->fate = SIM_FATE_LIVE;
	switch (fate) {
	case SIM_FATE_PARK:
		sim_park(sim, cell, "mmio", 0xfee00000);
		break;
	case SIM_FATE_FAIL:
		sim_say(sim, cell, KERNEL_FAILED);
		break;
	case SIM_FATE_SHUT_DOWN:
		sim_say(sim, cell, KERNEL_SHUT_DOWN);
		break;
	case SIM_FATE_MISMATCH:
		sim_say(sim, cell, KERNEL_ABI_MISMATCH);
		break;
	case SIM_FATE_SILENT:
		sim_trace(sim, "silent", cell->kernel.name, 0);
		cell->behaviour = SIM_SILENT;
		break;
	case SIM_FATE_DENY:
		cell->behaviour = SIM_DENY;
		break;
	default:
		cell->behaviour = SIM_MUTE;
		break;
	}
}
