/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cellctl: values and tables for people.
 */
#include <inttypes.h>
#include <time.h>

#include "cellctl.h"

static bool ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && streq(s + n - m, suffix);
}

/** print_cpus - sorted numbers as "0-2,5" */
static void print_cpus(FILE *f, json_object *array)
{
	size_t n = json_object_array_length(array), next;

	for (size_t i = 0; i < n; i = next) {
		uint64_t first = json_object_get_uint64(json_object_array_get_idx(array, i)), last = first;

		for (next = i + 1; next < n; next++, last++)
			if (json_object_get_uint64(json_object_array_get_idx(array, next)) != last + 1)
				break;
		fprintf(f, last > first ? "%s%" PRIu64 "-%" PRIu64 : "%s%" PRIu64, i ? "," : "", first, last);
	}
}

static void print_time(FILE *f, uint64_t realtime_usec)
{
	time_t seconds = (time_t)(realtime_usec / USEC_PER_SEC);
	char text[64];
	struct tm tm;

	if (realtime_usec > 0 && localtime_r(&seconds, &tm) && strftime(text, sizeof(text), "%a %F %T %Z", &tm) > 0)
		fputs(text, f);
}

static void print_number(FILE *f, const char *property, json_object *value)
{
	uint64_t number = json_object_get_uint64(value);

	if (streq(property, "Id") && number == UINT32_MAX)
		return; /* not created */
	if (ends_with(property, "USec"))
		fputs(FORMAT_USEC(number), f);
	else if (ends_with(property, "Timestamp"))
		print_time(f, number);
	else
		fprintf(f, "%" PRIu64, number);
}

/** print_string - some come from cells in the end: nothing that a terminal would obey */
static void print_string(FILE *f, const char *s)
{
	for (; *s; s++)
		fputc((unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s, f);
}

static void print_value(FILE *f, const char *property, json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_null:
		break;
	case json_type_boolean:
		fputs(json_object_get_boolean(value) ? "yes" : "no", f);
		break;
	case json_type_int:
		print_number(f, property, value);
		break;
	case json_type_array:
		if (ends_with(property, "CPUs")) {
			print_cpus(f, value);
			break;
		}
		for (size_t i = 0; i < json_object_array_length(value); i++) {
			fputs(i ? " " : "", f);
			print_value(f, property, json_object_array_get_idx(value, i));
		}
		break;
	default:
		print_string(f, json_object_get_string(value));
	}
}

char *ctl_text(const char *property, json_object *value)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	print_value(f, property, value);
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}

#define GREEN "\x1b[0;1;32m"
#define YELLOW "\x1b[0;1;33m"
#define RED "\x1b[0;1;31m"

static const struct {
	const char *value, *color;
} colored[] = {
	{ "running", GREEN },	     { "ok", GREEN },	     { "enabled", GREEN },
	{ "starting", YELLOW },	     { "stopping", YELLOW }, { "late", YELLOW },
	{ "failed", RED },	     { "lost", RED },	     { "restarting", YELLOW },
	{ "running/locked", GREEN },
};

const char *ctl_color(const Ctl *ctl, const char *property, const char *value)
{
	if (!ctl->color)
		return "";
	if (streq(property, "Result") && !streq(value, "success") && !isempty(value))
		return RED;
	for (size_t i = 0; i < ELEMENTSOF(colored); i++)
		if ((ends_with(property, "State") || streq(property, "Health")) && streq(value, colored[i].value))
			return colored[i].color;
	return "";
}

const char *ctl_color_off(const Ctl *ctl)
{
	return ctl->color ? "\x1b[0m" : "";
}

/** print_json_rows - only the columns' properties */
static int print_json_rows(const Ctl *ctl, const CtlColumn *columns, size_t n_columns, json_object *rows)
{
	_cleanup_object_ json_object *array = json_object_new_array();

	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		json_object *row = json_object_array_get_idx(rows, i), *copy = json_object_new_object();

		if (json_object_array_add(array, copy) < 0) {
			json_object_put(copy);
			return ctl_error("Out of memory");
		}
		for (size_t j = 0; j < n_columns; j++)
			json_object_object_add(copy, columns[j].property,
					       json_object_get(ctl_property(row, columns[j].property)));
	}
	return ctl_json_print(ctl, array);
}

static void print_cell(const Ctl *ctl, const CtlColumn *column, const char *text, size_t width, bool last)
{
	const char *color = ctl_color(ctl, column->property, text), *off = *color ? ctl_color_off(ctl) : "";
	const char *shown = *text ? text : "-";
	int pad = (int)(width - strlen(shown));

	fprintf(ctl->out, "%*s%s%s%s%*s%s", column->right ? pad : 0, "", color, shown, off,
		column->right || last ? 0 : pad, "", last ? "\n" : " ");
}

int ctl_table(const Ctl *ctl, const CtlColumn *columns, size_t n_columns, json_object *rows, const char *noun)
{
	size_t n_rows = json_object_array_length(rows), *widths;
	_cleanup_free_ void *owned = NULL;
	_cleanup_strv_ char **texts = NULL;

	if (ctl->json != CTL_JSON_OFF)
		return print_json_rows(ctl, columns, n_columns, rows);
	owned = widths = calloc(n_columns, sizeof(*widths));
	texts = calloc(n_rows * n_columns + 1, sizeof(*texts));
	if (!widths || !texts)
		return ctl_error("Out of memory");
	for (size_t j = 0; j < n_columns; j++)
		widths[j] = ctl->legend ? strlen(columns[j].title) : 1;
	for (size_t i = 0; i < n_rows * n_columns; i++) {
		const char *property = columns[i % n_columns].property;

		texts[i] = ctl_text(property, ctl_property(json_object_array_get_idx(rows, i / n_columns), property));
		if (!texts[i])
			return ctl_error("Out of memory");
		widths[i % n_columns] = MAX(widths[i % n_columns], strlen(texts[i]));
	}
	for (size_t j = 0; j < n_columns && ctl->legend && n_rows > 0; j++)
		print_cell(ctl, &columns[j], columns[j].title, widths[j], j + 1 == n_columns);
	for (size_t i = 0; i < n_rows * n_columns; i++)
		print_cell(ctl, &columns[i % n_columns], texts[i], widths[i % n_columns], (i + 1) % n_columns == 0);
	if (ctl->legend)
		fprintf(ctl->out, "%s%zu %s%s listed.\n", n_rows ? "\n" : "", n_rows, noun, n_rows == 1 ? "" : "s");
	return CTL_OK;
}
