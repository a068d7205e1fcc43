/*
 * outbox.c - a queue for each order key, found by hash, and a heap of the queues by when their first entry is due. Only first
 * entries can go out, so order needs no further care. A queue whose first entry is in flight is not in the heap but in a short
 * list, as long as the app is given callbacks at once.
 */
#include "state/outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "state/feed.h"

#define NOT_IN_HEAP SIZE_MAX
#define BUCKETS_MIN 64

struct entry {
	uint64_t seq;
	int64_t due_boot_ms;
	struct entry *behind; /* the next of the same order key */
};

struct queue {
	uint8_t order[OUTBOX_ORDER_LEN];
	struct entry *head, *tail;
	struct queue *chain; /* the next of the same bucket */
	size_t heap_at;      /* NOT_IN_HEAP: its head is in flight */
	struct queue *next_flying;
};

struct outbox {
	struct store *store;
	struct clock *clock;
	struct queue **buckets;
	size_t bucket_count, queue_count;
	struct queue **heap;
	size_t heap_count, heap_size;
	uint64_t seen; /* rows up to here are in the index */
	struct queue *flying;
	uint64_t count, in_flight;
};

static struct store_key
seq_key(uint64_t seq)
{
	struct store_key key;

	store_key_init(&key);
	store_key_u64(&key, seq);
	return key;
}

/* --- the heap --- */

static bool
before(const struct queue *a, const struct queue *b)
{
	if (a->head->due_boot_ms != b->head->due_boot_ms)
		return a->head->due_boot_ms < b->head->due_boot_ms;
	return a->head->seq < b->head->seq;
}

static void
heap_set(struct outbox *o, size_t at, struct queue *q)
{
	o->heap[at] = q;
	q->heap_at = at;
}

static void
heap_up(struct outbox *o, size_t at, struct queue *q)
{
	while (at > 0 && before(q, o->heap[(at - 1) / 2])) {
		heap_set(o, at, o->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_set(o, at, q);
}

static void
heap_down(struct outbox *o, size_t at, struct queue *q)
{
	size_t child;

	while ((child = 2 * at + 1) < o->heap_count) {
		if (child + 1 < o->heap_count && before(o->heap[child + 1], o->heap[child]))
			child++;
		if (!before(o->heap[child], q))
			break;
		heap_set(o, at, o->heap[child]);
		at = child;
	}
	heap_set(o, at, q);
}

/* There is room for each queue from its making on: see queue_new. */
static void
heap_push(struct outbox *o, struct queue *q)
{
	heap_up(o, o->heap_count++, q);
}

static struct queue *
heap_pop(struct outbox *o)
{
	struct queue *q = o->heap[0], *last = o->heap[--o->heap_count];

	if (o->heap_count > 0)
		heap_down(o, 0, last);
	q->heap_at = NOT_IN_HEAP;
	return q;
}

/* --- queues --- */

/* FNV-1a: order keys are ours, nobody can make them collide. */
static struct queue **
bucket_of(struct queue **buckets, size_t bucket_count, const uint8_t order[OUTBOX_ORDER_LEN])
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < OUTBOX_ORDER_LEN; i++)
		h = (h ^ order[i]) * 0x100000001b3;
	return &buckets[(h ^ h >> 32) & (bucket_count - 1)];
}

static struct queue *
queue_find(const struct outbox *o, const uint8_t order[OUTBOX_ORDER_LEN])
{
	struct queue *q = *bucket_of(o->buckets, o->bucket_count, order);

	while (q != NULL && memcmp(q->order, order, sizeof(q->order)) != 0)
		q = q->chain;
	return q;
}

static void
rehash(struct outbox *o)
{
	size_t count = 2 * o->bucket_count;
	struct queue **buckets = count > 0 ? calloc(count, sizeof(struct queue *)) : NULL, **at, *q;

	if (buckets == NULL)
		return; /* longer chains do until the next time */
	for (size_t i = 0; i < o->bucket_count; i++)
		while ((q = o->buckets[i]) != NULL) {
			o->buckets[i] = q->chain;
			at = bucket_of(buckets, count, q->order);
			q->chain = *at;
			*at = q;
		}
	free(o->buckets);
	o->buckets = buckets;
	o->bucket_count = count;
}

