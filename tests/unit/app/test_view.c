/* Each view, field by field, against the contract. */
#include "app/view.h"

#include "unit/app/fake.h"

static void
assert_view(json_t *view, const char *expected)
{
	assert_non_null(view);
	assert_json(view, expected);
	json_decref(view);
}

static void
a_tenant(void **state)
{
	struct tenant_view v = { .consent_url = "" };

	(void)state;
	sample_tenant(&v, "t1");
	assert_view(view_tenant(&v),
	    "{'id':'t1','tenant':'t1','directory_id':'0a1b2c3d-0000-4000-8000-000000000001','organizer':'erg@example.org',"
	    "'organizer_id':'0a1b2c3d-0000-4000-8000-000000000002','state':'consent_missing','sign_in':'application','meetings':'"
	    "on','detail':'"
	    "Consent is missing.',"
	    "'consent_url':'https://login.example/consent','ergs':3,'receipt':null}");
	memset(&v, 0, sizeof(v));
	assert_view(view_tenant(&v), "{'id':null,'tenant':null,'directory_id':null,'organizer':null,'organizer_id':null,'state':'"
	                             "active','sign_in':'application','meetings':'on','detail':null,"
	                             "'consent_url':null,'ergs':0,'receipt':null}");
}

static void
an_erg(void **state)
{
	struct erg_view v;

	(void)state;
	memset(&v, 0, sizeof(v));
	sample_erg(&v, "e1");
	v.events = (struct erg_events){ .scheduled = 7, .pending = 8, .failed = 1 };
	assert_view(view_erg(&v),
	    "{'id':'e1','erg':'e1','tenant':'t1','name':'Women in Tech','channel_url':'https://teams.microsoft.com/l/channel/x',"
	    "'membership':'teams','meetings':'off','removal_limit':5,'removal_percent':null,'organizer':null,"
	    "'team_id':'0a1b2c3d-0000-4000-8000-000000000003','channel_id':'19:abc@thread.tacv2','channel_type':'private',"
	    "'state':'held','detail':'Waits for a decision.','proved_at':'2026-11-22T08:00:00Z',"
	    "'members':{'app':1,'teams':2,'pending':3,'unresolved':4,'refused':5,'private':6},"
	    "'events':{'scheduled':7,'pending':8,'failed':1},"
	    "'subscriptions':[{'resource':'/teams/x/members','id':'sub-1','expires_at':'2026-11-22T09:00:00Z',"
	    "'renewed_at':'2026-11-22T08:00:00Z','state':'active','detail':null,'address':'both'}]}");
	v.erg.channel_type = CHANNEL_UNKNOWN;
	v.erg.proved_wall_ms = 0;
	v.subscription_count = 0;
	v.erg.removal_percent = 0;
	{
		json_t *view = view_erg(&v);

		assert_true(json_is_null(json_object_get(view, "channel_type")));
		assert_true(json_is_null(json_object_get(view, "proved_at")));
		assert_int_equal(jx_get_int(view, "removal_percent", 7), 0);
		assert_int_equal(json_array_size(jx_get_array(view, "subscriptions")), 0);
		json_decref(view);
	}
}

static void
a_member(void **state)
{
	static const struct {
		struct side app, teams;
		const char *role;
	} roles[] = {
		{ { true, ROLE_OWNER, 0 }, { true, ROLE_MEMBER, 0 }, "owner" },
		{ { true, ROLE_MEMBER, 0 }, { true, ROLE_GUEST, 0 }, "guest" },
		{ { false, ROLE_MEMBER, 0 }, { true, ROLE_OWNER, 0 }, "owner" },
		{ { true, ROLE_OWNER, 0 }, { false, ROLE_GUEST, 0 }, "owner" },
		{ { false, ROLE_OWNER, 0 }, { false, ROLE_OWNER, 0 }, "member" },
	};
	struct member_view v;

	(void)state;
	memset(&v, 0, sizeof(v));
	sample_member(&v, "u1");
	assert_view(view_member(&v),
	    "{'user':'u1','entra_id':'0a1b2c3d-0000-4000-8000-000000000004','email':'ada@example.org','role':'owner','private':"
	    "false,"
	    "'in_app':true,'in_teams':false,'status':'adding_to_teams','detail':null,'since':'2026-11-22T08:00:00Z'}");
	v.person.user.s[0] = '\0';
	for (size_t i = 0; i < COUNT(roles); i++) {
		json_t *view;

		v.member.app = roles[i].app;
		v.member.teams = roles[i].teams;
		view = view_member(&v);
		assert_string_equal(jx_get_str(view, "role"), roles[i].role);
		assert_string_equal(jx_get_str(view, "user"), "entra:0a1b2c3d-0000-4000-8000-000000000004");
		json_decref(view);
	}
}

