/*
 * A job first finds out which events are to be read: from a delta round, or from the hints themselves. Then it reads them by id, a few at
 * a time, and takes each answer in at once - but for disappearances, which are taken in together at the end, when it is known how many
 * they are. The delta link is stored with the last of it: a job that ends early leaves the old one, and the next repeats the question.
 */
#include "reconciler/mailbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/text.h"
#include "graph/events.h"
#include "reconciler/dirty.h"
#include "reconciler/guard.h"
#include "reconciler/meeting.h"
#include "reconciler/meeting_due.h"
#include "reconciler/meeting_push.h"
#include "reconciler/reconciler.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"
#include "state/events.h"

#define READS_AT_ONCE    3 /* leaves room for a write: four at a time is Outlook's limit */
#define READS_MAX        200000
#define WINDOW_BACK_MS   (24 * 3600 * 1000LL)
#define CALL_DEADLINE_MS 180000
#define SWEEP_PART       8

enum read_step { READ_NOT, READ_GET, READ_FIND, READ_SINGLES };

/* One event that is to be read. */
struct read {
	struct event_ref ref;
	bool series; /* its occurrences, too */
	bool gone;   /* by both reads */
};

struct slot {
	struct mailbox_job *job;
	size_t at; /* in reads */
	enum read_step step;
	struct graph_call *call;
};

struct mailbox_job {
	struct mailbox_job *next;
	struct reconciler *r;
	compare_done done;
	void *arg;
	struct timer *timer; /* steps that must not run within their caller */
	struct tenant_id tenant;
	struct guid mailbox;
	struct scope_id scope;
	struct graph_where where;
	struct erg_id only; /* whose changes are counted; "": all */
	bool dry;
	bool whole, round, listing, listed; /* whole: a round that shows all there is */
	struct graph_event_walk *walk;
	int64_t from_ms, to_ms;
	char *link;
	uint64_t *seen; /* hashes of our events that a whole round has shown */
	size_t seen_count, seen_cap;
	struct read *reads;
	size_t read_count, read_cap, next_read;
	unsigned reading;
	struct slot slots[READS_AT_ONCE];
	struct compare_result result;
};

struct mailboxes {
	struct reconciler *r;
	struct timer *sweep;
	struct mailbox_job *jobs;
};

static void job_step(struct mailbox_job *job);

/* ---------- jobs ---------- */

static void
job_free(struct mailbox_job *job)
{
	struct mailbox_job **p = &job->r->mailboxes->jobs;

	while (*p != job)
		p = &(*p)->next;
	*p = job->next;
	graph_event_walk_cancel(job->walk);
	for (size_t i = 0; i < READS_AT_ONCE; i++)
		graph_cancel(job->r->graph, job->slots[i].call);
	timer_free(job->timer);
	free(job->link);
	free(job->seen);
	free(job->reads);
	free(job);
}

void
mailbox_cancel(struct mailbox_job *job)
{
	if (job != NULL)
		job_free(job);
}

static void
on_timer(void *arg)
{
	job_step(arg);
}

static struct mailbox_job *
job_new(struct reconciler *r, const struct subscription *scope, enum graph_priority priority, compare_done done, void *arg)
{
	struct mailbox_job *job = calloc(1, sizeof(*job));
	struct tenant tenant;

	if (job == NULL)
		return NULL;
	if ((job->timer = timer_new(r->clock, on_timer, job)) == NULL) {
		free(job);
		return NULL;
	}
	job->r = r;
	job->done = done;
	job->arg = arg;
	job->tenant = scope->tenant;
	job->mailbox = scope->object_id;
	job->scope = scope->scope;
	job->result.retry_after_ms = -1;
	job->next = r->mailboxes->jobs;
	r->mailboxes->jobs = job;
	for (size_t i = 0; i < READS_AT_ONCE; i++)
		job->slots[i].job = job;
	job->where = (struct graph_where){ .priority = priority, .deadline_ms = priority == GRAPH_SWEEP ? 0 : CALL_DEADLINE_MS };
	if (tenant_load(r, &scope->tenant, &tenant) == ERR_OK && tenant.state != TENANT_REMOVING)
		job->where.directory = tenant.directory_id;
	else
		job->result.err = ERR_NOTFOUND;
	timer_arm(job->timer, 0);
	return job;
}

