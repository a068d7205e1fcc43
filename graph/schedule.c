/*
 * schedule.c - lanes in flows, flows in rings, one ring a priority; lanes that must wait sit in a heap by due time.
 *
 * All calls of a lane count against the same limits, so a limit is asked once a lane, not once a call: picking costs
 * O(lanes that are ready), whatever the length of the queue.
 */
#include "graph/schedule.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LANE_SLOTS   1024
#define LOWEST_EVERY 16
#define HEAP_START   64

enum lane_state {
	LANE_READY,  /* in its flow; leaves when empty, or when a limit holds it */
	LANE_TIMED,  /* in the heap until due_ms */
	LANE_STALLED /* in its tenant's list until a call of the tenant ends */
};

struct graph_lane {
	struct graph_place place;
	enum graph_priority priority;
	struct graph_tenant_queue *tenant;
	enum lane_state state;
	TAILQ_HEAD(, graph_item) items;
	int64_t due_ms;
	size_t heap_at;
	TAILQ_ENTRY(graph_lane) link; /* of the flow or the stalled list */
	LIST_ENTRY(graph_lane) hash_link;
};

struct graph_schedule {
	struct graph_throttle *throttle;
	TAILQ_HEAD(, graph_flow) rings[GRAPH_PRIORITY_COUNT]; /* flows with a ready lane */
	unsigned flow_counts[GRAPH_PRIORITY_COUNT];
	LIST_HEAD(, graph_lane) lanes[LANE_SLOTS];
	struct graph_lane **heap;
	size_t heap_count, heap_room, lane_count;
	unsigned in_flight_max, in_flight, queued, turn;
};

struct graph_schedule *
graph_schedule_new(unsigned in_flight_max)
{
	struct graph_schedule *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->in_flight_max = in_flight_max > 1 ? in_flight_max : 2; /* one is the renewals' */
	s->heap_room = HEAP_START;
	s->heap = calloc(s->heap_room, sizeof(struct graph_lane *));
	s->throttle = graph_throttle_new();
	for (int i = 0; i < GRAPH_PRIORITY_COUNT; i++)
		TAILQ_INIT(&s->rings[i]);
	if (s->heap == NULL || s->throttle == NULL) {
		graph_schedule_free(s);
		return NULL;
	}
	return s;
}

void
graph_schedule_free(struct graph_schedule *s)
{
	if (s == NULL)
		return;
	assert(s->queued == 0);
	graph_throttle_free(s->throttle);
	free(s->heap);
	free(s);
}

void
graph_tenant_queue_init(struct graph_tenant_queue *t, int64_t now_ms)
{
	memset(t, 0, sizeof(*t));
	for (int i = 0; i < GRAPH_PRIORITY_COUNT; i++) {
		TAILQ_INIT(&t->flows[i].ready);
		t->flows[i].tenant = t;
	}
	TAILQ_INIT(&t->stalled);
	graph_budget_init(&t->budget, now_ms);
	graph_tenant_queue_reset(t);
}

void
graph_tenant_queue_reset(struct graph_tenant_queue *t)
{
	for (int i = 0; i < GRAPH_SERVICE_COUNT; i++)
		graph_breaker_init(&t->breakers[i]);
}

void
graph_tenant_queue_hold(struct graph_tenant_queue *t, bool held)
{
	t->held = held;
}

static struct graph_breaker *
breaker_of(const struct graph_item *item)
{
	return &item->tenant->breakers[graph_operation_service(item->place.operation)];
}

/* --- the heap of lanes that wait for a time --- */

static void
heap_put(struct graph_schedule *s, size_t at, struct graph_lane *lane)
{
	s->heap[at] = lane;
	lane->heap_at = at;
}

