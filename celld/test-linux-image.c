/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of a guest Linux' layout: what the parameters say and where the parts go, and kernels that are none, are cut
 * off, or do not fit.
 */
#include "linux-image.h"
#include "test-config.h"

#define KERNEL_BYTES 0x5000
#define SETUP_SECTORS 7
#define SETUP_BYTES ((SETUP_SECTORS + 1) * 512)

/* 1 MiB of RAM, the communication page, 32 MiB of RAM from 2 MiB on, and memory that is no RAM for Linux. */
static const char linux_text[] = "{\"cpus\": 1, \"flags\": [\"passive-comm-region\"], \"memory\": [\n"
				 "{\"phys\": \"0x3b000000\", \"virt\": 0, \"size\": \"1M\", "
				 "\"flags\": [\"read\", \"write\", \"execute\", \"dma\", \"loadable\"]},\n"
				 "{\"virt\": \"0x100000\", \"size\": \"4K\", \"flags\": [\"read\", \"comm-region\"]},\n"
				 "{\"phys\": \"0x3b200000\", \"virt\": \"0x200000\", \"size\": \"32M\", "
				 "\"flags\": [\"read\", \"write\", \"execute\", \"dma\", \"loadable\"]},\n"
				 "{\"phys\": \"0x3e000000\", \"virt\": \"0x70000000\", \"size\": \"1M\", "
				 "\"flags\": [\"read\", \"write\", \"rootshared\"]}],\n"
				 "\"irqchips\": [{\"address\": \"0xfec00000\", \"pins\": \"4\"}],\n"
				 "\"ports\": [\"0x2f8-0x2ff\", \"0x3e8-0x3ef\", \"0x2e8-0x2eb\"]}";

/** A kernel without faults; each test breaks its copy. */
typedef struct Kernel {
	uint8_t bytes[KERNEL_BYTES];
	size_t size;
} Kernel;

static uint32_t get(const uint8_t *bytes, unsigned n)
{
	uint32_t value = 0;

	memcpy(&value, bytes, n);
	return value;
}

static void put(uint8_t *bytes, uint64_t value, unsigned n)
{
	memcpy(bytes, &value, n);
}

static void kernel_init(Kernel *k)
{
	*k = (Kernel){ .size = KERNEL_BYTES };
	memset(k->bytes, 0xcc, 0x1f1);
	k->bytes[0x1f1] = SETUP_SECTORS;
	put(k->bytes + 0x1f4, (KERNEL_BYTES - SETUP_BYTES) / 16, 4);
	put(k->bytes + 0x1fe, 0xaa55, 2);
	put(k->bytes + 0x200, 0x6aeb, 2); /* header ends at 0x26c */
	memcpy(k->bytes + 0x202, "HdrS", 4);
	put(k->bytes + 0x206, 0x20f, 2);
	k->bytes[0x211] = 1;
	put(k->bytes + 0x22c, 0x7fffffff, 4);
	put(k->bytes + 0x230, 0x200000, 4);
	k->bytes[0x234] = 1;
	put(k->bytes + 0x236, 0x7f, 2);
	put(k->bytes + 0x238, 2047, 4);
	put(k->bytes + 0x248, 0x100, 4);
	put(k->bytes + 0x24c, 0x1000, 4);
	put(k->bytes + 0x258, 0x1000000, 8);
	put(k->bytes + 0x260, 0x9000, 4);
	memset(k->bytes + 0x26c, 0xcc, SETUP_BYTES - 0x26c);
	memcpy(k->bytes + SETUP_BYTES + 0x100, "\x02\x21\x4c\x18", 4);
}

static int make(const CellConfig *cell, const Kernel *k, uint64_t initrd, const char *line, LinuxImage *ret,
		char **text)
{
	/* of its exact size, so that a sanitizer sees what is read behind it */
	_cleanup_free_ uint8_t *copy = malloc(MAX(k->size, (size_t)1));

	assert_non_null(copy);
	memcpy(copy, k->bytes, k->size);
	return linux_image_make(cell, copy, k->size, initrd, line, ret, text);
}

