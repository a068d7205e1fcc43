/*
 * throttle.h - Graph's documented limits as one table, and the buckets that keep us under them. Pure: time is an argument.
 *
 * Each operation counts against limits per app, per app + tenant, and per resource (team, channel, mailbox); all that hold a
 * call must have room. A bucket is spaced so that no window of its length ever holds more than the documented number.
 * Retry-After closes (service, tenant, resource) for all operations. Source: graph-facts section 11.
 */
#ifndef GRAPH_THROTTLE_H
#define GRAPH_THROTTLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/ids.h"

enum graph_service { GRAPH_TEAMS, GRAPH_DIRECTORY, GRAPH_OUTLOOK, GRAPH_SUBSCRIPTIONS, GRAPH_SERVICE_COUNT };

/* What all operations of a service share - 4 a second per team, 1 per channel, 4 at once per mailbox - is in throttle.c. */
/* clang-format off */
/*        name                  service         app + tenant    app, all tenants  per resource   units  text for logs
 *                                              count  ms       count  ms         count  ms             and metrics */
#define GRAPH_OPERATION_TABLE(X)                                                                                             \
	X(TEAM_GET,             TEAMS,          30,    1000,    300,   1000,      0,     0,     1,     "team_get")          \
	X(CHANNEL_GET,          TEAMS,          30,    1000,    600,   1000,      0,     0,     1,     "channel_get")       \
	X(CHANNEL_LIST,         TEAMS,          60,    1000,    1200,  1000,      1,     1000,  1,     "channel_list")      \
	X(TEAM_MEMBERS_GET,     TEAMS,          60,    1000,    1200,  1000,      0,     0,     1,     "team_members_get")  \
	X(CHANNEL_MEMBERS_GET,  TEAMS,          60,    1000,    1200,  1000,      0,     0,     1,     "channel_members_get")\
	X(TEAM_MEMBER_ADD,      TEAMS,          30,    1000,    300,   1000,      4,     60000, 1,     "team_member_add")   \
	X(TEAMS_READ,           TEAMS,          30,    1000,    1500,  1000,      0,     0,     1,     "teams_read")        \
	X(TEAMS_WRITE,          TEAMS,          30,    1000,    300,   1000,      0,     0,     1,     "teams_write")       \
	X(DIRECTORY_READ,       DIRECTORY,      3500,  10000,   0,     0,         0,     0,     2,     "directory_read")    \
	/* as 20 look-ups, whose limits a $batch counts against one by one */                                                \
	X(DIRECTORY_BATCH,      DIRECTORY,      3500,  10000,   0,     0,         0,     0,     40,    "directory_batch")   \
	X(GROUP_DELTA,          DIRECTORY,      3500,  10000,   0,     0,         0,     0,     3,     "group_delta")       \
	X(DIRECTORY_WRITE,      DIRECTORY,      3000,  150000,  0,     0,         0,     0,     1,     "directory_write")   \
	X(OUTLOOK_READ,         OUTLOOK,        0,     0,       0,     0,         0,     0,     1,     "outlook_read")      \
	X(OUTLOOK_WRITE,        OUTLOOK,        0,     0,       0,     0,         0,     0,     1,     "outlook_write")     \
	X(SUBSCRIPTION_WRITE,   SUBSCRIPTIONS,  500,   20000,   2000,  20000,     0,     0,     1,     "subscription_write")\
	X(SUBSCRIPTION_GET,     SUBSCRIPTIONS,  500,   20000,   2000,  20000,     0,     0,     1,     "subscription_get")  \
	X(SUBSCRIPTION_LIST,    SUBSCRIPTIONS,  25,    20000,   40,    20000,     0,     0,     1,     "subscription_list")
/* clang-format on */
#define X(name, ...) GRAPH_##name,
enum graph_operation { GRAPH_OPERATION_TABLE(X) GRAPH_OPERATION_COUNT };
#undef X

const char *graph_operation_name(enum graph_operation op);
enum graph_service graph_operation_service(enum graph_operation op);
const char *graph_service_name(enum graph_service service);

/* Where a call counts: an operation, and hashes of the tenant, resource and channel (0 = none). */
struct graph_place {
	enum graph_operation operation;
	uint64_t tenant, resource, channel;
};
/* resource and channel may be NULL or "". */
struct graph_place
graph_place_make(enum graph_operation op, const struct guid *directory, const char *resource, const char *channel);

struct graph_throttle;
struct graph_throttle *graph_throttle_new(void);    /* NULL: out of memory */
void graph_throttle_free(struct graph_throttle *t); /* NULL is fine */

#define GRAPH_THROTTLE_STALLED (-1) /* until a release */

/*
 * 0: taken, in every bucket at once; graph_throttle_release must follow when the answer came. Else nothing was taken:
 * milliseconds until it is worth asking again, or GRAPH_THROTTLE_STALLED when the resource has as many calls under way as
 * it may have. Out of memory counts as no limit known.
 */
int64_t graph_throttle_take(struct graph_throttle *t, const struct graph_place *place, int64_t now_ms);
void graph_throttle_release(struct graph_throttle *t, const struct graph_place *place);
/* Retry-After: nothing goes to this service, tenant and resource before now_ms + wait_ms. Never shortens. */
void graph_throttle_block(struct graph_throttle *t, const struct graph_place *place, int64_t now_ms, int64_t wait_ms);
/* Drops buckets that hold nothing any more; called by take now and then. Number of buckets left. */
size_t graph_throttle_trim(struct graph_throttle *t, int64_t now_ms);

#endif
