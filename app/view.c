/* view.c - views from tables: one row a member of the JSON object, with where its value stands in the struct. */
#include "app/view.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "app/attention.h"
#include "base/json.h"
#include "base/text.h"
#include "model/event_json.h"

enum field_kind { FIELD_TEXT, FIELD_BOOL, FIELD_INT, FIELD_INT_OR_NULL, FIELD_TIME, FIELD_ENUM };

struct field {
	const char *key;
	enum field_kind kind;
	size_t offset;
	const char *const *names; /* FIELD_ENUM */
};

#define TEXT(key, type, member)                                                                                                  \
	{                                                                                                                        \
		key, FIELD_TEXT, offsetof(type, member), NULL                                                                    \
	}
#define BOOL(key, type, member)                                                                                                  \
	{                                                                                                                        \
		key, FIELD_BOOL, offsetof(type, member), NULL                                                                    \
	}
#define INT(key, type, member)                                                                                                   \
	{                                                                                                                        \
		key, FIELD_INT, offsetof(type, member), NULL                                                                     \
	}
#define INT_OR_NULL(key, type, member)                                                                                           \
	{                                                                                                                        \
		key, FIELD_INT_OR_NULL, offsetof(type, member), NULL                                                             \
	}
#define TIME(key, type, member)                                                                                                  \
	{                                                                                                                        \
		key, FIELD_TIME, offsetof(type, member), NULL                                                                    \
	}
#define ENUM(key, type, member, table)                                                                                           \
	{                                                                                                                        \
		key, FIELD_ENUM, offsetof(type, member), table                                                                   \
	}
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *const app_verdict_names[] = { "ok", "unknown", "warn", "fail", NULL };
const char *const app_listener_presence_names[] = { "unknown", "away", "up", NULL };
const char *const app_sign_in_state_names[] = { "none", "starting", "waiting", "signed_in", "failed", NULL };

const char *const plan_action_names[] = { "add_to_app", "remove_from_app", "add_to_teams", "remove_from_teams", "set_role_in_app",
	"set_role_in_teams", "create_meeting", "update_meeting", "cancel_meeting", NULL };

json_t *
view_text(const char *s)
{
	size_t len = 0, step, end = strlen(s);
	uint32_t c;

	while ((step = utf8_char(s + len, end - len, &c)) > 0)
		len += step;
	return len > 0 ? json_stringn(s, len) : json_null();
}

static json_t *
enum_name(const char *const *names, unsigned value)
{
	for (unsigned i = 0; names[i] != NULL; i++)
		if (i == value)
			return json_string(names[i]);
	return json_null();
}

static int
set_field(json_t *o, const struct field *f, const char *at)
{
	int64_t number = 0;
	unsigned word = 0;

	switch (f->kind) {
	case FIELD_TEXT: return json_object_set_new(o, f->key, view_text(at));
	case FIELD_BOOL: return json_object_set_new(o, f->key, json_boolean(*(const bool *)at));
	case FIELD_ENUM: memcpy(&word, at, sizeof(word)); return json_object_set_new(o, f->key, enum_name(f->names, word));
	case FIELD_INT:
	case FIELD_INT_OR_NULL:
		memcpy(&number, at, sizeof(number));
		return json_object_set_new(
		    o, f->key, number < 0 && f->kind == FIELD_INT_OR_NULL ? json_null() : json_integer(number));
	case FIELD_TIME: memcpy(&number, at, sizeof(number)); return jx_set_time(o, f->key, number);
	}
	return -1;
}

static int
set_fields(json_t *o, const struct field *fields, size_t count, const void *base)
{
	int bad = 0;

	for (size_t i = 0; i < count; i++)
		bad |= set_field(o, &fields[i], (const char *)base + fields[i].offset);
	return bad;
}

