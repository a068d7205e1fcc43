/* What people see of the API's JSON. */
#include "ctl/render.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "unit/base/check.h"
#include "unit/base/seed.h"

#define NOW_MS INT64_C(1795334400000) /* 2026-11-22T08:00:00Z */

/* JSON written with ' for ". */
static json_t *
json_of(const char *s)
{
	char *text = strdup(s);
	json_t *json;

	for (char *c = text; *c != '\0'; c++)
		if (*c == '\'')
			*c = '"';
	assert_int_equal(jx_parse(text, strlen(text), &json, NULL, 0), ERR_OK);
	free(text);
	return json;
}

/* Takes json. */
static void
assert_shown(struct text *out, json_t *json, const char *expected)
{
	assert_int_equal(text_err(out), ERR_OK);
	assert_string_equal(out->data, expected);
	text_done(out);
	json_decref(json);
}

static void
tables_are_aligned(void **state)
{
	static const struct column columns[] = { { "NAME", "name" }, { "N", "counts.app" }, { "OK", "ok" }, { NULL, NULL } };
	struct text out;
	json_t *list = json_of("[{'name':'Caf\xc3\xa9','counts':{'app':12},'ok':true},{'name':'A longer name','ok':false},"
	                       "{'name':null,'counts':3}]");

	(void)state;
	text_init(&out, 65536);
	render_table(list, columns, "none", &out);
	assert_shown(&out, list,
	    "NAME           N   OK\n"
	    "Caf\xc3\xa9           12  yes\n"
	    "A longer name  -   no\n"
	    "-              -   -\n");
	text_init(&out, 65536);
	list = json_array();
	render_table(list, columns, "There are none.", &out);
	assert_shown(&out, list, "There are none.\n");
}

/* A name must not move the cursor, ring, or turn the direction of the line. */
static void
control_characters_do_not_reach_the_terminal(void **state)
{
	static const struct column columns[] = { { "NAME", "name" }, { NULL, NULL } };
	struct text out;
	json_t *list = json_of("[{'name':'a\\u001b[2Jb\\u0007\\u009b31mc\\u202ed'}]");

	(void)state;
	text_init(&out, 65536);
	render_table(list, columns, "", &out);
	assert_shown(&out, list, "NAME\na?[2Jb??31mc?d\n");
}

static void
objects_show_each_member(void **state)
{
	struct text out;
	json_t *o = json_of("{'id':'e1','members':{'app':1},'list':[],'subs':[{'id':'s','x':null},{'id':'t'}],'errors':['one']}");

	(void)state;
	text_init(&out, 65536);
	render_object(o, &out);
	assert_shown(&out, o,
	    "id:                    e1\n"
	    "members.app:           1\n"
	    "list:                  none\n"
	    "subs:                  \n"
	    "  - id:                    s\n"
	    "    x:                     -\n"
	    "  - id:                    t\n"
	    "errors:                \n"
	    "  - one\n");
}

