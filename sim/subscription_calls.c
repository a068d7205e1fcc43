/* Requests about subscriptions: what is accepted, the handshake, renewal. Facts 2 and 3. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/timestamp.h"
#include "sim/delivery.h"
#include "sim/handlers.h"
#include "sim/memory.h"
#include "sim/rich.h"
#include "sim/subscription.h"

#define CLIENT_STATE_MAX     128              /* facts 2.2 */
#define LIFECYCLE_NEEDED_MS  HOUR_MS          /* facts 2.2, of Teams resources */
#define REAUTHORIZE_APART_MS (10 * MINUTE_MS) /* facts 2.1 */
#define LIST_PAGE            100
#define LIST_CONTEXT         "https://graph.microsoft.com/v1.0/$metadata#subscriptions"
#define ENTITY_CONTEXT       LIST_CONTEXT "/$entity"

#define CREATED     (1u << CHANGE_CREATED)
#define UPDATED     (1u << CHANGE_UPDATED)
#define DELETED     (1u << CHANGE_DELETED)
#define ALL_CHANGES (CREATED | UPDATED | DELETED)

/* Facts 2.3 and 1.5; * is an id of what stands before it. */
static const struct resource resources[] = {
	{ "teams/*/members", SERVICE_TEAMS, ALL_CHANGES, PERMISSION_TEAM_MEMBER_READ },
	{ "teams/getallmembers", SERVICE_TEAMS, ALL_CHANGES, PERMISSION_TEAM_MEMBER_READ },
	{ "teams/*/channels/getallmembers", SERVICE_TEAMS, ALL_CHANGES, PERMISSION_CHANNEL_MEMBER_READ },
	{ "teams/getallchannels/getallmembers", SERVICE_TEAMS, ALL_CHANGES, PERMISSION_CHANNEL_MEMBER_READ },
	{ "teams/*/channels", SERVICE_TEAMS, ALL_CHANGES, PERMISSION_CHANNEL_READ },
	{ "teams/getallchannels", SERVICE_TEAMS, ALL_CHANGES, PERMISSION_CHANNEL_READ },
	{ "teams/*", SERVICE_TEAMS, UPDATED | DELETED, PERMISSION_TEAM_READ },
	{ "teams", SERVICE_TEAMS, ALL_CHANGES, PERMISSION_TEAM_READ },
	{ "groups/*/members", SERVICE_DIRECTORY, UPDATED | DELETED, PERMISSION_GROUP_READ },
	{ "groups/*/owners", SERVICE_DIRECTORY, UPDATED | DELETED, PERMISSION_GROUP_READ },
	{ "groups/*", SERVICE_DIRECTORY, UPDATED | DELETED, PERMISSION_GROUP_READ },
	{ "groups", SERVICE_DIRECTORY, UPDATED | DELETED, PERMISSION_GROUP_READ },
	{ "users/*/events", SERVICE_OUTLOOK, ALL_CHANGES, PERMISSION_CALENDARS_READ },
	{ "users/*", SERVICE_DIRECTORY, UPDATED | DELETED, PERMISSION_USER_READ },
	{ "users", SERVICE_DIRECTORY, UPDATED | DELETED, PERMISSION_USER_READ },
};

/* A create or PATCH that waits for the client's URLs. */
struct handshake {
	struct handshake *next, **link;
	struct call *call;
	struct subscription *made; /* of a create */
	char id[GUID_SIZE];        /* of a PATCH */
	char *url;                 /* of a PATCH */
	int64_t expiry_ms;         /* the same, wall time; 0: as it is */
	bool first_done;
};

static void
handshake_free(struct handshake *h)
{
	*h->link = h->next;
	if (h->next != NULL)
		h->next->link = h->link;
	sim_subscription_free(h->made);
	free(h->url);
	free(h);
}

