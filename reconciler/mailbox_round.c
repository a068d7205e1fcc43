/* The window is frozen into the link: it moves on with each whole round. */
#include "reconciler/mailbox_job.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/encode.h"
#include "base/text.h"
#include "graph/events.h"
#include "reconciler/meeting_push.h"
#include "reconciler/meetings.h"
#include "reconciler/reconciler.h"
#include "reconciler/standing.h"
#include "state/events.h"

#define WINDOW_BACK_MS (24 * 3600 * 1000LL)

/* ---------- what a round shows ---------- */

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
			mailbox_job_fail(job, ERR_NOMEM, NULL, err_text(ERR_NOMEM));
			return;
		}
		job->seen = grown;
		job->seen_cap = cap;
	}
	job->seen[job->seen_count++] = hash_of(e);
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
	if (!mailbox_job_watches(job, &e))
		return;
	if (of_series) {
		/* A whole round shows each occurrence of each series: those of one that is read anyway. */
		if (!job->whole || item->type == GRAPH_EVENT_EXCEPTION)
			mailbox_job_add(job, &e, true);
		return;
	}
	note_seen(job, &e);
	if (item->removed || item->etag[0] == '\0' || strcmp(item->etag, e.etag_seen) != 0)
		mailbox_job_add(job, &e, e.series);
	else if (e.series && job->whole)
		mailbox_job_add(job, &e, true);
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

		if (events_get(job->r->store, &ref.erg, &ref.event, &e) != ERR_OK || !mailbox_job_watches(job, &e))
			continue;
		job->r->counters.meetings_compared++;
		hash = hash_of(&e);
		if (job->seen_count == 0 || bsearch(&hash, job->seen, job->seen_count, sizeof(hash), by_number) == NULL)
			mailbox_job_add(job, &e, e.series);
	}
	store_cursor_close(c);
}

/* ---------- the link ---------- */

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

void
mailbox_round_store(struct mailbox_job *job)
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
		cursor.updated_wall_ms = job->from_ms + WINDOW_BACK_MS; /* when it began */
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

int64_t
mailbox_round_whole_wall_ms(struct reconciler *r, const struct scope_id *scope)
{
	static struct cursor_record cursor; /* 8 KB; one thread */
	const struct mailbox_job job = { .r = r, .scope = *scope };

	return cursor_get(&job, &cursor) ? cursor.updated_wall_ms : 0;
}

/* ---------- the round ---------- */

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
		mailbox_job_fail(job, end->err, end->answer, end->detail);
		return;
	}
	job->listed = true;
	if (end->delta_link != NULL && (job->link = strdup(end->delta_link)) == NULL)
		mailbox_job_fail(job, ERR_NOMEM, NULL, err_text(ERR_NOMEM));
	if (job->whole && !job->dry && meeting_push_blocked(job->r, &job->mailbox))
		meetings_tenant_organizer(job->r, &job->tenant); /* it can be used again: what failed for it is tried */
	if (job->whole)
		add_missing(job);
}

void
mailbox_round_start(struct mailbox_job *job)
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
	mailbox_job_fail(job, ERR_NOMEM, NULL, err_text(ERR_NOMEM));
}
