/* Exactly once: the reconciler dies at any moment, Graph's answers get lost after the deed, the store is lost. Each time there is one
 * meeting in the end, and everybody was invited once. */
#include "unit/reconciler/meeting_side.h"

#include "unit/base/seed.h"

#define RUNS_MAX  500
#define RUNS      100 /* ERGSYNC_TEST_RUNS says otherwise */
#define ATTENDEES 2

static unsigned
run_count(void)
{
	const char *given = getenv("ERGSYNC_TEST_RUNS");
	uint64_t n = RUNS;

	if (given != NULL && (parse_u64(given, &n) != ERR_OK || n > RUNS_MAX))
		n = RUNS_MAX;
	return (unsigned)n;
}

/* So many things happen, wherever that leads. */
static void
wake_ups(struct rig *rig, uint64_t count)
{
	int64_t next_ms, now_ms;

	for (uint64_t i = 0; i < count && clock_manual_next(rig->clock, &next_ms); i++) {
		now_ms = clock_boot_ms(rig->clock);
		rig_run(rig, next_ms > now_ms ? next_ms - now_ms : 0);
	}
}

static int64_t
mails_of(const json_t *item, const char *kind)
{
	return jx_get_int(jx_get_object(item, "mails"), kind, 0);
}

/* What is true of one event in the end. live: not cancelled. */
static void
judge(struct rig *rig, const json_t *all, const char *name, const char *subject, bool live, int64_t updates)
{
	struct event e = meet_event(rig, name);
	const json_t *item;
	size_t i, there = 0;

	json_array_foreach(jx_get_array(all, "events"), i, item)
	{
		const char *tag = NULL;
		const char *key;
		json_t *value;

		json_object_foreach(jx_get_object(item, "properties"), key, value) tag = json_string_value(value);
		if (tag == NULL || strncmp(tag, "pride/", 6) != 0 || strncmp(tag + 6, name, strlen(name)) != 0 ||
		    tag[6 + strlen(name)] != '/')
			continue;
		assert_int_equal(mails_of(item, "invitations"), ATTENDEES);
		assert_int_equal(mails_of(item, "updates"), updates * ATTENDEES);
		assert_int_equal(mails_of(item, "cancellations"), live ? 0 : ATTENDEES);
		assert_int_equal(jx_get_bool(item, "gone", false), !live);
		assert_string_equal(jx_get_str(item, "subject"), subject);
		assert_string_equal(jx_get_str(item, "id"), e.graph_id);
		there++;
	}
	if (there != 1)
		fail_msg("there are %zu meetings for %s", there, name);
	assert_int_equal(e.status, live ? EVENT_SCHEDULED : EVENT_CANCELLED);
	assert_int_equal(e.unknown, false);
	assert_int_equal(e.started_wall_ms, 0);
}

static json_t *
everything(struct rig *rig)
{
	return rig_ask(rig, "GET", "/_sim/events?gone=true&user=" ORGANIZER, NULL);
}

static void
fault(struct rig *rig, const char *kind, const char *method, uint64_t skip)
{
	rig_do(rig, "/_sim/faults", "{\"kind\":\"%s\",\"method\":\"%s\",\"path\":\"/users/\",\"count\":1,\"skip\":%u}", kind,
	    method, (unsigned)skip);
}

static void
no_faults(struct rig *rig)
{
	json_decref(rig_ask(rig, "DELETE", "/_sim/faults", NULL));
}

/* How the n-th run is disturbed. */
typedef void (*disturb)(struct rig *rig, struct rng *rng, const char *method);

static void
crash_somewhere(struct rig *rig, struct rng *rng, const char *method)
{
	(void)method;
	wake_ups(rig, rng_below(rng, 25));
	rig_crash(rig);
}

static void
lose_the_answer(struct rig *rig, struct rng *rng, const char *method)
{
	static const char *const kinds[] = { "timeout_after", "close_after", "timeout_after", "truncate" };

	fault(rig, kinds[rng_below(rng, 4)], method, 0);
}

/* A third of all runs each: only made, made and changed, made and cancelled. */
static void
runs(struct rig *rig, struct rng *rng, disturb d)
{
	unsigned count = run_count();
	json_t *all;
	char name[32];

	rig->config.mail_limit = 1000000;
	for (unsigned i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "run%u", i);
		meet_put(rig, name, meet_fields("First", 3 * DAY_MS, ATTENDEES));
		d(rig, rng, "POST");
		rig_run(rig, 90000);
		no_faults(rig);
		if (i % 3 == 1) {
			meet_put(rig, name, meet_fields("Second", 3 * DAY_MS, ATTENDEES));
			rig_run(rig, 2500);
			d(rig, rng, "PATCH");
		} else if (i % 3 == 2) {
			meet_remove(rig, name, "Rain.");
			d(rig, rng, "POST");
		}
		rig_run(rig, 90000);
		no_faults(rig);
	}
	rig_run(rig, HOUR_MS);
	all = everything(rig);
	for (unsigned i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "run%u", i);
		judge(rig, all, name, i % 3 == 1 ? "Second" : "First", i % 3 != 2, i % 3 == 1);
	}
	json_decref(all);
	assert_int_equal(rig_count(rig, "ergsync.meeting.scheduled", 0), count);
	assert_int_equal(rig_count(rig, "ergsync.meeting.cancelled", 0), 0);
	assert_int_equal(rig_count(rig, "ergsync.meeting.updated", 0), 0);
	assert_int_equal(rig_count(rig, "ergsync.meeting.failed", 0), 0);
}

static void
crashes_at_any_moment(void **state)
{
	struct rng rng = test_rng("crashes_at_any_moment");
	struct rig rig;

	(void)state;
	meet_make(&rig, 61);
	runs(&rig, &rng, crash_somewhere);
	rig_done(&rig);
}

static void
answers_lost_after_the_deed(void **state)
{
	struct rng rng = test_rng("answers_lost_after_the_deed");
	struct rig rig;

	(void)state;
	meet_make(&rig, 62);
	runs(&rig, &rng, lose_the_answer);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crashes_at_any_moment),
		cmocka_unit_test(answers_lost_after_the_deed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
