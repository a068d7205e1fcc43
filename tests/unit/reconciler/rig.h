/*
 * rig.h - a whole reconciler between a simulated Graph, a listener's inbox and an app, under a manual clock.
 *
 * The listener is played by the simulator's deliveries: each item whose clientState is ours is appended to a real inbox. The app
 * is a handler that writes down every callback and answers with app_status. The store is a real one in a scratch directory, so
 * rig_crash and rig_start are what a kill and a restart are.
 */
#ifndef TESTS_UNIT_RECONCILER_RIG_H
#define TESTS_UNIT_RECONCILER_RIG_H

#include "unit/state/scratch.h"

#include "app/api.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "model/client_state.h"
#include "model/resource.h"
#include "net/http_client.h"
#include "net/http_fake.h"
#include "net/http_server.h"
#include "reconciler/backend.h"
#include "reconciler/reconciler.h"
#include "reconciler/tables.h"
#include "sim/sim.h"
#include "sim/transport.h"
#include "state/feed.h"
#include "state/inbox.h"
#include "state/store.h"

#define UNUSED_OK __attribute__((unused))

#define RIG_START_MS   ((int64_t)1795000000000)
#define RIG_DIRECTORY  "10000000-0000-4000-8000-000000000001"
#define RIG_TEAM       "20000000-0000-4000-8000-000000000001"
#define RIG_CLIENT     "11111111-1111-4111-8111-111111111111"
#define RIG_EVENTS_MAX 8192

struct rig_event {
	char id[CHANGE_ID_SIZE];
	char type[48];
	char entra[GUID_SIZE];
	char role[16];
	char data[1500]; /* JSON text, cut */
};

struct rig {
	struct scratch dir;
	struct config config;
	struct clock *clock;
	struct clock *graph_clock; /* Graph's own, by rig_make_apart; else the same */
	struct rng rng;
	struct sim *sim;
	struct http_transport *graph_http, *app_http;
	struct inbox *inbox; /* the listener's end */
	struct reconciler *r;
	struct key32 state_key, intake_key;
	int app_status; /* what the app answers; 0: closes the connection */
	const char *app_body;
	const char *snapshot;     /* what the app answers at /snapshot; NULL: 404 */
	struct rig_event *events; /* callbacks the app has answered 2xx, in order */
	size_t event_count, callback_count;
	bool deaf;             /* notifications are lost */
	const char *unreached; /* URLs that begin so do not answer Graph */
	uint64_t consumed;
	int repeat; /* each item so many times */
};

/* ---------- the listener ---------- */

static inline enum hint_kind
rig_kind(const char *change)
{
	return str_equal_nocase(change, "reauthorizationRequired") ? HINT_REAUTHORIZATION_REQUIRED
	       : str_equal_nocase(change, "subscriptionRemoved")   ? HINT_SUBSCRIPTION_REMOVED
	       : str_equal_nocase(change, "missed")                ? HINT_MISSED
	       : str_equal_nocase(change, "created")               ? HINT_CREATED
	       : str_equal_nocase(change, "deleted")               ? HINT_DELETED
	                                                           : HINT_UPDATED;
}

static inline void
rig_hint(struct rig *rig, const json_t *item)
{
	const char *state = jx_get_str(item, "clientState"), *change = jx_get_str(item, "changeType");
	const char *id = jx_get_str(jx_get_object(item, "resourceData"), "id"), *resource = jx_get_str(item, "resource");
	struct hint *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	if (change == NULL)
		change = jx_get_str(item, "lifecycleEvent");
	if (state != NULL && change != NULL && client_state_check(&rig->intake_key, state, strlen(state), &h->scope)) {
		h->kind = rig_kind(change);
		h->received_wall_ms = clock_wall_ms(rig->clock);
		if (id != NULL) {
			h->item_len = (uint16_t)strlen(id);
			memcpy(h->item, id, h->item_len);
		}
		if (resource != NULL)
			(void)resource_team(resource, strlen(resource), &h->team);
		for (int i = 0; i < rig->repeat; i++)
			assert_int_equal(inbox_append(rig->inbox, h, 1), ERR_OK);
	}
	free(h);
}

