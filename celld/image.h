/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Images: the files and strings of a cell's configuration, read and checked, ready for the kernel module.
 */
#ifndef CELLD_IMAGE_H
#define CELLD_IMAGE_H

#include "config.h"
#include "kmod.h"

typedef struct ImageSet {
	KmodImage *images;
	bool *owned; /**< the data belongs to us, not to the configuration */
	size_t n;
	uint64_t stamp; /**< of the files */
} ImageSet;

/**
 * image_set_open - all images of a configuration, and the command line
 * @fallback: those of the fallback program
 * @ret_text: set on failure too: a sentence that names the file
 *
 * The set points into @config. Return: 0, -ENOEXEC (a file is not as the configuration says), -EFBIG (it does not fit
 * where it is to be loaded), -errno of trusted_file_read().
 */
int image_set_open(const CellConfig *config, bool fallback, ImageSet *ret, char **ret_text);

/** image_stamp - what a set's stamp would be if it was opened now */
uint64_t image_stamp(const CellConfig *config, bool fallback);

void image_set_close(ImageSet *set);
#define _cleanup_images_ _cleanup_(image_set_close)

#endif
