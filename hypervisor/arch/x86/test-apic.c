// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moderation of the local APIC: whatever a guest writes, only CPUs of its own cell are reached.
 *
 * apic.c is part of this file, with MSRs that are recorded instead of accessed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#define msr_read native_msr_read
#define msr_write native_msr_write
#include "asm.h"
#undef msr_read
#undef msr_write
#include <hv/types.h>

static u64 msr_read(u32 msr);
static void msr_write(u32 msr, u64 value);

#include "apic.c"

/* CPUs 0 and 1 are root's, 2 to 4 the cell's, 5 and 6 another's; APIC IDs are not CPU numbers. */
#define CPUS 7
#define APIC_ID_OF(cpu) ((cpu) + 12)
#define CELL_CPUS 0x1c

struct cell root_cell;
static struct cell cell = { .cpus.bits = { CELL_CPUS } }, other = { .cpus.bits = { 0x60 } };
static struct pcpu cpus[CPUS];
static struct cell_system system_blob;
const struct cell_system *system_config = &system_blob;
static u32 xapic_page[1024];
static u64 base_msr, self_read;

/* What left by the ICR in x2APIC mode. */
static u64 sent[64];
static unsigned int num_sent;

/* An APIC that remembers, in x2APIC mode; NULL: none. */
static u32 *registers;
static unsigned int num_taken;

static struct {
	u64 va, pa, size;
	unsigned int access;
} mapped;
static u64 hidden;

static u64 msr_read(u32 msr)
{
	if (msr == MSR_APIC_BASE)
		return base_msr;
	return registers ? registers[msr - MSR_X2APIC_FIRST] : self_read;
}

/* EOI ends the interrupt of the highest priority. */
static bool expecting;

static void end_interrupt(void)
{
	for (unsigned int i = 8; i-- > 0;)
		if (registers[APIC_ISR + i]) {
			registers[APIC_ISR + i] &= ~(1U << (31 - __builtin_clz(registers[APIC_ISR + i])));
			return;
		}
}

static void msr_write(u32 msr, u64 value)
{
	if (msr == MSR_X2APIC_ICR)
		sent[num_sent++] = value;
	else if (registers && msr == MSR_X2APIC_FIRST + APIC_EOI)
		end_interrupt();
	else if (registers)
		registers[msr - MSR_X2APIC_FIRST] = value;
}

struct pcpu *pcpu_of(unsigned int cpu)
{
	assert_in_range(cpu, 0, CPUS - 1);
	return &cpus[cpu];
}

void *host_map_device(paddr_t phys, u64 size)
{
	assert_int_equal(phys, 0xfee00000);
	assert_int_equal(size, PAGE_SIZE);
	return xapic_page;
}

void host_expect_interrupts(bool expect)
{
	expecting = expect;
}

/* One is taken, and its handler acknowledges it: not while the APIC is disabled by software, or masked by the TPR. */
void vendor_take_interrupts(void)
{
	assert_true(expecting);
	assert_true(registers[APIC_SVR] & SVR_ENABLE);
	assert_int_equal(registers[APIC_TPR], 0);
	for (unsigned int i = 8; i-- > 0;)
		if (registers[APIC_IRR + i]) {
			registers[APIC_IRR + i] &= ~(1U << (31 - __builtin_clz(registers[APIC_IRR + i])));
			num_taken++;
			apic_eoi();
			return;
		}
}

int refuse(int err, const char *fmt, ...)
{
	(void)fmt;
	return err;
}

int paging_map(struct paging *pg, u64 va, paddr_t pa, u64 size, unsigned int access, bool huge)
{
	(void)pg, (void)huge;
	mapped.va = va;
	mapped.pa = pa;
	mapped.size = size;
	mapped.access = access;
	return 0;
}

int memory_hide(struct cell *of, u64 start, u64 size)
{
	(void)of;
	assert_int_equal(size, PAGE_SIZE);
	hidden = start;
	return 0;
}

static void boot(bool with_x2apic)
{
	base_msr = 0xfee00800 | (with_x2apic ? APIC_BASE_EXTD : 0);
	xapic = NULL;
	assert_int_equal(apic_init(), 0);
	assert_int_equal(apic_x2apic(), with_x2apic);
	root_cell.cpus.bits[0] = 0x03;
	root_cell.next = &cell;
	cell.next = &other;
	for (unsigned int id = 0; id < CPUS; id++) {
		cpus[id] = (struct pcpu){ .id = id };
		cpus[id].arch.apic_id = APIC_ID_OF(id);
		cpus[id].cell = id < 2 ? &root_cell : id < 5 ? &cell : &other;
	}
}

