/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Statistics of a series of durations.
 */
#ifndef INMATE_STATS_H
#define INMATE_STATS_H

#include "types.h"

#define STATS_BUCKETS 24

/** struct stats - zero-initialised is empty */
struct stats {
	u64 count;
	u64 min;
	u64 max;
	u64 sum;
	u32 histogram[STATS_BUCKETS]; /**< bucket n: values below 2^n and not below 2^(n-1); the last takes all above */
};

/** stats_add - add one value */
void stats_add(struct stats *stats, u64 value);

/** stats_average - mean value, 0 if empty */
u64 stats_average(const struct stats *stats);

#endif
