/*
 * ergsync-appsim - stands in for the main app: takes callbacks as contract section 5 describes them, checks each
 * signature by its own reading of Standard Webhooks, keeps what it got and shows it.
 *
 *	POST /callbacks          a callback; answered 204, or as scripted
 *	GET  /_app/received?after=N   {"received":[{n, id, attempt, status, verified, wall_ms, event}], "next": n}
 *	POST /_app/answer        {"status":500,"count":3,"type":"ergsync.member.added"?,"retry_after":2?,"body":{...}?,"silent":true?}
 *	POST /_app/reset         forgets what was received and scripted
 *
 * For the demo and the tests only; loopback only.
 */
#include <argp.h>
#include <event2/event.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/service.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "net/http_server.h"

#define SCRIPTS_MAX 32
#define SECRET_SIZE 256
#define TOLERANCE_S 300 /* Standard Webhooks: refuse older or newer timestamps */
#define BODY_MAX    (1u << 20)

struct script {
	int status;
	int64_t count, retry_after_s;
	char type[64];
	json_t *body;
	bool silent; /* no answer at all: the connection is closed */
};

struct app {
	struct clock *clock;
	struct event_base *base;
	uint8_t secret[SECRET_SIZE];
	size_t secret_len;
	json_t *received;
	json_t *attempts; /* webhook-id -> how often seen */
	struct script scripts[SCRIPTS_MAX];
	size_t script_count;
	bool print;
};

struct options {
	const char *listen, *secret_file, *port_file;
	bool print;
};

/* --- signature --- */

static bool
signature_matches(const struct app *app, const char *header, const char *id, const char *time, const char *body, size_t body_len)
{
	const struct span parts[] = { { id, strlen(id) }, { ".", 1 }, { time, strlen(time) }, { ".", 1 }, { body, body_len } };
	uint8_t mac[HASH_LEN];
	char expected[4 + BASE64_LEN(HASH_LEN)] = "v1,";
	size_t expected_len;

	hmac_sha256(app->secret, app->secret_len, parts, sizeof(parts) / sizeof(parts[0]), mac);
	base64_encode(mac, sizeof(mac), expected + 3);
	expected_len = strlen(expected);
	for (const char *p = header; *p != '\0'; p += *p == ' ') { /* several signatures, by spaces: while a secret rotates */
		size_t n = strcspn(p, " ");

		if (n == expected_len && hash_equal(p, expected, n))
			return true;
		p += n;
	}
	return false;
}

/* NULL when the callback is what it claims to be, else why not. */
static const char *
why_unverified(const struct app *app, const struct http_exchange *x, const char *body, size_t body_len)
{
	const char *id = http_exchange_header(x, "webhook-id");
	const char *time = http_exchange_header(x, "webhook-timestamp");
	const char *signature = http_exchange_header(x, "webhook-signature");
	uint64_t sent_s;
	int64_t age_s;

	if (id == NULL || time == NULL || signature == NULL)
		return "a webhook-* header is missing";
	if (parse_u64(time, &sent_s) != ERR_OK || sent_s > INT64_MAX / 1000)
		return "webhook-timestamp is not a number of seconds";
	age_s = clock_wall_ms(app->clock) / 1000 - (int64_t)sent_s;
	if (age_s > TOLERANCE_S || age_s < -TOLERANCE_S)
		return "webhook-timestamp is too old or too new";
	if (!signature_matches(app, signature, id, time, body, body_len))
		return "the signature is wrong";
	return NULL;
}

/* --- callbacks --- */

static int64_t
count_attempt(struct app *app, const char *id)
{
	int64_t n = jx_get_int(app->attempts, id, 0) + 1;

	json_object_set_new(app->attempts, id, json_integer(n));
	return n;
}

static struct script *
script_for(struct app *app, const char *type)
{
	for (size_t i = 0; i < app->script_count; i++) {
		struct script *s = &app->scripts[i];

		if (s->count > 0 && (s->type[0] == '\0' || strcmp(s->type, type) == 0))
			return s;
	}
	return NULL;
}

static void
answer_callback(struct http_exchange *x, const struct script *s)
{
	char *body = s->body != NULL ? json_dumps(s->body, JSON_COMPACT) : NULL;
	char retry_after[48] = "";
	const char *headers[] = { NULL, NULL };

	if (s->retry_after_s > 0) {
		snprintf(retry_after, sizeof(retry_after), "Retry-After: %" PRId64, s->retry_after_s);
		headers[0] = retry_after;
	}
	if (s->silent)
		http_reply_abort(x);
	else
		http_reply(
		    x, s->status, body != NULL ? "application/json" : NULL, body, body != NULL ? strlen(body) : 0, headers);
	free(body);
}

