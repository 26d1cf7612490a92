// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMD-V: the state in which a guest CPU starts, what is intercepted, and where each exit goes.
 *
 * svm.c is part of this file; whoever handles exits only says that it was asked. Numbers are those of AMD APM vol.2,
 * appendices B and C, and of the interface.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>
#include <cmocka.h>
#include "svm/svm.c"

struct hv_image_header image_header;
struct paging_format arch_stage2_format;
const struct paging_format x86_page_format;
struct cell root_cell;
static struct cell cell = { .id = 1 };
static struct pcpu *cpu;
static struct vmcb *vmcb;
static struct vcpu_regs regs;
static struct violation violation;
static char asked;
static enum mmio_kind asked_kind;
static u64 asked_at;
static struct port_access asked_port;
static bool refuses, nmi_is_ours;

paddr_t arch_virt_to_phys(const void *virt)
{
	return (paddr_t)virt;
}

/* One who takes some MSRs of each range. */
bool msr_is_trapped(u32 msr, bool write, bool root)
{
	return (msr == 0x277 && !root) || (msr == 0xc0000080 && write) || (msr == 0xc0011fff && !write);
}

/* --- who handles exits --- */

void handle_cpuid(struct pcpu *c, struct vcpu_regs *r)
{
	(void)c, (void)r;
	asked = 'c';
}

bool handle_msr(struct pcpu *c, struct vcpu_regs *r, bool write, struct violation *v)
{
	(void)c, (void)r, (void)v;
	asked = write ? 'w' : 'r';
	return !refuses;
}

void handle_hypercall(struct pcpu *c, struct vcpu_regs *r)
{
	(void)c, (void)r;
	asked = 'h';
}

bool handle_mmio(struct pcpu *c, struct vcpu_regs *r, u64 gpa, enum mmio_kind kind, struct violation *v)
{
	(void)c, (void)r, (void)v;
	asked = 'm';
	asked_at = gpa;
	asked_kind = kind;
	return !refuses;
}

bool handle_port(struct pcpu *c, struct vcpu_regs *r, const struct port_access *io, struct violation *v)
{
	(void)c, (void)r, (void)v;
	asked = 'p';
	asked_port = *io;
	return !refuses;
}

/* What entering and leaving need, which is not tested here. */
bool handle_management(struct pcpu *c)
{
	(void)c;
	return nmi_is_ours;
}

void handle_requests(struct pcpu *c)
{
	(void)c;
}

void control_violation(struct pcpu *c, const struct violation *v)
{
	(void)c, (void)v;
}

int setup_cpu(unsigned int cpu_id)
{
	(void)cpu_id;
	return -EIO;
}

void vcpu_run(void)
{
	abort();
}

void native_resume(const struct vcpu_regs *r, u64 rip)
{
	(void)r, (void)rip;
	abort();
}

void host_init_cpu(struct pcpu *c)
{
	(void)c;
}

int apic_init_cpu(struct pcpu *c)
{
	(void)c;
	return 0;
}

void cat_init_cpu(struct pcpu *c)
{
	(void)c;
}

static unsigned int forgotten;

void guest_forget(struct pcpu *c)
{
	assert_ptr_equal(c, cpu);
	forgotten++;
}

void cat_apply(struct pcpu *c)
{
	(void)c;
}

void cat_exit_cpu(struct pcpu *c)
{
	(void)c;
}

void *pool_alloc(u32 pages)
{
	(void)pages;
	return NULL;
}

int paging_init(struct paging *pg, const struct paging_format *format)
{
	(void)pg, (void)format;
	return 0;
}

int paging_map(struct paging *pg, u64 va, paddr_t pa, u64 size, unsigned int access, bool huge)
{
	(void)pg, (void)va, (void)pa, (void)size, (void)access, (void)huge;
	return 0;
}

int refuse(int err, const char *fmt, ...)
{
	(void)fmt;
	return err;
}

/* --- tests --- */

static int setup(void **state)
{
	(void)state;
	if (!cpu)
		cpu = aligned_alloc(HV_BLOCK_SIZE, HV_BLOCK_SIZE);
	assert_non_null(cpu);
	memset(cpu, 0xa5, HV_BLOCK_SIZE);
	memset(&regs, 0xa5, sizeof(regs));
	memset(cpu->stats, 0, sizeof(cpu->stats));
	cpu->cell = &cell;
	cpu->arch.regs = &regs;
	vmcb = vmcb_of(cpu);
	violation = (struct violation){ 0 };
	asked = 0;
	forgotten = 0;
	refuses = false;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(cpu);
	return 0;
}

