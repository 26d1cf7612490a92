/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of the setup_data node: what comes from the communication page, and that nothing else is touched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "boot.h"

static const struct cell_comm comm = {
	.mmconfig_base = 0xb0000000,
	.x86 = { .pm_timer_port = 0x608, .num_cpus = 2, .tsc_khz = 2000000, .apic_khz = 1000000 },
};

static void test_fill(void **state)
{
	struct cell_node node = { .type = CELL_NODE_TYPE, .version = 2, .has_ioapic = 1, .flags = 4 };
	const u8 ids[] = { 3, 2, 1 };

	(void)state;
	cell_node_fill(&node, &comm, ids, 2);
	assert_int_equal(node.pm_timer_port, 0x608);
	assert_int_equal(node.num_cpus, 2);
	assert_int_equal(node.mmconfig_base, 0xb0000000);
	assert_int_equal(node.tsc_khz, 2000000);
	assert_int_equal(node.apic_khz, 1000000);
	assert_memory_equal(node.apic_ids, ((const u8[]){ 3, 2, 0 }), 3);
	assert_int_equal(node.type, CELL_NODE_TYPE);
	assert_int_equal(node.version, 2);
	assert_int_equal(node.has_ioapic, 1);
	assert_int_equal(node.flags, 4);
}

static void test_offsets(void **state)
{
	(void)state;
	assert_int_equal(offsetof(struct cell_node, pm_timer_port) - 16, 4);
	assert_int_equal(offsetof(struct cell_node, mmconfig_base) - 16, 8);
	assert_int_equal(offsetof(struct cell_node, tsc_khz) - 16, 16);
	assert_int_equal(offsetof(struct cell_node, apic_khz) - 16, 20);
	assert_int_equal(offsetof(struct cell_node, has_ioapic) - 16, 24);
	assert_int_equal(offsetof(struct cell_node, apic_ids) - 16, 25);
	assert_int_equal(offsetof(struct cell_node, flags) - 16, 280);
}

static void test_too_many(void **state)
{
	struct cell_node node = { .flags = 4 };
	u8 ids[300];

	(void)state;
	memset(ids, 7, sizeof(ids));
	cell_node_fill(&node, &comm, ids, sizeof(ids));
	assert_int_equal(node.num_cpus, CELL_NODE_MAX_CPUS);
	assert_int_equal(node.apic_ids[CELL_NODE_MAX_CPUS - 1], 7);
	assert_int_equal(node.flags, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
