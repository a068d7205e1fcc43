/* One sorted array for each property. */
#include "sim/tags.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/memory.h"

struct property {
	char *name;
	struct tag *list;
	size_t count, cap;
};

/* The place of the first whose value, or its beginning of len bytes, is not before value (or behind it: after). */
static size_t
bound(const struct property *p, const char *value, size_t len, bool after)
{
	size_t low = 0, high = p->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strncasecmp(p->list[mid].value, value, len);

		if (order < 0 || (after && order == 0))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static char *
lower_copy(const char *s)
{
	char *ret = must_copy(s);

	for (char *at = ret; *at != '\0'; at++)
		*at = (char)tolower((unsigned char)*at);
	return ret;
}

void
tags_add(struct tags *t, const char *name, const char *value, struct event *event)
{
	struct property *p = sim_map_get(&t->by_property, name);
	size_t at;

	if (p == NULL) {
		p = must_alloc(sizeof(*p));
		p->name = must_copy(name);
		sim_map_put(&t->by_property, p->name, p);
	}
	p->list = must_grow(p->list, p->count, &p->cap, sizeof(*p->list));
	at = bound(p, value, strlen(value) + 1, true);
	memmove(&p->list[at + 1], &p->list[at], (p->count - at) * sizeof(*p->list));
	p->list[at] = (struct tag){ lower_copy(value), event };
	p->count++;
}

void
tags_remove(struct tags *t, const char *name, const char *value, const struct event *event)
{
	struct property *p = sim_map_get(&t->by_property, name);
	size_t at = p == NULL ? 0 : bound(p, value, strlen(value) + 1, false);

	for (; p != NULL && at < p->count && strcasecmp(p->list[at].value, value) == 0; at++) {
		if (p->list[at].event != event)
			continue;
		free(p->list[at].value);
		memmove(&p->list[at], &p->list[at + 1], (p->count - at - 1) * sizeof(*p->list));
		p->count--;
		return;
	}
}

const struct tag *
tags_find(const struct tags *t, const char *name, const char *value, bool beginning, size_t *ret_count)
{
	const struct property *p = sim_map_get(&t->by_property, name);
	size_t len = strlen(value) + (beginning ? 0 : 1), first;

	*ret_count = 0;
	if (p == NULL)
		return NULL;
	first = bound(p, value, len, false);
	*ret_count = bound(p, value, len, true) - first;
	return &p->list[first];
}

void
tags_done(struct tags *t)
{
	struct property *p;
	size_t at = 0;

	while ((p = sim_map_next(&t->by_property, &at)) != NULL) {
		for (size_t i = 0; i < p->count; i++)
			free(p->list[i].value);
		free(p->list);
		free(p->name);
		free(p);
	}
	sim_map_done(&t->by_property);
}
