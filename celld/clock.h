/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The two clocks in microseconds. Durations and deadlines are always CLOCK_MONOTONIC: clock steps and suspended time do
 * not exist there.
 */
#ifndef CELLD_CLOCK_H
#define CELLD_CLOCK_H

#include <time.h>

#include "util.h"

static inline uint64_t clock_usec(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

static inline uint64_t clock_monotonic(void)
{
	return clock_usec(CLOCK_MONOTONIC);
}

static inline uint64_t clock_realtime(void)
{
	return clock_usec(CLOCK_REALTIME);
}

#endif
