/* The app's snapshot at a full resync: trusted whole or not at all. */
#include "unit/reconciler/app_side.h"
#include "unit/reconciler/meeting_side.h"

#include "model/resync.h"
#include "reconciler/resync.h"
#include "reconciler/staging.h"

static struct resync
resync(struct rig *rig)
{
	struct resync_scope scope = { RESYNC_ERG, "pride" };
	struct resync row, end;
	char why[256];

	assert_int_equal(resync_start(rig->r, &scope, false, &row, why, sizeof(why)), ERR_OK);
	rig_run(rig, 300000);
	assert_int_equal(resync_get(rig->r, row.id, &end), ERR_OK);
	assert_int_not_equal(end.state, RESYNC_RUNNING);
	return end;
}

/* Members 1 to count but for without, and the end line given. */
static char *
snapshot_text(unsigned count, unsigned without, const char *end)
{
	struct text t;

	text_init(&t, 1 << 20);
	for (unsigned i = 1; i <= count; i++)
		if (i != without)
			text_addf(&t, "{\"member\":{\"user\":\"app%u\",\"email\":\"u%u@acme.example\",\"role\":\"%s\"}}\n", i, i,
			    i == 1 ? "owner" : "member");
	text_adds(&t, "{\"event\":{\"event\":\"e1\",\"subject\":\"Tea\"}}\n");
	text_adds(&t, end);
	assert_int_equal(text_err(&t), ERR_OK);
	return text_take(&t);
}

/* Numbers first to last; private but for the first so many, and an owner among those. */
static char *
listing(unsigned first, unsigned last, unsigned shown)
{
	struct text t;

	text_init(&t, 1 << 20);
	for (unsigned i = first; i <= last; i++)
		text_addf(&t, "{\"member\":{\"user\":\"app%u\",\"email\":\"u%u@acme.example\",\"role\":\"%s\",\"private\":%s}}\n",
		    i, i, i == 1 ? "owner" : "member", i < first + shown ? "false" : "true");
	text_addf(&t, "{\"end\":true,\"members\":%u,\"events\":0}\n", last - first + 1);
	assert_int_equal(text_err(&t), ERR_OK);
	return text_take(&t);
}

static void
start_with(struct rig *rig, uint64_t seed, unsigned members)
{
	rig_make(rig, seed, members + 30, members);
	rig->config.snapshot_url = (char *)"http://127.0.0.1:2/snapshot";
	rig_link(rig);
	name_all(rig, members);
}

static void
start(struct rig *rig, uint64_t seed)
{
	start_with(rig, seed, 10);
}

static void
a_complete_snapshot_counts(void **state)
{
	struct rig rig;
	char *text = snapshot_text(12, 5, "{\"end\":true,\"members\":11,\"events\":1}");

	(void)state;
	start(&rig, 61);
	rig.snapshot = text;
	assert_int_equal(resync(&rig).error_count, 0);
	rig_run(&rig, 300000);
	assert_string_equal(in_teams(&rig, 11), "member");
	assert_string_equal(in_teams(&rig, 12), "member");
	assert_string_equal(in_teams(&rig, 5), "");
	assert_int_equal(rig_erg(&rig).counts.app, 11);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	assert_int_equal(rig.event_count, rig_count(&rig, "ergsync.member.added", 0) + rig_count(&rig, "ergsync.resync.done", 0));
	free(text);
	rig_done(&rig);
}

/* Begins one and goes on until the snapshot is under way. */
static void
fetch_begun(struct rig *rig)
{
	struct resync_scope scope = { RESYNC_ERG, "pride" };
	struct resync row;
	char why[256];

	assert_int_equal(resync_start(rig->r, &scope, false, &row, why, sizeof(why)), ERR_OK);
	rig_run(rig, 0);
	assert_true(stagings_any(rig->r->stagings));
}

