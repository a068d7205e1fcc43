/* The way of a change from the app to Teams: once, in bulk, never too much, and back from unknown outcomes. */
#include "unit/reconciler/app_side.h"

#define DAY (24 * 3600 * 1000LL)

static void
a_change_in_the_app_is_one_write_and_no_echo(void **state)
{
	struct app_member_put owner = entry(28, ROLE_OWNER);
	struct rig rig;
	size_t events;

	(void)state;
	rig_make(&rig, 21, 30, 25);
	rig_link(&rig);
	events = rig.event_count;
	rig_forget_requests(&rig);
	join(&rig, 28);
	assert_int_equal(status_of(&rig, "pride", 28), MEMBER_ADDING_TO_TEAMS);
	rig_run(&rig, 60000);
	assert_string_equal(in_teams(&rig, 28), "member");
	assert_int_equal(status_of(&rig, "pride", 28), MEMBER_SYNCED);
	put_member(&rig, "pride", &owner);
	rig_run(&rig, 60000);
	assert_string_equal(in_teams(&rig, 28), "owner");
	assert_int_equal(status_of(&rig, "pride", 28), MEMBER_SYNCED);
	leave(&rig, "pride", 28);
	rig_run(&rig, 60000);
	assert_string_equal(in_teams(&rig, 28), "");
	assert_int_equal(rig_requests(&rig, ADD_ONE), 1);
	assert_int_equal(rig_requests(&rig, REMOVE_ONE) + rig_requests(&rig, "DELETE (none)"), 1);
	assert_int_equal(rig_requests(&rig, USERS), 1);
	assert_int_equal(rig.event_count, events);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	assert_int_equal(rig_erg(&rig).counts.app, 25);
	assert_int_equal(violations(&rig), 0);
	rig_done(&rig);
}

static void
fifty_joiners_are_one_call(void **state)
{
	struct app_members_replaced replaced = { 0 };
	struct app_member_put *list;
	struct erg_id id = erg_named("pride");
	struct problem p = { 0 };
	struct rig rig;
	size_t events;

	(void)state;
	rig_make(&rig, 22, 80, 20);
	rig_link(&rig);
	events = rig.event_count;
	rig_forget_requests(&rig);
	assert_non_null(list = calloc(70, sizeof(*list)));
	for (unsigned i = 0; i < 70; i++)
		list[i] = entry(i + 1, i == 0 ? ROLE_OWNER : ROLE_MEMBER);
	assert_int_equal(backend_ops.members_replace(rig.r, &id, list, 70, &replaced, &p), ERR_OK);
	/* Nobody is taken out whom an address that is still to be looked up may mean. */
	rig_run(&rig, 120000);
	assert_int_equal(count_in_teams(&rig), 70);
	assert_int_equal(rig_requests(&rig, ADD_BULK), 1);
	assert_int_equal(rig_requests(&rig, ADD_ONE), 0);
	assert_int_equal(rig.event_count, events);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	assert_int_equal(rig_erg(&rig).counts.app, 70);
	/* The same list again changes nothing. */
	memset(&replaced, 0, sizeof(replaced));
	assert_int_equal(backend_ops.members_replace(rig.r, &id, list, 70, &replaced, &p), ERR_OK);
	assert_int_equal(replaced.unchanged, 70);
	rig_run(&rig, 120000);
	assert_int_equal(rig_requests(&rig, ADD_BULK), 1);
	assert_int_equal(violations(&rig), 0);
	free(list);
	rig_done(&rig);
}

/* Fifty addresses are three calls; whom a call did not answer is asked about again, and nobody else is. */
static void
addresses_are_looked_up_together(void **state)
{
	struct rig rig;

	(void)state;
	for (int faults = 0; faults < 2; faults++) {
		rig_make(&rig, 52, 80, 20);
		rig_link(&rig);
		rig_forget_requests(&rig);
		if (faults != 0)
			rig_do(&rig, "/_sim/faults",
			    "{\"kind\":\"status\",\"status\":500,\"method\":\"GET\",\"path\":\"/"
			    "users\",\"skip\":20,\"count\":3}");
		for (unsigned i = 21; i <= 70; i++)
			join(&rig, i);
		rig_run(&rig, 300000);
		assert_int_equal(count_in_teams(&rig), 70);
		assert_int_equal(rig_requests(&rig, "POST /$batch"), faults != 0 ? 4 : 3);
		print_message("50 addresses: %d calls, %d look-ups within them\n", (int)rig_requests(&rig, "POST /$batch"),
		    (int)rig_requests(&rig, USERS));
		assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
		assert_int_equal(violations(&rig), 0);
		rig_done(&rig);
	}
}

static void
private_people_are_not_asked_about(void **state)
{
	struct app_member_put put = entry(28, ROLE_MEMBER);
	struct rig rig;

	(void)state;
	rig_make(&rig, 23, 30, 25);
	rig_link(&rig);
	rig_forget_requests(&rig);
	put.private_ = true;
	put_member(&rig, "pride", &put);
	rig_run(&rig, 3 * 24 * 3600 * 1000LL);
	assert_int_equal(status_of(&rig, "pride", 28), MEMBER_PRIVATE);
	assert_string_equal(in_teams(&rig, 28), "");
	assert_int_equal(rig_requests(&rig, USERS), 0);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	rig_done(&rig);
}

