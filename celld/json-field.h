/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON objects as tables: each row is a key, its type, and the struct member that holds the value. The same table
 * decodes and encodes.
 *
 * Decoding goes on after a problem; its result counts only if no error was added. Functions return 0 or -ENOMEM.
 * Encoding leaves out members that have their default value.
 */
#ifndef CELLD_JSON_FIELD_H
#define CELLD_JSON_FIELD_H

#include <json-c/json.h>

#include "config-origin.h"

/** The way to a value, innermost part first; lives on the stack of the decoding functions. */
typedef struct JsonPath {
	const struct JsonPath *outer; /**< NULL: the whole text */
	const char *name;	      /**< member; NULL: element number index */
	size_t index;
} JsonPath;

typedef struct JsonReader {
	const ConfigOrigin *origin;
	ConfigProblems *problems;
} JsonReader;

/** json_problem - record an error at @where */
_printf_(3, 4) void json_problem(JsonReader *reader, const JsonPath *where, const char *format, ...);

/** json_unexpected - record that @value is not of the wanted kind, as in "expected an object, found string" */
void json_unexpected(JsonReader *reader, const JsonPath *where, const char *wanted, json_object *value);

typedef struct JsonField JsonField;

typedef struct JsonType {
	/** @member: the field in its struct. Problems go to @reader */
	int (*decode)(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
		      void *member);
	/** @fallback: the same field in the default object. *ret = NULL: leave it out */
	int (*encode)(const JsonField *field, const void *member, const void *fallback, json_object **ret);
} JsonType;

enum {
	FIELD_REQUIRED = 1, /**< missing: an error; always written */
	FIELD_ALWAYS = 2,   /**< always written */
};

struct JsonField {
	const char *name;
	const JsonType *type;
	size_t offset;	     /**< of the member */
	size_t size;	     /**< of the member, bytes */
	const void *details; /**< by type */
	unsigned flags;
};

#define FIELD(key, type_, struct_, member) \
	.name = (key), .type = &(type_), .offset = offsetof(struct_, member), .size = sizeof(((struct_ *)0)->member)

/** An object: its rows and what else is special about it. */
typedef struct JsonShape {
	const JsonField *fields;
	size_t n_fields;
	size_t object_bytes;
	const void *defaults; /**< object to start from; NULL: zeros */
	/** instead of an object any other value may be accepted */
	int (*decode_short)(JsonReader *reader, const JsonPath *where, json_object *value, void *object);
	/** *ret = NULL: use the long form */
	int (*encode_short)(const void *object, json_object **ret);
	/** after all rows: defaults that depend on others, relations; @value is the object, or the short form */
	int (*finish)(JsonReader *reader, const JsonPath *where, json_object *value, void *object);
} JsonShape;

int json_shape_decode(JsonReader *reader, const JsonPath *where, const JsonShape *shape, json_object *value,
		      void *object);
int json_shape_encode(const JsonShape *shape, const void *object, json_object **ret);

/** Integers of any width; strings "0x..." are accepted by all. Written as number; as hex string; "76M"; "500ms". */
extern const JsonType json_number, json_address, json_size, json_duration;

/** char *; details: NULL or bool (*)(const char *) that accepts it */
extern const JsonType json_string;

/** Integer with names; details: JsonNames */
extern const JsonType json_enum;

/** Integer as list of names; details: JsonNames. Bits without name: hex strings */
extern const JsonType json_flags;

typedef struct JsonName {
	const char *name;
	uint64_t value;
} JsonName;

typedef struct JsonNames {
	const JsonName *items;
	size_t n_items;
	bool open; /**< enum: other numbers are accepted too */
} JsonNames;

#define JSON_NAMES(...)                                                                                          \
	{                                                                                                        \
		.items = (const JsonName[]){ __VA_ARGS__ }, .n_items = ELEMENTSOF(((JsonName[]){ __VA_ARGS__ })) \
	}

/** uint8_t[n] as hex string of exactly that length */
extern const JsonType json_bytes;

/** struct; details: JsonShape */
extern const JsonType json_struct;

/** T *; details: JsonArray */
extern const JsonType json_array;

typedef struct JsonArray {
	const JsonShape *shape;
	ptrdiff_t count_offset; /**< of the size_t count, from the pointer */
	size_t count_max;
} JsonArray;

#define JSON_ARRAY(struct_, member, count, shape_, max)                                                     \
	{                                                                                                   \
		.shape = &(shape_),                                                                         \
		.count_offset = (ptrdiff_t)offsetof(struct_, count) - (ptrdiff_t)offsetof(struct_, member), \
		.count_max = (max)                                                                          \
	}

/** json_u64 - number or string at @where. Return: true; false with a problem added */
bool json_u64(JsonReader *reader, const JsonPath *where, json_object *value, uint64_t max, uint64_t *ret);

/** json_hex - new string object "0x..."; NULL without memory */
json_object *json_hex(uint64_t value);

/** json_put - add @value to @object, or drop it on failure. Return: 0, -ENOMEM (also for @value NULL) */
int json_put(json_object *object, const char *key, json_object *value);

/** json_append - the same for arrays */
int json_append(json_object *array, json_object *value);

static inline void json_putp(json_object **object)
{
	if (*object)
		json_object_put(*object);
}
#define _cleanup_json_ _cleanup_(json_putp)

#endif
