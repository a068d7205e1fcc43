/* One way in, by the intent on disk, and one way out, by push_outcome: whatever Graph said, or did not say, of one person. */
#include "reconciler/push_task.h"

#include <string.h>

#include "base/clock.h"
#include "reconciler/guard.h"
#include "reconciler/intents.h"
#include "reconciler/people.h"
#include "reconciler/push.h"
#include "reconciler/reconciler.h"
#include "reconciler/tables.h"
#include "state/store.h"

#define SINGLY_MS (15 * 60 * 1000) /* bulk misbehaved: one by one for so long */

static const char refused_not_found[] =
    "Teams does not take this person: the account does not exist, is disabled, or has no licence for Teams.";
static const char refused_forbidden[] =
    "Graph refuses this change: the group's membership is dynamic or synchronised, the person is a guest, or the application "
    "lacks TeamMember.ReadWrite.All (ChannelMember.ReadWrite.All for channels).";
static const char refused_owner[] = "Graph refuses this change: the last owner of a team stays.";
static const char refused_other[] = "Graph refuses this change of the membership.";

static void
row_begin(struct push *p, const struct push_task *t)
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

void
push_row_end(struct push *p, const struct push_task *t, bool unknown)
{
	struct intent_record row;

	if (intent_load(p->r, &p->erg, t->person, &row) != ERR_OK)
		return;
	row.started_wall_ms = 0;
	row.unknown = unknown;
	intent_store(p->r, &row);
}

bool
push_row_unknown(struct push *p, person_id person)
{
	struct intent_record row;

	return intent_load(p->r, &p->erg, person, &row) == ERR_OK && row.unknown;
}

static void
count_removal(struct push *p, const struct member *m)
{
	if (p->kind == PUSH_REMOVE && m->mark != PLAN_APPROVED)
		guard_count(p->r, &p->erg, GUARD_TEAMS, 1);
}

/* Was it a guest's? What was learnt of that person may be outdated. */
static void
doubt_kind(const struct roster_view *v, const struct person *person, const struct push_task *t)
{
	struct person now = *person;

	if (t->push->kind != PUSH_ADD || t->role != ROLE_OWNER || person->kind != PERSON_MEMBER)
		return;
	now.kind = PERSON_UNKNOWN;
	people_store(v->r, person, &now);
}

static void
refuse(const struct roster_view *v, const struct person *person, struct member *m, const struct push_task *t, enum err e)
{
	bool owner = e == ERR_INVALID && m->teams.role == ROLE_OWNER && t->push->kind != PUSH_ADD;
	const char *text = e == ERR_NOTFOUND                             ? refused_not_found
	                   : e == ERR_FORBIDDEN || e == ERR_UNAUTHORIZED ? refused_forbidden
	                   : owner                                       ? refused_owner
	                                                                 : refused_other;

	roster_refused(v, person, m, text, clock_wall_ms(v->r->clock) + PUSH_RETRY_REFUSED_MS);
	doubt_kind(v, person, t);
}

static bool
is_refusal(enum err e)
{
	return e == ERR_NOTFOUND || e == ERR_FORBIDDEN || e == ERR_INVALID || e == ERR_CONFLICT || e == ERR_GONE ||
	       e == ERR_UNSUPPORTED;
}

/* NULL: nothing is known of why. */
static const char *
why_unknown(const struct push *p, const struct graph_answer *a, char ret[DETAIL_SIZE])
{
	if (a == NULL || a->detail[0] == '\0')
		return NULL;
	graph_detail_again(a->detail, clock_wall_ms(p->r->clock) + PUSH_UNKNOWN_LOOK_MS + push_lag_ms(p->r), true, ret);
	return ret;
}