static inline void
rig_deliver(void *arg, struct sim *sim, const struct sim_delivery *d)
{
	struct rig *rig = arg;
	const char *token = strstr(d->url, "validationToken=");
	char plain[4096];
	size_t len, i;
	json_t *root = NULL, *item;

	if (rig->unreached != NULL && strncmp(d->url, rig->unreached, strlen(rig->unreached)) == 0) {
		sim_delivered(sim, d->id, 503, NULL, NULL, 0);
		return;
	}
	if (token != NULL) {
		token += strlen("validationToken=");
		assert_int_equal(percent_decode(token, strlen(token), 1, plain, &len), ERR_OK);
		sim_delivered(sim, d->id, 200, "text/plain", plain, len);
		return;
	}
	assert_int_equal(jx_parse(d->body, d->body_len, &root, NULL, 0), ERR_OK);
	json_array_foreach(jx_get_array(root, "value"), i, item) if (!rig->deaf) rig_hint(rig, item);
	json_decref(root);
	sim_delivered(sim, d->id, 202, NULL, NULL, 0);
	if (rig->r != NULL && !rig->deaf)
		reconciler_wake(rig->r);
}

static inline void
rig_consumed(void *arg, const uint8_t *epoch, uint64_t consumed)
{
	struct rig *rig = arg;
	uint8_t present[INBOX_EPOCH_LEN];

	assert_int_equal(inbox_epoch(rig->inbox, present), ERR_OK);
	assert_memory_equal(epoch, present, INBOX_EPOCH_LEN);
	rig->consumed = consumed;
	assert_int_equal(inbox_trim(rig->inbox, consumed), ERR_OK);
}

/* ---------- the app ---------- */

static inline void
rig_app(void *arg, struct http_exchange *x)
{
	struct rig *rig = arg;
	const char *id = http_exchange_header(x, "webhook-id");
	size_t len;
	const char *body = http_exchange_body(x, &len);
	json_t *root = NULL, *data;
	struct rig_event *e;
	char *dump;

	if (strcmp(http_exchange_path(x), "/snapshot") == 0) {
		http_reply(x, rig->snapshot != NULL ? 200 : 404, "application/x-ndjson", rig->snapshot,
		    rig->snapshot != NULL ? strlen(rig->snapshot) : 0, NULL);
		return;
	}
	rig->callback_count++;
	if (rig->app_status == 0) {
		http_reply_abort(x);
		return;
	}
	assert_non_null(id);
	assert_int_equal(jx_parse(body, len, &root, NULL, 0), ERR_OK);
	assert_string_equal(jx_get_str(root, "id"), id);
	data = jx_get_object(root, "data");
	if (rig->app_status / 100 == 2) {
		assert_true(rig->event_count < RIG_EVENTS_MAX);
		e = &rig->events[rig->event_count++];
		memset(e, 0, sizeof(*e));
		str_copy(e->id, sizeof(e->id), id);
		str_copy(e->type, sizeof(e->type), jx_get_str(root, "type"));
		if (jx_get_str(data, "entra_id") != NULL)
			str_copy(e->entra, sizeof(e->entra), jx_get_str(data, "entra_id"));
		if (jx_get_str(data, "role") != NULL)
			str_copy(e->role, sizeof(e->role), jx_get_str(data, "role"));
		if ((dump = json_dumps(data, JSON_COMPACT)) != NULL)
			snprintf(e->data, sizeof(e->data), "%s", dump);
		free(dump);
	}
	json_decref(root);
	http_reply(x, rig->app_status, rig->app_body != NULL ? "application/json" : NULL, rig->app_body,
	    rig->app_body != NULL ? strlen(rig->app_body) : 0, NULL);
}

/* ---------- the world ---------- */

static inline void
rig_run(struct rig *rig, int64_t ms)
{
	if (rig->graph_clock == rig->clock)
		clock_manual_advance(rig->clock, ms);
	else
		clock_manual_advance_both(rig->clock, rig->graph_clock, ms);
}

/* One request to the simulator's control API; body is JSON text. */
UNUSED_OK static inline json_t *
rig_ask(struct rig *rig, const char *method, const char *target, const char *format, ...)
{
	char text[2048];
	json_t *body = NULL, *answer;
	va_list ap;
	int status = 0;

	if (format != NULL) {
		va_start(ap, format);
		vsnprintf(text, sizeof(text), format, ap);
		va_end(ap);
		assert_int_equal(jx_parse(text, strlen(text), &body, NULL, 0), ERR_OK);
	}
	answer = sim_control(rig->sim, method, target, body, &status);
	if (status / 100 != 2) {
		char *dump = answer != NULL ? json_dumps(answer, 0) : NULL;

		print_error("%s %s: %d %s\n", method, target, status, dump != NULL ? dump : "");
		free(dump);
	}
	assert_int_equal(status / 100, 2);
	return answer;
}

#define rig_do(rig, target, ...) json_decref(rig_ask((rig), "POST", (target), __VA_ARGS__))

/* "30000000-0000-4000-8000-0000000000NN" */
static inline const char *
rig_user(unsigned n, char ret[GUID_SIZE])
{
	snprintf(ret, GUID_SIZE, "30000000-0000-4000-8000-%012u", n);
	return ret;
}

