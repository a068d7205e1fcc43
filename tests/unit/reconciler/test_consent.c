/* Consent not yet given, given, withdrawn, given again: what the tenant says, and how soon it is noticed. */
#include "reconciler/consent.h"
#include "unit/reconciler/meeting_side.h"
#include "unit/reconciler/rig_group.h"

static void
set_consent(const char *consent)
{
	rig_do(&rig, "/_sim/consent", "{\"tenant\":\"%s\",\"consent\":\"%s\"}", RIG_DIRECTORY, consent);
}

static void
refuse(const char *path)
{
	rig_do(&rig, "/_sim/faults", "{\"kind\":\"status\",\"status\":403,\"path\":\"%s\",\"count\":0}", path);
}

/* An administrator follows the link and consents: the state that comes back. */
static void
visit_page(char *ret, size_t ret_size)
{
	struct tenant tenant = rig_tenant(&rig);
	char url[1024];

	consent_url(rig.r, &tenant, url, sizeof(url));
	assert_true(str_starts(url, "http://127.0.0.1:1/" RIG_DIRECTORY "/adminconsent?client_id=" RIG_CLIENT
	                            "&redirect_uri=https%3A%2F%2Fhook.example%2Fgraph%2Fconsent&state=v1."));
	set_consent("granted");
	snprintf(ret, ret_size, "%s", strstr(url, "&state=") + strlen("&state="));
}

/* The listener's part. */
static void
come_back(const char *state)
{
	struct key32 key;
	struct scope_id scope;

	client_state_consent_key(&rig.intake_key, &key);
	assert_true(client_state_check(&key, state, strlen(state), &scope));
	consent_given(rig.r, &scope);
}

static void
consent_given_is_noticed_at_once(void **state)
{
	char back[512];

	(void)state;
	set_consent("absent");
	rig_link(&rig);
	assert_int_equal(rig_tenant(&rig).state, TENANT_CONSENT_MISSING);
	assert_int_equal(rig_count(&rig, "ergsync.tenant.consent_missing", 0), 1);
	visit_page(back, sizeof(back));
	come_back(back);
	rig_run(&rig, 10000);
	assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
	rig_run(&rig, 60000);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
}

/* The link is the same each time, also after a restart: it may be sent by mail. */
static void
the_link_stays(void **state)
{
	char first[1024], again[1024];
	struct tenant tenant;

	(void)state;
	rig_link(&rig);
	tenant = rig_tenant(&rig);
	consent_url(rig.r, &tenant, first, sizeof(first));
	rig_crash(&rig);
	consent_url(rig.r, &tenant, again, sizeof(again));
	assert_string_equal(first, again);
}

static void
consent_withdrawn_freezes_and_regained_resumes(void **state)
{
	char back[512];

	(void)state;
	rig_link(&rig);
	assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
	set_consent("withdrawn");
	rig_do(&rig, "/_sim/expire", "{\"tokens\":true}");
	rig_run(&rig, 2 * 3600 * 1000);
	assert_int_equal(rig_tenant(&rig).state, TENANT_CONSENT_MISSING);
	assert_int_equal(rig_erg(&rig).counts.app, 8); /* nobody was removed */
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
	visit_page(back, sizeof(back));
	come_back(back);
	rig_run(&rig, 10000);
	assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
}

/* Microsoft goes on signing in an app whose permissions were all taken away, and refuses every call of it. */
static void
consent_withdrawn_from_an_app_that_can_sign_in(void **state)
{
	(void)state;
	rig_link(&rig);
	refuse("/teams");
	refuse("/groups");
	refuse("/users");
	refuse("/subscriptions");
	rig_run(&rig, 49 * 3600 * 1000);
	assert_int_equal(rig_tenant(&rig).state, TENANT_CONSENT_MISSING);
	assert_int_equal(rig_count(&rig, "ergsync.tenant.consent_missing", 0), 1);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
	rig_run(&rig, 26 * 3600 * 1000);
	assert_int_equal(rig_tenant(&rig).state, TENANT_CONSENT_MISSING);
	assert_int_equal(rig_count(&rig, "ergsync.tenant.consent_missing", 0), 1); /* once, however often it signs in */
	json_decref(rig_ask(&rig, "DELETE", "/_sim/faults", NULL));
	rig_put_tenant(&rig);
	rig_run(&rig, 10000);
	assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
}

/* One permission is missing, the rest is there: that is no missing consent. What is mended is seen when the tenant is put again. */
static void
one_permission_is_not_consent(void **state)
{
	(void)state;
	rig_put_tenant(&rig);
	rig_link(&rig);
	refuse("/teams");
	rig_run(&rig, 49 * 3600 * 1000);
	assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
	assert_int_equal(rig_erg(&rig).state, ERG_BROKEN);
	json_decref(rig_ask(&rig, "DELETE", "/_sim/faults", NULL));
	rig_put_tenant(&rig);
	rig_run(&rig, 10000);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
}

static void
permissions(const char *change)
{
	rig_do(&rig, "/_sim/permissions", "{\"tenant\":\"%s\",%s}", RIG_DIRECTORY, change);
}

