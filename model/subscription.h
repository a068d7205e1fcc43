/*
 * subscription.h - one Graph change-notification subscription we need, and how far it is. graph-facts sections 2, 6.
 */
#ifndef MODEL_SUBSCRIPTION_H
#define MODEL_SUBSCRIPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "model/client_state.h"
#include "model/ids.h"
#include "model/tenant.h"

#define SUBSCRIPTION_ID_SIZE            64
#define SUBSCRIPTION_RESOURCE_SIZE      256
#define SUBSCRIPTION_ENCRYPTION_ID_SIZE 65

enum subscription_kind {
	SUBSCRIPTION_TEAM_MEMBERS,
	SUBSCRIPTION_CHANNEL_MEMBERS,
	SUBSCRIPTION_MAILBOX_EVENTS,
	SUBSCRIPTION_TENANT_MEMBERS, /* of all teams of the tenant; object_id is empty */
	SUBSCRIPTION_KIND_COUNT
};
enum subscription_state {
	SUBSCRIPTION_WANTED,
	SUBSCRIPTION_ACTIVE,
	SUBSCRIPTION_FAILING,
	SUBSCRIPTION_LEAVING,
	SUBSCRIPTION_COVERED, /* of a team: that of the tenant tells of it; one of its own, if still there, is to go */
	SUBSCRIPTION_REFUSED, /* of a tenant: it does not work there; not asked for again before retry_wall_ms */
	SUBSCRIPTION_STATE_COUNT
};
/* Of public_url, when that was another one before. */
enum subscription_address {
	SUBSCRIPTION_AT_CURRENT,
	SUBSCRIPTION_AT_FORMER, /* all that Graph sends for it goes there */
	SUBSCRIPTION_AT_BOTH,   /* only its lifecycle notifications go to the former one */
};
extern const char *const subscription_address_names[]; /* current, former, both */
extern const char *const subscription_state_names[];   /* wanted, active, failing, leaving, covered, refused */

struct subscription {
	struct scope_id scope;
	struct tenant_id tenant;
	enum subscription_kind kind;
	struct guid object_id;                     /* the team or the mailbox's user */
	char resource[SUBSCRIPTION_RESOURCE_SIZE]; /* as sent to Graph: "/teams/{id}/members" */
	enum subscription_state state;
	char id[SUBSCRIPTION_ID_SIZE]; /* Graph's; "" while there is none */
	int64_t expires_wall_ms, renewed_wall_ms, created_wall_ms;
	int64_t retry_wall_ms, failures;
	int64_t generation; /* grows with each creation */
	char detail[DETAIL_SIZE];
	int64_t refusals;                                    /* of a tenant's: in a row */
	char encryption_id[SUBSCRIPTION_ENCRYPTION_ID_SIZE]; /* of a rich one: the key Graph was last told of; "" = basic */
	int64_t heard_wall_ms; /* of a tenant's: it has told of a change since it was made; 0 = not yet */
	int64_t
	    room; /* of a tenant's: teams that had their own when Graph had no room for more; 0 = that is not why it is there */
	bool no_room; /* of others: when last asked for Graph had no room for it */
	int64_t address,
	    lifecycle_address; /* marks of the public_url Graph sends to: reconciler/keeper_move_plan.h. 0 = not known */
	int64_t moved_wall_ms; /* when its notifications were moved to address; 0 = created there */
	bool pinned;           /* Graph refuses to move them */
};

#endif
