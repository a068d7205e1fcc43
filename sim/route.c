/* The router: from a path to a handler, with all that every Graph call goes through on the way. */
#include "sim/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/encode.h"
#include "sim/call.h"
#include "sim/handlers.h"
#include "sim/mailbox.h"
#include "sim/memory.h"
#include "sim/token.h"

#define P(name)               PERMISSION_##name
#define READS_TEAM_MEMBERS    (P(TEAM_MEMBER_READ) | P(TEAM_MEMBER_WRITE))
#define ADDS_TEAM_MEMBERS     (P(TEAM_MEMBER_NONOWNER) | P(TEAM_MEMBER_WRITE))
#define READS_CHANNEL_MEMBERS (P(CHANNEL_MEMBER_READ) | P(CHANNEL_MEMBER_WRITE))
#define READS_CALENDARS       (P(CALENDARS_READ) | P(CALENDARS_WRITE))
#define READS_GROUP_MEMBERS   (P(GROUP_MEMBER_READ) | P(GROUP_MEMBER_WRITE) | P(GROUP_READ))

/* First match wins: literal rows stand before those with braces; subscriptions, which are renewed all the time, before all. */
static const struct route routes[] = {
	{ "POST", "/subscriptions", 0, TRAFFIC_SUBSCRIPTION_WRITE, 1, handle_subscription_create },
	{ "GET", "/subscriptions", 0, TRAFFIC_SUBSCRIPTION_LIST, 1, handle_subscriptions_list },
	{ "GET", "/subscriptions/{subscription}", 0, TRAFFIC_SUBSCRIPTION_GET, 1, handle_subscription_get },
	{ "PATCH", "/subscriptions/{subscription}", 0, TRAFFIC_SUBSCRIPTION_WRITE, 1, handle_subscription_patch },
	{ "DELETE", "/subscriptions/{subscription}", 0, TRAFFIC_SUBSCRIPTION_WRITE, 1, handle_subscription_delete },
	{ "POST", "/subscriptions/{subscription}/reauthorize", 0, TRAFFIC_SUBSCRIPTION_REAUTHORIZE, 1,
	    handle_subscription_reauthorize },
	{ "GET", "/users", P(USER_READ), TRAFFIC_IDENTITY_READ, 2, handle_users_list },
	{ "GET", "/users/{user}", P(USER_READ), TRAFFIC_IDENTITY_READ, 1, handle_user_get },
	{ "GET", "/users/{user}/events", READS_CALENDARS, TRAFFIC_OUTLOOK, 1, handle_events_list },
	{ "POST", "/users/{user}/events", P(CALENDARS_WRITE), TRAFFIC_OUTLOOK, 1, handle_event_create },
	{ "GET", "/users/{user}/events/{event}", READS_CALENDARS, TRAFFIC_OUTLOOK, 1, handle_event_get },
	{ "PATCH", "/users/{user}/events/{event}", P(CALENDARS_WRITE), TRAFFIC_OUTLOOK, 1, handle_event_patch },
	{ "DELETE", "/users/{user}/events/{event}", P(CALENDARS_WRITE), TRAFFIC_OUTLOOK, 1, handle_event_delete },
	{ "POST", "/users/{user}/events/{event}/cancel", P(CALENDARS_WRITE), TRAFFIC_OUTLOOK, 1, handle_event_cancel },
	{ "GET", "/users/{user}/events/{event}/instances", READS_CALENDARS, TRAFFIC_OUTLOOK, 1, handle_event_instances },
	{ "GET", "/users/{user}/calendarView", READS_CALENDARS, TRAFFIC_OUTLOOK, 1, handle_calendar_view },
	{ "GET", "/users/{user}/calendarView/delta", READS_CALENDARS, TRAFFIC_OUTLOOK, 1, handle_calendar_delta },
	{ "GET", "/groups/delta", READS_GROUP_MEMBERS, TRAFFIC_IDENTITY_READ, 3, handle_groups_delta },
	{ "GET", "/groups/{group}", READS_GROUP_MEMBERS, TRAFFIC_IDENTITY_READ, 1, handle_group_get },
	{ "GET", "/groups/{group}/members", READS_GROUP_MEMBERS, TRAFFIC_IDENTITY_READ, 3, handle_group_members },
	{ "GET", "/groups/{group}/owners", READS_GROUP_MEMBERS, TRAFFIC_IDENTITY_READ, 3, handle_group_owners },
	{ "POST", "/groups/{group}/members/$ref", P(GROUP_MEMBER_WRITE), TRAFFIC_IDENTITY_WRITE, 1, handle_group_member_add },
	{ "DELETE", "/groups/{group}/members/{user}/$ref", P(GROUP_MEMBER_WRITE), TRAFFIC_IDENTITY_WRITE, 1,
	    handle_group_member_remove },
	{ "GET", "/teams/{team}", P(TEAM_READ), TRAFFIC_TEAM_GET, 1, handle_team_get },
	{ "GET", "/teams/{team}/primaryChannel", P(CHANNEL_READ), TRAFFIC_CHANNEL_GET, 1, handle_channel_primary },
	{ "GET", "/teams/{team}/channels", P(CHANNEL_READ), TRAFFIC_CHANNEL_LIST, 1, handle_channels_list },
	{ "GET", "/teams/{team}/allChannels", P(CHANNEL_READ), TRAFFIC_CHANNEL_LIST, 1, handle_channels_list },
	{ "GET", "/teams/{team}/channels/{channel}", P(CHANNEL_READ), TRAFFIC_CHANNEL_GET, 1, handle_channel_get },
	{ "GET", "/teams/{team}/members", READS_TEAM_MEMBERS, TRAFFIC_TEAM_MEMBERS, 1, handle_members_list },
	{ "POST", "/teams/{team}/members", ADDS_TEAM_MEMBERS, TRAFFIC_MEMBER_ADD, 1, handle_member_add },
	{ "POST", "/teams/{team}/members/add", ADDS_TEAM_MEMBERS, TRAFFIC_TEAMS_WRITE, 1, handle_members_add },
	{ "POST", "/teams/{team}/members/remove", P(TEAM_MEMBER_WRITE), TRAFFIC_TEAMS_WRITE, 1, handle_members_remove },
	{ "GET", "/teams/{team}/members/{member}", READS_TEAM_MEMBERS, TRAFFIC_TEAMS_GET, 1, handle_member_get },
	{ "PATCH", "/teams/{team}/members/{member}", P(TEAM_MEMBER_WRITE), TRAFFIC_TEAMS_WRITE, 1, handle_member_patch },
	{ "DELETE", "/teams/{team}/members/{member}", P(TEAM_MEMBER_WRITE), TRAFFIC_TEAMS_WRITE, 1, handle_member_remove },
	{ "GET", "/teams/{team}/channels/{channel}/members", READS_CHANNEL_MEMBERS, TRAFFIC_CHANNEL_MEMBERS, 1,
	    handle_members_list },
	{ "GET", "/teams/{team}/channels/{channel}/allMembers", READS_CHANNEL_MEMBERS, TRAFFIC_CHANNEL_MEMBERS, 1,
	    handle_members_list_all },
	{ "POST", "/teams/{team}/channels/{channel}/members", P(CHANNEL_MEMBER_WRITE), TRAFFIC_TEAMS_WRITE, 1,
	    handle_member_add },
	{ "POST", "/teams/{team}/channels/{channel}/members/add", P(CHANNEL_MEMBER_WRITE), TRAFFIC_TEAMS_WRITE, 1,
	    handle_members_add },
	{ "POST", "/teams/{team}/channels/{channel}/members/remove", P(CHANNEL_MEMBER_WRITE), TRAFFIC_TEAMS_WRITE, 1,
	    handle_members_remove },
	{ "GET", "/teams/{team}/channels/{channel}/members/{member}", READS_CHANNEL_MEMBERS, TRAFFIC_TEAMS_GET, 1,
	    handle_member_get },
	{ "GET", "/teams/{team}/channels/{channel}/allMembers/{member}", READS_CHANNEL_MEMBERS, TRAFFIC_TEAMS_GET, 1,
	    handle_member_get },
	{ "PATCH", "/teams/{team}/channels/{channel}/members/{member}", P(CHANNEL_MEMBER_WRITE), TRAFFIC_TEAMS_WRITE, 1,
	    handle_member_patch },
	{ "DELETE", "/teams/{team}/channels/{channel}/members/{member}", P(CHANNEL_MEMBER_WRITE), TRAFFIC_TEAMS_WRITE, 1,
	    handle_member_remove },
	{ "GET", "/teams/{team}/channels/{channel}/doesUserHaveAccess(*)", P(CHANNEL_MEMBER_READ), TRAFFIC_TEAMS_GET, 1,
	    handle_user_has_access },
	{ "POST", "/$batch", 0, TRAFFIC_NONE, 1, handle_batch_run },
};

