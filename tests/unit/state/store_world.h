/*
 * store_world.h - a store in a directory of its own under a manual clock, which counts what it is told, and rows to put into it.
 */
#ifndef TESTS_UNIT_STATE_STORE_WORLD_H
#define TESTS_UNIT_STATE_STORE_WORLD_H

#include <fcntl.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "state/store.h"
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

static inline void
on_failure(void *arg, enum err e)
{
	struct world *w = arg;

	assert_int_not_equal(e, ERR_OK);
	w->failures++;
}

static inline void
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

static inline enum err
try_open(struct world *w, char why[256])
{
	w->store = NULL;
	return store_open(&w->options, &w->store, why, 256);
}

static inline void
reopen(struct world *w)
{
	char why[256] = "";

	if (try_open(w, why) != ERR_OK)
		fail_msg("store_open: %s", why);
}

static inline void
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

static inline void
world_done(struct world *w)
{
	store_close(w->store);
	clock_free(w->clock);
	scratch_remove(&w->dir);
}

static inline struct store_key
erg_key(struct world *w, const char *id)
{
	struct store_key key;

	store_key_init(&key);
	store_key_id(w->store, &key, "erg", id);
	return key;
}

static inline void
put_erg(struct world *w, const char *id, int64_t generation)
{
	struct store_key key = erg_key(w, id);
	struct erg erg = { .generation = generation, .name = "Parents at work" };

	(void)snprintf(erg.id.s, sizeof(erg.id.s), "%s", id);
	store_put(w->store, TABLE_ERGS, &key, &erg);
}

/* -1: no such ERG. */
static inline int64_t
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

static inline struct store_key
number_key(uint64_t prefix, uint64_t n)
{
	struct store_key key;

	store_key_init(&key);
	store_key_u64(&key, prefix);
	store_key_u64(&key, n);
	return key;
}

static inline void
put_number(struct world *w, uint64_t prefix, uint64_t n)
{
	struct store_key key = number_key(prefix, n);
	struct person_ref ref = { n };

	store_put(w->store, TABLE_MEMBERSHIPS, &key, &ref);
}

/* Replaces each `from` in the data file. */
static inline void
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

/* Until nothing is left to do; gives the keys destroyed. */
static inline size_t
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

#endif
