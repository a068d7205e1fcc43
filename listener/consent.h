/*
 * consent.h - an administrator comes back from Microsoft's consent page: what its query says, and what the person reads. Pure.
 *
 * graph-facts 1.1: GET redirect_uri?admin_consent=True&tenant=...&state=..., or error and error_description. Only state is
 * believed, since only we can have made it; nothing of the query is ever shown. What was really granted, the next sign-in tells.
 */
#ifndef LISTENER_CONSENT_H
#define LISTENER_CONSENT_H

#include <stddef.h>

#include "base/hash.h"
#include "model/client_state.h"

enum consent_outcome {
	CONSENT_GIVEN,  /* *ret_scope says whose */
	CONSENT_DENIED, /* the same */
	CONSENT_UNKNOWN /* no state of ours, or more than one */
};

/* key: client_state_consent_key. */
enum consent_outcome consent_read(const struct key32 *key, const char *query, size_t query_len, struct scope_id *ret_scope);

/* A few sentences of plain text, ending with a line feed. Static. */
const char *consent_page(enum consent_outcome outcome);

#endif
