/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * "Did you mean ...?": edit distance (insert, delete, replace), ignoring case.
 */
#include <ctype.h>

#include "suggest.h"
#include "util.h"

#define SUGGEST_WORD_MAX 63

static unsigned edit_distance(const char *a, const char *b)
{
	unsigned row[SUGGEST_WORD_MAX + 1];
	size_t n = strlen(b);

	if (strlen(a) > SUGGEST_WORD_MAX || n > SUGGEST_WORD_MAX)
		return UINT32_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned)j;
	for (size_t i = 0; a[i]; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i + 1;
		for (size_t j = 0; j < n; j++) {
			bool same = tolower((unsigned char)a[i]) == tolower((unsigned char)b[j]);
			unsigned replaced = diagonal + !same;

			diagonal = row[j + 1];
			row[j + 1] = MIN(replaced, MIN(row[j], diagonal) + 1);
		}
	}
	return row[n];
}

void suggestion_offer(Suggestion *suggestion, const char *candidate)
{
	size_t typed = strlen(suggestion->typed);
	unsigned distance = edit_distance(suggestion->typed, candidate);

	/* "exec" for "execute" is no typing mistake, but as clear */
	if (typed >= 3 && strncasecmp(suggestion->typed, candidate, typed) == 0)
		distance = 0;
	if (distance > 1 + typed / 4 || distance >= strlen(candidate))
		return;
	if (suggestion->best && suggestion->distance <= distance)
		return;
	suggestion->best = candidate;
	suggestion->distance = distance;
}
