/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files that nobody but root can have put where they are: configuration and images.
 */
#ifndef CELLD_TRUSTED_FILE_H
#define CELLD_TRUSTED_FILE_H

#include <sys/stat.h>

#include "util.h"

/**
 * trusted_file_read - the contents of a file, if only root could change which bytes these are
 * @path: absolute
 * @max_bytes: -EFBIG for more
 * @ret: allocated, with a NUL behind the last byte
 * @ret_stamp: of the file that was read, see trusted_file_stamp(); may be NULL
 * @ret_text: on failure why, allocated; NULL without memory
 *
 * The file, every folder on the way to it and every symbolic link that is followed must belong to root (or to the user
 * that this process runs as), and nobody else may write to file or folders; but folders with the sticky bit are good.
 * What is checked is what is opened, and a file that changes while it is read is refused.
 *
 * Return: 0; -EPERM: somebody else could; -ENOEXEC: not a regular file; -ESTALE: it changed; -EFBIG; -errno of opening
 */
int trusted_file_read(const char *path, size_t max_bytes, char **ret, size_t *ret_size, uint64_t *ret_stamp,
		      char **ret_text);

/** trusted_file_stamp - a number that changes with the file; never 0 */
uint64_t trusted_file_stamp(const struct stat *st);

#endif
