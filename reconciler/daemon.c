#include "reconciler/daemon.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/api.h"
#include "app/callback.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/random.h"
#include "base/service.h"
#include "base/socket_watch.h"
#include "base/text.h"
#include "graph/assertion.h"
#include "graph/graph.h"
#include "graph/notification_keys.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "reconciler/admin.h"
#include "reconciler/backend.h"
#include "reconciler/deliver.h"
#include "reconciler/keeper.h"
#include "reconciler/listener_watch.h"
#include "reconciler/peer_socket.h"
#include "reconciler/reconciler.h"
#include "reconciler/retention.h"
#include "reconciler/rich.h"
#include "reconciler/summary.h"
#include "state/store.h"

#define SECRET_SIZE          512
#define PATH_SIZE            4096
#define GRAPH_CONNECTIONS    32
#define APP_CONNECTIONS      8
#define API_CONNECTIONS      256
#define ADMIN_CONNECTIONS    32
#define ADMIN_BODY_MAX_BYTES 65536
#define REQUEST_DEADLINE_MS  30000
#define DRAIN_MS             300 /* answers that wait for a commit are out by then */
#define STATUS_EVERY_MS      60000
#define SIGNAL_COUNT         3

struct secrets {
	struct key32 state_key, previous_key, intake_key;
	bool has_previous; /* a change of the state key is under way */
	char client[SECRET_SIZE], callback[SECRET_SIZE], token[SECRET_SIZE];
	struct graph_certificate *certificate; /* instead of client */
};

struct daemon {
	struct config *config;
	struct event_base *base;
	struct clock *clock;
	struct rng rng;
	struct secrets secrets;
	struct http_transport *graph_http, *app_http;
	struct peer_socket *peer;
	struct listener_watch *listener;
	struct reconciler *r;
	struct app_api *api;
	struct http_server *app_server, *admin_server;
	struct event *signals[SIGNAL_COUNT];
	struct timer *watchdog, *status, *drain, *look, *tidy;
	struct socket_watch sockets;
	bool stopping, failed;
};

/* ---------- secrets ---------- */

static enum err
secret_read(const char *path, char ret[SECRET_SIZE], char *why, size_t why_size)
{
	ret[0] = '\0';
	return path == NULL ? ERR_OK : secret_file_read(path, ret, SECRET_SIZE, why, why_size);
}

/* The configuration has been checked to name exactly one of the two. */
static enum err
credential_read(const struct config *c, struct secrets *ret, char *why, size_t why_size)
{
	if (c->client_certificate == NULL)
		return secret_read(c->client_secret_file, ret->client, why, why_size);
	/* The time of day as it is: --check and the start come here before there is a loop with a clock. */
	return graph_certificate_read(c->client_certificate, c->client_key, (enum graph_algorithm)c->assertion_algorithm,
	    (int64_t)time(NULL), &ret->certificate, why, why_size);
}

static void
secrets_done(struct secrets *s)
{
	graph_certificate_free(s->certificate);
	secret_wipe(s, sizeof(*s));
}

/* rich.h reads them itself, and again on each reload. */
static enum err
notification_keys_check(const struct config *c, char *why, size_t why_size)
{
	struct notification_keys *keys;
	enum err e;

	if (c->notifications != CONFIG_NOTIFICATIONS_RICH)
		return ERR_OK;
	e = notification_keys_read(c->notification_keys, (int64_t)time(NULL), &keys, why, why_size);
	if (e == ERR_OK)
		notification_keys_free(keys);
	return e;
}

static enum err
secrets_read(const struct config *c, struct secrets *ret, char *why, size_t why_size)
{
	enum err e;

	if ((e = key_pair_read(c->key_file, &ret->state_key, &ret->previous_key, &ret->has_previous, why, why_size)) != ERR_OK)
		return e;
	if ((e = key_file_read(c->intake_key_file, &ret->intake_key, why, why_size)) != ERR_OK)
		return e;
	if ((e = credential_read(c, ret, why, why_size)) != ERR_OK)
		return e;
	if ((e = secret_read(c->app_token_file, ret->token, why, why_size)) != ERR_OK)
		return e;
	if ((e = secret_read(c->callback_secret_file, ret->callback, why, why_size)) != ERR_OK)
		return e;
	if (c->callback_url != NULL && (e = callback_secret_check(ret->callback, why, why_size)) != ERR_OK)
		return e;
	return notification_keys_check(c, why, why_size);
}

