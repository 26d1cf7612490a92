/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of images: digests by the vectors of FIPS 180, files that are not what the configuration says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image.h"
#include "sha256.h"

static void check_digest(const void *data, size_t size, const char *wanted)
{
	_cleanup_free_ char *text = NULL;
	uint8_t digest[SHA256_BYTES];

	sha256(data, size, digest);
	text = hex_encode(digest, sizeof(digest));
	assert_string_equal(text, wanted);
}

static void test_sha256(void **state)
{
	_cleanup_free_ char *million = malloc(1000000);

	(void)state;
	check_digest("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	check_digest("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check_digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
		     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	memset(million, 'a', 1000000);
	check_digest(million, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static char folder[] = "/tmp/test-image-XXXXXX";

/** config_of - of a cell with one image, read from a file in our folder */
static CellConfig *config_of(const char *image)
{
	_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
	_cleanup_free_ char *path = path_join(folder, "rtos.json"), *json = NULL;
	CellConfig *config = NULL;
	int n;

	n = asprintf(
		&json,
		"{\"name\": \"rtos\", \"architecture\": \"x86\", \"cpus\": \"1\", \"memory\": [], \"images\": [%s]}",
		image);
	assert_true(n > 0);
	if (cell_config_parse(json, (size_t)n, path, &problems, &config) < 0)
		fail_msg("%s", config_problems_to_string(&problems));
	return config;
}

static void write_file(const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(folder, name);
	_cleanup_fclose_ FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
}

static void expect(const char *image, int error, const char *text)
{
	_cleanup_cell_config_ CellConfig *config = config_of(image);
	_cleanup_images_ ImageSet set = { 0 };
	_cleanup_free_ char *said = NULL;

	assert_int_equal(image_set_open(config, false, &set, &said), error);
	if (error < 0) {
		assert_non_null(said);
		assert_non_null(strstr(said, text));
		assert_int_equal(set.n, 0);
		return;
	}
	assert_int_equal(set.n, 1);
	assert_int_equal(set.images[0].address, 0x1000);
	assert_int_equal(set.images[0].size_bytes, strlen(text));
	assert_memory_equal(set.images[0].data, text, strlen(text));
}

static void test_files(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	write_file("good.bin", "abc");
	write_file("empty.bin", "");
	expect("{\"path\": \"good.bin\", \"address\": \"0x1000\"}", 0, "abc");
	expect("{\"path\": \"good.bin\", \"address\": \"0x1000\", \"sha256\": "
	       "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"}",
	       0, "abc");
	expect("{\"path\": \"good.bin\", \"address\": 0, \"sha256\": "
	       "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ae\"}",
	       -ENOEXEC, "SHA-256");
	expect("{\"path\": \"empty.bin\", \"address\": 0}", -ENOEXEC, "empty.bin");
	expect("{\"path\": \"none.bin\", \"address\": 0}", -ENOENT, "none.bin");
	expect("{\"path\": \"/dev/null\", \"address\": 0}", -ENOEXEC, "/dev/null");
	expect("{\"path\": \"/dev\", \"address\": 0}", -ENOEXEC, "/dev");
}

static void test_fallback(void **state)
{
	static const char json[] =
		"{\"architecture\": \"x86\", \"cpus\": \"1\", \"memory\": [], \"command_line\": \"fast\", "
		"\"images\": [{\"path\": \"/none\"}], \"fallback_images\": [{\"string\": \"b\"}]}";
	_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
	_cleanup_cell_config_ CellConfig *config = NULL;
	_cleanup_images_ ImageSet set = { 0 };
	_cleanup_free_ char *said = NULL;

	(void)state;
	assert_int_equal(cell_config_parse(json, strlen(json), "rtos.json", &problems, &config), 0);
	/* What is not loaded need not be there; the command line is the same if there is no other. */
	assert_int_equal(image_set_open(config, false, &set, &said), -ENOENT);
	assert_int_equal(image_set_open(config, true, &set, &said), 0);
	assert_int_equal(set.n, 2);
	assert_string_equal(set.images[0].data, "b");
	assert_string_equal(set.images[1].data, "fast");
	assert_int_equal(set.images[1].address, CONFIG_COMMAND_LINE_ADDRESS);
	assert_int_equal(set.images[1].size_bytes, 5);
}

static int tear_down(void **state)
{
	_cleanup_free_ char *command = NULL;

	(void)state;
	return asprintf(&command, "rm -rf %s", folder) < 0 || system(command) != 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_fallback),
		cmocka_unit_test_teardown(test_files, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
