/* Mails by what changed, notifications in twos and threes, join blocks. */
#include "sim/event_acts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/timestamp.h"
#include "sim/call.h"
#include "sim/event_read.h"
#include "sim/memory.h"
#include "sim/subscriptions.h"

#define DAY_MS          ((int64_t)24 * HOUR_MS)
#define OCCURRENCES_MAX 4096 /* of one series in one window */

static void
tell_one(struct sim *sim, const struct event *e, enum change change, int64_t delay_ms)
{
	char etag[ETAG_SIZE];
	struct happening h = { .kind = HAPPENING_EVENT,
		.change = change,
		.tenant = e->box->user->tenant,
		.user = e->box->user,
		.event_id = e->rest_id,
		.immutable_id = e->id,
		.etag = change == CHANGE_DELETED ? NULL : etag,
		.delay_ms = delay_ms };

	calendar_etag(e, e->version, etag);
	sim_subscriptions_tell(sim->subscriptions, &h);
}

/* Facts 14, pitfall 14: an edit is told of two or three times, the later ones while Exchange goes on working at it. */
static void
tell(struct sim *sim, const struct event *e, enum change change, const struct act_way *way)
{
	uint64_t more = sim->settings.event_echoes == 0 || change == CHANGE_DELETED ? 0 : 1 + rng_below(&sim->rng, 2);

	if (way->quiet)
		return;
	tell_one(sim, e, change, 0);
	for (uint64_t i = 0; i < more; i++)
		tell_one(sim, e, CHANGE_UPDATED, (int64_t)rng_below(&sim->rng, (uint64_t)sim->settings.event_echo_ms + 1));
}

static uint64_t
next_seq(struct sim *sim)
{
	return ++sim->world.seq;
}

static void
mail(struct sim *sim, struct event *e, const json_t *attendee, enum mail kind)
{
	const char *address = json_string_value(jx_path(attendee, "emailAddress", "address", NULL));
	struct event *counted = e->master != NULL ? e->master : e;
	const struct user *u = e->box->user;

	if (strcasecmp(address, u->upn) == 0 || (u->mail != NULL && strcasecmp(address, u->mail) == 0))
		return;
	calendar_addressee(counted, address)->mails.of[kind]++;
	counted->mails.of[kind]++;
	e->box->mails.of[kind]++;
	if (e->end_ms < clock_wall_ms(sim->clock) && jx_get_object(e->state, "recurrence") == NULL)
		e->box->late_mails++;
}

static bool
organizes(const json_t *state)
{
	return jx_get_bool(state, "isOrganizer", true);
}

static void
mail_all(struct sim *sim, struct event *e, const json_t *state, enum mail kind)
{
	const json_t *list = jx_get_array(state, "attendees");

	for (size_t i = 0; organizes(state) && i < json_array_size(list); i++)
		mail(sim, e, json_array_get(list, i), kind);
}

static void
lower_address(const json_t *attendee, char ret[512])
{
	const char *address = json_string_value(jx_path(attendee, "emailAddress", "address", NULL));
	size_t n = 0;

	for (; address[n] != '\0' && n + 1 < 512; n++)
		ret[n] = (char)((unsigned)(address[n] - 'A') < 26 ? address[n] + 32 : address[n]);
	ret[n] = '\0';
}

/* Those of list whose address is not in others get a mail of this kind, the rest one of that kind (MAIL_KINDS: none). */
static void
mail_by_list(struct sim *sim, struct event *e, const json_t *list, const json_t *others, enum mail news, enum mail rest)
{
	struct map known = { 0 };
	char(*keys)[512] = must_alloc((json_array_size(others) + 1) * sizeof(*keys)), key[512];

	for (size_t i = 0; i < json_array_size(others); i++) {
		lower_address(json_array_get(others, i), keys[i]);
		sim_map_put(&known, keys[i], keys[i]);
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		enum mail kind;

		lower_address(json_array_get(list, i), key);
		kind = sim_map_get(&known, key) == NULL ? news : rest;
		if (kind != MAIL_KINDS)
			mail(sim, e, json_array_get(list, i), kind);
	}
	sim_map_done(&known);
	free(keys);
}