static int setup_x2apic(void **state)
{
	(void)state;
	boot(true);
	return 0;
}

static int setup_xapic(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(xapic_page); i++)
		xapic_page[i] = 0;
	boot(false);
	return 0;
}

/* CPU 2 writes its ICR; which CPUs got an interrupt with these low bits, and was it allowed? */
static bool write_icr(u64 icr, u32 *ret_cpus)
{
	struct violation v;
	bool ok;

	num_sent = 0;
	ok = apic_guest_write(&cpus[2], APIC_ICR, icr, true, &v);
	*ret_cpus = 0;
	for (unsigned int i = 0; i < num_sent; i++)
		for (unsigned int id = 0; id < CPUS; id++)
			if (sent[i] >> 32 == APIC_ID_OF(id))
				*ret_cpus |= 1U << id;
	return ok;
}

#define assert_reaches(icr, wanted)                \
	do {                                       \
		u32 got;                           \
                                                   \
		assert_true(write_icr(icr, &got)); \
		assert_int_equal(got, wanted);     \
	} while (0)

#define assert_violates(icr)                        \
	do {                                        \
		u32 got;                            \
                                                    \
		assert_false(write_icr(icr, &got)); \
		assert_int_equal(num_sent, 0);      \
	} while (0)

#define TO(dest) ((u64)(dest) << 32)
#define LOGICAL(cluster, bits) (TO((cluster) << 16 | (bits)) | ICR_LOGICAL)

static void test_destinations(void **state)
{
	(void)state;
	for (unsigned int id = 0; id < CPUS; id++)
		assert_reaches(TO(APIC_ID_OF(id)) | 0x40, 1U << id & CELL_CPUS);
	assert_reaches(TO(0xffffffff) | 0x40, CELL_CPUS);
	assert_reaches(TO(0xff) | 0x40, 0); /* no broadcast in x2APIC mode */
	assert_reaches(TO(APIC_ID_OF(2) | 0x100) | 0x40, 0);
	/* APIC IDs 12 to 15 are cluster 0, 16 to 18 cluster 1. */
	assert_reaches(LOGICAL(0, 0xffff) | 0x40, 0x0c);
	assert_reaches(LOGICAL(1, 0xffff) | 0x40, 0x10);
	assert_reaches(LOGICAL(0, 1 << 15) | 0x40, 0x08);
	assert_reaches(LOGICAL(0, 1 << 12) | 0x40, 0);
	assert_reaches(LOGICAL(2, 0xffff) | 0x40, 0);
	assert_reaches(0x40 | ICR_SHORTHAND_SELF << 18, 0x04);
	assert_reaches(0x40 | ICR_SHORTHAND_ALL << 18, CELL_CPUS);
	assert_reaches(0x40 | ICR_SHORTHAND_OTHERS << 18, CELL_CPUS & ~0x04);
	/* With a shorthand the destination does not count. */
	assert_reaches(TO(APIC_ID_OF(0)) | 0x40 | ICR_SHORTHAND_SELF << 18, 0x04);
}

static void test_what_is_sent(void **state)
{
	u32 got;

	(void)state;
	assert_true(write_icr(TO(APIC_ID_OF(3)) | 0xf7 | ICR_LEVEL | ICR_ASSERT | ICR_PENDING, &got));
	assert_int_equal(num_sent, 1);
	assert_int_equal(sent[0], TO(APIC_ID_OF(3)) | ICR_ASSERT | 0xf7);
	/* Lowest priority: one of them, as a fixed interrupt to that one. */
	assert_true(write_icr(TO(0xffffffff) | ICR_MODE_LOWEST << 8 | 0x55, &got));
	assert_int_equal(num_sent, 1);
	assert_int_equal(sent[0], TO(APIC_ID_OF(2)) | ICR_ASSERT | 0x55);
}

