/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Decoding of generic netlink messages: validated by policy, strings bounded and printable, numbers in range.
 */
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>

#include "net-decode.h"
#include "uapi/cell.h"

typedef struct nlattr *Attributes[JAILHOUSE_ATTR_MAX + 1];

static struct nla_policy policy[JAILHOUSE_ATTR_MAX + 1] = {
	[JAILHOUSE_ATTR_SEQ] = { .type = NLA_U64 },
	[JAILHOUSE_ATTR_EVENT] = { .type = NLA_U32 },
	[JAILHOUSE_ATTR_CELL_ID] = { .type = NLA_U32 },
	[JAILHOUSE_ATTR_CELL_NAME] = { .type = NLA_STRING, .maxlen = KERNEL_CELL_NAME_BYTES },
	[JAILHOUSE_ATTR_CELL_STATE] = { .type = NLA_U32 },
	[JAILHOUSE_ATTR_CAUSE] = { .type = NLA_STRING },
	[JAILHOUSE_ATTR_CPU] = { .type = NLA_U32 },
	[JAILHOUSE_ATTR_ADDRESS] = { .type = NLA_U64 },
	[JAILHOUSE_ATTR_ACCESS] = { .type = NLA_U32 },
	[JAILHOUSE_ATTR_TEXT] = { .type = NLA_STRING },
	[JAILHOUSE_ATTR_ENABLED] = { .type = NLA_U8 },
	[JAILHOUSE_ATTR_MEM_POOL_SIZE] = { .type = NLA_U32 },
	[JAILHOUSE_ATTR_MEM_POOL_USED] = { .type = NLA_U32 },
	[JAILHOUSE_ATTR_REMAP_POOL_SIZE] = { .type = NLA_U32 },
	[JAILHOUSE_ATTR_REMAP_POOL_USED] = { .type = NLA_U32 },
	[JAILHOUSE_ATTR_CPU_STATS] = { .type = NLA_NESTED },
	[JAILHOUSE_ATTR_CPU_STATE] = { .type = NLA_U32 },
	[JAILHOUSE_ATTR_COUNTERS] = { .type = NLA_UNSPEC },
	[JAILHOUSE_ATTR_TIME] = { .type = NLA_U64 },
	[JAILHOUSE_ATTR_DEVICE] = { .type = NLA_U32 },
};

/** parse - header and attributes of a message of command @command; CPU_STATS is a list: @attributes has its last */
static int parse(const struct nlmsghdr *message, uint8_t command, Attributes attributes)
{
	struct nlmsghdr *m = (struct nlmsghdr *)(uintptr_t)message;

	if (!genlmsg_valid_hdr(m, 0))
		return -EBADMSG;
	if (genlmsg_hdr(m)->cmd != command)
		return -EOPNOTSUPP;
	return genlmsg_parse(m, 0, attributes, JAILHOUSE_ATTR_MAX, policy) < 0 ? -EBADMSG : 0;
}

static uint32_t get_u32(struct nlattr *a, uint32_t otherwise)
{
	return a ? nla_get_u32(a) : otherwise;
}

static uint64_t get_u64(struct nlattr *a)
{
	return a ? nla_get_u64(a) : 0;
}

