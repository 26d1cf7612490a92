// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control of other CPUs: suspend, resume, and the end of a CPU that violated.
 *
 * A suspended CPU spins in control_wait(), so whoever suspended it may change what it owns. Nobody waits for a lock
 * that is held across control_suspend(): control_lock is only ever tried, or two CPUs could wait for each other.
 */
#include <image.h>
#include <hv/arch.h>
#include <hv/control.h>
#include <hv/print.h>

struct spinlock control_lock;

void control_suspend(struct cell *cell)
{
	unsigned int id;

	for_each_cpu (id, &cell->cpus) {
		struct pcpu *cpu = pcpu_of(id);

		if (cpu == this_cpu())
			continue;
		WRITE_ONCE(cpu->shared.suspend, 1);
		memory_barrier();
		arch_kick(cpu);
	}
	for_each_cpu (id, &cell->cpus) {
		struct pcpu *cpu = pcpu_of(id);

		while (cpu != this_cpu() && !READ_ONCE(cpu->shared.suspended))
			cpu_relax();
	}
	memory_barrier();
}

void control_resume(struct cell *cell)
{
	unsigned int id;

	memory_barrier();
	for_each_cpu (id, &cell->cpus)
		WRITE_ONCE(pcpu_of(id)->shared.suspend, 0);
	/* Or the next control_suspend() could take the old answer for its own. */
	for_each_cpu (id, &cell->cpus)
		while (READ_ONCE(pcpu_of(id)->shared.suspended))
			cpu_relax();
}

void control_wait(struct pcpu *cpu)
{
	bool held = READ_ONCE(cpu->shared.suspend);

	if (held) {
		WRITE_ONCE(cpu->shared.suspended, 1);
		while (READ_ONCE(cpu->shared.suspend))
			cpu_relax();
		memory_barrier();
	}
	if (cpu->shared.flush) {
		cpu->shared.flush = 0;
		arch_flush(cpu);
	}
	if (cpu->shared.park) {
		cpu->shared.park = 0;
		arch_park(cpu);
	}
	if (cpu->shared.start) {
		cpu->shared.start = 0;
		arch_start(cpu);
	}
	/* Only now control_resume() goes on: whoever called it may rely on the CPU being parked. */
	if (held) {
		memory_barrier();
		WRITE_ONCE(cpu->shared.suspended, 0);
	}
}

static void print_regs(const u64 regs[20])
{
	static const char names[20][6] = { "RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP", "R8",  "R9",
					   "R10", "R11", "R12", "R13", "R14", "R15", "RIP", "RFL", "CR0", "CR3" };

	for (unsigned int i = 0; i < 20; i++)
		print("%s=%016llx%s", names[i], (unsigned long long)regs[i], i % 4 == 3 ? "\n" : " ");
}

void control_violation(struct pcpu *cpu, const struct violation *v)
{
	struct cell *cell = cpu->cell;
	bool last;
	u64 regs[20];

	arch_get_regs(cpu, regs);
	event_parked(cpu, v);
	WRITE_ONCE(cpu->shared.failed, 1);
	memory_barrier();
	arch_park(cpu);
	/* What the cell wrote into its state word proves nothing. */
	last = cell != &root_cell &&
	       __atomic_add_fetch(&cell->failed_cpus, 1, __ATOMIC_SEQ_CST) == cpu_set_weight(&cell->cpus);
	if (last) {
		cell_set_state(cell, CELL_STATE_FAILED);
		event_cell(HV_EVENT_CELL_FAILED, cell);
	}
	event_announce();

	/* A serial line takes 50 ms for this; who can do something about the failure has heard of it by now. */
	print("cell %s: CPU %u parked: %s at 0x%llx\n", cell->name, cpu->id, v->what, (unsigned long long)v->address);
	print_regs(regs);
	if (last)
		print("cell %s: failed\n", cell->name);
}
