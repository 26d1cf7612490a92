/* SPDX-License-Identifier: GPL-2.0-only */
/* Trapped memory: windows in a cell's guest-physical space whose accesses are carried out by a handler. */
#ifndef HV_MMIO_H
#define HV_MMIO_H

#include <hv/types.h>

struct cell;
struct cell_config;
struct pcpu;
struct mmio_window;

/** struct mmio_access - one decoded access of a guest */
struct mmio_access {
	u64 address; /**< guest-physical */
	u8 size;     /**< bytes: 1, 2, 4, 8; lies within the window */
	bool write;
	u64 value; /**< written, no more bits than size has; or the result, from the handler */
};

/** mmio_handler - true: done or rightly ignored; false: a violation, nothing was done */
typedef bool mmio_handler(struct pcpu *cpu, const struct mmio_window *w, struct mmio_access *a);

/** struct mmio_window - a range and who handles it */
struct mmio_window {
	u64 start, size; /**< guest-physical, bytes */
	mmio_handler *handler;
	const void *context; /**< the handler's own */
};

/** struct mmio_table - the windows of a cell, in ascending order; fixed from the end of the cell's creation on */
struct mmio_table {
	struct mmio_window *windows;
	u32 count, pages;
};

/** mmio_init() - make room for as many windows as the cell's configuration can ask for; 0 or -ENOMEM */
int mmio_init(struct cell *cell);
/** mmio_exit() - give it back; it may not be there */
void mmio_exit(struct cell *cell);

/**
 * mmio_add() - add a window
 *
 * Context: while the cell or the root cell is made.
 * Return: 0, -EINVAL if the range is empty, wraps around or overlaps another window, -ENOMEM; refused by address.
 */
int mmio_add(struct cell *cell, const struct mmio_window *window);

/** mmio_find() - the window that has an address of the cell, or NULL; binary search */
const struct mmio_window *mmio_find(const struct cell *cell, u64 address);

/** mmio_emulate() - carry out an access of @cpu to @window; false: violation */
bool mmio_emulate(struct pcpu *cpu, const struct mmio_window *window, struct mmio_access *a);

/** mmio_forward() - do the access on device registers at a physical address, in its width */
void mmio_forward(paddr_t phys, struct mmio_access *a);

#endif
