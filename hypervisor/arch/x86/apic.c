// SPDX-License-Identifier: GPL-2.0-only
/*
 * Local APIC: our own use of it, and the moderation of what guests write to it.
 *
 * Cells share the physical APICs of their CPUs with us. Only what could reach a CPU of another cell is looked at: the
 * ICR always, on an xAPIC machine (where the page cannot be trapped in parts) also the destination registers and LVTs.
 */
#include <image.h>
#include <hv/arch.h>
#include <hv/memory.h>
#include <hv/print.h>
#include "apic.h"
#include "asm.h"
#include "host.h"
#include "vcpu.h"

#define APIC_BASE_EXTD (1UL << 10)
#define APIC_BASE_ENABLE (1UL << 11)
#define SVR_RESET 0xff
#define SVR_ENABLE 0x100
#define LVT_MASKED 0x10000
#define DFR_FLAT 0xffffffffU

/* ICR, AMD APM vol.2 16.5. */
#define ICR_VECTOR 0xff
#define FIRST_VECTOR 16 /* of those that an APIC can take */
#define ICR_MODE(icr) ((icr) >> 8 & 7)
#define ICR_MODE_FIXED 0
#define ICR_MODE_LOWEST 1
#define ICR_MODE_NMI 4
#define ICR_MODE_INIT 5
#define ICR_MODE_SIPI 6
#define ICR_LOGICAL (1U << 11)
#define ICR_PENDING (1U << 12)
#define ICR_ASSERT (1U << 14)
#define ICR_LEVEL (1U << 15)
#define ICR_SHORTHAND(icr) ((icr) >> 18 & 3)
#define ICR_SHORTHAND_NONE 0
#define ICR_SHORTHAND_SELF 1
#define ICR_SHORTHAND_ALL 2
#define ICR_SHORTHAND_OTHERS 3
#define ICR_RESERVED 0xfff32000U

static volatile u32 *xapic; /* NULL: x2APIC */
static bool x2apic;

bool apic_x2apic(void)
{
	return x2apic;
}

static u32 reg_read(u32 reg)
{
	return xapic ? xapic[reg * 4] : (u32)msr_read(MSR_X2APIC_FIRST + reg);
}

static void reg_write(u32 reg, u32 value)
{
	if (xapic)
		xapic[reg * 4] = value;
	else
		msr_write(MSR_X2APIC_FIRST + reg, value);
}

/* xAPIC only: the last message has left. */
static void wait_idle(void)
{
	while (reg_read(APIC_ICR) & ICR_PENDING)
		cpu_relax();
}

static void send(u32 apic_id, u32 icr)
{
	u32 high;

	if (!xapic) {
		memory_barrier(); /* WRMSR to x2APIC registers is not serialising (Intel SDM, x2APIC register accesses)
				   */
		msr_write(MSR_X2APIC_ICR, (u64)apic_id << 32 | icr);
		return;
	}
	high = reg_read(APIC_ICR_HIGH);
	wait_idle();
	reg_write(APIC_ICR_HIGH, apic_id << 24);
	reg_write(APIC_ICR, icr);
	wait_idle();
	reg_write(APIC_ICR_HIGH, high);
}

void apic_send_nmi(u32 apic_id)
{
	send(apic_id, ICR_MODE_NMI << 8 | ICR_ASSERT);
}

void apic_send_irq(u32 apic_id, u32 vector)
{
	send(apic_id, (vector & ICR_VECTOR) | ICR_ASSERT);
}

