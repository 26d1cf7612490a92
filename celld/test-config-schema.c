/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of the files in configs/: the schema names exactly the keys and values that the decoder knows, and the
 * configurations of known machines are without fault.
 */
#include <dirent.h>

#include "config-shape.h"
#include "json-ranges.h"
#include "test-config.h"

static json_object *schema_defs;

/** resolve - what the "$ref" of a node stands for, "#/$defs/NAME"; the node itself if it has none */
static json_object *resolve(json_object *node)
{
	const char *name;
	json_object *ref;

	if (!json_object_object_get_ex(node, "$ref", &ref))
		return node;
	name = startswith(json_object_get_string(ref), "#/$defs/");
	assert_non_null(name);
	assert_true(json_object_object_get_ex(schema_defs, name, &node));
	return node;
}

/** find_property - @key of an object in the schema, also through what its "$ref" adds; NULL if it is not there */
static json_object *find_property(json_object *object, const char *key)
{
	json_object *properties, *property;

	if (json_object_object_get_ex(object, "properties", &properties) &&
	    json_object_object_get_ex(properties, key, &property))
		return property;
	return json_object_object_get_ex(object, "$ref", NULL) ? find_property(resolve(object), key) : NULL;
}

static size_t count_properties(json_object *object)
{
	json_object *properties;
	size_t n = 0;

	if (json_object_object_get_ex(object, "properties", &properties))
		n = (size_t)json_object_object_length(properties);
	return n + (json_object_object_get_ex(object, "$ref", NULL) ? count_properties(resolve(object)) : 0);
}

/** object_of - the alternative of a node that is an object */
static json_object *object_of(json_object *node)
{
	json_object *alternatives;

	if (!json_object_object_get_ex(node, "properties", NULL))
		node = resolve(node);
	if (json_object_object_get_ex(node, "anyOf", &alternatives))
		for (size_t i = 0; i < json_object_array_length(alternatives); i++)
			if (json_object_object_get_ex(json_object_array_get_idx(alternatives, i), "properties", NULL))
				return json_object_array_get_idx(alternatives, i);
	return node;
}

/** count_names - names of enums and flags in a node, wherever "enum" or "const" stands */
static size_t count_names(json_object *node, const JsonNames *names)
{
	size_t n = 0;

	if (json_object_is_type(node, json_type_array))
		for (size_t i = 0; i < json_object_array_length(node); i++)
			n += count_names(json_object_array_get_idx(node, i), names);
	if (json_object_is_type(node, json_type_string))
		for (size_t i = 0; i < names->n_items; i++)
			n += streq(names->items[i].name, json_object_get_string(node));
	if (!json_object_is_type(node, json_type_object))
		return n;
	json_object_object_foreach (node, key, child)
		if (streq(key, "enum") || streq(key, "const") || streq(key, "anyOf") || streq(key, "items"))
			n += count_names(child, names);
	return n;
}

static void compare_shape(const JsonShape *shape, json_object *node)
{
	json_object *object = object_of(node);
	size_t n_keys = shape->n_fields + 1; /* "comment" */

	if (shape->n_fields == 0)
		return;
	assert_non_null(find_property(object, "comment"));
	for (size_t i = 0; i < shape->n_fields; i++) {
		const JsonField *field = &shape->fields[i];
		json_object *property = find_property(object, field->name), *items;

		print_message("# %s\n", field->name);
		assert_non_null(property);
		if (field->type == &json_enum || field->type == &json_flags) {
			const JsonNames *names = field->details;

			assert_int_equal(count_names(resolve(property), names), names->n_items);
		}
		if (field->type == &json_struct)
			compare_shape(field->details, property);
		if (field->type == &json_array) {
			assert_true(json_object_object_get_ex(resolve(property), "items", &items));
			compare_shape(((const JsonArray *)field->details)->shape, items);
		}
	}
	assert_int_equal(count_properties(object), n_keys);
}

static void test_schema(void **state)
{
	_cleanup_json_ json_object *schema = json_object_from_file(CONFIGS_DIR "/schema.json");
	json_object *cell, *system;

	(void)state;
	assert_non_null(schema);
	assert_true(json_object_object_get_ex(schema, "$defs", &schema_defs));
	assert_true(json_object_object_get_ex(schema_defs, "cell", &cell));
	assert_true(json_object_object_get_ex(schema_defs, "system", &system));
	compare_shape(&config_cell_shape, cell);
	compare_shape(&config_system_shape, system);
}

static void check_board(const char *board)
{
	_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
	_cleanup_free_ char *dir = path_join(CONFIGS_DIR, board);
	_cleanup_system_config_ SystemConfig *system = NULL;
	_cleanup_strv_ char **names = NULL;
	CellConfig *cells[8] = { 0 };
	char *dirs[] = { dir, NULL };
	size_t n;

	print_message("# %s\n", board);
	assert_int_equal(config_list_cells(dirs, &names), 0);
	n = strv_length(names);
	assert_in_range(n, 1, ELEMENTSOF(cells));
	system_config_load(dirs, &problems, &system);
	test_expect(&problems, "");
	config_check_system(system, &problems);
	for (size_t i = 0; i < n; i++) {
		cell_config_load(dirs, names[i], &problems, &cells[i]);
		test_expect(&problems, "");
		config_check_cell(cells[i], system, &problems);
		for (size_t j = 0; j < i; j++)
			config_check_conflict(cells[i], cells[j], CONFIG_ERROR, &problems);
	}
	test_expect(&problems, "");
	for (size_t i = 0; i < n; i++)
		cell_config_free(cells[i]);
}

static void test_boards(void **state)
{
	DIR *folder = opendir(CONFIGS_DIR);
	unsigned n = 0;

	(void)state;
	assert_non_null(folder);
	for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		check_board(entry->d_name);
		n++;
	}
	closedir(folder);
	assert_true(n > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schema),
		cmocka_unit_test(test_boards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
