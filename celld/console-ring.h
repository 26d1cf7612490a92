/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Console ring: what a cell has printed, as far as celld remembers, in a file that is mapped, so that it outlives
 * celld.
 *
 * It is filled from the hypervisor's page of the cell (console-page.h), and goes on through restarts, destructions and
 * creations of the cell. Positions count bytes since the file was made. What the page lost before it was looked at is
 * noted in the text itself.
 */
#ifndef CELLD_CONSOLE_RING_H
#define CELLD_CONSOLE_RING_H

#include "util.h"

#define CONSOLE_RING_BYTES (16 * 1024 - 7 * 8) /**< text; the whole is four pages */

typedef struct ConsoleRing {
	uint64_t magic;
	uint64_t page_created; /**< which page it was filled from last */
	uint64_t page_seen;    /**< bytes of that page's stream that are in here, or noted as missing */
	uint64_t page_start;   /**< where on that page's stream the newest run begins */
	uint64_t tail;	       /**< bytes ever put in here */
	uint64_t run;	       /**< position at which the newest run of the cell begins */
	uint64_t logged;       /**< position up to which the journal has it, or is not to have it */
	char text[CONSOLE_RING_BYTES];
} ConsoleRing;

/**
 * console_ring_open - map the file, or make it; one that is damaged is begun afresh
 * @path: NULL: memory of this process only, as also if the file cannot be made
 */
int console_ring_open(const char *path, ConsoleRing **ret);
ConsoleRing *console_ring_close(ConsoleRing *ring);

struct cell_console_page;

/** console_page_tail - bytes that the cell has ever printed; 0 also if the page is none */
uint64_t console_page_tail(const struct cell_console_page *page);

/** console_ring_take - take in what is new on a page that its cell may be printing to. Return: is there anything? */
bool console_ring_take(ConsoleRing *ring, const struct cell_console_page *page);

/** console_missed_note - the line that stands for @n missing bytes; nothing for 0. Return: its length */
size_t console_missed_note(uint64_t n, char *buffer, size_t size);

/** console_ring_end_line - the last line is over, even if the cell did not say so */
void console_ring_end_line(ConsoleRing *ring);

/** console_ring_oldest - position of the oldest byte that is there */
uint64_t console_ring_oldest(const ConsoleRing *ring);

/**
 * console_ring_read - copy from a position on
 * @position: where; older than everything that is there: read from the oldest
 *
 * Return: bytes
 */
size_t console_ring_read(const ConsoleRing *ring, uint64_t position, char *buffer, size_t size);

/**
 * console_ring_last_words - the end of the newest run, clean text that is not cut within a line if that can be
 * @buffer: terminated; empty if the run has not printed anything
 */
void console_ring_last_words(const ConsoleRing *ring, char *buffer, size_t size);

#endif
