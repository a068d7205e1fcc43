/* The way of an event from Outlook to the app: what people do in the organizer's calendar, read little and told once. */
#include "unit/reconciler/meeting_side.h"

#include "reconciler/mailbox.h"
#include "reconciler/scope.h"

#define UPDATED   "ergsync.meeting.updated"
#define CANCELLED "ergsync.meeting.cancelled"
#define RESPONSES "ergsync.meeting.responses"

/* As far as an id stands in a path as it is. Good until the next one. */
static const char *
event_path(struct rig *rig, const char *name)
{
	static char path[512];
	char id[GUID_SIZE];

	snprintf(path, sizeof(path), "/users/%s/events/%s", rig_user(1, id), meet_event(rig, name).graph_id);
	path[strcspn(path, "=")] = '\0';
	return path;
}

static void
make_with_picnic(struct rig *rig, uint64_t seed)
{
	meet_make(rig, seed);
	meet_put(rig, "picnic", meet_fields("Picnic", 3 * DAY_MS, 3));
	rig_run(rig, 120000);
	assert_int_equal(meet_event(rig, "picnic").status, EVENT_SCHEDULED);
	rig_forget_requests(rig);
}

static void
a_change_in_outlook_is_told_once_and_written_never(void **state)
{
	struct event_fields *f;
	struct rig rig;

	(void)state;
	make_with_picnic(&rig, 41);
	meet_outlook(&rig, "picnic", "change", ",\"event\":{\"subject\":\"Barbecue\",\"location\":{\"displayName\":\"Roof\"}}");
	rig_run(&rig, 60000);
	assert_int_equal(rig_count(&rig, UPDATED, 0), 1);
	meet_told_has(&rig, UPDATED, "\"subject\":\"Barbecue\"");
	meet_told_has(&rig, UPDATED, "\"location\":\"Roof\"");
	assert_null(strstr(meet_told(&rig, UPDATED), "body_html"));
	f = meet_side(&rig, "picnic", EVENT_SIDE_APP);
	assert_string_equal(f->subject, "Barbecue");
	event_fields_free(f);
	rig_run(&rig, 3 * DAY_MS / 2);
	assert_int_equal(rig_requests(&rig, PATCHES), 0);
	assert_int_equal(rig_count(&rig, UPDATED, 0), 1);
	assert_int_equal(meet_violations(&rig), 0);
	rig_done(&rig);
}

static void
each_field_goes_its_way(void **state)
{
	struct event_fields *f;
	struct rig rig;

	(void)state;
	make_with_picnic(&rig, 42);
	/* The app has not heard of Outlook's title when it changes the place. */
	rig.app_status = 503;
	meet_outlook(&rig, "picnic", "change", ",\"event\":{\"subject\":\"Barbecue\"}");
	rig_run(&rig, 20000);
	f = meet_fields("Picnic", 3 * DAY_MS, 3);
	event_text_set(&f->location, "Garden");
	meet_put(&rig, "picnic", f);
	rig_run(&rig, 20000);
	rig.app_status = 204;
	rig_run(&rig, 10 * 60000);
	f = meet_side(&rig, "picnic", EVENT_SIDE_APP);
	assert_string_equal(f->subject, "Barbecue");
	assert_string_equal(f->location, "Garden");
	event_fields_free(f);
	meet_subject_is(&rig, "picnic", "Barbecue");
	assert_int_equal(rig_count(&rig, UPDATED, 0), 1);
	assert_int_equal(rig_requests(&rig, PATCHES), 1);
	rig_done(&rig);
}

static void
what_both_changed_is_decided(void **state)
{
	struct rig rig;

	(void)state;
	for (int outlook = 0; outlook <= 1; outlook++) {
		make_with_picnic(&rig, 43);
		rig.config.meeting_conflicts = outlook;
		rig.deaf = true;
		meet_outlook(&rig, "picnic", "change", ",\"event\":{\"subject\":\"Barbecue\"}");
		meet_put(&rig, "picnic", meet_fields("Breakfast", 3 * DAY_MS, 3));
		rig_run(&rig, 120000);
		meet_subject_is(&rig, "picnic", outlook ? "Barbecue" : "Breakfast");
		assert_int_equal(rig_count(&rig, UPDATED, 0), outlook);
		rig_done(&rig);
	}
}

