/* The tenants, their teams and ERGs, and the app's secret. */
#include "property/year.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "graph/graph.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "reconciler/backend.h"
#include "state/store.h"

#define TEAM_PREFIX    "20000000-0000-4000-8000-"
#define LARGE_EVERY    10  /* tenants: one of so many */
#define LARGE_SHARE    40  /* per cent of the ERGs are in large ones */
#define LARGE_PEOPLE   150 /* of whom one after the other joins a team */
#define SMALL_PEOPLE   12
#define TEAMS_APART_MS 200

int64_t
year_now(const struct year *y)
{
	return clock_boot_ms(y->w->graph_clock);
}

int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

unsigned
tenant_number(const struct year *y, const struct customer *c)
{
	return (unsigned)(c - y->tenants);
}

size_t
team_number(const struct year *y, const struct team *t)
{
	return (size_t)(t - y->teams);
}

void
directory_of(uint64_t tenant, char ret[GUID_SIZE])
{
	snprintf(ret, GUID_SIZE, "10000000-0000-4000-8000-%012" PRIu64, tenant);
}

/* "/teams/20000000-0000-4000-8000-{number}/members" */
struct team *
year_team(struct year *y, const char *text)
{
	const char *at = text != NULL ? strstr(text, TEAM_PREFIX) : NULL;
	uint64_t n = at != NULL ? strtoull(at + sizeof(TEAM_PREFIX) - 1, NULL, 10) : 0;

	return n >= 1 && n <= y->o.ergs ? &y->teams[n - 1] : NULL;
}

static void
app_takes_all(void *arg, struct http_exchange *x)
{
	struct world *w = arg;

	w->callbacks++;
	http_reply(x, 204, NULL, NULL, 0, NULL);
}

/* ---------- who has what ---------- */

/* The at-th of count shares, from 0. */
static uint64_t
share(uint64_t whole, uint64_t count, uint64_t at)
{
	return whole * (at + 1) / count - whole * at / count;
}

static uint64_t
large_ergs(const struct year *y)
{
	return y->large_count > 0 ? y->o.ergs * LARGE_SHARE / 100 : 0;
}

/* Each tenant has its teams in a row; the large ones come first. */
static void
share_out(struct year *y)
{
	struct team *at = y->teams;

	for (uint64_t i = 0; i < y->o.tenants; i++) {
		struct customer *c = &y->tenants[i + 1];

		c->large = i < y->large_count;
		c->people = c->large ? LARGE_PEOPLE : SMALL_PEOPLE;
		c->wide.customer = c;
		c->teams = at;
		c->team_count = c->large ? share(large_ergs(y), y->large_count, i)
		                         : share(y->o.ergs - large_ergs(y), y->o.tenants - y->large_count, i - y->large_count);
		at += c->team_count;
		for (uint64_t n = 0; n < c->team_count; n++)
			c->teams[n].own = (struct watch){ .team = &c->teams[n], .customer = c };
	}
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
	for (unsigned i = 1; i <= y->tenants[n].people; i++)
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
	unsigned tenant = tenant_number(y, y->teams[n].own.customer);
	struct erg_view view = { 0 };
	struct problem p = { 0 };
	char directory[GUID_SIZE], team[GUID_SIZE];
	bool created;

	y->teams[n].uncovered_ms = year_now(y);
	directory_of(tenant, directory);
	snprintf(team, sizeof(team), TEAM_PREFIX "%012" PRIu64, n + 1);
	tell(y->w, "/_sim/teams", "{\"tenant\":\"%s\",\"id\":\"%s\",\"name\":\"Team\",\"members\":%u}", directory, team, MEMBERS);
	snprintf(put.id.s, sizeof(put.id.s), "g%" PRIu64, n);
	snprintf(put.tenant.s, sizeof(put.tenant.s), "t%u", tenant);
	snprintf(put.name, sizeof(put.name), "ERG %" PRIu64, n);
	guid_parse(directory, &put.link_directory_id);
	guid_parse(team, &put.team_id);
	snprintf(put.channel_url, sizeof(put.channel_url), "https://teams.microsoft.com/l/team/x/conversations?groupId=%s", team);
	if (backend_ops.erg_put(y->w->r, &put, &view, &created, &p) != ERR_OK)
		fail(y->w, "PUT ERG: %s", p.detail);
	store_commit(y->w->r->store);
}

/* ---------- the secret ---------- */

void
year_secret_set(struct year *y, unsigned n)
{
	y->secret = n;
	tell(y->w, "/_sim/apps", "{\"client_id\":\"%s\",\"client_secret\":\"secret%u\"}", y->w->config.client_id, n);
}

void
year_secret_learn(struct year *y)
{
	char text[32];

	snprintf(text, sizeof(text), "secret%u", y->secret);
	if (y->w->r != NULL && graph_set_credential(y->w->r->graph, text, 0, NULL) != ERR_OK)
		fail(y->w, "the new secret is not taken");
	y->secret_at_ms = 0;
}

/* ---------- the whole ---------- */

void
year_begin(struct year *y)
{
	reconciler_begin(y->w);
	y->begun_ms = year_now(y);
	if (y->w->r != NULL && y->secret_at_ms == 0)
		year_secret_learn(y);
}

static void
configure(struct year *y)
{
	struct config *c = &y->w->config;

	c->callback_url = NULL;
	c->map_size_bytes = 1 << 30;
	c->sweep_ms = 7 * DAY_MS;
	c->drift_check_ms = DAY_MS;
	c->feed_keep_ms = 90 * DAY_MS;
	/* A quarter fewer than a large one has, so that the small ones stay without. */
	c->tenant_wide_from = y->large_count > 0 ? (int64_t)(large_ergs(y) / y->large_count * 3 / 4) : 0;
	y->w->inbox_poll_ms = HOUR_MS;
}

void
year_make(struct year *y)
{
	struct world *w = y->w = world_bare(y->o.seed, false, true, app_takes_all);
	struct wire_options wire = year_wire;

	wire.arg = y;
	y->rng = rng_seeded(y->o.seed);
	y->teams = calloc(y->o.ergs, sizeof(*y->teams));
	y->tenants = calloc(y->o.tenants + 1, sizeof(*y->tenants));
	if (y->teams == NULL || y->tenants == NULL)
		abort();
	y->large_count = y->o.tenants / LARGE_EVERY;
	share_out(y);
	w->graph_http = wire_new(w->graph_http, w->clock, &wire);
	configure(y);
	intake_open(w);
	tell(w, "/_sim/settings", "{\"latency_ms\":50,\"latency_jitter_ms\":100}");
	year_secret_set(y, 1);
	year_begin(y);
	for (uint64_t n = 1; n <= y->o.tenants; n++)
		make_tenant(y, n);
	for (uint64_t n = 0; n < y->o.ergs; n++) {
		make_erg(y, n);
		clock_manual_advance_both(w->clock, w->graph_clock, TEAMS_APART_MS);
	}
}

void
year_free(struct year *y)
{
	world_free(y->w);
	sim_map_done(&y->by_id);
	free(y->teams);
	free(y->tenants);
}
