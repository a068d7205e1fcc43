/*
 * clock.c - timers in one binary heap, woken by a timerfd or by a test.
 *
 * libevent's own timers run on CLOCK_MONOTONIC, which stands still while a machine is suspended: a renewal due in
 * 40 minutes would come hours late. So one timerfd on CLOCK_BOOTTIME stands for the earliest timer of all.
 */
#include "base/clock.h"

#include <assert.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* Not 0, so that a test sees when an instant is taken for a duration. */
#define MANUAL_BOOT_START_MS 1000000

/* Firings without time moving on. Catches a timer that arms itself for "now" again and again: a daemon would spin,
 * and a test would never end. */
#define STILL_MAX 100000

struct timer {
	struct clock *clock;
	void (*cb)(void *arg);
	void *arg;
	int64_t due_ms;
	uint64_t order; /* of arming: the earlier goes first */
	size_t place;   /* in the heap; NOT_ARMED otherwise */
};

#define NOT_ARMED SIZE_MAX

struct clock {
	struct timer **heap;
	size_t count, cap, timers; /* timers counts all, armed or not: the heap has a place for each */
	uint64_t armings;
	/* real */
	int fd;
	struct event *event;
	int64_t fd_due_ms; /* INT64_MAX: not armed */
	bool firing;       /* the timerfd is set once, afterwards */
	/* manual */
	bool manual;
	int64_t boot_ms, wall_minus_boot_ms;
};

/* --- heap --- */

