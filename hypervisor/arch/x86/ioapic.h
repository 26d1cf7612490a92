/* SPDX-License-Identifier: GPL-2.0-only */
/* I/O APICs: which cell has which pin, and what may be programmed there. */
#ifndef X86_IOAPIC_H
#define X86_IOAPIC_H

#include <hv/cell.h>

/** ioapic_init() - take over the chips that root's configuration lists; after root's regions were mapped. 0 or -errno
 */
int ioapic_init(void);
/** ioapic_init_cell() - check the cell's pins and trap its pages; 0, -EINVAL, -EBUSY, -ENOMEM, refused by name */
int ioapic_init_cell(struct cell *cell);
/** ioapic_exit_cell() - free what that allocated */
void ioapic_exit_cell(struct cell *cell);
/** ioapic_take() - move the cell's pins from root, masked; root's CPUs suspended, the cell's are its own already */
void ioapic_take(const struct cell *cell);
/** ioapic_give() - move them back after ioapic_reset(), as root programmed them last */
void ioapic_give(const struct cell *cell);
/** ioapic_reset() - mask all pins of the cell */
void ioapic_reset(const struct cell *cell);

#endif
