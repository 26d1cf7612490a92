/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Images: read once, and only if nobody but root can have written them; compared with size and SHA-256.
 */
#include <inttypes.h>

#include "image.h"
#include "linux-image.h"
#include "sha256.h"
#include "trusted-file.h"

void image_set_close(ImageSet *set)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->owned[i])
			free((void *)(uintptr_t)set->images[i].data);
	free(set->images);
	free(set->owned);
	*set = (ImageSet){ 0 };
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

/** add_stamp - of one more file, in their order */
static void add_stamp(uint64_t *stamp, uint64_t file)
{
	*stamp = *stamp * 31 + file;
}

/** IMAGE_FILES_MAX - that one image of a configuration may consist of; with Linux the parameters are one more part */
#define IMAGE_FILES_MAX 3
#define IMAGE_PARTS_MAX (IMAGE_FILES_MAX + 1)

/** A file of an image. */
typedef struct ImageFile {
	const char *path;
	const char *sha256; /**< NULL: any */
} ImageFile;

/** image_files - in the order in which they are read and stamped. Return: how many */
static size_t image_files(const CellImage *image, ImageFile ret[static IMAGE_FILES_MAX])
{
	size_t n = 0;

	if (!image->path)
		return 0;
	ret[n++] = (ImageFile){ image->path, image->sha256 };
	if (image->type != CELL_IMAGE_LINUX)
		return n;
	ret[n++] = (ImageFile){ image->loader ?: CONFIG_LINUX_LOADER, NULL };
	if (image->initrd)
		ret[n++] = (ImageFile){ image->initrd, image->initrd_sha256 };
	return n;
}

uint64_t image_stamp(const CellConfig *config, bool fallback)
{
	const CellProgram *program = fallback ? &config->fallback : &config->program;
	ImageFile files[IMAGE_FILES_MAX];
	uint64_t stamp = 0;
	struct stat st;

	for (size_t i = 0; i < program->n_images; i++)
		for (size_t j = 0, n = image_files(&program->images[i], files); j < n; j++)
			add_stamp(&stamp, stat(files[j].path, &st) < 0 ? 0 : trusted_file_stamp(&st));
	return stamp;
}

/** fail - say that it is @path's fault. Return: @error */
static int fail(char **ret_text, const char *path, int error, const char *problem)
{
	if (asprintf(ret_text, "Image %s: %s", path, problem ?: strerror(-error)) < 0)
		*ret_text = NULL;
	return error;
}

/** read_bytes - of a file, into memory of our own: what is checked is what is loaded */
static int read_bytes(const ImageFile *file, uint64_t max_bytes, KmodImage *to, uint64_t *stamp, char **ret_problem)
{
	uint64_t file_stamp;
	char *data;
	size_t size;
	int r;

	r = trusted_file_read(file->path, max_bytes, &data, &size, &file_stamp, ret_problem);
	if (r < 0)
		return r;
	add_stamp(stamp, file_stamp);
	to->data = data;
	to->size_bytes = size;
	if (size == 0) {
		*ret_problem = strdup("empty");
		return -ENOEXEC;
	}
	r = file->sha256 ? check_digest(to, file->sha256) : 0;
	if (r == -ENOEXEC)
		*ret_problem = strdup("its SHA-256 is not the configured one");
	return r;
}

/** add_file - as the next part of the set, for @address, where @room bytes are. Return: 0, -errno with @ret_text */
static int add_file(ImageSet *set, const ImageFile *file, uint64_t address, uint64_t room, char **ret_text)
{
	_cleanup_free_ char *problem = NULL;
	KmodImage *to = &set->images[set->n];
	int r;

	set->owned[set->n++] = true;
	to->address = address;
	r = read_bytes(file, room, to, &set->stamp, &problem);
	if (r == -EFBIG) {
		free(problem);
		if (asprintf(&problem, "larger than the %" PRIu64 " bytes at 0x%" PRIx64 " that can be loaded", room,
			     address) < 0)
			problem = NULL;
	}
	return r < 0 ? fail(ret_text, file->path, r, problem) : 0;
}

/** largest_room - bytes of the largest region that can be loaded: no file of a guest Linux is larger */
static uint64_t largest_room(const CellConfig *config)
{
	uint64_t largest = 0;

	for (size_t i = 0; i < config->n_memory; i++)
		largest = MAX(largest, cell_config_room(config, config->memory[i].virt_start));
	return largest;
}

/** add_linux - kernel, loader and initrd as files, then what only shows once they are read: addresses and parameters */
static int add_linux(const CellConfig *config, const CellImage *from, const char *command_line, ImageSet *set,
		     char **ret_text)
{
	KmodImage *parts = &set->images[set->n];
	_cleanup_free_ char *problem = NULL;
	ImageFile files[IMAGE_FILES_MAX];
	size_t n = image_files(from, files);
	LinuxImage image;
	int r;

	for (size_t i = 0; i < n; i++) {
		/* a loader may have a hole where the parameters go, which are loaded after it */
		r = add_file(set, &files[i], 0, i == 1 ? LINUX_LOADER_END : largest_room(config), ret_text);
		if (r < 0)
			return r;
	}
	r = linux_image_make(config, parts[0].data, parts[0].size_bytes, n > 2 ? parts[2].size_bytes : 0, command_line,
			     &image, &problem);
	if (r < 0)
		return fail(ret_text, from->path, r, problem);
	parts[0].address = image.kernel_address;
	if (n > 2)
		parts[2].address = image.initrd_address;
	set->images[set->n] =
		(KmodImage){ .data = image.params, .size_bytes = image.params_bytes, .address = LINUX_PARAMS_ADDRESS };
	set->owned[set->n++] = true;
	return 0;
}

/** add_image - all of its parts */
static int add_image(const CellConfig *config, const CellImage *from, const char *command_line, ImageSet *set,
		     char **ret_text)
{
	ImageFile files[IMAGE_FILES_MAX];

	if (from->type == CELL_IMAGE_LINUX)
		return add_linux(config, from, command_line, set, ret_text);
	if (image_files(from, files) > 0)
		return add_file(set, &files[0], from->address, cell_config_room(config, from->address), ret_text);
	set->images[set->n++] =
		(KmodImage){ .data = from->string, .size_bytes = strlen(from->string) + 1, .address = from->address };
	return 0;
}

int image_set_open(const CellConfig *config, bool fallback, ImageSet *ret, char **ret_text)
{
	const CellProgram *program = fallback ? &config->fallback : &config->program;
	const char *command_line = cell_config_command_line(config, fallback);
	_cleanup_images_ ImageSet set = { 0 };
	int r;

	set.images = calloc(program->n_images * IMAGE_PARTS_MAX + 1, sizeof(*set.images));
	set.owned = calloc(program->n_images * IMAGE_PARTS_MAX + 1, sizeof(*set.owned));
	if (!set.images || !set.owned)
		return -ENOMEM;

	for (size_t i = 0; i < program->n_images; i++) {
		r = add_image(config, &program->images[i], command_line, &set, ret_text);
		if (r < 0)
			return r;
	}
	if (command_line && !cell_program_linux(program))
		set.images[set.n++] = (KmodImage){ .data = command_line,
						   .size_bytes = strlen(command_line) + 1,
						   .address = CONFIG_COMMAND_LINE_ADDRESS };
	*ret = set;
	set = (ImageSet){ 0 };
	return 0;
}
