/*
 * meeting.h - one event, opened: its record, its documents, what is to be done about it; and the one place that stores it.
 *
 * Whoever has something to say opens the event, says it, and closes it: meeting_close decides anew (meeting_diff.h), queues what the app
 * must hear, and stores the record with its row in MEETINGS_DUE, the mails it will cause and the count of the ERG's meetings, all in this
 * turn. Documents are read when they are asked for and written when they were changed.
 */
#ifndef RECONCILER_MEETING_H
#define RECONCILER_MEETING_H

#include <stdbool.h>
#include <stdint.h>

#include "graph/event_json.h"
#include "model/erg.h"
#include "model/event.h"
#include "model/event_fields.h"
#include "reconciler/meeting_diff.h"
#include "state/store.h"

#define MEETING_COALESCE_MS  3000                      /* edits of the app within so long become one change */
#define MEETING_RESPONSES_MS 5000                      /* responses within so long are told at once */
#define MEETING_KEEP_MS      (30 * 24 * 3600 * 1000LL) /* a cancelled event is shown for so long (contract section 9) */

struct reconciler;

struct meeting {
	struct reconciler *r;
	struct erg erg;
	struct event e, before;
	bool stored; /* before is on disk */
	bool failed; /* out of memory: nothing is stored */
	struct event_fields *sides[EVENT_SIDE_COUNT];
	bool loaded[EVENT_SIDE_COUNT], changed[EVENT_SIDE_COUNT];
};

/* NULL: there is no such event or ERG, or no memory. */
struct meeting *meeting_open(struct reconciler *r, const struct erg_id *erg, const struct event_id *id);
/* As meeting_open; a new one, not stored yet, when there is none. */
struct meeting *meeting_make(struct reconciler *r, const struct erg *erg, const struct event_id *id);
/* Decides, tells, stores and frees. */
void meeting_close(struct meeting *m);
void meeting_close_into(struct meeting *m, struct event *ret); /* the same; *ret is how it stands then */
void meeting_drop(struct meeting *m);                          /* frees; nothing is stored. NULL is fine */
/* Removes it for good, with its documents; frees. */
void meeting_forget(struct meeting *m);

/* The same for an event whose ERG may be gone. */
void meeting_erase(struct reconciler *r, const struct event *e);

/* Borrowed; NULL: that side has said nothing. */
struct event_fields *meeting_side(struct meeting *m, enum event_side side);
/* Takes f; NULL removes it. */
void meeting_side_set(struct meeting *m, enum event_side side, struct event_fields *f);
void meeting_side_copy(struct meeting *m, enum event_side to, enum event_side from);
/* The fields of mask; the side is made when there is none. */
void meeting_side_take(struct meeting *m, enum event_side to, enum event_side from, unsigned mask);

/* What would be done now, and how many mails Outlook would send for it. Pure but for reading. */
struct meeting_step meeting_decide(struct meeting *m, int64_t *ret_mails);
enum meeting_there meeting_stands(const struct meeting *m);
/* Is the meeting there, as far as we know, for others to see? */
bool meeting_is_live(const struct event *e);

/* What Outlook shows: true when that is news. An echo of what we know already changes nothing. */
bool meeting_seen(struct meeting *m, const struct graph_event *seen);
/* Outlook has it no more: confirmed. */
void meeting_gone(struct meeting *m);
/* The occurrences that differ from their series: the exceptions of f. */
void meeting_occurrences(struct meeting *m, const struct event_fields *f);
/* Whatever is to be told or done of it now waits for a decision. */
void meeting_hold(struct meeting *m);

/* Right before a call: what is about to be written is remembered. */
void meeting_begin(struct meeting *m, enum event_write write, unsigned fields);
/* It happened; answer: as Graph told, NULL for a cancellation. */
void meeting_written(struct meeting *m, const struct graph_event *answer);
/* It may have happened. */
void meeting_unknown(struct meeting *m);
/* It has not happened, or was not even tried: again in wait_ms. */
void meeting_put_off(struct meeting *m, int64_t wait_ms);
/* Graph refuses it: failed, with what to do; tried again in wait_ms. The app is told once for each reason. */
void meeting_refused(struct meeting *m, const char *detail, int64_t wait_ms);
/* The meeting there was is over for good: the next one is another. */
void meeting_anew(struct meeting *m);
/* The transaction id is used up by a meeting that is gone: the next one has another. */
void meeting_rename(struct meeting *m);
/* The app has taken, or refused for good, what it was told by the callback under way. */
void meeting_told(struct meeting *m, bool taken, const char *detail);
/* A write of unknown outcome was looked for: seen (NULL: nothing there). */
void meeting_looked(struct meeting *m, const struct graph_event *seen);

#endif
