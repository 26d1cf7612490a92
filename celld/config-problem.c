/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is wrong with a configuration: collecting and printing problems.
 */
#include <stdarg.h>

#include "config-problem.h"

static const char *const config_severity_table[CONFIG_SEVERITY_MAX] = {
	[CONFIG_ERROR] = "error",
	[CONFIG_WARNING] = "warning",
};

DEFINE_STRING_TABLE(config_severity, ConfigSeverity)

static void problem_done(ConfigProblem *problem)
{
	free(problem->file);
	free(problem->key);
	free(problem->message);
}

void config_problem_add(ConfigProblems *problems, ConfigSeverity severity, const char *file, unsigned line,
			const char *key, const char *format, ...)
{
	ConfigProblem problem = { .severity = severity, .line = line };
	ConfigProblem *items;
	va_list args;
	int r;

	if (severity == CONFIG_ERROR)
		problems->n_errors++;

	va_start(args, format);
	r = vasprintf(&problem.message, format, args);
	va_end(args);
	if (r < 0)
		problem.message = NULL;
	problem.file = file ? strdup(file) : NULL;
	problem.key = key ? strdup(key) : NULL;
	items = reallocarray(problems->items, problems->n_items + 1, sizeof(*items));
	if (items)
		problems->items = items;
	if (!items || !problem.message || (file && !problem.file) || (key && !problem.key)) {
		problems->out_of_memory = true;
		problem_done(&problem);
		return;
	}
	items[problems->n_items++] = problem;
}

void config_problems_done(ConfigProblems *problems)
{
	for (size_t i = 0; i < problems->n_items; i++)
		problem_done(&problems->items[i]);
	free(problems->items);
	*problems = (ConfigProblems)CONFIG_PROBLEMS_INIT;
}

static void problem_print(FILE *f, const ConfigProblem *problem)
{
	if (problem->file)
		fprintf(f, "%s:", problem->file);
	if (problem->line)
		fprintf(f, "%u:", problem->line);
	if (problem->file || problem->line)
		fputc(' ', f);
	if (problem->severity == CONFIG_WARNING)
		fputs("warning: ", f);
	if (!isempty(problem->key))
		fprintf(f, "%s: ", problem->key);
	fputs(problem->message, f);
}

char *config_problem_to_string(const ConfigProblem *problem)
{
	ConfigProblems one = { .items = (ConfigProblem *)problem, .n_items = 1 };
	char *text = config_problems_to_string(&one);

	if (text && *text)
		text[strlen(text) - 1] = 0;
	return text;
}

char *config_problems_to_string(const ConfigProblems *problems)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	bool failed;

	if (!f)
		return NULL;
	for (size_t i = 0; i < problems->n_items; i++) {
		problem_print(f, &problems->items[i]);
		fputc('\n', f);
	}
	if (problems->out_of_memory)
		fputs("Out of memory, some problems are not listed\n", f);
	failed = ferror(f) != 0;
	if (fclose(f) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}
