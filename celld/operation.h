/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Slow work in a child process: celld's loop never waits for the kernel.
 *
 * The child is a copy of celld that runs one function and dies; what it finds out comes back as bytes through a pipe.
 * It ends with celld (parent death signal). Nobody's interest in the answer keeps it alive or stops it.
 */
#ifndef CELLD_OPERATION_H
#define CELLD_OPERATION_H

#include <systemd/sd-event.h>

#include "util.h"

#define OPERATION_REPLY_MAX_BYTES (1U << 20)

typedef struct Operation Operation;

/**
 * OperationWork - what the child does
 * @reply: stream to the parent; what is written is handed to OperationDone
 *
 * Context: the child. Must not touch sd-bus or sd-event objects. Return: 0 or -errno, handed on as well.
 */
typedef int (*OperationWork)(void *userdata, FILE *reply);

/**
 * OperationDone - the child has ended
 * @error: what the work returned; -EIO if the child died otherwise, -ETIMEDOUT if it was killed for taking too long
 * @reply: NUL-terminated behind @size bytes; freed afterwards
 *
 * The operation is gone when this is called.
 */
typedef void (*OperationDone)(void *userdata, int error, const char *reply, size_t size);

/**
 * operation_start - run @work in a child
 * @timeout_usec: kill it then
 * @ret: may be NULL; for operation_free()
 *
 * Return: 0, or -errno of fork and friends (then @done is not called).
 */
int operation_start(sd_event *event, OperationWork work, void *work_data, uint64_t timeout_usec, OperationDone done,
		    void *done_data, Operation **ret);

/** operation_free - kill the child, without calling back */
Operation *operation_free(Operation *operation);
DEFINE_CLEANUP(Operation *, operation_free)

#endif
