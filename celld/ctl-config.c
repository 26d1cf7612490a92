/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cellctl check, import, export, cat: configuration files. All but cat work without celld.
 */
#include <fcntl.h>

#include "cellctl.h"

/** A configuration of either kind; exactly one member is set. */
typedef struct AnyConfig {
	SystemConfig *system;
	CellConfig *cell;
} AnyConfig;

static void any_config_done(AnyConfig *config)
{
	system_config_free(config->system);
	cell_config_free(config->cell);
}

static bool is_path(const char *argument)
{
	return strchr(argument, '/') || strstr(argument, ".json");
}

/** is_system_text - has what only a machine has */
static bool is_system_text(const char *text)
{
	_cleanup_object_ json_object *json = json_tokener_parse(text);

	return json_object_is_type(json, json_type_object) &&
	       (ctl_property(json, "root_cell") || ctl_property(json, "hypervisor_memory"));
}

static int load_path(const Ctl *ctl, const char *path, ConfigProblems *problems, AnyConfig *ret)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	int r = util_read_file(path, CONFIG_FILE_MAX_BYTES, &text, &size);

	if (r < 0)
		return r;
	if (ctl->system || is_system_text(text))
		return system_config_parse(text, size, path, problems, &ret->system);
	return cell_config_parse(text, size, path, problems, &ret->cell);
}

/** load_any - by path, or by name on the search path */
static int load_any(const Ctl *ctl, const char *argument, ConfigProblems *problems, AnyConfig *ret)
{
	if (!argument)
		return system_config_load(ctl->config_dirs, problems, &ret->system);
	if (is_path(argument))
		return load_path(ctl, argument, problems, ret);
	return cell_config_load(ctl->config_dirs, argument, problems, &ret->cell);
}

/** print_problems - to @f, as lines or JSON */
static int print_problems(const Ctl *ctl, FILE *f, const ConfigProblems *problems)
{
	_cleanup_object_ json_object *array = json_object_new_array();
	_cleanup_free_ char *text = NULL;

	if (ctl->json == CTL_JSON_OFF) {
		text = config_problems_to_string(problems);
		fputs(text ?: "Out of memory\n", f);
		return CTL_OK;
	}
	for (size_t i = 0; i < problems->n_items; i++) {
		const ConfigProblem *problem = &problems->items[i];
		json_object *item = json_object_new_object();

		json_object_object_add(item, "Severity",
				       json_object_new_string(config_severity_to_string(problem->severity)));
		json_object_object_add(item, "File", problem->file ? json_object_new_string(problem->file) : NULL);
		json_object_object_add(item, "Line", json_object_new_int64(problem->line));
		json_object_object_add(item, "Key", json_object_new_string(problem->key ?: ""));
		json_object_object_add(item, "Message", json_object_new_string(problem->message));
		json_object_array_add(array, item);
	}
	return ctl_json_print(ctl, array);
}

/** why - a configuration was not found */
static const char *why(int error)
{
	return error == -ERFKILL ? "masked by an empty file" : strerror(-error);
}

/** load_or_say - load_any() for commands that need the result. Return: exit status */
static int load_or_say(const Ctl *ctl, const char *argument, AnyConfig *ret)
{
	_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
	int r = load_any(ctl, argument, &problems, ret);

	if (r >= 0)
		return CTL_OK;
	(void)print_problems(&(Ctl){ 0 }, stderr, &problems);
	if (problems.n_items == 0)
		ctl_error("Cannot read %s: %s", argument ?: "system.json", why(r));
	return r == -ENOENT && argument && !is_path(argument) ? CTL_NO_SUCH_CELL : CTL_FAILURE;
}

/** What has been loaded for a check. */
typedef struct CheckSet {
	SystemConfig *system;
	CellConfig **cells;
	size_t n_cells;
	int status;
} CheckSet;

static void check_set_done(CheckSet *set)
{
	system_config_free(set->system);
	for (size_t i = 0; i < set->n_cells; i++)
		cell_config_free(set->cells[i]);
	free(set->cells);
}

/** check_set_load - one more file or name; NULL: the machine, which may be missing */
static void check_set_load(const Ctl *ctl, CheckSet *set, const char *argument, ConfigProblems *problems)
{
	AnyConfig config = { 0 };
	CellConfig **cells;
	int r = load_any(ctl, argument, problems, &config);

	if (r == -ENOENT && !argument) {
		config_problem_add(problems, CONFIG_WARNING, NULL, 0, NULL,
				   "there is no system.json, so cells are checked by themselves");
		return;
	}
	if (r < 0) {
		if (r != -EINVAL)
			ctl_error("Cannot read %s: %s", argument ?: "system.json", why(r));
		set->status = r == -ENOENT && !is_path(argument) ? CTL_NO_SUCH_CELL : CTL_FAILURE;
		return;
	}
	if (config.system) {
		system_config_free(set->system);
		set->system = config.system;
		return;
	}
	cells = reallocarray(set->cells, set->n_cells + 1, sizeof(*cells));
	if (!cells) {
		cell_config_free(config.cell);
		set->status = ctl_error("Out of memory");
		return;
	}
	cells[set->n_cells++] = config.cell;
	set->cells = cells;
}

