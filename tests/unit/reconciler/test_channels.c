/* Private and shared channels, guests, policies, and links that change. */
#include "unit/reconciler/app_side.h"

#define CHANNEL "19:private@thread.tacv2"
#define IN_PATH "19%3Aprivate%40thread.tacv2"

static void
put_channel_erg_as(struct rig *rig, const char *erg, enum membership_policy policy)
{
	struct app_erg_put put = { .membership = policy, .meetings = MEETINGS_OFF, .removal_limit = -1, .removal_percent = -1 };
	struct erg_view view = { 0 };
	struct problem p = { 0 };
	bool created;

	assert_true(erg_id_parse(erg, &put.id));
	assert_true(tenant_id_parse("acme", &put.tenant));
	assert_true(guid_parse(RIG_TEAM, &put.team_id));
	snprintf(put.name, sizeof(put.name), "Pride");
	snprintf(put.channel_id, sizeof(put.channel_id), CHANNEL);
	snprintf(put.channel_url, sizeof(put.channel_url), "https://teams.microsoft.com/l/channel/%s/x?groupId=%s&tenantId=%s",
	    IN_PATH, RIG_TEAM, RIG_DIRECTORY);
	assert_int_equal(backend_ops.erg_put(rig->r, &put, &view, &created, &p), ERR_OK);
	rig_run(rig, 120000);
}

static void
put_channel_erg(struct rig *rig, enum membership_policy policy)
{
	put_channel_erg_as(rig, "pride", policy);
}

static void
make_channel(struct rig *rig, const char *type)
{
	char a[GUID_SIZE], b[GUID_SIZE];

	rig_do(rig, "/_sim/channels",
	    "{\"team\":\"%s\",\"id\":\"" CHANNEL "\",\"type\":\"%s\",\"owners\":[\"%s\"],\"members\":[\"%s\"]}", RIG_TEAM, type,
	    rig_user(1, a), rig_user(2, b));
	rig_put_tenant(rig);
	put_channel_erg(rig, MEMBERSHIP_TWO_WAY);
	assert_int_equal(rig_erg(rig).state, ERG_IN_SYNC);
	assert_int_equal(rig_erg(rig).counts.app, 2);
}

static bool
in_channel(struct rig *rig, unsigned user)
{
	json_t *answer = rig_ask(rig, "GET", "/_sim/members?team=" RIG_TEAM "&channel=" IN_PATH, NULL), *m;
	char id[GUID_SIZE];
	bool found = false;
	size_t i;

	rig_user(user, id);
	json_array_foreach(jx_get_array(answer, "members"), i, m) found = found || strcmp(jx_get_str(m, "user"), id) == 0;
	json_decref(answer);
	return found;
}

static void
channel_member(struct rig *rig, const char *op, unsigned user)
{
	char id[GUID_SIZE];

	rig_do(rig, "/_sim/members", "{\"op\":\"%s\",\"team\":\"%s\",\"channel\":\"" CHANNEL "\",\"user\":\"%s\"}", op, RIG_TEAM,
	    rig_user(user, id));
}

static void
a_private_channel_goes_by_its_own_roster(void **state)
{
	struct rig rig;
	size_t events;

	(void)state;
	rig_make(&rig, 41, 30, 10);
	make_channel(&rig, "private");
	events = rig.event_count;
	join(&rig, 5);  /* in the team already */
	join(&rig, 20); /* not in the team */
	rig_run(&rig, 300000);
	assert_true(in_channel(&rig, 5) && in_channel(&rig, 20));
	assert_string_equal(in_teams(&rig, 20), "member");
	assert_int_equal(status_of(&rig, "pride", 20), MEMBER_SYNCED);
	leave(&rig, "pride", 20);
	rig_run(&rig, 300000);
	assert_false(in_channel(&rig, 20));
	assert_string_equal(in_teams(&rig, 20), "member");
	assert_int_equal(rig.event_count, events);
	channel_member(&rig, "add", 7);
	rig_run(&rig, 120000);
	assert_int_equal(rig_count(&rig, "ergsync.member.added", events), 1);
	channel_member(&rig, "remove", 7);
	rig_run(&rig, 120000);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", events), 1);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	assert_int_equal(violations(&rig), 0);
	rig_done(&rig);
}

