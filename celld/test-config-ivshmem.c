/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of what the checker says about ivshmem links: between a cell and root, and between two cells.
 */
#include "test-config.h"

typedef struct LinkCase {
	const char *find, *with, *expected;
} LinkCase;

static const char machine_text[] =
	"{\n"
	"  \"hypervisor_memory\": { \"phys\": \"0x3a000000\", \"size\": \"6M\" },\n"
	"  \"root_cell\": {\n"
	"    \"name\": \"root\", \"cpus\": \"0-3\",\n"
	"    \"memory\": [\n"
	"      { \"phys\": 0, \"size\": \"928M\", \"flags\": [\"read\", \"write\", \"execute\"] },\n"		/* 6 */
	"      { \"phys\": \"0x3b000000\", \"size\": \"4K\", \"flags\": [\"read\"] },\n"			/* 7 */
	"      { \"phys\": \"0x3b001000\", \"size\": \"8K\", \"flags\": [\"read\", \"write\"] },\n"		/* 8 */
	"      { \"phys\": \"0x3b003000\", \"size\": \"4K\", \"flags\": [\"read\", \"write\"] },\n"		/* 9 */
	"      { \"phys\": \"0x3b004000\", \"size\": \"4K\", \"flags\": [\"read\"] },\n"			/* 10 */
	"      { \"phys\": \"0x3c000000\", \"size\": \"8M\", \"flags\": [\"read\", \"write\", \"execute\"] }\n" /* 11 */
	"    ],\n"
	"    \"pci_devices\": [{ \"type\": \"ivshmem\", \"address\": \"0000:00:0e.0\", \"bar_masks\": "
	"[\"0xfffff000\"],\n"
	"      \"shmem_regions_start\": 1, \"shmem_dev_id\": 0, \"shmem_peers\": 2 }]\n" /* 14 */
	"  }\n"
	"}\n";

static const char link_text[] =
	"{\n"
	"  \"name\": \"one\", \"cpus\": \"3\",\n"
	"  \"memory\": [\n"
	"    { \"phys\": \"0x3c000000\", \"virt\": 0, \"size\": \"1M\", \"flags\": [\"read\", \"write\", \"execute\", "
	"\"loadable\"] },\n" /* 4 */
	"    { \"virt\": \"0x100000\", \"size\": \"4K\", \"flags\": [\"read\", \"write\", \"comm-region\"] },\n"
	"    { \"phys\": \"0x3b000000\", \"virt\": \"0x1000000\", \"size\": \"4K\", \"flags\": [\"rootshared\", "
	"\"read\"] },\n"
	"    { \"phys\": \"0x3b001000\", \"virt\": \"0x1001000\", \"size\": \"8K\", \"flags\": [\"rootshared\", "
	"\"read\", \"write\"] },\n"
	"    { \"phys\": \"0x3b003000\", \"virt\": \"0x1003000\", \"size\": \"4K\", \"flags\": [\"rootshared\", "
	"\"read\"] },\n"
	"    { \"phys\": \"0x3b004000\", \"virt\": \"0x1004000\", \"size\": \"4K\", \"flags\": [\"rootshared\", "
	"\"read\", \"write\"] }\n"
	"  ],\n"
	"  \"pci_devices\": [{ \"type\": \"ivshmem\", \"address\": \"0000:00:0e.0\",\n" /* 11 */
	"    \"bar_masks\": [\"0xfffff000\", \"0xffff0000\"], \"num_msix_vectors\": 2,\n"
	"    \"shmem_regions_start\": 2,\n"
	"    \"shmem_dev_id\": 1,\n"
	"    \"shmem_peers\": 2 }],\n" /* 15 */
	"  \"images\": [{ \"path\": \"/a\" }]\n"
	"}\n";

static const LinkCase root_cases[] = {
	{ "\"one\"", "\"one\"", "" },
	{ "\"shmem_dev_id\": 1", "\"shmem_dev_id\": 0",
	  "one.json:11: pci_devices[0]: has the same peer number as root_cell.pci_devices[0] (system.json:13)" },
	{ "\"shmem_peers\": 2", "\"shmem_peers\": 1",
	  "one.json:14: pci_devices[0].shmem_dev_id: must be below the 1 peers\n"
	  "one.json:15: pci_devices[0].shmem_peers: is 1, but 2 at root_cell.pci_devices[0].shmem_peers "
	  "(system.json:14)" },
	{ "\"shmem_regions_start\": 2", "\"shmem_regions_start\": 3",
	  "one.json:13: pci_devices[0].shmem_regions_start: needs 7 memory regions, there are 6" },
	{ "[\"0xfffff000\", \"0xffff0000\"]", "[\"0xffffff00\", \"0xf0ff0000\"]",
	  "one.json:12: pci_devices[0].bar_masks: mask 0 is 0xffffff00, which is no size of whole pages, as "
	  "0xfffff000\n"
	  "one.json:12: pci_devices[0].bar_masks: mask 1 is 0xf0ff0000, which is no size of whole pages, as "
	  "0xfffff000" },
	{ "[\"0xfffff000\", \"0xffff0000\"]", "[\"0xfffff000\"]",
	  "one.json:12: pci_devices[0].bar_masks: mask 1 is 0x0, which is no size of whole pages, as 0xfffff000" },
	{ "\"0x1003000\"", "\"0x2003000\"",
	  "one.json:8: memory[4].virt: must be 0x1003000, where the region before it ends: they are shared by "
	  "pci_devices[0] (line 11)" },
	{ "\"0x1004000\", \"size\": \"4K\"", "\"0x1004000\", \"size\": \"8K\"",
	  "one.json:9: memory[5].flags: \"write\", but the root cell may not write it itself: root_cell.memory[4] "
	  "(system.json:10)\n"
	  "one.json:9: memory[5]: physical 0x3b004000-0x3b005fff is not the root cell's to give: 0x3b005000 is in no "
	  "region of root_cell.memory (system.json:5)\n"
	  "one.json:9: memory[5].size: is not that of the first output section, memory[4] (line 8)\n"
	  "one.json:9: memory[5]: is other memory than that of the same link, root_cell.memory[4] (system.json:10)" },
	{ "\"phys\": \"0x3b001000\"", "\"phys\": \"0x3c200000\"",
	  "one.json:7: memory[3]: is other memory than that of the same link, root_cell.memory[2] (system.json:8)" },
	{ "\"0x1000000\", \"size\": \"4K\", \"flags\": [\"rootshared\"",
	  "\"0x1000000\", \"size\": \"4K\", \"flags\": [\"write\", \"rootshared\"",
	  "one.json:6: memory[2].flags: \"write\", but the root cell may not write it itself: root_cell.memory[1] "
	  "(system.json:7)\n"
	  "one.json:6: warning: memory[2].flags: \"write\" lets the cell forge states of other peers of pci_devices[0] "
	  "(line 11)" },
	{ "\"0x1003000\", \"size\": \"4K\", \"flags\": [\"rootshared\"",
	  "\"0x1003000\", \"size\": \"4K\", \"flags\": [\"write\"",
	  "one.json:8: memory[4].flags: no \"rootshared\", but the root cell shares it by ivshmem: root_cell.memory[3] "
	  "(system.json:9)" },
};

