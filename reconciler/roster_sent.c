/* A write is looked for until Teams shows it, or it is known not to have happened. */
#include "reconciler/roster_member.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "reconciler/reconciler.h"
#include "reconciler/roster_book.h"
#include "reconciler/tables.h"
#include "reconciler/tell.h"

/* ---------- what was written ---------- */

void
roster_sent(const struct roster_view *v, struct member *m, enum pending_write write, const char *membership_id,
    int64_t look_wall_ms, const char *why)
{
	struct member before = *m;

	/* Teams has shown it before the answer came, or before a crash. */
	if (write != PENDING_ROLE && m->teams.present == (write == PENDING_ADD) && m->app.present == m->teams.present) {
		roster_member_agree(v, m);
		roster_book_put(v->r, v->erg, &before, m);
		return;
	}
	m->teams_write = write;
	m->teams_write_wall_ms = clock_wall_ms(v->r->clock);
	m->retry_wall_ms = look_wall_ms;
	m->missing_once = false;
	/* From now on a role that is still the former one is no change of Teams'. */
	if (write == PENDING_ROLE)
		m->base = m->teams;
	if (membership_id != NULL && membership_id[0] != '\0')
		str_copy(m->membership_id, sizeof(m->membership_id), membership_id);
	roster_member_status(v, m, write == PENDING_REMOVE ? MEMBER_REMOVING_FROM_TEAMS : MEMBER_ADDING_TO_TEAMS,
	    why != NULL ? why : "Waits for Teams to show it.");
	roster_book_put(v->r, v->erg, &before, m);
}

void
roster_missing(const struct roster_view *v, struct member *m)
{
	struct member before = *m;

	m->missing_once = true;
	m->retry_wall_ms = 0;
	roster_book_put(v->r, v->erg, &before, m);
}

void
roster_lost(const struct roster_view *v, const struct person *p, struct member *m)
{
	struct member before = *m;

	roster_member_write_over(m);
	roster_member_settle(v, p, &before, m);
}

void
roster_put_off_for(const struct roster_view *v, struct member *m, const char *why, int64_t until_wall_ms)
{
	struct member before = *m;

	m->retry_wall_ms = until_wall_ms;
	if (m->status == MEMBER_ADDING_TO_TEAMS || m->status == MEMBER_REMOVING_FROM_TEAMS)
		roster_member_status(v, m, m->status, why);
	roster_book_put(v->r, v->erg, &before, m);
}

void
roster_put_off(const struct roster_view *v, struct member *m, int64_t until_wall_ms)
{
	struct member before = *m;

	m->retry_wall_ms = until_wall_ms;
	roster_book_put(v->r, v->erg, &before, m);
}

void
roster_refused(const struct roster_view *v, const struct person *p, struct member *m, const char *detail, int64_t again_wall_ms)
{
	struct member before = *m;

	if (m->status != MEMBER_REFUSED_BY_TEAMS || strcmp(m->detail, detail) != 0)
		tell_member_trouble(v->r, CHANGE_MEMBER_REFUSED, v->erg, p, detail);
	m->teams_write = PENDING_NONE;
	m->missing_once = false;
	m->attempts++;
	m->retry_wall_ms = again_wall_ms;
	roster_member_status(v, m, MEMBER_REFUSED_BY_TEAMS, detail);
	roster_book_put(v->r, v->erg, &before, m);
}

/* ---------- what was decided ---------- */

void
roster_approve(const struct roster_view *v, struct member *m)
{
	struct member before = *m;

	m->mark = PLAN_APPROVED;
	m->retry_wall_ms = 0;
	roster_member_status(
	    v, m, m->app.present ? MEMBER_REMOVING_FROM_APP : MEMBER_REMOVING_FROM_TEAMS, "Approved; read once more first.");
	roster_book_put(v->r, v->erg, &before, m);
}

void
roster_restore(const struct roster_view *v, struct member *m)
{
	struct member before = *m;
	struct person p;

	if (person_load(v->r, m->person, &p) != ERR_OK)
		return;
	if (m->callback_seq != 0) {
		m->app = m->told;
		roster_member_overtaken(m);
	}
	if (m->app.present) {
		memset(&m->teams, 0, sizeof(m->teams));
		m->membership_id[0] = '\0';
	}
	memset(&m->base, 0, sizeof(m->base));
	m->mark = PLAN_RESTORE;
	m->retry_wall_ms = 0;
	roster_member_settle(v, &p, &before, m);
}
