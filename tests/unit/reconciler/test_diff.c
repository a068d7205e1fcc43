/* Every input there is, against rules that say nothing of how the decision is made; and the cases people talk about by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reconciler/diff.h"

/* A side: absent, or one of the roles. */
static struct side
side(int n)
{
	return (struct side){ .present = n > 0, .role = n > 0 ? (enum role)(n - 1) : ROLE_MEMBER };
}

static bool
equal(const struct side *a, const struct side *b)
{
	return a->present == b->present && (!a->present || a->role == b->role);
}

static bool
guest(const struct side *s)
{
	return s->present && s->role == ROLE_GUEST;
}

static bool
any_guest(const struct diff_input *in)
{
	return guest(&in->base) || guest(&in->app) || guest(&in->teams);
}

static bool
waits(const struct diff_input *in)
{
	switch (in->settling) {
	case PENDING_ADD: return !in->teams.present;
	case PENDING_REMOVE: return in->teams.present;
	case PENDING_ROLE: return in->teams.present && in->app.present && in->base.present && in->teams.role == in->base.role;
	default: return false;
	}
}

/* What holds of any action by its meaning alone. */
static bool
makes_sense(const struct diff_input *in, enum diff_action a)
{
	bool app = in->app.present, teams = in->teams.present;

	switch (a) {
	case DIFF_ADD_TO_APP: return teams && !app;
	case DIFF_REMOVE_FROM_APP: return app && !teams;
	case DIFF_ADD_TO_TEAMS: return app && !teams && !in->private_ && in->app.role != ROLE_GUEST;
	case DIFF_REMOVE_FROM_TEAMS: return teams && !app && !in->elsewhere && !in->kept;
	case DIFF_SET_ROLE_IN_APP:
	case DIFF_SET_ROLE_IN_TEAMS: return app && teams && in->app.role != in->teams.role;
	case DIFF_AGREE: return equal(&in->app, &in->teams);
	case DIFF_KEEP: return teams && !app && in->elsewhere;
	case DIFF_PRIVATE: return app && !teams && in->private_;
	case DIFF_WAIT: return waits(in);
	default: return true;
	}
}

/* Nobody is taken out whom nobody took out. */
static bool
removal_was_asked(const struct diff_input *in, enum diff_action a)
{
	if (a != DIFF_REMOVE_FROM_APP && a != DIFF_REMOVE_FROM_TEAMS)
		return true;
	if (in->first)
		return false;
	if (in->policy == MEMBERSHIP_TWO_WAY)
		return in->base.present;
	/* One side decides: what the other added is undone. */
	if (in->policy == MEMBERSHIP_TEAMS)
		return a == DIFF_REMOVE_FROM_APP;
	return a == DIFF_REMOVE_FROM_TEAMS || any_guest(in);
}

static bool
keeps_to_policy(const struct diff_input *in, enum diff_action a)
{
	bool to_teams = a == DIFF_ADD_TO_TEAMS || a == DIFF_REMOVE_FROM_TEAMS || a == DIFF_SET_ROLE_IN_TEAMS;
	bool to_app = a == DIFF_ADD_TO_APP || a == DIFF_REMOVE_FROM_APP || a == DIFF_SET_ROLE_IN_APP;

	if (in->policy == MEMBERSHIP_OFF)
		return a == DIFF_NOTHING;
	if (in->policy == MEMBERSHIP_TEAMS)
		return !to_teams || in->first;
	if (in->policy == MEMBERSHIP_APP)
		return !to_app || in->first || any_guest(in);
	return true;
}

/* What the world is like when the action is done and seen. */
static void
carry_out(struct diff_input *in, enum diff_action a)
{
	switch (a) {
	case DIFF_ADD_TO_APP:
	case DIFF_REMOVE_FROM_APP:
	case DIFF_SET_ROLE_IN_APP: in->app = in->teams; break;
	case DIFF_ADD_TO_TEAMS:
	case DIFF_REMOVE_FROM_TEAMS:
	case DIFF_SET_ROLE_IN_TEAMS: in->teams = in->app; break;
	case DIFF_AGREE:
		in->base = in->teams;
		in->kept = false;
		break;
	case DIFF_KEEP:
		in->kept = true;
		in->base.present = false;
		break;
	case DIFF_PRIVATE: in->base.present = false; break;
	default: break;
	}
}

