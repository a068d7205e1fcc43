/* A bucket holds the times of its units within the window, the newest `limit` of them at the most: it was full = over the limit. */
#include "sim/throttle.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sim/memory.h"

enum scope { PER_APP, PER_APP_TENANT, PER_TEAM, PER_CHANNEL, PER_MAILBOX };

#define T(name) (1u << TRAFFIC_##name)
#define T_TEAMS                                                                                                                  \
	(T(TEAM_GET) | T(CHANNEL_GET) | T(CHANNEL_LIST) | T(TEAM_MEMBERS) | T(MEMBER_ADD) | T(CHANNEL_MEMBERS) | T(TEAMS_GET) |  \
	    T(TEAMS_WRITE))
#define BY_TENANT_SIZE 0
#define OBJECT_MAX     400

/* Facts 11. Where two sources of it differ, the stricter. */
static const struct limit {
	const char *name;
	unsigned traffic;
	enum scope scope;
	unsigned limit;
	int64_t window_ms;
} limits[] = {
	{ "identity units of a tenant", T(IDENTITY_READ) | T(IDENTITY_WRITE), PER_APP_TENANT, BY_TENANT_SIZE, 10000 },
	{ "identity writes of a tenant", T(IDENTITY_WRITE), PER_APP_TENANT, 3000, 150000 },
	{ "subscription writes of a tenant", T(SUBSCRIPTION_WRITE), PER_APP_TENANT, 500, 20000 },
	{ "subscription writes of the app", T(SUBSCRIPTION_WRITE), PER_APP, 2000, 20000 },
	{ "reauthorizations of a tenant", T(SUBSCRIPTION_REAUTHORIZE), PER_APP_TENANT, 1000, 20000 },
	{ "reauthorizations of the app", T(SUBSCRIPTION_REAUTHORIZE), PER_APP, 4000, 20000 },
	{ "subscription reads of a tenant", T(SUBSCRIPTION_GET), PER_APP_TENANT, 500, 20000 },
	{ "subscription reads of the app", T(SUBSCRIPTION_GET), PER_APP, 2000, 20000 },
	{ "subscription lists of a tenant", T(SUBSCRIPTION_LIST), PER_APP_TENANT, 25, 20000 },
	{ "subscription lists of the app", T(SUBSCRIPTION_LIST), PER_APP, 40, 20000 },
	{ "team reads of a tenant", T(TEAM_GET), PER_APP_TENANT, 30, 1000 },
	{ "team reads of the app", T(TEAM_GET), PER_APP, 300, 1000 },
	{ "channel reads of a tenant", T(CHANNEL_GET), PER_APP_TENANT, 30, 1000 },
	{ "channel lists of a tenant", T(CHANNEL_LIST), PER_APP_TENANT, 60, 1000 },
	{ "member lists of a tenant", T(TEAM_MEMBERS), PER_APP_TENANT, 60, 1000 },
	{ "single adds of a tenant", T(MEMBER_ADD), PER_APP_TENANT, 30, 1000 },
	{ "single adds of a team", T(MEMBER_ADD), PER_TEAM, 4, 60000 },
	{ "channel member lists of a tenant", T(CHANNEL_MEMBERS), PER_APP_TENANT, 60, 1000 },
	{ "other Teams calls of a tenant", T(TEAMS_GET) | T(TEAMS_WRITE), PER_APP_TENANT, 30, 1000 },
	{ "calls on one team", T_TEAMS, PER_TEAM, 4, 1000 },
	{ "calls on one channel", T_TEAMS, PER_CHANNEL, 1, 1000 },
	{ "calls on one mailbox", T(OUTLOOK), PER_MAILBOX, 10000, 600000 },
};

#define LIMIT_COUNT (sizeof(limits) / sizeof(*limits))

struct bucket {
	int64_t *times; /* a ring of cap: count from first */
	size_t first, count, cap;
	int64_t closed_until_ms;
};

/* Of one team, channel or mailbox, by one row. */
struct object_bucket {
	struct bucket bucket;
	char key[];
};

struct throttle_party {
	struct throttle_party *app;        /* what counts for the app in all tenants; NULL: this is it */
	struct bucket bucket[LIMIT_COUNT]; /* of rows without object */
	struct map objects;                /* row and object -> struct object_bucket */
	char key[];
};

static const char *
scope_object(const struct throttle_call *c, enum scope scope)
{
	switch (scope) {
	case PER_TEAM: return c->team;
	case PER_CHANNEL: return c->channel;
	case PER_MAILBOX: return c->mailbox;
	default: return "";
	}
}