static struct handshake *
handshake_new(struct subscriptions *s, struct call *c)
{
	struct handshake *h = must_alloc(sizeof(*h));

	h->call = c;
	c->deferred = true;
	h->next = s->handshakes;
	h->link = &s->handshakes;
	if (h->next != NULL)
		h->next->link = &h->next;
	s->handshakes = h;
	return h;
}

void
sim_handshakes_drop(struct subscriptions *s)
{
	struct handshake *h = s->handshakes, *next;

	for (; h != NULL; h = next) {
		struct call *c = h->call;

		next = h->next;
		delivery_forget(s->sim->delivery, h);
		handshake_free(h);
		call_drop(c);
	}
}

static void
answer_one(struct call *c, int status, const struct subscription *x, bool with_secret)
{
	call_answer(c, status, sim_subscription_show(x, with_secret));
	json_object_set_new(c->answer, "@odata.context", json_string(ENTITY_CONTEXT));
}

/* What sim_subscription_show makes of it without the secret, as text that another member may follow. All but the time stays as it was. */
#define SHOWN_BEGIN "{\"expirationDateTime\":\""
#define SHOWN_NEXT  "\","

static void
shown_make(struct subscription *x)
{
	json_t *shown = sim_subscription_show(x, false);

	json_object_del(shown, "expirationDateTime");
	x->shown = json_dumps(shown, JSON_COMPACT | JSON_EMBED);
	x->shown_len = strlen(x->shown);
	json_decref(shown);
}

static size_t
shown_size(struct subscription *x)
{
	if (x->shown == NULL)
		shown_make(x);
	return strlen(SHOWN_BEGIN) + strlen(x->expires) + strlen(SHOWN_NEXT) + x->shown_len;
}

/* Both give the end of what they put to at, where there is room for it. */
static char *
put(char *at, const char *s)
{
	return mempcpy(at, s, strlen(s));
}

static char *
shown_put(char *at, const struct subscription *x)
{
	at = put(put(put(at, SHOWN_BEGIN), x->expires), SHOWN_NEXT);
	return mempcpy(at, x->shown, x->shown_len);
}

static void
answer_renewed(struct call *c, struct subscription *x)
{
	static const char end[] = ",\"@odata.context\":\"" ENTITY_CONTEXT "\"}";
	char *text = must_get(shown_size(x) + sizeof(end));

	memcpy(shown_put(text, x), end, sizeof(end));
	call_answer_ready(c, 200, text);
}

static void
refuse_body(struct call *c, const char *message)
{
	call_refuse(c, 400, "InvalidRequest", JOURNAL_BAD_REQUEST, "%s", message);
}

static bool
read_changes(const char *text, unsigned *ret)
{
	*ret = 0;
	for (const char *at = text; *at != '\0'; at += *at == ',') {
		size_t len = strcspn(at, ",");
		unsigned found = 0;

		for (unsigned i = 0; i < 3; i++)
			if (strlen(sim_change_names[i]) == len && strncasecmp(sim_change_names[i], at, len) == 0)
				found = 1u << i;
		if (found == 0)
			return false;
		*ret |= found;
		at += len;
	}
	return *ret != 0;
}

/* Lower case, no leading slash, no query, ('id') as /id: the first step to one spelling. */
static bool
flatten(const char *resource, char ret[RESOURCE_MAX])
{
	size_t n = 0;

	for (resource += resource[0] == '/'; *resource != '\0' && *resource != '?' && n + 1 < RESOURCE_MAX; resource++) {
		if (strncmp(resource, "('", 2) == 0) {
			ret[n++] = '/';
			resource++;
		} else if (strncmp(resource, "')", 2) == 0) {
			resource++;
		} else {
			ret[n++] = (char)tolower((unsigned char)*resource);
		}
	}
	ret[n] = '\0';
	return n > 0 && n + 1 < RESOURCE_MAX;
}

