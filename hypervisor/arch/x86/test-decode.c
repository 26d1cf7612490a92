// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decoder of trapped accesses: each form and mode by its bytes, what is refused, and that nothing behind the bytes that
 * are there is read (each case runs in a buffer of exactly that size, so AddressSanitizer sees it).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <hv/string.h>
#include "decode.h"

enum mode { CODE64, CODE32, CODE16 };

#define BYTES(...) { __VA_ARGS__ }, sizeof((u8[]){ __VA_ARGS__ })

struct accepted {
	enum mode mode;
	u8 bytes[16];
	u8 length;
	struct mmio_insn want; /* without length */
};

#define STORE(r, n)                                               \
	{                                                         \
		.write = true, .reg = r, .size = n, .reg_size = n \
	}
#define LOAD(r, n)                                 \
	{                                          \
		.reg = r, .size = n, .reg_size = n \
	}
#define EXTEND(r, from, to)                            \
	{                                              \
		.reg = r, .size = from, .reg_size = to \
	}
#define IMM(n, v)                                                       \
	{                                                               \
		.write = true, .immediate = true, .size = n, .value = v \
	}
#define HIGH_STORE(r)                                                                \
	{                                                                            \
		.write = true, .reg = r, .size = 1, .reg_size = 1, .high_byte = true \
	}
#define HIGH_LOAD(r)                                                  \
	{                                                             \
		.reg = r, .size = 1, .reg_size = 1, .high_byte = true \
	}

