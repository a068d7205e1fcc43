/* A hundred tenants at once: those of which nothing is answered delay no other. */
#include "unit/reconciler/rig.h"

#define TENANTS   100
#define HUNG_ERGS 20 /* of tenant 0, whose calls all hang */
#define USERS     4
#define MEMBERS   3
#define SLOW_MS   (60 * 1000LL) /* from a change to the app, of anybody else */
#define SILENT    20            /* tenants whose sign-in hangs, more than are looked at at a time */
#define MINUTE    (60 * 1000LL)

static void
directory_of(unsigned tenant, char ret[GUID_SIZE])
{
	snprintf(ret, GUID_SIZE, "1f000000-0000-4000-8000-%012u", tenant);
}

/* Those of tenant 0 begin differently, so that a fault can name them all. */
static void
team_of(unsigned tenant, unsigned n, char ret[GUID_SIZE])
{
	snprintf(ret, GUID_SIZE, "2%c000000-0000-4000-8000-%06u%06u", tenant == 0 ? 'e' : 'f', tenant, n);
}

static void
user_of(unsigned tenant, unsigned n, char ret[GUID_SIZE])
{
	snprintf(ret, GUID_SIZE, "3f000000-0000-4000-8000-%06u%06u", tenant, n);
}

static void
make_tenant(struct rig *rig, unsigned tenant)
{
	struct app_tenant_put put = { 0 };
	struct tenant_view view = { 0 };
	struct problem p = { 0 };
	char directory[GUID_SIZE], user[GUID_SIZE];
	bool created;

	directory_of(tenant, directory);
	rig_do(rig, "/_sim/tenants", "{\"id\":\"%s\",\"domain\":\"t%u.example\"}", directory, tenant);
	for (unsigned n = 1; n <= USERS; n++) {
		user_of(tenant, n, user);
		rig_do(rig, "/_sim/users", "{\"tenant\":\"%s\",\"id\":\"%s\",\"upn\":\"u%u@t%u.example\"}", directory, user, n,
		    tenant);
	}
	snprintf(put.id.s, sizeof(put.id.s), "t%u", tenant);
	assert_true(guid_parse(directory, &put.directory_id));
	snprintf(put.organizer, sizeof(put.organizer), "u1@t%u.example", tenant);
	assert_int_equal(backend_ops.tenant_put(rig->r, &put, &view, &created, &p), ERR_OK);
}

static void
make_erg(struct rig *rig, unsigned tenant, unsigned n)
{
	struct app_erg_put put = {
		.membership = MEMBERSHIP_TEAMS, .meetings = MEETINGS_OFF, .removal_limit = -1, .removal_percent = -1
	};
	struct erg_view view = { 0 };
	struct problem p = { 0 };
	char directory[GUID_SIZE], team[GUID_SIZE];
	bool created;

	directory_of(tenant, directory);
	team_of(tenant, n, team);
	rig_do(
	    rig, "/_sim/teams", "{\"tenant\":\"%s\",\"id\":\"%s\",\"name\":\"Team\",\"members\":%u}", directory, team, MEMBERS);
	snprintf(put.id.s, sizeof(put.id.s), "g%u-%u", tenant, n);
	snprintf(put.tenant.s, sizeof(put.tenant.s), "t%u", tenant);
	snprintf(put.name, sizeof(put.name), "ERG");
	assert_true(guid_parse(directory, &put.link_directory_id));
	assert_true(guid_parse(team, &put.team_id));
	snprintf(put.channel_url, sizeof(put.channel_url), "https://teams.microsoft.com/l/team/x/conversations?groupId=%s", team);
	assert_int_equal(backend_ops.erg_put(rig->r, &put, &view, &created, &p), ERR_OK);
}

static void
make_all(struct rig *rig)
{
	rig_make(rig, 1, 1, 1);
	for (unsigned t = 0; t < TENANTS; t++) {
		make_tenant(rig, t);
		make_erg(rig, t, 0);
	}
	for (unsigned n = 1; n < HUNG_ERGS; n++)
		make_erg(rig, 0, n);
	rig_run(rig, 5 * 60 * 1000);
	assert_int_equal(rig_count(rig, "ergsync.member.added", 0), (TENANTS + HUNG_ERGS - 1) * MEMBERS);
}

