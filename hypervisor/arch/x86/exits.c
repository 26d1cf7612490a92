// SPDX-License-Identifier: GPL-2.0-only
/* What guests do that needs us, whoever made the CPU: CPUID, MSRs, hypercalls, trapped memory, start-up of CPUs. */
#include <image.h>
#include <hv/arch.h>
#include <hv/control.h>
#include <hv/print.h>
#include "apic.h"
#include "asm.h"
#include "cat.h"
#include "decode.h"
#include "guest.h"
#include "iommu.h"
#include "vcpu.h"

#define CPUID_1_ECX_VMX (1U << 5)
#define CPUID_1_ECX_OSXSAVE (1U << 27)
#define CPUID_1_ECX_HYPERVISOR (1U << 31)
#define CPUID_EXT_ECX_SVM (1U << 2)
#define MTRR_ENABLE (1U << 11)

/* --- CPUID (abi 2.1) --- */

void handle_cpuid(struct pcpu *cpu, struct vcpu_regs *regs)
{
	u32 leaf = (u32)regs->rax;
	bool root = cpu->cell == &root_cell;
	struct vcpu_view view;
	struct cpuid r;

	cpu->stats[CELL_STAT_X86_CPUID]++;
	if (leaf == CELL_CPUID_SIGNATURE)
		r = (struct cpuid){ CELL_CPUID_FEATURES, CELL_CPUID_EBX, CELL_CPUID_ECX, CELL_CPUID_EDX };
	else if (leaf == CELL_CPUID_FEATURES)
		r = (struct cpuid){ 0 };
	else
		r = cpuid_read(leaf, (u32)regs->rcx);

	if (leaf == 1) {
		vendor_view(cpu, &view);
		r.ecx &= ~CPUID_1_ECX_OSXSAVE;
		if (view.cr4 & CR4_OSXSAVE)
			r.ecx |= CPUID_1_ECX_OSXSAVE;
		if (!root)
			r.ecx = (r.ecx | CPUID_1_ECX_HYPERVISOR) & ~CPUID_1_ECX_VMX;
	} else if (leaf == 0x80000001U && !root) {
		r.ecx &= ~CPUID_EXT_ECX_SVM;
	}
	regs->rax = r.eax;
	regs->rbx = r.ebx;
	regs->rcx = r.ecx;
	regs->rdx = r.edx;
	vendor_skip(cpu, 2);
}

/* --- MSRs (abi 6.2) --- */

bool msr_is_trapped(u32 msr, bool write, bool root)
{
	if (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST)
		return apic_x2apic() ? write && msr == MSR_X2APIC_ICR : true;
	if (msr == MSR_EFER || msr == MSR_APIC_BASE || (msr >= MSR_VM_CR && msr <= MSR_SVM_LAST))
		return write;
	if (cat_owns_msr(msr))
		return write;
	if (root)
		return false; /* the machine's MTRRs and PAT stay Linux' business */
	if (msr == MSR_PAT)
		return true;
	return write && ((msr >= MSR_MTRR_FIRST && msr <= MSR_MTRR_LAST) || msr == MSR_MTRR_DEF_TYPE);
}

/* Does a permission map cover the MSR? AMD APM vol.2 15.11. */
static bool msr_is_mapped(u32 msr)
{
	return msr < 0x2000 || (msr & ~0x1fffU) == 0xc0000000U || (msr & ~0x1fffU) == 0xc0010000U;
}

static bool pat_valid(u64 pat)
{
	for (; pat; pat >>= 8)
		if ((pat & 0xff) == 2 || (pat & 0xff) == 3 || (pat & 0xff) > 7)
			return false;
	return true;
}

static bool msr_read_allowed(struct pcpu *cpu, u32 msr, u64 *ret_value)
{
	if (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST && !apic_x2apic() &&
	    apic_msr_readable(msr - MSR_X2APIC_FIRST))
		*ret_value = apic_guest_msr_read(msr - MSR_X2APIC_FIRST);
	else if (msr == MSR_PAT)
		*ret_value = cpu->arch.pat;
	else
		return false;
	return true;
}

/* Effective memory types start when the guest enables its MTRRs; until then all is uncached (abi 6.1). */
static void update_pat(struct pcpu *cpu)
{
	vendor_set_pat(cpu, cpu->arch.mtrr_on ? cpu->arch.pat : 0);
}

enum verdict { DONE, FAULT, VIOLATION };

