/* What must hold: after each step, at each entry of the change feed, and when all has settled. */
#include "property/world.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/text.h"
#include "reconciler/keeper_wide.h"
#include "reconciler/tables.h"
#include "state/feed.h"
#include "state/inbox.h"
#include "state/store.h"

/* A read takes a while: who left during it may be told as added after having left. */
#define READ_MS (2 * MINUTE_MS)
/* After a crash nothing is remembered of what Graph's limits have left. */
#define LIMITS_FORGOTTEN_MS (2 * MINUTE_MS)
#define STEP_FELT_MS        (70 * MINUTE_MS)
#define OWNER_LEFT_MS       (30 * SECOND_MS)
#define REQUESTS_SHOWN      30
/* More than the largest world needs. */
#define STORE_MAX_BYTES (8 << 20)
#define INBOX_MAX_BYTES (2 << 20)

/* ---------- the change feed ---------- */

struct entry *
entry_find(struct world *w, const char *id)
{
	for (size_t i = w->entry_count; i-- > 0;)
		if (strcmp(w->entries[i].id, id) == 0)
			return &w->entries[i];
	return NULL;
}

static struct entry *
entry_add(struct world *w)
{
	if (w->entry_count == w->entry_cap) {
		w->entry_cap = w->entry_cap == 0 ? 256 : w->entry_cap * 2;
		w->entries = realloc(w->entries, w->entry_cap * sizeof(*w->entries));
		if (w->entries == NULL)
			abort();
	}
	memset(&w->entries[w->entry_count], 0, sizeof(*w->entries));
	return &w->entries[w->entry_count++];
}

/* Removals within a day before now, the new one included. */
static size_t
removals_of_day(struct world *w, struct group *g)
{
	int64_t now_ms = clock_wall_ms(w->clock);
	size_t n = 0;

	if (g->removed_count == g->removed_cap) {
		g->removed_cap = g->removed_cap == 0 ? 64 : g->removed_cap * 2;
		g->removed_ms = realloc(g->removed_ms, g->removed_cap * sizeof(*g->removed_ms));
		if (g->removed_ms == NULL)
			abort();
	}
	g->removed_ms[g->removed_count++] = now_ms;
	for (size_t i = 0; i < g->removed_count; i++)
		n += g->removed_ms[i] > now_ms - DAY_MS;
	return n;
}

static bool
anybody_refused(const struct group *g)
{
	for (unsigned n = 1; n <= PEOPLE_MAX; n++)
		if (g->app[n].refused)
			return true;
	return false;
}

static void
judge_guard(struct world *w, struct group *g, unsigned person)
{
	int64_t limit = g->removal_limit >= 0 ? g->removal_limit : w->config.removal_limit;
	int64_t percent = g->removal_percent >= 0 ? g->removal_percent : w->config.removal_percent;
	int64_t n = (int64_t)removals_of_day(w, g), had = (int64_t)g->feed_size + n - 1;

	/* Whose removal the app refused is still in the app. */
	for (unsigned i = 1; i <= PEOPLE_MAX; i++)
		had += g->app[i].refused && !g->feed[i].present;
	if (n > limit && n * 100 > percent * had)
		fail(w, "%lld of %lld people of %s were removed within a day; the limits are %lld and %lld %%", (long long)n,
		    (long long)had, g->id.s, (long long)limit, (long long)percent);
	/* Whom the app refuses to take out may be back: no entry tells of that. */
	if (g->feed_size == 1 && g->feed[person].present && !anybody_refused(g))
		fail(w, "the last person of %s was removed: a list that became empty", g->id.s);
}

static void
judge_removal(struct world *w, struct group *g, unsigned person)
{
	const struct seat *seat = &w->places[g->place].seats[person];
	struct told *t = &g->feed[person];

	if (seat->in && seat->left_ms < t->added_ms - READ_MS - w->lag_ms)
		fail(w, "person %u was removed from %s, but is there and has not left since added", person, g->id.s);
	if (++t->removals > seat->leaves - t->leaves_before)
		fail(w, "person %u was removed from %s for the %u. time, having left %u times", person, g->id.s, t->removals,
		    seat->leaves - t->leaves_before);
	judge_guard(w, g, person);
}

static void
judge_addition(struct world *w, struct group *g, unsigned person)
{
	const struct seat *seat = &w->places[g->place].seats[person];
	struct told *t = &g->feed[person];

	t->added_ms = clock_boot_ms(w->clock);
	if (seat->in)
		return;
	if (seat->left_ms < t->added_ms - READ_MS - w->lag_ms)
		fail(w, "person %u was added to %s, but is not there", person, g->id.s);
	/* An old list shows who has left and was removed: there will be another removal. */
	if (w->lag_ms > 0)
		t->leaves_before--;
}

