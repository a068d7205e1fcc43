/* seal.c: what was sealed opens in its place, and nothing else opens anywhere. */
#include "state/seal.h"

#include <sys/wait.h>

#include "unit/state/scratch.h"

static const struct key32 master = { "0123456789abcdef0123456789abcdef" };
static const struct seal_place place = { "PEOPLE", "key-1", 5 };
static const char plain[] = "ada@example.org";

static struct seal *
seal(void)
{
	struct seal *s;

	assert_int_equal(seal_new(&master, "test v1", &s), ERR_OK);
	return s;
}

static void
round_trips(void **state)
{
	static uint8_t text[3000], sealed[sizeof(text) + SEAL_OVERHEAD], back[sizeof(sealed)];
	struct rng rng = scratch_rng();
	struct seal *s = seal();
	size_t len;

	(void)state;
	for (size_t n = 0; n <= sizeof(text); n = n * 2 + 1) {
		rng_bytes(&rng, text, n);
		assert_int_equal(seal_wrap(s, &place, text, n, sealed), ERR_OK);
		assert_int_equal(seal_unwrap(s, &place, sealed, n + SEAL_OVERHEAD, back, &len), ERR_OK);
		assert_int_equal(len, n);
		assert_memory_equal(text, back, n);
	}
	seal_free(s);
}

static void
each_sealing_is_different(void **state)
{
	uint8_t a[sizeof(plain) + SEAL_OVERHEAD], b[sizeof(a)];
	struct seal *s = seal();

	(void)state;
	assert_int_equal(seal_wrap(s, &place, plain, sizeof(plain), a), ERR_OK);
	assert_int_equal(seal_wrap(s, &place, plain, sizeof(plain), b), ERR_OK);
	assert_memory_not_equal(a + 2, b + 2, 12);
	assert_memory_not_equal(a + SEAL_OVERHEAD, b + SEAL_OVERHEAD, sizeof(plain));
	assert_null(memmem(a, sizeof(a), "ada", 3));
	seal_free(s);
}

#define SEALINGS 5000

struct nonce {
	uint8_t b[12];
};

static struct nonce
nonce_of_sealing(struct seal *s)
{
	uint8_t sealed[sizeof(plain) + SEAL_OVERHEAD];
	struct nonce n;

	assert_int_equal(seal_wrap(s, &place, plain, sizeof(plain), sealed), ERR_OK);
	memcpy(n.b, sealed + 2, sizeof(n.b));
	return n;
}

static int
compare_nonces(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct nonce));
}

static void
all_different(struct nonce *nonces, size_t count)
{
	qsort(nonces, count, sizeof(*nonces), compare_nonces);
	for (size_t i = 1; i < count; i++)
		assert_memory_not_equal(&nonces[i - 1], &nonces[i], sizeof(*nonces));
}

static void
no_nonce_comes_twice(void **state)
{
	static struct nonce nonces[SEALINGS];
	struct seal *s[] = { seal(), seal() }; /* with one key */

	(void)state;
	for (size_t i = 0; i < SEALINGS; i++)
		nonces[i] = nonce_of_sealing(s[i % 3 == 0]);
	all_different(nonces, SEALINGS);
	seal_free(s[0]);
	seal_free(s[1]);
}

/* Each of the two has nonces at hand, drawn before. */
static void
a_forked_process_has_nonces_of_its_own(void **state)
{
	struct nonce nonces[81];
	struct seal *s = seal();
	int ends[2], status;
	pid_t pid;

	(void)state;
	nonces[0] = nonce_of_sealing(s);
	assert_int_equal(pipe(ends), 0);
	assert_true((pid = fork()) >= 0);
	for (size_t i = 0; i < 40; i++)
		nonces[1 + i] = nonce_of_sealing(s);
	if (pid == 0)
		_exit(write(ends[1], nonces + 1, 40 * sizeof(*nonces)) != 40 * (ssize_t)sizeof(*nonces));
	assert_int_equal(read(ends[0], nonces + 41, 40 * sizeof(*nonces)), 40 * (ssize_t)sizeof(*nonces));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	all_different(nonces, 81);
	(void)close(ends[0]);
	(void)close(ends[1]);
	seal_free(s);
}

