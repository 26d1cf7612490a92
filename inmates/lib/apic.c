/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Local APIC by its x2APIC registers (AMD APM vol.2 16.11, Intel SDM "Extended XAPIC (x2APIC)").
 */
#include "inmate/apic.h"
#include "inmate/asm.h"
#include "inmate/cell.h"
#include "inmate/timing.h"

#define X2APIC_ID 0x802
#define X2APIC_TPR 0x808
#define X2APIC_EOI 0x80b
#define X2APIC_SVR 0x80f
#define X2APIC_SVR_ENABLE 0x100
#define X2APIC_ICR 0x830
#define X2APIC_ICR_ASSERT 0x4000
#define X2APIC_ICR_INIT 0x0500
#define X2APIC_ICR_STARTUP 0x0600
#define X2APIC_LVT_TIMER 0x832
#define X2APIC_LVT_MASKED 0x10000
#define X2APIC_LVT_PERIODIC 0x20000
#define X2APIC_LVT_DEADLINE 0x40000
#define X2APIC_TIMER_INITIAL 0x838
#define X2APIC_TIMER_CURRENT 0x839
#define X2APIC_TIMER_DIVIDE 0x83e
#define X2APIC_TIMER_DIVIDE_16 0x3
#define MSR_TSC_DEADLINE 0x6e0
#define CPUID_1_ECX_DEADLINE (1U << 24)

#define CALIBRATION_US 10000

static u32 timer_khz;

static u32 calibrate(void)
{
	wrmsr(X2APIC_TIMER_INITIAL, 0xffffffff);
	delay_us(CALIBRATION_US);
	return (u32)(0xffffffff - rdmsr(X2APIC_TIMER_CURRENT)) / (CALIBRATION_US / 1000);
}

void apic_init(void)
{
	wrmsr(X2APIC_SVR, X2APIC_SVR_ENABLE | APIC_SPURIOUS_VECTOR);
	wrmsr(X2APIC_TPR, 0);
	wrmsr(X2APIC_TIMER_DIVIDE, X2APIC_TIMER_DIVIDE_16);
	apic_timer_stop();
	if (!timer_khz)
		timer_khz = cell_comm()->x86.apic_khz / APIC_TIMER_DIVIDER; /* undivided there */
	if (!timer_khz)
		timer_khz = calibrate();
	apic_timer_stop();
}

u32 apic_id(void)
{
	return (u32)rdmsr(X2APIC_ID);
}

void apic_eoi(void)
{
	wrmsr(X2APIC_EOI, 0);
}

u32 apic_timer_khz(void)
{
	return timer_khz;
}

u64 apic_timer_periodic(u8 vector, u32 hz)
{
	u64 count = hz ? (u64)timer_khz * 1000 / hz : 0;

	if (!count || count > 0xffffffff)
		return 0;
	wrmsr(X2APIC_LVT_TIMER, X2APIC_LVT_PERIODIC | vector);
	wrmsr(X2APIC_TIMER_INITIAL, count);
	return count * 1000000 / timer_khz;
}

void apic_timer_oneshot(u8 vector, u64 ns)
{
	u64 count = ns / 1000000 * timer_khz + ns % 1000000 * timer_khz / 1000000;

	if (!count)
		count = 1;
	if (count > 0xffffffff)
		count = 0xffffffff;
	wrmsr(X2APIC_LVT_TIMER, vector);
	wrmsr(X2APIC_TIMER_INITIAL, count);
}

bool apic_timer_has_deadline(void)
{
	u32 eax, ebx, ecx, edx;

	cpuid(1, &eax, &ebx, &ecx, &edx);
	return ecx & CPUID_1_ECX_DEADLINE;
}

void apic_timer_deadline(u8 vector, u64 tsc)
{
	wrmsr(X2APIC_LVT_TIMER, X2APIC_LVT_DEADLINE | vector);
	/* Where the LVT is memory-mapped below us, the deadline could overtake it (Intel SDM "TSC-Deadline Mode"). */
	memory_barrier();
	wrmsr(MSR_TSC_DEADLINE, tsc);
}

void apic_timer_stop(void)
{
	wrmsr(X2APIC_LVT_TIMER, X2APIC_LVT_MASKED);
	wrmsr(X2APIC_TIMER_INITIAL, 0);
}

void apic_write_icr(u64 value)
{
	/* x2APIC register writes do not wait for earlier stores (Intel SDM "MSR Access in x2APIC Mode"). */
	memory_barrier();
	wrmsr(X2APIC_ICR, value);
}

void apic_send_ipi(u32 dest, u8 vector)
{
	apic_write_icr((u64)dest << 32 | X2APIC_ICR_ASSERT | vector);
}

void apic_send_init(u32 dest)
{
	apic_write_icr((u64)dest << 32 | X2APIC_ICR_ASSERT | X2APIC_ICR_INIT);
}

void apic_send_startup(u32 dest, u32 address)
{
	apic_write_icr((u64)dest << 32 | X2APIC_ICR_ASSERT | X2APIC_ICR_STARTUP | address >> 12);
}
