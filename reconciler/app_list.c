#include "reconciler/app_list.h"

#include <stdlib.h>
#include <string.h>

#include "app/snapshot.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "reconciler/chores.h"
#include "reconciler/identity.h"
#include "reconciler/intents.h"
#include "reconciler/meetings.h"
#include "reconciler/reconciler.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"
#include "state/events.h"

enum err
app_list_one(const struct roster_view *v, const struct app_member_put *put, struct person *ret, char why[DETAIL_SIZE])
{
	struct roster_app says = { .present = true, .role = put->role, .private_ = put->private_ };
	struct member m;
	enum err e = identity_of(v->r, v->erg, put, ret, why);

	if (e != ERR_OK)
		return e;
	roster_app_says(v, ret, &says);
	/* Repeated by the app: tried again at once. */
	if (member_load(v->r, &v->erg->id, ret->id, &m) == ERR_OK && intent_wanted(&m))
		chore_add(v->r, CHORE_PUSH, v->erg->id.s, 0);
	return ERR_OK;
}

int
app_list_by_number(const void *a, const void *b)
{
	person_id x = *(const person_id *)a, y = *(const person_id *)b;

	return x < y ? -1 : x > y;
}

void
app_list_leave_others(
    const struct roster_view *v, const person_id *listed, size_t count, int64_t since_wall_ms, int64_t *ret_removed)
{
	struct store_key prefix;
	struct store_cursor *c;
	struct person person;
	struct member m;

	members_prefix(v->r, &v->erg->id, &prefix);
	c = store_seek(v->r->store, TABLE_MEMBERS, &prefix, NULL);
	while (store_next(c, NULL, &m) == ERR_OK) {
		/* A callback under way that adds somebody may not have been read when the list was made. */
		if (!m.app.present || m.app.since_wall_ms >= since_wall_ms ||
		    (count > 0 && bsearch(&m.person, listed, count, sizeof(*listed), app_list_by_number) != NULL) ||
		    person_load(v->r, m.person, &person) != ERR_OK)
			continue;
		*ret_removed += m.callback_seq == 0 || m.told.present;
		roster_app_says(v, &person, &(struct roster_app){ .present = false });
	}
	store_cursor_close(c);
}

/* ---------- a snapshot ---------- */

struct app_list_fetch {
	struct reconciler *r;
	struct snapshot *snapshot;
	struct erg_id erg;
	int64_t begun_wall_ms;
	void (*done)(void *arg, enum err e, const char *detail);
	void *arg;
};

/* The app has spoken of this person since the snapshot was asked for: that is the newer word. */
static bool
said_since(const struct roster_view *v, const struct person *person, int64_t since_wall_ms)
{
	struct member m;

	return member_load(v->r, &v->erg->id, person->id, &m) == ERR_OK && m.app.since_wall_ms >= since_wall_ms;
}

static enum err
take_members(const struct roster_view *v, const struct snapshot_reader *reader, int64_t since_wall_ms, person_id *listed,
    char why[DETAIL_SIZE])
{
	struct app_member_put put;
	struct person person;
	size_t at = 0, n = 0;
	enum err e;

	while (snapshot_reader_next(reader, &at, &put)) {
		if ((e = identity_of(v->r, v->erg, &put, &person, why)) != ERR_OK)
			return e;
		if (!said_since(v, &person, since_wall_ms) && (e = app_list_one(v, &put, &person, why)) != ERR_OK)
			return e;
		listed[n++] = person.id;
	}
	return n == (size_t)reader->members ? ERR_OK : ERR_MALFORMED;
}

/* A snapshot may add an event and change one, but not bring back what is cancelled or schedule what is over. */
static bool
event_counts(struct app_list_fetch *f, const struct event_id *id, const struct event_fields *fields)
{
	struct event e;

	if (events_get(f->r->store, &f->erg, id, &e) != ERR_OK)
		return event_last_end_ms(fields) > clock_wall_ms(f->r->clock);
	return e.status != EVENT_CANCELLED && !e.deleted_by_app && e.changed_wall_ms < f->begun_wall_ms;
}

