/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sets of small numbers and ranges of them in JSON: CPUs, pins, ports.
 */
#include <inttypes.h>
#include <limits.h>

#include "json-ranges.h"

#define CPU_SET_MAX_BYTES 4096 /**< limit of the configuration format */

/** parse_range - "5" or "0x10-0x1f". Return: 0, -EINVAL, -ERANGE */
static int parse_range(char *text, uint64_t *ret_first, uint64_t *ret_last)
{
	char *minus = strchr(text, '-');
	uint64_t first, last;
	int r;

	if (minus)
		*minus = 0;
	r = parse_u64(text, &first);
	if (r < 0)
		return r;
	last = first;
	if (minus) {
		r = parse_u64(minus + 1, &last);
		if (r < 0)
			return r;
	}
	*ret_first = first;
	*ret_last = last;
	return 0;
}

static int visit_string(JsonReader *reader, const JsonPath *where, const char *text, uint64_t max, RangeVisitor visit,
			void *userdata)
{
	_cleanup_strv_ char **parts = NULL;
	uint64_t first = 0, last = 0;
	int r;

	r = strv_split(text, ", ", &parts);
	if (r < 0)
		return r;
	for (char **part = parts; *part; part++) {
		_cleanup_free_ char *copy = strdup(*part);

		if (!copy)
			return -ENOMEM;
		r = parse_range(copy, &first, &last);
		if (r == -EINVAL) {
			json_problem(reader, where, "\"%s\" is neither a number nor a range as \"1-3\"", *part);
		} else if (r < 0 || first > max || last > max) {
			json_problem(reader, where, "\"%s\" is out of range, the largest is %" PRIu64, *part, max);
		} else if (last < first) {
			json_problem(reader, where, "\"%s\" ends before it starts", *part);
		} else {
			r = visit(first, last, userdata);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

int json_ranges_visit(JsonReader *reader, const JsonPath *where, json_object *value, uint64_t max, RangeVisitor visit,
		      void *userdata)
{
	uint64_t number;
	int r;

	if (json_object_is_type(value, json_type_string))
		return visit_string(reader, where, json_object_get_string(value), max, visit, userdata);
	if (json_object_is_type(value, json_type_int))
		return json_u64(reader, where, value, max, &number) ? visit(number, number, userdata) : 0;
	/* elements may be anything but arrays, so this recurses once */
	if (!json_object_is_type(value, json_type_array) || (where && !where->name)) {
		json_unexpected(reader, where, "a number, a string as \"1-3,5\" or an array of them", value);
		return 0;
	}
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		JsonPath here = { .outer = where, .index = i };

		r = json_ranges_visit(reader, &here, json_object_array_get_idx(value, i), max, visit, userdata);
		if (r < 0)
			return r;
	}
	return 0;
}

static int cpu_set_resize(CpuSet *set, uint32_t size_bytes)
{
	uint8_t *bits = realloc(set->bits, MAX(size_bytes, 1U));

	if (!bits)
		return -ENOMEM;
	if (size_bytes > set->size_bytes)
		memset(bits + set->size_bytes, 0, size_bytes - set->size_bytes);
	set->bits = bits;
	set->size_bytes = size_bytes;
	return 0;
}

/** cpu_set_default_bytes - what a set with this highest CPU takes without being told */
static uint32_t cpu_set_default_bytes(uint64_t highest)
{
	return (uint32_t)(highest / 64 + 1) * 8;
}

static int add_cpus(uint64_t first, uint64_t last, void *userdata)
{
	CpuSet *set = userdata;
	int r = 0;

	if (cpu_set_default_bytes(last) > set->size_bytes)
		r = cpu_set_resize(set, cpu_set_default_bytes(last));
	for (uint64_t cpu = first; r >= 0 && cpu <= last; cpu++)
		set->bits[cpu / 8] |= (uint8_t)(1U << cpu % 8);
	return r;
}

static int decode_cpu_set(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
			  void *member)
{
	int r;

	(void)field;
	r = cpu_set_resize(member, cpu_set_default_bytes(0));
	if (r < 0)
		return r;
	return json_ranges_visit(reader, where, value, CPU_SET_MAX_BYTES * 8 - 1, add_cpus, member);
}

static int encode_cpu_set(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	_cleanup_free_ char *text = cpu_set_to_string(member);

	(void)field, (void)fallback;
	*ret = text ? json_object_new_string(text) : NULL;
	return *ret ? 0 : -ENOMEM;
}

const JsonType json_cpu_set = { .decode = decode_cpu_set, .encode = encode_cpu_set };

static unsigned cpu_set_highest(const CpuSet *set)
{
	unsigned highest = 0;

	CPU_SET_FOREACH(cpu, set)
	highest = cpu;
	return highest;
}

static int decode_cpu_set_bytes(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
				void *member)
{
	CpuSet *set = member;
	uint64_t size;

	(void)field;
	if (!json_u64(reader, where, value, CPU_SET_MAX_BYTES, &size))
		return 0;
	if (size < cpu_set_highest(set) / 8 + (cpu_set_count(set) > 0)) {
		json_problem(reader, where, "%" PRIu64 " bytes do not hold CPU %u", size, cpu_set_highest(set));
		return 0;
	}
	return cpu_set_resize(set, (uint32_t)size);
}

static int encode_cpu_set_bytes(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	const CpuSet *set = member;

	(void)field, (void)fallback;
	if (set->size_bytes == cpu_set_default_bytes(cpu_set_highest(set)))
		return 0;
	*ret = json_object_new_uint64(set->size_bytes);
	return *ret ? 0 : -ENOMEM;
}

const JsonType json_cpu_set_bytes = { .decode = decode_cpu_set_bytes, .encode = encode_cpu_set_bytes };

#define PIN_MAP_BITS 128

static int add_pins(uint64_t first, uint64_t last, void *userdata)
{
	IrqChip *chip = userdata;

	if (first < chip->pin_base || last - chip->pin_base >= PIN_MAP_BITS)
		return -ERANGE;
	for (uint64_t pin = first - chip->pin_base; pin <= last - chip->pin_base; pin++)
		chip->pin_map[pin / 32] |= 1U << pin % 32;
	return 0;
}

static int decode_pins(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
		       void *member)
{
	IrqChip *chip = (IrqChip *)((uint8_t *)member - field->offset);
	int r = json_ranges_visit(reader, where, value, (uint64_t)UINT32_MAX + PIN_MAP_BITS, add_pins, chip);

	if (r != -ERANGE)
		return r;
	json_problem(reader, where, "pins must lie within the %u from pin_base %u", PIN_MAP_BITS, chip->pin_base);
	return 0;
}

static int encode_pins(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	const IrqChip *chip = (const IrqChip *)((const uint8_t *)member - field->offset);
	char *text = NULL;
	const char *comma = "";
	size_t size;
	FILE *f = open_memstream(&text, &size);
	_cleanup_free_ char *owned = NULL;

	(void)fallback;
	if (!f)
		return -ENOMEM;
	for (unsigned first = 0, next; first < PIN_MAP_BITS; first = next) {
		bool set = chip->pin_map[first / 32] >> first % 32 & 1;

		for (next = first + 1; next < PIN_MAP_BITS && (chip->pin_map[next / 32] >> next % 32 & 1) == set;
		     next++)
			;
		if (!set)
			continue;
		fprintf(f, "%s%" PRIu64, comma, (uint64_t)chip->pin_base + first);
		if (next > first + 1)
			fprintf(f, "-%" PRIu64, (uint64_t)chip->pin_base + next - 1);
		comma = ",";
	}
	if (fclose(f) != 0)
		return -ENOMEM;
	owned = text;
	*ret = json_object_new_string(owned);
	return *ret ? 0 : -ENOMEM;
}

const JsonType json_pins = { .decode = decode_pins, .encode = encode_pins };

static int set_ports(uint64_t first, uint64_t last, void *userdata)
{
	PortRange *range = userdata;

	if (range->length || last - first >= UINT16_MAX)
		return -ERANGE;
	*range = (PortRange){ .base = (uint16_t)first, .length = (uint16_t)(last - first + 1) };
	return 0;
}

static int decode_port_short(JsonReader *reader, const JsonPath *where, json_object *value, void *object)
{
	size_t n_errors = reader->problems->n_errors;
	const PortRange *range = object;
	int r;

	if (json_object_is_type(value, json_type_array)) {
		json_unexpected(reader, where, "an object or a string as \"0x3f8-0x3ff\"", value);
		return 0;
	}
	r = json_ranges_visit(reader, where, value, UINT16_MAX, set_ports, object);
	if (r == -ERANGE) {
		json_problem(reader, where, "one range of at most 65535 ports is possible here");
		r = 0;
	}
	if (r == 0 && range->length == 0 && reader->problems->n_errors == n_errors)
		json_problem(reader, where, "no port");
	return r;
}

static int encode_port_short(const void *object, json_object **ret)
{
	const PortRange *range = object;
	unsigned last = range->base + range->length - 1U;
	char buf[24];

	if (range->length == 0 || last > UINT16_MAX)
		return 0;
	snprintf(buf, sizeof(buf), range->length == 1 ? "0x%x" : "0x%x-0x%x", range->base, last);
	*ret = json_object_new_string(buf);
	return *ret ? 0 : -ENOMEM;
}

static const JsonField port_fields[] = {
	{ FIELD("base", json_address, PortRange, base), .flags = FIELD_REQUIRED },
	{ FIELD("length", json_number, PortRange, length), .flags = FIELD_REQUIRED },
};

const JsonShape json_port_shape = {
	.fields = port_fields,
	.n_fields = ELEMENTSOF(port_fields),
	.object_bytes = sizeof(PortRange),
	.decode_short = decode_port_short,
	.encode_short = encode_port_short,
};
