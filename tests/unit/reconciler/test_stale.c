/* A store from a backup, long outdated on both sides: nobody is removed by it, whatever it says, and it becomes good again. */
#include "unit/reconciler/app_side.h"

#include <sys/wait.h>

#include "state/backup.h"

#define USERS_IN_ALL 20
#define HOUR_MS      (3600 * 1000LL)

static void
backup_file(struct rig *rig, char ret[PATH_MAX + 300])
{
	scratch_file(&rig->dir, "backup", ret);
}

/* As ergsyncctl does it: by another process, while this one has the store open. */
static void
back_up(struct rig *rig)
{
	char store[PATH_MAX + 300], file[PATH_MAX + 300], why[512] = "";
	struct backup_options o = {
		.store = scratch_file(&rig->dir, "state", store), .file = file, .now_wall_ms = clock_wall_ms(rig->clock)
	};
	struct backup_manifest m;
	struct examined x;
	int status;
	pid_t pid;

	backup_file(rig, file);
	o.keys.key = rig->state_key;
	assert_true((pid = fork()) >= 0);
	if (pid == 0)
		_exit(backup_write(&o, &m, &x, why, sizeof(why)) == ERR_OK ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void
restore(struct rig *rig)
{
	char file[PATH_MAX + 300], aside[PATH_MAX], why[512] = "";
	struct restore_options o = { .file = file,
		.state_directory = rig->dir.path,
		.now_wall_ms = clock_wall_ms(rig->clock),
		.map_size_bytes = (uint64_t)rig->config.map_size_bytes,
		.set_aside = true };
	struct backup_manifest m;

	backup_file(rig, file);
	o.keys.key = rig->state_key;
	reconciler_free(rig->r);
	rig->r = NULL;
	if (backup_restore(&o, &m, aside, why, sizeof(why)) != ERR_OK)
		fail_msg("%s", why);
	rig_start(rig);
}

static bool
is_removal(const struct rig_event *e)
{
	return strcmp(e->type, "ergsync.member.removed") == 0;
}

/* Removals the app was told of since. */
static size_t
removals_told(const struct rig *rig, size_t from)
{
	size_t n = 0;

	for (size_t i = from; i < rig->event_count; i++)
		n += is_removal(&rig->events[i]);
	return n;
}

static int64_t
removals_asked(struct rig *rig)
{
	return rig_requests(rig, REMOVE_BULK) + rig_requests(rig, REMOVE_ONE);
}

static void
app_lists(struct rig *rig, const unsigned *users, size_t count)
{
	struct app_member_put list[USERS_IN_ALL];
	struct app_members_replaced replaced;
	struct erg_id erg = erg_named("pride");
	struct problem p = { 0 };

	for (size_t i = 0; i < count; i++)
		list[i] = entry(users[i], ROLE_MEMBER);
	list[0].role = ROLE_OWNER;
	assert_int_equal(backend_ops.members_replace(rig->r, &erg, list, count, &replaced, &p), ERR_OK);
}

/* The team's people by number: "1 4 5". */
static const char *
team_text(struct rig *rig)
{
	static char text[4 * USERS_IN_ALL];
	size_t len = 0;

	text[0] = '\0';
	for (unsigned u = 1; u <= USERS_IN_ALL; u++)
		if (in_teams(rig, u)[0] != '\0')
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u", len > 0 ? " " : "", u);
	return text;
}

/* Both sides have 1 to 6; then a backup, at a moment when a removal of number 5 waits to be told. */
static void
world_make(struct rig *rig, enum membership_policy policy)
{
	static const unsigned first[] = { 1, 2, 3, 4, 5, 6 };
	struct problem p = { 0 };

	rig_make(rig, 7, USERS_IN_ALL, 6);
	rig->config.removal_limit = 100; /* the ordinary guard is not what holds here */
	rig_put_tenant(rig);
	assert_int_equal(rig_put_erg(rig, "pride", policy, &p), ERR_OK);
	rig_run(rig, 120000);
	app_lists(rig, first, 6);
	rig_run(rig, HOUR_MS);
	assert_int_equal(rig_erg(rig).state, ERG_IN_SYNC);
	rig->app_status = 503;
	rig_member(rig, "remove", 5, "member");
	rig_run(rig, 60000);
	back_up(rig);
	rig->app_status = 204;
	rig_run(rig, HOUR_MS);
	rig_member(rig, "add", 5, "member"); /* back: the removal above must not be told again */
	rig_run(rig, HOUR_MS);
}

static void
nobody_is_removed_by_a_stale_backup(void **state)
{
	static const unsigned now[] = { 1, 4, 5, 6, 7, 8 };
	struct rig rig;
	size_t told;

	(void)state;
	world_make(&rig, MEMBERSHIP_TWO_WAY);
	rig_member(&rig, "remove", 2, "member");
	leave(&rig, "pride", 3);
	rig_member(&rig, "add", 7, "member");
	join(&rig, 8);
	rig_run(&rig, 2 * HOUR_MS);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	assert_string_equal(team_text(&rig), "1 4 5 6 7 8");

	told = rig.event_count;
	rig_forget_requests(&rig);
	restore(&rig);
	assert_true(rig_erg(&rig).additions_only);
	rig_run(&rig, 12 * HOUR_MS);
	assert_int_equal(removals_told(&rig, told), 0);
	assert_int_equal(removals_asked(&rig), 0);
	assert_string_equal(team_text(&rig), "1 4 5 6 7 8");
	/* 2 and 3 are gone from Teams, by what was stored they should go from the app: a person is asked. */
	assert_int_equal(rig_erg(&rig).state, ERG_HELD);
	assert_true(rig_erg(&rig).additions_only);
	assert_non_null(strstr(rig_erg(&rig).detail, "outdated"));

	/* What the app says now ends the doubt. */
	app_lists(&rig, now, 6);
	rig_run(&rig, 2 * HOUR_MS);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	assert_false(rig_erg(&rig).additions_only);
	assert_int_equal(removals_told(&rig, told), 0);
	assert_int_equal(removals_asked(&rig), 0);
	assert_string_equal(team_text(&rig), "1 4 5 6 7 8");

	/* And from then on a removal is one again. */
	rig_member(&rig, "remove", 6, "member");
	rig_run(&rig, HOUR_MS);
	assert_int_equal(removals_told(&rig, told), 1);
	rig_done(&rig);
}

/* Where the app alone decides, whoever joined since the backup is in Teams alone by what is stored. */
static void
with_the_app_deciding_newcomers_stay(void **state)
{
	struct rig rig;
	size_t told;

	(void)state;
	world_make(&rig, MEMBERSHIP_APP);
	join(&rig, 9);
	join(&rig, 10);
	leave(&rig, "pride", 3);
	rig_run(&rig, 2 * HOUR_MS);
	assert_string_equal(team_text(&rig), "1 2 4 5 6 9 10");
	told = rig.event_count;
	rig_forget_requests(&rig);
	restore(&rig);
	rig_run(&rig, 12 * HOUR_MS);
	assert_int_equal(removals_told(&rig, told), 0);
	assert_int_equal(removals_asked(&rig), 0);
	for (unsigned u = 9; u <= 10; u++)
		assert_string_not_equal(in_teams(&rig, u), "");
	rig_done(&rig);
}

static void
with_teams_deciding_nobody_is_told_to_go(void **state)
{
	struct rig rig;
	size_t told;

	(void)state;
	world_make(&rig, MEMBERSHIP_TEAMS);
	rig_member(&rig, "remove", 2, "member");
	rig_member(&rig, "add", 9, "member");
	rig_run(&rig, 2 * HOUR_MS);
	told = rig.event_count;
	rig_forget_requests(&rig);
	restore(&rig);
	rig_run(&rig, 12 * HOUR_MS);
	assert_int_equal(removals_told(&rig, told), 0);
	assert_int_equal(removals_asked(&rig), 0);
	rig_done(&rig);
}

/* Nothing changed since: the first full comparison is all it takes, and no person is bothered. */
static void
a_fresh_backup_is_trusted_at_once(void **state)
{
	struct rig rig;
	size_t told;

	(void)state;
	world_make(&rig, MEMBERSHIP_TWO_WAY);
	back_up(&rig);
	told = rig.event_count;
	rig_forget_requests(&rig);
	restore(&rig);
	rig_run(&rig, HOUR_MS);
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	assert_false(rig_erg(&rig).additions_only);
	assert_true(rig_erg(&rig).proved_wall_ms > 0);
	assert_int_equal(rig.event_count, told + 1);
	assert_string_equal(rig.events[told].type, "ergsync.resync.done");
	assert_int_equal(rig_requests(&rig, ADD_BULK) + rig_requests(&rig, ADD_ONE) + removals_asked(&rig), 0);
	rig_done(&rig);
}

/* Number 6 was to become an owner when the backup was made, and was taken back since: nobody is made one by what was meant then. */
static void
no_role_is_changed_by_a_stale_backup(void **state)
{
	static const unsigned now[] = { 1, 2, 3, 4, 5, 6 };
	struct app_member_put owner = entry(6, ROLE_OWNER), member = entry(6, ROLE_MEMBER);
	struct problem p = { 0 };
	struct rig rig;

	(void)state;
	rig_make(&rig, 8, USERS_IN_ALL, 6);
	rig_put_tenant(&rig);
	assert_int_equal(rig_put_erg(&rig, "pride", MEMBERSHIP_TWO_WAY, &p), ERR_OK);
	rig_run(&rig, 120000);
	app_lists(&rig, now, 6);
	rig_run(&rig, HOUR_MS);
	put_member(&rig, "pride", &owner);
	store_commit(rig.r->store);
	back_up(&rig);
	put_member(&rig, "pride", &member);
	/* Nothing can be compared for a while. */
	rig_do(&rig, "/_sim/faults",
	    "{\"kind\":\"status\",\"status\":503,\"method\":\"GET\",\"path\":\"/teams/" RIG_TEAM "/members\",\"count\":0}");
	restore(&rig);
	rig_run(&rig, 600000);
	assert_true(rig_erg(&rig).additions_only);
	assert_string_equal(in_teams(&rig, 6), "member");
	app_lists(&rig, now, 6);
	json_decref(rig_ask(&rig, "DELETE", "/_sim/faults", NULL));
	rig_run(&rig, 2 * HOUR_MS);
	assert_false(rig_erg(&rig).additions_only);
	assert_string_equal(in_teams(&rig, 6), "member");
	assert_int_equal(rig_erg(&rig).state, ERG_IN_SYNC);
	/* What is meant now goes. */
	put_member(&rig, "pride", &owner);
	rig_run(&rig, 600000);
	assert_string_equal(in_teams(&rig, 6), "owner");
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_role_is_changed_by_a_stale_backup),
		cmocka_unit_test(nobody_is_removed_by_a_stale_backup),
		cmocka_unit_test(with_the_app_deciding_newcomers_stay),
		cmocka_unit_test(with_teams_deciding_nobody_is_told_to_go),
		cmocka_unit_test(a_fresh_backup_is_trusted_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
