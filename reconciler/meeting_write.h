/*
 * meeting_write.h - one write of one event to Outlook, as its record tells of it: begun, done, refused, or of unknown outcome.
 *
 * What is about to be written is kept in the document WRITTEN before the call. When nobody knows whether the call did anything, what
 * Outlook shows then is compared with it: only what is there counts as written. Makes no calls; meeting_push.h does.
 */
#ifndef RECONCILER_MEETING_WRITE_H
#define RECONCILER_MEETING_WRITE_H

#include <stdint.h>

#include "graph/event_json.h"
#include "model/event.h"

struct meeting;

/* Right before a call: what is about to be written is remembered. */
void meeting_write_begin(struct meeting *m, enum event_write write, unsigned fields);
/* It happened; answer: as Graph told, NULL for a cancellation. */
void meeting_write_done(struct meeting *m, const struct graph_event *answer);
#define MEETING_LOOK_MS 2000 /* after an unknown outcome, the first look */
/* It may have happened: that is looked up in wait_ms. */
void meeting_write_unknown(struct meeting *m, int64_t wait_ms);
/* It was looked for after an unknown outcome: seen (NULL: nothing there). */
void meeting_write_looked(struct meeting *m, const struct graph_event *seen);
/* It has not happened, or was not even tried: again in wait_ms. */
void meeting_write_put_off(struct meeting *m, int64_t wait_ms);
/* Graph refuses it, or a look at what became of it, which then stays unknown: failed, with what to do; tried again in wait_ms. The app
 * is told once for each reason. */
void meeting_write_refused(struct meeting *m, const char *detail, int64_t wait_ms);

#endif