/* What attendees are told of; the rest is the organizer's own affair. */
static const char *const told_keys[] = { "subject", "body", "start", "end", "isAllDay", "location", "recurrence", "onlineMeeting",
	NULL };

bool
event_matters(const json_t *given)
{
	for (size_t i = 0; told_keys[i] != NULL; i++)
		if (json_object_get(given, told_keys[i]) != NULL)
			return true;
	return false;
}

static bool
matters(const json_t *before, const json_t *after)
{
	for (size_t i = 0; told_keys[i] != NULL; i++)
		if (!json_equal(json_object_get(before, told_keys[i]), json_object_get(after, told_keys[i])))
			return true;
	return false;
}

/* Facts 9.3: only attendees changed = only those added and removed hear of it. */
static void
mail_change(struct sim *sim, struct event *e, const json_t *before, const json_t *after, const struct act_way *way)
{
	const json_t *was = jx_get_array(before, "attendees"), *is = jx_get_array(after, "attendees");

	if (!organizes(after))
		return;
	mail_by_list(sim, e, is, was, MAIL_INVITATION, way->loud || matters(before, after) ? MAIL_UPDATE : MAIL_KINDS);
	mail_by_list(sim, e, was, is, MAIL_CANCELLATION, MAIL_KINDS);
}

static const char *
join_url(const json_t *state)
{
	return json_string_value(jx_path(state, "onlineMeeting", "joinUrl", NULL));
}

/* The block Teams puts behind what the organizer wrote: between two lines of underscores. */
static char *
join_block(const char *url, bool html)
{
	static const char line[] = "________________________________________________________________________________";
	char *ret = NULL;

	if (asprintf(&ret,
	        html ? "<br>\r\n<div style=\"width:100%%\"><span style=\"white-space:nowrap; color:#5F5F5F\">%s</span></div>\r\n"
	               "<div class=\"me-email-text\" lang=\"en-US\" style=\"color:#252424\">\r\n"
	               "<div style=\"margin-top:24px\"><span style=\"font-size:24px\">Microsoft Teams meeting</span></div>\r\n"
	               "<div><div><b>Join on your computer, mobile app or room device</b></div>\r\n"
	               "<a class=\"me-email-headline\" href=\"%s\" target=\"_blank\">Click here to join the meeting</a></div>\r\n"
	               "</div>\r\n<div></div>\r\n<div style=\"width:100%%\"><span>%s</span></div>\r\n"
	             : "\r\n%s\r\nMicrosoft Teams meeting\r\nJoin on your computer, mobile app or room device\r\n"
	               "Click here to join the meeting<%s>\r\n%s\r\n",
	        line, url, line) < 0)
		return must_copy("");
	return ret;
}

/* The block goes before the end of an HTML body. */
void
event_add_block(json_t *state, const char *url)
{
	const json_t *body = jx_get_object(state, "body");
	const char *content = jx_get_str(body, "content"), *end;
	bool html = strcmp(jx_get_str(body, "contentType"), "html") == 0;
	char *block = join_block(url, html), *text = NULL;

	if (html && content[0] == '\0')
		content = "<html>\r\n<head>\r\n</head>\r\n<body>\r\n</body>\r\n</html>\r\n";
	end = html ? strcasestr(content, "</body>") : NULL;
	if (end == NULL)
		end = content + strlen(content);
	if (asprintf(&text, "%.*s%s%s", (int)(end - content), content, block, end) >= 0)
		json_object_set_new(
		    state, "body", json_pack("{s:O,s:s}", "contentType", json_object_get(body, "contentType"), "content", text));
	free(text);
	free(block);
}

