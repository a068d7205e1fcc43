/* Nobody counts as gone by one read, and a roster that cannot be read says nothing of anybody. */
#include "reconciler/push_task.h"

#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "graph/batch.h"
#include "graph/teams.h"
#include "reconciler/apply.h"
#include "reconciler/chores.h"
#include "reconciler/dirty.h"
#include "reconciler/listing.h"
#include "reconciler/people.h"
#include "reconciler/reconciler.h"
#include "reconciler/resolve.h"
#include "reconciler/roster_decide.h"
#include "reconciler/scope.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"

#define LOOK_MAX_MS (10 * 60 * 1000)
#define LOST_LAGS   4 /* an unknown write nobody wants any more is looked for so long */

void
push_find_start(struct push_task *t, enum push_step step)
{
	struct push *p = t->push;
	struct graph_roster roster = push_roster(p);

	if (step == PUSH_STEP_FIND_IN_TEAM)
		roster.channel = NULL;
	t->by_id = false;
	push_task_call(t, step, graph_member_find(p->r->graph, &p->where, &roster, &t->user, push_on_answer, t));
}

void
push_read_start(struct push_task *t, enum push_step step)
{
	struct push *p = t->push;
	struct graph_roster roster = push_roster(p);

	if (t->membership_id[0] == '\0') {
		push_find_start(t, step);
		return;
	}
	t->by_id = true;
	push_task_call(t, step, graph_member_get(p->r->graph, &p->where, &roster, t->membership_id, push_on_answer, t));
}

static enum err
read_answer(const struct push_task *t, const struct graph_answer *a, struct graph_member *ret)
{
	enum err e;

	if (!t->by_id)
		return graph_member_find_read(a, &t->user, ret);
	e = graph_member_answer_read(a, ret);
	return e == ERR_OK && strcmp(ret->user_id.s, t->user.s) != 0 ? ERR_UNEXPECTED : e;
}

/* The roster itself cannot be read: says nothing of the person. */
static void
roster_failed(struct push *p, const struct graph_answer *a)
{
	struct roster_view v;
	struct subscription scope;
	struct erg erg;

	push_trouble(p, a);
	if (!push_erg_open(p, &erg, &v))
		return;
	tenant_judge(p->r, &erg.tenant, a);
	if (!erg_judge_failure(p->r, &erg, a, p->channel[0] != '\0' ? "the channel" : "the team"))
		return;
	erg_store(p->r, &erg);
	/* Nothing else looks at a broken one: from now on it is probed slowly until it can be read. */
	if (scope_of_erg(p->r, &erg, &scope) == ERR_OK)
		dirty_mark(p->r, &scope.scope, CHORE_PROBE_MS);
}

/* The roster lags; that somebody is not in it says something only of the membership whose own address was asked first. One that was
 * learnt of meanwhile is newer than this read. */
static bool
asked_for(const struct push_task *t)
{
	struct member m;

	return member_load(t->push->r, &t->push->erg, t->person, &m) == ERR_OK && strcmp(m.membership_id, t->membership_id) == 0;
}

/* Takes in what a read of one person showed. True when Teams has the person. */
static bool
take_find(struct push_task *t, const struct graph_member *member)
{
	struct push *p = t->push;
	struct compare_result result = { 0 };
	struct subscription scope;
	struct roster_seen seen;
	struct erg erg;

	if (erg_load(p->r, &p->erg, &erg) != ERR_OK || erg.generation != p->generation)
		return false;
	if (member == NULL && !asked_for(t))
		return false;
	if (member != NULL)
		seen = roster_seen_of(member);
	if (!apply_one(p->r, &erg, &p->where.directory, member != NULL ? &seen : NULL, t->person, &result) &&
	    scope_of_erg(p->r, &erg, &scope) == ERR_OK)
		dirty_mark(p->r, &scope.scope, 0);
	erg_store(p->r, &erg);
	return member != NULL;
}

