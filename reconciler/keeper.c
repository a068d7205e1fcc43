/*
 * keeper.c - does what keeper_plan decides, one call at a time for each subscription.
 *
 * In memory there is one small entry a row, in a book by due time; the row is read when its time has come. A tenant has
 * TENANT_CALLS_MAX calls under way at the most, so that one that answers slowly holds up no other; the Graph client shares out
 * the rest. Rows are in Graph's time, waiting is by the boot clock: until Graph has told what time it is there, only that is asked.
 */
#include "reconciler/keeper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/text.h"
#include "graph/notification_keys.h"
#include "graph/subscriptions.h"
#include "reconciler/dirty.h"
#include "reconciler/keeper_book.h"
#include "reconciler/keeper_plan.h"
#include "reconciler/meeting_due.h"
#include "reconciler/reconciler.h"
#include "reconciler/rich.h"
#include "reconciler/scope.h"
#include "reconciler/tables.h"
#include "state/events.h"

#define TICK_MAX_MS       30000
#define TICK_MIN_MS       200
#define TIME_LOOK_MS      5000  /* while another asks what time it is */
#define TIME_DEADLINE_MS  15000 /* of one that asks: another tenant may answer sooner */
#define TENANT_CALLS_MAX  8     /* creations hold a Graph call open for up to 20 s each */
#define FORGET_GIVE_UP_MS (30 * 60 * 1000LL)
#define FORGETS_MAX       32
#define CLOCK_WRONG_MS    (5 * 60 * 1000LL)
#define CLOCK_WARN_MS     (60 * 60 * 1000LL)

struct entry {
	struct book_entry book; /* first: an entry is found by it */
	struct keeper *keeper;
	struct graph_call *call;                        /* under way */
	struct graph_pages *pages;                      /* looking for the one that is in the way */
	char obstacle[SUBSCRIPTION_ID_SIZE];            /* a subscription to delete before we can create ours */
	char key_sent[SUBSCRIPTION_ENCRYPTION_ID_SIZE]; /* named in the creation or renewal under way */
	bool asked_for;                                 /* Graph wants it renewed */
	bool replace;                                   /* the one there leads elsewhere */
	bool waiting;                                   /* due, but its tenant has calls enough under way */
	bool dead;                                      /* the row is gone */
};

struct forget {
	struct tenant_id tenant;
	int64_t until_boot_ms;
	void (*done)(void *arg, const struct tenant_id *id);
	void *arg;
};

struct keeper {
	struct reconciler *r;
	struct timer *tick;
	struct keeper_book book;
	bool answered;      /* Graph has, so that it is known what time it is there */
	struct entry *asks; /* that time */
	struct forget forgets[FORGETS_MAX];
	size_t forget_count;
	int64_t warned_boot_ms;
};

/* --- entries --- */

static struct entry *
entry_of(struct book_entry *b)
{
	return (struct entry *)b;
}

static bool
is_busy(const struct entry *e)
{
	return e->call != NULL || e->pages != NULL;
}

static struct entry *
entry_add(struct keeper *k, const struct subscription *s)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->keeper = k;
	e->book.scope = s->scope;
	e->book.tenant = s->tenant;
	if (book_add(&k->book, &e->book) != ERR_OK) {
		free(e);
		return NULL;
	}
	return e;
}

static void
entry_due(struct keeper *k, const struct subscription *s)
{
	struct entry *e = entry_of(book_find(&k->book, &s->tenant, &s->scope));

	if (e == NULL && (e = entry_add(k, s)) == NULL) {
		log_event(LOG_ERROR, "keeper_out_of_memory"); /* the row is there: the next start finds it */
		return;
	}
	e->dead = false;
	if (is_busy(e))
		return; /* it is looked at when its call ends */
	book_set_due(&k->book, &e->book, 0);
	timer_arm_sooner(k->tick, 0);
}

static void
entry_due_in(struct entry *e, int64_t wait_ms)
{
	book_set_due(&e->keeper->book, &e->book, clock_boot_ms(e->keeper->r->clock) + wait_ms);
}