static u64 at(unsigned int offset, unsigned int bytes)
{
	u64 value = 0;

	memcpy(&value, (u8 *)vmcb + offset, bytes);
	return value;
}

static void assert_segment(unsigned int offset, u16 selector, u16 attributes, u64 base)
{
	assert_int_equal(at(offset, 2), selector);
	assert_int_equal(at(offset + 2, 2), attributes);
	assert_int_equal(at(offset + 4, 4), 0xffff);
	assert_int_equal(at(offset + 8, 8), base);
}

static void test_reset_segments(void **state)
{
	static const unsigned int data[] = { 0x400, 0x420, 0x430, 0x440, 0x450 }; /* ES, SS, DS, FS, GS */

	(void)state;
	vendor_reset(cpu, 0x123450000, 0x5000, 0x6789);
	assert_segment(0x410, 0x5000, 0x9b, 0x123450000);
	assert_int_equal(at(0x578, 8), 0x6789);
	for (unsigned int i = 0; i < ARRAY_SIZE(data); i++)
		assert_segment(data[i], 0, 0x93, 0);
	assert_segment(0x490, 0, 0x8b, 0);		       /* TR */
	assert_segment(0x470, 0, 0x82, 0);		       /* LDTR */
	assert_int_equal(at(0x464, 4) | at(0x468, 8), 0xffff); /* GDTR */
	assert_int_equal(at(0x484, 4) | at(0x488, 8), 0xffff); /* IDTR */
	assert_int_equal(at(0x4cb, 1), 0);		       /* CPL */
}

static void test_reset_registers(void **state)
{
	static const struct vcpu_regs none;

	(void)state;
	vendor_reset(cpu, 0, 0, 0);
	assert_memory_equal(&regs, &none, sizeof(none));
	assert_int_equal(at(0x5d8, 8), 0);     /* RSP */
	assert_int_equal(at(0x570, 8), 0x2);   /* RFLAGS */
	assert_int_equal(at(0x560, 8), 0x400); /* DR7 */
	assert_int_equal(at(0x68, 8), 0);      /* no interrupt shadow */
	assert_int_equal(at(0xa8, 8), 0);      /* nothing to deliver */
	assert_int_equal(at(0x5c, 1), 1);      /* the TLB is flushed */
}

static void test_reset_control(void **state)
{
	(void)state;
	vendor_reset(cpu, 0, 0, 0);
	assert_int_equal(at(0x558, 8), 0x60000010); /* CR0 */
	assert_int_equal(at(0x640, 8), 0);	    /* CR2: ours, it tells nothing of Linux */
	assert_int_equal(at(0x550, 8), 0);	    /* CR3 */
	assert_int_equal(at(0x548, 8), 0);	    /* CR4 */
	assert_int_equal(at(0x4d0, 8), 0x1000);	    /* EFER */
}

static void test_reset_msrs(void **state)
{
	(void)state;
	vendor_reset(cpu, 0, 0, 0);
	/* STAR, LSTAR, CSTAR, SFMASK, KernelGSBase, SYSENTER_CS, _ESP, _EIP */
	for (unsigned int offset = 0x600; offset < 0x640; offset += 8)
		assert_int_equal(at(offset, 8), 0);
}

static void test_parked(void **state)
{
	(void)state;
	park_tables.root = (u64 *)0x1000;
	vendor_park(cpu);
	assert_int_equal(at(0xb0, 8), 0x1000); /* nested CR3: nothing but our page */
	assert_segment(0x410, 0, 0x9b, 0);
	assert_int_equal(at(0x578, 8), 0);
	assert_int_equal(at(0x668, 8), 0x0007040600070406UL);
}

/* Intercepts: vector 3, bits of 0x60 + n; vector 4, of 0x80 + n. */
static void test_intercepts(void **state)
{
	static const u8 taken[] = { 0x61, 0x63, 0x72, 0x76, 0x7a, 0x7b, 0x7c, 0x7f,
				    0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86 };
	unsigned int n = 0;

	(void)state;
	memset(vmcb, 0, sizeof(*vmcb));
	set_intercepts(vmcb);
	for (unsigned int i = 0; i < ARRAY_SIZE(taken); i++)
		assert_true(at(0xc + (taken[i] >= 0x80 ? 4 : 0), 4) >> taken[i] % 32 & 1);
	/* Nothing else: interrupts, HLT, RDTSC, RDTSCP, WBINVD, MWAIT, XSETBV, control and debug registers are native.
	 */
	n = __builtin_popcountll(at(0xc, 8));
	assert_int_equal(n, ARRAY_SIZE(taken));
	assert_int_equal(at(0, 8), 0);
	assert_int_equal(at(8, 4), 1U << 1 | 1U << 17); /* #DB, #AC */
	assert_int_equal(at(0x14, 4), 0);
	assert_int_equal(at(0x90, 8), 1);
	assert_int_equal(at(0x58, 4), 1);
}

