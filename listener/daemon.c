/*
 * Opens in an order in which whatever fails has spoilt nothing: what only reads comes first, then the peer socket, whose name keeps
 * a second listener away from the store, then the store, and the public sockets last.
 */
#include "listener/daemon.h"

#include <event2/event.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/random.h"
#include "base/service.h"
#include "base/socket_watch.h"
#include "base/text.h"
#include "listener/connections.h"
#include "listener/endpoint.h"
#include "listener/intake.h"
#include "listener/known_states.h"
#include "listener/link.h"
#include "listener/metrics.h"
#include "listener/record_memory.h"
#include "listener/tls.h"
#include "state/inbox.h"

/* contract.md section 2: the inbox has a quarter of the map. */
#define INBOX_SHARE 4
/* After this, what is still under way at a stop is cut. */
#define DRAIN_MS 10000
#define PATH_LEN 4096
/* How long after the last commit or connection freed memory goes back to the system; HEAP_GIVE_BACK_MS without such a pause. */
#define TIDY_AFTER_MS 1000

enum { SIGNALS = 3 };

struct daemon {
	struct config *config;
	struct event_base *base;
	struct clock *clock;
	struct event *signals[SIGNALS];
	struct timer *watchdog, *deadline, *tidy, *look;
	struct socket_watch sockets;
	uint64_t seen_active; /* the sum of connections and commits when tidying was last thought of */
	int64_t tidied_ms;
	struct key32 intake_key;
	struct known_states *known;
	struct inbox *inbox; /* the intake's thread's, once that runs */
	struct intake *intake;
	struct connections *connections;
	struct endpoint *endpoint;
	struct link *link;
	struct metrics metrics;
	SSL_CTX *tls; /* until the endpoint has it */
	struct tls_facts tls_facts;
	bool stopping, done, failed;
};

/* The store, as the intake sees it. */

static enum err
store_append(void *arg, const struct hint *hints, size_t count)
{
	return inbox_append(arg, hints, count);
}

static enum err
store_trim(void *arg, const uint8_t epoch[PEER_EPOCH_LEN], uint64_t consumed)
{
	uint8_t own[INBOX_EPOCH_LEN];
	enum err err = inbox_epoch(arg, own);

	_Static_assert(INBOX_EPOCH_LEN == PEER_EPOCH_LEN, "the peer message carries the inbox's epoch");
	if (err != ERR_OK)
		return err;
	if (memcmp(own, epoch, sizeof(own)) != 0)
		return ERR_CONFLICT;
	return inbox_trim(arg, consumed);
}

static enum err
store_reopen(void *arg)
{
	return inbox_reopen(arg);
}

static enum err
store_status(void *arg, struct intake_status *ret)
{
	struct inbox_stats stats;
	enum err err = inbox_stats(arg, &stats);

	if (err == ERR_OK)
		*ret = (struct intake_status){ stats.first, stats.last, stats.used_bytes, stats.file_bytes, stats.map_bytes,
			stats.accepting };
	return err;
}

static void
store_housekeep(void *arg)
{
	inbox_check_readers(arg);
}

static void
on_committed(void *arg, const struct intake_commit *commit)
{
	struct daemon *d = arg;

	d->metrics.counts[commit->err == ERR_OK ? METRIC_COMMITS : METRIC_COMMITS_FAILED]++;
	metrics_commit(&d->metrics, commit->took_us);
	if (commit->err == ERR_OK)
		link_wake(d->link);
	else
		log_put(LOG_ERROR, "commit_failed", LS("error", err_text(commit->err)), LI("requests", commit->requests),
		    LI("items", commit->hints));
}

/* The peer. */

static void
on_consented(void *arg, const struct scope_id *scope)
{
	struct daemon *d = arg;

	link_consent(d->link, scope);
}

static void
on_consumed(void *arg, const uint8_t epoch[PEER_EPOCH_LEN], uint64_t consumed)
{
	struct daemon *d = arg;

	if (d->intake != NULL)
		intake_trim(d->intake, epoch, consumed);
}

