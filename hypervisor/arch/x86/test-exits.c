// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits, to the guest's registers: CPUID, MSRs, hypercalls, trapped memory, start-up: what is emulated, what is not,
 * and what a violation says.
 *
 * exits.c is part of this file, with a CPU, a vendor, a window and an APIC that record what they are asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hv/string.h>
#define cpuid_read native_cpuid_read
#define msr_read native_msr_read
#include "asm.h"
#undef cpuid_read
#undef msr_read

static struct cpuid cpuid_read(u32 leaf, u32 subleaf);
static u64 msr_read(u32 msr);

#include "exits.c"

#define GPA 0xd0001010UL
#define RIP 0x1234UL
#define CAT_MSR 0xc8f

struct cell root_cell;
static struct cell_config config;
static struct cell cell = { .id = 1 };
static struct pcpu cpu = { .cell = &cell };
static struct vcpu_regs regs;
static struct violation violation;
static struct vcpu_view view;
static u8 code[INSTRUCTION_MAX_BYTES];
static unsigned int code_bytes, skipped, apic_writes;
static unsigned int faults, parks, clears;
static bool refuses, x2apic_machine;
static u64 effective_pat, efer;
static struct {
	u64 cs_base;
	u16 selector, ip;
	unsigned int times;
} started;
static struct {
	u64 number, arg1, arg2;
	unsigned int times;
} called;
static struct mmio_access done;

/* --- the others --- */

static struct cpuid cpuid_read(u32 leaf, u32 subleaf)
{
	return (struct cpuid){ leaf, subleaf, 0x7fffffff, 0x12345678 };
}

static u64 msr_read(u32 msr)
{
	assert_int_equal(msr, MSR_APIC_BASE);
	return 0xfee00900;
}

void vendor_view(const struct pcpu *c, struct vcpu_view *ret_view)
{
	(void)c;
	*ret_view = view;
}

void vendor_skip(struct pcpu *c, unsigned int length)
{
	(void)c;
	skipped += length;
}

unsigned int guest_fetch(struct pcpu *c, const struct vcpu_view *v, u8 *buf, unsigned int size)
{
	(void)c;
	assert_int_equal(v->rip, RIP);
	memcpy(buf, code, MIN(size, code_bytes));
	return MIN(size, code_bytes);
}

static bool handler(struct pcpu *c, const struct mmio_window *w, struct mmio_access *a)
{
	(void)c, (void)w;
	if (!a->write)
		a->value = 0x8182838485868788UL >> (64 - 8 * a->size);
	done = *a;
	return !refuses;
}

static const struct mmio_window window = { GPA & PAGE_MASK, PAGE_SIZE, handler, NULL };

const struct mmio_window *mmio_find(const struct cell *c, u64 address)
{
	assert_ptr_equal(c, &cell);
	return address - window.start < window.size ? &window : NULL;
}

bool mmio_emulate(struct pcpu *c, const struct mmio_window *w, struct mmio_access *a)
{
	return w->handler(c, w, a);
}

bool apic_x2apic(void)
{
	return x2apic_machine;
}

bool apic_guest_write(struct pcpu *c, u32 reg, u64 value, bool x2apic, struct violation *v)
{
	(void)c, (void)v;
	assert_true(reg == APIC_ICR || (x2apic && reg == APIC_TPR));
	assert_int_equal(value, x2apic ? 0x300000055UL : 0x55667788);
	apic_writes++;
	return !refuses;
}

/* What other exits need. */
void apic_clear(void)
{
	clears++;
}

bool cat_owns_msr(u32 msr)
{
	return msr == CAT_MSR;
}

bool apic_msr_readable(u32 reg)
{
	return reg == APIC_TPR;
}

bool apic_msr_writable(u32 reg)
{
	return reg == APIC_TPR || reg == APIC_ICR;
}

u64 apic_guest_msr_read(u32 reg)
{
	return 0x500000000UL | reg;
}

void vendor_set_cell(struct pcpu *c)
{
	(void)c;
}

void vendor_park(struct pcpu *c)
{
	(void)c;
	parks++;
}

void vendor_reset(struct pcpu *c, u64 cs_base, u16 selector, u16 ip)
{
	(void)c;
	started.cs_base = cs_base;
	started.selector = selector;
	started.ip = ip;
	started.times++;
}

