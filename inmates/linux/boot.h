/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What lies in memory for a guest Linux: the parts of the boot parameters that the loader looks at, and the setup_data
 * node of a cell.
 */
#ifndef INMATE_LINUX_BOOT_H
#define INMATE_LINUX_BOOT_H

#include "inmate/cell.h"

#define BOOT_PARAMS_ADDRESS 0x1000UL
#define BOOT_PARAMS_KERNEL 0x230     /**< u64: where the kernel lies; the low half counts */
#define BOOT_PARAMS_SETUP_DATA 0x250 /**< u64: first node */

#define KERNEL_ENTRY_64 0x200 /**< from the beginning of the kernel */

#define CELL_NODE_TYPE 6
#define CELL_NODE_MAX_CPUS 255

/** struct cell_node - the cell, as a guest Linux is told */
struct cell_node {
	u64 next;
	u32 type;
	u32 length; /**< of what follows */
	u16 version;
	u16 compatible_version;
	u16 pm_timer_port; /**< 0: none */
	u16 num_cpus;
	u64 mmconfig_base;
	u32 tsc_khz;
	u32 apic_khz;
	u8 has_ioapic;
	u8 apic_ids[CELL_NODE_MAX_CPUS];
	u32 flags; /**< bit n: serial port n is there */
} __attribute__((packed));

_Static_assert(sizeof(struct cell_node) == 16 + 284, "abi: setup_data node, version 2");

/** cell_node_fill - write into @node what the communication page says, and @n_ids APIC IDs */
void cell_node_fill(struct cell_node *node, const struct cell_comm *comm, const volatile u8 *ids, u32 n_ids);

#endif
