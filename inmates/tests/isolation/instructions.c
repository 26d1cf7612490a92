/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attacks by instructions that belong to hypervisors, or that would lose what others have written; and ways to keep the
 * CPU busy, or away, for ever, which must not keep root from stopping the cell.
 */
#include "attack.h"

#define VECTOR_DEBUG 1
#define VECTOR_INVALID_OPCODE 6
#define STORM_VECTOR 0x60

/* No descriptor for any interrupt, then one. */
static u64 triple_fault(const struct attack *a)
{
	memset((void *)attack_map(SCRATCH), 0, 16);
	return attack_run(a);
}

static __attribute__((noreturn)) u64 endless(const struct attack *a)
{
	(void)a;
	for (;;)
		__asm__ volatile("cli");
}

static __attribute__((noreturn)) u64 halt(const struct attack *a)
{
	(void)a;
	cpu_halt_forever();
}

/* Wait for a start-up message that nobody sends. */
static __attribute__((noreturn)) u64 init_itself(const struct attack *a)
{
	(void)a;
	apic_send_init(apic_id());
	for (;;)
		cpu_relax();
}

/* Each interrupt sends the next one. (A timer of a short period would keep the emulator busy, not only this CPU.) */
static void interrupt_again(void)
{
	apic_send_ipi(apic_id(), STORM_VECTOR);
}

static __attribute__((noreturn)) u64 interrupt_storm(const struct attack *a)
{
	(void)a;
	irq_handler_set(STORM_VECTOR, interrupt_again);
	interrupt_again();
	interrupts_enable();
	for (;;)
		cpu_relax();
}

static __attribute__((noreturn)) u64 exit_storm(const struct attack *a)
{
	for (;;)
		hypercall(a->at, 0, 0);
}

static const struct attack rows[] = {
	PARK_CODE("VMRUN", attack_run, 0, SCRATCH, "\x0f\x01\xd8"),
	PARK_CODE("VMLOAD", attack_run, 0, SCRATCH, "\x0f\x01\xda"),
	PARK_CODE("VMSAVE", attack_run, 0, SCRATCH, "\x0f\x01\xdb"),
	PARK_CODE("VMSAVE over the hypervisor", attack_run, 0, 0x3a000000, "\x0f\x01\xdb"),
	PARK_CODE("STGI", attack_run, 0, 0, "\x0f\x01\xdc"),
	PARK_CODE("CLGI", attack_run, 0, 0, "\x0f\x01\xdd"),
	PARK_CODE("SKINIT", attack_run, 0, SCRATCH, "\x0f\x01\xde"),
	PARK_CODE("INVLPGA", attack_run, 0, 0, "\x0f\x01\xdf"),
	/* Not INVD: QEMU 7.2 asks whether WBINVD is intercepted, instead. */
	FAULT_CODE("VMCALL, which is Intel's", attack_run, 0, CELL_HC_INFO, "\x0f\x01\xc1", VECTOR_INVALID_OPCODE),
	FAULT_CODE("VMXOFF, which is Intel's", attack_run, 0, 0, "\x0f\x01\xc4", VECTOR_INVALID_OPCODE),
	FAULT_CODE("an invalid opcode", attack_run, 0, 0, "\x0f\x0b", VECTOR_INVALID_OPCODE),
	/* POPF that sets the trap flag. */
	FAULT_CODE("a single step", attack_run, 0, 0, "\x9c\x81\x0c\x24\x00\x01\x00\x00\x9d\x90", VECTOR_DEBUG),
	GO_ON_CODE("WBINVD", attack_run, 0, 1, "\x0f\x09", 1),
	GO_ON_CODE("CLFLUSH", attack_run, SCRATCH, 1, "\x0f\xae\x3f", 1),
	GO_ON_CODE("RDTSC", attack_run, 0, 0, "\x0f\x31", ANYTHING),
	/* LIDT (RSI), UD2 */
	PARK_CODE_AT("a triple fault", triple_fault, 0, 0, "\x0f\x01\x1e\x0f\x0b", "triple-fault", CODE_AT + 3),

	HANG("an endless loop without interrupts", endless, 0, 0),
	HANG("HLT without interrupts", halt, 0, 0),
	/* Not debug exceptions without end, by a breakpoint on their stack: the emulator dies of them. */
	HANG("an INIT to itself", init_itself, 0, 0),
	HANG("a storm of interrupts", interrupt_storm, 0, 0),
	HANG("a storm of hypercalls", exit_storm, CELL_HC_INFO, 0),
};

const struct attacks instruction_attacks = { rows, ARRAY_SIZE(rows) };
