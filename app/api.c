/*
 * api.c - the routes of the app API, as a table, and what each does between the request and the port.
 *
 * The order of checks is the same for every call: who asks (401), path (404), method (405), ids in the path (400), body
 * (400 and 422), the operation itself.
 */
#include "app/api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/answers.h"
#include "app/feed.h"
#include "app/request.h"
#include "app/view.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "model/event_json.h"
#include "net/http_server.h"

#define SEGMENTS_MAX      8
#define SEGMENT_SIZE      (APP_ID_SIZE * 3) /* every character of an id may be percent-encoded */
#define AUTHORIZATION_MAX 4096

struct app_api {
	const struct app_ops *ops;
	void *ctx;
	struct answers *answers;
	struct feed *feed;
	bool has_token;
	uint8_t token_digest[HASH_LEN]; /* so that the comparison takes the same time for any length */
};

/* One request on its way through. */
struct call {
	struct app_api *api;
	struct http_exchange *x;
	const struct route *route;
	/* from the path */
	struct tenant_id tenant;
	struct erg_id erg;
	struct app_person_ref who;
	struct event_id event;
	char resync[APP_ID_SIZE];
	uint64_t receipt;
	json_t *body; /* owned; NULL without one */
	/* the answer */
	int status;
	json_t *json; /* given to the answer */
	char header[APP_ID_SIZE + 64];
	bool answered; /* the feed has taken the exchange */
	struct problem problem;
	json_t *errors; /* owned */
};

enum body { BODY_NONE, BODY_NEEDED, BODY_OPTIONAL };

struct route {
	const char *method;
	const char *template;
	size_t op; /* offset in struct app_ops of what it needs: NULL there is 501 */
	enum body body;
	enum err (*handle)(struct call *c);
};

/* ---------- parameters ---------- */

static enum err
bad_parameter(struct call *c, const char *name, const char *detail)
{
	json_t *error = json_pack("{s:s, s:s}", "parameter", name, "detail", detail);

	c->errors = json_array();
	json_array_append_new(c->errors, error);
	return problem_set(&c->problem, PROBLEM_BAD_PARAMETER, "The query parameter %s %s.", name, detail);
}

static enum err
number_parameter(struct call *c, const char *name, uint64_t min, uint64_t max, uint64_t fallback, uint64_t *ret)
{
	enum err e = ERR_OK;
	char *text = http_exchange_param(c->x, name, &e);
	char detail[96];

	if (e == ERR_OK)
		e = request_number(text, min, max, fallback, ret);
	free(text);
	if (e == ERR_OK)
		return ERR_OK;
	snprintf(detail, sizeof(detail), "must be one whole number from %" PRIu64 " to %" PRIu64, min, max);
	return bad_parameter(c, name, detail);
}

/* A cursor looks like an id or a person in a path; what it means is the backend's. */
static bool
cursor_plausible(const char *s)
{
	for (; *s != '\0'; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
		        strchr("._~:-", *s) != NULL))
			return false;
	return true;
}

static enum err
page_parameters(struct call *c, struct app_page *ret)
{
	uint64_t limit = 0;
	enum err e = number_parameter(c, "limit", 1, APP_LIST_LIMIT_MAX, APP_LIST_LIMIT_DEFAULT, &limit);
	char *after;
	bool good;

	if (e != ERR_OK)
		return e;
	ret->limit = (unsigned)limit;
	ret->after[0] = '\0';
	after = http_exchange_param(c->x, "after", &e);
	good = e == ERR_OK && (after == NULL || (cursor_plausible(after) && str_copy(ret->after, sizeof(ret->after), after)));
	free(after);
	return good ? ERR_OK : bad_parameter(c, "after", "must be the \"next\" of the page before");
}

/* ---------- lists ---------- */

/* Items on their way into {"<name>": [...], "next": cursor or null}. */
struct list {
	json_t *items;
	int bad;
	size_t bytes; /* of what may be large */
};

