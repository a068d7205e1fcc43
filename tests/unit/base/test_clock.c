/* Timers: order, re-arming and freeing within callbacks, and a real clock on a real loop. */
#include "base/clock.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "unit/base/check.h"
#include "unit/base/seed.h"

#define WALL INT64_C(1795334400000)

struct probe {
	struct clock *clock;
	struct timer *timer;
	int64_t fired_boot_ms;
	unsigned fired;
	char name;
	char *journal;    /* names in the order of firing */
	int64_t again_ms; /* -1: not again */
	unsigned times;
	struct probe *other;
};

static void
on_due(void *arg)
{
	struct probe *p = arg;

	p->fired++;
	p->fired_boot_ms = clock_boot_ms(p->clock);
	if (p->journal != NULL)
		(void)strncat(p->journal, &p->name, 1);
	if (p->again_ms >= 0 && p->fired < p->times)
		timer_arm(p->timer, p->again_ms);
}

static void
probe_init(struct probe *p, struct clock *clock, char name, char *journal)
{
	*p = (struct probe){ .clock = clock, .name = name, .journal = journal, .again_ms = -1 };
	p->timer = timer_new(clock, on_due, p);
	assert_non_null(p->timer);
}

static void
fires_by_due_time_then_by_arming(void **state)
{
	struct clock *clock = clock_new_manual(WALL);
	struct probe p[5];
	char journal[16] = "";
	int64_t start = clock_boot_ms(clock), next;

	(void)state;
	assert_false(clock_manual_next(clock, &next));
	for (size_t i = 0; i < 5; i++)
		probe_init(&p[i], clock, (char)('a' + i), journal);
	timer_arm(p[0].timer, 300);
	timer_arm(p[1].timer, 100);
	timer_arm(p[2].timer, 200);
	timer_arm(p[3].timer, 100);
	timer_arm(p[4].timer, 100);
	timer_arm(p[1].timer, 100); /* now armed last */
	assert_true(clock_manual_next(clock, &next));
	assert_int_equal(next, start + 100);

	clock_manual_advance(clock, 99);
	assert_string_equal(journal, "");
	clock_manual_advance(clock, 1);
	assert_string_equal(journal, "deb");
	assert_false(timer_armed(p[1].timer));
	clock_manual_advance(clock, 1000);
	assert_string_equal(journal, "debca");
	assert_int_equal(p[2].fired_boot_ms, start + 200);
	assert_int_equal(clock_boot_ms(clock), start + 1100);
	assert_int_equal(clock_wall_ms(clock), WALL + 1100);
	for (size_t i = 0; i < 5; i++)
		timer_free(p[i].timer);
	clock_free(clock);
}

static void
the_wall_may_be_stepped(void **state)
{
	struct clock *clock = clock_new_manual(WALL);
	struct probe p;
	int64_t start = clock_boot_ms(clock);

	(void)state;
	probe_init(&p, clock, 'a', NULL);
	timer_arm(p.timer, 50);
	clock_manual_step_wall(clock, -3600000);
	assert_int_equal(clock_wall_ms(clock), WALL - 3600000);
	assert_int_equal(clock_boot_ms(clock), start);
	assert_int_equal(p.fired, 0);
	clock_manual_advance(clock, 50);
	assert_int_equal(p.fired, 1);
	timer_free(p.timer);
	clock_free(clock);
}

static void
sooner_never_moves_a_timer_back(void **state)
{
	struct clock *clock = clock_new_manual(WALL);
	struct probe p;
	int64_t start = clock_boot_ms(clock), next;

	(void)state;
	probe_init(&p, clock, 'a', NULL);
	timer_arm_sooner(p.timer, 100);
	timer_arm_sooner(p.timer, 200);
	assert_true(clock_manual_next(clock, &next));
	assert_int_equal(next, start + 100);
	timer_arm_sooner(p.timer, 50);
	assert_true(clock_manual_next(clock, &next));
	assert_int_equal(next, start + 50);
	timer_arm(p.timer, INT64_MAX);
	assert_true(clock_manual_next(clock, &next));
	assert_true(next == INT64_MAX);
	timer_stop(p.timer);
	timer_stop(p.timer);
	timer_stop(NULL);
	assert_false(timer_armed(p.timer));
	timer_free(p.timer);
	timer_free(NULL);
	clock_free(clock);
	clock_free(NULL);
}

