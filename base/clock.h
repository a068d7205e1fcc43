/*
 * clock.h - the one source of time and wake-ups for everything that waits.
 *
 * Two times that never share a variable: wall_ms (Unix time, may be stepped; only to talk with
 * others about instants) and boot_ms (CLOCK_BOOTTIME: counts suspend, never goes back; for all
 * waiting). A real clock wakes through a libevent base; a manual one moves only when told, so a
 * test runs a year in seconds. Event-loop thread only.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct clock;
struct timer;

/* Give NULL when out of memory or descriptors. The real one borrows base, which must outlive it. */
struct clock *clock_new_real(struct event_base *base);
struct clock *clock_new_manual(int64_t wall_ms);
/* NULL is fine. Every timer must have been freed before. */
void clock_free(struct clock *clock);

int64_t clock_wall_ms(const struct clock *clock);
int64_t clock_boot_ms(const struct clock *clock);

/* cb runs once each time the timer comes due; it may arm, stop or free any timer, its own too. */
struct timer *timer_new(struct clock *clock, void (*cb)(void *arg), void *arg);
void timer_free(struct timer *timer); /* NULL is fine */
/* (Re)arms. after_ms <= 0: in the next turn, after all callbacks that are ready now. */
void timer_arm(struct timer *timer, int64_t after_ms);
/* As timer_arm, but an earlier due time that is already set stays. */
void timer_arm_sooner(struct timer *timer, int64_t after_ms);
void timer_stop(struct timer *timer); /* NULL is fine */
bool timer_armed(const struct timer *timer);

/* Manual clocks only. */
bool clock_manual_next(const struct clock *clock, int64_t *ret_boot_ms); /* false: nothing armed */
/* Moves both times on by ms and fires what comes due on the way, in order of due time, then of arming. */
void clock_manual_advance(struct clock *clock, int64_t ms);
/* Steps only the wall time, as an administrator or NTP would. */
void clock_manual_step_wall(struct clock *clock, int64_t by_ms);
/* Both times move on while nothing fires, as on a machine that is suspended: what came due on the way fires late, at the next advance. */
void clock_manual_suspend(struct clock *clock, int64_t ms);
/* Two machines under one time, each with a wall clock of its own: what comes due in either fires in order, a's first. */
void clock_manual_advance_both(struct clock *a, struct clock *b, int64_t ms);

#endif
