/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest CPU as shared x86 code sees it: its registers, its exits, and what a vendor's folder (svm/) provides.
 *
 * The handle_* functions answer true if the guest may go on behind or at the instruction, as they arranged it; false
 * with *v filled in if what it did is a violation.
 */
#ifndef X86_VCPU_H
#define X86_VCPU_H

#include <hv/cell.h>
#include <hv/event.h>

/** struct vcpu_regs - general registers in the order in which entry.S pushes them; rsp is kept in the VMCB */
struct vcpu_regs {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rsp, rbx, rdx, rcx, rax;
};

/** struct vcpu_view - guest state that emulation depends on */
struct vcpu_view {
	u64 cr0, cr3, cr4, efer, rip, rflags, cs_base;
	bool long_code; /**< executes 64-bit code */
	bool code32;	/**< CS.D: 32-bit code, if not long_code */
	u8 cpl;
};

/* --- vendor: svm/ --- */

/** vendor_check() - can this CPU do it? 0, -ENODEV, -EPERM, -EIO */
int vendor_check(void);
/** vendor_init() - shared tables; first CPU. 0 or -ENOMEM */
int vendor_init(void);
/** vendor_capture() - make the guest the Linux that called us; @cpu: this CPU, before host_init_cpu() */
void vendor_capture(struct pcpu *cpu);
/** vendor_restore() - undo host_init_cpu() on this CPU after a failed setup */
void vendor_restore(struct pcpu *cpu);
/** vendor_set_cell() - use the stage-2, port and MSR maps of the CPU's cell */
void vendor_set_cell(struct pcpu *cpu);
/** vendor_park() - halt in a page of our own until the next NMI */
void vendor_park(struct pcpu *cpu);
/** vendor_reset() - state as abi 6.1 says, at cs_base:ip in real mode */
void vendor_reset(struct pcpu *cpu, u64 cs_base, u16 selector, u16 ip);
void vendor_view(const struct pcpu *cpu, struct vcpu_view *ret_view);
/** vendor_skip() - move the guest behind an instruction of @length bytes */
void vendor_skip(struct pcpu *cpu, unsigned int length);
/** vendor_inject_gp() - #GP(0) at the current instruction */
void vendor_inject_gp(struct pcpu *cpu);
/** vendor_set_pat() - effective PAT */
void vendor_set_pat(struct pcpu *cpu, u64 pat);
/** vendor_set_efer() - what the guest gets for what it wrote; false: reserved bits or a forbidden change */
bool vendor_set_efer(struct pcpu *cpu, u64 value);

/** vendor_take_interrupts() - open the window in which pending interrupts reach our own IDT */
void vendor_take_interrupts(void);

/* --- exits.c --- */

void handle_cpuid(struct pcpu *cpu, struct vcpu_regs *regs);
bool handle_msr(struct pcpu *cpu, struct vcpu_regs *regs, bool write, struct violation *v);
void handle_hypercall(struct pcpu *cpu, struct vcpu_regs *regs);

/** enum mmio_kind - who accessed memory: the instruction, its fetch, or the walk of the guest's page tables */
enum mmio_kind { MMIO_READ, MMIO_WRITE, MMIO_FETCH, MMIO_WALK };

/** handle_mmio() - access to @gpa that stage-2 does not allow */
bool handle_mmio(struct pcpu *cpu, struct vcpu_regs *regs, u64 gpa, enum mmio_kind kind, struct violation *v);
/** handle_requests() - serve who kicked; also due behind any draining of the APIC, which lets NMIs in unseen */
void handle_requests(struct pcpu *cpu);
/** handle_management() - after an NMI exit; true: it was for us */
bool handle_management(struct pcpu *cpu);
/** msr_is_trapped() - for building the MSR maps of root and cells */
bool msr_is_trapped(u32 msr, bool write, bool root);

/* --- ports.c --- */

/** struct port_access - decoded I/O exit */
struct port_access {
	u16 port;
	u8 size;
	bool in, string;
};

bool handle_port(struct pcpu *cpu, struct vcpu_regs *regs, const struct port_access *io, struct violation *v);

/* --- entry.S --- */

/** vcpu_run() - enter the guest for the first time; later rounds return to entry.S */
__attribute__((noreturn)) void vcpu_run(void);
/** native_resume() - leave the hypervisor: R12, R13 of regs, RAX = 0, jump to @rip */
__attribute__((noreturn)) void native_resume(const struct vcpu_regs *regs, u64 rip);

#endif
