// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decoder for the instructions with which trapped memory may be accessed (AMD APM vol.3 1.2 to 1.5, appendix A).
 *
 * MOV 88, 89, 8a, 8b, c7 /0, a1, a3 and MOVZX 0f b6, 0f b7, with prefixes 66, 67 and REX without X. Everything else is
 * refused, as are segment overrides and RSP as data register.
 */
#include "decode.h"

#define REG_SP 4
#define REX_W 8
#define REX_R 4
#define REX_X 2
#define REX_B 1

/* Cursor over the bytes; reads behind the end give 0 and set overrun. */
struct cursor {
	const u8 *bytes;
	unsigned int available, at;
	bool overrun;
};

static u8 next(struct cursor *c)
{
	if (c->at >= c->available) {
		c->overrun = true;
		return 0;
	}
	return c->bytes[c->at++];
}

static u64 next_bytes(struct cursor *c, unsigned int n)
{
	u64 value = 0;

	for (unsigned int i = 0; i < n; i++)
		value |= (u64)next(c) << (8 * i);
	return value;
}

/* Skip SIB and displacement. False for a register operand or an index with REX.X. */
static bool skip_operand(struct cursor *c, u8 modrm, unsigned int address_size)
{
	u8 mod = modrm >> 6, rm = modrm & 7;

	if (mod == 3)
		return false;
	if (address_size == 2) {
		next_bytes(c, mod == 1 ? 1 : mod == 2 || rm == 6 ? 2 : 0);
		return true;
	}
	if (rm == 4 && (next(c) & 7) == 5 && mod == 0)
		next_bytes(c, 4);
	next_bytes(c, mod == 1 ? 1 : mod == 2 || (mod == 0 && rm == 5) ? 4 : 0);
	return true;
}

static u64 sign_extend(u64 value, unsigned int bytes)
{
	u64 sign = 1UL << (8 * bytes - 1);

	return bytes == 8 ? value : (value ^ sign) - sign;
}

/* Register operand; without REX the byte registers 4 to 7 are AH, CH, DH, BH. */
static bool set_reg(struct mmio_insn *i, u8 modrm, u8 rex, unsigned int size)
{
	i->reg = (modrm >> 3 & 7) | (rex & REX_R ? 8 : 0);
	i->reg_size = size;
	if (size == 1 && !rex && i->reg >= 4) {
		i->high_byte = true;
		i->reg -= 4;
		return true;
	}
	return i->reg != REG_SP;
}

bool mmio_decode(const u8 *bytes, unsigned int available, bool long_code, bool code32, struct mmio_insn *ret_insn)
{
	struct cursor c = { .bytes = bytes, .available = MIN(available, (unsigned int)INSTRUCTION_MAX_BYTES) };
	struct mmio_insn i = { 0 };
	bool operand_prefix = false, address_prefix = false;
	unsigned int size, address_size;
	u8 opcode, modrm, rex = 0;

	for (;;) {
		opcode = next(&c);
		if (opcode == 0x66)
			operand_prefix = true;
		else if (opcode == 0x67)
			address_prefix = true;
		else
			break;
	}
	if (long_code && (opcode & 0xf0) == 0x40) {
		rex = opcode;
		if (rex & REX_X)
			return false;
		opcode = next(&c);
	}
	if (long_code) {
		size = rex & REX_W ? 8 : operand_prefix ? 2 : 4;
		address_size = address_prefix ? 4 : 8;
	} else {
		size = code32 != operand_prefix ? 4 : 2;
		address_size = code32 != address_prefix ? 4 : 2;
	}
	i.size = size;

	switch (opcode) {
	case 0x88: /* MOV r/m8, r8 */
	case 0x8a: /* MOV r8, r/m8 */
		i.size = size = 1;
		__attribute__((fallthrough));
	case 0x89: /* MOV r/m, r */
	case 0x8b: /* MOV r, r/m */
		i.write = !(opcode & 2);
		modrm = next(&c);
		if (!skip_operand(&c, modrm, address_size) || !set_reg(&i, modrm, rex, size))
			return false;
		break;
	case 0xc7: /* MOV r/m, imm: at most 32 bits, sign extended */
		modrm = next(&c);
		if (modrm >> 3 & 7 || !skip_operand(&c, modrm, address_size))
			return false;
		i.write = i.immediate = true;
		i.value = sign_extend(next_bytes(&c, MIN(size, 4U)), MIN(size, 4U));
		break;
	case 0xa1: /* MOV rAX, moffs */
	case 0xa3: /* MOV moffs, rAX */
		i.write = opcode & 2;
		i.reg_size = size;
		next_bytes(&c, address_size);
		break;
	case 0x0f: /* MOVZX r, r/m8 and r/m16 */
		opcode = next(&c);
		if (opcode != 0xb6 && opcode != 0xb7)
			return false;
		i.size = opcode == 0xb6 ? 1 : 2;
		modrm = next(&c);
		if (!skip_operand(&c, modrm, address_size) || !set_reg(&i, modrm, rex, size))
			return false;
		break;
	default:
		return false;
	}
	if (c.overrun)
		return false;
	i.length = c.at;
	*ret_insn = i;
	return true;
}

static u64 low_bits(unsigned int bytes)
{
	return bytes == 8 ? ~0UL : (1UL << bytes * 8) - 1;
}

u64 mmio_insn_stored(const struct mmio_insn *i, u64 reg)
{
	return (i->immediate ? i->value : reg >> (i->high_byte ? 8 : 0)) & low_bits(i->size);
}

/* A 32-bit result clears the upper half, a shorter one leaves the rest alone: AMD APM vol.1 3.1.2.3. */
u64 mmio_insn_loaded(const struct mmio_insn *i, u64 reg, u64 value)
{
	unsigned int shift = i->high_byte ? 8 : 0;
	u64 mask = low_bits(i->reg_size) << shift;

	value &= low_bits(i->size);
	return i->reg_size >= 4 ? value : (reg & ~mask) | value << shift;
}
