#include "reconciler/app_snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "app/snapshot.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "reconciler/app_list.h"
#include "reconciler/identity.h"
#include "reconciler/meetings.h"
#include "reconciler/reconciler.h"
#include "reconciler/staging.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"
#include "state/events.h"

#define LOOKS_PER_TURN 256
#define SLICE_EVERY_MS 1 /* others have their turn in between */

/* FETCH: it comes; ENTRIES: what it lists; MISSING: who is not in it; LEAVING: the last turn. */
enum phase { PHASE_FETCH, PHASE_ENTRIES, PHASE_MISSING, PHASE_LEAVING };

struct app_snapshot {
	struct reconciler *r;
	struct erg_id erg_id;
	int64_t begun_wall_ms;
	struct snapshot *snapshot; /* while it comes */
	struct staging *staging;
	struct timer *timer; /* the next slice */
	enum phase phase;
	struct snapshot_reader reader; /* of what was laid aside */
	struct snapshot_sink sink;
	struct store_key place; /* of the members, in MISSING */
	/* Of the slice. */
	struct erg erg;
	struct roster_view view;

	int64_t left, events_put, events_refused;
	char why[DETAIL_SIZE];
	void (*done)(void *arg, enum err e, const char *detail);
	void *arg;
};

/* Before the first read of Teams a list would not be compared but believed. */
static bool
members_wanted(const struct erg *erg)
{
	return erg->membership != MEMBERSHIP_OFF && erg->first_read_done;
}

bool
app_snapshot_wanted(const struct erg *erg)
{
	return members_wanted(erg) || erg->meetings != MEETINGS_OFF;
}

/* ---------- what it lists ---------- */

/* The app has spoken of this person since the snapshot was asked for: that is the newer word. */
static bool
said_since(const struct app_snapshot *f, person_id person)
{
	struct member m;

	return member_load(f->r, &f->erg_id, person, &m) == ERR_OK && m.app.since_wall_ms >= f->begun_wall_ms;
}

static bool
on_member(void *arg, const struct app_member_put *put)
{
	struct app_snapshot *f = arg;
	struct person person;

	/* Named twice, or spoken of by itself since: the first word counts. */
	if (!members_wanted(&f->erg) || staging_listed(f->staging, &put->who))
		return true;
	if (identity_of(f->r, &f->erg, put, &person, f->why) != ERR_OK)
		return false;
	staging_list(f->staging, &put->who);
	return said_since(f, person.id) || app_list_one(&f->view, put, &person, f->why) == ERR_OK;
}

/* A snapshot may add an event and change one, but not bring back what is cancelled or schedule what is over. */
static bool
event_counts(struct app_snapshot *f, const struct event_id *id, const struct event_fields *fields)
{
	struct event e;

	if (events_get(f->r->store, &f->erg_id, id, &e) != ERR_OK)
		return event_last_end_ms(fields) > clock_wall_ms(f->r->clock);
	return e.status != EVENT_CANCELLED && !e.deleted_by_app && e.changed_wall_ms < f->begun_wall_ms;
}

static bool
on_event(void *arg, const struct event_id *id, const struct event_fields *fields)
{
	struct app_snapshot *f = arg;
	struct event e;
	bool created;

	if (f->erg.meetings == MEETINGS_OFF)
		return true;
	f->events_refused += fields == NULL;
	if (fields != NULL && event_counts(f, id, fields))
		f->events_put += meetings_put(f->r, &f->erg, id, fields, &e, &created) == ERR_OK;
	return true;
}

/* What is wrong with what was laid aside; there it was right when it came. */
static enum err
spoilt(struct app_snapshot *f, enum err e)
{
	if (f->why[0] == '\0')
		str_copy(f->why, sizeof(f->why),
		    f->reader.detail[0] != '\0' ? f->reader.detail : "The snapshot was damaged while it lay on disk.");
	return e;
}

static enum err
take_entries(struct app_snapshot *f)
{
	const char *data;
	size_t len;
	enum err e = staging_next(f->staging, &data, &len);

	if (e == ERR_OK)
		return snapshot_reader_feed(&f->reader, data, len) ? ERR_OK : spoilt(f, f->reader.err);
	if (e == ERR_NOTFOUND)
		e = snapshot_reader_finish(&f->reader);
	if (e != ERR_OK)
		return spoilt(f, e);
	f->phase = PHASE_MISSING;
	return ERR_OK;
}

/* ---------- who leaves ---------- */

static bool
is_listed(struct app_snapshot *f, const struct person *p)
{
	const struct app_person_ref user = { .user = p->user }, entra = { .entra_id = p->entra_id };

	return (p->user.s[0] != '\0' && staging_listed(f->staging, &user)) ||
	       (p->entra_id.s[0] != '\0' && staging_listed(f->staging, &entra));
}

/* A callback under way that adds somebody may not have been read when the list was made. */
static bool
is_missing(struct app_snapshot *f, const struct member *m, struct person *ret)
{
	return m->app.present && m->app.since_wall_ms < f->begun_wall_ms && person_load(f->r, m->person, ret) == ERR_OK &&
	       !is_listed(f, ret);
}