/* The id that * of the pattern takes, or an empty text; false when the pattern does not fit. */
static bool
fits(const char *pattern, const char *flat, char id[320])
{
	const char *star = strchr(pattern, '*');
	size_t before = star == NULL ? 0 : (size_t)(star - pattern), len;

	id[0] = '\0';
	if (star == NULL)
		return strcmp(pattern, flat) == 0;
	if (strncmp(pattern, flat, before) != 0)
		return false;
	len = strcspn(flat + before, "/");
	return str_copy_len(id, 320, flat + before, len) && strcmp(flat + before + len, star + 1) == 0 &&
	       strncmp(id, "getall", 6) != 0;
}

static bool
id_known(const struct call *c, const struct resource *r, char id[320])
{
	struct user *u;
	struct team *t;

	if (id[0] == '\0')
		return true;
	if (str_starts(r->pattern, "users/")) {
		u = world_user(&c->sim->world, c->tenant, id);
		return u != NULL && str_copy(id, 320, u->id);
	}
	t = world_team(&c->sim->world, id);
	return t != NULL && !t->deleted && t->tenant == c->tenant;
}

/* Sets kind and key; false after refusing. */
static bool
read_resource(struct call *c, struct subscription *x)
{
	char flat[RESOURCE_MAX], id[320] = "", key[RESOURCE_MAX * 2];
	const char *star;

	if (flatten(x->resource, flat))
		for (size_t i = 0; i < sizeof(resources) / sizeof(*resources) && x->kind == NULL; i++)
			if (fits(resources[i].pattern, flat, id))
				x->kind = &resources[i];
	if (x->kind == NULL) {
		refuse_body(c, "Invalid 'resource' attribute: no such resource can be subscribed to.");
		return false;
	}
	if (!id_known(c, x->kind, id)) {
		call_refuse(c, 404, "ResourceNotFound", JOURNAL_NOT_FOUND, "The resource of the subscription was not found.");
		return false;
	}
	star = strchr(x->kind->pattern, '*');
	if (star == NULL)
		snprintf(key, sizeof(key), "%s|%s", c->tenant->id, x->kind->pattern);
	else
		snprintf(key, sizeof(key), "%s|%.*s%s%s", c->tenant->id, (int)(star - x->kind->pattern), x->kind->pattern, id,
		    star + 1);
	x->key = must_copy(key);
	return true;
}

/* Facts 2.4: an ExtensionError of a calendar may mean a policy. False after refusing. */
static bool
mailbox_open(struct call *c, const struct subscription *x)
{
	const struct user *u = NULL;
	char id[GUID_SIZE];

	if (x->kind->service == SERVICE_OUTLOOK && str_copy_len(id, sizeof(id), strstr(x->key, "|users/") + 7, GUID_LEN))
		u = world_user_by_id(&c->sim->world, id);
	if (u == NULL || (u->mailbox == MAILBOX_OPEN && !u->guest && !u->unlicensed))
		return true;
	if (u->mailbox == MAILBOX_DENIED)
		call_refuse(c, 403, "ExtensionError", JOURNAL_FORBIDDEN,
		    "Operation: Create; Exception: [Status Code: Forbidden; Reason: Access to OData is disabled.]");
	else
		call_refuse(c, 404, "ExtensionError", JOURNAL_NOT_FOUND,
		    "Operation: Create; Exception: [Status Code: NotFound; Reason: The mailbox is either inactive, soft-deleted, "
		    "or is "
		    "hosted on-premise.]");
	return false;
}

static int64_t
longest_ms(const struct sim *sim, enum service service)
{
	const int64_t life[] = { sim->settings.life_teams_ms, sim->settings.life_directory_ms, sim->settings.life_outlook_ms };

	return life[service];
}

