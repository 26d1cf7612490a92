/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Several CPUs in a cell: all start at the reset address, the first one runs the inmate, the others wait parked.
 */
#ifndef INMATE_SMP_H
#define INMATE_SMP_H

#include "types.h"

#define SMP_MAX_CPUS 8

/** smp_cpu - index of this CPU in the inmate: 0 is the first, the others count in order of their start */
unsigned int smp_cpu(void);

/** smp_wait_parked - wait until @cpus CPUs are parked, or @timeout_ms. Return: number of parked CPUs */
unsigned int smp_wait_parked(unsigned int cpus, u32 timeout_ms);

/**
 * smp_start - start all parked CPUs by INIT and SIPI
 * @entry: called on each with IDT, stack and APIC set up, interrupts off; if it returns the CPU halts
 *
 * Return: number of CPUs that came up. Context: first CPU, once.
 */
unsigned int smp_start(void (*entry)(unsigned int cpu));

#endif
