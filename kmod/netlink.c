// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generic netlink family "jailhouse": events to a multicast group, a dump of the cells, facts about the hypervisor.
 *
 * Requests take no attributes. Nothing here changes anything. Anybody may listen and ask, so what a cell holds in its
 * registers is not told here: see sysfs.c.
 */
#include "kmod.h"

#include <net/genetlink.h>

#include "hypercall.h"

/* An unlisted attribute is refused, and none is listed. */
static const struct nla_policy no_attributes[JAILHOUSE_ATTR_MAX + 1] = {};

static const char *const cause_names[] = {
	[HV_CAUSE_MMIO] = "mmio",     [HV_CAUSE_PIO] = "pio",
	[HV_CAUSE_MSR] = "msr",	      [HV_CAUSE_CR] = "cr",
	[HV_CAUSE_XSETBV] = "xsetbv", [HV_CAUSE_INSTRUCTION] = "instruction",
	[HV_CAUSE_APIC] = "apic",     [HV_CAUSE_TRIPLE_FAULT] = "triple-fault",
	[HV_CAUSE_OTHER] = "other",
};

static struct genl_family family;

/* The family has no attribute for padding; the supported architectures read u64 at any address. */
static int put_u64(struct sk_buff *msg, int attr, u64 value)
{
	return nla_put(msg, attr, sizeof(value), &value);
}

static int put_cell(struct sk_buff *msg, u32 id, const char *name, u32 state)
{
	return nla_put_u32(msg, JAILHOUSE_ATTR_CELL_ID, id) || nla_put_string(msg, JAILHOUSE_ATTR_CELL_NAME, name) ||
	       nla_put_u32(msg, JAILHOUSE_ATTR_CELL_STATE, state);
}

static int put_violation(struct sk_buff *msg, const struct hv_event *e)
{
	const char *cause = e->cause < ARRAY_SIZE(cause_names) ? cause_names[e->cause] : "other";

	if (e->type == HV_EVENT_DMA_FAULT)
		return nla_put_u32(msg, JAILHOUSE_ATTR_DEVICE, e->bdf) ||
		       put_u64(msg, JAILHOUSE_ATTR_ADDRESS, e->address) ||
		       nla_put_u32(msg, JAILHOUSE_ATTR_ACCESS, e->access);
	if (e->cpu == ~0U)
		return 0;
	if (nla_put_u32(msg, JAILHOUSE_ATTR_CPU, e->cpu))
		return -EMSGSIZE;
	if (!cause)
		return 0;
	return nla_put_string(msg, JAILHOUSE_ATTR_CAUSE, cause) || put_u64(msg, JAILHOUSE_ATTR_ADDRESS, e->address) ||
	       nla_put_u32(msg, JAILHOUSE_ATTR_ACCESS, e->access);
}

/**
 * netlink_event - send an event to all listeners
 * @seq: its number
 * @event: enum jailhouse_event
 * @what: cell, state, violation; name and text terminated; NULL: about no cell
 * @text: for people, NULL or empty: none
 *
 * A message that cannot be sent leaves a gap in the numbers, which listeners see.
 *
 * Context: process, cells_lock.
 */
void netlink_event(u64 seq, u32 event, const struct hv_event *what, const char *text)
{
	struct sk_buff *msg;
	void *header;

	msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return;
	header = genlmsg_put(msg, 0, 0, &family, 0, JAILHOUSE_CMD_EVENT);
	if (!header || put_u64(msg, JAILHOUSE_ATTR_SEQ, seq) || nla_put_u32(msg, JAILHOUSE_ATTR_EVENT, event) ||
	    put_u64(msg, JAILHOUSE_ATTR_TIME, clock_ns_of(what ? what->tsc : 0)) ||
	    (what && (put_cell(msg, what->cell, what->name, what->state) || put_violation(msg, what))) ||
	    (text && *text && nla_put_string(msg, JAILHOUSE_ATTR_TEXT, text))) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, header);
	genlmsg_multicast(&family, msg, 0, 0, GFP_KERNEL);
}

