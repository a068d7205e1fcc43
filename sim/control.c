/* The control API: one table of what can be asked. */
#include "sim/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/build.h"
#include "sim/call.h"
#include "sim/control_events.h"
#include "sim/delegated.h"
#include "sim/delivery.h"
#include "sim/mailbox.h"
#include "sim/rich.h"
#include "sim/subscriptions.h"
#include "sim/token.h"

#define CHANGES_MAX 100000

static json_t *
show_team(const struct team *t)
{
	json_t *channels = json_array();

	for (size_t i = 0; i < t->channel_count; i++)
		json_array_append_new(channels, json_pack("{s:s,s:s,s:s,s:I}", "id", t->channels[i]->id, "name",
		                                    t->channels[i]->name, "type", sim_channel_type_name(t->channels[i]->type),
		                                    "members", (json_int_t)sim_channel_roster(t->channels[i])->live));
	return json_pack(
	    "{s:s,s:s,s:I,s:o}", "id", t->id, "name", t->name, "members", (json_int_t)t->roster.live, "channels", channels);
}

static json_t *
show_permissions(const struct tenant *t)
{
	json_t *list = json_array();

	for (int i = 0; i < PERMISSION_COUNT; i++)
		if ((t->permissions & (1u << i)) != 0)
			json_array_append_new(list, json_string(sim_permission_name((enum permission_bit)i)));
	return list;
}

static json_t *
show_tenant(const struct tenant *t)
{
	json_t *teams = json_array();

	for (size_t i = 0; i < t->team_count; i++)
		json_array_append_new(teams, show_team(t->teams[i]));
	return json_pack("{s:s,s:s,s:s,s:o,s:I,s:o}", "id", t->id, "domain", t->domain, "consent", control_consents[t->consent],
	    "permissions", show_permissions(t), "users", (json_int_t)t->user_count, "teams", teams);
}

static json_t *
show_world(const struct sim *sim)
{
	json_t *tenants = json_array();

	for (size_t i = 0; i < sim->world.tenant_count; i++)
		json_array_append_new(tenants, show_tenant(sim->world.tenants[i]));
	return json_pack("{s:o}", "tenants", tenants);
}

static json_t *
show_user(const struct user *u)
{
	return json_pack("{s:s,s:s,s:s?,s:s}", "id", u->id, "upn", u->upn, "mail", u->mail, "display_name", u->name);
}

typedef bool (*control_do)(struct control *k, const json_t *body);

static bool
answer(struct control *k, json_t *json)
{
	call_answer(k->call, k->created ? 201 : 200, json);
	return true;
}

static bool
do_world_get(struct control *k, const json_t *body)
{
	(void)body;
	return answer(k, show_world(k->sim));
}

static bool
do_world(struct control *k, const json_t *body)
{
	return build_world(k, body) && answer(k, show_world(k->sim));
}

static bool
do_app(struct control *k, const json_t *body)
{
	return build_app(k, body) && answer(k, json_pack("{s:O}", "client_id", json_object_get(body, "client_id")));
}

static bool
do_tenant(struct control *k, const json_t *body)
{
	struct tenant *t = NULL;

	return build_tenant(k, body, &t) && answer(k, show_tenant(t));
}

static bool
do_users(struct control *k, const json_t *body)
{
	struct tenant *t = control_tenant(k, body);
	const json_t *count = json_object_get(body, "count");
	json_t *list;
	struct user *u = NULL;
	size_t first;

	if (t == NULL)
		return false;
	first = t->user_count;
	if (count != NULL) {
		if (!control_only(k, body, " tenant count ") || !json_is_integer(count) ||
		    !build_user_count(k, t, (json_int_t)first + json_integer_value(count)))
			return k->why[0] != '\0' ? false : control_fail(k, "\"count\" is not a number");
		k->created = true;
		list = json_array();
		for (size_t i = first; i < t->user_count; i++)
			json_array_append_new(list, show_user(t->users[i]));
		return answer(k, json_pack("{s:o}", "users", list));
	}
	return build_user(k, t, body, &u) && answer(k, json_pack("{s:[o]}", "users", show_user(u)));
}

