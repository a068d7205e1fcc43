/*
 * The decision goes from presence to role: four cases of presence, each a line in one table, then roles only where both
 * sides have the person. Who wins is looked up in that table by policy, so that no rule hides in nested conditions.
 */
#include "reconciler/diff.h"

#include <stddef.h>

/* base, app, Teams: who has the person. */
enum presence {
	NOBODY,     /* - - - */
	ONLY_TEAMS, /* - - T: new in Teams */
	ONLY_APP,   /* - A - : new in the app */
	BOTH_NEW,   /* - A T */
	BOTH_LEFT,  /* B - - */
	LEFT_APP,   /* B - T */
	LEFT_TEAMS, /* B A - */
	BOTH        /* B A T */
};

/* A row a presence, a column a policy: two-way, teams, app. "off" never gets here. */
static const enum diff_action decision[][3] = {
	[NOBODY] = { DIFF_NOTHING, DIFF_NOTHING, DIFF_NOTHING },
	[ONLY_TEAMS] = { DIFF_ADD_TO_APP, DIFF_ADD_TO_APP, DIFF_REMOVE_FROM_TEAMS },
	[ONLY_APP] = { DIFF_ADD_TO_TEAMS, DIFF_REMOVE_FROM_APP, DIFF_ADD_TO_TEAMS },
	[BOTH_NEW] = { DIFF_AGREE, DIFF_AGREE, DIFF_AGREE },
	[BOTH_LEFT] = { DIFF_AGREE, DIFF_AGREE, DIFF_AGREE },
	[LEFT_APP] = { DIFF_REMOVE_FROM_TEAMS, DIFF_ADD_TO_APP, DIFF_REMOVE_FROM_TEAMS },
	[LEFT_TEAMS] = { DIFF_REMOVE_FROM_APP, DIFF_REMOVE_FROM_APP, DIFF_ADD_TO_TEAMS },
	[BOTH] = { DIFF_NOTHING, DIFF_NOTHING, DIFF_NOTHING },
};

static const char *const texts[] = {
#define X(name, text) [DIFF_##name] = text,
	DIFF_TABLE(X)
#undef X
};

const char *
diff_action_text(enum diff_action a)
{
	return (unsigned)a < DIFF_ACTION_COUNT ? texts[a] : "?";
}

static enum presence
presence_of(const struct diff_input *in)
{
	return (enum presence)((in->base.present ? BOTH_LEFT : NOBODY) + (in->app.present ? 2 : 0) + (in->teams.present ? 1 : 0));
}

/* Is what Teams shows only our own write that has not arrived? */
static bool
still_settling(const struct diff_input *in)
{
	switch (in->settling) {
	case PENDING_ADD: return !in->teams.present;
	case PENDING_REMOVE: return in->teams.present;
	case PENDING_ROLE: return in->teams.present && in->app.present && in->base.present && in->teams.role == in->base.role;
	case PENDING_NONE: break;
	}
	return false;
}

/* Both sides have the person: only roles can differ. */
static enum diff_action
diff_role(const struct diff_input *in)
{
	enum role app = in->app.role, teams = in->teams.role;

	if (app == teams)
		return in->base.present && in->base.role == app ? DIFF_NOTHING : DIFF_AGREE;
	/* The app can't make or unmake a guest. */
	if (app == ROLE_GUEST || teams == ROLE_GUEST || in->policy == MEMBERSHIP_TEAMS)
		return DIFF_SET_ROLE_IN_APP;
	if (in->policy == MEMBERSHIP_APP)
		return DIFF_SET_ROLE_IN_TEAMS;
	/* Two-way without a base to tell who changed: the greater right stays, so that a first link takes nothing away. */
	if (!in->base.present || (app != in->base.role && teams != in->base.role))
		return app == ROLE_OWNER ? DIFF_SET_ROLE_IN_TEAMS : DIFF_SET_ROLE_IN_APP;
	return app != in->base.role ? DIFF_SET_ROLE_IN_TEAMS : DIFF_SET_ROLE_IN_APP;
}

static bool
is_guest(const struct diff_input *in, enum presence p)
{
	return (in->teams.present && in->teams.role == ROLE_GUEST) ||
	       (p == LEFT_TEAMS && (in->base.role == ROLE_GUEST || in->app.role == ROLE_GUEST));
}

/* Guests are Teams' to invite and either side's to end, whatever the policy: nobody can add one back. */
static enum diff_action
diff_guest(const struct diff_input *in, enum presence p)
{
	switch (p) {
	case ONLY_TEAMS: return DIFF_ADD_TO_APP;
	case LEFT_TEAMS: return DIFF_REMOVE_FROM_APP;
	default: return decision[p][in->policy];
	}
}

/* A person who is in the app and shall not be pushed to Teams. */
static enum diff_action
diff_private(const struct diff_input *in, enum presence p)
{
	switch (p) {
	case ONLY_APP: return in->policy == MEMBERSHIP_TEAMS ? DIFF_REMOVE_FROM_APP : DIFF_PRIVATE;
	case LEFT_TEAMS: return in->policy == MEMBERSHIP_APP ? DIFF_PRIVATE : DIFF_REMOVE_FROM_APP;
	default: return decision[p][in->policy];
	}
}

static enum diff_action
diff_presence(const struct diff_input *in, enum presence p)
{
	if (p == ONLY_APP && in->app.role == ROLE_GUEST)
		return DIFF_NOTHING; /* can't be invited by us, and nothing tells that Teams ended it */
	if (in->first && p == ONLY_TEAMS)
		return DIFF_ADD_TO_APP;
	if (in->first && p == ONLY_APP)
		return in->private_ ? DIFF_PRIVATE : DIFF_ADD_TO_TEAMS;
	if (in->private_ && in->app.present)
		return diff_private(in, p);
	if (is_guest(in, p))
		return diff_guest(in, p);
	return decision[p][in->policy];
}

enum diff_action
diff_person(const struct diff_input *in)
{
	enum presence p = presence_of(in);
	enum diff_action a;

	if (in->policy == MEMBERSHIP_OFF)
		return DIFF_NOTHING;
	if (still_settling(in))
		return DIFF_WAIT;
	/* Removed from this ERG by its app, and the team's roster brings nobody back who never left it. */
	if (in->kept && p == ONLY_TEAMS)
		return DIFF_NOTHING;
	if (in->kept && p == NOBODY)
		return DIFF_AGREE;
	if (in->app.present && in->teams.present)
		return diff_role(in);
	a = diff_presence(in, p);
	return a == DIFF_REMOVE_FROM_TEAMS && in->elsewhere ? DIFF_KEEP : a;
}
