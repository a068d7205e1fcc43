/* A path is cut at its slashes before anything is decoded, so that no id can hold a slash that counts. */
#include "app/api_call.h"

#include <stdio.h>
#include <string.h>

#include "app/request.h"
#include "base/encode.h"
#include "base/text.h"
#include "net/http_server.h"

/* ---------- paths ---------- */

bool
api_path_split(const char *s, struct api_path *ret)
{
	ret->count = 0;
	while (*s == '/') {
		size_t len = strcspn(++s, "/"), got;
		char *segment;

		if (ret->count == API_SEGMENTS_MAX)
			return false;
		segment = ret->segments[ret->count];
		ret->bad[ret->count] =
		    !str_copy_len(segment, API_SEGMENT_SIZE, s, len) || percent_decode(segment, len, 0, segment, &got) != ERR_OK;
		ret->count++;
		s += len;
	}
	return *s == '\0' && ret->count > 0;
}

static bool
route_fits(const struct api_route *route, const struct api_path *path)
{
	const char *s = route->template;
	size_t i;

	for (i = 0; *s == '/'; i++) {
		size_t len = strcspn(++s, "/");

		if (i >= path->count)
			return false;
		if (*s != '{' && (path->bad[i] || strncmp(s, path->segments[i], len) != 0 || path->segments[i][len] != '\0'))
			return false;
		s += len;
	}
	return i == path->count;
}

/* ---------- ids ---------- */

static enum err
malformed_id(struct api_call *c, const char *what)
{
	return problem_set(&c->problem, PROBLEM_BAD_ID, "The %s in the path must be 1 to 128 of A-Z a-z 0-9 . _ ~ -%s.", what,
	    strcmp(what, "user") == 0 ? ", or entra:<object id>" : "");
}

static bool
read_tenant_id(struct api_call *c, const char *s)
{
	return tenant_id_parse(s, &c->tenant);
}

static bool
read_erg_id(struct api_call *c, const char *s)
{
	return erg_id_parse(s, &c->erg);
}

static bool
read_user_id(struct api_call *c, const char *s)
{
	return person_ref_parse(s, &c->who.user, &c->who.entra_id);
}

static bool
read_event_id(struct api_call *c, const char *s)
{
	return event_id_parse(s, &c->event);
}

static bool
read_resync_id(struct api_call *c, const char *s)
{
	return app_id_valid(s) && str_copy(c->resync, sizeof(c->resync), s);
}

static bool
read_receipt_id(struct api_call *c, const char *s)
{
	return request_number(s, 1, INT64_MAX, 0, &c->receipt) == ERR_OK;
}

static const struct {
	const char *name;
	bool (*read)(struct api_call *c, const char *s);
} path_ids[] = {
	{ "tenant", read_tenant_id },
	{ "erg", read_erg_id },
	{ "user", read_user_id },
	{ "event", read_event_id },
	{ "resync", read_resync_id },
	{ "receipt", read_receipt_id },
};

/* name ends at its brace. */
static enum err
path_id_read(struct api_call *c, const char *name, const char *segment, bool bad)
{
	for (size_t i = 0; i < sizeof(path_ids) / sizeof(path_ids[0]); i++) {
		size_t len = strlen(path_ids[i].name);

		if (strncmp(name, path_ids[i].name, len) == 0 && name[len] == '}')
			return !bad && path_ids[i].read(c, segment) ? ERR_OK : malformed_id(c, path_ids[i].name);
	}
	return ERR_UNEXPECTED;
}

enum err
api_path_ids_read(struct api_call *c, const struct api_path *path)
{
	const char *s = c->route->template;

	for (size_t i = 0; *s == '/'; i++) {
		enum err e = *++s == '{' ? path_id_read(c, s + 1, path->segments[i], path->bad[i]) : ERR_OK;

		if (e != ERR_OK)
			return e;
		s += strcspn(s, "/");
	}
	return ERR_OK;
}

/* ---------- api_routes ---------- */

/* "Allow: GET, PUT" of all api_routes with this path. */
static void
allow_header(const struct api_path *path, char *ret, size_t ret_size)
{
	size_t len = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < api_route_count && len < ret_size; i++)
		if (route_fits(&api_routes[i], path))
			len += (size_t)snprintf(
			    ret + len, ret_size - len, "%s%s", len == 0 ? "Allow: " : ", ", api_routes[i].method);
}

enum err
api_route_find(struct api_call *c, const struct api_path *path)
{
	const char *method = http_exchange_method(c->x);

	for (size_t i = 0; i < api_route_count; i++) {
		if (strcmp(api_routes[i].method, method) == 0 && route_fits(&api_routes[i], path)) {
			c->route = &api_routes[i];
			return ERR_OK;
		}
	}
	allow_header(path, c->header, sizeof(c->header));
	if (c->header[0] != '\0')
		return problem_set(&c->problem, PROBLEM_BAD_METHOD, "%s is not possible here.", method);
	return problem_set(&c->problem, PROBLEM_UNKNOWN_PATH, "The API begins at /v1/status.");
}
