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
				assert_false(socket_watch_note(&w, ERR_IO, false, "gone"));
			if (round == 0)
				assert_false(socket_watch_note(&w, ERR_OK, true, ""));
			else
				assert_int_equal(socket_watch_note(&w, ERR_IO, false, "gone"), managed);
		}
		assert_false(socket_watch_note(&w, ERR_IO, false, "gone")); /* once */
		assert_false(socket_watch_note(&w, ERR_OK, false, ""));
	}
	unsetenv("RUNTIME_DIRECTORY");
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(patience_ends_only_where_the_directory_is_made_for_us) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
