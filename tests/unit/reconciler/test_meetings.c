/* The way of an event from the app to Outlook: made, changed and cancelled, once each. */
#include "reconciler/summary.h"
#include "unit/reconciler/meeting_side.h"

static void
a_meeting_is_made_changed_and_cancelled(void **state)
{
	struct event_fields *f;
	struct rig rig;
	struct event e;
	json_t *all;

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
	all = rig_ask(&rig, "GET", "/_sim/events?gone=true&user=" ORGANIZER, NULL);
	assert_string_equal(jx_get_str(json_array_get(jx_get_array(all, "events"), 0), "comment"), "Rain.");
	json_decref(all);
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
	assert_non_null(strstr(meet_event(&rig, "none").detail, "Meetings are off"));
	meet_mailed(&rig, 4, 0, 0);
	assert_int_equal(meet_event(&rig, "far").status, EVENT_OFF);
	meet_policy(&rig, MEETINGS_TWO_WAY, "");
	rig_run(&rig, 60000);
	assert_int_equal(meet_event(&rig, "none").status, EVENT_SCHEDULED);
	meet_mailed(&rig, 6, 0, 0);
	rig_done(&rig);
}

static void
tenant_meetings_are(struct rig *rig, enum tenant_meetings meetings)
{
	struct app_tenant_put put = { .sign_in = -1, .meetings = (int)meetings };
	struct tenant_view view = { 0 };
	struct problem p = { 0 };
	bool created;

	assert_true(tenant_id_parse("acme", &put.id));
	assert_true(guid_parse(RIG_DIRECTORY, &put.directory_id));
	snprintf(put.organizer, sizeof(put.organizer), "u1@acme.example");
	assert_int_equal(backend_ops.tenant_put(rig->r, &put, &view, &created, &p), ERR_OK);
	assert_int_equal(view.tenant.meetings, meetings);
	rig_run(rig, 60000);
}

static enum meetings_policy
shown_policy(struct rig *rig)
{
	struct erg_view view = { 0 };
	struct problem p = { 0 };
	struct erg_id id;

	assert_true(erg_id_parse("pride", &id));
	assert_int_equal(backend_ops.erg_get(rig->r, &id, &view, &p), ERR_OK);
	return view.erg.meetings;
}

/* Whatever its ERGs ask for, and whichever of both is put first; what they ask for is kept, and counts again later. */
static void
a_tenant_with_meetings_off_gets_none(void **state)
{
	struct rig rig;

	(void)state;
	meet_make(&rig, 37);
	meet_put(&rig, "before", meet_fields("Before", 3 * DAY_MS, 2));
	rig_run(&rig, 60000);
	meet_mailed(&rig, 2, 0, 0);
	tenant_meetings_are(&rig, TENANT_MEETINGS_OFF);
	assert_int_equal(shown_policy(&rig), MEETINGS_TWO_WAY);
	assert_int_equal(meet_put(&rig, "a", meet_fields("A", 3 * DAY_MS, 2)).status, EVENT_OFF);
	meet_put(&rig, "before", meet_fields("Changed", 3 * DAY_MS, 2));
	rig_run(&rig, HOUR_MS);
	meet_policy(&rig, MEETINGS_APP, "");
	rig_run(&rig, 1000);
	rig_crash(&rig);
	rig_run(&rig, HOUR_MS);
	assert_int_equal(shown_policy(&rig), MEETINGS_APP);
	assert_int_equal(meet_count(&rig), 1);
	meet_mailed(&rig, 2, 0, 0);
	tenant_meetings_are(&rig, TENANT_MEETINGS_ON);
	rig_run(&rig, HOUR_MS);
	assert_int_equal(meet_event(&rig, "a").status, EVENT_SCHEDULED);
	meet_subject_is(&rig, "before", "Changed");
	meet_mailed(&rig, 4, 2, 0);
	rig_done(&rig);
}

/* ---------- mails ---------- */

