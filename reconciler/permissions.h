/*
 * permissions.h - how many tenants have not granted all that their ERGs need: what the doctor would find, for the metrics.
 *
 * A slow walk over all tenants, a few a turn. It asks nobody: a tenant's last token says what was granted when it was given, and a
 * tenant that has had none since the start is not counted. What is missing, by name, the doctor tells.
 */
#ifndef RECONCILER_PERMISSIONS_H
#define RECONCILER_PERMISSIONS_H

#include <stdint.h>

#include "base/err.h"

struct checkup_needs;
struct permissions;
struct reconciler;
struct tenant_id;

#define PERMISSIONS_EVERY_MS ((int64_t)900000) /* from the end of a walk to the next; a token, which tells, lasts an hour */

enum err permissions_new(struct reconciler *r, struct permissions **ret);
void permissions_free(struct permissions *p); /* NULL is fine */
/* Tenants that lack a permission, by the last whole walk. */
int64_t permissions_missing(const struct reconciler *r);

/* What the tenant's ERGs need of Graph. */
void permissions_needs(struct reconciler *r, const struct tenant_id *tenant, struct checkup_needs *ret);

#endif