static void
list_add(struct list *list, json_t *item)
{
	list->bad |= json_array_append_new(list->items, item);
}

static void
emit_tenant(void *arg, const struct tenant_view *t)
{
	list_add(arg, view_tenant(t));
}

static void
emit_erg(void *arg, const struct erg_view *e)
{
	list_add(arg, view_erg(e));
}

static void
emit_member(void *arg, const struct member_view *m)
{
	list_add(arg, view_member(m));
}

static void
emit_resync(void *arg, const struct resync *r)
{
	list_add(arg, view_resync(r));
}

static bool
emit_event(void *arg, const struct event_view *e)
{
	struct list *list = arg;

	list_add(list, view_event(e));
	list->bytes += strlen(e->fields->body_html) + e->fields->attendee_count * sizeof(struct event_attendee);
	return list->bytes < APP_EVENTS_BYTES;
}

/* The one event of a call. */
static bool
emit_answer(void *arg, const struct event_view *e)
{
	struct call *c = arg;

	json_decref(c->json);
	c->json = view_event(e);
	return true;
}

static void
emit_plan_item(void *arg, const struct app_plan_item *item)
{
	list_add(arg, view_plan_item(item));
}

static enum err
list_finish(struct call *c, struct list *list, const char *name, const struct app_cursor *next, enum err e)
{
	json_t *o = json_object();

	list->bad |= json_object_set_new(o, name, list->items);
	list->bad |= json_object_set_new(o, "next", view_text(next->s));
	c->status = 200;
	if (e == ERR_OK && list->bad == 0)
		c->json = json_incref(o);
	json_decref(o);
	return e;
}

/* ---------- handlers, in the order of the table ---------- */

#define OPS(c) (c)->api->ops
#define CTX(c) (c)->api->ctx

static enum err
tenant_put(struct call *c)
{
	struct app_tenant_put put = { .id = c->tenant };
	struct tenant_view view = { .consent_url = "" };
	bool created = false;
	enum err e = request_tenant(c->body, &put, &c->errors);

	if (e == ERR_OK)
		e = OPS(c)->tenant_put(CTX(c), &put, &view, &created, &c->problem);
	if (e != ERR_OK)
		return e;
	c->status = created ? 201 : 200;
	c->json = view_tenant(&view);
	return ERR_OK;
}

static enum err
tenant_get(struct call *c)
{
	struct tenant_view view = { .consent_url = "" };
	enum err e = OPS(c)->tenant_get(CTX(c), &c->tenant, &view, &c->problem);

	c->status = 200;
	c->json = e == ERR_OK ? view_tenant(&view) : NULL;
	return e;
}

static enum err
tenant_list(struct call *c)
{
	struct list list = { .items = json_array() };
	struct app_cursor next = { "" };
	struct app_page page;
	enum err e = page_parameters(c, &page);

	if (e == ERR_OK)
		e = OPS(c)->tenant_list(CTX(c), &page, emit_tenant, &list, &next, &c->problem);
	return list_finish(c, &list, "tenants", &next, e);
}

static enum err
tenant_remove(struct call *c)
{
	struct tenant_view view = { .consent_url = "" };
	enum err e = OPS(c)->tenant_remove(CTX(c), &c->tenant, &view, &c->problem);

	c->status = 202;
	c->json = e == ERR_OK ? view_tenant(&view) : NULL;
	return e;
}

static enum err
tenant_sign_in_start(struct call *c)
{
	struct app_sign_in sign_in = { .state = APP_SIGN_IN_NONE };
	enum err e = OPS(c)->tenant_sign_in_start(CTX(c), &c->tenant, &sign_in, &c->problem);

	c->status = 202;
	c->json = e == ERR_OK ? view_sign_in(&sign_in) : NULL;
	return e;
}

