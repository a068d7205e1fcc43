/*
 * One outlet per URL: items wait there until due, go out as posts, at most a few at a time, and posts come back to
 * wait when they fail. Outcomes of validations are handed on in a later turn, never within the caller's.
 */
#include "sim/delivery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "sim/call.h"
#include "sim/memory.h"
#include "sim/rich.h"
#include "sim/subscription.h"

/* Facts 4.2 and 3. */
#define FIRST_TIMEOUT_MS    3000
#define RETRY_TIMEOUT_MS    10000
#define VALIDATE_TIMEOUT_MS 10000
#define STATE_WINDOW_MS     (10 * MINUTE_MS)
#define SLOW_PERCENT        10
#define DROP_PERCENT        15
/* Fewer answers in a window than this say nothing about an endpoint. */
#define STATE_ANSWERS_MIN 20
/* Graph's own number is not known; the doubling has to end somewhere below the four hours. */
#define RETRY_WAIT_MAX_MS (30 * MINUTE_MS)
#define POSTS_AT_ONCE     16
#define REORDER_MS        1000
#define JSON_TYPE         "application/json; charset=utf-8"

struct waiting {
	json_t *item;
	int64_t due_ms;
};

struct outlet;

struct post {
	struct post *next;
	struct outlet *outlet;
	uint64_t id; /* 0 while not under way */
	char *body;
	size_t body_len, items;
	bool raw; /* handmade: sent once */
	unsigned tries;
	int64_t first_ms, started_ms;
	struct timer *timer; /* the timeout while under way, else the wait before the next try */
};

struct outlet {
	struct delivery *all;
	struct outlet *next;
	char *url;
	struct waiting *waiting;
	size_t waiting_count, waiting_cap;
	struct timer *flush;
	struct post *ready, **ready_end; /* may go as soon as there is room */
	struct post *away;               /* under way */
	struct post *back;               /* waiting for another try */
	unsigned away_count;
	bool starting; /* an outcome that comes at once must not start posts within posts */
	int64_t window_ms, answers, slow, very_slow;
	int64_t delayed_until_ms, dropping_until_ms;
};

struct validation {
	struct validation *next;
	struct delivery *all;
	uint64_t id;
	char token[128];
	delivery_validated done;
	void *arg;
	const char *problem;
	bool over;
	struct timer *timer; /* the timeout, then the turn in which done is called */
};

struct delivery {
	struct sim *sim;
	struct map by_url;
	struct outlet *outlets;
	struct validation *validations;
	uint64_t next_id;
	struct {
		int64_t queued, sent, items_sent, posts, failed, retried, dropped, expired, pending;
	} n;
};

struct delivery *
delivery_new(struct sim *sim)
{
	struct delivery *d = must_alloc(sizeof(*d));

	d->sim = sim;
	return d;
}

static int64_t
now_of(const struct delivery *d)
{
	return clock_boot_ms(d->sim->clock);
}

static void
post_free(struct post *p)
{
	timer_free(p->timer);
	free(p->body);
	free(p);
}

static void
posts_free(struct post *p)
{
	while (p != NULL) {
		struct post *next = p->next;

		post_free(p);
		p = next;
	}
}

static void
outlet_free(struct outlet *o)
{
	for (size_t i = 0; i < o->waiting_count; i++)
		json_decref(o->waiting[i].item);
	timer_free(o->flush);
	posts_free(o->ready);
	posts_free(o->away);
	posts_free(o->back);
	free(o->waiting);
	free(o->url);
	free(o);
}

static void
validation_free(struct validation *v)
{
	struct validation **at = &v->all->validations;

	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	timer_free(v->timer);
	free(v);
}

void
delivery_reset(struct delivery *d)
{
	while (d->outlets != NULL) {
		struct outlet *o = d->outlets;

		d->outlets = o->next;
		outlet_free(o);
	}
	sim_map_done(&d->by_url);
	delivery_clear_counts(d);
	d->n.pending = 0;
}

