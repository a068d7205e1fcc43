/*
 * event_json.c - the PUT is read member by member, then what only several members together can say wrong is looked at.
 *
 * The stored text has one short member a field and no defaults: it is ours alone.
 */
#include "model/event_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "model/rrule.h"

#define DAY_MS 86400000LL

/* --- the PUT --- */

struct put {
	struct jx_reader r;
	struct event_fields *f;
	enum err err; /* ERR_NOMEM sticks */
};

static void
keep(struct put *p, bool ok)
{
	if (!ok)
		p->err = ERR_NOMEM;
}

/* Characters; control characters other than those allowed count as too many. */
static bool
text_fits(const char *s, size_t max, const char *allowed_controls)
{
	size_t count = 0;

	for (; *s != '\0'; s++) {
		if (((unsigned char)*s < ' ' && strchr(allowed_controls, *s) == NULL) || *s == 0x7f)
			return false;
		count += ((unsigned char)*s & 0xc0) != 0x80;
	}
	return count <= max;
}

static void
read_line(struct put *p, const char *key, bool required, size_t max, char **ret)
{
	const char *s;

	if (!jx_str(&p->r, key, required, required ? 1 : 0, 4 * max, &s))
		return;
	if (!text_fits(s, max, ""))
		jx_fail(&p->r, key, "must be at most %zu characters on one line, without control characters", max);
	else if (required && s[strspn(s, " ")] == '\0')
		jx_fail(&p->r, key, "must not be blank");
	else
		keep(p, event_text_set(ret, s));
}

static void
read_body(struct put *p)
{
	const char *s;

	if (!jx_str(&p->r, "body_html", false, 0, EVENT_BODY_MAX, &s))
		return;
	if (text_fits(s, EVENT_BODY_MAX, "\t\r\n"))
		keep(p, event_text_set(&p->f->body_html, s));
	else
		jx_fail(&p->r, "body_html", "must be HTML without control characters other than tabs and ends of lines");
}

static bool
read_time(struct put *p, const char *key, struct local_time *ret)
{
	const char *s;

	if (!jx_str(&p->r, key, true, 1, 64, &s))
		return false;
	if (strlen(s) == LOCAL_TIME_SIZE - 1 && local_time_parse(s, ret) == ERR_OK)
		return true;
	jx_fail(&p->r, key,
	    "must be a local time that exists, without offset, such as 2026-12-01T17:00:00; its zone is in time_zone");
	return false;
}

static bool
read_zone(struct put *p)
{
	const char *s, *iana;

	if (!jx_str(&p->r, "time_zone", true, 1, 256, &s))
		return false;
	if (time_zone_known(s))
		return str_copy(p->f->time_zone, sizeof(p->f->time_zone), s);
	if ((iana = time_zone_resolve(s)) != NULL)
		jx_fail(&p->r, "time_zone", "must be an IANA name; for this Windows zone that is %s or another one of its places",
		    iana);
	else
		jx_fail(
		    &p->r, "time_zone", "must be the IANA name of a time zone, such as Europe/Warsaw or UTC, in the same case");
	return false;
}

