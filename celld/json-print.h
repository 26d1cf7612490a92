/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON text for people: what fits stands on one line, the rest is indented by two blanks.
 */
#ifndef CELLD_JSON_PRINT_H
#define CELLD_JSON_PRINT_H

#include <json-c/json.h>

/** json_print - text of @value with a newline at its end, allocated; NULL without memory */
char *json_print(json_object *value);

#endif