static enum err
tenant_sign_in_get(struct call *c)
{
	struct app_sign_in sign_in = { .state = APP_SIGN_IN_NONE };
	enum err e = OPS(c)->tenant_sign_in_get(CTX(c), &c->tenant, &sign_in, &c->problem);

	c->status = 200;
	c->json = e == ERR_OK ? view_sign_in(&sign_in) : NULL;
	return e;
}

static enum err
tenant_doctor(struct call *c)
{
	struct app_doctor doctor = { .running = false };
	enum err e = OPS(c)->tenant_doctor(CTX(c), &c->tenant, &doctor, &c->problem);

	c->status = 200;
	c->json = e == ERR_OK ? view_doctor(&doctor) : NULL;
	return e;
}

static enum err
erg_put(struct call *c)
{
	struct app_erg_put put = { .id = c->erg };
	struct erg_view view = { .subscription_count = 0 };
	bool created = false;
	enum err e = request_erg(c->body, &put, &c->errors);

	if (e == ERR_OK)
		e = OPS(c)->erg_put(CTX(c), &put, &view, &created, &c->problem);
	if (e != ERR_OK)
		return e;
	c->status = created ? 201 : 200;
	c->json = view_erg(&view);
	return ERR_OK;
}

static enum err
erg_get(struct call *c)
{
	struct erg_view view = { .subscription_count = 0 };
	enum err e = OPS(c)->erg_get(CTX(c), &c->erg, &view, &c->problem);

	c->status = 200;
	c->json = e == ERR_OK ? view_erg(&view) : NULL;
	return e;
}

static enum err
erg_list(struct call *c)
{
	struct list list = { .items = json_array() };
	struct app_cursor next = { "" };
	struct app_page page;
	enum err e = page_parameters(c, &page);

	if (e == ERR_OK)
		e = OPS(c)->erg_list(CTX(c), &page, emit_erg, &list, &next, &c->problem);
	return list_finish(c, &list, "ergs", &next, e);
}

static enum err
erg_remove(struct call *c)
{
	enum err e = OPS(c)->erg_remove(CTX(c), &c->erg, &c->problem);

	c->status = 202;
	c->json = e == ERR_OK ? json_pack("{s:s, s:s}", "id", c->erg.s, "erg", c->erg.s) : NULL;
	return e;
}

static enum err
member_list(struct call *c)
{
	struct list list = { .items = json_array() };
	struct app_cursor next = { "" };
	struct app_page page;
	enum err e = page_parameters(c, &page);

	if (e == ERR_OK)
		e = OPS(c)->member_list(CTX(c), &c->erg, &page, emit_member, &list, &next, &c->problem);
	return list_finish(c, &list, "members", &next, e);
}

static enum err
member_get(struct call *c)
{
	struct member_view view = { .member.status = MEMBER_SYNCED };
	enum err e = OPS(c)->member_get(CTX(c), &c->erg, &c->who, &view, &c->problem);

	c->status = 200;
	c->json = e == ERR_OK ? view_member(&view) : NULL;
	return e;
}

static enum err
member_put(struct call *c)
{
	struct app_member_put put = { .who = c->who };
	struct member_view view = { .member.status = MEMBER_SYNCED };
	enum err e = request_member(c->body, &put, &c->errors);

	if (e == ERR_OK)
		e = OPS(c)->member_put(CTX(c), &c->erg, &put, &view, &c->problem);
	c->status = 202;
	c->json = e == ERR_OK ? view_member(&view) : NULL;
	return e;
}

static enum err
member_remove(struct call *c)
{
	enum err e = OPS(c)->member_remove(CTX(c), &c->erg, &c->who, &c->problem);
	bool named = c->who.user.s[0] != '\0';

	c->status = 202;
	if (e == ERR_OK)
		c->json = json_pack("{s:s, s:o}", "erg", c->erg.s, "user",
		    named ? json_string(c->who.user.s) : json_sprintf(PERSON_TEAMS_PREFIX "%s", c->who.entra_id.s));
	return e;
}

