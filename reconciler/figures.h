/*
 * figures.h - what /metrics shows of the reconciler: one table of series, one snapshot of numbers.
 *
 * A row names the series, its kind and what a rise means; no id, name or address is ever a label value (contract section 8).
 * The listener's series come as text over the peer socket and are appended by whoever answers the scrape.
 */
#ifndef RECONCILER_FIGURES_H
#define RECONCILER_FIGURES_H

#include <stdint.h>

#include "app/api.h"
#include "base/text.h"
#include "graph/throttle.h"
#include "reconciler/reconciler.h"

struct reconciler;

/* Everything a series may show, as it was at one instant. */
struct figures {
	double start_time_s, resident_bytes, heap_bytes, cpu_s, descriptors;
	double hints_read, hints_damaged, hints_unknown_scope, hints_other_team, rich_believed, rich_refused;
	double reads_item, reads_whole, reads_failed, members_compared;
	double changes_added, changes_removed, changes_updated;
	double missed_sweep, missed_drift, callbacks_refused;
	double waits[RECONCILER_WAIT_COUNT + 1], waited_s; /* not cumulated */
	double meetings_scheduled, meetings_updated, meetings_cancelled, meetings_failed, meetings_compared, meeting_mails;
	double removals_confirmed, removals_refuted, removals_held;
	double ergs[APP_ERG_STATES], tenants[APP_TENANT_STATES], subscriptions[APP_SUBSCRIPTION_STATES];
	double permission_missing, subscriptions_former, subscription_expiry_s, proved_oldest_s;
	double inbox_backlog, dirty, callbacks_backlog, callbacks_in_flight, callbacks_age_s, feed_seq, resyncs_running;
	double graph_calls, graph_tries, graph_retries, graph_failures, graph_throttled, graph_refused, graph_tokens;
	double graph_operations[GRAPH_OPERATION_COUNT];
	double graph_secret_s;
	double graph_in_flight, graph_queued, graph_breakers, graph_answer_s, graph_skew_s, graph_certificate_s;
	double store_used, store_file, store_map, store_commits, store_damaged, store_quarantined, store_commit_s, additions_only;
};

void figures_take(struct reconciler *r, struct figures *ret);
/* Pure: Prometheus text format 0.0.4. */
void figures_print(const struct figures *f, struct text *ret);

#endif