static void
an_unknown_address_is_told_once_and_tried_again(void **state)
{
	struct app_member_put put = entry(77, ROLE_MEMBER);
	char id[GUID_SIZE];
	struct rig rig;
	size_t events;

	(void)state;
	rig_make(&rig, 24, 30, 25);
	rig_link(&rig);
	events = rig.event_count;
	rig_forget_requests(&rig);
	put_member(&rig, "pride", &put);
	rig_run(&rig, 60000);
	assert_int_equal(status_of(&rig, "pride", 77), MEMBER_UNRESOLVED);
	assert_int_equal(rig_count(&rig, "ergsync.member.unresolved", events), 1);
	rig_run(&rig, 2 * 24 * 3600 * 1000LL);
	assert_int_equal(rig_count(&rig, "ergsync.member.unresolved", events), 1);
	assert_in_range(rig_requests(&rig, USERS), 2, 4);
	rig_do(&rig, "/_sim/users", "{\"tenant\":\"%s\",\"id\":\"%s\",\"upn\":\"u77@acme.example\"}", RIG_DIRECTORY,
	    rig_user(77, id));
	put_member(&rig, "pride", &put);
	rig_run(&rig, 60000);
	assert_int_equal(status_of(&rig, "pride", 77), MEMBER_SYNCED);
	assert_string_equal(in_teams(&rig, 77), "member");
	rig_done(&rig);
}

static void
a_refused_person_is_parked(void **state)
{
	char id[GUID_SIZE];
	struct rig rig;
	size_t events;

	(void)state;
	rig_make(&rig, 25, 30, 25);
	rig_link(&rig);
	events = rig.event_count;
	rig_do(&rig, "/_sim/users", "{\"tenant\":\"%s\",\"id\":\"%s\",\"licensed\":false}", RIG_DIRECTORY, rig_user(28, id));
	join(&rig, 28);
	join(&rig, 29);
	rig_run(&rig, 120000);
	assert_int_equal(status_of(&rig, "pride", 28), MEMBER_REFUSED_BY_TEAMS);
	assert_int_equal(status_of(&rig, "pride", 29), MEMBER_SYNCED);
	assert_int_equal(rig_count(&rig, "ergsync.member.refused", events), 1);
	rig_do(&rig, "/_sim/users", "{\"tenant\":\"%s\",\"id\":\"%s\",\"licensed\":true}", RIG_DIRECTORY, rig_user(28, id));
	rig_run(&rig, 26 * 3600 * 1000LL);
	assert_int_equal(status_of(&rig, "pride", 28), MEMBER_SYNCED);
	assert_int_equal(rig_count(&rig, "ergsync.member.refused", events), 1);
	rig_done(&rig);
}

static void
after_an_unknown_outcome_it_reads_first(void **state)
{
	static const char *const faults[] = { "timeout_after", "timeout_before", "close_after" };
	struct rig rig;

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		rig_make(&rig, 26 + i, 40, 25);
		rig_link(&rig);
		rig.deaf = true;
		for (int many = 0; many < 2; many++) {
			rig_do(&rig, "/_sim/faults", "{\"kind\":\"%s\",\"method\":\"POST\",\"path\":\"/teams\"}", faults[i]);
			for (unsigned u = 0; u < (many ? 10 : 1); u++)
				join(&rig, 26 + (unsigned)many + u);
			rig_run(&rig, 1800000);
			assert_int_equal(count_in_teams(&rig), many ? 36 : 26);
			assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
		}
		assert_int_equal(violations(&rig), 0);
		rig_done(&rig);
	}
}

static void
a_crash_before_the_answer_reads_first(void **state)
{
	struct rig rig;

	(void)state;
	for (int ms = 0; ms < 400; ms += 20) {
		rig_make(&rig, 29, 40, 25);
		rig_do(&rig, "/_sim/settings", "{\"latency_ms\":70}");
		rig_link(&rig);
		join(&rig, 28);
		rig_run(&rig, ms);
		store_commit(rig.r->store);
		rig_crash(&rig);
		rig_run(&rig, 1800000);
		assert_string_equal(in_teams(&rig, 28), "member");
		assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
		leave(&rig, "pride", 28);
		rig_run(&rig, ms);
		store_commit(rig.r->store);
		rig_crash(&rig);
		rig_run(&rig, 1800000);
		assert_string_equal(in_teams(&rig, 28), "");
		assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
		rig_done(&rig);
	}
}

