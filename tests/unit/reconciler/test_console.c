/* Who may load the console, and how it is handed out. */
#include "reconciler/console.h"

#include <string.h>

#include "reconciler/admin.h"
#include "unit/reconciler/rig.h"

static void
names_of_strangers_are_refused(void **state)
{
	static const struct {
		const char *host;
		bool ok;
	} cases[] = {
		{ "127.0.0.1", true },
		{ "127.0.0.1:9464", true },
		{ "10.1.2.3:9464", true },
		{ "[::1]", true },
		{ "[::1]:9464", true },
		{ "[2001:db8::7]:9464", true },
		{ "localhost", true },
		{ "LocalHost:9464", true },
		{ "localhost.:9464", true },
		{ "sync.internal", true },
		{ "sync.internal:9464", true },
		{ "Ops.Example.org", true },
		{ "console.example.org:80", true },
		{ NULL, false },
		{ "", false },
		{ ":9464", false },
		{ "[]", false },
		{ "[localhost.evil.example]", false },
		{ "evil.example", false },
		{ "evil.example:9464", false },
		{ "localhost.evil.example", false },
		{ "127.0.0.1.evil.example", false },
		{ "ops.example.org.evil.example", false },
		{ "ops", false },
		{ "0x7f000001", false },
		{ "2130706433", false },
		{ "127.1", false },
		{ "ops.example.org console.example.org", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (console_host_ok(cases[i].host, "127.0.0.1:9464 sync.internal:9464",
		        " ops.example.org\tconsole.example.org ") != cases[i].ok)
			fail_msg("%s", cases[i].host != NULL ? cases[i].host : "none");
	assert_true(console_host_ok("localhost", NULL, NULL));
	assert_false(console_host_ok("ops.example.org", NULL, NULL));
	assert_false(console_host_ok("ops.example.org", "nonsense", ""));
}

struct got {
	int status;
	char type[64], allow[64];
	char body[65536];
};

static void
keep(void *arg, const struct http_answer *answer)
{
	struct got *got = arg;
	const char *type = http_answer_header(answer, "Content-Type"), *allow = http_answer_header(answer, "Allow");

	got->status = answer->status;
	(void)snprintf(got->type, sizeof(got->type), "%s", type != NULL ? type : "");
	(void)snprintf(got->allow, sizeof(got->allow), "%s", allow != NULL ? allow : "");
	(void)snprintf(got->body, sizeof(got->body), "%.*s", (int)answer->body_len, answer->body);
}

static struct got
ask(struct rig *rig, const char *method, const char *path, const char *host)
{
	const char *const headers[] = { host, NULL };
	struct got got = { 0 };
	struct http_exchange *x = http_exchange_new_fake(method, path, host != NULL ? headers : NULL, NULL, 0, keep, &got);

	assert_non_null(x);
	http_exchange_fake_set_unix(x, false);
	admin_handle(rig->r, x);
	return got;
}

static void
it_is_shown_to_those_who_may(void **state)
{
	struct rig rig;
	struct got got;

	(void)state;
	rig_make(&rig, 3, 8, 4);
	rig_link(&rig);
	got = ask(&rig, "GET", "/", "Host: 127.0.0.1:9464");
	assert_int_equal(got.status, 200);
	assert_string_equal(got.type, "text/html; charset=utf-8");
	assert_non_null(strstr(got.body, "The one ERG is equal on both sides."));
	assert_int_equal(ask(&rig, "HEAD", "/", "Host: localhost").status, 200);
	assert_int_equal(ask(&rig, "GET", "/", "Host: evil.example").status, 421);
	assert_int_equal(ask(&rig, "HEAD", "/", "Host: evil.example").status, 421);
	assert_int_equal(ask(&rig, "GET", "/", NULL).status, 421);
	got = ask(&rig, "POST", "/", "Host: localhost");
	assert_int_equal(got.status, 405);
	assert_string_equal(got.allow, "GET, HEAD");
	got = ask(&rig, "HEAD", "/metrics", "Host: localhost");
	assert_int_equal(got.status, 405);
	assert_string_equal(got.allow, "GET");
	assert_int_equal(ask(&rig, "GET", "/index.html", "Host: localhost").status, 404);
	/* Scrapers come under whatever name they were given. */
	assert_int_equal(ask(&rig, "GET", "/metrics", "Host: evil.example").status, 200);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_strangers_are_refused),
		cmocka_unit_test(it_is_shown_to_those_who_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