static void get_text(struct nlattr *a, char *to, size_t to_bytes)
{
	const char *from = a ? nla_data(a) : "";
	size_t n = a ? (size_t)nla_len(a) : 0, i;

	for (i = 0; i < n && i + 1 < to_bytes && from[i]; i++)
		to[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
	to[i] = '\0';
}

static KernelState get_state(struct nlattr *a)
{
	uint32_t state = get_u32(a, KERNEL_STATE_MAX);

	return state < KERNEL_STATE_MAX ? (KernelState)state : KERNEL_STATE_INVALID;
}

static int get_id(struct nlattr *a, int32_t *ret)
{
	uint32_t id = get_u32(a, INT32_MAX);

	if (id >= INT32_MAX)
		return -EBADMSG;
	*ret = (int32_t)id;
	return 0;
}

int net_decode_event(const struct nlmsghdr *message, NetEvent *ret)
{
	NetEvent e = { .cell_id = -1 };
	Attributes a;
	int r;

	r = parse(message, JAILHOUSE_CMD_EVENT, a);
	if (r < 0)
		return r;
	if (!a[JAILHOUSE_ATTR_SEQ] || !a[JAILHOUSE_ATTR_EVENT])
		return -EBADMSG;

	e.seq = get_u64(a[JAILHOUSE_ATTR_SEQ]);
	e.type = (NetEventType)get_u32(a[JAILHOUSE_ATTR_EVENT], 0);
	if (e.type < NET_EVENT_ENABLED || e.type >= NET_EVENT_MAX)
		return -EOPNOTSUPP;
	if (a[JAILHOUSE_ATTR_CELL_ID]) {
		r = get_id(a[JAILHOUSE_ATTR_CELL_ID], &e.cell_id);
		if (r < 0)
			return r;
	}
	get_text(a[JAILHOUSE_ATTR_CELL_NAME], e.name, sizeof(e.name));
	e.state = get_state(a[JAILHOUSE_ATTR_CELL_STATE]);
	e.has_cpu = a[JAILHOUSE_ATTR_CPU];
	e.cpu = get_u32(a[JAILHOUSE_ATTR_CPU], 0);
	e.has_address = a[JAILHOUSE_ATTR_ADDRESS];
	e.address = get_u64(a[JAILHOUSE_ATTR_ADDRESS]);
	e.access = get_u32(a[JAILHOUSE_ATTR_ACCESS], 0);
	e.device = get_u32(a[JAILHOUSE_ATTR_DEVICE], 0);
	e.time_usec = get_u64(a[JAILHOUSE_ATTR_TIME]) / 1000;
	get_text(a[JAILHOUSE_ATTR_CAUSE], e.cause, sizeof(e.cause));
	get_text(a[JAILHOUSE_ATTR_TEXT], e.text, sizeof(e.text));

	*ret = e;
	return 0;
}

static int decode_cpu(struct nlattr *nested, KernelCell *cell, KernelCpu *ret)
{
	const struct nlattr *counters;
	Attributes a;

	if (nla_parse_nested(a, JAILHOUSE_ATTR_MAX, nested, policy) < 0 || !a[JAILHOUSE_ATTR_CPU])
		return -EBADMSG;
	*ret = (KernelCpu){ .cpu = nla_get_u32(a[JAILHOUSE_ATTR_CPU]) };
	memcpy(ret->cell, cell->name, sizeof(ret->cell));
	kernel_cpu_set_add(&cell->cpus, ret->cpu);
	if (get_u32(a[JAILHOUSE_ATTR_CPU_STATE], 0) != 0)
		kernel_cpu_set_add(&cell->failed, ret->cpu);
	counters = a[JAILHOUSE_ATTR_COUNTERS];
	if (counters)
		memcpy(ret->counters, nla_data(counters), MIN((size_t)nla_len(counters), sizeof(ret->counters)));
	return 0;
}

static int add_cpu(KernelCpu **cpus, size_t *n_cpus, const KernelCpu *cpu)
{
	KernelCpu *longer = reallocarray(*cpus, *n_cpus + 1, sizeof(*longer));

	if (!longer)
		return -ENOMEM;
	longer[(*n_cpus)++] = *cpu;
	*cpus = longer;
	return 0;
}

int net_decode_cell(const struct nlmsghdr *message, KernelCell *ret, KernelCpu **cpus, size_t *n_cpus,
		    uint64_t *ret_seq)
{
	struct nlmsghdr *m = (struct nlmsghdr *)(uintptr_t)message;
	KernelCell cell = { .id = -1 };
	struct nlattr *one;
	KernelCpu cpu;
	Attributes a;
	int r, rest;

	r = parse(message, JAILHOUSE_CMD_GET_CELL, a);
	if (r < 0)
		return r;
	if (!a[JAILHOUSE_ATTR_CELL_NAME])
		return -EBADMSG;
	r = get_id(a[JAILHOUSE_ATTR_CELL_ID], &cell.id);
	if (r < 0)
		return r;
	get_text(a[JAILHOUSE_ATTR_CELL_NAME], cell.name, sizeof(cell.name));
	cell.state = get_state(a[JAILHOUSE_ATTR_CELL_STATE]);

	nla_for_each_attr(one, genlmsg_attrdata(genlmsg_hdr(m), 0), genlmsg_attrlen(genlmsg_hdr(m), 0), rest)
	{
		if (nla_type(one) != JAILHOUSE_ATTR_CPU_STATS)
			continue;
		r = decode_cpu(one, &cell, &cpu);
		if (r >= 0)
			r = add_cpu(cpus, n_cpus, &cpu);
		if (r < 0)
			return r;
	}

	*ret = cell;
	*ret_seq = get_u64(a[JAILHOUSE_ATTR_SEQ]);
	return 0;
}

int net_decode_info(const struct nlmsghdr *message, KernelInfo *ret)
{
	Attributes a;
	int r;

	r = parse(message, JAILHOUSE_CMD_GET_INFO, a);
	if (r < 0)
		return r;
	if (!a[JAILHOUSE_ATTR_ENABLED] || !a[JAILHOUSE_ATTR_SEQ])
		return -EBADMSG;

	*ret = (KernelInfo){
		.present = true,
		.enabled = nla_get_u8(a[JAILHOUSE_ATTR_ENABLED]),
		.seq = get_u64(a[JAILHOUSE_ATTR_SEQ]),
		.mem_pool_pages = get_u32(a[JAILHOUSE_ATTR_MEM_POOL_SIZE], 0),
		.mem_pool_used = get_u32(a[JAILHOUSE_ATTR_MEM_POOL_USED], 0),
		.remap_pool_pages = get_u32(a[JAILHOUSE_ATTR_REMAP_POOL_SIZE], 0),
		.remap_pool_used = get_u32(a[JAILHOUSE_ATTR_REMAP_POOL_USED], 0),
	};
	return 0;
}
