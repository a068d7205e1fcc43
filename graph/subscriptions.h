/*
 * subscriptions.h - change-notification subscriptions on Graph: the calls and the rules. graph-facts sections 2 and 6.
 *
 * PATCH renews and reauthorises at once; reauthorize is never sent, so that both never meet within ten minutes. clientState is
 * never given back by Graph: whoever creates must remember it.
 */
#ifndef GRAPH_SUBSCRIPTIONS_H
#define GRAPH_SUBSCRIPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "graph/graph.h"
#include "graph/page.h"
#include "model/subscription.h"

#define GRAPH_SUBSCRIPTION_FLOOR_MS   (45 * 60 * 1000LL) /* Graph raises shorter ones to this */
#define GRAPH_SUBSCRIPTION_TIMEOUT_MS 90000 /* creating waits for two validations of up to 10 s, and retries of its own */
#define GRAPH_SUBSCRIPTION_URL_SIZE   1024
#define GRAPH_CHANGE_TYPE_SIZE        64

/* Pure. Expiry to ask for: life_ms capped at the kind's maximum less a margin for clocks that differ; life_ms 0 = the maximum. */
int64_t graph_subscription_expiry(enum subscription_kind kind, int64_t life_ms, int64_t now_wall_ms);

struct graph_subscription {
	char id[SUBSCRIPTION_ID_SIZE];
	char resource[SUBSCRIPTION_RESOURCE_SIZE]; /* as Graph spells it; compare with graph_resource_equal */
	char change_types[GRAPH_CHANGE_TYPE_SIZE];
	char notification_url[GRAPH_SUBSCRIPTION_URL_SIZE]; /* "" when absent or longer */
	char lifecycle_url[GRAPH_SUBSCRIPTION_URL_SIZE];
	char application_id[GUID_SIZE];
	int64_t expires_wall_ms;
};
/* Case-blind, with or without the leading slash. */
bool graph_resource_equal(const char *a, const char *b);

/* Of rich notifications (graph-facts section 5): the certificate as base64 of DER, and what Graph is to call it. Both NULL: basic ones. */
struct graph_encryption {
	const char *certificate, *id;
};

struct graph_subscription_wish {
	enum subscription_kind kind;
	const char *resource, *notification_url, *lifecycle_url, *client_state;
	int64_t expires_wall_ms;
	struct graph_encryption encryption;
	const char *change_types; /* NULL: those of its kind */
};
/* The listener must answer Graph's validation while this call is open. err CONFLICT: graph_error_existing_subscription names the
 * one there is; FULL: a quota. Not idempotent: after an unknown outcome list, or create again and meet the 409. */
struct graph_call *graph_subscription_create(
    struct graph *g, const struct graph_where *w, const struct graph_subscription_wish *wish, graph_done done, void *arg);
/* NOTFOUND: it is gone, create anew. encryption: a new key of a rich subscription; notification_url: another
 * one, which Graph may validate while this call is open. NULL leaves what it has. */
struct graph_call *graph_subscription_renew(struct graph *g, const struct graph_where *w, const char *id, int64_t expires_wall_ms,
    const struct graph_encryption *encryption, const char *notification_url, graph_done done, void *arg);
/* NOTFOUND is success to whoever wants it gone. */
struct graph_call *
graph_subscription_delete(struct graph *g, const struct graph_where *w, const char *id, graph_done done, void *arg);
/* What it is now, of an answer to create or renew. On an error nothing is given. */
enum err graph_subscription_read(const struct graph_answer *a, char ret_id[SUBSCRIPTION_ID_SIZE], int64_t *ret_expires_wall_ms);
/* All of this app in this tenant; item gets a const struct graph_subscription. */
struct graph_pages *graph_subscriptions_list(struct graph *g, const struct graph_where *w,
    void (*item)(void *arg, const void *subscription), void (*end)(void *arg, const struct graph_page_end *end), void *arg);
enum err graph_subscription_item_read(const json_t *item, void *ret_subscription);

#endif
