// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decoder of trapped accesses against a disassembler of others (libzydis): on random bytes they agree about what is an
 * access that abi 6.2 allows, how long it is and what it does.
 *
 * DECODE_ROUNDS in the environment: how many instructions, DECODE_SEED: which.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <Zydis/Zydis.h>
#include <hv/string.h>
#include "decode.h"

#define ROUNDS 1000000
#define MAX_BYTES 18

enum mode { CODE64, CODE32, CODE16, MODES };

static const char *const mode_names[MODES] = { "64", "32", "16" };
static ZydisDecoder decoders[MODES];

/** struct other - what the disassembler says */
struct other {
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

static u64 setting(const char *name, u64 otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static u64 random_state;

/* Knuth's MMIX generator; the upper bits are good. */
static u32 random_bits(void)
{
	random_state = random_state * 6364136223846793005UL + 1442695040888963407UL;
	return random_state >> 32;
}

static int setup(void **state)
{
	static const ZydisMachineMode modes[MODES] = { ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_MACHINE_MODE_LEGACY_32,
						       ZYDIS_MACHINE_MODE_LEGACY_16 };
	static const ZydisStackWidth widths[MODES] = { ZYDIS_STACK_WIDTH_64, ZYDIS_STACK_WIDTH_32,
						       ZYDIS_STACK_WIDTH_16 };

	(void)state;
	random_state = setting("DECODE_SEED", 1);
	for (unsigned int m = 0; m < MODES; m++)
		if (!ZYAN_SUCCESS(ZydisDecoderInit(&decoders[m], modes[m], widths[m])))
			return -1;
	return 0;
}

/* --- what abi 6.2 allows, in the disassembler's terms --- */

/* 66 and 67 as often as they come, and REX without X in front of the opcode only. */
static bool prefixes_allowed(const ZydisDecodedInstruction *i)
{
	for (unsigned int n = 0; n < i->raw.prefix_count; n++) {
		u8 value = i->raw.prefixes[n].value;
		bool rex = (value & 0xf0) == 0x40 && n == i->raw.prefix_count - 1U;

		if (value != 0x66 && value != 0x67 && !(rex && !(value & 2)))
			return false;
	}
	return true;
}

static bool opcode_allowed(const ZydisDecodedInstruction *i)
{
	if (i->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY)
		return false;
	if (i->opcode_map == ZYDIS_OPCODE_MAP_0F)
		return i->opcode == 0xb6 || i->opcode == 0xb7;
	if (i->opcode_map != ZYDIS_OPCODE_MAP_DEFAULT)
		return false;
	switch (i->opcode) {
	case 0x88:
	case 0x89:
	case 0x8a:
	case 0x8b:
	case 0xa1:
	case 0xa3:
	case 0xc7:
		return i->mnemonic == ZYDIS_MNEMONIC_MOV;
	default:
		return false;
	}
}

static bool is_stack_pointer(ZydisRegister r)
{
	return r == ZYDIS_REGISTER_RSP || r == ZYDIS_REGISTER_ESP || r == ZYDIS_REGISTER_SP || r == ZYDIS_REGISTER_SPL;
}

/* The operand that is memory; NULL: none. */
static const ZydisDecodedOperand *memory_of(const struct other *o)
{
	for (unsigned int n = 0; n < 2 && n < o->insn.operand_count_visible; n++)
		if (o->operands[n].type == ZYDIS_OPERAND_TYPE_MEMORY)
			return &o->operands[n];
	return NULL;
}

static bool other_allows(const struct other *o)
{
	const ZydisDecodedOperand *memory = memory_of(o);

	if (!memory || !opcode_allowed(&o->insn) || !prefixes_allowed(&o->insn))
		return false;
	for (unsigned int n = 0; n < 2; n++)
		if (o->operands[n].type == ZYDIS_OPERAND_TYPE_REGISTER && is_stack_pointer(o->operands[n].reg.value))
			return false;
	return true;
}

/* --- what the access does --- */

static bool high_byte_register(ZydisRegister r)
{
	return r >= ZYDIS_REGISTER_AH && r <= ZYDIS_REGISTER_BH;
}

static bool same_register(const struct mmio_insn *insn, const ZydisDecodedOperand *reg)
{
	ZydisRegister r = reg->reg.value;
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r);

	return insn->high_byte == high_byte_register(r) && whole == (ZydisRegister)(ZYDIS_REGISTER_RAX + insn->reg) &&
	       insn->reg_size * 8 == reg->size;
}

static bool same_access(const struct mmio_insn *insn, const struct other *o)
{
	const ZydisDecodedOperand *memory = memory_of(o);
	const ZydisDecodedOperand *partner = memory == &o->operands[0] ? &o->operands[1] : &o->operands[0];
	u64 mask = insn->size == 8 ? ~0UL : (1UL << insn->size * 8) - 1;

	if (insn->length != o->insn.length || insn->size * 8 != memory->size ||
	    insn->write != ((memory->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0) ||
	    insn->immediate != (partner->type == ZYDIS_OPERAND_TYPE_IMMEDIATE))
		return false;
	if (insn->immediate)
		return mmio_insn_stored(insn, 0) == (partner->imm.value.u & mask);
	return same_register(insn, partner);
}

/* --- the comparison --- */

/* Prefixes, an opcode and an operand as they occur, or anything at all. */
static unsigned int random_instruction(u8 bytes[MAX_BYTES])
{
	static const u8 prefixes[] = { 0x66, 0x67, 0x48, 0x44, 0x41, 0x4c, 0x40, 0x42, 0x2e, 0x64, 0xf0, 0xf3 };
	static const u8 opcodes[] = { 0x88, 0x89, 0x8a, 0x8b, 0xc7, 0xa1, 0xa3, 0x0f, 0x0f };
	unsigned int n = 0, count = random_bits() % 4 ? random_bits() % 4 : random_bits() % 14;

	for (unsigned int i = 0; i < MAX_BYTES; i++)
		bytes[i] = random_bits();
	if (random_bits() % 8) {
		while (n < count)
			bytes[n++] = prefixes[random_bits() % (random_bits() % 8 ? 7 : ARRAY_SIZE(prefixes))];
		bytes[n] = opcodes[random_bits() % ARRAY_SIZE(opcodes)];
		if (bytes[n++] == 0x0f)
			bytes[n++] = 0xb6 + random_bits() % 2;
		if (bytes[n - 1] == 0xc7 && random_bits() % 4)
			bytes[n] &= ~0x38;
	}
	return random_bits() % 4 ? MAX_BYTES - random_bits() % 4 : random_bits() % MAX_BYTES;
}

/* From the end of a buffer, so that AddressSanitizer sees a byte too far. */
static bool decode(const u8 *bytes, unsigned int available, enum mode mode, struct mmio_insn *ret_insn)
{
	static u8 *buffer;

	if (!buffer)
		buffer = malloc(MAX_BYTES);
	memcpy(buffer + MAX_BYTES - available, bytes, available);
	return mmio_decode(buffer + MAX_BYTES - available, available, mode == CODE64, mode == CODE32, ret_insn);
}

static __attribute__((noreturn)) void disagree(const u8 *bytes, unsigned int available, enum mode mode,
					       const char *about)
{
	char text[3 * MAX_BYTES + 1] = "";

	for (unsigned int i = 0; i < available; i++)
		snprintf(text + 3 * i, 4, "%02x ", bytes[i]);
	fail_msg("%s-bit code, %s: %s", mode_names[mode], about, text);
	abort();
}

static void test_agreement(void **state)
{
	u64 rounds = setting("DECODE_ROUNDS", ROUNDS), accepted[MODES] = { 0 };

	(void)state;
	for (u64 round = 0; round < rounds; round++) {
		enum mode mode = random_bits() % MODES;
		struct mmio_insn insn;
		struct other other;
		u8 bytes[MAX_BYTES];
		unsigned int available = random_instruction(bytes);
		bool ours = decode(bytes, available, mode, &insn);
		bool theirs = ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoders[mode], bytes, available, &other.insn,
								  other.operands)) &&
			      other_allows(&other);

		if (ours && !theirs)
			disagree(bytes, available, mode, "accepted wrongly");
		if (!ours && theirs)
			disagree(bytes, available, mode, "refused wrongly");
		if (ours && !same_access(&insn, &other))
			disagree(bytes, available, mode, "understood in another way");
		accepted[mode] += ours;
	}
	for (unsigned int m = 0; m < MODES; m++)
		assert_true(accepted[m] > rounds / 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup(test_agreement, setup) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