static void
whoever_has_access_some_other_way_stays(void **state)
{
	struct rig rig;
	char a[GUID_SIZE];

	(void)state;
	rig_make(&rig, 42, 30, 10);
	make_channel(&rig, "shared");
	channel_member(&rig, "add", 12);
	rig_run(&rig, 120000);
	assert_int_equal(rig_erg(&rig).counts.app, 3);
	rig_do(&rig, "/_sim/teams", "{\"tenant\":\"%s\",\"id\":\"20000000-0000-4000-8000-000000000009\",\"members\":[\"%s\"]}",
	    RIG_DIRECTORY, rig_user(12, a));
	rig_do(&rig, "/_sim/channels",
	    "{\"team\":\"%s\",\"id\":\"" CHANNEL "\",\"shared_with\":[\"20000000-0000-4000-8000-000000000009\"]}", RIG_TEAM);
	channel_member(&rig, "remove", 12);
	rig_run(&rig, 26 * 3600 * 1000LL);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
	rig_do(&rig, "/_sim/members", "{\"op\":\"remove\",\"team\":\"20000000-0000-4000-8000-000000000009\",\"user\":\"%s\"}",
	    rig_user(12, a));
	rig_run(&rig, 26 * 3600 * 1000LL);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 1);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	rig_done(&rig);
}

static void
a_shared_channel_takes_nobody_from_us(void **state)
{
	struct rig rig;

	(void)state;
	rig_make(&rig, 43, 30, 10);
	make_channel(&rig, "shared");
	rig_forget_requests(&rig);
	join(&rig, 5);
	rig_run(&rig, 300000);
	assert_int_equal(rig_requests(&rig, "POST /teams/{team}/channels/{channel}/members"), 0);
	assert_int_equal(violations(&rig), 0);
	assert_int_equal(status_of(&rig, "pride", 5), MEMBER_REFUSED_BY_TEAMS);
	assert_int_equal(rig_count(&rig, "ergsync.member.refused", 0), 1);
	rig_done(&rig);
}

static const char *
role_in_channel(struct rig *rig, const char *id)
{
	static char role[16];
	json_t *answer = rig_ask(rig, "GET", "/_sim/members?team=" RIG_TEAM "&channel=" IN_PATH, NULL), *m;
	size_t i;

	role[0] = '\0';
	json_array_foreach(jx_get_array(answer, "members"), i, m) if (strcmp(jx_get_str(m, "user"), id) == 0)
	    str_copy(role, sizeof(role), jx_get_str(m, "role"));
	json_decref(answer);
	return role;
}

static void
roles_change_in_a_private_channel(void **state)
{
	struct app_member_put owner = entry(5, ROLE_OWNER), member = entry(5, ROLE_MEMBER);
	struct rig rig;
	char id[GUID_SIZE];
	size_t events;

	(void)state;
	rig_make(&rig, 50, 30, 10);
	make_channel(&rig, "private");
	put_member(&rig, "pride", &member);
	rig_run(&rig, 300000);
	events = rig.event_count;
	put_member(&rig, "pride", &owner);
	rig_run(&rig, 300000);
	assert_string_equal(role_in_channel(&rig, rig_user(5, id)), "owner");
	assert_string_equal(in_teams(&rig, 5), "member");
	put_member(&rig, "pride", &member);
	rig_run(&rig, 300000);
	assert_string_equal(role_in_channel(&rig, rig_user(5, id)), "member");
	assert_int_equal(rig.event_count, events);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	assert_int_equal(violations(&rig), 0);
	rig_done(&rig);
}

#define FOREIGN_DIRECTORY "10000000-0000-4000-8000-000000000002"
#define FOREIGN           "40000000-0000-4000-8000-000000000001"

/* Somebody of another tenant in a shared channel: one person, whom the app may name, and who is removed once. */
static void
a_foreign_member_is_one_person(void **state)
{
	struct app_member_put put = { .role = ROLE_MEMBER };
	struct rig rig;
	size_t events;

	(void)state;
	rig_make(&rig, 51, 30, 10);
	make_channel(&rig, "shared");
	rig_do(&rig, "/_sim/tenants", "{\"id\":\"%s\",\"domain\":\"other.example\"}", FOREIGN_DIRECTORY);
	rig_do(&rig, "/_sim/users", "{\"tenant\":\"%s\",\"id\":\"%s\",\"upn\":\"x@other.example\"}", FOREIGN_DIRECTORY, FOREIGN);
	events = rig.event_count;
	rig_do(&rig, "/_sim/members", "{\"op\":\"add\",\"team\":\"%s\",\"channel\":\"" CHANNEL "\",\"user\":\"%s\"}", RIG_TEAM,
	    FOREIGN);
	rig_run(&rig, 300000);
	assert_int_equal(rig_count(&rig, "ergsync.member.added", events), 1);
	assert_string_equal(rig.events[rig.event_count - 1].entra, FOREIGN);
	assert_string_equal(rig.events[rig.event_count - 1].role, "member");
	assert_int_equal(rig_erg(&rig).counts.app, 3);
	assert_true(user_id_parse("visitor", &put.who.user));
	snprintf(put.email, sizeof(put.email), "x@other.example");
	assert_true(guid_parse(FOREIGN, &put.entra_id));
	put_member(&rig, "pride", &put);
	rig_run(&rig, 300000);
	assert_int_equal(rig_erg(&rig).counts.app, 3);
	assert_int_equal(rig_count(&rig, "ergsync.member.refused", 0), 0);
	rig_do(&rig, "/_sim/members", "{\"op\":\"remove\",\"team\":\"%s\",\"channel\":\"" CHANNEL "\",\"user\":\"%s\"}", RIG_TEAM,
	    FOREIGN);
	rig_run(&rig, 26 * 3600 * 1000LL);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", events), 1);
	assert_int_equal(rig_erg(&rig).counts.app, 2);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	rig_done(&rig);
}

