/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes the blob of a JSON configuration, of a system or of a cell, to standard output.
 */
#include "config.h"

/** convert - Return: 0, -EINVAL with problems, -errno */
static int convert(const char *path, ConfigProblems *problems, uint8_t **ret, size_t *ret_size)
{
	_cleanup_problems_ ConfigProblems system_problems = CONFIG_PROBLEMS_INIT;
	_cleanup_system_config_ SystemConfig *system = NULL;
	_cleanup_cell_config_ CellConfig *cell = NULL;
	int r;

	if (system_config_load_file(path, &system_problems, &system) == 0)
		return system_config_to_blob(system, ret, ret_size);
	r = cell_config_load_file(path, problems, &cell);
	return r < 0 ? r : cell_config_to_blob(cell, ret, ret_size);
}

int main(int argc, char *argv[])
{
	_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
	_cleanup_free_ uint8_t *blob = NULL;
	_cleanup_free_ char *text = NULL;
	size_t size;
	int r;

	if (argc != 2) {
		fprintf(stderr, "Usage: %s FILE.json >FILE.cell\n", argv[0]);
		return EXIT_FAILURE;
	}
	r = convert(argv[1], &problems, &blob, &size);
	if (r < 0) {
		text = config_problems_to_string(&problems);
		fprintf(stderr, "%s%s: %s\n", text ?: "", argv[1], strerror(-r));
		return EXIT_FAILURE;
	}
	return fwrite(blob, size, 1, stdout) == 1 && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
