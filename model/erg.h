/*
 * erg.h - one employee resource group: what the app asked for, what it is linked to, how it stands.
 */
#ifndef MODEL_ERG_H
#define MODEL_ERG_H

#include <stdbool.h>
#include <stdint.h>

#include "model/ids.h"
#include "model/policy.h"
#include "model/tenant.h"

#define ERG_NAME_SIZE    257
#define CHANNEL_URL_SIZE 2049
#define CHANNEL_ID_SIZE  128

enum erg_state { ERG_LINKING, ERG_IN_SYNC, ERG_WORKING, ERG_HELD, ERG_BROKEN, ERG_OFF };
extern const char *const erg_state_names[];

/* Kept up to date by every write of a member, so that no list is counted when somebody asks. */
struct erg_counts {
	int64_t app, teams, pending, unresolved, refused, private_;
	int64_t leaving; /* of app: the app has been told of their removal and has not answered yet */
};

struct erg {
	struct erg_id id;
	struct tenant_id tenant;
	char name[ERG_NAME_SIZE];
	char channel_url[CHANNEL_URL_SIZE];
	enum membership_policy membership;
	enum meetings_policy meetings; /* in effect */
	int64_t meetings_withheld;     /* its tenant has meetings off: the policy the app asked for, plus one; 0 = nothing */
	int64_t removal_limit, removal_percent; /* -1: the configuration's */
	char organizer[UPN_SIZE];               /* "": the tenant's */

	struct guid team_id;
	char channel_id[CHANNEL_ID_SIZE]; /* "" for a team link until General is looked up */
	enum channel_type channel_type;
	int64_t generation; /* grows when the link changes: older reads no longer count */

	enum erg_state state;
	char detail[DETAIL_SIZE];
	int64_t created_wall_ms, state_since_wall_ms;
	int64_t proved_wall_ms;       /* 0: never proved equal */
	int64_t read_wall_ms;         /* last complete read of the Teams side */
	int64_t teams_baseline_count; /* people in that read: an empty list later is suspicious */
	bool first_read_done;         /* the union of a first link has been made */
	struct erg_counts counts;
	struct guid organizer_id;           /* of organizer; "" until found */
	char organizer_detail[DETAIL_SIZE]; /* why it has not been found */
	bool
	    additions_only; /* what is stored of it may be outdated: nobody is removed until a full comparison has passed the guard */
};

#endif
