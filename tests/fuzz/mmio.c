/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzzes the hypervisor's instruction decoder: it reads nothing but the bytes it was given, and its answer depends on
 * the bytes of the instruction alone.
 */
#include "decode.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As if @bytes ended at the end of the heap: a byte too far is seen. */
static bool decode(const u8 *bytes, unsigned int available, u8 mode, struct mmio_insn *ret)
{
	u8 *copy = malloc(available);
	bool decoded;

	assert(copy || !available);
	if (available)
		memcpy(copy, bytes, available);
	decoded = mmio_decode(copy, available, mode & 1, mode & 2, ret);
	free(copy);
	return decoded;
}

static bool is_power_of_two_up_to_8(unsigned int n)
{
	return n == 1 || n == 2 || n == 4 || n == 8;
}

static bool is_same(const struct mmio_insn *a, const struct mmio_insn *b)
{
	return a->length == b->length && a->size == b->size && a->write == b->write && a->immediate == b->immediate &&
	       a->high_byte == b->high_byte && a->reg == b->reg && a->reg_size == b->reg_size && a->value == b->value;
}

static void assert_sane(const struct mmio_insn *i)
{
	assert(i->length >= 1 && i->length <= INSTRUCTION_MAX_BYTES);
	assert(is_power_of_two_up_to_8(i->size));
	if (i->immediate) {
		assert(i->write);
		return;
	}
	assert(i->reg < 16 && (i->reg != 4 || i->high_byte));
	assert(is_power_of_two_up_to_8(i->reg_size) && i->reg_size >= i->size);
	assert(!i->high_byte || (i->reg < 4 && i->reg_size == 1));
}

/** LLVMFuzzerTestOneInput - first byte: bit 0 long_code, bit 1 code32; the rest are the bytes of the instruction */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mmio_insn insn, again;
	unsigned int available;
	u8 mode;

	if (size < 1 || size > 64)
		return 0;
	mode = data[0];
	data++;
	available = (unsigned int)size - 1;

	if (!decode(data, available, mode, &insn))
		return 0;
	assert(insn.length <= available);
	assert_sane(&insn);
	/* What follows the instruction does not matter, and a part of it is not an instruction. */
	assert(decode(data, insn.length, mode, &again) && is_same(&insn, &again));
	for (unsigned int n = 0; n < insn.length; n++)
		assert(!decode(data, n, mode, &again));
	return 0;
}