void vendor_inject_gp(struct pcpu *c)
{
	(void)c;
	faults++;
}

void vendor_set_pat(struct pcpu *c, u64 pat)
{
	(void)c;
	effective_pat = pat;
}

bool vendor_set_efer(struct pcpu *c, u64 value)
{
	(void)c;
	efer = value;
	return !refuses;
}

void control_wait(struct pcpu *c)
{
	c->shared.suspend = 0;
}

s64 hypercall(struct pcpu *c, u64 number, u64 arg1, u64 arg2)
{
	assert_ptr_equal(c, &cpu);
	called.number = number;
	called.arg1 = arg1;
	called.arg2 = arg2;
	called.times++;
	return -ENOSYS;
}

bool iommu_report_faults(const struct pcpu *c, bool explained)
{
	(void)c, (void)explained;
	return false;
}

/* --- tests --- */

static int setup(void **state)
{
	(void)state;
	cell.config = &config;
	cpu = (struct pcpu){ .cell = &cell };
	faults = parks = clears = 0;
	x2apic_machine = false;
	effective_pat = efer = 1;
	memset(&started, 0, sizeof(started));
	memset(&called, 0, sizeof(called));
	regs = (struct vcpu_regs){ .rax = 0x1122334455667788UL, .rcx = 0x0102030405060708UL };
	view = (struct vcpu_view){ .rip = RIP, .long_code = true };
	violation = (struct violation){ 0 };
	done = (struct mmio_access){ 0 };
	skipped = apic_writes = 0;
	refuses = false;
	return 0;
}

static bool execute(u64 gpa, enum mmio_kind kind, const u8 *bytes, unsigned int n)
{
	memcpy(code, bytes, n);
	code_bytes = n;
	return handle_mmio(&cpu, &regs, gpa, kind, &violation);
}

#define EXECUTE(gpa, kind, ...) execute(gpa, kind, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))

static void test_loads(void **state)
{
	(void)state;
	assert_true(EXECUTE(GPA, MMIO_READ, 0x8b, 0x07)); /* mov (%rdi),%eax */
	assert_int_equal(regs.rax, 0x81828384);
	assert_true(done.address == GPA && done.size == 4 && !done.write);
	assert_int_equal(skipped, 2);
	assert_true(EXECUTE(GPA, MMIO_READ, 0x8a, 0x2f)); /* mov (%rdi),%ch */
	assert_int_equal(regs.rcx, 0x0102030405068108UL);
	assert_true(EXECUTE(GPA, MMIO_READ, 0x4d, 0x8b, 0x3f)); /* mov (%r15),%r15 */
	assert_int_equal(regs.r15, 0x8182838485868788UL);
	assert_true(EXECUTE(GPA, MMIO_READ, 0x0f, 0xb7, 0x07)); /* movzwl (%rdi),%eax */
	assert_int_equal(regs.rax, 0x8182);
	assert_int_equal(cpu.stats[CELL_STAT_MMIO], 4);
}

static void test_stores(void **state)
{
	(void)state;
	assert_true(EXECUTE(GPA, MMIO_WRITE, 0x66, 0x89, 0x07)); /* mov %ax,(%rdi) */
	assert_true(done.write && done.size == 2 && done.value == 0x7788);
	assert_true(EXECUTE(GPA, MMIO_WRITE, 0x88, 0x27)); /* mov %ah,(%rdi) */
	assert_true(done.size == 1 && done.value == 0x77);
	assert_true(EXECUTE(GPA, MMIO_WRITE, 0x48, 0xc7, 0x07, 0xfe, 0xff, 0xff, 0xff)); /* movq $-2,(%rdi) */
	assert_true(done.size == 8 && done.value == -2UL);
	assert_int_equal(skipped, 3 + 2 + 7);
	assert_int_equal(regs.rax, 0x1122334455667788UL);
}

static void assert_violation(u32 cause, u64 address, u32 access)
{
	assert_int_equal(violation.cause, cause);
	assert_int_equal(violation.address, address);
	assert_int_equal(violation.access, access);
	assert_int_equal(skipped, 0);
}

