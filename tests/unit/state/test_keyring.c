/* keyring.c: only the master key opens it, nothing damaged passes, and what was dropped is in no file. */
#include "state/keyring.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "state/seal.h"
#include "unit/state/scratch.h"

static const struct key32 master = { "0123456789abcdef0123456789abcdef" };
static const struct key32 other = { "another master key of 32 bytes.." };
static const struct key_owner nobody, acme = { "acme" }, globex = { "globex" };
static const struct seal_place place = { "PEOPLE", "key-1", 5 };
static const char plain[] = "ada@example.org";

struct world {
	struct scratch dir;
	char path[PATH_MAX + 300];
	struct keyring *keys;
};

static void
world_make(struct world *w)
{
	char why[256] = "";

	memset(w, 0, sizeof(*w));
	scratch_make(&w->dir);
	scratch_file(&w->dir, "keys", w->path);
	assert_int_equal(keyring_open(w->path, &master, NULL, &w->keys, why, sizeof(why)), ERR_NOTFOUND);
	assert_int_equal(keyring_make(w->path, &master, NULL, &w->keys, why, sizeof(why)), ERR_OK);
}

static enum err
reopen(struct world *w, const struct key32 *key, const struct key32 *previous)
{
	char why[256] = "";

	keyring_free(w->keys);
	w->keys = NULL;
	return keyring_open(w->path, key, previous, &w->keys, why, sizeof(why));
}

static void
world_done(struct world *w)
{
	keyring_free(w->keys);
	scratch_remove(&w->dir);
}

static void
wrap(struct world *w, const struct key_owner *owner, uint8_t ret[sizeof(plain) + SEAL_OVERHEAD_MAX])
{
	struct seal *s;

	assert_int_equal(keyring_seal(w->keys, owner, &s), ERR_OK);
	assert_int_equal(seal_overhead(s), SEAL_OVERHEAD_MAX);
	assert_int_equal(seal_wrap(s, &place, plain, sizeof(plain), ret), ERR_OK);
}

static bool
opens(struct world *w, const uint8_t sealed[sizeof(plain) + SEAL_OVERHEAD_MAX])
{
	uint8_t back[sizeof(plain) + SEAL_OVERHEAD_MAX];
	size_t len;
	struct seal *s = keyring_by_id(w->keys, seal_key_id(sealed, sizeof(plain) + SEAL_OVERHEAD_MAX));

	return s != NULL && seal_unwrap(s, &place, sealed, sizeof(plain) + SEAL_OVERHEAD_MAX, back, &len) == ERR_OK &&
	       len == sizeof(plain) && memcmp(back, plain, len) == 0;
}

static size_t
file_read_all(const char *path, uint8_t *ret, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, ret, size);
	(void)close(fd);
	assert_true(n > 0);
	return (size_t)n;
}

static void
each_owner_has_a_key_and_keeps_it(void **state)
{
	uint8_t a[64], b[64], c[64];
	struct world w;

	(void)state;
	world_make(&w);
	wrap(&w, &acme, a);
	wrap(&w, &globex, b);
	wrap(&w, &nobody, c);
	assert_int_not_equal(seal_key_id(a, sizeof(a)), seal_key_id(b, sizeof(b)));
	assert_int_not_equal(seal_key_id(a, sizeof(a)), seal_key_id(c, sizeof(c)));
	assert_int_equal(reopen(&w, &master, NULL), ERR_OK);
	assert_true(opens(&w, a) && opens(&w, b) && opens(&w, c));
	wrap(&w, &acme, b);
	assert_int_equal(seal_key_id(a, sizeof(a)), seal_key_id(b, sizeof(b)));
	world_done(&w);
}

static uint32_t
key_of(struct world *w, const struct key_owner *owner)
{
	uint8_t sealed[64];

	wrap(w, owner, sealed);
	return seal_key_id(sealed, sizeof(sealed));
}