/* What another directory calls its people proves nothing: whoever it says has an address of ours is not the one the app means by it. */
static void
an_address_of_another_directory_leads_to_nobody(void **state)
{
	struct member_view view;
	struct rig rig;
	char id[GUID_SIZE];

	(void)state;
	rig_make(&rig, 52, 30, 10);
	make_channel(&rig, "shared");
	rig_do(&rig, "/_sim/tenants", "{\"id\":\"%s\",\"domain\":\"other.example\"}", FOREIGN_DIRECTORY);
	rig_do(&rig, "/_sim/users", "{\"tenant\":\"%s\",\"id\":\"%s\",\"upn\":\"x@other.example\",\"mail\":\"u20@acme.example\"}",
	    FOREIGN_DIRECTORY, FOREIGN);
	rig_do(&rig, "/_sim/faults", "{\"kind\":\"status\",\"status\":503,\"path\":\"/users\",\"count\":0}");
	join(&rig, 20);
	rig_do(&rig, "/_sim/members", "{\"op\":\"add\",\"team\":\"%s\",\"channel\":\"" CHANNEL "\",\"user\":\"%s\"}", RIG_TEAM,
	    FOREIGN);
	rig_run(&rig, 300000);
	assert_int_equal(rig_erg(&rig).counts.teams, 3);
	join(&rig, 20);
	assert_int_equal(get_member(&rig, "pride", 20, &view), ERR_OK);
	assert_string_equal(view.person.entra_id.s, "");
	json_decref(rig_ask(&rig, "DELETE", "/_sim/faults", NULL));
	rig_run(&rig, 2 * 3600 * 1000LL);
	assert_int_equal(get_member(&rig, "pride", 20, &view), ERR_OK);
	assert_string_equal(view.person.entra_id.s, rig_user(20, id));
	rig_done(&rig);
}

/* Two ERGs on one private channel: whoever either lists stays. */
static void
ergs_on_one_channel_share_it(void **state)
{
	struct app_member_put put = entry(5, ROLE_MEMBER);
	struct rig rig;

	(void)state;
	rig_make(&rig, 49, 30, 10);
	make_channel(&rig, "private");
	put_channel_erg_as(&rig, "women", MEMBERSHIP_APP);
	assert_int_equal(rig_count(&rig, "ergsync.member.added", 0), 4);
	put_member(&rig, "pride", &put);
	rig_run(&rig, 300000);
	assert_true(in_channel(&rig, 5));
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
	put_member(&rig, "women", &put);
	leave(&rig, "pride", 5);
	rig_run(&rig, 300000);
	assert_true(in_channel(&rig, 5));
	assert_int_equal(status_of(&rig, "pride", 5), MEMBER_KEPT_IN_TEAMS);
	leave(&rig, "women", 5);
	rig_run(&rig, 300000);
	assert_false(in_channel(&rig, 5));
	rig_done(&rig);
}

/* ---------- policies ---------- */

static void
teams_decides(void **state)
{
	struct problem p = { 0 };
	struct rig rig;

	(void)state;
	rig_make(&rig, 44, 30, 10);
	rig_put_tenant(&rig);
	assert_int_equal(rig_put_erg(&rig, "pride", MEMBERSHIP_TEAMS, &p), ERR_OK);
	rig_run(&rig, 120000);
	name_all(&rig, 10);
	join(&rig, 20);
	rig_run(&rig, 300000);
	assert_string_equal(in_teams(&rig, 20), "");
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 1);
	leave(&rig, "pride", 5);
	rig_run(&rig, 300000);
	assert_string_equal(in_teams(&rig, 5), "member");
	assert_int_equal(rig_erg(&rig).counts.app, 10);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	rig_done(&rig);
}

