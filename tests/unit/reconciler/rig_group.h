/*
 * rig_group.h - for a group of tests that each begin with a small rig of their own: one tenant, twelve people, eight of them in the team.
 */
#ifndef UNIT_RECONCILER_RIG_GROUP_H
#define UNIT_RECONCILER_RIG_GROUP_H

#include "unit/reconciler/rig.h"

static struct rig rig;

static inline int
rig_group_start(void **state)
{
	(void)state;
	rig_make(&rig, 31, 12, 8);
	return 0;
}

static inline int
rig_group_stop(void **state)
{
	(void)state;
	rig_done(&rig);
	return 0;
}

#endif