static void
the_app_alone_decides_when_it_is_so(void **state)
{
	struct rig rig;

	(void)state;
	make_with_picnic(&rig, 44);
	meet_policy(&rig, MEETINGS_APP, "");
	meet_outlook(&rig, "picnic", "change", ",\"event\":{\"subject\":\"Barbecue\"}");
	rig_run(&rig, 60000);
	meet_subject_is(&rig, "picnic", "Picnic");
	assert_int_equal(rig_count(&rig, UPDATED, 0), 0);
	meet_outlook(&rig, "picnic", "delete", "");
	rig_run(&rig, 120000);
	assert_int_equal(meet_count(&rig), 1);
	assert_int_equal(meet_event(&rig, "picnic").generation, 2);
	assert_int_equal(rig_count(&rig, CANCELLED, 0), 0);
	assert_int_equal(rig_count(&rig, "ergsync.meeting.scheduled", 0), 2);
	rig_done(&rig);
}

static void
a_meeting_deleted_in_outlook_is_cancelled(void **state)
{
	struct rig rig;
	struct event e;

	(void)state;
	make_with_picnic(&rig, 45);
	meet_outlook(&rig, "picnic", "delete", "");
	rig_run(&rig, 60000);
	assert_int_equal(rig_count(&rig, CANCELLED, 0), 1);
	assert_int_equal(meet_event(&rig, "picnic").status, EVENT_CANCELLED);
	rig_run(&rig, 2 * DAY_MS);
	assert_int_equal(rig_count(&rig, CANCELLED, 0), 1);
	assert_int_equal(meet_count(&rig), 0);
	/* The app wants it after all: another one. */
	e = meet_put(&rig, "picnic", meet_fields("Picnic", 5 * DAY_MS, 3));
	assert_int_equal(e.generation, 2);
	rig_run(&rig, 60000);
	assert_int_equal(meet_count(&rig), 1);
	assert_int_equal(meet_event(&rig, "picnic").status, EVENT_SCHEDULED);
	rig_done(&rig);
}

static void
responses_are_told_together(void **state)
{
	struct event_fields *f;
	struct event e;
	struct rig rig;

	(void)state;
	make_with_picnic(&rig, 46);
	meet_outlook(&rig, "picnic", "respond", ",\"address\":\"p1@guests.example\",\"response\":\"accepted\"");
	meet_outlook(&rig, "picnic", "respond", ",\"address\":\"p2@guests.example\",\"response\":\"declined\"");
	rig_run(&rig, 60000);
	assert_int_equal(rig_count(&rig, RESPONSES, 0), 1);
	assert_int_equal(rig_count(&rig, UPDATED, 0), 0);
	meet_told_has(&rig, RESPONSES, "\"accepted\":1");
	meet_told_has(&rig, RESPONSES, "\"declined\":1");
	e = meet_event(&rig, "picnic");
	assert_int_equal(e.responses.none, 1);
	assert_int_equal(meetings_show(rig.r, &e.erg, &e.id, &e, &f), ERR_OK);
	assert_int_equal(event_attendee_find(f, "p2@guests.example")->response, RESPONSE_DECLINED);
	event_fields_free(f);
	rig_run(&rig, DAY_MS);
	assert_int_equal(rig_count(&rig, RESPONSES, 0), 1);
	assert_int_equal(rig_requests(&rig, PATCHES), 0);
	rig_done(&rig);
}

static void
foreign_events_cost_no_call_each(void **state)
{
	struct rig rig;

	(void)state;
	make_with_picnic(&rig, 47);
	rig_do(&rig, "/_sim/events",
	    "{\"op\":\"create\",\"user\":\"%s\",\"count\":300,\"event\":{\"subject\":\"Dentist\",\"start\":{\"dateTime\":\"2026-"
	    "12-01T10:"
	    "00:00\",\"timeZone\":\"UTC\"},\"end\":{\"dateTime\":\"2026-12-01T11:00:00\",\"timeZone\":\"UTC\"}}}",
	    ORGANIZER);
	rig_run(&rig, 10 * 60000);
	assert_int_equal(rig_requests(&rig, GETS), 0);
	assert_in_range(rig_requests(&rig, DELTAS), 0, 20); /* by pages of fifty */
	assert_int_equal(rig_requests(&rig, PATCHES), 0);
	assert_int_equal(rig_count(&rig, CANCELLED, 0) + rig_count(&rig, UPDATED, 0), 0);
	rig_done(&rig);
}

static void
a_storm_is_three_reads_and_no_write(void **state)
{
	struct rig rig;

	(void)state;
	make_with_picnic(&rig, 48);
	rig.repeat = 5000;
	meet_outlook(&rig, "picnic", "touch", "");
	rig.repeat = 1;
	rig_run(&rig, HOUR_MS);
	assert_in_range(rig_requests(&rig, GETS) + rig_requests(&rig, DELTAS), 1, 3);
	assert_int_equal(rig_requests(&rig, PATCHES) + rig_requests(&rig, CREATES) + rig_requests(&rig, CANCELS), 0);
	assert_int_equal(rig_count(&rig, UPDATED, 0), 0);
	rig_done(&rig);
}

