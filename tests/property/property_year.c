/*
 * property_year - a year of many tenants: is every subscription held whenever Graph could be reached, and every gap read after?
 *
 * The wire between the reconciler and the simulated Graph tells which subscription lives until when, and when Graph may pause it for
 * want of a fresh authorisation; each minute that is held against what may be. Graph has a clock of its own, so that ours may be
 * stepped, suspended and wrong. Nobody leaves any team: a removal told is a wrong one. With --jobs the tenants are shared out among
 * worlds that live at the same time, each with an app registration of its own.
 */
#include "property/wire.h"
#include "property/world.h"

#include <argp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "graph/graph.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "reconciler/backend.h"
#include "reconciler/tables.h"
#include "sim/map.h"
#include "state/store.h"

#define MEMBERS          3
#define AUTHORISATION_MS HOUR_MS          /* of a subscription, since its last PATCH: graph-facts section 6 */
#define LOSS_MS          (50 * MINUTE_MS) /* a silent loss is noticed by the next renewal or list */
#define RETURN_MS        (25 * MINUTE_MS) /* an end of trouble is noticed, and its work done */
#define READ_MS          (45 * MINUTE_MS) /* a gap's full read */
#define PATCH_APART_MS   (10 * MINUTE_MS) /* of one subscription; and from reauthorize, which is never sent */
#define LIST_WINDOW_MS   (20 * SECOND_MS)
#define LISTS_A_WINDOW   40 /* of an app in all tenants: graph-facts section 11 */
#define MINUTES_A_YEAR   (365 * 24 * 60)
#define JOBS_MAX         64
#define PROGRESS_S       20

struct options {
	uint64_t tenants, ergs, days, seed, jobs;
};

/* One team and its subscription, as Graph has it. */
struct watched {
	char id[GUID_SIZE]; /* "" = none that we know of */
	unsigned tenant;
	bool lost;            /* by our hand, silently */
	int64_t ends_ms;      /* boot times: Graph ends it, or pauses it */
	int64_t uncovered_ms; /* since; 0 = covered */
	int64_t covered_ms;   /* by the first answer after it was not */
	int64_t read_ms;      /* the last full read began */
	int64_t owes_ms;      /* a full read that begins since; 0 = none */
	int64_t patched_ms;   /* the last renewal that was answered */
};

struct customer {
	int64_t trouble_until_ms;
	enum weather weather;
	int64_t consent_until_ms; /* withdrawn; 0 = granted */
	int64_t well_ms;          /* since; 0 = it is not */
};

/* What is told at the end. */
struct totals {
	bool ended; /* and nothing was wrong */
	uint64_t patches, creations, deletions, lists, sign_ins, signed_in, reads, reauthorisations, gaps, happenings[16];
	uint64_t most_lists;                    /* in LIST_WINDOW_MS */
	int64_t longest_ms[2], longest_read_ms; /* uncovered while reachable: after a trouble, after a silent loss */
	double days, processor_s;
};

struct year {
	struct options o;
	unsigned number; /* of --jobs, from 1; 0 = the only one */
	struct totals n;
	struct world *w;
	struct rng rng;
	struct watched *teams;
	struct customer *tenants; /* from 1 */
	struct map by_id;
	int64_t cut_until_ms, down_until_ms, deaf_until_ms; /* the network, the reconciler, the listener */
	int64_t secret_at_ms;                               /* when the new secret reaches us; 0 = it has */
	unsigned secret;
	int64_t stepped_ms;
	int64_t begun_ms; /* the reconciler, last */
	int64_t listed_ms[LISTS_A_WINDOW + 1];
};