static json_t *
fields_object(const struct field *fields, size_t count, const void *base)
{
	json_t *o = json_object();

	if (o != NULL && set_fields(o, fields, count, base) == 0)
		return o;
	json_decref(o);
	return NULL;
}

#define OBJECT_OF(fields, base) fields_object(fields, COUNT(fields), base)

json_t *
view_checked(json_t *o, int bad)
{
	if (bad == 0)
		return o;
	json_decref(o);
	return NULL;
}

json_t *
view_tenant(const struct tenant_view *tenant)
{
	static const struct field fields[] = {
		TEXT("id", struct tenant_view, tenant.id.s),
		TEXT("tenant", struct tenant_view, tenant.id.s),
		TEXT("directory_id", struct tenant_view, tenant.directory_id.s),
		TEXT("organizer", struct tenant_view, tenant.organizer),
		TEXT("organizer_id", struct tenant_view, tenant.organizer_id.s),
		ENUM("state", struct tenant_view, tenant.state, tenant_state_names),
		ENUM("sign_in", struct tenant_view, tenant.sign_in, tenant_sign_in_names),
		ENUM("meetings", struct tenant_view, tenant.meetings, tenant_meetings_names),
		TEXT("detail", struct tenant_view, tenant.detail),
		TEXT("consent_url", struct tenant_view, consent_url),
		INT("ergs", struct tenant_view, tenant.erg_count),
		TEXT("receipt", struct tenant_view, receipt),
	};

	return OBJECT_OF(fields, tenant);
}

static json_t *
view_check(const struct app_check *check)
{
#define X(name, text, scope) { text, scope },
	static const struct {
		const char *name, *scope;
	} kinds[] = { APP_CHECK_TABLE(X) };
#undef X
	json_t *o = json_pack("{s:s,s:s,s:s}", "check", kinds[check->kind].name, "scope", kinds[check->kind].scope, "verdict",
	    app_verdict_names[check->verdict]);
	int bad = o == NULL;

	bad |= json_object_set_new(o, "detail", view_text(check->detail));
	bad |= json_object_set_new(o, "next", view_text(check->next));
	return view_checked(o, bad);
}

json_t *
view_doctor(const struct app_doctor *doctor)
{
	json_t *o = json_object(), *checks = json_array();
	enum app_verdict worst = APP_OK;
	int bad = o == NULL || checks == NULL;

	for (int i = 0; i < APP_CHECK_COUNT; i++) {
		bad |= json_array_append_new(checks, view_check(&doctor->checks[i]));
		if (doctor->checks[i].verdict > worst)
			worst = doctor->checks[i].verdict;
	}
	bad |= json_object_set_new(o, "tenant", view_text(doctor->tenant.s));
	bad |= json_object_set_new(o, "state", json_string(doctor->running ? "running" : "done"));
	bad |= json_object_set_new(o, "verdict", doctor->running ? json_null() : json_string(app_verdict_names[worst]));
	bad |= jx_set_time(o, "started_at", doctor->started_wall_ms);
	bad |= jx_set_time(o, "finished_at", doctor->finished_wall_ms);
	bad |= json_object_set_new(o, "checks", checks);
	return view_checked(o, bad);
}

json_t *
view_sign_in(const struct app_sign_in *sign_in)
{
	static const struct field fields[] = {
		TEXT("tenant", struct app_sign_in, tenant.s),
		ENUM("sign_in", struct app_sign_in, sign_in, tenant_sign_in_names),
		ENUM("state", struct app_sign_in, state, app_sign_in_state_names),
		TEXT("user_code", struct app_sign_in, user_code),
		TEXT("verification_uri", struct app_sign_in, verification_uri),
		TIME("expires_at", struct app_sign_in, expires_wall_ms),
		TEXT("account", struct app_sign_in, account),
		TIME("signed_in_at", struct app_sign_in, signed_in_wall_ms),
		TIME("renewed_at", struct app_sign_in, renewed_wall_ms),
		TEXT("detail", struct app_sign_in, detail),
	};

	return OBJECT_OF(fields, sign_in);
}

