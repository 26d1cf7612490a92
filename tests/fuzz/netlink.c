/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzzes the decoding of netlink messages: any message of any length gives an error and nothing else, or a structure
 * whose every field is within its bounds.
 */
#include <assert.h>
#include <linux/netlink.h>

#include "net-decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_text(const char *text, size_t bytes)
{
	size_t n = strnlen(text, bytes);

	assert(n < bytes);
	for (size_t i = 0; i < n; i++)
		assert(text[i] >= ' ' && text[i] <= '~');
}

static void assert_state(KernelState state)
{
	assert(state == KERNEL_STATE_INVALID || (state >= 0 && state < KERNEL_STATE_MAX));
}

static void fuzz_event(const struct nlmsghdr *message)
{
	NetEvent event, untouched;
	int r;

	memset(&event, 0xa5, sizeof(event));
	memset(&untouched, 0xa5, sizeof(untouched));
	r = net_decode_event(message, &event);
	if (r < 0) {
		assert(r == -EBADMSG || r == -EOPNOTSUPP);
		assert(memcmp(&event, &untouched, sizeof(event)) == 0);
		return;
	}
	assert(event.type >= NET_EVENT_ENABLED && event.type < NET_EVENT_MAX);
	assert(event.cell_id >= -1);
	assert_state(event.state);
	assert_text(event.name, sizeof(event.name));
	assert_text(event.cause, sizeof(event.cause));
	assert_text(event.text, sizeof(event.text));
}

static void fuzz_cell(const struct nlmsghdr *message)
{
	_cleanup_free_ KernelCpu *cpus = NULL;
	uint64_t seq = 0;
	KernelCell cell;
	size_t n = 0;
	int r;

	r = net_decode_cell(message, &cell, &cpus, &n, &seq);
	if (r < 0) {
		assert(r == -EBADMSG || r == -EOPNOTSUPP);
		return;
	}
	assert(cell.id >= 0);
	assert_state(cell.state);
	assert_text(cell.name, sizeof(cell.name));
	assert(kernel_cpu_set_count(&cell.failed) <= kernel_cpu_set_count(&cell.cpus));
	assert(kernel_cpu_set_count(&cell.cpus) <= n);
	for (size_t i = 0; i < n; i++)
		assert(memcmp(cpus[i].cell, cell.name, sizeof(cell.name)) == 0);
}

static void fuzz_info(const struct nlmsghdr *message)
{
	KernelInfo info;
	int r;

	r = net_decode_info(message, &info);
	assert(r == -EBADMSG || r == -EOPNOTSUPP || (r == 0 && info.present));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ struct nlmsghdr *message = NULL;

	/* Who receives a message hands on only what has a whole header and fits the buffer. */
	if (size < sizeof(*message))
		return 0;
	message = malloc(size);
	assert(message);
	memcpy(message, data, size);
	message->nlmsg_len = (uint32_t)size;
	fuzz_event(message);
	fuzz_cell(message);
	fuzz_info(message);
	return 0;
}