static enum err
members_replace(struct call *c)
{
	struct app_members_replaced counts = { 0, 0, 0 };
	struct app_member_put *list = NULL;
	size_t count = 0;
	enum err e = request_members(c->body, &list, &count, &c->errors);

	if (e == ERR_OK)
		e = OPS(c)->members_replace(CTX(c), &c->erg, list, count, &counts, &c->problem);
	free(list);
	c->status = 202;
	c->json = e == ERR_OK ? view_members_replaced(&counts) : NULL;
	return e;
}

static enum err
event_list(struct call *c)
{
	struct list list = { .items = json_array() };
	struct app_cursor next = { "" };
	struct app_page page;
	enum err e = page_parameters(c, &page);

	if (e == ERR_OK)
		e = OPS(c)->event_list(CTX(c), &c->erg, &page, emit_event, &list, &next, &c->problem);
	return list_finish(c, &list, "events", &next, e);
}

static enum err
event_get(struct call *c)
{
	c->status = 200;
	return OPS(c)->event_get(CTX(c), &c->erg, &c->event, emit_answer, c, &c->problem);
}

static enum err
event_put(struct call *c)
{
	struct event_fields *fields = NULL;
	enum err e = event_fields_read(c->body, &fields, &c->errors);

	if (e == ERR_OK)
		e = OPS(c)->event_put(CTX(c), &c->erg, &c->event, fields, emit_answer, c, &c->problem);
	event_fields_free(fields);
	c->status = 202;
	return e;
}

static enum err
event_cancel(struct call *c)
{
	char comment[EVENT_COMMENT_SIZE];
	enum err e = request_comment(c->body, comment, &c->errors);

	if (e == ERR_OK)
		e = OPS(c)->event_cancel(CTX(c), &c->erg, &c->event, comment, emit_answer, c, &c->problem);
	c->status = 202;
	return e;
}

static enum err
plan_get(struct call *c)
{
	struct list list = { .items = json_array() };
	struct app_plan plan = { .erg = c->erg };
	enum err e = OPS(c)->plan_get(CTX(c), &c->erg, emit_plan_item, &list, &plan, &c->problem);

	c->status = 200;
	if (e == ERR_OK && list.bad == 0)
		c->json = view_plan(&plan, json_incref(list.items));
	json_decref(list.items);
	return e;
}

static enum err
plan_decide(struct call *c)
{
	const char *hash = "";
	bool approve = false;
	enum err e = request_decision(c->body, &approve, &hash, &c->errors);

	if (e == ERR_OK)
		e = OPS(c)->plan_decide(CTX(c), &c->erg, approve, hash, &c->problem);
	c->status = 202;
	if (e == ERR_OK)
		c->json = json_pack("{s:s, s:s, s:s}", "erg", c->erg.s, "decision", approve ? "approve" : "reject", "hash", hash);
	return e;
}

static enum err
resync_start(struct call *c)
{
	struct resync resync = { .number = 0 };
	struct resync_scope scope = { RESYNC_ALL, "" };
	bool dry_run = false;
	enum err e = request_resync(c->body, &scope, &dry_run, &c->errors);

	if (e == ERR_OK)
		e = OPS(c)->resync_start(CTX(c), &scope, dry_run, &resync, &c->problem);
	if (e != ERR_OK)
		return e;
	c->status = 202;
	c->json = view_resync(&resync);
	snprintf(c->header, sizeof(c->header), "Location: /v1/resyncs/%s", resync.id);
	return ERR_OK;
}

static enum err
resync_list(struct call *c)
{
	struct list list = { .items = json_array() };
	struct app_cursor next = { "" };
	struct app_page page;
	enum err e = page_parameters(c, &page);

	if (e == ERR_OK)
		e = OPS(c)->resync_list(CTX(c), &page, emit_resync, &list, &next, &c->problem);
	return list_finish(c, &list, "resyncs", &next, e);
}