/* Its row is gone; the next tick lets it go. */
static void
entry_dies(struct entry *e)
{
	e->dead = true;
	book_set_due(&e->keeper->book, &e->book, 0);
}

/* A call of it has ended: it is looked at, and so is one of its tenant that has been waiting for that. */
static void
entry_free_again(struct entry *e)
{
	struct keeper *k = e->keeper;
	struct book_entry *other;

	book_set_due(&k->book, &e->book, 0);
	timer_arm_sooner(k->tick, 0);
	for (size_t i = 0; (other = book_of_tenant(&k->book, &e->book.tenant, i)) != NULL; i++)
		if (entry_of(other)->waiting) {
			entry_of(other)->waiting = false;
			book_set_due(&k->book, other, 0);
			return;
		}
}

static bool
tenant_is_busy(struct keeper *k, const struct tenant_id *tenant)
{
	struct book_entry *other;
	unsigned busy = 0;

	for (size_t i = 0; busy < TENANT_CALLS_MAX && (other = book_of_tenant(&k->book, tenant, i)) != NULL; i++)
		busy += is_busy(entry_of(other));
	return busy >= TENANT_CALLS_MAX;
}

/*
 * Graph's time, as far as its answers have told: expiries are in it, and a subscription asked for by a clock that runs ahead
 * would be refused as too long.
 */
static int64_t
graph_now_ms(const struct reconciler *r)
{
	int64_t now_ms;

	(void)graph_time(r->graph, &now_ms);
	return now_ms;
}

/* Said once an hour: all instants that leave and enter this machine are wrong until somebody mends its clock. */
static void
warn_of_clock(struct keeper *k)
{
	int64_t skew_ms = clock_wall_ms(k->r->clock) - graph_now_ms(k->r), now_ms = clock_boot_ms(k->r->clock);

	if (llabs(skew_ms) < CLOCK_WRONG_MS || (k->warned_boot_ms != 0 && now_ms - k->warned_boot_ms < CLOCK_WARN_MS))
		return;
	k->warned_boot_ms = now_ms;
	log_put(LOG_WARN, "clock_wrong", LI("ahead_of_graph_s", skew_ms / 1000));
}

/* --- rows --- */

static void
row_key(const struct scope_id *scope, struct store_key *ret)
{
	store_key_init(ret);
	store_key_bytes(ret, scope->b, sizeof(scope->b));
}

static void
row_store(struct reconciler *r, const struct subscription *s)
{
	struct store_key key;

	row_key(&s->scope, &key);
	store_put(r->store, TABLE_SUBSCRIPTIONS, &key, s);
}

static void
row_forget(struct entry *e, const struct subscription *s)
{
	struct reconciler *r = e->keeper->r;
	struct store_key key;

	row_key(&s->scope, &key);
	store_del(r->store, TABLE_SUBSCRIPTIONS, &key);
	entry_dies(e);
	log_put(LOG_INFO, "subscription_gone", LS("tenant", s->tenant.s), LP("resource", s->resource));
}

