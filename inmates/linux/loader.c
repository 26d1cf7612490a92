/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The Linux loader in 64-bit mode, on the first CPU: completes what the other side of the cell's wall has prepared.
 */
#include "boot.h"
#include "inmate/asm.h"

/* In start.S. */
extern const volatile u32 loader_cpus;
extern const volatile u8 loader_apic_ids[CELL_NODE_MAX_CPUS];

u64 loader_prepare(void);

static u64 boot_param(u32 offset)
{
	return *(const volatile u64 *)(BOOT_PARAMS_ADDRESS + offset);
}

/** loader_prepare - called by start.S with interrupts off. Return: where the kernel is to be entered */
u64 loader_prepare(void)
{
	struct cell_node *node = (struct cell_node *)boot_param(BOOT_PARAMS_SETUP_DATA);
	u64 kernel = (u32)boot_param(BOOT_PARAMS_KERNEL);
	const struct cell_comm *comm = cell_comm();

	cell_init();
	if (!node || node->type != CELL_NODE_TYPE || !kernel)
		cell_stop(CELL_STATE_FAILED);
	while (loader_cpus < comm->x86.num_cpus)
		cpu_relax();
	cell_node_fill(node, comm, loader_apic_ids, loader_cpus);
	return kernel + KERNEL_ENTRY_64;
}
