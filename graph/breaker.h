/*
 * breaker.h - a circuit breaker: stops asking a service that fails for a tenant. Pure: time and jitter are arguments.
 *
 * Opens when at least half of 20 or more calls of the last minute failed. Then one probe after a pause that doubles from 5 s to
 * 5 minutes, 15 minutes once the outage lasts over an hour; a person's call may be the probe at any time. A probe that
 * succeeds closes it, and the load comes back by a tenth a minute. Source: reliability.md section 5.
 */
#ifndef GRAPH_BREAKER_H
#define GRAPH_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_SLOTS          6
#define BREAKER_SLOT_MS        10000
#define BREAKER_CALLS_MIN      20
#define BREAKER_PAUSE_MIN_MS   5000
#define BREAKER_PAUSE_MAX_MS   300000
#define BREAKER_PAUSE_SLOW_MS  900000
#define BREAKER_OUTAGE_SLOW_MS 3600000
#define BREAKER_RAMP_STEP_MS   60000

enum graph_breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_PROBING };

struct graph_breaker {
	enum graph_breaker_state state;
	struct {
		int64_t start_ms;
		uint32_t ok, failed;
	} slots[BREAKER_SLOTS];
	int64_t opened_ms, probe_ms, pause_ms;
	int64_t closed_ms; /* start of the ramp; -1 = none */
};

void graph_breaker_init(struct graph_breaker *b);
/* May a call go? 0: yes (then graph_breaker_result must follow); else milliseconds until it is worth asking. urgent: a person waits. */
int64_t graph_breaker_ask(struct graph_breaker *b, bool urgent, int64_t now_ms);
/* jitter is uniform in [0, 1000). True when this result opened or closed the breaker. */
bool graph_breaker_result(struct graph_breaker *b, bool failed, int64_t now_ms, uint32_t jitter);
/* A call that was let through ended without a result (cancelled, throttled). */
void graph_breaker_drop(struct graph_breaker *b, int64_t now_ms);
/* How many of full calls may be under way now: all, or fewer after an outage; at least 1. */
unsigned graph_breaker_share(const struct graph_breaker *b, unsigned full, int64_t now_ms);

#endif
