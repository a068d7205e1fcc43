#include "unit/graph/fake.h"

#include "graph/members.h"
#include "graph/page.h"
#include "graph/subscriptions.h"

struct walk {
	int ends;
	size_t items, owners;
	enum err err;
	size_t pages, skipped;
	char delta[256], detail[DETAIL_SIZE];
};

static void
on_member(void *arg, const void *record)
{
	const struct graph_member *m = record;
	struct walk *walk = arg;

	walk->items++;
	walk->owners += m->role == ROLE_OWNER;
}

static void
on_raw(void *arg, const void *record)
{
	(void)record;
	((struct walk *)arg)->items++;
}

static void
on_end(void *arg, const struct graph_page_end *e)
{
	struct walk *walk = arg;

	walk->ends++;
	walk->err = e->err;
	walk->pages = e->pages;
	walk->skipped = e->skipped;
	(void)snprintf(walk->delta, sizeof(walk->delta), "%s", e->delta_link != NULL ? e->delta_link : "");
	(void)snprintf(walk->detail, sizeof(walk->detail), "%s", e->detail);
}

#define MEMBER(id, user, role)                                                                                                   \
	"{\"@odata.type\":\"#microsoft.graph.aadUserConversationMember\",\"id\":\"" id "\",\"userId\":\"" user                   \
	"\",\"roles\":[" role "]}"
#define SECOND FAKE_BASE "/teams/next?$skiptoken=2"

/* word: what the second page is. */
static void
script(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply)
{
	if (fake_is_token(seen))
		return;
	if (strstr(seen->url, "skiptoken") == NULL && strncmp(f->word, "first:", 6) != 0)
		(void)snprintf(reply->body, sizeof(reply->body),
		    "{\"value\":[" MEMBER("m1", USER_1, "\"Owner\"") "],\"@odata.nextLink\":\"%s\"}",
		    strncmp(f->word, "https://", 8) == 0 ? f->word : SECOND);
	else if (f->word[0] >= '0' && f->word[0] <= '9')
		reply->status = (int)strtol(f->word, NULL, 10);
	else
		(void)snprintf(
		    reply->body, sizeof(reply->body), "%s", strncmp(f->word, "first:", 6) == 0 ? f->word + 6 : f->word);
}

static void
a_list_is_complete_or_says_why_not(void **state)
{
	static const struct {
		const char *why, *second;
		enum err err;
		size_t items;
	} cases[] = {
		{ "complete", "{\"value\":[" MEMBER("m2", USER_2, "") "]}", ERR_OK, 2 },
		{ "an empty last page", "{\"value\":[]}", ERR_OK, 1 },
		{ "unknown members of the object", "{\"value\":[],\"x\":{\"y\":1}}", ERR_OK, 1 },
		{ "unknown kinds are skipped",
		    "{\"value\":[{\"@odata.type\":\"#microsoft.graph.anonymousGuestConversationMember\",\"id\":\"a\"}]}", ERR_OK,
		    1 },
		{ "no value", "{}", ERR_UNEXPECTED, 1 },
		{ "value is null", "{\"value\":null}", ERR_UNEXPECTED, 1 },
		{ "an item that is no object", "{\"value\":[1]}", ERR_UNEXPECTED, 1 },
		{ "a member without a user", "{\"value\":[{\"id\":\"m3\"}]}", ERR_UNEXPECTED, 1 },
		{ "a link that is no string", "{\"value\":[],\"@odata.nextLink\":7}", ERR_UNEXPECTED, 1 },
		{ "both links", "{\"value\":[],\"@odata.nextLink\":\"" FAKE_BASE "/x\",\"@odata.deltaLink\":\"" FAKE_BASE "/y\"}",
		    ERR_UNEXPECTED, 1 },
		{ "a link to itself", "{\"value\":[],\"@odata.nextLink\":\"" SECOND "\"}", ERR_UNEXPECTED, 1 },
		{ "forbidden", "403", ERR_FORBIDDEN, 1 },
		{ "not found", "404", ERR_NOTFOUND, 1 },
		{ "gone", "410", ERR_GONE, 1 },
		{ "a failing later page", "500", ERR_REMOTE, 1 },
		{ "202 is no page", "202", ERR_UNEXPECTED, 1 },
		{ "truncated", "{\"value\":[", ERR_UNEXPECTED, 1 },
		{ "a foreign host", "https://evil.test/v1.0/x", ERR_UNEXPECTED, 1 },
		{ "an empty list", "first:{\"value\":[]}", ERR_OK, 0 },
		{ "an empty page on the way", "first:{\"value\":[],\"@odata.deltaLink\":\"" FAKE_BASE "/d\"}", ERR_OK, 0 },
	};
	struct graph_roster roster = { .channel = NULL };
	struct graph_where w = { .priority = GRAPH_HINT };

	(void)state;
	assert_true(guid_parse(TENANT_A, &w.directory));
	assert_true(guid_parse(TEAM_1, &roster.team));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct walk walk = { 0 };
		struct fake f;

		fake_init(&f, script);
		f.word = cases[i].second;
		assert_non_null(graph_members_list(f.graph, &w, &roster, on_member, on_end, &walk));
		clock_manual_advance(f.clock, 600000);
		if (walk.err != cases[i].err || walk.items != cases[i].items)
			print_error("%s: %s, %zu\n", cases[i].why, err_name(walk.err), walk.items);
		assert_int_equal(walk.ends, 1);
		assert_int_equal(walk.err, cases[i].err);
		assert_int_equal(walk.items, cases[i].items);
		assert_int_equal(walk.detail[0] == '\0', cases[i].err == ERR_OK);
		assert_string_equal(f.seen[1].url, FAKE_BASE "/teams/" TEAM_1 "/members?$top=999");
		for (size_t n = 0; n < f.count; n++)
			assert_null(strstr(f.seen[n].url, "evil"));
		fake_done(&f);
	}
}

static void
script_endless(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply)
{
	if (!fake_is_token(seen))
		(void)snprintf(reply->body, sizeof(reply->body),
		    "{\"value\":[{},{}],\"@odata.nextLink\":\"" FAKE_BASE "/x?%zu\"}", f->count);
}

static void
ceilings_end_the_walk(void **state)
{
	struct graph_page_options options = { .item = on_raw, .end = on_end };
	struct walk walk = { 0 };
	struct graph_pages *p;
	struct fake f;

	(void)state;
	fake_init(&f, script_endless);
	options.arg = &walk;
	options.request = request_get(TENANT_A, "/x");
	options.pages_max = 5;
	assert_non_null(graph_pages_start(f.graph, &options));
	clock_manual_advance(f.clock, 60000);
	assert_int_equal(walk.err, ERR_TOOBIG);
	assert_int_equal(walk.pages, 5);
	options.pages_max = 0;
	options.items_max = 7;
	walk = (struct walk){ 0 };
	assert_non_null(graph_pages_start(f.graph, &options));
	clock_manual_advance(f.clock, 60000);
	assert_int_equal(walk.err, ERR_TOOBIG);
	assert_int_equal(walk.items, 7);
	/* Cancelled half-way: silence. */
	options.items_max = 0;
	walk = (struct walk){ 0 };
	assert_non_null(p = graph_pages_start(f.graph, &options));
	clock_manual_advance(f.clock, 50);
	assert_true(walk.items > 0);
	graph_pages_cancel(p);
	clock_manual_advance(f.clock, 60000);
	assert_int_equal(walk.ends, 0);
	fake_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_complete_or_says_why_not),
		cmocka_unit_test(ceilings_end_the_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
