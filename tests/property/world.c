#include "property/world.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "listener/envelope.h"
#include "listener/known_states.h"
#include "net/http_client.h"
#include "net/http_fake.h"
#include "reconciler/backend.h"
#include "sim/sim.h"
#include "sim/transport.h"
#include "state/inbox.h"
#include "state/store.h"

#define START_WALL_MS ((int64_t)1795000000000)
#define CLIENT_ID     "11111111-1111-4111-8111-111111111111"

/* ---------- small things ---------- */

void
fail(struct world *w, const char *format, ...)
{
	va_list ap;

	if (w->failed)
		return;
	w->failed = true;
	va_start(ap, format);
	vsnprintf(w->why, sizeof(w->why), format, ap);
	va_end(ap);
	judge_note_requests(w);
	note(w, "WRONG: %s", w->why);
}

void
note(struct world *w, const char *format, ...)
{
	int64_t ms = clock_boot_ms(w->clock);
	va_list ap;

	for (int i = 0; i < (w->verbose ? 2 : 1); i++) {
		FILE *f = i == 0 ? w->log : stdout;

		fprintf(f, "%4lldd %02lld:%02lld:%02lld.%03lld  ", (long long)(ms / DAY_MS), (long long)(ms / HOUR_MS % 24),
		    (long long)(ms / MINUTE_MS % 60), (long long)(ms / SECOND_MS % 60), (long long)(ms % 1000));
		va_start(ap, format);
		vfprintf(f, format, ap);
		va_end(ap);
		fputc('\n', f);
	}
}

bool
chance(struct world *w, unsigned percent)
{
	return rng_below(&w->rng, 100) < percent;
}

int64_t
between(struct world *w, int64_t least, int64_t most)
{
	return least + (int64_t)rng_below(&w->rng, (uint64_t)(most - least + 1));
}

void
pass(struct world *w, int64_t ms)
{
	if (w->failed)
		return;
	clock_manual_advance(w->clock, ms);
	judge_always(w);
}

json_t *
ask(struct world *w, const char *method, const char *target, const char *format, ...)
{
	char text[4096];
	json_t *body = NULL, *answer;
	va_list ap;
	int status = 0;

	if (format != NULL) {
		va_start(ap, format);
		vsnprintf(text, sizeof(text), format, ap);
		va_end(ap);
		if (jx_parse(text, strlen(text), &body, NULL, 0) != ERR_OK)
			fail(w, "not JSON: %s", text);
	}
	answer = sim_control(w->sim, method, target, body, &status);
	if (status / 100 != 2) {
		char *dump = answer != NULL ? json_dumps(answer, 0) : NULL;

		fail(w, "the simulator: %s %s: %d %s", method, target, status, dump != NULL ? dump : "");
		free(dump);
	}
	return answer;
}

const char *
directory_id(unsigned tenant, char ret[GUID_SIZE])
{
	snprintf(ret, GUID_SIZE, "1000000%u-0000-4000-8000-000000000001", tenant % 10);
	return ret;
}

const char *
person_entra(unsigned tenant, unsigned person, char ret[GUID_SIZE])
{
	snprintf(ret, GUID_SIZE, "3000000%u-0000-4000-8000-%012u", tenant % 10, person);
	return ret;
}

unsigned
person_number(const char *entra)
{
	unsigned long n = strlen(entra) == GUID_SIZE - 1 && entra[0] == '3' ? strtoul(entra + 24, NULL, 10) : 0;

	return n <= PEOPLE_MAX ? (unsigned)n : 0;
}

/* ---------- the truth ---------- */

static enum role
role_of(const char *name)
{
	return strcmp(name, "owner") == 0 ? ROLE_OWNER : strcmp(name, "guest") == 0 ? ROLE_GUEST : ROLE_MEMBER;
}

