/*
 * world.h - what exists in the simulated Microsoft 365: tenants, people, teams, channels and who is in them.
 *
 * Only data and its invariants; who may do what is decided by the callers. No clock: times are boot_ms arguments.
 * A list read sees a write only from a moment on (shown_ms, hidden_ms), as Graph's replicas do; the truth is at once.
 * All objects live until world_done; "deleted" is a flag.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "sim/map.h"

#define GUID_LEN        36
#define GUID_SIZE       (GUID_LEN + 1)
#define CHANNEL_ID_SIZE 128
#define MEMBER_ID_SIZE  88
#define MEMBER_HERE     INT64_MAX

/* graph-facts 1.5: the application permissions that matter to anything simulated. */
#define PERMISSION_TABLE(X)                                                                                                      \
	X(USER_READ, "User.Read.All")                                                                                            \
	X(GROUP_READ, "Group.Read.All")                                                                                          \
	X(GROUP_MEMBER_READ, "GroupMember.Read.All")                                                                             \
	X(GROUP_MEMBER_WRITE, "GroupMember.ReadWrite.All")                                                                       \
	X(TEAM_READ, "Team.ReadBasic.All")                                                                                       \
	X(CHANNEL_READ, "Channel.ReadBasic.All")                                                                                 \
	X(TEAM_MEMBER_READ, "TeamMember.Read.All")                                                                               \
	X(TEAM_MEMBER_WRITE, "TeamMember.ReadWrite.All")                                                                         \
	X(TEAM_MEMBER_NONOWNER, "TeamMember.ReadWriteNonOwnerRole.All")                                                          \
	X(CHANNEL_MEMBER_READ, "ChannelMember.Read.All")                                                                         \
	X(CHANNEL_MEMBER_WRITE, "ChannelMember.ReadWrite.All")                                                                   \
	X(CALENDARS_READ, "Calendars.Read")                                                                                      \
	X(CALENDARS_WRITE, "Calendars.ReadWrite")

#define X(name, text) PERMISSION_BIT_##name,
enum permission_bit { PERMISSION_TABLE(X) PERMISSION_COUNT };
#undef X
#define X(name, text) PERMISSION_##name = 1u << PERMISSION_BIT_##name,
enum permission { PERMISSION_TABLE(X) PERMISSION_ALL = (1u << PERMISSION_COUNT) - 1 };
#undef X

enum consent { CONSENT_GRANTED, CONSENT_WITHDRAWN, CONSENT_ABSENT };
enum role { ROLE_MEMBER, ROLE_OWNER, ROLE_GUEST };
enum channel_type { CHANNEL_STANDARD, CHANNEL_PRIVATE, CHANNEL_SHARED };
/* Denied: there, but a policy keeps the application out. Guests and the unlicensed have none in any case. */
enum mailbox_access { MAILBOX_OPEN, MAILBOX_ABSENT, MAILBOX_DENIED };
/* Documents disagree on them (facts 2.3). Deaf: granted, but nothing is told by them. */
enum wide { WIDE_GRANTED, WIDE_DEAF };

struct tenant {
	char id[GUID_SIZE];
	char *domain;
	enum consent consent;
	unsigned permissions; /* enum permission bits */
	int wide;             /* subscriptions for all teams: enum wide, or the status that creating one is refused with */
	struct user **users;
	size_t user_count, user_cap;
	struct team **teams;
	size_t team_count, team_cap;
};

struct user {
	struct tenant *tenant;
	char id[GUID_SIZE];
	char *upn, *mail, *name;  /* mail may be NULL */
	char *upn_key, *mail_key; /* of the login index */
	bool disabled, guest, unlicensed, deleted;
	enum mailbox_access mailbox;
};

struct member {
	uint64_t seq; /* unique in the world; the id is made of it */
	struct user *user;
	int64_t shown_ms, hidden_ms; /* MEMBER_HERE while a member */
	int64_t role_ms;             /* before this, list reads see old_role */
	uint8_t role, old_role;
};

/* In order of seq. Those who left stay for a while, for reads that lag. */
struct roster {
	struct member *list;
	size_t count, cap, live, owners;
	struct map by_user; /* user id -> seq of the present member */
	int64_t listed_ms;  /* last full list; 0 = never */
	int64_t added_ms;   /* last single add; 0 = never */
};

