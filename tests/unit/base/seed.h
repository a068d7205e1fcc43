/*
 * seed.h - a seeded generator for random rounds: printed, and taken from ERGSYNC_TEST_SEED to repeat a failure.
 */
#ifndef UNIT_BASE_SEED_H
#define UNIT_BASE_SEED_H

#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "base/text.h"

static inline struct rng
test_rng(const char *what)
{
	const char *given = getenv("ERGSYNC_TEST_SEED");
	struct rng system = rng_system();
	uint64_t seed;

	if (given == NULL || parse_u64(given, &seed) != ERR_OK)
		seed = rng_u64(&system);
	printf("%s: ERGSYNC_TEST_SEED=%llu\n", what, (unsigned long long)seed);
	return rng_seeded(seed);
}

#endif