static void
print_callback(const json_t *entry)
{
	const json_t *event = json_object_get(entry, "event");
	char *data = json_dumps(json_object_get(event, "data"), JSON_COMPACT);
	const char *type = jx_get_str(event, "type");

	printf("callback %" PRId64 ": %s %s (signature %s, webhook-id %s, attempt %" PRId64 ")\n", jx_get_int(entry, "n", 0),
	    type != NULL ? type : "?", data != NULL ? data : "", jx_get_bool(entry, "verified", false) ? "verified" : "WRONG",
	    jx_get_str(entry, "id") != NULL ? jx_get_str(entry, "id") : "-", jx_get_int(entry, "attempt", 0));
	fflush(stdout);
	free(data);
}

static void
on_callback(struct app *app, struct http_exchange *x)
{
	static const struct script accept = { .status = 204 };
	size_t body_len;
	const char *body = http_exchange_body(x, &body_len);
	const char *id = http_exchange_header(x, "webhook-id");
	const char *why = why_unverified(app, x, body, body_len);
	json_t *event = NULL, *entry = json_object();
	const struct script *s = &accept;
	struct script *scripted;

	jx_parse(body, body_len, &event, NULL, 0);
	scripted = script_for(app, jx_get_str(event, "type") != NULL ? jx_get_str(event, "type") : "");
	if (why != NULL) {
		static const struct script refuse = { .status = 401 };

		s = &refuse;
	} else if (scripted != NULL) {
		scripted->count--;
		s = scripted;
	}
	json_object_set_new(entry, "n", json_integer((json_int_t)json_array_size(app->received) + 1));
	jx_set_str(entry, "id", id);
	json_object_set_new(entry, "attempt", json_integer(id != NULL ? count_attempt(app, id) : 0));
	json_object_set_new(entry, "status", json_integer(s->silent ? 0 : s->status));
	json_object_set_new(entry, "verified", json_boolean(why == NULL));
	jx_set_str(entry, "why", why);
	json_object_set_new(entry, "wall_ms", json_integer(clock_wall_ms(app->clock)));
	json_object_set_new(entry, "body", json_stringn(body, body_len));
	json_object_set_new(entry, "event", event != NULL ? event : json_null());
	json_array_append_new(app->received, entry);
	if (app->print)
		print_callback(entry);
	answer_callback(x, s);
}

/* --- control --- */

static void
reply_json(struct http_exchange *x, int status, json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT);

	http_reply(x, text != NULL ? status : 500, "application/json", text, text != NULL ? strlen(text) : 0, NULL);
	free(text);
	json_decref(o);
}

static void
on_received(struct app *app, struct http_exchange *x)
{
	enum err e = ERR_OK;
	char *after = http_exchange_param(x, "after", &e);
	uint64_t n = 0;
	json_t *list = json_array();
	size_t total = json_array_size(app->received);

	if (after != NULL && parse_u64(after, &n) != ERR_OK)
		n = 0;
	for (size_t i = (size_t)n; i < total; i++)
		json_array_append(list, json_array_get(app->received, i));
	free(after);
	reply_json(x, 200, json_pack("{s:o, s:I}", "received", list, "next", (json_int_t)total));
}

static void
on_answer(struct app *app, struct http_exchange *x)
{
	size_t body_len;
	const char *body = http_exchange_body(x, &body_len);
	json_t *o = NULL;
	struct script *s = &app->scripts[app->script_count % SCRIPTS_MAX];
	const char *type;

	if (jx_parse(body, body_len, &o, NULL, 0) != ERR_OK || app->script_count >= SCRIPTS_MAX) {
		json_decref(o);
		reply_json(x, 400, json_pack("{s:s}", "detail", "not JSON, or too many scripts: POST /_app/reset first"));
		return;
	}
	*s = (struct script){ .status = (int)jx_get_int(o, "status", 204),
		.count = jx_get_int(o, "count", 1),
		.retry_after_s = jx_get_int(o, "retry_after", 0),
		.silent = jx_get_bool(o, "silent", false),
		.body = json_incref(json_object_get(o, "body")) };
	type = jx_get_str(o, "type");
	str_copy(s->type, sizeof(s->type), type != NULL ? type : "");
	app->script_count++;
	json_decref(o);
	http_reply(x, 204, NULL, NULL, 0, NULL);
}

static void
forget(struct app *app)
{
	for (size_t i = 0; i < app->script_count; i++)
		json_decref(app->scripts[i].body);
	app->script_count = 0;
	json_array_clear(app->received);
	json_object_clear(app->attempts);
}

static void
on_reset(struct app *app, struct http_exchange *x)
{
	forget(app);
	http_reply(x, 204, NULL, NULL, 0, NULL);
}