static enum err
look_for_missing(struct app_snapshot *f)
{
	struct store_key prefix;
	struct store_cursor *c;
	struct person person;
	struct member m;
	unsigned n = 0;

	if (members_wanted(&f->erg)) {
		members_prefix(f->r, &f->erg_id, &prefix);
		c = store_seek(f->r->store, TABLE_MEMBERS, &prefix, f->place.len > 0 ? &f->place : NULL);
		for (; n < LOOKS_PER_TURN && store_next(c, &f->place, &m) == ERR_OK; n++)
			if (is_missing(f, &m, &person))
				staging_mark(f->staging, m.person);
		store_cursor_close(c);
	}
	if (n < LOOKS_PER_TURN)
		f->phase = PHASE_LEAVING;
	return ERR_OK;
}

static void
take_marked(struct app_snapshot *f, person_id id)
{
	struct person person;
	struct member m;

	/* Much may have happened since the look. */
	if (member_load(f->r, &f->erg_id, id, &m) != ERR_OK || !is_missing(f, &m, &person))
		return;
	f->left += m.callback_seq == 0 || m.told.present;
	roster_app_says(&f->view, &person, &(struct roster_app){ .present = false });
}

static enum err
take_leaving(struct app_snapshot *f)
{
	struct store_cursor *c = staging_marked(f->staging);
	struct person_ref marked;

	while (members_wanted(&f->erg) && store_next(c, NULL, &marked) == ERR_OK)
		take_marked(f, marked.person);
	store_cursor_close(c);
	log_put(LOG_INFO, "snapshot_taken", LS("erg", f->erg_id.s), LI("members", f->reader.members), LI("left", f->left),
	    LI("events", f->reader.events), LI("events_taken", f->events_put), LI("events_refused", f->events_refused));
	return ERR_OK;
}

/* ---------- life ---------- */

static void
end(struct app_snapshot *f, enum err e, const char *detail)
{
	char why[DETAIL_SIZE];
	void (*done)(void *arg, enum err e, const char *detail) = f->done;
	void *arg = f->arg;

	str_copy(why, sizeof(why), detail[0] != '\0' ? detail : err_text(e));
	app_snapshot_cancel(f);
	done(arg, e, why);
}

static enum err
load(struct app_snapshot *f)
{
	struct tenant tenant;

	if (erg_load(f->r, &f->erg_id, &f->erg) != ERR_OK || tenant_load(f->r, &f->erg.tenant, &tenant) != ERR_OK)
		return ERR_NOTFOUND;
	f->view = (struct roster_view){ .r = f->r, .erg = &f->erg, .directory = tenant.directory_id };
	return ERR_OK;
}

static void
on_slice(void *arg)
{
	static enum err (*const slices[])(struct app_snapshot * f) = {
		[PHASE_ENTRIES] = take_entries, [PHASE_MISSING] = look_for_missing, [PHASE_LEAVING] = take_leaving
	};
	struct app_snapshot *f = arg;
	bool last = f->phase == PHASE_LEAVING;
	enum err e = load(f);

	if (e == ERR_OK) {
		e = slices[f->phase](f);
		erg_settle(f->r, &f->erg);
		erg_store(f->r, &f->erg);
	}
	if (e != ERR_OK || last)
		end(f, e, f->why);
	else
		timer_arm(f->timer, SLICE_EVERY_MS);
}

static bool
on_piece(void *arg, const char *data, size_t len)
{
	struct app_snapshot *f = arg;

	return staging_add(f->staging, data, len);
}

static void
on_snapshot(void *arg, const struct snapshot_end *e)
{
	struct app_snapshot *f = arg;

	f->snapshot = NULL;
	if (e->err != ERR_OK) {
		end(f, e->err, e->detail);
		return;
	}
	staging_complete(f->staging);
	f->phase = PHASE_ENTRIES;
	timer_arm(f->timer, SLICE_EVERY_MS);
}

struct app_snapshot *
app_snapshot_fetch(
    struct reconciler *r, const struct erg_id *erg, void (*done)(void *arg, enum err e, const char *detail), void *arg)
{
	struct app_snapshot *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	*f = (struct app_snapshot){ .r = r, .erg_id = *erg, .begun_wall_ms = clock_wall_ms(r->clock), .done = done, .arg = arg };
	f->sink = (struct snapshot_sink){ .member = on_member, .event = on_event, .arg = f };
	snapshot_reader_init(&f->reader, &f->sink);
	f->timer = timer_new(r->clock, on_slice, f);
	f->staging = staging_new(r->stagings, erg);
	if (f->timer != NULL && f->staging != NULL)
		f->snapshot = snapshot_start(r->app_http, r->config->snapshot_url, erg, on_piece, on_snapshot, f);
	if (f->snapshot != NULL)
		return f;
	app_snapshot_cancel(f);
	return NULL;
}

void
app_snapshot_cancel(struct app_snapshot *f)
{
	if (f == NULL)
		return;
	snapshot_cancel(f->snapshot);
	timer_free(f->timer);
	staging_free(f->staging);
	snapshot_reader_done(&f->reader);
	free(f);
}
