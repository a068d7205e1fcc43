/* outbox.c and feed.c: every callback goes out, in order for its key, once its turn is on disk. */
#include "state/outbox.h"

#include "base/clock.h"
#include "state/feed.h"
#include "unit/state/scratch.h"

#define WALL_MS 1790000000000LL

struct world {
	struct scratch dir;
	struct clock *clock;
	struct store *store;
	struct outbox *outbox;
	struct store_options options;
	char directory[PATH_MAX + 300];
};

static void
on_failure(void *arg, enum err e)
{
	(void)arg;
	fail_msg("the store failed: %s", err_text(e));
}

static void
reopen(struct world *w)
{
	char why[256] = "";

	assert_int_equal(store_open(&w->options, &w->store, why, sizeof(why)), ERR_OK);
	assert_int_equal(outbox_open(w->store, w->clock, &w->outbox), ERR_OK);
}

static void
crash(struct world *w)
{
	outbox_close(w->outbox);
	store_drop(w->store);
	reopen(w);
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
		.clock = w->clock,
		.on_failure = on_failure,
	};
	reopen(w);
}

static void
world_done(struct world *w)
{
	outbox_close(w->outbox);
	store_close(w->store);
	clock_free(w->clock);
	scratch_remove(&w->dir);
}

static uint64_t
append(struct world *w, unsigned order, bool deliver)
{
	struct feed_record f = { .type = CHANGE_MEMBER_ADDED, .person = order, .created_wall_ms = clock_wall_ms(w->clock) };
	uint8_t key[OUTBOX_ORDER_LEN] = { (uint8_t)order, (uint8_t)(order >> 8) };
	uint64_t seq;

	seq = feed_append(w->store, &f, key, deliver);
	assert_int_equal(f.seq, seq);
	return seq;
}

/* The number of the next delivery, 0 for none. */
static uint64_t
next(struct world *w)
{
	struct outbox_record r;
	struct feed_record f;
	enum err e = outbox_next(w->outbox, &r, &f);

	if (e == ERR_NOTFOUND)
		return 0;
	assert_int_equal(e, ERR_OK);
	assert_int_equal(r.seq, f.seq);
	assert_int_equal(r.person, f.person);
	return r.seq;
}

static void
nothing_goes_out_before_its_commit(void **state)
{
	struct world w;

	(void)state;
	world_make(&w);
	assert_int_equal(outbox_wait_ms(w.outbox), -1);
	append(&w, 1, true);
	assert_int_equal(next(&w), 0);
	assert_int_equal(outbox_wait_ms(w.outbox), -1);
	store_commit(w.store);
	assert_int_equal(outbox_wait_ms(w.outbox), 0);
	assert_int_equal(next(&w), 1);
	assert_int_equal(next(&w), 0);
	append(&w, 2, true);
	crash(&w);
	assert_int_equal(next(&w), 1); /* not given back: again */
	assert_int_equal(next(&w), 0);
	outbox_done(w.outbox, 1);
	crash(&w);
	assert_int_equal(next(&w), 1); /* done, but not on disk: again */
	outbox_done(w.outbox, 1);
	store_commit(w.store);
	crash(&w);
	assert_int_equal(next(&w), 0);
	assert_int_equal(outbox_backlog(w.outbox).count, 0);
	world_done(&w);
}

static void
one_order_key_is_one_line(void **state)
{
	struct outbox_backlog b;
	struct world w;

	(void)state;
	world_make(&w);
	append(&w, 1, true);  /* 1 */
	append(&w, 1, true);  /* 2 */
	append(&w, 2, true);  /* 3 */
	append(&w, 9, false); /* 4: feed only */
	append(&w, 1, true);  /* 5 */
	store_commit(w.store);
	b = outbox_backlog(w.outbox);
	assert_int_equal(b.oldest_wall_ms, WALL_MS);
	assert_int_equal(next(&w), 1);
	assert_int_equal(next(&w), 3);
	assert_int_equal(next(&w), 0);
	b = outbox_backlog(w.outbox);
	assert_int_equal(b.count, 4);
	assert_int_equal(b.in_flight, 2);

	outbox_retry(w.outbox, 1, 5000, 503, "busy");
	outbox_done(w.outbox, 3);
	assert_int_equal(next(&w), 0);
	assert_int_equal(outbox_wait_ms(w.outbox), 5000);
	clock_manual_advance(w.clock, 4999);
	assert_int_equal(next(&w), 0);
	clock_manual_advance(w.clock, 1);
	assert_int_equal(next(&w), 1);
	outbox_release(w.outbox, 1);
	assert_int_equal(next(&w), 1);
	outbox_done(w.outbox, 1);
	assert_int_equal(next(&w), 2);
	outbox_done(w.outbox, 2);
	assert_int_equal(next(&w), 5);
	outbox_done(w.outbox, 5);
	outbox_done(w.outbox, 5);
	outbox_retry(w.outbox, 77, 0, 0, NULL);
	assert_int_equal(outbox_wait_ms(w.outbox), -1);
	assert_int_equal(outbox_backlog(w.outbox).count, 0);
	world_done(&w);
}

