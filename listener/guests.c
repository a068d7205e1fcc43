/*
 * Queues rather than a heap of timers: a busy connection changes its phase four times a request, and one timer for all is
 * armed only when a deadline comes before the one it is set to. It may fire for nothing a few times a minute.
 */
#include "listener/guests.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"

/* Descriptors kept for what is not a guest: sockets listened on, the store, the log, libraries. */
#define DESCRIPTORS_RESERVED 64

struct guest_address {
	struct guest_address *next; /* in its bucket, or in the free list */
	uint64_t key;
	struct guest *first; /* oldest first */
	struct guest *last;
	size_t count;
};

struct queue {
	struct guest *first, *last;
	size_t count;
};

struct guests {
	struct clock *clock;
	struct timer *timer;
	int64_t turn_ms, timer_due_ms; /* INT64_MAX: not armed */
	bool now_is_old;
	struct guest_limits limits;
	struct guest_host host;
	uint64_t seed;
	size_t count;
	struct queue phases[GUEST_PHASE_COUNT];
	struct queue strangers; /* linked by older and younger */
	struct guest_address *nodes, *free_nodes;
	struct guest_address **buckets;
	size_t bucket_mask;
};

struct guest_limits
guest_limits_default(size_t descriptors)
{
#define X(name, ms) ms,
	struct guest_limits limits = { GUESTS_MAX_DEFAULT, GUESTS_PER_ADDRESS, { GUEST_PHASES(X) } };
#undef X
	size_t room = descriptors > 2 * DESCRIPTORS_RESERVED ? descriptors - DESCRIPTORS_RESERVED : descriptors / 2;

	if (limits.max > room)
		limits.max = room;
	if (limits.max == 0)
		limits.max = 1;
	return limits;
}

static void on_timer(void *arg);

static enum err
address_table_init(struct guests *all)
{
	size_t buckets = 16;

	while (buckets < all->limits.max)
		buckets *= 2;
	all->bucket_mask = buckets - 1;
	all->buckets = calloc(buckets, sizeof(struct guest_address *));
	all->nodes = calloc(all->limits.max, sizeof(*all->nodes));
	if (all->buckets == NULL || all->nodes == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < all->limits.max; i++) {
		all->nodes[i].next = all->free_nodes;
		all->free_nodes = &all->nodes[i];
	}
	return ERR_OK;
}

struct guests *
guests_new(struct clock *clock, const struct guest_limits *limits, const struct guest_host *host, uint64_t seed)
{
	struct guests *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return NULL;
	all->clock = clock;
	all->limits = *limits;
	all->host = *host;
	all->seed = seed;
	all->timer_due_ms = INT64_MAX;
	all->timer = timer_new(clock, on_timer, all);
	if (all->timer == NULL || address_table_init(all) != ERR_OK) {
		guests_free(all);
		return NULL;
	}
	all->now_is_old = true;
	return all;
}

void
guests_free(struct guests *all)
{
	if (all == NULL)
		return;
	timer_free(all->timer);
	free(all->buckets);
	free(all->nodes);
	free(all);
}

void
guests_turn(struct guests *all)
{
	all->now_is_old = true;
}

static int64_t
now_ms(struct guests *all)
{
	if (all->now_is_old)
		all->turn_ms = clock_boot_ms(all->clock);
	all->now_is_old = false;
	return all->turn_ms;
}

size_t
guests_count(const struct guests *all)
{
	return all->count;
}

size_t
guests_in(const struct guests *all, enum guest_phase phase)
{
	return all->phases[phase].count;
}

struct guest *
guests_first(const struct guests *all, enum guest_phase phase)
{
	return all->phases[phase].first;
}

/* Phases. */

static void
phase_remove(struct guests *all, struct guest *guest)
{
	struct queue *q = &all->phases[guest->phase];

	*(guest->prev != NULL ? &guest->prev->next : &q->first) = guest->next;
	*(guest->next != NULL ? &guest->next->prev : &q->last) = guest->prev;
	guest->prev = guest->next = NULL;
	q->count--;
}

