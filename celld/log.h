/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Structured log entries of celld: to the journal with fields, or as lines to stderr when there is no journal.
 */
#ifndef CELLD_LOG_H
#define CELLD_LOG_H

#include <syslog.h>

#include "util.h"

struct Cell;
struct NetEvent;

/** log_message - an entry of no particular cell; @message_id may be NULL */
_printf_(3, 4) void log_message(int priority, const char *message_id, const char *format, ...);

#define log_error(...) log_message(LOG_ERR, NULL, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, NULL, __VA_ARGS__)
#define log_notice(...) log_message(LOG_NOTICE, NULL, __VA_ARGS__)
#define log_info(...) log_message(LOG_INFO, NULL, __VA_ARGS__)
#define log_debug(...) log_message(LOG_DEBUG, NULL, __VA_ARGS__)

/**
 * log_cell - an entry with CELL_NAME, CELL_ID, CELL_STATE, CELL_RESULT and OBJECT_PID (the lease holder); an error
 * after a failure has CELL_CONSOLE, its last words, too
 */
_printf_(4, 5) void log_cell(const struct Cell *cell, int priority, const char *message_id, const char *format, ...);

/** log_console - a line that the cell itself has printed, clean text; it counts as the unit's, not as celld's */
void log_console(const struct Cell *cell, const char *line);

/** log_dma_fault - a device of a cell, or of Linux, was kept from memory */
void log_dma_fault(const struct NetEvent *event);

/** log_cell_state - the standard sentence on the state that was just entered, from cell state @from */
void log_cell_state(const struct Cell *cell, int from);

/** log_set_max_level - drop entries less important than @priority; at first LOG_INFO, or $CELLD_LOG_LEVEL */
void log_set_max_level(int priority);
int log_get_max_level(void);

/** log_is_to_journal - or else to stderr */
bool log_is_to_journal(void);

#endif
