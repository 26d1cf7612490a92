/* SPDX-License-Identifier: GPL-2.0-only */
/* Event ring: what happened to cells, told to root by memory and an interrupt. */
#ifndef HV_EVENT_H
#define HV_EVENT_H

#include <hv/types.h>

struct cell;
struct pcpu;

/** struct violation - what a CPU did that it must not do */
struct violation {
	u32 cause;	  /**< enum hv_cause */
	u32 access;	  /**< width in bytes | HV_EVENT_WRITE | HV_EVENT_FETCH */
	u64 address;	  /**< see enum hv_cause */
	const char *what; /**< for people: "write to unowned memory" */
};

/** event_cell() - report a change of a cell; @type: enum hv_event_type */
void event_cell(u32 type, const struct cell *cell);

/** event_parked() - report that a CPU of a cell was parked */
void event_parked(const struct pcpu *cpu, const struct violation *v);

/** event_dma() - report that a device of a cell was kept from memory; @access: HV_EVENT_WRITE or 0 */
void event_dma(const struct cell *cell, u16 bdf, u64 address, u32 access);

/**
 * refuse() - explain why a management call is about to fail
 * @err: negative error, returned unchanged
 * @fmt: names the resource
 *
 * Context: under the control lock. The text goes to the console, to the ring's refusal and into an event.
 */
int refuse(int err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/** event_set_irq() - where to announce new events; vector 0: nowhere */
void event_set_irq(u32 apic_id, u32 vector);

/** event_announce() - interrupt root if there is something new; outside of all locks */
void event_announce(void);

#endif
