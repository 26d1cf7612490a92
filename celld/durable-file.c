/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files that survive a crash of the machine: written beside their place, flushed, renamed, and the folder flushed.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "durable-file.h"

static int write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		size -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/** sync_parent - make the entry of @dir itself last */
static int sync_parent(const char *dir)
{
	_cleanup_free_ char *parent = path_join(dir, "..");
	_cleanup_close_ int fd = -EBADF;

	if (!parent)
		return -ENOMEM;
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int open_folder(const char *dir, bool make, int *ret_fd)
{
	int fd, r;

	if (make && mkdir(dir, 0755) == 0) {
		r = sync_parent(dir);
		if (r < 0)
			return r;
	}
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static int replace(int folder, const char *temporary, const char *name, const char *data, size_t size)
{
	_cleanup_close_ int fd =
		openat(folder, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, data, size);
	if (r < 0)
		return r;
	return renameat(folder, temporary, folder, name) < 0 ? -errno : 0;
}

int durable_file_write(const char *dir, const char *name, const char *data, size_t size)
{
	_cleanup_close_ int folder = -EBADF;
	_cleanup_free_ char *temporary = NULL;
	int r;

	if (asprintf(&temporary, ".%s.new", name) < 0)
		return -ENOMEM;
	r = open_folder(dir, true, &folder);
	if (r < 0)
		return r;
	r = replace(folder, temporary, name, data, size);
	if (r < 0) {
		(void)unlinkat(folder, temporary, 0);
		return r;
	}
	return fsync(folder) < 0 ? -errno : 0;
}

int durable_file_remove(const char *dir, const char *name)
{
	_cleanup_close_ int folder = -EBADF;
	int r;

	r = open_folder(dir, false, &folder);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (unlinkat(folder, name, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	return fsync(folder) < 0 ? -errno : 0;
}