static json_t *
erg_members(const struct erg_counts *counts)
{
	static const struct field fields[] = {
		INT("app", struct erg_counts, app),
		INT("teams", struct erg_counts, teams),
		INT("pending", struct erg_counts, pending),
		INT("unresolved", struct erg_counts, unresolved),
		INT("refused", struct erg_counts, refused),
		INT("private", struct erg_counts, private_),
	};

	return OBJECT_OF(fields, counts);
}

static json_t *
erg_events(const struct erg_events *counts)
{
	static const struct field fields[] = {
		INT("scheduled", struct erg_events, scheduled),
		INT("pending", struct erg_events, pending),
		INT("failed", struct erg_events, failed),
	};

	return OBJECT_OF(fields, counts);
}

static json_t *
erg_subscriptions(const struct erg_view *erg)
{
	static const struct field fields[] = {
		TEXT("resource", struct subscription, resource),
		TEXT("id", struct subscription, id),
		TIME("expires_at", struct subscription, expires_wall_ms),
		TIME("renewed_at", struct subscription, renewed_wall_ms),
		ENUM("state", struct subscription, state, subscription_state_names),
		TEXT("detail", struct subscription, detail),
	};
	json_t *list = json_array(), *one;
	int bad = list == NULL;

	for (unsigned i = 0; i < erg->subscription_count && i < ERG_VIEW_SUBSCRIPTIONS_MAX; i++) {
		one = OBJECT_OF(fields, &erg->subscriptions[i]);
		bad |= json_object_set_new(one, "address", json_string(subscription_address_names[erg->addresses[i]]));
		bad |= json_array_append_new(list, one);
	}
	return view_checked(list, bad);
}

/* A kind that has not been read yet, or that Graph has added, is null. */
static const char *const known_channel_types[] = { "standard", "private", "shared", NULL };

json_t *
view_erg(const struct erg_view *erg)
{
	static const struct field fields[] = {
		TEXT("id", struct erg, id.s),
		TEXT("erg", struct erg, id.s),
		TEXT("tenant", struct erg, tenant.s),
		TEXT("name", struct erg, name),
		TEXT("channel_url", struct erg, channel_url),
		ENUM("membership", struct erg, membership, membership_policy_names),
		ENUM("meetings", struct erg, meetings, meetings_policy_names),
		INT_OR_NULL("removal_limit", struct erg, removal_limit),
		INT_OR_NULL("removal_percent", struct erg, removal_percent),
		TEXT("organizer", struct erg, organizer),
		TEXT("team_id", struct erg, team_id.s),
		TEXT("channel_id", struct erg, channel_id),
		ENUM("channel_type", struct erg, channel_type, known_channel_types),
		ENUM("state", struct erg, state, erg_state_names),
		TEXT("detail", struct erg, detail),
		TIME("proved_at", struct erg, proved_wall_ms),
	};
	json_t *o = OBJECT_OF(fields, &erg->erg);
	int bad = o == NULL;

	bad |= json_object_set_new(o, "members", erg_members(&erg->erg.counts));
	bad |= json_object_set_new(o, "events", erg_events(&erg->events));
	bad |= json_object_set_new(o, "subscriptions", erg_subscriptions(erg));
	return view_checked(o, bad);
}

/* A guest is what Teams says; else the app's word comes first where both have one. */
static enum role
shown_role(const struct member *m)
{
	if (m->teams.present && (m->teams.role == ROLE_GUEST || !m->app.present))
		return m->teams.role;
	return m->app.present ? m->app.role : m->base.role;
}

/* The id that stands for somebody whom only Teams knows so far: what paths take, too (contract section 4). */
static void
person_reference(const struct person *person, char *ret, size_t ret_size)
{
	(void)snprintf(ret, ret_size, "%s%s", PERSON_TEAMS_PREFIX, person->entra_id.s);
}