static void
handle(void *arg, struct http_exchange *x)
{
	static const struct {
		const char *method, *path;
		void (*handler)(struct app *app, struct http_exchange *x);
	} routes[] = {
		{ "POST", "/callbacks", on_callback },
		{ "GET", "/_app/received", on_received },
		{ "POST", "/_app/answer", on_answer },
		{ "POST", "/_app/reset", on_reset },
	};

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(routes[i].method, http_exchange_method(x)) == 0 &&
		    strcmp(routes[i].path, http_exchange_path(x)) == 0) {
			routes[i].handler(arg, x);
			return;
		}
	}
	reply_json(x, 404, json_pack("{s:s}", "detail", "no such path here"));
}

/* --- program --- */

static bool
read_secret(struct app *app, const char *file)
{
	char text[SECRET_SIZE], why[256];

	if (secret_file_read(file, text, sizeof(text), why, sizeof(why)) != ERR_OK) {
		fprintf(stderr, "ergsync-appsim: %s\n", why);
		return false;
	}
	if (!str_starts(text, "whsec_") ||
	    base64_decode(text + strlen("whsec_"), strlen(text) - strlen("whsec_"), app->secret, &app->secret_len) != ERR_OK) {
		fprintf(stderr, "ergsync-appsim: %s: expected whsec_ and base64\n", file);
		return false;
	}
	return true;
}

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'l': o->listen = arg; return 0;
	case 's': o->secret_file = arg; return 0;
	case 'f': o->port_file = arg; return 0;
	case 'p': o->print = true; return 0;
	case ARGP_KEY_END:
		if (o->secret_file == NULL)
			argp_error(state, "--secret-file is needed: the callback secret, as in [app] callback_secret_file");
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static bool
announce(const struct options *o, uint16_t port)
{
	FILE *f;

	printf("listening on http://127.0.0.1:%u\n", (unsigned)port);
	fflush(stdout);
	if (o->port_file == NULL)
		return true;
	if ((f = fopen(o->port_file, "we")) == NULL)
		return false;
	fprintf(f, "%u\n", (unsigned)port);
	return fclose(f) == 0;
}

static void
on_signal(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

static int
run(struct app *app, const struct options *o)
{
	const struct http_server_options options = { .listen = o->listen,
		.body_max_bytes = BODY_MAX,
		.connections_max = 256,
		.request_deadline_ms = 30000,
		.handle = handle,
		.arg = app };
	struct event *term = evsignal_new(app->base, SIGTERM, on_signal, app->base);
	struct event *interrupt = evsignal_new(app->base, SIGINT, on_signal, app->base);
	struct http_server *server = NULL;
	char why[256];
	int status = 1;

	if (http_server_new(app->base, app->clock, &options, &server, why, sizeof(why)) != ERR_OK) {
		fprintf(stderr, "ergsync-appsim: %s\n", why);
		goto out;
	}
	if (term == NULL || interrupt == NULL || event_add(term, NULL) != 0 || event_add(interrupt, NULL) != 0)
		goto out;
	if (!announce(o, http_server_port(server, 0)))
		goto out;
	event_base_dispatch(app->base);
	status = 0;
out:
	http_server_free(server);
	if (term != NULL)
		event_free(term);
	if (interrupt != NULL)
		event_free(interrupt);
	return status;
}

int
main(int argc, char **argv)
{
	static const struct argp_option argp_options[] = {
		{ "listen", 'l', "ADDRESS", 0, "Where callbacks are taken (default 127.0.0.1:0, a free port).", 0 },
		{ "secret-file", 's', "FILE", 0, "The callback secret: whsec_ and base64.", 0 },
		{ "port-file", 'f', "FILE", 0, "Write the port there once it is bound.", 0 },
		{ "print", 'p', NULL, 0, "Print a line for each callback.", 0 }, { NULL, 0, NULL, 0, NULL, 0 }
	};
	static const struct argp argp = { argp_options, parse_option, NULL,
		"Stands in for the main app: receives ergsync's callbacks on POST /callbacks, verifies and keeps them.", NULL,
		NULL, NULL };
	struct options o = { .listen = "127.0.0.1:0" };
	struct app app = { .received = json_array(), .attempts = json_object() };
	int status = 1;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	process_harden();
	app.print = o.print;
	app.base = event_base_new();
	app.clock = app.base != NULL ? clock_new_real(app.base) : NULL;
	if (app.clock != NULL && read_secret(&app, o.secret_file))
		status = run(&app, &o);
	forget(&app);
	json_decref(app.received);
	json_decref(app.attempts);
	clock_free(app.clock);
	if (app.base != NULL)
		event_base_free(app.base);
	secret_wipe(app.secret, sizeof(app.secret));
	return status;
}
