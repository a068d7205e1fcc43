/* events.c and document.c: records, their index and their documents move together; long texts come back whole or not at all. */
#include "state/events.h"

#include <string.h>

#include "base/clock.h"
#include "state/document.h"
#include "unit/state/scratch.h"

#define WALL_MS INT64_C(1790000000000)
#define MAILBOX "51111111-0000-4000-8000-000000000051"
#define OTHER   "52222222-0000-4000-8000-000000000052"

struct world {
	struct scratch dir;
	char directory[PATH_MAX + 300];
	struct clock *clock;
	struct store *store;
};

static void
world_open(struct world *w)
{
	struct store_options options = { .map_size_bytes = 64 << 20, .key = { "the key of the tests' own store." } };
	char why[256] = "";

	options.directory = w->directory;
	options.clock = w->clock;
	if (store_open(&options, &w->store, why, sizeof(why)) != ERR_OK)
		fail_msg("store_open: %s", why);
}

static void
world_make(struct world *w)
{
	memset(w, 0, sizeof(*w));
	scratch_make(&w->dir);
	(void)scratch_file(&w->dir, "state", w->directory);
	assert_non_null(w->clock = clock_new_manual(WALL_MS));
	world_open(w);
}

static void
world_done(struct world *w)
{
	store_close(w->store);
	clock_free(w->clock);
	scratch_remove(&w->dir);
}

static struct store_key
key_of(struct world *w, const char *name)
{
	struct store_key k;

	store_key_init(&k);
	store_key_id(w->store, &k, "test", name);
	return k;
}

static void
fill(struct rng *rng, char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		text[i] = (char)(1 + rng_below(rng, 255));
	text[len] = '\0';
}

static void
texts_of_every_length(void **state)
{
	static const size_t lens[] = { 0, 1, 16383, 16384, 16385, 32768, 32769, 100000, DOCUMENT_MAX };
	struct rng rng = scratch_rng();
	char *text = malloc(DOCUMENT_MAX + 2);
	struct store_key key;
	struct world w;

	(void)state;
	world_make(&w);
	key = key_of(&w, "a");
	/* Up and down again: what was longer leaves nothing behind. */
	for (size_t i = 0; i < 2 * sizeof(lens) / sizeof(lens[0]); i++) {
		size_t n = sizeof(lens) / sizeof(lens[0]), len = i < n ? lens[i] : lens[2 * n - 1 - i], back_len;
		char *back;

		fill(&rng, text, len);
		assert_int_equal(document_put(w.store, TABLE_EVENT_SIDES, &key, text, len), ERR_OK);
		if (i % 3 == 0) {
			store_close(w.store);
			world_open(&w);
		}
		assert_int_equal(document_get(w.store, TABLE_EVENT_SIDES, &key, &back, &back_len), ERR_OK);
		assert_int_equal(back_len, len);
		assert_memory_equal(back, text, len + 1);
		free(back);
	}
	fill(&rng, text, DOCUMENT_MAX + 1);
	assert_int_equal(document_put(w.store, TABLE_EVENT_SIDES, &key, text, DOCUMENT_MAX + 1), ERR_TOOBIG);
	document_del(w.store, TABLE_EVENT_SIDES, &key);
	document_del(w.store, TABLE_EVENT_SIDES, &key);
	store_commit(w.store);
	{
		struct store_stats stats;

		store_stats(w.store, &stats);
		assert_int_equal(stats.rows[TABLE_EVENT_SIDES], 0);
	}
	free(text);
	world_done(&w);
}

static void
a_missing_part_is_noticed(void **state)
{
	struct rng rng = scratch_rng();
	char *text = malloc(50001), *back;
	struct store_key key, part;
	struct world w;
	size_t len;

	(void)state;
	world_make(&w);
	key = key_of(&w, "a");
	fill(&rng, text, 50000);
	for (uint64_t i = 0; i < 4; i++) {
		assert_int_equal(document_put(w.store, TABLE_EVENT_SIDES, &key, text, 50000), ERR_OK);
		part = key;
		store_key_u64(&part, i);
		store_del(w.store, TABLE_EVENT_SIDES, &part);
		assert_int_equal(
		    document_get(w.store, TABLE_EVENT_SIDES, &key, &back, &len), i == 0 ? ERR_NOTFOUND : ERR_CORRUPT);
	}
	free(text);
	world_done(&w);
}

static struct event
event_make(const char *erg, const char *id, const char *mailbox, const char *graph_id)
{
	struct event e = { .status = EVENT_SCHEDULED, .generation = 3 };

	assert_true(erg_id_parse(erg, &e.erg) && event_id_parse(id, &e.id) && guid_parse(mailbox, &e.mailbox));
	(void)snprintf(e.graph_id, sizeof(e.graph_id), "%s", graph_id);
	return e;
}

static bool
found(struct world *w, const char *mailbox, const char *graph_id, const char *id)
{
	struct event e;
	struct guid m;

	assert_true(guid_parse(mailbox, &m));
	return events_find(w->store, &m, graph_id, &e) == ERR_OK && strcmp(e.id.s, id) == 0;
}

