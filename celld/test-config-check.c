/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of the checker: for each rule one change that breaks it, and all that must be said about it.
 */
#include "test-config.h"

typedef struct CheckCase {
	const char *find, *with, *expected;
} CheckCase;

static void test_sound(void **state)
{
	_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
	_cleanup_system_config_ SystemConfig *system = test_system(system_text);
	_cleanup_cell_config_ CellConfig *cell = test_cell(cell_text, "rtos.json");

	(void)state;
	assert_int_equal(config_check_system(system, &problems), 0);
	assert_int_equal(config_check_cell(cell, system, &problems), 0);
	assert_int_equal(config_check_cell(cell, NULL, &problems), 0);
	test_expect(&problems, "");
}

static const CheckCase cell_cases[] = {
	/* names, CPUs, flags */
	{ "\"rtos\"", "\"-x\"",
	  "rtos.json:2: name: \"-x\" is not a cell name: 1 to 31 of A-Z a-z 0-9 . _ -, the first a letter or digit" },
	{ "\"rtos\"", "\"RootCell\"",
	  "rtos.json:2: name: is the name of the root cell, root_cell.name (system.json:9)" },
	{ "\"name\": \"rtos\"", "\"name\": \"rtos\", \"architecture\": \"arm64\"",
	  "rtos.json:2: architecture: is arm64, but the machine is x86" },
	{ "\"2-3\"", "\"\"", "rtos.json:4: cpus: no CPU" },
	{ "\"2-3\"", "\"0,3\"", "rtos.json:4: cpus: CPU 0 must stay with the root cell" },
	{ "\"2-3\"", "\"3-5\"",
	  "rtos.json:4: cpus: CPU 4 is not in root_cell.cpus (system.json:10)\n"
	  "rtos.json:4: cpus: CPU 5 is not in root_cell.cpus (system.json:10)" },
	{ "\"2-3\"", "\"0-3\"",
	  "rtos.json:4: cpus: CPU 0 must stay with the root cell\n"
	  "rtos.json:4: cpus: leaves no CPU to the root cell, root_cell.cpus (system.json:10)" },
	{ "[\"console-permitted\"]", "[\"0x1000\", \"aarch32\"]",
	  "rtos.json:3: flags: unknown bits 0x1000\nrtos.json:3: flags: \"aarch32\" is for architecture arm64" },
	{ "\"cpus\"", "\"id\": 3, \"cpus\"", "rtos.json:4: warning: id: must be 0, the kernel module chooses it" },
	{ "\"cpus\"", "\"msg_reply_timeout\": 0, \"cpus\"",
	  "rtos.json:4: msg_reply_timeout: 0 waits for ever on a silent cell; leave it out, or set the flag "
	  "\"passive-comm-region\"" },
	{ "\"cpus\"", "\"cpu_reset_address\": \"0x100000\", \"cpus\"",
	  "rtos.json:4: cpu_reset_address: 0x100000 lies in no region with \"execute\"" },
	{ "\"cpus\"", "\"cpu_reset_address\": \"0x100000000\", \"cpus\"",
	  "rtos.json:4: cpu_reset_address: 0x100000000 is beyond 4 GiB, where no x86 CPU starts\n"
	  "rtos.json:4: cpu_reset_address: 0x100000000 lies in no region with \"execute\"" },

	/* memory by itself */
	{ "[\"read\", \"write\", \"comm-region\"]", "[\"read\", \"write\", \"comm-region\", \"loadable\"]",
	  "rtos.json:7: memory[1].flags: a \"comm-region\" can only be read and written" },
	{ "\"4K\"", "\"8K\"", "rtos.json:7: memory[1]: a \"comm-region\" is exactly one page" },
	{ "\"size\": \"6M\", \"flags\": [\"read\"", "\"size\": \"4K\", \"flags\": [\"comm-region\", \"read\"",
	  "rtos.json:8: memory[2]: a second \"comm-region\", the first is memory[1] (line 7)" },
	{ "{\"virt\": \"0x100000\", \"size\": \"4K\", \"flags\": [\"read\", \"write\", \"comm-region\"]},\n", "",
	  "rtos.json:5: memory: no region with \"comm-region\"; without one the cell needs the flag "
	  "\"passive-comm-region\"\n"
	  "rtos.json:19: supervision.HeartbeatTimeoutUSec: heartbeats need a region with \"comm-region\" and "
	  "\"write\"" },
	{ "\"size\": \"6M\"", "\"size\": 0", "rtos.json:8: memory[2].size: is 0" },
	{ "\"size\": \"6M\"", "\"size\": \"0xfffffffffffff000\"",
	  "rtos.json:8: memory[2]: ends beyond 52 physical address bits\n"
	  "rtos.json:8: memory[2]: ends beyond 48 address bits of the cell" },
	{ "\"virt\": \"0x200000\"", "\"virt\": \"0xffffffffff000\"",
	  "rtos.json:8: memory[2]: ends beyond 48 address bits of the cell" },
	{ "\"0x3a800000\"", "\"0x3a800800\"", "rtos.json:8: memory[2].phys: is not page aligned" },
	{ "[\"read\", \"write\"]},", "[\"write\", \"0x2000\"]},",
	  "rtos.json:8: memory[2].flags: unknown bits 0x2000\n"
	  "rtos.json:8: memory[2].flags: \"write\" and \"execute\" need \"read\"" },
	{ "[\"read\", \"write\"]},", "[\"dma\"]},",
	  "rtos.json:8: memory[2].flags: neither \"read\" nor \"write\" nor \"execute\"" },
	{ "[\"read\", \"write\"]},", "[\"read\", \"loadable\", \"rootshared\"]},",
	  "rtos.json:8: memory[2].flags: \"loadable\" needs \"write\"\n"
	  "rtos.json:8: memory[2].flags: \"loadable\" and \"rootshared\" exclude each other" },
	{ "[\"read\", \"io-32\"]", "[\"read\", \"dma\"]",
	  "rtos.json:9: memory[3].flags: the region is not page aligned, so each access is trapped and needs one of "
	  "\"io-8\" to \"io-64\"\n"
	  "rtos.json:9: memory[3].flags: the region is not page aligned, so it cannot be \"execute\", \"loadable\" or "
	  "\"dma\"" },

	/* memory and others */
	{ "\"virt\": \"0x200000\"", "\"virt\": \"0xff000\"",
	  "rtos.json:8: memory[2]: 0xff000-0x6fefff in the cell overlaps memory[0] (line 6), 0x0-0xfffff\n"
	  "rtos.json:8: memory[2]: 0xff000-0x6fefff in the cell overlaps memory[1] (line 7), 0x100000-0x100fff" },
	{ "\"0x3a800000\"", "\"0x3a6ff000\"",
	  "rtos.json:8: memory[2]: physical 0x3a6ff000-0x3acfefff overlaps memory[0] (line 6), 0x3a600000-0x3a6fffff" },
	{ "\"0x3a800000\"", "\"0x39c00000\"",
	  "rtos.json:8: memory[2]: physical 0x39c00000-0x3a1fffff overlaps hypervisor_memory (system.json:4), "
	  "0x3a000000-0x3a5fffff\n"
	  "rtos.json:8: memory[2]: physical 0x39c00000-0x3a1fffff is not the root cell's to give: 0x3a000000 is in no "
	  "region of root_cell.memory (system.json:11)" },
	{ "\"phys\": \"0x3a800000\"", "\"phys\": \"0x3a000000\"",
	  "rtos.json:8: memory[2]: physical 0x3a000000-0x3a5fffff overlaps hypervisor_memory (system.json:4), "
	  "0x3a000000-0x3a5fffff\n"
	  "rtos.json:8: memory[2]: physical 0x3a000000-0x3a5fffff is not the root cell's to give: 0x3a000000 is in no "
	  "region of root_cell.memory (system.json:11)" },
	{ "\"0x70000000\"", "\"0xfee00000\"",
	  "rtos.json:9: memory[3]: 0xfee00000-0xfee000ff in the cell overlaps its local APIC, 0xfee00000\n"
	  "rtos.json:9: memory[3]: physical 0xfee00000-0xfee000ff overlaps the local APIC, 0xfee00000-0xfee00fff\n"
	  "rtos.json:9: memory[3]: physical 0xfee00000-0xfee000ff is not the root cell's to give: 0xfee00000 is in no "
	  "region of root_cell.memory (system.json:11)" },
	{ "\"0x70000000\"", "\"0xfec00000\"",
	  "rtos.json:9: memory[3]: physical 0xfec00000-0xfec000ff overlaps the IOAPIC, 0xfec00000-0xfec00fff" },
	{ "\"0x70000000\"", "\"0xb1ffff00\"",
	  "rtos.json:9: memory[3]: physical 0xb1ffff00-0xb1ffffff overlaps pci.mmconfig_base (system.json:6), "
	  "0xb0000000-0xb1ffffff" },
	{ "\"0x70000000\"", "\"0xfd27ff00\"",
	  "rtos.json:9: memory[3]: physical 0xfd27ff00-0xfd27ffff overlaps iommu[0] (system.json:7), "
	  "0xfd200000-0xfd27ffff" },
	{ "\"0x70000000\", \"size\": \"0x100\", \"flags\": [\"read\"",
	  "\"0xfee01000\", \"size\": \"0x100\", \"flags\": [\"read\", \"write\"",
	  "rtos.json:9: memory[3].flags: \"write\", but the root cell may not write it itself: root_cell.memory[3] "
	  "(system.json:15)" },
	/* two regions of the root cell that adjoin */
	{ "\"0x3a800000\"", "\"0x5fe00000\"", "" },

	/* ports, interrupts, caches, PCI, console */
	{ "\"0x2f8-0x2ff\"", "\"0x3e0-0x3e8\"",
	  "rtos.json:12: ports[1]: 0x3e8-0x3ef overlaps ports[0] (line 12), 0x3e0-0x3e8" },
	{ "\"0x2f8-0x2ff\"", "{\"base\": 1, \"length\": 0}", "rtos.json:12: ports[0]: is empty" },
	{ "\"0x2f8-0x2ff\"", "{\"base\": \"0xffff\", \"length\": 2}",
	  "rtos.json:12: ports[0]: 0xffff-0x10000 ends beyond the last port, 0xffff\n"
	  "rtos.json:12: ports[0]: port 0xffff is not in root_cell.ports (system.json:18)" },
	{ "\"0x2f8-0x2ff\"", "\"0x3ffe-0x4001\"",
	  "rtos.json:12: ports[0]: port 0x4000 is not in root_cell.ports (system.json:18)" },
	{ "\"0x2f8-0x2ff\"", "\"0xcf0-0xcf8\"",
	  "rtos.json:12: ports[0]: 0xcf0-0xcf8 overlaps the PCI configuration ports 0xcf8-0xcff, which every cell has "
	  "in "
	  "its own form" },
	{ "\"0x2f8-0x2ff\"", "\"0x3f8-0x3ff\"",
	  "rtos.json:12: warning: ports[0]: 0x3f8-0x3ff is used by the hypervisor too: debug_console (system.json:5)" },
	{ "\"pins\": \"4,16-17\"", "\"pins\": \"23-24\"",
	  "rtos.json:11: irqchips[0].pins: pin 24 is not in root_cell.irqchips (system.json:17)" },
	{ "\"pins\": \"4,16-17\"", "\"pin_base\": 32, \"pins\": \"120\"",
	  "rtos.json:11: irqchips[0].pin_base: must be 0 for an IOAPIC\n"
	  "rtos.json:11: irqchips[0].pins: pin 120, but 119 is the last\n"
	  "rtos.json:11: irqchips[0].pins: pin 120 is not in root_cell.irqchips (system.json:17)" },
	{ "\"pins\": \"4,16-17\"}", "\"pins\": 4}, {\"address\": \"0xfec00000\"}",
	  "rtos.json:11: irqchips[1]: is the same chip as irqchips[0] (line 11)" },
	{ "\"cpus\"",
	  "\"caches\": [{\"start\": 30, \"size\": 3, \"type\": 1}, {\"start\": 0, \"size\": 1, \"type\": 3}], \"cpus\"",
	  "rtos.json:4: caches[0].type: is 1, only 3 is supported\n"
	  "rtos.json:4: caches[0]: must be 1 to 32 bits within the mask\n"
	  "rtos.json:4: caches[1]: only one is possible" },
	{ "\"0000:00:03.0\"", "\"0000:00:04.0\"",
	  "rtos.json:13: pci_devices[0]: is not in root_cell.pci_devices (system.json:19)" },
	{ "\"0000:00:03.0\"", "\"0000:20:03.0\"",
	  "rtos.json:13: pci_devices[0]: is on a bus behind the last, pci.end_bus (system.json:6)\n"
	  "rtos.json:13: pci_devices[0]: is not in root_cell.pci_devices (system.json:19)" },
	{ "\"num_caps\": 1", "\"num_caps\": 2",
	  "rtos.json:13: pci_devices[0].num_caps: ends at 2, there are 1 capabilities" },
	{ "\"num_caps\": 1", "\"msix_address\": \"0x3a800000\"",
	  "rtos.json:13: pci_devices[0].msix_address: the MSI-X table, which is trapped, overlaps memory[2] (line 8)" },
	{ "\"num_caps\": 1}", "\"num_caps\": 1}, {\"type\": 9, \"address\": \"0000:00:03.0\"}",
	  "rtos.json:13: pci_devices[1].type: unknown type 9\n"
	  "rtos.json:13: pci_devices[1]: is the same function as pci_devices[0] (line 13)" },
	{ "{\"type\": \"device\"",
	  "{\"type\": \"ivshmem\", \"shmem_peers\": 3, \"shmem_dev_id\": 3, \"num_msix_vectors\": 17, \"bar_masks\": "
	  "[\"0xffff0000\", \"0xfffff100\"]",
	  "rtos.json:13: pci_devices[0].shmem_regions_start: needs 5 memory regions, there are 4\n"
	  "rtos.json:13: pci_devices[0].shmem_dev_id: must be below the 3 peers\n"
	  "rtos.json:13: pci_devices[0].num_msix_vectors: at most 16 are possible\n"
	  "rtos.json:13: pci_devices[0].bar_masks: mask 1 is 0xfffff100, which is no size of whole pages, as "
	  "0xfffff000" },
	{ "\"address\": \"0x3e8\"}", "\"address\": \"0x3f8\"}",
	  "rtos.json:15: console: port 0x3f8 is not among the cell's ports" },
	{ "\"address\": \"0x3e8\"}", "\"address\": \"0x90000000\", \"flags\": [\"mmio\"]}",
	  "rtos.json:15: console: a console in memory needs a \"size\"" },
	{ "\"address\": \"0x3e8\"}", "\"address\": \"0x90000000\", \"size\": 8, \"flags\": [\"mmio\"]}",
	  "rtos.json:15: console: address 0x90000000 is in no memory region of the cell" },

	/* images */
	{ "[{\"path\": \"/usr/lib/celld/inmates/rtos.bin\"}],\n  \"command_line\": \"beat=100\"", "[]",
	  "rtos.json:1: warning: no images, so there is nothing to run" },
	{ "\"/usr/lib/celld/inmates/rtos.bin\"", "\"rtos.bin\"",
	  "rtos.json:16: images[0].path: \"rtos.bin\" is not an absolute path" },
	{ "rtos.bin\"}", "rtos.bin\", \"address\": \"0x200000\"}",
	  "rtos.json:16: images[0]: address 0x200000 lies in no region with \"loadable\" and \"write\"" },
	{ "rtos.bin\"}", "rtos.bin\"}, {\"string\": \"1234\", \"address\": \"0xffffc\"}",
	  "rtos.json:16: images[1]: 5 bytes do not fit between 0xffffc and the end of memory[0] (line 6)" },
	{ "rtos.bin\"}", "rtos.bin\", \"address\": \"0x1000\"}",
	  "rtos.json:17: command_line: is loaded over images[0] (line 16)" },

	/* fallback */
	{ "\"command_line\"",
	  "\"fallback_images\": [{\"path\": \"rtos.bin\"}, {\"path\": \"/b\", \"address\": \"0x200000\"}, {\"path\": "
	  "\"/c\"}],\n  \"command_line\"",
	  "rtos.json:17: fallback_images[0].path: \"rtos.bin\" is not an absolute path\n"
	  "rtos.json:17: fallback_images[1]: address 0x200000 lies in no region with \"loadable\" and \"write\"\n"
	  "rtos.json:17: fallback_images[2]: is loaded over fallback_images[0] (line 17)\n"
	  "rtos.json:17: fallback_images: without FallbackAfterFailures nobody starts them" },
	{ "\"supervision\": {",
	  "\"fallback_images\": [{\"path\": \"/b\", \"address\": \"0x1000\"}],\n  \"supervision\": {"
	  "\"FallbackAfterFailures\": 2,",
	  "rtos.json:17: command_line: is loaded over fallback_images[0] (line 18)" },
	{ "\"supervision\": {",
	  "\"fallback_images\": [{\"path\": \"/b\", \"address\": \"0x1000\"}],\n"
	  "  \"fallback_command_line\": \"\", \"supervision\": {\"Restart\": \"no\", \"FallbackAfterFailures\": 2,",
	  "rtos.json:19: fallback_command_line: is loaded over fallback_images[0] (line 18)\n"
	  "rtos.json:19: supervision.FallbackAfterFailures: with Restart \"no\" there is no second start" },
	{ "\"supervision\": {", "\"fallback_command_line\": \"x\", \"supervision\": {",
	  "rtos.json:18: fallback_command_line: belongs to fallback_images" },
	{ "\"supervision\": {", "\"supervision\": {\"FallbackAfterFailures\": 2,",
	  "rtos.json:18: supervision.FallbackAfterFailures: there are no fallback_images" },
	{ "\"supervision\": {",
	  "\"fallback_images\": [{\"path\": \"/b\"}], \"supervision\": {\"FallbackAfterFailures\": 5,",
	  "rtos.json:18: warning: supervision.FallbackAfterFailures: failures in quick succession reach "
	  "StartLimitBurst, 5, before that" },

	/* supervision */
	{ "\"HeartbeatTimeoutUSec\": \"500ms\"", "\"HeartbeatTimeoutUSec\": 0",
	  "rtos.json:19: supervision.HeartbeatIntervalUSec: without HeartbeatTimeoutUSec nobody waits for the beat" },
	{ "\"HeartbeatIntervalUSec\": \"100ms\",\n    \"HeartbeatTimeoutUSec\": \"500ms\"",
	  "\"Restart\": \"on-watchdog\"",
	  "rtos.json:19: supervision.Restart: \"on-watchdog\" needs HeartbeatTimeoutUSec" },
	{ "\"500ms\"", "\"infinity\"",
	  "rtos.json:20: supervision.HeartbeatTimeoutUSec: is \"infinity\"; leave it out to do without heartbeats" },
	{ "\"500ms\"", "\"18446744073709551614\"",
	  "rtos.json:20: supervision.HeartbeatTimeoutUSec: 213503982d 8h 1min 49s 551ms 614us is more than 1d" },
	{ "\"500ms\"", "\"500ms\", \"StartupTimeoutUSec\": \"3us\"",
	  "rtos.json:20: supervision.StartupTimeoutUSec: 3us is less than 10ms" },
	{ "\"500ms\"", "\"100ms\"",
	  "rtos.json:20: supervision.HeartbeatTimeoutUSec: 100ms is not longer than HeartbeatIntervalUSec, 100ms" },
	{ "\"500ms\"", "\"150ms\"",
	  "rtos.json:20: warning: supervision.HeartbeatTimeoutUSec: 150ms allows no missed beat of 100ms" },
	{ "\"100ms\",\n    \"HeartbeatTimeoutUSec\": \"500ms\"", "\"10us\",\n    \"HeartbeatTimeoutUSec\": \"5ms\"",
	  "rtos.json:19: supervision.HeartbeatIntervalUSec: 10us is less than 1ms\n"
	  "rtos.json:20: supervision.HeartbeatTimeoutUSec: 5ms is less than 10ms" },
	{ "\"size\": \"4K\", \"flags\": [\"read\", \"write\"", "\"size\": \"4K\", \"flags\": [\"read\"",
	  "rtos.json:20: supervision.HeartbeatTimeoutUSec: heartbeats need a region with \"comm-region\" and "
	  "\"write\"" },
	{ "\"ShutdownTimeoutUSec\": \"1s\"", "\"ShutdownTimeoutUSec\": 0",
	  "rtos.json:21: supervision.ShutdownTimeoutUSec: 0 is not between 1ms and 17min 28s 575ms" },
	{ "\"ShutdownTimeoutUSec\": \"1s\"", "\"ShutdownTimeoutUSec\": \"infinity\"",
	  "rtos.json:21: supervision.ShutdownTimeoutUSec: infinity is not between 1ms and 17min 28s 575ms" },
	{ "\"ShutdownTimeoutUSec\": \"1s\"", "\"StartLimitBurst\": 0",
	  "rtos.json:21: supervision.StartLimitBurst: 0 allows no start at all; set StartLimitIntervalUSec to 0 for no "
	  "limit" },
	{ "\"ShutdownTimeoutUSec\": \"1s\"", "\"RestartUSec\": \"6s\"",
	  "rtos.json:18: supervision.RestartMaxUSec: 5s is less than RestartUSec, 6s" },
	{ "\"ShutdownTimeoutUSec\": \"1s\"", "\"RestartUSec\": \"infinity\", \"RestartMaxUSec\": \"infinity\"",
	  "rtos.json:21: supervision.RestartUSec: is \"infinity\"; use Restart \"no\"\n"
	  "rtos.json:21: supervision.RestartMaxUSec: is \"infinity\"" },
};