static int put_counters(struct sk_buff *msg, unsigned int cpu)
{
	struct nlattr *nest = nla_nest_start(msg, JAILHOUSE_ATTR_CPU_STATS);
	int state = hypercall_cpu_state(cpu), i;
	u32 counters[CELL_STAT_MAX];

	for (i = 0; i < CELL_STAT_MAX; i++)
		counters[i] = max(hypercall_cpu_counter(cpu, i), 0);
	if (!nest || nla_put_u32(msg, JAILHOUSE_ATTR_CPU, cpu) ||
	    nla_put_u32(msg, JAILHOUSE_ATTR_CPU_STATE, state < 0 ? CELL_CPU_RUNNING : state) ||
	    nla_put(msg, JAILHOUSE_ATTR_COUNTERS, sizeof(counters), counters))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int netlink_put_cell(struct sk_buff *msg, struct netlink_callback *cb, struct kcell *kc)
{
	int state = hypercall_cell_state(kcell_id(kc));
	unsigned int cpu;
	void *header;

	header = genlmsg_put(msg, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &family, NLM_F_MULTI,
			     JAILHOUSE_CMD_GET_CELL);
	if (!header)
		return -EMSGSIZE;
	genl_dump_check_consistent(cb, header);
	/* A state word that is none of the known ones is passed on as it is: readers call it invalid. */
	if (put_u64(msg, JAILHOUSE_ATTR_SEQ, event_seq()) ||
	    put_cell(msg, kcell_id(kc), kcell_name(kc), state < 0 ? CELL_STATE_MAX : state))
		goto cancel;
	for_each_cpu (cpu, &kc->cpus)
		if (put_counters(msg, cpu))
			goto cancel;
	genlmsg_end(msg, header);
	return 0;

cancel:
	genlmsg_cancel(msg, header);
	return -EMSGSIZE;
}

/* A cell with its CPUs goes into one message, so the buffer must be large enough for a cell of all CPUs. */
static int netlink_get_cell_start(struct netlink_callback *cb)
{
	size_t cpu = nla_total_size(2 * nla_total_size(sizeof(u32)) + nla_total_size(CELL_STAT_MAX * sizeof(u32)));

	cb->min_dump_alloc = min_t(size_t, NLMSG_GOODSIZE + num_possible_cpus() * cpu, U16_MAX);
	return 0;
}

static int netlink_get_cell(struct sk_buff *msg, struct netlink_callback *cb)
{
	struct kcell *kc;
	int err = 0;
	long n = 0;

	mutex_lock(&cells_lock);
	/* The position is an index, so any change of the list between two parts spoils the dump; events tell. */
	cb->seq = (unsigned int)event_seq() + 1;
	list_for_each_entry (kc, &hv.cells, link) {
		if (n++ < cb->args[0])
			continue;
		err = netlink_put_cell(msg, cb, kc);
		if (err)
			break;
		cb->args[0] = n;
	}
	mutex_unlock(&cells_lock);
	return err && !msg->len ? err : msg->len;
}

static int netlink_get_info(struct sk_buff *request, struct genl_info *info)
{
	static const struct {
		int attr;
		enum cell_info type;
	} pools[] = {
		{ JAILHOUSE_ATTR_MEM_POOL_SIZE, CELL_INFO_MEM_POOL_SIZE },
		{ JAILHOUSE_ATTR_MEM_POOL_USED, CELL_INFO_MEM_POOL_USED },
		{ JAILHOUSE_ATTR_REMAP_POOL_SIZE, CELL_INFO_REMAP_POOL_SIZE },
		{ JAILHOUSE_ATTR_REMAP_POOL_USED, CELL_INFO_REMAP_POOL_USED },
	};
	bool enabled = READ_ONCE(hv.enabled);
	struct sk_buff *msg;
	void *header;
	u64 seq;
	int i;

	mutex_lock(&cells_lock);
	seq = event_seq();
	mutex_unlock(&cells_lock);

	msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	header = genlmsg_put_reply(msg, info, &family, 0, JAILHOUSE_CMD_GET_INFO);
	if (!header || put_u64(msg, JAILHOUSE_ATTR_SEQ, seq) || nla_put_u8(msg, JAILHOUSE_ATTR_ENABLED, enabled))
		goto too_long;
	for (i = 0; i < ARRAY_SIZE(pools); i++)
		if (nla_put_u32(msg, pools[i].attr, enabled ? max(hypercall_info(pools[i].type), 0) : 0))
			goto too_long;
	genlmsg_end(msg, header);
	return genlmsg_reply(msg, info);

too_long:
	nlmsg_free(msg);
	return -EMSGSIZE;
}

static const struct genl_ops ops[] = {
	{
		.cmd = JAILHOUSE_CMD_GET_CELL,
		.start = netlink_get_cell_start,
		.dumpit = netlink_get_cell,
	},
	{
		.cmd = JAILHOUSE_CMD_GET_INFO,
		.doit = netlink_get_info,
	},
};

static const struct genl_multicast_group groups[] = {
	{ .name = JAILHOUSE_GENL_GROUP },
};

static struct genl_family family = {
	.name = JAILHOUSE_GENL_NAME,
	.version = JAILHOUSE_GENL_VERSION,
	.maxattr = JAILHOUSE_ATTR_MAX,
	.policy = no_attributes,
	.module = THIS_MODULE,
	.ops = ops,
	.n_ops = ARRAY_SIZE(ops),
	.resv_start_op = JAILHOUSE_CMD_GET_INFO + 1,
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
};

/** netlink_init - Return: 0, or why the family cannot be registered */
int netlink_init(void)
{
	return genl_register_family(&family);
}

void netlink_exit(void)
{
	genl_unregister_family(&family);
}
