#include "listener/notification.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "listener/envelope.h"
#include "listener/known_states.h"

static const struct key32 key = { { 1, 2, 3 } };
static struct known_states *known;
static const struct scope_id scope = { { 9, 8, 7 } };
static char state_text[CLIENT_STATE_LEN + 1];

static struct rich_text
text(const char *s)
{
	return (struct rich_text){ s, s != NULL ? strlen(s) : 0 };
}

/* An item of ours with the given parts; NULL leaves one out. */
static struct hint
hint_of(const char *change, const char *event, const char *resource, const char *resource_id)
{
	struct envelope_item item = { .client_state = text(state_text),
		.change_type = text(change),
		.lifecycle_event = text(event),
		.resource = text(resource),
		.resource_id = text(resource_id) };
	struct hint hint;

	memset(&hint, 0xee, sizeof(hint));
	assert_true(notification_hint(known, &item, 1234, &hint));
	assert_memory_equal(&hint.scope, &scope, sizeof(scope));
	assert_int_equal(hint.received_wall_ms, 1234);
	return hint;
}

static const struct {
	const char *change, *event;
	enum hint_kind kind;
} kinds[] = {
	{ "created", NULL, HINT_CREATED },
	{ "Updated", NULL, HINT_UPDATED },
	{ "DELETED", NULL, HINT_DELETED },
	{ "renamed", NULL, HINT_OTHER },
	{ "", NULL, HINT_OTHER },
	{ NULL, NULL, HINT_OTHER },
	{ NULL, "reauthorizationRequired", HINT_REAUTHORIZATION_REQUIRED },
	{ NULL, "REAUTHORIZATIONREQUIRED", HINT_REAUTHORIZATION_REQUIRED },
	{ NULL, "subscriptionRemoved", HINT_SUBSCRIPTION_REMOVED },
	{ NULL, "missed", HINT_MISSED },
	{ NULL, "somethingNew", HINT_OTHER },
	{ "created", "missed", HINT_MISSED },
};

static void
test_kinds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		assert_int_equal(hint_of(kinds[i].change, kinds[i].event, NULL, NULL).kind, kinds[i].kind);
}

static const struct {
	const char *resource, *id, *item;
} items[] = {
	{ "teams('t')/members('MCMj=')", "MCMj=", "MCMj=" },
	{ "teams('t')/members('MCMj=')", NULL, "MCMj=" },
	{ "teams('t')/members('MCMj=')", "", "MCMj=" },
	{ "Teams('t')/Channels('19:x@thread.tacv2')/allMembers('a%3Db')", NULL, "a=b" },
	{ "teams/t/members/x", NULL, "x" },
	{ "Users/u/Events/AAMk_-=", NULL, "AAMk_-=" },
	{ "users('u')/events('e')", NULL, "e" },
	{ "Groups/g", NULL, "" },
	{ "teams('t')", NULL, "" },
	{ "teams('t')/channels('c')", NULL, "" },
	{ "teams('t')/members", NULL, "" },
	{ "teams('t')/members('", NULL, "" },
	{ "')", NULL, "" },
	{ "('')", NULL, "" },
	{ "", NULL, "" },
	{ NULL, NULL, "" },
	{ "teams('t')/members('%zz')", NULL, "" },
	{ "teams('t')/members('a%00b')", NULL, "" },
	{ "teams('t')/members('a')", "a\nb", "" },
	{ "x/othermembers/y", NULL, "" },
};

static void
test_items(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		struct hint hint = hint_of("created", NULL, items[i].resource, items[i].id);

		if (hint.item_len != strlen(items[i].item))
			fail_msg("%s", items[i].resource);
		assert_memory_equal(hint.item, items[i].item, hint.item_len);
		/* Lifecycle events are about the scope. */
		assert_int_equal(hint_of(NULL, "missed", items[i].resource, items[i].id).item_len, 0);
	}
}

/* The team is kept whatever else is made of the item: a subscription for all teams needs it. */
static void
test_teams(void **state)
{
	static const char team[] = "20000000-0000-4000-8000-00000000abcd";

	(void)state;
	assert_string_equal(
	    hint_of("created", NULL, "Teams('20000000-0000-4000-8000-00000000ABCD')/members('x')", "x").team.s, team);
	assert_string_equal(hint_of("renamed", NULL, "teams/20000000-0000-4000-8000-00000000abcd/members/x", NULL).team.s, team);
	assert_string_equal(hint_of("created", NULL, "Users/20000000-0000-4000-8000-00000000abcd/Events/x", NULL).team.s, "");
	assert_string_equal(hint_of(NULL, "missed", NULL, NULL).team.s, "");
}

static void
test_long_items(void **state)
{
	char id[HINT_ITEM_MAX + 2];

	(void)state;
	memset(id, 'a', sizeof(id));
	id[HINT_ITEM_MAX] = '\0';
	assert_int_equal(hint_of("created", NULL, NULL, id).item_len, HINT_ITEM_MAX);
	id[HINT_ITEM_MAX] = 'a';
	id[HINT_ITEM_MAX + 1] = '\0';
	assert_int_equal(hint_of("created", NULL, NULL, id).item_len, 0);
}

static void
test_foreign(void **state)
{
	struct envelope_item item = { .change_type = text("created") };
	struct hint hint;

	(void)state;
	assert_false(notification_hint(known, &item, 0, &hint));
	item.client_state = text("");
	assert_false(notification_hint(known, &item, 0, &hint));
	item.client_state = text("secret");
	assert_false(notification_hint(known, &item, 0, &hint));
	item.client_state = text(state_text);
	assert_true(notification_hint(known, &item, 0, &hint));
	item.client_state.len--;
	assert_false(notification_hint(known, &item, 0, &hint));
}

static void
test_digest(void **state)
{
	const struct hint one = hint_of("created", NULL, "r", "i"), same = hint_of("created", NULL, "r", "i");
	const struct hint others[] = { hint_of("updated", NULL, "r", "i"), hint_of("created", NULL, "ri", ""),
		hint_of("created", NULL, "r", "j"), hint_of(NULL, "created", "q", "i") };

	(void)state;
	assert_memory_equal(one.digest, same.digest, sizeof(one.digest));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_memory_not_equal(one.digest, others[i].digest, sizeof(one.digest));
}

int
main(void)
{
	static const uint8_t nonce[CLIENT_STATE_NONCE] = { 5 };
	int failed;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_items),
		cmocka_unit_test(test_teams),
		cmocka_unit_test(test_long_items),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_digest),
	};

	client_state_make(&key, &scope, nonce, state_text);
	known = known_states_new(&key);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	known_states_free(known);
	return failed;
}
