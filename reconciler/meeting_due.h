/*
 * meeting_due.h - which events wait for something: rows that follow the records.
 *
 * MEETINGS_DUE holds a row for each event that waits: of a mailbox first those whose time has come, the nearest meetings before all
 * others, then the rest in the order in which it will come. So the next one is found without looking at any other.
 */
#ifndef RECONCILER_MEETING_DUE_H
#define RECONCILER_MEETING_DUE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/event.h"
#include "state/store.h"

struct reconciler;

/* When e is to be looked at next, into e->due_wall_ms and e->ready. Pure. */
void meeting_due_time(struct event *e, int64_t now_wall_ms);
/* The row goes from where before has it to where after has it; either may be NULL. Tells meeting_push.h. */
void meeting_due_follow(struct reconciler *r, const struct event *before, const struct event *after);
/* Walks the rows of a mailbox: store_next gives struct event_ref. Of those that are not ready yet the key's number is when they are. */
struct store_cursor *meeting_due_seek(struct reconciler *r, const struct guid *mailbox, bool ready);
bool meeting_due_any(struct reconciler *r, const struct guid *mailbox);
int64_t meeting_due_of_key(const struct store_key *key);
/* The next mailbox that has rows, after that of the key (len 0: the first); *key is changed. False: there is none. */
bool meeting_due_next_mailbox(struct reconciler *r, struct store_key *key, struct event_ref *ret);

#endif