static void
look_at_place(struct world *w, struct place *p)
{
	bool now[PEOPLE_MAX + 1] = { false };
	enum role role[PEOPLE_MAX + 1] = { ROLE_MEMBER };
	char target[512];
	json_t *answer, *item;
	size_t i;

	snprintf(target, sizeof(target), p->channel[0] != '\0' ? "/_sim/members?team=%s&channel=%s" : "/_sim/members?team=%s",
	    p->team, p->channel);
	answer = ask(w, "GET", target, NULL);
	json_array_foreach(jx_get_array(answer, "members"), i, item)
	{
		unsigned person = person_number(jx_get_str(item, "user"));

		now[person] = true;
		role[person] = role_of(jx_get_str(item, "role"));
	}
	json_decref(answer);
	p->size = 0;
	for (unsigned n = 1; n <= PEOPLE_MAX; n++) {
		struct seat *s = &p->seats[n];

		if (s->in && !now[n]) {
			s->leaves++;
			s->left_ms = clock_boot_ms(w->clock);
		}
		if (s->in && s->role == ROLE_OWNER && (!now[n] || role[n] != ROLE_OWNER))
			p->owner_left_ms = clock_boot_ms(w->clock);
		s->in = now[n];
		s->role = now[n] ? role[n] : s->role;
		p->size += now[n];
	}
}

void
look_at_team(struct world *w, const char *team)
{
	for (unsigned i = 0; i < w->place_count; i++)
		if (strcmp(w->places[i].team, team) == 0)
			look_at_place(w, &w->places[i]);
}

void
change_member(struct world *w, struct place *p, const char *op, unsigned person, const char *role, bool quiet)
{
	char entra[GUID_SIZE], channel[CHANNEL_ID_SIZE + 20] = "";

	if (p->channel[0] != '\0')
		snprintf(channel, sizeof(channel), ",\"channel\":\"%s\"", p->channel);
	tell(w, "/_sim/members", "{\"op\":\"%s\",\"team\":\"%s\"%s,\"user\":\"%s\",\"role\":\"%s\",\"quiet\":%s}", op, p->team,
	    channel, person_entra(p->tenant, person, entra), role, quiet ? "true" : "false");
	look_at_team(w, p->team);
}

/* ---------- the reconciler ---------- */

static void
on_store_failure(void *arg, enum err e)
{
	fail(arg, "the store failed: %s", err_text(e));
}

void
reconciler_begin(struct world *w)
{
	char why[512] = "";
	struct reconciler_options options = {
		.config = &w->config,
		.clock = w->clock,
		.rng = &w->rng,
		.graph_http = w->graph_http,
		.app_http = w->app_http,
		.state_key = w->state_key,
		.intake_key = w->intake_key,
		.client_secret = "secret",
		.callback_secret = CALLBACK_SECRET,
		.on_store_failure = on_store_failure,
		.on_store_failure_arg = w,
		.wake_listener = intake_consumed,
		.wake_listener_arg = w,
		.inbox_poll_ms = w->inbox_poll_ms,
	};

	if (w->failed || w->r != NULL)
		return;
	if (reconciler_new(&options, &w->r, why, sizeof(why)) != ERR_OK) {
		fail(w, "the reconciler does not start: %s", why);
		return;
	}
	w->crashed_ms = clock_boot_ms(w->clock);
	if (w->bare)
		return;
	w->r->on_changes = judge_feed;
	w->r->on_changes_arg = w;
	judge_feed(w);
}

void
reconciler_fall(struct world *w, unsigned wakeups)
{
	int64_t due_ms, wait_ms;

	for (unsigned i = 0; i < wakeups && !w->failed && clock_manual_next(w->clock, &due_ms); i++) {
		wait_ms = due_ms > clock_boot_ms(w->clock) ? due_ms - clock_boot_ms(w->clock) : 0;
		if (w->graph_clock == w->clock)
			clock_manual_advance(w->clock, wait_ms);
		else
			clock_manual_advance_both(
			    w->clock, w->graph_clock, wait_ms); /* a wake-up is more then: neither runs ahead */
	}
	reconciler_crash(w->r);
	w->r = NULL;
	w->crashes++;
}

void
reconciler_end(struct world *w)
{
	reconciler_free(w->r);
	w->r = NULL;
}

/* ---------- what the app links ---------- */

