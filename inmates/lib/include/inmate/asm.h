/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Single x86 instructions as inline functions.
 */
#ifndef INMATE_ASM_H
#define INMATE_ASM_H

#include "types.h"

static inline u8 inb(u16 port)
{
	u8 value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline u32 inl(u16 port)
{
	u32 value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void outb(u16 port, u8 value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outl(u16 port, u32 value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline u64 rdmsr(u32 msr)
{
	u32 low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (u64)high << 32 | low;
}

static inline void wrmsr(u32 msr, u64 value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline void cpuid(u32 leaf, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	__asm__ volatile("cpuid" : "=a"(*eax), "=b"(*ebx), "=c"(*ecx), "=d"(*edx) : "a"(leaf), "c"(0));
}

static inline u64 read_cr2(void)
{
	u64 value;

	__asm__ volatile("mov %%cr2, %0" : "=r"(value));
	return value;
}

static inline u64 read_cr3(void)
{
	u64 value;

	__asm__ volatile("mov %%cr3, %0" : "=r"(value));
	return value;
}

static inline void cpu_relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}

static inline void interrupts_disable(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline void interrupts_enable(void)
{
	__asm__ volatile("sti" : : : "memory");
}

/**
 * interrupts_enable_and_halt - enable interrupts and wait for one
 *
 * STI delays interrupts by one instruction, so none can slip in before HLT. Context: interrupts off, checked that
 * there is nothing to do.
 */
static inline void interrupts_enable_and_halt(void)
{
	__asm__ volatile("sti; hlt" : : : "memory");
}

/** cpu_halt_forever - stop this CPU for good, interrupts off */
static inline void __attribute__((noreturn)) cpu_halt_forever(void)
{
	for (;;)
		__asm__ volatile("cli; hlt" : : : "memory");
}

/** memory_barrier - order all loads and stores around it (MFENCE) */
static inline void memory_barrier(void)
{
	__asm__ volatile("mfence" : : : "memory");
}

#endif
