// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trapped memory from the exit to the guest's registers: what is emulated, what is not, and what a violation says.
 *
 * exits.c is part of this file, with a vendor, a window and an APIC that record what they are asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hv/string.h>
#include "exits.c"

#define GPA 0xd0001010UL
#define RIP 0x1234UL
#define CAT_MSR 0xc8f

struct cell root_cell;
static struct cell cell = { .id = 1 };
static struct pcpu cpu = { .cell = &cell };
static struct vcpu_regs regs;
static struct violation violation;
static struct vcpu_view view;
static u8 code[INSTRUCTION_MAX_BYTES];
static unsigned int code_bytes, skipped, apic_writes;
static bool refuses;
static struct mmio_access done;

/* --- the others --- */

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
	return false;
}

bool apic_guest_write(struct pcpu *c, u32 reg, u64 value, bool x2apic, struct violation *v)
{
	(void)c, (void)v;
	assert_false(x2apic);
	assert_int_equal(reg, APIC_ICR);
	assert_int_equal(value, 0x55667788);
	apic_writes++;
	return !refuses;
}

/* What other exits need. */
void apic_clear(void)
{
}

bool cat_owns_msr(u32 msr)
{
	return msr == CAT_MSR;
}

bool apic_msr_readable(u32 reg)
{
	return reg & 0;
}

bool apic_msr_writable(u32 reg)
{
	return reg & 0;
}

u64 apic_guest_msr_read(u32 reg)
{
	return reg;
}

void vendor_set_cell(struct pcpu *c)
{
	(void)c;
}

void vendor_park(struct pcpu *c)
{
	(void)c;
}

void vendor_reset(struct pcpu *c, u64 cs_base, u16 selector, u16 ip)
{
	(void)c, (void)cs_base, (void)selector, (void)ip;
}

void vendor_inject_gp(struct pcpu *c)
{
	(void)c;
}

void vendor_set_pat(struct pcpu *c, u64 pat)
{
	(void)c, (void)pat;
}

bool vendor_set_efer(struct pcpu *c, u64 value)
{
	(void)c, (void)value;
	return false;
}

void control_wait(struct pcpu *c)
{
	(void)c;
}

s64 hypercall(struct pcpu *c, u64 number, u64 arg1, u64 arg2)
{
	(void)c, (void)number, (void)arg1, (void)arg2;
	return 0;
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
	cpu = (struct pcpu){ .cell = &cell };
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
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_loads, setup),	   cmocka_unit_test_setup(test_stores, setup),
		cmocka_unit_test_setup(test_nothing_there, setup), cmocka_unit_test_setup(test_only_data, setup),
		cmocka_unit_test_setup(test_not_decodable, setup), cmocka_unit_test_setup(test_refused, setup),
		cmocka_unit_test_setup(test_apic_page, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
