/* Changes of events with all that follows: exceptions, late join links, notifications in twos and threes. */
#include "sim/event_acts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/timestamp.h"
#include "sim/call.h"
#include "sim/event_join.h"
#include "sim/event_mail.h"
#include "sim/memory.h"
#include "sim/subscriptions.h"

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

static bool
wants_join(const json_t *state)
{
	return jx_get_bool(state, "isOnlineMeeting", false) && event_join_url(state) == NULL && event_organized(state);
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

	event_join_add(&late->sim->rng, e->box->user, state);
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
		event_join_add(&sim->rng, box->user, state);
	stamp(sim, state, "createdDateTime");
	stamp(sim, state, "lastModifiedDateTime");
	e = calendar_add(box, next_seq(sim), state, now_ms + way->lag_ms, NULL, NULL);
	if (join && way->join_ms > 0)
		join_later(sim, e, way->join_ms);
	event_mail_all(sim, e, e->state, MAIL_INVITATION);
	tell(sim, e, CHANGE_CREATED, way);
	return e;
}

/* Whoever writes the body anew without the join block takes the meeting's link out of it: facts 9.3. */
static void
check_block(struct sim *sim, const struct event *e, json_t *state, const struct act_way *way)
{
	const char *url = event_join_url(e->state), *content = json_string_value(jx_path(state, "body", "content", NULL));

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
		event_join_add(&sim->rng, e->box->user, state);
	inherit(sim, e, before, state, way);
	put(sim, e, state, way);
	event_mail_change(sim, e, before, e->state, way->loud);
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
	event_mail_change(sim, e, series->state, e->state, way->loud);
	tell(sim, e, CHANGE_UPDATED, way);
	return e;
}

static void
cancel_date(struct sim *sim, struct event *series, const char *date, const struct act_way *way)
{
	struct event *x = calendar_exception(series, date);

	event_mail_all(sim, x != NULL ? x : series, x != NULL ? x->state : series->state, MAIL_CANCELLATION);
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
	event_mail_all(sim, e, e->state, MAIL_CANCELLATION);
	e->comment = must_copy(way->comment);
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
