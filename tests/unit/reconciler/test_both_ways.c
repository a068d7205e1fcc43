/*
 * Random edits on both sides, with faults, lost notifications and crashes: afterwards both sides are equal, and nobody was removed
 * whom neither side removed. ERGSYNC_TEST_SEED repeats one life, ERGSYNC_TEST_LIVES says how many.
 */
#include "unit/reconciler/app_side.h"

#define PEOPLE 30
#define STEPS  40
#define LIVES  20

struct life {
	struct rig rig;
	struct rng rng;
	bool in_app[PEOPLE + 1]; /* what the app believes: its own edits, and the callbacks it took */
	bool owner[PEOPLE + 1];  /* and as what */
	bool may_go[PEOPLE + 1]; /* some side took this person out since both had them */
	size_t events_read;
	char doing[STEPS][64];
	unsigned step;
};

static unsigned
user_of(const char *entra)
{
	uint64_t n = 0;

	assert_int_equal(parse_u64(strrchr(entra, '-') + 1, &n), ERR_OK);
	return (unsigned)n;
}

static void
wrong(struct life *l, uint64_t seed, const char *what, unsigned user)
{
	for (unsigned i = 0; i < l->step && i < STEPS; i++)
		print_error("  %s\n", l->doing[i]);
	fail_msg("seed %llu: %s: user %u", (unsigned long long)seed, what, user);
}

/* The app does what the callbacks say. */
static void
read_events(struct life *l, uint64_t seed)
{
	for (; l->events_read < l->rig.event_count; l->events_read++) {
		const struct rig_event *e = &l->rig.events[l->events_read];
		bool added = strcmp(e->type, "ergsync.member.added") == 0;

		if (added || strcmp(e->type, "ergsync.member.updated") == 0)
			l->owner[user_of(e->entra)] = strcmp(e->role, "owner") == 0;
		if (!added && strcmp(e->type, "ergsync.member.removed") != 0)
			continue;
		l->in_app[user_of(e->entra)] = added;
		if (!added && !l->may_go[user_of(e->entra)])
			wrong(l, seed, "removed from the app, and nobody asked for it", user_of(e->entra));
	}
}

static void
check_teams(struct life *l, uint64_t seed)
{
	for (unsigned u = 2; u <= PEOPLE; u++)
		if (l->in_app[u] && !l->may_go[u] && in_teams(&l->rig, u)[0] == '\0')
			wrong(l, seed, "not in Teams, and nobody asked for it", u);
}

static void
edit_app(struct life *l, unsigned u)
{
	struct app_member_put put = entry(u, rng_below(&l->rng, 4) == 0 ? ROLE_OWNER : ROLE_MEMBER);
	struct erg_id id = erg_named("pride");
	struct problem p = { 0 };

	if (rng_below(&l->rng, 2) == 0) {
		snprintf(l->doing[l->step], 64, "the app adds %u", u);
		put_member(&l->rig, "pride", &put);
		l->in_app[u] = true;
		l->owner[u] = put.role == ROLE_OWNER;
	} else {
		snprintf(l->doing[l->step], 64, "the app removes %u", u);
		/* By its name where it has one, else as Teams knows the person. */
		if (backend_ops.member_remove(l->rig.r, &id, &put.who, &p) != ERR_OK) {
			memset(&put.who, 0, sizeof(put.who));
			rig_user(u, put.who.entra_id.s);
			(void)backend_ops.member_remove(l->rig.r, &id, &put.who, &p);
		}
		l->in_app[u] = false;
		l->may_go[u] = true;
	}
}

static void
edit_teams(struct life *l, unsigned u)
{
	bool present = in_teams(&l->rig, u)[0] != '\0';

	if (present && rng_below(&l->rng, 3) == 0) {
		snprintf(l->doing[l->step], 64, "Teams changes the role of %u", u);
		rig_member(&l->rig, "role", u, strcmp(in_teams(&l->rig, u), "owner") == 0 ? "member" : "owner");
		return;
	}
	snprintf(l->doing[l->step], 64, "Teams %s %u", present ? "removes" : "adds", u);
	rig_member(&l->rig, present ? "remove" : "add", u, "member");
	l->may_go[u] = l->may_go[u] || present;
}

static void
fault(struct life *l)
{
	static const char *const kinds[] = { "timeout_before", "timeout_after", "close_before", "close_after", "truncate",
		"empty_page", "short_page" };
	const char *kind = kinds[rng_below(&l->rng, sizeof(kinds) / sizeof(kinds[0]))];

	snprintf(l->doing[l->step], 64, "fault %s", kind);
	rig_do(&l->rig, "/_sim/faults", "{\"kind\":\"%s\",\"path\":\"/teams/" RIG_TEAM "\",\"count\":%u,\"probability\":0.5}",
	    kind, 1 + (unsigned)rng_below(&l->rng, 4));
}

