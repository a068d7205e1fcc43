/*
 * Worlds of meetings: one organizer's calendar, in which the app, people in Outlook, faults and crashes do what they like. The app's model
 * here is what a real one would have: what it asked for, and what callbacks have told it since. In the end both sides are equal, each
 * event has one meeting or none, and when nothing happens any more nobody is mailed any more.
 */
#include "property/world.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "model/event_fields.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "reconciler/backend.h"
#include "reconciler/meetings.h"
#include "reconciler/tables.h"
#include "sim/sim.h"
#include "sim/transport.h"
#include "state/events.h"
#include "state/store.h"

#define EVENTS_MAX  6
#define GUESTS_MAX  4
#define STEPS_MAX   50
#define LATE_ENOUGH (60 * DAY_MS) /* no event of a life ends before it does */
#define USER        "u1@t0.example"
#define FEW_MAILS   30

/* One event, as the app has it. */
struct appointment {
	struct event_id id;
	struct event_fields *fields; /* NULL: never put */
	bool present;
	bool taken_back;                /* not present because it was told so, and has said nothing since */
	unsigned asked, moved, cancels; /* changes of its own, changes in Outlook, cancellations on either side */
};

/* One life at a time in a process. */
static struct life {
	struct world *w;
	struct erg_id erg;
	enum meetings_policy policy;
	struct appointment events[EVENTS_MAX];
	unsigned count;
	bool app_down, app_forgetful;
	unsigned values; /* used so far: each change is to something new */
	int64_t mails;   /* when all had settled */
} life;

/* ---------- the app ---------- */

static struct appointment *
appointment_of(const char *id)
{
	for (unsigned i = 0; id != NULL && i < life.count; i++)
		if (strcmp(life.events[i].id.s, id) == 0)
			return &life.events[i];
	return NULL;
}

static void
take_time(struct event_fields *f, const json_t *data)
{
	if (jx_get_str(data, "start") == NULL)
		return;
	if (local_time_parse(jx_get_str(data, "start"), &f->start) != ERR_OK ||
	    local_time_parse(jx_get_str(data, "end"), &f->end) != ERR_OK ||
	    !str_copy(f->time_zone, sizeof(f->time_zone), jx_get_str(data, "time_zone")))
		fail(life.w, "the app is told of a time it cannot read");
}

static void
take_attendees(struct event_fields *f, const json_t *data)
{
	const json_t *list = jx_get_array(data, "attendees"), *item;
	struct event_fields *only;
	size_t i;

	if (list == NULL || (only = event_fields_new()) == NULL)
		return;
	json_array_foreach((json_t *)(uintptr_t)list, i, item)
	    event_attendee_add(only, jx_get_str(item, "email"), jx_get_str(item, "name"), ATTENDEE_REQUIRED);
	event_fields_take(f, only, EVENT_MASK(ATTENDEES));
	event_fields_free(only);
}

/* The app takes in what a callback says. */
static void
take_callback(struct world *w, const json_t *root)
{
	const char *type = jx_get_str(root, "type");
	const json_t *data = jx_get_object(root, "data");
	struct appointment *a = appointment_of(jx_get_str(data, "event"));

	if (a == NULL)
		return;
	note(w, "the app is told: %s of %s", type, a->id.s);
	if (strcmp(type, "ergsync.meeting.cancelled") == 0 && a->present) {
		a->present = false;
		a->taken_back = true;
	}
	if (strcmp(type, "ergsync.meeting.scheduled") == 0 && a->taken_back) {
		a->present = true;
		a->taken_back = false;
	}
	if (strcmp(type, "ergsync.meeting.updated") != 0)
		return;
	if (jx_get_str(data, "subject") != NULL)
		event_text_set(&a->fields->subject, jx_get_str(data, "subject"));
	if (jx_get_str(data, "location") != NULL)
		event_text_set(&a->fields->location, jx_get_str(data, "location"));
	if (jx_get_str(data, "body_html") != NULL)
		event_text_set(&a->fields->body_html, jx_get_str(data, "body_html"));
	take_time(a->fields, data);
	take_attendees(a->fields, data);
}