struct team_change {
	uint64_t seq;
	int64_t shown_ms;
	struct user *user;
	bool removed;
};

struct channel {
	struct team *team;
	char id[CHANNEL_ID_SIZE];
	char *name;
	enum channel_type type;
	bool general, deleted;
	struct roster roster; /* private and shared ones; a standard channel has its team's */
	struct team **shared_with;
	size_t shared_count, shared_cap;
};

struct team {
	struct tenant *tenant;
	char id[GUID_SIZE];
	char *name;
	bool archived, deleted, dynamic, synced;
	uint64_t created_seq;
	struct roster roster;
	struct channel **shared_in; /* other teams' channels that are shared with this one */
	size_t shared_in_count, shared_in_cap;
	struct channel **channels; /* the first is General */
	size_t channel_count, channel_cap;
	struct team_change *log; /* for groups/delta */
	size_t log_count, log_cap;
};

struct world {
	struct rng *rng;
	uint64_t seq;
	struct tenant **tenants;
	size_t tenant_count, tenant_cap;
	struct map tenants_by_name; /* id and domain */
	struct map users_by_id;
	struct map users_by_login; /* "tenant id|upn or mail" in lower case */
	struct map teams_by_id;
	struct map channels_by_id;
};

void world_init(struct world *w, struct rng *rng);
void world_done(struct world *w);

void sim_guid_make(struct rng *rng, char ret[GUID_SIZE]);
bool sim_guid_valid(const char *s);
/* Copies in lower case; false when not a GUID. */
bool sim_guid_copy(char ret[GUID_SIZE], const char *s);

int sim_permission_find(const char *name); /* enum permission_bit, or -1 */
const char *sim_permission_name(enum permission_bit bit);
const char *sim_role_name(enum role role);
const char *sim_channel_type_name(enum channel_type type);

struct tenant *world_tenant(const struct world *w, const char *id_or_domain);
struct user *world_user_by_id(const struct world *w, const char *id);
/* By object id, UPN or mail, of that tenant; deleted ones are not found. */
struct user *world_user(const struct world *w, const struct tenant *tenant, const char *name);
struct team *world_team(const struct world *w, const char *id);       /* also a deleted one */
struct channel *world_channel(const struct world *w, const char *id); /* also a deleted one */

/* Each copies its strings; id NULL draws one. The id must be new. */
struct tenant *world_add_tenant(struct world *w, const char *id, const char *domain);
void sim_tenant_set_domain(struct world *w, struct tenant *tenant, const char *domain);
struct user *world_add_user(struct world *w, struct tenant *tenant, const char *id); /* made-up name, UPN and mail */
void
sim_user_set_names(struct world *w, struct user *user, const char *upn, const char *mail, const char *name); /* NULL: as it was */
struct team *world_add_team(struct world *w, struct tenant *tenant, const char *id, const char *name);       /* with General */
struct channel *world_add_channel(struct world *w, struct team *team, const char *id, const char *name, enum channel_type type);

/* The roster a channel shows: its own, or its team's. */
struct roster *sim_channel_roster(struct channel *channel);
/* Shares with exactly these teams. Copies the list. */
void sim_channel_share(struct channel *channel, struct team *const *teams, size_t count);

struct member *roster_by_user(const struct roster *r, const struct user *user); /* present ones only */
struct member *roster_by_seq(const struct roster *r, uint64_t seq);             /* present ones only */
/* The place of the first member behind seq. */
size_t roster_after(const struct roster *r, uint64_t seq);
bool sim_member_seen(const struct member *m, int64_t now_ms);
enum role sim_member_role_seen(const struct member *m, int64_t now_ms);

/* The user must not be present. log is the team's change log for a team's roster, else NULL. What is returned moves with the next change. */
struct member *
roster_add(struct world *w, struct roster *r, struct team *log, struct user *user, enum role role, int64_t shown_ms);
void roster_remove(struct world *w, struct roster *r, struct team *log, struct member *m, int64_t now_ms, int64_t hidden_ms);
void roster_set_role(struct roster *r, struct member *m, enum role role, int64_t shown_ms);

/* The membership id, opaque as Graph's: base64 with characters that need percent-encoding. */
void sim_member_id(const struct team *team, const struct member *m, char ret[MEMBER_ID_SIZE]);
bool sim_member_id_parse(const struct team *team, const char *id, uint64_t *ret_seq);

#endif