static void check_set_check(const CheckSet *set, ConfigProblems *problems)
{
	if (set->system)
		config_check_system(set->system, problems);
	for (size_t i = 0; i < set->n_cells; i++) {
		config_check_cell(set->cells[i], set->system, problems);
		/* two cells that exclude each other may both be defined, but not both run */
		for (size_t j = 0; j < i; j++)
			config_check_conflict(set->cells[i], set->cells[j], CONFIG_WARNING, problems);
	}
}

int verb_check(Ctl *ctl, char **arguments)
{
	_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
	_cleanup_(check_set_done) CheckSet set = { 0 };
	_cleanup_strv_ char **names = NULL;
	int r;

	if (!arguments[0] && !ctl->system) {
		r = config_list_cells(ctl->config_dirs, &names);
		if (r < 0)
			return ctl_error("Cannot list cells: %s", strerror(-r));
		arguments = names;
	}
	for (; *arguments; arguments++)
		check_set_load(ctl, &set, *arguments, &problems);
	if (!set.system)
		check_set_load(ctl, &set, NULL, &problems);
	check_set_check(&set, &problems);
	r = print_problems(ctl, ctl->out, &problems);
	if (r == CTL_OK && ctl->json == CTL_JSON_OFF && !ctl->quiet && problems.n_items == 0 && set.status == CTL_OK)
		fprintf(ctl->out, "%s%zu cell%s without fault.\n", set.system ? "The machine and " : "", set.n_cells,
			set.n_cells == 1 ? "" : "s");
	if (problems.n_errors > 0)
		r = CTL_FAILURE;
	return MAX(r, set.status);
}

/** write_result - to -o, or where results go. Return: exit status */
static int write_result(const Ctl *ctl, const void *data, size_t size)
{
	_cleanup_fclose_ FILE *file = ctl->output ? fopen(ctl->output, "we") : NULL;
	FILE *f = file ?: ctl->out;

	if (ctl->output && !file)
		return ctl_error("Cannot open %s: %m", ctl->output);
	if (fwrite(data, 1, size, f) != size || fflush(f) != 0)
		return ctl_error("Cannot write %s: %m", ctl->output ?: "the result");
	return CTL_OK;
}

int verb_import(Ctl *ctl, char **arguments)
{
	_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
	_cleanup_(any_config_done) AnyConfig config = { 0 };
	_cleanup_free_ char *blob = NULL, *json = NULL;
	size_t size = 0;
	int r;

	r = util_read_file(arguments[0], CONFIG_BLOB_MAX_BYTES, &blob, &size);
	if (r < 0)
		return ctl_error("Cannot read %s: %s", arguments[0], strerror(-r));
	if (size >= 5 && memcmp(blob, "JHSYS", 5) == 0)
		r = system_config_from_blob((uint8_t *)blob, size, arguments[0], &problems, &config.system);
	else
		r = cell_config_from_blob((uint8_t *)blob, size, arguments[0], &problems, &config.cell);
	if (r >= 0)
		r = config.system ? system_config_to_json(config.system, &json)
				  : cell_config_to_json(config.cell, &json);
	if (r >= 0)
		return write_result(ctl, json, strlen(json));
	(void)print_problems(&(Ctl){ 0 }, stderr, &problems);
	return problems.n_items > 0 ? CTL_FAILURE : ctl_error("Cannot import %s: %s", arguments[0], strerror(-r));
}

int verb_export(Ctl *ctl, char **arguments)
{
	_cleanup_(any_config_done) AnyConfig config = { 0 };
	_cleanup_free_ uint8_t *blob = NULL;
	size_t size = 0;
	int r;

	if (!arguments[0] && !ctl->system)
		return ctl_error("export takes a cell, a file, or --system");
	if (!ctl->output && ctl->out == stdout && isatty(STDOUT_FILENO))
		return ctl_error("Not writing a blob to the terminal; use --output");
	r = load_or_say(ctl, arguments[0], &config);
	if (r != CTL_OK)
		return r;
	r = config.system ? system_config_to_blob(config.system, &blob, &size)
			  : cell_config_to_blob(config.cell, &blob, &size);
	return r < 0 ? ctl_error("Cannot export: %s", strerror(-r)) : write_result(ctl, blob, size);
}

int verb_cat(Ctl *ctl, char **arguments)
{
	_cleanup_free_ char *path = ctl_cell_path(arguments[0]), *what = NULL;
	_cleanup_message_ sd_bus_message *reply = NULL;
	const char *json;
	int r;

	if (!path || asprintf(&what, "read the configuration of %s", arguments[0]) < 0)
		return ctl_error("Out of memory");
	r = ctl_call(ctl, what, path, CTL_CELL_INTERFACE, "GetConfig", &reply, NULL);
	if (r != CTL_OK)
		return r;
	r = sd_bus_message_read(reply, "s", &json);
	if (r < 0)
		return ctl_bus_failure(what, NULL, r);
	ctl_pager_open(ctl);
	fputs(json, ctl->out);
	return CTL_OK;
}
