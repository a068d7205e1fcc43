/* People in Outlook, by the acts Graph's calls have too. */
#include "sim/control_events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "base/timestamp.h"
#include "sim/call.h"
#include "sim/event_acts.h"
#include "sim/event_join.h"
#include "sim/event_read.h"
#include "sim/mailbox.h"
#include "sim/occasion.h"

#define COUNT_MAX 100000

static json_t *
show_counts(const struct mail_counts *m)
{
	return json_pack("{s:I,s:I,s:I}", "invitations", (json_int_t)m->of[MAIL_INVITATION], "updates",
	    (json_int_t)m->of[MAIL_UPDATE], "cancellations", (json_int_t)m->of[MAIL_CANCELLATION]);
}

static struct mailbox *
find_mailbox(struct control *k, const char *name)
{
	struct user *u = NULL;

	for (size_t i = 0; name != NULL && u == NULL && i < k->sim->world.tenant_count; i++)
		u = world_user(&k->sim->world, k->sim->world.tenants[i], name);
	if (u != NULL)
		return user_mailbox(k->sim, u);
	control_fail(k, "\"user\" names nobody: \"%.80s\"", name == NULL ? "" : name);
	return NULL;
}

static bool
answer(struct control *k, json_t *json)
{
	call_answer(k->call, k->created ? 201 : 200, json);
	return true;
}

bool
control_mailbox_get(struct control *k, const json_t *body)
{
	struct mailbox *box = find_mailbox(k, call_query(k->call, "user"));
	json_t *o;

	(void)body;
	if (box == NULL)
		return false;
	o = json_pack("{s:s,s:I,s:i,s:i,s:o,s:I}", "user", box->user->id, "events", (json_int_t)box->live, "in_flight",
	    box->in_flight, "in_flight_max", box->in_flight_max, "mails", show_counts(&box->mails), "late_mails",
	    (json_int_t)box->late_mails);
	return answer(k, o);
}

/* Those who are invited now, and those who were mailed and are not any more. */
static json_t *
show_attendees(const struct event *e)
{
	static const struct mail_counts none;
	const json_t *list = jx_get_array(e->state, "attendees");
	json_t *ret = json_array();
	const struct addressee *a;
	size_t at = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *x = json_array_get(list, i);
		const char *address = json_string_value(jx_path(x, "emailAddress", "address", NULL));

		a = calendar_mailed(e->master != NULL ? e->master : e, address);
		json_array_append_new(ret, json_pack("{s:s,s:O?,s:O?,s:b,s:o}", "address", address, "type",
		                               json_object_get(x, "type"), "response", jx_path(x, "status", "response", NULL),
		                               "invited", 1, "mails", show_counts(a == NULL ? &none : &a->mails)));
	}
	while ((a = sim_map_next(&e->mailed, &at)) != NULL) {
		bool invited = false;

		for (size_t i = 0; !invited && i < json_array_size(list); i++)
			invited = strcasecmp(json_string_value(jx_path(json_array_get(list, i), "emailAddress", "address", NULL)),
			              a->address) == 0;
		if (!invited)
			json_array_append_new(ret,
			    json_pack("{s:s,s:b,s:o}", "address", a->address, "invited", 0, "mails", show_counts(&a->mails)));
	}
	return ret;
}

static json_t *
show_properties(const struct event *e)
{
	const json_t *list = jx_get_array(e->state, "singleValueExtendedProperties");
	json_t *ret = json_object();

	for (size_t i = 0; i < json_array_size(list); i++)
		json_object_set(
		    ret, jx_get_str(json_array_get(list, i), "id"), json_object_get(json_array_get(list, i), "value"));
	return ret;
}

static json_t *
show_dates(const struct event *e)
{
	json_t *list = json_array();

	for (size_t i = 0; i < e->cancelled_count; i++)
		json_array_append_new(list, json_string(e->cancelled[i]));
	return list;
}

