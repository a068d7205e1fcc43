/*
 * random.h - randomness as an argument: the system's for real use, a seed's for tests.
 *
 * The seeded one is fast and predictable: never for keys or nonces outside tests.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t state[4];
	int seeded;
};

/* Uses getrandom(2); aborts the process if the kernel has none to give, for nothing safe could follow. */
struct rng rng_system(void);
struct rng rng_seeded(uint64_t seed);

void rng_bytes(struct rng *rng, void *ret, size_t len);
uint64_t rng_u64(struct rng *rng);
/* Uniform in [0, below); 0 for below == 0. */
uint64_t rng_below(struct rng *rng, uint64_t below);

#endif
