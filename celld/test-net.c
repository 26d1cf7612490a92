/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of netlink decoding: good messages as the module sends them, and everything that can be wrong with one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>

#include "net-decode.h"
#include "uapi/cell.h"

#define FAMILY 0x1d

static struct nl_msg *begin(uint8_t command)
{
	struct nl_msg *m = nlmsg_alloc_size(16384);

	assert_non_null(m);
	assert_non_null(genlmsg_put(m, 0, 1, FAMILY, 0, 0, command, JAILHOUSE_GENL_VERSION));
	return m;
}

/** parked - an event with everything in it */
static struct nl_msg *parked(void)
{
	struct nl_msg *m = begin(JAILHOUSE_CMD_EVENT);

	nla_put_u64(m, JAILHOUSE_ATTR_SEQ, 77);
	nla_put_u32(m, JAILHOUSE_ATTR_EVENT, JAILHOUSE_EVENT_CPU_PARKED);
	nla_put_u64(m, JAILHOUSE_ATTR_TIME, 5000000000ULL);
	nla_put_u32(m, JAILHOUSE_ATTR_CELL_ID, 1);
	nla_put_string(m, JAILHOUSE_ATTR_CELL_NAME, "rtos");
	nla_put_u32(m, JAILHOUSE_ATTR_CELL_STATE, 0);
	nla_put_u32(m, JAILHOUSE_ATTR_CPU, 3);
	nla_put_string(m, JAILHOUSE_ATTR_CAUSE, "mmio");
	nla_put_u64(m, JAILHOUSE_ATTR_ADDRESS, 0x80000000);
	nla_put_u32(m, JAILHOUSE_ATTR_ACCESS, 0x104);
	nla_put_string(m, JAILHOUSE_ATTR_TEXT, "invalid write");
	return m;
}

static void test_event(void **state)
{
	struct nl_msg *m = parked();
	NetEvent e;

	(void)state;
	assert_int_equal(net_decode_event(nlmsg_hdr(m), &e), 0);
	assert_int_equal(e.seq, 77);
	assert_int_equal(e.type, NET_EVENT_CPU_PARKED);
	assert_int_equal(e.cell_id, 1);
	assert_string_equal(e.name, "rtos");
	assert_int_equal(e.state, KERNEL_RUNNING);
	assert_true(e.has_cpu && e.has_address);
	assert_int_equal(e.cpu, 3);
	assert_int_equal(e.address, 0x80000000);
	assert_int_equal(e.access, 0x104);
	assert_int_equal(e.time_usec, 5000000);
	assert_string_equal(e.cause, "mmio");
	assert_string_equal(e.text, "invalid write");
	nlmsg_free(m);
}

static void test_dma_fault(void **state)
{
	struct nl_msg *m = begin(JAILHOUSE_CMD_EVENT);
	NetEvent e;

	(void)state;
	nla_put_u64(m, JAILHOUSE_ATTR_SEQ, 78);
	nla_put_u32(m, JAILHOUSE_ATTR_EVENT, JAILHOUSE_EVENT_DMA_FAULT);
	nla_put_u32(m, JAILHOUSE_ATTR_CELL_ID, 1);
	nla_put_string(m, JAILHOUSE_ATTR_CELL_NAME, "rtos");
	nla_put_u32(m, JAILHOUSE_ATTR_DEVICE, 0x0280);
	nla_put_u64(m, JAILHOUSE_ATTR_ADDRESS, 0x3e000000);
	nla_put_u32(m, JAILHOUSE_ATTR_ACCESS, 0x100);
	assert_int_equal(net_decode_event(nlmsg_hdr(m), &e), 0);
	assert_int_equal(e.type, NET_EVENT_DMA_FAULT);
	assert_int_equal(e.device, 0x280);
	assert_int_equal(e.address, 0x3e000000);
	assert_true(e.access & NET_ACCESS_WRITE);
	nlmsg_free(m);
}

static void test_event_numbers(void **state)
{
	(void)state;
	assert_int_equal(NET_EVENT_ENABLED, JAILHOUSE_EVENT_ENABLED);
	assert_int_equal(NET_EVENT_STARTED, JAILHOUSE_EVENT_STARTED);
	assert_int_equal(NET_EVENT_CPU_PARKED, JAILHOUSE_EVENT_CPU_PARKED);
	assert_int_equal(NET_EVENT_REFUSED, JAILHOUSE_EVENT_REFUSED);
	assert_int_equal(NET_EVENT_DMA_FAULT, JAILHOUSE_EVENT_DMA_FAULT);
}

static void test_event_without_cell(void **state)
{
	struct nl_msg *m = begin(JAILHOUSE_CMD_EVENT);
	NetEvent e;

	(void)state;
	nla_put_u64(m, JAILHOUSE_ATTR_SEQ, 1);
	nla_put_u32(m, JAILHOUSE_ATTR_EVENT, JAILHOUSE_EVENT_ENABLED);
	assert_int_equal(net_decode_event(nlmsg_hdr(m), &e), 0);
	assert_int_equal(e.cell_id, -1);
	assert_string_equal(e.name, "");
	assert_int_equal(e.state, KERNEL_STATE_INVALID);
	assert_false(e.has_cpu || e.has_address);
	nlmsg_free(m);
}