void
delivery_free(struct delivery *d)
{
	if (d == NULL)
		return;
	delivery_reset(d);
	while (d->validations != NULL)
		validation_free(d->validations);
	free(d);
}

static void
send_out(
    struct delivery *d, uint64_t id, const char *url, const char *type, const char *body, size_t body_len, int64_t timeout_ms)
{
	const struct sim_options *o = &d->sim->options;
	struct sim_delivery out = { id, url, type, body, body_len, timeout_ms };

	if (o->deliver != NULL)
		o->deliver(o->deliver_arg, d->sim, &out);
	else
		delivery_outcome(d, id, 202, NULL, "", 0);
}

/* ---- posts ---- */

static void start_posts(struct outlet *o);

static bool
unlink_post(struct post **list, struct post *p)
{
	for (; *list != NULL; list = &(*list)->next) {
		if (*list != p)
			continue;
		*list = p->next;
		p->next = NULL;
		return true;
	}
	return false;
}

static void
make_ready(struct outlet *o, struct post *p)
{
	struct post **end = &o->ready;

	if (o->ready != NULL)
		end = o->ready_end;
	*end = p;
	p->next = NULL;
	o->ready_end = &p->next;
}

/* Facts 4.2: the shares of slow and very slow answers within ten minutes. */
static void
judge_endpoint(struct outlet *o, int64_t took_ms)
{
	int64_t now_ms = now_of(o->all);

	if (now_ms - o->window_ms >= STATE_WINDOW_MS) {
		o->window_ms = now_ms;
		o->answers = o->slow = o->very_slow = 0;
	}
	o->answers++;
	o->slow += took_ms >= FIRST_TIMEOUT_MS;
	o->very_slow += took_ms >= RETRY_TIMEOUT_MS;
	if (o->answers < STATE_ANSWERS_MIN)
		return;
	if (o->very_slow * 100 > o->answers * DROP_PERCENT)
		o->dropping_until_ms = now_ms + STATE_WINDOW_MS;
	else if (o->slow * 100 > o->answers * SLOW_PERCENT)
		o->delayed_until_ms = now_ms + STATE_WINDOW_MS;
}

static void
on_retry(void *arg)
{
	struct post *p = arg;
	struct outlet *o = p->outlet;

	unlink_post(&o->back, p);
	make_ready(o, p);
	start_posts(o);
}

static void
try_later(struct post *p)
{
	struct outlet *o = p->outlet;
	struct delivery *d = o->all;
	int64_t wait_ms = d->sim->settings.retry_first_ms, now_ms = now_of(d);

	for (unsigned i = 1; i < p->tries && wait_ms < RETRY_WAIT_MAX_MS; i++)
		wait_ms *= 2;
	if (wait_ms > RETRY_WAIT_MAX_MS)
		wait_ms = RETRY_WAIT_MAX_MS;
	wait_ms += (int64_t)rng_below(&d->sim->rng, (uint64_t)wait_ms / 4);
	timer_free(p->timer);
	p->timer = NULL;
	if (p->raw || now_ms + wait_ms - p->first_ms > d->sim->settings.retry_for_ms ||
	    (p->timer = timer_new(d->sim->clock, on_retry, p)) == NULL) {
		d->n.expired += (int64_t)p->items;
		d->n.pending -= (int64_t)p->items;
		post_free(p);
		return;
	}
	d->n.retried++;
	p->next = o->back;
	o->back = p;
	timer_arm(p->timer, wait_ms);
}

static void
post_over(struct post *p, int status)
{
	struct outlet *o = p->outlet;
	struct delivery *d = o->all;

	unlink_post(&o->away, p);
	o->away_count--;
	p->id = 0;
	judge_endpoint(o, now_of(d) - p->started_ms);
	if (status >= 200 && status < 300) {
		d->n.sent++;
		d->n.items_sent += (int64_t)p->items;
		d->n.pending -= (int64_t)p->items;
		post_free(p);
	} else {
		d->n.failed++;
		try_later(p);
	}
}

static void
on_timeout(void *arg)
{
	struct post *p = arg;
	struct outlet *o = p->outlet;

	post_over(p, 0);
	start_posts(o);
}

