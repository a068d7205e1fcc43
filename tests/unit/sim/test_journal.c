/* The journal: counts that go on when the ring turns, filters, what is a violation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sim/journal.h"

static void
counts_beyond_its_ring(void **state)
{
	struct journal_filter f = { .limit = 10 };
	struct journal *j = journal_new();
	json_t *o;

	(void)state;
	for (int i = 0; i < 50000; i++)
		journal_request(j, i, "tenant", i % 2 == 0 ? "GET" : "POST", "/v1.0/teams", "/teams", 200);
	o = journal_show_requests(j, &f);
	assert_int_equal(jx_get_int(o, "total", 0), 50000);
	assert_int_equal(jx_get_int(jx_get_object(o, "counts"), "GET /teams", 0), 25000);
	assert_int_equal(jx_get_int(jx_get_object(o, "statuses"), "200", 0), 50000);
	assert_int_equal(json_array_size(jx_get_array(o, "requests")), 10);
	json_decref(o);
	f.after = 49990;
	f.method = "GET";
	o = journal_show_requests(j, &f);
	assert_int_equal(jx_get_int(o, "total", 0), 5);
	json_decref(o);
	journal_free(j);
}

static void
tells_violations_from_the_rest(void **state)
{
	struct journal *j = journal_new();
	json_t *o, *entry;
	size_t k;

	(void)state;
	for (int i = 0; i < 3000; i++)
		journal_note(j, i, i % 3 == 0 ? JOURNAL_THROTTLED : JOURNAL_NOT_FOUND, "GET", "/x", "y");
	journal_note(j, 1, JOURNAL_NONE, "GET", "/x", "y");
	o = journal_show(j, true);
	assert_int_equal(jx_get_int(jx_get_object(o, "counts"), "not_found", 0), 2000);
	json_array_foreach(jx_get_array(o, "entries"), k, entry) assert_true(jx_get_bool(entry, "violation", false));
	assert_true(k > 600);
	json_decref(o);
	o = journal_show(j, false);
	assert_int_equal(json_array_size(jx_get_array(o, "entries")), 2000);
	assert_int_equal(jx_get_int(o, "violations", 0), 1000);
	assert_int_equal(jx_get_int(jx_get_object(o, "counts"), "not_found", 0), 2000);
	assert_null(json_object_get(jx_get_object(o, "counts"), "none"));
	json_decref(o);
	journal_reset(j);
	o = journal_show(j, false);
	assert_int_equal(jx_get_int(jx_get_object(o, "counts"), "throttled", 0), 0);
	assert_int_equal(jx_get_int(jx_get_object(o, "counts"), "not_found", 0), 0);
	json_decref(o);
	journal_free(j);
}

static void
keeps_those_in_flight(void **state)
{
	struct journal_filter f = { .limit = 0 };
	struct journal *j = journal_new();
	json_t *o;

	(void)state;
	journal_in_flight(j, 1);
	journal_in_flight(j, 1);
	journal_in_flight(j, -1);
	journal_reset(j);
	o = journal_show_requests(j, &f);
	assert_int_equal(jx_get_int(o, "in_flight", 0), 1);
	assert_int_equal(jx_get_int(o, "in_flight_max", 0), 1);
	json_decref(o);
	journal_free(j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_beyond_its_ring),
		cmocka_unit_test(tells_violations_from_the_rest),
		cmocka_unit_test(keeps_those_in_flight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
