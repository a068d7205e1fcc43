/*
 * token.h - sign-in: apps, the token endpoint of facts 1.2 to 1.4, and who an access token stands for.
 */
#ifndef SIM_TOKEN_H
#define SIM_TOKEN_H

#include <stdbool.h>

#include "base/json.h"

struct call;
struct form;
struct sim;
struct user;

/* Refusals that have an OAuth word and no AADSTS number that we know of. */
#define SIM_DECLINED  (-1)
#define SIM_SLOW_DOWN (-2)

/* Adds or changes an app; certificate is PEM or NULL. False when the certificate cannot be read. */
bool sim_token_add_app(struct sim *sim, const char *client_id, const char *secret, const char *certificate, bool confidential);
/* POST /{tenant}/oauth2/v2.0/token; tenant is still percent-encoded. */
void sim_token_handle(struct call *c, const char *tenant);
/* Sets c->tenant, c->app_id and c->user, or refuses with 401. */
bool sim_token_authenticate(struct call *c);
void sim_token_expire_all(struct sim *sim);
void sim_token_done(struct sim *sim); /* frees apps and tokens */

/* For the other grants. A refusal by AADSTS number, or one of the above. */
void sim_token_refuse(struct call *c, int number);
/* 0, or why the app may not sign in: no secret or certificate, or a wrong one. Of a person's sign-in: a public client needs none. */
int sim_token_check_app(const struct call *c, const struct form *f, const char *tenant, bool person);
/* The body of a good answer, with a new token of c->tenant; user NULL: of the app itself. Gives. */
json_t *sim_token_issue(struct call *c, const char *client_id, struct user *user);
/* A JWT in shape, with times and a signature that nobody can check. Takes claims, gives the text. */
char *sim_token_jwt(struct call *c, json_t *claims);

#endif
