/*
 * form.h - the fields of an application/x-www-form-urlencoded body, as the sign-in service takes them.
 */
#ifndef SIM_FORM_H
#define SIM_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/call.h"

struct form {
	struct query_param field[CALL_PARAMS_MAX];
	size_t count;
	char *text; /* of all names and values */
};

/* Fills *f, which form_done frees in any case. False for a broken escape. */
bool form_parse(struct form *f, const char *body);
void form_done(struct form *f);
/* NULL when absent; the first of several. */
const char *form_get(const struct form *f, const char *name);
/* Is word one of the space-separated words of the field? A word that begins with "/" may also be the end of one. */
bool form_has_word(const struct form *f, const char *name, const char *word);

#endif
