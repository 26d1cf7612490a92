// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMD-V (AMD APM vol.2 chapter 15): guest state in the VMCB, and the dispatch of exits.
 *
 * Interrupts and HLT are not intercepted: they go to the guest directly. Only a bare SVM with nested paging is
 * needed, no decode assists, no next-RIP, no ASID flush. All guests use ASID 1, because a CPU has one guest at a time;
 * the TLB is flushed when that changes.
 */
#include <image.h>
#include <hv/arch.h>
#include <hv/control.h>
#include <hv/pool.h>
#include <hv/print.h>
#include <hv/string.h>
#include "../asm.h"
#include "../apic.h"
#include "../block.h"
#include "../cat.h"
#include "../guest.h"
#include "../host.h"
#include "../vcpu.h"
#include "vmcb.h"

#define CPUID_SVM_FEATURES 0x8000000aU
#define SVM_FEATURE_NPT (1U << 0)
#define SVM_FEATURE_SPEC_CTRL (1U << 20)
#define CPUID_EXT_EDX_1G (1U << 26)
#define VM_CR_SVMDIS (1U << 4)
#define MSRPM_PAGES 2
#define KERNEL_CS 0x10
#define KERNEL_DS 0x18
#define EFER_GUEST_MASK 0xfd01UL /* SCE LME LMA NXE SVME LMSLE FFXSR TCE */

static u8 *root_msrpm, *cell_msrpm;
static struct paging park_tables;
static u8 *park_page;

static struct vmcb *vmcb_of(const struct pcpu *cpu)
{
	return (struct vmcb *)block_of(cpu)->vmcb;
}

static void vmsave(void *vmcb)
{
	asm volatile("vmsave %0" : : "a"(arch_virt_to_phys(vmcb)) : "memory");
}

static void vmload(void *vmcb)
{
	asm volatile("vmload %0" : : "a"(arch_virt_to_phys(vmcb)) : "memory");
}

/* --- setup --- */

int vendor_check(void)
{
	if (!(cpuid_read(0x80000001U, 0).ecx >> 2 & 1))
		return refuse(-ENODEV, "this CPU has no AMD-V");
	if (msr_read(MSR_VM_CR) & VM_CR_SVMDIS)
		return refuse(-EPERM, "AMD-V is switched off by the firmware (VM_CR.SVMDIS)");
	if (!(cpuid_read(CPUID_SVM_FEATURES, 0).edx & SVM_FEATURE_NPT))
		return refuse(-EIO, "this CPU has no nested paging");
	if (!(msr_read(MSR_EFER) & EFER_NXE))
		return refuse(-EIO, "no-execute pages are switched off");
	if (cr4_read() & CR4_LA57)
		return refuse(-EIO, "5-level paging is not supported");
	return 0;
}

/* Two bits per MSR, read and write, in three ranges: 15.11. */
static void fill_msrpm(u8 *map, bool root)
{
	static const u32 first[] = { 0, 0xc0000000U, 0xc0010000U };

	memset(map, 0xff, MSRPM_PAGES * PAGE_SIZE);
	for (unsigned int range = 0; range < ARRAY_SIZE(first); range++)
		for (u32 i = 0; i < 0x2000; i++) {
			u8 bits = msr_is_trapped(first[range] + i, false, root) |
				  msr_is_trapped(first[range] + i, true, root) << 1;

			map[range * 0x800 + i / 4] &= ~(3 << (i % 4 * 2));
			map[range * 0x800 + i / 4] |= bits << (i % 4 * 2);
		}
}

int vendor_init(void)
{
	static const u8 halt_loop[] = { 0xf4, 0xeb, 0xfd }; /* hlt; jmp .-1 */
	int err = paging_init(&park_tables, &arch_stage2_format);

	if (cpuid_read(0x80000001U, 0).edx & CPUID_EXT_EDX_1G)
		arch_stage2_format.max_leaf = 2;
	root_msrpm = pool_alloc(MSRPM_PAGES);
	cell_msrpm = pool_alloc(MSRPM_PAGES);
	park_page = pool_alloc(1);
	if (err || !root_msrpm || !cell_msrpm || !park_page)
		return -ENOMEM;
	fill_msrpm(root_msrpm, true);
	fill_msrpm(cell_msrpm, false);
	memcpy(park_page, halt_loop, sizeof(halt_loop));
	return paging_map(&park_tables, 0, arch_virt_to_phys(park_page), PAGE_SIZE, ACCESS_READ | ACCESS_EXECUTE,
			  false);
}

