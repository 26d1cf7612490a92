/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of reading and writing JSON: values, defaults, errors with their lines, files.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "test-config.h"

static void test_cell_values(void **state)
{
	_cleanup_cell_config_ CellConfig *cell = test_cell(cell_text, "cells/rtos.json");
	_cleanup_free_ char *cpus = cpu_set_to_string(&cell->cpus);

	(void)state;
	assert_string_equal(cell->name, "rtos");
	assert_string_equal(cell_config_path(cell), "cells/rtos.json");
	assert_int_equal(cell->flags, CELL_CONFIG_CONSOLE_PERMITTED);
	assert_string_equal(cpus, "2-3");
	assert_int_equal(cell->cpus.size_bytes, 8);
	assert_int_equal(cell->n_memory, 4);
	assert_int_equal(cell->memory[0].phys_start, 0x3a600000);
	assert_int_equal(cell->memory[0].virt_start, 0);
	assert_int_equal(cell->memory[1].flags, MEMORY_READ | MEMORY_WRITE | MEMORY_COMM_REGION);
	assert_int_equal(cell->memory[3].virt_start, 0x70000000);
	assert_int_equal(cell->irqchips[0].pin_map[0], 1U << 4 | 1U << 16 | 1U << 17);
	assert_int_equal(cell->ports[1].base, 0x3e8);
	assert_int_equal(cell->ports[1].length, 8);
	assert_int_equal(cell->pci_devices[0].bdf, 3 << 3);
	assert_int_equal(cell->msg_reply_timeout, 1000000);
	assert_int_equal(cell->program.n_images, 1);
	assert_string_equal(cell->program.images[0].path, "/usr/lib/celld/inmates/rtos.bin");
	assert_string_equal(cell->program.command_line, "beat=100");
	assert_int_equal(cell->fallback.n_images, 0);
	assert_string_equal(cell_config_command_line(cell, true), "beat=100");
	assert_int_equal(cell->supervision.restart, RESTART_ON_FAILURE);
	assert_int_equal(cell->supervision.heartbeat_timeout_usec, 500000);
	assert_int_equal(cell->supervision.on_failure, FAILURE_ACTION_FAIL_UNIT);
}

static void test_forms(void **state)
{
	_cleanup_cell_config_ CellConfig *cell = test_cell(
		"{\"comment\": \"x\", \"cpus\": [1, \"3-4\", 70], \"memory\": [], \"flags\": [\"passive-comm-region\", "
		"\"0x100\"],"
		"\"ports\": [\"0x70\", 8, {\"base\": \"0xfff0\", \"length\": 0}], \"stream_ids\": [1, \"0xffffffff\"],"
		"\"irqchips\": [{\"address\": 1, \"pin_base\": 32, \"pins\": [32, \"40-159\"]}],"
		"\"supervision\": {\"Restart\": \"always\", \"StartupTimeoutUSec\": \"infinity\", \"RestartUSec\": 7}}",
		"/etc/celld/cells/gps.json");
	_cleanup_free_ char *cpus = cpu_set_to_string(&cell->cpus);

	(void)state;
	assert_string_equal(cell->name, "gps");
	assert_string_equal(cpus, "1,3-4,70");
	assert_int_equal(cell->cpus.size_bytes, 16);
	assert_int_equal(cpu_set_count(&cell->cpus), 4);
	assert_int_equal(cell->flags, CELL_CONFIG_PASSIVE_COMMREG | 0x100);
	assert_int_equal(cell->msg_reply_timeout, 0);
	assert_int_equal(cell->ports[0].base, 0x70);
	assert_int_equal(cell->ports[0].length, 1);
	assert_int_equal(cell->ports[1].base, 8);
	assert_int_equal(cell->ports[2].length, 0);
	assert_int_equal(cell->stream_ids[1], UINT32_MAX);
	assert_int_equal(cell->irqchips[0].pin_map[0], 0xffffff01);
	assert_int_equal(cell->irqchips[0].pin_map[3], UINT32_MAX);
	assert_int_equal(cell->supervision.startup_timeout_usec, USEC_INFINITY);
	assert_int_equal(cell->supervision.restart_usec, 7);
}

