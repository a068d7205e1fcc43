/* Each thing that wants a person, in the words that the status, ergsyncctl and the console share. */
#include "app/attention.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "unit/base/check.h"
#include "unit/base/seed.h"

#define NOW_MS INT64_C(1795334400000) /* 2026-11-22T08:00:00Z */
#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* All is well with it. */
static struct app_status
well(void)
{
	struct app_status s = { .as_of_wall_ms = NOW_MS, .started_wall_ms = NOW_MS - 3 * HOUR, .inbox_present = true };

	s.tenants[TENANT_ACTIVE] = 2;
	s.ergs[ERG_IN_SYNC] = 3;
	s.ergs[ERG_OFF] = 1;
	s.subscriptions[SUBSCRIPTION_ACTIVE] = 4;
	s.subscription_expiry_wall_ms = NOW_MS + 45 * MINUTE;
	s.unproved_wall_ms = NOW_MS - HOUR;
	s.graph.answer_wall_ms = NOW_MS - 5 * MINUTE;
	s.graph.credential_end_wall_ms = NOW_MS + 200 * DAY;
	s.listener = (struct app_listener_status){ APP_LISTENER_UP, true, NOW_MS + 60 * DAY, ERGSYNC_VERSION };
	return s;
}

struct mishap {
	size_t offset;
	int64_t value;
	enum attention_urgency urgency;
	const char *what, *next; /* what it begins with, and what is in it */
};

#define SET(field, value, urgency, what, next)                                                                                   \
	{                                                                                                                        \
		offsetof(struct app_status, field), value, ATTENTION_##urgency, what, next                                       \
	}

/* An int64_t of a healthy status set to a value: one thing, in these words. */
static const struct mishap mishaps[] = {
	SET(tenants[TENANT_CONSENT_MISSING], 1, NOW, "1 tenant lacks consent.", "ergsyncctl tenant list"),
	SET(tenants[TENANT_CONSENT_MISSING], 12, NOW, "12 tenants lack consent.", "ergsyncctl tenant show TENANT"),
	SET(tenants[TENANT_SIGN_IN_NEEDED], 1, NOW, "1 tenant's account must sign in.", "ergsyncctl tenant sign-in TENANT"),
	SET(tenants[TENANT_UNREACHABLE], 2, NOW, "2 tenants cannot be reached.", "ergsyncctl doctor TENANT"),
	SET(permission_missing, 1, NOW, "1 tenant has not granted all that its ERGs need.", "ergsyncctl doctor"),
	SET(ergs[ERG_BROKEN], 2, NOW, "2 ERGs are broken.", "ergsyncctl erg list"),
	SET(ergs[ERG_HELD], 1, NOW, "1 ERG has a plan that waits for a decision.", "ergsyncctl plan show ERG, then"),
	SET(subscriptions[SUBSCRIPTION_FAILING], 3, NOW, "3 subscriptions fail.", "ergsyncctl subscriptions"),
	SET(meetings.failed, 1, SOON, "1 event has no right meeting,", "ergsyncctl event list ERG"),
	SET(additions_only, 2, SOON, "2 ERGs take additions only,", "held plan"),
	SET(damaged_records, 1, SOON, "1 damaged record was taken out", "check the disk"),
	SET(tenants_noted, 1, SOON, "1 tenant works, but", "ergsyncctl doctor TENANT"),
	SET(callback_oldest_wall_ms, NOW_MS - HOUR, NOW, "The app has not taken a callback for 60 min.", "is the app up?"),
	SET(unproved_wall_ms, NOW_MS - 4 * DAY, NOW, "One ERG was last proved equal 4 d ago.", "ergsyncctl resync --erg ERG"),
	SET(subscription_expiry_wall_ms, NOW_MS - 2 * MINUTE, NOW, "A subscription has expired", "ergsyncctl subscriptions"),
	SET(graph.answer_wall_ms, NOW_MS - 3 * HOUR, NOW, "Microsoft Graph has not answered for 3 h.", "network"),
	SET(graph.clock_ahead_ms, 2 * MINUTE, SOON, "This machine's clock is 2 min ahead of Graph's.", "timedatectl"),
	SET(graph.clock_ahead_ms, -2 * HOUR, NOW, "This machine's clock is 2 h behind Graph's.", "timedatectl"),
	SET(graph.credential_end_wall_ms, NOW_MS + 20 * DAY, SOON, "The secret that signs in to Graph expires in 20 d.",
	    "client_secret_expires"),
	SET(graph.credential_end_wall_ms, NOW_MS + 3 * DAY, NOW, "The secret that signs in to Graph expires in 3 d.", "new one"),
	SET(graph.credential_end_wall_ms, NOW_MS - DAY, NOW, "The secret that signs in to Graph expired 24 h ago.", "new one"),
	SET(listener.certificate_end_wall_ms, NOW_MS + 10 * DAY, SOON, "The listener's certificate expires in 10 d.", "renew it"),
	SET(listener.certificate_end_wall_ms, NOW_MS - DAY, NOW, "The listener's certificate expired 24 h ago.", "renew it"),
	SET(rebuilt_wall_ms, 0, NOW, NULL, NULL),
	SET(callback_oldest_wall_ms, NOW_MS - MINUTE, NOW, NULL, NULL),
	SET(unproved_wall_ms, 0, NOW, NULL, NULL),
	SET(subscription_expiry_wall_ms, 0, NOW, NULL, NULL),
	SET(graph.credential_end_wall_ms, 0, NOW, NULL, NULL),
	SET(listener.certificate_end_wall_ms, 0, NOW, NULL, NULL),
	SET(tenants[TENANT_REMOVING], 1, NOW, NULL, NULL),
	SET(ergs[ERG_LINKING], 1, NOW, NULL, NULL),
};

