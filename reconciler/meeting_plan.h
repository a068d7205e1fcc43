/*
 * meeting_plan.h - the events of an ERG that wait: for their turn, or for somebody to decide. The part of plan.h that is about meetings.
 *
 * An event is held because what it waits for would mail more people than mail_limit allows within a day, or because too many meetings
 * vanished from Outlook at once. Approved, it may pass, once. Rejected, it is undone: both sides are equal again.
 */
#ifndef RECONCILER_MEETING_PLAN_H
#define RECONCILER_MEETING_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "app/api.h"
#include "model/erg.h"

struct reconciler;

/* What this event waits for; held: for a decision. identity is another number whenever any of that changes. */
struct meeting_plan_item {
	enum plan_action action;
	bool held;
	bool vanished; /* to be cancelled in the app, as it is in Outlook */
	uint64_t identity;
	const struct event *event;
};
/* Tells of each; false from each ends the walk. */
void meeting_plan_walk(
    struct reconciler *r, const struct erg_id *erg, bool (*each)(void *arg, const struct meeting_plan_item *item), void *arg);
/* The item as the app sees it. */
void meeting_plan_show(struct reconciler *r, const struct meeting_plan_item *item, struct app_plan_item *ret);
/* Why events of the ERG are held, for people; "" when none is. */
void meeting_plan_detail(struct reconciler *r, const struct erg_id *erg, char ret[DETAIL_SIZE]);
/* All that are held. */
void meeting_plan_decide(struct reconciler *r, const struct erg_id *erg, bool approve);

#endif
