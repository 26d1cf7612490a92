/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The messages that celld sends over a lease, see lease.h: to text and back. Pure functions, used by both ends.
 */
#ifndef CELLD_LEASE_MESSAGE_H
#define CELLD_LEASE_MESSAGE_H

#include "util.h"

#define LEASE_MESSAGE_BYTES 1024
#define LEASE_WORD_BYTES 32
#define LEASE_STATUS_BYTES 320

typedef struct LeaseMessage {
	char state[LEASE_WORD_BYTES]; /**< words as in the properties of the cell */
	char health[LEASE_WORD_BYTES];
	char result[LEASE_WORD_BYTES];
	char operation[LEASE_WORD_BYTES];
	uint32_t n_restarts;
	char status[LEASE_STATUS_BYTES]; /**< a sentence for people */
	bool over;			 /**< the run on behalf of the lease has ended: */
	uint32_t exit_status;		 /**< what the supervisor should exit with */
} LeaseMessage;

/** lease_message_format - Return: length without the NUL */
size_t lease_message_format(const LeaseMessage *message, char buffer[LEASE_MESSAGE_BYTES]);

/** lease_message_parse - lines with unknown keys are skipped. Return: 0; -EBADMSG without STATE, or with bad numbers */
int lease_message_parse(const char *text, LeaseMessage *ret);

#endif
