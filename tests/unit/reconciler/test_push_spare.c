/* Whom we never remove, and what Graph never takes: refused with the reason, without a call of Graph. */
#include "unit/reconciler/app_side.h"

#define CHANGE_ROLE "PATCH /teams/{team}/members/{member}"

static const char *
detail_of(struct rig *rig, unsigned user)
{
	static struct member_view view;

	assert_int_equal(get_member(rig, "pride", user, &view), ERR_OK);
	return view.member.detail;
}

static void
put_role(struct rig *rig, unsigned user, enum role role)
{
	struct app_member_put put = entry(user, role);

	put_member(rig, "pride", &put);
}

static int64_t
writes(struct rig *rig)
{
	return rig_requests(rig, ADD_ONE) + rig_requests(rig, ADD_BULK) + rig_requests(rig, REMOVE_ONE) +
	       rig_requests(rig, REMOVE_BULK) + rig_requests(rig, CHANGE_ROLE);
}

static void
the_account_we_act_as_stays(void **state)
{
	struct rig rig;

	(void)state;
	rig_make(&rig, 81, 30, 25);
	rig_link(&rig);
	name_all(&rig, 25);
	put_role(&rig, 2, ROLE_OWNER);
	rig_run(&rig, 120000);
	assert_string_equal(in_teams(&rig, 2), "owner");
	rig_forget_requests(&rig);
	leave(&rig, "pride", 1); /* the organiser */
	rig_run(&rig, 3600000);
	assert_string_equal(in_teams(&rig, 1), "owner");
	assert_int_equal(status_of(&rig, "pride", 1), MEMBER_REFUSED_BY_TEAMS);
	assert_string_equal(detail_of(&rig, 1), "The account ergsync acts as is never removed.");
	assert_int_equal(rig_count(&rig, "ergsync.member.refused", 0), 1);
	assert_int_equal(writes(&rig), 0);
	rig_done(&rig);
}

/* The list says there is another owner, and that is no longer so: Graph does not have to refuse it. */
static void
the_other_owner_is_read_before_one_goes(void **state)
{
	struct rig rig;
	char id[GUID_SIZE];

	(void)state;
	for (int demote = 0; demote < 2; demote++) {
		rig_make(&rig, 82, 30, 25);
		rig_link(&rig);
		name_all(&rig, 25);
		put_role(&rig, 2, ROLE_OWNER);
		put_role(&rig, 3, ROLE_OWNER);
		rig_run(&rig, 120000);
		/* Quietly, so that we still believe what was. */
		for (unsigned u = 1; u <= 3; u += 2)
			rig_do(&rig, "/_sim/members",
			    "{\"op\":\"role\",\"team\":\"%s\",\"user\":\"%s\",\"role\":\"member\",\"quiet\":true}", RIG_TEAM,
			    rig_user(u, id));
		rig_forget_requests(&rig);
		if (demote != 0)
			put_role(&rig, 2, ROLE_MEMBER);
		else
			leave(&rig, "pride", 2);
		rig_run(&rig, 120000);
		assert_string_equal(in_teams(&rig, 2), "owner");
		assert_int_equal(status_of(&rig, "pride", 2), MEMBER_REFUSED_BY_TEAMS);
		assert_string_equal(detail_of(&rig, 2), "The last owner of a team stays.");
		assert_int_equal(writes(&rig), 0);
		/* A day later there is another one. */
		rig_member(&rig, "role", 4, "owner");
		rig_run(&rig, 26 * 3600 * 1000LL);
		assert_string_equal(in_teams(&rig, 2), demote != 0 ? "member" : "");
		assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
		assert_int_equal(violations(&rig), 0);
		rig_done(&rig);
	}
}

static void
of_owners_who_leave_together_one_stays(void **state)
{
	struct rig rig;
	unsigned stay = 0;

	(void)state;
	rig_make(&rig, 83, 40, 30);
	rig_link(&rig);
	name_all(&rig, 30);
	for (unsigned u = 2; u <= 4; u++)
		put_role(&rig, u, ROLE_OWNER);
	rig_member(&rig, "role", 1, "member");
	rig_run(&rig, 120000);
	for (unsigned u = 2; u <= 4; u++)
		leave(&rig, "pride", u);
	rig_run(&rig, 3600000);
	for (unsigned u = 2; u <= 4; u++)
		stay += in_teams(&rig, u)[0] != '\0';
	assert_int_equal(stay, 1);
	assert_int_equal(rig_erg(&rig).counts.refused, 1);
	assert_int_equal(violations(&rig), 0);
	rig_done(&rig);
}

