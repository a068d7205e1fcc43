/* figures.c - the table of series, and where each number comes from. */
#include "reconciler/figures.h"

#include <dirent.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/heap.h"
#include "graph/graph.h"
#include "reconciler/reconciler.h"
#include "reconciler/summary.h"
#include "state/outbox.h"

enum series_kind { GAUGE, COUNTER };

struct series {
	const char *name;
	enum series_kind kind;
	size_t offset;
	const char *const *states; /* an array of numbers, one for each state name; NULL = one number */
	const char *labels;        /* "" or {key="value"} of a fixed set; of an array the key */
	const char *help;
};

#define ROW(name, kind, field, labels, help)                                                                                     \
	{                                                                                                                        \
		"ergsync_" name, kind, offsetof(struct figures, field), NULL, labels, help                                       \
	}
#define NAMES(name, kind, field, names, key, help)                                                                               \
	{                                                                                                                        \
		"ergsync_" name, kind, offsetof(struct figures, field), names, key, help                                         \
	}
#define STATES(name, field, names, help)                                                                                         \
	{                                                                                                                        \
		"ergsync_" name, GAUGE, offsetof(struct figures, field), names, "state", help                                    \
	}

#define HINTS                                                                                                                    \
	"Notifications read from the inbox. No rise for long while teams change: is the listener reachable? other_team: of "     \
	"teams that are no ERG's, told by a subscription for all teams of a tenant."
#define READS "Reads of Teams rosters begun. A steep rise without changes: a storm of notifications, or retries."
#define RICH                                                                                                                     \
	"Rich notifications by whether they were proved and opened. A rise of refused ones: key folder, clock, or a forger; "    \
	"nothing is lost."
#define CHANGES  "Membership changes found in Teams and queued for the app."
#define REMOVALS "Removals by what the second read said; refuted ones were faults of a list, held ones wait for a person."

#define MEETINGS "Changes of meetings told to the app. failed: Outlook refused; ergsyncctl event tells why."
#define MISSED                                                                                                                   \
	"Changes in Teams (found by a drift check: teams with such) that no notification had told of: the loss, to be seen "     \
	"against ergsync_member_changes_total. A rise: "                                                                         \
	"Graph loses notifications, or cannot reach the listener. Some are normal after an outage."

static const char *const operation_names[] = {
#define X(name, service, a, b, c, d, e, f, g, text) text,
	GRAPH_OPERATION_TABLE(X)
#undef X
	    NULL,
};