static void
single_occurrences_flow_back(void **state)
{
	struct event_fields *f = meet_fields("Weekly", 3 * DAY_MS, 2);
	char date[TIMESTAMP_SIZE], moved[TIMESTAMP_SIZE], rest[512];
	struct rig rig;

	(void)state;
	meet_make(&rig, 49);
	snprintf(f->rrule, sizeof(f->rrule), "FREQ=WEEKLY;COUNT=10");
	meet_put(&rig, "weekly", f);
	rig_run(&rig, 120000);
	assert_int_equal(meet_event(&rig, "weekly").status, EVENT_SCHEDULED);
	meet_time(RIG_START_MS + 10 * DAY_MS, date);
	date[10] = '\0';
	snprintf(rest, sizeof(rest), ",\"date\":\"%s\"", date);
	meet_outlook(&rig, "weekly", "cancel", rest);
	rig_run(&rig, 10 * 60000);
	assert_int_equal(rig_count(&rig, UPDATED, 0), 1);
	meet_told_has(&rig, UPDATED, "occurrences");
	meet_time(RIG_START_MS + 17 * DAY_MS, date);
	meet_time(RIG_START_MS + 18 * DAY_MS, moved);
	date[10] = '\0';
	snprintf(rest, sizeof(rest),
	    ",\"date\":\"%s\",\"event\":{\"start\":{\"dateTime\":\"%s\",\"timeZone\":\"UTC\"},\"end\":{\"dateTime\":\"%.11s23:59:"
	    "00\","
	    "\"timeZone\":\"UTC\"}}",
	    date, moved, moved);
	meet_outlook(&rig, "weekly", "change", rest);
	rig_run(&rig, 10 * 60000);
	assert_int_equal(rig_count(&rig, UPDATED, 0), 2);
	f = meet_side(&rig, "weekly", EVENT_SIDE_APP);
	assert_int_equal(f->exception_count, 2);
	assert_true(f->exceptions[0].cancelled);
	assert_false(f->exceptions[1].cancelled);
	event_fields_free(f);
	rig_run(&rig, 2 * DAY_MS);
	assert_int_equal(rig_count(&rig, UPDATED, 0), 2);
	assert_int_equal(rig_requests(&rig, PATCHES), 0);
	rig_done(&rig);
}

static void
put_many(struct rig *rig, unsigned count, unsigned attendees)
{
	char name[32];

	for (unsigned i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "e%u", i);
		meet_put(rig, name, meet_fields(name, 3 * DAY_MS + i * HOUR_MS, attendees));
	}
	rig_run(rig, 10 * 60000);
	assert_int_equal(meet_count(rig), count);
}

static void
what_was_missed_is_found_by_the_sweep(void **state)
{
	struct rig rig;

	(void)state;
	meet_make(&rig, 50);
	put_many(&rig, 60, 0);
	rig.deaf = true;
	meet_outlook(&rig, "e7", "delete", "");
	meet_outlook(&rig, "e8", "change", ",\"event\":{\"subject\":\"Eight\"}");
	rig_run(&rig, DAY_MS + 4 * HOUR_MS);
	assert_int_equal(rig_count(&rig, CANCELLED, 0), 1);
	assert_int_equal(rig_count(&rig, UPDATED, 0), 1);
	/* And after the links have been given up. */
	rig_do(&rig, "/_sim/expire", "{\"delta\":true}");
	meet_outlook(&rig, "e9", "change", ",\"event\":{\"subject\":\"Nine\"}");
	rig_run(&rig, DAY_MS);
	assert_int_equal(rig_count(&rig, UPDATED, 0), 2);
	assert_int_equal(rig_requests(&rig, PATCHES), 0);
	assert_int_equal(meet_violations(&rig), 0);
	rig_done(&rig);
}

/* The window is frozen in its link; what is moved out of it is removed from the list, and is not gone. */
static void
moved_out_of_the_window_is_not_cancelled(void **state)
{
	struct rig rig;

	(void)state;
	meet_make(&rig, 57);
	put_many(&rig, 40, 0);
	rig.deaf = true;
	meet_outlook(&rig, "e7", "change",
	    ",\"event\":{\"start\":{\"dateTime\":\"2028-06-01T10:00:00\",\"timeZone\":\"UTC\"},"
	    "\"end\":{\"dateTime\":\"2028-06-01T11:00:00\",\"timeZone\":\"UTC\"}}");
	rig_run(&rig, 2 * DAY_MS);
	assert_int_equal(rig_count(&rig, CANCELLED, 0), 0);
	assert_int_not_equal(meet_event(&rig, "e7").status, EVENT_CANCELLED);
	assert_int_equal(meet_count(&rig), 40);
	assert_int_equal(meet_violations(&rig), 0);
	rig_done(&rig);
}

