/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading a guest's memory as the guest itself sees it. */
#ifndef X86_GUEST_H
#define X86_GUEST_H

#include "vcpu.h"

/**
 * guest_fetch() - instruction bytes at the guest's RIP
 * @cpu: this CPU
 * @view: its guest state
 * @buf: room for @size bytes
 * @size: how many are wanted
 *
 * Return: how many could be read, up to the first page that is not mapped.
 */
unsigned int guest_fetch(struct pcpu *cpu, const struct vcpu_view *view, u8 *buf, unsigned int size);

/** guest_forget() - stage-2 or the cell of this CPU has changed: look anew */
void guest_forget(struct pcpu *cpu);

#endif
