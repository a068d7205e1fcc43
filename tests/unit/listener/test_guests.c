/* Who may come, who must go, and when: with a clock that moves only when told. */
#include "listener/guests.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/clock.h"
#include "unit/base/seed.h"

struct visit {
	struct guest guest;
	bool here, evicted, expired;
};

struct house {
	struct clock *clock;
	struct guests *guests;
	struct visit visits[400];
};

static struct visit *
of(struct guest *guest)
{
	return (struct visit *)(void *)((char *)guest - offsetof(struct visit, guest));
}

static void
on_expired(void *arg, struct guest *guest)
{
	struct house *h = arg;

	of(guest)->expired = true;
	of(guest)->here = false;
	guest_leave(h->guests, guest);
}

static void
on_evict(void *arg, struct guest *guest)
{
	struct house *h = arg;

	of(guest)->evicted = true;
	of(guest)->here = false;
	guest_leave(h->guests, guest);
}

static void
open_house(struct house *h, size_t max, size_t per_address)
{
	struct guest_limits limits = guest_limits_default(100000);
	const struct guest_host host = { on_expired, on_evict, h };

	memset(h, 0, sizeof(*h));
	limits.max = max;
	limits.per_address = per_address;
	h->clock = clock_new_manual(0);
	h->guests = guests_new(h->clock, &limits, &host, 42);
	assert_non_null(h->guests);
}

static void
close_house(struct house *h)
{
	for (size_t i = 0; i < sizeof(h->visits) / sizeof(h->visits[0]); i++)
		if (h->visits[i].here)
			guest_leave(h->guests, &h->visits[i].guest);
	assert_int_equal(guests_count(h->guests), 0);
	guests_free(h->guests);
	clock_free(h->clock);
}

static enum err
arrive(struct house *h, size_t i, const char *address)
{
	struct sockaddr_in four = { .sin_family = AF_INET };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	enum err err;

	guests_turn(h->guests);
	if (inet_pton(AF_INET, address, &four.sin_addr) == 1) {
		err = guest_arrive(h->guests, &h->visits[i].guest, (struct sockaddr *)&four);
	} else {
		assert_int_equal(inet_pton(AF_INET6, address, &six.sin6_addr), 1);
		err = guest_arrive(h->guests, &h->visits[i].guest, (struct sockaddr *)&six);
	}
	h->visits[i].here = err == ERR_OK;
	return err;
}

static void
enter(struct house *h, size_t i, enum guest_phase phase)
{
	guests_turn(h->guests);
	guest_enter(h->guests, &h->visits[i].guest, phase);
}

static void
serve(struct house *h, size_t i)
{
	guest_served(h->guests, &h->visits[i].guest);
	enter(h, i, GUEST_IDLE);
}

static void
pass(struct house *h, int64_t ms)
{
	guests_turn(h->guests);
	clock_manual_advance(h->clock, ms);
}

static void
test_deadlines(void **state)
{
#define X(name, ms) ms,
	static const int64_t times[] = { GUEST_PHASES(X) };
#undef X
	struct house h;

	(void)state;
	for (int phase = 0; phase < GUEST_PHASE_COUNT; phase++) {
		open_house(&h, 10, 10);
		assert_int_equal(arrive(&h, 0, "10.0.0.1"), ERR_OK);
		enter(&h, 0, (enum guest_phase)phase);
		pass(&h, times[phase] - 1);
		assert_false(h.visits[0].expired);
		pass(&h, 1);
		assert_true(h.visits[0].expired);
		close_house(&h);
	}
}

static void
test_deadline_does_not_move(void **state)
{
	struct house h;

	(void)state;
	open_house(&h, 10, 10);
	assert_int_equal(arrive(&h, 0, "10.0.0.1"), ERR_OK);
	enter(&h, 0, GUEST_REQUEST);
	for (size_t i = 1; i < 9; i++) {
		pass(&h, 1000);
		assert_int_equal(arrive(&h, i, "10.0.0.2"), ERR_OK);
	}
	/* Those of 3 s in between went on time, too. */
	assert_true(h.visits[1].expired && h.visits[5].expired && !h.visits[6].expired);
	pass(&h, 1999);
	assert_false(h.visits[0].expired);
	pass(&h, 1);
	assert_true(h.visits[0].expired);
	close_house(&h);
}

