/*
 * admin.c - answers the questions of the admin endpoint: alive, ready, how much; and shows the console.
 *
 * /readyz is about this daemon alone: it is 503 only for what restarting or room could mend. Graph or the app being away is
 * told in the body with 200, so that no orchestrator restarts a healthy daemon because of somebody else's outage.
 */
#include "reconciler/admin.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "base/text.h"
#include "graph/graph.h"
#include "net/http_server.h"
#include "reconciler/console.h"
#include "reconciler/figures.h"
#include "reconciler/peer_socket.h"
#include "reconciler/reconciler.h"
#include "reconciler/summary.h"
#include "state/store.h"

#define BODY_MAX       (1u << 20)
#define CLOCK_WRONG_MS (5 * 60 * 1000LL)
#define PLAIN          "text/plain; charset=utf-8"
#define METRICS        "text/plain; version=0.0.4; charset=utf-8"

static void
reply_text(struct http_exchange *x, int status, const char *content_type, struct text *body)
{
	if (text_err(body) == ERR_OK)
		http_reply(x, status, content_type, body->data, body->len, NULL);
	else
		http_reply(x, 500, PLAIN, "out of memory\n", strlen("out of memory\n"), NULL);
	text_done(body);
}

/* --- /metrics --- */

struct scrape {
	struct reconciler *r;
	struct http_exchange *x;
};

static void
on_listener_text(void *arg, const char *listener_text, size_t len)
{
	struct scrape scrape = *(struct scrape *)arg;
	struct figures figures;
	struct text body;

	free(arg);
	figures_take(scrape.r, &figures);
	text_init(&body, BODY_MAX);
	figures_print(&figures, &body);
	text_addf(&body,
	    "# HELP ergsync_listener_up 1 while the listener answers the reconciler.\n# TYPE ergsync_listener_up gauge\n"
	    "ergsync_listener_up %d\n",
	    listener_text != NULL);
	if (listener_text != NULL)
		text_add(&body, listener_text, len);
	reply_text(scrape.x, 200, METRICS, &body);
}

static void
on_metrics(struct reconciler *r, struct http_exchange *x)
{
	struct scrape *scrape = calloc(1, sizeof(*scrape));

	if (scrape == NULL) {
		http_reply(x, 500, PLAIN, NULL, 0, NULL);
		return;
	}
	*scrape = (struct scrape){ r, x };
	if (r->peer != NULL)
		peer_socket_ask_stats(r->peer, on_listener_text, scrape);
	else
		on_listener_text(scrape, NULL, 0);
}

/* --- /healthz, /readyz --- */

static void
on_healthz(struct reconciler *r, struct http_exchange *x)
{
	(void)r;
	http_reply(x, 200, PLAIN, "ok\n", 3, NULL);
}

static void
reasons(const struct app_status *s, struct text *body)
{
	if (!s->inbox_present)
		text_adds(body, "listener: it has not made its inbox yet; is ergsync-listener running?\n");
	if (s->tenants[TENANT_CONSENT_MISSING] > 0)
		text_addf(body, "tenants: %" PRId64 " without consent\n", s->tenants[TENANT_CONSENT_MISSING]);
	if (s->tenants[TENANT_SIGN_IN_NEEDED] > 0)
		text_addf(body, "tenants: %" PRId64 " whose account must sign in\n", s->tenants[TENANT_SIGN_IN_NEEDED]);
	if (s->tenants[TENANT_UNREACHABLE] > 0)
		text_addf(body, "graph: %" PRId64 " tenants cannot be reached\n", s->tenants[TENANT_UNREACHABLE]);
	if (s->subscriptions[SUBSCRIPTION_FAILING] > 0)
		text_addf(body, "subscriptions: %" PRId64 " failing\n", s->subscriptions[SUBSCRIPTION_FAILING]);
	if (s->ergs[ERG_BROKEN] + s->ergs[ERG_HELD] > 0)
		text_addf(body, "ergs: %" PRId64 " broken, %" PRId64 " held\n", s->ergs[ERG_BROKEN], s->ergs[ERG_HELD]);
	if (s->additions_only > 0)
		text_addf(body, "store: %" PRId64 " ergs take additions only, until a full comparison has passed the guard\n",
		    s->additions_only);
	if (s->rebuilt_wall_ms > 0 && s->ergs[ERG_IN_SYNC] + s->ergs[ERG_WORKING] + s->ergs[ERG_LINKING] == 0)
		text_adds(
		    body, "store: the former one was damaged and set aside; put tenants and ERGs again, or restore a backup\n");
	if (s->damaged_records > 0)
		text_addf(body, "store: %" PRId64 " damaged records were taken out\n", s->damaged_records);
	if (s->callback_backlog > 0)
		text_addf(body, "app: %" PRId64 " callbacks wait\n", s->callback_backlog);
}

/* Somebody who removes the runtime directory takes the app API with it. */
static bool
sockets_there(const struct config *config)
{
	struct listen_address addresses[CONFIG_LISTEN_MAX];
	size_t count = 0;

	if (config->app_listen == NULL || listen_parse(config->app_listen, addresses, &count) != ERR_OK)
		return true;
	for (size_t i = 0; i < count; i++)
		if (addresses[i].is_unix && access(addresses[i].host, F_OK) != 0)
			return false;
	return true;
}

static void
on_readyz(struct reconciler *r, struct http_exchange *x)
{
	bool room = store_has_room(r->store), sockets = sockets_there(r->config), ready = room && sockets;
	struct app_status status;
	struct graph_stats graph;
	struct text body;

	text_init(&body, BODY_MAX);
	text_adds(&body, ready ? "ready\n" : "not ready\n");
	if (!room)
		text_adds(&body, "store: it is full; raise [state] map_size or free disk space\n");
	if (!sockets)
		text_adds(&body, "sockets: that of the app API is gone; restart ergsync-reconciler\n");
	graph_stats(r->graph, &graph);
	if (llabs(graph.clock_skew_ms) > CLOCK_WRONG_MS)
		text_addf(&body, "clock: it differs from Graph's by %" PRId64 " s; set it right\n", graph.clock_skew_ms / 1000);
	summary_take(r, SUMMARY_MS, &status);
	reasons(&status, &body);
	reply_text(x, ready ? 200 : 503, PLAIN, &body);
}

/* --- routes --- */

static const struct route {
	const char *path;
	bool head; /* HEAD too */
	void (*handler)(struct reconciler *r, struct http_exchange *x);
} routes[] = {
	{ "/", true, console_handle },
	{ "/metrics", false, on_metrics },
	{ "/healthz", false, on_healthz },
	{ "/readyz", false, on_readyz },
};

static void
route_serve(const struct route *route, struct reconciler *r, struct http_exchange *x)
{
	const char *const allow[] = { route->head ? "Allow: GET, HEAD" : "Allow: GET", NULL };
	const char *method = http_exchange_method(x);

	if (strcmp(method, "GET") == 0 || (route->head && strcmp(method, "HEAD") == 0))
		route->handler(r, x);
	else
		http_reply(x, 405, PLAIN, NULL, 0, allow);
}

void
admin_handle(void *arg, struct http_exchange *x)
{
	static const char nothing[] = "here are / (the console), /metrics, /healthz and /readyz\n";

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(routes[i].path, http_exchange_path(x)) == 0) {
			route_serve(&routes[i], arg, x);
			return;
		}
	}
	http_reply(x, 404, PLAIN, nothing, sizeof(nothing) - 1, NULL);
}