static void
judge_member(struct world *w, struct group *g, struct entry *e)
{
	struct told *t = &g->feed[e->person];
	bool refused = g->app[e->person].refused;

	note(w, "feed %" PRIu64 ": %c person %u of %s", e->seq, e->what, e->person, g->id.s);
	if (w->both) {
		both_told(w, g, e);
		e->before = t->seq;
		t->seq = e->seq;
		return;
	}
	if (!refused && (e->what == 'a') == t->present)
		fail(w, "the feed says '%c' of person %u of %s, who is %s there", e->what, e->person, g->id.s,
		    t->present ? "already" : "not");
	if (!refused && e->what == 'u' && t->role == e->role)
		fail(w, "the feed says person %u of %s has another role, but it is the same", e->person, g->id.s);
	if (e->what == 'r')
		judge_removal(w, g, e->person);
	if (e->what == 'a')
		judge_addition(w, g, e->person);
	g->feed_size += (e->what != 'r') - (unsigned)t->present;
	t->present = e->what != 'r';
	t->role = e->role;
	e->before = t->seq;
	t->seq = e->seq;
}

static enum role
role_told(const char *text)
{
	return text != NULL && strcmp(text, "owner") == 0   ? ROLE_OWNER
	       : text != NULL && strcmp(text, "guest") == 0 ? ROLE_GUEST
	                                                    : ROLE_MEMBER;
}

static bool
on_feed(void *arg, const struct feed_record *f)
{
	struct world *w = arg;
	const struct span part = { f->body, strlen(f->body) };
	struct entry *e;
	json_t *root = NULL;
	const json_t *data;

	if (f->seq <= w->feed_seq)
		fail(w, "the change feed goes from %" PRIu64 " to %" PRIu64, w->feed_seq, f->seq);
	if (entry_find(w, f->id) != NULL)
		fail(w, "webhook-id %s comes twice", f->id);
	w->feed_seq = f->seq;
	e = entry_add(w);
	str_copy(e->id, sizeof(e->id), f->id);
	e->seq = f->seq;
	sha256(&part, 1, e->digest);
	if (f->type > CHANGE_MEMBER_UPDATED || f->erg.s[0] != 'g') {
		note(w, "feed %" PRIu64 ": %s %s", f->seq, change_type_name(f->type), f->erg.s);
		return !w->failed;
	}
	e->group = (unsigned)strtoul(f->erg.s + 1, NULL, 10);
	if (jx_parse(f->body, part.len, &root, NULL, 0) != ERR_OK)
		fail(w, "an entry of the feed is not JSON");
	data = jx_get_object(root, "data");
	e->person = jx_get_str(data, "entra_id") != NULL ? person_number(jx_get_str(data, "entra_id")) : 0;
	e->role = role_told(jx_get_str(data, "role"));
	json_decref(root);
	if (e->group >= w->group_count && w->group_count > 0 && e->group >= ERGS_MAX)
		fail(w, "the feed speaks of %s", f->erg.s);
	else if (e->person == 0)
		fail(w, "the feed speaks of nobody we know in %s", f->erg.s);
	else if (w->groups[e->group].linked) {
		e->what = f->type == CHANGE_MEMBER_ADDED ? 'a' : f->type == CHANGE_MEMBER_REMOVED ? 'r' : 'u';
		e->link = w->groups[e->group].link;
		judge_member(w, &w->groups[e->group], e);
	}
	return !w->failed;
}

void
judge_feed(void *arg)
{
	struct world *w = arg;

	if (w->r != NULL && !w->failed)
		feed_read(w->r->store, w->feed_seq, SIZE_MAX, on_feed, w);
}

/* ---------- after each step ---------- */

static bool
owner_just_left(const struct world *w, const char *path, int64_t at_ms)
{
	for (unsigned i = 0; i < w->place_count; i++)
		if (strstr(path, w->places[i].team) != NULL && w->places[i].owner_left_ms != 0 &&
		    w->places[i].owner_left_ms >= at_ms - OWNER_LEFT_MS)
			return true;
	return false;
}

