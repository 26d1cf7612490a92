/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What one attack of a cell on its neighbours is, how it must end, and the memory that attacks use.
 */
#ifndef ISOLATION_ATTACK_H
#define ISOLATION_ATTACK_H

#include "inmate/inmate.h"

/* The cell's memory, as tests/vm/isolation describes it; between these there is nothing. */
#define RAM 0x200000UL
#define RAM_BYTES 0x200000UL
#define READ_ONLY 0x600000UL
#define NO_EXECUTE 0x603000UL
#define ISLAND 0x605000UL
/* Smaller than a page, so trapped: for all widths, 32 bits only, read-only, and one that crosses the end of a page. */
#define WINDOW 0x700100UL
#define WINDOW_BYTES 0x100UL
#define WINDOW_32 0x701100UL
#define WINDOW_READ 0x702100UL
#define WINDOW_CROSS 0x703ff8UL

/* Parts of RAM. */
#define CODE_AT 0x300000UL
#define SCRATCH 0x310000UL

#define ANYTHING 0xa11a11a11a11a11aUL /**< a result that is not looked at */

enum end {
	GOES_ON, /**< the cell runs on, and the attack returns what it should */
	FAULTS,	 /**< the cell gets an exception */
	PARKS,	 /**< the CPU is parked */
	HANGS,	 /**< the cell keeps its CPU for ever, and nobody else */
};

/** struct attack - one row of a table */
struct attack {
	const char *name;
	u64 (*commit)(const struct attack *attack);
	u64 at;	   /**< address, port, number of an MSR: what it is about */
	u64 value; /**< what is written, or as the function says */
	enum end end;
	const char *cause; /**< PARKS: as the journal calls it */
	u64 where;	   /**< PARKS: address that is reported; FAULTS: vector; GOES_ON: result */
	const char *code;  /**< instructions for attack_run() */
	unsigned int code_bytes;
};

/* One row each. What is about @at is reported with that address, too. */
#define PARK(name, commit, at, value, cause) PARK_AT(name, commit, at, value, cause, at)
#define PARK_AT(name, commit, at, value, cause, where)                \
	{                                                             \
		name, commit, at, value, PARKS, cause, where, NULL, 0 \
	}
#define FAULT(name, commit, at, value, vector)                         \
	{                                                              \
		name, commit, at, value, FAULTS, NULL, vector, NULL, 0 \
	}
#define GO_ON(name, commit, at, value, result)                          \
	{                                                               \
		name, commit, at, value, GOES_ON, NULL, result, NULL, 0 \
	}
#define HANG(name, commit, at, value)                            \
	{                                                        \
		name, commit, at, value, HANGS, NULL, 0, NULL, 0 \
	}
/* The same with instructions; a CPU that they park is parked at the first. */
#define PARK_CODE(name, commit, at, value, code) PARK_CODE_AT(name, commit, at, value, code, "instruction", CODE_AT)
#define PARK_CODE_AT(name, commit, at, value, code, cause, where)                    \
	{                                                                            \
		name, commit, at, value, PARKS, cause, where, code, sizeof(code) - 1 \
	}
#define FAULT_CODE(name, commit, at, value, code, vector)                             \
	{                                                                             \
		name, commit, at, value, FAULTS, NULL, vector, code, sizeof(code) - 1 \
	}
#define GO_ON_CODE(name, commit, at, value, code, result)                              \
	{                                                                              \
		name, commit, at, value, GOES_ON, NULL, result, code, sizeof(code) - 1 \
	}

/** struct attacks - the rows that one file has */
struct attacks {
	const struct attack *rows;
	unsigned int n;
};

extern const struct attacks memory_attacks, port_attacks, msr_attacks, apic_attacks, hypercall_attacks,
	instruction_attacks, window_attacks;

/** attack_map - make 64 bytes from an address on accessible, as far as the cell's own tables go; returns it */
u64 attack_map(u64 address);

/**
 * attack_run - execute the attack's instructions
 *
 * At CODE_AT, with RAX = @value, RDI = @at, RSI = SCRATCH, RCX = 1, RDX = 0. Return: RAX behind them.
 */
u64 attack_run(const struct attack *attack);

/** attack_call - call code at an address with these registers; returns its RAX */
u64 attack_call(u64 code, u64 rax, u64 rdi);

/* For rows to name as their function: a read of so many bytes at @at, a write of @value there, a jump there. */
u64 attack_read1(const struct attack *a);
u64 attack_read2(const struct attack *a);
u64 attack_read4(const struct attack *a);
u64 attack_read8(const struct attack *a);
u64 attack_write1(const struct attack *a);
u64 attack_write4(const struct attack *a);
u64 attack_write8(const struct attack *a);
u64 attack_jump(const struct attack *a);

#endif
