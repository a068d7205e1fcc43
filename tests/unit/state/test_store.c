/* store.c: a turn is on disk whole or not at all, and nothing readable is. */
#include "state/store.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "state/codec.h"
#include "state/env.h"
#include "state/keyring.h"
#include "state/seal.h"
#include "state/store_damaged.h"
#include "state/store_reseal.h"
#include "unit/state/scratch.h"

#define WALL_MS 1790000000000LL

struct world {
	struct scratch dir;
	struct clock *clock;
	struct store *store;
	struct store_options options;
	char directory[PATH_MAX + 300];
	unsigned failures, batches, ops, deletes;
};

static void
on_failure(void *arg, enum err e)
{
	struct world *w = arg;

	assert_int_not_equal(e, ERR_OK);
	w->failures++;
}

static void
on_commit(void *arg, const struct store_op *ops, size_t count)
{
	struct world *w = arg;

	w->batches++;
	w->ops += (unsigned)count;
	for (size_t i = 0; i < count; i++) {
		assert_true(ops[i].key_len > 0 && ops[i].table < TABLE_COUNT);
		if (ops[i].value == NULL)
			w->deletes++;
		else
			assert_true(ops[i].value_len > 30);
	}
}

static enum err
try_open(struct world *w, char why[256])
{
	w->store = NULL;
	return store_open(&w->options, &w->store, why, 256);
}

static void
reopen(struct world *w)
{
	char why[256] = "";

	if (try_open(w, why) != ERR_OK)
		fail_msg("store_open: %s", why);
}

static void
world_make(struct world *w)
{
	memset(w, 0, sizeof(*w));
	scratch_make(&w->dir);
	assert_non_null(w->clock = clock_new_manual(WALL_MS));
	w->options = (struct store_options){
		.directory = scratch_file(&w->dir, "state", w->directory),
		.map_size_bytes = 64 << 20,
		.key = { "the key of the tests' own store." },
		.clock = w->clock,
		.on_failure = on_failure,
		.on_failure_arg = w,
	};
	reopen(w);
}

static void
world_done(struct world *w)
{
	store_close(w->store);
	clock_free(w->clock);
	scratch_remove(&w->dir);
}

static struct store_key
erg_key(struct world *w, const char *id)
{
	struct store_key key;

	store_key_init(&key);
	store_key_id(w->store, &key, "erg", id);
	return key;
}

static void
put_erg(struct world *w, const char *id, int64_t generation)
{
	struct store_key key = erg_key(w, id);
	struct erg erg = { .generation = generation, .name = "Parents at work" };

	(void)snprintf(erg.id.s, sizeof(erg.id.s), "%s", id);
	store_put(w->store, TABLE_ERGS, &key, &erg);
}

/* -1: no such ERG. */
static int64_t
generation_of(struct world *w, const char *id)
{
	struct store_key key = erg_key(w, id);
	struct erg erg;
	enum err e = store_get(w->store, TABLE_ERGS, &key, &erg);

	if (e == ERR_NOTFOUND)
		return -1;
	assert_int_equal(e, ERR_OK);
	assert_string_equal(erg.id.s, id);
	return erg.generation;
}

static void
a_turn_is_read_before_it_is_committed(void **state)
{
	struct store_stats st;
	struct world w;

	(void)state;
	world_make(&w);
	assert_int_equal(generation_of(&w, "blue"), -1);
	put_erg(&w, "blue", 1);
	assert_true(store_turn_open(w.store));
	assert_int_equal(generation_of(&w, "blue"), 1);
	put_erg(&w, "blue", 2);
	store_stats(w.store, &st);
	assert_int_equal(st.commits, 0);
	assert_int_equal(st.rows[TABLE_ERGS], 1);
	clock_manual_advance(w.clock, 0);
	assert_false(store_turn_open(w.store));
	assert_int_equal(generation_of(&w, "blue"), 2);
	store_stats(w.store, &st);
	assert_int_equal(st.commits, 1);
	world_done(&w);
}

static void
a_crash_loses_exactly_the_turn(void **state)
{
	struct world w;

	(void)state;
	world_make(&w);
	put_erg(&w, "blue", 1);
	put_erg(&w, "red", 1);
	store_commit(w.store);
	put_erg(&w, "blue", 2);
	put_erg(&w, "green", 2);
	store_drop(w.store);
	reopen(&w);
	assert_int_equal(generation_of(&w, "blue"), 1);
	assert_int_equal(generation_of(&w, "red"), 1);
	assert_int_equal(generation_of(&w, "green"), -1);
	put_erg(&w, "green", 3);
	store_close(w.store);
	reopen(&w);
	assert_int_equal(generation_of(&w, "green"), 3);
	world_done(&w);
}