static const struct accepted accepted[] = {
	/* 64-bit code: sizes. */
	{ CODE64, BYTES(0x89, 0x07), STORE(0, 4) },	       /* mov %eax,(%rdi) */
	{ CODE64, BYTES(0x48, 0x89, 0x07), STORE(0, 8) },      /* mov %rax,(%rdi) */
	{ CODE64, BYTES(0x66, 0x89, 0x07), STORE(0, 2) },      /* mov %ax,(%rdi) */
	{ CODE64, BYTES(0x88, 0x07), STORE(0, 1) },	       /* mov %al,(%rdi) */
	{ CODE64, BYTES(0x8b, 0x07), LOAD(0, 4) },	       /* mov (%rdi),%eax */
	{ CODE64, BYTES(0x48, 0x8b, 0x07), LOAD(0, 8) },       /* mov (%rdi),%rax */
	{ CODE64, BYTES(0x66, 0x8b, 0x07), LOAD(0, 2) },       /* mov (%rdi),%ax */
	{ CODE64, BYTES(0x8a, 0x07), LOAD(0, 1) },	       /* mov (%rdi),%al */
	{ CODE64, BYTES(0x66, 0x48, 0x8b, 0x07), LOAD(0, 8) }, /* REX.W wins */
	/* Registers. */
	{ CODE64, BYTES(0x89, 0x0e), STORE(1, 4) },	   /* mov %ecx,(%rsi) */
	{ CODE64, BYTES(0x89, 0x3e), STORE(7, 4) },	   /* mov %edi,(%rsi) */
	{ CODE64, BYTES(0x44, 0x89, 0x06), STORE(8, 4) },  /* mov %r8d,(%rsi) */
	{ CODE64, BYTES(0x44, 0x89, 0x26), STORE(12, 4) }, /* mov %r12d,(%rsi) */
	{ CODE64, BYTES(0x4d, 0x8b, 0x3f), LOAD(15, 8) },  /* mov (%r15),%r15 */
	{ CODE64, BYTES(0x41, 0x8b, 0x07), LOAD(0, 4) },   /* mov (%r15),%eax */
	/* Byte registers with and without REX. */
	{ CODE64, BYTES(0x88, 0x26), HIGH_STORE(0) },	   /* mov %ah,(%rsi) */
	{ CODE64, BYTES(0x88, 0x3e), HIGH_STORE(3) },	   /* mov %bh,(%rsi) */
	{ CODE64, BYTES(0x8a, 0x36), HIGH_LOAD(2) },	   /* mov (%rsi),%dh */
	{ CODE64, BYTES(0x40, 0x88, 0x36), STORE(6, 1) },  /* mov %sil,(%rsi) */
	{ CODE64, BYTES(0x40, 0x8a, 0x2e), LOAD(5, 1) },   /* mov (%rsi),%bpl */
	{ CODE64, BYTES(0x44, 0x88, 0x26), STORE(12, 1) }, /* mov %r12b,(%rsi) */
	/* Addresses. */
	{ CODE64, BYTES(0x8b, 0x05, 1, 2, 3, 4), LOAD(0, 4) },		   /* mov x(%rip),%eax */
	{ CODE64, BYTES(0x8b, 0x47, 0x10), LOAD(0, 4) },		   /* disp8 */
	{ CODE64, BYTES(0x8b, 0x87, 1, 2, 3, 4), LOAD(0, 4) },		   /* disp32 */
	{ CODE64, BYTES(0x8b, 0x04, 0x24), LOAD(0, 4) },		   /* SIB: (%rsp) */
	{ CODE64, BYTES(0x8b, 0x44, 0x24, 8), LOAD(0, 4) },		   /* SIB, disp8 */
	{ CODE64, BYTES(0x8b, 0x84, 0x8f, 1, 2, 3, 4), LOAD(0, 4) },	   /* SIB, disp32 */
	{ CODE64, BYTES(0x8b, 0x04, 0x25, 1, 2, 3, 4), LOAD(0, 4) },	   /* SIB without base */
	{ CODE64, BYTES(0x41, 0x8b, 0x04, 0x25, 1, 2, 3, 4), LOAD(0, 4) }, /* REX.B makes no difference to that */
	{ CODE64, BYTES(0x8b, 0x44, 0x25, 8), LOAD(0, 4) },		   /* SIB with base RBP, disp8 */
	{ CODE64, BYTES(0x41, 0x8b, 0x04, 0x24), LOAD(0, 4) },		   /* (%r12) */
	{ CODE64, BYTES(0x67, 0x8b, 0x07), LOAD(0, 4) },		   /* mov (%edi),%eax */
	{ CODE64, BYTES(0x67, 0x66, 0x8b, 0x07), LOAD(0, 2) },
	{ CODE64, BYTES(0x66, 0x67, 0x66, 0x8b, 0x07), LOAD(0, 2) },
	/* Immediates: sign extended to 64 bits, at most 4 bytes. */
	{ CODE64, BYTES(0xc7, 0x07, 0x78, 0x56, 0x34, 0x12), IMM(4, 0x12345678) },
	{ CODE64, BYTES(0xc7, 0x07, 0, 0, 0, 0x80), IMM(4, 0xffffffff80000000) },
	{ CODE64, BYTES(0x48, 0xc7, 0x07, 0xff, 0xff, 0xff, 0xff), IMM(8, ~0UL) },
	{ CODE64, BYTES(0x48, 0xc7, 0x07, 1, 0, 0, 0), IMM(8, 1) },
	{ CODE64, BYTES(0x66, 0xc7, 0x07, 0xfe, 0xff), IMM(2, -2UL) },
	{ CODE64, BYTES(0xc7, 0x84, 0x24, 9, 9, 9, 9, 1, 2, 3, 4), IMM(4, 0x04030201) },
	/* Accumulator and absolute address. */
	{ CODE64, BYTES(0xa1, 1, 2, 3, 4, 5, 6, 7, 8), LOAD(0, 4) },
	{ CODE64, BYTES(0x48, 0xa1, 1, 2, 3, 4, 5, 6, 7, 8), LOAD(0, 8) },
	{ CODE64, BYTES(0xa3, 1, 2, 3, 4, 5, 6, 7, 8), STORE(0, 4) },
	{ CODE64, BYTES(0x67, 0xa3, 1, 2, 3, 4), STORE(0, 4) },
	{ CODE64, BYTES(0x66, 0xa3, 1, 2, 3, 4, 5, 6, 7, 8), STORE(0, 2) },
	/* Zero extension. */
	{ CODE64, BYTES(0x0f, 0xb6, 0x07), EXTEND(0, 1, 4) },
	{ CODE64, BYTES(0x0f, 0xb7, 0x0f), EXTEND(1, 2, 4) },
	{ CODE64, BYTES(0x48, 0x0f, 0xb6, 0x07), EXTEND(0, 1, 8) },
	{ CODE64, BYTES(0x4c, 0x0f, 0xb7, 0x07), EXTEND(8, 2, 8) },
	{ CODE64, BYTES(0x66, 0x0f, 0xb6, 0x07), EXTEND(0, 1, 2) },
	{ CODE64, BYTES(0x0f, 0xb6, 0x2e), EXTEND(5, 1, 4) }, /* EBP: no byte register */
	/* 32-bit code. */
	{ CODE32, BYTES(0x89, 0x07), STORE(0, 4) },
	{ CODE32, BYTES(0x66, 0x89, 0x07), STORE(0, 2) },
	{ CODE32, BYTES(0x8b, 0x05, 1, 2, 3, 4), LOAD(0, 4) }, /* absolute */
	{ CODE32, BYTES(0x8b, 0x04, 0x24), LOAD(0, 4) },
	{ CODE32, BYTES(0xa1, 1, 2, 3, 4), LOAD(0, 4) },
	{ CODE32, BYTES(0x67, 0xa1, 1, 2), LOAD(0, 4) },
	{ CODE32, BYTES(0xc7, 0x05, 1, 2, 3, 4, 5, 6, 7, 8), IMM(4, 0x08070605) },
	{ CODE32, BYTES(0x88, 0x27), HIGH_STORE(0) },
	{ CODE32, BYTES(0x67, 0x8b, 0x06, 1, 2), LOAD(0, 4) }, /* 16-bit address, disp16 */
	{ CODE32, BYTES(0x67, 0x8b, 0x04), LOAD(0, 4) },       /* (%si): no SIB */
	/* 16-bit code. */
	{ CODE16, BYTES(0x89, 0x07), STORE(0, 2) },
	{ CODE16, BYTES(0x66, 0x89, 0x07), STORE(0, 4) },
	{ CODE16, BYTES(0x8b, 0x06, 1, 2), LOAD(0, 2) },
	{ CODE16, BYTES(0x8b, 0x47, 1), LOAD(0, 2) },
	{ CODE16, BYTES(0x8b, 0x87, 1, 2), LOAD(0, 2) },
	{ CODE16, BYTES(0x8b, 0x46, 1), LOAD(0, 2) },
	{ CODE16, BYTES(0x67, 0x8b, 0x04, 0x24), LOAD(0, 2) },
	{ CODE16, BYTES(0xa3, 1, 2), STORE(0, 2) },
	{ CODE16, BYTES(0xc7, 0x06, 1, 2, 0xff, 0x7f), IMM(2, 0x7fff) },
	{ CODE16, BYTES(0x67, 0x66, 0xc7, 0x05, 1, 2, 3, 4, 5, 6, 7, 8), IMM(4, 0x08070605) },
	/* The longest: 15 bytes. */
	{ CODE64, BYTES(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x8b, 0x84, 0x24, 1, 2, 3, 4), LOAD(0, 2) },
};