json_t *
view_member(const struct member_view *member)
{
	static const struct field fields[] = {
		TEXT("entra_id", struct member_view, person.entra_id.s),
		TEXT("email", struct member_view, person.email),
		BOOL("private", struct member_view, member.private_),
		BOOL("in_app", struct member_view, member.app.present),
		BOOL("in_teams", struct member_view, member.teams.present),
		ENUM("status", struct member_view, member.status, member_status_names),
		TEXT("detail", struct member_view, member.detail),
		TIME("since", struct member_view, member.since_wall_ms),
	};
	json_t *o = OBJECT_OF(fields, member);
	char reference[sizeof(PERSON_TEAMS_PREFIX) + GUID_SIZE];
	int bad = o == NULL;

	person_reference(&member->person, reference, sizeof(reference));
	bad |= jx_set_str(o, "user", member->person.user.s[0] != '\0' ? member->person.user.s : reference);
	bad |= json_object_set_new(o, "role", enum_name(role_names, shown_role(&member->member)));
	return view_checked(o, bad);
}

json_t *
view_members_replaced(const struct app_members_replaced *counts)
{
	static const struct field fields[] = {
		INT("added", struct app_members_replaced, added),
		INT("removed", struct app_members_replaced, removed),
		INT("unchanged", struct app_members_replaced, unchanged),
	};

	return OBJECT_OF(fields, counts);
}

json_t *
view_responses(const struct event_responses *responses)
{
	static const struct field fields[] = {
		INT("accepted", struct event_responses, accepted),
		INT("tentative", struct event_responses, tentative),
		INT("declined", struct event_responses, declined),
		INT("none", struct event_responses, none),
	};

	return OBJECT_OF(fields, responses);
}

/* Whether it is cancelled the status says. */
#define VIEW_MASK ((EVENT_MASK_ALL | EVENT_MASK_RESPONSES) & ~EVENT_MASK(CANCELLED))

json_t *
view_event(const struct event_view *event)
{
	static const struct field head[] = {
		TEXT("id", struct event, id.s),
		TEXT("event", struct event, id.s),
		TEXT("erg", struct event, erg.s),
	};
	static const struct field tail[] = {
		ENUM("status", struct event, status, event_status_names),
		TEXT("detail", struct event, detail),
		TEXT("join_url", struct event, join_url),
		TEXT("graph_id", struct event, graph_id),
		TEXT("ical_uid", struct event, ical_uid),
		TIME("synced_at", struct event, synced_wall_ms),
	};
	json_t *o = OBJECT_OF(head, event->event);
	int bad = o == NULL;

	bad |= event_fields_write(event->fields, VIEW_MASK, o);
	bad |= set_fields(o, tail, COUNT(tail), event->event);
	bad |= json_object_set_new(o, "responses", view_responses(&event->event->responses));
	return view_checked(o, bad);
}

static json_t *
resync_changes(const struct resync_changes *changes)
{
	static const struct field fields[] = {
		INT("added_to_app", struct resync_changes, added_to_app),
		INT("removed_from_app", struct resync_changes, removed_from_app),
		INT("added_to_teams", struct resync_changes, added_to_teams),
		INT("removed_from_teams", struct resync_changes, removed_from_teams),
		INT("meetings_created", struct resync_changes, meetings_created),
		INT("meetings_updated", struct resync_changes, meetings_updated),
		INT("meetings_cancelled", struct resync_changes, meetings_cancelled),
		INT("held", struct resync_changes, held),
	};

	return OBJECT_OF(fields, changes);
}

static json_t *
resync_errors(const struct resync *resync)
{
	json_t *list = json_array();
	int bad = list == NULL;

	for (unsigned i = 0; i < RESYNC_ERRORS_MAX && resync->errors[i][0] != '\0'; i++)
		bad |= json_array_append_new(list, view_text(resync->errors[i]));
	return view_checked(list, bad);
}

