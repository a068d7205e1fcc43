/*
 * fake.h - a scripted backend behind the app API, and a caller in front of it, both in process.
 *
 * The backend remembers what it was asked (op, and the arguments of the last put) and refuses as told. Nothing is durable
 * before fake_commit: answers must not come earlier.
 */
#ifndef UNIT_APP_FAKE_H
#define UNIT_APP_FAKE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/api.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "net/http_fake.h"
#include "unit/base/check.h"

#define FAKE_PENDING_MAX 256

struct fake {
	struct clock *clock;
	struct app_api *api;
	/* the script */
	enum err refuse;               /* what the next operations return */
	enum problem_kind refuse_kind; /* PROBLEM_NONE: they name no problem */
	bool created;
	unsigned items;       /* lists: how many there are, in all */
	uint64_t feed_last;   /* changes 1..feed_last exist */
	size_t feed_body_len; /* of each, about */
	/* what was asked */
	char op[32];
	unsigned calls;
	struct app_tenant_put tenant;
	struct app_erg_put erg;
	struct app_member_put member;
	size_t members_count;
	struct app_person_ref who;
	struct event_id event;
	char subject[EVENT_SUBJECT_SIZE]; /* of the last event */
	char comment[EVENT_COMMENT_SIZE];
	size_t event_body_len; /* of each event there is */
	char id[APP_ID_SIZE];
	struct app_page page;
	struct resync_scope scope;
	bool flag;
	char hash[80];
	/* commits to come */
	struct {
		void (*cb)(void *arg);
		void *arg;
	} pending[FAKE_PENDING_MAX];
	size_t pending_count;
};

static inline void
fake_after_commit(void *ctx, void (*cb)(void *arg), void *arg)
{
	struct fake *f = ctx;

	assert_true(f->pending_count < FAKE_PENDING_MAX);
	f->pending[f->pending_count].cb = cb;
	f->pending[f->pending_count++].arg = arg;
}

static inline void
fake_commit(struct fake *f)
{
	for (size_t i = 0; i < f->pending_count; i++)
		f->pending[i].cb(f->pending[i].arg);
	f->pending_count = 0;
}

static inline enum err
fake_note(struct fake *f, const char *op, const char *id, struct problem *p)
{
	f->calls++;
	snprintf(f->op, sizeof(f->op), "%s", op);
	snprintf(f->id, sizeof(f->id), "%s", id);
	if (f->refuse == ERR_OK || f->refuse_kind == PROBLEM_NONE)
		return f->refuse;
	return problem_set(p, f->refuse_kind, "as the script says");
}

/* ---------- samples, with every field set ---------- */

static inline void
sample_tenant(struct tenant_view *t, const char *id)
{
	snprintf(t->tenant.id.s, sizeof(t->tenant.id.s), "%s", id);
	guid_parse("0a1b2c3d-0000-4000-8000-000000000001", &t->tenant.directory_id);
	str_copy(t->tenant.organizer, UPN_SIZE, "erg@example.org");
	guid_parse("0a1b2c3d-0000-4000-8000-000000000002", &t->tenant.organizer_id);
	t->tenant.state = TENANT_CONSENT_MISSING;
	str_copy(t->tenant.detail, DETAIL_SIZE, "Consent is missing.");
	t->tenant.erg_count = 3;
	str_copy(t->consent_url, sizeof(t->consent_url), "https://login.example/consent");
}

static inline void
sample_erg(struct erg_view *v, const char *id)
{
	struct erg *e = &v->erg;
	struct subscription *s = &v->subscriptions[0];

	snprintf(e->id.s, sizeof(e->id.s), "%s", id);
	str_copy(e->tenant.s, APP_ID_SIZE, "t1");
	str_copy(e->name, ERG_NAME_SIZE, "Women in Tech");
	str_copy(e->channel_url, CHANNEL_URL_SIZE, "https://teams.microsoft.com/l/channel/x");
	e->membership = MEMBERSHIP_TEAMS;
	e->meetings = MEETINGS_OFF;
	e->removal_limit = 5;
	e->removal_percent = -1;
	guid_parse("0a1b2c3d-0000-4000-8000-000000000003", &e->team_id);
	str_copy(e->channel_id, CHANNEL_ID_SIZE, "19:abc@thread.tacv2");
	e->channel_type = CHANNEL_PRIVATE;
	e->state = ERG_HELD;
	str_copy(e->detail, DETAIL_SIZE, "Waits for a decision.");
	e->proved_wall_ms = 1795334400000;
	e->counts = (struct erg_counts){ 1, 2, 3, 4, 5, 6, 7 };
	v->subscription_count = 1;
	v->addresses[0] = SUBSCRIPTION_AT_BOTH;
	str_copy(s->resource, sizeof(s->resource), "/teams/x/members");
	str_copy(s->id, sizeof(s->id), "sub-1");
	s->expires_wall_ms = 1795338000000;
	s->renewed_wall_ms = 1795334400000;
	s->state = SUBSCRIPTION_ACTIVE;
}

