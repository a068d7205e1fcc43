/*
 * meeting_settle.h - what follows from what both sides have said of one event: what to write, what to tell, and how it stands.
 *
 * Decided anew each time from the record and its documents alone (meeting_diff.h). BASE and SHOWN move only where both sides are known to
 * agree, so a crash between any two turns repeats a question and never an answer. Called by meeting_close.
 */
#ifndef RECONCILER_MEETING_SETTLE_H
#define RECONCILER_MEETING_SETTLE_H

#include <stdint.h>

#include "reconciler/meeting_diff.h"

struct meeting;

/* What would be done now, and how many mails Outlook would send for it. Pure but for reading. */
struct meeting_step meeting_settle_step(struct meeting *m, int64_t *ret_mails);
/* The record says what is to be written next, what the app is being told, the status, and when to look again. Not stored. */
void meeting_settle(struct meeting *m);

#endif
