/*
 * subscriptions.h - who is told of what: facts 2, 3 and 6.
 *
 * A subscription is made only after its URLs answered the validation; it ends at its expiry. Deliveries pause
 * when the authorization behind it has run out, and come after a PATCH or reauthorize in time.
 */
#ifndef SIM_SUBSCRIPTIONS_H
#define SIM_SUBSCRIPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "sim/world.h"

struct sim;
struct subscription;
struct subscriptions;

enum change { CHANGE_CREATED, CHANGE_UPDATED, CHANGE_DELETED };

enum happening_kind {
	HAPPENING_TEAM_MEMBER,
	HAPPENING_CHANNEL_MEMBER,
	HAPPENING_TEAM,
	HAPPENING_CHANNEL,
	HAPPENING_USER,
	HAPPENING_EVENT
};

/* Something that subscribers may want to hear of. Pointers that do not apply are NULL. */
struct happening {
	enum happening_kind kind;
	enum change change;
	struct tenant *tenant;
	struct team *team;
	struct channel *channel;
	struct user *user;
	char member_id[MEMBER_ID_SIZE];
	bool indirect;                              /* HAPPENING_CHANNEL_MEMBER by way of a team the channel is shared with */
	const char *event_id, *immutable_id, *etag; /* HAPPENING_EVENT */
	int64_t delay_ms;                           /* told so much later */
};

struct subscriptions *sim_subscriptions_new(struct sim *sim);
void sim_subscriptions_free(struct subscriptions *s);  /* NULL is fine */
void sim_subscriptions_reset(struct subscriptions *s); /* ends all, silently */

void sim_subscriptions_tell(struct subscriptions *s, const struct happening *h);

struct subscription *sim_subscription_find(const struct subscriptions *s, const char *id);
void sim_subscription_end(struct subscription *x); /* silently */
/* Queues a lifecycle event; subscriptionRemoved also ends the subscription. False when there is no such event. */
bool sim_subscription_lifecycle(struct subscription *x, const char *event);
/* Queues `repeat` change notifications made by hand; NULL texts take the usual ones. */
void
sim_subscription_notify(struct subscription *x, const char *resource, const char *change, const char *member, uint64_t repeat);
/* Sends body as it is to the notification URL. */
void sim_subscription_send(struct subscription *x, const char *body);

json_t *sim_subscriptions_show(const struct subscriptions *s);

#endif