static inline void
sample_member(struct member_view *v, const char *user)
{
	snprintf(v->person.user.s, sizeof(v->person.user.s), "%s", user);
	guid_parse("0a1b2c3d-0000-4000-8000-000000000004", &v->person.entra_id);
	str_copy(v->person.email, EMAIL_SIZE, "ada@example.org");
	str_copy(v->person.name, PERSON_NAME_SIZE, "Ada");
	v->member.app = (struct side){ true, ROLE_OWNER, 1 };
	v->member.teams = (struct side){ false, ROLE_MEMBER, 1 };
	v->member.status = MEMBER_ADDING_TO_TEAMS;
	v->member.since_wall_ms = 1795334400000;
}

static inline void
sample_resync(struct resync *r, const char *id)
{
	snprintf(r->id, sizeof(r->id), "%s", id);
	r->scope = (struct resync_scope){ RESYNC_ERG, "e1" };
	r->dry_run = true;
	r->state = RESYNC_FAILED;
	r->ergs_total = 9;
	r->ergs_done = 8;
	r->members_compared = 7;
	r->meetings_compared = 6;
	r->changes = (struct resync_changes){ 1, 2, 3, 4, 5, 6, 7, 8 };
	r->error_count = 2;
	str_copy(r->errors[0], RESYNC_ERROR_SIZE, "erg:e1: first");
	str_copy(r->errors[1], RESYNC_ERROR_SIZE, "erg:e2: second");
	r->started_wall_ms = 1795334400000;
	r->finished_wall_ms = 1795334401500;
}

/* The fields to be freed by the caller. */
static inline struct event_fields *
sample_event_fields(void)
{
	struct event_fields *f = event_fields_new();

	assert_non_null(f);
	assert_true(event_text_set(&f->subject, "Tea") && event_text_set(&f->body_html, "<p>Come!</p>") &&
	            event_text_set(&f->location, "Roof"));
	assert_int_equal(local_time_parse("2026-12-01T17:00:00", &f->start), ERR_OK);
	assert_int_equal(local_time_parse("2026-12-01T18:00:00", &f->end), ERR_OK);
	str_copy(f->time_zone, TIME_ZONE_SIZE, "Europe/Warsaw");
	assert_true(event_attendee_add(f, "ada@example.org", "Ada", ATTENDEE_REQUIRED));
	assert_true(event_attendee_add(f, "bob@example.org", "", ATTENDEE_OPTIONAL));
	f->attendees[0].response = RESPONSE_ACCEPTED;
	f->attendees[0].response_wall_ms = 1795334400000;
	return f;
}

static inline void
sample_event(struct event *e, const char *id)
{
	memset(e, 0, sizeof(*e));
	snprintf(e->id.s, sizeof(e->id.s), "%s", id);
	str_copy(e->erg.s, APP_ID_SIZE, "e1");
	str_copy(e->tenant.s, APP_ID_SIZE, "t1");
	e->status = EVENT_SCHEDULED;
	str_copy(e->join_url, JOIN_URL_SIZE, "https://teams.example/join");
	str_copy(e->graph_id, GRAPH_EVENT_ID_SIZE, "AAMk1");
	str_copy(e->ical_uid, ICAL_UID_SIZE, "uid-1");
	e->synced_wall_ms = 1795334400000;
	e->responses = (struct event_responses){ 1, 0, 0, 1 };
}

/* ---------- the operations ---------- */

