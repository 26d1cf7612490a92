/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The manager defines and undefines cells: files that it writes into two of the folders of configuration, the lasting
 * one and the one that is empty after boot.
 *
 * A text is parsed and checked as a whole before anything is written; a child writes, as disks are slow. One of these
 * at a time is under way for a cell. What other programs put into the folders is read by Reload as ever.
 */
#include <stdarg.h>

#include "cell-error.h"
#include "config-origin.h"
#include "durable-file.h"
#include "log.h"
#include "manager.h"

#define DEFINE_TIMEOUT_USEC (30 * USEC_PER_SEC)
#define CELLS "cells"

struct ManagerDefinition {
	ManagerDefinition *next;
	Manager *manager;
	Operation *operation;
	char *name;
	char *file; /**< NAME.json */
	char *dirs[2];
	char *json; /**< NULL: remove */
	ManagerDone done;
	void *userdata;
};

static void definition_free(ManagerDefinition *d)
{
	operation_free(d->operation);
	for (size_t i = 0; i < ELEMENTSOF(d->dirs); i++)
		free(d->dirs[i]);
	free(d->name);
	free(d->file);
	free(d->json);
	free(d);
}
DEFINE_CLEANUP(ManagerDefinition *, definition_free)

void manager_definitions_free(Manager *m)
{
	while (m->definitions) {
		ManagerDefinition *d = m->definitions;

		m->definitions = d->next;
		definition_free(d);
	}
}

void manager_forget(Manager *m, const void *userdata)
{
	if (m->switch_userdata == userdata)
		m->switch_done = NULL;
	for (ManagerDefinition *d = m->definitions; d; d = d->next)
		if (d->userdata == userdata)
			d->done = NULL;
}

static bool is_under_way(const Manager *m, const char *name)
{
	for (const ManagerDefinition *d = m->definitions; d; d = d->next)
		if (streq(d->name, name))
			return true;
	return false;
}

/* -- Writing ---------------------------------------------------------------------------------------------------------
 */

/** disk_error - an errno of a file system as one that stands for nothing else here */
static int disk_error(int error)
{
	switch (error) {
	case -ENOSPC:
	case -EDQUOT:
	case -EROFS:
	case -EACCES:
	case -ENOMEM:
		return error;
	default:
		return -EIO;
	}
}

static int work(void *userdata, FILE *reply)
{
	const ManagerDefinition *d = userdata;
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(d->dirs) && d->dirs[i] && r >= 0; i++) {
		r = d->json ? durable_file_write(d->dirs[i], d->file, d->json, strlen(d->json))
			    : durable_file_remove(d->dirs[i], d->file);
		if (r < 0)
			fprintf(reply, "Cannot %s %s/%s: %s", d->json ? "write" : "remove", d->dirs[i], d->file,
				strerror(-r));
	}
	return r < 0 ? disk_error(r) : 0;
}

static void on_written(void *userdata, int error, const char *reply, _unused_ size_t size)
{
	_cleanup_(definition_freep) ManagerDefinition *d = userdata;
	Cell *c;

	d->operation = NULL;
	for (ManagerDefinition **p = &d->manager->definitions; *p; p = &(*p)->next)
		if (*p == d) {
			*p = d->next;
			break;
		}
	/* Whatever is there now counts, also after an error. */
	if (manager_get(d->manager, d->name, &c) >= 0)
		manager_refresh(d->manager, c);
	if (error < 0)
		log_error("%s", isempty(reply) ? strerror(-error) : reply);
	else
		log_notice("Cell %s is %s.", d->name, d->json ? "defined" : "not defined any more");
	if (d->done)
		d->done(error, error < 0 ? reply : "", d->userdata);
}

static int definition_new(Manager *m, const char *name, ManagerDefinition **ret)
{
	_cleanup_(definition_freep) ManagerDefinition *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->manager = m;
	d->name = strdup(name);
	if (!d->name || asprintf(&d->file, "%s.json", name) < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(d);
	return 0;
}

/** begin - hand it to a child; takes @new_definition in any case */
static int begin(ManagerDefinition *new_definition, ManagerDone done, void *userdata)
{
	_cleanup_(definition_freep) ManagerDefinition *d = new_definition;
	Manager *m = d->manager;
	int r;

	d->done = done;
	d->userdata = userdata;
	r = operation_start(m->event, work, d, DEFINE_TIMEOUT_USEC, on_written, d, &d->operation);
	if (r < 0)
		return r;
	d->next = m->definitions;
	m->definitions = TAKE_PTR(d);
	return 0;
}

/* -- Checking --------------------------------------------------------------------------------------------------------
 */

_printf_(3, 4) static int refuse(char **ret_text, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(ret_text, format, args) < 0)
		*ret_text = NULL;
	va_end(args);
	return code;
}

/** folder_of_cells - where definitions go, allocated */
static int folder_of_cells(const Manager *m, bool runtime, char **ret)
{
	*ret = path_join(runtime ? m->define_runtime_dir : m->define_state_dir, CELLS);
	return *ret ? 0 : -ENOMEM;
}

