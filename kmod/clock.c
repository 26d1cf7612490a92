// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frequency of the local APIC timer, which Linux knows but does not tell (lapic_timer_period is not exported), and the
 * hypervisor's time stamps on Linux' clock.
 *
 * Unit: apic_khz of the configuration is the timer's input clock, undivided, in ticks per millisecond. A guest Linux
 * computes lapic_timer_period = apic_khz * (1000 / HZ), and that variable counts undivided ticks: Linux divides it by
 * 16 itself when it programs the timer.
 *
 * Method: while Linux has the timer count down towards its next event, two readings of the counter and of the TSC are
 * enough, and disturb nobody. Where Linux uses the TSC deadline instead, the counter is free to be started.
 */
#include "kmod.h"

#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/preempt.h>
#include <asm/apic.h>
#include <asm/msr.h>
#include <asm/tsc.h>

#define WINDOW_USEC 1000
#define TRIES 40
#define GOOD_ENOUGH 8 /* readings */

/** struct reading - the counter at a moment of the TSC, between begin and end */
struct reading {
	u64 begin, end;
	u32 count;
};

/* Linux' own accessors are not for modules (since 6.5 they are static calls). */
static u32 clock_apic_read(u32 reg)
{
	return x2apic_enabled() ? native_apic_msr_read(reg) : native_apic_mem_read(reg);
}

static void clock_apic_write(u32 reg, u32 value)
{
	if (x2apic_enabled())
		native_apic_msr_write(reg, value);
	else
		native_apic_mem_write(reg, value);
}

/* Intel SDM, "Divide Configuration Register": bits 3, 1, 0 are log2(divisor) - 1, and 7 divides by 1. */
static unsigned int clock_divisor(void)
{
	u32 tdcr = clock_apic_read(APIC_TDCR);

	return 1U << ((((tdcr & 8) >> 1 | (tdcr & 3)) + 1) & 7);
}

static struct reading clock_read(void)
{
	struct reading r;

	r.begin = rdtsc_ordered();
	r.count = clock_apic_read(APIC_TMCCT);
	r.end = rdtsc_ordered();
	return r;
}

/*
 * One measurement, or 0 if the timer stopped or was set anew within the window. The doubt that the time of reading
 * leaves is returned in TSC ticks.
 */
static u32 clock_measure(u64 *doubt)
{
	u64 window = (u64)tsc_khz * WINDOW_USEC / 1000;
	struct reading a = clock_read(), b;
	u64 elapsed;

	do {
		cpu_relax();
		b = clock_read();
	} while (b.begin - a.begin < window);
	if (!b.count || b.count >= a.count)
		return 0;
	*doubt = (a.end - a.begin) + (b.end - b.begin);
	elapsed = (b.begin + b.end) / 2 - (a.begin + a.end) / 2;
	return div64_u64((u64)(a.count - b.count) * tsc_khz * clock_divisor(), elapsed);
}

/* The same with the counter started by us: Linux waits for a TSC deadline, which is put back afterwards. */
static u32 clock_measure_idle_timer(u64 *doubt, u32 lvtt)
{
	u64 deadline;
	u32 khz;

	rdmsrl(MSR_IA32_TSC_DEADLINE, deadline);
	clock_apic_write(APIC_LVTT, (lvtt & APIC_VECTOR_MASK) | APIC_LVT_MASKED | APIC_LVT_TIMER_ONESHOT);
	clock_apic_write(APIC_TMICT, 0xffffffff);
	khz = clock_measure(doubt);
	clock_apic_write(APIC_TMICT, 0);
	clock_apic_write(APIC_LVTT, lvtt);
	/* Intel SDM, "TSC-Deadline Mode": the switch of mode must be done before the MSR is written. */
	mb();
	if (deadline)
		wrmsrl(MSR_IA32_TSC_DEADLINE, deadline);
	return khz;
}

/**
 * clock_apic_khz - measure the local APIC timer's input clock
 *
 * Takes some 10 ms; interrupts are off for 1 ms at a time.
 *
 * Context: process.
 * Return: ticks per millisecond at divisor 1, or -EIO if the timer never ran while it was looked at.
 */
int clock_apic_khz(void)
{
	u64 doubt, least = U64_MAX;
	u32 khz, best = 0, lvtt;
	int try, found = 0;
	unsigned long flags;

	if (!tsc_khz)
		return -EIO;
	for (try = 0; try < TRIES && found < GOOD_ENOUGH; try++) {
		local_irq_save(flags);
		lvtt = clock_apic_read(APIC_LVTT);
		if ((lvtt & APIC_LVT_TIMER_TSCDEADLINE) == APIC_LVT_TIMER_TSCDEADLINE)
			khz = clock_measure_idle_timer(&doubt, lvtt);
		else
			khz = clock_measure(&doubt);
		local_irq_restore(flags);
		if (khz) {
			found++;
			if (doubt < least) {
				least = doubt;
				best = khz;
			}
		}
		usleep_range(100, 500);
	}
	return best ? best : -EIO;
}

/**
 * clock_ns_of - CLOCK_MONOTONIC at a moment of the past
 * @tsc: the moment, as the hypervisor has stamped it; 0: now
 */
u64 clock_ns_of(u64 tsc)
{
	u64 age = rdtsc_ordered() - tsc, now = ktime_get_ns();

	/* Another CPU's TSC may be ahead by a little. */
	if (!tsc || !tsc_khz || (s64)age < 0)
		return now;
	age = mul_u64_u32_div(age, NSEC_PER_MSEC, tsc_khz);
	return age < now ? now - age : 0;
}