static void
log_post(const struct delivery *d, const struct post *p)
{
	const struct sim_options *o = &d->sim->options;
	json_t *body = NULL, *line;

	if (o->exchange == NULL || p->tries > 1 || p->raw || jx_parse(p->body, p->body_len, &body, NULL, 0) != ERR_OK)
		return;
	line = json_pack("{s:o}", "notification", body);
	o->exchange(o->exchange_arg, line);
	json_decref(line);
}

static void
start_post(struct post *p)
{
	struct outlet *o = p->outlet;
	struct delivery *d = o->all;
	int64_t timeout_ms = p->tries++ == 0 ? FIRST_TIMEOUT_MS : RETRY_TIMEOUT_MS;

	p->id = ++d->next_id;
	p->started_ms = now_of(d);
	p->next = o->away;
	o->away = p;
	o->away_count++;
	d->n.posts++;
	timer_free(p->timer);
	if ((p->timer = timer_new(d->sim->clock, on_timeout, p)) != NULL)
		timer_arm(p->timer, timeout_ms);
	log_post(d, p);
	/* p may be gone after this. */
	send_out(d, p->id, o->url, JSON_TYPE, p->body, p->body_len, timeout_ms);
}

static void
start_posts(struct outlet *o)
{
	if (o->starting)
		return;
	o->starting = true;
	while (o->ready != NULL && o->away_count < POSTS_AT_ONCE) {
		struct post *p = o->ready;

		o->ready = p->next;
		start_post(p);
	}
	o->starting = false;
}

/* Takes body. */
static void
new_post(struct outlet *o, char *body, size_t items, bool raw)
{
	struct post *p = must_alloc(sizeof(*p));

	p->outlet = o;
	p->body = body;
	p->body_len = strlen(body);
	p->items = items;
	p->raw = raw;
	p->first_ms = now_of(o->all);
	make_ready(o, p);
}

/* ---- items ---- */

/* One token for each app and tenant whose resource data goes along: facts 5. */
static void
add_tokens(struct sim *sim, json_t *body)
{
	const json_t *items = jx_get_array(body, "value"), *item;
	json_t *tokens = json_array(), *seen = json_object();
	size_t i;

	json_array_foreach((json_t *)items, i, item)
	{
		const struct subscription *x = sim_subscription_find(sim->subscriptions, jx_get_str(item, "subscriptionId"));
		char whose[2 * GUID_SIZE], *token;

		if (x == NULL || jx_get_object(item, "encryptedContent") == NULL)
			continue;
		(void)snprintf(whose, sizeof(whose), "%s %s", x->app_id, x->tenant->id);
		if (json_object_get(seen, whose) != NULL)
			continue;
		json_object_set_new(seen, whose, json_true());
		token = sim_signer_token(sim, x->app_id, x->tenant->id);
		json_array_append_new(tokens, json_string(token));
		free(token);
	}
	if (json_array_size(tokens) > 0)
		json_object_set(
		    body, "validationTokens", sim->settings.rich_fault == RICH_FAULT_NO_TOKENS ? json_null() : tokens);
	json_decref(tokens);
	json_decref(seen);
}

static void
close_batch(struct outlet *o, json_t **batch)
{
	json_t *body;

	if (json_array_size(*batch) == 0)
		return;
	body = json_pack("{s:O}", "value", *batch);
	add_tokens(o->all->sim, body);
	new_post(o, json_dumps(body, JSON_COMPACT), json_array_size(*batch), false);
	json_decref(body);
	json_decref(*batch);
	*batch = json_array();
}

static void
arm_flush(struct outlet *o)
{
	int64_t due_ms = INT64_MAX;

	for (size_t i = 0; i < o->waiting_count; i++)
		if (o->waiting[i].due_ms < due_ms)
			due_ms = o->waiting[i].due_ms;
	if (o->waiting_count > 0)
		timer_arm(o->flush, due_ms - now_of(o->all));
}