static void test_system_values(void **state)
{
	_cleanup_system_config_ SystemConfig *system = test_system(system_text);

	(void)state;
	assert_int_equal(system->arch, CONFIG_ARCH_X86);
	assert_int_equal(system->flags, SYSTEM_CONFIG_VIRTUAL_CONSOLE);
	assert_int_equal(system->hypervisor_memory.phys_start, 0x3a000000);
	assert_int_equal(system->hypervisor_memory.size, 6 << 20);
	assert_int_equal(system->debug_console.type, CONSOLE_TYPE_8250);
	assert_int_equal(system->mmconfig_end_bus, 31);
	assert_int_equal(system->iommu[0].type, 1);
	assert_int_equal(system->iommu[0].size, 512 << 10);
	assert_int_equal(system->x86.pm_timer_port, 0x608);
	assert_string_equal(system->root.name, "RootCell");
	assert_int_equal(cpu_set_count(&system->root.cpus), 4);
	assert_int_equal(system->root.memory[1].virt_start, 0x3a600000);
}

static void test_iommu_types(void **state)
{
	static const char *const names[] = { "amd", "intel" };
	const char *type = strstr(system_text, "\"amd\"");

	(void)state;
	assert_non_null(type);
	for (size_t i = 0; i < ELEMENTSOF(names); i++) {
		_cleanup_system_config_ SystemConfig *system = NULL;
		_cleanup_free_ char *text = NULL;

		assert_true(asprintf(&text, "%.*s\"%s\"%s", (int)(type - system_text), system_text, names[i],
				     type + 5) > 0);
		system = test_system(text);
		assert_int_equal(system->iommu[0].type, i + 1);
	}
}

static void test_console_types(void **state)
{
	static const char *const names[] = { "none",  "efifb", "8250", "pl011",	     "xuartps", "mvebu",
					     "hscif", "scifa", "imx",  "imx-lpuart", "scif" };

	(void)state;
	for (size_t i = 0; i < ELEMENTSOF(names); i++) {
		_cleanup_cell_config_ CellConfig *cell = NULL;
		_cleanup_free_ char *text = NULL;

		assert_true(asprintf(&text, "{\"cpus\": 1, \"memory\": [], \"console\": {\"type\": \"%s\"}}",
				     names[i]) > 0);
		cell = test_cell(text, "c.json");
		assert_int_equal(cell->console.type, i);
	}
}