static void test_modes(void **state)
{
	static const u32 forbidden[] = { 2, 3, 7 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(forbidden); i++)
		for (u64 shorthand = 0; shorthand < 4; shorthand++)
			assert_violates(TO(APIC_ID_OF(3)) | forbidden[i] << 8 | shorthand << 18);
	for (u64 mode = ICR_MODE_LOWEST; mode <= ICR_MODE_SIPI; mode++) {
		assert_violates(mode << 8 | ICR_SHORTHAND_SELF << 18);
		assert_violates(mode << 8 | ICR_SHORTHAND_ALL << 18);
	}
	for (unsigned int bit = 0; bit < 32; bit++)
		if (ICR_RESERVED >> bit & 1)
			assert_violates(TO(APIC_ID_OF(3)) | 0x40 | 1UL << bit);
	/* NMI: nobody gets it. */
	assert_reaches(TO(APIC_ID_OF(3)) | ICR_MODE_NMI << 8, 0);
	assert_reaches(ICR_MODE_NMI << 8 | ICR_SHORTHAND_OTHERS << 18, 0);
	assert_reaches(TO(APIC_ID_OF(0)) | ICR_MODE_NMI << 8, 0);
}

/* Root's own CPUs do, and no others. */
static void test_nmi_of_root(void **state)
{
	struct violation v;

	(void)state;
	num_sent = 0;
	assert_true(apic_guest_write(&cpus[0], APIC_ICR, ICR_MODE_NMI << 8 | ICR_SHORTHAND_OTHERS << 18, true, &v));
	assert_true(apic_guest_write(&cpus[0], APIC_ICR, TO(APIC_ID_OF(3)) | ICR_MODE_NMI << 8, true, &v));
	assert_int_equal(num_sent, 1);
	assert_int_equal(sent[0], TO(APIC_ID_OF(1)) | ICR_ASSERT | ICR_MODE_NMI << 8);
}

static void send_message(u32 dest, bool logical, u32 data)
{
	num_sent = 0;
	apic_send_message(&cell, dest, logical, data);
}

static void test_messages(void **state)
{
	(void)state;
	send_message(APIC_ID_OF(3), false, 0x41);
	assert_int_equal(num_sent, 1);
	assert_int_equal(sent[0], TO(APIC_ID_OF(3)) | ICR_ASSERT | 0x41);
	send_message(0xf000, true, 0x41); /* CPUs 2 and 3 of the cell */
	assert_int_equal(num_sent, 2);
	assert_int_equal(sent[1], TO(APIC_ID_OF(3)) | ICR_ASSERT | 0x41);
	send_message(0xf000, true, 0x41 | ICR_MODE_LOWEST << 8);
	assert_int_equal(num_sent, 1);
	assert_int_equal(sent[0], TO(APIC_ID_OF(2)) | ICR_ASSERT | 0x41);
	send_message(APIC_ID_OF(3), false, 0xcff1); /* level, and bits that mean nothing */
	assert_int_equal(sent[0], TO(APIC_ID_OF(3)) | ICR_ASSERT | 0xf1);
	send_message(APIC_ID_OF(0), false, 0x41);
	assert_int_equal(num_sent, 0);
	send_message(APIC_ID_OF(3), false, 0x0f);
	assert_int_equal(num_sent, 0);
}

/* INIT and SIPI do not leave: they are posted, and the CPU is kicked. */
static void test_startup(void **state)
{
	(void)state;
	assert_reaches(TO(APIC_ID_OF(3)) | ICR_MODE_INIT << 8 | ICR_ASSERT, 0x08);
	assert_int_equal(sent[0], TO(APIC_ID_OF(3)) | ICR_ASSERT | ICR_MODE_NMI << 8);
	assert_int_equal(cpus[3].arch.init, 1);
	assert_int_equal(cpus[3].arch.sipi, 0);
	assert_reaches(TO(APIC_ID_OF(3)) | ICR_MODE_SIPI << 8 | 0x9a, 0x08);
	assert_int_equal(cpus[3].arch.sipi, 0x19a);
	/* INIT voids a SIPI that was not served; its end does nothing. */
	assert_reaches(TO(APIC_ID_OF(3)) | ICR_MODE_INIT << 8 | ICR_ASSERT, 0x08);
	assert_int_equal(cpus[3].arch.sipi, 0);
	assert_reaches(TO(APIC_ID_OF(4)) | ICR_MODE_INIT << 8 | ICR_LEVEL, 0);
	assert_int_equal(cpus[4].arch.init, 0);

	assert_reaches(TO(APIC_ID_OF(0)) | ICR_MODE_INIT << 8 | ICR_ASSERT, 0);
	assert_reaches(TO(APIC_ID_OF(5)) | ICR_MODE_SIPI << 8 | 0x9a, 0);
	assert_reaches(TO(0xffffffff) | ICR_MODE_SIPI << 8 | 0x10, CELL_CPUS);
	assert_reaches(ICR_MODE_INIT << 8 | ICR_ASSERT | ICR_SHORTHAND_OTHERS << 18, CELL_CPUS & ~0x04);
	for (unsigned int id = 0; id < CPUS; id++)
		if (!(CELL_CPUS >> id & 1))
			assert_int_equal(cpus[id].arch.init | cpus[id].arch.sipi, 0);
	assert_int_equal(cpus[0].arch.kicks + cpus[1].arch.kicks + cpus[5].arch.kicks + cpus[6].arch.kicks, 0);
}

