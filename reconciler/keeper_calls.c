/*
 * keeper_calls.c - does on Graph what keeper_plan decides for one subscription, and stores what came of it.
 *
 * One call at a time for each. A row may be released or revived while a call is under way, so it is loaded anew when that ends.
 */
#include "reconciler/keeper_inside.h"

#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "base/log.h"
#include "base/text.h"
#include "graph/notification_keys.h"
#include "graph/subscriptions.h"
#include "reconciler/dirty.h"
#include "reconciler/keeper_move.h"
#include "reconciler/keeper_move_plan.h"
#include "reconciler/keeper_wide.h"
#include "reconciler/reconciler.h"
#include "reconciler/rich.h"
#include "reconciler/tables.h"

#define TIME_LOOK_MS     5000  /* while another asks what time it is */
#define TIME_DEADLINE_MS 15000 /* of one that asks: another tenant may answer sooner */

/* --- rows --- */

static void
row_failed(struct entry *e, struct subscription *s, const struct graph_answer *a, const char *what)
{
	struct reconciler *r = e->keeper->r;
	int64_t wait_ms;

	s->failures++;
	wait_ms = keeper_backoff_ms(s->failures, a->err, (uint8_t)rng_below(r->rng, 256));
	if (a->retry_after_ms >= 0)
		wait_ms = a->retry_after_ms;
	s->retry_wall_ms = keeper_now_ms(r) + wait_ms;
	if (s->state != SUBSCRIPTION_LEAVING && s->state != SUBSCRIPTION_REFUSED)
		s->state = SUBSCRIPTION_FAILING;
	snprintf(s->detail, sizeof(s->detail), "%s failed: %s", what, a->detail[0] != '\0' ? a->detail : err_text(a->err));
	keeper_row_store(r, s);
	log_put(LOG_WARN, "subscription_failed", LS("tenant", s->tenant.s), LP("resource", s->resource), LS("what", what),
	    LS("reason", err_name(a->err)), LI("status", a->status), LS("request_id", a->request_id), LI("retry_ms", wait_ms));
}

/* The key its notifications are to be encrypted to; "" for basic ones. Of mailboxes only hints are wanted. */
static const char *
key_wanted(const struct reconciler *r, const struct subscription *s)
{
	const struct notification_keys *keys = rich_keys(r);

	return keys != NULL && s->kind != SUBSCRIPTION_MAILBOX_EVENTS ? notification_keys_id(keys) : "";
}

bool
keeper_is_other_sort(const struct reconciler *r, const struct subscription *s)
{
	return s->id[0] != '\0' && (s->encryption_id[0] == '\0') != (key_wanted(r, s)[0] == '\0');
}

/* What Graph answered to a creation or renewal; false when it cannot be read. */
static bool
row_active(struct entry *e, struct subscription *s, const struct graph_answer *a)
{
	struct reconciler *r = e->keeper->r;

	if (graph_subscription_read(a, s->id, &s->expires_wall_ms) != ERR_OK)
		return false;
	s->renewed_wall_ms = keeper_now_ms(r) - a->took_ms; /* at the earliest: its authorisation counts from then */
	s->retry_wall_ms = 0;
	s->failures = 0;
	s->detail[0] = '\0';
	s->no_room = false;
	if (e->key_sent[0] != '\0')
		str_copy(s->encryption_id, sizeof(s->encryption_id), e->key_sent);
	if (s->state != SUBSCRIPTION_LEAVING)
		s->state = SUBSCRIPTION_ACTIVE;
	return true;
}

/* --- calls --- */

bool
keeper_where(struct reconciler *r, const struct subscription *s, struct graph_where *ret)
{
	struct tenant tenant;

	if (tenant_load(r, &s->tenant, &tenant) != ERR_OK)
		return false;
	*ret = (struct graph_where){ .directory = tenant.directory_id, .priority = GRAPH_RENEWAL };
	return true;
}

/* The row as it is now, when a call comes back: it may have been released or revived meanwhile. */
static bool
call_ended(struct entry *e, struct subscription *ret)
{
	keeper_under_way(e, NULL, NULL);
	keeper_free_again(e);
	if (subscription_load(e->keeper->r, &e->book.scope, ret) == ERR_OK)
		return true;
	keeper_dies(e);
	return false;
}

