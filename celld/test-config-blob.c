/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of blobs: every field at its documented offset, any bytes survive import and export, nothing is read beyond the
 * end. Offsets are written out here and not taken from hypervisor/abi, so that a mistake there is seen.
 */
#include "test-config.h"

#define CELL_HEADER_BYTES 132
#define SYSTEM_HEADER_BYTES 356

typedef struct BlobField {
	size_t offset, size;
	uint64_t value;
} BlobField;

static void put_fields(uint8_t *blob, const BlobField *fields, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < fields[i].size; j++)
			blob[fields[i].offset + j] = (uint8_t)(fields[i].value >> 8 * j);
}

static void assert_blob(const uint8_t *blob, const uint8_t *expected, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (blob[i] != expected[i])
			print_error("byte 0x%zx\n", i);
		assert_int_equal(blob[i], expected[i]);
	}
}

/* The arrays of cell_text, each with its offset from the start of its array. */
#define MEMORY (CELL_HEADER_BYTES + 8)
#define IRQCHIPS (MEMORY + 4 * 32)
#define PORTS (IRQCHIPS + 32)
#define PCI_DEVICES (PORTS + 2 * 4)
#define PCI_CAPS (PCI_DEVICES + 56)
#define CELL_BYTES (PCI_CAPS + 8)

static void test_cell_bytes(void **state)
{
	static const BlobField fields[] = {
		{ 0x06, 2, 14 },
		{ 0x2c, 4, 0x40000000 },
		{ 0x30, 4, 8 }, /* CPU set */
		{ 0x34, 4, 4 }, /* memory */
		{ 0x3c, 4, 1 }, /* irqchips */
		{ 0x40, 4, 2 }, /* ports */
		{ 0x44, 4, 1 }, /* PCI devices */
		{ 0x48, 4, 1 }, /* PCI capabilities */
		{ 0x5c, 8, 1000000 },
		{ 0x64, 8, 0x3e8 }, /* console */
		{ 0x70, 2, 2 },
		{ 0x84, 8, 0x0c }, /* CPUs 2 and 3 */
		{ MEMORY + 0x00, 8, 0x3a600000 },
		{ MEMORY + 0x10, 8, 0x100000 },
		{ MEMORY + 0x18, 8, 0x47 },
		{ MEMORY + 0x28, 8, 0x100000 },
		{ MEMORY + 0x30, 8, 0x1000 },
		{ MEMORY + 0x38, 8, 0x23 },
		{ MEMORY + 0x40, 8, 0x3a800000 },
		{ MEMORY + 0x48, 8, 0x200000 },
		{ MEMORY + 0x50, 8, 0x600000 },
		{ MEMORY + 0x58, 8, 0x03 },
		{ MEMORY + 0x60, 8, 0x70000000 },
		{ MEMORY + 0x68, 8, 0x70000000 },
		{ MEMORY + 0x70, 8, 0x100 },
		{ MEMORY + 0x78, 8, 0x40001 },
		{ IRQCHIPS + 0x00, 8, 0xfec00000 },
		{ IRQCHIPS + 0x10, 4, 0x30010 },
		{ PORTS + 0, 2, 0x2f8 },
		{ PORTS + 2, 2, 8 },
		{ PORTS + 4, 2, 0x3e8 },
		{ PORTS + 6, 2, 8 },
		{ PCI_DEVICES + 0x00, 1, 1 },
		{ PCI_DEVICES + 0x04, 2, 0x18 },
		{ PCI_DEVICES + 0x20, 2, 1 },
		{ PCI_CAPS + 0, 2, 1 },
		{ PCI_CAPS + 2, 2, 0x40 },
		{ PCI_CAPS + 4, 2, 8 },
		{ PCI_CAPS + 6, 2, 1 },
	};
	_cleanup_cell_config_ CellConfig *cell = test_cell(cell_text, NULL);
	uint8_t expected[CELL_BYTES] = "JHCLL";
	_cleanup_free_ uint8_t *blob = NULL;
	size_t size;

	(void)state;
	memcpy(expected + 8, "rtos", 4);
	put_fields(expected, fields, ELEMENTSOF(fields));
	assert_int_equal(cell_config_to_blob(cell, &blob, &size), 0);
	assert_int_equal(size, CELL_BYTES);
	assert_blob(blob, expected, size);
}