/* When to look again for a write Teams has not shown yet: each time a quarter as late again, and once settle is over. */
static int64_t
next_look_ms(struct reconciler *r, const struct member *m)
{
	int64_t now_ms = clock_wall_ms(r->clock), age_ms = now_ms - m->teams_write_wall_ms;
	int64_t end_ms = m->teams_write_wall_ms + r->config->settle_ms;
	int64_t lag_ms = push_lag_ms(r);
	int64_t wait_ms = age_ms / 4 < lag_ms ? lag_ms : age_ms / 4 > LOOK_MAX_MS ? LOOK_MAX_MS : age_ms / 4;

	return now_ms + wait_ms < end_ms || end_ms <= now_ms ? now_ms + wait_ms : end_ms;
}

/* A read that began after the write does not show it. An unknown one that reads later than they lag do not show was not made; should
 * it be open no longer, it is kept in mind for some more, so that a late one is known for ours. */
static void
not_shown(struct push *p, const struct roster_view *v, const struct person *person, struct member *m, int64_t read_wall_ms)
{
	int64_t age_ms = read_wall_ms - m->teams_write_wall_ms;
	bool unknown = push_row_unknown(p, m->person);

	if (unknown && !m->missing_once && age_ms >= push_lag_ms(p->r))
		roster_missing(v, m);
	else if (unknown && m->missing_once && age_ms >= LOST_LAGS * push_lag_ms(p->r))
		roster_lost(v, person, m);
	else if (!unknown && !m->teams.present && age_ms >= p->r->config->settle_ms)
		roster_left(v, m);
	else
		roster_put_off(v, m, next_look_ms(v->r, m));
}

static void
on_look(struct push_task *t, const struct graph_member *member)
{
	struct push *p = t->push;
	struct person person;
	struct roster_view v;
	struct member m;
	struct erg erg;

	take_find(t, member);
	if (!push_task_open(t, &erg, &v, &m, &person) || m.teams_write == PENDING_NONE)
		return;
	not_shown(p, &v, &person, &m, clock_wall_ms(p->r->clock));
	push_erg_close(p, &erg);
}

/* Right before a leave is written: is the person still there, and is it still to be? */
static void
on_confirm(struct push_task *t, const struct graph_member *member)
{
	struct person person;
	struct roster_view v;
	struct member m;
	struct erg erg;

	t->dropped = true;
	if (!take_find(t, member) || !push_task_open(t, &erg, &v, &m, &person))
		return;
	if (roster_decide(&v, &person, &m) != DIFF_REMOVE_FROM_TEAMS)
		return;
	t->dropped = false;
	t->role = member->role;
	memcpy(t->membership_id, member->membership_id, sizeof(t->membership_id));
}

static void
on_verify(struct push_task *t, const struct graph_member *member)
{
	push_row_end(t->push, t, false);
	if (!take_find(t, member) || t->push->kind != PUSH_ADD)
		push_outcome(t, NULL, false, t->refusal, NULL);
}

void
push_on_find(struct push_task *t, const struct graph_answer *a)
{
	struct push *p = t->push;
	struct graph_member member;
	enum err e = read_answer(t, a, &member);
	const struct graph_member *found = e == ERR_OK ? &member : NULL;

	/* Of whether somebody is an owner, a list that lags is no evidence. */
	if (t->by_id && e == ERR_NOTFOUND && t->step == PUSH_STEP_OWNER)
		return;
	if (t->by_id && e == ERR_NOTFOUND) {
		push_find_start(t, t->step);
		return;
	}
	if (e != ERR_OK && (e != ERR_NOTFOUND || a->err != ERR_OK)) {
		t->dropped = true;
		if (t->step == PUSH_STEP_VERIFY || t->step == PUSH_STEP_FIND_IN_TEAM)
			push_row_end(p, t, false);
		roster_failed(p, a);
		return;
	}
	switch (t->step) {
	case PUSH_STEP_LOOK: on_look(t, found); break;
	case PUSH_STEP_CONFIRM: on_confirm(t, found); break;
	case PUSH_STEP_VERIFY: on_verify(t, found); break;
	case PUSH_STEP_OWNER: p->owner_stays = take_find(t, found) && found->role == ROLE_OWNER; break;
	default: push_add_start(t, found != NULL ? PUSH_STEP_ADD : PUSH_STEP_ADD_TO_TEAM); break;
	}
}