static void
add_join(struct sim *sim, const struct user *u, json_t *state)
{
	char part[64], *url = NULL;
	uint8_t raw[24];

	rng_bytes(&sim->rng, raw, sizeof(raw));
	base64url_encode(raw, sizeof(raw), part);
	if (asprintf(&url,
	        "https://teams.microsoft.com/l/meetup-join/19%%3ameeting_%s%%40thread.v2/"
	        "0?context=%%7b%%22Tid%%22%%3a%%22%s%%22%%2c%%22"
	        "Oid%%22%%3a%%22%s%%22%%7d",
	        part, u->tenant->id, u->id) < 0)
		return;
	json_object_set_new(state, "onlineMeeting", json_pack("{s:s}", "joinUrl", url));
	event_add_block(state, url);
	free(url);
}

static bool
wants_join(const json_t *state)
{
	return jx_get_bool(state, "isOnlineMeeting", false) && join_url(state) == NULL && organizes(state);
}

static void
stamp(struct sim *sim, json_t *state, const char *key)
{
	char text[TIMESTAMP_SIZE];

	timestamp_format(clock_wall_ms(sim->clock), text);
	json_object_set_new(state, key, json_string(text));
}

/* Takes state. */
static void
put(struct sim *sim, struct event *e, json_t *state, const struct act_way *way)
{
	int64_t now_ms = clock_boot_ms(sim->clock);

	stamp(sim, state, "lastModifiedDateTime");
	calendar_change(e, next_seq(sim), state, now_ms, now_ms + way->lag_ms);
}

struct late_join {
	struct sim *sim;
	struct event *event;
};

static void
on_join(void *arg)
{
	struct late_join *late = arg;
	struct event *e = late->event;
	struct act_way way = { 0 };
	json_t *state = json_copy(e->state);

	add_join(late->sim, e->box->user, state);
	put(late->sim, e, state, &way);
	tell(late->sim, e, CHANGE_UPDATED, &way);
}

/* Facts 9.1: the join link may come late. The mails wait for it, so they are counted only once. */
static void
join_later(struct sim *sim, struct event *e, int64_t ms)
{
	struct late_join *late = must_alloc(sizeof(*late));

	*late = (struct late_join){ sim, e };
	e->join_arg = late;
	e->join = timer_new(sim->clock, on_join, late);
	if (e->join != NULL)
		timer_arm(e->join, ms);
}

struct event *
event_make(struct sim *sim, struct mailbox *box, json_t *state, const struct act_way *way)
{
	int64_t now_ms = clock_boot_ms(sim->clock);
	bool join = wants_join(state);
	struct event *e;

	if (join && way->join_ms <= 0)
		add_join(sim, box->user, state);
	stamp(sim, state, "createdDateTime");
	stamp(sim, state, "lastModifiedDateTime");
	e = calendar_add(box, next_seq(sim), state, now_ms + way->lag_ms, NULL, NULL);
	if (join && way->join_ms > 0)
		join_later(sim, e, way->join_ms);
	mail_all(sim, e, e->state, MAIL_INVITATION);
	tell(sim, e, CHANGE_CREATED, way);
	return e;
}

/* Whoever writes the body anew without the join block takes the meeting's link out of it: facts 9.3. */
static void
check_block(struct sim *sim, const struct event *e, json_t *state, const struct act_way *way)
{
	const char *url = join_url(e->state), *content = json_string_value(jx_path(state, "body", "content", NULL));

	if (url == NULL || (content != NULL && strstr(content, url) != NULL))
		return;
	json_object_set_new(state, "onlineMeeting", json_null());
	if (way->app)
		journal_note(sim->journal, clock_boot_ms(sim->clock), JOURNAL_JOIN_BLOCK_LOST, "PATCH", e->id,
		    "the body of an online meeting lost its join block");
}

