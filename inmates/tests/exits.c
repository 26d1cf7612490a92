/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One exit of each kind after the other, for ever: what the hypervisor executes for each is counted by
 * tests/bench/instructions.
 *
 * The cell has: a second CPU, timer 2 of the HPET as a sub-page region of 32-bit registers, a pin of the IOAPIC.
 */
#include "inmate/inmate.h"

#define VECTOR 0x41
#define HPET_TIMER 0xfed00140UL
#define IOAPIC 0xfec00000UL
#define PATIENCE_MS 2000
#define PAUSE_US 1000

#define XAPIC 0xfee00000UL
#define XAPIC_TPR 0x80
#define X2APIC_TPR 0x808
#define MSR_PAT 0x277
#define MSR_APIC_BASE 0x1b
#define APIC_BASE_EXTD (1UL << 10)

#define PORT_POST 0x80
#define PORT_PCI_ADDRESS 0xcf8
#define PORT_PCI_DATA 0xcfc

static volatile u32 other_id = ~0U;

static void wait_for_interrupts(unsigned int cpu)
{
	(void)cpu;
	other_id = apic_id();
	for (;;)
		interrupts_enable_and_halt();
}

static void use_memory(void)
{
	volatile u32 *timer = (volatile u32 *)HPET_TIMER, *ioapic = (volatile u32 *)IOAPIC;

	timer[2] = 0x12345678;
	(void)timer[2];
	ioapic[0] = 1;
	(void)ioapic[4];
}

static void use_ports(void)
{
	outb(PORT_POST, 0);
	outl(PORT_PCI_ADDRESS, 0x80000000U);
	(void)inl(PORT_PCI_DATA);
}

static void use_apic(bool xapic)
{
	apic_send_ipi(apic_id(), VECTOR);
	apic_send_ipi(other_id, VECTOR);
	if (!xapic)
		return;
	(void)rdmsr(X2APIC_TPR);
	wrmsr(X2APIC_TPR, 0);
	*(volatile u32 *)(XAPIC + XAPIC_TPR) = 0;
}

void inmate_run(void)
{
	bool xapic = !(rdmsr(MSR_APIC_BASE) & APIC_BASE_EXTD);
	u64 pat = rdmsr(MSR_PAT);
	u32 eax, ebx, ecx, edx;

	paging_map(HPET_TIMER, 0x20, PAGING_WRITE | PAGING_UNCACHED);
	paging_map(IOAPIC, PAGE_BYTES, PAGING_WRITE | PAGING_UNCACHED);
	paging_map(XAPIC, PAGE_BYTES, PAGING_WRITE | PAGING_UNCACHED);
	smp_wait_parked(1, PATIENCE_MS);
	smp_start(wait_for_interrupts);
	interrupts_enable();
	for (;;) {
		hypercall(CELL_HC_INFO, CELL_INFO_NUM_CELLS, 0);
		cpuid(0, &eax, &ebx, &ecx, &edx);
		wrmsr(MSR_PAT, pat);
		use_apic(xapic);
		use_memory();
		use_ports();
		delay_us(PAUSE_US);
	}
}