static void
fail(struct mailbox_job *job, enum err e, const struct graph_answer *a, const char *detail)
{
	if (job->result.err != ERR_OK)
		return;
	job->result.err = e;
	graph_copy_cut(job->result.detail, sizeof(job->result.detail), detail);
	if (a != NULL)
		job->result.retry_after_ms = a->retry_after_ms;
	job->r->counters.reads_failed++;
}

/* ---------- which events ---------- */

static bool
same_ref(const struct event_ref *a, const struct event_ref *b)
{
	return strcmp(a->erg.s, b->erg.s) == 0 && strcmp(a->event.s, b->event.s) == 0;
}

static void
read_add(struct mailbox_job *job, const struct event *e, bool series)
{
	struct event_ref ref = { e->erg, e->id };
	struct read *grown;

	/* Newest first: what concerns one event comes close together. */
	for (size_t i = job->read_count, n = 0; i-- > 0 && n < 64; n++)
		if (same_ref(&job->reads[i].ref, &ref)) {
			job->reads[i].series |= series;
			return;
		}
	if (job->read_count == job->read_cap) {
		size_t cap = job->read_cap == 0 ? 16 : job->read_cap * 2;

		if (cap > READS_MAX || (grown = realloc(job->reads, cap * sizeof(*grown))) == NULL) {
			fail(job, ERR_NOMEM, NULL, err_text(ERR_NOMEM));
			return;
		}
		job->reads = grown;
		job->read_cap = cap;
	}
	job->reads[job->read_count++] = (struct read){ .ref = ref, .series = series };
}