/* Owners that resemble each other, keys that go and others that take their place. */
static void
no_owner_is_taken_for_another(void **state)
{
	static const struct key_owner owners[] = { { "acme" }, { "acme 2" }, { "a" }, { "bcme" } };
	enum { COUNT = sizeof(owners) / sizeof(owners[0]) };
	uint32_t ids[COUNT], now;
	size_t dropped;
	struct world w;

	(void)state;
	world_make(&w);
	for (size_t i = 0; i < COUNT; i++)
		ids[i] = key_of(&w, &owners[i]);
	for (size_t round = 0; round < 3; round++)
		for (size_t i = 0; i < COUNT; i++)
			for (size_t j = 0; j < COUNT; j++) {
				assert_int_equal(key_of(&w, &owners[i]), ids[i]);
				assert_int_equal(ids[i] == ids[j], i == j);
			}
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(keyring_retire(w.keys, &owners[i]), ERR_OK);
		now = key_of(&w, &owners[i]);
		assert_int_not_equal(now, ids[i]);
		ids[i] = now;
		if (i % 2 == 0)
			assert_int_equal(keyring_drop_retired(w.keys, &dropped), ERR_OK);
		for (size_t j = 0; j < COUNT; j++)
			assert_int_equal(key_of(&w, &owners[j]), ids[j]);
	}
	world_done(&w);
}

static void
a_wrong_master_key_is_told_from_damage(void **state)
{
	struct world w;
	uint8_t data[4096];
	size_t len;

	(void)state;
	world_make(&w);
	assert_int_equal(reopen(&w, &other, NULL), ERR_UNAUTHORIZED);
	len = file_read_all(w.path, data, sizeof(data));
	/* Every byte but those of the check itself: damage, never another answer. */
	for (size_t i = 0; i < len; i++) {
		bool check = i >= 16 && i < 32;
		struct keyring *k = NULL;
		char why[256];

		data[i] ^= 0x10;
		assert_int_equal(
		    keyring_read(data, len, &master, NULL, &k, why, sizeof(why)), check ? ERR_UNAUTHORIZED : ERR_CORRUPT);
		data[i] ^= 0x10;
	}
	for (size_t cut = 0; cut < len; cut++) {
		struct keyring *k = NULL;
		char why[256];

		assert_int_equal(keyring_read(data, cut, &master, NULL, &k, why, sizeof(why)), ERR_CORRUPT);
	}
	world_done(&w);
}

static void
another_master_key_wraps_it_anew(void **state)
{
	uint8_t a[64], b[64];
	size_t dropped;
	struct world w;

	(void)state;
	world_make(&w);
	wrap(&w, &acme, a);
	assert_false(keyring_retiring(w.keys, NULL));
	assert_int_equal(reopen(&w, &other, &master), ERR_OK);
	assert_true(keyring_rewrapped(w.keys) && keyring_retiring(w.keys, NULL) && opens(&w, a));
	wrap(&w, &acme, b);
	assert_int_not_equal(seal_key_id(a, sizeof(a)), seal_key_id(b, sizeof(b)));
	/* It was written: the former one opens nothing now, and naming it still does no harm. */
	assert_int_equal(reopen(&w, &master, NULL), ERR_UNAUTHORIZED);
	assert_int_equal(reopen(&w, &other, &master), ERR_OK);
	assert_true(!keyring_rewrapped(w.keys) && keyring_retiring(w.keys, NULL) && opens(&w, a) && opens(&w, b));
	assert_int_equal(keyring_drop_retired(w.keys, &dropped), ERR_OK);
	assert_int_equal(dropped, 2);
	assert_int_equal(reopen(&w, &other, NULL), ERR_OK);
	assert_true(!opens(&w, a) && opens(&w, b) && !keyring_retiring(w.keys, NULL));
	world_done(&w);
}

/* What the file held of the key, byte for byte, is nowhere any more: not even in the file that was replaced. */
static void
a_dropped_key_is_in_no_file(void **state)
{
	uint8_t a[64], before[4096], after[4096];
	size_t len, dropped, after_len;
	struct world w;
	int former;

	(void)state;
	world_make(&w);
	wrap(&w, &globex, a);
	wrap(&w, &acme, a);
	len = file_read_all(w.path, before, sizeof(before));
	assert_int_equal(keyring_retire(w.keys, &acme), ERR_OK);
	assert_true(keyring_retiring(w.keys, &acme) && !keyring_retiring(w.keys, &globex));
	assert_true((former = open(w.path, O_RDONLY)) >= 0);
	assert_int_equal(keyring_drop_retired(w.keys, &dropped), ERR_OK);
	assert_int_equal(dropped, 2);
	assert_false(opens(&w, a));
	after_len = (size_t)pread(former, after, sizeof(after), 0);
	for (size_t i = 0; i < after_len; i++)
		assert_int_equal(after[i], 0);
	(void)close(former);
	after_len = file_read_all(w.path, after, sizeof(after));
	/* Any run of 16 sealed bytes of acme's entry, the last one before the HMAC. */
	for (size_t i = len - 32 - 65; i + 16 <= len - 32; i++)
		assert_null(memmem(after, after_len, before + i, 16));
	world_done(&w);
}

