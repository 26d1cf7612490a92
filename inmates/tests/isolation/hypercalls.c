/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attacks by hypercalls: those that are root's, numbers and arguments that do not exist, and callers that may not call.
 */
#include "attack.h"

#define EPERM 1
#define EINVAL 22
#define ENOSYS 38
#define FAILED(error) (-(u64)(error))

/* @at: number, @value: first argument. */
static u64 call(const struct attack *a)
{
	return (u64)hypercall(a->at, a->value, 0);
}

/* @value: CPU; its state. */
static u64 cpu_state(const struct attack *a)
{
	return (u64)hypercall(CELL_HC_CPU_INFO, a->value, CELL_CPU_INFO_STATE);
}

/* @value: what about its own CPU. */
static u64 own_cpu(const struct attack *a)
{
	return (u64)hypercall(CELL_HC_CPU_INFO, 3, a->value);
}

/* A call leaves all registers alone but RAX. @value: the bits of the argument that matter. */
static u64 keeps_registers(const struct attack *a)
{
	u64 rax = CELL_HC_INFO, rbx = 1, rcx = 2, rdx = 3, rsi = 4, rdi = a->value, ok;
	register u64 r8 __asm__("r8") = 8;
	register u64 r11 __asm__("r11") = 11;

	__asm__ volatile("vmmcall"
			 : "+a"(rax), "+b"(rbx), "+c"(rcx), "+d"(rdx), "+S"(rsi), "+D"(rdi), "+r"(r8), "+r"(r11)
			 :
			 : "memory");
	ok = rbx == 1 && rcx == 2 && rdx == 3 && rsi == 4 && rdi == a->value && r8 == 8 && r11 == 11;
	return ok ? rax : 0;
}

#define ROOT_ONLY(what, number) GO_ON(what, call, number, 1, FAILED(EPERM))
#define UNKNOWN(what, number) GO_ON(what, call, number, 0, FAILED(ENOSYS))

static const struct attack rows[] = {
	ROOT_ONLY("disable the hypervisor", CELL_HC_DISABLE),
	ROOT_ONLY("create a cell", CELL_HC_CELL_CREATE),
	ROOT_ONLY("start a cell", CELL_HC_CELL_START),
	ROOT_ONLY("set a cell loadable", CELL_HC_CELL_SET_LOADABLE),
	ROOT_ONLY("destroy a cell", CELL_HC_CELL_DESTROY),
	ROOT_ONLY("ask for a cell's state", CELL_HC_CELL_STATE),
	ROOT_ONLY("take the hypervisor's events", CELL_HC_EVENT_IRQ),
	ROOT_ONLY("ask for a communication page", CELL_HC_COMM_PAGE),
	ROOT_ONLY("ask for a console page", CELL_HC_CONSOLE_PAGE),
	UNKNOWN("a number between the calls", 9),
	UNKNOWN("a large number", 0x7fffffff),
	UNKNOWN("a negative number", ~0UL),
	UNKNOWN("a good number with bit 32", 1UL << 32 | CELL_HC_INFO),
	UNKNOWN("a number of root's with bit 63", 1UL << 63 | CELL_HC_DISABLE),
	GO_ON("unknown information", call, CELL_HC_INFO, 1000, FAILED(EINVAL)),
	GO_ON("information with bit 32", call, CELL_HC_INFO, 1UL << 32, FAILED(EINVAL)),
	GO_ON("the state of root's CPU", cpu_state, 0, 0, FAILED(EPERM)),
	GO_ON("the state of the neighbour's CPU", cpu_state, 0, 2, FAILED(EPERM)),
	GO_ON("the state of its own CPU", cpu_state, 0, 3, CELL_CPU_RUNNING),
	GO_ON("the state of a CPU that is not there", cpu_state, 0, 4, FAILED(EINVAL)),
	GO_ON("the state of a CPU far away", cpu_state, 0, 0xffffffff, FAILED(EINVAL)),
	GO_ON("the state of its own CPU with bit 32", cpu_state, 0, 1UL << 32 | 3, FAILED(EINVAL)),
	GO_ON("an unknown fact of its own CPU", own_cpu, 0, 1, FAILED(EINVAL)),
	GO_ON("a counter beyond the last", own_cpu, 0, CELL_CPU_INFO_STAT_BASE + 1000, FAILED(EINVAL)),
	GO_ON("a call leaves the other registers alone", keeps_registers, 0, CELL_INFO_NUM_CELLS, 3),
};

const struct attacks hypercall_attacks = { rows, ARRAY_SIZE(rows) };
