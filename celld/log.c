/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Structured log entries, by sd_journal_sendv().
 */
#include <inttypes.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include "cell.h"
#include "celld-messages.h"
#include "log.h"
#include "net.h"

#define FIELD_BYTES 128
#define MESSAGE_BYTES 1024
#define FIELDS_MAX 16

typedef struct Entry {
	char buffer[FIELDS_MAX][FIELD_BYTES];
	char message[MESSAGE_BYTES + 16];
	char console[MESSAGE_BYTES + 16];
	char registers[CELL_REGISTERS_BYTES + 32];
	struct iovec fields[FIELDS_MAX + 1];
	int n;
} Entry;

static int max_level = -1;

void log_set_max_level(int priority)
{
	max_level = priority;
}

int log_get_max_level(void)
{
	uint32_t level;

	if (max_level < 0) {
		const char *e = getenv("CELLD_LOG_LEVEL");

		max_level = e && parse_u32(e, &level) >= 0 && level <= LOG_DEBUG ? (int)level : LOG_INFO;
	}
	return max_level;
}

static bool is_wanted(int priority)
{
	return priority <= log_get_max_level();
}

bool log_is_to_journal(void)
{
	static int known = -1;

	if (known < 0)
		known = access("/run/systemd/journal/socket", W_OK) == 0 && getenv("JOURNAL_STREAM");
	return known;
}

_printf_(2, 3) static void add_field(Entry *e, const char *format, ...)
{
	char *field = e->buffer[e->n];
	va_list ap;

	va_start(ap, format);
	vsnprintf(field, FIELD_BYTES, format, ap);
	va_end(ap);
	e->fields[e->n++] = (struct iovec){ field, strlen(field) };
}

/** add_long_field - one that is longer than others, and not in every entry; in a buffer of its own */
static void add_long_field(Entry *e, char *buffer, size_t size, const char *key, const char *value)
{
	snprintf(buffer, size, "%s=%s", key, value);
	e->fields[e->n++] = (struct iovec){ buffer, strlen(buffer) };
}

static void send_entry(Entry *e, int priority, const char *message_id, const char *name, const char *text)
{
	if (!log_is_to_journal()) {
		fprintf(stderr, "<%d>%s%s%s\n", priority, name ?: "", name ? ": " : "", text);
		return;
	}
	add_field(e, "PRIORITY=%d", priority);
	if (message_id)
		add_field(e, "MESSAGE_ID=%s", message_id);
	snprintf(e->message, sizeof(e->message), "MESSAGE=%s%s%s", name ?: "", name ? ": " : "", text);
	e->fields[e->n++] = (struct iovec){ e->message, strlen(e->message) };
	(void)sd_journal_sendv(e->fields, e->n);
}

void log_message(int priority, const char *message_id, const char *format, ...)
{
	char text[MESSAGE_BYTES];
	Entry entry = { .n = 0 };
	va_list ap;

	if (!is_wanted(priority))
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	send_entry(&entry, priority, message_id, NULL, text);
}

static void log_cell_text(const Cell *c, int priority, const char *message_id, const char *text)
{
	Entry entry = { .n = 0 };

	add_field(&entry, "CELL_NAME=%s", c->name);
	if (c->kernel.id >= 0)
		add_field(&entry, "CELL_ID=%" PRIi32, c->kernel.id);
	add_field(&entry, "CELL_STATE=%s", cell_state_to_string(c->state));
	add_field(&entry, "CELL_RESULT=%s", cell_result_to_string(c->result));
	if (c->fault.known && c->state != CELL_STARTING) {
		add_field(&entry, "CELL_FAULT_CAUSE=%s", c->fault.cause);
		add_field(&entry, "CELL_FAULT_CPU=%" PRIu32, c->fault.cpu);
		if (c->fault.has_address)
			add_field(&entry, "CELL_FAULT_ADDRESS=0x%" PRIx64, c->fault.address);
		if (priority <= LOG_ERR && c->fault.registers[0])
			add_long_field(&entry, entry.registers, sizeof(entry.registers), "CELL_FAULT_REGISTERS",
				       c->fault.registers);
	}
	if (c->last_words && priority <= LOG_ERR)
		add_long_field(&entry, entry.console, sizeof(entry.console), "CELL_CONSOLE", c->last_words);
	if (c->supervisor_pid > 0)
		add_field(&entry, "OBJECT_PID=%d", (int)c->supervisor_pid);
	send_entry(&entry, priority, message_id, c->name, text);
}

void log_cell(const Cell *c, int priority, const char *message_id, const char *format, ...)
{
	char text[MESSAGE_BYTES];
	va_list ap;

	if (!is_wanted(priority))
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	log_cell_text(c, priority, message_id, text);
}

void log_console(const Cell *c, const char *line)
{
	Entry entry = { .n = 0 };

	add_field(&entry, "CELL_NAME=%s", c->name);
	if (c->kernel.id >= 0)
		add_field(&entry, "CELL_ID=%" PRIi32, c->kernel.id);
	add_field(&entry, "SYSLOG_IDENTIFIER=cell-%s", c->name);
	/* As OBJECT_PID would make it, if there were always a supervisor. */
	add_field(&entry, "OBJECT_SYSTEMD_UNIT=cell@%s.service", c->name);
	if (log_is_to_journal())
		send_entry(&entry, LOG_INFO, NULL, NULL, line);
	else
		fprintf(stderr, "<%d>cell-%s: %s\n", LOG_INFO, c->name, line);
}

void log_dma_fault(const NetEvent *e)
{
	char text[MESSAGE_BYTES], device[16];
	Entry entry = { .n = 0 };

	if (!is_wanted(LOG_WARNING))
		return;
	snprintf(device, sizeof(device), "%02x:%02x.%x", e->device >> 8 & 0xff, e->device >> 3 & 0x1f, e->device & 7);
	snprintf(text, sizeof(text), "PCI device %s wanted to %s memory at 0x%" PRIx64 ", which it may not reach.",
		 device, e->access & NET_ACCESS_WRITE ? "write to" : "read", e->address);
	add_field(&entry, "CELL_NAME=%s", e->name);
	add_field(&entry, "CELL_ID=%" PRIi32, e->cell_id);
	add_field(&entry, "CELL_FAULT_CAUSE=dma");
	add_field(&entry, "CELL_FAULT_DEVICE=%s", device);
	add_field(&entry, "CELL_FAULT_ADDRESS=0x%" PRIx64, e->address);
	send_entry(&entry, LOG_WARNING, CELLD_MESSAGE_DMA_FAULT, e->name, text);
}

void log_cell_state(const Cell *c, int from)
{
	switch (c->state) {
	case CELL_DEFINED:
		if (from == CELL_STARTING || from == CELL_FAILED)
			break;
		log_cell(c, LOG_INFO, CELLD_MESSAGE_STOPPED, "Cell is stopped, its resources are back with Linux.");
		break;
	case CELL_FAILED:
		log_cell(c, LOG_ERR,
			 c->result == CELL_RESULT_START_LIMIT_HIT ? CELLD_MESSAGE_START_LIMIT : CELLD_MESSAGE_FAILED,
			 "Cell has failed: %s%s%s.", cell_result_to_string(c->result), c->fault.known ? ", " : "",
			 c->fault.known ? c->fault.text : "");
		break;
	default:
		log_cell(c, LOG_DEBUG, NULL, "Cell is %s.", cell_state_to_string(c->state));
		break;
	}
}
