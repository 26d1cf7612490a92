/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reactions: to runs that end by themselves, to what others do with cells, to supervisors that come and go.
 */
#ifndef CELLD_REACT_H
#define CELLD_REACT_H

#include "cell.h"

/** react_ended - the run is over with this result: let the policy decide */
void react_ended(Cell *cell, CellResult result);

/** react_judge - is a cell that counts as running really well? If not, its run has ended */
void react_judge(Cell *cell);

/**
 * react_observe - what the kernel says has changed
 *
 * For a cell without job: follows changes by others, and judges a cell that should be running.
 */
void react_observe(Cell *cell);

/** react_supervise - @supervisor is in charge of the cell as it is */
void react_supervise(Cell *cell, CellSupervisor supervisor);

/** react_unsupervise - the unit's supervisor is gone; a cell that runs goes on running */
void react_unsupervise(Cell *cell);

/** react_take_over - the policy decides on what happened while nobody was in charge */
void react_take_over(Cell *cell);

/** react_enter_running - the cell runs now; @fresh: newly started */
void react_enter_running(Cell *cell, bool fresh);

/** react_enter_rest - the cell does not run and is not going to: celld is not in charge of it any more */
void react_enter_rest(Cell *cell, CellState state);

/** react_cancel_restart - it need not be waited for any more */
void react_cancel_restart(Cell *cell);

#endif
