/*
 * meeting_side.h - for tests of meetings: what the app asks for, what people do in Outlook, and the truth of both, on top of rig.h.
 */
#ifndef TESTS_UNIT_RECONCILER_MEETING_SIDE_H
#define TESTS_UNIT_RECONCILER_MEETING_SIDE_H

#include "unit/reconciler/rig.h"

#include "base/timestamp.h"
#include "model/event.h"
#include "model/event_fields.h"
#include "reconciler/meetings.h"
#include "state/events.h"

#define HOUR_MS (3600 * 1000LL)
#define DAY_MS  (24 * HOUR_MS)

#define ORGANIZER "u1@acme.example"

#define CREATES "POST /users/{user}/events"
#define PATCHES "PATCH /users/{user}/events/{event}"
#define CANCELS "POST /users/{user}/events/{event}/cancel"
#define GETS    "GET /users/{user}/events/{event}"
#define FINDS   "GET /users/{user}/events"
#define DELTAS  "GET /users/{user}/calendarView/delta"

/* The ERG "pride" with meetings and nothing else. */
UNUSED_OK static inline void
meet_policy(struct rig *rig, enum meetings_policy policy, const char *organizer)
{
	struct app_erg_put put = { .membership = MEMBERSHIP_OFF, .meetings = policy, .removal_limit = -1, .removal_percent = -1 };
	struct erg_view view = { 0 };
	struct problem p = { 0 };
	bool created;

	assert_true(erg_id_parse("pride", &put.id));
	assert_true(tenant_id_parse("acme", &put.tenant));
	assert_true(guid_parse(RIG_DIRECTORY, &put.link_directory_id));
	assert_true(guid_parse(RIG_TEAM, &put.team_id));
	snprintf(put.name, sizeof(put.name), "Pride");
	snprintf(put.organizer, sizeof(put.organizer), "%s", organizer);
	snprintf(put.channel_url, sizeof(put.channel_url),
	    "https://teams.microsoft.com/l/team/x/conversations?groupId=%s&tenantId=%s", RIG_TEAM, RIG_DIRECTORY);
	assert_int_equal(backend_ops.erg_put(rig->r, &put, &view, &created, &p), ERR_OK);
}

UNUSED_OK static inline void
meet_make(struct rig *rig, uint64_t seed)
{
	rig_make(rig, seed, 30, 5);
	rig->config.meeting_horizon_ms = 400 * DAY_MS;
	rig_put_tenant(rig);
	meet_policy(rig, MEETINGS_TWO_WAY, "");
	rig_run(rig, 60000);
}

/* "2026-12-01T17:00:00" of an instant, in UTC. */
static inline void
meet_time(int64_t at_ms, char ret[TIMESTAMP_SIZE])
{
	timestamp_format(at_ms / 1000 * 1000, ret);
	ret[19] = '\0';
}

/* An hour of it, so long from the rig's start; so many are invited: p1@guests.example ... */
UNUSED_OK static inline struct event_fields *
meet_fields(const char *subject, int64_t in_ms, unsigned attendees)
{
	char start[TIMESTAMP_SIZE], end[TIMESTAMP_SIZE], address[64];
	struct event_fields *f = event_fields_new();

	assert_non_null(f);
	assert_true(event_text_set(&f->subject, subject));
	assert_true(event_text_set(&f->body_html, "<p>Come as you are.</p>"));
	assert_true(event_text_set(&f->location, "Room 1"));
	meet_time(RIG_START_MS + in_ms, start);
	meet_time(RIG_START_MS + in_ms + HOUR_MS, end);
	assert_int_equal(local_time_parse(start, &f->start), ERR_OK);
	assert_int_equal(local_time_parse(end, &f->end), ERR_OK);
	snprintf(f->time_zone, sizeof(f->time_zone), "UTC");
	for (unsigned i = 1; i <= attendees; i++) {
		snprintf(address, sizeof(address), "p%u@guests.example", i);
		assert_true(event_attendee_add(f, address, "", ATTENDEE_REQUIRED));
	}
	return f;
}

UNUSED_OK static inline struct event_id
meet_id(const char *name)
{
	struct event_id id;

	assert_true(event_id_parse(name, &id));
	return id;
}

/* The app puts it, and has the answer; takes f. */
UNUSED_OK static inline struct event
meet_put(struct rig *rig, const char *name, struct event_fields *f)
{
	struct event_id id = meet_id(name);
	struct erg erg = rig_erg(rig);
	struct event e;
	bool created;

	assert_int_equal(meetings_put(rig->r, &erg, &id, f, &e, &created), ERR_OK);
	store_commit(rig->r->store);
	event_fields_free(f);
	return e;
}

UNUSED_OK static inline void
meet_remove(struct rig *rig, const char *name, const char *comment)
{
	struct event_id id = meet_id(name);
	struct erg erg = rig_erg(rig);
	struct event e;

	assert_int_equal(meetings_remove(rig->r, &erg, &id, comment, &e), ERR_OK);
	store_commit(rig->r->store);
}

UNUSED_OK static inline struct event
meet_event(struct rig *rig, const char *name)
{
	struct event_id id = meet_id(name);
	struct erg_id erg;
	struct event e;

	assert_true(erg_id_parse("pride", &erg));
	assert_int_equal(events_get(rig->r->store, &erg, &id, &e), ERR_OK);
	return e;
}

