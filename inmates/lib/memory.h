/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What library files share and inmates do not need: the sections of the image and each CPU's memory.
 */
#ifndef INMATE_MEMORY_H
#define INMATE_MEMORY_H

#include "inmate/types.h"
#include "layout.h"

/* From inmate.lds. */
extern u8 __text_start[], __text_end[], __rodata_end[], __bss_end[];

/* Defined in paging.c, see layout.h. */
extern u8 cpu_blocks[LAYOUT_CPUS * LAYOUT_CPU_BYTES];

/** interrupts_init_cpu - load IDT and TSS on CPU @cpu, the calling one */
void interrupts_init_cpu(unsigned int cpu);

#endif