static void test_random_icr(void **state)
{
	u32 everybody = 0;

	(void)state;
	srand(1);
	for (unsigned int round = 0; round < 100000; round++) {
		u64 icr = (u64)rand() << 32 ^ (u64)rand() << 16 ^ rand();
		u32 got;

		if (rand() % 4)
			icr &= ~(u64)ICR_RESERVED;
		if (rand() % 2)
			icr = (icr & 0xffffffff) |
			      TO(rand() % 4 ? rand() % 20 : (rand() % 2) << 16 | (rand() & 0xffff));
		write_icr(icr, &got);
		assert_int_equal(got & ~CELL_CPUS, 0);
		everybody |= got;
		for (unsigned int i = 0; i < num_sent; i++)
			assert_true((sent[i] & ~0xffUL & 0xffffffff) == ICR_ASSERT ||
				    (sent[i] & 0xffffffff) == (ICR_ASSERT | ICR_MODE_NMI << 8));
	}
	assert_int_equal(everybody, CELL_CPUS);
	assert_int_equal(cpus[0].arch.kicks + cpus[1].arch.kicks + cpus[5].arch.kicks + cpus[6].arch.kicks, 0);
}

static bool narrows(bool logical, u32 dest, u32 wanted)
{
	return apic_narrow(&cell, logical, &dest) && dest == wanted;
}

/* APIC IDs 14 to 16: two in cluster 0, the third in the next. */
static void test_narrow_x2apic(void **state)
{
	u32 dest = 0x0000ffff;

	(void)state;
	assert_true(narrows(false, 14, 14));
	assert_false(narrows(false, 13, 13));
	assert_false(narrows(false, 0xffffffff, 0xffffffff));
	assert_true(narrows(true, 0x0000ffff, 0x0000c000));
	assert_true(narrows(true, 0x0001ffff, 0x00010001));
	assert_false(narrows(true, 0x00003fff, 0));
	assert_false(narrows(true, 0x0001fffe, 0));
	assert_false(narrows(true, 0xffffffff, 0));
	assert_true(apic_narrow(&root_cell, true, &dest));
	assert_int_equal(dest, 0x3000);
}

static void test_narrow_xapic(void **state)
{
	(void)state;
	assert_true(narrows(false, 16, 16));
	assert_false(narrows(false, 0xff, 0xff));
	assert_true(narrows(true, 0xff, CELL_CPUS));
	assert_false(narrows(true, 0x03, 0));
}

static void test_events_reach_root_only(void **state)
{
	(void)state;
	num_sent = 0;
	for (unsigned int id = 2; id < CPUS; id++)
		arch_raise_irq(APIC_ID_OF(id), 0xf0);
	arch_raise_irq(0xffffffff, 0xf0);
	arch_raise_irq(APIC_ID_OF(1), 15);
	arch_raise_irq(APIC_ID_OF(1), 256);
	arch_raise_irq(APIC_ID_OF(1), ICR_MODE_INIT << 8 | 0x20);
	assert_int_equal(num_sent, 0);
	arch_raise_irq(APIC_ID_OF(1), 0xf0);
	assert_int_equal(num_sent, 1);
	assert_int_equal(sent[0], TO(APIC_ID_OF(1)) | ICR_ASSERT | 0xf0);
}

