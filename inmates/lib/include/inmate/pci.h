/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * PCI configuration space by ports (mechanism 1), and messages of MSI-X.
 */
#ifndef INMATE_PCI_H
#define INMATE_PCI_H

#include "types.h"

#define PCI_NONE 0xffffffffU /**< no function; what reading one that is not there gives */

/** pci_read, pci_write - 32 bits of a function's registers; @reg: multiple of 4, below 256 */
u32 pci_read(u32 bdf, u32 reg);
void pci_write(u32 bdf, u32 reg, u32 value);

/** pci_find - the first function from @bdf on, of bus 0, with these two as its first register; or PCI_NONE */
u32 pci_find(u16 vendor, u16 device, u32 bdf);

/** pci_find_cap - register where a capability begins, or 0 */
u32 pci_find_cap(u32 bdf, u8 id);

/** pci_msix_set - let entry @index of a table interrupt this CPU by @vector */
void pci_msix_set(volatile u32 *table, unsigned int index, u8 vector);

#endif
