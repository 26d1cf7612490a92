/* SPDX-License-Identifier: GPL-2.0-only */
/* Spin lock, and barriers between CPUs. */
#ifndef HV_LOCK_H
#define HV_LOCK_H

#include <arch_types.h>
#include <hv/types.h>

struct spinlock {
	u32 taken;
};

static inline bool spin_trylock(struct spinlock *l)
{
	return __atomic_exchange_n(&l->taken, 1, __ATOMIC_ACQUIRE) == 0;
}

/** spin_lock() - only for sections that no suspend request can interrupt; those that can use spin_trylock() */
static inline void spin_lock(struct spinlock *l)
{
	while (!spin_trylock(l))
		while (READ_ONCE(l->taken))
			cpu_relax();
}

static inline void spin_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->taken, 0, __ATOMIC_RELEASE);
}

/** memory_barrier() - orders all loads and stores before against all after, for other CPUs */
static inline void memory_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif
