#include "listener/buffers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
test_grows_with_what_arrives(void **state)
{
	struct buffers all;
	struct buffer b = { 0 };

	(void)state;
	buffers_init(&all, 1 << 20);
	/* A promise of a megabyte buys nothing; what is there buys four times as much. */
	assert_int_equal(buffer_reserve(&all, &b, 100, 1 << 20), ERR_OK);
	assert_true(b.cap <= 4096);
	assert_int_equal(buffer_reserve(&all, &b, 4096, 1 << 20), ERR_OK);
	assert_int_equal(b.cap, 16384);
	assert_int_equal(buffer_reserve(&all, &b, 16384, 40000), ERR_OK);
	assert_int_equal(b.cap, 40000);
	assert_int_equal(all.large_bytes, 40000);
	buffer_release(&all, &b);
	assert_int_equal(all.large_bytes, 0);
	assert_null(b.data);
}

static void
test_ceiling(void **state)
{
	struct buffers all;
	struct buffer big[64] = { 0 }, small = { 0 };
	size_t held = 0;

	(void)state;
	buffers_init(&all, 4 << 20);
	while (held < 64 && buffer_reserve(&all, &big[held], 1 << 20, 4 << 20) == ERR_OK)
		held++;
	assert_int_equal(held, BUFFERS_LARGE_MAX / (4 << 20));
	/* Ordinary notifications still get theirs. */
	assert_int_equal(buffer_reserve(&all, &small, 4096, BUFFER_SMALL), ERR_OK);
	assert_int_equal(buffer_reserve(&all, &small, BUFFER_SMALL, BUFFER_SMALL + 1), ERR_FULL);
	buffer_release(&all, &small);
	while (held > 0)
		buffer_release(&all, &big[--held]);
	assert_int_equal(all.large_bytes, 0);
	/* Four of the largest request always fit. */
	buffers_init(&all, 100 << 20);
	assert_int_equal(all.large_max, 400 << 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_grows_with_what_arrives), cmocka_unit_test(test_ceiling) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
