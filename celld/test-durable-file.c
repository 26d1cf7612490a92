/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of durable files: killed before any of its system calls, or refused it, a writer leaves the old contents or the
 * new ones, and never asks for the new name before the contents are on disk.
 *
 * The linker puts our versions of the calls (__wrap_*) between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "config.h"
#include "durable-file.h"

#define KILLED 77
#define OLD "{\"name\": \"old\"}"
#define NEW "{\"name\": \"new\", \"comment\": \"longer than before\"}"

static char top[] = "/tmp/test-durable-file-XXXXXX";
static char *folder;	    /**< top/cells */
static int calls_left = -1; /**< until the one that is not to be; < 0: all are good */
static int error;	    /**< with which it fails; 0: the process is killed */
static char history[16];    /**< a letter for each call that was made */

/** may - the next call: is it made? */
static bool may(char letter)
{
	size_t n = strlen(history);

	if (calls_left == 0 && error == 0)
		_exit(KILLED);
	if (calls_left == 0) {
		calls_left = -1;
		errno = error;
		return false;
	}
	calls_left -= calls_left > 0;
	if (n + 1 < sizeof(history))
		history[n] = letter;
	return true;
}

#define WRAP(type, name, letter, parameters, ...)                     \
	type __real_##name parameters;                                \
	type __wrap_##name parameters;                                \
	type __wrap_##name parameters                                 \
	{                                                             \
		return may(letter) ? __real_##name(__VA_ARGS__) : -1; \
	}

WRAP(ssize_t, write, 'w', (int fd, const void *data, size_t size), fd, data, size)
WRAP(int, fsync, 's', (int fd), fd)
WRAP(int, renameat, 'r', (int from, const char *old, int to, const char *new), from, old, to, new)
WRAP(int, unlinkat, 'u', (int dir, const char *path, int flags), dir, path, flags)

static int write_new(void)
{
	memset(history, 0, sizeof(history));
	return durable_file_write(folder, "rtos.json", NEW, strlen(NEW));
}

/** contents - of the file, allocated */
static char *contents(void)
{
	_cleanup_free_ char *path = path_join(folder, "rtos.json");
	char *text;
	size_t size;

	assert_int_equal(util_read_file(path, 4096, &text, &size), 0);
	return text;
}

/** expect_one_of_two - and nothing that celld would take for another cell */
static void expect_one_of_two(bool is_new)
{
	_cleanup_free_ char *text = contents();
	_cleanup_strv_ char **names = NULL;
	char *dirs[] = { top, NULL };

	assert_string_equal(text, is_new ? NEW : OLD);
	assert_int_equal(config_list_cells(dirs, &names), 0);
	assert_int_equal(strv_length(names), 1);
	assert_string_equal(names[0], "rtos");
}

static void write_old(void)
{
	calls_left = -1;
	assert_int_equal(durable_file_write(folder, "rtos.json", OLD, strlen(OLD)), 0);
}

static void test_order(void **state)
{
	(void)state;
	write_old();
	assert_int_equal(write_new(), 0);
	assert_string_equal(history, "wsrs");
}

/** die_at - a writer that is killed before its call number @n. Return: was there such a call? */
static bool die_at(int n)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		calls_left = n;
		error = 0;
		_exit(write_new() < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == KILLED);
	return WEXITSTATUS(status) == KILLED;
}

static void test_killed(void **state)
{
	int n = 0;

	(void)state;
	for (bool dies = true; dies; n++) {
		write_old();
		dies = die_at(n);
		expect_one_of_two(n > 2);
		/* What is left does not stand in the way of the next one. */
		assert_int_equal(write_new(), 0);
		expect_one_of_two(true);
	}
	assert_int_equal(n, 5);
}

static void test_refused(void **state)
{
	_cleanup_free_ char *temporary = path_join(folder, ".rtos.json.new");

	(void)state;
	for (int n = 0; n < 4; n++) {
		write_old();
		error = ENOSPC;
		calls_left = n;
		assert_int_equal(write_new(), -ENOSPC);
		expect_one_of_two(n > 2);
		assert_int_equal(access(temporary, F_OK), -1);
	}
}

static void test_removal(void **state)
{
	_cleanup_free_ char *path = path_join(folder, "rtos.json");

	(void)state;
	write_old();
	memset(history, 0, sizeof(history));
	assert_int_equal(durable_file_remove(folder, "rtos.json"), 0);
	assert_string_equal(history, "us");
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(durable_file_remove(folder, "rtos.json"), 0);
	assert_int_equal(durable_file_remove("/nowhere/at/all", "rtos.json"), 0);
}

static int set_up(void **state)
{
	(void)state;
	folder = mkdtemp(top) ? path_join(top, "cells") : NULL;
	return folder ? 0 : -1;
}

static int tear_down(void **state)
{
	_cleanup_free_ char *command = NULL;

	(void)state;
	free(folder);
	return asprintf(&command, "rm -r %s", top) < 0 || system(command) != 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_removal),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
