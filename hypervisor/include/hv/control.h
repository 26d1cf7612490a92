/* SPDX-License-Identifier: GPL-2.0-only */
/* Control of other CPUs: suspend, resume, park; the hypercalls. */
#ifndef HV_CONTROL_H
#define HV_CONTROL_H

#include <hv/cell.h>

/** Serialises everything that changes cells; taken with spin_trylock() only. */
extern struct spinlock control_lock;

/**
 * control_suspend() - hold the CPUs of a cell in the hypervisor
 * @cell: whose CPUs; the calling one is left out
 *
 * Context: control lock. Waits for hypervisor code on the other CPUs only, never for a guest.
 */
void control_suspend(struct cell *cell);

/** control_resume() - let them go on, after what the fields in pcpu.shared ask for */
void control_resume(struct cell *cell);

/**
 * control_wait() - a CPU's side of the above
 *
 * Context: called on each management kick, outside of all locks.
 */
void control_wait(struct pcpu *cpu);

struct violation;

/** control_violation() - report, mark as failed and park the calling CPU; its cell fails with its last CPU */
void control_violation(struct pcpu *cpu, const struct violation *v);

/**
 * hypercall() - carry one out
 * @cpu: caller
 * @code: RAX, all 64 bits
 * @arg1: first argument
 * @arg2: second
 *
 * Return: what the guest sees. Not CELL_HC_DISABLE with verdict 0, which does not return here.
 */
s64 hypercall(struct pcpu *cpu, u64 code, u64 arg1, u64 arg2);

/** setup_cpu() - first C code on each CPU; see setup.c */
int setup_cpu(unsigned int cpu_id);

#endif
