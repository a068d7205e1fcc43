/*
 * property_year - a year of many tenants: is every subscription held whenever Graph could be reached, and every gap read after?
 *
 * With --jobs the tenants are shared out among worlds that live at the same time, each with an app registration of its own.
 */
#include "property/year.h"

#include <argp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#define JOBS_MAX   64
#define PROGRESS_S 20

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
		year_mend(y);
		year_judge(y);
		year_happen(y);
	}
	year_judge_journal(y);
	totals_look(y);
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

	year_make(&y);
	live(&y);
	(void)fflush(y.w->log);
	if (y.w->failed)
		printf("  WRONG in %" PRIu64 " days of %" PRIu64 " tenants with %" PRIu64 " ERGs, seed %" PRIu64 ": %s\n%s",
		    o->days, o->tenants, o->ergs, o->seed, y.w->why, y.w->log_text);
	y.n.days = (double)year_now(&y) / DAY_MS;
	y.n.processor_s = (double)clock() / CLOCKS_PER_SEC;
	y.n.ended = !y.w->failed;
	*ret = y.n;
	year_free(&y);
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
	static const struct argp argp = { table, take_option, NULL, "Lives a year of many tenants in some 90 seconds.", NULL,
		NULL, NULL };
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
		totals_add(&sum, &all[i]);
		sum.ended = sum.ended && all[i].ended;
	}
	totals_print(&o, &sum);
	(void)munmap(all, JOBS_MAX * sizeof(*all));
	return sum.ended ? 0 : 1;
}
