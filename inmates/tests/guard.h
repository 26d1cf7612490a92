/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls that survive exceptions, for tests that provoke them.
 */
#ifndef INMATE_TESTS_GUARD_H
#define INMATE_TESTS_GUARD_H

#include "inmate/types.h"

#define GUARD_NO_EXCEPTION 256

/** guard_init - take all exceptions but NMI and double fault */
void guard_init(void);

/**
 * guard - call a function; an exception ends it
 * @ret_exception: vector, or GUARD_NO_EXCEPTION
 *
 * Context: one CPU, not within another one. Return: what the function returns, or anything.
 */
u64 guard(u64 (*call)(const void *argument), const void *argument, u64 *ret_exception);

#endif
