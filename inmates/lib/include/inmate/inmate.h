/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Everything of the inmate library, and the one function that an inmate must define.
 */
#ifndef INMATE_INMATE_H
#define INMATE_INMATE_H

#include "apic.h"
#include "asm.h"
#include "cell.h"
#include "cmdline.h"
#include "console.h"
#include "format.h"
#include "heartbeat.h"
#include "hypercall.h"
#include "interrupts.h"
#include "ivshmem.h"
#include "paging.h"
#include "pci.h"
#include "printk.h"
#include "smp.h"
#include "stats.h"
#include "string.h"
#include "timing.h"

/**
 * inmate_run - the inmate's program
 *
 * Context: first CPU of the cell, 64-bit mode, library set up, interrupts off. Returning means "shut down".
 */
void inmate_run(void);

#endif
