/* What every step of a pass needs. */
#include "reconciler/push_task.h"

#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "reconciler/chores.h"
#include "reconciler/reconciler.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"

struct push_note *
push_note_of(struct push *p)
{
	struct pushes *ps = p->list;
	struct push_note *n;

	for (unsigned i = 0; i < PUSH_NOTES_MAX; i++)
		if (strcmp(ps->notes[i].erg.s, p->erg.s) == 0)
			return &ps->notes[i];
	n = &ps->notes[ps->next_note++ % PUSH_NOTES_MAX];
	*n = (struct push_note){ .erg = p->erg, .single_ms = -PUSH_SINGLE_GAP_MS };
	return n;
}

bool
push_erg_open(struct push *p, struct erg *erg, struct roster_view *v)
{
	if (erg_load(p->r, &p->erg, erg) != ERR_OK || erg->generation != p->generation)
		return false;
	*v = (struct roster_view){ .r = p->r, .erg = erg, .directory = p->where.directory };
	return true;
}

void
push_erg_close(struct push *p, struct erg *erg)
{
	erg_settle(p->r, erg);
	erg_store(p->r, erg);
}

void
push_trouble(struct push *p, const struct graph_answer *a)
{
	int64_t wait_ms = a->sign_in_failed ? CHORE_PROBE_MS : chore_backoff_ms(p->r, p->chore);

	if (a->retry_after_ms > wait_ms)
		wait_ms = a->retry_after_ms;
	if (wait_ms <= p->retry_ms)
		return;
	p->retry_ms = wait_ms;
	memcpy(p->why, a->detail, sizeof(p->why));
}

static int64_t
at_most_settle(const struct reconciler *r, int64_t ms)
{
	return r->config->settle_ms < ms ? r->config->settle_ms : ms;
}

int64_t
push_lag_ms(const struct reconciler *r)
{
	return at_most_settle(r, 30000);
}

int64_t
push_first_look_ms(const struct reconciler *r)
{
	return at_most_settle(r, 45000);
}

enum pending_write
push_write_of(enum push_kind kind)
{
	return kind == PUSH_ADD ? PENDING_ADD : kind == PUSH_REMOVE ? PENDING_REMOVE : PENDING_ROLE;
}

bool
push_task_open(struct push_task *t, struct erg *erg, struct roster_view *v, struct member *m, struct person *person)
{
	return push_erg_open(t->push, erg, v) && member_load(v->r, &erg->id, t->person, m) == ERR_OK &&
	       person_load(v->r, t->person, person) == ERR_OK;
}

struct graph_roster
push_roster(const struct push *p)
{
	return (struct graph_roster){ .team = p->team, .channel = p->channel[0] != '\0' ? p->channel : NULL };
}

void
push_task_call(struct push_task *t, enum push_step step, struct graph_call *call)
{
	t->step = step;
	t->call = call;
	if (call != NULL)
		t->push->busy++;
	else if (t->push->retry_ms < 0)
		t->push->retry_ms = PUSH_ITEM_RETRY_MS; /* out of memory */
}