enum err
daemon_check(const struct config *config, char *why, size_t why_size)
{
	struct secrets secrets = { 0 };
	enum err e = secrets_read(config, &secrets, why, why_size);

	secrets_done(&secrets);
	return e;
}

/* ---------- signals and timers ---------- */

static void
on_drained(void *arg)
{
	struct daemon *d = arg;

	event_base_loopexit(d->base, NULL);
}

static void
stop(struct daemon *d)
{
	if (d->stopping) {
		event_base_loopbreak(d->base);
		return;
	}
	d->stopping = true;
	log_event(LOG_INFO, "stopping");
	service_stopping();
	http_server_stop(d->app_server);
	http_server_stop(d->admin_server);
	timer_arm(d->drain, DRAIN_MS);
}

static void
report_reload(void *arg, const char *file, int line, const char *message)
{
	(void)arg;
	(void)file;
	log_put(LOG_WARN, "reload", LI("line", line), LS("message", message));
}

/* A bad file or secret keeps what is in use. */
static void
reload(struct daemon *d)
{
	struct config *fresh = NULL;
	struct secrets secrets = { 0 };
	char why[512];

	service_reloading();
	if (config_load(d->config->file, FOR_RECONCILER, report_reload, NULL, &fresh) != ERR_OK) {
		log_event(LOG_ERROR, "reload_refused");
	} else if (secrets_read(fresh, &secrets, why, sizeof(why)) != ERR_OK) {
		log_put(LOG_ERROR, "reload_refused", LS("detail", why));
	} else {
		config_reload(d->config, fresh, report_reload, NULL);
		if (rich_reload(d->r, why, sizeof(why)) != ERR_OK)
			log_put(LOG_ERROR, "notification_keys_stay", LS("detail", why));
		log_set_level((enum log_level)d->config->log_level);
		(void)graph_set_credential(d->r->graph, secrets.client, config_secret_expires_s(d->config), secrets.certificate);
		app_api_set_token(d->api, secrets.token);
		str_copy(d->r->callback_secret, sizeof(d->r->callback_secret), secrets.callback);
		keeper_kick(d->r);
		deliver_kick(d->r);
		retention_kick(d->r);
		log_event(LOG_INFO, "reloaded");
	}
	secrets_done(&secrets);
	config_free(fresh);
	service_ready("running");
}

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	(void)what;
	if (number == SIGHUP)
		reload(arg);
	else
		stop(arg);
}

static void
on_watchdog(void *arg)
{
	struct daemon *d = arg;

	service_watchdog_ping();
	timer_arm(d->watchdog, service_watchdog_ms());
}

static void
on_status(void *arg)
{
	struct daemon *d = arg;
	struct app_status s;
	char text[160];

	timer_arm(d->status, STATUS_EVERY_MS);
	summary_take(d->r, SUMMARY_MS, &s);
	snprintf(text, sizeof(text), "%lld ERGs in sync, %lld working, %lld held, %lld broken; %lld callbacks wait",
	    (long long)s.ergs[ERG_IN_SYNC], (long long)s.ergs[ERG_WORKING] + (long long)s.ergs[ERG_LINKING],
	    (long long)s.ergs[ERG_HELD], (long long)s.ergs[ERG_BROKEN], (long long)s.callback_backlog);
	service_status(text);
}

/* That in the runtime directory, then whatever the configuration names, there or elsewhere. */
static enum err
sockets_mend(struct daemon *d, bool *ret_runtime, bool *ret_anew, char *why, size_t why_size)
{
	bool peer = false, app = false, admin = false;
	enum err e;

	*ret_runtime = true;

	if (make_runtime_directory(d->config->runtime_directory) != 0) {
		snprintf(why, why_size, "%s cannot be made: %s", d->config->runtime_directory, strerror(errno));
		return ERR_IO;
	}
	e = peer_socket_mend(d->peer, &peer, why, why_size);
	*ret_runtime = e != ERR_OK;
	if (e == ERR_OK)
		e = http_server_mend(d->app_server, &app, why, why_size);
	if (e == ERR_OK)
		e = http_server_mend(d->admin_server, &admin, why, why_size);
	*ret_anew = peer || app || admin;
	return e;
}

