/*
 * members.h - joining, leaving and roles: the rules of facts 8, shared by Graph calls and the control API.
 */
#ifndef SIM_MEMBERS_H
#define SIM_MEMBERS_H

#include <stdbool.h>

#include "base/json.h"
#include "sim/world.h"

struct refusal;
struct sim;

/* Where: a team, or one of its private or shared channels. */
struct place {
	struct team *team;
	struct channel *channel; /* NULL: the team itself */
};

struct roster *place_roster(const struct place *p);

/* How far a change is seen and heard: by whom it was made. */
struct change_way {
	int64_t lag_ms;
	bool quiet; /* no notification */
};

/* Do what was already judged. Each notifies; leaving a team also leaves its private channels. */
struct member *place_join(struct sim *sim, const struct place *p, struct user *user, enum role role, struct change_way way);
void place_leave(struct sim *sim, const struct place *p, struct user *user, struct change_way way);
void place_set_role(struct sim *sim, const struct place *p, struct user *user, enum role role, struct change_way way);

/* As Graph shows it: facts 8.1. */
json_t *sim_member_json(const struct team *team, const struct member *m, int64_t read_ms);

#endif
