/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Generic netlink, by libnl. One socket listens to two groups: "events" of our family, and "notify" of the netlink
 * controller, which tells when the family comes and goes with the module. Snapshots use a socket of their own, so that
 * they work in a child process too.
 */
#include <linux/genetlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "net-decode.h"
#include "uapi/cell.h"

#define RECEIVE_BUFFER_BYTES (1 << 20)
#define SNAPSHOT_TRIES 100 /**< cells that restart all the time may change during many looks */

struct Net {
	struct nl_sock *socket;
	sd_event_source *source;
	const NetHandler *handler;
	void *userdata;
	int family;	   /**< 0: no module */
	uint64_t last_seq; /**< 0: none seen */
	bool family_changed;
};

static void socket_freep(struct nl_sock **s)
{
	if (*s)
		nl_socket_free(*s);
}
#define _cleanup_socket_ _cleanup_(socket_freep)

static int net_errno(int error)
{
	switch (-error) {
	case NLE_SUCCESS:
		return 0;
	case NLE_NOMEM:
		return -ENOBUFS;
	case NLE_OBJ_NOTFOUND:
		return -ENOENT;
	case NLE_PERM:
	case NLE_NOACCESS:
		return -EPERM;
	case NLE_AGAIN:
		return -EAGAIN;
	case NLE_INTR:
	case NLE_DUMP_INTR:
		return -EINTR;
	default:
		return -EIO;
	}
}

static int socket_open(struct nl_sock **ret)
{
	_cleanup_socket_ struct nl_sock *s = nl_socket_alloc();
	int r;

	if (!s)
		return -ENOMEM;
	nl_socket_disable_auto_ack(s);
	r = genl_connect(s);
	if (r < 0)
		return net_errno(r);
	*ret = TAKE_PTR(s);
	return 0;
}

/** handle_family - was it our family that came or went? */
static void handle_family(Net *net, struct nlmsghdr *message)
{
	struct nlattr *a[CTRL_ATTR_MAX + 1];
	static struct nla_policy policy[CTRL_ATTR_MAX + 1] = {
		[CTRL_ATTR_FAMILY_NAME] = { .type = NLA_STRING, .maxlen = GENL_NAMSIZ },
	};

	if (genlmsg_parse(message, 0, a, CTRL_ATTR_MAX, policy) < 0 || !a[CTRL_ATTR_FAMILY_NAME])
		return;
	if (!streq(nla_get_string(a[CTRL_ATTR_FAMILY_NAME]), JAILHOUSE_GENL_NAME))
		return;
	if (genlmsg_hdr(message)->cmd == CTRL_CMD_NEWFAMILY || genlmsg_hdr(message)->cmd == CTRL_CMD_DELFAMILY)
		net->family_changed = true;
}

static void handle_event(Net *net, const struct nlmsghdr *message)
{
	NetEvent event;
	int r = net_decode_event(message, &event);

	if (r < 0)
		return;
	if (net->last_seq > 0 && event.seq != net->last_seq + 1)
		net->handler->lost(net->userdata);
	net->last_seq = event.seq;
	net->handler->event(&event, net->userdata);
}

static int on_message(struct nl_msg *message, void *userdata)
{
	Net *net = userdata;
	struct nlmsghdr *header = nlmsg_hdr(message);

	/* Only the kernel's word counts. */
	if (nlmsg_get_src(message)->nl_pid != 0)
		return NL_SKIP;
	if (header->nlmsg_type == GENL_ID_CTRL)
		handle_family(net, header);
	else if (net->family > 0 && header->nlmsg_type == net->family)
		handle_event(net, header);
	return NL_OK;
}

/** find_family - the family's number now, and membership in its group. Requests go over another socket. */
static int find_family(Net *net)
{
	_cleanup_socket_ struct nl_sock *s = NULL;
	int r, group;

	r = socket_open(&s);
	if (r < 0)
		return r;
	r = genl_ctrl_resolve(s, JAILHOUSE_GENL_NAME);
	if (r < 0) {
		net->family = 0;
		return net_errno(r) == -ENOENT ? 0 : net_errno(r);
	}
	group = genl_ctrl_resolve_grp(s, JAILHOUSE_GENL_NAME, JAILHOUSE_GENL_GROUP);
	if (group < 0)
		return net_errno(group);
	net->family = r;
	net->last_seq = 0;
	return net_errno(nl_socket_add_membership(net->socket, group));
}

static void follow_family(Net *net)
{
	net->family_changed = false;
	if (find_family(net) < 0)
		net->family = 0;
	net->handler->module(net->family > 0, net->userdata);
}

void net_drain(Net *net)
{
	int r = nl_recvmsgs_default(net->socket);

	if (net_errno(r) == -ENOBUFS)
		net->handler->lost(net->userdata);
	if (net->family_changed)
		follow_family(net);
}

static int on_readable(_unused_ sd_event_source *source, _unused_ int fd, _unused_ uint32_t events, void *userdata)
{
	net_drain(userdata);
	return 0;
}

static int listen_to_controller(Net *net)
{
	_cleanup_socket_ struct nl_sock *s = NULL;
	int r, group;

	r = socket_open(&s);
	if (r < 0)
		return r;
	group = genl_ctrl_resolve_grp(s, "nlctrl", "notify");
	if (group < 0)
		return net_errno(group);
	return net_errno(nl_socket_add_membership(net->socket, group));
}