static void
more_mails_than_allowed_wait_for_a_decision(void **state)
{
	int64_t mails = 0;
	struct rig rig;

	(void)state;
	meet_make(&rig, 34);
	meet_put(&rig, "a", meet_fields("A", 3 * DAY_MS, 150));
	rig_run(&rig, 60000);
	meet_put(&rig, "b", meet_fields("B", 3 * DAY_MS, 100));
	meet_put(&rig, "c", meet_fields("C", 3 * DAY_MS, 0));
	rig_run(&rig, 2 * HOUR_MS);
	meet_mailed(&rig, 150, 0, 0);
	assert_int_equal(meet_event(&rig, "b").status, EVENT_PENDING);
	assert_int_equal(meet_event(&rig, "c").status, EVENT_SCHEDULED);
	assert_int_equal(rig_erg(&rig).state, ERG_HELD);
	assert_int_equal(rig_count(&rig, "ergsync.plan.held", 0), 1);
	assert_int_equal(meet_plan(&rig, true, &mails), 1);
	assert_int_equal(mails, 100);
	rig_run(&rig, 60000);
	meet_mailed(&rig, 250, 0, 0);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	/* Rejected: the app is told what holds instead. */
	meet_put(&rig, "d", meet_fields("D", 3 * DAY_MS, 100));
	meet_put(&rig, "a", meet_fields("A, moved", 4 * DAY_MS, 150));
	meet_remove(&rig, "b", "");
	rig_run(&rig, 60000);
	assert_int_equal(meet_plan(&rig, false, &mails), 3);
	assert_int_equal(mails, 350);
	rig_run(&rig, 60000);
	meet_mailed(&rig, 250, 0, 0);
	assert_int_equal(meet_event(&rig, "d").status, EVENT_CANCELLED);
	assert_int_equal(meet_event(&rig, "b").status, EVENT_SCHEDULED);
	meet_told_has(&rig, "ergsync.meeting.updated", "\"subject\":\"A\"");
	meet_subject_is(&rig, "a", "A");
	/* A day later there is room again. */
	rig_run(&rig, DAY_MS + HOUR_MS);
	meet_put(&rig, "a", meet_fields("A, moved", 4 * DAY_MS, 150));
	rig_run(&rig, 60000);
	meet_mailed(&rig, 250, 150, 0);
	rig_done(&rig);
}

static void
a_resync_of_what_is_equal_mails_nobody(void **state)
{
	struct resync_scope scope = { .kind = RESYNC_ALL };
	struct resync ret = { 0 };
	struct problem p = { 0 };
	struct rig rig;

	(void)state;
	meet_make(&rig, 35);
	for (unsigned i = 0; i < 30; i++) {
		char name[32];

		snprintf(name, sizeof(name), "e%u", i);
		meet_put(&rig, name, meet_fields(name, 3 * DAY_MS + i * HOUR_MS, 2));
	}
	rig_run(&rig, 10 * 60000);
	meet_mailed(&rig, 60, 0, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(backend_ops.resync_start(rig.r, &scope, false, &ret, &p), ERR_OK);
		rig_run(&rig, HOUR_MS);
	}
	rig_run(&rig, 2 * DAY_MS);
	meet_mailed(&rig, 60, 0, 0);
	assert_int_equal(rig_requests(&rig, PATCHES), 0);
	rig_done(&rig);
}

/* ---------- the organizer ---------- */

static void
an_organizer_that_will_not_do_is_named(void **state)
{
	static const struct {
		const char *user, *text;
	} cases[] = {
		{ "\"mailbox\":\"absent\"", "has no mailbox" },
		{ "\"mailbox\":\"denied\"", "access policy" },
	};
	struct rig rig;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char id[GUID_SIZE];

		meet_make(&rig, 36);
		rig_do(
		    &rig, "/_sim/users", "{\"tenant\":\"%s\",\"id\":\"%s\",%s}", RIG_DIRECTORY, rig_user(1, id), cases[i].user);
		meet_put(&rig, "a", meet_fields("A", 3 * DAY_MS, 2));
		meet_put(&rig, "b", meet_fields("B", 4 * DAY_MS, 2));
		rig_run(&rig, 60000);
		assert_int_equal(meet_event(&rig, "a").status, EVENT_FAILED);
		assert_int_equal(meet_event(&rig, "b").status, EVENT_FAILED);
		assert_non_null(strstr(meet_event(&rig, "a").detail, cases[i].text));
		meet_told_has(&rig, "ergsync.meeting.failed", cases[i].text);
		/* Asked rarely, and at once when something changes. */
		rig_run(&rig, 12 * HOUR_MS);
		assert_int_equal(rig_count(&rig, "ergsync.meeting.failed", 0), 2);
		assert_in_range(rig_requests(&rig, FINDS) + rig_requests(&rig, CREATES), 1, 60);
		rig_do(&rig, "/_sim/users", "{\"tenant\":\"%s\",\"id\":\"%s\",\"mailbox\":\"open\"}", RIG_DIRECTORY,
		    rig_user(1, id));
		meet_put(&rig, "a", meet_fields("A", 3 * DAY_MS, 2));
		rig_run(&rig, 60000);
		assert_int_equal(meet_event(&rig, "a").status, EVENT_SCHEDULED);
		rig_run(&rig, 2 * HOUR_MS);
		assert_int_equal(meet_event(&rig, "b").status, EVENT_SCHEDULED);
		rig_done(&rig);
	}
}

