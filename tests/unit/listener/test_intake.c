/* Group commit with a store of the test's own: every ticket is answered once, OK only for what that store has. */
#include "listener/intake.h"

#include <event2/event.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "unit/base/seed.h"

#define TICKETS 2000

/* Shared with the writer thread. */
struct store {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool hold;     /* append waits */
	enum err next; /* of the next append */
	unsigned commits, reopens, trims, waiting;
	uint64_t first, last, trim_asked;
	uint8_t seen[TICKETS]; /* hints of each ticket that are in */
};

struct ticket {
	struct intake_ticket base;
	struct desk *desk;
	size_t hints;
	bool answered;
	enum err err;
};

struct desk {
	struct event_base *base;
	struct clock *clock;
	struct intake *intake;
	struct store store;
	struct ticket tickets[TICKETS];
	size_t answered, commits_told;
};

static enum err
store_append(void *arg, const struct hint *hints, size_t count)
{
	struct store *s = arg;
	enum err err;

	pthread_mutex_lock(&s->lock);
	s->waiting++;
	pthread_cond_broadcast(&s->changed);
	while (s->hold)
		pthread_cond_wait(&s->changed, &s->lock);
	s->waiting--;
	err = s->next;
	s->next = ERR_OK;
	if (err == ERR_OK) {
		s->commits++;
		s->last += count;
		for (size_t i = 0; i < count; i++)
			s->seen[hints[i].received_wall_ms]++;
	}
	pthread_mutex_unlock(&s->lock);
	return err;
}

static enum err
store_trim(void *arg, const uint8_t epoch[PEER_EPOCH_LEN], uint64_t consumed)
{
	struct store *s = arg;

	if (epoch[0] != 7)
		return ERR_CONFLICT;
	pthread_mutex_lock(&s->lock);
	s->trims++;
	s->first = consumed + 1;
	pthread_mutex_unlock(&s->lock);
	return ERR_OK;
}

static enum err
store_reopen(void *arg)
{
	struct store *s = arg;

	pthread_mutex_lock(&s->lock);
	s->reopens++;
	pthread_mutex_unlock(&s->lock);
	return s->reopens < 3 ? ERR_IO : ERR_OK;
}

static enum err
store_status(void *arg, struct intake_status *ret)
{
	struct store *s = arg;

	pthread_mutex_lock(&s->lock);
	*ret = (struct intake_status){ .first = s->first, .last = s->last, .accepting = s->next != ERR_FULL };
	pthread_mutex_unlock(&s->lock);
	return ERR_OK;
}

static void
store_housekeep(void *arg)
{
	(void)arg;
}

static void
on_done(struct intake_ticket *base, enum err err)
{
	struct ticket *t = (struct ticket *)(void *)base;

	assert_false(t->answered);
	t->answered = true;
	t->err = err;
	t->desk->answered++;
}

static void
on_committed(void *arg, const struct intake_commit *commit)
{
	struct desk *d = arg;

	assert_true(commit->hints > 0 && commit->requests > 0);
	d->commits_told++;
}

static struct desk *
open_desk(void)
{
	struct desk *d = calloc(1, sizeof(*d));
	const struct intake_watcher watcher = { on_committed, d };
	struct intake_store store = { store_append, store_trim, store_reopen, store_status, store_housekeep, NULL };

	assert_non_null(d);
	pthread_mutex_init(&d->store.lock, NULL);
	pthread_cond_init(&d->store.changed, NULL);
	d->store.first = 1;
	store.arg = &d->store;
	d->base = event_base_new();
	d->clock = clock_new_manual(0);
	assert_int_equal(intake_new(d->base, d->clock, &store, &watcher, &d->intake), ERR_OK);
	return d;
}

static void
close_desk(struct desk *d)
{
	intake_free(d->intake);
	clock_free(d->clock);
	event_base_free(d->base);
	pthread_mutex_destroy(&d->store.lock);
	pthread_cond_destroy(&d->store.changed);
	free(d);
}

static enum err
post(struct desk *d, size_t i, size_t hints)
{
	struct ticket *t = &d->tickets[i];
	enum err err = intake_begin(d->intake);

	if (err != ERR_OK)
		return err;
	for (size_t k = 0; k < hints; k++) {
		struct hint *hint = intake_slot(d->intake);

		if (hint == NULL) {
			intake_cancel(d->intake);
			return ERR_FULL;
		}
		memset(hint, 0, sizeof(*hint));
		hint->received_wall_ms = (int64_t)i;
		intake_keep(d->intake);
	}
	*t = (struct ticket){ .base = { NULL, on_done }, .desk = d, .hints = hints };
	intake_commit(d->intake, &t->base);
	return ERR_OK;
}

static void
wait_answers(struct desk *d, size_t count)
{
	while (d->answered < count)
		(void)event_base_loop(d->base, EVLOOP_ONCE);
}