static void set_intercepts(struct vmcb *vmcb)
{
	vmcb->intercept1 = INTERCEPT1_NMI | INTERCEPT1_INIT | INTERCEPT1_CPUID | INTERCEPT1_INVD | INTERCEPT1_INVLPGA |
			   INTERCEPT1_IOIO | INTERCEPT1_MSR | INTERCEPT1_SHUTDOWN;
	vmcb->intercept2 = INTERCEPT2_VMRUN | INTERCEPT2_VMMCALL | INTERCEPT2_VMLOAD | INTERCEPT2_VMSAVE |
			   INTERCEPT2_STGI | INTERCEPT2_CLGI | INTERCEPT2_SKINIT;
	/* A guest that makes the CPU raise these for ever would keep NMIs out as well. */
	vmcb->intercept_exceptions = 1U << EXC_DB | 1U << EXC_AC;
	vmcb->asid = 1;
	vmcb->nested_control = NESTED_PAGING;
}

void vendor_set_cell(struct pcpu *cpu)
{
	struct vmcb *vmcb = vmcb_of(cpu);

	vmcb->iopm_base = arch_virt_to_phys(cpu->cell->arch.io_bitmap);
	vmcb->msrpm_base = arch_virt_to_phys(cpu->cell == &root_cell ? root_msrpm : cell_msrpm);
	vmcb->nested_cr3 = arch_virt_to_phys(cpu->cell->stage2.root);
	vmcb->tlb_control = TLB_FLUSH_ALL;
	guest_forget(cpu);
}

static struct table_reg store_gdtr(void)
{
	struct table_reg r;

	asm volatile("sgdt %0" : "=m"(r));
	return r;
}

static struct table_reg store_idtr(void)
{
	struct table_reg r;

	asm volatile("sidt %0" : "=m"(r));
	return r;
}

/* VMRUN and #VMEXIT exchange SPEC_CTRL: 15.36 and CPUID Fn8000_000A. */
static bool has_virtual_spec_ctrl(void)
{
	return cpuid_read(CPUID_SVM_FEATURES, 0).edx & SVM_FEATURE_SPEC_CTRL;
}

void vendor_capture(struct pcpu *cpu)
{
	struct vmcb *vmcb = vmcb_of(cpu);
	struct table_reg gdtr = store_gdtr(), idtr = store_idtr();

	memset(vmcb, 0, sizeof(*vmcb));
	set_intercepts(vmcb);
	vmsave(vmcb);
	/* The trampoline reloads DS and ES itself. */
	vmcb->cs = (struct vmcb_segment){ KERNEL_CS, SEGMENT_CODE64, 0xffffffff, 0 };
	vmcb->ss = (struct vmcb_segment){ KERNEL_DS, SEGMENT_DATA64, 0xffffffff, 0 };
	vmcb->gdtr = (struct vmcb_segment){ 0, 0, gdtr.limit, gdtr.base };
	vmcb->idtr = (struct vmcb_segment){ 0, 0, idtr.limit, idtr.base };
	vmcb->efer = msr_read(MSR_EFER);
	vmcb->cr0 = cr0_read();
	vmcb->cr2 = cr2_read();
	vmcb->cr3 = cpu->arch.linux_cr3;
	vmcb->cr4 = cr4_read();
	asm volatile("mov %%dr6, %0" : "=r"(vmcb->dr6));
	asm volatile("mov %%dr7, %0" : "=r"(vmcb->dr7));
	vmcb->rflags = RFLAGS_FIXED;
	vmcb->rip = image_header.trampoline_virt + image_header.resume_offset;
	vmcb->rsp = cpu->arch.linux_rsp;
	vmcb->g_pat = msr_read(MSR_PAT);
	if (has_virtual_spec_ctrl())
		vmcb->spec_ctrl = msr_read(MSR_SPEC_CTRL);
}