UNUSED_OK static inline void
rig_member(struct rig *rig, const char *op, unsigned user, const char *role)
{
	char id[GUID_SIZE];

	rig_do(rig, "/_sim/members", "{\"op\":\"%s\",\"team\":\"%s\",\"user\":\"%s\",\"role\":\"%s\"}", op, RIG_TEAM,
	    rig_user(user, id), role);
}

/* Requests of a template Graph got since the log was cleared. */
UNUSED_OK static inline int64_t
rig_requests(struct rig *rig, const char *template)
{
	json_t *answer = rig_ask(rig, "GET", "/_sim/requests?limit=1", NULL);
	int64_t n = jx_get_int(jx_get_object(answer, "counts"), template, 0);

	json_decref(answer);
	return n;
}

UNUSED_OK static inline void
rig_forget_requests(struct rig *rig)
{
	json_decref(rig_ask(rig, "DELETE", "/_sim/requests", NULL));
}

static inline void
rig_world(struct rig *rig, unsigned users, unsigned members)
{
	char id[GUID_SIZE];

	rig_do(rig, "/_sim/apps", "{\"client_id\":\"%s\",\"client_secret\":\"secret\"}", RIG_CLIENT);
	rig_do(rig, "/_sim/tenants", "{\"id\":\"%s\",\"domain\":\"acme.example\"}", RIG_DIRECTORY);
	for (unsigned i = 1; i <= users; i++)
		rig_do(rig, "/_sim/users", "{\"tenant\":\"%s\",\"id\":\"%s\",\"upn\":\"u%u@acme.example\"}", RIG_DIRECTORY,
		    rig_user(i, id), i);
	rig_do(rig, "/_sim/teams", "{\"tenant\":\"%s\",\"id\":\"%s\",\"name\":\"Pride\",\"members\":%u}", RIG_DIRECTORY, RIG_TEAM,
	    members);
}

/* ---------- the reconciler ---------- */

static inline void
rig_start(struct rig *rig)
{
	char why[512] = "";
	struct reconciler_options options = {
		.config = &rig->config,
		.clock = rig->clock,
		.rng = &rig->rng,
		.graph_http = rig->graph_http,
		.app_http = rig->app_http,
		.state_key = rig->state_key,
		.intake_key = rig->intake_key,
		.client_secret = "secret",
		.callback_secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=",
		.wake_listener = rig_consumed,
		.wake_listener_arg = rig,
	};

	if (reconciler_new(&options, &rig->r, why, sizeof(why)) != ERR_OK)
		fail_msg("%s", why);
}

UNUSED_OK static inline void
rig_crash(struct rig *rig)
{
	reconciler_crash(rig->r);
	rig->r = NULL;
	rig_start(rig);
}

UNUSED_OK static inline void
rig_restart(struct rig *rig)
{
	reconciler_free(rig->r);
	rig->r = NULL;
	rig_start(rig);
}

static inline void
rig_config(struct rig *rig)
{
	struct config *c = &rig->config;

	c->public_url = (char *)"https://hook.example";
	c->client_id = (char *)RIG_CLIENT;
	c->base_url = (char *)"http://127.0.0.1:1/v1.0";
	c->login_url = (char *)"http://127.0.0.1:1";
	c->callback_url = (char *)"http://127.0.0.1:2/callback";
	c->state_directory = rig->dir.path;
	c->map_size_bytes = 256 << 20;
	c->settle_ms = 15 * 60 * 1000;
	c->feed_keep_ms = INT64_C(90) * 24 * 3600 * 1000;
	c->sweep_ms = 24 * 3600 * 1000;
	c->drift_check_ms = 3600 * 1000;
	c->renew_every_ms = 45 * 60 * 1000;
	c->removal_limit = 10;
	c->removal_percent = 20;
	c->mail_limit = 200;
	c->tenant_wide_from = CONFIG_WIDE_QUOTA;
	c->meeting_horizon_ms = INT64_C(400) * 24 * 3600 * 1000;
}

