/*
 * subscription.h - the inside of a subscription, shared by its three parts; for sim/subscription*.c only.
 *
 * subscriptions.c keeps them and their times, subscription_items.c says what clients are told, subscription_calls.c
 * answers requests.
 */
#ifndef SIM_SUBSCRIPTION_H
#define SIM_SUBSCRIPTION_H

#include "base/clock.h"
#include "base/timestamp.h"
#include "sim/call.h"
#include "sim/subscriptions.h"

#define RESOURCE_MAX 512
#define NEVER        INT64_MAX

enum service { SERVICE_TEAMS, SERVICE_DIRECTORY, SERVICE_OUTLOOK };

/* What can be subscribed to. */
struct resource {
	const char *pattern; /* * is an id of what stands before it */
	enum service service;
	unsigned changes, permissions; /* bits of enum change; any of enum permission */
};

/* A notification made while the authorization had run out. */
struct paused {
	json_t *item;
	int64_t at_ms;
};

struct subscription {
	struct subscriptions *all;
	struct subscription *same; /* the next one of the same tenant and resource */
	uint64_t number;
	char id[GUID_SIZE], app_id[GUID_SIZE];
	struct tenant *tenant;
	const struct resource *kind;
	char *resource; /* as the client wrote it */
	char *key;      /* "tenant id|resource" in one spelling */
	unsigned changes;
	struct rich_key *rich; /* NULL: notifications without resource data */
	bool indirect;         /* asked for indirect changes of shared channels: facts 2.3 */
	bool immutable;        /* made with Prefer: IdType="ImmutableId": facts 9.5 */
	char *change_type, *url, *lifecycle_url, *client_state, *tls;
	int64_t expires_wall_ms, expires_ms, authorized_ms;
	char expires[TIMESTAMP_SIZE];               /* expires_wall_ms as it is shown */
	int64_t warn_expiry_ms, warn_authorized_ms; /* NEVER once warned */
	int64_t patched_ms, reauthorized_ms;        /* -NEVER: never */
	int64_t due_ms;                             /* when time does something to it next, in the list of all by that */
	struct subscription *next_due, *previous_due;
	struct paused *paused;
	size_t paused_count, paused_cap;
	uint64_t told;
	char *shown; /* as renewals and lists show it, without the expiry; NULL: not made yet */
	size_t shown_len;
};

struct subscriptions {
	struct sim *sim;
	struct subscription **list; /* in order of creation */
	size_t count, cap;
	uint64_t number;
	struct map by_id, by_key;
	struct subscription *first_due, *final_due;
	struct timer *wake; /* at the first's time, or earlier; NULL: none was made yet */
	struct handshake *handshakes;
};

void sim_subscription_free(struct subscription *x); /* one that is in no list */
void sim_subscription_add(struct subscriptions *s, struct subscription *x);
/* (Re)starts what time does to it; after each change of its times. */
void sim_subscription_arm(struct subscription *x);
/* Renews the authorization and lets go what waited for it. */
void sim_subscription_authorize(struct subscription *x);
void sim_subscription_set_expiry(struct subscription *x, int64_t wall_ms);
/* Something else than its times was: it is shown anew. */
void sim_subscription_changed(struct subscription *x);
/* As Graph shows it; clientState only on request. */
json_t *sim_subscription_show(const struct subscription *x, bool with_secret);
/* Takes item. Waits while there is no authorization. */
void sim_subscription_queue(struct subscription *x, const char *url, json_t *item, int64_t delay_ms);
/* Ends all requests that wait for a client's URL. */
void sim_handshakes_drop(struct subscriptions *s);

extern const char *const sim_change_names[3];

#endif
