#include "reconciler/chores.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "reconciler/doubt.h"
#include "reconciler/links.h"
#include "reconciler/meetings.h"
#include "reconciler/push.h"
#include "reconciler/reconciler.h"
#include "reconciler/tenants.h"
#include "state/store.h"

struct chore {
	struct chore *next;
	struct chores *list;
	struct timer *timer;
	enum chore_kind kind;
	char id[APP_ID_SIZE];
	int64_t attempts;
	bool running, again, dropped;
	char *why; /* it is tried again; NULL: nothing was said */
};

struct chores {
	struct reconciler *r;
	struct chore *first;
	unsigned running;
};

/* The letter before the id in the row's item. */
static const struct {
	char letter;
	const char *name;
	chore_run run;
} kinds[CHORE_KIND_COUNT] = {
	[CHORE_LINK] = { 'l', "link", link_run },
	[CHORE_TENANT] = { 't', "tenant", tenant_run },
	[CHORE_ERASE_ERG] = { 'e', "erase_erg", erase_erg_run },
	[CHORE_ERASE_TENANT] = { 'x', "erase_tenant", erase_tenant_run },
	[CHORE_PUSH] = { 'p', "push", push_run },
	[CHORE_MEETINGS] = { 'm', "meetings", meetings_run },
	[CHORE_DOUBT] = { 'd', "doubt", doubt_run },
};

static const struct scope_id no_scope;

const char *
chore_id(const struct chore *c)
{
	return c->id;
}

int64_t
chore_attempts(const struct chore *c)
{
	return c->attempts;
}

bool
chore_overtaken(const struct chore *c)
{
	return c->dropped || c->again;
}

struct reconciler *
chore_reconciler(const struct chore *c)
{
	return c->list->r;
}

static void
row_key(struct reconciler *r, enum chore_kind kind, const char *id, struct store_key *ret)
{
	char part[] = { kinds[kind].letter, '\0' };

	store_key_init(ret);
	store_key_bytes(ret, no_scope.b, sizeof(no_scope.b));
	store_key_id(r->store, ret, part, id);
}

static void
row_put(struct reconciler *r, const struct chore *c, int64_t after_ms)
{
	struct dirty_record row = { .hint_count = 1, .attempts = c->attempts };
	struct store_key key;
	size_t len = strlen(c->id);

	row.item[0] = kinds[c->kind].letter;
	memcpy(row.item + 1, c->id, len + 1);
	row.first_wall_ms = row.last_wall_ms = clock_wall_ms(r->clock);
	row.not_before_wall_ms = row.last_wall_ms + after_ms;
	row_key(r, c->kind, c->id, &key);
	store_put(r->store, TABLE_DIRTY, &key, &row);
}

static void
row_del(struct reconciler *r, enum chore_kind kind, const char *id)
{
	struct store_key key;

	row_key(r, kind, id, &key);
	store_del(r->store, TABLE_DIRTY, &key);
}

static struct chore *
find(struct reconciler *r, enum chore_kind kind, const char *id)
{
	struct chore *c = r->chores->first;

	while (c != NULL && (c->dropped || c->kind != kind || strcmp(c->id, id) != 0))
		c = c->next;
	return c;
}

static void
chore_free(struct chore *c)
{
	struct chore **p = &c->list->first;

	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	timer_free(c->timer);
	free(c->why);
	free(c);
}

void
chore_say(struct chore *c, const char *why)
{
	free(c->why);
	c->why = why != NULL ? strdup(why) : NULL;
}

const char *
chore_said(struct reconciler *r, enum chore_kind kind, const char *id)
{
	const struct chore *c = find(r, kind, id);

	return c != NULL ? c->why : NULL;
}

/* Others may have waited for a place. */
static void
run_waiting(struct chores *cs)
{
	for (struct chore *c = cs->first; c != NULL; c = c->next)
		if (!c->running && !timer_armed(c->timer))
			timer_arm(c->timer, 0);
}

static void
on_committed(void *arg)
{
	struct chore *c = arg;
	struct reconciler *r = c->list->r;

	if (c->dropped) {
		c->list->running--;
		chore_free(c);
		return;
	}
	kinds[c->kind].run(r, c);
}

static void
on_timer(void *arg)
{
	struct chore *c = arg;

	if (c->running || c->list->running >= CHORES_RUNNING_MAX)
		return;
	c->running = true;
	c->again = false;
	c->list->running++;
	/* What the chore was noted with is on disk before the world sees anything of it. */
	store_after_commit(c->list->r->store, on_committed, c);
}

