/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A cell that is started again and again in the test machine, with what it prints and how it fails.
 *
 * By the module's own interface, without celld: a restart takes some 20 ms. Whatever should work and does not ends the
 * program with "Bail out!".
 */
#ifndef TESTS_INMATE_CELL_H
#define TESTS_INMATE_CELL_H

#include "net.h"

typedef struct InmateCell InmateCell;

/**
 * inmate_cell_new - create the cell
 * @blob: file with its configuration
 * @image: file for address 0; the command line goes to 0x1000
 * @line: called with each line that it prints
 */
InmateCell *inmate_cell_new(const char *blob, const char *image, void (*line)(const char *text, void *userdata),
			    void *userdata);

/** inmate_cell_destroy - destroy it and free the object */
void inmate_cell_destroy(InmateCell *c);

/** inmate_cell_restart - stop it, whatever it does, read what it still has said, then start it */
void inmate_cell_restart(InmateCell *c, const char *command_line);

/** inmate_cell_wait - let a millisecond, or less, pass, and take in what it has said and done */
void inmate_cell_wait(InmateCell *c);

/** inmate_cell_parked - the last CPU that was parked since the start; NULL: none */
const NetEvent *inmate_cell_parked(const InmateCell *c);

bool inmate_cell_failed(const InmateCell *c);	 /**< all CPUs are parked */
bool inmate_cell_shut_down(const InmateCell *c); /**< says the cell */

/** read_file - all of a file, and a NUL; Return: allocated */
void *read_file(const char *path, size_t *ret_bytes);

/** check - end the program if @r is an error */
void check(int r, const char *what);

/** seconds - since some moment */
double seconds(void);

#endif
