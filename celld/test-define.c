/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of configurations that celld is given, checks and keeps.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "test-world.h"

static void on_defined(int error, const char *text, void *userdata)
{
	on_done(NULL, error, text, userdata);
}

static char *json_of(const char *name, const char *supervision)
{
	char *json;

	assert_true(asprintf(&json,
			     "{\"name\": \"%s\", \"architecture\": \"x86\", \"cpus\": \"3\",\n"
			     "\"cpu_reset_address\": 0, \"command_line\": \"x\", \"memory\": [\n"
			     "{\"phys\": \"0x3a600000\", \"virt\": 0, \"size\": \"1M\",\n"
			     "\"flags\": [\"read\", \"write\", \"execute\", \"loadable\"]},\n"
			     "{\"virt\": \"0x100000\", \"size\": \"4K\",\n"
			     "\"flags\": [\"read\", \"write\", \"comm-region\"]}],\n"
			     "\"supervision\": {%s}}\n",
			     name, supervision) > 0);
	return json;
}

/** define - Return: what it came to; @text (may be NULL) is found in what is said */
static int define(const char *name, const char *json, bool runtime, const char *text)
{
	_cleanup_free_ char *said = NULL;
	Outcome o = { 0 };
	int r;

	r = manager_define(manager, name, json, runtime, on_defined, &o, &said);
	if (r < 0) {
		if (text && (!said || !strstr(said, text)))
			fail_msg("\"%s\" is not in: %s", text, said ?: "nothing");
		return r;
	}
	wait_until(o.done);
	return o.error;
}

static int undefine(const char *name, bool runtime, const char *text)
{
	_cleanup_free_ char *said = NULL;
	Outcome o = { 0 };
	int r;

	r = manager_undefine(manager, cell(name), runtime, on_defined, &o, &said);
	if (r < 0) {
		if (text && (!said || !strstr(said, text)))
			fail_msg("\"%s\" is not in: %s", text, said ?: "nothing");
		return r;
	}
	wait_until(o.done);
	return o.error;
}

static bool has_file(const char *path)
{
	_cleanup_free_ char *whole = path_join(folder, path);
	struct stat st;

	if (stat(whole, &st) < 0)
		return false;
	assert_int_equal(st.st_mode & 07777, 0600);
	return true;
}

static bool file_is(const char *path, const char *text)
{
	_cleanup_free_ char *whole = path_join(folder, path), *got = NULL;
	size_t size;

	assert_int_equal(util_read_file(whole, 65536, &got, &size), 0);
	return streq(got, text);
}

static void test_define(void **state)
{
	_cleanup_free_ char *json = json_of("third", ""), *slow = json_of("third", "\"RestartUSec\": \"2s\"");

	(void)state;
	assert_int_equal(define("third", json, false, NULL), 0);
	assert_true(has_file("var/cells/third.json"));
	assert_true(file_is("var/cells/third.json", json));
	assert_int_equal(cell("third")->state, CELL_DEFINED);
	assert_int_equal(cell("third")->config->supervision.restart_usec, 10 * USEC_PER_MSEC);
	/* Again, and above it. */
	assert_int_equal(define("third", slow, false, NULL), 0);
	assert_int_equal(cell("third")->config->supervision.restart_usec, 2 * USEC_PER_SEC);
	assert_int_equal(define("third", json, true, NULL), 0);
	assert_true(has_file("run/cells/third.json"));
	assert_int_equal(cell("third")->config->supervision.restart_usec, 10 * USEC_PER_MSEC);
	assert_int_equal(define("third", json, false, "run/cells/third.json"), -CELL_EEXISTS);
	assert_true(file_is("var/cells/third.json", slow));

	/* Only the upper one, and the rest. */
	assert_int_equal(undefine("third", true, NULL), 0);
	assert_false(has_file("run/cells/third.json"));
	assert_int_equal(cell("third")->config->supervision.restart_usec, 2 * USEC_PER_SEC);
	assert_int_equal(undefine("third", true, "var/cells/third.json"), -CELL_ENOTSUPPORTED);
	assert_int_equal(define("third", json, true, NULL), 0);
	assert_int_equal(undefine("third", false, NULL), 0);
	assert_false(has_file("run/cells/third.json"));
	assert_false(has_file("var/cells/third.json"));
	wait_until(!manager_find(manager, "third"));
}