/* Nobody is told that all is well. */
static void
status_tells(struct rig *rig, const char *words)
{
	struct app_status *s = calloc(1, sizeof(*s));
	bool found = false;

	assert_non_null(s);
	summary_take(rig->r, SUMMARY_NOW, s);
	for (size_t i = 0; i < s->problem_count; i++)
		found = found || strstr(s->problems[i].detail, words) != NULL;
	free(s);
	assert_true(found);
}

/* Whoever has mended a mailbox need not wait: a comparison that is asked for tries what failed. */
static void
a_comparison_tries_what_failed(void **state)
{
	struct resync_scope scope = { .kind = RESYNC_ALL };
	char id[GUID_SIZE];
	struct resync ret;
	struct problem p;
	struct rig rig;

	(void)state;
	meet_make(&rig, 50);
	rig_do(&rig, "/_sim/users", "{\"tenant\":\"%s\",\"id\":\"%s\",\"mailbox\":\"denied\"}", RIG_DIRECTORY, rig_user(1, id));
	meet_put(&rig, "a", meet_fields("A", 3 * DAY_MS, 2));
	rig_run(&rig, 60000);
	assert_int_equal(meet_event(&rig, "a").status, EVENT_FAILED);
	assert_non_null(strstr(meet_event(&rig, "a").detail, "ErrorAccessDenied"));
	status_tells(&rig, "Outlook has refused the meetings of 1 of its events");
	rig_do(&rig, "/_sim/users", "{\"tenant\":\"%s\",\"id\":\"%s\",\"mailbox\":\"open\"}", RIG_DIRECTORY, rig_user(1, id));
	assert_int_equal(backend_ops.resync_start(rig.r, &scope, false, &ret, &p), ERR_OK);
	rig_run(&rig, 60000);
	assert_int_equal(meet_event(&rig, "a").status, EVENT_SCHEDULED);
	meet_mailed(&rig, 2, 0, 0);
	rig_done(&rig);
}

/* What is still tried says what it waits for; a join link that cannot be taken away is told of. */
static void
what_waits_and_what_cannot_be_is_told(void **state)
{
	struct event_fields *f;
	struct rig rig;

	(void)state;
	meet_make(&rig, 52);
	rig_run(&rig, 60000);
	rig_do(&rig, "/_sim/faults", "{\"kind\":\"status\",\"status\":500,\"method\":\"GET\",\"path\":\"/users/\",\"count\":0}");
	meet_put(&rig, "a", meet_fields("A", 3 * DAY_MS, 2));
	rig_run(&rig, 5 * 60000);
	assert_int_equal(meet_event(&rig, "a").status, EVENT_PENDING);
	assert_non_null(strstr(meet_event(&rig, "a").detail, "HTTP 500"));
	json_decref(rig_ask(&rig, "DELETE", "/_sim/faults", NULL));
	rig_run(&rig, HOUR_MS);
	assert_int_equal(meet_event(&rig, "a").status, EVENT_SCHEDULED);
	assert_string_equal(meet_event(&rig, "a").detail, "");
	f = meet_fields("A", 3 * DAY_MS, 2);
	f->online = false;
	meet_put(&rig, "a", f);
	rig_run(&rig, 60000);
	assert_non_null(strstr(meet_event(&rig, "a").detail, "keeps its join link"));
	meet_put(&rig, "a", meet_fields("A", 3 * DAY_MS, 2));
	rig_run(&rig, 60000);
	assert_string_equal(meet_event(&rig, "a").detail, "");
	meet_mailed(&rig, 2, 0, 0);
	rig_done(&rig);
}

/* As the app sees it. */
static bool
take_detail(void *arg, const struct event_view *view)
{
	str_copy(arg, DETAIL_SIZE, view->event->detail);
	return true;
}

static const char *
shown_detail(struct rig *rig, const char *name)
{
	static char detail[DETAIL_SIZE];
	struct event_id id = meet_id(name);
	struct erg_id erg = rig_erg(rig).id;
	struct problem p = { 0 };

	detail[0] = '\0';
	assert_int_equal(backend_ops.event_get(rig->r, &erg, &id, take_detail, detail, &p), ERR_OK);
	return detail;
}

