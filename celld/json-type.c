/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON types without parts: numbers, sizes, durations, strings, names, flags, bytes.
 */
#include <inttypes.h>

#include "json-field.h"
#include "suggest.h"

/** load_member, store_member - integers of 1, 2, 4 or 8 bytes (little-endian machines only, as the configuration blobs)
 */
static uint64_t load_member(const JsonField *field, const void *member)
{
	uint64_t value = 0;

	memcpy(&value, member, field->size);
	return value;
}

static void store_member(const JsonField *field, void *member, uint64_t value)
{
	memcpy(member, &value, field->size);
}

static uint64_t member_max(const JsonField *field)
{
	return field->size == 8 ? UINT64_MAX : (1ULL << (8 * field->size)) - 1;
}

typedef int (*NumberParser)(const char *s, uint64_t *ret);

/** read_number - JSON number, or string for @parse; false with a problem */
static bool read_number(JsonReader *reader, const JsonPath *where, json_object *value, NumberParser parse,
			const char *example, uint64_t max, uint64_t *ret)
{
	uint64_t number = 0;
	int r = 0;

	if (json_object_is_type(value, json_type_string)) {
		r = parse(json_object_get_string(value), &number);
	} else if (json_object_is_type(value, json_type_int)) {
		if (json_object_get_int64(value) < 0)
			r = -ERANGE;
		number = json_object_get_uint64(value);
	} else {
		r = -EINVAL;
	}
	if (r == -EINVAL) {
		json_problem(reader, where, "expected a whole number or a string as \"%s\"", example);
		return false;
	}
	if (r < 0 || number > max) {
		json_problem(reader, where, "number out of range, the largest is 0x%" PRIx64, max);
		return false;
	}
	*ret = number;
	return true;
}

bool json_u64(JsonReader *reader, const JsonPath *where, json_object *value, uint64_t max, uint64_t *ret)
{
	return read_number(reader, where, value, parse_u64, "0x1000", max, ret);
}

static int decode_number(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
			 void *member)
{
	uint64_t number;

	if (json_u64(reader, where, value, member_max(field), &number))
		store_member(field, member, number);
	return 0;
}

static int decode_size(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
		       void *member)
{
	uint64_t number;

	if (read_number(reader, where, value, parse_size, "76M", member_max(field), &number))
		store_member(field, member, number);
	return 0;
}

static int decode_duration(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
			   void *member)
{
	uint64_t number;

	if (read_number(reader, where, value, parse_usec, "500ms", member_max(field), &number))
		store_member(field, member, number);
	return 0;
}

/** is_default - nothing to write */
static bool is_default(const JsonField *field, const void *member, const void *fallback)
{
	return !field->flags && memcmp(member, fallback, field->size) == 0;
}

static int give(json_object *json, json_object **ret)
{
	if (!json)
		return -ENOMEM;
	*ret = json;
	return 0;
}

json_object *json_hex(uint64_t value)
{
	char buf[24];

	snprintf(buf, sizeof(buf), "0x%" PRIx64, value);
	return json_object_new_string(buf);
}

static int encode_number(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	if (is_default(field, member, fallback))
		return 0;
	return give(json_object_new_uint64(load_member(field, member)), ret);
}

static int encode_address(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	if (is_default(field, member, fallback))
		return 0;
	return give(json_hex(load_member(field, member)), ret);
}

static int encode_size(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	if (is_default(field, member, fallback))
		return 0;
	return give(json_object_new_string(FORMAT_SIZE(load_member(field, member))), ret);
}

static int encode_duration(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	if (is_default(field, member, fallback))
		return 0;
	return give(json_object_new_string(FORMAT_USEC(load_member(field, member))), ret);
}

const JsonType json_number = { .decode = decode_number, .encode = encode_number };
const JsonType json_address = { .decode = decode_number, .encode = encode_address };
const JsonType json_size = { .decode = decode_size, .encode = encode_size };
const JsonType json_duration = { .decode = decode_duration, .encode = encode_duration };

static int decode_string(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
			 void *member)
{
	char **ret = member;

	(void)field;
	if (!json_object_is_type(value, json_type_string)) {
		json_unexpected(reader, where, "a string", value);
		return 0;
	}
	*ret = strdup(json_object_get_string(value));
	return *ret ? 0 : -ENOMEM;
}