static void
a_retry_is_remembered(void **state)
{
	struct outbox_record r;
	struct feed_record f;
	struct world w;

	(void)state;
	world_make(&w);
	append(&w, 1, true);
	store_commit(w.store);
	assert_int_equal(next(&w), 1);
	outbox_retry(w.outbox, 1, 60000, 500, "went wrong");
	store_commit(w.store);
	crash(&w);
	assert_int_equal(outbox_wait_ms(w.outbox), 60000);
	clock_manual_advance(w.clock, 60000);
	assert_int_equal(outbox_next(w.outbox, &r, &f), ERR_OK);
	assert_int_equal(r.attempts, 1);
	assert_int_equal(r.last_status, 500);
	assert_string_equal(r.detail, "went wrong");
	world_done(&w);
}

/* A clock that was a year ahead must not hold callbacks back for a year, nor a step let them all out. */
static void
stepped_clocks_do_little(void **state)
{
	struct world w;

	(void)state;
	world_make(&w);
	append(&w, 1, true);
	store_commit(w.store);
	assert_int_equal(next(&w), 1);
	outbox_retry(w.outbox, 1, 60000, 500, "");
	store_commit(w.store);
	clock_manual_step_wall(w.clock, 400 * 86400000LL);
	assert_int_equal(outbox_wait_ms(w.outbox), 60000);
	clock_manual_step_wall(w.clock, -800 * 86400000LL);
	assert_int_equal(outbox_wait_ms(w.outbox), 60000);
	crash(&w);
	assert_int_equal(outbox_wait_ms(w.outbox), OUTBOX_WAIT_MAX_MS);
	world_done(&w);
}

static void
a_lost_body_does_not_block(void **state)
{
	struct store_key key;
	struct world w;

	(void)state;
	world_make(&w);
	append(&w, 1, true);
	append(&w, 1, true);
	store_key_init(&key);
	store_key_u64(&key, 1);
	store_del(w.store, TABLE_FEED, &key);
	store_commit(w.store);
	assert_int_equal(next(&w), 2);
	world_done(&w);
}

/* Random appends, answers, waits and crashes: at the end each callback was acknowledged once, in order for its key. */
static void
random_runs_deliver_all_in_order(void **state)
{
	enum { ORDERS = 90, COUNT = 600 };
	static unsigned order_of[COUNT + 2];
	struct rng rng = scratch_rng();
	uint64_t flying[8], last[ORDERS] = { 0 };
	size_t flying_count = 0, appended = 0, done = 0;
	struct world w;

	(void)state;
	world_make(&w);
	for (unsigned round = 0; done < COUNT; round++) {
		uint64_t seq;
		size_t at;

		assert_true(round < 100000);
		switch (rng_below(&rng, 8)) {
		case 0:
		case 1:
			for (size_t n = rng_below(&rng, 6); n > 0 && appended < COUNT; n--) {
				unsigned order = (unsigned)rng_below(&rng, ORDERS);

				order_of[append(&w, order, true)] = order;
				appended++;
			}
			store_commit(w.store);
			break;
		case 2: clock_manual_advance(w.clock, (int64_t)rng_below(&rng, 3000)); break;
		case 3:
			if (rng_below(&rng, 20) == 0) {
				store_commit(w.store);
				crash(&w);
				flying_count = 0;
			}
			break;
		case 4:
		case 5:
		case 6:
			if (flying_count < 8 && (seq = next(&w)) != 0) {
				for (size_t i = 0; i < flying_count; i++)
					assert_int_not_equal(order_of[flying[i]], order_of[seq]);
				flying[flying_count++] = seq;
			}
			break;
		default:
			if (flying_count == 0)
				break;
			at = (size_t)rng_below(&rng, flying_count);
			seq = flying[at];
			flying[at] = flying[--flying_count];
			if (rng_below(&rng, 3) == 0) {
				outbox_retry(w.outbox, seq, (int64_t)rng_below(&rng, 2000), 503, "later");
				break;
			}
			assert_true(seq > last[order_of[seq]]);
			last[order_of[seq]] = seq;
			outbox_done(w.outbox, seq);
			done++;
		}
		assert_true(outbox_backlog(w.outbox).in_flight == flying_count);
	}
	assert_int_equal(outbox_backlog(w.outbox).count, 0);
	assert_int_equal(outbox_wait_ms(w.outbox), -1);
	world_done(&w);
}

