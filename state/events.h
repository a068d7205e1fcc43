/*
 * events.h - meetings in the store: the record, each side's fields, and who is behind an id of Outlook's.
 *
 * The index from (mailbox, Graph id) follows the record: putting a record with another id moves it, deleting it takes it and all
 * documents along. All within the turn, as everything of the store. Event-loop thread only.
 */
#ifndef STATE_EVENTS_H
#define STATE_EVENTS_H

#include <stdbool.h>

#include "base/err.h"
#include "model/event.h"
#include "model/event_fields.h"
#include "state/store.h"

/* ERR_NOTFOUND, ERR_CORRUPT. */
enum err events_get(struct store *s, const struct erg_id *erg, const struct event_id *id, struct event *ret);
void events_put(struct store *s, const struct event *e);
void events_del(struct store *s, const struct erg_id *erg, const struct event_id *id);

/* The event that has this id in this mailbox. graph_id is compared exactly: Outlook's ids are case-sensitive. */
enum err events_find(struct store *s, const struct guid *mailbox, const char *graph_id, struct event *ret);
/* Any event of ours in the mailbox? */
bool events_any_in_mailbox(struct store *s, const struct guid *mailbox);

/* ERR_NOTFOUND: that side has said nothing yet; ERR_CORRUPT; ERR_NOMEM. Gives *ret. */
enum err event_side_get(
    struct store *s, const struct erg_id *erg, const struct event_id *id, enum event_side side, struct event_fields **ret);
/* ERR_TOOBIG, ERR_NOMEM: nothing was put. */
enum err event_side_put(
    struct store *s, const struct erg_id *erg, const struct event_id *id, enum event_side side, const struct event_fields *f);
void
event_side_del(struct store *s, const struct erg_id *erg, const struct event_id *id, enum event_side side); /* absent is fine */

/* An ERG's events in the order of their keys (no order people would know), from after `after` when not NULL. A cursor of state/store.h:
 * store_next gives struct event. */
struct store_cursor *events_seek(struct store *s, const struct erg_id *erg, const struct event_id *after);
/* All events of a mailbox, by index: store_next gives struct event_ref. */
struct store_cursor *events_seek_mailbox(struct store *s, const struct guid *mailbox);

#endif
