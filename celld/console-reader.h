/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Readers of a console: a pipe and a position in the ring for each. A full pipe is waited for by the loop, and nobody
 * else waits with it; what the ring loses meanwhile is noted in the text.
 */
#ifndef CELLD_CONSOLE_READER_H
#define CELLD_CONSOLE_READER_H

#include <systemd/sd-event.h>

#include "console-ring.h"

typedef struct ConsoleReader ConsoleReader;

/**
 * console_reader_new - one more in a list
 * @list: head of the list, NULL: empty; a reader that closes its end leaves the list
 * @changed: called when one has left by itself
 * @ret_fd: read end
 *
 * Return: 0; -CELL_EBUSY there are too many, of all consoles; -errno
 */
int console_reader_new(sd_event *event, const ConsoleRing *ring, ConsoleReader **list, void (*changed)(void *userdata),
		       void *userdata, int *ret_fd);

/** console_readers_serve - pass on what is new to all that do not have to be waited for */
void console_readers_serve(ConsoleReader *list);
void console_readers_free(ConsoleReader **list);

#endif