static void
on_callback(void *arg, struct http_exchange *x)
{
	struct world *w = arg;
	json_t *root = NULL;
	size_t len;
	const char *body = http_exchange_body(x, &len);

	w->callbacks++;
	if (w->failed || life.app_down) {
		http_reply(x, 503, NULL, NULL, 0, NULL);
		return;
	}
	if (jx_parse(body, len, &root, NULL, 0) == ERR_OK)
		take_callback(w, root);
	json_decref(root);
	if (life.app_forgetful && chance(w, 50))
		http_reply_abort(x);
	else
		http_reply(x, 204, NULL, NULL, 0, NULL);
}

static struct erg
erg_now(void)
{
	struct erg erg;

	if (erg_load(life.w->r, &life.erg, &erg) != ERR_OK)
		fail(life.w, "the ERG is lost");
	return erg;
}

static void
put(struct appointment *a)
{
	struct erg erg = erg_now();
	struct event e;
	bool created;

	if (life.w->failed || meetings_put(life.w->r, &erg, &a->id, a->fields, &e, &created) != ERR_OK)
		return;
	a->present = true;
	a->taken_back = false;
	a->asked++;
	store_commit(life.w->r->store);
}

static void
set_guests(struct event_fields *f, unsigned count)
{
	struct event_fields *only = event_fields_new();
	char address[64];

	for (unsigned i = 1; i <= count; i++) {
		snprintf(address, sizeof(address), "p%u@guests.example", i);
		event_attendee_add(only, address, "", ATTENDEE_REQUIRED);
	}
	event_fields_take(f, only, EVENT_MASK(ATTENDEES));
	event_fields_free(only);
}

static void
set_text(char **text, const char *what)
{
	char value[64];

	snprintf(value, sizeof(value), "%s %u", what, ++life.values);
	event_text_set(text, value);
}

static void
set_hour(struct event_fields *f)
{
	char start[TIMESTAMP_SIZE], end[TIMESTAMP_SIZE];
	int64_t at_ms = clock_wall_ms(life.w->clock) / DAY_MS * DAY_MS + LATE_ENOUGH + ++life.values * HOUR_MS;

	timestamp_format(at_ms, start);
	timestamp_format(at_ms + HOUR_MS, end);
	start[19] = end[19] = '\0';
	local_time_parse(start, &f->start);
	local_time_parse(end, &f->end);
	str_copy(f->time_zone, sizeof(f->time_zone), "UTC");
}

static void
step_new(struct world *w)
{
	struct appointment *a = &life.events[life.count];

	if (life.count == EVENTS_MAX)
		return;
	snprintf(a->id.s, sizeof(a->id.s), "e%u", life.count++);
	a->fields = event_fields_new();
	set_text(&a->fields->subject, "Subject");
	set_text(&a->fields->location, "Place");
	event_text_set(&a->fields->body_html, "<p>Come.</p>");
	set_hour(a->fields);
	set_guests(a->fields, (unsigned)between(w, 0, GUESTS_MAX));
	if (chance(w, 25))
		str_copy(a->fields->rrule, sizeof(a->fields->rrule), "FREQ=DAILY;COUNT=20");
	note(w, "the app puts %s%s", a->id.s, a->fields->rrule[0] != '\0' ? ", a series" : "");
	put(a);
}

static struct appointment *
any(struct world *w)
{
	return life.count > 0 ? &life.events[rng_below(&w->rng, life.count)] : NULL;
}

static void
step_change(struct world *w)
{
	struct appointment *a = any(w);

	if (a == NULL || !a->present)
		return;
	switch (rng_below(&w->rng, 5)) {
	case 0: set_text(&a->fields->subject, "Subject"); break;
	case 1: set_text(&a->fields->location, "Place"); break;
	case 2: set_guests(a->fields, (unsigned)between(w, 0, GUESTS_MAX)); break;
	case 3: set_text(&a->fields->body_html, "<p>Come.</p>"); break;
	default: set_hour(a->fields); break;
	}
	note(w, "the app changes %s", a->id.s);
	put(a);
	if (chance(w, 30)) {
		set_text(&a->fields->subject, "Subject");
		put(a);
	}
}

static void
step_repeat(struct world *w)
{
	struct appointment *a = any(w);

	if (a == NULL)
		return;
	note(w, "the app puts %s %s", a->id.s, a->present ? "as it is" : "after all");
	put(a);
}