void
tenant_announce(struct world *w, unsigned tenant)
{
	struct app_tenant_put put = { 0 };
	struct tenant_view view = { 0 };
	struct problem p = { 0 };
	char directory[GUID_SIZE];
	bool created;

	if (w->r == NULL)
		return;
	snprintf(put.id.s, sizeof(put.id.s), "t%u", tenant);
	guid_parse(directory_id(tenant, directory), &put.directory_id);
	snprintf(put.organizer, sizeof(put.organizer), "u1@t%u.example", tenant);
	if (backend_ops.tenant_put(w->r, &put, &view, &created, &p) != ERR_OK)
		fail(w, "PUT tenant t%u: %s", tenant, p.detail);
	store_commit(w->r->store);
}

static void
group_reset(const struct world *w, const struct place *place, struct group *g)
{
	memset(g->feed, 0, sizeof(g->feed));
	memset(g->app, 0, sizeof(g->app));
	for (unsigned n = 1; n <= PEOPLE_MAX; n++) {
		const struct seat *s = &place->seats[n];
		/* Graph's lists may still show who has left just now. */
		bool shown = s->leaves > 0 && s->left_ms >= clock_boot_ms(w->clock) - w->lag_ms - MINUTE_MS;

		g->feed[n].leaves_before = s->leaves - shown;
	}
	memset(g->asked_in, 0, sizeof(g->asked_in));
	memset(g->asked_out, 0, sizeof(g->asked_out));
	memset(g->hidden, 0, sizeof(g->hidden));
	memset(g->listed_ms, 0, sizeof(g->listed_ms));
	memset(g->restored, 0, sizeof(g->restored));
	memset(g->approved, 0, sizeof(g->approved));
	g->cleared_count = 0;
	g->link++;
	g->feed_size = 0;
	g->removed_count = 0;
}

void
group_link(struct world *w, struct group *g)
{
	const struct place *place = &w->places[g->place];
	struct app_erg_put put = { .id = g->id,
		.membership = g->policy,
		.meetings = MEETINGS_OFF,
		.removal_limit = g->removal_limit,
		.removal_percent = g->removal_percent };
	struct erg_view view = { 0 };
	struct problem p = { 0 };
	char directory[GUID_SIZE];
	bool created;

	if (w->r == NULL)
		return;
	snprintf(put.tenant.s, sizeof(put.tenant.s), "t%u", place->tenant);
	guid_parse(directory_id(place->tenant, directory), &put.link_directory_id);
	guid_parse(place->team, &put.team_id);
	snprintf(put.name, sizeof(put.name), "ERG %s", g->id.s);
	str_copy(put.channel_id, sizeof(put.channel_id), place->channel);
	snprintf(put.channel_url, sizeof(put.channel_url),
	    "https://teams.microsoft.com/l/team/%s/conversations?groupId=%s&tenantId=%s",
	    place->channel[0] != '\0' ? place->channel : "x", place->team, directory);
	if (!g->linked)
		group_reset(w, place, g);
	g->linked = true;
	if (backend_ops.erg_put(w->r, &put, &view, &created, &p) != ERR_OK)
		fail(w, "PUT ERG %s: %s", g->id.s, p.detail);
	store_commit(w->r->store);
}

void
group_unlink(struct world *w, struct group *g)
{
	struct problem p = { 0 };

	if (w->r == NULL || !g->linked)
		return;
	g->linked = false;
	g->ever_off = true;
	if (backend_ops.erg_remove(w->r, &g->id, &p) != ERR_OK)
		fail(w, "DELETE ERG %s: %s", g->id.s, p.detail);
	store_commit(w->r->store);
}

/* ---------- making a world ---------- */

static void
make_directory(struct world *w)
{
	const char *base = getenv("TMPDIR");

	if (access("/dev/shm", W_OK) == 0)
		base = "/dev/shm"; /* where a sync costs nothing */
	snprintf(w->directory, sizeof(w->directory), "%s/ergsync-property-XXXXXX", base != NULL ? base : "/tmp");
	if (mkdtemp(w->directory) == NULL) {
		perror(w->directory);
		exit(2);
	}
}

static void
remove_directory(const char *path, int depth)
{
	struct dirent *entry;
	char name[PATH_MAX + 300];
	DIR *dir = opendir(path);

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (unlink(name) != 0 && depth > 0)
			remove_directory(name, depth - 1);
	}
	if (dir != NULL)
		closedir(dir);
	rmdir(path);
}

