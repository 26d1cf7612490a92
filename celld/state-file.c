/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * State files: lines KEY=VALUE.
 */
#include <fcntl.h>
#include <inttypes.h>

#include "state-file.h"

#define STATE_FILE_MAX_BYTES 4096

/** has_news - is there anything to remember? */
static bool has_news(const Cell *c)
{
	return c->state != CELL_DEFINED || c->operation != CELL_OPERATION_NONE || c->n_restarts > 0;
}

/** supervisor_of - a cell that its unit has left is still the unit's */
static CellSupervisor supervisor_of(const Cell *c)
{
	return c->left_by_unit && c->supervisor == CELL_SUPERVISOR_NONE ? CELL_SUPERVISOR_UNIT : c->supervisor;
}

static int write_file(int fd, const Cell *c)
{
	char text[1024];
	int n;

	n = snprintf(text, sizeof(text),
		     "STATE=%s\nRESULT=%s\nSUPERVISOR=%s\nOPERATION=%s\nN_RESTARTS=%u\n"
		     "FALLBACK=%i\nATTEMPT=%u\nFAILURES=%u\nWINDOW_USEC=%" PRIu64
		     "\nWINDOW_STARTS=%u\nRUNNING_USEC=%" PRIu64 "\nSOURCE_CONFIG=%" PRIu64 "\nSOURCE_IMAGES=%" PRIu64
		     "\n",
		     cell_state_to_string(c->state), cell_result_to_string(c->result),
		     cell_supervisor_to_string(supervisor_of(c)), cell_operation_to_string(c->operation), c->n_restarts,
		     c->fallback, c->policy.attempt, c->policy.failures, c->policy.window_usec, c->policy.window_starts,
		     c->policy.running_usec, c->source.config, c->source.images);
	if (n < 0 || (size_t)n >= sizeof(text))
		return -ENOBUFS;
	if (write(fd, text, (size_t)n) != n)
		return errno > 0 ? -errno : -EIO;
	return 0;
}

int state_file_save(const char *dir, const Cell *c)
{
	_cleanup_free_ char *path = path_join(dir, c->name), *temporary = NULL;
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (!path)
		return -ENOMEM;
	if (!has_news(c))
		return unlink(path) < 0 && errno != ENOENT ? -errno : 0;

	/* Cell names start with a letter or digit: no collision. */
	if (asprintf(&temporary, "%s/.%s", dir, c->name) < 0)
		return -ENOMEM;
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = write_file(fd, c);
	if (r < 0) {
		(void)unlink(temporary);
		return r;
	}
	return rename(temporary, path) < 0 ? -errno : 0;
}

/** set_enum - a name of a string table; unknown ones are an error */
#define SET_ENUM(field, table, value)                               \
	({                                                          \
		__typeof__(field) _e_ = table##_from_string(value); \
		int _r_ = (int)_e_ < 0 ? -EBADMSG : 0;              \
		if (_r_ >= 0)                                       \
			(field) = _e_;                              \
		_r_;                                                \
	})

static int set_bool(bool *field, const char *value)
{
	if (!streq(value, "0") && !streq(value, "1"))
		return -EBADMSG;
	*field = value[0] == '1';
	return 0;
}

static int set_field(CellSaved *s, const char *key, const char *value)
{
	if (streq(key, "STATE"))
		return SET_ENUM(s->state, cell_state, value);
	if (streq(key, "RESULT"))
		return SET_ENUM(s->result, cell_result, value);
	if (streq(key, "SUPERVISOR"))
		return SET_ENUM(s->supervisor, cell_supervisor, value);
	if (streq(key, "OPERATION"))
		return SET_ENUM(s->operation, cell_operation, value);
	if (streq(key, "N_RESTARTS"))
		return parse_u32(value, &s->n_restarts);
	if (streq(key, "FALLBACK"))
		return set_bool(&s->fallback, value);
	if (streq(key, "FAILURES"))
		return parse_u32(value, &s->policy.failures);
	if (streq(key, "ATTEMPT"))
		return parse_u32(value, &s->policy.attempt);
	if (streq(key, "WINDOW_USEC"))
		return parse_u64(value, &s->policy.window_usec);
	if (streq(key, "WINDOW_STARTS"))
		return parse_u32(value, &s->policy.window_starts);
	if (streq(key, "RUNNING_USEC"))
		return parse_u64(value, &s->policy.running_usec);
	if (streq(key, "SOURCE_CONFIG"))
		return parse_u64(value, &s->source.config);
	if (streq(key, "SOURCE_IMAGES"))
		return parse_u64(value, &s->source.images);
	return 0;
}

int state_file_parse(const char *text, CellSaved *ret)
{
	_cleanup_strv_ char **lines = NULL;
	CellSaved s = { 0 };
	int r;

	r = strv_split(text, "\n", &lines);
	if (r < 0)
		return r;
	for (char **line = lines; line && *line; line++) {
		char *equals = strchr(*line, '=');

		if (!equals)
			return -EBADMSG;
		*equals = '\0';
		r = set_field(&s, *line, equals + 1);
		if (r < 0)
			return -EBADMSG;
	}
	*ret = s;
	return 0;
}

int state_file_load(const char *dir, const char *name, CellSaved *ret)
{
	_cleanup_free_ char *path = path_join(dir, name), *text = NULL;
	size_t size;
	int r;

	if (!path)
		return -ENOMEM;
	r = util_read_file(path, STATE_FILE_MAX_BYTES, &text, &size);
	if (r < 0)
		return r;
	return state_file_parse(text, ret);
}
