/* answers.c - a list of what waits for the commit; the callback of each commit sends one. */
#include "app/answers.h"

#include <stdlib.h>
#include <string.h>

#include "app/api.h"
#include "base/text.h"
#include "net/http_server.h"

#define TYPE_JSON    "application/json"
#define TYPE_PROBLEM "application/problem+json"

/* For the case that there is not even memory for a problem. */
static const char bare_problem[] =
    "{\"type\":\"" PROBLEM_TYPE_PREFIX "internal\",\"title\":\"The daemon failed to do this\",\"status\":500}";
static const char stopping_problem[] =
    "{\"type\":\"" PROBLEM_TYPE_PREFIX "stopping\",\"title\":\"The daemon is stopping\",\"status\":503}";

struct answer {
	struct answers *owner;
	struct answer *next, **self;
	struct http_exchange *x;
	int status;
	const char *type;
	char *text;
	char header[APP_ID_SIZE + 64]; /* "" = none */
};

struct answers {
	const struct app_ops *ops;
	void *ctx;
	struct answer *first;
};

struct answers *
answers_new(const struct app_ops *ops, void *ctx)
{
	struct answers *a = calloc(1, sizeof(*a));

	if (a != NULL) {
		a->ops = ops;
		a->ctx = ctx;
	}
	return a;
}

static void
answer_free(struct answer *w)
{
	*w->self = w->next;
	if (w->next != NULL)
		w->next->self = w->self;
	free(w->text);
	free(w);
}

void
answers_free(struct answers *a)
{
	struct answer *w = a != NULL ? a->first : NULL, *next;

	for (; w != NULL; w = next) {
		next = w->next;
		http_reply(w->x, 503, TYPE_PROBLEM, stopping_problem, sizeof(stopping_problem) - 1, NULL);
		free(w->text);
		free(w);
	}
	free(a);
}

static void
on_durable(void *arg)
{
	struct answer *w = arg;
	const char *const headers[] = { w->header, NULL };

	http_reply(w->x, w->status, w->type, w->text, strlen(w->text), w->header[0] != '\0' ? headers : NULL);
	answer_free(w);
}

static void
answer(struct answers *a, struct http_exchange *x, int status, const char *type, char *text, const char *header)
{
	struct answer *w = text != NULL ? calloc(1, sizeof(*w)) : NULL;

	if (w == NULL) {
		free(text);
		http_reply(x, 500, TYPE_PROBLEM, bare_problem, sizeof(bare_problem) - 1, NULL);
		return;
	}
	*w = (struct answer){
		.owner = a, .next = a->first, .self = &a->first, .x = x, .status = status, .type = type, .text = text
	};
	if (a->first != NULL)
		a->first->self = &w->next;
	a->first = w;
	if (header != NULL)
		str_copy(w->header, sizeof(w->header), header);
	a->ops->after_commit(a->ctx, on_durable, w);
}

void
answers_text(struct answers *a, struct http_exchange *x, int status, char *text)
{
	answer(a, x, status, TYPE_JSON, text, NULL);
}

void
answers_json(struct answers *a, struct http_exchange *x, int status, json_t *body, const char *header)
{
	char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);

	json_decref(body);
	answer(a, x, status, TYPE_JSON, text, header);
}

void
answers_problem(struct answers *a, struct http_exchange *x, const struct problem *p, const json_t *errors, const char *header)
{
	json_t *body = problem_json(p, errors);
	char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);

	json_decref(body);
	answer(a, x, problem_status(p->kind), TYPE_PROBLEM, text, header);
}
