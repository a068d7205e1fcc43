/* When a restart is wanted for a socket that cannot be bound again. */
#include "base/socket_watch.h"

#include <stdlib.h>

#include "base/log.h"
#include "unit/base/check.h"

static void
patience_ends_only_where_the_directory_is_made_for_us(void **state)
{
	struct socket_watch w = { 0 };

	(void)state;
	for (int managed = 0; managed < 2; managed++) {
		assert_int_equal(managed ? setenv("RUNTIME_DIRECTORY", "/run/ergsync", 1) : unsetenv("RUNTIME_DIRECTORY"), 0);
		for (int round = 0; round < 2; round++) {
			for (unsigned i = 1; i < SOCKET_WATCH_PATIENCE; i++)
				assert_false(socket_watch_note(&w, ERR_IO, true, false, "gone"));
			if (round == 0)
				assert_false(socket_watch_note(&w, ERR_OK, true, true, ""));
			else
				assert_int_equal(socket_watch_note(&w, ERR_IO, true, false, "gone"), managed);
		}
		assert_false(socket_watch_note(&w, ERR_IO, true, false, "gone")); /* once */
		assert_false(socket_watch_note(&w, ERR_OK, true, false, ""));
	}
	unsetenv("RUNTIME_DIRECTORY");
}

/* A socket elsewhere: a start would fail, too, where running on does the rest of the work. */
static void
a_directory_of_others_is_waited_for(void **state)
{
	struct socket_watch w = { 0 };

	(void)state;
	assert_int_equal(setenv("RUNTIME_DIRECTORY", "/run/ergsync", 1), 0);
	for (unsigned i = 0; i < 3 * SOCKET_WATCH_PATIENCE; i++)
		assert_false(socket_watch_note(&w, ERR_IO, false, false, "gone"));
	for (unsigned i = 1; i < SOCKET_WATCH_PATIENCE; i++)
		assert_false(socket_watch_note(&w, ERR_IO, true, false, "gone"));
	assert_true(socket_watch_note(&w, ERR_IO, true, false, "gone"));
	unsetenv("RUNTIME_DIRECTORY");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patience_ends_only_where_the_directory_is_made_for_us),
		cmocka_unit_test(a_directory_of_others_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
