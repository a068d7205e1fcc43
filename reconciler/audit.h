/*
 * audit.h - compares the table of subscriptions with Graph's own list, at the start and every hour, tenant by tenant.
 *
 * Membership subscriptions never report their own loss (graph-facts section 6): one that Graph no longer lists is created anew,
 * and its scope read. One of ours that no row knows - it names our notification URL - is deleted. A list that could not be
 * read to its end proves nothing. A few tenants are looked at at a time, and each only for so long: who does not answer delays no other.
 */
#ifndef RECONCILER_AUDIT_H
#define RECONCILER_AUDIT_H

#include "base/err.h"

#define AUDIT_EVERY_MS (60 * 60 * 1000LL)

struct audit;
struct reconciler;

enum err audit_new(struct reconciler *r, struct audit **ret);
void audit_free(struct audit *a); /* NULL is fine */

#endif
