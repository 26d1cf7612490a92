/* SPDX-License-Identifier: GPL-2.0-only */
/* ivshmem: virtual PCI devices by which cells, root included, share memory and interrupt each other (abi 7). */
#ifndef HV_IVSHMEM_H
#define HV_IVSHMEM_H

#include <hv/cell.h>
#include <hv/mmio.h>

struct ivshmem;

/**
 * ivshmem_init() - check the cell's devices and reserve their places on their links; none is in use yet
 *
 * Context: setup, or under the control lock.
 * Return: 0, -EINVAL, -EBUSY, -ENOMEM; refused by address. ivshmem_exit() takes back what there is.
 */
int ivshmem_init(struct cell *cell);
/** ivshmem_exit() - leave all links; the last one out frees the link. No CPU is the cell's any more */
void ivshmem_exit(struct cell *cell);

/** ivshmem_attach() - the cell has its memory now: begin as after reset, and whoever opens a link zeroes all states */
void ivshmem_attach(const struct cell *cell);
/** ivshmem_reset() - abi 7.5; the cell's CPUs are suspended */
void ivshmem_reset(const struct cell *cell);
/** ivshmem_settle() - whoever still sends to CPUs that a cell had until now has done so; they are suspended */
void ivshmem_settle(void);

/** ivshmem_shares() - is a range in one of the sections of a device of root's, which root need not be able to write? */
bool ivshmem_shares(paddr_t start, u64 size);
/** ivshmem_reserved() - is a part of a range memory of a device of root's? It can be had shared only */
bool ivshmem_reserved(paddr_t start, u64 size);

/** ivshmem_find() - the cell's device at a bus address, or NULL */
struct ivshmem *ivshmem_find(const struct cell *cell, u16 bdf);
/** ivshmem_config_read(), ivshmem_config_write() - as pci_read() and pci_write() */
u32 ivshmem_config_read(struct ivshmem *d, u16 reg, u8 size);
bool ivshmem_config_write(struct ivshmem *d, u16 reg, u8 size, u32 value);

/** ivshmem_window() - for an address that is in a BAR of the cell's, as programmed and enabled now; else NULL */
const struct mmio_window *ivshmem_window(const struct cell *cell, u64 address);

#endif