static enum err
resync_get(struct call *c)
{
	struct resync resync = { .number = 0 };
	enum err e = OPS(c)->resync_get(CTX(c), c->resync, &resync, &c->problem);

	c->status = 200;
	c->json = e == ERR_OK ? view_resync(&resync) : NULL;
	return e;
}

static enum err
resync_cancel(struct call *c)
{
	struct resync resync = { .number = 0 };
	enum err e = OPS(c)->resync_cancel(CTX(c), c->resync, &resync, &c->problem);

	c->status = 202;
	c->json = e == ERR_OK ? view_resync(&resync) : NULL;
	return e;
}

static enum err
changes_get(struct call *c)
{
	uint64_t after = 0, limit = 0, wait_s = 0;
	enum err e;

	if ((e = number_parameter(c, "after", 0, INT64_MAX, 0, &after)) != ERR_OK ||
	    (e = number_parameter(c, "limit", 1, APP_LIST_LIMIT_MAX, APP_LIST_LIMIT_DEFAULT, &limit)) != ERR_OK ||
	    (e = number_parameter(c, "wait", 0, APP_WAIT_MAX_S, 0, &wait_s)) != ERR_OK)
		return e;
	c->answered = true;
	feed_serve(c->api->feed, c->x, after, (unsigned)limit, (int64_t)wait_s * 1000);
	return ERR_OK;
}

static enum err
status_get(struct call *c)
{
	struct app_status status = { .started_wall_ms = 0 };
	enum err e = OPS(c)->status(CTX(c), &status, &c->problem);

	c->status = 200;
	c->json = e == ERR_OK ? view_status(&status) : NULL;
	return e;
}

static enum err
receipt_get(struct call *c)
{
	struct receipt receipt = { .number = 0 };
	enum err e = OPS(c)->receipt_get(CTX(c), c->receipt, &receipt, &c->problem);

	c->status = 200;
	c->json = e == ERR_OK ? view_receipt(&receipt) : NULL;
	return e;
}

static enum err
key_rotate(struct call *c)
{
	struct app_key_rotation rotation = { .done = false };
	const char *check = "";
	enum err e = request_key_rotate(c->body, &check, &c->errors);

	if (e == ERR_OK)
		e = OPS(c)->key_rotate(CTX(c), check, &rotation, &c->problem);
	c->status = 202;
	c->json = e == ERR_OK ? view_key_rotation(&rotation) : NULL;
	return e;
}

#define OP(name) offsetof(struct app_ops, name)