json_t *
view_resync(const struct resync *resync)
{
	static const struct field fields[] = {
		TEXT("id", struct resync, id),
		BOOL("dry_run", struct resync, dry_run),
		ENUM("state", struct resync, state, resync_state_names),
		INT("ergs_total", struct resync, ergs_total),
		INT("ergs_done", struct resync, ergs_done),
		INT("members_compared", struct resync, members_compared),
		INT("meetings_compared", struct resync, meetings_compared),
		INT("error_count", struct resync, error_count),
		TIME("started_at", struct resync, started_wall_ms),
		TIME("finished_at", struct resync, finished_wall_ms),
	};
	char scope[APP_ID_SIZE + 16];
	json_t *o = OBJECT_OF(fields, resync);
	int bad = o == NULL;

	resync_scope_format(&resync->scope, scope, sizeof(scope));
	bad |= json_object_set_new(o, "scope", view_text(scope));
	bad |= json_object_set_new(o, "changes", resync_changes(&resync->changes));
	bad |= json_object_set_new(o, "errors", resync_errors(resync));
	return view_checked(o, bad);
}

json_t *
view_plan_item(const struct app_plan_item *item)
{
	static const struct field meeting[] = {
		ENUM("action", struct app_plan_item, action, plan_action_names),
		TEXT("event", struct app_plan_item, event.s),
		TEXT("subject", struct app_plan_item, subject),
		INT("mails", struct app_plan_item, mails),
		TEXT("reason", struct app_plan_item, reason),
	};
	static const struct field fields[] = {
		ENUM("action", struct app_plan_item, action, plan_action_names),
		TEXT("user", struct app_plan_item, person.user.s),
		TEXT("entra_id", struct app_plan_item, person.entra_id.s),
		TEXT("email", struct app_plan_item, person.email),
		TEXT("name", struct app_plan_item, person.name),
		ENUM("role", struct app_plan_item, role, role_names),
		TEXT("reason", struct app_plan_item, reason),
	};

	return item->action >= PLAN_CREATE_MEETING ? OBJECT_OF(meeting, item) : OBJECT_OF(fields, item);
}

json_t *
view_plan(const struct app_plan *plan, json_t *items)
{
	static const struct field fields[] = {
		TEXT("erg", struct app_plan, erg.s),
		BOOL("held", struct app_plan, held),
		TEXT("hash", struct app_plan, hash),
		TEXT("detail", struct app_plan, detail),
		INT("additions", struct app_plan, additions),
		INT("removals", struct app_plan, removals),
		INT("mails", struct app_plan, mails),
	};
	json_t *o = OBJECT_OF(fields, plan);

	if (o == NULL) {
		json_decref(items);
		return NULL;
	}
	return view_checked(o, json_object_set_new(o, "items", items));
}

/* {"total": N, "<name of state>": n, ...} */
static json_t *
counts_by_state(const int64_t *counts, const char *const *names)
{
	json_t *o = json_object();
	int64_t total = 0;
	int bad = o == NULL;

	for (size_t i = 0; names[i] != NULL; i++) {
		total += counts[i];
		bad |= json_object_set_new(o, names[i], json_integer(counts[i]));
	}
	bad |= json_object_set_new(o, "total", json_integer(total));
	return view_checked(o, bad);
}

static json_t *
status_attention(const struct attention *items, size_t count)
{
	json_t *list = json_array();
	int bad = list == NULL;

	for (size_t i = 0; i < count; i++) {
		json_t *item = json_object();
		char next[ATTENTION_TEXT_SIZE];

		attention_next(&items[i], next);
		bad |= json_object_set_new(item, "urgency", json_string(attention_urgency_names[items[i].urgency]));
		bad |= json_object_set_new(item, "what", json_string(items[i].what));
		bad |= json_object_set_new(item, "next", json_string(next));
		bad |= json_array_append_new(list, item);
	}
	return view_checked(list, bad);
}