static void
join(struct rig *rig, unsigned tenant, unsigned n, const char *op)
{
	char team[GUID_SIZE], user[GUID_SIZE];

	team_of(tenant, n, team);
	user_of(tenant, USERS, user);
	rig_do(rig, "/_sim/members", "{\"op\":\"%s\",\"team\":\"%s\",\"user\":\"%s\",\"role\":\"member\"}", op, team, user);
}

static void
hang(struct rig *rig)
{
	char directory[GUID_SIZE];

	directory_of(0, directory);
	rig_do(rig, "/_sim/faults", "{\"kind\":\"timeout_before\",\"path\":\"/teams/2e\",\"count\":0}");
	rig_do(rig, "/_sim/faults", "{\"kind\":\"timeout_before\",\"path\":\"/%s\",\"count\":0}", directory);
}

/* Everybody else's change is told in time, first while much of tenant 0 is to be read, then again and again. */
static void
a_tenant_that_hangs_delays_no_other(void **state)
{
	struct rig rig;
	size_t before;

	(void)state;
	make_all(&rig);
	hang(&rig);
	for (unsigned n = 0; n < HUNG_ERGS; n++)
		join(&rig, 0, n, "add");
	rig_run(&rig, 20000);
	for (unsigned round = 0; round < 4; round++) {
		const char *type = round % 2 == 0 ? "ergsync.member.added" : "ergsync.member.removed";

		before = rig.event_count;
		for (unsigned t = 1; t < TENANTS; t++)
			join(&rig, t, 0, round % 2 == 0 ? "add" : "remove");
		rig_run(&rig, SLOW_MS);
		assert_int_equal(rig_count(&rig, type, before), TENANTS - 1);
		rig_run(&rig, 10 * 60 * 1000);
	}
	rig_done(&rig);
}

static size_t
subscriptions(struct rig *rig)
{
	json_t *all = rig_ask(rig, "GET", "/_sim/subscriptions", NULL);
	size_t n = json_array_size(jx_get_array(all, "subscriptions"));

	json_decref(all);
	return n;
}

/* All of them, and nobody is told. */
static void
lose_subscriptions(struct rig *rig)
{
	json_t *all = rig_ask(rig, "GET", "/_sim/subscriptions", NULL), *item;
	char target[128];
	size_t i;

	json_array_foreach(jx_get_array(all, "subscriptions"), i, item)
	{
		snprintf(target, sizeof(target), "/_sim/subscriptions/%s", jx_get_str(item, "id"));
		json_decref(rig_ask(rig, "DELETE", target, NULL));
	}
	json_decref(all);
	assert_int_equal(subscriptions(rig), 0);
}

/* Nothing but the hourly look at Graph's list can notice: it reaches everybody else in minutes, whoever does not answer. */
static void
tenants_that_hang_delay_no_look_at_the_lists(void **state)
{
	char directory[GUID_SIZE];
	struct rig rig;

	(void)state;
	rig_make(&rig, 2, 1, 1);
	rig.config.renew_every_ms = rig.config.drift_check_ms = 24 * 60 * MINUTE;
	rig_do(&rig, "/_sim/settings", "{\"token_s\":600,\"authorization_ms\":0}");
	for (unsigned t = 0; t < TENANTS; t++) {
		make_tenant(&rig, t);
		make_erg(&rig, t, 0);
	}
	rig_run(&rig, 55 * MINUTE);
	assert_int_equal(subscriptions(&rig), TENANTS);
	lose_subscriptions(&rig);
	for (unsigned t = 0; t < SILENT; t++) {
		directory_of(t * (TENANTS / SILENT), directory);
		rig_do(&rig, "/_sim/faults", "{\"kind\":\"timeout_before\",\"path\":\"/%s\",\"count\":0}", directory);
	}
	rig_run(&rig, 5 * MINUTE); /* the next look comes an hour after the first */
	assert_in_range(subscriptions(&rig), 0, 1);
	rig_run(&rig, 10 * MINUTE);
	assert_int_equal(subscriptions(&rig), TENANTS - SILENT);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tenant_that_hangs_delays_no_other),
		cmocka_unit_test(tenants_that_hang_delay_no_look_at_the_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
