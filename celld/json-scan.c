/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * First pass over JSON text: a recursive descent that checks syntax and remembers lines; it keeps no values.
 */
#include <ctype.h>
#include <stdarg.h>

#include "json-scan.h"

#define SCAN_DEPTH_MAX 16
#define SCAN_KEY_MAX 64

typedef struct Scanner {
	const char *p, *end;
	unsigned line;
	unsigned depth;
	ConfigOrigin *origin;
	ConfigProblems *problems;
	size_t key_bytes;
	char key[SCAN_DEPTH_MAX * (SCAN_KEY_MAX + 24)]; /**< where we are: "memory[2].size" */
} Scanner;

static int scan_value(Scanner *s);

_printf_(2, 3) static int scan_error(Scanner *s, const char *format, ...)
{
	_cleanup_free_ char *message = NULL;
	va_list args;
	int r;

	va_start(args, format);
	r = vasprintf(&message, format, args);
	va_end(args);
	if (r < 0) {
		message = NULL;
		return -ENOMEM;
	}
	config_problem_add(s->problems, CONFIG_ERROR, config_origin_path(s->origin), s->line, s->key, "%s", message);
	return -EINVAL;
}

/** What stands at the scanner's position, for messages. */
static const char *scan_here(const Scanner *s, char buf[static 16])
{
	if (s->p == s->end)
		return "end of file";
	if ((s->p[0] == '/' && s->end - s->p > 1 && (s->p[1] == '/' || s->p[1] == '*')) || s->p[0] == '#')
		return "a comment (JSON has none; use a \"comment\" key)";
	snprintf(buf, 16, isprint((unsigned char)*s->p) ? "'%c'" : "byte 0x%02x", (unsigned char)*s->p);
	return buf;
}

static void scan_space(Scanner *s)
{
	for (; s->p < s->end && strchr(" \t\r\n", *s->p) && *s->p; s->p++)
		if (*s->p == '\n')
			s->line++;
}

static bool scan_accept(Scanner *s, char c)
{
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

/** scan_utf8 - bytes of the well-formed UTF-8 sequence at the position, 0 if it is not one (Unicode table 3-7) */
static size_t scan_utf8(const Scanner *s)
{
	const unsigned char *p = (const unsigned char *)s->p;
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;

	if (n > (size_t)(s->end - s->p))
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

static int scan_escape(Scanner *s)
{
	unsigned code = 0;

	if (s->p == s->end)
		return scan_error(s, "string without end");
	if (*s->p != 'u') {
		if (!*s->p || !strchr("\"\\/bfnrt", *s->p))
			return scan_error(s, "unknown escape in string");
		s->p++;
		return 0;
	}
	s->p++;
	for (int i = 0; i < 4; i++, s->p++) {
		if (s->p == s->end || !isxdigit((unsigned char)*s->p))
			return scan_error(s, "\\u needs four hexadecimal digits");
		code = code * 16 + (unsigned)(isdigit((unsigned char)*s->p) ? *s->p - '0'
									    : tolower((unsigned char)*s->p) - 'a' + 10);
	}
	return code ? 0 : scan_error(s, "NUL character in string");
}

static int scan_string(Scanner *s)
{
	int r;

	if (!scan_accept(s, '"'))
		return scan_error(s, "expected a string, found %s", scan_here(s, (char[16]){ 0 }));
	while (!scan_accept(s, '"')) {
		size_t n;

		if (s->p == s->end || *s->p == '\n')
			return scan_error(s, "string without end");
		if ((unsigned char)*s->p < 0x20)
			return scan_error(s, "control character in string");
		if (scan_accept(s, '\\')) {
			r = scan_escape(s);
			if (r < 0)
				return r;
			continue;
		}
		n = scan_utf8(s);
		if (n == 0)
			return scan_error(s, "string is not valid UTF-8");
		s->p += n;
	}
	return 0;
}

static size_t scan_digits(Scanner *s)
{
	const char *first = s->p;

	while (s->p < s->end && isdigit((unsigned char)*s->p))
		s->p++;
	return (size_t)(s->p - first);
}

static int scan_number(Scanner *s)
{
	const char *first;
	uint64_t value = 0;
	bool fits = true;
	size_t n;

	scan_accept(s, '-');
	first = s->p;
	n = scan_digits(s);
	if (n == 0)
		return scan_error(s, "expected a digit, found %s", scan_here(s, (char[16]){ 0 }));
	if (n > 1 && *first == '0')
		return scan_error(s, "number with leading zero");
	if (n == 1 && *first == '0' && s->p < s->end && (*s->p == 'x' || *s->p == 'X'))
		return scan_error(s, "hexadecimal numbers need quotes, as in \"0x1000\"");
	for (const char *p = first; p < s->p; p++)
		fits = fits && !__builtin_mul_overflow(value, 10, &value) &&
		       !__builtin_add_overflow(value, (uint64_t)(*p - '0'), &value);
	if (!fits)
		return scan_error(s, "number does not fit into 64 bits");
	if (scan_accept(s, '.') && scan_digits(s) == 0)
		return scan_error(s, "expected a digit behind the point");
	if (scan_accept(s, 'e') || scan_accept(s, 'E')) {
		if (!scan_accept(s, '+'))
			scan_accept(s, '-');
		if (scan_digits(s) == 0)
			return scan_error(s, "exponent without digits");
	}
	return 0;
}

static int scan_word(Scanner *s)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < ELEMENTSOF(words); i++) {
		size_t n = strlen(words[i]);

		if ((size_t)(s->end - s->p) >= n && memcmp(s->p, words[i], n) == 0) {
			s->p += n;
			return 0;
		}
	}
	return scan_error(s, "expected a value, found %s", scan_here(s, (char[16]){ 0 }));
}