/* The attendee with another answer. Gives. */
static json_t *
answering(const json_t *attendee, const char *response, const char *time)
{
	json_t *ret = json_copy((json_t *)attendee);

	json_object_set_new(ret, "status", json_pack("{s:s,s:s}", "response", response, "time", time));
	return ret;
}

/* A new time asks everybody anew. */
static void
forget_responses(json_t *state)
{
	const json_t *old = jx_get_array(state, "attendees");
	json_t *list = json_array();

	for (size_t i = 0; i < json_array_size(old); i++)
		json_array_append_new(list, answering(json_array_get(old, i), "none", "0001-01-01T00:00:00Z"));
	json_object_set_new(state, "attendees", list);
}

/* A series with a new pattern has no exceptions any more. */
static void
drop_exceptions(struct sim *sim, struct event *e)
{
	for (size_t i = 0; i < e->exception_count; i++)
		if (!e->exceptions[i]->gone)
			calendar_remove(e->exceptions[i], next_seq(sim), clock_boot_ms(sim->clock));
	e->exception_count = e->cancelled_count = 0;
}

/* What an exception has as its series had it, it has as the series has it now. */
static void
inherit(struct sim *sim, struct event *series, const json_t *before, const json_t *after, const struct act_way *way)
{
	for (size_t i = 0; i < series->exception_count; i++) {
		struct event *x = series->exceptions[i];
		json_t *state = x->gone ? NULL : json_copy(x->state), *value;
		const char *key;
		bool changed = false;
		void *next;

		json_object_foreach_safe(state, next, key, value)
		{
			const json_t *was = json_object_get(before, key), *is = json_object_get(after, key);

			if (is == NULL || json_equal(was, is) || !json_equal(was, value))
				continue;
			json_object_set(state, key, (json_t *)is);
			changed = true;
		}
		if (changed)
			put(sim, x, state, way);
		else
			json_decref(state);
	}
}

void
event_change(struct sim *sim, struct event *e, json_t *state, const struct act_way *way)
{
	static const char *const times[] = { "start", "end", "isAllDay", "recurrence" };
	bool moved = false, join = wants_join(state) && !jx_get_bool(e->state, "isOnlineMeeting", false);
	json_t *before = json_incref(e->state);

	if (!json_equal(json_object_get(before, "body"), json_object_get(state, "body")))
		check_block(sim, e, state, way);
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
		moved = moved || !json_equal(json_object_get(before, times[i]), json_object_get(state, times[i]));
	if (moved && e->master == NULL) {
		forget_responses(state);
		drop_exceptions(sim, e);
	}
	if (join)
		add_join(sim, e->box->user, state);
	inherit(sim, e, before, state, way);
	put(sim, e, state, way);
	mail_change(sim, e, before, e->state, way);
	tell(sim, e, CHANGE_UPDATED, way);
	json_decref(before);
}

struct event *
event_except(struct sim *sim, struct event *series, const char *date, json_t *state, const struct act_way *way)
{
	int64_t now_ms = clock_boot_ms(sim->clock);
	struct event *e;

	json_object_set_new(state, "recurrence", json_null());
	stamp(sim, state, "lastModifiedDateTime");
	e = calendar_add(series->box, next_seq(sim), state, now_ms + way->lag_ms, series, date);
	calendar_touch(series, next_seq(sim));
	mail_change(sim, e, series->state, e->state, way);
	tell(sim, e, CHANGE_UPDATED, way);
	return e;
}

static void
cancel_date(struct sim *sim, struct event *series, const char *date, const struct act_way *way)
{
	struct event *x = calendar_exception(series, date);

	mail_all(sim, x != NULL ? x : series, x != NULL ? x->state : series->state, MAIL_CANCELLATION);
	if (x != NULL)
		calendar_remove(x, next_seq(sim), clock_boot_ms(sim->clock) + way->lag_ms);
	calendar_cancel_date(series, date);
	calendar_touch(series, next_seq(sim));
	tell(sim, series, CHANGE_UPDATED, way);
}