static void test_params(void **state)
{
	_cleanup_cell_config_ CellConfig *cell = test_cell(linux_text, "linux.json");
	_cleanup_free_ char *text = NULL;
	static const uint8_t map[] = {
		0, 0, 0,    0, 0, 0, 0, 0, 0, 0,    0x10, 0, 0, 0, 0, 0, 1, 0, 0, 0, /* RAM */
		0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0x10, 0,	  0, 0, 0, 0, 0, 2, 0, 0, 0, /* communication page */
		0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0,    0,	  2, 0, 0, 0, 0, 1, 0, 0, 0, /* RAM */
	};
	static const uint8_t zeros[0x1e8];
	LinuxImage image;
	const uint8_t *p, *node;
	Kernel k;

	(void)state;
	kernel_init(&k);
	assert_int_equal(make(cell, &k, 5000, "quiet", &image, &text), 0);
	p = image.params;
	node = p + 0x1000;
	assert_int_equal(image.params_bytes, 0x112c + 6);
	assert_int_equal(image.kernel_address, 0x1000000 - SETUP_BYTES);
	/* lz4 grows to 6 times its size */
	assert_int_equal(image.initrd_address, (0x1000000 - SETUP_BYTES + 6 * KERNEL_BYTES + 4095) / 4096 * 4096);

	assert_memory_equal(p, zeros, sizeof(zeros));
	assert_int_equal(p[0x1e8], 3);
	assert_memory_equal(p + 0x2d0, map, sizeof(map));
	assert_int_equal(p[0x1f0], 0);
	assert_memory_equal(p + 0x1f1, k.bytes + 0x1f1, 0x210 - 0x1f1);
	assert_int_equal(p[0x210], 0xff);
	assert_int_equal(get(p + 0x218, 4), image.initrd_address);
	assert_int_equal(get(p + 0x21c, 4), 5000);
	assert_int_equal(get(p + 0x228, 4), 0x212c);
	assert_int_equal(get(p + 0x230, 4), 0x1000000);
	assert_int_equal(get(p + 0x234, 4), 0);
	assert_int_equal(get(p + 0x250, 4), 0x2000);
	assert_int_equal(get(p + 0x254, 4), 0);
	assert_int_equal(get(p + 0x260, 4), 0x9000);
	assert_memory_equal(p + 0x26c, zeros, 0x2d0 - 0x26c);

	assert_int_equal(get(node, 4) | get(node + 4, 4), 0);
	assert_int_equal(get(node + 8, 4), 6);
	assert_int_equal(get(node + 12, 4), 284);
	assert_int_equal(get(node + 16, 2), 2);
	assert_int_equal(get(node + 18, 2), 1);
	assert_int_equal(node[16 + 24], 1);
	assert_int_equal(get(node + 16 + 280, 4), 0x2 | 0x4);
	assert_string_equal((const char *)p + 0x112c, "quiet");
	free(image.params);
}

static void test_bare(void **state)
{
	_cleanup_cell_config_ CellConfig *cell = test_cell(linux_text, "linux.json");
	_cleanup_free_ char *text = NULL;
	LinuxImage image;
	Kernel k;

	(void)state;
	kernel_init(&k);
	cell->n_irqchips = cell->n_ports = 0;
	assert_int_equal(make(cell, &k, 0, NULL, &image, &text), 0);
	assert_int_equal(image.initrd_address, 0);
	assert_int_equal(get(image.params + 0x218, 4) | get(image.params + 0x21c, 4), 0);
	assert_int_equal(image.params[0x1000 + 16 + 24], 0);
	assert_int_equal(get(image.params + 0x1000 + 16 + 280, 4), 0);
	assert_int_equal(image.params_bytes, 0x112c + 1);
	assert_int_equal(image.params[0x112c], 0);
	free(image.params);
}

/** One change of a sound kernel. */
typedef struct Fault {
	unsigned offset, bytes;
	uint64_t value;
	size_t size; /**< 0: all */
	int error;
	const char *text;
} Fault;

#define IS_CUT -ENOEXEC, "is cut off"

static const Fault faults[] = {
	{ 0x1fe, 2, 0x55aa, 0, -ENOEXEC, "not a bzImage" },
	{ 0x202, 1, 'h', 0, -ENOEXEC, "not a bzImage" },
	{ 0x202, 1, 'H', 0x263, -ENOEXEC, "not a bzImage" },
	{ 0x202, 1, 'H', 0x264, IS_CUT },
	{ 0x202, 1, 'H', 1, -ENOEXEC, "not a bzImage" },
	{ 0x206, 2, 0x20b, 0, -ENOEXEC, "speaks boot protocol 2.11, the least is 2.12" },
	{ 0x201, 1, 0x61, 0, -ENOEXEC, "speaks boot protocol 2.15, the least is 2.12" },
	{ 0x211, 1, 0, 0, -ENOEXEC, "has no 64-bit entry point" },
	{ 0x236, 2, 0x7e, 0, -ENOEXEC, "has no 64-bit entry point" },
	{ 0x1f1, 1, 0xff, 0, IS_CUT },
	{ 0x1f1, 1, SETUP_SECTORS, SETUP_BYTES, IS_CUT },
	{ 0x1f1, 1, SETUP_SECTORS, KERNEL_BYTES - 1, IS_CUT },
	{ 0x1f4, 4, UINT32_MAX, 0, IS_CUT },
	{ 0x258, 8, 0x10000 + SETUP_BYTES - 1, 0, -ENOEXEC, "wants to be at 0x10fff" },
	{ 0x258, 8, 0, 0, -ENOEXEC, "wants to be at 0x0" },
	{ 0x258, 8, UINT64_MAX, 0, -ENOEXEC, "wants to be at 0xffffffffffffffff" },
	{ 0x258, 8, 0x100000000, 0, -ENOEXEC, "wants to be at 0x100000000" },
	{ 0x258, 8, 0x100000, 0, -EFBIG, "it needs 20480 bytes at 0xff000, where the cell has 4096" },
	{ 0x258, 8, 0x102000, 0, -EFBIG, "it belongs to 0x101000, which is no RAM that can be loaded" },
	{ 0x258, 8, 0x70002000, 0, -EFBIG, "it belongs to 0x70001000, which is no RAM that can be loaded" },
	{ 0x260, 4, 0x1200001, 0, -EFBIG,
	  "to unpack itself it needs 18874369 bytes at 0x1000000, where the cell has 18874368" },
	{ 0x260, 4, 0x1200000, 0, -EFBIG, "its initrd belongs to 0x2200000, which is no RAM that can be loaded" },
	{ 0x22c, 4, 0x101e386, 0, -EFBIG, "its initrd would end at 0x101e387, it takes none beyond 0x101e386" },
	{ 0x238, 4, 4, 0, -EFBIG, "takes 4 bytes of command line, not 5" },
};