static void test_nothing_there(void **state)
{
	(void)state;
	assert_false(EXECUTE(GPA + PAGE_SIZE, MMIO_READ, 0x8b, 0x07));
	assert_violation(HV_CAUSE_MMIO, GPA + PAGE_SIZE, 0);
	assert_false(EXECUTE(GPA - PAGE_SIZE, MMIO_WRITE, 0x89, 0x07));
	assert_violation(HV_CAUSE_MMIO, GPA - PAGE_SIZE, HV_EVENT_WRITE);
}

/* Neither code nor page tables can be where each access is an instruction's. */
static void test_only_data(void **state)
{
	(void)state;
	assert_false(EXECUTE(GPA, MMIO_FETCH, 0x8b, 0x07));
	assert_violation(HV_CAUSE_MMIO, GPA, HV_EVENT_FETCH);
	assert_false(EXECUTE(GPA, MMIO_WALK, 0x8b, 0x07));
	assert_violation(HV_CAUSE_MMIO, GPA, 0);
	assert_false(EXECUTE(XAPIC_BASE + APIC_ICR * 16, MMIO_WALK, 0x89, 0x07));
	assert_int_equal(apic_writes, 0);
	assert_int_equal(done.size, 0);
}

static void test_not_decodable(void **state)
{
	(void)state;
	assert_false(EXECUTE(GPA, MMIO_WRITE, 0x01, 0x07)); /* add */
	assert_violation(HV_CAUSE_INSTRUCTION, RIP, HV_EVENT_WRITE);
	assert_false(EXECUTE(GPA, MMIO_READ, 0x8b)); /* the rest is not mapped */
	assert_violation(HV_CAUSE_INSTRUCTION, RIP, 0);
	/* Overwritten between the access and our look at it. */
	assert_false(EXECUTE(GPA, MMIO_WRITE, 0x8b, 0x07));
	assert_violation(HV_CAUSE_INSTRUCTION, RIP, HV_EVENT_WRITE);
	assert_false(EXECUTE(GPA, MMIO_READ, 0x89, 0x07));
	assert_int_equal(done.size, 0);
}

static void test_refused(void **state)
{
	(void)state;
	refuses = true;
	assert_false(EXECUTE(GPA, MMIO_READ, 0x8b, 0x07));
	assert_violation(HV_CAUSE_MMIO, GPA, 4);
	assert_int_equal(regs.rax, 0x1122334455667788UL);
	assert_false(EXECUTE(GPA, MMIO_WRITE, 0x48, 0x89, 0x07));
	assert_violation(HV_CAUSE_MMIO, GPA, 8 | HV_EVENT_WRITE);
}

static void test_apic_page(void **state)
{
	const u64 icr = XAPIC_BASE + APIC_ICR * 16;

	(void)state;
	assert_true(EXECUTE(icr, MMIO_WRITE, 0x89, 0x07));
	assert_int_equal(apic_writes, 1);
	assert_int_equal(skipped, 2);
	assert_int_equal(cpu.stats[CELL_STAT_X86_XAPIC], 1);
	skipped = 0;
	assert_false(EXECUTE(icr, MMIO_WRITE, 0x88, 0x07));
	assert_violation(HV_CAUSE_MMIO, icr, 1 | HV_EVENT_WRITE);
	assert_false(EXECUTE(icr + 4, MMIO_WRITE, 0x89, 0x07));
	assert_false(EXECUTE(icr, MMIO_READ, 0x8b, 0x07));
	assert_int_equal(apic_writes, 1);
	x2apic_machine = true;
	assert_false(EXECUTE(icr, MMIO_WRITE, 0x89, 0x07));
	assert_violation(HV_CAUSE_MMIO, icr, HV_EVENT_WRITE);
	assert_int_equal(cpu.stats[CELL_STAT_X86_XAPIC], 3);
	assert_int_equal(cpu.stats[CELL_STAT_MMIO], 2);
}

/* --- CPUID --- */

static void cpuid(u64 rax, u64 rcx)
{
	regs = (struct vcpu_regs){ .rax = rax, .rbx = -1UL, .rcx = rcx, .rdx = -1UL, .rsi = 6, .rdi = 7 };
	skipped = 0;
	handle_cpuid(&cpu, &regs);
	assert_int_equal(skipped, 2);
	assert_true(regs.rsi == 6 && regs.rdi == 7);
}