/* A read of the roster that began before a hint told of our own write, and lags, is no evidence against what the hint's read showed. */
static void
an_older_read_takes_nobody_out(void **state)
{
	struct rig rig;

	(void)state;
	for (int delay_ms = 0; delay_ms < 8000; delay_ms += 500) {
		rig_make(&rig, 39, 40, 25);
		rig_link(&rig);
		rig_do(&rig, "/_sim/settings",
		    "{\"latency_ms\":3000,\"lag_ms\":120000,\"notify_delay_ms\":%d,\"notify_jitter_ms\":0}", delay_ms);
		rig_do(&rig, "/_sim/faults", "{\"kind\":\"close_after\",\"method\":\"POST\",\"path\":\"/teams\"}");
		join(&rig, 28);
		rig_run(&rig, 600000);
		assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
		assert_string_equal(in_teams(&rig, 28), "member");
		assert_int_equal(status_of(&rig, "pride", 28), MEMBER_SYNCED);
		rig_done(&rig);
	}
}

/* Nobody has looked between the write and the end of a short settle time, and by then the app has thought better of it: what Teams
 * shows later is our own write, and no joiner to tell the app of. */
static void
a_write_taken_back_is_known_for_ours(void **state)
{
	struct rig rig;

	(void)state;
	for (int wait_ms = 500; wait_ms <= 8000; wait_ms += 1500) {
		rig_make(&rig, 40, 40, 25);
		rig.config.settle_ms = 4000;
		rig_link(&rig);
		rig.deaf = true;
		rig_do(&rig, "/_sim/settings", "{\"lag_ms\":1200}");
		join(&rig, 28);
		rig_run(&rig, wait_ms);
		leave(&rig, "pride", 28);
		rig_run(&rig, 60000);
		assert_string_equal(in_teams(&rig, 28), "");
		assert_int_equal(rig_count(&rig, "ergsync.member.added", 0), 25);
		assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
		join(&rig, 28);
		rig_run(&rig, 10000);
		assert_int_equal(status_of(&rig, "pride", 28), MEMBER_SYNCED);
		rig_done(&rig);
	}
}

/* The app takes somebody back while the write of that joiner is on its way, or may be: what Teams shows then is our own write, and is
 * undone. */
static void
a_write_on_its_way_is_known_for_ours(void **state)
{
	struct rig rig;

	(void)state;
	for (int crash = 0; crash < 2; crash++)
		for (int wait_ms = 0; wait_ms <= 8000; wait_ms += 500) {
			rig_make(&rig, 44, 40, 25);
			rig_link(&rig);
			rig_do(&rig, "/_sim/settings", "{\"latency_ms\":2000}");
			rig_run(&rig, 60000);
			join(&rig, 28);
			rig_run(&rig, wait_ms);
			leave(&rig, "pride", 28);
			store_commit(rig.r->store);
			if (crash != 0)
				rig_crash(&rig);
			rig_run(&rig, 600000);
			assert_string_equal(in_teams(&rig, 28), "");
			assert_int_equal(rig_count(&rig, "ergsync.member.added", 0), 25);
			assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
			assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
			rig_done(&rig);
		}
}

/* A faulted one has no template. */
static int64_t
adds(struct rig *rig)
{
	return rig_requests(rig, ADD_ONE) + rig_requests(rig, ADD_BULK) + rig_requests(rig, "POST (none)");
}

/* Refused on its way, the person is forgotten; the app hears nothing of somebody it has taken back. */
static void
a_refusal_of_who_was_taken_back_is_not_told(void **state)
{
	struct member_view view;
	struct rig rig;

	(void)state;
	rig_make(&rig, 45, 40, 25);
	rig_link(&rig);
	rig_do(&rig, "/_sim/settings", "{\"latency_ms\":2000}");
	rig_do(&rig, "/_sim/faults", "{\"kind\":\"status\",\"status\":404,\"method\":\"POST\",\"path\":\"/teams\"}");
	join(&rig, 28);
	while (adds(&rig) == 0)
		rig_run(&rig, 500);
	leave(&rig, "pride", 28);
	rig_run(&rig, 3600 * 1000);
	assert_int_equal(get_member(&rig, "pride", 28, &view), ERR_NOTFOUND);
	assert_int_equal(rig_count(&rig, "ergsync.member.refused", 0), 0);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	rig_done(&rig);
}

/* Graph has asked for patience. What the app has taken back by then is never written, singly or among others. */
static void
what_is_not_sent_is_withdrawn(void **state)
{
	struct rig rig;

	(void)state;
	for (unsigned others = 0; others <= 2; others++) {
		rig_make(&rig, 46, 40, 25);
		rig_link(&rig);
		name_all(&rig, 25);
		rig_run(&rig, 60000);
		rig_do(&rig, "/_sim/faults",
		    "{\"kind\":\"status\",\"status\":429,\"retry_after_s\":120,\"method\":\"POST\",\"path\":\"/"
		    "teams\",\"count\":1}");
		rig_do(&rig, "/_sim/faults",
		    "{\"kind\":\"status\",\"status\":429,\"retry_after_s\":120,\"method\":\"DELETE\",\"path\":\"/"
		    "teams\",\"count\":1}");
		for (unsigned i = 0; i <= others; i++)
			join(&rig, 28 + i);
		rig_run(&rig, 20000);
		assert_int_equal(adds(&rig), 1);
		leave(&rig, "pride", 28);
		rig_run(&rig, 600000);
		assert_int_equal(adds(&rig), others != 0 ? 2 : 1);
		assert_int_equal(count_in_teams(&rig), 25 + others);
		assert_int_equal(rig_count(&rig, "ergsync.member.added", 0), 25);
		leave(&rig, "pride", 5);
		rig_run(&rig, 20000);
		assert_int_equal(rig_requests(&rig, REMOVE_ONE) + rig_requests(&rig, "DELETE (none)"), 1);
		join(&rig, 5);
		rig_run(&rig, 600000);
		assert_int_equal(rig_requests(&rig, REMOVE_ONE) + rig_requests(&rig, "DELETE (none)"), 1);
		assert_string_equal(in_teams(&rig, 5), "member");
		assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
		assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
		rig_done(&rig);
	}
}

