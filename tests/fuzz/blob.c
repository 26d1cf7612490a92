/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzzes the import of blobs: any bytes are refused with a reason, or kept to the last one on the way to JSON and back.
 */
#include <assert.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Defines fuzz_NAME(): import, write as it is, write after going through JSON. */
#define DEFINE_FUZZ(name, Type, free_function, check)                                          \
	static void fuzz_##name(const uint8_t *data, size_t size)                              \
	{                                                                                      \
		_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;             \
		_cleanup_free_ uint8_t *direct = NULL, *through_json = NULL;                   \
		_cleanup_free_ char *json = NULL;                                              \
		Type *config = NULL, *again = NULL;                                            \
		size_t direct_size, through_json_size;                                         \
		int r;                                                                         \
                                                                                               \
		r = name##_config_from_blob(data, size, "fuzz.cell", &problems, &config);      \
		assert(r == 0 || (r == -EINVAL && problems.n_errors > 0));                     \
		if (r < 0)                                                                     \
			return;                                                                \
		assert(name##_config_to_blob(config, &direct, &direct_size) == 0);             \
		assert(direct_size == size && memcmp(direct, data, size) == 0);                \
                                                                                               \
		assert(name##_config_to_json(config, &json) == 0);                             \
		assert(name##_config_parse(json, strlen(json), NULL, &problems, &again) == 0); \
		assert(name##_config_to_blob(again, &through_json, &through_json_size) == 0);  \
		assert(through_json_size == size && memcmp(through_json, data, size) == 0);    \
                                                                                               \
		(void)check(config, &problems);                                                \
		free_function(again);                                                          \
		free_function(config);                                                         \
	}

static int check_cell(const CellConfig *cell, ConfigProblems *problems)
{
	return config_check_cell(cell, NULL, problems);
}

DEFINE_FUZZ(cell, CellConfig, cell_config_free, check_cell)
DEFINE_FUZZ(system, SystemConfig, system_config_free, config_check_system)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_cell(data, size);
	fuzz_system(data, size);
	return 0;
}
