/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Heartbeat: the sign of life in the communication page, written with plain stores and so without exits.
 */
#ifndef INMATE_HEARTBEAT_H
#define INMATE_HEARTBEAT_H

#include "types.h"

/** heartbeat_init - take part in supervision; @interval_ms: promised time between two beats, 0 for "as configured" */
void heartbeat_init(u32 interval_ms);

/** heartbeat_beat - beat once */
void heartbeat_beat(void);

/** heartbeat_status - publish a number of the application's own */
void heartbeat_status(u32 status);

/** heartbeat_text - publish a status text of at most 103 bytes. Context: one CPU */
void heartbeat_text(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