static void
the_last_owner_stays(void **state)
{
	struct rig rig;

	(void)state;
	rig_make(&rig, 30, 30, 25);
	rig_put_tenant(&rig);
	rig_link(&rig);
	name_all(&rig, 3);
	leave(&rig, "pride", 1);
	rig_run(&rig, 120000);
	assert_string_equal(in_teams(&rig, 1), "owner");
	assert_int_equal(status_of(&rig, "pride", 1), MEMBER_REFUSED_BY_TEAMS);
	assert_int_equal(violations(&rig), 0);
	rig_done(&rig);
}

/* ---------- plans ---------- */

static void
on_item(void *arg, const struct app_plan_item *item)
{
	(void)item;
	++*(size_t *)arg;
}

static struct app_plan
plan_of(struct rig *rig)
{
	struct erg_id id = erg_named("pride");
	struct app_plan plan = { 0 };
	struct problem p = { 0 };
	size_t items = 0;

	assert_int_equal(backend_ops.plan_get(rig->r, &id, on_item, &items, &plan, &p), ERR_OK);
	assert_int_equal(items, plan.additions + plan.removals);
	return plan;
}

static enum err
decide(struct rig *rig, bool approve, const char *hash)
{
	struct erg_id id = erg_named("pride");
	struct problem p = { 0 };

	return backend_ops.plan_decide(rig->r, &id, approve, hash, &p);
}

static void
leave_in_the_app(struct rig *rig)
{
	for (unsigned i = 11; i <= 40; i++)
		leave(rig, "pride", i);
}

static void
leave_in_teams(struct rig *rig)
{
	rig->deaf = true;
	for (unsigned i = 11; i <= 40; i++)
		rig_member(rig, "remove", i, "member");
	rig->deaf = false;
}

static void
a_mass_removal_waits(void (*leave_all)(struct rig *rig), bool approve, bool app_side)
{
	struct app_plan plan, later;
	struct rig rig;
	size_t removed;

	rig_make(&rig, 31, 101, 100);
	rig_link(&rig);
	for (unsigned i = 1; i <= 40; i++)
		join(&rig, i);
	rig_run(&rig, 120000);
	leave_all(&rig);
	rig_run(&rig, 26 * 3600 * 1000LL);
	assert_int_equal(rig_erg(&rig).state, ERG_HELD);
	plan = plan_of(&rig);
	assert_true(plan.held);
	assert_int_equal(plan.removals, 30);
	assert_int_equal(rig_count(&rig, "ergsync.plan.held", 0), 1);
	assert_int_equal(decide(&rig, approve, "0000"), ERR_CONFLICT);
	/* Reality moves: the plan is another one. */
	if (app_side)
		join(&rig, 11);
	else
		rig_member(&rig, "add", 11, "member");
	rig_run(&rig, 120000);
	later = plan_of(&rig);
	assert_int_equal(later.removals, 29);
	assert_true(later.detail[0] != '\0');
	assert_string_not_equal(later.hash, plan.hash);
	assert_int_equal(decide(&rig, approve, plan.hash), ERR_CONFLICT);
	removed = rig_count(&rig, "ergsync.member.removed", 0);
	rig_restart(&rig);
	assert_int_equal(decide(&rig, approve, later.hash), ERR_OK);
	rig_run(&rig, 3600000);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	assert_int_equal(count_in_teams(&rig), approve ? 71 : 100);
	assert_int_equal(rig_erg(&rig).counts.app, approve ? 71 : 100);
	assert_int_equal(rig_erg(&rig).counts.teams, approve ? 71 : 100);
	assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0) - removed, approve && !app_side ? 29 : 0);
	assert_string_equal(in_teams(&rig, 1), "owner");
	assert_int_equal(decide(&rig, approve, later.hash), ERR_CONFLICT);
	assert_int_equal(violations(&rig), 0);
	rig_done(&rig);
}