static void
take_events(struct app_list_fetch *f, const struct erg *erg, const struct snapshot_reader *reader)
{
	struct event_fields *fields;
	struct event_id id;
	struct event e;
	int64_t put = 0, refused = 0;
	size_t at = 0;
	bool created;

	while (snapshot_reader_next_event(reader, &at, &id, &fields)) {
		refused += fields == NULL;
		if (fields != NULL && event_counts(f, &id, fields))
			put += meeting_put(f->r, erg, &id, fields, &e, &created) == ERR_OK;
		event_fields_free(fields);
	}
	log_put(LOG_INFO, "snapshot_events_taken", LS("erg", f->erg.s), LI("events", reader->events), LI("taken", put),
	    LI("refused", refused));
}

/* Before the first read of Teams a list would not be compared but believed. */
static bool
members_wanted(const struct erg *erg)
{
	return erg->membership != MEMBERSHIP_OFF && erg->first_read_done;
}

bool
app_list_wanted(const struct erg *erg)
{
	return members_wanted(erg) || erg->meetings != MEETINGS_OFF;
}

static enum err
take_all_members(const struct roster_view *v, const struct snapshot_reader *reader, int64_t since_wall_ms, char why[DETAIL_SIZE])
{
	person_id *listed = calloc((size_t)reader->members + 1, sizeof(*listed));
	int64_t removed = 0;
	enum err e;

	if (listed == NULL)
		return ERR_NOMEM;
	if ((e = take_members(v, reader, since_wall_ms, listed, why)) == ERR_OK) {
		qsort(listed, (size_t)reader->members, sizeof(*listed), app_list_by_number);
		app_list_leave_others(v, listed, (size_t)reader->members, since_wall_ms, &removed);
		log_put(LOG_INFO, "snapshot_taken", LS("erg", v->erg->id.s), LI("members", reader->members), LI("left", removed));
	}
	free(listed);
	return e;
}

static enum err
take(struct app_list_fetch *f, const struct snapshot_reader *reader, char why[DETAIL_SIZE])
{
	struct tenant tenant;
	struct erg erg;
	struct roster_view v = { .r = f->r, .erg = &erg };
	enum err e = ERR_OK;

	if (erg_load(f->r, &f->erg, &erg) != ERR_OK || tenant_load(f->r, &erg.tenant, &tenant) != ERR_OK)
		return ERR_NOTFOUND;
	v.directory = tenant.directory_id;
	if (members_wanted(&erg))
		e = take_all_members(&v, reader, f->begun_wall_ms, why);
	if (e == ERR_OK && erg.meetings != MEETINGS_OFF)
		take_events(f, &erg, reader);
	erg_settle(f->r, &erg);
	erg_store(f->r, &erg);
	return e;
}

static void
on_snapshot(void *arg, const struct snapshot_end *end)
{
	struct app_list_fetch *f = arg;
	void (*done)(void *arg, enum err e, const char *detail) = f->done;
	void *done_arg = f->arg;
	char why[DETAIL_SIZE] = "";
	const char *detail = end->detail;
	enum err e = end->err;

	f->snapshot = NULL;
	if (e == ERR_OK && (e = take(f, end->reader, why)) != ERR_OK)
		detail = why[0] != '\0' ? why : err_text(e);
	free(f);
	done(done_arg, e, detail);
}

struct app_list_fetch *
app_list_fetch(struct reconciler *r, const struct erg_id *erg, void (*done)(void *arg, enum err e, const char *detail), void *arg)
{
	struct app_list_fetch *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	*f = (struct app_list_fetch){ .r = r, .erg = *erg, .begun_wall_ms = clock_wall_ms(r->clock), .done = done, .arg = arg };
	f->snapshot = snapshot_start(r->app_http, r->config->snapshot_url, erg, on_snapshot, f);
	if (f->snapshot != NULL)
		return f;
	free(f);
	return NULL;
}

void
app_list_cancel(struct app_list_fetch *f)
{
	if (f == NULL)
		return;
	snapshot_cancel(f->snapshot);
	free(f);
}
