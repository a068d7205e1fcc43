/*
 * world.h - a random world: a simulated Graph, a listener's inbox, an app, and a whole reconciler between them, under one manual clock.
 *
 * The world knows the truth (who really is in which team, who really left and when) because it makes every change itself, and
 * holds all that comes out of the reconciler against it: each entry of the change feed the moment it is on disk, each callback,
 * each call of Graph. The first thing that may not be is kept in why; from then on nothing more is done.
 *
 *	world.c     making and ending it, the reconciler's life, the truth
 *	intake.c    the listener: the simulator's deliveries, read by the listener's own scanner, appended to a real inbox
 *	app.c       the main app: signatures, answers by mood, what it has been told
 *	judge.c     what must hold after each step and when all has settled
 *	steps.c     what happens: a table of changes, faults, crashes and outages, drawn by weight
 *	both.c      worlds where the app edits its lists, too: what it does, and what must hold then
 *	meetings.c  worlds of another kind: events of one organizer, changed on both sides
 * One seed is one life of a world: the same seed gives the same steps and the same log.
 */
#ifndef TESTS_PROPERTY_WORLD_H
#define TESTS_PROPERTY_WORLD_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/config.h"
#include "base/json.h"
#include "base/random.h"
#include "model/erg.h"
#include "model/member.h"
#include "reconciler/reconciler.h"

#define TENANTS_MAX 3
#define PLACES_MAX  6
#define ERGS_MAX    6
#define PEOPLE_MAX  60 /* of one tenant; numbered from 1 */

#define SECOND_MS 1000LL
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

struct http_exchange;
struct envelope;
struct known_states;
struct sim;

/* One person in one place, in truth. */
struct seat {
	bool in;
	enum role role;
	unsigned leaves; /* how often this person really left */
	int64_t left_ms; /* boot time of the last one */
};

/* A roster in Teams: a team's, or a private or shared channel's. */
struct place {
	unsigned tenant;
	char team[GUID_SIZE], channel[CHANNEL_ID_SIZE]; /* channel "" = the team's own */
	struct seat seats[PEOPLE_MAX + 1];
	unsigned size;
	int64_t owner_left_ms; /* boot time: an owner went, or is none any more */
	bool shared;           /* a shared channel: Graph lets nobody be added */
};

/* One person in one ERG, as somebody was told. */
struct told {
	bool present;
	enum role role;
	unsigned removals;
	int64_t added_ms;
	uint64_t seq;           /* of the last entry about this person */
	bool refused;           /* the app refused something about this person since the ERG was linked */
	unsigned leaves_before; /* the ERG was linked */
};

struct group {
	struct erg_id id;
	unsigned place;
	bool linked;
	unsigned link; /* how often it was linked */
	enum membership_policy policy;
	int64_t removal_limit, removal_percent;                /* -1: the configuration's */
	struct told feed[PEOPLE_MAX + 1], app[PEOPLE_MAX + 1]; /* by the change feed; by the callbacks the app took */
	unsigned feed_size;
	/* by the app's own edits, in worlds where it edits */
	bool asked_in[PEOPLE_MAX + 1], asked_out[PEOPLE_MAX + 1], hidden[PEOPLE_MAX + 1];
	int64_t regretted_ms[PEOPLE_MAX + 1]; /* boot time: listed again after having been taken out */
	int64_t listed_ms[PEOPLE_MAX + 1];    /* boot time: listed by the app's own act */
	bool ever_off;                        /* or unlinked */
	bool restored[PEOPLE_MAX + 1];        /* by a rejected plan */
	bool approved[PEOPLE_MAX + 1];        /* to be removed */
	int64_t undoing_ms;                   /* boot time: when policy "app" or "teams" ended; 0 = never was */
	int64_t *cleared_ms; /* boot times before which our removals in Teams that nobody approved were not yet */
	size_t cleared_count, cleared_cap;
	int64_t *removed_ms; /* wall times of the removals in the feed */
	size_t removed_count, removed_cap;
};

/* An entry of the change feed. */
struct entry {
	char id[40];
	uint64_t seq, before; /* before: the entry about the same person before this one, 0 = none */
	uint8_t digest[32];   /* of the body */
	unsigned group, person;
	char what; /* 'a'dded, 'r'emoved, 'u'pdated; 0: of no person */
	enum role role;
	unsigned link;          /* of the ERG, then */
	bool answered, refused; /* by the app, for good */
	unsigned deliveries;
};

enum mood { MOOD_WELL, MOOD_ERROR, MOOD_SILENT, MOOD_ABORT, MOOD_BUSY, MOOD_FORGETFUL, MOOD_REFUSING, MOOD_COUNT };

struct world {
	uint64_t seed;
	bool verbose, failed;
	bool both; /* the app edits, too */
	bool bare; /* what comes out of the reconciler is not judged */
	char why[1024];
	FILE *log;
	char *log_text;
	size_t log_size;
	char directory[PATH_MAX];