static void
assert_told(const struct app_status *s, enum attention_urgency urgency, const char *what, const char *next)
{
	struct attention items[ATTENTION_MAX];
	size_t count = attention_of(s, items);
	char plain[ATTENTION_TEXT_SIZE];

	assert_int_equal(count, 1);
	attention_next(&items[0], plain);
	if (!str_starts(items[0].what, what) || strstr(plain, next) == NULL)
		fail_msg("%s | %s, not %s | %s", items[0].what, plain, what, next);
	assert_null(strchr(plain, '`'));
	assert_int_equal(items[0].urgency, urgency);
}

static void
each_thing_has_its_sentence(void **state)
{
	struct attention items[ATTENTION_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(mishaps); i++) {
		struct app_status s = well();

		memcpy((char *)&s + mishaps[i].offset, &mishaps[i].value, sizeof(mishaps[i].value));
		if (mishaps[i].what != NULL)
			assert_told(&s, mishaps[i].urgency, mishaps[i].what, mishaps[i].next);
		else if (attention_of(&s, items) != 0)
			fail_msg("row %zu: %s", i, items[0].what);
	}
}

static void
a_change_of_public_url(void **state)
{
	struct app_status s = well();

	(void)state;
	s.public_url_unreached = true;
	assert_int_equal(attention_of(&s, (struct attention[ATTENTION_MAX]){ 0 }), 0);
	s.subscriptions_former = 3;
	assert_told(
	    &s, ATTENTION_NOW, "Graph does not reach public_url: 3 subscriptions stay at the former one", "put the former");
	s.public_url_unreached = false;
	assert_told(&s, ATTENTION_SOON, "3 subscriptions are on the way from a former public_url.", "keep the former address");
	s.subscriptions_former = 1;
	assert_told(&s, ATTENTION_SOON, "1 subscription is on the way from a former public_url.", "ergsyncctl subscriptions");
}

static void
the_listener_and_the_store(void **state)
{
	struct app_status s = well();

	(void)state;
	s.listener.presence = APP_LISTENER_AWAY;
	assert_told(&s, ATTENTION_NOW, "The listener does not answer", "systemctl status ergsync-listener");
	s.inbox_present = false;
	assert_told(&s, ATTENTION_NOW, "The listener does not answer", "systemctl status ergsync-listener");
	s.listener.presence = APP_LISTENER_UNKNOWN;
	assert_told(&s, ATTENTION_NOW, "The listener has stored nothing yet", "systemctl status ergsync-listener");
	s = well();
	s.listener.can_store = false;
	assert_told(&s, ATTENTION_NOW, "The listener cannot store", "journalctl");
	s.listener.presence = APP_LISTENER_UNKNOWN;
	assert_int_equal(attention_of(&s, (struct attention[ATTENTION_MAX]){ 0 }), 0);
	s = well();
	str_copy(s.listener.version, sizeof(s.listener.version), "0.0.9");
	assert_told(&s, ATTENTION_SOON, "The listener that runs is of version 0.0.9, the reconciler of", "systemctl restart");
	s.listener.version[0] = '\0';
	assert_int_equal(attention_of(&s, (struct attention[ATTENTION_MAX]){ 0 }), 0);
	s = well();
	s.store.full = true;
	assert_told(&s, ATTENTION_NOW, "The store is nearly full", "map_size");
	s = well();
	s.rebuilt_wall_ms = NOW_MS - HOUR;
	assert_int_equal(attention_of(&s, (struct attention[ATTENTION_MAX]){ 0 }), 0);
	s.ergs[ERG_IN_SYNC] = 0;
	assert_told(&s, ATTENTION_NOW, "The former store was damaged", "restore a backup");
	s = well();
	s.graph.by_certificate = true;
	s.graph.credential_end_wall_ms = NOW_MS - 1;
	assert_told(&s, ATTENTION_NOW, "The certificate that signs in to Graph expired", "upload");
}

static void
the_verdict_counts(void **state)
{
	static const char *const verdicts[] = { "All is well", "1 thing needs attention", "2 things need attention" };
	char said[ATTENTION_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(verdicts); i++) {
		attention_verdict(i, said);
		assert_string_equal(said, verdicts[i]);
	}
}

/* Whatever is set together: what cannot wait comes first, each sentence is whole, and nothing is said twice. */
static void
any_of_them_together(void **state)
{
	struct rng rng = test_rng("attention");
	struct attention items[ATTENTION_MAX];

	(void)state;
	for (int round = 0; round < 5000; round++) {
		struct app_status s = well();
		size_t count;

		for (uint64_t n = rng_below(&rng, 12); n > 0; n--) {
			const struct mishap *m = &mishaps[rng_below(&rng, COUNT(mishaps))];

			memcpy((char *)&s + m->offset, &m->value, sizeof(m->value));
		}
		s.listener.presence = (enum app_listener_presence)rng_below(&rng, 3);
		s.listener.can_store = rng_below(&rng, 2) == 0;
		s.store.full = rng_below(&rng, 2) == 0;
		count = attention_of(&s, items);
		assert_in_range(count, 0, ATTENTION_MAX - 1);
		for (size_t i = 0; i < count; i++) {
			assert_true(i == 0 || items[i - 1].urgency <= items[i].urgency);
			assert_int_equal(items[i].what[strlen(items[i].what) - 1], '.');
			for (size_t k = 0; k < i; k++)
				assert_string_not_equal(items[i].what, items[k].what);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_thing_has_its_sentence),
		cmocka_unit_test(a_change_of_public_url),
		cmocka_unit_test(the_listener_and_the_store),
		cmocka_unit_test(the_verdict_counts),
		cmocka_unit_test(any_of_them_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
