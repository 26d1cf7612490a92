/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shared by the tests of the configuration: a machine and a cell that use every kind of resource and are without fault,
 * and ways to break one thing at a time.
 */
#ifndef CELLD_TEST_CONFIG_H
#define CELLD_TEST_CONFIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config.h"

/* Lines count from 1 at the opening brace; messages are compared with them. */
static const char system_text[] =
	"{\n"										      /* 1 */
	"  \"architecture\": \"x86\",\n"						      /* 2 */
	"  \"flags\": [\"virtual-console\"],\n"						      /* 3 */
	"  \"hypervisor_memory\": {\"phys\": \"0x3a000000\", \"size\": \"6M\"},\n"	      /* 4 */
	"  \"debug_console\": {\"type\": \"8250\", \"address\": \"0x3f8\"},\n"		      /* 5 */
	"  \"pci\": {\"mmconfig_base\": \"0xb0000000\", \"end_bus\": 31},\n"		      /* 6 */
	"  \"iommu\": [{\"type\": \"amd\", \"base\": \"0xfd200000\", \"size\": \"512K\"}],\n" /* 7 */
	"  \"x86\": {\"pm_timer_port\": \"0x608\"},\n"					      /* 8 */
	"  \"root_cell\": {\n"								      /* 9 */
	"    \"cpus\": \"0-3\",\n"							      /* 10 */
	"    \"memory\": [\n"								      /* 11 */
	"      {\"phys\": 0, \"size\": \"928M\", \"flags\": [\"read\", \"write\", \"execute\", \"dma\"]},\n"
	"      {\"phys\": \"0x3a600000\", \"size\": \"602M\", \"flags\": [\"read\", \"write\", \"execute\", "
	"\"dma\"]},\n"
	"      {\"phys\": \"0x60000000\", \"size\": \"0x9ee00000\", \"flags\": [\"read\", \"write\"]},\n"
	"      {\"phys\": \"0xfee01000\", \"size\": \"0x11ff000\", \"flags\": [\"read\"]}\n" /* 15 */
	"    ],\n"									     /* 16 */
	"    \"irqchips\": [{\"address\": \"0xfec00000\", \"pins\": \"0-23\"}],\n"	     /* 17 */
	"    \"ports\": [\"0x0-0x7ff\", \"0x800-0x3fff\"],\n"				     /* 18 */
	"    \"pci_devices\": [{\"type\": \"device\", \"address\": \"0000:00:03.0\"}]\n"     /* 19 */
	"  }\n"
	"}\n";

static const char cell_text[] = "{\n"					  /* 1 */
				"  \"name\": \"rtos\",\n"		  /* 2 */
				"  \"flags\": [\"console-permitted\"],\n" /* 3 */
				"  \"cpus\": \"2-3\",\n"		  /* 4 */
				"  \"memory\": [\n"			  /* 5 */
				"    {\"phys\": \"0x3a600000\", \"virt\": 0, \"size\": \"1M\", \"flags\": [\"read\", "
				"\"write\", \"execute\", \"loadable\"]},\n"
				"    {\"virt\": \"0x100000\", \"size\": \"4K\", \"flags\": [\"read\", \"write\", "
				"\"comm-region\"]},\n" /* 7 */
				"    {\"phys\": \"0x3a800000\", \"virt\": \"0x200000\", \"size\": \"6M\", \"flags\": "
				"[\"read\", \"write\"]},\n" /* 8 */
				"    {\"phys\": \"0x70000000\", \"size\": \"0x100\", \"flags\": [\"read\", "
				"\"io-32\"]}\n"								    /* 9 */
				"  ],\n"								    /* 10 */
				"  \"irqchips\": [{\"address\": \"0xfec00000\", \"pins\": \"4,16-17\"}],\n" /* 11 */
				"  \"ports\": [\"0x2f8-0x2ff\", \"0x3e8-0x3ef\"],\n"			    /* 12 */
				"  \"pci_devices\": [{\"type\": \"device\", \"address\": \"0000:00:03.0\", "
				"\"num_caps\": 1}],\n" /* 13 */
				"  \"pci_caps\": [{\"id\": 1, \"start\": \"0x40\", \"length\": 8, \"flags\": "
				"[\"write\"]}],\n"						     /* 14 */
				"  \"console\": {\"type\": \"8250\", \"address\": \"0x3e8\"},\n"     /* 15 */
				"  \"images\": [{\"path\": \"/usr/lib/celld/inmates/rtos.bin\"}],\n" /* 16 */
				"  \"command_line\": \"beat=100\",\n"				     /* 17 */
				"  \"supervision\": {\n"					     /* 18 */
				"    \"HeartbeatIntervalUSec\": \"100ms\",\n"			     /* 19 */
				"    \"HeartbeatTimeoutUSec\": \"500ms\",\n"			     /* 20 */
				"    \"ShutdownTimeoutUSec\": \"1s\"\n"				     /* 21 */
				"  }\n"
				"}\n";

/** test_replace - @text with the one place of @find replaced, allocated; inlined, gcc 12 takes it for a dangling
 * pointer */
__attribute__((noinline, unused)) static char *test_replace(const char *text, const char *find, const char *with)
{
	const char *place = strstr(text, find);
	char *changed;

	assert_non_null(place);
	assert_null(strstr(place + 1, find));
	assert_true(asprintf(&changed, "%.*s%s%s", (int)(place - text), text, with, place + strlen(find)) > 0);
	return changed;
}

/** test_cell, test_system - parse; must succeed without problems */
static inline CellConfig *test_cell(const char *text, const char *path)
{
	_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
	CellConfig *cell = NULL;
	int r = cell_config_parse(text, strlen(text), path, &problems, &cell);
	_cleanup_free_ char *all = config_problems_to_string(&problems);

	assert_string_equal(all, "");
	assert_int_equal(r, 0);
	return cell;
}

static inline SystemConfig *test_system(const char *text)
{
	_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
	SystemConfig *system = NULL;
	int r = system_config_parse(text, strlen(text), "system.json", &problems, &system);
	_cleanup_free_ char *all = config_problems_to_string(&problems);

	assert_string_equal(all, "");
	assert_int_equal(r, 0);
	return system;
}

/** test_expect - exactly these lines */
static inline void test_expect(const ConfigProblems *problems, const char *expected)
{
	_cleanup_free_ char *all = config_problems_to_string(problems);

	if (*expected && all[0])
		all[strlen(all) - 1] = 0;
	assert_string_equal(all, expected);
}

#endif
