/*
 * meeting_diff.h - what to do about one event: a pure function of which fields each side changed. DESIGN section 7.
 *
 * A field changed on a side if it differs from what that side had when both last agreed (the base; Outlook rewrites bodies, so each
 * side has a base of its own). One side changed it: the same on the other. Both changed it alike: agree. Both differently:
 * meeting_conflicts says who wins. Of a series the time and the recurrence count as one in that. Without a base (a meeting found again by
 * its property) every field that differs is such a conflict.
 *
 *	cancelled   on either side beats a change of a field; deleted in Outlook is cancelled
 *	app         the policy: Outlook's edits are undone, a meeting cancelled there is made anew
 *	off         nothing is made, changed or cancelled
 *	over        an event that has ended is left alone, on both sides
 *	far         one that begins beyond meeting_horizon is left alone until it comes nearer; only its cancellation is not put off
 *	occurrences single ones cancelled or moved exist in Outlook alone: the app is told under every policy
 *
 * The answer says what to do, never how or whether now: the mail budget comes after it.
 */
#ifndef RECONCILER_MEETING_DIFF_H
#define RECONCILER_MEETING_DIFF_H

#include <stdbool.h>
#include <stdint.h>

#include "model/event_fields.h"
#include "model/policy.h"

/* How the meeting stands in Outlook, as far as is known. */
enum meeting_there {
	MEETING_NONE,  /* never made */
	MEETING_MAYBE, /* asked for, and the outcome is not known */
	MEETING_LIVE,
	MEETING_ENDED /* cancelled or deleted there: confirmed */
};

struct meeting_input {
	enum meetings_policy policy;
	bool outlook_wins; /* a field both sides changed */
	bool wanted;       /* the app has the event, and has not cancelled it */
	enum meeting_there there;
	bool over, far;
	/* masks of EVENT_MASK */
	unsigned app_changed, outlook_changed;
	unsigned equal;  /* fields in which both sides are the same now */
	unsigned frozen; /* the app is being told of these: nothing is decided before it has answered */
	bool frozen_end; /* the app is being told that the meeting is cancelled */
};

/*      name             towards Outlook */
#define MEETING_TABLE(X)                                                                                                         \
	X(NOTHING, "nothing")                                                                                                    \
	X(LOOK, "find out whether it has been made")                                                                             \
	X(CREATE, "make the meeting")                                                                                            \
	X(UPDATE, "change the meeting")                                                                                          \
	X(CANCEL, "cancel the meeting")
#define X(name, text) MEETING_##name,
enum meeting_action { MEETING_TABLE(X) MEETING_ACTION_COUNT };
#undef X

const char *meeting_action_text(enum meeting_action a);

struct meeting_step {
	enum meeting_action action;
	unsigned patch;      /* of UPDATE: these fields of the app's */
	unsigned tell;       /* the app is told of these fields of Outlook's */
	bool tell_cancelled; /* the app is told that the meeting is cancelled */
	unsigned agree;      /* both sides are the same here: the base follows */
	bool anew;           /* of CREATE: another one was cancelled before */
};

struct meeting_step meeting_diff(const struct meeting_input *in);

#endif