static const struct series rows[] = {
	ROW("hints_total", COUNTER, hints_read, "{outcome=\"accepted\"}", HINTS),
	ROW("hints_total", COUNTER, hints_damaged, "{outcome=\"damaged\"}", HINTS),
	ROW("hints_total", COUNTER, hints_unknown_scope, "{outcome=\"unknown_scope\"}", HINTS),
	ROW("hints_total", COUNTER, hints_other_team, "{outcome=\"other_team\"}", HINTS),
	ROW("rich_notifications_total", COUNTER, rich_believed, "{outcome=\"believed\"}", RICH),
	ROW("rich_notifications_total", COUNTER, rich_refused, "{outcome=\"refused\"}", RICH),
	ROW("roster_reads_total", COUNTER, reads_item, "{kind=\"one\"}", READS),
	ROW("roster_reads_total", COUNTER, reads_whole, "{kind=\"whole\"}", READS),
	ROW("roster_read_failures_total", COUNTER, reads_failed, "",
	    "Reads that did not complete; nothing was concluded from them. A steady rise: see status for the reason."),
	ROW("members_compared_total", COUNTER, members_compared, "", "People compared between both sides."),
	ROW("member_changes_total", COUNTER, changes_added, "{kind=\"added\"}", CHANGES),
	ROW("member_changes_total", COUNTER, changes_removed, "{kind=\"removed\"}", CHANGES),
	ROW("member_changes_total", COUNTER, changes_updated, "{kind=\"updated\"}", CHANGES),
	ROW("removals_total", COUNTER, removals_confirmed, "{outcome=\"confirmed\"}", REMOVALS),
	ROW("removals_total", COUNTER, removals_refuted, "{outcome=\"refuted\"}", REMOVALS),
	ROW("removals_total", COUNTER, removals_held, "{outcome=\"held\"}", REMOVALS),
	ROW("unannounced_changes_total", COUNTER, missed_sweep, "{found_by=\"comparison\"}", MISSED),
	ROW("unannounced_changes_total", COUNTER, missed_drift, "{found_by=\"drift_check\"}", MISSED),
	ROW("meeting_changes_total", COUNTER, meetings_scheduled, "{kind=\"scheduled\"}", MEETINGS),
	ROW("meeting_changes_total", COUNTER, meetings_updated, "{kind=\"updated\"}", MEETINGS),
	ROW("meeting_changes_total", COUNTER, meetings_cancelled, "{kind=\"cancelled\"}", MEETINGS),
	ROW("meeting_changes_total", COUNTER, meetings_failed, "{kind=\"failed\"}", MEETINGS),
	ROW("meetings_compared_total", COUNTER, meetings_compared, "",
	    "Meetings compared with whole reads of organizers' calendars."),
	ROW("meeting_mails_total", COUNTER, meeting_mails, "",
	    "Mails to attendees that changes of ours made Outlook send, by our count. More than mail_limit an ERG and day: a "
	    "plan was approved."),
	STATES("ergs", ergs, erg_state_names, "ERGs by state. broken and held want a person: see ergsyncctl status."),
	STATES("tenants", tenants, tenant_state_names, "Tenants by state. consent_missing wants the customer's admin."),
	ROW("tenants_permission_missing", GAUGE, permission_missing, "",
	    "Tenants that have not granted all that their ERGs need. Any: ergsyncctl doctor TENANT names what is missing."),
	STATES("subscriptions", subscriptions, subscription_state_names,
	    "Graph subscriptions by state. failing for long: changes are found by sweeps only. covered: teams that the tenant's "
	    "own "
	    "subscription tells of; refused: tenants where Graph does not grant one."),
	ROW("subscriptions_former_address", GAUGE, subscriptions_former, "",
	    "Subscriptions for which Graph sends something to a former public_url, which must go on answering until this is 0."),
	ROW("subscription_expiry_timestamp_seconds", GAUGE, subscription_expiry_s, "",
	    "When the next subscription would expire, as Unix time; 0 without any. Must stay well ahead of now."),
	ROW("proved_oldest_timestamp_seconds", GAUGE, proved_oldest_s, "",
	    "When the ERG proved equal longest ago was, as Unix time; 0 = never. Should follow now within a sweep."),
	ROW("inbox_backlog", GAUGE, inbox_backlog, "",
	    "Notifications stored and not yet read. A rise: the reconciler does not keep up."),
	ROW("dirty", GAUGE, dirty, "", "Scopes and items still to be read from Graph. A rise: Graph refuses or throttles."),
	ROW("callbacks_backlog", GAUGE, callbacks_backlog, "",
	    "Callbacks not yet acknowledged. A rise: the app is down or refuses."),
	ROW("callbacks_in_flight", GAUGE, callbacks_in_flight, "", "Callbacks under way."),
	ROW("callbacks_oldest_age_seconds", GAUGE, callbacks_age_s, "", "How long the oldest of them waits."),
	ROW("callbacks_refused_total", COUNTER, callbacks_refused, "",
	    "Callbacks the app refused for good. A rise: both sides differ there until somebody mends the app; see the members' "
	    "status."),
	ROW("feed_sequence", GAUGE, feed_seq, "", "Number of the newest change."),
	ROW("resyncs_running", GAUGE, resyncs_running, "", "Requested comparisons under way."),
	ROW("graph_calls_total", COUNTER, graph_calls, "", "Calls asked for."),
	ROW("graph_tries_total", COUNTER, graph_tries, "", "Requests sent to Graph."),
	NAMES("graph_requests_total", COUNTER, graph_operations, operation_names, "operation",
	    "The same by operation. A rise without changes in Teams: a storm of notifications, or retries."),
	ROW("graph_retries_total", COUNTER, graph_retries, "", "Requests repeated. A rise: Graph or the network stumbles."),
	ROW("graph_failures_total", COUNTER, graph_failures, "", "Calls that failed for good."),
	ROW("graph_throttled_total", COUNTER, graph_throttled, "",
	    "Answers that asked us to wait. Some are normal in a large resync."),
	ROW("graph_refused_total", COUNTER, graph_refused, "",
	    "Calls refused before they were sent: an open breaker or a full queue."),
	ROW("graph_token_requests_total", COUNTER, graph_tokens, "", "Tokens asked for. One a tenant and hour is normal."),
	ROW("graph_in_flight", GAUGE, graph_in_flight, "", "Requests under way."),
	ROW("graph_queued", GAUGE, graph_queued, "", "Calls waiting for their turn."),
	ROW("graph_breakers_open", GAUGE, graph_breakers, "", "Tenants and services not asked because they failed too often."),
	ROW("graph_certificate_expiry_timestamp_seconds", GAUGE, graph_certificate_s, "",
	    "When the client certificate expires, as Unix time; 0 when a secret is used."),
	ROW("graph_secret_expiry_timestamp_seconds", GAUGE, graph_secret_s, "",
	    "When the client secret expires, as Unix time, as the configuration says; 0 when it does not, or a certificate is "
	    "used."),
	ROW("graph_last_answer_timestamp_seconds", GAUGE, graph_answer_s, "",
	    "When Graph answered last, as Unix time; 0 = never."),
	ROW("graph_clock_skew_seconds", GAUGE, graph_skew_s, "",
	    "Our clock minus Graph's. Beyond a few minutes: mend the clock."),
	ROW("store_used_bytes", GAUGE, store_used, "", "Used part of the store. Near the map: raise [state] map_size."),
	ROW("store_file_bytes", GAUGE, store_file, "", "Size of the store's file."),
	ROW("store_map_bytes", GAUGE, store_map, "", "The store's ceiling."),
	ROW("store_commits_total", COUNTER, store_commits, "", "Transactions made durable."),
	ROW("ergs_additions_only", GAUGE, additions_only, "",
	    "ERGs that nobody is removed from, as what is stored may be outdated: after a restore or damage. Should go to 0."),
	ROW("store_damaged_total", COUNTER, store_damaged, "",
	    "Records that failed authentication. Should never rise: check the disk."),
	ROW("store_quarantined", GAUGE, store_quarantined, "",
	    "Records that did not open and were taken out; what belongs to them is read anew. Any: check the disk."),
	ROW("store_commit_seconds", GAUGE, store_commit_s, "", "How long the last sync took."),
	ROW("reconciler_start_time_seconds", GAUGE, start_time_s, "", "When the reconciler started, as Unix time."),
	ROW("reconciler_resident_memory_bytes", GAUGE, resident_bytes, "", "Memory in use."),
	ROW("reconciler_heap_bytes", GAUGE, heap_bytes, "",
	    "Memory that was asked for and not given back. A steady rise over days, with as many ERGs, is a leak."),
	ROW("reconciler_cpu_seconds_total", COUNTER, cpu_s, "", "Processor time used."),
	ROW("reconciler_open_fds", GAUGE, descriptors, "", "Open descriptors. A steady rise is a leak."),
};

