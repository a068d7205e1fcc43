#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/schedule.h"
#include "unit/base/seed.h"

#define TENANTS 5
#define ITEMS   3000

struct world {
	struct graph_schedule *s;
	struct graph_tenant_queue tenants[TENANTS];
	struct guid ids[TENANTS];
	struct graph_item items[ITEMS];
	int64_t now_ms;
};

static struct world *
world_new(unsigned in_flight_max)
{
	struct world *w = calloc(1, sizeof(*w));

	w->s = graph_schedule_new(in_flight_max);
	w->now_ms = 1000000;
	for (unsigned i = 0; i < TENANTS; i++) {
		(void)snprintf(w->ids[i].s, sizeof(w->ids[i].s), "%08x-0000-4000-8000-000000000000", i + 1);
		graph_tenant_queue_init(&w->tenants[i], w->now_ms);
	}
	return w;
}

static void
world_free(struct world *w)
{
	assert_int_equal(graph_schedule_queued(w->s), 0);
	assert_int_equal(graph_schedule_in_flight(w->s), 0);
	graph_schedule_free(w->s);
	free(w);
}

static struct graph_item *
put(struct world *w, size_t i, unsigned tenant, enum graph_priority priority, enum graph_operation op, const char *resource,
    unsigned cost)
{
	struct graph_item *item = &w->items[i];

	item->place = graph_place_make(op, &w->ids[tenant], resource, NULL);
	item->priority = priority;
	item->cost = cost;
	item->tenant = &w->tenants[tenant];
	assert_int_equal(graph_schedule_add(w->s, item, false), ERR_OK);
	return item;
}

static struct graph_item *
take(struct world *w)
{
	struct graph_item *item = NULL;
	int64_t wait_ms;

	return graph_schedule_next(w->s, w->now_ms, &item, &wait_ms) == GRAPH_NEXT_GO ? item : NULL;
}

static void
end(struct world *w, struct graph_item *item)
{
	(void)graph_schedule_done(w->s, item, GRAPH_END_OK, w->now_ms, 0);
}

static void
higher_priorities_go_first(void **state)
{
	struct world *w = world_new(64);
	enum graph_priority last = GRAPH_RENEWAL;

	(void)state;
	for (size_t i = 0; i < 12; i++)
		(void)put(w, i, (unsigned)(i % 3), (enum graph_priority)(3 - i / 3), GRAPH_DIRECTORY_READ, NULL, 1);
	for (int i = 0; i < 12; i++) {
		struct graph_item *item = take(w);

		assert_non_null(item);
		assert_true(item->priority >= last);
		last = item->priority;
		end(w, item);
	}
	world_free(w);
}

static void
lower_priorities_do_not_starve(void **state)
{
	struct world *w = world_new(64);
	int sweeps = 0;

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		(void)put(w, i, 0, i < 500 ? GRAPH_PERSON : GRAPH_SWEEP, GRAPH_OUTLOOK_READ, NULL, 1);
	for (int i = 0; i < 160; i++) {
		struct graph_item *item = take(w);

		sweeps += item->priority == GRAPH_SWEEP;
		end(w, item);
	}
	assert_int_equal(sweeps, 10);
	for (size_t i = 0; i < 1000; i++)
		if (w->items[i].lane != NULL)
			graph_schedule_remove(w->s, &w->items[i]);
	world_free(w);
}

/* Tenants take turns by cost, whatever the length of their queues. */
static void
tenants_share_by_cost(void **state)
{
	struct world *w = world_new(64);
	unsigned spent[3] = { 0 };
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		(void)put(w, n++, 0, GRAPH_HINT, GRAPH_OUTLOOK_READ, NULL, 1);
	for (size_t i = 0; i < 300; i++)
		(void)put(w, n++, 1, GRAPH_HINT, GRAPH_OUTLOOK_READ, NULL, 20);
	for (size_t i = 0; i < 300; i++)
		(void)put(w, n++, 2, GRAPH_HINT, GRAPH_OUTLOOK_READ, NULL, 1);
	for (int i = 0; i < 410; i++) {
		struct graph_item *item = take(w);

		assert_non_null(item);
		spent[item->tenant - w->tenants] += item->cost;
		end(w, item);
	}
	assert_in_range(spent[0], 180, 220);
	assert_in_range(spent[1], 180, 220);
	assert_in_range(spent[2], 180, 220);
	for (size_t i = 0; i < n; i++)
		if (w->items[i].lane != NULL)
			graph_schedule_remove(w->s, &w->items[i]);
	world_free(w);
}

static void
limits_of_one_lane_hold_up_no_other(void **state)
{
	struct world *w = world_new(64);
	struct graph_item *item;
	int64_t wait_ms = 0;

	(void)state;
	for (size_t i = 0; i < 10; i++)
		(void)put(w, i, 0, GRAPH_HINT, GRAPH_TEAM_MEMBER_ADD, "t1", 1);
	(void)put(w, 10, 0, GRAPH_HINT, GRAPH_TEAM_MEMBERS_GET, "t2", 1);
	assert_ptr_equal(item = take(w), &w->items[0]);
	end(w, item);
	assert_ptr_equal(item = take(w), &w->items[10]);
	end(w, item);
	assert_int_equal(graph_schedule_next(w->s, w->now_ms, &item, &wait_ms), GRAPH_NEXT_NONE);
	assert_in_range(wait_ms, 15000, 15100);
	w->now_ms += wait_ms - 1;
	assert_null(take(w));
	w->now_ms += 1;
	assert_ptr_equal(item = take(w), &w->items[1]);
	end(w, item);
	for (size_t i = 2; i < 10; i++)
		graph_schedule_remove(w->s, &w->items[i]);
	world_free(w);
}