/* Also where it says nothing new: the snapshot that lacks somebody was made before the app named that person again. */
static void
what_the_app_says_meanwhile_wins(void **state)
{
	struct rig rig;
	char *text = snapshot_text(11, 5, "{\"end\":true,\"members\":10,\"events\":1}");
	struct app_member_put eleven = entry(11, ROLE_MEMBER);
	struct erg_id id = erg_named("pride");
	struct problem p = { 0 };

	(void)state;
	start(&rig, 67);
	rig.snapshot = text;
	fetch_begun(&rig);
	join(&rig, 5);
	assert_int_equal(backend_ops.member_remove(rig.r, &id, &eleven.who, &p), ERR_NOTFOUND);
	rig_run(&rig, 600000);
	assert_string_equal(in_teams(&rig, 5), "member");
	assert_string_equal(in_teams(&rig, 11), "");
	assert_int_equal(rig_erg(&rig).counts.app, 10);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	free(text);
	rig_done(&rig);
}

static void
anything_less_changes_nothing(void **state)
{
	static const char *const ends[] = {
		"",
		"{\"end\":true,\"members\":10,\"events\":1}\n",
		"{\"end\":true,\"members\":9,\"events\":0}\n",
		"{\"end\":false,\"members\":9,\"events\":1}\n",
		"{\"end\":true,\"members\":9,\"events\":1}\n{\"member\":{\"user\":\"x\",\"email\":\"x@acme.example\",\"role\":"
		"\"member\"}}\n",
		"{\"member\":{\"user\":\"x\",\"role\":\"member\"}}\n{\"end\":true,\"members\":10,\"events\":1}\n",
		"{\"membre\":1}\n{\"end\":true,\"members\":9,\"events\":1}\n",
		"not JSON\n",
	};
	struct rig rig;

	(void)state;
	start(&rig, 62);
	assert_int_equal(resync(&rig).error_count, 1); /* 404 */
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		char *text = snapshot_text(10, 5, ends[i]);

		rig.snapshot = text;
		assert_int_equal(resync(&rig).error_count, 1);
		assert_int_equal(count_in_teams(&rig), 10);
		assert_int_equal(rig_erg(&rig).counts.app, 10);
		assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
		free(text);
	}
	rig_done(&rig);
}

/* However large: whom it lacks is looked for in slices, and leaves in one turn, so that the guard sees all of it. */
static void
an_empty_snapshot_is_held(void **state)
{
	static const unsigned sizes[] = { 10, 300 };
	struct rig rig;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		start_with(&rig, 63, sizes[i]);
		rig.config.removal_limit = 1000;
		rig.config.removal_percent = 100;
		rig.snapshot = "{\"end\":true,\"members\":0,\"events\":0}\n";
		assert_int_equal(resync(&rig).error_count, 0);
		rig_run(&rig, 300000);
		assert_int_equal(rig_erg(&rig).state, ERG_HELD);
		assert_int_equal(count_in_teams(&rig), sizes[i]);
		assert_int_equal(rig_count(&rig, "ergsync.plan.held", 0), 1);
		rig_done(&rig);
	}
}

/* Rows laid aside. */
static uint64_t
laid_aside(struct rig *rig)
{
	struct store_stats s;

	store_stats(rig->r->store, &s);
	return s.rows[TABLE_SNAPSHOT_PARTS] + s.rows[TABLE_SNAPSHOT_PEOPLE];
}

/* More than a turn takes: hundreds come, and leave with the next one. */
static void
a_long_snapshot_is_taken_in_slices(void **state)
{
	struct rig rig;
	char *text = listing(1, 1500, 10), *shorter = listing(1, 20, 10);

	(void)state;
	start(&rig, 66);
	rig.snapshot = text;
	assert_int_equal(resync(&rig).error_count, 0);
	assert_int_equal(rig_erg(&rig).counts.app, 1500);
	assert_int_equal(count_in_teams(&rig), 10);
	rig.snapshot = shorter;
	assert_int_equal(resync(&rig).error_count, 0);
	assert_int_equal(rig_erg(&rig).counts.app, 20);
	assert_int_equal(count_in_teams(&rig), 10);
	assert_int_equal(laid_aside(&rig), 0);
	free(text);
	free(shorter);
	rig_done(&rig);
}

