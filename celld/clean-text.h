/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Clean text: what a cell has printed, made fit for terminals, the journal and the bus.
 *
 * The result is valid UTF-8 that commands nothing: control characters are made visible (^G), bytes that are no UTF-8
 * and characters that turn or hide others are shown as bytes (\xff), a carriage return is left out. Newline and tab
 * stay.
 */
#ifndef CELLD_CLEAN_TEXT_H
#define CELLD_CLEAN_TEXT_H

#include "util.h"

#define CLEAN_CHAR_BYTES 17 /**< the longest form of one character, terminated */

/**
 * clean_char - the first character of @n bytes
 * @more: more may follow: say so if it is cut off
 * @ret: its clean form, terminated; empty for one that is left out
 *
 * Return: bytes of @text that it takes; 0 if the character is cut off, or @n is 0
 */
size_t clean_char(const char *text, size_t n, bool more, char ret[CLEAN_CHAR_BYTES]);

/**
 * clean_text - as much as fits into a buffer, terminated
 *
 * Return: bytes of @text that it takes, at least one of one or more
 */
size_t clean_text(const char *text, size_t n, char *buffer, size_t size);

#endif