static json_t *
show_event(const struct event *e, bool brief)
{
	char etag[ETAG_SIZE], start[TIMESTAMP_SIZE], end[TIMESTAMP_SIZE];
	const char *join = json_string_value(jx_path(e->state, "onlineMeeting", "joinUrl", NULL));
	json_t *o;

	calendar_etag(e, e->version, etag);
	timestamp_format(e->start_ms, start);
	timestamp_format(e->end_ms, end);
	o = json_pack("{s:s,s:s,s:s,s:s,s:O,s:s,s:s,s:b,s:b,s:s?,s:s?}", "id", e->id, "rest_id", e->rest_id, "etag", etag,
	    "ical_uid", e->uid, "subject", json_object_get(e->state, "subject"), "start", start, "end", end, "gone", (int)e->gone,
	    "foreign", !jx_get_bool(e->state, "isOrganizer", true), "join_url", join, "transaction_id", e->transaction);
	json_object_set_new(o, "version", json_integer(e->version));
	jx_set_str(o, "comment", e->comment);
	json_object_set_new(o, "properties", show_properties(e));
	json_object_set_new(o, "mails", show_counts(&e->mails));
	if (!brief) {
		json_object_set_new(o, "attendees", show_attendees(e));
		json_object_set(o, "state", e->state);
	}
	if (e->master != NULL) {
		json_object_set_new(o, "series", json_string(e->master->id));
		json_object_set_new(o, "date", json_string(e->date));
	}
	if (e->cancelled_count > 0)
		json_object_set_new(o, "cancelled_dates", show_dates(e));
	return o;
}

static bool
has_value(const struct event *e, const char *value)
{
	const json_t *list = jx_get_array(e->state, "singleValueExtendedProperties");

	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcasecmp(jx_get_str(json_array_get(list, i), "value"), value) == 0)
			return true;
	return false;
}

bool
control_events_get(struct control *k, const json_t *body)
{
	struct call *c = k->call;
	struct mailbox *box = find_mailbox(k, call_query(c, "user"));
	const char *id = call_query(c, "id"), *property = call_query(c, "property"), *subject = call_query(c, "subject"),
	           *gone = call_query(c, "gone");
	json_t *list;

	(void)body;
	if (box == NULL)
		return false;
	list = json_array();
	for (size_t i = 0; i < box->count; i++) {
		const struct event *e = box->events[i];

		if ((e->gone && gone == NULL) || (id != NULL && strcmp(id, e->id) != 0 && strcmp(id, e->rest_id) != 0) ||
		    (property != NULL && !has_value(e, property)) ||
		    (subject != NULL && strcmp(jx_get_str(e->state, "subject"), subject) != 0))
			continue;
		json_array_append_new(list, show_event(e, call_query(c, "brief") != NULL));
	}
	return answer(k, json_pack("{s:o}", "events", list));
}

/* One thing a person does. */
struct deed {
	struct mailbox *box;
	const json_t *body, *given; /* given: the event's members */
	struct event *event;
	const char *date;
	struct act_way way;
};

static bool
read_state(struct control *k, json_t *state, const json_t *given, bool creating)
{
	struct refusal refusal;

	if (!json_is_object(given))
		return control_fail(k, "\"event\" is missing");
	return event_read(state, given, creating, &refusal) || control_fail(k, "%s: %s", refusal.code, refusal.message);
}

/* A meeting somebody else has organized is in the calendar, too. */
static void
set_organizer(json_t *state, const char *organizer)
{
	json_object_set_new(state, "isOrganizer", json_false());
	json_object_set_new(
	    state, "organizer", json_pack("{s:{s:s,s:s}}", "emailAddress", "name", organizer, "address", organizer));
}

static bool
do_create(struct control *k, struct deed *d)
{
	const struct user *u = d->box->user;
	const char *organizer = NULL;
	int64_t count = jx_get_int(d->body, "count", 1);
	json_t *ids = json_array();
	bool good = count >= 1 && count <= COUNT_MAX && control_text(k, d->body, "organizer", &organizer);

	for (int64_t i = 0; good && i < count; i++) {
		json_t *state = event_blank(u->mail != NULL ? u->mail : u->upn, u->name);

		if (organizer != NULL)
			set_organizer(state, organizer);
		good = read_state(k, state, d->given, true);
		if (!good) {
			json_decref(state);
			break;
		}
		d->event = event_make(k->sim, d->box, state, &d->way);
		json_array_append_new(ids, json_string(d->event->id));
	}
	if (!good) {
		json_decref(ids);
		return k->why[0] != '\0' ? false : control_fail(k, "\"count\" is out of range");
	}
	k->created = true;
	return answer(k, json_pack("{s:s,s:s,s:o}", "id", d->event->id, "rest_id", d->event->rest_id, "ids", ids));
}

static bool
answer_event(struct control *k, const struct event *e)
{
	return answer(k, show_event(e, false));
}

