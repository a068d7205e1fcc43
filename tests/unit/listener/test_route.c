#include "listener/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *method, *path;
	enum route route;
	const char *allow;
} cases[] = {
	{ "POST", "/graph/notifications", ROUTE_NOTIFICATIONS, NULL },
	{ "POST", "/graph/lifecycle", ROUTE_LIFECYCLE, NULL },
	{ "GET", "/healthz", ROUTE_HEALTH, NULL },
	{ "HEAD", "/healthz", ROUTE_HEALTH, NULL },
	{ "GET", "/graph/consent", ROUTE_CONSENT, NULL },
	{ "POST", "/graph/consent", ROUTE_WRONG_METHOD, "GET" },
	{ "POST", "/healthz", ROUTE_WRONG_METHOD, "GET, HEAD" },
	{ "GET", "/graph/notifications", ROUTE_WRONG_METHOD, "POST" },
	{ "post", "/graph/notifications", ROUTE_WRONG_METHOD, "POST" },
	{ "POSTS", "/graph/lifecycle", ROUTE_WRONG_METHOD, "POST" },
	{ "PUT", "/graph/lifecycle", ROUTE_WRONG_METHOD, "POST" },
	{ "GET", "/", ROUTE_UNKNOWN_PATH, NULL },
	{ "POST", "/graph/notifications/", ROUTE_UNKNOWN_PATH, NULL },
	{ "POST", "//graph/notifications", ROUTE_UNKNOWN_PATH, NULL },
	{ "POST", "/graph/./notifications", ROUTE_UNKNOWN_PATH, NULL },
	{ "POST", "/graph/notification", ROUTE_UNKNOWN_PATH, NULL },
	{ "POST", "/Graph/notifications", ROUTE_UNKNOWN_PATH, NULL },
	{ "POST", "/graph%2fnotifications", ROUTE_UNKNOWN_PATH, NULL },
	{ "GET", "/metrics", ROUTE_UNKNOWN_PATH, NULL },
};

static void
test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *allow = NULL;

		assert_int_equal(
		    route_find(cases[i].method, strlen(cases[i].method), cases[i].path, strlen(cases[i].path), &allow),
		    cases[i].route);
		if (cases[i].allow != NULL)
			assert_string_equal(allow, cases[i].allow);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_table) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
