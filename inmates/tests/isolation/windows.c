/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attacks on trapped memory: each instruction that the hypervisor emulates, many that it must refuse, widths and
 * borders, and instructions that are not what they were when they trapped.
 */
#include "attack.h"

#define PATTERN 0x8877665544332211UL
#define RET 0xc3

/* Behind an instruction that loads: RAX. */
static u64 load(const struct attack *a)
{
	*(volatile u64 *)attack_map(WINDOW) = PATTERN;
	return attack_run(a);
}

/* Behind an instruction that stores: what the window holds. */
static u64 store(const struct attack *a)
{
	*(volatile u64 *)attack_map(WINDOW) = 0;
	attack_run(a);
	return *(volatile u64 *)WINDOW;
}

/* The same where the instruction lies across the end of a page: its third byte is in the next one. */
static u64 load_across(const struct attack *a)
{
	u8 *code = (u8 *)attack_map(CODE_AT + PAGE_BYTES - 2);

	*(volatile u64 *)attack_map(WINDOW) = PATTERN;
	memcpy(code, a->code, a->code_bytes);
	code[a->code_bytes] = RET;
	return attack_call((u64)code, a->value, a->at);
}

/* What the window has is executed at last: XOR EAX, EAX; RET. */
static u64 overwritten(const struct attack *a)
{
	*(volatile u32 *)attack_map(WINDOW) = 0x90c3c031;
	return attack_run(a);
}

static u64 access(const struct attack *a)
{
	return attack_map(a->at), attack_run(a);
}

/* --- an instruction that is another one by the time it is looked at --- */

#define MOVING 0x80000000UL /* an address whose page is exchanged */
#define TABLE 0x320000UL
#define EXECUTED 0x330000UL
#define FOUND 0x340000UL
#define PRESENT_WRITE 3

/* A page table of our own for the address. */
static u64 *moving_entry(void)
{
	u64 *table = (u64 *)attack_map(TABLE), *pml4, *pdpt, *pd;

	attack_map(MOVING);
	pml4 = (u64 *)read_cr3();
	pdpt = (u64 *)(pml4[0] & ~0xfffUL);
	pd = (u64 *)(pdpt[MOVING >> 30 & 511] & ~0xfffUL);
	memset(table, 0, PAGE_BYTES);
	pd[MOVING >> 21 & 511] = TABLE | PRESENT_WRITE;
	return table;
}

/*
 * Run a load that traps, by a translation that the CPU remembers, while the page tables say otherwise: @value is the
 * page that they have there, or 0; FOUND holds the attack's code.
 */
static u64 exchange(const struct attack *a)
{
	static const u8 executed[] = { 0x8b, 0x07, RET }; /* MOV EAX, (RDI) */
	u64 *entry = moving_entry();

	*(volatile u64 *)attack_map(WINDOW) = PATTERN;
	memcpy((void *)EXECUTED, executed, sizeof(executed));
	*(u8 *)(EXECUTED + 0x800) = RET;
	if (a->code)
		memcpy((void *)FOUND, a->code, a->code_bytes);
	*entry = EXECUTED | PRESENT_WRITE;
	__asm__ volatile("invlpg (%0)" : : "r"(MOVING) : "memory");
	attack_call(MOVING + 0x800, 0, 0);
	*entry = a->value ? a->value | PRESENT_WRITE : 0;
	return attack_call(MOVING, 0, a->at);
}

#define EXCHANGED(name, page, code) PARK_CODE_AT(name, exchange, WINDOW, page, code, "instruction", MOVING)

#define LOAD(name, value, code, result) GO_ON_CODE(name, load, WINDOW, value, code, result)
#define STORE(name, value, code, result) GO_ON_CODE(name, store, WINDOW, value, code, result)
#define REFUSED(name, code) PARK_CODE(name, load, WINDOW, 0, code)
#define BAD_ACCESS(name, at, code) PARK_CODE_AT(name, access, at, 0, code, "mmio", at)