static void
on_look(void *arg)
{
	struct daemon *d = arg;
	char why[512] = "";
	bool anew = false, runtime;
	enum err e;

	if (d->stopping)
		return;
	timer_arm(d->look, SOCKET_WATCH_MS);
	e = sockets_mend(d, &runtime, &anew, why, sizeof(why));
	if (socket_watch_note(&d->sockets, e, runtime, anew, why)) {
		d->failed = true;
		stop(d);
	}
}

static void
on_tidy(void *arg)
{
	struct daemon *d = arg;

	timer_arm(d->tidy, HEAP_GIVE_BACK_MS);
	heap_give_back();
}

/* ---------- starting ---------- */

static enum err
start_loop(struct daemon *d, char *why, size_t why_size)
{
	static const int numbers[SIGNAL_COUNT] = { SIGTERM, SIGINT, SIGHUP };

	snprintf(why, why_size, "%s", err_text(ERR_NOMEM));
	if ((d->base = event_base_new()) == NULL || (d->clock = clock_new_real(d->base)) == NULL)
		return ERR_NOMEM;
	d->watchdog = timer_new(d->clock, on_watchdog, d);
	d->status = timer_new(d->clock, on_status, d);
	d->drain = timer_new(d->clock, on_drained, d);
	d->look = timer_new(d->clock, on_look, d);
	d->tidy = timer_new(d->clock, on_tidy, d);
	if (d->watchdog == NULL || d->status == NULL || d->drain == NULL || d->look == NULL || d->tidy == NULL)
		return ERR_NOMEM;
	for (int i = 0; i < SIGNAL_COUNT; i++)
		if ((d->signals[i] = evsignal_new(d->base, numbers[i], on_signal, d)) == NULL ||
		    event_add(d->signals[i], NULL) != 0)
			return ERR_NOMEM;
	return ERR_OK;
}

static enum err
start_clients(struct daemon *d, char *why, size_t why_size)
{
	enum err e = curl_transport_new(d->base, d->config->graph_ca_file, GRAPH_CONNECTIONS, &d->graph_http);

	if (e == ERR_OK)
		e = curl_transport_new(d->base, NULL, APP_CONNECTIONS, &d->app_http);
	if (e != ERR_OK)
		snprintf(why, why_size, "the HTTP client cannot start: %s", err_text(e));
	return e;
}

static void
directory_make(const char *path)
{
	char with_slash[PATH_SIZE];

	snprintf(with_slash, sizeof(with_slash), "%s/", path);
	/* What fails here is told by whoever needs the folder, with its own words. */
	(void)make_directories(with_slash);
}

static enum err
start_reconciler(struct daemon *d, char *why, size_t why_size)
{
	struct reconciler_options options = {
		.config = d->config,
		.clock = d->clock,
		.rng = &d->rng,
		.graph_http = d->graph_http,
		.app_http = d->app_http,
		.state_key = d->secrets.state_key,
		.previous_key = d->secrets.has_previous ? &d->secrets.previous_key : NULL,
		.intake_key = d->secrets.intake_key,
		.client_secret = d->secrets.client,
		.client_certificate = d->secrets.certificate,
		.callback_secret = d->secrets.callback,
		.wake_listener = peer_socket_consumed,
	};
	enum err e;

	directory_make(d->config->state_directory);
	(void)make_runtime_directory(d->config->runtime_directory); /* told by its socket */
	/* The store is locked before the socket of a process that may still run is replaced. */
	options.wake_listener = NULL;
	if ((e = reconciler_new(&options, &d->r, why, why_size)) != ERR_OK)
		return e;
	if ((e = peer_socket_new(d->base, d->clock, d->config->runtime_directory, &d->peer, why, why_size)) != ERR_OK)
		return e;
	d->r->peer = d->peer;
	d->r->wake_listener = peer_socket_consumed;
	d->r->wake_listener_arg = d->peer;
	peer_socket_attach(d->peer, d->r);
	if ((e = listener_watch_new(d->clock, d->peer, &d->listener)) != ERR_OK)
		snprintf(why, why_size, "%s", err_text(e));
	d->r->listener = d->listener;
	return e;
}

static void
on_changes(void *arg)
{
	struct daemon *d = arg;

	app_api_changes_arrived(d->api);
}