static void
step_remove(struct world *w)
{
	struct appointment *a = any(w);
	struct erg erg;
	struct event e;

	if (a == NULL || !a->present)
		return;
	note(w, "the app cancels %s", a->id.s);
	erg = erg_now();
	a->present = a->taken_back = false;
	a->cancels++;
	meetings_remove(w->r, &erg, &a->id, "Rain.", &e);
	store_commit(w->r->store);
}

/* ---------- Outlook ---------- */

static json_t *
calendar(struct world *w, bool gone)
{
	return ask(w, "GET", gone ? "/_sim/events?gone=true&user=" USER : "/_sim/events?user=" USER, NULL);
}

/* Which of ours it is; NULL: somebody else's, or an occurrence. */
static struct appointment *
owner_of(const json_t *item)
{
	const char *key, *tag = NULL;
	struct event_tag parsed;
	json_t *value;

	if (jx_get_str(item, "series") != NULL)
		return NULL;
	json_object_foreach(jx_get_object(item, "properties"), key, value) tag = json_string_value(value);
	return tag != NULL && event_tag_parse(tag, &parsed) == ERR_OK ? appointment_of(parsed.event.s) : NULL;
}

/* A meeting of ours that is there, at random; the caller frees *ret_all. */
static const json_t *
any_meeting(struct world *w, json_t **ret_all, struct appointment **ret)
{
	json_t *list;
	size_t first;

	*ret_all = calendar(w, false);
	list = jx_get_array(*ret_all, "events");
	first = rng_below(&w->rng, json_array_size(list));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, (first + i) % json_array_size(list));

		if ((*ret = owner_of(item)) != NULL)
			return item;
	}
	return NULL;
}

static void
change_json(struct world *w, char *ret, size_t ret_size)
{
	char start[TIMESTAMP_SIZE], end[TIMESTAMP_SIZE];
	int64_t at_ms = clock_wall_ms(w->clock) / DAY_MS * DAY_MS + LATE_ENOUGH + ++life.values * HOUR_MS;

	timestamp_format(at_ms, start);
	timestamp_format(at_ms + HOUR_MS, end);
	start[19] = end[19] = '\0';
	switch (rng_below(&w->rng, 3)) {
	case 0: snprintf(ret, ret_size, "{\"subject\":\"Outlook %u\"}", life.values); break;
	case 1: snprintf(ret, ret_size, "{\"location\":{\"displayName\":\"Hall %u\"}}", life.values); break;
	default:
		snprintf(ret, ret_size,
		    "{\"start\":{\"dateTime\":\"%s\",\"timeZone\":\"UTC\"},\"end\":{\"dateTime\":\"%s\",\"timeZone\":\"UTC\"}}",
		    start, end);
		break;
	}
}

static void
step_outlook(struct world *w)
{
	struct appointment *a;
	json_t *all;
	const json_t *item = any_meeting(w, &all, &a);
	char change[512];
	bool quiet = chance(w, 15);

	if (item != NULL) {
		do
			change_json(w, change, sizeof(change));
		while (a->fields->rrule[0] != '\0' && strstr(change, "start") != NULL);
		note(w, "in Outlook %s becomes %s%s", a->id.s, change, quiet ? ", quietly" : "");
		a->moved++;
		tell(w, "/_sim/events", "{\"op\":\"change\",\"user\":\"" USER "\",\"id\":\"%s\",\"quiet\":%s,\"event\":%s}",
		    jx_get_str(item, "id"), quiet ? "true" : "false", change);
	}
	json_decref(all);
}

static void
step_delete(struct world *w)
{
	struct appointment *a;
	json_t *all;
	const json_t *item = any_meeting(w, &all, &a);

	if (item != NULL) {
		note(w, "in Outlook %s is deleted", a->id.s);
		a->cancels++;
		tell(w, "/_sim/events", "{\"op\":\"delete\",\"user\":\"" USER "\",\"id\":\"%s\",\"quiet\":%s}",
		    jx_get_str(item, "id"), chance(w, 15) ? "true" : "false");
	}
	json_decref(all);
}

