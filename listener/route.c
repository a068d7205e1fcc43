/* contract.md section 3, as a table. */
#include "listener/route.h"

#include <stdbool.h>
#include <string.h>

static const struct {
	const char *path, *method, *allow;
	enum route route;
} routes[] = {
	{ "/graph/notifications", "POST", "POST", ROUTE_NOTIFICATIONS },
	{ "/graph/lifecycle", "POST", "POST", ROUTE_LIFECYCLE },
	{ "/graph/consent", "GET", "GET", ROUTE_CONSENT },
	{ "/healthz", "GET", "GET, HEAD", ROUTE_HEALTH },
	{ "/healthz", "HEAD", "GET, HEAD", ROUTE_HEALTH },
};

static bool
same(const char *text, size_t len, const char *expected)
{
	return strlen(expected) == len && memcmp(text, expected, len) == 0;
}

enum route
route_find(const char *method, size_t method_len, const char *path, size_t path_len, const char **ret_allow)
{
	enum route found = ROUTE_UNKNOWN_PATH;

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (!same(path, path_len, routes[i].path))
			continue;
		if (same(method, method_len, routes[i].method))
			return routes[i].route;
		*ret_allow = routes[i].allow;
		found = ROUTE_WRONG_METHOD;
	}
	return found;
}
