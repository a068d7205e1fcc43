/* summary.c - one walk over tenants, ERGs and subscriptions, kept until one of them is written; what is cheap is looked at each time. */
#include "reconciler/summary.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "graph/graph.h"
#include "reconciler/ingest.h"
#include "reconciler/keeper_move.h"
#include "reconciler/keeper_move_plan.h"
#include "reconciler/listener_watch.h"
#include "reconciler/meeting_sum.h"
#include "reconciler/permissions.h"
#include "reconciler/reconciler.h"
#include "reconciler/rekey.h"
#include "reconciler/resync.h"
#include "state/feed.h"
#include "state/outbox.h"
#include "state/stale.h"
#include "state/store.h"

#define RUNNING_LOOK 64 /* resyncs looked at for those that run */

struct summaries {
	struct app_status walked; /* the members that a walk fills */
	bool present;
	uint64_t changes; /* of the tables walked, as of then */
	int64_t mark;     /* of public_url, the same */
	int64_t walked_boot_ms;
};

enum err
summaries_new(struct summaries **ret)
{
	struct summaries *su = calloc(1, sizeof(*su));

	if (su == NULL)
		return ERR_NOMEM;
	*ret = su;
	return ERR_OK;
}

void
summaries_free(struct summaries *su)
{
	free(su);
}

/* ---------- the walk ---------- */

static void
problem_add(struct app_status *s, const char *kind, const char *id, const char *detail)
{
	if (s->problem_count == APP_STATUS_PROBLEMS_MAX)
		return;
	snprintf(s->problems[s->problem_count].subject, sizeof(s->problems[0].subject), "%s:%s", kind, id);
	snprintf(s->problems[s->problem_count].detail, sizeof(s->problems[0].detail), "%s", detail);
	s->problem_count++;
}

static void
walk_tenants(struct reconciler *r, struct app_status *s)
{
	struct store_cursor *c = store_seek(r->store, TABLE_TENANTS, NULL, NULL);
	struct tenant t;

	while (store_next(c, NULL, &t) == ERR_OK) {
		bool noted = t.state == TENANT_ACTIVE && t.detail[0] != '\0';

		s->tenants[t.state]++;
		s->tenants_noted += noted;
		if (t.state == TENANT_CONSENT_MISSING || t.state == TENANT_UNREACHABLE || t.state == TENANT_SIGN_IN_NEEDED ||
		    noted)
			problem_add(s, "tenant", t.id.s, t.detail);
	}
	store_cursor_close(c);
}

static void
tell_failed(struct reconciler *r, struct app_status *s, const struct erg_id *erg)
{
	int64_t failed = meeting_sum_get(r, MEETING_SUM_FAILED, erg->s);
	char detail[DETAIL_SIZE];

	if (failed == 0)
		return;
	(void)snprintf(detail, sizeof(detail),
	    "Outlook has refused the meetings of %" PRId64 " of its events. Each says why: ergsyncctl event list %s.", failed,
	    erg->s);
	problem_add(s, "erg", erg->s, detail);
}

static void
walk_ergs(struct reconciler *r, struct app_status *s)
{
	struct store_cursor *c = store_seek(r->store, TABLE_ERGS, NULL, NULL);
	struct erg e;

	while (store_next(c, NULL, &e) == ERR_OK) {
		s->ergs[e.state]++;
		s->additions_only += e.additions_only;
		if (e.state == ERG_BROKEN || e.state == ERG_HELD)
			problem_add(s, "erg", e.id.s, e.detail);
		tell_failed(r, s, &e.id);
		if (e.membership == MEMBERSHIP_OFF)
			continue;
		if (s->unproved_erg.s[0] == '\0' || e.proved_wall_ms < s->unproved_wall_ms) {
			s->unproved_erg = e.id;
			s->unproved_wall_ms = e.proved_wall_ms;
		}
	}
	store_cursor_close(c);
}

static void
walk_subscriptions(struct reconciler *r, struct app_status *s)
{
	struct store_cursor *c = store_seek(r->store, TABLE_SUBSCRIPTIONS, NULL, NULL);
	int64_t mark = keeper_move_mark(r);
	struct subscription sub;

	while (store_next(c, NULL, &sub) == ERR_OK) {
		s->subscriptions[sub.state]++;
		s->subscriptions_former += move_address(&sub, mark) != SUBSCRIPTION_AT_CURRENT;
		if (sub.state == SUBSCRIPTION_FAILING)
			problem_add(s, "tenant", sub.tenant.s, sub.detail);
		if (sub.state == SUBSCRIPTION_ACTIVE &&
		    (s->subscription_expiry_wall_ms == 0 || sub.expires_wall_ms < s->subscription_expiry_wall_ms))
			s->subscription_expiry_wall_ms = sub.expires_wall_ms;
	}
	store_cursor_close(c);
}

/* Running ones are among the newest. */
static void
walk_resyncs(struct reconciler *r, struct app_status *s)
{
	struct resync *list = calloc(RUNNING_LOOK, sizeof(*list));
	size_t count = 0;
	bool more;

	if (list == NULL || resync_list(r, "", list, RUNNING_LOOK, &count, &more) != ERR_OK)
		count = 0;
	for (size_t i = 0; i < count; i++) {
		if (list[i].state != RESYNC_RUNNING)
			continue;
		s->resyncs_running++;
		s->resync_ergs_done += list[i].ergs_done;
		s->resync_ergs_total += list[i].ergs_total;
	}
	free(list);
}