/* Decodes from a buffer that ends where the bytes do. */
static bool decode(const u8 *bytes, unsigned int available, enum mode mode, struct mmio_insn *ret_insn)
{
	u8 *exact = malloc(available ? available : 1);
	bool ok;

	memcpy(exact, bytes, available);
	ok = mmio_decode(exact, available, mode == CODE64, mode == CODE32, ret_insn);
	free(exact);
	return ok;
}

static void test_accepted(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(accepted); i++) {
		const struct accepted *a = &accepted[i];
		struct mmio_insn insn = { 0 };
		u8 longer[32];

		if (!decode(a->bytes, a->length, a->mode, &insn))
			fail_msg("case %u is refused", i);
		if (insn.length != a->length || insn.size != a->want.size || insn.write != a->want.write ||
		    insn.immediate != a->want.immediate || insn.high_byte != a->want.high_byte ||
		    insn.reg != a->want.reg || insn.value != a->want.value ||
		    (!insn.immediate && insn.reg_size != a->want.reg_size))
			fail_msg("case %u: length %u size %u write %u imm %u high %u reg %u of %u value 0x%lx", i,
				 insn.length, insn.size, insn.write, insn.immediate, insn.high_byte, insn.reg,
				 insn.reg_size, insn.value);
		/* What follows does not count. */
		memset(longer, 0xcc, sizeof(longer));
		memcpy(longer, a->bytes, a->length);
		assert_true(decode(longer, sizeof(longer), a->mode, &insn));
		assert_int_equal(insn.length, a->length);
	}
}

/* A byte less is not enough, and the result is left alone. */
static void test_truncated(void **state)
{
	const struct mmio_insn untouched = { .length = 99, .value = 0x1122334455667788 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(accepted); i++) {
		for (unsigned int n = 0; n < accepted[i].length; n++) {
			struct mmio_insn insn = untouched;

			if (decode(accepted[i].bytes, n, accepted[i].mode, &insn))
				fail_msg("case %u is complete with %u bytes", i, n);
			assert_int_equal(insn.length, untouched.length);
			assert_int_equal(insn.value, untouched.value);
		}
	}
}