/* The one of the list that has this address, compared without case; seen: lower-case address -> true. */
static bool
note_address(struct put *p, json_t *seen, const char *email)
{
	char key[EMAIL_SIZE];

	(void)str_copy(key, sizeof(key), email);
	for (char *c = key; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	if (json_object_get(seen, key) != NULL)
		return false;
	keep(p, json_object_set_new(seen, key, json_true()) == 0);
	return true;
}

/* The app invites people; rooms are booked in Outlook. */
static const char *const asked_types[] = { "required", "optional", NULL };

static void
read_attendee(struct put *p, const json_t *item, size_t index, json_t *seen)
{
	const char *email = NULL, *name = "";
	json_t *errors = NULL;
	struct jx_reader r;
	char pointer[32];
	int type = ATTENDEE_REQUIRED;

	snprintf(pointer, sizeof(pointer), "/attendees/%zu", index);
	jx_open_at(&r, item, pointer);
	if (jx_str(&r, "email", true, 1, EMAIL_SIZE - 1, &email)) {
		if (!email_plausible(email))
			jx_fail(&r, "email", "must be an e-mail address, such as name@example.org");
		else if (!note_address(p, seen, email))
			jx_fail(&r, "email", "is in the list already");
	}
	if (jx_str(&r, "name", false, 0, EVENT_ATTENDEE_NAME_MAX, &name) && !text_fits(name, EVENT_ATTENDEE_NAME_MAX, ""))
		jx_fail(&r, "name", "must be on one line, without control characters");
	(void)jx_enum(&r, "type", false, asked_types, &type);
	if (jx_close(&r, &errors))
		keep(p, event_attendee_add(p->f, email, name, (enum attendee_type)type));
	else
		jx_absorb(&p->r, errors);
}

static void
read_attendees(struct put *p)
{
	const json_t *list, *item;
	json_t *seen;
	size_t i;

	if (!jx_array(&p->r, "attendees", false, SIZE_MAX, &list))
		return;
	if (json_array_size(list) > EVENT_ATTENDEES_MAX) {
		jx_fail(&p->r, "attendees",
		    "has %zu people, and a Teams meeting takes at most %d: invite the address of a group (a Microsoft 365 group "
		    "or a "
		    "distribution list) that they are in",
		    json_array_size(list), EVENT_ATTENDEES_MAX);
		return;
	}
	seen = json_object();
	keep(p, seen != NULL);
	json_array_foreach((json_t *)(uintptr_t)list, i, item) if (p->err == ERR_OK) read_attendee(p, item, i, seen);
	json_decref(seen);
}

static bool
is_midnight(struct local_time t)
{
	return local_second_of_day(t) == 0;
}

/* Pointer, or NULL: the times are right together. */
static void
check_times(struct put *p)
{
	const struct event_fields *f = p->f;
	int64_t length_ms = event_end_ms(f) - event_start_ms(f);

	if (f->all_day && !is_midnight(f->start))
		jx_fail(&p->r, "start", "must be at midnight (T00:00:00) of the first day, as all_day is true");
	else if (f->all_day && (!is_midnight(f->end) || f->end.s <= f->start.s))
		jx_fail(&p->r, "end", "must be at midnight (T00:00:00) after the last day, as all_day is true");
	else if (length_ms <= 0)
		jx_fail(&p->r, "end", "must be after start");
	else if (length_ms > EVENT_LENGTH_MAX_MS)
		jx_fail(&p->r, "end", "must be at most %lld days after start", EVENT_LENGTH_MAX_MS / DAY_MS);
}

/*
 * Does an occurrence reach into the next one? The first few show it: months and weeks come in a few lengths. By local time, in which
 * a day has 24 hours also where the clock is changed.
 */
static bool
crosses(const struct event_fields *f, const struct recurrence *r)
{
	struct recurrence_occurrence list[24];
	int64_t length_s = f->end.s - f->start.s;
	size_t count;

	(void)recurrence_expand(r, f->start, f->time_zone, INT64_MIN, INT64_MAX, list, sizeof(list) / sizeof(list[0]), &count);
	for (size_t i = 1; i < count; i++)
		if (list[i].local.s - list[i - 1].local.s < length_s)
			return true;
	return false;
}

static void
read_recurrence(struct put *p, bool times_known)
{
	struct recurrence r;
	const char *s;
	char why[480];

	if (!jx_str(&p->r, "recurrence", false, 1, RRULE_SIZE - 1, &s) || !times_known)
		return;
	if (rrule_read(s, p->f->start, p->f->time_zone, &r, why, sizeof(why)) != ERR_OK)
		jx_fail(&p->r, "recurrence", "%s", why);
	else if (crosses(p->f, &r))
		jx_fail(&p->r, "recurrence", "each meeting would reach into the next: let it end before, or repeat less often");
	else
		recurrence_to_rrule(&r, p->f->rrule);
}

static void
read_members(struct put *p)
{
	struct event_fields *f = p->f;
	bool start, end, zone;

	read_line(p, "subject", true, EVENT_SUBJECT_MAX, &f->subject);
	read_body(p);
	start = read_time(p, "start", &f->start);
	end = read_time(p, "end", &f->end);
	zone = read_zone(p);
	(void)jx_bool(&p->r, "all_day", false, &f->all_day);
	read_line(p, "location", false, EVENT_LOCATION_MAX, &f->location);
	(void)jx_bool(&p->r, "online", false, &f->online);
	read_attendees(p);
	(void)jx_bool(&p->r, "hide_attendees", false, &f->hide_attendees);
	if (start && end && zone)
		check_times(p);
	read_recurrence(p, start && end && zone);
}

/* id NULL: it is in the path. */
static enum err
read_put(const json_t *root, struct event_id *id, struct event_fields **ret, json_t **ret_errors)
{
	struct put p = { .f = event_fields_new(), .err = ERR_OK };
	const char *s;

	if (ret_errors != NULL)
		*ret_errors = NULL;
	if (p.f == NULL)
		return ERR_NOMEM;
	jx_open(&p.r, root);
	if (id != NULL && jx_str(&p.r, "event", true, 1, APP_ID_SIZE - 1, &s) && !event_id_parse(s, id))
		jx_fail(&p.r, "event", "must be 1 to 128 of A-Z a-z 0-9 . _ ~ -");
	read_members(&p);
	if (!jx_close(&p.r, ret_errors) && p.err == ERR_OK)
		p.err = ERR_INVALID;
	if (p.err == ERR_OK)
		*ret = p.f;
	else
		event_fields_free(p.f);
	return p.err;
}

enum err
event_fields_read(const json_t *root, struct event_fields **ret, json_t **ret_errors)
{
	return read_put(root, NULL, ret, ret_errors);
}

enum err
event_item_read(const json_t *root, struct event_id *ret_id, struct event_fields **ret, json_t **ret_errors)
{
	return read_put(root, ret_id, ret, ret_errors);
}

/* --- writing --- */

static int
set_local(json_t *o, const char *key, struct local_time t)
{
	char text[LOCAL_TIME_SIZE];

	local_time_format(t, text);
	return jx_set_str(o, key, text);
}

static int
set_bool(json_t *o, const char *key, bool value)
{
	return json_object_set_new(o, key, json_boolean(value));
}

static int
write_time(const struct event_fields *f, json_t *o)
{
	return set_local(o, "start", f->start) | set_local(o, "end", f->end) | jx_set_str(o, "time_zone", f->time_zone) |
	       set_bool(o, "all_day", f->all_day);
}

static int
write_attendees(const struct event_fields *f, bool responses, json_t *o)
{
	json_t *list = json_array();
	int failed = 0;

	for (size_t i = 0; i < f->attendee_count; i++) {
		const struct event_attendee *a = &f->attendees[i];
		json_t *item = json_object();

		failed |= jx_set_str(item, "email", a->email) | jx_set_str(item, "type", attendee_type_names[a->type]);
		if (a->name[0] != '\0')
			failed |= jx_set_str(item, "name", a->name);
		if (responses)
			failed |= jx_set_str(item, "response", attendee_response_names[a->response]) |
			          jx_set_time(item, "responded_at", a->response_wall_ms);
		failed |= json_array_append_new(list, item);
	}
	return json_object_set_new(o, "attendees", list) | failed;
}

static int
write_recurrence(const struct event_fields *f, json_t *o)
{
	struct recurrence r;
	char rule[RRULE_SIZE];

	if (event_recurrence(f, &r) != ERR_OK)
		return jx_set_str(o, "recurrence", f->rrule[0] != '\0' ? f->rrule : NULL);
	recurrence_show(&r, f->start, f->time_zone, rule);
	return jx_set_str(o, "recurrence", rule);
}

static json_t *
exception_json(const struct event_exception *e)
{
	json_t *o = json_object();
	int failed = jx_set_time(o, "original_start", e->original_ms) | set_bool(o, "cancelled", e->cancelled);

	if (!e->cancelled)
		failed |= jx_set_time(o, "start", e->start_ms) | jx_set_time(o, "end", e->end_ms);
	if (e->subject[0] != '\0')
		failed |= jx_set_str(o, "subject", e->subject);
	if (e->location[0] != '\0')
		failed |= jx_set_str(o, "location", e->location);
	if (failed == 0)
		return o;
	json_decref(o);
	return NULL;
}

static int
write_exceptions(const struct event_fields *f, json_t *o)
{
	json_t *list = json_array();
	int failed = 0;

	for (size_t i = 0; i < f->exception_count; i++)
		failed |= json_array_append_new(list, exception_json(&f->exceptions[i]));
	return json_object_set_new(o, "occurrences", list) | failed;
}

static int
write_field(const struct event_fields *f, enum event_field field, bool responses, json_t *o)
{
	switch (field) {
	case EVENT_FIELD_SUBJECT: return jx_set_str(o, "subject", f->subject);
	case EVENT_FIELD_BODY: return jx_set_str(o, "body_html", f->body_html);
	case EVENT_FIELD_TIME: return write_time(f, o);
	case EVENT_FIELD_LOCATION: return jx_set_str(o, "location", f->location);
	case EVENT_FIELD_ONLINE: return set_bool(o, "online", f->online);
	case EVENT_FIELD_ATTENDEES: return write_attendees(f, responses, o);
	case EVENT_FIELD_HIDE_ATTENDEES: return set_bool(o, "hide_attendees", f->hide_attendees);
	case EVENT_FIELD_RECURRENCE: return write_recurrence(f, o);
	case EVENT_FIELD_CANCELLED: return set_bool(o, "cancelled", f->cancelled);
	case EVENT_FIELD_EXCEPTIONS: return write_exceptions(f, o);
	case EVENT_FIELD_COUNT: break;
	}
	return 0;
}

int
event_fields_write(const struct event_fields *f, unsigned mask, json_t *o)
{
	int failed = 0;

	for (unsigned i = 0; i < EVENT_FIELD_COUNT; i++)
		if (mask & 1u << i)
			failed |= write_field(f, (enum event_field)i, (mask & EVENT_MASK_RESPONSES) != 0, o);
	return failed == 0 ? 0 : -1;
}

/* --- the stored text --- */

static json_t *
attendee_store(const struct event_attendee *a)
{
	return json_pack("[s, s, i, i, I]", a->email, a->name, (int)a->type, (int)a->response, (json_int_t)a->response_wall_ms);
}

static json_t *
exception_store(const struct event_exception *e)
{
	return json_pack("[I, b, I, I, s, s]", (json_int_t)e->original_ms, (int)e->cancelled, (json_int_t)e->start_ms,
	    (json_int_t)e->end_ms, e->subject, e->location);
}

/* Gives; NULL: out of memory. */
static json_t *
store_json(const struct event_fields *f)
{
	json_t *attendees = json_array(), *exceptions = json_array();
	int failed = 0;

	for (size_t i = 0; i < f->attendee_count; i++)
		failed |= json_array_append_new(attendees, attendee_store(&f->attendees[i]));
	for (size_t i = 0; i < f->exception_count; i++)
		failed |= json_array_append_new(exceptions, exception_store(&f->exceptions[i]));
	if (failed == 0)
		return json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:[b,b,b,b], s:s, s:o, s:o}", "subject", f->subject, "body",
		    f->body_html, "location", f->location, "start", (json_int_t)f->start.s, "end", (json_int_t)f->end.s, "zone",
		    f->time_zone, "flags", (int)f->all_day, (int)f->online, (int)f->hide_attendees, (int)f->cancelled, "rrule",
		    f->rrule, "attendees", attendees, "exceptions", exceptions);
	json_decref(attendees);
	json_decref(exceptions);
	return NULL;
}

