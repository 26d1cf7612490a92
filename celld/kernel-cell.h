/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plain data about cells and the hypervisor as the kernel module tells it: passed by value, through pipes too.
 */
#ifndef CELLD_KERNEL_CELL_H
#define CELLD_KERNEL_CELL_H

#include "util.h"

#define KERNEL_CELL_NAME_BYTES 32
#define KERNEL_CPU_MAX 1024 /**< CPUs above are not shown */
#define KERNEL_COUNTERS 16

/** State word of a cell; numbers as in the communication page. */
typedef enum KernelState {
	KERNEL_RUNNING,
	KERNEL_RUNNING_LOCKED,
	KERNEL_SHUT_DOWN,
	KERNEL_FAILED,
	KERNEL_ABI_MISMATCH,
	KERNEL_STATE_MAX,
	KERNEL_STATE_INVALID = -EINVAL,
} KernelState;

/** The module's words: "running", "running/locked", "shut down", "failed", "Comm ABI mismatch". */
DECLARE_STRING_TABLE(kernel_state, KernelState);

typedef struct KernelCpuSet {
	uint64_t bits[KERNEL_CPU_MAX / 64];
} KernelCpuSet;

static inline void kernel_cpu_set_add(KernelCpuSet *set, uint32_t cpu)
{
	if (cpu < KERNEL_CPU_MAX)
		set->bits[cpu / 64] |= 1ULL << cpu % 64;
}

static inline bool kernel_cpu_set_has(const KernelCpuSet *set, uint32_t cpu)
{
	return cpu < KERNEL_CPU_MAX && (set->bits[cpu / 64] >> cpu % 64 & 1);
}

/** kernel_cpu_set_next - the lowest member that is @cpu or above; KERNEL_CPU_MAX if there is none */
static inline uint32_t kernel_cpu_set_next(const KernelCpuSet *set, uint32_t cpu)
{
	for (uint32_t word = cpu / 64; word < ELEMENTSOF(set->bits); word++) {
		uint64_t bits = set->bits[word] & (word == cpu / 64 ? ~0ULL << cpu % 64 : ~0ULL);

		if (bits)
			return word * 64 + (uint32_t)__builtin_ctzll(bits);
	}
	return KERNEL_CPU_MAX;
}

static inline unsigned kernel_cpu_set_count(const KernelCpuSet *set)
{
	unsigned n = 0;

	for (size_t i = 0; i < ELEMENTSOF(set->bits); i++)
		n += (unsigned)__builtin_popcountll(set->bits[i]);
	return n;
}

typedef struct KernelCell {
	int32_t id; /**< < 0: not created */
	KernelState state;
	char name[KERNEL_CELL_NAME_BYTES];
	KernelCpuSet cpus;
	KernelCpuSet failed;
} KernelCell;

/** How often a CPU has left its cell for the hypervisor. */
typedef struct KernelCpu {
	char cell[KERNEL_CELL_NAME_BYTES]; /**< that has it */
	uint32_t cpu;
	uint32_t counters[KERNEL_COUNTERS]; /**< since it has it, in the order of enum cell_stat */
} KernelCpu;

typedef struct KernelInfo {
	bool present; /**< the module is there */
	bool enabled;
	uint64_t seq; /**< newest event */
	uint32_t mem_pool_pages, mem_pool_used;
	uint32_t remap_pool_pages, remap_pool_used;
} KernelInfo;

/** Name of exit counter @i, as in sysfs ("vmexits_total"), or NULL. */
const char *kernel_counter_name(unsigned i);

#endif