/* The expiry that is granted, wall time; false after refusing. */
static bool
read_expiry(struct call *c, const struct subscription *x, const char *text, int64_t *ret)
{
	int64_t wall_ms = clock_wall_ms(c->sim->clock), longest = longest_ms(c->sim, x->kind->service);

	if (text == NULL || timestamp_parse(text, ret) != ERR_OK || *ret <= wall_ms) {
		refuse_body(c, "Subscription expirationDateTime is missing, malformed or in the past.");
		return false;
	}
	/* A client's clock and the way here may be a little off: a minute is let pass. */
	if (*ret > wall_ms + longest + MINUTE_MS) {
		refuse_body(c, "Subscription expiration is beyond the maximum of the resource.");
		return false;
	}
	if (x->kind->service == SERVICE_TEAMS && x->lifecycle_url == NULL && *ret > wall_ms + LIFECYCLE_NEEDED_MS) {
		refuse_body(c, "lifecycleNotificationUrl is a required property for subscription creation on this resource when "
		               "the expirationDateTime "
		               "value is set to greater than 1 hour");
		return false;
	}
	if (*ret < wall_ms + c->sim->settings.floor_ms)
		*ret = wall_ms + c->sim->settings.floor_ms;
	return true;
}

static const char *
body_problem(const struct subscription *x)
{
	if (x->change_type == NULL || x->url == NULL || x->resource == NULL)
		return "changeType, notificationUrl, resource and expirationDateTime are required.";
	if (!str_starts(x->url, "https://") || (x->lifecycle_url != NULL && !str_starts(x->lifecycle_url, "https://")))
		return "Notification endpoints must be https URLs.";
	if (x->client_state != NULL && strlen(x->client_state) > CLIENT_STATE_MAX)
		return "clientState must not be longer than 128 characters.";
	if (strlen(x->resource) >= RESOURCE_MAX)
		return "The resource is too long.";
	return NULL;
}

/* Resource data: of memberships; facts 2.2 and 2.3. Outlook's want $select, which makes another resource. */
static const char *
rich_problem(struct subscription *x, const json_t *o)
{
	const char *problem = NULL;

	if (!jx_get_bool(o, "includeResourceData", false))
		return NULL;
	if (x->kind->service != SERVICE_TEAMS)
		return "includeResourceData is not supported for the resource.";
	x->rich = rich_key_new(jx_get_str(o, "encryptionCertificate"), jx_get_str(o, "encryptionCertificateId"), &problem);
	return problem;
}

static struct subscription *
read_body(struct call *c)
{
	struct subscription *x = must_alloc(sizeof(*x));
	const char *tls = jx_get_str(c->json, "latestSupportedTlsVersion");

	x->all = c->sim->subscriptions;
	x->tenant = c->tenant;
	x->patched_ms = x->reauthorized_ms = -NEVER;
	memcpy(x->app_id, c->app_id, sizeof(x->app_id));
	x->change_type = must_copy(jx_get_str(c->json, "changeType"));
	x->url = must_copy(jx_get_str(c->json, "notificationUrl"));
	x->lifecycle_url = must_copy(jx_get_str(c->json, "lifecycleNotificationUrl"));
	x->resource = must_copy(jx_get_str(c->json, "resource"));
	x->client_state = must_copy(jx_get_str(c->json, "clientState"));
	x->indirect = x->resource != NULL && strcasestr(x->resource, "notifyOnIndirectMembershipUpdate=true") != NULL;
	x->immutable = call_prefers(c, "IdType=\"ImmutableId\"");
	x->tls = must_copy(tls == NULL ? "v1_2" : tls);
	return x;
}

static const struct subscription *
duplicate_of(const struct subscription *x)
{
	for (const struct subscription *y = sim_map_get(&x->all->by_key, x->key); y != NULL; y = y->same)
		if (y->changes == x->changes && strcmp(y->app_id, x->app_id) == 0)
			return y;
	return NULL;
}

static bool
over_quota(const struct subscription *x)
{
	const struct settings *s = &x->all->sim->settings;
	int64_t quota = x->kind->service == SERVICE_TEAMS ? s->quota_teams : s->quota_directory, used = 0;

	if (x->kind->service == SERVICE_OUTLOOK)
		return false;
	for (size_t i = 0; i < x->all->count; i++)
		used += x->all->list[i]->tenant == x->tenant && x->all->list[i]->kind->service == x->kind->service;
	return used >= quota;
}

