/* The whole: what belongs to which part of the URL space, and the parts' beginning and end. */
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

#include "sim/call.h"
#include "sim/consent.h"
#include "sim/control.h"
#include "sim/delegated.h"
#include "sim/delivery.h"
#include "sim/memory.h"
#include "sim/rich.h"
#include "sim/route.h"
#include "sim/subscriptions.h"
#include "sim/token.h"

struct sim *
sim_new(struct clock *clock, const struct sim_options *options)
{
	struct sim *s = must_alloc(sizeof(*s));

	s->clock = clock;
	s->options = *options;
	s->base_url = must_copy(options->base_url);
	s->rng = rng_seeded(options->seed);
	s->settings = sim_settings_default();
	s->journal = journal_new();
	world_init(&s->world, &s->rng);
	s->subscriptions = sim_subscriptions_new(s);
	s->delivery = delivery_new(s);
	return s;
}

void
sim_free(struct sim *s)
{
	if (s == NULL)
		return;
	s->closing = true;
	sim_subscriptions_free(s->subscriptions);
	while (s->open != NULL)
		call_drop(s->open);
	delivery_free(s->delivery);
	signer_free(s->signer);
	sim_token_done(s);
	sim_delegated_done(s);
	sim_throttle_done(&s->throttle);
	faults_done(&s->faults);
	journal_free(s->journal);
	mailboxes_done(&s->mailboxes);
	world_done(&s->world);
	free(s->base_url);
	free(s);
}

void
sim_set_base_url(struct sim *s, const char *base_url)
{
	free(s->base_url);
	s->base_url = must_copy(base_url);
}

const char *
sim_base_url(const struct sim *s)
{
	return s->base_url;
}

/* The sign-in service: what stands behind "/{tenant}". */
static const struct login {
	const char *method, *tail, *template;
	void (*handle)(struct call *c, const char *tenant);
} logins[] = {
	{ "POST", "/oauth2/v2.0/token", "/{tenant}/oauth2/v2.0/token", sim_token_handle },
	{ "POST", "/oauth2/v2.0/devicecode", "/{tenant}/oauth2/v2.0/devicecode", sim_delegated_device },
	{ "GET", "/discovery/v2.0/keys", "/{tenant}/discovery/v2.0/keys", sim_signer_handle },
	{ "GET", "/discovery/keys", "/{tenant}/discovery/keys", sim_signer_handle },
	{ "GET", "/adminconsent", "/{tenant}/adminconsent", sim_consent_handle },
	{ "GET", "/v2.0/adminconsent", "/{tenant}/v2.0/adminconsent", sim_consent_handle },
};

/* The row of a path, and its tenant part, given in *ret_tenant. */
static const struct login *
login_find(const char *path, char **ret_tenant)
{
	const char *tail = path[0] == '/' ? strchr(path + 1, '/') : NULL;

	for (size_t i = 0; tail != NULL && tail > path + 1 && i < sizeof(logins) / sizeof(*logins); i++)
		if (strcmp(tail, logins[i].tail) == 0) {
			*ret_tenant = must_copy(path + 1);
			(*ret_tenant)[tail - path - 1] = '\0';
			return &logins[i];
		}
	return NULL;
}

static void
login_request(struct call *c, const struct login *login, const char *tenant)
{
	const struct fault *f = faults_for_request(&c->sim->faults, &c->sim->rng, c->method, c->path);

	c->template = login->template;
	if (f != NULL)
		c->fault = *f;
	if (f != NULL && f->kind == FAULT_STATUS) {
		if (f->retry_after_s >= 0)
			call_header(c, "Retry-After: %lld", (long long)f->retry_after_s);
		call_answer(c, f->status,
		    json_pack("{s:s,s:s}", "error", f->code[0] == '\0' ? "temporarily_unavailable" : f->code, "error_description",
		        "A scripted fault."));
	} else if (f == NULL || (f->kind != FAULT_TIMEOUT_BEFORE && f->kind != FAULT_CLOSE_BEFORE)) {
		if (strcmp(c->method, login->method) == 0)
			login->handle(c, tenant);
		else
			call_refuse(c, 405, "invalid_request", JOURNAL_NO_ROUTE, "This endpoint takes %s only.", login->method);
	}
	call_finish(c);
}

void
sim_handle(struct sim *s, const struct sim_request *request, sim_done done, void *arg)
{
	struct call *c = call_new(s, request, done, arg);
	const struct login *login;
	char *tenant = NULL;

	if (str_starts(c->path, "/_sim/") || strcmp(c->path, "/_sim") == 0) {
		control_handle(c);
		call_finish(c);
		return;
	}
	c->counted = true;
	journal_in_flight(s->journal, 1);
	if (str_starts(c->path, GRAPH_PREFIX "/")) {
		sim_route_handle(c);
	} else if ((login = login_find(c->path, &tenant)) != NULL) {
		login_request(c, login, tenant);
		free(tenant);
	} else {
		call_refuse(c, 404, "NotFound", JOURNAL_NO_ROUTE,
		    "Only " GRAPH_PREFIX "/, the sign-in service's /{tenant}/... and /_sim/ are here.");
		call_finish(c);
	}
}

struct held {
	json_t *body;
	int status;
};

static void
hold(void *arg, const struct sim_answer *a)
{
	struct held *h = arg;

	h->status = a->status;
	if (a->body != NULL)
		jx_parse(a->body, a->body_len, &h->body, NULL, 0);
}

json_t *
sim_control(struct sim *s, const char *method, const char *target, json_t *body, int *ret_status)
{
	char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT), *path = must_copy(target), *query = strchr(path, '?');
	struct held h = { NULL, 0 };
	struct sim_request r = {
		.method = method, .path = path, .query = "", .body = text, .body_len = text == NULL ? 0 : strlen(text)
	};

	if (query != NULL) {
		*query = '\0';
		r.query = query + 1;
	}
	sim_handle(s, &r, hold, &h);
	json_decref(body);
	free(text);
	free(path);
	if (ret_status != NULL)
		*ret_status = h.status;
	return h.body;
}
