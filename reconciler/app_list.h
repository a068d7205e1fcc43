/*
 * app_list.h - what the app lists of an ERG, by single entries, by its whole list, or by a snapshot we fetch at a full resync.
 *
 * Members a list lacks have left. Events a snapshot lacks are left alone, and it revives none that is cancelled: an invitation or a
 * cancellation is a mail to many that cannot be taken back, so the app says both by PUT and DELETE only.
 */
#ifndef RECONCILER_APP_LIST_H
#define RECONCILER_APP_LIST_H

#include "app/api.h"
#include "model/resync.h"
#include "reconciler/roster.h"

struct app_list_fetch;
struct reconciler;

/* Takes one entry in; *ret is the person. ERR_CONFLICT with why. */
enum err app_list_one(const struct roster_view *v, const struct app_member_put *put, struct person *ret, char why[DETAIL_SIZE]);
/* Whoever is not among the sorted ones has left the app; but for those of whom the app said something at since_wall_ms or later.
 * Adds up how many. */
void app_list_leave_others(
    const struct roster_view *v, const person_id *listed, size_t count, int64_t since_wall_ms, int64_t *ret_removed);
/* For qsort. */
int app_list_by_number(const void *a, const void *b);

/* Is there anything of the ERG that its snapshot could say? */
bool app_list_wanted(const struct erg *erg);
/* Fetches the app's snapshot of an ERG and takes it in. done is told once, in a later turn: ERR_OK, or that nothing was taken in, with
 * a detail. NULL: out of memory. */
struct app_list_fetch *app_list_fetch(
    struct reconciler *r, const struct erg_id *erg, void (*done)(void *arg, enum err e, const char *detail), void *arg);
/* done will not run. NULL is fine. */
void app_list_cancel(struct app_list_fetch *f);

#endif