static void
places_are_capped_and_one_is_kept_for_renewals(void **state)
{
	struct world *w = world_new(20);
	struct graph_item *flying[20];
	size_t n = 0, count = 0;
	struct graph_item *item;

	(void)state;
	for (unsigned tenant = 0; tenant < TENANTS; tenant++)
		for (int i = 0; i < 20; i++)
			(void)put(w, n++, tenant, GRAPH_PERSON, GRAPH_OUTLOOK_READ, NULL, 1);
	while ((item = take(w)) != NULL)
		flying[count++] = item;
	assert_int_equal(count, 18);
	for (unsigned tenant = 0; tenant < TENANTS; tenant++)
		assert_true(w->tenants[tenant].in_flight <= 5);
	(void)put(w, n++, 0, GRAPH_RENEWAL, GRAPH_SUBSCRIPTION_WRITE, NULL, 1);
	assert_ptr_equal(item = take(w), &w->items[n - 1]);
	end(w, item);
	for (size_t i = 0; i < count; i++)
		end(w, flying[i]);
	for (size_t i = 0; i < n; i++)
		if (w->items[i].lane != NULL)
			graph_schedule_remove(w->s, &w->items[i]);
	world_free(w);
}

static void
ceilings_refuse(void **state)
{
	struct graph_item *items = calloc(GRAPH_TENANT_QUEUE_MAX + 1, sizeof(*items));
	struct world *w = world_new(20);

	(void)state;
	for (size_t i = 0; i <= GRAPH_TENANT_QUEUE_MAX; i++) {
		items[i].place = graph_place_make(GRAPH_DIRECTORY_READ, &w->ids[0], NULL, NULL);
		items[i].cost = 1;
		items[i].tenant = &w->tenants[0];
		assert_int_equal(graph_schedule_add(w->s, &items[i], false), i < GRAPH_TENANT_QUEUE_MAX ? ERR_OK : ERR_FULL);
	}
	assert_int_equal(graph_schedule_add(w->s, &items[GRAPH_TENANT_QUEUE_MAX], true), ERR_OK);
	for (size_t i = 0; i <= GRAPH_TENANT_QUEUE_MAX; i++)
		graph_schedule_remove(w->s, &items[i]);
	world_free(w);
	free(items);
}

/* Whatever is queued goes once, in the order of its lane, if time passes; held tenants wait. */
static void
everything_goes_once_in_order(void **state)
{
	static const char *const resources[] = { NULL, "r1", "r2", "r3" };
	struct rng rng = test_rng("schedule");

	(void)state;
	for (int round = 0; round < 20; round++) {
		struct world *w = world_new(2 + (unsigned)rng_below(&rng, 30));
		struct graph_item *flying[64];
		bool gone[400] = { false };
		size_t count = 0, went = 0, n = 0;

		graph_tenant_queue_hold(&w->tenants[0], true);
		for (int step = 0; step < 200000 && went < 400; step++) {
			struct graph_item *item = NULL;
			int64_t wait_ms = -1;

			if (n < 400 && rng_below(&rng, 2) == 0) {
				(void)put(w, n, (unsigned)rng_below(&rng, TENANTS), (enum graph_priority)rng_below(&rng, 4),
				    (enum graph_operation)rng_below(&rng, GRAPH_OPERATION_COUNT), resources[rng_below(&rng, 4)],
				    1 + (unsigned)rng_below(&rng, 20));
				n++;
			}
			if (n == 400)
				graph_tenant_queue_hold(&w->tenants[0], false);
			switch (graph_schedule_next(w->s, w->now_ms, &item, &wait_ms)) {
			case GRAPH_NEXT_GO: {
				size_t at = (size_t)(item - w->items);

				assert_false(gone[at]);
				gone[at] = true;
				went++;
				for (size_t i = 0; i < at; i++) /* none of its lane is left behind it */
					assert_false(!gone[i] && w->items[i].priority == item->priority &&
					             w->items[i].tenant == item->tenant &&
					             memcmp(&w->items[i].place, &item->place, sizeof(item->place)) == 0);
				flying[count++] = item;
				break;
			}
			case GRAPH_NEXT_NONE:
				assert_true(n < 400 || wait_ms >= 0 || count > 0);
				w->now_ms += wait_ms > 0 && rng_below(&rng, 2) == 0 ? wait_ms : 1;
				break;
			case GRAPH_NEXT_REFUSED: fail();
			}
			if (count > 0 && (rng_below(&rng, 3) == 0 || count == 64)) {
				size_t at = (size_t)rng_below(&rng, count);

				end(w, flying[at]);
				flying[at] = flying[--count];
			}
		}
		assert_int_equal(went, 400);
		while (count > 0)
			end(w, flying[--count]);
		world_free(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(higher_priorities_go_first),
		cmocka_unit_test(lower_priorities_do_not_starve),
		cmocka_unit_test(tenants_share_by_cost),
		cmocka_unit_test(limits_of_one_lane_hold_up_no_other),
		cmocka_unit_test(places_are_capped_and_one_is_kept_for_renewals),
		cmocka_unit_test(ceilings_refuse),
		cmocka_unit_test(everything_goes_once_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