static void
on_flush(void *arg)
{
	struct outlet *o = arg;
	const struct settings *s = &o->all->sim->settings;
	int64_t now_ms = now_of(o->all);
	json_t *batch = json_array();
	size_t kept = 0;

	for (size_t i = 0; i < o->waiting_count; i++) {
		if (o->waiting[i].due_ms > now_ms + s->notify_window_ms) {
			o->waiting[kept++] = o->waiting[i];
			continue;
		}
		json_array_append_new(batch, o->waiting[i].item);
		if (json_array_size(batch) == (size_t)s->notify_batch_max)
			close_batch(o, &batch);
	}
	close_batch(o, &batch);
	json_decref(batch);
	o->waiting_count = kept;
	arm_flush(o);
	start_posts(o);
}

static struct outlet *
outlet_of(struct delivery *d, const char *url)
{
	struct outlet *o = sim_map_get(&d->by_url, url);

	if (o != NULL)
		return o;
	o = must_alloc(sizeof(*o));
	o->all = d;
	o->url = must_copy(url);
	o->flush = timer_new(d->sim->clock, on_flush, o);
	o->next = d->outlets;
	d->outlets = o;
	sim_map_put(&d->by_url, o->url, o);
	return o;
}

/* Takes item. */
static void
wait_in(struct outlet *o, json_t *item, int64_t delay_ms)
{
	struct delivery *d = o->all;
	const struct settings *s = &d->sim->settings;
	int64_t now_ms = now_of(d), due_ms = now_ms + delay_ms + s->notify_delay_ms + s->notify_window_ms;

	due_ms += (int64_t)rng_below(&d->sim->rng, (uint64_t)s->notify_jitter_ms);
	if (now_ms < o->dropping_until_ms) {
		d->n.dropped++;
		json_decref(item);
		return;
	}
	if (now_ms < o->delayed_until_ms && due_ms < o->delayed_until_ms)
		due_ms = o->delayed_until_ms;
	o->waiting = must_grow(o->waiting, o->waiting_count, &o->waiting_cap, sizeof(*o->waiting));
	o->waiting[o->waiting_count++] = (struct waiting){ item, due_ms };
	d->n.pending++;
	timer_arm_sooner(o->flush, due_ms - now_ms);
}

void
delivery_queue(struct delivery *d, const char *url, const char *subscription, json_t *item, int64_t delay_ms)
{
	const char *resource = jx_get_str(item, "resource");
	const struct fault *f =
	    faults_for_notification(&d->sim->faults, &d->sim->rng, subscription, resource == NULL ? "" : resource);
	struct outlet *o = outlet_of(d, url);

	d->n.queued++;
	switch (f == NULL ? FAULT_COUNT : f->kind) {
	case FAULT_DROP:
		d->n.dropped++;
		json_decref(item);
		return;
	case FAULT_DUPLICATE: wait_in(o, json_deep_copy(item), delay_ms + f->delay_ms); break;
	case FAULT_REORDER:
		delay_ms += (int64_t)rng_below(&d->sim->rng, (uint64_t)(f->delay_ms > 0 ? f->delay_ms : REORDER_MS));
		break;
	case FAULT_HOLD: delay_ms += f->delay_ms; break;
	default: break;
	}
	wait_in(o, item, delay_ms);
}

void
delivery_raw(struct delivery *d, const char *url, const char *body)
{
	struct outlet *o = outlet_of(d, url);

	d->n.queued++;
	d->n.pending++;
	new_post(o, must_copy(body), 1, true);
	start_posts(o);
}

/* ---- validation ---- */

static void
on_validation_turn(void *arg)
{
	struct validation *v = arg;
	delivery_validated done = v->done;
	void *done_arg = v->arg;
	const char *problem = v->over ? v->problem : "Subscription validation request timed out.";

	validation_free(v);
	done(done_arg, problem);
}

