/*
 * resync.h - comparisons of more than one hint's worth: requested resyncs, with progress, and the sweep of every ERG.
 *
 * A few ERGs at a time through compare_erg, so memory is that of a few teams. A resync's row is stored when it starts, now
 * and then, and when it ends; one that a stop or crash interrupted begins anew with the next start, under its id.
 */
#ifndef RECONCILER_RESYNC_H
#define RECONCILER_RESYNC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "model/resync.h"

struct reconciler;
struct resyncs;

enum err resyncs_new(struct reconciler *r, struct resyncs **ret);
void resyncs_free(struct resyncs *rs); /* NULL is fine */

/* Starts one in this turn; *ret is how it stands now (its id). ERR_CONFLICT: one of the same scope runs, *ret is that one;
 * ERR_NOTFOUND: no such tenant or ERG; ERR_FULL. why (of why_size) says it in words. */
enum err resync_start(
    struct reconciler *r, const struct resync_scope *scope, bool dry_run, struct resync *ret, char *why, size_t why_size);
/* A tenant or ERG is erased: rows of its resyncs go, and what others say of failures, which may name it. */
void resyncs_forget(struct reconciler *r, enum resync_scope_kind kind, const char *id);
/* ERR_NOTFOUND; ERR_CONFLICT when it has ended already. */
enum err resync_cancel(struct reconciler *r, const char *id, struct resync *ret);
enum err resync_get(struct reconciler *r, const char *id, struct resync *ret);
/* Newest first; *after is the id to go on from ("" = start). Fills at most max; *ret_more tells whether there are others. */
enum err resync_list(struct reconciler *r, const char *after, struct resync *ret, size_t max, size_t *ret_count, bool *ret_more);

#endif
