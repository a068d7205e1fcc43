/* client.c - net's transport, waited for. A long poll may be silent for a while, hence the generous time limit. */
#include "ctl/client.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/json.h"
#include "base/text.h"
#include "net/http_client.h"

#define CALL_TIMEOUT_MS  120000
#define ANSWER_MAX_BYTES (64u << 20)
#define URL_SIZE         4096

struct client {
	struct event_base *base;
	struct clock *clock;
	struct http_transport *transport;
	char where[300];  /* as [app] listen has it */
	char socket[256]; /* "" = by origin */
	char origin[300];
	char authorization[512]; /* "" = none */
	/* the call under way */
	bool waiting;
	enum err err;
	int status;
	json_t *json;
	char detail[256];
};

/* A Unix socket if there is one, else a loopback address. */
static const struct listen_address *
address_pick(const struct listen_address *addresses, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (addresses[i].is_unix)
			return &addresses[i];
	for (size_t i = 0; i < count; i++)
		if (addresses[i].is_loopback && addresses[i].port != 0)
			return &addresses[i];
	return NULL;
}

static enum err
token_read(struct client *c, const struct config *config, char *why, size_t why_size)
{
	char token[400];

	if (config->app_token_file == NULL) {
		(void)snprintf(why, why_size, "[app] listen has no Unix socket, and there is no token_file to be let in by TCP");
		return ERR_INVALID;
	}
	if (secret_file_read(config->app_token_file, token, sizeof(token), why, why_size) != ERR_OK)
		return ERR_INVALID;
	(void)snprintf(c->authorization, sizeof(c->authorization), "Authorization: Bearer %s", token);
	return ERR_OK;
}

static enum err
address_set(struct client *c, const struct config *config, char *why, size_t why_size)
{
	struct listen_address addresses[CONFIG_LISTEN_MAX];
	const struct listen_address *a = NULL;
	size_t count = 0;
	bool v6;

	if (listen_parse(config->app_listen, addresses, &count) == ERR_OK)
		a = address_pick(addresses, count);
	if (a == NULL) {
		(void)snprintf(why, why_size, "[app] listen has neither a Unix socket nor a loopback address");
		return ERR_INVALID;
	}
	if (a->is_unix) {
		(void)snprintf(c->where, sizeof(c->where), "unix:%s", a->host);
		(void)str_copy(c->socket, sizeof(c->socket), a->host);
		(void)str_copy(c->origin, sizeof(c->origin), "http://localhost");
		return ERR_OK;
	}
	v6 = strchr(a->host, ':') != NULL;
	(void)snprintf(c->where, sizeof(c->where), "%s%s%s:%u", v6 ? "[" : "", a->host, v6 ? "]" : "", a->port);
	(void)snprintf(c->origin, sizeof(c->origin), "http://%.280s", c->where);
	return token_read(c, config, why, why_size);
}

enum err
client_new(const struct config *config, struct client **ret, char *why, size_t why_size)
{
	struct client *c = calloc(1, sizeof(*c));
	enum err e;

	if (c == NULL)
		return ERR_NOMEM;
	e = address_set(c, config, why, why_size);
	if (e == ERR_OK) {
		c->base = event_base_new();
		c->clock = c->base != NULL ? clock_new_real(c->base) : NULL;
		e = c->clock != NULL ? curl_transport_new(c->base, NULL, 1, &c->transport) : ERR_NOMEM;
		if (e != ERR_OK)
			(void)snprintf(why, why_size, "%s", err_text(e));
	}
	if (e == ERR_OK)
		*ret = c;
	else
		client_free(c);
	return e;
}

void
client_free(struct client *c)
{
	if (c == NULL)
		return;
	http_transport_free(c->transport);
	clock_free(c->clock);
	if (c->base != NULL)
		event_base_free(c->base);
	explicit_bzero(c->authorization, sizeof(c->authorization));
	free(c);
}

static void
on_answer(void *arg, const struct http_answer *answer)
{
	struct client *c = arg;

	c->waiting = false;
	c->err = answer->err;
	c->status = answer->status;
	if (answer->err != ERR_OK)
		(void)snprintf(c->detail, sizeof(c->detail), "%s", answer->detail);
	else if (jx_parse(answer->body, answer->body_len, &c->json, NULL, 0) != ERR_OK) {
		c->err = ERR_UNEXPECTED;
		(void)snprintf(c->detail, sizeof(c->detail), "it answered %d without JSON", answer->status);
	}
	event_base_loopbreak(c->base);
}

/* What to look at depends on how far we came. */
static void
explain(const struct client *c, char *why, size_t why_size)
{
	const char *advice = "Is it running? Try: systemctl status ergsync-reconciler", *detail = c->detail;

	/* The transport speaks of a host and a port even where it went to a socket. */
	if (c->socket[0] != '\0' && c->err == ERR_UNREACHABLE)
		detail = access(c->socket, F_OK) == 0 ? "nobody listens there" : strerror(errno);
	if (c->socket[0] != '\0' && access(c->socket, F_OK) == 0 && access(c->socket, W_OK) != 0) {
		detail = strerror(errno);
		advice = "This user may not use that socket: run as root or as a member of its group.";
	} else if (c->err == ERR_TIMEOUT) {
		advice = "It took too long: see its log, journalctl -u ergsync-reconciler";
	}
	(void)snprintf(why, why_size, "The daemon cannot be reached at %s (%s).\n%s", c->where, detail, advice);
}

enum err
client_call(struct client *c, const char *method, const char *path, const json_t *body, int *ret_status, json_t **ret, char *why,
    size_t why_size)
{
	char url[URL_SIZE], *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
	const char *const headers[] = { text != NULL ? "Content-Type: application/json" : "Accept: application/json",
		c->authorization[0] != '\0' ? c->authorization : NULL, NULL };
	const struct http_request request = { .method = method,
		.url = url,
		.headers = headers,
		.body = text,
		.body_len = text != NULL ? strlen(text) : 0,
		.timeout_ms = CALL_TIMEOUT_MS,
		.answer_max_bytes = ANSWER_MAX_BYTES,
		.unix_socket = c->socket[0] != '\0' ? c->socket : NULL };

	(void)snprintf(url, sizeof(url), "%s%s", c->origin, path);
	c->waiting = http_start(c->transport, &request, on_answer, c) != NULL;
	c->err = ERR_NOMEM;
	(void)snprintf(c->detail, sizeof(c->detail), "%s", err_text(ERR_NOMEM));
	while (c->waiting)
		event_base_dispatch(c->base);
	free(text);
	if (c->err != ERR_OK) {
		explain(c, why, why_size);
		return c->err;
	}
	*ret_status = c->status;
	*ret = c->json;
	c->json = NULL;
	return ERR_OK;
}

static void
on_time(void *arg)
{
	struct client *c = arg;

	c->waiting = false;
	event_base_loopbreak(c->base);
}

void
client_sleep(struct client *c, int64_t ms)
{
	struct timer *timer = timer_new(c->clock, on_time, c);

	if (timer == NULL)
		return;
	c->waiting = true;
	timer_arm(timer, ms);
	while (c->waiting)
		event_base_dispatch(c->base);
	timer_free(timer);
}

int64_t
client_wall_ms(const struct client *c)
{
	return clock_wall_ms(c->clock);
}
