/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Heartbeats: what a cell says in its communication page, and whether its silence is a failure.
 *
 * Everything here is a pure function of samples and of CLOCK_MONOTONIC times given by the caller. The page is written
 * by the cell while it is read: every field is read once, bounded, and never trusted.
 */
#ifndef CELLD_HEARTBEAT_H
#define CELLD_HEARTBEAT_H

#include "config.h"

typedef enum CellHealth {
	CELL_HEALTH_NONE, /**< not watched, or the cell does not take part */
	CELL_HEALTH_OK,
	CELL_HEALTH_LATE, /**< silent longer than expected */
	CELL_HEALTH_LOST, /**< silent for the whole timeout */
	CELL_HEALTH_MAX,
	CELL_HEALTH_INVALID = -EINVAL,
} CellHealth;

DECLARE_STRING_TABLE(cell_health, CellHealth);

#define HEARTBEAT_TEXT_BYTES 105

/** One look at the heartbeat block. */
typedef struct HeartbeatSample {
	bool present; /**< the cell takes part */
	uint64_t counter;
	uint64_t promised_usec; /**< interval, 0: no promise */
	uint32_t status;
	char text[HEARTBEAT_TEXT_BYTES]; /**< printable ASCII, terminated */
} HeartbeatSample;

/** heartbeat_sample - read the block of a communication page of 4096 bytes that its cell may be writing */
void heartbeat_sample(const void *comm_page, HeartbeatSample *ret);

/** What is known of a run's heartbeat. Starts with heartbeat_start(). */
typedef struct Heartbeat {
	uint64_t start_usec; /**< of the run, or of being watched */
	bool present;	     /**< took part once */
	uint64_t counter;
	uint64_t beats;		/**< samples in which it had changed */
	uint64_t last_usec;	/**< sample that saw the last change, 0: none yet */
	uint64_t silent_usec;	/**< silence counts from here */
	uint64_t sample_usec;	/**< last sample */
	unsigned quiet_samples; /**< without a change, since silent_usec */
	uint64_t promised_usec;
} Heartbeat;

void heartbeat_start(Heartbeat *hb, uint64_t now_usec);

/** heartbeat_interval - expected time between beats: configured, promised (bounded), or a quarter of the timeout; 0:
 * none */
uint64_t heartbeat_interval(const Heartbeat *hb, const SupervisionPolicy *policy);

/**
 * heartbeat_judge - take in a sample
 *
 * A silence is judged only by samples that were really taken: after a gap (celld itself did not run: overload, a
 * stopped machine) counting starts again, so a whole timeout must be watched at work before a cell is called lost.
 */
CellHealth heartbeat_judge(Heartbeat *hb, const SupervisionPolicy *policy, const HeartbeatSample *sample,
			   uint64_t now_usec);

/** heartbeat_next - when to sample again */
uint64_t heartbeat_next(const Heartbeat *hb, const SupervisionPolicy *policy);

#endif
