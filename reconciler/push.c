/*
 * A pass walks the ERG's intents, sorts them by what each needs now, and does the first kind there is: look-ups, reads of what was
 * written before, joins, roles, leaves. Whatever it did, the next pass walks anew; a pass that finds nothing due sleeps until
 * something is. Every outcome changes when a member is due again, so no pass repeats itself.
 */
#include "reconciler/push.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/text.h"
#include "graph/members.h"
#include "graph/teams.h"
#include "reconciler/apply.h"
#include "reconciler/chores.h"
#include "reconciler/dirty.h"
#include "reconciler/guard.h"
#include "reconciler/intents.h"
#include "reconciler/listing.h"
#include "reconciler/push_due.h"
#include "reconciler/reconciler.h"
#include "reconciler/resolve.h"
#include "reconciler/roster.h"
#include "reconciler/scope.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"

#define LOOKUPS_MAX      PUSH_DUE_MAX     /* a pass */
#define LOOKS_MAX        8                /* more are read with the whole roster */
#define SINGLES_MAX      4                /* a minute is what Graph allows */
#define SINGLE_GAP_MS    15000            /* between two lone joins; sooner ones go by bulk */
#define SINGLY_MS        (15 * 60 * 1000) /* bulk misbehaved: one by one for so long */
#define CALL_DEADLINE_MS 180000
#define LAG_MS           30000 /* reads may lag so long behind writes (graph-facts 8.3) */
#define LOOK_MAX_MS      (10 * 60 * 1000)
#define ITEM_RETRY_MS    60000
#define NOTES_MAX        64

/* What a task's call under way is. */
enum step {
	STEP_LOOKUP,
	STEP_LOOK,
	STEP_CONFIRM,
	STEP_FIND_IN_TEAM,
	STEP_ADD_TO_TEAM,
	STEP_ADD,
	STEP_ROLE,
	STEP_REMOVE,
	STEP_VERIFY
};

struct task {
	struct push *push;
	person_id person;
	struct guid user;
	enum role role;
	char membership_id[MEMBERSHIP_ID_SIZE];
	enum step step;
	enum err refusal; /* what is being verified */
	struct graph_call *call;
	bool by_id;   /* the read under way is of the membership's own address */
	bool dropped; /* not to be written after all */
};

struct push {
	struct push *next;
	struct pushes *list;
	struct reconciler *r;
	struct chore *chore;
	struct timer *timer; /* steps that must not run within a caller */
	struct erg_id erg;
	int64_t generation;
	struct graph_where where;
	struct guid team;
	char channel[CHANNEL_ID_SIZE]; /* "": the team's roster */
	enum channel_type type;
	enum push_kind kind;
	bool writing, singly;
	struct graph_call *bulk;
	unsigned busy;
	int64_t retry_ms; /* something is wrong with all of it: not before so long; -1 = go on */
	size_t count;
	struct task tasks[PUSH_DUE_MAX];
};

/* How an ERG's writes went lately. Lost at a restart, which costs a call. */
struct note {
	struct erg_id erg;
	int64_t single_ms, singly_until_ms; /* boot time */
};

struct pushes {
	struct reconciler *r;
	struct push *first;
	struct note notes[NOTES_MAX];
	unsigned next_note;
};

static const char refused_not_found[] =
    "Teams does not take this person: the account does not exist, is disabled, or has no licence for Teams.";
static const char refused_forbidden[] =
    "Graph refuses this change: the group's membership is dynamic or synchronised, the person is a guest, or the application "
    "lacks TeamMember.ReadWrite.All (ChannelMember.ReadWrite.All for channels).";
static const char refused_other[] = "Graph refuses this change of the membership.";
static const char kept_last_owner[] = "The last owner of a team stays.";
static const char kept_own_account[] = "The account ergsync acts as is never removed.";

/* ---------- notes ---------- */

static struct note *
note_of(struct push *p)
{
	struct pushes *ps = p->list;
	struct note *n;

	for (unsigned i = 0; i < NOTES_MAX; i++)
		if (strcmp(ps->notes[i].erg.s, p->erg.s) == 0)
			return &ps->notes[i];
	n = &ps->notes[ps->next_note++ % NOTES_MAX];
	*n = (struct note){ .erg = p->erg, .single_ms = -SINGLE_GAP_MS };
	return n;
}

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
	timer_free(p->timer);
	free(p);
}