/* abi 6.1: whatever a guest has left. */
static void test_clear(void **state)
{
	u32 all[0x40] = { 0 };

	(void)state;
	registers = all;
	num_taken = 0;
	all[APIC_TPR] = 0xf0;
	all[APIC_SVR] = 0x1aa;
	for (u32 reg = APIC_LVT_TIMER; reg <= APIC_LVT_ERROR; reg++)
		all[reg] = 0x41;
	all[APIC_TIMER_INITIAL] = 1000;
	all[APIC_ISR + 2] = 0x80000001;
	all[APIC_ISR + 7] = 0x10;
	all[APIC_IRR + 1] = 0x3;
	all[APIC_IRR + 7] = 0x80000000;
	apic_clear();
	registers = NULL;
	assert_int_equal(num_taken, 3);
	assert_int_equal(all[APIC_TPR], 0);
	assert_int_equal(all[APIC_SVR], 0xff);
	for (u32 reg = APIC_LVT_TIMER; reg <= APIC_LVT_ERROR; reg++)
		assert_int_equal(all[reg], 0x10000);
	assert_int_equal(all[APIC_TIMER_INITIAL], 0);
	for (u32 reg = APIC_ISR; reg < APIC_ISR + 8; reg++)
		assert_int_equal(all[reg] | all[APIC_IRR + reg - APIC_ISR], 0);
}

static void test_no_page(void **state)
{
	(void)state;
	hidden = mapped.size = 0;
	assert_int_equal(apic_init_cell(&cell), 0);
	assert_int_equal(hidden, 0xfee00000);
	assert_int_equal(mapped.size, 0);
}

/* --- xAPIC: the page cannot be trapped in parts --- */

/* Reads are native, writes are not. */
static void test_page(void **state)
{
	(void)state;
	hidden = 0;
	assert_int_equal(apic_init_cell(&cell), 0);
	assert_int_equal(hidden, 0xfee00000);
	assert_true(mapped.va == 0xfee00000 && mapped.pa == 0xfee00000 && mapped.size == PAGE_SIZE);
	assert_int_equal(mapped.access, ACCESS_READ | ACCESS_DEVICE);
}

static bool write_page(u32 reg, u32 value)
{
	struct violation v;

	return apic_guest_write(&cpus[2], reg, value, false, &v);
}

static void test_registers(void **state)
{
	(void)state;
	xapic_page[APIC_ID * 4] = APIC_ID_OF(2) << 24;
	assert_true(write_page(APIC_ID, APIC_ID_OF(2) << 24));
	assert_false(write_page(APIC_ID, APIC_ID_OF(0) << 24));
	assert_true(write_page(APIC_LDR, 1U << 26));
	assert_false(write_page(APIC_LDR, 1U << 24));
	assert_false(write_page(APIC_LDR, 0));
	assert_true(write_page(APIC_DFR, 0xffffffff));
	assert_false(write_page(APIC_DFR, 0x0fffffff));
	for (u32 reg = APIC_LVT_THERMAL; reg <= APIC_LVT_LINT1; reg++) {
		for (u32 mode = 0; mode < 8; mode++) {
			bool allowed = mode == ICR_MODE_FIXED || mode == ICR_MODE_NMI;

			xapic_page[reg * 4] = 0;
			assert_int_equal(write_page(reg, mode << 8 | 0x31), allowed);
			assert_int_equal(xapic_page[reg * 4], allowed ? mode << 8 | 0x31 : 0);
			assert_true(write_page(reg, LVT_MASKED | mode << 8));
		}
	}
	for (u32 reg = APIC_LVT_EXTENDED; reg < APIC_LVT_EXTENDED + 4; reg++) {
		assert_true(write_page(reg, ICR_MODE_NMI << 8));
		assert_true(write_page(reg, LVT_MASKED | 0x200));
		assert_false(write_page(reg, 0x200)); /* SMI */
	}
	/* No delivery mode is defined for these: an APIC that reads one there must not get any. */
	for (u32 mode = 0; mode < 8; mode++) {
		assert_int_equal(write_page(APIC_LVT_TIMER, 0x20000 | mode << 8 | 0x31), mode == ICR_MODE_FIXED);
		assert_int_equal(write_page(APIC_LVT_ERROR, mode << 8 | 0x31), mode == ICR_MODE_FIXED);
	}
	assert_true(write_page(APIC_TPR, 0x20));
	assert_int_equal(xapic_page[APIC_TPR * 4], 0x20);
}