/* Collections whose key may stand in parentheses: teams('..')/members('..'). */
static const char *const keyed[] = { "users", "groups", "teams", "channels", "members", "allMembers", "subscriptions", "events" };

static bool
is_keyed(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(keyed) / sizeof(*keyed); i++)
		if (strlen(keyed[i]) == len && strncasecmp(keyed[i], name, len) == 0)
			return true;
	return false;
}

/* The len bytes at s, which it cuts off there. */
static bool
push(struct call *c, char *s, size_t len)
{
	if (c->segment_count == CALL_SEGMENTS_MAX)
		return false;
	s[len] = '\0';
	c->segment[c->segment_count++] = s;
	return true;
}

/* One decoded segment: as it is, or name and key, or a function without its empty parentheses. */
static bool
push_segment(struct call *c, char *s)
{
	char *open = strchr(s, '(');
	size_t len = strlen(s);

	if (strncasecmp(s, "microsoft.graph.", 16) == 0)
		return push_segment(c, s + 16);
	if (open != NULL && strlen(open) >= 4 && is_keyed(s, (size_t)(open - s)) && open[1] == '\'' &&
	    strcmp(s + len - 2, "')") == 0)
		return push(c, s, (size_t)(open - s)) && push(c, open + 2, len - (size_t)(open - s) - 4);
	if (open != NULL && strcmp(open, "()") == 0)
		return push(c, s, (size_t)(open - s));
	return push(c, s, len);
}

