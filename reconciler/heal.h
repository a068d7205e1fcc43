/*
 * heal.h - what follows from a record that does not open: it goes into quarantine, and what it was of is read anew from both sides.
 *
 *	members, people       the ERGs concerned take additions only until a full comparison has passed the guard; it begins at once
 *	ergs                  broken, and told: the app puts it again, which links it as a new one. Its members are known no more
 *	tenants               its ERGs are broken, and told: the app puts the tenant again
 *	subscriptions         wanted again: the keeper adopts or makes it, and its scope is read
 *	index rows            derived anew from the records, a slice a turn
 *	dirty, intents        the scope or ERG is looked at as a whole; all chores are noted again
 *	feed, outbox          the callback can't be delivered: what it was about is decided anew
 *	events                the ERG's meetings are looked through
 *	cursors, resyncs, meta, sign-ins, receipts: what needs them begins anew, by its own rules
 *
 * Nothing is concluded from a missing record that would remove anybody.
 */
#ifndef RECONCILER_HEAL_H
#define RECONCILER_HEAL_H

#include "base/err.h"

struct reconciler;
struct heal;

enum err heal_new(struct reconciler *r, struct heal **ret);
void heal_free(struct heal *h); /* NULL is fine */
/* For struct store_options.on_damaged; arg is the struct reconciler, which may have no heal yet. */
void heal_on_damaged(void *arg);

#endif
