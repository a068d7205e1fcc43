/*
 * validation_token.h - the JWTs that come with rich notifications: is this POST from Microsoft, for this app and this tenant? Pure.
 *
 * By graph-facts section 5 and RFC 8725: RS256 and nothing else; the key by its id from the login service's set, never from the
 * token; issuer, audience and tenant exact; the publisher is Microsoft's own change-notification app. The signature is checked by
 * libjose, the claims here. Any refusal makes the whole POST a plain hint.
 */
#ifndef GRAPH_VALIDATION_TOKEN_H
#define GRAPH_VALIDATION_TOKEN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/ids.h"

#define VALIDATION_TOKEN_MAX_LEN 8192
#define VALIDATION_KEY_ID_MAX    128
#define VALIDATION_SKEW_S        300 /* RFC 8725's "small": five minutes */
/* "Microsoft Graph Change Tracking" */
#define VALIDATION_PUBLISHER "0bf30f3b-4a52-48df-9a82-234910c4a086"

struct validation_expect {
	const json_t *keys;        /* a JWK set: {"keys": [...]}; borrowed, NULL = none yet */
	const char *client_id;     /* our app */
	const char *login_url;     /* issuers of national clouds have their own hosts */
	const struct guid *tenant; /* directory id */
	int64_t now_s;             /* Unix time, Graph's rather than ours */
};

/*
 * ERR_OK; ERR_NOTFOUND: its key is not in the set (it may be in a newer one); ERR_MALFORMED: no JWT of ours to check;
 * ERR_UNAUTHORIZED: anything else about it is wrong. *why, static, says what, for a log.
 */
enum err validation_token_check(const char *token, size_t len, const struct validation_expect *expect, const char **why);

/*
 * The directory that the token says it is of, unproved: a POST with items of several tenants has a token for each, and every one
 * is checked against its own. False: it names none.
 */
bool validation_token_tenant(const char *token, size_t len, struct guid *ret);

#endif
