/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzzes JSON configurations: any text is read, checked and written without fault, and what was accepted once reads
 * back to the same text and gives the same blob.
 */
#include <assert.h>

#include "config.h"

static SystemConfig *machine;
static CellConfig *neighbour;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** LLVMFuzzerInitialize - load the machine and a cell beside which the others are checked */
int LLVMFuzzerInitialize(_unused_ int *argc, _unused_ char ***argv)
{
	_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;

	assert(system_config_load_file(CONFIGS_DIR "/qemu-q35/system.json", &problems, &machine) == 0);
	assert(cell_config_load_file(CONFIGS_DIR "/qemu-q35/cells/rtos.json", &problems, &neighbour) == 0);
	return 0;
}

/** assert_told - a refusal names at least one error; acceptance names none, and everything can be shown */
static void assert_told(int r, const ConfigProblems *problems)
{
	_cleanup_free_ char *text = config_problems_to_string(problems);

	assert(r == 0 || r == -EINVAL);
	assert((problems->n_errors > 0) == (r == -EINVAL));
	assert(text && !problems->out_of_memory);
}

/**
 * Defines fuzz_NAME(): parse, check as @check says, and go once around through JSON and blob. A blob has no room for
 * some things that JSON can say, so only a configuration without errors must fit.
 */
#define DEFINE_FUZZ(name, Type, free_function, check)                                                           \
	static void fuzz_##name(const char *text, size_t size)                                                  \
	{                                                                                                       \
		_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT, none = CONFIG_PROBLEMS_INIT; \
		_cleanup_free_ char *json = NULL, *json_again = NULL;                                           \
		_cleanup_free_ uint8_t *blob = NULL, *blob_again = NULL;                                        \
		Type *config = NULL, *again = NULL;                                                             \
		size_t blob_size, blob_size_again;                                                              \
		int r;                                                                                          \
                                                                                                                \
		r = name##_config_parse(text, size, "fuzz.json", &problems, &config);                           \
		assert_told(r, &problems);                                                                      \
		if (r < 0)                                                                                      \
			return;                                                                                 \
		r = check(config, &problems);                                                                   \
		assert_told(r, &problems);                                                                      \
                                                                                                                \
		assert(name##_config_to_json(config, &json) == 0);                                              \
		assert(name##_config_parse(json, strlen(json), "again.json", &none, &again) == 0);              \
		assert(name##_config_to_json(again, &json_again) == 0);                                         \
		assert(streq(json, json_again));                                                                \
		if (r == 0) {                                                                                   \
			assert(name##_config_to_blob(config, &blob, &blob_size) == 0);                          \
			assert(name##_config_to_blob(again, &blob_again, &blob_size_again) == 0);               \
			assert(blob_size == blob_size_again && memcmp(blob, blob_again, blob_size) == 0);       \
		}                                                                                               \
		free_function(again);                                                                           \
		free_function(config);                                                                          \
	}

/** check_cell - alone, on the machine, and beside another cell */
static int check_cell(const CellConfig *cell, ConfigProblems *problems)
{
	int alone = config_check_cell(cell, NULL, problems);
	int there = config_check_cell(cell, machine, problems);
	int beside = config_check_conflict(cell, neighbour, CONFIG_ERROR, problems);

	return alone < 0 || there < 0 || beside < 0 ? -EINVAL : 0;
}

DEFINE_FUZZ(cell, CellConfig, cell_config_free, check_cell)
DEFINE_FUZZ(system, SystemConfig, system_config_free, config_check_system)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_cell((const char *)data, size);
	fuzz_system((const char *)data, size);
	return 0;
}