#define ROOT SYSTEM_HEADER_BYTES
#define ROOT_MEMORY (ROOT + MEMORY)
#define ROOT_IRQCHIPS (ROOT_MEMORY + 4 * 32)
#define ROOT_PORTS (ROOT_IRQCHIPS + 32)
#define ROOT_PCI_DEVICES (ROOT_PORTS + 2 * 4)
#define SYSTEM_BYTES (ROOT_PCI_DEVICES + 56)

static void test_system_bytes(void **state)
{
	static const BlobField fields[] = {
		{ 0x006, 2, 14 },
		{ 0x008, 4, 1 },
		{ 0x00c, 8, 0x3a000000 }, /* hypervisor memory */
		{ 0x01c, 8, 0x600000 },
		{ 0x02c, 8, 0x3f8 }, /* debug console */
		{ 0x038, 2, 2 },
		{ 0x04c, 8, 0xb0000000 },
		{ 0x054, 1, 31 },
		{ 0x058, 4, 1 }, /* IOMMU */
		{ 0x05c, 8, 0xfd200000 },
		{ 0x064, 4, 0x80000 },
		{ 0x138, 2, 0x608 },
		{ ROOT + 0x30, 4, 8 },
		{ ROOT + 0x34, 4, 4 },
		{ ROOT + 0x3c, 4, 1 },
		{ ROOT + 0x40, 4, 2 },
		{ ROOT + 0x44, 4, 1 },
		{ ROOT + 0x84, 8, 0x0f },
		{ ROOT_MEMORY + 0x10, 8, 0x3a000000 },
		{ ROOT_MEMORY + 0x18, 8, 0x0f },
		{ ROOT_MEMORY + 0x20, 8, 0x3a600000 },
		{ ROOT_MEMORY + 0x28, 8, 0x3a600000 },
		{ ROOT_MEMORY + 0x30, 8, 0x25a00000 },
		{ ROOT_MEMORY + 0x38, 8, 0x0f },
		{ ROOT_MEMORY + 0x40, 8, 0x60000000 },
		{ ROOT_MEMORY + 0x48, 8, 0x60000000 },
		{ ROOT_MEMORY + 0x50, 8, 0x9ee00000 },
		{ ROOT_MEMORY + 0x58, 8, 0x03 },
		{ ROOT_MEMORY + 0x60, 8, 0xfee01000 },
		{ ROOT_MEMORY + 0x68, 8, 0xfee01000 },
		{ ROOT_MEMORY + 0x70, 8, 0x11ff000 },
		{ ROOT_MEMORY + 0x78, 8, 0x01 },
		{ ROOT_IRQCHIPS + 0x00, 8, 0xfec00000 },
		{ ROOT_IRQCHIPS + 0x10, 4, 0xffffff },
		{ ROOT_PORTS + 0, 4, 0x08000000 },
		{ ROOT_PORTS + 4, 4, 0x38000800 },
		{ ROOT_PCI_DEVICES + 0x00, 1, 1 },
		{ ROOT_PCI_DEVICES + 0x04, 2, 0x18 },
	};
	_cleanup_system_config_ SystemConfig *system = test_system(system_text);
	uint8_t expected[SYSTEM_BYTES] = "JHSYS";
	_cleanup_free_ uint8_t *blob = NULL;
	size_t size;

	(void)state;
	memcpy(expected + ROOT + 8, "RootCell", 8);
	put_fields(expected, fields, ELEMENTSOF(fields));
	assert_int_equal(system_config_to_blob(system, &blob, &size), 0);
	assert_int_equal(size, SYSTEM_BYTES);
	assert_blob(blob, expected, size);
}

