/* keeper_move.c - carries out what keeper_move_plan decides, as far as Graph has proved that it reaches public_url. */
#include "reconciler/keeper_move.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "graph/answer.h"
#include "reconciler/keeper.h"
#include "reconciler/keeper_inside.h"
#include "reconciler/keeper_move_plan.h"
#include "reconciler/reconciler.h"

#define LOOK_MS  10000 /* while another asks */
#define YOUNG_MS 60000 /* a list of Graph's may be older than what it told us since */

/* It is asked for with each step of each subscription, and public_url hardly ever changes. */
int64_t
keeper_move_mark(const struct reconciler *r)
{
	const char *url = r->config->public_url;
	struct keeper *k = r->keeper;

	if (k->marked_url != NULL && strcmp(k->marked_url, url) == 0)
		return k->mark;
	free(k->marked_url);
	k->marked_url = strdup(url);
	return k->mark = move_mark(url);
}

/* What was known of another address says nothing of this one. */
static struct move_state *
state_of(struct keeper *k)
{
	int64_t mark = keeper_move_mark(k->r);

	if (k->move.mark != mark)
		k->move = (struct move_state){ .mark = mark };
	return &k->move;
}

bool
keeper_move_is_stuck(const struct reconciler *r)
{
	return r->keeper->move.stuck && r->keeper->move.mark == keeper_move_mark(r);
}

/* --- what Graph says --- */

static void
reached(struct keeper *k, struct move_state *m)
{
	if (m->stuck)
		log_event(LOG_INFO, "public_url_reached");
	m->proved = true;
	m->proved_boot_ms = clock_boot_ms(k->r->clock);
	m->stuck = false;
	m->failures = m->retry_boot_ms = 0;
	m->probes_failed = 0;
}

static void
rest(struct keeper *k, struct move_state *m)
{
	int64_t now_ms = clock_boot_ms(k->r->clock);

	if (now_ms < m->retry_boot_ms)
		return; /* another call told already */
	m->failures++;
	m->retry_boot_ms = now_ms + keeper_backoff_ms(m->failures, ERR_INVALID, (uint8_t)rng_below(k->r->rng, 256));
}

static void
not_reached(struct keeper *k, struct move_state *m)
{
	rest(k, m);
	if (!m->stuck)
		log_put(LOG_WARN, "public_url_not_reached", LI("retry_ms", m->retry_boot_ms - clock_boot_ms(k->r->clock)));
	m->proved = false;
	m->stuck = true;
}

bool
keeper_move_answered(struct entry *e, const struct graph_answer *a)
{
	struct move_state *m = state_of(e->keeper);
	bool refused = graph_error_is_validation(a->status, &a->error);
	int64_t mark = e->mark_sent;

	e->mark_sent = 0;
	if (m->scout == e)
		m->scout = NULL;
	if (mark == 0)
		return false;
	if (mark == m->mark && a->err == ERR_OK)
		reached(e->keeper, m);
	else if (mark == m->mark && refused)
		not_reached(e->keeper, m);
	return refused;
}

void
keeper_move_probed(struct entry *e, const struct graph_answer *a)
{
	struct move_state *m = state_of(e->keeper);

	if (keeper_move_answered(e, a) || a->err == ERR_OK)
		return;
	m->probes_failed++;
	rest(e->keeper, m);
}

void
keeper_move_forget(const struct entry *e)
{
	if (e->keeper->move.scout == e)
		e->keeper->move.scout = NULL;
}

/* --- the next step --- */

static bool
is_proved(const struct keeper *k, const struct move_state *m)
{
	return m->proved && clock_boot_ms(k->r->clock) - m->proved_boot_ms < MOVE_PROOF_MS;
}

/* One at a time, and not before its time. */
static bool
may_ask(const struct keeper *k, struct move_state *m, struct entry *e)
{
	if ((m->scout != NULL && m->scout->call != NULL) || clock_boot_ms(k->r->clock) < m->retry_boot_ms)
		return false;
	m->scout = e;
	return true;
}

/* None of its tenant is without one, or will be in a moment. */
static bool
may_go(const struct entry *e)
{
	const struct book_tenant *of = e->book.of;

	for (size_t i = 0; i < of->count; i++) {
		const struct entry *other = (const struct entry *)of->entries[i];

		if (other->lacks || (other->replaces && other->call != NULL))
			return false;
	}
	return true;
}

static void
look_by(struct keeper_next *next, int64_t due_wall_ms)
{
	if (next->step == KEEPER_REST && due_wall_ms < next->due_wall_ms)
		next->due_wall_ms = due_wall_ms;
}

static void
wait(const struct keeper *k, const struct move_state *m, int64_t now_ms, struct keeper_next *next)
{
	int64_t left_ms = m->retry_boot_ms - clock_boot_ms(k->r->clock);

	look_by(next, now_ms + (left_ms > LOOK_MS ? left_ms : LOOK_MS));
}

static bool
replace(struct keeper *k, struct move_state *m, struct entry *e, const struct subscription *s, struct keeper_next *next)
{
	if (!is_proved(k, m) && (m->probes_failed < MOVE_PROBES_MAX || s->address != m->mark)) {
		if (!may_ask(k, m, e))
			return false;
		next->step = KEEPER_PROBE;
		return true;
	}
	if (!may_go(e))
		return false;
	e->replaces = true;
	next->step = KEEPER_DELETE;
	return true;
}

void
keeper_move_settle(struct entry *e, const struct subscription *s, struct keeper_next *next)
{
	struct keeper *k = e->keeper;
	struct move_state *m = state_of(k);
	int64_t now_ms = keeper_now_ms(k->r);
	struct move_next move = move_next_step(s, m->mark, now_ms, k->r->config->renew_every_ms, e->book.scope.b[0]);

	e->lacks = s->id[0] == '\0' && (s->state == SUBSCRIPTION_WANTED || s->state == SUBSCRIPTION_FAILING);
	e->replaces = false;
	if (move.step == MOVE_STAY || (next->step != KEEPER_REST && next->step != KEEPER_RENEW))
		return;
	/* A renewal that is due in any case can tell the address, too. */
	if (move.due_wall_ms > now_ms && (move.step == MOVE_REPLACE || next->step == KEEPER_REST)) {
		look_by(next, move.due_wall_ms);
	} else if (move.step == MOVE_REPLACE) {
		if (next->step == KEEPER_REST && !replace(k, m, e, s, next))
			wait(k, m, now_ms, next);
	} else if (is_proved(k, m) || may_ask(k, m, e)) {
		next->step = KEEPER_MOVE;
	} else {
		wait(k, m, now_ms, next);
	}
}

void
keeper_move_listed(struct reconciler *r, const struct subscription *s, int64_t address, int64_t lifecycle_address)
{
	struct subscription row = *s;
	int64_t since_ms = keeper_now_ms(r) - s->renewed_wall_ms;

	if (address == 0 || lifecycle_address == 0 || (s->address == address && s->lifecycle_address == lifecycle_address) ||
	    (since_ms >= 0 && since_ms < YOUNG_MS))
		return;
	row.address = address;
	row.lifecycle_address = lifecycle_address;
	keeper_row_store(r, &row);
	keeper_due(r->keeper, &row);
}
