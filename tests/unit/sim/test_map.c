/* The map against a plain array, at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sim/map.h"
#include "unit/base/seed.h"

#define KEYS 300

static void
empty(void **state)
{
	struct map m = { NULL, 0, 0, 0 };
	size_t at = 0;

	(void)state;
	assert_null(sim_map_get(&m, "a"));
	assert_null(sim_map_del(&m, "a"));
	assert_null(sim_map_next(&m, &at));
	sim_map_done(&m);
}

static void
random_rounds(void **state)
{
	static char keys[KEYS][16];
	void *model[KEYS] = { NULL };
	struct map m = { NULL, 0, 0, 0 };
	size_t count = 0, walked = 0, at = 0;
	struct rng rng = test_rng("map");

	(void)state;
	for (size_t i = 0; i < KEYS; i++)
		snprintf(keys[i], sizeof(keys[i]), "key %zu", i);
	for (int step = 0; step < 20000; step++) {
		size_t k = (size_t)rng_below(&rng, KEYS);

		assert_ptr_equal(sim_map_get(&m, keys[k]), model[k]);
		if (rng_below(&rng, 2) == 0) {
			count += model[k] == NULL;
			model[k] = keys[(size_t)rng_below(&rng, KEYS)];
			sim_map_put(&m, keys[k], model[k]);
		} else {
			count -= model[k] != NULL;
			assert_ptr_equal(sim_map_del(&m, keys[k]), model[k]);
			model[k] = NULL;
		}
		assert_int_equal(m.count, count);
	}
	while (sim_map_next(&m, &at) != NULL)
		walked++;
	assert_int_equal(walked, count);
	/* Coming and going must not make it grow. */
	assert_true(m.cap <= 2048);
	sim_map_done(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(empty), cmocka_unit_test(random_rounds) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