/** random_next - xorshift; the same sequence in every run */
static uint32_t random_next(void)
{
	static uint32_t x = 0x2545f491;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

static uint8_t *random_bytes(uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		/* many zeros, as in real blobs: defaults must survive too */
		bytes[i] = random_next() % 3 ? (uint8_t)random_next() : 0;
	return bytes;
}

/** random_cell - fills header and arrays with anything that a reader must accept; returns the bytes used */
static size_t random_cell(uint8_t *header, bool root)
{
	static const size_t element_bytes[] = { 32, 12, 32, 4, 56, 8, 4 };
	uint8_t cpu_set_bytes = (uint8_t)(random_next() % 20);
	size_t size = CELL_HEADER_BYTES + cpu_set_bytes;
	const BlobField fixed[] = { { 0x05, 1, random_next() % 3 }, { 0x06, 2, 14 }, { 0x30, 4, cpu_set_bytes } };

	random_bytes(header, CELL_HEADER_BYTES);
	put_fields(header, fixed + 2, 1);
	if (!root) {
		memcpy(header, "JHCLL", 5);
		put_fields(header, fixed, 2);
	}
	/* a name of random length, anything behind its NUL */
	for (size_t i = 0, n = random_next() % 32; i <= n; i++)
		header[0x08 + i] = i < n ? (uint8_t)(' ' + random_next() % 95) : 0;
	for (size_t i = 0; i < ELEMENTSOF(element_bytes); i++) {
		const BlobField count = { 0x34 + 4 * i, 4, random_next() % 4 };

		put_fields(header, &count, 1);
		size += count.value * element_bytes[i];
	}
	random_bytes(header + CELL_HEADER_BYTES, size - CELL_HEADER_BYTES);
	return size;
}

static void test_any_cell_survives(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		uint8_t bytes[2048];
		_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
		_cleanup_cell_config_ CellConfig *cell = NULL, *again = NULL;
		_cleanup_free_ uint8_t *blob = NULL;
		_cleanup_free_ char *json = NULL;
		size_t size = random_cell(bytes, false), trailer = i % 4 ? 0 : random_next() % 60, written;

		random_bytes(bytes + size, trailer);
		size += trailer;
		assert_int_equal(cell_config_from_blob(bytes, size, NULL, &problems, &cell), 0);
		assert_int_equal(cell_config_to_json(cell, &json), 0);
		again = test_cell(json, NULL);
		assert_int_equal(cell_config_to_blob(again, &blob, &written), 0);
		assert_int_equal(written, size);
		assert_blob(blob, bytes, size);
		/* checking anything is safe */
		config_check_cell(again, NULL, &problems);
	}
}

static void test_any_system_survives(void **state)
{
	_cleanup_cell_config_ CellConfig *cell = test_cell(cell_text, "rtos.json");

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		uint8_t bytes[2048];
		const BlobField fixed[] = { { 0x05, 1, random_next() % 3 }, { 0x06, 2, 14 } };
		_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
		_cleanup_system_config_ SystemConfig *system = NULL, *again = NULL;
		_cleanup_free_ uint8_t *blob = NULL;
		_cleanup_free_ char *json = NULL;
		size_t size, written;

		random_bytes(bytes, SYSTEM_HEADER_BYTES);
		memcpy(bytes, "JHSYS", 5);
		put_fields(bytes, fixed, ELEMENTSOF(fixed));
		for (size_t j = 0; j < 8; j++)
			bytes[0x58 + 28 * j] = (uint8_t)(random_next() % 7), memset(bytes + 0x59 + 28 * j, 0, 3);
		size = SYSTEM_HEADER_BYTES + random_cell(bytes + SYSTEM_HEADER_BYTES, true);
		assert_int_equal(system_config_from_blob(bytes, size, NULL, &problems, &system), 0);
		assert_int_equal(system_config_to_json(system, &json), 0);
		again = test_system(json);
		assert_int_equal(system_config_to_blob(again, &blob, &written), 0);
		assert_int_equal(written, size);
		assert_blob(blob, bytes, size);
		config_check_system(again, &problems);
		config_check_cell(cell, again, &problems);
	}
}

/** refused - exact allocation, so that a sanitizer sees one byte too far */
static void assert_refused(const uint8_t *bytes, size_t size, bool system)
{
	_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
	_cleanup_free_ uint8_t *copy = malloc(MAX(size, (size_t)1));
	CellConfig *cell = NULL;
	SystemConfig *machine = NULL;

	memcpy(copy, bytes, size);
	if (system)
		assert_int_equal(system_config_from_blob(copy, size, "x.cell", &problems, &machine), -EINVAL);
	else
		assert_int_equal(cell_config_from_blob(copy, size, "x.cell", &problems, &cell), -EINVAL);
	assert_int_equal(problems.n_errors, 1);
	assert_null(cell);
	assert_null(machine);
}