static void
refuse_forbidden(struct call *c, const struct subscription *x, enum journal_kind kind, const char *reason)
{
	if (x->kind->service == SERVICE_TEAMS)
		call_refuse(
		    c, 403, "ExtensionError", kind, "Operation: Create; Exception: [Status Code: Forbidden; Reason: %s]", reason);
	else
		call_refuse(c, 403, "Authorization_RequestDenied", kind, "%s", reason);
}

/* Of the members of all teams: facts 1.5 and 2.3. False after refusing. */
static bool
wide_granted(struct call *c, const struct subscription *x)
{
	int status = x->tenant->wide;

	if (strchr(x->kind->pattern, '*') != NULL || strstr(x->kind->pattern, "getallmembers") == NULL || status <= WIDE_DEAF)
		return true;
	call_refuse(c, status, status == 400 ? "BadRequest" : "ExtensionError", JOURNAL_REFUSED,
	    "Resource '%s' is not supported for subscriptions in this tenant.", x->resource);
	return false;
}

/* Everything but the handshake; false after refusing. */
static bool
acceptable(struct call *c, struct subscription *x)
{
	const char *problem = body_problem(x);
	const struct subscription *old;
	int64_t expiry;

	if (problem != NULL || !read_changes(x->change_type, &x->changes)) {
		refuse_body(c, problem != NULL ? problem : "changeType must be of created, updated, deleted.");
		return false;
	}
	if (!read_resource(c, x) || !wide_granted(c, x) || !mailbox_open(c, x))
		return false;
	if ((problem = rich_problem(x, c->json)) != NULL) {
		refuse_body(c, problem);
		return false;
	}
	if ((x->changes & ~x->kind->changes) != 0) {
		refuse_body(c, "This changeType is not supported for the resource.");
		return false;
	}
	if (!read_expiry(c, x, jx_get_str(c->json, "expirationDateTime"), &expiry))
		return false;
	if (!call_may(c, x->kind->permissions)) {
		refuse_forbidden(c, x, JOURNAL_FORBIDDEN, "Caller does not have the permission required for the resource");
		return false;
	}
	if ((old = duplicate_of(x)) != NULL) {
		call_refuse(c, 409, "ExtensionError", JOURNAL_DUPLICATE_SUBSCRIPTION,
		    "Subscription Id %s already exists for the requested combination", old->id);
		return false;
	}
	if (over_quota(x)) {
		refuse_forbidden(c, x, JOURNAL_QUOTA, "Subscription quota of the organisation is reached");
		return false;
	}
	sim_subscription_set_expiry(x, expiry);
	return true;
}

static void
finish(struct handshake *h)
{
	struct call *c = h->call;

	handshake_free(h);
	call_finish(c);
}

static void
create_done(struct handshake *h)
{
	struct subscription *x = h->made;
	const struct subscription *old = duplicate_of(x);

	if (old != NULL) {
		call_refuse(h->call, 409, "ExtensionError", JOURNAL_DUPLICATE_SUBSCRIPTION,
		    "Subscription Id %s already exists for the requested combination", old->id);
	} else {
		h->made = NULL;
		sim_guid_make(&x->all->sim->rng, x->id);
		sim_subscription_add(x->all, x);
		sim_subscription_authorize(x);
		sim_subscription_arm(x);
		answer_one(h->call, 201, x, true);
	}
	finish(h);
}

static void
on_validated(void *arg, const char *problem)
{
	struct handshake *h = arg;
	struct delivery *d = h->call->sim->delivery;

	if (problem != NULL) {
		call_refuse(h->call, 400, "ValidationError", JOURNAL_VALIDATION_FAILED, "%s", problem);
		finish(h);
		return;
	}
	if (!h->first_done && h->made->lifecycle_url != NULL) {
		h->first_done = true;
		delivery_validate(d, h->made->lifecycle_url, on_validated, h);
		return;
	}
	create_done(h);
}