static void
push_end(struct push *p)
{
	struct reconciler *r = p->r;
	struct chore *c = p->chore;
	int64_t retry_ms = p->retry_ms;

	push_free(p);
	if (retry_ms >= 0)
		chore_again(r, c, retry_ms);
	else
		chore_continue(r, c);
}

/* The ERG as it is now; false when it was deleted or linked elsewhere meanwhile. */
static bool
open_erg(struct push *p, struct erg *erg, struct roster_view *v)
{
	if (erg_load(p->r, &p->erg, erg) != ERR_OK || erg->generation != p->generation)
		return false;
	*v = (struct roster_view){ .r = p->r, .erg = erg, .directory = p->where.directory };
	return true;
}

static void
close_erg(struct push *p, struct erg *erg)
{
	erg_settle(p->r, erg);
	erg_store(p->r, erg);
}

/* All of it has to wait, not this person alone. */
static void
trouble(struct push *p, const struct graph_answer *a)
{
	int64_t wait_ms = a->sign_in_failed ? CHORE_PROBE_MS : chore_backoff_ms(p->r, p->chore);

	if (a->retry_after_ms > wait_ms)
		wait_ms = a->retry_after_ms;
	if (wait_ms > p->retry_ms)
		p->retry_ms = wait_ms;
}

static void step_done(struct push *p);

/* ---------- tasks ---------- */

static enum pending_write
write_of(enum push_kind kind)
{
	return kind == PUSH_ADD ? PENDING_ADD : kind == PUSH_REMOVE ? PENDING_REMOVE : PENDING_ROLE;
}

static bool
task_open(struct task *t, struct erg *erg, struct roster_view *v, struct member *m, struct person *person)
{
	return open_erg(t->push, erg, v) && member_load(v->r, &erg->id, t->person, m) == ERR_OK &&
	       person_load(v->r, t->person, person) == ERR_OK;
}

static struct graph_roster
roster_here(const struct push *p)
{
	return (struct graph_roster){ .team = p->team, .channel = p->channel[0] != '\0' ? p->channel : NULL };
}

static void
row_begin(struct push *p, const struct task *t)
{
	struct intent_record row;

	if (intent_load(p->r, &p->erg, t->person, &row) != ERR_OK)
		row = (struct intent_record){ .erg = p->erg, .person = t->person };
	row.kind = p->kind == PUSH_ADD ? INTENT_ADD_MEMBER : p->kind == PUSH_REMOVE ? INTENT_REMOVE_MEMBER : INTENT_SET_ROLE;
	row.role = t->role;
	row.started_wall_ms = clock_wall_ms(p->r->clock);
	row.attempts++;
	row.unknown = false;
	intent_store(p->r, &row);
}

static void
row_end(struct push *p, const struct task *t, bool unknown)
{
	struct intent_record row;

	if (intent_load(p->r, &p->erg, t->person, &row) != ERR_OK)
		return;
	row.started_wall_ms = 0;
	row.unknown = unknown;
	intent_store(p->r, &row);
}

static bool
row_unknown(struct push *p, person_id person)
{
	struct intent_record row;

	return intent_load(p->r, &p->erg, person, &row) == ERR_OK && row.unknown;
}

/* ---------- outcomes of writes ---------- */

static void
count_removal(struct push *p, const struct member *m)
{
	if (p->kind == PUSH_REMOVE && m->mark != PLAN_APPROVED)
		guard_count(p->r, &p->erg, GUARD_TEAMS);
}

static void
refuse(const struct roster_view *v, const struct person *person, struct member *m, enum err e)
{
	const char *text = e == ERR_NOTFOUND                             ? refused_not_found
	                   : e == ERR_FORBIDDEN || e == ERR_UNAUTHORIZED ? refused_forbidden
	                                                                 : refused_other;

	roster_refused(v, person, m, text, clock_wall_ms(v->r->clock) + PUSH_RETRY_REFUSED_MS);
}

static bool
is_refusal(enum err e)
{
	return e == ERR_NOTFOUND || e == ERR_FORBIDDEN || e == ERR_INVALID || e == ERR_CONFLICT || e == ERR_GONE ||
	       e == ERR_UNSUPPORTED;
}