int apic_init(void)
{
	u64 base = msr_read(MSR_APIC_BASE);
	u8 wanted = system_config->x86.apic_mode;

	if (!(base & APIC_BASE_ENABLE))
		return refuse(-EIO, "the local APIC is off");
	x2apic = base & APIC_BASE_EXTD;
	if (wanted != CELL_APIC_AUTO && (wanted == CELL_APIC_X2APIC) != x2apic)
		return refuse(-EIO, "the machine runs %s, the configuration says otherwise",
			      x2apic ? "x2APIC" : "xAPIC");
	if (x2apic)
		return 0;
	if ((base & PAGE_MASK & 0xfffffffffUL) != XAPIC_BASE)
		return refuse(-EIO, "the local APIC is not at 0x%lx", XAPIC_BASE);
	xapic = host_map_device(XAPIC_BASE, PAGE_SIZE);
	return xapic ? 0 : -ENOMEM;
}

int apic_init_cell(struct cell *cell)
{
	int err = memory_hide(cell, XAPIC_BASE, PAGE_SIZE);

	if (err || x2apic)
		return err;
	return paging_map(&cell->stage2, XAPIC_BASE, XAPIC_BASE, PAGE_SIZE, ACCESS_READ | ACCESS_DEVICE, false);
}

static u32 own_ldr(const struct pcpu *cpu)
{
	return cpu->id < 8 ? 1U << (24 + cpu->id) : 0;
}

/* The bits of a logical destination that mean a CPU: of one mask, or of that in the CPU's cluster of 16. */
static u32 logical_bits(const struct pcpu *cpu, u32 dest)
{
	u32 id = cpu->arch.apic_id;

	if (!x2apic)
		return own_ldr(cpu) >> 24;
	return dest >> 16 == id >> 4 ? 1U << (id & 15) : 0;
}

bool apic_narrow(const struct cell *cell, bool logical, u32 *dest)
{
	unsigned int id;
	u32 mask = 0;

	for_each_cpu (id, &cell->cpus) {
		const struct pcpu *cpu = pcpu_of(id);

		if (!logical && *dest == cpu->arch.apic_id)
			return true;
		mask |= logical_bits(cpu, *dest);
	}
	if (!logical || !(*dest & mask))
		return false;
	*dest &= mask | (x2apic ? 0xffff0000 : 0);
	return true;
}

int apic_init_cpu(struct pcpu *cpu)
{
	u32 id = reg_read(APIC_ID), ldr;

	if (((msr_read(MSR_APIC_BASE) & APIC_BASE_EXTD) != 0) != x2apic)
		return refuse(-EIO, "CPU %u runs another APIC mode", cpu->id);
	cpu->arch.apic_id = xapic ? id >> 24 : id;
	if (cpu->arch.apic_id > 254)
		return refuse(-ERANGE, "CPU %u has APIC ID %u", cpu->id, cpu->arch.apic_id);
	if (!xapic)
		return 0;
	ldr = reg_read(APIC_LDR);
	if (reg_read(APIC_DFR) != DFR_FLAT || (ldr && ldr != own_ldr(cpu)))
		return refuse(-EIO, "CPU %u: APIC is not in flat mode (LDR 0x%x)", cpu->id, ldr);
	return 0;
}

void apic_eoi(void)
{
	reg_write(APIC_EOI, 0);
}

/* Take what is pending with our own IDT, whose handlers only acknowledge; then finish what the guest left in service.
 */
static void drain(void)
{
	reg_write(APIC_TPR, 0);
	for (unsigned int round = 0; round < 256; round++) {
		u32 pending = 0, serving = 0;

		for (unsigned int i = 0; i < 8; i++) {
			pending |= reg_read(APIC_IRR + i);
			serving |= reg_read(APIC_ISR + i);
		}
		if (serving) {
			apic_eoi();
		} else if (pending) {
			host_expect_interrupts(true);
			vendor_take_interrupts();
			host_expect_interrupts(false);
		} else {
			break;
		}
	}
}

void apic_clear(void)
{
	u32 lvts = 6;

	for (u32 reg = APIC_LVT_TIMER; lvts; reg++, lvts--)
		reg_write(reg, LVT_MASKED);
	reg_write(APIC_TIMER_INITIAL, 0);
	reg_write(APIC_SVR, SVR_RESET | SVR_ENABLE);
	drain();
	reg_write(APIC_SVR, SVR_RESET);
}

