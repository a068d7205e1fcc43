/* From the inbox into the dirty set: nothing skipped, nothing of strangers, a flood in one row. */
#include "unit/reconciler/rig.h"

#include "reconciler/dirty.h"
#include "reconciler/ingest.h"
#include "reconciler/scope.h"

static struct scope_id
scope_of(struct rig *rig)
{
	struct erg erg = rig_erg(rig);
	struct subscription s;

	assert_int_equal(scope_of_erg(rig->r, &erg, &s), ERR_OK);
	return s.scope;
}

static void
append(struct rig *rig, const struct scope_id *scope, enum hint_kind kind, const char *item)
{
	struct hint *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	h->scope = *scope;
	h->kind = kind;
	h->item_len = (uint16_t)strlen(item);
	memcpy(h->item, item, h->item_len);
	assert_int_equal(inbox_append(rig->inbox, h, 1), ERR_OK);
	free(h);
}

static uint64_t
dirty_rows(struct rig *rig)
{
	struct store_stats stats;

	store_stats(rig->r->store, &stats);
	return stats.rows[TABLE_DIRTY];
}

/* Graph does not answer: what is dirty stays so. */
static void
cut(struct rig *rig, int on)
{
	sim_transport_cut(rig->graph_http, on);
}

static void
strangers_are_dropped_and_counted(void **state)
{
	struct scope_id stranger = { { 1, 2, 3 } }, zeros = { { 0 } };
	struct rig rig;
	uint64_t rows;

	(void)state;
	rig_make(&rig, 1, 5, 3);
	rig_link(&rig);
	rows = dirty_rows(&rig);
	rig_forget_requests(&rig);
	for (int i = 0; i < 500; i++) {
		append(&rig, &stranger, HINT_CREATED, "x");
		append(&rig, &zeros, HINT_CREATED, "l:pride");
	}
	reconciler_wake(rig.r);
	rig_run(&rig, 30000);
	assert_int_equal(rig.r->counters.hints_read, 1000);
	assert_int_equal(rig.r->counters.hints_unknown_scope, 1000);
	assert_int_equal(dirty_rows(&rig), rows);
	assert_int_equal(rig_requests(&rig, "GET /teams/{team}/members"), 0);
	assert_true(rig.consumed >= 1000);
	rig_done(&rig);
}

static void
many_items_become_one_row(void **state)
{
	struct dirty_summary *s = malloc(sizeof(*s));
	struct scope_id scope;
	struct rig rig;
	char item[32];

	(void)state;
	assert_non_null(s);
	rig_make(&rig, 2, 5, 3);
	rig_link(&rig);
	scope = scope_of(&rig);
	cut(&rig, 1);
	for (int i = 0; i < DIRTY_ITEMS_MAX; i++) {
		snprintf(item, sizeof(item), "item-%d", i);
		append(&rig, &scope, HINT_CREATED, item);
		append(&rig, &scope, HINT_UPDATED, item);
	}
	reconciler_wake(rig.r);
	rig_run(&rig, 100);
	dirty_summarize(rig.r, &scope, s);
	assert_int_equal(s->rows, DIRTY_ITEMS_MAX);
	assert_false(s->whole);
	assert_int_equal(s->hint_count, 2 * DIRTY_ITEMS_MAX);
	for (int i = 0; i < 3000; i++) {
		snprintf(item, sizeof(item), "more-%d", i);
		append(&rig, &scope, HINT_DELETED, item);
	}
	reconciler_wake(rig.r);
	rig_run(&rig, 100);
	dirty_summarize(rig.r, &scope, s);
	assert_int_equal(s->rows, 1);
	assert_true(s->whole);
	cut(&rig, 0);
	rig_run(&rig, 30 * 60 * 1000);
	dirty_summarize(rig.r, &scope, s);
	assert_int_equal(s->rows, 0);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	rig_done(&rig);
	free(s);
}

/* A lost inbox may have held anything. */
static void
a_new_inbox_makes_all_dirty(void **state)
{
	char path[PATH_MAX + 300], file[PATH_MAX + 320], why[256];
	struct rig rig;

	(void)state;
	rig_make(&rig, 3, 10, 5);
	rig_link(&rig);
	rig.deaf = true;
	rig_member(&rig, "add", 8, "member");
	rig_run(&rig, 10000);
	assert_int_equal(rig_erg(&rig).counts.app, 5);
	reconciler_free(rig.r);
	rig.r = NULL;
	inbox_close(rig.inbox);
	scratch_file(&rig.dir, "inbox", path);
	snprintf(file, sizeof(file), "%s/data.mdb", path);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(inbox_open(path, INBOX_WRITER, (uint64_t)rig.config.map_size_bytes / 4, &rig.intake_key, &rig.inbox, why,
	                     sizeof(why)),
	    ERR_OK);
	rig.deaf = false;
	rig_start(&rig);
	rig_run(&rig, 60000);
	assert_int_equal(rig_erg(&rig).counts.app, 6);
	rig_done(&rig);
}

/* Whatever the hints, and wherever it is killed: afterwards all is read, and the listener may trim all. */
static void
random_hints_and_kills_end_in_peace(void **state)
{
	struct rng rng = scratch_rng();
	struct scope_id scope;
	struct rig rig;
	char item[32];

	(void)state;
	rig_make(&rig, 4, 30, 10);
	rig.config.removal_percent = 100;
	rig_link(&rig);
	scope = scope_of(&rig);
	for (int round = 0; round < 60; round++) {
		for (uint64_t n = rng_below(&rng, 30); n > 0; n--) {
			snprintf(item, sizeof(item), "i%llu", (unsigned long long)rng_below(&rng, 100));
			append(
			    &rig, &scope, (enum hint_kind)rng_below(&rng, HINT_OTHER + 1), rng_below(&rng, 5) == 0 ? "" : item);
		}
		if (rng_below(&rng, 2) == 0)
			rig_member(&rig, rng_below(&rng, 2) == 0 ? "add" : "remove", 20 + (unsigned)rng_below(&rng, 4), "member");
		reconciler_wake(rig.r);
		rig_run(&rig, (int64_t)rng_below(&rng, 400));
		if (rng_below(&rng, 3) == 0)
			rig_crash(&rig);
	}
	rig_run(&rig, 10 * 60 * 1000);
	assert_int_equal(rig_erg(&rig).counts.app, rig_erg(&rig).counts.teams);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	{
		json_t *truth = rig_ask(&rig, "GET", "/_sim/members?team=" RIG_TEAM, NULL);

		assert_int_equal(json_array_size(jx_get_array(truth, "members")), rig_erg(&rig).counts.app);
		json_decref(truth);
	}
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strangers_are_dropped_and_counted),
		cmocka_unit_test(many_items_become_one_row),
		cmocka_unit_test(a_new_inbox_makes_all_dirty),
		cmocka_unit_test(random_hints_and_kills_end_in_peace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