/* What one write has come to, for one person. */
static void
outcome(struct task *t, bool unknown, enum err e, const char *membership_id)
{
	struct push *p = t->push;
	int64_t now_ms = clock_wall_ms(p->r->clock);
	struct person person;
	struct roster_view v;
	struct member m;
	struct erg erg;

	unknown = unknown || e == ERR_UNEXPECTED;
	row_end(p, t, unknown);
	if (!task_open(t, &erg, &v, &m, &person))
		return;
	if (unknown) {
		count_removal(p, &m);
		roster_sent(&v, &m, write_of(p->kind), NULL, now_ms + PUSH_UNKNOWN_LOOK_MS);
	} else if (e == ERR_OK) {
		count_removal(p, &m);
		roster_sent(&v, &m, write_of(p->kind), membership_id, now_ms + LAG_MS + LAG_MS / 2);
	} else if (p->kind == PUSH_REMOVE && e == ERR_NOTFOUND) {
		roster_sent(&v, &m, PENDING_REMOVE, NULL, now_ms + PUSH_UNKNOWN_LOOK_MS);
	} else if (is_refusal(e)) {
		refuse(&v, &person, &m, e);
	} else {
		roster_put_off(&v, &m, now_ms + ITEM_RETRY_MS);
	}
	close_erg(p, &erg);
}

/* ---------- answers ---------- */

static void on_answer(void *arg, const struct graph_answer *a);

static void
task_call(struct task *t, enum step step, struct graph_call *call)
{
	t->step = step;
	t->call = call;
	if (call != NULL)
		t->push->busy++;
	else if (t->push->retry_ms < 0)
		t->push->retry_ms = ITEM_RETRY_MS; /* out of memory */
}

static void
find_start(struct task *t, enum step step)
{
	struct push *p = t->push;
	struct graph_roster roster = roster_here(p);

	if (step == STEP_FIND_IN_TEAM)
		roster.channel = NULL;
	t->by_id = false;
	task_call(t, step, graph_member_find(p->r->graph, &p->where, &roster, &t->user, on_answer, t));
}

/* Reads one person. Nobody counts as gone by one read: the membership's own address is asked first, and only when nothing is there the
 * roster for the person. */
static void
read_start(struct task *t, enum step step)
{
	struct push *p = t->push;
	struct graph_roster roster = roster_here(p);

	if (t->membership_id[0] == '\0') {
		find_start(t, step);
		return;
	}
	t->by_id = true;
	task_call(t, step, graph_member_get(p->r->graph, &p->where, &roster, t->membership_id, on_answer, t));
}

static enum err
read_answer(const struct task *t, const struct graph_answer *a, struct graph_member *ret)
{
	enum err e;

	if (!t->by_id)
		return graph_member_find_read(a, &t->user, ret);
	e = graph_member_answer_read(a, ret);
	return e == ERR_OK && strcmp(ret->user_id.s, t->user.s) != 0 ? ERR_UNEXPECTED : e;
}

static void
add_start(struct task *t, enum step step)
{
	struct push *p = t->push;
	struct graph_roster roster = roster_here(p);

	if (step == STEP_ADD_TO_TEAM)
		roster.channel = NULL;
	note_of(p)->single_ms = clock_boot_ms(p->r->clock);
	task_call(t, step,
	    graph_member_add(
	        p->r->graph, &p->where, &roster, &t->user, step == STEP_ADD_TO_TEAM ? ROLE_MEMBER : t->role, on_answer, t));
}

/* The roster itself cannot be read: says nothing of the person. */
static void
roster_failed(struct push *p, const struct graph_answer *a)
{
	struct roster_view v;
	struct subscription scope;
	struct erg erg;

	trouble(p, a);
	if (!open_erg(p, &erg, &v))
		return;
	tenant_judge(p->r, &erg.tenant, a);
	if (!erg_judge_failure(p->r, &erg, a, p->channel[0] != '\0' ? "the channel" : "the team"))
		return;
	erg_store(p->r, &erg);
	/* Nothing else looks at a broken one: from now on it is probed slowly until it can be read. */
	if (scope_of_erg(p->r, &erg, &scope) == ERR_OK)
		dirty_mark(p->r, &scope.scope, CHORE_PROBE_MS);
}

