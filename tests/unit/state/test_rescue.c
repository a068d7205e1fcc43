/* rescue.c: damage sets a store aside, and nothing else does. */
#include "state/rescue.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "state/stale.h"
#include "unit/state/scratch.h"

struct world {
	struct scratch dir;
	struct clock *clock;
	struct store *store;
	struct store_options options;
	char directory[PATH_MAX + 300], aside[PATH_MAX], why[512];
};

static enum err
try_open(struct world *w)
{
	w->store = NULL;
	return rescue_open(&w->options, &w->store, w->aside, w->why, sizeof(w->why));
}

static void
put_something(struct world *w)
{
	struct erg erg = { .id = { "blue" } };
	struct store_key key;

	for (int i = 0; i < 200; i++) {
		store_key_init(&key);
		store_key_u64(&key, (uint64_t)i);
		store_put(w->store, TABLE_ERGS, &key, &erg);
	}
	store_commit(w->store);
}

static void
world_make(struct world *w)
{
	memset(w, 0, sizeof(*w));
	scratch_make(&w->dir);
	log_set_level(LOG_ERROR);
	assert_non_null(w->clock = clock_new_manual(1790000000000LL));
	w->options = (struct store_options){
		.directory = scratch_file(&w->dir, "state", w->directory),
		.map_size_bytes = 64 << 20,
		.key = { "the key of the tests' own store." },
		.clock = w->clock,
	};
	assert_int_equal(try_open(w), ERR_OK);
	assert_string_equal(w->aside, "");
	put_something(w);
	store_close(w->store);
	rescue_settled(w->directory);
	w->store = NULL;
}

static void
world_done(struct world *w)
{
	store_close(w->store);
	clock_free(w->clock);
	scratch_remove(&w->dir);
}

static void
begun_anew(struct world *w)
{
	struct store_stats st;
	int64_t when;

	assert_string_not_equal(w->aside, "");
	assert_non_null(strstr(w->aside, "/state.damaged-20260921T"));
	assert_int_equal(access(w->aside, F_OK), 0);
	store_stats(w->store, &st);
	assert_int_equal(st.rows[TABLE_ERGS], 0);
	assert_int_equal(stale_kind(w->store, &when), STALE_REBUILT);
	assert_int_equal(when, clock_wall_ms(w->clock));
}

static void
damage_sets_it_aside(void **state)
{
	char path[PATH_MAX + 300];
	struct world w;

	(void)state;
	world_make(&w);
	assert_int_equal(truncate(scratch_file(&w.dir, "state/data.mdb", path), 5 * 4096), 0);
	assert_int_equal(try_open(&w), ERR_OK);
	begun_anew(&w);
	world_done(&w);
}

static void
a_lost_ring_sets_it_aside(void **state)
{
	char path[PATH_MAX + 300];
	struct world w;

	(void)state;
	world_make(&w);
	assert_int_equal(unlink(scratch_file(&w.dir, "state/" STORE_KEYS_FILE, path)), 0);
	assert_int_equal(try_open(&w), ERR_OK);
	begun_anew(&w);
	world_done(&w);
}

static void
nothing_else_does(void **state)
{
	struct store *other;
	struct world w;

	(void)state;
	world_make(&w);
	for (int i = 0; i < 2 * RESCUE_STARTS; i++) {
		w.options.key.b[0] ^= 1;
		assert_int_equal(try_open(&w), ERR_UNAUTHORIZED);
		w.options.key.b[0] ^= 1;
		assert_string_equal(w.aside, "");
	}
	assert_int_equal(try_open(&w), ERR_OK);
	other = w.store;
	assert_int_equal(try_open(&w), ERR_BUSY);
	w.store = other;
	/* Starts that ended early, with nothing damaged. */
	for (int i = 0; i < 2 * RESCUE_STARTS; i++) {
		store_drop(w.store);
		assert_int_equal(try_open(&w), ERR_OK);
		assert_string_equal(w.aside, "");
	}
	world_done(&w);
}

/* Pages of rubbish end whoever reads them: after a few starts the file is looked at before. */
static void
after_crashes_the_file_is_examined(void **state)
{
	struct rng rng = scratch_rng();
	char path[PATH_MAX + 300];
	struct world w;
	int fd;

	(void)state;
	world_make(&w);
	scratch_spoil(&w.dir, "state/data.mdb", &rng);
	/* As a process that was ended by it leaves things. */
	assert_true((fd = open(scratch_file(&w.dir, "state/starts", path), O_WRONLY | O_CREAT, 0600)) >= 0);
	assert_int_equal(write(fd, "xxx", RESCUE_STARTS), RESCUE_STARTS);
	(void)close(fd);
	assert_int_equal(try_open(&w), ERR_OK);
	begun_anew(&w);
	world_done(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damage_sets_it_aside),
		cmocka_unit_test(a_lost_ring_sets_it_aside),
		cmocka_unit_test(nothing_else_does),
		cmocka_unit_test(after_crashes_the_file_is_examined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
