/*
 * deliver.h - brings the outbox to the app: signed callbacks, in order for one person or event, until answered.
 *
 * What an answer means (contract section 5) is judged here and told to roster_acknowledged in the turn that removes the
 * outbox row, so that no answer counts twice and none is lost. Without a callback_url nothing is queued; what was queued while there was
 * one counts as taken.
 */
#ifndef RECONCILER_DELIVER_H
#define RECONCILER_DELIVER_H

#include "base/err.h"

struct reconciler;
struct deliver;

/* Starts with what the outbox holds: one walk of it. */
enum err deliver_new(struct reconciler *r, struct deliver **ret);
void deliver_free(struct deliver *d); /* NULL is fine; callbacks under way are dropped and repeated after the next start */
/* Something was queued in this turn: goes out once it is committed. */
void deliver_kick(struct reconciler *r);

#endif