static void
on_deleted(void *arg, const struct graph_answer *a)
{
	struct entry *e = arg;
	struct subscription s;
	bool gave_way = e->gives_way;

	e->gives_way = e->replaces = false;
	if (!call_ended(e, &s))
		return;
	if (gave_way)
		keeper_wide_room_made(e->keeper, &s);
	if (a->err != ERR_OK && a->err != ERR_NOTFOUND && a->err != ERR_GONE) {
		row_failed(e, &s, a, "Deleting the subscription");
		return;
	}
	s.id[0] = s.encryption_id[0] = '\0';
	s.expires_wall_ms = 0;
	s.retry_wall_ms = 0;
	if (s.state == SUBSCRIPTION_LEAVING) {
		keeper_row_forget(e, &s);
		return;
	}
	if (s.state == SUBSCRIPTION_REFUSED)
		keeper_wide_rest(e->keeper, &s);
	else if (s.state != SUBSCRIPTION_COVERED)
		s.state = SUBSCRIPTION_WANTED;
	e->lacks = s.state == SUBSCRIPTION_WANTED;
	keeper_row_store(e->keeper->r, &s);
}

/* Something may have gone unannounced. */
static void
to_be_read(struct reconciler *r, const struct subscription *s)
{
	if (s->kind == SUBSCRIPTION_TENANT_MEMBERS)
		keeper_wide_dirty(r, s);
	else
		dirty_mark(r, &s->scope, 0);
}

static void
on_renewed(void *arg, const struct graph_answer *a)
{
	struct entry *e = arg;
	struct subscription s;
	int64_t mark = e->mark_sent;
	bool gap, refused, unreached = keeper_move_answered(e, a);

	if (!call_ended(e, &s) || unreached)
		return;
	gap = keeper_was_gap(&s, keeper_now_ms(e->keeper->r)); /* now: the call may have been tried for minutes */
	if (a->err == ERR_NOTFOUND || a->err == ERR_GONE) {
		log_put(LOG_WARN, "subscription_lost", LS("tenant", s.tenant.s), LP("resource", s.resource),
		    LS("request_id", a->request_id));
		s.id[0] = s.encryption_id[0] = '\0';
		s.expires_wall_ms = 0;
		s.retry_wall_ms = 0;
		if (s.state == SUBSCRIPTION_REFUSED)
			keeper_wide_rest(e->keeper, &s);
		else if (s.state != SUBSCRIPTION_LEAVING)
			s.state = SUBSCRIPTION_WANTED;
		keeper_row_store(e->keeper->r, &s);
		return;
	}
	if (mark != 0 && a->status == 400) {
		s.pinned = true; /* moved it can only be by being made anew */
		keeper_row_store(e->keeper->r, &s);
		log_put(LOG_INFO, "subscription_pinned", LS("tenant", s.tenant.s), LP("resource", s.resource),
		    LS("request_id", a->request_id));
		return;
	}
	refused = s.state == SUBSCRIPTION_REFUSED;
	if (a->err != ERR_OK || !row_active(e, &s, a)) {
		row_failed(e, &s, a, "Renewing the subscription");
		return;
	}
	if (refused)
		s.state = SUBSCRIPTION_REFUSED; /* while the call was under way */
	if (mark != 0) {
		s.address = mark;
		s.moved_wall_ms = s.renewed_wall_ms;
	}
	keeper_row_store(e->keeper->r, &s);
	log_put(LOG_DEBUG, "subscription_renewed", LS("tenant", s.tenant.s), LP("resource", s.resource));
	if (gap)
		to_be_read(e->keeper->r, &s);
}

static void
on_obstacle_deleted(void *arg, const struct graph_answer *a)
{
	struct entry *e = arg;
	struct subscription s;

	if (!call_ended(e, &s))
		return;
	e->obstacle[0] = '\0';
	if (a->err != ERR_OK && a->err != ERR_NOTFOUND && a->err != ERR_GONE)
		row_failed(e, &s, a, "Deleting a subscription that is in the way");
}

static void
found_item(void *arg, const void *item)
{
	struct entry *e = arg;
	const struct graph_subscription *there = item;
	struct subscription s;

	if (e->obstacle[0] == '\0' && subscription_load(e->keeper->r, &e->book.scope, &s) == ERR_OK &&
	    graph_resource_equal(there->resource, s.resource))
		str_copy(e->obstacle, sizeof(e->obstacle), there->id);
}

static void
found_end(void *arg, const struct graph_page_end *end)
{
	struct entry *e = arg;

	keeper_under_way(e, NULL, NULL);
	keeper_free_again(e);
	log_put(LOG_INFO, "subscription_searched", LS("outcome", err_name(end->err)), LI("found", e->obstacle[0] != '\0'));
	if (e->obstacle[0] == '\0')
		keeper_due_in(e, KEEPER_BACKOFF_MIN_MS);
}

/*
 * Another subscription for the same resource exists: after a lost answer, a lost store, a former life. If the table knows its
 * id it is ours and is adopted by renewing it; if not, its clientState cannot be proved to be ours (LIST hides it): it is
 * deleted and created anew (contract section 9).
 */