static void
every_flipped_bit_is_found(void **state)
{
	uint8_t sealed[sizeof(plain) + SEAL_OVERHEAD], back[sizeof(sealed)];
	struct seal *s = seal();
	size_t len;

	(void)state;
	assert_int_equal(seal_wrap(s, &place, plain, sizeof(plain), sealed), ERR_OK);
	for (size_t bit = 0; bit < sizeof(sealed) * 8; bit++) {
		sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_int_equal(seal_unwrap(s, &place, sealed, sizeof(sealed), back, &len), ERR_CORRUPT);
		sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	for (size_t cut = 0; cut < sizeof(sealed); cut++)
		assert_int_equal(seal_unwrap(s, &place, sealed, cut, back, &len), ERR_CORRUPT);
	assert_int_equal(seal_unwrap(s, &place, sealed, sizeof(sealed), back, &len), ERR_OK);
	seal_free(s);
}

static void
moved_values_do_not_open(void **state)
{
	static const struct seal_place others[] = {
		{ "PEOPLE", "key-2", 5 },
		{ "MEMBERS", "key-1", 5 },
		{ "PEOPLE", "key-1", 4 },
		{ "PEOPLE", "", 0 },
		{ "PEOPLEkey-", "1", 1 },
	};
	uint8_t sealed[sizeof(plain) + SEAL_OVERHEAD], back[sizeof(sealed)];
	struct seal *s = seal(), *other;
	size_t len;

	(void)state;
	assert_int_equal(seal_wrap(s, &place, plain, sizeof(plain), sealed), ERR_OK);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(seal_unwrap(s, &others[i], sealed, sizeof(sealed), back, &len), ERR_CORRUPT);
	assert_int_equal(seal_new(&master, "test v2", &other), ERR_OK);
	assert_int_equal(seal_unwrap(other, &place, sealed, sizeof(sealed), back, &len), ERR_CORRUPT);
	seal_free(other);
	seal_free(s);
	seal_free(NULL);
}

/* Made by Node's crypto, with the nonce 00112233445566778899aabb; the keys are HKDF-SHA-256(master, "test v1"), and master itself with
 * the id 0x010203. */
static void
another_implementation_made_these(void **state)
{
	static const struct {
		bool by_id;
		struct seal_place place;
		const char *plain;
		size_t plain_len;
		const char *hex;
	} vectors[] = {
		{ false, { "PEOPLE", "key-1", 5 }, "ada@example.org", 16,
		    "010100112233445566778899aabb97ffb13d1314cf4ef4097ec87407f0fe9daaac5ae1d542664fd0b3c10683c5d9" },
		{ true, { "PEOPLE", "key-1", 5 }, "ada@example.org", 16,
		    "020001020300112233445566778899aabb288c7c3252a228354a4993d8623fa0c73fff5ede04ee5c8af829d2164116b169" },
		{ true, { "", "", 0 }, "", 0, "020001020300112233445566778899aabbe3c69916c9ae0aba0706d8b0fdff34df" },
	};
	uint8_t sealed[128], back[128];
	struct seal *first = seal(), *second, *s;
	size_t len, back_len;

	(void)state;
	assert_int_equal(seal_new_id(&master, 0x010203, &second), ERR_OK);
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		s = vectors[i].by_id ? second : first;
		for (len = 0; vectors[i].hex[2 * len] != '\0'; len++) {
			char byte[3] = { vectors[i].hex[2 * len], vectors[i].hex[2 * len + 1], '\0' };

			sealed[len] = (uint8_t)strtoul(byte, NULL, 16);
		}
		assert_int_equal(seal_key_id(sealed, len), vectors[i].by_id ? 0x010203 : SEAL_ID_FIRST);
		assert_int_equal(len, vectors[i].plain_len + seal_overhead(s));
		assert_int_equal(seal_unwrap(s, &vectors[i].place, sealed, len, back, &back_len), ERR_OK);
		assert_int_equal(back_len, vectors[i].plain_len);
		assert_memory_equal(back, vectors[i].plain, back_len);
		assert_int_equal(
		    seal_unwrap(s == first ? second : first, &vectors[i].place, sealed, len, back, &back_len), ERR_CORRUPT);
		for (size_t cut = 0; cut < len; cut++)
			assert_int_equal(seal_unwrap(s, &vectors[i].place, sealed, cut, back, &back_len), ERR_CORRUPT);
		for (size_t at = 0; at < len; at++) {
			sealed[at] ^= 0x20;
			assert_int_equal(seal_unwrap(s, &vectors[i].place, sealed, len, back, &back_len), ERR_CORRUPT);
			sealed[at] ^= 0x20;
		}
	}
	assert_int_equal(seal_key_id("", 0), 0);
	assert_int_equal(seal_key_id("\3abcdefghijklmnopqrstuvwxyz0123456789", 37), 0);
	seal_free(first);
	seal_free(second);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trips),
		cmocka_unit_test(each_sealing_is_different),
		cmocka_unit_test(no_nonce_comes_twice),
		cmocka_unit_test(a_forked_process_has_nonces_of_its_own),
		cmocka_unit_test(every_flipped_bit_is_found),
		cmocka_unit_test(moved_values_do_not_open),
		cmocka_unit_test(another_implementation_made_these),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