/* Decodes a copy of the path in place: a segment begins where the slash before it stood or behind. */
bool
sim_route_split(struct call *c, const char *path)
{
	char *at = arena_copy(&c->arena, path), next = *at;

	while (next == '/') {
		char *segment = at + 1;
		size_t len = strcspn(segment, "/"), decoded_len;

		at = segment + len;
		next = *at;
		if (percent_decode(segment, len, 0, segment, &decoded_len) != ERR_OK || !push_segment(c, segment))
			return false;
	}
	return next == '\0';
}

static bool
matches(struct call *c, const struct route *r)
{
	const char *at = r->template;
	size_t i = 0, arguments = 0;

	for (; *at == '/'; i++) {
		size_t len = strcspn(++at, "/");

		if (i == c->segment_count)
			return false;
		if (at[0] == '{')
			c->argument[arguments++] = c->segment[i];
		else if (len > 3 && strncmp(at + len - 3, "(*)", 3) == 0) {
			if (strncasecmp(c->segment[i], at, len - 2) != 0)
				return false;
			c->function = c->segment[i] + len - 3;
		} else if (strlen(c->segment[i]) != len || strncasecmp(c->segment[i], at, len) != 0)
			return false;
		at += len;
	}
	return i == c->segment_count;
}

bool
sim_route_find(struct call *c, bool *ret_method_wrong)
{
	*ret_method_wrong = false;
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		if (!matches(c, &routes[i]))
			continue;
		c->template = routes[i].template;
		if (strcmp(routes[i].method, c->method) == 0) {
			c->route = &routes[i];
			return true;
		}
		*ret_method_wrong = true;
	}
	memset(c->argument, 0, sizeof(c->argument));
	return false;
}

