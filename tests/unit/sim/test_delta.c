/* groups/delta: first rounds, changes, pages, expired links; and random rounds against the truth. */
#include "unit/sim/drive.h"

#include "base/random.h"

#define FILTER "&$filter=id%20eq%20'" TEAM "'"
#define START  "/groups/delta?$select=displayName,members" FILTER

static char link[4096];

static int
start(void **state)
{
	(void)state;
	drive_start(&d);
	link[0] = '\0';
	return 0;
}

/* What a client knows after a round: one bit for each of the users made by count. */
struct known {
	bool in[64];
	size_t pages, items;
};

static size_t
number_of(const char *user_id)
{
	char target[128];
	const char *upn;
	size_t n;

	snprintf(target, sizeof(target), "/users/%s", user_id);
	assert_int_equal(drive_graph(&d, "GET", target, NULL), 200);
	upn = jx_get_str(d.json, "userPrincipalName");
	n = (size_t)strtoul(upn + 4, NULL, 10);
	assert_true(str_starts(upn, "user") && n < 64);
	return n;
}

/* Follows target to the end of its round, applying all. */
static void
round_of(const char *target, struct known *known)
{
	char next[4096];

	assert_true(str_copy(next, sizeof(next), target));
	for (;;) {
		json_t *page;
		const char *more, *last;

		assert_int_equal(drive_graph(&d, "GET", next, NULL), 200);
		page = json_incref(d.json);
		known->pages++;
		for (size_t g = 0; g < json_array_size(jx_get_array(page, "value")); g++) {
			const json_t *members = jx_get_array(json_array_get(jx_get_array(page, "value"), g), "members@delta");

			for (size_t i = 0; i < json_array_size(members); i++) {
				const json_t *m = json_array_get(members, i);

				known->items++;
				known->in[number_of(jx_get_str(m, "id"))] = json_object_get(m, "@removed") == NULL;
			}
		}
		more = jx_get_str(page, "@odata.nextLink");
		last = jx_get_str(page, "@odata.deltaLink");
		assert_true((more == NULL) != (last == NULL));
		assert_true(str_copy(next, sizeof(next), more != NULL ? more : last));
		json_decref(page);
		if (last != NULL)
			break;
	}
	assert_true(str_copy(link, sizeof(link), next));
}

static void
first_round_then_changes(void **state)
{
	(void)state;
	assert_int_equal(drive_graph(&d, "GET", START, NULL), 200);
	assert_int_equal(json_array_size(jx_get_array(json_array_get(jx_get_array(d.json, "value"), 0), "members@delta")), 2);
	assert_true(str_copy(link, sizeof(link), jx_get_str(d.json, "@odata.deltaLink")));
	drive_control(&d, "POST", "members", CHANGE("add", CAT));
	drive_control(&d, "POST", "members", CHANGE("remove", BEN));
	drive_control(&d, "POST", "members", "{\"op\":\"role\",\"team\":\"" TEAM "\",\"user\":\"" CAT "\",\"role\":\"owner\"}");
	assert_int_equal(drive_graph(&d, "GET", link, NULL), 200);
	assert_int_equal(json_array_size(jx_get_array(json_array_get(jx_get_array(d.json, "value"), 0), "members@delta")), 2);
	assert_true(str_copy(link, sizeof(link), jx_get_str(d.json, "@odata.deltaLink")));
	assert_int_equal(drive_graph(&d, "GET", link, NULL), 200);
	assert_int_equal(json_array_size(jx_get_array(d.json, "value")), 0);
	drive_control(&d, "POST", "teams", "{\"id\":\"" TEAM "\",\"deleted\":true}");
	assert_int_equal(drive_graph(&d, "GET", link, NULL), 200);
	assert_non_null(json_object_get(json_array_get(jx_get_array(d.json, "value"), 0), "@removed"));
}

static void
members_only_when_selected(void **state)
{
	(void)state;
	assert_int_equal(drive_graph(&d, "GET", "/groups/delta?$select=displayName" FILTER, NULL), 200);
	assert_null(jx_get_array(json_array_get(jx_get_array(d.json, "value"), 0), "members@delta"));
}