static void test_cpuid_signature(void **state)
{
	(void)state;
	for (unsigned int root = 0; root < 2; root++) {
		cpu.cell = root ? &root_cell : &cell;
		cpuid(0x1140000000UL, 5);
		assert_true(regs.rax == 0x40000001 && regs.rbx == 0x6c69614a);
		assert_true(regs.rcx == 0x73756f68 && regs.rdx == 0x65);
		cpuid(0x40000001, 5);
		assert_true(!regs.rax && !regs.rbx && !regs.rcx && !regs.rdx);
	}
	assert_int_equal(cpu.stats[CELL_STAT_X86_CPUID], 4);
}

static void test_cpuid_features(void **state)
{
	(void)state;
	cpuid(1, 0);
	assert_int_equal(regs.rcx, 0x7fffffffUL - (1U << 27) - (1U << 5) + (1U << 31));
	view.cr4 = CR4_OSXSAVE;
	cpuid(1, 0);
	assert_int_equal(regs.rcx, 0x7fffffffUL - (1U << 5) + (1U << 31));
	cpuid(0x80000001, 0);
	assert_int_equal(regs.rcx, 0x7ffffffb);
	cpu.cell = &root_cell;
	cpuid(0x80000001, 0);
	assert_int_equal(regs.rcx, 0x7fffffff);
	cpuid(1, 0);
	assert_int_equal(regs.rcx, 0x7fffffff);
	view.cr4 = ~CR4_OSXSAVE;
	cpuid(1, 0);
	assert_int_equal(regs.rcx, 0x7fffffff - (1U << 27));
}

static void test_cpuid_native(void **state)
{
	(void)state;
	cpuid(0x220000000dUL, 0x3300000007UL);
	assert_true(regs.rax == 0xd && regs.rbx == 7 && regs.rcx == 0x7fffffff && regs.rdx == 0x12345678);
}

/* --- MSRs --- */

enum outcome { GOES_ON, FAULTS, VIOLATES };

static enum outcome access_msr(u32 msr, bool write, u64 value)
{
	unsigned int faults_before = faults;

	regs = (struct vcpu_regs){ .rcx = 0xff00000000UL | msr,
				   .rax = 0xee00000000UL | (u32)value,
				   .rdx = value >> 32 };
	skipped = 0;
	if (!handle_msr(&cpu, &regs, write, &violation)) {
		assert_violation(HV_CAUSE_MSR, msr, 8 | (write ? HV_EVENT_WRITE : 0));
		return VIOLATES;
	}
	if (faults > faults_before) {
		assert_int_equal(skipped, 0);
		return FAULTS;
	}
	assert_int_equal(skipped, 2);
	return GOES_ON;
}

static enum outcome read_msr(u32 msr, u64 *ret)
{
	enum outcome outcome = access_msr(msr, false, 0);

	*ret = regs.rdx << 32 | regs.rax;
	assert_true(outcome != GOES_ON || !(regs.rax >> 32 | regs.rdx >> 32));
	return outcome;
}

#define WRITE_MSR(msr, value) access_msr(msr, true, value)

static unsigned int count_trapped(u32 first, bool write, bool root)
{
	unsigned int n = 0;

	for (u32 i = 0; i < 0x2000; i++)
		n += msr_is_trapped(first + i, write, root);
	return n;
}

/* Of all MSRs that exist only these are not native. */
static void test_trapped_msrs(void **state)
{
	static const u32 written[] = { 0x1b, 0x200, 0x276, 0x277, 0x2ff, CAT_MSR, 0xc0000080, 0xc0010114, 0xc0010117 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(written); i++)
		assert_true(msr_is_trapped(written[i], true, false));
	x2apic_machine = true;
	assert_true(msr_is_trapped(0x277, false, false) && msr_is_trapped(0x830, true, false));
	assert_int_equal(count_trapped(0, false, false), 1);
	assert_int_equal(count_trapped(0, true, false), 1 + 0x77 + 1 + 1 + 1 + 1);
	assert_int_equal(count_trapped(0, false, true), 0);
	assert_int_equal(count_trapped(0, true, true), 3); /* APIC base, ICR, cache */
	for (unsigned int root = 0; root < 2; root++) {
		assert_int_equal(count_trapped(0xc0000000, false, root), 0);
		assert_int_equal(count_trapped(0xc0000000, true, root), 1);
		assert_int_equal(count_trapped(0xc0010000, false, root), 0);
		assert_int_equal(count_trapped(0xc0010000, true, root), 6);
	}
	x2apic_machine = false;
	assert_int_equal(count_trapped(0, false, true), 0x40);
	assert_int_equal(count_trapped(0, true, true), 2 + 0x40);
}