/* A write of "a" is failing since now: that is said at once, with when it is tried again. Then Graph is well again. */
static void
fails_for_a_while(struct rig *rig, const char *write, int status)
{
	char code[16];

	snprintf(code, sizeof(code), "HTTP %d", status);
	rig_run(rig, 8000);
	for (int i = 0; i < 100; i++) {
		const char *detail = shown_detail(rig, "a");

		if (strstr(detail, status == 0 ? "cannot be reached" : code) == NULL &&
		    strstr(detail, "Waits for the tenant: ") == NULL)
			fail_msg("%s, %d, after %d s: %s", write, status, 8 + i, detail);
		if (i == 0)
			assert_non_null(strstr(detail, "tried again at 2026-"));
		rig_run(rig, i < 60 ? 1000 : 60000);
	}
	assert_true(rig_requests(rig, write) <= 25);
	json_decref(rig_ask(rig, "DELETE", "/_sim/faults", NULL));
	rig_run(rig, HOUR_MS);
	assert_string_equal(shown_detail(rig, "a"), "");
}

static void
graph_fails(struct rig *rig, const char *method, int status)
{
	rig_forget_requests(rig);
	if (status == 0)
		rig_do(rig, "/_sim/faults", "{\"kind\":\"close_before\",\"method\":\"%s\",\"path\":\"/users/\",\"count\":0}",
		    method);
	else
		rig_do(rig, "/_sim/faults",
		    "{\"kind\":\"status\",\"status\":%d,\"method\":\"%s\",\"path\":\"/users/\",\"count\":0}", status, method);
}

static void
what_graph_fails_to_write_is_told(void **state)
{
	static const int statuses[] = { 501, 507, 503, 429, 0 };
	struct rig rig;

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		meet_make(&rig, 53);
		rig_run(&rig, 60000);
		graph_fails(&rig, "POST", statuses[i]);
		meet_put(&rig, "a", meet_fields("A", 3 * DAY_MS, 2));
		fails_for_a_while(&rig, CREATES, statuses[i]);
		assert_int_equal(meet_event(&rig, "a").status, EVENT_SCHEDULED);
		graph_fails(&rig, "PATCH", statuses[i]);
		meet_put(&rig, "a", meet_fields("B", 3 * DAY_MS, 2));
		fails_for_a_while(&rig, PATCHES, statuses[i]);
		graph_fails(&rig, "POST", statuses[i]);
		meet_remove(&rig, "a", "Bad weather");
		fails_for_a_while(&rig, CANCELS, statuses[i]);
		assert_int_equal(meet_event(&rig, "a").status, EVENT_CANCELLED);
		meet_mailed(&rig, 2, 2, 2);
		rig_done(&rig);
	}
}

/* A mailbox that cannot look for all generations of an event is asked for the one that is known. */
static void
a_filter_that_is_refused(void **state)
{
	struct rig rig;

	(void)state;
	meet_make(&rig, 51);
	rig_run(&rig, 60000);
	rig_do(&rig, "/_sim/faults", "{\"kind\":\"status\",\"status\":400,\"method\":\"GET\",\"path\":\"/users/\",\"count\":1}");
	meet_put(&rig, "a", meet_fields("A", 3 * DAY_MS, 2));
	rig_run(&rig, 60000);
	assert_int_equal(meet_event(&rig, "a").status, EVENT_SCHEDULED);
	rig_done(&rig);
}

static void
an_erg_may_have_an_organizer_of_its_own(void **state)
{
	json_t *box;
	struct rig rig;

	(void)state;
	meet_make(&rig, 37);
	meet_policy(&rig, MEETINGS_TWO_WAY, "nobody@acme.example");
	meet_put(&rig, "a", meet_fields("A", 3 * DAY_MS, 2));
	rig_run(&rig, 60000);
	assert_int_equal(meet_event(&rig, "a").status, EVENT_FAILED);
	assert_non_null(strstr(meet_event(&rig, "a").detail, "organizer does not exist"));
	meet_policy(&rig, MEETINGS_TWO_WAY, "u2@acme.example");
	rig_run(&rig, 60000);
	assert_int_equal(meet_event(&rig, "a").status, EVENT_SCHEDULED);
	assert_int_equal(meet_count(&rig), 0);
	box = rig_ask(&rig, "GET", "/_sim/mailbox?user=u2@acme.example", NULL);
	assert_int_equal(jx_get_int(box, "events", 0), 1);
	json_decref(box);
	/* Those made before stay where they are; new ones go to the new organizer. */
	meet_policy(&rig, MEETINGS_TWO_WAY, "");
	meet_put(&rig, "b", meet_fields("B", 3 * DAY_MS, 2));
	meet_put(&rig, "a", meet_fields("A, too", 3 * DAY_MS, 2));
	rig_run(&rig, 60000);
	assert_int_equal(meet_count(&rig), 1);
	assert_int_equal(rig_requests(&rig, PATCHES), 1);
	rig_done(&rig);
}

