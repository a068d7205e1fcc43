/*
 * admin.c - answers the questions of the admin endpoint: alive, ready, how much; and shows the console.
 *
 * /readyz is about this daemon alone: it is 503 only for what restarting or room could mend. Graph or the app being away is
 * told in the body with 200, so that no orchestrator restarts a healthy daemon because of somebody else's outage.
 */
#include "reconciler/admin.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/attention.h"
#include "base/config.h"
#include "base/text.h"
#include "net/http_server.h"
#include "reconciler/console.h"
#include "reconciler/figures.h"
#include "reconciler/peer_socket.h"
#include "reconciler/reconciler.h"
#include "reconciler/summary.h"
#include "state/store.h"

#define BODY_MAX (1u << 20)
#define PLAIN    "text/plain; charset=utf-8"
#define METRICS  "text/plain; version=0.0.4; charset=utf-8"

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

/* In the words of the status, the console and ergsyncctl. */
static void
reasons(struct reconciler *r, struct text *body)
{
	struct attention items[ATTENTION_MAX];
	struct app_status status;
	size_t count;

	summary_take(r, SUMMARY_MS, &status);
	count = attention_of(&status, items);
	for (size_t i = 0; i < count; i++)
		text_addf(body, "%s: %s\n", attention_urgency_names[items[i].urgency], items[i].what);
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
	struct text body;

	text_init(&body, BODY_MAX);
	text_adds(&body, ready ? "ready\n" : "not ready\n");
	if (!sockets)
		text_adds(&body,
		    "sockets: that of the app API is gone; it is bound anew within seconds, or the journal tells why not\n");
	reasons(r, &body);
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
