/*
 * mailbox.h - reads what Outlook says of our events in an organizer's mailbox, and takes it in.
 *
 *	few hints   each event is read by its id
 *	many        calendarView/delta says what changed; only that is read. The window (from yesterday to meeting_horizon) is frozen into
 *	            the link: it moves on with each whole round, which comes at the latest after `sweep`
 *	foreign     events of others are passed over without a call: only ids we know are read
 *	echo        an event whose etag is known is not read again
 *	gone        nobody counts as cancelled by one read: the event is looked for by its id, then by its property. Many at once, or all:
 *	            held (guard.h)
 *	series      single occurrences that were cancelled or moved are read with the series
 * Source: graph-facts sections 7.3 and 9. One read of a mailbox at a time, driven by work.h.
 */
#ifndef RECONCILER_MAILBOX_H
#define RECONCILER_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "graph/graph.h"
#include "model/hint.h"
#include "model/subscription.h"
#include "reconciler/compare.h"

#define MAILBOX_ITEMS_MAX 8 /* hints of so many events are read one by one */

struct mailbox_job;
struct mailboxes;
struct reconciler;

enum err mailboxes_new(struct reconciler *r, struct mailboxes **ret);
void mailboxes_free(struct mailboxes *ms); /* NULL is fine; nobody is told */

struct mailbox_item {
	enum hint_kind kind;
	char id[HINT_ITEM_MAX + 1];
};

/* The events a few hints named; result->whole_needed: only a whole read can tell. done is told once, in a later turn, which is the one
 * that stores the last of it. NULL: out of memory. */
struct mailbox_job *mailbox_read_items(struct reconciler *r, const struct subscription *scope, const struct mailbox_item *items,
    size_t count, compare_done done, void *arg);
struct mailbox_options {
	bool whole;   /* all there is in the window; else what changed since the last time */
	bool dry_run; /* reads and counts only */
	enum graph_priority priority;
	const struct erg_id *erg; /* whose changes are counted; NULL: all. Copied */
};
/* result->changes counts what was told of, or (dry) would be: meetings updated and cancelled. */
struct mailbox_job *mailbox_read(
    struct reconciler *r, const struct subscription *scope, const struct mailbox_options *options, compare_done done, void *arg);
/* When the last whole round that was taken in began; 0: never. Wall time. */
int64_t mailbox_read_since(struct reconciler *r, const struct subscription *scope);
/* done will not run; what was taken in stays. NULL is fine. */
void mailbox_cancel(struct mailbox_job *job);

#endif
