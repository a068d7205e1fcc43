#include "reconciler/tenants.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "graph/graph.h"
#include "graph/teams.h"
#include "reconciler/apply.h"
#include "reconciler/chores.h"
#include "reconciler/doctor.h"
#include "reconciler/guard.h"
#include "reconciler/keeper.h"
#include "reconciler/links.h"
#include "reconciler/meetings.h"
#include "reconciler/people.h"
#include "reconciler/plan.h"
#include "reconciler/receipts.h"
#include "reconciler/reconciler.h"
#include "reconciler/rekey.h"
#include "reconciler/resync.h"
#include "reconciler/roster_book.h"
#include "reconciler/sign_in.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"
#include "state/store.h"
#include "state/store_reseal.h"

#define LOOK_DEADLINE_MS 60000
#define REFUSALS_MIN     3   /* after 7 s */
#define ERASE_SLICE      250 /* rows a turn: a few milliseconds */
#define DRIFT_CHUNKS_MAX 256 /* of 50 teams: more than a tenant is seen to have */

static bool
tenant_of(struct reconciler *r, struct chore *c, struct tenant *ret)
{
	struct tenant_id id;

	return tenant_id_parse(chore_id(c), &id) && tenant_load(r, &id, ret) == ERR_OK;
}

/* ---------- the organiser ---------- */

/* Has nothing of the tenant been read since the last time that Graph refused to show a roster? */
static bool
nothing_read_since(struct reconciler *r, const struct tenant_id *id)
{
	struct store_cursor *c = tenant_ergs(r, id);
	int64_t refused_ms = 0, read_ms = 0;
	struct erg_ref ref;
	struct erg erg;

	while (store_next(c, NULL, &ref) == ERR_OK) {
		if (erg_load(r, &ref.erg, &erg) != ERR_OK)
			continue;
		if (erg.state == ERG_BROKEN && erg.state_since_wall_ms > refused_ms)
			refused_ms = erg.state_since_wall_ms;
		if (erg.read_wall_ms > read_ms)
			read_ms = erg.read_wall_ms;
	}
	store_cursor_close(c);
	return read_ms <= refused_ms;
}

/* A permission of its own is missing, or all of them. Not at the first refusal: a directory takes a while to know of a consent. */
static void
look_up_refused(struct reconciler *r, const struct chore *c, struct tenant *tenant)
{
	if (chore_attempts(c) >= REFUSALS_MIN && nothing_read_since(r, &tenant->id)) {
		tenant_set_state(r, tenant, TENANT_CONSENT_MISSING, tenant_refused_text);
		return;
	}
	snprintf(tenant->detail, sizeof(tenant->detail), "%s",
	    "Graph refuses to look up the organizer: grant the application User.Read.All.");
	tenant_store(r, tenant);
	meetings_tenant_organizer(r, &tenant->id);
}

/* Who gave no answer is not asked every second. */
static int64_t
again_ms(struct reconciler *r, const struct chore *c, const struct tenant *tenant)
{
	int64_t wait_ms = chore_backoff_ms(r, c);

	return tenant->state == TENANT_UNREACHABLE && wait_ms < CHORE_REACH_MS ? CHORE_REACH_MS : wait_ms;
}

static void
on_user(void *arg, const struct graph_answer *answer)
{
	struct chore *c = arg;
	struct reconciler *r = chore_reconciler(c);
	struct graph_user user;
	struct tenant tenant;
	enum err e = graph_user_read(answer, &user);

	/* Overtaken: it may be of another organizer than the tenant has now. */
	if (chore_overtaken(c) || !tenant_of(r, c, &tenant) || tenant.state == TENANT_REMOVING) {
		chore_done(r, c);
		return;
	}
	tenant_judge(r, &tenant.id, answer);
	tenant_load(r, &tenant.id, &tenant);
	if (e == ERR_OK) {
		tenant.organizer_id = user.id;
		tenant.detail[0] = '\0';
		tenant_store(r, &tenant);
		meetings_tenant_organizer(r, &tenant.id);
		chore_done(r, c);
		return;
	}
	if (!answer->sign_in_failed && answer->err == ERR_FORBIDDEN && tenant.state == TENANT_ACTIVE) {
		look_up_refused(r, c, &tenant);
	} else if (!answer->sign_in_failed && answer->err == ERR_NOTFOUND && tenant.state == TENANT_ACTIVE) {
		snprintf(tenant.detail, sizeof(tenant.detail), "%s",
		    "The organizer does not exist in this tenant; put the tenant with another one.");
		tenant_store(r, &tenant);
		meetings_tenant_organizer(r, &tenant.id);
	}
	/* Also after a refusal: a directory takes seconds to minutes to know of a consent just given. */
	chore_again(r, c, again_ms(r, c, &tenant));
}

