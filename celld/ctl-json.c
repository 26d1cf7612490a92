/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cellctl: values of D-Bus messages as JSON, which all output is made from.
 */
#include "cellctl.h"
#include "json-print.h"

static int read_basic(sd_bus_message *m, char type, json_object **ret)
{
	union {
		uint8_t byte;
		int boolean;
		int16_t i16;
		uint16_t u16;
		int32_t i32;
		uint32_t u32;
		int64_t i64;
		uint64_t u64;
		double real;
		const char *string;
	} v;
	int r = sd_bus_message_read_basic(m, type, &v);

	if (r < 0)
		return r;
	switch (type) {
	case SD_BUS_TYPE_BYTE:
		*ret = json_object_new_int(v.byte);
		break;
	case SD_BUS_TYPE_BOOLEAN:
		*ret = json_object_new_boolean(v.boolean);
		break;
	case SD_BUS_TYPE_INT16:
		*ret = json_object_new_int(v.i16);
		break;
	case SD_BUS_TYPE_UINT16:
		*ret = json_object_new_int(v.u16);
		break;
	case SD_BUS_TYPE_INT32:
		*ret = json_object_new_int(v.i32);
		break;
	case SD_BUS_TYPE_UINT32:
		*ret = json_object_new_int64(v.u32);
		break;
	case SD_BUS_TYPE_INT64:
		*ret = json_object_new_int64(v.i64);
		break;
	case SD_BUS_TYPE_UINT64:
		*ret = json_object_new_uint64(v.u64);
		break;
	case SD_BUS_TYPE_DOUBLE:
		*ret = json_object_new_double(v.real);
		break;
	case SD_BUS_TYPE_UNIX_FD:
		*ret = NULL;
		return 0;
	default:
		*ret = json_object_new_string(v.string);
	}
	return *ret ? 0 : -ENOMEM;
}

/** read_members - dictionary entries with keys of type string or path, into an object */
static int read_members(sd_bus_message *m, const char *entry, json_object *object)
{
	const char *key;
	char type[64];
	int r;

	snprintf(type, sizeof(type), "%.*s", (int)strlen(entry) - 2, entry + 1);
	while ((r = sd_bus_message_enter_container(m, SD_BUS_TYPE_DICT_ENTRY, type)) > 0) {
		json_object *value = NULL;

		r = sd_bus_message_read_basic(m, entry[1], &key);
		if (r >= 0)
			r = ctl_json_read(m, &value);
		if (r >= 0 && json_object_object_add(object, key, value) < 0) {
			json_object_put(value);
			r = -ENOMEM;
		}
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
		if (r < 0)
			return r;
	}
	return r;
}

static int read_elements(sd_bus_message *m, json_object *array)
{
	int r;

	while ((r = sd_bus_message_at_end(m, false)) == 0) {
		json_object *value = NULL;

		r = ctl_json_read(m, &value);
		if (r < 0)
			return r;
		if (json_object_array_add(array, value) < 0) {
			json_object_put(value);
			return -ENOMEM;
		}
	}
	return r;
}

int ctl_json_read(sd_bus_message *m, json_object **ret)
{
	_cleanup_object_ json_object *container = NULL;
	const char *contents;
	bool object;
	char type;
	int r;

	r = sd_bus_message_peek_type(m, &type, &contents);
	if (r <= 0)
		return r < 0 ? r : -ENXIO;
	if (!contents)
		return read_basic(m, type, ret);
	r = sd_bus_message_enter_container(m, type, contents);
	if (r < 0)
		return r;
	if (type == SD_BUS_TYPE_VARIANT) {
		r = ctl_json_read(m, &container);
	} else {
		object = type == SD_BUS_TYPE_ARRAY && contents[0] == '{' && strchr("so", contents[1]);
		container = object ? json_object_new_object() : json_object_new_array();
		r = !container ? -ENOMEM : object ? read_members(m, contents, container) : read_elements(m, container);
	}
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(container);
	return 0;
}

int ctl_json_print(const Ctl *ctl, json_object *value)
{
	_cleanup_free_ char *text = NULL;
	const char *line;

	if (ctl->json == CTL_JSON_PRETTY) {
		text = json_print(value);
		if (!text)
			return ctl_error("Out of memory");
		fputs(text, ctl->out);
		return CTL_OK;
	}
	line = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!line)
		return ctl_error("Out of memory");
	fprintf(ctl->out, "%s\n", line);
	return CTL_OK;
}

json_object *ctl_property(json_object *object, const char *name)
{
	json_object *value = NULL;

	return json_object_object_get_ex(object, name, &value) ? value : NULL;
}

const char *ctl_string(json_object *object, const char *name)
{
	json_object *value = ctl_property(object, name);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

uint64_t ctl_number(json_object *object, const char *name)
{
	return json_object_get_uint64(ctl_property(object, name));
}