/* The verdict and what it rests on: in words. */
static int
status_judge(json_t *o, const struct app_status *status)
{
	struct attention items[ATTENTION_MAX];
	size_t count = attention_of(status, items);
	char verdict[ATTENTION_TEXT_SIZE];
	int bad;

	attention_verdict(count, verdict);
	bad = json_object_set_new(o, "verdict", json_string(verdict));
	bad |= json_object_set_new(o, "attention", status_attention(items, count));
	return bad;
}

static json_t *
status_problems(const struct app_status *status)
{
	json_t *list = json_array();
	int bad = list == NULL;

	for (unsigned i = 0; i < status->problem_count && i < APP_STATUS_PROBLEMS_MAX; i++) {
		json_t *problem = json_object();

		bad |= json_object_set_new(problem, "subject", view_text(status->problems[i].subject));
		bad |= json_object_set_new(problem, "detail", view_text(status->problems[i].detail));
		bad |= json_array_append_new(list, problem);
	}
	return view_checked(list, bad);
}

static json_t *
status_subscriptions(const struct app_status *status)
{
	json_t *o = counts_by_state(status->subscriptions, subscription_state_names);

	if (o != NULL && json_object_set_new(o, "at_former_address", json_integer(status->subscriptions_former)) != 0) {
		json_decref(o);
		o = NULL;
	}
	return view_checked(o, o == NULL ? -1 : jx_set_time(o, "next_expiry_at", status->subscription_expiry_wall_ms));
}

/* Null while there is no ERG at all. */
static json_t *
status_unproved(const struct app_status *status)
{
	static const struct field fields[] = {
		TEXT("erg", struct app_status, unproved_erg.s),
		TIME("proved_at", struct app_status, unproved_wall_ms),
	};

	return status->unproved_erg.s[0] == '\0' ? json_null() : OBJECT_OF(fields, status);
}

static const char *
receipt_state(const struct receipt *receipt)
{
	return receipt->keys_destroyed_wall_ms > 0 ? "done" : receipt->erased_wall_ms > 0 ? "destroying_keys" : "removing";
}

json_t *
view_receipt(const struct receipt *receipt)
{
	static const struct field removed[] = {
		INT("ergs", struct receipt, ergs),
		INT("members", struct receipt, members),
		INT("people", struct receipt, people),
		INT("meetings", struct receipt, meetings),
		INT("subscriptions", struct receipt, subscriptions),
		INT("changes", struct receipt, changes),
		INT("callbacks", struct receipt, callbacks),
		INT("sign_ins", struct receipt, sign_ins),
	};
	json_t *o = json_object();
	char id[24];
	int bad = o == NULL;

	(void)snprintf(id, sizeof(id), "%" PRIu64, receipt->number);
	bad |= json_object_set_new(o, "id", json_string(id));
	bad |= json_object_set_new(o, "state", json_string(receipt_state(receipt)));
	bad |= json_object_set_new(o, "removed", OBJECT_OF(removed, receipt));
	bad |= jx_set_time(o, "requested_at", receipt->requested_wall_ms);
	bad |= jx_set_time(o, "erased_at", receipt->erased_wall_ms);
	bad |= jx_set_time(o, "keys_destroyed_at", receipt->keys_destroyed_wall_ms);
	return view_checked(o, bad);
}

json_t *
view_key_rotation(const struct app_key_rotation *rotation)
{
	static const struct field fields[] = {
		BOOL("done", struct app_key_rotation, done),
		INT("resealed", struct app_key_rotation, resealed),
		INT("to_reseal", struct app_key_rotation, to_reseal),
	};

	return OBJECT_OF(fields, rotation);
}