static void
timer_need(struct guests *all, int64_t due_ms)
{
	if (due_ms >= all->timer_due_ms)
		return;
	all->timer_due_ms = due_ms;
	timer_arm(all->timer, due_ms - clock_boot_ms(all->clock));
}

static void
phase_append(struct guests *all, struct guest *guest, enum guest_phase phase)
{
	struct queue *q = &all->phases[phase];

	guest->phase = phase;
	guest->deadline_ms = now_ms(all) + all->limits.phase_ms[phase];
	guest->prev = q->last;
	guest->next = NULL;
	*(q->last != NULL ? &q->last->next : &q->first) = guest;
	q->last = guest;
	q->count++;
	timer_need(all, guest->deadline_ms);
}

static void
on_timer(void *arg)
{
	struct guests *all = arg;
	int64_t next_ms = INT64_MAX;

	all->timer_due_ms = INT64_MAX;
	all->now_is_old = true;
	for (int phase = 0; phase < GUEST_PHASE_COUNT; phase++) {
		struct guest *guest;

		/* Ends: each round takes one guest out of this phase, and what enters it again has its deadline ahead. */
		while ((guest = all->phases[phase].first) != NULL && guest->deadline_ms <= now_ms(all))
			all->host.expired(all->host.arg, guest);
	}
	for (int phase = 0; phase < GUEST_PHASE_COUNT; phase++)
		if (all->phases[phase].first != NULL && all->phases[phase].first->deadline_ms < next_ms)
			next_ms = all->phases[phase].first->deadline_ms;
	if (next_ms != INT64_MAX)
		timer_need(all, next_ms);
}

/* Those who never completed a request, by arrival. */

static void
stranger_append(struct guests *all, struct guest *guest)
{
	guest->older = all->strangers.last;
	guest->younger = NULL;
	*(guest->older != NULL ? &guest->older->younger : &all->strangers.first) = guest;
	all->strangers.last = guest;
}

static void
stranger_remove(struct guests *all, struct guest *guest)
{
	*(guest->older != NULL ? &guest->older->younger : &all->strangers.first) = guest->younger;
	*(guest->younger != NULL ? &guest->younger->older : &all->strangers.last) = guest->older;
	guest->older = guest->younger = NULL;
}

/* Addresses. */

/* False for loopback and for what is not an internet address. */
static bool
address_key(const struct sockaddr *from, uint64_t *ret)
{
	const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;
	uint32_t four;

	if (from->sa_family == AF_INET) {
		four = ntohl(((const struct sockaddr_in *)(const void *)from)->sin_addr.s_addr);
	} else if (from->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(six)) {
		memcpy(&four, &six->s6_addr[12], sizeof(four));
		four = ntohl(four);
	} else if (from->sa_family == AF_INET6 && !IN6_IS_ADDR_LOOPBACK(six)) {
		*ret = 1; /* tells a /56 from an IPv4 address */
		for (int i = 0; i < 7; i++)
			*ret = *ret << 8 | six->s6_addr[i];
		return true;
	} else {
		return false;
	}
	*ret = four;
	return four >> 24 != 127;
}

static struct guest_address **
bucket_of(const struct guests *all, uint64_t key)
{
	uint64_t h = (key ^ all->seed) * 0x9e3779b97f4a7c15u;

	h = (h ^ h >> 29 ^ all->seed) * 0xbf58476d1ce4e5b9u;
	return &all->buckets[(h >> 32) & all->bucket_mask];
}

static struct guest_address *
address_find(const struct guests *all, uint64_t key)
{
	struct guest_address *a = *bucket_of(all, key);

	while (a != NULL && a->key != key)
		a = a->next;
	return a;
}

