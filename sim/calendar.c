/* Mailboxes as data: ids, indices, the list in order of change that deltas walk. */
#include "sim/calendar.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/text.h"
#include "sim/memory.h"

#define ADDRESS_SIZE 512

struct mailbox *
sim_mailbox(struct mailboxes *m, struct user *user, struct rng *rng)
{
	struct mailbox *box = sim_map_get(&m->by_user, user->id);

	if (box != NULL)
		return box;
	box = must_alloc(sizeof(*box));
	box->user = user;
	box->rng = rng;
	sim_map_put(&m->by_user, user->id, box);
	return box;
}

static void
event_free(struct event *e)
{
	struct addressee *a;
	size_t at = 0;

	while ((a = sim_map_next(&e->mailed, &at)) != NULL) {
		free(a->address);
		free(a);
	}
	sim_map_done(&e->mailed);
	timer_free(e->join);
	free(e->join_arg);
	json_decref(e->state);
	json_decref(e->stale);
	free(e->transaction);
	free(e->comment);
	free(e->exceptions);
	free(e->cancelled);
	free(e);
}

static void
mailbox_free(struct mailbox *box)
{
	tags_done(&box->tags);
	sim_map_done(&box->by_transaction);
	sim_map_done(&box->by_id);
	for (size_t i = 0; i < box->count; i++)
		event_free(box->events[i]);
	free(box->events);
	free(box);
}

void
mailboxes_done(struct mailboxes *m)
{
	struct mailbox *box;
	size_t at = 0;

	while ((box = sim_map_next(&m->by_user, &at)) != NULL)
		mailbox_free(box);
	sim_map_done(&m->by_user);
}

static void
random_part(struct rng *rng, size_t bytes, char *ret)
{
	uint8_t raw[60];

	rng_bytes(rng, raw, bytes);
	base64url_encode(raw, bytes, ret);
}

/*
 * Two events after another have immutable ids that differ in the case of one letter only: whoever folds case mixes them up. Facts 9.5.
 * Ordinary ids begin like those that are seen.
 */
static void
make_ids(struct event *e)
{
	const struct event *before = e->number % 2 == 0 ? e->box->events[e->number - 2] : NULL;
	char part[96];

	if (before != NULL) {
		memcpy(e->id, before->id, sizeof(e->id));
		e->id[strlen(e->id) - 4] = 'q';
	} else {
		random_part(e->box->rng, 45, part);
		snprintf(e->id, sizeof(e->id), "AAkALgAAAAAAHYQD%sQAA=", part);
	}
	random_part(e->box->rng, 57, part);
	snprintf(e->rest_id, sizeof(e->rest_id), "AAMkADY%sAAA=", part);
	random_part(e->box->rng, 24, part);
	snprintf(e->uid, sizeof(e->uid), "040000008200E00074C5B7101A82E008%s", part);
}

static void
index_properties(struct event *e, const json_t *state, bool in)
{
	const json_t *list = jx_get_array(state, "singleValueExtendedProperties");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *id = jx_get_str(json_array_get(list, i), "id"), *value = jx_get_str(json_array_get(list, i), "value");

		if (in)
			tags_add(&e->box->tags, id, value, e);
		else
			tags_remove(&e->box->tags, id, value, e);
	}
}

static void
unlink_event(struct event *e)
{
	struct mailbox *box = e->box;

	if (e->older != NULL)
		e->older->newer = e->newer;
	else if (box->oldest == e)
		box->oldest = e->newer;
	if (e->newer != NULL)
		e->newer->older = e->older;
	else if (box->newest == e)
		box->newest = e->older;
	e->older = e->newer = NULL;
}

static void
make_newest(struct event *e, uint64_t seq)
{
	struct mailbox *box = e->box;

	unlink_event(e);
	e->seq = seq;
	e->older = box->newest;
	if (box->newest != NULL)
		box->newest->newer = e;
	else
		box->oldest = e;
	box->newest = e;
}

static void
set_state(struct event *e, json_t *state)
{
	if (e->state != NULL)
		index_properties(e, e->state, false);
	json_decref(e->state);
	e->state = state;
	e->start_ms = jx_get_int(state, "startMs", 0);
	e->end_ms = jx_get_int(state, "endMs", 0);
	/* An exception carries its master's properties but is not found by them: facts 9.4. */
	if (e->master == NULL)
		index_properties(e, state, true);
}

struct event *
calendar_add(struct mailbox *box, uint64_t seq, json_t *state, int64_t shown_ms, struct event *master, const char *date)
{
	struct event *e = must_alloc(sizeof(*e));

	e->box = box;
	e->master = master;
	box->events = must_grow(box->events, box->count, &box->cap, sizeof(struct event *));
	box->events[box->count++] = e;
	box->live++;
	e->number = box->count;
	make_ids(e);
	if (master != NULL) {
		str_copy(e->date, sizeof(e->date), date);
		calendar_occurrence_id(master->id, date, e->id);
		calendar_occurrence_id(master->rest_id, date, e->rest_id);
		master->exceptions =
		    must_grow(master->exceptions, master->exception_count, &master->exception_cap, sizeof(struct event *));
		master->exceptions[master->exception_count++] = e;
	}
	e->version = e->stale_version = 1;
	e->shown_ms = shown_ms;
	set_state(e, state);
	e->transaction = must_copy(jx_get_str(state, "transactionId"));
	if (e->transaction != NULL && master == NULL)
		sim_map_put(&box->by_transaction, e->transaction, e);
	sim_map_put(&box->by_id, e->id, e);
	sim_map_put(&box->by_id, e->rest_id, e);
	make_newest(e, seq);
	return e;
}