static void
on_write(struct task *t, const struct graph_answer *a)
{
	struct push *p = t->push;
	struct graph_member member;
	bool have = t->step == STEP_ADD && graph_member_answer_read(a, &member) == ERR_OK;

	if (t->step == STEP_ADD_TO_TEAM && a->err == ERR_OK) {
		add_start(t, STEP_ADD);
		return;
	}
	if (a->err == ERR_OK || a->unknown) {
		outcome(t, a->unknown, a->err, have ? member.membership_id : NULL);
	} else if (a->sign_in_failed || a->err == ERR_UNAUTHORIZED || !is_refusal(a->err)) {
		row_end(p, t, false);
		trouble(p, a);
	} else if (a->err == ERR_NOTFOUND || a->err == ERR_FORBIDDEN) {
		/* Of the person, or of the whole roster? */
		t->refusal = a->err;
		read_start(t, STEP_VERIFY);
	} else {
		outcome(t, false, a->err, NULL);
	}
}

/* Takes in what a read of one person showed. True when Teams has the person. */
static bool
take_find(struct task *t, const struct graph_answer *a, const struct graph_member *member)
{
	struct push *p = t->push;
	struct compare_result result = { 0 };
	struct subscription scope;
	struct roster_seen seen;
	struct erg erg;

	(void)a;
	if (erg_load(p->r, &p->erg, &erg) != ERR_OK || erg.generation != p->generation)
		return false;
	if (member != NULL)
		seen = roster_seen_of(member);
	if (!apply_one(p->r, &erg, &p->where.directory, member != NULL ? &seen : NULL, t->person, &result) &&
	    scope_of_erg(p->r, &erg, &scope) == ERR_OK)
		dirty_mark(p->r, &scope.scope, 0);
	erg_store(p->r, &erg);
	return member != NULL;
}

/* When to look again for a write Teams has not shown yet: later each time, and once settle is over. */
static int64_t
next_look_ms(struct reconciler *r, const struct member *m)
{
	int64_t now_ms = clock_wall_ms(r->clock), age_ms = now_ms - m->teams_write_wall_ms;
	int64_t end_ms = m->teams_write_wall_ms + r->config->settle_ms;
	int64_t wait_ms = age_ms < LAG_MS ? LAG_MS : age_ms > LOOK_MAX_MS ? LOOK_MAX_MS : age_ms;

	return now_ms + wait_ms < end_ms || end_ms <= now_ms ? now_ms + wait_ms : end_ms;
}

/* A read that began after the write, and later than reads lag, does not show it. */
static void
not_shown(struct push *p, const struct roster_view *v, struct member *m, int64_t read_wall_ms)
{
	if (row_unknown(p, m->person) && read_wall_ms - m->teams_write_wall_ms >= LAG_MS)
		roster_missing(v, m);
	else
		roster_put_off(v, m, next_look_ms(v->r, m));
}

static void
on_look(struct task *t, const struct graph_member *member, const struct graph_answer *a)
{
	struct push *p = t->push;
	struct person person;
	struct roster_view v;
	struct member m;
	struct erg erg;

	take_find(t, a, member);
	if (!task_open(t, &erg, &v, &m, &person) || m.teams_write == PENDING_NONE)
		return;
	not_shown(p, &v, &m, clock_wall_ms(p->r->clock));
	close_erg(p, &erg);
}

/* Right before a leave is written: is the person still there, and is it still to be? */
static void
on_confirm(struct task *t, const struct graph_member *member, const struct graph_answer *a)
{
	struct person person;
	struct roster_view v;
	struct member m;
	struct erg erg;

	t->dropped = true;
	if (!take_find(t, a, member) || !task_open(t, &erg, &v, &m, &person))
		return;
	if (roster_decide(&v, &person, &m) != DIFF_REMOVE_FROM_TEAMS)
		return;
	t->dropped = false;
	t->role = member->role;
	memcpy(t->membership_id, member->membership_id, sizeof(t->membership_id));
}

static void
on_verify(struct task *t, const struct graph_member *member, const struct graph_answer *a)
{
	row_end(t->push, t, false);
	if (!take_find(t, a, member) || t->push->kind != PUSH_ADD)
		outcome(t, false, t->refusal, NULL);
}

