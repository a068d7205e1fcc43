/* Each handler turns what the request says into model's terms, asks the port, and turns its answer into JSON. */
#include "app/api_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/feed.h"
#include "app/request.h"
#include "app/view.h"
#include "model/event_json.h"

/* ---------- what goes into lists ---------- */

static void
emit_tenant(void *arg, const struct tenant_view *t)
{
	api_list_add(arg, view_tenant(t));
}

static void
emit_erg(void *arg, const struct erg_view *e)
{
	api_list_add(arg, view_erg(e));
}

static void
emit_member(void *arg, const struct member_view *m)
{
	api_list_add(arg, view_member(m));
}

static void
emit_resync(void *arg, const struct resync *r)
{
	api_list_add(arg, view_resync(r));
}

static bool
emit_event(void *arg, const struct event_view *e)
{
	struct api_list *list = arg;

	api_list_add(list, view_event(e));
	list->bytes += strlen(e->fields->body_html) + e->fields->attendee_count * sizeof(struct event_attendee);
	return list->bytes < APP_EVENTS_BYTES;
}

/* The one event of a call. */
static bool
emit_answer(void *arg, const struct event_view *e)
{
	struct api_call *c = arg;

	json_decref(c->json);
	c->json = view_event(e);
	return true;
}

static void
emit_plan_item(void *arg, const struct app_plan_item *item)
{
	api_list_add(arg, view_plan_item(item));
}

/* ---------- handlers, in the order of the table ---------- */

#define OPS(c) (c)->api->ops
#define CTX(c) (c)->api->ctx

static enum err
tenant_put(struct api_call *c)
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
tenant_get(struct api_call *c)
{
	struct tenant_view view = { .consent_url = "" };
	enum err e = OPS(c)->tenant_get(CTX(c), &c->tenant, &view, &c->problem);

	c->status = 200;
	c->json = e == ERR_OK ? view_tenant(&view) : NULL;
	return e;
}

static enum err
tenant_list(struct api_call *c)
{
	struct api_list list = { .items = json_array() };
	struct app_cursor next = { "" };
	struct app_page page;
	enum err e = api_page_parameters(c, &page);

	if (e == ERR_OK)
		e = OPS(c)->tenant_list(CTX(c), &page, emit_tenant, &list, &next, &c->problem);
	return api_list_finish(c, &list, "tenants", &next, e);
}

static enum err
tenant_remove(struct api_call *c)
{
	struct tenant_view view = { .consent_url = "" };
	enum err e = OPS(c)->tenant_remove(CTX(c), &c->tenant, &view, &c->problem);

	c->status = 202;
	c->json = e == ERR_OK ? view_tenant(&view) : NULL;
	return e;
}

static enum err
tenant_sign_in_start(struct api_call *c)
{
	struct app_sign_in sign_in = { .state = APP_SIGN_IN_NONE };
	enum err e = OPS(c)->tenant_sign_in_start(CTX(c), &c->tenant, &sign_in, &c->problem);

	c->status = 202;
	c->json = e == ERR_OK ? view_sign_in(&sign_in) : NULL;
	return e;
}

static enum err
tenant_sign_in_get(struct api_call *c)
{
	struct app_sign_in sign_in = { .state = APP_SIGN_IN_NONE };
	enum err e = OPS(c)->tenant_sign_in_get(CTX(c), &c->tenant, &sign_in, &c->problem);

	c->status = 200;
	c->json = e == ERR_OK ? view_sign_in(&sign_in) : NULL;
	return e;
}

static enum err
tenant_doctor(struct api_call *c)
{
	struct app_doctor doctor = { .running = false };
	enum err e = OPS(c)->tenant_doctor(CTX(c), &c->tenant, &doctor, &c->problem);

	c->status = 200;
	c->json = e == ERR_OK ? view_doctor(&doctor) : NULL;
	return e;
}

static enum err
erg_put(struct api_call *c)
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
erg_get(struct api_call *c)
{
	struct erg_view view = { .subscription_count = 0 };
	enum err e = OPS(c)->erg_get(CTX(c), &c->erg, &view, &c->problem);

	c->status = 200;
	c->json = e == ERR_OK ? view_erg(&view) : NULL;
	return e;
}

static enum err
erg_list(struct api_call *c)
{
	struct api_list list = { .items = json_array() };
	struct app_cursor next = { "" };
	struct app_page page;
	enum err e = api_page_parameters(c, &page);

	if (e == ERR_OK)
		e = OPS(c)->erg_list(CTX(c), &page, emit_erg, &list, &next, &c->problem);
	return api_list_finish(c, &list, "ergs", &next, e);
}

static enum err
erg_remove(struct api_call *c)
{
	enum err e = OPS(c)->erg_remove(CTX(c), &c->erg, &c->problem);

	c->status = 202;
	c->json = e == ERR_OK ? json_pack("{s:s, s:s}", "id", c->erg.s, "erg", c->erg.s) : NULL;
	return e;
}

static enum err
member_list(struct api_call *c)
{
	struct api_list list = { .items = json_array() };
	struct app_cursor next = { "" };
	struct app_page page;
	enum err e = api_page_parameters(c, &page);

	if (e == ERR_OK)
		e = OPS(c)->member_list(CTX(c), &c->erg, &page, emit_member, &list, &next, &c->problem);
	return api_list_finish(c, &list, "members", &next, e);
}