static void test_truncated(void **state)
{
	_cleanup_cell_config_ CellConfig *cell = test_cell(cell_text, NULL);
	_cleanup_system_config_ SystemConfig *system = test_system(system_text);
	_cleanup_free_ uint8_t *cell_blob = NULL, *system_blob = NULL;
	size_t cell_size, system_size;

	(void)state;
	assert_int_equal(cell_config_to_blob(cell, &cell_blob, &cell_size), 0);
	assert_int_equal(system_config_to_blob(system, &system_blob, &system_size), 0);
	for (size_t i = 0; i < cell_size; i++)
		assert_refused(cell_blob, i, false);
	for (size_t i = 0; i < system_size; i++)
		assert_refused(system_blob, i, true);
	/* one for the other */
	assert_refused(cell_blob, cell_size, true);
	assert_refused(system_blob, system_size, false);
}

static void test_wrong_headers(void **state)
{
	static const BlobField wrong[] = {
		{ 0x00, 1, 'X' },	 { 0x04, 1, 'S' },	  { 0x05, 1, 3 },	   { 0x06, 2, 13 },
		{ 0x06, 2, 0x0e00 },	 { 0x30, 4, 4097 },	  { 0x30, 4, UINT32_MAX }, { 0x34, 4, 5 },
		{ 0x34, 4, UINT32_MAX }, { 0x38, 4, 1 },	  { 0x38, 4, UINT32_MAX }, { 0x3c, 4, 0x80000000 },
		{ 0x40, 4, UINT32_MAX }, { 0x44, 4, UINT32_MAX }, { 0x48, 4, 0x20000000 }, { 0x4c, 4, 0x40000000 },
		{ 0x4c, 4, UINT32_MAX }, { 0x08, 4, 0x80746f73 }, { 0x08, 4, 0x736f0a72 },
	};
	_cleanup_cell_config_ CellConfig *cell = test_cell(cell_text, NULL);
	_cleanup_free_ uint8_t *blob = NULL, *changed = NULL;
	size_t size;

	(void)state;
	assert_int_equal(cell_config_to_blob(cell, &blob, &size), 0);
	changed = malloc(size);
	for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
		memcpy(changed, blob, size);
		put_fields(changed, &wrong[i], 1);
		assert_refused(changed, size, false);
	}
	memcpy(changed, blob, size);
	memset(changed + 0x08, 'a', 32);
	assert_refused(changed, size, false);
}

static void test_too_large(void **state)
{
	_cleanup_cell_config_ CellConfig *cell = test_cell(cell_text, NULL);
	_cleanup_free_ uint8_t *blob = NULL, *longer = calloc(1, CONFIG_BLOB_MAX_BYTES + 1);
	size_t size;

	(void)state;
	assert_int_equal(cell_config_to_blob(cell, &blob, &size), 0);
	memcpy(longer, blob, size);
	assert_refused(longer, CONFIG_BLOB_MAX_BYTES + 1, false);
}

/** A name longer than its field is an error, not a cut. */
static void test_long_name(void **state)
{
	_cleanup_free_ char *text = test_replace(cell_text, "\"rtos\"", "\"01234567890123456789012345678901\"");
	_cleanup_cell_config_ CellConfig *cell = test_cell(text, NULL);
	uint8_t *blob = NULL;
	size_t size;

	(void)state;
	assert_int_equal(cell_config_to_blob(cell, &blob, &size), -E2BIG);
	assert_null(blob);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cell_bytes),	  cmocka_unit_test(test_system_bytes),
		cmocka_unit_test(test_any_cell_survives), cmocka_unit_test(test_any_system_survives),
		cmocka_unit_test(test_truncated),	  cmocka_unit_test(test_wrong_headers),
		cmocka_unit_test(test_too_large),	  cmocka_unit_test(test_long_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