/* --- what guests write --- */

static bool reaches(const struct pcpu *target, u32 dest, bool logical, bool x2apic_format)
{
	u32 id = target->arch.apic_id;

	if (!logical)
		return dest == id || dest == (x2apic_format && x2apic ? 0xffffffffU : 0xff);
	if (x2apic) /* AMD APM vol.2 16.11.1: cluster, and one bit of 16 */
		return dest >> 16 == id >> 4 && dest >> (id & 15) & 1;
	return (dest << 24 & own_ldr(target)) != 0;
}

/* INIT, SIPI: other CPUs of the cell are moved by us, never by the bus. */
static void deliver_startup(struct pcpu *target, u32 icr)
{
	if (ICR_MODE(icr) == ICR_MODE_INIT) {
		if (icr & ICR_LEVEL && !(icr & ICR_ASSERT))
			return;			  /* de-assert */
		WRITE_ONCE(target->arch.sipi, 0); /* one from before is void */
		WRITE_ONCE(target->arch.init, 1);
	} else {
		WRITE_ONCE(target->arch.sipi, 0x100 | (icr & ICR_VECTOR));
	}
	memory_barrier();
	arch_kick(target);
}

static void deliver(struct pcpu *target, u32 icr)
{
	switch (ICR_MODE(icr)) {
	case ICR_MODE_FIXED:
		send(target->arch.apic_id, (icr & ICR_VECTOR) | ICR_ASSERT);
		break;
	case ICR_MODE_INIT:
	case ICR_MODE_SIPI:
		deliver_startup(target, icr);
		break;
	default: /* NMI: cells get none (abi 6.2), Linux looks at its CPUs by it, and stops them */
		if (target->cell == &root_cell)
			apic_send_nmi(target->arch.apic_id);
		break;
	}
}

static bool icr_allowed(u32 icr, u32 shorthand)
{
	u32 mode = ICR_MODE(icr);

	if (icr & ICR_RESERVED)
		return false;
	if (mode == ICR_MODE_FIXED)
		return true;
	if (mode != ICR_MODE_LOWEST && mode != ICR_MODE_NMI && mode != ICR_MODE_INIT && mode != ICR_MODE_SIPI)
		return false;
	return shorthand == ICR_SHORTHAND_NONE || shorthand == ICR_SHORTHAND_OTHERS;
}

/* Every CPU of the cell that the message names gets its own; others never. Lowest priority takes the first. */
static bool guest_icr(struct pcpu *cpu, u32 icr, u32 dest, bool x2apic_format)
{
	u32 shorthand = ICR_SHORTHAND(icr);
	bool lowest = ICR_MODE(icr) == ICR_MODE_LOWEST;
	unsigned int id;

	icr &= ~ICR_PENDING;
	if (!icr_allowed(icr, shorthand))
		return false;
	if (lowest)
		icr &= ~(7U << 8);
	for_each_cpu (id, &cpu->cell->cpus) {
		struct pcpu *target = pcpu_of(id);
		bool hit;

		if (shorthand == ICR_SHORTHAND_NONE)
			hit = reaches(target, dest, icr & ICR_LOGICAL, x2apic_format);
		else
			hit = target == cpu ? shorthand != ICR_SHORTHAND_OTHERS : shorthand != ICR_SHORTHAND_SELF;
		if (!hit)
			continue;
		deliver(target, icr);
		if (lowest)
			break;
	}
	return true;
}

void apic_send_message(const struct cell *cell, u32 dest, bool logical, u32 data)
{
	unsigned int id;

	if ((data & ICR_VECTOR) < FIRST_VECTOR)
		return;
	for_each_cpu (id, &cell->cpus) {
		const struct pcpu *target = pcpu_of(id);

		if (!reaches(target, dest, logical, false))
			continue;
		apic_send_irq(target->arch.apic_id, data);
		if (ICR_MODE(data) == ICR_MODE_LOWEST)
			break;
	}
}

