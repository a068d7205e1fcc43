/* The way of an event from the app to Outlook: made, changed and cancelled, once each. */
#include "unit/reconciler/meeting_side.h"

static void
a_meeting_is_made_changed_and_cancelled(void **state)
{
	struct event_fields *f;
	struct rig rig;
	struct event e;

	(void)state;
	meet_make(&rig, 31);
	e = meet_put(&rig, "picnic", meet_fields("Picnic", 3 * DAY_MS, 3));
	assert_int_equal(e.status, EVENT_PENDING);
	rig_run(&rig, 5000);
	e = meet_event(&rig, "picnic");
	assert_int_equal(e.status, EVENT_SCHEDULED);
	assert_string_not_equal(e.join_url, "");
	assert_int_equal(meet_count(&rig), 1);
	meet_mailed(&rig, 3, 0, 0);
	assert_int_equal(rig_count(&rig, "ergsync.meeting.scheduled", 0), 1);

	f = meet_fields("Picnic in the park", 3 * DAY_MS, 3);
	meet_put(&rig, "picnic", f);
	rig_run(&rig, 60000);
	meet_subject_is(&rig, "picnic", "Picnic in the park");
	meet_mailed(&rig, 3, 3, 0);

	meet_remove(&rig, "picnic", "Rain.");
	assert_int_equal(meet_event(&rig, "picnic").status, EVENT_CANCELLED);
	rig_run(&rig, 60000);
	assert_int_equal(meet_count(&rig), 0);
	meet_mailed(&rig, 3, 3, 3);
	meet_remove(&rig, "picnic", "Rain.");
	rig_run(&rig, DAY_MS);
	meet_mailed(&rig, 3, 3, 3);
	assert_int_equal(rig_requests(&rig, CREATES), 1);
	assert_int_equal(rig_requests(&rig, PATCHES), 1);
	assert_int_equal(rig_requests(&rig, CANCELS), 1);
	assert_int_equal(rig.event_count, 1);
	assert_int_equal(meet_violations(&rig), 0);
	rig_done(&rig);
}

static void
edits_within_seconds_become_one_change(void **state)
{
	struct rig rig;

	(void)state;
	meet_make(&rig, 32);
	meet_put(&rig, "picnic", meet_fields("Picnic", 3 * DAY_MS, 2));
	rig_run(&rig, 10000);
	for (unsigned i = 0; i < 5; i++) {
		char subject[32];

		snprintf(subject, sizeof(subject), "Picnic %u", i);
		meet_put(&rig, "picnic", meet_fields(subject, 3 * DAY_MS, 2));
		rig_run(&rig, 400);
	}
	rig_run(&rig, 60000);
	meet_subject_is(&rig, "picnic", "Picnic 4");
	assert_int_equal(rig_requests(&rig, PATCHES), 1);
	meet_mailed(&rig, 2, 2, 0);
	/* The same again is nothing. */
	meet_put(&rig, "picnic", meet_fields("Picnic 4", 3 * DAY_MS, 2));
	rig_run(&rig, 60000);
	assert_int_equal(rig_requests(&rig, PATCHES), 1);
	rig_done(&rig);
}

static void
what_is_over_or_far_or_off_is_left_alone(void **state)
{
	struct rig rig;

	(void)state;
	meet_make(&rig, 33);
	assert_int_equal(meet_put(&rig, "old", meet_fields("Old", -3 * DAY_MS, 2)).status, EVENT_OFF);
	assert_int_equal(meet_put(&rig, "far", meet_fields("Far", 402 * DAY_MS, 2)).status, EVENT_PENDING);
	rig_run(&rig, HOUR_MS);
	assert_int_equal(meet_count(&rig), 0);
	meet_put(&rig, "soon", meet_fields("Soon", 2 * HOUR_MS, 2));
	rig_run(&rig, 60000);
	assert_int_equal(meet_count(&rig), 1);
	/* It ends: the app's second thoughts come too late. */
	rig_run(&rig, 3 * HOUR_MS);
	meet_put(&rig, "soon", meet_fields("Too late", 2 * HOUR_MS, 2));
	rig_run(&rig, 60000);
	meet_remove(&rig, "soon", "");
	rig_run(&rig, 60000);
	meet_mailed(&rig, 2, 0, 0);
	assert_int_equal(meet_event(&rig, "soon").status, EVENT_CANCELLED);
	/* The far one has come nearer. */
	rig_run(&rig, 3 * DAY_MS);
	assert_int_equal(meet_event(&rig, "far").status, EVENT_SCHEDULED);
	meet_policy(&rig, MEETINGS_OFF, "");
	rig_run(&rig, 60000);
	assert_int_equal(meet_put(&rig, "none", meet_fields("None", 5 * DAY_MS, 2)).status, EVENT_OFF);
	rig_run(&rig, 60000);
	meet_mailed(&rig, 4, 0, 0);
	assert_int_equal(meet_event(&rig, "far").status, EVENT_OFF);
	meet_policy(&rig, MEETINGS_TWO_WAY, "");
	rig_run(&rig, 60000);
	assert_int_equal(meet_event(&rig, "none").status, EVENT_SCHEDULED);
	meet_mailed(&rig, 6, 0, 0);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_meeting_is_made_changed_and_cancelled),
		cmocka_unit_test(edits_within_seconds_become_one_change),
		cmocka_unit_test(what_is_over_or_far_or_off_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
