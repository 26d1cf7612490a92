/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is wrong with a configuration: a list of problems, each with file, line, key and a sentence for people.
 *
 * Reading and checking never stop at the first problem; the list is what the caller shows.
 */
#ifndef CELLD_CONFIG_PROBLEM_H
#define CELLD_CONFIG_PROBLEM_H

#include "util.h"

typedef enum ConfigSeverity {
	CONFIG_ERROR,	/**< refuse the configuration */
	CONFIG_WARNING, /**< tell, but go on */
	CONFIG_SEVERITY_MAX,
	CONFIG_SEVERITY_INVALID = -EINVAL,
} ConfigSeverity;

DECLARE_STRING_TABLE(config_severity, ConfigSeverity);

typedef struct ConfigProblem {
	ConfigSeverity severity;
	char *file;    /**< path as opened, or NULL */
	unsigned line; /**< from 1; 0: not known (binary input, whole file) */
	char *key;     /**< "memory[2].size"; NULL or "" for the whole file */
	char *message; /**< without file, line, key or final stop */
} ConfigProblem;

typedef struct ConfigProblems {
	ConfigProblem *items;
	size_t n_items;
	size_t n_errors;
	bool out_of_memory; /**< a problem could not be recorded; counted in n_errors */
} ConfigProblems;

#define CONFIG_PROBLEMS_INIT \
	{                    \
		0            \
	}

/** config_problem_add - record one; always succeeds in counting it */
_printf_(6, 7) void config_problem_add(ConfigProblems *problems, ConfigSeverity severity, const char *file,
				       unsigned line, const char *key, const char *format, ...);

/** config_problems_done - forget all; usable again afterwards */
void config_problems_done(ConfigProblems *problems);
#define _cleanup_problems_ _cleanup_(config_problems_done)

/** config_problem_to_string - "rtos.json:14: memory[0].size: text", allocated; NULL without memory */
char *config_problem_to_string(const ConfigProblem *problem);

/** config_problems_to_string - all of them, a line each, allocated ("" for none); NULL without memory */
char *config_problems_to_string(const ConfigProblems *problems);

#endif
