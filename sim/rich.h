/*
 * rich.h - notifications with resource data: facts 5. Encrypts to a client's certificate, signs validation tokens, shows the keys.
 *
 * The key that signs is made when first needed, and made anew by sim_rich_roll: the old one stays in the set.
 */
#ifndef SIM_RICH_H
#define SIM_RICH_H

#include <stdint.h>

#include "base/json.h"

struct call;
struct rng;
struct sim;

/* A client's certificate and what the client calls it. */
struct rich_key;

/* base64 of DER. NULL with *problem, static, when Graph would not take it. Gives. */
struct rich_key *rich_key_new(const char *certificate, const char *id, const char **problem);
void rich_key_free(struct rich_key *key); /* NULL is fine */
const char *rich_key_id(const struct rich_key *key);

/* "encryptedContent" of a resource, by a content key drawn from rng. Borrows resource. */
json_t *rich_encrypt(struct rng *rng, const struct rich_key *key, const json_t *resource);

/* What sim_signer_token can be told to do wrong: settings.rich_fault. */
enum rich_fault {
	RICH_FAULT_NONE,
	RICH_FAULT_NO_TOKENS,
	RICH_FAULT_FOREIGN_KEY,
	RICH_FAULT_PUBLISHER,
	RICH_FAULT_DATA,
	RICH_FAULT_COUNT
};

struct signer;
void signer_free(struct signer *s); /* NULL is fine */
/* A validation token for one app and tenant. Gives. */
char *sim_signer_token(struct sim *sim, const char *app_id, const char *tenant_id);
/* The next token is signed by a key that the set did not have before. */
void sim_signer_roll(struct sim *sim);
/* GET /common/discovery/v2.0/keys, and of the older version. */
void sim_signer_handle(struct call *c, const char *tenant);

#endif
