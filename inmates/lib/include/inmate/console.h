/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Consoles: a UART of type 8250, the hypervisor's console, or both.
 *
 * The communication page says which; these command-line options overrule it: con-type=8250 or anything else for none,
 * con-base=, con-divider=, con-is-mmio, con-regdist-1, and con-virtual where the hypervisor permits it.
 */
#ifndef INMATE_CONSOLE_H
#define INMATE_CONSOLE_H

#include "types.h"

/** console_init - choose and set up the consoles. Context: once, after cell_init(), cmdline_init() and timing_init() */
void console_init(void);

/** console_write - write bytes to each console; the UART gets CR LF for LF. A dead UART loses bytes, never blocks. */
void console_write(const char *text, size_t bytes);

/** console_read_byte - take a received byte from the UART. Return: 0 to 255, or -1 if there is none */
int console_read_byte(void);

#endif