/* Texts that must not be read, and every problem that must be told. "{" stands for the rest of a sound cell. */
static const struct {
	const char *text, *expected;
} bad_texts[] = {
	{ "", "c.json:1: expected a value, found end of file" },
	{ "{\n\"name\": \"a\"", "c.json:2: expected ',' or '}', found end of file" },
	{ "{}\n\nx", "c.json:3: expected the end of the file, found 'x'" },
	{ "[1]", "c.json:1: expected an object, found array" },
	{ "null", "c.json:1: expected an object, found null" },
	{ "{\n// no\n}", "c.json:2: expected a string, found a comment (JSON has none; use a \"comment\" key)" },
	{ "{\"cpus\": 1,}", "c.json:1: ',' before '}'" },
	{ "{\"cpus\": [1,]}", "c.json:1: cpus: ',' before ']'" },
	{ "{\"cpus\" 1}", "c.json:1: expected ':' behind key \"cpus\", found '1'" },
	{ "{\"cpus\": 0x10}", "c.json:1: cpus: hexadecimal numbers need quotes, as in \"0x1000\"" },
	{ "{\"cpus\": 010}", "c.json:1: cpus: number with leading zero" },
	{ "{\"cpus\": -}", "c.json:1: cpus: expected a digit, found '}'" },
	{ "{\"cpus\": 1.}", "c.json:1: cpus: expected a digit behind the point" },
	{ "{\"cpus\": 1e}", "c.json:1: cpus: exponent without digits" },
	{ "{\"cpus\": 18446744073709551616}", "c.json:1: cpus: number does not fit into 64 bits" },
	{ "{\"cpus\": tru}", "c.json:1: cpus: expected a value, found 't'" },
	{ "{\"cpus\": \"1}", "c.json:1: cpus: string without end" },
	{ "{\"cpus\": \"1\n\"}", "c.json:1: cpus: string without end" },
	{ "{\"cpus\": \"\t\"}", "c.json:1: cpus: control character in string" },
	{ "{\"cpus\": \"\\x\"}", "c.json:1: cpus: unknown escape in string" },
	{ "{\"cpus\": \"\\u12\"}", "c.json:1: cpus: \\u needs four hexadecimal digits" },
	{ "{\"cpus\": \"a\\u0000b\"}", "c.json:1: cpus: NUL character in string" },
	{ "{\"cpus\": \"\xc0\xaf\"}", "c.json:1: cpus: string is not valid UTF-8" },
	{ "{\"cpus\": \"\xed\xa0\x80\"}", "c.json:1: cpus: string is not valid UTF-8" },
	{ "{\"cpus\": \"\xe2\x82\"}", "c.json:1: cpus: string is not valid UTF-8" },
	{ "{\"c\\u0070us\": 1}", "c.json:1: key with an escape" },
	{ "{\"0123456789012345678901234567890123456789012345678901234567890123456789\": 1}",
	  "c.json:1: key longer than 64 bytes" },
	{ "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]",
	  "c.json:1: [0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: nested deeper than 16" },
	{ "{\"cpus\": 1, \"memory\": [],\n\"cpus\": 2}", "c.json:2: cpus: key given twice, first in line 1" },
	{ "{}", "c.json:1: key \"cpus\" is missing\nc.json:1: key \"memory\" is missing" },
	{ "{\"cpus\": 1,\n\"memroy\": []}",
	  "c.json:2: memroy: unknown key, did you mean \"memory\"?\nc.json:1: key \"memory\" is missing" },
	{ "{\"cpus\": 1, \"memory\": [],\n\"supervision\": {\n\"RestartSec\": 1}}",
	  "c.json:3: supervision.RestartSec: unknown key, did you mean \"RestartUSec\"?" },
	{ "{\"cpus\": -1, \"memory\": []}", "c.json:1: cpus: number out of range, the largest is 0x7fff" },
	{ "{\"cpus\": 1.5, \"memory\": []}",
	  "c.json:1: cpus: expected a number, a string as \"1-3,5\" or an array of them, found double" },
	{ "{\"cpus\": [[1]], \"memory\": []}",
	  "c.json:1: cpus[0]: expected a number, a string as \"1-3,5\" or an array of them, found array" },
	{ "{\"cpus\": \"1-x\", \"memory\": []}", "c.json:1: cpus: \"1-x\" is neither a number nor a range as \"1-3\"" },
	{ "{\"cpus\": \"3-1\", \"memory\": []}", "c.json:1: cpus: \"3-1\" ends before it starts" },
	{ "{\"cpus\": \"32768\", \"memory\": []}", "c.json:1: cpus: \"32768\" is out of range, the largest is 32767" },
	{ "{\"cpus\": 9, \"cpu_set_bytes\": 1, \"memory\": []}", "c.json:1: cpu_set_bytes: 1 bytes do not hold CPU 9" },
	{ "{\"cpus\": 1, \"memory\": {}}", "c.json:1: memory: expected an array, found object" },
	{ "{\"cpus\": 1, \"memory\": [\n{\"phys\": \"1M\",\n\"size\": \"1X\",\n\"flags\": [\"red\", \"read\", "
	  "\"read\", 5]}]}",
	  "c.json:2: memory[0].phys: expected a whole number or a string as \"0x1000\"\n"
	  "c.json:3: memory[0].size: expected a whole number or a string as \"76M\"\n"
	  "c.json:4: memory[0].flags[0]: unknown value \"red\", did you mean \"read\"?\n"
	  "c.json:4: memory[0].flags[2]: \"read\" given twice\n"
	  "c.json:4: memory[0].flags[3]: expected a string" },
	{ "{\"cpus\": 1, \"memory\": [{\"size\": 1}]}", "c.json:1: memory[0]: key \"phys\" is missing" },
	{ "{\"cpus\": 1, \"memory\": [], \"ports\": [\"\", \"1,2\", [1], \"0-0xffff\"]}",
	  "c.json:1: ports[0]: no port\n"
	  "c.json:1: ports[1]: one range of at most 65535 ports is possible here\n"
	  "c.json:1: ports[2]: expected an object or a string as \"0x3f8-0x3ff\", found array\n"
	  "c.json:1: ports[3]: one range of at most 65535 ports is possible here" },
	{ "{\"cpus\": 1, \"memory\": [], \"irqchips\": [{\"address\": 0, \"pin_base\": 32, \"pins\": \"31\"}]}",
	  "c.json:1: irqchips[0].pins: pins must lie within the 128 from pin_base 32" },
	{ "{\"cpus\": 1, \"memory\": [], \"pci_devices\": [{\"type\": \"devise\", \"address\": \"0:0:32.0\"}]}",
	  "c.json:1: pci_devices[0].type: unknown value \"devise\", did you mean \"device\"?\n"
	  "c.json:1: pci_devices[0].address: expected a PCI address as \"0000:00:1f.2\"" },
	{ "{\"cpus\": 1, \"memory\": [], \"images\": [{\"path\": \"/a\", \"string\": \"b\"}, {}]}",
	  "c.json:1: images[0]: an image has either a \"path\" or a \"string\"\n"
	  "c.json:1: images[1]: an image has either a \"path\" or a \"string\"" },
	{ "{\"cpus\": 1, \"memory\": [], \"images\": [{\"path\": \"/a\", \"sha256\": \"ABC\"}], \"command_line\": 3}",
	  "c.json:1: images[0]: \"sha256\" must be 64 lower case hexadecimal digits\n"
	  "c.json:1: command_line: expected a string, found int" },
	{ "{\"cpus\": 1, \"memory\": [], \"images\": [{\"type\": \"linux\", \"string\": \"b\", \"initrd_sha256\": "
	  "\"0\"}, "
	  "{\"type\": \"linux\", \"path\": \"/k\", \"address\": 4096}, {\"path\": \"/k\", \"initrd\": \"/i\"}, "
	  "{\"path\": \"/k\", \"loader\": \"/l\"}, {\"type\": \"linus\", \"path\": \"/k\"}]}",
	  "c.json:1: images[0]: \"initrd_sha256\" must be 64 lower case hexadecimal digits\n"
	  "c.json:1: images[0]: \"initrd_sha256\" belongs to a \"initrd\"\n"
	  "c.json:1: images[0]: \"string\" does not go with \"type\": \"linux\"\n"
	  "c.json:1: images[1]: \"address\" does not go with \"type\": \"linux\"\n"
	  "c.json:1: images[2]: \"initrd\" belongs to \"type\": \"linux\"\n"
	  "c.json:1: images[3]: \"loader\" belongs to \"type\": \"linux\"\n"
	  "c.json:1: images[4].type: unknown value \"linus\", did you mean \"linux\"?" },
	{ "{\"cpus\": 1, \"memory\": [], \"supervision\": {\"Restart\": \"on-abort\", \"RestartUSec\": \"soon\"}}",
	  "c.json:1: supervision.Restart: unknown value \"on-abort\"\n"
	  "c.json:1: supervision.RestartUSec: expected a whole number or a string as \"500ms\"" },
	{ "{\"cpus\": 1, \"memory\": [], \"id\": 4294967296, \"flags\": 7, \"reserved\": {\"header\": \"00\"}}",
	  "c.json:1: id: number out of range, the largest is 0xffffffff\n"
	  "c.json:1: flags: expected a list of strings, found int\n"
	  "c.json:1: reserved.header: expected a string of 16 hexadecimal digits" },
};