static void
check(const struct diff_input *in)
{
	struct diff_input now = *in;
	enum diff_action a = diff_person(in);

	if (!makes_sense(in, a) || !removal_was_asked(in, a) || !keeps_to_policy(in, a) ||
	    (in->policy != MEMBERSHIP_OFF && waits(in) && a != DIFF_WAIT))
		fail_msg("%s: base %d/%d app %d/%d teams %d/%d policy %d first %d settling %d private %d kept %d elsewhere %d",
		    diff_action_text(a), in->base.present, in->base.role, in->app.present, in->app.role, in->teams.present,
		    in->teams.role, in->policy, in->first, in->settling, in->private_, in->kept, in->elsewhere);
	if (equal(&in->base, &in->app) && equal(&in->base, &in->teams) && in->base.present && !waits(in))
		assert_int_equal(a, DIFF_NOTHING);
	/* It comes to rest, and then both sides are equal, or differ for a reason there is a name for. */
	for (int i = 0; i < 3 && a != DIFF_NOTHING && a != DIFF_WAIT && a != DIFF_PRIVATE; i++) {
		carry_out(&now, a);
		a = diff_person(&now);
	}
	if (a == DIFF_WAIT || a == DIFF_PRIVATE)
		return;
	assert_int_equal(a, DIFF_NOTHING);
	if (in->policy != MEMBERSHIP_OFF && !now.kept && !(guest(&now.app) && !now.teams.present))
		assert_true(equal(&now.app, &now.teams));
}

static void
every_input_keeps_the_rules(void **state)
{
	unsigned count = 0;

	(void)state;
	for (int n = 0; n < 4 * 4 * 4 * 4 * 4 * 16; n++) {
		struct diff_input in = {
			.base = side(n % 4),
			.app = side(n / 4 % 4),
			.teams = side(n / 16 % 4),
			.policy = (enum membership_policy)(n / 64 % 4),
			.settling = (enum pending_write)(n / 256 % 4),
			.first = n / 1024 % 2,
			.private_ = n / 2048 % 2,
			.kept = n / 4096 % 2,
			.elsewhere = n / 8192 % 2,
		};

		/* A first link has no base. Somebody kept has none either, and is not in the app. */
		if ((in.first && in.base.present) || (in.kept && (in.base.present || in.first)))
			continue;
		check(&in);
		count++;
	}
	assert_true(count > 5000);
}