static void
test_full_house(void **state)
{
	struct house h;

	(void)state;
	open_house(&h, 4, 64);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(arrive(&h, i, "10.0.0.1"), ERR_OK);
		pass(&h, 10);
	}
	serve(&h, 0);
	pass(&h, 10);
	serve(&h, 2);
	/* The oldest that never completed a request goes first ... */
	assert_int_equal(arrive(&h, 4, "10.0.0.1"), ERR_OK);
	assert_true(h.visits[1].evicted);
	assert_int_equal(arrive(&h, 5, "10.0.0.1"), ERR_OK);
	assert_true(h.visits[3].evicted);
	serve(&h, 4);
	serve(&h, 5);
	/* ... then the one idle for longest ... */
	assert_int_equal(arrive(&h, 6, "10.0.0.1"), ERR_OK);
	assert_true(h.visits[0].evicted && !h.visits[2].evicted);
	/* ... and nobody while all are at work. */
	enter(&h, 2, GUEST_STORING);
	enter(&h, 4, GUEST_REQUEST);
	enter(&h, 5, GUEST_WRITING);
	enter(&h, 6, GUEST_STORING);
	assert_int_equal(arrive(&h, 7, "10.0.0.1"), ERR_FULL);
	assert_false(guests_make_room(h.guests));
	/* Those that only close make room before all others. */
	enter(&h, 6, GUEST_IDLE);
	enter(&h, 5, GUEST_CLOSING);
	assert_int_equal(arrive(&h, 7, "10.0.0.1"), ERR_OK);
	assert_true(h.visits[5].evicted);
	close_house(&h);
}

static void
test_one_address(void **state)
{
	struct house h;

	(void)state;
	open_house(&h, 400, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(arrive(&h, i, "192.0.2.1"), ERR_OK);
	assert_int_equal(arrive(&h, 10, "192.0.2.2"), ERR_OK);
	serve(&h, 0);
	/* Only its own guests make room. */
	assert_int_equal(arrive(&h, 3, "192.0.2.1"), ERR_OK);
	assert_true(h.visits[1].evicted && !h.visits[10].evicted);
	serve(&h, 2);
	enter(&h, 3, GUEST_STORING);
	assert_int_equal(arrive(&h, 4, "::ffff:192.0.2.1"), ERR_OK);
	assert_true(h.visits[0].evicted);
	enter(&h, 2, GUEST_STORING);
	enter(&h, 4, GUEST_STORING);
	assert_int_equal(arrive(&h, 5, "192.0.2.1"), ERR_FULL);
	assert_int_equal(guests_count(h.guests), 4);
	close_house(&h);
}

static void
test_address_groups(void **state)
{
	struct house h;

	(void)state;
	open_house(&h, 400, 1);
	assert_int_equal(arrive(&h, 0, "2001:db8:0:1200::1"), ERR_OK);
	assert_int_equal(arrive(&h, 1, "2001:db8:0:12ff::9"), ERR_OK);
	assert_true(h.visits[0].evicted); /* the same /56 */
	assert_int_equal(arrive(&h, 2, "2001:db8:0:1300::1"), ERR_OK);
	assert_false(h.visits[1].evicted);
	for (size_t i = 10; i < 90; i++)
		assert_int_equal(arrive(&h, i, i % 3 == 0 ? "127.0.0.1" : i % 3 == 1 ? "::1" : "::ffff:127.9.9.9"), ERR_OK);
	assert_int_equal(guests_count(h.guests), 82);
	close_house(&h);
}

static void
test_limits(void **state)
{
	(void)state;
	assert_int_equal(guest_limits_default(1 << 20).max, GUESTS_MAX_DEFAULT);
	assert_int_equal(guest_limits_default(1024).max, 960);
	assert_int_equal(guest_limits_default(64).max, 32);
	assert_int_equal(guest_limits_default(0).max, 1);
}

/* Whatever happens, the books agree with a count of those here, and nobody stays past the deadline. */
static void
test_random(void **state)
{
	struct rng rng = test_rng("guests");
	struct house h;

	(void)state;
	open_house(&h, 50, 5);
	for (int round = 0; round < 30000; round++) {
		size_t i = rng_below(&rng, 400), here = 0, in[GUEST_PHASE_COUNT] = { 0 };
		struct visit *v = &h.visits[i];
		char address[32];

		(void)snprintf(
		    address, sizeof(address), "10.0.%u.%u", (unsigned)rng_below(&rng, 4), (unsigned)rng_below(&rng, 5));
		if (!v->here) {
			*v = (struct visit){ .here = false };
			(void)arrive(&h, i, address);
		} else if (rng_below(&rng, 4) == 0) {
			v->here = false;
			guest_leave(h.guests, &v->guest);
		} else if (rng_below(&rng, 3) == 0) {
			serve(&h, i);
		} else {
			enter(&h, i, (enum guest_phase)rng_below(&rng, GUEST_PHASE_COUNT));
		}
		if (rng_below(&rng, 20) == 0)
			pass(&h, (int64_t)rng_below(&rng, 3000));
		for (size_t k = 0; k < 400; k++) {
			here += h.visits[k].here;
			if (!h.visits[k].here)
				continue;
			assert_true(h.visits[k].guest.deadline_ms > clock_boot_ms(h.clock));
			in[h.visits[k].guest.phase]++;
		}
		for (int phase = 0; phase < GUEST_PHASE_COUNT; phase++)
			assert_int_equal(guests_in(h.guests, (enum guest_phase)phase), in[phase]);
		assert_int_equal(guests_count(h.guests), here);
		assert_true(here <= 50);
	}
	close_house(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_deadline_does_not_move),
		cmocka_unit_test(test_full_house),
		cmocka_unit_test(test_one_address),
		cmocka_unit_test(test_address_groups),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
