/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attacks by interrupts: messages to CPUs of others by each mode, destination and shorthand, registers whose contents
 * would reach them, and the APIC's page. That the others got nothing is looked at from outside.
 *
 * The cell has CPU 3, the neighbour has CPU 2, root has 0 and 1; their APICs have the same numbers.
 */
#include "attack.h"

#define VECTOR 0x55
#define PAGE 0xfee00000UL
#define PAGE_ICR 0x300
#define PAGE_ICR_HIGH 0x310
#define MSR_APIC 0x800

#define TO(cpu) ((u64)(cpu) << 32)
#define LOWEST 0x100
#define SMI 0x200
#define RESERVED_MODE 0x300
#define NMI 0x400
#define INIT 0x500
#define STARTUP 0x600
#define EXTERNAL 0x700
#define LOGICAL 0x800
#define ASSERT 0x4000
#define LEVEL 0x8000
#define SELF 0x40000
#define ALL 0x80000
#define OTHERS 0xc0000

static volatile u32 arrived;

static void count(void)
{
	arrived++;
}

/* What came here, if anything. */
static u64 listen(void)
{
	interrupts_enable();
	for (int i = 0; i < 10000 && !arrived; i++)
		cpu_relax();
	interrupts_disable();
	return arrived;
}

static u64 icr(const struct attack *a)
{
	arrived = 0;
	irq_handler_set(VECTOR, count);
	apic_write_icr(a->value);
	return listen();
}

static volatile u32 *apic_page(u64 offset)
{
	return (volatile u32 *)(attack_map(PAGE) + offset);
}

static u64 icr_by_page(const struct attack *a)
{
	arrived = 0;
	irq_handler_set(VECTOR, count);
	*apic_page(PAGE_ICR_HIGH) = (u32)(a->value >> 32) << 24;
	*apic_page(PAGE_ICR) = (u32)a->value;
	return listen();
}

static u64 by_msr(const struct attack *a)
{
	wrmsr(MSR_APIC + (u32)a->at, a->value);
	return 0;
}

static u64 by_page(const struct attack *a)
{
	*apic_page(a->at << 4) = (u32)a->value;
	return 0;
}

static u64 read_page(const struct attack *a)
{
	return *apic_page(a->at);
}

/* An interrupt of vector @value is pending when the CPU is parked: the hypervisor has to get rid of it. */
static u64 leave_pending(const struct attack *a)
{
	apic_write_icr(TO(apic_id()) | ASSERT | a->value);
	outb((u16)a->at, 0);
	return 0;
}

#define PENDING(vector) PARK("a violation with an interrupt pending: " #vector, leave_pending, 0x70, vector, "pio")

#define NOTHING(what, value) GO_ON(what, icr, 0, value, 0)
#define EACH(what, value)                                                                                        \
	NOTHING(what " to the first CPU", TO(0) | (value)), NOTHING(what " to the second CPU", TO(1) | (value)), \
		NOTHING(what " to the neighbour's CPU", TO(2) | (value)),                                        \
		NOTHING(what " to a CPU that is not there", TO(9) | (value)),                                    \
		NOTHING(what " to the CPUs of others", TO(7) | LOGICAL | (value)),                               \
		NOTHING(what " to all others", OTHERS | (value))
#define FORBIDDEN(what, value) PARK_AT(what, icr, 0, value, "apic", 0x30)

