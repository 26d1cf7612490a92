/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypercalls, one inline each; nothing else in the module issues them.
 *
 * Each is safe also where there is no hypervisor: VMMCALL faults natively, and the fault becomes -ENODEV. So a reader
 * of a counter needs no lock against disabling.
 */
#ifndef JAILHOUSE_HYPERCALL_H
#define JAILHOUSE_HYPERCALL_H

#include <linux/errno.h>
#include <asm/asm.h>
#include <asm/extable_fixup_types.h>

#include "hypervisor/abi/hypercall.h"

static __always_inline long hypercall(u32 number, u64 arg1, u64 arg2)
{
	long result = number;

	/* clang-format off */
	asm volatile("1: vmmcall\n2:\n"
		     _ASM_EXTABLE_TYPE_REG(1b, 2b, EX_TYPE_IMM_REG | EX_DATA_IMM(-ENODEV), %[result])
		     : [result] "+a"(result)
		     : "D"(arg1), "S"(arg2)
		     : "memory");
	/* clang-format on */
	return result;
}

/**
 * hypercall_cell_create - make a cell; stops all CPUs of root meanwhile
 * @config: guest-physical address of the configuration, contiguous
 *
 * Context: any CPU of root that the new cell does not ask for.
 * Return: 0, or what abi.md 1.3 lists.
 */
static inline int hypercall_cell_create(phys_addr_t config)
{
	return hypercall(CELL_HC_CELL_CREATE, config, 0);
}

/**
 * hypercall_cell - start, set loadable or destroy a cell
 * @call: CELL_HC_CELL_START, _SET_LOADABLE or _DESTROY
 * @id: the cell
 * @force: CELL_HC_FORCE or 0
 *
 * Return: 0, -EAGAIN the cell was asked and has not answered, -EPERM it refused or another cell is locked, -ENOENT,
 * -EINVAL root, or -ENOMEM.
 */
static inline int hypercall_cell(u32 call, u32 id, u32 force)
{
	return hypercall(call, id, force);
}

/** hypercall_info - Return: CELL_INFO_* @type, or a negative error */
static inline int hypercall_info(enum cell_info type)
{
	return hypercall(CELL_HC_INFO, type, 0);
}

/** hypercall_cell_state - Return: enum cell_comm_state of cell @id, -EINVAL if its state word is none, -ENOENT */
static inline int hypercall_cell_state(u32 id)
{
	return hypercall(CELL_HC_CELL_STATE, id, 0);
}

/** hypercall_cpu_state - Return: enum cell_cpu_state of logical CPU @cpu, or a negative error */
static inline int hypercall_cpu_state(unsigned int cpu)
{
	return hypercall(CELL_HC_CPU_INFO, cpu, CELL_CPU_INFO_STATE);
}

/** hypercall_cpu_counter - Return: exit counter @stat of logical CPU @cpu (31 bits), or a negative error */
static inline int hypercall_cpu_counter(unsigned int cpu, enum cell_stat stat)
{
	return hypercall(CELL_HC_CPU_INFO, cpu, CELL_CPU_INFO_STAT_BASE + stat);
}

/** hypercall_event_irq - announce events by interrupt @vector (0: not at all) of the CPU with APIC ID @apic_id */
static inline int hypercall_event_irq(u32 apic_id, u32 vector)
{
	return hypercall(CELL_HC_EVENT_IRQ, apic_id, vector);
}

/** hypercall_comm_page - Return: page frame number of the communication page of cell @id, or a negative error */
static inline long hypercall_comm_page(u32 id)
{
	return hypercall(CELL_HC_COMM_PAGE, id, 0);
}

/** hypercall_console_page - the same for the console page; -ENOENT if the cell may not print */
static inline long hypercall_console_page(u32 id)
{
	return hypercall(CELL_HC_CONSOLE_PAGE, id, 0);
}

#endif