/* What was held is no longer to be done, by the app's own act or because nobody decides any more. */
static void
a_plan_ends_with_its_reason(void **state)
{
	struct problem p = { 0 };
	struct rig rig;

	(void)state;
	for (int off = 0; off < 2; off++) {
		rig_make(&rig, 32, 101, 100);
		rig_link(&rig);
		for (unsigned i = 1; i <= 40; i++)
			join(&rig, i);
		rig_run(&rig, 120000);
		leave_in_teams(&rig);
		rig_run(&rig, 26 * 3600 * 1000LL);
		assert_int_equal(rig_erg(&rig).state, ERG_HELD);
		if (off != 0) {
			assert_int_equal(rig_put_erg(&rig, "pride", MEMBERSHIP_OFF, &p), ERR_OK);
			assert_int_equal(rig_erg(&rig).state, ERG_OFF);
		} else {
			leave_in_the_app(&rig);
			rig_run(&rig, 26 * 3600 * 1000LL);
			assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
		}
		assert_false(plan_of(&rig).held);
		assert_int_equal(decide(&rig, true, "0000"), ERR_CONFLICT);
		rig_run(&rig, 26 * 3600 * 1000LL);
		assert_int_equal(count_in_teams(&rig), 70);
		assert_int_equal(rig_count(&rig, "ergsync.member.removed", 0), 0);
		rig_done(&rig);
	}
}

static void
plans_towards_teams(void **state)
{
	(void)state;
	a_mass_removal_waits(leave_in_the_app, true, true);
	a_mass_removal_waits(leave_in_the_app, false, true);
}

static void
plans_towards_the_app(void **state)
{
	(void)state;
	a_mass_removal_waits(leave_in_teams, true, false);
	a_mass_removal_waits(leave_in_teams, false, false);
}

/* ---------- several ERGs on one team ---------- */

static void
removed_here_and_kept_there(void **state)
{
	struct problem p = { 0 };
	struct rig rig;

	(void)state;
	rig_make(&rig, 33, 30, 25);
	rig_link(&rig);
	assert_int_equal(rig_put_erg(&rig, "women", MEMBERSHIP_TWO_WAY, &p), ERR_OK);
	name_all(&rig, 5);
	rig_run(&rig, 120000);
	leave(&rig, "pride", 4);
	rig_run(&rig, 3600000);
	assert_string_equal(in_teams(&rig, 4), "member");
	assert_int_equal(status_of(&rig, "pride", 4), MEMBER_KEPT_IN_TEAMS);
	assert_int_equal(status_of(&rig, "women", 4), MEMBER_SYNCED);
	rig_run(&rig, 26 * 3600 * 1000LL);
	assert_int_equal(status_of(&rig, "pride", 4), MEMBER_KEPT_IN_TEAMS);
	leave(&rig, "women", 4);
	rig_run(&rig, 3600000);
	assert_string_equal(in_teams(&rig, 4), "");
	rig_done(&rig);
}

/* Two lists that disagree about a role on one team, and neither follows Teams: the greater right stays, and there is no end of a fight. */
static void
ergs_do_not_fight_over_a_role(void **state)
{
	static const enum membership_policy policies[] = { MEMBERSHIP_APP, MEMBERSHIP_TWO_WAY };
	struct app_member_put owner = entry(4, ROLE_OWNER), member = entry(4, ROLE_MEMBER);
	struct problem p = { 0 };
	struct rig rig;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		rig_make(&rig, 40 + i, 30, 25);
		rig_put_tenant(&rig);
		assert_int_equal(rig_put_erg(&rig, "pride", MEMBERSHIP_APP, &p), ERR_OK);
		assert_int_equal(rig_put_erg(&rig, "women", policies[i], &p), ERR_OK);
		rig_run(&rig, 120000);
		put_member(&rig, "pride", &owner);
		rig_run(&rig, 120000);
		rig_forget_requests(&rig);
		put_member(&rig, "women", &member);
		rig_run(&rig, 6 * 3600 * 1000LL);
		assert_string_equal(in_teams(&rig, 4), "owner");
		assert_int_equal(rig_requests(&rig, "PATCH /teams/{team}/members/{member}"), 0);
		put_member(&rig, "pride", &member);
		rig_run(&rig, 120000);
		assert_string_equal(in_teams(&rig, 4), "member");
		rig_run(&rig, 6 * 3600 * 1000LL);
		assert_int_equal(rig_requests(&rig, "PATCH /teams/{team}/members/{member}"), 1);
		assert_int_equal(violations(&rig), 0);
		rig_done(&rig);
	}
}

/* ---------- many changes ---------- */

static void
own_writes_have_no_echo(void **state)
{
	struct rig rig;
	size_t events;
	int64_t writes;

	(void)state;
	rig_make(&rig, 34, 100, 20);
	rig_link(&rig);
	rig.config.removal_limit = 100000;
	events = rig.event_count;
	rig_forget_requests(&rig);
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 41; i <= 90; i++)
			join(&rig, i);
		rig_run(&rig, 600000);
		assert_int_equal(count_in_teams(&rig), 70);
		for (unsigned i = 41; i <= 90; i++)
			leave(&rig, "pride", i);
		rig_run(&rig, 600000);
		assert_int_equal(count_in_teams(&rig), 20);
	}
	assert_int_equal(rig.event_count, events);
	writes = rig_requests(&rig, ADD_ONE) + rig_requests(&rig, ADD_BULK) + rig_requests(&rig, REMOVE_ONE) +
	         rig_requests(&rig, REMOVE_BULK);
	print_message(
	    "1,000 changes by the app: %d calls that write, %d callbacks\n", (int)writes, (int)(rig.event_count - events));
	assert_int_equal(writes, 10 + 30);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	assert_int_equal(violations(&rig), 0);
	rig_done(&rig);
}

