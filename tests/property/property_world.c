/*
 * property_world - lives of random worlds, one a seed; the first thing that may not be ends a life and is told.
 *
 * Each life is lived in a child process, so that a crash or a sanitizer's finding is told with its seed and the others go on.
 */
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
#include "reconciler/backend.h"
#include "reconciler/tables.h"

#define FAILURES_MAX 25
#define STEPS_MAX    60
#define PLANS_MAX    4

/* Seeds that once showed something wrong: lived first, for ever. */
static const uint64_t fixed[] = { 6, 8, 14, 17, 18, 26, 30, 31, 62, 89, 100, 110, 124, 132, 143, 160, 188, 215, 230, 285, 299,
	461, 487, 1568, 10000, 10151, 10388, 10393, 10698, 10702, 10828, 10862, 20025, 20068, 20435, 31632, 32339, 43652, 45732 };

static const uint64_t fixed_both[] = { 15, 19, 31, 33, 48, 51, 142, 155, 162, 175, 196, 200, 236, 259, 274, 276, 418, 484, 563,
	1111, 1147, 1187, 1396, 1487, 1490, 1634, 1809, 2133, 2266, 2309 };

#define JOBS_MAX   64
#define PROGRESS_S 10
#define SLOT_DONE  0
#define SLOT_WRONG 1

struct totals {
	_Atomic uint64_t next; /* the next life's number */
	_Atomic uint64_t lives, steps, crashes, entries, callbacks;
	_Atomic int64_t simulated_ms;
	uint64_t seeds[JOBS_MAX]; /* the one being lived by each job */
	bool both[JOBS_MAX], meetings, wide;
};

struct options {
	uint64_t seeds, first, jobs;
	double seconds;
	bool verbose, progress, both, mix, meetings, wide;
};

/* ---------- one life ---------- */

/* Who left while the guard said no: they come back, so that both sides can be equal. */
static void
bring_back(struct world *w, struct group *g)
{
	struct place *p = &w->places[g->place];

	for (unsigned n = 1; n <= w->people[p->tenant]; n++)
		if (g->feed[n].present && !p->seats[n].in)
			change_member(w, p, "add", n, "member", false);
}

static bool
bring_back_all(struct world *w)
{
	bool any = false;
	struct erg erg;

	for (unsigned i = 0; i < w->group_count; i++) {
		struct group *g = &w->groups[i];

		if (!g->linked || erg_load(w->r, &g->id, &erg) != ERR_OK || erg.state != ERG_HELD)
			continue;
		note(w, "%s is held: %s", g->id.s, erg.detail);
		bring_back(w, g);
		any = true;
	}
	return any;
}

static void
live(struct world *w)
{
	unsigned steps = (unsigned)between(w, 5, STEPS_MAX);

	while (w->steps < steps && !w->failed)
		step_once(w);
	if (w->failed)
		return;
	end_all_faults(w);
	pass(w, 2 * w->config.sweep_ms + HOUR_MS);
	/* Whom Teams refused once is tried again after a day. */
	if (w->both)
		pass(w, DAY_MS + HOUR_MS);
	/* What was put back may be too much to undo on another ERG of the same team, and is held anew. */
	for (int i = 0; i < PLANS_MAX && !w->failed && (w->both ? both_decide(w) : bring_back_all(w)); i++)
		pass(w, 2 * w->config.sweep_ms + HOUR_MS);
	if (!w->failed)
		judge_settled(w);
}

/* One subscription for all teams of a tenant, from its first or second team on; of some it is refused, of some it is deaf. */
static void
widen(struct world *w)
{
	static const char *const kinds[] = { "\"granted\"", "\"granted\"", "\"granted\"", "403", "\"deaf\"" };
	char directory[GUID_SIZE];

	w->config.tenant_wide_from = between(w, 1, 2);
	for (unsigned i = 0; i < w->tenant_count; i++)
		tell(w, "/_sim/tenants", "{\"id\":\"%s\",\"tenant_wide\":%s}", directory_id(i, directory),
		    kinds[rng_below(&w->rng, sizeof(kinds) / sizeof(kinds[0]))]);
}

