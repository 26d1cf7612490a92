/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Statistics of a series of durations. Pure code: also compiled for the build machine by its unit test.
 */
#include "inmate/stats.h"

static unsigned int bucket(u64 value)
{
	unsigned int bits = value ? 64 - (unsigned int)__builtin_clzll(value) : 0;

	return bits < STATS_BUCKETS ? bits : STATS_BUCKETS - 1;
}

void stats_add(struct stats *stats, u64 value)
{
	if (!stats->count || value < stats->min)
		stats->min = value;
	if (value > stats->max)
		stats->max = value;
	stats->sum += value;
	stats->count++;
	stats->histogram[bucket(value)]++;
}

u64 stats_average(const struct stats *stats)
{
	return stats->count ? stats->sum / stats->count : 0;
}
