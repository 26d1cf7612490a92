// SPDX-License-Identifier: GPL-2.0-only
/* A test in a process of its own: power-on state for each, and a crash or a hang is the failure of one test only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "fake.h"

#define TIME_LIMIT_SEC 60 /* of its own: how much a busy host gives it does not matter */

/* What goes wrong is told on stderr: stdout is the parent's TAP. */
static __attribute__((noreturn)) void child(void *test)
{
	const struct CMUnitTest tests[] = { { .name = "alone", .test_func = (CMUnitTestFunction)test } };

	setrlimit(RLIMIT_CPU, &(struct rlimit){ TIME_LIMIT_SEC, TIME_LIMIT_SEC });
	unsetenv("CMOCKA_MESSAGE_OUTPUT");
	if (!freopen("/dev/null", "w", stdout))
		exit(EXIT_FAILURE);
	exit(cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS);
}

void fake_run_alone(void **state)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		child(*state);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		fail_msg("killed by signal %d", WTERMSIG(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_SUCCESS);
}