/* Outlook's editor keeps the join block where it is: behind what is written. */
static void
keep_block(const struct event *e, json_t *state)
{
	const char *url = json_string_value(jx_path(e->state, "onlineMeeting", "joinUrl", NULL));
	const char *content = json_string_value(jx_path(state, "body", "content", NULL));

	if (url != NULL && content != NULL && strstr(content, url) == NULL)
		event_join_block(state, url);
}

static bool
change_occurrence(struct control *k, struct deed *d)
{
	struct occasion o;
	json_t *state;

	if (!occasion_of_date(d->event, d->date, &o))
		return control_fail(k, "\"date\" is no occurrence of the series");
	if (!o.plain) {
		d->event = o.event;
		d->date = NULL;
		return true;
	}
	state = occasion_state(&o);
	if (!read_state(k, state, d->given, false)) {
		json_decref(state);
		return false;
	}
	keep_block(d->event, state);
	d->event = event_except(k->sim, d->event, d->date, state, &d->way);
	return true;
}

static bool
do_change(struct control *k, struct deed *d)
{
	bool bare = jx_get_bool(d->body, "bare", false);
	json_t *state;

	if (d->date != NULL && !change_occurrence(k, d))
		return false;
	if (d->date != NULL)
		return answer_event(k, d->event);
	state = json_copy(d->event->state);
	if (!read_state(k, state, d->given, false)) {
		json_decref(state);
		return false;
	}
	if (!bare)
		keep_block(d->event, state);
	event_change(k->sim, d->event, state, &d->way);
	return answer_event(k, d->event);
}

static bool
do_cancel(struct control *k, struct deed *d)
{
	struct occasion o;

	if (d->date != NULL && !occasion_of_date(d->event, d->date, &o))
		return control_fail(k, "\"date\" is no occurrence of the series");
	event_cancel(k->sim, d->event, d->date, &d->way);
	return answer_event(k, d->event);
}

static bool
do_move(struct control *k, struct deed *d)
{
	event_move(k->sim, d->event, &d->way);
	return answer_event(k, d->event);
}

static bool
do_respond(struct control *k, struct deed *d)
{
	const char *address = NULL, *response = NULL;

	if (!control_text(k, d->body, "address", &address) || !control_text(k, d->body, "response", &response))
		return false;
	if (address == NULL || response == NULL || !event_respond(k->sim, d->event, address, response, &d->way))
		return control_fail(k, "\"address\" is not invited, or \"response\" is none Outlook has");
	return answer_event(k, d->event);
}

/* Exchange touches an item without any change people would see. */
static bool
do_touch(struct control *k, struct deed *d)
{
	for (int64_t i = jx_get_int(d->body, "repeat", 1); i > 0; i--)
		event_touch(k->sim, d->event, &d->way);
	return answer_event(k, d->event);
}

static const struct {
	const char *name;
	bool (*run)(struct control *k, struct deed *d);
} deeds[] = {
	{ "create", do_create },
	{ "change", do_change },
	{ "cancel", do_cancel },
	{ "delete", do_cancel },
	{ "move", do_move },
	{ "respond", do_respond },
	{ "touch", do_touch },
};

bool
control_event(struct control *k, const json_t *body)
{
	const char *op = NULL, *user = NULL, *id = NULL;
	struct deed d = { .body = body, .given = json_object_get(body, "event") };

	if (!control_only(
	        k, body, " op user id date event organizer address response quiet count repeat bare lag_ms join_delay_ms ") ||
	    !control_text(k, body, "op", &op) || !control_text(k, body, "user", &user) || !control_text(k, body, "id", &id) ||
	    !control_text(k, body, "date", &d.date) || !control_flag(k, body, "quiet", &d.way.quiet) ||
	    (d.box = find_mailbox(k, user)) == NULL)
		return false;
	d.way.lag_ms = jx_get_int(body, "lag_ms", k->sim->settings.lag_control_ms);
	d.way.join_ms = jx_get_int(body, "join_delay_ms", k->sim->settings.join_delay_ms);
	d.event = id == NULL ? NULL : calendar_find(d.box, id);
	for (size_t i = 0; op != NULL && i < sizeof(deeds) / sizeof(*deeds); i++) {
		if (strcmp(deeds[i].name, op) != 0)
			continue;
		if (deeds[i].run != do_create && (d.event == NULL || d.event->gone))
			return control_fail(k, "\"id\" names no event");
		return deeds[i].run(k, &d);
	}
	return control_fail(k, "\"op\" is missing, or nothing people do in Outlook");
}
