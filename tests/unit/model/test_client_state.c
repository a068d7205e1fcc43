/* clientState: what was made with our key is ours, and nothing else is. */
#include "model/client_state.h"

#include <string.h>

#include "base/encode.h"
#include "unit/base/check.h"
#include "unit/base/seed.h"

static struct key32 key = { { 7 } };

static void
what_is_made_is_recognised(void **state)
{
	struct rng rng = test_rng("client_state");

	(void)state;
	for (int round = 0; round < 500; round++) {
		struct scope_id scope, found = { { 0 } };
		uint8_t nonce[CLIENT_STATE_NONCE];
		char text[CLIENT_STATE_LEN + 1];

		rng_bytes(&rng, &scope, sizeof(scope));
		rng_bytes(&rng, nonce, sizeof(nonce));
		client_state_make(&key, &scope, nonce, text);
		assert_int_equal(strlen(text), CLIENT_STATE_LEN);
		assert_true(str_starts(text, "v1."));
		assert_true(client_state_check(&key, text, strlen(text), &found));
		assert_memory_equal(found.b, scope.b, SCOPE_ID_LEN);
	}
}

static void
every_changed_bit_is_noticed(void **state)
{
	const struct scope_id scope = { "0123456789abcde" };
	const uint8_t nonce[CLIENT_STATE_NONCE] = { 1, 2, 3 };
	char text[CLIENT_STATE_LEN + 2];
	struct scope_id found;
	struct key32 other = { { 8 } };

	(void)state;
	client_state_make(&key, &scope, nonce, text);
	assert_false(client_state_check(&other, text, CLIENT_STATE_LEN, &found));
	for (size_t i = 0; i < CLIENT_STATE_LEN; i++) {
		for (unsigned bit = 1; bit < 256; bit <<= 1) {
			text[i] = (char)(text[i] ^ (char)bit);
			assert_false(client_state_check(&key, text, CLIENT_STATE_LEN, &found));
			text[i] = (char)(text[i] ^ (char)bit);
		}
	}
	for (size_t len = 0; len < CLIENT_STATE_LEN; len++)
		assert_false(client_state_check(&key, text, len, &found));
	text[CLIENT_STATE_LEN] = 'A';
	assert_false(client_state_check(&key, text, CLIENT_STATE_LEN + 1, &found));
	assert_true(client_state_check(&key, text, CLIENT_STATE_LEN, &found));
}

/* The layout is stored on Graph for days: a new build must recognise an old build's. */
static void
the_layout_is_fixed(void **state)
{
	struct key32 zero = { { 0 } };
	const struct scope_id scope = { { 0 } };
	const uint8_t nonce[CLIENT_STATE_NONCE] = { 0 };
	uint8_t body[64], mac[HASH_LEN];
	char text[CLIENT_STATE_LEN + 1];
	size_t len;

	(void)state;
	client_state_make(&zero, &scope, nonce, text);
	assert_int_equal(base64url_decode(text + 3, 86, body, &len), ERR_OK);
	assert_int_equal(len, 64);
	hmac_sha256(zero.b, sizeof(zero.b), &(struct span){ body, 32 }, 1, mac);
	assert_memory_equal(body + 32, mac, HASH_LEN);
	assert_true(str_starts(text, "v1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_made_is_recognised),
		cmocka_unit_test(every_changed_bit_is_noticed),
		cmocka_unit_test(the_layout_is_fixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