static void
on_stats(void *arg, struct text *ret)
{
	struct daemon *d = arg;
	struct intake_status status = { 0 };
	struct gauges gauges = { 0 };

	if (d->intake == NULL || d->connections == NULL)
		return;
	status = intake_status(d->intake);
	gauges.connections = connections_count(d->connections);
	gauges.backlog = intake_backlog(d->intake);
	gauges.inbox_records = status.last >= status.first ? status.last - status.first + 1 : 0;
	gauges.inbox_used_bytes = status.used_bytes;
	gauges.inbox_file_bytes = status.file_bytes;
	gauges.inbox_map_bytes = status.map_bytes;
	gauges.heap_bytes = heap_bytes();
	gauges.healthy = !d->stopping && intake_healthy(d->intake);
	gauges.certificate_expires_unix = d->tls_facts.expires_unix;
	metrics_text(&d->metrics, &gauges, ret);
}

/* Signals. */

static void
on_emptied(void *arg)
{
	struct daemon *d = arg;

	d->done = true;
}

static void
on_deadline(void *arg)
{
	struct daemon *d = arg;

	log_put(LOG_WARN, "drain_cut", LI("connections", connections_count(d->connections)));
	d->done = true;
}

static void
stop(struct daemon *d)
{
	d->stopping = true;
	service_stopping();
	timer_arm(d->deadline, DRAIN_MS);
	endpoint_stop(d->endpoint);
	connections_drain(d->connections, on_emptied, d);
}

static void
on_stop(evutil_socket_t signal_number, short what, void *arg)
{
	struct daemon *d = arg;

	(void)what;
	if (d->stopping) {
		d->done = true;
		return;
	}
	log_put(LOG_INFO, "stopping", LS("signal", signal_number == SIGINT ? "INT" : "TERM"));
	stop(d);
}

/* Is the socket still where the reconciler finds it? */
static void
on_look(void *arg)
{
	struct daemon *d = arg;
	const char *directory = d->config->runtime_directory;
	char why[512] = "";
	bool anew = false;
	enum err err = ERR_OK;

	if (d->stopping)
		return;
	timer_arm(d->look, SOCKET_WATCH_MS);
	if (make_runtime_directory(directory) != 0) {
		err = ERR_IO;
		(void)snprintf(why, sizeof(why), "%s cannot be made: %m", directory);
	} else {
		err = link_mend(d->link, &anew, why, sizeof(why));
	}
	if (socket_watch_note(&d->sockets, err, true, anew, why)) {
		d->failed = true;
		stop(d);
	}
}

static void
report_to_log(void *arg, const char *file, int line, const char *message)
{
	(void)arg;
	log_put(LOG_WARN, "config_mistake", LS("file", file), LI("line", line), LS("message", message));
}

static enum err
load_tls(const struct config *config, SSL_CTX **ret, struct tls_facts *facts, char *why, size_t why_size)
{
	return tls_context_new(
	    config->tls_certificate, config->tls_key, config->public_url, (int64_t)time(NULL), ret, facts, why, why_size);
}

static void
reload_options(struct daemon *d)
{
	struct config *fresh = NULL;

	if (config_load(d->config->file, FOR_LISTENER, report_to_log, NULL, &fresh) != ERR_OK) {
		log_put(LOG_ERROR, "reload_refused", LS("reason", "the configuration has mistakes"),
		    LS("consequence", "the old one stays"));
		return;
	}
	config_reload(d->config, fresh, report_to_log, NULL);
	config_free(fresh);
	log_set_level((enum log_level)d->config->log_level);
}

static void
tell_doubts(const struct tls_facts *facts)
{
	for (size_t i = 0; i < facts->doubts.count; i++)
		log_put(LOG_WARN, "certificate_doubtful", LS("reason", facts->doubts.text[i]));
}

static void
reload_certificate(struct daemon *d)
{
	struct tls_facts facts;
	SSL_CTX *tls = NULL;
	char why[512];

	if (load_tls(d->config, &tls, &facts, why, sizeof(why)) != ERR_OK) {
		log_put(LOG_ERROR, "certificate_refused", LS("reason", why), LS("consequence", "the old one stays"));
		return;
	}
	endpoint_set_tls(d->endpoint, tls);
	d->tls_facts = facts;
	tell_doubts(&facts);
	log_put(LOG_INFO, "certificate_loaded", LI("expires_unix", facts.expires_unix));
}

static void
on_reload(evutil_socket_t signal_number, short what, void *arg)
{
	struct daemon *d = arg;

	(void)signal_number;
	(void)what;
	if (d->stopping)
		return;
	service_reloading();
	reload_options(d);
	reload_certificate(d);
	service_ready("serving");
}

