/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON text for people: json-c either breaks every line or none, so the layout is done here and leaves are its.
 */
#include "json-print.h"
#include "util.h"

#define PRINT_COLUMNS 120

static int print_value(FILE *f, json_object *value, size_t indent, size_t column);

static const char *on_one_line(json_object *value)
{
	return json_object_to_json_string_ext(value, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
}

/** print_key - `"key": `; returns its length, or -ENOMEM */
static int print_key(FILE *f, const char *key)
{
	json_object *name = json_object_new_string(key);
	int n;

	if (!name)
		return -ENOMEM;
	n = fprintf(f, "%s: ", on_one_line(name));
	json_object_put(name);
	return n;
}

static int print_object(FILE *f, json_object *value, size_t indent)
{
	const char *comma = "";
	int r;

	fputc('{', f);
	json_object_object_foreach (value, key, child) {
		fprintf(f, "%s\n%*s", comma, (int)indent + 2, "");
		r = print_key(f, key);
		if (r >= 0)
			r = print_value(f, child, indent + 2, indent + 2 + (size_t)r);
		if (r < 0)
			return r;
		comma = ",";
	}
	fprintf(f, "\n%*s}", (int)indent, "");
	return 0;
}

static int print_array(FILE *f, json_object *value, size_t indent)
{
	size_t n = json_object_array_length(value);
	int r;

	fputc('[', f);
	for (size_t i = 0; i < n; i++) {
		fprintf(f, "%s\n%*s", i ? "," : "", (int)indent + 2, "");
		r = print_value(f, json_object_array_get_idx(value, i), indent + 2, indent + 2);
		if (r < 0)
			return r;
	}
	fprintf(f, "\n%*s]", (int)indent, "");
	return 0;
}

/** print_value - at @column of a line that is indented by @indent; column 0: the whole text, never on one line */
static int print_value(FILE *f, json_object *value, size_t indent, size_t column)
{
	const char *line = on_one_line(value);

	if (!line)
		return -ENOMEM;
	if (column > 0 && column + strlen(line) < PRINT_COLUMNS) {
		fputs(line, f);
		return 0;
	}
	if (json_object_is_type(value, json_type_object) && json_object_object_length(value) > 0)
		return print_object(f, value, indent);
	if (json_object_is_type(value, json_type_array) && json_object_array_length(value) > 0)
		return print_array(f, value, indent);
	fputs(line, f);
	return 0;
}

char *json_print(json_object *value)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	int r;

	if (!f)
		return NULL;
	r = print_value(f, value, 0, 0);
	fputc('\n', f);
	if (fclose(f) == 0 && r >= 0)
		return text;
	free(text);
	return NULL;
}
