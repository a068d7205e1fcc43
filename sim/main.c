/* ergsync-graphsim: the simulator as a program, on loopback sockets and real time. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/service.h"
#include "base/text.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "sim/control.h"
#include "sim/post.h"
#include "sim/serve.h"
#include "sim/sim.h"

#define BODY_MAX_BYTES  (64u << 20)
#define CONNECTIONS_MAX 1024
/* As many of Graph's own connections to one endpoint as the listener has to expect in a burst. */
#define DELIVERY_CONNECTIONS 64

struct settings_given {
	const char *listen, *certificate, *key, *world, *notification_ca, *port_file, *exchange_log;
	uint64_t seed;
};

enum key { KEY_CERTIFICATE = 256, KEY_KEY, KEY_WORLD, KEY_SEED, KEY_CA, KEY_PORT_FILE, KEY_EXCHANGE_LOG };

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "Where it listens:", 1 },
	{ "listen", 'l', "ADDRESS", 0, "Listen on ADDRESS, host:port (default 127.0.0.1:0: any free port of loopback)", 1 },
	{ "tls-certificate", KEY_CERTIFICATE, "FILE", 0, "Speak TLS with this PEM certificate chain; needs --tls-key", 1 },
	{ "tls-key", KEY_KEY, "FILE", 0, "The PEM key of the certificate", 1 },
	{ "port-file", KEY_PORT_FILE, "FILE", 0, "Write the port to FILE once it listens", 1 },
	{ NULL, 0, NULL, 0, "What it simulates:", 2 },
	{ "world", 'w', "FILE", 0, "Begin with the world of FILE: JSON as POST /_sim/world takes it", 2 },
	{ "seed", 's', "N", 0, "Draw ids and chances from seed N (default 1)", 2 },
	{ "notification-ca", KEY_CA, "FILE", 0, "Trust the PEM certificates of FILE at notification URLs instead of the system's",
	    2 },
	{ NULL, 0, NULL, 0, "What it records:", 3 },
	{ "exchange-log", KEY_EXCHANGE_LOG, "FILE", 0, "Append every exchange and notification to FILE, one JSON object a line",
	    3 },
	{ NULL, 0, NULL, 0, "Help:", 4 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static const char doc[] =
    "Simulate Microsoft Graph: sign-in, users, groups, teams, channels, members, delta queries and change notifications.\v"
    "The first line on standard output is \"listening on URL\". Beneath that URL are\n"
    "\n"
    "  /{tenant}/oauth2/v2.0/token  the token endpoint (login_url = URL)\n"
    "  /v1.0/...                    Graph (base_url = URL/v1.0)\n"
    "  /_sim/                       the control API; GET it for a list of calls\n"
    "\n"
    "The control API changes the world, scripts faults and shows what clients did. Notifications go to the https URLs that "
    "clients subscribe with, after the validation handshake. The simulator keeps nothing: it begins anew each time it "
    "starts. SIGTERM and SIGINT end it.\n"
    "\n"
    "Begin with a world of your own, trusting the authority of your listener's certificate:\n"
    "\n"
    "  ergsync-graphsim --world world.json --notification-ca ca.pem\n"
    "\n"
    "Make a team of 25 while it runs, URL being what it printed:\n"
    "\n"
    "  curl -d '{\"tenants\":[{\"teams\":[{\"members\":25}]}]}' URL/_sim/world\n"
    "\n"
    "Exit status: 0 after a signal, 1 when it cannot start, 2 for wrong usage.";

static error_t
parse_seed(struct argp_state *state, const char *text, uint64_t *ret)
{
	if (parse_u64(text, ret) != ERR_OK)
		argp_error(state, "--seed: \"%s\" is not a number", text);
	return 0;
}

static error_t
parse_option(int key, char *value, struct argp_state *state)
{
	struct settings_given *g = state->input;

	switch (key) {
	case 'l': g->listen = value; return 0;
	case 'w': g->world = value; return 0;
	case 's': return parse_seed(state, value, &g->seed);
	case KEY_CERTIFICATE: g->certificate = value; return 0;
	case KEY_KEY: g->key = value; return 0;
	case KEY_CA: g->notification_ca = value; return 0;
	case KEY_PORT_FILE: g->port_file = value; return 0;
	case KEY_EXCHANGE_LOG: g->exchange_log = value; return 0;
	case ARGP_KEY_ARG: argp_error(state, "unexpected argument \"%s\"", value); return 0;
	case ARGP_KEY_END:
		if ((g->certificate == NULL) != (g->key == NULL))
			argp_error(state, "--tls-certificate and --tls-key belong together");
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

const char *argp_program_version = "ergsync-graphsim " ERGSYNC_VERSION;

struct program {
	struct event_base *base;
	struct clock *clock;
	struct http_transport *transport;
	struct post_office *office;
	struct sim *sim;
	struct serve *serve;
	struct http_server *server;
	struct event *signals[2];
	FILE *exchange_log;
};

static bool
complain(const char *what, const char *file, const char *why)
{
	fprintf(stderr, "ergsync-graphsim: %s%s%s: %s\n", what, file == NULL ? "" : " ", file == NULL ? "" : file, why);
	return false;
}

static void
log_exchange(void *arg, const json_t *line)
{
	struct program *p = arg;
	char *text = json_dumps(line, JSON_COMPACT);

	if (text != NULL)
		fprintf(p->exchange_log, "%s\n", text);
	fflush(p->exchange_log);
	free(text);
}

static bool
load_world(struct program *p, const char *file)
{
	json_error_t error;
	json_t *world;
	char why[300];
	bool good;

	if (file == NULL)
		return true;
	world = json_load_file(file, JSON_REJECT_DUPLICATES, &error);
	if (world == NULL) {
		if (error.line > 0)
			snprintf(why, sizeof(why), "line %d: %s", error.line, error.text);
		else
			snprintf(why, sizeof(why), "%s", error.text);
		return complain("cannot read the world", file, why);
	}
	good = control_build(p->sim, world, why, sizeof(why)) == ERR_OK;
	json_decref(world);
	return good || complain("cannot build the world", file, why);
}

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	struct program *p = arg;

	(void)number;
	(void)what;
	event_base_loopbreak(p->base);
}

static bool
catch_signals(struct program *p)
{
	static const int numbers[] = { SIGTERM, SIGINT };

	for (size_t i = 0; i < 2; i++) {
		p->signals[i] = evsignal_new(p->base, numbers[i], on_signal, p);
		if (p->signals[i] == NULL || event_add(p->signals[i], NULL) != 0)
			return complain("cannot start", NULL, "out of memory");
	}
	return true;
}

static bool
open_log(struct program *p, const char *file)
{
	if (file == NULL)
		return true;
	p->exchange_log = fopen(file, "ae");
	return p->exchange_log != NULL || complain("cannot open", file, strerror(errno));
}

static bool
make_sim(struct program *p, const struct settings_given *g)
{
	struct sim_options o = { .base_url = "http://127.0.0.1", .seed = g->seed, .deliver = post_office_deliver };
	enum err e;

	p->base = event_base_new();
	p->clock = p->base == NULL ? NULL : clock_new_real(p->base);
	if (p->clock == NULL)
		return complain("cannot start", NULL, "out of memory or descriptors");
	if (g->notification_ca != NULL && access(g->notification_ca, R_OK) != 0)
		return complain("cannot read", g->notification_ca, strerror(errno));
	e = curl_transport_new(p->base, g->notification_ca, DELIVERY_CONNECTIONS, &p->transport);
	if (e != ERR_OK)
		return complain("cannot use --notification-ca", g->notification_ca, err_text(e));
	p->office = post_office_new(p->transport);
	o.deliver_arg = p->office;
	if (!open_log(p, g->exchange_log))
		return false;
	if (p->exchange_log != NULL) {
		o.exchange = log_exchange;
		o.exchange_arg = p;
	}
	p->sim = sim_new(p->clock, &o);
	p->serve = serve_new(p->sim);
	return true;
}

static bool
listen_now(struct program *p, const struct settings_given *g)
{
	struct http_server_options o = { .listen = g->listen,
		.tls_certificate = g->certificate,
		.tls_key = g->key,
		.body_max_bytes = BODY_MAX_BYTES,
		.connections_max = CONNECTIONS_MAX,
		.request_deadline_ms = 60000,
		.handle = serve_handle,
		.arg = p->serve };
	char why[300], url[300];
	const char *colon = strrchr(g->listen, ':');

	if (http_server_new(p->base, p->clock, &o, &p->server, why, sizeof(why)) != ERR_OK)
		return complain("cannot listen", NULL, why);
	snprintf(url, sizeof(url), "%s://%.*s:%u", g->certificate == NULL ? "http" : "https",
	    colon == NULL ? 0 : (int)(colon - g->listen), g->listen, http_server_port(p->server, 0));
	sim_set_base_url(p->sim, url);
	return true;
}

static bool
announce(struct program *p, const char *port_file)
{
	FILE *f;

	printf("listening on %s\n", sim_base_url(p->sim));
	fflush(stdout);
	if (port_file == NULL)
		return true;
	f = fopen(port_file, "we");
	if (f == NULL)
		return complain("cannot write", port_file, strerror(errno));
	fprintf(f, "%u\n", http_server_port(p->server, 0));
	return fclose(f) == 0 || complain("cannot write", port_file, strerror(errno));
}

static void
close_all(struct program *p)
{
	for (size_t i = 0; i < 2; i++)
		if (p->signals[i] != NULL)
			event_free(p->signals[i]);
	if (p->server != NULL)
		http_server_stop(p->server);
	sim_free(p->sim);
	serve_free(p->serve);
	http_server_free(p->server);
	post_office_free(p->office);
	http_transport_free(p->transport);
	clock_free(p->clock);
	if (p->base != NULL)
		event_base_free(p->base);
	if (p->exchange_log != NULL)
		fclose(p->exchange_log);
}

int
main(int argc, char **argv)
{
	static const struct argp argp = { options, parse_option, NULL, doc, NULL, NULL, NULL };
	struct settings_given given = { .listen = "127.0.0.1:0", .seed = 1 };
	struct program p = { .base = NULL };
	bool good;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &given);
	process_harden();
	log_init("ergsync-graphsim", LOG_WARN);
	good = make_sim(&p, &given) && load_world(&p, given.world) && catch_signals(&p) && listen_now(&p, &given) &&
	       announce(&p, given.port_file);
	if (good)
		event_base_dispatch(p.base);
	close_all(&p);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
