/*
 * throttle.c - the limits as buckets in one hash table.
 *
 * A bucket is one number: the time up to which its room is spoken for (the generic cell rate algorithm). With a burst of b,
 * calls are spaced period / (count - b + 1), so that no window of one period holds more than count: the documented limits are
 * counted by fixed or sliding windows, nobody says which, and this satisfies both. Keys are hashes; two that collide share a
 * bucket, which costs speed and breaks nothing.
 */
#include "graph/throttle.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct limit {
	uint32_t count, period_ms;
};

struct operation_row {
	const char *name;
	enum graph_service service;
	struct limit tenant, app, resource;
	uint32_t units; /* of the tenant's limit, for services that count resource units */
};

static const struct operation_row operations[GRAPH_OPERATION_COUNT] = {
#define X(name, service, tc, tp, ac, ap, rc, rp, units, text)                                                                    \
	[GRAPH_##name] = { text, GRAPH_##service, { tc, tp }, { ac, ap }, { rc, rp }, units },
	GRAPH_OPERATION_TABLE(X)
#undef X
};

/* What holds for all operations of a service together. */
struct service_row {
	const char *name;
	struct limit resource; /* per app and team or mailbox */
	struct limit channel;  /* per app + tenant and channel */
	uint32_t concurrent;   /* calls under way per resource; 0 = no documented limit */
};

static const struct service_row services[GRAPH_SERVICE_COUNT] = {
	[GRAPH_TEAMS] = { "teams", { 4, 1000 }, { 1, 1000 }, 0 },
	[GRAPH_DIRECTORY] = { "directory", { 0, 0 }, { 0, 0 }, 0 },
	[GRAPH_OUTLOOK] = { "outlook", { 10000, 600000 }, { 0, 0 }, 4 },
	[GRAPH_SUBSCRIPTIONS] = { "subscriptions", { 0, 0 }, { 0, 0 }, 0 },
};

/* Over everything: 130,000 requests in 10 s. */
static const struct limit everything = { 130000, 10000 };

#define BUCKETS_START 256
/* Calls do not arrive as evenly as they are sent: a first one waits for its connection, later ones do not. */
#define ARRIVAL_JITTER_MS 100

#define TRIM_EVERY 4096

struct bucket {
	uint64_t key;
	int64_t spoken_us;  /* room is taken up to here */
	int64_t blocked_ms; /* Retry-After */
	uint32_t in_flight;
	struct bucket *next;
};

struct graph_throttle {
	struct bucket **slots;
	size_t slot_count, count;
	uint32_t since_trim;
};

const char *
graph_operation_name(enum graph_operation op)
{
	return operations[op].name;
}

enum graph_service
graph_operation_service(enum graph_operation op)
{
	return operations[op].service;
}

const char *
graph_service_name(enum graph_service service)
{
	return services[service].name;
}

/* FNV-1a's step, by words too; no adversary chooses these keys for profit. */
static uint64_t
mix(uint64_t h, uint64_t value)
{
	h = (h ^ value) * 0x100000001b3u;
	return h ^ h >> 29; /* the low bits alone choose a slot */
}

/* 0 is kept for "none". */
static uint64_t
hash_text(const char *s)
{
	uint64_t h = 0xcbf29ce484222325u;

	if (s == NULL || *s == '\0')
		return 0;
	for (; *s != '\0'; s++)
		h = mix(h, (unsigned char)*s);
	return h | 1;
}

struct graph_place
graph_place_make(enum graph_operation op, const struct guid *directory, const char *resource, const char *channel)
{
	return (struct graph_place){ op, hash_text(directory->s), hash_text(resource), hash_text(channel) };
}

struct graph_throttle *
graph_throttle_new(void)
{
	struct graph_throttle *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->slot_count = BUCKETS_START;
	if ((t->slots = calloc(t->slot_count, sizeof(struct bucket *))) == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

void
graph_throttle_free(struct graph_throttle *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->slot_count; i++)
		for (struct bucket *b = t->slots[i], *next; b != NULL; b = next) {
			next = b->next;
			free(b);
		}
	free(t->slots);
	free(t);
}

static void
grow(struct graph_throttle *t)
{
	size_t slot_count = t->slot_count * 2;
	struct bucket **slots = calloc(slot_count, sizeof(struct bucket *));

	if (slots == NULL)
		return; /* longer chains, nothing worse */
	for (size_t i = 0; i < t->slot_count; i++)
		for (struct bucket *b = t->slots[i], *next; b != NULL; b = next) {
			next = b->next;
			b->next = slots[b->key & (slot_count - 1)];
			slots[b->key & (slot_count - 1)] = b;
		}
	free(t->slots);
	t->slots = slots;
	t->slot_count = slot_count;
}

/* NULL: out of memory, or (make false) no such bucket. */
static struct bucket *
bucket_get(struct graph_throttle *t, uint64_t key, bool make)
{
	struct bucket *b = t->slots[key & (t->slot_count - 1)];

	while (b != NULL && b->key != key)
		b = b->next;
	if (b != NULL || !make || (b = calloc(1, sizeof(*b))) == NULL)
		return b;
	if (t->count >= t->slot_count)
		grow(t);
	b->key = key;
	b->next = t->slots[key & (t->slot_count - 1)];
	t->slots[key & (t->slot_count - 1)] = b;
	t->count++;
	return b;
}

/* One limit that holds a call. */
struct hold {
	uint64_t key;
	struct limit limit;
	uint32_t units, concurrent;
};
#define HOLDS_MAX 8

enum hold_kind { HOLD_ALL, HOLD_APP, HOLD_TENANT, HOLD_RESOURCE, HOLD_SERVICE, HOLD_CHANNEL, HOLD_BLOCK };

static uint64_t
hold_key(enum hold_kind kind, uint32_t what, uint64_t tenant, uint64_t resource, uint64_t channel)
{
	return mix(mix(mix(mix(kind + 1u, what), tenant), resource), channel);
}

static uint64_t
block_key(const struct graph_place *p)
{
	return hold_key(HOLD_BLOCK, operations[p->operation].service, p->tenant, p->resource, 0);
}

static void
add(struct hold *holds, size_t *n, uint64_t key, struct limit limit, uint32_t units, uint32_t concurrent)
{
	assert(*n < HOLDS_MAX);
	if (limit.count > 0 || concurrent > 0)
		holds[(*n)++] = (struct hold){ key, limit, units, concurrent };
}

/* All directory reads draw on one store of resource units, all "other" Teams calls on one limit. */
static enum graph_operation
pool_of(enum graph_operation op)
{
	switch (op) {
	case GRAPH_DIRECTORY_BATCH:
	case GRAPH_GROUP_DELTA: return GRAPH_DIRECTORY_READ;
	case GRAPH_TEAMS_WRITE: return GRAPH_TEAMS_READ;
	default: return op;
	}
}

static size_t
holds_of(const struct graph_place *p, struct hold holds[HOLDS_MAX])
{
	const struct operation_row *op = &operations[p->operation];
	const struct service_row *sv = &services[op->service];
	size_t n = 0;

	add(holds, &n, hold_key(HOLD_ALL, 0, 0, 0, 0), everything, 1, 0);
	add(holds, &n, hold_key(HOLD_APP, p->operation, 0, 0, 0), op->app, 1, 0);
	add(holds, &n, hold_key(HOLD_TENANT, pool_of(p->operation), p->tenant, 0, 0), op->tenant, op->units, 0);
	if (p->resource != 0) {
		add(holds, &n, hold_key(HOLD_RESOURCE, p->operation, p->tenant, p->resource, p->channel), op->resource, 1, 0);
		add(holds, &n, hold_key(HOLD_SERVICE, op->service, p->tenant, p->resource, 0), sv->resource, 1, sv->concurrent);
	}
	if (p->channel != 0)
		add(holds, &n, hold_key(HOLD_CHANNEL, op->service, p->tenant, p->resource, p->channel), sv->channel, 1, 0);
	return n;
}

static uint32_t
burst_of(struct limit l)
{
	/* Two at once where a second allows four: a removal is two reads of one team, and people wait for it. */
	return l.count >= 8 ? l.count / 4 : l.count >= 4 && l.period_ms <= 1000 ? 2 : 1;
}

/* Microseconds, since 3,500 units in 10 s are less than 3 ms each. */
static int64_t
spacing_us(struct limit l)
{
	uint32_t n = l.count - burst_of(l) + 1;

	return ((int64_t)(l.period_ms + ARRIVAL_JITTER_MS) * 1000 + n - 1) / n;
}

static int64_t
wait_us(const struct bucket *b, const struct hold *h, int64_t now_us)
{
	int64_t ahead_us = ((int64_t)burst_of(h->limit) - h->units) * spacing_us(h->limit);

	return b->spoken_us - ahead_us - now_us;
}

static int64_t
wait_ms(struct graph_throttle *t, const struct hold *holds, size_t n, int64_t now_ms)
{
	int64_t longest_us = 0;

	for (size_t i = 0; i < n; i++) {
		const struct bucket *b = bucket_get(t, holds[i].key, false);

		if (b == NULL)
			continue;
		if (holds[i].concurrent > 0 && b->in_flight >= holds[i].concurrent)
			return GRAPH_THROTTLE_STALLED;
		if (holds[i].limit.count > 0 && wait_us(b, &holds[i], now_ms * 1000) > longest_us)
			longest_us = wait_us(b, &holds[i], now_ms * 1000);
	}
	return (longest_us + 999) / 1000;
}

static void
take(struct bucket *b, const struct hold *h, int64_t now_us)
{
	if (b->spoken_us < now_us)
		b->spoken_us = now_us;
	if (h->limit.count > 0)
		b->spoken_us += spacing_us(h->limit) * h->units;
	if (h->concurrent > 0)
		b->in_flight++;
}

int64_t
graph_throttle_take(struct graph_throttle *t, const struct graph_place *place, int64_t now_ms)
{
	struct hold holds[HOLDS_MAX];
	size_t n = holds_of(place, holds);
	const struct bucket *block = bucket_get(t, block_key(place), false);
	int64_t wait;

	if (block != NULL && block->blocked_ms > now_ms)
		return block->blocked_ms - now_ms;
	if ((wait = wait_ms(t, holds, n, now_ms)) != 0)
		return wait;
	if (++t->since_trim >= TRIM_EVERY)
		(void)graph_throttle_trim(t, now_ms);
	for (size_t i = 0; i < n; i++) {
		struct bucket *b = bucket_get(t, holds[i].key, true);

		if (b != NULL)
			take(b, &holds[i], now_ms * 1000);
	}
	return 0;
}

void
graph_throttle_release(struct graph_throttle *t, const struct graph_place *place)
{
	struct hold holds[HOLDS_MAX];
	size_t n = holds_of(place, holds);

	for (size_t i = 0; i < n; i++) {
		struct bucket *b = holds[i].concurrent > 0 ? bucket_get(t, holds[i].key, false) : NULL;

		if (b != NULL && b->in_flight > 0)
			b->in_flight--;
	}
}

void
graph_throttle_block(struct graph_throttle *t, const struct graph_place *place, int64_t now_ms, int64_t block_ms)
{
	struct bucket *b = bucket_get(t, block_key(place), true);

	if (b != NULL && block_ms > 0 && now_ms + block_ms > b->blocked_ms)
		b->blocked_ms = now_ms + block_ms;
}

size_t
graph_throttle_trim(struct graph_throttle *t, int64_t now_ms)
{
	t->since_trim = 0;
	for (size_t i = 0; i < t->slot_count; i++)
		for (struct bucket **at = &t->slots[i]; *at != NULL;) {
			struct bucket *b = *at;

			if (b->in_flight > 0 || b->blocked_ms > now_ms || b->spoken_us > now_ms * 1000) {
				at = &b->next;
				continue;
			}
			*at = b->next;
			free(b);
			t->count--;
		}
	return t->count;
}
