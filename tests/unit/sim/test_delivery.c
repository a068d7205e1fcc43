/* Deliveries: batches, repeats until answered or too old, faults, and what becomes of a slow endpoint. */
#include "unit/sim/drive.h"

static int
start(void **state)
{
	(void)state;
	drive_start(&d);
	drive_control(&d, "POST", "settings", "{\"authorization_ms\":0,\"spellings\":\"plain\"}");
	assert_int_equal(
	    drive_graph(&d, "POST", "/subscriptions",
	        "{\"changeType\":\"created,deleted\",\"resource\":\"/teams/" TEAM "/members\",\"notificationUrl\":\"" HOOK
	        "?t=1\",\"lifecycleNotificationUrl\":\"" LIFE "\",\"expirationDateTime\":\"2026-11-20T13:00:00Z\"}"),
	    201);
	return 0;
}

static void
change(int n)
{
	for (int i = 0; i < n; i++)
		drive_control(&d, "POST", "members", i % 2 == 0 ? CHANGE("add", CAT) : CHANGE("remove", CAT));
	if (n % 2 == 1)
		drive_control(
		    &d, "POST", "members", "{\"op\":\"remove\",\"team\":\"" TEAM "\",\"user\":\"" CAT "\",\"quiet\":true}");
}

static int64_t
count(const char *name)
{
	drive_control(&d, "GET", "notifications", NULL);
	return jx_get_int(d.json, name, -1);
}

static void
batches(void **state)
{
	(void)state;
	change(45);
	assert_int_equal(d.post_count, 0);
	drive_wait(&d, 10);
	assert_int_equal(d.post_count, 3);
	assert_int_equal(json_array_size(jx_get_array(d.posts[0].body, "value")), 20);
	assert_int_equal(json_array_size(jx_get_array(d.posts[2].body, "value")), 5);
	assert_string_equal(d.posts[0].url, HOOK "?t=1");
	assert_int_equal(count("items_sent"), 45);
	assert_int_equal(count("pending"), 0);
}

static void
repeats_until_answered(void **state)
{
	int64_t last = 0;

	(void)state;
	d.post_status = 503;
	change(1);
	drive_wait(&d, 3600 * 1000);
	assert_true(d.post_count >= 5);
	for (size_t i = 1; i < d.post_count; i++) {
		int64_t gap = d.posts[i].at_ms - d.posts[i - 1].at_ms;

		assert_true(gap >= last);
		assert_true(json_equal(d.posts[i].body, d.posts[0].body));
		last = gap * 4 / 5;
	}
	d.post_status = 200;
	drive_wait(&d, 3600 * 1000);
	assert_int_equal(count("pending"), 0);
	assert_int_equal(count("items_sent"), 1);
}

static void
gives_up_after_four_hours(void **state)
{
	(void)state;
	d.post_status = 400;
	change(1);
	drive_wait(&d, 5 * 3600 * 1000);
	assert_int_equal(count("expired"), 1);
	assert_int_equal(count("pending"), 0);
	assert_true(d.posts[d.post_count - 1].at_ms - d.posts[0].at_ms <= 4 * 3600 * 1000);
}

static void
counts_silence_as_failure(void **state)
{
	(void)state;
	d.post_status = 0;
	change(1);
	drive_wait(&d, 3009);
	assert_int_equal(count("failed"), 0);
	drive_wait(&d, 1);
	assert_int_equal(count("failed"), 1);
	/* Too late for the first try. */
	sim_delivered(d.sim, d.posts[0].id, 202, NULL, "", 0);
	assert_int_equal(count("items_sent"), 0);
	d.post_status = 202;
	drive_wait(&d, 60 * 1000);
	assert_int_equal(count("items_sent"), 1);
}

static void
drops_for_a_slow_endpoint(void **state)
{
	(void)state;
	drive_control(&d, "POST", "settings", "{\"retry_first_ms\":1000,\"notify_batch_max\":1}");
	d.post_status = 0;
	change(30);
	drive_wait(&d, 60 * 1000);
	change(5);
	assert_int_equal(count("dropped"), 5);
	d.post_status = 202;
	drive_wait(&d, 15 * 60 * 1000);
	drive_forget_posts(&d);
	change(5);
	drive_wait(&d, 100);
	assert_int_equal(drive_items(&d), 5);
}

