/* Settings: all or nothing, in range, shown as they are written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "sim/settings.h"

static enum err
change(struct settings *s, const char *text)
{
	json_t *o = json_loads(text, 0, NULL);
	char why[200] = "";
	enum err e = sim_settings_change(s, o, why, sizeof(why));

	assert_true((e == ERR_OK) == (why[0] == '\0'));
	json_decref(o);
	return e;
}

static void
all_or_nothing(void **state)
{
	struct settings s = sim_settings_default();

	(void)state;
	assert_int_equal(change(&s, "{\"lag_ms\":5,\"page_max\":0}"), ERR_INVALID);
	assert_int_equal(s.lag_ms, 0);
	assert_int_equal(change(&s, "{\"lag_ms\":5,\"page_max\":7,\"strict\":false,\"spellings\":\"plain\"}"), ERR_OK);
	assert_int_equal(s.lag_ms, 5);
	assert_int_equal(s.page_max, 7);
	assert_int_equal(s.strict, 0);
	assert_int_equal(s.spellings, SPELLINGS_PLAIN);
	assert_int_equal(change(&s, "{\"lag_ms\":null}"), ERR_INVALID);
	assert_int_equal(change(&s, "{\"laG_ms\":1}"), ERR_INVALID);
	assert_int_equal(change(&s, "{}"), ERR_OK);
}

static void
shown_as_taken(void **state)
{
	struct settings s = sim_settings_default(), t;
	json_t *o = sim_settings_show(&s);
	char why[200];

	(void)state;
	assert_true(json_is_true(json_object_get(o, "strict")));
	assert_string_equal(jx_get_str(o, "spellings"), "wild");
	memset(&t, 0, sizeof(t));
	assert_int_equal(sim_settings_change(&t, o, why, sizeof(why)), ERR_OK);
	assert_memory_equal(&s, &t, sizeof(s));
	json_decref(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(all_or_nothing), cmocka_unit_test(shown_as_taken) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
