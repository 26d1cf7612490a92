/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Starting the parked CPUs. See start.S for what they did until then.
 */
#include "inmate/apic.h"
#include "inmate/asm.h"
#include "inmate/smp.h"
#include "inmate/timing.h"
#include "memory.h"

#define MAX_APIC_IDS 256
#define POLL_US 100

/* Intel SDM "MP Initialization Protocol": 10 ms from INIT to SIPI, another SIPI if the first has no effect. */
#define INIT_US 10000
#define SIPI_TRIES 10
#define SIPI_PATIENCE_US 100000

_Static_assert(SMP_MAX_CPUS == LAYOUT_CPUS, "CPU blocks");

/* In start.S, next to the 16-bit code. */
extern volatile u64 smp_entry;
extern volatile u32 smp_parked[MAX_APIC_IDS / 32];

static volatile u32 started; /* further CPUs that reached C code */

void smp_secondary(unsigned int cpu);

unsigned int smp_cpu(void)
{
	u16 selector;

	__asm__ volatile("str %0" : "=r"(selector));
	return (unsigned int)(selector - SELECTOR_TSS) / 16;
}

static bool is_parked(u32 id)
{
	return smp_parked[id / 32] & 1U << id % 32;
}

static unsigned int count_parked(void)
{
	unsigned int count = 0;

	for (u32 id = 0; id < MAX_APIC_IDS; id++)
		count += is_parked(id);
	return count;
}

unsigned int smp_wait_parked(unsigned int cpus, u32 timeout_ms)
{
	u64 polls = (u64)timeout_ms * 1000 / POLL_US;

	while (count_parked() < cpus && polls--)
		delay_us(POLL_US);
	return count_parked();
}

/* Starts one parked CPU. A SIPI that came before the INIT was taken is lost, and one too many is ignored. */
static bool start(u32 id)
{
	u32 seen = started;

	apic_send_init(id);
	delay_us(INIT_US);
	for (int tries = 0; tries < SIPI_TRIES; tries++) {
		apic_send_startup(id, 0);
		for (int us = 0; us < SIPI_PATIENCE_US && started == seen; us += POLL_US)
			delay_us(POLL_US);
		if (started != seen)
			return true;
	}
	return false;
}

unsigned int smp_start(void (*entry)(unsigned int cpu))
{
	unsigned int count = 0;

	smp_entry = (u64)entry;
	for (u32 id = 0; id < MAX_APIC_IDS; id++)
		count += is_parked(id) && start(id);
	return count;
}

/** smp_secondary - called by start.S on each further CPU, interrupts off */
void smp_secondary(unsigned int cpu)
{
	interrupts_init_cpu(cpu);
	apic_init();
	__atomic_fetch_add(&started, 1, __ATOMIC_RELEASE);
	((void (*)(unsigned int))smp_entry)(cpu);
}
