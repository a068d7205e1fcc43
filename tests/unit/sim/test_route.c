/* Paths: their spellings, what is not there, and noise, which must not hurt. */
#include "unit/sim/drive.h"

#include "base/random.h"
#include "unit/base/seed.h"

static const struct {
	const char *method, *target;
	int status;
	const char *template;
} cases[] = {
	{ "GET", "/teams/" TEAM, 200, "/teams/{team}" },
	{ "GET", "/TEAMS/" TEAM "/MEMBERS", 200, "/teams/{team}/members" },
	{ "GET", "/teams('" TEAM "')/members", 200, "/teams/{team}/members" },
	{ "GET", "/teams%28%27" TEAM "%27%29", 200, "/teams/{team}" },
	{ "GET", "/groups/delta", 200, "/groups/delta" },
	{ "GET", "/groups/delta()", 200, "/groups/delta" },
	{ "GET", "/groups/microsoft.graph.delta()", 200, "/groups/delta" },
	{ "GET", "/groups/" TEAM, 200, "/groups/{group}" },
	{ "GET", "/teams/" TEAM "/", 400, "(none)" },
	{ "GET", "/teams//members", 400, "/teams/{team}/members" },
	{ "GET", "/", 400, "(none)" },
	{ "GET", "/teams/%00", 400, "(none)" },
	{ "GET", "/teams/%2", 400, "(none)" },
	{ "DELETE", "/teams/" TEAM, 405, "/teams/{team}" },
	{ "GET", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t", 400, "(none)" },
};

static void
finds(void **state)
{
	char target[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		drive_control(&d, "DELETE", "requests", NULL);
		drive_graph(&d, cases[i].method, cases[i].target, NULL);
		if (d.status != cases[i].status)
			fail_msg("%s: %d %s", cases[i].target, d.status, d.text);
		drive_control(&d, "GET", "requests", NULL);
		snprintf(target, sizeof(target), "%s %s", cases[i].method, cases[i].template);
		assert_int_equal(jx_get_int(jx_get_object(d.json, "counts"), target, 0), 1);
	}
}

static void
asks_for_a_token_first(void **state)
{
	(void)state;
	free(d.token);
	d.token = NULL;
	assert_int_equal(drive_graph(&d, "GET", "/teams/" TEAM, NULL), 401);
	assert_int_equal(drive_graph(&d, "GET", "/no/such/thing", NULL), 401);
}

/* Pieces that together look like requests more often than bytes would. */
static const char *const pieces[] = { "/teams", "/users", "/groups", "/subscriptions", "/members", "/channels", "/add", "/delta",
	"/$batch", "/" TEAM, "/" ADA, "('" TEAM "')", "('", "')", "(", ")", "%", "%2f", "%00", "/19%3Aprivate%40thread.tacv2",
	"?", "&", "=", "$top", "$skiptoken", "$filter", "$select", "$deltatoken", "id eq '", "' or ",
	"/doesUserHaveAccess(userId='@u')", "@u", "\xff", "{", "}", "[", "]", ":", ",", "\"values\"", "\"requests\"", "\"id\"",
	"\"url\"", "\"method\"", "\"@odata.type\"", "\"resource\"", "null", "1e400", "-1", "99999999999999999999" };
static const char *const methods[] = { "GET", "POST", "PATCH", "DELETE", "PUT", "BREW" };

static void
noise(struct rng *rng, struct text *t, size_t most)
{
	for (size_t n = (size_t)rng_below(rng, most + 1); n > 0; n--) {
		if (rng_below(rng, 10) == 0)
			text_addf(t, "%c", (char)(1 + rng_below(rng, 255)));
		else
			text_adds(t, pieces[rng_below(rng, sizeof(pieces) / sizeof(*pieces))]);
	}
}

static void
survives_noise(void **state)
{
	static const char *const starts[] = { "/v1.0", "/v1.0", "/v1.0", "/_sim/members", "/_sim/world", "/_sim/faults",
		"/x/oauth2/v2.0/token", "" };
	struct text target, body;
	struct rng rng = test_rng("route");

	(void)state;
	text_init(&target, 4096);
	text_init(&body, 4096);
	for (int i = 0; i < 20000; i++) {
		text_reset(&target);
		text_reset(&body);
		text_adds(&target, starts[rng_below(&rng, 8)]);
		noise(&rng, &target, 8);
		text_adds(&body, rng_below(&rng, 2) == 0 ? "{" : "");
		noise(&rng, &body, 12);
		drive_send(&d, methods[rng_below(&rng, 6)], target.data == NULL ? "" : target.data, body.data);
		if (!d.answered)
			drive_wait(&d, 30000);
		assert_true(d.answered);
		if (i % 1000 == 0) {
			drive_control(&d, "POST", "reset", "{\"world\":true}");
			drive_control(&d, "POST", "world", WORLD);
			drive_sign_in(&d, TENANT);
		}
	}
	text_done(&target);
	text_done(&body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(asks_for_a_token_first, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(survives_noise, drive_setup, drive_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