static bool
do_team(struct control *k, const json_t *body)
{
	const char *id = jx_get_str(body, "id");
	struct team *old = id == NULL ? NULL : world_team(&k->sim->world, id), *t = NULL;
	struct tenant *tenant = old != NULL && json_object_get(body, "tenant") == NULL ? old->tenant : control_tenant(k, body);

	return tenant != NULL && build_team(k, tenant, body, &t) &&
	       answer(k, json_pack("{s:s,s:s,s:s}", "id", t->id, "name", t->name, "general", t->channels[0]->id));
}

static bool
do_channel(struct control *k, const json_t *body)
{
	struct team *t = control_team(k, jx_get_str(body, "team"));
	struct channel *c = NULL;

	return t != NULL && build_channel(k, t, body, &c) &&
	       answer(k, json_pack("{s:s,s:s,s:s}", "id", c->id, "name", c->name, "type", sim_channel_type_name(c->type)));
}

static bool
find_place(struct control *k, const char *team, const char *channel, struct place *ret)
{
	*ret = (struct place){ control_team(k, team), NULL };
	if (ret->team == NULL)
		return false;
	if (channel == NULL)
		return true;
	ret->channel = world_channel(&k->sim->world, channel);
	if (ret->channel == NULL || ret->channel->team != ret->team)
		return control_fail(k, "\"channel\" names no channel of the team");
	if (ret->channel->type == CHANNEL_STANDARD)
		ret->channel = NULL;
	return true;
}

static json_t *
show_change(const struct place *p, const struct member *m)
{
	char id[MEMBER_ID_SIZE];

	sim_member_id(p->team, m, id);
	return json_pack("{s:s,s:s,s:s}", "id", id, "user", m->user->id, "role", sim_role_name((enum role)m->role));
}

enum op { OP_ADD, OP_REMOVE, OP_ROLE };

/* *ret_shown: the member changed; NULL when nothing was to be done. */
static void
apply_change(struct control *k, const struct place *p, struct user *u, enum op op, enum role role, bool quiet, json_t **ret_shown)
{
	const struct member *m = roster_by_user(place_roster(p), u);

	*ret_shown = NULL;
	if ((op == OP_ADD) == (m != NULL) || (op == OP_ROLE && m->role == role))
		return;
	if (op == OP_ADD) {
		m = place_join(k->sim, p, u, u->guest ? ROLE_GUEST : role, control_way(k, quiet));
		*ret_shown = show_change(p, m);
		return;
	}
	*ret_shown = show_change(p, m);
	if (op == OP_REMOVE)
		place_leave(k->sim, p, u, control_way(k, quiet));
	else
		place_set_role(k->sim, p, u, role, control_way(k, quiet));
}

static bool
change_one(struct control *k, const json_t *o, json_t *changed, int64_t *unchanged)
{
	static const char *const ops[] = { "add", "remove", "role" };
	int op = -1, role = ROLE_MEMBER;
	bool quiet = false;
	struct place p;
	struct user *u;
	json_t *shown;

	if (!control_only(k, o, " op team channel user role quiet ") || !control_name(k, o, "op", ops, 3, &op) ||
	    !control_name(k, o, "role", control_roles, 3, &role) || !control_flag(k, o, "quiet", &quiet))
		return false;
	if (op < 0)
		return control_fail(k, "\"op\" is missing");
	if (!find_place(k, jx_get_str(o, "team"), jx_get_str(o, "channel"), &p) ||
	    (u = control_user(k, &p, json_object_get(o, "user"))) == NULL)
		return false;
	apply_change(k, &p, u, (enum op)op, (enum role)role, quiet, &shown);
	if (shown != NULL)
		json_array_append_new(changed, shown);
	else
		++*unchanged;
	return true;
}

static bool
do_members(struct control *k, const json_t *body)
{
	const json_t *list = json_object_get(body, "changes");
	json_t *changed = json_array();
	int64_t unchanged = 0;
	bool good = true;

	if (list == NULL)
		good = change_one(k, body, changed, &unchanged);
	else if (!json_is_array(list) || json_array_size(list) > CHANGES_MAX || !control_only(k, body, " changes "))
		good = control_fail(k, "\"changes\" is not a list of at most %d", CHANGES_MAX);
	for (size_t i = 0; good && i < json_array_size(list); i++)
		good = change_one(k, json_array_get(list, i), changed, &unchanged);
	if (!good) {
		json_decref(changed);
		return false;
	}
	return answer(k, json_pack("{s:I,s:I,s:o}", "changed", (json_int_t)json_array_size(changed), "unchanged",
	                     (json_int_t)unchanged, "members", changed));
}

