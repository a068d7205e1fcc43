/*
 * schedule.h - which call goes next: priorities, fairness between tenants, limits, breakers. Pure: time is an argument.
 *
 * Calls for one place and priority queue in a lane, in order; lanes of one tenant and priority make a flow and take turns; flows
 * of a priority take turns in deficit round robin, by cost. Higher priorities first, but every sixteenth turn starts from
 * the lowest, so that none starves. A lane that meets a limit steps aside until the limit lets it, and holds up nobody. A tenant
 * has at most a quarter of all calls under way, so one that answers slowly delays no other. A tenth of the places, at least
 * one, is kept for renewals: starved ones would mean silence.
 */
#ifndef GRAPH_SCHEDULE_H
#define GRAPH_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/err.h"
#include "graph/breaker.h"
#include "graph/graph.h"
#include "graph/retry.h"
#include "graph/throttle.h"

struct graph_schedule;
struct graph_lane;
struct graph_tenant_queue;

#define GRAPH_COST_MAX 20

struct graph_flow {
	TAILQ_HEAD(, graph_lane) ready;
	TAILQ_ENTRY(graph_flow) link;
	struct graph_tenant_queue *tenant;
	unsigned debt;
	bool in_ring;
};

/* Embedded in the caller's tenant; fields are the schedule's own but for reading. */
struct graph_tenant_queue {
	struct graph_flow flows[GRAPH_PRIORITY_COUNT];
	TAILQ_HEAD(, graph_lane) stalled;
	struct graph_breaker breakers[GRAPH_SERVICE_COUNT];
	struct graph_budget budget;
	unsigned in_flight, queued;
	bool held;
};

/* Embedded in the caller's call. */
struct graph_item {
	struct graph_place place;
	enum graph_priority priority;
	unsigned cost; /* 1 to GRAPH_COST_MAX: requests in a batch */
	struct graph_tenant_queue *tenant;
	struct graph_lane *lane; /* while queued */
	TAILQ_ENTRY(graph_item) link;
};

struct graph_schedule *graph_schedule_new(unsigned in_flight_max); /* NULL: out of memory */
void graph_schedule_free(struct graph_schedule *s);                /* nothing may be queued; NULL is fine */

void graph_tenant_queue_init(struct graph_tenant_queue *t, int64_t now_ms);
/* While held, nothing of this tenant goes: its token is being fetched. */
void graph_tenant_queue_hold(struct graph_tenant_queue *t, bool held);
/* Closes the breakers. */
void graph_tenant_queue_reset(struct graph_tenant_queue *t);

/* ERR_FULL at a ceiling, ERR_NOMEM. again: it was under way before; goes to the front of its lane, past the ceilings. */
enum err graph_schedule_add(struct graph_schedule *s, struct graph_item *item, bool again);
/* Takes a queued item out. */
void graph_schedule_remove(struct graph_schedule *s, struct graph_item *item);

enum graph_next { GRAPH_NEXT_NONE, GRAPH_NEXT_GO, GRAPH_NEXT_REFUSED };
/*
 * GO: *ret is under way now; graph_schedule_done must follow. REFUSED: *ret is out of the queue, its breaker is open for
 * *ret_wait_ms more. NONE: nothing may go for *ret_wait_ms (-1: until something changes).
 */
enum graph_next graph_schedule_next(struct graph_schedule *s, int64_t now_ms, struct graph_item **ret, int64_t *ret_wait_ms);

enum graph_end {
	GRAPH_END_OK,
	GRAPH_END_FAILED,
	GRAPH_END_NOTHING
}; /* what the breaker learns; NOTHING: no verdict on the service */
/* True when the breaker of item's tenant and service opened or closed. */
bool graph_schedule_done(struct graph_schedule *s, struct graph_item *item, enum graph_end end, int64_t now_ms, uint32_t jitter);
/* Retry-After. */
void graph_schedule_block(struct graph_schedule *s, const struct graph_item *item, int64_t now_ms, int64_t wait_ms);

unsigned graph_schedule_in_flight(const struct graph_schedule *s);
unsigned graph_schedule_queued(const struct graph_schedule *s);

#endif
