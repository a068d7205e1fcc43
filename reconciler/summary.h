/*
 * summary.h - how the whole of it stands: for GET /v1/status, the metrics, /readyz and the console, from one walk.
 *
 * Tenants, ERGs and subscriptions are walked only when one of them was written since the last walk; for those to whom it does not
 * matter, not more than once in so many milliseconds. Everything else is looked at each time.
 */
#ifndef RECONCILER_SUMMARY_H
#define RECONCILER_SUMMARY_H

#include <stdint.h>

#include "app/api.h"
#include "base/err.h"

struct reconciler;
struct summaries;

#define SUMMARY_NOW 0    /* what was written in this turn counts */
#define SUMMARY_MS  1000 /* for figures that are looked at again and again */

enum err summaries_new(struct summaries **ret);
void summaries_free(struct summaries *su); /* NULL is fine */

/* How old the counts may be: max_age_ms. */
void summary_take(struct reconciler *r, int64_t max_age_ms, struct app_status *ret);

#endif