static const struct route routes[] = {
	{ "GET", "/v1/tenants", OP(tenant_list), BODY_NONE, tenant_list },
	{ "PUT", "/v1/tenants/{tenant}", OP(tenant_put), BODY_NEEDED, tenant_put },
	{ "GET", "/v1/tenants/{tenant}", OP(tenant_get), BODY_NONE, tenant_get },
	{ "DELETE", "/v1/tenants/{tenant}", OP(tenant_remove), BODY_NONE, tenant_remove },
	{ "POST", "/v1/tenants/{tenant}/sign-in", OP(tenant_sign_in_start), BODY_NONE, tenant_sign_in_start },
	{ "GET", "/v1/tenants/{tenant}/sign-in", OP(tenant_sign_in_get), BODY_NONE, tenant_sign_in_get },
	{ "GET", "/v1/tenants/{tenant}/doctor", OP(tenant_doctor), false, tenant_doctor },
	{ "GET", "/v1/ergs", OP(erg_list), BODY_NONE, erg_list },
	{ "PUT", "/v1/ergs/{erg}", OP(erg_put), BODY_NEEDED, erg_put },
	{ "GET", "/v1/ergs/{erg}", OP(erg_get), BODY_NONE, erg_get },
	{ "DELETE", "/v1/ergs/{erg}", OP(erg_remove), BODY_NONE, erg_remove },
	{ "GET", "/v1/ergs/{erg}/members", OP(member_list), BODY_NONE, member_list },
	{ "PUT", "/v1/ergs/{erg}/members", OP(members_replace), BODY_NEEDED, members_replace },
	{ "GET", "/v1/ergs/{erg}/members/{user}", OP(member_get), BODY_NONE, member_get },
	{ "PUT", "/v1/ergs/{erg}/members/{user}", OP(member_put), BODY_NEEDED, member_put },
	{ "DELETE", "/v1/ergs/{erg}/members/{user}", OP(member_remove), BODY_NONE, member_remove },
	{ "GET", "/v1/ergs/{erg}/events", OP(event_list), BODY_NONE, event_list },
	{ "GET", "/v1/ergs/{erg}/events/{event}", OP(event_get), BODY_NONE, event_get },
	{ "PUT", "/v1/ergs/{erg}/events/{event}", OP(event_put), BODY_NEEDED, event_put },
	{ "DELETE", "/v1/ergs/{erg}/events/{event}", OP(event_cancel), BODY_OPTIONAL, event_cancel },
	{ "GET", "/v1/ergs/{erg}/plan", OP(plan_get), BODY_NONE, plan_get },
	{ "POST", "/v1/ergs/{erg}/plan", OP(plan_decide), BODY_NEEDED, plan_decide },
	{ "GET", "/v1/resyncs", OP(resync_list), BODY_NONE, resync_list },
	{ "POST", "/v1/resyncs", OP(resync_start), BODY_NEEDED, resync_start },
	{ "GET", "/v1/resyncs/{resync}", OP(resync_get), BODY_NONE, resync_get },
	{ "DELETE", "/v1/resyncs/{resync}", OP(resync_cancel), BODY_NONE, resync_cancel },
	{ "GET", "/v1/changes", OP(changes_read), BODY_NONE, changes_get },
	{ "GET", "/v1/receipts/{receipt}", OP(receipt_get), BODY_NONE, receipt_get },
	{ "POST", "/v1/keys/rotate", OP(key_rotate), BODY_NEEDED, key_rotate },
	{ "GET", "/v1/status", OP(status), BODY_NONE, status_get },
};

#define ROUTE_COUNT (sizeof(routes) / sizeof(routes[0]))

/* ---------- routing ---------- */

/* A path cut at its slashes, each piece decoded. */
struct path {
	char segments[SEGMENTS_MAX][SEGMENT_SIZE];
	bool bad[SEGMENTS_MAX]; /* a wrong escape, or longer than any id may be */
	size_t count;
};

/* False for a path that no route can have. */
static bool
path_split(const char *s, struct path *ret)
{
	ret->count = 0;
	while (*s == '/') {
		size_t len = strcspn(++s, "/"), got;
		char *segment;

		if (ret->count == SEGMENTS_MAX)
			return false;
		segment = ret->segments[ret->count];
		ret->bad[ret->count] =
		    !str_copy_len(segment, SEGMENT_SIZE, s, len) || percent_decode(segment, len, 0, segment, &got) != ERR_OK;
		ret->count++;
		s += len;
	}
	return *s == '\0' && ret->count > 0;
}

static bool
route_fits(const struct route *route, const struct path *path)
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

static enum err
malformed_id(struct call *c, const char *what)
{
	return problem_set(&c->problem, PROBLEM_BAD_ID, "The %s in the path must be 1 to 128 of A-Z a-z 0-9 . _ ~ -%s.", what,
	    strcmp(what, "user") == 0 ? ", or entra:<object id>" : "");
}

static bool
read_tenant_id(struct call *c, const char *s)
{
	return tenant_id_parse(s, &c->tenant);
}

static bool
read_erg_id(struct call *c, const char *s)
{
	return erg_id_parse(s, &c->erg);
}