static bool
do_members_get(struct control *k, const json_t *body)
{
	json_t *list;
	struct place p;
	const struct roster *r;

	(void)body;
	if (!find_place(k, call_query(k->call, "team"), call_query(k->call, "channel"), &p))
		return false;
	list = json_array();
	r = place_roster(&p);
	for (size_t i = 0; i < r->count; i++) {
		const struct member *m = &r->list[i];
		char id[MEMBER_ID_SIZE];

		if (m->hidden_ms != MEMBER_HERE)
			continue;
		sim_member_id(p.team, m, id);
		json_array_append_new(
		    list, json_pack("{s:s,s:s,s:s,s:s,s:s,s:s?}", "id", id, "user", m->user->id, "tenant", m->user->tenant->id,
		              "role", sim_role_name((enum role)m->role), "upn", m->user->upn, "mail", m->user->mail));
	}
	return answer(k, json_pack("{s:o}", "members", list));
}

static bool
do_consent(struct control *k, const json_t *body)
{
	struct tenant *t = control_tenant(k, body);
	int consent = -1;

	if (t == NULL || !control_only(k, body, " tenant consent ") ||
	    !control_name(k, body, "consent", control_consents, 3, &consent))
		return false;
	if (consent < 0)
		return control_fail(k, "\"consent\" is missing");
	t->consent = (enum consent)consent;
	return answer(k, show_tenant(t));
}

static bool
do_permissions(struct control *k, const json_t *body)
{
	struct tenant *t = control_tenant(k, body);
	const json_t *set = json_object_get(body, "set");
	unsigned grant, withdraw, exactly;

	if (t == NULL || !control_only(k, body, " tenant grant withdraw set ") ||
	    !control_permissions(k, json_object_get(body, "grant"), &grant) ||
	    !control_permissions(k, json_object_get(body, "withdraw"), &withdraw) || !control_permissions(k, set, &exactly))
		return false;
	if (set != NULL)
		t->permissions = exactly;
	t->permissions = (t->permissions | grant) & ~withdraw;
	return answer(k, show_tenant(t));
}

static bool
do_device(struct control *k, const json_t *body)
{
	static const char *const decisions[] = { "approve", "decline" };
	struct tenant *t = control_tenant(k, body);
	const char *code = NULL, *name = NULL;
	struct user *u = NULL;
	int decision = 0;

	if (t == NULL || !control_only(k, body, " tenant user_code user decision ") ||
	    !control_text(k, body, "user_code", &code) || !control_text(k, body, "user", &name) ||
	    !control_name(k, body, "decision", decisions, 2, &decision))
		return false;
	if (name != NULL && (u = world_user(&k->sim->world, t, name)) == NULL)
		return control_fail(k, "\"user\" names nobody of the tenant");
	if (decision == 0 && u == NULL)
		return control_fail(k, "\"user\" is missing: who signs in?");
	if (code == NULL || !sim_delegated_decide(k->sim, t, code, decision == 0 ? u : NULL))
		return control_fail(k, "\"user_code\" is none that waits in this tenant");
	return answer(k, json_object());
}

static bool
do_refresh(struct control *k, const json_t *body)
{
	struct tenant *t = control_tenant(k, body);
	int64_t number = jx_get_int(body, "end", -1);

	if (t == NULL || !control_only(k, body, " tenant end "))
		return false;
	if (number < 0 || number > 99999999)
		return control_fail(k, "\"end\" is not an AADSTS number");
	return answer(k, json_pack("{s:I}", "refresh_tokens", (json_int_t)sim_delegated_end(k->sim, t, (int)number)));
}

static bool
do_expire(struct control *k, const json_t *body)
{
	bool tokens = false, delta = false, subscriptions = false, signer = false;

	if (!control_only(k, body, " tokens delta subscriptions signer ") || !control_flag(k, body, "tokens", &tokens) ||
	    !control_flag(k, body, "delta", &delta) || !control_flag(k, body, "subscriptions", &subscriptions) ||
	    !control_flag(k, body, "signer", &signer))
		return false;
	if (tokens)
		sim_token_expire_all(k->sim);
	if (signer)
		sim_signer_roll(k->sim);
	if (delta)
		k->sim->delta_epoch++;
	if (subscriptions)
		sim_subscriptions_reset(k->sim->subscriptions);
	return answer(k, json_object());
}