/* Caller frees. */
UNUSED_OK static inline struct event_fields *
meet_side(struct rig *rig, const char *name, enum event_side side)
{
	struct event_id id = meet_id(name);
	struct event_fields *f = NULL;
	struct erg_id erg;

	assert_true(erg_id_parse("pride", &erg));
	assert_int_equal(event_side_get(rig->r->store, &erg, &id, side, &f), ERR_OK);
	return f;
}

/* ---------- Outlook ---------- */

/* What there is in the mailbox, in truth; the caller frees. */
UNUSED_OK static inline json_t *
meet_calendar(struct rig *rig)
{
	return rig_ask(rig, "GET", "/_sim/events?user=" ORGANIZER, NULL);
}

UNUSED_OK static inline size_t
meet_count(struct rig *rig)
{
	json_t *all = meet_calendar(rig);
	size_t n = json_array_size(jx_get_array(all, "events"));

	json_decref(all);
	return n;
}

/* The truth of one of ours; NULL when it is not there. The caller frees *ret_all. */
UNUSED_OK static inline const json_t *
meet_truth(struct rig *rig, const char *name, json_t **ret_all)
{
	struct event e = meet_event(rig, name);
	const json_t *item;
	size_t i;

	*ret_all = meet_calendar(rig);
	json_array_foreach(
	    jx_get_array(*ret_all, "events"), i, item) if (strcmp(jx_get_str(item, "id"), e.graph_id) == 0) return item;
	return NULL;
}

UNUSED_OK static inline void
meet_subject_is(struct rig *rig, const char *name, const char *subject)
{
	json_t *all;
	const json_t *item = meet_truth(rig, name, &all);

	assert_non_null(item);
	assert_string_equal(jx_get_str(item, "subject"), subject);
	json_decref(all);
}

/* All mails of the mailbox, of a kind: "invitations", "updates", "cancellations". */
UNUSED_OK static inline int64_t
meet_mails(struct rig *rig, const char *kind)
{
	json_t *box = rig_ask(rig, "GET", "/_sim/mailbox?user=" ORGANIZER, NULL);
	int64_t n = jx_get_int(jx_get_object(box, "mails"), kind, -1);

	json_decref(box);
	return n;
}

#define meet_mailed(rig, invited, updated, cancelled)                                                                            \
	do {                                                                                                                     \
		assert_int_equal(meet_mails((rig), "invitations"), (invited));                                                   \
		assert_int_equal(meet_mails((rig), "updates"), (updated));                                                       \
		assert_int_equal(meet_mails((rig), "cancellations"), (cancelled));                                               \
	} while (0)

#define meet_outlook(rig, name, op, rest)                                                                                        \
	do {                                                                                                                     \
		struct event meet_e = meet_event((rig), (name));                                                                 \
                                                                                                                                 \
		rig_do((rig), "/_sim/events", "{\"op\":\"%s\",\"user\":\"%s\",\"id\":\"%s\"%s}", (op), ORGANIZER,                \
		    meet_e.graph_id, (rest));                                                                                    \
	} while (0)

struct meet_plan_sum {
	size_t meetings;
	int64_t mails;
};

UNUSED_OK static void
meet_plan_item(void *arg, const struct app_plan_item *item)
{
	struct meet_plan_sum *sum = arg;

	sum->meetings += item->action >= PLAN_CREATE_MEETING;
	sum->mails += item->mails;
}

/* Decides on the held plan. Gives how many meetings it speaks of, and of how many mails when asked. */
UNUSED_OK static inline size_t
meet_plan(struct rig *rig, bool approve, int64_t *ret_mails)
{
	struct meet_plan_sum sum = { 0 };
	struct app_plan plan = { 0 };
	struct erg erg = rig_erg(rig);
	struct problem p = { 0 };

	assert_int_equal(backend_ops.plan_get(rig->r, &erg.id, meet_plan_item, &sum, &plan, &p), ERR_OK);
	assert_true(plan.held);
	assert_int_equal(backend_ops.plan_decide(rig->r, &erg.id, approve, plan.hash, &p), ERR_OK);
	store_commit(rig->r->store);
	if (ret_mails != NULL)
		*ret_mails = sum.mails;
	return sum.meetings;
}

/* The last callback of a type that the app took; NULL: none. */
UNUSED_OK static inline const char *
meet_told(const struct rig *rig, const char *type)
{
	for (size_t i = rig->event_count; i-- > 0;)
		if (strcmp(rig->events[i].type, type) == 0)
			return rig->events[i].data;
	return NULL;
}

#define meet_told_has(rig, type, text)                                                                                           \
	do {                                                                                                                     \
		const char *meet_data = meet_told((rig), (type));                                                                \
                                                                                                                                 \
		assert_non_null(meet_data);                                                                                      \
		if (strstr(meet_data, (text)) == NULL)                                                                           \
			fail_msg("%s is not in %s", (text), meet_data);                                                          \
	} while (0)

/* What Graph would have thrown at us. */
UNUSED_OK static inline int64_t
meet_violations(struct rig *rig)
{
	json_t *journal = rig_ask(rig, "GET", "/_sim/journal", NULL);
	int64_t n = jx_get_int(journal, "violations", -1);

	json_decref(journal);
	return n;
}

#endif
