/* event_fields.c - owned strings, and what counts as the same meeting. */
#include "model/event_fields.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "model/html_text.h"
#include "model/rrule.h"

const char *const attendee_type_names[] = { "required", "optional", "resource", NULL };
const char *const attendee_response_names[] = { "none", "accepted", "tentative", "declined", NULL };

/* --- owning --- */

struct event_fields *
event_fields_new(void)
{
	struct event_fields *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->online = true;
	if (!event_text_set(&f->subject, "") || !event_text_set(&f->body_html, "") || !event_text_set(&f->location, "")) {
		event_fields_free(f);
		return NULL;
	}
	return f;
}

static void
attendees_free(struct event_attendee *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(list[i].email);
		free(list[i].name);
	}
	free(list);
}

static void
exceptions_free(struct event_exception *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(list[i].subject);
		free(list[i].location);
	}
	free(list);
}

void
event_fields_free(struct event_fields *f)
{
	if (f == NULL)
		return;
	free(f->subject);
	free(f->body_html);
	free(f->location);
	attendees_free(f->attendees, f->attendee_count);
	exceptions_free(f->exceptions, f->exception_count);
	free(f);
}

struct event_fields *
event_fields_copy(const struct event_fields *f)
{
	struct event_fields *copy = event_fields_new();

	if (copy == NULL || event_fields_take(copy, f, EVENT_MASK_ALL) == ERR_OK)
		return copy;
	event_fields_free(copy);
	return NULL;
}

bool
event_text_set(char **text, const char *value)
{
	char *copy = strdup(value != NULL ? value : "");

	if (copy == NULL)
		return false;
	free(*text);
	*text = copy;
	return true;
}

/* Room for one more: lists grow by doubling, at powers of two. */
static bool
grow(void **list, size_t count, size_t size)
{
	void *more;

	if (count > 0 && (count & (count - 1)) != 0)
		return true;
	if ((more = reallocarray(*list, count > 0 ? 2 * count : 1, size)) == NULL)
		return false;
	*list = more;
	return true;
}

bool
event_attendee_add(struct event_fields *f, const char *email, const char *name, enum attendee_type type)
{
	struct event_attendee a = { .type = type };

	if (!event_text_set(&a.email, email) || !event_text_set(&a.name, name) ||
	    !grow((void **)&f->attendees, f->attendee_count, sizeof(a))) {
		free(a.email);
		free(a.name);
		return false;
	}
	f->attendees[f->attendee_count++] = a;
	return true;
}

bool
event_exception_add(struct event_fields *f, const struct event_exception *e)
{
	struct event_exception copy = *e;
	size_t i = 0;

	copy.subject = copy.location = NULL;
	if (!event_text_set(&copy.subject, e->subject) || !event_text_set(&copy.location, e->location) ||
	    !grow((void **)&f->exceptions, f->exception_count, sizeof(copy))) {
		free(copy.subject);
		free(copy.location);
		return false;
	}
	while (i < f->exception_count && f->exceptions[i].original_ms < e->original_ms)
		i++;
	if (i < f->exception_count && f->exceptions[i].original_ms == e->original_ms) {
		free(f->exceptions[i].subject);
		free(f->exceptions[i].location);
	} else {
		memmove(&f->exceptions[i + 1], &f->exceptions[i], (f->exception_count - i) * sizeof(copy));
		f->exception_count++;
	}
	f->exceptions[i] = copy;
	return true;
}

const struct event_attendee *
event_attendee_find(const struct event_fields *f, const char *email)
{
	for (size_t i = 0; i < f->attendee_count; i++)
		if (str_equal_nocase(f->attendees[i].email, email))
			return &f->attendees[i];
	return NULL;
}

/* --- time --- */

static int64_t
instant(const struct event_fields *f, struct local_time t)
{
	int64_t ms = 0;

	if (time_zone_to_utc(f->time_zone, t, &ms, NULL) != ERR_OK)
		ms = t.s * 1000; /* zone data that went away: better hours off than nothing */
	return ms;
}

int64_t
event_start_ms(const struct event_fields *f)
{
	return instant(f, f->start);
}

int64_t
event_end_ms(const struct event_fields *f)
{
	return instant(f, f->end);
}

enum err
event_recurrence(const struct event_fields *f, struct recurrence *ret)
{
	char why[8];

	if (f->rrule[0] == '\0')
		return ERR_NOTFOUND;
	return rrule_read_moved(f->rrule, f->start, f->time_zone, ret, why, sizeof(why));
}

