/*
 * metrics.h - what the listener has counted, and its text for Prometheus.
 *
 * One table row is one counter: its name, its label, and what a rise means. Event-loop thread only. The reconciler asks for the text
 * over the peer socket and shows it with its own.
 */
#ifndef LISTENER_METRICS_H
#define LISTENER_METRICS_H

#include <stddef.h>
#include <stdint.h>

struct text;

/*        enum               family (ergsync_listener_..._total)  label                        a rise means */
#define METRICS(X)                                                                                                               \
	X(POSTS_STORED, "posts", "outcome=\"stored\"", "Notification posts answered, by outcome.")                               \
	X(POSTS_NOTHING, "posts", "outcome=\"nothing_ours\"", NULL)    /* 202, but no item was ours: forged or strayed */        \
	X(POSTS_REJECTED, "posts", "outcome=\"rejected\"", NULL)       /* 400: not a notification body */                        \
	X(POSTS_UNAVAILABLE, "posts", "outcome=\"unavailable\"", NULL) /* 503: Graph will send it again */                       \
	X(ITEMS_ACCEPTED, "items", "outcome=\"accepted\"", "Notification items, by what became of them.")                        \
	X(ITEMS_FOREIGN, "items", "outcome=\"foreign\"", NULL) /* clientState not ours */                                        \
	X(ITEMS_DROPPED, "items", "outcome=\"not_object\"", NULL)                                                                \
	X(HANDSHAKES_ANSWERED, "validations", "outcome=\"answered\"", "Endpoint validations by Graph, by outcome.")              \
	X(HANDSHAKES_REFUSED, "validations", "outcome=\"refused\"", NULL)                                                        \
	X(CONSENTS, "consents", "outcome=\"taken\"", "Visitors of the page behind Microsoft's consent, by outcome.")             \
	X(CONSENTS_REFUSED, "consents", "outcome=\"refused\"", NULL) /* no state of ours */                                      \
	X(REFUSED_SYNTAX, "refusals", "reason=\"syntax\"", "Requests refused before their body was looked at, by reason.")       \
	X(REFUSED_SIZE, "refusals", "reason=\"size\"", NULL)                                                                     \
	X(REFUSED_FRAMING, "refusals", "reason=\"framing\"", NULL)                                                               \
	X(REFUSED_PATH, "refusals", "reason=\"path\"", NULL)                                                                     \
	X(REFUSED_METHOD, "refusals", "reason=\"method\"", NULL)                                                                 \
	X(REFUSED_ENCODING, "refusals", "reason=\"encoding\"", NULL)                                                             \
	X(REFUSED_BUSY, "refusals", "reason=\"busy\"", NULL) /* no memory left for its body */                                   \
	X(CONNECTIONS, "connections", NULL, "Connections accepted.")                                                             \
	X(EVICTED, "disconnects", "reason=\"evicted\"", "Connections ended by us, by reason.")                                   \
	X(EXPIRED, "disconnects", "reason=\"deadline\"", NULL)                                                                   \
	X(CROWDED, "disconnects", "reason=\"crowded\"", NULL) /* refused: everybody else is at work */                           \
	X(TLS_FAILED, "disconnects", "reason=\"tls\"", NULL)                                                                     \
	X(ACCEPT_FAILED, "accept_failures", NULL, "Connections the system would not hand over; rises when descriptors run out.") \
	X(COMMITS, "commits", "outcome=\"ok\"", "Commits of the inbox, by outcome.")                                             \
	X(COMMITS_FAILED, "commits", "outcome=\"failed\"", NULL) /* should never happen: disk full or failing */                 \
	X(WAKES, "wakes", "outcome=\"sent\"", "Wake-ups of the reconciler, by outcome.")                                         \
	X(WAKES_FAILED, "wakes", "outcome=\"failed\"", NULL) /* it is not running */

#define X(name, family, label, help) METRIC_##name,
enum metric { METRICS(X) METRIC_COUNT };
#undef X

/* Upper bounds in microseconds. Intake has Graph's lines: over 3 s it counts us as slow, over 10 s as dropping (graph-facts 4.2). */
#define METRICS_INTAKE_BOUNDS                                                                                                    \
	{                                                                                                                        \
		1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, 3000000, 10000000                                \
	}
#define METRICS_COMMIT_BOUNDS                                                                                                    \
	{                                                                                                                        \
		250, 500, 1000, 2500, 5000, 10000, 25000, 100000, 250000, 1000000, 3000000                                       \
	}
#define METRICS_BOUNDS 11

struct histogram {
	uint64_t buckets[METRICS_BOUNDS + 1], sum_us;
};

struct metrics {
	uint64_t counts[METRIC_COUNT];
	struct histogram intake, commit;
};

/* Present values, read when the text is made. */
struct gauges {
	size_t connections, backlog;
	uint64_t inbox_records, inbox_used_bytes, inbox_file_bytes, inbox_map_bytes;
	size_t heap_bytes;
	int healthy;
	int64_t certificate_expires_unix;
};

/* For how long something takes: microseconds that neither step nor count suspend. Any thread. */
int64_t metrics_now_us(void);
void metrics_intake(struct metrics *m, int64_t took_us); /* from a post's last byte to its answer */
void metrics_commit(struct metrics *m, int64_t took_us);
void metrics_text(const struct metrics *m, const struct gauges *gauges, struct text *ret);

#endif