static void
on_find(struct task *t, const struct graph_answer *a)
{
	struct push *p = t->push;
	struct graph_member member;
	enum err e = read_answer(t, a, &member);
	const struct graph_member *found = e == ERR_OK ? &member : NULL;

	if (t->by_id && e == ERR_NOTFOUND) {
		find_start(t, t->step);
		return;
	}
	if (e != ERR_OK && (e != ERR_NOTFOUND || a->err != ERR_OK)) {
		t->dropped = true;
		if (t->step == STEP_VERIFY || t->step == STEP_FIND_IN_TEAM)
			row_end(p, t, false);
		roster_failed(p, a);
		return;
	}
	switch (t->step) {
	case STEP_LOOK: on_look(t, found, a); break;
	case STEP_CONFIRM: on_confirm(t, found, a); break;
	case STEP_VERIFY: on_verify(t, found, a); break;
	default: add_start(t, found != NULL ? STEP_ADD : STEP_ADD_TO_TEAM); break;
	}
}

/* ---------- look-ups ---------- */

static void
on_lookup(struct task *t, const struct graph_answer *a)
{
	struct push *p = t->push;
	struct person person;
	struct roster_view v;
	struct member m;
	struct erg erg;

	if (!task_open(t, &erg, &v, &m, &person) || person.entra_id.s[0] != '\0')
		return;
	tenant_judge(p->r, &erg.tenant, a);
	if (resolve_take(&v, &person, a))
		close_erg(p, &erg);
	else
		trouble(p, a);
}

static void
on_answer(void *arg, const struct graph_answer *a)
{
	struct task *t = arg;
	struct push *p = t->push;

	t->call = NULL;
	p->busy--;
	switch (t->step) {
	case STEP_LOOKUP: on_lookup(t, a); break;
	case STEP_ADD_TO_TEAM:
	case STEP_ADD:
	case STEP_ROLE:
	case STEP_REMOVE: on_write(t, a); break;
	default: on_find(t, a); break;
	}
	if (p->busy == 0)
		timer_arm(p->timer, 0);
}

/* ---------- bulk ---------- */

static void
on_bulk(void *arg, const struct graph_answer *a)
{
	struct push *p = arg;
	bool whole = a->err != ERR_OK;

	p->bulk = NULL;
	p->busy--;
	if (whole && (a->unknown || (is_refusal(a->err) && a->err != ERR_FORBIDDEN)))
		note_of(p)->singly_until_ms = clock_boot_ms(p->r->clock) + SINGLY_MS;
	if (whole && !a->unknown && (a->sign_in_failed || a->err == ERR_UNAUTHORIZED || !is_refusal(a->err)))
		trouble(p, a);
	for (size_t i = 0; i < p->count; i++) {
		struct task *t = &p->tasks[i];

		if (t->dropped)
			continue;
		if (whole && a->err == ERR_FORBIDDEN && !a->sign_in_failed)
			outcome(t, false, a->err, NULL); /* of the group, not of one person */
		else if (whole && !a->unknown)
			row_end(p, t, false); /* nothing was done: one by one from now on, or later */
		else
			outcome(t, a->unknown, a->unknown ? ERR_UNEXPECTED : graph_members_bulk_read(a, &t->user, NULL), NULL);
	}
	timer_arm(p->timer, 0);
}

static void
bulk_start(struct push *p)
{
	struct graph_bulk_person people[PUSH_DUE_MAX];
	size_t n = 0;

	for (size_t i = 0; i < p->count; i++)
		if (!p->tasks[i].dropped)
			people[n++] = (struct graph_bulk_person){ p->tasks[i].user, p->tasks[i].role };
	p->bulk = (p->kind == PUSH_ADD ? graph_members_bulk_add : graph_members_bulk_remove)(
	    p->r->graph, &p->where, &p->team, people, n, on_bulk, p);
	if (p->bulk != NULL)
		p->busy++;
	else
		p->retry_ms = ITEM_RETRY_MS;
}

/* ---------- writing ---------- */

static void
write_single(struct task *t)
{
	struct push *p = t->push;
	struct graph_roster roster = roster_here(p);

	switch (p->kind) {
	case PUSH_ADD:
		if (p->type == CHANNEL_PRIVATE)
			find_start(t, STEP_FIND_IN_TEAM);
		else
			add_start(t, STEP_ADD);
		break;
	case PUSH_ROLE:
		task_call(t, STEP_ROLE,
		    graph_member_set_role(p->r->graph, &p->where, &roster, t->membership_id, t->role, on_answer, t));
		break;
	default:
		task_call(t, STEP_REMOVE, graph_member_remove(p->r->graph, &p->where, &roster, t->membership_id, on_answer, t));
		break;
	}
}