/* What VMRUN would load for a guest, for Linux to have it natively. */
void vendor_restore(struct pcpu *cpu)
{
	struct vmcb *vmcb = vmcb_of(cpu);
	struct table_reg gdtr = { vmcb->gdtr.limit, vmcb->gdtr.base };
	struct table_reg idtr = { vmcb->idtr.limit, vmcb->idtr.base };

	cat_exit_cpu(cpu);
	vmload(vmcb);
	asm volatile("lgdt %0\n\tlidt %1" : : "m"(gdtr), "m"(idtr));
	msr_write(MSR_PAT, vmcb->g_pat);
	if (has_virtual_spec_ctrl())
		msr_write(MSR_SPEC_CTRL, vmcb->spec_ctrl);
	msr_write(MSR_EFER, vmcb->efer);
	cr0_write(vmcb->cr0);
	cr2_write(vmcb->cr2);
	cr4_write(vmcb->cr4);
	asm volatile("mov %0, %%dr6" : : "r"(vmcb->dr6));
	asm volatile("mov %0, %%dr7" : : "r"(vmcb->dr7));
}

int arch_init_cpu(struct pcpu *cpu)
{
	int err = vendor_check();

	if (err)
		return err;
	vendor_capture(cpu);
	cat_init_cpu(cpu);
	host_init_cpu(cpu);
	err = apic_init_cpu(cpu);
	if (err)
		return err;
	vmsave(block_of(cpu)->host_vmcb);
	msr_write(MSR_VM_HSAVE_PA, arch_virt_to_phys(block_of(cpu)->host_save));
	vendor_set_cell(cpu);
	return 0;
}

/* --- guest state --- */

void vendor_park(struct pcpu *cpu)
{
	struct vmcb *vmcb = vmcb_of(cpu);

	vendor_reset(cpu, 0, 0, 0);
	vmcb->nested_cr3 = arch_virt_to_phys(park_tables.root);
	vmcb->g_pat = PAT_RESET;
}

void vendor_reset(struct pcpu *cpu, u64 cs_base, u16 selector, u16 ip)
{
	const struct vmcb_segment data = { 0, SEGMENT_REAL_DATA, 0xffff, 0 };
	struct vmcb *vmcb = vmcb_of(cpu);

	vmcb->cs = (struct vmcb_segment){ selector, SEGMENT_REAL_CODE, 0xffff, cs_base };
	vmcb->ds = vmcb->es = vmcb->fs = vmcb->gs = vmcb->ss = data;
	vmcb->tr = (struct vmcb_segment){ 0, SEGMENT_REAL_TSS, 0xffff, 0 };
	vmcb->ldtr = (struct vmcb_segment){ 0, SEGMENT_REAL_LDT, 0xffff, 0 };
	vmcb->gdtr = vmcb->idtr = (struct vmcb_segment){ 0, 0, 0xffff, 0 };
	vmcb->cpl = 0;
	vmcb->efer = EFER_SVME;
	vmcb->cr0 = CR0_CD | CR0_NW | CR0_ET;
	vmcb->cr2 = vmcb->cr3 = vmcb->cr4 = 0; /* CR2 could tell a cell an address of Linux */
	vmcb->dr6 = 0xffff0ff0;
	vmcb->dr7 = 0x400;
	vmcb->rflags = RFLAGS_FIXED;
	vmcb->rip = ip;
	vmcb->rsp = 0;
	vmcb->star = vmcb->lstar = vmcb->cstar = vmcb->sfmask = vmcb->kernel_gs_base = 0;
	vmcb->sysenter_cs = vmcb->sysenter_esp = vmcb->sysenter_eip = 0;
	vmcb->interrupt_shadow = 0;
	vmcb->event_injection = 0;
	vmcb->tlb_control = TLB_FLUSH_ALL;
	memset(cpu->arch.regs, 0, sizeof(*cpu->arch.regs));
}