static void test_with_root(void **state)
{
	_cleanup_system_config_ SystemConfig *system = test_system(machine_text);

	(void)state;
	for (size_t i = 0; i < ELEMENTSOF(root_cases); i++) {
		_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
		_cleanup_free_ char *text = test_replace(link_text, root_cases[i].find, root_cases[i].with);
		_cleanup_cell_config_ CellConfig *cell = test_cell(text, "one.json");

		config_check_cell(cell, system, &problems);
		test_expect(&problems, root_cases[i].expected);
	}
}

static const LinkCase peer_cases[] = {
	{ "\"two\"", "\"two\"", "" },
	{ "\"shmem_dev_id\": 0", "\"shmem_dev_id\": 1",
	  "two.json:11: pci_devices[0]: has the same peer number as pci_devices[0] of cell \"one\" (one.json:11)" },
	{ "\"shmem_peers\": 2", "\"shmem_peers\": 3",
	  "two.json:15: pci_devices[0].shmem_peers: is 3, but 2 at pci_devices[0].shmem_peers of cell \"one\" "
	  "(one.json:15)" },
	{ "\"phys\": \"0x3b004000\"", "\"phys\": \"0x3b006000\"",
	  "two.json:9: memory[5]: is other memory than that of the same link, memory[5] of cell \"one\" (one.json:9)" },
	{ "\"ivshmem\"", "\"device\"", "" },
};

/** test_between_cells - the second is as the first, but for its name, CPU, own memory, and number */
static void test_between_cells(void **state)
{
	_cleanup_cell_config_ CellConfig *one = test_cell(link_text, "one.json");
	_cleanup_free_ char *a = test_replace(link_text, "\"one\", \"cpus\": \"3\"", "\"two\", \"cpus\": \"2\""),
			    *b = test_replace(a, "0x3c000000", "0x3c100000"),
			    *two_text = test_replace(b, "\"shmem_dev_id\": 1", "\"shmem_dev_id\": 0");

	(void)state;
	for (size_t i = 0; i < ELEMENTSOF(peer_cases); i++) {
		_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
		_cleanup_free_ char *text = test_replace(two_text, peer_cases[i].find, peer_cases[i].with);
		_cleanup_cell_config_ CellConfig *two = test_cell(text, "two.json");

		config_check_conflict(two, one, CONFIG_ERROR, &problems);
		test_expect(&problems, peer_cases[i].expected);
	}
}

/** test_machine - root's own device is judged as any */
static void test_machine(void **state)
{
	static const LinkCase cases[] = {
		{ "\"8M\"", "\"8M\"", "" },
		{ "\"shmem_dev_id\": 0", "\"shmem_dev_id\": 2",
		  "system.json:14: root_cell.pci_devices[0].shmem_dev_id: must be below the 2 peers" },
		{ "\"shmem_regions_start\": 1", "\"shmem_regions_start\": 0",
		  "system.json:6: warning: root_cell.memory[0].flags: \"write\" lets the cell forge states of other "
		  "peers "
		  "of root_cell.pci_devices[0] (line 13)\n"
		  "system.json:7: root_cell.memory[1].virt: must be 0x3a000000, where the region before it ends: they "
		  "are "
		  "shared by root_cell.pci_devices[0] (line 13)\n"
		  "system.json:8: root_cell.memory[2].virt: must be 0x3a001000, where the region before it ends: they "
		  "are "
		  "shared by root_cell.pci_devices[0] (line 13)\n"
		  "system.json:9: root_cell.memory[3].virt: must be 0x3a003000, where the region before it ends: they "
		  "are "
		  "shared by root_cell.pci_devices[0] (line 13)\n"
		  "system.json:9: root_cell.memory[3].size: is not that of the first output section, "
		  "root_cell.memory[2] "
		  "(line 8)" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
		_cleanup_free_ char *text = test_replace(machine_text, cases[i].find, cases[i].with);
		_cleanup_system_config_ SystemConfig *system = test_system(text);

		config_check_system(system, &problems);
		test_expect(&problems, cases[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_with_root),
		cmocka_unit_test(test_between_cells),
		cmocka_unit_test(test_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
