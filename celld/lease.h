/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leases: what a supervisor holds in its hand while a cell runs on its behalf.
 *
 * A lease is one end of a SOCK_SEQPACKET pair. Whoever holds it open is the cell's supervisor; when it closes, the cell
 * runs on without one. No D-Bus is needed once it is there, so a lost bus costs nothing.
 *
 * celld sends a message at first and after each change, lines KEY=VALUE:
 *   STATE, HEALTH, RESULT, OPERATION, NRESTARTS  as the properties of the cell
 *   STATUS       a sentence for people
 *   EXIT_STATUS  only when the run on behalf of this lease is over: what the supervisor should exit with
 * The holder may send:
 *   STOP=1       shut the cell down and take its resources back; if it refuses, by force when its time is up
 */
#ifndef CELLD_LEASE_H
#define CELLD_LEASE_H

#include "cell.h"

/**
 * lease_new - the cell has a supervisor from now on
 * @pid: of the holder, 0: not known
 * @take_over: the holder had this run before: what happened while nobody was in charge is dealt with now
 * @ret_fd: the holder's end
 *
 * Return: 0; -CELL_EMANAGED if another holder is alive; -ESRCH if this one is not; -errno.
 */
int lease_new(Cell *cell, pid_t pid, bool take_over, int *ret_fd);

/** lease_drop - close our end. The holder sees that and comes back with a new request, if it likes. */
void lease_drop(Cell *cell);

/** lease_is_held - does a supervisor hold the lease now? Notices one that has just died. */
bool lease_is_held(Cell *cell);

/** lease_tell - the cell has changed */
void lease_tell(Cell *cell);

#endif
