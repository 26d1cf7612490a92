/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Does anything: accesses to memory and ports, MSRs, messages to CPUs, hypercalls, control registers, descriptor
 * tables, page tables and instructions, each at random, until the hypervisor parks the CPU or enough is done.
 *
 * Command line: seed= chooses all of it, steps= how much. "begin SEED" and "end SEED" are printed. Nothing here fails:
 * whoever runs it looks at those who must not notice. The memory is that of tests/isolation.
 */
#include "guard.h"
#include "inmate/inmate.h"

#define RAM 0x200000UL
#define CODE_AT 0x300000UL
#define MOVING 0x8000000000UL
#define TABLES 0x320000UL
#define COMM_WORDS 0x40
#define RET 0xc3
#define MSR_TSC 0x10
#define MSR_TSC_ADJUST 0x3b
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_ICR 0x830
#define ICR_INIT 0x500
#define ICR_MODE 0x700

static u64 random_state;

/* Marsaglia's xorshift64*, which never gives 0 for a state that is not. */
static u64 any(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dUL;
}

static u64 below(u64 n)
{
	return (any() >> 8) % n;
}

/* A number with few bits, few bits missing, or any. */
static u64 any_value(void)
{
	switch (below(5)) {
	case 0:
		return below(16);
	case 1:
		return 1UL << below(64);
	case 2:
		return ~(1UL << below(64));
	case 3:
		return (u32)any();
	default:
		return any();
	}
}

/* Most steps do only what may go on, or the first of them would be the last. */
static bool wild(void)
{
	return !below(16);
}

/* --- memory --- */

struct place {
	u64 start, bytes;
};

static u64 address_in(const struct place *places, u64 n)
{
	const struct place *p = &places[below(n)];

	return p->start + below(p->bytes);
}

static u64 any_address(void)
{
	static const struct place places[] = {
		{ 0x100000, 0x2000 }, { 0x3ff000, 0x2000 },   { 0x600000, 0x6000 },	{ 0x700000, 0x4010 },
		{ 0x703ff0, 0x20 },   { 0x703ff8, 0x10 },     { 0xb0000000, 0x100000 }, { 0xfee00000, 0x1000 },
		{ 0xfec00000, 0x50 }, { 0xfed00000, 0x1000 }, { 0x3a000000, 0x600000 }, { 0x10000000, 0x1000 },
		{ 0, 0x8000000000 },
	};

	return address_in(places, ARRAY_SIZE(places)) & (below(2) ? ~7UL : ~0UL);
}

/* Where 4 bytes may be read, and but for the last two places written. */
static u64 good_address(bool write)
{
	static const struct place places[] = {
		{ RAM, 0x1000 },     { 0x603000, 0x1000 },	 { 0x605000, 0x1000 },
		{ 0x700100, 0x100 }, { 0x701100, 0x100 },	 { 0x703ff8, 0x10 },
		{ 0x700100, 0x100 }, { 0xb0000000, 0x10000000 }, { 0xfee00000, 0x400 },
	};

	return address_in(places, ARRAY_SIZE(places) - 2 * write) & ~3UL;
}

static void touch_politely(void)
{
	bool write = below(2);
	u64 address = good_address(write);

	if (!paging_map(address, 4, PAGING_WRITE))
		return;
	if (write)
		*(volatile u32 *)address = (u32)any_value();
	else
		(void)*(volatile u32 *)address;
}

/* Any width, so it may cross what is there. */
static void touch(void)
{
	u64 address = any_address(), value = any_value();

	if (!wild()) {
		touch_politely();
		return;
	}
	if (!paging_map(address, 16, PAGING_WRITE | PAGING_EXECUTE))
		return;
	switch (below(8)) {
	case 0:
		*(volatile u8 *)address = (u8)value;
		break;
	case 1:
		*(volatile u16 *)address = (u16)value;
		break;
	case 2:
		*(volatile u32 *)address = (u32)value;
		break;
	case 3:
		*(volatile u64 *)address = value;
		break;
	case 4:
		(void)*(volatile u8 *)address;
		break;
	case 5:
		(void)*(volatile u16 *)address;
		break;
	case 6:
		(void)*(volatile u64 *)address;
		break;
	default:
		(void)*(volatile u32 *)address;
		break;
	}
}

