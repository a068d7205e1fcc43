/*
 * A pass walks the ERG's intents, sorts them by what each needs now, and does the first kind there is: look-ups, reads of what was
 * written before, joins, roles, leaves. Whatever it did, the next pass walks anew; a pass that finds nothing due sleeps until
 * something is. Every outcome changes when a member is due again, so no pass repeats itself.
 */
#include "reconciler/push.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "graph/teams.h"
#include "reconciler/chores.h"
#include "reconciler/intents.h"
#include "reconciler/push_task.h"
#include "reconciler/reconciler.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"

#define LOOKUPS_MAX      PUSH_DUE_MAX /* a pass */
#define SINGLES_MAX      4            /* a minute is what Graph allows */
#define CALL_DEADLINE_MS 180000
#define PATIENCE_MS      20000 /* with reads that are slower than others of their pass */

/* ---------- beginning and ending a pass ---------- */

static void
push_free(struct push *p)
{
	struct push **at = &p->list->first;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	for (size_t i = 0; i < p->count; i++)
		graph_cancel(p->r->graph, p->tasks[i].call);
	graph_cancel(p->r->graph, p->bulk);
	graph_cancel(p->r->graph, p->owner.call);
	timer_free(p->timer);
	free(p);
}

static void
push_end(struct push *p)
{
	struct reconciler *r = p->r;
	struct chore *c = p->chore;
	int64_t retry_ms = p->retry_ms;
	char why[DETAIL_SIZE] = "";

	if (p->why[0] != '\0')
		graph_detail_again(p->why, clock_wall_ms(r->clock) + retry_ms, false, why);
	push_free(p);
	if (retry_ms < 0) {
		chore_continue(r, c);
		return;
	}
	if (why[0] != '\0')
		chore_say(c, why);
	chore_again(r, c, retry_ms);
}

/* ---------- answers ---------- */

void
push_on_answer(void *arg, const struct graph_answer *a)
{
	struct push_task *t = arg;
	struct push *p = t->push;

	t->call = NULL;
	p->busy--;
	p->answered = true;
	switch (t->step) {
	case PUSH_STEP_LOOKUP: push_on_lookup(t, a); break;
	case PUSH_STEP_LOOKUPS: push_on_lookups(t, a); break;
	case PUSH_STEP_ADD_TO_TEAM:
	case PUSH_STEP_ADD:
	case PUSH_STEP_ROLE:
	case PUSH_STEP_REMOVE: push_on_write(t, a); break;
	default: push_on_find(t, a); break;
	}
	if (p->busy == 0)
		timer_arm(p->timer, 0);
}

/* ---------- a pass ---------- */

/* Before anything is written: for whom it is, and whether an owner remains. */
static void
write_or_spare(struct push *p)
{
	if (!p->spared)
		push_spare(p);
	p->spared = true;
	if (push_owner_check(p))
		return;
	if (p->kind == PUSH_REMOVE && push_to_write(p) == 1)
		p->singly = true;
	push_write_start(p);
}

static void
start(struct push *p)
{
	struct push_note *note = push_note_of(p);
	int64_t now_ms = clock_boot_ms(p->r->clock);

	p->singly = p->channel[0] != '\0' || p->kind == PUSH_ROLE || now_ms < note->singly_until_ms ||
	            (p->count == 1 && (p->kind == PUSH_REMOVE || now_ms - note->single_ms >= PUSH_SINGLE_GAP_MS));
	if (p->singly && p->kind >= PUSH_ADD && p->count > SINGLES_MAX)
		p->count = SINGLES_MAX;
	switch (p->kind) {
	case PUSH_LOOKUP: push_lookups_start(p); break;
	case PUSH_LOOK:
		if (p->count > PUSH_LOOKS_MAX)
			push_look_at_all(p);
		else
			for (size_t i = 0; i < p->count; i++)
				push_read_start(&p->tasks[i], PUSH_STEP_LOOK);
		break;
	case PUSH_REMOVE:
		for (size_t i = 0; i < p->count; i++)
			push_read_start(&p->tasks[i], PUSH_STEP_CONFIRM);
		break;
	default: write_or_spare(p); return;
	}
	timer_arm(p->timer, p->busy == 0 ? 0 : PATIENCE_MS);
}