char *
event_fields_to_text(const struct event_fields *f, size_t *ret_len)
{
	json_t *o = store_json(f);
	char *text = o != NULL ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	json_decref(o);
	if (text != NULL)
		*ret_len = strlen(text);
	return text;
}

static bool
load_attendees(struct event_fields *f, const json_t *list)
{
	json_t *item;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)list, i, item)
	{
		const char *email, *name;
		int type, response;
		json_int_t when;

		if (i >= EVENT_ATTENDEES_MAX ||
		    json_unpack(item, "[s, s, i, i, I]", &email, &name, &type, &response, &when) != 0 || type < 0 ||
		    type > ATTENDEE_RESOURCE || response < 0 || response > RESPONSE_DECLINED ||
		    !event_attendee_add(f, email, name, (enum attendee_type)type))
			return false;
		f->attendees[i].response = (enum attendee_response)response;
		f->attendees[i].response_wall_ms = when;
	}
	return true;
}

static bool
load_exceptions(struct event_fields *f, const json_t *list)
{
	json_t *item;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)list, i, item)
	{
		json_int_t original, start, end;
		char *subject, *location;
		int cancelled;

		if (i >= EVENT_EXCEPTIONS_MAX ||
		    json_unpack(item, "[I, b, I, I, s, s]", &original, &cancelled, &start, &end, &subject, &location) != 0)
			return false;
		if (!event_exception_add(f, &(struct event_exception){ original, cancelled != 0, start, end, subject, location }))
			return false;
	}
	return true;
}