static bool
goes_before(const struct timer *a, const struct timer *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void
heap_put(struct clock *clock, size_t place, struct timer *timer)
{
	clock->heap[place] = timer;
	timer->place = place;
}

static void
heap_rise(struct clock *clock, struct timer *timer)
{
	size_t place = timer->place;

	for (; place > 0 && goes_before(timer, clock->heap[(place - 1) / 2]); place = (place - 1) / 2)
		heap_put(clock, place, clock->heap[(place - 1) / 2]);
	heap_put(clock, place, timer);
}

static void
heap_sink(struct clock *clock, struct timer *timer)
{
	size_t place = timer->place, child;

	while ((child = 2 * place + 1) < clock->count) {
		if (child + 1 < clock->count && goes_before(clock->heap[child + 1], clock->heap[child]))
			child++;
		if (!goes_before(clock->heap[child], timer))
			break;
		heap_put(clock, place, clock->heap[child]);
		place = child;
	}
	heap_put(clock, place, timer);
}

static void
heap_remove(struct timer *timer)
{
	struct clock *clock = timer->clock;
	size_t place = timer->place;
	struct timer *last = clock->heap[--clock->count];

	timer->place = NOT_ARMED;
	if (last == timer)
		return;
	heap_put(clock, place, last);
	heap_rise(clock, last);
	heap_sink(clock, last);
}

static void
heap_insert(struct timer *timer)
{
	struct clock *clock = timer->clock;

	assert(clock->count < clock->cap);
	heap_put(clock, clock->count++, timer);
	heap_rise(clock, timer);
}

/* --- times --- */

static int64_t
system_ms(clockid_t id)
{
	struct timespec now;

	(void)clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_boot_ms(const struct clock *clock)
{
	return clock->manual ? clock->boot_ms : system_ms(CLOCK_BOOTTIME);
}

int64_t
clock_wall_ms(const struct clock *clock)
{
	return clock->manual ? clock->boot_ms + clock->wall_minus_boot_ms : system_ms(CLOCK_REALTIME);
}

/* --- the real clock's wake-up --- */

/* Sets the timerfd for the earliest timer. A wake-up that comes too early does no harm, so stopping sets nothing. */
static void
wake_set(struct clock *clock)
{
	struct itimerspec at = { 0 };
	int64_t due;

	if (clock->manual || clock->firing)
		return;
	if (clock->count == 0) {
		(void)event_del(clock->event); /* a loop with nothing else to wait for may end */
		clock->fd_due_ms = INT64_MAX;
		return;
	}
	due = clock->heap[0]->due_ms;
	if (due >= clock->fd_due_ms)
		return;
	at.it_value.tv_sec = (time_t)(due / 1000);
	at.it_value.tv_nsec = (long)(due % 1000) * 1000000;
	if (due <= 0)
		at.it_value.tv_nsec = 1; /* all zero would disarm */
	(void)timerfd_settime(clock->fd, TFD_TIMER_ABSTIME, &at, NULL);
	(void)event_add(clock->event, NULL);
	clock->fd_due_ms = due;
}

static void
fire(struct timer *timer)
{
	heap_remove(timer);
	timer->cb(timer->arg); /* may free timer */
}

/* Fires what was due and armed when the wake-up came; what callbacks arm for now waits for the next turn of the loop. */
static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct clock *clock = arg;
	int64_t now = clock_boot_ms(clock);
	uint64_t armings = clock->armings, expirations;
	ssize_t n = read(fd, &expirations, sizeof(expirations));

	(void)n;
	(void)what;
	clock->firing = true;
	while (clock->count > 0 && clock->heap[0]->due_ms <= now && clock->heap[0]->order <= armings)
		fire(clock->heap[0]);
	clock->firing = false;
	clock->fd_due_ms = INT64_MAX;
	wake_set(clock);
}

/* --- clocks --- */

struct clock *
clock_new_real(struct event_base *base)
{
	struct clock *clock = calloc(1, sizeof(*clock));

	if (clock == NULL)
		return NULL;
	clock->fd_due_ms = INT64_MAX;
	clock->fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (clock->fd >= 0)
		clock->event = event_new(base, clock->fd, EV_READ | EV_PERSIST, on_wake, clock);
	if (clock->event == NULL) {
		clock_free(clock);
		return NULL;
	}
	return clock;
}

struct clock *
clock_new_manual(int64_t wall_ms)
{
	struct clock *clock = calloc(1, sizeof(*clock));

	if (clock == NULL)
		return NULL;
	clock->manual = true;
	clock->fd = -1;
	clock->boot_ms = MANUAL_BOOT_START_MS;
	clock->wall_minus_boot_ms = wall_ms - MANUAL_BOOT_START_MS;
	return clock;
}

void
clock_free(struct clock *clock)
{
	if (clock == NULL)
		return;
	assert(clock->timers == 0);
	if (clock->event != NULL)
		event_free(clock->event);
	if (clock->fd >= 0)
		(void)close(clock->fd);
	free(clock->heap);
	free(clock);
}

/* --- timers --- */

/* A place for every timer, so that arming cannot fail. */
static bool
heap_reserve(struct clock *clock)
{
	size_t cap = clock->cap < 16 ? 16 : clock->cap * 2;
	struct timer **heap;

	if (clock->timers < clock->cap)
		return true;
	if ((heap = realloc(clock->heap, cap * sizeof(struct timer *))) == NULL)
		return false;
	clock->heap = heap;
	clock->cap = cap;
	return true;
}

struct timer *
timer_new(struct clock *clock, void (*cb)(void *arg), void *arg)
{
	struct timer *timer;

	if (!heap_reserve(clock) || (timer = malloc(sizeof(*timer))) == NULL)
		return NULL;
	*timer = (struct timer){ .clock = clock, .cb = cb, .arg = arg, .place = NOT_ARMED };
	clock->timers++;
	return timer;
}

void
timer_free(struct timer *timer)
{
	if (timer == NULL)
		return;
	timer_stop(timer);
	timer->clock->timers--;
	free(timer);
}

static int64_t
due_in(const struct clock *clock, int64_t after_ms)
{
	int64_t due;

	if (__builtin_add_overflow(clock_boot_ms(clock), after_ms < 0 ? 0 : after_ms, &due))
		due = INT64_MAX;
	return due;
}

static void
timer_arm_at(struct timer *timer, int64_t due_ms)
{
	if (timer_armed(timer))
		heap_remove(timer);
	timer->due_ms = due_ms;
	timer->order = ++timer->clock->armings;
	heap_insert(timer);
	wake_set(timer->clock);
}

void
timer_arm(struct timer *timer, int64_t after_ms)
{
	timer_arm_at(timer, due_in(timer->clock, after_ms));
}

void
timer_arm_sooner(struct timer *timer, int64_t after_ms)
{
	int64_t due_ms = due_in(timer->clock, after_ms);

	if (!timer_armed(timer) || due_ms < timer->due_ms)
		timer_arm_at(timer, due_ms);
}

void
timer_stop(struct timer *timer)
{
	if (timer == NULL || !timer_armed(timer))
		return;
	heap_remove(timer);
	wake_set(timer->clock);
}

bool
timer_armed(const struct timer *timer)
{
	return timer->place != NOT_ARMED;
}

/* --- manual --- */

bool
clock_manual_next(const struct clock *clock, int64_t *ret_boot_ms)
{
	assert(clock->manual);
	if (clock->count == 0)
		return false;
	*ret_boot_ms = clock->heap[0]->due_ms;
	return true;
}

static void
spinning(void)
{
	(void)fputs("clock: timers keep arming themselves for now; time cannot pass\n", stderr);
	abort();
}

void
clock_manual_advance(struct clock *clock, int64_t ms)
{
	int64_t until;
	unsigned still = 0;

	assert(clock->manual && ms >= 0);
	until = clock->boot_ms + ms;
	while (clock->count > 0 && clock->heap[0]->due_ms <= until) {
		if (clock->heap[0]->due_ms > clock->boot_ms) {
			clock->boot_ms = clock->heap[0]->due_ms;
			still = 0;
		}
		if (++still > STILL_MAX)
			spinning();
		fire(clock->heap[0]);
	}
	/* A callback may have moved the clock on as well. */
	if (clock->boot_ms < until)
		clock->boot_ms = until;
}

void
clock_manual_step_wall(struct clock *clock, int64_t by_ms)
{
	assert(clock->manual);
	clock->wall_minus_boot_ms += by_ms;
}

void
clock_manual_suspend(struct clock *clock, int64_t ms)
{
	assert(clock->manual && ms >= 0);
	clock->boot_ms += ms;
}

/* How long the clock has nothing to fire. */
static int64_t
idle_ms(const struct clock *clock, int64_t most_ms)
{
	int64_t due_ms;

	if (!clock_manual_next(clock, &due_ms) || due_ms - clock->boot_ms >= most_ms)
		return most_ms;
	return due_ms > clock->boot_ms ? due_ms - clock->boot_ms : 0;
}

void
clock_manual_advance_both(struct clock *a, struct clock *b, int64_t ms)
{
	unsigned still = 0;

	while (ms > 0 || idle_ms(a, 1) == 0 || idle_ms(b, 1) == 0) {
		int64_t quiet_ms = idle_ms(b, idle_ms(a, ms));

		still = quiet_ms > 0 ? 0 : still + 1;
		if (still > STILL_MAX)
			spinning();
		a->boot_ms += quiet_ms; /* both before either fires: who calls across meets the same time there */
		b->boot_ms += quiet_ms;
		clock_manual_advance(a, 0);
		clock_manual_advance(b, 0);
		ms -= quiet_ms;
	}
}