static void test_forbidden_msrs(void **state)
{
	static const u32 forbidden[] = { 0x200, 0x20f, 0x250, 0x26f, 0x276, 0xc0010114, 0xc0010117 };
	static const u32 unmapped[] = { 0x2000, 0xbfffffff, 0xc0002000, 0xc0012000, 0xffffffff };
	u64 value;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(forbidden); i++)
		assert_int_equal(WRITE_MSR(forbidden[i], 6), VIOLATES);
	for (unsigned int i = 0; i < ARRAY_SIZE(unmapped); i++) {
		assert_int_equal(WRITE_MSR(unmapped[i], 6), VIOLATES);
		assert_int_equal(read_msr(unmapped[i], &value), VIOLATES);
	}
	assert_int_equal(WRITE_MSR(MSR_APIC_BASE, 0xfee00800), VIOLATES);
	assert_int_equal(WRITE_MSR(MSR_APIC_BASE, 0xfee00900), GOES_ON); /* as it is */
	assert_int_equal(WRITE_MSR(CAT_MSR, 6), GOES_ON);		 /* and nothing happens */
	cpu.cell = &root_cell;
	for (unsigned int i = 0; i < ARRAY_SIZE(unmapped); i++) {
		assert_int_equal(WRITE_MSR(unmapped[i], 6), FAULTS); /* Linux probes */
		assert_int_equal(read_msr(unmapped[i], &value), FAULTS);
	}
	assert_int_equal(WRITE_MSR(0xc0010117, 6), VIOLATES);
	assert_int_equal(cpu.stats[CELL_STAT_X86_MSR_OTHER], 7 + 10 + 3 + 10 + 1);
}

static void test_pat(void **state)
{
	u64 value;

	(void)state;
	arch_start(&cpu);
	assert_int_equal(effective_pat, 0); /* all uncached */
	assert_int_equal(read_msr(MSR_PAT, &value), GOES_ON);
	assert_int_equal(value, 0x0007040600070406UL);
	assert_int_equal(WRITE_MSR(MSR_PAT, 0x0706050401000000UL), GOES_ON);
	assert_int_equal(effective_pat, 0);
	assert_int_equal(WRITE_MSR(MSR_MTRR_DEF_TYPE, 0x7ff), GOES_ON);
	assert_int_equal(effective_pat, 0);
	assert_int_equal(WRITE_MSR(MSR_MTRR_DEF_TYPE, 0x800), GOES_ON);
	assert_int_equal(effective_pat, 0x0706050401000000UL);
	assert_int_equal(WRITE_MSR(MSR_PAT, 6), GOES_ON);
	assert_int_equal(effective_pat, 6);
	for (unsigned int i = 0; i < 8; i++)
		for (u64 type = 0; type < 256; type++)
			assert_int_equal(WRITE_MSR(MSR_PAT, type << 8 * i),
					 type < 8 && type != 2 && type != 3 ? GOES_ON : VIOLATES);
	assert_int_equal(WRITE_MSR(MSR_MTRR_DEF_TYPE, 0), GOES_ON);
	assert_int_equal(effective_pat, 0);
	arch_start(&cpu);
	assert_int_equal(read_msr(MSR_PAT, &value), GOES_ON);
	assert_int_equal(value, 0x0007040600070406UL);
}

static void test_efer(void **state)
{
	(void)state;
	assert_int_equal(WRITE_MSR(MSR_EFER, 0x100), GOES_ON);
	assert_int_equal(efer, 0x100);
	refuses = true;
	assert_int_equal(WRITE_MSR(MSR_EFER, 0x2), FAULTS);
}