void
push_outcome(struct push_task *t, const struct graph_answer *a, bool unknown, enum err e, const char *membership_id)
{
	struct push *p = t->push;
	int64_t now_ms = clock_wall_ms(p->r->clock);
	char why[DETAIL_SIZE];
	struct person person;
	struct roster_view v;
	struct member m;
	struct erg erg;

	unknown = unknown || e == ERR_UNEXPECTED;
	push_row_end(p, t, unknown);
	if (!push_task_open(t, &erg, &v, &m, &person))
		return;
	if (unknown) {
		count_removal(p, &m);
		roster_sent(&v, &m, push_write_of(p->kind), NULL, now_ms + PUSH_UNKNOWN_LOOK_MS, why_unknown(p, a, why));
	} else if (e == ERR_OK) {
		count_removal(p, &m);
		roster_sent(&v, &m, push_write_of(p->kind), membership_id, now_ms + push_first_look_ms(p->r), NULL);
	} else if (p->kind == PUSH_REMOVE && e == ERR_NOTFOUND) {
		roster_sent(&v, &m, PENDING_REMOVE, NULL, now_ms + PUSH_UNKNOWN_LOOK_MS, NULL);
	} else if (is_refusal(e) && p->kind == PUSH_ADD && !m.app.present) {
		roster_lost(&v, &person, &m); /* nobody wants it any more */
	} else if (is_refusal(e)) {
		refuse(&v, &person, &m, t, e);
	} else {
		struct graph_error none = { .message = "" };
		char text[DETAIL_SIZE];

		graph_error_detail(0, e, &none, text, sizeof(text));
		graph_detail_again(text, now_ms + PUSH_ITEM_RETRY_MS, false, why);
		roster_put_off_for(&v, &m, why, now_ms + PUSH_ITEM_RETRY_MS);
	}
	push_erg_close(p, &erg);
}

void
push_add_start(struct push_task *t, enum push_step step)
{
	struct push *p = t->push;
	struct graph_roster roster = push_roster(p);

	if (step == PUSH_STEP_ADD_TO_TEAM)
		roster.channel = NULL;
	push_note_of(p)->single_ms = clock_boot_ms(p->r->clock);
	push_task_call(t, step,
	    graph_member_add(p->r->graph, &p->where, &roster, &t->user, step == PUSH_STEP_ADD_TO_TEAM ? ROLE_MEMBER : t->role,
	        push_on_answer, t));
}

void
push_on_write(struct push_task *t, const struct graph_answer *a)
{
	struct push *p = t->push;
	struct graph_member member;
	bool have = t->step == PUSH_STEP_ADD && graph_member_answer_read(a, &member) == ERR_OK;

	if (t->step == PUSH_STEP_ADD_TO_TEAM && a->err == ERR_OK) {
		push_add_start(t, PUSH_STEP_ADD);
		return;
	}
	if (a->err == ERR_OK || a->unknown) {
		push_outcome(t, a, a->unknown, a->err, have ? member.membership_id : NULL);
	} else if (a->sign_in_failed || a->err == ERR_UNAUTHORIZED || !is_refusal(a->err)) {
		push_row_end(p, t, false);
		push_trouble(p, a);
	} else if (a->err == ERR_NOTFOUND || a->err == ERR_FORBIDDEN) {
		/* Of the person, or of the whole roster? */
		t->refusal = a->err;
		push_read_start(t, PUSH_STEP_VERIFY);
	} else {
		push_outcome(t, a, false, a->err, NULL);
	}
}

