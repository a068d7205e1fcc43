/* Same or not, field by field; and which side's fields end up where. */
#include "model/event_fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timestamp.h"
#include "model/event.h"
#include "unit/base/check.h"

static struct local_time
local(const char *text)
{
	struct local_time t;

	assert_int_equal(local_time_parse(text, &t), ERR_OK);
	return t;
}

static struct event_fields *
meeting(void)
{
	struct event_fields *f = event_fields_new();

	assert_non_null(f);
	assert_true(event_text_set(&f->subject, "Book club"));
	assert_true(event_text_set(&f->body_html, "<p>Hi</p>"));
	assert_true(event_text_set(&f->location, "Room 1"));
	f->start = local("2026-12-01T17:00:00");
	f->end = local("2026-12-01T18:00:00");
	strcpy(f->time_zone, "Europe/Warsaw");
	assert_true(event_attendee_add(f, "a@x.org", "Ada", ATTENDEE_REQUIRED));
	assert_true(event_attendee_add(f, "b@x.org", "", ATTENDEE_OPTIONAL));
	return f;
}

static void
subject(struct event_fields *f)
{
	assert_true(event_text_set(&f->subject, "Film club"));
}
static void
subject_spaces(struct event_fields *f)
{
	assert_true(event_text_set(&f->subject, " Book club\r\n"));
}
static void
body_rewritten(struct event_fields *f)
{
	assert_true(event_text_set(&f->body_html, "<html><head></head><body><p class=\"x\">Hi</p></body></html>"));
}
static void
body(struct event_fields *f)
{
	assert_true(event_text_set(&f->body_html, "<p>Hi all</p>"));
}
static void
same_instant(struct event_fields *f)
{
	strcpy(f->time_zone, "UTC");
	f->start = local("2026-12-01T16:00:00");
	f->end = local("2026-12-01T17:00:00");
}
static void
later(struct event_fields *f)
{
	f->start.s += 900;
}
static void
other_zone(struct event_fields *f)
{
	strcpy(f->time_zone, "Europe/London");
}
static void
attendee_order(struct event_fields *f)
{
	struct event_attendee a = f->attendees[0];

	f->attendees[0] = f->attendees[1];
	f->attendees[1] = a;
	assert_true(event_text_set(&f->attendees[0].email, "B@X.org"));
	assert_true(event_text_set(&f->attendees[0].name, "Bo"));
	f->attendees[0].response = RESPONSE_DECLINED;
}
static void
attendee_type(struct event_fields *f)
{
	f->attendees[0].type = ATTENDEE_OPTIONAL;
}
static void
attendee_more(struct event_fields *f)
{
	assert_true(event_attendee_add(f, "c@x.org", NULL, ATTENDEE_REQUIRED));
}
static void
weekly(struct event_fields *f)
{
	strcpy(f->rrule, "FREQ=WEEKLY;BYDAY=TU");
}
static void
cancelled(struct event_fields *f)
{
	f->cancelled = true;
}
static void
exception(struct event_fields *f)
{
	assert_true(event_exception_add(f, &(struct event_exception){ .original_ms = 1, .cancelled = true }));
}
static void
all_day(struct event_fields *f)
{
	f->all_day = true;
}

static void
differences(void **state)
{
	static const struct {
		const char *what;
		void (*change)(struct event_fields *f);
		unsigned mask;
	} cases[] = {
		{ "subject", subject, EVENT_MASK(SUBJECT) },
		{ "white space", subject_spaces, 0 },
		{ "rewritten body", body_rewritten, 0 },
		{ "body", body, EVENT_MASK(BODY) },
		{ "same instant", same_instant, 0 },
		{ "later", later, EVENT_MASK(TIME) },
		{ "zone", other_zone, EVENT_MASK(TIME) },
		{ "order, case, name, response of attendees", attendee_order, 0 },
		{ "type of an attendee", attendee_type, EVENT_MASK(ATTENDEES) },
		{ "one more", attendee_more, EVENT_MASK(ATTENDEES) },
		{ "a series", weekly, EVENT_MASK(RECURRENCE) },
		{ "cancelled", cancelled, EVENT_MASK(CANCELLED) },
		{ "an occurrence", exception, EVENT_MASK(EXCEPTIONS) },
		{ "all day", all_day, EVENT_MASK(TIME) },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct event_fields *a = meeting(), *b = meeting();
		unsigned mask;

		cases[i].change(b);
		mask = event_fields_diff(a, b);
		if (mask != cases[i].mask || event_fields_diff(b, a) != mask)
			fail_msg("%s: %x", cases[i].what, mask);
		assert_int_equal(event_fields_take(a, b, mask), ERR_OK);
		assert_int_equal(event_fields_diff(a, b), 0);
		event_fields_free(a);
		event_fields_free(b);
	}
}

