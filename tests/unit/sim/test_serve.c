/* The simulator behind an HTTP server: answers, and the ways not to answer. */
#include "unit/sim/drive.h"

#include "net/http_fake.h"
#include "sim/serve.h"

static struct serve *serve;

static struct {
	int calls, status;
	enum err err;
	char body[65536];
} last;

static int
start(void **state)
{
	(void)state;
	drive_start(&d);
	serve = serve_new(d.sim);
	memset(&last, 0, sizeof(last));
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	sim_free(d.sim);
	d.sim = NULL;
	serve_free(serve);
	drive_stop(&d);
	return 0;
}

static void
keep(void *arg, const struct http_answer *a)
{
	(void)arg;
	last.calls++;
	last.err = a->err;
	last.status = a->status;
	str_copy(last.body, sizeof(last.body), a->body);
}

static struct http_exchange *
ask(const char *method, const char *target, const char *body)
{
	char authorization[4096];
	const char *const headers[] = { authorization, NULL };
	struct http_exchange *x;

	snprintf(authorization, sizeof(authorization), "Authorization: Bearer %s", d.token);
	last.calls = 0;
	x = http_exchange_new_fake(method, target, headers, body, body == NULL ? 0 : strlen(body), keep, NULL);
	assert_non_null(x);
	serve_handle(serve, x);
	return x;
}

static void
answers(void **state)
{
	(void)state;
	ask("GET", "/v1.0/users/" ADA "?$select=mail", NULL);
	assert_int_equal(last.calls, 1);
	assert_int_equal(last.status, 200);
	assert_non_null(strstr(last.body, "Ada@acme.example"));
	ask("POST", "/v1.0/teams/" TEAM "/members", BIND(CAT));
	assert_int_equal(last.status, 201);
	ask("GET", "/_sim/", NULL);
	assert_int_equal(last.status, 200);
}

static void
breaks_off(void **state)
{
	(void)state;
	drive_control(&d, "POST", "faults", "{\"faults\":[{\"kind\":\"close_before\"},{\"kind\":\"truncate\"}]}");
	for (int i = 0; i < 2; i++) {
		ask("GET", "/v1.0/users/" ADA, NULL);
		assert_int_equal(last.calls, 1);
		assert_int_not_equal(last.err, ERR_OK);
	}
}

static void
stays_silent_until_the_client_goes(void **state)
{
	struct http_exchange *x;

	(void)state;
	drive_control(&d, "POST", "faults", "{\"kind\":\"timeout_before\",\"count\":2}");
	x = ask("GET", "/v1.0/users/" ADA, NULL);
	drive_wait(&d, 3600 * 1000);
	assert_int_equal(last.calls, 0);
	http_exchange_fake_leave(x);
	assert_int_equal(last.calls, 0);
	/* One more is still open when all ends. */
	ask("GET", "/v1.0/users/" ADA, NULL);
}

static void
outlives_an_impatient_client(void **state)
{
	struct http_exchange *x;

	(void)state;
	drive_control(&d, "POST", "settings", "{\"latency_ms\":1000}");
	x = ask("GET", "/v1.0/users/" ADA, NULL);
	http_exchange_fake_leave(x);
	drive_wait(&d, 2000);
	assert_int_equal(last.calls, 0);
	ask("GET", "/v1.0/users/" ADA, NULL);
	drive_wait(&d, 2000);
	assert_int_equal(last.calls, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers, start, stop),
		cmocka_unit_test_setup_teardown(breaks_off, start, stop),
		cmocka_unit_test_setup_teardown(stays_silent_until_the_client_goes, start, stop),
		cmocka_unit_test_setup_teardown(outlives_an_impatient_client, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
