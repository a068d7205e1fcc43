/* Deliveries over a transport: what arrives, and which outcome comes back. */
#include "unit/sim/drive.h"

#include "net/http_fake.h"
#include "sim/post.h"

static struct clock *mail_clock;
static struct http_transport *transport;
static struct post_office *office;
static struct sim *sim;
static int status; /* of the endpoint; 0 = no answer */
static int arrived;
static char arrived_body[4096], arrived_type[128];
static struct http_exchange *open_one;

static void
endpoint(void *arg, struct http_exchange *x)
{
	size_t len;

	(void)arg;
	arrived++;
	str_copy(arrived_body, sizeof(arrived_body), http_exchange_body(x, &len));
	str_copy(arrived_type, sizeof(arrived_type), http_exchange_header(x, "Content-Type"));
	if (status == 0)
		open_one = x;
	else if (strstr(http_exchange_query(x), "validationToken") != NULL) {
		enum err e;
		char *token = http_exchange_param(x, "validationToken", &e);

		assert_int_equal(e, ERR_OK);
		http_reply(x, 200, "text/plain", token, strlen(token), NULL);
		free(token);
	} else
		http_reply(x, status, NULL, "", 0, NULL);
}

static void
no_answer(void *arg, const struct sim_answer *a)
{
	int *ret = arg;

	*ret = a->status;
}

static int
start(void **state)
{
	struct sim_options o = { .base_url = "https://graph.test", .seed = 1, .deliver = post_office_deliver };
	int code;

	(void)state;
	mail_clock = clock_new_manual(START_MS);
	transport = http_transport_new_fake(mail_clock, endpoint, NULL);
	office = post_office_new(transport);
	o.deliver_arg = office;
	sim = sim_new(mail_clock, &o);
	json_decref(sim_control(sim, "POST", "/_sim/world", json_loads(WORLD, 0, NULL), &code));
	assert_int_equal(code, 201);
	arrived = 0;
	status = 202;
	open_one = NULL;
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	if (open_one != NULL)
		http_reply_abort(open_one);
	sim_free(sim);
	post_office_free(office);
	http_transport_free(transport);
	clock_free(mail_clock);
	return 0;
}

static char token[4096];

static const char *
header(void *arg, const char *name)
{
	(void)arg;
	return str_equal_nocase(name, "Authorization") ? token : NULL;
}

static void
keep_token(void *arg, const struct sim_answer *a)
{
	json_t *o = json_loads(a->body, 0, NULL);

	(void)arg;
	snprintf(token, sizeof(token), "Bearer %s", jx_get_str(o, "access_token"));
	json_decref(o);
}

static int
subscribe(void)
{
	static const char form[] =
	    "client_id=00000000-0000-4000-8000-0000000000aa&client_secret=s&grant_type=client_credentials&scope=a%2F.default";
	static const char body[] =
	    "{\"changeType\":\"created\",\"resource\":\"/teams/" TEAM "/members\",\"notificationUrl\":\"" HOOK
	    "\",\"lifecycleNotificationUrl\":\"" LIFE "\",\"expirationDateTime\":\"2026-11-20T13:00:00Z\"}";
	struct sim_request sign_in = {
		.method = "POST", .path = "/" TENANT "/oauth2/v2.0/token", .query = "", .body = form, .body_len = strlen(form)
	};
	struct sim_request make = { .method = "POST",
		.path = "/v1.0/subscriptions",
		.query = "",
		.body = body,
		.body_len = strlen(body),
		.header = header };
	int code = 0;

	sim_handle(sim, &sign_in, keep_token, NULL);
	sim_handle(sim, &make, no_answer, &code);
	clock_manual_advance(mail_clock, 15000);
	return code;
}

static int64_t
count(const char *name)
{
	json_t *o = sim_control(sim, "GET", "/_sim/notifications", NULL, NULL);
	int64_t n = jx_get_int(o, name, -1);

	json_decref(o);
	return n;
}

static void
delivers(void **state)
{
	(void)state;
	assert_int_equal(subscribe(), 201);
	assert_int_equal(arrived, 2);
	assert_string_equal(arrived_type, "text/plain; charset=utf-8");
	json_decref(sim_control(sim, "POST", "/_sim/members", json_loads(CHANGE("add", CAT), 0, NULL), NULL));
	clock_manual_advance(mail_clock, 1000);
	assert_int_equal(arrived, 3);
	assert_string_equal(arrived_type, "application/json; charset=utf-8");
	assert_non_null(strstr(arrived_body, "\"value\""));
	assert_int_equal(count("items_sent"), 1);
}

static void
tells_failures(void **state)
{
	(void)state;
	assert_int_equal(subscribe(), 201);
	status = 500;
	json_decref(sim_control(sim, "POST", "/_sim/members", json_loads(CHANGE("add", CAT), 0, NULL), NULL));
	clock_manual_advance(mail_clock, 1000);
	assert_int_equal(count("failed"), 1);
	status = 200;
	clock_manual_advance(mail_clock, 60000);
	assert_int_equal(count("items_sent"), 1);
}

static void
silence_fails_the_handshake(void **state)
{
	(void)state;
	status = 0;
	assert_int_equal(subscribe(), 400);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(delivers, start, stop),
		cmocka_unit_test_setup_teardown(tells_failures, start, stop),
		cmocka_unit_test_setup_teardown(silence_fails_the_handshake, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
