/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * State files: what celld must remember of a cell when it is started again, and the kernel cannot tell.
 *
 * One small file a cell in /run/celld, replaced as a whole by rename. It is a hint: a missing or damaged one only costs
 * counters.
 */
#ifndef CELLD_STATE_FILE_H
#define CELLD_STATE_FILE_H

#include "cell.h"

typedef struct CellSaved {
	CellState state;
	CellResult result;
	CellSupervisor supervisor;
	CellOperation operation; /**< was under way */
	unsigned n_restarts;
	bool fallback;
	SuperviseState policy;
	CellSource source;
} CellSaved;

/** state_file_save - write @dir/NAME, or remove it for a cell of which nothing need be known. Return: 0, -errno */
int state_file_save(const char *dir, const Cell *cell);

/** state_file_load - Return: 0, -ENOENT, -EBADMSG, -errno */
int state_file_load(const char *dir, const char *name, CellSaved *ret);

/** state_file_parse - the contents of one; fields that are missing stay as they are at the start */
int state_file_parse(const char *text, CellSaved *ret);

#endif