/* A group that takes no writes refuses all of them at once, and each person is told once. */
static void
a_dynamic_group_refuses_all(void **state)
{
	struct rig rig;
	size_t events;

	(void)state;
	rig_make(&rig, 35, 60, 20);
	rig_link(&rig);
	rig_do(&rig, "/_sim/teams", "{\"tenant\":\"%s\",\"id\":\"%s\",\"dynamic\":true}", RIG_DIRECTORY, RIG_TEAM);
	events = rig.event_count;
	rig_forget_requests(&rig);
	for (unsigned i = 41; i <= 52; i++)
		join(&rig, i);
	rig_run(&rig, 600000);
	assert_int_equal(rig_count(&rig, "ergsync.member.refused", events), 12);
	assert_int_equal(rig_requests(&rig, ADD_BULK), 1);
	assert_int_equal(rig_erg(&rig).counts.refused, 12);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	rig_run(&rig, 12 * 3600 * 1000LL);
	assert_int_equal(rig_count(&rig, "ergsync.member.refused", events), 12);
	assert_int_equal(rig_requests(&rig, ADD_BULK), 1);
	rig_done(&rig);
}

/* One id that Graph does not know makes it refuse the whole call: then one by one, within its four a minute. */
static void
bulk_that_misbehaves_falls_back(void **state)
{
	static const char *const kinds[] = {
		"{\"kind\":\"status\",\"status\":404,\"code\":\"NotFound\",\"path\":\"/teams/" RIG_TEAM
		"/members/add\",\"count\":0}",
		"{\"kind\":\"status\",\"status\":502,\"path\":\"/teams/" RIG_TEAM "/members/add\",\"count\":0}",
	};
	struct rig rig;

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		rig_make(&rig, 36 + i, 60, 20);
		rig_link(&rig);
		rig_forget_requests(&rig);
		json_decref(rig_ask(&rig, "POST", "/_sim/faults", "%s", kinds[i]));
		for (unsigned u = 41; u <= 48; u++)
			join(&rig, u);
		rig_run(&rig, 3600000);
		assert_int_equal(count_in_teams(&rig), 28);
		assert_int_equal(rig_requests(&rig, ADD_ONE), 8);
		assert_int_equal(rig_count(&rig, "ergsync.member.refused", 0), 0);
		assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
		assert_int_equal(violations(&rig), 0);
		rig_done(&rig);
	}
}

/* What one change costs does not depend on how many are in the team. */
static void
a_change_costs_the_same_among_thousands(void **state)
{
	json_t *answer;
	struct rig rig;
	char id[GUID_SIZE];

	(void)state;
	rig_make(&rig, 38, 30, 10000);
	rig_do(&rig, "/_sim/members", "{\"op\":\"remove\",\"team\":\"%s\",\"user\":\"%s\",\"quiet\":true}", RIG_TEAM,
	    rig_user(29, id));
	rig.config.callback_url = NULL;
	rig_link(&rig);
	rig_run(&rig, 600000);
	assert_int_equal(rig_erg(&rig).counts.teams, 9999);
	rig_forget_requests(&rig);
	join(&rig, 29);
	rig_run(&rig, 600000);
	assert_int_equal(status_of(&rig, "pride", 29), MEMBER_SYNCED);
	answer = rig_ask(&rig, "GET", "/_sim/requests?limit=1", NULL);
	print_message("a join among 10,000 members cost %d calls of Graph\n", (int)jx_get_int(answer, "total", -1));
	assert_in_range(jx_get_int(answer, "total", -1), 1, 4);
	json_decref(answer);
	rig_done(&rig);
}

/* A hundred people, of whom twenty may go within a day: those who went a moment ago, and whom Teams still shows, are not there any more. */
static void
who_is_on_the_way_out_is_no_reason_for_more_to_go(void **state)
{
	struct rig rig;

	(void)state;
	rig_make(&rig, 71, 120, 100);
	rig_link(&rig);
	name_all(&rig, 60);
	rig.deaf = true;
	for (unsigned i = 11; i <= 30; i++)
		leave(&rig, "pride", i);
	rig_run(&rig, 20000);
	assert_int_equal(count_in_teams(&rig), 80);
	assert_int_equal(rig_erg(&rig).counts.teams, 100); /* not read yet */
	for (unsigned i = 31; i <= 34; i++)
		leave(&rig, "pride", i);
	rig_run(&rig, 3600000);
	assert_int_equal(count_in_teams(&rig), 80);
	assert_int_equal(rig_erg(&rig).state, ERG_HELD);
	rig_done(&rig);
}

