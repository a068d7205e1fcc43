/* What must be: each minute that is held against what may be. */
#include "property/year.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "reconciler/tables.h"
#include "state/store.h"

static bool
is_well(const struct year *y, const struct customer *c)
{
	return c->trouble_until_ms <= year_now(y) && c->consent_until_ms == 0 && y->cut_until_ms <= year_now(y) &&
	       y->secret_at_ms == 0 && y->w->r != NULL && !y->w->listener_down;
}

/* Graph wants quiet between renewals; but what a crash or an outage took from us may be asked for again. */
void
year_judge_renewal(struct year *y, const struct watch *x, int64_t asked_ms)
{
	int64_t well_ms = x->customer->well_ms;

	if (x->patched_ms != 0 && asked_ms - x->patched_ms < PATCH_APART_MS && y->begun_ms < x->patched_ms && well_ms != 0 &&
	    well_ms < x->patched_ms)
		fail(y->w, "subscription %s of tenant %u is renewed again after %" PRId64 " s", x->id,
		    tenant_number(y, x->customer), (asked_ms - x->patched_ms) / 1000);
}

/* ---------- teams ---------- */

static void
note_watch(struct year *y, const char *what, const struct watch *x)
{
	note(y->w, "on Graph %s is %s, for %" PRId64 " s, renewed %" PRId64 " s ago", what,
	    x->id[0] != '\0' ? x->id : "not there", (x->ends_ms - year_now(y)) / 1000, (year_now(y) - x->patched_ms) / 1000);
}

/* What our side thinks of it, for the log of a year gone wrong. */
static void
note_rows(struct year *y, const struct team *t)
{
	struct store_cursor *c = store_seek(y->w->r->store, TABLE_SUBSCRIPTIONS, NULL, NULL);
	int64_t graph_ms = clock_wall_ms(y->w->graph_clock);
	struct subscription s;
	char tenant[32];

	snprintf(tenant, sizeof(tenant), "t%u", tenant_number(y, t->own.customer));
	while (store_next(c, NULL, &s) == ERR_OK)
		if (year_team(y, s.resource) == t || (strcmp(s.tenant.s, tenant) == 0 && s.kind == SUBSCRIPTION_TENANT_MEMBERS))
			note(y->w,
			    "our row of %s: %s, %s, renewed %" PRId64 " s ago, expires in %" PRId64 " s, tried again in %" PRId64
			    " s after %" PRId64 " failures: %s",
			    s.resource, subscription_state_names[s.state], s.id, (graph_ms - s.renewed_wall_ms) / 1000,
			    (s.expires_wall_ms - graph_ms) / 1000, (s.retry_wall_ms - graph_ms) / 1000, s.failures, s.detail);
	store_cursor_close(c);
	note_watch(y, "its own", &t->own);
	note_watch(y, "the one for all teams", &t->own.customer->wide);
}

static void
judge_uncovered(struct year *y, struct team *t, int64_t well_ms)
{
	int64_t for_ms = year_now(y) - later(t->uncovered_ms, well_ms);
	bool calm = t->uncovered_ms - well_ms > RETURN_MS; /* it was well for long when the cover went */
	int64_t most_ms = t->lost ? (t->own.customer->large ? WIDE_LOSS_MS : LOSS_MS) : calm ? MINUTE_MS : RETURN_MS;

	if (for_ms > y->n.longest_ms[t->lost])
		y->n.longest_ms[t->lost] = for_ms;
	if (for_ms <= most_ms)
		return;
	note_rows(y, t);
	fail(y->w, "team %zu of tenant %u is uncovered for %" PRId64 " s%s", team_number(y, t), tenant_number(y, t->own.customer),
	    for_ms / 1000,
	    t->lost ? " after a silent loss"
	    : calm  ? " although all was well"
	            : " after a trouble");
}

static void
judge_read(struct year *y, const struct team *t, int64_t well_ms)
{
	int64_t for_ms = year_now(y) - later(t->owes_ms, well_ms);

	if (for_ms > y->n.longest_read_ms)
		y->n.longest_read_ms = for_ms;
	if (for_ms > READ_MS)
		fail(y->w, "team %zu of tenant %u is not read %" PRId64 " s after a gap", team_number(y, t),
		    tenant_number(y, t->own.customer), for_ms / 1000);
}

/* Was one of its two lost a short while ago, when the other still told? Nobody need have noticed that yet. */
static bool
lost_before(const struct team *t, int64_t now_ms)
{
	const struct watch *wide = &t->own.customer->wide;

	return (t->own.lost_ms != 0 && now_ms - t->own.lost_ms < LOSS_MS) ||
	       (wide->lost_ms != 0 && now_ms - wide->lost_ms < WIDE_LOSS_MS);
}