/* --- printing --- */

static double
number_at(const struct figures *f, size_t offset, size_t index)
{
	double d;

	memcpy(&d, (const char *)f + offset + index * sizeof(d), sizeof(d));
	return isfinite(d) ? d : 0;
}

static void
print_waits(const struct figures *f, struct text *ret)
{
	static const int bounds[RECONCILER_WAIT_COUNT] = RECONCILER_WAIT_BOUNDS;
	double count = 0;

	text_adds(ret, "# HELP ergsync_change_to_consistent_seconds From a change's first notification until it was read and "
	               "taken in. A rise "
	               "of the slow ones: Graph throttles or fails, or its lists lag.\n"
	               "# TYPE ergsync_change_to_consistent_seconds histogram\n");
	for (size_t i = 0; i < RECONCILER_WAIT_COUNT; i++) {
		count += f->waits[i];
		text_addf(ret, "ergsync_change_to_consistent_seconds_bucket{le=\"%d\"} %.17g\n", bounds[i], count);
	}
	count += f->waits[RECONCILER_WAIT_COUNT];
	text_addf(ret,
	    "ergsync_change_to_consistent_seconds_bucket{le=\"+Inf\"} %.17g\nergsync_change_to_consistent_seconds_sum %.17g\n"
	    "ergsync_change_to_consistent_seconds_count %.17g\n",
	    count, f->waited_s, count);
}

