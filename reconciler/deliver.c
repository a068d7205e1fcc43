/*
 * deliver.c - takes what is due from the outbox, sends it, and stores what the answer means in one turn.
 *
 * Two kinds of trouble are kept apart. One callback that fails alone is repeated with its own back-off, and only what
 * concerns the same person waits behind it. An app that answers nobody (GATE_FAILURES in a row, no success between) closes the
 * gate: then one callback at a time asks whether it is back, so that an outage costs a trickle and not the whole backlog.
 */
#include "reconciler/deliver.h"

#include <stdlib.h>
#include <string.h>

#include "app/callback.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "reconciler/meetings.h"
#include "reconciler/reconciler.h"
#include "reconciler/roster.h"
#include "state/outbox.h"

#define IN_FLIGHT_MAX    16
#define SLICE            100 /* acknowledged in one turn */
#define GATE_FAILURES    4
#define GATE_WAIT_MIN_MS 500
#define GATE_WAIT_MAX_MS 30000
/* Safety net: looks at the outbox again although nothing said so. */
#define IDLE_MS 60000

struct delivery {
	struct deliver *owner;
	struct http_call *call;
	struct delivery *next;
	int64_t attempts;
	struct feed_record feed;
};

struct deliver {
	struct reconciler *r;
	struct timer *pump;
	struct delivery *under_way;
	unsigned in_flight, failures; /* failures in a row, of any callback */
	bool kicked;                  /* runs after this turn's commit */
	int64_t gate_boot_ms;         /* nothing goes out before, while failures >= GATE_FAILURES */
};

static void
unlink_delivery(struct delivery *d)
{
	struct delivery **p = &d->owner->under_way;

	while (*p != d)
		p = &(*p)->next;
	*p = d->next;
	d->owner->in_flight--;
}

/* --- the gate --- */

static bool
gate_shut(const struct deliver *d)
{
	return d->failures >= GATE_FAILURES;
}

static void
gate_note(struct deliver *d, const struct callback_verdict *v)
{
	int64_t wait_ms = GATE_WAIT_MIN_MS;

	if (v->act != CALLBACK_AGAIN) {
		if (gate_shut(d))
			log_event(LOG_INFO, "callbacks_resumed");
		d->failures = 0;
		return;
	}
	d->failures++;
	if (d->failures == GATE_FAILURES)
		log_put(LOG_WARN, "callbacks_stopped", LI("status", v->status), LS("detail", v->detail));
	for (unsigned i = GATE_FAILURES; i < d->failures && wait_ms < GATE_WAIT_MAX_MS; i++)
		wait_ms *= 2;
	d->gate_boot_ms = clock_boot_ms(d->r->clock) + (wait_ms < GATE_WAIT_MAX_MS ? wait_ms : GATE_WAIT_MAX_MS);
}

/* --- one delivery --- */

static void
settle(struct delivery *d, const struct callback_verdict *v)
{
	struct reconciler *r = d->owner->r;

	switch (v->act) {
	case CALLBACK_APPLIED:
		roster_acknowledged(r, &d->feed, v->act, &v->user, "");
		meetings_acknowledged(r, &d->feed, v->act, "");
		outbox_done(r->outbox, d->feed.seq);
		break;
	case CALLBACK_REFUSED:
		roster_acknowledged(r, &d->feed, v->act, NULL, v->detail);
		meetings_acknowledged(r, &d->feed, v->act, v->detail);
		outbox_done(r->outbox, d->feed.seq);
		r->counters.callbacks_refused++;
		log_put(LOG_WARN, "callback_refused", LI("seq", d->feed.seq), LS("type", change_type_name(d->feed.type)),
		    LI("status", v->status));
		break;
	case CALLBACK_AGAIN:
		outbox_retry(r->outbox, d->feed.seq, v->wait_ms, v->status, v->detail);
		log_put(LOG_DEBUG, "callback_again", LI("seq", d->feed.seq), LI("status", v->status), LI("retry_ms", v->wait_ms));
		break;
	}
}

static void
on_answer(void *arg, const struct http_answer *answer)
{
	struct delivery *d = arg;
	struct deliver *owner = d->owner;
	struct reconciler *r = owner->r;
	struct callback_verdict v = callback_judge(answer, d->feed.type, d->attempts, clock_wall_ms(r->clock), r->rng);

	unlink_delivery(d);
	gate_note(owner, &v);
	settle(d, &v);
	free(d);
	timer_arm_sooner(owner->pump, 0);
}

