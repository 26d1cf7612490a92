/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files that only root can have put where they are: a walk from the root folder, one component after the other, that
 * judges each by what it opened. Symbolic links are followed by their text, so that their targets are judged, too.
 *
 * openat2() could not do it: it judges no owners, and systemd's RestrictSUIDSGID= does not admit it.
 */
#include <fcntl.h>
#include <stdarg.h>

#include "trusted-file.h"

#define LINKS_MAX 16
#define PATH_BYTES 4096

/** Where a walk is. */
typedef struct Walk {
	int folder;	/**< that has been judged */
	char *rest;	/**< of the path, from there */
	unsigned links; /**< followed so far */
	char **ret_text;
} Walk;

_printf_(3, 4) static int refuse(const Walk *w, int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (vasprintf(w->ret_text, format, ap) < 0)
		*w->ret_text = NULL;
	va_end(ap);
	return error;
}

/** step - open one component as it is: no link is followed, not even one of /proc */
static int step(int folder, const char *name, int flags)
{
	int fd = openat(folder, name, flags | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/** name_of - where it is in truth, as far as that can be told; static buffer */
static const char *name_of(int fd)
{
	static char name[PATH_BYTES];
	char link[32];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, name, sizeof(name) - 1);
	name[MAX(n, 0)] = '\0';
	return n > 0 ? name : "a part of the path";
}

static int judge(const Walk *w, int fd, struct stat *ret)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return refuse(w, -EPERM, "%s belongs to user %u, not to root", name_of(fd), (unsigned)st.st_uid);
	if (!S_ISLNK(st.st_mode) && st.st_mode & (S_IWGRP | S_IWOTH) && !(S_ISDIR(st.st_mode) && st.st_mode & S_ISVTX))
		return refuse(w, -EPERM, "%s may be written by others than root (mode %04o)", name_of(fd),
			      (unsigned)st.st_mode & 07777);
	*ret = st;
	return 0;
}

/** next_name - take the first component off the rest of the path; NULL: there is none */
static char *next_name(Walk *w)
{
	char *name = w->rest + strspn(w->rest, "/"), *end = name + strcspn(name, "/");

	if (name == end)
		return NULL;
	w->rest = *end ? end + 1 : end;
	*end = '\0';
	return name;
}

static void go_to(Walk *w, int folder)
{
	close(w->folder);
	w->folder = folder;
}

/** follow - put the text of a link before the rest of the path; @storage holds it from now on */
static int follow(Walk *w, int link, char **storage)
{
	char target[PATH_BYTES], *whole;
	ssize_t n = readlinkat(link, "", target, sizeof(target) - 1);
	int root;

	if (n < 0)
		return -errno;
	target[n] = '\0';
	if (++w->links > LINKS_MAX)
		return -ELOOP;
	if (target[0] == '/') {
		root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (root < 0)
			return -errno;
		go_to(w, root);
	}
	if (asprintf(&whole, "%s/%s", target, w->rest) < 0)
		return -ENOMEM;
	free(*storage);
	*storage = w->rest = whole;
	return 0;
}

/** open_last - for reading, once it is known to be a regular file; the same one is judged again */
static int open_last(const Walk *w, const char *name, const struct stat *known, int *ret_fd)
{
	_cleanup_close_ int fd = step(w->folder, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0)
		return fd;
	r = judge(w, fd, &st);
	if (r < 0)
		return r;
	if (st.st_dev != known->st_dev || st.st_ino != known->st_ino)
		return -ESTALE;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/** walk - to the end of the path; @storage owns w->rest */
static int walk(Walk *w, char **storage, int *ret_fd)
{
	for (;;) {
		const char *name = next_name(w);
		_cleanup_close_ int fd = -EBADF;
		struct stat st;
		int r;

		if (!name)
			return refuse(w, -ENOEXEC, "not a regular file");
		fd = step(w->folder, name, O_PATH);
		if (fd < 0)
			return fd;
		r = judge(w, fd, &st);
		if (r < 0)
			return r;
		if (S_ISDIR(st.st_mode)) {
			go_to(w, TAKE_FD(fd));
		} else if (S_ISLNK(st.st_mode)) {
			r = follow(w, fd, storage);
			if (r < 0)
				return r;
		} else if (w->rest[strspn(w->rest, "/")]) {
			return -ENOTDIR;
		} else if (S_ISREG(st.st_mode)) {
			return open_last(w, name, &st, ret_fd);
		} else {
			return refuse(w, -ENOEXEC, "not a regular file");
		}
	}
}

static int open_file(const char *path, int *ret_fd, char **ret_text)
{
	_cleanup_free_ char *storage = strdup(path);
	Walk w = { .folder = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), .rest = storage, .ret_text = ret_text };
	struct stat st;
	int r;

	if (!storage || w.folder < 0)
		r = storage ? -errno : -ENOMEM;
	else if (path[0] != '/')
		r = refuse(&w, -EINVAL, "not an absolute path");
	else
		r = judge(&w, w.folder, &st);
	if (r >= 0)
		r = walk(&w, &storage, ret_fd);
	util_closep(&w.folder);
	return r;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static int read_file(int fd, size_t max_bytes, char **ret, size_t *ret_size, uint64_t *ret_stamp)
{
	_cleanup_free_ char *data = NULL;
	struct stat before, after;
	size_t size;
	int r;

	if (fstat(fd, &before) < 0)
		return -errno;
	r = util_read_fd(fd, max_bytes, &data, &size);
	if (r < 0)
		return r;
	if (fstat(fd, &after) < 0)
		return -errno;
	if (before.st_size != after.st_size || !same_time(&before.st_mtim, &after.st_mtim) ||
	    !same_time(&before.st_ctim, &after.st_ctim))
		return -ESTALE;
	*ret = TAKE_PTR(data);
	*ret_size = size;
	if (ret_stamp)
		*ret_stamp = trusted_file_stamp(&before);
	return 0;
}

int trusted_file_read(const char *path, size_t max_bytes, char **ret, size_t *ret_size, uint64_t *ret_stamp,
		      char **ret_text)
{
	_cleanup_close_ int fd = -EBADF;
	char *text = NULL;
	int r;

	r = open_file(path, &fd, &text);
	if (r >= 0)
		r = read_file(fd, max_bytes, ret, ret_size, ret_stamp);
	if (r < 0)
		*ret_text = text ?: strdup(r == -ESTALE ? "changed while it was read" : strerror(-r));
	return r;
}

uint64_t trusted_file_stamp(const struct stat *st)
{
	const uint64_t parts[] = { st->st_dev, st->st_ino, (uint64_t)st->st_size, (uint64_t)st->st_mtim.tv_sec,
				   (uint64_t)st->st_mtim.tv_nsec };
	uint64_t stamp = 1;

	for (size_t i = 0; i < ELEMENTSOF(parts); i++)
		stamp = (stamp ^ parts[i]) * 0x9e3779b97f4a7c15ULL;
	return stamp | 1;
}
