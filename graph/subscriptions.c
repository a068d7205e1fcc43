/*
 * subscriptions.c - rules per kind in one table, and the calls.
 */
#include "graph/subscriptions.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "graph/build.h"

#define MINUTE_MS 60000LL

/* Asked for less than the maximum, since Graph's clock may be behind ours: over the maximum is refused. */
#define EXPIRY_MARGIN_MS (5 * MINUTE_MS)

static const struct {
	const char *change_types;
	int64_t life_max_ms;
	bool immutable_ids;
} kinds[] = {
	[SUBSCRIPTION_TEAM_MEMBERS] = { "created,updated,deleted", 4320 * MINUTE_MS, false },
	[SUBSCRIPTION_CHANNEL_MEMBERS] = { "created,updated,deleted", 4320 * MINUTE_MS, false },
	[SUBSCRIPTION_MAILBOX_EVENTS] = { "created,updated,deleted", 10080 * MINUTE_MS, true },
	[SUBSCRIPTION_TENANT_MEMBERS] = { "created,updated,deleted", 4320 * MINUTE_MS, false },
};

/* Without it on creating, a mailbox's notifications carry ids that change when an event moves (graph-facts section 9.5). */
static const char *const prefer_immutable[] = { "Prefer: IdType=\"ImmutableId\"", NULL };

int64_t
graph_subscription_expiry(enum subscription_kind kind, int64_t life_ms, int64_t now_wall_ms)
{
	int64_t max_ms = kinds[kind].life_max_ms - EXPIRY_MARGIN_MS;

	return now_wall_ms + (life_ms > 0 && life_ms < max_ms ? life_ms : max_ms);
}

bool
graph_resource_equal(const char *a, const char *b)
{
	return strcasecmp(a + (a[0] == '/'), b + (b[0] == '/')) == 0;
}

static json_t *
wish_json(const struct graph_subscription_wish *wish, const char *expires)
{
	json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s*, s:s*}", "changeType",
	    wish->change_types != NULL ? wish->change_types : kinds[wish->kind].change_types, "resource", wish->resource,
	    "notificationUrl", wish->notification_url, "lifecycleNotificationUrl", wish->lifecycle_url, "expirationDateTime",
	    expires, "clientState", wish->client_state, "latestSupportedTlsVersion", "v1_2", "encryptionCertificate",
	    wish->encryption.certificate, "encryptionCertificateId", wish->encryption.id);

	if (json != NULL && wish->encryption.id != NULL)
		json_object_set_new(json, "includeResourceData", json_true());
	return json;
}

struct graph_call *
graph_subscription_create(
    struct graph *g, const struct graph_where *w, const struct graph_subscription_wish *wish, graph_done done, void *arg)
{
	char expires[TIMESTAMP_SIZE];
	struct graph_build b;

	timestamp_format(wish->expires_wall_ms, expires);
	graph_build_init(&b, w, GRAPH_SUBSCRIPTION_WRITE, "POST", NULL, NULL);
	graph_build_path(&b, "/subscriptions", NULL);
	graph_build_body(&b, wish_json(wish, expires));
	b.request.headers = kinds[wish->kind].immutable_ids ? prefer_immutable : NULL;
	b.request.timeout_ms = GRAPH_SUBSCRIPTION_TIMEOUT_MS;
	return graph_build_start(g, &b, done, arg);
}

struct graph_call *
graph_subscription_renew(struct graph *g, const struct graph_where *w, const char *id, int64_t expires_wall_ms,
    const struct graph_encryption *encryption, const char *notification_url, graph_done done, void *arg)
{
	const struct graph_encryption none = { NULL, NULL }, *key = encryption != NULL ? encryption : &none;
	char expires[TIMESTAMP_SIZE];
	struct graph_build b;

	timestamp_format(expires_wall_ms, expires);
	graph_build_init(&b, w, GRAPH_SUBSCRIPTION_WRITE, "PATCH", NULL, NULL);
	graph_build_path(&b, "/subscriptions/", id, NULL);
	graph_build_body(&b, json_pack("{s:s, s:s*, s:s*, s:s*}", "expirationDateTime", expires, "encryptionCertificate",
	                         key->certificate, "encryptionCertificateId", key->id, "notificationUrl", notification_url));
	b.request.idempotent = true;
	b.request.timeout_ms = GRAPH_SUBSCRIPTION_TIMEOUT_MS; /* it may validate the URL */
	return graph_build_start(g, &b, done, arg);
}

struct graph_call *
graph_subscription_delete(struct graph *g, const struct graph_where *w, const char *id, graph_done done, void *arg)
{
	struct graph_build b;

	graph_build_init(&b, w, GRAPH_SUBSCRIPTION_WRITE, "DELETE", NULL, NULL);
	graph_build_path(&b, "/subscriptions/", id, NULL);
	b.request.idempotent = true;
	return graph_build_start(g, &b, done, arg);
}

static void
copy_if_fits(char *ret, size_t ret_size, const char *s)
{
	if (s == NULL || !str_copy(ret, ret_size, s))
		ret[0] = '\0';
}

static enum err
life_read(const json_t *item, char ret_id[SUBSCRIPTION_ID_SIZE], int64_t *ret_expires_wall_ms)
{
	const char *id = jx_get_str(item, "id"), *expires = jx_get_str(item, "expirationDateTime");
	int64_t expires_wall_ms;

	if (id == NULL || id[0] == '\0' || strlen(id) >= SUBSCRIPTION_ID_SIZE || expires == NULL ||
	    timestamp_parse(expires, &expires_wall_ms) != ERR_OK)
		return ERR_UNEXPECTED;
	(void)str_copy(ret_id, SUBSCRIPTION_ID_SIZE, id);
	*ret_expires_wall_ms = expires_wall_ms;
	return ERR_OK;
}

enum err
graph_subscription_item_read(const json_t *item, void *ret_subscription)
{
	struct graph_subscription *s = ret_subscription;

	if (life_read(item, s->id, &s->expires_wall_ms) != ERR_OK)
		return ERR_UNEXPECTED;
	copy_if_fits(s->resource, sizeof(s->resource), jx_get_str(item, "resource"));
	copy_if_fits(s->change_types, sizeof(s->change_types), jx_get_str(item, "changeType"));
	copy_if_fits(s->notification_url, sizeof(s->notification_url), jx_get_str(item, "notificationUrl"));
	copy_if_fits(s->lifecycle_url, sizeof(s->lifecycle_url), jx_get_str(item, "lifecycleNotificationUrl"));
	copy_if_fits(s->application_id, sizeof(s->application_id), jx_get_str(item, "applicationId"));
	return ERR_OK;
}

enum err
graph_subscription_read(const struct graph_answer *a, char ret_id[SUBSCRIPTION_ID_SIZE], int64_t *ret_expires_wall_ms)
{
	if (a->err != ERR_OK)
		return a->err;
	return a->json != NULL ? life_read(a->json, ret_id, ret_expires_wall_ms) : ERR_UNEXPECTED;
}

struct graph_pages *
graph_subscriptions_list(struct graph *g, const struct graph_where *w, void (*item)(void *arg, const void *subscription),
    void (*end)(void *arg, const struct graph_page_end *end), void *arg)
{
	struct graph_page_options options = { .read = graph_subscription_item_read,
		.record_size = sizeof(struct graph_subscription),
		.item = item,
		.end = end,
		.arg = arg };
	struct graph_build b;

	graph_build_init(&b, w, GRAPH_SUBSCRIPTION_LIST, "GET", NULL, NULL);
	graph_build_path(&b, "/subscriptions", NULL);
	return graph_build_pages(g, &b, &options);
}