static void
problems_are_sentences(void **state)
{
	static const struct {
		const char *json;
		int status;
		const char *shown;
	} cases[] = {
		{ "{'title':'There is no such ERG','detail':'There is no ERG e1.','status':404}", 404, "There is no ERG e1.\n" },
		{ "{'title':'A field of the body is not right','errors':[{'pointer':'/name','detail':'is required'},"
		  "{'pointer':'','detail':'must be an object'},{'parameter':'limit','detail':'is odd'}]}",
		    422, "A field of the body is not right.\n  name: is required\n  body: must be an object\n  limit: is odd\n" },
		{ "{}", 502, "The daemon answered 502.\n" },
		{ "[]", 500, "The daemon answered 500.\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct text out;
		json_t *json = json_of(cases[i].json);

		text_init(&out, 65536);
		render_problem(json, cases[i].status, &out);
		assert_shown(&out, json, cases[i].shown);
	}
}

static const char well[] =
    "{'version':'0.1.0','started_at':'2026-11-22T05:00:00Z','verdict':'All is well','attention':[],"
    "'tenants':{'active':2,'total':2},'ergs':{'in_sync':3,'off':1,'total':"
    "4},"
    "'subscriptions':{'active':4,'total':4,'next_expiry_at':'2026-11-22T08:45:00Z'},'inbox':{'present':true,'backlog':0,'dirty':"
    "0},"
    "'callbacks':{'backlog':0,'oldest_at':null,'detail':null},'changes':{'newest':8},"
    "'resyncs':{'running':1,'ergs_done':7,'ergs_total':40},'meetings':{'scheduled':5,'pending':2,'failed':1},'listener':{'state':"
    "'up'},"
    "'oldest_unproved':{'erg':'e9','proved_at':'2026-11-22T07:00:00Z'},'problems':[]}";

static void
a_good_status_says_so_first(void **state)
{
	struct text out;
	json_t *json = json_of(well);

	(void)state;
	text_init(&out, 65536);
	render_status(json, NOW_MS, false, &out);
	assert_shown(&out, json,
	    "All is well.\n"
	    "\n"
	    "Tenants            2   active 2\n"
	    "ERGs               4   in_sync 3, off 1\n"
	    "Meetings           5   scheduled; 2 pending, 1 failed\n"
	    "Subscriptions      4   active 4\n"
	    "  next expiry          in 45 min (2026-11-22T08:45:00Z)\n"
	    "Listener               up\n"
	    "Notifications      0   waiting; 0 lists to be read from Teams\n"
	    "Callbacks          0   waiting\n"
	    "Resyncs            1   running; 7 of 40 ERGs compared\n"
	    "Oldest proof           e9\n"
	    "  proved equal         60 min ago (2026-11-22T07:00:00Z)\n"
	    "Running since          3 h ago (2026-11-22T05:00:00Z)\n");
	json = json_of(well);
	text_init(&out, 65536);
	render_status(json, NOW_MS, true, &out);
	assert_memory_equal(out.data, "\033[32mAll is well.\033[0m\n", 21);
	text_done(&out);
	json_decref(json);
}

/* The first lines are the daemon's own words: the verdict, what wants somebody with the next step, and whom it is about. */
static void
a_bad_status_says_what_and_what_next(void **state)
{
	static const struct {
		const char *json, *shown;
	} cases[] = {
		{ "{'verdict':'1 thing needs attention','attention':[{'urgency':'now','what':'1 ERG is "
		  "broken.','next':'ergsyncctl erg "
		  "list'}],'problems':[{'subject':'erg:e1','detail':'Its team is "
		  "gone.'},{'subject':'store:damaged','detail':'Said "
		  "above.'}]}",
		    "1 thing needs attention:\n  - 1 ERG is broken.\n    next: ergsyncctl erg list\n  erg:e1: Its team is "
		    "gone.\n\n" },
		{ "{'verdict':'1 thing needs attention','attention':[{'what':'2 ERGs are broken.','next':''}],'problems':["
		  "{'subject':'erg:e1','detail':'Gone.'},{'subject':'tenant:t','detail':'Other.'},{'subject':'erg:e2','detail':'"
		  "Gone.'}]}",
		    "1 thing needs attention:\n  - 2 ERGs are broken.\n  erg:e1 and 1 more: Gone.\n  tenant:t: Other.\n\n" },
		{ "{'verdict':'1 thing needs attention','attention':[{'what':'Odd.','next':''}],'problems':[]}",
		    "1 thing needs attention:\n  - Odd.\n\n" },
		{ "{'verdict':'a\\u001b[2J','attention':[{'what':'b\\u0007','next':'c\\u009b'}]}",
		    "a?[2J:\n  - b?\n    next: c?\n\n" },
		{ "{}", "The daemon gives no verdict:\n\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *json = json_of(cases[i].json);
		struct text out;

		text_init(&out, 65536);
		render_status(json, NOW_MS, false, &out);
		if (!str_starts(out.data, cases[i].shown))
			fail_msg("%s\nnot\n%s", out.data, cases[i].shown);
		text_done(&out);
		json_decref(json);
	}
}

static void
progress_has_a_bar_or_not(void **state)
{
	static const struct {
		int done, total;
		unsigned width;
		const char *shown;
	} cases[] = {
		{ 0, 0, 10, "[----------] 0/0 ERGs, 1,234,567 members compared" },
		{ 1, 4, 10, "[##--------] 1/4 ERGs, 1,234,567 members compared" },
		{ 4, 4, 10, "[##########] 4/4 ERGs, 1,234,567 members compared" },
		{ 9, 4, 10, "[##########] 9/4 ERGs, 1,234,567 members compared" },
		{ 1000, 2000, 0, "1,000/2,000 ERGs, 1,234,567 members compared" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *json = json_pack(
		    "{s:i, s:i, s:i}", "ergs_done", cases[i].done, "ergs_total", cases[i].total, "members_compared", 1234567);
		struct text out;

		text_init(&out, 65536);
		render_progress(json, cases[i].width, &out);
		assert_shown(&out, json, cases[i].shown);
	}
}

static void
a_resync_tells_its_result(void **state)
{
	struct text out;
	json_t *json = json_of("{'state':'done','dry_run':false,'ergs_total':2,'ergs_done':2,'members_compared':5,"
	                       "'changes':{'added_to_app':1,'held':0},'errors':['erg:e1: no']}");

	(void)state;
	text_init(&out, 65536);
	render_resync(json, &out);
	assert_shown(&out, json, "Resync done: 2/2 ERGs, 5 members compared.\n       1 added to the app\n  failed: erg:e1: no\n");
	json = json_of("{'state':'done','dry_run':false,'ergs_total':2,'ergs_done':2,'members_compared':5,'changes':{},"
	               "'errors':['erg:e1: no']}");
	text_init(&out, 65536);
	render_resync(json, &out);
	assert_shown(&out, json, "Resync done: 2/2 ERGs, 5 members compared.\n  failed: erg:e1: no\n");
	json =
	    json_of("{'state':'done','dry_run':true,'ergs_total':2,'ergs_done':2,'members_compared':5,'changes':{},'errors':[]}");
	text_init(&out, 65536);
	render_resync(json, &out);
	assert_shown(&out, json, "Comparison done: 2/2 ERGs, 5 members compared.\n  Both sides were equal.\n");
}

static void
changes_and_plans_are_lines(void **state)
{
	struct text out;
	json_t *json = json_of("{'seq':7,'time':'2026-11-22T08:00:00Z','type':'ergsync.member.added','subject':'e1',"
	                       "'data':{'erg':'e1','user':null,'email':'a@b','role':'member'}}");

	(void)state;
	text_init(&out, 65536);
	render_change(json, &out);
	assert_shown(&out, json, "7  2026-11-22T08:00:00Z  ergsync.member.added  e1  email=a@b  role=member\n");
	json = json_of(
	    "{'held':true,'detail':'Too many.','hash':'abc','items':[{'action':'remove_from_app','user':'u1','role':'member',"
	    "'reason':'Left.'}]}");
	text_init(&out, 65536);
	render_plan(json, &out);
	assert_shown(&out, json,
	    "Held, waits for a decision: Too many.\n"
	    "ACTION           USER  EMAIL  ROLE    REASON\n"
	    "remove_from_app  u1    -      member  Left.\n"
	    "\nHash: abc\n");
	json = json_of(
	    "{'held':true,'detail':'Many mails.','hash':'abc','mails':205,'items':[{'action':'create_meeting',"
	    "'event':'tea','subject':'Tea','mails':200,'reason':'New.'},{'action':'add_to_teams','user':'u1','role':"
	    "'member','reason':'Joined.'},{'action':'cancel_meeting','event':'e2','subject':null,'mails':5,'reason':null}]}");
	text_init(&out, 65536);
	render_plan(json, &out);
	assert_shown(&out, json,
	    "Held, waits for a decision: Many mails.\n"
	    "ACTION        USER  EMAIL  ROLE    REASON\n"
	    "add_to_teams  u1    -      member  Joined.\n"
	    "\n"
	    "ACTION          EVENT  SUBJECT  MAILS  REASON\n"
	    "create_meeting  tea    Tea      200    New.\n"
	    "cancel_meeting  e2     -        5      -\n"
	    "\nMails to attendees: 205\n"
	    "\nHash: abc\n");
	json = json_of("{'held':false,'hash':null,'items':[]}");
	text_init(&out, 65536);
	render_plan(json, &out);
	assert_shown(&out, json, "There is nothing to do: both sides are equal.\n");
}

/* A value of any kind, for any place. */
static json_t *
random_json(struct rng *rng, int depth)
{
	static const char *const keys[] = { "ergs", "tenants", "total", "problems", "detail", "errors", "data", "items",
		"changes", "x" };
	json_t *value;

	switch (rng_below(rng, depth > 0 ? 8 : 5)) {
	case 0: return json_null();
	case 1: return json_true();
	case 2: return json_integer((json_int_t)rng_u64(rng));
	case 3: return json_string("\x1b[1m\xc3\xa4");
	case 4: return json_real(1e300);
	case 5:
		value = json_array();
		for (uint64_t i = rng_below(rng, 4); i > 0; i--)
			json_array_append_new(value, random_json(rng, depth - 1));
		return value;
	default:
		value = json_object();
		for (uint64_t i = rng_below(rng, 6); i > 0; i--)
			json_object_set_new(value, keys[rng_below(rng, COUNT(keys))], random_json(rng, depth - 1));
		return value;
	}
}

static void
whatever_a_daemon_sends_is_shown(void **state)
{
	static const struct column columns[] = { { "X", "x" }, { "D", "data.x" }, { NULL, NULL } };
	struct rng rng = test_rng("render");

	(void)state;
	for (int round = 0; round < 2000; round++) {
		json_t *json = random_json(&rng, 6);
		struct text out;

		text_init(&out, 1u << 20);
		render_table(json, columns, "none", &out);
		render_object(json, &out);
		render_problem(json, 500, &out);
		render_status(json, NOW_MS, false, &out);
		render_progress(json, 10, &out);
		render_resync(json, &out);
		render_change(json, &out);
		render_plan(json, &out);
		assert_int_equal(text_err(&out), ERR_OK);
		assert_null(strchr(out.data, '\x1b'));
		text_done(&out);
		json_decref(json);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_are_aligned),
		cmocka_unit_test(control_characters_do_not_reach_the_terminal),
		cmocka_unit_test(objects_show_each_member),
		cmocka_unit_test(problems_are_sentences),
		cmocka_unit_test(a_good_status_says_so_first),
		cmocka_unit_test(a_bad_status_says_what_and_what_next),
		cmocka_unit_test(progress_has_a_bar_or_not),
		cmocka_unit_test(a_resync_tells_its_result),
		cmocka_unit_test(changes_and_plans_are_lines),
		cmocka_unit_test(whatever_a_daemon_sends_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
