/* client_state.c - making and checking Graph's clientState, without any table. */
#include "model/client_state.h"

#include <string.h>

#include "base/encode.h"
#include "base/text.h"

#define PREFIX     "v1."
#define PREFIX_LEN 3
#define BODY_LEN   (SCOPE_ID_LEN + CLIENT_STATE_NONCE + HASH_LEN)

_Static_assert(CLIENT_STATE_LEN == PREFIX_LEN + BASE64URL_LEN(BODY_LEN), "the length the header promises");
_Static_assert(CLIENT_STATE_LEN <= 128, "Graph's limit");

static void
body_sign(const struct key32 *intake_key, const uint8_t signed_part[SCOPE_ID_LEN + CLIENT_STATE_NONCE], uint8_t ret[HASH_LEN])
{
	const struct span part = { signed_part, SCOPE_ID_LEN + CLIENT_STATE_NONCE };

	hmac_sha256(intake_key->b, sizeof(intake_key->b), &part, 1, ret);
}

void
client_state_make(const struct key32 *intake_key, const struct scope_id *scope, const uint8_t nonce[CLIENT_STATE_NONCE],
    char ret[CLIENT_STATE_LEN + 1])
{
	uint8_t body[BODY_LEN];

	memcpy(body, scope->b, SCOPE_ID_LEN);
	memcpy(body + SCOPE_ID_LEN, nonce, CLIENT_STATE_NONCE);
	body_sign(intake_key, body, body + SCOPE_ID_LEN + CLIENT_STATE_NONCE);
	(void)str_copy(ret, CLIENT_STATE_LEN + 1, PREFIX);
	base64url_encode(body, sizeof(body), ret + PREFIX_LEN);
}

bool
client_state_check(const struct key32 *intake_key, const char *text, size_t text_len, struct scope_id *ret)
{
	uint8_t body[CLIENT_STATE_LEN], expected[HASH_LEN];
	size_t body_len;

	if (text_len != CLIENT_STATE_LEN || memcmp(text, PREFIX, PREFIX_LEN) != 0 ||
	    base64url_decode(text + PREFIX_LEN, text_len - PREFIX_LEN, body, &body_len) != ERR_OK || body_len != BODY_LEN)
		return false;
	body_sign(intake_key, body, expected);
	if (!hash_equal(expected, body + SCOPE_ID_LEN + CLIENT_STATE_NONCE, HASH_LEN))
		return false;
	memcpy(ret->b, body, SCOPE_ID_LEN);
	return true;
}

void
client_state_consent_key(const struct key32 *intake_key, struct key32 *ret)
{
	key_derive(intake_key, "ergsync consent state v1", ret);
}
