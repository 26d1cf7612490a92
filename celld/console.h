/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Consoles: what cells print, remembered, passed on to readers, and put into the journal line by line.
 *
 * The hypervisor keeps the newest page of it, for as long as the cell is created. celld looks there by a timer while
 * the cell runs and is supervised or read, and whenever something happens to the cell; otherwise it sleeps. Readers
 * are served from what celld remembers, each at its own pace.
 */
#ifndef CELLD_CONSOLE_H
#define CELLD_CONSOLE_H

#include "cell.h"

/** console_follow - the cell was created, started, stopped or destroyed, or who is in charge of it has changed */
void console_follow(Cell *cell);

/** console_look - take in, log and pass on what is new; before anything is said that it may explain */
void console_look(Cell *cell);

/** console_note_end - the run has ended with a failure: its last words become those of the cell */
void console_note_end(Cell *cell);

/**
 * console_open - one more reader
 * @ret_fd: read end of a pipe; closing it is all there is to do
 *
 * The reader first gets what is remembered. Who reads too slowly finds a note of how much is missing.
 * Return: 0; -CELL_EBUSY too many readers; -errno
 */
int console_open(Cell *cell, int *ret_fd);

/** console_forget - nothing is left of the cell: remove what would outlive this process */
void console_forget(const Cell *cell);

/** console_free - let go of page and readers */
void console_free(Cell *cell);

#endif
