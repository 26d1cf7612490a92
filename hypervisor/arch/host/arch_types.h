/* SPDX-License-Identifier: GPL-2.0-only */
/* Pretend architecture: what it keeps per CPU and per cell, and how a CPU, which is a thread, finds its own. */
#ifndef HV_ARCH_TYPES_H
#define HV_ARCH_TYPES_H

#include <hv/types.h>

#define ARCH_REMAP_PAGES 131072

/** struct arch_cell - a pool page, so that there is something to leak */
struct arch_cell {
	void *page;
};

/** What a pretend CPU does outside of the hypervisor. */
enum fake_cpu_state {
	FAKE_NATIVE,  /**< not in the hypervisor's hands: before setup, after arch_leave() */
	FAKE_GUEST,   /**< executes its cell */
	FAKE_PARKED,  /**< after arch_park() */
	FAKE_STOPPED, /**< after arch_stop(): only lets itself be suspended */
};

/** struct arch_pcpu - what the hooks did on this CPU, for tests to look at while it is idle */
struct arch_pcpu {
	enum fake_cpu_state state;
	u64 entry;		    /**< guest-physical address of the last arch_start() */
	u32 flushes, parks, starts; /**< calls of the hooks */
};

/** cpu_relax() - lets other threads run */
void cpu_relax(void);

extern _Thread_local struct pcpu *fake_this_cpu;

/** this_cpu() - NULL in the test's own thread */
static inline struct pcpu *this_cpu(void)
{
	return fake_this_cpu;
}

/** pcpu_of() - of a logical CPU below image_header.max_cpus; any other ends the test */
struct pcpu *pcpu_of(unsigned int cpu);

#endif
