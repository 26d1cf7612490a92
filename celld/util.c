/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Small helpers for celld and its clients: string tables, string lists, whole files, hex.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "util.h"

int string_table_lookup(const char *const *table, size_t n, const char *s)
{
	for (size_t i = 0; s && i < n; i++)
		if (table[i] && streq(table[i], s))
			return (int)i;
	return -EINVAL;
}

char **strv_free(char **list)
{
	for (char **s = list; s && *s; s++)
		free(*s);
	free(list);
	return NULL;
}

size_t strv_length(char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

bool strv_contains(char *const *list, const char *s)
{
	for (; list && *list; list++)
		if (streq(*list, s))
			return true;
	return false;
}

int strv_add(char ***list, const char *s)
{
	size_t n = strv_length(*list);
	_cleanup_free_ char *copy = strdup(s);
	char **longer;

	if (!copy)
		return -ENOMEM;
	longer = reallocarray(*list, n + 2, sizeof(*longer));
	if (!longer)
		return -ENOMEM;
	longer[n] = TAKE_PTR(copy);
	longer[n + 1] = NULL;
	*list = longer;
	return 0;
}

int strv_split(const char *s, const char *separators, char ***ret)
{
	_cleanup_strv_ char **list = calloc(1, sizeof(*list));
	_cleanup_free_ char *copy = strdup(s);
	char *state = NULL;
	int r;

	if (!list || !copy)
		return -ENOMEM;
	for (char *part = strtok_r(copy, separators, &state); part; part = strtok_r(NULL, separators, &state)) {
		r = strv_add(&list, part);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(list);
	return 0;
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(char **list)
{
	if (list)
		qsort(list, strv_length(list), sizeof(*list), compare_strings);
}

char *path_join(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

int util_read_file(const char *path, size_t max_bytes, char **ret, size_t *ret_size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	return fd < 0 ? -errno : util_read_fd(fd, max_bytes, ret, ret_size);
}

int util_read_fd(int fd, size_t max_bytes, char **ret, size_t *ret_size)
{
	_cleanup_free_ char *data = NULL;
	struct stat st;
	size_t done = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if ((uint64_t)st.st_size > max_bytes)
		return -EFBIG;
	data = malloc((size_t)st.st_size + 1);
	if (!data)
		return -ENOMEM;
	while (done < (size_t)st.st_size) {
		ssize_t n = read(fd, data + done, (size_t)st.st_size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	data[done] = 0;
	*ret = TAKE_PTR(data);
	*ret_size = done;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -EINVAL;
}

int hex_decode(const char *s, uint8_t **ret, size_t *ret_size)
{
	size_t n = strlen(s);
	_cleanup_free_ uint8_t *data = NULL;

	if (n % 2)
		return -EINVAL;
	data = malloc(n / 2 + 1);
	if (!data)
		return -ENOMEM;
	for (size_t i = 0; i < n / 2; i++) {
		int high = hex_digit(s[2 * i]), low = hex_digit(s[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		data[i] = (uint8_t)(high << 4 | low);
	}
	*ret = TAKE_PTR(data);
	*ret_size = n / 2;
	return 0;
}

char *hex_encode(const void *data, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *bytes = data;
	char *s = malloc(2 * size + 1);

	if (!s)
		return NULL;
	for (size_t i = 0; i < size; i++) {
		s[2 * i] = digits[bytes[i] >> 4];
		s[2 * i + 1] = digits[bytes[i] & 15];
	}
	s[2 * size] = 0;
	return s;
}
