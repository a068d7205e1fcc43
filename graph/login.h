/*
 * login.h - what is said to Microsoft's sign-in service, and what its answers mean. Pure.
 *
 * An app signs in as itself (a secret or a certificate) or for a person, the dedicated account, by that account's refresh token.
 * Source: graph-facts sections 1.1 to 1.4, and "reference-error-codes" of Microsoft's entra-docs.
 */
#ifndef GRAPH_LOGIN_H
#define GRAPH_LOGIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "model/ids.h"
#include "model/tenant.h"

#define GRAPH_LOGIN_TOKEN_MAX  16384 /* real ones are 1.5 to 4 KiB */
#define GRAPH_LOGIN_LIFE_MAX_S (28 * 3600)
#define GRAPH_OUT_OF_TIME      700024 /* our assertion was dated wrongly */
#define GRAPH_PROOF_MISSING    7000218
#define GRAPH_PROOF_UNWANTED   700025

/* What an answer of the token endpoint means. */
struct graph_login_verdict {
	enum err err;         /* ERR_OK: token and life_s are set */
	bool passing;         /* trying again soon may help */
	const char *token;    /* borrowed from the JSON, as are the next two */
	const char *refresh;  /* a person's: to be kept before token is used; NULL: none came */
	const char *id_token; /* a person's: who it was; NULL: none came */
	int64_t life_s;
	enum tenant_state state;  /* of the tenant, while err is not ERR_OK */
	int64_t aadsts;           /* 0: none */
	char detail[DETAIL_SIZE]; /* what failed and what to do next */
};
void graph_login_judge(enum err transport, int status, const json_t *json, bool person, struct graph_login_verdict *ret);

/* Form-encoded bodies, appended to t; the scope is the origin of graph_wire_name(base_url) + "/.default". They hold secrets: wipe them. */
void graph_login_body_app(struct text *t, const char *client_id, const char *base_url);
void graph_login_body_refresh(struct text *t, const char *client_id, const char *base_url, const char *refresh);
void graph_login_body_device(struct text *t, const char *client_id, const char *base_url);
void graph_login_body_poll(struct text *t, const char *client_id, const char *device_code);
/* What proves that it is the app that asks. */
void graph_login_add_secret(struct text *t, const char *client_secret);
void graph_login_add_assertion(struct text *t, const char *assertion);
/* "{login_url}/{directory}/oauth2/v2.0/{endpoint}" */
void graph_login_url(struct text *t, const char *login_url, const struct guid *directory, const char *endpoint);

/* The claims of a JWT, unverified: for advice and for what came straight from the service over TLS. NULL: unreadable. Gives. */
json_t *graph_login_claims(const char *jwt);

#endif
