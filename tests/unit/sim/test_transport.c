/* The simulator behind the HTTP client's seam. */
#include "unit/sim/drive.h"

#include "net/http_client.h"
#include "sim/transport.h"

static struct http_transport *t;

static struct {
	int calls, status;
	enum err err;
	int64_t took_ms, retry_ms;
	char body[4096];
} last;

static int
start(void **state)
{
	(void)state;
	drive_start(&d);
	t = sim_transport_new(d.sim, d.clock);
	memset(&last, 0, sizeof(last));
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	http_transport_free(t);
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
	last.took_ms = a->took_ms;
	last.retry_ms = http_answer_retry_after_ms(a, 0);
	str_copy(last.body, sizeof(last.body), a->body);
}

static struct http_call *
send_to(const char *url, int64_t timeout_ms, size_t max)
{
	char authorization[4096];
	const char *const headers[] = { authorization, NULL };
	struct http_request r = {
		.method = "GET", .url = url, .headers = headers, .timeout_ms = timeout_ms, .answer_max_bytes = max
	};

	snprintf(authorization, sizeof(authorization), "Authorization: Bearer %s", d.token);
	return http_start(t, &r, keep, NULL);
}

#define URL "https://graph.test/v1.0/users/" ADA "?$select=mail"

static const struct {
	const char *fault, *url;
	size_t max;
	int64_t ms;
	enum err err;
	int status;
} cases[] = {
	{ NULL, URL, 0, 0, ERR_OK, 200 },
	{ NULL, "https://elsewhere.test/v1.0/users", 0, 0, ERR_UNREACHABLE, 0 },
	{ NULL, "https://graph.test.evil/v1.0/users", 0, 0, ERR_UNREACHABLE, 0 },
	{ NULL, URL, 10, 0, ERR_TOOBIG, 0 },
	{ "{\"kind\":\"status\",\"status\":429,\"retry_after_s\":4}", URL, 0, 0, ERR_OK, 429 },
	{ "{\"kind\":\"timeout_before\"}", URL, 0, 7000, ERR_TIMEOUT, 0 },
	{ "{\"kind\":\"close_before\"}", URL, 0, 0, ERR_UNREACHABLE, 0 },
	{ "{\"kind\":\"truncate\"}", URL, 0, 0, ERR_UNREACHABLE, 0 },
	{ "{\"kind\":\"delay\",\"delay_ms\":3000}", URL, 0, 3000, ERR_OK, 200 },
	{ "{\"kind\":\"delay\",\"delay_ms\":8000}", URL, 0, 7000, ERR_TIMEOUT, 0 },
};

static void
answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		memset(&last, 0, sizeof(last));
		if (cases[i].fault != NULL)
			drive_control(&d, "POST", "faults", cases[i].fault);
		assert_non_null(send_to(cases[i].url, 7000, cases[i].max));
		assert_int_equal(last.calls, 0);
		drive_wait(&d, cases[i].ms);
		if (last.calls != 1 || last.err != cases[i].err || last.status != cases[i].status || last.took_ms != cases[i].ms)
			fail_msg("case %zu: %d calls, %s, %d, %lld ms", i, last.calls, err_text(last.err), last.status,
			    (long long)last.took_ms);
		if (last.status == 429)
			assert_int_equal(last.retry_ms, 4000);
		drive_wait(&d, 20000);
		assert_int_equal(last.calls, 1);
	}
}

static void
cancels_at_any_time(void **state)
{
	(void)state;
	drive_control(&d, "POST", "settings", "{\"latency_ms\":1000}");
	for (int64_t after = 0; after <= 1000; after += 500) {
		struct http_call *call = send_to(URL, 5000, 0);

		if (after > 0)
			drive_wait(&d, after - 1);
		http_cancel(t, call);
		drive_wait(&d, 10000);
		assert_int_equal(last.calls, 0);
	}
	/* Also those that are open when the transport or the simulator ends. */
	send_to(URL, 5000, 0);
	drive_wait(&d, 10);
	send_to(URL, 5000, 0);
}

static void
can_be_cut(void **state)
{
	(void)state;
	sim_transport_cut(t, 1);
	send_to(URL, 5000, 0);
	drive_wait(&d, 0);
	assert_int_equal(last.err, ERR_UNREACHABLE);
	sim_transport_cut(t, 0);
	send_to(URL, 5000, 0);
	drive_wait(&d, 0);
	assert_int_equal(last.status, 200);
}

static void
counts_those_in_flight(void **state)
{
	(void)state;
	drive_control(&d, "POST", "settings", "{\"latency_ms\":1000}");
	for (int i = 0; i < 5; i++)
		send_to(URL, 5000, 0);
	drive_wait(&d, 5000);
	assert_int_equal(last.calls, 5);
	drive_control(&d, "GET", "requests", NULL);
	assert_int_equal(jx_get_int(d.json, "in_flight_max", 0), 5);
	assert_int_equal(jx_get_int(d.json, "in_flight", -1), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers, start, stop),
		cmocka_unit_test_setup_teardown(cancels_at_any_time, start, stop),
		cmocka_unit_test_setup_teardown(can_be_cut, start, stop),
		cmocka_unit_test_setup_teardown(counts_those_in_flight, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