static inline enum err
fake_tenant_put(void *ctx, const struct app_tenant_put *put, struct tenant_view *ret, bool *ret_created, struct problem *p)
{
	struct fake *f = ctx;

	f->tenant = *put;
	*ret_created = f->created;
	sample_tenant(ret, put->id.s);
	return fake_note(f, "tenant_put", put->id.s, p);
}

static inline enum err
fake_tenant_get(void *ctx, const struct tenant_id *id, struct tenant_view *ret, struct problem *p)
{
	sample_tenant(ret, id->s);
	return fake_note(ctx, "tenant_get", id->s, p);
}

static inline enum err
fake_tenant_remove(void *ctx, const struct tenant_id *id, struct tenant_view *ret, struct problem *p)
{
	sample_tenant(ret, id->s);
	return fake_note(ctx, "tenant_remove", id->s, p);
}

/* Items "i<n>" after the cursor, which is such a name. */
static inline unsigned
fake_page(struct fake *f, const struct app_page *page, struct app_cursor *ret_next, unsigned *ret_from)
{
	unsigned from = page->after[0] == 'i' ? (unsigned)strtoul(page->after + 1, NULL, 10) : 0;
	unsigned left = f->items > from ? f->items - from : 0;
	unsigned count = left < page->limit ? left : page->limit;

	f->page = *page;
	*ret_from = from;
	if (count < left)
		snprintf(ret_next->s, sizeof(ret_next->s), "i%u", from + count);
	return count;
}

static inline const char *
fake_item(char ret[16], unsigned n)
{
	snprintf(ret, 16, "i%u", n);
	return ret;
}

