/*
 * Subscriptions, found by id, and by tenant and resource when something happens. Time does the next of: authorization near
 * its end, expiry near, expiry. One timer serves all, who stand in a list in the order in which they are due: a renewal, which
 * mostly puts off by as much as those before it, moves to the end of it.
 */
#include "sim/subscriptions.h"

#include <stdlib.h>
#include <string.h>

#include "sim/delivery.h"
#include "sim/memory.h"
#include "sim/rich.h"
#include "sim/subscription.h"

const char *const sim_change_names[3] = { "created", "updated", "deleted" };

struct subscriptions *
sim_subscriptions_new(struct sim *sim)
{
	struct subscriptions *s = must_alloc(sizeof(*s));

	s->sim = sim;
	return s;
}

static void
due_unlink(struct subscription *x)
{
	struct subscriptions *s = x->all;

	if (x->previous_due == NULL && s->first_due != x)
		return;
	*(x->previous_due != NULL ? &x->previous_due->next_due : &s->first_due) = x->next_due;
	*(x->next_due != NULL ? &x->next_due->previous_due : &s->final_due) = x->previous_due;
	x->previous_due = x->next_due = NULL;
	if (s->first_due == NULL)
		timer_stop(s->wake);
}

/* Behind those that are due at the same time. */
static void
due_link(struct subscription *x)
{
	struct subscriptions *s = x->all;
	struct subscription *before = s->final_due;

	while (before != NULL && before->due_ms > x->due_ms)
		before = before->previous_due;
	x->previous_due = before;
	x->next_due = before != NULL ? before->next_due : s->first_due;
	*(before != NULL ? &before->next_due : &s->first_due) = x;
	*(x->next_due != NULL ? &x->next_due->previous_due : &s->final_due) = x;
}

void
sim_subscription_free(struct subscription *x)
{
	if (x == NULL)
		return;
	due_unlink(x);
	for (size_t i = 0; i < x->paused_count; i++)
		json_decref(x->paused[i].item);
	free(x->paused);
	free(x->resource);
	free(x->key);
	free(x->change_type);
	free(x->url);
	free(x->lifecycle_url);
	free(x->client_state);
	free(x->tls);
	free(x->shown);
	rich_key_free(x->rich);
	free(x);
}

void
sim_subscription_add(struct subscriptions *s, struct subscription *x)
{
	x->number = ++s->number;
	x->same = sim_map_get(&s->by_key, x->key);
	sim_map_put(&s->by_key, x->key, x);
	sim_map_put(&s->by_id, x->id, x);
	s->list = must_grow(s->list, s->count, &s->cap, sizeof(struct subscription *));
	s->list[s->count++] = x;
}

static void
index_remove(struct subscriptions *s, struct subscription *x)
{
	struct subscription *head = sim_map_del(&s->by_key, x->key), **at = &head;
	size_t i = 0;

	while (*at != x)
		at = &(*at)->same;
	*at = x->same;
	if (head != NULL)
		sim_map_put(&s->by_key, head->key, head);
	sim_map_del(&s->by_id, x->id);
	while (s->list[i] != x)
		i++;
	memmove(&s->list[i], &s->list[i + 1], (s->count - i - 1) * sizeof(struct subscription *));
	s->count--;
}

void
sim_subscription_end(struct subscription *x)
{
	index_remove(x->all, x);
	sim_subscription_free(x);
}

void
sim_subscriptions_reset(struct subscriptions *s)
{
	sim_handshakes_drop(s);
	while (s->count > 0)
		sim_subscription_end(s->list[s->count - 1]);
}

void
sim_subscriptions_free(struct subscriptions *s)
{
	if (s == NULL)
		return;
	sim_subscriptions_reset(s);
	timer_free(s->wake);
	free(s->list);
	sim_map_done(&s->by_id);
	sim_map_done(&s->by_key);
	free(s);
}

struct subscription *
sim_subscription_find(const struct subscriptions *s, const char *id)
{
	struct subscription *x = sim_map_get(&s->by_id, id);
	char key[GUID_SIZE];

	/* As it was given, or in capitals. */
	return x == NULL && sim_guid_copy(key, id) ? sim_map_get(&s->by_id, key) : x;
}

static void
come_due(struct subscription *x, int64_t now_ms)
{
	if (now_ms >= x->expires_ms) {
		sim_subscription_end(x);
		return;
	}
	if (now_ms >= x->warn_expiry_ms || now_ms >= x->warn_authorized_ms) {
		if (now_ms >= x->warn_expiry_ms)
			x->warn_expiry_ms = NEVER;
		if (now_ms >= x->warn_authorized_ms)
			x->warn_authorized_ms = NEVER;
		sim_subscription_lifecycle(x, "reauthorizationRequired");
	}
	sim_subscription_arm(x);
}

