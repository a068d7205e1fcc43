/*
 * delegated.h - people who sign in: device codes and refresh tokens, facts 1.3.
 *
 * A refresh token is answered with a new one; the old one stays good, as Microsoft's does.
 */
#ifndef SIM_DELEGATED_H
#define SIM_DELEGATED_H

#include <stdbool.h>
#include <stddef.h>

struct call;
struct form;
struct sim;
struct tenant;
struct user;

/* POST /{tenant}/oauth2/v2.0/devicecode. */
void sim_delegated_device(struct call *c, const char *tenant);
/* The two grants of the token endpoint. */
void sim_delegated_grant_device(struct call *c, const struct form *f, const char *tenant);
void sim_delegated_grant_refresh(struct call *c, const struct form *f, const char *tenant);

/* A person has entered the code and signed in; user NULL: has declined. False when no such code waits. */
bool sim_delegated_decide(struct sim *sim, const struct tenant *tenant, const char *user_code, struct user *user);
/* All refresh tokens given to people of the tenant are refused with this AADSTS number from now on; 0: no more. How many. */
size_t sim_delegated_end(struct sim *sim, const struct tenant *tenant, int number);
void sim_delegated_done(struct sim *sim);

#endif
