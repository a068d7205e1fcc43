/* Who has the last word when both sides speak at once, and the app has not heard all yet. */
#include "unit/reconciler/app_side.h"

/* What the app believes of a person whom it last said something about: then it has taken the callbacks from the n-th on. */
static bool
believes(const struct rig *rig, unsigned user, bool said, size_t from)
{
	char id[GUID_SIZE];

	rig_user(user, id);
	for (size_t i = from; i < rig->event_count; i++)
		if (strcmp(rig->events[i].entra, id) == 0)
			said = strcmp(rig->events[i].type, "ergsync.member.removed") != 0;
	return said;
}

static void
says(struct rig *rig, unsigned user, bool listed)
{
	if (listed)
		join(rig, user);
	else
		leave(rig, "pride", user);
	store_commit(rig->r->store);
}

/* The app changes its mind while what it was to hear still waits: all it hears in the end is what it said last. */
static void
the_app_contradicts_itself_before_it_hears(void **state)
{
	struct rig rig;
	size_t events;

	(void)state;
	for (unsigned words = 1; words <= 4; words++)
		for (int crash = 0; crash < 2; crash++) {
			rig_make(&rig, 61 + words, 30, 25);
			rig_link(&rig);
			name_all(&rig, 25);
			rig.app_status = 500;
			rig_member(&rig, "remove", 5, "member");
			rig_member(&rig, "add", 28, "member");
			rig_run(&rig, 120000);
			assert_int_equal(status_of(&rig, "pride", 5), MEMBER_REMOVING_FROM_APP);
			join(&rig, 28); /* it has the person now, by its own act */
			rig_run(&rig, 60000);
			events = rig.event_count;
			for (unsigned i = 1; i <= words; i++) {
				says(&rig, 5, i % 2 == 0);
				says(&rig, 28, i % 2 == 0);
				if (crash != 0)
					rig_crash(&rig);
				rig_run(&rig, 30000);
			}
			rig.app_status = 204;
			rig_run(&rig, 2 * 3600 * 1000);
			assert_int_equal(believes(&rig, 5, words % 2 == 0, events), words % 2 == 0);
			assert_int_equal(believes(&rig, 28, words % 2 == 0, events), words % 2 == 0);
			assert_int_equal(in_teams(&rig, 5)[0] != '\0', words % 2 == 0);
			assert_int_equal(in_teams(&rig, 28)[0] != '\0', words % 2 == 0);
			assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
			assert_int_equal(rig_erg(&rig).counts.app, words % 2 == 0 ? 26 : 24);
			rig_done(&rig);
		}
}

/* Two records turn out to be one person: that is so in every ERG, however many. */
static void
one_person_is_one_in_every_erg(void **state)
{
	struct app_member_put put = entry(28, ROLE_MEMBER);
	struct problem p = { 0 };
	struct rig rig;
	char name[16];

	(void)state;
	rig_make(&rig, 83, 30, 10);
	rig_link(&rig);
	snprintf(put.email, sizeof(put.email), "unheard.of@acme.example");
	put_member(&rig, "pride", &put);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "erg%d", i);
		assert_int_equal(rig_put_erg(&rig, name, MEMBERSHIP_OFF, &p), ERR_OK);
		put_member(&rig, name, &put);
	}
	rig_user(5, put.entra_id.s);
	put_member(&rig, "pride", &put);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "erg%d", i);
		assert_int_equal(status_of(&rig, name, 28), status_of(&rig, "erg0", 28));
	}
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_person_is_one_in_every_erg),
		cmocka_unit_test(the_app_contradicts_itself_before_it_hears),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