void
calendar_change(struct event *e, uint64_t seq, json_t *state, int64_t now_ms, int64_t shown_ms)
{
	/* While a change is not shown yet, reads go on seeing what was before it. */
	if (now_ms >= e->shown_ms) {
		json_decref(e->stale);
		e->stale = json_incref(e->state);
		e->stale_version = e->version;
	}
	e->shown_ms = shown_ms;
	e->version++;
	set_state(e, state);
	make_newest(e, seq);
}

void
calendar_touch(struct event *e, uint64_t seq)
{
	e->version++;
	make_newest(e, seq);
}

void
calendar_remove(struct event *e, uint64_t seq, int64_t gone_ms)
{
	if (!e->gone)
		e->box->live--;
	e->gone = true;
	e->gone_ms = gone_ms;
	timer_free(e->join);
	e->join = NULL;
	make_newest(e, seq);
	for (size_t i = 0; i < e->exception_count; i++)
		if (!e->exceptions[i]->gone)
			calendar_remove(e->exceptions[i], seq, gone_ms);
}

void
calendar_move(struct event *e, uint64_t seq)
{
	char part[96];

	sim_map_del(&e->box->by_id, e->rest_id);
	random_part(e->box->rng, 57, part);
	snprintf(e->rest_id, sizeof(e->rest_id), "AAMkADY%sAAA=", part);
	sim_map_put(&e->box->by_id, e->rest_id, e);
	for (size_t i = 0; i < e->exception_count; i++) {
		struct event *x = e->exceptions[i];

		sim_map_del(&e->box->by_id, x->rest_id);
		calendar_occurrence_id(e->rest_id, x->date, x->rest_id);
		sim_map_put(&e->box->by_id, x->rest_id, x);
	}
	calendar_touch(e, seq);
}

void
calendar_cancel_date(struct event *master, const char *date)
{
	if (calendar_date_cancelled(master, date))
		return;
	master->cancelled =
	    must_grow(master->cancelled, master->cancelled_count, &master->cancelled_cap, sizeof(*master->cancelled));
	str_copy(master->cancelled[master->cancelled_count++], DATE_SIZE, date);
}

struct event *
calendar_find(const struct mailbox *box, const char *id)
{
	return sim_map_get(&box->by_id, id);
}

void
calendar_occurrence_id(const char *series_id, const char *date, char ret[EVENT_ID_SIZE])
{
	snprintf(ret, EVENT_ID_SIZE, "%s.%s", series_id, date);
}

struct event *
calendar_occurrence_find(const struct mailbox *box, const char *id, char ret_date[DATE_SIZE])
{
	const char *dot = strrchr(id, '.');
	char series[EVENT_ID_SIZE];

	if (dot == NULL || !str_copy(ret_date, DATE_SIZE, dot + 1) ||
	    !str_copy_len(series, sizeof(series), id, (size_t)(dot - id)))
		return NULL;
	return calendar_find(box, series);
}

struct event *
calendar_exception(const struct event *master, const char *date)
{
	for (size_t i = 0; i < master->exception_count; i++)
		if (!master->exceptions[i]->gone && strcmp(master->exceptions[i]->date, date) == 0)
			return master->exceptions[i];
	return NULL;
}

bool
calendar_date_cancelled(const struct event *master, const char *date)
{
	for (size_t i = 0; i < master->cancelled_count; i++)
		if (strcmp(master->cancelled[i], date) == 0)
			return true;
	return false;
}

const json_t *
calendar_seen(const struct event *e, int64_t read_ms, unsigned *ret_version)
{
	bool young = read_ms < e->shown_ms;

	if (e->gone && read_ms >= e->gone_ms)
		return NULL;
	*ret_version = young ? e->stale_version : e->version;
	return young ? e->stale : e->state;
}

void
calendar_etag(const struct event *e, unsigned version, char ret[ETAG_SIZE])
{
	uint64_t raw[2] = { e->number * 0x9e3779b97f4a7c15u, ((uint64_t)e->number << 32) + version };
	char text[BASE64_LEN(sizeof(raw)) + 1];

	base64_encode(raw, sizeof(raw), text);
	snprintf(ret, ETAG_SIZE, "W/\"%s\"", text);
}

static void
address_key(const char *address, char ret[ADDRESS_SIZE])
{
	size_t n = 0;

	for (; address[n] != '\0' && n + 1 < ADDRESS_SIZE; n++)
		ret[n] = (char)tolower((unsigned char)address[n]);
	ret[n] = '\0';
}

struct addressee *
calendar_addressee(struct event *e, const char *address)
{
	struct addressee *a;
	char key[ADDRESS_SIZE];

	address_key(address, key);
	a = sim_map_get(&e->mailed, key);
	if (a != NULL)
		return a;
	a = must_alloc(sizeof(*a));
	a->address = must_copy(key);
	sim_map_put(&e->mailed, a->address, a);
	return a;
}

const struct addressee *
calendar_mailed(const struct event *e, const char *address)
{
	char key[ADDRESS_SIZE];

	address_key(address, key);
	return sim_map_get(&e->mailed, key);
}
