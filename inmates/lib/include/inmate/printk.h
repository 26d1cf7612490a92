/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Formatted output to the console.
 */
#ifndef INMATE_PRINTK_H
#define INMATE_PRINTK_H

#include "types.h"

/**
 * printk - print to all consoles of the inmate
 * @fmt: as of format_va(); at most 255 bytes per call come out
 *
 * Context: any; calls of several CPUs do not mix within a call.
 */
void printk(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