/* All calls of a step are answered. */
static void
step_done(struct push *p)
{
	if (p->kind >= PUSH_ADD && !p->writing)
		write_or_spare(p);
	else
		push_end(p);
}

/* The others are answered: they go on without the slow ones, which are asked about again in a while. */
static void
leave_slow_ones(struct push *p)
{
	for (size_t i = 0; i < p->count; i++) {
		struct push_task *t = &p->tasks[i];

		if (t->call == NULL)
			continue;
		graph_cancel(p->r->graph, t->call);
		t->call = NULL;
		p->busy--;
		for (size_t k = 0; k < (t->step == PUSH_STEP_LOOKUPS ? t->batch : 1); k++)
			push_read_put_off(&t[k]);
	}
}

static void
on_timer(void *arg)
{
	struct push *p = arg;

	if (p->busy > 0 && p->writing)
		return;
	if (p->busy > 0 && p->answered)
		leave_slow_ones(p);
	if (p->busy == 0)
		step_done(p);
	else
		timer_arm(p->timer, PATIENCE_MS);
}

static const size_t kind_max[PUSH_COUNT] = {
	[PUSH_LOOKUP] = LOOKUPS_MAX,
	[PUSH_LOOK] = PUSH_DUE_MAX,
	[PUSH_ADD] = GRAPH_MEMBERS_ADD_MAX,
	[PUSH_ROLE] = PUSH_LOOKS_MAX,
	[PUSH_REMOVE] = GRAPH_MEMBERS_REMOVE_MAX,
};

static void
task_fill(struct push *p, person_id id)
{
	struct push_task *t = &p->tasks[p->count];
	struct person person;
	struct member m;

	memset(t, 0, sizeof(*t));
	if (member_load(p->r, &p->erg, id, &m) != ERR_OK || person_load(p->r, id, &person) != ERR_OK)
		return;
	t->push = p;
	t->person = id;
	t->user = person.entra_id;
	t->role = m.app.present ? m.app.role : m.teams.role;
	memcpy(t->membership_id, m.membership_id, sizeof(t->membership_id));
	p->count++;
}

static struct push *
push_new(struct reconciler *r, struct chore *c, const struct erg *erg, const struct tenant *tenant)
{
	struct push *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->r = r;
	p->chore = c;
	p->list = r->pushes;
	p->erg = erg->id;
	p->generation = erg->generation;
	p->team = erg->team_id;
	p->type = erg->channel_type;
	if (erg->channel_type != CHANNEL_STANDARD)
		memcpy(p->channel, erg->channel_id, sizeof(p->channel));
	p->where =
	    (struct graph_where){ .directory = tenant->directory_id, .priority = GRAPH_HINT, .deadline_ms = CALL_DEADLINE_MS };
	p->retry_ms = -1;
	if ((p->timer = timer_new(r->clock, on_timer, p)) == NULL) {
		free(p);
		return NULL;
	}
	p->next = r->pushes->first;
	r->pushes->first = p;
	return p;
}

/* Nothing is due: sleeps until something is, or ends when nothing is open. */
static void
rest(struct reconciler *r, struct chore *c, const struct erg *erg, const struct push_due *d)
{
	int64_t wait_ms = d->next_wall_ms - clock_wall_ms(r->clock);

	if (d->next_wall_ms == INT64_MAX || !erg->first_read_done || !intents_any(r, &erg->id))
		chore_done(r, c);
	else
		chore_rest(r, c, wait_ms < PUSH_RETRY_REFUSED_MS ? wait_ms : PUSH_RETRY_REFUSED_MS);
}

/* Before the first read nothing is written; who is meant by an address is looked up nevertheless, so that the read finds them known. */
static enum push_kind
last_kind(const struct erg *erg)
{
	return erg->first_read_done ? PUSH_COUNT : PUSH_LOOKUP + 1;
}