/* The usual code of a status, for faults that name none. */
static const char *
code_of(int status)
{
	static const struct {
		int status;
		const char *code;
	} codes[] = {
		{ 400, "BadRequest" },
		{ 401, "InvalidAuthenticationToken" },
		{ 403, "Forbidden" },
		{ 404, "NotFound" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 412, "ErrorIrresolvableConflict" },
		{ 423, "Locked" },
		{ 429, "TooManyRequests" },
		{ 500, "InternalServerError" },
		{ 502, "BadGateway" },
		{ 503, "ServiceUnavailable" },
		{ 504, "GatewayTimeout" },
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (codes[i].status == status)
			return codes[i].code;
	return "UnknownError";
}

/* True when the fault keeps the request from having any effect; the answer is set then. */
static bool
struck_before(struct call *c)
{
	const struct fault *f = faults_for_request(&c->sim->faults, &c->sim->rng, c->method, c->path + strlen(GRAPH_PREFIX));

	if (f == NULL)
		return false;
	c->fault = *f;
	switch (f->kind) {
	case FAULT_STATUS:
		if (c->fault.retry_after_s >= 0)
			call_header(c, "Retry-After: %lld", (long long)c->fault.retry_after_s);
		call_refuse(c, f->status, f->code[0] == '\0' ? code_of(f->status) : f->code, JOURNAL_NONE, "A scripted fault.");
		return true;
	case FAULT_TIMEOUT_BEFORE:
	case FAULT_CLOSE_BEFORE: return true;
	case FAULT_LAG: c->read_ms -= f->delay_ms; return false;
	default: return false;
	}
}

static unsigned
identity_limit(const struct tenant *t)
{
	return t->user_count < 50 ? 3500 : t->user_count <= 500 ? 5000 : 8000;
}

/* The least a call can cost is one unit: facts 11, identity. */
static unsigned
units_of(const struct call *c)
{
	unsigned units = c->route->units;

	if (call_query(c, "$expand") != NULL)
		units++;
	if (call_query(c, "$select") != NULL && units > 1)
		units--;
	return units;
}

/* False after refusing. */
static bool
within_limits(struct call *c)
{
	bool teams = strncasecmp(c->template, "/teams/", 7) == 0;
	struct user *owner = c->route->traffic == TRAFFIC_OUTLOOK ? call_mailbox_user(c) : NULL;
	struct throttle_call t = { .traffic = c->route->traffic,
		.units = units_of(c),
		.identity_limit = identity_limit(c->tenant),
		.team = teams ? c->argument[0] : NULL,
		.channel = teams && strstr(c->template, "{channel}") != NULL ? c->argument[1] : NULL,
		.mailbox = owner != NULL ? owner->id : NULL };
	struct throttle_verdict v = sim_throttle_count(c->party, &t, c->now_ms);

	/* Who was never sent away cannot come back too early. */
	if (v.early && c->sim->settings.strict != 0)
		call_note(c, JOURNAL_TOO_EARLY, "a call before the Retry-After of its bucket was over");
	if (owner != NULL && !call_mailbox_enter(c, owner) && !v.over) {
		v.over = true;
		v.retry_after_s = 1;
		v.limit = "4 requests at a time in one mailbox";
	}
	if (!v.over)
		return true;
	if (c->sim->settings.strict == 0) {
		call_note(c, JOURNAL_THROTTLED, v.limit);
		return true;
	}
	call_header(c, "Retry-After: %lld", (long long)v.retry_after_s);
	call_refuse(c, 429, "TooManyRequests", JOURNAL_THROTTLED, "Too many requests: %s.", v.limit);
	return false;
}

static bool
permitted(struct call *c)
{
	if (c->route->permissions == 0 || call_may(c, c->route->permissions))
		return true;
	call_refuse(
	    c, 403, "Authorization_RequestDenied", JOURNAL_FORBIDDEN, "Insufficient privileges to complete the operation.");
	return false;
}

static void
find_and_run(struct call *c)
{
	const char *path = c->path + strlen(GRAPH_PREFIX);
	bool method_wrong = false;

	if (!sim_route_split(c, path) || !sim_route_find(c, &method_wrong)) {
		if (sim_token_authenticate(c))
			call_refuse(c, method_wrong ? 405 : 400, method_wrong ? "Request_BadRequest" : "BadRequest",
			    JOURNAL_NO_ROUTE,
			    method_wrong ? "Specified HTTP method is not allowed for the request target."
			                 : "Resource not found for the segment.");
		return;
	}
	if (c->body != NULL && jx_parse(c->body, c->body_len, &c->json, NULL, 0) != ERR_OK) {
		call_refuse(c, 400, "BadRequest", JOURNAL_BAD_REQUEST, "Unable to read JSON request payload.");
		return;
	}
	if (sim_token_authenticate(c) && within_limits(c) && permitted(c))
		c->route->handle(c);
}

void
sim_route_handle(struct call *c)
{
	c->handling = true;
	if (faults_too_early(&c->sim->faults, c->method, c->path, c->now_ms))
		call_note(c, JOURNAL_TOO_EARLY, "the same call before its Retry-After was over");
	if (!struck_before(c))
		find_and_run(c);
	c->handling = false;
	if (!c->deferred || c->finished)
		call_finish(c);
}
