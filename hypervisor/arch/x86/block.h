/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory block of a CPU: its data, the pages that SVM wants, its stacks between guard pages. */
#ifndef X86_BLOCK_H
#define X86_BLOCK_H

#include <hv/cell.h>

/** struct cpu_block - aligned to its size, so that any stack pointer leads to it */
struct cpu_block {
	union {
		struct pcpu cpu;
		u8 cpu_page[PAGE_SIZE];
	};
	u8 vmcb[PAGE_SIZE];	   /**< guest state */
	u8 host_save[PAGE_SIZE];   /**< VM_HSAVE_PA, format unknown to software */
	u8 host_vmcb[PAGE_SIZE];   /**< VMLOAD/VMSAVE part of our own state: TR above all */
	u8 guard0[PAGE_SIZE];	   /**< not mapped */
	u8 fault_stack[PAGE_SIZE]; /**< IST 1: every exception of our own */
	u8 guard1[PAGE_SIZE];	   /**< not mapped */
	u8 stack[9 * PAGE_SIZE];
};

_Static_assert(sizeof(struct pcpu) <= PAGE_SIZE, "pcpu fits its page");
_Static_assert(sizeof(struct cpu_block) == HV_BLOCK_SIZE, "block size");

static inline struct cpu_block *block_of(const struct pcpu *cpu)
{
	return (struct cpu_block *)cpu;
}

#endif
