/* SPDX-License-Identifier: GPL-2.0-only */
/* A PCI function, as pci.c (who has it, its registers) and msi.c (its messages) share it. */
#ifndef CORE_PCI_H
#define CORE_PCI_H

#include <hv/cell.h>
#include <hv/lock.h>
#include <hv/mmio.h>
#include <hv/pci.h>
#include <hv/types.h>

#define TYPE_DEVICE 1
#define TYPE_BRIDGE 2
#define TYPE_IVSHMEM 3

#define BDF "%04x:%02x:%02x.%u"
#define BDF_OF(d) (d)->domain, (d)->bdf >> 8, (d)->bdf >> 3 & 0x1f, (d)->bdf & 7

/** for_each_device() - all entries of a configuration, whatever they are */
#define for_each_device(d, config)                                                                                    \
	for ((d) = CONFIG_ARRAY(config, cell_pci_device, cell_config_pci_offset(config));                             \
	     (d) < CONFIG_ARRAY(config, cell_pci_device, cell_config_pci_offset(config)) + (config)->num_pci_devices; \
	     (d)++)

#define PCI_BARS 6
#define REG_COMMAND 0x04
#define COMMAND_DECODE 0x0003 /**< I/O or memory */
#define COMMAND_MEMORY 0x0002
#define COMMAND_NO_INTX 0x0400
#define REG_BAR0 0x10
#define REG_BAR_END 0x28
#define REG_INTERRUPT 0x3c
#define REG_HEADER_END 0x40 /**< capabilities are behind it */

/** enum pci_rule - what may be done with a register of the header */
enum pci_rule { FORBIDDEN, IGNORED, DIRECT, BAR };

/** pci_device_rule() - by a write to @bytes of the aligned group of four that has the register; not for bridges */
enum pci_rule pci_device_rule(u16 reg, u32 bytes);

/** struct msix_entry - of an MSI-X table (6.8.2.6 to 6.8.2.9) */
struct msix_entry {
	union {
		struct {
			u32 address, address_high, data, control;
		};
		u32 words[4];
	};
};

/** struct pci_function - from setup on; owner and its configuration change while root and the cell are suspended */
struct pci_function {
	const struct cell_pci_device *listed; /**< by root's configuration */
	const struct cell *owner;
	const struct cell_pci_device *device; /**< by the owner's */
	struct spinlock lock;
	u16 msi_cap, msix_cap; /**< where the hardware has them; 0: nowhere */
	bool msi_64bit;
	u32 bars[PCI_BARS];	     /**< as the owner sees them */
	u32 hardware_bars[PCI_BARS]; /**< where they are */
	u32 msi[3];		     /**< address, high half or data, data */
	struct msix_entry *msix;
};

/** pci_byte_mask() - the bytes of an access in the aligned group of four that has them */
static inline u32 pci_byte_mask(u16 reg, u8 size)
{
	return (size == 4 ? 0xffffffffU : (1U << size * 8) - 1) << (reg & 3) * 8;
}

/** pci_merge() - such a group after a write to some of its bytes */
static inline u32 pci_merge(u32 old, u16 reg, u8 size, u32 value)
{
	u32 mask = pci_byte_mask(reg, size);

	return (old & ~mask) | (value << (reg & 3) * 8 & mask);
}

/** pci_extract() - and what a read of some of its bytes gives */
static inline u32 pci_extract(u32 word, u16 reg, u8 size)
{
	return (word & pci_byte_mask(reg, size)) >> (reg & 3) * 8;
}

/* --- msi.c; all of it under the function's lock, but for msix_handle() --- */

/** msi_adopt() - find out what messages the function can send, and which it does */
void msi_adopt(struct pci_function *f);
/** msi_reset() - it sends none any more; memory decoding is on */
void msi_reset(struct pci_function *f);
/** msi_apply() - the owner's CPUs have changed: send to those that it has; what stays as it is is not touched */
void msi_apply(struct pci_function *f);

/** msi_covers() - does a register need msi_write() in place of a write to the hardware? */
bool msi_covers(const struct pci_function *f, u16 reg);
/** msi_write() - to a message, or to a control register; false: violation */
bool msi_write(struct pci_function *f, u16 reg, u8 size, u32 value);
/** msi_read() - what the owner wrote into a message; false: the register is none, ask the hardware */
bool msi_read(const struct pci_function *f, u16 reg, u8 size, u32 *ret_value);

/** msix_handle() - access to the pages of a function's MSI-X table, which is the window's context */
bool msix_handle(struct pcpu *cpu, const struct mmio_window *w, struct mmio_access *a);

#endif
