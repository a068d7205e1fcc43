/*
 * delta.c - groups/delta. The filter takes ids only, so no more than fifty groups share a link.
 */
#include "graph/delta.h"

#include <string.h>

#include "base/json.h"
#include "graph/build.h"

/* A string in some answers, {"reason": ...} in documented ones. */
static bool
is_removed(const json_t *item)
{
	const json_t *r = json_object_get(item, "@removed");

	return json_is_string(r) || json_is_object(r);
}

static enum err
read_id(const json_t *item, struct guid *ret)
{
	const char *id = jx_get_str(item, "id");

	return id != NULL && guid_parse(id, ret) ? ERR_OK : ERR_UNEXPECTED;
}

enum err
graph_delta_read(const json_t *item, void *ret_group)
{
	struct graph_delta_group *g = ret_group;

	memset(g, 0, sizeof(*g));
	g->removed = is_removed(item);
	g->members = jx_get_array(item, "members@delta");
	return read_id(item, &g->id);
}

size_t
graph_delta_member_count(const struct graph_delta_group *group)
{
	return json_array_size(group->members);
}

enum err
graph_delta_member(const struct graph_delta_group *group, size_t i, struct graph_delta_member *ret)
{
	const json_t *item = json_array_get(group->members, i);

	memset(ret, 0, sizeof(*ret));
	ret->removed = is_removed(item);
	return read_id(item, &ret->user);
}

static struct graph_pages *
start(struct graph *g, struct graph_build *b, void (*item)(void *arg, const void *group),
    void (*end)(void *arg, const struct graph_page_end *end), void *arg)
{
	struct graph_page_options options = {
		.read = graph_delta_read, .record_size = sizeof(struct graph_delta_group), .item = item, .end = end, .arg = arg
	};

	return graph_build_pages(g, b, &options);
}

struct graph_pages *
graph_delta_start(struct graph *g, const struct graph_where *w, const struct guid *groups, size_t count, bool latest,
    void (*item)(void *arg, const void *group), void (*end)(void *arg, const struct graph_page_end *end), void *arg)
{
	struct graph_build b;

	graph_build_init(&b, w, GRAPH_GROUP_DELTA, "GET", NULL, NULL);
	if (count == 0 || count > GRAPH_DELTA_GROUPS_MAX)
		return start(g, &b, item, end, arg); /* without a path: refused as invalid */
	graph_build_path(&b,
	    latest ? "/groups/delta?$deltatoken=latest&$select=id,members&$filter=" : "/groups/delta?$select=id,members&$filter=",
	    NULL);
	for (size_t i = 0; i < count; i++)
		graph_build_path(&b, i > 0 ? "%20or%20id%20eq%20%27" : "id%20eq%20%27", groups[i].s, "%27", NULL);
	return start(g, &b, item, end, arg);
}

struct graph_pages *
graph_delta_next(struct graph *g, const struct graph_where *w, const char *link, void (*item)(void *arg, const void *group),
    void (*end)(void *arg, const struct graph_page_end *end), void *arg)
{
	struct graph_build b;

	graph_build_init(&b, w, GRAPH_GROUP_DELTA, "GET", NULL, NULL);
	graph_build_path(&b, link, NULL);
	return start(g, &b, item, end, arg);
}