/* Words that the hypervisor and root read: state, messages, heartbeat. */
static void scribble(void)
{
	volatile u32 *comm = (volatile u32 *)CELL_COMM_ADDRESS;

	comm[below(2) ? below(COMM_WORDS) : 0x200 + below(COMM_WORDS)] = (u32)any_value();
}

/* --- ports --- */

static u16 any_port(void)
{
	static const u16 ports[] = { 0x3e8, 0x64, 0x80, 0xcf8, 0xcf8, 0xcfc, 0xcfc, 0xcfc, 0xcfe, 0x608, 0x3e0 };

	return below(8) ? (u16)(ports[below(ARRAY_SIZE(ports))] + below(2) * below(8)) : (u16)any();
}

static void use_port_politely(void)
{
	switch (below(6)) {
	case 0:
		inb((u16)(0x3e8 + below(8)));
		break;
	case 1:
		outb(0x80, (u8)any());
		break;
	case 2:
		inb(0x64);
		break;
	case 3:
		inl(0x608);
		break;
	case 4:
		outl(0xcf8, (u32)any_value());
		break;
	default:
		inb((u16)(0xcfc + below(4)));
		break;
	}
}

static void use_port(void)
{
	u32 value = (u32)any_value();
	u16 port = any_port();
	u64 n = 1, at = RAM;

	if (!wild()) {
		use_port_politely();
		return;
	}
	switch (below(10)) {
	case 0:
		outb(port, (u8)value);
		break;
	case 1:
		__asm__ volatile("outw %w0, %1" : : "a"(value), "Nd"(port));
		break;
	case 2:
		__asm__ volatile("rep insb" : "+D"(at), "+c"(n) : "d"(port) : "memory");
		break;
	case 3:
		__asm__ volatile("rep outsl" : "+S"(at), "+c"(n) : "d"(port) : "memory");
		break;
	case 4:
	case 5:
		outl(port, value);
		break;
	case 6:
		inb(port);
		break;
	default:
		inl(port);
		break;
	}
}

/* By both ports, so that an address is chosen more often than by chance. */
static void use_config(void)
{
	outl(0xcf8, (u32)any_value());
	if (!wild())
		inl(0xcfc);
	else
		outl((u16)(0xcfc + below(4)), (u32)any_value());
}

/* --- registers --- */

static u32 any_msr(void)
{
	static const u32 bases[] = { 0x800, 0x800, 0x800, 0x200, 0x270, 0, 0x170, 0xc0000080, 0xc0000100, 0xc0010110 };

	return below(12) ? bases[below(ARRAY_SIZE(bases))] + (u32)below(0x40) : (u32)any_value();
}

/* What is native would change the clock for root, too: that is as specified. */
static bool is_clock(u32 msr)
{
	return msr == MSR_TSC || msr == MSR_TSC_ADJUST || msr == MSR_TSC_DEADLINE;
}

static void use_msr(void)
{
	u32 msr = any_msr();

	if (!wild())
		rdmsr(msr & 0xc0001fff);
	else if (below(2) || is_clock(msr))
		rdmsr(msr);
	else
		wrmsr(msr, any_value());
}

static void send_message(void)
{
	u64 icr = any() & 0xff000cdfffUL;

	if (!wild())
		icr &= ~(u64)ICR_MODE;
	/* An INIT to itself would end most runs. */
	if ((icr & ICR_MODE) == ICR_INIT && below(16))
		icr &= ~(u64)ICR_MODE;
	wrmsr(MSR_ICR, icr);
}

static void set_control(void)
{
	u64 value;

	switch (wild() ? below(4) : 3) {
	case 0:
		__asm__ volatile("mov %%cr0, %0" : "=r"(value));
		__asm__ volatile("mov %0, %%cr0" : : "r"(value ^ 1UL << below(32)) : "memory");
		break;
	case 1:
		__asm__ volatile("mov %%cr4, %0" : "=r"(value));
		__asm__ volatile("mov %0, %%cr4" : : "r"(value ^ 1UL << below(24)) : "memory");
		break;
	case 2:
		__asm__ volatile("lmsw %w0" : : "r"(any()) : "memory");
		break;
	default:
		__asm__ volatile("mov %0, %%cr8" : : "r"(below(16)));
		break;
	}
}

