/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sets of small numbers and ranges of them in JSON: "0-2,5", 3, [0, 1, "4-7"].
 */
#ifndef CELLD_JSON_RANGES_H
#define CELLD_JSON_RANGES_H

#include "json-field.h"

/** Called for each range of a set. Return: 0 or -errno, which ends the walk */
typedef int (*RangeVisitor)(uint64_t first, uint64_t last, void *userdata);

/**
 * json_ranges_visit - each range of a set, checked
 *
 * Numbers above @max and reversed ranges are problems. Return: 0, -ENOMEM, or what @visit returned
 */
int json_ranges_visit(JsonReader *reader, const JsonPath *where, json_object *value, uint64_t max, RangeVisitor visit,
		      void *userdata);

/** CpuSet: its bytes become the least multiple of 8 */
extern const JsonType json_cpu_set;

/** CpuSet.size_bytes, after the CPUs: more bytes than they need */
extern const JsonType json_cpu_set_bytes;

/** IrqChip.pin_map, after pin_base: pin numbers as the chip counts them */
extern const JsonType json_pins;

/** PortRange: "0x3e8-0x3ef", "0x70", or an object for empty and wrapping ranges */
extern const JsonShape json_port_shape;

#endif