static void
one_step(struct life *l)
{
	unsigned u = 2 + (unsigned)rng_below(&l->rng, PEOPLE - 1);

	switch (rng_below(&l->rng, 12)) {
	case 0: fault(l); break;
	case 1:
		snprintf(l->doing[l->step], 64, "crash");
		store_commit(l->rig.r->store);
		rig_crash(&l->rig);
		break;
	case 2:
		l->rig.deaf = !l->rig.deaf;
		snprintf(l->doing[l->step], 64, "deaf %d", l->rig.deaf);
		break;
	case 3:
		l->rig.app_status = l->rig.app_status == 204 ? 503 : 204;
		snprintf(l->doing[l->step], 64, "the app answers %d", l->rig.app_status);
		break;
	case 4:
	case 5:
	case 6:
	case 7: edit_teams(l, u); break;
	default: edit_app(l, u); break;
	}
	l->step++;
	rig_run(&l->rig, (int64_t)rng_below(&l->rng, rng_below(&l->rng, 4) == 0 ? 1200000 : 4000));
}

/* Whoever left and came back has another membership than the one we know: the leave is still to be told. */
static bool
same_membership(struct life *l, unsigned user, const struct member *m)
{
	json_t *answer = rig_ask(&l->rig, "GET", "/_sim/members?team=" RIG_TEAM, NULL), *o;
	char id[GUID_SIZE];
	bool same = false;
	size_t i;

	rig_user(user, id);
	json_array_foreach(jx_get_array(answer, "members"), i, o) same =
	    same || (strcmp(jx_get_str(o, "user"), id) == 0 && strcmp(jx_get_str(o, "id"), m->membership_id) == 0);
	json_decref(answer);
	return same;
}

/* Both have the person now: from here on somebody must ask again. */
static void
agreed(struct life *l)
{
	struct member_view view;

	for (unsigned u = 2; u <= PEOPLE; u++)
		if (get_member(&l->rig, "pride", u, &view) == ERR_OK && view.member.status == MEMBER_SYNCED && l->in_app[u] &&
		    view.member.base.present && same_membership(l, u, &view.member))
			l->may_go[u] = false;
}

/* A crash forgets what was sent within the minute: being told to wait then is what Graph's limits are for. */
static void
check_rules(struct life *l, uint64_t seed)
{
	json_t *answer = rig_ask(&l->rig, "GET", "/_sim/journal", NULL);
	int64_t n = jx_get_int(answer, "violations", -1) - jx_get_int(jx_get_object(answer, "counts"), "throttled", 0);

	json_decref(answer);
	if (n > 0)
		wrong(l, seed, "a rule of Graph's is broken", 0);
}

static void
live(uint64_t seed)
{
	struct life *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	l->rng = rng_seeded(seed);
	rig_make(&l->rig, seed, PEOPLE, 10);
	l->rig.config.removal_limit = 1000000;
	rig_link(&l->rig);
	read_events(l, seed);
	while (l->step < STEPS) {
		one_step(l);
		read_events(l, seed);
		agreed(l);
	}
	json_decref(rig_ask(&l->rig, "DELETE", "/_sim/faults", NULL));
	l->rig.deaf = false;
	l->rig.app_status = 204;
	rig_run(&l->rig, 50 * 3600 * 1000LL);
	read_events(l, seed);
	check_teams(l, seed);
	for (unsigned u = 2; u <= PEOPLE; u++)
		if (l->in_app[u] != (in_teams(&l->rig, u)[0] != '\0'))
			wrong(l, seed, l->in_app[u] ? "only in the app" : "only in Teams", u);
	for (unsigned u = 2; u <= PEOPLE; u++)
		if (l->in_app[u] && l->owner[u] != (strcmp(in_teams(&l->rig, u), "owner") == 0))
			wrong(l, seed, l->owner[u] ? "an owner only in the app" : "an owner only in Teams", u);
	if (rig_erg(&l->rig).state != ERG_IN_SYNC)
		wrong(l, seed, rig_erg(&l->rig).detail, 0);
	check_rules(l, seed);
	rig_done(&l->rig);
	free(l);
}

static void
both_sides_become_equal_and_nobody_is_lost(void **state)
{
	const char *one = getenv("ERGSYNC_TEST_SEED"), *many = getenv("ERGSYNC_TEST_LIVES");
	uint64_t seed = 1, lives = LIVES;

	(void)state;
	if (one != NULL) {
		assert_int_equal(parse_u64(one, &seed), ERR_OK);
		live(seed);
		return;
	}
	if (many != NULL)
		assert_int_equal(parse_u64(many, &lives), ERR_OK);
	for (; seed <= lives; seed++)
		live(seed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(both_sides_become_equal_and_nobody_is_lost) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
