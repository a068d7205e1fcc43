/*
 * resolve.h - whom an e-mail address means: what Graph's answer to a look-up does to the person and to the ERGs that wait.
 *
 * An address nobody has, or several people, or a disabled account, leaves the person unresolved with the reason, to be asked
 * about again after a day or when the app repeats the entry. Found is kept for good: the address is looked up once. A look-up that
 * Graph refuses says nothing: it is made again every CHORE_PROBE_MS, and when the tenant is back.
 */
#ifndef RECONCILER_RESOLVE_H
#define RECONCILER_RESOLVE_H

#include <stdbool.h>

#include "graph/answer.h"
#include "model/member.h"
#include "reconciler/roster.h"

#define RESOLVE_AGAIN_MS (24 * 3600 * 1000LL)

/* The answer of graph_user_find for a person of v's ERG who has no Entra id yet. False: Graph did not say; nothing has changed. */
bool resolve_take(const struct roster_view *v, struct person *person, const struct graph_answer *answer);
/* The answer of graph_user_get for a person whose Entra id the app has named: is it a guest's? Nobody has it: refused with that reason,
 * to be asked about again after a day. False: Graph did not say. */
bool resolve_take_kind(const struct roster_view *v, struct person *person, const struct graph_answer *answer);
/* Pure: is the person to be asked about now? back: since when the tenant can be asked. */
bool resolve_due(const struct person *person, int64_t back_wall_ms, int64_t now_wall_ms);

#endif
