#include "reconciler/roster_decide.h"

#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "reconciler/reconciler.h"
#include "reconciler/tables.h"
#include "state/store.h"

/* ---------- other ERGs ---------- */

/* Two ERGs of one team go by one roster. */
static bool
share_roster(const struct erg *a, const struct erg *b)
{
	return a->channel_type == b->channel_type &&
	       (a->channel_type == CHANNEL_STANDARD || strcmp(a->channel_id, b->channel_id) == 0);
}

/* Does another ERG on the same roster say so of this person? */
static bool
elsewhere(const struct roster_view *v, const struct member *m, bool (*says)(const struct erg *other, const struct side *app))
{
	struct store_cursor *c;
	struct erg_ref ref;
	struct member other;
	struct erg erg;
	bool found = false;

	if (!m->teams.present)
		return false;
	c = team_ergs(v->r, &v->erg->team_id);
	while (!found && store_next(c, NULL, &ref) == ERR_OK) {
		if (strcmp(ref.erg.s, v->erg->id.s) == 0 || erg_load(v->r, &ref.erg, &erg) != ERR_OK)
			continue;
		found = share_roster(v->erg, &erg) && erg.membership != MEMBERSHIP_OFF &&
		        member_load(v->r, &ref.erg, m->person, &other) == ERR_OK && says(&erg, &other.app);
	}
	store_cursor_close(c);
	return found;
}

static bool
lists(const struct erg *other, const struct side *app)
{
	(void)other;
	return app->present;
}

/* By policy that ERG would undo another role, and so on without end: the greater right stays. */
static bool
insists_on_owner(const struct erg *other, const struct side *app)
{
	return other->membership == MEMBERSHIP_APP && app->present && app->role == ROLE_OWNER;
}

/* ---------- one member ---------- */

/* In the app by a name Graph has not been asked about, or knows nobody by: whether Teams has the person is not known. */
static bool
not_known_in_teams(const struct person *p, const struct member *m)
{
	return p != NULL && p->entra_id.s[0] == '\0' && m->app.present && !m->private_;
}

static bool
will_stay_unknown(const struct person *p)
{
	return p->resolution == RESOLUTION_NOT_FOUND || p->resolution == RESOLUTION_DISABLED;
}

bool
roster_kind_matters(const struct person *p, const struct member *m)
{
	return p->kind == PERSON_UNKNOWN && m->app.role == ROLE_OWNER && p->home_tenant.s[0] == '\0';
}

/* A rejected plan puts people back, whatever the policy says of who decides. */
static bool
decide_restore(const struct member *m, enum diff_action *ret)
{
	if (m->mark != PLAN_RESTORE || m->app.present == m->teams.present)
		return false;
	*ret = m->teams.present ? DIFF_ADD_TO_APP : m->private_ ? DIFF_PRIVATE : DIFF_ADD_TO_TEAMS;
	return true;
}

static enum pending_write
settling(const struct roster_view *v, const struct member *m)
{
	int64_t since_ms = clock_wall_ms(v->r->clock) - m->teams_write_wall_ms;

	return since_ms < v->r->config->settle_ms && !m->missing_once ? m->teams_write : PENDING_NONE;
}

enum diff_action
roster_decide(const struct roster_view *v, const struct person *p, const struct member *m)
{
	bool first = !v->erg->first_read_done;
	struct diff_input in = {
		.base = m->callback_seq != 0 ? m->told : m->base,
		.app = m->callback_seq != 0 ? m->told : m->app,
		.teams = m->teams,
		.policy = v->erg->membership,
		.first = first || v->erg->additions_only,
		.settling = settling(v, m),
		.private_ = m->private_,
		.kept = m->kept_in_teams,
	};
	enum diff_action a;

	/* Until a first read is through, nothing may pass for a removal: not even against a base of its first half. */
	if (first)
		memset(&in.base, 0, sizeof(in.base));
	a = diff_person(&in);
	if (in.policy == MEMBERSHIP_OFF || a == DIFF_WAIT)
		return a;
	if (m->callback_seq == 0 && decide_restore(m, &a))
		return a;
	if (m->callback_seq == 0 && not_known_in_teams(p, m) && (in.policy != MEMBERSHIP_TEAMS || !will_stay_unknown(p)))
		return DIFF_ADD_TO_TEAMS;
	/* Only asked for when it matters: it walks. */
	if (a == DIFF_REMOVE_FROM_TEAMS && elsewhere(v, m, lists))
		a = DIFF_KEEP;
	if (a == DIFF_SET_ROLE_IN_TEAMS && in.app.role != ROLE_OWNER && elsewhere(v, m, insists_on_owner))
		a = in.policy == MEMBERSHIP_APP ? DIFF_NOTHING : DIFF_SET_ROLE_IN_APP;
	return a;
}