/* One after the other, and each alone within the limits; the team's owner has gone before, so that Teams would let them go. */
static void
nobody_takes_the_last_one_out_unasked(void **state)
{
	char id[GUID_SIZE];
	struct rig rig;

	(void)state;
	rig_make(&rig, 73, 30, 3);
	rig_link(&rig);
	name_all(&rig, 3);
	rig_do(&rig, "/_sim/members", "{\"op\":\"remove\",\"team\":\"" RIG_TEAM "\",\"user\":\"%s\"}", rig_user(1, id));
	rig_run(&rig, 3600000);
	leave(&rig, "pride", 2);
	rig_run(&rig, 3600000);
	assert_string_equal(in_teams(&rig, 1), "");
	assert_string_equal(in_teams(&rig, 2), "");
	leave(&rig, "pride", 3);
	rig_run(&rig, 3600000);
	assert_string_equal(in_teams(&rig, 3), "member");
	assert_int_equal(rig_erg(&rig).state, ERG_HELD);
	assert_non_null(strstr(rig_erg(&rig).detail, "the app's list has become empty"));
	rig_done(&rig);
}

/* It was set back by three days while nobody knew whether somebody had been added: that is not waited for. */
static void
a_clock_set_back_puts_nobody_off(void **state)
{
	struct member_view view;
	struct rig rig;

	(void)state;
	rig_make_apart(&rig, 72, 30, 5, 3 * DAY, true);
	rig_link(&rig);
	rig_do(&rig, "/_sim/faults",
	    "{\"kind\":\"timeout_before\",\"method\":\"POST\",\"path\":\"/teams/" RIG_TEAM "/members\",\"count\":1}");
	join(&rig, 20);
	do {
		rig_run(&rig, 1000);
		assert_int_equal(get_member(&rig, "pride", 20, &view), ERR_OK);
	} while (view.member.teams_write == PENDING_NONE);
	assert_string_equal(in_teams(&rig, 20), "");
	clock_manual_step_wall(rig.clock, -3 * DAY);
	rig_run(&rig, 3600000);
	assert_string_equal(in_teams(&rig, 20), "member");
	assert_int_equal(status_of(&rig, "pride", 20), MEMBER_SYNCED);
	rig_done(&rig);
}

/* Graph takes a minute and more to show one of two who leave: the other one is gone meanwhile, and the slow one in the end. */
static void
one_slow_confirmation_holds_up_nobody(void **state)
{
	struct member_view view;
	char path[600];
	struct rig rig;

	(void)state;
	rig_make(&rig, 73, 30, 20);
	rig_link(&rig);
	name_all(&rig, 20);
	assert_int_equal(get_member(&rig, "pride", 12, &view), ERR_OK);
	snprintf(path, sizeof(path), "/teams/%s/members/%s", RIG_TEAM, view.member.membership_id);
	path[strcspn(path, "=")] = '\0';
	rig_do(
	    &rig, "/_sim/faults", "{\"kind\":\"delay\",\"method\":\"GET\",\"path\":\"%s\",\"count\":0,\"delay_ms\":25000}", path);
	leave(&rig, "pride", 12);
	leave(&rig, "pride", 13);
	join(&rig, 25);
	rig_run(&rig, 24000);
	assert_string_equal(in_teams(&rig, 13), "");
	assert_string_equal(in_teams(&rig, 25), "member");
	assert_string_equal(in_teams(&rig, 12), "member");
	json_decref(rig_ask(&rig, "DELETE", "/_sim/faults", NULL));
	rig_run(&rig, 300000);
	assert_string_equal(in_teams(&rig, 12), "");
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	rig_done(&rig);
}

/* What is pending since just now of these people fails: that is said at once, with when it is tried again. Then Graph is well again. */
static void
fails_for_a_while(struct rig *rig, const char *what, int status, unsigned first, unsigned last)
{
	struct member_view view;
	char code[16];

	snprintf(code, sizeof(code), "HTTP %d", status);
	rig_run(rig, 5000);
	for (int i = 0; i < 100; i++) {
		for (unsigned user = first; user <= last; user++) {
			assert_int_equal(get_member(rig, "pride", user, &view), ERR_OK);
			if (strstr(view.member.detail, code) == NULL &&
			    strstr(view.member.detail, "Waits for the tenant: ") == NULL)
				fail_msg("%s, %d, user %u, after %d s: %s", what, status, user, 5 + i, view.member.detail);
			if (i == 0)
				assert_non_null(strstr(view.member.detail, "tried again at 2026-"));
		}
		rig_run(rig, i < 60 ? 1000 : 60000);
	}
	json_decref(rig_ask(rig, "DELETE", "/_sim/faults", NULL));
	rig_run(rig, 3600000);
	for (unsigned user = first; user <= last; user++)
		if (get_member(rig, "pride", user, &view) == ERR_OK)
			assert_string_equal(view.member.detail, "");
}

static void
graph_fails(struct rig *rig, const char *method, const char *path, int status)
{
	rig_do(rig, "/_sim/faults", "{\"kind\":\"status\",\"status\":%d,\"method\":\"%s\",\"path\":\"%s\",\"count\":0}", status,
	    method, path);
}

