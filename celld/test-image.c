/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of images: digests by the vectors of FIPS 180, files that are not what the configuration says, and files that
 * others than root could change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>

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

/** config_of - of a cell with one image from our folder; @more: other keys of it */
static CellConfig *config_of(const char *image, const char *more)
{
	_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
	_cleanup_free_ char *json = NULL;
	CellConfig *config = NULL;
	int n;

	n = asprintf(&json,
		     "{\"name\": \"rtos\", \"architecture\": \"x86\", \"cpus\": \"1\", \"memory\": [{\"phys\": "
		     "\"0x100000\", "
		     "\"virt\": 0, \"size\": \"16K\", \"flags\": [\"read\", \"write\", \"loadable\"]}], "
		     "\"images\": [{\"path\": \"%s%s%s\", %s}]}",
		     image[0] == '/' ? "" : folder, image[0] == '/' ? "" : "/", image, more);
	assert_true(n > 0);
	if (cell_config_parse(json, (size_t)n, "rtos.json", &problems, &config) < 0)
		fail_msg("%s", config_problems_to_string(&problems));
	return config;
}

static void write_file(const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(folder, name);
	_cleanup_fclose_ FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fchmod(fileno(f), 0644), 0);
}

/** expect - what becomes of an image: @text is its contents, or a part of the complaint */
static void expect(const char *image, const char *more, int error, const char *text)
{
	_cleanup_cell_config_ CellConfig *config = config_of(image, more);
	_cleanup_images_ ImageSet set = { 0 };
	_cleanup_free_ char *said = NULL;

	assert_int_equal(image_set_open(config, false, &set, &said), error);
	if (error < 0) {
		assert_non_null(said);
		if (!strstr(said, image) || !strstr(said, text))
			fail_msg("%s: not a word of \"%s\"", said, text);
		assert_int_equal(set.n, 0);
		return;
	}
	assert_int_equal(set.n, 1);
	assert_int_equal(set.stamp, image_stamp(config, false));
	assert_int_equal(set.images[0].address, 0x1000);
	assert_int_equal(set.images[0].size_bytes, strlen(text));
	assert_memory_equal(set.images[0].data, text, strlen(text));
}

#define AT "\"address\": \"0x1000\""
#define SHA256_OF_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a"

static void test_files(void **state)
{
	(void)state;
	write_file("good.bin", "abc");
	write_file("empty.bin", "");
	expect("good.bin", AT, 0, "abc");
	expect("good.bin", AT ", \"sha256\": \"" SHA256_OF_ABC "d\"", 0, "abc");
	expect("good.bin", AT ", \"sha256\": \"" SHA256_OF_ABC "e\"", -ENOEXEC, "SHA-256");
	expect("empty.bin", AT, -ENOEXEC, "empty");
	expect("none.bin", AT, -ENOENT, "No such file");
	expect("good.bin/none", AT, -ENOTDIR, "Not a directory");
	expect("/dev/null", AT, -EPERM, "may be written by others");
	expect("/usr", AT, -ENOEXEC, "not a regular file");
}

/* The region ends at 16 KiB. */
static void test_size(void **state)
{
	char text[4 * 4096 - 4096 + 2];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 2] = '\0';
	write_file("full.bin", text);
	expect("full.bin", AT, 0, text);
	text[sizeof(text) - 2] = 'x';
	text[sizeof(text) - 1] = '\0';
	write_file("large.bin", text);
	expect("large.bin", AT, -EFBIG, "larger than the 12288 bytes at 0x1000");
	expect("full.bin", "\"address\": \"0x4000\"", -EFBIG, "larger than the 0 bytes at 0x4000");
}

static void run(const char *format)
{
	_cleanup_free_ char *command = NULL;

	assert_true(asprintf(&command, "cd %s && %s", folder, format) > 0);
	assert_int_equal(system(command), 0);
}

