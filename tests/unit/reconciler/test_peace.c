/* Faults of all kinds, and then none: soon after, nothing waits any more, and nothing is asked about without end. */
#include "unit/reconciler/app_side.h"

#include <cmocka.h>

#define TROUBLE_MS   (5 * 60 * 1000)
#define PEACE_MS     (8 * 60 * 1000) /* one by one, four joins a minute is what Graph takes */
#define FIRST_OF_APP 13
#define PEOPLE       60
#define SEEDS        3

static const char *const faults[] = {
	"{\"kind\":\"status\",\"status\":503,\"retry_after_s\":1,\"probability\":0.3,\"count\":0}",
	"{\"kind\":\"status\",\"status\":429,\"retry_after_s\":2,\"probability\":0.3,\"count\":0}",
	"{\"kind\":\"status\",\"status\":500,\"path\":\"/teams\",\"probability\":0.5,\"count\":0}",
	"{\"kind\":\"close_before\",\"probability\":0.2,\"count\":0}",
	"{\"kind\":\"close_after\",\"probability\":0.2,\"count\":0}",
	"{\"kind\":\"truncate\",\"path\":\"/teams\",\"count\":3}",
	"{\"kind\":\"timeout_before\",\"path\":\"/teams\",\"count\":1}",
	"{\"kind\":\"timeout_after\",\"path\":\"/teams\",\"count\":1}",
	"{\"kind\":\"lag\",\"delay_ms\":2000,\"path\":\"/teams\",\"count\":0}",
	"{\"kind\":\"drop\",\"probability\":0.5,\"count\":0}",
};

/* Some come and go in Teams only, the others in the app only: whom Teams takes out while our write is settling waits for that. */
static void
change_something(struct rig *rig)
{
	unsigned in_app = FIRST_OF_APP + (unsigned)rng_below(&rig->rng, PEOPLE - FIRST_OF_APP + 1);
	unsigned elsewhere = 3 + (unsigned)rng_below(&rig->rng, FIRST_OF_APP - 3);
	struct member_view view;

	if (rng_below(&rig->rng, 4) == 0)
		rig_member(rig, in_teams(rig, elsewhere)[0] != '\0' ? "remove" : "add", elsewhere, "member");
	else if (get_member(rig, "pride", in_app, &view) == ERR_OK && view.member.app.present)
		leave(rig, "pride", in_app);
	else
		join(rig, in_app);
}

static void
trouble(struct rig *rig)
{
	int64_t end_ms = clock_boot_ms(rig->clock) + TROUBLE_MS, fault_ms = 0;

	for (; clock_boot_ms(rig->clock) < end_ms; rig_run(rig, 500 + (int64_t)rng_below(&rig->rng, 1500))) {
		if (clock_boot_ms(rig->clock) >= fault_ms) {
			json_decref(rig_ask(rig, "DELETE", "/_sim/faults", NULL));
			for (int i = 0; i < 2; i++)
				rig_do(
				    rig, "/_sim/faults", "%s", faults[rng_below(&rig->rng, sizeof(faults) / sizeof(faults[0]))]);
			fault_ms = clock_boot_ms(rig->clock) + 1000 + (int64_t)rng_below(&rig->rng, 6000);
		}
		change_something(rig);
	}
	json_decref(rig_ask(rig, "DELETE", "/_sim/faults", NULL));
}

static void
soon_after_trouble_nothing_waits(void **state)
{
	const char *text = getenv("ERGSYNC_TEST_SEED");
	uint64_t first = text != NULL ? strtoull(text, NULL, 10) : 1;
	struct rig rig;

	(void)state;
	for (uint64_t seed = first; seed < first + SEEDS; seed++) {
		int64_t waited_ms = 0;

		rig_make(&rig, seed, PEOPLE, FIRST_OF_APP - 1);
		rig.config.removal_limit = 1000000;
		rig.config.removal_percent = 100;
		rig_link(&rig);
		trouble(&rig);
		for (int64_t ms = 0; ms < PEACE_MS; ms += 1000, rig_run(&rig, 1000))
			if (rig_erg(&rig).state != ERG_IN_SYNC)
				waited_ms = ms + 1000;
		print_message("seed %d: in sync %d s after the last fault\n", (int)seed, (int)(waited_ms / 1000));
		assert_true(waited_ms < PEACE_MS);
		rig_done(&rig);
	}
}

/* The answer to a join is lost, the join was not made, and meanwhile nobody wants it any more. */
static void
what_nobody_wants_any_more_is_looked_for_and_forgotten(void **state)
{
	int64_t reads;
	struct rig rig;

	(void)state;
	rig_make(&rig, 61, 40, 25);
	rig_link(&rig);
	rig_do(&rig, "/_sim/faults", "{\"kind\":\"close_before\",\"method\":\"POST\",\"path\":\"/teams\",\"count\":1}");
	join(&rig, 28);
	join(&rig, 29);
	rig_run(&rig, 3000);
	leave(&rig, "pride", 28);
	rig_forget_requests(&rig);
	rig_run(&rig, 200000);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	assert_string_equal(in_teams(&rig, 28), "");
	assert_string_equal(in_teams(&rig, 29), "member");
	reads = rig_requests(&rig, "GET /teams/{team}/members");
	print_message("%d reads\n", (int)reads);
	assert_in_range(reads, 1, 12);
	assert_int_equal(violations(&rig), 0);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(soon_after_trouble_nothing_waits),
		cmocka_unit_test(what_nobody_wants_any_more_is_looked_for_and_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