/* 64 bits of FNV-1a; two events that share them would only have one disappearance noticed later. */
static uint64_t
hash_of(const struct event *e)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (const char *s = e->erg.s; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3u;
	h = (h ^ '/') * 0x100000001b3u;
	for (const char *s = e->id.s; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3u;
	return h;
}

static void
note_seen(struct mailbox_job *job, const struct event *e)
{
	uint64_t *grown;

	if (job->seen_count == job->seen_cap) {
		size_t cap = job->seen_cap == 0 ? 64 : job->seen_cap * 2;

		if ((grown = realloc(job->seen, cap * sizeof(*grown))) == NULL) {
			fail(job, ERR_NOMEM, NULL, err_text(ERR_NOMEM));
			return;
		}
		job->seen = grown;
		job->seen_cap = cap;
	}
	job->seen[job->seen_count++] = hash_of(e);
}

/* Nobody looks at what is cancelled for good, over, or of an ERG that has switched meetings off. */
static bool
is_watched(struct mailbox_job *job, const struct event *e)
{
	struct erg erg;

	return meeting_is_live(e) && e->end_wall_ms > clock_wall_ms(job->r->clock) && erg_load(job->r, &e->erg, &erg) == ERR_OK &&
	       erg.meetings != MEETINGS_OFF;
}

/* Told by a round. The struct is freed by the walk when this returns. */
static void
on_item(void *arg, struct graph_event *item)
{
	struct mailbox_job *job = arg;
	bool of_series = item->series_id[0] != '\0';
	struct event e;

	if (events_find(job->r->store, &job->mailbox, of_series ? item->series_id : item->id, &e) != ERR_OK) {
		job->r->counters.meetings_foreign++;
		return;
	}
	if (!is_watched(job, &e))
		return;
	if (of_series) {
		/* A whole round shows each occurrence of each series: those of one that is read anyway. */
		if (!job->whole || item->type == GRAPH_EVENT_EXCEPTION)
			read_add(job, &e, true);
		return;
	}
	note_seen(job, &e);
	if (item->removed || item->etag[0] == '\0' || strcmp(item->etag, e.etag_seen) != 0)
		read_add(job, &e, e.series);
	else if (e.series && job->whole)
		read_add(job, &e, true);
}

static int
by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Of a whole round: ours that should have been shown, and were not. */
static void
add_missing(struct mailbox_job *job)
{
	struct store_cursor *c = events_seek_mailbox(job->r->store, &job->mailbox);
	struct event_ref ref;
	struct event e;

	if (job->seen_count > 0)
		qsort(job->seen, job->seen_count, sizeof(*job->seen), by_number);
	while (store_next(c, NULL, &ref) == ERR_OK) {
		uint64_t hash;

		if (events_get(job->r->store, &ref.erg, &ref.event, &e) != ERR_OK || !is_watched(job, &e))
			continue;
		job->r->counters.meetings_compared++;
		hash = hash_of(&e);
		if (job->seen_count == 0 || bsearch(&hash, job->seen, job->seen_count, sizeof(hash), by_number) == NULL)
			read_add(job, &e, e.series);
	}
	store_cursor_close(c);
}

/* ---------- the round ---------- */

static void
cursor_key(const struct mailbox_job *job, struct store_key *ret)
{
	char name[8 + 2 * SCOPE_ID_LEN + 1] = "mailbox:";

	hex_encode(job->scope.b, sizeof(job->scope.b), name + 8);
	store_key_init(ret);
	store_key_id(job->r->store, ret, "cursor", name);
}

/* seq is when the window began, in milliseconds. */
static bool
cursor_get(const struct mailbox_job *job, struct cursor_record *ret)
{
	struct store_key key;

	cursor_key(job, &key);
	return store_get(job->r->store, TABLE_CURSORS, &key, ret) == ERR_OK && ret->text[0] != '\0';
}

static void
cursor_put(struct mailbox_job *job)
{
	static struct cursor_record cursor; /* 8 KB; one thread */
	struct store_key key;
	bool had = cursor_get(job, &cursor);

	cursor_key(job, &key);
	if (job->link == NULL || strlen(job->link) >= sizeof(cursor.text)) {
		store_del(job->r->store, TABLE_CURSORS, &key);
		return;
	}
	if (had && !job->whole && strcmp(cursor.text, job->link) == 0)
		return;
	if (!had || job->whole) {
		memset(&cursor, 0, sizeof(cursor));
		cursor.seq = (uint64_t)(job->from_ms > 0 ? job->from_ms : 0);
		cursor.updated_wall_ms = clock_wall_ms(job->r->clock);
	}
	str_copy(cursor.text, sizeof(cursor.text), job->link);
	store_put(job->r->store, TABLE_CURSORS, &key, &cursor);
}

static void
cursor_forget(struct mailbox_job *job)
{
	struct store_key key;

	cursor_key(job, &key);
	store_del(job->r->store, TABLE_CURSORS, &key);
}

static void
on_round_end(void *arg, const struct graph_page_end *end)
{
	struct mailbox_job *job = arg;

	job->walk = NULL;
	job->listing = false;
	if (end->answer != NULL)
		tenant_judge(job->r, &job->tenant, end->answer);
	timer_arm(job->timer, 0);
	if (end->err == ERR_GONE && !job->whole) { /* a dry run is a whole one */
		/* The link has been given up: all there is, from now. */
		cursor_forget(job);
		job->whole = true;
		job->read_count = job->seen_count = 0;
		return;
	}
	if (end->err != ERR_OK) {
		fail(job, end->err, end->answer, end->detail);
		return;
	}
	job->listed = true;
	if (end->delta_link != NULL && (job->link = strdup(end->delta_link)) == NULL)
		fail(job, ERR_NOMEM, NULL, err_text(ERR_NOMEM));
	if (job->whole)
		add_missing(job);
}

static void
round_start(struct mailbox_job *job)
{
	static struct cursor_record cursor; /* 8 KB; one thread */
	struct reconciler *r = job->r;
	int64_t now_ms = clock_wall_ms(r->clock);

	job->listing = job->round = true;
	if (!cursor_get(job, &cursor) || now_ms - cursor.updated_wall_ms >= r->config->sweep_ms ||
	    cursor.updated_wall_ms > now_ms)
		job->whole = true;
	r->counters.reads_whole++;
	if (job->whole) {
		job->from_ms = now_ms - WINDOW_BACK_MS;
		job->to_ms = now_ms + r->config->meeting_horizon_ms;
		job->walk = graph_calendar_start(
		    r->graph, &job->where, &job->mailbox, job->from_ms, job->to_ms, on_item, on_round_end, job);
	} else {
		job->walk = graph_calendar_next(r->graph, &job->where, &job->mailbox, cursor.text, on_item, on_round_end, job);
	}
	if (job->walk != NULL)
		return;
	job->listing = false;
	fail(job, ERR_NOMEM, NULL, err_text(ERR_NOMEM));
}

/* ---------- single reads ---------- */

static void on_get(void *arg, const struct graph_answer *a);
static void on_find(void *arg, const struct graph_answer *a);

static struct read *
read_of(const struct slot *s)
{
	return &s->job->reads[s->at];
}

static struct meeting *
slot_open(const struct slot *s)
{
	return meeting_open(s->job->r, &read_of(s)->ref.erg, &read_of(s)->ref.event);
}

static void
slot_end(struct slot *s)
{
	s->step = READ_NOT;
	s->job->reading--;
	timer_arm(s->job->timer, 0);
}

static void
slot_failed(struct slot *s, enum err e, const struct graph_answer *a)
{
	fail(s->job, e, a, a != NULL && a->detail[0] != '\0' ? a->detail : err_text(e));
	slot_end(s);
}

static void
get_start(struct slot *s)
{
	struct event e;

	if (events_get(s->job->r->store, &read_of(s)->ref.erg, &read_of(s)->ref.event, &e) != ERR_OK || !meeting_is_live(&e)) {
		slot_end(s);
		return;
	}
	s->step = READ_GET;
	s->job->r->counters.reads_item++;
	s->call = graph_event_get(s->job->r->graph, &s->job->where, &s->job->mailbox, e.graph_id, on_get, s);
	if (s->call == NULL)
		slot_failed(s, ERR_NOMEM, NULL);
}

static void
on_singles(void *arg, const struct graph_answer *a)
{
	struct slot *s = arg;
	const struct event_fields *outlook;
	struct event_fields *series = NULL;
	struct meeting *m = slot_open(s);
	enum err e = a->err;

	s->call = NULL;
	if (e == ERR_OK && m != NULL && (outlook = meeting_side(m, EVENT_SIDE_OUTLOOK)) != NULL) {
		e = (series = event_fields_copy(outlook)) != NULL ? graph_event_exceptions_read(a->json, series) : ERR_NOMEM;
		if (e == ERR_OK)
			meeting_occurrences(m, series);
	}
	event_fields_free(series);
	if (e == ERR_OK)
		meeting_close(m);
	else
		meeting_drop(m);
	if (e == ERR_OK || e == ERR_NOTFOUND)
		slot_end(s);
	else
		slot_failed(s, e, a);
}

static void
singles_start(struct slot *s, const char *series_id)
{
	struct mailbox_job *job = s->job;

	s->step = READ_SINGLES;
	s->call = graph_event_exceptions(job->r->graph, &job->where, &job->mailbox, series_id, on_singles, s);
	if (s->call == NULL)
		slot_failed(s, ERR_NOMEM, NULL);
}

static bool
counts(const struct mailbox_job *job, const struct erg_id *erg)
{
	return job->only.s[0] == '\0' || strcmp(job->only.s, erg->s) == 0;
}

static void
count_told(struct mailbox_job *job, struct meeting *m)
{
	int64_t mails;

	if (counts(job, &m->e.erg) && meeting_decide(m, &mails).tell != 0)
		job->result.changes.meetings_updated++;
}

static void
take(struct slot *s, struct graph_event *seen)
{
	struct meeting *m = slot_open(s);
	char id[GRAPH_EVENT_ID_SIZE];
	bool series;

	if (m == NULL) {
		graph_event_done(seen);
		slot_end(s);
		return;
	}
	memcpy(id, seen->id, sizeof(id));
	series = seen->type == GRAPH_EVENT_SERIES && read_of(s)->series && seen->fields != NULL && !seen->fields->cancelled;
	if (seen->fields != NULL && seen->fields->cancelled)
		read_of(s)->gone = true;
	else if (meeting_seen(m, seen))
		count_told(s->job, m);
	graph_event_done(seen);
	if (s->job->dry)
		meeting_drop(m);
	else
		meeting_close(m);
	if (series && !s->job->dry)
		singles_start(s, id);
	else
		slot_end(s);
}

static void
on_get(void *arg, const struct graph_answer *a)
{
	struct slot *s = arg;
	struct mailbox_job *job = s->job;
	struct event_tag tag = { .erg = read_of(s)->ref.erg, .event = read_of(s)->ref.event };
	struct graph_event seen;
	enum err e = graph_event_answer_read(a, &seen);

	s->call = NULL;
	tenant_judge(job->r, &job->tenant, a);
	if (e == ERR_OK) {
		take(s, &seen);
	} else if (a->err == ERR_NOTFOUND && graph_event_judge(a) == GRAPH_EVENT_GONE) {
		s->step = READ_FIND;
		s->call = graph_event_find(job->r->graph, &job->where, &job->mailbox, &tag, on_find, s);
		if (s->call == NULL)
			slot_failed(s, ERR_NOMEM, NULL);
	} else {
		slot_failed(s, e, a);
	}
}

static void
on_find(void *arg, const struct graph_answer *a)
{
	struct slot *s = arg;
	struct event_tag tag = { .erg = read_of(s)->ref.erg, .event = read_of(s)->ref.event };
	struct graph_event seen;
	struct event e;
	enum err err = graph_event_find_read(a, &tag, &seen);

	s->call = NULL;
	if (err == ERR_NOTFOUND && a->err == ERR_OK) {
		read_of(s)->gone = true;
		slot_end(s);
	} else if (err != ERR_OK) {
		slot_failed(s, err, a);
	} else if (events_get(s->job->r->store, &tag.erg, &tag.event, &e) == ERR_OK && seen.tag.generation < e.generation) {
		graph_event_done(&seen);
		read_of(s)->gone = true;
		slot_end(s);
	} else {
		take(s, &seen);
	}
}

/* ---------- what is gone ---------- */

static size_t
gone_of(const struct mailbox_job *job, const struct erg_id *erg)
{
	size_t n = 0;

	for (size_t i = 0; i < job->read_count; i++)
		n += job->reads[i].gone && strcmp(job->reads[i].ref.erg.s, erg->s) == 0;
	return n;
}

/* Everything of the ERG that was there, at once: an empty list is never believed. */
static bool
must_hold(struct mailbox_job *job, const struct erg *erg)
{
	size_t gone = gone_of(job, &erg->id);
	int64_t live = meeting_sum_get(job->r, MEETING_SUM_LIVE, erg->id.s);

	return guard_holds(job->r, erg, GUARD_MEETINGS, (int64_t)gone) || (gone > 1 && (int64_t)gone >= live);
}

static void
take_gone(struct mailbox_job *job)
{
	struct erg erg = { .id = { "" } };
	struct meeting *m;
	bool hold = false;

	for (size_t i = 0; i < job->read_count; i++) {
		const struct read *rd = &job->reads[i];

		if (!rd->gone || (m = meeting_open(job->r, &rd->ref.erg, &rd->ref.event)) == NULL)
			continue;
		job->result.changes.meetings_cancelled += counts(job, &rd->ref.erg) && !m->e.deleted_by_app;
		if (job->dry) {
			meeting_drop(m);
			continue;
		}
		if (strcmp(erg.id.s, m->erg.id.s) != 0) {
			erg = m->erg;
			hold = must_hold(job, &erg);
		}
		if (!m->e.deleted_by_app && hold)
			meeting_hold(m);
		meeting_gone(m);
		meeting_close(m);
	}
}

/* ---------- the way of a job ---------- */

static void
job_end(struct mailbox_job *job)
{
	struct compare_result result;
	compare_done done = job->done;
	void *arg = job->arg;

	if (job->result.err == ERR_OK) {
		take_gone(job);
		if (job->round && !job->dry)
			cursor_put(job);
	}
	result = job->result;
	job_free(job);
	done(arg, &result);
}

static void
start_reads(struct mailbox_job *job)
{
	for (size_t i = 0; i < READS_AT_ONCE && job->next_read < job->read_count; i++) {
		struct slot *s = &job->slots[i];

		if (s->step != READ_NOT)
			continue;
		s->at = job->next_read++;
		job->reading++;
		s->step = READ_GET;
		get_start(s);
	}
}

static void
job_step(struct mailbox_job *job)
{
	if (job->listing)
		return;
	if (job->result.err == ERR_OK && !job->listed) {
		round_start(job);
		if (job->listing)
			return;
	}
	if (job->result.err == ERR_OK && !job->result.whole_needed)
		start_reads(job);
	if (job->reading == 0 && (job->result.err != ERR_OK || job->next_read >= job->read_count || job->result.whole_needed))
		job_end(job);
}

/* ---------- what others ask for ---------- */

struct mailbox_job *
mailbox_read_items(struct reconciler *r, const struct subscription *scope, const struct mailbox_item *items, size_t count,
    compare_done done, void *arg)
{
	struct mailbox_job *job = job_new(r, scope, GRAPH_HINT, done, arg);
	bool unknown = false;
	struct event e;

	if (job == NULL)
		return NULL;
	job->listed = true;
	for (size_t i = 0; i < count; i++) {
		if (events_find(r->store, &job->mailbox, items[i].id, &e) != ERR_OK) {
			unknown = true;
			r->counters.meetings_foreign++;
		} else if (is_watched(job, &e)) {
			read_add(job, &e, e.series);
		}
	}
	/* An occurrence of a series of ours has an id of its own; and a meeting being made, one we have not been told yet. */
	if (unknown && meeting_sum_get(r, MEETING_SUM_SERIES, job->mailbox.s) > 0)
		job->result.whole_needed = true;
	else if (unknown && meeting_push_creating(r, &job->mailbox))
		job->result.again = true;
	return job;
}

struct mailbox_job *
mailbox_read(
    struct reconciler *r, const struct subscription *scope, const struct mailbox_options *options, compare_done done, void *arg)
{
	struct mailbox_job *job = job_new(r, scope, options->priority, done, arg);

	if (job == NULL)
		return NULL;
	job->whole = options->whole;
	job->dry = options->dry_run;
	if (options->erg != NULL)
		job->only = *options->erg;
	return job;
}

int64_t
mailbox_read_since(struct reconciler *r, const struct subscription *scope)
{
	static struct cursor_record cursor; /* 8 KB; one thread */
	const struct mailbox_job job = { .r = r, .scope = scope->scope };

	return cursor_get(&job, &cursor) ? cursor.updated_wall_ms : 0;
}

/* ---------- the sweep ---------- */

static int64_t
look_every_ms(const struct reconciler *r)
{
	int64_t part = r->config->sweep_ms / SWEEP_PART;

	return part > 250 ? part : 250;
}

/* A round that comes later than `sweep` after the last whole one is a whole one itself. */
static void
on_sweep(void *arg)
{
	struct mailboxes *ms = arg;
	struct store_cursor *c = store_seek(ms->r->store, TABLE_SUBSCRIPTIONS, NULL, NULL);
	struct subscription s;

	while (store_next(c, NULL, &s) == ERR_OK)
		if (s.kind == SUBSCRIPTION_MAILBOX_EVENTS && s.state != SUBSCRIPTION_LEAVING)
			dirty_mark(ms->r, &s.scope, 0);
	store_cursor_close(c);
	timer_arm(ms->sweep, look_every_ms(ms->r));
}

enum err
mailboxes_new(struct reconciler *r, struct mailboxes **ret)
{
	struct mailboxes *ms = calloc(1, sizeof(*ms));

	if (ms == NULL)
		return ERR_NOMEM;
	ms->r = r;
	if ((ms->sweep = timer_new(r->clock, on_sweep, ms)) == NULL) {
		free(ms);
		return ERR_NOMEM;
	}
	timer_arm(ms->sweep, look_every_ms(r));
	*ret = ms;
	return ERR_OK;
}

void
mailboxes_free(struct mailboxes *ms)
{
	if (ms == NULL)
		return;
	while (ms->jobs != NULL)
		job_free(ms->jobs); /* NOLINT(clang-analyzer-unix.Malloc): it takes itself out of the list */
	timer_free(ms->sweep);
	free(ms);
}