static void
the_app_decides(void **state)
{
	struct problem p = { 0 };
	struct rig rig;

	(void)state;
	rig_make(&rig, 45, 30, 10);
	rig_put_tenant(&rig);
	assert_int_equal(rig_put_erg(&rig, "pride", MEMBERSHIP_APP, &p), ERR_OK);
	rig_run(&rig, 120000);
	name_all(&rig, 10);
	rig_member(&rig, "add", 20, "member");
	rig_run(&rig, 300000);
	assert_string_equal(in_teams(&rig, 20), "");
	rig_member(&rig, "remove", 5, "member");
	rig_run(&rig, 300000);
	assert_string_equal(in_teams(&rig, 5), "member");
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	rig_done(&rig);
}

static void
nobody_decides(void **state)
{
	struct problem p = { 0 };
	struct rig rig;

	(void)state;
	rig_make(&rig, 46, 30, 10);
	rig_link(&rig);
	assert_int_equal(rig_put_erg(&rig, "pride", MEMBERSHIP_OFF, &p), ERR_OK);
	join(&rig, 20);
	rig_member(&rig, "add", 21, "member");
	rig_run(&rig, 26 * 3600 * 1000LL);
	assert_string_equal(in_teams(&rig, 20), "");
	assert_int_equal(rig_count(&rig, "ergsync.member.added", 0), 10);
	assert_int_equal(rig_erg(&rig).state, ERG_OFF);
	assert_int_equal(rig_put_erg(&rig, "pride", MEMBERSHIP_TWO_WAY, &p), ERR_OK);
	rig_run(&rig, 300000);
	assert_string_equal(in_teams(&rig, 20), "member");
	assert_int_equal(rig_count(&rig, "ergsync.member.added", 0), 11);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	rig_done(&rig);
}

static void
guests_are_mirrored_only(void **state)
{
	struct app_member_put put = entry(25, ROLE_MEMBER);
	char id[GUID_SIZE];
	struct rig rig;

	(void)state;
	rig_make(&rig, 47, 30, 10);
	rig_do(&rig, "/_sim/users", "{\"tenant\":\"%s\",\"id\":\"%s\",\"guest\":true}", RIG_DIRECTORY, rig_user(25, id));
	rig_link(&rig);
	rig_member(&rig, "add", 25, "guest");
	rig_run(&rig, 120000);
	assert_string_equal(rig.events[rig.event_count - 1].role, "guest");
	put_member(&rig, "pride", &put);
	rig_run(&rig, 120000);
	assert_string_equal(in_teams(&rig, 25), "guest");
	assert_int_equal(rig.event_count, 11);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	rig_member(&rig, "remove", 25, "guest");
	rig_run(&rig, 120000);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 1);
	rig_done(&rig);
}

/* Another link, and no link: nobody is removed anywhere. */
static void
links_change_and_remove_nobody(void **state)
{
	char a[GUID_SIZE], b[GUID_SIZE];
	struct erg_id id = erg_named("pride");
	struct problem p = { 0 };
	struct rig rig;

	(void)state;
	rig_make(&rig, 48, 30, 10);
	rig_link(&rig);
	name_all(&rig, 10);
	rig_do(&rig, "/_sim/channels",
	    "{\"team\":\"%s\",\"id\":\"" CHANNEL "\",\"type\":\"private\",\"owners\":[\"%s\"],\"members\":[\"%s\"]}", RIG_TEAM,
	    rig_user(1, a), rig_user(2, b));
	put_channel_erg(&rig, MEMBERSHIP_TWO_WAY);
	rig_run(&rig, 1800000);
	assert_int_equal(rig_erg(&rig).counts.app, 10);
	for (unsigned i = 1; i <= 10; i++)
		assert_true(in_channel(&rig, i));
	assert_int_equal(count_in_teams(&rig), 10);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
	assert_int_equal(backend_ops.erg_remove(rig.r, &id, &p), ERR_OK);
	rig_run(&rig, 1800000);
	assert_true(in_channel(&rig, 3));
	assert_int_equal(count_in_teams(&rig), 10);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
	assert_int_equal(violations(&rig), 0);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_private_channel_goes_by_its_own_roster),
		cmocka_unit_test(whoever_has_access_some_other_way_stays),
		cmocka_unit_test(a_shared_channel_takes_nobody_from_us),
		cmocka_unit_test(roles_change_in_a_private_channel),
		cmocka_unit_test(a_foreign_member_is_one_person),
		cmocka_unit_test(an_address_of_another_directory_leads_to_nobody),
		cmocka_unit_test(ergs_on_one_channel_share_it),
		cmocka_unit_test(teams_decides),
		cmocka_unit_test(the_app_decides),
		cmocka_unit_test(nobody_decides),
		cmocka_unit_test(guests_are_mirrored_only),
		cmocka_unit_test(links_change_and_remove_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
