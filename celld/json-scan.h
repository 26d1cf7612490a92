/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * First pass over JSON text: strict syntax with line numbers in its messages, and the line of every key.
 */
#ifndef CELLD_JSON_SCAN_H
#define CELLD_JSON_SCAN_H

#include "config-origin.h"

/**
 * json_scan - check text and fill an index
 * @origin: gets a key for every member and array element: "", "memory", "memory[0]", "memory[0].size"
 *
 * Stricter than json-c: one value and nothing behind it, no comments, no duplicate keys, no escapes in keys, no NUL in
 * strings, whole numbers within 64 bits, valid UTF-8, bounded nesting.
 *
 * Return: 0; -EINVAL with a problem; -ENOMEM
 */
int json_scan(const char *text, size_t size, ConfigOrigin *origin, ConfigProblems *problems);

#endif
