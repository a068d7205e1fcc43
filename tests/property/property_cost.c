/*
 * property_cost - what a snapshot, a sweep, a burst of hints and a single change cost, counted: calls of Graph, seconds, memory.
 *
 * The simulator lives in the same process, and so does its copy of every team. Memory is therefore compared, not weighed: how far
 * the process grows while a tenth of the ERGs is swept, and while all of them are; while a short snapshot is taken in, and a long one.
 */
#include "property/world.h"

#include <argp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "graph/graph.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "reconciler/backend.h"
#include "reconciler/resync.h"
#include "reconciler/scope.h"
#include "reconciler/staging.h"
#include "reconciler/tables.h"
#include "sim/sim.h"
#include "state/inbox.h"
#include "state/store.h"

#define SETTLED_WITHIN_MS      (60 * DAY_MS)
#define GROWTH_MAX_KB          (16 << 10) /* of a sweep of all ERGs over one of a tenth */
#define SNAPSHOT_GROWTH_MAX_KB (8 << 10)
#define LINE_BLANKS            500 /* so that lines that are kept would show */
#define BURST_READS_MAX        3
#define CHANGE_CALLS_MAX       3
#define HINTS_A_COMMIT         500

struct options {
	uint64_t ergs, members, team, hints, roster;
};

/* What was spent since begin(). */
struct meter {
	double cpu_s;
	int64_t boot_ms;
	uint64_t tries, reads;
	long before_kb, peak_kb; /* memory of our own, without what maps files */
};

static bool good = true;

static void
expect(bool holds, const char *what)
{
	if (!holds)
		printf("  WRONG: %s\n", what);
	good &= holds;
}

static void
app_takes_all(void *arg, struct http_exchange *x)
{
	struct world *w = arg;

	w->callbacks++;
	http_reply(x, 204, NULL, NULL, 0, NULL);
}

/* ---------- measuring ---------- */

/* A line of /proc/self/status, in KB. */
static long
memory_kb(const char *name)
{
	char line[256];
	size_t len = strlen(name);
	long kb = 0;
	FILE *f = fopen("/proc/self/status", "re");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, len) == 0 && line[len] == ':')
			kb = strtol(line + len + 1, NULL, 10);
	if (f != NULL)
		fclose(f);
	return kb;
}

static void
begin(struct world *w, struct meter *m)
{
	struct graph_stats s;

	graph_stats(w->r->graph, &s);
	m->cpu_s = (double)clock() / CLOCKS_PER_SEC;
	m->boot_ms = clock_boot_ms(w->clock);
	m->tries = s.tries;
	m->reads = w->r->counters.reads_item + w->r->counters.reads_whole;
	m->before_kb = m->peak_kb = memory_kb("RssAnon");
}

static void
end(struct world *w, struct meter *m)
{
	struct graph_stats s;

	graph_stats(w->r->graph, &s);
	m->cpu_s = (double)clock() / CLOCKS_PER_SEC - m->cpu_s;
	m->boot_ms = clock_boot_ms(w->clock) - m->boot_ms;
	m->tries = s.tries - m->tries;
	m->reads = w->r->counters.reads_item + w->r->counters.reads_whole - m->reads;
}

static void
step(struct world *w, struct meter *m, int64_t ms)
{
	long kb;

	clock_manual_advance(w->clock, ms);
	if ((kb = memory_kb("RssAnon")) > m->peak_kb)
		m->peak_kb = kb;
}

/* ---------- a world of one tenant ---------- */

static struct world *
make(uint64_t people)
{
	struct world *w = world_bare(1, false, false, app_takes_all);
	char directory[GUID_SIZE], entra[GUID_SIZE];

	w->config.callback_url = NULL;
	w->config.map_size_bytes = (int64_t)16 << 30;
	w->config.sweep_ms = 30 * DAY_MS;
	w->config.drift_check_ms = DAY_MS;
	intake_open(w);
	tell(w, "/_sim/apps", "{\"client_id\":\"%s\",\"client_secret\":\"secret\"}", w->config.client_id);
	tell(w, "/_sim/settings", "{\"latency_ms\":100,\"latency_jitter_ms\":1}");
	tell(w, "/_sim/tenants", "{\"id\":\"%s\",\"domain\":\"t0.example\"}", directory_id(0, directory));
	for (unsigned n = 1; n <= people; n++)
		tell(w, "/_sim/users", "{\"tenant\":\"%s\",\"id\":\"%s\",\"upn\":\"u%u@t0.example\"}", directory,
		    person_entra(0, n, entra), n);
	reconciler_begin(w);
	tenant_announce(w, 0);
	return w;
}

