/*
 * page.c - one page after the other; the next is asked for only when all items of this one were handed on.
 */
#include "graph/page.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

struct graph_pages {
	struct graph *graph;
	struct graph_page_options options;
	char *resource, *channel;
	struct graph_call *call;
	char *link; /* that of the page under way; NULL for the first */
	void *record;
	size_t pages, items, skipped;
};

static void
pages_free(struct graph_pages *p)
{
	free(p->resource);
	free(p->channel);
	free(p->link);
	free(p->record);
	free(p);
}

static void
pages_end(struct graph_pages *p, enum err err, const struct graph_answer *answer, const char *delta_link, const char *detail)
{
	const struct graph_page_end end = { err, p->pages, p->items, p->skipped, answer, delta_link, detail };

	p->options.end(p->options.arg, &end);
	pages_free(p);
}

/* ERR_OK, or why the walk ends here. */
static enum err
hand_on(struct graph_pages *p, const json_t *item)
{
	enum err e;

	if (!json_is_object(item))
		return ERR_UNEXPECTED;
	if (p->items >= p->options.items_max)
		return ERR_TOOBIG;
	if (p->options.read == NULL) {
		p->items++;
		p->options.item(p->options.arg, item);
		return ERR_OK;
	}
	memset(p->record, 0, p->options.record_size);
	e = p->options.read(item, p->record);
	if (e == ERR_UNSUPPORTED) {
		p->skipped++;
		return ERR_OK;
	}
	if (e != ERR_OK)
		return e;
	p->items++;
	p->options.item(p->options.arg, p->record);
	return ERR_OK;
}

/* Reads one page; on ERR_OK *ret_next is the link to the next one or NULL, *ret_detail says why otherwise. */
static enum err
read_page(struct graph_pages *p, const struct graph_answer *a, const char **ret_next, const char **ret_detail)
{
	const json_t *value = jx_get_array(a->json, "value");
	const json_t *item;
	enum err e;
	size_t i;

	*ret_next = jx_get_str(a->json, "@odata.nextLink");
	*ret_detail = "A page of the list was not what Graph's protocol says.";
	if (a->status != 200 || value == NULL)
		return ERR_UNEXPECTED;
	if (*ret_next == NULL && json_object_get(a->json, "@odata.nextLink") != NULL)
		return ERR_UNEXPECTED;
	if (*ret_next != NULL && jx_get_str(a->json, "@odata.deltaLink") != NULL)
		return ERR_UNEXPECTED;
	if (*ret_next != NULL && p->link != NULL && strcmp(*ret_next, p->link) == 0)
		return ERR_UNEXPECTED;
	json_array_foreach((json_t *)value, i, item) if ((e = hand_on(p, item)) != ERR_OK)
	{
		if (e == ERR_TOOBIG)
			*ret_detail = "The list is longer than the ceiling.";
		return e;
	}
	p->pages++;
	if (p->options.page != NULL)
		p->options.page(p->options.arg, p->pages, p->items);
	if (*ret_next != NULL && p->pages >= p->options.pages_max) {
		*ret_detail = "The list has more pages than the ceiling.";
		return ERR_TOOBIG;
	}
	return ERR_OK;
}

static enum err ask(struct graph_pages *p, const char *path);

static void
on_page(void *arg, const struct graph_answer *a)
{
	struct graph_pages *p = arg;
	const char *next = NULL, *detail = a->detail;
	enum err e = a->err;

	p->call = NULL;
	if (e == ERR_OK)
		e = read_page(p, a, &next, &detail);
	if (e != ERR_OK) {
		pages_end(p, e, a, NULL, detail);
		return;
	}
	if (next == NULL) {
		pages_end(p, ERR_OK, a, jx_get_str(a->json, "@odata.deltaLink"), "");
		return;
	}
	free(p->link);
	p->link = strdup(next);
	if (p->link == NULL || ask(p, p->link) != ERR_OK)
		pages_end(p, ERR_NOMEM, a, NULL, err_text(ERR_NOMEM));
}

static enum err
ask(struct graph_pages *p, const char *path)
{
	struct graph_request request = p->options.request;

	request.path = path;
	request.resource = p->resource;
	request.channel = p->channel;
	p->call = graph_call(p->graph, &request, on_page, p);
	return p->call != NULL ? ERR_OK : ERR_NOMEM;
}

/* True unless out of memory; NULL stays NULL. */
static bool
copy(char **ret, const char *s)
{
	*ret = s != NULL ? strdup(s) : NULL;
	return *ret != NULL || s == NULL;
}

struct graph_pages *
graph_pages_start(struct graph *g, const struct graph_page_options *options)
{
	struct graph_pages *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->graph = g;
	p->options = *options;
	if (p->options.pages_max == 0)
		p->options.pages_max = GRAPH_PAGES_MAX;
	if (p->options.items_max == 0)
		p->options.items_max = GRAPH_ITEMS_MAX;
	if (options->read != NULL)
		p->record = calloc(1, options->record_size);
	if ((options->read != NULL && p->record == NULL) || !copy(&p->resource, options->request.resource) ||
	    !copy(&p->channel, options->request.channel) || ask(p, options->request.path) != ERR_OK) {
		pages_free(p);
		return NULL;
	}
	return p;
}

void
graph_pages_cancel(struct graph_pages *p)
{
	if (p == NULL)
		return;
	graph_cancel(p->graph, p->call);
	pages_free(p);
}