/* ---------- Graph as it is ---------- */

/* An event that the app takes back while the calls about it are on their way: no meeting remains, and nobody is left with an invitation. */
static void
an_event_taken_back_leaves_no_meeting(void **state)
{
	struct rig rig;

	(void)state;
	for (int wait_ms = 0; wait_ms <= 12000; wait_ms += 500) {
		meet_make(&rig, 71);
		rig_do(&rig, "/_sim/settings", "{\"latency_ms\":2000}");
		(void)meet_put(&rig, "picnic", meet_fields("Picnic", 7 * DAY_MS, 3));
		rig_run(&rig, wait_ms);
		meet_remove(&rig, "picnic", "");
		rig_run(&rig, 600000);
		assert_int_equal(meet_count(&rig), 0);
		assert_int_equal(meet_mails(&rig, "invitations"), meet_mails(&rig, "cancellations"));
		assert_int_equal(meet_mails(&rig, "updates"), 0);
		rig_done(&rig);
	}
}

/* Graph has asked for patience. What the app has taken back or changed by then is not written as it was. */
static void
what_waits_its_turn_is_withdrawn(void **state)
{
	struct rig rig;

	(void)state;
	for (int change = 0; change < 2; change++) {
		meet_make(&rig, 72);
		rig_do(&rig, "/_sim/faults",
		    "{\"kind\":\"status\",\"status\":429,\"retry_after_s\":120,\"method\":\"POST\",\"path\":\"/"
		    "users\",\"count\":1}");
		(void)meet_put(&rig, "picnic", meet_fields("Picnic", 7 * DAY_MS, 3));
		rig_run(&rig, 60000);
		assert_int_equal(rig_requests(&rig, "POST (none)"), 1);
		if (change != 0)
			(void)meet_put(&rig, "picnic", meet_fields("Garden party", 7 * DAY_MS, 3));
		else
			meet_remove(&rig, "picnic", "");
		rig_run(&rig, 600000);
		assert_int_equal(rig_requests(&rig, CREATES), change);
		assert_int_equal(rig_requests(&rig, PATCHES), 0);
		meet_mailed(&rig, change != 0 ? 3 : 0, 0, 0);
		if (change != 0)
			meet_subject_is(&rig, "picnic", "Garden party");
		rig_done(&rig);
	}
}

/* It was made, the answer was lost, and a look is refused: that says nothing of the meeting, which is not forgotten in Outlook. */
static void
a_refused_look_leaves_the_outcome_unknown(void **state)
{
	static const int statuses[] = { 403, 409, 423 };
	struct rig rig;

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		meet_make(&rig, 90 + i);
		rig_run(&rig, 60000);
		rig_do(&rig, "/_sim/faults", "{\"kind\":\"close_after\",\"method\":\"POST\",\"path\":\"/users/\",\"count\":1}");
		meet_put(&rig, "a", meet_fields("A", 3 * DAY_MS, 2));
		for (int n = 0; n < 600 && rig_requests(&rig, CREATES) == 0; n++)
			rig_run(&rig, 100);
		rig_do(&rig, "/_sim/faults",
		    "{\"kind\":\"status\",\"status\":%d,\"method\":\"GET\",\"path\":\"/users/\",\"count\":0}", statuses[i]);
		rig_run(&rig, 120000);
		meet_mailed(&rig, 2, 0, 0);
		assert_string_equal(meet_event(&rig, "a").graph_id, "");
		meet_remove(&rig, "a", "");
		rig_run(&rig, 120000);
		json_decref(rig_ask(&rig, "DELETE", "/_sim/faults", NULL));
		rig_run(&rig, 25 * HOUR_MS);
		meet_mailed(&rig, 2, 0, 2);
		assert_int_equal(meet_event(&rig, "a").status, EVENT_CANCELLED);
		assert_int_equal(rig_requests(&rig, CREATES), 1);
		rig_done(&rig);
	}
}

static void
a_late_join_link_is_fetched(void **state)
{
	struct rig rig;

	(void)state;
	meet_make(&rig, 38);
	rig_do(&rig, "/_sim/faults", "{\"kind\":\"late_join\",\"method\":\"POST\",\"path\":\"/users/\",\"delay_ms\":20000}");
	meet_put(&rig, "a", meet_fields("A", 3 * DAY_MS, 2));
	rig_run(&rig, 5000);
	assert_int_equal(meet_event(&rig, "a").status, EVENT_SCHEDULED);
	assert_string_equal(meet_event(&rig, "a").join_url, "");
	assert_int_equal(rig_count(&rig, "ergsync.meeting.scheduled", 0), 0);
	rig_run(&rig, 60000);
	assert_int_equal(rig_count(&rig, "ergsync.meeting.scheduled", 0), 1);
	meet_told_has(&rig, "ergsync.meeting.scheduled", "https://teams.microsoft.com/");
	assert_in_range(rig_requests(&rig, GETS), 1, 12);
	rig_done(&rig);
}

