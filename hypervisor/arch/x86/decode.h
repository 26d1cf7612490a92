/* SPDX-License-Identifier: GPL-2.0-only */
/* Decoder for the instructions with which trapped memory may be accessed (abi 6.2). Pure: bytes in, struct out. */
#ifndef X86_DECODE_H
#define X86_DECODE_H

#include <hv/types.h>

#define INSTRUCTION_MAX_BYTES 15

/** struct mmio_insn - a decoded access; the address itself is known from the exit */
struct mmio_insn {
	u8 length;	/**< bytes of the instruction */
	u8 size;	/**< bytes accessed in memory: 1, 2, 4, 8 */
	bool write;	/**< to memory */
	bool immediate; /**< write of value, not of a register */
	bool high_byte; /**< the register is AH, CH, DH or BH: bits 15:8 of reg - 4 */
	u8 reg;		/**< register number, 0 = RAX ... 15 */
	u8 reg_size;	/**< bytes of the register written by a read; 4 clears the upper half */
	u64 value;	/**< immediate, sign extended */
};

/**
 * mmio_decode() - decode one instruction
 * @bytes: instruction bytes
 * @available: how many of them there are
 * @long_code: 64-bit code
 * @code32: default operand and address size is 32 bits, if not @long_code
 * @ret_insn: result, set only on success
 *
 * Return: true, or false for any other instruction and for one that is longer than @available.
 */
bool mmio_decode(const u8 *bytes, unsigned int available, bool long_code, bool code32, struct mmio_insn *ret_insn);

/** mmio_insn_stored() - what a write puts into memory; @reg: contents of its register */
u64 mmio_insn_stored(const struct mmio_insn *insn, u64 reg);

/** mmio_insn_loaded() - contents of the register after a read of @value; @reg: contents before */
u64 mmio_insn_loaded(const struct mmio_insn *insn, u64 reg, u64 value);

#endif
