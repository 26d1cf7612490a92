/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Small helpers for celld and its clients: cleanup attributes, string tables, string lists, parsing and formatting.
 *
 * Rules: functions return 0 or -errno, outputs are set only on success, every xfree() accepts NULL and returns NULL.
 */
#ifndef CELLD_UTIL_H
#define CELLD_UTIL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_ __attribute__((unused))

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/** TAKE_PTR - hand over a pointer that a _cleanup_ variable holds */
#define TAKE_PTR(p)                      \
	({                               \
		__typeof__(p) _p_ = (p); \
		(p) = NULL;              \
		_p_;                     \
	})

/** TAKE_FD - hand over a file descriptor that a _cleanup_close_ variable holds */
#define TAKE_FD(fd)              \
	({                       \
		int _fd_ = (fd); \
		(fd) = -EBADF;   \
		_fd_;            \
	})

/** Defines freep(T **) for _cleanup_(freep) from a function that frees T. */
#define DEFINE_CLEANUP(type, func)                   \
	static inline _unused_ void func##p(type *p) \
	{                                            \
		if (*p)                              \
			func(*p);                    \
	}

static inline void util_freep(void *p)
{
	free(*(void **)p);
}

static inline void util_closep(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void util_fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define _cleanup_free_ _cleanup_(util_freep)
#define _cleanup_close_ _cleanup_(util_closep)
#define _cleanup_fclose_ _cleanup_(util_fclosep)

static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/** streq_ptr - like streq, NULL equals only NULL */
static inline bool streq_ptr(const char *a, const char *b)
{
	return a && b ? streq(a, b) : a == b;
}

static inline bool isempty(const char *s)
{
	return !s || !*s;
}

/** startswith - the rest of @s behind @prefix, or NULL */
static inline const char *startswith(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

/*
 * Enums with names: enum values 0 ... PREFIX_MAX - 1, PREFIX_INVALID = -EINVAL. The table is `static const char *const
 * name_table[PREFIX_MAX]`; to_string gives NULL for values out of range, from_string gives -EINVAL for other strings.
 */
int string_table_lookup(const char *const *table, size_t n, const char *s);

#define DECLARE_STRING_TABLE(name, type)          \
	const char *name##_to_string(type value); \
	type name##_from_string(const char *s)

#define DEFINE_STRING_TABLE(name, type)                                                       \
	const char *name##_to_string(type value)                                              \
	{                                                                                     \
		return (size_t)value < ELEMENTSOF(name##_table) ? name##_table[value] : NULL; \
	}                                                                                     \
	type name##_from_string(const char *s)                                                \
	{                                                                                     \
		return (type)string_table_lookup(name##_table, ELEMENTSOF(name##_table), s);  \
	}

/* String lists: NULL-terminated arrays of allocated strings; NULL is the empty list. */
char **strv_free(char **list);
size_t strv_length(char *const *list);
bool strv_contains(char *const *list, const char *s);

/** strv_add - append a copy of @s. Return: 0 or -ENOMEM */
int strv_add(char ***list, const char *s);

/** strv_split - the non-empty parts of @s between any of @separators. Return: 0 or -ENOMEM */
int strv_split(const char *s, const char *separators, char ***ret);

/** strv_sort - by byte value */
void strv_sort(char **list);

static inline void strv_freep(char ***list)
{
	strv_free(*list);
}
#define _cleanup_strv_ _cleanup_(strv_freep)

/** path_join - allocated "@dir/@name", NULL without memory */
char *path_join(const char *dir, const char *name);

/** Largest file that util_read_file() reads unless told otherwise. */
#define UTIL_FILE_MAX_BYTES (16U * 1024 * 1024)

/**
 * util_read_file - whole contents of a regular file
 * @max_bytes: -EFBIG for more
 * @ret: allocated, with a NUL behind the last byte
 */
int util_read_file(const char *path, size_t max_bytes, char **ret, size_t *ret_size);

/** util_read_fd - the same of an open file, from its position */
int util_read_fd(int fd, size_t max_bytes, char **ret, size_t *ret_size);

/**
 * parse_u64 - whole string as unsigned number: decimal, 0x or 0b
 *
 * Return: 0, -EINVAL, -ERANGE beyond 64 bits
 */
int parse_u64(const char *s, uint64_t *ret);

/** parse_u32 - the same in 32 bits */
int parse_u32(const char *s, uint32_t *ret);

/** parse_size - like parse_u64 with one optional suffix K, M, G, T (powers of 1024; "KiB" and "KB" style too) */
int parse_size(const char *s, uint64_t *ret);

/** Never: the largest duration, written "infinity". */
#define USEC_INFINITY UINT64_MAX
#define USEC_PER_MSEC 1000ULL
#define USEC_PER_SEC 1000000ULL

/**
 * parse_usec - duration in microseconds: one or more numbers with a unit (us, ms, s, min, h, d), as in "1min 30s",
 * "2.5s"; a bare number counts microseconds; "infinity"
 */
int parse_usec(const char *s, uint64_t *ret);

/** format_size - shortest exact form, "76M", "0x1800" if no unit divides it. Return: @buf */
char *format_size(char *buf, size_t n, uint64_t bytes);

/** format_usec - "1min 30s", "500ms", "0", "infinity". Return: @buf */
char *format_usec(char *buf, size_t n, uint64_t usec);

#define FORMAT_SIZE(x) format_size((char[24]){ 0 }, 24, (x))
#define FORMAT_USEC(x) format_usec((char[64]){ 0 }, 64, (x))

/** hex_decode - pairs of hex digits. Return: 0, -EINVAL, -ENOMEM */
int hex_decode(const char *s, uint8_t **ret, size_t *ret_size);

/** hex_encode - allocated lower case digits, NULL without memory */
char *hex_encode(const void *data, size_t size);

#endif