static void
zero_comes_after_what_is_ready(void **state)
{
	struct clock *clock = clock_new_manual(WALL);
	struct probe a, b;
	char journal[16] = "";

	(void)state;
	probe_init(&a, clock, 'a', journal);
	probe_init(&b, clock, 'b', journal);
	a.again_ms = 0;
	a.times = 3;
	timer_arm(a.timer, -5);
	timer_arm(b.timer, 0);
	assert_string_equal(journal, "");
	clock_manual_advance(clock, 0);
	assert_string_equal(journal, "abaa");
	timer_free(a.timer);
	timer_free(b.timer);
	clock_free(clock);
}

static void
free_both(void *arg)
{
	struct probe *p = arg;

	p->fired++;
	timer_free(p->other->timer);
	timer_free(p->timer);
}

static void
a_callback_may_free_any_timer(void **state)
{
	struct clock *clock = clock_new_manual(WALL);
	struct probe a = { .clock = clock }, b;

	(void)state;
	probe_init(&b, clock, 'b', NULL);
	a.other = &b;
	a.timer = timer_new(clock, free_both, &a);
	timer_arm(a.timer, 10);
	timer_arm(b.timer, 10);
	clock_manual_advance(clock, 20);
	assert_int_equal(a.fired, 1);
	assert_int_equal(b.fired, 0);
	clock_free(clock);
}

static void
a_year_passes_at_once(void **state)
{
	struct clock *clock = clock_new_manual(WALL);
	struct probe p;

	(void)state;
	probe_init(&p, clock, 'a', NULL);
	p.again_ms = 45 * 60000;
	p.times = UINT32_MAX;
	timer_arm(p.timer, p.again_ms);
	clock_manual_advance(clock, INT64_C(365) * 86400000);
	assert_int_equal(p.fired, 365 * 32);
	timer_free(p.timer);
	clock_free(clock);
}

/* Against a plain list that is searched in full. */
static void
random_arming_agrees_with_a_list(void **state)
{
	enum { TIMERS = 40 };
	struct rng rng = test_rng("clock");
	struct clock *clock = clock_new_manual(WALL);
	struct probe p[TIMERS];
	int64_t due[TIMERS];

	(void)state;
	for (size_t i = 0; i < TIMERS; i++) {
		probe_init(&p[i], clock, 'x', NULL);
		due[i] = -1;
	}
	for (int round = 0; round < 5000; round++) {
		size_t i = rng_below(&rng, TIMERS);
		int64_t after = (int64_t)rng_below(&rng, 50), now, first = INT64_MAX, next;

		switch (rng_below(&rng, 4)) {
		case 0:
			timer_arm(p[i].timer, after);
			due[i] = clock_boot_ms(clock) + after;
			break;
		case 1:
			timer_stop(p[i].timer);
			due[i] = -1;
			break;
		case 2:
			timer_arm_sooner(p[i].timer, after);
			if (due[i] < 0 || due[i] > clock_boot_ms(clock) + after)
				due[i] = clock_boot_ms(clock) + after;
			break;
		default: clock_manual_advance(clock, after / 5); break;
		}
		now = clock_boot_ms(clock);
		for (size_t n = 0; n < TIMERS; n++) {
			if (due[n] >= 0 && due[n] <= now && p[n].fired > 0) {
				assert_int_equal(p[n].fired_boot_ms, due[n]);
				due[n] = -1;
			}
			p[n].fired = 0;
			assert_int_equal(timer_armed(p[n].timer), due[n] >= 0);
			if (due[n] >= 0 && due[n] < first)
				first = due[n];
		}
		assert_int_equal(clock_manual_next(clock, &next), first != INT64_MAX);
		if (first != INT64_MAX)
			assert_int_equal(next, first);
	}
	for (size_t i = 0; i < TIMERS; i++)
		timer_free(p[i].timer);
	clock_free(clock);
}

