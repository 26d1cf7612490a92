/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ivshmem v2: the virtual PCI device by which cells share memory and interrupt each other (abi 7).
 *
 * Devices of different cells that have the same bus address are peers of one link. The memory is in this order: state
 * table (one 32-bit word per peer), read/write section, and an output section for each peer.
 */
#ifndef CELL_ABI_IVSHMEM_H
#define CELL_ABI_IVSHMEM_H

#define IVSHMEM_VENDOR 0x110a
#define IVSHMEM_DEVICE 0x4106
#define IVSHMEM_CLASS 0xff /**< base class; sub-class and interface are the protocol */
#define IVSHMEM_PROTOCOL_UNDEFINED 0x0000
#define IVSHMEM_PROTOCOL_ETHERNET 0x0001
#define IVSHMEM_PROTOCOL_CUSTOM 0x4000
#define IVSHMEM_PROTOCOL_CUSTOM_LAST 0x7fff
#define IVSHMEM_PROTOCOL_VIRTIO_FRONT 0x8000 /**< + virtio device ID */
#define IVSHMEM_PROTOCOL_VIRTIO_BACK 0xc000  /**< + virtio device ID */

#define IVSHMEM_PEERS_MAX 12
#define IVSHMEM_VECTORS_MAX 16

/* Configuration space: the vendor-specific capability, and MSI-X if the device has vectors. */
#define IVSHMEM_CAP 0x40
#define IVSHMEM_CAP_BYTES 0x20
#define IVSHMEM_CAP_CONTROL 0x43     /**< 8 bits: IVSHMEM_ONE_SHOT */
#define IVSHMEM_CAP_STATE_SIZE 0x44  /**< 32 bits, as all below in bytes */
#define IVSHMEM_CAP_RW_SIZE 0x48     /**< 64 bits */
#define IVSHMEM_CAP_OUTPUT_SIZE 0x50 /**< 64 bits, of each peer's section */
#define IVSHMEM_CAP_BASE 0x58	     /**< 64 bits: guest-physical address of the state table */
#define IVSHMEM_CAP_MSIX 0x60
#define IVSHMEM_CONFIG_BYTES 0x80

#define IVSHMEM_ONE_SHOT 0x01 /**< an interrupt clears IVSHMEM_INTERRUPT_ENABLE */

/* BAR 0: registers of 32 bits. */
#define IVSHMEM_ID 0x00 /**< own peer ID */
#define IVSHMEM_MAX_PEERS 0x04
#define IVSHMEM_INTERRUPT 0x08 /**< IVSHMEM_INTERRUPT_ENABLE */
#define IVSHMEM_DOORBELL 0x0c  /**< write: target's peer ID << 16 | vector */
#define IVSHMEM_STATE 0x10     /**< own word of the state table; a change is vector 0 for all other peers */
#define IVSHMEM_REGISTERS_BYTES 0x14

#define IVSHMEM_INTERRUPT_ENABLE 0x01

/* BAR 1: MSI-X table, and the array of pending bits, which are never set. */
#define IVSHMEM_MSIX_PENDING 0x100
#define IVSHMEM_MSIX_BYTES 0x200

#endif
