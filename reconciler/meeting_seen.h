/*
 * meeting_seen.h - what Outlook shows of one event, taken in: its documents, its identity there, who has answered.
 *
 * Whoever read it from Graph, whenever: an echo of what is known already, and an answer that is older than our last write, change nothing.
 */
#ifndef RECONCILER_MEETING_SEEN_H
#define RECONCILER_MEETING_SEEN_H

#include <stdbool.h>

#include "graph/event_json.h"

#define MEETING_RESPONSES_MS 5000 /* responses within so long are told at once */

struct meeting;

/* True when that is news. */
bool meeting_seen(struct meeting *m, const struct graph_event *seen);
/* Outlook has it no more: confirmed. */
void meeting_seen_gone(struct meeting *m);
/* The occurrences that differ from their series: the exceptions of f. */
void meeting_seen_occurrences(struct meeting *m, const struct event_fields *f);

#endif