static bool
do_faults(struct control *k, const json_t *body)
{
	const json_t *list = json_object_get(body, "faults");
	json_t *one = list == NULL ? json_pack("[O]", body) : NULL, *ids = json_array();
	bool good = build_faults(k, list == NULL ? one : list, ids);

	json_decref(one);
	if (!good) {
		json_decref(ids);
		return false;
	}
	k->created = true;
	return answer(k, json_pack("{s:o}", "faults", ids));
}

static bool
do_faults_get(struct control *k, const json_t *body)
{
	(void)body;
	return answer(k, faults_show(&k->sim->faults));
}

static bool
do_faults_clear(struct control *k, const json_t *body)
{
	const char *tail = k->call->path + strlen("/_sim/faults");
	uint64_t id;

	(void)body;
	if (tail[0] == '\0') {
		faults_done(&k->sim->faults);
		return answer(k, json_object());
	}
	if (parse_u64(tail + 1, &id) != ERR_OK || !faults_remove(&k->sim->faults, id))
		return control_fail(k, "no such fault");
	return answer(k, json_object());
}

static bool
do_settings(struct control *k, const json_t *body)
{
	return sim_settings_change(&k->sim->settings, body, k->why, sizeof(k->why)) == ERR_OK &&
	       answer(k, sim_settings_show(&k->sim->settings));
}

static bool
do_requests_get(struct control *k, const json_t *body)
{
	struct journal_filter f = { .method = call_query(k->call, "method"),
		.template = call_query(k->call, "template"),
		.path = call_query(k->call, "path"),
		.limit = 1000 };
	const char *after = call_query(k->call, "after"), *limit = call_query(k->call, "limit");
	uint64_t n = f.limit;

	(void)body;
	if ((after != NULL && parse_u64(after, &f.after) != ERR_OK) || (limit != NULL && parse_u64(limit, &n) != ERR_OK))
		return control_fail(k, "after and limit are numbers");
	f.limit = (size_t)n;
	return answer(k, journal_show_requests(k->sim->journal, &f));
}

static bool
do_journal_get(struct control *k, const json_t *body)
{
	const char *violations = call_query(k->call, "violations");

	(void)body;
	return answer(k, journal_show(k->sim->journal, violations != NULL && strcmp(violations, "true") == 0));
}

static bool
do_journal_reset(struct control *k, const json_t *body)
{
	(void)body;
	journal_reset(k->sim->journal);
	return answer(k, json_object());
}

static bool
do_subscriptions_get(struct control *k, const json_t *body)
{
	(void)body;
	return answer(k, sim_subscriptions_show(k->sim->subscriptions));
}

static bool
do_subscription_delete(struct control *k, const json_t *body)
{
	struct subscription *x = sim_subscription_find(k->sim->subscriptions, k->call->path + strlen("/_sim/subscriptions/"));

	(void)body;
	if (x == NULL)
		return control_fail(k, "no such subscription");
	sim_subscription_end(x);
	return answer(k, json_object());
}

static bool
do_notifications_get(struct control *k, const json_t *body)
{
	(void)body;
	return answer(k, delivery_show(k->sim->delivery));
}

static bool
do_notifications_reset(struct control *k, const json_t *body)
{
	(void)body;
	delivery_clear_counts(k->sim->delivery);
	return answer(k, json_object());
}