static uint64_t
changes_of(struct reconciler *r)
{
	static const enum table tables[] = { TABLE_TENANTS, TABLE_ERGS, TABLE_SUBSCRIPTIONS, TABLE_RESYNCS, TABLE_EVENTS };
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		sum += store_changes(r->store, tables[i]);
	return sum;
}

/* A resync that runs moves on without a write. */
static void
walk(struct reconciler *r, struct summaries *su, int64_t max_age_ms)
{
	int64_t now_ms = clock_boot_ms(r->clock);
	uint64_t changes = changes_of(r);
	int64_t mark = keeper_move_mark(r);
	struct app_status *s = &su->walked;

	if (su->present && changes == su->changes && mark == su->mark && s->resyncs_running == 0)
		return;
	if (su->present && now_ms - su->walked_boot_ms < max_age_ms)
		return;
	memset(s, 0, sizeof(*s));
	walk_tenants(r, s);
	walk_ergs(r, s);
	walk_subscriptions(r, s);
	walk_resyncs(r, s);
	s->meetings.scheduled = meeting_sum_total(r, MEETING_SUM_LIVE);
	s->meetings.pending = meeting_sum_total(r, MEETING_SUM_OPEN);
	s->meetings.failed = meeting_sum_total(r, MEETING_SUM_FAILED);
	su->present = true;
	su->changes = changes;
	su->mark = mark;
	su->walked_boot_ms = now_ms;
}

/* ---------- what is looked at each time ---------- */

static void
take_callbacks(struct reconciler *r, struct app_status *s)
{
	struct outbox_backlog backlog = outbox_backlog(r->outbox);
	struct store_cursor *c;
	struct outbox_record o;

	s->callback_backlog = (int64_t)backlog.count;
	s->callback_oldest_wall_ms = backlog.oldest_wall_ms;
	s->feed_seq = feed_last(r->store);
	if (backlog.count == 0)
		return;
	c = store_seek(r->store, TABLE_OUTBOX, NULL, NULL);
	if (store_next(c, NULL, &o) == ERR_OK)
		memcpy(s->callback_detail, o.detail, sizeof(s->callback_detail));
	store_cursor_close(c);
}

static void
take_graph(struct reconciler *r, struct app_status *s)
{
	struct graph_stats g;

	graph_stats(r->graph, &g);
	s->graph = (struct app_graph_status){
		.answer_wall_ms = g.last_answer_wall_ms,
		.requests = (int64_t)g.tries,
		.throttled = (int64_t)g.throttled,
		.queued = (int64_t)g.queued,
		.paused = (int64_t)g.breakers_open,
		.clock_ahead_ms = g.clock_skew_ms,
		.credential_end_wall_ms = g.credential_expires_s * 1000,
		.by_certificate = g.by_certificate,
	};
}

static void
take_age_of_store(struct reconciler *r, struct app_status *s)
{
	int64_t wall_ms;

	switch (stale_kind(r->store, &wall_ms)) {
	case STALE_RESTORED: s->restored_wall_ms = wall_ms; break;
	case STALE_REBUILT: s->rebuilt_wall_ms = wall_ms; break;
	case STALE_NOT: break;
	}
}

static void
take_store(struct reconciler *r, struct app_status *s)
{
	struct rekey_progress rekey;
	struct store_stats stats;

	store_stats(r->store, &stats);
	take_age_of_store(r, s);
	s->dirty = (int64_t)stats.rows[TABLE_DIRTY];
	s->damaged_records = (int64_t)stats.quarantined;
	s->store.used_bytes = (int64_t)stats.used_bytes;
	s->store.limit_bytes = (int64_t)stats.map_bytes;
	s->store.full = !store_has_room(r->store);
	rekey_progress(r, &rekey);
	if (rekey.running) {
		s->reseal_rows = (int64_t)rekey.rows;
		s->reseal_total = (int64_t)rekey.total;
	}
}

/* What concerns no single tenant or ERG. */
static void
store_problems(struct app_status *s)
{
	int64_t ergs = 0;
	char detail[DETAIL_SIZE];

	for (size_t i = 0; i < APP_ERG_STATES; i++)
		ergs += s->ergs[i];
	if (s->rebuilt_wall_ms > 0 && ergs == 0)
		problem_add(s, "store", "rebuilt",
		    "The former store was damaged and set aside. Put all tenants and ERGs again, or restore a backup; nobody is "
		    "removed.");
	if (s->additions_only > 0) {
		snprintf(detail, sizeof(detail),
		    "%" PRId64
		    " ERGs take additions only: what is stored of them may be outdated until a full comparison is through.",
		    s->additions_only);
		problem_add(s, "store", s->restored_wall_ms > 0 ? "restored" : "damaged", detail);
	}
	if (s->damaged_records > 0) {
		snprintf(detail, sizeof(detail),
		    "%" PRId64 " damaged records were found and taken out; what they were of is read anew. Check the disk.",
		    s->damaged_records);
		problem_add(s, "store", "damaged", detail);
	}
}

void
summary_take(struct reconciler *r, int64_t max_age_ms, struct app_status *ret)
{
	walk(r, r->summaries, max_age_ms);
	*ret = r->summaries->walked;
	ret->as_of_wall_ms = clock_wall_ms(r->clock);
	ret->started_wall_ms = r->started_wall_ms;
	ret->permission_missing = permissions_missing(r);
	ret->public_url_unreached = ret->subscriptions_former > 0 && keeper_move_is_stuck(r);
	ret->inbox_present = ingest_backlog(r, &ret->inbox_backlog);
	take_callbacks(r, ret);
	take_graph(r, ret);
	take_store(r, ret);
	store_problems(ret);
	listener_watch_status(r->listener, &ret->listener);
}
