/*
 * build.c - the common part of all typed calls.
 */
#include "graph/build.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"

#define SMALL_BODY 512 /* most are */

void
graph_build_init(struct graph_build *b, const struct graph_where *w, enum graph_operation op, const char *method,
    const char *resource, const char *channel)
{
	memset(b, 0, sizeof(*b));
	b->request.where = *w;
	b->request.operation = op;
	b->request.method = method;
	b->request.resource = resource;
	b->request.channel = channel;
	text_init(&b->path, GRAPH_URL_MAX);
}

void
graph_build_path(struct graph_build *b, ...)
{
	bool literal = true;
	const char *s;
	va_list ap;

	va_start(ap, b);
	while ((s = va_arg(ap, const char *)) != NULL) {
		if (literal)
			text_adds(&b->path, s);
		else
			percent_encode(&b->path, s);
		literal = !literal;
	}
	va_end(ap);
}

void
graph_build_body(struct graph_build *b, json_t *body)
{
	b->body = body;
	b->body_failed = body == NULL;
}

static void
build_done(struct graph_build *b)
{
	text_done(&b->path);
	json_decref(b->body);
	b->body = NULL;
}

struct graph_call *
graph_build_start(struct graph *g, struct graph_build *b, graph_done done, void *arg)
{
	char small[SMALL_BODY], *large = NULL;
	struct graph_call *call = NULL;
	size_t len = 0; /* it may be more than there is room for */

	if (b->body_failed || text_err(&b->path) == ERR_NOMEM)
		goto out;
	if (b->body != NULL)
		len = json_dumpb(b->body, small, sizeof(small) - 1, JSON_COMPACT);
	if (len > 0 && len < sizeof(small))
		small[len] = '\0';
	else if (b->body != NULL && (large = json_dumps(b->body, JSON_COMPACT)) == NULL)
		goto out;
	b->request.path = text_err(&b->path) == ERR_OK ? b->path.data : ""; /* too long: refused as invalid */
	b->request.body = large != NULL ? large : b->body != NULL ? small : NULL;
	call = graph_call(g, &b->request, done, arg);
out:
	free(large);
	build_done(b);
	return call;
}

struct graph_pages *
graph_build_pages(struct graph *g, struct graph_build *b, struct graph_page_options *options)
{
	struct graph_pages *pages = NULL;

	if (text_err(&b->path) != ERR_NOMEM) {
		b->request.path = text_err(&b->path) == ERR_OK ? b->path.data : "";
		options->request = b->request;
		pages = graph_pages_start(g, options);
	}
	build_done(b);
	return pages;
}
