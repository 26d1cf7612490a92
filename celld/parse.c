/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers, sizes and durations as people write them: parsing and formatting (declared in util.h).
 */
#include <ctype.h>
#include <inttypes.h>

#include "util.h"

/** A name and the number that it multiplies with; larger ones first. */
typedef struct Unit {
	const char *name;
	uint64_t factor;
} Unit;

static const Unit usec_units[] = {
	{ "d", 86400 * USEC_PER_SEC }, { "h", 3600 * USEC_PER_SEC }, { "min", 60 * USEC_PER_SEC },
	{ "s", USEC_PER_SEC },	       { "ms", USEC_PER_MSEC },	     { "us", 1 },
};

static const Unit size_units[] = {
	{ "T", 1ULL << 40 },
	{ "G", 1ULL << 30 },
	{ "M", 1ULL << 20 },
	{ "K", 1ULL << 10 },
};

/** number_prefix - digits at @s, in base 10, or 16 behind "0x", or 2 behind "0b"; @ret_end is the first other character
 */
static int number_prefix(const char *s, uint64_t *ret, const char **ret_end)
{
	unsigned base = 10;
	uint64_t value = 0;
	const char *first;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		base = 16;
	else if (s[0] == '0' && (s[1] == 'b' || s[1] == 'B'))
		base = 2;
	if (base != 10)
		s += 2;
	for (first = s;; s++) {
		unsigned digit = isdigit((unsigned char)*s)    ? (unsigned)(*s - '0')
				 : isxdigit((unsigned char)*s) ? (unsigned)(tolower((unsigned char)*s) - 'a' + 10)
							       : 16;

		if (digit >= base)
			break;
		if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, digit, &value))
			return -ERANGE;
	}
	if (s == first)
		return -EINVAL;
	*ret = value;
	*ret_end = s;
	return 0;
}

int parse_u64(const char *s, uint64_t *ret)
{
	const char *end;
	uint64_t value;
	int r = number_prefix(s, &value, &end);

	if (r < 0)
		return r;
	if (*end)
		return -EINVAL;
	*ret = value;
	return 0;
}

int parse_u32(const char *s, uint32_t *ret)
{
	uint64_t value;
	int r = parse_u64(s, &value);

	if (r < 0)
		return r;
	if (value > UINT32_MAX)
		return -ERANGE;
	*ret = (uint32_t)value;
	return 0;
}

int parse_size(const char *s, uint64_t *ret)
{
	uint64_t value, factor = 1;
	const char *end;
	int r = number_prefix(s, &value, &end);

	if (r < 0)
		return r;
	while (*end == ' ')
		end++;
	if (streq(end, "B")) {
		end++;
	} else if (*end) {
		for (size_t i = 0; i < ELEMENTSOF(size_units); i++)
			if (toupper((unsigned char)*end) == size_units[i].name[0])
				factor = size_units[i].factor;
		if (factor == 1)
			return -EINVAL;
		end++;
		if (!streq(end, "") && !streq(end, "B") && !streq(end, "iB"))
			return -EINVAL;
		end = "";
	}
	if (*end)
		return -EINVAL;
	if (__builtin_mul_overflow(value, factor, &value))
		return -ERANGE;
	*ret = value;
	return 0;
}

/** usec_term - one number with optional decimals and its unit */
static int usec_term(const char **s, uint64_t *ret)
{
	uint64_t whole, fraction = 0, scale = 1, factor = 1;
	const char *p = *s, *name;
	size_t n;
	int r;

	r = number_prefix(p, &whole, &p);
	if (r < 0)
		return r;
	if (*p == '.') {
		for (p++; isdigit((unsigned char)*p); p++) {
			if (scale >= 1000000000ULL)
				continue; /* finer than anything that we can tell apart */
			fraction = fraction * 10 + (uint64_t)(*p - '0');
			scale *= 10;
		}
		if (scale == 1)
			return -EINVAL;
	}
	while (*p == ' ')
		p++;
	for (name = p; isalpha((unsigned char)*p); p++)
		;
	n = (size_t)(p - name);
	if (n > 0) {
		factor = 0;
		for (size_t i = 0; i < ELEMENTSOF(usec_units); i++)
			if (strlen(usec_units[i].name) == n && strncmp(name, usec_units[i].name, n) == 0)
				factor = usec_units[i].factor;
		if (factor == 0)
			return -EINVAL;
	}
	if (__builtin_mul_overflow(whole, factor, &whole))
		return -ERANGE;
	/* fraction < 1e9 and factor < 1e11: stays below 2^67, so divide first where that is exact enough */
	fraction = (uint64_t)((unsigned __int128)fraction * factor / scale);
	if (__builtin_add_overflow(whole, fraction, ret))
		return -ERANGE;
	*s = p;
	return 0;
}

int parse_usec(const char *s, uint64_t *ret)
{
	uint64_t total = 0, term;
	int r;

	if (streq(s, "infinity")) {
		*ret = USEC_INFINITY;
		return 0;
	}
	do {
		r = usec_term(&s, &term);
		if (r < 0)
			return r;
		if (__builtin_add_overflow(total, term, &total) || total == USEC_INFINITY)
			return -ERANGE;
		while (*s == ' ')
			s++;
	} while (*s);
	*ret = total;
	return 0;
}

char *format_size(char *buf, size_t n, uint64_t bytes)
{
	for (size_t i = 0; i < ELEMENTSOF(size_units); i++)
		if (bytes && bytes % size_units[i].factor == 0) {
			snprintf(buf, n, "%" PRIu64 "%s", bytes / size_units[i].factor, size_units[i].name);
			return buf;
		}
	snprintf(buf, n, bytes < 1024 ? "%" PRIu64 : "0x%" PRIx64, bytes);
	return buf;
}

char *format_usec(char *buf, size_t n, uint64_t usec)
{
	size_t used = 0;

	if (usec == USEC_INFINITY || usec == 0) {
		snprintf(buf, n, "%s", usec ? "infinity" : "0");
		return buf;
	}
	for (size_t i = 0; i < ELEMENTSOF(usec_units) && used < n; i++) {
		uint64_t count = usec / usec_units[i].factor;

		if (count == 0)
			continue;
		usec %= usec_units[i].factor;
		used += (size_t)snprintf(buf + used, n - used, "%s%" PRIu64 "%s", used ? " " : "", count,
					 usec_units[i].name);
	}
	return buf;
}
