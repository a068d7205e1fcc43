/* A byte of any record flips on disk: the record is taken out and read anew, nobody is removed, and in the end all is as it was. */
#include "unit/reconciler/app_side.h"
#include "unit/reconciler/meeting_side.h"

#include "state/env.h"

#define HOUR_MS (3600 * 1000LL)

/* Flips a bit in the ciphertext of rows of a table: all of them, or one. How many. */
static unsigned
damage(struct rig *rig, enum table t, bool all, struct rng *rng)
{
	struct env_options options = {
		.what = "store", .format = 99, .map_size_bytes = 256 << 20, .tables_max = TABLE_COUNT + 1, .writer = true
	};
	char directory[PATH_MAX + 300], why[256];
	MDB_val key, value;
	MDB_cursor *cursor;
	struct env *env;
	unsigned n = 0, rows, one;
	uint8_t *copy;
	MDB_stat st;
	MDB_txn *txn;
	MDB_dbi dbi;

	options.directory = scratch_file(&rig->dir, "state", directory);
	assert_int_equal(env_open(&options, &env, why, sizeof(why)), ERR_OK);
	assert_int_equal(env_begin(env, true, &txn), ERR_OK);
	assert_int_equal(mdb_dbi_open(txn, table_name(t), 0, &dbi), 0);
	assert_int_equal(mdb_stat(txn, dbi, &st), 0);
	rows = (unsigned)st.ms_entries;
	one = rows > 0 ? (unsigned)rng_below(rng, rows) : 0;
	assert_int_equal(mdb_cursor_open(txn, dbi, &cursor), 0);
	for (unsigned i = 0; mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0; i++) {
		if (!all && i != one)
			continue;
		assert_non_null(copy = malloc(value.mv_size));
		memcpy(copy, value.mv_data, value.mv_size);
		copy[value.mv_size - 1] ^= 1;
		value.mv_data = copy;
		assert_int_equal(mdb_cursor_put(cursor, &key, &value, MDB_CURRENT), 0);
		free(copy);
		n++;
	}
	mdb_cursor_close(cursor);
	assert_int_equal(mdb_txn_commit(txn), 0);
	env_close(env);
	return n;
}

static void
app_lists_all(struct rig *rig)
{
	struct app_member_put list[6];
	struct app_members_replaced replaced;
	struct erg_id erg = erg_named("pride");
	struct problem p = { 0 };

	for (unsigned i = 0; i < 6; i++)
		list[i] = entry(i + 1, i == 0 ? ROLE_OWNER : ROLE_MEMBER);
	assert_int_equal(backend_ops.members_replace(rig->r, &erg, list, 6, &replaced, &p), ERR_OK);
}

static void
one_table(enum table t, bool all, struct rng *rng)
{
	struct rig rig;
	struct problem p = { 0 };
	unsigned damaged;
	size_t told;

	rig_make(&rig, 5, 12, 6);
	rig_link(&rig);
	name_all(&rig, 6);
	rig_run(&rig, HOUR_MS);
	/* Something is under way in both directions. */
	rig.app_status = 503;
	rig_member(&rig, "add", 7, "member");
	rig_run(&rig, 20000);
	told = rig.event_count;
	rig_forget_requests(&rig);
	reconciler_free(rig.r);
	rig.r = NULL;
	damaged = damage(&rig, t, all, rng);
	log_set_level(LOG_ERROR);
	rig_start(&rig);
	rig.app_status = 204;
	rig_run(&rig, 26 * HOUR_MS);
	/* The app repeats what it knows, as it does when it is told that something is broken, and daily. */
	rig_put_tenant(&rig);
	assert_int_equal(rig_put_erg(&rig, "pride", MEMBERSHIP_TWO_WAY, &p), ERR_OK);
	rig_run(&rig, HOUR_MS);
	app_lists_all(&rig);
	join(&rig, 7);
	rig_run(&rig, 26 * HOUR_MS);
	for (size_t i = told; i < rig.event_count; i++)
		if (strcmp(rig.events[i].type, "ergsync.member.removed") == 0)
			fail_msg("%s%s: somebody was removed", table_name(t), all ? ", all rows" : "");
	if (rig_requests(&rig, REMOVE_BULK) + rig_requests(&rig, REMOVE_ONE) != 0 || count_in_teams(&rig) != 7)
		fail_msg("%s%s: somebody was taken out of Teams", table_name(t), all ? ", all rows" : "");
	if (rig_erg(&rig).state != ERG_IN_SYNC || rig_erg(&rig).additions_only || rig_erg(&rig).counts.app != 7 ||
	    rig_erg(&rig).counts.teams != 7)
		fail_msg("%s%s: state %s, additions only %d, app %d, teams %d: %s", table_name(t), all ? ", all rows" : "",
		    erg_state_names[rig_erg(&rig).state], rig_erg(&rig).additions_only, (int)rig_erg(&rig).counts.app,
		    (int)rig_erg(&rig).counts.teams, rig_erg(&rig).detail);
	if (damaged > 0) {
		struct app_status status = { 0 };
		struct store_stats st;

		store_stats(rig.r->store, &st);
		assert_int_equal(backend_ops.status(rig.r, &status, &p), ERR_OK);
		assert_true(st.quarantined == (uint64_t)status.damaged_records);
	}
	rig_done(&rig);
}

static void
one_record_of_each_table(void **state)
{
	struct rng rng = scratch_rng();

	(void)state;
	for (unsigned t = 0; t < TABLE_COUNT; t++)
		one_table((enum table)t, false, &rng);
}

static void
every_record_of_each_table(void **state)
{
	struct rng rng = scratch_rng();

	(void)state;
	for (unsigned t = 0; t < TABLE_COUNT; t++)
		one_table((enum table)t, true, &rng);
}

/* What Outlook has changed reaches the app although the callback that tells of it is lost. */
static void
a_lost_callback_of_a_meeting_is_made_anew(void **state)
{
	static const enum table tables[] = { TABLE_OUTBOX, TABLE_FEED };
	struct rng rng = scratch_rng();
	struct event_fields *f;
	struct rig rig;

	(void)state;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		meet_make(&rig, 9);
		meet_put(&rig, "picnic", meet_fields("Picnic", 3 * DAY_MS, 3));
		rig_run(&rig, 120000);
		rig.app_status = 503;
		meet_outlook(&rig, "picnic", "change", ",\"event\":{\"subject\":\"Barbecue\"}");
		rig_run(&rig, 60000);
		assert_true(meet_event(&rig, "picnic").callback_seq != 0);
		reconciler_free(rig.r);
		rig.r = NULL;
		assert_true(damage(&rig, tables[i], true, &rng) > 0);
		rig_start(&rig);
		rig.app_status = 204;
		rig_run(&rig, HOUR_MS);
		assert_int_equal(meet_event(&rig, "picnic").callback_seq, 0);
		assert_int_equal(rig_count(&rig, "ergsync.meeting.updated", 0), 1);
		f = meet_side(&rig, "picnic", EVENT_SIDE_APP);
		assert_string_equal(f->subject, "Barbecue");
		event_fields_free(f);
		rig_done(&rig);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lost_callback_of_a_meeting_is_made_anew),
		cmocka_unit_test(one_record_of_each_table),
		cmocka_unit_test(every_record_of_each_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
