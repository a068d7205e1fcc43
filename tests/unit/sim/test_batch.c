/* $batch: limits, dependencies, items that wait, answers apart. */
#include "unit/sim/drive.h"

static int64_t
status_of(const char *id)
{
	const json_t *list = jx_get_array(d.json, "responses");

	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(jx_get_str(json_array_get(list, i), "id"), id) == 0)
			return jx_get_int(json_array_get(list, i), "status", 0);
	return -1;
}

static void
answers_each(void **state)
{
	(void)state;
	assert_int_equal(drive_graph(&d, "POST", "/$batch",
	                     "{\"requests\":[{\"id\":\"a\",\"method\":\"GET\",\"url\":\"/users/" ADA "\"},"
	                     "{\"id\":\"b\",\"method\":\"POST\",\"url\":\"/teams/" TEAM
	                     "/members\",\"headers\":{\"Content-Type\":\"application/json\"},\"body\":" BIND(
	                         CAT) "},"
	                              "{\"id\":\"c\",\"method\":\"GET\",\"url\":\"/users/none@acme.example\"},"
	                              "{\"id\":\"d\",\"method\":\"GET\",\"url\":\"/users/" ADA "\",\"dependsOn\":[\"c\"]},"
	                              "{\"id\":\"e\",\"method\":\"GET\",\"url\":\"/users/" ADA "\",\"dependsOn\":[\"b\"]}]}"),
	    200);
	assert_int_equal(status_of("a"), 200);
	assert_int_equal(status_of("b"), 201);
	assert_int_equal(status_of("c"), 404);
	assert_int_equal(status_of("d"), 424);
	assert_int_equal(status_of("e"), 200);
}

static void
waits_for_its_slowest(void **state)
{
	(void)state;
	d.validate_status = 0;
	assert_int_equal(drive_send(&d, "POST", "/v1.0/$batch",
	                     "{\"requests\":[{\"id\":\"a\",\"method\":\"POST\",\"url\":\"/"
	                     "subscriptions\",\"headers\":{\"content-type\":\"application/json\"},\"body\":"
	                     "{\"changeType\":\"updated\",\"resource\":\"/groups\",\"notificationUrl\":\"" HOOK
	                     "\",\"expirationDateTime\":\"2026-11-18T13:00:00Z\"}},"
	                     "{\"id\":\"b\",\"method\":\"GET\",\"url\":\"/users/" ADA "\",\"dependsOn\":[\"a\"]}]}"),
	    0);
	assert_false(d.answered);
	drive_wait(&d, 10000);
	assert_int_equal(status_of("a"), 400);
	assert_int_equal(status_of("b"), 424);
}

static void
throttles_apart(void **state)
{
	struct text t;
	int throttled = 0;

	(void)state;
	drive_control(&d, "POST", "settings", "{\"strict\":true}");
	text_init(&t, 8192);
	text_adds(&t, "{\"requests\":[");
	for (int i = 0; i < 20; i++)
		text_addf(&t, "%s{\"id\":\"%d\",\"method\":\"GET\",\"url\":\"/teams/" TEAM "\"}", i == 0 ? "" : ",", i);
	text_adds(&t, "]}");
	assert_int_equal(drive_graph(&d, "POST", "/$batch", t.data), 200);
	for (size_t i = 0; i < 20; i++) {
		const json_t *r = json_array_get(jx_get_array(d.json, "responses"), i);

		if (jx_get_int(r, "status", 0) != 429)
			continue;
		throttled++;
		assert_non_null(jx_get_str(jx_get_object(r, "headers"), "Retry-After"));
	}
	assert_int_equal(throttled, 16);
	text_done(&t);
}

static const char *const bad[] = {
	"{}",
	"{\"requests\":[]}",
	"{\"requests\":[{\"id\":\"a\",\"method\":\"GET\",\"url\":\"users\"}]}",
	"{\"requests\":[{\"method\":\"GET\",\"url\":\"/users\"}]}",
	"{\"requests\":[{\"id\":\"a\",\"method\":\"GET\",\"url\":\"/me\"},{\"id\":\"a\",\"method\":\"GET\",\"url\":\"/me\"}]}",
	"{\"requests\":[{\"id\":\"a\",\"method\":\"POST\",\"url\":\"/users\",\"body\":{}}]}",
	"{\"requests\":[7]}",
};

static void
refuses(void **state)
{
	struct text t;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (drive_graph(&d, "POST", "/$batch", bad[i]) != 400)
			fail_msg("%s: %d", bad[i], d.status);
	text_init(&t, 8192);
	text_adds(&t, "{\"requests\":[");
	for (int i = 0; i < 21; i++)
		text_addf(&t, "%s{\"id\":\"%d\",\"method\":\"GET\",\"url\":\"/users\"}", i == 0 ? "" : ",", i);
	text_adds(&t, "]}");
	assert_int_equal(drive_graph(&d, "POST", "/$batch", t.data), 400);
	text_done(&t);
}

/* Circles of dependencies and batches in batches end. */
static void
never_hangs(void **state)
{
	(void)state;
	assert_int_equal(drive_graph(&d, "POST", "/$batch",
	                     "{\"requests\":[{\"id\":\"a\",\"method\":\"GET\",\"url\":\"/users\",\"dependsOn\":[\"b\"]},"
	                     "{\"id\":\"b\",\"method\":\"GET\",\"url\":\"/users\",\"dependsOn\":[\"a\"]}]}"),
	    200);
	assert_int_equal(status_of("a"), 424);
	assert_int_equal(drive_graph(&d, "POST", "/$batch",
	                     "{\"requests\":[{\"id\":\"a\",\"method\":\"POST\",\"url\":\"/"
	                     "$batch\",\"headers\":{\"Content-Type\":\"application/json\"},"
	                     "\"body\":{\"requests\":[{\"id\":\"x\",\"method\":\"GET\",\"url\":\"/users\"}]}}]}"),
	    200);
	assert_int_equal(status_of("a"), 400);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_each, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(waits_for_its_slowest, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(throttles_apart, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(refuses, drive_setup, drive_teardown),
		cmocka_unit_test_setup_teardown(never_hangs, drive_setup, drive_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