/* b base, a app, t Teams: "-" absent, m member, o owner, g guest. */
static const struct {
	const char *why, *bat;
	enum membership_policy policy;
	enum diff_action action;
	bool first, private_, kept, elsewhere;
	enum pending_write settling;
} cases[] = {
	{ "in step", "mmm", MEMBERSHIP_TWO_WAY, DIFF_NOTHING, .first = false },
	{ "joined Teams", "--m", MEMBERSHIP_TWO_WAY, DIFF_ADD_TO_APP, .first = false },
	{ "left Teams", "mm-", MEMBERSHIP_TWO_WAY, DIFF_REMOVE_FROM_APP, .first = false },
	{ "joined in the app", "-m-", MEMBERSHIP_TWO_WAY, DIFF_ADD_TO_TEAMS, .first = false },
	{ "left in the app", "m-m", MEMBERSHIP_TWO_WAY, DIFF_REMOVE_FROM_TEAMS, .first = false },
	{ "joined both", "-mm", MEMBERSHIP_TWO_WAY, DIFF_AGREE, .first = false },
	{ "left both", "m--", MEMBERSHIP_TWO_WAY, DIFF_AGREE, .first = false },
	{ "made owner in Teams", "mmo", MEMBERSHIP_TWO_WAY, DIFF_SET_ROLE_IN_APP, .first = false },
	{ "made owner in the app", "mom", MEMBERSHIP_TWO_WAY, DIFF_SET_ROLE_IN_TEAMS, .first = false },
	{ "made owner in both", "moo", MEMBERSHIP_TWO_WAY, DIFF_AGREE, .first = false },
	{ "left Teams, made owner in the app: the leave wins", "mo-", MEMBERSHIP_TWO_WAY, DIFF_REMOVE_FROM_APP, .first = false },
	{ "left the app, made owner in Teams: the leave wins", "m-o", MEMBERSHIP_TWO_WAY, DIFF_REMOVE_FROM_TEAMS,
	    .first = false },
	{ "first link, in Teams", "--m", MEMBERSHIP_APP, DIFF_ADD_TO_APP, .first = true },
	{ "first link, in the app", "-m-", MEMBERSHIP_TEAMS, DIFF_ADD_TO_TEAMS, .first = true },
	{ "first link, roles differ: the greater stays", "-om", MEMBERSHIP_TWO_WAY, DIFF_SET_ROLE_IN_TEAMS, .first = true },
	{ "teams decides: app's addition undone", "-m-", MEMBERSHIP_TEAMS, DIFF_REMOVE_FROM_APP, .first = false },
	{ "teams decides: app's removal undone", "m-m", MEMBERSHIP_TEAMS, DIFF_ADD_TO_APP, .first = false },
	{ "app decides: addition in Teams undone", "--m", MEMBERSHIP_APP, DIFF_REMOVE_FROM_TEAMS, .first = false },
	{ "app decides: leaving Teams undone", "mm-", MEMBERSHIP_APP, DIFF_ADD_TO_TEAMS, .first = false },
	{ "app decides: role in Teams undone", "mmo", MEMBERSHIP_APP, DIFF_SET_ROLE_IN_TEAMS, .first = false },
	{ "off", "--m", MEMBERSHIP_OFF, DIFF_NOTHING, .first = false },
	{ "guest joined, app decides: mirrored", "--g", MEMBERSHIP_APP, DIFF_ADD_TO_APP, .first = false },
	{ "guest left, app decides: nobody can bring a guest back", "gg-", MEMBERSHIP_APP, DIFF_REMOVE_FROM_APP, .first = false },
	{ "guest removed by the app", "g-g", MEMBERSHIP_TWO_WAY, DIFF_REMOVE_FROM_TEAMS, .first = false },
	{ "guest promoted by the app", "gog", MEMBERSHIP_TWO_WAY, DIFF_SET_ROLE_IN_APP, .first = false },
	{ "private, app only", "-m-", MEMBERSHIP_TWO_WAY, DIFF_PRIVATE, .private_ = true },
	{ "our addition not seen yet", "-m-", MEMBERSHIP_TWO_WAY, DIFF_WAIT, .settling = PENDING_ADD },
	{ "our removal not seen yet", "m-m", MEMBERSHIP_TWO_WAY, DIFF_WAIT, .settling = PENDING_REMOVE },
	{ "our role not seen yet", "mom", MEMBERSHIP_TWO_WAY, DIFF_WAIT, .settling = PENDING_ROLE },
	{ "removed here, listed elsewhere", "m-m", MEMBERSHIP_TWO_WAY, DIFF_KEEP, .elsewhere = true },
	{ "kept: not brought back by the roster", "--m", MEMBERSHIP_TWO_WAY, DIFF_NOTHING, .kept = true },
	{ "kept: left the team at last", "---", MEMBERSHIP_TWO_WAY, DIFF_AGREE, .kept = true },
	{ "kept: added again by the app", "-mm", MEMBERSHIP_TWO_WAY, DIFF_AGREE, .kept = true },
};

static struct side
side_of(char c)
{
	return side(c == 'm' ? 1 : c == 'o' ? 2 : c == 'g' ? 3 : 0);
}

static void
named_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct diff_input in = {
			.base = side_of(cases[i].bat[0]),
			.app = side_of(cases[i].bat[1]),
			.teams = side_of(cases[i].bat[2]),
			.policy = cases[i].policy,
			.first = cases[i].first,
			.settling = cases[i].settling,
			.private_ = cases[i].private_,
			.kept = cases[i].kept,
			.elsewhere = cases[i].elsewhere,
		};

		if (diff_person(&in) != cases[i].action)
			fail_msg("%s: %s", cases[i].why, diff_action_text(diff_person(&in)));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_input_keeps_the_rules),
		cmocka_unit_test(named_cases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