/** scan_child - the value of the member or element that @name was just appended for */
static int scan_child(Scanner *s, size_t outer_bytes)
{
	int r = config_origin_add(s->origin, s->key, s->line);

	if (r < 0)
		return r;
	scan_space(s);
	r = scan_value(s);
	if (r < 0)
		return r;
	s->key_bytes = outer_bytes;
	s->key[outer_bytes] = 0;
	scan_space(s);
	return 0;
}

static int scan_member(Scanner *s)
{
	size_t outer_bytes = s->key_bytes;
	const char *name = s->p + 1, *name_end;
	int r;

	r = scan_string(s);
	if (r < 0)
		return r;
	name_end = s->p - 1;
	if (name_end - name > SCAN_KEY_MAX)
		return scan_error(s, "key longer than %u bytes", SCAN_KEY_MAX);
	if (memchr(name, '\\', (size_t)(name_end - name)))
		return scan_error(s, "key with an escape");
	scan_space(s);
	if (!scan_accept(s, ':'))
		return scan_error(s, "expected ':' behind key \"%.*s\", found %s", (int)(name_end - name), name,
				  scan_here(s, (char[16]){ 0 }));
	s->key_bytes += (size_t)snprintf(s->key + outer_bytes, sizeof(s->key) - outer_bytes, "%s%.*s",
					 outer_bytes ? "." : "", (int)(name_end - name), name);
	return scan_child(s, outer_bytes);
}

static int scan_element(Scanner *s, unsigned index)
{
	size_t outer_bytes = s->key_bytes;

	s->key_bytes += (size_t)snprintf(s->key + outer_bytes, sizeof(s->key) - outer_bytes, "[%u]", index);
	return scan_child(s, outer_bytes);
}

/** scan_container - object or array behind its opening bracket */
static int scan_container(Scanner *s, bool object)
{
	char close = object ? '}' : ']';
	int r;

	if (s->depth == SCAN_DEPTH_MAX)
		return scan_error(s, "nested deeper than %u", SCAN_DEPTH_MAX);
	s->depth++;
	scan_space(s);
	for (unsigned i = 0; !scan_accept(s, close); i++) {
		if (i > 0) {
			if (!scan_accept(s, ','))
				return scan_error(s, "expected ',' or '%c', found %s", close,
						  scan_here(s, (char[16]){ 0 }));
			scan_space(s);
			if (s->p < s->end && *s->p == close)
				return scan_error(s, "',' before '%c'", close);
		}
		r = object ? scan_member(s) : scan_element(s, i);
		if (r < 0)
			return r;
	}
	s->depth--;
	return 0;
}

static int scan_value(Scanner *s)
{
	if (scan_accept(s, '{'))
		return scan_container(s, true);
	if (scan_accept(s, '['))
		return scan_container(s, false);
	if (s->p < s->end && *s->p == '"')
		return scan_string(s);
	if (s->p < s->end && (*s->p == '-' || isdigit((unsigned char)*s->p)))
		return scan_number(s);
	return scan_word(s);
}

int json_scan(const char *text, size_t size, ConfigOrigin *origin, ConfigProblems *problems)
{
	Scanner s = { .p = text, .end = text + size, .line = 1, .origin = origin, .problems = problems };
	size_t n_errors = problems->n_errors;
	int r;

	scan_space(&s);
	r = config_origin_add(origin, "", s.line);
	if (r < 0)
		return r;
	r = scan_value(&s);
	scan_space(&s);
	if (r >= 0 && s.p != s.end)
		r = scan_error(&s, "expected the end of the file, found %s", scan_here(&s, (char[16]){ 0 }));
	config_origin_sort(origin, problems);
	if (r >= 0 && problems->n_errors != n_errors)
		r = -EINVAL;
	return r;
}