/* What nobody could have done better. */
static bool
forgiven(const struct world *w, const char *kind, const char *path, int64_t at_ms)
{
	/* The simulator does not tell tenants apart there. */
	bool of_any = w->tenant_count > 1 && (strstr(path, "/subscriptions") != NULL || strstr(path, "/groups/") != NULL);
	bool forgotten = at_ms >= w->crashed_ms && at_ms < w->crashed_ms + LIMITS_FORGOTTEN_MS;

	/* The other owner may go between our reading and our writing. */
	if (strcmp(kind, "last_owner") == 0)
		return owner_just_left(w, path, at_ms);
	if (strcmp(kind, "throttled") == 0 || strcmp(kind, "spacing") == 0)
		return forgotten;
	/* A slow Graph's Retry-After may go unheard. */
	if (strcmp(kind, "too_early") == 0)
		return forgotten || w->ever_slow || of_any;
	/* A time of day that was right when the call was made is not after a step. Here both machines have one clock, so that Graph's is
	 * stepped, too, and nobody hears of it before the next answer: renewals are 45 minutes apart. property_year keeps the two apart. */
	return strcmp(kind, "bad_request") == 0 && w->ever_stepped && at_ms < w->stepped_ms + STEP_FELT_MS;
}

void
judge_note_requests(struct world *w)
{
	json_t *all = ask(w, "GET", "/_sim/requests?limit=100000", NULL), *item;
	const json_t *list = jx_get_array(all, "requests");
	size_t count = json_array_size(list);

	for (size_t i = count > REQUESTS_SHOWN ? count - REQUESTS_SHOWN : 0; i < count; i++) {
		item = json_array_get(list, i);
		note(w, "  at %lld ms: %lld %s %s", (long long)jx_get_int(item, "at_ms", 0),
		    (long long)jx_get_int(item, "status", 0), jx_get_str(item, "method"), jx_get_str(item, "path"));
	}
	json_decref(all);
}

/* All that Graph would have thrown at us. */
static void
judge_calls(struct world *w)
{
	json_t *journal = ask(w, "GET", "/_sim/journal", NULL), *item;
	size_t i;

	if (jx_get_int(journal, "violations", 0) > 0)
		json_array_foreach(jx_get_array(journal, "entries"), i, item)
		{
			const char *kind = jx_get_str(item, "kind");

			if (!jx_get_bool(item, "violation", false) ||
			    forgiven(w, kind, jx_get_str(item, "path"), jx_get_int(item, "at_ms", 0)))
				continue;
			fail(w, "Graph's rule \"%s\" is broken by %s %s at %lld ms: %s", kind, jx_get_str(item, "method"),
			    jx_get_str(item, "path"), (long long)jx_get_int(item, "at_ms", 0), jx_get_str(item, "detail"));
		}
	json_decref(journal);
	json_decref(ask(w, "DELETE", "/_sim/journal", NULL));
}

void
judge_always(struct world *w)
{
	judge_feed(w);
	app_let_go(w);
	/* Which asks for the calls since the last look. */
	if (w->both)
		both_look(w);
	judge_calls(w);
}

/* ---------- when all has settled ---------- */

static void
judge_people(struct world *w, struct group *g)
{
	const struct place *p = &w->places[g->place];

	for (unsigned n = 1; n <= w->people[p->tenant] && !w->failed; n++) {
		const struct told *app = &g->app[n], *feed = &g->feed[n];
		const struct seat *seat = &p->seats[n];

		if (app->refused)
			continue;
		if (feed->present != seat->in || app->present != seat->in)
			fail(w, "person %u is %s %s in Teams; by the feed %s, in the app %s", n, seat->in ? "in" : "not in",
			    g->id.s, feed->present ? "in" : "out", app->present ? "in" : "out");
		else if (seat->in && (feed->role != seat->role || app->role != seat->role))
			fail(w, "person %u of %s has role %d in Teams, %d by the feed, %d in the app", n, g->id.s, seat->role,
			    feed->role, app->role);
	}
}

static void
judge_group(struct world *w, struct group *g)
{
	struct erg erg;

	if (w->both) {
		both_settled(w, g);
		return;
	}
	if (erg_load(w->r, &g->id, &erg) != ERR_OK) {
		fail(w, "%s is lost", g->id.s);
		return;
	}
	if (erg.state != ERG_IN_SYNC)
		fail(w, "%s is %s, not in sync: %s", g->id.s, erg_state_names[erg.state], erg.detail);
	judge_people(w, g);
	if (erg.counts.pending != 0)
		fail(w, "%s has %lld changes pending", g->id.s, (long long)erg.counts.pending);
	if (erg.counts.teams != w->places[g->place].size)
		fail(w, "%s counts %lld people in Teams, there are %u", g->id.s, (long long)erg.counts.teams,
		    w->places[g->place].size);
	if (!anybody_refused(g) && (erg.counts.app != erg.counts.teams || erg.counts.refused != 0 || erg.proved_wall_ms == 0))
		fail(w, "%s counts %lld people in the app, %lld refused", g->id.s, (long long)erg.counts.app,
		    (long long)erg.counts.refused);
}

