/* A tenant whose dedicated account signs in: from the code to calls in its name, and every way that ends. */
#include "unit/reconciler/rig_group.h"

static void
put_tenant(int sign_in)
{
	struct app_tenant_put put = { .sign_in = sign_in };
	struct tenant_view view = { 0 };
	struct problem p = { 0 };
	bool created;

	assert_true(tenant_id_parse("acme", &put.id));
	assert_true(guid_parse(RIG_DIRECTORY, &put.directory_id));
	snprintf(put.organizer, sizeof(put.organizer), "u1@acme.example");
	assert_int_equal(backend_ops.tenant_put(rig.r, &put, &view, &created, &p), ERR_OK);
	rig_run(&rig, 5000);
}

static struct app_sign_in
show(void)
{
	struct app_sign_in s = { 0 };
	struct problem p = { 0 };
	struct tenant_id id;

	assert_true(tenant_id_parse("acme", &id));
	assert_int_equal(backend_ops.tenant_sign_in_get(rig.r, &id, &s, &p), ERR_OK);
	return s;
}

static enum err
begin(struct problem *p)
{
	struct app_sign_in s = { 0 };
	struct tenant_id id;

	memset(p, 0, sizeof(*p));
	assert_true(tenant_id_parse("acme", &id));
	return backend_ops.tenant_sign_in_start(rig.r, &id, &s, p);
}

static void
enter(const char *decision, unsigned user)
{
	struct app_sign_in s = show();
	char id[GUID_SIZE];

	assert_int_equal(s.state, APP_SIGN_IN_WAITING);
	rig_do(&rig, "/_sim/device", "{\"tenant\":\"%s\",\"user_code\":\"%s\",\"user\":\"%s\",\"decision\":\"%s\"}",
	    RIG_DIRECTORY, s.user_code, rig_user(user, id), decision);
}

static void
sign_in(void)
{
	struct problem p;

	assert_int_equal(begin(&p), ERR_OK);
	rig_run(&rig, 3000);
	enter("approve", 1);
	rig_run(&rig, 20000);
	assert_int_equal(show().state, APP_SIGN_IN_SIGNED_IN);
	assert_string_equal(show().account, "u1@acme.example");
}

static void
the_application_needs_no_account(void **state)
{
	struct problem p;

	(void)state;
	put_tenant(-1);
	assert_int_equal(rig_tenant(&rig).sign_in, SIGN_IN_APPLICATION);
	assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
	assert_int_not_equal(begin(&p), ERR_OK);
	assert_int_equal(p.kind, PROBLEM_TENANT_CONFLICT);
	assert_int_equal(show().state, APP_SIGN_IN_NONE);
}

static void
an_account_signs_in_and_works(void **state)
{
	struct problem p = { 0 };
	json_t *journal;

	(void)state;
	put_tenant(SIGN_IN_DELEGATED);
	assert_int_equal(rig_tenant(&rig).state, TENANT_SIGN_IN_NEEDED);
	assert_non_null(strstr(rig_tenant(&rig).detail, "ergsyncctl tenant sign-in"));
	rig_run(&rig, 5000);
	assert_int_equal(rig_count(&rig, "ergsync.tenant.sign_in_needed", 0), 1);
	assert_int_equal(rig_requests(&rig, "POST /{tenant}/oauth2/v2.0/token"), 0);
	assert_int_equal(begin(&p), ERR_OK);
	assert_int_equal(show().state, APP_SIGN_IN_STARTING);
	rig_run(&rig, 3000);
	assert_int_equal(show().state, APP_SIGN_IN_WAITING);
	assert_string_equal(show().verification_uri, "https://microsoft.com/devicelogin");
	assert_true(show().expires_wall_ms > clock_wall_ms(rig.clock) + 800000);
	assert_int_equal(begin(&p), ERR_OK); /* the same code */
	rig_run(&rig, 60000);
	enter("approve", 1);
	rig_run(&rig, 20000);
	assert_int_equal(show().state, APP_SIGN_IN_SIGNED_IN);
	assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
	assert_int_equal(rig_put_erg(&rig, "pride", MEMBERSHIP_TWO_WAY, &p), ERR_OK);
	rig_run(&rig, 120000);
	assert_int_equal(rig_erg(&rig).counts.teams, 8);
	/* The pace that Microsoft asks for was kept. */
	journal = rig_ask(&rig, "GET", "/_sim/journal", NULL);
	assert_int_equal(jx_get_int(journal, "violations", -1), 0);
	json_decref(journal);
}