static struct throttle_party *
party_get(struct throttle *t, const char *app, const char *tenant)
{
	char *key = must_format("%s|%s", app, tenant);
	struct throttle_party *p = sim_map_get(&t->parties, key);
	size_t size = strlen(key) + 1;

	if (p == NULL) {
		p = must_alloc(sizeof(*p) + size);
		memcpy(p->key, key, size);
		sim_map_put(&t->parties, p->key, p);
	}
	free(key);
	return p;
}

struct throttle_party *
sim_throttle_party(struct throttle *t, const char *app, const char *tenant)
{
	struct throttle_party *p = party_get(t, app, tenant);

	p->app = party_get(t, app, "");
	return p;
}

static struct bucket *
object_bucket(struct throttle_party *p, size_t row, const char *object)
{
	char key[OBJECT_MAX] = { (char)('0' + row), '\0' };
	size_t len = strnlen(object, sizeof(key) - 2);
	struct object_bucket *b;

	memcpy(key + 1, object, len);
	key[len + 1] = '\0';
	b = sim_map_get(&p->objects, key);
	if (b == NULL) {
		b = must_alloc(sizeof(*b) + len + 2);
		memcpy(b->key, key, len + 2);
		sim_map_put(&p->objects, b->key, b);
	}
	return &b->bucket;
}

static struct bucket *
bucket_of(struct throttle_party *p, size_t row, const char *object)
{
	switch (limits[row].scope) {
	case PER_APP: return &p->app->bucket[row];
	case PER_APP_TENANT: return &p->bucket[row];
	default: return object_bucket(p, row, object);
	}
}

static void
ring_grow(struct bucket *b)
{
	size_t old = b->cap;

	b->times = must_grow(b->times, old, &b->cap, sizeof(*b->times));
	/* What had wrapped round to the beginning goes on behind the old end. */
	memcpy(b->times + old, b->times, b->first * sizeof(*b->times));
}

/* The time of the unit that must be older than the window for one more to pass; INT64_MIN when there is room. */
static int64_t
push(struct bucket *b, size_t limit, int64_t window_ms, int64_t now_ms)
{
	int64_t oldest = INT64_MIN;

	while (b->count > 0 && (b->count >= limit || now_ms - b->times[b->first] >= window_ms)) {
		oldest = b->times[b->first];
		b->first = (b->first + 1) % b->cap;
		b->count--;
	}
	if (b->count == b->cap)
		ring_grow(b);
	b->times[(b->first + b->count++) % b->cap] = now_ms;
	return oldest != INT64_MIN && now_ms - oldest < window_ms ? oldest : INT64_MIN;
}

static void
count_in(struct bucket *b, const struct limit *row, const struct throttle_call *c, int64_t now_ms, struct throttle_verdict *v)
{
	size_t limit = row->limit == BY_TENANT_SIZE ? c->identity_limit : row->limit;
	unsigned units = row->limit == BY_TENANT_SIZE ? c->units : 1;
	int64_t oldest = INT64_MIN, wait_s;

	v->early = v->early || now_ms < b->closed_until_ms;
	for (unsigned i = 0; i < units; i++)
		oldest = push(b, limit, row->window_ms, now_ms);
	if (oldest == INT64_MIN)
		return;
	wait_s = (oldest + row->window_ms - now_ms + 999) / 1000;
	v->over = true;
	v->limit = row->name;
	if (wait_s > v->retry_after_s)
		v->retry_after_s = wait_s;
	b->closed_until_ms = now_ms + wait_s * 1000;
}

struct throttle_verdict
sim_throttle_count(struct throttle_party *p, const struct throttle_call *c, int64_t now_ms)
{
	struct throttle_verdict v = { .limit = "" };

	for (size_t i = 0; i < LIMIT_COUNT; i++) {
		const char *object = scope_object(c, limits[i].scope);

		if ((limits[i].traffic & (1u << c->traffic)) != 0 && object != NULL)
			count_in(bucket_of(p, i, object), &limits[i], c, now_ms, &v);
	}
	return v;
}

static void
party_free(struct throttle_party *p)
{
	struct object_bucket *b;
	size_t at = 0;

	while ((b = sim_map_next(&p->objects, &at)) != NULL) {
		free(b->bucket.times);
		free(b);
	}
	sim_map_done(&p->objects);
	for (size_t i = 0; i < LIMIT_COUNT; i++)
		free(p->bucket[i].times);
	free(p);
}

void
sim_throttle_done(struct throttle *t)
{
	struct throttle_party *p;
	size_t at = 0;

	while ((p = sim_map_next(&t->parties, &at)) != NULL)
		party_free(p);
	sim_map_done(&t->parties);
}