static enum verdict msr_write_verdict(struct pcpu *cpu, u32 msr, u64 value, struct violation *v)
{
	if (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST) {
		u32 reg = msr - MSR_X2APIC_FIRST;

		if (!apic_x2apic() && !apic_msr_writable(reg))
			return FAULT;
		return apic_guest_write(cpu, reg, value, true, v) ? DONE : VIOLATION;
	}
	if (cat_owns_msr(msr))
		return DONE; /* Linux clears its own classes on each CPU that it gets back: abi 4.6 */
	switch (msr) {
	case MSR_EFER:
		return vendor_set_efer(cpu, value) ? DONE : FAULT;
	case MSR_APIC_BASE:
		return value == msr_read(MSR_APIC_BASE) ? DONE : VIOLATION;
	case MSR_PAT:
		if (!pat_valid(value))
			return VIOLATION;
		cpu->arch.pat = value;
		update_pat(cpu);
		return DONE;
	case MSR_MTRR_DEF_TYPE:
		cpu->arch.mtrr_on = value & MTRR_ENABLE;
		update_pat(cpu);
		return DONE;
	default:
		return VIOLATION;
	}
}

/*
 * A range that no permission map covers, or one of ours. MSRs that are not there fault natively, so let those of x2APIC
 * that we do not emulate fault; and root, which probes for many.
 */
bool handle_msr(struct pcpu *cpu, struct vcpu_regs *regs, bool write, struct violation *v)
{
	u32 msr = (u32)regs->rcx;
	u64 value = (u32)regs->rax | regs->rdx << 32;
	enum verdict verdict;

	cpu->stats[write && msr == MSR_X2APIC_ICR ? CELL_STAT_X86_MSR_X2APIC_ICR : CELL_STAT_X86_MSR_OTHER]++;
	*v = (struct violation){ HV_CAUSE_MSR, 8 | (write ? HV_EVENT_WRITE : 0), msr,
				 write ? "write to an MSR" : "read of an MSR" };
	if (write) {
		verdict = msr_write_verdict(cpu, msr, value, v);
	} else if (msr_read_allowed(cpu, msr, &value)) {
		regs->rax = (u32)value;
		regs->rdx = value >> 32;
		verdict = DONE;
	} else {
		verdict = msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST ? FAULT : VIOLATION;
	}
	if (verdict == VIOLATION && cpu->cell == &root_cell && !msr_is_mapped(msr))
		verdict = FAULT;
	if (verdict == FAULT)
		vendor_inject_gp(cpu);
	else if (verdict == DONE)
		vendor_skip(cpu, 2);
	return verdict != VIOLATION;
}

/* --- hypercalls (abi 1.1) --- */

void handle_hypercall(struct pcpu *cpu, struct vcpu_regs *regs)
{
	struct vcpu_view view;
	u64 mask;

	cpu->stats[CELL_STAT_HYPERCALL]++;
	vendor_view(cpu, &view);
	mask = view.efer & EFER_LMA && view.long_code ? ~0UL : 0xffffffffUL;
	vendor_skip(cpu, 3);
	if (view.cpl || view.rflags & RFLAGS_VM)
		regs->rax = -EPERM;
	else
		regs->rax = hypercall(cpu, regs->rax, regs->rdi & mask, regs->rsi & mask);
}

/* --- trapped memory --- */

static u64 *reg_of(struct vcpu_regs *regs, unsigned int number)
{
	static const u8 offset[16] = {
#define REG(r) offsetof(struct vcpu_regs, r)
		REG(rax), REG(rcx), REG(rdx), REG(rbx), REG(rsp), REG(rbp), REG(rsi), REG(rdi),
		REG(r8),  REG(r9),  REG(r10), REG(r11), REG(r12), REG(r13), REG(r14), REG(r15)
#undef REG
	};

	return (u64 *)((u8 *)regs + offset[number]);
}

static bool is_apic_page(u64 gpa)
{
	return !apic_x2apic() && (gpa & PAGE_MASK) == XAPIC_BASE;
}

static bool decode_at(struct pcpu *cpu, const struct vcpu_view *view, struct mmio_insn *ret_insn)
{
	u8 bytes[INSTRUCTION_MAX_BYTES];
	unsigned int n = guest_fetch(cpu, view, bytes, sizeof(bytes));

	return mmio_decode(bytes, n, view->long_code, view->code32, ret_insn);
}

/* Reads of the APIC page never trap, and only 32-bit accesses are defined. */
static bool apic_page_write(struct pcpu *cpu, const struct mmio_access *a, struct violation *v)
{
	if (a->write && a->size == 4 && !(a->address & 0xf))
		return apic_guest_write(cpu, (a->address & ~PAGE_MASK) >> 4, a->value, false, v);
	v->what = "forbidden APIC access, write to memory";
	return false;
}

