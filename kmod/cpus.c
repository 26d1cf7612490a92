// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs between Linux and cells: taken off line before a cell gets them, brought back after it is gone.
 *
 * Linux must not try to start a CPU that a cell owns: it would send INIT into the void and wait for ten seconds. So a
 * hotplug callback refuses at once.
 */
#include "kmod.h"

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>

static cpumask_t lent; /* CPUs of all cells but root */
static int hotplug_state;

static int cpus_prepare(unsigned int cpu)
{
	return cpumask_test_cpu(cpu, &lent) ? -EBUSY : 0;
}

/** cpus_init - Return: 0, or what the hotplug core says */
int cpus_init(void)
{
	hotplug_state = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "jailhouse:prepare", cpus_prepare, NULL);
	return hotplug_state < 0 ? hotplug_state : 0;
}

void cpus_exit(void)
{
	cpuhp_remove_state_nocalls(hotplug_state);
}

/**
 * cpus_take - take a cell's CPUs from Linux
 * @kc: the new cell; offlined is filled in
 *
 * Context: hv_lock.
 * Return: 0; or why a CPU could not go off line, all are back then.
 */
int cpus_take(struct kcell *kc)
{
	unsigned int cpu;
	int err;

	cpumask_clear(&kc->offlined);
	/* First close the way up, then take down: so no CPU slips through between the two. */
	cpumask_or(&lent, &lent, &kc->cpus);
	for_each_cpu (cpu, &kc->cpus) {
		err = remove_cpu(cpu); /* 1: was off line already */
		if (err < 0) {
			refuse(err, "cell %s: CPU %u cannot go off line (%d)", kcell_name(kc), cpu, err);
			cpus_give(kc);
			return err;
		}
		if (!err)
			cpumask_set_cpu(cpu, &kc->offlined);
	}
	return 0;
}

/**
 * cpus_give - bring those CPUs of a cell back that cpus_take() took off line
 * @kc: the cell, which does not run any more
 *
 * Context: hv_lock.
 */
void cpus_give(struct kcell *kc)
{
	unsigned int cpu;
	int err;

	cpumask_andnot(&lent, &lent, &kc->cpus);
	for_each_cpu (cpu, &kc->offlined) {
		err = add_cpu(cpu);
		if (err)
			pr_err("CPU %u does not come back on line (%d)\n", cpu, err);
	}
	cpumask_clear(&kc->offlined);
}