int64_t
event_last_end_ms(const struct event_fields *f)
{
	struct local_time start;
	struct recurrence r;
	int64_t last;

	if (event_recurrence(f, &r) != ERR_OK)
		return event_end_ms(f);
	if ((last = recurrence_last_day(&r)) == INT64_MAX)
		return INT64_MAX;
	start.s = last * LOCAL_DAY_S + local_second_of_day(f->start);
	return instant(f, start) + event_end_ms(f) - event_start_ms(f);
}

int64_t
event_next_end_ms(const struct event_fields *f, int64_t now_ms)
{
	int64_t length_ms = event_end_ms(f) - event_start_ms(f);
	struct recurrence_occurrence next;
	struct recurrence r;
	size_t count;

	if (event_recurrence(f, &r) != ERR_OK)
		return event_end_ms(f) > now_ms ? event_end_ms(f) : 0;
	(void)recurrence_expand(&r, f->start, f->time_zone, now_ms - length_ms + 1, INT64_MAX, &next, 1, &count);
	return count > 0 ? next.unix_ms + length_ms : 0;
}

/* --- comparing --- */

/* Without the white space at its ends. */
static bool
text_equal(const char *a, const char *b)
{
	static const char space[] = " \t\r\n";
	size_t a_len, b_len;

	a += strspn(a, space);
	b += strspn(b, space);
	a_len = strlen(a);
	b_len = strlen(b);
	while (a_len > 0 && strchr(space, a[a_len - 1]) != NULL)
		a_len--;
	while (b_len > 0 && strchr(space, b[b_len - 1]) != NULL)
		b_len--;
	return a_len == b_len && memcmp(a, b, a_len) == 0;
}

static bool
time_equal(const struct event_fields *a, const struct event_fields *b)
{
	if (a->all_day != b->all_day)
		return false;
	if (a->all_day)
		return local_day(a->start) == local_day(b->start) && local_day(a->end) == local_day(b->end);
	if (event_start_ms(a) != event_start_ms(b) || event_end_ms(a) != event_end_ms(b))
		return false;
	/* A single meeting is at its instant wherever the clocks hang; a series follows them. */
	return a->rrule[0] == '\0' || b->rrule[0] == '\0' || time_zone_same(a->time_zone, b->time_zone, event_start_ms(a));
}

struct sorted {
	const struct event_attendee *attendee;
};

static int
sorted_order(const void *a, const void *b)
{
	return strcasecmp(((const struct sorted *)a)->attendee->email, ((const struct sorted *)b)->attendee->email);
}

/* All of them, by e-mail. NULL: out of memory. */
static struct sorted *
sorted_attendees(const struct event_fields *f)
{
	struct sorted *list = calloc(f->attendee_count + 1, sizeof(*list));

	if (list == NULL)
		return NULL;
	for (size_t i = 0; i < f->attendee_count; i++)
		list[i].attendee = &f->attendees[i];
	qsort(list, f->attendee_count, sizeof(*list), sorted_order);
	return list;
}

static bool
attendee_equal(const struct event_attendee *a, const struct event_attendee *b)
{
	return strcasecmp(a->email, b->email) == 0 && a->type == b->type &&
	       (a->name[0] == '\0' || b->name[0] == '\0' || text_equal(a->name, b->name));
}

static bool
attendees_equal(const struct event_fields *a, const struct event_fields *b)
{
	struct sorted *x, *y;
	bool equal;

	if (a->attendee_count != b->attendee_count)
		return false;
	x = sorted_attendees(a);
	y = sorted_attendees(b);
	equal = x != NULL && y != NULL;
	for (size_t i = 0; equal && i < a->attendee_count; i++)
		equal = attendee_equal(x[i].attendee, y[i].attendee);
	free(x);
	free(y);
	return equal;
}

static bool
rrules_equal(const struct event_fields *a, const struct event_fields *b)
{
	struct recurrence x, y;

	if (a->rrule[0] == '\0' || b->rrule[0] == '\0')
		return a->rrule[0] == b->rrule[0];
	if (event_recurrence(a, &x) != ERR_OK || event_recurrence(b, &y) != ERR_OK)
		return strcmp(a->rrule, b->rrule) == 0;
	return recurrence_equal(&x, &y);
}

static bool
exception_equal(const struct event_exception *a, const struct event_exception *b)
{
	if (a->original_ms != b->original_ms || a->cancelled != b->cancelled)
		return false;
	return a->cancelled || (a->start_ms == b->start_ms && a->end_ms == b->end_ms && text_equal(a->subject, b->subject) &&
	                           text_equal(a->location, b->location));
}

