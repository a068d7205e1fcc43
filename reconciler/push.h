/*
 * push.h - writes to Teams what is open there: joins, leaves and roles, and looks up who is only known by an e-mail.
 *
 *	once        what is about to be written is on disk before the call (intents.h); after an unknown outcome, or a crash, the
 *	            one member is read first
 *	many        joins of a team go out up to 200 a call, leaves up to 20; singly when Graph misbehaves in bulk, for channels,
 *	            and for a lone person. "Add to the team first, then to the private channel"
 *	careful     each leave is read once more right before it; leaves beyond the limits are held as a plan (plan.h); the last
 *	            owner and the account we act as stay
 *	known       before the first read of an ERG there are look-ups only, so that it finds people known
 *	withdrawn   what the app takes back while it waits its turn is not written (push_withdraw)
 *	parked      whom Graph refuses is refused_by_teams with a reason and tried again daily; reads that are slower than the others of their
 *	            pass are left for later; nobody waits for anybody
 *	settled     a write is looked for after 45 s, then every 30 s and ever more rarely, until Teams shows it or `settle` is over
 * Source: graph-facts sections 8 and 11. One pass of an ERG runs at a time, as a chore; a pass does one kind of thing.
 */
#ifndef RECONCILER_PUSH_H
#define RECONCILER_PUSH_H

#include <stdbool.h>

#include "base/err.h"
#include "model/erg.h"
#include "model/member.h"

#define PUSH_RETRY_REFUSED_MS (24 * 3600 * 1000LL)

struct chore;
struct pushes;
struct reconciler;

enum err pushes_new(struct reconciler *r, struct pushes **ret);
/* Before chores_free. NULL is fine. */
void pushes_free(struct pushes *ps);

/* The chore CHORE_PUSH. */
void push_run(struct reconciler *r, struct chore *c);
/* What waited for the ERG to be readable may go on. */
void push_resume(struct reconciler *r, const struct erg *erg);
/* Is somebody of the ERG known by an address only that has not been asked about yet? */
bool push_unlooked(struct reconciler *r, const struct erg_id *erg);
/* Is a call about this person tried again just now? Then why, and when. */
bool push_call_trouble(const struct reconciler *r, const struct erg_id *erg, person_id person, char ret[DETAIL_SIZE]);
/* The app says something new of this person: a write that is not sent yet is not sent, and all that went with it is decided anew. What
 * is on its way already keeps its intent begun. */
void push_withdraw(struct reconciler *r, const struct erg_id *erg, person_id person);

#endif
