/*
 * meeting.h - one event, opened: its record, its documents, and the one place that stores it.
 *
 * Whoever has something to say opens the event, says it, and closes it. What is said goes into the record and the documents by the part
 * whose business it is:
 *	meetings         the app's word
 *	meeting_seen     what Outlook shows
 *	meeting_write    what is written to Outlook, and what became of it
 * meeting_close then decides anew what follows from all that is known (meeting_settle), lets the app hear of it (meeting_tell), and
 * stores the record with its row in MEETINGS_DUE, the mails it will cause and the count of the ERG's meetings, all in this turn.
 * Documents are read when they are asked for and written when they were changed.
 */
#ifndef RECONCILER_MEETING_H
#define RECONCILER_MEETING_H

#include <stdbool.h>
#include <stdint.h>

#include "model/erg.h"
#include "model/event.h"
#include "model/event_fields.h"
#include "reconciler/meeting_diff.h"
#include "state/store.h"

#define MEETING_COALESCE_MS 3000                      /* edits of the app within so long become one change */
#define MEETING_KEEP_MS     (30 * 24 * 3600 * 1000LL) /* a cancelled event is shown for so long (contract section 9) */

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
/* Fields that differ between two sides; all when one has said nothing. */
unsigned meeting_side_diff(struct meeting *m, enum event_side a, enum event_side b);

enum meeting_there meeting_stands(const struct meeting *m);
/* Is the meeting there, as far as we know, for others to see? */
bool meeting_is_live(const struct event *e);

/* Why it is as it is, for people; cut to what fits. */
void meeting_detail(struct meeting *m, const char *detail);
/* Whatever is to be told or done of it now waits for a decision. */
void meeting_hold(struct meeting *m);
/* The event is cancelled on both sides: kept for MEETING_KEEP_MS. */
void meeting_cancelled(struct meeting *m);
/* The meeting there was is over for good: the next one is another. */
void meeting_anew(struct meeting *m);
/* Which of an event's meetings, one after the other, this is. Each has a transaction id of its own. */
void meeting_generation_set(struct meeting *m, int64_t generation);

#endif