static void
old_links_are_gone(void **state)
{
	(void)state;
	assert_int_equal(drive_graph(&d, "GET", START, NULL), 200);
	assert_true(str_copy(link, sizeof(link), jx_get_str(d.json, "@odata.deltaLink")));
	drive_wait(&d, (int64_t)7 * 24 * 3600 * 1000 + 1);
	drive_sign_in(&d, TENANT);
	assert_int_equal(drive_graph(&d, "GET", link, NULL), 410);
	assert_non_null(strstr(d.headers, "Location: https://graph.test/v1.0/groups/delta?$deltatoken="));
	assert_int_equal(drive_graph(&d, "GET", START, NULL), 200);
	assert_true(str_copy(link, sizeof(link), jx_get_str(d.json, "@odata.deltaLink")));
	drive_control(&d, "POST", "expire", "{\"delta\":true}");
	assert_int_equal(drive_graph(&d, "GET", link, NULL), 410);
}

static void
refuses(void **state)
{
	static const char *const bad[] = { "/groups/delta?$filter=displayName%20eq%20'a'", "/groups/delta?$expand=members",
		"/groups/delta?$top=5", "/groups/delta?$deltatoken=abc", "/groups/delta?$skiptoken=e30x",
		"/groups/delta?$filter=id%20eq%20'x'" };
	struct text t;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (drive_graph(&d, "GET", bad[i], NULL) != 400)
			fail_msg("%s: %d", bad[i], d.status);
	for (int n = 50; n <= 51; n++) {
		text_init(&t, 32768);
		text_adds(&t, "/groups/delta?$select=members&$filter=");
		for (int i = 0; i < n; i++)
			text_addf(&t, "%sid%%20eq%%20'50000000-0000-4000-8000-%012d'", i == 0 ? "" : "%20or%20", i);
		assert_int_equal(drive_graph(&d, "GET", t.data, NULL), n == 50 ? 200 : 400);
		text_done(&t);
	}
	assert_int_equal(drive_noted(&d, "delta_filter"), 1);
}

/* Whatever happens between and within rounds, a client that applies them all knows the truth in the end. */
static void
random_rounds_find_the_truth(void **state)
{
	const char *given = getenv("ERGSYNC_TEST_SEED");
	uint64_t seed = 7;
	struct rng rng;
	struct known known = { .pages = 0 };
	bool truth[64] = { false };

	(void)state;
	if (given != NULL)
		assert_int_equal(parse_u64(given, &seed), ERR_OK);
	print_message("seed %llu\n", (unsigned long long)seed);
	rng = rng_seeded(seed);
	drive_control(&d, "POST", "users", "{\"tenant\":\"" TENANT "\",\"count\":50}");
	drive_control(&d, "POST", "teams", "{\"tenant\":\"" TENANT "\",\"id\":\"20000000-0000-4000-8000-000000000009\"}");
	drive_control(&d, "POST", "settings", "{\"delta_page\":7,\"delta_quirks\":true}");
	for (int step = 0; step < 300; step++) {
		char body[256];
		size_t n = 6 + (size_t)rng_below(&rng, 50);

		truth[n] = rng_below(&rng, 2) == 0;
		snprintf(body, sizeof(body),
		    "{\"op\":\"%s\",\"team\":\"20000000-0000-4000-8000-000000000009\",\"user\":\"user%zu@acme.example\"}",
		    truth[n] ? "add" : "remove", n);
		drive_control(&d, "POST", "members", body);
		if (step % 50 == 10)
			drive_control(&d, "POST", "settings",
			    rng_below(&rng, 2) == 0 ? "{\"lag_control_ms\":3000}" : "{\"lag_control_ms\":0}");
		drive_wait(&d, (int64_t)rng_below(&rng, 1000));
		if (rng_below(&rng, 5) == 0)
			round_of(link[0] == '\0'
			             ? "/groups/delta?$select=members&$filter=id%20eq%20'20000000-0000-4000-8000-000000000009'"
			             : link,
			    &known);
		if (step % 60 == 0)
			drive_sign_in(&d, TENANT);
	}
	drive_wait(&d, 10000);
	round_of(link, &known);
	for (size_t n = 6; n < 56; n++)
		assert_int_equal(known.in[n], truth[n]);
	assert_true(known.pages > 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(first_round_then_changes, start, drive_teardown),
		cmocka_unit_test_setup_teardown(members_only_when_selected, start, drive_teardown),
		cmocka_unit_test_setup_teardown(old_links_are_gone, start, drive_teardown),
		cmocka_unit_test_setup_teardown(refuses, start, drive_teardown),
		cmocka_unit_test_setup_teardown(random_rounds_find_the_truth, start, drive_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