/* --- the real one --- */

static void
real_timers_fire_in_order_and_not_early(void **state)
{
	struct event_base *base = event_base_new();
	struct clock *clock = clock_new_real(base);
	struct probe p[3];
	char journal[16] = "";
	int64_t start;

	(void)state;
	assert_non_null(clock);
	start = clock_boot_ms(clock);
	for (size_t i = 0; i < 3; i++)
		probe_init(&p[i], clock, (char)('a' + i), journal);
	timer_arm(p[0].timer, 30);
	timer_arm(p[1].timer, 10);
	timer_arm(p[2].timer, 3600000);
	timer_stop(p[2].timer);
	assert_int_equal(event_base_dispatch(base), 1); /* 1: ended by itself, nothing being left to wait for */
	assert_string_equal(journal, "ba");
	assert_true(p[1].fired_boot_ms >= start + 10);
	assert_true(p[0].fired_boot_ms >= start + 30);
	for (size_t i = 0; i < 3; i++)
		timer_free(p[i].timer);
	clock_free(clock);
	event_base_free(base);
}

static void
real_times_are_the_systems(void **state)
{
	struct event_base *base = event_base_new();
	struct clock *clock = clock_new_real(base);
	int64_t boot = clock_boot_ms(clock);

	(void)state;
	assert_true(clock_wall_ms(clock) > INT64_C(1500000000000));
	assert_true(clock_boot_ms(clock) >= boot);
	clock_free(clock);
	event_base_free(base);
}

struct pipe_probe {
	struct probe *zero;
	int fds[2];
	bool read_before_second_turn;
};

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct pipe_probe *p = arg;
	char byte;

	(void)what;
	assert_int_equal(read(fd, &byte, 1), 1);
	p->read_before_second_turn = p->zero->fired < p->zero->times;
}

/* A timer that arms itself for now does not starve sockets. */
static void
real_zero_delays_let_the_loop_turn(void **state)
{
	struct event_base *base = event_base_new();
	struct clock *clock = clock_new_real(base);
	struct probe zero;
	struct pipe_probe p = { .zero = &zero };
	struct event *readable;

	(void)state;
	probe_init(&zero, clock, 'z', NULL);
	zero.again_ms = 0;
	zero.times = 50;
	assert_int_equal(pipe(p.fds), 0);
	readable = event_new(base, p.fds[0], EV_READ, on_readable, &p);
	assert_int_equal(event_add(readable, NULL), 0);
	timer_arm(zero.timer, 0);
	assert_int_equal(write(p.fds[1], "x", 1), 1);
	assert_int_equal(event_base_dispatch(base), 1);
	assert_int_equal(zero.fired, 50);
	assert_true(p.read_before_second_turn);
	event_free(readable);
	(void)close(p.fds[0]);
	(void)close(p.fds[1]);
	timer_free(zero.timer);
	clock_free(clock);
	event_base_free(base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fires_by_due_time_then_by_arming),
		cmocka_unit_test(the_wall_may_be_stepped),
		cmocka_unit_test(sooner_never_moves_a_timer_back),
		cmocka_unit_test(zero_comes_after_what_is_ready),
		cmocka_unit_test(a_callback_may_free_any_timer),
		cmocka_unit_test(a_year_passes_at_once),
		cmocka_unit_test(random_arming_agrees_with_a_list),
		cmocka_unit_test(real_timers_fire_in_order_and_not_early),
		cmocka_unit_test(real_times_are_the_systems),
		cmocka_unit_test(real_zero_delays_let_the_loop_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