void
handle_subscription_create(struct call *c)
{
	struct subscription *x;
	struct handshake *h;

	if (!call_needs_json(c))
		return;
	x = read_body(c);
	if (!acceptable(c, x)) {
		sim_subscription_free(x);
		return;
	}
	h = handshake_new(c->sim->subscriptions, c);
	h->made = x;
	delivery_validate(c->sim->delivery, x->url, on_validated, h);
}

/* The caller's own subscription; NULL after refusing. */
static struct subscription *
find_own(struct call *c)
{
	struct subscription *x = sim_subscription_find(c->sim->subscriptions, c->argument[0]);

	if (x == NULL || x->tenant != c->tenant || strcmp(x->app_id, c->app_id) != 0) {
		call_refuse(c, 404, "ResourceNotFound", JOURNAL_NOT_FOUND, "The object was not found.");
		return NULL;
	}
	return x;
}

void
handle_subscription_get(struct call *c)
{
	const struct subscription *x = find_own(c);

	if (x != NULL)
		answer_one(c, 200, x, false);
}

/* A page of the caller's own. */
struct page {
	struct subscription *item[LIST_PAGE];
	size_t count;
	bool more;
};

static void
page_fill(const struct call *c, uint64_t after, struct page *ret)
{
	const struct subscriptions *s = c->sim->subscriptions;

	ret->count = 0;
	ret->more = false;
	for (size_t i = 0; i < s->count && !ret->more; i++) {
		struct subscription *x = s->list[i];

		if (x->tenant != c->tenant || x->number <= after || strcmp(x->app_id, c->app_id) != 0)
			continue;
		if (ret->count < LIST_PAGE)
			ret->item[ret->count++] = x;
		else
			ret->more = true;
	}
}

/* The next page is behind the last one's number. */
static char *
next_link(const struct call *c, const struct page *p)
{
	char number[32], *link, *ret;

	if (!p->more)
		return must_copy("");
	snprintf(number, sizeof(number), "%" PRIu64, p->item[p->count - 1]->number);
	link = call_next_link(c, number);
	ret = must_format(",\"@odata.nextLink\":\"%s\"", link); /* percent-encoded: nothing in it is to be escaped */
	free(link);
	return ret;
}

static char *
page_text(const struct page *p, const char *link)
{
	static const char begin[] = "{\"@odata.context\":\"" LIST_CONTEXT "\",\"value\":[";
	size_t size = sizeof(begin) + strlen(link) + strlen("]}");
	char *ret, *at;

	for (size_t i = 0; i < p->count; i++)
		size += shown_size(p->item[i]) + strlen("},");
	ret = must_get(size);
	at = put(ret, begin);
	for (size_t i = 0; i < p->count; i++)
		at = put(shown_put(at, p->item[i]), i + 1 < p->count ? "}," : "}");
	*put(put(put(at, "]"), link), "}") = '\0';
	return ret;
}

void
handle_subscriptions_list(struct call *c)
{
	const char *token = call_query(c, "$skiptoken");
	uint64_t after = 0;
	struct page p;
	char *link;

	if (token != NULL && parse_u64(token, &after) != ERR_OK) {
		refuse_body(c, "Skip token is not valid.");
		return;
	}
	page_fill(c, after, &p);
	link = next_link(c, &p);
	call_answer_ready(c, 200, page_text(&p, link));
	free(link);
}

static void
note_twice(struct call *c, int64_t other_ms)
{
	if (other_ms != -NEVER && c->now_ms - other_ms < REAUTHORIZE_APART_MS)
		call_note(c, JOURNAL_REAUTHORIZE_TWICE, "reauthorize and PATCH of one subscription within 10 minutes");
}

