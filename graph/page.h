/*
 * page.h - follows a paged collection to its last page, and says whether it got there.
 *
 * Nothing may be concluded from a list whose end is not ERR_OK (DESIGN section 6, rail 1): every page was 200, valid, and
 * from the configured host, and no ceiling was met. Items are handed on one by one as pages come, so memory is one page.
 */
#ifndef GRAPH_PAGE_H
#define GRAPH_PAGE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "graph/graph.h"

struct graph_pages;

#define GRAPH_PAGES_MAX 2000 /* 999 a page: two million members; the bug it catches: a nextLink that never ends */
#define GRAPH_ITEMS_MAX 1000000

struct graph_page_end {
	enum err err;                      /* ERR_OK: complete */
	size_t pages, items, skipped;      /* skipped: of kinds we do not know */
	const struct graph_answer *answer; /* of the last page asked for; NULL when the walk ended before any */
	const char *delta_link;            /* of a complete delta round; NULL otherwise */
	const char *detail;                /* why it is not complete, for people; "" when it is */
};

struct graph_page_options {
	struct graph_request request; /* the first page; must be a GET. Copied, but headers must be constants */
	size_t pages_max, items_max;  /* 0 = the ceilings above */
	/* Reads one item into a record of record_size. ERR_UNSUPPORTED skips it; any other error ends the walk as incomplete. */
	enum err (*read)(const json_t *item, void *record);
	size_t record_size;
	/* record as read, or the const json_t itself when read is NULL. Borrowed. Must not cancel the walk. */
	void (*item)(void *arg, const void *record);
	void (*page)(void *arg, size_t pages, size_t items);      /* after each page; may be NULL */
	void (*end)(void *arg, const struct graph_page_end *end); /* once; the handle is dead then */
	void *arg;
};

/* NULL: out of memory, end will not run. */
struct graph_pages *graph_pages_start(struct graph *g, const struct graph_page_options *options);
void graph_pages_cancel(struct graph_pages *p); /* end will not run. NULL is fine; not from item or page */

#endif
