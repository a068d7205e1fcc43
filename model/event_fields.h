/*
 * event_fields.h - what a meeting is made of, as the app's PUT names it: one side's word, compared and merged by field.
 *
 * A struct event_fields lives on the heap and owns its strings; none of them is ever NULL. start, end, time_zone and all_day are one
 * field, the time: half of one side's and half of the other's would be a meeting nobody asked for.
 * Of a series the time and the recurrence belong together, too: in a merge, the side that wins one of them must give both.
 * body_html is without the Teams join block, always. As JSON: model/event_json.h. Source: contract section 4; limits: graph-facts section 9.1. Pure.
 */
#ifndef MODEL_EVENT_FIELDS_H
#define MODEL_EVENT_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/ids.h"
#include "model/local_time.h"
#include "model/recurrence.h"
#include "model/time_zone.h"

#define EVENT_ATTENDEES_MAX     500                 /* Graph's, per event */
#define EVENT_SUBJECT_MAX       255                 /* characters; Outlook's */
#define EVENT_LOCATION_MAX      255                 /* characters */
#define EVENT_BODY_MAX          (256u << 10)        /* bytes of HTML */
#define EVENT_ATTENDEE_NAME_MAX 256                 /* bytes */
#define EVENT_EXCEPTIONS_MAX    400                 /* occurrences of a series that differ from it */
#define EVENT_LENGTH_MAX_MS     (1825LL * 86400000) /* end - start: Outlook's own five years */

enum event_field {
	EVENT_FIELD_SUBJECT,
	EVENT_FIELD_BODY,
	EVENT_FIELD_TIME, /* start, end, time_zone and all_day */
	EVENT_FIELD_LOCATION,
	EVENT_FIELD_ONLINE,
	EVENT_FIELD_ATTENDEES,
	EVENT_FIELD_HIDE_ATTENDEES,
	EVENT_FIELD_RECURRENCE,
	EVENT_FIELD_CANCELLED,
	EVENT_FIELD_EXCEPTIONS,
	EVENT_FIELD_COUNT
};
#define EVENT_MASK(field) (1u << EVENT_FIELD_##field)
#define EVENT_MASK_SERIES (EVENT_MASK(TIME) | EVENT_MASK(RECURRENCE))
#define EVENT_MASK_ALL    ((1u << EVENT_FIELD_COUNT) - 1)

enum attendee_type { ATTENDEE_REQUIRED, ATTENDEE_OPTIONAL, ATTENDEE_RESOURCE }; /* the app asks for the first two */
extern const char *const attendee_type_names[];

/* As Graph's responseStatus, put together: notResponded is none, organizer is accepted. */
enum attendee_response { RESPONSE_NONE, RESPONSE_ACCEPTED, RESPONSE_TENTATIVE, RESPONSE_DECLINED };
extern const char *const attendee_response_names[]; /* none, accepted, tentative, declined */

struct event_attendee {
	char *email, *name;
	enum attendee_type type;
	enum attendee_response response; /* Outlook's word only; no part of any comparison of fields */
	int64_t response_wall_ms;        /* 0: never */
};

/* One occurrence of a series that was cancelled, moved or changed on its own. */
struct event_exception {
	int64_t original_ms; /* when the series would have had it */
	bool cancelled;
	int64_t start_ms, end_ms; /* 0 when cancelled */
	char *subject, *location; /* "" when as the series has it */
};

struct event_fields {
	char *subject, *body_html, *location;
	struct local_time start, end;
	char time_zone[TIME_ZONE_SIZE];
	bool all_day, online, hide_attendees, cancelled;
	char rrule[RRULE_SIZE]; /* in normal form; "" = a single meeting */
	struct event_attendee *attendees;
	size_t attendee_count;
	struct event_exception *exceptions; /* sorted by original_ms */
	size_t exception_count;
};

struct event_fields *event_fields_new(void); /* all empty, online; NULL: out of memory */
struct event_fields *event_fields_copy(const struct event_fields *f);
void event_fields_free(struct event_fields *f); /* NULL is fine */

/* Copy what they are given; false: out of memory, nothing changed. NULL is "". */
bool event_text_set(char **text, const char *value);
bool event_attendee_add(struct event_fields *f, const char *email, const char *name, enum attendee_type type);
bool event_exception_add(
    struct event_fields *f, const struct event_exception *e); /* keeps the order; one with its original_ms is replaced */
const struct event_attendee *event_attendee_find(const struct event_fields *f, const char *email); /* without case */

/* ERR_NOTFOUND: a single meeting. A start that was moved off the rule's days begins it all the same, with the next of them. */
enum err event_recurrence(const struct event_fields *f, struct recurrence *ret);

/* The instants. Zones are known: checked when the fields were read. */
int64_t event_start_ms(const struct event_fields *f);
int64_t event_end_ms(const struct event_fields *f);
/* When its last occurrence ends; INT64_MAX for a series without end. */
int64_t event_last_end_ms(const struct event_fields *f);
/* The first end of an occurrence after now_ms; 0 when all is over. */
int64_t event_next_end_ms(const struct event_fields *f, int64_t now_ms);

/*
 * Which fields differ, as a mask. By meaning: times as instants (of a series also by zone, whose rules it follows; all-day ones
 * by date), attendees as a set by e-mail without case (name counts only when both sides have one), recurrence by its
 * occurrences, texts after the white space at their ends is gone, bodies by what a reader sees
 * (model/html_text.h).
 */
unsigned event_fields_diff(const struct event_fields *a, const struct event_fields *b);
/* Copies the fields of mask from src. Out of memory: ERR_NOMEM, f is then half changed. */
enum err event_fields_take(struct event_fields *f, const struct event_fields *src, unsigned mask);

#endif
