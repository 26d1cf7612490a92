/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attacks of a cell on its neighbours and on the hypervisor, one after the other.
 *
 * Command line: attack= number of the first one (from 1). Each is announced by a line that says how it must end:
 *
 *	attack 7 parks mmio 0x101000 a read behind the communication page
 *	attack 8 goes-on - 0x0 ...	and then "ok 8 - ..." or "not ok 8 - ..."
 *
 * Those that park the CPU are judged from outside; whoever does it starts the cell again with the next number. Behind
 * some that went on the cell stops by itself, so that the console's page holds all that was said: the last line is
 * "next NUMBER", or "1..NUMBER" at the end.
 */
#include "attack.h"

#define ATTACKS_PER_RUN 12
#define RFLAGS_TF 0x100
#define NO_EXCEPTION 256
#define VECTOR_NMI 2
#define VECTOR_DOUBLE_FAULT 8

static const struct attacks *const tables[] = {
	&memory_attacks,    &port_attacks,	  &msr_attacks,	   &apic_attacks,
	&hypercall_attacks, &instruction_attacks, &window_attacks,
};

static const char *const end_names[] = { "goes-on", "faults", "parks", "hangs" };

static volatile u64 exception;

u64 attack_map(u64 address)
{
	return (u64)paging_map(address, 64, PAGING_WRITE | PAGING_EXECUTE);
}

/* --- instructions, and what they may do to their caller --- */

u64 guarded_commit(const struct attack *attack, u64 (*commit)(const struct attack *));
extern const u8 guarded_out[];

__asm__(".text\n"
	".globl guarded_commit, guarded_out\n"
	"guarded_commit:\n"
	"	push %rbx\n"
	"	push %rbp\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	push %r15\n"
	"	mov %rsp, guarded_stack\n"
	"	call *%rsi\n"
	"guarded_out:\n"
	"	mov guarded_stack, %rsp\n"
	"	pop %r15\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbp\n"
	"	pop %rbx\n"
	"	ret\n"
	".bss\n"
	"guarded_stack: .quad 0\n"
	".text\n");

/* Leave the attack, whatever it has done to its stack. */
static bool leave(struct interrupt_frame *frame)
{
	exception = frame->vector;
	frame->rip = (u64)guarded_out;
	frame->rflags &= ~RFLAGS_TF;
	return true;
}

u64 attack_call(u64 code, u64 rax, u64 rdi)
{
	u64 rsi = SCRATCH, rcx = 1, rdx = 0;

	__asm__ volatile("call *%[code]"
			 : "+a"(rax), "+D"(rdi), "+S"(rsi), "+c"(rcx), "+d"(rdx)
			 : [code] "b"(code)
			 : "memory", "cc", "r8", "r9", "r10", "r11");
	return rax;
}

u64 attack_run(const struct attack *attack)
{
	u8 *code = (u8 *)attack_map(CODE_AT);

	if (attack->at)
		attack_map(attack->at);
	memcpy(code, attack->code, attack->code_bytes);
	code[attack->code_bytes] = 0xc3; /* RET */
	return attack_call(CODE_AT, attack->value, attack->at);
}

/* --- one attack --- */

static void announce(unsigned int number, const struct attack *a)
{
	printk("attack %u %s %s 0x%llx %s\n", number, end_names[a->end], a->cause ?: "-", (unsigned long long)a->where,
	       a->name);
}

static void report(unsigned int number, const struct attack *a, u64 result)
{
	if (exception != NO_EXCEPTION && (a->end != FAULTS || exception != a->where))
		printk("not ok %u - %s: exception %llu\n", number, a->name, (unsigned long long)exception);
	else if (a->end == FAULTS ? exception != NO_EXCEPTION
				  : a->end == GOES_ON && (a->where == ANYTHING || a->where == result))
		printk("ok %u - %s\n", number, a->name);
	else
		printk("not ok %u - %s: goes on with 0x%llx\n", number, a->name, (unsigned long long)result);
}

static void attempt(unsigned int number, const struct attack *a)
{
	u64 result;

	announce(number, a);
	exception = NO_EXCEPTION;
	result = guarded_commit(a, a->commit);
	report(number, a, result);
}

static void run_from(unsigned int first)
{
	unsigned int number = 0, done = 0;

	for (unsigned int t = 0; t < ARRAY_SIZE(tables); t++)
		for (unsigned int i = 0; i < tables[t]->n; i++) {
			if (++number < first)
				continue;
			if (done++ == ATTACKS_PER_RUN) {
				printk("next %u\n", number);
				return;
			}
			attempt(number, &tables[t]->rows[i]);
		}
	printk("1..%u\n", number);
}

void inmate_run(void)
{
	for (u8 vector = 0; vector < 32; vector++)
		if (vector != VECTOR_NMI && vector != VECTOR_DOUBLE_FAULT)
			exception_handler_set(vector, leave);
	run_from((unsigned int)cmdline_int("attack", 1));
}
