/*
 * meeting_tell.h - what the app hears of one event, and what its answer means.
 *
 * One callback about an event's fields or its end is under way at a time: the document TOLD is what it says. Until the app has answered,
 * what it was told is frozen (meeting_diff.h). Its answer moves BASE and SHOWN. Other news (scheduled, responses) waits for no answer.
 */
#ifndef RECONCILER_MEETING_TELL_H
#define RECONCILER_MEETING_TELL_H

#include <stdbool.h>

struct meeting;

/* These fields are what Outlook says. */
void meeting_tell_fields(struct meeting *m, unsigned fields);
/* It was cancelled or deleted in Outlook. */
void meeting_tell_end(struct meeting *m);
/* Once for each meeting that it is scheduled, and now and then who has answered the invitation, when that is due. */
void meeting_tell_due(struct meeting *m);
/* The app has taken, or refused for good, what it was told by the callback under way. */
void meeting_tell_answered(struct meeting *m, bool taken, const char *detail);
/* The callback under way is lost: it will not be answered, and what it told is open again. */
void meeting_tell_lost(struct meeting *m);

#endif
