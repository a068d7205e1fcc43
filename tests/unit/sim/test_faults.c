/* Scripted faults of requests, as a client sees them. */
#include "unit/sim/drive.h"

#include "sim/faults.h"

#define M "/teams/" TEAM "/members"

static const struct {
	const char *fault, *method, *target, *body;
	enum sim_fate fate;
	int status;
	bool effect;
} cases[] = {
	{ "{\"kind\":\"status\",\"status\":503,\"retry_after_s\":7}", "POST", M, BIND(CAT), SIM_ANSWERED, 503, false },
	{ "{\"kind\":\"status\",\"status\":502,\"method\":\"POST\",\"path\":\"/teams\"}", "POST", M, BIND(CAT), SIM_ANSWERED, 502,
	    false },
	{ "{\"kind\":\"status\",\"status\":502,\"method\":\"GET\"}", "POST", M, BIND(CAT), SIM_ANSWERED, 201, true },
	{ "{\"kind\":\"status\",\"status\":502,\"path\":\"/users\"}", "POST", M, BIND(CAT), SIM_ANSWERED, 201, true },
	{ "{\"kind\":\"status\",\"status\":502,\"skip\":1}", "POST", M, BIND(CAT), SIM_ANSWERED, 201, true },
	{ "{\"kind\":\"status\",\"status\":502,\"probability\":0}", "POST", M, BIND(CAT), SIM_ANSWERED, 201, true },
	{ "{\"kind\":\"timeout_before\"}", "POST", M, BIND(CAT), SIM_SILENT, 0, false },
	{ "{\"kind\":\"timeout_after\"}", "POST", M, BIND(CAT), SIM_SILENT, 201, true },
	{ "{\"kind\":\"close_before\"}", "POST", M, BIND(CAT), SIM_CLOSED, 0, false },
	{ "{\"kind\":\"close_after\"}", "POST", M, BIND(CAT), SIM_CLOSED, 201, true },
	{ "{\"kind\":\"truncate\"}", "POST", M, BIND(CAT), SIM_TRUNCATED, 201, true },
	{ "{\"kind\":\"delay\",\"delay_ms\":5000}", "POST", M, BIND(CAT), SIM_ANSWERED, 201, true },
};

static bool
has(const char *user)
{
	drive_control(&d, "GET", "members?team=" TEAM, NULL);
	return strstr(d.text, user) != NULL;
}

static void
strikes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		drive_start(&d);
		drive_control(&d, "POST", "faults", cases[i].fault);
		drive_graph(&d, cases[i].method, cases[i].target, cases[i].body);
		if (d.fate != cases[i].fate || d.status != cases[i].status)
			fail_msg("%s: %d %d", cases[i].fault, d.fate, d.status);
		if (strstr(cases[i].fault, "retry_after") != NULL)
			assert_non_null(strstr(d.headers, "Retry-After: 7\n"));
		assert_int_equal(has(CAT), cases[i].effect);
		/* Each struck once at most: the next call is as it should be. */
		drive_control(&d, "DELETE", "faults", NULL);
		assert_int_equal(drive_graph(&d, "GET", M, NULL), 200);
		drive_stop(&d);
	}
}

static void
strikes_so_often(void **state)
{
	(void)state;
	drive_control(&d, "POST", "faults", "{\"kind\":\"status\",\"status\":500,\"count\":2,\"skip\":1}");
	assert_int_equal(drive_graph(&d, "GET", M, NULL), 200);
	assert_int_equal(drive_graph(&d, "GET", M, NULL), 500);
	assert_int_equal(drive_graph(&d, "GET", M, NULL), 500);
	assert_int_equal(drive_graph(&d, "GET", M, NULL), 200);
	drive_control(&d, "GET", "faults", NULL);
	assert_int_equal(jx_get_int(json_array_get(jx_get_array(d.json, "faults"), 0), "hits", 0), 2);
}

