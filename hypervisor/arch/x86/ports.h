/* SPDX-License-Identifier: GPL-2.0-only */
/* I/O ports: the permission maps of root and cells. */
#ifndef X86_PORTS_H
#define X86_PORTS_H

#include <hv/cell.h>

/** ports_init() - build a cell's port map; 0, -EBUSY if a port is not root's, -ENOMEM, refused by name */
int ports_init(struct cell *cell);
/** ports_exit() - free it; it may not be there */
void ports_exit(struct cell *cell);
/** ports_take() - remove the cell's ports from root; root's CPUs suspended */
void ports_take(const struct cell *cell);
/** ports_give() - give back those that root's configuration lists */
void ports_give(const struct cell *cell);

#endif
