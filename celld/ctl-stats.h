/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cellctl stats: samples of a cell's counters, which are printed once or again and again, or make up a live view.
 */
#ifndef CELLD_CTL_STATS_H
#define CELLD_CTL_STATS_H

#include "cellctl.h"

typedef struct CtlSample {
	json_object *cpus; /**< as GetCPUStatistics() gives it: an array of number and counters; NULL: not taken */
	uint64_t time_usec;
} CtlSample;

/** ctl_sample_take - Return: exit status; the error has been printed */
int ctl_sample_take(Ctl *ctl, const char *cell, CtlSample *ret);
void ctl_sample_done(CtlSample *sample);

/** ctl_sample_replace - make @newer the sample that is the last one, and this that before it */
void ctl_sample_replace(CtlSample *before, CtlSample *last, CtlSample *newer);

/** ctl_sample_next_cpu - the CPU behind @cpu in turn; < 0: the first one. Return: < 0 if there is none */
int64_t ctl_sample_next_cpu(const CtlSample *sample, int64_t cpu);

/**
 * ctl_sample_print - counters of the CPU, or sums over all CPUs, that the options want
 * @before: for the rate; NULL: without that column
 */
int ctl_sample_print(const Ctl *ctl, const char *cell, const CtlSample *before, const CtlSample *sample);

/** ctl_stats_live - on a terminal, until somebody has seen enough. Return: exit status */
int ctl_stats_live(Ctl *ctl, const char *cell);

#endif