static void
heap_up(struct graph_schedule *s, struct graph_lane *lane, size_t at)
{
	while (at > 0 && s->heap[(at - 1) / 2]->due_ms > lane->due_ms) {
		heap_put(s, at, s->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_put(s, at, lane);
}

static void
heap_down(struct graph_schedule *s, struct graph_lane *lane, size_t at)
{
	size_t child;

	while ((child = 2 * at + 1) < s->heap_count) {
		if (child + 1 < s->heap_count && s->heap[child + 1]->due_ms < s->heap[child]->due_ms)
			child++;
		if (s->heap[child]->due_ms >= lane->due_ms)
			break;
		heap_put(s, at, s->heap[child]);
		at = child;
	}
	heap_put(s, at, lane);
}

static void
heap_remove(struct graph_schedule *s, struct graph_lane *lane)
{
	size_t at = lane->heap_at;
	struct graph_lane *last = s->heap[--s->heap_count];

	if (last == lane)
		return;
	if (at > 0 && s->heap[(at - 1) / 2]->due_ms > last->due_ms)
		heap_up(s, last, at);
	else
		heap_down(s, last, at);
}

/* Room for every lane there is, made when the lane is made, so that stepping aside cannot fail. */
static bool
heap_reserve(struct graph_schedule *s, size_t lanes)
{
	struct graph_lane **heap;

	if (lanes <= s->heap_room)
		return true;
	if ((heap = reallocarray(s->heap, s->heap_room * 2, sizeof(struct graph_lane *))) == NULL)
		return false;
	s->heap = heap;
	s->heap_room *= 2;
	return true;
}

/* --- lanes --- */

static void
flow_leave(struct graph_schedule *s, struct graph_flow *f, enum graph_priority priority)
{
	if (!f->in_ring || !TAILQ_EMPTY(&f->ready))
		return;
	TAILQ_REMOVE(&s->rings[priority], f, link);
	s->flow_counts[priority]--;
	f->in_ring = false;
	f->debt = 0;
}

static void
lane_take_out(struct graph_schedule *s, struct graph_lane *lane)
{
	struct graph_flow *f = &lane->tenant->flows[lane->priority];

	switch (lane->state) {
	case LANE_READY:
		TAILQ_REMOVE(&f->ready, lane, link);
		flow_leave(s, f, lane->priority);
		break;
	case LANE_TIMED: heap_remove(s, lane); break;
	case LANE_STALLED: TAILQ_REMOVE(&lane->tenant->stalled, lane, link); break;
	}
}

static void
lane_put_in(struct graph_schedule *s, struct graph_lane *lane, enum lane_state state)
{
	struct graph_flow *f = &lane->tenant->flows[lane->priority];

	lane->state = state;
	switch (state) {
	case LANE_READY:
		TAILQ_INSERT_TAIL(&f->ready, lane, link);
		if (!f->in_ring) {
			TAILQ_INSERT_TAIL(&s->rings[lane->priority], f, link);
			s->flow_counts[lane->priority]++;
			f->in_ring = true;
		}
		break;
	case LANE_TIMED: heap_up(s, lane, s->heap_count++); break;
	case LANE_STALLED: TAILQ_INSERT_TAIL(&lane->tenant->stalled, lane, link); break;
	}
}

/* The one function that changes a lane's state. */
static void
lane_set(struct graph_schedule *s, struct graph_lane *lane, enum lane_state state)
{
	lane_take_out(s, lane);
	lane_put_in(s, lane, state);
}

static size_t
lane_slot(const struct graph_place *p, enum graph_priority priority)
{
	uint64_t h = (p->tenant * 31 + p->resource) * 31 + p->channel * 7 + p->operation * 5 + priority;

	return (h ^ h >> 32) % LANE_SLOTS;
}

static bool
lane_fits(const struct graph_lane *lane, const struct graph_item *item)
{
	const struct graph_place *a = &lane->place, *b = &item->place;

	return lane->priority == item->priority && lane->tenant == item->tenant && a->operation == b->operation &&
	       a->tenant == b->tenant && a->resource == b->resource && a->channel == b->channel;
}

static struct graph_lane *
lane_get(struct graph_schedule *s, const struct graph_item *item)
{
	size_t slot = lane_slot(&item->place, item->priority);
	struct graph_lane *lane;

	LIST_FOREACH(lane, &s->lanes[slot], hash_link)
	if (lane_fits(lane, item))
		return lane;
	if (!heap_reserve(s, s->lane_count + 1) || (lane = calloc(1, sizeof(*lane))) == NULL)
		return NULL;
	s->lane_count++;
	lane->place = item->place;
	lane->priority = item->priority;
	lane->tenant = item->tenant;
	TAILQ_INIT(&lane->items);
	LIST_INSERT_HEAD(&s->lanes[slot], lane, hash_link);
	lane_put_in(s, lane, LANE_READY);
	return lane;
}

static void
lane_drop_if_empty(struct graph_schedule *s, struct graph_lane *lane)
{
	if (!TAILQ_EMPTY(&lane->items))
		return;
	lane_take_out(s, lane);
	LIST_REMOVE(lane, hash_link);
	s->lane_count--;
	free(lane);
}

enum err
graph_schedule_add(struct graph_schedule *s, struct graph_item *item, bool again)
{
	struct graph_lane *lane;

	assert(item->cost > 0 && item->cost <= GRAPH_COST_MAX && item->lane == NULL);
	if (!again && (s->queued >= GRAPH_QUEUE_MAX || item->tenant->queued >= GRAPH_TENANT_QUEUE_MAX))
		return ERR_FULL;
	if ((lane = lane_get(s, item)) == NULL)
		return ERR_NOMEM;
	if (again)
		TAILQ_INSERT_HEAD(&lane->items, item, link);
	else
		TAILQ_INSERT_TAIL(&lane->items, item, link);
	item->lane = lane;
	s->queued++;
	item->tenant->queued++;
	return ERR_OK;
}

void
graph_schedule_remove(struct graph_schedule *s, struct graph_item *item)
{
	struct graph_lane *lane = item->lane;

	TAILQ_REMOVE(&lane->items, item, link);
	item->lane = NULL;
	s->queued--;
	item->tenant->queued--;
	lane_drop_if_empty(s, lane);
}

/* --- picking --- */

/* Of n places, how many a priority may use: the last tenth is the renewals'. */
static unsigned
places_for(unsigned n, enum graph_priority priority)
{
	unsigned kept = (n + 9) / 10;

	if (priority == GRAPH_RENEWAL)
		return n;
	return n > kept ? n - kept : 1;
}

static unsigned
tenant_places(const struct graph_schedule *s, const struct graph_tenant_queue *t, enum graph_service service, int64_t now_ms)
{
	unsigned quarter = s->in_flight_max / 4 > 0 ? s->in_flight_max / 4 : 1;

	return graph_breaker_share(&t->breakers[service], quarter, now_ms);
}

static bool
tenant_has_room(const struct graph_schedule *s, const struct graph_lane *lane, int64_t now_ms)
{
	unsigned places = tenant_places(s, lane->tenant, graph_operation_service(lane->place.operation), now_ms);

	/* A renewal finds a place even when the tenant's are all taken by calls that hang. */
	if (lane->priority == GRAPH_RENEWAL)
		places++;
	return lane->tenant->in_flight < places;
}

enum lane_answer { LANE_GOES, LANE_REFUSES, LANE_WAITS };

/* Asks the breaker and the limits for the first call of a lane; a lane that waits is moved where it waits. */
static enum lane_answer
lane_ask(struct graph_schedule *s, struct graph_lane *lane, int64_t now_ms, int64_t *ret_wait_ms)
{
	const struct graph_item *item = TAILQ_FIRST(&lane->items);
	int64_t wait = graph_breaker_ask(breaker_of(item), item->priority == GRAPH_PERSON, now_ms);

	if (wait > 0) {
		*ret_wait_ms = wait;
		return LANE_REFUSES;
	}
	if ((wait = graph_throttle_take(s->throttle, &lane->place, now_ms)) == 0)
		return LANE_GOES;
	graph_breaker_drop(breaker_of(item), now_ms);
	if (wait == GRAPH_THROTTLE_STALLED) {
		lane_set(s, lane, LANE_STALLED);
	} else {
		lane->due_ms = now_ms + wait;
		lane_set(s, lane, LANE_TIMED);
	}
	return LANE_WAITS;
}

static struct graph_item *
lane_pop(struct graph_schedule *s, struct graph_lane *lane)
{
	struct graph_item *item = TAILQ_FIRST(&lane->items);

	lane_set(s, lane, LANE_READY); /* to the end of its flow */
	graph_schedule_remove(s, item);
	return item;
}

static enum graph_next
flow_pick(struct graph_schedule *s, struct graph_flow *f, int64_t now_ms, struct graph_item **ret, int64_t *ret_wait_ms)
{
	struct graph_lane *next;

	for (struct graph_lane *lane = TAILQ_FIRST(&f->ready); lane != NULL; lane = next) {
		next = TAILQ_NEXT(lane, link);
		if (!tenant_has_room(s, lane, now_ms))
			continue;
		switch (lane_ask(s, lane, now_ms, ret_wait_ms)) {
		case LANE_GOES:
			*ret = lane_pop(s, lane);
			f->debt += (*ret)->cost;
			return GRAPH_NEXT_GO;
		case LANE_REFUSES: *ret = lane_pop(s, lane); return GRAPH_NEXT_REFUSED;
		case LANE_WAITS: break;
		}
	}
	return GRAPH_NEXT_NONE;
}

/* One round over the flows of a priority, each paying one of its debt. *ret_owed: some were passed over for their debt. */
static enum graph_next
ring_round(struct graph_schedule *s, enum graph_priority priority, int64_t now_ms, struct graph_item **ret, int64_t *ret_wait_ms,
    bool *ret_owed)
{
	enum graph_next n;

	*ret_owed = false;
	for (unsigned left = s->flow_counts[priority]; left > 0; left--) {
		struct graph_flow *f = TAILQ_FIRST(&s->rings[priority]);

		TAILQ_REMOVE(&s->rings[priority], f, link);
		TAILQ_INSERT_TAIL(&s->rings[priority], f, link);
		if (f->tenant->held)
			continue;
		if (f->debt > 0 && --f->debt > 0) {
			*ret_owed = true;
			continue;
		}
		n = flow_pick(s, f, now_ms, ret, ret_wait_ms);
		if (n != GRAPH_NEXT_NONE)
			return n;
	}
	return GRAPH_NEXT_NONE;
}

static enum graph_next
ring_pick(struct graph_schedule *s, enum graph_priority priority, int64_t now_ms, struct graph_item **ret, int64_t *ret_wait_ms)
{
	enum graph_next n = GRAPH_NEXT_NONE;
	bool owed = true;

	if (s->in_flight >= places_for(s->in_flight_max, priority))
		return GRAPH_NEXT_NONE;
	/* A debt is at most one call's cost, so this many rounds pay any. */
	for (int round = 0; n == GRAPH_NEXT_NONE && owed && round <= GRAPH_COST_MAX; round++)
		n = ring_round(s, priority, now_ms, ret, ret_wait_ms, &owed);
	return n;
}

static void
wake_timed(struct graph_schedule *s, int64_t now_ms)
{
	while (s->heap_count > 0 && s->heap[0]->due_ms <= now_ms)
		lane_set(s, s->heap[0], LANE_READY);
}

static void
go(struct graph_schedule *s, struct graph_item *item)
{
	s->in_flight++;
	item->tenant->in_flight++;
	s->turn++;
}

enum graph_next
graph_schedule_next(struct graph_schedule *s, int64_t now_ms, struct graph_item **ret, int64_t *ret_wait_ms)
{
	bool lowest_first = s->turn % LOWEST_EVERY == LOWEST_EVERY - 1;

	wake_timed(s, now_ms);
	for (int i = 0; i < GRAPH_PRIORITY_COUNT; i++) {
		enum graph_priority priority = lowest_first ? GRAPH_PRIORITY_COUNT - 1 - i : i;
		enum graph_next n = ring_pick(s, priority, now_ms, ret, ret_wait_ms);

		if (n == GRAPH_NEXT_GO)
			go(s, *ret);
		if (n != GRAPH_NEXT_NONE)
			return n;
	}
	*ret_wait_ms = s->heap_count > 0 ? s->heap[0]->due_ms - now_ms : -1;
	return GRAPH_NEXT_NONE;
}

bool
graph_schedule_done(struct graph_schedule *s, struct graph_item *item, enum graph_end end, int64_t now_ms, uint32_t jitter)
{
	struct graph_tenant_queue *t = item->tenant;
	struct graph_lane *lane;

	assert(s->in_flight > 0 && t->in_flight > 0);
	s->in_flight--;
	t->in_flight--;
	graph_throttle_release(s->throttle, &item->place);
	while ((lane = TAILQ_FIRST(&t->stalled)) != NULL)
		lane_set(s, lane, LANE_READY);
	if (end == GRAPH_END_NOTHING) {
		graph_breaker_drop(breaker_of(item), now_ms);
		return false;
	}
	return graph_breaker_result(breaker_of(item), end == GRAPH_END_FAILED, now_ms, jitter);
}

void
graph_schedule_block(struct graph_schedule *s, const struct graph_item *item, int64_t now_ms, int64_t wait_ms)
{
	graph_throttle_block(s->throttle, &item->place, now_ms, wait_ms);
}

unsigned
graph_schedule_in_flight(const struct graph_schedule *s)
{
	return s->in_flight;
}

unsigned
graph_schedule_queued(const struct graph_schedule *s)
{
	return s->queued;
}
