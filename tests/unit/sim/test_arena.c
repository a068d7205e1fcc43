/* Pieces of all sizes stay as they were written, and do not lie on each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/arena.h"
#include "unit/base/seed.h"

#define PIECES 400

static void
pieces_stay(void **state)
{
	struct arena a = { NULL, NULL, NULL };
	char *piece[PIECES];
	size_t size[PIECES];
	struct rng rng = test_rng("arena");

	(void)state;
	for (size_t i = 0; i < PIECES; i++) {
		size[i] = (size_t)rng_below(&rng, rng_below(&rng, 20) == 0 ? 20000 : 300);
		piece[i] = arena_get(&a, size[i]);
		assert_int_equal((uintptr_t)piece[i] % _Alignof(max_align_t), 0);
		memset(piece[i], (int)i, size[i]);
	}
	for (size_t i = 0; i < PIECES; i++)
		for (size_t k = 0; k < size[i]; k++)
			assert_int_equal((unsigned char)piece[i][k], i % 256);
	arena_done(&a);
	assert_null(a.newest);
}

static void
copies_end(void **state)
{
	struct arena a = { NULL, NULL, NULL };

	(void)state;
	assert_null(arena_copy(&a, NULL));
	assert_string_equal(arena_copy(&a, ""), "");
	assert_string_equal(arena_copy(&a, "text"), "text");
	assert_string_equal(arena_copy_len(&a, "text", 2), "te");
	arena_done(&a);
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_stay),
		cmocka_unit_test(copies_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