/* An event that was beyond the first window's end, deleted unannounced: by then the window has moved on, and who is not shown in it is
 * looked for. */
static void
beyond_the_first_window_is_watched_too(void **state)
{
	struct rig rig;

	(void)state;
	meet_make(&rig, 58);
	rig.config.meeting_horizon_ms = 30 * DAY_MS;
	put_many(&rig, 20, 0);
	rig_run(&rig, 12 * DAY_MS);
	meet_put(&rig, "new", meet_fields("New", 40 * DAY_MS, 0));
	rig_run(&rig, DAY_MS + 4 * HOUR_MS);
	assert_int_equal(meet_event(&rig, "new").status, EVENT_SCHEDULED);
	rig.deaf = true;
	meet_outlook(&rig, "new", "delete", "");
	rig_run(&rig, DAY_MS + 4 * HOUR_MS);
	assert_int_equal(meet_event(&rig, "new").status, EVENT_CANCELLED);
	assert_int_equal(rig_count(&rig, CANCELLED, 0), 1);
	rig_done(&rig);
}

static void
a_mass_of_disappearances_is_held(void **state)
{
	struct rig rig;
	char name[32];

	(void)state;
	meet_make(&rig, 51);
	put_many(&rig, 30, 0);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "e%u", i);
		rig.deaf = true;
		meet_outlook(&rig, name, "delete", "");
	}
	rig_run(&rig, 10 * 60000);
	rig.deaf = false;
	rig_run(&rig, 2 * DAY_MS);
	assert_int_equal(rig_count(&rig, CANCELLED, 0), 0);
	assert_int_equal(rig_erg(&rig).state, ERG_HELD);
	assert_int_equal(rig_count(&rig, "ergsync.plan.held", 0), 1);
	assert_int_equal(meet_plan(&rig, true, NULL), 20);
	rig_run(&rig, HOUR_MS);
	assert_int_equal(rig_count(&rig, CANCELLED, 0), 20);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	assert_int_equal(meet_count(&rig), 10);
	rig_done(&rig);
}

static struct resync
resync_now(struct rig *rig, bool dry)
{
	struct resync_scope scope = { .kind = RESYNC_ERG, .id = "pride" };
	struct resync ret = { 0 };
	struct problem p = { 0 };

	assert_int_equal(backend_ops.resync_start(rig->r, &scope, dry, &ret, &p), ERR_OK);
	rig_run(rig, 10 * 60000);
	assert_int_equal(backend_ops.resync_get(rig->r, ret.id, &ret, &p), ERR_OK);
	assert_int_equal(ret.state, RESYNC_DONE);
	assert_int_equal(ret.error_count, 0);
	return ret;
}

static void
a_resync_says_what_it_found(void **state)
{
	struct resync ret;
	struct rig rig;

	(void)state;
	meet_make(&rig, 55);
	put_many(&rig, 30, 0);
	ret = resync_now(&rig, false);
	assert_int_equal(ret.meetings_compared, 30);
	assert_int_equal(ret.changes.meetings_created + ret.changes.meetings_updated + ret.changes.meetings_cancelled, 0);
	rig.deaf = true;
	meet_outlook(&rig, "e3", "delete", "");
	meet_outlook(&rig, "e4", "change", ",\"event\":{\"subject\":\"Four\"}");
	meet_outlook(&rig, "e5", "change", ",\"event\":{\"subject\":\"Five\"}");
	/* Dry: it is told, and nothing is done. */
	ret = resync_now(&rig, true);
	assert_int_equal(ret.meetings_compared, 30);
	assert_int_equal(ret.changes.meetings_updated, 2);
	assert_int_equal(ret.changes.meetings_cancelled, 1);
	assert_int_equal(rig_count(&rig, UPDATED, 0) + rig_count(&rig, CANCELLED, 0), 0);
	ret = resync_now(&rig, false);
	assert_int_equal(ret.changes.meetings_updated, 2);
	assert_int_equal(ret.changes.meetings_cancelled, 1);
	assert_int_equal(rig_count(&rig, UPDATED, 0), 2);
	assert_int_equal(rig_count(&rig, CANCELLED, 0), 1);
	ret = resync_now(&rig, false);
	assert_int_equal(ret.meetings_compared, 29);
	assert_int_equal(ret.changes.meetings_updated + ret.changes.meetings_cancelled, 0);
	assert_int_equal(rig_requests(&rig, PATCHES), 0);
	rig_done(&rig);
}