static void
the_index_follows(void **state)
{
	struct event a, b, back;
	struct guid other;
	struct world w;

	(void)state;
	world_make(&w);
	assert_true(guid_parse(OTHER, &other));
	a = event_make("blue", "e1", MAILBOX, "AAA=");
	b = event_make("blue", "e2", MAILBOX, "aaa=");
	events_put(w.store, &a);
	events_put(w.store, &b);
	assert_true(found(&w, MAILBOX, "AAA=", "e1"));
	assert_true(found(&w, MAILBOX, "aaa=", "e2")); /* ids differ by case */
	assert_false(found(&w, OTHER, "AAA=", "e1"));
	assert_false(events_any_in_mailbox(w.store, &other));
	/* another meeting for it: the old id is nobody's */
	strcpy(a.graph_id, "BBB=");
	events_put(w.store, &a);
	assert_false(found(&w, MAILBOX, "AAA=", "e1"));
	assert_true(found(&w, MAILBOX, "BBB=", "e1"));
	/* e2 takes it over; e1's end must not take it away */
	strcpy(b.graph_id, "BBB=");
	events_put(w.store, &b);
	events_del(w.store, &a.erg, &a.id);
	assert_true(found(&w, MAILBOX, "BBB=", "e2"));
	assert_int_equal(events_get(w.store, &a.erg, &a.id, &back), ERR_NOTFOUND);
	/* into another mailbox */
	b.mailbox = other;
	events_put(w.store, &b);
	assert_false(found(&w, MAILBOX, "BBB=", "e2"));
	assert_true(found(&w, OTHER, "BBB=", "e2"));
	assert_true(events_any_in_mailbox(w.store, &other));
	events_del(w.store, &b.erg, &b.id);
	assert_false(events_any_in_mailbox(w.store, &other));
	world_done(&w);
}

static void
sides_come_and_go_with_it(void **state)
{
	struct event e = event_make("blue", "e1", MAILBOX, "AAA=");
	struct event_fields *f = event_fields_new(), *back = NULL;
	struct store_stats stats;
	struct world w;

	(void)state;
	world_make(&w);
	assert_true(event_text_set(&f->subject, "Book club"));
	strcpy(f->time_zone, "UTC");
	events_put(w.store, &e);
	assert_int_equal(event_side_get(w.store, &e.erg, &e.id, EVENT_SIDE_APP, &back), ERR_NOTFOUND);
	for (unsigned side = 0; side < EVENT_SIDE_COUNT; side++)
		assert_int_equal(event_side_put(w.store, &e.erg, &e.id, (enum event_side)side, f), ERR_OK);
	store_close(w.store);
	world_open(&w);
	assert_int_equal(event_side_get(w.store, &e.erg, &e.id, EVENT_SIDE_BASE, &back), ERR_OK);
	assert_int_equal(event_fields_diff(f, back), 0);
	event_fields_free(back);
	event_side_del(w.store, &e.erg, &e.id, EVENT_SIDE_BASE);
	assert_int_equal(event_side_get(w.store, &e.erg, &e.id, EVENT_SIDE_BASE, &back), ERR_NOTFOUND);
	events_del(w.store, &e.erg, &e.id);
	store_commit(w.store);
	store_stats(w.store, &stats);
	assert_int_equal(stats.rows[TABLE_EVENT_SIDES] + stats.rows[TABLE_EVENTS] + stats.rows[TABLE_EVENT_INDEX], 0);
	event_fields_free(f);
	world_done(&w);
}

static void
listed_by_erg_and_by_mailbox(void **state)
{
	struct store_cursor *c;
	struct event e, last;
	struct event_ref ref;
	struct guid mailbox;
	struct world w;
	int count = 0;

	(void)state;
	world_make(&w);
	assert_true(guid_parse(MAILBOX, &mailbox));
	for (int i = 0; i < 30; i++) {
		char id[16], graph_id[16];

		(void)snprintf(id, sizeof(id), "e%d", i);
		(void)snprintf(graph_id, sizeof(graph_id), "g%d", i);
		e = event_make(i % 3 == 0 ? "green" : "blue", id, i % 2 == 0 ? MAILBOX : OTHER, graph_id);
		events_put(w.store, &e);
	}
	c = events_seek(w.store, &(struct erg_id){ "blue" }, NULL);
	while (store_next(c, NULL, &e) == ERR_OK && count < 7) {
		last = e;
		count++;
	}
	store_cursor_close(c);
	c = events_seek(w.store, &(struct erg_id){ "blue" }, &last.id);
	while (store_next(c, NULL, &e) == ERR_OK)
		count++;
	store_cursor_close(c);
	assert_int_equal(count, 20);
	count = 0;
	c = events_seek_mailbox(w.store, &mailbox);
	while (store_next(c, NULL, &ref) == ERR_OK)
		count++;
	store_cursor_close(c);
	assert_int_equal(count, 15);
	world_done(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_of_every_length),
		cmocka_unit_test(a_missing_part_is_noticed),
		cmocka_unit_test(the_index_follows),
		cmocka_unit_test(sides_come_and_go_with_it),
		cmocka_unit_test(listed_by_erg_and_by_mailbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
