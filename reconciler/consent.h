/*
 * consent.h - where a tenant's administrator consents, and what is done when one comes back from there.
 *
 * The link carries a state that only we can have made (model/client_state.h, with a key of its own); the listener's landing page
 * checks it and sends its scope here. That somebody was there is all it says: sign-in decides.
 */
#ifndef RECONCILER_CONSENT_H
#define RECONCILER_CONSENT_H

#include <stddef.h>

#include "model/client_state.h"
#include "model/tenant.h"

struct reconciler;

/* The same each time, so it may be sent by mail; "" without a client id. Register public_url + "/graph/consent" as a redirect URI. */
void consent_url(const struct reconciler *r, const struct tenant *tenant, char *ret, size_t ret_size);
/* An administrator has consented in the tenant of that scope: it is asked again at once, with what was refused there. */
void consent_given(struct reconciler *r, const struct scope_id *scope);

#endif