static int encode_string(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	const char *const *string = member;

	(void)field, (void)fallback;
	return *string ? give(json_object_new_string(*string), ret) : 0;
}

const JsonType json_string = { .decode = decode_string, .encode = encode_string };

/** find_name - value of a name; false with a problem that lists or suggests */
static bool find_name(JsonReader *reader, const JsonPath *where, const JsonNames *names, const char *name,
		      uint64_t *ret)
{
	Suggestion suggestion = SUGGESTION_INIT(name);

	for (size_t i = 0; i < names->n_items; i++) {
		if (streq(names->items[i].name, name)) {
			*ret = names->items[i].value;
			return true;
		}
		suggestion_offer(&suggestion, names->items[i].name);
	}
	json_problem(reader, where, "unknown value \"%s\"" SUGGESTION_FORMAT, name, SUGGESTION_ARGS(suggestion));
	return false;
}

static int decode_enum(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
		       void *member)
{
	const JsonNames *names = field->details;
	uint64_t number;

	if (json_object_is_type(value, json_type_string)) {
		if (find_name(reader, where, names, json_object_get_string(value), &number))
			store_member(field, member, number);
	} else if (!names->open) {
		json_unexpected(reader, where, "a string", value);
	} else if (json_u64(reader, where, value, member_max(field), &number)) {
		store_member(field, member, number);
	}
	return 0;
}

static int encode_enum(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	const JsonNames *names = field->details;
	uint64_t value = load_member(field, member);

	if (is_default(field, member, fallback))
		return 0;
	for (size_t i = 0; i < names->n_items; i++)
		if (names->items[i].value == value)
			return give(json_object_new_string(names->items[i].name), ret);
	return give(json_object_new_uint64(value), ret);
}

const JsonType json_enum = { .decode = decode_enum, .encode = encode_enum };

static int decode_flags(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
			void *member)
{
	uint64_t flags = 0;

	if (!json_object_is_type(value, json_type_array)) {
		json_unexpected(reader, where, "a list of strings", value);
		return 0;
	}
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		json_object *item = json_object_array_get_idx(value, i);
		JsonPath here = { .outer = where, .index = i };
		const char *name = json_object_get_string(item);
		uint64_t bits = 0;

		if (!json_object_is_type(item, json_type_string))
			json_problem(reader, &here, "expected a string");
		else if (startswith(name, "0x"))
			json_u64(reader, &here, item, member_max(field), &bits);
		else
			find_name(reader, &here, field->details, name, &bits);
		if (bits & flags)
			json_problem(reader, &here, "\"%s\" given twice", name);
		flags |= bits;
	}
	store_member(field, member, flags);
	return 0;
}

static int encode_flags(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	const JsonNames *names = field->details;
	uint64_t flags = load_member(field, member);
	_cleanup_json_ json_object *json = NULL;
	int r;

	if (is_default(field, member, fallback))
		return 0;
	json = json_object_new_array();
	if (!json)
		return -ENOMEM;
	for (size_t i = 0; i < names->n_items; i++) {
		if (!(flags & names->items[i].value))
			continue;
		r = json_append(json, json_object_new_string(names->items[i].name));
		if (r < 0)
			return r;
		flags &= ~names->items[i].value;
	}
	if (flags) {
		r = json_append(json, json_hex(flags));
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(json);
	return 0;
}

const JsonType json_flags = { .decode = decode_flags, .encode = encode_flags };

static int decode_bytes(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
			void *member)
{
	const char *digits = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "?";
	_cleanup_free_ uint8_t *bytes = NULL;
	size_t size = 0;
	int r = hex_decode(digits, &bytes, &size);

	if (r == -ENOMEM)
		return r;
	if (r < 0 || size != field->size)
		json_problem(reader, where, "expected a string of %zu hexadecimal digits", 2 * field->size);
	else
		memcpy(member, bytes, size);
	return 0;
}

static int encode_bytes(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	_cleanup_free_ char *digits = NULL;

	if (is_default(field, member, fallback))
		return 0;
	digits = hex_encode(member, field->size);
	if (!digits)
		return -ENOMEM;
	return give(json_object_new_string(digits), ret);
}

const JsonType json_bytes = { .decode = decode_bytes, .encode = encode_bytes };