static bool lvt_allowed(u32 reg, u32 value)
{
	u32 mode = value >> 8 & 7;

	if (value & LVT_MASKED)
		return true;
	/* These two have no delivery mode; QEMU's APIC reads one there all the same, and would send an SMI or INIT. */
	if (reg == APIC_LVT_TIMER || reg == APIC_LVT_ERROR)
		return mode == ICR_MODE_FIXED;
	return mode == ICR_MODE_FIXED || mode == ICR_MODE_NMI;
}

bool apic_guest_write(struct pcpu *cpu, u32 reg, u64 value, bool msr, struct violation *v)
{
	bool ok = true;

	*v = (struct violation){ HV_CAUSE_APIC, HV_EVENT_WRITE | (msr ? 8 : 4), reg, "forbidden APIC write" };
	switch (reg) {
	case APIC_ICR:
		return guest_icr(cpu, value, msr ? value >> 32 : reg_read(APIC_ICR_HIGH) >> 24, msr);
	case APIC_ID: /* AMD's can be written: we could not reach the CPU any more */
		ok = value == reg_read(APIC_ID);
		break;
	case APIC_LDR:
		ok = value == own_ldr(cpu);
		break;
	case APIC_DFR:
		ok = value == DFR_FLAT;
		break;
	case APIC_LVT_CMCI:
	case APIC_LVT_TIMER:
	case APIC_LVT_THERMAL:
	case APIC_LVT_PERF:
	case APIC_LVT_LINT0:
	case APIC_LVT_LINT1:
	case APIC_LVT_ERROR:
		ok = lvt_allowed(reg, value);
		break;
	default:
		ok = (reg & ~3U) != APIC_LVT_EXTENDED || lvt_allowed(reg, value);
		break;
	}
	if (ok)
		reg_write(reg, value);
	return ok;
}

bool apic_msr_readable(u32 reg)
{
	return reg == 0x02 || reg == 0x03 || reg == APIC_TPR || reg == 0x0a || reg == APIC_LDR || reg == APIC_SVR ||
	       (reg >= APIC_ISR && reg <= APIC_ESR) || reg == APIC_LVT_CMCI || reg == APIC_ICR ||
	       (reg >= APIC_LVT_TIMER && reg <= APIC_TIMER_CURRENT) || reg == APIC_TIMER_DIVIDE;
}

bool apic_msr_writable(u32 reg)
{
	return reg == APIC_TPR || reg == APIC_EOI || reg == APIC_SVR || reg == APIC_ESR || reg == APIC_LVT_CMCI ||
	       reg == APIC_ICR || (reg >= APIC_LVT_TIMER && reg <= APIC_TIMER_INITIAL) || reg == APIC_TIMER_DIVIDE;
}

u64 apic_guest_msr_read(u32 reg)
{
	if (reg == APIC_ID)
		return this_cpu()->arch.apic_id;
	if (reg == APIC_ICR)
		return (u64)(reg_read(APIC_ICR_HIGH) >> 24) << 32 | reg_read(APIC_ICR);
	return reg_read(reg);
}

void arch_kick(struct pcpu *cpu)
{
	__atomic_add_fetch(&cpu->arch.kicks, 1, __ATOMIC_SEQ_CST);
	apic_send_nmi(cpu->arch.apic_id);
}

void arch_raise_irq(u32 apic_id, u32 vector)
{
	unsigned int id;

	/* Root said where, but only its own CPUs may be hit. */
	for_each_cpu (id, &root_cell.cpus)
		if (pcpu_of(id)->arch.apic_id == apic_id && vector >= FIRST_VECTOR && vector <= 255) {
			apic_send_irq(apic_id, vector);
			return;
		}
}
