/*
 * year.h - a year of many tenants, in which all goes wrong now and then.
 *
 *	property_year.c    the program: tenants are shared out among worlds that live at the same time
 *	year_world.c       the tenants, their teams, the app's secret; the reconciler's beginning
 *	year_happenings.c  what happens to them, and what mends itself
 *	year_graph.c       what Graph has, learnt from what goes over the wire
 *	year_judge.c       what must be
 *	year_report.c      what is told at the end
 *	parsed.c, unsynced.c   stand before a library's function each: what the same answers and syncs to disk would cost
 * Nobody leaves any team: a removal told is a wrong one. Graph has a clock of its own, so that ours may be stepped, suspended and
 * wrong. Times are boot times in ms. Every tenth tenant is a large one: enough teams that one subscription may stand for them all.
 */
#ifndef TESTS_PROPERTY_YEAR_H
#define TESTS_PROPERTY_YEAR_H

#include "property/wire.h"
#include "property/world.h"
#include "sim/map.h"

#define MEMBERS          3
#define AUTHORISATION_MS HOUR_MS          /* of a subscription, since its last PATCH: graph-facts section 6 */
#define LOSS_MS          (50 * MINUTE_MS) /* a silent loss is noticed by the next renewal or list */
#define WIDE_LOSS_MS     (65 * MINUTE_MS) /* the same, where one for all teams is then waited for */
#define RETURN_MS        (25 * MINUTE_MS) /* an end of trouble is noticed, and its work done */
#define READ_MS          (45 * MINUTE_MS) /* a gap's full read */
#define ASKED_MS         (10 * MINUTE_MS) /* what Graph wants reauthorized is */
/* Three changes that only the daily checks found, within a week and not outweighed by what was told in it. */
#define DEAF_MS        (16 * DAY_MS)
#define PATCH_APART_MS (10 * MINUTE_MS) /* of one subscription; and from reauthorize, which is never sent */
#define LIST_WINDOW_MS (20 * SECOND_MS)
#define LISTS_A_WINDOW 40 /* of an app in all tenants: graph-facts section 11 */
#define MINUTES_A_YEAR (365 * 24 * 60)

struct options {
	uint64_t tenants, ergs, days, seed, jobs;
};

struct customer;
struct team;

/* One subscription, as Graph has it: of a team, or of all teams of a tenant. */
struct watch {
	struct team *team; /* NULL: of all */
	struct customer *customer;
	char id[GUID_SIZE]; /* "" = none that we know of */
	int64_t made_ms;    /* 0 = never */
	int64_t ends_ms;    /* Graph ends it, or pauses it */
	int64_t patched_ms; /* the last renewal that was answered; 0 = none */
	int64_t lost_ms;    /* the last time by our hand, silently; 0 = never */
	int64_t wanted_ms;  /* Graph wants a renewal, since; 0 = it does not */
};

struct team {
	struct watch own;
	bool lost;            /* by our hand, silently */
	int64_t uncovered_ms; /* since; 0 = covered */
	int64_t covered_ms;   /* by the first answer after it was not */
	int64_t read_ms;      /* the last full read began */
	int64_t owes_ms;      /* a full read that begins since; 0 = none */
};

struct customer {
	struct watch wide;
	struct team *teams; /* team_count in a row */
	uint64_t team_count;
	bool large;
	unsigned people;
	int64_t trouble_until_ms;
	enum weather weather;
	int64_t consent_until_ms; /* withdrawn; 0 = granted */
	int64_t wide_until_ms;    /* one for all teams is refused or deaf; 0 = granted */
	int64_t deaf_ms;          /* the one that is there tells nothing, since; 0 = it would */
	int64_t burst_until_ms;   /* Graph wants renewals again and again */
	int64_t well_ms;          /* since; 0 = it is not */
};

/* What is told at the end. */
struct totals {
	bool ended; /* and nothing was wrong */
	uint64_t patches, creations, deletions, lists, sign_ins, signed_in, reads, reauthorisations, gaps, happenings[16];
	uint64_t wide_creations, wide_refusals, asked_again;
	double subscription_days, team_days, wide_team_days; /* looked at once a day: of teams that only one for all watches */
	uint64_t most_lists;                                 /* in LIST_WINDOW_MS */
	int64_t longest_ms[2], longest_read_ms;              /* uncovered while reachable: after a trouble, after a silent loss */
	double days, processor_s;
};

struct year {
	struct options o;
	unsigned number; /* of --jobs, from 1; 0 = the only one */
	struct totals n;
	struct world *w;
	struct rng rng;
	struct team *teams;
	struct customer *tenants; /* from 1; 0 is nobody */
	uint64_t large_count;
	struct map by_id;                                   /* subscription id -> struct watch */
	int64_t cut_until_ms, down_until_ms, deaf_until_ms; /* the network, the reconciler, the listener */
	int64_t secret_at_ms;                               /* when the new secret reaches us; 0 = it has */
	unsigned secret;
	int64_t stepped_ms;
	int64_t begun_ms; /* the reconciler, last */
	int64_t listed_ms[LISTS_A_WINDOW + 1];
};

/* Graph's. */
int64_t year_now(const struct year *y);
int64_t later(int64_t a, int64_t b);
unsigned tenant_number(const struct year *y, const struct customer *c);
size_t team_number(const struct year *y, const struct team *t); /* from 0 */

/* ---------- year_world.c ---------- */

void year_make(struct year *y);
void year_free(struct year *y);
/* The reconciler's, at first and again. */
void year_begin(struct year *y);
void directory_of(uint64_t tenant, char ret[GUID_SIZE]);
/* The team of an id or of whatever has it in it; NULL = none. */
struct team *year_team(struct year *y, const char *text);
/* The app has another secret from now on; we may not know it yet. */
void year_secret_set(struct year *y, unsigned n);
void year_secret_learn(struct year *y);

/* ---------- year_happenings.c ---------- */

#define HAPPENINGS 16
const char *happening_name(size_t i); /* NULL behind the last */
/* What happens in a minute. */
void year_happen(struct year *y);
/* What is over by now. */
void year_mend(struct year *y);

/* ---------- year_graph.c ---------- */

extern const struct wire_options year_wire; /* without its arg */
/* Until when somebody tells of the team's changes. */
int64_t team_covered_until(const struct team *t);
/* Graph has it no more. */
void watch_forget(struct year *y, struct watch *t);
/* A call that a crash cut off may have had its effect: what Graph has now is what counts. */
void year_look_at_graph(struct year *y);

/* ---------- year_judge.c ---------- */

/* Each minute; fails the world. */
void year_judge(struct year *y);
/* Each day. */
void year_judge_journal(struct year *y);
/* A renewal asked for at asked_ms was answered. */
void year_judge_renewal(struct year *y, const struct watch *x, int64_t asked_ms);

/* ---------- year_report.c ---------- */

/* Numbers of both together. */
void totals_add(struct totals *sum, const struct totals *n);
/* What there is now, once a day. */
void totals_look(struct year *y);
void totals_print(const struct options *o, const struct totals *n);

#endif