/* --- after the commit --- */

struct order {
	struct world *world;
	char text[32];
};

static void
say(struct order *o, char c)
{
	size_t len = strlen(o->text);

	assert_true(len + 1 < sizeof(o->text));
	o->text[len] = c;
}

static void
say_a(void *arg)
{
	struct order *o = arg;

	say(o, 'a');
	assert_false(store_turn_open(o->world->store));
}

static void
say_b_and_put(void *arg)
{
	struct order *o = arg;

	say(o, 'b');
	put_erg(o->world, "late", 1);
	store_after_commit(o->world->store, say_a, o);
}

static void
callbacks_wait_for_the_commit(void **state)
{
	struct order o = { .text = "" };
	struct world w;

	(void)state;
	world_make(&w);
	o.world = &w;
	put_erg(&w, "blue", 1);
	store_after_commit(w.store, say_a, &o);
	store_after_commit(w.store, say_b_and_put, &o);
	assert_string_equal(o.text, "");
	store_commit(w.store);
	assert_string_equal(o.text, "ab");
	assert_true(store_turn_open(w.store));
	clock_manual_advance(w.clock, 0);
	assert_string_equal(o.text, "aba");
	store_after_commit(w.store, say_a, &o); /* nothing is open */
	assert_string_equal(o.text, "aba");
	clock_manual_advance(w.clock, 0);
	assert_string_equal(o.text, "abaa");

	/* A crash before the commit: nobody is told. */
	put_erg(&w, "blue", 2);
	store_after_commit(w.store, say_a, &o);
	store_drop(w.store);
	assert_string_equal(o.text, "abaa");
	reopen(&w);
	world_done(&w);
}

static void
the_batch_is_seen_whole(void **state)
{
	struct store_key key;
	struct world w;

	(void)state;
	world_make(&w);
	store_close(w.store);
	w.options.on_commit = on_commit;
	w.options.on_commit_arg = &w;
	reopen(&w);
	for (int i = 0; i < 200; i++) {
		char id[16];

		(void)snprintf(id, sizeof(id), "erg%d", i);
		put_erg(&w, id, i);
	}
	key = erg_key(&w, "erg7");
	store_del(w.store, TABLE_ERGS, &key);
	store_del(w.store, TABLE_ERGS, &key);
	store_commit(w.store);
	store_commit(w.store);
	assert_int_equal(w.batches, 1);
	assert_int_equal(w.ops, 201);
	assert_int_equal(w.deletes, 1);
	put_erg(&w, "erg7", 1);
	store_drop(w.store);
	reopen(&w);
	assert_int_equal(w.batches, 1);
	world_done(&w);
}

/* --- cursors --- */

static struct store_key
number_key(uint64_t prefix, uint64_t n)
{
	struct store_key key;

	store_key_init(&key);
	store_key_u64(&key, prefix);
	store_key_u64(&key, n);
	return key;
}

static void
put_number(struct world *w, uint64_t prefix, uint64_t n)
{
	struct store_key key = number_key(prefix, n);
	struct person_ref ref = { n };

	store_put(w->store, TABLE_MEMBERSHIPS, &key, &ref);
}

static void
walks_keep_to_their_prefix(void **state)
{
	struct store_key prefix, after, key;
	struct store_cursor *c;
	struct person_ref ref;
	struct world w;
	uint64_t n = 0;

	(void)state;
	world_make(&w);
	for (uint64_t p = 1; p <= 3; p++)
		for (uint64_t i = 0; i < 10; i++)
			put_number(&w, p, i);
	store_key_init(&prefix);
	store_key_u64(&prefix, 2);
	c = store_seek(w.store, TABLE_MEMBERSHIPS, &prefix, NULL);
	while (store_next(c, &key, &ref) == ERR_OK) {
		assert_int_equal(ref.person, n++);
		assert_int_equal(key.len, 16);
		assert_int_equal(store_key_number(&key), ref.person);
	}
	assert_int_equal(n, 10);
	assert_int_equal(store_next(c, &key, &ref), ERR_NOTFOUND);
	store_cursor_close(c);

	after = number_key(2, 6);
	c = store_seek(w.store, TABLE_MEMBERSHIPS, &prefix, &after);
	for (n = 7; store_next(c, NULL, &ref) == ERR_OK; n++)
		assert_int_equal(ref.person, n);
	assert_int_equal(n, 10);
	store_cursor_close(c);

	c = store_seek(w.store, TABLE_MEMBERSHIPS, NULL, NULL);
	n = 0;
	while (store_next(c, NULL, &ref) == ERR_OK)
		n++;
	assert_int_equal(n, 30);
	store_cursor_close(c);
	assert_int_equal(store_last(w.store, TABLE_MEMBERSHIPS, &key), ERR_OK);
	assert_int_equal(store_key_number(&key), 9);
	assert_int_equal(store_last(w.store, TABLE_RESYNCS, &key), ERR_NOTFOUND);
	world_done(&w);
}

