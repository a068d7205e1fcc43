/*
 * view.h - model structs as the JSON that the app sees (contract.md section 4).
 *
 * An object names itself twice: as id, and by the word others use for it (erg, tenant), so that lists, members, callbacks
 * and the objects themselves join on one name. What is empty or unknown is null: so is the user of somebody whom only Teams
 * knows, as in callbacks; "entra:" and the entra_id name that person in a path. Texts that were cut within a character lose
 * the rest of it, never the whole view. Pure; each gives a new object, NULL when out of memory.
 */
#ifndef APP_VIEW_H
#define APP_VIEW_H

#include <jansson.h>

#include "app/api.h"

json_t *view_tenant(const struct tenant_view *tenant);
json_t *view_sign_in(const struct app_sign_in *sign_in);
json_t *view_doctor(const struct app_doctor *doctor);
json_t *view_erg(const struct erg_view *erg);
json_t *view_member(const struct member_view *member);
json_t *view_members_replaced(const struct app_members_replaced *counts);
json_t *view_event(const struct event_view *event);
json_t *view_responses(const struct event_responses *responses);
json_t *view_resync(const struct resync *resync);
json_t *view_plan_item(const struct app_plan_item *item);
/* Takes items. */
json_t *view_plan(const struct app_plan *plan, json_t *items);
json_t *view_receipt(const struct receipt *receipt);
json_t *view_key_rotation(const struct app_key_rotation *rotation);
json_t *view_status(const struct app_status *status);

/* o when all went well; else frees it. */
json_t *view_checked(json_t *o, int bad);
/* A string, or null for "". */
json_t *view_text(const char *s);

#endif