void
push_read_put_off(struct push_task *t)
{
	int64_t again_ms = clock_wall_ms(t->push->r->clock) + PUSH_ITEM_RETRY_MS;
	struct person person, before;
	struct roster_view v;
	struct member m;
	struct erg erg;

	t->dropped = true;
	if (!push_task_open(t, &erg, &v, &m, &person))
		return;
	if (person.entra_id.s[0] == '\0') {
		before = person;
		person.resolve_again_wall_ms = again_ms;
		people_store(v.r, &before, &person);
		return;
	}
	roster_put_off(&v, &m, again_ms);
	push_erg_close(t->push, &erg);
}

static void
lookups_send(struct push_task *first, const struct person *people, size_t count)
{
	const char *emails[GRAPH_BATCH_MAX] = { NULL };
	struct push *p;

	/* Then first may be behind the last task. */
	if (count == 0)
		return;
	p = first->push;
	for (size_t i = 0; i < count; i++)
		emails[i] = people[i].email;
	first->batch = count;
	if (count == 1)
		push_task_call(
		    first, PUSH_STEP_LOOKUP, graph_user_find(p->r->graph, &p->where, emails[0], push_on_answer, first));
	else
		push_task_call(
		    first, PUSH_STEP_LOOKUPS, graph_users_find(p->r->graph, &p->where, emails, count, push_on_answer, first));
}

void
push_lookups_start(struct push *p)
{
	static struct person people[GRAPH_BATCH_MAX]; /* too much for a stack; one thread */
	size_t n = 0;

	for (size_t i = 0; i < p->count; i++) {
		struct push_task *t = &p->tasks[i];

		if (t->user.s[0] == '\0' && person_load(p->r, t->person, &people[n]) == ERR_OK) {
			if (++n < GRAPH_BATCH_MAX)
				continue;
			lookups_send(t - (n - 1), people, n);
		} else {
			lookups_send(t - n, people, n);
			push_task_call(t, PUSH_STEP_LOOKUP, graph_user_get(p->r->graph, &p->where, t->user.s, push_on_answer, t));
		}
		n = 0;
	}
	lookups_send(&p->tasks[p->count] - n, people, n);
}

void
push_on_lookup(struct push_task *t, const struct graph_answer *a)
{
	struct push *p = t->push;
	struct person person;
	struct roster_view v;
	struct member m;
	struct erg erg;

	/* Asked by address, and by now somebody else has found out who it is. */
	if (!push_task_open(t, &erg, &v, &m, &person) || strcmp(person.entra_id.s, t->user.s) != 0)
		return;
	tenant_judge(p->r, &erg.tenant, a);
	if ((t->user.s[0] != '\0' ? resolve_take_kind : resolve_take)(&v, &person, a))
		push_erg_close(p, &erg);
	else
		push_trouble(p, a);
}

/* Each by its own answer: whoever was not answered is asked about again, alone. */
void
push_on_lookups(struct push_task *first, const struct graph_answer *a)
{
	struct graph_answer answers[GRAPH_BATCH_MAX];

	graph_users_find_split(a, first->batch, answers);
	for (size_t i = 0; i < first->batch; i++)
		push_on_lookup(&first[i], &answers[i]);
}

void
push_look_at_all(struct push *p)
{
	int64_t now_ms = clock_wall_ms(p->r->clock);
	struct subscription scope;
	struct person person;
	struct roster_view v;
	struct member m;
	struct erg erg;
	bool read = false;

	for (size_t i = 0; i < p->count; i++) {
		if (!push_task_open(&p->tasks[i], &erg, &v, &m, &person))
			continue;
		if (erg.read_wall_ms - m.teams_write_wall_ms >= push_lag_ms(p->r)) {
			not_shown(p, &v, &person, &m, erg.read_wall_ms);
		} else {
			read = true;
			roster_put_off(&v, &m, now_ms + push_lag_ms(p->r));
		}
		push_erg_close(p, &erg);
	}
	if (read && push_erg_open(p, &erg, &v) && scope_of_erg(p->r, &erg, &scope) == ERR_OK)
		dirty_mark(p->r, &scope.scope, 0);
	timer_arm(p->timer, 0);
}