/* Deletes what is walked, adds before and behind, and lets the turn end meanwhile: each old row is seen once. */
static void
walks_survive_puts_deletes_and_commits(void **state)
{
	struct rng rng = scratch_rng();
	struct store_key key;
	struct store_cursor *c;
	struct person_ref ref;
	bool seen[200] = { false };
	struct world w;

	(void)state;
	world_make(&w);
	for (uint64_t i = 0; i < 200; i++)
		put_number(&w, 5, i * 10);
	store_commit(w.store);
	c = store_seek(w.store, TABLE_MEMBERSHIPS, NULL, NULL);
	while (store_next(c, &key, &ref) == ERR_OK) {
		if (ref.person % 10 == 0) {
			assert_false(seen[ref.person / 10]);
			seen[ref.person / 10] = true;
		}
		switch (rng_below(&rng, 4)) {
		case 0: store_del(w.store, TABLE_MEMBERSHIPS, &key); break;
		case 1: put_number(&w, 5, ref.person - ref.person % 10 + 1 + rng_below(&rng, 9)); break;
		case 2: store_commit(w.store); break;
		default: break;
		}
	}
	store_cursor_close(c);
	for (size_t i = 0; i < 200; i++)
		assert_true(seen[i]);
	world_done(&w);
}

/* A random run of puts, deletes, commits and crashes, against a plain array. */
static void
random_runs_match_a_model(void **state)
{
	struct rng rng = scratch_rng();
	int64_t now[20], disk[20];
	struct world w;

	(void)state;
	world_make(&w);
	for (size_t i = 0; i < 20; i++)
		now[i] = disk[i] = -1;
	for (unsigned round = 0; round < 2000; round++) {
		size_t i = (size_t)rng_below(&rng, 20);
		struct store_key key;
		char id[8];

		(void)snprintf(id, sizeof(id), "e%zu", i);
		key = erg_key(&w, id);
		switch (rng_below(&rng, 40)) {
		case 0:
			store_drop(w.store);
			reopen(&w);
			memcpy(now, disk, sizeof(now));
			break;
		case 1:
		case 2:
		case 3:
			clock_manual_advance(w.clock, 0);
			memcpy(disk, now, sizeof(now));
			break;
		case 4:
		case 5:
		case 6:
		case 7:
			store_del(w.store, TABLE_ERGS, &key);
			now[i] = -1;
			break;
		case 8:
		case 9:
		case 10: put_erg(&w, id, now[i] = round); break;
		default:
			assert_true(generation_of(&w, id) == now[i]);
			assert_true(store_has(w.store, TABLE_ERGS, &key) == (now[i] >= 0));
		}
	}
	world_done(&w);
}

static void
numbers_are_not_given_twice(void **state)
{
	struct world w;

	(void)state;
	world_make(&w);
	assert_int_equal(store_next_number(w.store, "a"), 1);
	assert_int_equal(store_next_number(w.store, "a"), 2);
	assert_int_equal(store_next_number(w.store, "b"), 1);
	store_close(w.store);
	reopen(&w);
	assert_int_equal(store_next_number(w.store, "a"), 3);
	store_drop(w.store);
	reopen(&w);
	assert_int_equal(store_next_number(w.store, "a"), 3); /* nobody was told of the lost one */
	world_done(&w);
}

/* --- what must be refused --- */

static void
the_wrong_key_is_refused(void **state)
{
	struct world w;
	char why[256];

	(void)state;
	world_make(&w);
	put_erg(&w, "blue", 1);
	store_close(w.store);
	w.options.key.b[31] ^= 1;
	assert_int_equal(try_open(&w, why), ERR_UNAUTHORIZED);
	assert_string_equal(why, "the key in key_file is not the one this store was sealed with");
	w.options.key.b[31] ^= 1;
	reopen(&w);
	assert_int_equal(generation_of(&w, "blue"), 1);
	world_done(&w);
}