static bool exit_by(u64 code, u64 info1, u64 info2)
{
	vmcb->exit_code = code;
	vmcb->exit_info1 = info1;
	vmcb->exit_info2 = info2;
	vmcb->event_injection = 0;
	vmcb->rip = 0x7000;
	asked = 0;
	return dispatch(cpu, vmcb, &regs, &violation);
}

static void test_handled(void **state)
{
	(void)state;
	assert_true(exit_by(0x72, 0, 0) && asked == 'c');
	assert_true(exit_by(0x7c, 0, 0) && asked == 'r');
	assert_true(exit_by(0x7c, 1, 0) && asked == 'w');
	assert_true(exit_by(0x81, 0, 0) && asked == 'h');
	assert_true(exit_by(0x7b, 0x03f80011, 0x7002) && asked == 'p');
	assert_true(asked_port.port == 0x3f8 && asked_port.size == 1 && asked_port.in && !asked_port.string);
	assert_int_equal(vmcb->rip, 0x7002);
	assert_true(exit_by(0x7b, 0x0cf8004c, 0) && asked_port.size == 4 && !asked_port.in && asked_port.string);
	assert_true(exit_by(0x63, 0, 0) && !asked); /* INIT from outside */
	assert_int_equal(cpu->stats[CELL_STAT_MANAGEMENT], 1);
	refuses = true;
	assert_false(exit_by(0x7c, 0, 0) || exit_by(0x7b, 0, 0x7002) || exit_by(0x400, 0, 0));
	assert_int_equal(vmcb->rip, 0x7000);
}

static void test_memory(void **state)
{
	static const struct {
		u64 info;
		enum mmio_kind kind;
	} cases[] = {
		{ 1UL << 32, MMIO_READ }, { 1UL << 32 | 2, MMIO_WRITE }, { 1UL << 32 | 0x10, MMIO_FETCH },
		{ 1UL << 33, MMIO_WALK }, { 1UL << 33 | 2, MMIO_WALK },	 { 1UL << 32 | 7, MMIO_WRITE },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_true(exit_by(0x400, cases[i].info, 0xd0001010) && asked == 'm');
		assert_int_equal(asked_kind, cases[i].kind);
		assert_int_equal(asked_at, 0xd0001010);
	}
}

/* #DB and #AC reach the guest, #AC with its error code. */
static void test_exceptions(void **state)
{
	(void)state;
	assert_true(exit_by(0x41, 0, 0));
	assert_int_equal(at(0xa8, 8), 0x80000301);
	assert_true(exit_by(0x51, 0x0, 0));
	assert_int_equal(at(0xa8, 8), 0x80000b11);
	assert_int_equal(cpu->stats[CELL_STAT_X86_EXCEPTION], 2);
}

static void test_violations(void **state)
{
	static const u8 forbidden[] = { 0x76, 0x7a, 0x80, 0x82, 0x83, 0x84, 0x85, 0x86 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(forbidden); i++) {
		assert_false(exit_by(forbidden[i], 0, 0));
		assert_true(violation.cause == HV_CAUSE_INSTRUCTION && violation.address == 0x7000);
	}
	assert_false(exit_by(0x7f, 0, 0));
	assert_int_equal(violation.cause, HV_CAUSE_TRIPLE_FAULT);
	assert_false(exit_by(-1UL, 0, 0)); /* a VMCB that is not valid */
	assert_int_equal(violation.cause, HV_CAUSE_OTHER);
}

/* STGI and CLGI are not for user space: step over them. */
static void on_ill(int number, siginfo_t *info, void *context)
{
	ucontext_t *c = context;
	const u8 *at = (const u8 *)c->uc_mcontext.gregs[REG_RIP];

	(void)number, (void)info;
	if (at[0] != 0x0f || at[1] != 0x01 || (at[2] != 0xdc && at[2] != 0xdd))
		abort();
	c->uc_mcontext.gregs[REG_RIP] += 3;
}

