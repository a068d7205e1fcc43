/*
 * event_join.h - the join link of an online meeting and the block in the body that carries it: facts 9.1 and 9.3.
 */
#ifndef SIM_EVENT_JOIN_H
#define SIM_EVENT_JOIN_H

#include "base/json.h"
#include "sim/world.h"

/* NULL while there is none. */
const char *event_join_url(const json_t *state);
/* Makes the link of u's meeting and puts its block behind the body. */
void event_join_add(struct rng *rng, const struct user *u, json_t *state);
/* Puts the block of url behind the state's body. */
void event_join_block(json_t *state, const char *url);

#endif