static const struct {
	enum mode mode;
	u8 bytes[18];
	u8 length;
} refused[] = {
	{ CODE64, BYTES(0x90) },
	{ CODE64, BYTES(0x01, 0x07) },			 /* add */
	{ CODE64, BYTES(0x87, 0x07) },			 /* xchg */
	{ CODE64, BYTES(0xa0, 1, 2, 3, 4, 5, 6, 7, 8) }, /* mov moffs8,%al */
	{ CODE64, BYTES(0xa2, 1, 2, 3, 4, 5, 6, 7, 8) }, /* mov %al,moffs8 */
	{ CODE64, BYTES(0xa5) },			 /* movs */
	{ CODE64, BYTES(0xc6, 0x07, 1) },		 /* movb $1,(%rdi) */
	{ CODE64, BYTES(0xc7, 0x0f, 1, 2, 3, 4) },	 /* c7 /1 */
	{ CODE64, BYTES(0xc7, 0x3f, 1, 2, 3, 4) },	 /* c7 /7 */
	{ CODE64, BYTES(0xc7, 0xc0, 1, 2, 3, 4) },	 /* mov $x,%eax */
	{ CODE64, BYTES(0x89, 0xc0) },			 /* mov %eax,%eax */
	{ CODE64, BYTES(0x8b, 0xc7) },			 /* mov %edi,%eax */
	{ CODE64, BYTES(0x88, 0xc4) },			 /* mov %al,%ah */
	{ CODE64, BYTES(0x0f, 0xb6, 0xc0) },		 /* movzx %al,%eax */
	{ CODE64, BYTES(0x0f, 0xbe, 0x07) },		 /* movsx */
	{ CODE64, BYTES(0x0f, 0xb5, 0x07) },		 /* lgs */
	{ CODE64, BYTES(0x89, 0x26) },			 /* mov %esp,(%rsi) */
	{ CODE64, BYTES(0x8b, 0x26) },			 /* mov (%rsi),%esp */
	{ CODE64, BYTES(0x48, 0x8b, 0x26) },		 /* mov (%rsi),%rsp */
	{ CODE64, BYTES(0x40, 0x88, 0x26) },		 /* mov %spl,(%rsi) */
	{ CODE64, BYTES(0x0f, 0xb6, 0x26) },		 /* movzx (%rsi),%esp */
	{ CODE64, BYTES(0x42, 0x8b, 0x04, 0x07) },	 /* REX.X */
	{ CODE64, BYTES(0x4f, 0x8b, 0x07) },		 /* REX.WRXB */
	{ CODE64, BYTES(0x48, 0x66, 0x8b, 0x07) },	 /* REX is not last */
	{ CODE64, BYTES(0x48, 0x48, 0x8b, 0x07) },
	{ CODE64, BYTES(0xf0, 0x89, 0x07) }, /* lock */
	{ CODE64, BYTES(0xf3, 0x89, 0x07) }, /* rep */
	{ CODE64, BYTES(0xf2, 0x89, 0x07) },
	{ CODE64, BYTES(0x64, 0x89, 0x07) }, /* FS */
	{ CODE64, BYTES(0x65, 0x8b, 0x07) }, /* GS */
	{ CODE64, BYTES(0x2e, 0x8b, 0x07) }, /* CS */
	{ CODE32, BYTES(0x40, 0x8b, 0x07) }, /* inc %eax */
	{ CODE32, BYTES(0x48, 0x89, 0x07) }, /* dec %eax */
	{ CODE16, BYTES(0x8b, 0xc0) },
	/* 16 bytes. */
	{ CODE64, BYTES(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x8b, 0x84, 0x24, 1, 2, 3, 4) },
	{ CODE64,
	  BYTES(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x8b, 7) },
};

static void test_refused(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(refused); i++) {
		struct mmio_insn insn;

		if (decode(refused[i].bytes, refused[i].length, refused[i].mode, &insn))
			fail_msg("case %u is accepted", i);
	}
}

/* Every byte as opcode, with and without 0f: no other form than those of abi 6.2. */
static void test_all_opcodes(void **state)
{
	u8 bytes[16] = { 0 }, escaped[16] = { 0x0f };
	unsigned int plain = 0, two_bytes = 0;
	struct mmio_insn insn;

	(void)state;
	for (unsigned int op = 0; op < 256; op++) {
		bool known =
			op == 0x88 || op == 0x89 || op == 0x8a || op == 0x8b || op == 0xc7 || op == 0xa1 || op == 0xa3;

		if (op == 0x66 || op == 0x67)
			continue; /* a prefix; then comes 00, ADD */
		bytes[0] = op;
		assert_int_equal(decode(bytes, sizeof(bytes), CODE32, &insn), known);
		plain += known;
		escaped[1] = op;
		known = op == 0xb6 || op == 0xb7;
		assert_int_equal(decode(escaped, sizeof(escaped), CODE32, &insn), known);
		two_bytes += known;
	}
	assert_int_equal(plain, 7);
	assert_int_equal(two_bytes, 2);
}