static void
step_respond(struct world *w)
{
	static const char *const responses[] = { "accepted", "declined", "tentativelyAccepted" };
	struct appointment *a;
	json_t *all;
	const json_t *item = any_meeting(w, &all, &a), *attendees = item != NULL ? jx_get_array(item, "attendees") : NULL;

	if (json_array_size(attendees) > 0 && jx_get_bool(json_array_get(attendees, 0), "invited", false))
		tell(w, "/_sim/events",
		    "{\"op\":\"respond\",\"user\":\"" USER "\",\"id\":\"%s\",\"address\":\"%s\",\"response\":\"%s\"}",
		    jx_get_str(item, "id"), jx_get_str(json_array_get(attendees, 0), "address"),
		    responses[rng_below(&w->rng, 3)]);
	json_decref(all);
}

static void
step_touch(struct world *w)
{
	struct appointment *a;
	json_t *all;
	const json_t *item = any_meeting(w, &all, &a);

	if (item != NULL)
		tell(w, "/_sim/events", "{\"op\":\"%s\",\"user\":\"" USER "\",\"id\":\"%s\"}", chance(w, 50) ? "touch" : "move",
		    jx_get_str(item, "id"));
	json_decref(all);
}

static void
step_foreign(struct world *w)
{
	tell(w, "/_sim/events",
	    "{\"op\":\"create\",\"user\":\"" USER
	    "\",\"count\":%u,\"event\":{\"subject\":\"Dentist\",\"start\":{\"dateTime\":\"2027-01-02T10:"
	    "00:00\",\"timeZone\":\"UTC\"},\"end\":{\"dateTime\":\"2027-01-02T11:00:00\",\"timeZone\":\"UTC\"}}}",
	    (unsigned)between(w, 1, 20));
}

/* ---------- what goes wrong ---------- */

static void
no_faults(struct world *w)
{
	json_decref(ask(w, "DELETE", "/_sim/faults", NULL));
}

static void
step_fault(struct world *w)
{
	static const char *const kinds[] = { "timeout_before", "timeout_after", "close_before", "close_after", "truncate" };
	static const char *const methods[] = { "POST", "PATCH", "GET", "DELETE" };

	tell(w, "/_sim/faults", "{\"kind\":\"%s\",\"method\":\"%s\",\"path\":\"/users/\",\"count\":%lld,\"skip\":%lld}",
	    kinds[rng_below(&w->rng, 5)], methods[rng_below(&w->rng, 4)], (long long)between(w, 1, 4),
	    (long long)between(w, 0, 3));
}

static void
step_status(struct world *w)
{
	static const int statuses[] = { 429, 500, 502, 503, 504, 412, 412, 409, 423 };
	static const char *const methods[] = { "POST", "PATCH", "GET" };
	int status = statuses[rng_below(&w->rng, 9)];

	note(w, "Graph: %d", status);
	tell(w, "/_sim/faults", "{\"kind\":\"%s\",\"status\":%d,\"method\":\"%s\",\"path\":\"/users/\",\"count\":%lld%s}",
	    status >= 500 && chance(w, 40) ? "status_after" : "status", status,
	    status == 412 ? "PATCH" : methods[rng_below(&w->rng, 3)], (long long)between(w, 1, 4),
	    status == 429 || status == 503 ? ",\"retry_after_s\":20" : "");
}

static void
step_notifications(struct world *w)
{
	static const char *const kinds[] = { "drop", "duplicate", "reorder", "hold" };

	tell(w, "/_sim/faults", "{\"kind\":\"%s\",\"count\":%lld,\"delay_ms\":%lld}", kinds[rng_below(&w->rng, 4)],
	    (long long)between(w, 1, 10), (long long)between(w, 0, HOUR_MS));
}

static void
step_expire(struct world *w)
{
	tell(w, "/_sim/expire", "{\"%s\":true}", chance(w, 50) ? "delta" : chance(w, 50) ? "tokens" : "subscriptions");
}

static void
step_crash(struct world *w)
{
	note(w, "the reconciler crashes");
	reconciler_fall(w, (unsigned)between(w, 0, 40));
	reconciler_begin(w);
}

static void
step_restart(struct world *w)
{
	reconciler_end(w);
	reconciler_begin(w);
}