static void
named_twice_the_first_word_counts(void **state)
{
	struct rig rig;
	struct text t;

	(void)state;
	start(&rig, 67);
	text_init(&t, 1 << 20);
	for (unsigned i = 1; i <= 10; i++)
		text_addf(&t, "{\"member\":{\"user\":\"app%u\",\"email\":\"u%u@acme.example\",\"role\":\"%s\"}}\n", i, i,
		    i == 1 ? "owner" : "member");
	text_adds(&t, "{\"member\":{\"user\":\"app5\",\"email\":\"u5@acme.example\",\"role\":\"owner\",\"private\":true}}\n"
	              "{\"end\":true,\"members\":11,\"events\":0}\n");
	rig.snapshot = t.data;
	assert_int_equal(resync(&rig).error_count, 0);
	rig_run(&rig, 300000);
	assert_string_equal(in_teams(&rig, 5), "member");
	assert_int_equal(rig_erg(&rig).counts.app, 10);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	text_done(&t);
	rig_done(&rig);
}

/* Killed at any moment of it: what was taken in stays, nobody leaves, and what lay aside goes. */
static void
a_crash_on_the_way_takes_nobody_out(void **state)
{
	struct resync_scope scope = { RESYNC_ERG, "pride" };
	/* Lacks all ten. */
	char *text = listing(2001, 3000, 0);
	bool in_the_middle = false;
	struct resync row;
	struct rig rig;
	char why[256];

	(void)state;
	for (unsigned ms = 0; ms < 40; ms += 3) {
		start(&rig, 68);
		rig.snapshot = text;
		rig.config.removal_limit = 1000;
		assert_int_equal(resync_start(rig.r, &scope, false, &row, why, sizeof(why)), ERR_OK);
		while (laid_aside(&rig) == 0)
			rig_run(&rig, 1);
		rig_run(&rig, ms);
		if (laid_aside(&rig) == 0) {
			rig_done(&rig);
			break;
		}
		in_the_middle |= rig_erg(&rig).counts.app > 10;
		rig.snapshot = NULL;
		rig_crash(&rig);
		rig_run(&rig, 300000);
		assert_int_equal(laid_aside(&rig), 0);
		assert_int_equal(count_in_teams(&rig), 10);
		assert_true(rig_erg(&rig).counts.app >= 10);
		assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
		rig_done(&rig);
	}
	assert_true(in_the_middle);
	free(text);
}

/* What was counted before a stop is counted anew, so it must not be there twice. */
static void
a_resumed_resync_counts_from_the_start(void **state)
{
	struct resync before, after;
	struct store_key key;
	struct rig rig;

	(void)state;
	start(&rig, 69);
	rig.snapshot = NULL; /* 404 */
	before = resync(&rig);
	assert_int_equal(before.error_count, 1);
	/* As it was on disk in the middle. */
	before.state = RESYNC_RUNNING;
	before.finished_wall_ms = 0;
	store_key_init(&key);
	store_key_u64(&key, before.number);
	store_put(rig.r->store, TABLE_RESYNCS, &key, &before);
	rig_run(&rig, 100);
	rig_crash(&rig);
	rig_run(&rig, 300000);
	assert_int_equal(resync_get(rig.r, before.id, &after), ERR_OK);
	assert_int_equal(after.error_count, 1);
	assert_int_equal(after.ergs_done, 1);
	assert_int_equal(after.members_compared, before.members_compared);
	assert_string_equal(after.errors[1], "");
	rig_done(&rig);
}

