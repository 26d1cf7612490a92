/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Actions on cells: create, start, stop, restart.
 *
 * One job a cell. An action starts a job and returns; ActionDone tells the end. Nobody has to wait for it.
 */
#ifndef CELLD_ACTION_H
#define CELLD_ACTION_H

#include "job.h"

/**
 * ActionDone - an action has ended
 * @error: 0, -CELL_E*, other -errno
 * @text: sentence on the error, "" if there is none
 */
typedef void (*ActionDone)(Cell *cell, int error, const char *text, void *userdata);

/*
 * The actions. @done may be NULL. Return: 0 if the job has begun; then @done will be called. Otherwise nothing happens:
 * -CELL_EBUSY, -CELL_ERUNNING, -CELL_ENOTRUNNING, -CELL_ECONFIG, -errno.
 */
int action_create(Cell *cell, ActionDone done, void *userdata);

/** action_start - by hand: counters start afresh, without fallback; @supervisor is in charge if it works */
int action_start(Cell *cell, CellSupervisor supervisor, ActionDone done, void *userdata);

/** action_restart - by hand, too; a running cell keeps its resources, and one that waits need not wait any more */
int action_restart(Cell *cell, JobConsent consent, ActionDone done, void *userdata);

/** action_stop - shut down and destroy */
int action_stop(Cell *cell, JobConsent consent, ActionDone done, void *userdata);

/** action_reset_failed - forget the failure and the counters. Return: 0, -CELL_EBUSY */
int action_reset_failed(Cell *cell);

/** action_is_by_policy - does a job run on the cell that nobody has asked for? */
bool action_is_by_policy(const Cell *cell);

/** action_when_idle - call once no job runs on the cell: at once, or later */
int action_when_idle(Cell *cell, void (*call)(Cell *cell, void *userdata), void *userdata);

/** action_forget - @userdata is gone: do not call back for it */
void action_forget(Cell *cell, void *userdata);

/** action_restart_by_policy - load and start again without asking; a failure is one more end of a run */
int action_restart_by_policy(Cell *cell);

/** action_give_back - destroy a failed cell, which stays failed */
void action_give_back(Cell *cell);

/** action_cancel - drop job and timers of a cell that goes away */
void action_cancel(Cell *cell);

#endif
