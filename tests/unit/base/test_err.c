/* The error table: texts, names and nothing outside it. */
#include "base/err.h"

#include <ctype.h>
#include <string.h>

#include "unit/base/check.h"

static void
names_are_the_enum_in_lower_case(void **state)
{
#define X(name, text, again) #name,
	static const char *const upper[] = { ERR_TABLE(X) };
#undef X

	(void)state;
	for (int e = 0; e < ERR_COUNT; e++) {
		const char *name = err_name((enum err)e);

		assert_int_equal(strlen(name), strlen(upper[e]));
		for (size_t i = 0; name[i] != '\0'; i++)
			assert_int_equal(name[i], tolower((unsigned char)upper[e][i]));
		assert_true(strlen(err_text((enum err)e)) > 1);
	}
}

static void
values_outside_are_survived(void **state)
{
	(void)state;
	assert_string_equal(err_text((enum err)4711), "unknown error");
	assert_string_equal(err_name(ERR_COUNT), "unknown");
	assert_false(err_may_pass(ERR_COUNT));
	assert_true(err_may_pass(ERR_THROTTLED));
	assert_false(err_may_pass(ERR_OK));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_the_enum_in_lower_case),
		cmocka_unit_test(values_outside_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
