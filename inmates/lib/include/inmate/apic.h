/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Local APIC by its x2APIC register interface (MSRs from 0x800 on).
 *
 * The mode is never switched: where the machine runs xAPIC, the hypervisor emulates the MSRs.
 */
#ifndef INMATE_APIC_H
#define INMATE_APIC_H

#include "types.h"

#define APIC_SPURIOUS_VECTOR 0xff
#define APIC_TIMER_DIVIDER 16 /**< timer input is divided by this, always */

/** apic_init - software-enable the APIC of this CPU and find the timer rate. Context: after timing_init() */
void apic_init(void);

/** apic_id - APIC ID of this CPU */
u32 apic_id(void);

/** apic_eoi - end of interrupt; interrupt_dispatch() does this after each handler */
void apic_eoi(void);

/** apic_timer_khz - timer ticks per millisecond */
u32 apic_timer_khz(void);

/**
 * apic_timer_periodic - interrupt at a fixed rate, without any further register access but EOI
 * @vector: interrupt vector, 32 to 254
 * @hz:     rate, 1 to timer rate
 *
 * Return: period in nanoseconds, rounded as the timer rounds it; 0 (and nothing started) for an impossible rate.
 */
u64 apic_timer_periodic(u8 vector, u32 hz);

/** apic_timer_oneshot - interrupt once, @ns nanoseconds from now, cut to what the counter holds */
void apic_timer_oneshot(u8 vector, u64 ns);

/** apic_timer_has_deadline - whether the timer has TSC-deadline mode */
bool apic_timer_has_deadline(void);

/** apic_timer_deadline - interrupt once when the TSC reaches @tsc. Context: apic_timer_has_deadline() */
void apic_timer_deadline(u8 vector, u64 tsc);

/** apic_timer_stop - no further timer interrupts */
void apic_timer_stop(void);

/** apic_send_ipi - interrupt the CPU with APIC ID @dest */
void apic_send_ipi(u32 dest, u8 vector);

/** apic_send_init - put a CPU of this cell into wait-for-SIPI */
void apic_send_init(u32 dest);

/** apic_send_startup - start a waiting CPU of this cell at @address: page aligned, below 1 MiB */
void apic_send_startup(u32 dest, u32 address);

/** apic_write_icr - raw write of the interrupt command register, for tests */
void apic_write_icr(u64 value);

#endif