static void
step_cut(struct world *w)
{
	note(w, "Graph can't be reached for a while");
	sim_transport_cut(w->graph_http, 1);
	pass(w, between(w, 0, HOUR_MS));
	sim_transport_cut(w->graph_http, 0);
}

static void
step_mood(struct world *w)
{
	life.app_down = chance(w, 30);
	life.app_forgetful = chance(w, 30);
	note(w, "the app is %s%s", life.app_down ? "down" : "up", life.app_forgetful ? ", and its answers get lost" : "");
}

static void
step_resync(struct world *w)
{
	struct resync_scope scope = { .kind = RESYNC_ALL };
	struct resync ret = { 0 };
	struct problem p = { 0 };

	backend_ops.resync_start(w->r, &scope, chance(w, 30), &ret, &p);
}

static const struct {
	void (*run)(struct world *w);
	unsigned weight;
} steps[] = {
	{ step_new, 14 },
	{ step_change, 20 },
	{ step_repeat, 5 },
	{ step_remove, 5 },
	{ step_outlook, 20 },
	{ step_delete, 5 },
	{ step_respond, 4 },
	{ step_touch, 4 },
	{ step_foreign, 2 },
	{ step_fault, 10 },
	{ step_status, 8 },
	{ no_faults, 4 },
	{ step_notifications, 5 },
	{ step_expire, 3 },
	{ step_crash, 10 },
	{ step_restart, 2 },
	{ step_cut, 2 },
	{ step_mood, 5 },
	{ step_resync, 2 },
};

#define STEP_KINDS (sizeof(steps) / sizeof(steps[0]))

static int64_t
pause_ms(struct world *w)
{
	switch (rng_below(&w->rng, 8)) {
	case 0:
	case 1: return between(w, 0, SECOND_MS);
	case 2:
	case 3: return between(w, 0, 10 * SECOND_MS);
	case 4:
	case 5: return between(w, 0, 5 * MINUTE_MS);
	case 6: return between(w, 0, 2 * HOUR_MS);
	default: return between(w, 0, 8 * HOUR_MS);
	}
}

/* ---------- what must hold ---------- */

/* At no time are there two meetings for one event. */
static void
judge_doubles(struct world *w)
{
	json_t *all = calendar(w, false);
	unsigned there[EVENTS_MAX] = { 0 };
	const json_t *item;
	size_t i;

	json_array_foreach(jx_get_array(all, "events"), i, item)
	{
		const struct appointment *a = owner_of(item);

		if (a != NULL && ++there[a - life.events] > 1)
			fail(w, "there are two meetings for %s", a->id.s);
	}
	json_decref(all);
}

static void
live_on(struct world *w)
{
	unsigned all = 0, at;

	for (size_t i = 0; i < STEP_KINDS; i++)
		all += steps[i].weight;
	at = (unsigned)rng_below(&w->rng, all);
	for (size_t i = 0; i < STEP_KINDS; i++) {
		if (at < steps[i].weight) {
			steps[i].run(w);
			break;
		}
		at -= steps[i].weight;
	}
	w->steps++;
	pass(w, pause_ms(w));
	if (!w->failed)
		judge_doubles(w);
}

static unsigned
invited(const json_t *item)
{
	const json_t *list = jx_get_array(item, "attendees"), *one;
	unsigned n = 0;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)list, i, one) n += jx_get_bool(one, "invited", false);
	return n;
}

static void
judge_meeting(struct world *w, const struct appointment *a, const json_t *item)
{
	const char *place = json_string_value(jx_path(item, "state", "location", "displayName", NULL));
	int64_t start_ms = 0;

	timestamp_parse(jx_get_str(item, "start"), &start_ms);
	if (strcmp(jx_get_str(item, "subject"), a->fields->subject) != 0)
		fail(
		    w, "%s is \"%s\" in the app and \"%s\" in Outlook", a->id.s, a->fields->subject, jx_get_str(item, "subject"));
	if (place == NULL || strcmp(place, a->fields->location) != 0)
		fail(w, "%s is at \"%s\" in the app and at \"%s\" in Outlook", a->id.s, a->fields->location,
		    place != NULL ? place : "");
	if (start_ms != event_start_ms(a->fields))
		fail(w, "%s begins at another time in the app than in Outlook", a->id.s);
	if (invited(item) != a->fields->attendee_count)
		fail(w, "%s has %zu attendees in the app and %u in Outlook", a->id.s, a->fields->attendee_count, invited(item));
}

