/* Answers to questions that nobody asks any more: the app has put something else while Graph was being asked. */
#include "unit/reconciler/app_side.h"
#include "unit/reconciler/meeting_side.h"

#define CHANNEL "19:private@thread.tacv2"
#define IN_PATH "19%3Aprivate%40thread.tacv2"

static void
answers_late(struct rig *rig, const char *path)
{
	rig_do(rig, "/_sim/faults", "{\"kind\":\"delay\",\"path\":\"%s\",\"count\":1,\"delay_ms\":20000}", path);
}

static void
put_private_channel(struct rig *rig)
{
	struct app_erg_put put = {
		.membership = MEMBERSHIP_TWO_WAY, .meetings = MEETINGS_OFF, .removal_limit = -1, .removal_percent = -1
	};
	struct erg_view view = { 0 };
	struct problem p = { 0 };
	bool created;

	assert_true(erg_id_parse("pride", &put.id));
	assert_true(tenant_id_parse("acme", &put.tenant));
	assert_true(guid_parse(RIG_TEAM, &put.team_id));
	snprintf(put.name, sizeof(put.name), "Pride");
	snprintf(put.channel_id, sizeof(put.channel_id), CHANNEL);
	snprintf(put.channel_url, sizeof(put.channel_url), "https://teams.microsoft.com/l/channel/%s/x?groupId=%s&tenantId=%s",
	    IN_PATH, RIG_TEAM, RIG_DIRECTORY);
	assert_int_equal(backend_ops.erg_put(rig->r, &put, &view, &created, &p), ERR_OK);
}

/* Else the new link would be taken for the kind of the former one, and everybody in the team for a member of the channel. */
static void
a_link_is_not_verified_by_the_answer_for_the_former_one(void **state)
{
	struct rig rig;
	struct problem p = { 0 };
	char a[GUID_SIZE], b[GUID_SIZE];

	(void)state;
	rig_make(&rig, 201, 30, 10);
	rig_do(&rig, "/_sim/channels",
	    "{\"team\":\"%s\",\"id\":\"" CHANNEL "\",\"type\":\"private\",\"owners\":[\"%s\"],\"members\":[\"%s\"]}", RIG_TEAM,
	    rig_user(1, a), rig_user(2, b));
	rig_put_tenant(&rig);
	answers_late(&rig, "/teams/" RIG_TEAM "/primaryChannel");
	assert_int_equal(rig_put_erg(&rig, "pride", MEMBERSHIP_TWO_WAY, &p), ERR_OK);
	rig_run(&rig, 5000);
	assert_int_equal(rig_erg(&rig).state, ERG_LINKING);
	put_private_channel(&rig);
	rig_run(&rig, 300000);
	assert_string_equal(rig_erg(&rig).channel_id, CHANNEL);
	assert_int_equal(rig_erg(&rig).channel_type, CHANNEL_PRIVATE);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	assert_int_equal(rig_erg(&rig).counts.app, 2);
	assert_int_equal(rig_count(&rig, "ergsync.member.added", 0), 2);
	rig_done(&rig);
}

static void
an_erg_keeps_the_organizer_it_was_given_last(void **state)
{
	struct rig rig;
	char id[GUID_SIZE];

	(void)state;
	rig_make(&rig, 202, 30, 5);
	rig_put_tenant(&rig);
	rig_run(&rig, 60000);
	answers_late(&rig, "/users/u2");
	meet_policy(&rig, MEETINGS_TWO_WAY, "u2@acme.example");
	rig_run(&rig, 5000);
	meet_policy(&rig, MEETINGS_TWO_WAY, "u3@acme.example");
	rig_run(&rig, 60000);
	assert_string_equal(rig_erg(&rig).organizer_id.s, rig_user(3, id));
	rig_done(&rig);
}

static void
put_organizer(struct rig *rig, const char *organizer)
{
	struct app_tenant_put put = { .sign_in = -1, .meetings = -1 };
	struct tenant_view view = { 0 };
	struct problem p = { 0 };
	bool created;

	assert_true(tenant_id_parse("acme", &put.id));
	assert_true(guid_parse(RIG_DIRECTORY, &put.directory_id));
	snprintf(put.organizer, sizeof(put.organizer), "%s", organizer);
	assert_int_equal(backend_ops.tenant_put(rig->r, &put, &view, &created, &p), ERR_OK);
}

/* Not for a moment: meetings would go to the calendar of somebody who has been replaced. */
static void
a_tenant_never_has_the_organizer_of_before(void **state)
{
	struct rig rig;
	char two[GUID_SIZE], three[GUID_SIZE];

	(void)state;
	rig_make(&rig, 203, 30, 5);
	rig_put_tenant(&rig);
	rig_run(&rig, 60000);
	answers_late(&rig, "/users/u2");
	put_organizer(&rig, "u2@acme.example");
	rig_run(&rig, 5000);
	/* Nor is it found any sooner. */
	rig_do(&rig, "/_sim/faults", "{\"kind\":\"delay\",\"path\":\"/users/u3\",\"count\":1,\"delay_ms\":20000}");
	put_organizer(&rig, "u3@acme.example");
	for (int i = 0; i < 60; i++) {
		rig_run(&rig, 1000);
		assert_string_not_equal(rig_tenant(&rig).organizer_id.s, rig_user(2, two));
	}
	assert_string_equal(rig_tenant(&rig).organizer_id.s, rig_user(3, three));
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_link_is_not_verified_by_the_answer_for_the_former_one),
		cmocka_unit_test(an_erg_keeps_the_organizer_it_was_given_last),
		cmocka_unit_test(a_tenant_never_has_the_organizer_of_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