/** check_cell_cases - each change of @text, and all that is said then */
static void check_cell_cases(const char *text, const char *path, const CheckCase *cases, size_t n)
{
	_cleanup_system_config_ SystemConfig *system = test_system(system_text);

	for (size_t i = 0; i < n; i++) {
		_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
		_cleanup_free_ char *changed = test_replace(text, cases[i].find, cases[i].with);
		_cleanup_cell_config_ CellConfig *cell = test_cell(changed, path);
		int r = config_check_cell(cell, system, &problems);

		test_expect(&problems, cases[i].expected);
		assert_int_equal(r, problems.n_errors ? -EINVAL : 0);
	}
}

static void test_cell_rules(void **state)
{
	(void)state;
	check_cell_cases(cell_text, "rtos.json", cell_cases, ELEMENTSOF(cell_cases));
}

static const CheckCase system_cases[] = {
	{ "\"6M\"", "\"512K\"", "system.json:4: hypervisor_memory.size: 512K is too small, the least is 1M" },
	{ "\"0x3a000000\"", "\"0x3a000800\"",
	  "system.json:4: hypervisor_memory: is not page aligned\n"
	  "system.json:13: root_cell.memory[1]: physical 0x3a600000-0x5fffffff overlaps hypervisor_memory (line 4), "
	  "0x3a000800-0x3a6007ff" },
	{ "\"0x3a000000\"", "\"0xffffffffff000\"", "system.json:4: hypervisor_memory: ends beyond 52 address bits" },
	{ "\"928M\"", "\"929M\"",
	  "system.json:12: root_cell.memory[0]: physical 0x0-0x3a0fffff overlaps hypervisor_memory (line 4), "
	  "0x3a000000-0x3a5fffff" },
	{ "\"0xb0000000\"", "\"0xb0080000\"", "system.json:6: pci.mmconfig_base: is not aligned to 1 MiB" },
	{ "\"0xb0000000\"", "\"0x39000000\"",
	  "system.json:6: pci.mmconfig_base: the window of 32M overlaps hypervisor_memory (line 4)" },
	{ "[\"virtual-console\"]", "[\"0x6\"]", "system.json:3: flags: unknown bits 0x6" },
	{ "[{\"type\": \"amd\", \"base\"", "[{\"type\": 0}, {\"type\": 6, \"base\"",
	  "system.json:7: iommu[1].type: unknown type 6\n"
	  "system.json:7: iommu[1]: follows a unit with base 0, which ends the list" },
	{ "\"512K\"", "0", "system.json:7: iommu[0].size: is 0" },
	{ "\"512K\"", "\"513K\"", "system.json:7: iommu[0].size: 513K is not a power of two from 16K on" },
	{ "\"512K\"", "\"8K\"", "system.json:7: iommu[0].size: 8K is not a power of two from 16K on" },
	{ "\"0xfd200000\"", "\"0xfd200800\"", "system.json:7: iommu[0].base: is not page aligned" },
	{ "\"type\": \"amd\"", "\"type\": \"smmuv3\"", "system.json:7: iommu[0].type: is none of x86" },
	{ "\"512K\"}", "\"512K\"}, {\"type\": \"intel\", \"base\": \"0xfd300000\", \"size\": \"4K\"}",
	  "system.json:7: iommu[1].type: differs from that of iommu[0]" },
	{ "\"address\": \"0000:00:03.0\"", "\"address\": \"0000:00:03.0\", \"iommu\": 1",
	  "system.json:19: root_cell.pci_devices[0].iommu: the machine has no iommu[1]" },
	{ "\"pm_timer_port\": \"0x608\"", "\"apic_mode\": 3", "system.json:8: x86.apic_mode: unknown mode 3" },
	{ "\"pm_timer_port\": \"0x608\"", "\"vtd_interrupt_limit\": 32769",
	  "system.json:8: x86.vtd_interrupt_limit: 32769 is more than 32768" },
	{ "\"address\": \"0x3f8\"", "\"address\": \"0x3f8\", \"flags\": [\"mmio\"]",
	  "system.json:5: debug_console.size: a console in memory needs a size" },
	{ "\"type\": \"8250\"", "\"type\": 11", "system.json:5: debug_console.type: unknown type 11" },
	{ "\"0-3\"", "\"1-3\"", "system.json:10: root_cell.cpus: CPU 0 is missing" },
	{ "\"0-3\"", "0", "system.json:10: warning: root_cell.cpus: one CPU only, so no cell can have one" },
	{ "\"cpus\"", "\"name\": \"a b\", \"id\": 1, \"cpus\"",
	  "system.json:10: root_cell.name: \"a b\" is not a cell name: 1 to 31 of A-Z a-z 0-9 . _ -, the first a "
	  "letter or "
	  "digit\n"
	  "system.json:10: root_cell.id: must be 0, the kernel module chooses it" },
	{ "\"phys\": 0, ", "\"phys\": 0, \"virt\": \"0x200000000\", ",
	  "system.json:12: root_cell.memory[0].virt: regions of the root cell have the same \"phys\" and \"virt\"" },
	{ "\"size\": \"0x9ee00000\"", "\"size\": \"0x9ee01000\"",
	  "system.json:14: root_cell.memory[2]: 0x60000000-0xfee00fff in the cell overlaps its local APIC, "
	  "0xfee00000" },
	{ "\"flags\": [\"read\"]}",
	  "\"flags\": [\"read\"]}, {\"phys\": \"0x200000000\", \"size\": \"4K\", \"flags\": [\"read\", "
	  "\"comm-region\"]}",
	  "system.json:15: root_cell.memory[4]: the root cell has no communication page" },
	{ "\"0x800-0x3fff\"", "\"0x7ff-0x3fff\"",
	  "system.json:18: root_cell.ports[1]: 0x7ff-0x3fff overlaps root_cell.ports[0] (line 18), 0x0-0x7ff" },
};

