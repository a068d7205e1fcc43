/*
 * answers.h - answers of the app API on their way out: none leaves before what it tells is durable.
 *
 * Event-loop thread only.
 */
#ifndef APP_ANSWERS_H
#define APP_ANSWERS_H

#include <jansson.h>

#include "app/problem.h"

struct answers;
struct app_ops;
struct http_exchange;

/* Borrows ops and ctx. NULL: out of memory. */
struct answers *answers_new(const struct app_ops *ops, void *ctx);
/* What still waits for its commit is answered 503: the backend must not call back any more. NULL is fine. */
void answers_free(struct answers *a);

/* Each ends the exchange, in a later turn. header is "Name: value" or NULL. */
/* Takes body; NULL stands for out of memory and is answered 500. */
void answers_json(struct answers *a, struct http_exchange *x, int status, json_t *body, const char *header);
/* Takes text, JSON from malloc; NULL as above. */
void answers_text(struct answers *a, struct http_exchange *x, int status, char *text);
/* errors is borrowed and may be NULL. */
void
answers_problem(struct answers *a, struct http_exchange *x, const struct problem *p, const json_t *errors, const char *header);

#endif