static struct queue *
queue_new(struct outbox *o, const uint8_t order[OUTBOX_ORDER_LEN])
{
	struct queue *q, **at;

	if (o->queue_count == o->heap_size) {
		size_t size = o->heap_size > 0 ? 2 * o->heap_size : BUCKETS_MIN;
		struct queue **more = reallocarray(o->heap, size, sizeof(struct queue *));

		if (more == NULL)
			return NULL;
		o->heap = more;
		o->heap_size = size;
	}
	if (o->queue_count >= o->bucket_count)
		rehash(o);
	if ((q = calloc(1, sizeof(*q))) == NULL)
		return NULL;
	memcpy(q->order, order, sizeof(q->order));
	q->heap_at = NOT_IN_HEAP;
	at = bucket_of(o->buckets, o->bucket_count, order);
	q->chain = *at;
	*at = q;
	o->queue_count++;
	return q;
}

static void
queue_free(struct outbox *o, struct queue *q)
{
	struct queue **at = bucket_of(o->buckets, o->bucket_count, q->order);

	while (*at != q)
		at = &(*at)->chain;
	*at = q->chain;
	free(q);
	o->queue_count--;
}

/* --- entries --- */

static int64_t
due_boot_ms(const struct outbox *o, int64_t not_before_wall_ms)
{
	int64_t now = clock_wall_ms(o->clock), wait = 0;

	if (not_before_wall_ms > now)
		wait = not_before_wall_ms - now < OUTBOX_WAIT_MAX_MS ? not_before_wall_ms - now : OUTBOX_WAIT_MAX_MS;
	return clock_boot_ms(o->clock) + wait;
}

static bool
add(struct outbox *o, const struct outbox_record *r)
{
	struct queue *q = queue_find(o, r->order);
	struct entry *e;

	if (q == NULL && (q = queue_new(o, r->order)) == NULL)
		return false;
	if ((e = calloc(1, sizeof(*e))) == NULL) {
		if (q->head == NULL)
			queue_free(o, q);
		return false;
	}
	e->seq = r->seq;
	e->due_boot_ms = due_boot_ms(o, r->not_before_wall_ms);
	o->count++;
	if (q->head != NULL) {
		q->tail->behind = e;
		q->tail = e;
		return true;
	}
	q->head = q->tail = e;
	heap_push(o, q);
	return true;
}

/* Takes in what was added since the last time, unless a turn is open: what is not on disk must not be sent. */
static enum err
take_in(struct outbox *o)
{
	struct store_key after = seq_key(o->seen), last, key;
	struct outbox_record r;
	struct store_cursor *c;
	bool ok = true;

	if (store_turn_open(o->store) || store_last(o->store, TABLE_OUTBOX, &last) != ERR_OK ||
	    store_key_number(&last) <= o->seen)
		return ERR_OK;
	c = store_seek(o->store, TABLE_OUTBOX, NULL, &after);
	while (ok && store_next(c, &key, &r) == ERR_OK)
		if ((ok = add(o, &r)))
			o->seen = store_key_number(&key);
	store_cursor_close(c);
	if (!ok)
		return ERR_NOMEM;
	o->seen = store_key_number(&last); /* damaged rows are passed too */
	return ERR_OK;
}

/* Takes the queue whose head has this number out of those in flight. */
static struct queue *
land(struct outbox *o, uint64_t seq)
{
	struct queue **at = &o->flying, *q;

	while (*at != NULL && (*at)->head->seq != seq)
		at = &(*at)->next_flying;
	if ((q = *at) == NULL)
		return NULL;
	*at = q->next_flying;
	o->in_flight--;
	return q;
}

static void
fly(struct outbox *o, struct queue *q)
{
	q->next_flying = o->flying;
	o->flying = q;
	o->in_flight++;
}

/* Takes the head out of a queue that is in no heap. */
static void
drop_head(struct outbox *o, struct queue *q)
{
	struct entry *e = q->head;

	q->head = e->behind;
	free(e);
	o->count--;
	if (q->head == NULL)
		queue_free(o, q);
	else
		heap_push(o, q);
}

/* The same, and its row. */
static void
forget_head(struct outbox *o, struct queue *q)
{
	struct store_key key = seq_key(q->head->seq);

	store_del(o->store, TABLE_OUTBOX, &key);
	drop_head(o, q);
}

/* --- the module's front --- */