static void
renew(const struct call *c, struct subscription *x, int64_t expiry_ms)
{
	x->patched_ms = c->now_ms;
	if (expiry_ms != 0)
		sim_subscription_set_expiry(x, expiry_ms);
	sim_subscription_authorize(x);
	sim_subscription_arm(x);
}

/* The new URL answered: facts 3 leave open whether Graph asks, so a client must be ready. A PATCH is done as a whole or not at all. */
static void
on_revalidated(void *arg, const char *problem)
{
	struct handshake *h = arg;
	struct subscription *x = sim_subscription_find(h->call->sim->subscriptions, h->id);

	if (problem != NULL) {
		call_refuse(h->call, 400, "ValidationError", JOURNAL_VALIDATION_FAILED, "%s", problem);
	} else if (x == NULL) {
		call_refuse(h->call, 404, "ResourceNotFound", JOURNAL_NOT_FOUND, "The object was not found.");
	} else {
		free(x->url);
		x->url = h->url;
		h->url = NULL;
		renew(h->call, x, h->expiry_ms);
		sim_subscription_changed(x);
		answer_one(h->call, 200, x, false);
	}
	finish(h);
}

/* Another certificate, as a rotation brings: facts 5. False after refusing. */
static bool
patch_key(struct call *c, struct subscription *x)
{
	const char *certificate = jx_get_str(c->json, "encryptionCertificate"), *problem;
	struct rich_key *key;

	if (certificate == NULL)
		return true;
	if (x->rich == NULL) {
		refuse_body(c, "encryptionCertificate is not allowed when includeResourceData is false.");
		return false;
	}
	if ((key = rich_key_new(certificate, jx_get_str(c->json, "encryptionCertificateId"), &problem)) == NULL) {
		refuse_body(c, problem);
		return false;
	}
	rich_key_free(x->rich);
	x->rich = key;
	sim_subscription_changed(x);
	return true;
}

void
handle_subscription_patch(struct call *c)
{
	struct subscription *x = find_own(c);
	const char *expiry, *url;
	struct handshake *h;
	int64_t wall_ms = 0;

	if (x == NULL || !call_needs_json(c))
		return;
	expiry = jx_get_str(c->json, "expirationDateTime");
	url = jx_get_str(c->json, "notificationUrl");
	if (json_object_get(c->json, "lifecycleNotificationUrl") != NULL || (expiry == NULL && url == NULL) ||
	    (url != NULL && !str_starts(url, "https://"))) {
		refuse_body(c, "Only expirationDateTime and notificationUrl can be changed.");
		return;
	}
	if (!call_may(c, x->kind->permissions)) {
		refuse_forbidden(c, x, JOURNAL_FORBIDDEN, "Caller does not have the permission required for the resource");
		return;
	}
	if (expiry != NULL && !read_expiry(c, x, expiry, &wall_ms))
		return;
	if (!patch_key(c, x))
		return;
	note_twice(c, x->reauthorized_ms);
	if (url == NULL || strcmp(url, x->url) == 0) {
		renew(c, x, wall_ms);
		answer_renewed(c, x);
		return;
	}
	h = handshake_new(c->sim->subscriptions, c);
	memcpy(h->id, x->id, sizeof(h->id));
	h->url = must_copy(url);
	h->expiry_ms = wall_ms;
	delivery_validate(c->sim->delivery, url, on_revalidated, h);
}

void
handle_subscription_reauthorize(struct call *c)
{
	struct subscription *x = find_own(c);

	if (x == NULL)
		return;
	note_twice(c, x->patched_ms);
	x->reauthorized_ms = c->now_ms;
	sim_subscription_authorize(x);
	sim_subscription_arm(x);
	call_answer(c, 204, NULL);
}

void
handle_subscription_delete(struct call *c)
{
	struct subscription *x = find_own(c);

	if (x == NULL)
		return;
	sim_subscription_end(x);
	call_answer(c, 204, NULL);
}