/* Nothing but subscriptions and the hourly checks ask Graph in this time. */
static void
a_quiet_tenant(void)
{
	rig.config.drift_check_ms = rig.config.sweep_ms = (int64_t)30 * 24 * 3600 * 1000;
	rig_restart(&rig);
	rig_link(&rig);
	rig_run(&rig, 20 * 60 * 1000);
	assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	rig_forget_requests(&rig);
}

/* The first call that is refused is a renewal: with a new token it turns out that nothing is granted any more. */
static void
a_renewal_meets_the_withdrawal(void **state)
{
	int64_t waited_s = 0;

	(void)state;
	a_quiet_tenant();
	permissions("\"set\":[]");
	while (rig_requests(&rig, "PATCH /subscriptions/{subscription}") == 0 && waited_s++ < 3600)
		rig_run(&rig, 1000);
	rig_run(&rig, 10000);
	assert_int_equal(rig_tenant(&rig).state, TENANT_CONSENT_MISSING);
	assert_int_equal(rig_count(&rig, "ergsync.tenant.consent_missing", 0), 1);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
	permissions("\"grant\":[\"User.Read.All\",\"Team.ReadBasic.All\",\"Channel.ReadBasic.All\",\"TeamMember.Read.All\","
	            "\"TeamMember.ReadWrite.All\",\"GroupMember.Read.All\"]");
	rig_run(&rig, 16 * 60 * 1000);
	assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
}

/* Twice within minutes: what was looked into while the consent was missing is no reason to look later. */
static void
withdrawn_again_soon_after(void **state)
{
	(void)state;
	a_quiet_tenant();
	for (int i = 1; i <= 2; i++) {
		permissions("\"set\":[]");
		rig_member(&rig, "role", 2, i == 1 ? "owner" : "member");
		rig_run(&rig, 20000);
		assert_int_equal(rig_tenant(&rig).state, TENANT_CONSENT_MISSING);
		assert_int_equal(rig_count(&rig, "ergsync.tenant.consent_missing", 0), i);
		permissions(
		    "\"grant\":[\"User.Read.All\",\"Team.ReadBasic.All\",\"Channel.ReadBasic.All\",\"TeamMember.Read.All\","
		    "\"TeamMember.ReadWrite.All\",\"GroupMember.Read.All\"]");
		rig_run(&rig, 90000);
		assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
	}
}

/* Missing from the start, given, and withdrawn again within minutes, where nothing but meetings is asked for: the probes that were refused
 * until then are no reason to look later. */
static void
withdrawn_soon_after_it_was_first_given(void **state)
{
	int64_t probes, waited_s = 0;

	(void)state;
	permissions("\"set\":[]");
	rig_put_tenant(&rig);
	meet_policy(&rig, MEETINGS_TWO_WAY, "");
	rig_run(&rig, 10 * 60 * 1000);
	assert_int_equal(rig_tenant(&rig).state, TENANT_CONSENT_MISSING);
	probes = rig_requests(&rig, "GET /users/{user}");
	while (rig_requests(&rig, "GET /users/{user}") == probes && waited_s++ < 1800)
		rig_run(&rig, 1000);
	permissions("\"grant\":[\"User.Read.All\",\"Team.ReadBasic.All\",\"Channel.ReadBasic.All\",\"Calendars.Read\","
	            "\"Calendars.ReadWrite\"]");
	rig_put_tenant(&rig);
	rig_run(&rig, 30000);
	assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
	permissions("\"set\":[]");
	rig_forget_requests(&rig);
	meet_put(&rig, "picnic", meet_fields("Picnic", 2 * DAY_MS, 1));
	rig_run(&rig, 30000);
	assert_int_equal(rig_requests(&rig, "GET /teams/{team}/members"), 0);
	assert_int_equal(rig_tenant(&rig).state, TENANT_CONSENT_MISSING);
	assert_int_equal(rig_count(&rig, "ergsync.tenant.consent_missing", 0), 2);
}

/* A renewal again, but only rosters can be read no more: the ERG is broken, the tenant is not. */
static void
a_renewal_meets_a_permission_withdrawn(void **state)
{
	int64_t waited_s = 0;

	(void)state;
	a_quiet_tenant();
	permissions("\"withdraw\":[\"TeamMember.Read.All\",\"TeamMember.ReadWrite.All\"]");
	while (rig_requests(&rig, "PATCH /subscriptions/{subscription}") == 0 && waited_s++ < 3600)
		rig_run(&rig, 1000);
	rig_run(&rig, 10000);
	assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
	assert_int_equal(rig_erg(&rig).state, ERG_BROKEN);
	assert_int_equal(rig_count(&rig, "ergsync.erg.broken", 0), 1);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
}

/* A right that no ERG's roster depends on: neither the tenant nor the ERG is the worse for it, and it costs a question now and then. */
static void
something_else_is_refused(void **state)
{
	(void)state;
	a_quiet_tenant();
	refuse("/subscriptions");
	rig_run(&rig, 6 * 3600 * 1000);
	assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	assert_int_equal(rig_requests(&rig, "GET /teams/{team}/members"), 0);
	assert_true(rig_requests(&rig, "GET /users/{user}") <= 6 * 12 + 1);
}

