/*
 * sign_in.h - the dedicated account of a tenant that signs in as one (DESIGN section 8, graph-facts 1.3): codes under way, and
 * its refresh token, sealed.
 *
 * A refresh token is replaced at each use. The new one is on disk before the access token that came with it is used: a crash
 * in between finds the new one or, as Microsoft does not revoke it, the old one still good.
 */
#ifndef RECONCILER_SIGN_IN_H
#define RECONCILER_SIGN_IN_H

#include "app/api.h"
#include "base/err.h"
#include "model/tenant.h"

struct reconciler;
struct sign_ins;

enum err sign_ins_new(struct reconciler *r, struct sign_ins **ret);
void sign_ins_free(struct sign_ins *s); /* NULL is fine; before the graph goes */

/* For struct graph_options; arg is the struct reconciler. */
enum tenant_sign_in sign_in_of(void *arg, const struct guid *directory, char ret_refresh[REFRESH_TOKEN_SIZE]);
void sign_in_keep(void *arg, const struct guid *directory, const char *refresh);

/* Asks for a code, or shows the one under way. ERR_NOMEM. */
enum err sign_in_begin(struct reconciler *r, const struct tenant *tenant, struct app_sign_in *ret);
void sign_in_show(struct reconciler *r, const struct tenant *tenant, struct app_sign_in *ret);
/* Who signed in last; "" when nobody has, or the service did not say. */
void sign_in_account(struct reconciler *r, const struct tenant_id *tenant, char ret[UPN_SIZE], struct guid *ret_object_id);
/* Ends a code under way and forgets the account and its refresh token. */
void sign_in_forget(struct reconciler *r, const struct tenant_id *tenant);

#endif
