#include "unit/graph/fake.h"

#include "base/json.h"
#include "graph/subscriptions.h"

static void
rules_per_kind(void **state)
{
	(void)state;
	assert_true(graph_resource_equal("/Teams/A/members", "teams/a/Members"));
	assert_false(graph_resource_equal("/teams/a/members", "/teams/b/members"));
	assert_int_equal(graph_subscription_expiry(SUBSCRIPTION_TEAM_MEMBERS, 60000, 1000), 61000);
	assert_in_range(graph_subscription_expiry(SUBSCRIPTION_TEAM_MEMBERS, 0, 0), 2 * 86400 * 1000LL, 3 * 86400 * 1000LL - 1);
	assert_in_range(
	    graph_subscription_expiry(SUBSCRIPTION_CHANNEL_MEMBERS, 0, 0), 2 * 86400 * 1000LL, 3 * 86400 * 1000LL - 1);
	assert_in_range(graph_subscription_expiry(SUBSCRIPTION_MAILBOX_EVENTS, 0, 0), 6 * 86400 * 1000LL, 7 * 86400 * 1000LL - 1);
	assert_int_equal(graph_subscription_expiry(SUBSCRIPTION_TEAM_MEMBERS, INT64_MAX, 0),
	    graph_subscription_expiry(SUBSCRIPTION_TEAM_MEMBERS, 0, 0));
}

