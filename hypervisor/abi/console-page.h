/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Console page: what a cell has printed by hypercall, one page per cell, written by the hypervisor, read-only for root
 * and out of reach of the cell.
 *
 * It comes with the creation of a cell that may print and lasts until the cell is destroyed, through all of its
 * starts. The text is untrusted input to everybody.
 */
#ifndef CELL_ABI_CONSOLE_PAGE_H
#define CELL_ABI_CONSOLE_PAGE_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
#endif

#define CELL_CONSOLE_BYTES 4072

/**
 * struct cell_console_page - the newest output of a cell
 *
 * Byte i of the stream is content[i % CELL_CONSOLE_BYTES]. It is stored before tail counts it, so a reader needs no
 * lock: read tail, copy, read tail again; a byte of the copy is good if its number is greater than that tail -
 * CELL_CONSOLE_BYTES (the byte with just that number may be being overwritten).
 */
struct cell_console_page {
	volatile uint64_t tail;	   /**< bytes ever printed by this cell */
	volatile uint64_t start;   /**< tail when it was started last */
	volatile uint64_t created; /**< time stamp counter at creation, not 0: tells one cell from the next */
	char content[CELL_CONSOLE_BYTES];
};

_Static_assert(sizeof(struct cell_console_page) == 4096, "console page");

#endif
