/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel module's generic netlink family: events as they happen, and the whole state on request.
 *
 * Events count without gaps. Whoever is told `lost` has missed some and takes a new snapshot.
 */
#ifndef CELLD_NET_H
#define CELLD_NET_H

#include <systemd/sd-event.h>

#include "kernel-cell.h"

typedef enum NetEventType {
	NET_EVENT_ENABLED = 1, /**< numbers as in enum jailhouse_event */
	NET_EVENT_DISABLED,
	NET_EVENT_CREATED,
	NET_EVENT_LOADABLE,
	NET_EVENT_STARTED,
	NET_EVENT_STATE,
	NET_EVENT_CPU_PARKED,
	NET_EVENT_FAILED,
	NET_EVENT_DESTROYED,
	NET_EVENT_REFUSED,
	NET_EVENT_DMA_FAULT,
	NET_EVENT_MAX,
} NetEventType;

#define NET_TEXT_BYTES 256
#define NET_ACCESS_WRITE 0x100

typedef struct NetEvent {
	uint64_t seq;
	NetEventType type;
	int32_t cell_id; /**< < 0: not about a cell */
	char name[KERNEL_CELL_NAME_BYTES];
	KernelState state; /**< KERNEL_STATE_INVALID: not told */
	bool has_cpu, has_address;
	uint32_t cpu;
	uint64_t address;
	uint32_t access;    /**< NET_ACCESS_WRITE */
	uint32_t device;    /**< PCI function of a DMA fault: bus << 8 | device << 3 | function */
	uint64_t time_usec; /**< CLOCK_MONOTONIC, 0: not told */
	char cause[32];	    /**< texts are printable ASCII */
	char text[NET_TEXT_BYTES];
} NetEvent;

typedef struct NetHandler {
	void (*event)(const NetEvent *event, void *userdata);
	void (*lost)(void *userdata);
	void (*module)(bool present, void *userdata); /**< loaded or unloaded */
} NetHandler;

typedef struct Net Net;

/** net_new - subscribe; works without the module too, and notices when it comes */
int net_new(sd_event *event, const NetHandler *handler, void *userdata, Net **ret);
Net *net_free(Net *net);
DEFINE_CLEANUP(Net *, net_free)

/** net_drain - handle the events that are there already, now */
void net_drain(Net *net);

/**
 * net_snapshot - read the state of hypervisor and cells
 * @ret_cells: allocated, root cell (id 0) included; empty while disabled
 *
 * Blocks as long as the module is busy. Return: 0, also without module (then @ret_info.present is false); -errno.
 */
int net_snapshot(KernelInfo *ret_info, KernelCell **ret_cells, size_t *ret_n_cells);

/**
 * net_count - read the counters of all CPUs
 * @ret_cpus: allocated, root's included; those of a cell are next to each other
 *
 * Blocks and returns as net_snapshot() does; nothing is counted without module or hypervisor.
 */
int net_count(KernelCpu **ret_cpus, size_t *ret_n_cpus);

#endif