static bool
do_notify(struct control *k, const json_t *body)
{
	const char *id = NULL, *resource = NULL, *change = NULL, *member = NULL, *lifecycle = NULL;
	const json_t *raw = json_object_get(body, "body");
	int64_t repeat = jx_get_int(body, "repeat", 1);
	struct subscription *x;
	char *text;

	if (!control_only(k, body, " subscription body resource change member repeat lifecycle ") ||
	    !control_text(k, body, "subscription", &id) || !control_text(k, body, "resource", &resource) ||
	    !control_text(k, body, "change", &change) || !control_text(k, body, "member", &member) ||
	    !control_text(k, body, "lifecycle", &lifecycle))
		return false;
	x = id == NULL ? NULL : sim_subscription_find(k->sim->subscriptions, id);
	if (x == NULL)
		return control_fail(k, "\"subscription\" names no subscription");
	if (repeat < 1 || repeat > CHANGES_MAX)
		return control_fail(k, "\"repeat\" is out of range");
	if (raw != NULL) {
		text = json_dumps(raw, JSON_COMPACT | JSON_ENCODE_ANY);
		sim_subscription_send(x, json_is_string(raw) ? json_string_value(raw) : text);
		free(text);
	} else if (lifecycle != NULL) {
		if (!sim_subscription_lifecycle(x, lifecycle))
			return control_fail(k, "no lifecycle event \"%.40s\"", lifecycle);
	} else {
		sim_subscription_notify(x, resource, change, member, (uint64_t)repeat);
	}
	return answer(k, json_object());
}

static bool
do_reset(struct control *k, const json_t *body)
{
	bool world = false;

	if (!control_only(k, body, " world ") || !control_flag(k, body, "world", &world))
		return false;
	journal_reset(k->sim->journal);
	faults_done(&k->sim->faults);
	delivery_clear_counts(k->sim->delivery);
	if (world) {
		for (struct call *c = k->sim->open; c != NULL; c = c->next)
			call_mailbox_leave(c);
		mailboxes_done(&k->sim->mailboxes);
		sim_subscriptions_reset(k->sim->subscriptions);
		delivery_reset(k->sim->delivery);
		sim_token_done(k->sim);
		sim_delegated_done(k->sim);
		sim_throttle_done(&k->sim->throttle);
		world_done(&k->sim->world);
		k->sim->settings = sim_settings_default();
		k->sim->rng = rng_seeded(k->sim->options.seed);
	}
	return answer(k, json_object());
}

static bool do_help(struct control *k, const json_t *body);

static const struct row {
	const char *method, *path; /* a trailing "/" takes anything behind it */
	control_do handle;
	const char *help;
} rows[] = {
	{ "GET", "/_sim/", do_help, "This text." },
	{ "GET", "/_sim/world", do_world_get, "Tenants, teams and channels with their sizes." },
	{ "POST", "/_sim/world", do_world,
	    "{apps, tenants: [{..., users: [user] | N, teams: [{..., channels: [...]}]}], faults, settings}: adds all of it." },
	{ "POST", "/_sim/apps", do_app,
	    "{client_id, client_secret, certificate}: who may sign in; while there is none, everybody may." },
	{ "POST", "/_sim/tenants", do_tenant, "{id, domain, consent, permissions, tenant_wide, users, teams}" },
	{ "POST", "/_sim/users", do_users,
	    "{tenant, id, upn, mail, display_name, enabled, guest, licensed, deleted} or {tenant, count}" },
	{ "POST", "/_sim/teams", do_team,
	    "{tenant, id, name, archived, deleted, dynamic, synced, owners, members: [user] | N, channels}" },
	{ "POST", "/_sim/channels", do_channel,
	    "{team, id, name, type: standard | private | shared, deleted, owners, members: [user] | N, shared_with}" },
	{ "GET", "/_sim/members", do_members_get, "?team=T[&channel=C]: who is in it now, without lag." },
	{ "POST", "/_sim/members", do_members,
	    "{op: add | remove | role, team, channel, user, role, quiet} or {changes: [...]}, as a person in Teams would." },
	{ "POST", "/_sim/consent", do_consent, "{tenant, consent: granted | withdrawn | absent}" },
	{ "POST", "/_sim/permissions", do_permissions, "{tenant, grant, withdraw, set: [name]}" },
	{ "POST", "/_sim/device", do_device,
	    "{tenant, user_code, user, decision: approve | decline}: a person enters a device code." },
	{ "POST", "/_sim/refresh", do_refresh, "{tenant, end: N}: refresh tokens are refused with AADSTS N; 0: no more." },
	{ "POST", "/_sim/expire", do_expire,
	    "{tokens, delta, subscriptions, signer: true}: ends all that are out now; a new key signs validation tokens." },
	{ "GET", "/_sim/faults", do_faults_get, "All faults, with hits." },
	{ "POST", "/_sim/faults", do_faults,
	    "{kind, method, path, skip, count, probability, status, retry_after_s, delay_ms, code, subscription} or {faults: "
	    "[...]}" },
	{ "DELETE", "/_sim/faults", do_faults_clear, "Forgets all faults." },
	{ "DELETE", "/_sim/faults/", do_faults_clear, "Forgets one." },
	{ "GET", "/_sim/settings", do_settings, "How the simulated Graph behaves." },
	{ "POST", "/_sim/settings", do_settings, "Changes the settings named." },
	{ "GET", "/_sim/requests", do_requests_get, "?method=&template=&path=&after=&limit=: requests and their counts." },
	{ "DELETE", "/_sim/requests", do_journal_reset, "Forgets requests and journal." },
	{ "GET", "/_sim/journal", do_journal_get, "?violations=true: what Graph would have refused or throttled." },
	{ "DELETE", "/_sim/journal", do_journal_reset, "Forgets requests and journal." },
	{ "GET", "/_sim/mailbox", control_mailbox_get, "?user=U: its counts of mails, and how many requests it had at a time." },
	{ "GET", "/_sim/events", control_events_get,
	    "?user=U[&id=I][&property=V][&subject=S][&gone=true][&brief=true]: the truth about its events, with mails by "
	    "attendee." },
	{ "POST", "/_sim/events", control_event,
	    "{op: create | change | cancel | delete | move | respond, user, id, date, event, organizer, address, response, "
	    "quiet, "
	    "count, repeat}" },
	{ "GET", "/_sim/subscriptions", do_subscriptions_get, "All subscriptions, with clientState." },
	{ "DELETE", "/_sim/subscriptions/", do_subscription_delete, "Graph loses one, silently." },
	{ "GET", "/_sim/notifications", do_notifications_get, "Counts of deliveries." },
	{ "DELETE", "/_sim/notifications", do_notifications_reset, "Sets the counts to 0." },
	{ "POST", "/_sim/notify", do_notify,
	    "{subscription, body | resource, change, member, repeat | lifecycle}: a notification made by hand." },
	{ "POST", "/_sim/reset", do_reset, "{world: true}: forgets what happened; with world everything." },
};

