/*
 * app_list.h - what the app lists of an ERG, by single entries or by its whole list.
 *
 * Members a list lacks have left. A snapshot is a list, too, but comes in slices: app_snapshot.h.
 */
#ifndef RECONCILER_APP_LIST_H
#define RECONCILER_APP_LIST_H

#include "app/api.h"
#include "reconciler/roster.h"

/* Takes one entry in; *ret is the person. ERR_CONFLICT with why. */
enum err app_list_one(const struct roster_view *v, const struct app_member_put *put, struct person *ret, char why[DETAIL_SIZE]);
/* Whoever is not among the sorted ones has left the app. Adds up how many. */
void app_list_leave_others(const struct roster_view *v, const person_id *listed, size_t count, int64_t *ret_removed);

#endif
