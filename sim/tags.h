/*
 * tags.h - events by the values of their extended properties, in order of the values: equal ones and common beginnings are found fast.
 *
 * Property names are told apart by case, values are not: facts 9.4.
 */
#ifndef SIM_TAGS_H
#define SIM_TAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/map.h"

struct event;

struct tag {
	char *value; /* in lower case */
	struct event *event;
};

/* All zero is empty. */
struct tags {
	struct map by_property;
};

void tags_add(struct tags *t, const char *property, const char *value, struct event *event);
void tags_remove(struct tags *t, const char *property, const char *value, const struct event *event);
/* Those whose value is this, or begins so. Borrowed until the next change. */
const struct tag *tags_find(const struct tags *t, const char *property, const char *value, bool beginning, size_t *ret_count);
void tags_done(struct tags *t);

#endif