static void
team_id(uint64_t i, char ret[GUID_SIZE])
{
	snprintf(ret, GUID_SIZE, "20000000-0000-4000-8000-%012" PRIu64, i + 1);
}

static void
link_team(struct world *w, uint64_t i, uint64_t members, enum membership_policy policy)
{
	struct app_erg_put put = { .membership = policy, .meetings = MEETINGS_OFF, .removal_limit = -1, .removal_percent = -1 };
	struct erg_view view = { 0 };
	struct problem p = { 0 };
	char directory[GUID_SIZE], team[GUID_SIZE];
	bool created;

	team_id(i, team);
	tell(w, "/_sim/teams", "{\"tenant\":\"%s\",\"id\":\"%s\",\"name\":\"Team\",\"members\":%" PRIu64 "}",
	    directory_id(0, directory), team, members);
	snprintf(put.id.s, sizeof(put.id.s), "g%" PRIu64, i);
	snprintf(put.tenant.s, sizeof(put.tenant.s), "t0");
	snprintf(put.name, sizeof(put.name), "ERG %" PRIu64, i);
	guid_parse(directory, &put.link_directory_id);
	guid_parse(team, &put.team_id);
	snprintf(put.channel_url, sizeof(put.channel_url), "https://teams.microsoft.com/l/team/x/conversations?groupId=%s", team);
	if (backend_ops.erg_put(w->r, &put, &view, &created, &p) != ERR_OK)
		fail(w, "PUT ERG: %s", p.detail);
	store_commit(w->r->store);
}

static bool
in_sync(struct world *w, uint64_t i, int64_t members)
{
	struct erg_id id;
	struct erg erg;

	snprintf(id.s, sizeof(id.s), "g%" PRIu64, i);
	return erg_load(w->r, &id, &erg) == ERR_OK && erg.state == ERG_IN_SYNC && erg.counts.app == members;
}

static void
settle(struct world *w, uint64_t ergs, uint64_t members)
{
	int64_t end_ms = clock_boot_ms(w->clock) + SETTLED_WITHIN_MS;

	for (uint64_t i = 0; i < ergs && !w->failed; i++)
		while (!in_sync(w, i, (int64_t)members)) {
			clock_manual_advance(w->clock, MINUTE_MS);
			if (clock_boot_ms(w->clock) > end_ms) {
				fail(w, "g%" PRIu64 " never gets in sync", i);
				break;
			}
		}
	clock_manual_advance(w->clock, HOUR_MS);
	expect(!w->failed, w->why);
}

/* ---------- the sweep ---------- */

static void
sweep(struct world *w, const struct options *o, uint64_t ergs, struct meter *m)
{
	struct resync_scope scope = { .kind = RESYNC_ALL };
	struct resync ret = { 0 };
	struct problem p = { 0 };

	begin(w, m);
	expect(backend_ops.resync_start(w->r, &scope, false, &ret, &p) == ERR_OK, "a resync can't be begun");
	while (backend_ops.resync_get(w->r, ret.id, &ret, &p) == ERR_OK && ret.state == RESYNC_RUNNING &&
	       clock_boot_ms(w->clock) - m->boot_ms < SETTLED_WITHIN_MS)
		step(w, m, SECOND_MS / 5);
	end(w, m);
	printf("  %5" PRIu64 " ERGs of %" PRIu64 " members: %" PRIu64 " calls, %.0f s by Graph's pace, %.2f s of processor, "
	       "%" PRId64 " compared, memory grows by %ld KB\n",
	    ergs, o->members, m->tries, (double)m->boot_ms / 1000, m->cpu_s, ret.members_compared, m->peak_kb - m->before_kb);
	expect(ret.state == RESYNC_DONE && ret.error_count == 0, "the resync failed");
	expect(ret.members_compared == (int64_t)(ergs * o->members), "not everybody was compared");
}

static void
cost_of_sweep(const struct options *o)
{
	struct world *w = make(o->members);
	uint64_t tenth = o->ergs / 10 > 0 ? o->ergs / 10 : 1;
	struct meter some, all;

	printf("A sweep of all ERGs\n");
	for (uint64_t i = 0; i < tenth; i++)
		link_team(w, i, o->members, MEMBERSHIP_TEAMS);
	settle(w, tenth, o->members);
	sweep(w, o, tenth, &some);
	for (uint64_t i = tenth; i < o->ergs; i++)
		link_team(w, i, o->members, MEMBERSHIP_TEAMS);
	settle(w, o->ergs, o->members);
	sweep(w, o, o->ergs, &all);
	printf("  peak of the whole process, simulator and files included: %ld MB\n", memory_kb("VmHWM") / 1024);
	expect(
	    all.peak_kb - all.before_kb <= some.peak_kb - some.before_kb + GROWTH_MAX_KB, "memory grows with the number of ERGs");
	world_free(w);
}