static void
a_changed_etag_is_read_and_merged(void **state)
{
	struct event_fields *f;
	struct rig rig;

	(void)state;
	meet_make(&rig, 39);
	meet_put(&rig, "a", meet_fields("A", 3 * DAY_MS, 2));
	rig_run(&rig, 60000);
	/* A 412 out of nothing. */
	rig_do(
	    &rig, "/_sim/faults", "{\"kind\":\"status\",\"status\":412,\"method\":\"PATCH\",\"path\":\"/users/\",\"count\":2}");
	meet_put(&rig, "a", meet_fields("B", 3 * DAY_MS, 2));
	rig_run(&rig, 60000);
	meet_subject_is(&rig, "a", "B");
	/* And one with a reason. */
	rig.deaf = true;
	meet_outlook(&rig, "a", "change", ",\"event\":{\"location\":{\"displayName\":\"Roof\"}}");
	meet_put(&rig, "a", meet_fields("C", 3 * DAY_MS, 2));
	rig_run(&rig, 60000);
	meet_subject_is(&rig, "a", "C");
	f = meet_side(&rig, "a", EVENT_SIDE_APP);
	assert_string_equal(f->location, "Roof");
	event_fields_free(f);
	assert_int_equal(rig_count(&rig, "ergsync.meeting.updated", 0), 1);
	rig_done(&rig);
}

static void
the_join_block_survives_a_new_body(void **state)
{
	struct event_fields *f = meet_fields("A", 3 * DAY_MS, 2);
	const json_t *item;
	json_t *all;
	struct rig rig;

	(void)state;
	meet_make(&rig, 40);
	meet_put(&rig, "a", f);
	rig_run(&rig, 60000);
	f = meet_fields("A", 3 * DAY_MS, 2);
	event_text_set(&f->body_html, "<p>Bring a friend.</p>");
	meet_put(&rig, "a", f);
	rig_run(&rig, 60000);
	item = meet_truth(&rig, "a", &all);
	assert_non_null(strstr(json_string_value(jx_path(item, "state", "body", "content", NULL)), "Bring a friend."));
	assert_non_null(strstr(json_string_value(jx_path(item, "state", "body", "content", NULL)), jx_get_str(item, "join_url")));
	json_decref(all);
	assert_int_equal(rig_count(&rig, "ergsync.meeting.updated", 0), 0);
	rig_done(&rig);
}

/* A day is midnight to midnight where the event is, whatever zone the mailbox shows its times in. */
static void
whole_days_are_days_on_both_sides(void **state)
{
	struct event_fields *f = meet_fields("Pride day", 3 * DAY_MS, 2);
	char date[TIMESTAMP_SIZE], next[TIMESTAMP_SIZE];
	const json_t *item;
	json_t *all;
	struct rig rig;

	(void)state;
	meet_make(&rig, 57);
	f->all_day = true;
	snprintf(f->time_zone, sizeof(f->time_zone), "Pacific/Auckland");
	f->start.s = f->start.s / LOCAL_DAY_S * LOCAL_DAY_S;
	f->end.s = f->start.s + LOCAL_DAY_S;
	local_time_format(f->start, date);
	local_time_format((struct local_time){ f->end.s + LOCAL_DAY_S }, next);
	meet_put(&rig, "day", f);
	rig_run(&rig, 60000);
	assert_int_equal(meet_event(&rig, "day").status, EVENT_SCHEDULED);
	item = meet_truth(&rig, "day", &all);
	assert_true(jx_get_bool(jx_get_object(item, "state"), "isAllDay", false));
	assert_int_equal(strncmp(json_string_value(jx_path(item, "state", "start", "dateTime", NULL)), date, 10), 0);
	json_decref(all);
	/* Nothing is to be done any more; then somebody makes it two days. */
	rig_run(&rig, DAY_MS + 4 * HOUR_MS);
	assert_int_equal(rig_requests(&rig, PATCHES), 0);
	assert_int_equal(rig_count(&rig, "ergsync.meeting.updated", 0), 0);
	rig_do(&rig, "/_sim/events",
	    "{\"op\":\"change\",\"user\":\"%s\",\"id\":\"%s\",\"event\":{\"end\":{\"dateTime\":\"%s\",\"timeZone\":"
	    "\"Pacific/Auckland\"}}}",
	    ORGANIZER, meet_event(&rig, "day").graph_id, next);
	rig_run(&rig, 60000);
	assert_int_equal(rig_count(&rig, "ergsync.meeting.updated", 0), 1);
	f = meet_side(&rig, "day", EVENT_SIDE_APP);
	assert_true(f->all_day);
	assert_int_equal(f->end.s - f->start.s, 2 * LOCAL_DAY_S);
	event_fields_free(f);
	assert_int_equal(rig_requests(&rig, PATCHES), 0);
	meet_mailed(&rig, 2, 2, 0);
	rig_done(&rig);
}