/* As rig_make; Graph has a clock of its own, and ours begins ahead_ms before it. */
static inline void
rig_make_apart(struct rig *rig, uint64_t seed, unsigned users, unsigned members, int64_t ahead_ms, bool apart)
{
	struct sim_options options = {
		.base_url = "http://127.0.0.1:1", .seed = seed, .deliver = rig_deliver, .deliver_arg = rig
	};
	char path[PATH_MAX + 300], why[256] = "";

	memset(rig, 0, sizeof(*rig));
	log_set_level(getenv("RIG_LOG") != NULL ? LOG_DEBUG : LOG_ERROR);
	scratch_make(&rig->dir);
	rig->rng = rng_seeded(seed);
	rig->repeat = 1;
	rig->app_status = 204;
	rng_bytes(&rig->rng, &rig->state_key, sizeof(rig->state_key));
	rng_bytes(&rig->rng, &rig->intake_key, sizeof(rig->intake_key));
	rig_config(rig);
	assert_non_null(rig->events = calloc(RIG_EVENTS_MAX, sizeof(*rig->events)));
	assert_non_null(rig->clock = clock_new_manual(RIG_START_MS + ahead_ms));
	rig->graph_clock = rig->clock;
	if (apart)
		assert_non_null(rig->graph_clock = clock_new_manual(RIG_START_MS));
	assert_non_null(rig->sim = sim_new(rig->graph_clock, &options));
	assert_non_null(rig->graph_http = sim_transport_new(rig->sim, rig->clock));
	assert_non_null(rig->app_http = http_transport_new_fake(rig->clock, rig_app, rig));
	scratch_file(&rig->dir, "inbox", path);
	assert_int_equal(inbox_open(path, INBOX_WRITER, (uint64_t)rig->config.map_size_bytes / 4, &rig->intake_key, &rig->inbox,
	                     why, sizeof(why)),
	    ERR_OK);
	rig_world(rig, users, members);
	rig_start(rig);
}

/* Everything but the tenant and the ERG: see rig_link. */
UNUSED_OK static inline void
rig_make(struct rig *rig, uint64_t seed, unsigned users, unsigned members)
{
	rig_make_apart(rig, seed, users, members, 0, false);
}

UNUSED_OK static inline enum err
rig_put_erg(struct rig *rig, const char *id, enum membership_policy policy, struct problem *p)
{
	struct app_erg_put put = { .membership = policy, .meetings = MEETINGS_OFF, .removal_limit = -1, .removal_percent = -1 };
	struct erg_view view = { 0 };
	bool created;

	assert_true(erg_id_parse(id, &put.id));
	assert_true(tenant_id_parse("acme", &put.tenant));
	assert_true(guid_parse(RIG_DIRECTORY, &put.link_directory_id));
	assert_true(guid_parse(RIG_TEAM, &put.team_id));
	snprintf(put.name, sizeof(put.name), "Pride");
	snprintf(put.channel_url, sizeof(put.channel_url),
	    "https://teams.microsoft.com/l/team/x/conversations?groupId=%s&tenantId=%s", RIG_TEAM, RIG_DIRECTORY);
	return backend_ops.erg_put(rig->r, &put, &view, &created, p);
}

static inline void
rig_put_tenant(struct rig *rig)
{
	struct app_tenant_put put = { 0 };
	struct tenant_view view = { 0 };
	struct problem p = { 0 };
	bool created;

	assert_true(tenant_id_parse("acme", &put.id));
	assert_true(guid_parse(RIG_DIRECTORY, &put.directory_id));
	snprintf(put.organizer, sizeof(put.organizer), "u1@acme.example");
	assert_int_equal(backend_ops.tenant_put(rig->r, &put, &view, &created, &p), ERR_OK);
}

/* Tenant "acme", ERG "pride" on the team, and all that follows from it. */
UNUSED_OK static inline void
rig_link(struct rig *rig)
{
	struct problem p = { 0 };

	rig_put_tenant(rig);
	assert_int_equal(rig_put_erg(rig, "pride", MEMBERSHIP_TWO_WAY, &p), ERR_OK);
	rig_run(rig, 120000);
}

UNUSED_OK static inline struct erg
rig_erg(struct rig *rig)
{
	struct erg_id id;
	struct erg erg;

	assert_true(erg_id_parse("pride", &id));
	assert_int_equal(erg_load(rig->r, &id, &erg), ERR_OK);
	return erg;
}

UNUSED_OK static inline struct tenant
rig_tenant(struct rig *rig)
{
	struct tenant tenant;
	struct tenant_id id;

	assert_true(tenant_id_parse("acme", &id));
	assert_int_equal(tenant_load(rig->r, &id, &tenant), ERR_OK);
	return tenant;
}

/* Callbacks of a type the app took, from the n-th on. */
UNUSED_OK static inline size_t
rig_count(const struct rig *rig, const char *type, size_t from)
{
	size_t n = 0;

	for (size_t i = from; i < rig->event_count; i++)
		n += strcmp(rig->events[i].type, type) == 0;
	return n;
}

static inline void
rig_done(struct rig *rig)
{
	reconciler_free(rig->r);
	http_transport_free(rig->app_http);
	http_transport_free(rig->graph_http);
	sim_free(rig->sim);
	inbox_close(rig->inbox);
	if (rig->graph_clock != rig->clock)
		clock_free(rig->graph_clock);
	clock_free(rig->clock);
	scratch_remove(&rig->dir);
	free(rig->events);
}

#endif