static enum err
member_get(struct api_call *c)
{
	struct member_view view = { .member.status = MEMBER_SYNCED };
	enum err e = OPS(c)->member_get(CTX(c), &c->erg, &c->who, &view, &c->problem);

	c->status = 200;
	c->json = e == ERR_OK ? view_member(&view) : NULL;
	return e;
}

static enum err
member_put(struct api_call *c)
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
member_remove(struct api_call *c)
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
members_replace(struct api_call *c)
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
event_list(struct api_call *c)
{
	struct api_list list = { .items = json_array() };
	struct app_cursor next = { "" };
	struct app_page page;
	enum err e = api_page_parameters(c, &page);

	if (e == ERR_OK)
		e = OPS(c)->event_list(CTX(c), &c->erg, &page, emit_event, &list, &next, &c->problem);
	return api_list_finish(c, &list, "events", &next, e);
}

static enum err
event_get(struct api_call *c)
{
	c->status = 200;
	return OPS(c)->event_get(CTX(c), &c->erg, &c->event, emit_answer, c, &c->problem);
}

static enum err
event_put(struct api_call *c)
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
event_cancel(struct api_call *c)
{
	char comment[EVENT_COMMENT_SIZE];
	enum err e = request_comment(c->body, comment, &c->errors);

	if (e == ERR_OK)
		e = OPS(c)->event_cancel(CTX(c), &c->erg, &c->event, comment, emit_answer, c, &c->problem);
	c->status = 202;
	return e;
}

static enum err
plan_get(struct api_call *c)
{
	struct api_list list = { .items = json_array() };
	struct app_plan plan = { .erg = c->erg };
	enum err e = OPS(c)->plan_get(CTX(c), &c->erg, emit_plan_item, &list, &plan, &c->problem);

	c->status = 200;
	if (e == ERR_OK && list.bad == 0)
		c->json = view_plan(&plan, json_incref(list.items));
	json_decref(list.items);
	return e;
}

static enum err
plan_decide(struct api_call *c)
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
resync_start(struct api_call *c)
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
resync_list(struct api_call *c)
{
	struct api_list list = { .items = json_array() };
	struct app_cursor next = { "" };
	struct app_page page;
	enum err e = api_page_parameters(c, &page);

	if (e == ERR_OK)
		e = OPS(c)->resync_list(CTX(c), &page, emit_resync, &list, &next, &c->problem);
	return api_list_finish(c, &list, "resyncs", &next, e);
}

static enum err
resync_get(struct api_call *c)
{
	struct resync resync = { .number = 0 };
	enum err e = OPS(c)->resync_get(CTX(c), c->resync, &resync, &c->problem);

	c->status = 200;
	c->json = e == ERR_OK ? view_resync(&resync) : NULL;
	return e;
}

static enum err
resync_cancel(struct api_call *c)
{
	struct resync resync = { .number = 0 };
	enum err e = OPS(c)->resync_cancel(CTX(c), c->resync, &resync, &c->problem);

	c->status = 202;
	c->json = e == ERR_OK ? view_resync(&resync) : NULL;
	return e;
}

static enum err
changes_get(struct api_call *c)
{
	uint64_t after = 0, limit = 0, wait_s = 0;
	enum err e;

	if ((e = api_number_parameter(c, "after", 0, INT64_MAX, 0, &after)) != ERR_OK ||
	    (e = api_number_parameter(c, "limit", 1, APP_LIST_LIMIT_MAX, APP_LIST_LIMIT_DEFAULT, &limit)) != ERR_OK ||
	    (e = api_number_parameter(c, "wait", 0, APP_WAIT_MAX_S, 0, &wait_s)) != ERR_OK)
		return e;
	c->answered = true;
	feed_serve(c->api->feed, c->x, after, (unsigned)limit, (int64_t)wait_s * 1000);
	return ERR_OK;
}

static enum err
status_get(struct api_call *c)
{
	struct app_status status = { .started_wall_ms = 0 };
	enum err e = OPS(c)->status(CTX(c), &status, &c->problem);

	c->status = 200;
	c->json = e == ERR_OK ? view_status(&status) : NULL;
	return e;
}

static enum err
receipt_get(struct api_call *c)
{
	struct receipt receipt = { .number = 0 };
	enum err e = OPS(c)->receipt_get(CTX(c), c->receipt, &receipt, &c->problem);

	c->status = 200;
	c->json = e == ERR_OK ? view_receipt(&receipt) : NULL;
	return e;
}

static enum err
key_rotate(struct api_call *c)
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

/* ---------- the table ---------- */

#define OP(name) offsetof(struct app_ops, name)

const struct api_route api_routes[] = {
	{ "GET", "/v1/tenants", OP(tenant_list), BODY_NONE, tenant_list },
	{ "PUT", "/v1/tenants/{tenant}", OP(tenant_put), BODY_NEEDED, tenant_put },
	{ "GET", "/v1/tenants/{tenant}", OP(tenant_get), BODY_NONE, tenant_get },
	{ "DELETE", "/v1/tenants/{tenant}", OP(tenant_remove), BODY_NONE, tenant_remove },
	{ "POST", "/v1/tenants/{tenant}/sign-in", OP(tenant_sign_in_start), BODY_NONE, tenant_sign_in_start },
	{ "GET", "/v1/tenants/{tenant}/sign-in", OP(tenant_sign_in_get), BODY_NONE, tenant_sign_in_get },
	{ "GET", "/v1/tenants/{tenant}/doctor", OP(tenant_doctor), BODY_NONE, tenant_doctor },
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

const size_t api_route_count = sizeof(api_routes) / sizeof(api_routes[0]);