/* The guest's destination is in the high half, which sending by us keeps. */
static void test_page_icr(void **state)
{
	(void)state;
	xapic_page[APIC_ICR_HIGH * 4] = APIC_ID_OF(3) << 24;
	assert_true(write_page(APIC_ICR, 0x44));
	assert_int_equal(xapic_page[APIC_ICR * 4], ICR_ASSERT | 0x44);
	assert_int_equal(xapic_page[APIC_ICR_HIGH * 4], APIC_ID_OF(3) << 24);
	/* Not ours: nothing is written. */
	xapic_page[APIC_ICR * 4] = 0;
	xapic_page[APIC_ICR_HIGH * 4] = APIC_ID_OF(5) << 24;
	assert_true(write_page(APIC_ICR, 0x44));
	assert_int_equal(xapic_page[APIC_ICR * 4], 0);
	/* Logical: one bit for each logical CPU. */
	xapic_page[APIC_ICR_HIGH * 4] = 0xe3U << 24;
	assert_true(write_page(APIC_ICR, ICR_LOGICAL | 0x45));
	assert_int_equal(xapic_page[APIC_ICR * 4], 0);
	xapic_page[APIC_ICR_HIGH * 4] = 0x10U << 24;
	assert_true(write_page(APIC_ICR, ICR_LOGICAL | 0x45));
	assert_int_equal(xapic_page[APIC_ICR * 4], ICR_ASSERT | 0x45);
}

/* abi 6.2: the registers of the x2APIC interface that is emulated on top of xAPIC. */
static void test_emulated_registers(void **state)
{
	unsigned int readable = 0, writable = 0;

	(void)state;
	for (u32 reg = 0; reg < 0x40; reg++) {
		bool r = reg == 0x02 || reg == 0x03 || reg == 0x08 || reg == 0x0a || reg == 0x0d || reg == 0x0f ||
			 (reg >= 0x10 && reg <= 0x28) || reg == 0x2f || reg == 0x30 || (reg >= 0x32 && reg <= 0x39) ||
			 reg == 0x3e;
		bool w = reg == 0x08 || reg == 0x0b || reg == 0x0f || reg == 0x28 || reg == 0x2f || reg == 0x30 ||
			 (reg >= 0x32 && reg <= 0x38) || reg == 0x3e;

		assert_int_equal(apic_msr_readable(reg), r);
		assert_int_equal(apic_msr_writable(reg), w);
		readable += r;
		writable += w;
	}
	assert_true(readable > 30 && writable > 10);
}

static void test_init(void **state)
{
	(void)state;
	base_msr = 0xfee00000;
	assert_int_equal(apic_init(), -EIO);
	base_msr = 0xfec00800;
	assert_int_equal(apic_init(), -EIO);
	base_msr = 0xfee00800;
	system_blob.x86.apic_mode = CELL_APIC_X2APIC;
	assert_int_equal(apic_init(), -EIO);
	base_msr |= APIC_BASE_EXTD;
	assert_int_equal(apic_init(), 0);
	system_blob.x86.apic_mode = CELL_APIC_XAPIC;
	assert_int_equal(apic_init(), -EIO);
	system_blob.x86.apic_mode = CELL_APIC_AUTO;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init),
		cmocka_unit_test_setup(test_destinations, setup_x2apic),
		cmocka_unit_test_setup(test_what_is_sent, setup_x2apic),
		cmocka_unit_test_setup(test_modes, setup_x2apic),
		cmocka_unit_test_setup(test_nmi_of_root, setup_x2apic),
		cmocka_unit_test_setup(test_messages, setup_x2apic),
		cmocka_unit_test_setup(test_startup, setup_x2apic),
		cmocka_unit_test_setup(test_random_icr, setup_x2apic),
		cmocka_unit_test_setup(test_narrow_x2apic, setup_x2apic),
		cmocka_unit_test_setup(test_narrow_xapic, setup_xapic),
		cmocka_unit_test_setup(test_events_reach_root_only, setup_x2apic),
		cmocka_unit_test_setup(test_clear, setup_x2apic),
		cmocka_unit_test_setup(test_no_page, setup_x2apic),
		cmocka_unit_test_setup(test_page, setup_xapic),
		cmocka_unit_test_setup(test_registers, setup_xapic),
		cmocka_unit_test_setup(test_page_icr, setup_xapic),
		cmocka_unit_test_setup(test_emulated_registers, setup_xapic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
