/* The cache answers as the check itself does, whatever it has seen before. */
#include "listener/known_states.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "unit/base/seed.h"

static void
test_same_answers(void **state)
{
	struct rng rng = test_rng("known_states");
	struct key32 keys[2];
	struct known_states *known;
	char texts[64][CLIENT_STATE_LEN + 1];

	(void)state;
	rng_bytes(&rng, keys, sizeof(keys));
	known = known_states_new(&keys[0]);
	assert_non_null(known);
	for (size_t i = 0; i < 64; i++) {
		uint8_t nonce[CLIENT_STATE_NONCE] = { 0 };
		struct scope_id scope;

		/* A few nonces only, so that states share places; every fourth is made with another key. */
		rng_bytes(&rng, &scope, sizeof(scope));
		nonce[CLIENT_STATE_NONCE - 1] = (uint8_t)rng_below(&rng, 4);
		client_state_make(&keys[i % 4 == 3], &scope, nonce, texts[i]);
	}
	for (int round = 0; round < 5000; round++) {
		char text[CLIENT_STATE_LEN + 1];
		size_t len = CLIENT_STATE_LEN - (rng_below(&rng, 20) == 0);
		struct scope_id expected = { { 0 } }, got = { { 0 } };
		bool is_ours;

		memcpy(text, texts[rng_below(&rng, 64)], sizeof(text));
		if (rng_below(&rng, 3) == 0)
			text[rng_below(&rng, CLIENT_STATE_LEN)] = 'A';
		is_ours = client_state_check(&keys[0], text, len, &expected);
		assert_int_equal(known_states_check(known, text, len, &got), is_ours);
		if (is_ours)
			assert_memory_equal(&got, &expected, sizeof(got));
	}
	known_states_free(known);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_same_answers) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