/* ---------- a burst, and single changes ---------- */

static void
append_burst(struct world *w, uint64_t count)
{
	static struct hint hints[HINTS_A_COMMIT];
	struct subscription scope;
	struct erg_id id = { "g0" };
	struct erg erg;

	expect(erg_load(w->r, &id, &erg) == ERR_OK && scope_of_erg(w->r, &erg, &scope) == ERR_OK, "the ERG is gone");
	for (uint64_t done = 0, n; done < count; done += n) {
		n = count - done < HINTS_A_COMMIT ? count - done : HINTS_A_COMMIT;
		for (uint64_t i = 0; i < n; i++) {
			memset(&hints[i], 0, sizeof(hints[i]));
			hints[i].scope = scope.scope;
			hints[i].kind = HINT_UPDATED;
			hints[i].received_wall_ms = clock_wall_ms(w->clock);
			hints[i].item_len =
			    (uint16_t)snprintf(hints[i].item, sizeof(hints[i].item), "membership-%08" PRIu64, done + i);
			memcpy(hints[i].digest, hints[i].item + hints[i].item_len - HINT_DIGEST_LEN, HINT_DIGEST_LEN);
		}
		expect(inbox_append(w->inbox, hints, (size_t)n) == ERR_OK, "the inbox is full");
	}
	reconciler_wake(w->r);
}

static void
cost_of_burst(struct world *w, const struct options *o)
{
	struct meter m;

	begin(w, &m);
	append_burst(w, o->hints);
	for (int i = 0; i < 600; i++)
		step(w, &m, SECOND_MS);
	end(w, &m);
	printf("A burst of %" PRIu64 " hints for a team of %" PRIu64 ": %" PRIu64 " reads, %" PRIu64
	       " calls, %.2f s of processor, memory grows by %ld KB\n",
	    o->hints, o->team, m.reads, m.tries, m.cpu_s, m.peak_kb - m.before_kb);
	expect(m.reads > 0 && m.reads <= BURST_READS_MAX, "more reads than three, or none");
}

static void
cost_of_change(struct world *w, const struct options *o, const char *op)
{
	int64_t members = (int64_t)o->team - (strcmp(op, "remove") == 0);
	char team[GUID_SIZE], entra[GUID_SIZE];
	struct meter m;

	team_id(0, team);
	begin(w, &m);
	tell(w, "/_sim/members", "{\"op\":\"%s\",\"team\":\"%s\",\"user\":\"%s\",\"role\":\"member\"}", op, team,
	    person_entra(0, 7, entra));
	for (int i = 0; i < 120; i++)
		step(w, &m, SECOND_MS);
	end(w, &m);
	printf("One change (%s) in a team of %" PRIu64 ": %" PRIu64 " calls\n", op, o->team, m.tries);
	expect(in_sync(w, 0, members), "the app was not told");
	expect(m.tries > 0 && m.tries <= CHANGE_CALLS_MAX, "that is not a constant number of calls");
}

static void
cost_of_large_team(const struct options *o)
{
	struct world *w = make(o->team);

	link_team(w, 0, o->team, MEMBERSHIP_TEAMS);
	settle(w, 1, o->team);
	cost_of_burst(w, o);
	cost_of_change(w, o, "remove");
	cost_of_change(w, o, "add");
	world_free(w);
}

/* ---------- the app's snapshot ---------- */

/* Sends one, line by line as it goes: nothing but ours holds any of it. */
struct http_call {
	struct timer *timer;
	uint64_t lines, sent;
	bool (*on_data)(void *arg, const char *data, size_t len);
	http_done done;
	void *arg;
};

struct stream {
	struct http_transport transport;
	struct clock *clock;
	uint64_t lines;
};

