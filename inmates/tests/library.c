/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Test of the inmate library from within a cell: TAP on the console, then state "shut down", or "failed".
 *
 * Needs no hypervisor, just a communication page and the reset state of a cell; what it cannot find it skips.
 */
#include "inmate/inmate.h"

#define VECTOR 0x41
#define VECTOR_PAGE_FAULT 14
#define VECTOR_INVALID_OPCODE 6
#define PATIENCE_MS 2000
#define ENOSYS 38

static volatile u32 interrupts;
static volatile u32 exceptions;
static volatile u64 fault_address;
static volatile u32 cpus_up;
static u32 first_cpu_id;
static unsigned int number;
static bool failed;

static void result(bool ok, const char *name)
{
	failed |= !ok;
	printk("%s %u - %s\n", ok ? "ok" : "not ok", ++number, name);
}

static void skip(const char *name, const char *reason)
{
	printk("ok %u - %s # SKIP %s\n", ++number, name, reason);
}

static void count_interrupt(void)
{
	__atomic_fetch_add(&interrupts, 1, __ATOMIC_RELAXED);
}

static bool reached(volatile u32 *counter, u32 wanted)
{
	for (int i = 0; i < PATIENCE_MS && *counter < wanted; i++)
		delay_us(1000);
	return *counter >= wanted;
}

static void test_timer(void)
{
	interrupts = 0;
	result(apic_timer_periodic(VECTOR, 1000) != 0 && reached(&interrupts, 10), "periodic timer");
	apic_timer_stop();

	interrupts = 0;
	delay_us(5000);
	result(!interrupts, "stopped timer is silent");
	apic_timer_oneshot(VECTOR, 1000000);
	result(reached(&interrupts, 1), "one-shot timer");
	delay_us(5000);
	result(interrupts == 1, "one-shot timer fires once");

	if (!apic_timer_has_deadline()) {
		skip("deadline timer", "not in CPUID");
		return;
	}
	interrupts = 0;
	apic_timer_deadline(VECTOR, tsc_read() + ns_to_tsc(1000000));
	result(reached(&interrupts, 1), "deadline timer");
	apic_timer_stop();
}

/* Each access below that faults is an instruction of exactly two bytes: step over it. */
static bool step_over(struct interrupt_frame *frame)
{
	exceptions++;
	fault_address = read_cr2();
	frame->rip += 2;
	return true;
}

static void write_byte(u64 address)
{
	__asm__ volatile("movb %%al, (%%rdi)" : : "D"(address), "a"(0x90) : "memory");
}

static bool write_faults(u64 address)
{
	exceptions = 0;
	fault_address = ~address;
	write_byte(address);
	return exceptions == 1 && fault_address == address;
}

static void test_exceptions(void)
{
	static u8 code[] = { 0xc3 }; /* RET */

	exception_handler_set(VECTOR_INVALID_OPCODE, step_over);
	exception_handler_set(VECTOR_PAGE_FAULT, step_over);

	exceptions = 0;
	__asm__ volatile("ud2");
	result(exceptions == 1, "invalid opcode is handled");
	result(write_faults(0), "page 0 is not mapped");
	result(write_faults((u64)test_exceptions), "code is read-only");
	result(write_faults(0x40000000), "foreign memory is not mapped");

	paging_map((u64)code, sizeof(code), PAGING_WRITE | PAGING_EXECUTE);
	((void (*)(void))code)();
	result(true, "data made executable");

	exception_handler_set(VECTOR_INVALID_OPCODE, NULL);
	exception_handler_set(VECTOR_PAGE_FAULT, NULL);
}

static void test_hypercall(void)
{
	u32 eax, ebx, ecx, edx;

	cpuid(CELL_CPUID_SIGNATURE, &eax, &ebx, &ecx, &edx);
	if (ebx != CELL_CPUID_EBX || ecx != CELL_CPUID_ECX || edx != CELL_CPUID_EDX) {
		skip("hypercalls", "no hypervisor");
		return;
	}
	result(hypercall(CELL_HC_INFO, CELL_INFO_NUM_CELLS, 0) >= 2, "number of cells");
	result(hypercall(0x7fff, 0, 0) == -ENOSYS, "unknown hypercall");
}

static void secondary(unsigned int cpu)
{
	(void)cpu;
	interrupts_enable();
	__atomic_fetch_add(&cpus_up, 1, __ATOMIC_RELAXED);
	apic_send_ipi(first_cpu_id, VECTOR);
	for (;;)
		interrupts_enable_and_halt();
}

static void test_smp(void)
{
	u32 others = cell_comm()->x86.num_cpus - 1U;

	interrupts = 0;
	first_cpu_id = apic_id();
	apic_send_ipi(first_cpu_id, VECTOR);
	result(reached(&interrupts, 1), "IPI to self");
	if (!others) {
		skip("other CPUs", "only one CPU");
		return;
	}
	result(smp_wait_parked(others, PATIENCE_MS) == others, "other CPUs are parked");
	result(smp_start(secondary) == others && reached(&cpus_up, others), "other CPUs start by INIT and SIPI");
	result(reached(&interrupts, 1 + others), "IPI from other CPUs");
}

void inmate_run(void)
{
	printk("TAP version 13\n");
	result(smp_cpu() == 0, "first CPU is CPU 0");
	irq_handler_set(VECTOR, count_interrupt);
	interrupts_enable();
	test_timer();
	test_exceptions();
	test_hypercall();
	test_smp();
	printk("1..%u\n", number);
	if (failed)
		cell_stop(CELL_STATE_FAILED);
}
