/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ivshmem v2: memory that is shared with other cells, their states, and doorbells.
 */
#ifndef INMATE_IVSHMEM_H
#define INMATE_IVSHMEM_H

#include <ivshmem.h>
#include "types.h"

/** struct ivshmem - a device that was opened */
struct ivshmem {
	u32 bdf;
	u32 id;	   /**< own peer ID */
	u32 peers; /**< at most */
	u32 vectors;
	volatile u32 *regs, *msix;
	const volatile u32 *states; /**< of all peers */
	u8 *rw;			    /**< what all peers may write */
	u64 rw_bytes;
	u8 *outputs; /**< sections of all peers, one behind the other; only the own one may be written */
	u64 output_bytes;
};

/**
 * ivshmem_open - find a device, give it addresses, map all that it has
 * @index: 0 is the first on bus 0
 * @bars: guest-physical address where nothing is, for its registers: 64 KiB, multiple of that
 *
 * Interrupts are off. Return: false if there is no such device, or page tables are used up.
 */
bool ivshmem_open(struct ivshmem *device, unsigned int index, u32 bars);

/** ivshmem_output - section of a peer */
static inline u8 *ivshmem_output(const struct ivshmem *device, u32 peer)
{
	return device->outputs + peer * device->output_bytes;
}

/** ivshmem_irq - let vector @index of the device interrupt this CPU by @vector, and switch interrupts on */
void ivshmem_irq(const struct ivshmem *device, unsigned int index, u8 vector);

/** ivshmem_one_shot - an interrupt switches interrupts off, until ivshmem_enable() */
void ivshmem_one_shot(const struct ivshmem *device, bool on);

/** ivshmem_enable - switch interrupts on or off */
static inline void ivshmem_enable(const struct ivshmem *device, bool on)
{
	device->regs[IVSHMEM_INTERRUPT / 4] = on;
}

/** ivshmem_ring - interrupt a peer; what was written before is seen by it */
static inline void ivshmem_ring(const struct ivshmem *device, u32 peer, u32 vector)
{
	device->regs[IVSHMEM_DOORBELL / 4] = peer << 16 | vector;
}

/** ivshmem_set_state - tell all peers, whom a change interrupts by vector 0 */
static inline void ivshmem_set_state(const struct ivshmem *device, u32 state)
{
	device->regs[IVSHMEM_STATE / 4] = state;
}

#endif
