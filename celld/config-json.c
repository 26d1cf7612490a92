/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON text to configuration and back. Two passes: json_scan() checks syntax and remembers lines, then json-c builds
 * the values that the tables of config-shape decode.
 */
#include <limits.h>

#include "config-shape.h"
#include "json-print.h"
#include "json-scan.h"

#if defined(__aarch64__)
#define CONFIG_ARCH_NATIVE CONFIG_ARCH_ARM64
#elif defined(__arm__)
#define CONFIG_ARCH_NATIVE CONFIG_ARCH_ARM
#else
#define CONFIG_ARCH_NATIVE CONFIG_ARCH_X86
#endif

/** parse_values - second pass; what the first one accepted json-c accepts too */
static int parse_values(const char *text, size_t size, json_object **ret)
{
	json_tokener *tokener = json_tokener_new();
	json_object *json;
	bool valid;

	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	/* json-c wants to see an end behind a number; the NUL that every text here has serves */
	json = json_tokener_parse_ex(tokener, text, (int)size + 1);
	/* the value null is no object */
	valid = json_tokener_get_error(tokener) == json_tokener_success;
	json_tokener_free(tokener);
	*ret = json;
	return valid ? 0 : -EINVAL;
}

/** read_text - both passes, and decoding by @shape into @object */
static int read_text(const char *text, size_t size, const JsonShape *shape, ConfigOrigin *origin,
		     ConfigProblems *problems, void *object)
{
	JsonReader reader = { .origin = origin, .problems = problems };
	_cleanup_json_ json_object *json = NULL;
	_cleanup_free_ char *copy = NULL;
	size_t n_errors = problems->n_errors;
	int r;

	if (size > CONFIG_FILE_MAX_BYTES) {
		json_problem(&reader, NULL, "file is larger than %u bytes", CONFIG_FILE_MAX_BYTES);
		return -EINVAL;
	}
	r = json_scan(text, size, origin, problems);
	if (r < 0)
		return r;
	copy = strndup(text, size);
	if (!copy)
		return -ENOMEM;
	r = parse_values(copy, size, &json);
	if (r < 0) {
		json_problem(&reader, NULL, "not valid JSON");
		return -EINVAL;
	}
	r = json_shape_decode(&reader, NULL, shape, json, object);
	if (r < 0)
		return r;
	return problems->n_errors == n_errors ? 0 : -EINVAL;
}

/** name_from_path - "NAME" of ".../NAME.json", allocated; NULL if it has another form or without memory */
static char *name_from_path(const char *path)
{
	const char *base = path ? strrchr(path, '/') : NULL, *suffix;

	if (!path)
		return NULL;
	base = base ? base + 1 : path;
	suffix = strrchr(base, '.');
	return suffix && streq(suffix, ".json") ? strndup(base, (size_t)(suffix - base)) : NULL;
}

int cell_config_parse(const char *json, size_t size, const char *path, ConfigProblems *problems, CellConfig **ret)
{
	_cleanup_cell_config_ CellConfig *cell = calloc(1, sizeof(*cell));
	int r;

	if (!cell)
		return -ENOMEM;
	cell->prefix = "";
	cell->arch = CONFIG_ARCH_NATIVE;
	supervision_policy_init(&cell->supervision);
	r = config_origin_new(path, &cell->origin);
	if (r < 0)
		return r;
	r = read_text(json, size, &config_cell_shape, cell->origin, problems, cell);
	if (r < 0)
		return r;
	if (!cell->name)
		cell->name = name_from_path(path);
	if (!cell->name) {
		config_problem_add(problems, CONFIG_ERROR, path, 1, "", "key \"name\" is missing");
		return -EINVAL;
	}
	*ret = TAKE_PTR(cell);
	return 0;
}

int system_config_parse(const char *json, size_t size, const char *path, ConfigProblems *problems, SystemConfig **ret)
{
	_cleanup_system_config_ SystemConfig *system = calloc(1, sizeof(*system));
	int r;

	if (!system)
		return -ENOMEM;
	system->arch = CONFIG_ARCH_NATIVE;
	system->root.prefix = "root_cell.";
	supervision_policy_init(&system->root.supervision);
	r = config_origin_new(path, &system->origin);
	if (r < 0)
		return r;
	r = read_text(json, size, &config_system_shape, system->origin, problems, system);
	if (r < 0)
		return r;
	system->root.origin = system->origin;
	system->root.arch = system->arch;
	if (!system->root.name)
		system->root.name = strdup("RootCell");
	if (!system->root.name)
		return -ENOMEM;
	*ret = TAKE_PTR(system);
	return 0;
}

static int write_text(const JsonShape *shape, const void *object, char **ret)
{
	_cleanup_json_ json_object *json = NULL;
	int r = json_shape_encode(shape, object, &json);

	if (r < 0)
		return r;
	*ret = json_print(json);
	return *ret ? 0 : -ENOMEM;
}

int cell_config_to_json(const CellConfig *config, char **ret)
{
	return write_text(&config_cell_shape, config, ret);
}

int system_config_to_json(const SystemConfig *config, char **ret)
{
	return write_text(&config_system_shape, config, ret);
}
