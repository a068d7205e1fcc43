/*
 * guard.h - how much may go from an ERG in 24 hours before a person has to say so: people, meetings, and mails to them. DESIGN section 6.
 *
 * Removals done are counted on disk in slots of ten minutes, in the turn that does them; a slot counts until it is wholly older
 * than a day. The rule itself is pure.
 */
#ifndef RECONCILER_GUARD_H
#define RECONCILER_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "model/erg.h"

struct reconciler;

/* Would planned more removals, after done ones within the day, exceed both limits? have: people on that side now. */
bool guard_exceeds(int64_t planned, int64_t done, int64_t have, int64_t limit, int64_t percent);

/* What is counted, each by itself: people removed from one side, meetings that vanished from Outlook, mails that we made Outlook send. */
enum guard_side { GUARD_APP, GUARD_TEAMS, GUARD_MEETINGS, GUARD_MAILS };

/* So many of this ERG within the last day. Drops older slots. */
int64_t guard_done(struct reconciler *r, const struct erg_id *erg, enum guard_side side);
void guard_count(struct reconciler *r, const struct erg_id *erg, enum guard_side side, int64_t count);
void guard_forget(struct reconciler *r, const struct erg_id *erg);

/* With the ERG's own limits or the configuration's; any at all, while the ERG takes additions only. leaving: so many are counted as
 * done and not gone yet, beside those the ERG counts itself. Not for GUARD_MAILS, which mail_limit holds. */
bool guard_holds(struct reconciler *r, const struct erg *erg, enum guard_side side, int64_t planned, int64_t leaving);

#endif