static void
row_failed(struct entry *e, struct subscription *s, const struct graph_answer *a, const char *what)
{
	struct reconciler *r = e->keeper->r;
	int64_t wait_ms;

	s->failures++;
	wait_ms = keeper_backoff_ms(s->failures, a->err, (uint8_t)rng_below(r->rng, 256));
	if (a->retry_after_ms >= 0)
		wait_ms = a->retry_after_ms;
	s->retry_wall_ms = graph_now_ms(r) + wait_ms;
	if (s->state != SUBSCRIPTION_LEAVING)
		s->state = SUBSCRIPTION_FAILING;
	snprintf(s->detail, sizeof(s->detail), "%s failed: %s", what, a->detail[0] != '\0' ? a->detail : err_text(a->err));
	row_store(r, s);
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

/* Basic and rich cannot be turned into each other: the one there is must go first. */
static bool
is_other_sort(const struct reconciler *r, const struct subscription *s)
{
	return s->id[0] != '\0' && (s->encryption_id[0] == '\0') != (key_wanted(r, s)[0] == '\0');
}

/* What Graph answered to a creation or renewal; false when it cannot be read. */
static bool
row_active(struct entry *e, struct subscription *s, const struct graph_answer *a)
{
	struct reconciler *r = e->keeper->r;
	struct graph_subscription told;

	if (graph_subscription_read(a, &told) != ERR_OK)
		return false;
	str_copy(s->id, sizeof(s->id), told.id);
	s->expires_wall_ms = told.expires_wall_ms;
	s->renewed_wall_ms = graph_now_ms(r);
	s->retry_wall_ms = 0;
	s->failures = 0;
	s->detail[0] = '\0';
	if (e->key_sent[0] != '\0')
		str_copy(s->encryption_id, sizeof(s->encryption_id), e->key_sent);
	if (s->state != SUBSCRIPTION_LEAVING)
		s->state = SUBSCRIPTION_ACTIVE;
	return true;
}

/* --- calls --- */

static void step(struct entry *e);

static bool
where_of(struct reconciler *r, const struct subscription *s, struct graph_where *ret)
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
	e->call = NULL;
	entry_free_again(e);
	if (subscription_load(e->keeper->r, &e->book.scope, ret) == ERR_OK)
		return true;
	entry_dies(e);
	return false;
}

static void
on_deleted(void *arg, const struct graph_answer *a)
{
	struct entry *e = arg;
	struct subscription s;

	if (!call_ended(e, &s))
		return;
	if (a->err != ERR_OK && a->err != ERR_NOTFOUND && a->err != ERR_GONE) {
		row_failed(e, &s, a, "Deleting the subscription");
		return;
	}
	e->replace = false;
	s.id[0] = s.encryption_id[0] = '\0';
	s.expires_wall_ms = 0;
	s.retry_wall_ms = 0;
	if (s.state == SUBSCRIPTION_LEAVING) {
		row_forget(e, &s);
	} else {
		s.state = SUBSCRIPTION_WANTED;
		row_store(e->keeper->r, &s);
	}
}

static void
on_renewed(void *arg, const struct graph_answer *a)
{
	struct entry *e = arg;
	struct subscription s;
	bool gap;

	if (!call_ended(e, &s))
		return;
	gap = keeper_was_gap(&s, graph_now_ms(e->keeper->r)); /* now: the call may have been tried for minutes */
	if (a->err == ERR_NOTFOUND || a->err == ERR_GONE) {
		log_put(LOG_WARN, "subscription_lost", LS("tenant", s.tenant.s), LP("resource", s.resource),
		    LS("request_id", a->request_id));
		s.id[0] = s.encryption_id[0] = '\0';
		s.expires_wall_ms = 0;
		s.retry_wall_ms = 0;
		if (s.state != SUBSCRIPTION_LEAVING)
			s.state = SUBSCRIPTION_WANTED;
		row_store(e->keeper->r, &s);
		return;
	}
	if (a->err != ERR_OK || !row_active(e, &s, a)) {
		row_failed(e, &s, a, "Renewing the subscription");
		return;
	}
	row_store(e->keeper->r, &s);
	log_put(LOG_DEBUG, "subscription_renewed", LS("tenant", s.tenant.s), LP("resource", s.resource));
	if (gap)
		dirty_mark(e->keeper->r, &s.scope, 0);
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

	e->pages = NULL;
	entry_free_again(e);
	log_put(LOG_INFO, "subscription_searched", LS("outcome", err_name(end->err)), LI("found", e->obstacle[0] != '\0'));
	if (e->obstacle[0] == '\0')
		entry_due_in(e, KEEPER_BACKOFF_MIN_MS);
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
			s->expires_wall_ms = graph_now_ms(k->r) + KEEPER_PATCH_SPACING_MS; /* not gone: renew it */
			s->renewed_wall_ms = 0;
			row_store(k->r, s);
			return;
		}
		str_copy(e->obstacle, sizeof(e->obstacle), existing);
		return;
	}
	if (!where_of(k->r, s, &where))
		return;
	e->pages = graph_subscriptions_list(k->r->graph, &where, found_item, found_end, e);
	if (e->pages != NULL)
		book_rest(&k->book, &e->book);
}

