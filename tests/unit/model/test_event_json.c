/* The PUT of a meeting: what is taken, and where and why the rest is refused; fields written and stored. */
#include "model/event_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "unit/base/check.h"
#include "unit/base/seed.h"

#define GOOD "'subject':'Book club','start':'2026-12-01T17:00:00','end':'2026-12-01T18:00:00','time_zone':'Europe/Warsaw'"

/* Gives; ' stands for ". */
static json_t *
json_of(const char *text)
{
	char *copy = strdup(text);
	json_t *json = NULL;
	char why[128];

	assert_non_null(copy);
	for (char *c = copy; *c != '\0'; c++)
		*c = *c == '\'' ? '"' : *c;
	if (jx_parse(copy, strlen(copy), &json, why, sizeof(why)) != ERR_OK)
		fail_msg("%s: %s", text, why);
	free(copy);
	return json;
}

static struct event_fields *
fields_of(const char *text)
{
	json_t *json = json_of(text), *errors = NULL;
	struct event_fields *f = NULL;
	enum err e = event_fields_read(json, &f, &errors);

	if (e != ERR_OK) {
		char *dump = json_dumps(errors, 0);

		fail_msg("%s: %s", text, dump);
		free(dump);
	}
	json_decref(json);
	return f;
}

static void
refused_by_field(void **state)
{
	static const struct {
		const char *text, *pointer, *detail; /* detail: part of it */
	} cases[] = {
		{ "{" GOOD ",'color':'red'}", "/color", "not known" },
		{ "{'start':'2026-12-01T17:00:00','end':'2026-12-01T18:00:00','time_zone':'UTC'}", "/subject", "required" },
		{ "{" GOOD ",'subject':'  '}", "/subject", "blank" },
		{ "{" GOOD ",'subject':'a\\nb'}", "/subject", "one line" },
		{ "{" GOOD ",'subject':7}", "/subject", "string" },
		{ "{" GOOD ",'start':'2026-12-01T17:00:00Z'}", "/start", "without offset" },
		{ "{" GOOD ",'start':'2026-12-01'}", "/start", "local time" },
		{ "{" GOOD ",'start':'2026-02-30T17:00:00'}", "/start", "exists" },
		{ "{" GOOD ",'end':'2026-12-01T17:00:00'}", "/end", "after start" },
		{ "{" GOOD ",'end':'2026-11-01T17:00:00'}", "/end", "after start" },
		{ "{" GOOD ",'end':'2036-11-01T17:00:00'}", "/end", "1825 days" },
		{ "{" GOOD ",'time_zone':'Central European Standard Time'}", "/time_zone", "Europe/Warsaw" },
		{ "{" GOOD ",'time_zone':'Mars/Olympus'}", "/time_zone", "IANA" },
		{ "{" GOOD ",'time_zone':'europe/warsaw'}", "/time_zone", "same case" },
		{ "{" GOOD ",'all_day':true}", "/start", "midnight" },
		{ "{" GOOD ",'all_day':true,'start':'2026-12-01T00:00:00','end':'2026-12-01T00:00:00'}", "/end", "midnight" },
		{ "{" GOOD ",'all_day':'yes'}", "/all_day", "true or false" },
		{ "{" GOOD ",'attendees':{}}", "/attendees", "array" },
		{ "{" GOOD ",'attendees':[{}]}", "/attendees/0/email", "required" },
		{ "{" GOOD ",'attendees':[{'email':'a@x.org'},{'email':'nobody'}]}", "/attendees/1/email", "e-mail" },
		{ "{" GOOD ",'attendees':[{'email':'a@x.org'},{'email':'A@X.ORG'}]}", "/attendees/1/email", "already" },
		{ "{" GOOD ",'attendees':[{'email':'a@x.org','type':'resource'}]}", "/attendees/0/type", "required or optional" },
		{ "{" GOOD ",'attendees':[{'email':'a@x.org','role':'x'}]}", "/attendees/0/role", "not known" },
		{ "{" GOOD ",'attendees':['a@x.org']}", "/attendees/0", "object" },
		{ "{" GOOD ",'recurrence':'FREQ=WEEKLY;BYDAY=MO'}", "/recurrence", "start is not a day" },
		{ "{" GOOD ",'recurrence':'FREQ=MONTHLY;BYDAY=1TU,3TU'}", "/recurrence", "one event for each" },
		{ "{" GOOD ",'end':'2026-12-03T17:00:00','recurrence':'FREQ=DAILY'}", "/recurrence", "reach into the next" },
		{ "{" GOOD ",'start':'2027-03-20T17:00:00','end':'2027-03-21T17:30:00','recurrence':'FREQ=DAILY'}", "/recurrence",
		    "reach into the next" },
		{ "{" GOOD ",'body_html':'a\\u0007b'}", "/body_html", "control" },
		{ "[]", "", "object" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *json, *errors = NULL, *first;
		struct event_fields *f = NULL;
		char text[1024];

		/* A repeated member would be refused by the parser: take the later one. */
		snprintf(text, sizeof(text), "%s", cases[i].text);
		for (char *c = text; *c != '\0'; c++)
			*c = *c == '\'' ? '"' : *c;
		json = json_loads(text, 0, NULL);
		assert_non_null(json);
		assert_int_equal(event_fields_read(json, &f, &errors), ERR_INVALID);
		assert_null(f);
		first = json_array_get(errors, 0);
		if (strcmp(jx_get_str(first, "pointer"), cases[i].pointer) != 0 ||
		    strstr(jx_get_str(first, "detail"), cases[i].detail) == NULL)
			fail_msg("%s: %s %s", cases[i].text, jx_get_str(first, "pointer"), jx_get_str(first, "detail"));
		json_decref(errors);
		json_decref(json);
	}
}

/* A day is a day, also the one of 23 hours and the one of 25. */
static void
whole_days_repeat_over_changes_of_the_clock(void **state)
{
	static const char *const days[][3] = {
		{ "2027-03-20", "2027-03-21", "FREQ=DAILY" },
		{ "2027-10-31", "2027-11-01", "FREQ=DAILY;COUNT=5" },
		{ "2027-03-22", "2027-03-29", "FREQ=WEEKLY" },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < COUNT(days); i++) {
		struct event_fields *f;

		snprintf(text, sizeof(text),
		    "{'subject':'Week of pride','start':'%sT00:00:00','end':'%sT00:00:00','time_zone':'Europe/Warsaw',"
		    "'all_day':true,'recurrence':'%s'}",
		    days[i][0], days[i][1], days[i][2]);
		f = fields_of(text);
		assert_string_not_equal(f->rrule, "");
		event_fields_free(f);
	}
}

static void
every_mistake_at_once(void **state)
{
	json_t *json = json_of("{'subject':'','start':'x','end':'y','time_zone':'z','online':1}"), *errors = NULL;
	struct event_fields *f = NULL;

	(void)state;
	assert_int_equal(event_fields_read(json, &f, &errors), ERR_INVALID);
	assert_int_equal(json_array_size(errors), 5);
	json_decref(errors);
	json_decref(json);
}

static json_t *
crowd(size_t count)
{
	json_t *json = json_of("{" GOOD "}"), *list = json_array();

	for (size_t i = 0; i < count; i++) {
		char email[64];

		snprintf(email, sizeof(email), "p%zu@x.example", i);
		json_array_append_new(list, json_pack("{s:s}", "email", email));
	}
	json_object_set_new(json, "attendees", list);
	return json;
}

static void
five_hundred_and_no_more(void **state)
{
	json_t *json = crowd(500), *errors = NULL;
	struct event_fields *f = NULL;

	(void)state;
	assert_int_equal(event_fields_read(json, &f, &errors), ERR_OK);
	assert_int_equal(f->attendee_count, 500);
	event_fields_free(f);
	json_decref(json);
	json = crowd(501);
	assert_int_equal(event_fields_read(json, &f, &errors), ERR_INVALID);
	assert_string_equal(jx_get_str(json_array_get(errors, 0), "pointer"), "/attendees");
	assert_non_null(strstr(jx_get_str(json_array_get(errors, 0), "detail"), "501"));
	assert_non_null(strstr(jx_get_str(json_array_get(errors, 0), "detail"), "address of a group"));
	json_decref(errors);
	json_decref(json);
}

static void
written_as_it_was_put(void **state)
{
	static const char text[] =
	    "{" GOOD ",'body_html':'<p>\xc3\xa4</p>','all_day':false,'location':'Room 1','online':true,'attendees':[{"
	    "'email':'a@x.org','name':'A','type':'required'},{'email':'b@x.org','type':'optional'}],"
	    "'hide_attendees':true,'recurrence':'FREQ=WEEKLY;BYDAY=TU;UNTIL=20261229T160000Z'}";
	json_t *put = json_of(text), *back = json_object();
	struct event_fields *f = fields_of(text);
	char *a, *b;

	(void)state;
	assert_int_equal(event_fields_write(f, EVENT_MASK_ALL & ~(EVENT_MASK(CANCELLED) | EVENT_MASK(EXCEPTIONS)), back), 0);
	a = json_dumps(put, JSON_SORT_KEYS);
	b = json_dumps(back, JSON_SORT_KEYS);
	assert_string_equal(a, b);
	free(a);
	free(b);
	json_object_clear(back);
	assert_int_equal(event_fields_write(f, EVENT_MASK(ATTENDEES) | EVENT_MASK_RESPONSES, back), 0);
	assert_string_equal(jx_get_str(json_array_get(jx_get_array(back, "attendees"), 0), "response"), "none");
	json_decref(put);
	json_decref(back);
	event_fields_free(f);
}

/* A time the clocks jump over is taken, by the rule; so are the two ends of the hour that comes twice. */
static void
doubtful_times_by_rule(void **state)
{
	struct event_fields *f =
	    fields_of("{'subject':'x','start':'2027-03-28T02:30:00','end':'2027-03-28T03:45:00','time_zone':'Europe/Warsaw'}");
	char text[TIMESTAMP_SIZE];

	(void)state;
	timestamp_format(event_start_ms(f), text);
	assert_string_equal(text, "2027-03-28T01:30:00Z");
	event_fields_free(f);
	f = fields_of("{'subject':'x','start':'2026-10-25T00:00:00','end':'2026-10-26T00:00:00','time_zone':'Europe/"
	              "Warsaw','all_day':true}");
	assert_int_equal(event_end_ms(f) - event_start_ms(f), 25 * 3600000);
	event_fields_free(f);
}

static void
items_of_a_snapshot(void **state)
{
	json_t *json = json_of("{'event':'e-1'," GOOD "}"), *errors = NULL;
	struct event_fields *f = NULL;
	struct event_id id;

	(void)state;
	assert_int_equal(event_item_read(json, &id, &f, &errors), ERR_OK);
	assert_string_equal(id.s, "e-1");
	event_fields_free(f);
	assert_int_equal(event_fields_read(json, &f, &errors), ERR_INVALID);
	json_decref(errors);
	json_object_set_new(json, "event", json_string("a b"));
	assert_int_equal(event_item_read(json, &id, &f, NULL), ERR_INVALID);
	json_decref(json);
}

/* --- stored --- */

static struct event_fields *
random_fields(struct rng *rng)
{
	static const char *const words[] = { "", "x", "\"quoted\"", "\xc3\xa4\xe2\x82\xac", "<p>\r\n\t</p>", "a/b\\c" };
	static const char *const rules[] = { "", "FREQ=WEEKLY;BYDAY=TU", "FREQ=DAILY;COUNT=3" };
	struct event_fields *f = event_fields_new();

	assert_non_null(f);
	assert_true(event_text_set(&f->subject, words[rng_below(rng, COUNT(words))]));
	assert_true(event_text_set(&f->body_html, words[rng_below(rng, COUNT(words))]));
	assert_true(event_text_set(&f->location, words[rng_below(rng, COUNT(words))]));
	f->start.s = INT64_C(1796137200) + (int64_t)rng_below(rng, 100000000);
	f->end.s = f->start.s + 3600;
	assert_true(str_copy(f->time_zone, sizeof(f->time_zone), rng_below(rng, 2) ? "Europe/Warsaw" : "UTC"));
	f->all_day = rng_below(rng, 4) == 0;
	f->online = rng_below(rng, 2);
	f->hide_attendees = rng_below(rng, 2);
	f->cancelled = rng_below(rng, 4) == 0;
	assert_true(str_copy(f->rrule, sizeof(f->rrule), rules[rng_below(rng, COUNT(rules))]));
	for (uint64_t n = rng_below(rng, 5), i = 0; i < n; i++) {
		char email[32];

		snprintf(email, sizeof(email), "p%llu@x.org", (unsigned long long)i);
		assert_true(
		    event_attendee_add(f, email, words[rng_below(rng, COUNT(words))], (enum attendee_type)rng_below(rng, 3)));
		f->attendees[i].response = (enum attendee_response)rng_below(rng, 4);
		f->attendees[i].response_wall_ms = (int64_t)rng_below(rng, INT64_C(2000000000000));
	}
	for (uint64_t n = rng_below(rng, 4); n > 0; n--) {
		char *word = (char *)(uintptr_t)words[rng_below(rng, COUNT(words))];
		bool cancelled = rng_below(rng, 2);
		struct event_exception x = { .original_ms = (int64_t)rng_below(rng, 5) * 86400000, .cancelled = cancelled };

		if (!cancelled)
			x = (struct event_exception){ x.original_ms, false, x.original_ms + 1, x.original_ms + 2, word, word };
		assert_true(event_exception_add(f, &x));
	}
	return f;
}

static void
stored_and_read_back(void **state)
{
	struct rng rng = test_rng("fields");

	(void)state;
	for (int i = 0; i < 500; i++) {
		struct event_fields *f = random_fields(&rng), *copy = event_fields_copy(f), *back = NULL;
		size_t len = 0, again_len = 0;
		char *text = event_fields_to_text(f, &len), *again;

		assert_int_equal(event_fields_from_text(text, len, &back), ERR_OK);
		again = event_fields_to_text(back, &again_len);
		assert_string_equal(text, again);
		assert_int_equal(event_fields_diff(f, back), 0);
		assert_int_equal(event_fields_diff(f, copy), 0);
		text[rng_below(&rng, len)] = '\x02';
		event_fields_free(back);
		back = NULL;
		if (event_fields_from_text(text, len - rng_below(&rng, 4), &back) == ERR_OK)
			fail_msg("damaged text was read");
		free(text);
		free(again);
		event_fields_free(f);
		event_fields_free(copy);
	}
	{
		struct event_fields *back = NULL;

		assert_int_equal(event_fields_from_text("{}", 2, &back), ERR_CORRUPT);
		assert_int_equal(event_fields_from_text("", 0, &back), ERR_CORRUPT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_by_field),
		cmocka_unit_test(whole_days_repeat_over_changes_of_the_clock),
		cmocka_unit_test(every_mistake_at_once),
		cmocka_unit_test(five_hundred_and_no_more),
		cmocka_unit_test(written_as_it_was_put),
		cmocka_unit_test(doubtful_times_by_rule),
		cmocka_unit_test(items_of_a_snapshot),
		cmocka_unit_test(stored_and_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