static void
pass(struct reconciler *r, struct chore *c, struct erg *erg, const struct tenant *tenant)
{
	struct roster_view v = { .r = r, .erg = erg, .directory = tenant->directory_id };
	struct push_due *d = calloc(1, sizeof(*d));
	enum push_kind kind = PUSH_LOOKUP;
	struct push *p;

	if (d == NULL) {
		chore_again(r, c, PUSH_ITEM_RETRY_MS);
		return;
	}
	push_due_find(&v, d);

	erg_settle(r, erg);
	erg_store(r, erg);
	while (kind < last_kind(erg) && d->count[kind] == 0)
		kind++;
	if (kind == last_kind(erg)) {
		rest(r, c, erg, d);
	} else if ((p = push_new(r, c, erg, tenant)) == NULL) {
		chore_again(r, c, PUSH_ITEM_RETRY_MS);
	} else {
		p->kind = kind;
		for (size_t i = 0; i < d->count[kind] && p->count < kind_max[kind]; i++)
			task_fill(p, d->people[kind][i]);
		start(p);
	}
	free(d);
}

void
push_run(struct reconciler *r, struct chore *c)
{
	struct tenant tenant;
	struct erg_id id;
	struct erg erg;

	if (!erg_id_parse(chore_id(c), &id) || erg_load(r, &id, &erg) != ERR_OK || erg.membership == MEMBERSHIP_OFF ||
	    erg.state == ERG_LINKING || erg.state == ERG_BROKEN || erg.channel_type == CHANNEL_UNKNOWN ||
	    tenant_load(r, &erg.tenant, &tenant) != ERR_OK || tenant.state == TENANT_REMOVING) {
		/* Whoever makes it readable calls push_resume. */
		chore_done(r, c);
	} else if (tenant.state != TENANT_ACTIVE) {
		chore_again(r, c, CHORE_PROBE_MS);
	} else {
		pass(r, c, &erg, &tenant);
	}
}

bool
push_unlooked(struct reconciler *r, const struct erg_id *erg)
{
	struct store_cursor *c = intents_of(r, erg);
	struct intent_record row;
	struct person p;
	bool found = false;

	while (!found && store_next(c, NULL, &row) == ERR_OK)
		found = person_load(r, row.person, &p) == ERR_OK && p.entra_id.s[0] == '\0' && p.resolution == RESOLUTION_NONE;
	store_cursor_close(c);
	return found;
}

void
push_resume(struct reconciler *r, const struct erg *erg)
{
	if (intents_any(r, &erg->id))
		chore_add(r, CHORE_PUSH, erg->id.s, 0);
}

/* The call that is made for the n-th task, alone or together with others. */
static const struct graph_call *
call_of(const struct push *p, size_t n)
{
	size_t first = n;

	if (p->tasks[n].call != NULL || p->bulk != NULL)
		return p->tasks[n].call != NULL ? p->tasks[n].call : p->bulk;
	while (first > 0 && p->tasks[first].batch == 0)
		first--;
	return n - first < p->tasks[first].batch ? p->tasks[first].call : NULL;
}

bool
push_call_trouble(const struct reconciler *r, const struct erg_id *erg, person_id person, char ret[DETAIL_SIZE])
{
	const struct graph_call *call;

	for (const struct push *p = r->pushes->first; p != NULL; p = p->next)
		for (size_t i = 0; strcmp(p->erg.s, erg->s) == 0 && i < p->count; i++)
			if (p->tasks[i].person == person && !p->tasks[i].dropped && (call = call_of(p, i)) != NULL)
				return graph_call_trouble(call, ret);
	return false;
}

enum err
pushes_new(struct reconciler *r, struct pushes **ret)
{
	struct pushes *ps = calloc(1, sizeof(*ps));

	if (ps == NULL)
		return ERR_NOMEM;
	ps->r = r;
	*ret = ps;
	return ERR_OK;
}

void
pushes_free(struct pushes *ps)
{
	if (ps == NULL)
		return;
	while (ps->first != NULL)
		push_free(ps->first); /* NOLINT(clang-analyzer-unix.Malloc): it takes itself out of the list */
	free(ps);
}
