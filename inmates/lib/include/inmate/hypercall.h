/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hypercalls by VMMCALL or VMCALL, whichever the CPU has.
 */
#ifndef INMATE_HYPERCALL_H
#define INMATE_HYPERCALL_H

#include <hypercall.h>
#include "types.h"

/** hypercall_vendor_amd - whether the CPU calls itself AuthenticAMD */
bool hypercall_vendor_amd(void);

/**
 * hypercall - call the hypervisor
 * @number: CELL_HC_*
 * @arg1:   as of the call
 * @arg2:   as of the call
 *
 * Return: as of the call; negative errno. Without a hypervisor below, an invalid-opcode exception.
 */
s64 hypercall(u64 number, u64 arg1, u64 arg2);

#endif