static bool
load(struct event_fields *f, json_t *o)
{
	const char *subject, *body, *location, *zone, *rrule;
	int all_day, online, hide, cancelled;
	json_t *attendees, *exceptions;
	json_int_t start, end;

	if (json_unpack(o, "{s:s, s:s, s:s, s:I, s:I, s:s, s:[b,b,b,b], s:s, s:o, s:o}", "subject", &subject, "body", &body,
	        "location", &location, "start", &start, "end", &end, "zone", &zone, "flags", &all_day, &online, &hide, &cancelled,
	        "rrule", &rrule, "attendees", &attendees, "exceptions", &exceptions) != 0)
		return false;
	f->start.s = start;
	f->end.s = end;
	f->all_day = all_day;
	f->online = online;
	f->hide_attendees = hide;
	f->cancelled = cancelled;
	return event_text_set(&f->subject, subject) && event_text_set(&f->body_html, body) &&
	       event_text_set(&f->location, location) && str_copy(f->time_zone, sizeof(f->time_zone), zone) &&
	       str_copy(f->rrule, sizeof(f->rrule), rrule) && load_attendees(f, attendees) && load_exceptions(f, exceptions);
}

enum err
event_fields_from_text(const char *text, size_t len, struct event_fields **ret)
{
	struct event_fields *f = event_fields_new();
	json_t *o = NULL;

	if (f == NULL)
		return ERR_NOMEM;
	if (jx_parse(text, len, &o, NULL, 0) == ERR_OK && load(f, o)) {
		json_decref(o);
		*ret = f;
		return ERR_OK;
	}
	json_decref(o);
	event_fields_free(f);
	return ERR_CORRUPT;
}