static const char *
judge_validation(const struct validation *v, int status, const char *content_type, const char *body, size_t body_len)
{
	if (status == 0)
		return "Subscription validation request timed out.";
	if (status != 200)
		return "Subscription validation request failed. Notification endpoint must respond with 200 OK to validation "
		       "request.";
	if (content_type == NULL || !str_starts(content_type, "text/plain"))
		return "Subscription validation request failed. Response content type must be text/plain.";
	if (body_len != strlen(v->token) || memcmp(body, v->token, body_len) != 0)
		return "Subscription validation request failed. Response must exactly match validationToken query parameter.";
	return NULL;
}

/* As Graph writes it: lower-case hex, + for spaces (facts 3). Gives it. */
static char *
validation_url(const char *url, const char *token)
{
	struct text t;

	text_init(&t, 16384);
	text_adds(&t, url);
	text_addf(&t, "%cvalidationToken=", strchr(url, '?') == NULL ? '?' : '&');
	for (const char *c = token; *c != '\0'; c++) {
		if (*c == ' ')
			text_adds(&t, "+");
		else if (*c == ':')
			text_adds(&t, "%3a");
		else
			text_add(&t, c, 1);
	}
	return text_take(&t);
}

void
delivery_validate(struct delivery *d, const char *url, delivery_validated done, void *arg)
{
	struct validation *v = must_alloc(sizeof(*v));
	char guid[GUID_SIZE], *full;

	v->all = d;
	v->done = done;
	v->arg = arg;
	v->id = ++d->next_id;
	v->next = d->validations;
	d->validations = v;
	sim_guid_make(&d->sim->rng, guid);
	snprintf(v->token, sizeof(v->token),
	    "Validation: Testing client application reachability for subscription Request-Id: %s", guid);
	v->timer = timer_new(d->sim->clock, on_validation_turn, v);
	timer_arm(v->timer, VALIDATE_TIMEOUT_MS);
	if (d->sim->options.deliver == NULL) {
		v->over = true;
		timer_arm(v->timer, 0);
		return;
	}
	full = validation_url(url, v->token);
	if (full != NULL)
		send_out(d, v->id, full, "text/plain; charset=utf-8", "", 0, VALIDATE_TIMEOUT_MS);
	free(full);
}

void
delivery_forget(struct delivery *d, const void *arg)
{
	struct validation *v = d->validations, *next;

	for (; v != NULL; v = next) {
		next = v->next;
		if (v->arg == arg)
			validation_free(v);
	}
}

/* ---- outcomes ---- */

static struct post *
find_away(struct delivery *d, uint64_t id)
{
	for (struct outlet *o = d->outlets; o != NULL; o = o->next)
		for (struct post *p = o->away; p != NULL; p = p->next)
			if (p->id == id)
				return p;
	return NULL;
}

void
delivery_outcome(struct delivery *d, uint64_t id, int status, const char *content_type, const char *body, size_t body_len)
{
	struct post *p = find_away(d, id);
	struct outlet *o;

	if (p != NULL) {
		o = p->outlet;
		post_over(p, status);
		start_posts(o);
		return;
	}
	for (struct validation *v = d->validations; v != NULL; v = v->next) {
		if (v->id != id || v->over)
			continue;
		v->problem = judge_validation(v, status, content_type, body, body_len);
		v->over = true;
		timer_arm(v->timer, 0);
		return;
	}
}

void
sim_delivered(struct sim *sim, uint64_t id, int status, const char *content_type, const char *body, size_t body_len)
{
	delivery_outcome(sim->delivery, id, status, content_type, body == NULL ? "" : body, body_len);
}

json_t *
delivery_show(const struct delivery *d)
{
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "queued", (json_int_t)d->n.queued, "sent",
	    (json_int_t)d->n.sent, "failed", (json_int_t)d->n.failed, "retried", (json_int_t)d->n.retried, "dropped",
	    (json_int_t)d->n.dropped, "expired", (json_int_t)d->n.expired, "items_sent", (json_int_t)d->n.items_sent, "posts",
	    (json_int_t)d->n.posts, "pending", (json_int_t)d->n.pending);
}

void
delivery_clear_counts(struct delivery *d)
{
	int64_t pending = d->n.pending;

	memset(&d->n, 0, sizeof(d->n));
	d->n.pending = pending;
}