void
event_cancel(struct sim *sim, struct event *e, const char *date, const struct act_way *way)
{
	if (e->master != NULL) {
		cancel_date(sim, e->master, e->date, way);
		return;
	}
	if (date != NULL) {
		cancel_date(sim, e, date, way);
		return;
	}
	mail_all(sim, e, e->state, MAIL_CANCELLATION);
	calendar_remove(e, next_seq(sim), clock_boot_ms(sim->clock) + way->lag_ms);
	tell(sim, e, CHANGE_DELETED, way);
}

void
event_touch(struct sim *sim, struct event *e, const struct act_way *way)
{
	calendar_touch(e, next_seq(sim));
	tell(sim, e, CHANGE_UPDATED, way);
}

void
event_move(struct sim *sim, struct event *e, const struct act_way *way)
{
	calendar_move(e, next_seq(sim));
	tell(sim, e, CHANGE_UPDATED, way);
}

bool
event_respond(struct sim *sim, struct event *e, const char *address, const char *response, const struct act_way *way)
{
	static const char *const responses[] = { "none", "tentativelyAccepted", "accepted", "declined", "notResponded" };
	json_t *list = json_copy(jx_get_array(e->state, "attendees")), *state;
	const char *spelt = NULL;
	char time[TIMESTAMP_SIZE];

	for (size_t i = 0; i < sizeof(responses) / sizeof(*responses); i++)
		if (strcasecmp(responses[i], response) == 0)
			spelt = responses[i];
	timestamp_format(clock_wall_ms(sim->clock), time);
	for (size_t i = 0; spelt != NULL && i < json_array_size(list); i++) {
		const json_t *a = json_array_get(list, i);

		if (strcasecmp(json_string_value(jx_path(a, "emailAddress", "address", NULL)), address) != 0)
			continue;
		json_array_set_new(list, i, answering(a, spelt, time));
		state = json_copy(e->state);
		json_object_set_new(state, "attendees", list);
		put(sim, e, state, way);
		tell(sim, e, CHANGE_UPDATED, way);
		return true;
	}
	json_decref(list);
	return false;
}

/* The occurrence of a day, as the pattern has it. */
static bool
place(const struct event *e, const json_t *state, int64_t day, struct occasion *ret)
{
	const char *zone, *end_zone;
	struct local_time start = event_local(state, "start", &zone), end = event_local(state, "end", &end_zone);
	int64_t shift_s = (day - local_day(start)) * LOCAL_DAY_S;

	*ret = (struct occasion){ .event = (struct event *)e, .state = state, .plain = true };
	ret->start.s = start.s + shift_s;
	ret->end.s = end.s + shift_s;
	local_date_format(day, ret->date);
	return event_instant(ret->start, zone, &ret->start_ms) && event_instant(ret->end, end_zone, &ret->end_ms);
}

void
event_alone(const struct event *e, const json_t *state, unsigned version, struct occasion *ret)
{
	const char *zone;

	*ret = (struct occasion){ .event = (struct event *)e,
		.state = state,
		.version = version,
		.start = event_local(state, "start", &zone),
		.end = event_local(state, "end", &zone),
		.start_ms = jx_get_int(state, "startMs", 0),
		.end_ms = jx_get_int(state, "endMs", 0) };
	memcpy(ret->date, e->date, sizeof(ret->date));
}

/* An event without length is in the window that its start is in. */
static bool
overlaps(const struct occasion *o, int64_t from_ms, int64_t to_ms)
{
	return o->start_ms < to_ms && (o->end_ms > from_ms || (o->end_ms == o->start_ms && o->start_ms >= from_ms));
}

static int
compare_occasions(const void *a, const void *b)
{
	const struct occasion *x = a, *y = b;

	return x->start_ms < y->start_ms ? -1 : x->start_ms > y->start_ms;
}