static void
on_conflict(struct entry *e, struct subscription *s, const struct graph_answer *a)
{
	struct keeper *k = e->keeper;
	char existing[SUBSCRIPTION_ID_SIZE];
	struct graph_where where;

	if (graph_error_existing_subscription(a->status, &a->error, existing, sizeof(existing))) {
		if (strcmp(existing, s->id) == 0) {
			s->expires_wall_ms = keeper_now_ms(k->r) + KEEPER_PATCH_SPACING_MS; /* not gone: renew it */
			s->renewed_wall_ms = 0;
			keeper_row_store(k->r, s);
			return;
		}
		str_copy(e->obstacle, sizeof(e->obstacle), existing);
		return;
	}
	if (!keeper_where(k->r, s, &where))
		return;
	keeper_under_way(e, NULL, graph_subscriptions_list(k->r->graph, &where, found_item, found_end, e));
	if (e->pages != NULL)
		book_rest(&k->book, &e->book);
}

static void
on_created(void *arg, const struct graph_answer *a)
{
	struct entry *e = arg;
	struct reconciler *r = e->keeper->r;
	struct subscription s;
	int64_t mark = e->mark_sent;

	(void)keeper_move_answered(e, a);
	if (!call_ended(e, &s))
		return;
	if (a->err == ERR_CONFLICT) {
		on_conflict(e, &s, a);
		return;
	}
	if (a->err != ERR_OK && keeper_wide_refused(e->keeper, &s, a))
		return;
	if (a->err == ERR_FULL && a->status != 0)
		keeper_wide_no_room(e->keeper, &s);
	if (a->err != ERR_OK || !row_active(e, &s, a)) {
		row_failed(e, &s, a, "Creating the subscription");
		return;
	}
	s.created_wall_ms = keeper_now_ms(r);
	s.generation++;
	s.heard_wall_ms = s.moved_wall_ms = 0;
	s.address = s.lifecycle_address = mark;
	s.pinned = false;
	e->lacks = false;
	keeper_row_store(r, &s);
	log_put(LOG_INFO, "subscription_created", LS("tenant", s.tenant.s), LP("resource", s.resource),
	    LI("lifetime_s", (s.expires_wall_ms - s.created_wall_ms) / 1000));
	if (s.kind == SUBSCRIPTION_TENANT_MEMBERS)
		keeper_wide_created(e->keeper, &s);
	else
		dirty_mark(r, &s.scope, 0); /* nothing was announced until now */
}

/* The newest key, noted as sent. */
static struct graph_encryption
encryption_for(struct entry *e, const struct subscription *s)
{
	const char *id = key_wanted(e->keeper->r, s);

	str_copy(e->key_sent, sizeof(e->key_sent), id);
	if (id[0] == '\0')
		return (struct graph_encryption){ NULL, NULL };
	return (struct graph_encryption){ notification_keys_certificate(rich_keys(e->keeper->r)), id };
}

/* What a creation says beside what it is of. */
struct wish_texts {
	char notification_url[GRAPH_SUBSCRIPTION_URL_SIZE], lifecycle_url[GRAPH_SUBSCRIPTION_URL_SIZE];
	char client_state[CLIENT_STATE_LEN + 1];
};

static struct graph_subscription_wish
wish_of(struct entry *e, const struct subscription *s, struct wish_texts *texts)
{
	struct reconciler *r = e->keeper->r;
	uint8_t nonce[CLIENT_STATE_NONCE];

	rng_bytes(r->rng, nonce, sizeof(nonce));
	client_state_make(&r->intake_key, &s->scope, nonce, texts->client_state);
	(void)snprintf(texts->notification_url, sizeof(texts->notification_url), "%s" MOVE_NOTIFICATIONS, r->config->public_url);
	(void)snprintf(texts->lifecycle_url, sizeof(texts->lifecycle_url), "%s" MOVE_LIFECYCLE, r->config->public_url);
	e->mark_sent = keeper_move_mark(r);
	return (struct graph_subscription_wish){ .kind = s->kind,
		.resource = s->resource,
		.notification_url = texts->notification_url,
		.lifecycle_url = texts->lifecycle_url,
		.client_state = texts->client_state };
}

static struct graph_call *
call_create(struct entry *e, const struct subscription *s, const struct graph_where *where)
{
	struct reconciler *r = e->keeper->r;
	struct wish_texts texts;
	struct graph_subscription_wish wish = wish_of(e, s, &texts);

	wish.encryption = encryption_for(e, s);
	wish.expires_wall_ms = graph_subscription_expiry(s->kind, r->config->subscription_lifetime_ms, keeper_now_ms(r));
	return graph_subscription_create(r->graph, where, &wish, on_created, e);
}

static void
on_probe_deleted(void *arg, const struct graph_answer *a)
{
	struct entry *e = arg;
	struct subscription s;

	(void)a; /* what is left ends by itself, or is deleted as a stray */
	(void)call_ended(e, &s);
}

