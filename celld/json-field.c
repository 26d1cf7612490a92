/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON objects as tables: walking shapes, and the types that contain others. Simple types are in json-type.c.
 */
#include <stdarg.h>

#include "json-field.h"
#include "suggest.h"

static void path_print(FILE *f, const JsonPath *where)
{
	if (!where)
		return;
	path_print(f, where->outer);
	if (where->name)
		fprintf(f, "%s%s", where->outer ? "." : "", where->name);
	else
		fprintf(f, "[%zu]", where->index);
}

static char *path_to_string(const JsonPath *where)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	path_print(f, where);
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}

void json_problem(JsonReader *reader, const JsonPath *where, const char *format, ...)
{
	_cleanup_free_ char *key = path_to_string(where), *message = NULL;
	va_list args;
	int r;

	va_start(args, format);
	r = vasprintf(&message, format, args);
	va_end(args);
	if (r < 0)
		message = NULL;
	config_problem_add(reader->problems, CONFIG_ERROR, config_origin_path(reader->origin),
			   config_origin_line(reader->origin, key), key, "%s", message ? message : format);
}

void json_unexpected(JsonReader *reader, const JsonPath *where, const char *wanted, json_object *value)
{
	json_problem(reader, where, "expected %s, found %s", wanted, json_type_to_name(json_object_get_type(value)));
}

int json_put(json_object *object, const char *key, json_object *value)
{
	if (!value)
		return -ENOMEM;
	if (json_object_object_add(object, key, value) == 0)
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

int json_append(json_object *array, json_object *value)
{
	if (!value)
		return -ENOMEM;
	if (json_object_array_add(array, value) == 0)
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

static bool key_is_known(const JsonShape *shape, const char *key)
{
	/* JSON has no comments, so every object may carry one */
	if (streq(key, "comment"))
		return true;
	for (size_t i = 0; i < shape->n_fields; i++)
		if (streq(shape->fields[i].name, key))
			return true;
	return false;
}

static void report_unknown_keys(JsonReader *reader, const JsonPath *where, const JsonShape *shape, json_object *value)
{
	json_object_object_foreach (value, key, child) {
		Suggestion suggestion = SUGGESTION_INIT(key);
		JsonPath here = { .outer = where, .name = key };

		(void)child;
		if (key_is_known(shape, key))
			continue;
		for (size_t i = 0; i < shape->n_fields; i++)
			suggestion_offer(&suggestion, shape->fields[i].name);
		json_problem(reader, &here, "unknown key" SUGGESTION_FORMAT, SUGGESTION_ARGS(suggestion));
	}
}

static int decode_fields(JsonReader *reader, const JsonPath *where, const JsonShape *shape, json_object *value,
			 void *object)
{
	int r;

	report_unknown_keys(reader, where, shape, value);
	for (size_t i = 0; i < shape->n_fields; i++) {
		const JsonField *field = &shape->fields[i];
		JsonPath here = { .outer = where, .name = field->name };
		json_object *child;

		if (!json_object_object_get_ex(value, field->name, &child)) {
			if (field->flags & FIELD_REQUIRED)
				json_problem(reader, where, "key \"%s\" is missing", field->name);
			continue;
		}
		r = field->type->decode(reader, &here, field, child, (uint8_t *)object + field->offset);
		if (r < 0)
			return r;
	}
	return 0;
}

int json_shape_decode(JsonReader *reader, const JsonPath *where, const JsonShape *shape, json_object *value,
		      void *object)
{
	int r;

	if (shape->defaults)
		memcpy(object, shape->defaults, shape->object_bytes);
	if (json_object_is_type(value, json_type_object) && shape->n_fields > 0) {
		r = decode_fields(reader, where, shape, value, object);
	} else if (shape->decode_short) {
		r = shape->decode_short(reader, where, value, object);
	} else {
		json_unexpected(reader, where, "an object", value);
		return 0;
	}
	if (r < 0 || !shape->finish)
		return r;
	return shape->finish(reader, where, value, object);
}

int json_shape_encode(const JsonShape *shape, const void *object, json_object **ret)
{
	_cleanup_json_ json_object *json = NULL;
	_cleanup_free_ void *zeros = NULL;
	const uint8_t *defaults = shape->defaults;
	int r;

	if (shape->encode_short) {
		r = shape->encode_short(object, &json);
		if (r < 0)
			return r;
		if (json) {
			*ret = TAKE_PTR(json);
			return 0;
		}
	}
	if (!defaults)
		defaults = zeros = calloc(1, shape->object_bytes);
	json = json_object_new_object();
	if (!defaults || !json)
		return -ENOMEM;
	for (size_t i = 0; i < shape->n_fields; i++) {
		const JsonField *field = &shape->fields[i];
		json_object *child = NULL;

		if (!field->type->encode)
			continue;
		r = field->type->encode(field, (const uint8_t *)object + field->offset, defaults + field->offset,
					&child);
		if (r >= 0 && child)
			r = json_put(json, field->name, child);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(json);
	return 0;
}

static int decode_struct(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
			 void *member)
{
	return json_shape_decode(reader, where, field->details, value, member);
}

static int encode_struct(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	_cleanup_json_ json_object *json = NULL;
	int r;

	(void)fallback;
	r = json_shape_encode(field->details, member, &json);
	if (r < 0)
		return r;
	if (field->flags || !json_object_is_type(json, json_type_object) || json_object_object_length(json) > 0)
		*ret = TAKE_PTR(json);
	return 0;
}

const JsonType json_struct = { .decode = decode_struct, .encode = encode_struct };

static int decode_array(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
			void *member)
{
	const JsonArray *array = field->details;
	size_t n, size = array->shape->object_bytes;
	uint8_t *elements;
	int r;

	if (!json_object_is_type(value, json_type_array)) {
		json_unexpected(reader, where, "an array", value);
		return 0;
	}
	n = json_object_array_length(value);
	if (n > array->count_max) {
		json_problem(reader, where, "%zu elements, at most %zu are possible", n, array->count_max);
		return 0;
	}
	if (n == 0)
		return 0;
	elements = calloc(n, size);
	if (!elements)
		return -ENOMEM;
	/* owned by the object from here on: what was decoded is freed with it */
	memcpy(member, &elements, sizeof(elements));
	memcpy((uint8_t *)member + array->count_offset, &n, sizeof(n));
	for (size_t i = 0; i < n; i++) {
		JsonPath here = { .outer = where, .index = i };

		r = json_shape_decode(reader, &here, array->shape, json_object_array_get_idx(value, i),
				      elements + i * size);
		if (r < 0)
			return r;
	}
	return 0;
}

static int encode_array(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	const JsonArray *array = field->details;
	_cleanup_json_ json_object *json = NULL;
	const uint8_t *elements;
	size_t n;
	int r;

	(void)fallback;
	memcpy(&elements, member, sizeof(elements));
	memcpy(&n, (const uint8_t *)member + array->count_offset, sizeof(n));
	if (n == 0 && !field->flags)
		return 0;
	json = json_object_new_array();
	if (!json)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		json_object *child = NULL;

		r = json_shape_encode(array->shape, elements + i * array->shape->object_bytes, &child);
		if (r >= 0)
			r = json_append(json, child);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(json);
	return 0;
}

const JsonType json_array = { .decode = decode_array, .encode = encode_array };