static void test_bad_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTSOF(bad_texts); i++) {
		_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
		_cleanup_cell_config_ CellConfig *cell = NULL;

		print_message("# text %zu\n", i);
		assert_int_equal(
			cell_config_parse(bad_texts[i].text, strlen(bad_texts[i].text), "c.json", &problems, &cell),
			-EINVAL);
		assert_null(cell);
		test_expect(&problems, bad_texts[i].expected);
	}
}

/** A file that ends anywhere, or has one byte replaced, is read or refused; never more. */
static void test_damaged_texts(void **state)
{
	static const char bytes[] = { 0, '"', '{', '[', ',', '\\', '\xff', '9' };
	char text[sizeof(cell_text)];
	size_t n_refused = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cell_text) - 1; i++)
		for (size_t j = 0; j <= sizeof(bytes); j++) {
			_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
			_cleanup_cell_config_ CellConfig *cell = NULL;
			size_t size = j < sizeof(bytes) ? sizeof(cell_text) - 1 : i;
			int r;

			memcpy(text, cell_text, sizeof(text));
			if (j < sizeof(bytes))
				text[i] = bytes[j];
			r = cell_config_parse(text, size, NULL, &problems, &cell);
			assert_true(r == 0 || r == -EINVAL);
			assert_true((r == 0) == (cell != NULL) && (r == 0) == (problems.n_errors == 0));
			n_refused += r < 0;
			if (j == sizeof(bytes) && i < sizeof(cell_text) - 2)
				assert_int_equal(r, -EINVAL);
		}
	assert_true(n_refused > sizeof(cell_text));
}