static void
on_created(void *arg, const struct graph_answer *a)
{
	struct entry *e = arg;
	struct reconciler *r = e->keeper->r;
	struct subscription s;

	if (!call_ended(e, &s))
		return;
	if (a->err == ERR_CONFLICT) {
		on_conflict(e, &s, a);
		return;
	}
	if (a->err != ERR_OK || !row_active(e, &s, a)) {
		row_failed(e, &s, a, "Creating the subscription");
		return;
	}
	s.created_wall_ms = s.renewed_wall_ms;
	s.generation++;
	row_store(r, &s);
	log_put(LOG_INFO, "subscription_created", LS("tenant", s.tenant.s), LP("resource", s.resource),
	    LI("lifetime_s", (s.expires_wall_ms - s.created_wall_ms) / 1000));
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

static struct graph_call *
call_create(struct entry *e, const struct subscription *s, const struct graph_where *where)
{
	struct reconciler *r = e->keeper->r;
	char notification_url[GRAPH_SUBSCRIPTION_URL_SIZE], lifecycle_url[GRAPH_SUBSCRIPTION_URL_SIZE];
	char client_state[CLIENT_STATE_LEN + 1];
	uint8_t nonce[CLIENT_STATE_NONCE];
	const struct graph_subscription_wish wish = { .kind = s->kind,
		.resource = s->resource,
		.notification_url = notification_url,
		.lifecycle_url = lifecycle_url,
		.client_state = client_state,
		.encryption = encryption_for(e, s),
		.expires_wall_ms = graph_subscription_expiry(s->kind, r->config->subscription_lifetime_ms, graph_now_ms(r)) };

	rng_bytes(r->rng, nonce, sizeof(nonce));
	client_state_make(&r->intake_key, &s->scope, nonce, client_state);
	snprintf(notification_url, sizeof(notification_url), "%s/graph/notifications", r->config->public_url);
	snprintf(lifecycle_url, sizeof(lifecycle_url), "%s/graph/lifecycle", r->config->public_url);
	return graph_subscription_create(r->graph, where, &wish, on_created, e);
}

static struct graph_call *
call_renew(struct entry *e, const struct subscription *s, const struct graph_where *where)
{
	struct reconciler *r = e->keeper->r;
	int64_t now = graph_now_ms(r), expires = graph_subscription_expiry(s->kind, r->config->subscription_lifetime_ms, now);
	struct graph_encryption encryption = { NULL, NULL };

	e->key_sent[0] = '\0';
	if (s->encryption_id[0] != '\0' && strcmp(s->encryption_id, key_wanted(r, s)) != 0)
		encryption = encryption_for(e, s);
	return graph_subscription_renew(r->graph, where, s->id, expires, &encryption, on_renewed, e);
}

static struct graph_call *
call_for(struct entry *e, enum keeper_step what, const struct subscription *s, const struct graph_where *where)
{
	struct graph *g = e->keeper->r->graph;

	if (e->obstacle[0] != '\0' && what == KEEPER_CREATE)
		return graph_subscription_delete(g, where, e->obstacle, on_obstacle_deleted, e);
	switch (what) {
	case KEEPER_CREATE: return call_create(e, s, where);
	case KEEPER_RENEW: return call_renew(e, s, where);
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

	e->pages = NULL;
	e->keeper->asks = NULL;
	e->keeper->answered |= end->err == ERR_OK;
	entry_free_again(e);
	if (end->err != ERR_OK)
		entry_due_in(e, KEEPER_BACKOFF_MIN_MS);
}

/* A machine may start with any time. An expiry by a wrong one would be refused, and nothing can be said about what is due. */
static bool
knows_time(struct keeper *k)
{
	int64_t now_ms;

	return k->answered || (k->answered = graph_time(k->r->graph, &now_ms));
}

/* One list tells it, of whichever tenant answers. */
static void
ask_time(struct entry *e, const struct graph_where *where)
{
	const struct graph_where soon = {
		.directory = where->directory, .priority = where->priority, .deadline_ms = TIME_DEADLINE_MS
	};
	struct keeper *k = e->keeper;

	if (k->asks == NULL && (e->pages = graph_subscriptions_list(k->r->graph, &soon, asked_item, asked_end, e)) != NULL)
		k->asks = e;
	else
		entry_due_in(e, TIME_LOOK_MS);
}

/* Does what is due for one row, or notes when to look again. */
static void
step(struct entry *e)
{
	struct keeper *k = e->keeper;
	int64_t now = graph_now_ms(k->r);
	struct keeper_next next;
	struct graph_where where;
	struct subscription s;

	if (subscription_load(k->r, &e->book.scope, &s) != ERR_OK) {
		entry_dies(e);
		return;
	}
	next = keeper_next_step(&s, now, k->r->config->renew_every_ms, e->book.scope.b[0]);
	if (e->asked_for && knows_time(k)) {
		e->asked_for = false;
		keeper_hasten(&s, now, &next);
	}
	if (s.state == SUBSCRIPTION_ACTIVE && s.id[0] != '\0' && (is_other_sort(k->r, &s) || e->replace))
		next.step = KEEPER_DELETE;
	/* Without its tenant nothing can be asked of Graph, and nothing needs the row. */
	if (next.step == KEEPER_FORGET || !where_of(k->r, &s, &where))
		row_forget(e, &s);
	else if (!knows_time(k))
		ask_time(e, &where);
	else if (next.step == KEEPER_REST)
		entry_due_in(e, next.due_wall_ms - now);
	else if ((e->call = call_for(e, next.step, &s, &where)) == NULL)
		entry_due_in(e, KEEPER_BACKOFF_MIN_MS);
}

/* --- forgetting a tenant --- */

static size_t
tenant_rows(struct keeper *k, const struct tenant_id *tenant, void (*each)(struct keeper *k, struct subscription *s))
{
	struct book_entry *e;
	struct subscription s;
	size_t n = 0;

	for (size_t i = 0; (e = book_of_tenant(&k->book, tenant, i)) != NULL; i++) {
		if (subscription_load(k->r, &e->scope, &s) != ERR_OK)
			continue;
		n++;
		if (each != NULL)
			each(k, &s);
	}
	return n;
}

void
keeper_rows(
    struct reconciler *r, const struct tenant_id *tenant, void (*each)(void *arg, const struct subscription *s), void *arg)
{
	struct keeper *k = r->keeper;
	struct book_entry *e;
	struct subscription s;

	for (size_t i = 0; (e = book_of_tenant(&k->book, tenant, i)) != NULL; i++)
		if (subscription_load(r, &e->scope, &s) == ERR_OK)
			each(arg, &s);
}

static void
row_leave(struct keeper *k, struct subscription *s)
{
	s->state = SUBSCRIPTION_LEAVING;
	s->retry_wall_ms = 0;
	s->failures = 0;
	row_store(k->r, s);
	entry_due(k, s);
}

static void
row_drop(struct keeper *k, struct subscription *s)
{
	struct store_key key;

	row_key(&s->scope, &key);
	store_del(k->r->store, TABLE_SUBSCRIPTIONS, &key);
	entry_due(k, s);
}

static void
forgets_check(struct keeper *k)
{
	for (size_t i = 0; i < k->forget_count; i++) {
		struct forget f = k->forgets[i];
		bool late = clock_boot_ms(k->r->clock) >= f.until_boot_ms;

		if (!late && tenant_rows(k, &f.tenant, NULL) > 0)
			continue;
		if (late) {
			log_put(LOG_WARN, "tenant_subscriptions_left", LS("tenant", f.tenant.s));
			tenant_rows(k, &f.tenant, row_drop);
		}
		k->forgets[i--] = k->forgets[--k->forget_count];
		f.done(f.arg, &f.tenant);
	}
}

void
keeper_forget_tenant(
    struct reconciler *r, const struct tenant *tenant, void (*done)(void *arg, const struct tenant_id *id), void *arg)
{
	struct keeper *k = r->keeper;

	tenant_rows(k, &tenant->id, row_leave);
	if (k->forget_count == FORGETS_MAX) { /* many at once: the caller asks again by its own timer */
		log_event(LOG_WARN, "keeper_forgets_full");
		return;
	}
	k->forgets[k->forget_count++] = (struct forget){ tenant->id, clock_boot_ms(r->clock) + FORGET_GIVE_UP_MS, done, arg };
	timer_arm_sooner(k->tick, 0);
}

/* --- the tick --- */

static void
look(struct entry *e)
{
	struct keeper *k = e->keeper;

	book_rest(&k->book, &e->book);
	if (is_busy(e))
		return;
	if (e->dead) {
		book_remove(&k->book, &e->book);
		free(e);
		return;
	}
	e->waiting = tenant_is_busy(k, &e->book.tenant);
	if (!e->waiting)
		step(e);
}

static void
on_tick(void *arg)
{
	struct keeper *k = arg;
	int64_t now = clock_boot_ms(k->r->clock), wait_ms = TICK_MAX_MS;
	struct book_entry *first;

	while ((first = book_first(&k->book)) != NULL && first->due_ms <= now)
		look(entry_of(first));
	if (first != NULL && first->due_ms - now < wait_ms)
		wait_ms = first->due_ms - now;
	forgets_check(k);
	warn_of_clock(k);
	timer_arm_sooner(k->tick, wait_ms < TICK_MIN_MS ? TICK_MIN_MS : wait_ms);
}

/* --- what others say --- */

static void
want(struct reconciler *r, const struct subscription *wanted)
{
	struct subscription s;

	if (subscription_load(r, &wanted->scope, &s) == ERR_OK) {
		if (s.state != SUBSCRIPTION_LEAVING)
			return;
		s.state = s.id[0] != '\0' ? SUBSCRIPTION_ACTIVE : SUBSCRIPTION_WANTED;
	} else {
		s = *wanted;
		s.state = SUBSCRIPTION_WANTED;
	}
	s.retry_wall_ms = 0;
	s.failures = 0;
	row_store(r, &s);
	entry_due(r->keeper, &s);
}

void
keeper_want(struct reconciler *r, const struct erg *erg)
{
	struct subscription wanted;

	if (scope_of_erg(r, erg, &wanted) == ERR_OK)
		want(r, &wanted);
}

void
keeper_want_mailbox(struct reconciler *r, const struct tenant_id *tenant, const struct guid *mailbox)
{
	struct subscription wanted;

	if (scope_of_mailbox(r, tenant, mailbox, &wanted) == ERR_OK)
		want(r, &wanted);
}

void
keeper_release_mailbox(struct reconciler *r, const struct tenant_id *tenant, const struct guid *mailbox)
{
	struct subscription wanted, s;

	if (!events_any_in_mailbox(r->store, mailbox) && !meeting_due_any(r, mailbox) &&
	    scope_of_mailbox(r, tenant, mailbox, &wanted) == ERR_OK && subscription_load(r, &wanted.scope, &s) == ERR_OK)
		row_leave(r->keeper, &s);
}

void
keeper_release(struct reconciler *r, const struct erg *erg)
{
	struct subscription wanted, s;
	struct store_cursor *c;
	struct erg_ref ref;
	bool needed = false;

	if (scope_of_erg(r, erg, &wanted) != ERR_OK || subscription_load(r, &wanted.scope, &s) != ERR_OK)
		return;
	c = team_ergs(r, &erg->team_id);
	while (!needed && store_next(c, NULL, &ref) == ERR_OK) {
		struct erg other;

		needed = erg_load(r, &ref.erg, &other) == ERR_OK && strcmp(other.id.s, erg->id.s) != 0 &&
		         other.membership != MEMBERSHIP_OFF && scope_covers(&wanted, &other);
	}
	store_cursor_close(c);
	if (!needed)
		row_leave(r->keeper, &s);
}

void
keeper_lifecycle(struct reconciler *r, const struct scope_id *scope, enum hint_kind kind)
{
	struct book_entry *e;
	struct subscription s;

	if (subscription_load(r, scope, &s) != ERR_OK || s.state == SUBSCRIPTION_LEAVING ||
	    (e = book_find(&r->keeper->book, &s.tenant, scope)) == NULL)
		return;
	if (kind == HINT_REAUTHORIZATION_REQUIRED) {
		entry_of(e)->asked_for = true;
	} else if (kind == HINT_SUBSCRIPTION_REMOVED) {
		s.id[0] = '\0';
		s.expires_wall_ms = 0;
		s.state = SUBSCRIPTION_WANTED;
	} else {
		return;
	}
	s.retry_wall_ms = 0;
	row_store(r, &s);
	entry_due(r->keeper, &s);
}

static void
row_retry(struct keeper *k, struct subscription *s)
{
	if (s->retry_wall_ms == 0)
		return;
	s->retry_wall_ms = 0;
	row_store(k->r, s);
	entry_due(k, s);
}

void
keeper_tenant_back(struct reconciler *r, const struct tenant_id *tenant)
{
	tenant_rows(r->keeper, tenant, row_retry);
}

void
keeper_replace(struct reconciler *r, const struct scope_id *scope)
{
	struct book_entry *found;
	struct subscription s;

	if (subscription_load(r, scope, &s) != ERR_OK)
		return;
	entry_due(r->keeper, &s);
	if ((found = book_find(&r->keeper->book, &s.tenant, scope)) != NULL)
		entry_of(found)->replace = true;
}

void
keeper_kick(struct reconciler *r)
{
	struct store_cursor *c = store_seek(r->store, TABLE_SUBSCRIPTIONS, NULL, NULL);
	struct subscription s;

	while (store_next(c, NULL, &s) == ERR_OK) {
		if (s.retry_wall_ms != 0) {
			s.retry_wall_ms = 0;
			row_store(r, &s);
		}
		entry_due(r->keeper, &s);
	}
	store_cursor_close(c);
}

/* --- life --- */

enum err
keeper_new(struct reconciler *r, struct keeper **ret)
{
	struct keeper *k = calloc(1, sizeof(*k));
	struct store_cursor *c;
	struct subscription s;
	struct entry *entry;
	enum err e = ERR_OK;

	if (k == NULL)
		return ERR_NOMEM;
	k->r = r;
	if ((k->tick = timer_new(r->clock, on_tick, k)) == NULL) {
		free(k);
		return ERR_NOMEM;
	}
	c = store_seek(r->store, TABLE_SUBSCRIPTIONS, NULL, NULL);
	while (e == ERR_OK && store_next(c, NULL, &s) == ERR_OK)
		if ((entry = entry_add(k, &s)) != NULL)
			book_set_due(&k->book, &entry->book, 0);
		else
			e = ERR_NOMEM;
	store_cursor_close(c);
	if (e != ERR_OK) {
		keeper_free(k);
		return e;
	}
	timer_arm(k->tick, 0);
	*ret = k;
	return ERR_OK;
}

void
keeper_free(struct keeper *k)
{
	if (k == NULL)
		return;
	for (size_t i = 0; i < k->book.count; i++) {
		struct entry *e = entry_of(k->book.sorted[i]);

		graph_cancel(k->r->graph, e->call);
		graph_pages_cancel(e->pages);
		free(e);
	}
	book_done(&k->book);
	timer_free(k->tick);
	free(k);
}