static void test_links(void **state)
{
	(void)state;
	write_file("linked.bin", "abc");
	run("mkdir -m 755 -p v1/deep && cp linked.bin v1/deep && ln -s v1 current && ln -s deep/../deep/linked.bin "
	    "v1/it");
	run("ln -s $PWD/linked.bin absolute && ln -s loop loop && ln -s nowhere broken");
	run("ln -s /proc/self/fd/0 magic && ln -s absolute/x through");
	expect("current/deep/linked.bin", AT, 0, "abc");
	expect("current/it", AT, 0, "abc");
	expect("absolute", AT, 0, "abc");
	expect("loop", AT, -ELOOP, "symbolic links");
	expect("broken", AT, -ENOENT, "No such file");
	expect("through", AT, -ENOTDIR, "Not a directory");
	run("exec 0<linked.bin && test -e magic"); /* a magic link would do */
	assert_true(freopen("/dev/null", "r", stdin));
	expect("magic", AT, -EPERM, "/dev/null may be written by others");
}

static void test_others(void **state)
{
	(void)state;
	write_file("writable.bin", "abc");
	run("chmod g+w writable.bin");
	expect("writable.bin", AT, -EPERM, "writable.bin may be written by others than root (mode 0664)");
	run("chmod o+w,g-w writable.bin");
	expect("writable.bin", AT, -EPERM, "(mode 0646)");
	run("mkdir -m 755 open && mkdir -m 755 open/in && touch open/in/image.bin && echo abc >open/in/image.bin");
	expect("open/in/image.bin", AT, 0, "abc\n");
	run("chmod 777 open");
	expect("open/in/image.bin", AT, -EPERM, "/open may be written by others than root (mode 0777)");
	run("chmod 1777 open");
	expect("open/in/image.bin", AT, 0, "abc\n");
	if (geteuid() != 0)
		return;
	run("chmod 755 open && chown 65534 open/in/image.bin");
	expect("open/in/image.bin", AT, -EPERM, "image.bin belongs to user 65534, not to root");
	run("chown 0 open/in/image.bin && chown 65534 open");
	expect("open/in/image.bin", AT, -EPERM, "/open belongs to user 65534, not to root");
	run("ln -s open/in/image.bin link && chown 0 open && chown -h 65534 link");
	expect("link", AT, -EPERM, "/link belongs to user 65534, not to root");
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

/** write_kernel - four bytes behind a header; wants to be at 2 MiB, where it needs 4 KiB */
static void write_kernel(const char *name)
{
	static const struct {
		unsigned offset, value;
	} bytes[] = {
		{ 0x1f1, 1 },	 { 0x1fe, 0x55 }, { 0x1ff, 0xaa }, { 0x200, 0xeb }, { 0x201, 0x6a }, { 0x202, 'H' },
		{ 0x203, 'd' },	 { 0x204, 'r' },  { 0x205, 'S' },  { 0x206, 0x0f }, { 0x207, 2 },    { 0x211, 1 },
		{ 0x22f, 0x7f }, { 0x236, 1 },	  { 0x239, 8 },	   { 0x25a, 0x20 }, { 0x261, 0x10 },
	};
	_cleanup_free_ char *path = path_join(folder, name);
	_cleanup_fclose_ FILE *f = fopen(path, "w");
	char kernel[0x404] = { 0 };

	for (size_t i = 0; i < ELEMENTSOF(bytes); i++)
		kernel[bytes[i].offset] = (char)bytes[i].value;
	assert_non_null(f);
	assert_int_equal(fwrite(kernel, 1, sizeof(kernel), f), sizeof(kernel));
}

/** linux_config - of a cell with 64 KiB of RAM, and 20 KiB from 2 MiB - 4 KiB on; @more: keys of its image */
static CellConfig *linux_config(const char *more)
{
	_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
	_cleanup_free_ char *json = NULL;
	CellConfig *config = NULL;

	assert_true(
		asprintf(
			&json,
			"{\"cpus\": 1, \"memory\": [{\"phys\": 0, \"size\": \"64K\", \"flags\": [\"read\", \"write\", "
			"\"execute\", \"dma\", \"loadable\"]}, {\"phys\": \"0x1ff000\", \"size\": \"20K\", \"flags\": "
			"[\"read\", \"write\", \"execute\", \"dma\", \"loadable\"]}], \"images\": [{\"string\": \"x\", "
			"\"address\": \"0xff00\"}, {\"type\": \"linux\", \"path\": \"%s/kernel\", \"loader\": "
			"\"%s/loader\", \"initrd\": \"%s/initrd\"%s}], \"command_line\": \"quiet\"}",
			folder, folder, folder, more) > 0);
	if (cell_config_parse(json, strlen(json), "linux.json", &problems, &config) < 0)
		fail_msg("%s", config_problems_to_string(&problems));
	return config;
}

/** expect_linux - what is wrong, with which file */
static void expect_linux(const char *more, int error, const char *file, const char *text)
{
	_cleanup_cell_config_ CellConfig *config = linux_config(more);
	_cleanup_images_ ImageSet set = { 0 };
	_cleanup_free_ char *said = NULL;

	assert_int_equal(image_set_open(config, false, &set, &said), error);
	assert_non_null(said);
	if (!strstr(said, file) || !strstr(said, text))
		fail_msg("%s: not a word of \"%s\" or \"%s\"", said, file, text);
	assert_int_equal(set.n, 0);
}

static void test_linux(void **state)
{
	_cleanup_cell_config_ CellConfig *config = linux_config("");
	_cleanup_images_ ImageSet set = { 0 };
	_cleanup_free_ char *said = NULL;
	uint64_t stamp;

	(void)state;
	write_kernel("kernel");
	write_file("loader", "boot");
	write_file("initrd", "init");
	assert_int_equal(image_set_open(config, false, &set, &said), 0);
	assert_int_equal(set.n, 5);
	assert_int_equal(set.images[0].address, 0xff00);
	assert_int_equal(set.images[1].address, 0x200000 - 0x400);
	assert_int_equal(set.images[1].size_bytes, 0x404);
	assert_int_equal(set.images[2].address, 0);
	assert_memory_equal(set.images[2].data, "boot", 4);
	assert_int_equal(set.images[3].address, 0x203000);
	assert_memory_equal(set.images[3].data, "init", 4);
	assert_int_equal(set.images[4].address, 0x1000);
	assert_string_equal((const char *)set.images[4].data + 0x112c, "quiet");
	assert_int_equal(set.images[4].size_bytes, 0x112c + 6);

	/* Each of its files counts. */
	stamp = image_stamp(config, false);
	assert_int_equal(set.stamp, stamp);
	write_file("initrd", "another");
	assert_int_not_equal(image_stamp(config, false), stamp);
	write_file("loader", "another");
	assert_int_not_equal(image_stamp(config, false), stamp);
}

static void test_linux_faults(void **state)
{
	_cleanup_free_ char *large = malloc(65538);

	(void)state;
	assert_non_null(large);
	write_kernel("kernel");
	write_file("loader", "boot");
	write_file("initrd", "init");
	expect_linux(", \"sha256\": \"" SHA256_OF_ABC "d\"", -ENOEXEC, "/kernel", "SHA-256");
	expect_linux(", \"initrd_sha256\": \"" SHA256_OF_ABC "d\"", -ENOEXEC, "/initrd", "SHA-256");
	write_file("initrd", "");
	expect_linux("", -ENOEXEC, "/initrd", "empty");
	run("rm initrd");
	expect_linux("", -ENOENT, "/initrd", "No such file");
	memset(large, 'x', 65537);
	large[65537] = '\0';
	write_file("initrd", large);
	expect_linux("", -EFBIG, "/initrd", "larger than the 65536 bytes");
	large[65536] = '\0';
	write_file("initrd", large);
	expect_linux("", -EFBIG, "/kernel", "its initrd needs 65536 bytes at 0x203000, where the cell has 4096");
	write_file("initrd", "init");
	write_file("loader", large);
	write_file("kernel", "abc");
	expect_linux("", -ENOEXEC, "/kernel", "not a bzImage");
	large[65536] = 'x';
	write_file("loader", large);
	expect_linux("", -EFBIG, "/loader", "larger than the 65536 bytes");
}

static int set_up(void **state)
{
	(void)state;
	umask(022);
	return mkdtemp(folder) ? 0 : -1;
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
		cmocka_unit_test(test_sha256), cmocka_unit_test(test_files),	    cmocka_unit_test(test_size),
		cmocka_unit_test(test_links),  cmocka_unit_test(test_others),	    cmocka_unit_test(test_fallback),
		cmocka_unit_test(test_linux),  cmocka_unit_test(test_linux_faults),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