/* Somebody else took the last other owner away between our read and our write: Graph refuses, once, and that is shown. */
static void
graph_may_know_better(void **state)
{
	json_t *answer;
	struct rig rig;

	(void)state;
	rig_make(&rig, 84, 30, 25);
	rig_link(&rig);
	name_all(&rig, 25);
	put_role(&rig, 2, ROLE_OWNER);
	rig_run(&rig, 120000);
	rig_do(&rig, "/_sim/faults",
	    "{\"kind\":\"status\",\"status\":400,\"code\":\"BadRequest\",\"method\":\"DELETE\",\"path\":\"/teams\",\"count\":0}");
	rig_forget_requests(&rig);
	leave(&rig, "pride", 2);
	rig_run(&rig, 12 * 3600 * 1000LL);
	assert_int_equal(status_of(&rig, "pride", 2), MEMBER_REFUSED_BY_TEAMS);
	assert_string_equal(detail_of(&rig, 2), "Graph refuses this change: the last owner of a team stays.");
	answer = rig_ask(&rig, "GET", "/_sim/requests?method=DELETE", NULL);
	assert_int_equal(json_array_size(jx_get_array(answer, "requests")), 1);
	json_decref(answer);
	assert_int_equal(rig_count(&rig, "ergsync.member.refused", 0), 1);
	rig_done(&rig);
}

static void
a_guest_is_neither_added_nor_made_an_owner(void **state)
{
	struct app_member_put put = { .role = ROLE_OWNER };
	char id[GUID_SIZE];
	struct rig rig;

	(void)state;
	rig_make(&rig, 85, 30, 10);
	for (unsigned u = 25; u <= 27; u++)
		rig_do(&rig, "/_sim/users", "{\"tenant\":\"%s\",\"id\":\"%s\",\"guest\":true}", RIG_DIRECTORY, rig_user(u, id));
	rig_link(&rig);
	rig_member(&rig, "add", 25, "guest");
	rig_run(&rig, 120000);
	rig_forget_requests(&rig);
	/* One who is there, one by address, one by Entra id. */
	put_role(&rig, 25, ROLE_OWNER);
	put_role(&rig, 26, ROLE_MEMBER);
	assert_true(guid_parse(rig_user(27, id), &put.who.entra_id));
	put_member(&rig, "pride", &put);
	rig_run(&rig, 3600000);
	assert_string_equal(in_teams(&rig, 25), "guest");
	assert_string_equal(rig.events[rig.event_count - 1].type, "ergsync.member.refused");
	assert_int_equal(status_of(&rig, "pride", 25), MEMBER_SYNCED);
	assert_int_equal(status_of(&rig, "pride", 26), MEMBER_REFUSED_BY_TEAMS);
	assert_int_equal(rig_erg(&rig).counts.refused, 2);
	assert_int_equal(rig_count(&rig, "ergsync.member.refused", 0), 2);
	assert_int_equal(rig_count(&rig, "ergsync.member.updated", 0), 1); /* 25 is a guest, not an owner */
	assert_int_equal(writes(&rig), 0);
	assert_int_equal(violations(&rig), 0);
	rig_done(&rig);
}

/* As the app names an owner by Entra id: whether that is a guest, the directory has to say. */
static void
put_owner_by_id(struct rig *rig, unsigned user)
{
	struct app_member_put put = entry(user, ROLE_OWNER);
	char id[GUID_SIZE];

	put.email[0] = '\0';
	assert_true(guid_parse(rig_user(user, id), &put.entra_id));
	put_member(rig, "pride", &put);
}

/* Two of whom the app makes owners, one of them a guest, while Graph does not let anybody be looked up. */
static void
two_unknown_owners(struct rig *rig, uint64_t seed)
{
	char id[GUID_SIZE];

	rig_make(rig, seed, 30, 10);
	rig_do(rig, "/_sim/users", "{\"tenant\":\"%s\",\"id\":\"%s\",\"guest\":true}", RIG_DIRECTORY, rig_user(27, id));
	rig_link(rig);
	rig_forget_requests(rig);
}

static void
both_are_known(struct rig *rig)
{
	assert_string_equal(in_teams(rig, 27), "");
	assert_int_equal(status_of(rig, "pride", 27), MEMBER_REFUSED_BY_TEAMS);
	assert_non_null(strstr(detail_of(rig, 27), "Guests are invited in Teams"));
	assert_int_equal(rig_count(rig, "ergsync.member.refused", 0), 1);
	assert_int_equal(rig_count(rig, "ergsync.member.removed", 0), 0);
	assert_string_equal(in_teams(rig, 28), "owner");
	assert_int_equal(status_of(rig, "pride", 28), MEMBER_SYNCED);
	assert_int_equal(writes(rig), 1);
	assert_int_equal(violations(rig), 0);
}

