/* SPDX-License-Identifier: GPL-2.0-only */
/* Virtual machine control block: AMD APM vol.2 appendix B. */
#ifndef X86_SVM_VMCB_H
#define X86_SVM_VMCB_H

#include <hv/types.h>

/** struct vmcb_segment - selector, packed attributes (descriptor bits 55:52 and 47:40), limit, base */
struct vmcb_segment {
	u16 selector, attributes;
	u32 limit;
	u64 base;
} __attribute__((packed));

/** struct vmcb - control area at 0, state save area at 0x400 */
struct vmcb {
	u32 intercept_cr, intercept_dr, intercept_exceptions;
	u32 intercept1; /**< INTERCEPT1_* */
	u32 intercept2; /**< INTERCEPT2_* */
	u32 intercept3;
	u8 reserved0[0x40 - 0x18];
	u64 iopm_base, msrpm_base, tsc_offset;
	u32 asid;
	u8 tlb_control, reserved1[3];
	u64 interrupt_control, interrupt_shadow;
	u64 exit_code, exit_info1, exit_info2, exit_int_info;
	u64 nested_control;
	u8 reserved2[0xa8 - 0x98];
	u64 event_injection;
	u64 nested_cr3;
	u64 lbr_control;
	u32 clean_bits, reserved3;
	u64 next_rip;
	u8 fetched_bytes, instruction[15];
	u8 reserved4[0x400 - 0xe0];
	struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	u8 reserved5[0x4cb - 0x4a0];
	u8 cpl;
	u32 reserved6;
	u64 efer;
	u8 reserved7[0x548 - 0x4d8];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	u8 reserved8[0x5d8 - 0x580];
	u64 rsp;
	u8 reserved9[0x5f8 - 0x5e0];
	u64 rax, star, lstar, cstar, sfmask, kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip, cr2;
	u8 reserved10[0x668 - 0x648];
	u64 g_pat;
	u8 reserved11[0x6e0 - 0x670];
	u64 spec_ctrl; /**< loaded by VMRUN where CPUID 8000000A EDX bit 20 says so */
	u8 reserved12[0x1000 - 0x6e8];
} __attribute__((packed));

_Static_assert(offsetof(struct vmcb, iopm_base) == 0x40, "VMCB");
_Static_assert(offsetof(struct vmcb, exit_code) == 0x70, "VMCB");
_Static_assert(offsetof(struct vmcb, nested_control) == 0x90, "VMCB");
_Static_assert(offsetof(struct vmcb, event_injection) == 0xa8, "VMCB");
_Static_assert(offsetof(struct vmcb, es) == 0x400, "VMCB");
_Static_assert(offsetof(struct vmcb, efer) == 0x4d0, "VMCB");
_Static_assert(offsetof(struct vmcb, cr4) == 0x548, "VMCB");
_Static_assert(offsetof(struct vmcb, rip) == 0x578, "VMCB");
_Static_assert(offsetof(struct vmcb, rsp) == 0x5d8, "VMCB");
_Static_assert(offsetof(struct vmcb, rax) == 0x5f8, "VMCB");
_Static_assert(offsetof(struct vmcb, cr2) == 0x640, "VMCB");
_Static_assert(offsetof(struct vmcb, g_pat) == 0x668, "VMCB");
_Static_assert(sizeof(struct vmcb) == 0x1000, "VMCB");

#define INTERCEPT1_NMI (1U << 1)
#define INTERCEPT1_INIT (1U << 3)
#define INTERCEPT1_CPUID (1U << 18)
#define INTERCEPT1_INVD (1U << 22)
#define INTERCEPT1_INVLPGA (1U << 26)
#define INTERCEPT1_IOIO (1U << 27)
#define INTERCEPT1_MSR (1U << 28)
#define INTERCEPT1_SHUTDOWN (1U << 31)
#define INTERCEPT2_VMRUN (1U << 0)
#define INTERCEPT2_VMMCALL (1U << 1)
#define INTERCEPT2_VMLOAD (1U << 2)
#define INTERCEPT2_VMSAVE (1U << 3)
#define INTERCEPT2_STGI (1U << 4)
#define INTERCEPT2_CLGI (1U << 5)
#define INTERCEPT2_SKINIT (1U << 6)

#define TLB_FLUSH_ALL 1
#define NESTED_PAGING (1UL << 0)
#define EVENT_VALID (1UL << 31)
#define EVENT_ERROR_CODE (1UL << 11)
#define EVENT_NMI (2UL << 8)
#define EVENT_EXCEPTION (3UL << 8)

/* Exit codes, appendix C. */
#define EXIT_EXCEPTION 0x40
#define EXIT_EXCEPTION_LAST 0x5f
#define EXIT_NMI 0x61
#define EXIT_INIT 0x63
#define EXIT_CPUID 0x72
#define EXIT_IOIO 0x7b
#define EXIT_MSR 0x7c
#define EXIT_SHUTDOWN 0x7f
#define EXIT_VMMCALL 0x81
#define EXIT_NPF 0x400

/* EXITINFO1 of IOIO (15.10.2) and of NPF (15.25.6). */
#define IOIO_IN (1U << 0)
#define IOIO_STRING (1U << 2)
#define IOIO_REP (1U << 3)
#define IOIO_SIZE(info) ((info) >> 4 & 7)
#define NPF_WRITE (1UL << 1)
#define NPF_FETCH (1UL << 4)
#define NPF_WALK (1UL << 33) /**< while the guest's own page tables were walked */

#define SEGMENT_DATA64 0xc93
#define SEGMENT_CODE64 0xa9b
#define SEGMENT_REAL_CODE 0x9b
#define SEGMENT_REAL_DATA 0x93
#define SEGMENT_REAL_TSS 0x8b
#define SEGMENT_REAL_LDT 0x82
#define ATTR_LONG 0x200
#define ATTR_DB 0x400

#endif
