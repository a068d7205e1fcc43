/* Ids, names and rosters; a large roster in linear time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/world.h"

static struct rng rng;
static struct world w;

static int
start(void **state)
{
	(void)state;
	rng = rng_seeded(5);
	world_init(&w, &rng);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	world_done(&w);
	return 0;
}

static const struct {
	const char *text;
	bool good;
} guids[] = {
	{ "01234567-89ab-cdef-0123-456789ABCDEF", true },
	{ "01234567-89ab-cdef-0123-456789abcde", false },
	{ "01234567-89ab-cdef-0123-456789abcdeff", false },
	{ "01234567_89ab-cdef-0123-456789abcdef", false },
	{ "g1234567-89ab-cdef-0123-456789abcdef", false },
	{ "", false },
};

static void
knows_guids(void **state)
{
	char made[GUID_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(guids) / sizeof(*guids); i++)
		assert_int_equal(sim_guid_valid(guids[i].text), guids[i].good);
	sim_guid_make(&rng, made);
	assert_true(sim_guid_valid(made));
	assert_int_equal(made[14], '4');
}

static void
finds_people_by_any_name(void **state)
{
	struct tenant *a = world_add_tenant(&w, NULL, "A.example"), *b = world_add_tenant(&w, NULL, NULL);
	struct user *u = world_add_user(&w, a, NULL);

	(void)state;
	assert_ptr_equal(world_tenant(&w, "a.EXAMPLE"), a);
	sim_user_set_names(&w, u, "Ann@a.example", "ann.b@a.example", "Ann");
	assert_ptr_equal(world_user(&w, a, "ANN@A.example"), u);
	assert_ptr_equal(world_user(&w, a, "Ann.B@a.example"), u);
	assert_ptr_equal(world_user(&w, a, u->id), u);
	assert_null(world_user(&w, b, u->id));
	assert_null(world_user(&w, a, "user1@a.example"));
	sim_user_set_names(&w, u, "new@a.example", NULL, NULL);
	assert_null(world_user(&w, a, "ann@a.example"));
	assert_ptr_equal(world_user(&w, a, "new@a.example"), u);
	/* UPN and mail of one spelling, then the mail changes. */
	sim_user_set_names(&w, u, "same@a.example", "same@a.example", NULL);
	sim_user_set_names(&w, u, NULL, "other@a.example", NULL);
	assert_ptr_equal(world_user(&w, a, "same@a.example"), u);
	u->deleted = true;
	assert_null(world_user(&w, a, u->id));
}

static void
membership_ids_are_opaque_but_unique(void **state)
{
	struct tenant *t = world_add_tenant(&w, NULL, NULL);
	struct team *a = world_add_team(&w, t, NULL, "A"), *b = world_add_team(&w, t, NULL, "B");
	struct user *u = world_add_user(&w, t, NULL);
	char id[MEMBER_ID_SIZE], again[MEMBER_ID_SIZE];
	struct member *m;
	uint64_t seq;

	(void)state;
	m = roster_add(&w, &a->roster, a, u, ROLE_MEMBER, 0);
	sim_member_id(a, m, id);
	assert_true(sim_member_id_parse(a, id, &seq));
	assert_int_equal(seq, m->seq);
	assert_false(sim_member_id_parse(b, id, &seq));
	assert_false(sim_member_id_parse(a, "MTIz", &seq));
	assert_false(sim_member_id_parse(a, "", &seq));
	roster_remove(&w, &a->roster, a, m, 10, 10);
	m = roster_add(&w, &a->roster, a, u, ROLE_MEMBER, 0);
	sim_member_id(a, m, again);
	assert_string_not_equal(id, again);
	assert_int_equal(a->log_count, 3);
}

static void
reads_see_what_was(void **state)
{
	struct tenant *t = world_add_tenant(&w, NULL, NULL);
	struct team *a = world_add_team(&w, t, NULL, "A");
	struct user *u = world_add_user(&w, t, NULL);
	struct member *m = roster_add(&w, &a->roster, a, u, ROLE_MEMBER, 100);

	(void)state;
	assert_false(sim_member_seen(m, 99));
	assert_true(sim_member_seen(m, 100));
	roster_set_role(&a->roster, m, ROLE_OWNER, 200);
	assert_int_equal(sim_member_role_seen(m, 199), ROLE_MEMBER);
	assert_int_equal(sim_member_role_seen(m, 200), ROLE_OWNER);
	assert_int_equal(a->roster.owners, 1);
	roster_remove(&w, &a->roster, a, m, 250, 300);
	assert_true(sim_member_seen(m, 299));
	assert_false(sim_member_seen(m, 300));
	assert_null(roster_by_user(&a->roster, u));
	assert_int_equal(a->roster.owners, 0);
}

/* A hundred thousand come, half of them leave and come again: nothing here may be quadratic. */
static void
holds_crowds(void **state)
{
	enum { CROWD = 100000 };
	struct tenant *t = world_add_tenant(&w, NULL, NULL);
	struct team *a = world_add_team(&w, t, NULL, "A");

	(void)state;
	for (int i = 0; i < CROWD; i++)
		roster_add(&w, &a->roster, NULL, world_add_user(&w, t, NULL), i == 0 ? ROLE_OWNER : ROLE_MEMBER, 0);
	for (int i = 0; i < CROWD; i += 2) {
		roster_remove(&w, &a->roster, NULL, roster_by_user(&a->roster, t->users[i]), 10000000 + i, 10000000 + i);
		roster_add(&w, &a->roster, NULL, t->users[i], ROLE_MEMBER, 0);
	}
	assert_int_equal(a->roster.live, CROWD);
	for (int i = 0; i < CROWD; i++)
		assert_ptr_equal(roster_by_user(&a->roster, t->users[i])->user, t->users[i]);
	for (size_t i = 1; i < a->roster.count; i++)
		assert_true(a->roster.list[i].seq > a->roster.list[i - 1].seq);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(knows_guids, start, stop),
		cmocka_unit_test_setup_teardown(finds_people_by_any_name, start, stop),
		cmocka_unit_test_setup_teardown(membership_ids_are_opaque_but_unique, start, stop),
		cmocka_unit_test_setup_teardown(reads_see_what_was, start, stop),
		cmocka_unit_test_setup_teardown(holds_crowds, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