/* Scopes: one for each team whose members count, one for each team whose channels do. */
static unsigned
scopes_needed(const struct world *w)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->place_count; i++) {
		bool needed = false;

		for (unsigned k = 0; k < w->group_count; k++)
			needed |= w->groups[k].linked && w->groups[k].place == i && w->groups[k].policy != MEMBERSHIP_OFF;
		n += needed;
	}
	return n;
}

/* What our side holds: those of tenants, those that are on Graph, and what nothing watches. */
struct kept {
	unsigned wide, on_graph, uncovered;
};

static void
look_at_row(struct world *w, const struct subscription *s, struct kept *kept)
{
	struct subscription wide;

	kept->wide += s->kind == SUBSCRIPTION_TENANT_MEMBERS;
	kept->on_graph += s->id[0] != '\0';
	if (s->state == SUBSCRIPTION_COVERED)
		kept->uncovered += keeper_wide_load(w->r, &s->tenant, &wide) != ERR_OK || wide.state != SUBSCRIPTION_ACTIVE;
	else if (s->state != SUBSCRIPTION_ACTIVE)
		kept->uncovered += s->kind != SUBSCRIPTION_TENANT_MEMBERS;
}

static struct kept
look_at_rows(struct world *w)
{
	struct store_cursor *c = store_seek(w->r->store, TABLE_SUBSCRIPTIONS, NULL, NULL);
	struct kept kept = { 0 };
	struct subscription s;

	while (store_next(c, NULL, &s) == ERR_OK)
		look_at_row(w, &s, &kept);
	store_cursor_close(c);
	return kept;
}

static void
judge_subscriptions(struct world *w)
{
	json_t *answer = ask(w, "GET", "/_sim/subscriptions", NULL);
	const struct kept kept = look_at_rows(w);
	unsigned needed = w->config.tenant_wide_from > 0 ? kept.on_graph : scopes_needed(w);

	if (kept.uncovered > 0)
		fail(w, "%u teams or channels have no subscription", kept.uncovered);

	if (json_array_size(jx_get_array(answer, "subscriptions")) != needed)
		fail(w, "Graph has %zu subscriptions, %u are needed", json_array_size(jx_get_array(answer, "subscriptions")),
		    needed);
	json_decref(answer);
}

static void
judge_store(struct world *w)
{
	struct inbox_stats inbox;
	struct store_stats s;
	uint64_t members = 0;

	store_stats(w->r->store, &s);
	for (unsigned i = 0; i < w->group_count; i++)
		for (unsigned n = 1; w->groups[i].linked && n <= PEOPLE_MAX; n++)
			members += w->groups[i].feed[n].present;
	if (s.damaged != 0)
		fail(w, "%" PRIu64 " records are damaged", s.damaged);
	if (!w->both && s.rows[TABLE_DIRTY] != 0)
		fail(w, "%" PRIu64 " scopes or chores are still dirty", s.rows[TABLE_DIRTY]);
	if (s.rows[TABLE_OUTBOX] != 0)
		fail(w, "%" PRIu64 " callbacks are still in the outbox", s.rows[TABLE_OUTBOX]);
	if (!w->both && !w->ever_refused && s.rows[TABLE_MEMBERS] != members)
		fail(w, "there are %" PRIu64 " member records for %" PRIu64 " members", s.rows[TABLE_MEMBERS], members);
	if (s.rows[TABLE_MEMBERSHIPS] > s.rows[TABLE_MEMBERS] ||
	    s.rows[TABLE_SUBSCRIPTIONS] != scopes_needed(w) + look_at_rows(w).wide)
		fail(w, "%" PRIu64 " membership ids and %" PRIu64 " subscriptions are kept", s.rows[TABLE_MEMBERSHIPS],
		    s.rows[TABLE_SUBSCRIPTIONS]);
	if (s.used_bytes > STORE_MAX_BYTES)
		fail(w, "the store has grown to %" PRIu64 " bytes", s.used_bytes);
	if (inbox_stats(w->inbox, &inbox) == ERR_OK && inbox.used_bytes > INBOX_MAX_BYTES)
		fail(w, "the inbox has grown to %" PRIu64 " bytes", inbox.used_bytes);
}

void
judge_settled(struct world *w)
{
	for (unsigned i = 0; i < w->group_count && !w->failed; i++)
		if (w->groups[i].linked)
			judge_group(w, &w->groups[i]);
	for (size_t i = 0; i < w->entry_count && !w->failed; i++)
		if (!w->entries[i].answered)
			fail(w, "callback %" PRIu64 " was never delivered", w->entries[i].seq);
	judge_subscriptions(w);
	judge_store(w);
}