static void test_faults(void **state)
{
	_cleanup_cell_config_ CellConfig *cell = test_cell(linux_text, "linux.json");

	(void)state;
	for (size_t i = 0; i < ELEMENTSOF(faults); i++) {
		_cleanup_free_ char *text = NULL;
		LinuxImage image = { 0 };
		Kernel k;

		kernel_init(&k);
		put(k.bytes + faults[i].offset, faults[i].value, faults[i].bytes);
		k.size = faults[i].size ?: k.size;
		assert_int_equal(make(cell, &k, 5000, "quiet", &image, &text), faults[i].error);
		assert_string_equal(text, faults[i].text);
		assert_null(image.params);
	}
}

/* What it is compressed with says how much room it is left; a payload that is not in the file says nothing. */
static void test_payload(void **state)
{
	static const struct {
		const char *magic;
		unsigned n, factor, offset;
	} cases[] = {
		{ "\x1f\x8b\x08", 3, 7, 0x100 },
		{ "BZh9", 4, 4, 0x100 },
		{ "\x5d\0\0", 3, 8, 0x100 },
		{ "\x89LZO\0", 5, 6, 0x100 },
		{ "\xfd"
		  "7zXZ",
		  5, 9, 0x100 },
		{ "\x28\xb5\x2f\xfd", 4, 9, 0x100 },
		{ "BZh9", 4, 9, 0xfffffff0 },
		{ "BZh9", 4, 4, KERNEL_BYTES - SETUP_BYTES - 4 },
		{ "BZh9", 2, 9, KERNEL_BYTES - SETUP_BYTES - 2 },
	};
	_cleanup_cell_config_ CellConfig *cell = test_cell(linux_text, "linux.json");

	(void)state;
	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		_cleanup_free_ char *text = NULL;
		LinuxImage image;
		Kernel k;

		kernel_init(&k);
		put(k.bytes + 0x260, 1, 4);
		put(k.bytes + 0x248, cases[i].offset, 4);
		if ((uint64_t)SETUP_BYTES + cases[i].offset + cases[i].n <= KERNEL_BYTES)
			memcpy(k.bytes + SETUP_BYTES + cases[i].offset, cases[i].magic, cases[i].n);
		assert_int_equal(make(cell, &k, 1, NULL, &image, &text), 0);
		assert_int_equal(image.initrd_address,
				 (0xfff000 + cases[i].factor * KERNEL_BYTES + 4095) / 4096 * 4096);
		free(image.params);
	}
}

static void test_regions(void **state)
{
	_cleanup_cell_config_ CellConfig *cell = test_cell(linux_text, "linux.json");
	_cleanup_free_ char *text = NULL;
	LinuxImage image;
	MemoryRegion many[129], *few = cell->memory;
	Kernel k;

	(void)state;
	kernel_init(&k);
	for (size_t i = 0; i < ELEMENTSOF(many); i++)
		many[i] = few[2];
	cell->memory = many;
	cell->n_memory = 128;
	assert_int_equal(make(cell, &k, 0, NULL, &image, &text), 0);
	assert_int_equal(image.params[0x1e8], 128);
	free(image.params);
	cell->n_memory = 129;
	assert_int_equal(make(cell, &k, 0, NULL, &image, &text), -EFBIG);
	assert_string_equal(text, "takes 128 regions of RAM, the cell has more");
	cell->memory = few;
	cell->n_memory = 4;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_params),	cmocka_unit_test(test_bare),	cmocka_unit_test(test_faults),
		cmocka_unit_test(test_payload), cmocka_unit_test(test_regions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