static size_t
to_write(const struct push *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->count; i++)
		n += !p->tasks[i].dropped;
	return n;
}

static void
on_committed(void *arg)
{
	struct push *p = arg;

	if (!p->singly) {
		bulk_start(p);
	} else {
		for (size_t i = 0; i < p->count; i++)
			if (!p->tasks[i].dropped)
				write_single(&p->tasks[i]);
	}
	if (p->busy == 0)
		timer_arm(p->timer, 0);
}

/* What is to be written is on disk before the world sees anything of it. */
static void
write_start(struct push *p)
{
	p->writing = true;
	if (to_write(p) == 0) {
		timer_arm(p->timer, 0);
		return;
	}
	for (size_t i = 0; i < p->count; i++)
		if (!p->tasks[i].dropped)
			row_begin(p, &p->tasks[i]);
	store_after_commit(p->r->store, on_committed, p);
}

/* ---------- whom we never remove ---------- */

static unsigned
owners_besides(struct push *p)
{
	struct store_cursor *c;
	struct store_key prefix;
	struct member m;
	unsigned n = 0;

	members_prefix(p->r, &p->erg, &prefix);
	c = store_seek(p->r->store, TABLE_MEMBERS, &prefix, NULL);
	while (store_next(c, NULL, &m) == ERR_OK) {
		bool task = false;

		if (!m.teams.present || m.teams.role != ROLE_OWNER || m.teams_write == PENDING_REMOVE ||
		    m.teams_write == PENDING_ROLE)
			continue;
		for (size_t i = 0; i < p->count && !task; i++)
			task = p->tasks[i].person == m.person && !p->tasks[i].dropped;
		n += !task;
	}
	store_cursor_close(c);
	return n;
}

static void
keep_one(struct task *t, const char *why)
{
	struct person person;
	struct roster_view v;
	struct member m;
	struct erg erg;

	t->dropped = true;
	if (!task_open(t, &erg, &v, &m, &person))
		return;
	roster_refused(&v, &person, &m, why, clock_wall_ms(v.r->clock) + PUSH_RETRY_REFUSED_MS);
	close_erg(t->push, &erg);
}

static void
spare(struct push *p, bool leaves)
{
	struct tenant tenant;
	struct task *owner = NULL;
	struct erg erg;

	if (erg_load(p->r, &p->erg, &erg) != ERR_OK || tenant_load(p->r, &erg.tenant, &tenant) != ERR_OK)
		return;
	for (size_t i = 0; i < p->count; i++) {
		struct task *t = &p->tasks[i];

		if (t->dropped)
			continue;
		if (leaves && tenant.organizer_id.s[0] != '\0' && strcmp(t->user.s, tenant.organizer_id.s) == 0)
			keep_one(t, kept_own_account);
		else if (leaves ? t->role == ROLE_OWNER : t->role != ROLE_OWNER)
			owner = t;
	}
	if (owner != NULL && owners_besides(p) == 0)
		keep_one(owner, kept_last_owner);
}

/* ---------- a pass ---------- */

/* More than a few are looked for with one read of the whole roster. */
static void
look_at_all(struct push *p)
{
	int64_t now_ms = clock_wall_ms(p->r->clock);
	struct subscription scope;
	struct person person;
	struct roster_view v;
	struct member m;
	struct erg erg;
	bool read = false;

	for (size_t i = 0; i < p->count; i++) {
		if (!task_open(&p->tasks[i], &erg, &v, &m, &person))
			continue;
		if (erg.read_wall_ms - m.teams_write_wall_ms >= LAG_MS) {
			not_shown(p, &v, &m, erg.read_wall_ms);
		} else {
			read = true;
			roster_put_off(&v, &m, now_ms + LAG_MS);
		}
		close_erg(p, &erg);
	}
	if (read && open_erg(p, &erg, &v) && scope_of_erg(p->r, &erg, &scope) == ERR_OK)
		dirty_mark(p->r, &scope.scope, 0);
	timer_arm(p->timer, 0);
}

