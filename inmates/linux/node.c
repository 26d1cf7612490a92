/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fills the part of the setup_data node that is known in the cell only.
 */
#include "boot.h"

void cell_node_fill(struct cell_node *node, const struct cell_comm *comm, const volatile u8 *ids, u32 n_ids)
{
	u32 cpus = n_ids < CELL_NODE_MAX_CPUS ? n_ids : CELL_NODE_MAX_CPUS;

	node->pm_timer_port = comm->x86.pm_timer_port;
	node->num_cpus = (u16)cpus;
	node->mmconfig_base = comm->mmconfig_base;
	node->tsc_khz = comm->x86.tsc_khz;
	node->apic_khz = comm->x86.apic_khz;
	for (u32 i = 0; i < cpus; i++)
		node->apic_ids[i] = ids[i];
}