/* It has told what it can by being there, or not. */
static void
on_probed(void *arg, const struct graph_answer *a)
{
	struct entry *e = arg;
	char id[SUBSCRIPTION_ID_SIZE];
	struct graph_where where;
	struct subscription s;
	int64_t expires_wall_ms;

	keeper_move_probed(e, a);
	if (!call_ended(e, &s))
		return;
	if (graph_subscription_read(a, id, &expires_wall_ms) != ERR_OK &&
	    (!graph_error_existing_subscription(a->status, &a->error, id, sizeof(id)) || strcmp(id, s.id) == 0))
		return;
	if (keeper_where(e->keeper->r, &s, &where))
		keeper_under_way(e, graph_subscription_delete(e->keeper->r->graph, &where, id, on_probe_deleted, e), NULL);
}

/* Of one resource there may be another one for other changes (graph-facts 2.4, 409). */
static struct graph_call *
call_probe(struct entry *e, const struct subscription *s, const struct graph_where *where)
{
	struct reconciler *r = e->keeper->r;
	struct wish_texts texts;
	struct graph_subscription_wish wish = wish_of(e, s, &texts);

	wish.change_types = "deleted";
	wish.expires_wall_ms = keeper_now_ms(r) + GRAPH_SUBSCRIPTION_FLOOR_MS;
	return graph_subscription_create(r->graph, where, &wish, on_probed, e);
}

static struct graph_call *
call_renew(struct entry *e, const struct subscription *s, const struct graph_where *where, bool moves)
{
	struct reconciler *r = e->keeper->r;
	int64_t now = keeper_now_ms(r), expires = graph_subscription_expiry(s->kind, r->config->subscription_lifetime_ms, now);
	struct graph_encryption encryption = { NULL, NULL };
	char url[GRAPH_SUBSCRIPTION_URL_SIZE];

	e->mark_sent = moves ? keeper_move_mark(r) : 0;
	(void)snprintf(url, sizeof(url), "%s" MOVE_NOTIFICATIONS, r->config->public_url);
	e->key_sent[0] = '\0';
	if (s->encryption_id[0] != '\0' && strcmp(s->encryption_id, key_wanted(r, s)) != 0)
		encryption = encryption_for(e, s);
	return graph_subscription_renew(r->graph, where, s->id, expires, &encryption, moves ? url : NULL, on_renewed, e);
}

struct graph_call *
keeper_call(struct entry *e, enum keeper_step what, const struct subscription *s, const struct graph_where *where)
{
	struct graph *g = e->keeper->r->graph;

	if (e->obstacle[0] != '\0' && what == KEEPER_CREATE)
		return graph_subscription_delete(g, where, e->obstacle, on_obstacle_deleted, e);
	switch (what) {
	case KEEPER_CREATE: return call_create(e, s, where);
	case KEEPER_RENEW: return call_renew(e, s, where, false);
	case KEEPER_MOVE: return call_renew(e, s, where, true);
	case KEEPER_PROBE: return call_probe(e, s, where);
	case KEEPER_DELETE: return graph_subscription_delete(g, where, s->id, on_deleted, e);
	case KEEPER_REST:
	case KEEPER_FORGET: break;
	}
	return NULL;
}

static void
asked_item(void *arg, const void *item)
{
	(void)arg;
	(void)item;
}

static void
asked_end(void *arg, const struct graph_page_end *end)
{
	struct entry *e = arg;

	keeper_under_way(e, NULL, NULL);
	e->keeper->asks = NULL;
	e->keeper->answered |= end->err == ERR_OK;
	keeper_free_again(e);
	if (end->err != ERR_OK)
		keeper_due_in(e, KEEPER_BACKOFF_MIN_MS);
}

/* A machine may start with any time. An expiry by a wrong one would be refused, and nothing can be said about what is due. */
bool
keeper_knows_time(struct keeper *k)
{
	int64_t now_ms;

	return k->answered || (k->answered = graph_time(k->r->graph, &now_ms));
}

/* One list tells it, of whichever tenant answers. */
void
keeper_ask_time(struct entry *e, const struct graph_where *where)
{
	const struct graph_where soon = {
		.directory = where->directory, .priority = where->priority, .deadline_ms = TIME_DEADLINE_MS
	};
	struct keeper *k = e->keeper;
	struct graph_pages *pages = NULL;

	if (k->asks == NULL)
		pages = graph_subscriptions_list(k->r->graph, &soon, asked_item, asked_end, e);
	keeper_under_way(e, NULL, pages);
	if (pages != NULL)
		k->asks = e;
	else
		keeper_due_in(e, TIME_LOOK_MS);
}
