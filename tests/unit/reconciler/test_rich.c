/* Keys of rich notifications over days: the next one is named when its time has come, and a damaged folder takes away nothing. */
#include "unit/graph/pem.h"

#include "graph/notification_keys.h"
#include "reconciler/rich.h"
#include "unit/reconciler/rig.h"

#define DAY_S  (24 * 3600)
#define DAY_MS (DAY_S * 1000LL)

static struct rig rig;
static char folder[64];

static void
put(const char *name, const char *certificate, const char *secret)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s.pem", folder, name);
	assert_non_null(f = fopen(path, "w"));
	assert_true(fprintf(f, "%s%s", certificate, secret) > 0);
	assert_int_equal(fclose(f), 0);
}

/* Valid from so many days after now. */
static void
put_key(const char *name, int64_t from_days)
{
	int64_t now_s = clock_wall_ms(rig.clock) / 1000;
	EVP_PKEY *key = EVP_RSA_gen(2048);
	char *certificate = pem_certificate(key, now_s + from_days * DAY_S, now_s + (from_days + 90) * DAY_S);
	char *secret = pem_key(key, NULL);

	put(name, certificate, secret);
	free(certificate);
	free(secret);
	EVP_PKEY_free(key);
}

static void
drop(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s.pem", folder, name);
	assert_int_equal(unlink(path), 0);
}

static void
the_next_key_is_used_when_its_time_comes(void **state)
{
	(void)state;
	assert_string_equal(notification_keys_id(rich_keys(rig.r)), "first");
	put_key("second", 2);
	rig_run(&rig, DAY_MS + 60000);
	assert_string_equal(notification_keys_id(rich_keys(rig.r)), "first");
	rig_run(&rig, DAY_MS);
	assert_string_equal(notification_keys_id(rich_keys(rig.r)), "second");
	put("third", "no certificate", "");
	rig_run(&rig, DAY_MS);
	assert_string_equal(notification_keys_id(rich_keys(rig.r)), "second");
	drop("third");
	drop("second");
}

static int
start(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/ergsync-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	rig_make(&rig, 43, 4, 2);
	put_key("first", -1);
	rig.config.notifications = CONFIG_NOTIFICATIONS_RICH;
	rig.config.notification_keys = folder;
	rig_restart(&rig);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	rig_done(&rig);
	drop("first");
	assert_int_equal(rmdir(folder), 0);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_next_key_is_used_when_its_time_comes, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