static bool
live_once(uint64_t seed, bool both, const struct options *o, struct totals *t)
{
	struct world *w = o->meetings ? meetings_live(seed, o->verbose) : world_new(seed, o->verbose, both);
	bool good;

	if (o->wide && !o->meetings)
		widen(w);
	if (!o->meetings)
		live(w);
	good = !w->failed;
	t->lives++;
	t->steps += w->steps;
	t->crashes += w->crashes;
	t->entries += w->entry_count;
	t->callbacks += w->callbacks;
	t->simulated_ms += clock_boot_ms(w->clock);
	if (!good) {
		fflush(w->log);
		if (!o->verbose)
			fwrite(w->log_text, 1, w->log_size, stdout);
		printf("seed %" PRIu64 ": %s\n", seed, w->why);
		fflush(stdout);
	}
	world_free(w);
	return good;
}

/* ---------- many ---------- */

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The i-th life: its seed, and whether the app edits, too. */
static uint64_t
seed_at(const struct options *o, uint64_t i, bool *ret_both)
{
	const uint64_t *list;
	uint64_t skip;

	if (o->meetings && o->first == 0) {
		*ret_both = false;
		return 1 + i;
	}
	*ret_both = o->mix ? i % 2 != 0 : o->both;
	i = o->mix ? i / 2 : i;
	list = *ret_both ? fixed_both : fixed;
	skip = *ret_both ? sizeof(fixed_both) / sizeof(fixed_both[0]) : sizeof(fixed) / sizeof(fixed[0]);
	if (o->first != 0)
		return o->first + i;
	return i < skip ? list[i] : 1 + i - skip;
}

/* Lives one life after the other until one goes wrong. */
static void
job_run(const struct options *o, struct totals *t, unsigned slot, double end_s)
{
	uint64_t i;

	while (now_s() < end_s && (i = t->next++) < o->seeds) {
		t->seeds[slot] = seed_at(o, i, &t->both[slot]);
		if (!live_once(t->seeds[slot], t->both[slot], o, t))
			exit(SLOT_WRONG);
	}
	exit(SLOT_DONE);
}

static pid_t
job_begin(const struct options *o, struct totals *t, unsigned slot, double end_s)
{
	pid_t pid;

	fflush(stdout);
	if ((pid = fork()) == 0)
		job_run(o, t, slot, end_s);
	if (pid < 0) {
		perror("fork");
		exit(2);
	}
	return pid;
}

/* True when a life went wrong: then its job begins anew with the next one. */
static bool
job_ended(struct totals *t, unsigned slot, int status, const char *program)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == SLOT_DONE)
		return false;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != SLOT_WRONG) {
		printf("seed %" PRIu64 ": the process died\n", t->seeds[slot]);
		t->lives++;
	}
	printf("again: %s%s%s%s --first %" PRIu64 " --seeds 1 --verbose\n\n", program, t->both[slot] ? " --both" : "",
	    t->meetings ? " --meetings" : "", t->wide ? " --wide" : "", t->seeds[slot]);
	return true;
}

static void
tell_progress(const struct options *o, const struct totals *t, uint64_t failures, double begin_s)
{
	static double told_s;
	double s = now_s() - begin_s;

	if (!o->progress || s - told_s < PROGRESS_S)
		return;
	told_s = s;
	fprintf(stderr, "%" PRIu64 " of %" PRIu64 " worlds in %.0f s, %" PRIu64 " wrong\n", t->lives, o->seeds, s, failures);
}