/* A line for each of the events' names; one hour of it, three days from the start. */
static char *
events_text(const char *const *names, const char *subject, size_t bad)
{
	char start[TIMESTAMP_SIZE], end[TIMESTAMP_SIZE];
	struct text t;
	size_t n = 0;

	text_init(&t, 1 << 20);
	meet_time(RIG_START_MS + 3 * DAY_MS, start);
	meet_time(RIG_START_MS + 3 * DAY_MS + HOUR_MS, end);
	for (; names[n] != NULL; n++)
		text_addf(&t,
		    "{\"event\":{\"event\":\"%s\",\"subject\":\"%s\",\"start\":\"%s\",\"end\":\"%s\",\"time_zone\":\"UTC\","
		    "\"attendees\":[{\"email\":\"p1@guests.example\"}]}}\n",
		    names[n], subject, start, end);
	for (size_t i = 0; i < bad; i++)
		text_addf(&t, "{\"event\":{\"event\":\"bad%u\",\"subject\":\"No time\"}}\n", (unsigned)i);
	text_addf(&t, "{\"end\":true,\"members\":0,\"events\":%u}\n", (unsigned)(n + bad));
	assert_int_equal(text_err(&t), ERR_OK);
	return text_take(&t);
}

static void
resync_with(struct rig *rig, const char *const *names, const char *subject, size_t bad)
{
	char *text = events_text(names, subject, bad);

	rig->snapshot = text;
	resync(rig);
	rig_run(rig, 120000);
	rig->snapshot = NULL;
	free(text);
}

/* It adds events and changes them; what it lacks is left alone, and what is cancelled on either side stays so. */
static void
events_of_a_snapshot_are_put_and_none_is_cancelled(void **state)
{
	static const char *const both[] = { "tea", "picnic", NULL }, *const one[] = { "tea", NULL }, *const none[] = { NULL };
	struct rig rig;

	(void)state;
	meet_make(&rig, 64);
	rig.config.snapshot_url = (char *)"http://127.0.0.1:2/snapshot";
	resync_with(&rig, both, "From the snapshot", 1);
	assert_int_equal(meet_count(&rig), 2);
	assert_int_equal(meet_event(&rig, "tea").status, EVENT_SCHEDULED);
	meet_mailed(&rig, 2, 0, 0);
	resync_with(&rig, both, "From the snapshot", 0);
	meet_mailed(&rig, 2, 0, 0);
	resync_with(&rig, one, "Changed", 0);
	meet_subject_is(&rig, "tea", "Changed");
	meet_subject_is(&rig, "picnic", "From the snapshot");
	meet_mailed(&rig, 2, 1, 0);
	resync_with(&rig, none, "", 0);
	assert_int_equal(meet_count(&rig), 2);
	meet_mailed(&rig, 2, 1, 0);

	meet_remove(&rig, "tea", "");
	meet_outlook(&rig, "picnic", "cancel", "");
	rig_run(&rig, 120000);
	assert_int_equal(meet_count(&rig), 0);
	resync_with(&rig, both, "Once more", 0);
	assert_int_equal(meet_count(&rig), 0);
	assert_int_equal(meet_event(&rig, "tea").status, EVENT_CANCELLED);
	assert_int_equal(meet_event(&rig, "picnic").status, EVENT_CANCELLED);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_complete_snapshot_counts),
		cmocka_unit_test(what_the_app_says_meanwhile_wins),
		cmocka_unit_test(anything_less_changes_nothing),
		cmocka_unit_test(an_empty_snapshot_is_held),
		cmocka_unit_test(a_long_snapshot_is_taken_in_slices),
		cmocka_unit_test(named_twice_the_first_word_counts),
		cmocka_unit_test(a_crash_on_the_way_takes_nobody_out),
		cmocka_unit_test(a_resumed_resync_counts_from_the_start),
		cmocka_unit_test(events_of_a_snapshot_are_put_and_none_is_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