static void
items_are_read(void **state)
{
	static const struct {
		const char *json;
		enum err err;
	} cases[] = {
		{ "{\"id\":\"s1\",\"expirationDateTime\":\"2026-11-22T08:00:00.1234567Z\",\"resource\":\"/teams/x/"
		  "members\",\"clientState\":null}",
		    ERR_OK },
		{ "{\"id\":\"s1\",\"expirationDateTime\":\"2026-11-22T00:00:00-08:00\",\"notificationUrl\":7}", ERR_OK },
		{ "{\"id\":\"s1\"}", ERR_UNEXPECTED },
		{ "{\"id\":\"s1\",\"expirationDateTime\":\"soon\"}", ERR_UNEXPECTED },
		{ "{\"expirationDateTime\":\"2026-11-22T08:00:00Z\"}", ERR_UNEXPECTED },
		{ "{}", ERR_UNEXPECTED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct graph_subscription s;
		json_t *json = NULL;

		assert_int_equal(jx_parse(cases[i].json, strlen(cases[i].json), &json, NULL, 0), ERR_OK);
		assert_int_equal(graph_subscription_item_read(json, &s), cases[i].err);
		if (cases[i].err == ERR_OK)
			assert_int_equal(s.expires_wall_ms / 1000, 1795334400);
		json_decref(json);
	}
}

struct outcome {
	int count;
	enum err err, read;
	char existing[SUBSCRIPTION_ID_SIZE];
	char id[SUBSCRIPTION_ID_SIZE];
	int64_t expires_wall_ms;
};

static void
on_done(void *arg, const struct graph_answer *a)
{
	struct outcome *o = arg;

	o->count++;
	o->err = a->err;
	o->read = graph_subscription_read(a, o->id, &o->expires_wall_ms);
	(void)graph_error_existing_subscription(a->status, &a->error, o->existing, sizeof(o->existing));
}

#define EXISTING "9b6f7c2e-0000-4000-8000-00000000abcd"

static void
script(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply)
{
	if (fake_is_token(seen))
		return;
	reply->delay_ms = 45000; /* Graph validates while the call is open */
	reply->status = f->word != NULL ? 409 : 201;
	(void)snprintf(reply->body, sizeof(reply->body), "%s",
	    f->word != NULL
	        ? f->word
	        : "{\"id\":\"s9\",\"expirationDateTime\":\"2026-11-25T08:00:00Z\",\"resource\":\"/teams/x/members\"}");
}

static void
created_or_told_which_exists(void **state)
{
	struct graph_subscription_wish wish = { SUBSCRIPTION_TEAM_MEMBERS, "/teams/" TEAM_1 "/members", "https://h.example/n",
		"https://h.example/l", "v1.state", 1795334400000LL, { NULL, NULL }, NULL };
	const struct graph_encryption key = { "MIIB", "k2" };
	struct graph_where w = { .priority = GRAPH_RENEWAL };
	struct outcome o = { 0 };
	struct fake f;

	(void)state;
	fake_init(&f, script);
	assert_true(guid_parse(TENANT_A, &w.directory));
	assert_non_null(graph_subscription_create(f.graph, &w, &wish, on_done, &o));
	clock_manual_advance(f.clock, 60000);
	assert_int_equal(o.err, ERR_OK);
	assert_int_equal(o.read, ERR_OK);
	assert_string_equal(o.id, "s9");
	assert_int_equal(o.expires_wall_ms / 1000, 1795593600);
	assert_string_equal(f.seen[1].body, "{\"changeType\":\"created,updated,deleted\",\"resource\":\"/teams/" TEAM_1
	                                    "/members\",\"notificationUrl\":\"https://h.example/n\","
	                                    "\"lifecycleNotificationUrl\":\"https://h.example/"
	                                    "l\",\"expirationDateTime\":\"2026-11-22T08:00:00Z\",\"clientState\":\"v1.state\","
	                                    "\"latestSupportedTlsVersion\":\"v1_2\"}");
	f.word = "{\"error\":{\"code\":\"ExtensionError\",\"message\":\"Subscription Id " EXISTING
	         " already exists for the requested combination\"}}";
	assert_non_null(graph_subscription_create(f.graph, &w, &wish, on_done, &o));
	clock_manual_advance(f.clock, 60000);
	assert_int_equal(o.err, ERR_CONFLICT);
	assert_string_equal(o.existing, EXISTING);
	assert_non_null(graph_subscription_renew(f.graph, &w, "s9", wish.expires_wall_ms, NULL, NULL, on_done, &o));
	clock_manual_advance(f.clock, 60000);
	assert_string_equal(f.seen[f.count - 1].method, "PATCH");
	assert_string_equal(f.seen[f.count - 1].url, FAKE_BASE "/subscriptions/s9");
	assert_string_equal(f.seen[f.count - 1].body, "{\"expirationDateTime\":\"2026-11-22T08:00:00Z\"}");
	assert_non_null(graph_subscription_renew(f.graph, &w, "s9", wish.expires_wall_ms, &key, NULL, on_done, &o));
	clock_manual_advance(f.clock, 60000);
	assert_string_equal(f.seen[f.count - 1].body, "{\"expirationDateTime\":\"2026-11-22T08:00:00Z\","
	                                              "\"encryptionCertificate\":\"MIIB\",\"encryptionCertificateId\":\"k2\"}");
	assert_non_null(
	    graph_subscription_renew(f.graph, &w, "s9", wish.expires_wall_ms, NULL, "https://n.example/n", on_done, &o));
	clock_manual_advance(f.clock, 60000);
	assert_string_equal(f.seen[f.count - 1].body,
	    "{\"expirationDateTime\":\"2026-11-22T08:00:00Z\",\"notificationUrl\":\"https://n.example/n\"}");
	wish.change_types = "deleted";
	assert_non_null(graph_subscription_create(f.graph, &w, &wish, on_done, &o));
	clock_manual_advance(f.clock, 60000);
	assert_non_null(strstr(f.seen[f.count - 1].body, "{\"changeType\":\"deleted\","));
	wish.change_types = NULL;
	wish.encryption = key;
	assert_non_null(graph_subscription_create(f.graph, &w, &wish, on_done, &o));
	clock_manual_advance(f.clock, 60000);
	assert_non_null(strstr(f.seen[f.count - 1].body, "\"encryptionCertificate\":\"MIIB\",\"encryptionCertificateId\":\"k2\","
	                                                 "\"includeResourceData\":true}"));
	/* Its notifications name the ids that all other calls use. */
	assert_string_equal(f.seen[f.count - 1].prefer, "");
	wish.kind = SUBSCRIPTION_MAILBOX_EVENTS;
	assert_non_null(graph_subscription_create(f.graph, &w, &wish, on_done, &o));
	clock_manual_advance(f.clock, 60000);
	assert_string_equal(f.seen[f.count - 1].prefer, "IdType=\"ImmutableId\"");
	assert_non_null(graph_subscription_delete(f.graph, &w, "s9", on_done, &o));
	clock_manual_advance(f.clock, 60000);
	assert_string_equal(f.seen[f.count - 1].method, "DELETE");
	assert_int_equal(o.count, 9);
	fake_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_per_kind),
		cmocka_unit_test(items_are_read),
		cmocka_unit_test(created_or_told_which_exists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
