/*
 * guests.h - how many connections there may be, for how long, and which one has to go for a newcomer.
 *
 * Deadlines are absolute: entering a phase sets one, and no trickle of bytes moves it. All guests of a phase have the same time,
 * so each phase is a queue in order of its deadlines and every operation is O(1) (O(GUESTS_PER_ADDRESS) when an address is full).
 * At a ceiling nothing pauses: the oldest guest that never completed a request goes first, then the one idle for longest
 * (reliability.md 2.2). If all are at work, the newcomer is refused.
 * Loopback has no ceiling of its own: a reverse proxy on this machine would bring all guests from there.
 * Event-loop thread only.
 */
#ifndef LISTENER_GUESTS_H
#define LISTENER_GUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct clock;
struct guest;
struct guests;
struct sockaddr;

/* An IPv4 address, or an IPv6 /56: what one customer of a provider commonly holds. */
#define GUESTS_PER_ADDRESS 64
#define GUESTS_MAX_DEFAULT 2000

/*           name        default  what ends it */
#define GUEST_PHASES(X)                                                                                                          \
	X(HANDSHAKE, 3000) /* TLS is established */                                                                              \
	X(REQUEST, 10000)  /* head and body are complete; the first request's begins with the handshake's end */                 \
	X(STORING, 2500)   /* the writer has answered; later Graph would count us as slow: 503 */                                \
	X(WRITING, 10000)  /* the client has taken the answer */                                                                 \
	X(IDLE, 60000)     /* the next request's first byte */                                                                   \
	X(CLOSING, 2000)   /* the client has closed, too */

#define X(name, ms) GUEST_##name,
enum guest_phase { GUEST_PHASES(X) GUEST_PHASE_COUNT };
#undef X

struct guest_address;

/* Embedded in a connection. */
struct guest {
	struct guest *prev, *next;                 /* in its phase */
	struct guest *older, *younger;             /* among those that never completed a request */
	struct guest *sibling_prev, *sibling_next; /* from the same address */
	struct guest_address *address;             /* NULL for loopback */
	int64_t deadline_ms;
	enum guest_phase phase;
	bool served; /* has completed a request */
};

struct guest_limits {
	size_t max; /* in all */
	size_t per_address;
	int64_t phase_ms[GUEST_PHASE_COUNT];
};

/* 2,000 connections or what the descriptors allow, the default times. */
struct guest_limits guest_limits_default(size_t descriptors);

/* expired: its time is over; the callback must leave or enter a phase. evict: it has to go; the callback must leave. */
struct guest_host {
	void (*expired)(void *arg, struct guest *guest);
	void (*evict)(void *arg, struct guest *guest);
	void *arg;
};

/* Borrows clock; seed keeps strangers from choosing addresses that collide. NULL when out of memory. */
struct guests *guests_new(struct clock *clock, const struct guest_limits *limits, const struct guest_host *host, uint64_t seed);
void guests_free(struct guests *all); /* all guests must have left; NULL is fine */

/* Makes room if need be, then enters guest in GUEST_HANDSHAKE. ERR_FULL: refuse it. Borrows guest until guest_leave. */
enum err guest_arrive(struct guests *all, struct guest *guest, const struct sockaddr *from);
void guest_enter(struct guests *all, struct guest *guest, enum guest_phase phase);
/* It has completed a request: from now on only idleness makes it go. */
void guest_served(struct guests *all, struct guest *guest);
void guest_leave(struct guests *all, struct guest *guest);

/* Descriptors ran out although the ceiling was not reached: one guest goes. False when none can. */
bool guests_make_room(struct guests *all);

size_t guests_count(const struct guests *all);
/* Those in a phase now. */
size_t guests_in(const struct guests *all, enum guest_phase phase);
/* The first of a phase, oldest deadline first; go on with guest->next. */
struct guest *guests_first(const struct guests *all, enum guest_phase phase);
/* The end of a loop turn: within one, the clock is read once. */
void guests_turn(struct guests *all);

#endif