static void
on_piece(void *arg)
{
	static const struct http_answer whole = { .err = ERR_OK, .status = 200, .body = "", .detail = "" };
	struct http_call *c = arg;
	char line[LINE_BLANKS + 256];

	for (int i = 0; i < 100 && c->sent < c->lines; i++) {
		int len = snprintf(line, sizeof(line),
		    "{\"member\":{\"user\":\"app%" PRIu64 "\",\"email\":\"u%" PRIu64
		    "@t0.example\",%*s\"role\":\"member\",\"private\":true}}\n",
		    c->sent, c->sent, LINE_BLANKS, "");

		c->sent++;
		expect(c->on_data(c->arg, line, (size_t)len), "a line of the snapshot is refused");
	}
	if (c->sent < c->lines) {
		timer_arm(c->timer, 1);
		return;
	}
	snprintf(line, sizeof(line), "{\"end\":true,\"members\":%" PRIu64 ",\"events\":0}\n", c->lines);
	expect(c->on_data(c->arg, line, strlen(line)), "the end of the snapshot is refused");
	c->done(c->arg, &whole);
	timer_free(c->timer);
	free(c);
}

static struct http_call *
stream_start(struct http_transport *t, const struct http_request *request, http_done done, void *arg)
{
	const struct stream *s = (const struct stream *)t;
	struct http_call *c = calloc(1, sizeof(*c));

	*c = (struct http_call){ .lines = s->lines, .on_data = request->on_data, .done = done, .arg = arg };
	c->timer = timer_new(s->clock, on_piece, c);
	timer_arm(c->timer, 1);
	return c;
}

static void
stream_cancel(struct http_transport *t, struct http_call *c)
{
	(void)t;
	timer_free(c->timer);
	free(c);
}

/* By how many KB memory grows while a snapshot of so many members comes and is taken in. */
static long
growth_of_snapshot(uint64_t lines)
{
	struct resync_scope scope = { RESYNC_ERG, "g0" };
	struct world *w = make(10);
	struct http_transport *app = w->r->app_http;
	struct stream s = { { stream_start, stream_cancel, NULL }, w->clock, lines };
	struct erg_id id = { "g0" };
	struct resync row;
	struct meter m = { 0 };
	struct erg erg;
	char why[256];

	link_team(w, 0, 10, MEMBERSHIP_TWO_WAY);
	settle(w, 1, 10);
	w->config.snapshot_url = (char *)"https://app.example/snapshot";
	w->r->app_http = &s.transport;
	expect(resync_start(w->r, &scope, false, &row, why, sizeof(why)) == ERR_OK, "no resync begins");
	do
		step(w, &m, 1);
	while (!stagings_any(w->r->stagings));
	begin(w, &m);
	while (stagings_any(w->r->stagings))
		step(w, &m, 1);
	end(w, &m);
	printf("A snapshot of %" PRIu64 " members: %.2f s of processor, memory grows by %ld KB\n", lines, m.cpu_s,
	    m.peak_kb - m.before_kb);
	expect(erg_load(w->r, &id, &erg) == ERR_OK && erg.counts.app >= (int64_t)lines, "the snapshot was not taken in");
	w->r->app_http = app;
	world_free(w);
	return m.peak_kb - m.before_kb;
}

static void
cost_of_snapshot(const struct options *o)
{
	long few = growth_of_snapshot(o->roster / 50 > 0 ? o->roster / 50 : 1), many = growth_of_snapshot(o->roster);

	expect(many <= few + SNAPSHOT_GROWTH_MAX_KB, "memory grows with the roster");
}

/* ---------- the program ---------- */

static error_t
take_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	uint64_t *number = key == 'e'   ? &o->ergs
	                   : key == 'm' ? &o->members
	                   : key == 't' ? &o->team
	                   : key == 'n' ? &o->hints
	                   : key == 'r' ? &o->roster
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
		{ "ergs", 'e', "N", 0, "ERGs that are swept (default 1000)", 0 },
		{ "members", 'm', "N", 0, "Members of each (default 1000)", 0 },
		{ "team", 't', "N", 0, "Members of the large team (default 10000)", 0 },
		{ "hints", 'n', "N", 0, "Hints of the burst (default 10000)", 0 },
		{ "roster", 'r', "N", 0, "Members of a snapshot (default 50000)", 0 },
		{ 0 },
	};
	static const struct argp argp = { table, take_option, NULL,
		"Counts what snapshots, sweeps, bursts and single changes cost.", NULL, NULL, NULL };
	struct options o = { .ergs = 1000, .members = 1000, .team = 10000, .hints = 10000, .roster = 50000 };

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	log_set_level(LOG_ERROR);
	setvbuf(stdout, NULL, _IOLBF, 0);
	cost_of_snapshot(&o);
	cost_of_large_team(&o);
	cost_of_sweep(&o);
	return good ? 0 : 1;
}