static void
what_graph_fails_to_do_is_told(void **state)
{
	static const int statuses[] = { 501, 507, 503, 429 };
	struct app_member_put put;
	struct rig rig;
	int again;

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		rig_make(&rig, 33, 30, 20);
		rig_link(&rig);
		name_all(&rig, 20);
		graph_fails(&rig, "POST", "/teams", statuses[i]);
		join(&rig, 28);
		fails_for_a_while(&rig, "join", statuses[i], 28, 28);
		assert_string_equal(in_teams(&rig, 28), "member");
		graph_fails(&rig, "POST", "/teams", statuses[i]);
		for (unsigned user = 25; user <= 27; user++)
			join(&rig, user);
		fails_for_a_while(&rig, "joins", statuses[i], 25, 27);
		assert_string_equal(in_teams(&rig, 27), "member");
		/* What Graph refuses for good is told as a refusal. */
		again = statuses[i] == 501 ? 503 : statuses[i];
		graph_fails(&rig, "PATCH", "/teams", again);
		put = entry(28, ROLE_OWNER);
		put_member(&rig, "pride", &put);
		fails_for_a_while(&rig, "role", again, 28, 28);
		assert_string_equal(in_teams(&rig, 28), "owner");
		graph_fails(&rig, "DELETE", "/teams", again);
		leave(&rig, "pride", 27);
		fails_for_a_while(&rig, "leave", again, 27, 27);
		assert_string_equal(in_teams(&rig, 27), "");
		graph_fails(&rig, "GET", "/users", statuses[i]);
		join(&rig, 29);
		fails_for_a_while(&rig, "look-up", statuses[i], 29, 29);
		assert_string_equal(in_teams(&rig, 29), "member");
		rig_done(&rig);
	}
}

static void
what_an_unreadable_team_holds_up_is_told(void **state)
{
	struct member_view view;
	struct rig rig;

	(void)state;
	rig_make(&rig, 34, 30, 20);
	rig_link(&rig);
	rig_do(&rig, "/_sim/faults", "{\"kind\":\"status\",\"status\":403,\"path\":\"/teams\",\"count\":0}");
	rig_member(&rig, "add", 21, "member");
	rig_run(&rig, 60000);
	assert_int_equal(rig_erg(&rig).state, ERG_BROKEN);
	join(&rig, 28);
	rig_run(&rig, 60000);
	assert_int_equal(get_member(&rig, "pride", 28, &view), ERR_OK);
	assert_int_equal(view.member.status, MEMBER_ADDING_TO_TEAMS);
	assert_non_null(strstr(view.member.detail, "Waits for the ERG: Graph refuses to let us read the team"));
	json_decref(rig_ask(&rig, "DELETE", "/_sim/faults", NULL));
	rig_run(&rig, 3600000);
	assert_int_equal(get_member(&rig, "pride", 28, &view), ERR_OK);
	assert_int_equal(view.member.status, MEMBER_SYNCED);
	assert_string_equal(view.member.detail, "");
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_slow_confirmation_holds_up_nobody),
		cmocka_unit_test(who_is_on_the_way_out_is_no_reason_for_more_to_go),
		cmocka_unit_test(nobody_takes_the_last_one_out_unasked),
		cmocka_unit_test(a_clock_set_back_puts_nobody_off),
		cmocka_unit_test(a_change_in_the_app_is_one_write_and_no_echo),
		cmocka_unit_test(fifty_joiners_are_one_call),
		cmocka_unit_test(addresses_are_looked_up_together),
		cmocka_unit_test(private_people_are_not_asked_about),
		cmocka_unit_test(an_unknown_address_is_told_once_and_tried_again),
		cmocka_unit_test(a_refused_person_is_parked),
		cmocka_unit_test(what_graph_fails_to_do_is_told),
		cmocka_unit_test(what_an_unreadable_team_holds_up_is_told),
		cmocka_unit_test(after_an_unknown_outcome_it_reads_first),
		cmocka_unit_test(a_crash_before_the_answer_reads_first),
		cmocka_unit_test(an_older_read_takes_nobody_out),
		cmocka_unit_test(a_write_taken_back_is_known_for_ours),
		cmocka_unit_test(a_write_on_its_way_is_known_for_ours),
		cmocka_unit_test(a_refusal_of_who_was_taken_back_is_not_told),
		cmocka_unit_test(what_is_not_sent_is_withdrawn),
		cmocka_unit_test(the_last_owner_stays),
		cmocka_unit_test(a_plan_ends_with_its_reason),
		cmocka_unit_test(plans_towards_teams),
		cmocka_unit_test(plans_towards_the_app),
		cmocka_unit_test(removed_here_and_kept_there),
		cmocka_unit_test(ergs_do_not_fight_over_a_role),
		cmocka_unit_test(own_writes_have_no_echo),
		cmocka_unit_test(a_dynamic_group_refuses_all),
		cmocka_unit_test(bulk_that_misbehaves_falls_back),
		cmocka_unit_test(a_change_costs_the_same_among_thousands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
