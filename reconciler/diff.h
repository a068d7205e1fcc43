/*
 * diff.h - what to do about one person in one ERG: a pure function of what each side last said. DESIGN section 5.
 *
 * A side changed if it differs from the base (what both agreed on). One side changed: do the same on the other. Both changed
 * alike: agree. A leave on either side beats a role change on the other. With policy "teams" or "app" the other side's
 * changes are undone instead. A first link makes the union under every policy: without a base nobody has changed anything.
 *
 * Beyond that:
 *	guests     are mirrored from Teams under every policy; the app can end a guest's membership but neither ask for one nor
 *	           change the role (contract section 9)
 *	private    never pushed to Teams; Teams' lack of such a person says nothing
 *	settling   a write of ours that Teams does not show yet is no change of Teams'
 *	elsewhere  another ERG on the same roster lists the person: a removal by this ERG's app ends at this ERG
 *
 * The answer says what to do, never how or whether now: guard rails come after it.
 */
#ifndef RECONCILER_DIFF_H
#define RECONCILER_DIFF_H

#include <stdbool.h>

#include "model/member.h"
#include "model/policy.h"

struct diff_input {
	struct side base, app, teams; /* app: with what is under way to it counted as arrived */
	enum membership_policy policy;
	bool first;                  /* no complete read of this link has been taken in yet; or the base may be outdated */
	enum pending_write settling; /* a write to Teams not seen yet whose settle time is not over */
	bool private_;
	bool kept; /* removed by the app here, still in the team for another ERG's sake */
	bool elsewhere;
};

/*      name                  what is to happen */
#define DIFF_TABLE(X)                                                                                                            \
	X(NOTHING, "nothing")                                                                                                    \
	X(AGREE, "both sides are equal: the base follows")                                                                       \
	X(WAIT, "Teams does not show our write yet")                                                                             \
	X(ADD_TO_APP, "add to the app")                                                                                          \
	X(REMOVE_FROM_APP, "remove from the app")                                                                                \
	X(SET_ROLE_IN_APP, "set the role in the app")                                                                            \
	X(ADD_TO_TEAMS, "add to Teams")                                                                                          \
	X(REMOVE_FROM_TEAMS, "remove from Teams")                                                                                \
	X(SET_ROLE_IN_TEAMS, "set the role in Teams")                                                                            \
	X(KEEP, "gone from this ERG, kept in the team for another")                                                              \
	X(PRIVATE, "in the app only, by wish")
#define X(name, text) DIFF_##name,
enum diff_action { DIFF_TABLE(X) DIFF_ACTION_COUNT };
#undef X

const char *diff_action_text(enum diff_action a);

enum diff_action diff_person(const struct diff_input *in);

#endif
