/* Chores share their places: however much some have to do, the others have their turn. */
#include "unit/reconciler/app_side.h"

#include "reconciler/chores.h"
#include "reconciler/meetings.h"

#define MANY 16 /* as many as have a place at a time */

static void
team_make(struct rig *rig, unsigned n, unsigned members, char ret[GUID_SIZE])
{
	snprintf(ret, GUID_SIZE, "2e000000-0000-4000-8000-%012u", n);
	rig_do(
	    rig, "/_sim/teams", "{\"tenant\":\"%s\",\"id\":\"%s\",\"name\":\"T\",\"members\":%u}", RIG_DIRECTORY, ret, members);
}

static void
erg_put(struct rig *rig, const char *id, const char *team)
{
	struct app_erg_put put = {
		.membership = MEMBERSHIP_TWO_WAY, .meetings = MEETINGS_OFF, .removal_limit = -1, .removal_percent = -1
	};
	struct erg_view view = { 0 };
	struct problem p = { 0 };
	bool created;

	assert_true(erg_id_parse(id, &put.id));
	assert_true(tenant_id_parse("acme", &put.tenant));
	assert_true(guid_parse(team, &put.team_id));
	snprintf(put.name, sizeof(put.name), "T");
	snprintf(put.channel_url, sizeof(put.channel_url),
	    "https://teams.microsoft.com/l/team/x/conversations?groupId=%s&tenantId=%s", team, RIG_DIRECTORY);
	assert_int_equal(backend_ops.erg_put(rig->r, &put, &view, &created, &p), ERR_OK);
}

/* Sixteen ERGs have new owners to write, a few a pass, and Graph is slow; one more ERG is linked meanwhile. */
static void
who_has_much_to_do_keeps_no_place(void **state)
{
	struct rig rig;
	char id[16], team[GUID_SIZE];
	struct erg erg;

	(void)state;
	rig_make(&rig, 211, 20, 15);
	rig_put_tenant(&rig);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(id, sizeof(id), "e%u", i);
		team_make(&rig, i, 15, team);
		erg_put(&rig, id, team);
	}
	rig_run(&rig, 300000);
	rig_do(&rig, "/_sim/faults",
	    "{\"kind\":\"delay\",\"method\":\"PATCH\",\"path\":\"/teams/2e\",\"count\":0,\"delay_ms\":20000}");
	for (unsigned i = 0; i < MANY; i++)
		for (unsigned user = 2; user <= 14; user++) {
			struct app_member_put put = entry(user, ROLE_OWNER);

			snprintf(id, sizeof(id), "e%u", i);
			put_member(&rig, id, &put);
		}
	rig_run(&rig, 5000);
	team_make(&rig, 99, 3, team);
	erg_put(&rig, "late", team);
	rig_run(&rig, 90000);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(id, sizeof(id), "e%u", i);
		assert_true(chore_pending(rig.r, CHORE_PUSH, id));
	}
	erg = (struct erg){ .id = erg_named("late") };
	assert_int_equal(erg_load(rig.r, &erg.id, &erg), ERR_OK);
	assert_int_not_equal(erg.state, ERG_LINKING);
	rig_done(&rig);
}

/* Seventy ERGs wait for organizers that Graph does not tell of at the moment: what concerns others is looked at. */
static void
whoever_waits_for_an_organizer_keeps_nobody(void **state)
{
	struct app_erg_put put = {
		.membership = MEMBERSHIP_OFF, .meetings = MEETINGS_TWO_WAY, .removal_limit = -1, .removal_percent = -1
	};
	struct erg_view view = { 0 };
	struct problem p = { 0 };
	struct rig rig;
	bool created;

	(void)state;
	rig_make(&rig, 212, 20, 5);
	rig_put_tenant(&rig);
	rig_run(&rig, 60000);
	rig_do(&rig, "/_sim/faults", "{\"kind\":\"status\",\"status\":503,\"path\":\"/users/u2\",\"count\":0}");
	assert_true(tenant_id_parse("acme", &put.tenant));
	assert_true(guid_parse(RIG_TEAM, &put.team_id));
	snprintf(put.name, sizeof(put.name), "T");
	snprintf(put.channel_url, sizeof(put.channel_url),
	    "https://teams.microsoft.com/l/team/x/conversations?groupId=%s&tenantId=%s", RIG_TEAM, RIG_DIRECTORY);
	snprintf(put.organizer, sizeof(put.organizer), "u2@acme.example");
	for (int i = 0; i < 70; i++) {
		snprintf(put.id.s, sizeof(put.id.s), "e%d", i);
		assert_int_equal(backend_ops.erg_put(rig.r, &put, &view, &created, &p), ERR_OK);
	}
	rig_run(&rig, 30 * 60 * 1000);
	snprintf(put.id.s, sizeof(put.id.s), "other");
	put.organizer[0] = '\0';
	assert_int_equal(backend_ops.erg_put(rig.r, &put, &view, &created, &p), ERR_OK);
	meetings_reconsider(rig.r, &put.id);
	assert_true(chore_pending(rig.r, CHORE_MEETINGS, "other"));
	rig_run(&rig, 120000);
	assert_false(chore_pending(rig.r, CHORE_MEETINGS, "other"));
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_has_much_to_do_keeps_no_place),
		cmocka_unit_test(whoever_waits_for_an_organizer_keeps_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