/* Regained without a visit to our page: the probe finds it. */
static void
consent_regained_elsewhere(void **state)
{
	(void)state;
	set_consent("withdrawn");
	rig_link(&rig);
	assert_int_equal(rig_tenant(&rig).state, TENANT_CONSENT_MISSING);
	set_consent("granted");
	rig_run(&rig, 16 * 60 * 1000);
	assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
}

/* Whoever consented leaves the organisation: the consent is the organisation's. */
static void
the_admin_who_consented_leaves(void **state)
{
	char back[512], id[GUID_SIZE];

	(void)state;
	set_consent("absent");
	rig_link(&rig);
	visit_page(back, sizeof(back));
	come_back(back);
	rig_run(&rig, 60000);
	rig_do(&rig, "/_sim/users", "{\"tenant\":\"%s\",\"id\":\"%s\",\"deleted\":true}", RIG_DIRECTORY, rig_user(12, id));
	rig_run(&rig, (int64_t)26 * 3600 * 1000);
	assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
}

/* A permission granted later comes with the same page: what broke for lack of it is looked at again. */
static void
a_permission_granted_later(void **state)
{
	char back[512];

	(void)state;
	rig_do(&rig, "/_sim/permissions",
	    "{\"tenant\":\"%s\",\"withdraw\":[\"TeamMember.Read.All\",\"TeamMember.ReadWrite.All\"]}", RIG_DIRECTORY);
	rig_link(&rig);
	assert_int_equal(rig_erg(&rig).state, ERG_BROKEN);
	rig_do(&rig, "/_sim/permissions", "{\"tenant\":\"%s\",\"grant\":[\"TeamMember.Read.All\",\"TeamMember.ReadWrite.All\"]}",
	    RIG_DIRECTORY);
	visit_page(back, sizeof(back));
	come_back(back);
	rig_run(&rig, 60000);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
}

/* A token names what was granted when it was given: whether consent is back, only a new one can tell. */
static void
a_put_asks_with_a_new_token(void **state)
{
	(void)state;
	rig_do(&rig, "/_sim/permissions", "{\"tenant\":\"%s\",\"set\":[]}", RIG_DIRECTORY);
	rig_link(&rig);
	rig_run(&rig, 3600 * 1000);
	assert_int_equal(rig_tenant(&rig).state, TENANT_CONSENT_MISSING);
	rig_forget_requests(&rig);
	rig_put_tenant(&rig);
	rig_run(&rig, 1000);
	assert_in_range(rig_requests(&rig, "POST /{tenant}/oauth2/v2.0/token"), 1, 2);
}

static void
visits_cost_little(void **state)
{
	char back[512];

	(void)state;
	rig_link(&rig);
	visit_page(back, sizeof(back));
	rig_forget_requests(&rig);
	for (int i = 0; i < 1000; i++) {
		come_back(back);
		rig_run(&rig, 10);
	}
	assert_true(rig_requests(&rig, "POST /{tenant}/oauth2/v2.0/token") <= 10);
	consent_given(rig.r, &(struct scope_id){ "nobody's" });
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(consent_given_is_noticed_at_once, rig_group_start, rig_group_stop),
		cmocka_unit_test_setup_teardown(the_link_stays, rig_group_start, rig_group_stop),
		cmocka_unit_test_setup_teardown(consent_withdrawn_freezes_and_regained_resumes, rig_group_start, rig_group_stop),
		cmocka_unit_test_setup_teardown(consent_withdrawn_from_an_app_that_can_sign_in, rig_group_start, rig_group_stop),
		cmocka_unit_test_setup_teardown(one_permission_is_not_consent, rig_group_start, rig_group_stop),
		cmocka_unit_test_setup_teardown(a_renewal_meets_the_withdrawal, rig_group_start, rig_group_stop),
		cmocka_unit_test_setup_teardown(withdrawn_again_soon_after, rig_group_start, rig_group_stop),
		cmocka_unit_test_setup_teardown(withdrawn_soon_after_it_was_first_given, rig_group_start, rig_group_stop),
		cmocka_unit_test_setup_teardown(a_renewal_meets_a_permission_withdrawn, rig_group_start, rig_group_stop),
		cmocka_unit_test_setup_teardown(something_else_is_refused, rig_group_start, rig_group_stop),
		cmocka_unit_test_setup_teardown(consent_regained_elsewhere, rig_group_start, rig_group_stop),
		cmocka_unit_test_setup_teardown(the_admin_who_consented_leaves, rig_group_start, rig_group_stop),
		cmocka_unit_test_setup_teardown(a_permission_granted_later, rig_group_start, rig_group_stop),
		cmocka_unit_test_setup_teardown(a_put_asks_with_a_new_token, rig_group_start, rig_group_stop),
		cmocka_unit_test_setup_teardown(visits_cost_little, rig_group_start, rig_group_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
