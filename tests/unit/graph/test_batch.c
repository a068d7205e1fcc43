#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "graph/batch.h"
#include "unit/base/seed.h"

static void
packs_up_to_twenty(void **state)
{
	struct graph_batch_get gets[GRAPH_BATCH_MAX + 1] = { { "/teams/a", NULL }, { "/users/b", "IdType=\"ImmutableId\"" } };
	json_t *root = graph_batch_json(gets, 2);
	char *text = json_dumps(root, JSON_COMPACT);

	(void)state;
	assert_non_null(text);
	assert_string_equal(text, "{\"requests\":[{\"id\":\"0\",\"method\":\"GET\",\"url\":\"/teams/"
	                          "a\"},{\"id\":\"1\",\"method\":\"GET\",\"url\":\"/users/b\","
	                          "\"headers\":{\"Prefer\":\"IdType=\\\"ImmutableId\\\"\"}}]}");
	free(text);
	json_decref(root);
	assert_null(graph_batch_json(gets, 0));
	assert_null(graph_batch_json(gets, GRAPH_BATCH_MAX + 1));
}

/* Any order, some missing, some strange: each answer reaches its own request, nothing else does. */
static void
answers_are_matched_by_id(void **state)
{
	struct rng rng = test_rng("batch");

	(void)state;
	for (int round = 0; round < 500; round++) {
		struct graph_batch_result results[GRAPH_BATCH_MAX];
		int expected[GRAPH_BATCH_MAX] = { 0 };
		json_t *list = json_array(), *root = json_pack("{s:o}", "responses", list);

		for (int i = 0; i < 40; i++) {
			static const int statuses[] = { 200, 404, 429, 503, 403 };
			unsigned n = (unsigned)rng_below(&rng, GRAPH_BATCH_MAX + 5);
			int status = statuses[rng_below(&rng, 5)];
			int64_t wait = (int64_t)rng_below(&rng, 30);
			char id[16], after[24];

			(void)snprintf(id, sizeof(id), "%u", n);
			(void)snprintf(after, sizeof(after), "%lld", (long long)wait);
			switch (rng_below(&rng, 8)) {
			case 0: (void)json_array_append_new(list, json_null()); continue;
			case 1: (void)json_array_append_new(list, json_pack("{s:i, s:i}", "id", n, "status", status)); continue;
			case 2: (void)json_array_append_new(list, json_pack("{s:s, s:s}", "id", id, "status", "200")); continue;
			default: break;
			}
			(void)json_array_append_new(list, json_pack("{s:s, s:i, s:{s:s}, s:{s:i}}", "id", id, "status", status,
			                                      "headers", "retry-after", after, "body", "n", n));
			if (n >= GRAPH_BATCH_MAX || expected[n] != 0)
				continue;
			expected[n] = status;
		}
		assert_int_equal(graph_batch_read(root, GRAPH_BATCH_MAX, results), ERR_OK);
		for (int i = 0; i < GRAPH_BATCH_MAX; i++) {
			assert_int_equal(results[i].status, expected[i]);
			if (expected[i] == 0)
				assert_int_equal(results[i].err, ERR_UNEXPECTED);
			else
				assert_int_equal(json_integer_value(json_object_get(results[i].body, "n")), i);
		}
		json_decref(root);
	}
}

static void
no_batch_answer_at_all(void **state)
{
	struct graph_batch_result results[3];

	(void)state;
	assert_int_equal(graph_batch_read(NULL, 3, results), ERR_UNEXPECTED);
	for (int i = 0; i < 3; i++)
		assert_int_equal(results[i].err, ERR_UNEXPECTED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packs_up_to_twenty),
		cmocka_unit_test(answers_are_matched_by_id),
		cmocka_unit_test(no_batch_answer_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
