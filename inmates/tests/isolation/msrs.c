/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attacks by model-specific registers: those that are beyond the permission maps, that would change memory types or
 * the hypervisor's own set-up, and the APIC's, on a machine that runs xAPIC.
 */
#include "attack.h"

#define VECTOR_GP 13
#define MSR_PAT 0x277
#define MSR_EFER 0xc0000080
#define EFER_LME 0x100
#define EFER_SVME 0x1000

static u64 rd(const struct attack *a)
{
	return rdmsr((u32)a->at);
}

static u64 wr(const struct attack *a)
{
	wrmsr((u32)a->at, a->value);
	return 0;
}

static u64 hold(const struct attack *a)
{
	wr(a);
	return rd(a);
}

/* Without the bits that the value has; what is left of them? */
static u64 clear(const struct attack *a)
{
	wrmsr((u32)a->at, rdmsr((u32)a->at) & ~a->value);
	return rdmsr((u32)a->at) & a->value;
}

static u64 set(const struct attack *a)
{
	wrmsr((u32)a->at, rdmsr((u32)a->at) | a->value);
	return 0;
}

#define BEYOND(what, at) PARK("a read of " what, rd, at, 0, "msr"), PARK("a write to " what, wr, at, 0, "msr")
#define PROTECTED(what, at, value) PARK("a write to " what, wr, at, value, "msr")
#define NO_READ(at) FAULT("a read of a register that x2APIC has not, or not to be read", rd, at, 0, VECTOR_GP)
#define NO_WRITE(at) FAULT("a write to a register that x2APIC has not, or not to be written", wr, at, 0, VECTOR_GP)

static const struct attack rows[] = {
	BEYOND("the first MSR behind the first map", 0x2000),
	BEYOND("an MSR of other hypervisors", 0x40000000),
	BEYOND("the first MSR of the other half", 0x80000000),
	BEYOND("the last MSR before the second map", 0xbfffffff),
	BEYOND("the first MSR behind the second map", 0xc0002000),
	BEYOND("the last MSR before the third map", 0xc000ffff),
	BEYOND("the first MSR behind the third map", 0xc0012000),
	BEYOND("the last MSR", 0xffffffff),

	GO_ON("the APIC's base is read", rd, 0x1b, 0, ANYTHING),
	PROTECTED("the APIC's base: off", 0x1b, 0xfee00000),
	PROTECTED("the APIC's base: elsewhere", 0x1b, 0x3a000800),
	PROTECTED("the APIC's base: x2APIC", 0x1b, 0xfee00c00),
	GO_ON("an MTRR is read", rd, 0x200, 0, ANYTHING),
	PROTECTED("the first variable MTRR", 0x200, 0),
	PROTECTED("the mask of the last variable MTRR", 0x20f, 0),
	PROTECTED("the first fixed MTRR", 0x250, 0),
	PROTECTED("the fixed MTRR of the BIOS", 0x26f, 0),
	GO_ON("memory types are switched off", clear, 0x2ff, 0, ANYTHING),
	GO_ON("the PAT holds", hold, MSR_PAT, 0x0001040506070004, 0x0001040506070004),
	PROTECTED("the PAT: type 2", MSR_PAT, 0x0007040600070402),
	PROTECTED("the PAT: type 3", MSR_PAT, 0x0307040600070406),
	PROTECTED("the PAT: type 8", MSR_PAT, 0x0007040608070406),
	PROTECTED("the PAT: type 0x80", MSR_PAT, 0x8007040600070406),
	GO_ON("EFER keeps SVME", clear, MSR_EFER, EFER_SVME, EFER_SVME),
	FAULT("EFER without LME", clear, MSR_EFER, EFER_LME, VECTOR_GP),
	FAULT("EFER with a reserved bit", set, MSR_EFER, 1UL << 20, VECTOR_GP),
	FAULT("EFER with its highest bit", set, MSR_EFER, 1UL << 63, VECTOR_GP),
	PROTECTED("VM_CR", 0xc0010114, 8),
	PROTECTED("the hypervisor's save area", 0xc0010117, 0x3a000000),

	NO_READ(0x800),
	NO_READ(0x801),
	NO_READ(0x804),
	NO_READ(0x80b),
	NO_READ(0x80c),
	NO_READ(0x80e),
	NO_READ(0x829),
	NO_READ(0x82e),
	NO_READ(0x831),
	NO_READ(0x83a),
	NO_READ(0x83f),
	NO_WRITE(0x800),
	NO_WRITE(0x802),
	NO_WRITE(0x803),
	NO_WRITE(0x80a),
	NO_WRITE(0x80d),
	NO_WRITE(0x80e),
	NO_WRITE(0x810),
	NO_WRITE(0x820),
	NO_WRITE(0x829),
	NO_WRITE(0x831),
	NO_WRITE(0x839),
	NO_WRITE(0x83f),
	GO_ON("the APIC's number is the plain one", rd, 0x802, 0, 3),
	GO_ON("the APIC's version is read", rd, 0x803, 0, ANYTHING),
	GO_ON("the task priority holds", hold, 0x808, 0x20, 0x20),
	GO_ON("the processor priority is read", rd, 0x80a, 0, ANYTHING),
	GO_ON("the spurious vector holds", hold, 0x80f, 0x1fe, 0x1fe),
	GO_ON("interrupts in service are read", rd, 0x817, 0, 0),
	GO_ON("the error status is read", rd, 0x828, 0, ANYTHING),
	GO_ON("the ICR is read", rd, 0x830, 0, ANYTHING),
	GO_ON("the divider holds", hold, 0x83e, 0xb, 0xb),
};

const struct attacks msr_attacks = { rows, ARRAY_SIZE(rows) };