static void
start(struct push *p)
{
	struct note *note = note_of(p);
	int64_t now_ms = clock_boot_ms(p->r->clock);

	p->singly = p->channel[0] != '\0' || p->kind == PUSH_ROLE || now_ms < note->singly_until_ms ||
	            (p->count == 1 && (p->kind == PUSH_REMOVE || now_ms - note->single_ms >= SINGLE_GAP_MS));
	if (p->singly && p->kind >= PUSH_ADD && p->count > SINGLES_MAX)
		p->count = SINGLES_MAX;
	switch (p->kind) {
	case PUSH_LOOKUP: break; /* started with their addresses, in fill */
	case PUSH_LOOK:
		if (p->count > LOOKS_MAX)
			look_at_all(p);
		else
			for (size_t i = 0; i < p->count; i++)
				read_start(&p->tasks[i], STEP_LOOK);
		break;
	case PUSH_REMOVE:
		for (size_t i = 0; i < p->count; i++)
			read_start(&p->tasks[i], STEP_CONFIRM);
		break;
	case PUSH_ROLE: spare(p, false); /* fall through */
	default: write_start(p); return;
	}
	if (p->busy == 0)
		timer_arm(p->timer, 0);
}

/* All calls of a step are answered. */
static void
step_done(struct push *p)
{
	if (p->kind == PUSH_REMOVE && !p->writing) {
		spare(p, true);
		if (to_write(p) == 1)
			p->singly = true;
		write_start(p);
	} else {
		push_end(p);
	}
}

static void
on_timer(void *arg)
{
	struct push *p = arg;

	if (p->busy == 0)
		step_done(p);
}

static const size_t kind_max[PUSH_COUNT] = {
	[PUSH_LOOKUP] = LOOKUPS_MAX,
	[PUSH_LOOK] = PUSH_DUE_MAX,
	[PUSH_ADD] = GRAPH_MEMBERS_ADD_MAX,
	[PUSH_ROLE] = LOOKS_MAX,
	[PUSH_REMOVE] = GRAPH_MEMBERS_REMOVE_MAX,
};

static void
task_fill(struct push *p, person_id id)
{
	struct task *t = &p->tasks[p->count];
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
	if (p->kind == PUSH_LOOKUP)
		task_call(t, STEP_LOOKUP, graph_user_find(p->r->graph, &p->where, person.email, on_answer, t));
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

	if (d->next_wall_ms == INT64_MAX || !intents_any(r, &erg->id))
		chore_done(r, c);
	else
		chore_again(r, c, wait_ms < PUSH_RETRY_REFUSED_MS ? wait_ms : PUSH_RETRY_REFUSED_MS);
}

static void
pass(struct reconciler *r, struct chore *c, struct erg *erg, const struct tenant *tenant)
{
	struct roster_view v = { .r = r, .erg = erg, .directory = tenant->directory_id };
	struct push_due *d = calloc(1, sizeof(*d));
	enum push_kind kind = PUSH_LOOKUP;
	struct push *p;

	if (d == NULL) {
		chore_again(r, c, ITEM_RETRY_MS);
		return;
	}
	push_due_find(&v, d);

	erg_settle(r, erg);
	erg_store(r, erg);
	while (kind < PUSH_COUNT && d->count[kind] == 0)
		kind++;
	if (kind == PUSH_COUNT) {
		rest(r, c, erg, d);
	} else if ((p = push_new(r, c, erg, tenant)) == NULL) {
		chore_again(r, c, ITEM_RETRY_MS);
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
	    !erg.first_read_done || erg.state == ERG_LINKING || erg.state == ERG_BROKEN || erg.channel_type == CHANNEL_UNKNOWN ||
	    tenant_load(r, &erg.tenant, &tenant) != ERR_OK || tenant.state == TENANT_REMOVING) {
		/* Whoever makes it readable calls push_resume. */
		chore_done(r, c);
	} else if (tenant.state != TENANT_ACTIVE) {
		chore_again(r, c, CHORE_PROBE_MS);
	} else {
		pass(r, c, &erg, &tenant);
	}
}

void
push_resume(struct reconciler *r, const struct erg *erg)
{
	if (intents_any(r, &erg->id))
		chore_add(r, CHORE_PUSH, erg->id.s, 0);
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