static void
hold(struct desk *d, bool on)
{
	pthread_mutex_lock(&d->store.lock);
	d->store.hold = on;
	pthread_cond_broadcast(&d->store.changed);
	pthread_mutex_unlock(&d->store.lock);
}

static void
wait_for_writer(struct desk *d)
{
	pthread_mutex_lock(&d->store.lock);
	while (d->store.waiting == 0)
		pthread_cond_wait(&d->store.changed, &d->store.lock);
	pthread_mutex_unlock(&d->store.lock);
}

static void
test_one(void **state)
{
	struct desk *d = open_desk();

	(void)state;
	assert_int_equal(post(d, 0, 3), ERR_OK);
	intake_turn(d->intake);
	wait_answers(d, 1);
	assert_int_equal(d->tickets[0].err, ERR_OK);
	assert_int_equal(d->store.seen[0], 3);
	assert_int_equal(intake_backlog(d->intake), 0);
	assert_true(intake_healthy(d->intake));
	close_desk(d);
}

static void
test_turns_share_a_commit(void **state)
{
	struct desk *d = open_desk();

	(void)state;
	hold(d, true);
	assert_int_equal(post(d, 0, 1), ERR_OK);
	intake_turn(d->intake);
	wait_for_writer(d);
	for (size_t i = 1; i < 50; i++) {
		assert_int_equal(post(d, i, 2), ERR_OK);
		intake_turn(d->intake);
	}
	assert_int_equal(d->answered, 0);
	hold(d, false);
	wait_answers(d, 50);
	assert_int_equal(d->store.commits, 2);
	assert_int_equal(d->commits_told, 2);
	close_desk(d);
}