static struct subscription *
due_take(struct subscriptions *s)
{
	struct subscription *x = s->first_due;

	s->first_due = x->next_due;
	*(x->next_due != NULL ? &x->next_due->previous_due : &s->final_due) = NULL;
	x->next_due = NULL;
	return x;
}

static void
on_wake(void *arg)
{
	struct subscriptions *s = arg;
	int64_t now_ms = clock_boot_ms(s->sim->clock);

	while (s->first_due != NULL && s->first_due->due_ms <= now_ms)
		come_due(due_take(s), now_ms);
	if (s->first_due != NULL)
		timer_arm(s->wake, s->first_due->due_ms - now_ms);
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

void
sim_subscription_arm(struct subscription *x)
{
	struct subscriptions *s = x->all;

	due_unlink(x);
	x->due_ms = earlier(x->expires_ms, earlier(x->warn_expiry_ms, x->warn_authorized_ms));
	due_link(x);
	if (s->wake == NULL)
		s->wake = timer_new(s->sim->clock, on_wake, s);
	if (s->first_due == x && s->wake != NULL)
		timer_arm_sooner(s->wake, x->due_ms - clock_boot_ms(s->sim->clock));
}

/* Half-way at the earliest: a short life is not all warning. */
static int64_t
warning_before(const struct sim *sim, int64_t now_ms, int64_t end_ms)
{
	int64_t half = now_ms + (end_ms - now_ms) / 2, wanted = end_ms - sim->settings.reauthorize_before_ms;

	return wanted > half ? wanted : half;
}

void
sim_subscription_queue(struct subscription *x, const char *url, json_t *item, int64_t delay_ms)
{
	struct sim *sim = x->all->sim;

	if (clock_boot_ms(sim->clock) < x->authorized_ms) {
		x->told++;
		delivery_queue(sim->delivery, url, x->id, item, delay_ms);
		return;
	}
	x->paused = must_grow(x->paused, x->paused_count, &x->paused_cap, sizeof(*x->paused));
	x->paused[x->paused_count++] = (struct paused){ item, clock_boot_ms(sim->clock) };
}

void
sim_subscription_authorize(struct subscription *x)
{
	struct sim *sim = x->all->sim;
	int64_t now_ms = clock_boot_ms(sim->clock);

	if (sim->settings.authorization_ms == 0) {
		x->authorized_ms = x->warn_authorized_ms = NEVER;
	} else {
		x->authorized_ms = now_ms + sim->settings.authorization_ms;
		x->warn_authorized_ms = warning_before(sim, now_ms, x->authorized_ms);
	}
	for (size_t i = 0; i < x->paused_count; i++) {
		if (now_ms - x->paused[i].at_ms <= sim->settings.retry_for_ms) {
			x->told++;
			delivery_queue(sim->delivery, x->url, x->id, x->paused[i].item, 0);
		} else {
			json_decref(x->paused[i].item);
		}
	}
	x->paused_count = 0;
}

void
sim_subscription_set_expiry(struct subscription *x, int64_t wall_ms)
{
	struct sim *sim = x->all->sim;
	int64_t now_ms = clock_boot_ms(sim->clock);

	x->expires_wall_ms = wall_ms;
	timestamp_format(wall_ms, x->expires);
	x->expires_ms = now_ms + (wall_ms - clock_wall_ms(sim->clock));
	x->warn_expiry_ms = warning_before(sim, now_ms, x->expires_ms);
}

void
sim_subscription_changed(struct subscription *x)
{
	free(x->shown);
	x->shown = NULL;
}

json_t *
sim_subscription_show(const struct subscription *x, bool with_secret)
{
	json_t *shown = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s?,s:s?,s:s,s:s,s:s,s:n,s:n,s:s?,s:n,s:n}", "id", x->id, "resource",
	    x->resource, "applicationId", x->app_id, "changeType", x->change_type, "notificationUrl", x->url,
	    "lifecycleNotificationUrl", x->lifecycle_url, "clientState", with_secret ? x->client_state : NULL,
	    "expirationDateTime", x->expires, "creatorId", x->app_id, "latestSupportedTlsVersion", x->tls, "includeResourceData",
	    "encryptionCertificate", "encryptionCertificateId", x->rich != NULL ? rich_key_id(x->rich) : NULL,
	    "notificationUrlAppId", "notificationQueryOptions");
	if (x->rich != NULL)
		json_object_set_new(shown, "includeResourceData", json_true());
	return shown;
}

json_t *
sim_subscriptions_show(const struct subscriptions *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->count; i++) {
		json_t *o = sim_subscription_show(s->list[i], true);

		json_object_set_new(o, "tenant", json_string(s->list[i]->tenant->id));
		json_object_set_new(o, "delivered", json_integer((json_int_t)s->list[i]->told));
		json_object_set_new(o, "pending", json_integer((json_int_t)s->list[i]->paused_count));
		json_array_append_new(list, o);
	}
	return json_pack("{s:o}", "subscriptions", list);
}
