/*
 * delta.h - what changed in the membership of up to 50 groups since a link was given: groups/delta. graph-facts section 7.
 *
 * The directory's view: no roles, no private or shared channels, and it has reported deletions that were none. So a hint to read,
 * never a reason to remove. Links are opaque; ERR_GONE means: forget the link and start anew.
 */
#ifndef GRAPH_DELTA_H
#define GRAPH_DELTA_H

#include <stdbool.h>
#include <stddef.h>

#include "graph/graph.h"
#include "graph/page.h"
#include "model/ids.h"

#define GRAPH_DELTA_GROUPS_MAX 50

struct graph_delta_group {
	struct guid id;
	bool removed;          /* the group itself */
	const json_t *members; /* borrowed; NULL when the group's membership did not change */
};
struct graph_delta_member {
	struct guid user;
	bool removed;
};

/* Items of a page. ERR_UNEXPECTED without a usable id. */
enum err graph_delta_read(const json_t *item, void *ret_group);
size_t graph_delta_member_count(const struct graph_delta_group *group);
/* @removed as a string or as an object. ERR_UNEXPECTED without a usable id. */
enum err graph_delta_member(const struct graph_delta_group *group, size_t i, struct graph_delta_member *ret);

/* A first round of these groups, or what changed since link. latest: no items, only a link from now on. ERR_INVALID through end for a
 * bad count. item gets a const struct graph_delta_group; items repeat, the last of a group and person wins. */
struct graph_pages *graph_delta_start(struct graph *g, const struct graph_where *w, const struct guid *groups, size_t count,
    bool latest, void (*item)(void *arg, const void *group), void (*end)(void *arg, const struct graph_page_end *end), void *arg);
struct graph_pages *graph_delta_next(struct graph *g, const struct graph_where *w, const char *link,
    void (*item)(void *arg, const void *group), void (*end)(void *arg, const struct graph_page_end *end), void *arg);

#endif
