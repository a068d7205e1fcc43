/* Subscriptions through what Graph does with them: graph-facts 2.4 and 6, contract section 9. */
#include "unit/reconciler/rig.h"

#include <ftw.h>

#define MINUTE ((int64_t)60 * 1000)
#define HOUR   (60 * MINUTE)

#define CREATED "POST /subscriptions"
#define RENEWED "PATCH /subscriptions/{subscription}"
#define READ    "GET /teams/{team}/members"

/* The only one there is. */
static void
the_subscription(struct rig *rig, char ret[64])
{
	json_t *all = rig_ask(rig, "GET", "/_sim/subscriptions", NULL);

	assert_int_equal(json_array_size(jx_get_array(all, "subscriptions")), 1);
	str_copy(ret, 64, jx_get_str(json_array_get(jx_get_array(all, "subscriptions"), 0), "id"));
	json_decref(all);
}

static void
lifecycle_notifications(void **state)
{
	static const struct {
		const char *event;
		bool renews, creates, reads;
	} cases[] = {
		{ "reauthorizationRequired", true, false, false },
		{ "subscriptionRemoved", false, true, true },
		{ "missed", false, false, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char id[64], later[64];
		struct rig rig;

		rig_make(&rig, 120 + i, 20, 5);
		rig_link(&rig);
		rig_run(&rig, 20 * MINUTE);
		the_subscription(&rig, id);
		rig_forget_requests(&rig);
		rig_do(&rig, "/_sim/notify", "{\"subscription\":\"%s\",\"lifecycle\":\"%s\"}", id, cases[i].event);
		rig_run(&rig, 2 * MINUTE);
		the_subscription(&rig, later);
		assert_int_equal(strcmp(id, later) != 0, cases[i].creates);
		assert_int_equal(rig_requests(&rig, CREATED), cases[i].creates);
		assert_int_equal(rig_requests(&rig, RENEWED), cases[i].renews);
		assert_int_equal(rig_requests(&rig, "POST /subscriptions/{subscription}/reauthorize"), 0);
		assert_int_equal(rig_requests(&rig, READ) > 0, cases[i].reads);
		rig_done(&rig);
	}
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

/* Its clientState cannot be proved to be ours: deleted, and another one made. */
static void
one_of_a_lost_store_is_in_the_way(void **state)
{
	char path[PATH_MAX + 300], id[64], later[64];
	struct rig rig;

	(void)state;
	rig_make(&rig, 130, 20, 5);
	rig_link(&rig);
	the_subscription(&rig, id);
	reconciler_free(rig.r);
	rig.r = NULL;
	assert_int_equal(nftw(scratch_file(&rig.dir, "state", path), remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	rig_forget_requests(&rig);
	rig_start(&rig);
	rig_link(&rig);
	rig_run(&rig, 5 * MINUTE);
	the_subscription(&rig, later);
	assert_string_not_equal(id, later);
	assert_int_equal(rig_requests(&rig, CREATED), 2);
	rig_member(&rig, "add", 12, "member");
	rig_run(&rig, MINUTE);
	assert_int_equal(rig_erg(&rig).counts.app, 6);
	rig_done(&rig);
}

/* Told in words that say what to do; asked again rarely; mended as soon as there is room. */
static void
the_quota_is_reached(void **state)
{
	struct subscription s;
	struct store_cursor *c;
	struct rig rig;
	char id[64];

	(void)state;
	rig_make(&rig, 131, 20, 5);
	rig_do(&rig, "/_sim/settings", "{\"quota_teams\":0}");
	rig_link(&rig);
	rig_run(&rig, HOUR);
	c = store_seek(rig.r->store, TABLE_SUBSCRIPTIONS, NULL, NULL);
	assert_int_equal(store_next(c, NULL, &s), ERR_OK);
	store_cursor_close(c);
	assert_int_equal(s.state, SUBSCRIPTION_FAILING);
	assert_non_null(strstr(s.detail, "quota"));
	assert_in_range(rig_requests(&rig, CREATED), 2, 30);
	rig_do(&rig, "/_sim/settings", "{\"quota_teams\":10}");
	rig_run(&rig, 15 * MINUTE);
	the_subscription(&rig, id);
	rig_done(&rig);
}

/* One of ours that no row knows is deleted by the next look at Graph's list. */
static void
strays_are_deleted(void **state)
{
	char path[PATH_MAX + 300], id[64];
	struct rig rig;
	json_t *all;

	(void)state;
	rig_make(&rig, 132, 20, 5);
	rig_link(&rig);
	rig_run(&rig, HOUR);
	reconciler_free(rig.r);
	rig.r = NULL;
	assert_int_equal(nftw(scratch_file(&rig.dir, "state", path), remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	rig_start(&rig);
	rig_put_tenant(&rig);
	the_subscription(&rig, id);
	rig_run(&rig, 2 * HOUR);
	all = rig_ask(&rig, "GET", "/_sim/subscriptions", NULL);
	assert_int_equal(json_array_size(jx_get_array(all, "subscriptions")), 0);
	json_decref(all);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lifecycle_notifications),
		cmocka_unit_test(one_of_a_lost_store_is_in_the_way),
		cmocka_unit_test(the_quota_is_reached),
		cmocka_unit_test(strays_are_deleted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