static bool emulate(struct pcpu *cpu, const struct mmio_window *window, struct vcpu_regs *regs,
		    const struct vcpu_view *view, u64 gpa, bool write, struct violation *v)
{
	struct mmio_access a = { .address = gpa, .write = write };
	struct mmio_insn insn;
	u64 *reg;

	/* What was executed may have been overwritten since: then it is no access that we could have trapped. */
	if (!decode_at(cpu, view, &insn) || insn.write != write) {
		*v = (struct violation){ HV_CAUSE_INSTRUCTION, write ? HV_EVENT_WRITE : 0, view->rip,
					 "cannot emulate an access to trapped memory, instruction" };
		return false;
	}
	reg = reg_of(regs, insn.reg);
	a.size = insn.size;
	a.value = write ? mmio_insn_stored(&insn, *reg) : 0;
	v->access |= a.size;
	if (!(window ? mmio_emulate(cpu, window, &a) : apic_page_write(cpu, &a, v)))
		return false;
	if (!write)
		*reg = mmio_insn_loaded(&insn, *reg, a.value);
	vendor_skip(cpu, insn.length);
	return true;
}

bool handle_mmio(struct pcpu *cpu, struct vcpu_regs *regs, u64 gpa, enum mmio_kind kind, struct violation *v)
{
	static const char *const what[] = { "read of memory", "write to memory", "fetch from memory",
					    "page table in memory" };
	static const u32 access[] = { 0, HV_EVENT_WRITE, HV_EVENT_FETCH, 0 };
	bool apic = is_apic_page(gpa), data = kind == MMIO_READ || kind == MMIO_WRITE;
	const struct mmio_window *window = data && !apic ? mmio_find(cpu->cell, gpa) : NULL;
	struct vcpu_view view;

	cpu->stats[apic && kind == MMIO_WRITE ? CELL_STAT_X86_XAPIC : CELL_STAT_MMIO]++;
	*v = (struct violation){ HV_CAUSE_MMIO, access[kind], gpa, what[kind] };
	if (!window && !(apic && kind == MMIO_WRITE))
		return false;
	vendor_view(cpu, &view);
	return emulate(cpu, window, regs, &view, gpa, kind == MMIO_WRITE, v);
}

/* --- management, INIT and SIPI --- */

static void park(struct pcpu *cpu)
{
	cpu->arch.wait_sipi = !cpu->shared.failed;
	apic_clear();
	vendor_set_cell(cpu);
	vendor_park(cpu);
}

/* What the CPU's former cell posted must not start it for the next one. */
void arch_park(struct pcpu *cpu)
{
	cpu->arch.init = cpu->arch.sipi = 0;
	park(cpu);
}

static void start_at(struct pcpu *cpu, u64 cs_base, u16 selector, u16 ip)
{
	cpu->arch.wait_sipi = false;
	apic_clear(); /* nothing that came while the CPU waited, as behind a real INIT */
	vendor_set_cell(cpu);
	vendor_reset(cpu, cs_base, selector, ip);
	if (cpu->cell == &root_cell)
		vendor_set_pat(cpu, PAT_RESET);
	else
		update_pat(cpu);
}

void arch_start(struct pcpu *cpu)
{
	u64 reset = cpu->cell->config->cpu_reset_address;

	cpu->arch.pat = PAT_RESET;
	cpu->arch.mtrr_on = false;
	cpu->arch.init = cpu->arch.sipi = 0;
	start_at(cpu, reset & ~0xffffUL, reset >> 4 & 0xf000, reset & 0xffff);
}

static void handle_startup(struct pcpu *cpu)
{
	/* SIPI is posted after INIT: whoever sees it sees INIT too. */
	u32 sipi = __atomic_exchange_n(&cpu->arch.sipi, 0, __ATOMIC_SEQ_CST);

	if (__atomic_exchange_n(&cpu->arch.init, 0, __ATOMIC_SEQ_CST) && !cpu->arch.wait_sipi && !cpu->shared.failed)
		park(cpu);
	if (sipi && cpu->arch.wait_sipi)
		start_at(cpu, (u64)(sipi & 0xff) << 12, (sipi & 0xff) << 8, 0);
}

void handle_requests(struct pcpu *cpu)
{
	do {
		control_wait(cpu);
		handle_startup(cpu);
	} while (READ_ONCE(cpu->shared.suspend) || READ_ONCE(cpu->arch.init) || READ_ONCE(cpu->arch.sipi));
}

bool handle_management(struct pcpu *cpu)
{
	bool ours = READ_ONCE(cpu->arch.kicks) > 0;

	cpu->stats[CELL_STAT_MANAGEMENT]++;
	if (ours)
		__atomic_sub_fetch(&cpu->arch.kicks, 1, __ATOMIC_SEQ_CST);
	handle_requests(cpu);
	return iommu_report_faults(cpu, ours) || ours;
}