static bool
send_one(struct deliver *owner, struct delivery *d)
{
	struct reconciler *r = owner->r;
	const struct callback_delivery what = { .url = r->config->callback_url,
		.secret = r->callback_secret,
		.id = d->feed.id,
		.body = d->feed.body,
		.body_len = strlen(d->feed.body),
		.now_wall_ms = clock_wall_ms(r->clock) };

	d->owner = owner;
	d->call = callback_send(r->app_http, &what, on_answer, d);
	if (d->call == NULL)
		return false;
	d->next = owner->under_way;
	owner->under_way = d;
	owner->in_flight++;
	return true;
}

/* --- without a callback_url --- */

/* What was queued while there was one: it is in the feed, which is all there is now, so it counts as taken. A slice a turn. */
static void
take_as_told(struct deliver *owner)
{
	static const struct callback_verdict taken = { .act = CALLBACK_APPLIED };
	static struct delivery d; /* 20 KB; one thread */
	struct reconciler *r = owner->r;
	struct outbox_record row;
	unsigned n = 0;
	int64_t wait_ms;

	d.owner = owner;
	for (; n < SLICE && outbox_next(r->outbox, &row, &d.feed) == ERR_OK; n++)
		settle(&d, &taken);
	if ((wait_ms = outbox_wait_ms(r->outbox)) >= 0)
		timer_arm(owner->pump, wait_ms > 0 ? wait_ms : 1);
}

/* --- the pump --- */

static void
rest(struct deliver *owner, int64_t wait_ms)
{
	timer_arm_sooner(owner->pump, wait_ms < 0 || wait_ms > IDLE_MS ? IDLE_MS : wait_ms);
}

static void
on_pump(void *arg)
{
	struct deliver *owner = arg;
	struct reconciler *r = owner->r;
	unsigned most = gate_shut(owner) ? 1 : IN_FLIGHT_MAX;
	int64_t shut_ms = gate_shut(owner) ? owner->gate_boot_ms - clock_boot_ms(r->clock) : 0;

	if (r->config->callback_url == NULL) {
		take_as_told(owner);
		return;
	}
	/* What this turn queues is seen only when it is on disk. */
	if (store_turn_open(r->store))
		deliver_kick(r);
	if (shut_ms > 0) {
		rest(owner, shut_ms);
		return;
	}
	while (owner->in_flight < most) {
		struct delivery *d = calloc(1, sizeof(*d));
		struct outbox_record row;

		if (d == NULL || outbox_next(r->outbox, &row, &d->feed) != ERR_OK) {
			free(d);
			break;
		}
		d->attempts = row.attempts;
		if (!send_one(owner, d)) {
			outbox_release(r->outbox, row.seq);
			free(d);
			log_event(LOG_ERROR, "callback_not_started");
			rest(owner, GATE_WAIT_MIN_MS);
			return;
		}
	}
	if (owner->in_flight < most)
		rest(owner, outbox_wait_ms(r->outbox));
}

static void
on_committed(void *arg)
{
	struct reconciler *r = arg;

	if (r->deliver == NULL)
		return;
	r->deliver->kicked = false;
	/* At once, not by the timer: another turn may be open by then, and one more after that. */
	on_pump(r->deliver);
}

/* At the start there is nothing to kick: deliver_new looks by itself. */
void
deliver_kick(struct reconciler *r)
{
	if (r->deliver == NULL || r->deliver->kicked)
		return;
	r->deliver->kicked = true;
	store_after_commit(r->store, on_committed, r);
}

/* --- life --- */

enum err
deliver_new(struct reconciler *r, struct deliver **ret)
{
	struct deliver *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return ERR_NOMEM;
	d->r = r;
	if ((d->pump = timer_new(r->clock, on_pump, d)) == NULL) {
		free(d);
		return ERR_NOMEM;
	}
	timer_arm(d->pump, 0);
	*ret = d;
	return ERR_OK;
}

void
deliver_free(struct deliver *d)
{
	if (d == NULL)
		return;
	while (d->under_way != NULL) {
		struct delivery *next = d->under_way->next;

		http_cancel(d->r->app_http, d->under_way->call);
		free(d->under_way);
		d->under_way = next;
	}
	timer_free(d->pump);
	free(d);
}