void vendor_view(const struct pcpu *cpu, struct vcpu_view *ret_view)
{
	const struct vmcb *vmcb = vmcb_of(cpu);

	*ret_view = (struct vcpu_view){
		.cr0 = vmcb->cr0,
		.cr3 = vmcb->cr3,
		.cr4 = vmcb->cr4,
		.efer = vmcb->efer,
		.rip = vmcb->rip,
		.rflags = vmcb->rflags,
		.cs_base = vmcb->cs.base,
		.long_code = vmcb->efer & EFER_LMA && vmcb->cs.attributes & ATTR_LONG,
		.code32 = vmcb->cs.attributes & ATTR_DB,
		.cpl = vmcb->cpl,
	};
}

void vendor_skip(struct pcpu *cpu, unsigned int length)
{
	struct vmcb *vmcb = vmcb_of(cpu);

	vmcb->rip += length;
	vmcb->interrupt_shadow = 0;
}

void vendor_inject_gp(struct pcpu *cpu)
{
	vmcb_of(cpu)->event_injection = EVENT_VALID | EVENT_ERROR_CODE | EVENT_EXCEPTION | EXC_GP;
}

void vendor_set_pat(struct pcpu *cpu, u64 pat)
{
	vmcb_of(cpu)->g_pat = pat;
	vmcb_of(cpu)->tlb_control = TLB_FLUSH_ALL;
}

bool vendor_set_efer(struct pcpu *cpu, u64 value)
{
	struct vmcb *vmcb = vmcb_of(cpu);

	if (value & ~EFER_GUEST_MASK)
		return false;
	if (vmcb->cr0 & CR0_PG && (value ^ vmcb->efer) & EFER_LME)
		return false;
	vmcb->efer = (value & ~EFER_LMA) | (vmcb->efer & EFER_LMA) | EFER_SVME;
	return true;
}

void vendor_take_interrupts(void)
{
	asm volatile("stgi\n\tsti\n\tnop\n\tnop\n\tcli\n\tclgi" : : : "memory");
}

void arch_flush(struct pcpu *cpu)
{
	vmcb_of(cpu)->tlb_control = TLB_FLUSH_ALL;
	cat_apply(cpu);
	guest_forget(cpu);
}

void arch_get_regs(const struct pcpu *cpu, u64 regs[20])
{
	const struct vcpu_regs *r = cpu->arch.regs;
	const struct vmcb *vmcb = vmcb_of(cpu);
	const u64 all[20] = { r->rax,	 r->rbx, r->rcx,    r->rdx,	  r->rsi,    r->rdi,   r->rbp,
			      vmcb->rsp, r->r8,	 r->r9,	    r->r10,	  r->r11,    r->r12,   r->r13,
			      r->r14,	 r->r15, vmcb->rip, vmcb->rflags, vmcb->cr0, vmcb->cr3 };

	memcpy(regs, all, sizeof(all));
}

void arch_leave(struct pcpu *cpu)
{
	vendor_restore(cpu);
	native_resume(cpu->arch.regs, vmcb_of(cpu)->rip);
}

/* --- exits --- */

static void reinject_exception(struct vmcb *vmcb)
{
	u64 vector = vmcb->exit_code - EXIT_EXCEPTION;

	vmcb->event_injection = EVENT_VALID | EVENT_EXCEPTION | vector;
	if (vector == EXC_AC)
		vmcb->event_injection |= EVENT_ERROR_CODE | (u64)(u32)vmcb->exit_info1 << 32;
}

static bool port_exit(struct pcpu *cpu, struct vmcb *vmcb, struct vcpu_regs *regs, struct violation *v)
{
	u64 info = vmcb->exit_info1;
	struct port_access io = {
		.port = info >> 16,
		.size = IOIO_SIZE(info),
		.in = info & IOIO_IN,
		.string = info & (IOIO_STRING | IOIO_REP),
	};

	if (!handle_port(cpu, regs, &io, v))
		return false;
	vmcb->rip = vmcb->exit_info2; /* 15.10.2: the next instruction */
	return true;
}

/*
 * NMIs leave the guest, whoever it is, and are ours if somebody has kicked this CPU. Others are the machine's: root
 * gets them on its own CPUs, a cell never. The NMI that made us leave is still pending: take it with our own IDT, then
 * see.
 */