static enum err
start_servers(struct daemon *d, char *why, size_t why_size)
{
	struct app_api_options api = { .ops = &backend_ops, .ctx = d->r, .clock = d->clock, .token = d->secrets.token };
	struct http_server_options options = {
		.listen = d->config->app_listen,
		.unix_mode = 0660,
		.tls_certificate = d->config->app_tls_certificate,
		.tls_key = d->config->app_tls_key,
		.tls_only_beyond_loopback = true,
		.body_max_bytes = APP_BODY_MAX_BYTES,
		.connections_max = API_CONNECTIONS,
		.request_deadline_ms = REQUEST_DEADLINE_MS,
		.handle = app_api_handle,
	};
	struct http_server_options admin = {
		.listen = d->config->admin_listen,
		.unix_mode = 0660,
		.body_max_bytes = ADMIN_BODY_MAX_BYTES,
		.connections_max = ADMIN_CONNECTIONS,
		.request_deadline_ms = REQUEST_DEADLINE_MS,
		.handle = admin_handle,
		.arg = d->r,
	};
	enum err e;

	if ((e = app_api_new(&api, &d->api)) != ERR_OK) {
		snprintf(why, why_size, "%s", err_text(e));
		return e;
	}
	d->r->on_changes = on_changes;
	d->r->on_changes_arg = d;
	options.arg = d->api;
	if ((e = http_server_new(d->base, d->clock, &options, &d->app_server, why, why_size)) != ERR_OK)
		return e;
	return http_server_new(d->base, d->clock, &admin, &d->admin_server, why, why_size);
}

static enum err
start(struct daemon *d, char *why, size_t why_size)
{
	enum err e = secrets_read(d->config, &d->secrets, why, why_size);

	if (e == ERR_OK)
		e = start_loop(d, why, why_size);
	if (e == ERR_OK)
		e = start_clients(d, why, why_size);
	if (e == ERR_OK)
		e = start_reconciler(d, why, why_size);
	if (e == ERR_OK)
		e = start_servers(d, why, why_size);
	secrets_done(&d->secrets);
	return e;
}

/* Whoever still waits is answered while all that the answer is made of is there: for this turn's commit, for the listener's figures. */
static void
answer_all(struct daemon *d)
{
	if (d->r != NULL) {
		store_commit(d->r->store);
		d->r->on_changes = NULL;
		d->r->wake_listener = NULL;
		d->r->peer = NULL;
	}
	if (d->peer != NULL)
		peer_socket_attach(d->peer, NULL);
	peer_socket_free(d->peer);
	app_api_free(d->api);
}

static void
finish(struct daemon *d)
{
	answer_all(d);
	http_server_free(d->app_server);
	http_server_free(d->admin_server);
	reconciler_free(d->r);
	listener_watch_free(d->listener);
	http_transport_free(d->graph_http);
	http_transport_free(d->app_http);
	timer_free(d->watchdog);
	timer_free(d->status);
	timer_free(d->drain);
	timer_free(d->look);
	timer_free(d->tidy);
	for (int i = 0; i < SIGNAL_COUNT; i++)
		if (d->signals[i] != NULL)
			event_free(d->signals[i]);
	clock_free(d->clock);
	if (d->base != NULL)
		event_base_free(d->base);
}

enum err
daemon_run(struct config *config, char *why, size_t why_size)
{
	struct daemon *d = calloc(1, sizeof(*d));
	enum err e;

	if (d == NULL) {
		snprintf(why, why_size, "%s", err_text(ERR_NOMEM));
		return ERR_NOMEM;
	}
	d->config = config;
	d->rng = rng_system();
	if ((e = start(d, why, why_size)) == ERR_OK) {
		if (service_watchdog_ms() > 0)
			timer_arm(d->watchdog, 0);
		timer_arm(d->status, 0);
		timer_arm(d->look, SOCKET_WATCH_MS);
		timer_arm(d->tidy, HEAP_GIVE_BACK_MS);
		service_ready("running");
		log_event(LOG_INFO, "ready");
		event_base_dispatch(d->base);
		log_event(LOG_INFO, "stopped");
		e = d->failed ? ERR_IO : ERR_OK;
		why[0] = '\0';
	}
	finish(d);
	free(d);
	return e;
}
