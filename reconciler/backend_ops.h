/*
 * backend_ops.h - the operations of the app API by what they are about, shared by the parts of backend.h and nobody else.
 *
 * app/api.h says what each does.
 */
#ifndef RECONCILER_BACKEND_OPS_H
#define RECONCILER_BACKEND_OPS_H

#include "app/api.h"

struct reconciler;

/* ---------- backend.c ---------- */

/* Is there room in the store for what is about to be put? */
enum err backend_check_room(struct reconciler *r, struct problem *p);

/* ---------- backend_tenants.c ---------- */

enum err
backend_tenant_put(void *ctx, const struct app_tenant_put *put, struct tenant_view *ret, bool *ret_created, struct problem *p);
enum err backend_tenant_get(void *ctx, const struct tenant_id *id, struct tenant_view *ret, struct problem *p);
enum err backend_tenant_list(
    void *ctx, const struct app_page *page, app_tenant_emit emit, void *arg, struct app_cursor *ret_next, struct problem *p);
enum err backend_tenant_remove(void *ctx, const struct tenant_id *id, struct tenant_view *ret, struct problem *p);
enum err backend_tenant_sign_in_start(void *ctx, const struct tenant_id *id, struct app_sign_in *ret, struct problem *p);
enum err backend_tenant_sign_in_get(void *ctx, const struct tenant_id *id, struct app_sign_in *ret, struct problem *p);
enum err backend_tenant_doctor(void *ctx, const struct tenant_id *id, struct app_doctor *ret, struct problem *p);

/* ---------- backend_ergs.c ---------- */

enum err backend_unknown_erg(struct problem *p, const struct erg_id *id);
/* Does its tenant stay? What is put while it is being removed would be taken in, and gone with it. */
enum err backend_check_tenant(struct reconciler *r, const struct erg *erg, struct problem *p);
/* Nothing is asked of Graph for this tenant now: *ret says so, and why. False: *ret stays. */
bool backend_tenant_waits(struct reconciler *r, const struct tenant_id *tenant, char ret[DETAIL_SIZE]);
/* The policy the app asked for, whether or not the tenant lets it. */
enum meetings_policy backend_meetings_asked(const struct erg *erg);
/* The ERG's policy is what was asked for as far as its tenant allows. */
void backend_meetings_decide(struct erg *erg, enum meetings_policy asked, enum tenant_meetings allowed);
enum err backend_erg_put(void *ctx, const struct app_erg_put *put, struct erg_view *ret, bool *ret_created, struct problem *p);
enum err backend_erg_get(void *ctx, const struct erg_id *id, struct erg_view *ret, struct problem *p);
enum err backend_erg_list(
    void *ctx, const struct app_page *page, app_erg_emit emit, void *arg, struct app_cursor *ret_next, struct problem *p);
enum err backend_erg_remove(void *ctx, const struct erg_id *id, struct problem *p);

/* ---------- backend_members.c ---------- */

enum err backend_member_get(
    void *ctx, const struct erg_id *id, const struct app_person_ref *who, struct member_view *ret, struct problem *p);
enum err backend_member_list(void *ctx, const struct erg_id *id, const struct app_page *page, app_member_emit emit, void *arg,
    struct app_cursor *ret_next, struct problem *p);
enum err backend_member_put(
    void *ctx, const struct erg_id *id, const struct app_member_put *put, struct member_view *ret, struct problem *p);
enum err backend_member_remove(void *ctx, const struct erg_id *id, const struct app_person_ref *who, struct problem *p);
enum err backend_members_replace(void *ctx, const struct erg_id *id, const struct app_member_put *list, size_t count,
    struct app_members_replaced *ret, struct problem *p);

/* ---------- backend_events.c ---------- */

enum err backend_event_get(
    void *ctx, const struct erg_id *id, const struct event_id *event, app_event_emit emit, void *arg, struct problem *p);
enum err backend_event_list(void *ctx, const struct erg_id *id, const struct app_page *page, app_event_emit emit, void *arg,
    struct app_cursor *ret_next, struct problem *p);
enum err backend_event_put(void *ctx, const struct erg_id *id, const struct event_id *event, const struct event_fields *fields,
    app_event_emit emit, void *arg, struct problem *p);
enum err backend_event_cancel(void *ctx, const struct erg_id *id, const struct event_id *event, const char *comment,
    app_event_emit emit, void *arg, struct problem *p);

#endif