static bool
read_user_id(struct call *c, const char *s)
{
	return person_ref_parse(s, &c->who.user, &c->who.entra_id);
}

static bool
read_event_id(struct call *c, const char *s)
{
	return event_id_parse(s, &c->event);
}

static bool
read_resync_id(struct call *c, const char *s)
{
	return app_id_valid(s) && str_copy(c->resync, sizeof(c->resync), s);
}

static bool
read_receipt_id(struct call *c, const char *s)
{
	return request_number(s, 1, INT64_MAX, 0, &c->receipt) == ERR_OK;
}

static const struct {
	const char *name;
	bool (*read)(struct call *c, const char *s);
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
path_id_read(struct call *c, const char *name, const char *segment, bool bad)
{
	for (size_t i = 0; i < sizeof(path_ids) / sizeof(path_ids[0]); i++) {
		size_t len = strlen(path_ids[i].name);

		if (strncmp(name, path_ids[i].name, len) == 0 && name[len] == '}')
			return !bad && path_ids[i].read(c, segment) ? ERR_OK : malformed_id(c, path_ids[i].name);
	}
	return ERR_UNEXPECTED;
}

static enum err
path_ids_read(struct call *c, const struct path *path)
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

/* "Allow: GET, PUT" of all routes with this path. */
static void
allow_header(const struct path *path, char *ret, size_t ret_size)
{
	size_t len = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < ROUTE_COUNT && len < ret_size; i++)
		if (route_fits(&routes[i], path))
			len += (size_t)snprintf(ret + len, ret_size - len, "%s%s", len == 0 ? "Allow: " : ", ", routes[i].method);
}

static enum err
route_find(struct call *c, const struct path *path)
{
	const char *method = http_exchange_method(c->x);

	for (size_t i = 0; i < ROUTE_COUNT; i++) {
		if (strcmp(routes[i].method, method) == 0 && route_fits(&routes[i], path)) {
			c->route = &routes[i];
			return ERR_OK;
		}
	}
	allow_header(path, c->header, sizeof(c->header));
	if (c->header[0] != '\0')
		return problem_set(&c->problem, PROBLEM_BAD_METHOD, "%s is not possible here.", method);
	return problem_set(&c->problem, PROBLEM_UNKNOWN_PATH, "The API begins at /v1/status.");
}

/* ---------- one request ---------- */

static bool
token_good(const struct app_api *api, const char *authorization)
{
	static const char scheme[] = "Bearer ";
	struct span token;
	uint8_t digest[HASH_LEN];

	if (!api->has_token || authorization == NULL || strnlen(authorization, AUTHORIZATION_MAX) >= AUTHORIZATION_MAX)
		return false;
	if (strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0)
		return false;
	authorization += sizeof(scheme) - 1;
	token = (struct span){ authorization, strlen(authorization) };
	sha256(&token, 1, digest);
	return hash_equal(digest, api->token_digest, HASH_LEN);
}

static enum err
authorize(struct call *c)
{
	if (http_exchange_is_unix(c->x) || token_good(c->api, http_exchange_header(c->x, "Authorization")))
		return ERR_OK;
	str_copy(c->header, sizeof(c->header), "WWW-Authenticate: Bearer realm=\"ergsync\"");
	return problem_set(
	    &c->problem, PROBLEM_UNAUTHORIZED, "Send \"Authorization: Bearer\" and the token of [app] token_file.");
}

static enum err
body_read(struct call *c)
{
	char why[160];
	size_t len;
	const char *body = http_exchange_body(c->x, &len);

	if (c->route->body == BODY_NONE || (c->route->body == BODY_OPTIONAL && len == 0))
		return ERR_OK;
	if (jx_parse(body, len, &c->body, why, sizeof(why)) == ERR_OK)
		return ERR_OK;
	return problem_set(&c->problem, PROBLEM_BAD_JSON, "%s.", len == 0 ? "A JSON object is needed as the body" : why);
}