void
tenant_run(struct reconciler *r, struct chore *c)
{
	struct graph_where where = { .priority = GRAPH_PERSON, .deadline_ms = LOOK_DEADLINE_MS };
	struct tenant tenant;

	if (!tenant_of(r, c, &tenant) || tenant.state == TENANT_REMOVING) {
		chore_done(r, c);
		return;
	}
	where.directory = tenant.directory_id;
	if (tenant.state != TENANT_ACTIVE)
		graph_tenant_retry(r->graph, &tenant.directory_id);
	if (tenant.state == TENANT_CONSENT_MISSING)
		graph_tenant_doubt(r->graph, &tenant.directory_id); /* the token may be older than the consent */
	if (graph_user_get(r->graph, &where, tenant.organizer, on_user, c) == NULL)
		chore_again(r, c, chore_backoff_ms(r, c));
}

/* ---------- erasing an ERG ---------- */

void
erg_erase(struct reconciler *r, struct erg *erg)
{
	struct tenant tenant;
	struct store_key key;

	chore_drop(r, CHORE_LINK, erg->id.s);
	chore_drop(r, CHORE_PUSH, erg->id.s);
	chore_drop(r, CHORE_MEETINGS, erg->id.s);
	team_ref_del(r, erg);
	keeper_release(r, erg);
	erg_refs_del(r, erg);
	store_key_init(&key);
	store_key_id(r->store, &key, "erg", erg->id.s);
	store_del(r->store, TABLE_ERGS, &key);
	if (tenant_load(r, &erg->tenant, &tenant) == ERR_OK && tenant.erg_count > 0) {
		tenant.erg_count--;
		tenant_store(r, &tenant);
	}
	if (!roster_book_erase(r, &erg->id, ERASE_SLICE) || !meetings_erase(r, &erg->id, ERASE_SLICE))
		chore_add(r, CHORE_ERASE_ERG, erg->id.s, 0);
	guard_forget(r, &erg->id);
	plan_forget(r, &erg->id);
}

void
erase_erg_run(struct reconciler *r, struct chore *c)
{
	struct erg_id id;

	if (!erg_id_parse(chore_id(c), &id) || (roster_book_erase(r, &id, ERASE_SLICE) && meetings_erase(r, &id, ERASE_SLICE)))
		chore_done(r, c);
	else
		chore_continue(r, c);
}

/* ---------- erasing a tenant ---------- */

void
tenant_erase(struct reconciler *r, struct tenant *tenant)
{
	tenant->receipt = receipt_begin(r);
	tenant_set_state(r, tenant, TENANT_REMOVING, "The integration is being removed.");
	chore_drop(r, CHORE_TENANT, tenant->id.s);
	chore_drop(r, CHORE_DOUBT, tenant->id.s);
	chore_add(r, CHORE_ERASE_TENANT, tenant->id.s, 0);
}

static void
cursor_drop(struct reconciler *r, const char *name)
{
	struct store_key key;

	store_key_init(&key);
	store_key_id(r->store, &key, "cursor", name);
	store_del(r->store, TABLE_CURSORS, &key);
}

/* How many the table has. Where reading of a mailbox went on goes with its subscription. */
static int64_t
count_subscriptions(struct reconciler *r, const struct tenant_id *tenant)
{
	struct store_cursor *c = store_seek(r->store, TABLE_SUBSCRIPTIONS, NULL, NULL);
	char name[8 + 2 * SCOPE_ID_LEN + 1] = "mailbox:";
	struct subscription s;
	int64_t count = 0;

	while (store_next(c, NULL, &s) == ERR_OK)
		if (strcmp(s.tenant.s, tenant->s) == 0) {
			count += s.state != SUBSCRIPTION_COVERED || s.id[0] != '\0';
			hex_encode(s.scope.b, sizeof(s.scope.b), name + 8);
			cursor_drop(r, name);
		}
	store_cursor_close(c);
	return count;
}

static bool
first_erg(struct reconciler *r, const struct tenant_id *tenant, struct erg_ref *ret)
{
	struct store_cursor *c = tenant_ergs(r, tenant);
	bool found = store_next(c, NULL, ret) == ERR_OK;

	store_cursor_close(c);
	return found;
}

/* People of the tenant who are in no ERG: those the app has named. */
static bool
erase_people(struct reconciler *r, const struct tenant_id *tenant)
{
	struct store_key prefix, key;
	struct store_cursor *c;
	struct person_ref ref;
	struct person p;
	unsigned n = 0;

	store_key_init(&prefix);
	store_key_id(r->store, &prefix, "tenant", tenant->s);
	c = store_seek(r->store, TABLE_PERSON_INDEX, &prefix, NULL);
	while (n < ERASE_SLICE && store_next(c, &key, &ref) == ERR_OK) {
		n++;
		store_del(r->store, TABLE_PERSON_INDEX, &key);
		if (person_load(r, ref.person, &p) == ERR_OK)
			people_erase(r, &p);
	}
	store_cursor_close(c);
	return n < ERASE_SLICE;
}

/* Where the walk through the feed goes on. */
static struct store_key
feed_place_key(struct reconciler *r, const struct tenant_id *tenant)
{
	char name[APP_ID_SIZE + 32];
	struct store_key key;

	snprintf(name, sizeof(name), "erase_feed:%s", tenant->s);
	store_key_init(&key);
	store_key_id(r->store, &key, "cursor", name);
	return key;
}

