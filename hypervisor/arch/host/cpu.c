// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs of the pretend machine: threads that sleep in their guest until they are kicked or a test has a job for them.
 *
 * A job is one stay in the hypervisor. A kick that comes during a job is answered behind it, as an NMI exit would be.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <image.h>
#include <hv/arch.h>
#include <hv/control.h>
#include "fake.h"

struct fake_cpu {
	pthread_t thread;
	pthread_cond_t wake;
	unsigned int id;
	bool kicked, busy, stopped;
	fake_job *job;
	u64 args[3];
	s64 result;
	jmp_buf out; /* of the hypervisor, for hooks that do not return */
};

/* Guards all of struct fake_cpu but out. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t rest = PTHREAD_COND_INITIALIZER;
static struct fake_cpu cpus[FAKE_CPUS_MAX];

_Thread_local struct pcpu *fake_this_cpu;

struct pcpu *pcpu_of(unsigned int cpu)
{
	if (cpu >= image_header.max_cpus)
		fake_fault("there is no CPU %u", cpu);
	return (struct pcpu *)(arch_memory_base() + image_header.core_size + cpu * image_header.percpu_size);
}

void cpu_relax(void)
{
	sched_yield();
}

/* A CPU that has stopped is no hindrance to whoever suspends it. */
static void answer_stopped(struct pcpu *cpu)
{
	while (READ_ONCE(cpu->shared.suspend)) {
		WRITE_ONCE(cpu->shared.suspended, 1);
		cpu_relax();
	}
	WRITE_ONCE(cpu->shared.suspended, 0);
}

/* One stay in the hypervisor. */
static s64 stay(struct fake_cpu *c, fake_job *job)
{
	if (setjmp(c->out))
		return 0;
	if (job)
		return job(fake_this_cpu, c->args);
	if (c->stopped)
		answer_stopped(fake_this_cpu);
	else
		control_wait(fake_this_cpu);
	return 0;
}

static void *execute(void *arg)
{
	struct fake_cpu *c = arg;

	fake_this_cpu = pcpu_of(c->id);
	pthread_mutex_lock(&lock);
	for (;;) {
		fake_job *job = NULL;
		s64 result;

		while (!(c->kicked || c->job))
			pthread_cond_wait(&c->wake, &lock);
		c->busy = true;
		if (c->kicked)
			c->kicked = false;
		else
			job = c->job;
		pthread_mutex_unlock(&lock);
		result = stay(c, job);
		pthread_mutex_lock(&lock);
		if (job) {
			c->job = NULL;
			c->result = result;
		}
		c->stopped = fake_this_cpu->arch.state == FAKE_STOPPED;
		c->busy = false;
		pthread_cond_broadcast(&rest);
	}
	return NULL;
}

void fake_start_cpus(void)
{
	for (unsigned int id = 0; id < fake.cpus; id++) {
		struct fake_cpu *c = &cpus[id];

		c->id = id;
		if (pthread_cond_init(&c->wake, NULL) || pthread_create(&c->thread, NULL, execute, c))
			fake_fault("no threads");
	}
}

static bool at_rest(const struct fake_cpu *c)
{
	return !(c->kicked || c->busy || c->job);
}

void fake_post(unsigned int cpu, fake_job *job, u64 arg0, u64 arg1, u64 arg2)
{
	struct fake_cpu *c = &cpus[cpu];

	pthread_mutex_lock(&lock);
	if (c->job || c->stopped)
		fake_fault("CPU %u cannot execute anything", cpu);
	c->job = job;
	c->args[0] = arg0;
	c->args[1] = arg1;
	c->args[2] = arg2;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&lock);
}

s64 fake_wait(unsigned int cpu)
{
	struct fake_cpu *c = &cpus[cpu];
	s64 result;

	pthread_mutex_lock(&lock);
	while (c->job)
		pthread_cond_wait(&rest, &lock);
	result = c->result;
	pthread_mutex_unlock(&lock);
	return result;
}

s64 fake_call(unsigned int cpu, fake_job *job, u64 arg0, u64 arg1, u64 arg2)
{
	s64 result;

	fake_post(cpu, job, arg0, arg1, arg2);
	result = fake_wait(cpu);
	pthread_mutex_lock(&lock);
	for (unsigned int id = 0; id < fake.cpus; id++)
		while (!at_rest(&cpus[id]))
			pthread_cond_wait(&rest, &lock);
	pthread_mutex_unlock(&lock);
	return result;
}

bool fake_busy(unsigned int cpu)
{
	bool busy;

	pthread_mutex_lock(&lock);
	busy = !at_rest(&cpus[cpu]);
	pthread_mutex_unlock(&lock);
	return busy;
}

static s64 job_hypercall(struct pcpu *cpu, const u64 args[3])
{
	if (cpu->arch.state != FAKE_GUEST)
		fake_fault("hypercall from CPU %u, which does not execute a guest", cpu->id);
	return hypercall(cpu, args[0], args[1], args[2]);
}

s64 fake_hypercall(unsigned int cpu, u64 code, u64 arg1, u64 arg2)
{
	return fake_call(cpu, job_hypercall, code, arg1, arg2);
}

void fake_post_hypercall(unsigned int cpu, u64 code, u64 arg1, u64 arg2)
{
	fake_post(cpu, job_hypercall, code, arg1, arg2);
}

static s64 job_violate(struct pcpu *cpu, const u64 args[3])
{
	const struct violation v = { args[0], 4 | HV_EVENT_WRITE, args[1], "write to nowhere" };

	control_violation(cpu, &v);
	return 0;
}

void fake_violate(unsigned int cpu, u32 cause, u64 address)
{
	fake_call(cpu, job_violate, cause, address, 0);
}

/* --- hooks --- */

int arch_init_cpu(struct pcpu *cpu)
{
	cpu->arch.state = FAKE_GUEST;
	return 0;
}

void arch_kick(struct pcpu *cpu)
{
	struct fake_cpu *c = &cpus[cpu->id];

	pthread_mutex_lock(&lock);
	c->kicked = true;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&lock);
}

static void check_own(const struct pcpu *cpu)
{
	if (cpu != this_cpu())
		fake_fault("CPU %u is handled by another", cpu->id);
}

void arch_park(struct pcpu *cpu)
{
	check_own(cpu);
	cpu->arch.state = FAKE_PARKED;
	cpu->arch.parks++;
}

void arch_start(struct pcpu *cpu)
{
	check_own(cpu);
	cpu->arch.state = FAKE_GUEST;
	cpu->arch.entry = cpu->cell->config->cpu_reset_address;
	cpu->arch.starts++;
}

void arch_flush(struct pcpu *cpu)
{
	check_own(cpu);
	cpu->arch.flushes++;
}

void arch_get_regs(const struct pcpu *cpu, u64 regs[20])
{
	for (unsigned int i = 0; i < 20; i++)
		regs[i] = (u64)cpu->id << 32 | i;
}

static __attribute__((noreturn)) void leave(enum fake_cpu_state state)
{
	fake_this_cpu->arch.state = state;
	longjmp(cpus[fake_this_cpu->id].out, 1);
}

void arch_stop(void)
{
	WRITE_ONCE(fake_this_cpu->shared.failed, 1);
	leave(FAKE_STOPPED);
}

void arch_leave(struct pcpu *cpu)
{
	check_own(cpu);
	leave(FAKE_NATIVE);
}
