/*
 * meeting_push.h - does in Outlook what events wait for: makes meetings, changes and cancels them, fetches join URLs.
 *
 *	once        what is about to be written is on disk before the call; after an unknown outcome, or a crash, the meeting is looked up
 *	            first: by its property, or by its id. A new meeting is always looked for before it is made, for state/ may have been
 *	            lost; and made with a transaction id that is the same each time
 *	withdrawn   what the app takes back or changes while it waits its turn is not written as it was
 *	merged      a change carries If-Match; 412: the meeting is read, both sides are compared anew
 *	near first  of a mailbox at most MEETING_CALLS_MAX at a time, in the order of the meetings' starts
 *	held        more mails than mail_limit within 24 h: all that mails of that ERG waits for a decision (plan.h)
 *	parked      what Graph refuses has failed with a reason, is tried again slowly and when something changes; nobody waits for anybody.
 *	            A mailbox that cannot be used is asked once for all its meetings
 * Source: graph-facts sections 9 and 11. What is open is in MEETINGS_DUE (meeting_due.h); here is only what is under way.
 */
#ifndef RECONCILER_MEETING_PUSH_H
#define RECONCILER_MEETING_PUSH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/event.h"
#include "model/tenant.h"

#define MEETING_CALLS_MAX        4 /* of one mailbox; Outlook's own limit (graph-facts 11) */
#define MEETING_RETRY_REFUSED_MS (24 * 3600 * 1000LL)
#define MEETING_RETRY_MAILBOX_MS (60 * 60 * 1000LL)

struct meeting_pushes;
struct reconciler;

/* Finds the mailboxes that have rows: one look a mailbox. */
enum err meeting_pushes_new(struct reconciler *r, struct meeting_pushes **ret);
void meeting_pushes_free(struct meeting_pushes *ps); /* NULL is fine */

/* The app says something new of an event: a write that waits its turn is let go. True when it was: it has not happened. */
bool meeting_push_withdraw(struct reconciler *r, const struct event *e);
/* Its row in MEETINGS_DUE is as e says. */
void meeting_push_note(struct reconciler *r, const struct event *e);
/* The tenant can be reached again, or something about its organizers has changed: what waited for that goes on. */
void meeting_push_tenant_back(struct reconciler *r, const struct tenant_id *tenant);

/* Something about the mailbox may have changed: it is asked again at once. */
void meeting_push_retry(struct reconciler *r, const struct guid *mailbox);
/* Did it turn out that the mailbox cannot be used, and was not tried since? */
bool meeting_push_blocked(const struct reconciler *r, const struct guid *mailbox);
/* Is a call about this event tried again just now? Then why, and when. */
bool meeting_push_trouble(const struct reconciler *r, const struct event *e, char ret[DETAIL_SIZE]);
/* Is a meeting being made there, whose id we may hear of before the answer? */
bool meeting_push_creating(const struct reconciler *r, const struct guid *mailbox);

#endif