static void
make_config(struct world *w)
{
	static const int64_t sweeps[] = { HOUR_MS, HOUR_MS, 3 * HOUR_MS, 6 * HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS };
	struct config *c = &w->config;

	c->public_url = (char *)"https://hook.example";
	c->client_id = (char *)CLIENT_ID;
	c->base_url = (char *)"http://127.0.0.1:1/v1.0";
	c->login_url = (char *)"http://127.0.0.1:1";
	c->callback_url = (char *)"http://127.0.0.1:2/callback";
	c->state_directory = w->directory;
	c->map_size_bytes = 16 << 20;
	c->settle_ms = 15 * MINUTE_MS;
	c->feed_keep_ms = INT64_C(3650) * 24 * 60 * MINUTE_MS;
	c->sweep_ms = sweeps[rng_below(&w->rng, sizeof(sweeps) / sizeof(sweeps[0]))];
	c->drift_check_ms = HOUR_MS;
	c->renew_every_ms = 45 * MINUTE_MS;
	c->removal_limit = between(w, 2, 10);
	c->removal_percent = between(w, 10, 40);
	c->mail_limit = 200;
	c->meeting_horizon_ms = 400 * 24 * HOUR_MS;
	w->inbox_poll_ms = w->seed % 10 == 0 ? 0 : MINUTE_MS;
}

static void
make_people(struct world *w, unsigned tenant)
{
	char directory[GUID_SIZE], entra[GUID_SIZE];

	w->people[tenant] = (unsigned)between(w, 1, PEOPLE_MAX);
	tell(w, "/_sim/tenants", "{\"id\":\"%s\",\"domain\":\"t%u.example\"}", directory_id(tenant, directory), tenant);
	for (unsigned n = 1; n <= w->people[tenant]; n++) {
		w->guest[tenant][n] = n > 2 && chance(w, 5);
		tell(w, "/_sim/users", "{\"tenant\":\"%s\",\"id\":\"%s\",\"upn\":\"u%u@t%u.example\",\"guest\":%s}", directory,
		    person_entra(tenant, n, entra), n, tenant, w->guest[tenant][n] ? "true" : "false");
	}
}

static void
make_channel(struct world *w, struct place *p)
{
	json_t *answer;

	p->shared = chance(w, 50);
	answer = ask(w, "POST", "/_sim/channels", "{\"team\":\"%s\",\"name\":\"inner\",\"type\":\"%s\"}", p->team,
	    p->shared ? "shared" : "private");

	str_copy(p->channel, sizeof(p->channel), jx_get_str(answer, "id"));
	json_decref(answer);
}

static void
make_place(struct world *w, unsigned i)
{
	struct place *p = &w->places[i];
	char directory[GUID_SIZE];
	unsigned size;

	p->tenant = (unsigned)rng_below(&w->rng, w->tenant_count);
	size = (unsigned)between(w, 0, w->people[p->tenant] < 40 ? w->people[p->tenant] : 40);
	snprintf(p->team, sizeof(p->team), "20000000-0000-4000-8000-%012u", i + 1);
	tell(w, "/_sim/teams", "{\"tenant\":\"%s\",\"id\":\"%s\",\"name\":\"Team %u\",\"members\":%u}",
	    directory_id(p->tenant, directory), p->team, i, size);
	if (chance(w, 20))
		make_channel(w, p);
	look_at_team(w, p->team);
	for (unsigned n = 1; p->channel[0] != '\0' && n <= size; n++)
		if (chance(w, 60))
			change_member(w, p, "add", n, n == 1 ? "owner" : "member", true);
}

