/* The Prometheus text format, version 0.0.4: HELP and TYPE once a family, then its samples. */
#include "listener/metrics.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

#define PREFIX "ergsync_listener_"

static const int64_t intake_bounds[METRICS_BOUNDS] = METRICS_INTAKE_BOUNDS;
static const int64_t commit_bounds[METRICS_BOUNDS] = METRICS_COMMIT_BOUNDS;

static const struct {
	const char *family, *label, *help;
} rows[] = {
#define X(name, family, label, help) { family, label, help },
	METRICS(X)
#undef X
};

static void
observe(struct histogram *h, const int64_t bounds[METRICS_BOUNDS], int64_t us)
{
	size_t i = 0;

	while (i < METRICS_BOUNDS && us > bounds[i])
		i++;
	h->buckets[i]++;
	h->sum_us += us > 0 ? (uint64_t)us : 0;
}

int64_t
metrics_now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void
metrics_intake(struct metrics *m, int64_t took_us)
{
	observe(&m->intake, intake_bounds, took_us);
}

void
metrics_commit(struct metrics *m, int64_t took_us)
{
	observe(&m->commit, commit_bounds, took_us);
}

static void
put_family(struct text *t, const char *name, const char *type, const char *help)
{
	text_addf(t, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name, type);
}

static void
put_counters(const struct metrics *m, struct text *t)
{
	for (size_t i = 0; i < METRIC_COUNT; i++) {
		if (rows[i].help != NULL)
			text_addf(t, "# HELP " PREFIX "%s_total %s\n# TYPE " PREFIX "%s_total counter\n", rows[i].family,
			    rows[i].help, rows[i].family);
		text_addf(t, PREFIX "%s_total", rows[i].family);
		if (rows[i].label != NULL)
			text_addf(t, "{%s}", rows[i].label);
		text_addf(t, " %" PRIu64 "\n", m->counts[i]);
	}
}

static void
put_histogram(const char *name, const char *help, const struct histogram *h, const int64_t bounds[METRICS_BOUNDS], struct text *t)
{
	uint64_t count = 0;

	put_family(t, name, "histogram", help);
	for (size_t i = 0; i < METRICS_BOUNDS; i++) {
		count += h->buckets[i];
		text_addf(t, PREFIX "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, (double)bounds[i] / 1e6, count);
	}
	count += h->buckets[METRICS_BOUNDS];
	text_addf(t, PREFIX "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, count);
	text_addf(t, PREFIX "%s_sum %.6f\n" PREFIX "%s_count %" PRIu64 "\n", name, (double)h->sum_us / 1e6, name, count);
}

static void
put_gauge(const char *name, const char *help, uint64_t value, struct text *t)
{
	put_family(t, name, "gauge", help);
	text_addf(t, PREFIX "%s %" PRIu64 "\n", name, value);
}

void
metrics_text(const struct metrics *m, const struct gauges *g, struct text *ret)
{
	put_counters(m, ret);
	put_histogram(
	    "intake_seconds", "From the last byte of a notification post to its answer.", &m->intake, intake_bounds, ret);
	put_histogram("commit_seconds", "One commit of the inbox, sync included.", &m->commit, commit_bounds, ret);
	put_gauge("open_connections", "Connections open now.", g->connections, ret);
	put_gauge("backlog_items", "Items accepted and not yet on disk.", g->backlog, ret);
	put_gauge("inbox_records", "Records in the inbox.", g->inbox_records, ret);
	put_gauge("inbox_used_bytes", "Bytes of the inbox in use.", g->inbox_used_bytes, ret);
	put_gauge("inbox_file_bytes", "Size of the inbox file.", g->inbox_file_bytes, ret);
	put_gauge("inbox_map_bytes", "What the inbox may grow to.", g->inbox_map_bytes, ret);
	put_gauge(
	    "heap_bytes", "Memory that was asked for and not given back. A steady rise over days is a leak.", g->heap_bytes, ret);
	put_gauge("healthy", "1 while it accepts and can store.", g->healthy != 0, ret);
	put_gauge("certificate_expiry_timestamp_seconds", "When the TLS certificate expires, Unix time.",
	    g->certificate_expires_unix > 0 ? (uint64_t)g->certificate_expires_unix : 0, ret);
	put_family(ret, "build_info", "gauge", "Always 1; the version is its label.");
	text_addf(ret, PREFIX "build_info{version=\"%s\"} 1\n", ERGSYNC_VERSION);
}