static void test_system_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTSOF(system_cases); i++) {
		_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
		_cleanup_free_ char *text = test_replace(system_text, system_cases[i].find, system_cases[i].with);
		_cleanup_system_config_ SystemConfig *system = test_system(text);
		int r = config_check_system(system, &problems);

		test_expect(&problems, system_cases[i].expected);
		assert_int_equal(r, problems.n_errors ? -EINVAL : 0);
	}
}

/** A GIC has a version, and maps that begin at multiples of 32. */
static void test_arm_rules(void **state)
{
	static const char machine[] = "{\"architecture\": \"arm64\",\n"
				      "\"hypervisor_memory\": {\"phys\": \"0x7c000000\", \"size\": \"4M\"},\n"
				      "\"arm\": {\"gic_version\": 4},\n"
				      "\"root_cell\": {\"cpus\": \"0-1\", \"memory\": [],\n"
				      "\"irqchips\": [{\"address\": \"0x8000000\", \"pin_base\": 40},\n"
				      "{\"address\": \"0x8000000\", \"pin_base\": 928, \"pins\": 1000}]}}";
	_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
	_cleanup_system_config_ SystemConfig *system = test_system(machine);

	(void)state;
	assert_int_equal(config_check_system(system, &problems), -EINVAL);
	test_expect(&problems, "system.json:3: arm.gic_version: is 4, but there are 2 and 3\n"
			       "system.json:5: root_cell.irqchips[0].pin_base: must be a multiple of 32, at most 896\n"
			       "system.json:6: root_cell.irqchips[1].pin_base: must be a multiple of 32, at most 896");
}