static void test_define_refused(void **state)
{
	_cleanup_free_ char *json = json_of("third", ""), *odd = json_of("third", "\"RestartUsec\": 1"),
			    *wild = json_of("third", "\"RestartUSec\": \"infinity\""), *rtos = json_of("rtos", "");
	_cleanup_free_ char *said = NULL;

	(void)state;
	assert_int_equal(define("fourth", json, false, "fourth.json:1: name: "), -CELL_ECONFIG);
	assert_int_equal(define("third", "{", false, "third.json:"), -CELL_ECONFIG);
	assert_int_equal(define("third", "", false, "third.json:"), -CELL_ECONFIG);
	assert_int_equal(define("third", odd, false, "third.json:7: supervision.RestartUsec: "), -CELL_ECONFIG);
	assert_int_equal(define("third", wild, false, "third.json:7: supervision.RestartUSec: "), -CELL_ECONFIG);
	assert_int_equal(define("../third", json, false, "../third"), -EINVAL);
	assert_int_equal(define("rtos", rtos, false, "etc/cells/rtos.json"), -CELL_EEXISTS);
	assert_int_equal(undefine("rtos", false, "etc/cells/rtos.json"), -CELL_ENOTSUPPORTED);
	assert_null(manager_find(manager, "third"));
	assert_false(has_file("var/cells/third.json"));

	/* What cannot be written is told, and nothing is left. */
	setenv("STATE_DIRECTORY", "/proc/self/nowhere", 1);
	kill_manager();
	assert_int_equal(manager_define(manager, "third", json, false, on_defined, NULL, &said), -CELL_ENOTSUPPORTED);
	assert_non_null(strstr(said, "/proc/self/nowhere"));
	set_state_directory();
	kill_manager();
}

static void test_define_disk(void **state)
{
	_cleanup_free_ char *json = json_of("third", ""), *wall = path_join(folder, "var/cells/.third.json.new");
	_cleanup_free_ char *cells = path_join(folder, "var/cells");

	(void)state;
	(void)mkdir(cells, 0755);
	/* Something is in the way of the temporary file. */
	assert_int_equal(mkdir(wall, 0755), 0);
	assert_int_equal(define("third", json, false, NULL), -EIO);
	assert_null(manager_find(manager, "third"));
	assert_int_equal(rmdir(wall), 0);
	/* Left behind by a crash: no matter. */
	assert_int_equal(close(open(wall, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
	kill_manager();
	assert_null(manager_find(manager, "third"));
	assert_int_equal(define("third", json, false, NULL), 0);
	assert_int_equal(access(wall, F_OK), -1);
	assert_int_equal(undefine("third", false, NULL), 0);
}

static void test_define_in_use(void **state)
{
	_cleanup_free_ char *json = json_of("third", ""), *slow = json_of("third", "\"RestartUSec\": \"2s\"");
	Outcome first = { 0 };
	char *said = NULL;

	(void)state;
	/* One at a time, and forgotten callers are not called. */
	assert_int_equal(manager_define(manager, "third", json, false, on_defined, &first, &said), 0);
	assert_int_equal(define("third", json, false, NULL), -CELL_EBUSY);
	manager_forget(manager, &first);
	wait_until(manager_find(manager, "third"));
	assert_false(first.done);

	start("third", 0);
	assert_int_equal(undefine("third", false, "running"), -CELL_EBUSY);
	assert_int_equal(define("third", slow, false, NULL), 0);
	assert_int_equal(cell("third")->config->supervision.restart_usec, 10 * USEC_PER_MSEC);
	stop("third", JOB_CONSENT_FORCE, 0);
	start("third", 0);
	assert_int_equal(cell("third")->config->supervision.restart_usec, 2 * USEC_PER_SEC);
	stop("third", JOB_CONSENT_FORCE, 0);

	/* celld ends in the middle: the child goes with it, or has written it all. */
	assert_int_equal(manager_define(manager, "third", json, false, on_defined, &first, &said), 0);
	kill_manager();
	assert_true(file_is("var/cells/third.json", json) || file_is("var/cells/third.json", slow));
	assert_false(first.done);
	assert_int_equal(undefine("third", false, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		history(test_define),
		history(test_define_refused),
		history(test_define_disk),
		history(test_define_in_use),
	};

	return run_histories(tests);
}
