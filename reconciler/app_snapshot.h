/*
 * app_snapshot.h - fetches the app's snapshot of an ERG at a full resync and takes it in. contract.md section 6.
 *
 * What comes is laid aside on disk (staging.h) and counts when all of it has come. Then it is taken in by slices, one a turn, so that
 * neither memory nor a turn grows with the roster: first who is listed, then a look for members it lacks. Those have left; they are only
 * marked meanwhile and leave together in the last turn, so that the guard sees all of them. Broken off anywhere before, by a crash too,
 * nobody has left.
 *
 * An entry that would make two people of the app's one ends it: those before it are taken in, and nobody leaves. What the app says by
 * itself meanwhile is newer and wins. Events a snapshot lacks are left alone, and it revives none that is cancelled: an invitation or a
 * cancellation is a mail to many that cannot be taken back, so the app says both by PUT and DELETE only.
 */
#ifndef RECONCILER_APP_SNAPSHOT_H
#define RECONCILER_APP_SNAPSHOT_H

#include <stdbool.h>

#include "base/err.h"
#include "model/erg.h"

struct app_snapshot;
struct reconciler;

/* Is there anything of the ERG that its snapshot could say? */
bool app_snapshot_wanted(const struct erg *erg);
/* done is told once, in a later turn: ERR_OK, or why it was not taken in, with a detail. NULL: out of memory. */
struct app_snapshot *app_snapshot_fetch(
    struct reconciler *r, const struct erg_id *erg, void (*done)(void *arg, enum err e, const char *detail), void *arg);
/* done will not run. NULL is fine. */
void app_snapshot_cancel(struct app_snapshot *f);

#endif