static void put_cpu(struct nl_msg *m, uint32_t cpu, uint32_t cpu_state, size_t n_counters)
{
	struct nlattr *nest = nla_nest_start(m, JAILHOUSE_ATTR_CPU_STATS);
	uint32_t counters[64];

	for (size_t i = 0; i < n_counters; i++)
		counters[i] = UINT32_MAX - (uint32_t)i;
	nla_put_u32(m, JAILHOUSE_ATTR_CPU, cpu);
	nla_put_u32(m, JAILHOUSE_ATTR_CPU_STATE, cpu_state);
	nla_put(m, JAILHOUSE_ATTR_COUNTERS, (int)(n_counters * sizeof(counters[0])), counters);
	nla_nest_end(m, nest);
}

static void test_cell(void **state)
{
	struct nl_msg *m = begin(JAILHOUSE_CMD_GET_CELL);
	_cleanup_free_ KernelCpu *cpus = calloc(1, sizeof(*cpus));
	size_t n = 1;
	KernelCell c;
	uint64_t seq;

	(void)state;
	nla_put_u64(m, JAILHOUSE_ATTR_SEQ, 9);
	nla_put_u32(m, JAILHOUSE_ATTR_CELL_ID, 2);
	nla_put_string(m, JAILHOUSE_ATTR_CELL_NAME, "linux");
	nla_put_u32(m, JAILHOUSE_ATTR_CELL_STATE, 1);
	put_cpu(m, 1, 0, 12);
	put_cpu(m, 5, 2, 12);
	/* More CPUs and counters than we know of do no harm. */
	put_cpu(m, KERNEL_CPU_MAX + 7, 0, 64);
	assert_int_equal(net_decode_cell(nlmsg_hdr(m), &c, &cpus, &n, &seq), 0);
	assert_int_equal(seq, 9);
	assert_int_equal(c.id, 2);
	assert_string_equal(c.name, "linux");
	assert_int_equal(c.state, KERNEL_RUNNING_LOCKED);
	assert_int_equal(kernel_cpu_set_count(&c.cpus), 2);
	assert_true(kernel_cpu_set_has(&c.cpus, 1) && kernel_cpu_set_has(&c.cpus, 5));
	assert_int_equal(kernel_cpu_set_count(&c.failed), 1);
	assert_true(kernel_cpu_set_has(&c.failed, 5));
	/* Added to what was there. */
	assert_int_equal(n, 4);
	assert_string_equal(cpus[0].cell, "");
	assert_string_equal(cpus[1].cell, "linux");
	assert_int_equal(cpus[1].cpu, 1);
	assert_int_equal(cpus[1].counters[11], UINT32_MAX - 11);
	assert_int_equal(cpus[1].counters[12], 0);
	assert_int_equal(cpus[2].cpu, 5);
	assert_int_equal(cpus[3].cpu, KERNEL_CPU_MAX + 7);
	assert_int_equal(cpus[3].counters[KERNEL_COUNTERS - 1], UINT32_MAX - (KERNEL_COUNTERS - 1));
	nlmsg_free(m);
}

static void test_info(void **state)
{
	struct nl_msg *m = begin(JAILHOUSE_CMD_GET_INFO);
	KernelInfo info;

	(void)state;
	nla_put_u64(m, JAILHOUSE_ATTR_SEQ, 12);
	assert_int_equal(net_decode_info(nlmsg_hdr(m), &info), -EBADMSG);
	nla_put_u8(m, JAILHOUSE_ATTR_ENABLED, 1);
	nla_put_u32(m, JAILHOUSE_ATTR_MEM_POOL_USED, 55);
	assert_int_equal(net_decode_info(nlmsg_hdr(m), &info), 0);
	assert_true(info.present && info.enabled);
	assert_int_equal(info.seq, 12);
	assert_int_equal(info.mem_pool_used, 55);
	assert_int_equal(info.mem_pool_pages, 0);
	nlmsg_free(m);
}

/** expect_event - of a message with one attribute on top of the least that is needed */
static void expect_event(int attribute, const void *data, int size, int error, NetEvent *ret)
{
	struct nl_msg *m = begin(JAILHOUSE_CMD_EVENT);

	nla_put_u64(m, JAILHOUSE_ATTR_SEQ, 1);
	nla_put_u32(m, JAILHOUSE_ATTR_EVENT, JAILHOUSE_EVENT_STATE);
	nla_put(m, attribute, size, data);
	assert_int_equal(net_decode_event(nlmsg_hdr(m), ret), error);
	nlmsg_free(m);
}

