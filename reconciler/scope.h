/*
 * scope.h - a scope is one resource of one tenant that a subscription can watch; its id ties hints, dirty rows and subscriptions.
 *
 * id = first 16 bytes of HMAC-SHA-256(scope key, directory id | 0 | resource): the same after a lost store, telling nobody anything.
 * Resources are those of graph-facts 2.3: a standard channel's members are its team's; private and shared channels of one team
 * share one resource.
 */
#ifndef RECONCILER_SCOPE_H
#define RECONCILER_SCOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/hash.h"
#include "model/client_state.h"
#include "model/erg.h"
#include "model/subscription.h"

struct reconciler;

/* Pure. */
enum subscription_kind scope_kind(enum channel_type type);
void scope_resource(enum subscription_kind kind, const struct guid *object, char ret[SUBSCRIPTION_RESOURCE_SIZE]);
void scope_make(const struct key32 *scope_key, const struct guid *directory, const char *resource, struct scope_id *ret);

/* What the ERG's members need watched, as a subscription row not yet created: scope, tenant, kind, object_id, resource.
 * ERR_NOTFOUND: not linked yet or the tenant is gone. */
enum err scope_of_erg(struct reconciler *r, const struct erg *erg, struct subscription *ret);
/* The same for the members of a team; and of all teams of a tenant. ERR_NOTFOUND: the tenant is gone. */
enum err scope_of_team(struct reconciler *r, const struct tenant_id *tenant, const struct guid *team, struct subscription *ret);
enum err scope_of_tenant(struct reconciler *r, const struct tenant_id *tenant, struct subscription *ret);
/* The same for the events in an organizer's mailbox. ERR_NOTFOUND: the tenant is gone. */
enum err
scope_of_mailbox(struct reconciler *r, const struct tenant_id *tenant, const struct guid *mailbox, struct subscription *ret);
/* Does this ERG depend on that scope? */
bool scope_covers(const struct subscription *scope, const struct erg *erg);

#endif