/* What was changed while it went on may have been behind it: it proves nothing that is later than its beginning. */
static void
a_round_counts_from_its_beginning(void **state)
{
	struct resync_scope scope = { .kind = RESYNC_ALL };
	struct subscription mailbox;
	struct resync ret = { 0 };
	struct tenant_id tenant;
	struct problem p = { 0 };
	struct guid organizer;
	char id[GUID_SIZE];
	struct rig rig;
	int64_t begin_ms;

	(void)state;
	meet_make(&rig, 56);
	put_many(&rig, 3, 0);
	assert_true(tenant_id_parse("acme", &tenant));
	assert_true(guid_parse(rig_user(1, id), &organizer));
	rig_do(&rig, "/_sim/faults",
	    "{\"kind\":\"delay\",\"method\":\"GET\",\"path\":\"/users/%s/calendarView\",\"count\":1,\"delay_ms\":25000}", id);
	begin_ms = clock_wall_ms(rig.clock);
	assert_int_equal(backend_ops.resync_start(rig.r, &scope, false, &ret, &p), ERR_OK);
	rig_run(&rig, 10 * 60000);
	assert_int_equal(backend_ops.resync_get(rig.r, ret.id, &ret, &p), ERR_OK);
	assert_int_equal(ret.state, RESYNC_DONE);
	assert_true(ret.finished_wall_ms >= begin_ms + 25000);
	assert_int_equal(scope_of_mailbox(rig.r, &tenant, &organizer, &mailbox), ERR_OK);
	assert_in_range(mailbox_read_since(rig.r, &mailbox), begin_ms, begin_ms + 10000);
	rig_done(&rig);
}

/* Outlook cannot show some events, whenever it is asked for them: what is so of all others is taken in. */
static void
an_event_that_cannot_be_read_stops_no_other(void **state)
{
	static const struct {
		int status, step;
		size_t told;
	} rows[] = { { 400, 4, 5 }, { 500, 12, 9 } };
	struct rig rig;
	char name[16];

	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		meet_make(&rig, 57);
		for (int i = 0; i < 12; i++) {
			snprintf(name, sizeof(name), "e%d", i);
			meet_put(&rig, name, meet_fields("Picnic", (3 + i) * DAY_MS, 3));
		}
		rig_run(&rig, 300000);
		rig.deaf = true;
		for (int i = 0; i < 12; i++) {
			snprintf(name, sizeof(name), "e%d", i);
			if (i % rows[row].step < 2) /* ids come in pairs that differ in case only */
				rig_do(&rig, "/_sim/faults",
				    "{\"kind\":\"status\",\"status\":%d,\"method\":\"GET\",\"path\":\"%s\",\"count\":0}",
				    rows[row].status, event_path(&rig, name));
			meet_outlook(&rig, name, i == 11 ? "delete" : "change", ",\"event\":{\"subject\":\"Barbecue\"}");
		}
		rig_run(&rig, DAY_MS + 2 * HOUR_MS);
		assert_int_equal(rig_count(&rig, UPDATED, 0), rows[row].told);
		assert_int_equal(rig_count(&rig, CANCELLED, 0), 1);
		json_decref(rig_ask(&rig, "DELETE", "/_sim/faults", NULL));
		rig_run(&rig, DAY_MS + 2 * HOUR_MS);
		assert_int_equal(rig_count(&rig, UPDATED, 0), 11);
		rig_done(&rig);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_that_cannot_be_read_stops_no_other),
		cmocka_unit_test(a_change_in_outlook_is_told_once_and_written_never),
		cmocka_unit_test(each_field_goes_its_way),
		cmocka_unit_test(what_both_changed_is_decided),
		cmocka_unit_test(the_app_alone_decides_when_it_is_so),
		cmocka_unit_test(a_meeting_deleted_in_outlook_is_cancelled),
		cmocka_unit_test(responses_are_told_together),
		cmocka_unit_test(foreign_events_cost_no_call_each),
		cmocka_unit_test(a_storm_is_three_reads_and_no_write),
		cmocka_unit_test(single_occurrences_flow_back),
		cmocka_unit_test(what_was_missed_is_found_by_the_sweep),
		cmocka_unit_test(moved_out_of_the_window_is_not_cancelled),
		cmocka_unit_test(beyond_the_first_window_is_watched_too),
		cmocka_unit_test(a_mass_of_disappearances_is_held),
		cmocka_unit_test(a_resync_says_what_it_found),
		cmocka_unit_test(a_round_counts_from_its_beginning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