static void test_x2apic_emulated(void **state)
{
	u64 value;

	(void)state;
	assert_int_equal(read_msr(0x808, &value), GOES_ON);
	assert_int_equal(value, 0x500000008UL);
	assert_int_equal(WRITE_MSR(0x808, 0x300000055UL), GOES_ON);
	assert_int_equal(WRITE_MSR(0x830, 0x300000055UL), GOES_ON);
	assert_int_equal(apic_writes, 2);
	for (u32 msr = 0x800; msr < 0x840; msr++) {
		assert_true(msr_is_trapped(msr, false, false) && msr_is_trapped(msr, true, false));
		if (msr == 0x808 || msr == 0x830)
			continue;
		assert_int_equal(read_msr(msr, &value), FAULTS);
		assert_int_equal(WRITE_MSR(msr, 0x55), FAULTS);
	}
	refuses = true;
	assert_int_equal(WRITE_MSR(0x830, 0x300000055UL), VIOLATES);
	assert_int_equal(cpu.stats[CELL_STAT_X86_MSR_X2APIC_ICR], 2);
	assert_int_equal(cpu.stats[CELL_STAT_X86_MSR_OTHER], 2 + 2 * 0x3e);
}

static void test_x2apic_machine(void **state)
{
	(void)state;
	x2apic_machine = true;
	for (u32 msr = 0x800; msr < 0x840; msr++) {
		assert_false(msr_is_trapped(msr, false, false));
		assert_int_equal(msr_is_trapped(msr, true, false), msr == 0x830);
	}
	assert_int_equal(WRITE_MSR(0x830, 0x300000055UL), GOES_ON);
	assert_int_equal(cpu.stats[CELL_STAT_X86_MSR_X2APIC_ICR], 1);
}

/* --- hypercalls --- */

static void call(void)
{
	regs = (struct vcpu_regs){ .rax = 0x800000005UL,
				   .rdi = 0x1111111122222222UL,
				   .rsi = 0x3333333344444444UL,
				   .rbx = 1,
				   .rcx = 2,
				   .rdx = 3,
				   .rbp = 4,
				   .r8 = 5,
				   .r15 = 6 };
	skipped = 0;
	handle_hypercall(&cpu, &regs);
	assert_int_equal(skipped, 3);
	assert_true(regs.rdi == 0x1111111122222222UL && regs.rsi == 0x3333333344444444UL);
	assert_true(regs.rbx == 1 && regs.rcx == 2 && regs.rdx == 3 && regs.rbp == 4 && regs.r8 == 5 && regs.r15 == 6);
}

static void test_hypercall(void **state)
{
	(void)state;
	view = (struct vcpu_view){ .efer = EFER_LMA, .long_code = true };
	call();
	assert_true(called.number == 0x800000005UL && called.arg1 == 0x1111111122222222UL);
	assert_true(called.arg2 == 0x3333333344444444UL);
	assert_int_equal(regs.rax, -ENOSYS);
	view.long_code = false; /* compatibility mode */
	call();
	assert_true(called.number == 0x800000005UL && called.arg1 == 0x22222222 && called.arg2 == 0x44444444);
	view = (struct vcpu_view){ .code32 = true };
	call();
	assert_true(called.arg1 == 0x22222222 && called.arg2 == 0x44444444);
	view = (struct vcpu_view){ 0 }; /* real mode */
	call();
	assert_true(called.arg1 == 0x22222222 && called.arg2 == 0x44444444);
	assert_int_equal(called.times, 4);
	assert_int_equal(cpu.stats[CELL_STAT_HYPERCALL], 4);
}

static void test_hypercall_not_allowed(void **state)
{
	(void)state;
	for (view = (struct vcpu_view){ .efer = EFER_LMA, .cpl = 1 }; view.cpl < 4; view.cpl++) {
		call();
		assert_int_equal(regs.rax, -EPERM);
	}
	view = (struct vcpu_view){ .rflags = RFLAGS_VM };
	call();
	assert_int_equal(regs.rax, -EPERM);
	assert_int_equal(called.times, 0);
	assert_int_equal(cpu.stats[CELL_STAT_HYPERCALL], 4);
}

/* --- start, INIT and SIPI --- */

