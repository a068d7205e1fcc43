/*
 * api_call.h - one request to the app API on its way through, shared by the parts of api.h and nobody else.
 *
 *	api.c         one request from end to end, and the object
 *	api_path.c    which route a path leads to, and the ids in it
 *	api_routes.c  the routes, as a table, and what each does between the request and the port
 *	api_list.c    pages of lists: their parameters, and the answer they become
 */
#ifndef APP_API_CALL_H
#define APP_API_CALL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/api.h"
#include "app/problem.h"
#include "base/err.h"
#include "base/hash.h"

#define API_SEGMENTS_MAX 8
#define API_SEGMENT_SIZE (APP_ID_SIZE * 3) /* every character of an id may be percent-encoded */

struct answers;
struct feed;
struct http_exchange;

struct app_api {
	const struct app_ops *ops;
	void *ctx;
	struct answers *answers;
	struct feed *feed;
	bool has_token;
	uint8_t token_digest[HASH_LEN]; /* so that the comparison takes the same time for any length */
};

enum api_body { BODY_NONE, BODY_NEEDED, BODY_OPTIONAL };

struct api_call;

struct api_route {
	const char *method;
	const char *template;
	size_t op; /* offset in struct app_ops of what it needs: NULL there is 501 */
	enum api_body body;
	enum err (*handle)(struct api_call *c);
};

/* One request on its way through. */
struct api_call {
	struct app_api *api;
	struct http_exchange *x;
	const struct api_route *route;
	/* from the path */
	struct tenant_id tenant;
	struct erg_id erg;
	struct app_person_ref who;
	struct event_id event;
	char resync[APP_ID_SIZE];
	uint64_t receipt;
	json_t *body; /* owned; NULL without one */
	/* the answer */
	int status;
	json_t *json; /* given to the answer */
	char header[APP_ID_SIZE + 64];
	bool answered; /* the feed has taken the exchange */
	struct problem problem;
	json_t *errors; /* owned */
};

/* ---------- api_routes.c ---------- */

extern const struct api_route api_routes[];
extern const size_t api_route_count;

/* ---------- api_path.c ---------- */

/* A path cut at its slashes, each piece decoded. */
struct api_path {
	char segments[API_SEGMENTS_MAX][API_SEGMENT_SIZE];
	bool bad[API_SEGMENTS_MAX]; /* a wrong escape, or longer than any id may be */
	size_t count;
};

/* False for a path that no route can have. */
bool api_path_split(const char *s, struct api_path *ret);
/* Sets c->route. 404 or 405 when there is none. */
enum err api_route_find(struct api_call *c, const struct api_path *path);
/* The ids the route's template names, into c. */
enum err api_path_ids_read(struct api_call *c, const struct api_path *path);

/* ---------- api_list.c ---------- */

enum err api_bad_parameter(struct api_call *c, const char *name, const char *detail);
enum err api_number_parameter(struct api_call *c, const char *name, uint64_t min, uint64_t max, uint64_t fallback, uint64_t *ret);
enum err api_page_parameters(struct api_call *c, struct app_page *ret);

/* Items on their way into {"<name>": [...], "next": cursor or null}. */
struct api_list {
	json_t *items;
	int bad;
	size_t bytes; /* of what may be large */
};

void api_list_add(struct api_list *list, json_t *item); /* takes item */
/* The answer is made of list, unless e is an error; e. */
enum err api_list_finish(struct api_call *c, struct api_list *list, const char *name, const struct app_cursor *next, enum err e);

#endif