#define FAKE_LIST(name, type, sample, emit_type)                                                                                 \
	static inline enum err fake_##name(                                                                                      \
	    void *ctx, const struct app_page *page, emit_type emit, void *arg, struct app_cursor *ret_next, struct problem *p)   \
	{                                                                                                                        \
		unsigned from, count = fake_page(ctx, page, ret_next, &from);                                                    \
		char item[16];                                                                                                   \
                                                                                                                                 \
		for (unsigned i = 1; i <= count; i++) {                                                                          \
			type view;                                                                                               \
                                                                                                                                 \
			memset(&view, 0, sizeof(view));                                                                          \
			sample(&view, fake_item(item, from + i));                                                                \
			emit(arg, &view);                                                                                        \
		}                                                                                                                \
		return fake_note(ctx, #name, "", p);                                                                             \
	}
FAKE_LIST(tenant_list, struct tenant_view, sample_tenant, app_tenant_emit)
FAKE_LIST(erg_list, struct erg_view, sample_erg, app_erg_emit)
FAKE_LIST(resync_list, struct resync, sample_resync, app_resync_emit)
FAKE_LIST(members, struct member_view, sample_member, app_member_emit)

static inline enum err
fake_member_list(void *ctx, const struct erg_id *erg, const struct app_page *page, app_member_emit emit, void *arg,
    struct app_cursor *ret_next, struct problem *p)
{
	struct fake *f = ctx;
	enum err e = fake_members(ctx, page, emit, arg, ret_next, p);

	snprintf(f->op, sizeof(f->op), "member_list");
	snprintf(f->id, sizeof(f->id), "%s", erg->s);
	return e;
}

static inline enum err
fake_erg_put(void *ctx, const struct app_erg_put *put, struct erg_view *ret, bool *ret_created, struct problem *p)
{
	struct fake *f = ctx;

	f->erg = *put;
	*ret_created = f->created;
	sample_erg(ret, put->id.s);
	return fake_note(f, "erg_put", put->id.s, p);
}

static inline enum err
fake_erg_get(void *ctx, const struct erg_id *id, struct erg_view *ret, struct problem *p)
{
	sample_erg(ret, id->s);
	return fake_note(ctx, "erg_get", id->s, p);
}

static inline enum err
fake_erg_remove(void *ctx, const struct erg_id *id, struct problem *p)
{
	return fake_note(ctx, "erg_remove", id->s, p);
}

static inline enum err
fake_member_get(void *ctx, const struct erg_id *erg, const struct app_person_ref *who, struct member_view *ret, struct problem *p)
{
	((struct fake *)ctx)->who = *who;
	sample_member(ret, who->user.s);
	return fake_note(ctx, "member_get", erg->s, p);
}

static inline enum err
fake_member_put(void *ctx, const struct erg_id *erg, const struct app_member_put *put, struct member_view *ret, struct problem *p)
{
	((struct fake *)ctx)->member = *put;
	sample_member(ret, put->who.user.s);
	return fake_note(ctx, "member_put", erg->s, p);
}

static inline enum err
fake_member_remove(void *ctx, const struct erg_id *erg, const struct app_person_ref *who, struct problem *p)
{
	((struct fake *)ctx)->who = *who;
	return fake_note(ctx, "member_remove", erg->s, p);
}

static inline enum err
fake_members_replace(void *ctx, const struct erg_id *erg, const struct app_member_put *list, size_t count,
    struct app_members_replaced *ret, struct problem *p)
{
	struct fake *f = ctx;

	f->members_count = count;
	if (count > 0)
		f->member = list[count - 1];
	*ret = (struct app_members_replaced){ 1, 2, 3 };
	return fake_note(f, "members_replace", erg->s, p);
}

static inline bool
fake_event_emit(struct fake *f, const char *id, app_event_emit emit, void *arg)
{
	struct event_fields *fields = sample_event_fields();
	struct event e;
	struct event_view view = { &e, fields };
	bool more;

	sample_event(&e, id);
	if (f->event_body_len > 0) {
		char *body = calloc(f->event_body_len + 1, 1);

		memset(body, 'x', f->event_body_len);
		assert_true(event_text_set(&fields->body_html, body));
		free(body);
	}
	more = emit(arg, &view);
	event_fields_free(fields);
	return more;
}

static inline enum err
fake_event_get(void *ctx, const struct erg_id *erg, const struct event_id *id, app_event_emit emit, void *arg, struct problem *p)
{
	((struct fake *)ctx)->event = *id;
	fake_event_emit(ctx, id->s, emit, arg);
	return fake_note(ctx, "event_get", erg->s, p);
}

static inline enum err
fake_event_list(void *ctx, const struct erg_id *erg, const struct app_page *page, app_event_emit emit, void *arg,
    struct app_cursor *ret_next, struct problem *p)
{
	unsigned from, count = fake_page(ctx, page, ret_next, &from);
	char item[16];
	bool more = true;

	for (unsigned i = 1; i <= count && more; i++) {
		more = fake_event_emit(ctx, fake_item(item, from + i), emit, arg);
		if (!more)
			snprintf(ret_next->s, sizeof(ret_next->s), "%s", item);
	}
	return fake_note(ctx, "event_list", erg->s, p);
}

static inline enum err
fake_event_put(void *ctx, const struct erg_id *erg, const struct event_id *id, const struct event_fields *fields,
    app_event_emit emit, void *arg, struct problem *p)
{
	struct fake *f = ctx;

	f->event = *id;
	snprintf(f->subject, sizeof(f->subject), "%s", fields->subject);
	fake_event_emit(ctx, id->s, emit, arg);
	return fake_note(ctx, "event_put", erg->s, p);
}

static inline enum err
fake_event_cancel(void *ctx, const struct erg_id *erg, const struct event_id *id, const char *comment, app_event_emit emit,
    void *arg, struct problem *p)
{
	struct fake *f = ctx;

	f->event = *id;
	snprintf(f->comment, sizeof(f->comment), "%s", comment);
	fake_event_emit(ctx, id->s, emit, arg);
	return fake_note(ctx, "event_cancel", erg->s, p);
}

static inline enum err
fake_resync_start(void *ctx, const struct resync_scope *scope, bool dry_run, struct resync *ret, struct problem *p)
{
	struct fake *f = ctx;
	enum err e;

	f->scope = *scope;
	f->flag = dry_run;
	sample_resync(ret, "r1");
	e = fake_note(f, "resync_start", "", p);
	if (e != ERR_OK && f->refuse_kind == PROBLEM_RESYNC_RUNNING)
		str_copy(p->resync, sizeof(p->resync), "r7");
	return e;
}

static inline enum err
fake_resync_get(void *ctx, const char *id, struct resync *ret, struct problem *p)
{
	sample_resync(ret, id);
	return fake_note(ctx, "resync_get", id, p);
}

static inline enum err
fake_resync_cancel(void *ctx, const char *id, struct resync *ret, struct problem *p)
{
	sample_resync(ret, id);
	return fake_note(ctx, "resync_cancel", id, p);
}

static inline enum err
fake_plan_get(void *ctx, const struct erg_id *erg, app_plan_emit emit, void *arg, struct app_plan *ret, struct problem *p)
{
	struct app_plan_item item = { .action = PLAN_REMOVE_FROM_TEAMS, .role = ROLE_OWNER };

	str_copy(item.person.user.s, APP_ID_SIZE, "u1");
	str_copy(item.reason, sizeof(item.reason), "The app removed this person.");
	emit(arg, &item);
	ret->held = true;
	ret->removals = 1;
	str_copy(ret->hash, sizeof(ret->hash), "abc");
	str_copy(ret->detail, sizeof(ret->detail), "Too many removals.");
	return fake_note(ctx, "plan_get", erg->s, p);
}

static inline enum err
fake_plan_decide(void *ctx, const struct erg_id *erg, bool approve, const char *hash, struct problem *p)
{
	struct fake *f = ctx;

	f->flag = approve;
	snprintf(f->hash, sizeof(f->hash), "%s", hash);
	return fake_note(f, "plan_decide", erg->s, p);
}

static inline enum err
fake_changes_read(void *ctx, uint64_t after, unsigned limit, app_change_emit emit, void *arg, struct problem *p)
{
	struct fake *f = ctx;
	size_t size = f->feed_body_len + 64;
	char *body = malloc(size);

	for (uint64_t seq = after + 1; seq <= f->feed_last && seq <= after + limit; seq++) {
		snprintf(body, size, "{\"id\":\"c%d\",\"data\":{\"fill\":\"%*s\"}}", (int)seq, (int)f->feed_body_len, "");
		if (!emit(arg, seq, body))
			break;
	}
	free(body);
	return fake_note(f, "changes_read", "", p);
}

static inline enum err
fake_status(void *ctx, struct app_status *ret, struct problem *p)
{
	ret->started_wall_ms = 1795334400000;
	ret->as_of_wall_ms = 1795334430000;
	ret->tenants[TENANT_ACTIVE] = 2;
	ret->ergs[ERG_IN_SYNC] = 3;
	ret->ergs[ERG_HELD] = 1;
	ret->subscriptions[SUBSCRIPTION_ACTIVE] = 4;
	ret->subscription_expiry_wall_ms = 1795338000000;
	ret->inbox_present = true;
	ret->inbox_backlog = 5;
	ret->dirty = 6;
	ret->callback_backlog = 7;
	ret->callback_oldest_wall_ms = 1795334400000;
	str_copy(ret->callback_detail, DETAIL_SIZE, "The app answered 500.");
	ret->feed_seq = 8;
	ret->resyncs_running = 1;
	ret->resync_ergs_done = 7;
	ret->resync_ergs_total = 40;
	ret->meetings = (struct app_meetings_status){ 5, 2, 1 };
	ret->listener = (struct app_listener_status){ APP_LISTENER_UP, true, 1797926400000, ERGSYNC_VERSION };
	ret->graph = (struct app_graph_status){
		.answer_wall_ms = 1795334400000, .requests = 100, .throttled = 3, .queued = 4, .clock_ahead_ms = -20
	};
	ret->store = (struct app_store_status){ .used_bytes = 1024, .limit_bytes = 4096 };
	str_copy(ret->unproved_erg.s, APP_ID_SIZE, "e9");
	ret->problem_count = 1;
	str_copy(ret->problems[0].subject, sizeof(ret->problems[0].subject), "erg:e1");
	str_copy(ret->problems[0].detail, DETAIL_SIZE, "Held.");
	return fake_note(ctx, "status", "", p);
}

static const struct app_ops fake_ops = {
	.after_commit = fake_after_commit,
	.tenant_put = fake_tenant_put,
	.tenant_get = fake_tenant_get,
	.tenant_list = fake_tenant_list,
	.tenant_remove = fake_tenant_remove,
	.erg_put = fake_erg_put,
	.erg_get = fake_erg_get,
	.erg_list = fake_erg_list,
	.erg_remove = fake_erg_remove,
	.member_get = fake_member_get,
	.member_list = fake_member_list,
	.member_put = fake_member_put,
	.member_remove = fake_member_remove,
	.members_replace = fake_members_replace,
	.event_get = fake_event_get,
	.event_list = fake_event_list,
	.event_put = fake_event_put,
	.event_cancel = fake_event_cancel,
	.resync_start = fake_resync_start,
	.resync_get = fake_resync_get,
	.resync_list = fake_resync_list,
	.resync_cancel = fake_resync_cancel,
	.plan_get = fake_plan_get,
	.plan_decide = fake_plan_decide,
	.changes_read = fake_changes_read,
	.status = fake_status,
};

static inline void
fake_init(struct fake *f, const struct app_ops *ops, const char *token)
{
	struct app_api_options options = { .ops = ops, .ctx = f, .token = token };

	memset(f, 0, sizeof(*f));
	f->clock = options.clock = clock_new_manual(1795334400000);
	assert_int_equal(app_api_new(&options, &f->api), ERR_OK);
}

static inline void
fake_done(struct fake *f)
{
	app_api_free(f->api);
	clock_free(f->clock);
}

/* ---------- the caller ---------- */

struct got {
	bool done;
	int status;
	char type[64], allow[64], location[160], authenticate[64], retry_after[32];
	json_t *json;
};

static inline void
got_header(const struct http_answer *answer, const char *name, char *ret, size_t ret_size)
{
	const char *value = http_answer_header(answer, name);

	snprintf(ret, ret_size, "%s", value == NULL ? "" : value);
}

static inline void
got_answer(void *arg, const struct http_answer *answer)
{
	struct got *g = arg;

	assert_false(g->done);
	assert_int_equal(answer->err, ERR_OK);
	g->done = true;
	g->status = answer->status;
	got_header(answer, "Content-Type", g->type, sizeof(g->type));
	got_header(answer, "Allow", g->allow, sizeof(g->allow));
	got_header(answer, "Location", g->location, sizeof(g->location));
	got_header(answer, "WWW-Authenticate", g->authenticate, sizeof(g->authenticate));
	got_header(answer, "Retry-After", g->retry_after, sizeof(g->retry_after));
	assert_int_equal(jx_parse(answer->body, answer->body_len, &g->json, NULL, 0), ERR_OK);
}

/* Hands one request in; its answer may come later. */
static inline struct http_exchange *
send_request(
    struct fake *f, struct got *g, const char *method, const char *path, const char *body, const char *authorization, bool tcp)
{
	const char *const headers[] = { authorization, NULL };
	struct http_exchange *x =
	    http_exchange_new_fake(method, path, headers, body, body == NULL ? 0 : strlen(body), got_answer, g);

	memset(g, 0, sizeof(*g));
	assert_non_null(x);
	http_exchange_fake_set_unix(x, !tcp);
	app_api_handle(f->api, x);
	return x;
}

/* A whole exchange by a caller on the Unix socket; free g->json. */
static inline struct got
ask(struct fake *f, const char *method, const char *path, const char *body)
{
	struct got g;

	send_request(f, &g, method, path, body, NULL, false);
	assert_false(g.done); /* nothing is said before it is durable */
	fake_commit(f);
	assert_true(g.done);
	return g;
}

/* Compares with JSON written with ' for ". */
static inline void
assert_json(json_t *json, const char *expected)
{
	char *text = strdup(expected), *shown;
	json_t *want;

	for (char *c = text; *c != '\0'; c++)
		if (*c == '\'')
			*c = '"';
	assert_int_equal(jx_parse(text, strlen(text), &want, NULL, 0), ERR_OK);
	if (!json_equal(json, want)) {
		shown = json_dumps(json, JSON_COMPACT);
		print_error("got  %s\nwant %s\n", shown, text);
		free(shown);
		fail();
	}
	json_decref(want);
	free(text);
}

static inline const char *
problem_type(const struct got *g)
{
	const char *type = jx_get_str(g->json, "type");

	assert_string_equal(g->type, "application/problem+json");
	assert_int_equal(jx_get_int(g->json, "status", 0), g->status);
	assert_non_null(jx_get_str(g->json, "title"));
	assert_non_null(type);
	assert_true(str_starts(type, PROBLEM_TYPE_PREFIX));
	return type + strlen(PROBLEM_TYPE_PREFIX);
}

#endif
