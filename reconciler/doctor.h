/*
 * doctor.h - looks at a tenant and at what all tenants need, on request: a report that grows until all is known.
 *
 * Runs beside everything else and never longer than DOCTOR_LIMIT_MS: what has not answered by then is "unknown". One run a tenant
 * at a time; a finished report serves for DOCTOR_FRESH_MS, so that asking often costs little. What it sees is judged by checkup.
 */
#ifndef RECONCILER_DOCTOR_H
#define RECONCILER_DOCTOR_H

#include "app/api.h"
#include "base/err.h"
#include "model/tenant.h"

#define DOCTOR_LIMIT_MS 20000
#define DOCTOR_FRESH_MS 10000
#define DOCTOR_RUNS_MAX 32 /* reports kept, and so runs at a time: ERR_FULL */

struct doctor;
struct reconciler;

enum err doctor_new(struct reconciler *r, struct doctor **ret);
void doctor_free(struct doctor *d); /* cancels; NULL is fine */

/* The report of the tenant: fresh, under way, or one that begins now. ERR_FULL, ERR_NOMEM. */
enum err doctor_report(struct reconciler *r, const struct tenant *tenant, struct app_doctor *ret);
/* The tenant is erased. */
void doctor_forget(struct reconciler *r, const struct tenant_id *tenant);

#endif