/* There is a node for each guest the ceiling allows, so one is free whenever a guest was let in. */
static struct guest_address *
address_get(struct guests *all, uint64_t key)
{
	struct guest_address *a = address_find(all, key), **bucket = bucket_of(all, key);

	if (a != NULL)
		return a;
	a = all->free_nodes;
	all->free_nodes = a->next;
	*a = (struct guest_address){ *bucket, key, NULL, NULL, 0 };
	*bucket = a;
	return a;
}

static void
address_join(struct guests *all, struct guest *guest, uint64_t key)
{
	struct guest_address *a = address_get(all, key);

	guest->address = a;
	guest->sibling_prev = a->last;
	*(a->last != NULL ? &a->last->sibling_next : &a->first) = guest;
	a->last = guest;
	a->count++;
}

static void
address_leave(struct guests *all, struct guest *guest)
{
	struct guest_address *a = guest->address, **at;

	if (a == NULL)
		return;
	*(guest->sibling_prev != NULL ? &guest->sibling_prev->sibling_next : &a->first) = guest->sibling_next;
	*(guest->sibling_next != NULL ? &guest->sibling_next->sibling_prev : &a->last) = guest->sibling_prev;
	guest->address = NULL;
	if (--a->count > 0)
		return;
	for (at = bucket_of(all, a->key); *at != a;)
		at = &(*at)->next;
	*at = a->next;
	a->next = all->free_nodes;
	all->free_nodes = a;
}

/* Who goes. */

/* Those whose request is being stored or answered stay: they are done in a moment. */
static bool
may_go(const struct guest *guest)
{
	return guest->phase != GUEST_STORING && guest->phase != GUEST_WRITING;
}

static struct guest *
victim_of_address(const struct guest_address *a)
{
	struct guest *idle = NULL;

	for (struct guest *g = a->first; g != NULL; g = g->sibling_next) {
		if (!g->served && may_go(g))
			return g;
		if (g->phase == GUEST_CLOSING || (g->phase == GUEST_IDLE && (idle == NULL || g->deadline_ms < idle->deadline_ms)))
			idle = g;
	}
	return idle;
}

static struct guest *
victim_of_all(const struct guests *all)
{
	if (all->phases[GUEST_CLOSING].first != NULL)
		return all->phases[GUEST_CLOSING].first;
	/* Ends soon: only those few that are being answered for the first time are passed over. */
	for (struct guest *g = all->strangers.first; g != NULL; g = g->younger)
		if (may_go(g))
			return g;
	return all->phases[GUEST_IDLE].first;
}

static bool
evict(struct guests *all, struct guest *victim)
{
	if (victim == NULL)
		return false;
	all->host.evict(all->host.arg, victim);
	return true;
}

bool
guests_make_room(struct guests *all)
{
	return evict(all, victim_of_all(all));
}

enum err
guest_arrive(struct guests *all, struct guest *guest, const struct sockaddr *from)
{
	uint64_t key = 0;
	bool counted = address_key(from, &key);
	const struct guest_address *a = counted ? address_find(all, key) : NULL;

	if (a != NULL && a->count >= all->limits.per_address && !evict(all, victim_of_address(a)))
		return ERR_FULL;
	if (all->count >= all->limits.max && !guests_make_room(all))
		return ERR_FULL;
	memset(guest, 0, sizeof(*guest));
	if (counted)
		address_join(all, guest, key);
	stranger_append(all, guest);
	phase_append(all, guest, GUEST_HANDSHAKE);
	all->count++;
	return ERR_OK;
}

void
guest_enter(struct guests *all, struct guest *guest, enum guest_phase phase)
{
	phase_remove(all, guest);
	phase_append(all, guest, phase);
}

void
guest_served(struct guests *all, struct guest *guest)
{
	if (guest->served)
		return;
	guest->served = true;
	stranger_remove(all, guest);
}

void
guest_leave(struct guests *all, struct guest *guest)
{
	phase_remove(all, guest);
	if (!guest->served)
		stranger_remove(all, guest);
	address_leave(all, guest);
	all->count--;
}
