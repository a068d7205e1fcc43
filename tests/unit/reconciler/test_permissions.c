/* The number of tenants that lack a permission, for the metrics: found without being asked, and gone once it is granted. */
#include "unit/reconciler/rig.h"

#include "reconciler/permissions.h"

#define TOKEN_LIFE_MS ((int64_t)2 * 3600000) /* longer than any: what was granted is said by the next one */

static void
permit(struct rig *rig, const char *what)
{
	rig_do(rig, "/_sim/permissions", "{\"tenant\":\"" RIG_DIRECTORY "\",\"%s\":[\"TeamMember.ReadWrite.All\"]}", what);
	rig_run(rig, TOKEN_LIFE_MS + PERMISSIONS_EVERY_MS);
}

static void
a_missing_permission_is_counted_until_it_is_granted(void **state)
{
	struct problem p = { 0 };
	struct rig rig;

	(void)state;
	rig_make(&rig, 5, 20, 5);
	rig_link(&rig);
	rig_run(&rig, PERMISSIONS_EVERY_MS + 1000);
	assert_int_equal(permissions_missing(rig.r), 0);
	permit(&rig, "withdraw");
	assert_int_equal(permissions_missing(rig.r), 1);
	/* Who only reads Teams needs it no more. */
	rig_put_erg(&rig, "pride", MEMBERSHIP_TEAMS, &p);
	rig_run(&rig, PERMISSIONS_EVERY_MS + 1000);
	assert_int_equal(permissions_missing(rig.r), 0);
	rig_put_erg(&rig, "pride", MEMBERSHIP_TWO_WAY, &p);
	rig_run(&rig, PERMISSIONS_EVERY_MS + 1000);
	assert_int_equal(permissions_missing(rig.r), 1);
	permit(&rig, "grant");
	assert_int_equal(permissions_missing(rig.r), 0);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_missing_permission_is_counted_until_it_is_granted) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