size_t
event_occasions(const struct event *e, int64_t read_ms, int64_t from_ms, int64_t to_ms, struct occasion *ret, size_t max)
{
	unsigned version;
	const json_t *state = calendar_seen(e, read_ms, &version), *recurrence = jx_get_object(state, "recurrence");
	int64_t *days, length;
	size_t n = 0, count;
	struct occasion o;

	if (state == NULL || e->master != NULL)
		return 0;
	if (recurrence == NULL) {
		event_alone(e, state, version, &o);
		if (overlaps(&o, from_ms, to_ms) && max > 0)
			ret[n++] = o;
		return n;
	}
	days = must_alloc(OCCURRENCES_MAX * sizeof(*days));
	length = (jx_get_int(state, "endMs", 0) - jx_get_int(state, "startMs", 0)) / DAY_MS + 2;
	count = series_days(recurrence, from_ms / DAY_MS - length, to_ms / DAY_MS + 2, days, OCCURRENCES_MAX);
	for (size_t i = 0; i < count && n < max; i++) {
		if (!place(e, state, days[i], &o) || !overlaps(&o, from_ms, to_ms) || calendar_date_cancelled(e, o.date) ||
		    calendar_exception(e, o.date) != NULL)
			continue;
		o.version = version;
		ret[n++] = o;
	}
	free(days);
	for (size_t i = 0; i < e->exception_count && n < max; i++) {
		const json_t *own = calendar_seen(e->exceptions[i], read_ms, &version);

		if (own == NULL)
			continue;
		event_alone(e->exceptions[i], own, version, &o);
		if (overlaps(&o, from_ms, to_ms))
			ret[n++] = o;
	}
	qsort(ret, n, sizeof(*ret), compare_occasions);
	return n;
}

bool
event_occasion(const struct event *series, const char *date, struct occasion *ret)
{
	const json_t *recurrence = jx_get_object(series->state, "recurrence");
	const struct event *x = calendar_exception(series, date);
	int64_t day, found;

	if (x != NULL) {
		event_alone(x, x->state, x->version, ret);
		return true;
	}
	if (recurrence == NULL || calendar_date_cancelled(series, date) || local_date_parse(date, &day) != ERR_OK ||
	    series_days(recurrence, day, day, &found, 1) == 0 || !place(series, series->state, day, ret))
		return false;
	ret->version = series->version;
	return true;
}

bool
event_may_begin(const struct event *series, const char *date, int64_t start_ms, int64_t end_ms)
{
	int64_t day, *days = must_alloc(OCCURRENCES_MAX * sizeof(*days));
	bool good = local_date_parse(date, &day) == ERR_OK;
	size_t n =
	    good ? series_days(jx_get_object(series->state, "recurrence"), day - 400, day + 400, days, OCCURRENCES_MAX) : 0;
	struct occasion o;
	char text[LOCAL_DATE_SIZE];

	for (size_t i = 0; good && i < n; i++) {
		local_date_format(days[i], text);
		if (days[i] == day || !event_occasion(series, text, &o))
			continue;
		good = days[i] < day ? start_ms >= o.end_ms : end_ms <= o.start_ms;
	}
	free(days);
	return good;
}

static void
set_time(json_t *state, const char *key, struct local_time t)
{
	char text[LOCAL_TIME_SIZE];
	const char *zone;

	event_local(state, key, &zone);
	local_time_format(t, text);
	json_object_set_new(state, key, json_pack("{s:s,s:s}", "dateTime", text, "timeZone", zone));
}

json_t *
event_occurrence_state(const struct occasion *o)
{
	json_t *state = json_copy((json_t *)o->state);

	set_time(state, "start", o->start);
	set_time(state, "end", o->end);
	json_object_set_new(state, "startMs", json_integer((json_int_t)o->start_ms));
	json_object_set_new(state, "endMs", json_integer((json_int_t)o->end_ms));
	json_object_set_new(state, "recurrence", json_null());
	return state;
}
