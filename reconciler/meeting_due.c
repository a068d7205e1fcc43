/* meeting_due.c - the key says it all: mailbox, whether its time has come, then the start of the meeting or the time to come. */
#include "reconciler/meeting_due.h"

#include <string.h>

#include "reconciler/meeting_push.h"
#include "reconciler/reconciler.h"

#define KEY_ID_LEN   16
#define KEY_ORDER_AT (KEY_ID_LEN + 1)

static int64_t
sooner(int64_t a, int64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

void
meeting_due_time(struct event *e, int64_t now_wall_ms)
{
	bool writing = (e->write != EVENT_WRITE_NONE && (!e->held || e->approved)) || e->unknown || e->started_wall_ms != 0;
	int64_t due = e->forget_wall_ms;

	if (e->mailbox.s[0] != '\0' && writing)
		due = sooner(due, e->not_before_wall_ms > 0 ? e->not_before_wall_ms : 1);
	due = sooner(due, e->responses_due_wall_ms);
	due = sooner(due, e->again_wall_ms);
	e->due_wall_ms = due;
	e->ready = due != 0 && due <= now_wall_ms;
}

static void
mailbox_prefix(struct reconciler *r, const struct guid *mailbox, struct store_key *ret)
{
	store_key_init(ret);
	store_key_id(r->store, ret, "mailbox", mailbox->s);
}

static void
row_key(struct reconciler *r, const struct event *e, struct store_key *ret)
{
	uint8_t later = !e->ready;
	int64_t order = e->ready ? e->start_wall_ms : e->due_wall_ms;

	mailbox_prefix(r, &e->mailbox, ret);
	store_key_bytes(ret, &later, 1);
	store_key_u64(ret, order > 0 ? (uint64_t)order : 0);
	store_key_id(r->store, ret, "erg", e->erg.s);
	store_key_id(r->store, ret, "event", e->id.s);
}

void
meeting_due_follow(struct reconciler *r, const struct event *before, const struct event *after)
{
	bool was = before != NULL && before->due_wall_ms != 0, is = after != NULL && after->due_wall_ms != 0;
	struct store_key old = { .len = 0 }, new = { .len = 0 };
	struct event_ref ref;

	if (was)
		row_key(r, before, &old);
	if (is)
		row_key(r, after, &new);
	if (was && (!is || old.len != new.len || memcmp(old.b, new.b, old.len) != 0))
		store_del(r->store, TABLE_MEETINGS_DUE, &old);
	if (!is)
		return;
	if (!was || memcmp(old.b, new.b, old.len) != 0) {
		ref = (struct event_ref){ after->erg, after->id };
		store_put(r->store, TABLE_MEETINGS_DUE, &new, &ref);
	}
	meeting_push_note(r, after);
}

struct store_cursor *
meeting_due_seek(struct reconciler *r, const struct guid *mailbox, bool ready)
{
	struct store_key prefix;
	uint8_t later = !ready;

	mailbox_prefix(r, mailbox, &prefix);
	store_key_bytes(&prefix, &later, 1);
	return store_seek(r->store, TABLE_MEETINGS_DUE, &prefix, NULL);
}

bool
meeting_due_any(struct reconciler *r, const struct guid *mailbox)
{
	struct store_key prefix;
	struct store_cursor *c;
	struct event_ref ref;
	bool any;

	mailbox_prefix(r, mailbox, &prefix);
	c = store_seek(r->store, TABLE_MEETINGS_DUE, &prefix, NULL);
	any = store_next(c, NULL, &ref) == ERR_OK;
	store_cursor_close(c);
	return any;
}

int64_t
meeting_due_of_key(const struct store_key *key)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < 8 && KEY_ORDER_AT + i < key->len; i++)
		n = n << 8 | key->b[KEY_ORDER_AT + i];
	return n <= INT64_MAX ? (int64_t)n : INT64_MAX;
}

bool
meeting_due_next_mailbox(struct reconciler *r, struct store_key *key, struct event_ref *ret)
{
	struct store_cursor *c;
	enum err e;

	/* Past everything of that mailbox: no key is longer or greater. */
	if (key->len > 0) {
		key->len = STORE_KEY_MAX;
		memset(key->b + KEY_ID_LEN, 0xff, STORE_KEY_MAX - KEY_ID_LEN);
	}
	c = store_seek(r->store, TABLE_MEETINGS_DUE, NULL, key->len > 0 ? key : NULL);
	e = store_next(c, key, ret);
	store_cursor_close(c);
	return e == ERR_OK;
}
