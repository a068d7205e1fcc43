/*
 * policy.h - the few words the app and Graph share with us, each an enum with its table of names.
 *
 * The tables are NULL-terminated and in the order of the enum, so that jx_enum and name[value] both work.
 * Source: contract.md section 4; channel types are graph-facts section 8's membershipType.
 */
#ifndef MODEL_POLICY_H
#define MODEL_POLICY_H

/* Who decides on an ERG's members: both sides, one of them, or nobody. */
enum membership_policy { MEMBERSHIP_TWO_WAY, MEMBERSHIP_TEAMS, MEMBERSHIP_APP, MEMBERSHIP_OFF };
extern const char *const membership_policy_names[];

enum meetings_policy { MEETINGS_TWO_WAY, MEETINGS_APP, MEETINGS_OFF };
extern const char *const meetings_policy_names[];

/* The app asks for member or owner only; guest is what Teams says of a guest. */
enum role { ROLE_MEMBER, ROLE_OWNER, ROLE_GUEST };
extern const char *const role_names[];

/* Unknown: not read from Graph yet, or a type Graph may add. */
enum channel_type { CHANNEL_STANDARD, CHANNEL_PRIVATE, CHANNEL_SHARED, CHANNEL_UNKNOWN };
extern const char *const channel_type_names[];

#endif