/* Two commits begin INTAKE_GATHER_MS apart, however the turns fall; without company nothing waits. */
static void
test_company_is_waited_for(void **state)
{
	struct desk *d = open_desk();
	struct timespec start, end;
	int64_t took_ms;

	(void)state;
	intake_expect(d->intake, INTAKE_COMPANY);
	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	for (size_t i = 0; i < 200; i++) {
		assert_int_equal(post(d, i, 1), ERR_OK);
		intake_turn(d->intake);
		(void)sched_yield();
	}
	wait_answers(d, 200);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	took_ms = (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000;
	assert_in_range(d->store.commits, 1, took_ms / INTAKE_GATHER_MS + 2);
	/* The company leaves while the writer waits for it. */
	assert_int_equal(post(d, 200, 1), ERR_OK);
	intake_turn(d->intake);
	intake_expect(d->intake, INTAKE_COMPANY - 1);
	wait_answers(d, 201);
	for (size_t i = 0; i <= 200; i++)
		assert_int_equal(d->store.seen[i], 1);
	close_desk(d);
}

static void
test_cancel(void **state)
{
	struct desk *d = open_desk();

	(void)state;
	assert_int_equal(post(d, 0, 2), ERR_OK);
	assert_int_equal(intake_begin(d->intake), ERR_OK);
	for (int i = 0; i < 100; i++) {
		struct hint *hint = intake_slot(d->intake);

		assert_non_null(hint);
		hint->received_wall_ms = 1;
		intake_keep(d->intake);
	}
	intake_cancel(d->intake);
	assert_int_equal(intake_backlog(d->intake), 2);
	assert_int_equal(post(d, 2, 1), ERR_OK);
	intake_turn(d->intake);
	wait_answers(d, 2);
	assert_int_equal(d->store.seen[0], 2);
	assert_int_equal(d->store.seen[1], 0);
	assert_int_equal(d->store.seen[2], 1);
	/* A turn with nothing but a cancelled request hands over nothing. */
	assert_int_equal(intake_begin(d->intake), ERR_OK);
	intake_cancel(d->intake);
	intake_turn(d->intake);
	close_desk(d);
}

static void
test_behind(void **state)
{
	struct desk *d = open_desk();
	size_t i = 0;

	(void)state;
	hold(d, true);
	assert_int_equal(post(d, 0, 1), ERR_OK);
	intake_turn(d->intake);
	wait_for_writer(d);
	clock_manual_advance(d->clock, INTAKE_LATE_MS + 1);
	assert_int_equal(post(d, 1, 1), ERR_BUSY);
	hold(d, false);
	wait_answers(d, 1);
	assert_int_equal(post(d, 1, 1), ERR_OK);
	intake_turn(d->intake);
	wait_answers(d, 2);
	/* And by number. */
	hold(d, true);
	while (post(d, 2 + i, 100) == ERR_OK) {
		intake_turn(d->intake);
		i++;
	}
	intake_turn(d->intake);
	assert_true(intake_backlog(d->intake) <= INTAKE_BACKLOG_MAX);
	assert_true(i >= INTAKE_BACKLOG_MAX / 100 - 1);
	hold(d, false);
	wait_answers(d, 2 + i);
	assert_int_equal(intake_backlog(d->intake), 0);
	close_desk(d);
}

static void
fail_next(struct desk *d, enum err err)
{
	pthread_mutex_lock(&d->store.lock);
	d->store.next = err;
	pthread_mutex_unlock(&d->store.lock);
}

static void
test_failed_sync(void **state)
{
	struct desk *d = open_desk();
	size_t i = 0;

	(void)state;
	fail_next(d, ERR_IO);
	assert_int_equal(post(d, i, 1), ERR_OK);
	intake_turn(d->intake);
	wait_answers(d, 1);
	assert_int_equal(d->tickets[0].err, ERR_IO);
	assert_false(intake_healthy(d->intake));
	/* Nothing is acknowledged until the store could be opened again, which takes three tries here. */
	while (!intake_healthy(d->intake)) {
		assert_int_equal(post(d, ++i, 1), ERR_OK);
		intake_turn(d->intake);
		wait_answers(d, i + 1);
		clock_manual_advance(d->clock, 50);
	}
	assert_int_equal(d->store.reopens, 3);
	assert_int_equal(post(d, ++i, 1), ERR_OK);
	intake_turn(d->intake);
	wait_answers(d, i + 1);
	assert_int_equal(d->tickets[i].err, ERR_OK);
	for (size_t k = 0; k <= i; k++)
		assert_int_equal(d->store.seen[k], d->tickets[k].err == ERR_OK);
	close_desk(d);
}

static void
test_full(void **state)
{
	struct desk *d = open_desk();

	(void)state;
	fail_next(d, ERR_FULL);
	assert_int_equal(post(d, 0, 1), ERR_OK);
	intake_turn(d->intake);
	wait_answers(d, 1);
	assert_int_equal(d->tickets[0].err, ERR_FULL);
	/* It is tried again with the next post: room may have come. */
	assert_int_equal(post(d, 1, 1), ERR_OK);
	intake_turn(d->intake);
	wait_answers(d, 2);
	assert_int_equal(d->tickets[1].err, ERR_OK);
	close_desk(d);
}

static unsigned
trims(struct desk *d, uint64_t *first)
{
	unsigned n;

	pthread_mutex_lock(&d->store.lock);
	n = d->store.trims;
	*first = d->store.first;
	pthread_mutex_unlock(&d->store.lock);
	return n;
}

static void
test_trim(void **state)
{
	static const uint8_t epoch[PEER_EPOCH_LEN] = { 7 }, other[PEER_EPOCH_LEN] = { 8 };
	struct desk *d = open_desk();
	uint64_t first = 0;

	(void)state;
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(post(d, i, 100), ERR_OK);
	intake_turn(d->intake);
	wait_answers(d, 100);
	intake_trim(d->intake, other, 9000); /* of another epoch: nothing */
	clock_manual_advance(d->clock, 1000);
	intake_trim(d->intake, epoch, 99999); /* more than there is: nothing */
	clock_manual_advance(d->clock, 1000);
	intake_trim(d->intake, epoch, 10000);
	while (first != 10001) {
		clock_manual_advance(d->clock, 1000);
		(void)trims(d, &first);
		assert_true(first <= 10001);
	}
	assert_true(trims(d, &first) >= 2); /* in steps */
	close_desk(d);
}

static void
test_random(void **state)
{
	struct rng rng = test_rng("intake");
	struct desk *d = open_desk();
	size_t sent = 0;

	(void)state;
	d->store.reopens = 3;
	while (sent < TICKETS) {
		size_t burst = 1 + rng_below(&rng, 20);

		for (; burst > 0 && sent < TICKETS; burst--)
			if (post(d, sent, 1 + rng_below(&rng, 5)) == ERR_OK)
				sent++;
		if (rng_below(&rng, 10) == 0)
			fail_next(d, rng_below(&rng, 2) == 0 ? ERR_IO : ERR_FULL);
		intake_turn(d->intake);
		(void)event_base_loop(d->base, EVLOOP_NONBLOCK);
		if (rng_below(&rng, 3) == 0)
			clock_manual_advance(d->clock, (int64_t)rng_below(&rng, 400));
		if (rng_below(&rng, 8) == 0)
			wait_answers(d, sent);
	}
	wait_answers(d, sent);
	for (size_t i = 0; i < TICKETS; i++)
		assert_int_equal(d->store.seen[i], d->tickets[i].err == ERR_OK ? d->tickets[i].hints : 0);
	close_desk(d);
}

/* What is staged when the daemon ends is still written and answered. */
static void
test_end(void **state)
{
	struct desk *d = open_desk();
	struct store *s = &d->store;

	(void)state;
	assert_int_equal(post(d, 0, 2), ERR_OK);
	intake_free(d->intake);
	d->intake = NULL;
	assert_true(d->tickets[0].answered && d->tickets[0].err == ERR_OK);
	assert_int_equal(s->seen[0], 2);
	close_desk(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_turns_share_a_commit),
		cmocka_unit_test(test_company_is_waited_for),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_behind),
		cmocka_unit_test(test_failed_sync),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
