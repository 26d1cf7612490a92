/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a configuration came from: a sorted array of keys, searched by bisection.
 */
#include "config-origin.h"

typedef struct OriginEntry {
	char *key;
	unsigned line;
} OriginEntry;

struct ConfigOrigin {
	char *path;
	OriginEntry *entries;
	size_t n_entries;
	size_t n_allocated;
};

int config_origin_new(const char *path, ConfigOrigin **ret)
{
	_cleanup_(config_origin_freep) ConfigOrigin *origin = calloc(1, sizeof(*origin));

	if (!origin)
		return -ENOMEM;
	origin->path = path ? strdup(path) : NULL;
	if (path && !origin->path)
		return -ENOMEM;
	*ret = TAKE_PTR(origin);
	return 0;
}

ConfigOrigin *config_origin_free(ConfigOrigin *origin)
{
	if (!origin)
		return NULL;
	for (size_t i = 0; i < origin->n_entries; i++)
		free(origin->entries[i].key);
	free(origin->entries);
	free(origin->path);
	free(origin);
	return NULL;
}

const char *config_origin_path(const ConfigOrigin *origin)
{
	return origin ? origin->path : NULL;
}

int config_origin_add(ConfigOrigin *origin, const char *key, unsigned line)
{
	_cleanup_free_ char *copy = strdup(key);

	if (!copy)
		return -ENOMEM;
	if (origin->n_entries == origin->n_allocated) {
		size_t n = MAX(2 * origin->n_allocated, (size_t)32);
		OriginEntry *entries = reallocarray(origin->entries, n, sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		origin->entries = entries;
		origin->n_allocated = n;
	}
	origin->entries[origin->n_entries++] = (OriginEntry){ .key = TAKE_PTR(copy), .line = line };
	return 0;
}

static int compare_entries(const void *a, const void *b)
{
	const OriginEntry *x = a, *y = b;
	int r = strcmp(x->key, y->key);

	return r != 0 ? r : (x->line > y->line) - (x->line < y->line);
}

void config_origin_sort(ConfigOrigin *origin, ConfigProblems *problems)
{
	if (origin->n_entries > 1)
		qsort(origin->entries, origin->n_entries, sizeof(*origin->entries), compare_entries);
	for (size_t i = 1; i < origin->n_entries; i++) {
		const OriginEntry *before = &origin->entries[i - 1], *here = &origin->entries[i];

		if (streq(before->key, here->key))
			config_problem_add(problems, CONFIG_ERROR, origin->path, here->line, here->key,
					   "key given twice, first in line %u", before->line);
	}
}

static const OriginEntry *find_entry(const ConfigOrigin *origin, const char *key)
{
	size_t low = 0, high = origin->n_entries;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int r = strcmp(key, origin->entries[middle].key);

		if (r == 0)
			return &origin->entries[middle];
		if (r < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

unsigned config_origin_line(const ConfigOrigin *origin, const char *key)
{
	_cleanup_free_ char *outer = NULL;

	if (!origin || !key)
		return 0;
	outer = strdup(key);
	if (!outer)
		return 0;
	for (;;) {
		const OriginEntry *entry = find_entry(origin, outer);
		char *dot = strrchr(outer, '.'), *bracket = strrchr(outer, '[');
		char *cut = dot > bracket ? dot : bracket;

		if (entry)
			return entry->line;
		if (!*outer)
			return 0;
		*(cut ? cut : outer) = 0;
	}
}