static void
a_change_of_the_list_mails_only_those_concerned(void **state)
{
	struct rig rig;

	(void)state;
	meet_make(&rig, 52);
	meet_put(&rig, "a", meet_fields("A", 3 * DAY_MS, 3));
	rig_run(&rig, 60000);
	meet_put(&rig, "a", meet_fields("A", 3 * DAY_MS, 5));
	rig_run(&rig, 60000);
	meet_mailed(&rig, 5, 0, 0);
	meet_put(&rig, "a", meet_fields("A", 3 * DAY_MS, 4));
	rig_run(&rig, 60000);
	meet_mailed(&rig, 5, 0, 1);
	rig_done(&rig);
}

static void
what_was_lost_is_found_again(void **state)
{
	struct rig rig;
	char name[32], path[PATH_MAX + 300], command[PATH_MAX + 400];

	(void)state;
	meet_make(&rig, 53);
	for (unsigned i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "e%u", i);
		meet_put(&rig, name, meet_fields(name, 3 * DAY_MS, 2));
	}
	rig_run(&rig, 10 * 60000);
	assert_int_equal(meet_count(&rig), 10);
	reconciler_free(rig.r);
	rig.r = NULL;
	scratch_file(&rig.dir, "state", path);
	snprintf(command, sizeof(command), "rm -rf '%s'", path);
	assert_int_equal(system(command), 0);
	rig_start(&rig);
	rig_put_tenant(&rig);
	meet_policy(&rig, MEETINGS_TWO_WAY, "");
	for (unsigned i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "e%u", i);
		meet_put(&rig, name, meet_fields(i == 4 ? "Four" : name, 3 * DAY_MS, 2));
	}
	rig_run(&rig, 10 * 60000);
	assert_int_equal(meet_count(&rig), 10);
	meet_subject_is(&rig, "e4", "Four");
	meet_mailed(&rig, 20, 2, 0);
	assert_int_equal(meet_event(&rig, "e7").status, EVENT_SCHEDULED);
	assert_int_equal(rig_requests(&rig, CREATES), 10);
	assert_int_equal(rig_count(&rig, "ergsync.meeting.updated", 0), 0);
	rig_done(&rig);
}

static void
the_calendar_is_watched_while_it_is_used(void **state)
{
	struct erg_view view = { 0 };
	struct problem p = { 0 };
	struct rig rig;
	struct erg erg;
	json_t *all;

	(void)state;
	meet_make(&rig, 56);
	erg = rig_erg(&rig);
	meet_put(&rig, "a", meet_fields("A", 3 * DAY_MS, 2));
	rig_run(&rig, 60000);
	assert_int_equal(backend_ops.erg_get(rig.r, &erg.id, &view, &p), ERR_OK);
	assert_int_equal(view.subscription_count, 1);
	assert_int_equal(view.subscriptions[0].state, SUBSCRIPTION_ACTIVE);
	assert_string_equal(view.subscriptions[0].resource, "/users/30000000-0000-4000-8000-000000000001/events");
	meet_remove(&rig, "a", "");
	/* The cancelled event is shown for a month; then nobody needs to hear of that calendar. */
	rig_run(&rig, 29 * DAY_MS);
	assert_int_equal(meet_event(&rig, "a").status, EVENT_CANCELLED);
	rig_run(&rig, 2 * DAY_MS);
	assert_int_equal(events_any_in_mailbox(rig.r->store, &view.subscriptions[0].object_id), false);
	all = rig_ask(&rig, "GET", "/_sim/subscriptions", NULL);
	assert_int_equal(json_array_size(jx_get_array(all, "subscriptions")), 0);
	json_decref(all);
	rig_done(&rig);
}

/* ---------- many ---------- */

#define MANY 1000