/* A look-up that was refused has said nothing of the person. */
static void
whoever_could_not_be_looked_up_is_asked_about_again(void **state)
{
	struct rig rig;

	(void)state;
	two_unknown_owners(&rig, 86);
	rig_do(&rig, "/_sim/faults", "{\"kind\":\"status\",\"status\":403,\"path\":\"/users\",\"count\":0}");
	put_owner_by_id(&rig, 27);
	put_owner_by_id(&rig, 28);
	rig_run(&rig, 3600000);
	for (unsigned user = 27; user <= 28; user++) {
		assert_int_equal(status_of(&rig, "pride", user), MEMBER_ADDING_TO_TEAMS);
		assert_non_null(strstr(detail_of(&rig, user), "User.Read.All"));
	}
	assert_int_equal(writes(&rig), 0);
	assert_int_equal(rig_count(&rig, "ergsync.member.refused", 0), 0);
	assert_true(rig_requests(&rig, "GET /users/{user}") <= 2 * 5 + 13); /* theirs, and those of looking into a refusal */
	json_decref(rig_ask(&rig, "DELETE", "/_sim/faults", NULL));
	rig_run(&rig, 17 * 60 * 1000);
	both_are_known(&rig);
	rig_done(&rig);
}

static void
consent_that_is_back_tells_who_is_a_guest(void **state)
{
	struct rig rig;

	(void)state;
	two_unknown_owners(&rig, 87);
	rig_do(&rig, "/_sim/permissions", "{\"tenant\":\"%s\",\"set\":[]}", RIG_DIRECTORY);
	put_owner_by_id(&rig, 27);
	put_owner_by_id(&rig, 28);
	rig_run(&rig, 120000);
	assert_int_equal(rig_tenant(&rig).state, TENANT_CONSENT_MISSING);
	rig_do(&rig, "/_sim/permissions",
	    "{\"tenant\":\"%s\",\"grant\":[\"User.Read.All\",\"Team.ReadBasic.All\",\"Channel.ReadBasic.All\",\"TeamMember.Read."
	    "All\",\"TeamMember.ReadWrite.All\",\"GroupMember.Read.All\"]}",
	    RIG_DIRECTORY);
	rig_put_tenant(&rig);
	rig_run(&rig, 120000);
	assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
	both_are_known(&rig);
	rig_done(&rig);
}

/* The directory may know nobody by that id: nothing is written, and it is asked again. */
static void
nobody_by_that_id(void **state)
{
	struct rig rig;
	char id[GUID_SIZE];

	(void)state;
	two_unknown_owners(&rig, 88);
	put_owner_by_id(&rig, 40);
	rig_run(&rig, 3600000);
	assert_int_equal(status_of(&rig, "pride", 40), MEMBER_REFUSED_BY_TEAMS);
	assert_int_equal(rig_requests(&rig, "GET /users/{user}"), 1);
	assert_int_equal(writes(&rig), 0);
	rig_do(&rig, "/_sim/users", "{\"tenant\":\"%s\",\"id\":\"%s\",\"guest\":true}", RIG_DIRECTORY, rig_user(40, id));
	rig_run(&rig, 25 * 3600 * 1000LL);
	assert_non_null(strstr(detail_of(&rig, 40), "Guests are invited in Teams"));
	assert_int_equal(writes(&rig), 0);
	rig_done(&rig);
}

/* Known for a member, and made a guest since: Graph refuses that once. */
static void
who_has_become_a_guest(void **state)
{
	struct rig rig;
	char id[GUID_SIZE];

	(void)state;
	two_unknown_owners(&rig, 89);
	put_owner_by_id(&rig, 28);
	rig_run(&rig, 120000);
	assert_string_equal(in_teams(&rig, 28), "owner");
	leave(&rig, "pride", 28);
	rig_run(&rig, 1800000);
	rig_do(&rig, "/_sim/users", "{\"tenant\":\"%s\",\"id\":\"%s\",\"guest\":true}", RIG_DIRECTORY, rig_user(28, id));
	rig_forget_requests(&rig);
	put_owner_by_id(&rig, 28);
	rig_run(&rig, 3600000);
	assert_int_equal(status_of(&rig, "pride", 28), MEMBER_REFUSED_BY_TEAMS);
	assert_int_equal(writes(&rig), 1);
	rig_run(&rig, 49 * 3600 * 1000LL);
	assert_non_null(strstr(detail_of(&rig, 28), "Guests are invited in Teams"));
	assert_int_equal(writes(&rig), 1);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_account_we_act_as_stays),
		cmocka_unit_test(the_other_owner_is_read_before_one_goes),
		cmocka_unit_test(of_owners_who_leave_together_one_stays),
		cmocka_unit_test(graph_may_know_better),
		cmocka_unit_test(a_guest_is_neither_added_nor_made_an_owner),
		cmocka_unit_test(whoever_could_not_be_looked_up_is_asked_about_again),
		cmocka_unit_test(consent_that_is_back_tells_who_is_a_guest),
		cmocka_unit_test(nobody_by_that_id),
		cmocka_unit_test(who_has_become_a_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