static int64_t
now(const struct year *y)
{
	return clock_boot_ms(y->w->graph_clock);
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* ---------- what goes over the wire ---------- */

static enum weather
weather_of(void *arg, unsigned tenant)
{
	const struct year *y = arg;
	const struct customer *c = &y->tenants[tenant <= y->o.tenants ? tenant : 0];

	if (y->cut_until_ms > now(y))
		return WEATHER_CUT;
	return c->trouble_until_ms > now(y) ? c->weather : WEATHER_FINE;
}

/* "/teams/20000000-0000-4000-8000-{number}/members" */
static struct watched *
team_of(struct year *y, const char *text)
{
	const char *at = text != NULL ? strstr(text, "20000000-0000-4000-8000-") : NULL;
	uint64_t n = at != NULL ? strtoull(at + 24, NULL, 10) : 0;

	return n >= 1 && n <= y->o.ergs ? &y->teams[n - 1] : NULL;
}

static void
forget(struct year *y, struct watched *t)
{
	if (t->id[0] != '\0')
		sim_map_del(&y->by_id, t->id);
	t->id[0] = '\0';
}

static void
know(struct year *y, struct watched *t, const char *id)
{
	if (strcmp(t->id, id) == 0)
		return;
	forget(y, t);
	str_copy(t->id, sizeof(t->id), id);
	sim_map_put(&y->by_id, t->id, t);
}

/* Expiry and authorisation begin anew, at the earliest when that was asked for: an answer may have waited in a machine that slept. */
static void
prolong(struct year *y, struct watched *t, const char *body, int64_t asked_ms)
{
	static const char name[] = "\"expirationDateTime\":\"";
	const char *at = body != NULL ? strstr(body, name) : NULL;
	char text[TIMESTAMP_SIZE] = "";
	int64_t wall_ms = 0, ends_ms;

	if (at == NULL)
		return;
	at += sizeof(name) - 1;
	str_copy_len(text, sizeof(text), at, strcspn(at, "\""));
	if (timestamp_parse(text, &wall_ms) != ERR_OK)
		fail(y->w, "an expiry that is none: %s", text);
	if (t->uncovered_ms == 0 && t->ends_ms < asked_ms)
		t->uncovered_ms = t->ends_ms;
	ends_ms = now(y) + wall_ms - clock_wall_ms(y->w->graph_clock);
	t->ends_ms = ends_ms < asked_ms + AUTHORISATION_MS ? ends_ms : asked_ms + AUTHORISATION_MS;
	if (t->ends_ms > now(y) && t->covered_ms <= t->uncovered_ms)
		t->covered_ms = now(y);
}

/* Graph wants quiet between renewals; but what a crash or an outage took from us may be asked for again. */
static void
judge_spacing(struct year *y, struct watched *t, int64_t asked_ms)
{
	int64_t well_ms = y->tenants[t->tenant].well_ms;

	if (t->patched_ms != 0 && asked_ms - t->patched_ms < PATCH_APART_MS && y->begun_ms < t->patched_ms && well_ms != 0 &&
	    well_ms < t->patched_ms)
		fail(y->w, "team %td of tenant %u is renewed again after %" PRId64 " s", t - y->teams, t->tenant,
		    (asked_ms - t->patched_ms) / 1000);
	t->patched_ms = asked_ms;
}

static void
on_subscription(
    struct year *y, const char *method, const char *path, const char *asked, int status, const char *body, int64_t asked_ms)
{
	struct watched *t;
	json_t *told = NULL;

	if (strcmp(method, "POST") == 0 && strcmp(path, "/subscriptions") == 0) {
		y->n.creations++;
		if (status != 201 || (t = team_of(y, asked)) == NULL)
			return;
		if (jx_parse(body, strlen(body), &told, NULL, 0) == ERR_OK && jx_get_str(told, "id") != NULL)
			know(y, t, jx_get_str(told, "id"));
		json_decref(told);
		t->lost = false;
		t->patched_ms = 0;
		prolong(y, t, asked, asked_ms);
		return;
	}
	t = strlen(path) > strlen("/subscriptions/") ? sim_map_get(&y->by_id, path + strlen("/subscriptions/")) : NULL;
	if (strcmp(method, "PATCH") == 0) {
		y->n.patches++;
		if (status != 200 || t == NULL)
			return;
		judge_spacing(y, t, asked_ms);
		prolong(y, t, asked, asked_ms);
	} else if (strcmp(method, "DELETE") == 0) {
		y->n.deletions++;
		if (t != NULL && status == 204)
			forget(y, t);
	}
}

/* How many there were in the window that ends now: the ring holds one more than may be. */
static void
count_list(struct year *y)
{
	uint64_t in_window = 0;

	y->listed_ms[y->n.lists++ % (LISTS_A_WINDOW + 1)] = now(y);
	for (uint64_t i = 0; i <= LISTS_A_WINDOW && i < y->n.lists; i++)
		in_window += now(y) - y->listed_ms[i] < LIST_WINDOW_MS;
	if (in_window > y->n.most_lists)
		y->n.most_lists = in_window;
}

static void
asked(void *arg, unsigned tenant, const char *method, const char *path)
{
	struct year *y = arg;

	(void)tenant;
	(void)method;
	if (strstr(path, "/oauth2/") != NULL)
		y->n.sign_ins++;
	else if (strstr(path, "/reauthorize") != NULL)
		y->n.reauthorisations++;
}

static void
answered(void *arg, unsigned tenant, const char *method, const char *path, const char *asked, int status, const char *body,
    long long asked_ms)
{
	struct year *y = arg;
	struct watched *t;

	(void)tenant;
	y->n.signed_in += status == 200 && strstr(path, "/oauth2/") != NULL;
	if (strncmp(path, "/subscriptions", 14) == 0) {
		if (strcmp(method, "GET") == 0)
			count_list(y);
		else
			on_subscription(y, method, path, asked, status, body, asked_ms);
		return;
	}
	/* The simulator shows all members of so small a team on one page. */
	if (strcmp(method, "GET") != 0 || status != 200 || strncmp(path, "/teams/", 7) != 0 || strstr(path, "/members") == NULL ||
	    strstr(path, "/members/") != NULL || (t = team_of(y, path)) == NULL)
		return;
	y->n.reads++;
	t->read_ms = later(t->read_ms, asked_ms); /* two may overtake each other */
}

/* ---------- making ---------- */

static void
app_takes_all(void *arg, struct http_exchange *x)
{
	struct world *w = arg;

	w->callbacks++;
	http_reply(x, 204, NULL, NULL, 0, NULL);
}

static void
directory_of(uint64_t tenant, char ret[GUID_SIZE])
{
	snprintf(ret, GUID_SIZE, "10000000-0000-4000-8000-%012" PRIu64, tenant);
}

static void
make_tenant(struct year *y, uint64_t n)
{
	struct app_tenant_put put = { 0 };
	struct tenant_view view = { 0 };
	struct problem p = { 0 };
	char directory[GUID_SIZE];
	bool created;

	directory_of(n, directory);
	tell(y->w, "/_sim/tenants", "{\"id\":\"%s\",\"domain\":\"t%" PRIu64 ".example\"}", directory, n);
	for (unsigned i = 1; i <= MEMBERS; i++)
		tell(y->w, "/_sim/users", "{\"tenant\":\"%s\",\"upn\":\"u%u@t%" PRIu64 ".example\"}", directory, i, n);
	snprintf(put.id.s, sizeof(put.id.s), "t%" PRIu64, n);
	guid_parse(directory, &put.directory_id);
	snprintf(put.organizer, sizeof(put.organizer), "u1@t%" PRIu64 ".example", n);
	if (backend_ops.tenant_put(y->w->r, &put, &view, &created, &p) != ERR_OK)
		fail(y->w, "PUT tenant: %s", p.detail);
}

static void
make_erg(struct year *y, uint64_t n)
{
	struct app_erg_put put = {
		.membership = MEMBERSHIP_TEAMS, .meetings = MEETINGS_OFF, .removal_limit = -1, .removal_percent = -1
	};
	struct erg_view view = { 0 };
	struct problem p = { 0 };
	char directory[GUID_SIZE], team[GUID_SIZE];
	bool created;

	y->teams[n].tenant = (unsigned)(n % y->o.tenants) + 1;
	y->teams[n].uncovered_ms = now(y);
	directory_of(y->teams[n].tenant, directory);
	snprintf(team, sizeof(team), "20000000-0000-4000-8000-%012" PRIu64, n + 1);
	tell(y->w, "/_sim/teams", "{\"tenant\":\"%s\",\"id\":\"%s\",\"name\":\"Team\",\"members\":%u}", directory, team, MEMBERS);
	snprintf(put.id.s, sizeof(put.id.s), "g%" PRIu64, n);
	snprintf(put.tenant.s, sizeof(put.tenant.s), "t%u", y->teams[n].tenant);
	snprintf(put.name, sizeof(put.name), "ERG %" PRIu64, n);
	guid_parse(directory, &put.link_directory_id);
	guid_parse(team, &put.team_id);
	snprintf(put.channel_url, sizeof(put.channel_url), "https://teams.microsoft.com/l/team/x/conversations?groupId=%s", team);
	if (backend_ops.erg_put(y->w->r, &put, &view, &created, &p) != ERR_OK)
		fail(y->w, "PUT ERG: %s", p.detail);
	store_commit(y->w->r->store);
}

static void
secret_set(struct year *y, unsigned n)
{
	y->secret = n;
	tell(y->w, "/_sim/apps", "{\"client_id\":\"%s\",\"client_secret\":\"secret%u\"}", y->w->config.client_id, n);
}

static void
secret_learn(struct year *y)
{
	char text[32];

	snprintf(text, sizeof(text), "secret%u", y->secret);
	if (y->w->r != NULL && graph_set_credential(y->w->r->graph, text, 0, NULL) != ERR_OK)
		fail(y->w, "the new secret is not taken");
	y->secret_at_ms = 0;
}

static void
begin(struct year *y)
{
	reconciler_begin(y->w);
	y->begun_ms = now(y);
	if (y->w->r == NULL)
		return;
	if (y->secret_at_ms == 0)
		secret_learn(y);
}

static void
make(struct year *y)
{
	struct world *w = y->w = world_bare(y->o.seed, false, true, app_takes_all);
	struct wire_options wire = { weather_of, asked, answered, y };

	y->rng = rng_seeded(y->o.seed);
	y->teams = calloc(y->o.ergs, sizeof(*y->teams));
	y->tenants = calloc(y->o.tenants + 1, sizeof(*y->tenants));
	if (y->teams == NULL || y->tenants == NULL)
		abort();
	w->graph_http = wire_new(w->graph_http, w->clock, &wire);
	w->config.callback_url = NULL;
	w->config.map_size_bytes = 1 << 30;
	w->config.sweep_ms = 7 * DAY_MS;
	w->config.drift_check_ms = DAY_MS;
	w->config.feed_keep_ms = 90 * DAY_MS;
	w->inbox_poll_ms = HOUR_MS;
	intake_open(w);
	tell(w, "/_sim/settings", "{\"latency_ms\":50,\"latency_jitter_ms\":100}");
	secret_set(y, 1);
	begin(y);
	for (uint64_t n = 1; n <= y->o.tenants; n++)
		make_tenant(y, n);
	for (uint64_t n = 0; n < y->o.ergs; n++) {
		make_erg(y, n);
		clock_manual_advance_both(w->clock, w->graph_clock, 200);
	}
}

/* ---------- what happens ---------- */

static int64_t
some(struct year *y, int64_t least, int64_t most)
{
	return least + (int64_t)rng_below(&y->rng, (uint64_t)(most - least + 1));
}

/* Short ones are as likely as long ones. */
static int64_t
a_while(struct year *y, int64_t most)
{
	int64_t limit = MINUTE_MS << rng_below(&y->rng, 14);

	return some(y, MINUTE_MS / 2, limit < most ? limit : most);
}

static unsigned
a_tenant(struct year *y)
{
	return (unsigned)some(y, 1, (int64_t)y->o.tenants);
}

/* Also a trouble that is over before the minute is. */
static void
all_unwell(struct year *y)
{
	for (unsigned n = 1; n <= y->o.tenants; n++)
		y->tenants[n].well_ms = 0;
}

static void
network_fails(struct year *y)
{
	all_unwell(y);
	y->cut_until_ms = now(y) + a_while(y, 2 * DAY_MS);
}

static void
tenant_fails(struct year *y)
{
	struct customer *c = &y->tenants[a_tenant(y)];

	c->weather = (enum weather)some(y, WEATHER_CUT, WEATHER_COUNT - 1);
	c->trouble_until_ms = now(y) + a_while(y, DAY_MS);
	c->well_ms = 0;
	note(y->w, "tenant %td has weather %d for %" PRId64 " s", c - y->tenants, (int)c->weather,
	    (c->trouble_until_ms - now(y)) / 1000);
}

static void
consent_set(struct year *y, unsigned n, const char *consent)
{
	char directory[GUID_SIZE];

	directory_of(n, directory);
	tell(y->w, "/_sim/consent", "{\"tenant\":\"%s\",\"consent\":\"%s\"}", directory, consent);
}

static void
consent_goes(struct year *y)
{
	unsigned n = a_tenant(y);

	if (y->tenants[n].consent_until_ms != 0)
		return;
	consent_set(y, n, "withdrawn");
	y->tenants[n].well_ms = 0;
	y->tenants[n].consent_until_ms = now(y) + a_while(y, 7 * DAY_MS);
}

/* Half of the time the old one ends before the new one is here. */
static void
secret_changes(struct year *y)
{
	all_unwell(y);
	secret_set(y, y->secret + 1);
	y->secret_at_ms = now(y) + (some(y, 0, 1) == 0 ? 0 : a_while(y, 6 * HOUR_MS));
	if (y->secret_at_ms == now(y))
		secret_learn(y);
}

static void
lose(struct year *y, struct watched *t)
{
	char target[128];

	if (t->id[0] == '\0' || t->ends_ms <= now(y))
		return; /* it may have ended by itself */
	snprintf(target, sizeof(target), "/_sim/subscriptions/%s", t->id);
	json_decref(ask(y->w, "DELETE", target, NULL));
	forget(y, t);
	t->lost = true;
	if (t->uncovered_ms == 0)
		t->uncovered_ms = now(y); /* it may be back before anybody looks */
}

static void
one_is_lost(struct year *y)
{
	lose(y, &y->teams[some(y, 0, (int64_t)y->o.ergs - 1)]);
}

static void
tenant_is_lost(struct year *y)
{
	unsigned n = a_tenant(y);

	for (uint64_t i = 0; i < y->o.ergs; i++)
		if (y->teams[i].tenant == n)
			lose(y, &y->teams[i]);
}

/* Wrong by a second or by ten days, until the next step sets it right. */
static void
wall_steps(struct year *y)
{
	int64_t by_ms = y->stepped_ms != 0 ? -y->stepped_ms : a_while(y, 10 * DAY_MS) * (some(y, 0, 1) == 0 ? -1 : 1);

	clock_manual_step_wall(y->w->clock, by_ms);
	y->stepped_ms += by_ms;
}

static void
machine_sleeps(struct year *y)
{
	int64_t ms = a_while(y, DAY_MS);

	y->w->listener_down = true;
	clock_manual_advance(y->w->graph_clock, ms);
	clock_manual_suspend(y->w->clock, ms);
	y->w->listener_down = false;
	all_unwell(y);
}

static void
reconciler_stops(struct year *y)
{
	if (y->w->r == NULL)
		return;
	all_unwell(y);
	if (some(y, 0, 1) == 0)
		reconciler_fall(y->w, (unsigned)some(y, 0, 50));
	else
		reconciler_end(y->w);
	y->down_until_ms = now(y) + a_while(y, 4 * DAY_MS);
	if (some(y, 0, 2) == 0)
		wall_steps(y); /* a machine whose clock is wrong at boot */
}

static void
listener_stops(struct year *y)
{
	all_unwell(y);
	y->deaf_until_ms = now(y) + a_while(y, 6 * HOUR_MS);
	y->w->listener_down = true;
}

static const struct happening {
	const char *name;
	unsigned a_year, per_tenant, per_erg; /* times a year */
	void (*begin)(struct year *y);
} happenings[] = {
	{ "outages of the network", 24, 0, 0, network_fails },
	{ "outages of one tenant", 0, 4, 0, tenant_fails },
	{ "withdrawals of consent", 0, 1, 0, consent_goes },
	{ "new secrets", 4, 0, 0, secret_changes },
	{ "silent losses of one subscription", 0, 0, 3, one_is_lost },
	{ "silent losses of all of a tenant", 0, 1, 0, tenant_is_lost },
	{ "steps of the wall clock", 52, 0, 0, wall_steps },
	{ "suspends", 24, 0, 0, machine_sleeps },
	{ "stops of the reconciler", 24, 0, 0, reconciler_stops },
	{ "stops of the listener", 12, 0, 0, listener_stops },
};

#define HAPPENINGS (sizeof(happenings) / sizeof(happenings[0]))

static void
happen(struct year *y)
{
	for (size_t i = 0; i < HAPPENINGS; i++) {
		const struct happening *h = &happenings[i];

		if (rng_below(&y->rng, MINUTES_A_YEAR) >= h->a_year + h->per_tenant * y->o.tenants + h->per_erg * y->o.ergs)
			continue;
		y->n.happenings[i]++;
		note(y->w, "of %s", h->name);
		h->begin(y);
	}
}

/* A call that a crash cut off may have had its effect: what Graph has now is what counts. */
static void
look_at_graph(struct year *y)
{
	json_t *answer = ask(y->w, "GET", "/_sim/subscriptions", NULL), *item;
	bool *seen = calloc(y->o.ergs, sizeof(*seen));
	struct watched *t;
	size_t i;

	json_array_foreach(jx_get_array(answer, "subscriptions"), i, item)
	{
		if ((t = team_of(y, jx_get_str(item, "resource"))) == NULL)
			continue;
		know(y, t, jx_get_str(item, "id"));
		seen[t - y->teams] = true;
	}
	for (i = 0; i < y->o.ergs; i++)
		if (!seen[i])
			forget(y, &y->teams[i]);
	free(seen);
	json_decref(answer);
}

static void
mend(struct year *y)
{
	for (unsigned n = 1; n <= y->o.tenants; n++)
		if (y->tenants[n].consent_until_ms != 0 && y->tenants[n].consent_until_ms <= now(y)) {
			note(y->w, "tenant %u consents again", n);
			consent_set(y, n, "granted");
			y->tenants[n].consent_until_ms = 0;
		}
	if (y->deaf_until_ms <= now(y))
		y->w->listener_down = false;
	if (y->secret_at_ms != 0 && y->secret_at_ms <= now(y))
		secret_learn(y);
	if (y->w->r == NULL && y->down_until_ms <= now(y)) {
		begin(y);
		look_at_graph(y);
	}
}

/* ---------- what must be ---------- */

static bool
is_well(const struct year *y, const struct customer *c)
{
	return c->trouble_until_ms <= now(y) && c->consent_until_ms == 0 && y->cut_until_ms <= now(y) && y->secret_at_ms == 0 &&
	       y->w->r != NULL && !y->w->listener_down;
}

/* What our side thinks of it, for the log of a year gone wrong. */
static void
note_row(struct year *y, const struct watched *t)
{
	char resource[SUBSCRIPTION_RESOURCE_SIZE];
	struct store_cursor *c = store_seek(y->w->r->store, TABLE_SUBSCRIPTIONS, NULL, NULL);
	int64_t graph_ms = clock_wall_ms(y->w->graph_clock);
	struct subscription s;

	snprintf(resource, sizeof(resource), "/teams/20000000-0000-4000-8000-%012td/members", t - y->teams + 1);
	while (store_next(c, NULL, &s) == ERR_OK)
		if (strcmp(s.resource, resource) == 0)
			note(y->w,
			    "our row: %s, %s, renewed %" PRId64 " s ago, expires in %" PRId64 " s, tried again in %" PRId64
			    " s after %" PRId64 " failures: %s; on Graph it is %s, for %" PRId64 " s",
			    subscription_state_names[s.state], s.id, (graph_ms - s.renewed_wall_ms) / 1000,
			    (s.expires_wall_ms - graph_ms) / 1000, (s.retry_wall_ms - graph_ms) / 1000, s.failures, s.detail,
			    t->id, (t->ends_ms - now(y)) / 1000);
	store_cursor_close(c);
}

static void
judge_uncovered(struct year *y, struct watched *t, int64_t well_ms)
{
	int64_t for_ms = now(y) - later(t->uncovered_ms, well_ms);
	bool calm = t->uncovered_ms - well_ms > RETURN_MS; /* it was well for long when the cover went */

	if (for_ms > y->n.longest_ms[t->lost])
		y->n.longest_ms[t->lost] = for_ms;
	if (t->lost ? for_ms <= LOSS_MS : for_ms <= (calm ? MINUTE_MS : RETURN_MS))
		return;
	note_row(y, t);
	fail(y->w, "team %td of tenant %u is uncovered for %" PRId64 " s%s", t - y->teams, t->tenant, for_ms / 1000,
	    t->lost ? " after a silent loss"
	    : calm  ? " although all was well"
	            : " after a trouble");
}

static void
judge_team(struct year *y, struct watched *t)
{
	int64_t well_ms = y->tenants[t->tenant].well_ms;
	bool covered = t->id[0] != '\0' && t->ends_ms > now(y);

	if (!covered && t->uncovered_ms == 0)
		t->uncovered_ms = t->id[0] != '\0' && t->ends_ms < now(y) ? t->ends_ms : now(y);
	if (covered && t->uncovered_ms != 0) {
		t->owes_ms = t->covered_ms;
		t->uncovered_ms = 0;
		y->n.gaps++;
	}
	if (t->owes_ms != 0 && t->read_ms >= t->owes_ms)
		t->owes_ms = 0;
	if (well_ms == 0)
		return;
	if (!covered)
		judge_uncovered(y, t, well_ms);
	if (t->owes_ms != 0 && now(y) - later(t->owes_ms, well_ms) > y->n.longest_read_ms)
		y->n.longest_read_ms = now(y) - later(t->owes_ms, well_ms);
	if (t->owes_ms != 0 && now(y) - later(t->owes_ms, well_ms) > READ_MS)
		fail(y->w, "team %td of tenant %u is not read %" PRId64 " s after a gap", t - y->teams, t->tenant,
		    (now(y) - t->owes_ms) / 1000);
}

static void
judge(struct year *y)
{
	for (unsigned n = 1; n <= y->o.tenants; n++) {
		struct customer *c = &y->tenants[n];

		if (!is_well(y, c))
			c->well_ms = 0;
		else if (c->well_ms == 0)
			c->well_ms = now(y);
	}
	for (uint64_t i = 0; i < y->o.ergs && !y->w->failed; i++)
		judge_team(y, &y->teams[i]);
	if (y->w->r != NULL && y->w->r->counters.changes_member_removed > 0)
		fail(y->w, "somebody is told as removed");
	if (y->n.reauthorisations > 0)
		fail(y->w, "reauthorize beside PATCH");
	if (y->n.most_lists > LISTS_A_WINDOW)
		fail(y->w, "more than %d lists of subscriptions in 20 s", LISTS_A_WINDOW);
}

/* What a correct client never causes: throttling, calls before a Retry-After is over, malformed ones. */
static void
judge_journal(struct year *y)
{
	json_t *journal = ask(y->w, "GET", "/_sim/journal", NULL), *entry, *list = jx_get_array(journal, "entries");
	size_t i;

	if (jx_get_int(journal, "violations", -1) != 0)
		json_array_foreach(list, i, entry) if (jx_get_bool(entry, "violation", false) && !y->w->failed)
		    fail(y->w, "%" PRId64 " s ago, %s: %s %s: %s", (now(y) - jx_get_int(entry, "at_ms", 0)) / 1000,
		        jx_get_str(entry, "kind"), jx_get_str(entry, "method"), jx_get_str(entry, "path"),
		        jx_get_str(entry, "detail"));
	json_decref(journal);
}

/* ---------- the program ---------- */

/* Numbers of both together. */
static void
add(struct totals *sum, const struct totals *n)
{
	sum->patches += n->patches;
	sum->creations += n->creations;
	sum->deletions += n->deletions;
	sum->lists += n->lists;
	sum->sign_ins += n->sign_ins;
	sum->signed_in += n->signed_in;
	sum->reads += n->reads;
	sum->gaps += n->gaps;
	for (size_t i = 0; i < HAPPENINGS; i++)
		sum->happenings[i] += n->happenings[i];
	sum->most_lists = n->most_lists > sum->most_lists ? n->most_lists : sum->most_lists;
	for (size_t i = 0; i < 2; i++)
		sum->longest_ms[i] = later(sum->longest_ms[i], n->longest_ms[i]);
	sum->longest_read_ms = later(sum->longest_read_ms, n->longest_read_ms);
	sum->days = n->days > sum->days ? n->days : sum->days;
	sum->processor_s += n->processor_s;
}

static void
report(const struct options *o, const struct totals *n)
{
	double by_erg = (double)o->ergs * n->days, by_tenant = (double)o->tenants * n->days;

	for (size_t i = 0; i < HAPPENINGS; i++)
		printf("  %6" PRIu64 " %s\n", n->happenings[i], happenings[i].name);
	printf("  %" PRIu64 " renewals, %.2f per subscription and day; %" PRIu64 " creations, %" PRIu64 " deletions\n",
	    n->patches, (double)n->patches / by_erg, n->creations, n->deletions);
	printf("  %" PRIu64 " lists of subscriptions, %.2f per tenant and hour, %" PRIu64
	       " in 20 s at the most of the %d that Graph allows\n",
	    n->lists, (double)n->lists / by_tenant / 24, n->most_lists, LISTS_A_WINDOW);
	printf("  %.2f sign-ins per tenant and day, and %.2f more that failed; %" PRIu64 " full reads, %.3f per ERG and day\n",
	    (double)n->signed_in / by_tenant, (double)(n->sign_ins - n->signed_in) / by_tenant, n->reads,
	    (double)n->reads / by_erg);
	printf("  %" PRIu64 " gaps, each read after; longest time uncovered while reachable: %" PRId64
	       " s after a trouble, %" PRId64 " s after a silent loss; longest wait for the read: %" PRId64 " s\n",
	    n->gaps, n->longest_ms[0] / 1000, n->longest_ms[1] / 1000, n->longest_read_ms / 1000);
	printf("  %.1f s of processor\n", n->processor_s);
}

static int64_t
seconds(void)
{
	return (int64_t)time(NULL);
}

static void
tell_progress(const struct year *y, uint64_t days, int64_t spent_s)
{
	char who[32] = "";

	if (y->number > 0)
		snprintf(who, sizeof(who), "world %u, ", y->number);
	printf("  %sday %" PRIu64 " of %" PRIu64 ": %" PRIu64 " renewals, %" PRIu64 " gaps; %" PRId64 " s, about %" PRId64
	       " s to go\n",
	    who, days, y->o.days, y->n.patches, y->n.gaps, spent_s, spent_s * (int64_t)(y->o.days - days) / (int64_t)days);
}

static void
live_a_day(struct year *y)
{
	for (int minute = 0; minute < 24 * 60 && !y->w->failed; minute++) {
		clock_manual_advance_both(y->w->clock, y->w->graph_clock, MINUTE_MS);
		mend(y);
		judge(y);
		happen(y);
	}
	judge_journal(y);
}

/* A long wait with nothing to see is a bad one. */
static void
live(struct year *y)
{
	int64_t began_s = seconds(), told_s = began_s;

	for (uint64_t day = 1; day <= y->o.days && !y->w->failed; day++) {
		live_a_day(y);
		if (seconds() - told_s < PROGRESS_S || day == y->o.days)
			continue;
		told_s = seconds();
		tell_progress(y, day, told_s - began_s);
	}
}

/* From its beginning to its end; what there is to tell of it goes to *ret. */
static void
live_one(const struct options *o, unsigned number, struct totals *ret)
{
	struct year y = { .o = *o, .number = number };

	make(&y);
	live(&y);
	(void)fflush(y.w->log);
	if (y.w->failed)
		printf("  WRONG in %" PRIu64 " days of %" PRIu64 " tenants with %" PRIu64 " ERGs, seed %" PRIu64 ": %s\n%s",
		    o->days, o->tenants, o->ergs, o->seed, y.w->why, y.w->log_text);
	y.n.days = (double)now(&y) / DAY_MS;
	y.n.processor_s = (double)clock() / CLOCKS_PER_SEC;
	y.n.ended = !y.w->failed;
	*ret = y.n;
	world_free(y.w);
	sim_map_done(&y.by_id);
	free(y.teams);
	free(y.tenants);
}

/* The at-th of count shares, from 0. */
static uint64_t
share(uint64_t whole, uint64_t count, uint64_t at)
{
	return whole * (at + 1) / count - whole * at / count;
}

/* In processes: each has the clock() and the memory of one. */
static void
live_all(const struct options *o, struct totals *ret)
{
	pid_t children[JOBS_MAX];

	for (uint64_t i = 0; i < o->jobs; i++) {
		struct options one = { .tenants = share(o->tenants, o->jobs, i),
			.ergs = share(o->ergs, o->jobs, i),
			.days = o->days,
			.seed = o->seed * JOBS_MAX + i };

		if ((children[i] = fork()) == 0) {
			live_one(&one, (unsigned)i + 1, &ret[i]);
			_exit(0);
		}
	}
	for (uint64_t i = 0; i < o->jobs; i++)
		if (children[i] > 0)
			(void)waitpid(children[i], NULL, 0);
}

static error_t
take_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	uint64_t *number = key == 't'   ? &o->tenants
	                   : key == 'e' ? &o->ergs
	                   : key == 'd' ? &o->days
	                   : key == 's' ? &o->seed
	                   : key == 'j' ? &o->jobs
	                                : NULL;

	if (number == NULL)
		return ARGP_ERR_UNKNOWN;
	if (parse_u64(arg, number) != ERR_OK || *number == 0)
		argp_error(state, "a number from 1 is wanted, not %s", arg);
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct argp_option table[] = {
		{ "tenants", 't', "N", 0, "Tenants (default 200)", 0 },
		{ "ergs", 'e', "N", 0, "ERGs of all tenants (default 1000)", 0 },
		{ "days", 'd', "N", 0, "Days (default 365)", 0 },
		{ "seed", 's', "N", 0, "Of all that happens (default 1)", 0 },
		{ "jobs", 'j', "N", 0, "Share the tenants out among so many worlds that live at the same time (default 1)", 0 },
		{ 0 },
	};
	static const struct argp argp = { table, take_option, NULL, "Lives a year of many tenants in minutes.", NULL, NULL,
		NULL };
	struct options o = { .tenants = 200, .ergs = 1000, .days = 365, .seed = 1, .jobs = 1 };
	struct totals *all, sum = { .ended = true };

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (o.jobs > JOBS_MAX || o.jobs > o.tenants || o.tenants > o.ergs) {
		(void)fprintf(
		    stderr, "no more worlds than %d, no more worlds than tenants, no more tenants than ERGs\n", JOBS_MAX);
		return 2;
	}
	log_set_level(getenv("YEAR_LOG") != NULL ? LOG_INFO : LOG_ERROR);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("%" PRIu64 " days of %" PRIu64 " tenants with %" PRIu64 " ERGs, seed %" PRIu64 "\n", o.days, o.tenants, o.ergs,
	    o.seed);
	all = mmap(NULL, JOBS_MAX * sizeof(*all), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (all == MAP_FAILED)
		abort();
	if (o.jobs == 1)
		live_one(&o, 0, all);
	else
		live_all(&o, all);
	for (uint64_t i = 0; i < o.jobs; i++) {
		add(&sum, &all[i]);
		sum.ended = sum.ended && all[i].ended;
	}
	report(&o, &sum);
	(void)munmap(all, JOBS_MAX * sizeof(*all));
	return sum.ended ? 0 : 1;
}
