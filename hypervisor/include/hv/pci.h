/* SPDX-License-Identifier: GPL-2.0-only */
/* PCI: who owns which function, and the moderation of configuration space and of message-signalled interrupts. */
#ifndef HV_PCI_H
#define HV_PCI_H

#include <hv/cell.h>

/** struct msi_message - what a function writes to interrupt */
struct msi_message {
	u32 address, address_high, data;
};

/**
 * pci_init() - take over the functions that root's configuration lists; after root's regions were mapped
 *
 * Without any, PCI stays root's alone and is not moderated. Return: 0, -EINVAL, -ENOMEM; refused by address.
 */
int pci_init(void);

/** pci_init_cell() - check the cell's functions and trap what must be; 0, -EBUSY, -EINVAL, -ENOMEM, refused by address
 */
int pci_init_cell(struct cell *cell);

/** pci_take() - make the cell the owner of its functions, and reset them; root's CPUs suspended, the cell's are its own
 */
void pci_take(struct cell *cell);
/** pci_give() - make root the owner again, after pci_reset(); root has its CPUs again */
void pci_give(const struct cell *cell);
/** pci_reset() - no function of the cell interrupts or accesses memory any more (abi 4.9); its CPUs suspended */
void pci_reset(const struct cell *cell);

/** pci_is_moderated() - root has those functions only that it lists; from its configuration's check on */
bool pci_is_moderated(void);
/** pci_is_trapped() - so are its own accesses to configuration space, by which it also finds virtual devices */
bool pci_is_trapped(void);

/** pci_owner() - the cell that has a function; root, if nobody has; Context: a root CPU */
const struct cell *pci_owner(u16 bdf);

/** pci_reserved() - does a range touch the MSI-X table of any function? */
bool pci_reserved(paddr_t start, u64 size);

/**
 * pci_read() - a guest reads configuration space
 * @reg: offset, with @size bytes of one aligned group of four
 *
 * Return: all ones if the function is not the cell's.
 */
u32 pci_read(const struct cell *cell, u16 bdf, u16 reg, u8 size);
/** pci_write() - and writes; false: violation */
bool pci_write(const struct cell *cell, u16 bdf, u16 reg, u8 size, u32 value);

#endif