static void
notes_who_does_not_wait(void **state)
{
	(void)state;
	drive_control(&d, "POST", "faults", "{\"kind\":\"status\",\"status\":429,\"retry_after_s\":5}");
	assert_int_equal(drive_graph(&d, "GET", M, NULL), 429);
	drive_wait(&d, 4999);
	assert_int_equal(drive_graph(&d, "GET", "/users/" ADA, NULL), 200);
	assert_int_equal(drive_noted(&d, "too_early"), 0);
	assert_int_equal(drive_graph(&d, "GET", M, NULL), 200);
	assert_int_equal(drive_noted(&d, "too_early"), 1);
	drive_wait(&d, 1);
	assert_int_equal(drive_graph(&d, "GET", M, NULL), 200);
	assert_int_equal(drive_noted(&d, "too_early"), 1);
}

static const struct {
	const char *kind;
	size_t items;
	bool next;
} pages[] = {
	{ "truncated_page", 2, false },
	{ "short_page", 1, false },
	{ "empty_page", 0, false },
	{ NULL, 2, true },
};

static void
spoils_pages(void **state)
{
	(void)state;
	drive_control(&d, "POST", "members", CHANGE("add", CAT));
	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
		char fault[64];

		snprintf(fault, sizeof(fault), "{\"kind\":\"%s\"}", pages[i].kind);
		if (pages[i].kind != NULL)
			drive_control(&d, "POST", "faults", fault);
		assert_int_equal(drive_graph(&d, "GET", M "?$top=2", NULL), 200);
		assert_int_equal(json_array_size(jx_get_array(d.json, "value")), pages[i].items);
		assert_int_equal(jx_get_str(d.json, "@odata.nextLink") != NULL, pages[i].next);
	}
}

static void
spoils_sign_in(void **state)
{
	(void)state;
	drive_control(
	    &d, "POST", "faults", "{\"kind\":\"status\",\"status\":429,\"retry_after_s\":2,\"path\":\"/" TENANT "/oauth2\"}");
	drive_send(&d, "POST", "/" TENANT "/oauth2/v2.0/token", "grant_type=client_credentials");
	assert_int_equal(d.status, 429);
	assert_non_null(strstr(d.headers, "Retry-After: 2\n"));
	drive_sign_in(&d, TENANT);
}

static void
refuses_what_is_no_fault(void **state)
{
	static const char *const bad[] = { "{}", "{\"kind\":\"earthquake\"}", "{\"kind\":\"status\",\"status\":7}",
		"{\"kind\":\"status\",\"statuss\":500}", "{\"kind\":\"status\",\"probability\":2}",
		"{\"kind\":\"delay\",\"delay_ms\":-1}", "[]" };
	struct faults f = { NULL };
	char why[200];
	uint64_t id;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		json_t *o = json_loads(bad[i], 0, NULL);

		assert_int_equal(faults_add(&f, o, &id, why, sizeof(why)), ERR_INVALID);
		assert_true(strlen(why) > 0);
		json_decref(o);
	}
	assert_int_equal(f.count, 0);
	faults_done(&f);
}

static void
strikes_by_chance(void **state)
{
	struct faults f = { NULL };
	struct rng rng = rng_seeded(3);
	json_t *o = json_loads("{\"kind\":\"status\",\"count\":0,\"probability\":0.25}", 0, NULL);
	int hits = 0;
	char why[100];
	uint64_t id;

	(void)state;
	assert_int_equal(faults_add(&f, o, &id, why, sizeof(why)), ERR_OK);
	json_decref(o);
	for (int i = 0; i < 4000; i++)
		hits += faults_for_request(&f, &rng, "GET", "/teams") != NULL;
	assert_in_range(hits, 880, 1120);
	assert_true(faults_remove(&f, id));
	assert_false(faults_remove(&f, id));
	faults_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strikes),
		cmocka_unit_test_setup_teardown(strikes_so_often, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(notes_who_does_not_wait, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(spoils_pages, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(spoils_sign_in, drive_setup, drive_teardown),
		cmocka_unit_test(refuses_what_is_no_fault),
		cmocka_unit_test(strikes_by_chance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