static void
an_event(void **state)
{
	struct event_fields *fields = sample_event_fields();
	struct event e;
	struct event_view v = { &e, fields };

	(void)state;
	sample_event(&e, "tea");
	assert_view(view_event(&v),
	    "{'id':'tea','event':'tea','erg':'e1','subject':'Tea','body_html':'<p>Come!</p>','start':'2026-12-01T17:00:00',"
	    "'end':'2026-12-01T18:00:00','time_zone':'Europe/Warsaw','all_day':false,'location':'Roof','online':true,"
	    "'attendees':[{'email':'ada@example.org','name':'Ada','type':'required','response':'accepted','responded_at':'2026-"
	    "11-22T08:00:00Z'},"
	    "{'email':'bob@example.org','type':'optional','response':'none','responded_at':null}],'hide_attendees':false,'"
	    "recurrence':null,"
	    "'occurrences':[],'status':'scheduled','detail':null,'join_url':'https://teams.example/join','graph_id':'AAMk1',"
	    "'ical_uid':'uid-1','synced_at':'2026-11-22T08:00:00Z',"
	    "'responses':{'accepted':1,'tentative':0,'declined':0,'none':1}}");
	event_fields_free(fields);
}

static void
a_resync(void **state)
{
	struct resync r = { .number = 1 };

	(void)state;
	sample_resync(&r, "r1");
	assert_view(view_resync(&r),
	    "{'id':'r1','scope':'erg:e1','dry_run':true,'state':'failed','ergs_total':9,'ergs_done':8,'members_compared':7,"
	    "'meetings_compared':6,'changes':{'added_to_app':1,'removed_from_app':2,'added_to_teams':3,'removed_from_teams':4,"
	    "'meetings_created':5,'meetings_updated':6,'meetings_cancelled':7,'held':8},'error_count':2,"
	    "'errors':['erg:e1: first','erg:e2: "
	    "second'],'started_at':'2026-11-22T08:00:00Z','finished_at':'2026-11-22T08:00:01.500Z'}");
}

static void
a_plan(void **state)
{
	struct app_plan plan = { .held = true, .hash = "abc", .detail = "Too many.", .removals = 1 };
	struct app_plan_item item = {
		.action = PLAN_REMOVE_FROM_TEAMS, .role = ROLE_OWNER, .reason = "The app removed this person."
	};

	(void)state;
	struct app_plan_item meeting = {
		.action = PLAN_CREATE_MEETING, .subject = "Tea", .mails = 7, .reason = "The app asked for it."
	};

	str_copy(plan.erg.s, APP_ID_SIZE, "e1");
	str_copy(meeting.event.s, APP_ID_SIZE, "tea");
	str_copy(item.person.user.s, APP_ID_SIZE, "u1");
	assert_view(view_plan_item(&item),
	    "{'action':'remove_from_teams','user':'u1','entra_id':null,'email':null,'name':null,'role':'owner',"
	    "'reason':'The app removed this person.'}");
	assert_view(view_plan_item(&meeting),
	    "{'action':'create_meeting','event':'tea','subject':'Tea','mails':7,'reason':'The app asked for it.'}");
	assert_view(view_plan(&plan, json_array()),
	    "{'erg':'e1','held':true,'hash':'abc','detail':'Too many.','additions':0,'removals':1,'mails':0,'items':[]}");
}

