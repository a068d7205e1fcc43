#include "unit/graph/fake.h"

#include "graph/wire.h"
#include "unit/base/seed.h"

static void
urls_stay_with_graph(void **state)
{
	static const struct {
		const char *path, *url;
		enum err err;
	} cases[] = {
		{ "/teams/x", FAKE_BASE "/teams/x", ERR_OK },
		{ "/teams/x/members?$top=999&a=b/../c", FAKE_BASE "/teams/x/members?$top=999&a=b/../c", ERR_OK },
		{ "/teams/..x/y..", FAKE_BASE "/teams/..x/y..", ERR_OK },
		{ FAKE_BASE "/teams/x?$skiptoken=1", FAKE_BASE "/teams/x?$skiptoken=1", ERR_OK },
		{ "HTTPS://GRAPH.example.test/v1.0/x", "HTTPS://GRAPH.example.test/v1.0/x", ERR_OK },
		{ "/teams/x/members/..", NULL, ERR_INVALID },
		{ "/teams/x/members/%2E%2e", NULL, ERR_INVALID },
		{ "/teams/x/members/", NULL, ERR_INVALID },
		{ "/teams//members", NULL, ERR_INVALID },
		{ "/users/?$select=id", NULL, ERR_INVALID },
		{ FAKE_BASE "/../x", NULL, ERR_INVALID },
		{ "/a b", NULL, ERR_INVALID },
		{ "/a\nb", NULL, ERR_INVALID },
		{ "/\xc3\xa4", NULL, ERR_INVALID },
		{ "https://graph.example.testx/v1.0/x", NULL, ERR_UNEXPECTED },
		{ "https://user@graph.example.test/v1.0/x", NULL, ERR_UNEXPECTED },
		{ "https:/graph.example.test/x", NULL, ERR_UNEXPECTED },
		{ "x", NULL, ERR_UNEXPECTED },
		{ "", NULL, ERR_INVALID },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct text t;
		enum err e;

		text_init(&t, GRAPH_URL_MAX);
		e = graph_wire_url(&t, FAKE_BASE, cases[i].path);
		if (e != cases[i].err)
			print_error("%s: %s\n", cases[i].path, err_name(e));
		assert_int_equal(e, cases[i].err);
		if (e == ERR_OK)
			assert_string_equal(t.data, cases[i].url);
		text_done(&t);
	}
}

/* Random bytes never make a URL of another origin, nor one with a line end. */
static void
hostile_paths_go_nowhere(void **state)
{
	static const char *const parts[] = { "/", "..", "%2e", "https:", "//", "graph.example.test", "@", ":443", "evil.test",
		"\r\n", "\\", "?", "#", "%00", "v1.0" };
	struct rng rng = test_rng("wire");

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct text path, url;

		text_init(&path, 4096);
		text_init(&url, 8192);
		for (uint64_t n = 1 + rng_below(&rng, 8); n > 0; n--)
			text_adds(&path, parts[rng_below(&rng, sizeof(parts) / sizeof(parts[0]))]);
		if (graph_wire_url(&url, FAKE_BASE, path.data) == ERR_OK) {
			assert_true(http_same_origin(url.data, FAKE_BASE));
			assert_null(strpbrk(url.data, "\r\n# "));
		}
		text_done(&path);
		text_done(&url);
	}
}

static void
requests_are_checked(void **state)
{
	static const char *const bad_header[] = { "If-Match: a\r\nX: y", NULL };
	static const char *const good_header[] = { "If-Match: W/\"a b\"", NULL };
	struct graph_request r = request_get(TENANT_A, "/x");

	(void)state;
	assert_int_equal(graph_wire_check(&r), ERR_OK);
	r.headers = good_header;
	assert_int_equal(graph_wire_check(&r), ERR_OK);
	r.headers = bad_header;
	assert_int_equal(graph_wire_check(&r), ERR_INVALID);
	r = request_get(TENANT_A, "/x");
	r.method = "TRACE";
	assert_int_equal(graph_wire_check(&r), ERR_INVALID);
	r = request_get(TENANT_A, "/x");
	r.where.directory.s[0] = '\0';
	assert_int_equal(graph_wire_check(&r), ERR_INVALID);
}

static void
a_stand_in_goes_by_the_name_of_graph(void **state)
{
	(void)state;
	assert_string_equal(graph_wire_name("https://graph.microsoft.us/v1.0"), "https://graph.microsoft.us/v1.0");
	assert_string_equal(graph_wire_name("http://127.0.0.1:8080/v1.0"), "https://graph.microsoft.com/v1.0");
	assert_string_equal(graph_wire_name("https://localhost:8443/v1.0"), "https://graph.microsoft.com/v1.0");
}

static void
uuids_are_version_4(void **state)
{
	struct rng rng = test_rng("uuid");
	struct guid g;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		char id[GRAPH_UUID_SIZE];

		graph_uuid(&rng, id);
		assert_true(guid_parse(id, &g));
		assert_int_equal(id[14], '4');
		assert_non_null(strchr("89ab", id[19]));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_stay_with_graph),
		cmocka_unit_test(hostile_paths_go_nowhere),
		cmocka_unit_test(requests_are_checked),
		cmocka_unit_test(a_stand_in_goes_by_the_name_of_graph),
		cmocka_unit_test(uuids_are_version_4),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