static void
the_refresh_token_turns_and_outlives_restarts(void **state)
{
	int64_t renewed;

	(void)state;
	put_tenant(SIGN_IN_DELEGATED);
	sign_in();
	renewed = show().renewed_wall_ms;
	for (int day = 0; day < 3; day++) {
		rig_run(&rig, 24 * 3600 * 1000);
		if (day == 1)
			rig_crash(&rig);
		put_tenant(-1); /* asks Graph */
		rig_run(&rig, 60000);
	}
	assert_true(show().renewed_wall_ms > renewed);
	assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
	assert_int_equal(rig_tenant(&rig).sign_in, SIGN_IN_DELEGATED);
}

static void
each_end_says_what_to_do(void **state)
{
	static const struct {
		int number;
		const char *says;
	} ends[] = { { 50173, "password was changed" }, { 700082, "not used for too long" }, { 70043, "sign-in frequency" },
		{ 50076, "second factor" }, { 50057, "disabled" } };

	(void)state;
	put_tenant(SIGN_IN_DELEGATED);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t from = rig.event_count;

		sign_in();
		assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
		rig_do(&rig, "/_sim/refresh", "{\"tenant\":\"%s\",\"end\":%d}", RIG_DIRECTORY, ends[i].number);
		rig_run(&rig, 2 * 3600 * 1000);
		put_tenant(-1);
		rig_do(&rig, "/_sim/expire", "{\"tokens\":true}");
		put_tenant(-1);
		rig_run(&rig, 3600 * 1000);
		assert_int_equal(rig_tenant(&rig).state, TENANT_SIGN_IN_NEEDED);
		if (strstr(rig_tenant(&rig).detail, ends[i].says) == NULL)
			fail_msg("%d: %s", ends[i].number, rig_tenant(&rig).detail);
		assert_int_equal(show().state, APP_SIGN_IN_FAILED);
		assert_int_equal(rig_count(&rig, "ergsync.tenant.sign_in_needed", from), 1);
	}
	sign_in();
	assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
}

static void
codes_that_lead_nowhere(void **state)
{
	struct problem p;

	(void)state;
	put_tenant(SIGN_IN_DELEGATED);
	assert_int_equal(begin(&p), ERR_OK);
	rig_run(&rig, 3000);
	enter("decline", 1);
	rig_run(&rig, 20000);
	assert_int_equal(show().state, APP_SIGN_IN_FAILED);
	assert_non_null(strstr(show().detail, "declined"));
	assert_int_equal(begin(&p), ERR_OK);
	rig_run(&rig, 1000 * 1000);
	assert_int_equal(show().state, APP_SIGN_IN_FAILED);
	assert_non_null(strstr(show().detail, "in time"));
	/* A crash forgets the code, nothing else. */
	assert_int_equal(begin(&p), ERR_OK);
	rig_run(&rig, 3000);
	rig_crash(&rig);
	assert_int_equal(show().state, APP_SIGN_IN_NONE);
	sign_in();
}

static void
an_app_without_public_flows(void **state)
{
	(void)state;
	rig_do(&rig, "/_sim/apps", "{\"client_id\":\"%s\",\"client_secret\":\"secret\",\"confidential\":true}", RIG_CLIENT);
	put_tenant(SIGN_IN_DELEGATED);
	sign_in();
	assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
}

static void
back_to_the_application(void **state)
{
	struct problem p = { 0 };
	struct tenant_view view;
	struct tenant_id id;

	(void)state;
	put_tenant(SIGN_IN_DELEGATED);
	sign_in();
	put_tenant(SIGN_IN_APPLICATION);
	assert_int_equal(rig_tenant(&rig).state, TENANT_ACTIVE);
	assert_int_equal(show().state, APP_SIGN_IN_NONE);
	put_tenant(SIGN_IN_DELEGATED);
	assert_int_equal(rig_tenant(&rig).state, TENANT_SIGN_IN_NEEDED);
	sign_in();
	/* Removal forgets the account. */
	assert_true(tenant_id_parse("acme", &id));
	assert_int_equal(backend_ops.tenant_remove(rig.r, &id, &view, &p), ERR_OK);
	rig_run(&rig, 60000);
	put_tenant(SIGN_IN_DELEGATED);
	assert_int_equal(show().state, APP_SIGN_IN_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_application_needs_no_account, rig_group_start, rig_group_stop),
		cmocka_unit_test_setup_teardown(an_account_signs_in_and_works, rig_group_start, rig_group_stop),
		cmocka_unit_test_setup_teardown(the_refresh_token_turns_and_outlives_restarts, rig_group_start, rig_group_stop),
		cmocka_unit_test_setup_teardown(each_end_says_what_to_do, rig_group_start, rig_group_stop),
		cmocka_unit_test_setup_teardown(codes_that_lead_nowhere, rig_group_start, rig_group_stop),
		cmocka_unit_test_setup_teardown(an_app_without_public_flows, rig_group_start, rig_group_stop),
		cmocka_unit_test_setup_teardown(back_to_the_application, rig_group_start, rig_group_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
