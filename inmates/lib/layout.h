/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Numbers shared by assembly and C: selectors and the memory of each CPU.
 *
 * A CPU's block is, from low to high: guard page, stack, interrupt stack for double faults.
 */
#ifndef INMATE_LAYOUT_H
#define INMATE_LAYOUT_H

#define SELECTOR_CODE32 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_CODE64 0x18
#define SELECTOR_TSS 0x20 /* one of 16 bytes per CPU */

#define LAYOUT_CPUS 8
#define LAYOUT_CPU_BYTES 0x4000
#define LAYOUT_STACK_TOP 0x3000

#endif