/** check_precedence - would a file in that folder be the one that counts? */
static int check_precedence(const Manager *m, const char *name, bool runtime, char **ret_text)
{
	const char *target = runtime ? m->define_runtime_dir : m->define_state_dir;
	_cleanup_strv_ char **dirs = NULL;
	int r;

	r = config_search_path(NULL, &dirs);
	if (r < 0)
		return r;
	for (char **dir = dirs; dir && *dir; dir++) {
		char *one[] = { *dir, NULL };
		_cleanup_free_ char *path = NULL;

		if (streq(*dir, target))
			return 0;
		r = cell_config_find(one, name, &path);
		if (r == -ERFKILL)
			return refuse(ret_text, -CELL_EEXISTS, "Cell %s is masked in %s, which comes before %s", name,
				      *dir, target);
		if (r >= 0)
			return refuse(ret_text, -CELL_EEXISTS, "Cell %s is defined in %s, which comes before %s", name,
				      path, target);
	}
	return refuse(ret_text, -CELL_ENOTSUPPORTED, "No configuration is read from %s", target);
}

/** check_neighbours - what both claim is worth a warning: only one of them can be created at a time */
static void check_neighbours(const Manager *m, const CellConfig *config, ConfigProblems *problems)
{
	for (size_t i = 0; i < m->n_cells; i++)
		if (m->cells[i]->config && !streq(m->cells[i]->name, config->name))
			(void)config_check_conflict(config, m->cells[i]->config, CONFIG_WARNING, problems);
}

static int check_text(const Manager *m, const char *name, const char *json, const char *path, ConfigProblems *problems)
{
	_cleanup_cell_config_ CellConfig *config = NULL;
	int r;

	r = cell_config_parse(json, strlen(json), path, problems, &config);
	if (r < 0)
		return r;
	if (!streq(config->name, name)) {
		config_problem_add(problems, CONFIG_ERROR, path, config_origin_line(config->origin, "name"), "name",
				   "is \"%s\", but the cell is \"%s\"", config->name, name);
		return -EINVAL;
	}
	r = config_check_cell(config, m->system, problems);
	check_neighbours(m, config, problems);
	return r;
}

static int check_definition(const Manager *m, const char *name, const char *json, const char *folder, char **ret_text)
{
	_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
	_cleanup_free_ char *path = NULL;
	int r;

	if (asprintf(&path, "%s/%s.json", folder, name) < 0)
		return -ENOMEM;
	r = check_text(m, name, json, path, &problems);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		*ret_text = manager_describe(&problems, r);
		return -CELL_ECONFIG;
	}
	for (size_t i = 0; i < problems.n_items; i++) {
		_cleanup_free_ char *line = config_problem_to_string(&problems.items[i]);

		log_info("%s", line ?: strerror(ENOMEM));
	}
	return 0;
}

int manager_define(Manager *m, const char *name, const char *json, bool runtime, ManagerDone done, void *userdata,
		   char **ret_text)
{
	_cleanup_(definition_freep) ManagerDefinition *d = NULL;
	int r;

	if (!cell_name_is_valid(name))
		return refuse(ret_text, -EINVAL, "Not a name of a cell: \"%s\"", name);
	if (is_under_way(m, name))
		return -CELL_EBUSY;
	r = check_precedence(m, name, runtime, ret_text);
	if (r < 0)
		return r;
	r = definition_new(m, name, &d);
	if (r >= 0)
		r = folder_of_cells(m, runtime, &d->dirs[0]);
	if (r >= 0)
		r = check_definition(m, name, json, d->dirs[0], ret_text);
	if (r < 0)
		return r;
	d->json = strdup(json);
	return d->json ? begin(TAKE_PTR(d), done, userdata) : -ENOMEM;
}

/** find_definition - add a folder to those that the cell's file is removed from, if there is one */
static int find_definition(const Manager *m, ManagerDefinition *d, bool runtime)
{
	_cleanup_free_ char *folder = NULL, *path = NULL;
	int r;

	r = folder_of_cells(m, runtime, &folder);
	if (r < 0)
		return r;
	path = path_join(folder, d->file);
	if (!path)
		return -ENOMEM;
	if (access(path, F_OK) < 0)
		return 0;
	d->dirs[d->dirs[0] ? 1 : 0] = TAKE_PTR(folder);
	return 0;
}

int manager_undefine(Manager *m, const Cell *c, bool runtime, ManagerDone done, void *userdata, char **ret_text)
{
	_cleanup_(definition_freep) ManagerDefinition *d = NULL;
	_cleanup_free_ char *path = NULL;
	int r;

	if (is_under_way(m, c->name))
		return -CELL_EBUSY;
	if (c->job || c->lease || cell_is_created(c) || c->state == CELL_RESTARTING)
		return refuse(ret_text, -CELL_EBUSY, "Cell %s is %s", c->name,
			      c->job ? "being changed" : cell_state_to_string(c->state));
	r = definition_new(m, c->name, &d);
	if (r >= 0)
		r = find_definition(m, d, true);
	if (r >= 0 && !runtime)
		r = find_definition(m, d, false);
	if (r < 0)
		return r;
	if (d->dirs[0])
		return begin(TAKE_PTR(d), done, userdata);
	if (cell_config_find(NULL, c->name, &path) < 0)
		return refuse(ret_text, -CELL_ENOTSUPPORTED, "Cell %s has no definition", c->name);
	return refuse(ret_text, -CELL_ENOTSUPPORTED, "Cell %s is defined in %s, which is not for celld to remove",
		      c->name, path);
}