static void test_nmi(void **state)
{
	const struct sigaction action = { .sa_sigaction = on_ill, .sa_flags = SA_SIGINFO };
	struct sigaction before;

	(void)state;
	sigaction(SIGILL, &action, &before);
	cpu->arch.wait_sipi = false;
	cpu->shared.failed = 0;
	nmi_is_ours = true;
	assert_true(exit_by(0x61, 0, 0));
	assert_int_equal(at(0xa8, 8), 0);
	nmi_is_ours = false;
	assert_true(exit_by(0x61, 0, 0)); /* not for a cell */
	assert_int_equal(at(0xa8, 8), 0);
	cpu->cell = &root_cell;
	assert_true(exit_by(0x61, 0, 0)); /* Linux' own */
	assert_int_equal(at(0xa8, 8), 0x80000200);
	cpu->arch.wait_sipi = true;
	assert_true(exit_by(0x61, 0, 0));
	assert_int_equal(at(0xa8, 8), 0);
	sigaction(SIGILL, &before, NULL);
}

static void test_gp(void **state)
{
	(void)state;
	vendor_inject_gp(cpu);
	assert_int_equal(at(0xa8, 8), 0x80000b0d);
}

static void test_efer(void **state)
{
	(void)state;
	vendor_reset(cpu, 0, 0, 0);
	assert_true(vendor_set_efer(cpu, 0x900)); /* LME NXE */
	assert_int_equal(at(0x4d0, 8), 0x1900);
	assert_true(vendor_set_efer(cpu, 0));
	assert_int_equal(at(0x4d0, 8), 0x1000);
	assert_false(vendor_set_efer(cpu, 0x2));
	vmcb->cr0 |= 1UL << 31;
	assert_false(vendor_set_efer(cpu, 0x100)); /* while paging is on */
	vmcb->efer = 0x1500;
	assert_true(vendor_set_efer(cpu, 0x101));
	assert_int_equal(at(0x4d0, 8), 0x1501); /* LMA stays */
	assert_int_equal(vmcb->efer, 0x1501);
}

/* Two bits an MSR, read and write; three ranges of 0x800 bytes; what no range covers is trapped anyway (15.11). */
static void test_msr_map(void **state)
{
	static u8 map[2 * PAGE_SIZE];
	unsigned int n = 0;

	(void)state;
	fill_msrpm(map, false);
	assert_int_equal(map[0x277 / 4], 3 << 2 * (0x277 % 4));
	assert_int_equal(map[0x800 + 0x80 / 4], 2);
	assert_int_equal(map[0x1000 + 0x1fff / 4], 1 << 6);
	for (unsigned int i = 0; i < 0x1800; i++)
		n += __builtin_popcount(map[i]);
	assert_int_equal(n, 4);
	fill_msrpm(map, true);
	assert_int_equal(map[0x277 / 4], 0);
	assert_int_equal(map[0x800 + 0x80 / 4], 2);
}

static void test_skip(void **state)
{
	(void)state;
	vmcb->rip = 0x7000;
	vmcb->interrupt_shadow = 1;
	vendor_skip(cpu, 3);
	assert_int_equal(at(0x578, 8), 0x7003);
	assert_int_equal(at(0x68, 8), 0);
}

/* What we saw by stage-2 goes whenever the TLB goes. */
static void test_flush(void **state)
{
	(void)state;
	arch_flush(cpu);
	assert_int_equal(at(0x5c, 1), 1);
	assert_int_equal(forgotten, 1);
	vmcb->tlb_control = 0;
	vendor_set_cell(cpu);
	assert_int_equal(at(0x5c, 1), 1);
	assert_int_equal(forgotten, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_reset_segments, setup),
		cmocka_unit_test_setup(test_reset_registers, setup),
		cmocka_unit_test_setup(test_reset_control, setup),
		cmocka_unit_test_setup(test_reset_msrs, setup),
		cmocka_unit_test_setup(test_parked, setup),
		cmocka_unit_test_setup(test_intercepts, setup),
		cmocka_unit_test_setup(test_handled, setup),
		cmocka_unit_test_setup(test_memory, setup),
		cmocka_unit_test_setup(test_exceptions, setup),
		cmocka_unit_test_setup(test_violations, setup),
		cmocka_unit_test_setup(test_nmi, setup),
		cmocka_unit_test_setup(test_gp, setup),
		cmocka_unit_test_setup(test_efer, setup),
		cmocka_unit_test_setup(test_msr_map, setup),
		cmocka_unit_test_setup(test_skip, setup),
		cmocka_unit_test_setup(test_flush, setup),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