/* What the app is shown of the ERG's events. */
static struct erg_view
progress(struct rig *rig)
{
	struct erg_view view = { 0 };
	struct problem p = { 0 };
	struct erg erg = rig_erg(rig);

	assert_int_equal(backend_ops.erg_get(rig->r, &erg.id, &view, &p), ERR_OK);
	return view;
}

static void
progress_is(struct rig *rig, int64_t scheduled, int64_t pending)
{
	struct erg_view view = progress(rig);

	assert_int_equal(view.events.scheduled, scheduled);
	assert_int_equal(view.events.pending, pending);
}

/* Of all that were put, so many are known to be there: from low to high. */
static void
progress_within(struct rig *rig, size_t low, size_t high)
{
	struct erg_view view = progress(rig);

	assert_in_range(view.events.scheduled, low, high);
	assert_int_equal(view.events.scheduled + view.events.pending, MANY);
}

static void
a_thousand_at_once_near_ones_first(void **state)
{
	struct rng rng = rng_seeded(54);
	unsigned order[MANY], told = 0, late = 0;
	size_t under_way;
	json_t *box;
	struct rig rig;
	char name[32];

	(void)state;
	meet_make(&rig, 54);
	for (unsigned i = 0; i < MANY; i++)
		order[i] = i;
	for (unsigned i = MANY - 1; i > 0; i--) {
		unsigned k = (unsigned)rng_below(&rng, i + 1), was = order[i];

		order[i] = order[k];
		order[k] = was;
	}
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "e%04u", order[i]);
		meet_put(&rig, name, meet_fields(name, DAY_MS + order[i] * HOUR_MS / 4, 0));
	}
	assert_int_equal(rig_erg(&rig).state, ERG_WORKING);
	progress_is(&rig, 0, MANY);
	rig_do(&rig, "/_sim/settings", "{\"latency_ms\":400}");
	rig_run(&rig, 60000);
	under_way = meet_count(&rig);
	assert_in_range(under_way, MANY / 10, MANY - MANY / 10);
	/* Of those whose answers are on their way, only Outlook knows. */
	progress_within(&rig, under_way - 8, under_way);
	rig_run(&rig, 20 * 60000);
	assert_int_equal(meet_count(&rig), MANY);
	progress_is(&rig, MANY, 0);
	for (size_t i = 0; i < rig.event_count; i++) {
		const char *event = strstr(rig.events[i].data, "\"event\":\"e");

		if (strcmp(rig.events[i].type, "ergsync.meeting.scheduled") != 0)
			continue;
		assert_non_null(event);
		late += strtoul(event + 11, NULL, 10) > told + 16;
		told++;
	}
	assert_int_equal(told, MANY);
	assert_int_equal(late, 0);
	box = rig_ask(&rig, "GET", "/_sim/mailbox?user=" ORGANIZER, NULL);
	assert_in_range(jx_get_int(box, "in_flight_max", 0), 1, 4);
	json_decref(box);
	assert_int_equal(meet_violations(&rig), 0);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_meeting_is_made_changed_and_cancelled),
		cmocka_unit_test(edits_within_seconds_become_one_change),
		cmocka_unit_test(what_is_over_or_far_or_off_is_left_alone),
		cmocka_unit_test(a_tenant_with_meetings_off_gets_none),
		cmocka_unit_test(more_mails_than_allowed_wait_for_a_decision),
		cmocka_unit_test(a_resync_of_what_is_equal_mails_nobody),
		cmocka_unit_test(an_organizer_that_will_not_do_is_named),
		cmocka_unit_test(a_comparison_tries_what_failed),
		cmocka_unit_test(what_waits_and_what_cannot_be_is_told),
		cmocka_unit_test(what_graph_fails_to_write_is_told),
		cmocka_unit_test(a_filter_that_is_refused),
		cmocka_unit_test(an_erg_may_have_an_organizer_of_its_own),
		cmocka_unit_test(an_event_taken_back_leaves_no_meeting),
		cmocka_unit_test(what_waits_its_turn_is_withdrawn),
		cmocka_unit_test(a_refused_look_leaves_the_outcome_unknown),
		cmocka_unit_test(a_late_join_link_is_fetched),
		cmocka_unit_test(a_changed_etag_is_read_and_merged),
		cmocka_unit_test(the_join_block_survives_a_new_body),
		cmocka_unit_test(whole_days_are_days_on_both_sides),
		cmocka_unit_test(a_change_of_the_list_mails_only_those_concerned),
		cmocka_unit_test(what_was_lost_is_found_again),
		cmocka_unit_test(the_calendar_is_watched_while_it_is_used),
		cmocka_unit_test(a_thousand_at_once_near_ones_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