static void
make_group(struct world *w, unsigned i)
{
	static const enum membership_policy policies[] = { MEMBERSHIP_TWO_WAY, MEMBERSHIP_TEAMS };
	struct group *g = &w->groups[i];

	snprintf(g->id.s, sizeof(g->id.s), "g%u", i);
	g->place = (unsigned)rng_below(&w->rng, w->place_count);
	g->policy = policies[rng_below(&w->rng, 2)];
	if (w->both) {
		if (i < w->place_count && chance(w, 70))
			g->place = i;
		both_policy(w, g);
	}
	g->removal_limit = g->removal_percent = -1;
	if (chance(w, 30))
		g->removal_limit = between(w, 0, 20);
	if (chance(w, 30))
		g->removal_percent = between(w, 0, 100);
	note(w, "%s (%s) is %s of t%u with %u of %u people, limits %lld and %lld %%", g->id.s, membership_policy_names[g->policy],
	    w->places[g->place].channel[0] != '\0' ? w->places[g->place].channel : w->places[g->place].team,
	    w->places[g->place].tenant, w->places[g->place].size, w->people[w->places[g->place].tenant],
	    (long long)(g->removal_limit >= 0 ? g->removal_limit : w->config.removal_limit),
	    (long long)(g->removal_percent >= 0 ? g->removal_percent : w->config.removal_percent));
	group_link(w, g);
	if (chance(w, 50))
		pass(w, between(w, 0, 5 * MINUTE_MS));
}

static void
make_graph(struct world *w)
{
	static const int page_sizes[] = { 3, 20, 999 };

	tell(w, "/_sim/apps", "{\"client_id\":\"%s\",\"client_secret\":\"secret\"}", CLIENT_ID);
	tell(w, "/_sim/settings", "{\"page_max\":%d,\"page_default\":%d,\"latency_ms\":%d,\"latency_jitter_ms\":%d}",
	    page_sizes[rng_below(&w->rng, 3)], 3, (int)between(w, 0, 300), (int)between(w, 0, 300));
	w->tenant_count = (unsigned)between(w, 1, TENANTS_MAX);
	for (unsigned i = 0; i < w->tenant_count; i++)
		make_people(w, i);
	w->place_count = (unsigned)between(w, 1, PLACES_MAX);
	for (unsigned i = 0; i < w->place_count; i++)
		make_place(w, i);
}

struct world *
world_bare(uint64_t seed, bool verbose, bool apart, void (*app)(void *arg, struct http_exchange *x))
{
	struct world *w = calloc(1, sizeof(*w));
	struct sim_options options = {
		.base_url = "http://127.0.0.1:1", .seed = seed, .deliver = intake_deliver, .deliver_arg = w
	};

	if (w == NULL)
		abort();
	w->seed = seed;
	w->verbose = verbose;
	w->bare = true;
	w->log = open_memstream(&w->log_text, &w->log_size);
	w->rng = rng_seeded(seed);
	rng_bytes(&w->rng, &w->state_key, sizeof(w->state_key));
	rng_bytes(&w->rng, &w->intake_key, sizeof(w->intake_key));
	make_directory(w);
	make_config(w);
	w->clock = clock_new_manual(START_WALL_MS);
	w->graph_clock = apart ? clock_new_manual(START_WALL_MS) : w->clock;
	w->sim = sim_new(w->graph_clock, &options);
	w->graph_http = sim_transport_new(w->sim, w->clock);
	w->app_http = http_transport_new_fake(w->clock, app, w);
	w->envelope = envelope_new(w->intake_key.b);
	w->known = known_states_new(&w->intake_key);
	return w;
}

struct world *
world_new(uint64_t seed, bool verbose, bool both)
{
	struct world *w = world_bare(seed, verbose, false, app_handle);

	w->bare = false;
	w->both = both;

	w->names_people = chance(w, 30);
	intake_open(w);
	make_graph(w);
	reconciler_begin(w);
	for (unsigned i = 0; i < w->tenant_count; i++)
		tenant_announce(w, i);
	w->group_count = (unsigned)between(w, 1, ERGS_MAX);
	for (unsigned i = 0; i < w->group_count; i++)
		make_group(w, i);
	return w;
}

void
world_free(struct world *w)
{
	reconciler_free(w->r);
	app_let_go(w);
	http_transport_free(w->app_http);
	http_transport_free(w->graph_http);
	sim_free(w->sim);
	intake_close(w);
	envelope_free(w->envelope);
	known_states_free(w->known);
	if (w->graph_clock != w->clock)
		clock_free(w->graph_clock);
	clock_free(w->clock);
	remove_directory(w->directory, 2);
	for (unsigned i = 0; i < w->group_count; i++) {
		free(w->groups[i].removed_ms);
		free(w->groups[i].cleared_ms);
	}
	free(w->entries);
	fclose(w->log);
	free(w->log_text);
	free(w);
}
