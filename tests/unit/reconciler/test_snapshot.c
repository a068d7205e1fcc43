/* The app's snapshot at a full resync: trusted whole or not at all. */
#include "unit/reconciler/app_side.h"
#include "unit/reconciler/meeting_side.h"

#include "model/resync.h"
#include "reconciler/resync.h"

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

static void
start(struct rig *rig, uint64_t seed)
{
	rig_make(rig, seed, 40, 10);
	rig->config.snapshot_url = (char *)"http://127.0.0.1:2/snapshot";
	rig_link(rig);
	name_all(rig, 10);
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

static void
an_empty_snapshot_is_held(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig, 63);
	rig.config.removal_limit = 1000;
	rig.snapshot = "{\"end\":true,\"members\":0,\"events\":0}\n";
	assert_int_equal(resync(&rig).error_count, 0);
	rig_run(&rig, 300000);
	assert_int_equal(rig_erg(&rig).state, ERG_HELD);
	assert_int_equal(count_in_teams(&rig), 10);
	assert_int_equal(rig_count(&rig, "ergsync.plan.held", 0), 1);
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
		cmocka_unit_test(anything_less_changes_nothing),
		cmocka_unit_test(an_empty_snapshot_is_held),
		cmocka_unit_test(events_of_a_snapshot_are_put_and_none_is_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
