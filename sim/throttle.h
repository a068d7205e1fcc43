/*
 * throttle.h - the limits of facts 11, counted per bucket. Pure but for its own counts; times are boot_ms.
 *
 * A call that was throttled counts on, as Graph's does: whoever repeats at once waits longer.
 */
#ifndef SIM_THROTTLE_H
#define SIM_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/map.h"

/* What a route counts as. */
enum traffic {
	TRAFFIC_NONE,
	TRAFFIC_IDENTITY_READ,
	TRAFFIC_IDENTITY_WRITE,
	TRAFFIC_SUBSCRIPTION_WRITE,
	TRAFFIC_SUBSCRIPTION_REAUTHORIZE,
	TRAFFIC_SUBSCRIPTION_GET,
	TRAFFIC_SUBSCRIPTION_LIST,
	TRAFFIC_TEAM_GET,
	TRAFFIC_CHANNEL_GET,
	TRAFFIC_CHANNEL_LIST,
	TRAFFIC_TEAM_MEMBERS,
	TRAFFIC_MEMBER_ADD,
	TRAFFIC_CHANNEL_MEMBERS,
	TRAFFIC_TEAMS_GET,
	TRAFFIC_TEAMS_WRITE,
	TRAFFIC_OUTLOOK
};

/* An app in a tenant: whoever has a token is one. */
struct throttle_party;

struct throttle {
	struct map parties;
};

/* Who and what a call is about; NULL members are not counted by. */
struct throttle_call {
	enum traffic traffic;
	unsigned units;          /* of identity calls; others 1 */
	unsigned identity_limit; /* units in 10 s, by size of tenant */
	const char *team, *channel, *mailbox;
};

struct throttle_verdict {
	bool over;
	bool early; /* came before a Retry-After given in this bucket was over */
	int64_t retry_after_s;
	const char *limit; /* the limit's name; static */
};

/* Borrowed until sim_throttle_done. */
struct throttle_party *sim_throttle_party(struct throttle *t, const char *app, const char *tenant);
struct throttle_verdict sim_throttle_count(struct throttle_party *p, const struct throttle_call *call, int64_t now_ms);
void sim_throttle_done(struct throttle *t); /* forgets all; empty again */

#endif
