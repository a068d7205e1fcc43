/*
 * client_state.h - the secret that Graph repeats in each notification: which scope is meant, and that we asked.
 *
 * "v1." + base64url(scope id (16) | nonce (16) | HMAC-SHA-256(intake key, scope id | nonce)): 89 characters, under
 * Graph's 128 (graph-facts 2.2). Checked without a look-up, valid from the instant a subscription is asked for. Pure.
 */
#ifndef MODEL_CLIENT_STATE_H
#define MODEL_CLIENT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

#define SCOPE_ID_LEN       16
#define CLIENT_STATE_NONCE 16
#define CLIENT_STATE_LEN   89

/* What a subscription watches: one resource of one tenant. Derived from both, so it survives a lost store. */
struct scope_id {
	uint8_t b[SCOPE_ID_LEN];
};

void client_state_make(const struct key32 *intake_key, const struct scope_id *scope, const uint8_t nonce[CLIENT_STATE_NONCE],
    char ret[CLIENT_STATE_LEN + 1]);
/* The key of states that go through Microsoft's consent page: neither kind passes for the other. */
void client_state_consent_key(const struct key32 *intake_key, struct key32 *ret);
/* False, in constant time for a given length, unless made with this key. */
bool client_state_check(const struct key32 *intake_key, const char *text, size_t text_len, struct scope_id *ret);

#endif
