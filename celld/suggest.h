/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * "Did you mean ...?": the candidate that is closest to a mistyped word.
 */
#ifndef CELLD_SUGGEST_H
#define CELLD_SUGGEST_H

typedef struct Suggestion {
	const char *typed;
	const char *best; /**< NULL: nothing is close */
	unsigned distance;
} Suggestion;

#define SUGGESTION_INIT(word)   \
	{                       \
		.typed = (word) \
	}

/** suggestion_offer - consider @candidate, which must live as long as the suggestion */
void suggestion_offer(Suggestion *suggestion, const char *candidate);

/** SUGGESTION_FORMAT, SUGGESTION_ARGS - for printf: `, did you mean "x"?` or nothing */
#define SUGGESTION_FORMAT "%s%s%s"
#define SUGGESTION_ARGS(s) (s).best ? ", did you mean \"" : "", (s).best ? (s).best : "", (s).best ? "\"?" : ""

#endif
