/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a configuration came from: its file, and an index from key ("memory[2].size") to line.
 */
#ifndef CELLD_CONFIG_ORIGIN_H
#define CELLD_CONFIG_ORIGIN_H

#include "config.h"

/** config_origin_new - empty index. @path: may be NULL. Return: 0, -ENOMEM */
int config_origin_new(const char *path, ConfigOrigin **ret);
ConfigOrigin *config_origin_free(ConfigOrigin *origin);
DEFINE_CLEANUP(ConfigOrigin *, config_origin_free)

/** config_origin_path - may be NULL */
const char *config_origin_path(const ConfigOrigin *origin);

/** config_origin_add - remember the line of a key; call config_origin_sort() after the last one */
int config_origin_add(ConfigOrigin *origin, const char *key, unsigned line);

/** config_origin_sort - make lookups possible, and report keys that were added twice */
void config_origin_sort(ConfigOrigin *origin, ConfigProblems *problems);

/** config_origin_line - line of @key, or of the closest thing around it; 0 if nothing is known */
unsigned config_origin_line(const ConfigOrigin *origin, const char *key);

#endif