static const struct attack rows[] = {
	EACH("an interrupt", ASSERT | VECTOR),
	EACH("a level-triggered interrupt", ASSERT | LEVEL | VECTOR),
	EACH("an interrupt of lowest priority", ASSERT | LOWEST | VECTOR),
	EACH("an NMI", ASSERT | NMI),
	EACH("an INIT", ASSERT | INIT),
	EACH("a level-triggered INIT", ASSERT | LEVEL | INIT),
	EACH("the end of an INIT", LEVEL | INIT),
	EACH("a start-up message", ASSERT | STARTUP | 0x08),
	GO_ON("an interrupt to itself", icr, 0, TO(3) | ASSERT | VECTOR, 1),
	GO_ON("an interrupt to itself by shorthand", icr, 0, SELF | ASSERT | VECTOR, 1),
	GO_ON("an interrupt to all reaches itself only", icr, 0, ALL | ASSERT | VECTOR, 1),
	GO_ON("an interrupt to every number reaches itself only", icr, 0, TO(0xff) | ASSERT | VECTOR, 1),
	GO_ON("an interrupt to all logical CPUs reaches itself only", icr, 0, TO(0xff) | LOGICAL | ASSERT | VECTOR, 1),
	GO_ON("an interrupt to the neighbour by the page", icr_by_page, 0, TO(2) | ASSERT | VECTOR, 0),
	GO_ON("an NMI to the neighbour by the page", icr_by_page, 0, TO(2) | ASSERT | NMI, 0),
	GO_ON("an INIT to root by the page", icr_by_page, 0, TO(1) | ASSERT | INIT, 0),
	GO_ON("an interrupt to itself by the page", icr_by_page, 0, TO(3) | ASSERT | VECTOR, 1),
	GO_ON("an NMI to itself is ignored", icr, 0, TO(3) | ASSERT | NMI, 0),

	FORBIDDEN("an SMI to the first CPU", TO(0) | ASSERT | SMI),
	FORBIDDEN("an SMI to itself", TO(3) | ASSERT | SMI),
	FORBIDDEN("an SMI to all", ALL | ASSERT | SMI),
	FORBIDDEN("a message of the reserved mode", TO(2) | ASSERT | RESERVED_MODE),
	FORBIDDEN("an external interrupt", TO(2) | ASSERT | EXTERNAL),
	FORBIDDEN("lowest priority to itself by shorthand", SELF | ASSERT | LOWEST | VECTOR),
	FORBIDDEN("an NMI to itself by shorthand", SELF | ASSERT | NMI),
	FORBIDDEN("an INIT to itself by shorthand", SELF | ASSERT | INIT),
	FORBIDDEN("a start-up message to itself by shorthand", SELF | ASSERT | STARTUP),
	FORBIDDEN("lowest priority to all", ALL | ASSERT | LOWEST | VECTOR),
	FORBIDDEN("an NMI to all", ALL | ASSERT | NMI),
	FORBIDDEN("an INIT to all", ALL | ASSERT | INIT),
	FORBIDDEN("a start-up message to all", ALL | ASSERT | STARTUP),
	FORBIDDEN("reserved bit 13 of the ICR", TO(3) | ASSERT | VECTOR | 0x2000),
	FORBIDDEN("reserved bit 16 of the ICR", TO(3) | ASSERT | VECTOR | 0x10000),
	FORBIDDEN("reserved bit 31 of the ICR", TO(3) | ASSERT | VECTOR | 0x80000000),
	PARK_AT("an NMI to all by the page", icr_by_page, 0, ALL | ASSERT | NMI, "apic", 0x30),
	PARK_AT("an SMI by the page", icr_by_page, 0, TO(0) | ASSERT | SMI, "apic", 0x30),

	PENDING(1),
	PENDING(3),
	PENDING(8),
	PENDING(12),
	PENDING(13),
	PENDING(14),
	PENDING(16),
	PENDING(17),
	PENDING(18),
	PENDING(30),
	PENDING(255),
	PARK("an SMI by the timer", by_msr, 0x32, SMI, "apic"),
	PARK("an SMI by the performance counters", by_msr, 0x34, SMI, "apic"),
	PARK("an SMI by LINT0", by_msr, 0x35, SMI, "apic"),
	PARK("an INIT by LINT0", by_msr, 0x35, INIT, "apic"),
	PARK("an external interrupt by LINT1", by_msr, 0x36, EXTERNAL, "apic"),
	PARK("an SMI by an error of the APIC", by_msr, 0x37, SMI, "apic"),
	PARK("an SMI by LINT0, by the page", by_page, 0x35, SMI, "apic"),
	GO_ON("a masked SMI by LINT0", by_msr, 0x35, 0x10000 | SMI, 0),
	PARK("another number for its APIC", by_page, 0x02, 0x02000000, "apic"),
	PARK("another logical number for its APIC", by_page, 0x0d, 0x04000000, "apic"),
	PARK("all logical numbers for its APIC", by_page, 0x0d, 0xff000000, "apic"),
	PARK("another model of destinations", by_page, 0x0e, 0x0fffffff, "apic"),
	GO_ON("the logical number that it has", by_page, 0x0d, 0x08000000, 0),
	GO_ON("its number by the page", read_page, 0x20, 0, 0x03000000),
	GO_ON("the task priority by the page", by_page, 0x08, 0x10, 0),

	PARK("a byte to the APIC's page", attack_write1, PAGE + 0x80, 0, "mmio"),
	PARK("8 bytes to the APIC's page", attack_write8, PAGE + 0x80, 0, "mmio"),
	PARK("a write between the APIC's registers", attack_write4, PAGE + 0x304, 0, "mmio"),
	PARK("a jump to the APIC's page", attack_jump, PAGE, 0, "mmio"),
	PARK_CODE("an addition to the APIC's page", attack_run, PAGE + 0x80, 0, "\x01\x07"),
	PARK_CODE("a string to the APIC's page", attack_run, PAGE + 0x80, 0, "\xab"),
};

const struct attacks apic_attacks = { rows, ARRAY_SIZE(rows) };
