/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The cell's side of the communication page.
 */
#include "inmate/asm.h"
#include "inmate/cell.h"
#include "inmate/string.h"

void cell_init(void)
{
	const struct cell_comm *comm = cell_comm();

	if (memcmp(comm->signature, CELL_COMM_SIGNATURE, CELL_COMM_SIGNATURE_BYTES) ||
	    comm->revision != CELL_COMM_REVISION)
		cell_stop(CELL_STATE_ABI_MISMATCH);
}

void cell_set_state(enum cell_comm_state state)
{
	memory_barrier();
	cell_comm()->state = state;
}

u32 cell_take_message(void)
{
	struct cell_comm *comm = cell_comm();
	u32 message = comm->message;

	if (message)
		comm->message = CELL_MSG_NONE;
	return message;
}

void cell_reply(enum cell_comm_reply reply)
{
	/* The message must be seen cleared before the reply is seen. */
	memory_barrier();
	cell_comm()->reply = reply;
}

void cell_stop(enum cell_comm_state state)
{
	cell_set_state(state);
	cpu_halt_forever();
}

void cell_approve_shutdown(void)
{
	/* State first: the reply may end this CPU's life at once. */
	cell_set_state(CELL_STATE_SHUT_DOWN);
	cell_reply(CELL_REPLY_APPROVED);
	cpu_halt_forever();
}
