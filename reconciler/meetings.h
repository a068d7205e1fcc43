/*
 * meetings.h - the events of an ERG: what the app says of them.
 *
 * Nothing here waits or talks to anybody: the app's word is taken in (meeting.h), and what follows from it is done by meeting_push.h.
 */
#ifndef RECONCILER_MEETINGS_H
#define RECONCILER_MEETINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "app/callback.h"
#include "model/erg.h"
#include "model/event.h"
#include "model/event_fields.h"
#include "state/records.h"

struct chore;
struct reconciler;

/* ---------- the app's word: for backend and snapshot ---------- */

/* The app's whole word on an event, in this turn; f is copied. Made when new. The same word again changes nothing. *ret is how it stands.
 * ERR_NOMEM. */
enum err meetings_put(struct reconciler *r, const struct erg *erg, const struct event_id *id, const struct event_fields *f,
    struct event *ret, bool *ret_created);
/* The app cancels it. A second time, and of what is over, is fine. comment may be "". ERR_NOTFOUND. */
enum err
meetings_remove(struct reconciler *r, const struct erg *erg, const struct event_id *id, const char *comment, struct event *ret);
/* The ERG's policy or organizer is another one, or the tenant's organizer is known now: all its events are looked at again. */
void meetings_reconsider(struct reconciler *r, const struct erg_id *erg);
/* The event as GET shows it: what both sides have said, each attendee with the response. Gives fields. ERR_NOTFOUND, ERR_NOMEM. */
enum err meetings_show(struct reconciler *r, const struct erg_id *erg, const struct event_id *id, struct event *ret,
    struct event_fields **ret_fields);
/* The same for all ERGs of a tenant whose organizer was found, or not found for sure. */
void meetings_tenant_organizer(struct reconciler *r, const struct tenant_id *tenant);
bool meetings_any(struct reconciler *r, const struct erg_id *erg);
/* Forgets at most max events of an ERG that is gone; nothing is cancelled. True when none is left. */
bool meetings_erase(struct reconciler *r, const struct erg_id *erg, unsigned max);
/* Whose mailbox the ERG's new meetings go to. ERR_NOTFOUND while the organizer has not been found: why says so once that is sure, and is
 * "" while it is looked up. */
enum err meetings_organizer(struct reconciler *r, const struct erg *erg, struct guid *ret, char why[DETAIL_SIZE]);
/* The chore CHORE_MEETINGS: finds the ERG's own organizer, looks at all its events again, and at its plan. */
void meetings_run(struct reconciler *r, struct chore *c);

/* The app has answered a callback about an event for good. In the turn that removes the outbox row. */
void meetings_acknowledged(struct reconciler *r, const struct feed_record *change, enum callback_act act, const char *detail);

struct meetings;
enum err meetings_new(struct meetings **ret);
void meetings_free(struct meetings *ms); /* NULL is fine */

#endif
