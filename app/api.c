/*
 * The order of checks is the same for every call: who asks (401), path (404), method (405), ids in the path (400), body
 * (400 and 422), the operation itself.
 */
#include "app/api.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/answers.h"
#include "app/api_call.h"
#include "app/feed.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "net/http_server.h"

#define AUTHORIZATION_MAX 4096

/* ---------- one request ---------- */

static bool
token_good(const struct app_api *api, const char *authorization)
{
	static const char scheme[] = "Bearer ";
	struct span token;
	uint8_t digest[HASH_LEN];

	if (!api->has_token || authorization == NULL || strnlen(authorization, AUTHORIZATION_MAX) >= AUTHORIZATION_MAX)
		return false;
	if (strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0)
		return false;
	authorization += sizeof(scheme) - 1;
	token = (struct span){ authorization, strlen(authorization) };
	sha256(&token, 1, digest);
	return hash_equal(digest, api->token_digest, HASH_LEN);
}

static enum err
authorize(struct api_call *c)
{
	if (http_exchange_is_unix(c->x) || token_good(c->api, http_exchange_header(c->x, "Authorization")))
		return ERR_OK;
	str_copy(c->header, sizeof(c->header), "WWW-Authenticate: Bearer realm=\"ergsync\"");
	return problem_set(
	    &c->problem, PROBLEM_UNAUTHORIZED, "Send \"Authorization: Bearer\" and the token of [app] token_file.");
}

static enum err
body_read(struct api_call *c)
{
	char why[160];
	size_t len;
	const char *body = http_exchange_body(c->x, &len);

	if (c->route->body == BODY_NONE || (c->route->body == BODY_OPTIONAL && len == 0))
		return ERR_OK;
	if (jx_parse(body, len, &c->body, why, sizeof(why)) == ERR_OK)
		return ERR_OK;
	return problem_set(&c->problem, PROBLEM_BAD_JSON, "%s.", len == 0 ? "A JSON object is needed as the body" : why);
}

/* An operation the backend leaves out. */
static enum err
op_present(struct api_call *c)
{
	void (*op)(void);

	memcpy(&op, (const char *)c->api->ops + c->route->op, sizeof(op));
	if (op != NULL)
		return ERR_OK;
	return problem_set(&c->problem, PROBLEM_UNSUPPORTED, "This version does not do that yet.");
}

static enum err
call_run(struct api_call *c)
{
	struct api_path path;
	enum err e;

	if ((e = authorize(c)) != ERR_OK)
		return e;
	if (!api_path_split(http_exchange_path(c->x), &path))
		return problem_set(&c->problem, PROBLEM_UNKNOWN_PATH, "The API begins at /v1/status.");
	if ((e = api_route_find(c, &path)) != ERR_OK || (e = api_path_ids_read(c, &path)) != ERR_OK ||
	    (e = op_present(c)) != ERR_OK || (e = body_read(c)) != ERR_OK)
		return e;
	return c->route->handle(c);
}

/* What is refused without a problem gets one, so that every refusal has its sentence. */
static void
problem_complete(struct api_call *c, enum err e)
{
	if (c->problem.kind != PROBLEM_NONE)
		return;
	if (c->errors != NULL)
		c->problem.kind = PROBLEM_BAD_BODY;
	else
		problem_set(&c->problem, problem_of_err(e), "It failed: %s.", err_text(e));
}

static void
call_refuse(struct api_call *c, enum err e)
{
	problem_complete(c, e);
	if (problem_status(c->problem.kind) == 500)
		log_put(LOG_ERROR, "app_api_failed", LS("route", c->route == NULL ? "-" : c->route->template),
		    LS("err", err_name(e)));
	if (problem_status(c->problem.kind) == 503)
		str_copy(c->header, sizeof(c->header), "Retry-After: 10");
	answers_problem(c->api->answers, c->x, &c->problem, c->errors, c->header[0] != '\0' ? c->header : NULL);
}

void
app_api_handle(void *api, struct http_exchange *x)
{
	struct api_call c = { .api = api, .x = x };
	enum err e = call_run(&c);

	if (e != ERR_OK) {
		json_decref(c.json);
		call_refuse(&c, e);
	} else if (!c.answered) {
		answers_json(c.api->answers, x, c.status, c.json, c.header[0] != '\0' ? c.header : NULL);
	}
	json_decref(c.body);
	json_decref(c.errors);
}

/* ---------- the object ---------- */

enum err
app_api_set_token(struct app_api *api, const char *token)
{
	struct span span = { token, token == NULL ? 0 : strlen(token) };

	api->has_token = span.len > 0;
	if (span.len >= AUTHORIZATION_MAX - sizeof("Bearer "))
		return ERR_TOOBIG;
	if (api->has_token)
		sha256(&span, 1, api->token_digest);
	return ERR_OK;
}

enum err
app_api_new(const struct app_api_options *options, struct app_api **ret)
{
	struct app_api *api = calloc(1, sizeof(*api));
	enum err e = ERR_NOMEM;

	if (api == NULL)
		return ERR_NOMEM;
	api->ops = options->ops;
	api->ctx = options->ctx;
	if ((api->answers = answers_new(options->ops, options->ctx)) != NULL &&
	    (api->feed = feed_new(options->ops, options->ctx, options->clock, api->answers)) != NULL)
		e = app_api_set_token(api, options->token);
	if (e == ERR_OK)
		*ret = api;
	else
		app_api_free(api);
	return e;
}

void
app_api_free(struct app_api *api)
{
	if (api == NULL)
		return;
	feed_free(api->feed);
	answers_free(api->answers);
	free(api);
}

void
app_api_changes_arrived(struct app_api *api)
{
	feed_arrived(api->feed);
}

unsigned
app_api_waiters(const struct app_api *api)
{
	return feed_waiting(api->feed);
}
