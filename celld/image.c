/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Images: read once, and only if nobody but root can have written them; compared with size and SHA-256.
 */
#include <inttypes.h>

#include "image.h"
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

uint64_t image_stamp(const CellConfig *config, bool fallback)
{
	const CellProgram *program = fallback ? &config->fallback : &config->program;
	uint64_t stamp = 0;
	struct stat st;

	for (size_t i = 0; i < program->n_images; i++)
		if (program->images[i].path)
			add_stamp(&stamp, stat(program->images[i].path, &st) < 0 ? 0 : trusted_file_stamp(&st));
	return stamp;
}

/** read_image - into memory of our own: what is checked is what is loaded. @ret_text: why not, NULL without memory */
static int read_image(const CellConfig *config, const CellImage *from, KmodImage *to, uint64_t *stamp, char **ret_text)
{
	uint64_t room = cell_config_room(config, from->address);
	uint64_t file;
	char *data;
	size_t size;
	int r;

	r = trusted_file_read(from->path, room, &data, &size, &file, ret_text);
	if (r == -EFBIG) {
		free(*ret_text);
		if (asprintf(ret_text, "larger than the %" PRIu64 " bytes at 0x%" PRIx64 " that can be loaded", room,
			     from->address) < 0)
			*ret_text = NULL;
	}
	if (r < 0)
		return r;
	add_stamp(stamp, file);
	to->data = data;
	to->size_bytes = size;
	if (size == 0) {
		*ret_text = strdup("empty");
		return -ENOEXEC;
	}
	r = from->sha256 ? check_digest(to, from->sha256) : 0;
	if (r == -ENOEXEC)
		*ret_text = strdup("its SHA-256 is not the configured one");
	return r;
}

/** open_image - the @i-th of the set */
static int open_image(const CellConfig *config, const CellImage *from, size_t i, ImageSet *set, char **ret_text)
{
	_cleanup_free_ char *problem = NULL;
	KmodImage *to = &set->images[i];
	int r;

	to->address = from->address;
	if (from->string) {
		to->data = from->string;
		to->size_bytes = strlen(from->string) + 1;
		return 0;
	}
	set->owned[i] = true;
	r = read_image(config, from, to, &set->stamp, &problem);
	if (r < 0 && asprintf(ret_text, "Image %s: %s", from->path, problem ?: strerror(-r)) < 0)
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
	set.owned = calloc(program->n_images + 1, sizeof(*set.owned));
	if (!set.images || !set.owned)
		return -ENOMEM;

	for (size_t i = 0; i < program->n_images; i++) {
		set.n = i + 1;
		r = open_image(config, &program->images[i], i, &set, ret_text);
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
