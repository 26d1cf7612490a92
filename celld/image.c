/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Images: opening, mapping, comparing with their SHA-256.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "image.h"
#include "sha256.h"

void image_set_close(ImageSet *set)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->mapped[i])
			munmap((void *)(uintptr_t)set->images[i].data, set->images[i].size_bytes);
	free(set->images);
	free(set->mapped);
	*set = (ImageSet){ 0 };
}

/** resolve - the path of an image file, allocated */
static int resolve(const CellConfig *config, const char *path, char **ret)
{
	const char *file = cell_config_path(config), *slash = file ? strrchr(file, '/') : NULL;
	char *whole;

	if (path[0] == '/' || !slash)
		whole = strdup(path);
	else if (asprintf(&whole, "%.*s/%s", (int)(slash - file), file, path) < 0)
		whole = NULL;
	if (!whole)
		return -ENOMEM;
	*ret = whole;
	return 0;
}

static int check_digest(const KmodImage *image, const char *expected)
{
	uint8_t digest[SHA256_BYTES];
	_cleanup_free_ char *text = NULL;

	sha256(image->data, image->size_bytes, digest);
	text = hex_encode(digest, sizeof(digest));
	if (!text)
		return -ENOMEM;
	return streq(text, expected) ? 0 : -ENOEXEC;
}

static int map_file(const char *path, KmodImage *image)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	void *data;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return -ENOEXEC;
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return -errno;
	image->data = data;
	image->size_bytes = (uint64_t)st.st_size;
	return 0;
}

static int open_image(const CellConfig *config, const CellImage *from, KmodImage *to, bool *mapped, char **ret_text)
{
	_cleanup_free_ char *path = NULL;
	const char *problem = NULL;
	int r;

	to->address = from->address;
	if (from->string) {
		to->data = from->string;
		to->size_bytes = strlen(from->string) + 1;
		return 0;
	}
	r = resolve(config, from->path, &path);
	if (r < 0)
		return r;

	r = map_file(path, to);
	if (r == -ENOEXEC)
		problem = "empty, or not a regular file";
	if (r >= 0) {
		*mapped = true;
		if (from->sha256) {
			r = check_digest(to, from->sha256);
			if (r == -ENOEXEC)
				problem = "its SHA-256 is not the configured one";
		}
	}
	if (r < 0 && asprintf(ret_text, "Image %s: %s", path, problem ?: strerror(-r)) < 0)
		*ret_text = NULL;
	return r;
}

int image_set_open(const CellConfig *config, bool fallback, ImageSet *ret, char **ret_text)
{
	const CellProgram *program = fallback ? &config->fallback : &config->program;
	const char *command_line = cell_config_command_line(config, fallback);
	_cleanup_images_ ImageSet set = { 0 };
	int r;

	set.images = calloc(program->n_images + 1, sizeof(*set.images));
	set.mapped = calloc(program->n_images + 1, sizeof(*set.mapped));
	if (!set.images || !set.mapped)
		return -ENOMEM;

	for (size_t i = 0; i < program->n_images; i++) {
		set.n = i + 1;
		r = open_image(config, &program->images[i], &set.images[i], &set.mapped[i], ret_text);
		if (r < 0)
			return r;
	}
	if (command_line)
		set.images[set.n++] = (KmodImage){ .data = command_line,
						   .size_bytes = strlen(command_line) + 1,
						   .address = CONFIG_COMMAND_LINE_ADDRESS };
	*ret = set;
	set = (ImageSet){ 0 };
	return 0;
}
