/* backup.c: what was copied is there again, nothing damaged passes, nothing live is overwritten, and a restored store is marked. */
#include "state/backup.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "state/feed.h"
#include "state/stale.h"
#include "state/store.h"
#include "unit/state/scratch.h"

#define WALL_MS 1790000000000LL

struct world {
	struct scratch dir;
	struct clock *clock;
	struct store *store;
	struct store_options options;
	char state[PATH_MAX + 300], file[PATH_MAX + 300];
	struct backup_manifest manifest;
	struct examined x;
	char why[512], aside[PATH_MAX];
};

static void
open_store(struct world *w)
{
	if (store_open(&w->options, &w->store, w->why, sizeof(w->why)) != ERR_OK)
		fail_msg("store_open: %s", w->why);
}

static void
world_make(struct world *w)
{
	memset(w, 0, sizeof(*w));
	scratch_make(&w->dir);
	assert_non_null(w->clock = clock_new_manual(WALL_MS));
	scratch_file(&w->dir, "backup", w->file);
	w->options = (struct store_options){
		.directory = scratch_file(&w->dir, "state", w->state),
		.map_size_bytes = 64 << 20,
		.key = { "the key of the tests' own store." },
		.clock = w->clock,
	};
	open_store(w);
}

static void
world_done(struct world *w)
{
	store_close(w->store);
	clock_free(w->clock);
	scratch_remove(&w->dir);
}

static struct store_key
member_key(struct world *w, person_id person)
{
	struct store_key key;

	store_key_init(&key);
	store_key_id(w->store, &key, "erg", "blue");
	store_key_u64(&key, person);
	return key;
}

static void
put_member(struct world *w, person_id person, uint64_t callback_seq)
{
	struct member m = { .erg = { "blue" }, .person = person, .app = { true, ROLE_MEMBER, 1 }, .callback_seq = callback_seq };
	struct store_key key = member_key(w, person);

	m.mark = callback_seq != 0 ? PLAN_APPROVED : PLAN_UNMARKED;
	store_put(w->store, TABLE_MEMBERS, &key, &m);
}

static void
put_erg(struct world *w)
{
	struct erg erg = { .id = { "blue" }, .tenant = { "acme" }, .proved_wall_ms = 5, .first_read_done = true };
	struct store_key key;

	store_key_init(&key);
	store_key_id(w->store, &key, "erg", "blue");
	store_put(w->store, TABLE_ERGS, &key, &erg);
}

static void
say(struct world *w, enum change_type type)
{
	static struct feed_record f;
	static const uint8_t order[OUTBOX_ORDER_LEN];

	memset(&f, 0, sizeof(f));
	f.type = type;
	feed_append(w->store, &f, order, true);
}

static void
fill(struct world *w, unsigned members)
{
	put_erg(w);
	for (unsigned i = 1; i <= members; i++)
		put_member(w, i, i % 10 == 0 ? i : 0);
	say(w, CHANGE_MEMBER_REMOVED);
	say(w, CHANGE_ERG_BROKEN);
	store_commit(w->store);
}

static enum err
verify(struct world *w)
{
	struct backup_keys keys = { w->options.key, NULL };

	return backup_verify(w->file, &keys, &w->manifest, &w->x, w->why, sizeof(w->why));
}

/* By another process: LMDB allows one opening of a file in each. */
static enum err
back_up(struct world *w)
{
	struct backup_options o = {
		.store = w->state, .file = w->file, .keys = { w->options.key, NULL }, .now_wall_ms = WALL_MS
	};
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit((int)backup_write(&o, &w->manifest, &w->x, w->why, sizeof(w->why)));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == ERR_OK)
		assert_int_equal(verify(w), ERR_OK);
	return (enum err)WEXITSTATUS(status);
}

static enum err
restore(struct world *w, bool set_aside)
{
	struct restore_options o = { .file = w->file,
		.state_directory = w->dir.path,
		.keys = { w->options.key, NULL },
		.now_wall_ms = WALL_MS + 86400000,
		.map_size_bytes = 64 << 20,
		.set_aside = set_aside };

	return backup_restore(&o, &w->manifest, w->aside, w->why, sizeof(w->why));
}