	struct rng rng;
	struct config config;
	struct clock *clock, *graph_clock; /* our machine's and Graph's; the same one unless apart */
	struct sim *sim;
	struct http_transport *graph_http, *app_http;
	struct reconciler *r; /* NULL while it is down */
	struct key32 state_key, intake_key;
	int64_t inbox_poll_ms;

	/* the listener */
	struct inbox *inbox;
	struct envelope *envelope;
	struct known_states *known;
	bool listener_down;
	unsigned listener_percent_503, listener_percent_lost; /* refused before, answered not although stored */

	/* the app */
	enum mood mood;
	bool names_people, ever_refused;
	struct http_exchange *silent[64]; /* taken, not answered */
	unsigned silent_count;

	/* what the world is made of */
	unsigned tenant_count, people[TENANTS_MAX], place_count, group_count;
	bool guest[TENANTS_MAX][PEOPLE_MAX + 1];
	struct place places[PLACES_MAX];
	struct group groups[ERGS_MAX];
	int64_t lag_ms;    /* how far a read of Graph may look back at the most */
	bool lagging;      /* now */
	bool denying;      /* there are 404s to come */
	bool ever_slow;    /* Graph, by seconds */
	bool ever_stepped; /* the wall clock */
	int64_t stepped_ms;

	/* what came out */
	struct entry *entries;
	size_t entry_count, entry_cap;
	uint64_t feed_seq;
	int64_t looked_ms;  /* boot time of the last look at what we did in Teams */
	int64_t lied_ms;    /* boot time of the last false answer of Graph */
	int64_t crashed_ms; /* boot time of the last crash or start */
	unsigned callbacks, steps, crashes;
};

/* ---------- world.c ---------- */

struct world *world_new(uint64_t seed, bool verbose, bool both);
/* With nothing in it, nothing running and an app of one's own; its arg is the world. apart: Graph has a clock of its own. */
struct world *world_bare(uint64_t seed, bool verbose, bool apart, void (*app)(void *arg, struct http_exchange *x));
void world_free(struct world *w);

/* The first call decides why. */
void fail(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void note(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Time passes; what must always hold is looked at. */
void pass(struct world *w, int64_t ms);
bool chance(struct world *w, unsigned percent);
int64_t between(struct world *w, int64_t least, int64_t most);

/* One request to the simulator's control API; the body is JSON text, NULL for none. The answer is the caller's. */
json_t *
ask(struct world *w, const char *method, const char *target, const char *format, ...) __attribute__((format(printf, 4, 5)));
#define tell(w, target, ...) json_decref(ask((w), "POST", (target), __VA_ARGS__))

const char *directory_id(unsigned tenant, char ret[GUID_SIZE]);
const char *person_entra(unsigned tenant, unsigned person, char ret[GUID_SIZE]);
/* 0 when it is nobody's. */
unsigned person_number(const char *entra);

/* As a person in Teams would; op is "add", "remove" or "role". */
void change_member(struct world *w, struct place *p, const char *op, unsigned person, const char *role, bool quiet);
/* Reads the truth of all places of that team. */
void look_at_team(struct world *w, const char *team);

void reconciler_begin(struct world *w);
void reconciler_fall(struct world *w, unsigned wakeups); /* crashes after so many more wake-ups of the clock */
void reconciler_end(struct world *w);

void group_link(struct world *w, struct group *g);
void group_unlink(struct world *w, struct group *g);
void tenant_announce(struct world *w, unsigned tenant);

/* ---------- intake.c ---------- */

struct sim_delivery;
void intake_deliver(void *arg, struct sim *sim, const struct sim_delivery *d);
void intake_consumed(void *arg, const uint8_t *epoch, uint64_t consumed);
void intake_open(struct world *w);
void intake_close(struct world *w);

/* ---------- app.c ---------- */

#define CALLBACK_SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
void app_handle(void *arg, struct http_exchange *x);
void app_let_go(struct world *w); /* closes what was left without an answer */
const char *mood_name(enum mood m);

/* ---------- judge.c ---------- */

/* Takes in what is new in the change feed; for struct reconciler's on_changes too. */
void judge_feed(void *arg);
void judge_always(struct world *w);
/* All is well again and two sweeps have passed: both sides are equal. */
void judge_settled(struct world *w);
/* What was asked of Graph last, for the log of a life gone wrong. */
void judge_note_requests(struct world *w);
struct entry *entry_find(struct world *w, const char *id);

/* ---------- both.c ---------- */

void both_step(struct world *w);
/* Who came or went in Teams without any person having done it: that was us. */
void both_look(struct world *w);
void both_told(struct world *w, const struct group *g, const struct entry *e);
/* What is held is approved or rejected. True when there was something. */
bool both_decide(struct world *w);
/* Another policy, now and then. */
void both_policy(struct world *w, struct group *g);
void both_settled(struct world *w, struct group *g);

/* ---------- meetings.c ---------- */

/* Makes a world of meetings and lives it to its end. */
struct world *meetings_live(uint64_t seed, bool verbose);

/* ---------- steps.c ---------- */

void step_once(struct world *w);
void end_all_faults(struct world *w);

#endif
