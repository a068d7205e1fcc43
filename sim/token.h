/*
 * token.h - sign-in: apps, the token endpoint of facts 1.2 and 1.4, and who an access token stands for.
 */
#ifndef SIM_TOKEN_H
#define SIM_TOKEN_H

#include <stdbool.h>

struct call;
struct sim;

/* Adds or changes an app; certificate is PEM or NULL. False when the certificate cannot be read. */
bool sim_token_add_app(struct sim *sim, const char *client_id, const char *secret, const char *certificate);
/* POST /{tenant}/oauth2/v2.0/token; tenant is still percent-encoded. */
void sim_token_handle(struct call *c, const char *tenant);
/* Sets c->tenant and c->app_id, or refuses with 401. */
bool sim_token_authenticate(struct call *c);
void sim_token_expire_all(struct sim *sim);
void sim_token_done(struct sim *sim); /* frees apps and tokens */

#endif
