/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Watching: samples the heartbeat of a running, supervised cell by a timer, and nothing of any other cell.
 */
#ifndef CELLD_WATCH_H
#define CELLD_WATCH_H

#include "cell.h"

/** watch_map - have the communication page mapped if the cell is created, unmapped otherwise */
void watch_map(Cell *cell);

/** watch_start - begin watching; the startup timeout counts from now */
void watch_start(Cell *cell);
void watch_stop(Cell *cell);

/** watch_free - stop, and let go of the page */
void watch_free(Cell *cell);

/** watch_sample - a look at the heartbeat now, without judging. Return: 0, -ENODATA */
int watch_sample(const Cell *cell, HeartbeatSample *ret);

#endif