static void test_system_errors(void **state)
{
	static const struct {
		const char *find, *with, *expected;
	} cases[] = {
		{ "\"x86\": {", "\"arm\": {", "system.json:8: arm: does not belong to this architecture" },
		{ "\"architecture\": \"x86\"", "\"architecture\": \"arm64\"",
		  "system.json:8: x86: does not belong to this architecture" },
		{ "\"size\": \"512K\"", "\"pvu\": {}",
		  "system.json:7: iommu[0].pvu: does not belong to a unit of this type" },
		{ "[{\"type\": \"amd\"",
		  "[{\"type\": 1}, {\"type\": 1}, {\"type\": 1}, {\"type\": 1}, {\"type\": 1}, {\"type\": 1}, "
		  "{\"type\": 1},"
		  "{\"type\": 1}, {\"type\": 1",
		  "system.json:7: iommu: 9 elements, at most 8 are possible" },
		{ "    \"cpus\": \"0-3\",\n", "    \"images\": [],\n",
		  "system.json:10: root_cell.images: unknown key\nsystem.json:9: root_cell: key \"cpus\" is missing" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
		_cleanup_system_config_ SystemConfig *system = NULL;
		_cleanup_free_ char *text = test_replace(system_text, cases[i].find, cases[i].with);

		assert_int_equal(system_config_parse(text, strlen(text), "system.json", &problems, &system), -EINVAL);
		test_expect(&problems, cases[i].expected);
	}
}

static void test_fallback(void **state)
{
	_cleanup_cell_config_ CellConfig *cell = test_cell("{\"cpus\": 1, \"memory\": [], \"images\": [{\"path\": "
							   "\"/a\"}], \"fallback_images\": [{\"path\": \"/b\"}, "
							   "{\"string\": \"c\", \"address\": 9}], \"command_line\": "
							   "\"fast\", \"fallback_command_line\": \"safe\", "
							   "\"supervision\": {\"FallbackAfterFailures\": 3}}",
							   "rtos.json");
	_cleanup_cell_config_ CellConfig *again = NULL;
	_cleanup_free_ char *json = NULL;
	_cleanup_free_ uint8_t *blob = NULL, *blob_without = NULL;
	size_t size, size_without;

	(void)state;
	assert_int_equal(cell_config_to_json(cell, &json), 0);
	again = test_cell(json, NULL);
	assert_int_equal(again->fallback.n_images, 2);
	assert_string_equal(again->fallback.images[0].path, "/b");
	assert_string_equal(again->fallback.images[1].string, "c");
	assert_string_equal(cell_config_command_line(again, false), "fast");
	assert_string_equal(cell_config_command_line(again, true), "safe");
	assert_int_equal(again->supervision.fallback_after_failures, 3);

	/* The hypervisor knows nothing of it. */
	assert_int_equal(cell_config_to_blob(cell, &blob, &size), 0);
	again->fallback.n_images = 0;
	assert_int_equal(cell_config_to_blob(again, &blob_without, &size_without), 0);
	assert_int_equal(size, size_without);
	assert_memory_equal(blob, blob_without, size);
	again->fallback.n_images = 2;
}

static void test_linux(void **state)
{
	static const char digest[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	_cleanup_free_ char *text = NULL, *json = NULL;
	_cleanup_cell_config_ CellConfig *cell = NULL, *again = NULL;
	const CellImage *image;

	(void)state;
	assert_true(
		asprintf(&text,
			 "{\"cpus\": 1, \"memory\": [], \"images\": [{\"string\": \"a\", \"address\": 9}, {\"type\": "
			 "\"linux\", \"path\": \"/k\", \"sha256\": \"%s\", \"initrd\": \"/i\", \"initrd_sha256\": "
			 "\"%s\", \"loader\": \"/l\"}], \"command_line\": \"quiet\"}",
			 digest, digest) > 0);
	cell = test_cell(text, "linux.json");
	assert_int_equal(cell_config_to_json(cell, &json), 0);
	again = test_cell(json, NULL);
	image = cell_program_linux(&again->program);
	assert_ptr_equal(image, &again->program.images[1]);
	assert_string_equal(image->path, "/k");
	assert_string_equal(image->sha256, digest);
	assert_string_equal(image->initrd, "/i");
	assert_string_equal(image->initrd_sha256, digest);
	assert_string_equal(image->loader, "/l");
	assert_null(cell_program_linux(&again->fallback));
	assert_int_equal(again->program.images[0].type, CELL_IMAGE_PLAIN);
}

/** What is written reads back to the same bytes, and is written the same again. */
static void test_written_reads_back(void **state)
{
	_cleanup_cell_config_ CellConfig *cell = test_cell(cell_text, NULL), *again = NULL;
	_cleanup_system_config_ SystemConfig *system = test_system(system_text), *system_again = NULL;
	_cleanup_free_ char *first = NULL, *second = NULL, *third = NULL, *fourth = NULL;
	_cleanup_free_ uint8_t *blob = NULL, *blob_again = NULL;
	size_t size, size_again;

	(void)state;
	assert_int_equal(cell_config_to_json(cell, &first), 0);
	again = test_cell(first, NULL);
	assert_int_equal(cell_config_to_json(again, &second), 0);
	assert_string_equal(first, second);
	assert_memory_equal(&cell->supervision, &again->supervision, sizeof(cell->supervision));
	assert_int_equal(again->program.n_images, 1);
	assert_string_equal(again->program.command_line, "beat=100");
	assert_int_equal(cell_config_to_blob(cell, &blob, &size), 0);
	assert_int_equal(cell_config_to_blob(again, &blob_again, &size_again), 0);
	assert_int_equal(size, size_again);
	assert_memory_equal(blob, blob_again, size);

	assert_int_equal(system_config_to_json(system, &third), 0);
	system_again = test_system(third);
	assert_int_equal(system_config_to_json(system_again, &fourth), 0);
	assert_string_equal(third, fourth);
}

static void write_file(const char *dir, const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(dir, name);
	_cleanup_fclose_ FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
}

static void make_folder(const char *dir)
{
	_cleanup_free_ char *cells = path_join(dir, "cells");

	assert_int_equal(mkdir(dir, 0755), 0);
	assert_int_equal(mkdir(cells, 0755), 0);
}

static void test_files(void **state)
{
	char top[] = "/tmp/celld-test-XXXXXX";
	_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
	_cleanup_free_ char *etc = NULL, *usr = NULL, *command = NULL, *expected = NULL, *environment = NULL;
	_cleanup_free_ char *other = test_replace(cell_text, "\"cpus\": \"2-3\"", "\"cpus\": 1");
	_cleanup_cell_config_ CellConfig *cell = NULL;
	_cleanup_system_config_ SystemConfig *machine = NULL;
	_cleanup_strv_ char **names = NULL;

	(void)state;
	assert_non_null(mkdtemp(top));
	etc = path_join(top, "etc");
	usr = path_join(top, "usr");
	make_folder(etc);
	make_folder(usr);
	write_file(usr, "system.json", system_text);
	write_file(usr, "cells/rtos.json", cell_text);
	write_file(etc, "cells/rtos.json", other);
	write_file(usr, "cells/alias.json", cell_text);
	write_file(usr, "cells/.hidden.json", cell_text);
	write_file(usr, "cells/README", "");

	char *dirs[] = { etc, (char *)"/nonexistent", usr, NULL };

	assert_int_equal(config_list_cells(dirs, &names), 0);
	assert_int_equal(strv_length(names), 2);
	assert_string_equal(names[0], "alias");
	assert_string_equal(names[1], "rtos");
	assert_int_equal(cell_config_load(dirs, "rtos", &problems, &cell), 0);
	assert_int_equal(cpu_set_count(&cell->cpus), 1);
	assert_int_equal(system_config_load(dirs, &problems, &machine), 0);

	cell = cell_config_free(cell);
	assert_int_equal(asprintf(&environment, "/nonexistent:%s", usr) > 0, 1);
	assert_int_equal(setenv(CONFIG_DIRS_ENVIRONMENT, environment, 1), 0);
	assert_int_equal(cell_config_load(NULL, "rtos", &problems, &cell), 0);
	assert_int_equal(cpu_set_count(&cell->cpus), 2);
	cell = cell_config_free(cell);

	/* What celld itself would read must be root's; what somebody names is up to him. */
	assert_true(asprintf(&command, "chmod o+w %s/cells/rtos.json", usr) > 0);
	assert_int_equal(system(command), 0);
	assert_int_equal(cell_config_load(NULL, "rtos", &problems, &cell), -EINVAL);
	assert_true(asprintf(&expected,
			     "%s/cells/rtos.json: %s/cells/rtos.json may be written by others than root (mode 0646)",
			     usr, usr) > 0);
	test_expect(&problems, expected);
	config_problems_done(&problems);
	free(expected);
	free(command);
	assert_int_equal(cell_config_load(dirs, "rtos", &problems, &cell), 0);
	cell = cell_config_free(cell);

	/* An empty file hides what is below. */
	write_file(etc, "cells/rtos.json", "");
	names = strv_free(names);
	assert_int_equal(config_list_cells(dirs, &names), 0);
	assert_int_equal(strv_length(names), 1);
	assert_string_equal(names[0], "alias");
	assert_int_equal(cell_config_load(dirs, "rtos", &problems, &cell), -ERFKILL);
	assert_true(asprintf(&command, "ln -sf /dev/null %s/system.json", etc) > 0);
	assert_int_equal(system(command), 0);
	free(command);
	assert_int_equal(system_config_load(dirs, &problems, &machine), -ERFKILL);

	assert_int_equal(cell_config_load(dirs, "nobody", &problems, &cell), -ENOENT);
	assert_int_equal(cell_config_load(dirs, "../cells/rtos", &problems, &cell), -ENOENT);
	test_expect(&problems, "");
	assert_int_equal(cell_config_load(dirs, "alias", &problems, &cell), -EINVAL);
	assert_true(asprintf(&expected, "%s/cells/alias.json:2: name: is \"rtos\", but the file is for \"alias\"",
			     usr) > 0);
	test_expect(&problems, expected);
	config_problems_done(&problems);
	assert_int_equal(cell_config_load_file(top, &problems, &cell), -EINVAL);
	assert_int_equal(problems.n_errors, 1);

	assert_true(asprintf(&command, "rm -r %s", top) > 0);
	assert_int_equal(system(command), 0);
}

static void test_restart_delay(void **state)
{
	SupervisionPolicy policy;

	(void)state;
	supervision_policy_init(&policy);
	policy.restart_usec = 1000;
	policy.restart_max_usec = 16000;
	policy.restart_steps = 4;
	assert_int_equal(supervision_restart_delay(&policy, 0), 1000);
	assert_in_range(supervision_restart_delay(&policy, 1), 1999, 2001);
	assert_in_range(supervision_restart_delay(&policy, 3), 7999, 8001);
	assert_int_equal(supervision_restart_delay(&policy, 4), 16000);
	assert_int_equal(supervision_restart_delay(&policy, 4000000000), 16000);
	policy.restart_steps = 0;
	assert_int_equal(supervision_restart_delay(&policy, 9), 1000);
	policy.restart_usec = 0;
	policy.restart_steps = 4;
	assert_int_equal(supervision_restart_delay(&policy, 0), 0);
	for (unsigned i = 1; i < 5; i++)
		assert_true(supervision_restart_delay(&policy, i) >= supervision_restart_delay(&policy, i - 1));
	assert_int_equal(supervision_restart_delay(&policy, 4), 16000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cell_values),   cmocka_unit_test(test_forms),
		cmocka_unit_test(test_console_types), cmocka_unit_test(test_iommu_types),
		cmocka_unit_test(test_system_values), cmocka_unit_test(test_bad_texts),
		cmocka_unit_test(test_damaged_texts), cmocka_unit_test(test_system_errors),
		cmocka_unit_test(test_files),	      cmocka_unit_test(test_fallback),
		cmocka_unit_test(test_linux),	      cmocka_unit_test(test_written_reads_back),
		cmocka_unit_test(test_restart_delay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