/* An operation the backend leaves out. */
static enum err
op_present(struct call *c)
{
	void (*op)(void);

	memcpy(&op, (const char *)c->api->ops + c->route->op, sizeof(op));
	if (op != NULL)
		return ERR_OK;
	return problem_set(&c->problem, PROBLEM_UNSUPPORTED, "This version does not do that yet.");
}

static enum err
call_run(struct call *c)
{
	struct path path;
	enum err e;

	if ((e = authorize(c)) != ERR_OK)
		return e;
	if (!path_split(http_exchange_path(c->x), &path))
		return problem_set(&c->problem, PROBLEM_UNKNOWN_PATH, "The API begins at /v1/status.");
	if ((e = route_find(c, &path)) != ERR_OK || (e = path_ids_read(c, &path)) != ERR_OK || (e = op_present(c)) != ERR_OK ||
	    (e = body_read(c)) != ERR_OK)
		return e;
	return c->route->handle(c);
}

/* What is refused without a problem gets one, so that every refusal has its sentence. */
static void
problem_complete(struct call *c, enum err e)
{
	if (c->problem.kind != PROBLEM_NONE)
		return;
	if (c->errors != NULL)
		problem_set(&c->problem, PROBLEM_BAD_BODY, "See errors for each field.");
	else
		problem_set(&c->problem, problem_of_err(e), "It failed: %s.", err_text(e));
}

static void
call_refuse(struct call *c, enum err e)
{
	problem_complete(c, e);
	if (problem_status(c->problem.kind) == 500)
		log_put(LOG_ERROR, "app_api_failed", LS("route", c->route == NULL ? "-" : c->route->template),
		    LS("err", err_name(e)));
	if (problem_status(c->problem.kind) == 503)
		str_copy(c->header, sizeof(c->header), "Retry-After: 10");
	answers_problem(c->api->answers, c->x, &c->problem, c->errors, c->header[0] != '\0' ? c->header : NULL);
}

void
app_api_handle(void *api, struct http_exchange *x)
{
	struct call c = { .api = api, .x = x };
	enum err e = call_run(&c);

	if (e != ERR_OK) {
		json_decref(c.json);
		call_refuse(&c, e);
	} else if (!c.answered) {
		answers_json(c.api->answers, x, c.status, c.json, c.header[0] != '\0' ? c.header : NULL);
	}
	json_decref(c.body);
	json_decref(c.errors);
}

/* ---------- the object ---------- */

enum err
app_api_set_token(struct app_api *api, const char *token)
{
	struct span span = { token, token == NULL ? 0 : strlen(token) };

	api->has_token = span.len > 0;
	if (span.len >= AUTHORIZATION_MAX - sizeof("Bearer "))
		return ERR_TOOBIG;
	if (api->has_token)
		sha256(&span, 1, api->token_digest);
	return ERR_OK;
}

enum err
app_api_new(const struct app_api_options *options, struct app_api **ret)
{
	struct app_api *api = calloc(1, sizeof(*api));
	enum err e = ERR_NOMEM;

	if (api == NULL)
		return ERR_NOMEM;
	api->ops = options->ops;
	api->ctx = options->ctx;
	if ((api->answers = answers_new(options->ops, options->ctx)) != NULL &&
	    (api->feed = feed_new(options->ops, options->ctx, options->clock, api->answers)) != NULL)
		e = app_api_set_token(api, options->token);
	if (e == ERR_OK)
		*ret = api;
	else
		app_api_free(api);
	return e;
}

void
app_api_free(struct app_api *api)
{
	if (api == NULL)
		return;
	feed_free(api->feed);
	answers_free(api->answers);
	free(api);
}

void
app_api_changes_arrived(struct app_api *api)
{
	feed_arrived(api->feed);
}

unsigned
app_api_waiters(const struct app_api *api)
{
	return feed_waiting(api->feed);
}