static void
a_second_process_is_refused(void **state)
{
	struct world w;
	struct store *first;
	char why[256];
	int status;
	pid_t pid;

	(void)state;
	world_make(&w);
	first = w.store;
	assert_int_equal(try_open(&w, why), ERR_BUSY);
	w.store = first;
	assert_true((pid = fork()) >= 0);
	if (pid == 0)
		_exit(try_open(&w, why) == ERR_BUSY ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	world_done(&w);
}

/* Replaces each `from` in the data file. */
static void
patch_file(const struct world *w, const char *from, const char *to, size_t len)
{
	char path[PATH_MAX + 300], *data, *at;
	struct stat st;
	int fd;

	assert_true((fd = open(scratch_file(&w->dir, "state/data.mdb", path), O_RDWR)) >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_non_null(data = malloc((size_t)st.st_size));
	assert_int_equal(pread(fd, data, (size_t)st.st_size, 0), st.st_size);
	for (at = data; (at = memmem(at, (size_t)(data + st.st_size - at), from, len)) != NULL; at++)
		assert_int_equal(pwrite(fd, to, len, at - data), len);
	free(data);
	(void)close(fd);
}

static void
a_newer_format_is_refused(void **state)
{
	struct world w;
	char why[256];

	(void)state;
	world_make(&w);
	store_close(w.store);
	patch_file(&w, "\x05store\x02", "\x05store\x03", 7);
	assert_int_equal(try_open(&w, why), ERR_TOONEW);
	assert_string_equal(why, "the store was written by ergsync format 3, this program knows up to 2: install the newer "
	                         "version or restore a backup");
	patch_file(&w, "\x05store\x03", "\x05stone\x02", 7);
	assert_int_equal(try_open(&w, why), ERR_CORRUPT);
	world_done(&w);
}

static void
a_cut_file_is_refused(void **state)
{
	char path[PATH_MAX + 300], why[256];
	struct world w;

	(void)state;
	world_make(&w);
	for (int i = 0; i < 100; i++)
		put_erg(&w, "blue", i);
	store_close(w.store);
	(void)scratch_file(&w.dir, "state/data.mdb", path);
	for (off_t size = 5 * 4096; size > 0; size -= 4096 / 2) {
		assert_int_equal(truncate(path, size), 0);
		assert_int_equal(try_open(&w, why), ERR_CORRUPT);
	}
	world_done(&w);
}

/* Rows that were changed or swapped on disk: each is refused alone, a walk goes on. */
static void
damaged_rows_are_skipped(void **state)
{
	char path[PATH_MAX + 300];
	struct store_key key;
	struct store_cursor *c;
	struct store_stats st;
	struct person_ref ref;
	uint64_t n = 0, sum = 0;
	struct world w;
	uint8_t *at;
	char *data;
	off_t size;
	int fd;

	(void)state;
	world_make(&w);
	for (uint64_t i = 1; i <= 5; i++)
		put_number(&w, 0x1122334455667788, i);
	store_close(w.store);

	/* In each copy of the third row: one bit of its ciphertext. */
	key = number_key(0x1122334455667788, 3);
	assert_true((fd = open(scratch_file(&w.dir, "state/data.mdb", path), O_RDWR)) >= 0);
	size = lseek(fd, 0, SEEK_END);
	assert_non_null(data = malloc((size_t)size));
	assert_int_equal(pread(fd, data, (size_t)size, 0), size);
	for (at = (uint8_t *)data; (at = memmem(at, (size_t)((uint8_t *)data + size - at), key.b, key.len)) != NULL; at++) {
		uint8_t flipped = at[key.len + 31] ^ 4;

		assert_int_equal(pwrite(fd, &flipped, 1, (char *)at + key.len + 31 - data), 1);
	}
	free(data);
	(void)close(fd);

	reopen(&w);
	assert_int_equal(store_get(w.store, TABLE_MEMBERSHIPS, &key, &ref), ERR_CORRUPT);
	c = store_seek(w.store, TABLE_MEMBERSHIPS, NULL, NULL);
	for (; store_next(c, NULL, &ref) == ERR_OK; n++)
		sum += ref.person;
	store_cursor_close(c);
	assert_int_equal(n, 4);
	assert_int_equal(sum, 1 + 2 + 4 + 5);
	store_stats(w.store, &st);
	assert_int_equal(st.damaged, 1);
	put_number(&w, 0x1122334455667788, 3); /* rebuilt */
	assert_int_equal(store_get(w.store, TABLE_MEMBERSHIPS, &key, &ref), ERR_OK);
	assert_int_equal(w.failures, 0);
	world_done(&w);
}

static void
nothing_personal_is_readable(void **state)
{
	static const char *const files[] = { "state/data.mdb", "state/lock.mdb", "state/writer.lock", "state/keys" };
	static const char *const planted[] = { "ada@example.org", "Ada Lovelace", "11111111-2222-4333-8444-555555555555",
		"deltatoken-abcdef", "erg-of-parents", "user-4711" };
	struct person p = { .id = 9,
		.user = { "user-4711" },
		.entra_id = { "11111111-2222-4333-8444-555555555555" },
		.email = "ada@example.org",
		.name = "Ada Lovelace" };
	struct cursor_record cursor = { .text = "https://example.org/delta?deltatoken-abcdef" };
	char path[PATH_MAX + 300];
	struct store_key key;
	struct world w;

	(void)state;
	world_make(&w);
	put_erg(&w, "erg-of-parents", 1);
	store_key_init(&key);
	store_key_id(w.store, &key, "email", p.email);
	store_put(w.store, TABLE_PEOPLE, &key, &p);
	store_key_init(&key);
	store_key_id(w.store, &key, "cursor", "user-4711");
	store_put(w.store, TABLE_CURSORS, &key, &cursor);
	store_close(w.store);
	for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++)
		for (size_t i = 0; i < sizeof(planted) / sizeof(planted[0]); i++)
			assert_false(scratch_contains(scratch_file(&w.dir, files[f], path), planted[i]));
	reopen(&w);
	world_done(&w);
}

static void
id_keys_differ_by_kind_and_store(void **state)
{
	struct store_key a, b, c;
	struct world w;

	(void)state;
	world_make(&w);
	store_key_init(&a);
	store_key_id(w.store, &a, "user", "u1");
	store_key_init(&b);
	store_key_id(w.store, &b, "erg", "u1");
	store_key_init(&c);
	store_key_id(w.store, &c, "user", "u1");
	assert_int_equal(a.len, 16);
	assert_memory_equal(a.b, c.b, 16);
	assert_memory_not_equal(a.b, b.b, 16);
	world_done(&w);
}

/* --- keys of tenants --- */

static struct store_key
tenant_key(struct world *w, const char *id)
{
	struct store_key key;

	store_key_init(&key);
	store_key_id(w->store, &key, "tenant", id);
	return key;
}

static void
put_tenant(struct world *w, const char *id)
{
	struct tenant tenant = { .organizer = "somebody@example.org" };
	struct store_key key = tenant_key(w, id);

	(void)snprintf(tenant.id.s, sizeof(tenant.id.s), "%s", id);
	store_put(w->store, TABLE_TENANTS, &key, &tenant);
}

static void
put_erg_of(struct world *w, const char *id, const char *tenant)
{
	struct store_key key = erg_key(w, id);
	struct erg erg = { .generation = 7 };

	(void)snprintf(erg.id.s, sizeof(erg.id.s), "%s", id);
	(void)snprintf(erg.tenant.s, sizeof(erg.tenant.s), "%s", tenant);
	store_put(w->store, TABLE_ERGS, &key, &erg);
}

static void
put_member(struct world *w, const char *erg, person_id person)
{
	struct store_key key = erg_key(w, erg);
	struct member m = { .person = person };

	(void)snprintf(m.erg.s, sizeof(m.erg.s), "%s", erg);
	store_key_u64(&key, person);
	store_put(w->store, TABLE_MEMBERS, &key, &m);
}

static bool
member_there(struct world *w, const char *erg, person_id person)
{
	struct store_key key = erg_key(w, erg);
	struct member m;

	store_key_u64(&key, person);
	return store_get(w->store, TABLE_MEMBERS, &key, &m) == ERR_OK;
}

/* Until nothing is left to do; gives the keys destroyed. */
static size_t
reseal_all(struct world *w, size_t step)
{
	struct store_reseal now;
	unsigned rounds = 0;

	do {
		assert_int_equal(store_reseal(w->store, step, &now), ERR_OK);
		assert_true(now.rows <= now.total);
		store_commit(w->store);
		assert_true(++rounds < 10000);
	} while (!now.done);
	assert_false(store_retiring(w->store));
	return now.keys_dropped;
}

/* All bytes of data.mdb. */
static char *
data_file(struct world *w, size_t *ret_len)
{
	char path[PATH_MAX + 300], *data;
	struct stat st;
	int fd = open(scratch_file(&w->dir, "state/data.mdb", path), O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_non_null(data = malloc((size_t)st.st_size));
	assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
	(void)close(fd);
	*ret_len = (size_t)st.st_size;
	return data;
}

/* How many values of that table, wherever they lie in the file (old pages, too), open with what the ring now holds. */
static unsigned
opens_anywhere(struct world *w, enum table t, const struct store_key *key)
{
	struct seal_place place = { table_name(t), key->b, key->len };
	char path[PATH_MAX + 300], why[256];
	uint8_t plain[8192];
	struct keyring *keys;
	unsigned opened = 0;
	size_t len, n;
	char *data = data_file(w, &len);

	assert_int_equal(
	    keyring_open(scratch_file(&w->dir, "state/keys", path), &w->options.key, NULL, &keys, why, sizeof(why)), ERR_OK);
	for (char *at = data; (at = memmem(at, (size_t)(data + len - at), key->b, key->len)) != NULL; at++) {
		uint8_t *value = (uint8_t *)at + key->len;
		size_t left = (size_t)((uint8_t *)data + len - value);
		struct seal *seal = keyring_by_id(keys, seal_key_id(value, left));

		/* Its length is in the page's head: any that opens is right. */
		for (n = SEAL_OVERHEAD; seal != NULL && n < left && n < 1500; n++) {
			size_t plain_len;

			if (seal_unwrap(seal, &place, value, n, plain, &plain_len) != ERR_OK)
				continue;
			opened++;
			break;
		}
	}
	keyring_free(keys);
	free(data);
	return opened;
}

static void
a_removed_tenant_is_unreadable_on_old_pages(void **state)
{
	struct store_key gone, stays;
	struct tenant_id acme;
	struct world w;

	(void)state;
	world_make(&w);
	assert_true(tenant_id_parse("acme", &acme));
	put_tenant(&w, "acme");
	put_tenant(&w, "globex");
	put_erg_of(&w, "blue", "acme");
	put_erg_of(&w, "red", "globex");
	put_member(&w, "blue", 0x1122334455667788);
	put_member(&w, "red", 0x1122334455667788);
	put_number(&w, 1, 2);
	store_commit(w.store);
	gone = erg_key(&w, "blue");
	stays = erg_key(&w, "red");
	store_key_u64(&gone, 0x1122334455667788);
	store_key_u64(&stays, 0x1122334455667788);
	assert_true(opens_anywhere(&w, TABLE_MEMBERS, &gone) > 0);

	store_del(w.store, TABLE_MEMBERS, &gone);
	gone.len = 16;
	store_del(w.store, TABLE_ERGS, &gone);
	gone = tenant_key(&w, "acme");
	store_del(w.store, TABLE_TENANTS, &gone);
	store_commit(w.store);
	/* Deleted rows lie on old pages, and open there, as long as there is the key. */
	assert_true(opens_anywhere(&w, TABLE_TENANTS, &gone) > 0);
	assert_int_equal(store_retire_tenant(w.store, &acme), ERR_OK);
	assert_int_equal(reseal_all(&w, 3), 2);
	assert_int_equal(opens_anywhere(&w, TABLE_TENANTS, &gone), 0);
	gone = erg_key(&w, "blue");
	assert_int_equal(opens_anywhere(&w, TABLE_ERGS, &gone), 0);
	store_key_u64(&gone, 0x1122334455667788);
	assert_int_equal(opens_anywhere(&w, TABLE_MEMBERS, &gone), 0);
	assert_true(opens_anywhere(&w, TABLE_MEMBERS, &stays) > 0);
	store_close(w.store);
	reopen(&w);
	assert_true(member_there(&w, "red", 0x1122334455667788));
	assert_int_equal(w.failures, 0);
	world_done(&w);
}

/* An ERG that went from one tenant to another takes its members along before the first one's key is destroyed. */
static void
what_moved_away_survives_the_removal(void **state)
{
	struct tenant_id acme;
	struct world w;

	(void)state;
	world_make(&w);
	assert_true(tenant_id_parse("acme", &acme));
	put_erg_of(&w, "blue", "acme");
	put_member(&w, "blue", 5);
	store_commit(w.store);
	put_erg_of(&w, "blue", "globex");
	store_commit(w.store);
	assert_int_equal(store_retire_tenant(w.store, &acme), ERR_OK);
	assert_int_equal(reseal_all(&w, 100), 2);
	assert_true(member_there(&w, "blue", 5));
	store_close(w.store);
	reopen(&w);
	assert_true(member_there(&w, "blue", 5));
	world_done(&w);
}

static void
the_master_key_changes_under_way(void **state)
{
	struct key32 former;
	struct world w;
	char why[256];

	(void)state;
	world_make(&w);
	put_tenant(&w, "acme");
	put_erg_of(&w, "blue", "acme");
	for (person_id p = 1; p <= 200; p++)
		put_member(&w, "blue", p);
	store_close(w.store);
	former = w.options.key;
	w.options.key.b[0] ^= 1;
	assert_int_equal(try_open(&w, why), ERR_UNAUTHORIZED);
	w.options.previous_key = &former;
	reopen(&w);
	assert_true(store_rewrapped(w.store) && store_retiring(w.store));
	/* A crash in the middle: it begins anew, and passes over what is done. */
	for (int i = 0; i < 3; i++) {
		struct store_reseal now;

		assert_int_equal(store_reseal(w.store, 20, &now), ERR_OK);
		assert_false(now.done);
		put_member(&w, "blue", 300);
		store_commit(w.store);
	}
	store_drop(w.store);
	reopen(&w);
	assert_true(!store_rewrapped(w.store) && store_retiring(w.store));
	assert_int_equal(reseal_all(&w, 50), 2); /* the store's and acme's */
	for (person_id p = 1; p <= 200; p++)
		assert_true(member_there(&w, "blue", p));
	store_close(w.store);
	w.options.previous_key = NULL;
	reopen(&w);
	assert_false(store_retiring(w.store));
	assert_true(member_there(&w, "blue", 300));
	world_done(&w);
}

/* Format 1, as it was written: one derived key, the first layout, a canary. */
static void
format_1_is_migrated(void **state)
{
	static const char canary[] = "\0canary";
	struct env_options options = {
		.what = "store", .format = 1, .map_size_bytes = 64 << 20, .tables_max = 30, .writer = true
	};
	struct store_key key;
	struct person_ref ref = { 42 };
	struct seal_place place = { "", canary, sizeof(canary) };
	uint8_t plain[64], sealed[128];
	size_t len;
	char why[256] = "";
	struct seal *seal;
	struct world w;
	struct env *env;
	MDB_val k, v = { 0, sealed };
	MDB_dbi dbi;
	MDB_txn *txn;

	(void)state;
	world_make(&w);
	key = erg_key(&w, "blue"); /* the index key is the same */
	store_close(w.store);
	w.store = NULL;
	scratch_remove_level(w.options.directory, 0);
	options.directory = w.options.directory;
	assert_int_equal(env_open(&options, &env, why, sizeof(why)), ERR_OK);
	assert_int_equal(seal_new(&w.options.key, "store seal v1", &seal), ERR_OK);
	assert_int_equal(env_begin(env, true, &txn), ERR_OK);
	assert_int_equal(seal_wrap(seal, &place, "ergsync store", 14, sealed), ERR_OK);
	k = (MDB_val){ sizeof(canary), (void *)(uintptr_t)canary };
	v.mv_size = 14 + SEAL_OVERHEAD;
	assert_int_equal(mdb_put(txn, env_main(env), &k, &v, 0), 0);
	assert_int_equal(mdb_dbi_open(txn, "MEMBERSHIPS", MDB_CREATE, &dbi), 0);
	assert_int_equal(schema_encode(table_schema(TABLE_MEMBERSHIPS), &ref, plain, sizeof(plain), &len), ERR_OK);
	place = (struct seal_place){ "MEMBERSHIPS", key.b, key.len };
	assert_int_equal(seal_wrap(seal, &place, plain, len, sealed), ERR_OK);
	k = (MDB_val){ key.len, key.b };
	v.mv_size = len + SEAL_OVERHEAD;
	assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	env_close(env);
	seal_free(seal);

	w.options.key.b[3] ^= 1;
	assert_int_equal(try_open(&w, why), ERR_UNAUTHORIZED);
	w.options.key.b[3] ^= 1;
	reopen(&w);
	assert_true(store_retiring(w.store));
	assert_int_equal(store_get(w.store, TABLE_MEMBERSHIPS, &key, &ref), ERR_OK);
	assert_int_equal(ref.person, 42);
	assert_int_equal(reseal_all(&w, 10), 1);
	store_close(w.store);
	reopen(&w);
	assert_int_equal(store_get(w.store, TABLE_MEMBERSHIPS, &key, &ref), ERR_OK);
	assert_int_equal(ref.person, 42);
	world_done(&w);
}

static void
a_lost_key_ring_is_damage(void **state)
{
	char path[PATH_MAX + 300], why[256];
	struct world w;

	(void)state;
	world_make(&w);
	put_erg(&w, "blue", 1);
	store_close(w.store);
	assert_int_equal(unlink(scratch_file(&w.dir, "state/keys", path)), 0);
	assert_int_equal(try_open(&w, why), ERR_CORRUPT);
	assert_non_null(strstr(why, "is missing"));
	world_done(&w);
}

static void
count_call(void *arg)
{
	unsigned *n = arg;

	(*n)++;
}

static void
damaged_rows_go_to_quarantine(void **state)
{
	struct store_key key, found;
	struct person_ref ref;
	struct store_stats st;
	unsigned told = 0;
	struct world w;
	enum table t;

	(void)state;
	world_make(&w);
	for (uint64_t i = 1; i <= 3; i++)
		put_number(&w, 0x1122334455667788, i);
	store_close(w.store);
	w.options.on_damaged = count_call;
	w.options.on_damaged_arg = &told;
	key = number_key(0x1122334455667788, 2);
	{
		char bad[20], good[20];

		/* Key and first bytes of the value: another key id. */
		memcpy(good, key.b, 16);
		memcpy(good + 16, "\2\0\0\0", 4);
		memcpy(bad, good, 20);
		bad[17] = 7;
		patch_file(&w, good, bad, 20);
	}
	reopen(&w);
	assert_int_equal(store_damaged_next(w.store, &t, &found), ERR_NOTFOUND);
	for (int i = 0; i < 3; i++)
		assert_int_equal(store_get(w.store, TABLE_MEMBERSHIPS, &key, &ref), ERR_CORRUPT);
	assert_int_equal(told, 1);
	assert_int_equal(store_damaged_next(w.store, &t, &found), ERR_OK);
	assert_int_equal(t, TABLE_MEMBERSHIPS);
	assert_memory_equal(&found, &key, sizeof(key));
	assert_true(store_quarantine(w.store, t, &found));
	assert_false(store_quarantine(w.store, t, &found));
	assert_int_equal(store_get(w.store, TABLE_MEMBERSHIPS, &key, &ref), ERR_NOTFOUND);
	store_commit(w.store);
	assert_int_equal(store_damaged_next(w.store, &t, &found), ERR_NOTFOUND);
	store_stats(w.store, &st);
	assert_int_equal(st.damaged, 1);
	assert_int_equal(st.quarantined, 1);
	assert_int_equal(st.rows[TABLE_MEMBERSHIPS], 2);
	assert_int_equal(w.failures, 0);
	world_done(&w);
}

/* --- a full disk --- */

static void
a_full_disk_is_known_before_a_commit_fails(void **state)
{
	struct store_key key;
	struct store_stats st;
	struct world w;
	int i;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	world_make(&w);
	store_stats(w.store, &st);
	scratch_limit_files(st.file_bytes);
	for (i = 0; store_has_room(w.store) && i < 100000; i++) {
		char id[16];

		(void)snprintf(id, sizeof(id), "erg%d", i);
		put_erg(&w, id, i);
		if (i % 100 == 99)
			store_commit(w.store);
	}
	assert_true(i > 1000 && i < 100000);
	assert_int_equal(w.failures, 0);
	while (i-- > 0) {
		char id[16];

		(void)snprintf(id, sizeof(id), "erg%d", i);
		key = erg_key(&w, id);
		store_del(w.store, TABLE_ERGS, &key);
		if (i % 100 == 0)
			store_commit(w.store);
	}
	assert_int_equal(w.failures, 0);
	scratch_limit_files(RLIM_INFINITY);
	put_erg(&w, "blue", 1);
	store_commit(w.store);
	assert_true(store_has_room(w.store));
	assert_int_equal(w.failures, 0);
	world_done(&w);
}

static void
a_commit_that_fails_ends_all(void **state)
{
	struct order o = { .text = "" };
	struct world w;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	world_make(&w);
	o.world = &w;
	put_erg(&w, "blue", 1);
	store_commit(w.store);
	put_erg(&w, "blue", 2);
	store_after_commit(w.store, say_a, &o);
	scratch_limit_files(4096);
	store_commit(w.store);
	scratch_limit_files(RLIM_INFINITY);
	assert_int_equal(w.failures, 1);
	assert_string_equal(o.text, "");
	put_erg(&w, "blue", 3); /* does nothing any more */
	store_commit(w.store);
	assert_string_equal(o.text, "");
	store_close(w.store);
	reopen(&w);
	assert_int_equal(generation_of(&w, "blue"), 1);
	world_done(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_turn_is_read_before_it_is_committed),
		cmocka_unit_test(a_crash_loses_exactly_the_turn),
		cmocka_unit_test(callbacks_wait_for_the_commit),
		cmocka_unit_test(the_batch_is_seen_whole),
		cmocka_unit_test(walks_keep_to_their_prefix),
		cmocka_unit_test(walks_survive_puts_deletes_and_commits),
		cmocka_unit_test(random_runs_match_a_model),
		cmocka_unit_test(numbers_are_not_given_twice),
		cmocka_unit_test(the_wrong_key_is_refused),
		cmocka_unit_test(a_second_process_is_refused),
		cmocka_unit_test(a_newer_format_is_refused),
		cmocka_unit_test(a_cut_file_is_refused),
		cmocka_unit_test(damaged_rows_are_skipped),
		cmocka_unit_test(nothing_personal_is_readable),
		cmocka_unit_test(id_keys_differ_by_kind_and_store),
		cmocka_unit_test(a_removed_tenant_is_unreadable_on_old_pages),
		cmocka_unit_test(what_moved_away_survives_the_removal),
		cmocka_unit_test(the_master_key_changes_under_way),
		cmocka_unit_test(format_1_is_migrated),
		cmocka_unit_test(a_lost_key_ring_is_damage),
		cmocka_unit_test(damaged_rows_go_to_quarantine),
		cmocka_unit_test(a_full_disk_is_known_before_a_commit_fails),
		cmocka_unit_test(a_commit_that_fails_ends_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
