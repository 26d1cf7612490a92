/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Heartbeat block of the communication page.
 */
#include "inmate/cell.h"
#include "inmate/format.h"
#include "inmate/heartbeat.h"
#include "inmate/string.h"

static struct cell_heartbeat *block(void)
{
	return (struct cell_heartbeat *)(CELL_COMM_ADDRESS + CELL_HEARTBEAT_OFFSET);
}

void heartbeat_init(u32 interval_ms)
{
	struct cell_heartbeat *hb = block();

	hb->flags = 0;
	hb->interval_ms = interval_ms;
	/* x86 keeps the order of stores (Intel SDM "Memory Ordering"), volatile that of the compiler. */
	hb->magic = CELL_HEARTBEAT_MAGIC;
}

void heartbeat_beat(void)
{
	block()->counter++;
}

void heartbeat_status(u32 status)
{
	block()->status = status;
}

void heartbeat_text(const char *fmt, ...)
{
	char text[CELL_HEARTBEAT_TEXT_BYTES] = "";
	va_list args;

	va_start(args, fmt);
	format_va(text, sizeof(text), fmt, args);
	va_end(args);
	/* Whole buffer: the last byte stays NUL whatever a reader catches in between. */
	memcpy(block()->text, text, sizeof(text));
}
