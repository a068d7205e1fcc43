/* What is remembered of the tables beside the store: it is never believed where the store says otherwise. */
#include "unit/reconciler/rig.h"

#include "reconciler/tables.h"
#include "state/store.h"

static void
load_first(struct rig *rig, struct tenant *ret)
{
	struct store_cursor *c = store_seek(rig->r->store, TABLE_TENANTS, NULL, NULL);

	assert_int_equal(store_next(c, NULL, ret), ERR_OK);
	store_cursor_close(c);
}

static void
a_tenant_is_found_by_its_directory_wherever_it_moves(void **state)
{
	struct guid before, after = { "10000000-0000-4000-8000-00000000abcd" };
	struct tenant tenant, found;
	struct rig rig;

	(void)state;
	rig_make(&rig, 5, 20, 5);
	rig_link(&rig);
	load_first(&rig, &tenant);
	before = tenant.directory_id;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(tenant_load_by_directory(rig.r, &before, &found), ERR_OK);
		assert_string_equal(found.id.s, tenant.id.s);
		assert_int_equal(tenant_load_by_directory(rig.r, &after, &found), ERR_NOTFOUND);
	}
	tenant.directory_id = after;
	tenant_store(rig.r, &tenant);
	assert_int_equal(tenant_load_by_directory(rig.r, &before, &found), ERR_NOTFOUND);
	assert_int_equal(tenant_load_by_directory(rig.r, &after, &found), ERR_OK);
	assert_string_equal(found.id.s, tenant.id.s);
	tenant.directory_id = before;
	tenant_store(rig.r, &tenant);
	rig_done(&rig);
}

static void
a_change_of_an_erg_shows_in_its_tenant(void **state)
{
	struct problem p = { 0 };
	struct tenant tenant;
	uint32_t changes;
	struct rig rig;

	(void)state;
	rig_make(&rig, 5, 20, 5);
	rig_link(&rig);
	load_first(&rig, &tenant);
	changes = tenant_erg_changes(rig.r, &tenant.id);
	rig_put_erg(&rig, "pride", MEMBERSHIP_TEAMS, &p);
	assert_int_not_equal(tenant_erg_changes(rig.r, &tenant.id), changes);
	changes = tenant_erg_changes(rig.r, &tenant.id);
	load_first(&rig, &tenant);
	assert_int_equal(tenant_erg_changes(rig.r, &tenant.id), changes);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tenant_is_found_by_its_directory_wherever_it_moves),
		cmocka_unit_test(a_change_of_an_erg_shows_in_its_tenant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
