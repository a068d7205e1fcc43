/*
 * roster.h - the memberships of an ERG: what Teams shows, what the app says and what was written is taken in here, and decided on.
 *
 *	seen, left    Teams' word        app_says, acknowledged   the app's word, and its answers
 *	sent ...      ours, to Teams     approve, restore         that of whoever decided on a plan
 * Each changes one member's record, asks what is to be done now (roster_decide.h), does what is to be done towards the app, and stores the
 * record with all that is derived from it (roster_book.h). A change the app must hear is queued in the same turn as the record that
 * remembers it, so there is exactly one of it. What is to be done in Teams is left open in the record: push.h does it.
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

/* What the app says of one person. */
struct roster_app {
	bool present;
	enum role role; /* member or owner */
	bool private_;
};
struct roster_step roster_app_says(const struct roster_view *v, const struct person *p, const struct roster_app *says);

/* Graph took a write, or may have: Teams' not showing it is no change until settle is over. m is changed and stored; looked for at
 * look_wall_ms. membership_id: as Graph answered; NULL: it did not. why: what the app is told of it; NULL: just that Teams is to show it. */
void roster_sent(const struct roster_view *v, struct member *m, enum pending_write write, const char *membership_id,
    int64_t look_wall_ms, const char *why);
/* A write of unknown outcome was looked for and has not happened: it is to be made again. It is still remembered. */
void roster_missing(const struct roster_view *v, struct member *m);
/* It was looked for long enough: forgotten, and what is open is decided anew. */
void roster_lost(const struct roster_view *v, const struct person *p, struct member *m);
/* What is open there, or a read that must come before it, has failed: not before, and the app is told why. */
void roster_put_off_for(const struct roster_view *v, struct member *m, const char *why, int64_t until_wall_ms);
/* Nothing is to be tried with this member in Teams before. */
void roster_put_off(const struct roster_view *v, struct member *m, int64_t until_wall_ms);
/* Teams takes no such change of this person; the app is told once for each reason. */
void
roster_refused(const struct roster_view *v, const struct person *p, struct member *m, const char *detail, int64_t again_wall_ms);

/* A held removal was approved: it alone may pass the guard. */
void roster_approve(const struct roster_view *v, struct member *m);
/* It was rejected: the person is put back on the side where they left. */
void roster_restore(const struct roster_view *v, struct member *m);

/* The app has answered a callback for good. In the turn that removes the outbox row. act: APPLIED or REFUSED. */
void roster_acknowledged(struct reconciler *r, const struct feed_record *change, enum callback_act act,
    const struct user_id *user, const char *detail);

/* The ERG is linked elsewhere: forgets what Teams said of its members. The next complete read is a first one. */
void roster_unlink(struct reconciler *r, struct erg *erg);
#endif