static void
the_status(void **state)
{
	struct app_status s = { .started_wall_ms = 0 };
	struct problem p = { .kind = PROBLEM_NONE };
	struct fake f = { .calls = 0 };

	(void)state;
	fake_status(&f, &s, &p);
	assert_view(view_status(&s),
	    "{'version':'" ERGSYNC_VERSION "','as_of':'2026-11-22T08:00:30Z','started_at':'2026-11-22T08:00:00Z',"
	    "'verdict':'2 things need attention','attention':[{'urgency':'now','what':'1 ERG has a plan that waits for a "
	    "decision.',"
	    "'next':'ergsyncctl plan show ERG, then ergsyncctl plan approve ERG or ergsyncctl plan reject ERG'},"
	    "{'urgency':'soon','what':'1 event has no right meeting, because Outlook refused it.','next':'ergsyncctl status "
	    "names "
	    "the ERG, ergsyncctl event list ERG the reason'}],"
	    "'tenants':{'active':2,'consent_missing':0,'unreachable':0,'removing':0,'sign_in_needed':0,'total':2},"
	    "'ergs':{'linking':0,'in_sync':3,'working':0,'held':1,'broken':0,'off':0,'total':4},"
	    "'subscriptions':{'wanted':0,'active':4,'failing':0,'leaving':0,'covered':0,'refused':0,'total':4,'at_former_address'"
	    ":0,'next_expiry_at':'"
	    "2026-11-22T09:00:00Z'},"
	    "'inbox':{'present':true,'backlog':5,'dirty':6},"
	    "'callbacks':{'backlog':7,'oldest_at':'2026-11-22T08:00:00Z','detail':'The app answered 500.'},"
	    "'changes':{'newest':8},'resyncs':{'running':1,'ergs_done':7,'ergs_total':40},"
	    "'store':{'restored_at':null,'rebuilt_at':null,'additions_only':0,'damaged_records':0,'resealed':0,'to_reseal':0,"
	    "'used_bytes':1024,'limit_bytes':4096,'full':false},"
	    "'meetings':{'scheduled':5,'pending':2,'failed':1},"
	    "'listener':{'state':'up','version':'" ERGSYNC_VERSION
	    "','can_store':true,'certificate_expires_at':'2026-12-22T08:00:00Z'},"
	    "'graph':{'last_answer_at':'2026-11-22T08:00:00Z','requests':100,'throttled':3,'queued':4,'paused':0,'clock_ahead_ms'"
	    ":-20,"
	    "'credential_expires_at':null},"
	    "'oldest_unproved':{'erg':'e9','proved_at':null},"
	    "'problems':[{'subject':'erg:e1','detail':'Held.'}]}");
	memset(&s, 0, sizeof(s));
	{
		json_t *view = view_status(&s);

		assert_true(json_is_null(json_object_get(view, "oldest_unproved")));
		assert_true(json_is_null(json_object_get(json_object_get(view, "subscriptions"), "next_expiry_at")));
		json_decref(view);
	}
}

/* A sentence cut within a character must not cost the whole view; nor must a state from nowhere. */
static void
damaged_texts_lose_their_end_only(void **state)
{
	struct tenant_view v = { .consent_url = "" };
	json_t *view;

	(void)state;
	sample_tenant(&v, "t1");
	str_copy(v.tenant.detail, DETAIL_SIZE, "caf\xc3");
	v.tenant.state = (enum tenant_state)77;
	view = view_tenant(&v);
	assert_string_equal(jx_get_str(view, "detail"), "caf");
	assert_true(json_is_null(json_object_get(view, "state")));
	json_decref(view);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tenant),
		cmocka_unit_test(an_erg),
		cmocka_unit_test(a_member),
		cmocka_unit_test(an_event),
		cmocka_unit_test(a_resync),
		cmocka_unit_test(a_plan),
		cmocka_unit_test(the_status),
		cmocka_unit_test(damaged_texts_lose_their_end_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