/* How many lives went wrong. */
static uint64_t
live_all(const struct options *o, struct totals *t, const char *program, double begin_s)
{
	pid_t jobs[JOBS_MAX] = { 0 };
	uint64_t failures = 0;
	unsigned running = 0;
	int status;

	for (unsigned i = 0; i < o->jobs; i++, running++)
		jobs[i] = job_begin(o, t, i, begin_s + o->seconds);
	while (running > 0) {
		pid_t pid = waitpid(-1, &status, o->progress ? WNOHANG : 0);
		unsigned slot = 0;

		tell_progress(o, t, failures, begin_s);
		if (pid == 0)
			usleep(100000);
		if (pid <= 0)
			continue;
		while (slot + 1 < o->jobs && jobs[slot] != pid)
			slot++;
		if (job_ended(t, slot, status, program) && ++failures < FAILURES_MAX)
			jobs[slot] = job_begin(o, t, slot, begin_s + o->seconds);
		else
			running--;
	}
	return failures;
}

static error_t
take_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'n':
		if (parse_u64(arg, &o->seeds) != ERR_OK)
			argp_error(state, "--seeds wants a number");
		return 0;
	case 'f':
		if (parse_u64(arg, &o->first) != ERR_OK || o->first == 0)
			argp_error(state, "--first wants a number from 1");
		return 0;
	case 'j':
		if (parse_u64(arg, &o->jobs) != ERR_OK || o->jobs == 0 || o->jobs > JOBS_MAX)
			argp_error(state, "--jobs wants a number from 1 to %d", JOBS_MAX);
		return 0;
	case 'b': o->both = true; return 0;
	case 'e': o->meetings = true; return 0;
	case 'm': o->mix = true; return 0;
	case 'p': o->progress = true; return 0;
	case 's': o->seconds = strtod(arg, NULL); return 0;
	case 'v': o->verbose = true; return 0;
	case 'w': o->wide = true; return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

int
main(int argc, char **argv)
{
	static const struct argp_option table[] = {
		{ "seeds", 'n', "N", 0, "How many worlds to live (default 100)", 0 },
		{ "first", 'f', "SEED", 0, "The first seed; without it the fixed ones come first, then 1, 2, 3...", 0 },
		{ "both", 'b', NULL, 0, "The app edits its lists, too", 0 },
		{ "meetings", 'e', NULL, 0, "Worlds of meetings instead", 0 },
		{ "mix", 'm', NULL, 0, "Every other world is one where the app edits its lists, too", 0 },
		{ "wide", 'w', NULL, 0, "Tenants are watched by one subscription for all teams, where that works", 0 },
		{ "jobs", 'j', "N", 0, "So many at a time (default 1)", 0 },
		{ "progress", 'p', NULL, 0, "Tell now and then how far it is", 0 },
		{ "seconds", 's', "S", 0, "Begin no further world after so long", 0 },
		{ "verbose", 'v', NULL, 0, "Tell each step", 0 },
		{ 0 },
	};
	static const struct argp argp = { table, take_option, NULL,
		"Lives random worlds and holds what comes out against the truth.", NULL, NULL, NULL };
	struct options o = { .seeds = 100, .jobs = 1, .seconds = 1e9 };
	/* cppcheck-suppress invalidFunctionArg ; anonymous memory has no descriptor */
	struct totals *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double begin_s = now_s();
	uint64_t failures;

	if (t == MAP_FAILED)
		return 2;
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	log_set_level(getenv("PROPERTY_LOG") != NULL ? LOG_DEBUG : LOG_ERROR);
	t->meetings = o.meetings;
	t->wide = o.wide;
	failures = live_all(&o, t, argv[0], begin_s);
	printf("%" PRIu64 " worlds, %" PRIu64 " wrong: %" PRIu64 " steps, %" PRIu64 " crashes, %" PRIu64 " changes told, %" PRIu64
	       " callbacks, %.1f years simulated in %.1f s\n",
	    t->lives, failures, t->steps, t->crashes, t->entries, t->callbacks, (double)t->simulated_ms / (365.25 * DAY_MS),
	    now_s() - begin_s);
	return failures == 0 ? 0 : 1;
}