static bool
exceptions_equal(const struct event_fields *a, const struct event_fields *b)
{
	if (a->exception_count != b->exception_count)
		return false;
	for (size_t i = 0; i < a->exception_count; i++)
		if (!exception_equal(&a->exceptions[i], &b->exceptions[i]))
			return false;
	return true;
}

unsigned
event_fields_diff(const struct event_fields *a, const struct event_fields *b)
{
	const bool equal[EVENT_FIELD_COUNT] = {
		[EVENT_FIELD_SUBJECT] = text_equal(a->subject, b->subject),
		[EVENT_FIELD_BODY] = html_text_equal(a->body_html, b->body_html),
		[EVENT_FIELD_TIME] = time_equal(a, b),
		[EVENT_FIELD_LOCATION] = text_equal(a->location, b->location),
		[EVENT_FIELD_ONLINE] = a->online == b->online,
		[EVENT_FIELD_ATTENDEES] = attendees_equal(a, b),
		[EVENT_FIELD_HIDE_ATTENDEES] = a->hide_attendees == b->hide_attendees,
		[EVENT_FIELD_RECURRENCE] = rrules_equal(a, b),
		[EVENT_FIELD_CANCELLED] = a->cancelled == b->cancelled,
		[EVENT_FIELD_EXCEPTIONS] = exceptions_equal(a, b),
	};
	unsigned mask = 0;

	for (unsigned i = 0; i < EVENT_FIELD_COUNT; i++)
		if (!equal[i])
			mask |= 1u << i;
	return mask;
}

/* --- merging --- */

/* f's own list is replaced only when the whole copy is there. */
static bool
take_attendees(struct event_fields *f, const struct event_fields *src)
{
	struct event_fields copy = { 0 };

	for (size_t i = 0; i < src->attendee_count; i++) {
		const struct event_attendee *a = &src->attendees[i];

		if (!event_attendee_add(&copy, a->email, a->name, a->type)) {
			attendees_free(copy.attendees, copy.attendee_count);
			return false;
		}
		copy.attendees[i].response = a->response;
		copy.attendees[i].response_wall_ms = a->response_wall_ms;
	}
	attendees_free(f->attendees, f->attendee_count);
	f->attendees = copy.attendees;
	f->attendee_count = copy.attendee_count;
	return true;
}

static bool
take_exceptions(struct event_fields *f, const struct event_fields *src)
{
	struct event_fields copy = { 0 };

	for (size_t i = 0; i < src->exception_count; i++)
		if (!event_exception_add(&copy, &src->exceptions[i])) {
			exceptions_free(copy.exceptions, copy.exception_count);
			return false;
		}
	exceptions_free(f->exceptions, f->exception_count);
	f->exceptions = copy.exceptions;
	f->exception_count = copy.exception_count;
	return true;
}

static bool
take(struct event_fields *f, const struct event_fields *src, enum event_field field)
{
	switch (field) {
	case EVENT_FIELD_SUBJECT: return event_text_set(&f->subject, src->subject);
	case EVENT_FIELD_BODY: return event_text_set(&f->body_html, src->body_html);
	case EVENT_FIELD_TIME:
		f->start = src->start;
		f->end = src->end;
		f->all_day = src->all_day;
		memcpy(f->time_zone, src->time_zone, sizeof(f->time_zone));
		return true;
	case EVENT_FIELD_LOCATION: return event_text_set(&f->location, src->location);
	case EVENT_FIELD_ONLINE: f->online = src->online; return true;
	case EVENT_FIELD_ATTENDEES: return take_attendees(f, src);
	case EVENT_FIELD_HIDE_ATTENDEES: f->hide_attendees = src->hide_attendees; return true;
	case EVENT_FIELD_RECURRENCE: memcpy(f->rrule, src->rrule, sizeof(f->rrule)); return true;
	case EVENT_FIELD_CANCELLED: f->cancelled = src->cancelled; return true;
	case EVENT_FIELD_EXCEPTIONS: return take_exceptions(f, src);
	case EVENT_FIELD_COUNT: break;
	}
	return true;
}

enum err
event_fields_take(struct event_fields *f, const struct event_fields *src, unsigned mask)
{
	for (unsigned i = 0; i < EVENT_FIELD_COUNT; i++)
		if (mask & 1u << i && !take(f, src, (enum event_field)i))
			return ERR_NOMEM;
	return ERR_OK;
}
