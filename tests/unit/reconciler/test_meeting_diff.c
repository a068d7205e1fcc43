/* The cases people talk about by name; every input of one field against rules that say nothing of how it is decided; random worlds of many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "reconciler/meeting_diff.h"
#include "unit/base/seed.h"

#define SUBJECT  EVENT_MASK(SUBJECT)
#define TIME     EVENT_MASK(TIME)
#define LOCATION EVENT_MASK(LOCATION)
#define RULE     EVENT_MASK(RECURRENCE)
#define SERIES   EVENT_MASK_SERIES
#define SINGLES  EVENT_MASK(EXCEPTIONS)
#define FIELDS   (EVENT_MASK_ALL & ~EVENT_MASK(CANCELLED))
#define ROUNDS   20000

static const struct {
	const char *why;
	struct meeting_input in;
	struct meeting_step out;
} cases[] = {
	{ "a new event", { .wanted = true, .equal = FIELDS }, { .action = MEETING_CREATE } },
	{ "cancelled before it was made", { .wanted = false }, { 0 } },
	{ "over before it was made", { .wanted = true, .over = true }, { 0 } },
	{ "beyond the horizon", { .wanted = true, .far = true }, { 0 } },
	{ "meetings off", { .policy = MEETINGS_OFF, .wanted = true }, { 0 } },
	{ "off, cancelled by the app: left where it is", { .policy = MEETINGS_OFF, .there = MEETING_LIVE }, { 0 } },
	{ "asked for, not known whether made", { .wanted = true, .there = MEETING_MAYBE }, { .action = MEETING_LOOK } },
	{ "the same, cancelled meanwhile", { .wanted = false, .there = MEETING_MAYBE }, { .action = MEETING_LOOK } },
	{ "both as agreed", { .wanted = true, .there = MEETING_LIVE, .equal = FIELDS }, { 0 } },
	{ "changed in the app", { .wanted = true, .there = MEETING_LIVE, .app_changed = SUBJECT, .equal = FIELDS & ~SUBJECT },
	    { .action = MEETING_UPDATE, .patch = SUBJECT } },
	{ "changed in Outlook", { .wanted = true, .there = MEETING_LIVE, .outlook_changed = TIME, .equal = FIELDS & ~TIME },
	    { .tell = TIME } },
	{ "each changed something else",
	    { .wanted = true,
	        .there = MEETING_LIVE,
	        .app_changed = SUBJECT,
	        .outlook_changed = TIME,
	        .equal = FIELDS & ~(SUBJECT | TIME) },
	    { .action = MEETING_UPDATE, .patch = SUBJECT, .tell = TIME } },
	{ "both changed it alike",
	    { .wanted = true, .there = MEETING_LIVE, .app_changed = TIME, .outlook_changed = TIME, .equal = FIELDS },
	    { .agree = TIME } },
	{ "a conflict, the app wins",
	    { .wanted = true, .there = MEETING_LIVE, .app_changed = TIME, .outlook_changed = TIME, .equal = FIELDS & ~TIME },
	    { .action = MEETING_UPDATE, .patch = TIME } },
	{ "a conflict, Outlook wins",
	    { .outlook_wins = true,
	        .wanted = true,
	        .there = MEETING_LIVE,
	        .app_changed = TIME,
	        .outlook_changed = TIME,
	        .equal = FIELDS & ~TIME },
	    { .tell = TIME } },
	{ "the app decides: what Outlook did is undone",
	    { .policy = MEETINGS_APP,
	        .wanted = true,
	        .there = MEETING_LIVE,
	        .outlook_changed = LOCATION,
	        .equal = FIELDS & ~LOCATION },
	    { .action = MEETING_UPDATE, .patch = LOCATION } },
	{ "the app decides, whatever conflicts are to do",
	    { .policy = MEETINGS_APP,
	        .outlook_wins = true,
	        .wanted = true,
	        .there = MEETING_LIVE,
	        .app_changed = LOCATION,
	        .outlook_changed = LOCATION,
	        .equal = FIELDS & ~LOCATION },
	    { .action = MEETING_UPDATE, .patch = LOCATION } },
	{ "one moved the series, the other gave it another rule: the app wins both",
	    { .wanted = true, .there = MEETING_LIVE, .app_changed = TIME, .outlook_changed = RULE, .equal = FIELDS & ~SERIES },
	    { .action = MEETING_UPDATE, .patch = SERIES } },
	{ "the same, Outlook wins",
	    { .outlook_wins = true,
	        .wanted = true,
	        .there = MEETING_LIVE,
	        .app_changed = SERIES,
	        .outlook_changed = TIME,
	        .equal = FIELDS & ~SERIES },
	    { .tell = SERIES } },
	{ "both moved it alike, and one gave it another rule",
	    { .wanted = true, .there = MEETING_LIVE, .app_changed = TIME, .outlook_changed = SERIES, .equal = FIELDS & ~RULE },
	    { .tell = RULE, .agree = TIME } },
	{ "the app is being told of its time: its rule waits",
	    { .wanted = true, .there = MEETING_LIVE, .app_changed = RULE, .equal = FIELDS & ~SERIES, .frozen = TIME }, { 0 } },
	{ "an occurrence was moved", { .wanted = true, .there = MEETING_LIVE, .outlook_changed = SINGLES }, { .tell = SINGLES } },
	{ "the same, the app decides",
	    { .policy = MEETINGS_APP, .wanted = true, .there = MEETING_LIVE, .outlook_changed = SINGLES }, { .tell = SINGLES } },
	{ "cancelled by the app", { .there = MEETING_LIVE, .equal = FIELDS }, { .action = MEETING_CANCEL } },
	{ "cancelled by the app, changed in Outlook", { .there = MEETING_LIVE, .outlook_changed = TIME },
	    { .action = MEETING_CANCEL } },
	{ "cancelled by the app, far ahead", { .there = MEETING_LIVE, .far = true }, { .action = MEETING_CANCEL } },
	{ "cancelled by the app when over", { .there = MEETING_LIVE, .over = true }, { 0 } },
	{ "changed when over", { .wanted = true, .there = MEETING_LIVE, .over = true, .app_changed = TIME }, { 0 } },
	{ "changed far ahead", { .wanted = true, .there = MEETING_LIVE, .far = true, .app_changed = SUBJECT }, { 0 } },
	{ "deleted in Outlook", { .wanted = true, .there = MEETING_ENDED }, { .tell_cancelled = true } },
	{ "deleted in Outlook, changed by the app", { .wanted = true, .there = MEETING_ENDED, .app_changed = SUBJECT },
	    { .tell_cancelled = true } },
	{ "deleted in Outlook, the app decides", { .policy = MEETINGS_APP, .wanted = true, .there = MEETING_ENDED },
	    { .action = MEETING_CREATE, .anew = true } },
	{ "cancelled on both sides", { .wanted = false, .there = MEETING_ENDED }, { 0 } },
	{ "the app is being told of the end", { .wanted = true, .there = MEETING_ENDED, .frozen_end = true }, { 0 } },
	{ "the app is being told of the time, and has put it anew",
	    { .wanted = true, .there = MEETING_LIVE, .app_changed = TIME | SUBJECT, .outlook_changed = TIME, .frozen = TIME },
	    { .action = MEETING_UPDATE, .patch = SUBJECT } },
};

static void
steps_equal(const struct meeting_step *a, const struct meeting_step *b, const char *why)
{
	if (a->action != b->action || a->patch != b->patch || a->tell != b->tell || a->tell_cancelled != b->tell_cancelled ||
	    a->agree != b->agree || a->anew != b->anew)
		fail_msg("%s: %s, patch %x, tell %x%s, agree %x", why, meeting_action_text(a->action), a->patch, a->tell,
		    a->tell_cancelled ? " the end" : "", a->agree);
}

static void
named_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct meeting_step s = meeting_diff(&cases[i].in);

		steps_equal(&s, &cases[i].out, cases[i].why);
	}
}

static struct meeting_input
any_input(struct rng *rng)
{
	return (struct meeting_input){
		.policy = (enum meetings_policy)rng_below(rng, 3),
		.outlook_wins = rng_below(rng, 2) != 0,
		.wanted = rng_below(rng, 3) != 0,
		.there = (enum meeting_there)rng_below(rng, 4),
		.over = rng_below(rng, 8) == 0,
		.far = rng_below(rng, 8) == 0,
		.app_changed = (unsigned)rng_u64(rng) & EVENT_MASK_ALL,
		.outlook_changed = (unsigned)rng_u64(rng) & EVENT_MASK_ALL,
		.equal = (unsigned)rng_u64(rng) & EVENT_MASK_ALL,
		.frozen = rng_below(rng, 3) == 0 ? (unsigned)rng_u64(rng) & EVENT_MASK_ALL : 0,
		.frozen_end = rng_below(rng, 8) == 0,
	};
}

/* What must hold of any answer, by its meaning alone. */
static void
makes_sense(const struct meeting_input *in, const struct meeting_step *s)
{
	bool live = in->there == MEETING_LIVE;

	if (in->policy == MEETINGS_OFF || in->over)
		steps_equal(s, &(struct meeting_step){ 0 }, "off or over");
	assert_true(
	    s->action != MEETING_CREATE || (in->wanted && in->there != MEETING_LIVE && in->there != MEETING_MAYBE && !in->far));
	assert_true(s->action != MEETING_CANCEL || (!in->wanted && live));
	assert_true(s->action != MEETING_UPDATE || (in->wanted && live && s->patch != 0));
	assert_true(s->action == MEETING_UPDATE || s->patch == 0);
	assert_true(!s->tell_cancelled || (in->wanted && in->there == MEETING_ENDED && in->policy == MEETINGS_TWO_WAY));
	assert_true(!s->anew || s->action == MEETING_CREATE);
	/* Nobody hears of, and nothing is written of, what nobody changed, what is equal, or what the app is being told. */
	assert_int_equal(s->patch & ~(in->app_changed | in->outlook_changed), 0);
	assert_int_equal(s->patch & (in->equal | in->frozen | SINGLES | EVENT_MASK(CANCELLED)), 0);
	assert_int_equal(s->tell & ~in->outlook_changed & ~SERIES, 0);
	/* Of a series one side has both the time and the rule. */
	assert_true((s->patch & SERIES) == 0 || (s->tell & SERIES) == 0);
	assert_int_equal(s->tell & (in->frozen | EVENT_MASK(CANCELLED)), 0);
	assert_int_equal(s->tell & in->equal & ~SINGLES, 0);
	assert_int_equal(s->agree & ~in->equal, 0);
	/* Each field goes one way at the most. */
	assert_int_equal(s->patch & s->tell, 0);
	assert_int_equal(s->agree & (s->patch | s->tell), 0);
	if (in->policy == MEETINGS_APP)
		assert_int_equal(s->tell & ~SINGLES, 0);
}

