/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Time from the time stamp counter, which the hypervisor neither traps nor offsets.
 */
#ifndef INMATE_TIMING_H
#define INMATE_TIMING_H

#include "types.h"

/** timing_init - take the TSC rate from the communication page, or measure it against the PM timer */
void timing_init(void);

/** tsc_khz - TSC rate */
u32 tsc_khz(void);

/** tsc_read - time stamp counter, not before preceding loads are done */
static inline u64 tsc_read(void)
{
	u32 low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
}

/** tsc_to_ns - duration in nanoseconds */
u64 tsc_to_ns(u64 tsc);

/** ns_to_tsc - duration in TSC cycles */
u64 ns_to_tsc(u64 ns);

/** delay_us - spin */
void delay_us(u64 us);

#endif