static const struct attack rows[] = {
	LOAD("a load of 4 bytes", ~0UL, "\x8b\x07", 0x44332211),
	LOAD("a load of 8 bytes", 0, "\x48\x8b\x07", PATTERN),
	LOAD("a load of 2 bytes", ~0UL, "\x66\x8b\x07", 0xffffffffffff2211),
	LOAD("a load of a byte", ~0UL, "\x8a\x07", 0xffffffffffffff11),
	LOAD("a load of a high byte", ~0UL, "\x8a\x27", 0xffffffffffff11ff),
	LOAD("a byte extended to 4", ~0UL, "\x0f\xb6\x07", 0x11),
	LOAD("2 bytes extended to 8", ~0UL, "\x48\x0f\xb7\x07", 0x2211),
	LOAD("a byte extended to 2", ~0UL, "\x66\x0f\xb6\x07", 0xffffffffffff0011),
	LOAD("a load with a short address", ~0UL, "\x67\x8b\x07", 0x44332211),
	LOAD("a load with a short displacement", 0, "\x8b\x47\x04", 0x88776655),
	LOAD("a load with a long displacement", 0, "\x8b\x87\x04\0\0\0", 0x88776655),
	LOAD("a load with an index", 0, "\x8a\x04\x0f", 0x22),
	LOAD("a load relative to RIP", 0, "\x8b\x05\xfa\x00\x40\x00", 0x44332211),
	LOAD("a load from an absolute address", 0, "\x48\xa1\x00\x01\x70\0\0\0\0\0", PATTERN),
	LOAD("a load from a short absolute address", 0, "\x67\xa1\x00\x01\x70\0", 0x44332211),
	LOAD("a load to R8", 0, "\x44\x8b\x07\x44\x89\xc0", 0x44332211),
	LOAD("a load by R8", 0, "\x49\x89\xf8\x41\x8b\x00", 0x44332211),
	LOAD("a load with its prefix twice", ~0UL, "\x66\x66\x8b\x07", 0xffffffffffff2211),
	STORE("a store of 4 bytes", PATTERN, "\x89\x07", 0x44332211),
	STORE("a store of 8 bytes", PATTERN, "\x48\x89\x07", PATTERN),
	STORE("a store of 2 bytes", PATTERN, "\x66\x89\x07", 0x2211),
	STORE("a store of a byte", PATTERN, "\x88\x07", 0x11),
	STORE("a store of a high byte", PATTERN, "\x88\x27", 0x22),
	STORE("a store of a constant", 0, "\xc7\x07\x78\x56\x34\x12", 0x12345678),
	STORE("a store of a constant, extended", 0, "\x48\xc7\x07\xfe\xff\xff\xff", 0xfffffffffffffffe),
	STORE("a store of a short constant", 0, "\x66\xc7\x07\x34\x12", 0x1234),
	STORE("a store to an absolute address", PATTERN, "\xa3\x00\x01\x70\0\0\0\0\0", 0x44332211),
	STORE("a store with a displacement", PATTERN, "\x88\x47\x07", 0x1100000000000000),
	GO_ON_CODE("an instruction across pages", load_across, WINDOW, 0, "\x8b\x87\x04\0\0\0", 0x88776655),
	/* MOV EAX, (RDI); MOV to what follows, EAX; UD2 */
	GO_ON_CODE("an instruction that is overwritten by what was loaded", overwritten, WINDOW, ~0UL,
		   "\x8b\x07\x89\x05\0\0\0\0\x0f\x0b\x90\x90", 0),

	REFUSED("ADD to memory", "\x01\x07"),
	REFUSED("ADD from memory", "\x03\x07"),
	REFUSED("OR", "\x09\x07"),
	REFUSED("AND", "\x21\x07"),
	REFUSED("XOR", "\x31\x07"),
	REFUSED("CMP", "\x3b\x07"),
	REFUSED("TEST", "\x85\x07"),
	REFUSED("XCHG", "\x87\x07"),
	REFUSED("XCHG of a byte", "\x86\x07"),
	REFUSED("a locked ADD", "\xf0\x01\x07"),
	REFUSED("XADD", "\x0f\xc1\x07"),
	REFUSED("CMPXCHG", "\x0f\xb1\x07"),
	REFUSED("CMPXCHG8B", "\x0f\xc7\x0f"),
	REFUSED("INC", "\xff\x07"),
	REFUSED("NOT", "\xf7\x17"),
	REFUSED("PUSH", "\xff\x37"),
	REFUSED("POP", "\x8f\x07"),
	REFUSED("a call through memory", "\xff\x17"),
	REFUSED("a jump through memory", "\xff\x27"),
	REFUSED("MOVS", "\xa4"),
	REFUSED("STOS", "\xaa"),
	REFUSED("a repeated STOS", "\xf3\xab"),
	REFUSED("SCAS", "\xae"),
	REFUSED("a store of a constant byte", "\xc6\x07\x55"),
	REFUSED("MOV of 8 bits from an absolute address", "\xa0\x00\x01\x70\0\0\0\0\0"),
	REFUSED("MOVSX", "\x0f\xbe\x07"),
	REFUSED("MOVSXD", "\x48\x63\x07"),
	REFUSED("a store of a selector", "\x8c\x1f"),
	REFUSED("a load of a selector", "\x8e\x1f"),
	REFUSED("BTS", "\x0f\xab\x07"),
	REFUSED("MOVNTI", "\x0f\xc3\x07"),
	REFUSED("LGDT", "\x0f\x01\x17"),
	REFUSED("SGDT", "\x0f\x01\x07"),
	REFUSED("FLD", "\xd9\x07"),
	REFUSED("FSTP", "\xdd\x1f"),
	REFUSED("a load by FS", "\x64\x8b\x07"),
	REFUSED("a load with REP", "\xf3\x8b\x07"),
	REFUSED("a load with REX.X", "\x42\x8b\x04\x27"),
	REFUSED("a load to RSP", "\x48\x8b\x27"),
	REFUSED("a store of RSP", "\x48\x89\x27"),
	REFUSED("a store with a redundant REX", "\x48\x40\x64\x89\x07"),

	BAD_ACCESS("8 bytes not aligned", WINDOW + 4, "\x48\x8b\x07"),
	BAD_ACCESS("4 bytes not aligned", WINDOW + 2, "\x8b\x07"),
	BAD_ACCESS("before the window, in its page", WINDOW - 8, "\x8b\x07"),
	BAD_ACCESS("behind the window, in its page", WINDOW + WINDOW_BYTES, "\x89\x07"),
	BAD_ACCESS("a fetch from the window", WINDOW, "\xff\xe7"),
	BAD_ACCESS("a byte of a window of 32 bits", WINDOW_32, "\x8a\x07"),
	BAD_ACCESS("2 bytes of a window of 32 bits", WINDOW_32, "\x66\x89\x07"),
	BAD_ACCESS("8 bytes of a window of 32 bits", WINDOW_32, "\x48\x89\x07"),
	GO_ON_CODE("4 bytes of a window of 32 bits", access, WINDOW_32, 0, "\x8b\x07", 0),
	BAD_ACCESS("a write to a read-only window", WINDOW_READ, "\x89\x07"),
	GO_ON_CODE("a read of a read-only window", access, WINDOW_READ, 0, "\x8b\x07", 0),
	GO_ON_CODE("the last bytes before the end of the page", access, WINDOW_CROSS, PATTERN,
		   "\x48\x89\x07\x48\x8b\x07", PATTERN),
	GO_ON_CODE("the first bytes of the next page", access, WINDOW_CROSS + 8, PATTERN, "\x48\x89\x07\x48\x8b\x07",
		   PATTERN),
	BAD_ACCESS("across the end of the window", WINDOW_CROSS + 12, "\x48\x8b\x07"),

	EXCHANGED("a load that became a store", FOUND, "\x89\x07"),
	EXCHANGED("a load that became an addition", FOUND, "\x01\x07"),
	EXCHANGED("a load that became half an instruction", FOUND,
		  "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66"),
	EXCHANGED("a load whose page is gone", 0, ""),
	EXCHANGED("a load whose page is the hypervisor's", 0x3a000000, ""),
	EXCHANGED("a load whose page is another cell's", 0x3b000000, ""),
	EXCHANGED("a load whose page is trapped", WINDOW & ~0xfffUL, ""),
	GO_ON_CODE("a load that became one of fewer bytes", exchange, WINDOW, FOUND, "\x8a\x07\xc3", 0x11),
};

const struct attacks window_attacks = { rows, ARRAY_SIZE(rows) };