/* Every changed field is dealt with: nothing is forgotten. */
static void
nothing_is_left(const struct meeting_input *in, const struct meeting_step *s)
{
	unsigned changed = (in->app_changed & ~SINGLES) | in->outlook_changed;

	if (in->policy == MEETINGS_OFF || in->over || in->far || !in->wanted || in->there != MEETING_LIVE || in->frozen_end)
		return;
	assert_int_equal(
	    (s->patch | s->tell | s->agree) & FIELDS, changed & FIELDS & ~in->frozen & ~(in->frozen & SERIES ? SERIES : 0));
}

static void
any_world(void **state)
{
	struct rng rng = test_rng("any_world");

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct meeting_input in = any_input(&rng);
		struct meeting_step s = meeting_diff(&in);

		makes_sense(&in, &s);
		nothing_is_left(&in, &s);
	}
}

/* Doing what it says, again and again, ends: both sides are equal, and nothing is done any more. */
static void
it_comes_to_rest(void **state)
{
	struct rng rng = test_rng("it_comes_to_rest");

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct meeting_input in = any_input(&rng);
		unsigned app = (unsigned)rng_u64(&rng) & FIELDS & ~SINGLES, outlook = (unsigned)rng_u64(&rng) & FIELDS & ~SINGLES,
		         base = (unsigned)rng_u64(&rng) & FIELDS & ~SINGLES;
		struct meeting_step s = { 0 };

		in.there = MEETING_LIVE;
		in.wanted = true;
		in.over = in.far = in.frozen_end = false;
		in.frozen = 0;
		if (in.policy == MEETINGS_OFF)
			continue;
		/* A bit is a field's value here. */
		for (int round = 0; round < 2; round++) {
			in.app_changed = app ^ base;
			in.outlook_changed = outlook ^ base;
			in.equal = ~(app ^ outlook) & FIELDS;
			s = meeting_diff(&in);
			outlook = (outlook & ~s.patch) | (app & s.patch);
			app = (app & ~s.tell) | (outlook & s.tell);
			base = (base & ~(s.patch | s.tell | s.agree)) | (app & (s.patch | s.tell | s.agree));
		}
		steps_equal(&s, &(struct meeting_step){ 0 }, "the second round");
		assert_int_equal(app, outlook);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(named_cases),
		cmocka_unit_test(any_world),
		cmocka_unit_test(it_comes_to_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
