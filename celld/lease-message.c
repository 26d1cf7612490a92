/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages of a lease as text.
 */
#include <inttypes.h>

#include "lease-message.h"

size_t lease_message_format(const LeaseMessage *m, char buffer[LEASE_MESSAGE_BYTES])
{
	int n;

	/* All fields are bounded: it always fits. */
	n = snprintf(buffer, LEASE_MESSAGE_BYTES,
		     "STATE=%s\nHEALTH=%s\nRESULT=%s\nOPERATION=%s\nNRESTARTS=%" PRIu32 "\nSTATUS=%s\n", m->state,
		     m->health, m->result, m->operation, m->n_restarts, m->status);
	if (m->over)
		n += snprintf(buffer + n, LEASE_MESSAGE_BYTES - (size_t)n, "EXIT_STATUS=%" PRIu32 "\n", m->exit_status);
	return (size_t)n;
}

#define COPY(field, value) snprintf((field), sizeof(field), "%s", (value))

static int set_field(LeaseMessage *m, const char *key, const char *value)
{
	if (streq(key, "STATE"))
		COPY(m->state, value);
	else if (streq(key, "HEALTH"))
		COPY(m->health, value);
	else if (streq(key, "RESULT"))
		COPY(m->result, value);
	else if (streq(key, "OPERATION"))
		COPY(m->operation, value);
	else if (streq(key, "STATUS"))
		COPY(m->status, value);
	else if (streq(key, "NRESTARTS"))
		return parse_u32(value, &m->n_restarts);
	else if (streq(key, "EXIT_STATUS")) {
		m->over = true;
		return parse_u32(value, &m->exit_status);
	}
	return 0;
}

int lease_message_parse(const char *text, LeaseMessage *ret)
{
	_cleanup_strv_ char **lines = NULL;
	LeaseMessage m = { 0 };
	int r;

	r = strv_split(text, "\n", &lines);
	if (r < 0)
		return r;
	for (char **line = lines; line && *line; line++) {
		char *equals = strchr(*line, '=');

		if (!equals)
			return -EBADMSG;
		*equals = '\0';
		r = set_field(&m, *line, equals + 1);
		if (r < 0)
			return -EBADMSG;
	}
	if (isempty(m.state) || m.exit_status > UINT8_MAX)
		return -EBADMSG;
	*ret = m;
	return 0;
}