static void set_descriptors(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) pointer = { (u16)any(), any_address() };

	if (!wild())
		return;
	if (below(2))
		__asm__ volatile("lidt %0; int $0x80" : : "m"(pointer) : "memory");
	else
		__asm__ volatile("lgdt %0; mov %1, %%es" : : "m"(pointer), "r"(below(64) * 8) : "memory");
}

/* --- page tables and instructions --- */

/* Three levels of our own below an entry of the first, with anything in the last. */
static void walk(void)
{
	u64 *pml4 = (u64 *)(read_cr3() & ~0xfffUL), *table = (u64 *)TABLES;

	paging_map(TABLES, 0x3000, PAGING_WRITE);
	table[0] = (TABLES + 0x1000) | 7;
	table[512] = (TABLES + 0x2000) | 7;
	table[1024] = ((wild() ? any_address() : good_address(false)) & ~0xfffUL) | (any_value() & 0xfff) | 1;
	table[below(1025)] ^= below(2) ? 0 : 1UL << below(64);
	pml4[MOVING >> 39] = TABLES | 7;
	__asm__ volatile("invlpg (%0)" : : "r"(MOVING) : "memory");
	(void)*(volatile u32 *)(MOVING + below(0x1000));
}

static void execute(void)
{
	static const u8 starts[][3] = {
		{ 0x0f, 0x01, 0xd9 }, { 0x0f, 0x01, 0xd9 }, { 0x0f, 0x30 }, { 0x0f, 0x32 }, { 0x0f, 0xa2 },
		{ 0x89, 0x07 },	      { 0x8b, 0x07 },	    { 0x48, 0x8b }, { 0x66, 0x89 }, { 0xc7, 0x07 },
		{ 0x0f, 0xb6, 0x07 }, { 0xf3, 0xab },	    { 0xa1 },	    { 0x67, 0x8b }, { 0x44, 0x8b },
	};
	u8 *code = paging_map(CODE_AT, 64, PAGING_WRITE | PAGING_EXECUTE);
	u64 rax = any_value(), rdi = wild() ? any_address() : good_address(true), rsi = good_address(false),
	    rcx = any_value(), rdx = any_value();

	for (unsigned int i = 0; i < 16; i++)
		code[i] = (u8)any();
	if (below(8))
		memcpy(code, starts[below(ARRAY_SIZE(starts))], 3);
	memset(code + 16, RET, 16);
	paging_map(rdi, 16, PAGING_WRITE);
	__asm__ volatile("push %%rbp; call *%%rbx; pop %%rbp"
			 : "+a"(rax), "+D"(rdi), "+S"(rsi), "+c"(rcx), "+d"(rdx)
			 : "b"(code)
			 : "memory", "cc", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15");
}

static void call(void)
{
	u64 number = below(4) ? below(20) : any_value();

	/* What it prints is for its runner. */
	if (number != CELL_HC_PUTC)
		hypercall(number, any_value(), any_value());
}

static void (*const steps[])(void) = {
	touch,		 touch,	  touch,   touch,   scribble,	  use_port,	use_port,
	use_config,	 use_msr, use_msr, use_msr, send_message, send_message, set_control,
	set_descriptors, walk,	  execute, execute, call,	  call,
};

static u64 step(const void *unused)
{
	(void)unused;
	steps[below(ARRAY_SIZE(steps))]();
	return 0;
}

void inmate_run(void)
{
	u64 seed = (u64)cmdline_int("seed", 1), n = (u64)cmdline_int("steps", 100), exception;

	guard_init();
	random_state = seed * 0x9e3779b97f4a7c15UL + 1;
	printk("begin %llu\n", (unsigned long long)seed);
	/* With the stack and the tables that the step before has left. */
	while (n--)
		guard(step, NULL, &exception);
	printk("end %llu\n", (unsigned long long)seed);
}
