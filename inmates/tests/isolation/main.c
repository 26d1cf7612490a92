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
#include "../guard.h"
#include "attack.h"

#define ATTACKS_PER_RUN 12

static const struct attacks *const tables[] = {
	&memory_attacks,    &port_attacks,	  &msr_attacks,	   &apic_attacks,
	&hypercall_attacks, &instruction_attacks, &window_attacks,
};

static const char *const end_names[] = { "goes-on", "faults", "parks", "hangs" };

u64 attack_map(u64 address)
{
	return (u64)paging_map(address, 64, PAGING_WRITE | PAGING_EXECUTE);
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

static void report(unsigned int number, const struct attack *a, u64 exception, u64 result)
{
	if (exception != GUARD_NO_EXCEPTION && (a->end != FAULTS || exception != a->where))
		printk("not ok %u - %s: exception %llu\n", number, a->name, (unsigned long long)exception);
	else if (a->end == FAULTS ? exception != GUARD_NO_EXCEPTION
				  : a->end == GOES_ON && (a->where == ANYTHING || a->where == result))
		printk("ok %u - %s\n", number, a->name);
	else
		printk("not ok %u - %s: goes on with 0x%llx\n", number, a->name, (unsigned long long)result);
}

static u64 commit(const void *attack)
{
	return ((const struct attack *)attack)->commit(attack);
}

static void attempt(unsigned int number, const struct attack *a)
{
	u64 exception, result;

	announce(number, a);
	result = guard(commit, a, &exception);
	report(number, a, exception, result);
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
	guard_init();
	run_from((unsigned int)cmdline_int("attack", 1));
}
