/*
 * jwt.h - texts in the shape of signed JWTs, with a signature that nobody can check.
 *
 * Signing in is what many clients do all the time, and most of what a token says stays the same from one to the next: an opening
 * is made once, and a token is an opening, its instants and a signature.
 */
#ifndef SIM_JWT_H
#define SIM_JWT_H

#include <stdint.h>

#include "base/json.h"
#include "base/random.h"

/* Header and claims (at least one) but for the instants. Takes claims, gives the text. */
char *sim_jwt_open(json_t *claims);
/* A token that begins so, is valid from now_s (Unix time) on for life_s, and has a signature like no other. Gives. */
char *sim_jwt_sign(const char *opening, struct rng *rng, int64_t now_s, int64_t life_s);
/* What stands behind the last dot: enough to tell a token by. NULL when there is no dot. */
const char *sim_jwt_signature(const char *token);

#endif