static void test_bad_fields(void **state)
{
	uint32_t big = UINT32_MAX, bad_state = 5;
	char text[1000];
	NetEvent e;

	(void)state;
	expect_event(JAILHOUSE_ATTR_CELL_ID, &big, sizeof(big), -EBADMSG, &e);
	expect_event(JAILHOUSE_ATTR_CELL_ID, &big, 2, -EBADMSG, &e);
	expect_event(JAILHOUSE_ATTR_ADDRESS, &big, sizeof(big), -EBADMSG, &e);
	expect_event(JAILHOUSE_ATTR_CELL_STATE, &bad_state, sizeof(bad_state), 0, &e);
	assert_int_equal(e.state, KERNEL_STATE_INVALID);
	expect_event(JAILHOUSE_ATTR_EVENT, &big, sizeof(big), -EOPNOTSUPP, &e);

	/* Too long for a name, not terminated, not printable. */
	memset(text, 'a', sizeof(text));
	text[KERNEL_CELL_NAME_BYTES + 1] = '\0';
	expect_event(JAILHOUSE_ATTR_CELL_NAME, text, KERNEL_CELL_NAME_BYTES + 2, -EBADMSG, &e);
	expect_event(JAILHOUSE_ATTR_CELL_NAME, "rtos", 4, -EBADMSG, &e);
	expect_event(JAILHOUSE_ATTR_CELL_NAME, "a\x1b[2Jb\xff", 8, 0, &e);
	assert_string_equal(e.name, "a?[2Jb?");

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	expect_event(JAILHOUSE_ATTR_TEXT, text, sizeof(text), 0, &e);
	assert_int_equal(strlen(e.text), NET_TEXT_BYTES - 1);
	expect_event(JAILHOUSE_ATTR_CAUSE, text, sizeof(text), 0, &e);
	expect_event(JAILHOUSE_ATTR_MAX + 20, text, 8, 0, &e);
}

static void test_other_command(void **state)
{
	struct nl_msg *m = parked();
	KernelCpu *cpus = NULL;
	KernelInfo info;
	KernelCell cell;
	uint64_t seq;
	size_t n = 0;

	(void)state;
	assert_int_equal(net_decode_info(nlmsg_hdr(m), &info), -EOPNOTSUPP);
	assert_int_equal(net_decode_cell(nlmsg_hdr(m), &cell, &cpus, &n, &seq), -EOPNOTSUPP);
	assert_null(cpus);
	nlmsg_free(m);
}

/** decode_copy - of a buffer that has exactly the size of the message, for the sanitizer to guard */
static void decode_copy(const struct nlmsghdr *header, uint32_t size)
{
	struct nlmsghdr *copy = malloc(size);
	_cleanup_free_ KernelCpu *cpus = NULL;
	KernelInfo info;
	KernelCell cell;
	NetEvent event;
	uint64_t seq;
	size_t n = 0;

	assert_non_null(copy);
	memcpy(copy, header, size);
	copy->nlmsg_len = size;
	(void)net_decode_event(copy, &event);
	(void)net_decode_cell(copy, &cell, &cpus, &n, &seq);
	(void)net_decode_info(copy, &info);
	free(copy);
}

static void test_truncated(void **state)
{
	struct nl_msg *m = parked();
	uint32_t size = nlmsg_hdr(m)->nlmsg_len;

	(void)state;
	for (uint32_t n = sizeof(struct nlmsghdr); n <= size; n++)
		decode_copy(nlmsg_hdr(m), n);
	nlmsg_free(m);
}

static uint64_t random_state = 88172645463325252ULL;

static uint32_t random_number(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16);
}

static void test_mutated(void **state)
{
	struct nl_msg *event = parked(), *cell = begin(JAILHOUSE_CMD_GET_CELL);

	(void)state;
	nla_put_u32(cell, JAILHOUSE_ATTR_CELL_ID, 2);
	nla_put_string(cell, JAILHOUSE_ATTR_CELL_NAME, "linux");
	put_cpu(cell, 1, 0, 12);
	put_cpu(cell, 2, 0, 12);
	for (int i = 0; i < 200000; i++) {
		const struct nlmsghdr *from = nlmsg_hdr(i % 2 ? event : cell);
		uint8_t bytes[1024];

		memcpy(bytes, from, from->nlmsg_len);
		for (uint32_t n = 1 + random_number() % 4; n > 0; n--)
			bytes[sizeof(*from) + random_number() % (from->nlmsg_len - sizeof(*from))] =
				(uint8_t)random_number();
		decode_copy((const struct nlmsghdr *)(const void *)bytes, from->nlmsg_len);
	}
	nlmsg_free(event);
	nlmsg_free(cell);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_event),	      cmocka_unit_test(test_dma_fault),
		cmocka_unit_test(test_event_numbers), cmocka_unit_test(test_event_without_cell),
		cmocka_unit_test(test_cell),	      cmocka_unit_test(test_info),
		cmocka_unit_test(test_bad_fields),    cmocka_unit_test(test_other_command),
		cmocka_unit_test(test_truncated),     cmocka_unit_test(test_mutated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