/* A folder stands where the new file would be made: as good as a full disk. */
static void
block(const struct world *w, bool on)
{
	char path[sizeof(w->path) + 8];

	(void)snprintf(path, sizeof(path), "%s.new", w->path);
	assert_int_equal(on ? mkdir(path, 0700) : rmdir(path), 0);
}

/* Nothing may be sealed with a key that only memory has, and what could not be dropped is still to be. */
static void
a_change_that_cannot_be_written_is_none(void **state)
{
	static const struct key_owner initech = { "initech" };
	uint8_t a[64], b[64], c[64];
	size_t dropped = 77;
	struct world w;
	struct seal *s;

	(void)state;
	world_make(&w);
	wrap(&w, &acme, a);
	block(&w, true);
	assert_int_equal(keyring_seal(w.keys, &initech, &s), ERR_IO);
	assert_int_equal(keyring_seal(w.keys, &initech, &s), ERR_IO);
	assert_int_equal(keyring_retire(w.keys, &acme), ERR_IO);
	assert_int_equal(keyring_rewrap(w.keys, &other), ERR_IO);
	assert_true(keyring_has_master(w.keys, &master) && !keyring_retiring(w.keys, NULL));
	wrap(&w, &acme, b);
	wrap(&w, &nobody, c);
	block(&w, false);
	assert_int_equal(reopen(&w, &master, NULL), ERR_OK);
	assert_true(opens(&w, a) && opens(&w, b) && opens(&w, c));
	assert_int_equal(keyring_retire(w.keys, &acme), ERR_OK);
	block(&w, true);
	assert_int_equal(keyring_drop_retired(w.keys, &dropped), ERR_IO);
	assert_int_equal(dropped, 0);
	assert_true(keyring_retiring(w.keys, &acme) && opens(&w, a));
	block(&w, false);
	assert_int_equal(keyring_drop_retired(w.keys, &dropped), ERR_OK);
	assert_int_equal(dropped, 2);
	assert_true(!keyring_retiring(w.keys, NULL) && !opens(&w, a) && !opens(&w, c));
	world_done(&w);
}

static void
the_first_layout_still_opens(void **state)
{
	uint8_t sealed[sizeof(plain) + SEAL_OVERHEAD], back[sizeof(sealed)];
	struct key32 first;
	struct keyring *k;
	struct world w;
	struct seal *s;
	char why[256];
	size_t len;

	(void)state;
	world_make(&w);
	key_derive(&master, "values of the first layout", &first);
	assert_int_equal(seal_new(&master, "values of the first layout", &s), ERR_OK);
	assert_int_equal(seal_wrap(s, &place, plain, sizeof(plain), sealed), ERR_OK);
	seal_free(s);
	assert_int_equal(keyring_make(w.path, &master, &first, &k, why, sizeof(why)), ERR_OK);
	assert_int_equal(seal_key_id(sealed, sizeof(sealed)), SEAL_ID_FIRST);
	assert_true(keyring_is_retired(k, SEAL_ID_FIRST));
	assert_int_equal(seal_unwrap(keyring_by_id(k, SEAL_ID_FIRST), &place, sealed, sizeof(sealed), back, &len), ERR_OK);
	assert_string_equal(back, plain);
	keyring_free(k);
	world_done(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_owner_has_a_key_and_keeps_it),
		cmocka_unit_test(no_owner_is_taken_for_another),
		cmocka_unit_test(a_wrong_master_key_is_told_from_damage),
		cmocka_unit_test(another_master_key_wraps_it_anew),
		cmocka_unit_test(a_dropped_key_is_in_no_file),
		cmocka_unit_test(a_change_that_cannot_be_written_is_none),
		cmocka_unit_test(the_first_layout_still_opens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