static int64_t
mails_of(const json_t *item, const char *kind)
{
	return jx_get_int(jx_get_object(item, "mails"), kind, 0);
}

/* Nobody was mailed more often than there was a reason to: a change on one side, and one more where the other undoes it. */
static void
judge_mails(struct world *w, const struct appointment *a, const json_t *all)
{
	int64_t invitations = 0, updates = 0, cancellations = 0, changes = (int64_t)a->asked + 2 * a->moved + a->cancels + 1;
	const json_t *item;
	size_t i;

	json_array_foreach(jx_get_array(all, "events"), i, item)
	{
		if (owner_of(item) != a)
			continue;
		invitations += mails_of(item, "invitations");
		updates += mails_of(item, "updates");
		cancellations += mails_of(item, "cancellations");
	}
	if (updates > GUESTS_MAX * changes || invitations > GUESTS_MAX * ((int64_t)a->asked + a->cancels + 1) ||
	    cancellations > GUESTS_MAX * ((int64_t)a->asked + a->cancels + 1))
		fail(w,
		    "%s was put %u times, changed in Outlook %u, cancelled %u: %lld invitations, %lld updates, %lld "
		    "cancellations",
		    a->id.s, a->asked, a->moved, a->cancels, (long long)invitations, (long long)updates,
		    (long long)cancellations);
}

static void
judge_event(struct world *w, const struct appointment *a, const json_t *now, const json_t *ever)
{
	struct event e = { .status = EVENT_PENDING };
	const json_t *item, *found = NULL;
	size_t i;

	json_array_foreach(jx_get_array(now, "events"), i, item) if (owner_of(item) == a) found = item;
	if (events_get(w->r->store, &life.erg, &a->id, &e) != ERR_OK)
		fail(w, "%s is lost", a->id.s);
	else if (a->present != (found != NULL))
		fail(w, "%s is %s the app and %s Outlook; its status is %s: %s", a->id.s, a->present ? "in" : "not in",
		    found != NULL ? "in" : "not in", event_status_names[e.status], e.detail);
	else if (e.status != (a->present ? EVENT_SCHEDULED : EVENT_CANCELLED))
		fail(w, "%s is %s: %s", a->id.s, event_status_names[e.status], e.detail);
	else if (e.write != EVENT_WRITE_NONE || e.unknown || e.callback_seq != 0)
		fail(w, "%s is not at rest", a->id.s);
	if (found != NULL && !w->failed)
		judge_meeting(w, a, found);
	judge_mails(w, a, ever);
}

static int64_t
all_mails(struct world *w)
{
	json_t *box = ask(w, "GET", "/_sim/mailbox?user=" USER, NULL);
	int64_t n = mails_of(box, "invitations") + mails_of(box, "updates") + mails_of(box, "cancellations");

	json_decref(box);
	return n;
}

static void
judge_end(struct world *w)
{
	json_t *now = calendar(w, false), *ever = calendar(w, true);
	struct store_stats s;

	for (unsigned i = 0; i < life.count && !w->failed; i++)
		judge_event(w, &life.events[i], now, ever);
	json_decref(now);
	json_decref(ever);
	store_stats(w->r->store, &s);
	if (s.damaged != 0 || s.rows[TABLE_OUTBOX] != 0)
		fail(w, "%" PRIu64 " records are damaged, %" PRIu64 " callbacks in the outbox", s.damaged, s.rows[TABLE_OUTBOX]);
	if (all_mails(w) != life.mails)
		fail(w, "%lld mails were sent when nothing happened", (long long)(all_mails(w) - life.mails));
}

/* ---------- a life ---------- */

static void
ignore_item(void *arg, const struct app_plan_item *item)
{
	(void)arg;
	(void)item;
}

/* What is held is approved. True when there was something. */
static bool
approve(struct world *w)
{
	struct app_plan plan = { 0 };
	struct problem p = { 0 };

	if (w->failed || backend_ops.plan_get(w->r, &life.erg, ignore_item, NULL, &plan, &p) != ERR_OK || !plan.held)
		return false;
	note(w, "the plan is approved: %s", plan.detail);
	if (backend_ops.plan_decide(w->r, &life.erg, true, plan.hash, &p) != ERR_OK)
		fail(w, "the plan can't be approved: %s", p.detail);
	store_commit(w->r->store);
	return true;
}