static void
copied_while_in_use(void **state)
{
	struct world w;
	struct stat st;

	(void)state;
	world_make(&w);
	fill(&w, 500);
	put_member(&w, 501, 0); /* a turn is open: not in the copy */
	assert_int_equal(back_up(&w), ERR_OK);
	assert_int_equal(w.x.rows[TABLE_MEMBERS], 500);
	assert_int_equal(w.x.damaged_total, 0);
	assert_int_equal(w.manifest.rows, w.x.rows_total);
	assert_int_equal(w.manifest.made_wall_ms, WALL_MS);
	assert_string_equal(w.manifest.version, ERGSYNC_VERSION);
	assert_int_equal(stat(w.file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(st.st_size < 1 << 20); /* the store's file has 8 MiB of zeros */
	store_commit(w.store);
	assert_int_equal(back_up(&w), ERR_OK); /* replaces it */
	assert_int_equal(w.x.rows[TABLE_MEMBERS], 501);
	assert_int_equal(verify(&w), ERR_OK);
	world_done(&w);
}

static void
only_the_right_key_opens_it(void **state)
{
	struct world w;

	(void)state;
	world_make(&w);
	fill(&w, 5);
	assert_int_equal(back_up(&w), ERR_OK);
	w.options.key.b[0] ^= 1;
	assert_int_equal(verify(&w), ERR_UNAUTHORIZED);
	assert_int_equal(unlink(w.file), 0);
	assert_int_equal(back_up(&w), ERR_UNAUTHORIZED);
	assert_int_equal(access(w.file, F_OK), -1);
	w.options.key.b[0] ^= 1;
	world_done(&w);
}

static void
every_damage_is_found(void **state)
{
	struct rng rng = scratch_rng();
	struct world w;
	struct stat st;
	uint8_t byte, bad;
	int fd;

	(void)state;
	world_make(&w);
	fill(&w, 300);
	assert_int_equal(back_up(&w), ERR_OK);
	assert_true((fd = open(w.file, O_RDWR)) >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	for (int i = 0; i < 200; i++) {
		off_t at = (off_t)rng_below(&rng, (uint64_t)st.st_size);

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		bad = byte ^ (uint8_t)(1u << rng_below(&rng, 8));
		assert_int_equal(pwrite(fd, &bad, 1, at), 1);
		assert_int_not_equal(verify(&w), ERR_OK);
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	assert_int_equal(verify(&w), ERR_OK);
	for (off_t size = st.st_size - 1; size > 0; size -= size / 7 + 1) {
		assert_int_equal(ftruncate(fd, size), 0);
		assert_int_equal(verify(&w), ERR_CORRUPT);
	}
	(void)close(fd);
	world_done(&w);
}

/* Pages of the live file turned into rubbish: the copy is refused or found wrong, and this process lives. */
static void
a_damaged_store_is_not_copied(void **state)
{
	struct rng rng = scratch_rng();
	struct world w;

	(void)state;
	world_make(&w);
	fill(&w, 300);
	store_close(w.store);
	w.store = NULL;
	scratch_spoil(&w.dir, "state/data.mdb", &rng);
	examine(w.state, false, 100 << 20, NULL, &w.x);
	assert_int_equal(w.x.err, ERR_CORRUPT);
	world_done(&w);
}

static void
nothing_live_or_present_is_overwritten(void **state)
{
	struct world w;

	(void)state;
	world_make(&w);
	fill(&w, 5);
	assert_int_equal(back_up(&w), ERR_OK);
	assert_int_equal(restore(&w, true), ERR_BUSY);
	assert_non_null(strstr(w.why, "stop ergsync-reconciler"));
	store_close(w.store);
	w.store = NULL;
	assert_int_equal(restore(&w, false), ERR_EXISTS);
	assert_non_null(strstr(w.why, "--set-aside"));
	open_store(&w);
	put_member(&w, 6, 0);
	store_close(w.store);
	w.store = NULL;
	assert_int_equal(restore(&w, true), ERR_OK);
	assert_int_equal(access(w.aside, F_OK), 0);
	open_store(&w);
	{
		struct store_key key = member_key(&w, 6);

		assert_false(store_has(w.store, TABLE_MEMBERS, &key));
	}
	world_done(&w);
}

static void
a_restored_store_concludes_nothing(void **state)
{
	struct store_key key;
	struct outbox_record o;
	struct store_cursor *c;
	struct cursor_record *cursor = calloc(1, sizeof(*cursor));
	struct member m;
	struct world w;
	int64_t when;
	struct erg erg;

	(void)state;
	world_make(&w);
	fill(&w, 100);
	store_key_init(&key);
	store_key_id(w.store, &key, "cursor", "inbox");
	store_put(w.store, TABLE_CURSORS, &key, cursor);
	free(cursor);
	store_commit(w.store);
	assert_int_equal(stale_kind(w.store, &when), STALE_NOT);
	assert_int_equal(back_up(&w), ERR_OK);
	store_close(w.store);
	scratch_remove_level(w.state, 0);
	assert_int_equal(restore(&w, false), ERR_OK);
	assert_string_equal(w.aside, "");
	open_store(&w);
	assert_int_equal(stale_kind(w.store, &when), STALE_RESTORED);
	assert_int_equal(when, WALL_MS + 86400000);
	assert_true(stale_resync_due(w.store));
	assert_false(store_has(w.store, TABLE_CURSORS, &key));
	key = member_key(&w, 10);
	assert_int_equal(store_get(w.store, TABLE_MEMBERS, &key, &m), ERR_OK);
	assert_true(m.app.present && m.callback_seq == 0 && m.mark == PLAN_UNMARKED);
	store_key_init(&key);
	store_key_id(w.store, &key, "erg", "blue");
	assert_int_equal(store_get(w.store, TABLE_ERGS, &key, &erg), ERR_OK);
	assert_true(erg.additions_only && erg.proved_wall_ms == 0 && erg.first_read_done);
	/* Of the callbacks only what speaks of no member is still to be said. */
	c = store_seek(w.store, TABLE_OUTBOX, NULL, NULL);
	assert_int_equal(store_next(c, NULL, &o), ERR_OK);
	assert_int_equal(o.type, CHANGE_ERG_BROKEN);
	assert_int_equal(store_next(c, NULL, &o), ERR_NOTFOUND);
	store_cursor_close(c);
	/* The feed goes on beyond whatever the lost time gave out. */
	assert_true(feed_last(w.store) >= (uint64_t)WALL_MS * 1000);
	world_done(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copied_while_in_use),
		cmocka_unit_test(only_the_right_key_opens_it),
		cmocka_unit_test(every_damage_is_found),
		cmocka_unit_test(a_damaged_store_is_not_copied),
		cmocka_unit_test(nothing_live_or_present_is_overwritten),
		cmocka_unit_test(a_restored_store_concludes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