static void nmi_exit(struct pcpu *cpu, struct vmcb *vmcb)
{
	asm volatile("stgi\n\tnop\n\tclgi" : : : "memory");
	if (!handle_management(cpu) && cpu->cell == &root_cell && !cpu->arch.wait_sipi && !cpu->shared.failed)
		vmcb->event_injection = EVENT_VALID | EVENT_NMI;
}

static enum mmio_kind npf_kind(u64 info)
{
	if (info & NPF_WALK)
		return MMIO_WALK;
	if (info & NPF_FETCH)
		return MMIO_FETCH;
	return info & NPF_WRITE ? MMIO_WRITE : MMIO_READ;
}

static bool dispatch(struct pcpu *cpu, struct vmcb *vmcb, struct vcpu_regs *regs, struct violation *v)
{
	switch (vmcb->exit_code) {
	case EXIT_NMI:
		nmi_exit(cpu, vmcb);
		return true;
	case EXIT_CPUID:
		handle_cpuid(cpu, regs);
		return true;
	case EXIT_MSR:
		return handle_msr(cpu, regs, vmcb->exit_info1 & 1, v);
	case EXIT_IOIO:
		return port_exit(cpu, vmcb, regs, v);
	case EXIT_VMMCALL:
		handle_hypercall(cpu, regs);
		return true;
	case EXIT_NPF:
		return handle_mmio(cpu, regs, vmcb->exit_info2, npf_kind(vmcb->exit_info1), v);
	case EXIT_EXCEPTION + EXC_DB:
	case EXIT_EXCEPTION + EXC_AC:
		cpu->stats[CELL_STAT_X86_EXCEPTION]++;
		reinject_exception(vmcb);
		return true;
	case EXIT_INIT:
		cpu->stats[CELL_STAT_MANAGEMENT]++;
		return true;
	case EXIT_SHUTDOWN:
		*v = (struct violation){ HV_CAUSE_TRIPLE_FAULT, 0, vmcb->rip, "triple fault" };
		return false;
	default:
		*v = (struct violation){ HV_CAUSE_INSTRUCTION, 0, vmcb->rip, "forbidden instruction" };
		if (vmcb->exit_code < 0x60 || vmcb->exit_code > 0x8f)
			*v = (struct violation){ HV_CAUSE_OTHER, 0, vmcb->exit_code, "unexpected exit" };
		return false;
	}
}

/** svm_handle_exit() - from entry.S on each exit, GIF = 0, on this CPU's stack */
void svm_handle_exit(struct vcpu_regs *regs);

void svm_handle_exit(struct vcpu_regs *regs)
{
	struct pcpu *cpu = this_cpu();
	struct vmcb *vmcb = vmcb_of(cpu);
	struct violation v;

	cpu->stats[CELL_STAT_TOTAL]++;
	cpu->arch.regs = regs;
	regs->rax = vmcb->rax;
	regs->rsp = vmcb->rsp;
	vmcb->tlb_control = 0;
	/* An exit in the middle of a delivery, e.g. by NMI: deliver again (15.20). */
	vmcb->event_injection = vmcb->exit_int_info & EVENT_VALID ? vmcb->exit_int_info : 0;
	if (!dispatch(cpu, vmcb, regs, &v)) {
		control_violation(cpu, &v);
		handle_requests(cpu);
	}
	vmcb->rax = regs->rax;
}

/** svm_enter() - from entry.S: the C side of entry. Returns only errors. */
int svm_enter(unsigned int cpu_id, u64 linux_cr3, u64 linux_rsp);

int svm_enter(unsigned int cpu_id, u64 linux_cr3, u64 linux_rsp)
{
	struct pcpu *cpu = this_cpu();
	int err;

	cpu->arch.linux_cr3 = linux_cr3;
	cpu->arch.linux_rsp = linux_rsp;
	err = setup_cpu(cpu_id);
	if (!err)
		vcpu_run();
	if (cpu->arch.host_cr3)
		vendor_restore(cpu);
	return err;
}