/* What the daemon itself leans on. */
static int
status_parts(json_t *o, const struct app_status *status)
{
	static const struct field meetings[] = {
		INT("scheduled", struct app_status, meetings.scheduled),
		INT("pending", struct app_status, meetings.pending),
		INT("failed", struct app_status, meetings.failed),
	};
	static const struct field listener[] = {
		ENUM("state", struct app_status, listener.presence, app_listener_presence_names),
		TEXT("version", struct app_status, listener.version),
		BOOL("can_store", struct app_status, listener.can_store),
		TIME("certificate_expires_at", struct app_status, listener.certificate_end_wall_ms),
	};
	static const struct field graph[] = {
		TIME("last_answer_at", struct app_status, graph.answer_wall_ms),
		INT("requests", struct app_status, graph.requests),
		INT("throttled", struct app_status, graph.throttled),
		INT("queued", struct app_status, graph.queued),
		INT("paused", struct app_status, graph.paused),
		INT("clock_ahead_ms", struct app_status, graph.clock_ahead_ms),
		TIME("credential_expires_at", struct app_status, graph.credential_end_wall_ms),
	};
	int bad = json_object_set_new(o, "meetings", OBJECT_OF(meetings, status));

	bad |= json_object_set_new(o, "listener", OBJECT_OF(listener, status));
	bad |= json_object_set_new(o, "graph", OBJECT_OF(graph, status));
	return bad;
}

json_t *
view_status(const struct app_status *status)
{
	static const struct field resyncs[] = {
		INT("running", struct app_status, resyncs_running),
		INT("ergs_done", struct app_status, resync_ergs_done),
		INT("ergs_total", struct app_status, resync_ergs_total),
	};
	static const struct field inbox[] = {
		BOOL("present", struct app_status, inbox_present),
		INT("backlog", struct app_status, inbox_backlog),
		INT("dirty", struct app_status, dirty),
	};
	static const struct field callbacks[] = {
		INT("backlog", struct app_status, callback_backlog),
		TIME("oldest_at", struct app_status, callback_oldest_wall_ms),
		TEXT("detail", struct app_status, callback_detail),
	};
	static const struct field store[] = {
		TIME("restored_at", struct app_status, restored_wall_ms),
		TIME("rebuilt_at", struct app_status, rebuilt_wall_ms),
		INT("additions_only", struct app_status, additions_only),
		INT("damaged_records", struct app_status, damaged_records),
		INT("resealed", struct app_status, reseal_rows),
		INT("to_reseal", struct app_status, reseal_total),
		INT("used_bytes", struct app_status, store.used_bytes),
		INT("limit_bytes", struct app_status, store.limit_bytes),
		BOOL("full", struct app_status, store.full),
	};
	json_t *o = json_object();
	int bad = o == NULL;

	bad |= json_object_set_new(o, "version", json_string(ERGSYNC_VERSION));
	bad |= jx_set_time(o, "as_of", status->as_of_wall_ms);
	bad |= jx_set_time(o, "started_at", status->started_wall_ms);
	bad |= status_judge(o, status);
	bad |= json_object_set_new(o, "tenants", counts_by_state(status->tenants, tenant_state_names));
	bad |= json_object_set_new(o, "ergs", counts_by_state(status->ergs, erg_state_names));
	bad |= json_object_set_new(o, "subscriptions", status_subscriptions(status));
	bad |= json_object_set_new(o, "inbox", OBJECT_OF(inbox, status));
	bad |= json_object_set_new(o, "callbacks", OBJECT_OF(callbacks, status));
	bad |= json_object_set_new(o, "changes", json_pack("{s:I}", "newest", (json_int_t)status->feed_seq));
	bad |= json_object_set_new(o, "resyncs", OBJECT_OF(resyncs, status));
	bad |= json_object_set_new(o, "store", OBJECT_OF(store, status));
	bad |= status_parts(o, status);
	bad |= json_object_set_new(o, "oldest_unproved", status_unproved(status));
	bad |= json_object_set_new(o, "problems", status_problems(status));
	return view_checked(o, bad);
}
