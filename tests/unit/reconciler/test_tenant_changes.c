/* What becomes of the people, the team and the channel in the tenant, by nobody's act on the membership itself. */
#include "unit/reconciler/app_side.h"

#define DAY (24 * 3600 * 1000LL)

static void
set_user(struct rig *rig, unsigned user, const char *what, bool on)
{
	char id[GUID_SIZE];

	rig_do(rig, "/_sim/users", "{\"tenant\":\"%s\",\"id\":\"%s\",\"%s\":%s}", RIG_DIRECTORY, rig_user(user, id), what,
	    on ? "true" : "false");
}

static void
set_team(struct rig *rig, const char *what, const char *value)
{
	rig_do(rig, "/_sim/teams", "{\"tenant\":\"%s\",\"id\":\"%s\",\"%s\":%s}", RIG_DIRECTORY, RIG_TEAM, what, value);
}

/* Nobody is taken out for a disabled account; but a disabled one is not added, and is tried again the next day. */
static void
a_disabled_account_is_not_added_and_not_removed(void **state)
{
	struct rig rig;

	(void)state;
	rig_make(&rig, 91, 30, 25);
	rig_link(&rig);
	name_all(&rig, 25);
	set_user(&rig, 28, "enabled", false);
	join(&rig, 28);
	set_user(&rig, 5, "enabled", false);
	rig_run(&rig, 600000);
	assert_int_equal(status_of(&rig, "pride", 28), MEMBER_UNRESOLVED);
	assert_int_equal(rig_count(&rig, "ergsync.member.unresolved", 0), 1);
	rig_run(&rig, 2 * DAY);
	assert_int_equal(rig_count(&rig, "ergsync.member.unresolved", 0), 1);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
	assert_int_equal(status_of(&rig, "pride", 5), MEMBER_SYNCED);
	set_user(&rig, 28, "enabled", true);
	rig_run(&rig, DAY + 3600000);
	assert_int_equal(status_of(&rig, "pride", 28), MEMBER_SYNCED);
	assert_string_equal(in_teams(&rig, 28), "member");
	rig_done(&rig);
}

/* Whoever is deleted in the tenant has left the team: told once, after a second read. */
static void
a_deleted_user_leaves_the_app(void **state)
{
	struct rig rig;

	(void)state;
	rig_make(&rig, 92, 30, 25);
	rig_link(&rig);
	name_all(&rig, 25);
	set_user(&rig, 5, "deleted", true);
	rig_run(&rig, DAY + 3600000);
	assert_string_equal(in_teams(&rig, 5), "");
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 1);
	assert_int_equal(rig_erg(&rig).counts.app, 24);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	rig_done(&rig);
}

static void
a_team_is_renamed_archived_and_deleted(void **state)
{
	struct rig rig;

	(void)state;
	rig_make(&rig, 93, 30, 25);
	rig_link(&rig);
	name_all(&rig, 25);
	set_team(&rig, "name", "\"Another name\"");
	rig_run(&rig, DAY);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	/* Archived: still read; who joins in the app is refused with the reason, and added when it is open again. */
	set_team(&rig, "archived", "true");
	join(&rig, 28);
	rig_run(&rig, 3600000);
	assert_int_equal(status_of(&rig, "pride", 28), MEMBER_REFUSED_BY_TEAMS);
	set_team(&rig, "archived", "false");
	rig_run(&rig, DAY + 3600000);
	assert_int_equal(status_of(&rig, "pride", 28), MEMBER_SYNCED);
	/* Deleted: broken and told, nobody removed; restored: goes on by itself. */
	set_team(&rig, "deleted", "true");
	rig_run(&rig, 2 * DAY);
	assert_int_equal(rig_erg(&rig).state, ERG_BROKEN);
	assert_int_equal(rig_count(&rig, "ergsync.erg.broken", 0), 1);
	assert_int_equal(rig_erg(&rig).counts.app, 26);
	set_team(&rig, "deleted", "false");
	rig_run(&rig, DAY);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	assert_int_equal(rig_count(&rig, "ergsync.erg.restored", 0), 1);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
	assert_int_equal(rig_erg(&rig).counts.app, 26);
	rig_done(&rig);
}

/* Forty-five leave: 20 a call; and one by one, four a minute, when bulk fails. */
static void
many_leavers_go_twenty_a_call_or_one_by_one(void **state)
{
	struct rig rig;

	(void)state;
	for (int singly = 0; singly < 2; singly++) {
		rig_make(&rig, 94, 120, 100);
		rig_link(&rig);
		rig.config.removal_limit = 1000;
		name_all(&rig, 60);
		rig_forget_requests(&rig);
		if (singly != 0)
			rig_do(&rig, "/_sim/faults",
			    "{\"kind\":\"status\",\"status\":502,\"path\":\"/teams/" RIG_TEAM "/members/remove\",\"count\":0}");
		for (unsigned i = 11; i <= 55; i++)
			leave(&rig, "pride", i);
		rig_run(&rig, 2 * 3600000);
		assert_int_equal(count_in_teams(&rig), 55);
		if (singly == 0)
			assert_int_equal(rig_requests(&rig, REMOVE_BULK), 3);
		else
			assert_int_equal(rig_requests(&rig, REMOVE_ONE), 45);
		assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
		assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
		assert_int_equal(violations(&rig), 0);
		rig_done(&rig);
	}
}

/* A network that is away for minutes: what waited for it goes on within minutes of its coming back. */
static void
an_outage_is_over_soon_after_its_end(void **state)
{
	static const int64_t minutes[] = { 1, 3, 10, 60 };
	struct rig rig;
	int64_t waited_ms;

	(void)state;
	for (size_t i = 0; i < sizeof(minutes) / sizeof(minutes[0]); i++) {
		rig_make(&rig, 94, 30, 25);
		rig_put_tenant(&rig);
		rig_link(&rig);
		name_all(&rig, 25);
		rig_do(&rig, "/_sim/faults", "{\"kind\":\"close_before\",\"count\":0}");
		rig.deaf = true;
		join(&rig, 28);
		rig_run(&rig, minutes[i] * 60000);
		assert_int_equal(rig_tenant(&rig).state, TENANT_UNREACHABLE);
		json_decref(rig_ask(&rig, "DELETE", "/_sim/faults", NULL));
		for (waited_ms = 0; in_teams(&rig, 28)[0] == '\0' && waited_ms < DAY; waited_ms += 5000)
			rig_run(&rig, 5000);
		print_message("away %d minutes: %d s more\n", (int)minutes[i], (int)(waited_ms / 1000));
		assert_in_range(waited_ms, 0, minutes[i] * 60000 < 8 * 60000 ? minutes[i] * 60000 + 60000 : 16 * 60000);
		assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
		rig_done(&rig);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disabled_account_is_not_added_and_not_removed),
		cmocka_unit_test(a_deleted_user_leaves_the_app),
		cmocka_unit_test(a_team_is_renamed_archived_and_deleted),
		cmocka_unit_test(many_leavers_go_twenty_a_call_or_one_by_one),
		cmocka_unit_test(an_outage_is_over_soon_after_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
