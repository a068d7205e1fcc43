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

/* Seeds that once showed something wrong: lived first, for ever. */
static const uint64_t fixed[] = { 6, 8, 14, 17, 18, 26, 30, 31, 62, 89, 100, 110, 124, 132, 143, 160, 215, 230, 285, 299, 461, 487 };

struct totals {
	uint64_t seed; /* the one being lived */
	uint64_t lives, failures, steps, crashes, entries, callbacks;
	int64_t simulated_ms;
};

struct options {
	uint64_t seeds, first;
	double seconds;
	bool verbose;
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
	if (!w->failed && bring_back_all(w))
		pass(w, 2 * w->config.sweep_ms + HOUR_MS);
	if (!w->failed)
		judge_settled(w);
}

static bool
live_once(uint64_t seed, const struct options *o, struct totals *t)
{
	struct world *w;
	bool good;

	t->seed = seed;
	w = world_new(seed, o->verbose);
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

static uint64_t
seed_at(const struct options *o, uint64_t i)
{
	uint64_t skip = sizeof(fixed) / sizeof(fixed[0]);

	if (o->first != 0)
		return o->first + i;
	return i < skip ? fixed[i] : 1 + i - skip;
}

/* Lives from the i-th seed on until one fails; its exit status tells. */
static void
child(const struct options *o, struct totals *t, uint64_t i, double end_s)
{
	for (; i < o->seeds && now_s() < end_s; i++)
		if (!live_once(seed_at(o, i), o, t))
			exit(1);
	exit(0);
}

static bool
lives(const struct options *o, struct totals *t, const char *program, double end_s)
{
	int status;
	pid_t pid;

	fflush(stdout);
	if ((pid = fork()) == 0)
		child(o, t, t->lives, end_s);
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("fork");
		exit(2);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 1) {
		printf("seed %" PRIu64 ": the process died\n", t->seed);
		t->lives++;
	}
	t->failures++;
	printf("again: %s --first %" PRIu64 " --seeds 1 --verbose\n\n", program, t->seed);
	return false;
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
	case 's': o->seconds = strtod(arg, NULL); return 0;
	case 'v': o->verbose = true; return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

int
main(int argc, char **argv)
{
	static const struct argp_option table[] = {
		{ "seeds", 'n', "N", 0, "How many worlds to live (default 100)", 0 },
		{ "first", 'f', "SEED", 0, "The first seed; without it the fixed ones come first, then 1, 2, 3...", 0 },
		{ "seconds", 's', "S", 0, "Begin no further world after so long", 0 },
		{ "verbose", 'v', NULL, 0, "Tell each step", 0 },
		{ 0 },
	};
	static const struct argp argp = { table, take_option, NULL,
		"Lives random worlds and holds what comes out against the truth.", NULL, NULL, NULL };
	struct options o = { .seeds = 100, .seconds = 1e9 };
	struct totals *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double begin_s = now_s();

	if (t == MAP_FAILED)
		return 2;
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	log_set_level(getenv("PROPERTY_LOG") != NULL ? LOG_DEBUG : LOG_ERROR);
	while (t->failures < FAILURES_MAX && !lives(&o, t, argv[0], begin_s + o.seconds) && t->lives < o.seeds)
		;
	printf("%" PRIu64 " worlds, %" PRIu64 " wrong: %" PRIu64 " steps, %" PRIu64 " crashes, %" PRIu64 " changes told, %" PRIu64
	       " callbacks, %.1f years simulated in %.1f s\n",
	    t->lives, t->failures, t->steps, t->crashes, t->entries, t->callbacks, (double)t->simulated_ms / (365.25 * DAY_MS),
	    now_s() - begin_s);
	return t->failures == 0 ? 0 : 1;
}