static struct chore *
chore_make(struct reconciler *r, enum chore_kind kind, const char *id)
{
	struct chore *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->list = r->chores;
	c->kind = kind;
	if (!str_copy(c->id, sizeof(c->id), id) || (c->timer = timer_new(r->clock, on_timer, c)) == NULL) {
		free(c);
		return NULL;
	}
	c->next = r->chores->first;
	r->chores->first = c;
	return c;
}

void
chore_add(struct reconciler *r, enum chore_kind kind, const char *id, int64_t after_ms)
{
	struct chore *c = find(r, kind, id);

	if (c == NULL && (c = chore_make(r, kind, id)) == NULL) {
		log_put(LOG_ERROR, "chore_not_noted", LS("kind", kinds[kind].name));
		return;
	}
	if (c->running) {
		c->again = true;
		return;
	}
	c->attempts = 0;
	row_put(r, c, after_ms);
	timer_arm_sooner(c->timer, after_ms);
}

bool
chore_pending(struct reconciler *r, enum chore_kind kind, const char *id)
{
	return find(r, kind, id) != NULL;
}

bool
chores_any(struct reconciler *r, enum chore_kind kind)
{
	const struct chore *c = r->chores->first;

	while (c != NULL && (c->kind != kind || c->dropped))
		c = c->next;
	return c != NULL;
}

void
chore_drop(struct reconciler *r, enum chore_kind kind, const char *id)
{
	struct chore *c = find(r, kind, id);

	row_del(r, kind, id);
	if (c == NULL)
		return;
	if (c->running)
		c->dropped = true;
	else
		chore_free(c);
}

/* Its place is free for others; whoever waits for one comes first, so that no chore with much to do keeps it. */
static void
leave_place(struct chore *c)
{
	assert(c->running);
	c->list->running--;
	run_waiting(c->list);
	c->running = false;
}

void
chore_done(struct reconciler *r, struct chore *c)
{
	leave_place(c);
	if (c->again && !c->dropped) {
		chore_say(c, NULL);
		c->attempts = 0;
		row_put(r, c, 0);
		timer_arm(c->timer, 0);
		return;
	}
	if (!c->dropped)
		row_del(r, c->kind, c->id);
	chore_free(c);
}

static void
run_later(struct reconciler *r, struct chore *c, int64_t after_ms, int64_t attempts)
{
	leave_place(c);
	if (c->dropped) {
		chore_free(c);
		return;
	}
	c->attempts = attempts;
	if (c->again)
		after_ms = 0;
	row_put(r, c, after_ms);
	timer_arm(c->timer, after_ms);
}

void
chore_again(struct reconciler *r, struct chore *c, int64_t after_ms)
{
	run_later(r, c, after_ms, c->attempts + 1);
}

void
chore_rest(struct reconciler *r, struct chore *c, int64_t after_ms)
{
	chore_say(c, NULL);
	run_later(r, c, after_ms, 0);
}

void
chore_continue(struct reconciler *r, struct chore *c)
{
	(void)r;
	leave_place(c);
	chore_say(c, NULL);
	c->attempts = 0;
	if (c->dropped)
		chore_free(c);
	else
		timer_arm(c->timer, 0);
}

int64_t
chore_backoff_ms(struct reconciler *r, const struct chore *c)
{
	int64_t wait_ms = c->attempts >= 10 ? CHORE_PROBE_MS : 1000LL << c->attempts;

	if (wait_ms > CHORE_PROBE_MS)
		wait_ms = CHORE_PROBE_MS;
	return wait_ms / 2 + (int64_t)rng_below(r->rng, (uint64_t)wait_ms / 2 + 1);
}

void
chores_found(struct reconciler *r, const struct dirty_record *row)
{
	int64_t wait_ms = row->not_before_wall_ms - clock_wall_ms(r->clock);
	struct chore *c;

	for (int k = 0; k < CHORE_KIND_COUNT; k++) {
		if (kinds[k].letter != row->item[0] || find(r, (enum chore_kind)k, row->item + 1) != NULL)
			continue;
		if ((c = chore_make(r, (enum chore_kind)k, row->item + 1)) == NULL)
			return;
		c->attempts = row->attempts;
		timer_arm(c->timer, wait_ms > CHORE_PROBE_MS ? CHORE_PROBE_MS : wait_ms);
	}
}

enum err
chores_new(struct reconciler *r, struct chores **ret)
{
	struct chores *cs = calloc(1, sizeof(*cs));

	if (cs == NULL)
		return ERR_NOMEM;
	cs->r = r;
	*ret = cs;
	return ERR_OK;
}

void
chores_free(struct chores *cs)
{
	if (cs == NULL)
		return;
	while (cs->first != NULL)
		chore_free(cs->first); /* NOLINT(clang-analyzer-unix.Malloc): it takes itself out of the list */
	free(cs);
}
