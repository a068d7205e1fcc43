/*
 * member.h - a person, and that person's membership of one ERG as each side last told it.
 *
 * person_id is our own number: it stays when the app learns to know somebody only Teams knew, or an
 * e-mail resolves. 0 is nobody.
 */
#ifndef MODEL_MEMBER_H
#define MODEL_MEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "model/ids.h"
#include "model/policy.h"
#include "model/tenant.h"

#define PERSON_NAME_SIZE   257
#define MEMBERSHIP_ID_SIZE 512

typedef uint64_t person_id;

/* Guests are known when Teams or the directory has shown them as such. */
enum person_kind { PERSON_UNKNOWN, PERSON_MEMBER, PERSON_GUEST };

enum resolution { RESOLUTION_NONE, RESOLUTION_DONE, RESOLUTION_NOT_FOUND, RESOLUTION_DISABLED, RESOLUTION_FAILED };

struct person {
	person_id id;
	struct tenant_id tenant;
	struct user_id user;     /* the app's id; "" while only Teams knows the person */
	struct guid entra_id;    /* "" while unresolved */
	struct guid home_tenant; /* "" = the ERG's tenant; else a guest of a shared channel */
	char email[EMAIL_SIZE];
	char name[PERSON_NAME_SIZE];
	enum resolution resolution;
	char resolution_detail[DETAIL_SIZE];
	int64_t resolved_wall_ms, resolve_again_wall_ms;
	enum person_kind kind;
};

/* What one side said last. */
struct side {
	bool present;
	enum role role;
	int64_t since_wall_ms;
};

enum member_status {
	MEMBER_SYNCED,
	MEMBER_ADDING_TO_TEAMS,
	MEMBER_REMOVING_FROM_TEAMS,
	MEMBER_ADDING_TO_APP,
	MEMBER_REMOVING_FROM_APP,
	MEMBER_UNRESOLVED,
	MEMBER_REFUSED_BY_TEAMS,
	MEMBER_REFUSED_BY_APP,
	MEMBER_HELD,
	MEMBER_PRIVATE,
	MEMBER_KEPT_IN_TEAMS
};
extern const char *const member_status_names[];

/* A write of ours whose result the other side has not shown yet. */
enum pending_write { PENDING_NONE, PENDING_ADD, PENDING_REMOVE, PENDING_ROLE };

/* What was decided of this removal when it was held: let it pass, or put the person back. */
enum plan_mark { PLAN_UNMARKED, PLAN_APPROVED, PLAN_RESTORE };

struct member {
	struct erg_id erg;
	person_id person;
	struct side app, teams;
	struct side base;                       /* what both agreed on; moves only when both are known to agree */
	bool private_;                          /* never pushed to Teams */
	bool kept_in_teams;                     /* removed here, still in the team for another ERG's sake */
	char membership_id[MEMBERSHIP_ID_SIZE]; /* Teams' opaque id; "" when not present there */
	enum member_status status;
	char detail[DETAIL_SIZE];
	int64_t since_wall_ms; /* of the status */
	/* towards Teams */
	enum pending_write teams_write;
	int64_t teams_write_wall_ms; /* when Graph acknowledged it, or its outcome became unknown */
	/* towards the app: the callback under way, 0 = none; its acknowledgement moves the base */
	uint64_t callback_seq;
	enum pending_write callback_write;
	struct side told;                /* what the app will have once it acknowledges, or what it refused for good */
	bool missing_once;               /* a write of unknown outcome was looked for and has not happened */
	int64_t attempts, retry_wall_ms; /* towards Teams: not before */
	enum plan_mark mark;
	/* the last callback queued about this person, 0 = the app has heard all; and what it has once it took that one */
	uint64_t queued_seq;
	struct side queued;
};

#endif
