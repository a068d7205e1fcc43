/*
 * apply.h - takes a complete listing of a roster in for one ERG: slice by slice, absent people last and only as the guard allows.
 */
#ifndef RECONCILER_APPLY_H
#define RECONCILER_APPLY_H

#include "graph/members.h"
#include "reconciler/compare.h"
#include "reconciler/listing.h"

struct apply;

struct apply_options {
	struct erg_id erg;
	int64_t generation; /* of the link when the listing was begun: another one ends it with ERR_CANCELLED */
	struct guid directory;
	const struct listing *listing; /* borrowed until the end */
	int64_t read_wall_ms;          /* when the listing was complete */
	struct graph_where where;      /* for the second reads */
	bool dry_run;
};

/* done is told once, in a later turn, which is the one that stores the last of it. NULL: out of memory. */
struct apply *apply_start(struct reconciler *r, const struct apply_options *options, compare_done done, void *arg);
/* done will not run. NULL is fine. */
void apply_cancel(struct apply *a);

/* One person, as a single read showed (seen) or did not show (NULL, then person tells whom): for all that a hint needs.
 * false: the guard does not let this removal pass by itself, a whole read must show the plan. */
bool apply_one(struct reconciler *r, struct erg *erg, const struct guid *directory, const struct roster_seen *seen,
    person_id person, struct compare_result *result);

/* Which roster of Graph the ERG's members are. channel is borrowed from erg. */
struct graph_roster roster_on_graph(const struct erg *erg);

#endif
