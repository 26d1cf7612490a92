/* SPDX-License-Identifier: GPL-2.0-only */
/* Instructions that C has no words for, and the architectural numbers that go with them. */
#ifndef X86_ASM_H
#define X86_ASM_H

#include <hv/types.h>

#define CR0_PE (1UL << 0)
#define CR0_ET (1UL << 4)
#define CR0_WP (1UL << 16)
#define CR0_NW (1UL << 29)
#define CR0_CD (1UL << 30)
#define CR0_PG (1UL << 31)
#define CR4_PSE (1UL << 4)
#define CR4_PAE (1UL << 5)
#define CR4_PGE (1UL << 7)
#define CR4_LA57 (1UL << 12)
#define CR4_PCIDE (1UL << 17)
#define CR4_OSXSAVE (1UL << 18)
#define CR4_CET (1UL << 23)
#define RFLAGS_FIXED (1UL << 1)
#define RFLAGS_VM (1UL << 17)
#define EFER_LME (1UL << 8)
#define EFER_LMA (1UL << 10)
#define EFER_NXE (1UL << 11)
#define EFER_SVME (1UL << 12)

#define MSR_APIC_BASE 0x1b
#define MSR_SPEC_CTRL 0x48
#define MSR_MTRR_FIRST 0x200
#define MSR_MTRR_LAST 0x276
#define MSR_PAT 0x277
#define MSR_MTRR_DEF_TYPE 0x2ff
#define MSR_X2APIC_FIRST 0x800
#define MSR_X2APIC_LAST 0x83f
#define MSR_X2APIC_ICR 0x830
#define MSR_EFER 0xc0000080
#define MSR_VM_CR 0xc0010114
#define MSR_VM_HSAVE_PA 0xc0010117
#define MSR_SVM_LAST 0xc0010119

#define PAT_RESET 0x0007040600070406UL /* AMD APM vol.2 7.8.1 */

#define EXC_DB 1
#define EXC_UD 6
#define EXC_GP 13
#define EXC_AC 17

static inline u64 msr_read(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (u64)hi << 32 | lo;
}

static inline void msr_write(u32 msr, u64 value)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

#define DEFINE_CR(n)                                                       \
	static inline u64 cr##n##_read(void)                               \
	{                                                                  \
		u64 v;                                                     \
		asm volatile("mov %%cr" #n ", %0" : "=r"(v) : : "memory"); \
		return v;                                                  \
	}                                                                  \
	static inline void cr##n##_write(u64 v)                            \
	{                                                                  \
		asm volatile("mov %0, %%cr" #n : : "r"(v) : "memory");     \
	}
DEFINE_CR(0)
DEFINE_CR(2)
DEFINE_CR(3)
DEFINE_CR(4)
#undef DEFINE_CR

#define DEFINE_PORT(bits, suffix)                                                \
	static inline void port_write##bits(u16 port, u##bits value)             \
	{                                                                        \
		asm volatile("out" suffix " %0, %1" : : "a"(value), "Nd"(port)); \
	}                                                                        \
	static inline u##bits port_read##bits(u16 port)                          \
	{                                                                        \
		u##bits value;                                                   \
		asm volatile("in" suffix " %1, %0" : "=a"(value) : "Nd"(port));  \
		return value;                                                    \
	}
DEFINE_PORT(8, "b")
DEFINE_PORT(16, "w")
DEFINE_PORT(32, "l")
#undef DEFINE_PORT

static inline u32 port_read(u16 port, u8 size)
{
	return size == 1 ? port_read8(port) : size == 2 ? port_read16(port) : port_read32(port);
}

static inline void port_write(u16 port, u8 size, u32 value)
{
	if (size == 1)
		port_write8(port, value);
	else if (size == 2)
		port_write16(port, value);
	else
		port_write32(port, value);
}

static inline u32 mmio_read32(const volatile void *reg)
{
	return *(const volatile u32 *)reg;
}

static inline void mmio_write32(volatile void *reg, u32 value)
{
	*(volatile u32 *)reg = value;
}

static inline u64 mmio_read64(const volatile void *reg)
{
	return *(const volatile u64 *)reg;
}

static inline void mmio_write64(volatile void *reg, u64 value)
{
	*(volatile u64 *)reg = value;
}

static inline void cache_flush_line(const void *virt)
{
	asm volatile("clflush (%0)" : : "r"(virt) : "memory");
}

static inline void cache_write_back(void)
{
	asm volatile("wbinvd" : : : "memory");
}

static inline void tlb_flush_page(const void *virt)
{
	asm volatile("invlpg (%0)" : : "r"(virt) : "memory");
}

struct cpuid {
	u32 eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid_read(u32 leaf, u32 subleaf)
{
	struct cpuid r;

	asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
	return r;
}

/** struct table_reg - GDTR or IDTR */
struct table_reg {
	u16 limit;
	u64 base;
} __attribute__((packed));

#endif
