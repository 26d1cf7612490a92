/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hypercalls and CPUID leaves: numbers, arguments, answers.
 *
 * x86: VMMCALL (AMD) or VMCALL (Intel), number in RAX, arguments in RDI and RSI, result in RAX. Unknown numbers
 * answer -ENOSYS. Numbers 0 to 8 are compatible with Jailhouse; those from CELL_HC_PRIVATE on are known to our own
 * kernel module only and may change with it.
 */
#ifndef CELL_ABI_HYPERCALL_H
#define CELL_ABI_HYPERCALL_H

/** Root only, once on each CPU: 0 = this CPU is native again; -EBUSY while cells exist. */
#define CELL_HC_DISABLE 0
/** Root only. arg1: guest-physical address of the configuration. */
#define CELL_HC_CELL_CREATE 1
/**
 * Root only. arg1: cell id, arg2: CELL_HC_FORCE or 0. These three need the cell's consent unless it is passive or in
 * a terminal state: the first call posts a shutdown request and answers -EAGAIN, as do further ones until the cell
 * has replied (then 0 or -EPERM). The hypervisor never waits; CELL_HC_FORCE acts without consent.
 */
#define CELL_HC_CELL_START 2
#define CELL_HC_CELL_SET_LOADABLE 3
#define CELL_HC_CELL_DESTROY 4
#define CELL_HC_INFO 5	     /**< any cell. arg1: CELL_INFO_* */
#define CELL_HC_CELL_STATE 6 /**< root only. arg1: cell id; answers enum cell_comm_state */
#define CELL_HC_CPU_INFO 7   /**< arg1: logical CPU, arg2: CELL_CPU_INFO_*; others than root: own CPUs only */
#define CELL_HC_PUTC 8	     /**< arg1: character; -EPERM without CELL_FLAG_CONSOLE_PERMITTED */

#define CELL_HC_PRIVATE 0x100
/** Root only. arg1: APIC ID, arg2: vector (0: none) of the interrupt that announces new entries of the event ring. */
#define CELL_HC_EVENT_IRQ 0x100
/** Root only. arg1: cell id; answers the page frame number of its communication page, readable by root. */
#define CELL_HC_COMM_PAGE 0x101
/** Root only. arg1: cell id; the same for its console page; -ENOENT also if the cell may not print. */
#define CELL_HC_CONSOLE_PAGE 0x102

#define CELL_HC_FORCE 1 /**< arg2 of start, set loadable, destroy: do not ask the cell */

enum cell_info {
	CELL_INFO_MEM_POOL_SIZE = 0, /**< pages */
	CELL_INFO_MEM_POOL_USED = 1,
	CELL_INFO_REMAP_POOL_SIZE = 2,
	CELL_INFO_REMAP_POOL_USED = 3,
	CELL_INFO_NUM_CELLS = 4, /**< root included */
};

#define CELL_CPU_INFO_STATE 0	     /**< enum cell_cpu_state */
#define CELL_CPU_INFO_STAT_BASE 1000 /**< + enum cell_stat: low 31 bits of the counter */

enum cell_cpu_state { CELL_CPU_RUNNING = 0, CELL_CPU_FAILED = 2 };

/** Exit counters of a CPU, zeroed when it moves to another cell. From 4 on the meaning depends on the architecture. */
enum cell_stat {
	CELL_STAT_TOTAL = 0,
	CELL_STAT_MMIO = 1,
	CELL_STAT_MANAGEMENT = 2,
	CELL_STAT_HYPERCALL = 3,
	CELL_STAT_X86_PIO = 4,
	CELL_STAT_X86_XAPIC = 5,
	CELL_STAT_X86_CR = 6,
	CELL_STAT_X86_CPUID = 7,
	CELL_STAT_X86_XSETBV = 8,
	CELL_STAT_X86_EXCEPTION = 9,
	CELL_STAT_X86_MSR_OTHER = 10,
	CELL_STAT_X86_MSR_X2APIC_ICR = 11,
	CELL_STAT_MAX,
};

/* CPUID leaves of the hypervisor, in every cell. */
#define CELL_CPUID_SIGNATURE 0x40000000U /**< EAX: highest leaf; EBX, ECX, EDX: the 12 bytes below */
#define CELL_CPUID_FEATURES 0x40000001U	 /**< all zero */
#define CELL_CPUID_EBX 0x6c69614aU
#define CELL_CPUID_ECX 0x73756f68U
#define CELL_CPUID_EDX 0x00000065U

#endif
