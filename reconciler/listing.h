/*
 * listing.h - one team's roster as Graph listed it, packed: about 100 bytes a person and the length of the texts.
 */
#ifndef RECONCILER_LISTING_H
#define RECONCILER_LISTING_H

#include <stddef.h>

#include "base/err.h"
#include "graph/members.h"
#include "reconciler/roster.h"

struct listing {
	struct listed *rows;
	size_t count, cap;
	char *texts;
	size_t texts_len, texts_cap;
};

void listing_init(struct listing *l);
void listing_done(struct listing *l); /* frees; may be used again */
/* ERR_NOMEM, ERR_TOOBIG: then the listing is not complete. */
enum err listing_add(struct listing *l, const struct graph_member *m);
/* Borrowed until the next add. i below count. */
struct roster_seen listing_get(const struct listing *l, size_t i);
struct roster_seen roster_seen_of(const struct graph_member *m);

#endif
