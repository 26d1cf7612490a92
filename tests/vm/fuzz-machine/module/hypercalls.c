// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module "jailhouse-fuzz", for the test machine only: when it is loaded, it makes hypercalls at random.
 *
 * What root may do to itself is left out: to give its own memory away, to restart or destroy cells that the module
 * jailhouse looks after (but for one, the victim, which may be started), or to move the hypervisor's interrupt.
 * Everything else is called with any arguments. Parameter "wrong" tells how many answers were not possible.
 */
#include <linux/io.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "hypervisor/abi/config.h"
#include "kmod/hypercall.h"

static ulong seed = 1;
module_param(seed, ulong, 0444);
static uint count = 20000;
module_param(count, uint, 0444);
static uint victim;
module_param(victim, uint, 0444);
static uint wrong;
module_param(wrong, uint, 0444);

static struct rnd_state state;
static void *buffer; /* for configurations */

#define BUFFER_BYTES (2 * CELL_CONFIG_MAX_BYTES)

static u64 any(void)
{
	return (u64)prandom_u32_state(&state) << 32 | prandom_u32_state(&state);
}

static u32 below(u32 n)
{
	return prandom_u32_state(&state) % n;
}

static u64 any_value(void)
{
	switch (below(4)) {
	case 0:
		return below(16);
	case 1:
		return 1ULL << below(64);
	case 2:
		return (u32)any();
	default:
		return any();
	}
}

static void expect(bool ok, const char *what, u64 arg1, u64 arg2, long result)
{
	if (ok)
		return;
	wrong++;
	pr_err("hypercall %s(0x%llx, 0x%llx) answers %ld, seed %lu\n", what, arg1, arg2, result, seed);
}

/* Nobody's cell: of those that there are root, two and the victim have the smallest numbers. */
static u64 strange_id(void)
{
	switch (below(4)) {
	case 0:
		return 0;
	case 1:
		return victim | 1ULL << (32 + below(32));
	default:
		return any_value() | 0x100;
	}
}

/* In a header that could be one, CPUs that are not root's: those of the victim. Or no header, anywhere. */
static u64 any_config(void)
{
	struct cell_config *config = buffer + below(2 * PAGE_SIZE);
	u32 i;

	if (!below(3))
		return any_value() & ~(below(2) ? 0ULL : 0xfffULL);
	for (i = 0; i < sizeof(*config) / 4; i++)
		((u32 *)config)[i] = below(2) ? below(8) : (u32)any_value();
	snprintf(config->name, sizeof(config->name), "%x", (u32)any());
	config->id = (u32)any() | 0x100;
	config->cpu_set_size = 8 * below(3);
	memset(config + 1, 0, 16);
	*(u8 *)(config + 1) = 8;
	return virt_to_phys(config);
}

static void call_management(void)
{
	bool start = below(2);
	u64 arg2 = below(2) ? CELL_HC_FORCE : any_value(), arg1;
	long result;

	switch (below(4)) {
	case 0:
		arg1 = any_config();
		result = hypercall(CELL_HC_CELL_CREATE, arg1, arg2);
		expect(result < 0, "create", arg1, arg2, result);
		break;
	case 1:
		arg1 = strange_id();
		result = hypercall(CELL_HC_CELL_DESTROY, arg1, arg2);
		expect(result == (arg1 ? -ENOENT : -EINVAL), "destroy", arg1, arg2, result);
		break;
	case 2:
		arg1 = strange_id();
		result = hypercall(start ? CELL_HC_CELL_START : CELL_HC_CELL_SET_LOADABLE, arg1, arg2);
		expect(result == (arg1 ? -ENOENT : -EINVAL), "start", arg1, arg2, result);
		break;
	default:
		result = hypercall(start ? CELL_HC_CELL_START : CELL_HC_CELL_SET_LOADABLE, victim, arg2);
		expect(result == 0 || result == -EAGAIN || result == -EPERM, "start", victim, arg2, result);
		break;
	}
}

static void call_question(void)
{
	static const u32 calls[] = { CELL_HC_INFO, CELL_HC_CELL_STATE, CELL_HC_CPU_INFO, CELL_HC_COMM_PAGE,
				     CELL_HC_CONSOLE_PAGE };
	u64 arg1 = any_value(), arg2 = below(2) ? any_value() : CELL_CPU_INFO_STAT_BASE + below(20);

	hypercall(calls[below(ARRAY_SIZE(calls))], arg1, arg2);
}

static void call_unknown(void)
{
	u32 number = (u32)any_value();
	u64 arg1 = any_value(), arg2 = any_value();
	long result;

	if (number <= CELL_HC_PUTC || (number >= CELL_HC_PRIVATE && number < CELL_HC_PRIVATE + 16))
		return;
	result = hypercall(number, arg1, arg2);
	expect(result == -ENOSYS, "?", arg1, arg2, result);
}

/* With cells there, all CPUs of root are told once that it cannot be. */
static void call_disable(void *unused)
{
	long result = hypercall(CELL_HC_DISABLE, 0, 0);

	expect(result == -EBUSY, "disable", 0, 0, result);
}

static int __init fuzz_init(void)
{
	uint i;

	buffer = kzalloc(BUFFER_BYTES, GFP_KERNEL);
	if (!buffer)
		return -ENOMEM;
	prandom_seed_state(&state, seed);
	for (i = 0; i < count; i++) {
		u32 kind = below(100);

		if (kind < 5)
			call_management();
		else if (kind < 50)
			call_unknown();
		else
			call_question();
		if (kind == 99)
			on_each_cpu(call_disable, NULL, 1);
		cond_resched();
	}
	kfree(buffer);
	pr_info("%u hypercalls, seed %lu, %u wrong\n", count, seed, wrong);
	return 0;
}

static void __exit fuzz_exit(void)
{
}

module_init(fuzz_init);
module_exit(fuzz_exit);

MODULE_DESCRIPTION("Makes hypercalls at random");
MODULE_LICENSE("GPL");