/** A cell for a guest Linux. */
static const char linux_text[] =
	"{\"name\": \"linux\",\n"
	"\"flags\": [\"passive-comm-region\"],\n" /* 2 */
	"\"cpus\": \"2\",\n"
	"\"memory\": [\n"
	"{\"phys\": \"0x3a600000\", \"virt\": 0, \"size\": \"1M\", "
	"\"flags\": [\"read\", \"write\", \"execute\", \"dma\", \"loadable\"]},\n" /* 5 */
	"{\"virt\": \"0x100000\", \"size\": \"4K\", \"flags\": [\"read\", \"comm-region\"]}],\n"
	"\"images\": [{\"type\": \"linux\", \"path\": \"/k\", \"initrd\": \"/i\"}],\n" /* 7 */
	"\"command_line\": \"quiet\"}";						       /* 8 */

static const CheckCase linux_cases[] = {
	{ "quiet", "", "" },
	{ "\"/i\"", "\"i\", \"loader\": \"l\"",
	  "linux.json:7: images[0].initrd: \"i\" is not an absolute path\n"
	  "linux.json:7: images[0].loader: \"l\" is not an absolute path" },
	{ "\"/k\"", "\"k\"", "linux.json:7: images[0].path: \"k\" is not an absolute path" },
	{ "[\"passive-comm-region\"]", "[]",
	  "linux.json:7: warning: images[0]: Linux answers no messages, so each stop takes ShutdownTimeoutUSec; set "
	  "the "
	  "flag \"passive-comm-region\"" },
	{ "\"cpus\"", "\"cpu_reset_address\": 4096, \"cpus\"",
	  "linux.json:3: cpu_reset_address: must be 0, where the loader of Linux is" },
	{ "\"cpus\"", "\"architecture\": \"arm64\", \"cpus\"",
	  "linux.json:3: architecture: is arm64, but the machine is x86\n"
	  "linux.json:7: images[0]: Linux is for architecture x86" },
	{ "\"dma\", ", "",
	  "linux.json:7: images[0]: Linux needs 64K of RAM (\"read\", \"write\", \"execute\", \"dma\") at 0, not "
	  "memory[0] (line 5)" },
	{ "\"1M\"", "\"60K\"",
	  "linux.json:7: images[0]: Linux needs 64K of RAM (\"read\", \"write\", \"execute\", \"dma\") at 0, not "
	  "memory[0] (line 5)" },
	{ "\"dma\", \"loadable\"", "\"dma\"",
	  "linux.json:7: images[0]: address 0x0 lies in no region with \"loadable\" and \"write\"" },
	{ "\"0x100000\"", "\"0x200000\"", "linux.json:7: images[0]: Linux needs a \"comm-region\" at 0x100000" },
	{ "\"/i\"}",
	  "\"/i\"}, {\"path\": \"/a\", \"address\": \"0xf000\"}, {\"path\": \"/b\", \"address\": \"0x10000\"}, "
	  "{\"type\": \"linux\", \"path\": \"/k\"}",
	  "linux.json:7: images[1]: is loaded over images[0] (line 7)\n"
	  "linux.json:7: images[3]: is loaded over images[0] (line 7)" },
	{ "\"command_line\"",
	  "\"fallback_images\": [{\"path\": \"/b\", \"address\": \"0x1000\"}], \"supervision\": {\"Restart\": "
	  "\"always\", "
	  "\"FallbackAfterFailures\": 2}, \"command_line\"",
	  "linux.json:8: command_line: is loaded over fallback_images[0] (line 8)" },
};

