/* Keys are fetched once a day, sooner for an unknown one but not often, and stay while they cannot be fetched. */
#include "graph/key_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "net/http_fake.h"

#define START_MS 1795000000000LL

struct service {
	struct clock *clock;
	struct http_transport *transport;
	struct key_set *set;
	const char *newer, *older; /* what is answered; NULL: 503 */
	unsigned newer_count, older_count;
};

static void
on_request(void *arg, struct http_exchange *x)
{
	struct service *s = arg;
	bool newer = strcmp(http_exchange_path(x), "/common/discovery/v2.0/keys") == 0;
	const char *body = newer ? s->newer : s->older;

	if (!newer)
		assert_string_equal(http_exchange_path(x), "/common/discovery/keys");
	(*(newer ? &s->newer_count : &s->older_count))++;
	http_reply(x, body != NULL ? 200 : 503, "application/json", body, body != NULL ? strlen(body) : 0, NULL);
}

static void
service_open(struct service *s)
{
	memset(s, 0, sizeof(*s));
	s->clock = clock_new_manual(START_MS);
	s->transport = http_transport_new_fake(s->clock, on_request, s);
	s->newer = "{\"keys\":[{\"kid\":\"a\"},{\"kid\":\"b\"},{\"nokid\":1}]}";
	s->older = "{\"keys\":[{\"kid\":\"b\"},{\"kid\":\"c\"}]}";
	assert_int_equal(key_set_new(s->transport, s->clock, "http://127.0.0.1:1", &s->set), ERR_OK);
}

static void
service_close(struct service *s)
{
	key_set_free(s->set);
	http_transport_free(s->transport);
	clock_free(s->clock);
}

static size_t
keys(const struct service *s)
{
	return json_array_size(jx_get_array(key_set_get(s->set), "keys"));
}

static void
both_sets_each_key_once(void **state)
{
	struct service s;

	(void)state;
	service_open(&s);
	assert_null(key_set_get(s.set));
	clock_manual_advance(s.clock, 1000);
	assert_int_equal(keys(&s), 3);
	assert_int_equal(s.newer_count, 1);
	assert_int_equal(s.older_count, 1);
	clock_manual_advance(s.clock, KEY_SET_LIFE_MS - 2000);
	assert_int_equal(s.newer_count, 1);
	clock_manual_advance(s.clock, 5000);
	assert_int_equal(s.newer_count, 2);
	service_close(&s);
}

static void
unknown_keys_are_asked_for_rarely(void **state)
{
	struct service s;

	(void)state;
	service_open(&s);
	clock_manual_advance(s.clock, 1000);
	for (int i = 0; i < 600; i++) { /* ten minutes of forged tokens */
		key_set_want(s.set);
		clock_manual_advance(s.clock, 1000);
	}
	assert_in_range(s.newer_count, 2, 3);
	s.newer = "{\"keys\":[{\"kid\":\"new\"}]}";
	clock_manual_advance(s.clock, KEY_SET_FLOOR_MS);
	key_set_want(s.set);
	clock_manual_advance(s.clock, 1000);
	assert_int_equal(keys(&s), 3); /* new, b, c */
	service_close(&s);
}

static void
failures_leave_what_there_is(void **state)
{
	static const char *const bad[] = { NULL, "", "nonsense", "[]", "{\"keys\":{}}" };
	struct service s;

	(void)state;
	service_open(&s);
	clock_manual_advance(s.clock, 1000);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		s.newer = s.older = bad[i];
		clock_manual_advance(s.clock, KEY_SET_LIFE_MS);
		assert_int_equal(keys(&s), 3);
	}
	service_close(&s);
	/* Without any, they are asked for again soon. */
	service_open(&s);
	s.newer = s.older = NULL;
	clock_manual_advance(s.clock, 10 * KEY_SET_RETRY_MS);
	assert_null(key_set_get(s.set));
	assert_in_range(s.newer_count, 9, 11);
	service_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sets_each_key_once),
		cmocka_unit_test(unknown_keys_are_asked_for_rarely),
		cmocka_unit_test(failures_leave_what_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
