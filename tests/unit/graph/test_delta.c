#include "unit/graph/fake.h"

#include "graph/delta.h"

struct seen_groups {
	size_t groups, added, removed, bad;
	enum err err;
	int status;
	char delta[256];
};

static void
on_group(void *arg, const void *record)
{
	const struct graph_delta_group *g = record;
	struct seen_groups *s = arg;

	s->groups++;
	for (size_t i = 0; i < graph_delta_member_count(g); i++) {
		struct graph_delta_member m;

		if (graph_delta_member(g, i, &m) != ERR_OK)
			s->bad++;
		else if (m.removed)
			s->removed++;
		else
			s->added++;
	}
}

static void
on_end(void *arg, const struct graph_page_end *e)
{
	struct seen_groups *s = arg;

	s->err = e->err;
	s->status = e->answer != NULL ? e->answer->status : 0;
	(void)snprintf(s->delta, sizeof(s->delta), "%s", e->delta_link != NULL ? e->delta_link : "");
}

static void
script(struct fake *f, const struct fake_seen *seen, struct fake_reply *reply)
{
	if (fake_is_token(seen))
		return;
	if (f->word != NULL) {
		reply->status = 410;
		fake_header(reply, "Location", FAKE_BASE "/groups/delta?$deltatoken=");
		return;
	}
	(void)snprintf(reply->body, sizeof(reply->body), "%s",
	    strstr(seen->url, "skip") == NULL
	        ? "{\"value\":[],\"@odata.nextLink\":\"" FAKE_BASE "/groups/delta?$skiptoken=a\"}"
	        : "{\"value\":[{\"id\":\"" TEAM_1 "\",\"members@delta\":[{\"id\":\"" USER_1 "\"},{\"id\":\"" USER_2
	          "\",\"@removed\":\"deleted\"},"
	          "{\"id\":\"" USER_1 "\",\"@removed\":{\"reason\":\"deleted\"}},{\"id\":7}]},{\"id\":\"" TEAM_2
	          "\",\"displayName\":\"x\"},"
	          "{\"id\":\"" TEAM_2 "\",\"@removed\":{\"reason\":\"changed\"}}],\"@odata.deltaLink\":\"" FAKE_BASE
	          "/groups/delta?$deltatoken=b\"}");
}

static void
a_round_of_groups(void **state)
{
	struct graph_where w = { .priority = GRAPH_SWEEP };
	struct guid groups[GRAPH_DELTA_GROUPS_MAX + 1];
	struct seen_groups s = { 0 };
	struct fake f;

	(void)state;
	fake_init(&f, script);
	assert_true(guid_parse(TENANT_A, &w.directory));
	for (size_t i = 0; i <= GRAPH_DELTA_GROUPS_MAX; i++)
		assert_true(guid_parse(i % 2 ? TEAM_2 : TEAM_1, &groups[i]));
	assert_non_null(graph_delta_start(f.graph, &w, groups, 2, false, on_group, on_end, &s));
	clock_manual_advance(f.clock, 1000);
	assert_int_equal(s.err, ERR_OK);
	assert_int_equal(s.groups, 3);
	assert_int_equal(s.added, 1);
	assert_int_equal(s.removed, 2);
	assert_int_equal(s.bad, 1);
	assert_string_equal(s.delta, FAKE_BASE "/groups/delta?$deltatoken=b");
	assert_string_equal(f.seen[1].url,
	    FAKE_BASE "/groups/delta?$select=id,members&$filter=id%20eq%20%27" TEAM_1 "%27%20or%20id%20eq%20%27" TEAM_2 "%27");
	f.word = "expired";
	assert_non_null(graph_delta_next(f.graph, &w, s.delta, on_group, on_end, &s));
	clock_manual_advance(f.clock, 1000);
	assert_int_equal(s.err, ERR_GONE);
	assert_int_equal(s.status, 410);
	assert_string_equal(f.seen[3].url, FAKE_BASE "/groups/delta?$deltatoken=b");
	assert_non_null(graph_delta_next(f.graph, &w, "https://evil.test/x", on_group, on_end, &s));
	clock_manual_advance(f.clock, 1000);
	assert_int_equal(s.err, ERR_UNEXPECTED);
	assert_non_null(graph_delta_start(f.graph, &w, groups, GRAPH_DELTA_GROUPS_MAX + 1, false, on_group, on_end, &s));
	clock_manual_advance(f.clock, 1000);
	assert_int_equal(s.err, ERR_INVALID);
	f.word = NULL;
	assert_non_null(graph_delta_start(f.graph, &w, groups, GRAPH_DELTA_GROUPS_MAX, true, on_group, on_end, &s));
	clock_manual_advance(f.clock, 1000);
	assert_int_equal(s.err, ERR_OK);
	fake_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_round_of_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
