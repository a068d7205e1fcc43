/*
 * staging.h - what came of the app's snapshots, on disk until it is known to be whole, and what is worked out while it is taken in.
 *
 * One staging is one fetch. Its rows, sealed like all others, lie under its number: the bytes as they came, in parts; the names the
 * snapshot lists; and the members somebody marked. Memory holds one part. A staging lives in memory alone: rows of one that is over, or
 * that a crash cut short, mean nothing any more and are swept, some hundred a turn. Event-loop thread only.
 */
#ifndef RECONCILER_STAGING_H
#define RECONCILER_STAGING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/api.h"
#include "base/err.h"
#include "model/erg.h"
#include "state/records.h"

struct reconciler;
struct staging;
struct stagings;
struct store_cursor;

enum err stagings_new(struct reconciler *r, struct stagings **ret);
void stagings_free(struct stagings *all); /* every staging is freed before. NULL is fine */
/* Is one under way? */
bool stagings_any(const struct stagings *all);

/* For what is fetched of that ERG. NULL: out of memory. */
struct staging *staging_new(struct stagings *all, const struct erg_id *erg);
void staging_free(struct staging *s); /* its rows go in later turns. NULL is fine */

/* Behind what came before. False: the store has no room for it. */
bool staging_add(struct staging *s, const char *data, size_t len);
/* All has come. */
void staging_complete(struct staging *s);
/* The next part, from the first on; its row goes with this turn. *ret is good until the next call. ERR_NOTFOUND: that was the last;
 * ERR_CORRUPT: it is missing or damaged. */
enum err staging_next(struct staging *s, const char **ret, size_t *ret_len);

/* The snapshot lists whom the app calls so. */
void staging_list(struct staging *s, const struct app_person_ref *who);
bool staging_listed(struct staging *s, const struct app_person_ref *who);
/* The app says by itself, now, that this person is in the ERG or is not: whatever a snapshot under way says of them is older. */
void stagings_said(struct stagings *all, const struct erg_id *erg, const struct app_person_ref *who);

void staging_mark(struct staging *s, person_id person);
/* Walks the marked; next with store_next into a struct person_ref, close with store_cursor_close. */
struct store_cursor *staging_marked(struct staging *s);

#endif
