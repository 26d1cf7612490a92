/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The cell's side of the communication page: state, messages, console descriptor and clock rates.
 */
#ifndef INMATE_CELL_H
#define INMATE_CELL_H

#include <comm.h>
#include "types.h"

#define CELL_COMM_ADDRESS 0x100000UL /**< guest-physical, by convention of the inmate library */

/** cell_comm - the communication page */
static inline struct cell_comm *cell_comm(void)
{
	return (struct cell_comm *)CELL_COMM_ADDRESS;
}

/** cell_init - check signature and revision; on mismatch report it in the state word and halt */
void cell_init(void);

/** cell_set_state - publish the state of the cell */
void cell_set_state(enum cell_comm_state state);

/** cell_take_message - take the pending message, if any; each one must be answered by cell_reply() */
u32 cell_take_message(void);

/** cell_reply - answer the message taken last */
void cell_reply(enum cell_comm_reply reply);

/** cell_stop - publish a terminal state, then halt this CPU */
void __attribute__((noreturn)) cell_stop(enum cell_comm_state state);

/** cell_approve_shutdown - approve the shutdown request taken last, publish "shut down", halt */
void __attribute__((noreturn)) cell_approve_shutdown(void);

#endif