/* --- the feed --- */

struct reading {
	uint64_t seen[64];
	size_t count, stop;
};

static bool
note(void *arg, const struct feed_record *f)
{
	struct reading *r = arg;

	if (r->count == r->stop)
		return false;
	r->seen[r->count++] = f->seq;
	return true;
}

static void
the_feed_is_read_on_from_anywhere(void **state)
{
	struct reading r = { .stop = 64 };
	struct feed_record f;
	struct world w;

	(void)state;
	world_make(&w);
	assert_int_equal(feed_last(w.store), 0);
	assert_int_equal(feed_read(w.store, 0, 10, note, &r), 0);
	for (unsigned i = 0; i < 20; i++)
		append(&w, i, false);
	assert_int_equal(feed_read(w.store, 0, 5, note, &r), 5);
	assert_int_equal(feed_read(w.store, 5, 64, note, &r), 20);
	assert_int_equal(r.count, 20);
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(r.seen[i], i + 1);
	assert_int_equal(feed_read(w.store, 20, 64, note, &r), 20);
	r = (struct reading){ .stop = 3 };
	assert_int_equal(feed_read(w.store, 10, 64, note, &r), 13);
	assert_int_equal(feed_get(w.store, 7, &f), ERR_OK);
	assert_int_equal(f.seq, 7);
	assert_int_equal(feed_get(w.store, 21, &f), ERR_NOTFOUND);
	assert_int_equal(feed_last(w.store), 20);
	world_done(&w);
}

static void
trimming_spares_what_is_due(void **state)
{
	struct feed_keep keep = { .count = 10 };
	struct reading r = { .stop = 64 };
	uint64_t from = 0;
	size_t removed;
	struct world w;

	(void)state;
	world_make(&w);
	for (unsigned i = 1; i <= 30; i++)
		append(&w, i, i % 5 == 0);
	assert_int_equal(feed_trimmed(w.store), 0);
	removed = feed_trim(w.store, &keep, 8, &from);
	assert_int_equal(removed, 7);
	assert_int_equal(from, 8);
	for (unsigned calls = 0; from != 0; calls++) {
		assert_true(calls < 3);
		removed += feed_trim(w.store, &keep, 8, &from);
	}
	assert_int_equal(removed, 16);
	assert_int_equal(feed_trimmed(w.store), 19);
	feed_read(w.store, 0, 64, note, &r);
	assert_int_equal(r.count, 14);
	assert_int_equal(r.seen[0], 5);
	assert_int_equal(r.seen[4], 21);

	/* By age: all were made at the same time. */
	keep.since_wall_ms = WALL_MS + 1;
	assert_int_equal(feed_trim(w.store, &keep, 100, &from), 8);
	assert_int_equal(feed_trim(w.store, &keep, 100, &from), 0);
	store_commit(w.store);
	while (from == 0 && (from = next(&w)) != 0) {
		outbox_done(w.outbox, from);
		from = 0;
	}
	assert_int_equal(feed_trim(w.store, &keep, 100, &from), 6);
	assert_int_equal(append(&w, 1, false), 31);
	world_done(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_goes_out_before_its_commit),
		cmocka_unit_test(one_order_key_is_one_line),
		cmocka_unit_test(a_retry_is_remembered),
		cmocka_unit_test(stepped_clocks_do_little),
		cmocka_unit_test(a_lost_body_does_not_block),
		cmocka_unit_test(random_runs_deliver_all_in_order),
		cmocka_unit_test(the_feed_is_read_on_from_anywhere),
		cmocka_unit_test(trimming_spares_what_is_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