static void
goes_wrong_as_scripted(void **state)
{
	(void)state;
	drive_control(&d, "POST", "faults",
	    "{\"faults\":[{\"kind\":\"drop\",\"count\":2},{\"kind\":\"duplicate\",\"skip\":1},{\"kind\":\"hold\",\"delay_ms\":"
	    "5000}]}");
	/* Two dropped, one held, one twice, one as it should be. */
	change(5);
	drive_wait(&d, 100);
	assert_int_equal(drive_items(&d), 3);
	drive_wait(&d, 5000);
	assert_int_equal(drive_items(&d), 4);
	assert_int_equal(count("dropped"), 2);
}

static void
reorders(void **state)
{
	bool swapped = false;
	char sub[64];
	int last = -1;

	(void)state;
	drive_control(&d, "POST", "faults", "{\"kind\":\"reorder\",\"count\":0,\"delay_ms\":2000}");
	drive_control(&d, "GET", "subscriptions", NULL);
	assert_true(str_copy(sub, sizeof(sub), jx_get_str(json_array_get(jx_get_array(d.json, "subscriptions"), 0), "id")));
	for (int i = 0; i < 30; i++) {
		char body[256];

		snprintf(body, sizeof(body), "{\"subscription\":\"%s\",\"resource\":\"r/%d\"}", sub, i);
		drive_control(&d, "POST", "notify", body);
	}
	drive_wait(&d, 3000);
	assert_int_equal(drive_items(&d), 30);
	for (size_t i = 0; i < 30; i++) {
		int n = (int)strtol(jx_get_str(drive_item(&d, i), "resource") + 2, NULL, 10);

		swapped = swapped || n < last;
		last = n;
	}
	assert_true(swapped);
}

static void
sends_what_it_is_told(void **state)
{
	char body[512], sub[64];

	(void)state;
	drive_control(&d, "GET", "subscriptions", NULL);
	assert_true(str_copy(sub, sizeof(sub), jx_get_str(json_array_get(jx_get_array(d.json, "subscriptions"), 0), "id")));
	snprintf(body, sizeof(body), "{\"subscription\":\"%s\",\"body\":{\"value\":[{\"odd\":true}]}}", sub);
	drive_control(&d, "POST", "notify", body);
	assert_int_equal(d.post_count, 1);
	assert_true(jx_get_bool(drive_item(&d, 0), "odd", false));
	snprintf(body, sizeof(body), "{\"subscription\":\"%s\",\"repeat\":2000}", sub);
	drive_control(&d, "POST", "notify", body);
	drive_wait(&d, 100);
	assert_int_equal(drive_items(&d), 2001);
	snprintf(body, sizeof(body), "{\"subscription\":\"%s\",\"lifecycle\":\"subscriptionRemoved\"}", sub);
	drive_control(&d, "POST", "notify", body);
	drive_wait(&d, 100);
	assert_int_equal(drive_items(&d), 2002);
	drive_control(&d, "GET", "subscriptions", NULL);
	assert_int_equal(json_array_size(jx_get_array(d.json, "subscriptions")), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(batches, start, drive_teardown),
		cmocka_unit_test_setup_teardown(repeats_until_answered, start, drive_teardown),
		cmocka_unit_test_setup_teardown(gives_up_after_four_hours, start, drive_teardown),
		cmocka_unit_test_setup_teardown(counts_silence_as_failure, start, drive_teardown),
		cmocka_unit_test_setup_teardown(drops_for_a_slow_endpoint, start, drive_teardown),
		cmocka_unit_test_setup_teardown(goes_wrong_as_scripted, start, drive_teardown),
		cmocka_unit_test_setup_teardown(reorders, start, drive_teardown),
		cmocka_unit_test_setup_teardown(sends_what_it_is_told, start, drive_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