static void test_linux_rules(void **state)
{
	(void)state;
	check_cell_cases(linux_text, "linux.json", linux_cases, ELEMENTSOF(linux_cases));
}

static void test_linux_command_line(void **state)
{
	char line[4098];

	(void)state;
	for (size_t n = 4096; n <= 4097; n++) {
		_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
		_cleanup_free_ char *text = NULL;
		_cleanup_cell_config_ CellConfig *cell = NULL;

		memset(line, 'x', n);
		line[n] = '\0';
		text = test_replace(linux_text, "quiet", line);
		cell = test_cell(text, "linux.json");
		assert_int_equal(config_check_cell(cell, NULL, &problems), n > 4096 ? -EINVAL : 0);
		test_expect(&problems, n > 4096 ? "linux.json:8: command_line: 4097 bytes are too many for Linux, the "
						  "most is 4096"
						: "");
	}
}

/** The second cell differs from the first in everything; each case takes one thing of the first. */
static const char other_text[] =
	"{\n"
	"  \"name\": \"other\",\n"
	"  \"cpus\": \"1\",\n" /* 3 */
	"  \"memory\": [\n"
	"    {\"phys\": \"0x40000000\", \"virt\": 0, \"size\": \"1M\", \"flags\": [\"read\", \"execute\"]},\n" /* 5 */
	"    {\"virt\": \"0x100000\", \"size\": \"4K\", \"flags\": [\"read\", \"write\", \"comm-region\"]}\n"
	"  ],\n"
	"  \"caches\": [{\"start\": 0, \"size\": 2, \"type\": 3}],\n"			/* 8 */
	"  \"irqchips\": [{\"address\": \"0xfec00000\", \"pins\": \"5\"}],\n"		/* 9 */
	"  \"ports\": [\"0x300\"],\n"							/* 10 */
	"  \"pci_devices\": [{\"type\": \"ivshmem\", \"address\": \"0000:00:0e.0\"}]\n" /* 11 */
	"}\n";

