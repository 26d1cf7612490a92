/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Console: passes what cells and hypervisor print to those who want to read it, and never the device itself.
 */
#ifndef CELLD_CONSOLE_H
#define CELLD_CONSOLE_H

#include <systemd/sd-event.h>

#include "util.h"

typedef struct Console Console;

int console_new(sd_event *event, Console **ret);
Console *console_free(Console *console);
DEFINE_CLEANUP(Console *, console_free)

/**
 * console_open - one more reader
 * @ret_fd: read end of a pipe; closing it is all there is to do
 *
 * The reader first gets what the hypervisor still remembers. Who reads too slowly finds a note of how much is missing.
 * Return: 0; -CELL_EUNAVAILABLE; -CELL_ENOTSUPPORTED the system has no such console; -CELL_EBUSY too many readers.
 */
int console_open(Console *console, int *ret_fd);

#endif