/* A single meeting is an instant; a series keeps to its zone, and Outlook's name for it may be a neighbour's. */
static void
zones_of_a_series(void **state)
{
	struct event_fields *a = meeting(), *b = meeting();

	(void)state;
	weekly(a);
	weekly(b);
	same_instant(b);
	assert_int_equal(event_fields_diff(a, b), EVENT_MASK(TIME));
	strcpy(b->time_zone, "Europe/Berlin");
	b->start = a->start;
	b->end = a->end;
	assert_int_equal(event_fields_diff(a, b), 0);
	b->start.s += 86400; /* no Tuesday any more: the rule begins with the next one */
	b->end.s += 86400;
	assert_int_equal(event_fields_diff(a, b), EVENT_MASK(TIME) | EVENT_MASK(RECURRENCE));
	assert_int_equal(event_next_end_ms(b, event_end_ms(b)), event_end_ms(b) + 6 * INT64_C(86400000));
	strcpy(b->rrule, "FREQ=WEEKLY;BYDAY=WE");
	assert_int_equal(event_fields_diff(a, b), EVENT_MASK(TIME) | EVENT_MASK(RECURRENCE));
	event_fields_free(a);
	event_fields_free(b);
}

static void
ends(void **state)
{
	struct event_fields *f = meeting();
	int64_t first_end = event_end_ms(f);

	(void)state;
	assert_int_equal(event_last_end_ms(f), first_end);
	assert_int_equal(event_next_end_ms(f, first_end - 1), first_end);
	assert_int_equal(event_next_end_ms(f, first_end), 0);
	strcpy(f->rrule, "FREQ=WEEKLY;BYDAY=TU;COUNT=3");
	assert_int_equal(event_last_end_ms(f), first_end + 14 * INT64_C(86400000));
	assert_int_equal(event_next_end_ms(f, first_end), first_end + 7 * INT64_C(86400000));
	assert_int_equal(event_next_end_ms(f, first_end + 14 * INT64_C(86400000)), 0);
	strcpy(f->rrule, "FREQ=WEEKLY;BYDAY=TU");
	assert_true(event_last_end_ms(f) == INT64_MAX);
	event_fields_free(f);
}

static void
exceptions_stay_sorted(void **state)
{
	struct event_fields *f = meeting();

	(void)state;
	for (int64_t at = 5; at > 0; at--)
		assert_true(event_exception_add(f, &(struct event_exception){ .original_ms = at * 7 % 6, .cancelled = true }));
	assert_true(
	    event_exception_add(f, &(struct event_exception){ .original_ms = 3, .start_ms = 9, .subject = (char[]){ "x" } }));
	assert_int_equal(f->exception_count, 5);
	for (size_t i = 1; i < f->exception_count; i++)
		assert_true(f->exceptions[i - 1].original_ms < f->exceptions[i].original_ms);
	assert_string_equal(f->exceptions[2].subject, "x");
	event_fields_free(f);
}

static void
tags_and_transactions(void **state)
{
	static const char *const bad[] = { "", "a", "a/b", "a/b/", "a/b/x", "a/b/1/2", "/b/1", "a//1", "a/b/-1", "a b/c/1" };
	const struct event_tag tag = { { "blue" }, { "e-1" }, 7 };
	struct tenant_id tenant = { "t" };
	char text[EVENT_TAG_SIZE], id[GUID_SIZE], again[GUID_SIZE];
	struct event_tag back;

	(void)state;
	event_tag_format(&tag, text);
	assert_string_equal(text, "blue/e-1/7");
	assert_int_equal(event_tag_parse(text, &back), ERR_OK);
	assert_string_equal(back.erg.s, "blue");
	assert_string_equal(back.event.s, "e-1");
	assert_int_equal(back.generation, 7);
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(event_tag_parse(bad[i], &back), ERR_MALFORMED);
	event_transaction_id(&tenant, &tag, id);
	event_transaction_id(&tenant, &tag, again);
	assert_string_equal(id, again);
	assert_int_equal(id[14], '5'); /* version */
	back = tag;
	back.generation = 8;
	event_transaction_id(&tenant, &back, again);
	assert_string_not_equal(id, again);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(differences),
		cmocka_unit_test(zones_of_a_series),
		cmocka_unit_test(ends),
		cmocka_unit_test(exceptions_stay_sorted),
		cmocka_unit_test(tags_and_transactions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
