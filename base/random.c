/*
 * random.c - getrandom(2), or xoshiro256** (Blackman and Vigna, public domain algorithm) seeded by splitmix64.
 */
#include "base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct rng
rng_system(void)
{
	return (struct rng){ .seeded = 0 };
}

static uint64_t
splitmix64(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

struct rng
rng_seeded(uint64_t seed)
{
	struct rng rng = { .seeded = 1 };

	for (size_t i = 0; i < 4; i++)
		rng.state[i] = splitmix64(&seed);
	return rng;
}

static uint64_t
rotate_left(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static uint64_t
xoshiro256(uint64_t s[4])
{
	uint64_t result = rotate_left(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

static void
system_bytes(uint8_t *ret, size_t len)
{
	while (len > 0) {
		ssize_t n = getrandom(ret, len, 0);

		if (n < 0 && errno != EINTR)
			abort();
		if (n > 0) {
			ret += n;
			len -= (size_t)n;
		}
	}
}

void
rng_bytes(struct rng *rng, void *ret, size_t len)
{
	uint8_t *out = ret;

	if (!rng->seeded) {
		system_bytes(out, len);
		return;
	}
	while (len > 0) {
		uint64_t word = xoshiro256(rng->state);
		size_t n = len < sizeof(word) ? len : sizeof(word);

		memcpy(out, &word, n);
		out += n;
		len -= n;
	}
}

uint64_t
rng_u64(struct rng *rng)
{
	uint64_t word;

	rng_bytes(rng, &word, sizeof(word));
	return word;
}

uint64_t
rng_below(struct rng *rng, uint64_t below)
{
	uint64_t word, uneven;

	if (below == 0)
		return 0;
	/* The lowest 2^64 mod below words would make small results likelier: draw again. */
	uneven = (0 - below) % below;
	do
		word = rng_u64(rng);
	while (word < uneven);
	return word % below;
}
