/* events.c - three tables that move together. */
#include "state/events.h"

#include <stdlib.h>
#include <string.h>

#include "model/event_json.h"
#include "state/document.h"

static void
event_key(const struct store *s, struct store_key *k, const struct erg_id *erg, const struct event_id *id)
{
	store_key_init(k);
	store_key_id(s, k, "erg", erg->s);
	store_key_id(s, k, "event", id->s);
}

static void
side_key(const struct store *s, struct store_key *k, const struct erg_id *erg, const struct event_id *id, enum event_side side)
{
	const uint8_t byte = (uint8_t)side;

	event_key(s, k, erg, id);
	store_key_bytes(k, &byte, sizeof(byte));
}

static void
mailbox_key(const struct store *s, struct store_key *k, const struct guid *mailbox)
{
	store_key_init(k);
	store_key_id(s, k, "mailbox", mailbox->s);
}

static void
index_key(const struct store *s, struct store_key *k, const struct guid *mailbox, const char *graph_id)
{
	mailbox_key(s, k, mailbox);
	store_key_id(s, k, "graph_event", graph_id);
}

/* --- the record and its index --- */

enum err
events_get(struct store *s, const struct erg_id *erg, const struct event_id *id, struct event *ret)
{
	struct store_key key;

	event_key(s, &key, erg, id);
	return store_get(s, TABLE_EVENTS, &key, ret);
}

static bool
is_ref_to(const struct event_ref *ref, const struct erg_id *erg, const struct event_id *id)
{
	return strcmp(ref->erg.s, erg->s) == 0 && strcmp(ref->event.s, id->s) == 0;
}

/* Only its own row: another event may have taken over the id. */
static void
unindex(struct store *s, const struct event *e)
{
	struct store_key key;
	struct event_ref ref;

	if (e->graph_id[0] == '\0')
		return;
	index_key(s, &key, &e->mailbox, e->graph_id);
	if (store_get(s, TABLE_EVENT_INDEX, &key, &ref) == ERR_OK && is_ref_to(&ref, &e->erg, &e->id))
		store_del(s, TABLE_EVENT_INDEX, &key);
}

static bool
same_place(const struct event *a, const struct event *b)
{
	return strcmp(a->graph_id, b->graph_id) == 0 && strcmp(a->mailbox.s, b->mailbox.s) == 0;
}

void
events_put(struct store *s, const struct event *e)
{
	struct event_ref ref;
	struct store_key key;
	struct event *old = malloc(sizeof(*old));

	if (old == NULL)
		abort(); /* a few kilobytes: nothing could go on */
	event_key(s, &key, &e->erg, &e->id);
	if (store_get(s, TABLE_EVENTS, &key, old) == ERR_OK && !same_place(old, e))
		unindex(s, old);
	free(old);
	store_put(s, TABLE_EVENTS, &key, e);
	if (e->graph_id[0] == '\0')
		return;
	memset(&ref, 0, sizeof(ref));
	ref.erg = e->erg;
	ref.event = e->id;
	index_key(s, &key, &e->mailbox, e->graph_id);
	store_put(s, TABLE_EVENT_INDEX, &key, &ref);
}

void
events_del(struct store *s, const struct erg_id *erg, const struct event_id *id)
{
	struct event *old = malloc(sizeof(*old));
	struct store_key key;

	if (old == NULL)
		abort();
	event_key(s, &key, erg, id);
	if (store_get(s, TABLE_EVENTS, &key, old) == ERR_OK)
		unindex(s, old);
	free(old);
	store_del(s, TABLE_EVENTS, &key);
	for (unsigned side = 0; side < EVENT_SIDE_COUNT; side++)
		event_side_del(s, erg, id, (enum event_side)side);
}

enum err
events_find(struct store *s, const struct guid *mailbox, const char *graph_id, struct event *ret)
{
	struct event_ref ref;
	struct store_key key;
	enum err e;

	index_key(s, &key, mailbox, graph_id);
	if ((e = store_get(s, TABLE_EVENT_INDEX, &key, &ref)) != ERR_OK)
		return e;
	return events_get(s, &ref.erg, &ref.event, ret);
}

bool
events_any_in_mailbox(struct store *s, const struct guid *mailbox)
{
	struct store_cursor *c = events_seek_mailbox(s, mailbox);
	struct event_ref ref;
	bool any = store_next(c, NULL, &ref) == ERR_OK;

	store_cursor_close(c);
	return any;
}

struct store_cursor *
events_seek(struct store *s, const struct erg_id *erg, const struct event_id *after)
{
	struct store_key prefix, from;

	store_key_init(&prefix);
	store_key_id(s, &prefix, "erg", erg->s);
	if (after == NULL)
		return store_seek(s, TABLE_EVENTS, &prefix, NULL);
	event_key(s, &from, erg, after);
	return store_seek(s, TABLE_EVENTS, &prefix, &from);
}

struct store_cursor *
events_seek_mailbox(struct store *s, const struct guid *mailbox)
{
	struct store_key prefix;

	mailbox_key(s, &prefix, mailbox);
	return store_seek(s, TABLE_EVENT_INDEX, &prefix, NULL);
}

/* --- sides --- */

enum err
event_side_get(
    struct store *s, const struct erg_id *erg, const struct event_id *id, enum event_side side, struct event_fields **ret)
{
	struct store_key key;
	char *text;
	size_t len;
	enum err e;

	side_key(s, &key, erg, id, side);
	if ((e = document_get(s, TABLE_EVENT_SIDES, &key, &text, &len)) != ERR_OK)
		return e;
	e = event_fields_from_text(text, len, ret);
	free(text);
	return e;
}

enum err
event_side_put(
    struct store *s, const struct erg_id *erg, const struct event_id *id, enum event_side side, const struct event_fields *f)
{
	struct store_key key;
	enum err e;
	size_t len;
	char *text = event_fields_to_text(f, &len);

	if (text == NULL)
		return ERR_NOMEM;
	side_key(s, &key, erg, id, side);
	e = document_put(s, TABLE_EVENT_SIDES, &key, text, len);
	free(text);
	return e;
}

void
event_side_del(struct store *s, const struct erg_id *erg, const struct event_id *id, enum event_side side)
{
	struct store_key key;

	side_key(s, &key, erg, id, side);
	document_del(s, TABLE_EVENT_SIDES, &key);
}
