/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Netlink messages of family "jailhouse" to structures. Pure functions of bytes; any bytes.
 */
#ifndef CELLD_NET_DECODE_H
#define CELLD_NET_DECODE_H

#include "net.h"

struct nlmsghdr;

/*
 * Each takes one complete message, whose nlmsg_len the caller has found to fit its buffer. Return: 0; -EBADMSG for a
 * message that is malformed or lacks what it must have; -EOPNOTSUPP for another command or an unknown event.
 */
int net_decode_event(const struct nlmsghdr *message, NetEvent *ret);
int net_decode_info(const struct nlmsghdr *message, KernelInfo *ret);

/** net_decode_cell - its CPUs are added to the array @cpus, also before an error; -ENOMEM as well */
int net_decode_cell(const struct nlmsghdr *message, KernelCell *ret, KernelCpu **cpus, size_t *n_cpus,
		    uint64_t *ret_seq);

#endif
