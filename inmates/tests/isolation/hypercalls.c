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

/* --- from other modes --- */

#define SELECTOR_CODE32 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_CODE64 0x18
#define SELECTOR_DATA1 0xa0 /* behind those of the library */
#define SELECTOR_CODE1 0xa8
#define SELECTOR_DATA3 0xb0
#define SELECTOR_CODE3 0xb8
#define VECTOR_INVALID_OPCODE 6
#define TSS_RSP0 4 /* AMD APM vol.2 12.2.5 */
#define PTE_USER 4
#define FAR(cs, ss) ((u64)(ss) << 16 | (cs))

static struct descriptors {
	u16 limit;
	u64 base;
} __attribute__((packed)) gdt;

static volatile u64 saved_rsp, saved_rip;

/* The library's segments, then those of other rings. */
static void add_segments(void)
{
	static u64 table[SELECTOR_CODE3 / 8 + 1];

	__asm__ volatile("sgdt %0" : "=m"(gdt));
	memcpy(table, (void *)gdt.base, SELECTOR_DATA1);
	table[SELECTOR_DATA1 / 8] = 0x00cfb3000000ffff;
	table[SELECTOR_CODE1 / 8] = 0x00afbb000000ffff;
	table[SELECTOR_DATA3 / 8] = 0x00cff3000000ffff;
	table[SELECTOR_CODE3 / 8] = 0x00affb000000ffff;
	gdt = (struct descriptors){ sizeof(table) - 1, (u64)table };
	__asm__ volatile("lgdt %0" : : "m"(gdt));
}

/* Where exceptions of other rings find a stack. */
static void set_stack(u64 top)
{
	u64 descriptor;
	u16 selector;

	__asm__ volatile("str %0" : "=r"(selector));
	descriptor = *(u64 *)(gdt.base + selector);
	*(u64 *)((descriptor >> 16 & 0xffffff) + TSS_RSP0) = top;
}

static void let_user_execute(u64 address)
{
	u64 *pml4 = (u64 *)read_cr3(), *pdpt = (u64 *)(*pml4 & ~0xfffUL), *pd = (u64 *)(*pdpt & ~0xfffUL);

	*pml4 |= PTE_USER;
	*pdpt |= PTE_USER;
	pd[address >> 21] |= PTE_USER;
	__asm__ volatile("mov %0, %%cr3" : : "r"(pml4) : "memory");
}

static bool come_back(struct interrupt_frame *frame)
{
	frame->rip = saved_rip;
	frame->rsp = saved_rsp;
	frame->cs = SELECTOR_CODE64;
	frame->ss = SELECTOR_DATA;
	return true;
}

/* By segments @at: ask for information @value, in whatever mode they are for. */
static u64 call_from(const struct attack *a)
{
	static const u8 code[] = { 0x0f, 0x01, 0xd9, 0x0f, 0x0b }; /* VMMCALL, UD2 */
	u64 rax = CELL_HC_INFO, ss = a->at >> 16, cs = a->at & 0xffff;

	memcpy((void *)attack_map(CODE_AT), code, sizeof(code));
	add_segments();
	set_stack(SCRATCH + 2 * PAGE_BYTES);
	let_user_execute(CODE_AT);
	exception_handler_set(VECTOR_INVALID_OPCODE, come_back);
	__asm__ volatile("mov %%rsp, %[saved_rsp]\n"
			 "movq $1f, %[saved_rip]\n"
			 "push %[ss]; push %[rsp]; push $2; push %[cs]; push %[rip]; iretq\n"
			 "1:"
			 : "+a"(rax), [saved_rsp] "=m"(saved_rsp), [saved_rip] "=m"(saved_rip)
			 : [ss] "r"(ss), [cs] "r"(cs), [rsp] "r"(SCRATCH + PAGE_BYTES), [rip] "r"(CODE_AT),
			   "D"(a->value)
			 : "memory", "cc");
	return rax;
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
	GO_ON("a call from ring 3", call_from, FAR(SELECTOR_CODE3 | 3, SELECTOR_DATA3 | 3), CELL_INFO_NUM_CELLS,
	      FAILED(EPERM)),
	GO_ON("a call from ring 1", call_from, FAR(SELECTOR_CODE1 | 1, SELECTOR_DATA1 | 1), CELL_INFO_NUM_CELLS,
	      FAILED(EPERM)),
	GO_ON("a call from 32-bit code", call_from, FAR(SELECTOR_CODE32, SELECTOR_DATA), CELL_INFO_NUM_CELLS, 3),
	GO_ON("a call from 32-bit code with bit 32 in its argument", call_from, FAR(SELECTOR_CODE32, SELECTOR_DATA),
	      1UL << 32 | CELL_INFO_NUM_CELLS, 3),
	GO_ON("a call leaves the other registers alone", keeps_registers, 0, CELL_INFO_NUM_CELLS, 3),
};

const struct attacks hypercall_attacks = { rows, ARRAY_SIZE(rows) };
