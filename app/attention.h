/*
 * attention.h - what of a status wants a person: in words, most urgent first, each with the next step. Pure.
 *
 * The one source of these sentences: the status document carries them, so that ergsyncctl and the console say the same. They name
 * nobody and nothing, so that they may be shown where nobody has to sign in; ergsyncctl tells which tenant or ERG it is.
 */
#ifndef APP_ATTENTION_H
#define APP_ATTENTION_H

#include <stddef.h>

#include "app/api.h"

/* NOW: something is not kept equal, or not heard. SOON: it will be, or nothing is lost by waiting. */
enum attention_urgency { ATTENTION_NOW, ATTENTION_SOON };
extern const char *const attention_urgency_names[]; /* now, soon; NULL-terminated */

#define ATTENTION_MAX       32
#define ATTENTION_TEXT_SIZE 200

struct attention {
	enum attention_urgency urgency;
	char what[ATTENTION_TEXT_SIZE]; /* a sentence */
	const char *next;               /* static; commands stand between backticks */
};

/* Fills ret with what there is at s->as_of_wall_ms, and returns how many. */
size_t attention_of(const struct app_status *s, struct attention ret[ATTENTION_MAX]);
/* The next step as it is read on a terminal: without the backticks. */
void attention_next(const struct attention *a, char ret[ATTENTION_TEXT_SIZE]);
/* "All is well" or "2 things need attention". */
void attention_verdict(size_t count, char ret[ATTENTION_TEXT_SIZE]);

#endif