/* The feed's entries of the tenant, delivered or not: they name people. A slice of the feed; true when that was the last. */
static bool
erase_feed(struct reconciler *r, const struct tenant_id *tenant)
{
	static struct feed_record f;        /* 20 KB; one thread */
	static struct cursor_record cursor; /* the same */
	struct store_key place = feed_place_key(r, tenant), after, key;
	struct store_cursor *c;
	unsigned n = 0;

	if (store_get(r->store, TABLE_CURSORS, &place, &cursor) != ERR_OK)
		memset(&cursor, 0, sizeof(cursor));
	store_key_init(&after);
	store_key_u64(&after, cursor.seq);
	c = store_seek(r->store, TABLE_FEED, NULL, &after);
	for (; n < ERASE_SLICE && store_next(c, &key, &f) == ERR_OK; n++) {
		cursor.seq = store_key_number(&key);
		if (strcmp(f.tenant.s, tenant->s) != 0)
			continue;
		store_del(r->store, TABLE_FEED, &key);
		store_del(r->store, TABLE_OUTBOX, &key);
	}
	store_cursor_close(c);
	if (n < ERASE_SLICE)
		store_del(r->store, TABLE_CURSORS, &place);
	else
		store_put(r->store, TABLE_CURSORS, &place, &cursor);
	return n < ERASE_SLICE;
}

static void
on_forgotten(void *arg, const struct tenant_id *id)
{
	struct chore *c = arg;

	(void)id;
	chore_continue(chore_reconciler(c), c);
}

/* Links of the cheap check for changes: as many as the tenant can have had. */
static void
erase_cursors(struct reconciler *r, const struct tenant_id *tenant)
{
	char name[APP_ID_SIZE + 32];

	for (unsigned i = 0; i < DRIFT_CHUNKS_MAX; i++) {
		snprintf(name, sizeof(name), "drift:%s:%u", tenant->s, i);
		cursor_drop(r, name);
	}
}

/* The last turn. Its key is retired in it, and destroyed once what is still sealed with the store's own key is sealed anew: that
 * key has sealed small things of the tenant, too. Should the turn be lost, it is all done again. */
static void
erase_end(struct reconciler *r, struct chore *c, const struct tenant *tenant)
{
	struct store_key key;

	erase_cursors(r, &tenant->id);
	resyncs_forget(r, RESYNC_TENANT, tenant->id.s);
	sign_in_forget(r, &tenant->id);
	doctor_forget(r, &tenant->id);
	graph_tenant_forget(r->graph, &tenant->directory_id);
	store_key_init(&key);
	store_key_id(r->store, &key, "tenant", tenant->id.s);
	store_del(r->store, TABLE_TENANTS, &key);
	receipt_erased(r, tenant->receipt);
	log_put(LOG_INFO, "tenant_removed", LS("tenant", tenant->id.s), LI("receipt", (int64_t)tenant->receipt));
	if (store_retire_tenant(r->store, &tenant->id) != ERR_OK)
		log_event(LOG_ERROR, "tenant_key_not_retired"); /* it is tried again: a key without a tenant */
	rekey_kick(r);
	chore_done(r, c);
}

/* All of it is gone in some turn. */
static void
erase_next_erg(struct reconciler *r, const struct tenant *tenant, const struct erg_ref *ref)
{
	struct erg erg;

	if (!roster_book_erase(r, &ref->erg, ERASE_SLICE) || !meetings_erase(r, &ref->erg, ERASE_SLICE))
		return;
	resyncs_forget(r, RESYNC_ERG, ref->erg.s);
	if (erg_load(r, &ref->erg, &erg) == ERR_OK) {
		erg_erase(r, &erg);
		return;
	}
	memset(&erg, 0, sizeof(erg));
	erg.id = ref->erg;
	erg.tenant = tenant->id;
	erg_refs_del(r, &erg);
}

/* One step a turn; which, shows what is still there. So a crash just goes on. */
static void
erase_step(struct reconciler *r, struct chore *c, const struct tenant *tenant)
{
	struct erg_ref ref;
	int64_t subscriptions;

	if (first_erg(r, &tenant->id, &ref)) {
		erase_next_erg(r, tenant, &ref);
		chore_continue(r, c);
	} else if ((subscriptions = count_subscriptions(r, &tenant->id)) > 0) {
		receipt_subscriptions(r, tenant->receipt, subscriptions);
		keeper_forget_tenant(r, tenant, on_forgotten, c);
	} else if (!erase_people(r, &tenant->id) || chores_any(r, CHORE_ERASE_ERG) || !erase_feed(r, &tenant->id)) {
		/* An ERG that was unlinked shortly before may be this tenant's. */
		chore_continue(r, c);
	} else {
		erase_end(r, c, tenant);
	}
}

void
erase_tenant_run(struct reconciler *r, struct chore *c)
{
	struct receipt_tally before;
	struct tenant tenant;

	if (!tenant_of(r, c, &tenant)) {
		chore_done(r, c);
		return;
	}
	receipt_before(r, &before);
	erase_step(r, c, &tenant);
	receipt_after(r, tenant.receipt, &before);
}
