/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Configuration files: the search path, listing, loading.
 */
#include <dirent.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "config-origin.h"
#include "trusted-file.h"

static const char *const default_dirs[] = { "/etc/celld", "/run/celld", "/var/lib/celld", "/usr/lib/celld" };

int config_search_path(char *const *dirs, char ***ret)
{
	const char *environment = getenv(CONFIG_DIRS_ENVIRONMENT);
	_cleanup_strv_ char **list = NULL;
	int r;

	if (!dirs && !isempty(environment))
		return strv_split(environment, ":", ret);
	for (size_t i = 0; !dirs && i < ELEMENTSOF(default_dirs); i++) {
		r = strv_add(&list, default_dirs[i]);
		if (r < 0)
			return r;
	}
	for (; dirs && *dirs; dirs++) {
		r = strv_add(&list, *dirs);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(list);
	return 0;
}

/** is_mask - an empty file, or a link to /dev/null, that says: it is as if there was none below, either */
static bool is_mask(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	return (S_ISREG(st.st_mode) && st.st_size == 0) || (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
}

/** find_file - the first folder that has @name */
static int find_file(char *const *dirs, const char *name, char **ret)
{
	_cleanup_strv_ char **list = NULL;
	int r;

	r = config_search_path(dirs, &list);
	if (r < 0)
		return r;
	for (char **dir = list; dir && *dir; dir++) {
		_cleanup_free_ char *path = path_join(*dir, name);

		if (!path)
			return -ENOMEM;
		if (access(path, F_OK) == 0) {
			if (is_mask(path))
				return -ERFKILL;
			*ret = TAKE_PTR(path);
			return 0;
		}
		if (errno != ENOENT && errno != ENOTDIR)
			return -errno;
	}
	return -ENOENT;
}

int system_config_find(char *const *dirs, char **ret_path)
{
	return find_file(dirs, "system.json", ret_path);
}

int cell_config_find(char *const *dirs, const char *name, char **ret_path)
{
	char file[sizeof("cells/.json") + CONFIG_CELL_NAME_MAX];

	/* also keeps names with '/' from leaving the folder */
	if (!cell_name_is_valid(name))
		return -ENOENT;
	snprintf(file, sizeof(file), "cells/%s.json", name);
	return find_file(dirs, file, ret_path);
}

/** read_config - @trusted: only if nobody but root can have written it */
static int read_config(const char *path, bool trusted, ConfigProblems *problems, char **ret, size_t *ret_size)
{
	_cleanup_free_ char *text = NULL;
	int r;

	r = trusted ? trusted_file_read(path, CONFIG_FILE_MAX_BYTES, ret, ret_size, NULL, &text)
		    : util_read_file(path, CONFIG_FILE_MAX_BYTES, ret, ret_size);
	if (r == -EPERM && text) {
		config_problem_add(problems, CONFIG_ERROR, path, 0, NULL, "%s", text);
		return -EINVAL;
	}
	if (r != -EFBIG && r != -EISDIR && r != -EINVAL && r != -ENOEXEC)
		return r;
	if (r == -EFBIG)
		config_problem_add(problems, CONFIG_ERROR, path, 0, NULL, "file is larger than %u bytes",
				   CONFIG_FILE_MAX_BYTES);
	else
		config_problem_add(problems, CONFIG_ERROR, path, 0, NULL, "not a regular file");
	return -EINVAL;
}

static int load_system(const char *path, bool trusted, ConfigProblems *problems, SystemConfig **ret)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	int r = read_config(path, trusted, problems, &text, &size);

	return r < 0 ? r : system_config_parse(text, size, path, problems, ret);
}

static int load_cell(const char *path, bool trusted, ConfigProblems *problems, CellConfig **ret)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	int r = read_config(path, trusted, problems, &text, &size);

	return r < 0 ? r : cell_config_parse(text, size, path, problems, ret);
}

int system_config_load_file(const char *path, ConfigProblems *problems, SystemConfig **ret)
{
	return load_system(path, false, problems, ret);
}

int cell_config_load_file(const char *path, ConfigProblems *problems, CellConfig **ret)
{
	return load_cell(path, false, problems, ret);
}

int system_config_load(char *const *dirs, ConfigProblems *problems, SystemConfig **ret)
{
	_cleanup_free_ char *path = NULL;
	int r = system_config_find(dirs, &path);

	return r < 0 ? r : load_system(path, !dirs, problems, ret);
}

int cell_config_load(char *const *dirs, const char *name, ConfigProblems *problems, CellConfig **ret)
{
	_cleanup_cell_config_ CellConfig *cell = NULL;
	_cleanup_free_ char *path = NULL;
	int r;

	r = cell_config_find(dirs, name, &path);
	if (r < 0)
		return r;
	r = load_cell(path, !dirs, problems, &cell);
	if (r < 0)
		return r;
	if (!streq(cell->name, name)) {
		config_problem_add(problems, CONFIG_ERROR, path, config_origin_line(cell->origin, "name"), "name",
				   "is \"%s\", but the file is for \"%s\"", cell->name, name);
		return -EINVAL;
	}
	*ret = TAKE_PTR(cell);
	return 0;
}

/** list_folder - add the cells of one folder that are not in @names yet */
static int list_folder(const char *dir, char ***names)
{
	_cleanup_free_ char *path = path_join(dir, "cells");
	DIR *folder;
	int r = 0;

	if (!path)
		return -ENOMEM;
	folder = opendir(path);
	if (!folder)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	for (const struct dirent *entry = readdir(folder); entry && r >= 0; entry = readdir(folder)) {
		char *suffix = strrchr(entry->d_name, '.');
		_cleanup_free_ char *name = NULL;

		if (!suffix || !streq(suffix, ".json"))
			continue;
		name = strndup(entry->d_name, (size_t)(suffix - entry->d_name));
		if (!name)
			r = -ENOMEM;
		else if (cell_name_is_valid(name) && !strv_contains(*names, name))
			r = strv_add(names, name);
	}
	closedir(folder);
	return r;
}

/** drop_masked - what stands in for nothing is in the list only until all folders are read */
static void drop_masked(char *const *dirs, char **names)
{
	char **kept = names;

	for (char **name = names; *name; name++) {
		_cleanup_free_ char *path = NULL;

		if (cell_config_find(dirs, *name, &path) == -ERFKILL)
			free(*name);
		else
			*kept++ = *name;
	}
	*kept = NULL;
}

int config_list_cells(char *const *dirs, char ***ret_names)
{
	_cleanup_strv_ char **list = NULL, **names = calloc(1, sizeof(*names));
	int r;

	if (!names)
		return -ENOMEM;
	r = config_search_path(dirs, &list);
	for (char **dir = list; r >= 0 && dir && *dir; dir++)
		r = list_folder(*dir, &names);
	if (r < 0)
		return r;
	drop_masked(dirs, names);
	strv_sort(names);
	*ret_names = TAKE_PTR(names);
	return 0;
}
