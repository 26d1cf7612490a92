/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * First C code of an inmate: bring up the library in the order of its dependencies, then run the inmate.
 */
#include "inmate/inmate.h"

extern const char boot_cmdline[];

void inmate_start(void);

/** inmate_start - called by start.S on the first CPU, with cleared BSS and interrupts off */
void inmate_start(void)
{
	paging_init();
	interrupts_init();
	cell_init();
	cmdline_init(boot_cmdline, CMDLINE_BYTES);
	timing_init();
	console_init();
	apic_init();
	inmate_run();
	cell_stop(CELL_STATE_SHUT_DOWN);
}