/* Anything: within bounds, and a success says something sensible. */
static void test_random(void **state)
{
	unsigned int successes = 0;

	(void)state;
	srand(1);
	for (unsigned int round = 0; round < 200000; round++) {
		static const u8 likely[] = { 0x66, 0x67, 0x40, 0x48, 0x44, 0x88, 0x89,
					     0x8a, 0x8b, 0xc7, 0xa1, 0xa3, 0x0f, 0xb6 };
		unsigned int n = rand() % 18;
		struct mmio_insn insn;
		u8 bytes[18];

		for (unsigned int i = 0; i < n; i++)
			bytes[i] = i < 4 && rand() % 3 ? likely[rand() % ARRAY_SIZE(likely)] : rand();
		if (!decode(bytes, n, rand() % 3, &insn))
			continue;
		successes++;
		assert_in_range(insn.length, 2, MIN(n, (unsigned int)INSTRUCTION_MAX_BYTES));
		assert_true(insn.size == 1 || insn.size == 2 || insn.size == 4 || insn.size == 8);
		if (insn.immediate) {
			assert_true(insn.write);
			continue;
		}
		assert_true(insn.reg < 16 && (insn.reg != 4 || insn.high_byte));
		assert_true(insn.reg_size >= insn.size && (!insn.write || insn.reg_size == insn.size));
		assert_true(!insn.high_byte || (insn.reg < 4 && insn.size == 1));
	}
	assert_true(successes > 10000);
}

/* What the CPU itself does with registers, for each width and extension. */
static void test_registers(void **state)
{
	static const struct {
		u8 bytes[4];
		u8 length;
		u64 loaded; /* register after a load of 0x8182838485868788, was 0x1112131415161718 */
	} loads[] = {
		{ BYTES(0x8a, 0x07), 0x1112131415161788UL },
		{ BYTES(0x8a, 0x27), 0x1112131415168818UL },
		{ BYTES(0x66, 0x8b, 0x07), 0x1112131415168788UL },
		{ BYTES(0x8b, 0x07), 0x85868788UL },
		{ BYTES(0x48, 0x8b, 0x07), 0x8182838485868788UL },
		{ BYTES(0x0f, 0xb6, 0x07), 0x88UL },
		{ BYTES(0x66, 0x0f, 0xb6, 0x07), 0x1112131415160088UL },
		{ BYTES(0x48, 0x0f, 0xb6, 0x07), 0x88UL },
		{ BYTES(0x0f, 0xb7, 0x07), 0x8788UL },
		{ BYTES(0x48, 0x0f, 0xb7, 0x07), 0x8788UL },
	}, stores[] = {
		{ BYTES(0x88, 0x07), 0x18UL },
		{ BYTES(0x88, 0x27), 0x17UL },
		{ BYTES(0x66, 0x89, 0x07), 0x1718UL },
		{ BYTES(0x89, 0x07), 0x15161718UL },
		{ BYTES(0x48, 0x89, 0x07), 0x1112131415161718UL },
	};
	const u64 before = 0x1112131415161718UL, value = 0x8182838485868788UL;
	struct mmio_insn insn;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(loads); i++) {
		assert_true(decode(loads[i].bytes, loads[i].length, CODE64, &insn));
		assert_int_equal(mmio_insn_loaded(&insn, before, value), loads[i].loaded);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(stores); i++) {
		assert_true(decode(stores[i].bytes, stores[i].length, CODE64, &insn));
		assert_int_equal(mmio_insn_stored(&insn, before), stores[i].loaded);
	}
	assert_true(decode((u8[]){ 0x48, 0xc7, 0x07, 0xfe, 0xff, 0xff, 0xff }, 7, CODE64, &insn));
	assert_int_equal(mmio_insn_stored(&insn, before), -2UL);
	assert_true(decode((u8[]){ 0x66, 0xc7, 0x07, 0xfe, 0xff }, 5, CODE64, &insn));
	assert_int_equal(mmio_insn_stored(&insn, before), 0xfffe);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),    cmocka_unit_test(test_truncated), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_all_opcodes), cmocka_unit_test(test_random),    cmocka_unit_test(test_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