static void
link_up(struct world *w)
{
	char directory[GUID_SIZE], user[GUID_SIZE];
	struct app_erg_put erg_put = { .membership = MEMBERSHIP_OFF, .removal_limit = -1, .removal_percent = -1 };
	struct app_tenant_put tenant_put = { 0 };
	struct tenant_view tenant = { 0 };
	struct erg_view erg = { 0 };
	struct problem p = { 0 };
	bool created;

	tell(w, "/_sim/apps", "{\"client_id\":\"%s\",\"client_secret\":\"secret\"}", w->config.client_id);
	tell(w, "/_sim/tenants", "{\"id\":\"%s\",\"domain\":\"t0.example\"}", directory_id(0, directory));
	tell(w, "/_sim/users", "{\"tenant\":\"%s\",\"id\":\"%s\",\"upn\":\"" USER "\"}", directory, person_entra(0, 1, user));
	tell(w, "/_sim/teams", "{\"tenant\":\"%s\",\"id\":\"20000000-0000-4000-8000-000000000001\",\"name\":\"T\",\"members\":1}",
	    directory);
	reconciler_begin(w);
	snprintf(tenant_put.id.s, sizeof(tenant_put.id.s), "t0");
	guid_parse(directory, &tenant_put.directory_id);
	snprintf(tenant_put.organizer, sizeof(tenant_put.organizer), USER);
	if (w->failed || backend_ops.tenant_put(w->r, &tenant_put, &tenant, &created, &p) != ERR_OK)
		fail(w, "PUT tenant: %s", p.detail);
	snprintf(erg_put.id.s, sizeof(erg_put.id.s), "meet");
	life.erg = erg_put.id;
	erg_put.tenant = tenant_put.id;
	erg_put.meetings = life.policy = chance(w, 25) ? MEETINGS_APP : MEETINGS_TWO_WAY;
	guid_parse("20000000-0000-4000-8000-000000000001", &erg_put.team_id);
	snprintf(erg_put.name, sizeof(erg_put.name), "Meet");
	snprintf(erg_put.channel_url, sizeof(erg_put.channel_url),
	    "https://teams.microsoft.com/l/team/x/conversations?groupId=%s&tenantId=%s", erg_put.team_id.s, directory);
	if (w->failed || backend_ops.erg_put(w->r, &erg_put, &erg, &created, &p) != ERR_OK)
		fail(w, "PUT ERG: %s", p.detail);
	if (!w->failed)
		store_commit(w->r->store);
}

static void
settle(struct world *w)
{
	note(w, "from here on nothing goes wrong any more");
	no_faults(w);
	life.app_down = life.app_forgetful = false;
	pass(w, 2 * w->config.sweep_ms + DAY_MS + HOUR_MS);
	for (int i = 0; i < 6 && approve(w); i++)
		pass(w, 2 * w->config.sweep_ms + HOUR_MS);
}

/* Whatever was approved, nobody waits for more decisions than there were events. */
struct world *
meetings_live(uint64_t seed, bool verbose)
{
	struct world *w = world_bare(seed, verbose, false, on_callback);
	unsigned count = (unsigned)between(w, 5, STEPS_MAX);

	memset(&life, 0, sizeof(life));
	life.w = w;
	w->config.meeting_conflicts = chance(w, 50);
	w->config.mail_limit = chance(w, 20) ? FEW_MAILS : 1000000;
	/* Several calls of a mailbox are under way at once: one's Retry-After may come when another has left already. */
	w->ever_slow = true;
	intake_open(w);
	link_up(w);
	pass(w, MINUTE_MS);
	while (w->steps < count && !w->failed)
		live_on(w);
	if (!w->failed)
		settle(w);
	if (!w->failed)
		life.mails = all_mails(w);
	if (!w->failed)
		step_resync(w);
	pass(w, 2 * w->config.sweep_ms + HOUR_MS);
	if (!w->failed)
		judge_end(w);
	for (unsigned i = 0; i < life.count; i++)
		event_fields_free(life.events[i].fields);
	return w;
}