static void
judge_team(struct year *y, struct team *t, int64_t now_ms)
{
	int64_t until_ms = team_covered_until(t), well_ms = t->own.customer->well_ms;
	bool covered = until_ms > now_ms;

	if (covered && t->uncovered_ms == 0 && t->owes_ms == 0)
		return; /* as nearly always */
	if (!covered && t->uncovered_ms == 0) {
		t->uncovered_ms = until_ms > 0 ? until_ms : now_ms;
		t->lost = t->lost || lost_before(t, now_ms);
	}
	if (covered && t->uncovered_ms != 0) {
		t->owes_ms = t->covered_ms;
		t->uncovered_ms = 0;
		y->n.gaps++;
	}
	if (t->owes_ms != 0 && t->read_ms >= t->owes_ms)
		t->owes_ms = 0;
	if (well_ms != 0 && !covered)
		judge_uncovered(y, t, well_ms);
	if (well_ms != 0 && t->owes_ms != 0)
		judge_read(y, t, well_ms);
}

/* ---------- what Graph wants ---------- */

static void
judge_wanted(struct year *y, const struct watch *x)
{
	int64_t well_ms = x->customer->well_ms;

	if (x->wanted_ms != 0 && well_ms != 0 && year_now(y) - later(x->wanted_ms, well_ms) > ASKED_MS)
		fail(y->w, "subscription %s of tenant %u is not renewed %" PRId64 " s after Graph has asked for it", x->id,
		    tenant_number(y, x->customer), (year_now(y) - x->wanted_ms) / 1000);
}

/* Whoever has only been silent for so long, although there was something to tell, is not relied on any more. A reconciler that has
 * begun since, or made another one, began to listen then. */
static void
judge_deaf(struct year *y, const struct customer *c)
{
	int64_t since_ms = later(c->deaf_ms, later(y->begun_ms, c->wide.made_ms)), now_ms = year_now(y);

	if (c->deaf_ms == 0 || c->well_ms == 0 || now_ms - c->well_ms < RETURN_MS || now_ms - since_ms < DEAF_MS)
		return;
	for (uint64_t i = 0; i < c->team_count && !y->w->failed; i++)
		if (c->teams[i].own.ends_ms <= now_ms && !c->teams[i].lost) {
			note_rows(y, &c->teams[i]);
			fail(y->w, "team %zu of tenant %u relies on a subscription that has been silent for %" PRId64 " days",
			    team_number(y, &c->teams[i]), tenant_number(y, c), (int64_t)((now_ms - since_ms) / DAY_MS));
		}
}

static void
judge_tenant(struct year *y, struct customer *c)
{
	if (!is_well(y, c))
		c->well_ms = 0;
	else if (c->well_ms == 0)
		c->well_ms = year_now(y);
	judge_wanted(y, &c->wide);
	for (uint64_t i = 0; i < c->team_count; i++)
		judge_wanted(y, &c->teams[i].own);
	judge_deaf(y, c);
}

void
year_judge(struct year *y)
{
	int64_t now_ms = year_now(y);

	for (unsigned n = 1; n <= y->o.tenants; n++)
		judge_tenant(y, &y->tenants[n]);
	for (uint64_t i = 0; i < y->o.ergs && !y->w->failed; i++)
		judge_team(y, &y->teams[i], now_ms);
	if (y->w->r != NULL && y->w->r->counters.changes_member_removed > 0)
		fail(y->w, "somebody is told as removed");
	if (y->n.reauthorisations > 0)
		fail(y->w, "reauthorize beside PATCH");
	if (y->n.most_lists > LISTS_A_WINDOW)
		fail(y->w, "more than %d lists of subscriptions in 20 s", LISTS_A_WINDOW);
}

/* What a correct client never causes: throttling, calls before a Retry-After is over, malformed ones. */
void
year_judge_journal(struct year *y)
{
	json_t *journal = ask(y->w, "GET", "/_sim/journal?violations=true", NULL), *entry,
	       *list = jx_get_array(journal, "entries");
	size_t i;

	if (jx_get_int(journal, "violations", -1) != 0)
		json_array_foreach(list, i, entry) if (!y->w->failed) fail(y->w, "%" PRId64 " s ago, %s: %s %s: %s",
		    (year_now(y) - jx_get_int(entry, "at_ms", 0)) / 1000, jx_get_str(entry, "kind"), jx_get_str(entry, "method"),
		    jx_get_str(entry, "path"), jx_get_str(entry, "detail"));
	json_decref(journal);
}
