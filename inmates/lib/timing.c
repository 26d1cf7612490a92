/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Time from the time stamp counter.
 */
#include "inmate/asm.h"
#include "inmate/cell.h"
#include "inmate/timing.h"

#define PM_TIMER_HZ 3579545 /* ACPI specification, "Power Management Timer" */
#define PM_TIMER_MASK 0xffffff
#define CALIBRATION_MS 10
#define FALLBACK_KHZ 1000000

static u32 khz;
static u64 tsc_to_ns_mult; /* ns per cycle, 32.32 fixed point */

/* TSC rate from the PM timer, which every cell may read. */
static u32 calibrate(u16 port)
{
	u32 start_pm = inl(port);
	u64 start = tsc_read();

	while (((inl(port) - start_pm) & PM_TIMER_MASK) < PM_TIMER_HZ / 1000 * CALIBRATION_MS)
		cpu_relax();
	return (u32)((tsc_read() - start) / CALIBRATION_MS);
}

void timing_init(void)
{
	const struct cell_comm *comm = cell_comm();

	khz = comm->x86.tsc_khz;
	if (!khz && comm->x86.pm_timer_port)
		khz = calibrate(comm->x86.pm_timer_port);
	if (!khz)
		khz = FALLBACK_KHZ;
	tsc_to_ns_mult = (1000000ULL << 32) / khz;
}

u32 tsc_khz(void)
{
	return khz;
}

u64 tsc_to_ns(u64 tsc)
{
	return (u64)((unsigned __int128)tsc * tsc_to_ns_mult >> 32);
}

u64 ns_to_tsc(u64 ns)
{
	return ns / 1000000 * khz + ns % 1000000 * khz / 1000000;
}

void delay_us(u64 us)
{
	u64 start = tsc_read();
	u64 cycles = ns_to_tsc(us * 1000);

	while (tsc_read() - start < cycles)
		cpu_relax();
}