int net_new(sd_event *event, const NetHandler *handler, void *userdata, Net **ret)
{
	_cleanup_(net_freep) Net *net = calloc(1, sizeof(*net));
	int r;

	if (!net)
		return -ENOMEM;
	net->handler = handler;
	net->userdata = userdata;
	r = socket_open(&net->socket);
	if (r < 0)
		return r;
	nl_socket_disable_seq_check(net->socket);
	nl_socket_modify_cb(net->socket, NL_CB_VALID, NL_CB_CUSTOM, on_message, net);
	(void)nl_socket_set_buffer_size(net->socket, RECEIVE_BUFFER_BYTES, 0);
	r = nl_socket_set_nonblocking(net->socket);
	if (r < 0)
		return net_errno(r);

	/* First the controller, then the look: a module that comes in between is not missed. */
	r = listen_to_controller(net);
	if (r < 0)
		return r;
	r = find_family(net);
	if (r < 0)
		return r;
	r = sd_event_add_io(event, &net->source, nl_socket_get_fd(net->socket), EPOLLIN, on_readable, net);
	if (r < 0)
		return r;
	/* What happened comes before what was asked for. */
	(void)sd_event_source_set_priority(net->source, SD_EVENT_PRIORITY_IMPORTANT);
	*ret = TAKE_PTR(net);
	return 0;
}

Net *net_free(Net *net)
{
	if (!net)
		return NULL;
	sd_event_source_disable_unref(net->source);
	if (net->socket)
		nl_socket_free(net->socket);
	free(net);
	return NULL;
}

typedef struct Snapshot {
	KernelInfo info;
	KernelCell *cells;
	size_t n_cells;
	KernelCpu *cpus;
	size_t n_cpus;
	int error;
	bool done;
} Snapshot;

static void snapshot_done(Snapshot *s)
{
	free(s->cells);
	free(s->cpus);
}

static int on_info(struct nl_msg *message, void *userdata)
{
	Snapshot *s = userdata;

	s->error = net_decode_info(nlmsg_hdr(message), &s->info);
	s->done = true;
	return NL_STOP;
}

static int on_cell(struct nl_msg *message, void *userdata)
{
	Snapshot *s = userdata;
	KernelCell *longer = reallocarray(s->cells, s->n_cells + 1, sizeof(*longer));
	uint64_t seq = 0;
	int r;

	if (!longer) {
		s->error = -ENOMEM;
		return NL_STOP;
	}
	s->cells = longer;
	r = net_decode_cell(nlmsg_hdr(message), &s->cells[s->n_cells], &s->cpus, &s->n_cpus, &seq);
	if (r < 0) {
		s->error = r;
		return NL_STOP;
	}
	s->n_cells++;
	return NL_OK;
}

static int on_end(_unused_ struct nl_msg *message, void *userdata)
{
	Snapshot *s = userdata;

	s->done = true;
	return NL_STOP;
}

static int on_error(_unused_ struct sockaddr_nl *from, struct nlmsgerr *error, void *userdata)
{
	Snapshot *s = userdata;

	s->error = error->error < 0 ? error->error : -EIO;
	s->done = true;
	return NL_STOP;
}

static int request(struct nl_sock *socket, int family, uint8_t command, int flags, nl_recvmsg_msg_cb_t valid,
		   Snapshot *s)
{
	int r;

	nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, valid, s);
	nl_socket_modify_cb(socket, NL_CB_FINISH, NL_CB_CUSTOM, on_end, s);
	nl_socket_modify_err_cb(socket, NL_CB_CUSTOM, on_error, s);
	s->done = false;
	s->error = 0;

	r = genl_send_simple(socket, family, command, JAILHOUSE_GENL_VERSION, flags);
	while (r >= 0 && !s->done && s->error == 0)
		r = nl_recvmsgs_default(socket);
	return s->error < 0 ? s->error : net_errno(MIN(r, 0));
}

/** take_once - Return: 0; -EINTR if the cells changed while they were read; -errno */
static int take_once(Snapshot *ret)
{
	_cleanup_socket_ struct nl_sock *socket = NULL;
	_cleanup_(snapshot_done) Snapshot s = { 0 };
	int r, family;

	r = socket_open(&socket);
	if (r < 0)
		return r;
	family = genl_ctrl_resolve(socket, JAILHOUSE_GENL_NAME);
	if (family < 0 && net_errno(family) != -ENOENT)
		return net_errno(family);

	/* Information first: its sequence number is then not newer than the cells. */
	if (family > 0) {
		r = request(socket, family, JAILHOUSE_CMD_GET_INFO, 0, on_info, &s);
		if (r >= 0 && s.info.enabled)
			r = request(socket, family, JAILHOUSE_CMD_GET_CELL, NLM_F_DUMP, on_cell, &s);
		if (r < 0)
			return r;
	}
	*ret = s;
	s = (Snapshot){ 0 };
	return 0;
}

static int take_snapshot(Snapshot *ret)
{
	int r = -EINTR;

	for (unsigned i = 0; r == -EINTR && i < SNAPSHOT_TRIES; i++)
		r = take_once(ret);
	return r;
}

int net_snapshot(KernelInfo *ret_info, KernelCell **ret_cells, size_t *ret_n_cells)
{
	_cleanup_(snapshot_done) Snapshot s = { 0 };
	int r = take_snapshot(&s);

	if (r < 0)
		return r;
	*ret_info = s.info;
	*ret_cells = TAKE_PTR(s.cells);
	*ret_n_cells = s.n_cells;
	return 0;
}

int net_count(KernelCpu **ret_cpus, size_t *ret_n_cpus)
{
	_cleanup_(snapshot_done) Snapshot s = { 0 };
	int r = take_snapshot(&s);

	if (r < 0)
		return r;
	*ret_cpus = TAKE_PTR(s.cpus);
	*ret_n_cpus = s.n_cpus;
	return 0;
}
