/* SPDX-License-Identifier: GPL-2.0-only */
/* Cache allocation: which cell fills which ways of the L3 cache. */
#ifndef X86_CAT_H
#define X86_CAT_H

#include <hv/cell.h>

/** cat_init() - see what the machine has; before root's MSR map is made */
void cat_init(void);

/** cat_init_cell() - choose the class of a cell, root first; 0, -EINVAL, -EBUSY, refused by name */
int cat_init_cell(struct cell *cell);
/** cat_take() - root fills the cell's ways no more; every CPU of both applies it on resume */
void cat_take(const struct cell *cell);
/** cat_give() - root fills those ways again that its configuration lists */
void cat_give(const struct cell *cell);

/** cat_init_cpu() - keep what Linux had on this CPU */
void cat_init_cpu(struct pcpu *cpu);
/** cat_apply() - this CPU fills the ways of its cell; Context: behind each change of the cell's ways, or of its CPUs */
void cat_apply(struct pcpu *cpu);
/** cat_exit_cpu() - as cat_init_cpu() found it */
void cat_exit_cpu(struct pcpu *cpu);

/** cat_owns_msr() - is the MSR ours, so that what guests write there has no effect? */
bool cat_owns_msr(u32 msr);

#endif
