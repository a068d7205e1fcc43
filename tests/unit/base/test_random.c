/* Randomness: seeds repeat, ranges hold, nothing is obviously lopsided. */
#include "base/random.h"

#include <string.h>

#include "unit/base/check.h"
#include "unit/base/seed.h"

static void
a_seed_repeats_itself(void **state)
{
	struct rng a = rng_seeded(42), b = rng_seeded(42), c = rng_seeded(43);
	uint8_t x[100], y[100], z[100];

	(void)state;
	rng_bytes(&a, x, sizeof(x));
	rng_bytes(&b, y, sizeof(y));
	rng_bytes(&c, z, sizeof(z));
	assert_memory_equal(x, y, sizeof(x));
	assert_memory_not_equal(x, z, sizeof(x));
}

static void
the_system_gives_any_length(void **state)
{
	struct rng rng = rng_system();
	static uint8_t big[100000], none[100000];

	(void)state;
	rng_bytes(&rng, big, 0);
	rng_bytes(&rng, big, sizeof(big));
	assert_memory_not_equal(big, none, sizeof(big));
	assert_true(rng_u64(&rng) != rng_u64(&rng));
}

static void
below_is_below(void **state)
{
	struct rng rng = test_rng("random");
	unsigned seen[7] = { 0 };

	(void)state;
	assert_int_equal(rng_below(&rng, 0), 0);
	assert_int_equal(rng_below(&rng, 1), 0);
	for (int i = 0; i < 70000; i++)
		seen[rng_below(&rng, 7)]++;
	for (size_t i = 0; i < COUNT(seen); i++)
		assert_in_range(seen[i], 9000, 11000); /* ten standard deviations */
	for (int i = 0; i < 1000; i++)
		assert_true(rng_below(&rng, (UINT64_C(1) << 63) + 1) <= UINT64_C(1) << 63);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_seed_repeats_itself),
		cmocka_unit_test(the_system_gives_any_length),
		cmocka_unit_test(below_is_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
