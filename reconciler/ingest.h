/*
 * ingest.h - takes what the listener has stored into the DIRTY table.
 *
 * A run of hints and the cursor behind it are one turn, so a crash repeats work and skips none; only after that turn's commit
 * does the listener hear that it may trim. A new inbox (another epoch) makes every scope dirty. Hints of scopes nobody has
 * subscribed are dropped and counted. Looks when woken, and every few seconds anyway.
 */
#ifndef RECONCILER_INGEST_H
#define RECONCILER_INGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define INGEST_RUN_MAX 1000
#define INGEST_POLL_MS 5000

struct reconciler;
struct ingest;

enum err ingest_new(struct reconciler *r, struct ingest **ret);
void ingest_free(struct ingest *in); /* NULL is fine */
/* There is something to read, perhaps. */
void ingest_kick(struct reconciler *r);
/* Hints stored and not yet read. False: there is no inbox yet. */
bool ingest_backlog(struct reconciler *r, int64_t *ret);

#endif
