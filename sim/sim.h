/*
 * sim.h - a simulated Microsoft Graph: requests in, answers and notifications out, without sockets.
 *
 * A state machine driven by a clock and a seed: the same seed, requests and times give the same answers. It follows
 * what Microsoft documents (the fact sheet's sections are named in the modules as "facts n"), not any client.
 * Beneath base_url live the token endpoint "/{tenant}/oauth2/v2.0/token", Graph under "/v1.0" and the control
 * API under "/_sim/" (control.h). Event-loop thread only.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

struct clock;
struct sim;

/* Borrowed by sim_handle until it returns; header gives NULL when absent and knows names case-blind. */
struct sim_request {
	const char *method;
	const char *path;  /* as sent, percent-encoded, from the first slash; without query */
	const char *query; /* as sent; "" for none */
	const char *body;  /* NULL or NUL-terminated behind body_len */
	size_t body_len;
	const char *(*header)(void *arg, const char *name);
	void *header_arg;
};

enum sim_fate {
	SIM_ANSWERED,
	SIM_TRUNCATED, /* send only body_len of full_len bytes, then close */
	SIM_CLOSED,    /* close without an answer */
	SIM_SILENT     /* never answer; close when the client has had enough */
};

/* Borrowed until done returns. */
struct sim_answer {
	enum sim_fate fate;
	int status;
	const char *content_type;   /* NULL without a body */
	const char *const *headers; /* "Name: value", NULL-terminated */
	const char *body;           /* NUL-terminated behind full_len */
	size_t body_len, full_len;
};

typedef void (*sim_done)(void *arg, const struct sim_answer *answer);

/* A POST to a client's URL: a validation or a delivery. Borrowed until deliver returns. */
struct sim_delivery {
	uint64_t id;
	const char *url;
	const char *content_type;
	const char *body;
	size_t body_len;
	int64_t timeout_ms;
};

struct sim_options {
	const char *base_url; /* of the links in answers, without a trailing slash */
	uint64_t seed;
	/* Sends; the outcome comes by sim_delivered, at once or later. NULL: every validation and delivery succeeds. */
	void (*deliver)(void *arg, struct sim *sim, const struct sim_delivery *delivery);
	void *deliver_arg;
	/* Each exchange and notification as {"method","path","reqBody","status","resBody"} or {"notification"}; NULL: not wanted. */
	void (*exchange)(void *arg, const json_t *line);
	void *exchange_arg;
};

/* Borrows clock. */
struct sim *sim_new(struct clock *clock, const struct sim_options *options);
/* Ends every open request as SIM_CLOSED. NULL is fine. */
void sim_free(struct sim *sim);
void sim_set_base_url(struct sim *sim, const char *base_url);
const char *sim_base_url(const struct sim *sim);

/* Calls done exactly once, before it returns or later. */
void sim_handle(struct sim *sim, const struct sim_request *request, sim_done done, void *arg);

/* The outcome of a delivery; status 0 = no answer in time. Unknown ids are ignored. body is the answer's. */
void sim_delivered(struct sim *sim, uint64_t id, int status, const char *content_type, const char *body, size_t body_len);

/* One request to the control API, for programs that hold the simulator in process. Takes body (may be NULL). Gives the answer's JSON or NULL. */
json_t *sim_control(struct sim *sim, const char *method, const char *target, json_t *body, int *ret_status);

#endif