static void
on_bulk(void *arg, const struct graph_answer *a)
{
	struct push *p = arg;
	bool whole = a->err != ERR_OK;

	p->bulk = NULL;
	p->busy--;
	if (whole && (a->unknown || (is_refusal(a->err) && a->err != ERR_FORBIDDEN)))
		push_note_of(p)->singly_until_ms = clock_boot_ms(p->r->clock) + SINGLY_MS;
	if (whole && !a->unknown && (a->sign_in_failed || a->err == ERR_UNAUTHORIZED || !is_refusal(a->err)))
		push_trouble(p, a);
	for (size_t i = 0; i < p->count; i++) {
		struct push_task *t = &p->tasks[i];

		if (t->dropped)
			continue;
		if (whole && a->err == ERR_FORBIDDEN && !a->sign_in_failed)
			push_outcome(t, a, false, a->err, NULL); /* of the group, not of one person */
		else if (whole && !a->unknown)
			push_row_end(p, t, false); /* nothing was done: one by one from now on, or later */
		else
			push_outcome(
			    t, a, a->unknown, a->unknown ? ERR_UNEXPECTED : graph_members_bulk_read(a, &t->user, NULL), NULL);
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
		p->retry_ms = PUSH_ITEM_RETRY_MS;
}

static void
write_single(struct push_task *t)
{
	struct push *p = t->push;
	struct graph_roster roster = push_roster(p);

	switch (p->kind) {
	case PUSH_ADD:
		if (p->type == CHANNEL_PRIVATE)
			push_find_start(t, PUSH_STEP_FIND_IN_TEAM);
		else
			push_add_start(t, PUSH_STEP_ADD);
		break;
	case PUSH_ROLE:
		push_task_call(t, PUSH_STEP_ROLE,
		    graph_member_set_role(p->r->graph, &p->where, &roster, t->membership_id, t->role, push_on_answer, t));
		break;
	default:
		push_task_call(t, PUSH_STEP_REMOVE,
		    graph_member_remove(p->r->graph, &p->where, &roster, t->membership_id, push_on_answer, t));
		break;
	}
}

size_t
push_to_write(const struct push *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->count; i++)
		n += !p->tasks[i].dropped;
	return n;
}

/* Before the world sees anything of it: is anybody left to write about, the ERG still linked to that roster, and to be written to? */
static bool
still_wanted(struct push *p)
{
	struct roster_view v;
	struct erg erg;

	return push_to_write(p) > 0 && push_erg_open(p, &erg, &v) && erg.membership != MEMBERSHIP_OFF;
}

static void
on_committed(void *arg)
{
	struct push *p = arg;

	p->sent = true;
	if (!still_wanted(p)) {
		for (size_t i = 0; i < p->count; i++)
			push_row_end(p, &p->tasks[i], false);
	} else if (!p->singly) {
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
void
push_write_start(struct push *p)
{
	p->writing = true;
	if (push_to_write(p) == 0) {
		timer_arm(p->timer, 0);
		return;
	}
	for (size_t i = 0; i < p->count; i++)
		if (!p->tasks[i].dropped)
			row_begin(p, &p->tasks[i]);
	store_after_commit(p->r->store, on_committed, p);
}

/* ---------- what is not to be written after all ---------- */

static void
drop(struct push *p, struct push_task *t)
{
	push_row_end(p, t, false);
	t->dropped = true;
}

static bool
unsend(struct push *p, struct graph_call **call)
{
	if (*call == NULL || !graph_call_is_waiting(*call))
		return false;
	graph_cancel(p->r->graph, *call);
	*call = NULL;
	p->busy--;
	return true;
}

static void
withdraw(struct push *p, struct push_task *t)
{
	if (!p->writing) {
		t->dropped = true; /* being read first; that read decides anew, or the next pass does */
	} else if (!p->sent) {
		drop(p, t);
	} else if (p->singly) {
		if (unsend(p, &t->call))
			drop(p, t);
	} else if (unsend(p, &p->bulk)) {
		for (size_t i = 0; i < p->count; i++)
			if (!p->tasks[i].dropped)
				drop(p, &p->tasks[i]);
	}
	if (p->sent && p->busy == 0)
		timer_arm(p->timer, 0);
}

void
push_withdraw(struct reconciler *r, const struct erg_id *erg, person_id person)
{
	for (struct push *p = r->pushes->first; p != NULL; p = p->next) {
		if (p->kind < PUSH_ADD || strcmp(p->erg.s, erg->s) != 0)
			continue;
		for (size_t i = 0; i < p->count; i++)
			if (p->tasks[i].person == person && !p->tasks[i].dropped)
				withdraw(p, &p->tasks[i]);
	}
}