void
figures_print(const struct figures *f, struct text *ret)
{
	const char *last = "";

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct series *s = &rows[i];

		if (strcmp(last, s->name) != 0)
			text_addf(ret, "# HELP %s %s\n# TYPE %s %s\n", s->name, s->help, s->name,
			    s->kind == COUNTER ? "counter" : "gauge");
		last = s->name;
		if (s->states == NULL)
			text_addf(ret, "%s%s %.17g\n", s->name, s->labels, number_at(f, s->offset, 0));
		for (size_t k = 0; s->states != NULL && s->states[k] != NULL; k++)
			text_addf(ret, "%s{%s=\"%s\"} %.17g\n", s->name, s->labels, s->states[k], number_at(f, s->offset, k));
	}
	print_waits(f, ret);
	text_addf(ret,
	    "# HELP ergsync_build_info Always 1; the version is its label.\n# TYPE ergsync_build_info gauge\n"
	    "ergsync_build_info{version=\"%s\"} 1\n",
	    ERGSYNC_VERSION);
}

/* --- taking --- */

static double
seconds(int64_t ms)
{
	return (double)ms / 1000;
}

static void
take_process(struct figures *f)
{
	long pages = 0;
	struct rusage usage;
	FILE *statm = fopen("/proc/self/statm", "re");
	DIR *descriptors = opendir("/proc/self/fd");

	if (statm != NULL) {
		if (fscanf(statm, "%*s %ld", &pages) != 1) /* NOLINT(cert-err34-c): the kernel writes numbers */
			pages = 0;
		fclose(statm);
	}
	f->heap_bytes = (double)heap_bytes();
	f->resident_bytes = (double)pages * (double)sysconf(_SC_PAGESIZE);
	while (descriptors != NULL && readdir(descriptors) != NULL)
		f->descriptors++;
	if (descriptors != NULL)
		closedir(descriptors);
	f->descriptors -= f->descriptors >= 3 ? 3 : 0; /* ".", ".." and the one we look with */
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		f->cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void
take_status(struct reconciler *r, struct figures *f)
{
	struct app_status s;

	summary_take(r, SUMMARY_MS, &s);
	for (size_t i = 0; i < APP_ERG_STATES; i++)
		f->ergs[i] = (double)s.ergs[i];
	for (size_t i = 0; i < APP_TENANT_STATES; i++)
		f->tenants[i] = (double)s.tenants[i];
	for (size_t i = 0; i < APP_SUBSCRIPTION_STATES; i++)
		f->subscriptions[i] = (double)s.subscriptions[i];
	f->permission_missing = (double)s.permission_missing;
	f->subscriptions_former = (double)s.subscriptions_former;
	f->subscription_expiry_s = seconds(s.subscription_expiry_wall_ms);
	f->proved_oldest_s = seconds(s.unproved_wall_ms);
	f->inbox_backlog = (double)s.inbox_backlog;
	f->dirty = (double)s.dirty;
	f->additions_only = (double)s.additions_only;
	f->feed_seq = (double)s.feed_seq;
	f->resyncs_running = (double)s.resyncs_running;
}

static void
take_counters(const struct reconciler_counters *c, struct figures *f)
{
	f->hints_read = (double)c->hints_read;
	f->hints_damaged = (double)c->hints_damaged;
	f->hints_unknown_scope = (double)c->hints_unknown_scope;
	f->hints_other_team = (double)c->hints_other_team;
	f->rich_believed = (double)c->rich_believed;
	f->rich_refused = (double)c->rich_refused;
	f->reads_item = (double)c->reads_item;
	f->reads_whole = (double)c->reads_whole;
	f->reads_failed = (double)c->reads_failed;
	f->members_compared = (double)c->members_compared;
	f->changes_added = (double)c->changes_member_added;
	f->changes_removed = (double)c->changes_member_removed;
	f->changes_updated = (double)c->changes_member_updated;
	f->missed_sweep = (double)c->missed_sweep;
	f->missed_drift = (double)c->missed_drift;
	f->callbacks_refused = (double)c->callbacks_refused;
	for (size_t i = 0; i <= RECONCILER_WAIT_COUNT; i++)
		f->waits[i] = (double)c->waits[i];
	f->waited_s = seconds((int64_t)c->waited_ms);
	f->meetings_scheduled = (double)c->changes_meeting_scheduled;
	f->meetings_updated = (double)c->changes_meeting_updated;
	f->meetings_cancelled = (double)c->changes_meeting_cancelled;
	f->meetings_failed = (double)c->changes_meeting_failed;
	f->meetings_compared = (double)c->meetings_compared;
	f->meeting_mails = (double)c->mails_caused;
	f->removals_confirmed = (double)c->removals_confirmed;
	f->removals_refuted = (double)c->removals_refuted;
	f->removals_held = (double)c->removals_held;
}

static void
take_graph(const struct graph *g, struct figures *f)
{
	struct graph_stats s;

	graph_stats(g, &s);
	f->graph_calls = (double)s.calls;
	f->graph_tries = (double)s.tries;
	f->graph_retries = (double)s.retries;
	f->graph_failures = (double)s.failures;
	f->graph_throttled = (double)s.throttled;
	f->graph_refused = (double)s.refused;
	f->graph_tokens = (double)s.token_requests;
	f->graph_in_flight = (double)s.in_flight;
	f->graph_queued = (double)s.queued;
	f->graph_breakers = (double)s.breakers_open;
	f->graph_answer_s = seconds(s.last_answer_wall_ms);
	f->graph_skew_s = seconds(s.clock_skew_ms);
	f->graph_secret_s = s.by_certificate ? 0 : (double)s.credential_expires_s;
	for (size_t i = 0; i < GRAPH_OPERATION_COUNT; i++)
		f->graph_operations[i] = (double)s.by_operation[i];
	f->graph_certificate_s = s.by_certificate ? (double)s.credential_expires_s : 0;
}

static void
take_store(struct reconciler *r, struct figures *f)
{
	struct outbox_backlog backlog = outbox_backlog(r->outbox);
	struct store_stats s;

	store_stats(r->store, &s);
	f->store_used = (double)s.used_bytes;
	f->store_file = (double)s.file_bytes;
	f->store_map = (double)s.map_bytes;
	f->store_commits = (double)s.commits;
	f->store_damaged = (double)s.damaged;
	f->store_quarantined = (double)s.quarantined;
	f->store_commit_s = seconds(s.last_commit_ms);
	f->callbacks_backlog = (double)backlog.count;
	f->callbacks_in_flight = (double)backlog.in_flight;
	f->callbacks_age_s = backlog.oldest_wall_ms > 0 ? seconds(clock_wall_ms(r->clock) - backlog.oldest_wall_ms) : 0;
}

void
figures_take(struct reconciler *r, struct figures *ret)
{
	*ret = (struct figures){ .start_time_s = seconds(r->started_wall_ms) };
	take_process(ret);
	take_status(r, ret);
	take_counters(&r->counters, ret);
	take_graph(r->graph, ret);
	take_store(r, ret);
}