static const CheckCase conflict_cases[] = {
	{ "\"1\"", "\"1\"", "" },
	{ "\"other\"", "\"rtos\"", "other.json:2: name: is also name of cell \"rtos\" (rtos.json:2)" },
	{ "\"1\"", "\"1,3\"", "other.json:3: cpus: CPU 3 is also in cpus of cell \"rtos\" (rtos.json:4)" },
	{ "\"0x40000000\"", "\"0x3ad00000\"",
	  "other.json:5: memory[0]: physical 0x3ad00000-0x3adfffff overlaps memory[2] of cell \"rtos\" (rtos.json:8), "
	  "0x3a800000-0x3adfffff" },
	{ "\"pins\": \"5\"", "\"pins\": \"5,17\"",
	  "other.json:9: irqchips[0].pins: pin 17 is also in irqchips[0].pins of cell \"rtos\" (rtos.json:11)" },
	{ "\"0x300\"", "\"0x2ff-0x300\"",
	  "other.json:10: ports[0]: 0x2ff-0x300 overlaps ports[0] of cell \"rtos\" (rtos.json:12), 0x2f8-0x2ff" },
	{ "{\"type\": \"ivshmem\", \"address\": \"0000:00:0e.0\"",
	  "{\"type\": \"device\", \"address\": \"0000:00:03.0\"",
	  "other.json:11: pci_devices[0]: is the same function as pci_devices[0] of cell \"rtos\" (rtos.json:13)" },
};