static void test_start(void **state)
{
	(void)state;
	config.cpu_reset_address = 0x123456789;
	arch_start(&cpu);
	assert_int_equal(started.cs_base, 0x123450000);
	assert_int_equal(started.selector, 0x5000);
	assert_int_equal(started.ip, 0x6789);
	config.cpu_reset_address = 0xfffffff0;
	arch_start(&cpu);
	assert_true(started.cs_base == 0xffff0000 && started.selector == 0xf000 && started.ip == 0xfff0);
	config.cpu_reset_address = 0;
	arch_start(&cpu);
	assert_true(started.cs_base == 0 && started.selector == 0 && started.ip == 0);
	assert_int_equal(clears, 3);
}

static void post(u32 init, u32 sipi)
{
	cpu.arch.init = init;
	cpu.arch.sipi = sipi;
	cpu.arch.kicks = 1;
	assert_true(handle_management(&cpu));
	assert_int_equal(cpu.arch.init | cpu.arch.sipi | cpu.arch.kicks, 0);
}

static void test_init_and_sipi(void **state)
{
	(void)state;
	arch_start(&cpu);
	WRITE_MSR(MSR_PAT, 6);
	WRITE_MSR(MSR_MTRR_DEF_TYPE, 0x800);
	post(0, 0x142); /* it does not wait */
	assert_int_equal(started.times, 1);
	assert_int_equal(parks, 0);
	post(1, 0);
	assert_int_equal(parks, 1);
	post(1, 0); /* it waits already */
	assert_int_equal(parks, 1);
	post(0, 0x142);
	assert_true(started.times == 2 && started.cs_base == 0x42000 && started.selector == 0x4200 && started.ip == 0);
	assert_int_equal(effective_pat, 6); /* it stays */
	post(1, 0x1ff);			    /* both at once */
	assert_true(parks == 2 && started.times == 3 && started.cs_base == 0xff000 && started.selector == 0xff00);
	assert_int_equal(cpu.stats[CELL_STAT_MANAGEMENT], 5);
	assert_false(handle_management(&cpu)); /* no kick of ours */
	assert_int_equal(cpu.stats[CELL_STAT_MANAGEMENT], 6);
}

static void test_failed_cpu_stays(void **state)
{
	(void)state;
	cpu.shared.failed = 1;
	arch_park(&cpu);
	assert_int_equal(parks, 1);
	post(1, 0x101);
	assert_true(parks == 1 && started.times == 0);
	cpu.shared.failed = 0;
	arch_start(&cpu);
	assert_int_equal(started.times, 1);
}

/* What the former cell of a CPU has posted. */
static void test_nothing_left_behind(void **state)
{
	(void)state;
	cpu.arch.init = 1;
	cpu.arch.sipi = 0x101;
	arch_park(&cpu);
	post(0, 0);
	assert_int_equal(started.times, 0);
	cpu.arch.sipi = 0x101;
	arch_start(&cpu);
	assert_true(!cpu.arch.sipi && started.times == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_loads, setup),
		cmocka_unit_test_setup(test_stores, setup),
		cmocka_unit_test_setup(test_nothing_there, setup),
		cmocka_unit_test_setup(test_only_data, setup),
		cmocka_unit_test_setup(test_not_decodable, setup),
		cmocka_unit_test_setup(test_refused, setup),
		cmocka_unit_test_setup(test_apic_page, setup),
		cmocka_unit_test_setup(test_cpuid_signature, setup),
		cmocka_unit_test_setup(test_cpuid_features, setup),
		cmocka_unit_test_setup(test_cpuid_native, setup),
		cmocka_unit_test_setup(test_trapped_msrs, setup),
		cmocka_unit_test_setup(test_forbidden_msrs, setup),
		cmocka_unit_test_setup(test_pat, setup),
		cmocka_unit_test_setup(test_efer, setup),
		cmocka_unit_test_setup(test_x2apic_emulated, setup),
		cmocka_unit_test_setup(test_x2apic_machine, setup),
		cmocka_unit_test_setup(test_hypercall, setup),
		cmocka_unit_test_setup(test_hypercall_not_allowed, setup),
		cmocka_unit_test_setup(test_start, setup),
		cmocka_unit_test_setup(test_init_and_sipi, setup),
		cmocka_unit_test_setup(test_failed_cpu_stays, setup),
		cmocka_unit_test_setup(test_nothing_left_behind, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