#define ROW_COUNT (sizeof(rows) / sizeof(*rows))

static bool
do_help(struct control *k, const json_t *body)
{
	struct text t;

	(void)body;
	text_init(&t, 65536);
	text_adds(&t,
	    "Control API of the Microsoft Graph simulator. JSON in and out; members not named keep their value or default.\n\n");
	for (size_t i = 0; i < ROW_COUNT; i++)
		text_addf(&t, "%-7s%-24s%s\n", rows[i].method, rows[i].path, rows[i].help);
	text_adds(&t, "\nKinds of faults for requests: status status_after timeout_before timeout_after close_before close_after "
	              "delay truncate\n"
	              "truncated_page short_page empty_page lag late_join; for notifications: drop duplicate reorder hold.\n");
	k->call->text = text_take(&t);
	k->call->status = 200;
	return true;
}

static bool
path_fits(const char *pattern, const char *path)
{
	size_t len = strlen(pattern);

	if (strcmp(pattern, "/_sim/") != 0 && pattern[len - 1] == '/')
		return strncmp(pattern, path, len) == 0 && path[len] != '\0';
	return strcmp(pattern, path) == 0;
}

static const struct row *
find_row(const struct call *c)
{
	const char *path = strcmp(c->path, "/_sim") == 0 ? "/_sim/" : c->path;

	for (size_t i = 0; i < ROW_COUNT; i++)
		if (strcmp(rows[i].method, c->method) == 0 && path_fits(rows[i].path, path))
			return &rows[i];
	return NULL;
}

void
control_handle(struct call *c)
{
	struct control k = { .sim = c->sim, .call = c };
	const struct row *row = find_row(c);
	bool good;

	if (row == NULL) {
		call_answer(c, 404, json_pack("{s:s}", "error", "no such call: GET /_sim/ lists them"));
		return;
	}
	if (c->body == NULL)
		c->json = json_object();
	else if (jx_parse(c->body, c->body_len, &c->json, k.why, sizeof(k.why)) != ERR_OK)
		c->json = NULL;
	good = json_is_object(c->json) ? row->handle(&k, c->json)
	       : k.why[0] != '\0'      ? false
	                               : control_fail(&k, "the body is not an object");
	if (!good)
		call_answer(c, 400, json_pack("{s:s}", "error", k.why));
}