static void test_conflicts(void **state)
{
	_cleanup_cell_config_ CellConfig *cell = test_cell(cell_text, "rtos.json");

	(void)state;
	for (size_t i = 0; i < ELEMENTSOF(conflict_cases); i++) {
		_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT, warnings = CONFIG_PROBLEMS_INIT;
		_cleanup_free_ char *text = test_replace(other_text, conflict_cases[i].find, conflict_cases[i].with);
		_cleanup_cell_config_ CellConfig *other = test_cell(text, "other.json");
		int r = config_check_conflict(other, cell, CONFIG_ERROR, &problems);

		test_expect(&problems, conflict_cases[i].expected);
		assert_int_equal(r, problems.n_errors ? -EINVAL : 0);
		assert_int_equal(config_check_conflict(other, cell, CONFIG_WARNING, &warnings), 0);
		assert_int_equal(warnings.n_items, problems.n_items);
	}
}

/** What two cells may have in common, and where that ends. */
static void test_shared(void **state)
{
	static const CheckCase cases[] = {
		{ "[\"read\", \"rootshared\"]", "[\"read\", \"rootshared\"]", "" },
		{ "\"shmem_dev_id\": 1", "\"shmem_dev_id\": 0",
		  "other.json:11: pci_devices[0]: has the same peer number as pci_devices[0] of cell \"two\" "
		  "(two.json:11)" },
		{ "\"size\": 2,", "\"size\": 3,",
		  "other.json:8: caches[0]: overlaps caches[0] of cell \"two\" (two.json:8)" },
		{ "[\"read\", \"rootshared\"]", "[\"read\"]",
		  "other.json:5: memory[0]: physical 0x40000000-0x400fffff overlaps memory[0] of cell \"two\" "
		  "(two.json:5), "
		  "0x40000000-0x400fffff" },
	};
	_cleanup_free_ char *a = test_replace(other_text, "\"1\"", "\"2\""),
			    *b = test_replace(a, "\"other\"", "\"two\"");
	_cleanup_free_ char *c = test_replace(b, "\"start\": 0", "\"start\": 2"),
			    *d = test_replace(c, "\"0x300\"", "\"0x301\"");
	_cleanup_free_ char *e = test_replace(d, "\"pins\": \"5\"", "\"pins\": \"6\"");
	_cleanup_free_ char *two_text = test_replace(e, "[\"read\", \"execute\"]", "[\"read\", \"rootshared\"]");
	_cleanup_free_ char *base = test_replace(other_text, "0e.0\"", "0e.0\", \"shmem_dev_id\": 1");
	_cleanup_free_ char *shared = test_replace(base, "[\"read\", \"execute\"]", "[\"read\", \"rootshared\"]");
	_cleanup_cell_config_ CellConfig *two = test_cell(two_text, "two.json");

	(void)state;
	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
		_cleanup_free_ char *text = test_replace(shared, cases[i].find, cases[i].with);
		_cleanup_cell_config_ CellConfig *other = test_cell(text, "other.json");

		config_check_conflict(other, two, CONFIG_ERROR, &problems);
		test_expect(&problems, cases[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound),	     cmocka_unit_test(test_cell_rules),
		cmocka_unit_test(test_system_rules), cmocka_unit_test(test_arm_rules),
		cmocka_unit_test(test_linux_rules),  cmocka_unit_test(test_linux_command_line),
		cmocka_unit_test(test_conflicts),    cmocka_unit_test(test_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