enum err
outbox_open(struct store *s, struct clock *clock, struct outbox **ret)
{
	struct outbox *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return ERR_NOMEM;
	o->store = s;
	o->clock = clock;
	o->bucket_count = BUCKETS_MIN;
	if ((o->buckets = calloc(o->bucket_count, sizeof(struct queue *))) == NULL || take_in(o) != ERR_OK) {
		outbox_close(o);
		return ERR_NOMEM;
	}
	*ret = o;
	return ERR_OK;
}

static void
queue_drop(struct queue *q)
{
	struct entry *e;

	while ((e = q->head) != NULL) {
		q->head = e->behind;
		free(e);
	}
	free(q);
}

void
outbox_close(struct outbox *o)
{
	struct queue *q;

	if (o == NULL)
		return;
	for (size_t i = 0; o->buckets != NULL && i < o->bucket_count; i++)
		while ((q = o->buckets[i]) != NULL) {
			o->buckets[i] = q->chain;
			queue_drop(q);
		}
	free(o->buckets);
	free(o->heap);
	free(o);
}

enum err
outbox_next(struct outbox *o, struct outbox_record *ret, struct feed_record *ret_feed)
{
	int64_t now = clock_boot_ms(o->clock);
	enum err e;

	if ((e = take_in(o)) != ERR_OK)
		return e;
	while (o->heap_count > 0 && o->heap[0]->head->due_boot_ms <= now) {
		struct queue *q = heap_pop(o);
		struct store_key key = seq_key(q->head->seq);

		e = store_get(o->store, TABLE_OUTBOX, &key, ret);
		if (e == ERR_OK)
			e = store_get(o->store, TABLE_FEED, &key, ret_feed);
		if (e == ERR_OK) {
			fly(o, q);
			return ERR_OK;
		}
		if (e != ERR_NOTFOUND && e != ERR_CORRUPT) {
			heap_push(o, q);
			return e;
		}
		/* There is nothing left to send: what waits behind it must not wait for ever. */
		log_put(LOG_ERROR, "callback_lost", LI("seq", q->head->seq), LS("error", err_text(e)));
		if (e == ERR_NOTFOUND)
			forget_head(o, q);
		else
			drop_head(o, q); /* the row says what it was about, to whoever mends what is damaged */
	}
	return ERR_NOTFOUND;
}

void
outbox_done(struct outbox *o, uint64_t seq)
{
	struct queue *q = land(o, seq);

	if (q != NULL)
		forget_head(o, q);
}

void
outbox_retry(struct outbox *o, uint64_t seq, int64_t after_ms, int64_t status, const char *detail)
{
	struct store_key key = seq_key(seq);
	struct queue *q = land(o, seq);
	struct outbox_record r;

	if (q == NULL)
		return;
	if (after_ms < 0)
		after_ms = 0;
	if (after_ms > OUTBOX_WAIT_MAX_MS)
		after_ms = OUTBOX_WAIT_MAX_MS;
	q->head->due_boot_ms = clock_boot_ms(o->clock) + after_ms;
	heap_push(o, q);
	if (store_get(o->store, TABLE_OUTBOX, &key, &r) != ERR_OK)
		return; /* the next try will find out */
	r.attempts++;
	r.not_before_wall_ms = clock_wall_ms(o->clock) + after_ms;
	r.last_status = status;
	(void)snprintf(r.detail, sizeof(r.detail), "%s", detail != NULL ? detail : "");
	store_put(o->store, TABLE_OUTBOX, &key, &r);
}

void
outbox_release(struct outbox *o, uint64_t seq)
{
	struct queue *q = land(o, seq);

	if (q != NULL)
		heap_push(o, q);
}

int64_t
outbox_wait_ms(struct outbox *o)
{
	int64_t now = clock_boot_ms(o->clock);

	if (take_in(o) != ERR_OK)
		return 1000; /* no memory: look again soon */
	if (o->heap_count == 0)
		return -1;
	return o->heap[0]->head->due_boot_ms > now ? o->heap[0]->head->due_boot_ms - now : 0;
}

/* The oldest entry is the first of OUTBOX: numbers grow with time. */
struct outbox_backlog
outbox_backlog(struct outbox *o)
{
	struct outbox_backlog ret = { o->count, o->in_flight, 0 };
	struct store_cursor *c = store_seek(o->store, TABLE_OUTBOX, NULL, NULL);
	struct outbox_record r;

	if (store_next(c, NULL, &r) == ERR_OK)
		ret.oldest_wall_ms = r.created_wall_ms;
	store_cursor_close(c);
	return ret;
}