static void
on_watchdog(void *arg)
{
	struct daemon *d = arg;

	/* Being called shows that the loop gets on; a writer stuck in its sync has to be seen, too. */
	if (intake_alive(d->intake))
		service_watchdog_ping();
	timer_arm(d->watchdog, service_watchdog_ms());
}

/* Opening and closing. */

static uint64_t
activity(const struct daemon *d)
{
	return d->metrics.counts[METRIC_CONNECTIONS] + d->metrics.counts[METRIC_COMMITS];
}

/* A thousand handshakes at once leave 30 MB of holes in the heap. Given back as soon as it is quiet, seldom while it is busy. */
static void
on_tidy(void *arg)
{
	struct daemon *d = arg;

	if (activity(d) != d->seen_active) {
		d->seen_active = activity(d);
		timer_arm(d->tidy, TIDY_AFTER_MS);
		if (clock_boot_ms(d->clock) - d->tidied_ms < HEAP_GIVE_BACK_MS)
			return;
	}
	d->tidied_ms = clock_boot_ms(d->clock);
	record_memory_trim();
	heap_give_back();
}

static enum err
open_loop(struct daemon *d)
{
	static const struct {
		int number;
		event_callback_fn act;
	} handlers[SIGNALS] = {
		{ SIGTERM, on_stop },
		{ SIGINT, on_stop },
		{ SIGHUP, on_reload },
	};

	if ((d->base = event_base_new()) == NULL || (d->clock = clock_new_real(d->base)) == NULL)
		return ERR_NOMEM;
	d->watchdog = timer_new(d->clock, on_watchdog, d);
	d->deadline = timer_new(d->clock, on_deadline, d);
	d->tidy = timer_new(d->clock, on_tidy, d);
	d->look = timer_new(d->clock, on_look, d);
	if (d->watchdog == NULL || d->deadline == NULL || d->tidy == NULL || d->look == NULL)
		return ERR_NOMEM;
	for (int i = 0; i < SIGNALS; i++)
		if ((d->signals[i] = evsignal_new(d->base, handlers[i].number, handlers[i].act, d)) == NULL ||
		    event_add(d->signals[i], NULL) != 0)
			return ERR_NOMEM;
	return ERR_OK;
}

static enum err
open_link(struct daemon *d, char *why, size_t why_size)
{
	const struct link_host host = { on_consumed, on_stats, d };

	if (make_runtime_directory(d->config->runtime_directory) != 0) {
		(void)snprintf(why, why_size, "cannot create the runtime directory %s: %m", d->config->runtime_directory);
		return ERR_IO;
	}
	return link_new(d->base, d->clock, d->config->runtime_directory, &host, &d->metrics, &d->link, why, why_size);
}

static enum err
open_store(struct daemon *d, char *why, size_t why_size)
{
	struct intake_store store = { store_append, store_trim, store_reopen, store_status, store_housekeep, NULL };
	const struct intake_watcher watcher = { on_committed, d };
	char path[PATH_LEN], detail[384] = "";
	enum err err;

	(void)snprintf(path, sizeof(path), "%s/inbox", d->config->state_directory);
	if (make_directories(path) != 0) {
		(void)snprintf(why, why_size, "cannot create the state directory %s: %m", d->config->state_directory);
		return ERR_IO;
	}
	err = inbox_open(path, INBOX_WRITER, (uint64_t)d->config->map_size_bytes / INBOX_SHARE, &d->intake_key, &d->inbox, detail,
	    sizeof(detail));
	if (err != ERR_OK) {
		(void)snprintf(why, why_size, "cannot open the inbox %s: %s", path, detail[0] != '\0' ? detail : err_text(err));
		return err;
	}
	store.arg = d->inbox;
	return intake_new(d->base, d->clock, &store, &watcher, &d->intake);
}

