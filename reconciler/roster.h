/*
 * roster.h - people, and their memberships of ERGs: the one place that writes them.
 *
 * Every write goes through one function that keeps the ERG's counts, the membership-id map and the index of a person's ERGs in
 * step. A change the app must hear is queued in the same turn as the record that remembers it, so there is exactly one of it.
 *
 * The caller loads the ERG, hands it to any number of calls of one turn, and stores it in that turn (erg_store): counts and
 * state change in it. Nothing here waits or talks to anybody.
 */
#ifndef RECONCILER_ROSTER_H
#define RECONCILER_ROSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "app/callback.h"
#include "model/erg.h"
#include "model/member.h"
#include "reconciler/diff.h"
#include "state/records.h"

struct reconciler;

/* What Teams shows of one person. Texts are borrowed. */
struct roster_seen {
	struct guid user;
	struct guid home_tenant; /* "" or the ERG's own directory: at home */
	enum role role;
	const char *membership_id, *name, *email; /* name, email: "" when absent */
};

/* In whose name and how a comparison goes. */
struct roster_view {
	struct reconciler *r;
	struct erg *erg;
	struct guid directory; /* the tenant's */
	bool dry_run;          /* decide only: nothing is written, nothing told */
};

struct roster_step {
	enum diff_action action;
	person_id person; /* 0 in a dry run for somebody new */
	bool done;        /* the action was taken now, not merely found open */
};

/* Teams shows this person: takes that in, decides, and does what is to be done towards the app. */
struct roster_step roster_seen(const struct roster_view *v, const struct roster_seen *seen);
/* What would follow if Teams did not have this member any more? Pure: for the guard, before anything is confirmed. */
enum diff_action roster_if_left(const struct roster_view *v, const struct member *m);
/* Teams does not have this member any more: confirmed, or without effect on the app. */
struct roster_step roster_left(const struct roster_view *v, struct member *m);
/* Nothing new from Teams; decides anew (for members the app alone has). */
struct roster_step roster_look(const struct roster_view *v, struct member *m);
/* The member would be removed from the app, but the plan is held. */
void roster_hold(const struct roster_view *v, struct member *m, const char *detail);

/* The app has answered a callback for good. In the turn that removes the outbox row. act: APPLIED or REFUSED. */
void roster_acknowledged(struct reconciler *r, const struct feed_record *change, enum callback_act act,
    const struct user_id *user, const char *detail);

/* By the app's id or the object id; ERR_NOTFOUND. home_tenant may be NULL. */
enum err roster_find_user(struct reconciler *r, const struct tenant_id *tenant, const struct user_id *user, struct person *ret);
enum err roster_find_entra(struct reconciler *r, const struct tenant_id *tenant, const struct guid *entra,
    const struct guid *home_tenant, struct person *ret);
/* Whose membership is that id? ERR_NOTFOUND. */
enum err roster_find_membership(struct reconciler *r, const struct erg_id *erg, const char *membership_id, person_id *ret);

/* The ERG is linked elsewhere: forgets what Teams said of its members. The next complete read is a first one. */
void roster_unlink(struct reconciler *r, struct erg *erg);
/* Removes up to max members of an ERG, and people who are in no ERG any more; true when none is left. Counts are not kept. */
bool roster_erase(struct reconciler *r, const struct erg_id *erg, unsigned max);
/* Removes a person with all index rows. */
void roster_erase_person(struct reconciler *r, const struct person *person);

#endif
