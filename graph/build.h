/*
 * build.h - puts together one typed call: path from literals and encoded values, JSON body, start. For graph/ only.
 *
 * Errors stick (out of memory); starting gives NULL then. Whatever is started or not, graph_build_start and
 * graph_build_pages free what the build held.
 */
#ifndef GRAPH_BUILD_H
#define GRAPH_BUILD_H

#include <jansson.h>

#include "base/text.h"
#include "graph/graph.h"
#include "graph/page.h"

struct graph_build {
	struct graph_request request;
	struct text path;
	json_t *body; /* owned; NULL = none */
	bool body_failed;
};

/* Borrows resource and channel until the start; both may be NULL. */
void graph_build_init(struct graph_build *b, const struct graph_where *w, enum graph_operation op, const char *method,
    const char *resource, const char *channel);
/* Literal, value, literal, value, ... NULL: values are percent-encoded. */
void graph_build_path(struct graph_build *b, ...) __attribute__((sentinel));
/* Takes body; NULL: making it failed. */
void graph_build_body(struct graph_build *b, json_t *body);

struct graph_call *graph_build_start(struct graph *g, struct graph_build *b, graph_done done, void *arg);
/* options->request is set here. */
struct graph_pages *graph_build_pages(struct graph *g, struct graph_build *b, struct graph_page_options *options);

#endif