static enum err
open_connections(struct daemon *d)
{
	struct rng rng = rng_system();
	struct known_states *known = known_states_new(&d->intake_key);
	struct connection_env env = { .base = d->base,
		.clock = d->clock,
		.intake = d->intake,
		.metrics = &d->metrics,
		.known = known,
		.body_max = (size_t)d->config->max_body_bytes,
		.consented = on_consented,
		.consented_arg = d };
	enum err err;
	struct rlimit descriptors = { 1024, 1024 };

	d->known = known;
	if (known == NULL)
		return ERR_NOMEM;
	(void)getrlimit(RLIMIT_NOFILE, &descriptors);
	env.limits = guest_limits_default((size_t)descriptors.rlim_cur);
	client_state_consent_key(&d->intake_key, &env.consent_key);
	err = connections_new(&env, &rng, &d->connections);
	secret_wipe(&env.consent_key, sizeof(env.consent_key));
	return err;
}

static enum err
open_endpoint(struct daemon *d, char *why, size_t why_size)
{
	int sockets[ENDPOINT_SOCKETS_MAX];
	size_t count = service_sockets(sockets, ENDPOINT_SOCKETS_MAX);
	enum err err;

	if (count == 0 && (err = endpoint_bind(d->config->listener_listen, sockets, &count, why, why_size)) != ERR_OK)
		return err;
	err = endpoint_new(d->base, d->clock, d->connections, &d->metrics, sockets, count, d->tls, &d->endpoint);
	d->tls = NULL;
	return err;
}

static enum err
open_all(struct daemon *d, char *why, size_t why_size)
{
	enum err err = key_file_read(d->config->intake_key_file, &d->intake_key, why, why_size);

	if (err == ERR_OK)
		err = load_tls(d->config, &d->tls, &d->tls_facts, why, why_size);
	if (err == ERR_OK)
		err = open_loop(d);
	if (err == ERR_OK)
		err = open_link(d, why, why_size);
	if (err == ERR_OK)
		err = open_store(d, why, why_size);
	if (err == ERR_OK)
		err = open_connections(d);
	if (err == ERR_OK)
		err = open_endpoint(d, why, why_size);
	return err;
}

/* Connections outlive the intake, which answers them; the inbox outlives both. */
static void
close_all(struct daemon *d)
{
	endpoint_free(d->endpoint);
	intake_free(d->intake);
	d->intake = NULL;
	connections_free(d->connections);
	known_states_free(d->known);
	inbox_close(d->inbox);
	link_free(d->link);
	timer_free(d->watchdog);
	timer_free(d->deadline);
	timer_free(d->tidy);
	timer_free(d->look);
	for (int i = 0; i < SIGNALS; i++)
		if (d->signals[i] != NULL)
			event_free(d->signals[i]);
	clock_free(d->clock);
	if (d->base != NULL)
		event_base_free(d->base);
	SSL_CTX_free(d->tls);
	secret_wipe(&d->intake_key, sizeof(d->intake_key));
}

static void
serve(struct daemon *d)
{
	tell_doubts(&d->tls_facts);
	if (service_watchdog_ms() > 0)
		on_watchdog(d);
	timer_arm(d->look, SOCKET_WATCH_MS);
	service_ready("serving");
	log_put(LOG_INFO, "ready", LI("certificate_expires_unix", d->tls_facts.expires_unix));
	while (!d->done && event_base_loop(d->base, EVLOOP_ONCE) >= 0) {
		connections_turn(d->connections);
		if (activity(d) != d->seen_active && !timer_armed(d->tidy))
			timer_arm(d->tidy, TIDY_AFTER_MS);
	}
}

enum err
daemon_check(const struct config *config, char *why, size_t why_size)
{
	struct tls_facts facts;
	SSL_CTX *tls = NULL;
	enum err err = load_tls(config, &tls, &facts, why, why_size);
	size_t len = 0;

	SSL_CTX_free(tls);
	if (err != ERR_OK)
		return err;
	why[0] = '\0';
	for (size_t i = 0; i < facts.doubts.count && len < why_size; i++)
		len += (size_t)snprintf(why + len, why_size - len, "%s%s", i > 0 ? "\n" : "", facts.doubts.text[i]);
	return ERR_OK;
}

enum err
daemon_run(struct config *config, char *why, size_t why_size)
{
	struct daemon d = { .config = config };
	enum err err;

	why[0] = '\0';
	err = open_all(&d, why, why_size);
	if (err == ERR_OK)
		serve(&d);
	else if (why[0] == '\0')
		(void)snprintf(why, why_size, "%s", err_text(err));
	close_all(&d);
	if (err == ERR_OK)
		log_event(LOG_INFO, "stopped");
	return d.failed ? ERR_IO : err;
}
